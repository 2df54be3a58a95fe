//! One value of a customer: where edits meet, and what history and undo speak of.

use super::{Changes, Customer, Field, NoteValue};

/// A field, or one note.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// Name, email, contact or gstin.
    Field(Field),
    /// The note under this key.
    Note(String),
}

impl Customer {
    /// The value of a part, if set. A field's is text.
    pub fn value(&self, part: &Part) -> Option<NoteValue> {
        match part {
            Part::Field(field) => self.text(*field).map(|text| NoteValue::Text(text.to_owned())),
            Part::Note(key) => self.notes.value(key).cloned(),
        }
    }
}

impl Changes {
    /// The changed parts: fields, then notes.
    pub fn parts(&self) -> Vec<Part> {
        let fields = self.fields.iter().map(|change| Part::Field(change.field));
        fields.chain(self.notes.iter().map(|change| Part::Note(change.key.clone()))).collect()
    }

    /// Whether this part is among the changed ones.
    pub fn touch(&self, part: &Part) -> bool {
        match part {
            Part::Field(field) => self.fields.iter().any(|change| change.field == *field),
            Part::Note(key) => self.notes.iter().any(|change| change.key == *key),
        }
    }
}
