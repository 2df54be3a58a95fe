//! Connections that read. A point read takes microseconds and is done where the request is, on the worker thread's own
//! connection: 1.7 times the pool. What is slow goes to the pool and its own threads.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;
use thread_local::ThreadLocal;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::open;
use crate::store::Error;

/// How many slow questions run at once.
const POOL_SIZE: u32 = 4;
/// How long a slow question waits for its turn.
const POOL_WAIT: Duration = Duration::from_secs(5);

pub(super) struct Readers {
    path: PathBuf,
    here: ThreadLocal<Connection>,
    /// As many as the pool has connections: who waits for one waits here, and not on a thread of its own.
    turns: Arc<Semaphore>,
    pool: r2d2::Pool<Opener>,
}

impl Readers {
    pub(super) fn open(path: &Path) -> rusqlite::Result<Self> {
        let opener = Opener(path.to_owned());
        let pool = r2d2::Pool::builder()
            .max_size(POOL_SIZE)
            .min_idle(Some(0))
            .connection_timeout(POOL_WAIT)
            .test_on_check_out(false)
            .build_unchecked(opener);
        let turns = Arc::new(Semaphore::new(POOL_SIZE as usize));
        let readers = Self { path: path.to_owned(), here: ThreadLocal::new(), turns, pool };
        readers.local()?;
        Ok(readers)
    }

    /// Asks on this thread: for what takes microseconds.
    pub(super) fn here<T>(&self, ask: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, Error> {
        Ok(ask(self.local()?)?)
    }

    fn local(&self) -> rusqlite::Result<&Connection> {
        self.here.get_or_try(|| open::reader(&self.path))
    }

    /// Asks on a thread of its own: for what takes longer.
    pub(super) async fn away<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Error> {
        let turn = timeout(POOL_WAIT, self.turns.clone().acquire_owned()).await;
        let turn = turn.map_err(|_| Error::Busy)?.map_err(|_| Error::Busy)?;
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

struct Opener(PathBuf);

impl r2d2::ManageConnection for Opener {
    type Connection = Connection;
    type Error = rusqlite::Error;

    fn connect(&self) -> rusqlite::Result<Connection> {
        open::reader(&self.0)
    }

    fn is_valid(&self, connection: &mut Connection) -> rusqlite::Result<()> {
        connection.execute_batch("SELECT 1")
    }

    fn has_broken(&self, _: &mut Connection) -> bool {
        false
    }
}
