//! The table of imports: begin, find, list, move from state to state, drop; and the counts of their rows.

mod about;
mod apply;
mod lookup;
mod rehearse;
mod reverse;
mod rows;

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{Error, Store, columns, customers, revisions, snapshot, withdrawn};
use crate::domain::{Fate, Import, ImportHappened, ImportState, ImportStep, Mode, Outcome, Step};
use crate::store::{Batch, NewImport, Requester};

pub(super) use about::{forget, let_go};
pub use lookup::ImportLookup;

/// How many rows are deleted in one act: an edit behind it hardly waits.
const DELETE_LEN: i64 = 256;

impl Store {
    /// Begins to receive a file. Gives the import's number.
    pub async fn begin_import(&self, requester: Requester, new: NewImport) -> Result<i64, Error> {
        const SQL: &str =
            "INSERT INTO imports (mode, at, actor_type, actor_id, actor_label, file, format, state, moved_at)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 'receiving', ?2)";
        let act = move |connection: &Connection| {
            let (actor_type, actor_id, actor_label) = columns::actor(&new.actor);
            let mode = columns::mode(new.mode);
            let values = params![mode, new.at, actor_type, actor_id, actor_label, new.file, new.format];
            connection.prepare_cached(SQL)?.execute(values)?;
            Ok(connection.last_insert_rowid())
        };
        self.act_of(requester, act).await
    }

    /// An import of a mode; `None` where there is no such one, or it was dropped.
    pub async fn find_import(&self, requester: Requester, mode: Mode, number: i64) -> Result<Option<Import>, Error> {
        let ask = move |connection: &_| Ok(find(connection, number)?.filter(|import| import.mode == mode));
        self.readers.away_of(requester, ask).await
    }

    /// The mode of an import; `None` where there is no such one.
    pub async fn mode_of_import(&self, number: i64) -> Result<Option<Mode>, Error> {
        self.readers.here(|connection| Ok(find(connection, number)?.map(|import| import.mode)))
    }

