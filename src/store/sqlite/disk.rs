//! The room on a disk, and the room within the database file. The only place that asks the system for it.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::{Store, paths, sweep};
use crate::store::Error;

/// A log that is longer than this is truncated once something was deleted, in bytes. On a full disk a shorter one stays: edits go
/// on in its room.
const LOG_MAX: u64 = 4 << 20;

/// The most attempts to truncate it, and the pause after each. A reader or another checkpoint prevents one for milliseconds.
const LOG_TRIES: u32 = 10;
const LOG_PAUSE: Duration = Duration::from_millis(100);

/// The file system that something is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disk {
    /// The bytes that a user without privileges may still write.
    pub free: u64,
    /// The size in bytes.
    pub total: u64,
}

impl Disk {
    /// The file system of a file or a directory that exists.
    pub fn of(path: &Path) -> io::Result<Self> {
        let disk = rustix::fs::statvfs(path)?;
        let bytes = |blocks: u64| blocks.saturating_mul(disk.f_frsize);
        Ok(Self { free: bytes(disk.f_bavail), total: bytes(disk.f_blocks) })
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
                let _under_way = self.writer.commits().begin();
                match sweep::empty_log(&self.path, Some(files)) {
                    Ok(Some(true)) => return,
                    Ok(_) => thread::sleep(LOG_PAUSE),
                    Err(error) => return tracing::debug!(%error, "the log is not truncated"),
                }
            }
        }
    }
}
