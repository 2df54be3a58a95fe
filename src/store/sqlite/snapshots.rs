//! What a worker thread reads with: a connection, and the snapshot that requests share.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tokio::sync::Notify;

use super::commits::Commits;
use crate::domain::{Key, KeyId};

/// How long requests share a snapshot. What another process commits is seen by requests that come so long after it: in practice
/// sooner than anybody who learned of it from that process can ask.
const SHARED_MAX: Duration = Duration::from_micros(250);

/// What a thread reads with.
pub(super) struct Here {
    connection: Connection,
    commits: Arc<Commits>,
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
    pub(super) fn new(connection: Connection, commits: Arc<Commits>) -> Self {
        let (together, snapshot) = (Cell::new(false), Cell::new(None));
        Self { connection, commits, together, snapshot, key: RefCell::default(), turn: RefCell::default() }
    }

    /// Asks for something.
    pub(super) fn ask<T>(&self, ask: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> rusqlite::Result<T> {
        if !self.together.get() {
            self.part()?;
        } else if self.connection.is_autocommit() {
            let snapshot = Snapshot { begun: Instant::now(), commits: self.commits.quiet() };
            self.connection.prepare_cached("BEGIN")?.execute([])?;
            self.snapshot.set(Some(snapshot));
        }
        ask(&self.connection)
    }

    /// Asks for a key, unless it is at hand.
    pub(super) fn key(
        &self,
        id: &KeyId,
        find: impl FnOnce(&Connection, &KeyId) -> rusqlite::Result<Option<Key>>,
    ) -> rusqlite::Result<Option<Arc<Key>>> {
        if let Some(key) = self.key.borrow().as_ref().filter(|key| self.together.get() && key.id == *id) {
            return Ok(Some(key.clone()));
        }
        let key = self.ask(|connection| find(connection, id))?.map(Arc::new);
        self.key.replace(key.clone());
        Ok(key)
    }

    /// Runs something that asks, in a snapshot that may be that of what ran before.
    pub(super) fn together<T>(&self, run: impl FnOnce() -> T) -> T {
        if !self.is_current() {
            self.end();
        }
        self.together.set(true);
        // Ends with the guard, also where a panic does.
        let _together = Together(self);
        run()
    }

    /// Ends the snapshot, where one is open.
    pub(super) fn part(&self) -> rusqlite::Result<()> {
        self.snapshot.set(None);
        self.key.replace(None);
        if !self.connection.is_autocommit() {
            self.connection.prepare_cached("COMMIT")?.execute([])?;
        }
        Ok(())
    }

    /// Ends each snapshot with its turn: when all that was to be run on this thread at the time has been. Only while this runs,
    /// a snapshot outlives what it was begun for.
    pub(super) async fn share(&self) {
        let turn = Arc::new(Notify::new());
        self.turn.replace(Some(turn.clone()));
        let _sharing = Sharing(self);
        loop {
            turn.notified().await;
            self.end();
        }
    }

    /// Whether something else may read in the snapshot that is open.
    fn is_current(&self) -> bool {
        self.snapshot.get().is_some_and(|Snapshot { begun, commits }| {
            commits.is_some() && commits == self.commits.quiet() && begun.elapsed() < SHARED_MAX
        })
    }

    fn end(&self) {
        if let Err(error) = self.part() {
            tracing::error!(%error, "a snapshot could not be ended");
        }
    }
}

struct Together<'a>(&'a Here);

impl Drop for Together<'_> {
    fn drop(&mut self) {
        self.0.together.set(false);
        match self.0.turn.borrow().as_ref() {
            Some(turn) if self.0.is_current() => turn.notify_one(),
            _ => self.0.end(),
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

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::rc::Rc;

    use super::super::open;
    use super::*;
    use crate::domain::SecretHash;

    fn here(path: &Path, commits: Arc<Commits>) -> Here {
        Here::new(open::reader(path).unwrap(), commits)
    }

    #[test]
    fn what_is_read_together_is_of_one_moment() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("t.db");
        std::fs::File::create(&path).unwrap();
        let writer = open::writer(&path).unwrap();
        writer.execute_batch("CREATE TABLE t (number INTEGER); INSERT INTO t VALUES (1)").unwrap();
        let here = here(&path, Arc::default());
        let read =
            || here.ask(|connection| connection.query_row("SELECT number FROM t", [], |row| row.get(0))).unwrap();
        let write = |number: i64| writer.execute("UPDATE t SET number = ?1", [number]).unwrap();
        let seen: [i64; 3] = here.together(|| {
            let first = read();
            write(2);
            let same = read();
            here.part().unwrap();
            [first, same, read()]
        });
        assert_eq!(seen, [1, 1, 2]);
        write(3);
        assert_eq!(read(), 3);
        // A panic leaves no snapshot behind.
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            here.together(|| {
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
        let here = Rc::new(here(&path, commits.clone()));
        let read = || {
            let ask = |connection: &Connection| connection.query_row("SELECT number FROM t", [], |row| row.get(0));
            here.together(|| here.ask(ask)).unwrap()
        };
        let write = |number: i64| writer.execute("UPDATE t SET number = ?1", [number]).map(drop).unwrap();
        let is_open = || !here.connection.is_autocommit();

        assert_eq!((read(), is_open()), (0, false), "where nobody would end it, none outlives what it is for");

        let sharing = here.clone();
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
        let here = here(&path, Arc::default());
        let id = KeyId::parse("rzp_test_00000000000001").unwrap();
        let looked = Cell::new(0);
        let find = |id: &KeyId| {
            let found = here.key(id, |_, id| {
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
        here.together(|| {
            assert_eq!([find(&id), find(&id)], [3, 3]);
            assert_eq!(find(&KeyId::parse("rzp_test_00000000000002").unwrap()), 4);
            assert_eq!(find(&id), 5);
            here.part().unwrap();
            assert_eq!(find(&id), 6);
        });
        assert_eq!(find(&id), 7);
    }
}
