//! What one edit did: who, when, and each changed value from and to.

use super::{
    Actor, Change, Contact, Customer, CustomerId, Draft, Email, Field, Gstin, Name, NoteValue, Notes, NotesEdit,
    Passage, RequestNumber,
};

/// One edit as history keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revision {
    /// Whose revision it is.
    pub customer: CustomerId,
    /// The customer's version that this edit made; 1 is the creation.
    pub version: u64,
    /// When, in Unix seconds.
    pub at: i64,
    /// Who asked for it.
    pub actor: Actor,
    /// The request it came by, where it came by one.
    pub request_id: Option<String>,
    /// That request's own number, under which there may be a record of it.
    pub request: Option<RequestNumber>,
    /// The version whose revision it undoes, where it does.
    pub undoes: Option<u64>,
    /// The number of the import that it belongs to, where it does.
    pub import: Option<i64>,
    /// Where it changed no value: what happened to the customer as a whole.
    pub passage: Option<Passage>,
    /// What it changed.
    pub changes: Changes,
}

/// The service's decision about one customer: as it is from now on, and the revision that says so.
#[derive(Clone, Debug)]
pub struct Edited {
    /// The customer after the edit, its version included.
    pub customer: Customer,
    /// What was done to it.
    pub revision: Revision,
}

/// One field's text before and after; `None` where it was or is unset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldChange {
    /// Name, email, contact or gstin.
    pub field: Field,
    /// The value before.
    pub from: Option<String>,
    /// The value after.
    pub to: Option<String>,
}

/// One note before and after; `None` where there was or is none under this key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoteChange {
    /// The note's key.
    pub key: String,
    /// The value before.
    pub from: Option<NoteValue>,
    /// The value after.
    pub to: Option<NoteValue>,
}

/// Each changed value, from and to; notes key by key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// The changed fields, in the order of [`Field`].
    pub fields: Vec<FieldChange>,
    /// The changed notes.
    pub notes: Vec<NoteChange>,
    /// The order of the note keys after the edit, where changing the notes one by one would not give it: new keys go last.
    pub note_order: Option<Vec<String>>,
}

impl Changes {
    /// What turns one state of a customer into another.
    pub fn between(before: &Customer, after: &Customer) -> Self {
        let fields = [Field::Name, Field::Email, Field::Contact, Field::Gstin]
            .into_iter()
            .filter_map(|field| {
                let (from, to) = (before.text(field), after.text(field));
                (from != to).then(|| FieldChange { field, from: from.map(str::to_owned), to: to.map(str::to_owned) })
            })
            .collect();
        let mut changes = Self { fields, notes: note_changes(&before.notes, &after.notes), note_order: None };
        let mut notes = before.notes.clone();
        changes.apply_notes(&mut notes);
        if notes != after.notes {
            changes.note_order = Some(after.notes.keys().map(str::to_owned).collect());
        }
        changes
    }

    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty() && self.notes.is_empty() && self.note_order.is_none()
    }

    /// Whether the notes changed, if only in their order.
    pub fn touch_notes(&self) -> bool {
        !self.notes.is_empty() || self.note_order.is_some()
    }

    /// Does these changes to a customer again. Replaying a history from blank gives the customer as it stands.
    pub fn apply(&self, customer: &mut Customer) {
        for change in &self.fields {
            let to = change.to.clone();
            match change.field {
                Field::Name => customer.name = to.map(Name::stored),
                Field::Email => customer.email = to.map(Email::stored),
                Field::Contact => customer.contact = to.map(Contact::stored),
                Field::Gstin => customer.gstin = to.map(Gstin::stored),
                Field::Extra | Field::Notes | Field::FailExisting | Field::Customer => {}
            }
        }
        self.apply_notes(&mut customer.notes);
    }

    /// Takes these changes back, to the values before them. The order of notes is not kept backwards: a note that comes back
    /// comes last.
    pub fn revert(&self, customer: &mut Customer) {
        self.inverse().apply(customer);
    }

    /// The changes that give each value back.
    fn inverse(&self) -> Self {
        let fields =
            self.fields.iter().cloned().map(|change| FieldChange { from: change.to, to: change.from, ..change });
        let notes = self.notes.iter().cloned().map(|change| NoteChange { from: change.to, to: change.from, ..change });
        Self { fields: fields.collect(), notes: notes.collect(), note_order: None }
    }

    /// What asks for the opposite of these changes. A draft, since today's rules judge what an undo brings back.
    pub fn undoing(&self) -> Draft {
        let mut draft = Draft::default();
        for change in self.inverse().fields {
            let to = change.to.map_or(Change::Clear, Change::Set);
            match change.field {
                Field::Name => draft.name = to,
                Field::Email => draft.email = to,
                Field::Contact => draft.contact = to,
                Field::Gstin => draft.gstin = to,
                Field::Extra | Field::Notes | Field::FailExisting | Field::Customer => {}
            }
        }
        let notes = self.notes.iter().map(|change| (change.key.clone(), change.from.clone()));
        Draft { notes: NotesEdit::Each(notes.collect()), ..draft }
    }

    fn apply_notes(&self, notes: &mut Notes) {
        for change in &self.notes {
            notes.put(&change.key, change.to.as_ref());
        }
        if let Some(order) = &self.note_order {
            notes.put_in_order(order);
        }
    }
}

