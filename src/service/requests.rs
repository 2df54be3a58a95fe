//! Records of API requests: taken in after the answer, written down in the background, read on a page.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use super::{Ambient, Caller, Refused};
use crate::domain::{Cursor, Day, Mode, RequestFilter, RequestListed, RequestNumber, RequestRecord, Revision, Slice};
use crate::store::{self, Requester, Store};

/// How many records may wait to be written down. What comes beyond is counted, and gone.
const QUEUE_LEN: usize = 1_024;
/// How many go into one transaction: short enough that edits beside it hardly wait.
const BATCH_LEN: usize = 128;
/// Of so many successful reads one is recorded.
pub const SAMPLE: u64 = 100;
/// How many records are kept.
pub const RECORDS_MAX: u64 = 50_000;
/// How long records are kept, in days.
pub const DAYS_MAX: i64 = 14;
/// How many old records one flush deletes: as many as can come meanwhile.
const PRUNED_MAX: u64 = QUEUE_LEN as u64;
/// Every so many flushes it is looked up again which records are too many.
const COUNTED_EVERY: u64 = 60;

/// The records of one store.
pub struct Requests {
    store: Arc<Store>,
    ambient: Ambient,
    last: AtomicI64,
    reads: AtomicU64,
    dropped: AtomicU64,
    queue: Mutex<Vec<RequestRecord>>,
    /// Of test and of live.
    tallies: [Tally; 2],
    flushes: AtomicU64,
    /// Records before this number are too many.
    too_many: AtomicI64,
}

/// How many requests there were since the last flush.
#[derive(Default)]
struct Tally {
    requests: AtomicU64,
    failed: AtomicU64,
    refused: AtomicU64,
}

impl Requests {
    pub(super) fn new(store: Arc<Store>, ambient: Ambient) -> Self {
        Self {
            store,
            ambient,
            last: AtomicI64::new(0),
            reads: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            queue: Mutex::default(),
            tallies: [Tally::default(), Tally::default()],
            flushes: AtomicU64::new(0),
            too_many: AtomicI64::new(0),
        }
    }

    /// The number of a request that begins now.
    pub fn number(&self) -> RequestNumber {
        let now = i64::try_from(self.ambient.nanos()).unwrap_or(i64::MAX);
        let later = |last: i64| Some(now.max(last.saturating_add(1)));
        let last = self.last.fetch_update(Ordering::Relaxed, Ordering::Relaxed, later).unwrap_or(now);
        RequestNumber(now.max(last.saturating_add(1)))
    }

    /// Takes in a request that was answered: counts it, and remembers it unless it is a successful read that is not in the
    /// sample. Never waits; `record` is called only where it is remembered.
    pub fn offer(
        &self,
        is_read: bool,
        status: u16,
        mode: Option<Mode>,
        record: impl FnOnce() -> Option<RequestRecord>,
    ) {
        for mode in [Mode::Test, Mode::Live].into_iter().filter(|each| mode.is_none_or(|mode| mode == *each)) {
            self.tally(mode).count(status);
        }
        if is_read && status < 400 && !self.reads.fetch_add(1, Ordering::Relaxed).is_multiple_of(SAMPLE) {
            return;
        }
        match self.queue.lock() {
            Ok(mut queue) if queue.len() < QUEUE_LEN => queue.extend(record()),
            _ => drop(self.dropped.fetch_add(1, Ordering::Relaxed)),
        }
    }

    /// How many requests since the start came too fast to be remembered.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// The requests of the caller's mode, newest first.
    pub async fn list(
        &self,
        caller: &Caller,
        filter: RequestFilter,
        cursor: Cursor,
        count: u64,
    ) -> Result<Vec<RequestListed>, Refused> {
        Ok(self.store.page_requests(caller.requester(), caller.mode, filter, cursor, count).await?)
    }

    /// One request of a mode, and the revision that it made, if it made one.
    pub async fn fetch(&self, mode: Mode, number: RequestNumber) -> Result<(RequestListed, Option<Revision>), Refused> {
        let found = self.store.find_request(mode, number).await?.ok_or(Refused::NotFound)?;
        let revision = self.revision(mode, &found.record).await?;
        Ok((found, revision))
    }

