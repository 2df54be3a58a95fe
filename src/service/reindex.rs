//! The index of the search, made anew: where it is not that of the customers, nothing else mends it.

use std::time::Instant;

use super::pace::Pace;
use super::{Refused, Services};

/// How many revisions are fed in one transaction.
const BATCH_LEN: u64 = 1_000;
/// How many while others write.
const BATCH_LEN_BESIDE: u64 = 64;

impl Services {
    /// Empties the index of the search, and feeds it with every revision. Meanwhile searches find the same, only more slowly.
    /// `progress` is told how many revisions it has, and how many there are.
    pub async fn reindex(&self, progress: impl Fn(u64, u64)) -> Result<(), Refused> {
        self.store.begin_search_anew().await?;
        let mut pace = Pace::of(&self.store, 0);
        let mut more = true;
        while more {
            let began = Instant::now();
            more = self.store.feed_search(if pace.is_quiet() { BATCH_LEN } else { BATCH_LEN_BESIDE }).await?;
            let (newest, fed) = self.store.newest_and_fed().await?;
            progress(fed.unsigned_abs(), newest.unsigned_abs());
            pace.rest(&self.store, began.elapsed()).await;
        }
        Ok(())
    }
}
