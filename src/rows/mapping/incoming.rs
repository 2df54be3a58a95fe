//! What a row asks for once its columns are known, and who it is about.

use super::super::{Row, created_at, guess};
use super::{Dates, Empty, Mapping, Target};
use crate::domain::{Change, Complaint, Contact, CustomerId, Draft, Field, NoteValue, Notes, NotesEdit};
use crate::json::{Json, Members, field_change, note_value, notes_edit, whole_digits};

/// What a row asks for, still to be judged.
#[derive(Clone, Debug, Default)]
pub struct Incoming {
    /// The id to keep.
    pub id: Option<CustomerId>,
    /// The time to keep, in Unix seconds.
    pub created_at: Option<i64>,
    /// The fields.
    pub draft: Draft,
}

/// Who a row is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Who {
    /// The id, where it is one.
    pub id: Option<CustomerId>,
    /// The email, whether or not it is one.
    pub email: Option<String>,
    /// The phone numbers, whether or not they are some.
    pub contacts: Vec<String>,
}

/// Why a row cannot even be judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfit {
    /// The column to blame.
    pub column: String,
    /// Why, in a sentence without values.
    pub words: String,
}

/// A value, and its column.
pub(super) type Cell<'a> = (&'a str, Json);

impl Mapping {
    /// What a row asks for. A complaint of the draft is for the domain to tell; what is no part of a draft is told here.
    pub fn read(&self, row: &Row) -> Result<Incoming, Unfit> {
        let mut incoming = Incoming::default();
        let (mut names, mut parts, mut phones) = (Vec::new(), Vec::new(), Vec::new());
        let mut all_notes = Members::new();
        for (column, target) in &self.columns {
            let Some(cell) = cell(row, column).filter(|_| *target != Target::Ignore) else { continue };
            match target {
                Target::Name => names.push((column.as_str(), cell)),
                Target::FirstName => parts.push((0, (column.as_str(), cell))),
                Target::MiddleName => parts.push((1, (column.as_str(), cell))),
                Target::LastName => parts.push((2, (column.as_str(), cell))),
                Target::Contact => phones.push((None, (column.as_str(), cell))),
                Target::Phone => {
                    phones.push((Some(guess::rank(column).unwrap_or(usize::MAX)), (column.as_str(), cell)))
                }
                _ => {
                    let unfit = |words| Unfit { column: column.clone(), words };
                    let cell = if *target == Target::Notes { unfolded(cell).map_err(unfit)? } else { cell };
                    if *target == Target::Notes
                        && let Json::Object(members) = &cell
                    {
                        all_notes.clone_from(members);
                    }
                    let (cell, others) =
                        if *target == Target::Email { Self::first_of(column, cell) } else { (cell, None) };
                    self.take(&mut incoming, column, target, cell).map_err(unfit)?;
                    if let Some(others) = others {
                        self.take_note(&mut incoming.draft, column, Json::Text(others));
                    }
                }
            }
        }
        parts.sort_by_key(|(at, _)| *at);
        self.take_name(&mut incoming.draft, names.pop(), parts.into_iter().map(|(_, cell)| cell).collect());
        phones.sort_by_key(|(rank, _)| *rank);
        self.take_contact(&mut incoming.draft, phones.into_iter().map(|(_, cell)| cell).collect());
        self.keep_notes(&mut incoming.draft, &all_notes)?;
        Ok(incoming)
    }

    /// Keeps the notes of the JSON object where a column that is no note by its own name has another value: `city` beside
    /// `{"city":"Goa"}`, not `notes[city]`.
    ///
    /// # Errors
    ///
    /// The first column with another value.
    fn keep_notes(&self, draft: &mut Draft, all: &Members) -> Result<(), Unfit> {
        let NotesEdit::Replace(pairs) = &mut draft.notes else { return Ok(()) };
        if all.is_empty() {
            return Ok(());
        }
        let mut is_moved = false;
        for (column, key) in self.note_keys().filter(|(column, _)| guess::note_key(column).is_none()) {
            let Some(value) = all.get(key).cloned().and_then(note_value) else { continue };
            match pairs.iter_mut().find(|(each, _)| each == key) {
                Some((_, now)) if now.as_str() == value.as_str() => {
                    *now = value;
                    is_moved = true;
                }
                _ => return Err(Unfit { column: column.to_owned(), words: self.conflict(column, key) }),
            }
        }
        if is_moved {
            pairs.sort_by_key(|(key, _)| all.get_index_of(key).unwrap_or(usize::MAX));
        }
        Ok(())
    }

