//! A file on its way: under a name that says that it is not whole, until it is, and on the disk. Then it gets its own name in
//! one step; so whatever ends this process, no file looks whole that is not.
//!
//! The name on the way is `NAME.patron-0123456789ab.partial` with random digits, which no file of a user has. A process that is
//! killed leaves such a file. The next process that writes to NAME removes it, if it is a plain file that no process has locked.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions, Permissions, TryLockError};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, ErrorKind, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, OFlags, RenameFlags, renameat_with};
use rustix::io::Errno;

use super::paths::{COMPANIONS, PARTIAL, RESERVE, beside, directory_of, is_at, real, sync_directory, try_lock};

/// The text before the random digits in that name.
const MARK: &str = ".patron-";
/// The number of random digits in that name, each of four bits.
const DIGITS: usize = 12;
/// The longest name that file systems have, in bytes, and the longest part of it that SQLite and this module add.
const NAME_MAX: usize = 255;
const ADDED_LEN: usize = MARK.len() + DIGITS + PARTIAL.len() + "-journal".len();
/// After so many bytes it is synced: all at once in the end would keep the commits of others waiting.
const SYNC_LEN: usize = 1 << 20;

/// The file on its way to a name. Dropped before it has got there, it is gone.
pub struct Partial {
    path: PathBuf,
    target: PathBuf,
    /// Held open, and locked, until the end: what another process left behind is not locked, and may be removed.
    file: File,
    /// How many bytes were written since it was last synced.
    unsynced: usize,
    is_named: bool,
}

impl Write for Partial {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.unsynced >= SYNC_LEN {
            self.file.sync_data()?;
            self.unsynced = 0;
        }
        let len = self.file.write(bytes)?;
        self.unsynced += len;
        Ok(len)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Partial {
    /// Creates an empty file beside the target, for its owner alone. An error where another process writes to the same target.
    pub(super) fn beside(target: &Path) -> io::Result<Self> {
        remove_abandoned_of(target)?;
        const TRIES: u32 = 5;
        for _ in 0..TRIES {
            let path = unique_beside(target)?;
            // New, so that no other user can have prepared it: neither a link to elsewhere, nor a file that they may read.
            let mut options = OpenOptions::new();
            let file = match options.read(true).write(true).create_new(true).mode(0o600).open(&path) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => continue,
                opened => opened?,
            };
            // Some network file systems have no such locks.
            if let Err(error) = try_lock(&file) {
                tracing::debug!(%error, "a partial file is not locked");
            }
            // Another process may have removed it as abandoned before it was locked.
            if is_at(&file, &path) {
                return Ok(Self { path, target: target.to_owned(), file, unsynced: 0, is_named: false });
            }
        }
        Err(ErrorKind::ResourceBusy.into())
    }

    /// Returns whether a file of this name would be in the place of a database or of what belongs to it.
    pub fn harms(target: &Path, db: &Path) -> bool {
        is_of(target, db)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Gives it the owner of another file, where this user may do so: whoever restores may not be who serves.
    pub(super) fn give_to_owner_of(&self, other: &Path) -> io::Result<()> {
        let other = other.metadata()?;
        std::os::unix::fs::fchown(&self.file, Some(other.uid()), Some(other.gid()))
    }

    /// Sets the bits that say who may use it.
    pub(super) fn set_mode(&self, mode: u32) -> io::Result<()> {
        self.file.set_permissions(Permissions::from_mode(mode))
    }

    /// What is written so far is on the disk.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_all()
    }

