//! Removes the database that a command or a start has created, where that fails before anything is stored: a path that was
//! mistyped leaves no file behind.

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};

use super::open;
use super::paths::{Identity, RESERVE, beside, identity, lock_if_free, real};

/// The tables whose rows somebody would miss, and an import that was dropped is none.
const STORED: &str = "SELECT EXISTS (SELECT 1 FROM customers) OR EXISTS (SELECT 1 FROM withdrawn)
    OR EXISTS (SELECT 1 FROM revisions) OR EXISTS (SELECT 1 FROM erasures) OR EXISTS (SELECT 1 FROM keys)
    OR EXISTS (SELECT 1 FROM staff) OR EXISTS (SELECT 1 FROM imports WHERE state <> 'dropped')";

/// The files of a database that are not there yet.
#[derive(Debug)]
pub struct NewFiles {
    db: PathBuf,
    lock: PathBuf,
    reserve: PathBuf,
    is_new: bool,
    /// Whether the lock file was not there either.
    lock_is_new: bool,
    /// Whether no room was set aside beside it.
    reserve_is_new: bool,
}

impl NewFiles {
    /// Looks which files are there before a database is opened.
    pub fn of(db: &Path) -> Self {
        let db = real(db).unwrap_or_else(|_| db.to_owned());
        let (lock, reserve) = (beside(&db, ".lock"), beside(&db, RESERVE));
        let (is_new, lock_is_new) = (!db.exists(), lock.symlink_metadata().is_err());
        let reserve_is_new = reserve.symlink_metadata().is_err();
        Self { db, lock, reserve, is_new, lock_is_new, reserve_is_new }
    }

    /// Returns whether the database was not there.
    pub fn is_new(&self) -> bool {
        self.is_new
    }

    /// Removes what was not there before, unless something is stored in it or another process uses it. Returns whether a
    /// database was removed. Nothing of this process may have it open.
    pub fn remove(&self) -> bool {
        if !self.lock_is_new {
            return self.is_new && self.remove_database();
        }
        // Held until its name is gone, and only then looked for by its name: see `lock_file::lock`.
        let lock = lock_if_free(&self.lock);
        if self.lock.exists() && lock.is_none() {
            return false;
        }
        let is_removed = self.is_new && self.remove_database();
        // What a server wrote into it is for the next start.
        if lock.is_some_and(|lock| is_removed || lock.metadata().is_ok_and(|found| found.len() == 0)) {
            let _ = fs::remove_file(&self.lock);
        }
        is_removed
    }

    fn remove_database(&self) -> bool {
        let Ok(found) = identity(&self.db) else { return false };
        self.remove_unused(found).unwrap_or(false)
    }

    /// A process that has opened the file and waits for its lock finds at its first commit that the file is gone.
    fn remove_unused(&self, found: Identity) -> rusqlite::Result<bool> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.db, flags)?;
        // Out of WAL mode, which needs to be the only process that has it open.
        open::settle(&connection)?;
        connection.execute_batch("BEGIN EXCLUSIVE")?;
        let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
        let is_stored = version > 0 && connection.query_row(STORED, [], |row| row.get(0))?;
        if is_stored || identity(&self.db).ok() != Some(found) {
            return Ok(false);
        }
        if self.reserve_is_new {
            // Mostly there is none.
            let _ = fs::remove_file(&self.reserve);
        }
        Ok(fs::remove_file(&self.db).is_ok())
    }
}