    /// A mode's imports, the newest first, whose numbers are below this one.
    pub async fn list_imports(
        &self,
        requester: Requester,
        mode: Mode,
        before: Option<i64>,
        count: u64,
    ) -> Result<Vec<Import>, Error> {
        const SQL: &str = "SELECT number FROM imports WHERE mode = ?1 AND state != 'dropped' AND number < ?2
            ORDER BY number DESC LIMIT ?3";
        let ask = move |connection: &Connection| {
            let values = params![columns::mode(mode), before.unwrap_or(i64::MAX), count];
            let mut statement = connection.prepare_cached(SQL)?;
            let numbers: Vec<i64> = statement.query_map(values, |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
            numbers.into_iter().filter_map(|number| find(connection, number).transpose()).collect()
        };
        self.readers.away_of(requester, ask).await
    }

    /// The imports that are at work and have not moved since, but those whose file comes in.
    pub async fn still_imports(&self, since: i64) -> Result<Vec<i64>, Error> {
        const SQL: &str = "SELECT number FROM imports WHERE moved_at < ?1
            AND state IN ('rehearsing', 'applying', 'undoing', 'redoing') ORDER BY number";
        let ask = move |connection: &Connection| {
            connection.prepare_cached(SQL)?.query_map([since], |row| row.get(0))?.collect()
        };
        self.readers.away(ask).await
    }

    /// Says which column is what, as text. What a rehearsal found before is found out anew. Gives whether the import was in a
    /// state for it.
    pub async fn map_import(&self, requester: Requester, number: i64, mapping: String, at: i64) -> Result<bool, Error> {
        const SQL: &str = "UPDATE imports SET mapping = ?2, state = 'received', done = 0, line = 0, moved_at = ?3
            WHERE number = ?1 AND state IN ('received', 'rehearsing', 'rehearsed')";
        let act = move |connection: &Connection| {
            Ok(connection.prepare_cached(SQL)?.execute(params![number, mapping, at])? == 1)
        };
        self.act_of(requester, act).await
    }

    /// Moves an import from one of these states to one in which there is work to do, from its beginning on, and keeps that as a
    /// step where it is one. Gives whether it was in one of them.
    pub async fn start_import(
        &self,
        requester: Requester,
        number: i64,
        from: &'static [ImportState],
        to: ImportState,
        step: Option<ImportStep>,
        at: i64,
    ) -> Result<bool, Error> {
        let act = move |connection: &Connection| {
            let Some(import) = find(connection, number)?.filter(|import| from.contains(&import.state)) else {
                return Ok(false);
            };
            if let Some(step) = &step {
                insert_step(connection, &import, step)?;
            }
            if to == ImportState::Rehearsing {
                let sql = "DELETE FROM import_counts WHERE import = ?1 AND outcome != 'unread'";
                connection.prepare_cached(sql)?.execute([number])?;
            }
            // Where it was not applied whole, the rest of it waits until it is brought back.
            const SQL: &str = "UPDATE imports SET state = ?2, done = 0, line = 0, moved_at = ?3,
                respelled = iif(?2 = 'rehearsing', 0, respelled), stopped = iif(state = 'applying', line, stopped) WHERE number = ?1";
            Ok(connection.prepare_cached(SQL)?.execute(params![number, to.as_str(), at])? == 1)
        };
        self.act_of(requester, act).await
    }

    /// Gives up an import that wrote nothing yet; its rows go little by little, by [`Self::tidy_imports`]. Gives whether it was one.
    pub async fn drop_import(&self, requester: Requester, number: i64) -> Result<bool, Error> {
        const SQL: &str = "UPDATE imports SET state = 'dropped' WHERE number = ?1
            AND state IN ('receiving', 'received', 'rehearsing', 'rehearsed')";
        self.free_of(requester, move |connection: &Connection| {
            Ok(connection.prepare_cached(SQL)?.execute([number])? == 1)
        })
        .await
    }

    /// Lets go of a little of what was kept long enough: files that came no further since `uploads`, imports that wrote nothing and did
    /// not move since `rehearsals`, and the cells of rows that were not written by imports that were applied before `cells`. Gives whether there may be more.
    pub async fn tidy_imports(&self, uploads: i64, rehearsals: i64, cells: i64) -> Result<bool, Error> {
        // Nothing is queued for the writing thread where nothing is due, which is nearly always.
        let due = move |connection: &Connection| match find_due(connection, uploads, rehearsals)? {
            Some(_) => Ok(Some(Due::Rows)),
            None => find_cells(connection, cells),
        };
        match self.readers.away(due).await? {
            None => Ok(false),
            Some(Due::Rows) => {
                self.free_of(Requester::HOUSE, move |connection| Ok(delete(connection, uploads, rehearsals)?)).await
            }
            Some(Due::Cells(number, lines)) => {
                let act = move |connection: &Connection| Ok(empty(connection, number, &lines)?);
                self.free_of(Requester::HOUSE, act).await.map(|()| true)
            }
        }
    }
}

/// An import that is to go.
fn find_due(connection: &Connection, uploads: i64, rehearsals: i64) -> rusqlite::Result<Option<i64>> {
    const SQL: &str = "SELECT number FROM imports WHERE state = 'dropped' OR moved_at < ?1 AND state = 'receiving'
        OR moved_at < ?2 AND state IN ('received', 'rehearsing', 'rehearsed') LIMIT 1";
    connection.prepare_cached(SQL)?.query_row([uploads, rehearsals], |row| row.get(0)).optional()
}

/// What is to go.
enum Due {
    /// Imports, with their rows.
    Rows,
    /// The cells of an import, on these lines; of none where all are gone.
    Cells(i64, Vec<i64>),
}

/// The next cells to go. Looked for where nobody waits for it, and on from where they went last. What is interrupted keeps its cells.
fn find_cells(connection: &Connection, before: i64) -> rusqlite::Result<Option<Due>> {
    const SQL: &str = "SELECT number, tidied FROM imports WHERE has_cells = 1 AND state IN ('applied', 'undone')
        AND (SELECT min(at) FROM import_steps WHERE import = imports.number) < ?1 LIMIT 1";
    const LINES: &str = "SELECT line FROM import_rows WHERE import = ?1 AND line > ?2 AND cells IS NOT NULL
        ORDER BY line LIMIT ?3";
    let found = connection.prepare_cached(SQL)?.query_row([before], |row| Ok((row.get(0)?, row.get(1)?)));
    let Some((number, tidied)) = found.optional()? else { return Ok(None) };
    let values: [i64; 3] = [number, tidied, DELETE_LEN];
    let lines = connection.prepare_cached(LINES)?.query_map(values, |row| row.get(0))?.collect::<Result<_, _>>()?;
    Ok(Some(Due::Cells(number, lines)))
}

fn empty(connection: &Connection, number: i64, lines: &[i64]) -> rusqlite::Result<()> {
    const CELLS: &str = "UPDATE import_rows SET cells = NULL, pair = NULL WHERE import = ?1 AND line = ?2";
    // Brought back meanwhile, it may need them.
    const SQL: &str = "UPDATE imports SET tidied = coalesce(?2, tidied), has_cells = ?2 IS NOT NULL
        WHERE number = ?1 AND state IN ('applied', 'undone')";
    if connection.prepare_cached(SQL)?.execute(params![number, lines.last()])? == 1 {
        for line in lines {
            connection.prepare_cached(CELLS)?.execute([number, *line])?;
        }
    }
    Ok(())
}

fn delete(connection: &Connection, uploads: i64, rehearsals: i64) -> rusqlite::Result<bool> {
    const ROWS: &str = "DELETE FROM import_rows WHERE import = ?1
        AND line IN (SELECT line FROM import_rows WHERE import = ?1 ORDER BY line LIMIT ?2)";
    let Some(number) = find_due(connection, uploads, rehearsals)? else { return Ok(true) };
    // Whoever still works on it finds that it is gone.
    connection.prepare_cached("UPDATE imports SET state = 'dropped' WHERE number = ?1")?.execute([number])?;
    if connection.prepare_cached(ROWS)?.execute([number, DELETE_LEN])? == 0 {
        connection.prepare_cached("DELETE FROM import_counts WHERE import = ?1")?.execute([number])?;
        connection.prepare_cached("DELETE FROM imports WHERE number = ?1")?.execute([number])?;
    }
    Ok(true)
}

fn insert_step(connection: &Connection, import: &Import, step: &ImportStep) -> rusqlite::Result<()> {
    const SQL: &str = "INSERT INTO import_steps (number, import, step, mode, at, actor_type, actor_id, actor_label)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    let number = revisions::next_number(connection)?;
    let (actor_type, actor_id, actor_label) = columns::actor(&step.actor);
    let (mode, name) = (columns::mode(import.mode), step.step.as_str());
    let values = params![number, import.number, name, mode, step.at, actor_type, actor_id, actor_label];
    connection.prepare_cached(SQL)?.execute(values).map(drop)
}

/// An import that was not dropped.
pub(super) fn find(connection: &Connection, number: i64) -> rusqlite::Result<Option<Import>> {
    const SQL: &str =
        "SELECT number, mode, at, actor_type, actor_id, actor_label, file, format, columns, mapping, state, rows,
        done, moved_at, respelled FROM imports WHERE number = ?1 AND state != 'dropped'";
    let Some(import) = connection.prepare_cached(SQL)?.query_row([number], read).optional()? else { return Ok(None) };
    Ok(Some(Import { counts: counts(connection, number)?, steps: steps(connection, number)?, ..import }))
}

fn read(row: &Row<'_>) -> rusqlite::Result<Import> {
    Ok(Import {
        number: row.get(0)?,
        mode: columns::read_mode(row.get(1)?),
        at: row.get(2)?,
        actor: columns::read_actor(row, 3)?,
        file: row.get(6)?,
        format: row.get(7)?,
        columns: columns::read_names(row, 8)?,
        mapping: row.get(9)?,
        state: named(row, 10, ImportState::parse)?,
        rows: row.get(11)?,
        done: row.get(12)?,
        moved_at: row.get(13)?,
        respelled: row.get(14)?,
        counts: Vec::new(),
        steps: Vec::new(),
    })
}

/// A column that has one of a few names.
pub(super) fn named<T>(row: &Row<'_>, column: usize, parse: impl Fn(&str) -> Option<T>) -> rusqlite::Result<T> {
    parse(row.get_ref(column)?.as_str()?).ok_or_else(|| columns::unreadable(column))
}

fn counts(connection: &Connection, number: i64) -> rusqlite::Result<Vec<(Outcome, Option<Fate>, u64)>> {
    const SQL: &str = "SELECT outcome, fate, count FROM import_counts WHERE import = ?1 AND count > 0";
    let read = |row: &Row<'_>| {
        let fate = Fate::parse(row.get_ref(1)?.as_str()?);
        Ok((named(row, 0, Outcome::parse)?, fate, row.get(2)?))
    };
    connection.prepare_cached(SQL)?.query_map([number], read)?.collect()
}

