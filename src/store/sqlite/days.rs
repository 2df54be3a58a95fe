//! The table of days: what happened on each, added up from the revisions a stretch at a time.

use std::collections::BTreeMap;

use rusqlite::{Connection, Row, params};

use super::{Error, Store, columns};
use crate::domain::{Day, Mode};

/// How many revisions are counted at a time: a few milliseconds.
const STRETCH: i64 = 10_000;
const DAY_SECONDS: i64 = 24 * 60 * 60;

/// What to add to which days, and how many customers were withdrawn on them, less those who came back.
type Added = BTreeMap<(i64, i64), (Day, i64)>;

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
        let added = Added::from([((columns::mode(mode), day.day), (day, 0))]);
        self.act(move |connection| Ok(add(connection, &added)?)).await
    }

    /// A mode's days from this one on, in order; those on which nothing happened are not there.
    pub async fn list_days(&self, mode: Mode, from: i64) -> Result<Vec<Day>, Error> {
        self.readers.away(move |connection| list(connection, mode, from)).await
    }

    /// How many customers of a mode are counted.
    pub async fn count_customers(&self, mode: Mode) -> Result<u64, Error> {
        const SQL: &str = "SELECT coalesce(sum(made) - sum(erased) - sum(gone), 0) FROM days WHERE mode = ?1";
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

/// Counts that a customer is erased. What is not counted yet is counted before its revisions go: so their customer is among
/// those made, and a count that is under way elsewhere comes to nothing. One who was withdrawn is gone by that no longer.
pub(super) fn erase(connection: &Connection, mode: Mode, at: i64, withdrawn: bool) -> rusqlite::Result<()> {
    loop {
        let (from, to, added) = uncounted(connection)?;
        if from == to {
            break;
        }
        add(connection, &added)?;
        connection.execute("UPDATE counted SET revision = ?1", [to])?;
    }
    const SQL: &str = "INSERT INTO days (mode, day, erased, gone) VALUES (?1, ?2, 1, -?3)
        ON CONFLICT DO UPDATE SET erased = erased + 1, gone = gone + excluded.gone";
    let values = [columns::mode(mode), at.div_euclid(DAY_SECONDS), i64::from(withdrawn)];
    connection.prepare_cached(SQL)?.execute(values).map(drop)
}

/// What the next revisions add, and between which numbers they lie. They are numbered in the order of commits, since one
/// thread writes them: none appears later behind one that was counted.
fn uncounted(connection: &Connection) -> rusqlite::Result<(i64, i64, Added)> {
    const SQL: &str =
        "SELECT number, mode, at, version, passage FROM revisions WHERE number > ?1 ORDER BY number LIMIT ?2";
    let from: i64 = connection.query_row("SELECT revision FROM counted", [], |row| row.get(0))?;
    let (mut to, mut added) = (from, Added::new());
    let mut statement = connection.prepare_cached(SQL)?;
    let mut rows = statement.query([from, STRETCH])?;
    while let Some(row) = rows.next()? {
        to = row.get(0)?;
        let day = row.get::<_, i64>(2)?.div_euclid(DAY_SECONDS);
        let (entry, gone) = added.entry((row.get(1)?, day)).or_insert((Day { day, ..Day::default() }, 0));
        match row.get_ref(4)?.as_str_or_null()? {
            Some("withdrawn") => *gone += 1,
            Some(_) => *gone -= 1,
            None if row.get::<_, u64>(3)? == 1 => entry.made += 1,
            None => entry.edited += 1,
        }
    }
    Ok((from, to, added))
}

fn add(connection: &Connection, added: &Added) -> rusqlite::Result<()> {
    const SQL: &str = "INSERT INTO days (mode, day, made, edited, requests, failed, refused, gone)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
        ON CONFLICT DO UPDATE SET made = made + excluded.made, edited = edited + excluded.edited,
        requests = requests + excluded.requests, failed = failed + excluded.failed, refused = refused + excluded.refused, gone = gone + excluded.gone";
    let mut statement = connection.prepare_cached(SQL)?;
    for ((mode, _), (day, gone)) in added {
        let Day { day, made, edited, requests, failed, refused } = *day;
        statement.execute(params![mode, day, made, edited, requests, failed, refused, gone])?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Actor, CustomerId, Erasure};
    use crate::store::sqlite::erasures;

    #[test]
    fn who_is_erased_is_counted_once_whatever_is_counted_already() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(include_str!("../../../tests/upgrade/2.sql")).unwrap();
        connection.execute_batch(include_str!("steps/3.sql")).unwrap();
        connection.execute_batch(include_str!("steps/4.sql")).unwrap();
        connection.execute_batch(include_str!("steps/6.sql")).unwrap();
        connection.execute_batch("UPDATE counted SET revision = 1; DELETE FROM days").unwrap();
        connection.execute_batch("INSERT INTO days (mode, day, made) VALUES (0, 19675, 1)").unwrap();
        let left = |mode: Mode| -> i64 {
            let sql = "SELECT sum(made) - sum(erased) FROM days WHERE mode = ?1";
            connection.query_row(sql, [columns::mode(mode)], |row| row.get(0)).unwrap()
        };
        // Somebody counts at this very time.
        let (from, _, _) = uncounted(&connection).unwrap();
        for (id, mode) in [("cust_U3kvJSkkPO1WOm", Mode::Test), ("cust_U3kyghRA5y5whB", Mode::Live)] {
            let customer = CustomerId::parse(id).unwrap();
            let erasure = Erasure { customer, mode, at: 1_700_000_200, actor: Actor::Command { name: "test".into() } };
            erasures::erase(&connection, &erasure).unwrap();
            assert_eq!(left(mode), 0, "{id}");
        }
        let counted: i64 = connection.query_row("SELECT revision FROM counted", [], |row| row.get(0)).unwrap();
        assert!(counted > from, "what that one counted comes to nothing");
        assert!(uncounted(&connection).unwrap().2.is_empty());
    }
}
