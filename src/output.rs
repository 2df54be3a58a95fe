//! Standard error and standard output for text that must not hold up the program: log lines, progress, a server's greeting.
//!
//! A pipe that is not read, a stopped terminal and a slow disk block every thread that writes to them. So text is put into a
//! buffer that is bounded in bytes, and one thread for each of the two writes it. While the buffer is full, lines are dropped
//! and counted; the count is a line of the log once there is room. Lines gather for 20 ms and are written together: with a write
//! for each line, the worker threads spent a fifth of a read's time on it.
//! Rejected: the lossy writer of `tracing-appender`, which is bounded in lines, writes each line by itself and logs no count.

use std::fs::File;
use std::io::{self, ErrorKind, Write, stderr, stdout};
use std::mem::{replace, swap, take};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use patron::metrics::LOG_LINES_DROPPED;

/// The longest that a line waits for others. A process that is killed loses the lines of this time.
const GATHER_MAX: Duration = Duration::from_millis(20);
/// The bytes that end the gathering.
const GATHER_LEN: usize = 64 * 1024;
/// The most bytes that wait; as many may be on their way out. The last quarter is for urgent lines, such as warnings.
const LEN_MAX: usize = 1024 * 1024;
/// The most bytes that wait before a frame of a progress bar is left out.
const FRAME_LEN: usize = 4 * 1024;
/// The longest that the program waits until its output is written.
const FINISH_WITHIN: Duration = Duration::from_secs(1);

/// Standard error.
pub static STDERR: Output = Output::new(|| stderr().as_fd().try_clone_to_owned());
/// Standard output of a server or an emulator.
pub static STDOUT: Output = Output::new(|| stdout().as_fd().try_clone_to_owned());

/// A buffer and the thread that writes it, which starts with the first text.
pub struct Output {
    /// A descriptor of its own: the locks of the standard library's would be held by a thread that blocks.
    open: fn() -> io::Result<OwnedFd>,
    state: Mutex<State>,
    filled: Condvar,
    written: Condvar,
}

struct State {
    waiting: Vec<u8>,
    dropped: u64,
    is_urgent: bool,
    is_writing: bool,
    /// Somebody waited in vain, and nothing was written since: no thread waits again.
    is_stuck: bool,
    writer: Writer,
}

enum Writer {
    NotStarted,
    Thread,
    /// There is no thread, and whoever has a text writes it.
    Caller,
}

impl Output {
    const fn new(open: fn() -> io::Result<OwnedFd>) -> Self {
        let state = State {
            waiting: Vec::new(),
            dropped: 0,
            is_urgent: false,
            is_writing: false,
            is_stuck: false,
            writer: Writer::NotStarted,
        };
        Self { open, state: Mutex::new(state), filled: Condvar::new(), written: Condvar::new() }
    }

    /// Takes whole lines, to be written within 20 ms, or immediately where they are urgent.
    pub fn push(&'static self, lines: &[u8], is_urgent: bool) {
        let mut state = self.lock();
        let max = if is_urgent { LEN_MAX } else { LEN_MAX / 4 * 3 };
        if state.waiting.len() + lines.len() > max {
            state.dropped += 1;
            LOG_LINES_DROPPED.inc();
            return;
        }
        self.add(state, lines, is_urgent);
    }

    /// Takes a frame of a progress bar, which is left out while those before it wait.
    pub fn frame(&'static self, frame: &[u8]) {
        let state = self.lock();
        if state.waiting.len() < FRAME_LEN {
            self.add(state, frame, true);
        }
    }

    /// Writes a text and waits until it is written, a second at most.
    pub fn say(&'static self, text: &str) {
        self.push(text.as_bytes(), true);
        self.wait(Instant::now() + FINISH_WITHIN);
    }

    fn add(&'static self, mut state: MutexGuard<'_, State>, text: &[u8], is_urgent: bool) {
        let before = state.waiting.len();
        state.waiting.extend_from_slice(text);
        state.is_urgent |= is_urgent;
        if matches!(state.writer, Writer::NotStarted) {
            state.writer = self.start();
        }
        match state.writer {
            Writer::Caller => {
                let waiting = take(&mut state.waiting);
                drop(state);
                // It may be closed, which changes nothing about the outcome.
                let _ = (self.open)().map(|fd| write(&File::from(fd), &waiting));
            }
            _ if before == 0 || is_urgent || (before < GATHER_LEN && state.waiting.len() >= GATHER_LEN) => {
                drop(state);
                self.filled.notify_one();
            }
            _ => {}
        }
    }

    fn start(&'static self) -> Writer {
        let Ok(file) = (self.open)().map(File::from) else { return Writer::Caller };
        match thread::Builder::new().name("output".into()).spawn(move || self.run(&file)) {
            Ok(_) => Writer::Thread,
            Err(_) => Writer::Caller,
        }
    }

    fn run(&self, file: &File) {
        let mut leaving = Vec::new();
        loop {
            let state = self.lock();
            let state = self.filled.wait_while(state, |state| state.waiting.is_empty());
            let state = state.unwrap_or_else(PoisonError::into_inner);
            let gathers = |state: &mut State| !state.is_urgent && state.waiting.len() < GATHER_LEN;
            let gathered = self.filled.wait_timeout_while(state, GATHER_MAX, gathers);
            let (mut state, _) = gathered.unwrap_or_else(PoisonError::into_inner);
            swap(&mut leaving, &mut state.waiting);
            let dropped = replace(&mut state.dropped, 0);
            (state.is_urgent, state.is_writing) = (false, true);
            drop(state);
            write(file, &leaving);
            // A greeting has secrets, which do not stay in memory.
            leaving.fill(0);
            leaving.clear();
            leaving.shrink_to(2 * GATHER_LEN);
            let mut state = self.lock();
            (state.is_writing, state.is_stuck) = (false, false);
            drop(state);
            self.written.notify_all();
            if dropped > 0 {
                tracing::warn!(lines = dropped, "log lines were dropped: nothing read them in time");
            }
        }
    }

    /// Waits until all is written, or until `end`.
    fn wait(&self, end: Instant) {
        let left = end.saturating_duration_since(Instant::now());
        let is_left = |state: &mut State| !state.is_stuck && (state.is_writing || !state.waiting.is_empty());
        let mut state = self.lock();
        if !state.waiting.is_empty() {
            state.is_urgent = true;
            self.filled.notify_one();
        }
        let (mut state, waited) =
            self.written.wait_timeout_while(state, left, is_left).unwrap_or_else(PoisonError::into_inner);
        state.is_stuck |= waited.timed_out();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A thread that panicked left whole lines.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits until both are written, a second at most: the program ends.
pub fn finish() {
    let end = Instant::now() + FINISH_WITHIN;
    STDERR.wait(end);
    STDOUT.wait(end);
}

fn write(mut file: &File, mut text: &[u8]) {
    while !text.is_empty() {
        match file.write(text) {
            Ok(len) if len > 0 => text = &text[len..],
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            // Another process made the pipe or the terminal non-blocking.
            Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(GATHER_MAX),
            // No reader, or no room on the disk, which changes nothing about the outcome.
            _ => return,
        }
    }
}
