//! Writing the log back into the file beside the edits, on a thread of its own: SQLite's checkpoints. What is committed is synced in
//! the log already, and nobody waits for this to be answered; but the disk has both to sync, and a commit waits for about as long
//! as a sync of the file that is under way.
//!
//! Where little is written, little is written back at a time, so that commits wait for little. Where much is, that is too dear: a
//! disk took 69 ms for 4,000 random pages together, and as long for 2,000 of them in parts of 250. So after each time it rests, for
//! several times as long as that took, and what gathers meanwhile is the next part.
//!
//! A log to which more is added all the time is never in the file to its end, and only then begins anew; nor does SQLite sync the
//! file before. So once it is long, it is written back time after time without a rest, each time less and each time synced, and the
//! writing thread does the little that is left by itself. Where somebody who reads for long keeps it from beginning anew all the
//! same, that is tried again when it is longer by as much.

use std::cell::Cell;
use std::mem::{replace, take};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rusqlite::{Connection, ffi};

use super::files::Files;

/// How many pages that are not in the file make it worth to write them back.
const DUE_AT: usize = 64;
/// How many times as long as writing back took it rests.
const REST: u32 = 4;
/// How long it rests where nothing could be written back: somebody reads what is older, or is at it, or the disk fails.
const REST_IN_VAIN: Duration = Duration::from_millis(100);
/// At how many pages the log is to begin anew: 16 MB.
const LONG_AT: usize = 4_000;
/// How many are little: to write so many back, edits wait for some 10 ms.
const LITTLE: usize = 400;
/// How often it is tried to come to that few, at a time.
const ROUNDS_MAX: usize = 8;
/// The writing thread writes back this many times as many as the last round did, and leaves more to another.
const LEFT_MAX: usize = 4;

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
    /// How many pages it had when it was last seen to, and at how many it is to begin anew.
    seen: usize,
    anew_at: usize,
    /// Whether it has begun anew since it was last in hand.
    has_begun_anew: bool,
    /// `None` while the thread has it.
    log: Option<Log>,
    back: Receiver<Log>,
    /// `None` once the thread is to end.
    due: Option<SyncSender<Log>>,
    thread: Option<JoinHandle<()>>,
}

/// What the log is written back with, in the hands of whoever does.
struct Log {
    connection: Connection,
    files: Arc<Files>,
    /// How many of its pages were in the file after the last time.
    written_back: usize,
    /// Whether that failed, which has been said.
    fails: bool,
    /// Until when it rests, but where it has become long meanwhile; and whether the last time was in vain.
    rests_until: Instant,
    in_vain: bool,
    /// Whether it is long: to be written back until little is left.
    is_long: bool,
    /// How many pages at most the writing thread may write back by itself, once that is its turn.
    left_max: Option<usize>,
}

impl Checkpoints {
    /// Starts the thread with a connection of its own.
    pub(super) fn start(connection: Connection, files: Arc<Files>) -> std::io::Result<Self> {
        let (rests_until, in_vain, fails, is_long) = (Instant::now(), false, false, false);
        let log = Log { connection, files, written_back: 0, fails, rests_until, in_vain, is_long, left_max: None };
        let ((due, told), (give_back, back)) = (sync_channel::<Log>(1), sync_channel(1));
        let write_back = move || {
            for mut log in told {
                // Whatever happens, it is not lost: without it the log would grow for ever.
                let _ = catch_unwind(AssertUnwindSafe(|| log.write_back_beside()));
                // Nobody takes it once the writing thread is over.
                let _ = give_back.send(log);
            }
        };
        let thread = std::thread::Builder::new().name("checkpoints".into()).spawn(write_back)?;
        let (log, due, thread) = (Some(log), Some(due), Some(thread));
        Ok(Self { seen: 0, anew_at: LONG_AT, has_begun_anew: false, log, back, due, thread })
    }

    /// Sees to the log after a commit of this thread's, whose connection is followed.
    pub(super) fn after_commit(&mut self) {
        let pages = PAGES.get();
        if pages < replace(&mut self.seen, pages) {
            (self.anew_at, self.has_begun_anew) = (LONG_AT, true);
        }
        let Some(mut log) = self.log.take().or_else(|| self.back.try_recv().ok()) else { return };
        if take(&mut self.has_begun_anew) {
            (log.written_back, log.left_max) = (0, None);
        }
        let (left, is_long) = (log.left_of(pages), pages >= self.anew_at);
        if log.left_max.take().is_some_and(|max| left <= max) {
            if log.write_back().is_some() {
                self.anew_at = pages + LONG_AT;
            }
        } else if left >= DUE_AT && (is_long && !log.in_vain || Instant::now() >= log.rests_until) {
            log.is_long = is_long;
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
    /// How many of so many pages are not in the file yet. A log that is shorter than it was has begun anew.
    fn left_of(&self, pages: usize) -> usize {
        pages.checked_sub(self.written_back).unwrap_or(pages)
    }

    /// Writes it back while edits go on.
    fn write_back_beside(&mut self) {
        let began = Instant::now();
        (self.in_vain, self.rests_until) = (true, began + REST_IN_VAIN);
        let mut written = self.write_back();
        if self.is_long && written.is_some_and(|pages| pages > 0) {
            self.files.sync_database();
            for _ in 1..ROUNDS_MAX {
                if written.is_none_or(|pages| pages <= LITTLE) {
                    break;
                }
                written = self.write_back();
                self.files.sync_database();
            }
            self.left_max = written.map(|pages| LEFT_MAX * pages.max(LITTLE));
        }
        self.in_vain = written.is_none_or(|pages| pages == 0);
        self.rests_until = Instant::now() + if self.in_vain { REST_IN_VAIN } else { began.elapsed() * REST };
    }

    /// As much as readers let it: the rest after a later commit. Gives how many pages; `None` where it could not be tried: of all
    /// who write back the log, other processes too, only one does at a time.
    fn write_back(&mut self) -> Option<usize> {
        // Another file in its place is not ours to write.
        if !self.files.may_be_written_back() {
            return None;
        }
        // A row of three: whether it was blocked, the pages in the log, the pages in the file; -1 where somebody else is at it.
        let written_back = self
            .connection
            .prepare_cached("PRAGMA wal_checkpoint(PASSIVE)")
            .and_then(|mut checkpoint| checkpoint.query_row([], |row| row.get::<_, i64>(2)));
        let failed = replace(&mut self.fails, written_back.is_err());
        match written_back {
            Ok(pages) => {
                let pages = usize::try_from(pages).ok()?;
                let before = replace(&mut self.written_back, pages);
                Some(pages.checked_sub(before).unwrap_or(pages))
            }
            Err(error) => {
                if error.sqlite_error().is_some_and(|error| error.extended_code == ffi::SQLITE_IOERR_FSYNC) {
                    self.files.doubt(&error);
                }
                if !failed {
                    tracing::warn!(%error, "the log cannot be written back, and grows until it can");
                }
                None
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
        assert!(pages < LONG_AT + 8 * ADDED, "{pages} of {}", 2 * COMMITS * ADDED);
        assert!(write(true) > 2 * LONG_AT, "somebody who reads keeps it, and nothing is tried here otherwise");
    }
}
