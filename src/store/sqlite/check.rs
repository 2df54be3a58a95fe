//! Whether the file is whole: SQLite's own checks, and each customer held against its history; and the index of the search against all.

use std::fmt::Display;

use rusqlite::{Connection, Row, TransactionBehavior};

use super::columns::{self, CustomerRow, customer_columns};
use super::{erasures, imports, index, marks, revisions, schema, schema_objects, trouble, withdrawn};
use crate::domain::{Customer, Email, HashCost, Mode, Revision};

/// How far a check is.
#[derive(Clone, Copy, Debug)]
pub enum Progress {
    /// SQLite reads every page and index.
    Pages,
    /// Histories are replayed.
    Histories {
        /// Customers done.
        done: u64,
        /// Customers in all.
        total: u64,
    },
    /// The index of the search is held against the customers: the rows are read, then the index.
    Search {
        /// Rows read, or pairs of a customer and a term.
        done: u64,
        /// Of these in all.
        total: u64,
    },
}

/// What a check found.
#[derive(Clone, Debug, Default)]
pub struct Checked {
    /// Customers read.
    pub customers: u64,
    /// Revisions read.
    pub revisions: u64,
    /// What is wrong, a sentence each; empty where nothing is.
    pub faults: Vec<String>,
}

/// Faults past this many are not listed: by then one knows.
const FAULTS_MAX: usize = 100;

/// All of it: also whether the index of the search is that of the customers, which a copy need not be read for. For a connection that
/// may write to its temporary database.
pub(super) fn all(connection: &Connection, progress: &impl Fn(Progress)) -> rusqlite::Result<Checked> {
    let mut checked = run(connection, progress)?;
    if checked.faults.is_empty() {
        match index::is_of_customers(connection, |done, total| progress(Progress::Search { done, total })) {
            Ok(true) => {}
            Ok(false) => checked.faults.push(format!("{INDEX} is not that of the customers")),
            Err(error) if trouble::is_damage(&error) => checked.faults.push(unreadable(&error)),
            Err(error) => return Err(error),
        }
    }
    Ok(checked)
}

pub(super) fn run(connection: &Connection, progress: &impl Fn(Progress)) -> rusqlite::Result<Checked> {
    // One snapshot: edits that go on meanwhile are not seen, and do not wait.
    let snapshot = rusqlite::Transaction::new_unchecked(connection, TransactionBehavior::Deferred)?;
    let mut checked = Checked::default();
    match look(&snapshot, &mut checked, progress) {
        // So damaged that it cannot be read to its end: that is found, and no failure to look.
        Err(error) if trouble::is_damage(&error) => checked.faults.push(unreadable(&error)),
        looked => looked?,
    }
    Ok(checked)
}

fn look(connection: &Connection, checked: &mut Checked, progress: &impl Fn(Progress)) -> rusqlite::Result<()> {
    progress(Progress::Pages);
    checked.faults = schema_objects::faults(schema::differences(connection)?);
    // To read the rows of another schema says nothing, and may never end.
    if !checked.faults.is_empty() {
        return Ok(());
    }
    sqlite_checks(connection, &mut checked.faults)?;
    // What is wrong with the index alone hides nothing.
    if checked.faults.iter().all(|fault| is_of_index(fault)) {
        checked.faults.extend(expensive_hashes(connection)?);
        checked.faults.extend(marks::fault(connection)?);
        checked.faults.extend(erasures::fault(connection)?);
        checked.faults.extend(withdrawn::fault(connection)?);
        checked.faults.extend(imports::fault(connection)?);
        histories(connection, checked, progress)?;
    }
    if checked.faults.is_empty() {
        let strangers = index::strangers(connection)?;
        checked.faults.extend((strangers > 0).then(|| format!("{INDEX} has {strangers} customers who are not there")));
    }
    Ok(())
}

/// Hashes of secrets and passwords that cost more to verify than any of Patron's.
fn expensive_hashes(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    const SQL: &str = "SELECT 'the key ' || id, secret_hash FROM keys
        UNION ALL SELECT 'the key ' || id, previous_hash FROM keys WHERE previous_hash IS NOT NULL
        UNION ALL SELECT 'the password of ' || email, password_hash FROM staff WHERE password_hash IS NOT NULL";
    let mut statement = connection.prepare(SQL)?;
    let mut rows = statement.query([])?;
    let mut faults = Vec::new();
    while let Some(row) = rows.next()? {
        let (whose, hash): (String, String) = row.try_into()?;
        if let Some(HashCost { memory, passes }) = HashCost::parse(&hash).filter(|cost| !cost.is_within_limits()) {
            faults.push(format!(
                "{whose}: its hash costs too much to verify (m={memory}, t={passes}) and opens nothing; \
                 rotate the key, or set another password"
            ));
        }
    }
    faults.truncate(FAULTS_MAX);
    Ok(faults)
}

