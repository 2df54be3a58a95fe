//! Backups: made when asked for, and by a server on time; what became of the last; and putting one back.

use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use super::room::{KeepFree, MAKE_ROOM, Room};
use super::{Ambient, Refused};
use crate::domain::{Backup, Copied, Copying, FailedBackup, IntegrityFault, NotCopied, Restored};
use crate::store::{self, BackupFolder, Stop, Store};

/// Between two looks at whether a backup is due.
const LOOK: Duration = Duration::from_secs(1);
/// How long after a failure it is tried again, where backups are not due sooner.
const RETRY: Duration = Duration::from_secs(60);
/// How much the thread that makes backups gives way to those that answer requests: as much as it can.
const NICENESS: i32 = 19;

/// When a server makes backups, where, and how many it keeps.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// In this directory.
    pub folder: PathBuf,
    /// So often.
    pub every: Duration,
    /// So many.
    pub keep: usize,
}

/// What became of the last backups.
#[derive(Clone, Debug, Default)]
pub struct LastBackups {
    /// The last that was verified.
    pub verified: Option<Backup>,
    /// What failed since then.
    pub failed: Option<FailedBackup>,
}

/// The backups of one store.
pub struct Backups {
    store: Arc<Store>,
    room: Arc<Room>,
    ambient: Ambient,
    stop: Stop,
    running: Mutex<Option<(Sender<()>, JoinHandle<()>)>>,
    /// A failure that could not be written down, as on a full disk.
    failed: Mutex<Option<FailedBackup>>,
}

impl Backups {
    pub(super) fn new(store: Arc<Store>, room: Arc<Room>, ambient: Ambient) -> Self {
        Self { store, room, ambient, stop: Stop::default(), running: Mutex::default(), failed: Mutex::default() }
    }

    /// Makes a backup and verifies it, also beside a running server, where enough stays free on its disk. Blocks the caller.
    pub fn make(&self, to: &Path, progress: impl Fn(Copying)) -> Result<Copied, NotCopied> {
        let at = self.ambient.seconds();
        let least = self.room.keep().on(to);
        let copied = self.store.back_up(to, least, &self.stop, progress);
        let copied = copied.map_err(|failure| in_words(failure, &format!("cannot back up to {}", to.display())))?;
        // Another directory may be this one's tomorrow.
        let path = to.canonicalize().unwrap_or_else(|_| to.to_owned());
        if let Err(error) = self.store.put_backup(Backup { at, path, copied: copied.clone() }) {
            tracing::warn!(?error, "the backup is good, but the database could not be told of it");
        }
        Ok(copied)
    }

    /// Copies what is open to a new file beside the place of the database, whatever has become of that place. It may be the last
    /// chance, so it may use the disk to its end. Blocks the caller.
    pub fn save(&self) -> Result<PathBuf, NotCopied> {
        let to = self.store.saved_place(self.ambient.seconds());
        let saved = self.store.back_up(&to, 0, &self.stop, |_| {});
        match &saved {
            Ok(Copied { bytes, live, test, digest, .. }) => {
                tracing::info!(file = %to.display(), bytes, live, test, digest, "what is open is saved and verified");
            }
            Err(failure) => tracing::error!(why = why(failure.clone()), "what is open could not be saved"),
        }
        saved.map(|_| to)
    }

    /// Whether what is open is no longer what is found at the path of the database: then it is gone with this process.
    pub fn is_last_chance(&self) -> bool {
        self.store.misplaced().is_some()
    }

    /// What became of the last backups, whoever made them.
    pub async fn last(&self) -> Result<LastBackups, Refused> {
        let verified = self.store.find_backup().await?;
        let written = self.store.find_failed_backup().await?;
        let remembered = self.failed.lock().ok().and_then(|failed| failed.clone());
        let failed = [written, remembered].into_iter().flatten().max_by_key(|failed| failed.at);
        let is_later = |failed: &FailedBackup| verified.as_ref().is_none_or(|verified| verified.at <= failed.at);
        Ok(LastBackups { failed: failed.filter(is_later), verified })
    }

    /// Starts the thread that makes them on time. Starting twice is starting once.
    pub fn start(self: &Arc<Self>, schedule: Schedule) -> std::io::Result<()> {
        let Ok(mut running) = self.running.lock() else { return Ok(()) };
        if running.is_none() {
            let (stop, stopped) = channel();
            let this = self.clone();
            let work = move || {
                // Of this thread alone on Linux; elsewhere it would be the whole process.
                if cfg!(target_os = "linux")
                    && let Err(error) = rustix::process::setpriority_process(None, NICENESS)
                {
                    tracing::debug!(%error, "backups do not give way to requests");
                }
                let mut turns = Turns { backups: &this, schedule, folder: None, rest: 0..0 };
                while stopped.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
                    turns.take();
                }
            };
            *running = Some((stop, std::thread::Builder::new().name("backups".into()).spawn(work)?));
        }
        Ok(())
    }

    /// Makes a backup if one is due. What [`Backups::start`] does again and again, on a thread that serves nothing else.
    pub fn make_if_due(&self, schedule: Schedule) {
        Turns { backups: self, schedule, folder: None, rest: 0..0 }.take();
    }

    /// Ends the thread; a backup under way ends without a trace.
    pub(super) fn close(&self) {
        let running = self.running.lock().ok().and_then(|mut running| running.take());
        if let Some((stop, thread)) = running {
            self.stop.now();
            drop(stop);
            if thread.join().is_err() {
                tracing::error!("the thread of backups had panicked");
            }
        }
    }

    fn note_failure(&self, failed: FailedBackup) {
        tracing::error!(why = failed.why, "a backup failed");
        if self.store.put_failed_backup(failed.clone()).is_err()
            && let Ok(mut remembered) = self.failed.lock()
        {
            *remembered = Some(failed);
        }
    }

    /// Failures are over: also those of a time to come, by a clock that was wrong.
    fn forget_failure(&self) {
        if let Ok(mut remembered) = self.failed.lock() {
            *remembered = None;
        }
        if let Err(error) = self.store.delete_failed_backup() {
            tracing::warn!(?error, "the database could not be told that backups no longer fail");
        }
    }
}

