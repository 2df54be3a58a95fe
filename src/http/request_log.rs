//! The log line of a request, in the two formats of the log.
//!
//! Written by hand: `tracing` took a tenth of a read's instructions for it, a third of that for colors that were off. A test holds
//! both formats against the other lines of the log.

use std::fmt;
use std::io::Write;
use std::time::SystemTime;

/// The format of log lines.
#[derive(Clone, Copy, Debug)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One object per line.
    Json,
}

/// Writes a line for each request, or none.
#[derive(Clone, Copy, Debug, Default)]
pub struct RequestLog(Option<Sink>);

#[derive(Clone, Copy, Debug)]
struct Sink {
    format: LogFormat,
    now: fn() -> SystemTime,
    write: fn(&[u8]),
}

/// The fields of a line. Texts are names and ids of our own, and a request id of letters, digits, `_` and `-`: nothing in them has to
/// be escaped.
pub(super) struct Line<'a> {
    pub(super) method: &'a str,
    pub(super) route: &'a str,
    pub(super) status: u16,
    pub(super) duration_us: u64,
    pub(super) key_id: Option<&'a str>,
    pub(super) staff_id: Option<&'a str>,
    pub(super) refused: Option<&'a str>,
    pub(super) request_id: &'a str,
}

impl RequestLog {
    /// Takes the clock, and what takes a whole line.
    pub fn new(format: LogFormat, now: fn() -> SystemTime, write: fn(&[u8])) -> Self {
        Self(Some(Sink { format, now, write }))
    }

    pub(super) fn write(self, line: &Line<'_>) {
        if let Some(Sink { format, now, write }) = self.0 {
            write(&line.format(format, now()));
        }
    }
}

impl Line<'_> {
    fn format(&self, format: LogFormat, now: SystemTime) -> Vec<u8> {
        let mut line = Fields { format, bytes: Vec::with_capacity(320) };
        line.begin(now);
        line.text("method", Some(self.method));
        line.text("route", Some(self.route));
        line.number("status", self.status.into());
        line.number("duration_us", self.duration_us);
        line.text("key_id", self.key_id);
        line.text("staff_id", self.staff_id);
        line.text("refused", self.refused);
        line.text("request_id", Some(self.request_id));
        line.end()
    }
}

struct Fields {
    format: LogFormat,
    bytes: Vec<u8>,
}

impl Fields {
    fn begin(&mut self, now: SystemTime) {
        let now = humantime::format_rfc3339_micros(now);
        match self.format {
            LogFormat::Text => self.push_formatted(format_args!("{now}  INFO request")),
            LogFormat::Json => {
                self.push_formatted(format_args!(r#"{{"timestamp":"{now}","level":"INFO","message":"request""#));
            }
        }
    }

    fn text(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.name(name);
            self.push(&["\"", value, "\""]);
        }
    }

    fn number(&mut self, name: &str, value: u64) {
        self.name(name);
        self.push_formatted(format_args!("{value}"));
    }

    fn name(&mut self, name: &str) {
        match self.format {
            LogFormat::Text => self.push(&[" ", name, "="]),
            LogFormat::Json => self.push(&[",\"", name, "\":"]),
        }
    }

    fn push(&mut self, parts: &[&str]) {
        parts.iter().for_each(|part| self.bytes.extend_from_slice(part.as_bytes()));
    }

    fn push_formatted(&mut self, arguments: fmt::Arguments<'_>) {
        // Writing into a vector does not fail.
        let _ = self.bytes.write_fmt(arguments);
    }

    fn end(mut self) -> Vec<u8> {
        self.push(match self.format {
            LogFormat::Text => &["\n"],
            LogFormat::Json => &["}\n"],
        });
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::time::{Duration, SystemTime};

    use super::*;

    const LINE: Line<'_> = Line {
        method: "PUT",
        route: "/v1/customers/{id}",
        status: 200,
        duration_us: 1_234,
        key_id: Some("rzp_test_00000000000001"),
        staff_id: None,
        refused: None,
        request_id: "req_00000000000001",
    };

    fn moment() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_micros(1_582_033_731_000_450)
    }

    fn line(format: LogFormat, line: &Line<'_>) -> String {
        String::from_utf8(line.format(format, moment())).unwrap()
    }

    #[test]
    fn a_line_has_the_fields_that_are_known() {
        let text = "2020-02-18T13:48:51.000450Z  INFO request method=\"PUT\" route=\"/v1/customers/{id}\" status=200 duration_us=1234 \
            key_id=\"rzp_test_00000000000001\" request_id=\"req_00000000000001\"\n";
        assert_eq!(line(LogFormat::Text, &LINE), text);
        let refused = Line { key_id: None, staff_id: Some("staff_1"), refused: Some("no credentials"), ..LINE };
        let json = r#"{"timestamp":"2020-02-18T13:48:51.000450Z","level":"INFO","message":"request","method":"PUT","route":"/v1/customers/{id}","status":200,"duration_us":1234,"staff_id":"staff_1","refused":"no credentials","request_id":"req_00000000000001"}"#;
        assert_eq!(line(LogFormat::Json, &refused).trim_end(), json);
    }

    /// Returns the same line by `tracing`, with its own time.
    fn by_tracing(format: LogFormat) -> String {
        static WRITTEN: Mutex<Vec<u8>> = Mutex::new(Vec::new());
        struct Writer;
        impl Write for Writer {
            fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
                WRITTEN.lock().unwrap().write(bytes)
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        let lines = tracing_subscriber::fmt().with_writer(|| Writer).with_target(false);
        let log = || {
            let (none, key_id) = (None::<&str>, LINE.key_id);
            tracing::info!(
                method = LINE.method,
                route = LINE.route,
                status = LINE.status,
                duration_us = LINE.duration_us,
                key_id,
                staff_id = none,
                refused = none,
                request_id = LINE.request_id,
                "request"
            );
        };
        match format {
            LogFormat::Text => tracing::subscriber::with_default(lines.finish(), log),
            LogFormat::Json => tracing::subscriber::with_default(lines.json().flatten_event(true).finish(), log),
        }
        String::from_utf8(std::mem::take(&mut *WRITTEN.lock().unwrap())).unwrap()
    }

    #[test]
    fn a_line_is_as_the_other_lines_of_the_log_are() {
        let without_time = |line: &str| {
            let at = line.find("20").unwrap();
            let len = "2020-02-18T13:48:51.000450Z".len();
            format!("{}{}", &line[..at], &line[at + len..])
        };
        for format in [LogFormat::Text, LogFormat::Json] {
            assert_eq!(without_time(&line(format, &LINE)), without_time(&by_tracing(format)));
        }
    }
}
