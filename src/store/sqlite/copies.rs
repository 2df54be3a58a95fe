//! Copies of the database that are known of, and which of them still hold a customer: looked up in each, so that neither names nor
//! clocks are trusted.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension};

use super::erasures::{self, FolderRow};
use super::partial;
use super::paths::{self, ASIDE, BEFORE_UPGRADE, COMPANIONS, PARTIAL, REHEARSAL, SAVED, directory_of};
use super::{Error, Store, erased_file, folder, open};
use crate::domain::{CustomerId, KeptCopy, Leaves};

/// Returns the path of a copy beside a database, by its kind and this time, or the next second that nothing has: two may be made in
/// one second where the first was interrupted.
pub(super) fn free_place(real: &Path, kind: &str, at: i64) -> PathBuf {
    let named = |at| paths::beside(real, &format!("{kind}{}", folder::stamp(at)));
    let is_free = |path: &PathBuf| {
        let with = |suffix| paths::beside(path, suffix).symlink_metadata().is_err();
        COMPANIONS.into_iter().chain([""]).all(with)
    };
    (at..at + 60).map(named).find(is_free).unwrap_or_else(|| named(at))
}

/// Removes what killed processes left of copies beside a database: their names are of other times, and they take room.
pub(super) fn remove_abandoned_copies(real: &Path) {
    let name = real.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let is_copy = |rest: &str| {
        let is_timed = |kind: &str| rest.strip_prefix(kind).is_some_and(folder::is_stamp);
        rest == REHEARSAL || is_timed(BEFORE_UPGRADE) || is_timed(SAVED)
    };
    for entry in fs::read_dir(directory_of(real)).into_iter().flatten().filter_map(Result::ok) {
        let called = entry.file_name().to_string_lossy().into_owned();
        // Older versions have no random digits in the name.
        let copy = partial::target_of(&called).or_else(|| called.strip_suffix(PARTIAL));
        let is_partial = copy.and_then(|copy| copy.strip_prefix(&name)).is_some_and(is_copy);
        if is_partial && let Err(error) = partial::remove_abandoned(&entry.path()) {
            tracing::debug!(%error, file = called, "a partial copy is not removed");
        }
    }
}

impl Store {
    /// The copies that hold a customer, eldest first.
    pub async fn copies_of(&self, id: &CustomerId) -> Result<Vec<KeptCopy>, Error> {
        let (id, db) = (id.clone(), self.path.clone());
        self.readers.away(move |connection| copies_of(connection, &db, &id)).await
    }

    /// Writes down where the server keeps backups, how often in seconds it makes one and how many stay; or that it makes none
    /// any more.
    pub async fn put_backup_folder(&self, folder: Option<(PathBuf, i64, u64)>) -> Result<(), Error> {
        let act = move |connection: &Connection| {
            let Some((path, seconds, keep)) = &folder else {
                return Ok(connection.execute("UPDATE backup_folder SET seconds = NULL, keep = NULL", []).map(drop)?);
            };
            connection.execute("DELETE FROM backup_folder", [])?;
            // From wherever a command is run, it is this directory.
            let path = path.canonicalize().unwrap_or_else(|_| path.clone());
            const SQL: &str = "INSERT INTO backup_folder (path, seconds, keep) VALUES (?1, ?2, ?3)";
            Ok(connection.execute(SQL, rusqlite::params![path.to_string_lossy(), seconds, keep]).map(drop)?)
        };
        self.act(act).await
    }

    /// Sees to it that every erasure stands in the file beside the backups, on the disk; gives where that is, if there is a
    /// directory of backups; the file is made for none where that is asked for. Holds up whoever calls it. The error is one
    /// sentence.
    pub fn keep_erasures(&self, even_none: bool) -> Result<Option<PathBuf>, String> {
        let read = |connection: &Connection| Ok((backup_file(connection, &self.path)?, erasures::list(connection)?));
        let found = self.readers.another().and_then(|connection| read(&connection));
        let (path, erasures) = found.map_err(|error| format!("the erasures cannot be read: {error}"))?;
        let Some(path) = path.filter(|_| even_none || !erasures.is_empty()) else { return Ok(None) };
        self.free(|| erased_file::keep(&path, &erasures)).map_err(|error| {
            let why = match error.kind() {
                io::ErrorKind::NotFound => {
                    "there is no such directory; mount what it is on, or start the server with another --backup-dir"
                        .to_owned()
                }
                _ => error.to_string(),
            };
            format!("{} cannot be written: {why}", path.display())
        })?;
        Ok(Some(path))
    }

