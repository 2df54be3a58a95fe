//! Undoing an import, and undoing that: a batch of its rows in one transaction, as when it is applied.

use rusqlite::{Connection, params};

use super::apply::not_written;
use super::lookup::ImportLookup;
use super::{Moved, advance, begun, columns, customers, rows, withdrawn};
use crate::domain::{Customer, Edited, Fate, ImportRow, ImportState, Mode};
use crate::store::sqlite::{Error, Store};
use crate::store::{Batch, NotWritten, Requester, Reverse, ReverseWrite};

/// A batch ends early once it has read so many revisions.
const WALKED: u64 = 256;

impl Store {
    /// Undoes or redoes the next rows of an import, at most so many, as `decide` says of each.
    pub async fn reverse_import(
        &self,
        requester: Requester,
        (number, state): (i64, ImportState),
        count: u64,
        at: i64,
        decide: impl Fn(&ImportRow, &ImportLookup<'_>) -> Result<Option<Reverse>, Error> + Send + 'static,
    ) -> Result<Batch, Error> {
        let act = move |connection: &Connection| write(connection, (number, state), count, at, &decide);
        self.act_of(requester, act).await
    }
}

fn write(
    connection: &Connection,
    (number, state): (i64, ImportState),
    count: u64,
    at: i64,
    decide: &impl Fn(&ImportRow, &ImportLookup<'_>) -> Result<Option<Reverse>, Error>,
) -> Result<Batch, Error> {
    let Some(begun) = begun(connection, number, state)? else { return Ok(Batch::Elsewhere) };
    let mut rows = rows::after(connection, number, begun.line, count)?;
    // A row that was not reached when the import was applied has nothing to undo.
    rows.retain(|row| begun.stopped.is_none_or(|stopped| columns::signed(row.line) <= stopped));
    let lookup = ImportLookup::new(connection, begun.mode, number);
    let (mut moved, mut line, mut done) = (Moved::default(), begun.line, 0);
    for row in rows.iter().take_while(|_| lookup.walked() < WALKED) {
        (line, done) = (columns::signed(row.line), done + 1);
        let (Some(outcome), Some(before)) = (row.outcome, row.fate) else { continue };
        let (fate, version, words) = match decide(row, &lookup)? {
            None => continue,
            Some(Reverse::Mark(fate, words)) => (fate, None, words),
            Some(Reverse::Write(write, fate, otherwise)) => match reverse(connection, begun.mode, write)? {
                Ok(version) => (fate, Some(version), None),
                Err(_) => (otherwise, None, None),
            },
        };
        const SQL: &str = "UPDATE import_rows SET fate = ?3, version = coalesce(?4, version), words = ?5
            WHERE import = ?1 AND line = ?2";
        connection.prepare_cached(SQL)?.execute(params![number, line, fate.as_str(), version, words])?;
        moved.from(outcome, Some(before));
        moved.to(outcome, Some(fate));
    }
    moved.write(connection, number)?;
    let last = done == rows.len() && (done as u64) < count;
    let batch = advance(connection, number, state, (line, done), last, at)?;
    if last && state == ImportState::Redoing {
        const GO_ON: &str = "UPDATE imports SET state = 'applying', line = stopped, stopped = NULL
            WHERE number = ?1 AND stopped IS NOT NULL";
        connection.prepare_cached(GO_ON)?.execute([number])?;
    }
    Ok(batch)
}

/// Writes one customer. Returns its version.
fn reverse(connection: &Connection, mode: Mode, write: ReverseWrite) -> Result<Result<u64, NotWritten>, Error> {
    match write {
        ReverseWrite::Remove(edited) => {
            let row = customers::find_or_missing(connection, mode, &edited.customer.id)?;
            withdrawn::withdraw(connection, &row, &edited)?;
            Ok(Ok(edited.customer.version))
        }
        ReverseWrite::Restore(edited) => {
            let Some(row) = withdrawn::find(connection, mode, &edited.customer.id)? else {
                return Ok(Err(NotWritten::Missing));
            };
            let restored = not_written(withdrawn::bring_back(connection, &row, &edited))?;
            Ok(restored.map(|()| edited.customer.version))
        }
        ReverseWrite::Edit(edited) => {
            let id = edited.customer.id.clone();
            let edit = move |_: &Customer| -> Result<Option<Edited>, Fate> { Ok(Some(Edited::clone(&edited))) };
            Ok(not_written(customers::edit(connection, mode, &id, &edit))?.map(|customer| customer.version))
        }
    }
}