    fn conflict(&self, column: &str, key: &str) -> String {
        let notes = self.columns.iter().find(|(_, target)| **target == Target::Notes).map_or("", |(column, _)| column);
        format!(
            "This column and the JSON of the column {notes:?} have different values for the note {key:?}: make them equal, or give \
             this one another key or leave it out; on the command line, --map {:?} or --map {:?}.",
            format!("{column}=note:{key} 2"),
            format!("{column}=ignore"),
        )
    }

    /// Who a row is about, as far as it says: its id, email and phone numbers, each whatever is wrong with the others.
    pub fn who(&self, row: &Row) -> Who {
        let mut who = Who::default();
        for (column, target) in &self.columns {
            let Some(text) = row.text(column) else { continue };
            match target {
                Target::Id => who.id = CustomerId::parse(text.trim()).ok(),
                Target::Email => {
                    let (first, _) = Self::first_of(column, Json::Text(text.into_owned()));
                    let email = if let Json::Text(text) = first { text.trim().to_owned() } else { String::new() };
                    who.email = Some(email).filter(|text| !text.is_empty());
                }
                Target::Contact | Target::Phone => who.contacts.extend(numbers(text.trim())),
                _ => {}
            }
        }
        who
    }

    /// Each value of a row as who it may be, whatever its column: of a row whose values may not stand under their names.
    pub fn who_anywhere(row: &Row) -> impl Iterator<Item = Who> {
        let values = row.columns().filter_map(|column| row.text(column)).map(|text| text.trim().to_owned());
        values.chain(row.pieces()).map(|text| Who {
            id: CustomerId::parse(&text).ok(),
            contacts: numbers(&text),
            email: Some(text),
        })
    }

    fn take(&self, incoming: &mut Incoming, column: &str, target: &Target, cell: Json) -> Result<(), String> {
        let draft = &mut incoming.draft;
        let is_empty = is_empty(&cell);
        match target {
            Target::Id if !is_empty => incoming.id = Some(id(&cell)?),
            Target::CreatedAt(dates) if !is_empty => {
                let way_out = format!(
                    " Or keep the column as a note, or leave it out; on the command line, --map {:?} or --map {:?}.",
                    format!("{column}=note:{column}"),
                    format!("{column}=ignore"),
                );
                incoming.created_at = Some(created_at(&cell, *dates).map_err(|words| words + &way_out)?);
            }
            _ if is_empty && self.empty == Empty::Keep => {}
            Target::Email => draft.email = change(Field::Email, cell, &mut draft.complaints),
            Target::Gstin => draft.gstin = change(Field::Gstin, cell, &mut draft.complaints),
            Target::Note(key) => match note_value(cell).filter(|_| !is_empty) {
                Some(value) => put(draft, key, Some(value)),
                None if is_empty => put(draft, key, None),
                None => draft.complaints.push(Complaint::of_note(key, Notes::NOT_SCALAR)),
            },
            Target::Notes => notes(draft, column, cell),
            // The others are taken together, or are nothing.
            _ => {}
        }
        Ok(())
    }
}

/// The phone numbers that text may be, and the one that a JSON number is.
fn numbers(text: &str) -> Vec<String> {
    let mut numbers = Contact::numbers_in(text);
    if let Ok(Json::Number(literal)) = Json::parse(text.as_bytes()) {
        numbers.extend(whole_digits(&literal));
    }
    numbers
}

