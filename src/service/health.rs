//! Whether reads and writes are possible now, for whoever watches the server: anybody may ask, so however many do, it is looked
//! at by one at a time and once a second at most.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::time::timeout;

use crate::store::Store;

/// How long a look holds good.
const HOLDS: Duration = Duration::from_secs(1);
/// How long one waits for a look: a write that takes longer is none that a caller would wait for.
const WITHIN: Duration = Duration::from_secs(2);

/// What is known of it.
pub struct Health {
    store: Arc<Store>,
    last: Mutex<Option<Look>>,
}

/// A look, and what came of it: `None` while it is under way.
struct Look {
    began: Instant,
    ready: watch::Receiver<Option<bool>>,
}

impl Look {
    fn holds(&self) -> bool {
        let under_way = self.ready.borrow().is_none() && self.ready.has_changed().is_ok();
        under_way || self.began.elapsed() < HOLDS
    }
}

impl Health {
    pub(super) fn new(store: Arc<Store>) -> Self {
        Self { store, last: Mutex::default() }
    }

    /// Whether something was read and something committed just now.
    pub async fn is_ready(&self) -> bool {
        let Some(mut ready) = self.look() else { return false };
        let found = timeout(WITHIN, ready.wait_for(Option::is_some)).await;
        found.is_ok_and(|found| found.is_ok_and(|ready| *ready == Some(true)))
    }

    /// Whether edits wait for what has become of the database's files.
    pub fn is_file_in_doubt(&self) -> bool {
        self.store.doubt().is_some()
    }

    /// Whether the writing thread still answers, whatever it says: waits until it does. `false` only after a panic.
    pub async fn answers(&self) -> bool {
        match self.look() {
            Some(mut ready) => ready.wait_for(Option::is_some).await.is_ok(),
            None => false,
        }
    }

    /// The last look, or a new one where that no longer holds.
    fn look(&self) -> Option<watch::Receiver<Option<bool>>> {
        let mut last = self.last.lock().ok()?;
        if let Some(look) = last.as_ref().filter(|look| look.holds()) {
            return Some(look.ready.clone());
        }
        let (found, ready) = watch::channel(None);
        let store = self.store.clone();
        // Goes on where whoever asked does not wait for it, so that there is never a second one beside it.
        tokio::spawn(async move { found.send(Some(store.beat().await.is_ok())) });
        *last = Some(Look { began: Instant::now(), ready: ready.clone() });
        Some(ready)
    }
}
