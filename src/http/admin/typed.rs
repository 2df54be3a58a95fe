//! A record's form as a value: what was typed, and what of it differs from what the form was rendered from.

use super::form::{Form, FormError};
use crate::domain::{
    Change, Complaint, Customer, Draft, Field, Invalid, NoteValue, Notes, NotesEdit, Part, Rejection, is_same_text,
    label,
};

const NO_KEY: Invalid = Invalid::new("Give this note a key, or remove it.");

/// What stands in the form.
#[derive(Clone, Debug, Default)]
pub(super) struct Typed {
    /// The version that the form was rendered from; 0 for a new customer.
    pub(super) revision: u64,
    pub(super) name: String,
    pub(super) email: String,
    pub(super) contact: String,
    pub(super) gstin: String,
    pub(super) notes: Vec<TypedNote>,
    /// Fields that were tidied before the form was shown again, by name.
    pub(super) tidied: Vec<String>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct TypedNote {
    pub(super) key: String,
    pub(super) value: String,
    /// What is said of a value that is not text.
    pub(super) kind: &'static str,
}

impl TypedNote {
    /// Lines of the box, for browsers that do not size it by its content.
    pub(super) fn rows(&self) -> usize {
        self.value.lines().map(|line| line.chars().count() / 48 + 1).sum::<usize>().clamp(1, 12)
    }

    /// Returns whether a browser sends this value back where it showed that one.
    fn is_shown_for(&self, value: &NoteValue) -> bool {
        is_same_text(&in_lines(value.as_str()), &self.value)
    }

    fn is_blank(&self) -> bool {
        self.key.is_empty() && self.value.trim().is_empty()
    }
}

impl Typed {
    /// The form of a customer as it stands.
    pub(super) fn of(customer: &Customer) -> Self {
        let text = |field| customer.text(field).unwrap_or_default().to_owned();
        let note = |(key, value): &(String, NoteValue)| TypedNote {
            key: key.clone(),
            value: value.as_str().to_owned(),
            kind: match value {
                NoteValue::Text(_) => "",
                NoteValue::Number(_) => ", a number",
                NoteValue::Bool(_) => ", a yes or no",
            },
        };
        Self {
            revision: customer.version,
            name: text(Field::Name),
            email: text(Field::Email),
            contact: text(Field::Contact),
            gstin: text(Field::Gstin),
            notes: customer.notes.pairs().iter().map(note).collect(),
            tidied: Vec::new(),
        }
    }

    /// A form as it came in.
    pub(super) fn from(form: &Form) -> Self {
        let line = |name| in_a_line(form.value(name));
        let notes = form.values("key").zip(form.values("value"));
        Self {
            revision: form.value("revision").parse().unwrap_or_default(),
            name: line("name"),
            email: line("email"),
            contact: line("contact"),
            gstin: line("gstin"),
            notes: notes
                .map(|(key, value)| TypedNote { key: in_a_line(key), value: in_lines(value), kind: "" })
                .collect(),
            tidied: form.values("tidied").map(str::to_owned).collect(),
        }
    }

    /// What was asked: only what differs from the base, after both went through what a browser does to text. Bytes and types
    /// that nobody touched stay, also those that no form would take. What was typed is tidied.
    pub(super) fn draft(&self, base: &Customer) -> Draft {
        let (each, mut complaints) = self.notes(base);
        let mut change = |field| {
            let was = base.text(field).unwrap_or_default();
            if is_same_text(&in_a_line(was), self.text(field)) {
                return Change::Keep;
            }
            match field.tidy(self.text(field)) {
                Ok(text) if text == was => Change::Keep,
                Ok(text) if text.is_empty() => Change::Clear,
                Ok(text) => Change::Set(text),
                Err(words) => {
                    complaints.push(Complaint::of(field, Invalid::reason(words)));
                    Change::Keep
                }
            }
        };
        Draft {
            name: change(Field::Name),
            email: change(Field::Email),
            contact: change(Field::Contact),
            gstin: change(Field::Gstin),
            notes: if each.is_empty() { NotesEdit::Keep } else { NotesEdit::Each(each) },
            complaints,
        }
    }

    /// The fields that are saved in other characters than were typed, by name.
    pub(super) fn tidied_from(&self, base: &Customer) -> Vec<&'static str> {
        let is_tidied = |field: &Field| {
            let (was, typed) = (in_a_line(base.text(*field).unwrap_or_default()), self.text(*field));
            let was_before = self.tidied.iter().any(|name| field.name() == Some(name));
            !is_same_text(&was, typed) && (was_before || field.tidy(typed).is_ok_and(|tidied| tidied != typed))
        };
        let fields = [Field::Name, Field::Email, Field::Contact].into_iter().filter(is_tidied);
        fields.filter_map(Field::name).collect()
    }

