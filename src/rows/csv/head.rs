//! The first lines of a CSV file: a `sep=` line of Excel's, and the line that names the columns.

use std::ops::RangeInclusive;

use super::super::{COLUMNS_MAX, ROW_LEN_MAX, Unreadable, refused};
use super::scan::{Scan, Step, values};
use crate::domain::{Contact, Email};

/// What the first lines say.
#[derive(Debug, Default)]
pub(super) struct Head {
    pub(super) separator: u8,
    /// The names of the columns, without empty ones at the end.
    pub(super) columns: Vec<String>,
    /// How many cells a line has that looks like a row.
    pub(super) widths: Option<RangeInclusive<usize>>,
    /// Whether the first column is the reason that a file of refused rows has, which is none of `columns`.
    pub(super) has_reasons: bool,
}

impl Head {
    /// Reads the first lines, and gives what follows them.
    pub(super) fn read(start: &[u8]) -> Result<(Self, &[u8]), Unreadable> {
        let (said, start) = without_sep(start);
        let start = start.trim_prefix_line_ends();
        let separator = said.unwrap_or_else(|| guess(first_line(start).unwrap_or(start)));
        let line = record(start, separator)?;
        let text = std::str::from_utf8(line)
            .map_err(|_| Unreadable::because("line 1 is not UTF-8: save the file as CSV (UTF-8)"))?;
        let mut columns: Vec<String> = values(text, separator).iter().map(|name| name.trim().to_owned()).collect();
        let most = columns.len();
        columns.truncate(columns.iter().rposition(|name| !name.is_empty()).map_or(0, |last| last + 1));
        let widths = Some(columns.len()..=most);
        let has_reasons = columns.len() > 1 && columns[0] == refused::COLUMN;
        if has_reasons {
            columns.remove(0);
        }
        judge(&columns)?;
        Ok((Self { separator, columns, widths, has_reasons }, &start[line.len()..]))
    }
}

trait LineEnds {
    fn trim_prefix_line_ends(&self) -> &Self;
}

impl LineEnds for [u8] {
    fn trim_prefix_line_ends(&self) -> &Self {
        let begin = self.iter().position(|byte| !matches!(byte, b'\r' | b'\n')).unwrap_or(self.len());
        &self[begin..]
    }
}

/// Returns whether the line that names the columns has ended.
pub(super) fn has_ended(start: &[u8]) -> bool {
    first_line(without_sep(start).1).is_some()
}

/// The record with which these bytes begin.
fn record(start: &[u8], separator: u8) -> Result<&[u8], Unreadable> {
    let mut scan = Scan::default();
    for (at, byte) in start.iter().chain([&b'\n']).enumerate() {
        match scan.step(*byte, separator, None) {
            Step::Inside => {}
            Step::End => return Ok(&start[..at]),
            Step::Fault(fault) => {
                let words = fault.words().trim_end_matches('.');
                return Err(Unreadable::because(format!("the first line cannot be read: {words}")));
            }
        }
        if at > ROW_LEN_MAX {
            return Err(too_long());
        }
    }
    Err(Unreadable::because("the first line has a quotation mark that does not close"))
}

fn judge(names: &[String]) -> Result<(), Unreadable> {
    if names.is_empty() {
        return Err(Unreadable::because("the file is empty"));
    }
    if names.len() > COLUMNS_MAX {
        return Err(Unreadable::because(format!("the file has more than {COLUMNS_MAX} columns")));
    }
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
    Ok(())
}

/// Returns whether a name is an email address or a phone number: names of columns are kept longer than values. Fewer digits than
/// a phone number has may be a year, or a day.
fn is_value(name: &str) -> bool {
    let is_phone = |number: String| number.trim_start_matches('+').len() >= Contact::DIGITS_MIN;
    Email::parse(name).is_ok() || Contact::tidy(name).is_ok_and(is_phone)
}

pub(super) fn too_long() -> Unreadable {
    Unreadable::because(format!("the first line does not end within {ROW_LEN_MAX} bytes: is this a CSV file?"))
}

/// The separator that a line like `sep=;` names, by which spreadsheets know it, and what follows that line.
fn without_sep(start: &[u8]) -> (Option<u8>, &[u8]) {
    let Some(line) = first_line(start) else { return (None, start) };
    let said = line.trim_ascii_end();
    let said = said.strip_prefix(b"\"").and_then(|said| said.strip_suffix(b"\"")).unwrap_or(said);
    let name = said.get(..4).filter(|name| name.eq_ignore_ascii_case(b"sep="));
    let separator = match name.map(|_| &said[4..]) {
        Some(b"") if line.ends_with(b"\t") => b'\t',
        Some([byte]) if byte.is_ascii_punctuation() && *byte != b'"' => *byte,
        _ => return (None, start),
    };
    let end = line.as_ptr().addr() - start.as_ptr().addr() + line.len();
    (Some(separator), &start[end..])
}

/// The bytes up to the end of the first line that has any, outside of quotes; `None` where it has not ended.
fn first_line(head: &[u8]) -> Option<&[u8]> {
    let line = head.trim_prefix_line_ends();
    let mut is_quoted = false;
    let end = line.iter().position(|byte| {
        is_quoted ^= *byte == b'"';
        !is_quoted && matches!(byte, b'\r' | b'\n')
    })?;
    Some(&line[..end])
}

/// The byte that separates the names: of comma, semicolon and tab the one that is there most outside of quotes.
fn guess(line: &[u8]) -> u8 {
    let mut is_quoted = false;
    let mut counts = [(b',', 0), (b';', 0), (b'\t', 0)];
    for byte in line {
        is_quoted ^= *byte == b'"';
        for (separator, count) in &mut counts {
            *count += usize::from(!is_quoted && byte == separator);
        }
    }
    // The first of equals.
    counts.into_iter().rev().max_by_key(|(_, count)| *count).map_or(b',', |(separator, _)| separator)
}
