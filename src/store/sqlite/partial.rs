//! A file on its way: under a name that says that it is not whole, until it is, and on the disk. Then it gets its own name in
//! one step; so whatever ends this process, no file looks whole that is not.

use std::fs::{self, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

use super::paths::{COMPANIONS, PARTIAL, RESERVE, beside, real, sync_directory, try_lock};

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
    /// An empty file beside the target, for its owner alone.
    pub(super) fn beside(target: &Path) -> io::Result<Self> {
        let path = beside(target, PARTIAL);
        remove_abandoned(&path)?;
        // New, so that nobody else can have prepared it: neither a link to elsewhere, nor a file that they may read.
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create_new(true).mode(0o600).open(&path);
        let file = file.map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => ErrorKind::ResourceBusy.into(),
            _ => error,
        })?;
        // Some network file systems have no such locks.
        if let Err(error) = file.try_lock() {
            tracing::debug!(%error, "a partial file is not locked");
        }
        Ok(Self { path, target: target.to_owned(), file, unsynced: 0, is_named: false })
    }

    /// Whether a file of this name, on its way or there, would be in the place of a database or of what belongs to it.
    pub fn harms(target: &Path, db: &Path) -> bool {
        is_of(target, db) || is_of(&beside(target, PARTIAL), db)
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

/// Removes what a process left behind that was killed. An error where one is still at it.
pub(super) fn remove_abandoned(path: &Path) -> io::Result<()> {
    match path.symlink_metadata() {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Ok(found) if found.is_file() => {
            // A process that was killed a moment ago holds it until it is gone.
            if let Err(TryLockError::WouldBlock) = try_lock(&File::open(path)?) {
                return Err(ErrorKind::ResourceBusy.into());
            }
        }
        _ => {}
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
        // Mostly there is none.
        let _ = fs::remove_file(beside(path, suffix));
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
    fn only_what_nobody_is_at_is_removed_as_abandoned() {
        let directory = tempfile::tempdir().unwrap();
        let partial = Partial::beside(&directory.path().join("copy")).unwrap();
        assert_eq!(remove_abandoned(partial.path()).unwrap_err().kind(), ErrorKind::ResourceBusy);
        assert!(partial.path().exists());
        let left = directory.path().join("left.partial");
        fs::write(&left, "half").unwrap();
        remove_abandoned(&left).unwrap();
        assert!(!left.exists());
        remove_abandoned(&left).unwrap();
    }

    #[test]
    fn what_others_have_prepared_is_not_written_to() {
        let directory = tempfile::tempdir().unwrap();
        let (target, precious) = (directory.path().join("copy"), directory.path().join("precious"));
        fs::write(&precious, "precious").unwrap();
        std::os::unix::fs::symlink(&precious, directory.path().join("copy.partial")).unwrap();
        assert!(!Partial::beside(&target).unwrap().path().is_symlink());
        fs::write(directory.path().join("copy.partial"), "anybody may read me").unwrap();
        let partial = Partial::beside(&target).unwrap();
        let found = partial.path().metadata().unwrap();
        assert_eq!((found.len(), found.permissions().mode() & 0o777), (0, 0o600));
        assert_eq!(fs::read(precious).unwrap(), b"precious");
    }
}
