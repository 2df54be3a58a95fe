//! The members of a request to a draft.

use crate::domain::{Change, Complaint, Draft, Field, Invalid, NotesEdit};
use crate::json::{Json, Members, field_change, notes_edit};
use crate::service::IfTaken;

/// What an edit asks for. Whatever is left over is extra, `fail_existing` included.
pub fn of_edit(mut members: Members) -> Draft {
    let mut draft = fields(&mut members);
    if !members.is_empty() {
        let names: Vec<&str> = members.keys().map(String::as_str).collect();
        draft.complaints.push(Complaint::of(Field::Extra, Invalid::extra(&names)));
    }
    draft
}

/// What a creation asks for, and what it wants where the pair is taken.
pub fn of_creation(mut members: Members) -> (Draft, IfTaken) {
    let if_taken = if_taken(members.shift_remove("fail_existing"));
    let mut draft = of_edit(members);
    let if_taken = if_taken.unwrap_or_else(|invalid| {
        draft.complaints.push(Complaint::of(Field::FailExisting, invalid));
        IfTaken::Refuse
    });
    (draft, if_taken)
}

fn fields(members: &mut Members) -> Draft {
    let mut complaints = Vec::new();
    let mut text = |field: Field| {
        let sent = field.name().and_then(|name| members.shift_remove(name));
        sent.map_or(Ok(Change::Keep), |json| field_change(field, json)).unwrap_or_else(|invalid| {
            complaints.push(Complaint::of(field, invalid));
            Change::Keep
        })
    };
    let (name, email, contact, gstin) =
        (text(Field::Name), text(Field::Email), text(Field::Contact), text(Field::Gstin));
    let notes = members.shift_remove("notes").map_or(Ok(NotesEdit::Keep), notes_edit).unwrap_or_else(|invalid| {
        complaints.push(Complaint::of(Field::Notes, invalid));
        NotesEdit::Keep
    });
    Draft { name, email, contact, gstin, notes, complaints }
}

/// `0` and `false` count as `"0"`: ours. Official typings send the number, and it fails against the hosted API.
fn if_taken(sent: Option<Json>) -> Result<IfTaken, Invalid> {
    let Some(json) = sent else { return Ok(IfTaken::Refuse) };
    let text = match &json {
        Json::Null | Json::Bool(true) => "1",
        Json::Bool(false) => "0",
        Json::Text(text) | Json::Number(text) => text,
        Json::Array(_) | Json::Object(_) => return Err(Invalid::FAIL_EXISTING),
    };
    match text {
        "0" | "false" => Ok(IfTaken::Find),
        "1" | "true" | "" => Ok(IfTaken::Refuse),
        _ => Err(Invalid::FAIL_EXISTING),
    }
}
