//! The bytes of requests that are kept in memory while they arrive, bounded for the whole process.
//!
//! A head may have 128 KiB and a body 256 KiB: without a bound on their sum, unfinished bodies on 3,000 connections took 1.6 GB. Each head
//! and each body has [`OWN_LEN`] bytes of its own. What is longer takes bytes that all of them share, [`SHARED_LEN`], and is refused
//! when there are none. So a flood of long bodies does not keep out those of an ordinary length.

use std::ops::Deref;
use std::sync::atomic::{AtomicUsize, Ordering};

use actix_web::error::PayloadError;
use actix_web::web::Payload;
use futures_util::StreamExt;

/// The bytes of each head and each body.
const OWN_LEN: usize = 8 * 1024;
/// The bytes that all longer ones share.
const SHARED_LEN: usize = 32 * 1024 * 1024;

static SHARED: Shared = Shared { taken: AtomicUsize::new(0), len: SHARED_LEN };

struct Shared {
    taken: AtomicUsize,
    len: usize,
}

/// The length of a head or a body so far. Its shared bytes are given back when it is dropped.
pub(super) struct Held {
    shared: &'static Shared,
    len: usize,
}

impl Default for Held {
    fn default() -> Self {
        Self { shared: &SHARED, len: 0 }
    }
}

impl Held {
    /// Adds bytes, and returns whether there was room for them.
    pub(super) fn add(&mut self, len: usize) -> bool {
        let more = (self.len + len).saturating_sub(OWN_LEN) - self.len.saturating_sub(OWN_LEN);
        let take = |taken: usize| Some(taken + more).filter(|taken| *taken <= self.shared.len);
        let has_room = more == 0 || self.shared.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok();
        self.len += if has_room { len } else { 0 };
        has_room
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn clear(&mut self) {
        let taken = std::mem::take(&mut self.len).saturating_sub(OWN_LEN);
        if taken > 0 {
            self.shared.taken.fetch_sub(taken, Ordering::Relaxed);
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.clear();
    }
}

/// A body in memory.
#[derive(Default)]
pub(super) struct Received {
    bytes: Vec<u8>,
    held: Held,
}

impl Deref for Received {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

/// The reason why a body was not received.
pub(super) enum NotReceived {
    /// It is longer than the limit.
    TooLarge,
    /// No bytes are left: others are arriving.
    Crowded,
    /// It ended early, or did not arrive in time.
    Failed(PayloadError),
}

/// Receives a body of at most `max` bytes.
pub(super) async fn receive(mut payload: Payload, max: usize) -> Result<Received, NotReceived> {
    let mut received = Received::default();
    while let Some(piece) = payload.next().await {
        let piece = piece.map_err(NotReceived::Failed)?;
        if received.bytes.len() + piece.len() > max {
            return Err(NotReceived::TooLarge);
        }
        if !received.held.add(piece.len()) {
            return Err(NotReceived::Crowded);
        }
        received.bytes.extend_from_slice(&piece);
    }
    Ok(received)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_ones_share_what_is_left_and_short_ones_need_none_of_it() {
        static SHARED: Shared = Shared { taken: AtomicUsize::new(0), len: 1_000 };
        let held = || Held { shared: &SHARED, len: 0 };
        let (mut first, mut second, mut short) = (held(), held(), held());
        assert!(first.add(OWN_LEN + 600));
        assert!(second.add(OWN_LEN));
        assert!(!second.add(401));
        assert!(second.add(400));
        assert!(!second.add(1));
        assert!(short.add(OWN_LEN));
        assert!(!short.add(1));
        drop(first);
        assert!(short.add(600));
        second.clear();
        short.clear();
        assert_eq!(SHARED.taken.load(Ordering::Relaxed), 0);
    }
}
