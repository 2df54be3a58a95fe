//! CSV: a line of names, then a line a row. Which sign separates is told from the line of names.

use std::borrow::Cow;

use csv_core::{ReadRecordResult, ReaderBuilder};

use super::reader::Rows;
use super::{COLUMNS_MAX, ROW_LEN_MAX, Row, Unread, Unreadable, phone};
use crate::domain::Email;

/// How many digits a telephone number has at least: fewer may be a year, or a day.
const PHONE_LEN_MIN: usize = 8;

pub(super) struct Csv {
    /// What came of the first line, until it ends.
    head: Option<Vec<u8>>,
    columns: Vec<String>,
    parser: csv_core::Reader,
    /// The text of a record, its values one after the other, and where each of them ends.
    text: Vec<u8>,
    text_len: usize,
    ends: Vec<usize>,
    ends_len: usize,
    /// Why the record is not read, of which no more is kept.
    is_too_long: bool,
    is_too_wide: bool,
    /// The line of the next byte.
    line: u64,
    /// Whether the byte before it was a carriage return.
    is_after_cr: bool,
    /// The line on which the record began, where one has.
    began: Option<u64>,
}

impl Default for Csv {
    fn default() -> Self {
        Self {
            head: Some(Vec::new()),
            columns: Vec::new(),
            parser: csv_core::Reader::new(),
            text: vec![0; ROW_LEN_MAX],
            text_len: 0,
            // One more than there may be, to see that there are too many.
            ends: vec![0; COLUMNS_MAX + 1],
            ends_len: 0,
            is_too_long: false,
            is_too_wide: false,
            line: 1,
            is_after_cr: false,
            began: None,
        }
    }
}

impl Csv {
    pub(super) fn columns(&self) -> &[String] {
        &self.columns
    }

    pub(super) fn push(&mut self, piece: &[u8]) -> Result<Rows, Unreadable> {
        let Some(head) = &mut self.head else { return self.records(piece) };
        head.extend_from_slice(piece);
        match first_line(head) {
            Some(_) => self.begin(),
            None if head.len() <= ROW_LEN_MAX => Ok(Rows::new()),
            None => Err(head_too_long()),
        }
    }

    pub(super) fn finish(&mut self) -> Result<Rows, Unreadable> {
        let mut rows = if self.head.is_some() { self.begin()? } else { Rows::new() };
        if let Some(line) = self.began {
            // A line end ends a record, unless it stands in quotes.
            let ended = loop {
                match self.read(b"\n") {
                    (0, false) => {}
                    (_, ended) => break ended,
                }
            };
            if ended {
                self.end(&mut rows)?;
            } else {
                let words = "A quotation mark opens here and does not close before the end of the file.";
                rows.push(Err(Unread::nothing(line, words)));
            }
        }
        if self.columns.is_empty() { Err(Unreadable::because("the file is empty")) } else { Ok(rows) }
    }

    fn begin(&mut self) -> Result<Rows, Unreadable> {
        let head = self.head.take().unwrap_or_default();
        self.parser = ReaderBuilder::new().delimiter(separator(first_line(&head).unwrap_or(&head))).build();
        self.records(&head)
    }

    /// Takes bytes, and gives the rows that end in them.
    fn records(&mut self, mut piece: &[u8]) -> Result<Rows, Unreadable> {
        let mut rows = Rows::new();
        while !piece.is_empty() {
            if self.began.is_none() {
                let blank = piece.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
                self.count(&piece[..blank]);
                piece = &piece[blank..];
                if piece.is_empty() {
                    break;
                }
                self.began = Some(self.line);
            }
            let (taken, ended) = self.read(piece);
            self.count(&piece[..taken]);
            piece = &piece[taken..];
            if ended {
                self.end(&mut rows)?;
            }
        }
        Ok(rows)
    }

    fn count(&mut self, bytes: &[u8]) {
        self.line += line_ends(bytes, &mut self.is_after_cr);
    }

    /// Reads on in a record. Gives how many bytes it took, and whether the record ended with them.
    fn read(&mut self, piece: &[u8]) -> (usize, bool) {
        let (text, ends) = (&mut self.text[self.text_len..], &mut self.ends[self.ends_len..]);
        let (result, taken, text_len, ends_len) = self.parser.read_record(piece, text, ends);
        self.text_len += text_len;
        self.ends_len += ends_len;
        match result {
            // What does not fit is read over.
            ReadRecordResult::OutputFull => (self.is_too_long, self.text_len) = (true, 0),
            ReadRecordResult::OutputEndsFull => (self.is_too_wide, self.ends_len) = (true, 0),
            ReadRecordResult::InputEmpty | ReadRecordResult::Record | ReadRecordResult::End => {}
        }
        (taken, result == ReadRecordResult::Record)
    }

    /// The record has ended: the first names the columns, and any other is a row.
    fn end(&mut self, rows: &mut Rows) -> Result<(), Unreadable> {
        let line = self.began.take().unwrap_or(self.line);
        if self.columns.is_empty() {
            self.columns = self.names()?;
        } else {
            rows.extend(self.row(line));
        }
        (self.text_len, self.ends_len) = (0, 0);
        (self.is_too_long, self.is_too_wide) = (false, false);
        Ok(())
    }

