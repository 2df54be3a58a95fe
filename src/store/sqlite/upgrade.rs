//! What a start of this binary does to the file of an older one, before it does it: which steps, tried on a copy; and a copy of
//! the file as it is, whatever its schema.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::backup::{self, Halted, Stop};
use super::disk::Disk;
use super::partial::Partial;
use super::{Unusable, Use};
use super::{check, copies, lock_file, open, paths, preparation, schema};
use crate::domain::{Backup, Copying, IntegrityFault, NotCopied};

/// What is ahead of a file.
#[derive(Clone, Debug)]
pub struct Ahead {
    /// The version of its schema.
    pub schema: usize,
    /// The version of this binary's.
    pub newest: usize,
    /// The steps between them: the version that each ends in, and what it does, in words.
    pub steps: Vec<(usize, &'static str)>,
    /// The size of the file and its log in bytes.
    pub bytes: u64,
    /// The disk it is on.
    pub disk: Disk,
    /// Whether a server has it.
    pub is_served: bool,
    /// The last backup that it knows of. Of the oldest files none is known.
    pub backup: Option<Backup>,
}

impl Ahead {
    /// Whether there is room for a copy beside it, with at least so many bytes left for edits.
    pub fn has_room_for_a_copy(&self, least: u64) -> bool {
        // What steps rewrite, the index of the search above all, is in the log, too.
        self.bytes.saturating_add(self.bytes / 4).saturating_add(least) <= self.disk.free
    }
}

/// Looks at a file, also beside whoever serves it, and changes nothing but partial copies that nobody makes any more, which it removes. A newer one, an empty one and a stranger's are refused in a
/// sentence.
pub fn look_ahead(path: &Path) -> Result<Ahead, Unusable> {
    preparation::prepare(path, Use::Read)?;
    let schema::Way { from: schema, to: newest, steps } = schema::way(path)?;
    let failed = |error: std::io::Error| Unusable::because(path, &error.to_string());
    let real = path.canonicalize().map_err(failed)?;
    copies::remove_abandoned_copies(&real);
    let disk = Disk::of(&real).map_err(failed)?;
    let len = |path: &Path| path.metadata().map_or(0, |metadata| metadata.len());
    let reader = open::look(path).map_err(|error| Unusable::of(path, &error))?;
    Ok(Ahead {
        schema,
        newest,
        steps,
        bytes: len(&real) + len(&paths::beside(&real, "-wal")),
        disk,
        is_served: lock_file::is_still_served(path),
        // Its table came with the second schema.
        backup: super::backups::find(&reader).ok().flatten(),
    })
}

/// Takes all steps on a copy beside the file, reads the copy from end to end, and removes it. Gives how long the steps took.
pub fn rehearse(path: &Path, least: u64, progress: impl Fn(Copying)) -> Result<Duration, NotCopied> {
    let cannot = cannot(path, "try the upgrade on a copy of");
    let real = path.canonicalize().map_err(|error| cannot(&error.to_string()))?;
    let partial = copied(&real, &paths::beside(&real, paths::REHEARSAL), least, &progress, &cannot)?;
    let began = Instant::now();
    let stepped = open::copy(partial.path()).map_err(|error| error.to_string()).and_then(|mut copy| {
        schema::bring_copy_up(&mut copy, path)?;
        copy.close().map_err(|(_, error)| error.to_string())
    });
    stepped.map_err(|reason| cannot(&reason))?;
    let took = began.elapsed();
    backup::verify(&partial, &Stop::default(), &progress).map_err(|halted| halted.because(&cannot))?;
    Ok(took)
}

/// Copies the file as it is to a name beside it that tells the time, in Unix seconds, and reads the copy again as far as that can
/// be done without knowing its schema. Gives its path.
pub fn back_up_as_it_is(path: &Path, at: i64, least: u64, progress: impl Fn(Copying)) -> Result<PathBuf, NotCopied> {
    let cannot = cannot(path, "back up");
    let real = path.canonicalize().map_err(|error| cannot(&error.to_string()))?;
    let place = copies::free_place(&real, paths::BEFORE_UPGRADE, at);
    let partial = copied(&real, &place, least, &progress, &cannot)?;
    let mut faults = Vec::new();
    let checked = open::reader(partial.path()).and_then(|copy| check::sqlite_checks(&copy, &mut faults));
    checked.map_err(|error| Halted::from(error).because(&cannot))?;
    // The index of the search is not what is copied for: a step or `patron reindex` makes it anew.
    if !faults.iter().all(IntegrityFault::is_of_index) {
        return Err(NotCopied::Damaged(faults));
    }
    partial.name().map_err(|error| cannot(&backup::reason_of(&error, &real)))?;
    Ok(place)
}

/// All pages of the file in one beside it that has no name of its own yet.
fn copied(
    real: &Path,
    to: &Path,
    least: u64,
    progress: &impl Fn(Copying),
    cannot: &impl Fn(&str) -> NotCopied,
) -> Result<Partial, NotCopied> {
    let reason = |error| cannot(&backup::reason_of(&error, real));
    let partial = Partial::beside(to).map_err(reason)?;
    let _ = partial.give_to_owner_of(real);
    let source: Connection = open::look(real).map_err(|error| Halted::from(error).because(cannot))?;
    backup::copy(&source, &partial, least, &Stop::default(), progress).map_err(|halted| halted.because(cannot))?;
    Ok(partial)
}

fn cannot(path: &Path, what: &str) -> impl Fn(&str) -> NotCopied {
    let start = format!("cannot {what} {}", path.display());
    move |reason| NotCopied::Because(format!("{start}: {reason}"))
}