/// The turns of the thread that makes backups.
struct Turns<'a> {
    backups: &'a Backups,
    schedule: Schedule,
    folder: Option<BackupFolder>,
    /// From when until when there is nothing to do, in Unix seconds: both, so that a clock that went back puts nothing off.
    rest: Range<i64>,
}

impl Turns<'_> {
    /// Makes a backup if one is due, and lets the eldest go.
    fn take(&mut self) {
        let now = self.backups.ambient.seconds();
        if self.rest.contains(&now) {
            return;
        }
        match self.make(now) {
            Ok(next) => self.rest = now..next,
            Err(NotCopied::Stopped) => {}
            Err(failure) => {
                self.rest = now..now.saturating_add(seconds(RETRY.min(self.schedule.every)));
                self.folder = None;
                let path = self.schedule.folder.clone();
                self.backups.note_failure(FailedBackup { at: now, path, why: why(failure) });
            }
        }
    }

    /// Gives when the next is due.
    fn make(&mut self, now: i64) -> Result<i64, NotCopied> {
        let Schedule { folder: path, every, keep } = &self.schedule;
        let because =
            |error: io::Error| NotCopied::Because(format!("cannot keep backups in {}: {error}", path.display()));
        let folder = match self.folder.take().filter(BackupFolder::is_there) {
            Some(folder) => folder,
            None => self.backups.store.backup_folder(path)?,
        };
        let folder = self.folder.insert(folder);
        // Names of times to come were given while the clock was wrong.
        let newest = folder.list().map_err(because)?.iter().map(|kept| kept.at).rfind(|at| *at <= now);
        if let Some(next) = newest.map(|at| at.saturating_add(seconds(*every))).filter(|next| now < *next) {
            return Ok(next);
        }
        folder.clear().map_err(because)?;
        let to = folder.place(now);
        let Copied { bytes, live, test, digest, .. } = self.backups.make(&to, |_| {})?;
        self.backups.forget_failure();
        if let Err(why) = self.backups.store.keep_erasures(false) {
            tracing::error!(why, "the file of erasures beside the backups is not up to date");
        }
        let removed = folder.keep(*keep, &to).map_err(because)?;
        tracing::info!(file = %to.display(), bytes, live, test, digest, removed, "a backup is made and verified");
        Ok(now.saturating_add(seconds(*every)))
    }
}

fn seconds(time: Duration) -> i64 {
    i64::try_from(time.as_secs()).unwrap_or(i64::MAX)
}

/// Why there is no backup, with the first of the faults where there are any.
fn why(failure: NotCopied) -> String {
    match failure {
        NotCopied::Damaged(faults) => {
            let (len, first) = (faults.len(), faults.first().map(IntegrityFault::to_string).unwrap_or_default());
            format!("the database is damaged; `patron check` lists {len} faults, of which the first is: {first}")
        }
        other => other.to_string(),
    }
}

/// Puts a backup in the place of a database that nobody serves, and keeps the file before under another name. Whoever was
/// erased since is erased again, also by a file of erasures that is named.
pub fn restore(
    from: &Path,
    db: &Path,
    erased: Option<&Path>,
    ambient: &Ambient,
    progress: impl Fn(Copying),
) -> Result<Restored, NotCopied> {
    store::restore(from, db, ambient.seconds(), erased, progress)
}

/// Copies a database that may be of an older patron to a name beside it, as it is. Gives the copy's path.
pub fn back_up_as_it_is(
    db: &Path,
    ambient: &Ambient,
    keep: KeepFree,
    progress: impl Fn(Copying),
) -> Result<PathBuf, NotCopied> {
    let copied = store::back_up_as_it_is(db, ambient.seconds(), keep.on(db), progress);
    copied.map_err(|failure| in_words(failure, &format!("cannot back up {}", db.display())))
}

/// Takes the steps of an upgrade on a copy that is removed again. Returns how long they took.
pub fn try_upgrade(db: &Path, keep: KeepFree, progress: impl Fn(Copying)) -> Result<Duration, NotCopied> {
    let tried = store::rehearse(db, keep.on(db), progress);
    tried.map_err(|failure| in_words(failure, &format!("cannot try the upgrade on a copy of {}", db.display())))
}

/// A want of room, in a sentence.
fn in_words(failure: NotCopied, cannot: &str) -> NotCopied {
    match failure {
        NotCopied::NoRoom(short) => NotCopied::Because(format!("{cannot}: {short}; {MAKE_ROOM}")),
        other => other,
    }
}
