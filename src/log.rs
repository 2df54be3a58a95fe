//! Log lines on standard error: those of requests gather for a moment and go out together.
//!
//! With a write a line, the worker threads spent a fifth of a read's time on it, and waiting for each other's.

use std::io::{Write, stderr};
use std::mem::swap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use tracing::{Level, Metadata};
use tracing_subscriber::fmt::MakeWriter;

/// How long a line waits at most. A process that is killed loses no more than this of what it told.
const WAIT_MAX: Duration = Duration::from_millis(20);
/// How many bytes wait at most.
const LEN_MAX: usize = 64 * 1024;

/// What waits: whole lines.
static WAITING: Mutex<Vec<u8>> = Mutex::new(Vec::new());
/// What is being written. Held while it is, so that lines stay in their order.
static LEAVING: Mutex<Vec<u8>> = Mutex::new(Vec::new());

/// Lines on their way to standard error.
pub struct Lines {
    /// Whether somebody will write what waits.
    gathers: bool,
}

impl Lines {
    /// Starts the thread that writes what waits. Where none can be started, each line goes out at once.
    pub fn start() -> Self {
        let write_on = || {
            loop {
                thread::sleep(WAIT_MAX);
                flush();
            }
        };
        Self { gathers: thread::Builder::new().name("log".into()).spawn(write_on).is_ok() }
    }
}

/// Writes what waits.
pub fn flush() {
    let mut leaving = lock(&LEAVING);
    swap(&mut *leaving, &mut *lock(&WAITING));
    // Nobody may listen, which changes nothing about what is done.
    let _ = stderr().write_all(&leaving);
    leaving.clear();
}

fn lock(lines: &Mutex<Vec<u8>>) -> MutexGuard<'_, Vec<u8>> {
    // Whoever panicked left whole lines.
    lines.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One line.
pub struct Line {
    at_once: bool,
}

impl Write for Line {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        let mut waiting = lock(&WAITING);
        waiting.extend_from_slice(line);
        let is_full = waiting.len() >= LEN_MAX;
        drop(waiting);
        if is_full || self.at_once {
            flush();
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Line;

    fn make_writer(&'a self) -> Line {
        Line { at_once: true }
    }

    /// What is wrong is told at once.
    fn make_writer_for(&'a self, meta: &Metadata<'_>) -> Line {
        Line { at_once: !self.gathers || *meta.level() <= Level::WARN }
    }
}
