//! How large work leaves room to those who edit meanwhile.

use std::time::Duration;

use crate::store::Store;

/// The rest after a batch is this many times as long as it took.
const REST_BESIDE: u32 = 4;
/// And no longer than this: what took long was waiting for others itself.
const REST_MAX: Duration = Duration::from_secs(1);

/// The pace of work that is done in batches.
pub(super) struct Pace {
    /// How many acts others, and this work, had asked for at the last look: the house's and commands' are not counted.
    asked: u64,
    /// For how many of them a batch of this work asks, at most.
    own: u64,
    /// Whether nobody else has asked for one since the look before.
    quiet: bool,
}

impl Pace {
    /// Of work of which each batch asks for so many acts, at most. As if others wrote, until it is known.
    pub(super) fn of(store: &Store, own: u64) -> Self {
        Self { asked: store.asked(), own, quiet: false }
    }

    /// Rests after a batch that took so long, where others write: in this process or in a server beside it.
    pub(super) async fn rest(&mut self, store: &Store, took: Duration) {
        let asked = store.asked();
        self.quiet = asked - std::mem::replace(&mut self.asked, asked) <= self.own && !store.is_served_by_another();
        if !self.quiet {
            tokio::time::sleep((took * REST_BESIDE).min(REST_MAX)).await;
        }
    }

    /// Whether nobody else writes: batches may be large.
    pub(super) fn is_quiet(&self) -> bool {
        self.quiet
    }
}
