//! The rows of imports that are about one customer: found a page at a time on a reading connection, and cleared little by little.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::rows::{self, pair_key};
use super::{DELETE_LEN, columns};
use crate::domain::{Customer, ImportRow};
use crate::store::sqlite::{Error, Store};
use crate::store::{About, Requester, RowAbout};

/// How many rows are looked at in one turn of a reading connection.
const PAGE_LEN: u64 = 1_000;

/// After which row of which import to go on.
type RowPlace = (i64, u64);

impl Store {
    /// The rows that hold something of a customer, of imports of its mode.
    pub async fn import_rows_about(
        &self,
        requester: Requester,
        customer: &Customer,
        about: About,
    ) -> Result<Vec<RowAbout>, Error> {
        let (mut all, mut after) = (Vec::new(), Some((0, 0)));
        while let Some(place) = after {
            let (found, next) = self.rows_about(requester.clone(), customer, about, place).await?;
            all.extend(found);
            after = next;
        }
        Ok(all)
    }

    /// Clears those rows, which are not written after that; in acts so small that an edit behind one hardly waits.
    pub(in crate::store::sqlite) async fn clear_rows_about(
        &self,
        customer: &Customer,
        about: About,
    ) -> Result<(), Error> {
        let mut after = Some((0, 0));
        while let Some(place) = after {
            let (found, next) = self.rows_about(Requester::HOUSE, customer, about, place).await?;
            for some in found.chunks(DELETE_LEN.cast_unsigned() as usize) {
                let places: Vec<RowPlace> = some.iter().map(|each| (each.import, each.row.line)).collect();
                self.free_of(Requester::HOUSE, move |connection| Ok(clear(connection, &places)?)).await?;
            }
            after = next;
        }
        Ok(())
    }

    async fn rows_about(
        &self,
        requester: Requester,
        customer: &Customer,
        about: About,
        after: RowPlace,
    ) -> Result<(Vec<RowAbout>, Option<RowPlace>), Error> {
        let customer = customer.clone();
        self.readers.away_of(requester, move |connection| page(connection, &customer, about, after)).await
    }
}

/// Those among the next rows that have cells, and where to go on.
fn page(
    connection: &Connection,
    customer: &Customer,
    about: About,
    (import, line): RowPlace,
) -> rusqlite::Result<(Vec<RowAbout>, Option<RowPlace>)> {
    const NEXT: &str = "SELECT number, mapping, columns FROM imports
        WHERE number >= ?1 AND mode = ?2 AND has_cells = 1 ORDER BY number LIMIT 1";
    let read =
        |row: &Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, Option<String>>(1)?, columns::read_names(row, 2)?));
    let next = connection.prepare_cached(NEXT)?.query_row(params![import, columns::mode(customer.mode)], read);
    let Some((number, mapping, names)) = next.optional()? else { return Ok((Vec::new(), None)) };
    let after = if number == import { line } else { 0 };
    let mut rows = rows::with_cells(connection, number, after, PAGE_LEN)?;
    let goes_on = match rows.last() {
        Some(last) if rows.len() as u64 == PAGE_LEN => (number, last.line),
        _ => (number + 1, 0),
    };
    let is_about = about(customer, mapping.as_deref(), &names);
    rows.retain(|row: &ImportRow| is_about(row));
    Ok((rows.into_iter().map(|row| RowAbout { import: number, row }).collect(), Some(goes_on)))
}

fn clear(connection: &Connection, places: &[RowPlace]) -> rusqlite::Result<()> {
    const SQL: &str = "UPDATE import_rows SET cells = NULL, pair = NULL WHERE import = ?1 AND line = ?2";
    for (import, line) in places {
        connection.prepare_cached(SQL)?.execute(params![import, line])?;
    }
    Ok(())
}

/// Clears the rows that the indexes find: those that a customer came from, and those with its pair.
pub(in crate::store::sqlite) fn forget(connection: &Connection, customer: &Customer) -> rusqlite::Result<()> {
    const BY_ID: &str = "UPDATE import_rows SET cells = NULL, pair = NULL
        WHERE customer = ?1 AND (cells IS NOT NULL OR pair IS NOT NULL)";
    const BY_PAIR: &str = "UPDATE import_rows SET cells = NULL, pair = NULL WHERE pair = ?1";
    connection.prepare_cached(BY_ID)?.execute([customer.id.as_str()])?;
    if let Some(key) = pair_key(customer) {
        connection.prepare_cached(BY_PAIR)?.execute([key])?;
    }
    Ok(())
}

/// Lets go of what a copy from before an erasure may hold of the person, whom it perhaps does not know yet: imports that were not
/// applied go, and the cells of the others. Gives how many imports, and the cells of how many rows.
pub(in crate::store::sqlite) fn let_go(connection: &Connection) -> rusqlite::Result<(u64, u64)> {
    const UNAPPLIED: &str = "SELECT number FROM imports WHERE number NOT IN (SELECT import FROM import_steps)";
    for table in ["import_rows", "import_counts"] {
        connection.execute(&format!("DELETE FROM {table} WHERE import IN ({UNAPPLIED})"), [])?;
    }
    let imports = connection.execute(&format!("DELETE FROM imports WHERE number IN ({UNAPPLIED})"), [])?;
    const CELLS: &str = "UPDATE import_rows SET cells = NULL, pair = NULL WHERE cells IS NOT NULL OR pair IS NOT NULL";
    let rows = connection.execute(CELLS, [])?;
    connection.execute("UPDATE imports SET has_cells = 0", [])?;
    Ok((imports as u64, rows as u64))
}
