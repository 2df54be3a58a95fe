//! Marks in the list of customers: every thousandth, counted from the eldest. A page at any `skip` begins at a mark, and
//! less than a thousand customers are walked to it: 19 ms without, at a skip of 900,000.
//!
//! Customers never move in the list, and new ones come at its newest end, where no mark is yet. So marks are written behind
//! the edits, and whoever inserts or erases in the past drops those after it, in the same transaction: what stands there is
//! right in every snapshot, and where a mark is missing the walk is longer.

use rusqlite::{Connection, OptionalExtension, named_params, params};

use super::columns::{self, signed};
use crate::domain::{Customer, IntegrityFault, Mode};

/// How many customers there are from one mark to the next.
pub(super) const STEP: u64 = 1_000;
/// How many marks are written in one act: an edit behind it hardly waits.
const ACT_LEN: usize = 8;

/// A place in the list: creation time and id. Ids are never empty, so `(second, "")` lies before all of a second.
pub(super) type Place = (i64, String);

/// Before the eldest.
pub(super) fn eldest() -> Place {
    (i64::MIN, String::new())
}

/// Where to begin a page that leaves out so many of the customers that are newer than `above` and older than `below`: below
/// which place, and how many to leave out from there.
pub(super) fn begin(connection: &Connection, mode: Mode, below: Place, skip: u64) -> rusqlite::Result<(Place, u64)> {
    if skip <= STEP {
        return Ok((below, skip));
    }
    let last = last_before(connection, mode, &below)?;
    let (place, position) = last.unwrap_or((eldest(), 0));
    let older = position + count_between(connection, mode, &place, &below)?;
    // Counted from the eldest: the one that the page begins with.
    let wanted = signed(older.saturating_sub(skip));
    const SQL: &str = "SELECT created_at, id, position FROM list_marks
        WHERE mode = ?1 AND position > ?2 ORDER BY position LIMIT 1";
    let found: Option<(Place, i64)> = connection
        .prepare_cached(SQL)?
        .query_row(params![columns::mode(mode), wanted], |row| Ok(((row.get(0)?, row.get(1)?), row.get(2)?)))
        .optional()?;
    Ok(match found {
        // What is below the mark is one fewer than its position.
        Some((mark, position)) if mark < below => (mark, (position - 1 - wanted).cast_unsigned()),
        _ => (below, skip),
    })
}

/// Writes the next marks, a few. Gives whether there may be more to write.
pub(super) fn write(connection: &Connection, mode: Mode) -> rusqlite::Result<bool> {
    const INSERT: &str = "INSERT INTO list_marks (mode, position, created_at, id) VALUES (?1, ?2, ?3, ?4)";
    let newest = (i64::MAX, String::new());
    let (mut place, mut position) = last_before(connection, mode, &newest)?.unwrap_or((eldest(), 0));
    for _ in 0..ACT_LEN {
        let Some(next) = next(connection, mode, &place)? else { return Ok(false) };
        (place, position) = (next, position + STEP);
        let values = params![columns::mode(mode), signed(position), place.0, place.1];
        connection.prepare_cached(INSERT)?.execute(values)?;
    }
    Ok(true)
}

/// Whether the next mark can be written.
pub(super) fn is_due(connection: &Connection, mode: Mode) -> rusqlite::Result<bool> {
    let newest = (i64::MAX, String::new());
    let (place, _) = last_before(connection, mode, &newest)?.unwrap_or((eldest(), 0));
    Ok(next(connection, mode, &place)?.is_some())
}

/// Drops the marks from where a customer comes or goes on: for most that come there is none.
pub(super) fn drop_after(connection: &Connection, customer: &Customer) -> rusqlite::Result<()> {
    const SQL: &str = "DELETE FROM list_marks WHERE mode = ?1 AND (created_at, id) >= (?2, ?3)";
    let values = params![columns::mode(customer.mode), customer.created_at, customer.id.as_str()];
    connection.prepare_cached(SQL)?.execute(values).map(drop)
}

