//! Whether another program has changed the files of a database in place, while a server has them open: by `cp`, `rsync --inplace`,
//! `truncate`. The file stays the same one then, and SQLite does not notice until a page makes no sense.
//!
//! A file that is shorter than it was, a WAL that is shorter than the WAL index says, and another generation in the file are proof.
//! A time of change is a hint: it is explained where a checkpoint, of whatever process, has moved the WAL index, for in WAL mode
//! nothing else writes the file. SQLite notes in the index that a checkpoint is under way before it writes. After proof, after a
//! hint, and once SQLite has met a damaged page, edits and checkpoints wait until the file is checked and found whole.
//!
//! The descriptors stay open until SQLite has closed its own: closing one of them would drop SQLite's locks. A look costs two reads
//! of some bytes, 0.6 µs, beside the three of [`Files`](super::files::Files).

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use rustix::fs::OFlags;

use super::generation::Place;
use super::paths::beside;
use super::{check, revisions};
use crate::domain::IntegrityFault;

/// How often the files are looked at until nothing changes meanwhile.
const LOOKS: u32 = 5;
/// After a check that found a fault, it is not checked again for so long and for so many times as long as it took.
const REST: Duration = Duration::from_secs(10);
const REST_TIMES: u32 = 9;
/// So many hints that were none: the file system changes times by itself, and they are no longer believed.
const FALSE_HINTS_MAX: u32 = 3;

/// The length and the time of change of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Change {
    len: u64,
    at: (i64, i64),
}

impl Change {
    pub(super) fn of(metadata: &std::fs::Metadata) -> Self {
        Self { len: metadata.len(), at: (metadata.mtime(), metadata.mtime_nsec()) }
    }
}

/// What the header of the WAL index says, by <https://www.sqlite.org/walformat.html>: in the byte order of this machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Index {
    page_size: u64,
    /// Frames in the WAL, and pages in the database with them.
    frames: u32,
    pages: u32,
    checkpoints: CheckpointState,
}

/// What changes with each checkpoint, and each time that the WAL begins anew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct CheckpointState {
    salt: [u8; 8],
    /// Frames that are in the database, and that a checkpoint has begun to write there.
    written_back: u32,
    attempted: u32,
}

impl Index {
    fn read(file: &File) -> io::Result<Self> {
        let mut bytes = [0; 136];
        file.read_exact_at(&mut bytes, 0)?;
        let number =
            |at: usize| bytes.get(at..at + 4).and_then(|four| four.try_into().ok()).map_or(0, u32::from_ne_bytes);
        // 1 stands for 65,536, which has no room there.
        let page_size = match u16::from_ne_bytes([bytes[14], bytes[15]]) {
            1 => 65_536,
            size => u64::from(size),
        };
        let mut salt = [0; 8];
        salt.copy_from_slice(&bytes[32..40]);
        let checkpoints = CheckpointState { salt, written_back: number(96), attempted: number(128) };
        Ok(Self { page_size, frames: number(16), pages: number(20), checkpoints })
    }

    /// The least length of the WAL.
    fn wal_len(&self) -> u64 {
        if self.frames == 0 { 0 } else { 32 + u64::from(self.frames) * (24 + self.page_size) }
    }
}

/// Why the content of the files is in doubt.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Reason {
    Shorter,
    WalShorter,
    Overwritten,
    Changed,
    /// In SQLite's words.
    Damaged(String),
    /// A server before left this.
    Left(String),
}

impl Reason {
    /// Whether no check could find otherwise, as long as it is so.
    fn is_proof(&self) -> bool {
        matches!(self, Self::Shorter | Self::WalShorter | Self::Overwritten)
    }

    fn words(&self, real: &Path) -> String {
        let db = real.display();
        match self {
            Self::Shorter => format!("{db} was cut short or overwritten by another program while it was open"),
            Self::WalShorter => {
                format!(
                    "{db}-wal was cut short by another program while it was open, with edits that were acknowledged"
                )
            }
            Self::Overwritten => format!("{db} was overwritten with another database while it was open"),
            Self::Changed => format!("{db} was written by another program while it was open"),
            Self::Damaged(error) => format!("{db} is damaged ({error})"),
            Self::Left(words) => words.clone(),
        }
    }
}

struct Doubt {
    reason: Reason,
    /// What the last check found, where it found something.
    fault: Option<String>,
    rests_until: Instant,
}

struct State {
    seen: Change,
    checkpoints: CheckpointState,
    place: Option<Place>,
    /// Those that the file may have, the newest first.
    generations: Vec<i64>,
    doubt: Option<Doubt>,
    false_hints: u32,
    /// A checkpoint has begun since the last commit that is marked.
    needs_mark: bool,
    /// A revision that the file must have.
    newest: i64,
}

/// What a server knows of the content of its files.
pub(super) struct FileWatch {
    real: PathBuf,
    database: Arc<File>,
    index: File,
    state: Mutex<State>,
    /// Whether the check under way should end.
    stop: AtomicBool,
}

