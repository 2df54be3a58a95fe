//! The preview of an import: what each row would do is found out on a reading connection and written into the row. No customer is
//! written.

use rusqlite::{Connection, params};

use super::lookup::ImportLookup;
use super::rows::{self, PairKey, pair_key};
use super::{Moved, advance, begun, columns, snapshot};
use crate::domain::{CustomerId, ImportRow, ImportState};
use crate::store::sqlite::{Error, Store};
use crate::store::{Batch, Judged, Requester};

/// A row that was judged, or one that there is nothing to judge of.
type Found = (u64, Option<(Judged, PairKey)>);

impl Store {
    /// Previews the next rows of an import, at most so many, as `judge` says of them, where the import still has this mapping.
    pub async fn rehearse_import(
        &self,
        requester: Requester,
        (number, mapping): (i64, String),
        count: u64,
        at: i64,
        judge: impl Fn(&[ImportRow], &ImportLookup<'_>) -> Result<Vec<Option<Judged>>, Error> + Send + 'static,
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
    judge: &impl Fn(&[ImportRow], &ImportLookup<'_>) -> Result<Vec<Option<Judged>>, Error>,
) -> Result<Option<(i64, Vec<Found>)>, Error> {
    let snapshot = snapshot(connection)?;
    let Some(begun) = begun(&snapshot, number, ImportState::Rehearsing)? else { return Ok(None) };
    let rows = rows::after(&snapshot, number, begun.line, count)?;
    let judged = judge(&rows, &ImportLookup::new(&snapshot, begun.mode, number))?;
    let paired = judged.into_iter().map(|judged| {
        judged.map(|judged| {
            let pair = judged.after.as_ref().and_then(pair_key);
            (judged, pair)
        })
    });
    let found = rows.iter().map(|row| row.line).zip(paired).collect();
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
