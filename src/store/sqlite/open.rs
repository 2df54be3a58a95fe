//! Opening the file: what is wrong with a path said in one sentence, and the pragmas of every connection, each with its reason.

use std::fmt;
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use rustix::fs::StatVfsMountFlags;

use super::paths::{COMPANIONS, beside};
use super::trouble;

/// How much of a log stays that is not needed any more, in bytes: the doctor wonders at twice as much.
const LOG_KEPT: u64 = 32 << 20;

/// What the file is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// To serve it: only one process does at a time. Makes the file where there is none.
    Serve,
    /// For a command beside whoever serves it. Makes the file where there is none.
    Fill,
    /// For a command that makes no sense without the file.
    Existing,
    /// For a command that only reads it. Takes no lock that anybody could wait for, and changes nothing, so not the schema.
    Read,
}

/// Why the file cannot be used, in one sentence that names it and the way out.
#[derive(Debug)]
pub struct Unusable(String);

impl Unusable {
    /// A reason and, where there is one, a way out.
    pub(super) fn because(path: &Path, reason: &str) -> Self {
        Self(format!("cannot use the database {}: {reason}", path.display()))
    }

    /// What an error of SQLite's while opening means for a person.
    pub(super) fn of(path: &Path, error: &rusqlite::Error) -> Self {
        let reason = match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => "it is not a SQLite database; choose another file with --db",
            Some(ErrorCode::DatabaseCorrupt) => "it is damaged; restore a backup of it",
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                "another program keeps it locked; try again when that is done"
            }
            Some(ErrorCode::DiskFull) => "the disk is full; make room and try again",
            Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly) => {
                "its -wal and -shm files cannot be written beside it; make its directory writable for this user"
            }
            _ if trouble::is_of_writing(error) => trouble::DISK_TAKES_NOTHING,
            _ => return Self::because(path, &error.to_string()),
        };
        Self::because(path, reason)
    }
}

impl fmt::Display for Unusable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Returns what has the name of a WAL, its index or a journal of a file, and is not a plain file: SQLite would follow a link, and wait
/// for the other end of a FIFO.
pub(super) fn foreign_companion(real: &Path) -> Option<PathBuf> {
    let companions = COMPANIONS.map(|suffix| beside(real, suffix));
    companions.into_iter().find(|path| path.symlink_metadata().is_ok_and(|found| !found.is_file()))
}

pub(super) fn reason_of(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => {
            "there is no such file; start `patron` once to make it, or choose another with --db".into()
        }
        ErrorKind::PermissionDenied => "this user may not read and write it; mend its permissions or its owner".into(),
        ErrorKind::ReadOnlyFilesystem => "it is on a read-only file system; choose another place with --db".into(),
        ErrorKind::IsADirectory => "it is a directory; give a file with --db".into(),
        ErrorKind::StorageFull => "the disk is full; make room and try again".into(),
        _ => error.to_string(),
    }
}

/// Where the rows are.
#[derive(Clone, Debug)]
pub(super) enum Location {
    /// In a file, and what stands beside it.
    File(PathBuf),
    /// In this process's memory, under a name. They are there as long as a connection is open, and never on a disk.
    Memory(String),
}

impl Location {
    /// A connection that writes, where the files are still those that this process has open. See [`opened`].
    pub(super) fn writer(&self, is_ours: impl Fn() -> rusqlite::Result<()>) -> rusqlite::Result<Connection> {
        match self {
            Self::File(path) => writer_if(path, is_ours),
            Self::Memory(name) => memory(name),
        }
    }

    /// The same that only reads.
    pub(super) fn reader(&self, is_ours: impl Fn() -> rusqlite::Result<()>) -> rusqlite::Result<Connection> {
        match self {
            Self::File(path) => reader_if(path, is_ours),
            Self::Memory(name) => {
                let connection = memory(name)?;
                connection.pragma_update(None, "query_only", true)?;
                Ok(connection)
            }
        }
    }
}

impl From<&PathBuf> for Location {
    fn from(path: &PathBuf) -> Self {
        Self::File(path.clone())
    }
}

impl From<&Path> for Location {
    fn from(path: &Path) -> Self {
        Self::File(path.to_owned())
    }
}

/// A connection to rows in memory, of which many may be open. There is no log there: whoever reads and whoever writes wait for
/// each other.
fn memory(name: &str) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    // Names that begin so are shared within the process.
    let connection = Connection::open_with_flags_and_vfs(format!("/{name}"), flags, "memdb")?;
    connection.busy_handler(Some(wait_a_moment))?;
    // Never a file, as the journal would be by default.
    connection.pragma_update(None, "journal_mode", "memory")?;
    connection.pragma_update(None, "synchronous", "off")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    shared_pragmas(&connection)?;
    Ok(connection)
}

