//! A directory in which a server keeps backups: names that sort by time, and nothing removed that does not have such a name.

use std::fs::{self, File, Metadata, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use super::partial::{remove_abandoned, target_of};
use super::paths::{PARTIAL, sync_directory, try_lock};

/// The backups of one database in a directory.
#[derive(Debug)]
pub struct BackupFolder {
    names: Names,
    /// Locked while it is open: two servers would take each other's backups for their own, and remove them.
    held: File,
}

/// A backup in a directory, as its name tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptBackup {
    /// When it was begun, in Unix seconds.
    pub at: i64,
    /// Where it is.
    pub path: PathBuf,
}

const EXTENSION: &str = ".db";

/// What backups are called.
#[derive(Debug)]
struct Names {
    path: PathBuf,
    /// What names begin with: the database's own, so that people see what is what.
    stem: String,
}

/// The backups in a directory, eldest first, whoever keeps it.
pub(super) fn list(path: &Path, stem: &str) -> io::Result<Vec<KeptBackup>> {
    Names { path: path.to_owned(), stem: stem.to_owned() }.list()
}

/// What the database of a backup is called, where the backup is called as we call them.
pub(super) fn stem_of(backup: &Path) -> Option<&str> {
    let name = backup.file_name()?.to_str()?;
    let stem = name.strip_suffix(EXTENSION)?.rsplit_once('-')?.0;
    let names = Names { path: PathBuf::new(), stem: stem.to_owned() };
    names.time_of(name).map(|_| stem)
}

impl BackupFolder {
    /// Opens a directory that is there: what is not mounted is not made in its place. The error is one sentence.
    pub fn open(path: &Path, db: &Path) -> Result<Self, String> {
        let cannot = |reason: &str| format!("cannot keep backups in {}: {reason}", path.display());
        // Looked at before it is opened: to open a FIFO would wait for its other end.
        if path.metadata().is_ok_and(|found| !found.is_dir()) {
            return Err(cannot("it is not a directory"));
        }
        let held = match File::open(path) {
            Ok(held) => held,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(cannot("there is no such directory; make it, or mount what it is on"));
            }
            Err(error) => return Err(cannot(&error.to_string())),
        };
        match try_lock(&held) {
            Err(TryLockError::WouldBlock) => {
                return Err(cannot("another patron keeps its backups there; give each a directory of its own"));
            }
            // Some network file systems have no such locks.
            Err(TryLockError::Error(error)) => tracing::debug!(%error, "the directory of backups is not locked"),
            Ok(()) => {}
        }
        let stem = db.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Self { names: Names { path: path.to_owned(), stem }, held })
    }

    /// Whether it is still what is found at its path: it may be gone, or another disk be mounted there.
    pub fn is_there(&self) -> bool {
        let same = |held: Metadata, found: Metadata| (held.dev(), held.ino()) == (found.dev(), found.ino());
        self.held.metadata().is_ok_and(|held| self.names.path.metadata().is_ok_and(|found| same(held, found)))
    }

    /// What a backup is called that is begun now.
    pub fn place(&self, at: i64) -> PathBuf {
        self.names.place(at)
    }

    /// The backups that are there, eldest first.
    pub fn list(&self) -> io::Result<Vec<KeptBackup>> {
        self.names.list()
    }

    /// Removes all backups but the newest `count`, of which the one just made is one: a clock that went back must not be why
    /// it goes. Gives how many it removed.
    pub fn keep(&self, count: usize, made: &Path) -> io::Result<usize> {
        let mut others = self.list()?;
        others.retain(|backup| backup.path != made);
        let over = (others.len() + 1).saturating_sub(count.max(1));
        for backup in &others[..over] {
            fs::remove_file(&backup.path)?;
        }
        if over > 0 {
            sync_directory(made)?;
        }
        Ok(over)
    }

    /// Removes what is left of backups that were interrupted. Those of older versions are called as the backup, and `.partial`.
    pub fn clear(&self) -> io::Result<()> {
        for left in self.names.ours(|name| target_of(name).or_else(|| name.strip_suffix(PARTIAL)))? {
            match remove_abandoned(&left.path) {
                // A command writes it at the moment.
                Err(error) if error.kind() == io::ErrorKind::ResourceBusy => {}
                removed => removed?,
            }
        }
        Ok(())
    }
}

impl Names {
    fn place(&self, at: i64) -> PathBuf {
        self.path.join(format!("{}-{}{EXTENSION}", self.stem, stamp(at)))
    }

    fn list(&self) -> io::Result<Vec<KeptBackup>> {
        let mut kept = self.ours(|name| Some(name))?;
        kept.sort_by_key(|backup| backup.at);
        Ok(kept)
    }

