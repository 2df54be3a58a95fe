//! The generation of a database: a random number that each start of a server writes into it anew, and each backup and each restored
//! file gets for itself. By it a WAL is known to belong to the file beside it: SQLite applies whatever WAL it finds.
//!
//! It is in the one row of `pulse`. A start first puts the new generation into the lock file, beside those that the file may still
//! have, then commits it, and then checkpoints it into the file. So wherever a kill or a power cut ends a start, the file has a
//! generation that the lock file names. 0 is none, as of an older Patron.
//!
//! An older copy of the same file has the same generation. So the lower half of the number counts: the first commit after each
//! checkpoint adds one. SQLite begins the WAL again once all of it is in the file, so the file then has the count that comes before
//! the first one in the new WAL, or a later one. A file with a lower count lacks pages that were checkpointed and that the WAL does not
//! have. No kill and no power cut leads there: SQLite syncs the file before it begins the WAL again. Copies from while a checkpoint
//! runs are not recognised by the count. The lowest bit is the health check's, which turns it.

use std::collections::BTreeSet;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use rusqlite::{Connection, ErrorCode, OptionalExtension};

use super::lock_file::{Note, ServerLock};
use super::open::{Unusable, immutable};
use super::paths::{Identity, beside, identity};
use super::trouble;

/// Below this a number is none: what a Patron without generations left. Above it, SQLite stores each in eight bytes.
const LEAST: i64 = 1 << 62;
/// The bits of the count and of the health check.
const COUNT: i64 = 0xffff_ffff;
/// The most frames of a WAL in which its first count is looked for. It is in one of the first commits.
const FRAMES_MAX: u64 = 100_000;

/// The most generations that a note names.
const GENERATIONS_MAX: usize = 16;

/// How often a generation is read that is not the expected one, as while a server writes it.
const TRIES: u32 = 5;

fn of_beat(beat: i64) -> i64 {
    if beat >= LEAST { beat & !COUNT } else { 0 }
}

/// Returns whether a file with the first number is from before the WAL whose first number is the second; `None` where they cannot
/// be compared.
fn is_before(in_file: i64, in_wal: i64) -> Option<bool> {
    let count = |beat: i64| (beat & COUNT) >> 1;
    let is_same = of_beat(in_wal) != 0 && of_beat(in_file) == of_beat(in_wal);
    is_same.then(|| count(in_file) + 1 < count(in_wal))
}

fn find_beat(connection: &Connection) -> rusqlite::Result<i64> {
    let beat = connection.query_row("SELECT beat FROM pulse", [], |row| row.get(0)).optional()?;
    Ok(beat.unwrap_or_default())
}

/// The generation in a database, its WAL included.
fn find(connection: &Connection) -> rusqlite::Result<i64> {
    find_beat(connection).map(of_beat)
}

/// A new generation, by SQLite's own randomness.
fn random(connection: &Connection) -> rusqlite::Result<i64> {
    connection.query_row("SELECT ((random() & 0x3fffffff) | 0x40000000) << 32", [], |row| row.get(0))
}

/// Counts on, within a transaction. At its end the count stays.
pub(super) fn count(connection: &Connection) -> rusqlite::Result<()> {
    const SQL: &str = "UPDATE pulse SET beat = beat + 2 WHERE beat >= 1 << 62 AND beat & 0xfffffffe < 0xfffffffe";
    connection.prepare_cached(SQL)?.execute([]).map(drop)
}

/// Gives a copy a generation of its own.
pub(super) fn renew_copy(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute("UPDATE pulse SET beat = ?1", [random(connection)?]).map(drop)
}

