//! A fair queue for the hashing slots.
//!
//! Three purposes take turns, so a flood of sign-ins does not delay an application. Within a purpose, the request whose address, then
//! whose network, had the fewest attempts in the last minute is served first ([`Rank`]); before all, one from a network that its key was
//! last used from. An address that floods or guesses waits behind all others. The queue is bounded: a request of a better rank takes the
//! place of the worst one that waits.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

/// The longest wait for a slot: several times what all [`WAITING_MAX`] requests of one purpose take.
const WAIT_MAX: Duration = Duration::from_secs(10);
/// The most requests of one purpose that wait.
const WAITING_MAX: usize = 256;

/// The queue is full, or the wait for a slot was too long.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Crowded;

/// The reason to compute a hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// The secret of a key that exists.
    Key,
    /// The secret of a key that does not exist.
    UnknownKey,
    /// A password, whether there is such a person or not: both wait alike.
    Password,
}

/// A request's place in the queue: from a network that its key was last used from, then by the attempts of its address and of its
/// network in the last minute that failed or are under way, its own included. Less is served first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rank {
    pub(super) is_unknown: bool,
    pub(super) address: u32,
    pub(super) network: u32,
}

pub(super) struct FairSlots(Mutex<State>);

struct State {
    free: usize,
    /// The number of requests that have waited so far.
    arrived: u64,
    /// The purpose whose turn is next.
    turn: usize,
    /// By [`Purpose`], in the order of service.
    waiting: [BTreeMap<(Rank, u64), oneshot::Sender<Slot>>; 3],
}

/// A slot, given back when it is dropped.
pub(super) struct Slot(Option<Arc<FairSlots>>);

/// A request that waits. Dropping it leaves the queue.
struct Place<'a> {
    slots: &'a FairSlots,
    purpose: Purpose,
    key: (Rank, u64),
}

impl FairSlots {
    pub(super) fn new(count: usize) -> Arc<Self> {
        let waiting = [BTreeMap::new(), BTreeMap::new(), BTreeMap::new()];
        Arc::new(Self(Mutex::new(State { free: count, arrived: 0, turn: 0, waiting })))
    }

    /// Takes a slot, or waits for one up to [`WAIT_MAX`].
    pub(super) async fn take(self: &Arc<Self>, purpose: Purpose, rank: Rank) -> Result<Slot, Crowded> {
        let (place, given) = {
            let mut state = self.lock();
            if state.free > 0 {
                state.free -= 1;
                return Ok(Slot(Some(self.clone())));
            }
            state.arrived += 1;
            let key = (rank, state.arrived);
            let waiting = &mut state.waiting[purpose as usize];
            if waiting.len() >= WAITING_MAX {
                match waiting.last_entry() {
                    Some(worst) if worst.key().0 > rank => drop(worst.remove()),
                    _ => return Err(Crowded),
                }
            }
            let (give, given) = oneshot::channel();
            waiting.insert(key, give);
            (Place { slots: self, purpose, key }, given)
        };
        let slot = tokio::time::timeout(WAIT_MAX, given).await;
        drop(place);
        slot.ok().and_then(Result::ok).ok_or(Crowded)
    }

