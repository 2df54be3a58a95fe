//! The lock file beside a database, `FILE.lock`. A server holds a lock on it, and another on the database itself: so a database has
//! one server, by whatever name it is opened, and also where its lock file was removed. The file stays when the process ends; the
//! locks do not.
//!
//! Its text is what a server leaves for the next process: which file was gone, which generations the database may have, what was in
//! doubt, and that it was running. A text that is missing or empty, as after a power cut, says nothing and stops nobody.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rustix::fs::OFlags;

use super::open::{Unusable, reason_of};
use super::paths::{Identity, LOCK_AGAIN, SUFFIXES, beside, identity_of, is_at, lock_if_free, put_aside, try_lock};

/// The longest text that is read.
const TEXT_MAX: u64 = 4096;
/// A text is filled up with empty lines to a multiple of this length.
const TEXT_UNIT: usize = 1024;
/// The most characters of a doubt.
const DOUBT_MAX: usize = 500;

/// The beginning of the line of an address.
const SERVED_AT: &str = "served at ";

/// Another server has the database.
const SERVED: &str = "another patron serves it; stop that one, or choose another file with --db";

/// What a server leaves in its lock file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Note {
    /// The file that was removed or replaced while it was open, by its suffix, and which one was open.
    pub(super) moved: Option<(&'static str, Identity)>,
    /// Generations, one of which the database has, the newest first; and the file that had them.
    pub(super) generations: Vec<i64>,
    pub(super) database: Option<Identity>,
    /// The WAL of that file, while its server has not ended in order.
    pub(super) wal: Option<Identity>,
    /// Why the content of the database was in doubt.
    pub(super) doubt: Option<String>,
    /// Where it was, the newest revision that the database must have.
    pub(super) newest: i64,
    /// Whether the server has not ended in order.
    pub(super) is_running: bool,
    /// The address at which the server is reached. It counts only while the lock is held.
    pub(super) address: Option<String>,
}

impl Note {
    /// Reads the note of a database. Without one, nothing is known.
    pub(super) fn read(real: &Path) -> Self {
        let opened = open(&beside(real, ".lock"), OpenOptions::new().read(true));
        opened.and_then(|mut file| text_of(&mut file)).map(|text| Self::parse(&text)).unwrap_or_default()
    }

    fn parse(text: &str) -> Self {
        let mut note = Self::default();
        for line in text.lines() {
            let mut words = line.split_whitespace();
            let Some(first) = words.next() else { continue };
            let mut identity = || Some((words.next()?.parse().ok()?, words.next()?.parse().ok()?));
            if let Some(suffix) = first.strip_prefix("database") {
                let suffix = SUFFIXES.into_iter().find(|each| *each == suffix);
                note.moved = suffix.zip(identity());
            } else if first == "generations" {
                note.database = identity();
                note.generations = words.map_while(|word| i64::from_str_radix(word, 16).ok()).collect();
            } else if first == "wal" {
                note.wal = identity();
            } else if first == "newest" {
                note.newest = words.next().and_then(|word| word.parse().ok()).unwrap_or_default();
            } else if first == "doubt" {
                note.doubt = line.split_once(' ').map(|(_, why)| why.to_owned());
            } else if let Some(address) = line.strip_prefix(SERVED_AT) {
                note.address = (!address.chars().any(char::is_control)).then(|| address.to_owned());
            } else if first == "running" {
                note.is_running = true;
            }
        }
        note
    }

