//! Which schema a file has, and bringing it to today's.

use std::path::Path;

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::open::{self, Unusable, Use};
use super::{lock_file, schema_objects, trouble};
use crate::domain::SchemaDifference;

const SCHEMA: &str = include_str!("../../../schema.sql");

/// What brings a file from version 1 to 2, from 2 to 3, and so on: each step is one transaction. `schema.sql` is what
/// comes out, and a test holds the two against each other.
const STEPS: &[&str] = &[
    include_str!("steps/2.sql"),
    include_str!("steps/3.sql"),
    include_str!("steps/4.sql"),
    include_str!("steps/5.sql"),
    include_str!("steps/6.sql"),
    include_str!("steps/7.sql"),
    include_str!("steps/8.sql"),
];

/// `PRAGMA application_id`, "Ptrn": tells our files from other programs'.
const APPLICATION_ID: i32 = 0x5074_726e;

/// The eldest SQLite that does not lose a commit when a checkpoint races it.
const SQLITE_VERSION_MIN: i32 = 3_051_003;

/// Opens the file for writing, with today's schema: an empty one gets it, an older one is brought to it, a newer one and a
/// stranger's are refused untouched. A command does not change the schema under a server that is older than itself.
pub(super) fn bring_up(path: &Path, use_: Use) -> Result<Connection, Unusable> {
    let found = find(path)?;
    if use_ != Use::Serve && !found.is_empty() && found.version <= STEPS.len() && lock_file::is_served(path) {
        let reason = format!(
            "an older patron serves it (schema {}, this one has {}); stop that server and start this `patron`",
            found.version,
            STEPS.len() + 1
        );
        return Err(Unusable::because(path, &reason));
    }
    let failed = |error: rusqlite::Error| Unusable::of(path, &error);
    let refuse = |differences: &[_]| {
        schema_objects::refuse(differences, path).map_err(|reason| Unusable::because(path, &reason))
    };
    // Before anything is written, which would run triggers.
    refuse(&found.foreign)?;
    let mut connection = open::writer(path).map_err(failed)?;
    upgrade(&mut connection, SCHEMA, STEPS).map_err(failed)?;
    if found.version <= STEPS.len() {
        refuse(&differences(&connection).map_err(failed)?)?;
    }
    if use_ != Use::Serve && !lock_file::is_served(path) {
        open::for_bulk(&connection).map_err(failed)?;
    }
    Ok(connection)
}

/// What a file with the newest schema has that the schema has not, and what it lacks.
pub(super) fn differences(connection: &Connection) -> rusqlite::Result<Vec<SchemaDifference>> {
    schema_objects::compare(connection, SCHEMA)
}

/// Gives what was just made in memory today's schema.
pub(super) fn make(connection: &mut Connection) -> Result<(), String> {
    gate(rusqlite::version_number())?;
    upgrade(connection, SCHEMA, STEPS).map_err(|error| error.to_string())
}

/// Whether the file has today's schema, for who only reads: where it has not, nothing brings it up.
pub(super) fn look(path: &Path) -> Result<(), Unusable> {
    find(path)?.judge_unchanged(STEPS).map_err(|reason| Unusable::because(path, &reason))
}