impl FileWatch {
    /// Begins to watch files that are open, as they are now.
    pub(super) fn new(
        real: &Path,
        database: Arc<File>,
        generations: Vec<i64>,
        (doubt, newest): (Option<String>, i64),
    ) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        let index =
            options.read(true).custom_flags(OFlags::NOFOLLOW.bits().cast_signed()).open(beside(real, "-shm"))?;
        let rests_until = Instant::now();
        let state = State {
            checkpoints: Index::read(&index)?.checkpoints,
            seen: Change::of(&database.metadata()?),
            place: None,
            generations,
            doubt: doubt.map(|words| Doubt { reason: Reason::Left(words), fault: None, rests_until }),
            false_hints: 0,
            needs_mark: true,
            newest,
        };
        Ok(Self { real: real.to_owned(), database, index, state: Mutex::new(state), stop: AtomicBool::new(false) })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Finds where the file has its generation, once that is there. Gives the generation where it is the newest, and on the disk: a
    /// checkpoint of a part of the WAL is in the page cache alone, and a power cut would bring the generation before back.
    pub(super) fn find_generation(&self, connection: &Connection) -> io::Result<Option<i64>> {
        let mut state = self.state();
        if state.place.is_none() {
            state.place = Place::find(connection, &self.database, &state.generations);
        }
        let (Some(newest), Some(place)) = (state.generations.first().copied(), &state.place) else { return Ok(None) };
        if state.generations.len() == 1 || place.read(&self.database) != Some(newest) {
            return Ok(None);
        }
        self.database.sync_data()?;
        state.generations.truncate(1);
        Ok(Some(newest))
    }

    /// Looks at the files, given how the database is at its path and how long the WAL is. Gives why edits wait, where they do.
    pub(super) fn look(&self, found: Change, wal_len: u64) -> Option<String> {
        let mut state = self.state();
        let index = Index::read(&self.index).unwrap_or_default();
        let is_as_seen = found == state.seen
            && index.checkpoints == state.checkpoints
            && wal_len >= index.wal_len()
            && self.has_generation(&state);
        if !is_as_seen {
            let reason = self.look_again(&mut state);
            let before = state.doubt.as_ref().map(|doubt| doubt.reason.clone());
            match (reason, before) {
                (Some(reason), None) => {
                    let why = reason.words(&self.real);
                    tracing::error!(why, "edits wait until the database is checked and found whole");
                    state.doubt = Some(Doubt { reason, fault: None, rests_until: Instant::now() });
                }
                (Some(reason), Some(before)) if reason.is_proof() && reason != before => {
                    state.doubt = Some(Doubt { reason, fault: None, rests_until: Instant::now() });
                }
                // Put back as it was, or so it seems.
                (None | Some(Reason::Changed), Some(before)) if before.is_proof() => {
                    state.doubt = Some(Doubt { reason: Reason::Changed, fault: None, rests_until: Instant::now() });
                }
                _ => {}
            }
        }
        state.doubt.as_ref().map(|doubt| self.sentence(doubt))
    }

    fn has_generation(&self, state: &State) -> bool {
        let found = state.place.as_ref().map(|place| place.read(&self.database));
        found.is_none_or(|found| found.is_some_and(|found| state.generations.contains(&found)))
    }

    /// The same until nothing changes meanwhile, and remembers it where all is well.
    fn look_again(&self, state: &mut State) -> Option<Reason> {
        for _ in 0..LOOKS {
            let Ok(before) = Index::read(&self.index) else { return None };
            let Ok(found) = self.database.metadata().map(|metadata| Change::of(&metadata)) else { return None };
            let wal_len = beside(&self.real, "-wal").metadata().map_or(0, |wal| wal.len());
            let has_generation = self.has_generation(state);
            if Index::read(&self.index).ok() != Some(before) {
                continue;
            }
            let now = before.checkpoints;
            state.needs_mark |= now != state.checkpoints;
            let is_explained = now != state.checkpoints || now.attempted != now.written_back;
            let is_shorter = found.len < state.seen.len
                && !(is_explained && found.len >= u64::from(before.pages) * before.page_size);
            if is_shorter {
                return Some(Reason::Shorter);
            } else if wal_len < before.wal_len() {
                return Some(Reason::WalShorter);
            } else if !has_generation {
                return Some(Reason::Overwritten);
            } else if found.at != state.seen.at && !is_explained && state.false_hints < FALSE_HINTS_MAX {
                return Some(Reason::Changed);
            }
            // What is in doubt stays as it was seen before.
            if state.doubt.is_none() {
                (state.seen, state.checkpoints) = (found, now);
            }
            return None;
        }
        None
    }

