//! Applying an import: a batch of its rows is written to customers in one transaction, which also records how far the import is.
//! So whenever it is interrupted, no row is written twice and none is left out.

use rusqlite::{Connection, params};

use super::lookup::ImportLookup;
use super::{Moved, advance, begun, columns, customers, rows};
use crate::domain::{Customer, Edited, Fate, ImportRow, ImportState};
use crate::store::sqlite::{Error, Store};
use crate::store::{Batch, NotWritten, Plan, Planned, Requester};

impl Store {
    /// Writes the next rows of an import that is being applied, at most so many, each as `plan` says.
    pub async fn apply_import(
        &self,
        requester: Requester,
        number: i64,
        count: u64,
        at: i64,
        plan: impl Fn(ImportRow, &ImportLookup<'_>) -> Result<Planned, Error> + Send + 'static,
        fate_of: fn(NotWritten) -> Fate,
    ) -> Result<Batch, Error> {
        // Read and planned where nobody waits for it.
        let look = move |connection: &Connection| {
            let Some(begun) = begun(connection, number, ImportState::Applying)? else { return Ok(Ok(None)) };
            let lookup = ImportLookup::new(connection, begun.mode, number);
            let found = rows::after(connection, number, begun.line, count)?;
            let planned: Result<Vec<_>, Error> = found.into_iter().map(|row| plan(row, &lookup)).collect();
            Ok(planned.map(|planned| Some((begun.line, planned))))
        };
        let Some((from, planned)) = self.readers.away_of(requester.clone(), look).await?? else {
            return Ok(Batch::Elsewhere);
        };
        let last = (planned.len() as u64) < count;
        self.act_of(requester, move |connection| write(connection, number, (from, planned), last, at, fate_of)).await
    }
}

fn write(
    connection: &Connection,
    number: i64,
    (from, planned): (i64, Vec<Planned>),
    last: bool,
    at: i64,
    fate_of: fn(NotWritten) -> Fate,
) -> Result<Batch, Error> {
    let Some(begun) = begun(connection, number, ImportState::Applying)? else { return Ok(Batch::Elsewhere) };
    if begun.line != from {
        return Ok(Batch::More);
    }
    let (mut moved, mut line, count) = (Moved::default(), from, planned.len());
    for Planned { row, plan } in planned {
        line = columns::signed(row.line);
        let Some(outcome) = row.outcome else { continue };
        let written = match plan {
            // Its customer was erased since it was planned.
            Plan::Create(_) | Plan::Update(..) if is_cleared(connection, number, line)? => Err(NotWritten::Cleared),
            Plan::Create(edited) => create(connection, &edited)?,
            Plan::Update(id, decide) => {
                let decide = move |now: &Customer| decide(now);
                not_written(customers::edit(connection, begun.mode, &id, &decide))?
            }
            Plan::Nothing => {
                const SQL: &str = "UPDATE import_rows SET cells = NULL, pair = NULL WHERE import = ?1 AND line = ?2";
                connection.prepare_cached(SQL)?.execute([number, line])?;
                continue;
            }
            Plan::Refuse => continue,
            Plan::Leave(fate) => Err(NotWritten::Refused(fate)),
        };
        let fate = match written {
            Ok(customer) => {
                set_written(connection, number, line, &customer)?;
                Fate::Applied
            }
            Err(why) => {
                let fate = fate_of(why);
                const SQL: &str = "UPDATE import_rows SET fate = ?3 WHERE import = ?1 AND line = ?2";
                connection.prepare_cached(SQL)?.execute(params![number, line, fate.as_str()])?;
                fate
            }
        };
        moved.from(outcome, None);
        moved.to(outcome, Some(fate));
    }
    moved.write(connection, number)?;
    Ok(advance(connection, number, ImportState::Applying, (line, count), last, at)?)
}

fn is_cleared(connection: &Connection, number: i64, line: i64) -> rusqlite::Result<bool> {
    const SQL: &str = "SELECT cells IS NULL FROM import_rows WHERE import = ?1 AND line = ?2";
    connection.prepare_cached(SQL)?.query_row([number, line], |row| row.get(0))
}

fn create(connection: &Connection, edited: &Edited) -> Result<Result<Customer, NotWritten>, Error> {
    if customers::was_there(connection, &edited.customer.id)? {
        return Ok(Err(NotWritten::Taken));
    }
    match customers::insert(connection, edited) {
        Ok(()) => Ok(Ok(edited.customer.clone())),
        Err(Error::Taken(_)) => Ok(Err(NotWritten::Taken)),
        Err(error) => Err(error),
    }
}

/// Sorts out why one customer was not written. A refusal has left nothing behind.
pub(super) fn not_written<T>(written: Result<T, Error<Fate>>) -> Result<Result<T, NotWritten>, Error> {
    Ok(Err(match written {
        Ok(written) => return Ok(Ok(written)),
        Err(Error::Refused(fate)) => NotWritten::Refused(fate),
        Err(Error::Missing) => NotWritten::Missing,
        Err(Error::Taken(_)) => NotWritten::Taken,
        Err(error) => return Err(error.map_refused(|_| unreachable!("refusals are returned above"))),
    }))
}

/// Notes that a row is written. Its values are in the customer and in the revision.
fn set_written(connection: &Connection, number: i64, line: i64, customer: &Customer) -> rusqlite::Result<()> {
    const SQL: &str = "UPDATE import_rows SET fate = 'applied', customer = ?3, version = ?4, cells = NULL, pair = NULL
        WHERE import = ?1 AND line = ?2";
    let values = params![number, line, customer.id.as_str(), customer.version];
    connection.prepare_cached(SQL)?.execute(values).map(drop)
}