/// Gives a database that a server begins to serve, or that a command begins to write where no server does, its next generation.
/// Where the disk takes nothing, it keeps the one before.
pub(super) fn begin(
    connection: &Connection,
    real: &Path,
    database: Identity,
    lock: &ServerLock,
    is_server: bool,
) -> rusqlite::Result<()> {
    let (before, next) = (find(connection)?, random(connection)?);
    // Of a file that is all in its WAL so far, nothing can be read.
    let is_in_file = in_file(real).unwrap_or_default();
    let written = lock.change(|note| {
        // Another command may just write the file.
        let mut generations = vec![next, before, is_in_file];
        generations.extend(note.generations.iter().filter(|_| !is_server));
        let mut seen = BTreeSet::new();
        generations.retain(|each| seen.insert(*each));
        generations.truncate(GENERATIONS_MAX);
        *note = Note {
            generations,
            database: Some(database),
            wal: identity(&beside(real, "-wal")).ok(),
            doubt: note.doubt.take(),
            // Another database, as a backup put in the place of this one, has other revisions.
            newest: if note.generations.contains(&before) { note.newest } else { 0 },
            is_running: is_server || note.is_running,
            ..Note::default()
        };
    });
    if let Err(error) = written.and_then(|()| lock.sync()) {
        tracing::warn!(%error, "the lock file cannot be written: the database keeps its generation");
        return Ok(());
    }
    let begun = connection.execute("UPDATE pulse SET beat = ?1", [next]).and_then(|_| {
        // A row of three: whether it was blocked, the pages in the WAL, the pages written back. Where a reader is in the way, a later
        // checkpoint does it.
        connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| {
            Ok(!row.get(0)? && row.get::<_, i64>(1)? == row.get::<_, i64>(2)?)
        })
    });
    match begun {
        // SQLite has synced the file, as after each checkpoint of all that there is.
        Ok(true) => {
            if let Err(error) = lock.change(|note| note.generations.truncate(1)) {
                tracing::debug!(%error, "the lock file names earlier generations, too");
            }
            Ok(())
        }
        Ok(false) => Ok(()),
        Err(error) if trouble::is_passing(&error) => {
            tracing::warn!(%error, "the database keeps its generation");
            Ok(())
        }
        Err(error) => Err(error),
    }
}

/// The generation in the file alone, without its WAL.
fn in_file(real: &Path) -> rusqlite::Result<i64> {
    let connection = immutable(real)?;
    find(&connection)
}

/// Returns whether the first bytes of a file were never written: it is empty, or a power cut has torn its first page.
fn is_torn(real: &Path) -> bool {
    let mut header = [0; 16];
    let read = File::open(real).and_then(|mut file| std::io::Read::read(&mut file, &mut header));
    read.is_ok() && header == [0; 16]
}

/// The reason why a file is not the one that a WAL belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stranger {
    /// It has another generation.
    Another,
    /// It is not the file that was served, while the WAL is, and their counts say nothing.
    Copy,
    /// It lacks checkpoints.
    Older,
}

/// Returns whether a WAL is that of the database beside it, as far as the lock file and the two tell.
pub(super) fn judge(path: &Path, real: &Path, database: Identity, note: &Note) -> Result<(), Unusable> {
    const HEADER: u64 = 32;
    let wal = beside(real, "-wal");
    if wal.metadata().map_or(0, |wal| wal.len()) <= HEADER {
        return Ok(());
    }
    let mut note = note.clone();
    let mut tries = 1..TRIES;
    let found = loop {
        let Some(found) = find_stranger(real, &wal, database, &note) else { return Ok(()) };
        if tries.next().is_none() {
            break found;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
        // A server that starts writes both.
        note = Note::read(real);
    };
    let (wal, lock) = (wal.display(), beside(real, ".lock"));
    let what = match found {
        Stranger::Another => format!("it is another file than the one that {wal} belongs to"),
        Stranger::Copy => format!("it is a copy of the file that {wal} belongs to, and not that file"),
        Stranger::Older => format!("it is an older copy of the file that {wal} belongs to"),
    };
    let mut reason = format!(
        "{what}; the WAL may hold acknowledged edits; nothing was changed. To keep those edits, put the file back that was served here. \
         To use the file that is here, set that WAL aside: `mv {wal} {wal}.aside`"
    );
    if found == Stranger::Copy {
        reason += &format!(". If it was copied after its server had ended, remove {} instead", lock.display());
    }
    Err(Unusable::because(path, &reason))
}

fn find_stranger(real: &Path, wal: &Path, database: Identity, note: &Note) -> Option<Stranger> {
    let is_another = !note.generations.is_empty()
        && match in_file(real) {
            Ok(found) => !note.generations.contains(&found),
            // A power cut in a checkpoint leaves pages that cannot be read, and the WAL has them.
            Err(error) if trouble::is_no_database(&error) => !is_torn(real),
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::Unknown) => {
                // It has no `pulse`: another program's, or ours in its first start.
                note.database != Some(database) && note.generations.len() == 1 && !is_torn(real)
            }
            Err(_) => false,
        };
    let is_copy = || {
        note.database.is_some_and(|served| served != database)
            && note.wal.is_some_and(|written| identity(wal).ok() == Some(written))
            && has_lasting_inodes(real)
    };
    if is_another {
        return Some(Stranger::Another);
    }
    match lacks_checkpoints(real, wal) {
        Ok(Some(true)) => Some(Stranger::Older),
        Ok(Some(false)) => None,
        _ => is_copy().then_some(Stranger::Copy),
    }
}

