//! Undoing an import, and undoing that: a batch of its rows in one transaction, as when it is applied. Whom it made goes and comes
//! back as a whole; whom it changed gets back the values of before, but for those that somebody edited since.

use rusqlite::{Connection, params};

use super::apply::{in_savepoint, is_of_customer, set_fate};
use super::{Moved, advance, begun, customers, revisions, rows, withdrawn};
use crate::domain::import::is_as_made;
use crate::domain::{
    Changes, Customer, CustomerId, Edited, Fate, ImportRow, ImportState, Mode, Outcome, Passage, Reversal, Revision,
};
use crate::store::sqlite::columns::CustomerRow;
use crate::store::sqlite::{Error, Store};
use crate::store::{Batch, Lane, Slice, Stamp};

impl Store {
    /// Takes back the next rows of an import that is being undone, or brings back those of one that is being redone, at most so
    /// many.
    pub async fn reverse_import(
        &self,
        lane: Lane,
        state: ImportState,
        count: u64,
        stamp: Stamp,
    ) -> Result<Batch, Error> {
        self.act_of(lane, move |connection| write(connection, state, count, &stamp)).await
    }
}

fn write(connection: &Connection, state: ImportState, count: u64, stamp: &Stamp) -> Result<Batch, Error> {
    let number = stamp.import;
    let Some(begun) = begun(connection, number, state)? else { return Ok(Batch::Elsewhere) };
    let rows = rows::after(connection, number, begun.line, count)?;
    let (mut moved, mut line) = (Moved::default(), begun.line);
    for row in &rows {
        line = customers::signed(row.line);
        let (Some(outcome), Some(before)) = (row.outcome, row.fate) else { continue };
        let Some((id, version)) = row.customer.as_ref().zip(row.version).filter(|_| is_of_customer(row.outcome)) else {
            continue;
        };
        let reversing = Reversing { connection, stamp, mode: begun.mode, id, version, outcome };
        let reversed = if state == ImportState::Undoing { reversing.undo(row)? } else { reversing.redo(row)? };
        let Some((fate, version)) = reversed else { continue };
        match version {
            Some(version) => set_version(connection, number, line, fate, version)?,
            None => set_fate(connection, number, line, fate)?,
        }
        moved.from(outcome, Some(before));
        moved.to(outcome, Some(fate));
    }
    moved.write(connection, number)?;
    let last = (rows.len() as u64) < count;
    Ok(advance(connection, number, state, (line, rows.len()), last, stamp.at)?)
}

fn set_version(connection: &Connection, number: i64, line: i64, fate: Fate, version: u64) -> rusqlite::Result<()> {
    const SQL: &str = "UPDATE import_rows SET fate = ?3, version = ?4 WHERE import = ?1 AND line = ?2";
    connection.prepare_cached(SQL)?.execute(params![number, line, fate.as_str(), version]).map(drop)
}

/// What became of a row, and the version that it made of its customer, if it made one; `None` where there is nothing to do.
type Reversed = Option<(Fate, Option<u64>)>;

/// One row, on its way back.
struct Reversing<'a> {
    connection: &'a Connection,
    stamp: &'a Stamp,
    mode: Mode,
    id: &'a CustomerId,
    /// What the import made of the customer last.
    version: u64,
    outcome: Outcome,
}

impl Reversing<'_> {
    fn undo(&self, row: &ImportRow) -> Result<Reversed, Error> {
        if row.fate != Some(Fate::Applied) {
            return Ok(None);
        }
        let Some(now) = customers::find(self.connection, self.mode, self.id)? else {
            return Ok(Some((Fate::Gone, None)));
        };
        if self.outcome == Outcome::Update {
            return self.take_back(&now, Fate::Undone, Fate::Partly, Fate::Needed);
        }
        if !is_as_made(&now.customer, &self.later(&now)?) {
            return Ok(Some((Fate::Kept, None)));
        }
        let passed = self.stamp.passed(now.customer.clone(), Passage::Withdrawn);
        withdrawn::withdraw(self.connection, &now, &passed)?;
        Ok(Some((Fate::Undone, Some(passed.customer.version))))
    }

    fn redo(&self, row: &ImportRow) -> Result<Reversed, Error> {
        match row.fate {
            Some(Fate::Undone | Fate::Partly | Fate::Away) => {}
            // They have been in effect all the time.
            Some(Fate::Kept | Fate::Needed) => return Ok(Some((Fate::Applied, None))),
            _ => return Ok(None),
        }
        if self.outcome == Outcome::Update {
            return match customers::find(self.connection, self.mode, self.id)? {
                Some(now) => Ok(self
                    .take_back(&now, Fate::Applied, Fate::Applied, Fate::Away)?
                    .map(|(fate, version)| (if fate == Fate::Kept { Fate::Away } else { fate }, version))),
                // Withdrawn, with the import that made it, one may come back.
                None if withdrawn::find(self.connection, self.mode, self.id)?.is_some() => Ok(Some((Fate::Away, None))),
                None => Ok(Some((Fate::Gone, None))),
            };
        }
        let Some(row) = withdrawn::find(self.connection, self.mode, self.id)? else {
            return Ok(Some((Fate::Gone, None)));
        };
        let passed = self.stamp.passed(row.customer.clone(), Passage::Returned);
        match in_savepoint(self.connection, || withdrawn::bring_back(self.connection, &row, &passed))? {
            Ok(()) => Ok(Some((Fate::Applied, Some(passed.customer.version)))),
            Err(_) => Ok(Some((Fate::Away, None))),
        }
    }

    /// Takes back the revision that this import made of a customer last.
    fn take_back(&self, now: &CustomerRow, whole: Fate, partly: Fate, never: Fate) -> Result<Reversed, Error> {
        let later = self.later(now)?;
        let slice = Slice { count: 1, skip: later.len() as u64 };
        let revision = revisions::page(self.connection, self.id, now.revision, slice)?.pop();
        let reversal = revision.and_then(|revision| Reversal::of(&now.customer, &revision, &later));
        let Some(Reversal { after, keeps }) = reversal else { return Ok(Some((never, None))) };
        let changes = Changes::between(&now.customer, &after);
        if changes.is_empty() {
            return Ok(Some((Fate::Kept, None)));
        }
        let edited = self.stamp.edited(after, changes, Some(self.version));
        let version = edited.customer.version;
        let edit = move |_: &Customer| -> Result<Option<Edited>, Fate> { Ok(Some(edited.clone())) };
        match in_savepoint(self.connection, || customers::edit(self.connection, self.mode, self.id, &edit))? {
            Ok(_) => Ok(Some((if keeps { partly } else { whole }, Some(version)))),
            Err(_) => Ok(Some((never, None))),
        }
    }

    /// What happened to a customer since this import, newest first.
    fn later(&self, now: &CustomerRow) -> rusqlite::Result<Vec<Revision>> {
        let slice = Slice { count: now.customer.version.saturating_sub(self.version), skip: 0 };
        revisions::page(self.connection, self.id, now.revision, slice)
    }
}
