//! Connections that read. A point read takes microseconds and is done where the request is, on the worker thread's own
//! connection: 1.7 times the pool. What is slow goes to the pool and its own threads.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;
use scheduled_thread_pool::ScheduledThreadPool;
use thread_local::ThreadLocal;
use tokio::time::timeout;

use super::files::Files;
use super::open::Location;
use super::turns::Turns;
use crate::store::{Error, Lane};

/// How many slow questions run at once.
const POOL_SIZE: u32 = 4;
/// How many slow questions wait, of which one lane has half at most. Past it the answer is "busy" at once.
const WAITING_MAX: usize = 256;
/// How long a slow question waits for its turn.
const POOL_WAIT: Duration = Duration::from_secs(5);

pub(super) struct Readers {
    opener: Opener,
    here: ThreadLocal<Here>,
    /// As many as the pool has connections: who waits for one waits here, and not on a thread of its own.
    turns: Arc<Turns>,
    pool: r2d2::Pool<Opener>,
}

impl Readers {
    pub(super) fn open(location: impl Into<Location>, files: Option<Arc<Files>>) -> rusqlite::Result<Self> {
        let opener = Opener { location: location.into(), files };
        let pool = r2d2::Pool::builder()
            .max_size(POOL_SIZE)
            // One stays open, whatever becomes of the path.
            .min_idle(Some(u32::from(opener.files.is_some())))
            .thread_pool(Arc::new(ScheduledThreadPool::new(1)))
            .idle_timeout(None)
            .max_lifetime(None)
            .connection_timeout(POOL_WAIT)
            .test_on_check_out(false)
            .build_unchecked(opener.clone());
        let turns = Turns::new(POOL_SIZE as usize, WAITING_MAX);
        let readers = Self { opener, here: ThreadLocal::new(), turns, pool };
        readers.local()?;
        Ok(readers)
    }

    /// A connection for somebody else.
    pub(super) fn another(&self) -> rusqlite::Result<Connection> {
        self.opener.open()
    }

    /// Asks on this thread: for what takes microseconds.
    pub(super) fn here<T>(&self, ask: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, Error> {
        let here = self.local()?;
        if here.together.get() && here.connection.is_autocommit() {
            here.connection.prepare_cached("BEGIN")?.execute([])?;
        }
        Ok(ask(&here.connection)?)
    }

    /// What is asked on this thread while `run` runs is asked of one snapshot. Beginning and ending one takes a lock that
    /// the worker threads share, and costs as much as the reading: a request finds its key and its customer in one.
    pub(super) fn together<T>(&self, run: impl FnOnce() -> T) -> T {
        let Ok(here) = self.local() else { return run() };
        // Ends with the guard, also where a panic does.
        let _together = Together::begin(here);
        run()
    }

    /// Ends the snapshot of this thread, where there is one: what is asked next is asked of a later one.
    pub(super) fn part(&self) -> rusqlite::Result<()> {
        self.local()?.part()
    }

    fn local(&self) -> rusqlite::Result<&Here> {
        let open = || Ok(Here { connection: self.opener.open()?, together: Cell::new(false) });
        self.here.get_or_try(open)
    }

    /// Asks on a thread of its own: for what takes longer. A question of the house's.
    pub(super) async fn away<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Error> {
        self.away_of(Lane::HOUSE, ask).await
    }

    /// The same, in turn with the questions of others.
    pub(super) async fn away_of<T: Send + 'static>(
        &self,
        lane: Lane,
        ask: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Error> {
        let turn = timeout(POOL_WAIT, self.turns.take(lane)).await.map_err(|_| Error::Busy)??;
        let pool = self.pool.clone();
        let asked = tokio::task::spawn_blocking(move || {
            // Held until the answer is there, even where nobody waits for it any more.
            let _turn = turn;
            let connection = pool.get().map_err(|_| Error::Busy)?;
            Ok(ask(&connection)?)
        });
        asked.await.unwrap_or_else(|error| Err(Error::Failed(format!("a reader: {error}"))))
    }
}

/// What a thread reads with.
struct Here {
    connection: Connection,
    /// Whether what is asked now shares a snapshot.
    together: Cell<bool>,
}

impl Here {
    fn part(&self) -> rusqlite::Result<()> {
        if !self.connection.is_autocommit() {
            self.connection.prepare_cached("COMMIT")?.execute([])?;
        }
        Ok(())
    }
}

struct Together<'a>(&'a Here);

impl<'a> Together<'a> {
    fn begin(here: &'a Here) -> Self {
        here.together.set(true);
        Self(here)
    }
}

impl Drop for Together<'_> {
    fn drop(&mut self) {
        self.0.together.set(false);
        if let Err(error) = self.0.part() {
            tracing::error!(%error, "a snapshot could not be ended");
        }
    }
}

#[derive(Clone)]
struct Opener {
    location: Location,
    /// Of a file that this process writes: another one that has come in its place is not read beside it.
    files: Option<Arc<Files>>,
}

impl Opener {
    fn open(&self) -> rusqlite::Result<Connection> {
        let connection = self.location.reader();
        self.files.as_ref().map_or(Ok(()), |files| files.check())?;
        connection
    }
}

impl r2d2::ManageConnection for Opener {
    type Connection = Connection;
    type Error = rusqlite::Error;

    fn connect(&self) -> rusqlite::Result<Connection> {
        self.open()
    }

    fn is_valid(&self, connection: &mut Connection) -> rusqlite::Result<()> {
        connection.execute_batch("SELECT 1")
    }

    fn has_broken(&self, _: &mut Connection) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::super::open;
    use super::*;

    #[test]
    fn what_is_read_together_is_of_one_moment() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("t.db");
        std::fs::File::create(&path).unwrap();
        let writer = open::writer(&path).unwrap();
        writer.execute_batch("CREATE TABLE t (number INTEGER); INSERT INTO t VALUES (1)").unwrap();
        let readers = Readers::open(&path, None).unwrap();
        let read =
            || readers.here(|connection| connection.query_row("SELECT number FROM t", [], |row| row.get(0))).unwrap();
        let write = |number: i64| writer.execute("UPDATE t SET number = ?1", [number]).unwrap();
        let seen: [i64; 3] = readers.together(|| {
            let first = read();
            write(2);
            let same = read();
            readers.part().unwrap();
            [first, same, read()]
        });
        assert_eq!(seen, [1, 1, 2]);
        write(3);
        assert_eq!(read(), 3);
        // A panic leaves no snapshot behind.
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            readers.together(|| {
                if read() == 3 {
                    panic!("on purpose")
                }
            })
        }));
        assert!(panicked.is_err());
        write(4);
        assert_eq!(read(), 4);
    }
}