/// Returns whether a file is from before its WAL was begun again; `None` where the two do not tell.
fn lacks_checkpoints(real: &Path, wal: &Path) -> rusqlite::Result<Option<bool>> {
    let connection = immutable(real)?;
    let sql = "SELECT rootpage, page_size FROM sqlite_schema, pragma_page_size WHERE name = 'pulse'";
    let (page, size): (u32, u64) = connection.query_row(sql, [], |row| row.try_into())?;
    let bytes: Vec<u8> =
        connection.query_row("SELECT data FROM sqlite_dbpage WHERE pgno = ?1", [page], |row| row.get(0))?;
    let beat = find_beat(&connection)?.to_be_bytes();
    let Some(at) = bytes.windows(beat.len()).position(|window| window == beat) else { return Ok(None) };
    // First the WAL, then the file: a server may checkpoint between the two.
    let Some(first) = first_in_wal(wal, page, size, at as u64) else { return Ok(None) };
    Ok(is_before(find_beat(&immutable(real)?)?, first))
}

/// Finds the first eight bytes that a WAL has for a place in a page, by <https://www.sqlite.org/walformat.html>. What was left of
/// the WAL before has another salt.
fn first_in_wal(wal: &Path, page: u32, size: u64, at: u64) -> Option<i64> {
    let wal = File::open(wal).ok()?;
    let mut header = [0; 32];
    wal.read_exact_at(&mut header, 0).ok()?;
    if u64::from(u32::from_be_bytes(header[8..12].try_into().ok()?)) != size {
        return None;
    }
    let mut frame = [0; 24];
    for number in 0..FRAMES_MAX {
        let start = 32 + number * (24 + size);
        wal.read_exact_at(&mut frame, start).ok()?;
        if frame[8..16] != header[16..24] {
            return None;
        }
        if frame[..4] == page.to_be_bytes() {
            let mut beat = [0; 8];
            wal.read_exact_at(&mut beat, start + 24 + at).ok()?;
            return Some(i64::from_be_bytes(beat));
        }
    }
    None
}

/// Returns whether a file keeps its inode number for as long as it exists. Some file systems give numbers to what they have in
/// memory.
#[cfg(target_os = "linux")]
fn has_lasting_inodes(real: &Path) -> bool {
    // FUSE, FAT, exFAT, 9P, CIFS and SMB, by statfs(2).
    const WITHOUT: [u32; 6] = [0x6573_5546, 0x4d44, 0x2011_bab0, 0x0102_1997, 0xff53_4d42, 0xfe53_4d42];
    // The field is of another width elsewhere; the numbers have 32 bits.
    rustix::fs::statfs(real).is_ok_and(|found| !WITHOUT.contains(&(found.f_type as u32)))
}

#[cfg(not(target_os = "linux"))]
fn has_lasting_inodes(_: &Path) -> bool {
    true
}

/// Where a database file has its generation: the page of `pulse` does not move.
pub(super) struct Place(u64);

impl Place {
    /// Finds it in a file; `None` where the file does not have one of these yet.
    pub(super) fn find(connection: &Connection, database: &File, generations: &[i64]) -> Option<Self> {
        let sql = "SELECT rootpage, page_size FROM sqlite_schema, pragma_page_size WHERE name = 'pulse'";
        let (page, size): (u64, u64) = connection.query_row(sql, [], |row| row.try_into()).ok()?;
        let start = page.checked_sub(1)?.checked_mul(size)?;
        let mut bytes = vec![0; usize::try_from(size).ok()?];
        database.read_exact_at(&mut bytes, start).ok()?;
        let is_here = |window: &[u8]| {
            let beat = i64::from_be_bytes(window.try_into().unwrap_or_default());
            beat >= LEAST && generations.contains(&of_beat(beat))
        };
        let at = bytes.windows(8).position(is_here)?;
        Some(Self(start + at as u64))
    }

    /// The generation that is there; `None` where the file ends before it.
    pub(super) fn read(&self, database: &File) -> Option<i64> {
        let mut bytes = [0; 8];
        database.read_exact_at(&mut bytes, self.0).ok()?;
        Some(of_beat(i64::from_be_bytes(bytes)))
    }
}
