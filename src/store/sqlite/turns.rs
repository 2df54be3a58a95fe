//! Turns of slow questions: few at once, and fair between those who ask.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use super::lanes::Lanes;
use crate::store::{Error, Lane};

/// A number of turns. Whoever finds none waits for one to be given back.
pub(super) struct Turns(Mutex<State>);

struct State {
    free: usize,
    waiting: Lanes<oneshot::Sender<Turn>>,
}

/// A turn, given back when it is dropped.
pub(super) struct Turn(Option<Arc<Turns>>);

impl Turns {
    /// So many at once, and so many who wait.
    pub(super) fn new(count: usize, waiting_max: usize) -> Arc<Self> {
        Arc::new(Self(Mutex::new(State { free: count, waiting: Lanes::new(waiting_max) })))
    }

    /// Takes a turn, or waits until it is this lane's. Busy at once where too many wait already.
    pub(super) async fn take(self: &Arc<Self>, lane: Lane) -> Result<Turn, Error> {
        let waiting = {
            let mut state = self.lock();
            if state.free > 0 {
                state.free -= 1;
                return Ok(self.turn());
            }
            let (given, waiting) = oneshot::channel();
            state.waiting.push(lane, given).map_err(|_| Error::Busy)?;
            waiting
        };
        waiting.await.map_err(|_| Error::Busy)
    }

    /// Gives a turn to the next who still waits for it.
    fn give_back(self: &Arc<Self>) {
        loop {
            let mut state = self.lock();
            let Some(next) = state.waiting.pop() else {
                state.free += 1;
                return;
            };
            drop(state);
            match next.send(self.turn()) {
                Ok(()) => return,
                // Gone meanwhile: the turn is the next one's, rather than given back once more.
                Err(mut turn) => drop(turn.0.take()),
            }
        }
    }

    fn turn(self: &Arc<Self>) -> Turn {
        Turn(Some(self.clone()))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics between two of its changes.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(turns) = self.0.take() {
            turns.give_back();
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::poll;

    use super::*;

    #[tokio::test]
    async fn who_floods_waits_and_others_are_next() {
        let turns = Turns::new(2, 8);
        let take = |name: &str| {
            Box::pin({
                let (turns, lane) = (turns.clone(), Lane::of(name));
                async move { turns.take(lane).await }
            })
        };
        let running = [take("a").await.unwrap(), take("a").await.unwrap()];
        let mut flood: Vec<_> = (0..4).map(|_| take("a")).collect();
        for each in &mut flood {
            assert!(poll!(each).is_pending());
        }
        assert_eq!(take("a").await.err(), Some(Error::Busy), "at once, past its share");
        let mut other = take("b");
        assert!(poll!(&mut other).is_pending());
        drop(running);
        assert!(poll!(&mut flood[0]).is_ready());
        assert!(poll!(&mut other).is_ready(), "before those who came earlier");
    }

    #[tokio::test]
    async fn no_turn_is_lost_with_who_goes_away() {
        let turns = Turns::new(1, 8);
        let running = turns.take(Lane::HOUSE).await.unwrap();
        let (mut gone, mut given, mut last) =
            (Box::pin(turns.take(Lane::HOUSE)), Box::pin(turns.take(Lane::HOUSE)), Box::pin(turns.take(Lane::HOUSE)));
        for each in [&mut gone, &mut given, &mut last] {
            assert!(poll!(each).is_pending());
        }
        drop(gone);
        // It is the next one's now, who goes away before taking it.
        drop(running);
        drop(given);
        drop(last.await.unwrap());
        drop(turns.take(Lane::HOUSE).await.unwrap());
        assert_eq!(turns.lock().free, 1);
    }
}
