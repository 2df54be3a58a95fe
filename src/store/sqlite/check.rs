//! Whether the file is whole: SQLite's own checks, and each customer held against its history; and the index of the search against all.

use rusqlite::{Connection, OptionalExtension, Row, TransactionBehavior};

use super::columns::{self, CustomerRow, customer_columns};
use super::{index, marks, revisions, schema, trouble};
use crate::domain::{
    CheckProgress, CheckReport, Customer, CustomerFault, Email, HashCost, IntegrityFault, Mode, Revision,
};

/// Faults past this many are not listed: by then one knows.
const FAULTS_MAX: usize = 100;

/// All of it: also whether the index of the search is that of the customers, which a copy need not be read for. For a connection that
/// may write to its temporary database.
pub(super) fn all(connection: &Connection, progress: &impl Fn(CheckProgress)) -> rusqlite::Result<CheckReport> {
    let mut checked = run(connection, progress)?;
    if checked.faults.is_empty() {
        match index::is_of_customers(connection, |done, total| progress(CheckProgress::Search { done, total })) {
            Ok(true) => {}
            Ok(false) => checked.faults.push(IntegrityFault::IndexDiffers),
            Err(error) if trouble::is_damage(&error) => checked.faults.push(unreadable(&error)),
            Err(error) => return Err(error),
        }
    }
    Ok(checked)
}

pub(super) fn run(connection: &Connection, progress: &impl Fn(CheckProgress)) -> rusqlite::Result<CheckReport> {
    // One snapshot: edits that go on meanwhile are not seen, and do not wait.
    let snapshot = rusqlite::Transaction::new_unchecked(connection, TransactionBehavior::Deferred)?;
    let mut checked = CheckReport::default();
    match look(&snapshot, &mut checked, progress) {
        // So damaged that it cannot be read to its end: that is found, and no failure to look.
        Err(error) if trouble::is_damage(&error) => checked.faults.push(unreadable(&error)),
        looked => looked?,
    }
    Ok(checked)
}

fn look(connection: &Connection, checked: &mut CheckReport, progress: &impl Fn(CheckProgress)) -> rusqlite::Result<()> {
    progress(CheckProgress::Pages);
    checked.faults = schema::differences(connection)?.into_iter().map(IntegrityFault::Schema).collect();
    // To read the rows of another schema says nothing, and may never end.
    if !checked.faults.is_empty() {
        return Ok(());
    }
    sqlite_checks(connection, &mut checked.faults)?;
    // What is wrong with the index alone hides nothing.
    if checked.faults.iter().all(IntegrityFault::is_of_index) {
        checked.faults.extend(expensive_hashes(connection)?);
        checked.faults.extend(marks::find_wrong(connection)?);
        checked.faults.extend(erasure_fault(connection)?);
        checked.faults.extend(removed_fault(connection)?);
        checked.faults.extend(import_fault(connection)?);
        histories(connection, checked, progress)?;
    }
    if checked.faults.is_empty() {
        let strangers = index::strangers(connection)?;
        checked.faults.extend((strangers > 0).then_some(IntegrityFault::IndexStrangers(strangers)));
    }
    Ok(())
}

/// Hashes of secrets and passwords that cost more to verify than any of Patron's.
fn expensive_hashes(connection: &Connection) -> rusqlite::Result<Vec<IntegrityFault>> {
    const SQL: &str = "SELECT 1, id, secret_hash FROM keys
        UNION ALL SELECT 1, id, previous_hash FROM keys WHERE previous_hash IS NOT NULL
        UNION ALL SELECT 0, email, password_hash FROM staff WHERE password_hash IS NOT NULL";
    let mut statement = connection.prepare(SQL)?;
    let mut rows = statement.query([])?;
    let mut faults = Vec::new();
    while let Some(row) = rows.next()? {
        let (is_key, whose, hash): (bool, String, String) = row.try_into()?;
        if let Some(cost) = HashCost::parse(&hash).filter(|cost| !cost.is_within_limits()) {
            let fault = if is_key { IntegrityFault::CostlyKey } else { IntegrityFault::CostlyPassword };
            faults.push(fault(whose, cost));
        }
    }
    faults.truncate(FAULTS_MAX);
    Ok(faults)
}

