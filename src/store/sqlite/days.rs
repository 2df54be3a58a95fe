//! The table of days: what happened on each, added up from the revisions a stretch at a time.

use std::collections::BTreeMap;

use rusqlite::{Connection, Row, params};

use super::{Error, Store, columns};
use crate::domain::Mode;
use crate::store::Day;

/// How many revisions are counted at a time: a few milliseconds.
const STRETCH: i64 = 10_000;
const DAY_SECONDS: i64 = 24 * 60 * 60;

/// What to add to which days.
type Added = BTreeMap<(i64, i64), Day>;

impl Store {
    /// Counts a stretch of the revisions that are not counted yet. Gives whether there may be more.
    pub async fn count_revisions(&self) -> Result<bool, Error> {
        let (from, to, added) = self.readers.away(uncounted).await?;
        if from == to {
            return Ok(false);
        }
        let act = move |connection: &Connection| {
            // Whatever else counted meanwhile: nothing is counted twice.
            let sql = "UPDATE counted SET revision = ?2 WHERE revision = ?1";
            if connection.prepare_cached(sql)?.execute([from, to])? == 1 {
                add(connection, &added)?;
            }
            Ok(())
        };
        self.act(act).await?;
        Ok(true)
    }

    /// Adds a mode's requests to a day's.
    pub async fn add_to_day(&self, mode: Mode, day: Day) -> Result<(), Error> {
        let added = Added::from([((columns::mode(mode), day.day), day)]);
        self.act(move |connection| Ok(add(connection, &added)?)).await
    }

    /// A mode's days from this one on, in order; those on which nothing happened are not there.
    pub async fn list_days(&self, mode: Mode, from: i64) -> Result<Vec<Day>, Error> {
        self.readers.away(move |connection| list(connection, mode, from)).await
    }

    /// How many customers of a mode are counted.
    pub async fn count_customers(&self, mode: Mode) -> Result<u64, Error> {
        const SQL: &str = "SELECT coalesce(sum(made), 0) FROM days WHERE mode = ?1";
        let ask = move |connection: &Connection| {
            connection.prepare_cached(SQL)?.query_row([columns::mode(mode)], |row| row.get(0))
        };
        self.readers.away(ask).await
    }

    /// The size of the database in bytes.
    pub async fn size(&self) -> Result<u64, Error> {
        const SQL: &str = "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()";
        self.readers.away(|connection: &Connection| connection.query_row(SQL, [], |row| row.get(0))).await
    }
}

/// What the next revisions add, and between which numbers they lie. They are numbered in the order of commits, since one
/// thread writes them: none appears later behind one that was counted.
fn uncounted(connection: &Connection) -> rusqlite::Result<(i64, i64, Added)> {
    const SQL: &str = "SELECT number, mode, at, version FROM revisions WHERE number > ?1 ORDER BY number LIMIT ?2";
    let from: i64 = connection.query_row("SELECT revision FROM counted", [], |row| row.get(0))?;
    let (mut to, mut added) = (from, Added::new());
    let mut statement = connection.prepare_cached(SQL)?;
    let mut rows = statement.query([from, STRETCH])?;
    while let Some(row) = rows.next()? {
        to = row.get(0)?;
        let day = row.get::<_, i64>(2)?.div_euclid(DAY_SECONDS);
        let entry = added.entry((row.get(1)?, day)).or_insert(Day { day, ..Day::default() });
        if row.get::<_, u64>(3)? == 1 { entry.made += 1 } else { entry.edited += 1 }
    }
    Ok((from, to, added))
}

fn add(connection: &Connection, added: &Added) -> rusqlite::Result<()> {
    const SQL: &str = "INSERT INTO days (mode, day, made, edited, requests, failed, refused)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
        ON CONFLICT DO UPDATE SET made = made + excluded.made, edited = edited + excluded.edited,
        requests = requests + excluded.requests, failed = failed + excluded.failed, refused = refused + excluded.refused";
    let mut statement = connection.prepare_cached(SQL)?;
    for ((mode, _), day) in added {
        let Day { day, made, edited, requests, failed, refused } = *day;
        statement.execute(params![mode, day, made, edited, requests, failed, refused])?;
    }
    Ok(())
}

fn list(connection: &Connection, mode: Mode, from: i64) -> rusqlite::Result<Vec<Day>> {
    const SQL: &str = "SELECT day, made, edited, requests, failed, refused FROM days
        WHERE mode = ?1 AND day >= ?2 ORDER BY day";
    let read = |row: &Row<'_>| {
        Ok(Day {
            day: row.get(0)?,
            made: row.get(1)?,
            edited: row.get(2)?,
            requests: row.get(3)?,
            failed: row.get(4)?,
            refused: row.get(5)?,
        })
    };
    connection.prepare_cached(SQL)?.query_map([columns::mode(mode), from], read)?.collect()
}
