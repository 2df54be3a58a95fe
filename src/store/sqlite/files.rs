//! Whether the files that a process has open are still the ones that are found at their paths.
//!
//! A file that is removed or replaced lives on for whoever has it open, and what is written into it is gone with that process:
//! no commit may be answered that lies in such a file. The log and the index of the log are compared too: an edit is in the log
//! first, and without the same index two processes do not see each other's locks.
//!
//! By path alone: opening a file and closing it again would drop SQLite's locks on it. Three looks cost 3 microseconds, where a
//! commit that is synced costs some hundred.
//!
//! A server that finds its files gone writes down which, in the file that is its lock: so whatever is in their place is not
//! served by the next one as if nothing had happened. It writes the address there at which it is reached, too, for commands on the
//! same file. The address counts only while the lock is held.
//!
//! While anybody has the database open, its log stays where it is: so whoever writes beside these must keep a reader open.

use std::fs::{File, Metadata};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use rusqlite::{Error, ffi};

use super::open::{self, Unusable};

/// What belongs to a database that is open.
const SUFFIXES: [&str; 3] = ["", "-wal", "-shm"];

/// The files of an open database, and which they were when it was opened.
pub(super) struct Files {
    opened: Vec<(PathBuf, Identity)>,
    /// A server's lock.
    lock: Option<Lock>,
    /// A server's database, to sync. Closed when no connection that is in use has it open: closing it drops SQLite's locks on it.
    database: Option<File>,
    /// Whether syncing it has failed.
    is_unsure: AtomicBool,
}

/// The file system and the number of a file there. The number is not given to another file while somebody has this one open.
type Identity = (u64, u64);

impl Files {
    /// Of rows that are in memory: nothing that anybody could remove.
    pub(super) fn none() -> Self {
        Self { opened: Vec::new(), lock: None, database: None, is_unsure: AtomicBool::new(false) }
    }

    /// The files of what `open` opens. Looked at before, so that what is opened is what was seen.
    pub(super) fn around<T>(
        path: &Path,
        lock: Option<File>,
        open: impl FnOnce() -> Result<T, Unusable>,
    ) -> Result<(T, Self), Unusable> {
        let failed = |error: io::Error| Unusable::because(path, &error.to_string());
        let real = path.canonicalize().map_err(failed)?;
        let database = identity(path).map_err(failed)?;
        let file = lock.as_ref().map(|_| File::open(path)).transpose().map_err(failed)?;
        let opened = open()?;
        let companion = |suffix| {
            let path = open::beside(&real, suffix);
            let identity = identity(&path).map_err(failed)?;
            Ok((path, identity))
        };
        let [_, log, index] = SUFFIXES;
        let files = vec![(path.to_owned(), database), companion(log)?, companion(index)?];
        let lock = lock.map(|file| Lock { file, is_marked: AtomicBool::new(false), address: Mutex::default() });
        let files = Self { opened: files, lock, database: file, is_unsure: AtomicBool::new(false) };
        if let Err(error) = files.check() {
            drop(opened);
            return Err(Unusable::because(path, &error.to_string()));
        }
        Ok((opened, files))
    }

    /// Syncs what was written into the database, so that SQLite has less to.
    pub(super) fn sync_database(&self) {
        if let Some(Err(error)) = self.database.as_ref().map(File::sync_data) {
            self.doubt(&error);
        }
    }

