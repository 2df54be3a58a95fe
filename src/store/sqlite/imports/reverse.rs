//! Undoing an import, and undoing that: a batch of its rows in one transaction, as when it is applied. Whom it made goes and comes
//! back as a whole; whom it changed gets back the values of before, but for those that somebody edited since.

use std::cell::Cell;

use rusqlite::{Connection, params};

use super::apply::{in_savepoint, is_of_customer};
use super::{Moved, advance, begun, columns, customers, revisions, rows, withdrawn};
use crate::domain::import::is_as_made;
use crate::domain::{
    Changes, Customer, CustomerId, Edited, Fate, ImportRow, ImportState, Mode, Outcome, Passage, Rejection, Reversal,
    Revision,
};
use crate::store::sqlite::columns::CustomerRow;
use crate::store::sqlite::revisions::RevisionRow;
use crate::store::sqlite::{Error, Store};
use crate::store::{Batch, Requester, Stamp};

/// With so many later revisions a customer counts as edited since, for all of them would be read while edits wait.
const SINCE_MAX: u64 = 1_000;
/// A batch ends early once it has read so many.
const WALKED: u64 = 256;

impl Store {
    /// Takes back the next rows of an import that is being undone, or brings back those of one that is being redone, at most so
    /// many.
    pub async fn reverse_import(
        &self,
        requester: Requester,
        state: ImportState,
        count: u64,
        stamp: Stamp,
    ) -> Result<Batch, Error> {
        self.act_of(requester, move |connection| write(connection, state, count, &stamp)).await
    }
}

fn write(connection: &Connection, state: ImportState, count: u64, stamp: &Stamp) -> Result<Batch, Error> {
    let number = stamp.import;
    let Some(begun) = begun(connection, number, state)? else { return Ok(Batch::Elsewhere) };
    let mut rows = rows::after(connection, number, begun.line, count)?;
    // What was not come to when it was applied has nothing to take back.
    rows.retain(|row| begun.stopped.is_none_or(|stopped| columns::signed(row.line) <= stopped));
    let (mut moved, mut line, mut done, walked) = (Moved::default(), begun.line, 0, Cell::new(0));
    for row in rows.iter().take_while(|_| walked.get() < WALKED) {
        (line, done) = (columns::signed(row.line), done + 1);
        let (Some(outcome), Some(before)) = (row.outcome, row.fate) else { continue };
        let Some((id, version)) = row.customer.as_ref().zip(row.version).filter(|_| is_of_customer(row.outcome)) else {
            continue;
        };
        let (mode, undoes) = (begun.mode, state == ImportState::Undoing);
        let reversing = Reversing { connection, stamp, mode, id, version, outcome, undoes, walked: &walked };
        let reversed = if undoes { reversing.undo(row)? } else { reversing.redo(row)? };
        let Some(reversed) = reversed else { continue };
        set(connection, number, line, &reversed)?;
        moved.from(outcome, Some(before));
        moved.to(outcome, Some(reversed.fate));
    }
    moved.write(connection, number)?;
    let last = done == rows.len() && (done as u64) < count;
    let batch = advance(connection, number, state, (line, done), last, stamp.at)?;
    if last && state == ImportState::Redoing {
        const GO_ON: &str = "UPDATE imports SET state = 'applying', line = stopped, stopped = NULL
            WHERE number = ?1 AND stopped IS NOT NULL";
        connection.prepare_cached(GO_ON)?.execute([number])?;
    }
    Ok(batch)
}

fn set(connection: &Connection, number: i64, line: i64, reversed: &Reversed) -> rusqlite::Result<()> {
    const SQL: &str = "UPDATE import_rows SET fate = ?3, version = coalesce(?4, version), words = ?5
        WHERE import = ?1 AND line = ?2";
    let Reversed { fate, version, words } = reversed;
    connection.prepare_cached(SQL)?.execute(params![number, line, fate.as_str(), version, words]).map(drop)
}

/// What became of a row.
struct Reversed {
    fate: Fate,
    /// The version that it made of its customer, if it made one.
    version: Option<u64>,
    /// Why it came to this, where the fate does not say it.
    words: Option<String>,
}

impl From<Fate> for Reversed {
    fn from(fate: Fate) -> Self {
        Self { fate, version: None, words: None }
    }
}

/// A revision of this import, and what others did to the customer since, newest first.
struct Since {
    revision: Revision,
    later: Vec<Revision>,
}

/// One row, on its way back.
struct Reversing<'a> {
    connection: &'a Connection,
    stamp: &'a Stamp,
    mode: Mode,
    id: &'a CustomerId,
    /// What the import made of the customer last.
    version: u64,
    outcome: Outcome,
    /// Whether what it did is taken back, not brought back.
    undoes: bool,
    /// How many revisions the batch has read.
    walked: &'a Cell<u64>,
}

