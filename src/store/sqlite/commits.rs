//! What those who read a file know of those who write it in this process: whether a commit is under way, and how many there
//! have been. What writes back the log counts as one: it too needs that nobody keeps an old snapshot for longer than a request.

use std::sync::atomic::{AtomicU64, Ordering};

/// The commits of a process.
#[derive(Default)]
pub(super) struct Commits {
    under_way: AtomicU64,
    over: AtomicU64,
}

impl Commits {
    /// One is under way, until what this gives is dropped. Meanwhile requests share no snapshot.
    pub(super) fn begin(&self) -> UnderWay<'_> {
        self.under_way.fetch_add(1, Ordering::SeqCst);
        UnderWay(self)
    }

    /// How many are over; `None` while one is under way. A commit whose success somebody was told is over.
    pub(super) fn quiet(&self) -> Option<u64> {
        (self.under_way.load(Ordering::SeqCst) == 0).then(|| self.over.load(Ordering::SeqCst))
    }
}

/// A commit under way.
pub(super) struct UnderWay<'a>(&'a Commits);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.over.fetch_add(1, Ordering::SeqCst);
        self.0.under_way.fetch_sub(1, Ordering::SeqCst);
    }
}
