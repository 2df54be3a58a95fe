//! The rows of imports: add, and list.

use blake2::digest::consts::U16;
use blake2::{Blake2b, Digest};
use rusqlite::{Connection, Row, params};

use super::{Moved, named};
use crate::domain::{Contact, Customer, CustomerId, Email, Fate, ImportRow, Outcome, RowsOf};
use crate::store::sqlite::{Error, Store, columns};
use crate::store::{NewRow, Requester};

/// What tells the pair of a customer from any other; `None` where there is neither email nor contact.
pub(super) type PairKey = Option<[u8; 16]>;

pub(super) fn pair_key(customer: &Customer) -> PairKey {
    if customer.email.is_none() && customer.contact.is_none() {
        return None;
    }
    let digest = Blake2b::<U16>::new()
        .chain_update(customer.mode.as_str())
        .chain_update(customer.email.as_ref().map(Email::key).unwrap_or_default())
        .chain_update([0])
        .chain_update(customer.contact.as_ref().map(Contact::as_str).unwrap_or_default());
    Some(digest.finalize().into())
}

impl Store {
    /// Adds rows to an import that is being received, with the columns that are known by then; `last` ends it. Gives whether the
    /// import is being received still.
    pub async fn add_import_rows(
        &self,
        requester: Requester,
        number: i64,
        rows: Vec<NewRow>,
        columns: Vec<String>,
        last: bool,
        at: i64,
    ) -> Result<bool, Error> {
        const ROW: &str = "INSERT INTO import_rows (import, line, cells, outcome, words) VALUES (?1, ?2, ?3, ?4, ?5)";
        const SQL: &str = "UPDATE imports SET rows = rows + ?2, columns = ?3, state = ?4, moved_at = ?5
            WHERE number = ?1 AND state = 'receiving'";
        let act = move |connection: &Connection| {
            let state = if last { "received" } else { "receiving" };
            let values = params![number, rows.len(), columns::names(&columns)?, state, at];
            if connection.prepare_cached(SQL)?.execute(values)? == 0 {
                return Ok(false);
            }
            let mut moved = Moved::default();
            for row in &rows {
                let outcome = row.unread.as_ref().map(|_| Outcome::Unread.as_str());
                let values = params![number, row.line, row.cells, outcome, row.unread];
                connection.prepare_cached(ROW)?.execute(values)?;
                if outcome.is_some() {
                    moved.to(Outcome::Unread, None);
                }
            }
            moved.write(connection, number)?;
            Ok(true)
        };
        self.act_of(requester, act).await
    }

    /// Rows of an import in the order of the file, after this line.
    pub async fn list_import_rows(
        &self,
        requester: Requester,
        number: i64,
        of: RowsOf,
        after: u64,
        count: u64,
    ) -> Result<Vec<ImportRow>, Error> {
        self.readers.away_of(requester, move |connection| list(connection, number, of, after, count)).await
    }
}

fn list(connection: &Connection, number: i64, of: RowsOf, after: u64, count: u64) -> rusqlite::Result<Vec<ImportRow>> {
    let only = match of {
        RowsOf::All => String::new(),
        RowsOf::Outcome(Outcome::Refused) => " AND outcome IN ('refused', 'unread')".to_owned(),
        // One whose customer was edited before it was applied has a fate.
        RowsOf::Outcome(Outcome::Unchanged) => " AND outcome = 'unchanged' AND fate IS NULL".to_owned(),
        RowsOf::Outcome(outcome) => format!(" AND outcome = '{}'", outcome.as_str()),
        RowsOf::Waiting => format!(" AND {WAITING}"),
        RowsOf::Fate(fate) => format!(" AND fate = '{}'", fate.as_str()),
        RowsOf::Unwritten => format!(
            " AND (outcome IN ('refused', 'unread') OR fate IN ('changed', 'taken', 'gone') AND cells IS NOT NULL
            OR {WAITING} AND cells IS NOT NULL
                AND (SELECT state FROM imports WHERE number = ?1) IN ('applied', 'undone'))"
        ),
    };
    let sql = format!("SELECT {COLUMNS} FROM import_rows WHERE import = ?1 AND line > ?2{only} ORDER BY line LIMIT ?3");
    connection.prepare_cached(&sql)?.query_map(params![number, after, count], read)?.collect()
}

/// That a row is to be written, and was not come to.
const WAITING: &str = "outcome IN ('create', 'update') AND fate IS NULL";

const COLUMNS: &str = "line, cells, outcome, customer, version, field, words, fate";

/// The next rows of an import after a line, whatever they are.
pub(super) fn after(connection: &Connection, number: i64, line: i64, count: u64) -> rusqlite::Result<Vec<ImportRow>> {
    list(connection, number, RowsOf::All, line.cast_unsigned(), count)
}

/// The next rows of an import after a line that have cells.
pub(super) fn with_cells(
    connection: &Connection,
    number: i64,
    line: u64,
    count: u64,
) -> rusqlite::Result<Vec<ImportRow>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM import_rows WHERE import = ?1 AND line > ?2 AND cells IS NOT NULL ORDER BY line LIMIT ?3"
    );
    connection.prepare_cached(&sql)?.query_map(params![number, line, count], read)?.collect()
}

fn read(row: &Row<'_>) -> rusqlite::Result<ImportRow> {
    let outcome = row.get_ref(2)?.as_str_or_null()?.is_some().then(|| named(row, 2, Outcome::parse)).transpose()?;
    let fate = row.get_ref(7)?.as_str_or_null()?.is_some().then(|| named(row, 7, Fate::parse)).transpose()?;
    Ok(ImportRow {
        line: row.get(0)?,
        cells: row.get(1)?,
        outcome,
        customer: row.get::<_, Option<String>>(3)?.map(CustomerId::stored),
        version: row.get(4)?,
        field: row.get(5)?,
        words: row.get(6)?,
        fate,
    })
}
