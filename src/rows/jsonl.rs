//! A JSON object a line.

use super::reader::Rows;
use super::{COLUMNS_MAX, Cells, ROW_LEN_MAX, Raw, Row, Unread, Unreadable, refused};

#[derive(Default)]
pub(super) struct Jsonl {
    /// What came of a line that has not ended, and no more of it than one byte too much.
    line: Vec<u8>,
    /// How many lines have ended.
    ended: u64,
    columns: Vec<String>,
}

impl Jsonl {
    pub(super) fn columns(&self) -> &[String] {
        &self.columns
    }

    pub(super) fn push(&mut self, piece: &[u8]) -> Result<Rows, Unreadable> {
        let mut rows = Rows::new();
        for part in piece.split_inclusive(|byte| *byte == b'\n') {
            let room = (ROW_LEN_MAX + 1).saturating_sub(self.line.len());
            let text = part.strip_suffix(b"\n").unwrap_or(part);
            self.line.extend_from_slice(&text[..text.len().min(room)]);
            if text.len() < part.len() {
                rows.extend(self.end());
            }
        }
        Ok(rows)
    }

    pub(super) fn finish(&mut self) -> Result<Rows, Unreadable> {
        Ok(self.end().into_iter().collect())
    }

    /// The line that ends here, where there is anything on it.
    fn end(&mut self) -> Option<Result<Row, Unread>> {
        self.ended += 1;
        let line = std::mem::take(&mut self.line);
        let read = if line.trim_ascii().is_empty() { None } else { self.read(&line).transpose() };
        // Its room serves the next one.
        self.line = line;
        self.line.clear();
        read
    }

    /// The row of a line; a line that holds the reason of the next one alone has none.
    fn read(&mut self, line: &[u8]) -> Result<Option<Row>, Unread> {
        let unread = |words: String| {
            let mut unread = Unread::nothing(self.ended, words);
            unread.row.raw = Some(Box::new(Raw { separator: b',', bytes: line.trim_ascii_end().to_vec() }));
            unread
        };
        if line.len() > ROW_LEN_MAX {
            return Err(Unread::nothing(self.ended, format!("The line is longer than {ROW_LEN_MAX} bytes.")));
        }
        let text = std::str::from_utf8(line).map_err(|_| unread("The line is not UTF-8.".into()))?;
        let mut cells: Cells = serde_json::from_str(text).map_err(|error| {
            // The parser quotes a value that is whole and no object.
            if error.is_data() {
                return unread("The line is JSON, but not an object.".into());
            }
            let said = error.to_string();
            let cause = said.split(" at line ").next().unwrap_or_default();
            unread(format!("The line is not a JSON object: {cause} at column {}.", error.column()))
        })?;
        if !refused::take_reason(&mut cells) {
            return Ok(None);
        }
        for column in cells.keys() {
            if !self.columns.contains(column) {
                if self.columns.len() == COLUMNS_MAX {
                    return Err(unread(format!(
                        "With this line the file has more than {COLUMNS_MAX} different names."
                    )));
                }
                self.columns.push(column.clone());
            }
        }
        Ok(Some(Row { line: self.ended, cells, raw: None }))
    }
}
