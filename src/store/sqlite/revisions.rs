//! The table of revisions: append one, and walk one customer's from the newest back.

use rusqlite::{Connection, Row, params};

use super::columns;
use crate::domain::{CustomerId, Mode, Passage, RequestNumber, Revision, Slice};

/// The columns that [`read`] reads, in its order, for `concat!`.
macro_rules! revision_columns {
    () => {
        "version, at, actor_type, actor_id, actor_label, request_id, request, undoes, changes, import, passage"
    };
}
pub(super) use revision_columns;

/// The number that the next revision, erasure or step of an import gets, for whoever holds the write lock. A number of a revision that is erased
/// does not come again: the erasure has a later one.
pub(super) fn next_number(connection: &Connection) -> rusqlite::Result<i64> {
    const SQL: &str = "SELECT max(coalesce((SELECT max(number) FROM revisions), 0),
        coalesce((SELECT max(number) FROM erasures), 0), coalesce((SELECT max(number) FROM import_steps), 0)) + 1";
    connection.prepare_cached(SQL)?.query_row([], |row| row.get(0))
}

/// Adds a revision, by the next number, after the customer's `previous` one.
pub(super) fn insert(
    connection: &Connection,
    number: i64,
    customer: i64,
    mode: Mode,
    previous: Option<i64>,
    revision: &Revision,
) -> rusqlite::Result<()> {
    const SQL: &str = "INSERT INTO revisions
        (number, customer, version, previous, mode, at, actor_type, actor_id, actor_label, request_id, request, undoes, changes,
        import, passage)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)";
    let (actor_type, actor_id, actor_label) = columns::actor(&revision.actor);
    let changes = columns::changes(&revision.changes)?;
    let values = params![
        number,
        customer,
        revision.version,
        previous,
        columns::mode(mode),
        revision.at,
        actor_type,
        actor_id,
        actor_label,
        revision.request_id,
        revision.request.map(|number| number.0),
        revision.undoes,
        changes,
        revision.import,
        revision.passage.map(Passage::as_str),
    ];
    connection.prepare_cached(SQL)?.execute(values).map(drop)
}

/// A customer's revisions from its newest, by its number, back to the creation.
pub(super) fn page(
    connection: &Connection,
    id: &CustomerId,
    newest: i64,
    slice: Slice,
) -> rusqlite::Result<Vec<Revision>> {
    let mut revisions = Vec::new();
    let mut skip = slice.skip;
    let mut next = Some(newest);
    while let Some(number) = next
        && (revisions.len() as u64) < slice.count
    {
        if skip > 0 {
            skip -= 1;
            next = previous(connection, number)?;
        } else {
            let row = find(connection, id, number)?;
            revisions.push(row.revision);
            next = row.previous;
        }
    }
    Ok(revisions)
}

/// A revision as read, with where the history goes on.
pub(super) struct RevisionRow {
    pub(super) previous: Option<i64>,
    pub(super) revision: Revision,
}

/// One revision of this customer, by its number.
pub(super) fn find(connection: &Connection, id: &CustomerId, number: i64) -> rusqlite::Result<RevisionRow> {
    const SQL: &str = concat!("SELECT previous, ", revision_columns!(), " FROM revisions WHERE number = ?1");
    let row = |row: &Row<'_>| Ok(RevisionRow { previous: row.get(0)?, revision: read(row, 1, id.clone())? });
    connection.prepare_cached(SQL)?.query_row([number], row)
}

/// A revision of this customer, from its columns on.
pub(super) fn read(row: &Row<'_>, first: usize, customer: CustomerId) -> rusqlite::Result<Revision> {
    Ok(Revision {
        customer,
        version: row.get(first)?,
        at: row.get(first + 1)?,
        actor: columns::read_actor(row, first + 2)?,
        request_id: row.get(first + 5)?,
        request: row.get::<_, Option<i64>>(first + 6)?.map(RequestNumber),
        undoes: row.get(first + 7)?,
        changes: columns::read_changes(row, first + 8)?,
        import: row.get(first + 9)?,
        passage: row.get::<_, Option<String>>(first + 10)?.and_then(|name| Passage::parse(&name)),
    })
}

/// Deletes a history from its newest revision, by its number, back to the creation.
pub(super) fn delete(connection: &Connection, newest: i64) -> rusqlite::Result<()> {
    let mut next = Some(newest);
    while let Some(number) = next {
        next = previous(connection, number)?;
        connection.prepare_cached("DELETE FROM revisions WHERE number = ?1")?.execute([number])?;
    }
    Ok(())
}

/// When a revision was made.
pub(super) fn time(connection: &Connection, number: i64) -> rusqlite::Result<i64> {
    connection.prepare_cached("SELECT at FROM revisions WHERE number = ?1")?.query_row([number], |row| row.get(0))
}

fn previous(connection: &Connection, number: i64) -> rusqlite::Result<Option<i64>> {
    const SQL: &str = "SELECT previous FROM revisions WHERE number = ?1";
    connection.prepare_cached(SQL)?.query_row([number], |row| row.get(0))
}