    /// The line of a file that moved is first: so an older server finds it, too.
    fn text(&self) -> String {
        let mut text = String::new();
        if let Some((suffix, (device, inode))) = self.moved {
            text += &format!("database{suffix} {device} {inode}\n");
        }
        if let Some((device, inode)) = self.database {
            let generations: Vec<String> = self.generations.iter().map(|each| format!("{each:x}")).collect();
            text += &format!("generations {device} {inode} {}\n", generations.join(" "));
        }
        if let Some((device, inode)) = self.wal {
            text += &format!("wal {device} {inode}\n");
        }
        if self.is_running {
            text += "running\n";
        }
        if let Some(address) = &self.address {
            text += &format!("{SERVED_AT}{address}\n");
        }
        if let Some(why) = &self.doubt {
            let why: String = why.replace('\n', " ").chars().take(DOUBT_MAX).collect();
            text += &format!("newest {}\ndoubt {why}\n", self.newest);
        }
        // Of one length where it can be: a reader sees one text or the other.
        text += &"\n".repeat(text.len().next_multiple_of(TEXT_UNIT) - text.len());
        text
    }
}

/// Whether a text is one that a Patron left: of no other file anything is overwritten.
fn is_ours(text: &str) -> bool {
    let text = text.trim_matches(['\0', '\n']);
    text.is_empty()
        || ["database", "generations ", "wal ", "newest ", "doubt ", "running", SERVED_AT]
            .iter()
            .any(|word| text.starts_with(word))
}

fn text_of(file: &mut File) -> io::Result<String> {
    let mut bytes = Vec::new();
    file.take(TEXT_MAX).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The address in a lock file. It is whole where its line is.
pub(super) fn address_in(mut lock: File) -> Option<String> {
    let text = text_of(&mut lock).ok()?;
    Note::parse(&text[..=text.rfind('\n')?]).address
}

/// Opens a plain file with one name: not through a link, and without waiting at the other end of a FIFO.
fn open(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = options.custom_flags(flags.bits().cast_signed()).open(path)?;
    let found = file.metadata()?;
    if !found.is_file() || found.nlink() > 1 {
        return Err(ErrorKind::InvalidInput.into());
    }
    Ok(file)
}

/// Takes the lock on the lock file of a database, which may not be there yet.
pub(super) fn lock(path: &Path, real: &Path) -> Result<File, Unusable> {
    let lock_path = beside(real, ".lock");
    let refused = |reason: &str| Unusable::because(path, &format!("{}: {reason}", lock_path.display()));
    let opened = open(&lock_path, OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600));
    let mut file = opened.map_err(|error| match error.kind() {
        _ if lock_path.symlink_metadata().is_ok_and(|found| !found.is_file() || found.nlink() > 1) => {
            refused("it is no lock file of Patron's but a link, or no plain file; remove it, or move it away")
        }
        _ => refused(&reason_of(&error)),
    })?;
    let text = text_of(&mut file).map_err(|error| refused(&reason_of(&error)))?;
    if !is_ours(&text) {
        return Err(refused("it is no lock file of Patron's, and is not overwritten; move it away"));
    }
    match try_lock(&file) {
        // Removed by a process whose start failed, before it let go of the lock: the name is another file's now.
        Ok(()) if !is_at(&file, &lock_path) => lock(path, real),
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Unusable::because(path, SERVED)),
        Err(TryLockError::Error(error)) => Err(refused(&format!("it cannot be locked: {error}"))),
    }
}

/// Takes the lock on a database itself, which is open.
pub(super) fn lock_database(path: &Path, database: &File) -> Result<(), Unusable> {
    // Elsewhere than on Linux such a lock may be one with SQLite's own.
    match try_lock(database) {
        Err(TryLockError::WouldBlock) if cfg!(target_os = "linux") => Err(Unusable::because(path, SERVED)),
        _ => Ok(()),
    }
}

/// What a server holds for as long as it has the database.
pub(super) struct ServerLock {
    path: PathBuf,
    /// `None` on a file system that is read-only.
    file: Mutex<Option<File>>,
    note: Mutex<Note>,
}

impl ServerLock {
    /// Locks a database that is open: its file first, so that it has one server whatever its lock file is.
    pub(super) fn take(path: &Path, real: &Path, database: &File, is_read_only: bool) -> Result<Self, Unusable> {
        lock_database(path, database)?;
        let file = if is_read_only { None } else { Some(lock(path, real)?) };
        // The address is of the server before.
        let note = Note { address: None, ..Note::read(real) };
        Ok(Self { path: beside(real, ".lock"), file: Mutex::new(file), note: Mutex::new(note) })
    }

