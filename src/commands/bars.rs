//! Progress bars on standard error, where it is a terminal. A terminal that is stopped holds up no command: frames that it does
//! not take are left out.

use std::fmt::Write as _;
use std::io::{self, IsTerminal, stderr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle, TermLike};
use patron::domain::{CheckProgress, Copying};
use rustix::termios::tcgetwinsize;

use crate::output::STDERR;

/// The frame that is drawn, until it is whole.
#[derive(Debug, Default)]
struct Frames(Mutex<String>);

impl Frames {
    fn add(&self, text: std::fmt::Arguments<'_>) -> io::Result<()> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write_fmt(text).map_err(io::Error::other)
    }
}

impl TermLike for Frames {
    fn width(&self) -> u16 {
        // A terminal that does not know its size says 0.
        tcgetwinsize(stderr()).ok().map(|size| size.ws_col).filter(|columns| *columns > 0).unwrap_or(80)
    }

    fn move_cursor_up(&self, lines: usize) -> io::Result<()> {
        if lines == 0 { Ok(()) } else { self.add(format_args!("\x1b[{lines}A")) }
    }

    fn move_cursor_down(&self, lines: usize) -> io::Result<()> {
        if lines == 0 { Ok(()) } else { self.add(format_args!("\x1b[{lines}B")) }
    }

    fn move_cursor_right(&self, columns: usize) -> io::Result<()> {
        if columns == 0 { Ok(()) } else { self.add(format_args!("\x1b[{columns}C")) }
    }

    fn move_cursor_left(&self, columns: usize) -> io::Result<()> {
        if columns == 0 { Ok(()) } else { self.add(format_args!("\x1b[{columns}D")) }
    }

    fn write_line(&self, line: &str) -> io::Result<()> {
        self.add(format_args!("{line}\n"))
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.add(format_args!("{text}"))
    }

    fn clear_line(&self) -> io::Result<()> {
        self.add(format_args!("\r\x1b[2K"))
    }

    fn flush(&self) -> io::Result<()> {
        let mut frame = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        STDERR.frame(frame.as_bytes());
        frame.clear();
        Ok(())
    }
}

fn terminal() -> ProgressDrawTarget {
    match stderr().is_terminal() {
        true => ProgressDrawTarget::term_like(Box::<Frames>::default()),
        false => ProgressDrawTarget::hidden(),
    }
}

/// A bar for as many as are known beforehand.
pub fn progress_bar(len: u64, what: &str) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg} [{bar:40}] {human_pos} of {human_len}, {eta} to go");
    let bar = ProgressBar::with_draw_target(Some(len), terminal()).with_message(what.to_owned());
    bar.enable_steady_tick(Duration::from_millis(200));
    style.map_or(bar.clone(), |style| bar.with_style(style.progress_chars("=> ")))
}

/// The same where their number is not known.
pub fn spinner(what: &'static str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, terminal()).with_style(ProgressStyle::default_spinner());
    bar.enable_steady_tick(Duration::from_millis(200));
    bar.with_message(what)
}

/// A bar that shows how far a copy is that is made and read again.
pub fn copying_bar() -> (ProgressBar, impl Fn(Copying)) {
    let bar = progress_bar(0, "copying");
    let shown = bar.clone();
    let progress = move |step| match step {
        Copying::Pages { done, total } => {
            shown.set_length(total);
            shown.set_position(done);
        }
        Copying::Checking(CheckProgress::Pages) => shown.set_message("reading again: pages and indexes"),
        Copying::Checking(CheckProgress::Histories { done, total }) => {
            shown.set_message("reading again: histories");
            shown.set_length(total);
            shown.set_position(done);
        }
        // Of a copy it is not looked at.
        Copying::Checking(CheckProgress::Search { .. }) => {}
    };
    (bar, progress)
}
