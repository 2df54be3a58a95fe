//! The records in one SQLite file. [`Store`] decides only where each operation runs: in the writing thread, on the thread of the
//! request, or on the pool.
//!
//! The files are in groups. None imports a file of a later group, and no two import each other.

// Files, connections, the schema and values in columns.
mod columns;
mod disk;
mod lock_file;
mod open;
mod partial;
mod paths;
mod schema;
mod schema_objects;
mod trouble;

// Rows that the threads below read.
mod check;
mod grants;
mod index;
mod marks;
mod revisions;
mod scrub;

// The open files, the writing thread, the readers and what runs in the background.
mod checkpoints;
mod feeder;
mod file_watch;
mod files;
mod generation;
mod lanes;
mod last_close;
mod preparation;
mod queue;
mod reader;
mod reserve;
mod sweep;
mod turns;
mod writer;

// One subject each, with the methods of `Store` for it.
mod activity;
mod customers;
mod days;
mod erasures;
mod history;
mod imports;
mod keys;
mod pages;
mod requests;
mod room;
mod search;
mod staff;
mod uses;
mod withdrawn;

// Whole files: copies, checks, other databases.
mod backup;
mod backups;
mod copies;
mod emulation;
mod erased_file;
mod examine;
mod folder;
mod new_files;
mod output;
mod restore;
mod upgrade;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::{Error, Lane, Requester};
use crate::domain::Grant;
use crate::metrics::Metrics;
use feeder::Feeder;
use files::Files;
use last_close::LastClose;
use lock_file::NewLockFile;
use preparation::Prepared;
use reader::Readers;
use reserve::Reserve;
use sweep::Sweep;
use writer::Writer;

pub use backup::Stop;
pub use disk::Disk;
pub use emulation::Dump;
pub use examine::Examined;
pub use folder::{BackupFolder, KeptBackup};
pub use imports::ImportLookup;
pub use new_files::NewFiles;
pub use open::{Unusable, Use};
pub use output::Output;
pub use partial::Partial;
pub use reserve::Freeing;
pub use restore::{is_plain_copy, restore};
pub use upgrade::{Ahead, back_up_as_it_is, look_ahead, rehearse};

/// The records in one SQLite file.
pub struct Store {
    path: PathBuf,
    readers: Readers,
    writer: Arc<Writer>,
    /// Of the process that serves the file: a command is gone before the search would be fed.
    feeder: Option<Feeder>,
    counts: Arc<Metrics>,
    /// How many acts somebody asked for, the house apart.
    asked: AtomicU64,
    /// Of the process that serves the file: what it copies from, also where the file has lost its place.
    kept: Option<Mutex<Connection>>,
    reserve: Arc<Reserve>,
    /// Dropped after everything above that has the file open by SQLite.
    _last: Option<LastClose>,
    /// Dropped after that.
    _new_lock_file: Option<NewLockFile>,
    /// The last of these, after all that has the file open by SQLite: see [`Files`].
    files: Option<Arc<Files>>,
    /// A doubt that the server of the file left, and the newest revision that the file must have.
    left_doubt: Option<String>,
    left_newest: i64,
}

impl Store {
    /// Opens the file, and makes or upgrades it where `use_` allows that. The error is one sentence for the person who
    /// gave the path.
    pub fn open(path: &Path, use_: Use) -> Result<Self, Unusable> {
        let Prepared { server, is_read_only, note } = preparation::prepare(path, use_)?;
        let not_started = |error: std::io::Error| Unusable::because(path, &error.to_string());
        let counts = Arc::<Metrics>::default();
        let reserve = Arc::new(Reserve::beside(&path.canonicalize().unwrap_or_else(|_| path.to_owned())));
        let mut new_lock_file = None;
        let (writer, files) = if use_ == Use::Read || is_read_only {
            schema::look(path)?;
            (Writer::none(), server.map(|(lock, database)| Arc::new(Files::read_only(lock, database))))
        } else {
            let (connection, mut files) = Files::around(path, server, || schema::bring_up(path, use_))?;
            if use_ != Use::Serve {
                new_lock_file = files.begin_command(path, &connection)?;
            }
            let files = Arc::new(files);
            let (noted, serves) = (reserve.clone(), use_ == Use::Serve);
            let writer = Writer::start(path, connection, files.clone(), counts.clone(), noted, serves);
            (writer.map_err(not_started)?, Some(files))
        };
        let last = LastClose::open(path, files.clone(), use_ == Use::Serve);
        let readers =
            Readers::open(path, files.clone(), use_ == Use::Serve).map_err(|error| Unusable::of(path, &error))?;
        let writer = Arc::new(writer);
        let (feeder, kept) = if use_ == Use::Serve && !is_read_only {
            let reader = || readers.another().map_err(|error| Unusable::of(path, &error));
            (
                Some(
                    Feeder::start(
                        reader()?,
                        writer.clone(),
                        readers.requests(),
                        Some(Sweep::new(path, files.clone())),
                        files.clone(),
                    )
                    .map_err(not_started)?,
                ),
                Some(Mutex::new(reader()?)),
            )
        } else {
            (None, None)
        };
        let (left_doubt, left_newest) = if use_ == Use::Read { (note.doubt, note.newest) } else { (None, 0) };
        if use_ == Use::Serve && note.is_running {
            tracing::info!(
                "the server before did not end in order: it was killed, crashed or lost power; what it acknowledged is in the file \
                 and its WAL"
            );
        }
        let (path, asked) = (path.to_owned(), AtomicU64::new(0));
        Ok(Self {
            path,
            readers,
            writer,
            feeder,
            counts,
            asked,
            kept,
            reserve,
            _last: last,
            _new_lock_file: new_lock_file,
            files,
            left_doubt,
            left_newest,
        })
    }