    /// Takes a slot, however long it takes.
    pub(super) async fn take_patiently(self: &Arc<Self>) -> Slot {
        loop {
            match self.take(Purpose::Key, Rank::default()).await {
                Ok(slot) => return slot,
                // Where the queue is full, of requests as good as this one.
                Err(Crowded) => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        }
    }

    /// Gives a slot to the next request.
    fn give_back(self: &Arc<Self>) {
        loop {
            let mut state = self.lock();
            let (turn, purposes) = (state.turn, state.waiting.len());
            let next = (0..purposes).map(|step| (turn + step) % purposes).find_map(|purpose| {
                let (_, give) = state.waiting[purpose].pop_first()?;
                state.turn = (purpose + 1) % purposes;
                Some(give)
            });
            let Some(give) = next else {
                state.free += 1;
                return;
            };
            drop(state);
            match give.send(Slot(Some(self.clone()))) {
                Ok(()) => return,
                // The request is gone: the slot is the next one's.
                Err(mut slot) => drop(slot.0.take()),
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics between two of its changes.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if let Some(slots) = self.0.take() {
            slots.give_back();
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.slots.lock().waiting[self.purpose as usize].remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;

    use futures_util::{FutureExt, poll};

    use super::*;

    type Taking = Pin<Box<dyn Future<Output = Result<Slot, Crowded>>>>;

    fn take(slots: &Arc<FairSlots>, purpose: Purpose, address: u32, network: u32) -> Taking {
        let slots = slots.clone();
        Box::pin(async move { slots.take(purpose, Rank { address, network, ..Rank::default() }).await })
    }

    async fn waiting(slots: &Arc<FairSlots>, purpose: Purpose, address: u32, network: u32) -> Taking {
        let mut taking = take(slots, purpose, address, network);
        assert!(poll!(&mut taking).is_pending());
        taking
    }

    /// Frees the slot over and over; returns the order in which these requests got it.
    async fn served(slot: Slot, requests: Vec<(&'static str, Taking)>) -> Vec<&'static str> {
        let (order, tasks) = (Arc::new(Mutex::new(Vec::new())), tokio::task::LocalSet::new());
        for (name, taking) in requests {
            let order = order.clone();
            tasks.spawn_local(async move {
                let slot = taking.await.unwrap();
                order.lock().unwrap().push(name);
                drop(slot);
            });
        }
        drop(slot);
        tasks.await;
        Arc::into_inner(order).unwrap().into_inner().unwrap()
    }

    #[tokio::test]
    async fn the_fewest_attempts_of_the_address_then_of_the_network_go_first() {
        let slots = FairSlots::new(1);
        let slot = slots.take(Purpose::Password, Rank::default()).await.unwrap();
        let mut requests = Vec::new();
        for (name, address, network) in [("e", 2, 2), ("d", 1, 40), ("c", 1, 2), ("a", 1, 1), ("b", 1, 1)] {
            requests.push((name, waiting(&slots, Purpose::Password, address, network).await));
        }
        assert_eq!(served(slot, requests).await, ["a", "b", "c", "d", "e"]);
    }

    #[tokio::test]
    async fn purposes_take_turns() {
        let slots = FairSlots::new(1);
        let slot = slots.take(Purpose::Key, Rank::default()).await.unwrap();
        let mut requests = Vec::new();
        for _ in 0..3 {
            requests.push(("sign-in", waiting(&slots, Purpose::Password, 1, 1).await));
        }
        for purpose in [Purpose::UnknownKey, Purpose::Key, Purpose::Key] {
            requests.push(("key", waiting(&slots, purpose, 9, 9).await));
        }
        assert_eq!(served(slot, requests).await, ["key", "key", "sign-in", "key", "sign-in", "sign-in"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_queue_lets_a_better_rank_in_and_the_worst_out() {
        let slots = FairSlots::new(1);
        let slot = slots.take(Purpose::Password, Rank::default()).await.unwrap();
        let mut flood = Vec::new();
        for attempt in 1..=WAITING_MAX as u32 {
            flood.push(waiting(&slots, Purpose::Password, attempt, attempt).await);
        }
        assert!(matches!(take(&slots, Purpose::Password, 1_000, 1_000).now_or_never(), Some(Err(Crowded))));
        let owner = waiting(&slots, Purpose::Password, 1, 1).await;
        assert!(matches!(flood.pop().unwrap().await, Err(Crowded)));
        // Another purpose has places of its own.
        drop(waiting(&slots, Purpose::Key, 1, 1).await);
        // A request that gives up leaves its place.
        drop(flood);
        assert_eq!(slots.lock().waiting[Purpose::Password as usize].len(), 1);
        drop(slot);
        assert!(owner.await.is_ok());
        assert_eq!(slots.lock().waiting[Purpose::Password as usize].len(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_ends_and_no_slot_is_lost_with_a_request_that_is_gone() {
        let slots = FairSlots::new(1);
        let slot = slots.take(Purpose::Key, Rank::default()).await.unwrap();
        assert!(matches!(take(&slots, Purpose::Key, 1, 1).await, Err(Crowded)));
        let (gone, given) = (waiting(&slots, Purpose::Key, 1, 1).await, waiting(&slots, Purpose::Key, 2, 2).await);
        let patient = slots.take_patiently();
        drop(gone);
        drop(slot);
        // The slot is in its hands when it goes.
        drop(given);
        drop(patient.await);
        assert_eq!(slots.lock().free, 1);
    }
}
