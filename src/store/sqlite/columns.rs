//! How domain values sit in columns, and how JSON text in a column is read back.

use rusqlite::types::Type;
use rusqlite::{Connection, Error, OptionalExtension, Row};
use serde::Serialize;

use crate::domain::{
    Actor, Bookmark, Changes, Contact, Customer, CustomerId, Email, Field, FieldChange, Gstin, KeyId, Mode, Name,
    NoteChange, NoteValue, Notes, StaffId,
};
use crate::json::{ChangesJson, Json, NotesJson, note_value};

/// The columns that [`customer`] reads, in its order, for `concat!`.
macro_rules! customer_columns {
    () => {
        "number, id, mode, name, email, contact, gstin, notes, created_at, version, revision"
    };
}
pub(super) use customer_columns;

/// A customer as read, with what only the store knows of it.
pub(super) struct CustomerRow {
    pub(super) number: i64,
    pub(super) revision: i64,
    pub(super) customer: Customer,
}

impl CustomerRow {
    /// Its place in whichever walk.
    pub(super) fn bookmark(&self) -> Bookmark {
        Bookmark { created_at: self.customer.created_at, id: self.customer.id.clone(), number: self.number }
    }
}

pub(super) fn customer(row: &Row<'_>) -> rusqlite::Result<CustomerRow> {
    let customer = Customer {
        id: CustomerId::stored(row.get(1)?),
        mode: read_mode(row.get(2)?),
        name: row.get::<_, Option<String>>(3)?.map(Name::stored),
        email: row.get::<_, Option<String>>(4)?.map(Email::stored),
        contact: row.get::<_, Option<String>>(5)?.map(Contact::stored),
        gstin: row.get::<_, Option<String>>(6)?.map(Gstin::stored),
        notes: read_notes(row, 7)?,
        created_at: row.get(8)?,
        version: row.get(9)?,
    };
    Ok(CustomerRow { number: row.get(0)?, revision: row.get(10)?, customer })
}

pub(super) fn mode(mode: Mode) -> i64 {
    match mode {
        Mode::Test => 0,
        Mode::Live => 1,
    }
}

pub(super) fn read_mode(column: i64) -> Mode {
    if column == mode(Mode::Live) { Mode::Live } else { Mode::Test }
}

pub(super) fn notes(notes: &Notes) -> rusqlite::Result<String> {
    to_json(&NotesJson(notes))
}

fn to_json(value: &impl Serialize) -> rusqlite::Result<String> {
    serde_json::to_string(value).map_err(|error| Error::ToSqlConversionFailure(error.into()))
}

fn read_notes(row: &Row<'_>, column: usize) -> rusqlite::Result<Notes> {
    let text = row.get_ref(column)?.as_str()?;
    if text == "{}" {
        return Ok(Notes::default());
    }
    let Ok(Json::Object(members)) = Json::parse(text.as_bytes()) else { return Err(unreadable(column)) };
    let pairs: Option<_> = members.into_iter().map(|(key, value)| Some((key, note_value(value)?))).collect();
    Ok(Notes::stored(pairs.ok_or_else(|| unreadable(column))?))
}

/// Names as a JSON array.
pub(super) fn names(names: &[String]) -> rusqlite::Result<String> {
    to_json(&names)
}

pub(super) fn read_names(row: &Row<'_>, column: usize) -> rusqlite::Result<Vec<String>> {
    serde_json::from_str(row.get_ref(column)?.as_str()?).map_err(|_| unreadable(column))
}

/// Text that is not what was written. Quotes nothing of it.
pub(super) fn unreadable(column: usize) -> Error {
    Error::FromSqlConversionFailure(column, Type::Text, "not the JSON that was written".into())
}

/// The columns `actor_type`, `actor_id` and `actor_label`.
pub(super) fn actor(actor: &Actor) -> (&'static str, Option<&str>, &str) {
    match actor {
        Actor::Key { id, label } => ("key", Some(id.as_str()), label),
        Actor::Staff { id, email } => ("staff", Some(id.as_str()), email),
        Actor::Command { name } => ("command", None, name),
    }
}

pub(super) fn read_actor(row: &Row<'_>, first: usize) -> rusqlite::Result<Actor> {
    let label = row.get(first + 2)?;
    Ok(match row.get_ref(first)?.as_str()? {
        "key" => Actor::Key { id: KeyId::stored(row.get(first + 1)?), label },
        "staff" => Actor::Staff { id: StaffId::stored(row.get(first + 1)?), email: label },
        _ => Actor::Command { name: label },
    })
}