pub(super) fn sqlite_checks(connection: &Connection, faults: &mut Vec<String>) -> rusqlite::Result<()> {
    // FTS5 keeps in mind which parts its index has, and looks whether that still holds where a question begins, but not where
    // the check does: to a connection that has searched before, parts merged since would seem lost.
    match index::has(connection, Mode::Test, 0) {
        Err(error) if trouble::is_of_index(&error) => faults.push(unreadable(&error)),
        looked => drop(looked?),
    }
    let mut integrity = connection.prepare(&format!("PRAGMA integrity_check({FAULTS_MAX})"))?;
    let said = integrity.query_map([], |row| row.get::<_, String>(0))?;
    let said = said.collect::<rusqlite::Result<Vec<_>>>()?.into_iter().filter(|line| line != "ok");
    faults.extend(said.map(fault_of));
    faults.dedup();
    let mut foreign_keys = connection.prepare("PRAGMA foreign_key_check")?;
    let broken = foreign_keys.query_map([], |row| {
        Ok(format!(
            "{} row {}: names a row of {} that is not there",
            row.get::<_, String>(0)?,
            row.get::<_, i64>(1)?,
            row.get::<_, String>(2)?
        ))
    })?;
    for fault in broken {
        faults.push(fault?);
    }
    Ok(())
}

/// How a fault begins that is of the index of the search.
const INDEX: &str = "the index of the search";

/// Whether a fault is of the index of the search alone, which can be made anew: [`REINDEX`](super::REINDEX).
pub fn is_of_index(fault: &str) -> bool {
    fault.starts_with(INDEX)
}

/// What a line of SQLite's check says. FTS5 says itself what is its own, and has no other table; what is wrong with a page of it is
/// said in other words, and is not mended by making it anew.
pub(super) fn fault_of(line: String) -> String {
    if line.starts_with("fts5: ") || line.contains(" FTS5 table ") { damaged_index(&line) } else { line }
}

/// The same of what cannot be read to its end.
pub(super) fn unreadable(error: &rusqlite::Error) -> String {
    if trouble::is_of_index(error) { damaged_index(error) } else { format!("it cannot be read to its end: {error}") }
}

fn damaged_index(what: &impl Display) -> String {
    format!("{INDEX} is damaged ({what})")
}

fn histories(connection: &Connection, checked: &mut Checked, progress: &impl Fn(Progress)) -> rusqlite::Result<()> {
    let count =
        |table: &str| connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get::<_, u64>(0));
    let (total, total_revisions) = (count("customers")?, count("revisions")?);
    const ALL: &str = concat!(
        "SELECT ",
        customer_columns!(),
        ", email_key, 1 AS is_here FROM customers UNION ALL SELECT ",
        customer_columns!(),
        ", NULL, 0 FROM withdrawn"
    );
    let mut statement = connection.prepare(ALL)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        match judge(connection, row) {
            Ok(revisions) => checked.revisions += revisions,
            Err(Broken::Sqlite(error)) => return Err(error),
            Err(Broken::Fault(fault)) if checked.faults.len() < FAULTS_MAX => {
                checked.faults.push(format!("{}: {fault}", row.get_ref(1)?.as_str().unwrap_or("a customer")));
            }
            Err(Broken::Fault(_)) => {}
        }
        checked.customers += row.get::<_, u64>("is_here")?;
        if checked.customers.is_multiple_of(1_000) || checked.customers == total {
            progress(Progress::Histories { done: checked.customers, total });
        }
    }
    if checked.faults.iter().all(|fault| is_of_index(fault)) && checked.revisions != total_revisions {
        let stray = total_revisions.abs_diff(checked.revisions);
        checked.faults.push(format!("{stray} revisions belong to no history"));
    }
    Ok(())
}

/// Why a customer could not be found whole.
#[derive(Debug)]
enum Broken {
    /// It is not.
    Fault(String),
    /// SQLite failed, and nothing is known.
    Sqlite(rusqlite::Error),
}

impl From<rusqlite::Error> for Broken {
    fn from(error: rusqlite::Error) -> Self {
        match error {
            rusqlite::Error::QueryReturnedNoRows => Self::Fault("a revision is missing".into()),
            rusqlite::Error::FromSqlConversionFailure(..) | rusqlite::Error::InvalidColumnType(..) => {
                Self::Fault("a value of it, or of its history, is none that was ever written".into())
            }
            error => Self::Sqlite(error),
        }
    }
}

