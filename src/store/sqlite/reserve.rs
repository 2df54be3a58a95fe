//! Room that is set aside for a full disk: a preallocated file beside the database.
//!
//! In WAL mode even a deletion needs room, since it is written to the log first. What frees room (to discard an import, to erase
//! a customer, to delete old records) releases the reserve when it finds the disk full, and tries again. Until it is done, all
//! other acts are refused as if the disk were still full, so that edits cannot take that room. Then the reserve is set aside
//! again, as much of it as is free.
//!
//! A command may release the reserve beside a server. The server sees that the file is gone, and refuses edits for some seconds.
//! No process keeps the file open: an open file would hold its room after it is removed.
//!
//! A file of this name may be a user's. It is the reserve only where it holds no data and has a size that [`Reserve::set_aside`]
//! gives it. Any other file stays as it is.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::fs::{FallocateFlags, Mode, OFlags, SeekFrom, fallocate};
use rustix::io::Errno;

use super::disk::Disk;
use super::paths::{RESERVE, beside, directory_of};

/// Its size in bytes, where the disk has room for it.
const LEN: u64 = 16 << 20;
/// The least part of it that is worth a file, and the unit of its size.
pub(super) const UNIT: u64 = 1 << 20;
/// The room that stays free when it is set aside: on a smaller disk the reserve is smaller.
const LEAVES: u64 = 8 << 20;
/// How long edits wait for another process that has released it.
const RELEASED_MAX: Duration = Duration::from_secs(10);

/// The reserve beside a database.
pub(super) struct Reserve {
    /// `None` where rows are in memory.
    path: Option<PathBuf>,
    /// Whether it is released, or the disk was full at the last commit: only then an act has to look closer.
    is_watched: AtomicBool,
    state: Mutex<State>,
    /// The state in which the file last held no data: it is not read again until it changes.
    empty: Mutex<Option<Version>>,
}

#[derive(Default)]
struct State {
    /// How many bytes were set aside when it was last seen.
    len: u64,
    /// How many operations that free room are under way.
    freeing: usize,
    /// How much of it this process has released.
    released: Option<u64>,
    /// Whether the last commit found the disk full.
    is_full: bool,
    /// Since when it is missing though this process has not released it.
    missing_since: Option<Instant>,
    /// Whether the log says why there is none.
    is_logged: bool,
}

/// A state of a file: its device, inode, length, and time of change. A write to the file changes it.
type Version = (u64, u64, u64, i64, i64);

impl Reserve {
    /// None at all: rows in memory.
    pub(super) fn none() -> Self {
        Self { path: None, is_watched: AtomicBool::new(false), state: Mutex::default(), empty: Mutex::default() }
    }

    /// The reserve of a database, whose real path this is. Sets nothing aside yet.
    pub(super) fn beside(db: &Path) -> Self {
        let this = Self { path: Some(beside(db, RESERVE)), ..Self::none() };
        this.state().len = this.found();
        this
    }

    /// Where it is, if it is in a file.
    pub(super) fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// Sets it aside, or more of it, where the disk has room.
    pub(super) fn keep(&self) {
        let mut state = self.state();
        if state.released.is_none() {
            self.set_aside(&mut state, LEN, LEAVES);
            self.is_watched.store(state.is_full, Ordering::Relaxed);
        }
    }

