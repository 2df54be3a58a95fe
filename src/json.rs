//! JSON objects as they were sent: the order of members and the literals of numbers survive, which a map of numbers would lose.

mod fields;
mod records;

use std::fmt;
use std::iter::repeat_n;

use indexmap::IndexMap;
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use serde_json::value::RawValue;

use crate::domain::{Actor, Changes, NoteChange, NoteValue, Notes};

pub use fields::{field_change, notes_edit};
pub use records::{CustomerJson, HeldJson, RevisionJson};

/// How many objects stand within each other in anything that is ever read: a revision's changes, their notes, a note, and one
/// to spare. What lies deeper is not read, so that no document costs more than a few passes over it, nor any stack.
const DEPTH_MAX: usize = 4;

/// A JSON value, read as deep as it is an object, down to a small depth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Json {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number, by its literal.
    Number(String),
    /// A string.
    Text(String),
    /// An array, of which only the length counts; or an object too deep to be read, as one that is not empty.
    Array(usize),
    /// An object, each name once.
    Object(Members),
}

/// An object's members in the order sent. Of duplicate names the last counts, in the place of the first.
pub type Members = IndexMap<String, Json>;

impl Json {
    /// Reads a document. The error says line and column, and quotes nothing.
    pub fn parse(document: &[u8]) -> Result<Self, JsonError> {
        let raw: &RawValue =
            serde_json::from_slice(document).map_err(|error| JsonError::new(&error, document, document))?;
        Self::read(raw.get(), 0).map_err(|(error, part)| JsonError::new(&error, part.as_bytes(), document))
    }

    /// Reads one value inside `depth` objects, known to be well formed but for what is inside its strings. An error comes with
    /// the part it is about.
    fn read(text: &str, depth: usize) -> Result<Self, (serde_json::Error, &str)> {
        let blame = |error| (error, text);
        Ok(match text.as_bytes().first() {
            Some(b'n') => Self::Null,
            Some(b't') => Self::Bool(true),
            Some(b'f') => Self::Bool(false),
            Some(b'"') => Self::Text(serde_json::from_str(text).map_err(blame)?),
            Some(b'[') => Self::Array(serde_json::from_str::<Vec<&RawValue>>(text).map_err(blame)?.len()),
            Some(b'{') if depth == DEPTH_MAX => Self::Array(1),
            Some(b'{') => {
                let raw: IndexMap<String, &RawValue> = serde_json::from_str(text).map_err(blame)?;
                let mut members = Members::with_capacity(raw.len());
                for (name, value) in raw {
                    members.insert(name, Self::read(value.get(), depth + 1)?);
                }
                Self::Object(members)
            }
            _ => Self::Number(text.to_owned()),
        })
    }
}

/// Where a document stops being JSON, and why.
#[derive(Debug)]
pub struct JsonError(String);

impl JsonError {
    /// `part`, a slice of `whole`, is what the error counts lines and columns in.
    fn new(error: &serde_json::Error, part: &[u8], whole: &[u8]) -> Self {
        let offset = part.as_ptr().addr().saturating_sub(whole.as_ptr().addr());
        let before = &whole[..offset.min(whole.len())];
        let line = before.iter().filter(|byte| **byte == b'\n').count() + error.line();
        let column = match error.line() {
            0 | 1 => before.iter().rev().take_while(|byte| **byte != b'\n').count() + error.column(),
            _ => error.column(),
        };
        let said = error.to_string();
        let cause = said.split(" at line ").next().unwrap_or_default();
        Self(format!("{cause} at line {line} column {column}"))
    }
}

impl fmt::Display for JsonError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A note's value as JSON of its own type.
pub struct NoteJson<'a>(pub &'a NoteValue);

impl Serialize for NoteJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            NoteValue::Text(text) => serializer.serialize_str(text),
            NoteValue::Bool(bool) => serializer.serialize_bool(*bool),
            NoteValue::Number(literal) => {
                RawValue::from_string(literal.clone()).map_err(serde::ser::Error::custom)?.serialize(serializer)
            }
        }
    }
}

