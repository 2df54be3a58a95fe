//! Customers on their way out: all of a mode, or those that match, some at a time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::pace::Pace;
use super::{Caller, Customers, Refused};
use crate::domain::{Bookmark, Customer, Walk};
use crate::store::{Error, Store};

/// How many customers are read at a time: few enough that others who ask hardly wait.
const STEP_LEN: u64 = 500;
/// How often one asks again where the store is busy, and how long after.
const ATTEMPTS: u32 = 20;
const PAUSE: Duration = Duration::from_millis(500);

/// A walk through customers, each once, as it stands when its turn comes. Who comes meanwhile may be missed. Between two steps
/// nothing is held: whoever takes a day over it costs nobody anything.
pub struct Leaving {
    store: Arc<Store>,
    caller: Caller,
    walk: Walk,
    after: Option<Bookmark>,
    pace: Pace,
    is_done: bool,
}

impl Customers {
    /// Begins a walk.
    pub fn leave(&self, caller: Caller, walk: Walk) -> Leaving {
        Leaving { store: self.store.clone(), caller, walk, after: None, pace: Pace::of(&self.store, 0), is_done: false }
    }

    /// How many customers a mode has, or had a moment ago.
    pub async fn count(&self, caller: &Caller) -> Result<u64, Refused> {
        Ok(self.store.count_customers(caller.mode).await?)
    }
}

impl Leaving {
    /// The next customers; `None` after the last. Waits some seconds where the store is busy, and rests where others write.
    pub async fn step(&mut self) -> Result<Option<Vec<Customer>>, Refused> {
        if self.is_done {
            return Ok(None);
        }
        let began = Instant::now();
        let (customers, next) = self.ask().await?;
        self.is_done = next.is_none();
        if !self.is_done {
            self.pace.rest(&self.store, began.elapsed()).await;
        }
        self.after = next;
        Ok((!customers.is_empty()).then_some(customers))
    }

    async fn ask(&self) -> Result<(Vec<Customer>, Option<Bookmark>), Error> {
        let Caller { mode, .. } = self.caller;
        let ask = || self.store.walk(self.caller.requester(), mode, self.walk.clone(), self.after.clone(), STEP_LEN);
        for _ in 1..ATTEMPTS {
            match ask().await {
                Err(Error::Busy) => tokio::time::sleep(PAUSE).await,
                other => return other,
            }
        }
        ask().await
    }
}