    /// Begins an operation that frees room; its acts go through [`Writer::free`].
    pub(super) fn freeing(&self) -> Freeing<'_> {
        self.state().freeing += 1;
        Freeing(self)
    }

    /// Gives its room to an operation that frees room. Returns whether it is worth to try again.
    pub(super) fn release(&self) -> bool {
        let mut state = self.state();
        let Some(path) = self.path.as_ref().filter(|_| state.released.is_none()) else {
            return state.released.is_some();
        };
        let len = self.found();
        if len == 0 || fs::remove_file(path).is_err() {
            return false;
        }
        tracing::warn!("the disk is full: its reserve is released, to free room");
        state.released = Some(len);
        self.is_watched.store(true, Ordering::Relaxed);
        true
    }

    /// Whether acts that free no room are to be refused, since they would take the room of the reserve.
    pub(super) fn is_at_stake(&self) -> bool {
        if !self.is_watched.load(Ordering::Relaxed) {
            return false;
        }
        let mut state = self.state();
        state.released.is_some() || self.is_released_elsewhere(&mut state)
    }

    fn is_released_elsewhere(&self, state: &mut State) -> bool {
        if state.len == 0 || self.found() > 0 {
            state.missing_since = None;
            return false;
        }
        let is_recent = state.missing_since.get_or_insert_with(Instant::now).elapsed() < RELEASED_MAX;
        if !is_recent {
            // Nobody sets it aside again: it was removed by hand, or the disk is too full for it.
            (state.len, state.missing_since) = (0, None);
        }
        is_recent
    }

    /// Notes whether the last commit found the disk full.
    pub(super) fn note(&self, is_full: bool) {
        if !is_full && !self.is_watched.load(Ordering::Relaxed) {
            return;
        }
        let mut state = self.state();
        let is_released = state.released.is_some() || self.is_released_elsewhere(&mut state);
        state.is_full = is_full || (state.is_full && is_released);
        self.is_watched.store(state.is_full || is_released, Ordering::Relaxed);
    }

    /// Makes it so long, or as long as the disk has room for beside `leaves`.
    fn set_aside(&self, state: &mut State, len: u64, leaves: u64) {
        let Some(path) = &self.path else { return };
        let found = self.found();
        state.len = found;
        let Ok(disk) = Disk::of(directory_of(path)) else { return };
        let mut wanted = len.min(found + disk.free.saturating_sub(leaves)) / UNIT * UNIT;
        // The last block may be needed to note which blocks are taken.
        while wanted > found {
            match allocate(path, wanted) {
                Ok(()) => (state.len, state.missing_since, wanted) = (wanted, None, 0),
                Err(error) if error.kind() == ErrorKind::StorageFull => wanted -= UNIT,
                Err(error) => {
                    if !std::mem::replace(&mut state.is_logged, true) {
                        let path = path.display();
                        tracing::warn!(%error, "{path}: no room is set aside for a full disk");
                    }
                    return;
                }
            }
        }
    }

    /// How many bytes are set aside in a file that is ours.
    pub(super) fn found(&self) -> u64 {
        let Some(path) = &self.path else { return 0 };
        let found = path.symlink_metadata().ok().filter(|found| may_be_ours(path, found) && self.is_empty(path, found));
        found.map_or(0, |found| found.len().min(found.blocks() * 512))
    }

    fn is_empty(&self, path: &Path, found: &Metadata) -> bool {
        let version = (found.dev(), found.ino(), found.len(), found.ctime(), found.ctime_nsec());
        let mut empty = self.empty.lock().unwrap_or_else(PoisonError::into_inner);
        if *empty != Some(version) {
            let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
            let file = OpenOptions::new().read(true).custom_flags(flags).open(path);
            *empty = file.and_then(|file| holds_no_data(&file, found.len())).unwrap_or(false).then_some(version);
        }
        empty.is_some()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics between two of its changes.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An operation that frees room. Once the last of them ends, the reserve is set aside again.
pub struct Freeing<'a>(&'a Reserve);

impl Drop for Freeing<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.freeing -= 1;
        if state.freeing == 0
            && let Some(len) = state.released.take()
        {
            self.0.set_aside(&mut state, len, 0);
            tracing::info!(bytes = state.len, "the reserve is set aside again");
            self.0.is_watched.store(state.is_full, Ordering::Relaxed);
        }
    }
}

/// Returns whether a file is no link, has no other name, belongs to this user or to the owner of the database beside it, and has a
/// size of the reserve. What it holds is the other half: see [`holds_no_data`].
fn may_be_ours(path: &Path, found: &Metadata) -> bool {
    let owner = || owner_beside(path) == Some(found.uid());
    found.is_file()
        && found.nlink() == 1
        && found.len() <= LEN
        && found.len().is_multiple_of(UNIT)
        && (found.uid() == rustix::process::geteuid().as_raw() || owner())
}

/// Returns whether a file has only blocks to which nothing was written, or only zeros.
fn holds_no_data(file: &File, len: u64) -> io::Result<bool> {
    if let Err(Errno::NXIO) = rustix::fs::seek(file, SeekFrom::Data(0)) {
        return Ok(true);
    }
    // Not every file system knows which blocks were written.
    let mut bytes = vec![0; 64 << 10];
    let mut at = 0;
    while at < len.min(LEN) {
        let read = file.read_at(&mut bytes, at)?;
        if read == 0 || bytes[..read].iter().any(|byte| *byte != 0) {
            return Ok(read == 0);
        }
        at += read as u64;
    }
    Ok(true)
}

fn owner_beside(path: &Path) -> Option<u32> {
    let db = path.to_str()?.strip_suffix(RESERVE)?;
    Some(Path::new(db).metadata().ok()?.uid())
}

