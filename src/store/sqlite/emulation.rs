//! What an emulator for tests asks beside all else: rows in memory, which can be emptied, replaced and put back as they were.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use super::feeder::Feeder;
use super::files::Files;
use super::open::Location;
use super::reader::Readers;
use super::reserve::Reserve;
use super::writer::Writer;
use super::{Error, Store, Unusable, customers, revisions, schema};
use crate::domain::{CustomerId, Edited};

/// What a world consists of: keys and people are no part of it, and the index of the search is made anew. A table that names rows of
/// another comes after it.
const TABLES: [&str; 11] = [
    "customers",
    "withdrawn",
    "list_marks",
    "revisions",
    "erasures",
    "imports",
    "import_steps",
    "import_rows",
    "import_counts",
    "days",
    "counted",
];
const FORGET: &str =
    "DELETE FROM requests; DELETE FROM sqlite_sequence; INSERT INTO search (search) VALUES ('delete-all');
    UPDATE search_mark SET revision = 0";

/// The customers and their histories as they were at a moment.
#[derive(Clone)]
pub struct Dump {
    /// Of each of [`TABLES`], in its order.
    tables: Vec<Vec<Vec<Value>>>,
}

impl Dump {
    /// How many customers there are in it.
    pub fn customers(&self) -> usize {
        self.tables.first().map_or(0, Vec::len)
    }
}

impl Store {
    /// Rows in this process's memory, none yet. Nothing of them is ever on a disk, and they are gone with the store. Where
    /// nobody searches, nothing needs to feed the search.
    pub fn in_memory(is_searched: bool) -> Result<Self, Unusable> {
        static MADE: AtomicU64 = AtomicU64::new(0);
        let location = Location::Memory(format!("patron-{}", MADE.fetch_add(1, Ordering::Relaxed)));
        let path = PathBuf::from(":memory:");
        let failed = |reason: String| Unusable::because(Path::new(":memory:"), &reason);
        let mut connection = location.writer(|| Ok(())).map_err(|error| failed(error.to_string()))?;
        schema::make(&mut connection).map_err(failed)?;
        let (counts, files) = (Arc::default(), Arc::new(Files::none()));
        let reserve = Arc::new(Reserve::none());
        let writer = Writer::start(location.clone(), connection, files, Arc::clone(&counts), reserve.clone(), false);
        let writer = Arc::new(writer.map_err(|error| failed(error.to_string()))?);
        let readers = Readers::open(location, None, false).map_err(|error| failed(error.to_string()))?;
        let feeder = is_searched.then(|| {
            let reader = readers.another().map_err(|error| failed(error.to_string()))?;
            Feeder::start(reader, writer.clone(), readers.requests(), None, None)
                .map_err(|error| failed(error.to_string()))
        });
        let asked = AtomicU64::new(0);
        Ok(Self {
            path,
            readers,
            writer,
            feeder: feeder.transpose()?,
            counts,
            files: None,
            asked,
            kept: None,
            left_doubt: None,
            left_newest: 0,
            reserve,
            _last: None,
            _new_lock_file: None,
        })
    }

    /// How many revisions there ever were.
    pub async fn revisions(&self) -> Result<u64, Error> {
        self.act(|connection| Ok((revisions::next_number(connection)? - 1).unsigned_abs())).await
    }

    /// All customers with their histories, as they are once all that was queued before is done.
    pub async fn dump(&self) -> Result<Dump, Error> {
        let act = |connection: &Connection| {
            let tables = TABLES.iter().map(|table| rows(connection, table)).collect::<rusqlite::Result<_>>()?;
            Ok(Dump { tables })
        };
        self.act(act).await
    }

    /// Puts all customers back as they were, and forgets what came since.
    pub async fn put_back(&self, dump: Dump) -> Result<(), Error> {
        let act = move |connection: &Connection| {
            empty(connection)?;
            connection.execute("DELETE FROM counted", [])?;
            for (table, rows) in TABLES.iter().zip(&dump.tables) {
                insert(connection, table, rows)?;
            }
            Ok(())
        };
        self.act(act).await
    }

    /// Forgets all customers, and adds these. Where one of them cannot be, by its place among them and the customer before it
    /// that has its id or its pair, all stays as it was.
    pub async fn replace(&self, new: Vec<Edited>) -> Result<(), Error<(usize, CustomerId)>> {
        let act = move |connection: &Connection| {
            empty(connection)?;
            for (place, each) in new.iter().enumerate() {
                if customers::was_there(connection, &each.customer.id)? {
                    return Err(Error::Refused((place, each.customer.id.clone())));
                }
                customers::insert(connection, each).map_err(|error| match error {
                    Error::Taken(id) => Error::Refused((place, id)),
                    other => other,
                })?;
            }
            Ok(())
        };
        self.act(act).await
    }
}

fn empty(connection: &Connection) -> rusqlite::Result<()> {
    for table in TABLES.iter().rev().filter(|table| **table != "counted") {
        connection.prepare_cached(&format!("DELETE FROM {table}"))?.execute([])?;
    }
    connection.execute_batch(FORGET)?;
    connection.prepare_cached("UPDATE counted SET revision = 0")?.execute([]).map(drop)
}

fn rows(connection: &Connection, table: &str) -> rusqlite::Result<Vec<Vec<Value>>> {
    let mut statement = connection.prepare_cached(&format!("SELECT * FROM {table}"))?;
    let columns = statement.column_count();
    let rows = statement.query_map([], |row| (0..columns).map(|column| row.get(column)).collect())?;
    rows.collect()
}

fn insert(connection: &Connection, table: &str, rows: &[Vec<Value>]) -> rusqlite::Result<()> {
    let Some(first) = rows.first() else { return Ok(()) };
    let places = vec!["?"; first.len()].join(", ");
    let mut statement = connection.prepare_cached(&format!("INSERT INTO {table} VALUES ({places})"))?;
    rows.iter().try_for_each(|row| statement.execute(params_from_iter(row)).map(drop))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tables that a reset empties and no snapshot holds.
    const FORGOTTEN: [&str; 3] = ["requests", "search", "search_mark"];
    /// Tables that are no part of a world.
    const BESIDE: [&str; 8] = ["keys", "key_uses", "staff", "links", "sessions", "backups", "backup_folder", "pulse"];

    #[test]
    fn every_table_is_of_a_world_or_beside_it() {
        let mut connection = Connection::open_in_memory().unwrap();
        schema::make(&mut connection).unwrap();
        const SQL: &str = "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type <> 'shadow'
            AND name NOT LIKE 'sqlite%' ORDER BY name";
        let mut statement = connection.prepare(SQL).unwrap();
        let found: Vec<String> = statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        let mut known = [TABLES.as_slice(), &FORGOTTEN, &BESIDE].concat();
        known.sort_unstable();
        assert_eq!(found, known, "a new table belongs into one of these");
    }
}
