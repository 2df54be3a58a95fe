//! Applying an import: a batch of its rows is written to customers in one transaction, which also records how far the import is.
//! So whenever it is interrupted, no row is written twice and none is left out.

use rusqlite::{Connection, params};

use super::{Moved, advance, begun, columns, customers, rows};
use crate::domain::{Customer, CustomerId, Edited, Fate, ImportRow, ImportState, Mode, Outcome};
use crate::store::sqlite::{Error, Store};
use crate::store::{Batch, Plan, Planned, Requester};

impl Store {
    /// Writes the next rows of an import that is being applied, at most so many, each as `plan` says.
    pub async fn apply_import(
        &self,
        requester: Requester,
        number: i64,
        count: u64,
        at: i64,
        plan: impl Fn(ImportRow) -> Planned + Send + 'static,
    ) -> Result<Batch, Error> {
        // Read and planned where nobody waits for it.
        let look = move |connection: &Connection| {
            let Some(begun) = begun(connection, number, ImportState::Applying)? else { return Ok(None) };
            let found = rows::after(connection, number, begun.line, count)?;
            let planned = found.into_iter().map(|row| unchanged_still(connection, begun.mode, plan(row)));
            Ok(Some((begun.line, planned.collect::<rusqlite::Result<Vec<_>>>()?)))
        };
        let Some((from, planned)) = self.readers.away_of(requester.clone(), look).await? else {
            return Ok(Batch::Elsewhere);
        };
        let last = (planned.len() as u64) < count;
        self.act_of(requester, move |connection| write(connection, number, from, planned, last, at)).await
    }
}

/// Whoever had the values of a row in the rehearsal may have others by now: then it is told, for nothing is written.
fn unchanged_still(connection: &Connection, mode: Mode, planned: Planned) -> rusqlite::Result<Planned> {
    let (Plan::Nothing, Some(id)) = (&planned.plan, &planned.row.customer) else { return Ok(planned) };
    let plan = match customers::find(connection, mode, id)? {
        None => Plan::Leave(Fate::Gone),
        Some(now) if Some(now.customer.version) != planned.row.version => Plan::Leave(Fate::Changed),
        Some(_) => Plan::Nothing,
    };
    Ok(Planned { plan, ..planned })
}

fn write(
    connection: &Connection,
    number: i64,
    from: i64,
    planned: Vec<Planned>,
    last: bool,
    at: i64,
) -> Result<Batch, Error> {
    let Some(begun) = begun(connection, number, ImportState::Applying)? else { return Ok(Batch::Elsewhere) };
    if begun.line != from {
        return Ok(Batch::More);
    }
    let (mut moved, mut line, count) = (Moved::default(), from, planned.len());
    for Planned { row, plan } in planned {
        line = columns::signed(row.line);
        let Some(outcome) = row.outcome else { continue };
        let fate = match plan {
            // Its customer was erased since it was planned.
            Plan::Create(_) | Plan::Update(..) if is_cleared(connection, number, line)? => Fate::Gone,
            Plan::Create(edited) => create(connection, number, line, &edited)?,
            Plan::Update(id, decide) => {
                let decide = move |now: &Customer| decide(now);
                let edited = in_savepoint(connection, || customers::edit(connection, begun.mode, &id, &decide))?;
                match edited {
                    Ok(customer) => written(connection, number, line, &id, Some(customer.version))?,
                    Err(fate) => fate,
                }
            }
            Plan::Nothing => {
                const SQL: &str = "UPDATE import_rows SET cells = NULL, pair = NULL WHERE import = ?1 AND line = ?2";
                connection.prepare_cached(SQL)?.execute([number, line])?;
                continue;
            }
            Plan::Refuse => continue,
            Plan::Leave(fate) => fate,
        };
        if fate != Fate::Applied {
            set_fate(connection, number, line, fate)?;
        }
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

fn create(connection: &Connection, number: i64, line: i64, edited: &Edited) -> Result<Fate, Error> {
    if customers::was_there(connection, &edited.customer.id)? {
        return Ok(Fate::Taken);
    }
    // Nothing is written before the pair is found to be taken, so that there is nothing to take back.
    match customers::insert(connection, edited) {
        Ok(()) => Ok(written(connection, number, line, &edited.customer.id, Some(edited.customer.version))?),
        Err(Error::Taken(_)) => Ok(Fate::Taken),
        Err(error) => Err(error),
    }
}

/// Does something to one customer that may be refused for what is written already, and then takes back what it wrote.
pub(super) fn in_savepoint<T>(
    connection: &Connection,
    act: impl FnOnce() -> Result<T, Error<Fate>>,
) -> Result<Result<T, Fate>, Error> {
    connection.prepare_cached("SAVEPOINT one_row")?.execute([])?;
    let done = match act() {
        Ok(done) => Ok(done),
        Err(Error::Refused(fate)) => Err(fate),
        Err(Error::Missing) => Err(Fate::Gone),
        Err(Error::Taken(_)) => Err(Fate::Taken),
        Err(error) => return Err(error.map_refused(|_| unreachable!("refusals are told above"))),
    };
    if done.is_err() {
        connection.prepare_cached("ROLLBACK TO one_row")?.execute([])?;
    }
    connection.prepare_cached("RELEASE one_row")?.execute([])?;
    Ok(done)
}

/// A row that is in a customer is needed no more: its values are there, and in the revision.
fn written(
    connection: &Connection,
    number: i64,
    line: i64,
    id: &CustomerId,
    version: Option<u64>,
) -> rusqlite::Result<Fate> {
    const SQL: &str = "UPDATE import_rows SET fate = 'applied', customer = ?3, version = ?4, cells = NULL, pair = NULL
        WHERE import = ?1 AND line = ?2";
    connection.prepare_cached(SQL)?.execute(params![number, line, id.as_str(), version])?;
    Ok(Fate::Applied)
}

pub(super) fn set_fate(connection: &Connection, number: i64, line: i64, fate: Fate) -> rusqlite::Result<()> {
    const SQL: &str = "UPDATE import_rows SET fate = ?3 WHERE import = ?1 AND line = ?2";
    connection.prepare_cached(SQL)?.execute(params![number, line, fate.as_str()]).map(drop)
}

/// Whether a row with this outcome can have been written.
pub(super) fn is_of_customer(outcome: Option<Outcome>) -> bool {
    matches!(outcome, Some(Outcome::Create | Outcome::Update))
}
