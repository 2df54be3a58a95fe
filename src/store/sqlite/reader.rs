//! Connections that read. A point read takes microseconds and is done where the request is, on the worker thread's own
//! connection: 1.7 times the pool. What is slow goes to the pool and its own threads.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use scheduled_thread_pool::ScheduledThreadPool;
use thread_local::ThreadLocal;
use tokio::sync::Notify;
use tokio::time::timeout;

use super::commits::Commits;
use super::files::Files;
use super::open::Location;
use super::turns::Turns;
use crate::domain::{Key, KeyId};
use crate::store::{Error, Lane};

/// How long requests share a snapshot. What another process commits is seen after it: sooner than that process is over and
/// anybody can know.
const SHARED_MAX: Duration = Duration::from_micros(250);
/// How many slow questions run at once.
const POOL_SIZE: u32 = 4;
/// How many slow questions wait, of which one lane has half at most. Past it the answer is "busy" at once.
const WAITING_MAX: usize = 256;
/// How long a slow question waits for its turn.
const POOL_WAIT: Duration = Duration::from_secs(5);

pub(super) struct Readers {
    opener: Opener,
    commits: Arc<Commits>,
    here: ThreadLocal<Here>,
    /// As many as the pool has connections: who waits for one waits here, and not on a thread of its own.
    turns: Arc<Turns>,
    pool: r2d2::Pool<Opener>,
}

impl Readers {
    pub(super) fn open(
        location: impl Into<Location>,
        files: Option<Arc<Files>>,
        commits: Arc<Commits>,
    ) -> rusqlite::Result<Self> {
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
        let readers = Self { opener, commits, here: ThreadLocal::new(), turns, pool };
        readers.local()?;
        Ok(readers)
    }

    /// A connection for somebody else.
    pub(super) fn another(&self) -> rusqlite::Result<Connection> {
        self.opener.open()
    }

    /// Asks on this thread: for what takes microseconds.
    pub(super) fn here<T>(&self, ask: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, Error> {
        Ok(self.local()?.ask(&self.commits, ask)?)
    }

    /// The same for a key. The last one that was found in a snapshot is at hand for as long as that lasts: requests that share
    /// one are often of one application.
    pub(super) fn key(
        &self,
        id: &KeyId,
        find: impl FnOnce(&Connection, &KeyId) -> rusqlite::Result<Option<Key>>,
    ) -> Result<Option<Arc<Key>>, Error> {
        let here = self.local()?;
        if let Some(key) = here.key.borrow().as_ref().filter(|key| here.together.get() && key.id == *id) {
            return Ok(Some(key.clone()));
        }
        let key = here.ask(&self.commits, |connection| find(connection, id))?.map(Arc::new);
        here.key.replace(key.clone());
        Ok(key)
    }

    /// What is asked on this thread while `run` runs is asked of one snapshot. Beginning and ending one takes a lock that
    /// the worker threads share, and costs as much as the reading: a request finds its key and its customer in one, and so do
    /// those after it while [`Readers::share`] runs on this thread.
    pub(super) fn together<T>(&self, run: impl FnOnce() -> T) -> T {
        let Ok(here) = self.local() else { return run() };
        if !here.is_current(&self.commits) {
            here.end();
        }
        here.together.set(true);
        // Ends with the guard, also where a panic does.
        let _together = Together { here, commits: &self.commits };
        run()
    }

    /// Ends the snapshot of this thread, where there is one: what is asked next is asked of a later one.
    pub(super) fn part(&self) -> rusqlite::Result<()> {
        self.local()?.part()
    }

    /// While this runs, requests of this thread share a snapshot: those that it has to answer before it waits for more, within a
    /// short time, and while nothing is committed. So somebody who was told of a commit sees it; and the log is written back and
    /// begun anew as if they did not share, for that is done by a commit.
    pub(super) async fn share(&self) {
        let Ok(here) = self.local() else { return };
        let turn = Arc::new(Notify::new());
        here.turn.replace(Some(turn.clone()));
        let _sharing = Sharing(here);
        loop {
            turn.notified().await;
            here.end();
        }
    }

    fn local(&self) -> rusqlite::Result<&Here> {
        self.here.get_or_try(|| Ok(Here::new(self.opener.open()?)))
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
    /// The snapshot that is open, where one is.
    snapshot: Cell<Option<Snapshot>>,
    /// The last key that was found in it.
    key: RefCell<Option<Arc<Key>>>,
    /// Tells who ends it once the requests of a turn are answered, where somebody does.
    turn: RefCell<Option<Arc<Notify>>>,
}

#[derive(Clone, Copy)]
struct Snapshot {
    begun: Instant,
    /// How many commits were over before; `None` where one was under way.
    commits: Option<u64>,
}

impl Here {
    fn new(connection: Connection) -> Self {
        let (together, snapshot) = (Cell::new(false), Cell::new(None));
        Self { connection, together, snapshot, key: RefCell::default(), turn: RefCell::default() }
    }

    fn ask<T>(&self, commits: &Commits, ask: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> rusqlite::Result<T> {
        if !self.together.get() {
            self.part()?;
        } else if self.connection.is_autocommit() {
            let snapshot = Snapshot { begun: Instant::now(), commits: commits.quiet() };
            self.connection.prepare_cached("BEGIN")?.execute([])?;
            self.snapshot.set(Some(snapshot));
        }
        ask(&self.connection)
    }

    /// Whether another request may read in the snapshot that is open.
    fn is_current(&self, commits: &Commits) -> bool {
        self.snapshot.get().is_some_and(|snapshot| {
            snapshot.commits.is_some() && snapshot.commits == commits.quiet() && snapshot.begun.elapsed() < SHARED_MAX
        })
    }

    fn part(&self) -> rusqlite::Result<()> {
        self.snapshot.set(None);
        self.key.replace(None);
        if !self.connection.is_autocommit() {
            self.connection.prepare_cached("COMMIT")?.execute([])?;
        }
        Ok(())
    }

    fn end(&self) {
        if let Err(error) = self.part() {
            tracing::error!(%error, "a snapshot could not be ended");
        }
    }
}

struct Together<'a> {
    here: &'a Here,
    commits: &'a Commits,
}

impl Drop for Together<'_> {
    fn drop(&mut self) {
        self.here.together.set(false);
        match self.here.turn.borrow().as_ref() {
            Some(turn) if self.here.is_current(self.commits) => turn.notify_one(),
            _ => self.here.end(),
        }
    }
}

struct Sharing<'a>(&'a Here);