    /// Whether an erasure stands in the file beside the backups; so it is, too, where there is no directory of backups.
    pub async fn is_kept(&self, id: &CustomerId) -> Result<bool, Error> {
        let (id, db) = (id.clone(), self.path.clone());
        let ask = move |connection: &Connection| {
            let Some(path) = backup_file(connection, &db)? else { return Ok(true) };
            let there = erased_file::read(&path).unwrap_or_default();
            Ok(there.iter().any(|erasure| erasure.customer == id))
        };
        self.readers.away(ask).await
    }
}

fn stem(db: &Path) -> String {
    db.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// The file of erasures beside the backups. A directory that is gone, and in which none are made any more, is given up.
fn backup_file(connection: &Connection, db: &Path) -> rusqlite::Result<Option<PathBuf>> {
    let folder = erasures::backup_folder(connection)?.filter(|(path, schedule)| schedule.is_some() || path.is_dir());
    Ok(folder.map(|(folder, _)| erased_file::place(&folder, &stem(db))))
}

fn copies_of(connection: &Connection, db: &Path, id: &CustomerId) -> rusqlite::Result<Vec<KeptCopy>> {
    let folder = erasures::backup_folder(connection)?;
    let mut copies = folder.map(|folder| scheduled(folder, &stem(db))).unwrap_or_default();
    const BY_HAND: &str = "SELECT path FROM backups WHERE verified = 1";
    let by_hand: Option<String> = connection.query_row(BY_HAND, [], |row| row.get(0)).optional()?;
    let beside = by_hand.map(PathBuf::from).filter(|path| path.exists()).into_iter().chain(aside(db));
    for path in beside {
        if !copies.iter().any(|copy| copy.path == path) {
            copies.push(KeptCopy { path, leaves: Leaves::ByHand });
        }
    }
    copies.retain(|copy| holds(&copy.path, id));
    Ok(copies)
}

/// The backups in the directory of the server's, with when each is let go.
fn scheduled((path, schedule): FolderRow, stem: &str) -> Vec<KeptCopy> {
    let kept = folder::list(&path, stem).unwrap_or_default();
    let newest = kept.last().map_or(0, |backup| backup.at);
    let count = kept.len() as u64;
    let leaves = |at: usize| match schedule {
        Some((seconds, keep)) => {
            // So many more are made until as many are newer as stay.
            let newer = count - 1 - at as u64;
            let more = i64::try_from(keep.saturating_sub(newer).max(1)).unwrap_or(i64::MAX);
            Leaves::About(newest.saturating_add(seconds.saturating_mul(more)))
        }
        None => Leaves::ByHand,
    };
    kept.into_iter().enumerate().map(|(at, backup)| KeptCopy { path: backup.path, leaves: leaves(at) }).collect()
}

/// Databases that a restore put aside, that a server saved whose file was gone, or that were copied before an upgrade.
fn aside(db: &Path) -> Vec<PathBuf> {
    let real = db.canonicalize().unwrap_or_else(|_| db.to_owned());
    paths::named(&real, &[ASIDE, SAVED, BEFORE_UPGRADE])
}

/// Returns whether a copy has the customer, or what an erasure left that no sweep has taken away; one that cannot be read may.
///
/// Only a plain file is a copy: SQLite would wait for the other end of a FIFO. Nothing is created next to the copy.
fn holds(path: &Path, id: &CustomerId) -> bool {
    const HERE: &str = "SELECT EXISTS (SELECT 1 FROM customers WHERE id = ?1)";
    const WITHDRAWN: &str = "SELECT EXISTS (SELECT 1 FROM withdrawn WHERE id = ?1)";
    const LEFT: &str = "SELECT EXISTS (SELECT 1 FROM erasures WHERE id = ?1 AND swept = 0)";
    match path.metadata() {
        Ok(found) if !found.is_file() => return false,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return false,
        _ => {}
    }
    let real = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    if open::foreign_companion(&real).is_some() {
        return true;
    }
    let Ok(copy) = open::look(path) else { return true };
    let has = |sql| copy.query_row(sql, [id.as_str()], |row| row.get(0));
    // One of an older patron knows of no withdrawal and no erasure.
    has(HERE).unwrap_or(true) || has(WITHDRAWN).unwrap_or(false) || has(LEFT).unwrap_or(false)
}