    /// Returns the plain files in whose names a function finds the name of a backup.
    fn ours(&self, backup_in: impl Fn(&str) -> Option<&str>) -> io::Result<Vec<KeptBackup>> {
        let mut ours = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            let name = entry.file_name();
            if let Some(at) = name.to_str().and_then(|name| self.time_of(backup_in(name)?))
                && entry.file_type()?.is_file()
            {
                ours.push(KeptBackup { at, path: entry.path() });
            }
        }
        Ok(ours)
    }

    /// The time in a name of ours.
    fn time_of(&self, name: &str) -> Option<i64> {
        let time = name.strip_prefix(&self.stem)?.strip_prefix('-')?.strip_suffix(EXTENSION)?;
        if time.len() != "20261123T021004Z".len() || !time.is_ascii() {
            return None;
        }
        let (date, clock) = (&time[..8], &time[9..15]);
        let spelled =
            format!("{}-{}-{}T{}:{}:{}Z", &date[..4], &date[4..6], &date[6..], &clock[..2], &clock[2..4], &clock[4..]);
        let at = humantime::parse_rfc3339(&spelled).ok()?.duration_since(UNIX_EPOCH).ok()?.as_secs();
        // Whatever else can be read as a time is not what we would write.
        let at = i64::try_from(at).ok()?;
        (self.place(at).file_name()?.to_str()? == name).then_some(at)
    }
}

/// Returns whether a text has the form of [`stamp`].
pub(super) fn is_stamp(text: &str) -> bool {
    let is_right = |(at, byte): (usize, u8)| match at {
        8 => byte == b'T',
        15 => byte == b'Z',
        _ => byte.is_ascii_digit(),
    };
    text.len() == 16 && text.bytes().enumerate().all(is_right)
}

/// A time in a name: `20261123T021004Z`.
pub(super) fn stamp(at: i64) -> String {
    const LAST: u64 = 253_402_300_799;
    let since_1970 = Duration::from_secs(u64::try_from(at).unwrap_or_default().min(LAST));
    humantime::format_rfc3339_seconds(UNIX_EPOCH + since_1970).to_string().replace(['-', ':'], "")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> (tempfile::TempDir, BackupFolder) {
        let directory = tempfile::tempdir().unwrap();
        let folder = BackupFolder::open(directory.path(), Path::new("/somewhere/patron.db")).unwrap();
        (directory, folder)
    }

    #[test]
    fn a_name_is_its_time_and_no_other_name_is_ours() {
        let (directory, folder) = folder();
        assert_eq!(folder.place(1_582_033_731), directory.path().join("patron-20200218T134851Z.db"));
        assert_eq!(folder.names.time_of("patron-20200218T134851Z.db"), Some(1_582_033_731));
        for not_ours in [
            "patron.db",
            "patron-20200218T134851Z.db.partial",
            "patron-20200218T134851Z",
            "shop-20200218T134851Z.db",
            "patron-20200230T134851Z.db",
            "patron-20200218 134851Z.db",
            "patron-20200218T13485é.db",
            "patron--0200218T134851Z.db",
            "patron-before-the-move.db",
        ] {
            assert_eq!(folder.names.time_of(not_ours), None, "{not_ours}");
        }
    }

    #[test]
    fn the_newest_and_the_one_just_made_are_kept_and_all_that_is_not_ours() {
        let (directory, folder) = folder();
        let theirs = ["notes.txt", "patron-old.db", "patron-20200218T134851Z.db.bak", "shop-20200218T134851Z.db"];
        for name in theirs {
            fs::write(directory.path().join(name), "theirs").unwrap();
        }
        fs::create_dir(folder.place(5)).unwrap();
        for at in [10, 20, 30, 40] {
            fs::write(folder.place(at), "ours").unwrap();
        }
        let times = || folder.list().unwrap().iter().map(|kept| kept.at).collect::<Vec<_>>();
        assert_eq!(folder.keep(3, &folder.place(40)).unwrap(), 1);
        assert_eq!(times(), [20, 30, 40]);
        fs::write(folder.place(1), "made after the clock went back").unwrap();
        assert_eq!(folder.keep(2, &folder.place(1)).unwrap(), 2);
        assert_eq!(times(), [1, 40]);
        fs::write(directory.path().join("patron-20200218T134851Z.db.partial"), "half").unwrap();
        folder.clear().unwrap();
        assert!(!directory.path().join("patron-20200218T134851Z.db.partial").exists());
        assert!(theirs.iter().all(|name| directory.path().join(name).exists()) && folder.place(5).is_dir());
    }

    #[test]
    fn another_directory_in_its_place_is_noticed() {
        let (directory, folder) = folder();
        assert!(folder.is_there());
        fs::rename(directory.path(), directory.path().with_extension("away")).unwrap();
        assert!(!folder.is_there());
        fs::create_dir(directory.path()).unwrap();
        assert!(!folder.is_there());
        fs::remove_dir(directory.path().with_extension("away")).unwrap();
    }

    #[test]
    fn two_servers_do_not_share_a_directory() {
        let (directory, _folder) = folder();
        let second = BackupFolder::open(directory.path(), Path::new("/elsewhere/patron.db"));
        assert!(second.unwrap_err().contains("another patron keeps its backups there"));
        assert!(BackupFolder::open(Path::new("/nowhere/at/all"), Path::new("p")).unwrap_err().contains("make it"));
    }
}
