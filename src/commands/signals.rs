//! Signals. Commands keep the system's actions: SIGTERM and SIGINT end them immediately, and what they write is whole or is not
//! there. A server finishes what is in flight at the first, and the second ends it, whatever its threads wait for.

use std::io::{self, IsTerminal, stdin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag::{register, register_conditional_shutdown};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Ends the process at the next SIGTERM or SIGINT where it is set, which each of them does after it.
///
/// The handler itself ends it, by `_exit` with the status that shells give for the signal. So it needs no thread and no lock,
/// and works for process 1 of a container, which cannot kill itself. Only a thread that the kernel holds in a system call which
/// cannot be interrupted, as for a hung disk, keeps the process.
static ENDS: LazyLock<io::Result<Arc<AtomicBool>>> = LazyLock::new(|| {
    let ends = Arc::new(AtomicBool::new(true));
    for signal in [SIGTERM, SIGINT] {
        register_conditional_shutdown(signal, 128 + signal, ends.clone())?;
        register(signal, ends.clone())?;
    }
    Ok(ends)
});

/// Lets the first signal end process 1 of a container, for which the system has no action of its own.
pub fn end_process_1() {
    if rustix::process::getpid().is_init() {
        LazyLock::force(&ENDS);
    }
}

/// The signals that a server listens to.
pub struct Signals {
    ends: &'static AtomicBool,
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
    /// From here on the first SIGTERM or SIGINT is [`Asked::End`].
    pub fn new() -> Result<Self, String> {
        let cannot = |error: &io::Error| format!("cannot listen for signals: {error}");
        let on = |kind| signal(kind).map_err(|error| cannot(&error));
        let signals = Self {
            ends: ENDS.as_ref().map_err(cannot)?,
            terminate: on(SignalKind::terminate())?,
            interrupt: on(SignalKind::interrupt())?,
            save: on(SignalKind::user_defined1())?,
            hang_up: on(SignalKind::hangup())?,
            at_terminal: stdin().is_terminal(),
        };
        signals.ends.store(false, Ordering::Relaxed);
        Ok(signals)
    }

    /// Waits for SIGTERM or Ctrl+C, for SIGUSR1, or for SIGHUP, which comes too when the terminal is closed.
    pub async fn next(&mut self) -> Asked {
        tokio::select! {
            _ = self.terminate.recv() => Asked::End,
            _ = self.interrupt.recv() => Asked::End,
            _ = self.save.recv() => Asked::Save,
            _ = self.hang_up.recv() => match self.at_terminal && !stdin().is_terminal() {
                true => {
                    self.ends.store(true, Ordering::Relaxed);
                    Asked::End
                }
                false => Asked::Reload,
            },
        }
    }

    /// Waits for SIGTERM or Ctrl+C.
    pub async fn end(&mut self) {
        while !matches!(self.next().await, Asked::End) {}
    }
}
