//! The engine: one SQLite file. Decides only where each operation runs: in the writing thread, where the request is, or
//! on the pool.

mod check;
mod columns;
mod customers;
mod keys;
mod open;
mod reader;
mod revisions;
mod schema;
mod writer;

use std::fs::File;
use std::path::Path;

use rusqlite::ffi;

use super::{Decide, Error, Filter, Slice};
use crate::domain::{Customer, CustomerId, Edited, Key, KeyId, Mode, Revision};
use reader::Readers;
use writer::Writer;

pub use check::{Checked, Progress};
pub use open::{Unusable, Use};

/// The records in one SQLite file.
pub struct Store {
    readers: Readers,
    writer: Writer,
    /// Held by the one process that serves this file; the operating system lets go of it however that process ends.
    _lock: Option<File>,
}

impl Store {
    /// Opens the file, and makes or upgrades it where `use_` allows that. The error is one sentence for the person who
    /// gave the path.
    pub fn open(path: &Path, use_: Use) -> Result<Self, Unusable> {
        let lock = open::prepare(path, use_)?;
        let connection = schema::bring_up(path, use_)?;
        let readers = Readers::open(path).map_err(|error| Unusable::of(path, &error))?;
        let writer = match connection {
            Some(connection) => Writer::start(path, connection, use_ == Use::Serve),
            None => Ok(Writer::none()),
        };
        let writer = writer.map_err(|error| Unusable::because(path, &error.to_string()))?;
        Ok(Self { readers, writer, _lock: lock })
    }

    /// Finishes what is queued, writes the log back into the file, and takes nothing more.
    pub fn close(&self) {
        self.writer.close();
    }

    /// Adds a new customer with its first revision.
    pub async fn insert(&self, new: Edited) -> Result<Customer, Error> {
        self.writer.act(move |connection| customers::insert(connection, &new).map(|()| new.customer.clone())).await
    }

    /// Adds a new customer, or finds the one that has its pair.
    pub async fn insert_or_find(&self, new: Edited) -> Result<Customer, Error> {
        let act = move |connection: &_| match customers::insert(connection, &new) {
            Ok(()) => Ok(new.customer.clone()),
            Err(Error::Taken(id)) => {
                customers::find_or_missing(connection, new.customer.mode, &id).map(|row| row.customer)
            }
            Err(error) => Err(error),
        };
        self.writer.act(act).await
    }

    /// Adds many new customers in one transaction, and leaves out those that are there and those whose pair is taken. Gives
    /// how many it added.
    pub async fn insert_many(&self, new: Vec<Edited>) -> Result<u64, Error> {
        let act = move |connection: &_| {
            let mut added = 0;
            for each in &new {
                if customers::is_there(connection, &each.customer.id)? {
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
        self.writer.act(act).await
    }

    /// Does to one customer what the decision says, and gives the customer after it.
    pub async fn edit<R: Send + 'static>(
        &self,
        mode: Mode,
        id: &CustomerId,
        decide: impl Decide<R>,
    ) -> Result<Customer, Error<R>> {
        let id = id.clone();
        self.writer.act(move |connection| customers::edit(connection, mode, &id, &decide)).await
    }

    /// One customer.
    pub async fn find(&self, mode: Mode, id: &CustomerId) -> Result<Option<Customer>, Error> {
        let row = self.readers.here(|connection| customers::find(connection, mode, id))?;
        Ok(row.map(|row| row.customer))
    }

    /// A mode's customers, newest first.
    pub async fn page(&self, mode: Mode, filter: Filter, slice: Slice) -> Result<Vec<Customer>, Error> {
        self.readers.away(move |connection| customers::page(connection, mode, &filter, slice)).await
    }

    /// A customer's revisions, newest first; `None` where there is no such customer.
    pub async fn history(&self, mode: Mode, id: &CustomerId, slice: Slice) -> Result<Option<Vec<Revision>>, Error> {
        let id = id.clone();
        let ask = move |connection: &_| {
            let Some(row) = customers::find(connection, mode, &id)? else { return Ok(None) };
            // Past its end, a history need not be walked to be found empty.
            if slice.skip >= row.customer.version {
                return Ok(Some(Vec::new()));
            }
            revisions::page(connection, &id, row.revision, slice).map(Some)
        };
        self.readers.away(ask).await
    }

    /// One key.
    pub async fn find_key(&self, id: &KeyId) -> Result<Option<Key>, Error> {
        self.readers.here(|connection| keys::find(connection, id))
    }

    /// All keys, eldest first.
    pub async fn list_keys(&self) -> Result<Vec<Key>, Error> {
        self.readers.away(keys::list).await
    }

    /// Adds a key; gives whether its id was free.
    pub async fn insert_key(&self, key: Key) -> Result<bool, Error> {
        self.writer.act(move |connection| Ok(keys::insert(connection, &key)?)).await
    }

    /// Changes what may change of a key: its secrets, its end. Gives the key after it.
    pub async fn edit_key<R: Send + 'static>(
        &self,
        id: &KeyId,
        decide: impl Fn(&mut Key) -> Result<(), R> + Send + 'static,
    ) -> Result<Key, Error<R>> {
        let id = id.clone();
        let act = move |connection: &_| {
            let mut key = keys::find(connection, &id)?.ok_or(Error::Missing)?;
            decide(&mut key).map_err(Error::Refused)?;
            keys::update(connection, &key)?;
            Ok(key)
        };
        self.writer.act(act).await
    }

    /// Reads the whole file and holds every history against the customer as it stands. Slow; `progress` is told how it goes.
    pub async fn check(&self, progress: impl Fn(Progress) + Send + 'static) -> Result<Checked, Error> {
        self.readers.away(move |connection| check::run(connection, &progress)).await
    }
}

impl<R> From<rusqlite::Error> for Error<R> {
    /// A full disk and a lock that somebody else holds too long pass; the rest is our own failure.
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ffi::ErrorCode::DatabaseBusy | ffi::ErrorCode::DatabaseLocked) => Self::Busy,
            Some(ffi::ErrorCode::DiskFull) => Self::Full,
            _ => Self::Failed(format!("SQLite: {error}")),
        }
    }
}
