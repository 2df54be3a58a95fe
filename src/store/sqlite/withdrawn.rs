//! The table of customers who were withdrawn with the import that made them: they move there and back, and their history stays.

use rusqlite::{Connection, OptionalExtension, params};

use super::columns::{self, CustomerRow, customer_columns};
use super::{Error, Store, customers, marks, revisions, snapshot};
use crate::domain::{CustomerId, Edited, Mode, Slice, Withdrawn};
use crate::store::Requester;

impl Store {
    /// A customer who was withdrawn, with their revisions, newest first; `None` where there is no such one.
    pub async fn find_withdrawn(
        &self,
        requester: Requester,
        mode: Mode,
        id: &CustomerId,
        slice: Slice,
    ) -> Result<Option<Withdrawn>, Error> {
        let id = id.clone();
        let ask = move |connection: &_| {
            let snapshot = snapshot(connection)?;
            let Some(row) = find(&snapshot, mode, &id)? else { return Ok(None) };
            let revisions = revisions::page(&snapshot, &id, row.revision, slice)?;
            Ok(Some(Withdrawn { customer: row.customer, revisions }))
        };
        self.readers.away_of(requester, ask).await
    }
}

pub(super) fn find(connection: &Connection, mode: Mode, id: &CustomerId) -> rusqlite::Result<Option<CustomerRow>> {
    const SQL: &str = concat!("SELECT ", customer_columns!(), " FROM withdrawn WHERE id = ?1 AND mode = ?2");
    connection.prepare_cached(SQL)?.query_row(params![id.as_str(), columns::mode(mode)], columns::customer).optional()
}

/// Takes a customer out of all that finds customers, by the revision that says so.
pub(super) fn withdraw(connection: &Connection, row: &CustomerRow, passed: &Edited) -> rusqlite::Result<()> {
    const MOVE: &str = concat!(
        "INSERT INTO withdrawn (",
        customer_columns!(),
        ") SELECT ",
        customer_columns!(),
        " FROM customers WHERE number = ?1"
    );
    connection.prepare_cached(MOVE)?.execute([row.number])?;
    connection.prepare_cached("DELETE FROM customers WHERE number = ?1")?.execute([row.number])?;
    marks::drop_after(connection, &row.customer)?;
    pass(connection, row, passed, "UPDATE withdrawn SET version = ?2, revision = ?3 WHERE number = ?1")
}

/// Brings a customer back, where their pair is free still.
pub(super) fn bring_back<R>(connection: &Connection, row: &CustomerRow, passed: &Edited) -> Result<(), Error<R>> {
    customers::insert_row(connection, row.number, &row.customer, row.revision)?;
    connection.prepare_cached("DELETE FROM withdrawn WHERE number = ?1")?.execute([row.number])?;
    marks::drop_after(connection, &row.customer)?;
    Ok(pass(connection, row, passed, "UPDATE customers SET version = ?2, revision = ?3 WHERE number = ?1")?)
}

/// Adds the revision that tells of the move, and makes it the newest.
fn pass(connection: &Connection, row: &CustomerRow, passed: &Edited, sql: &str) -> rusqlite::Result<()> {
    let number = revisions::next_number(connection)?;
    let mode = row.customer.mode;
    revisions::insert(connection, number, row.number, mode, Some(row.revision), &passed.revision)?;
    connection.prepare_cached(sql)?.execute(params![row.number, passed.customer.version, number]).map(drop)
}

pub(super) fn delete(connection: &Connection, number: i64) -> rusqlite::Result<()> {
    connection.prepare_cached("DELETE FROM withdrawn WHERE number = ?1")?.execute([number]).map(drop)
}