    /// Takes the lock for a moment in which a command notes what it begins; `None` where a server or another command has it, or
    /// where there can be no lock file.
    pub(super) fn take_for_a_moment(
        path: &Path,
        real: &Path,
        database: Identity,
    ) -> Option<(Self, Option<NewLockFile>)> {
        let lock_path = beside(real, ".lock");
        let is_new = lock_path.symlink_metadata().is_err();
        let file = match lock(path, real) {
            Ok(file) => file,
            Err(error) => {
                tracing::debug!(%error, "the command notes nothing in the lock file");
                return None;
            }
        };
        let new = is_new.then(|| NewLockFile { lock_path: lock_path.clone(), wal: beside(real, "-wal") });
        // A command of the superuser leaves nothing that the server could not lock.
        if let (true, Ok(found), Ok(own)) = (is_new, real.metadata(), file.metadata())
            && identity_of(&found) == database
            && found.uid() != own.uid()
        {
            let _ = std::os::unix::fs::fchown(&file, Some(found.uid()), Some(found.gid()));
        }
        let note = Mutex::new(Note { address: None, ..Note::read(real) });
        Some((Self { path: lock_path, file: Mutex::new(Some(file)), note }, new))
    }

    /// The note as it is.
    pub(super) fn note(&self) -> Note {
        self.note.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Changes the note, where it is not so already.
    pub(super) fn change(&self, change: impl FnOnce(&mut Note)) -> io::Result<()> {
        let mut note = self.note.lock().unwrap_or_else(PoisonError::into_inner);
        let mut changed = note.clone();
        change(&mut changed);
        if changed != *note {
            let file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(file) = file.as_ref() {
                write(file, &changed)?;
            }
            *note = changed;
        }
        Ok(())
    }

    /// The note is on the disk.
    pub(super) fn sync(&self) -> io::Result<()> {
        let file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.as_ref().map_or(Ok(()), File::sync_all)
    }

    /// Creates the lock file again where it was removed: commands look there whether the database is served.
    pub(super) fn restore_file(&self) {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        if file.is_none() || self.path.symlink_metadata().is_ok() {
            return;
        }
        let mut options = OpenOptions::new();
        let created = open(&self.path, options.read(true).write(true).create_new(true).mode(0o600));
        let created = created.and_then(|created| {
            created.try_lock()?;
            write(&created, &self.note())?;
            Ok(created)
        });
        match created {
            Ok(created) => {
                tracing::warn!(file = %self.path.display(), "the lock file was removed while the server runs, and is created again");
                *file = Some(created);
            }
            Err(error) => tracing::debug!(%error, "the lock file was removed, and cannot be created again"),
        }
    }
}

/// A lock file that a command has created. It goes with the WAL of the command: without one, its note says nothing.
pub(super) struct NewLockFile {
    lock_path: PathBuf,
    wal: PathBuf,
}

impl Drop for NewLockFile {
    fn drop(&mut self) {
        // Held until its name is gone, as by `NewFiles`.
        let lock = lock_if_free(&self.lock_path);
        if lock.is_some() && self.wal.metadata().map_or(0, |wal| wal.len()) == 0 {
            let _ = std::fs::remove_file(&self.lock_path);
        }
    }
}

fn write(file: &File, note: &Note) -> io::Result<()> {
    let text = note.text();
    file.write_all_at(text.as_bytes(), 0)?;
    file.set_len(text.len() as u64)
}

/// Refuses what is no plain file, where a file of a database should be; and to write where a file has several names: each name
/// would get a WAL of its own, and lose the edits in the other.
pub(super) fn judge_kinds(path: &Path, real: &Path, writes: bool) -> Result<(), Unusable> {
    for suffix in ["", "-wal", "-shm", "-journal", ".lock"] {
        let file = beside(real, suffix);
        let Ok(found) = file.symlink_metadata() else { continue };
        let shown = file.display();
        if found.is_dir() && suffix.is_empty() {
            return Err(Unusable::because(path, "it is a directory; give a file with --db"));
        } else if !found.is_file() {
            let reason = format!("{shown} is a link, a directory or a device, and no file of a database; move it away");
            return Err(Unusable::because(path, &reason));
        } else if writes && found.nlink() > 1 && !is_half_restored(real, suffix, identity_of(&found)) {
            let reason = format!(
                "{shown} has {} names (hard links), by each of which it would get a WAL of its own and lose edits; remove the \
                 other names, or use a copy: `cp {shown} COPY`",
                found.nlink()
            );
            return Err(Unusable::because(path, &reason));
        }
    }
    Ok(())
}

/// Whether the other name of a database is one that an interrupted restore gave it.
fn is_half_restored(real: &Path, suffix: &str, identity: Identity) -> bool {
    suffix.is_empty()
        && put_aside(real).iter().any(|aside| {
            aside.symlink_metadata().is_ok_and(|found| identity_of(&found) == identity && found.nlink() == 2)
        })
}

/// Returns whether another process serves the file.
pub(super) fn is_served(path: &Path) -> bool {
    held_lock(path).is_some()
}

/// Returns the address at which another process serves the file, once that process has written it.
pub(super) fn served_at(path: &Path) -> Option<String> {
    address_in(held_lock(path)?)
}

/// The lock file, where another process holds the lock.
fn held_lock(path: &Path) -> Option<File> {
    let real = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
    let lock = OpenOptions::new().read(true).custom_flags(flags).open(beside(&real, ".lock")).ok()?;
    matches!(lock.try_lock_shared(), Err(TryLockError::WouldBlock)).then_some(lock)
}

/// Returns whether another process serves the file, for a command that cannot run while a server does. A killed process holds its
/// locks until it is gone: waits for that.
pub(super) fn is_still_served(path: &Path) -> bool {
    const TRIES: u32 = 100;
    (0..TRIES).all(|_| {
        let is_served = is_served(path);
        if is_served {
            std::thread::sleep(LOCK_AGAIN);
        }
        is_served
    })
}

#[cfg(test)]
mod tests {
    use super::super::open::Use;
    use super::super::preparation::prepare;
    use super::*;

