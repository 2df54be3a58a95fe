//! What each JSON type means for each field of a customer, on the wire and in a file.

use super::{Json, note_value, whole_digits};
use crate::domain::{Change, Field, Invalid, NoteValue, Notes, NotesEdit};

/// What a value asks of a field of text: null and the empty text clear it.
pub fn field_change(field: Field, json: Json) -> Result<Change<String>, Invalid> {
    match json {
        Json::Null => Ok(Change::Clear),
        Json::Text(text) if text.is_empty() => Ok(Change::Clear),
        Json::Text(text) => Ok(Change::Set(text)),
        // A telephone number as a JSON number is its digits. Other spellings of a whole number than its digits: ours.
        Json::Number(literal) if field == Field::Contact => {
            whole_digits(&literal).map(Change::Set).ok_or_else(|| Invalid::not_text(field))
        }
        Json::Bool(_) | Json::Number(_) | Json::Array(_) | Json::Object(_) => Err(Invalid::not_text(field)),
    }
}

/// What a value asks of the notes: an object replaces them, and what is empty clears them.
pub fn notes_edit(json: Json) -> Result<NotesEdit<Vec<(String, NoteValue)>>, Invalid> {
    let pairs = match json {
        Json::Null | Json::Array(0) => Ok(Vec::new()),
        Json::Text(text) if text.is_empty() => Ok(Vec::new()),
        Json::Object(members) => {
            members.into_iter().map(|(key, value)| Ok((key, note_value(value).ok_or(Notes::NOT_SCALAR)?))).collect()
        }
        Json::Bool(_) | Json::Number(_) | Json::Text(_) | Json::Array(_) => Err(Notes::NOT_PAIRS),
    };
    pairs.map(NotesEdit::Replace)
}