/// Waits for whoever has the rows in memory, for five seconds and more in all: microseconds, where SQLite's own pauses grow to
/// many milliseconds.
fn wait_a_moment(times: i32) -> bool {
    std::thread::sleep(Duration::from_micros(50));
    times < 50_000
}

/// Opens a file by its path beside connections that have it open, where `is_ours` says that it is still that one. SQLite would take
/// another file for the first of its kind, and cut the WAL index, which all have mapped, to nothing: the system ends the process for
/// that with SIGBUS. The index is opened with the first read: so it is asked before the file is opened, and again before anything
/// is read.
fn opened(path: &Path, flags: OpenFlags, is_ours: &impl Fn() -> rusqlite::Result<()>) -> rusqlite::Result<Connection> {
    is_ours()?;
    let connection = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    is_ours()?;
    Ok(connection)
}

/// A connection that writes.
pub(super) fn writer(path: &Path) -> rusqlite::Result<Connection> {
    writer_if(path, || Ok(()))
}

fn writer_if(path: &Path, is_ours: impl Fn() -> rusqlite::Result<()>) -> rusqlite::Result<Connection> {
    let connection = opened(path, OpenFlags::SQLITE_OPEN_READ_WRITE, &is_ours)?;
    // Another process, such as a command, may hold the write lock for the length of its transaction.
    connection.busy_timeout(Duration::from_secs(5))?;
    // Readers never wait for the writer, nor it for them. Stays in the file.
    connection.pragma_update(None, "journal_mode", "wal")?;
    // A commit is on the disk before it is answered, through a power cut.
    connection.pragma_update(None, "synchronous", "full")?;
    // Off by default in SQLite, for history's sake.
    connection.pragma_update(None, "foreign_keys", true)?;
    // What is deleted or replaced is wiped: an erasure must leave nothing. See `scrub` for what this leaves.
    connection.pragma_update(None, "secure_delete", true)?;
    // A small log: checkpoints are frequent and short. 250 pages gave a p99 of 9 ms where 1,000 gave 18. A server has a thread
    // for them.
    connection.pragma_update(None, "wal_autocheckpoint", 250)?;
    // Where much was written at once, the log is cut to this when it begins anew.
    connection.pragma_update(None, "journal_size_limit", LOG_KEPT)?;
    shared_pragmas(&connection)?;
    // By now it has its WAL open, too.
    is_ours()?;
    Ok(connection)
}

/// Makes a connection that writes one that writes much at a time: rows land all over the indexes, so their pages are kept
/// (128 MB), and the log is written back seldom (at 32 MB).
pub(super) fn for_bulk(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "cache_size", -131_072)?;
    connection.pragma_update(None, "wal_autocheckpoint", 8_000)
}

/// Sets up a connection that reads for point reads: what leads to the leaves of a million customers are some 200 pages.
pub(super) fn for_points(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "cache_size", -2048)
}

/// A connection to a file that a copy goes into. Nobody else looks at it before it is whole and synced: no journal, no
/// sync of SQLite's own, no lock given back.
pub(super) fn copy(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.pragma_update(None, "locking_mode", "exclusive")?;
    connection.pragma_update(None, "journal_mode", "off")?;
    connection.pragma_update(None, "synchronous", "off")?;
    connection.pragma_update(None, "secure_delete", true)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    shared_pragmas(&connection)?;
    Ok(connection)
}

/// Makes a file that is in WAL mode one that is whole by itself, without what stands beside it.
pub(super) fn settle(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update_and_check(None, "journal_mode", "delete", |row| row.get::<_, String>(0)).map(drop)
}

/// Takes back a change that was interrupted.
pub(super) fn roll_back(path: &Path) -> rusqlite::Result<()> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(Duration::from_secs(5))?;
    connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))
}

/// A connection that only reads.
pub(super) fn reader(path: &Path) -> rusqlite::Result<Connection> {
    reader_if(path, || Ok(()))
}

fn reader_if(path: &Path, is_ours: impl Fn() -> rusqlite::Result<()>) -> rusqlite::Result<Connection> {
    let open = |connection: Connection| {
        connection.busy_timeout(Duration::from_secs(5))?;
        // Whatever is asked on it, nothing is written.
        connection.pragma_update(None, "query_only", true)?;
        shared_pragmas(&connection)?;
        is_ours()?;
        Ok(connection)
    };
    match opened(path, OpenFlags::SQLITE_OPEN_READ_ONLY, &is_ours).and_then(open) {
        Err(error) if is_whole_and_read_only(path, &error) => {
            is_ours()?;
            open(immutable(&path.canonicalize().unwrap_or_else(|_| path.to_owned()))?)
        }
        opened => opened,
    }
}