    /// Where what is open is no longer what is found at its path: which file, and the way out, in a sentence.
    pub fn misplaced(&self) -> Option<String> {
        self.files.as_ref()?.check_place().err().map(|error| error.to_string())
    }

    /// What the server of the file left in doubt, for a command that reads it.
    pub fn left_doubt(&self) -> Option<&str> {
        self.left_doubt.as_deref()
    }

    /// Why nothing may be written, where that is for the files: also where they were changed in place, are damaged or read-only.
    pub fn doubt(&self) -> Option<String> {
        self.files.as_ref()?.check().err().map(|error| error.to_string())
    }

    /// What is counted of it, and may be of whatever uses it.
    pub fn metrics(&self) -> Arc<Metrics> {
        self.counts.clone()
    }

    /// How many acts wait to be written.
    pub fn queue_len(&self) -> usize {
        self.writer.queue_len()
    }

    /// How many acts somebody asked for in this process so far, the house apart: so whoever has much to write knows whether others
    /// write, too.
    pub fn asked(&self) -> u64 {
        self.asked.load(Ordering::Relaxed)
    }

    /// The sizes of the file and of its log, in bytes.
    pub fn sizes(&self) -> (u64, u64) {
        let len = |path: &Path| path.metadata().map_or(0, |metadata| metadata.len());
        (len(&self.path), len(&paths::beside(&self.path, "-wal")))
    }

    /// Opens what this thread reads with.
    pub fn open_reader(&self) -> Result<(), Error> {
        Ok(self.readers.open_local()?)
    }

    /// Finishes what is queued, writes the log back into the file, and takes nothing more.
    pub fn close(&self) {
        if let Some(feeder) = &self.feeder {
            feeder.close();
        }
        self.writer.close();
        if let Some(files) = &self.files {
            files.end();
        }
    }

    /// Whether another process serves the file: then whoever has much to write leaves it room.
    pub fn is_served_by_another(&self) -> bool {
        self.feeder.is_none() && lock_file::is_served(&self.path)
    }

    /// Lets commands on the same file know where this server is reached.
    pub fn announce(&self, address: &str) -> std::io::Result<()> {
        self.files.as_ref().map_or(Ok(()), |files| files.announce(address))
    }

    /// Where another process that serves the file is reached, as far as it has said so.
    pub fn served_at(&self) -> Option<String> {
        lock_file::served_at(&self.path)
    }

    /// Reads, and commits something that says nothing: whether both can be done.
    pub async fn beat(&self) -> Result<(), Error> {
        self.readers.here(|connection| {
            connection.prepare_cached("SELECT beat FROM pulse")?.query_row([], |row| row.get::<_, i64>(0))
        })?;
        // Another value than before: an equal one would not reach the disk. The lowest bit is for this alone.
        const SQL: &str = "UPDATE pulse SET beat = (beat | 1) - (beat & 1)";
        let act = |connection: &Connection| Ok(connection.prepare_cached(SQL)?.execute([]).map(drop)?);
        self.act(act).await
    }

    /// Queues an act of the house's for the writing thread.
    pub(super) async fn act<T, R, F>(&self, act: F) -> Result<T, Error<R>>
    where
        T: Send + 'static,
        R: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, Error<R>> + Send + 'static,
    {
        self.act_of(Requester::HOUSE, act).await
    }

    /// Queues an act for the writing thread.
    async fn act_of<T, R, F>(&self, requester: Requester, act: F) -> Result<T, Error<R>>
    where
        T: Send + 'static,
        R: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, Error<R>> + Send + 'static,
    {
        let Requester { lane, grant } = requester;
        self.count_act(lane);
        self.writer.act(lane, admitted(grant, act)).await
    }

    /// The same without a savepoint: only the first write of the act may be refused.
    async fn act_without_savepoint<T, R, F>(&self, requester: Requester, act: F) -> Result<T, Error<R>>
    where
        T: Send + 'static,
        R: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, Error<R>> + Send + 'static,
    {
        let Requester { lane, grant } = requester;
        self.count_act(lane);
        self.writer.act_without_savepoint(lane, admitted(grant, act)).await
    }

    fn count_act(&self, lane: Lane) {
        if lane != Lane::HOUSE {
            self.asked.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// The act, behind a check of the credentials in its own transaction.
fn admitted<T, R>(
    grant: Option<Grant>,
    act: impl FnOnce(&Connection) -> Result<T, Error<R>>,
) -> impl FnOnce(&Connection) -> Result<T, Error<R>> {
    move |connection| {
        grants::check(connection, grant.as_ref())?;
        act(connection)
    }
}

/// One moment, for a customer and what belongs to them: between two moments they may be erased.
fn snapshot(connection: &Connection) -> rusqlite::Result<Transaction<'_>> {
    Transaction::new_unchecked(connection, TransactionBehavior::Deferred)
}