/// What a row has under a column, its text without spaces around it.
fn cell(row: &Row, column: &str) -> Option<Json> {
    let json = Json::parse(row.cells.get(column)?.get().as_bytes()).unwrap_or(Json::Null);
    Some(match json {
        Json::Text(text) => Json::Text(text.trim().to_owned()),
        other => other,
    })
}

pub(super) fn is_empty(cell: &Json) -> bool {
    match cell {
        Json::Null | Json::Array(0) => true,
        Json::Text(text) => text.is_empty(),
        Json::Object(members) => members.is_empty(),
        Json::Bool(_) | Json::Number(_) | Json::Array(_) => false,
    }
}

fn id(cell: &Json) -> Result<CustomerId, String> {
    let id = if let Json::Text(text) = cell { CustomerId::parse(text).ok() } else { None };
    id.filter(CustomerId::is_ours).ok_or_else(|| {
        "The id is not cust_ and 14 letters and digits: leave it empty, or make the column a note to keep other ids.".into()
    })
}

fn created_at(cell: &Json, dates: Dates) -> Result<i64, String> {
    match cell {
        Json::Text(text) => created_at::parse(text, dates),
        Json::Number(literal) => created_at::parse(&whole_digits(literal).unwrap_or_else(|| literal.clone()), dates),
        _ => Err("The time is neither text nor a number.".into()),
    }
}

pub(super) fn change(field: Field, cell: Json, complaints: &mut Vec<Complaint>) -> Change<String> {
    if is_empty(&cell) {
        return Change::Clear;
    }
    field_change(field, cell).unwrap_or_else(|invalid| {
        complaints.push(Complaint::of(field, invalid));
        Change::Keep
    })
}

/// A note, beside what other columns say of notes.
pub(super) fn put(draft: &mut Draft, key: &str, value: Option<NoteValue>) {
    match (&mut draft.notes, value) {
        (NotesEdit::Replace(pairs), value) => {
            pairs.retain(|(each, _)| each != key);
            pairs.extend(value.map(|value| (key.to_owned(), value)));
        }
        (NotesEdit::Each(each), value) => each.push((key.to_owned(), value)),
        (NotesEdit::Keep, value) => draft.notes = NotesEdit::Each(vec![(key.to_owned(), value)]),
    }
}

/// JSON that stands in text, as CSV has it.
fn unfolded(cell: Json) -> Result<Json, String> {
    match cell {
        Json::Text(text) if text.starts_with(['{', '[']) => Json::parse(text.as_bytes())
            .map_err(|_| "The notes begin like JSON and are none: mend them, or make the column a note.".into()),
        other => Ok(other),
    }
}

