//! The search: questions that trust nothing but the current rows.
//!
//! The index, in `index`, names candidates, and lags behind the edits; whoever it does not know yet is a candidate, too. Each is
//! judged by their row as it stands. So however far the index lags behind, a customer is found by what it is now, and by nothing
//! that it was.
//!
//! Customers that were created since the index was fed have the highest numbers. Their rows are scanned in order: an import of many is
//! one range of the table, and not as many lookups as it has revisions.

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, named_params};

use super::columns::{self, CustomerRow, customer_columns};
use super::index::{of_mode, quoted};
use super::{Store, customers, index, pages};
use crate::domain::{Bookmark, Customer, Mode, Page, Place, Query, Walk};
use crate::store::{Error, Requester};

impl Store {
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
        self.readers.away_of(requester, move |connection| page(connection, mode, &query, &place, count)).await
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
                Walk::Matching(query) => self::after(connection, mode, query, after.as_ref(), count)?,
            };
            let next = rows.last().filter(|_| rows.len() as u64 == count).map(CustomerRow::bookmark);
            Ok((rows.into_iter().map(|row| row.customer).collect(), next))
        };
        self.readers.away_of(requester, ask).await
    }

    /// Feeds the search with the next revisions, at most so many. Returns whether there may be more. A server of the file
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
}

/// Customers that match, the last added first. That is the order of rows, in which the index is read without sorting: a
/// page costs what is on it, however many match. It is the order of `created_at`, but where the clock was set back or
/// customers were seeded.
pub(super) fn page(
    connection: &Connection,
    mode: Mode,
    query: &Query,
    place: &Place,
    count: u64,
) -> rusqlite::Result<Option<Page>> {
    // One snapshot: the mark, the index and the rows belong together.
    let snapshot = Transaction::new_unchecked(connection, TransactionBehavior::Deferred)?;
    let bound = match place {
        Place::Newest => i64::MAX,
        Place::OlderThan(id) | Place::NewerThan(id) => match customers::find(&snapshot, mode, id)? {
            Some(row) => row.number,
            None => return Ok(None),
        },
    };
    let rows = matching(&snapshot, mode, query, place, bound, count.saturating_add(1))?;
    let items = rows.into_iter().map(|row| pages::listed(&snapshot, row)).collect::<rusqlite::Result<_>>()?;
    Ok(Some(pages::page(items, place, count)))
}

/// Customers that match after a place, the last added first.
pub(super) fn after(
    connection: &Connection,
    mode: Mode,
    query: &Query,
    after: Option<&Bookmark>,
    count: u64,
) -> rusqlite::Result<Vec<CustomerRow>> {
    let snapshot = Transaction::new_unchecked(connection, TransactionBehavior::Deferred)?;
    let bound = after.map_or(i64::MAX, |mark| mark.number);
    matching(&snapshot, mode, query, &Place::Newest, bound, count)
}

/// The rows that match as they are now, in order from a bound that is left out.
fn matching(
    snapshot: &Transaction,
    mode: Mode,
    query: &Query,
    place: &Place,
    bound: i64,
    count: u64,
) -> rusqlite::Result<Vec<CustomerRow>> {
    let is_upwards = matches!(place, Place::NewerThan(_));
    let (low, high) = if is_upwards { (bound, i64::MAX) } else { (i64::MIN, bound) };
    let unfed = first_unfed(snapshot)?.unwrap_or(i64::MAX);
    let mut rows = Vec::new();
    let mut is_full = |row: Option<CustomerRow>| {
        rows.extend(row.filter(|row| row.customer.mode == mode && query.matches(&row.customer)));
        rows.len() as u64 >= count
    };
    for scans in [!is_upwards, is_upwards] {
        let mut statement = snapshot.prepare_cached(if scans { unfed_rows(place) } else { candidates(place) })?;
        if scans {
            let mut found = statement.query(named_params! { ":low": low.max(unfed - 1), ":high": high })?;
            while let Some(row) = found.next()? {
                if is_full(Some(columns::customer(row)?)) {
                    return Ok(rows);
                }
            }
        } else {
            let mut found = statement.query(named_params! {
                ":expression": expression(is_rare(snapshot, mode)?.then_some(mode), query),
                ":mode": columns::mode(mode), ":low": low, ":high": high.min(unfed),
            })?;
            while let Some(candidate) = found.next()? {
                if is_full(columns::find_by_number(snapshot, candidate.get(0)?)?) {
                    return Ok(rows);
                }
            }
        }
    }
    Ok(rows)
}