/// The way from a file's schema to today's.
pub(super) struct Way {
    pub(super) from: usize,
    pub(super) to: usize,
    /// The version that each step ends in, and what it does, in words.
    pub(super) steps: Vec<(usize, &'static str)>,
}

/// What leads from the schema that a file has to the one that this binary has.
pub(super) fn way(path: &Path) -> Result<Way, Unusable> {
    let found = find(path)?;
    if found.is_empty() {
        return Err(Unusable::because(path, "it is empty; start `patron` once to set it up"));
    }
    let ahead = (2..).zip(STEPS).skip(found.version - 1);
    Ok(Way { from: found.version, to: STEPS.len() + 1, steps: ahead.map(|(to, step)| (to, words(step))).collect() })
}

/// What a step does: its first line has it behind the colon.
fn words(step: &'static str) -> &'static str {
    step.lines().next().and_then(|line| line.split_once(": ")).map_or("", |(_, words)| words)
}

/// What is there, where it can be used. Looked at without a pragma that would write.
fn find(path: &Path) -> Result<Found, Unusable> {
    gate(rusqlite::version_number()).map_err(|reason| Unusable::because(path, &reason))?;
    let look = || open::look(path).and_then(|connection| Found::of(&connection)?.with_foreign(&connection));
    // Killed while it made the file one with a log, or one without, a process leaves a journal that nobody can read past.
    let found = look().or_else(|error| match trouble::is_interrupted(&error) {
        true => open::roll_back(path).and_then(|()| look()),
        false => Err(error),
    });
    let found = found.map_err(|error| Unusable::of(path, &error))?;
    found.judge(STEPS).map_err(|reason| Unusable::because(path, &reason))?;
    Ok(found)
}

/// Brings a copy that nobody else has open to today's schema. The error is why that cannot be, without the file's name.
pub(super) fn bring_copy_up(connection: &mut Connection, of: &Path) -> Result<(), String> {
    let words = |error: rusqlite::Error| error.to_string();
    let found = Found::of(connection).and_then(|found| found.with_foreign(connection)).map_err(words)?;
    if found.application_id != APPLICATION_ID || found.version == 0 {
        return Err("it is no database of Patron's".into());
    }
    found.judge(STEPS)?;
    schema_objects::refuse(&found.foreign, of)?;
    upgrade(connection, SCHEMA, STEPS).map_err(words)?;
    schema_objects::refuse(&differences(connection).map_err(words)?, of)
}

fn gate(version: i32) -> Result<(), String> {
    if version >= SQLITE_VERSION_MIN {
        return Ok(());
    }
    let dotted = |number: i32| format!("{}.{}.{}", number / 1_000_000, number / 1_000 % 1_000, number % 1_000);
    Err(format!(
        "this binary was built with SQLite {}, which can lose a commit; build it with {} or later",
        dotted(version),
        dotted(SQLITE_VERSION_MIN)
    ))
}

struct Found {
    application_id: i32,
    version: usize,
    tables: i64,
    /// What is not Patron's. Of an older file these are triggers and views, of which no schema has one.
    foreign: Vec<SchemaDifference>,
}

impl Found {
    fn of(connection: &Connection) -> rusqlite::Result<Self> {
        Ok(Self {
            application_id: connection.pragma_query_value(None, "application_id", |row| row.get(0))?,
            version: connection.pragma_query_value(None, "user_version", |row| row.get(0))?,
            tables: connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?,
            foreign: Vec::new(),
        })
    }

    fn with_foreign(mut self, connection: &Connection) -> rusqlite::Result<Self> {
        let newest = STEPS.len() + 1;
        if self.application_id == APPLICATION_ID && self.version == newest {
            self.foreign = differences(connection)?;
        } else if self.application_id == APPLICATION_ID && self.version < newest {
            self.foreign = schema_objects::find_triggers_and_views(connection)?;
        }
        Ok(self)
    }

    fn is_empty(&self) -> bool {
        self.tables == 0 && self.version == 0
    }

    fn judge(&self, steps: &[&str]) -> Result<(), String> {
        let newest = steps.len() + 1;
        if self.is_empty() {
            Ok(())
        } else if self.application_id != APPLICATION_ID || self.version == 0 {
            Err("it belongs to another program; choose another file with --db".into())
        } else if self.version > newest {
            Err(format!(
                "a newer patron made it (schema {}, this one knows {newest}); start that newer patron instead",
                self.version
            ))
        } else {
            Ok(())
        }
    }

    /// Whether the file can be used as it is, given that it can be used at all.
    fn judge_unchanged(&self, steps: &[&str]) -> Result<(), String> {
        let newest = steps.len() + 1;
        if self.is_empty() {
            Err("it is empty; start `patron` once to set it up".into())
        } else if self.version < newest {
            Err(format!(
                "an older patron made it (schema {}, this one has {newest}); start this `patron` once to bring it up to date",
                self.version
            ))
        } else {
            Ok(())
        }
    }
}

/// Runs the schema on an empty file, the missing steps on an older one. Looks again inside each transaction, since two
/// processes may start on one file at once.
fn upgrade(connection: &mut Connection, schema: &str, steps: &[&str]) -> rusqlite::Result<()> {
    loop {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let found = Found::of(&transaction)?;
        if found.is_empty() {
            transaction.execute_batch(schema)?;
            transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
            finish(transaction, steps.len() + 1)?;
        } else if let Some(step) = steps.get(found.version - 1) {
            transaction.execute_batch(step)?;
            finish(transaction, found.version + 1)?;
        } else {
            return transaction.rollback();
        }
    }
}

fn finish(transaction: Transaction<'_>, version: usize) -> rusqlite::Result<()> {
    transaction.pragma_update(None, "user_version", i64::try_from(version).unwrap_or(i64::MAX))?;
    transaction.commit()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every column by name, every index and every foreign key: whatever way they came, and however they are laid out.
    fn schema_of(connection: &Connection) -> Vec<String> {
        const SQL: &str = "SELECT concat_ws(' ', t.name, c.name, c.type, c.\"notnull\", c.dflt_value, c.pk)
            FROM sqlite_schema t, pragma_table_xinfo(t.name) c WHERE t.type = 'table'
            UNION ALL SELECT sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL
            UNION ALL SELECT concat_ws(' ', t.name, k.\"from\", k.\"table\", k.\"to\")
            FROM sqlite_schema t, pragma_foreign_key_list(t.name) k
            UNION ALL SELECT concat_ws(' ', name, wr, strict) FROM pragma_table_list
            UNION ALL SELECT concat_ws(' ', k, v) FROM search_config ORDER BY 1";
        let mut statement = connection.prepare(SQL).unwrap();
        statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    }

    fn customers_of(connection: &Connection) -> Vec<(String, Option<String>)> {
        let mut statement = connection.prepare("SELECT id, email FROM customers ORDER BY number").unwrap();
        statement.query_map([], |row| row.try_into()).unwrap().map(Result::unwrap).collect()
    }

    #[test]
    fn this_binary_has_a_sqlite_that_keeps_commits() {
        assert_eq!(gate(rusqlite::version_number()), Ok(()));
        assert!(gate(3_051_002).unwrap_err().contains("SQLite 3.51.2, which can lose a commit; build it with 3.51.3"));
    }

    #[test]
    fn sqlite_is_compiled_for_threads_that_share_nothing() {
        let connection = Connection::open_in_memory().unwrap();
        let mut statement = connection.prepare("PRAGMA compile_options").unwrap();
        let options: Vec<String> = statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        for option in ["THREADSAFE=2", "DEFAULT_MEMSTATUS=0", "DQS=0", "OMIT_SHARED_CACHE", "LIKE_DOESNT_MATCH_BLOBS"] {
            assert!(options.iter().any(|each| each == option), "{option} is not among {options:?}");
        }
        assert!(
            !options.iter().any(|each| each.contains("MEMORY_MANAGEMENT") || each.contains("API_ARMOR")),
            "{options:?}"
        );
    }

    /// Populated files of the versions before this one.
    const OLD: [&str; STEPS.len()] = [
        include_str!("../../../tests/upgrade/1.sql"),
        include_str!("../../../tests/upgrade/2.sql"),
        include_str!("../../../tests/upgrade/3.sql"),
        include_str!("../../../tests/upgrade/4.sql"),
        include_str!("../../../tests/upgrade/5.sql"),
        include_str!("../../../tests/upgrade/6.sql"),
        include_str!("../../../tests/upgrade/7.sql"),
    ];

    #[test]
    fn an_older_file_is_brought_to_the_schema_that_a_fresh_one_gets() {
        let fresh = Connection::open_in_memory().unwrap();
        fresh.execute_batch(SCHEMA).unwrap();
        for (version, old) in (1..).zip(OLD) {
            let mut upgraded = Connection::open_in_memory().unwrap();
            upgraded.pragma_update(None, "foreign_keys", true).unwrap();
            upgrade(&mut upgraded, old, &STEPS[..version - 1]).unwrap();
            let before = customers_of(&upgraded);
            assert!(!before.is_empty());
            upgrade(&mut upgraded, "never run", STEPS).unwrap();
            assert_eq!(schema_of(&upgraded), schema_of(&fresh), "from version {version}");
            assert_eq!(differences(&upgraded).unwrap(), [], "from version {version}");
            assert_eq!(Found::of(&upgraded).unwrap().version, STEPS.len() + 1);
            assert_eq!(customers_of(&upgraded), before);
            let checked = super::super::check::run(&upgraded, &|_| {}).unwrap();
            assert!(checked.faults.is_empty(), "{:?}", checked.faults);
        }
    }

    #[test]
    fn whom_a_session_of_version_1_saw_stays_seen_and_its_keys_have_no_maker() {
        let mut upgraded = Connection::open_in_memory().unwrap();
        upgrade(&mut upgraded, OLD[0], &[]).unwrap();
        upgrade(&mut upgraded, "never run", STEPS).unwrap();
        let seen = upgraded.query_row("SELECT seen_at FROM staff", [], |row| row.get::<_, Option<i64>>(0));
        assert_eq!(seen.unwrap(), Some(1_700_000_060));
        let keys = super::super::keys::list(&upgraded).unwrap();
        assert!(keys.len() == 1 && keys[0].maker.is_none());
    }

    #[test]
    fn a_revision_of_an_upgraded_file_has_no_other_passage_than_one_of_a_fresh_file() {
        let mut upgraded = Connection::open_in_memory().unwrap();
        upgrade(&mut upgraded, OLD[0], &[]).unwrap();
        upgrade(&mut upgraded, "never run", STEPS).unwrap();
        let set = |to: &str| upgraded.execute("UPDATE revisions SET passage = ?1", [to]);
        assert!(set("returned").unwrap() > 0);
        assert!(set("other").unwrap_err().to_string().contains("CHECK constraint failed"));
    }

    #[test]
    fn every_step_says_what_it_does() {
        for (to, step) in (2..).zip(STEPS) {
            assert!(
                step.starts_with(&format!("-- From version {} to {to}: ", to - 1)) && words(step).ends_with('.'),
                "{to}"
            );
        }
    }

    #[test]
    fn newer_files_and_strangers_are_refused() {
        let found = |application_id, version, tables| Found { application_id, version, tables, foreign: Vec::new() };
        assert_eq!(found(0, 0, 0).judge(&[]), Ok(()));
        assert_eq!(found(APPLICATION_ID, 1, 9).judge(&[]), Ok(()));
        assert!(found(APPLICATION_ID, 2, 9).judge(&[]).unwrap_err().contains("schema 2, this one knows 1"));
        assert!(found(0, 0, 3).judge(&[]).unwrap_err().contains("another program"));
        assert!(found(0, 1, 3).judge(&[]).unwrap_err().contains("another program"));
    }

    #[test]
    fn who_only_reads_is_told_of_an_older_file() {
        let found = |version, tables| Found { application_id: APPLICATION_ID, version, tables, foreign: Vec::new() };
        assert_eq!(found(2, 9).judge_unchanged(&["step"]), Ok(()));
        assert!(found(1, 9).judge_unchanged(&["step"]).unwrap_err().contains("older patron made it (schema 1"));
        assert!(found(0, 0).judge_unchanged(&["step"]).unwrap_err().contains("it is empty"));
    }
}