    fn text(&self, field: Field) -> &str {
        match field {
            Field::Name => &self.name,
            Field::Email => &self.email,
            Field::Contact => &self.contact,
            Field::Gstin => &self.gstin,
            _ => "",
        }
    }

    fn notes(&self, base: &Customer) -> (Vec<(String, Option<NoteValue>)>, Vec<Complaint>) {
        let (mut each, mut complaints) = (Vec::new(), Vec::new());
        let mut met: Vec<&str> = Vec::new();
        for (note, was) in self.notes.iter().zip(self.rows_of(base)) {
            if was.is_none() && (note.is_blank() || note.key.is_empty()) {
                complaints.extend((!note.is_blank()).then(|| Complaint::of_note("", NO_KEY)));
                continue;
            }
            if let Some(fault) = label::fault(&note.key, usize::MAX).filter(|_| was.is_none()) {
                complaints.push(Complaint::of_note(&note.key, Invalid::reason(format!("The key {fault}."))));
                continue;
            }
            let key = was.map_or(note.key.as_str(), |(key, _)| key.as_str());
            let untouched = was.is_some_and(|(_, value)| note.is_shown_for(value));
            let again = met.contains(&key);
            let set = (key.to_owned(), Some(NoteValue::Text(note.value.clone())));
            // A key that stands twice in the form is asked for twice, also where its first value is as it was.
            if again && !each.iter().any(|(asked, _)| asked == key) {
                each.push(set.clone());
            }
            if !untouched || again {
                each.push(set);
            }
            met.push(key);
        }
        each.extend(base.notes.keys().filter(|key| !met.contains(key)).map(|key| (key.to_owned(), None)));
        (each, complaints)
    }

    /// The note of the base that each row was rendered from. A browser takes line ends from keys, and several keys may then look
    /// alike: a row with the same value comes first.
    fn rows_of<'a>(&self, base: &'a Customer) -> Vec<Option<&'a (String, NoteValue)>> {
        let mut free: Vec<&(String, NoteValue)> = base.notes.pairs().iter().collect();
        let mut take = |is_it: &dyn Fn(&(String, NoteValue)) -> bool| {
            free.iter().position(|pair| is_it(pair)).map(|at| free.remove(at))
        };
        let untouched = |note: &TypedNote, (key, value): &(String, NoteValue)| {
            note.is_shown_for(value) && is_same_text(&in_a_line(key), &in_a_line(&note.key))
        };
        let mut rows: Vec<_> = self.notes.iter().map(|note| take(&|pair| untouched(note, pair))).collect();
        for (note, row) in self.notes.iter().zip(&mut rows).filter(|(note, row)| row.is_none() && !note.is_blank()) {
            *row = take(&|(key, _)| is_same_text(&in_a_line(key), &in_a_line(&note.key)));
        }
        rows
    }

    /// Puts the value of a part as it is in a customer.
    pub(super) fn put(&mut self, part: &Part, customer: &Customer) {
        let value = customer.value(part);
        let text = value.as_ref().map(|value| value.as_str().to_owned());
        match part {
            Part::Field(Field::Name) => self.name = text.unwrap_or_default(),
            Part::Field(Field::Email) => self.email = text.unwrap_or_default(),
            Part::Field(Field::Contact) => self.contact = text.unwrap_or_default(),
            Part::Field(Field::Gstin) => self.gstin = text.unwrap_or_default(),
            Part::Field(_) => {}
            Part::Note(key) => {
                let is_it = |note: &TypedNote, was: Option<&(String, NoteValue)>| {
                    was.map_or_else(|| in_a_line(&note.key) == in_a_line(key), |(each, _)| each == key)
                };
                let rows: Vec<bool> =
                    self.notes.iter().zip(self.rows_of(customer)).map(|(note, was)| is_it(note, was)).collect();
                let mut rows = rows.into_iter();
                self.notes.retain(|_| rows.next() == Some(false));
                if let Some(value) = text {
                    self.notes.push(TypedNote { key: key.clone(), value, kind: "" });
                }
            }
        }
    }

    /// What is to mend, each at its field.
    pub(super) fn errors(&self, rejection: &Rejection) -> Vec<FormError> {
        rejection.complaints().iter().map(|complaint| self.error(complaint)).collect()
    }

    fn error(&self, complaint: &Complaint) -> FormError {
        let fault = complaint.field.tidy(self.text(complaint.field)).ok().and_then(|text| complaint.field.fault(&text));
        let words = fault.as_deref().unwrap_or(complaint.invalid.words());
        let Some(key) = &complaint.note else {
            // The record as a whole is mended at its first field.
            return FormError::new(complaint.field.name().unwrap_or("name"), words);
        };
        let blamed = |note: &TypedNote| in_a_line(&note.key) == in_a_line(key) && !note.is_blank();
        let Some(at) = self.notes.iter().rposition(blamed) else { return FormError::new("notes", words) };
        let len = self.notes[at].value.chars().count();
        let count = if len > Notes::LEN_MAX { format!(" This one has {len}.") } else { String::new() };
        FormError::new(&format!("note-{}", at + 1), format!("{words}{count}"))
    }
}