impl Drop for Sharing<'_> {
    fn drop(&mut self) {
        self.0.turn.replace(None);
        self.0.end();
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
    use crate::domain::SecretHash;

    #[test]
    fn what_is_read_together_is_of_one_moment() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("t.db");
        std::fs::File::create(&path).unwrap();
        let writer = open::writer(&path).unwrap();
        writer.execute_batch("CREATE TABLE t (number INTEGER); INSERT INTO t VALUES (1)").unwrap();
        let readers = Readers::open(&path, None, Arc::default()).unwrap();
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

    #[tokio::test]
    async fn a_turn_shares_a_snapshot_until_a_commit_is_answered() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("t.db");
        std::fs::File::create(&path).unwrap();
        let writer = open::writer(&path).unwrap();
        writer.execute_batch("CREATE TABLE t (number INTEGER); INSERT INTO t VALUES (0)").unwrap();
        let commits = Arc::<Commits>::default();
        let readers = Arc::new(Readers::open(&path, None, commits.clone()).unwrap());
        let read = || {
            let ask = |connection: &Connection| connection.query_row("SELECT number FROM t", [], |row| row.get(0));
            readers.together(|| readers.here(ask)).unwrap()
        };
        let write = |number: i64| writer.execute("UPDATE t SET number = ?1", [number]).map(drop).unwrap();
        let is_open = || !readers.local().unwrap().connection.is_autocommit();

        assert_eq!((read(), is_open()), (0, false), "where nobody would end it, none outlives what it is for");

        let sharing = readers.clone();
        let local = tokio::task::LocalSet::new();
        let ended = local
            .run_until(async {
                let task = tokio::task::spawn_local(async move { sharing.share().await });
                tokio::task::yield_now().await;
                // A machine that is busy elsewhere may take longer than a snapshot lasts.
                assert!((0..1_000).any(|_| {
                    let _: i64 = read();
                    is_open()
                }));
                for number in 1..100 {
                    let under_way = commits.begin();
                    let _: i64 = read();
                    assert!(!is_open(), "nobody is in the way of a commit");
                    write(number);
                    drop(under_way);
                    assert_eq!(read(), number);
                    assert_eq!(read(), number);
                }
                tokio::task::yield_now().await;
                assert!(!is_open(), "it ends with the turn");
                let _: i64 = read();
                task.abort();
                task.await.is_err_and(|error| error.is_cancelled())
            })
            .await;
        assert!(ended);
        assert!(!is_open(), "and with who would end it");
        // What another process commits is seen soon.
        write(100);
        assert_eq!(read(), 100);
    }

    #[test]
    fn a_key_is_at_hand_for_as_long_as_its_snapshot() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("t.db");
        std::fs::File::create(&path).unwrap();
        open::writer(&path).unwrap();
        let readers = Readers::open(&path, None, Arc::default()).unwrap();
        let id = KeyId::parse("rzp_test_00000000000001").unwrap();
        let looked = Cell::new(0);
        let find = |id: &KeyId| {
            let found = readers.key(id, |_, id| {
                looked.set(looked.get() + 1);
                Ok(Some(Key {
                    id: id.clone(),
                    label: String::new(),
                    created_at: 0,
                    expires_at: None,
                    revoked_at: None,
                    secret: SecretHash::new(String::new()),
                    previous: None,
                    maker: None,
                }))
            });
            assert_eq!(found.unwrap().unwrap().id, *id);
            looked.get()
        };
        assert_eq!([find(&id), find(&id)], [1, 2], "each by itself");
        readers.together(|| {
            assert_eq!([find(&id), find(&id)], [3, 3]);
            assert_eq!(find(&KeyId::parse("rzp_test_00000000000002").unwrap()), 4);
            assert_eq!(find(&id), 5);
            readers.part().unwrap();
            assert_eq!(find(&id), 6);
        });
        assert_eq!(find(&id), 7);
    }
}
