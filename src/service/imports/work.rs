//! The work on an import, a batch at a time: how it leaves room to those who edit meanwhile, and how it waits for a full disk.

use std::time::{Duration, Instant};

use super::super::pace::Pace;
use super::super::{Ambient, Caller, Refused};
use super::judge::{self, Judge};
use super::reverse::Reversing;
use super::stamp::Stamp;
use super::{Imports, Moving, NotImported};
use crate::domain::{Import, ImportRow, ImportState, NoRoom};
use crate::store::{Batch, Error, ImportLookup};

/// How many rows are written to customers in one transaction.
const BATCH_LEN: u64 = 128;
/// How many while others write: few enough that their edits hardly wait.
const BATCH_LEN_BESIDE: u64 = 16;
/// A rehearsal writes no customer, and looks at this many times as many rows.
const REHEARSED_TIMES: u64 = 4;
/// How long after a batch that could not be written it is tried again.
const TRY_AGAIN: Duration = Duration::from_millis(500);

/// Why the work on an import waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waits {
    /// Less would stay free on the disk than should.
    Room(NoRoom),
    /// The disk is full.
    Full,
    /// Another process writes for long, or the file cannot be written.
    Busy,
}

impl Imports {
    /// How long work waits where it cannot be written now.
    pub const PATIENCE: Duration = Duration::from_secs(5 * 60);

    /// Does the work that is begun, to its end, and gives the import as it is then. `progress` is told how far it is. Where another does it already, both
    /// do, and no row twice. Where the work cannot go on, it is as if it had been interrupted.
    pub async fn work(&self, caller: &Caller, number: i64, progress: impl Fn(Moving)) -> Result<Import, NotImported> {
        self.work_patiently(caller, number, Self::PATIENCE, progress).await
    }

    /// The same, and waits no longer than this where a batch cannot be written now.
    pub async fn work_patiently(
        &self,
        caller: &Caller,
        number: i64,
        patience: Duration,
        progress: impl Fn(Moving),
    ) -> Result<Import, NotImported> {
        loop {
            let import = self.find(caller, number).await?;
            if !import.state.is_moving() || import.state == ImportState::Receiving {
                return Ok(import);
            }
            self.run(caller, &import, patience, &progress).await?;
        }
    }

    /// Does the work of one state, until it is done or another has begun.
    async fn run(
        &self,
        caller: &Caller,
        import: &Import,
        patience: Duration,
        progress: &impl Fn(Moving),
    ) -> Result<(), NotImported> {
        let mut pace = Pace::of(&self.store, 1);
        let (mut done, mut waits_since) = (import.done, None);
        let moving = |done: u64, waits| {
            progress(Moving { state: import.state, done: done.min(import.rows), total: import.rows, waits });
        };
        loop {
            if waits_since.is_none() {
                moving(done, None);
            }
            let began = Instant::now();
            let count = len(&pace, import.state);
            let batch = match self.has_room(import.state) {
                Ok(()) => self.batch(caller, import, count).await.map_err(|error| match error {
                    Error::Busy | Error::Unwritable(_) => (Some(Waits::Busy), Refused::from(error)),
                    Error::Full => (Some(Waits::Full), Refused::Full),
                    error => (None, Refused::from(error)),
                }),
                // Nothing is written yet that somebody would want to keep.
                Err(refused) if import.state == ImportState::Rehearsing => Err((None, refused)),
                Err(Refused::NoRoom(short)) => Err((Some(Waits::Room(short)), Refused::NoRoom(short))),
                Err(refused) => Err((None, refused)),
            };
            match batch {
                Ok(Batch::More) => (done, waits_since) = (done + count, None),
                Ok(Batch::Done) => {
                    moving(import.rows, None);
                    return Ok(());
                }
                Ok(Batch::Elsewhere) => return Ok(()),
                Err((Some(waits), refused)) => {
                    moving(done, Some(waits));
                    // That may be room enough; else it is room for others.
                    if waits_since.is_none() {
                        self.store.clone().shorten_log().await;
                    }
                    if waits_since.get_or_insert(began).elapsed() >= patience {
                        return Err(refused.into());
                    }
                    tokio::time::sleep(TRY_AGAIN.min(patience)).await;
                    // Another may have changed or discarded it in the meantime.
                    if self.find(caller, import.number).await?.state != import.state {
                        return Ok(());
                    }
                }
                Err((None, refused)) => return Err(refused.into()),
            }
            pace.rest(&self.store, began.elapsed()).await;
        }
    }

    fn has_room(&self, state: ImportState) -> Result<(), Refused> {
        match state {
            ImportState::Undoing | ImportState::Redoing => self.room.check_correction(),
            _ => self.room.check(0),
        }
    }

    async fn batch(&self, caller: &Caller, import: &Import, count: u64) -> Result<Batch, Error> {
        let (at, requester) = (self.ambient.seconds(), caller.requester());
        let judge = Judge { mode: import.mode, mapping: self.mapping(import), now: at };
        let stamp = Stamp { import: import.number, at, actor: import.mover().clone() };
        match import.state {
            ImportState::Rehearsing => {
                let judge = move |rows: &[ImportRow], lookup: &ImportLookup<'_>| judge.judge(rows, lookup);
                let mapping = import.mapping.clone().unwrap_or_default();
                self.store.rehearse_import(requester, (import.number, mapping), count, at, judge).await
            }
            ImportState::Applying => {
                let ambient: Ambient = self.ambient.clone();
                let plan = move |row, lookup: &ImportLookup<'_>| judge.plan(row, &stamp, &ambient, lookup);
                self.store.apply_import(requester, import.number, count, at, plan, judge::fate_of).await
            }
            state @ (ImportState::Undoing | ImportState::Redoing) => {
                let reversing = Reversing { stamp, undoes: state == ImportState::Undoing };
                let decide = move |row: &ImportRow, lookup: &ImportLookup<'_>| reversing.decide(row, lookup);
                self.store.reverse_import(requester, (import.number, state), count, at, decide).await
            }
            _ => Ok(Batch::Elsewhere),
        }
    }
}

/// How many rows are done at a time.
fn len(pace: &Pace, state: ImportState) -> u64 {
    let len = if pace.is_quiet() { BATCH_LEN } else { BATCH_LEN_BESIDE };
    if state == ImportState::Rehearsing { len * REHEARSED_TIMES } else { len }
}