/// The column `changes`.
pub(super) fn changes(changes: &Changes) -> rusqlite::Result<String> {
    #[derive(Serialize)]
    struct Column<'a> {
        #[serde(flatten)]
        changes: ChangesJson<'a>,
        #[serde(skip_serializing_if = "Option::is_none")]
        note_order: &'a Option<Vec<String>>,
    }
    to_json(&Column { changes: ChangesJson(changes), note_order: &changes.note_order })
}

pub(super) fn read_changes(row: &Row<'_>, column: usize) -> rusqlite::Result<Changes> {
    parse_changes(row.get_ref(column)?.as_str()?).ok_or_else(|| unreadable(column))
}

fn parse_changes(text: &str) -> Option<Changes> {
    let Ok(Json::Object(mut members)) = Json::parse(text.as_bytes()) else { return None };
    let mut changes = Changes::default();
    for field in [Field::Name, Field::Email, Field::Contact, Field::Gstin] {
        if let Some(Json::Object(mut from_to)) = members.shift_remove(field.name()?) {
            let (from, to) = (text_of(from_to.shift_remove("from")?)?, text_of(from_to.shift_remove("to")?)?);
            changes.fields.push(FieldChange { field, from, to });
        }
    }
    if let Some(Json::Object(notes)) = members.shift_remove("notes") {
        for (key, change) in notes {
            let Json::Object(mut from_to) = change else { return None };
            let (from, to) = (note_of(from_to.shift_remove("from")?)?, note_of(from_to.shift_remove("to")?)?);
            changes.notes.push(NoteChange { key, from, to });
        }
    }
    if let Some(Json::Array(_)) = members.shift_remove("note_order") {
        #[derive(serde::Deserialize)]
        struct Order {
            note_order: Vec<String>,
        }
        changes.note_order = Some(serde_json::from_str::<Order>(text).ok()?.note_order);
    }
    Some(changes)
}

/// The text or its absence; `None` for what is neither.
fn text_of(json: Json) -> Option<Option<String>> {
    match json {
        Json::Null => Some(None),
        Json::Text(text) => Some(Some(text)),
        _ => None,
    }
}

/// A note's value or its absence; `None` for what is neither.
fn note_of(json: Json) -> Option<Option<NoteValue>> {
    match json {
        Json::Null => Some(None),
        json => note_value(json).map(Some),
    }
}

/// Finds the customer of a number; `None` where it is in the recycle bin.
pub(super) fn find_by_number(connection: &Connection, number: i64) -> rusqlite::Result<Option<CustomerRow>> {
    const SQL: &str = concat!("SELECT ", customer_columns!(), " FROM customers WHERE number = ?1");
    connection.prepare_cached(SQL)?.query_row([number], customer).optional()
}

/// Finds the customer of a number in the recycle bin.
pub(super) fn find_withdrawn_by_number(connection: &Connection, number: i64) -> rusqlite::Result<CustomerRow> {
    const SQL: &str = concat!("SELECT ", customer_columns!(), " FROM withdrawn WHERE number = ?1");
    connection.prepare_cached(SQL)?.query_row([number], customer)
}

/// Finds the customer of a number that is in use, in the recycle bin too.
pub(super) fn find_anywhere(connection: &Connection, number: i64) -> rusqlite::Result<CustomerRow> {
    find_by_number(connection, number)?.map_or_else(|| find_withdrawn_by_number(connection, number), Ok)
}

/// Converts a count to SQLite's signed integers, the largest of which stands for all above it.
pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_come_back_as_they_went() {
        let text = |text: &str| Some(NoteValue::Text(text.into()));
        let note = |key: &str, from, to| NoteChange { key: key.into(), from, to };
        let written = Changes {
            fields: vec![
                FieldChange { field: Field::Name, from: None, to: Some("Gaurav \"G\" Kumar".into()) },
                FieldChange { field: Field::Gstin, from: Some("29XAbbA4369J1PA".into()), to: None },
            ],
            notes: vec![
                note("from", None, text("note_order")),
                note("$n", Some(NoteValue::Number("1.50".into())), Some(NoteValue::Bool(false))),
                note("", text(""), None),
            ],
            note_order: Some(vec!["b".into(), "a".into()]),
        };
        let json = changes(&written).unwrap();
        assert_eq!(parse_changes(&json), Some(written), "{json}");
    }
}
