//! Connections that read. A point read takes microseconds and is done where the request is, on the worker thread's own
//! connection: 1.7 times the pool. What is slow goes to the pool and its own threads.
//!
//! A worker's connection remembers the key rows that it found, while `PRAGMA data_version` is unchanged: no other connection of any
//! process has committed since. The pragma is asked in the transaction that reads the customer, so a key that was revoked is refused
//! at its next request.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rusqlite::Connection;
use scheduled_thread_pool::ScheduledThreadPool;
use thread_local::ThreadLocal;
use tokio::time::timeout;

use super::files::Files;
use super::grants;
use super::open::{self, Location};
use super::turns::Turns;
use crate::domain::{Key, KeyId};
use crate::store::{Error, Requester};

/// How many slow questions run at once.
const POOL_SIZE: u32 = 4;
/// How many slow questions wait, of which one lane has half at most. Past it the answer is "busy" at once.
const WAITING_MAX: usize = 256;
/// How long a slow question waits for its turn.
const POOL_WAIT: Duration = Duration::from_secs(5);
/// The most key rows that a worker remembers.
const KEYS_MAX: usize = 16;

pub(super) struct Readers {
    opener: Opener,
    here: ThreadLocal<ThreadReader>,
    /// The requests that read a key or a session so far: all but health checks and scrapes.
    requests: Arc<AtomicU64>,
    /// As many as the pool has connections: who waits for one waits here, and not on a thread of its own.
    turns: Arc<Turns>,
    pool: r2d2::Pool<Opener>,
}

impl Readers {
    pub(super) fn open(
        location: impl Into<Location>,
        files: Option<Arc<Files>>,
        is_server: bool,
    ) -> rusqlite::Result<Self> {
        let opener = Opener { location: location.into(), files };
        let pool = r2d2::Pool::builder()
            .max_size(POOL_SIZE)
            // One of a server stays open, whatever becomes of the path. A command may end before a thread has opened it.
            .min_idle(Some(u32::from(is_server)))
            .thread_pool(Arc::new(ScheduledThreadPool::new(1)))
            .idle_timeout(None)
            .max_lifetime(None)
            .connection_timeout(POOL_WAIT)
            .test_on_check_out(false)
            .build_unchecked(opener.clone());
        let turns = Turns::new(POOL_SIZE as usize, WAITING_MAX);
        let readers = Self { opener, here: ThreadLocal::new(), requests: Arc::default(), turns, pool };
        readers.local()?;
        Ok(readers)
    }

    /// A connection for somebody else.
    pub(super) fn another(&self) -> rusqlite::Result<Connection> {
        self.opener.open()
    }