fn note_changes(before: &Notes, after: &Notes) -> Vec<NoteChange> {
    let gone = before.keys().filter(|key| after.value(key).is_none());
    gone.chain(after.keys())
        .map(|key| NoteChange { key: key.to_owned(), from: before.value(key).cloned(), to: after.value(key).cloned() })
        .filter(|change| change.from != change.to)
        .collect()
}

impl Customer {
    /// The text of one of the four single-valued fields.
    pub fn text(&self, field: Field) -> Option<&str> {
        match field {
            Field::Name => self.name.as_ref().map(Name::as_str),
            Field::Email => self.email.as_ref().map(Email::as_str),
            Field::Contact => self.contact.as_ref().map(Contact::as_str),
            Field::Gstin => self.gstin.as_ref().map(Gstin::as_str),
            Field::Extra | Field::Notes | Field::FailExisting | Field::Customer => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Mode;

    fn customer(notes: &[(&str, &str)]) -> Customer {
        let pairs =
            notes.iter().map(|(key, value)| ((*key).to_owned(), NoteValue::Text((*value).to_owned()))).collect();
        let id = CustomerId::stored("cust_1Aa00000000004".into());
        Customer { notes: Notes::stored(pairs), ..Customer::blank(id, Mode::Test, 0) }
    }

    #[test]
    fn notes_change_key_by_key() {
        let before = customer(&[("a", "1"), ("b", "2"), ("c", "3")]);
        let after = customer(&[("b", "2"), ("c", "4"), ("d", "5")]);
        let changes = Changes::between(&before, &after);
        assert_eq!(changes.notes.iter().map(|change| change.key.as_str()).collect::<Vec<_>>(), ["a", "c", "d"]);
        assert_eq!(changes.note_order, None);
    }

    #[test]
    fn an_order_of_notes_that_no_single_changes_give_is_kept() {
        let before = customer(&[("a", "1"), ("b", "2")]);
        for after in [customer(&[("b", "2"), ("a", "1")]), customer(&[("z", "9"), ("a", "1")])] {
            let changes = Changes::between(&before, &after);
            assert!(changes.note_order.is_some());
            let mut replayed = before.clone();
            changes.apply(&mut replayed);
            assert_eq!(replayed, after);
        }
    }

    #[test]
    fn equal_customers_have_no_changes_between_them() {
        assert!(Changes::between(&customer(&[("a", "1")]), &customer(&[("a", "1")])).is_empty());
    }

    #[test]
    fn reverting_gives_the_values_before() {
        let before = Customer { name: Some(Name::stored("Gaurav".into())), ..customer(&[("a", "1"), ("b", "2")]) };
        let after = Customer {
            email: Some(Email::stored("g@example.com".into())),
            ..customer(&[("a", "3"), ("b", "2"), ("c", "4")])
        };
        let mut reverted = after.clone();
        Changes::between(&before, &after).revert(&mut reverted);
        assert_eq!(reverted, before);
    }

    #[test]
    fn undoing_asks_for_each_value_before() {
        let number = NoteValue::Number("1.50".into());
        let mut before = customer(&[("a", "1"), ("b", "2")]);
        before.notes.put("a", Some(&number));
        let after = Customer { name: Some(Name::stored("Gaurav".into())), ..customer(&[("b", "2"), ("c", "3")]) };
        let draft = Changes::between(&before, &after).undoing();
        assert_eq!((draft.name, draft.email), (Change::Clear, Change::Keep));
        assert_eq!(draft.notes, NotesEdit::Each(vec![("a".into(), Some(number)), ("c".into(), None)]));
    }
}
