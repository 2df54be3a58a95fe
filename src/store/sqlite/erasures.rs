//! The table of erasures, and what an erasure takes away: one transaction, after which there is no such customer.

use std::path::PathBuf;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::columns::CustomerRow;
use super::{
    Error, Store, columns, customers, days, imports, index, marks, requests, revisions, snapshot, sweep, withdrawn,
};
use crate::domain::{Actor, CustomerId, Erasure, Held, Mode, Slice};
use crate::store::{About, Requester};

/// The columns that [`read`] reads, in its order, for `concat!`.
macro_rules! erasure_columns {
    () => {
        "id, mode, at, actor_type, actor_id, actor_label"
    };
}
pub(super) use erasure_columns;

/// How many stretches of revisions are counted before an erasure, at most: beside many edits there are always more.
const STRETCHES: u32 = 100;
/// How often a command tries to finish a sweep, or looks whether the server has.
const TRIES: u32 = 5;
/// Between two looks.
const WAIT: Duration = Duration::from_secs(1);

impl Store {
    /// Takes away all that is held on a customer, and keeps the fact. What is left of the values in free room of the file, in
    /// the index of the search and in the log goes afterwards: the sweep. `about` tells which rows of imports are the customer's.
    pub async fn erase(&self, requester: Requester, erasure: Erasure, about: About) -> Result<(), Error> {
        // Nearly all that is to be counted first, without edits waiting for it.
        for _ in 0..STRETCHES {
            match self.count_revisions().await {
                Ok(true) => {}
                // The rest is counted in the act itself, on a full disk all of it.
                Ok(false) | Err(Error::Full | Error::Unwritable(_)) => break,
                Err(error) => return Err(error),
            }
        }
        // What imports hold of them goes before, too, little by little: what comes in meanwhile is another's doing.
        let (mode, id) = (erasure.mode, &erasure.customer);
        let held = self.readers.here(|connection| find_held(connection, mode, id))?;
        let (row, _) = held.ok_or(Error::Missing)?;
        let _freeing = self.freeing();
        self.clear_rows_about(&row.customer, about).await?;
        self.free_of(requester, move |connection: &Connection| erase(connection, &erasure)).await
    }

    /// Whether there is a customer, here or withdrawn, of whom something is held.
    pub async fn is_held(&self, mode: Mode, id: &CustomerId) -> Result<bool, Error> {
        self.readers.here(|connection| Ok(find_held(connection, mode, id)?.is_some()))
    }

    /// What remains of a customer who was erased, and whether the sweep is done.
    pub async fn find_erasure(&self, mode: Mode, id: &CustomerId) -> Result<Option<(Erasure, bool)>, Error> {
        self.readers.here(|connection| {
            const SQL: &str =
                concat!("SELECT ", erasure_columns!(), ", swept FROM erasures WHERE id = ?1 AND mode = ?2");
            let read = |row: &Row<'_>| Ok((read(row, 0)?, row.get(6)?));
            connection.prepare_cached(SQL)?.query_row(params![id.as_str(), columns::mode(mode)], read).optional()
        })
    }

    /// How many erasures there are, and how many of them wait for the sweep.
    pub async fn count_erasures(&self) -> Result<(u64, u64), Error> {
        const SQL: &str = "SELECT count(*), count(*) FILTER (WHERE swept = 0) FROM erasures";
        self.readers.here(|connection| connection.prepare_cached(SQL)?.query_row([], |row| row.try_into()))
    }

    /// Sweeps after erasures, for a command: leaves it to the server where there is one, and waits a while for that. Gives whether
    /// it is done. Holds up whoever calls it.
    pub fn sweep(&self) -> Result<bool, Error> {
        if !self.is_served_by_another() {
            self.files.as_ref().map_or(Ok(()), |files| files.check())?;
            return match self.free(|| sweep::file(&self.path, TRIES)) {
                // A server does it in smaller steps.
                Err(Error::Full) => Ok(false),
                swept => swept,
            };
        }
        let reader = self.readers.another()?;
        for _ in 0..TRIES {
            if sweep::due(&reader)?.is_none() {
                return Ok(true);
            }
            std::thread::sleep(WAIT);
        }
        Ok(false)
    }

    /// The mode of a customer who is here, or was withdrawn or erased.
    pub async fn mode_of(&self, id: &CustomerId) -> Result<Option<Mode>, Error> {
        const SQL: &str = "SELECT mode FROM customers WHERE id = ?1
            UNION ALL SELECT mode FROM withdrawn WHERE id = ?1 UNION ALL SELECT mode FROM erasures WHERE id = ?1";
        self.readers.here(|connection| {
            let mode = connection.prepare_cached(SQL)?.query_row([id.as_str()], |row| row.get(0)).optional()?;
            Ok(mode.map(columns::read_mode))
        })
    }

    /// All that is held on a customer, as of one moment; `None` where there is no such customer.
    pub async fn held(&self, requester: Requester, mode: Mode, id: &CustomerId) -> Result<Option<Held>, Error> {
        let id = id.clone();
        self.readers.away_of(requester, move |connection| held(connection, mode, &id)).await
    }
}

/// An erasure, from its columns on.
pub(super) fn read(row: &Row<'_>, first: usize) -> rusqlite::Result<Erasure> {
    Ok(Erasure {
        customer: CustomerId::stored(row.get(first)?),
        mode: columns::read_mode(row.get(first + 1)?),
        at: row.get(first + 2)?,
        actor: columns::read_actor(row, first + 3)?,
    })
}