fn hold(so: bool, fault: impl FnOnce() -> String) -> Result<(), Broken> {
    if so { Ok(()) } else { Err(Broken::Fault(fault())) }
}

/// Holds one customer against its history, and gives how many revisions that has.
fn judge(connection: &Connection, row: &Row<'_>) -> Result<u64, Broken> {
    let (email_key, is_here): (Option<String>, bool) = (row.get("email_key")?, row.get("is_here")?);
    let row = columns::customer(row)?;
    let customer = &row.customer;
    hold(!is_here || email_key == customer.email.as_ref().map(Email::key), || {
        "its email is not what it is found by".into()
    })?;
    let numbers = numbers(connection, &row)?;
    let mut replay = Replay::of(customer);
    for number in numbers.iter().rev() {
        replay.step(&revisions::find(connection, &customer.id, *number)?.revision)?;
    }
    replay.end()?;
    Ok(numbers.len() as u64)
}

/// The numbers of a customer's revisions, newest first. So much of a history is held at once, and no more.
fn numbers(connection: &Connection, row: &CustomerRow) -> Result<Vec<i64>, Broken> {
    const SQL: &str = "SELECT customer, mode, previous FROM revisions WHERE number = ?1";
    let mut statement = connection.prepare_cached(SQL)?;
    let mut numbers = Vec::new();
    let mut next = Some(row.revision);
    // A loop in the chain would be longer than the version says.
    while let Some(number) = next.filter(|_| numbers.len() as u64 <= row.customer.version) {
        let (customer, mode): (i64, i64);
        (customer, mode, next) = statement.query_row([number], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        let is_its_own = customer == row.number && mode == columns::mode(row.customer.mode);
        hold(is_its_own, || "a revision in its history is another customer's".into())?;
        numbers.push(number);
    }
    Ok(numbers)
}

/// A history played again from nothing.
struct Replay<'a> {
    customer: &'a Customer,
    replayed: Customer,
}

impl<'a> Replay<'a> {
    fn of(customer: &'a Customer) -> Self {
        Self { customer, replayed: Customer::blank(customer.id.clone(), customer.mode, customer.created_at) }
    }

    fn step(&mut self, revision: &Revision) -> Result<(), Broken> {
        let version = revision.version;
        self.replayed.version += 1;
        hold(version == self.replayed.version, || self.does_not_count())?;
        // The creation is not undone, nor anything that was still to come.
        let undoes = revision.undoes.is_none_or(|undone| (2..version).contains(&undone));
        hold(undoes, || format!("its revision {version} undoes what is not there to undo"))?;
        let from =
            revision.changes.fields.iter().all(|change| self.replayed.text(change.field) == change.from.as_deref())
                && revision
                    .changes
                    .notes
                    .iter()
                    .all(|change| self.replayed.notes.value(&change.key) == change.from.as_ref());
        hold(from, || format!("its revision {version} does not begin where the one before ended"))?;
        revision.changes.apply(&mut self.replayed);
        Ok(())
    }

    fn end(&self) -> Result<(), Broken> {
        hold(self.replayed.version == self.customer.version, || self.does_not_count())?;
        hold(self.replayed == *self.customer, || "its history does not end in its present values".into())
    }

    fn does_not_count(&self) -> String {
        format!("its revisions do not count from 1 to {}", self.customer.version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Actor, Changes, CustomerId, Mode};

    #[test]
    fn an_undo_names_an_edit_between_the_creation_and_itself() {
        let id = CustomerId::stored("cust_1Aa00000000004".into());
        let customer = Customer { version: 3, ..Customer::blank(id.clone(), Mode::Test, 0) };
        let fault = |undone| {
            let mut replay = Replay::of(&customer);
            let mut step = |version, undoes| {
                replay.step(&Revision {
                    customer: id.clone(),
                    version,
                    at: 0,
                    actor: Actor::Command { name: "test".into() },
                    request_id: None,
                    request: None,
                    undoes,
                    import: None,
                    passage: None,
                    changes: Changes::default(),
                })
            };
            match step(1, None).and_then(|()| step(2, None)).and_then(|()| step(3, undone)) {
                Err(Broken::Fault(fault)) => Some(fault),
                _ => None,
            }
        };
        assert_eq!((fault(None), fault(Some(2))), (None, None));
        for undone in [0, 1, 3, 4] {
            assert_eq!(fault(Some(undone)), Some("its revision 3 undoes what is not there to undo".into()));
        }
    }
}