pub(super) fn sqlite_checks(connection: &Connection, faults: &mut Vec<IntegrityFault>) -> rusqlite::Result<()> {
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
        Ok(IntegrityFault::ForeignKey { table: row.get(0)?, row: row.get(1)?, parent: row.get(2)? })
    })?;
    for fault in broken {
        faults.push(fault?);
    }
    Ok(())
}

/// What a line of SQLite's check says. FTS5 says itself what is its own, and has no other table; what is wrong with a page of it is
/// said in other words, and is not mended by making it anew.
pub(super) fn fault_of(line: String) -> IntegrityFault {
    let is_of_index = line.starts_with("fts5: ") || line.contains(" FTS5 table ");
    if is_of_index { IntegrityFault::IndexDamaged(line) } else { IntegrityFault::Sqlite(line) }
}

/// The same of what cannot be read to its end.
pub(super) fn unreadable(error: &rusqlite::Error) -> IntegrityFault {
    let fault = if trouble::is_of_index(error) { IntegrityFault::IndexDamaged } else { IntegrityFault::Unreadable };
    fault(error.to_string())
}

/// Finds a fault in the table of erasures.
fn erasure_fault(connection: &Connection) -> rusqlite::Result<Option<IntegrityFault>> {
    const HERE: &str =
        "SELECT id FROM erasures WHERE id IN (SELECT id FROM customers UNION ALL SELECT id FROM withdrawn) LIMIT 1";
    let here: Option<String> = connection.query_row(HERE, [], |row| row.get(0)).optional()?;
    const TWICE: &str = "SELECT number FROM erasures WHERE number IN (SELECT number FROM revisions) LIMIT 1";
    let twice: Option<i64> = connection.query_row(TWICE, [], |row| row.get(0)).optional()?;
    Ok(match (here, twice) {
        (Some(id), _) => Some(IntegrityFault::Erased(id)),
        (None, twice) => twice.map(IntegrityFault::RevisionAndErasure),
    })
}

/// Finds a fault in the recycle bin.
fn removed_fault(connection: &Connection) -> rusqlite::Result<Option<IntegrityFault>> {
    const TWICE: &str = "SELECT withdrawn.id FROM withdrawn JOIN customers
        ON customers.number = withdrawn.number OR customers.id = withdrawn.id LIMIT 1";
    let id: Option<String> = connection.query_row(TWICE, [], |row| row.get(0)).optional()?;
    Ok(id.map(IntegrityFault::Removed))
}

/// Finds a fault in the tables of imports.
fn import_fault(connection: &Connection) -> rusqlite::Result<Option<IntegrityFault>> {
    const COUNTED: &str = "SELECT import FROM (
            SELECT import, outcome, fate, count FROM import_counts WHERE count != 0
            UNION ALL SELECT import, outcome, coalesce(fate, ''), -count(*) FROM import_rows
                WHERE outcome IS NOT NULL GROUP BY 1, 2, 3
        ) JOIN imports ON imports.number = import
        WHERE state NOT IN ('dropped', 'received', 'rehearsing')
        GROUP BY import, outcome, fate HAVING sum(count) != 0 LIMIT 1";
    let counted: Option<i64> = connection.query_row(COUNTED, [], |row| row.get(0)).optional()?;
    const TWICE: &str = "SELECT number FROM import_steps WHERE number IN (SELECT number FROM revisions)
        OR number IN (SELECT number FROM erasures) LIMIT 1";
    let twice: Option<i64> = connection.query_row(TWICE, [], |row| row.get(0)).optional()?;
    const STRAY: &str = "SELECT import FROM revisions WHERE import IS NOT NULL AND import NOT IN (SELECT import FROM import_steps) LIMIT 1";
    let stray: Option<i64> = connection.query_row(STRAY, [], |row| row.get(0)).optional()?;
    let (counted, twice) = (counted.map(IntegrityFault::ImportCounts), twice.map(IntegrityFault::ImportStep));
    Ok(counted.or(twice).or(stray.map(IntegrityFault::ImportNeverApplied)))
}