pub(super) fn list(connection: &Connection) -> rusqlite::Result<Vec<Erasure>> {
    const SQL: &str = concat!("SELECT ", erasure_columns!(), " FROM erasures ORDER BY number");
    connection.prepare_cached(SQL)?.query_map([], |row| read(row, 0))?.collect()
}

/// Erases a customer who is here, or withdrawn.
pub(super) fn erase(connection: &Connection, erasure: &Erasure) -> Result<(), Error> {
    let (row, is_withdrawn) = find_held(connection, erasure.mode, &erasure.customer)?.ok_or(Error::Missing)?;
    days::erase(connection, erasure.mode, erasure.at, is_withdrawn)?;
    // Before its revisions go, of which the newest may have the highest number.
    insert(connection, erasure)?;
    index::delete(connection, &row)?;
    revisions::delete(connection, row.revision)?;
    connection.prepare_cached("DELETE FROM customers WHERE number = ?1")?.execute([row.number])?;
    withdrawn::delete(connection, row.number)?;
    imports::forget(connection, &row.customer)?;
    marks::drop_after(connection, &row.customer)?;
    Ok(requests::forget(connection, &erasure.customer)?)
}

/// Does again what was done after this database was copied: erases where there is something to erase, and keeps the fact. Gives
/// whether there was a customer; `None` where the copy knows of the erasure.
pub(super) fn replay(connection: &Connection, erasure: &Erasure) -> Result<Option<bool>, Error> {
    if list_has(connection, &erasure.customer)? {
        return Ok(None);
    }
    // Ids differ between modes too: whatever the mode is said to be, it is this customer.
    const SQL: &str = "SELECT mode FROM customers WHERE id = ?1 UNION ALL SELECT mode FROM withdrawn WHERE id = ?1";
    let mode = connection.prepare_cached(SQL)?.query_row([erasure.customer.as_str()], |row| row.get(0)).optional()?;
    let erasure = &Erasure { actor: known(connection, &erasure.actor)?, ..erasure.clone() };
    match mode.map(columns::read_mode) {
        Some(mode) => erase(connection, &Erasure { mode, ..erasure.clone() }).map(|()| Some(true)),
        None => Ok(insert(connection, erasure).map(|()| Some(false))?),
    }
}

/// A person who comes by their id alone, by their email where that is known.
fn known(connection: &Connection, actor: &Actor) -> rusqlite::Result<Actor> {
    const SQL: &str = "SELECT email FROM staff WHERE id = ?1";
    let Actor::Staff { id, email } = actor else { return Ok(actor.clone()) };
    let found = if id.as_str() == email {
        connection.prepare_cached(SQL)?.query_row([email], |row| row.get(0)).optional()?
    } else {
        None
    };
    Ok(Actor::Staff { id: id.clone(), email: found.unwrap_or_else(|| email.clone()) })
}

fn list_has(connection: &Connection, id: &CustomerId) -> rusqlite::Result<bool> {
    const SQL: &str = "SELECT EXISTS (SELECT 1 FROM erasures WHERE id = ?1)";
    connection.prepare_cached(SQL)?.query_row([id.as_str()], |row| row.get(0))
}

fn insert(connection: &Connection, erasure: &Erasure) -> rusqlite::Result<()> {
    const SQL: &str = "INSERT INTO erasures (number, id, mode, at, actor_type, actor_id, actor_label)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    let number = revisions::next_number(connection)?;
    let (actor_type, actor_id, actor_label) = columns::actor(&erasure.actor);
    let (id, mode) = (erasure.customer.as_str(), columns::mode(erasure.mode));
    let values = params![number, id, mode, erasure.at, actor_type, actor_id, actor_label];
    connection.prepare_cached(SQL)?.execute(values).map(drop)
}

fn held(connection: &Connection, mode: Mode, id: &CustomerId) -> rusqlite::Result<Option<Held>> {
    let snapshot = snapshot(connection)?;
    let Some((row, _)) = find_held(&snapshot, mode, id)? else { return Ok(None) };
    let all = Slice { count: row.customer.version, skip: 0 };
    Ok(Some(Held {
        revisions: revisions::page(&snapshot, id, row.revision, all)?,
        requests: requests::of_customer(&snapshot, id)?,
        in_search: index::has(&snapshot, mode, row.number)?,
        customer: row.customer,
    }))
}

/// A customer who is here or withdrawn, and whether they are withdrawn.
fn find_held(connection: &Connection, mode: Mode, id: &CustomerId) -> rusqlite::Result<Option<(CustomerRow, bool)>> {
    if let Some(row) = customers::find(connection, mode, id)? {
        return Ok(Some((row, false)));
    }
    Ok(withdrawn::find(connection, mode, id)?.map(|row| (row, true)))
}

/// Where the server keeps backups: the directory, how often in seconds and how many, where it still makes any.
pub(super) type FolderRow = (PathBuf, Option<(i64, u64)>);

pub(super) fn backup_folder(connection: &Connection) -> rusqlite::Result<Option<FolderRow>> {
    const SQL: &str = "SELECT path, seconds, keep FROM backup_folder";
    let read = |row: &Row<'_>| {
        let schedule = row.get::<_, Option<i64>>(1)?.zip(row.get::<_, Option<u64>>(2)?);
        Ok((PathBuf::from(row.get::<_, String>(0)?), schedule))
    };
    connection.prepare_cached(SQL)?.query_row([], read).optional()
}
