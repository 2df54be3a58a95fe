//! The table of backups, and the store's part in making them.

use std::path::{Path, PathBuf};
use std::sync::PoisonError;

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::backup::{self, Stop};
use super::{BackupFolder, Error, Store, copies, open, paths};
use crate::domain::{Backup, Copied, Copying, FailedBackup, NotCopied};

impl Store {
    /// Copies the database to a file that is not there yet, while at least `least` bytes stay free on that file's disk, reads the
    /// copy again, and gives it its name where it is whole.
    /// Holds up whoever calls it, and nobody else.
    pub fn back_up(&self, to: &Path, least: u64, stop: &Stop, progress: impl Fn(Copying)) -> Result<Copied, NotCopied> {
        let Some(kept) = &self.kept else {
            let failed =
                |error: rusqlite::Error| NotCopied::Because(format!("cannot back up to {}: {error}", to.display()));
            return backup::run(&open::reader(&self.path).map_err(failed)?, to, least, stop, &progress);
        };
        // Held by one at a time, and whoever panicked wrote nothing.
        let kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        let copied = backup::run(&kept, to, least, stop, &progress);
        if let Err(error) = kept.release_memory() {
            tracing::debug!(%error, "pages that were copied are kept");
        }
        if let (Err(NotCopied::Damaged(faults)), Some(files)) = (&copied, &self.files)
            && let Some(fault) = faults.iter().find(|fault| fault.is_damage())
        {
            files.see_damage_of(&fault.to_string());
        }
        copied
    }

    /// Where what is open is copied to when the file has lost its place: beside that place, under a name with this time that
    /// nothing has.
    pub fn saved_place(&self, at: i64) -> PathBuf {
        let real = paths::real(&self.path).unwrap_or_else(|_| self.path.clone());
        copies::free_place(&real, paths::SAVED, at)
    }

    /// Opens a directory for backups of this database.
    pub fn backup_folder(&self, path: &Path) -> Result<BackupFolder, NotCopied> {
        BackupFolder::open(path, &self.path).map_err(NotCopied::Because)
    }

    /// Writes down a backup that was made.
    pub fn put_backup(&self, backup: Backup) -> Result<(), Error> {
        self.note(move |connection| {
            const SQL: &str =
                "INSERT OR REPLACE INTO backups (verified, at, path, bytes, live, test, revisions, digest)
                VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6, ?7)";
            let Backup { at, path, copied: Copied { bytes, live, test, revisions, digest } } = &backup;
            let path = path.to_string_lossy();
            connection.execute(SQL, params![at, path, bytes, live, test, revisions, digest])
        })
    }

    /// Writes down that a backup failed.
    pub fn put_failed_backup(&self, failed: FailedBackup) -> Result<(), Error> {
        self.note(move |connection| {
            const SQL: &str = "INSERT OR REPLACE INTO backups (verified, at, path, failure) VALUES (0, ?1, ?2, ?3)";
            connection.execute(SQL, params![failed.at, failed.path.to_string_lossy(), failed.why])
        })
    }

    /// Forgets that a backup failed.
    pub fn delete_failed_backup(&self) -> Result<(), Error> {
        self.note(|connection| connection.execute("DELETE FROM backups WHERE verified = 0", []))
    }

    /// A server's writing thread does it: the thread of backups gives way to all others, and must not hold SQLite's lock
    /// meanwhile. A command that only reads has no such thread, and takes a connection for it; nothing is written into a file in
    /// doubt.
    fn note(&self, act: impl FnOnce(&Connection) -> rusqlite::Result<usize> + Send + 'static) -> Result<(), Error> {
        if self.feeder.is_some() {
            self.writer.act_and_wait(move |connection| Ok(act(connection).map(drop)?))
        } else if let Some(doubt) = &self.left_doubt {
            Err(Error::Unwritable(doubt.clone()))
        } else {
            Ok(act(&open::writer(&self.path)?).map(drop)?)
        }
    }

    /// The last backup that was verified.
    pub async fn find_backup(&self) -> Result<Option<Backup>, Error> {
        self.readers.here(find)
    }

    /// The last backup that failed.
    pub async fn find_failed_backup(&self) -> Result<Option<FailedBackup>, Error> {
        self.readers.here(find_failed)
    }
}

pub(super) fn find(connection: &Connection) -> rusqlite::Result<Option<Backup>> {
    const SQL: &str = "SELECT at, path, bytes, live, test, revisions, digest FROM backups WHERE verified = 1";
    let read = |row: &Row<'_>| {
        Ok(Backup {
            at: row.get(0)?,
            path: PathBuf::from(row.get::<_, String>(1)?),
            copied: Copied {
                bytes: row.get(2)?,
                live: row.get(3)?,
                test: row.get(4)?,
                revisions: row.get(5)?,
                digest: row.get(6)?,
            },
        })
    };
    connection.prepare_cached(SQL)?.query_row([], read).optional()
}

fn find_failed(connection: &Connection) -> rusqlite::Result<Option<FailedBackup>> {
    const SQL: &str = "SELECT at, path, failure FROM backups WHERE verified = 0";
    let read = |row: &Row<'_>| {
        Ok(FailedBackup { at: row.get(0)?, path: PathBuf::from(row.get::<_, String>(1)?), why: row.get(2)? })
    };
    connection.prepare_cached(SQL)?.query_row([], read).optional()
}
