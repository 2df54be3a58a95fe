//! CSV: a line of names, then a line a row. The line of names, or a `sep=` line before it, says what separates values.
//!
//! A record is kept as it came until it ends, at most [`ROW_LEN_MAX`] bytes of it. Where its quotation marks are at fault it is
//! refused, and reading goes on at the next line that can be a row.

mod head;
mod scan;

use std::borrow::Cow;

use super::reader::Rows;
use super::{COLUMNS_MAX, ROW_LEN_MAX, Raw, Row, Unread, Unreadable, refused, writer};
use head::Head;
pub(super) use scan::values;
use scan::{Fault, Scan, Step, cells};

pub(super) struct Csv {
    /// The bytes up to the end of the line of names, until that is read.
    start: Option<Vec<u8>>,
    head: Head,
    /// The bytes that are kept, and where in them the record and its present line begin and how far they are scanned.
    bytes: Vec<u8>,
    begin: usize,
    line_begin: usize,
    scanned: usize,
    scan: Scan,
    fault: Option<Fault>,
    /// Where in a record that goes over several lines the first one begins, but the first of all, that can be a row.
    next_row: Option<usize>,
    /// The line on which a record began that is too long to be kept.
    too_long: Option<u64>,
    /// The line of the first byte of the record that is kept.
    line: u64,
    /// Whether the byte before the record was a carriage return, so that a line feed belongs to it.
    is_after_cr: bool,
}

impl Default for Csv {
    fn default() -> Self {
        Self {
            start: Some(Vec::new()),
            head: Head::default(),
            bytes: Vec::new(),
            begin: 0,
            line_begin: 0,
            scanned: 0,
            scan: Scan::default(),
            fault: None,
            next_row: None,
            too_long: None,
            line: 1,
            is_after_cr: false,
        }
    }
}

impl Csv {
    pub(super) fn columns(&self) -> &[String] {
        &self.head.columns
    }

    pub(super) fn push(&mut self, piece: &[u8]) -> Result<Rows, Unreadable> {
        let Some(start) = &mut self.start else { return Ok(self.records(piece)) };
        start.extend_from_slice(piece);
        if head::has_ended(start) {
            self.begin()
        } else if start.len() <= ROW_LEN_MAX {
            Ok(Rows::new())
        } else {
            Err(head::too_long())
        }
    }

    pub(super) fn finish(&mut self) -> Result<Rows, Unreadable> {
        let mut rows = if self.start.is_some() { self.begin()? } else { Rows::new() };
        // A quotation mark that does not close may have hidden rows, each of which gets its turn.
        while self.begin < self.bytes.len() || self.too_long.is_some() {
            self.end_line();
            let step = if self.fault.is_some() { Step::Inside } else { self.step(b'\n') };
            match step {
                Step::End => self.end(&mut rows),
                Step::Inside => self.refuse(self.fault.unwrap_or(Fault::Unclosed), &mut rows),
                Step::Fault(fault) => self.refuse(fault, &mut rows),
            }
            rows.extend(self.records(b""));
        }
        Ok(rows)
    }

    fn begin(&mut self) -> Result<Rows, Unreadable> {
        let start = self.start.take().unwrap_or_default();
        let (head, rest) = Head::read(&start)?;
        self.head = head;
        self.line += line_ends(&start[..start.len() - rest.len()], &mut self.is_after_cr);
        Ok(self.records(rest))
    }

    fn step(&mut self, byte: u8) -> Step {
        match &self.head.widths {
            Some(widths) => self.scan.step(byte, self.head.separator, Some(widths)),
            None => Step::Inside,
        }
    }

    /// Takes bytes, and gives the rows that end in them.
    fn records(&mut self, piece: &[u8]) -> Rows {
        let mut rows = Rows::new();
        self.bytes.extend_from_slice(piece);
        while let Some(byte) = self.bytes.get(self.scanned).copied() {
            let is_end = matches!(byte, b'\r' | b'\n');
            if is_end && self.scanned == self.begin && self.too_long.is_none() {
                self.skip(self.begin + 1);
                continue;
            }
            if is_end {
                self.end_line();
            }
            if self.fault.is_none() {
                match self.step(byte) {
                    Step::Inside => {}
                    Step::End => {
                        self.end(&mut rows);
                        continue;
                    }
                    Step::Fault(fault) => self.fault = Some(fault),
                }
            }
            // A value that goes on is part of what is refused, until a line can be a row.
            if let Some(fault) = self.fault.filter(|fault| is_end && (*fault != Fault::Row || self.next_row.is_some()))
            {
                self.refuse(fault, &mut rows);
                continue;
            }
            self.scanned += 1;
            if is_end {
                self.line_begin = self.scanned;
            }
            if self.scanned - self.begin > ROW_LEN_MAX {
                self.shorten();
            }
        }
        self.bytes.drain(..self.begin);
        self.scanned -= self.begin;
        self.line_begin = self.line_begin.saturating_sub(self.begin);
        self.next_row = self.next_row.map(|at| at - self.begin);
        self.begin = 0;
        rows
    }

    /// Notes a line inside a record that can be a row: one with several cells, as text over several lines rarely has.
    fn end_line(&mut self) {
        if self.next_row.is_none() && self.line_begin > self.begin {
            let width = cells(&self.bytes[self.line_begin..self.scanned], self.head.separator);
            let is_row = width > 1 || self.head.columns.len() == 1;
            self.next_row = is_row.then_some(self.line_begin);
        }
    }

