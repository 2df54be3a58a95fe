//! Rows that the rules of imports look up, in the transaction that they decide for.

use std::cell::Cell;

use rusqlite::{Connection, OptionalExtension, params};

use super::rows::pair_key;
use super::{customers, revisions, withdrawn};
use crate::domain::{Customer, CustomerId, Mode, Revision};
use crate::store::Elsewhere;
use crate::store::sqlite::Error;

/// Customers of a mode, and the rows of one import.
pub struct ImportLookup<'a> {
    connection: &'a Connection,
    mode: Mode,
    import: i64,
    /// The number of revisions that were read.
    walked: Cell<u64>,
}

impl<'a> ImportLookup<'a> {
    pub(super) fn new(connection: &'a Connection, mode: Mode, import: i64) -> Self {
        Self { connection, mode, import, walked: Cell::new(0) }
    }

    pub(super) fn walked(&self) -> u64 {
        self.walked.get()
    }

    /// The customer of an id.
    pub fn find(&self, id: &CustomerId) -> Result<Option<Customer>, Error> {
        Ok(customers::find(self.connection, self.mode, id)?.map(|row| row.customer))
    }

    /// The customer of an id in the recycle bin.
    pub fn find_removed(&self, id: &CustomerId) -> Result<Option<Customer>, Error> {
        Ok(withdrawn::find(self.connection, self.mode, id)?.map(|row| row.customer))
    }

    /// The revisions of a customer, newest first, each read when it is asked for.
    pub fn revisions(&self, id: &CustomerId) -> Result<impl Iterator<Item = Result<Revision, Error>>, Error> {
        let mut next = customers::find(self.connection, self.mode, id)?.map(|row| row.revision);
        Ok(std::iter::from_fn(move || {
            let number = next.take()?;
            self.walked.set(self.walked.get() + 1);
            let row = revisions::find(self.connection, id, number).map_err(Error::from);
            Some(row.map(|row| {
                next = row.previous;
                row.revision
            }))
        }))
    }

    /// The other place that has an id, where one has.
    pub fn find_elsewhere(&self, id: &CustomerId) -> Result<Option<Elsewhere>, Error> {
        const SQL: &str = "SELECT 0 FROM customers WHERE id = ?1 UNION ALL SELECT 1 FROM erasures WHERE id = ?1
            UNION ALL SELECT 2 FROM withdrawn WHERE id = ?1";
        let found = self.connection.prepare_cached(SQL)?.query_row([id.as_str()], |row| row.get(0)).optional()?;
        Ok(found.map(|found: i64| match found {
            0 => Elsewhere::OtherMode,
            1 => Elsewhere::Erased,
            _ => Elsewhere::Withdrawn,
        }))
    }

    /// The customer with the email and contact of this one.
    pub fn find_by_pair(&self, customer: &Customer) -> Result<Option<Customer>, Error> {
        match customers::find_by_pair(self.connection, customer)? {
            Some(id) => self.find(&id),
            None => Ok(None),
        }
    }

    /// The line of an earlier batch that is about this customer and not refused.
    pub fn line_of(&self, id: &CustomerId) -> Result<Option<u64>, Error> {
        const SQL: &str = "SELECT line FROM import_rows WHERE customer = ?1 AND import = ?2
            AND outcome IN ('create', 'update', 'unchanged') AND line <= (SELECT line FROM imports WHERE number = ?2)";
        let values = params![id.as_str(), self.import];
        Ok(self.connection.prepare_cached(SQL)?.query_row(values, |row| row.get(0)).optional()?)
    }

    /// The line of an earlier batch that leaves a customer with the same email and contact.
    pub fn line_of_pair(&self, customer: &Customer) -> Result<Option<u64>, Error> {
        const SQL: &str = "SELECT line FROM import_rows WHERE pair = ?1 AND import = ?2
            AND outcome IN ('create', 'update', 'unchanged') AND line <= (SELECT line FROM imports WHERE number = ?2)";
        let Some(key) = pair_key(customer) else { return Ok(None) };
        let line = self.connection.prepare_cached(SQL)?.query_row(params![key, self.import], |row| row.get(0));
        Ok(line.optional()?)
    }
}
