//! Work on imports that goes on after whoever began it was answered.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use tokio::sync::Semaphore;

use super::super::Caller;
use super::{Imports, Moving, NotImported, Waits};

/// How many imports a server moves at once. The others wait for their turn.
const AT_ONCE: usize = 2;

/// The imports that this process is at work on, or has waiting.
pub(super) struct Behind {
    /// With why one waits, where it does.
    begun: Mutex<HashMap<i64, Option<Waits>>>,
    turns: Semaphore,
    /// Whether rows are deleted that nobody needs.
    tidies: AtomicBool,
}

impl Default for Behind {
    fn default() -> Self {
        Self { begun: Mutex::default(), turns: Semaphore::new(AT_ONCE), tidies: AtomicBool::new(false) }
    }
}

impl Behind {
    pub(super) fn has(&self, number: i64) -> bool {
        self.begun.lock().is_ok_and(|begun| begun.contains_key(&number))
    }

    fn waits(&self, number: i64) -> Option<Waits> {
        *self.begun.lock().ok()?.get(&number)?
    }

    fn note(&self, number: i64, waits: Option<Waits>) {
        let Ok(mut begun) = self.begun.lock() else { return };
        let Some(noted) = begun.get_mut(&number) else { return };
        if std::mem::replace(noted, waits).is_none() && waits.is_some() {
            tracing::warn!(import = number, ?waits, "an import waits for the disk");
        }
    }
}

impl Imports {
    /// Does the work that is begun on an import, to its end, while the caller goes on. What this process is at already is not done
    /// twice. Where it fails, or the process ends, the import stands interrupted, and goes on with this.
    ///
    /// # Panics
    ///
    /// Outside of a Tokio runtime.
    pub fn work_behind(self: &Arc<Self>, caller: &Caller, number: i64) {
        if let Some(hand) = Hand::on(self, number) {
            // An owner or editor started it, and it goes on when they sign out.
            tokio::spawn(hand.work(Caller { grant: None, ..caller.clone() }));
        }
    }

    /// Why the work of this process on an import waits, where it does.
    pub fn waits(&self, number: i64) -> Option<Waits> {
        self.behind.waits(number)
    }

    /// Deletes the rows of imports that were dropped, in the background and without a pause between two parts: their room may be
    /// needed.
    ///
    /// # Panics
    ///
    /// Outside of a Tokio runtime.
    pub fn tidy_behind(self: &Arc<Self>) {
        if self.behind.tidies.swap(true, Ordering::Relaxed) {
            return;
        }
        let imports = self.clone();
        tokio::spawn(async move {
            while matches!(imports.tidy().await, Ok(true)) {}
            imports.behind.tidies.store(false, Ordering::Relaxed);
        });
    }
}

/// That this process is at work on an import, until it is dropped.
struct Hand {
    imports: Arc<Imports>,
    number: i64,
}

impl Hand {
    /// `None` where there is one already.
    fn on(imports: &Arc<Imports>, number: i64) -> Option<Self> {
        let is_new = imports.behind.begun.lock().is_ok_and(|mut begun| match begun.entry(number) {
            Entry::Vacant(place) => place.insert(None).is_none(),
            Entry::Occupied(_) => false,
        });
        is_new.then(|| Self { imports: imports.clone(), number })
    }

    async fn work(self, caller: Caller) {
        let (imports, number, mut hand) = (self.imports.clone(), self.number, Some(self));
        while let Some(here) = hand.take() {
            let Ok(turn) = imports.behind.turns.acquire().await else { return };
            let progress = |moving: Moving| imports.behind.note(number, moving.waits);
            let worked = imports.work(&caller, number, progress).await;
            drop((turn, here));
            hand = match worked {
                // Whoever began something since found a hand on it that was about to leave.
                Ok(_) => match imports.find(&caller, number).await {
                    Ok(import) if import.state.is_moving() => Hand::on(&imports, number),
                    _ => None,
                },
                Err(NotImported::Refused(refused)) => {
                    tracing::warn!(
                        import = number,
                        ?refused,
                        "an import stopped on its way: it is to be resumed or undone"
                    );
                    None
                }
                Err(NotImported::Unfit(_) | NotImported::State(_)) => None,
            };
        }
    }
}

impl Drop for Hand {
    fn drop(&mut self) {
        if let Ok(mut begun) = self.imports.behind.begun.lock() {
            begun.remove(&self.number);
        }
    }
}