    /// Gives it its name, where nothing has that name.
    pub(super) fn name(mut self) -> io::Result<()> {
        match renameat_with(CWD, &self.path, CWD, &self.target, RenameFlags::NOREPLACE) {
            // Not every file system can look and rename in one step.
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) if !self.target.try_exists()? => {
                fs::rename(&self.path, &self.target)?;
            }
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => return Err(ErrorKind::AlreadyExists.into()),
            renamed => renamed?,
        }
        self.is_named = true;
        sync_directory(&self.target)
    }

    /// Gives it its name, in place of what has it.
    pub(super) fn replace(mut self) -> io::Result<()> {
        fs::rename(&self.path, &self.target)?;
        self.is_named = true;
        sync_directory(&self.target)
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        if !self.is_named {
            remove_companions(&self.path);
            // It is known by its name for what it is.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Returns a path beside the target under which it is written. Of a name that is too long, only the beginning is in it.
fn unique_beside(target: &Path) -> io::Result<PathBuf> {
    // Each hasher has other random keys. No test needs the name to repeat.
    let digits = format!("{:0DIGITS$x}", RandomState::new().hash_one(()) >> (64 - 4 * DIGITS));
    let name = target.file_name().ok_or(ErrorKind::IsADirectory)?.as_bytes();
    let name = OsStr::from_bytes(&name[..name.len().min(NAME_MAX - ADDED_LEN)]);
    Ok(beside(&directory_of(target).join(name), &format!("{MARK}{digits}{PARTIAL}")))
}

/// Returns the name of the target in a name under which this module writes to it; `None` for a name of any other form.
pub(super) fn target_of(name: &str) -> Option<&str> {
    let (target, digits) = name.strip_suffix(PARTIAL)?.rsplit_once(MARK)?;
    let is_digit = |digit: u8| digit.is_ascii_digit() || (b'a'..=b'f').contains(&digit);
    (digits.len() == DIGITS && digits.bytes().all(is_digit)).then_some(target)
}

/// Removes the files that killed processes left beside a target. An error where a process still writes to one.
fn remove_abandoned_of(target: &Path) -> io::Result<()> {
    let name = target.file_name().unwrap_or_default();
    // Of a directory that cannot be read, nothing is removed.
    for entry in fs::read_dir(directory_of(target)).into_iter().flatten().filter_map(Result::ok) {
        if entry.file_name().to_str().and_then(target_of).is_some_and(|target| target == name) {
            match remove_abandoned(&entry.path()) {
                Err(error) if error.kind() == ErrorKind::ResourceBusy => return Err(error),
                Err(error) => tracing::debug!(%error, file = %entry.path().display(), "a partial file is not removed"),
                Ok(()) => {}
            }
        }
    }
    Ok(())
}

/// Removes a file that a killed process left, whose name is Patron's own. What is not a plain file stays. An error where a process
/// still writes to it.
pub(super) fn remove_abandoned(path: &Path) -> io::Result<()> {
    if !path.symlink_metadata().is_ok_and(|found| found.is_file()) {
        return Ok(());
    }
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    match try_lock(&file) {
        // A process that was killed a moment ago holds it until it is gone.
        Err(TryLockError::WouldBlock) => return Err(ErrorKind::ResourceBusy.into()),
        // Without locks, as on some network file systems, a process may still write to it.
        Err(TryLockError::Error(error)) => return Err(error),
        Ok(()) => {}
    }
    // It may have got its own name in the meantime.
    if !file.metadata()?.is_file() || !is_at(&file, path) {
        return Ok(());
    }
    remove_companions(path);
    fs::remove_file(path)
}

/// Whether a path leads to a database, or to what belongs to it: by whatever name, also that of a link.
pub(super) fn is_of(path: &Path, db: &Path) -> bool {
    let (Ok(path), Ok(db)) = (real(path), real(db)) else { return false };
    let file = |path: &Path| path.metadata().ok().map(|found| (found.dev(), found.ino()));
    let asked = file(&path);
    ["", ".lock", RESERVE]
        .iter()
        .chain(&COMPANIONS)
        .map(|suffix| beside(&db, suffix))
        .any(|own| own == path || (asked.is_some() && asked == file(&own)))
}

fn remove_companions(path: &Path) {
    for suffix in COMPANIONS {
        let companion = beside(path, suffix);
        // Mostly there is none.
        if companion.symlink_metadata().is_ok_and(|found| found.is_file()) {
            let _ = fs::remove_file(companion);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_name_is_given_only_where_it_is_free_and_what_got_none_is_gone() {
        let directory = tempfile::tempdir().unwrap();
        let target = directory.path().join("copy");
        let names = || fs::read_dir(directory.path()).unwrap().count();
        let mut partial = Partial::beside(&target).unwrap();
        partial.file.write_all(b"new").unwrap();
        assert_eq!(partial.path().metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(Partial::beside(&target).err().map(|error| error.kind()), Some(ErrorKind::ResourceBusy));
        fs::write(&target, "old").unwrap();
        assert_eq!(partial.name().unwrap_err().kind(), ErrorKind::AlreadyExists);
        assert_eq!((fs::read(&target).unwrap().as_slice(), names()), (b"old".as_slice(), 1));

        let mut partial = Partial::beside(&target).unwrap();
        partial.file.write_all(b"new").unwrap();
        partial.replace().unwrap();
        assert_eq!((fs::read(&target).unwrap().as_slice(), names()), (b"new".as_slice(), 1));
    }

    #[test]
    fn removes_only_files_of_its_own_names_that_no_process_writes() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        let partial = Partial::beside(&at("copy")).unwrap();
        assert_eq!(remove_abandoned(partial.path()).unwrap_err().kind(), ErrorKind::ResourceBusy);
        assert!(partial.path().exists());
        drop(partial);
        let left = at("copy.patron-0123456789ab.partial");
        let others = ["copy.partial", "copy.patron-0123.partial", "other.patron-0123456789ab.partial"];
        for path in others.map(at).iter().chain([&left]) {
            fs::write(path, "half").unwrap();
        }
        std::os::unix::fs::symlink(at("copy.partial"), at("copy.patron-ba9876543210.partial")).unwrap();
        drop(Partial::beside(&at("copy")).unwrap());
        assert!(!left.exists() && at("copy.patron-ba9876543210.partial").is_symlink());
        assert!(others.map(at).iter().all(|path| path.exists()));
        remove_abandoned(&left).unwrap();
    }

    #[test]
    fn a_name_of_any_length_gets_one_on_the_way() {
        let directory = tempfile::tempdir().unwrap();
        let target = directory.path().join("x".repeat(NAME_MAX));
        let partial = Partial::beside(&target).unwrap();
        assert!(File::create(beside(partial.path(), "-journal")).is_ok());
        partial.name().unwrap();
        assert!(target.is_file());
    }
}
