//! The file of erasures beside the backups: whoever restores a backup from before an erasure must do it again. A line each, with
//! nothing of a customer's but the id. The table of erasures is what holds; this is what outlives the database.

use std::collections::BTreeSet;
use std::fs::{File, Metadata, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use rustix::fs::OFlags;

use super::paths::{sync_directory, try_lock};
use crate::domain::{Actor, CustomerId, Erasure, Mode, StaffId};

/// For whoever finds the file.
const HEAD: &str = "# Customers who were erased: when, mode, id, and by whom. `patron restore` erases them again: keep this file with \
    the backups.\n";

/// Where it is in a directory of backups: by the name of the database, as those are.
pub(super) fn place(folder: &Path, stem: &str) -> PathBuf {
    folder.join(format!("{stem}-erasures.txt"))
}

/// Sees to it that these stand in the file, on the disk. Makes the file where there is none, even for none: whoever can do that
/// can add to it.
pub(super) fn keep(path: &Path, erasures: &[Erasure]) -> io::Result<()> {
    let mut file = open_to_write(path)?;
    lock(&file)?;
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    // What was cut short by a power cut was never acknowledged.
    let whole = text.rfind('\n').map_or(0, |end| end + 1);
    // The head may be all that was cut short.
    if !is_ours(&text[..whole]) || whole == 0 && !HEAD.starts_with(&text) {
        return Err(io::Error::other("it is not a file of erasures, and is left as it is; move it away"));
    }
    let there: BTreeSet<&str> = text[..whole].lines().filter_map(|line| line.split(' ').nth(2)).collect();
    let missing = erasures.iter().filter(|erasure| !there.contains(erasure.customer.as_str()));
    let lines: String = missing.map(line).collect();
    if lines.is_empty() && whole == text.len() && whole > 0 {
        return file.sync_all();
    }
    file.set_len(whole as u64)?;
    file.seek(SeekFrom::Start(whole as u64))?;
    file.write_all(format!("{}{lines}", if whole == 0 { HEAD } else { "" }).as_bytes())?;
    file.sync_all()?;
    sync_directory(path)
}

/// What stands in the file; nothing where there is none. The error is one sentence.
pub(super) fn read(path: &Path) -> Result<Vec<Erasure>, String> {
    let mut text = String::new();
    match open_to_read(path).and_then(|mut file| file.read_to_string(&mut text)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(format!("{} cannot be read: {error}", path.display())),
        Ok(_) => {}
    }
    let whole = text.rfind('\n').map_or(0, |end| end + 1);
    let lines = text[..whole].lines().zip(1..).filter(|(line, _)| !line.starts_with('#') && !line.is_empty());
    let unreadable = |number| {
        format!(
            "line {number} of {} is no erasure; mend a copy of that file, and name it with --erasures",
            path.display()
        )
    };
    lines.map(|(line, number): (_, u64)| parse(line).ok_or_else(|| unreadable(number))).collect()
}

/// Opens the file, and creates it where there is none. Nothing is written through a link, into a file that has another name, or into
/// what is not a plain file: the file that is changed would be another one.
fn open_to_write(path: &Path) -> io::Result<File> {
    let refused = || io::Error::other("it is not a plain file with one name (no link); move it away");
    let is_right = |found: &Metadata| found.is_file() && found.nlink() == 1;
    // A device does something when it is opened.
    match path.symlink_metadata() {
        Ok(found) if !is_right(&found) => return Err(refused()),
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600).custom_flags(flags);
    let file = options.open(path)?;
    if is_right(&file.metadata()?) { Ok(file) } else { Err(refused()) }
}

/// Opens the file to read it, also by a link.
fn open_to_read(path: &Path) -> io::Result<File> {
    let refused = || io::Error::other("it is not a plain file; move it away");
    if !path.metadata()?.is_file() {
        return Err(refused());
    }
    let file = OpenOptions::new().read(true).custom_flags(OFlags::NONBLOCK.bits().cast_signed()).open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(refused()) }
}

/// Takes the lock for a change: a server and a command may change the file at the same time. Waits some five seconds.
fn lock(file: &File) -> io::Result<()> {
    const TRIES: u32 = 25;
    for _ in 0..TRIES {
        match try_lock(file) {
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => {
                // Some network file systems have no such locks.
                tracing::debug!(%error, "the file of erasures is not locked");
                return Ok(());
            }
            Ok(()) => return Ok(()),
        }
    }
    Err(io::Error::new(ErrorKind::ResourceBusy, "another program keeps it locked; try again when that is done"))
}

/// Returns whether whole lines are those of a file of erasures: nothing of another file is cut off or added to.
fn is_ours(text: &str) -> bool {
    text.lines().all(|line| line.is_empty() || line.starts_with('#') || parse(line).is_some())
}

fn line(erasure: &Erasure) -> String {
    let at = UNIX_EPOCH + Duration::from_secs(u64::try_from(erasure.at).unwrap_or_default());
    let (door, who) = match &erasure.actor {
        Actor::Staff { id, .. } => ("staff", id.as_str()),
        Actor::Key { id, .. } => ("key", id.as_str()),
        Actor::Command { .. } => ("command", "-"),
    };
    let (mode, id) = (erasure.mode.as_str(), erasure.customer.as_str());
    format!("{} {mode} {id} {door} {who}\n", humantime::format_rfc3339_seconds(at))
}

/// What people are called is not in the file: a person is shown by their id, unless the database knows better.
fn parse(line: &str) -> Option<Erasure> {
    let mut words = line.split(' ');
    let (at, mode, id, door, who) = (words.next()?, words.next()?, words.next()?, words.next()?, words.next()?);
    let at = humantime::parse_rfc3339(at).ok()?.duration_since(UNIX_EPOCH).ok()?.as_secs();
    Some(Erasure {
        customer: CustomerId::parse(id).ok()?,
        mode: [Mode::Test, Mode::Live].into_iter().find(|each| each.as_str() == mode)?,
        at: i64::try_from(at).ok()?,
        actor: match door {
            "staff" => Actor::Staff { id: StaffId::stored(who.to_owned()), email: who.to_owned() },
            _ => Actor::Command { name: "customer erase".to_owned() },
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn erasure(digit: u8) -> Erasure {
        Erasure {
            customer: CustomerId::new(0, [1, 2, 3, digit]),
            mode: Mode::Live,
            at: 1_582_033_731,
            actor: Actor::Staff { id: StaffId::stored("staff_1".into()), email: "staff_1".into() },
        }
    }

    #[test]
    fn what_is_kept_comes_back_once_each_and_a_torn_line_is_mended() {
        let directory = tempfile::tempdir().unwrap();
        let path = place(directory.path(), "patron");
        assert_eq!(read(&path), Ok(Vec::new()));
        keep(&path, &[erasure(4)]).unwrap();
        let first = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, format!("{first}2020-02-18T13:48:51Z live cust_half")).unwrap();
        assert_eq!(read(&path), Ok(vec![erasure(4)]), "what is cut short is none");
        keep(&path, &[erasure(4), erasure(5)]).unwrap();
        assert_eq!(read(&path), Ok(vec![erasure(4), erasure(5)]));
        let second = std::fs::read_to_string(&path).unwrap();
        assert!(second.starts_with(&first) && second.lines().count() == 3, "{second}");
        let theirs = "2020-02-18T13:48:51Z live nobody staff staff_1\nand more";
        std::fs::write(&path, theirs).unwrap();
        assert!(keep(&path, &[erasure(4)]).unwrap_err().to_string().contains("is not a file of erasures"));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), theirs);
        assert!(read(&path).unwrap_err().starts_with("line 1 of "));
    }
}