    /// A sync of the database has failed. A system takes for written then what it could not write, and tells of it once: so this
    /// process writes back no more of the log, which has all of it, and the next start reads that from its beginning.
    pub(super) fn doubt(&self, error: &(dyn std::error::Error + 'static)) {
        if !self.is_unsure.swap(true, Ordering::Relaxed) {
            tracing::error!(
                error,
                "the database cannot be synced: its log is kept for the next start, and grows until then"
            );
        }
    }

    /// Whether the log may be written back into the database.
    pub(super) fn may_be_written_back(&self) -> bool {
        !self.is_unsure.load(Ordering::Relaxed) && self.check().is_ok()
    }

    /// Writes down the address at which this server is reached, as long as its files are in their places.
    pub(super) fn announce(&self, address: &str) -> io::Result<()> {
        let Some(lock) = &self.lock else { return Ok(()) };
        lock.address.lock().map_err(|_| ErrorKind::Other)?.replace_range(.., address);
        if lock.is_marked.load(Ordering::Relaxed) { Ok(()) } else { lock.write(None) }
    }

    /// An error, as SQLite would give it, where another file or none is at one of the paths.
    pub(super) fn check(&self) -> rusqlite::Result<()> {
        let gone = self.opened.iter().zip(SUFFIXES).find_map(|((path, opened), suffix)| {
            let how = match identity(path) {
                Ok(found) if found == *opened => return None,
                Ok(_) => "was replaced by another file".to_owned(),
                Err(error) if error.kind() == ErrorKind::NotFound => "was removed or has another name".to_owned(),
                Err(error) => format!("cannot be looked at: {error}"),
            };
            Some((path, how, Mark { suffix, opened: *opened }))
        });
        if let Some(lock) = &self.lock
            && lock.is_marked.swap(gone.is_some(), Ordering::Relaxed) != gone.is_some()
            && let Err(error) = lock.write(gone.as_ref().map(|(.., mark)| mark))
        {
            tracing::warn!(%error, "the next start will not know of it");
        }
        let Some((path, how, _)) = gone else { return Ok(()) };
        let mut sentence = format!("{} {how} while it was open", path.display());
        if self.lock.is_some() {
            let pid = std::process::id();
            sentence += &format!(
                "; put it back, or save what is open to a new file beside it with `kill -USR1 {pid}`, stop the server, and \
                 restore that file with `patron restore`"
            );
        }
        Err(Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_READONLY_DBMOVED), Some(sentence)))
    }
}

fn identity(path: &Path) -> io::Result<Identity> {
    path.metadata().map(|metadata: Metadata| (metadata.dev(), metadata.ino()))
}

/// What a server leaves in its lock file where a file of its database was gone: which, and the one that it had open.
struct Mark {
    suffix: &'static str,
    opened: Identity,
}

/// A server's lock file, and what is to be written into it.
struct Lock {
    file: File,
    /// Whether a mark says that files are gone.
    is_marked: AtomicBool,
    /// Where the server is reached; empty until it listens.
    address: Mutex<String>,
}

impl Lock {
    fn write(&self, mark: Option<&Mark>) -> io::Result<()> {
        let address = self.address.lock().map_err(|_| ErrorKind::Other)?;
        let mut text = mark.map(|Mark { suffix, opened }| format!("database{suffix} {} {}\n", opened.0, opened.1));
        if !address.is_empty() {
            text.get_or_insert_default().push_str(&format!("{SERVED_AT}{address}\n"));
        }
        self.file.set_len(0)?;
        self.file.write_all_at(text.unwrap_or_default().as_bytes(), 0)
    }
}

/// What the line of an address begins with.
const SERVED_AT: &str = "served at ";
/// The longest lock file that is read: a name of a host and some numbers.
const LOCK_LEN_MAX: u64 = 4 * 1024;

/// The address in a lock file. It is whole where its line is.
pub(super) fn address_in(lock: File) -> Option<String> {
    let mut text = String::new();
    lock.take(LOCK_LEN_MAX).read_to_string(&mut text).ok()?;
    let address = text.split_inclusive('\n').find_map(|line| line.strip_prefix(SERVED_AT)?.strip_suffix('\n'))?;
    (!address.chars().any(char::is_control)).then(|| address.to_owned())
}

