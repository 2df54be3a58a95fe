//! Log lines on standard error.

use std::io::{self, Write};

use tracing::{Level, Metadata};
use tracing_subscriber::fmt::MakeWriter;

use crate::output::STDERR;

/// The writer of log lines.
pub struct LogWriter;

/// The writer of one line.
pub struct LineWriter {
    is_urgent: bool,
}

impl Write for LineWriter {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        STDERR.push(line, self.is_urgent);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for LogWriter {
    type Writer = LineWriter;

    fn make_writer(&'a self) -> LineWriter {
        LineWriter { is_urgent: true }
    }

    /// Warnings and errors are urgent.
    fn make_writer_for(&'a self, meta: &Metadata<'_>) -> LineWriter {
        LineWriter { is_urgent: *meta.level() <= Level::WARN }
    }
}