/// Finds an offset that is wrong.
pub(super) fn find_wrong(connection: &Connection) -> rusqlite::Result<Option<IntegrityFault>> {
    const SQL: &str = "SELECT created_at, id, position FROM list_marks WHERE mode = ?1 ORDER BY position";
    for mode in [Mode::Test, Mode::Live] {
        let mut before = (eldest(), 0);
        let mut statement = connection.prepare(SQL)?;
        let marks = statement.query_map([columns::mode(mode)], |row| Ok(((row.get(0)?, row.get(1)?), row.get(2)?)))?;
        for mark in marks {
            let (place, position): (Place, u64) = mark?;
            // With the mark itself.
            if before.1 + count_between(connection, mode, &before.0, &place)? + 1 != position {
                return Ok(Some(IntegrityFault::ListOffset(mode, position)));
            }
            before = (place, position);
        }
    }
    Ok(None)
}

/// The last mark before a place, and how many customers there are up to it.
fn last_before(connection: &Connection, mode: Mode, place: &Place) -> rusqlite::Result<Option<(Place, u64)>> {
    const SQL: &str = "SELECT created_at, id, position FROM list_marks
        WHERE mode = ?1 AND (created_at, id) < (?2, ?3) ORDER BY created_at DESC, id DESC LIMIT 1";
    let mut statement = connection.prepare_cached(SQL)?;
    let values = params![columns::mode(mode), place.0, place.1];
    statement.query_row(values, |row| Ok(((row.get(0)?, row.get(1)?), row.get(2)?))).optional()
}

/// The place of the next mark after one.
fn next(connection: &Connection, mode: Mode, after: &Place) -> rusqlite::Result<Option<Place>> {
    const SQL: &str = "SELECT created_at, id FROM customers WHERE mode = ?1 AND (created_at, id) > (?2, ?3)
        ORDER BY created_at, id LIMIT 1 OFFSET ?4";
    let values = params![columns::mode(mode), after.0, after.1, signed(STEP - 1)];
    connection.prepare_cached(SQL)?.query_row(values, |row| row.try_into()).optional()
}