    fn sentence(&self, doubt: &Doubt) -> String {
        let words = doubt.reason.words(&self.real);
        let way_out = "stop the server and restore a backup with `patron restore FILE`; to go on with the file as it is, restore a \
                       backup of it";
        match &doubt.fault {
            Some(fault) => {
                format!("{words}; a check found: {fault}; edits wait, and reads go on where they can; {way_out}")
            }
            None if doubt.reason.is_proof() => {
                format!("{words}; edits wait, and reads go on where they can; {way_out}")
            }
            None => format!("{words}; edits wait until a check of all of it has passed, which is under way"),
        }
    }

    /// Returns whether the next commit is to be marked, which it then is.
    pub(super) fn take_mark(&self) -> bool {
        std::mem::take(&mut self.state().needs_mark)
    }

    /// Why the content is in doubt, in words for the next process, and the newest revision that the file must have.
    pub(super) fn doubt(&self) -> Option<(String, i64)> {
        let state = self.state();
        state.doubt.as_ref().map(|doubt| (doubt.reason.words(&self.real), state.newest))
    }

    /// Whether the doubt is for what another program has done while this one has had the files.
    pub(super) fn is_of_another_program(&self) -> bool {
        let state = self.state();
        state.doubt.as_ref().is_some_and(|doubt| doubt.reason.is_proof() || doubt.reason == Reason::Changed)
    }

    /// Notes that SQLite has met a page that makes no sense.
    pub(super) fn saw_damage(&self, error: &str) {
        let mut state = self.state();
        if state.doubt.is_none() {
            let reason = Reason::Damaged(error.to_owned());
            tracing::error!(error, "the database is damaged: edits wait until it is checked and found whole");
            state.doubt = Some(Doubt { reason, fault: None, rests_until: Instant::now() });
        }
    }

    /// Ends the check under way, and all later ones.
    pub(super) fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// Checks what is in doubt, where something is and a check is due. Takes as long as `patron check`. `newest` is a revision that
    /// the file had: a whole file of before lacks it.
    pub(super) fn settle(self: &Arc<Self>, connection: &Connection, newest: i64) {
        let mut state = self.state();
        state.newest = state.newest.max(newest);
        let newest = state.newest;
        let State { doubt: Some(doubt), place, generations, .. } = &mut *state else { return };
        if doubt.reason == Reason::Overwritten
            && let Some(found) = Place::find(connection, &self.database, generations)
        {
            // It was rewritten, as by VACUUM, and is still the same database.
            (*place, doubt.reason) = (Some(found), Reason::Changed);
        }
        if doubt.reason.is_proof() || Instant::now() < doubt.rests_until {
            return;
        }
        drop(state);
        let began = Instant::now();
        let change = || self.database.metadata().map(|metadata| Change::of(&metadata)).ok();
        let before = change();
        let checked = self.check(connection, newest);
        let mut state = self.state();
        let Some(doubt) = state.doubt.as_mut().filter(|doubt| !doubt.reason.is_proof()) else { return };
        let fault = match checked {
            Ok(None) if before.is_some() && before == change() => {
                let was_hint = doubt.reason == Reason::Changed;
                tracing::info!("the database is checked and whole: edits go on");
                state.doubt = None;
                state.false_hints += u32::from(was_hint);
                if let (Some(seen), Ok(index)) = (before, Index::read(&self.index)) {
                    (state.seen, state.checkpoints) = (seen, index.checkpoints);
                }
                return;
            }
            Ok(fault) => fault,
            // The server stops.
            Err(_) if self.stop.load(Ordering::Relaxed) => return,
            Err(error) => Some(check::unreadable(&error).to_string()),
        };
        if fault != doubt.fault {
            let fault = fault.clone().unwrap_or_else(|| "it changed meanwhile".to_owned());
            tracing::error!(fault, "the database is checked and not whole: edits wait");
        }
        doubt.fault = fault;
        doubt.rests_until = Instant::now() + REST.max(began.elapsed() * REST_TIMES);
    }

    /// The first fault of the file as it is on the disk now.
    fn check(self: &Arc<Self>, connection: &Connection, newest: i64) -> rusqlite::Result<Option<String>> {
        // Pages that were read before say nothing of the file.
        connection.release_memory()?;
        let watch = self.clone();
        connection.progress_handler(10_000, Some(move || watch.stop.load(Ordering::Relaxed)))?;
        let checked = check::run(connection, &|_| {});
        connection.progress_handler(0, None::<fn() -> bool>)?;
        let fault = checked?.faults.into_iter().find(|fault| !fault.is_of_index());
        let missing = find_missing_edits(connection, newest)?;
        Ok(fault.or(missing).map(|fault| fault.to_string()))
    }
}

/// The fault of a file that lacks a revision that was acknowledged.
pub(super) fn find_missing_edits(
    connection: &Connection,
    acknowledged: i64,
) -> rusqlite::Result<Option<IntegrityFault>> {
    let newest = revisions::next_number(connection)? - 1;
    Ok((newest < acknowledged).then_some(IntegrityFault::EditsMissing { newest, acknowledged }))
}
