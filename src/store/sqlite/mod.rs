//! The engine: one SQLite file. Decides only where each operation runs: in the writing thread, where the request is, or
//! on the pool.

mod activity;
mod backup;
mod backups;
mod check;
mod checkpoints;
mod columns;
mod commits;
mod copies;
mod customers;
mod days;
mod disk;
mod emulation;
mod erased_file;
mod erasures;
mod examine;
mod feeder;
mod file_watch;
mod files;
mod folder;
mod generation;
mod grants;
mod imports;
mod index;
mod keys;
mod lanes;
mod last_close;
mod lock_file;
mod marks;
mod new_files;
mod open;
mod output;
mod pages;
mod partial;
mod paths;
mod preparation;
mod queue;
mod reader;
mod requests;
mod reserve;
mod restore;
mod revisions;
mod schema;
mod schema_objects;
mod scrub;
mod search;
mod snapshots;
mod staff;
mod sweep;
mod trouble;
mod turns;
mod upgrade;
mod uses;
mod withdrawn;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::{
    ActivityFilter, ActivityPage, Bookmark, Decide, Error, Filter, Lane, Page, Place, Requester, Slice, Span, Walk,
};
use crate::domain::{Customer, CustomerId, Edited, Mode, Query, Revision};
use crate::metrics::Metrics;
use columns::CustomerRow;
use feeder::Feeder;
use files::Files;
use last_close::LastClose;
use preparation::Prepared;
use reader::Readers;
use reserve::Reserve;
use sweep::Sweep;
use writer::Writer;

pub use backup::{Copied, Copying, NoRoom, NotCopied, Stop};
pub use check::{Checked, Progress, is_of_index};
pub use disk::Disk;
pub use emulation::Dump;
pub use examine::Examined;
pub use folder::{BackupFolder, KeptBackup};
pub use imports::Looking;
pub use new_files::NewFiles;
pub use open::{Unusable, Use};
pub use output::Output;
pub use partial::Partial;
pub use reserve::Freeing;
pub use restore::{Restored, is_plain_copy, restore};
pub use trouble::REINDEX;
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
    /// The last of these, after all that has the file open by SQLite: see [`Files`].
    files: Option<Arc<Files>>,
    left_doubt: Option<String>,
}

