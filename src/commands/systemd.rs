//! States that systemd is notified of where it starts the service with `Type=notify`: ready, reloading, stopping, alive.
//!
//! They are datagrams to the socket in `NOTIFY_SOCKET`. A receiver that does not read them blocks their sender, so a task sends
//! them: the server does not wait for it. Without systemd nothing is sent.

use std::env;
use std::io::{self, ErrorKind};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::time::Duration;

use patron::service::Services;
use rustix::time::{ClockId, clock_gettime};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::time::sleep;

/// The most states that wait to be received.
const LEN_MAX: usize = 16;

/// The service manager.
#[derive(Clone)]
pub struct Systemd(Option<Sender<String>>);

impl Systemd {
    /// The one of the environment. Needs a runtime, whose task sends the states.
    pub fn new() -> Self {
        Self(env::var_os("NOTIFY_SOCKET").filter(|socket| !socket.is_empty()).map(|socket| {
            let (sender, states) = channel(LEN_MAX);
            tokio::spawn(send_all(socket, states));
            sender
        }))
    }

    /// The server answers.
    pub fn ready(&self, status: &str) {
        self.notify(format!("READY=1\nSTATUS={status}\n"));
    }

    /// Files are read again; [`Systemd::ready`] ends it.
    pub fn reloading(&self) {
        let now = clock_gettime(ClockId::Monotonic);
        self.notify(format!("RELOADING=1\nMONOTONIC_USEC={}\n", now.tv_sec * 1_000_000 + now.tv_nsec / 1_000));
    }

    /// Requests in flight are being finished.
    pub fn stopping(&self) {
        self.notify("STOPPING=1\nSTATUS=finishing what is in flight\n".into());
    }

    /// Notifies at half of the time that systemd gives (`WatchdogSec=`) that the process is alive: that this runtime runs its tasks,
    /// and that the writing thread answers. The answer itself does not matter: a new process has the same full disk.
    pub async fn keep_alive(&self, services: &Services) {
        let Some(within) = watchdog() else { return };
        while services.health.answers().await {
            self.notify("WATCHDOG=1\n".into());
            sleep(within / 2).await;
        }
    }

    fn notify(&self, state: String) {
        if self.0.as_ref().is_some_and(|states| states.try_send(state).is_err()) {
            tracing::warn!("systemd does not read the states of this service");
        }
    }
}

async fn send_all(socket: impl AsRef<Path>, mut states: Receiver<String>) {
    while let Some(state) = states.recv().await {
        if let Err(error) = send(socket.as_ref(), &state).await {
            tracing::warn!(%error, "systemd could not be notified of the state of this service");
        }
    }
}

async fn send(path: &Path, state: &str) -> io::Result<()> {
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    socket.connect(path)?;
    match socket.send(state.as_bytes()) {
        // The receiver has no room.
        Err(error) if error.kind() == ErrorKind::WouldBlock => {
            tokio::net::UnixDatagram::from_std(socket)?.send(state.as_bytes()).await.map(drop)
        }
        sent => sent.map(drop),
    }
}

/// The time in which systemd wants a sign of life, where it wants one of this process.
fn watchdog() -> Option<Duration> {
    let number = |name| env::var(name).ok()?.parse::<u64>().ok();
    let is_ours = number("WATCHDOG_PID").is_none_or(|pid| pid == u64::from(std::process::id()));
    number("WATCHDOG_USEC").filter(|usec| is_ours && *usec > 0).map(Duration::from_micros)
}