/// Makes the file so long, of blocks that nothing else gets, for its owner alone. Without it is an error, as is a file system
/// that cannot set blocks aside: zeros would only be compressed, or take long.
fn allocate(path: &Path, len: u64) -> io::Result<()> {
    let flags = OFlags::CREATE | OFlags::RDWR | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::open(path, flags, Mode::RUSR | Mode::WUSR)?);
    let found = file.metadata()?;
    if !may_be_ours(path, &found) || !holds_no_data(&file, found.len())? {
        const REASON: &str = "a file that is not Patron's, or a link, has its name and stays as it is; move it away";
        return Err(io::Error::new(ErrorKind::AlreadyExists, REASON));
    }
    let done = (|| {
        rustix::fs::fchmod(&file, Mode::RUSR | Mode::WUSR)?;
        // A command of the superuser leaves nothing that the server could not remove.
        if let Some(owner) = owner_beside(path).filter(|owner| *owner != found.uid()) {
            std::os::unix::fs::fchown(&file, Some(owner), None)?;
        }
        // The length last: an interrupted call must leave one that is still the reserve's.
        fallocate(&file, FallocateFlags::KEEP_SIZE, 0, len)?;
        file.set_len(len)
    })();
    if done.is_err() {
        // As it was.
        let _ = if found.len() == 0 { fs::remove_file(path) } else { file.set_len(found.len()) };
    }
    done
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn reserve() -> (tempfile::TempDir, PathBuf, Reserve) {
        let directory = tempfile::tempdir().unwrap();
        let db = directory.path().join("t.db");
        File::create(&db).unwrap();
        let reserve = Reserve::beside(&db);
        (directory, beside(&db, RESERVE), reserve)
    }

    #[test]
    fn is_set_aside_released_and_set_aside_again() {
        let (_directory, path, reserve) = reserve();
        reserve.keep();
        let found = path.metadata().unwrap();
        assert_eq!((found.len(), found.permissions().mode() & 0o777), (LEN, 0o600));
        assert!(found.blocks() * 512 >= LEN && !reserve.is_at_stake());
        let outer = reserve.freeing();
        drop(reserve.freeing());
        assert!(reserve.release() && reserve.release() && !path.exists() && reserve.is_at_stake());
        reserve.keep();
        assert!(!path.exists(), "while it is needed it stays away");
        drop(outer);
        assert!(path.metadata().unwrap().len() == LEN && !reserve.is_at_stake());
    }

    #[test]
    fn edits_wait_while_another_process_has_released_it() {
        let (_directory, path, reserve) = reserve();
        reserve.keep();
        reserve.note(true);
        assert!(!reserve.is_at_stake(), "edits find out that the disk is full");
        fs::remove_file(&path).unwrap();
        assert!(reserve.is_at_stake());
        reserve.note(false);
        assert!(reserve.is_at_stake(), "an edit that was under way changes nothing");
        reserve.state().missing_since = Instant::now().checked_sub(RELEASED_MAX);
        assert!(!reserve.is_at_stake(), "it was removed for good");
        reserve.keep();
        assert!(path.exists());
    }

    #[test]
    fn a_file_of_its_name_that_is_not_ours_stays_as_it_is() {
        let (directory, path, reserve) = reserve();
        let precious = directory.path().join("precious");
        fs::write(&precious, "precious").unwrap();
        symlink(&precious, &path).unwrap();
        reserve.keep();
        let _freeing = reserve.freeing();
        assert!(!reserve.release() && path.is_symlink());
        fs::remove_file(&path).unwrap();
        fs::hard_link(&precious, &path).unwrap();
        reserve.keep();
        assert!(!reserve.release() && path.exists());
        assert_eq!(fs::read(precious).unwrap(), b"precious");
        fs::remove_file(&path).unwrap();
        // A size of the reserve, and data only at the end.
        let mut bytes = vec![0; 1 << 20];
        *bytes.last_mut().unwrap() = 1;
        fs::write(&path, &bytes).unwrap();
        reserve.keep();
        assert!(!reserve.release() && fs::read(&path).unwrap() == bytes);
    }

    #[test]
    fn zeros_of_its_size_are_the_reserve_until_they_change() {
        let (_directory, path, reserve) = reserve();
        fs::write(&path, vec![0; 1 << 20]).unwrap();
        assert_eq!(reserve.found(), UNIT);
        File::options().write(true).open(&path).unwrap().write_at(b"x", 9).unwrap();
        assert_eq!(reserve.found(), 0);
    }
}
