//! The queue before the writing thread.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::lanes::Lanes;
use crate::store::Lane;

/// Many put in, one takes out.
pub(super) struct Queue<T> {
    state: Mutex<State<T>>,
    filled: Condvar,
}

struct State<T> {
    lanes: Lanes<T>,
    is_closed: bool,
    /// Whether the taker sleeps: to wake one that does not would cost a call of the system with each push.
    sleeps: bool,
}

impl<T> Queue<T> {
    /// Of so many places.
    pub(super) fn new(len_max: usize) -> Self {
        let state = State { lanes: Lanes::new(len_max), is_closed: false, sleeps: false };
        Self { state: Mutex::new(state), filled: Condvar::new() }
    }

    /// Lets something wait, where there is room for its lane.
    pub(super) fn push(&self, lane: Lane, thing: T) -> Result<(), T> {
        let mut state = self.lock();
        if state.is_closed {
            return Err(thing);
        }
        state.lanes.push(lane, thing)?;
        if std::mem::take(&mut state.sleeps) {
            drop(state);
            self.filled.notify_one();
        }
        Ok(())
    }

    /// What waits, at most so many, lane by lane in turn. Sleeps while nothing does; gives nothing once it is closed and empty.
    pub(super) fn take(&self, count: usize) -> Vec<T> {
        let mut state = self.lock();
        while state.lanes.is_empty() && !state.is_closed {
            state.sleeps = true;
            state = self.filled.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        std::iter::from_fn(|| state.lanes.pop()).take(count).collect()
    }

    /// How much waits.
    pub(super) fn len(&self) -> usize {
        self.lock().lanes.len()
    }

    /// Takes nothing more in.
    pub(super) fn close(&self) {
        self.lock().is_closed = true;
        self.filled.notify_one();
    }

    /// Closes it, and lets go of what waits: whoever put it in is told, and does not wait for good.
    pub(super) fn abandon(&self) {
        self.close();
        self.lock().lanes.clear();
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        // Nothing panics between two of its changes.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::thread;

    use super::*;

    #[test]
    fn what_is_put_in_comes_out_once_whoever_sleeps() {
        const EACH: usize = 10_000;
        let queue = Arc::new(Queue::new(64));
        let taker = thread::spawn({
            let queue = queue.clone();
            move || {
                let mut taken = vec![0; 4 * EACH];
                loop {
                    let batch: Vec<usize> = queue.take(7);
                    if batch.is_empty() {
                        return taken;
                    }
                    assert!(batch.len() <= 7);
                    batch.into_iter().for_each(|number| taken[number] += 1);
                }
            }
        });
        thread::scope(|scope| {
            for part in 0..4 {
                let queue = &queue;
                scope.spawn(move || {
                    for number in part * EACH..(part + 1) * EACH {
                        while queue.push(Lane::of(&part.to_string()), number).is_err() {
                            thread::yield_now();
                        }
                    }
                });
            }
        });
        queue.close();
        assert_eq!(queue.push(Lane::HOUSE, 0), Err(0));
        assert_eq!(taker.join().unwrap(), vec![1; 4 * EACH]);
    }

    #[test]
    fn what_was_put_in_before_it_closed_comes_out_and_what_is_abandoned_does_not() {
        let queue = Queue::new(8);
        queue.push(Lane::HOUSE, 1).unwrap();
        queue.push(Lane::HOUSE, 2).unwrap();
        queue.close();
        assert_eq!(queue.take(1), [1]);
        queue.abandon();
        assert!(queue.take(1).is_empty());
    }
}
