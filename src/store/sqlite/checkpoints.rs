//! Checkpoints: pages of the WAL are written back into the database file, by a thread of its own while edits are written.
//!
//! Each time that the WAL is longer by 1,000 pages, the thread runs a passive checkpoint. SQLite resets a WAL only if all of it is in the
//! database file, and under constant load a passive checkpoint never reaches its end. So at 4,000 pages the thread runs two and syncs
//! the file after each. Little is left then, and the writing thread runs the last one between two commits; the next commit resets the
//! WAL. If a reader prevents that, it is tried again 4,000 pages later.

use std::cell::Cell;
use std::mem::{replace, take};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use rusqlite::{Connection, ffi};

use super::files::Files;

/// The pages by which the WAL grows between two passive checkpoints.
const PASSIVE_AT: usize = 1_000;
/// The length in pages at which the WAL is to be reset: 16 MB.
const RESET_AT: usize = 4_000;

thread_local! {
    /// The length of the WAL in pages after the last commit of this thread.
    static PAGES: Cell<usize> = const { Cell::new(0) };
}

/// Lets a connection's commits be followed, in place of SQLite's own checkpoints.
pub(super) fn follow(connection: &Connection) {
    connection.wal_hook(Some(|_, pages| {
        PAGES.set(usize::try_from(pages).unwrap_or_default());
        Ok(())
    }));
}

/// Runs the checkpoints of one file.
pub(super) struct Checkpoints {
    /// The length of the WAL after the commit before.
    pages: usize,
    /// The lengths at which the next checkpoint and the next reset are due.
    due_at: usize,
    reset_at: usize,
    /// `None` while the thread has it.
    log: Option<Log>,
    back: Receiver<Log>,
    /// `None` once the thread is to end.
    due: Option<SyncSender<Log>>,
    thread: Option<JoinHandle<()>>,
}

/// The state of the checkpoints, owned by the thread that runs one.
struct Log {
    connection: Connection,
    files: Arc<Files>,
    /// The last checkpoint failed, which has been logged.
    fails: bool,
    /// The WAL is to be reset: the thread prepares for it, and the writing thread runs the last checkpoint.
    resets: bool,
}

impl Checkpoints {
    /// Starts the thread with a connection of its own.
    pub(super) fn start(connection: Connection, files: Arc<Files>) -> std::io::Result<Self> {
        let log = Some(Log { connection, files, fails: false, resets: false });
        let ((due, logs), (give_back, back)) = (sync_channel::<Log>(1), sync_channel(1));
        let run = move || {
            for mut log in logs {
                // A panic does not lose it: without it the WAL would grow for ever.
                let _ = catch_unwind(AssertUnwindSafe(|| log.checkpoint_beside_edits()));
                // No thread takes it once the writing thread is over.
                let _ = give_back.send(log);
            }
        };
        let thread = Some(std::thread::Builder::new().name("checkpoints".into()).spawn(run)?);
        Ok(Self { pages: 0, due_at: PASSIVE_AT, reset_at: RESET_AT, log, back, due: Some(due), thread })
    }

    /// Runs or requests a checkpoint, if one is due after a commit of this thread.
    pub(super) fn after_commit(&mut self) {
        let pages = PAGES.get();
        if pages < replace(&mut self.pages, pages) {
            (self.due_at, self.reset_at) = (PASSIVE_AT, RESET_AT);
        }
        let Some(mut log) = self.log.take().or_else(|| self.back.try_recv().ok()) else { return };
        if take(&mut log.resets) {
            log.checkpoint();
            self.reset_at = pages + RESET_AT;
        } else if pages >= self.due_at {
            self.due_at = pages + PASSIVE_AT;
            log.resets = pages >= self.reset_at;
            if let Some(due) = &self.due {
                let _ = due.send(log);
            }
            return;
        }
        self.log = Some(log);
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
    fn checkpoint_beside_edits(&mut self) {
        self.checkpoint();
        if self.resets {
            self.files.sync_database();
            self.checkpoint();
            self.files.sync_database();
        }
    }

    /// Writes back what no reader needs in the WAL.
    fn checkpoint(&mut self) {
        // Another file in its place is not ours to write.
        if !self.files.may_be_written_back() {
            return;
        }
        let run = self.connection.prepare_cached("PRAGMA wal_checkpoint(PASSIVE)");
        let run = run.and_then(|mut checkpoint| checkpoint.query_row([], |_| Ok(())));
        let failed = replace(&mut self.fails, run.is_err());
        if let Err(error) = run {
            if error.sqlite_error().is_some_and(|error| error.extended_code == ffi::SQLITE_IOERR_FSYNC) {
                self.files.doubt(&error);
            }
            if !failed {
                tracing::warn!(%error, "the log cannot be written back, and grows until it can");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{open, paths};
    use super::*;

    /// How many pages each commit adds.
    const ADDED: usize = 250;
    const COMMITS: usize = 50;

    /// Writes twice as often, while somebody reads what was there at first or not. Gives how many pages the log has then, at 4,096 bytes.
    fn write(somebody_reads: bool) -> usize {
        const PAGE: usize = 4_096;
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
        let mut checkpoints = Checkpoints::start(open::writer(&path).unwrap(), Arc::new(files)).unwrap();
        let reader = open::reader(&path).unwrap();
        let count =
            |connection: &Connection| connection.query_row("SELECT count(*) FROM t", [], |row| row.get::<_, usize>(0));
        reader.execute_batch("BEGIN").unwrap();
        if somebody_reads {
            assert_eq!(count(&reader).unwrap(), 0);
        }
        for number in 0..COMMITS {
            writer.execute("INSERT INTO t VALUES (?1, zeroblob(?2))", (number, ADDED * PAGE)).unwrap();
            checkpoints.after_commit();
            // Little is added meanwhile.
            writer.execute("UPDATE t SET data = randomblob(length(data)) WHERE number = ?1", [number]).unwrap();
            checkpoints.log = checkpoints.log.take().or_else(|| checkpoints.back.recv().ok());
        }
        drop(checkpoints);
        assert_eq!(count(&writer).unwrap(), COMMITS);
        let len = |suffix: &str| paths::beside(&path, suffix).metadata().unwrap().len() as usize;
        let pages_of_log = len("-wal") / PAGE;
        assert!(somebody_reads || len("") >= (COMMITS * ADDED - pages_of_log) * PAGE);
        pages_of_log
    }

    #[test]
    fn a_log_is_written_back_and_begins_anew_unless_somebody_reads() {
        let pages = write(false);
        assert!(pages < RESET_AT + 8 * ADDED, "{pages} of {}", 2 * COMMITS * ADDED);
        assert!(write(true) > 2 * RESET_AT, "a reader keeps it, or this test tries nothing");
    }
}