impl Mark {
    fn read(lock: &Path) -> Option<Self> {
        let text = std::fs::read_to_string(lock).ok()?;
        let mut words = text.split_whitespace();
        let named = words.next()?.strip_prefix("database")?;
        let suffix = SUFFIXES.into_iter().find(|suffix| *suffix == named)?;
        Some(Self { suffix, opened: (words.next()?.parse().ok()?, words.next()?.parse().ok()?) })
    }
}

/// Whether a file may be used, as far as what a server has left beside it tells: it was not replaced under that one, whose log it
/// would take for its own, and it is not a new one where there is a log with edits in it.
pub(super) fn judge(path: &Path, real: &Path) -> Result<(), Unusable> {
    let lock = open::beside(real, ".lock");
    if let Some(Mark { suffix, opened }) = Mark::read(&lock) {
        let file = open::beside(real, suffix);
        // The index is made anew from the log.
        if suffix != "-shm" && identity(&file).ok() != Some(opened) {
            let reason = format!(
                "{} is not the file that was served: that one was removed or replaced while it was open, with what was \
                 acknowledged last; put it back, or restore what was saved of it with `patron restore`, or remove {} to use \
                 what is here",
                file.display(),
                lock.display()
            );
            return Err(Unusable::because(path, &reason));
        }
    }
    let log = open::beside(real, "-wal");
    if !real.exists() && log.metadata().is_ok_and(|log| log.len() > 0) {
        let reason = format!(
            "it is not there, but its log {} is, with edits in it; put the file back, or restore a backup with `patron \
             restore`, or move the log away to begin anew",
            log.display()
        );
        return Err(Unusable::because(path, &reason));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn each_file_is_missed_and_recognised_again() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("t.db");
        fs::File::create(&path).unwrap();
        let open = || {
            let connection = open::writer(&path).unwrap();
            connection.execute_batch("CREATE TABLE t (number INTEGER)").unwrap();
            Ok(connection)
        };
        let (_connection, files) = Files::around(&path, None, open).unwrap();
        let says = |words: &str| {
            let error = files.check().unwrap_err();
            assert_eq!(error.sqlite_error().unwrap().extended_code, ffi::SQLITE_READONLY_DBMOVED);
            assert!(error.to_string().contains(words), "{error}");
        };
        assert!(files.check().is_ok());
        for suffix in ["", "-wal", "-shm"] {
            let (file, aside) = (open::beside(&path, suffix), open::beside(&path, ".aside"));
            fs::rename(&file, &aside).unwrap();
            says(&format!("t.db{suffix} was removed or has another name while it was open"));
            fs::copy(&aside, &file).unwrap();
            says(&format!("t.db{suffix} was replaced by another file while it was open"));
            fs::rename(&aside, &file).unwrap();
            assert!(files.check().is_ok());
        }
        let away = directory.path().with_extension("away");
        fs::rename(directory.path(), &away).unwrap();
        says("t.db was removed");
        fs::rename(&away, directory.path()).unwrap();
        assert!(files.check().is_ok());
    }

    #[test]
    fn where_the_database_cannot_be_synced_its_log_stays() {
        // No device that could be synced.
        let database = Some(File::open("/dev/null").unwrap());
        let files = Files { database, ..Files::none() };
        assert!(files.may_be_written_back());
        files.sync_database();
        assert!(!files.may_be_written_back() && files.check().is_ok());
    }

    #[test]
    fn what_is_replaced_while_it_is_opened_is_not_taken_for_what_was_opened() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("t.db");
        fs::File::create(&path).unwrap();
        let open = || {
            let connection = open::writer(&path).unwrap();
            connection.execute_batch("CREATE TABLE t (number INTEGER)").unwrap();
            fs::copy(&path, open::beside(&path, ".new")).unwrap();
            fs::rename(open::beside(&path, ".new"), &path).unwrap();
            Ok(connection)
        };
        let refused = Files::around(&path, None, open).err().unwrap();
        assert!(refused.to_string().contains("t.db was replaced by another file while it was open"), "{refused}");
    }
}
