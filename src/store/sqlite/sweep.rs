//! What an erasure leaves behind until it is swept: the index of the search holds the parts of words of who is gone until it is
//! merged, pages hold copies of rows that have moved ([`scrub`]), and the log holds pages as they were before. Done in this
//! order, little by little, behind the edits; then nothing in the files of the database holds a byte of it.
//!
//! One sweep is for all that were erased before it began. It is begun anew by whoever opens the file next where it was interrupted.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, TransactionBehavior};

use super::files::Files;
use super::open::Location;
use super::writer::Writer;
use super::{index, open, scrub};
use crate::store::Error;

/// How many pages of the index an act merges behind the edits, and how many pages it wipes or finds clean: so few that an edit
/// behind it hardly waits.
const GENTLE: Act = Act { merge: 32, scrub: 64 };
/// The same where nobody waits.
const ALONE: Act = Act { merge: 1_000, scrub: 10_000 };
/// How long a try to empty the log waits for readers: edits wait as long.
const LOG_WAIT: Duration = Duration::from_millis(50);
/// How many pages may be left for it to write back, for which edits wait, too.
const LEFT_MAX: i64 = 1_000;
/// After a try that found readers in the way.
const LOG_RETRY: Duration = Duration::from_secs(1);

/// How much is done in one transaction, in pages.
#[derive(Clone, Copy)]
struct Act {
    merge: i64,
    scrub: u32,
}

/// Where a sweep is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// The index is made anew, or has all parts of words in one piece once what is begun is done.
    Merging { is_begun: bool },
    /// Every page from this one on is to be wiped.
    Scrubbing { from: u32 },
    /// The log is to be written back and emptied.
    Emptying,
}

const FIRST: Stage = Stage::Merging { is_begun: false };

impl Stage {
    /// Does so much within a transaction. Gives what comes next.
    fn step(self, connection: &Connection, act: Act) -> rusqlite::Result<Self> {
        Ok(match self {
            Self::Merging { is_begun: false } if index::make_anew_if_small(connection)? => Self::Scrubbing { from: 1 },
            Self::Merging { is_begun: false } => Self::Merging { is_begun: index::begin_merge(connection, act.merge)? },
            Self::Merging { is_begun: true } if index::merge(connection, act.merge)? => self,
            Self::Merging { is_begun: true } if index::is_one_part(connection)? => Self::Scrubbing { from: 1 },
            Self::Merging { is_begun: true } => FIRST,
            Self::Scrubbing { from } => {
                scrub::pages(connection, from, act.scrub)?.map_or(Self::Emptying, |from| Self::Scrubbing { from })
            }
            Self::Emptying => Self::Emptying,
        })
    }
}

/// What a server has to sweep.
pub(super) struct Sweep {
    path: PathBuf,
    files: Option<Arc<Files>>,
    /// The last erasure that it is for, and where it is.
    under_way: Option<(i64, Stage)>,
    /// How long its last step took the writing thread.
    pub(super) took: Duration,
    /// Readers were in the way of emptying the log, which has been said.
    is_blocked: bool,
}

impl Sweep {
    pub(super) fn new(path: &Path, files: Option<Arc<Files>>) -> Self {
        Self { path: path.to_owned(), files, under_way: None, took: Duration::ZERO, is_blocked: false }
    }

