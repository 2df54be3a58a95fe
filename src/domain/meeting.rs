//! Two edits that started from the same customer: what each changed alone, and where they clash.

use super::{Changes, Customer, NoteValue, Part};

/// One part in three states; `None` where it is unset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Met {
    /// Which part.
    pub part: Part,
    /// What both started from.
    pub base: Option<NoteValue>,
    /// What this edit makes of it.
    pub mine: Option<NoteValue>,
    /// What it has become meanwhile.
    pub theirs: Option<NoteValue>,
}

/// How two edits get on. A part that both gave the same value is in no list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Meeting {
    /// Parts to which they gave different values.
    pub clashes: Vec<Met>,
    /// Parts that only this edit changes.
    pub mine: Vec<Met>,
    /// Parts that only the others changed.
    pub theirs: Vec<Met>,
}

impl Meeting {
    /// `mine` is what this edit makes of `base`, `theirs` the customer as it stands.
    pub fn of(base: &Customer, mine: &Customer, theirs: &Customer) -> Self {
        let changes = Changes::between(base, mine);
        let others = Changes::between(base, theirs).parts().into_iter().filter(|part| !changes.touch(part));
        let mut meeting = Self::default();
        for part in changes.parts().into_iter().chain(others) {
            let (base, mine, theirs) = (base.value(&part), mine.value(&part), theirs.value(&part));
            let list = if mine == theirs {
                continue;
            } else if theirs == base {
                &mut meeting.mine
            } else if mine == base {
                &mut meeting.theirs
            } else {
                &mut meeting.clashes
            };
            list.push(Met { part, base, mine, theirs });
        }
        meeting
    }

    /// The customer as it stands with what this edit changes, or `None` where they clash. What an edit sets to the value that
    /// it started from is no change, so that it takes nothing back.
    pub fn merge(base: &Customer, mine: &Customer, theirs: &Customer) -> Option<Customer> {
        Self::of(base, mine, theirs).clashes.is_empty().then(|| {
            let mut merged = theirs.clone();
            Changes::between(base, mine).apply(&mut merged);
            merged
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{CustomerId, Field, Mode, Name, Notes};

    fn customer(name: &str, notes: &[(&str, &str)]) -> Customer {
        let pairs = notes.iter().map(|(key, value)| ((*key).to_owned(), NoteValue::Text((*value).to_owned())));
        let blank = Customer::blank(CustomerId::stored("cust_1Aa00000000004".into()), Mode::Test, 0);
        Customer { name: Some(Name::stored(name.into())), notes: Notes::stored(pairs.collect()), ..blank }
    }

    fn met(part: Part, values: [Option<&str>; 3]) -> Met {
        let [base, mine, theirs] = values.map(|value| value.map(|text| NoteValue::Text(text.into())));
        Met { part, base, mine, theirs }
    }

    #[test]
    fn each_part_meets_by_itself() {
        let base = customer("Gaurav", &[("a", "1"), ("b", "1"), ("c", "1")]);
        let mine = customer("Mine", &[("a", "1"), ("b", "2"), ("d", "1")]);
        let theirs = customer("Theirs", &[("a", "2"), ("b", "1"), ("c", "1"), ("d", "1")]);
        let note = |key: &str| Part::Note(key.into());
        let expected = Meeting {
            clashes: vec![met(Part::Field(Field::Name), [Some("Gaurav"), Some("Mine"), Some("Theirs")])],
            mine: vec![met(note("c"), [Some("1"), None, Some("1")]), met(note("b"), [Some("1"), Some("2"), Some("1")])],
            theirs: vec![met(note("a"), [Some("1"), Some("1"), Some("2")])],
        };
        assert_eq!(Meeting::of(&base, &mine, &theirs), expected);
        assert_eq!(Meeting::merge(&base, &mine, &theirs), None);
    }

    #[test]
    fn what_does_not_clash_survives_on_both_sides() {
        let base = customer("Gaurav", &[("a", "1"), ("b", "1")]);
        let mine = customer("Same", &[("a", "2"), ("b", "1"), ("mine", "1")]);
        let theirs = customer("Same", &[("a", "1"), ("theirs", "1")]);
        let merged = customer("Same", &[("a", "2"), ("theirs", "1"), ("mine", "1")]);
        assert_eq!(Meeting::merge(&base, &mine, &theirs), Some(merged));
    }

    #[test]
    fn removing_meets_changing_and_types_count() {
        let base = customer("Gaurav", &[("a", "1")]);
        let gone = customer("Gaurav", &[]);
        let changed = customer("Gaurav", &[("a", "2")]);
        assert_eq!(Meeting::of(&base, &gone, &changed).clashes.len(), 1);
        assert_eq!(Meeting::of(&base, &changed, &gone).clashes.len(), 1);
        assert_eq!(Meeting::merge(&base, &gone, &gone), Some(gone.clone()));
        let mut number = base.clone();
        number.notes.put("a", Some(&NoteValue::Number("2".into())));
        assert_eq!(Meeting::of(&base, &number, &changed).clashes.len(), 1);
    }
}