fn count_between(connection: &Connection, mode: Mode, above: &Place, below: &Place) -> rusqlite::Result<u64> {
    const SQL: &str = "SELECT count(*) FROM customers
        WHERE mode = :mode AND (created_at, id) > (:above, :above_id) AND (created_at, id) < (:below, :below_id)";
    let values = named_params! {
        ":mode": columns::mode(mode), ":above": above.0, ":above_id": above.1, ":below": below.0, ":below_id": below.1,
    };
    connection.prepare_cached(SQL)?.query_row(values, |row| row.get(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Slice, Span};
    use crate::store::sqlite::pages;

    const SECONDS: std::ops::Range<i64> = 0..1_700;

    fn insert(connection: &Connection, mode: Mode, second: i64, id: &str) {
        const SQL: &str = "INSERT INTO customers (id, mode, name, created_at, version, revision)
            VALUES (?1, ?2, 'a', ?3, 1, 0)";
        connection.execute(SQL, params![id, columns::mode(mode), second]).unwrap();
    }

    /// Two customers a second and mode.
    fn filled() -> Connection {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(include_str!("../../../schema.sql")).unwrap();
        for (second, mode) in SECONDS.flat_map(|second| [(second, Mode::Test), (second, Mode::Live)]) {
            for letter in ["a", "b"] {
                insert(&connection, mode, second, &format!("{letter}{second:05}{}", columns::mode(mode)));
            }
        }
        connection
    }

    fn marks(connection: &Connection) -> Vec<(i64, i64, String)> {
        let sql = "SELECT mode, position, id FROM list_marks ORDER BY mode, position";
        let mut statement = connection.prepare(sql).unwrap();
        statement.query_map([], |row| row.try_into()).unwrap().map(Result::unwrap).collect()
    }

    /// Holds every page against a list that is walked from its beginning.
    fn pages_are_right(connection: &Connection) {
        let sql = "SELECT id FROM customers WHERE mode = 0 AND created_at BETWEEN ?1 AND ?2 ORDER BY created_at DESC, id DESC";
        for span in [
            Span::default(),
            Span { from: None, to: Some(1_200) },
            Span { from: Some(300), to: Some(1_499) },
            Span { from: Some(1_000), to: None },
            Span { from: None, to: Some(100) },
        ] {
            let mut statement = connection.prepare(sql).unwrap();
            let ends = params![span.from.unwrap_or(i64::MIN), span.to.unwrap_or(i64::MAX)];
            let all: Vec<String> = statement.query_map(ends, |row| row.get(0)).unwrap().map(Result::unwrap).collect();
            for skip in [0, 1, 999, 1_000, 1_001, 1_399, 1_400, 1_401, 2_001, 2_398, 2_399, 2_400, 3_399, 3_400, 9_999]
            {
                let page = pages::slice(connection, Mode::Test, span, Slice { count: 3, skip }).unwrap();
                let found: Vec<&str> = page.iter().map(|customer| customer.id.as_str()).collect();
                let expected: Vec<&String> = all.iter().skip(usize::try_from(skip).unwrap()).take(3).collect();
                assert_eq!(found, expected, "{span:?}, skip {skip}");
            }
        }
    }

    #[test]
    fn a_page_is_the_same_with_marks_and_without() {
        let connection = filled();
        assert!(is_due(&connection, Mode::Test).unwrap());
        pages_are_right(&connection);
        assert!(!write(&connection, Mode::Test).unwrap());
        assert!(!is_due(&connection, Mode::Test).unwrap() && is_due(&connection, Mode::Live).unwrap());
        let expected = [(0, 1_000, "b004990"), (0, 2_000, "b009990"), (0, 3_000, "b014990")];
        assert_eq!(marks(&connection), expected.map(|(mode, position, id)| (mode, position, id.to_owned())));
        pages_are_right(&connection);
        write(&connection, Mode::Live).unwrap();
        pages_are_right(&connection);
    }

    #[test]
    fn whoever_comes_in_the_past_drops_the_marks_after_it() {
        let connection = filled();
        write(&connection, Mode::Test).unwrap();
        write(&connection, Mode::Live).unwrap();
        // Just before the second mark, and in the other mode nothing is dropped.
        let new = Customer::blank(crate::domain::CustomerId::stored("b009980x".into()), Mode::Test, 999);
        insert(&connection, Mode::Test, new.created_at, new.id.as_str());
        drop_after(&connection, &new).unwrap();
        let left: Vec<_> = marks(&connection).into_iter().map(|(mode, position, _)| (mode, position)).collect();
        assert_eq!(left, [(0, 1_000), (1, 1_000), (1, 2_000), (1, 3_000)]);
        pages_are_right(&connection);
        write(&connection, Mode::Test).unwrap();
        assert_eq!(marks(&connection).len(), 6);
        pages_are_right(&connection);
        assert_eq!(find_wrong(&connection).unwrap(), None);
        // Whoever forgot to drop them is found out.
        insert(&connection, Mode::Test, 1_200, "b009980y");
        let wrong = find_wrong(&connection).unwrap();
        assert_eq!(wrong, Some(IntegrityFault::ListOffset(Mode::Test, 3_000)));
    }

    #[test]
    fn no_more_is_walked_than_lies_between_two_marks() {
        let connection = filled();
        write(&connection, Mode::Test).unwrap();
        for skip in [1_001, 1_500, 2_345, 3_399] {
            let (_, rest) = begin(&connection, Mode::Test, (i64::MAX, String::new()), skip).unwrap();
            assert!(rest < STEP, "skip {skip} leaves {rest}");
        }
    }
}
