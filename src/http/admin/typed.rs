//! A record's form as a value: what was typed, and what of it differs from what the form was rendered from.

use super::form::{Form, FormError};
use crate::domain::{Change, Complaint, Customer, Draft, Field, Invalid, NoteValue, Notes, NotesEdit, Part, Rejection};

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
        }
    }

    /// What was asked: only what differs from the base, after both went through what a browser does to text. Bytes and types
    /// that nobody touched stay.
    pub(super) fn draft(&self, base: &Customer) -> Draft {
        let change = |field, typed: &str| match in_a_line(base.text(field).unwrap_or_default()) {
            was if was == typed => Change::Keep,
            _ if typed.is_empty() => Change::Clear,
            _ => Change::Set(typed.to_owned()),
        };
        let (each, complaints) = self.notes(base);
        Draft {
            name: change(Field::Name, &self.name),
            email: change(Field::Email, &self.email),
            contact: change(Field::Contact, &self.contact),
            gstin: change(Field::Gstin, &self.gstin),
            notes: if each.is_empty() { NotesEdit::Keep } else { NotesEdit::Each(each) },
            complaints,
        }
    }

    fn notes(&self, base: &Customer) -> (Vec<(String, Option<NoteValue>)>, Vec<Complaint>) {
        let (mut each, mut complaints) = (Vec::new(), Vec::new());
        let mut met: Vec<&str> = Vec::new();
        for note in self.notes.iter().filter(|note| !note.is_blank()) {
            if note.key.is_empty() {
                complaints.push(Complaint::of_note("", NO_KEY));
                continue;
            }
            let was = base.notes.pairs().iter().find(|(key, _)| in_a_line(key) == note.key);
            let key = was.map_or(note.key.as_str(), |(key, _)| key.as_str());
            let untouched = was.is_some_and(|(_, value)| in_lines(value.as_str()).trim() == note.value.trim());
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
                self.notes.retain(|note| note.key != in_a_line(key));
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
        let words = complaint.invalid.words();
        let Some(key) = &complaint.note else {
            // The record as a whole is mended at its first field.
            return FormError::new(complaint.field.name().unwrap_or("name"), words);
        };
        let blamed = |note: &TypedNote| note.key == in_a_line(key) && !note.is_blank();
        let Some(at) = self.notes.iter().rposition(blamed) else { return FormError::new("notes", words) };
        let len = self.notes[at].value.chars().count();
        let count = if len > Notes::LEN_MAX { format!(" This one has {len}.") } else { String::new() };
        FormError::new(&format!("note-{}", at + 1), format!("{words}{count}"))
    }
}

/// What a browser makes of text in a field of one line: no line ends. And what people mean: no spaces around it.
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
        ];
        let blank = Customer::blank(CustomerId::stored("cust_1Aa00000000004".into()), Mode::Test, 0);
        Customer { name: Some(Name::stored("Gaurav".into())), notes: Notes::stored(notes), version: 3, ..blank }
    }

    /// What comes back from a browser in which nobody touched anything.
    fn untouched() -> Typed {
        let mut typed = Typed::of(&customer());
        typed.notes[1].value = "one\ntwo\n".into();
        typed.notes[2].key = "oddkey".into();
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
        note-6: Give this note a key, or remove it.
        note-4: Notes value cannot be greater than 256 characters. This one has 281.
        note-5: Notes may not have the same key twice.
        ");
    }
}
