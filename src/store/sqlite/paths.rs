//! The paths of a database and of the files beside it, which file a path leads to, and locks on files.

use std::fs::{self, File, Metadata, OpenOptions, TryLockError};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::OFlags;

/// The suffixes of the files that are open while a database is.
pub(super) const SUFFIXES: [&str; 3] = ["", "-wal", "-shm"];
/// The suffixes of what SQLite may leave beside a database.
pub(super) const COMPANIONS: [&str; 3] = ["-wal", "-shm", "-journal"];
/// The suffix of the file that sets room aside for a full disk.
pub(super) const RESERVE: &str = "-reserve";
/// The suffix of a file that is not whole yet.
pub(super) const PARTIAL: &str = ".partial";
/// The name of a database that a restore has put aside, after the name of the database and before a time.
pub(super) const ASIDE: &str = ".before-restore-";
/// The same of a file to which `kill -USR1` saves what is open.
pub(super) const SAVED: &str = ".saved-";
/// The same of a copy from before an upgrade.
pub(super) const BEFORE_UPGRADE: &str = ".before-upgrade-";
/// The suffix of a copy on which an upgrade is tried.
pub(super) const REHEARSAL: &str = ".rehearsal";
/// The most tries for a lock, and the pause between two. A process that looks whether the file is served holds the lock for a moment.
const LOCK_TRIES: u32 = 20;
pub(super) const LOCK_AGAIN: Duration = Duration::from_millis(10);

/// The device and inode of a file. No other file gets that inode while this one is open.
pub(super) type Identity = (u64, u64);

/// Returns the path of a file with a suffix.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Returns the directory of a file.
pub(super) fn directory_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Returns the path of a file without links, also where it is not there yet: a link that leads nowhere is followed, too.
pub(super) fn real(path: &Path) -> io::Result<PathBuf> {
    // More links in a row are a circle.
    const LINKS_MAX: usize = 40;
    let mut path = path.to_owned();
    for _ in 0..LINKS_MAX {
        match path.canonicalize() {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            real => return real,
        }
        let Ok(target) = path.read_link() else {
            let name = path.file_name().ok_or(ErrorKind::IsADirectory)?;
            return Ok(directory_of(&path).canonicalize()?.join(name));
        };
        path = directory_of(&path).join(target);
    }
    Err(io::Error::other("too many links lead from one to the next"))
}

/// Returns the identity of the file at a path.
pub(super) fn identity(path: &Path) -> io::Result<Identity> {
    path.metadata().map(|metadata| identity_of(&metadata))
}

pub(super) fn identity_of(metadata: &Metadata) -> Identity {
    (metadata.dev(), metadata.ino())
}

/// Returns whether an open file is the one at a path.
pub(super) fn is_at(file: &File, path: &Path) -> bool {
    let open = file.metadata().map(|found| identity_of(&found));
    open.is_ok_and(|open| identity(path).ok() == Some(open))
}

/// Takes a lock, and tries again for 200 ms.
pub(super) fn try_lock(file: &File) -> Result<(), TryLockError> {
    for _ in 1..LOCK_TRIES {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => std::thread::sleep(LOCK_AGAIN),
            locked => return locked,
        }
    }
    file.try_lock()
}

/// Takes the lock on a lock file, where the file exists and no process holds the lock.
pub(super) fn lock_if_free(lock_path: &Path) -> Option<File> {
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
    let file = OpenOptions::new().write(true).custom_flags(flags).open(lock_path).ok()?;
    (file.try_lock().is_ok() && is_at(&file, lock_path)).then_some(file)
}

/// Syncs the directory of a file, and so the name of the file.
pub(super) fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(directory_of(path))?.sync_all()
}

/// Returns the databases that a restore has put aside.
pub(super) fn put_aside(real: &Path) -> Vec<PathBuf> {
    named(real, &[ASIDE])
}

/// Returns the files whose names are that of a database, one of these kinds and a time.
pub(super) fn named(real: &Path, kinds: &[&str]) -> Vec<PathBuf> {
    let name = real.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let entries = fs::read_dir(directory_of(real)).into_iter().flatten().filter_map(Result::ok);
    let is_named = |path: &PathBuf| {
        let called = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let rest = called.strip_prefix(&name).unwrap_or_default();
        kinds.iter().any(|kind| rest.starts_with(kind)) && rest.ends_with('Z')
    };
    let mut named: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(is_named).collect();
    named.sort();
    named
}
