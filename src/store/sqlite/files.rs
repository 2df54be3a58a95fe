//! Whether the files that a process has open are still the ones that are found at their paths.
//!
//! A file that is removed or replaced lives on for whoever has it open, and what is written into it is gone with that process:
//! no commit may be answered that lies in such a file. The log and the index of the log are compared too: an edit is in the log
//! first, and without the same index two processes do not see each other's locks.
//!
//! By path alone: opening a file and closing it again would drop SQLite's locks on it. Three looks cost 3 microseconds, where a
//! commit that is synced costs some hundred.
//!
//! While anybody has the database open, its log stays where it is: so whoever writes beside these must keep a reader open.

use std::fs::Metadata;
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rusqlite::{Error, ffi};

use super::open::{self, Unusable};

/// The files of an open database, and which they were when it was opened.
pub(super) struct Files([(PathBuf, Identity); 3]);

/// The file system and the number of a file there. The number is not given to another file while somebody has this one open.
type Identity = (u64, u64);

impl Files {
    /// The files of what `open` opens. Looked at before, so that what is opened is what was seen.
    pub(super) fn around<T>(path: &Path, open: impl FnOnce() -> Result<T, Unusable>) -> Result<(T, Self), Unusable> {
        let failed = |error: io::Error| Unusable::because(path, &error.to_string());
        let real = path.canonicalize().map_err(failed)?;
        let database = identity(path).map_err(failed)?;
        let opened = open()?;
        let companion = |suffix| {
            let path = open::beside(&real, suffix);
            let identity = identity(&path)?;
            Ok((path, identity))
        };
        let files =
            Self([(path.to_owned(), database), companion("-wal").map_err(failed)?, companion("-shm").map_err(failed)?]);
        files.check().map_err(|error| Unusable::because(path, &error.to_string()))?;
        Ok((opened, files))
    }

    /// An error, as SQLite would give it, where another file or none is at one of the paths.
    pub(super) fn check(&self) -> rusqlite::Result<()> {
        self.0.iter().try_for_each(|(path, opened)| match identity(path) {
            Ok(found) if found == *opened => Ok(()),
            Ok(_) => Err(moved(path, "was replaced by another file")),
            Err(error) if error.kind() == ErrorKind::NotFound => Err(moved(path, "was removed or has another name")),
            Err(error) => Err(moved(path, &format!("cannot be looked at: {error}"))),
        })
    }
}

fn identity(path: &Path) -> io::Result<Identity> {
    path.metadata().map(|metadata: Metadata| (metadata.dev(), metadata.ino()))
}

fn moved(path: &Path, how: &str) -> Error {
    let code = ffi::Error::new(ffi::SQLITE_READONLY_DBMOVED);
    Error::SqliteFailure(code, Some(format!("{} {how} while it was open", path.display())))
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
        let (_connection, files) = Files::around(&path, open).unwrap();
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
        let refused = Files::around(&path, open).err().unwrap();
        assert!(refused.to_string().contains("t.db was replaced by another file while it was open"), "{refused}");
    }
}
