//! What systemd is told of a service that it starts with `Type=notify`: ready, reading its settings again, stopping, alive.
//! Without systemd nobody listens, and nothing is said.

use patron::service::Services;
use sd_notify::NotifyState::{self, MonotonicUsec, Ready, Reloading, Status, Stopping, Watchdog};
use tokio::time::sleep;

/// Somebody is listened to.
pub fn ready(status: &str) {
    tell(&[Ready, Status(status)]);
}

/// Files are being read again; [`ready`] ends it.
pub fn reloading() {
    let now = NotifyState::monotonic_usec_now();
    tell(&[Reloading, now.unwrap_or(MonotonicUsec(0))]);
}

/// What is in flight is being finished.
pub fn stopping() {
    tell(&[Stopping, Status("finishing what is in flight")]);
}

/// Says at half of the time that systemd gives (`WatchdogSec=`) that the process is alive: that this runtime turns, and that the
/// writing thread answers. What it answers does not count: a full disk is not mended by a new process.
pub async fn keep_alive(services: &Services) {
    let Some(within) = sd_notify::watchdog_enabled() else { return };
    while services.health.answers().await {
        tell(&[Watchdog]);
        sleep(within / 2).await;
    }
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "systemd could not be told how things are");
    }
}
