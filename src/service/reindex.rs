//! The search index, brought up to date by a command, or rebuilt: if it is not that of the customers, nothing else fixes it.

use std::time::Duration;

use super::{Refused, Services};

/// How many revisions are fed in one transaction, at most.
const BATCH_LEN: u64 = 1_000;
/// Between two looks at how far a server has fed it.
const LOOK: Duration = Duration::from_millis(200);

impl Services {
    /// Feeds the search index with the revisions that it lacks, unless a server has the file. `progress` gets the revision it is fed to
    /// and the newest one.
    pub async fn feed_all(&self, progress: impl Fn(u64, u64)) -> Result<(), Refused> {
        let (all, mut fed) = self.store.newest_and_fed().await?;
        while fed < all && !self.store.is_served_by_another() {
            self.store.feed_search(BATCH_LEN).await?;
            (_, fed) = self.store.newest_and_fed().await?;
            progress(fed.unsigned_abs(), all.unsigned_abs());
        }
        Ok(())
    }

    /// Empties the index of the search and feeds it with every revision, or waits until the server has that serves the file. Meanwhile
    /// searches find the same, only more slowly. `progress` is told how many revisions it has, and how many there are.
    pub async fn reindex(&self, progress: impl Fn(u64, u64)) -> Result<(), Refused> {
        self.store.begin_search_anew().await?;
        let (all, mut fed) = self.store.newest_and_fed().await?;
        while fed < all {
            self.feed_all(&progress).await?;
            (_, fed) = self.store.newest_and_fed().await?;
            progress(fed.unsigned_abs(), all.unsigned_abs());
            if fed < all {
                tokio::time::sleep(LOOK).await;
            }
        }
        Ok(())
    }
}