/// Notes as a JSON object in their order.
pub struct NotesJson<'a>(pub &'a Notes);

impl Serialize for NotesJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.pairs().len()))?;
        for (key, value) in self.0.pairs() {
            map.serialize_entry(key, &NoteJson(value))?;
        }
        map.end()
    }
}

/// Changes as a JSON object: field to `{"from","to"}`, notes key by key.
pub struct ChangesJson<'a>(pub &'a Changes);

#[derive(Serialize)]
struct FromTo<T> {
    from: Option<T>,
    to: Option<T>,
}

impl Serialize for ChangesJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for change in &self.0.fields {
            let from_to = FromTo { from: change.from.as_deref(), to: change.to.as_deref() };
            map.serialize_entry(change.field.name().unwrap_or_default(), &from_to)?;
        }
        if self.0.touch_notes() {
            map.serialize_entry("notes", &NoteChangesJson(&self.0.notes))?;
        }
        map.end()
    }
}

struct NoteChangesJson<'a>(&'a [NoteChange]);

impl<'a> Serialize for NoteChangesJson<'a> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let from_to = |change: &'a NoteChange| FromTo {
            from: change.from.as_ref().map(NoteJson),
            to: change.to.as_ref().map(NoteJson),
        };
        serializer.collect_map(self.0.iter().map(|change| (&change.key, from_to(change))))
    }
}

/// The digits of a JSON number that is whole and not negative, however it is spelled: `9123456780`, `9123456780.0`,
/// `9.12345678E9` and `91234567800e-1` are one. `None` for any other number. Reads the literal, since floating point is not exact.
///
/// A number of more than [`DIGITS_MAX`] digits is cut to its first ones: no rule takes as many, and `1e999999999` costs nothing.
pub fn whole_digits(literal: &str) -> Option<String> {
    let (number, exponent) = literal.split_once(['e', 'E']).unwrap_or((literal, "0"));
    let (negative, number) = number.strip_prefix('-').map_or((false, number), |number| (true, number));
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let written = format!("{whole}{fraction}");
    let digits = written.trim_end_matches('0');
    if digits.is_empty() {
        return Some("0".to_owned());
    }
    let (behind, dropped) = (fraction.len().try_into().ok()?, i64::try_from(written.len() - digits.len()).ok()?);
    let exponent = exponent.parse().unwrap_or(if exponent.starts_with('-') { i64::MIN } else { i64::MAX });
    let zeros = exponent.saturating_sub(behind).saturating_add(dropped);
    if negative || zeros < 0 {
        return None;
    }
    let digits = digits.trim_start_matches('0').chars();
    Some(digits.chain(repeat_n('0', usize::try_from(zeros).unwrap_or(usize::MAX))).take(DIGITS_MAX).collect())
}

/// The most digits of a whole number that are looked at: more than any field takes.
const DIGITS_MAX: usize = 32;

/// A JSON value as a note's value; `None` for what is not a scalar.
pub fn note_value(json: Json) -> Option<NoteValue> {
    match json {
        Json::Text(text) => Some(NoteValue::Text(text)),
        Json::Number(literal) => Some(NoteValue::Number(literal)),
        Json::Bool(bool) => Some(NoteValue::Bool(bool)),
        Json::Null | Json::Array(_) | Json::Object(_) => None,
    }
}

/// Who asked for something.
#[derive(Debug, Serialize)]
pub struct ActorJson<'a> {
    r#type: &'static str,
    id: Option<&'a str>,
    label: &'a str,
}