    /// Does a little, where there is something to do. Gives how long to wait for the next; `None` where there is nothing.
    pub(super) fn step(&mut self, reader: &Connection, writer: &Writer) -> Result<Option<Duration>, Error> {
        self.took = Duration::ZERO;
        let (last, stage) = match self.under_way {
            Some(under_way) => under_way,
            None => match due(reader)? {
                Some(last) => (last, FIRST),
                None => return Ok(None),
            },
        };
        if stage != Stage::Emptying {
            let (next, took) = writer.free_and_time(move |connection| Ok(stage.step(connection, GENTLE)?))?;
            (self.under_way, self.took) = (Some((last, next)), took);
            return Ok(Some(Duration::ZERO));
        }
        if let Some(files) = &self.files {
            // Another file in its place has a log of its own.
            files.check()?;
            if !files.may_be_written_back() {
                return Ok(Some(LOG_RETRY));
            }
        }
        let Some(is_empty) = empty_log(&self.path, self.files.as_deref())? else { return Ok(Some(LOG_WAIT)) };
        if is_empty {
            writer.free_and_time(move |connection| Ok(done(connection, last)?))?;
            (self.under_way, self.is_blocked) = (None, false);
            tracing::info!("what was erased is gone from the files of the database");
            return Ok(Some(Duration::ZERO));
        }
        if !std::mem::replace(&mut self.is_blocked, true) {
            tracing::warn!(
                "somebody reads the database: its log still holds what was erased, and is emptied when they are done"
            );
        }
        Ok(Some(LOG_RETRY))
    }
}

/// The last erasure that a sweep is due for.
pub(super) fn due(connection: &Connection) -> rusqlite::Result<Option<i64>> {
    const SQL: &str = "SELECT max(number) FROM erasures WHERE swept = 0";
    connection.prepare_cached(SQL)?.query_row([], |row| row.get(0))
}

fn done(connection: &Connection, last: i64) -> rusqlite::Result<()> {
    const SQL: &str = "UPDATE erasures SET swept = 1 WHERE swept = 0 AND number <= ?1";
    connection.prepare_cached(SQL)?.execute([last]).map(drop)
}

/// Sweeps all that is due in a file that nobody else has open. A copy has no log.
pub(super) fn copy(connection: &Connection) -> rusqlite::Result<()> {
    let Some(last) = due(connection)? else { return Ok(()) };
    to_log(connection)?;
    done(connection, last)
}

/// Sweeps for a command; gives whether all is done, which readers of others may prevent.
pub(super) fn file(path: &Path, tries: u32) -> Result<bool, Error> {
    let connection = open::writer(path)?;
    let Some(last) = due(&connection)? else { return Ok(true) };
    to_log(&connection)?;
    for left in (0..tries).rev() {
        if empty_log(path, None)? == Some(true) {
            done(&connection, last)?;
            return Ok(true);
        }
        if left > 0 {
            std::thread::sleep(LOG_RETRY);
        }
    }
    Ok(false)
}

/// Everything but the log.
fn to_log(connection: &Connection) -> rusqlite::Result<()> {
    let mut stage = FIRST;
    while stage != Stage::Emptying {
        let transaction = rusqlite::Transaction::new_unchecked(connection, TransactionBehavior::Immediate)?;
        stage = stage.step(&transaction, ALONE)?;
        transaction.commit()?;
    }
    Ok(())
}

/// Writes the log back into the file and leaves it empty. Gives whether it did: somebody may read what is older; `None` where
/// somebody else is just writing it back.
pub(super) fn empty_log(path: &Path, files: Option<&Files>) -> rusqlite::Result<Option<bool>> {
    let is_ours = || files.map_or(Ok(()), |files| files.check_place().map(drop));
    let connection = Location::from(path).writer(is_ours)?;
    if let Some(files) = files {
        // As much as can be while edits go on. They wait for the rest, and not for what somebody who reads has kept back.
        let left: i64 = connection
            .query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| Ok(row.get::<_, i64>(1)? - row.get::<_, i64>(2)?))?;
        files.sync_database();
        if left > LEFT_MAX || !files.may_be_written_back() {
            return Ok(Some(false));
        }
    }
    connection.busy_timeout(LOG_WAIT)?;
    // A row of three: whether it was blocked, the pages in the log, the pages written back; -1 where it was not tried.
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| {
        let (was_blocked, pages): (bool, i64) = (row.get(0)?, row.get(1)?);
        Ok((!was_blocked || pages >= 0).then_some(!was_blocked))
    })
}
