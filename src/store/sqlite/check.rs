//! Whether the file is whole: SQLite's own checks, and each customer held against its history.

use rusqlite::{Connection, TransactionBehavior};

use super::columns::{self, customer_columns};
use super::revisions;
use crate::domain::{Changes, Customer};

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

pub(super) fn run(connection: &Connection, progress: &impl Fn(Progress)) -> rusqlite::Result<Checked> {
    // One snapshot: edits that go on meanwhile are not seen, and do not wait.
    let snapshot = rusqlite::Transaction::new_unchecked(connection, TransactionBehavior::Deferred)?;
    let mut checked = Checked::default();
    progress(Progress::Pages);
    sqlite_checks(&snapshot, &mut checked.faults)?;
    if checked.faults.is_empty() {
        histories(&snapshot, &mut checked, progress)?;
    }
    Ok(checked)
}

fn sqlite_checks(connection: &Connection, faults: &mut Vec<String>) -> rusqlite::Result<()> {
    let mut integrity = connection.prepare(&format!("PRAGMA integrity_check({FAULTS_MAX})"))?;
    let said = integrity.query_map([], |row| row.get::<_, String>(0))?;
    faults.extend(said.collect::<rusqlite::Result<Vec<_>>>()?.into_iter().filter(|line| line != "ok"));
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

fn histories(connection: &Connection, checked: &mut Checked, progress: &impl Fn(Progress)) -> rusqlite::Result<()> {
    let count =
        |table: &str| connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get::<_, u64>(0));
    let (total, total_revisions) = (count("customers")?, count("revisions")?);
    let mut statement =
        connection.prepare(concat!("SELECT ", customer_columns!(), " FROM customers ORDER BY number"))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let row = columns::customer(row)?;
        let fault = match history(connection, &row.customer, row.revision) {
            Ok(history) => {
                checked.revisions += history.len() as u64;
                fault_in(&row.customer, history)
            }
            Err(rusqlite::Error::QueryReturnedNoRows) => Some("a revision is missing".into()),
            Err(error) => return Err(error),
        };
        if let Some(fault) = fault.filter(|_| checked.faults.len() < FAULTS_MAX) {
            checked.faults.push(format!("{}: {fault}", row.customer.id.as_str()));
        }
        checked.customers += 1;
        if checked.customers.is_multiple_of(1_000) || checked.customers == total {
            progress(Progress::Histories { done: checked.customers, total });
        }
    }
    if checked.faults.is_empty() && checked.revisions != total_revisions {
        let stray = total_revisions.abs_diff(checked.revisions);
        checked.faults.push(format!("{stray} revisions belong to no history"));
    }
    Ok(())
}

/// A history, newest first.
fn history(connection: &Connection, customer: &Customer, newest: i64) -> rusqlite::Result<Vec<(u64, Changes)>> {
    let mut history = Vec::new();
    let mut next = Some(newest);
    // A loop in the chain would be longer than the version says.
    while let Some(number) = next.filter(|_| history.len() as u64 <= customer.version) {
        let row = revisions::find(connection, &customer.id, number)?;
        history.push((row.revision.version, row.revision.changes));
        next = row.previous;
    }
    Ok(history)
}

fn fault_in(customer: &Customer, history: Vec<(u64, Changes)>) -> Option<String> {
    if !history.iter().map(|(version, _)| *version).eq((1..=customer.version).rev()) {
        return Some(format!("its revisions do not count from 1 to {}", customer.version));
    }
    let mut replayed = Customer::blank(customer.id.clone(), customer.mode, customer.created_at);
    for (_, changes) in history.iter().rev() {
        changes.apply(&mut replayed);
    }
    replayed.version = customer.version;
    (replayed != *customer).then(|| "its history does not end in its present values".into())
}