    /// Goes on behind these bytes with a new record.
    fn skip(&mut self, to: usize) {
        self.line += line_ends(&self.bytes[self.begin..to], &mut self.is_after_cr);
        (self.begin, self.scanned, self.line_begin) = (to, to, to);
        (self.scan, self.fault, self.next_row, self.too_long) = (Scan::default(), None, None, None);
    }

    /// Drops what came of a record that is too long, but for its present line.
    fn shorten(&mut self) {
        self.too_long.get_or_insert(self.line);
        // The line end before it stays, which shows that it is whole.
        let to = if self.line_begin > self.begin + 1 { self.line_begin - 1 } else { self.scanned };
        self.line += line_ends(&self.bytes[self.begin..to], &mut self.is_after_cr);
        (self.begin, self.line_begin) = (to, self.line_begin.max(to));
        self.next_row = None;
    }

    /// Ends the record before the byte that is next.
    fn end(&mut self, rows: &mut Rows) {
        match self.too_long {
            Some(line) => rows.push(Err(self.unkept(line, self.scanned))),
            None => rows.extend(self.row(&self.bytes[self.begin..self.scanned])),
        }
        self.skip(self.scanned);
    }

    /// Refuses the record up to the line that can be a row.
    fn refuse(&mut self, fault: Fault, rows: &mut Rows) {
        let to = self.next_row.unwrap_or(self.scanned);
        let record = &self.bytes[self.begin..to];
        let record = record.strip_suffix(b"\n").unwrap_or(record);
        let record = record.strip_suffix(b"\r").unwrap_or(record);
        rows.push(Err(match self.too_long {
            Some(line) => self.unkept(line, to),
            None => self.unread(record, fault.words().into()),
        }));
        self.skip(to);
    }

    fn unkept(&self, line: u64, to: usize) -> Unread {
        let last = self.line + line_ends(&self.bytes[self.begin..to], &mut { self.is_after_cr });
        let mut words =
            format!("The line is longer than {ROW_LEN_MAX} bytes; a quotation mark that does not close may be why.");
        if last > line {
            words.push_str(&format!(" It goes on to line {last}."));
        }
        Unread::nothing(line, words)
    }

    fn unread(&self, record: &[u8], words: String) -> Unread {
        let record = if self.head.has_reasons { refused::without_reason(record, self.head.separator) } else { record };
        let mut unread = Unread::nothing(self.line, words);
        unread.row.raw = Some(Box::new(Raw { separator: self.head.separator, bytes: record.to_vec() }));
        unread
    }

    /// The row of the record, where it has any value: spreadsheets leave lines of none at the end.
    fn row(&self, record: &[u8]) -> Option<Result<Row, Unread>> {
        let (Head { separator, columns, has_reasons, .. }, line) = (&self.head, self.line);
        let text = match std::str::from_utf8(record) {
            Ok(text) => text,
            Err(error) => {
                let before = line_ends(&record[..error.valid_up_to()], &mut false);
                let words = format!("Line {} is not UTF-8: save the file as CSV (UTF-8).", line + before);
                return Some(Err(self.unread(record, words)));
            }
        };
        let mut cells = values(text, *separator);
        let mut raw = Cow::Borrowed(text);
        if *has_reasons {
            let reason = cells.remove(0);
            raw = Cow::Borrowed(std::str::from_utf8(refused::without_reason(record, *separator)).unwrap_or_default());
            if refused::is_guarded(&reason) {
                cells.iter_mut().for_each(|cell| *cell = writer::unguarded(cell).to_owned());
                raw = Cow::Owned(refused::joined(&cells, *separator, false));
            } else if !refused::is_reason(&reason) {
                let words =
                    format!("The first column, {}, is for reasons of Patron's: give it another name.", refused::COLUMN);
                return Some(Err(self.unread(record, words)));
            }
        }
        if cells.iter().all(|cell| cell.trim().is_empty()) {
            return None;
        }
        let has = cells.iter().rposition(|cell| !cell.trim().is_empty()).map_or(0, |last| last + 1);
        writer::unguard(columns, &mut cells);
        let name = |at: usize| match columns.get(at) {
            Some(name) => Cow::Borrowed(name.as_str()),
            None => Cow::Owned(format!("column {}", at + 1)),
        };
        let is_plain = cells.len() <= columns.len() && cells.join(",") == raw;
        cells.truncate(columns.len().max(has));
        let mut row =
            Row::of_text(line, cells.iter().take(COLUMNS_MAX).enumerate().map(|(at, cell)| (name(at), cell.as_str())));
        row.raw = (!is_plain).then(|| Box::new(Raw { separator: *separator, bytes: raw.into_owned().into_bytes() }));
        let names = columns.len();
        if has <= names {
            return Some(Ok(row));
        }
        let words = if has > COLUMNS_MAX {
            format!("The line has more than {COLUMNS_MAX} values.")
        } else {
            format!(
                "The line has {has} values, and the first line names {names} column{}.",
                if names == 1 { "" } else { "s" }
            )
        };
        Some(Err(Unread { row, words }))
    }
}

/// How many lines begin behind these bytes: a carriage return, a line feed and the two together each end one.
fn line_ends(bytes: &[u8], is_after_cr: &mut bool) -> u64 {
    let ends = bytes.iter().filter(|byte| {
        let is_second = std::mem::replace(is_after_cr, **byte == b'\r') && **byte == b'\n';
        matches!(byte, b'\r' | b'\n') && !is_second
    });
    ends.count() as u64
}
