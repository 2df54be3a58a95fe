//! Putting a backup in the place of the database: verified first, as a copy of which every byte was read again, and with the
//! file before kept aside. Whenever this is interrupted, the database is either the one before or the restored one, whole.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::backup::{self, Halted, Stop};
use super::lock_file::{self, Note};
use super::open::Unusable;
use super::partial::{Partial, is_of};
use super::paths::{self, ASIDE, COMPANIONS, beside, directory_of, identity_of};
use super::{copies, erased_file, erasures, folder, generation, imports, open, schema, sweep};
use crate::domain::{Copying, Erasure, NotCopied, Restored};

/// Returns whether a file is a plain copy of a database, which lacks what was only in the WAL: its header says that it has one. That
/// of a backup does not.
pub fn is_plain_copy(from: &Path) -> bool {
    let mut header = [0; 20];
    let read = fs::File::open(from).and_then(|mut file| file.read_exact(&mut header));
    read.is_ok() && header[18..] == [2, 2]
}

/// Puts a backup in the place of a database that nobody serves. The file before is kept beside it, under a name with
/// this time. Whoever was erased since the backup was made is erased again: by what the database before knows, the file beside
/// the backup, and the one that is named.
pub fn restore(
    from: &Path,
    db: &Path,
    at: i64,
    erased: Option<&Path>,
    progress: impl Fn(Copying),
) -> Result<Restored, NotCopied> {
    let cannot = |reason: &str| NotCopied::Because(format!("cannot restore {}: {reason}", from.display()));
    if !from.is_file() {
        return Err(cannot("there is no such file"));
    }
    let into = |error: io::Error| {
        NotCopied::Because(format!("cannot restore into {}: {}", db.display(), backup::reason_of(&error, db)))
    };
    let real = paths::real(db).map_err(into)?;
    if is_of(from, &real) {
        return Err(cannot("it is the database itself"));
    }
    if real.is_dir() {
        return Err(NotCopied::Because(format!("cannot restore into {}: it is a directory", db.display())));
    }
    let unusable = |unusable: Unusable| NotCopied::Because(unusable.to_string());
    // Before anything is opened: to open a FIFO would wait for its other end. A second name of the target is no obstacle.
    lock_file::judge_kinds(db, &real, false).map_err(unusable)?;
    let source = from.canonicalize().map_err(|error| cannot(&error.to_string()))?;
    if let Some(companion) = open::foreign_companion(&source) {
        let companion = companion.display();
        return Err(cannot(&format!(
            "{companion} is a link, a directory or a device, and not a file of a database; move it away"
        )));
    }
    let lock = lock_file::lock(db, &real).map_err(unusable)?;
    // Kept open: closing it would drop the locks that SQLite takes below.
    let database = File::open(&real).ok();
    if let Some(database) = &database {
        lock_file::lock_database(db, database).map_err(unusable)?;
    }

    let erased = erasures_since(from, &real, erased).map_err(|reason| cannot(&reason))?;
    let partial = Partial::beside(&real).map_err(into)?;
    let source = open::look(from).map_err(|error| Halted::from(error).because(&cannot))?;
    backup::copy(&source, &partial, 0, &Stop::default(), &progress).map_err(|halted| halted.because(&cannot))?;
    let (again, imports) = bring_up(&partial, from, &erased).map_err(|reason| cannot(&reason))?;
    let copied = backup::verify(&partial, &Stop::default(), &progress).map_err(|halted| halted.because(&cannot))?;

    let aside = copies::free_place(&real, ASIDE, at);
    let kept = real.exists().then_some(&aside);
    if let Some(kept) = kept {
        if let Err(error) = partial.give_to_owner_of(&real) {
            tracing::warn!(%error, "the restored database does not belong to the owner of the one before");
        }
        let refused = |reason| NotCopied::Because(format!("cannot restore into {}: {reason}", db.display()));
        if has_its_wal(db, &real) {
            settle(&real).map_err(refused)?;
        } else {
            keep_strange_wal(&real, kept).map_err(into)?;
        }
        keep(&real, kept).map_err(into)?;
    } else {
        keep_log(&real, &aside).map_err(into)?;
    }
    partial.replace().map_err(into)?;
    // Whatever was served here before, it is not what is here now.
    lock.set_len(0).map_err(into)?;
    drop((lock, database));
    Ok(Restored { copied, aside: kept.cloned(), erasures: (erased.len() as u64, again), imports })
}

