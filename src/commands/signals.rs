//! Signals: what they ask of a server.

use std::io::{IsTerminal, stdin};

use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals that a server listens to.
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
    save: Signal,
    hang_up: Signal,
    at_terminal: bool,
}

/// What a signal asks for.
pub enum Asked {
    /// An end.
    End,
    /// A copy of what is open.
    Save,
    /// A look at what was replaced.
    Reload,
}

impl Signals {
    pub fn new() -> Result<Self, String> {
        let on = |kind| signal(kind).map_err(|error| format!("cannot listen for signals: {error}"));
        Ok(Self {
            terminate: on(SignalKind::terminate())?,
            interrupt: on(SignalKind::interrupt())?,
            save: on(SignalKind::user_defined1())?,
            hang_up: on(SignalKind::hangup())?,
            at_terminal: stdin().is_terminal(),
        })
    }

    /// Waits for SIGTERM or Ctrl+C, for SIGUSR1, or for SIGHUP, which comes too when the terminal is closed.
    pub async fn next(&mut self) -> Asked {
        tokio::select! {
            _ = self.terminate.recv() => Asked::End,
            _ = self.interrupt.recv() => Asked::End,
            _ = self.save.recv() => Asked::Save,
            _ = self.hang_up.recv() => match self.at_terminal && !stdin().is_terminal() {
                true => Asked::End,
                false => Asked::Reload,
            },
        }
    }

    /// Waits for SIGTERM or Ctrl+C.
    pub async fn end(&mut self) {
        while !matches!(self.next().await, Asked::End) {}
    }
}
