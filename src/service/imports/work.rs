//! The work on an import, a batch at a time, and how it leaves room to those who edit meanwhile.

use std::time::{Duration, Instant};

use super::super::pace::Pace;
use super::super::{Ambient, Caller, Refused};
use super::judge::Judge;
use super::{Imports, Moving, NotImported};
use crate::domain::{Import, ImportRow, ImportState};
use crate::store::{Batch, Error, Looking, Stamp};

/// How many rows are written to customers in one transaction.
const BATCH_LEN: u64 = 128;
/// How many while others write: few enough that their edits hardly wait.
const BATCH_LEN_BESIDE: u64 = 16;
/// A rehearsal writes no customer, and looks at this many times as many rows.
const REHEARSED_TIMES: u64 = 4;
/// How often a batch is tried again where it cannot be written now, and how long after.
const TRIES: u32 = 60;
const TRY_AGAIN: Duration = Duration::from_millis(500);

impl Imports {
    /// Does the work that is begun, to its end, and gives the import as it is then. `progress` is told how far it is. Where another does it already, both
    /// do, and no row twice. Where the work cannot go on, it is as if it had been interrupted.
    pub async fn work(&self, caller: &Caller, number: i64, progress: impl Fn(Moving)) -> Result<Import, NotImported> {
        loop {
            let import = self.find(caller, number).await?;
            if !import.state.is_moving() || import.state == ImportState::Receiving {
                return Ok(import);
            }
            self.run(caller, &import, &progress).await?;
        }
    }

    /// Does the work of one state, until it is done or another has begun.
    async fn run(&self, caller: &Caller, import: &Import, progress: &impl Fn(Moving)) -> Result<(), NotImported> {
        let mut pace = Pace::of(&self.store, 1);
        let (mut done, mut tries) = (import.done, 0);
        loop {
            let moving = Moving { state: import.state, done: done.min(import.rows), total: import.rows };
            progress(moving);
            let began = Instant::now();
            let count = len(&pace, import.state);
            match self.batch(caller, import, count).await {
                Ok(Batch::More) => (done, tries) = (done + count, 0),
                Ok(Batch::Done) => {
                    progress(Moving { done: import.rows, ..moving });
                    return Ok(());
                }
                Ok(Batch::Elsewhere) => return Ok(()),
                Err(Error::Busy | Error::Full | Error::Unwritable(_)) if tries < TRIES => {
                    tries += 1;
                    tokio::time::sleep(TRY_AGAIN).await;
                }
                Err(error) => return Err(Refused::from(error).into()),
            }
            pace.rest(&self.store, began.elapsed()).await;
        }
    }

    async fn batch(&self, caller: &Caller, import: &Import, count: u64) -> Result<Batch, Error> {
        let (at, lane) = (self.ambient.seconds(), caller.lane());
        let judge = Judge { mode: import.mode, mapping: self.mapping(import), now: at };
        let stamp = Stamp { import: import.number, at, actor: import.mover().clone() };
        match import.state {
            ImportState::Rehearsing => {
                let judge = move |row: &ImportRow, looking: &Looking<'_>| judge.judge(row, looking);
                let mapping = import.mapping.clone().unwrap_or_default();
                self.store.rehearse_import(lane, (import.number, mapping), count, at, judge).await
            }
            ImportState::Applying => {
                let ambient: Ambient = self.ambient.clone();
                let plan = move |row| judge.plan(row, &stamp, &ambient);
                self.store.apply_import(lane, import.number, count, at, plan).await
            }
            ImportState::Undoing | ImportState::Redoing => {
                self.store.reverse_import(lane, import.state, count, stamp).await
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
