//! The rows of imports: add, list, and forget those of who is erased.

use blake2::digest::consts::U16;
use blake2::{Blake2b, Digest};
use rusqlite::{Connection, Row, params};

use super::{Moved, named};
use crate::domain::{Contact, Customer, CustomerId, Email, Fate, ImportRow, Outcome};
use crate::store::sqlite::{Error, Store, columns};
use crate::store::{Lane, NewRow, RowsOf};

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
        lane: Lane,
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
        self.act_of(lane, act).await
    }

    /// Rows of an import in the order of the file, after this line.
    pub async fn list_import_rows(
        &self,
        lane: Lane,
        number: i64,
        of: RowsOf,
        after: u64,
        count: u64,
    ) -> Result<Vec<ImportRow>, Error> {
        self.readers.away_of(lane, move |connection| list(connection, number, of, after, count)).await
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

/// A row, by its import and its line.
pub(in crate::store::sqlite) type RowPlace = (i64, i64);

/// The rows whose cells have the email or the contact of a customer, whatever is wrong with the rest of them: every row is read
/// that has cells.
pub(in crate::store::sqlite) fn naming(
    connection: &Connection,
    customer: &Customer,
) -> rusqlite::Result<Vec<RowPlace>> {
    let email = customer.email.as_ref().map(Email::key);
    let contact = customer.contact.as_ref().map(|contact| contact.as_str().to_owned());
    let values: Vec<String> = email.into_iter().chain(contact).collect();
    let mut statement = connection.prepare("SELECT import, line, cells FROM import_rows WHERE cells IS NOT NULL")?;
    let mut rows = statement.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let cells = row.get_ref(2)?.as_str()?.to_ascii_lowercase();
        if values.iter().any(|value| cells.contains(value)) {
            found.push((row.get(0)?, row.get(1)?));
        }
    }
    Ok(found)
}

/// Takes away the cells of rows that a customer came from, or that name them, those of `naming` among them. What such a row would
/// still have done, it does not.
pub(in crate::store::sqlite) fn forget(
    connection: &Connection,
    customer: &Customer,
    naming: &[RowPlace],
) -> rusqlite::Result<()> {
    const BY_ID: &str = "UPDATE import_rows SET cells = NULL, pair = NULL WHERE customer = ?1";
    const BY_PAIR: &str = "UPDATE import_rows SET cells = NULL, pair = NULL WHERE pair = ?1";
    const BY_PLACE: &str = "UPDATE import_rows SET cells = NULL, pair = NULL WHERE import = ?1 AND line = ?2";
    connection.prepare_cached(BY_ID)?.execute([customer.id.as_str()])?;
    if let Some(key) = pair_key(customer) {
        connection.prepare_cached(BY_PAIR)?.execute([key])?;
    }
    for (import, line) in naming {
        connection.prepare_cached(BY_PLACE)?.execute([import, line])?;
    }
    Ok(())
}
