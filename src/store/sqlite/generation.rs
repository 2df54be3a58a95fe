//! The generation of a database: a random number that each start of a server writes into it anew, and each backup and each restored
//! file gets for itself. By it a WAL is known to belong to the file beside it: SQLite applies whatever WAL it finds.
//!
//! It is in the one row of `pulse`, all but the lowest bit, which the health check turns. A start first puts the new generation into
//! the lock file, beside those that the file may still have, then commits it, and then checkpoints it into the file. So wherever a
//! kill or a power cut ends a start, the file has a generation that the lock file names. 0 is none, as of an older Patron.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use rusqlite::{Connection, ErrorCode, OptionalExtension};

use super::lock_file::{Note, ServerLock};
use super::open::{Unusable, immutable};
use super::paths::{Identity, beside};
use super::trouble;

/// Below this a number is none: what a Patron without generations left. Above it, SQLite stores each in eight bytes.
const LEAST: i64 = 1 << 62;

/// How often a generation is read that is not the expected one, as while a server writes it.
const TRIES: u32 = 5;

fn of_beat(beat: i64) -> i64 {
    if beat >= LEAST { beat & !1 } else { 0 }
}

/// The generation in a database, its WAL included.
fn find(connection: &Connection) -> rusqlite::Result<i64> {
    let beat = connection.query_row("SELECT beat FROM pulse", [], |row| row.get(0)).optional()?;
    Ok(beat.map_or(0, of_beat))
}

/// A new generation, by SQLite's own randomness.
fn random(connection: &Connection) -> rusqlite::Result<i64> {
    connection.query_row("SELECT ((random() & 0x1fffffffffffffff) | 0x2000000000000000) << 1", [], |row| row.get(0))
}

/// Gives a copy a generation of its own.
pub(super) fn renew_copy(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute("UPDATE pulse SET beat = ?1", [random(connection)?]).map(drop)
}

/// Gives a database that a server begins to serve its next generation. Where the disk takes nothing, it keeps the one before.
pub(super) fn begin(
    connection: &Connection,
    real: &Path,
    database: Identity,
    lock: &ServerLock,
) -> rusqlite::Result<()> {
    let (before, next) = (find(connection)?, random(connection)?);
    // Of a file that is all in its WAL so far, nothing can be read.
    let is_in_file = in_file(real).unwrap_or_default();
    let written = lock.change(|note| {
        let mut generations = vec![next, before, is_in_file];
        generations.dedup();
        *note = Note {
            generations,
            database: Some(database),
            doubt: note.doubt.take(),
            // Another database, as a backup put in the place of this one, has other revisions.
            newest: if note.generations.contains(&before) { note.newest } else { 0 },
            is_running: true,
            ..Note::default()
        };
    });
    if let Err(error) = written.and_then(|()| lock.sync()) {
        tracing::warn!(%error, "the lock file cannot be written: the database keeps its generation");
        return Ok(());
    }
    let begun = connection.execute("UPDATE pulse SET beat = ?1", [next]).and_then(|_| {
        // A row of three, of no interest: where a reader is in the way, a later checkpoint does it.
        connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))
    });
    match begun {
        Err(error) if trouble::is_passing(&error) => {
            tracing::warn!(%error, "the database keeps its generation");
            Ok(())
        }
        begun => begun,
    }
}

/// The generation in the file alone, without its WAL.
fn in_file(real: &Path) -> rusqlite::Result<i64> {
    let connection = immutable(real)?;
    find(&connection)
}

/// Whether the first bytes of a file were never written: it is empty, or a power cut has torn its first page.
fn is_torn(real: &Path) -> bool {
    let mut header = [0; 16];
    let read = File::open(real).and_then(|mut file| std::io::Read::read(&mut file, &mut header));
    read.is_ok() && header == [0; 16]
}

/// Whether a WAL is that of the database beside it, as far as the lock file tells.
pub(super) fn judge(path: &Path, real: &Path, database: Identity, note: &Note) -> Result<(), Unusable> {
    const HEADER: u64 = 32;
    let wal = beside(real, "-wal");
    if note.generations.is_empty() || wal.metadata().map_or(0, |wal| wal.len()) <= HEADER {
        return Ok(());
    }
    let mut note = note.clone();
    for last in (0..TRIES).map(|number| number + 1 == TRIES) {
        let is_another = match in_file(real) {
            Ok(found) => !note.generations.contains(&found),
            // A power cut in a checkpoint leaves pages that cannot be read, and the WAL has them.
            Err(error) if trouble::is_no_database(&error) => !is_torn(real),
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::Unknown) => {
                // It has no `pulse`: another program's, or ours in its first start.
                note.database != Some(database) && note.generations.len() == 1 && !is_torn(real)
            }
            Err(_) => false,
        };
        if !is_another {
            return Ok(());
        }
        if !last {
            std::thread::sleep(std::time::Duration::from_millis(10));
            // A server that starts writes both.
            note = Note::read(real);
        }
    }
    let wal = wal.display();
    Err(Unusable::because(
        path,
        &format!(
            "it is another file than the one that {wal} belongs to, which may hold acknowledged edits; nothing was changed. To \
             keep those edits, put the file back that was served here. To use the file that is here, set that WAL aside: `mv {wal} \
             {wal}.aside`"
        ),
    ))
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
