//! The rehearsal of an import: rows are judged by customers as they stand, on a reading connection, and what was found is written
//! down. No customer is touched.

use std::cell::RefCell;
use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, params};

use super::rows::{self, PairKey, pair_key};
use super::{Moved, advance, begun, columns, customers, snapshot};
use crate::domain::{Customer, CustomerId, ImportRow, ImportState, Mode, Outcome};
use crate::store::sqlite::{Error, Store};
use crate::store::{Batch, Elsewhere, Judged, Requester};

/// What a row is judged by: customers as they stand at one moment, and the rows of the same file before it.
pub struct Looking<'a> {
    connection: &'a Connection,
    mode: Mode,
    import: i64,
    /// Of the rows of this batch, which are not written down yet.
    seen: RefCell<Seen>,
}

#[derive(Default)]
struct Seen {
    customers: HashMap<CustomerId, u64>,
    pairs: HashMap<[u8; 16], u64>,
}

impl Looking<'_> {
    /// The customer of an id.
    pub fn find(&self, id: &CustomerId) -> Result<Option<Customer>, Error> {
        Ok(customers::find(self.connection, self.mode, id)?.map(|row| row.customer))
    }

    /// Why an id that is no customer's here can be no new one's, if it cannot.
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

    /// Who has the pair of a customer.
    pub fn find_by_pair(&self, customer: &Customer) -> Result<Option<Customer>, Error> {
        match customers::find_by_pair(self.connection, customer)? {
            Some(id) => self.find(&id),
            None => Ok(None),
        }
    }

    /// The line of the file before that is about this customer, if there is one that is not refused.
    pub fn line_of(&self, id: &CustomerId) -> Result<Option<u64>, Error> {
        const SQL: &str = "SELECT line FROM import_rows WHERE customer = ?1 AND import = ?2
            AND outcome IN ('create', 'update', 'unchanged') AND line <= (SELECT line FROM imports WHERE number = ?2)";
        if let Some(line) = self.seen.borrow().customers.get(id) {
            return Ok(Some(*line));
        }
        let values = params![id.as_str(), self.import];
        Ok(self.connection.prepare_cached(SQL)?.query_row(values, |row| row.get(0)).optional()?)
    }

    /// The line of the file before that leaves a customer with the same pair.
    pub fn line_of_pair(&self, customer: &Customer) -> Result<Option<u64>, Error> {
        const SQL: &str = "SELECT line FROM import_rows WHERE pair = ?1 AND import = ?2
            AND outcome IN ('create', 'update', 'unchanged') AND line <= (SELECT line FROM imports WHERE number = ?2)";
        let Some(key) = pair_key(customer) else { return Ok(None) };
        if let Some(line) = self.seen.borrow().pairs.get(&key) {
            return Ok(Some(*line));
        }
        let line = self.connection.prepare_cached(SQL)?.query_row(params![key, self.import], |row| row.get(0));
        Ok(line.optional()?)
    }

    /// Remembers what a row is about, for those after it.
    fn note(&self, line: u64, judged: &Judged, pair: PairKey) {
        if !matches!(judged.outcome, Outcome::Refused | Outcome::Unread) {
            let mut seen = self.seen.borrow_mut();
            seen.customers.extend(judged.customer.clone().map(|id| (id, line)));
            seen.pairs.extend(pair.map(|pair| (pair, line)));
        }
    }
}

/// A row that was judged, or one that there is nothing to judge of.
type Found = (u64, Option<(Judged, PairKey)>);