/// All notes. What other columns have said of single ones stays.
fn notes(draft: &mut Draft, column: &str, cell: Json) {
    if let Json::Text(text) = &cell
        && !text.is_empty()
    {
        return put(draft, column, Some(NoteValue::Text(text.clone())));
    }
    match notes_edit(cell) {
        Ok(NotesEdit::Replace(pairs)) => {
            if let NotesEdit::Each(each) = std::mem::replace(&mut draft.notes, NotesEdit::Replace(pairs)) {
                each.into_iter().for_each(|(key, value)| put(draft, &key, value));
            }
        }
        Ok(_) => {}
        Err(invalid) => draft.complaints.push(Complaint::of(Field::Notes, invalid)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::Phones;

    fn mapping(columns: &[&str]) -> Mapping {
        Mapping::guess(&columns.iter().map(|column| (*column).to_owned()).collect::<Vec<_>>())
    }

    fn row(json: &str) -> Row {
        Row::from_text(2, json).unwrap()
    }

    fn read(mapping: &Mapping, json: &str) -> Incoming {
        mapping.read(&row(json)).unwrap()
    }

    fn words(mapping: &Mapping, json: &str) -> (String, String) {
        let unfit = mapping.read(&row(json)).unwrap_err();
        (unfit.column, unfit.words.split([':', '.']).next().unwrap().to_owned())
    }

    fn set(text: &str) -> Change<String> {
        Change::Set(text.to_owned())
    }

    fn text(text: &str) -> NoteValue {
        NoteValue::Text(text.to_owned())
    }

    #[test]
    fn a_row_becomes_what_it_asks_for() {
        let ours = mapping(&["id", "name", "email", "contact", "gstin", "notes", "created_at"]);
        let csv = r#"{"id":"cust_1Aa00000000004","name":" Gaurav ","email":"","contact":"+91 98765-43210","gstin":"29XAbbA4369J1PA","notes":"{\"b\":1.50,\"a\":\"x\"}","created_at":"1582033731"}"#;
        let incoming = read(&ours, csv);
        assert_eq!(incoming.id.unwrap().as_str(), "cust_1Aa00000000004");
        assert_eq!(incoming.created_at, Some(1_582_033_731));
        let draft = incoming.draft;
        assert_eq!((draft.name, draft.email, draft.contact), (set("Gaurav"), Change::Keep, set("+919876543210")));
        let notes = vec![("b".to_owned(), NoteValue::Number("1.50".into())), ("a".to_owned(), text("x"))];
        assert_eq!(draft.notes, NotesEdit::Replace(notes));

        let jsonl = r#"{"id":null,"entity":"customer","name":"G","email":null,"contact":9876543210,"notes":[],"created_at":1582033731}"#;
        let incoming = read(&ours, jsonl);
        assert_eq!((incoming.id, incoming.created_at), (None, Some(1_582_033_731)));
        assert_eq!((incoming.draft.contact, incoming.draft.notes), (set("9876543210"), NotesEdit::Keep));
    }

    #[test]
    fn empty_cells_keep_or_clear() {
        let mut mapping = mapping(&["name", "contact", "notes", "notes[city]"]);
        let json = r#"{"name":"","contact":null,"notes":"{}","notes[city]":" "}"#;
        let kept = read(&mapping, json).draft;
        assert_eq!((kept.name, kept.contact, kept.notes), (Change::Keep, Change::Keep, NotesEdit::Keep));
        mapping.empty = Empty::Clear;
        let cleared = read(&mapping, json).draft;
        assert_eq!(
            (cleared.name, cleared.contact, cleared.notes),
            (Change::Clear, Change::Clear, NotesEdit::Replace(vec![]))
        );
        let draft = read(&mapping, r#"{"name":[],"contact":{}}"#).draft;
        assert_eq!((draft.name, draft.contact, draft.complaints), (Change::Clear, Change::Clear, vec![]));
        let one = read(&mapping, r#"{"notes[city]":""}"#).draft;
        assert_eq!((one.name, one.notes), (Change::Keep, NotesEdit::Each(vec![("city".into(), None)])));
    }

    #[test]
    fn notes_come_from_several_columns() {
        let mapping = mapping(&["notes[a]", "Notes", "notes[b]"]);
        let both = |json| read(&mapping, json).draft.notes;
        assert_eq!(
            both(r#"{"notes[a]":"1","Notes":"{\"a\":\"0\",\"c\":true}","notes[b]":"2"}"#),
            NotesEdit::Replace(vec![
                ("c".into(), NoteValue::Bool(true)),
                ("a".into(), text("1")),
                ("b".into(), text("2"))
            ])
        );
        assert_eq!(
            both(r#"{"notes[a]":"1","Notes":"call after five","notes[b]":""}"#),
            NotesEdit::Each(vec![("a".into(), Some(text("1"))), ("Notes".into(), Some(text("call after five")))])
        );
    }

    #[test]
    fn a_column_replaces_no_note_of_the_json_with_another_value() {
        let row = |city: &str, notes: &str| row(&format!(r#"{{"city":{city},"Phone":"98000 00001","notes":{notes}}}"#));
        for columns in [["name", "city", "notes", "Mobile", "Phone"], ["name", "notes", "Mobile", "Phone", "city"]] {
            let mapping = mapping(&columns);
            let unfit = mapping.read(&row("\"Pune\"", r#"{"city":"Goa"}"#)).unwrap_err();
            assert_eq!(unfit.column, "city");
            assert!(unfit.words.starts_with(r#"This column and the JSON of the column "notes" have different values"#));
            assert!(unfit.words.contains(r#"--map "city=ignore""#), "{}", unfit.words);
            // Equal values keep the type that the JSON has, and no value is no other value.
            for (city, notes, kept) in [
                ("\"5\"", r#"{"city":5,"b":1}"#, NoteValue::Number("5".into())),
                ("\"\"", r#"{"city":"Goa","b":1}"#, text("Goa")),
            ] {
                let NotesEdit::Replace(pairs) = mapping.read(&row(city, notes)).unwrap().draft.notes else { panic!() };
                assert_eq!(pairs.iter().find(|(key, _)| key == "city").map(|(_, value)| value), Some(&kept));
            }
        }
        // A phone number that is a note by default is no other.
        let mapping = mapping(&["name", "Mobile", "Phone", "notes"]);
        let row =
            Row::from_text(2, r#"{"Mobile":"98000 00002","Phone":"98000 00001","notes":{"Phone":"none"}}"#).unwrap();
        assert_eq!(mapping.read(&row).unwrap_err().column, "Phone");
    }

    #[test]
    fn what_is_unfit_is_told_with_its_column() {
        let mapping = mapping(&["id", "Mobile", "created_at", "notes"]);
        let told = |json| words(&mapping, json);
        let pair = |column: &str, words: &str| (column.to_owned(), words.to_owned());
        for id in [r#"{"id":"cus_NffrFeUfNV2Hib"}"#, r#"{"id":"plan_1Aa00000000004"}"#, r#"{"id":7}"#] {
            assert_eq!(told(id), pair("id", "The id is not cust_ and 14 letters and digits"));
        }
        for (json, words) in [
            (r#"{"Mobile":"9.19E+11"}"#, "A spreadsheet has shortened this number"),
            (r#"{"Mobile":98765.43210}"#, "The phone number is a JSON number that is not whole"),
            (r#"{"Mobile":0.12345678}"#, "The phone number is a JSON number that is not whole"),
            (r#"{"Mobile":true}"#, "The contact must be a string."),
        ] {
            let draft = read(&mapping, json).draft;
            assert!(draft.complaints[0].invalid.words().starts_with(words), "{json}");
            assert_eq!(draft.contact, Change::Keep, "{json}");
        }
        assert_eq!(told(r#"{"created_at":"then"}"#), pair("created_at", "The time is none that is read"));
        let unfit = mapping.read(&row(r#"{"created_at":"then"}"#)).unwrap_err();
        assert!(unfit.words.contains(r#"--map "created_at=note:created_at" or --map "created_at=ignore""#));
        assert_eq!(read(&mapping, r#"{"created_at":1.582033731e9}"#).created_at, Some(1_582_033_731));
        assert_eq!(told(r#"{"created_at":{"a":1}}"#), pair("created_at", "The time is neither text nor a number"));
        assert_eq!(told(r#"{"notes":"{\"a\":"}"#), pair("notes", "The notes begin like JSON and are none"));
    }

    #[test]
    fn what_has_the_wrong_type_is_for_the_domain_to_tell() {
        let mapping = mapping(&["name", "notes", "notes[a]"]);
        let draft = read(&mapping, r#"{"name":true,"notes":[1],"notes[a]":{"b":1}}"#).draft;
        let words: Vec<_> = draft.complaints.iter().map(|each| each.invalid.words()).collect();
        assert_eq!(
            words,
            [
                "Notes should be provided as a dictionary",
                "Notes values themselves should not be an array.",
                "The name must be a string."
            ]
        );
    }

    #[test]
    fn a_name_in_parts_is_joined() {
        let parts = mapping(&["Last Name", "First Name", "Middle Name"]);
        let name = |json: &str| read(&parts, json).draft.name;
        assert_eq!(name(r#"{"First Name":"Asha","Middle Name":" ","Last Name":"Rao"}"#), set("Asha Rao"));
        assert_eq!(name(r#"{"First Name":"","Middle Name":"","Last Name":""}"#), Change::Keep);
        for empty in ["[]", "{}", "null", "\"\""] {
            assert_eq!(name(&format!(r#"{{"First Name":"Asha","Last Name":{empty}}}"#)), set("Asha"), "{empty}");
            assert_eq!(name(&format!(r#"{{"First Name":{empty},"Last Name":"Rao"}}"#)), set("Rao"), "{empty}");
        }
        // A full name counts, and parts that it does not have are notes.
        let both = mapping(&["Name", "First Name", "Last Name"]);
        let draft = read(&both, r#"{"Name":"Asha K Rao","First Name":"Asha","Last Name":"Rao"}"#).draft;
        assert_eq!((draft.name, draft.notes), (set("Asha K Rao"), NotesEdit::Keep));
        let draft = read(&both, r#"{"Name":"Asha K Rao","First Name":"Asha","Last Name":null}"#).draft;
        assert_eq!((draft.name, draft.notes), (set("Asha K Rao"), NotesEdit::Keep));
        let draft = read(&both, r#"{"Name":"Rao Stores","First Name":"Asha","Last Name":"Rao"}"#).draft;
        let note = |key: &str, value: &str| (key.to_owned(), Some(text(value)));
        let notes = NotesEdit::Each(vec![note("First Name", "Asha"), note("Last Name", "Rao")]);
        assert_eq!((draft.name, draft.notes), (set("Rao Stores"), notes));
        assert_eq!(read(&both, r#"{"Name":"","First Name":"Asha","Last Name":"Rao"}"#).draft.name, set("Asha Rao"));
    }

    #[test]
    fn of_several_phone_numbers_the_best_is_the_contact() {
        let phones = mapping(&["Home Phone", "Business Phone", "Mobile Phone"]);
        let read = |json| {
            let draft = read(&phones, json).draft;
            (draft.contact, draft.notes)
        };
        let note = |key: &str, value: &str| (key.to_owned(), Some(text(value)));
        assert_eq!(
            read(r#"{"Home Phone":"080-1234567","Business Phone":"98000 00002","Mobile Phone":"98000 00001"}"#),
            (
                set("9800000001"),
                NotesEdit::Each(vec![note("Business Phone", "98000 00002"), note("Home Phone", "080-1234567")])
            )
        );
        assert_eq!(
            read(r#"{"Home Phone":"98000-00002","Business Phone":"98000 00002","Mobile Phone":""}"#),
            (set("9800000002"), NotesEdit::Keep)
        );
    }

    #[test]
    fn a_json_number_is_its_digits_as_in_the_api() {
        let mut mapping = mapping(&["Mobile", "Phone"]);
        for phones in [Phones::Cleaned, Phones::AsTyped] {
            mapping.phones = phones;
            for literal in ["9123456780", "9.12345678E9", "9123456780.00", "91234567800e-1"] {
                let draft = read(&mapping, &format!(r#"{{"Mobile":{literal},"Phone":9123456780.0}}"#)).draft;
                assert_eq!((draft.contact, draft.notes), (set("9123456780"), NotesEdit::Keep), "{literal}");
                let who = mapping.who(&row(&format!(r#"{{"Mobile":{literal}}}"#)));
                assert!(who.contacts.contains(&"9123456780".to_owned()), "{literal}");
            }
            assert_eq!(read(&mapping, r#"{"Mobile":2345678.0}"#).draft.contact, set("2345678"), "too short to store");
        }
    }

    #[test]
    fn telephone_numbers_are_left_alone_on_request() {
        let mut mapping = mapping(&["contact"]);
        mapping.phones = Phones::AsTyped;
        assert_eq!(read(&mapping, r#"{"contact":"98765 43210"}"#).draft.contact, set("98765 43210"));
    }
}
