//! Room on the disk and in the database file, and operations that free room, which may use the reserve.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::disk::Disk;
use super::reserve::{Freeing, UNIT};
use super::writer::Writer;
use super::{Store, grants, paths, sweep};
use crate::store::{Error, Lane, Requester};

/// A log that is longer than this is truncated once something was deleted, in bytes. On a full disk a shorter one stays: edits go
/// on in its room.
const LOG_MAX: u64 = 4 << 20;
/// The most attempts to truncate it, and the pause after each. A reader or another checkpoint prevents one for milliseconds.
const LOG_TRIES: u32 = 10;
const LOG_PAUSE: Duration = Duration::from_millis(100);

impl Writer {
    /// Refuses an act that frees no room while the reserve is released.
    pub(super) fn admit<R>(&self) -> Result<(), Error<R>> {
        if self.reserve().is_at_stake() { Err(Error::Full) } else { Ok(()) }
    }

    /// Does an act that frees room. On a full disk it is done again in the room of the reserve.
    pub(super) async fn free<T, R, F>(&self, lane: Lane, act: F) -> Result<T, Error<R>>
    where
        T: Send + 'static,
        R: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, Error<R>> + Clone + Send + 'static,
    {
        let _freeing = self.reserve().freeing();
        let done = self.queue(lane, act.clone())?.await.unwrap_or(Err(Error::Busy));
        match done {
            Err(Error::Full | Error::Unwritable(_)) if self.reserve().release() => {
                self.queue(lane, act)?.await.unwrap_or(Err(Error::Busy))
            }
            done => done,
        }
    }

    /// The same for a thread of the server that has nothing else to do, with how long the act took.
    pub(super) fn free_and_time<T, R, F>(&self, act: F) -> Result<(T, Duration), Error<R>>
    where
        T: Send + 'static,
        R: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, Error<R>> + Clone + Send + 'static,
    {
        let timed = |connection: &Connection| {
            let began = Instant::now();
            Ok((act(connection)?, began.elapsed()))
        };
        let _freeing = self.reserve().freeing();
        let done = self.queue(Lane::HOUSE, timed.clone())?.blocking_recv().unwrap_or(Err(Error::Busy));
        match done {
            Err(Error::Full | Error::Unwritable(_)) if self.reserve().release() => {
                self.queue(Lane::HOUSE, timed)?.blocking_recv().unwrap_or(Err(Error::Busy))
            }
            done => done,
        }
    }
}

impl Store {
    /// The file system of the database; `None` for rows in memory, and where it cannot be asked for.
    pub fn disk(&self) -> Option<Disk> {
        self.reserve.path().and_then(|_| Disk::of(&self.path).ok())
    }

    /// The bytes of the file that hold nothing: they are written before the file grows.
    pub fn unused(&self) -> Result<u64, Error> {
        self.readers.here(|connection| {
            let pages: u64 = connection.pragma_query_value(None, "freelist_count", |row| row.get(0))?;
            let size: u64 = connection.pragma_query_value(None, "page_size", |row| row.get(0))?;
            Ok(pages * size)
        })
    }

    /// Writes the log back and truncates it, so that its room is free again; on a full disk only a long one. Tries for a second: readers of
    /// older rows prevent it.
    pub async fn shorten_log(self: Arc<Self>) {
        let _ = tokio::task::spawn_blocking(move || self.shorten_log_here()).await;
    }

    fn shorten_log_here(&self) {
        let Some(files) = self.files.as_ref().filter(|files| files.may_be_written_back()) else { return };
        let is_long = paths::beside(&self.path, "-wal").metadata().is_ok_and(|log| log.len() > LOG_MAX);
        if is_long || self.disk().is_some_and(|disk| disk.free > LOG_MAX) {
            for _ in 0..LOG_TRIES {
                match sweep::empty_log(&self.path, Some(files)) {
                    Ok(Some(true)) => return,
                    Ok(_) => thread::sleep(LOG_PAUSE),
                    Err(error) => return tracing::debug!(%error, "the log is not truncated"),
                }
            }
        }
    }

    /// Sets the reserve aside where the disk has room for it. A server does so again and again.
    pub fn keep_reserve(&self) {
        self.reserve.keep();
    }

    /// Begins an operation of several acts that free room: the reserve stays released between them, if the first needs it.
    pub fn freeing(&self) -> Freeing<'_> {
        self.reserve.freeing()
    }

    /// Does something that frees room without the writing thread, again in the room of the reserve where it fails.
    pub(super) fn free<T, E>(&self, run: impl Fn() -> Result<T, E>) -> Result<T, E> {
        let _freeing = self.reserve.freeing();
        let done = run();
        if done.is_err() && self.disk().is_some_and(|disk| disk.free < UNIT) && self.reserve.release() {
            return run();
        }
        done
    }

    /// Does an act that frees room.
    pub(super) async fn free_of<T, R, F>(&self, requester: Requester, act: F) -> Result<T, Error<R>>
    where
        T: Send + 'static,
        R: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, Error<R>> + Clone + Send + 'static,
    {
        let Requester { lane, grant } = requester;
        self.count_act(lane);
        let act = move |connection: &Connection| {
            grants::check(connection, grant.as_ref())?;
            act(connection)
        };
        self.writer.free(lane, act).await
    }

    /// Returns the bytes that are set aside.
    pub fn reserved(&self) -> u64 {
        self.reserve.found()
    }
}