/// Every erasure that is known of, once.
fn erasures_since(from: &Path, real: &Path, named: Option<&Path>) -> Result<Vec<Erasure>, String> {
    // What is there may be the very thing that broke, or of an older patron.
    let before =
        if real.exists() { open::reader(real).and_then(|before| erasures::list(&before)) } else { Ok(Vec::new()) };
    let mut all = before.unwrap_or_default();
    let stem = folder::stem_of(from).or_else(|| real.file_stem()?.to_str()).unwrap_or_default();
    if let Some(named) = named.filter(|named| !named.is_file()) {
        return Err(format!("there is no file {}", named.display()));
    }
    let files = match named {
        Some(named) => named.to_owned(),
        None => erased_file::place(directory_of(from), stem),
    };
    all.extend(erased_file::read(&files)?);
    let mut seen = BTreeSet::new();
    all.retain(|erasure| seen.insert(erasure.customer.as_str().to_owned()));
    Ok(all)
}

/// A backup of an older patron gets today's schema before it is verified, and no backup brings back who is erased. Gives how
/// many it would have, and what of imports went.
fn bring_up(partial: &Partial, from: &Path, erased: &[Erasure]) -> Result<(u64, (u64, u64)), String> {
    let mut connection = open::copy(partial.path()).map_err(|error| error.to_string())?;
    schema::bring_copy_up(&mut connection, from)?;
    let (mut again, mut is_from_before) = (0, false);
    // Together: one commit.
    let transaction = connection.transaction().map_err(|error| error.to_string())?;
    for erasure in erased {
        let erased = erasures::replay(&transaction, erasure);
        let erased = erased.map_err(|error| format!("{}: {error:?}", erasure.customer.as_str()))?;
        again += u64::from(erased == Some(true));
        is_from_before |= erased.is_some();
    }
    transaction.commit().map_err(|error| error.to_string())?;
    // Whose row waits in an import may be no customer in the backup yet, and then nothing tells which row is theirs.
    let let_go = if is_from_before { imports::let_go(&connection) } else { Ok((0, 0)) };
    let imports = let_go.map_err(|error| error.to_string())?;
    sweep::copy(&connection).map_err(|error| error.to_string())?;
    generation::renew_copy(&connection).map_err(|error| error.to_string())?;
    connection.close().map_err(|(_, error)| error.to_string())?;
    partial.sync().map_err(|error| error.to_string())?;
    Ok((again, imports))
}

/// Writes the log of the old database back into it, so that no log is left that the restored one would take for its own.
/// Where it is too damaged for that, or no database at all, it is kept with what SQLite leaves of its log.
fn settle(real: &Path) -> Result<(), &'static str> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let settled = Connection::open_with_flags(real, flags).and_then(|connection| {
        connection.busy_timeout(Duration::from_secs(2))?;
        open::settle(&connection)
    });
    match settled.map_err(|error| error.sqlite_error_code()) {
        Err(Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)) => {
            Err("another program has it open; stop that one first")
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Whether the WAL beside a database is its own.
fn has_its_wal(db: &Path, real: &Path) -> bool {
    let database = real.metadata().map(|found| identity_of(&found));
    database.is_ok_and(|database| generation::judge(db, real, database, &Note::read(real)).is_ok())
}

/// Keeps a WAL that is another file's, under a name by which SQLite does not find it beside this one.
fn keep_strange_wal(real: &Path, kept: &Path) -> io::Result<()> {
    fs::rename(beside(real, "-wal"), beside(kept, "-wal.aside"))
}

/// Gives the old database its other name. Its log goes first: the database must never stand beside a log that is not its own.
fn keep(real: &Path, kept: &Path) -> io::Result<()> {
    if kept.symlink_metadata().is_ok() {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    keep_log(real, kept)?;
    // Two names for a moment, so that there is a database at every moment. Not every file system has that.
    fs::hard_link(real, kept).or_else(|_| fs::rename(real, kept))
}

/// Gives what stands beside a database the other name, also where the database itself is gone.
fn keep_log(real: &Path, kept: &Path) -> io::Result<()> {
    for suffix in COMPANIONS {
        match fs::rename(beside(real, suffix), beside(kept, suffix)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}