    fn names(&self) -> Result<Vec<String>, Unreadable> {
        if self.is_too_wide || self.ends_len > COLUMNS_MAX {
            return Err(Unreadable::because(format!("the file has more than {COLUMNS_MAX} columns")));
        }
        if self.is_too_long {
            return Err(head_too_long());
        }
        let not_utf8 = |_| Unreadable::because("line 1 is not UTF-8: save the file as CSV (UTF-8)");
        let cells = self.cells().map_err(not_utf8)?;
        let names: Vec<String> = cells.iter().map(|name| name.trim().to_owned()).collect();
        for (at, name) in names.iter().enumerate() {
            if name.is_empty() {
                let words = format!("column {} has no name in the first line: name it, or remove it", at + 1);
                return Err(Unreadable::because(words));
            }
            if is_value(name) {
                let at = at + 1;
                let words = format!(
                    "the first line must name the columns, and column {at} of it looks like a value: put a line of names before it"
                );
                return Err(Unreadable::because(words));
            }
            if names[..at].contains(name) {
                let words = format!("the first line names the column {name:?} twice: rename one of them");
                return Err(Unreadable::because(words));
            }
        }
        Ok(names)
    }

    /// The row of the record, where it has any value: spreadsheets leave lines of none at the end.
    fn row(&self, line: u64) -> Option<Result<Row, Unread>> {
        if self.is_too_long || self.is_too_wide {
            let words = if self.is_too_long {
                format!("The line is longer than {ROW_LEN_MAX} bytes; a quotation mark that does not close may be why.")
            } else {
                format!("The line has more than {COLUMNS_MAX} values.")
            };
            return Some(Err(Unread::nothing(line, words)));
        }
        let cells = match self.cells() {
            Ok(cells) => cells,
            Err(at) => {
                let before = line_ends(&self.text[..at], &mut false);
                let words = format!("Line {} is not UTF-8: save the file as CSV (UTF-8).", line + before);
                return Some(Err(Unread::nothing(line, words)));
            }
        };
        if cells.iter().all(|cell| cell.trim().is_empty()) {
            return None;
        }
        let name = |at: usize| match self.columns.get(at) {
            Some(name) => Cow::Borrowed(name.as_str()),
            None => Cow::Owned(format!("column {}", at + 1)),
        };
        let row = Row::of_text(line, cells.iter().enumerate().map(|(at, cell)| (name(at), *cell)));
        if cells.len() == self.columns.len() {
            return Some(Ok(row));
        }
        let (has, names) = (cells.len(), self.columns.len());
        let words = format!("The line has {has} value{}, and the first line names {names} column{}.", s(has), s(names));
        Some(Err(Unread { row, words }))
    }

    /// The record's values, or where it stops being UTF-8.
    fn cells(&self) -> Result<Vec<&str>, usize> {
        let text = std::str::from_utf8(&self.text[..self.text_len]).map_err(|error| error.valid_up_to())?;
        let mut begin = 0;
        let ends = &self.ends[..self.ends_len];
        // A sign whose bytes two values share is in neither of them.
        ends.iter().map(|end| text.get(std::mem::replace(&mut begin, *end)..*end).ok_or(*end)).collect()
    }
}

/// Whether what should name a column is somebody's email address or telephone number: columns are kept longer than values.
fn is_value(name: &str) -> bool {
    let number = phone::cleaned(name);
    let digits = number.strip_prefix('+').unwrap_or(&number);
    Email::parse(name).is_ok() || digits.len() >= PHONE_LEN_MIN && digits.bytes().all(|byte| byte.is_ascii_digit())
}

fn head_too_long() -> Unreadable {
    Unreadable::because(format!("the first line does not end within {ROW_LEN_MAX} bytes: is this a CSV file?"))
}

/// How many lines begin behind these bytes: a carriage return, a line feed and the two together each end one.
fn line_ends(bytes: &[u8], is_after_cr: &mut bool) -> u64 {
    let ends = bytes.iter().filter(|byte| {
        let is_second = std::mem::replace(is_after_cr, **byte == b'\r') && **byte == b'\n';
        matches!(byte, b'\r' | b'\n') && !is_second
    });
    ends.count() as u64
}

fn s(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}

/// The bytes up to the end of the first line that has any, outside of quotes; `None` where it has not ended.
fn first_line(head: &[u8]) -> Option<&[u8]> {
    let begin = head.iter().position(|byte| !matches!(byte, b'\r' | b'\n'))?;
    let mut is_quoted = false;
    let end = head[begin..].iter().position(|byte| {
        is_quoted ^= *byte == b'"';
        !is_quoted && matches!(byte, b'\r' | b'\n')
    })?;
    Some(&head[begin..begin + end])
}

/// The sign that separates the names: of comma, semicolon and tab the one that is there most outside of quotes.
fn separator(line: &[u8]) -> u8 {
    let mut is_quoted = false;
    let mut counts = [(b',', 0), (b';', 0), (b'\t', 0)];
    for byte in line {
        is_quoted ^= *byte == b'"';
        for (sign, count) in &mut counts {
            *count += usize::from(!is_quoted && byte == sign);
        }
    }
    // The first of equals.
    counts.into_iter().rev().max_by_key(|(_, count)| *count).map_or(b',', |(sign, _)| sign)
}
