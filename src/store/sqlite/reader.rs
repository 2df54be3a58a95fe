//! Connections that read. A point read takes microseconds and is done where the request is, on the worker thread's own
//! connection: 1.7 times the pool. What is slow goes to the pool and its own threads.

use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;
use scheduled_thread_pool::ScheduledThreadPool;
use thread_local::ThreadLocal;
use tokio::time::timeout;

use super::commits::Commits;
use super::files::Files;
use super::grants;
use super::open::{self, Location};
use super::snapshots::Here;
use super::turns::Turns;
use crate::domain::{Key, KeyId};
use crate::store::{Error, Requester};

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
        is_server: bool,
        commits: Arc<Commits>,
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
        self.seen(self.local()?.ask(ask))
    }

    /// The same for a key. The last one that was found in a snapshot is at hand for as long as that lasts: requests that share
    /// one are often of one application.
    pub(super) fn key(
        &self,
        id: &KeyId,
        find: impl FnOnce(&Connection, &KeyId) -> rusqlite::Result<Option<Key>>,
    ) -> Result<Option<Arc<Key>>, Error> {
        self.seen(self.local()?.key(id, find))
    }

    /// What was read; a page that makes no sense is noted.
    fn seen<T>(&self, read: rusqlite::Result<T>) -> Result<T, Error> {
        read.map_err(|error| self.opener.reason_of(error))
    }

    /// What is asked on this thread while `run` runs is asked of one snapshot. Beginning and ending one takes a lock that
    /// the worker threads share, and costs as much as the reading: a request finds its key and its customer in one, and so do
    /// those after it while [`Readers::share`] runs on this thread.
    pub(super) fn together<T>(&self, run: impl FnOnce() -> T) -> T {
        match self.local() {
            Ok(here) => here.together(run),
            Err(_) => run(),
        }
    }

    /// Ends the snapshot of this thread, where there is one: what is asked next is asked of a later one.
    pub(super) fn part(&self) -> rusqlite::Result<()> {
        self.local()?.part()
    }

    /// While this runs, requests of this thread share a snapshot: those that it has to answer before it waits for more, within a
    /// short time, and while nothing is committed. So somebody who was told of a commit sees it; and the log is written back and
    /// begun anew as if they did not share, for [`Commits`] counts that too.
    pub(super) async fn share(&self) {
        if let Ok(here) = self.local() {
            here.share().await;
        }
    }

    fn local(&self) -> rusqlite::Result<&Here> {
        self.here.get_or_try(|| {
            let connection = self.opener.open()?;
            open::for_points(&connection)?;
            Ok(Here::new(connection, self.commits.clone()))
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
            grants::check(&connection, grant.as_ref())?;
            ask(&connection).map_err(|error| opener.reason_of(error))
        });
        asked.await.unwrap_or_else(|error| Err(Error::Failed(format!("a reader: {error}"))))
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