impl Reversing<'_> {
    /// `None` where there is nothing to do.
    fn undo(&self, row: &ImportRow) -> Result<Option<Reversed>, Error> {
        if row.fate != Some(Fate::Applied) {
            return Ok(None);
        }
        let Some(now) = customers::find(self.connection, self.mode, self.id)? else {
            return Ok(Some(Fate::Gone.into()));
        };
        let Some(since) = self.since(&now)? else { return Ok(Some(Fate::Kept.into())) };
        if self.outcome == Outcome::Update {
            return Ok(Some(self.take_back(&now, &since, Fate::Needed)?));
        }
        if !is_as_made(&now.customer, &since.later) {
            return Ok(Some(Fate::Kept.into()));
        }
        let passed = self.stamp.passed(now.customer.clone(), Passage::Withdrawn);
        withdrawn::withdraw(self.connection, &now, &passed)?;
        Ok(Some(Reversed { version: Some(passed.customer.version), ..Fate::Undone.into() }))
    }

    /// `None` where there is nothing to do.
    fn redo(&self, row: &ImportRow) -> Result<Option<Reversed>, Error> {
        match row.fate {
            Some(Fate::Undone | Fate::Partly | Fate::Away) => {}
            // They have been in effect all the time.
            Some(Fate::Kept | Fate::Needed) => return Ok(Some(Fate::Applied.into())),
            _ => return Ok(None),
        }
        let withdrawn = withdrawn::find(self.connection, self.mode, self.id)?;
        if self.outcome == Outcome::Update {
            return match customers::find(self.connection, self.mode, self.id)? {
                Some(now) => self.put_back(&now).map(Some),
                // Withdrawn, with the import that made it, one may come back.
                None => Ok(Some(if withdrawn.is_some() { Fate::Away } else { Fate::Gone }.into())),
            };
        }
        let Some(row) = withdrawn else { return Ok(Some(Fate::Gone.into())) };
        let passed = self.stamp.passed(row.customer.clone(), Passage::Returned);
        match in_savepoint(self.connection, || withdrawn::bring_back(self.connection, &row, &passed))? {
            Ok(()) => Ok(Some(Reversed { version: Some(passed.customer.version), ..Fate::Applied.into() })),
            Err(_) => Ok(Some(Fate::Away.into())),
        }
    }

    /// Takes back the undo of an update.
    fn put_back(&self, now: &CustomerRow) -> Result<Reversed, Error> {
        let Some(since) = self.since(now)? else { return Ok(Fate::Away.into()) };
        let reversed = self.take_back(now, &since, Fate::Away)?;
        let fate = match reversed.fate {
            Fate::Undone | Fate::Partly => Fate::Applied,
            Fate::Kept => Fate::Away,
            fate => fate,
        };
        Ok(Reversed { fate, ..reversed })
    }

    /// Gives a customer the values of before a revision, but for those that others changed since; `never` where that cannot be.
    fn take_back(&self, now: &CustomerRow, since: &Since, never: Fate) -> Result<Reversed, Error> {
        let Reversal { after, keeps } = match Reversal::of(&now.customer, &since.revision, &since.later) {
            Ok(reversal) => reversal,
            Err(rejection) => return Ok(Reversed { words: Some(breaks(&rejection, never)), ..never.into() }),
        };
        let changes = Changes::between(&now.customer, &after);
        if changes.is_empty() {
            return Ok(Fate::Kept.into());
        }
        let edited = self.stamp.edited(after, changes, Some(self.version));
        let version = Some(edited.customer.version);
        let edit = move |_: &Customer| -> Result<Option<Edited>, Fate> { Ok(Some(edited.clone())) };
        match in_savepoint(self.connection, || customers::edit(self.connection, self.mode, self.id, &edit))? {
            Ok(_) => Ok(Reversed { version, ..if keeps { Fate::Partly } else { Fate::Undone }.into() }),
            Err(_) => Ok(never.into()),
        }
    }

    /// What this import did to a customer: all of it where it is in effect, which is what it did first, whatever it took and brought
    /// back since; else how it took that back. `None` where so much happened since that nobody is to wait until it is read.
    fn since(&self, now: &CustomerRow) -> rusqlite::Result<Option<Since>> {
        let (mut next, mut version, mut later) = (Some(now.revision), self.version, Vec::new());
        let mut read = 0;
        while let Some(number) = next
            && read < SINCE_MAX
        {
            let RevisionRow { previous, revision } = revisions::find(self.connection, self.id, number)?;
            (next, read) = (previous, read + 1);
            self.walked.set(self.walked.get() + 1);
            if revision.version != version {
                later.extend((revision.import != Some(self.stamp.import)).then_some(revision));
                continue;
            }
            match revision.undoes.filter(|_| self.undoes) {
                Some(earlier) => version = earlier,
                None => return Ok(Some(Since { revision, later })),
            }
        }
        Ok(None)
    }
}

/// In words.
fn breaks(rejection: &Rejection, fate: Fate) -> String {
    let rule = rejection.first().invalid.words();
    let was = if fate == Fate::Away { "was not brought back" } else { "was kept" };
    format!("{was}, for the values of before break a rule: {rule}")
}
