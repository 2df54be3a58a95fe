//! What an error of SQLite's means for whoever asked: whether it passes, and the way out, for the log.

use rusqlite::{Error as SqliteError, ErrorCode, ffi};

use super::Error;
use crate::domain::REINDEX;

/// Where writing fails, and not for a full disk.
pub(super) const DISK_TAKES_NOTHING: &str =
    "its disk takes nothing more; look whether it is full, over a quota, read-only or failing";

impl<R> From<SqliteError> for Error<R> {
    /// A full disk, a lock that somebody else holds too long and a disk that takes nothing pass; the rest is our own failure.
    fn from(error: SqliteError) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy,
            Some(ErrorCode::DiskFull) => Self::Full,
            _ if is_moved(&error) => Self::Unwritable(error.to_string()),
            Some(ErrorCode::ReadOnly) => Self::Unwritable(format!(
                "the file is read-only ({error}); give it back to this user, or make its file system writable"
            )),
            _ if is_of_writing(&error) => Self::Unwritable(format!("{DISK_TAKES_NOTHING} ({})", named(&error))),
            _ if is_of_index(&error) => {
                Self::Failed(format!("the index of the search is damaged ({}); {REINDEX}", named(&error)))
            }
            _ if is_damage(&error) => Self::Damaged(format!(
                "the database is damaged ({}); `patron check` lists how; stop the server, and restore a backup with `patron \
                 restore FILE`",
                named(&error)
            )),
            _ => Self::Failed(format!("SQLite: {}", named(&error))),
        }
    }
}

/// Whether an error says that what was read cannot have been written so.
pub(super) fn is_damage(error: &SqliteError) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
}

/// Whether an error says that a file is none of SQLite's.
pub(super) fn is_no_database(error: &SqliteError) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::NotADatabase)
}

/// Whether an error may go away: the disk takes nothing just now, or another process has the lock.
pub(super) fn is_passing(error: &SqliteError) -> bool {
    use ErrorCode::{DatabaseBusy, DatabaseLocked, DiskFull, ReadOnly};
    is_of_writing(error)
        || matches!(error.sqlite_error_code(), Some(DatabaseBusy | DatabaseLocked | DiskFull | ReadOnly))
}

/// Whether that is the index of the search: no other table is kept by a module.
pub(super) fn is_of_index(error: &SqliteError) -> bool {
    error.sqlite_extended_error_code() == Some(ffi::SQLITE_CORRUPT_VTAB)
}

/// Whether an error says that the file is not where it was opened.
fn is_moved(error: &SqliteError) -> bool {
    error.sqlite_extended_error_code() == Some(ffi::SQLITE_READONLY_DBMOVED)
}

/// Whether an error says that a change was interrupted and is to be taken back, which whoever only reads cannot do.
pub(super) fn is_interrupted(error: &SqliteError) -> bool {
    error.sqlite_extended_error_code() == Some(ffi::SQLITE_READONLY_ROLLBACK)
}

/// Whether a file could not be read to where it should go.
pub(super) fn is_of_reading(error: &SqliteError) -> bool {
    matches!(error.sqlite_extended_error_code(), Some(ffi::SQLITE_IOERR_READ | ffi::SQLITE_IOERR_SHORT_READ))
}

/// Whether the disk did not take what was to be written. Of a disk that is over a quota, read-only or failing, SQLite says no
/// more than that.
pub(super) fn is_of_writing(error: &SqliteError) -> bool {
    const KINDS: [i32; 8] = [
        ffi::SQLITE_IOERR_WRITE,
        ffi::SQLITE_IOERR_FSYNC,
        ffi::SQLITE_IOERR_DIR_FSYNC,
        ffi::SQLITE_IOERR_TRUNCATE,
        ffi::SQLITE_IOERR_SHMOPEN,
        ffi::SQLITE_IOERR_SHMSIZE,
        ffi::SQLITE_IOERR_SHMMAP,
        ffi::SQLITE_IOERR_COMMIT_ATOMIC,
    ];
    error.sqlite_extended_error_code().is_some_and(|code| KINDS.contains(&code))
}

/// The error with its number, by which <https://sqlite.org/rescode.html> tells more.
fn named(error: &SqliteError) -> String {
    error.sqlite_extended_error_code().map_or_else(|| error.to_string(), |code| format!("{error}, {code}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(code: i32) -> Error {
        SqliteError::SqliteFailure(ffi::Error::new(code), None).into()
    }

    #[test]
    fn what_passes_is_told_from_what_does_not_and_each_names_the_way_out() {
        assert_eq!(of(ffi::SQLITE_BUSY), Error::Busy);
        assert_eq!(of(ffi::SQLITE_FULL), Error::Full);
        let unwritable = |code, words: &str| {
            assert!(matches!(of(code), Error::Unwritable(cause) if cause.contains(words)), "{:?}", of(code));
        };
        unwritable(
            ffi::SQLITE_IOERR_WRITE,
            "look whether it is full, over a quota, read-only or failing (Error code 778: ",
        );
        unwritable(ffi::SQLITE_IOERR_FSYNC, "look whether it is full, over a quota");
        unwritable(ffi::SQLITE_READONLY, "make its file system writable");
        let failed = |code, words: &str| {
            assert!(matches!(of(code), Error::Failed(cause) if cause.contains(words)), "{:?}", of(code));
        };
        failed(ffi::SQLITE_IOERR_READ, "SQLite: ");
        let damaged = |code, words: &str| {
            assert!(matches!(of(code), Error::Damaged(cause) if cause.contains(words)), "{:?}", of(code));
        };
        damaged(ffi::SQLITE_CORRUPT_INDEX, ", 779); `patron check` lists how");
        failed(ffi::SQLITE_CORRUPT_VTAB, ", 267); `patron reindex` makes that index anew");
        damaged(ffi::SQLITE_NOTADB, "restore a backup with `patron restore FILE`");
    }
}
