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
mod phone;
mod reader;
mod writer;

use std::borrow::Cow;
use std::fmt;

use indexmap::IndexMap;
use serde_json::value::{RawValue, to_raw_value};

pub use mapping::{Empty, Incoming, Mapping, Phones, Target, Unfit, Who};
pub use reader::Reader;
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
}

type Cells = IndexMap<String, Box<RawValue>>;

impl Row {
    /// A row as [`Row::to_text`] wrote it; `None` where that is not what it is.
    pub fn from_text(line: u64, text: &str) -> Option<Self> {
        Some(Self { line, cells: serde_json::from_str(text).ok()? })
    }

    /// Its cells as a JSON object on one line, in the order of the file.
    pub fn to_text(&self) -> String {
        serde_json::to_string(&self.cells).unwrap_or_default()
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
        Self { line, cells: cells.map(|(column, text)| (column.into_owned(), raw(text))).collect() }
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
        Self { row: Row { line, cells: Cells::new() }, words: words.into() }
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