impl Store {
    /// Opens the file, and makes or upgrades it where `use_` allows that. The error is one sentence for the person who
    /// gave the path.
    pub fn open(path: &Path, use_: Use) -> Result<Self, Unusable> {
        let Prepared { server, is_read_only, note } = preparation::prepare(path, use_)?;
        let not_started = |error: std::io::Error| Unusable::because(path, &error.to_string());
        let counts = Arc::<Metrics>::default();
        let reserve = Arc::new(Reserve::beside(&path.canonicalize().unwrap_or_else(|_| path.to_owned())));
        let (writer, files) = if use_ == Use::Read || is_read_only {
            schema::look(path)?;
            (Writer::none(), server.map(|(lock, database)| Arc::new(Files::read_only(lock, database))))
        } else {
            let (connection, files) = Files::around(path, server, || schema::bring_up(path, use_))?;
            let files = Arc::new(files);
            let (noted, serves) = (reserve.clone(), use_ == Use::Serve);
            let writer = Writer::start(path, connection, files.clone(), counts.clone(), noted, serves);
            (writer.map_err(not_started)?, Some(files))
        };
        let last = LastClose::open(path, files.clone(), use_ == Use::Serve);
        let readers = Readers::open(path, files.clone(), use_ == Use::Serve, writer.commits().clone());
        let readers = readers.map_err(|error| Unusable::of(path, &error))?;
        let writer = Arc::new(writer);
        let (feeder, kept) = if use_ == Use::Serve && !is_read_only {
            let reader = || readers.another().map_err(|error| Unusable::of(path, &error));
            (
                Some(
                    Feeder::start(reader()?, writer.clone(), Some(Sweep::new(path, files.clone())), files.clone())
                        .map_err(not_started)?,
                ),
                Some(Mutex::new(reader()?)),
            )
        } else {
            (None, None)
        };
        let left_doubt = note.doubt.filter(|_| use_ == Use::Read);
        if use_ == Use::Serve && note.is_running {
            tracing::info!(
                "the server before did not end in order: it was killed, crashed or lost power; what it acknowledged is in the file \
                 and its WAL"
            );
        }
        let (path, asked) = (path.to_owned(), AtomicU64::new(0));
        Ok(Self { path, readers, writer, feeder, counts, asked, kept, reserve, _last: last, files, left_doubt })
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

    /// What is found on this thread while `run` runs is found in one snapshot: cheaper than each in its own.
    pub fn read_together<T>(&self, run: impl FnOnce() -> T) -> T {
        self.readers.together(run)
    }

    /// While this runs, what is found on this thread one after another is found in one snapshot where it may be.
    pub async fn share_snapshots(&self) {
        self.readers.share().await;
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

    /// Adds a new customer with its first revision.
    pub async fn insert(&self, requester: Requester, new: Edited) -> Result<Customer, Error> {
        self.act_of(requester, move |connection| customers::insert(connection, &new).map(|()| new.customer.clone()))
            .await
    }

    /// Adds a new customer, or finds the one that has its pair.
    pub async fn insert_or_find(&self, requester: Requester, new: Edited) -> Result<Customer, Error> {
        let act = move |connection: &_| match customers::insert(connection, &new) {
            Ok(()) => Ok(new.customer.clone()),
            Err(Error::Taken(id)) => {
                customers::find_or_missing(connection, new.customer.mode, &id).map(|row| row.customer)
            }
            Err(error) => Err(error),
        };
        self.act_of(requester, act).await
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

    /// Adds many new customers in one transaction, and leaves out those that are there or were erased, and those whose pair is taken. Gives
    /// how many it added.
    pub async fn insert_many(&self, new: Vec<Edited>) -> Result<u64, Error> {
        let act = move |connection: &_| {
            let mut added = 0;
            for each in &new {
                if customers::was_there(connection, &each.customer.id)? {
                    continue;
                }
                match customers::insert(connection, each) {
                    Ok(()) => added += 1,
                    Err(Error::Taken(_)) => {}
                    Err(error) => return Err(error),
                }
            }
            Ok(added)
        };
        self.act(act).await
    }

    /// Does to one customer what the decision says, and gives the customer after it.
    pub async fn edit<R: Send + 'static>(
        &self,
        requester: Requester,
        mode: Mode,
        id: &CustomerId,
        decide: impl Decide<R>,
    ) -> Result<Customer, Error<R>> {
        let id = id.clone();
        self.act_of(requester, move |connection| customers::edit(connection, mode, &id, &decide)).await
    }

    /// One customer.
    pub async fn find(&self, mode: Mode, id: &CustomerId) -> Result<Option<Customer>, Error> {
        let row = self.readers.here(|connection| customers::find(connection, mode, id))?;
        Ok(row.map(|row| row.customer))
    }

    /// A mode's customers, newest first.
    pub async fn page(
        &self,
        requester: Requester,
        mode: Mode,
        filter: Filter,
        slice: Slice,
    ) -> Result<Vec<Customer>, Error> {
        let ask = move |connection: &_| {
            if filter.email_key.is_some() || filter.contact.is_some() {
                return customers::page(connection, mode, &filter, slice);
            }
            pages::slice(connection, mode, filter.span, slice)
        };
        self.readers.away_of(requester, ask).await
    }

    /// A mode's customers created in a span, beginning beside one of them; `None` where there is no such customer.
    pub async fn page_beside(
        &self,
        requester: Requester,
        mode: Mode,
        span: Span,
        place: Place,
        count: u64,
    ) -> Result<Option<Page>, Error> {
        self.readers.away_of(requester, move |connection| pages::find(connection, mode, span, &place, count)).await
    }

    /// A mode's customers that match, the last added first, beginning beside one of them; `None` where there is no such
    /// customer. As they stand now, however far the index is fed.
    pub async fn search(
        &self,
        requester: Requester,
        mode: Mode,
        query: Query,
        place: Place,
        count: u64,
    ) -> Result<Option<Page>, Error> {
        self.readers.away_of(requester, move |connection| search::page(connection, mode, &query, &place, count)).await
    }

    /// The next customers of a walk, after a place in it, as they stand now; and the place after them, where there may be more.
    /// Each step is a question of its own: no snapshot is held between two, which would keep the log from being emptied.
    pub async fn walk(
        &self,
        requester: Requester,
        mode: Mode,
        walk: Walk,
        after: Option<Bookmark>,
        count: u64,
    ) -> Result<(Vec<Customer>, Option<Bookmark>), Error> {
        let ask = move |connection: &_| {
            let rows = match &walk {
                Walk::Created(span) => pages::after(connection, mode, *span, after.as_ref(), count)?,
                Walk::Matching(query) => search::after(connection, mode, query, after.as_ref(), count)?,
            };
            let next = rows.last().filter(|_| rows.len() as u64 == count).map(CustomerRow::bookmark);
            Ok((rows.into_iter().map(|row| row.customer).collect(), next))
        };
        self.readers.away_of(requester, ask).await
    }

    /// Feeds the search with the next revisions, at most so many. Gives whether there may be more. Whoever serves the file
    /// needs not ask for it.
    pub async fn feed_search(&self, count: u64) -> Result<bool, Error> {
        self.act(move |connection| Ok(index::feed(connection, count)?)).await
    }

    /// Empties the index of the search, however damaged it is: it is to be fed from the first revision on.
    pub async fn begin_search_anew(&self) -> Result<(), Error> {
        self.act(|connection| Ok(index::begin_anew(connection)?)).await
    }

    /// The newest revision, and up to which one the search is fed.
    pub async fn newest_and_fed(&self) -> Result<(i64, i64), Error> {
        self.readers.away(index::newest_and_mark).await
    }

    /// A customer's revisions, newest first; `None` where there is no such customer.
    pub async fn history(
        &self,
        requester: Requester,
        mode: Mode,
        id: &CustomerId,
        slice: Slice,
    ) -> Result<Option<Vec<Revision>>, Error> {
        let id = id.clone();
        let ask = move |connection: &_| {
            let snapshot = snapshot(connection)?;
            let Some(row) = customers::find(&snapshot, mode, &id)? else { return Ok(None) };
            // Past its end, a history need not be walked to be found empty.
            if slice.skip >= row.customer.version {
                return Ok(Some(Vec::new()));
            }
            revisions::page(&snapshot, &id, row.revision, slice).map(Some)
        };
        self.readers.away_of(requester, ask).await
    }

    /// A customer as it stands with its revisions after this version, newest first; `None` where it has not come that far.
    pub async fn since(
        &self,
        requester: Requester,
        mode: Mode,
        id: &CustomerId,
        version: u64,
    ) -> Result<Option<(Customer, Vec<Revision>)>, Error> {
        let id = id.clone();
        let ask = move |connection: &_| {
            let snapshot = snapshot(connection)?;
            let row = customers::find(&snapshot, mode, &id)?;
            let Some(row) = row.filter(|row| version <= row.customer.version) else { return Ok(None) };
            let slice = Slice { count: row.customer.version - version, skip: 0 };
            Ok(Some((row.customer, revisions::page(&snapshot, &id, row.revision, slice)?)))
        };
        self.readers.away_of(requester, ask).await
    }

    /// The revision that made this version of a customer.
    pub async fn revision(
        &self,
        requester: Requester,
        mode: Mode,
        id: &CustomerId,
        version: u64,
    ) -> Result<Option<Revision>, Error> {
        let id = id.clone();
        let ask = move |connection: &_| {
            let snapshot = snapshot(connection)?;
            let row = customers::find(&snapshot, mode, &id)?;
            let Some(row) = row.filter(|row| (1..=row.customer.version).contains(&version)) else { return Ok(None) };
            let slice = Slice { count: 1, skip: row.customer.version - version };
            Ok(revisions::page(&snapshot, &id, row.revision, slice)?.pop())
        };
        self.readers.away_of(requester, ask).await
    }

    /// A mode's revisions and erasures whose numbers are below `before`, newest first.
    pub async fn activity(
        &self,
        requester: Requester,
        mode: Mode,
        filter: ActivityFilter,
        before: Option<i64>,
        count: u64,
    ) -> Result<ActivityPage, Error> {
        let ask =
            move |connection: &_| activity::page(connection, mode, &filter, before, count, activity::LOOKED_AT_MAX);
        self.readers.away_of(requester, ask).await
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

    /// Queues an act for the writing thread. What is read after it is not read in a snapshot from before.
    async fn act_of<T, R, F>(&self, requester: Requester, act: F) -> Result<T, Error<R>>
    where
        T: Send + 'static,
        R: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, Error<R>> + Send + 'static,
    {
        let Requester { lane, grant } = requester;
        self.begin_act(lane)?;
        let act = move |connection: &Connection| {
            grants::check(connection, grant.as_ref())?;
            act(connection)
        };
        self.writer.act(lane, act).await
    }

    fn begin_act<R>(&self, lane: Lane) -> Result<(), Error<R>> {
        self.readers.part()?;
        if lane != Lane::HOUSE {
            self.asked.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Reads, and commits something that says nothing: whether both can be done.
    pub async fn beat(&self) -> Result<(), Error> {
        self.readers.here(|connection| {
            connection.prepare_cached("SELECT beat FROM pulse")?.query_row([], |row| row.get::<_, i64>(0))
        })?;
        // Another value than before: an equal one would not reach the disk. All but its lowest bit is the generation.
        const SQL: &str = "UPDATE pulse SET beat = (beat | 1) - (beat & 1)";
        let act = |connection: &Connection| Ok(connection.prepare_cached(SQL)?.execute([]).map(drop)?);
        self.act(act).await
    }

    /// Reads the whole file, and holds every history and the index of the search against the customers as they stand. Slow;
    /// `progress` is told how it goes.
    pub async fn check(&self, progress: impl Fn(Progress) + Send + 'static) -> Result<Checked, Error> {
        let own = self.readers.another()?;
        // What the index has is read by a table in its temporary database.
        own.pragma_update(None, "query_only", false)?;
        self.readers.away(move |_| check::all(&own, &progress)).await
    }
}

/// One moment, for a customer and what belongs to them: between two moments they may be erased.
fn snapshot(connection: &Connection) -> rusqlite::Result<Transaction<'_>> {
    Transaction::new_unchecked(connection, TransactionBehavior::Deferred)
}
