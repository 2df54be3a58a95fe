//! What happened in a mode, across its customers. There is no index by actor, time or mode, which would be a random write
//! in every edit: the table is read from its newest row back, and a search that finds little stops after a bounded stretch.
//! Erasures and steps of imports are few, and have numbers of the same sequence. Revisions of an import are left out: what it did is
//! one thing that happened.

use rusqlite::{Connection, OptionalExtension, Row, named_params, params};

use super::erasures::{self, erasure_columns};
use super::imports::{self, happened_columns};
use super::revisions::{self, revision_columns};
use super::{Store, columns};
use crate::domain::{ActivityFilter, ActivityPage, ActorFilter, Door, Happened, KeyId, Mode, StaffId};
use crate::store::{Error, Requester};

impl Store {
    /// A mode's revisions and erasures whose numbers are below `before`, newest first.
    pub async fn activity(
        &self,
        requester: Requester,
        mode: Mode,
        filter: ActivityFilter,
        before: Option<i64>,
        count: u64,
    ) -> Result<ActivityPage, Error> {
        let ask = move |connection: &_| page(connection, mode, &filter, before, count, LOOKED_AT_MAX);
        self.readers.away_of(requester, ask).await
    }
}

/// How many rows one question looks at: some 20 ms.
pub(super) const LOOKED_AT_MAX: i64 = 50_000;

/// What happened whose numbers are below `before`, newest first. `window` is how many rows to look at.
pub(super) fn page(
    connection: &Connection,
    mode: Mode,
    filter: &ActivityFilter,
    before: Option<i64>,
    count: u64,
    window: i64,
) -> rusqlite::Result<ActivityPage> {
    let end = revisions::next_number(connection)?;
    let before = before.map_or(end, |before| before.min(end));
    let first = first_of(connection, before, window)?;
    let mut found = find(connection, mode, filter, first..before, count)?;
    let left_out = found.get(count as usize).map(|row| row.number);
    found.truncate(count as usize);
    let (next, searched_to) = match left_out {
        Some(number) => (Some(number + 1), None),
        None if first > 1 => (Some(first), eldest(connection, mode, first..before)?),
        None => (None, None),
    };
    Ok(ActivityPage { items: found.into_iter().map(|row| row.happened).collect(), next, searched_to })
}

/// Where a stretch of so many rows begins. Numbers have gaps where somebody was erased, and long ones where an import wrote.
fn first_of(connection: &Connection, before: i64, window: i64) -> rusqlite::Result<i64> {
    const SQL: &str = "SELECT number FROM revisions INDEXED BY revisions_apart
        WHERE import IS NULL AND number < ?1 ORDER BY number DESC LIMIT 1 OFFSET ?2 - 1";
    let first = connection.prepare_cached(SQL)?.query_row([before, window], |row| row.get(0)).optional()?;
    Ok(first.unwrap_or(1))
}

const FIND: &str = concat!(
    "SELECT number, customer, ",
    revision_columns!(),
    " FROM revisions INDEXED BY revisions_apart
    WHERE import IS NULL AND number >= :first AND number < :before AND mode = :mode
    AND (:door IS NULL OR actor_type = :door)
    AND (:actor_type IS NULL OR actor_type = :actor_type AND actor_id = :actor_id)
    AND (:from IS NULL OR at >= :from) AND (:to IS NULL OR at <= :to)
    ORDER BY number DESC LIMIT :count"
);

const FIND_ERASED: &str = concat!(
    "SELECT number, ",
    erasure_columns!(),
    " FROM erasures WHERE number >= :first AND number < :before AND mode = :mode
    AND (:door IS NULL OR actor_type = :door)
    AND (:actor_type IS NULL OR actor_type = :actor_type AND actor_id = :actor_id)
    AND (:from IS NULL OR at >= :from) AND (:to IS NULL OR at <= :to)
    ORDER BY number DESC LIMIT :count"
);

