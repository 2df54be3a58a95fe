//! Writes the WAL back when the last process closes the database, so that a copy of the file alone has all of it.
//!
//! SQLite does that when the last connection is closed, and removes `-wal` and `-shm`, but not through a connection that only reads;
//! and most of a process's do. So one that writes is opened first and closed last, after all others of the process. Where another
//! process has the database open, SQLite leaves the WAL to that one.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::files::Files;
use super::lock_file::{self, Note};
use super::paths::{Identity, beside, identity};

/// A connection to be dropped after all others.
pub(super) struct LastClose {
    /// `None` once it is closed. Never waited for: only its end uses it.
    connection: Mutex<Option<Connection>>,
    /// A process that writes knows more about its files.
    files: Option<Arc<Files>>,
    real: PathBuf,
    /// The database and its WAL, and which files they were.
    opened: [(PathBuf, Option<Identity>); 2],
    /// Whether the WAL is emptied, even where a thread of this process has not closed its connection yet.
    empties: bool,
}

impl LastClose {
    /// Opens the connection; `None` where this user may not write, and where a command that only reads cannot trust the WAL. A server
    /// empties the WAL itself.
    pub(super) fn open(path: &Path, files: Option<Arc<Files>>, is_server: bool) -> Option<Self> {
        let real = path.canonicalize().ok()?;
        if files.is_none() && !is_trusted(&Note::read(&real)) {
            return None;
        }
        let log = beside(&real, "-wal");
        let database = identity(path).ok()?;
        let is_ours = || match &files {
            Some(files) => files.check_place().map(drop),
            None if identity(path).ok() == Some(database) => Ok(()),
            None => Err(rusqlite::Error::InvalidPath(path.to_owned())),
        };
        is_ours().ok()?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).ok()?;
        is_ours().ok()?;
        // Until it is known at the end that the WAL may be written back.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).ok()?;
        connection.pragma_update(None, "synchronous", "full").ok()?;
        connection.pragma_update(None, "trusted_schema", false).ok()?;
        // Opens the WAL, and holds the lock of a reader on the database.
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(())).ok()?;
        is_ours().ok()?;
        let opened = [path.to_owned(), log].map(|path| {
            let found = identity(&path).ok();
            (path, found)
        });
        Some(Self {
            connection: Mutex::new(Some(connection)),
            files,
            real,
            opened,
            empties: !is_server && !lock_file::is_served(path),
        })
    }

    /// Returns whether the files are the ones that were opened, and can be trusted to keep what is written. A server that has ended since
    /// may have left a doubt.
    fn may_write_back(&self) -> bool {
        let left = Note::read(&self.real);
        let is_trusted = match &self.files {
            Some(files) => files.may_be_written_back(),
            None => is_trusted(&left),
        };
        is_trusted && left.doubt.is_none() && self.opened.iter().all(|(path, opened)| identity(path).ok() == *opened)
    }
}

/// Returns whether a command that only reads may write the WAL of a database back: its server has ended in order, and noted no
/// doubt. Otherwise the WAL is left to the next process that writes, which checks more.
fn is_trusted(note: &Note) -> bool {
    !note.is_running && note.doubt.is_none() && note.moved.is_none()
}

impl Drop for LastClose {
    fn drop(&mut self) {
        let Some(connection) = self.connection.get_mut().ok().and_then(Option::take) else { return };
        if !self.may_write_back() {
            return;
        }
        let done = connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false).and_then(|_| {
            // Blocked by another process, it does what can be done.
            if self.empties { connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())) } else { Ok(()) }
        });
        if let Err(error) = done {
            tracing::debug!(%error, "the log is written back by the next process");
        }
    }
}
