//! A file of refused rows, each as it came, with the reason in a column before them.
//!
//! The reason comes first, so that whatever is wrong with a row, its reason can be read, and the bytes of the row stay as they
//! are. Reading the file drops that column: it can be fixed and imported any number of times, whatever its other columns are.

use super::csv::values;
use super::{Cells, For, Format, Row, writer};

/// The name of the column of reasons.
pub(super) const COLUMN: &str = "patron_reason";
/// The end of a reason whose row has quotes before what a spreadsheet takes for a formula.
const GUARDED: &str = " A quote (') stands before what looks like a formula; importing this file removes it.";

/// Returns whether text is a reason that [`RefusedFile`] wrote, or was removed.
pub(super) fn is_reason(text: &str) -> bool {
    text.is_empty() || text.starts_with("Line ")
}

/// Returns whether a reason says that its row has quotes before what looks like a formula.
pub(super) fn is_guarded(reason: &str) -> bool {
    is_reason(reason) && reason.ends_with(GUARDED.trim_start())
}

/// A record without its first cell.
pub(super) fn without_reason(record: &[u8], separator: u8) -> &[u8] {
    let mut is_quoted = false;
    let end = record.iter().position(|byte| {
        is_quoted ^= *byte == b'"';
        !is_quoted && *byte == separator
    });
    end.map_or(b"", |end| &record[end + 1..])
}

/// Cells as a record.
pub(super) fn joined(cells: &[String], separator: u8, guards: bool) -> String {
    let mut text = String::new();
    for (at, cell) in cells.iter().enumerate() {
        if at > 0 {
            text.push(char::from(separator));
        }
        let guard = if guards && writer::is_formula(cell) { "'" } else { "" };
        if cell.contains(char::from(separator)) {
            text.extend(["\"", guard, &cell.replace('"', "\"\""), "\""]);
        } else {
            writer::put(cell, guard, &mut text);
        }
    }
    text
}

/// Writes refused rows.
#[derive(Clone, Copy, Debug)]
pub struct RefusedFile {
    format: Format,
    readers: For,
    separator: u8,
}

impl RefusedFile {
    /// A file of rows of a file in this format, of which one is given.
    pub fn new(format: Format, readers: For, row: Option<&Row>) -> Self {
        let separator = row.and_then(|row| row.raw.as_ref()).map_or(b',', |raw| raw.separator);
        Self { format, readers, separator }
    }

    /// The first line: the reason, and the columns that the file had.
    pub fn begin(self, columns: &[String]) -> Vec<u8> {
        if self.format == Format::Jsonl {
            return Vec::new();
        }
        let mark = if self.readers == For::Spreadsheets { writer::BOM } else { "" };
        let names: Vec<String> = std::iter::once(COLUMN.to_owned()).chain(columns.iter().cloned()).collect();
        format!("{mark}{}\r\n", joined(&names, self.separator, false)).into_bytes()
    }

    /// Adds a row, as far as it is kept, and why it was refused.
    pub fn write(self, line: u64, reason: &str, row: Option<&Row>, file: &mut Vec<u8>) {
        let reason = format!("Line {line}: {reason}");
        match self.format {
            Format::Csv => self.write_csv(reason, row, file),
            Format::Jsonl => write_json(&reason, row, file),
        }
    }

    fn write_csv(self, mut reason: String, row: Option<&Row>, file: &mut Vec<u8>) {
        let cells = |row: &Row| -> Vec<String> {
            row.columns().filter_map(|name| Some(row.text(name)?.into_owned())).collect()
        };
        let mut record = match row {
            Some(Row { raw: Some(raw), .. }) => raw.bytes.clone(),
            Some(row) => joined(&cells(row), self.separator, false).into_bytes(),
            None => Vec::new(),
        };
        if self.readers == For::Spreadsheets
            && let Some(guarded) = self.guarded(&record, row.is_some_and(|row| row.cells.is_empty()))
        {
            record = guarded;
            reason.push_str(GUARDED);
        }
        file.extend(
            [b"\"", reason.replace('"', "\"\"").as_bytes(), b"\"", &[self.separator], &record, b"\r\n"].concat(),
        );
    }

    /// A record with quotes before what a spreadsheet takes for a formula, if there is any. A record that could not be read is
    /// taken line by line, and each line at its separators.
    fn guarded(self, record: &[u8], is_unread: bool) -> Option<Vec<u8>> {
        match std::str::from_utf8(record) {
            Ok(text) if !is_unread => {
                let cells = values(text, self.separator);
                let is_any = cells.iter().any(|cell| writer::is_formula(cell));
                is_any.then(|| joined(&cells, self.separator, true).into_bytes())
            }
            _ => {
                let (mut guarded, mut is_begin, mut is_any) = (Vec::with_capacity(record.len()), true, false);
                for byte in record {
                    if is_begin && writer::FORMULA.contains(&char::from(*byte)) {
                        guarded.push(b'\'');
                        is_any = true;
                    }
                    is_begin = [self.separator, b'\r', b'\n'].contains(byte) || is_begin && b"\" '".contains(byte);
                    guarded.push(*byte);
                }
                is_any.then_some(guarded)
            }
        }
    }
}

/// A line that is no JSON object follows one that holds its reason alone.
fn write_json(reason: &str, row: Option<&Row>, file: &mut Vec<u8>) {
    let reason = serde_json::Value::from(reason);
    file.extend(format!("{{\"{COLUMN}\":{reason}").bytes());
    match row {
        Some(Row { raw: Some(raw), .. }) => file.extend([b"}\n", raw.bytes.as_slice()].concat()),
        Some(row) if !row.cells.is_empty() => file.extend(format!(",{}", &row.cells_text()[1..]).bytes()),
        _ => file.push(b'}'),
    }
    file.push(b'\n');
}

/// Removes the reason with which a line of JSON may begin; gives whether anything else is there.
pub(super) fn take_reason(cells: &mut Cells) -> bool {
    let is_ours = cells.first().is_some_and(|(name, raw)| {
        name == COLUMN && serde_json::from_str::<String>(raw.get()).is_ok_and(|text| is_reason(&text))
    });
    if is_ours {
        cells.shift_remove_index(0);
    }
    !is_ours || !cells.is_empty()
}