const FIND_IMPORTED: &str = concat!(
    "SELECT number, ",
    happened_columns!(),
    " FROM import_steps WHERE number >= :first AND number < :before AND mode = :mode
    AND (:door IS NULL OR actor_type = :door)
    AND (:actor_type IS NULL OR actor_type = :actor_type AND actor_id = :actor_id)
    AND (:from IS NULL OR at >= :from) AND (:to IS NULL OR at <= :to)
    ORDER BY number DESC LIMIT :count"
);

struct Found {
    number: i64,
    happened: Happened,
}

/// What matches among these rows, newest first: one more than asked for, where there is one more.
fn find(
    connection: &Connection,
    mode: Mode,
    filter: &ActivityFilter,
    numbers: std::ops::Range<i64>,
    count: u64,
) -> rusqlite::Result<Vec<Found>> {
    let (actor_type, actor_id) = match &filter.actor {
        Some(ActorFilter::Key(id)) => (Some("key"), Some(KeyId::as_str(id))),
        Some(ActorFilter::Staff(id)) => (Some("staff"), Some(StaffId::as_str(id))),
        None => (None, None),
    };
    let door = filter.door.map(|door| match door {
        Door::Api => "key",
        Door::Console => "staff",
        Door::CommandLine => "command",
    });
    let values = named_params! {
        ":first": numbers.start, ":before": numbers.end, ":mode": columns::mode(mode), ":door": door,
        ":actor_type": actor_type, ":actor_id": actor_id, ":from": filter.from, ":to": filter.to,
        ":count": columns::signed(count).saturating_add(1),
    };
    let read = |row: &Row<'_>| {
        let customer = columns::find_anywhere(connection, row.get(1)?)?.customer;
        let revision = revisions::read(row, 2, customer.id.clone())?;
        Ok(Found { number: row.get(0)?, happened: Happened::Edited(Box::new((revision, customer))) })
    };
    let read_erased =
        |row: &Row<'_>| Ok(Found { number: row.get(0)?, happened: Happened::Erased(erasures::read(row, 1)?) });
    let read_imported = |row: &Row<'_>| {
        Ok(Found { number: row.get(0)?, happened: Happened::Imported(imports::read_happened(row, 1)?) })
    };
    let mut edited = connection.prepare_cached(FIND)?;
    let mut erased = connection.prepare_cached(FIND_ERASED)?;
    let mut imported = connection.prepare_cached(FIND_IMPORTED)?;
    let mut found: Vec<Found> = edited
        .query_map(values, read)?
        .chain(erased.query_map(values, read_erased)?)
        .chain(imported.query_map(values, read_imported)?)
        .collect::<rusqlite::Result<_>>()?;
    found.sort_by_key(|row| std::cmp::Reverse(row.number));
    Ok(found)
}

/// When the eldest of these rows was made.
fn eldest(connection: &Connection, mode: Mode, numbers: std::ops::Range<i64>) -> rusqlite::Result<Option<i64>> {
    const SQL: &str = "SELECT at FROM
        (SELECT * FROM (SELECT number, at FROM revisions INDEXED BY revisions_apart
            WHERE import IS NULL AND number >= ?1 AND number < ?2 AND mode = ?3 ORDER BY number LIMIT 1)
         UNION ALL SELECT number, at FROM erasures WHERE number >= ?1 AND number < ?2 AND mode = ?3
         UNION ALL SELECT number, at FROM import_steps WHERE number >= ?1 AND number < ?2 AND mode = ?3)
        ORDER BY number LIMIT 1";
    let values = params![numbers.start, numbers.end, columns::mode(mode)];
    connection.prepare_cached(SQL)?.query_row(values, |row| row.get(0)).optional()
}

#[cfg(test)]
mod tests {
    use super::super::customers;
    use super::*;
    use crate::domain::{Actor, Changes, Customer, CustomerId, Edited, Erasure, Name, Revision};

