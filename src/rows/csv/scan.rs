//! Finds where a CSV record ends, one byte at a time, and what is wrong with its quotation marks.
//!
//! RFC 4180, strictly: a quotation mark opens a value only at its beginning, and after the one that closes it comes a separator
//! or a line end; blanks around a quoted value are allowed. A lenient reader takes a stray quotation mark for an opening one, and
//! the rows after it for a part of the value. So a quoted value with a line that looks like a row is a fault, too: one that has as
//! many cells as the first line of the file, or fewer with an email address or a phone number among them.

use std::ops::RangeInclusive;

use crate::domain::{Contact, Email};

/// The longest line of a quoted value that is looked at for an email address or a phone number, in bytes.
const LINE_LEN_MAX: usize = 4096;

/// A fault of quotation marks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// A value that begins without one has one.
    Inside,
    /// Text follows the one that closes a value.
    TextAfter,
    /// A line of a quoted value looks like a row.
    Row,
    /// The one that opens a value is not closed at the end of the file.
    Unclosed,
}

impl Fault {
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Inside => {
                "A quotation mark stands inside a value that does not begin with one: put the value in quotation marks, and write \
                 each one inside it twice."
            }
            Self::TextAfter => {
                "Text follows a closing quotation mark: write each quotation mark inside a quoted value twice, or remove it."
            }
            Self::Row => {
                "A quotation mark opens here, and a line inside it looks like a row: close the quotation mark, or remove it."
            }
            Self::Unclosed => "A quotation mark opens here and does not close before the end of the file.",
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum At {
    /// At the beginning of a value, perhaps after blanks.
    #[default]
    Begin,
    Plain,
    Quoted,
    /// Behind a quotation mark that closes, or is the first of two.
    Closed,
    /// Behind blanks that follow a quoted value.
    Blank,
}

/// What a byte comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Inside,
    /// The byte is the first that ends the line of the record.
    End,
    Fault(Fault),
}

/// The state within a record.
#[derive(Clone, Debug, Default)]
pub(super) struct Scan {
    at: At,
    /// The separators on the present line of the quoted value.
    separators: usize,
    /// The line, as far as it is looked at.
    line: Vec<u8>,
    /// Whether the quoted value has more than one line.
    has_lines: bool,
}

impl Scan {
    /// Takes a byte. A line of a quoted value that has a number of cells in `widths` looks like a row; without, no line does.
    pub(super) fn step(&mut self, byte: u8, separator: u8, widths: Option<&RangeInclusive<usize>>) -> Step {
        let is_blank = byte == b' ' || byte == b'\t';
        match (self.at, byte) {
            (At::Quoted, b'"') => self.at = At::Closed,
            (At::Quoted, b'\r' | b'\n') => {
                self.has_lines = true;
                return self.end_line(separator, widths).map_or(Step::Inside, Step::Fault);
            }
            (At::Quoted, _) => {
                self.separators += usize::from(byte == separator);
                self.keep(byte);
            }
            (At::Closed, b'"') => {
                self.at = At::Quoted;
                self.keep(byte);
            }
            (At::Closed | At::Blank, b'\r' | b'\n') => {
                return self.end_line(separator, widths).map_or(Step::End, Step::Fault);
            }
            (_, b'\r' | b'\n') => return Step::End,
            (At::Closed | At::Blank, _) if byte == separator => {
                self.at = At::Begin;
                return self.end_line(separator, widths).map_or(Step::Inside, Step::Fault);
            }
            (_, _) if byte == separator => self.at = At::Begin,
            (At::Closed | At::Blank, _) if is_blank => self.at = At::Blank,
            (At::Closed | At::Blank, _) => return Step::Fault(Fault::TextAfter),
            (At::Begin, b'"') => {
                (self.at, self.separators, self.has_lines) = (At::Quoted, 0, false);
                self.line.clear();
            }
            (At::Begin, _) if is_blank => {}
            (At::Plain, b'"') => return Step::Fault(Fault::Inside),
            (At::Begin | At::Plain, _) => self.at = At::Plain,
        }
        Step::Inside
    }

    /// Ends a line of a quoted value, which is a fault where it looks like a row.
    fn end_line(&mut self, separator: u8, widths: Option<&RangeInclusive<usize>>) -> Option<Fault> {
        let width = std::mem::take(&mut self.separators) + 1;
        let is_row = self.has_lines
            && widths.is_some_and(|widths| widths.contains(&width) || width > 1 && names_person(&self.line, separator));
        self.line.clear();
        is_row.then_some(Fault::Row)
    }

    fn keep(&mut self, byte: u8) {
        if self.line.len() <= LINE_LEN_MAX {
            self.line.push(byte);
        }
    }
}

/// Returns whether a cell of a line is an email address or a phone number.
fn names_person(line: &[u8], separator: u8) -> bool {
    let mut cells = line.split(|byte| *byte == separator).filter_map(|cell| std::str::from_utf8(cell).ok());
    line.len() <= LINE_LEN_MAX
        && cells.any(|cell| {
            let cell = cell.trim_matches(|char: char| char == '"' || char.is_whitespace());
            Email::parse(cell).is_ok() || Contact::tidy(cell).is_ok_and(|number| Contact::parse(&number).is_ok())
        })
}

/// The values of a record that [`Scan`] found no fault in, without the quotation marks and the blanks around them.
pub(in super::super) fn values(record: &str, separator: u8) -> Vec<String> {
    let (mut values, mut value) = (Vec::new(), String::new());
    let mut at = At::Begin;
    for char in record.chars() {
        at = match (at, char) {
            (At::Quoted, '"') => At::Closed,
            (At::Closed, '"') => {
                value.push('"');
                At::Quoted
            }
            (At::Begin | At::Plain | At::Closed | At::Blank, _) if char == char::from(separator) => {
                values.push(std::mem::take(&mut value));
                At::Begin
            }
            (At::Begin, '"') => {
                value.clear();
                At::Quoted
            }
            (At::Closed | At::Blank, _) => At::Blank,
            (At::Begin, ' ' | '\t') => {
                value.push(char);
                At::Begin
            }
            (at, _) => {
                value.push(char);
                if at == At::Quoted { at } else { At::Plain }
            }
        };
    }
    values.push(value);
    values
}

/// How many cells a line has, taken alone.
pub(super) fn cells(line: &[u8], separator: u8) -> usize {
    let mut is_quoted = false;
    let separators = line.iter().filter(|byte| {
        is_quoted ^= **byte == b'"';
        !is_quoted && **byte == separator
    });
    1 + separators.count()
}