fn steps(connection: &Connection, number: i64) -> rusqlite::Result<Vec<ImportStep>> {
    const SQL: &str = "SELECT step, at, actor_type, actor_id, actor_label FROM import_steps
        WHERE import = ?1 ORDER BY number";
    let read = |row: &Row<'_>| {
        Ok(ImportStep { step: named(row, 0, Step::parse)?, at: row.get(1)?, actor: columns::read_actor(row, 2)? })
    };
    connection.prepare_cached(SQL)?.query_map([number], read)?.collect()
}

/// The columns that [`read_happened`] reads, in its order, for `concat!`.
macro_rules! happened_columns {
    () => {
        "import, step, at, actor_type, actor_id, actor_label,
        (SELECT file FROM imports WHERE imports.number = import), (SELECT rows FROM imports WHERE imports.number = import)"
    };
}
pub(super) use happened_columns;

pub(super) fn read_happened(row: &Row<'_>, first: usize) -> rusqlite::Result<ImportHappened> {
    Ok(ImportHappened {
        import: row.get(first)?,
        step: named(row, first + 1, Step::parse)?,
        at: row.get(first + 2)?,
        actor: columns::read_actor(row, first + 3)?,
        file: row.get(first + 6)?,
        rows: row.get(first + 7)?,
    })
}