impl Store {
    /// Judges the next rows of an import that is being rehearsed, at most so many, by a mapping, as text, that must be its own still.
    pub async fn rehearse_import(
        &self,
        requester: Requester,
        (number, mapping): (i64, String),
        count: u64,
        at: i64,
        judge: impl Fn(&ImportRow, &Looking<'_>) -> Result<Judged, Error> + Send + 'static,
    ) -> Result<Batch, Error> {
        let by = mapping.clone();
        let look = move |connection: &Connection| {
            if is_other(connection, number, &by)? {
                return Ok(Ok(None));
            }
            Ok(find(connection, number, count, &judge))
        };
        let Some((line, found)) = self.readers.away_of(requester.clone(), look).await?? else {
            return Ok(Batch::Elsewhere);
        };
        let last = (found.len() as u64) < count;
        let act = move |connection: &Connection| {
            // Another mapping begins anew, at the same line.
            if is_other(connection, number, &mapping)? {
                return Ok(Batch::Elsewhere);
            }
            Ok(write(connection, number, line, &found, last, at)?)
        };
        self.act_of(requester, act).await
    }
}

/// Whether an import has another mapping by now.
fn is_other(connection: &Connection, number: i64, mapping: &str) -> rusqlite::Result<bool> {
    const SQL: &str = "SELECT EXISTS (SELECT 1 FROM imports WHERE number = ?1 AND mapping = ?2)";
    let is_same = connection.prepare_cached(SQL)?.query_row(params![number, mapping], |row| row.get::<_, bool>(0))?;
    Ok(!is_same)
}

fn find(
    connection: &Connection,
    number: i64,
    count: u64,
    judge: &impl Fn(&ImportRow, &Looking<'_>) -> Result<Judged, Error>,
) -> Result<Option<(i64, Vec<Found>)>, Error> {
    let snapshot = snapshot(connection)?;
    let Some(begun) = begun(&snapshot, number, ImportState::Rehearsing)? else { return Ok(None) };
    let looking = Looking { connection: &snapshot, mode: begun.mode, import: number, seen: RefCell::default() };
    let mut found = Vec::new();
    for row in rows::after(&snapshot, number, begun.line, count)? {
        // What could not be read stays so, and what is erased stays away.
        let settled = row.outcome == Some(Outcome::Unread);
        let judged = if settled { None } else { Some(judge(&row, &looking)?) };
        let judged = judged.map(|judged| {
            let pair = judged.after.as_ref().and_then(pair_key);
            looking.note(row.line, &judged, pair);
            (judged, pair)
        });
        found.push((row.line, judged));
    }
    Ok(Some((begun.line, found)))
}

fn write(
    connection: &Connection,
    number: i64,
    from: i64,
    found: &[Found],
    last: bool,
    at: i64,
) -> rusqlite::Result<Batch> {
    const SQL: &str =
        "UPDATE import_rows SET outcome = ?3, customer = ?4, version = ?5, pair = iif(cells IS NULL, NULL, ?6), field = ?7,
        words = ?8 WHERE import = ?1 AND line = ?2";
    // Whoever else does the same work has done this batch already.
    let Some(begun) = begun(connection, number, ImportState::Rehearsing)? else { return Ok(Batch::Elsewhere) };
    if begun.line != from {
        return Ok(Batch::More);
    }
    let (mut moved, mut line) = (Moved::default(), from);
    for (at, judged) in found {
        line = columns::signed(*at);
        let Some((judged, pair)) = judged else { continue };
        let complaint = judged.complaint.as_ref();
        connection.prepare_cached(SQL)?.execute(params![
            number,
            line,
            judged.outcome.as_str(),
            judged.customer.as_ref().map(CustomerId::as_str),
            judged.version,
            pair,
            complaint.and_then(|complaint| complaint.field.as_ref()),
            complaint.map(|complaint| &complaint.words),
        ])?;
        moved.to(judged.outcome, None);
    }
    moved.write(connection, number)?;
    let respelled = found.iter().filter(|(_, judged)| judged.as_ref().is_some_and(|(judged, _)| judged.respelled));
    connection
        .prepare_cached("UPDATE imports SET respelled = respelled + ?2 WHERE number = ?1")?
        .execute(params![number, respelled.count()])?;
    advance(connection, number, ImportState::Rehearsing, (line, found.len()), last, at)
}