/// Whether a file cannot be read only because SQLite can create nothing beside it, on a file system that is read-only: where there is
/// nothing in its WAL, the file is all there is.
fn is_whole_and_read_only(path: &Path, error: &rusqlite::Error) -> bool {
    let is_refused = matches!(error.sqlite_error_code(), Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly));
    let real = path.canonicalize();
    is_refused
        && real.is_ok_and(|real| {
            let is_read_only =
                rustix::fs::statvfs(&real).is_ok_and(|disk| disk.f_flag.contains(StatVfsMountFlags::RDONLY));
            is_read_only && beside(&real, "-wal").metadata().map_or(true, |wal| wal.len() == 0)
        })
}

/// A connection that only reads and leaves no `-wal` or `-shm` beside a file that has none. Such a file is complete; what another
/// process writes from here on is not seen.
pub(super) fn look(path: &Path) -> rusqlite::Result<Connection> {
    let real = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let has = |suffix| beside(&real, suffix).exists();
    if has("-wal") || has("-journal") {
        return reader(path);
    }
    let name: String = path.as_os_str().as_bytes().iter().map(|byte| format!("%{byte:02x}")).collect();
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    let connection = Connection::open_with_flags(format!("file:{name}?immutable=1"), flags)?;
    shared_pragmas(&connection)?;
    Ok(connection)
}

fn shared_pragmas(connection: &Connection) -> rusqlite::Result<()> {
    // The schema has neither; foreign ones would run, also where they are added while the file is open.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false)?;
    // Functions and tables that a tampered schema names do not run.
    connection.pragma_update(None, "trusted_schema", false)?;
    // 5 MB a connection; more gained nothing that could be measured.
    connection.pragma_update(None, "cache_size", -5120)?;
    // Sorting does not touch the disk.
    connection.pragma_update(None, "temp_store", "memory")?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(())
}

/// A connection that takes the file as it is: without its WAL, without locks.
pub(super) fn immutable(real: &Path) -> rusqlite::Result<Connection> {
    use std::os::unix::ffi::OsStrExt;
    let mut uri = String::from("file:");
    for byte in real.as_os_str().as_bytes() {
        match byte {
            b'/' | b'.' | b'-' | b'_' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => uri.push(char::from(*byte)),
            _ => uri += &format!("%{byte:02x}"),
        }
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    Connection::open_with_flags(uri + "?immutable=1", flags)
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};

    use super::*;

    #[test]
    fn a_log_that_was_long_is_cut_when_it_begins_anew() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("t.db");
        File::create(&path).unwrap();
        let writer = writer(&path).unwrap();
        let len = || beside(&path, "-wal").metadata().unwrap().len();
        writer.execute_batch("CREATE TABLE t (data BLOB)").unwrap();
        writer.execute("INSERT INTO t VALUES (zeroblob(?1))", [LOG_KEPT + (1 << 20)]).unwrap();
        assert!(len() > LOG_KEPT);
        writer.execute_batch("PRAGMA wal_checkpoint; CREATE TABLE u (data BLOB)").unwrap();
        assert_eq!(len(), LOG_KEPT);
    }

    /// As where the file is replaced in the moment before it is opened: SQLite would cut the WAL index that others have mapped.
    #[test]
    fn a_file_that_was_replaced_just_before_it_is_opened_harms_no_connection() {
        use std::cell::Cell;
        let directory = tempfile::tempdir().unwrap();
        let (path, other) = (directory.path().join("t.db"), directory.path().join("other.db"));
        for path in [&path, &other] {
            File::create(path).unwrap();
            let writer = writer(path).unwrap();
            writer.execute_batch("CREATE TABLE t (number INTEGER); PRAGMA wal_checkpoint(truncate)").unwrap();
        }
        let first = writer(&path).unwrap();
        let len = || beside(&path, "-shm").metadata().unwrap().len();
        let before = len();
        assert!(before > 0);
        let asked = Cell::new(0);
        let is_ours = || {
            asked.set(asked.get() + 1);
            if asked.get() == 1 {
                fs::rename(&other, &path).unwrap();
                return Ok(());
            }
            Err(rusqlite::Error::InvalidQuery)
        };
        assert!(reader_if(&path, is_ours).is_err());
        assert_eq!((asked.get(), len()), (2, before));
        first.execute_batch("INSERT INTO t VALUES (1)").unwrap();
    }
}