/// How many rows more, or fewer, have which outcome and fate.
#[derive(Default)]
pub(super) struct Moved(BTreeMap<(&'static str, &'static str), i64>);

impl Moved {
    /// A row that came to this outcome and fate.
    pub(super) fn to(&mut self, outcome: Outcome, fate: Option<Fate>) {
        *self.0.entry((outcome.as_str(), fate.map_or("", Fate::as_str))).or_default() += 1;
    }

    /// A row that went from this outcome and fate.
    pub(super) fn from(&mut self, outcome: Outcome, fate: Option<Fate>) {
        *self.0.entry((outcome.as_str(), fate.map_or("", Fate::as_str))).or_default() -= 1;
    }

    pub(super) fn write(self, connection: &Connection, import: i64) -> rusqlite::Result<()> {
        const SQL: &str = "INSERT INTO import_counts (import, outcome, fate, count) VALUES (?1, ?2, ?3, ?4)
            ON CONFLICT DO UPDATE SET count = count + excluded.count";
        for ((outcome, fate), count) in self.0.into_iter().filter(|(_, count)| *count != 0) {
            connection.prepare_cached(SQL)?.execute(params![import, outcome, fate, count])?;
        }
        Ok(())
    }
}

/// Where a batch begins, where an import is at this work.
pub(super) struct Begun {
    pub(super) mode: Mode,
    pub(super) line: i64,
    /// Up to which line it was applied, where it was not applied whole.
    pub(super) stopped: Option<i64>,
}

fn begun(connection: &Connection, number: i64, state: ImportState) -> rusqlite::Result<Option<Begun>> {
    const SQL: &str = "SELECT mode, line, stopped FROM imports WHERE number = ?1 AND state = ?2";
    let read =
        |row: &Row<'_>| Ok(Begun { mode: columns::read_mode(row.get(0)?), line: row.get(1)?, stopped: row.get(2)? });
    connection.prepare_cached(SQL)?.query_row(params![number, state.as_str()], read).optional()
}

/// Writes down how far the work is, in the transaction of its batch; `last` says that it is done with it.
fn advance(
    connection: &Connection,
    number: i64,
    state: ImportState,
    (line, count): (i64, usize),
    last: bool,
    at: i64,
) -> rusqlite::Result<Batch> {
    const SQL: &str = "UPDATE imports SET line = ?2, done = done + ?3, state = ?4, moved_at = ?5 WHERE number = ?1";
    let next = if last { state.end() } else { state };
    connection.prepare_cached(SQL)?.execute(params![number, line, count, next.as_str(), at])?;
    Ok(if last { Batch::Done } else { Batch::More })
}