    /// Asks on this thread: for what takes microseconds.
    pub(super) fn here<T>(&self, ask: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, Error> {
        self.seen(ask(&self.local()?.connection))
    }

    /// Finds a key and runs `read` with it in the same transaction.
    pub(super) fn with_key<T>(
        &self,
        id: &KeyId,
        read: impl FnOnce(&Connection, Option<Arc<Key>>) -> T,
    ) -> Result<T, Error> {
        self.count_request();
        self.seen(self.local()?.with_key(id, read))
    }

    /// Counts a request, to which work in the background yields.
    pub(super) fn count_request(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn requests(&self) -> Arc<AtomicU64> {
        self.requests.clone()
    }

    /// Returns the result of a read. A damaged page is noted.
    pub(super) fn seen<T>(&self, read: rusqlite::Result<T>) -> Result<T, Error> {
        read.map_err(|error| self.opener.reason_of(error))
    }

    /// Opens the connection of this thread.
    pub(super) fn open_local(&self) -> rusqlite::Result<()> {
        self.local().map(drop)
    }

    fn local(&self) -> rusqlite::Result<&ThreadReader> {
        self.here.get_or_try(|| {
            let connection = self.opener.open()?;
            open::for_points(&connection)?;
            Ok(ThreadReader { connection, keys: RefCell::default() })
        })
    }

    /// Asks on a thread of its own: for what takes longer. A question of the house's.
    pub(super) async fn away<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Error> {
        self.away_of(Requester::HOUSE, ask).await
    }

    /// The same, in turn with the questions of others.
    pub(super) async fn away_of<T: Send + 'static>(
        &self,
        requester: Requester,
        ask: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Error> {
        let Requester { lane, grant } = requester;
        let turn = timeout(POOL_WAIT, self.turns.take(lane)).await.map_err(|_| Error::Busy)??;
        let (pool, opener) = (self.pool.clone(), self.opener.clone());
        let asked = tokio::task::spawn_blocking(move || {
            // Held until the answer is there, even where nobody waits for it any more.
            let _turn = turn;
            let connection = pool.get().map_err(|_| Error::Busy)?;
            grants::check(&connection, grant.as_ref()).inspect_err(|error| opener.see(error))?;
            ask(&connection).map_err(|error| opener.reason_of(error))
        });
        asked.await.unwrap_or_else(|error| Err(Error::Failed(format!("a reader: {error}"))))
    }
}

/// The connection of a worker thread.
struct ThreadReader {
    connection: Connection,
    keys: RefCell<KnownKeys>,
}

/// Key rows, and the `data_version` at which they are current.
#[derive(Default)]
struct KnownKeys {
    version: Option<i64>,
    keys: Vec<Arc<Key>>,
}

impl ThreadReader {
    fn with_key<T>(&self, id: &KeyId, read: impl FnOnce(&Connection, Option<Arc<Key>>) -> T) -> rusqlite::Result<T> {
        // SQLite ends an implicit transaction with its last active statement. This one stays active until `read` has returned.
        let mut pragma = self.connection.prepare_cached("PRAGMA data_version")?;
        let mut version = pragma.query([])?;
        let current = version.next()?.map(|row| row.get(0)).transpose()?;
        let key = self.key(id, current)?;
        Ok(read(&self.connection, key))
    }

    fn key(&self, id: &KeyId, current: Option<i64>) -> rusqlite::Result<Option<Arc<Key>>> {
        let mut known = self.keys.borrow_mut();
        if known.version != current || known.keys.len() == KEYS_MAX {
            *known = KnownKeys { version: current, keys: Vec::new() };
        }
        if let Some(key) = known.keys.iter().find(|key| key.id == *id) {
            return Ok(Some(key.clone()));
        }
        let key = grants::find_key(&self.connection, id)?.map(Arc::new);
        known.keys.extend(key.clone());
        Ok(key)
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
        self.location.reader(|| self.files.as_ref().map_or(Ok(()), |files| files.check_place().map(drop)))
    }

    /// Notes the damage that an error is of.
    fn see(&self, error: &Error) {
        if let (Error::Damaged(cause), Some(files)) = (error, &self.files) {
            files.see_damage_of(cause);
        }
    }

    /// Why something could not be read: that may go away where it is for what has become of the files.
    fn reason_of(&self, error: rusqlite::Error) -> Error {
        let excuse = self.files.as_ref().and_then(|files| files.see(&error));
        excuse.unwrap_or(error).into()
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
    use super::super::keys;
    use super::*;
    use crate::domain::SecretHash;

    fn key(number: usize) -> Key {
        Key {
            id: KeyId::parse(&format!("rzp_test_{number:014}")).unwrap(),
            label: String::new(),
            created_at: 0,
            expires_at: None,
            revoked_at: None,
            secret: SecretHash::new(String::new()),
            previous: None,
            maker: None,
        }
    }

    fn reader(path: &std::path::Path) -> (Connection, ThreadReader) {
        std::fs::File::create(path).unwrap();
        let writer = open::writer(path).unwrap();
        writer.execute_batch(include_str!("../../../schema.sql")).unwrap();
        (writer, ThreadReader { connection: open::reader(path).unwrap(), keys: RefCell::default() })
    }

    #[test]
    fn reads_a_key_again_after_a_commit_of_another_connection() {
        let directory = tempfile::tempdir().unwrap();
        let (writer, reader) = reader(&directory.path().join("t.db"));
        let mut written = key(1);
        let id = written.id.clone();
        let find = || reader.with_key(&id, |_, key| key).unwrap();
        assert!(find().is_none());
        keys::insert(&writer, &written).unwrap();
        let first = find().unwrap();
        assert!(Arc::ptr_eq(&first, &find().unwrap()), "it is remembered while nothing is committed");
        written.revoked_at = Some(5);
        keys::update(&writer, &written).unwrap();
        assert_eq!(find().unwrap().revoked_at, Some(5));
    }

    #[test]
    fn reads_a_key_and_what_follows_in_one_transaction() {
        let directory = tempfile::tempdir().unwrap();
        let (writer, reader) = reader(&directory.path().join("t.db"));
        let count = |connection: &Connection| keys::list(connection).unwrap().len();
        for number in 0..2 * KEYS_MAX {
            let key = key(number);
            let (found, counted) = reader
                .with_key(&key.id, |connection, found| {
                    keys::insert(&writer, &key).unwrap();
                    (found, count(connection))
                })
                .unwrap();
            assert!(found.is_none());
            assert_eq!((counted, count(&reader.connection)), (number, number + 1));
        }
        for number in 0..2 * KEYS_MAX {
            assert!(reader.with_key(&key(number).id, |_, key| key).unwrap().is_some());
        }
        assert!(reader.keys.borrow().keys.len() <= KEYS_MAX);
    }
}