/// What a browser makes of text in a field of one line: no line ends. And what people mean: no spaces around it. Safari composes
/// what it sends, too, so such texts are compared by [`is_same_text`].
fn in_a_line(text: &str) -> String {
    text.chars().filter(|char| !matches!(char, '\r' | '\n')).collect::<String>().trim().to_owned()
}

/// What a browser makes of text in a box of several lines, undone: line ends are one character again.
fn in_lines(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{CustomerId, Mode, Name};

    fn customer() -> Customer {
        let notes = vec![
            ("number".to_owned(), NoteValue::Number("1.50".into())),
            ("lines".to_owned(), NoteValue::Text("one\r\ntwo\n".into())),
            ("odd\nkey".to_owned(), NoteValue::Bool(true)),
            (" oddkey ".to_owned(), NoteValue::Text(" blanks ".into())),
            (String::new(), NoteValue::Text("no\rkey".into())),
            ("cafe\u{301}".to_owned(), NoteValue::Text("Zoe\u{308}".into())),
        ];
        let blank = Customer::blank(CustomerId::stored("cust_1Aa00000000004".into()), Mode::Test, 0);
        Customer { name: Some(Name::stored("Gaurav".into())), notes: Notes::stored(notes), version: 3, ..blank }
    }

    /// What comes back from a browser in which nobody touched anything.
    fn untouched() -> Typed {
        let mut typed = Typed::of(&customer());
        typed.notes[1].value = "one\ntwo\n".into();
        typed.notes[2].key = "oddkey".into();
        typed.notes[3].key = "oddkey".into();
        typed.notes[4].value = "no\nkey".into();
        // As Safari sends it.
        typed.notes[5] = TypedNote { key: "café".into(), value: "Zoë".into(), kind: "" };
        typed
    }

    #[test]
    fn what_nobody_touched_is_not_asked_for() {
        let draft = untouched().draft(&customer());
        assert_eq!((draft.name, draft.email, draft.notes), (Change::Keep, Change::Keep, NotesEdit::Keep));
    }

    #[test]
    fn only_what_differs_is_asked_for() {
        let mut typed = untouched();
        typed.name = String::new();
        typed.email = "g@example.com".into();
        typed.notes[0].value = "1.5".into();
        typed.notes.remove(1);
        typed.notes.push(TypedNote { key: "new".into(), value: "x".into(), kind: "" });
        typed.notes.push(TypedNote::default());
        let draft = typed.draft(&customer());
        assert_eq!((draft.name, draft.email), (Change::Clear, Change::Set("g@example.com".into())));
        let text = |text: &str| Some(NoteValue::Text(text.into()));
        let each = vec![("number".into(), text("1.5")), ("new".into(), text("x")), ("lines".into(), None)];
        assert_eq!(draft.notes, NotesEdit::Each(each));
    }

    #[test]
    fn errors_stand_at_the_note_to_blame() {
        let mut typed = untouched();
        typed.notes.push(TypedNote { key: "long".into(), value: "x".repeat(281), kind: "" });
        typed.notes.push(TypedNote { key: "number".into(), value: "again".into(), kind: "" });
        typed.notes.push(TypedNote { key: String::new(), value: "no key".into(), kind: "" });
        let rejection = typed.draft(&customer()).parse().unwrap_err();
        let errors: Vec<String> =
            typed.errors(&rejection).iter().map(|error| format!("{}: {}", error.field, error.words)).collect();
        insta::assert_snapshot!(errors.join("\n"), @"
        note-9: Give this note a key, or remove it.
        note-7: Notes value cannot be greater than 256 characters. This one has 281.
        note-8: Notes may not have the same key twice.
        ");
    }
}