/// The first customer that was created after the last revision in the index. All with higher numbers were created after it.
fn first_unfed(connection: &Connection) -> rusqlite::Result<Option<i64>> {
    const SQL: &str = "SELECT customer FROM revisions WHERE number > (SELECT revision FROM search_mark) AND version = 1
        ORDER BY number LIMIT 1";
    connection.prepare_cached(SQL)?.query_row([], |row| row.get(0)).optional()
}

fn unfed_rows(place: &Place) -> &'static str {
    macro_rules! sql {
        ($order:literal) => {
            concat!(
                "SELECT ",
                customer_columns!(),
                " FROM customers WHERE number > :low AND number < :high ORDER BY number ",
                $order
            )
        };
    }
    if matches!(place, Place::NewerThan(_)) { sql!("ASC") } else { sql!("DESC") }
}

/// The numbers that the index names and those of the tail, each once. SQLite merges the two as it reads them.
fn candidates(place: &Place) -> &'static str {
    macro_rules! sql {
        ($order:literal) => {
            concat!(
                "SELECT rowid FROM search WHERE search MATCH :expression AND rowid > :low AND rowid < :high
                UNION
                SELECT customer FROM revisions WHERE number > (SELECT revision FROM search_mark)
                    AND mode = :mode AND customer > :low AND customer < :high
                ORDER BY 1 ",
                $order
            )
        };
    }
    if matches!(place, Place::NewerThan(_)) { sql!("ASC") } else { sql!("DESC") }
}

/// Whether a mode has few of all customers, as far as they are counted.
fn is_rare(connection: &Connection, mode: Mode) -> rusqlite::Result<bool> {
    const SQL: &str = "SELECT 4 * total(made) FILTER (WHERE mode = ?1) < total(made) FROM days";
    connection.prepare_cached(SQL)?.query_row([columns::mode(mode)], |row| row.get(0))
}

/// In what FTS5 reads: of each term the trigrams of one way to find it, and the mode where it leaves few. Where it leaves most,
/// going through all of them to leave out the others took 6 ms among a million, more than the rest of the question.
fn expression(mode: Option<Mode>, query: &Query) -> String {
    let all = |way: &Vec<String>| way.iter().map(|trigram| quoted(trigram)).collect::<Vec<_>>().join(" AND ");
    let any = |term: Vec<Vec<String>>| {
        let ways: Vec<String> = term.iter().map(|way| format!("({})", all(way))).collect();
        format!("({})", ways.join(" OR "))
    };
    mode.map(of_mode).into_iter().chain(query.trigrams().into_iter().map(any)).collect::<Vec<_>>().join(" AND ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::CustomerId;

    #[test]
    fn what_the_index_names_is_never_sorted() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(include_str!("../../../schema.sql")).unwrap();
        for place in [Place::Newest, Place::NewerThan(CustomerId::stored(String::new()))] {
            let sql = format!("EXPLAIN QUERY PLAN {}", candidates(&place));
            let mut statement = connection.prepare(&sql).unwrap();
            let plan: Vec<String> = statement.raw_query().mapped(|row| row.get(3)).map(Result::unwrap).collect();
            assert_eq!(plan[..2], ["MERGE (UNION)", "LEFT"], "{plan:?}");
            assert!(plan[2].starts_with("SCAN search VIRTUAL TABLE") && plan[3] == "RIGHT", "{plan:?}");
            assert!(plan[4].starts_with("SEARCH revisions USING INTEGER PRIMARY KEY (rowid>?)"), "{plan:?}");
        }
    }

    #[test]
    fn a_quote_ends_no_string() {
        let query = Query::parse("a\"b 12-3").unwrap();
        assert_eq!(
            expression(Some(Mode::Live), &query),
            "\"\u{91}\u{91}1\" AND ((\"a\"\"b\")) AND ((\"12-\" AND \"2-3\") OR (\"123\"))"
        );
    }
}
