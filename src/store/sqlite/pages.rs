//! Pages of a list, each found by the customer beside which it begins: the thousandth costs what the first does.

use rusqlite::{Connection, Transaction, TransactionBehavior, named_params};

use super::columns::{self, CustomerRow, customer_columns, signed};
use super::{Store, customers, marks, revisions};
use crate::domain::{Bookmark, Customer, Filter, Listed, Mode, Page, Place, Slice, Span};
use crate::store::{Error, Requester};

impl Store {
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
            self::slice(connection, mode, filter.span, slice)
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
        self.readers.away_of(requester, move |connection| find(connection, mode, span, &place, count)).await
    }
}

/// Customers between two places, in this order of age.
macro_rules! range {
    ($order:literal) => {
        concat!(
            "SELECT ",
            customer_columns!(),
            " FROM customers WHERE mode = :mode
            AND (created_at, id) > (:above, :above_id) AND (created_at, id) < (:below, :below_id)
            ORDER BY created_at ",
            $order,
            ", id ",
            $order,
            " LIMIT :count"
        )
    };
}

/// A mode's customers; `None` where the place is nobody's.
pub(super) fn find(
    connection: &Connection,
    mode: Mode,
    span: Span,
    place: &Place,
    count: u64,
) -> rusqlite::Result<Option<Page>> {
    let snapshot = Transaction::new_unchecked(connection, TransactionBehavior::Deferred)?;
    let beside = match place {
        Place::Newest => None,
        Place::OlderThan(id) | Place::NewerThan(id) => match customers::find(&snapshot, mode, id)? {
            Some(row) => Some(row.customer),
            None => return Ok(None),
        },
    };
    let beside = beside.as_ref().map(|customer| (customer.created_at, customer.id.as_str()));
    let rows = between(&snapshot, mode, query(place), bounds(span, place, beside), count.saturating_add(1))?;
    let items = rows.into_iter().map(|row| listed(&snapshot, row)).collect::<rusqlite::Result<_>>()?;
    Ok(Some(page(items, place, count)))
}

/// A mode's customers after a place, newest first.
pub(super) fn after(
    connection: &Connection,
    mode: Mode,
    span: Span,
    after: Option<&Bookmark>,
    count: u64,
) -> rusqlite::Result<Vec<CustomerRow>> {
    let (above, below) = bounds(span, &Place::Newest, None);
    let below = after.map_or(below, |mark| below.min((mark.created_at, mark.id.as_str())));
    between(connection, mode, range!("DESC"), (above, below), count)
}

type Bounds<'a> = ((i64, &'a str), (i64, &'a str));

fn between(
    connection: &Connection,
    mode: Mode,
    sql: &str,
    (above, below): Bounds,
    count: u64,
) -> rusqlite::Result<Vec<CustomerRow>> {
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map(
        named_params! {
            ":mode": columns::mode(mode), ":above": above.0, ":above_id": above.1,
            ":below": below.0, ":below_id": below.1, ":count": signed(count),
        },
        columns::customer,
    )?;
    rows.collect()
}

/// A mode's customers, newest first, some left out before.
pub(super) fn slice(connection: &Connection, mode: Mode, span: Span, slice: Slice) -> rusqlite::Result<Vec<Customer>> {
    const SQL: &str = concat!(range!("DESC"), " OFFSET :skip");
    // One snapshot: the marks and the rows belong together.
    let snapshot = Transaction::new_unchecked(connection, TransactionBehavior::Deferred)?;
    let (above, below) = bounds(span, &Place::Newest, None);
    let (below, skip) = marks::begin(&snapshot, mode, (below.0, below.1.to_owned()), slice.skip)?;
    let mut statement = snapshot.prepare_cached(SQL)?;
    let rows = statement.query_map(
        named_params! {
            ":mode": columns::mode(mode), ":above": above.0, ":above_id": above.1,
            ":below": below.0, ":below_id": below.1, ":count": signed(slice.count), ":skip": signed(skip),
        },
        columns::customer,
    )?;
    rows.map(|row| Ok(row?.customer)).collect()
}

/// Between which times and ids the page lies. At each end one bound, the tighter of two: given both, SQLite would start at
/// one and read all rows up to the other.
fn bounds<'a>(span: Span, place: &Place, beside: Option<(i64, &'a str)>) -> Bounds<'a> {
    // No id is empty, so these lie before the first one of their second.
    let from = (span.from.unwrap_or(i64::MIN), "");
    let to = (span.to.map_or(i64::MAX, |to| to.saturating_add(1)), "");
    match (place, beside) {
        (Place::OlderThan(_), Some(beside)) => (from, to.min(beside)),
        (Place::NewerThan(_), Some(beside)) => (from.max(beside), to),
        _ => (from, to),
    }
}

fn query(place: &Place) -> &'static str {
    match place {
        Place::Newest | Place::OlderThan(_) => range!("DESC"),
        Place::NewerThan(_) => range!("ASC"),
    }
}

/// The customer of a row, with what only its newest revision knows.
pub(super) fn listed(connection: &Connection, row: CustomerRow) -> rusqlite::Result<Listed> {
    Ok(Listed { customer: row.customer, edited_at: revisions::time(connection, row.revision)? })
}

/// The page that these make, in the order in which they were read: up to one more than asked for, which tells that there
/// are more.
pub(super) fn page(mut items: Vec<Listed>, place: &Place, count: u64) -> Page {
    let more = items.len() as u64 > count;
    items.truncate(usize::try_from(count).unwrap_or(usize::MAX));
    let (newer, older) = match place {
        Place::Newest => (false, more),
        Place::OlderThan(_) => (true, more),
        Place::NewerThan(_) => {
            items.reverse();
            (more, true)
        }
    };
    Page { items, newer, older }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::CustomerId;

    #[test]
    fn every_page_is_a_range_of_the_index() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(include_str!("../../../schema.sql")).unwrap();
        for place in [Place::Newest, Place::NewerThan(CustomerId::stored(String::new()))] {
            let sql = format!("EXPLAIN QUERY PLAN {}", query(&place));
            let mut statement = connection.prepare(&sql).unwrap();
            let plan: Vec<String> = statement.raw_query().mapped(|row| row.get(3)).map(Result::unwrap).collect();
            let range = "SEARCH customers USING INDEX customers_created (mode=? AND (created_at,id)>(?,?) AND (created_at,id)<(?,?))";
            assert_eq!(plan, [range]);
        }
    }
}