    #[test]
    fn a_note_is_read_as_it_was_written() {
        let note = Note {
            moved: Some(("-wal", (1, 2))),
            generations: vec![0x7fff_ffff_ffff_fffe, 0x4000_0000_0000_0000],
            database: Some((3, 4)),
            wal: Some((5, 6)),
            doubt: Some("two words".into()),
            newest: 7,
            is_running: true,
            address: Some("http://127.0.0.1:8080".into()),
        };
        assert_eq!(Note::parse(&note.text()), note);
        assert!(is_ours(&note.text()) && is_ours("") && is_ours("\0\0\0") && !is_ours("precious"));
        assert_eq!(Note::parse("database-wal 5 6\n").moved, Some(("-wal", (5, 6))), "of an older server");
        assert_eq!(Note::parse("generations 1 x\nnothing\n\0\0"), Note::default());
    }

    #[test]
    fn a_look_says_whether_a_file_is_served_and_blocks_no_server() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("t.db");
        assert!(!is_served(&path), "there is no such file");
        let lock = prepare(&path, Use::Serve).unwrap();
        assert!(lock.server.is_some() && is_served(&path));
        assert!(prepare(&path, Use::Serve).err().unwrap().to_string().contains("another patron serves it"));
        drop(lock);
        assert!(!is_served(&path));
        // A look that is under way is over before a server gives up.
        let looking = File::open(beside(&path, ".lock")).unwrap();
        looking.try_lock_shared().unwrap();
        let starting =
            std::thread::spawn(move || prepare(&path, Use::Serve).map(|prepared| prepared.server.is_some()).ok());
        std::thread::sleep(LOCK_AGAIN);
        drop(looking);
        assert_eq!(starting.join().unwrap(), Some(true));
    }
}
