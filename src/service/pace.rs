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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Customer, CustomerId, Mode};
    use crate::store::{Error, Lane, Requester, Use};

    async fn is_quiet(pace: &mut Pace, store: &Store) -> bool {
        pace.rest(store, Duration::ZERO).await;
        pace.is_quiet()
    }

    #[tokio::test]
    async fn others_write_who_ask_for_more_than_the_work_does_and_a_server_beside() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("t.db");
        let server = Store::open(&path, Use::Serve).unwrap();
        let (mut reads, mut writes) = (Pace::of(&server, 0), Pace::of(&server, 1));
        assert!(!reads.is_quiet(), "until it is known");
        assert!(is_quiet(&mut reads, &server).await && is_quiet(&mut writes, &server).await);
        let keep = |_: &Customer| Ok::<_, ()>(None);
        let key = Requester { lane: Lane::of("a key"), grant: None };
        for (acts, is_batch_of_one) in [(1, true), (2, false)] {
            for _ in 0..acts {
                let nobody = CustomerId::stored("cust_nobody".into());
                let edited = server.edit(key.clone(), Mode::Test, &nobody, keep).await;
                assert!(matches!(edited, Err(Error::Missing)));
            }
            assert!(!is_quiet(&mut reads, &server).await);
            assert_eq!(is_quiet(&mut writes, &server).await, is_batch_of_one);
        }
        assert!(is_quiet(&mut reads, &server).await, "nobody asked since");

        let command = Store::open(&path, Use::Fill).unwrap();
        let mut beside = Pace::of(&command, 0);
        assert!(!is_quiet(&mut beside, &command).await);
        server.close();
        drop(server);
        assert!(is_quiet(&mut beside, &command).await);
    }
}