    /// A creation a second, each third of them live.
    fn connection(count: i64) -> Connection {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(include_str!("../../../schema.sql")).unwrap();
        for at in 1..=count {
            let mode = if at % 3 == 0 { Mode::Live } else { Mode::Test };
            let id = CustomerId::stored(format!("cust_{at:014}"));
            let blank = Customer::blank(id.clone(), mode, at);
            let customer = Customer { name: Some(Name::stored(format!("Name {at}"))), version: 1, ..blank.clone() };
            let revision = Revision {
                customer: id,
                version: 1,
                at,
                actor: Actor::Command { name: "test".into() },
                request_id: None,
                request: None,
                undoes: None,
                import: None,
                passage: None,
                changes: Changes::between(&blank, &customer),
            };
            customers::insert::<()>(&connection, &Edited { customer, revision }).unwrap();
        }
        connection
    }

    fn walk(connection: &Connection, filter: &ActivityFilter, count: u64, window: i64) -> (Vec<i64>, usize) {
        let (mut found, mut pages, mut before) = (Vec::new(), 0, None);
        loop {
            let page = page(connection, Mode::Test, filter, before, count, window).unwrap();
            found.extend(page.items.iter().map(|happened| match happened {
                Happened::Edited(edited) => {
                    assert_eq!(edited.0.customer, edited.1.id);
                    edited.0.at
                }
                Happened::Erased(erasure) => erasure.at,
                Happened::Imported(imported) => imported.at,
            }));
            pages += 1;
            before = page.next;
            if before.is_none() {
                return (found, pages);
            }
        }
    }

    #[test]
    fn pages_have_no_gap_and_no_double_whatever_ends_them() {
        let connection = connection(40);
        let all: Vec<i64> = (1..=40).rev().filter(|at| at % 3 != 0).collect();
        let walks = |all: &[i64]| {
            for count in [1, 2, 7, 100] {
                for window in [1, 2, 9, 40, 41, LOOKED_AT_MAX] {
                    assert_eq!(
                        walk(&connection, &ActivityFilter::default(), count, window).0,
                        all,
                        "{count}, {window}"
                    );
                }
            }
        };
        walks(&all);
        assert_eq!(walk(&connection, &ActivityFilter::default(), 27, LOOKED_AT_MAX).1, 1);
        // An erasure takes the creation away, and is itself there, at its own time: also that of the newest.
        for at in [40, 5, 4] {
            let customer = CustomerId::stored(format!("cust_{at:014}"));
            let actor = Actor::Command { name: "test".into() };
            erasures::erase(&connection, &Erasure { customer, mode: Mode::Test, at: 100 + at, actor }).unwrap();
        }
        let left = all.into_iter().filter(|at| ![40, 5, 4].contains(at));
        walks(&[104, 105, 140].into_iter().chain(left).collect::<Vec<_>>());
        let early = ActivityFilter { to: Some(100), ..ActivityFilter::default() };
        assert_eq!(walk(&connection, &early, 100, LOOKED_AT_MAX).0[0], 38);
    }

    #[test]
    fn a_search_that_finds_nothing_stops_and_says_how_far_it_got() {
        let connection = connection(40);
        let filter = ActivityFilter { to: Some(0), ..ActivityFilter::default() };
        let look = |before| {
            let page = page(&connection, Mode::Test, &filter, before, 10, 16).unwrap();
            assert!(page.items.is_empty());
            (page.next, page.searched_to)
        };
        assert_eq!(look(None), (Some(25), Some(25)));
        assert_eq!(look(Some(25)), (Some(9), Some(10)), "the ninth is live");
        assert_eq!(look(Some(9)), (None, None));
        assert_eq!((look(Some(-1)), look(Some(i64::MIN))), ((None, None), (None, None)));
        assert_eq!(look(Some(i64::MAX)), look(None));
    }

    #[test]
    fn a_page_reads_a_span_of_rows_in_their_order() {
        let connection = connection(0);
        let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {FIND}")).unwrap();
        let steps: Vec<String> = statement.raw_query().mapped(|row| row.get(3)).map(Result::unwrap).collect();
        assert_eq!(steps, ["SEARCH revisions USING INDEX revisions_apart (number>? AND number<?)"]);
    }
}
