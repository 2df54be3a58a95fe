//! Writing the log back into the file beside the edits, on a thread of its own. 64 clients edit a fresh file of a million customers a
//! third faster than where the writing thread does it after each commit, and one that was edited a lot a tenth faster. What is
//! committed is synced in the log already: nobody waits for this to be answered.
//!
//! A log to which more is added all the time is never in the file to its end, and only then begins anew. So once it is long, the
//! writing thread writes back the little that is left by itself. Where somebody who reads for long keeps it from beginning anew all
//! the same, that is tried again when it is longer by as much.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread::JoinHandle;

use rusqlite::Connection;

use super::commits::Commits;
use super::files::Files;

/// How many pages that are not in the file make it worth a sync of the file to write them back.
const DUE_AT: usize = 250;
/// At how many pages the log is to begin anew: 8 MB.
const LONG_AT: usize = 2_000;
/// How many the writing thread writes back for that: edits wait for some 10 ms. More are left after a command that writes much.
const LITTLE: usize = 750;
/// At how many pages edits wait, however much is left: 64 MB.
const TOO_LONG_AT: usize = 16_000;

thread_local! {
    /// How many pages the log had after the last commit of this thread.
    static PAGES: Cell<usize> = const { Cell::new(0) };
}

/// Lets a connection's commits be followed, in place of SQLite's own checkpoints.
pub(super) fn follow(connection: &Connection) {
    connection.wal_hook(Some(|_, pages| {
        PAGES.set(usize::try_from(pages).unwrap_or_default());
        Ok(())
    }));
}

/// Writes back the log of one file.
pub(super) struct Checkpoints {
    log: Arc<Log>,
    /// How many pages it had when it was last seen to, and at how many it is to begin anew.
    seen: usize,
    anew_at: usize,
    too_long_at: usize,
    /// `None` once the thread is to end.
    due: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

struct Log {
    connection: Mutex<Connection>,
    /// How many of its pages were in the file after the last checkpoint.
    written_back: AtomicUsize,
    /// Whether the last checkpoint failed, which has been said.
    fails: AtomicBool,
    files: Arc<Files>,
    commits: Arc<Commits>,
}

impl Checkpoints {
    /// Starts the thread with a connection of its own.
    pub(super) fn start(connection: Connection, files: Arc<Files>, commits: Arc<Commits>) -> std::io::Result<Self> {
        let (connection, written_back, fails) = (Mutex::new(connection), AtomicUsize::new(0), AtomicBool::new(false));
        let log = Arc::new(Log { connection, written_back, fails, files, commits });
        let (due, told) = sync_channel(1);
        let own = log.clone();
        let thread = std::thread::Builder::new().name("checkpoints".into()).spawn(move || own.run(&told))?;
        let (due, thread) = (Some(due), Some(thread));
        Ok(Self { log, seen: 0, anew_at: LONG_AT, too_long_at: TOO_LONG_AT, due, thread })
    }

    /// Sees to the log after a commit of this thread's, whose connection is followed.
    pub(super) fn after_commit(&mut self) {
        let pages = PAGES.get();
        if pages < std::mem::replace(&mut self.seen, pages) {
            self.anew_at = LONG_AT;
        }
        let left = self.log.left_of(pages);
        if left < DUE_AT {
            return;
        }
        let is_too_long = pages >= self.too_long_at;
        if pages >= self.anew_at
            && (left <= LITTLE || is_too_long)
            && let Some(connection) = self.log.lock(is_too_long)
        {
            if self.log.write_back(&connection) {
                self.anew_at = pages + LONG_AT;
            }
        } else {
            // Where it is told already, it does not need to be told again.
            let _ = self.due.as_ref().map(|due| due.try_send(()));
        }
    }
}

impl Drop for Checkpoints {
    fn drop(&mut self) {
        self.due = None;
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread of checkpoints had panicked");
        }
    }
}

impl Log {
    fn run(&self, told: &Receiver<()>) {
        while told.recv().is_ok() {
            if let Some(connection) = self.lock(true) {
                self.write_back(&connection);
            }
        }
    }

    /// The connection; `None` where it is in use and that is not waited for.
    fn lock(&self, waits: bool) -> Option<MutexGuard<'_, Connection>> {
        match self.connection.try_lock() {
            Ok(connection) => Some(connection),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => {
                waits.then(|| self.connection.lock().unwrap_or_else(PoisonError::into_inner))
            }
        }
    }

    /// How many of so many pages are not in the file yet. A log that is shorter than it was has begun anew.
    fn left_of(&self, pages: usize) -> usize {
        pages.checked_sub(self.written_back.load(Ordering::Relaxed)).unwrap_or(pages)
    }

    /// As much as readers let it: the rest after a later commit. Gives whether it could be tried: of all who write back the log,
    /// other processes too, only one does at a time.
    fn write_back(&self, connection: &Connection) -> bool {
        // Another file in its place is not ours to write.
        if self.files.check().is_err() {
            return false;
        }
        let _under_way = self.commits.begin();
        // A row of three: whether it was blocked, the pages in the log, the pages in the file; -1 where somebody else is at it.
        let written_back = connection
            .prepare_cached("PRAGMA wal_checkpoint(PASSIVE)")
            .and_then(|mut checkpoint| checkpoint.query_row([], |row| row.get::<_, i64>(2)));
        let failed = self.fails.swap(written_back.is_err(), Ordering::Relaxed);
        match written_back {
            Ok(pages) => {
                let pages = usize::try_from(pages).ok();
                pages.inspect(|pages| self.written_back.store(*pages, Ordering::Relaxed)).is_some()
            }
            Err(error) => {
                if !failed {
                    tracing::warn!(%error, "the log cannot be written back, and grows until it can");
                }
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::open;
    use super::*;

    #[test]
    fn a_log_that_is_written_all_the_time_is_written_back_and_begins_anew() {
        const PAGE: usize = 4_096;
        const COMMITS: usize = 50;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("t.db");
        std::fs::File::create(&path).unwrap();
        let make = || {
            let writer = open::writer(&path).unwrap();
            writer.execute_batch("CREATE TABLE t (number INTEGER PRIMARY KEY, data BLOB)").unwrap();
            Ok(writer)
        };
        let (writer, files) = Files::around(&path, None, make).unwrap();
        follow(&writer);
        let own = open::writer(&path).unwrap();
        let mut checkpoints = Checkpoints::start(own, Arc::new(files), Arc::default()).unwrap();
        checkpoints.too_long_at = 2 * LONG_AT;
        for number in 0..COMMITS {
            writer.execute("INSERT INTO t VALUES (?1, zeroblob(?2))", (number, DUE_AT * PAGE)).unwrap();
            checkpoints.after_commit();
        }
        let len = |suffix: &str| open::beside(&path, suffix).metadata().unwrap().len() as usize;
        let pages_of_log = len("-wal") / PAGE;
        assert!(pages_of_log < 2 * LONG_AT + 2 * DUE_AT, "{pages_of_log} of {} that were written", COMMITS * DUE_AT);
        assert!(len("") >= (COMMITS * DUE_AT - pages_of_log) * PAGE);
        drop(checkpoints);
        let counted: usize = writer.query_row("SELECT count(*) FROM t", [], |row| row.get(0)).unwrap();
        assert_eq!(counted, COMMITS);
    }
}
