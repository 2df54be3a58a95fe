//! What a file of customers looks like: CSV or JSONL, read as a stream of rows whoever wrote it, and written.
//!
//! A file is pushed into a [`Reader`] in pieces, as an upload comes in, and gives [`Row`]s: a line number, and under each column
//! what the file has there. A [`Mapping`] says which column is which part of a customer, and makes of a row what is
//! asked for: an [`Incoming`]. Nothing here is judged by the rules of customers; that is the domain's. Memory is bounded by one
//! row and one piece, however long the file is.

mod created_at;
mod csv;
mod guess;
mod jsonl;
mod mapping;
mod reader;
mod refused;
mod utf16;
mod writer;

use std::borrow::Cow;
use std::fmt;

use indexmap::IndexMap;
use serde_json::value::{RawValue, to_raw_value};

pub use mapping::{Dates, Empty, Facts, Incoming, Mapping, Phones, Target, Unfit, Who};
pub use reader::Reader;
pub use refused::RefusedFile;
pub use writer::{For, Writer};

/// The most bytes that a row may have.
pub const ROW_LEN_MAX: usize = 64 * 1024;
/// The most columns of a file.
pub const COLUMNS_MAX: usize = 200;

/// How a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A line of names, then a line a customer, their values between commas (or semicolons, or tabs).
    Csv,
    /// A JSON object a line.
    Jsonl,
}

impl Format {
    /// `csv` or `jsonl`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Jsonl => "jsonl",
        }
    }

    /// The format of this name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Csv, Self::Jsonl].into_iter().find(|format| format.as_str() == name)
    }
}

/// What a file has of one customer: under each column a JSON value, which in CSV is always text.
#[derive(Clone, Debug)]
pub struct Row {
    /// The line on which it begins, from 1.
    pub line: u64,
    cells: Cells,
    /// The row as it came, where its cells with commas between them are something else.
    raw: Option<Box<Raw>>,
}

/// A row as it came.
#[derive(Clone, Debug)]
struct Raw {
    /// The byte between values.
    separator: u8,
    /// All of it but its line end.
    bytes: Vec<u8>,
}

type Cells = IndexMap<String, Box<RawValue>>;

impl Row {
    /// A row as [`Row::to_text`] wrote it; `None` where that is not what it is.
    pub fn from_text(line: u64, text: &str) -> Option<Self> {
        if !text.starts_with('[') {
            return Some(Self { line, cells: serde_json::from_str(text).ok()?, raw: None });
        }
        let (separator, kept, cells): (String, Box<RawValue>, Cells) = serde_json::from_str(text).ok()?;
        let bytes = match serde_json::from_str(kept.get()) {
            Ok(text) => String::into_bytes(text),
            Err(_) => serde_json::from_str::<(String,)>(kept.get()).ok()?.0.chars().map(|char| char as u8).collect(),
        };
        Some(Self { line, cells, raw: Some(Box::new(Raw { separator: *separator.as_bytes().first()?, bytes })) })
    }

    /// Its cells as a JSON object on one line, in the order of the file. Where the row is to be kept as it came, an array: the byte
    /// between values, the row, and that object. A row that is not UTF-8 is an array of text with a character for each byte.
    pub fn to_text(&self) -> String {
        let Some(Raw { separator, bytes }) = self.raw.as_deref() else { return self.cells_text() };
        let kept = match std::str::from_utf8(bytes) {
            Ok(text) => serde_json::to_string(text),
            Err(_) => serde_json::to_string(&[bytes.iter().map(|byte| char::from(*byte)).collect::<String>()]),
        };
        let separator = serde_json::Value::from(char::from(*separator).to_string());
        format!("[{separator},{},{}]", kept.unwrap_or_default(), self.cells_text())
    }

    fn cells_text(&self) -> String {
        serde_json::to_string(&self.cells).unwrap_or_default()
    }

    /// The pieces between separators, quotation marks and blanks of a row that could not be read: any may be a value.
    pub fn pieces(&self) -> impl Iterator<Item = String> {
        let text = self
            .raw
            .as_ref()
            .filter(|_| self.cells.is_empty())
            .map(|raw| String::from_utf8_lossy(&raw.bytes).into_owned());
        let text = text.unwrap_or_default();
        let split = |separators: &'static [char]| {
            text.split(separators).map(|piece| piece.trim().to_owned()).collect::<Vec<_>>()
        };
        let (cells, words) = (
            split(&[',', ';', '\t', '|', '"', '\r', '\n']),
            split(&[',', ';', '|', '"', ' ', '\t', '\r', '\n', '<', '>']),
        );
        cells.into_iter().chain(words)
    }

    /// What stands under a column, as a cell of a table has it: text as it is, no value as nothing, and anything else as JSON.
    pub fn text(&self, column: &str) -> Option<Cow<'_, str>> {
        self.cells.get(column).map(|raw| match raw.get() {
            "null" => Cow::Borrowed(""),
            json if json.starts_with('"') => Cow::Owned(serde_json::from_str(json).unwrap_or_default()),
            json => Cow::Borrowed(json),
        })
    }

    /// Its columns.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        self.cells.keys().map(String::as_str)
    }

    /// A row of text alone.
    fn of_text<'a>(line: u64, cells: impl Iterator<Item = (Cow<'a, str>, &'a str)>) -> Self {
        let raw = |text: &str| to_raw_value(text).unwrap_or_default();
        Self { line, cells: cells.map(|(column, text)| (column.into_owned(), raw(text))).collect(), raw: None }
    }
}

impl PartialEq for Row {
    fn eq(&self, other: &Self) -> bool {
        self.line == other.line && self.to_text() == other.to_text()
    }
}

/// Why a row could not be read, which ends nothing: the next one may be.
#[derive(Clone, Debug, PartialEq)]
pub struct Unread {
    /// What could be read of it, perhaps nothing, and where it begins.
    pub row: Row,
    /// Why, in a sentence without values.
    pub words: String,
}

impl Unread {
    fn nothing(line: u64, words: impl Into<String>) -> Self {
        Self { row: Row { line, cells: Cells::new(), raw: None }, words: words.into() }
    }
}

/// Why a file cannot be read at all, in a sentence that names the way out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable(String);

impl Unreadable {
    fn because(words: impl Into<String>) -> Self {
        Self(words.into())
    }
}

impl fmt::Display for Unreadable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}