    /// Looked for at the version that the request's answer had, for an index on the revisions would cost every edit.
    async fn revision(&self, mode: Mode, record: &RequestRecord) -> Result<Option<Revision>, Refused> {
        let (Some(id), Some(version)) = (&record.customer, record.version) else { return Ok(None) };
        let Some(customer) = self.store.find(mode, id).await? else { return Ok(None) };
        let slice = Slice { count: 1, skip: customer.version.saturating_sub(version) };
        let revisions = self.store.history(Requester::HOUSE, mode, id, slice).await?.unwrap_or_default();
        Ok(revisions.into_iter().find(|revision| revision.request == Some(record.number)))
    }

    /// Writes down what waits, and deletes some of what is too old or too many. What the store is too busy for waits on.
    pub(super) async fn flush(&self) {
        self.flush_records().await;
        self.flush_tallies().await;
        if let Err(error) = self.prune().await {
            drop(Refused::from(error));
        }
    }

    async fn flush_records(&self) {
        let waiting = self.queue.lock().map(|mut queue| std::mem::take(&mut *queue)).unwrap_or_default();
        let mut batches = waiting.chunks(BATCH_LEN);
        while let Some(batch) = batches.next() {
            match self.store.insert_requests(batch.into()).await {
                Ok(()) => {}
                Err(store::Error::Busy) => return self.put_back(batch.iter().chain(batches.flatten())),
                Err(error) => {
                    self.dropped.fetch_add(batch.len() as u64, Ordering::Relaxed);
                    drop(Refused::from(error));
                }
            }
        }
    }

    fn put_back<'a>(&self, waiting: impl Iterator<Item = &'a RequestRecord>) {
        let Ok(mut queue) = self.queue.lock() else { return };
        let mut whole: Vec<RequestRecord> = waiting.cloned().chain(queue.drain(..)).collect();
        let over = whole.len().saturating_sub(QUEUE_LEN);
        whole.truncate(QUEUE_LEN);
        *queue = whole;
        self.dropped.fetch_add(over as u64, Ordering::Relaxed);
    }

    async fn flush_tallies(&self) {
        let today = self.ambient.seconds().div_euclid(super::DAY_SECONDS);
        for mode in [Mode::Test, Mode::Live] {
            let day = self.tally(mode).take(today);
            if day.requests > 0 && self.store.add_to_day(mode, day).await.is_err() {
                self.tally(mode).put_back(day);
            }
        }
    }

    fn tally(&self, mode: Mode) -> &Tally {
        &self.tallies[usize::from(mode == Mode::Live)]
    }

    async fn prune(&self) -> Result<(), store::Error> {
        if self.flushes.fetch_add(1, Ordering::Relaxed).is_multiple_of(COUNTED_EVERY)
            && let Some(eldest) = self.store.eldest_request_of(RECORDS_MAX).await?
        {
            self.too_many.store(eldest.0, Ordering::Relaxed);
        }
        let too_old = RequestNumber::at_second(self.ambient.seconds() - DAYS_MAX * super::DAY_SECONDS);
        let before = too_old.max(RequestNumber(self.too_many.load(Ordering::Relaxed)));
        if self.store.eldest_request().await?.is_some_and(|eldest| eldest < before) {
            self.store.prune_requests(before, PRUNED_MAX).await?;
        }
        Ok(())
    }
}

impl Tally {
    fn count(&self, status: u16) {
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.failed.fetch_add(u64::from(status >= 500), Ordering::Relaxed);
        self.refused.fetch_add(u64::from(status == 401), Ordering::Relaxed);
    }

    fn take(&self, day: i64) -> Day {
        let take = |count: &AtomicU64| count.swap(0, Ordering::Relaxed);
        let (requests, failed, refused) = (take(&self.requests), take(&self.failed), take(&self.refused));
        Day { day, requests, failed, refused, ..Day::default() }
    }

    fn put_back(&self, day: Day) {
        self.requests.fetch_add(day.requests, Ordering::Relaxed);
        self.failed.fetch_add(day.failed, Ordering::Relaxed);
        self.refused.fetch_add(day.refused, Ordering::Relaxed);
    }
}
