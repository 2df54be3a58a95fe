//! Log lines on standard error.

use std::io::{self, Write};
use std::sync::OnceLock;
use std::time::SystemTime;

use patron::http::RequestLog;
use tracing::{Level, Metadata};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::{Common, LogFormat};
use crate::output::STDERR;

static REQUESTS: OnceLock<RequestLog> = OnceLock::new();

/// Starts the log; other crates' lines only where they warn. A panic is one line: where it happened, and nothing of what it was about.
pub fn start(common: &Common) {
    let lines = tracing_subscriber::fmt::layer().with_writer(LogWriter).with_target(false);
    let lines: Box<dyn tracing_subscriber::Layer<_> + Send + Sync> = match common.log_format {
        LogFormat::Text => Box::new(lines),
        LogFormat::Json => Box::new(lines.json().flatten_event(true)),
    };
    // A request that is not HTTP at all would be a line each time, by which a stranger fills the log.
    let not_http = ("actix_http::h1::dispatcher", LevelFilter::OFF);
    let level = LevelFilter::from_level(common.log_level);
    let wanted = Targets::new().with_default(LevelFilter::WARN).with_target("patron", level).with_targets([not_http]);
    tracing_subscriber::registry().with(lines).with(wanted).init();
    if level >= LevelFilter::INFO {
        let format = match common.log_format {
            LogFormat::Text => patron::http::LogFormat::Text,
            LogFormat::Json => patron::http::LogFormat::Json,
        };
        let _ = REQUESTS.set(RequestLog::new(format, now, |line| STDERR.push(line, false)));
    }
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "a panic");
    }));
}

/// Returns where the lines of requests go.
pub fn requests() -> RequestLog {
    REQUESTS.get().copied().unwrap_or_default()
}

#[expect(
    clippy::disallowed_methods,
    reason = "lines of the log have the system's time, also where an emulator's clock stands"
)]
fn now() -> SystemTime {
    SystemTime::now()
}

struct LogWriter;

struct LineWriter {
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