impl<'a> ActorJson<'a> {
    /// An actor in this shape.
    pub fn of(actor: &'a Actor) -> Self {
        match actor {
            Actor::Key { id, label } => Self { r#type: "key", id: Some(id.as_str()), label },
            Actor::Staff { id, email } => Self { r#type: "staff", id: Some(id.as_str()), label: email },
            Actor::Command { name } => Self { r#type: "command", id: None, label: name },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(members: Vec<(&str, Json)>) -> Json {
        Json::Object(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }

    fn error(text: &str) -> String {
        Json::parse(text.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn order_and_literals_survive() {
        let text = r#"{"b":1.50,"a":12345678901234567890123,"c":-0,"d":1E+2}"#;
        let literals = |literal: &str| Json::Number(literal.into());
        assert_eq!(
            Json::parse(text.as_bytes()).unwrap(),
            object(vec![
                ("b", literals("1.50")),
                ("a", literals("12345678901234567890123")),
                ("c", literals("-0")),
                ("d", literals("1E+2")),
            ])
        );
        let notes =
            Notes::stored(vec![("z".into(), NoteValue::Number("1.50".into())), ("a".into(), NoteValue::Bool(true))]);
        assert_eq!(serde_json::to_string(&NotesJson(&notes)).unwrap(), r#"{"z":1.50,"a":true}"#);
    }

    #[test]
    fn a_whole_number_is_its_digits_in_every_spelling() {
        for literal in
            ["9123456780", "9123456780.0", "9123456780.000e0", "9.12345678E9", "9.123456780e+09", "91234567800e-1"]
        {
            assert_eq!(whole_digits(literal).as_deref(), Some("9123456780"), "{literal}");
        }
        assert_eq!(whole_digits("0.000912345678e13").as_deref(), Some("9123456780"));
        for zero in ["0", "-0", "0.0", "0e5", "0E-99999999999999999999", "-0.0e1"] {
            assert_eq!(whole_digits(zero).as_deref(), Some("0"), "{zero}");
        }
        for other in ["1.5", "-1", "1e-1", "123456789.05e1", "1e-9999999999999999999999", "-9.1e9"] {
            assert_eq!(whole_digits(other), None, "{other}");
        }
        // Past what a floating point number tells apart.
        assert_eq!(whole_digits("900719925474099.3e1").as_deref(), Some("9007199254740993"));
        for long in ["1e999999999", "1e99999999999999999999999", &format!("1{}", "0".repeat(100_000))] {
            assert_eq!(whole_digits(long).map(|digits| digits.len()), Some(DIGITS_MAX), "{long:.30}");
        }
    }

    #[test]
    fn of_duplicate_names_the_last_counts() {
        let text = r#"{"a":1,"b":2,"a":"x"}"#;
        assert_eq!(
            Json::parse(text.as_bytes()).unwrap(),
            object(vec![("a", Json::Text("x".into())), ("b", Json::Number("2".into()))])
        );
    }

    #[test]
    fn errors_name_the_place_in_the_whole_document() {
        assert_eq!(error("{\"a\":1,}"), "key must be a string at line 1 column 8");
        assert_eq!(error("{\n  \"a\": x}"), "expected value at line 2 column 8");
        assert_eq!(error("{\n \"a\": {\n  \"b\": \"\\ud800\"}}"), "unexpected end of hex escape at line 3 column 15");
        assert_eq!(error("{} {}"), "trailing characters at line 1 column 4");
    }

    #[test]
    fn what_looks_like_a_private_name_of_the_library_is_a_name() {
        let text = r#"{"$serde_json::private::RawValue":"1"}"#;
        assert_eq!(
            Json::parse(text.as_bytes()).unwrap(),
            object(vec![("$serde_json::private::RawValue", Json::Text("1".into()))])
        );
    }

    #[test]
    fn depth_is_harmless() {
        for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
            let deep = |depth: usize| format!("{}1{}", open.repeat(depth), close.repeat(depth));
            for depth in [100, 20_000] {
                let document = format!("{{\"a\":{}}}", deep(depth));
                assert!(matches!(Json::parse(document.as_bytes()), Ok(Json::Object(members)) if members.len() == 1));
            }
            assert!(error(&deep(20_000)[1..]).starts_with("trailing characters"), "{}", error(&deep(20_000)[1..]));
        }
    }

    #[test]
    fn objects_are_read_as_deep_as_any_is_needed() {
        let read = Json::parse(br#"{"a":{"b":{"c":{"d":{"e":1}}}}}"#).unwrap();
        let within = |name, json| object(vec![(name, json)]);
        assert_eq!(read, within("a", within("b", within("c", within("d", Json::Array(1))))));
    }
}