fn histories(
    connection: &Connection,
    checked: &mut CheckReport,
    progress: &impl Fn(CheckProgress),
) -> rusqlite::Result<()> {
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
                let id = row.get_ref(1)?.as_str().unwrap_or("a customer").to_owned();
                checked.faults.push(IntegrityFault::Customer(id, fault));
            }
            Err(Broken::Fault(_)) => {}
        }
        checked.customers += row.get::<_, u64>("is_here")?;
        if checked.customers.is_multiple_of(1_000) || checked.customers == total {
            progress(CheckProgress::Histories { done: checked.customers, total });
        }
    }
    if checked.faults.iter().all(IntegrityFault::is_of_index) && checked.revisions != total_revisions {
        let stray = total_revisions.abs_diff(checked.revisions);
        checked.faults.push(IntegrityFault::StrayRevisions(stray));
    }
    Ok(())
}

/// Why a customer could not be found whole.
#[derive(Debug)]
enum Broken {
    /// It is not.
    Fault(CustomerFault),
    /// SQLite failed, and nothing is known.
    Sqlite(rusqlite::Error),
}

impl From<rusqlite::Error> for Broken {
    fn from(error: rusqlite::Error) -> Self {
        match error {
            rusqlite::Error::QueryReturnedNoRows => Self::Fault(CustomerFault::RevisionMissing),
            rusqlite::Error::FromSqlConversionFailure(..) | rusqlite::Error::InvalidColumnType(..) => {
                Self::Fault(CustomerFault::Unreadable)
            }
            error => Self::Sqlite(error),
        }
    }
}

fn hold(so: bool, fault: CustomerFault) -> Result<(), Broken> {
    if so { Ok(()) } else { Err(Broken::Fault(fault)) }
}

/// Holds one customer against its history, and gives how many revisions that has.
fn judge(connection: &Connection, row: &Row<'_>) -> Result<u64, Broken> {
    let (email_key, is_here): (Option<String>, bool) = (row.get("email_key")?, row.get("is_here")?);
    let row = columns::customer(row)?;
    let customer = &row.customer;
    hold(!is_here || email_key == customer.email.as_ref().map(Email::key), CustomerFault::EmailKey)?;
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
        hold(is_its_own, CustomerFault::ForeignRevision)?;
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
        hold(version == self.replayed.version, self.count_fault())?;
        // The creation is not undone, nor anything that was still to come.
        let undoes = revision.undoes.is_none_or(|undone| (2..version).contains(&undone));
        hold(undoes, CustomerFault::Undo(version))?;
        let from =
            revision.changes.fields.iter().all(|change| self.replayed.text(change.field) == change.from.as_deref())
                && revision
                    .changes
                    .notes
                    .iter()
                    .all(|change| self.replayed.notes.value(&change.key) == change.from.as_ref());
        hold(from, CustomerFault::Gap(version))?;
        revision.changes.apply(&mut self.replayed);
        Ok(())
    }

    fn end(&self) -> Result<(), Broken> {
        hold(self.replayed.version == self.customer.version, self.count_fault())?;
        hold(self.replayed == *self.customer, CustomerFault::End)
    }

    fn count_fault(&self) -> CustomerFault {
        CustomerFault::Count(self.customer.version)
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
            assert_eq!(fault(Some(undone)), Some(CustomerFault::Undo(3)));
        }
    }
}
