//! Files whose schema is not Patron's, or that cost too much to use: each difference is named, and nothing of it runs.

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use tempfile::{TempDir, tempdir};

use crate::backup::{backup, refusal, seeded};
use crate::server::{Client, Server, run};
use crate::upgrade::old;

/// A backup with SQL run on it, next to a database that is whole.
fn changed(sql: &str) -> (TempDir, PathBuf, PathBuf) {
    let (directory, db) = seeded(20);
    let changed = directory.path().join("changed.db");
    assert!(backup(&db, &changed).status.success());
    Connection::open(&changed).unwrap().execute_batch(sql).unwrap();
    (directory, db, changed)
}

fn checked(db: &Path) -> String {
    let output = run(db, &["check"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

const OWNER: &str = "CREATE TRIGGER helpful AFTER UPDATE ON customers BEGIN
    INSERT OR IGNORE INTO staff (id, email, email_key, role, created_at) VALUES ('staff_00000000000000', 'a@b.in', 'a@b.in', 'owner', 0);
    END";
const FORGETFUL: &str =
    "CREATE TRIGGER forgetful AFTER INSERT ON revisions BEGIN DELETE FROM revisions WHERE number < new.number; END";
const ENDLESS: &str = "CREATE TRIGGER endless AFTER UPDATE ON pulse BEGIN
    SELECT count(*) FROM (WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT x FROM c);
    END";

#[test]
fn a_foreign_trigger_is_named_and_never_runs() {
    for (name, table, sql) in
        [("helpful", "customers", OWNER), ("forgetful", "revisions", FORGETFUL), ("endless", "pulse", ENDLESS)]
    {
        let (directory, db, changed) = changed(sql);
        let named = format!("the trigger \"{name}\" on \"{table}\" is not Patron's");
        assert!(checked(&changed).contains(&named));
        let before = fs::read(&changed).unwrap();
        for arguments in [&["serve", "--listen", "127.0.0.1:0"][..], &["key", "create", "--mode", "live"]] {
            let refused = refusal(&run(&changed, arguments));
            assert!(refused.contains(&named) && refused.contains(&format!("'DROP TRIGGER {name}'")), "{refused}");
        }
        let restored = run(&db, &["restore", changed.to_str().unwrap()]);
        assert!(refusal(&restored).contains(&named));
        let copied = backup(&changed, &directory.path().join("copy.db"));
        assert!(refusal(&copied).contains("is damaged") && String::from_utf8_lossy(&copied.stdout).contains(&named));
        let doctor = run(&changed, &["doctor"]);
        assert!(String::from_utf8_lossy(&doctor.stdout).contains(&named), "{doctor:?}");
        assert!(!directory.path().join("copy.db").exists());
        assert!(fs::read(&changed).unwrap() == before);
        // Its rows can be read all the same.
        assert!(run(&changed, &["export", "--mode", "test"]).stdout.len() > 1000);
        Connection::open(&changed).unwrap().execute_batch(&format!("DROP TRIGGER {name}")).unwrap();
        assert!(run(&changed, &["check"]).status.success());
    }
}

#[test]
fn a_trigger_that_is_added_while_the_server_runs_does_not_run() {
    let directory = tempdir().unwrap();
    let db = directory.path().join("patron.db");
    let server = Server::start(&db);
    let client = Client::new(&server, &db);
    Connection::open(&db).unwrap().execute_batch(OWNER).unwrap();
    let id = client.create(r#"{"name":"Gaurav"}"#);
    assert_eq!(client.put(&id, r#"{"name":"Farah"}"#).unwrap().0, 200);
    let owners = "SELECT count(*) FROM staff";
    let count: i64 = Connection::open(&db).unwrap().query_row(owners, [], |row| row.get(0)).unwrap();
    assert_eq!(count, 0);
}

#[test]
fn a_trigger_in_an_older_file_does_not_run_in_its_upgrade() {
    let (directory, db) = old(1);
    let copy = directory.path().join("copy.db");
    let connection = Connection::open(&db).unwrap();
    let sql = ENDLESS.replace("UPDATE ON pulse", "UPDATE ON customers");
    connection.execute_batch(&format!("{sql}; PRAGMA wal_checkpoint(TRUNCATE)")).unwrap();
    drop(connection);
    fs::copy(&db, &copy).unwrap();
    for refused in [
        run(&db, &["upgrade", "--no-backup", "--yes"]),
        run(&db, &["upgrade", "--check"]),
        run(&directory.path().join("new.db"), &["restore", copy.to_str().unwrap()]),
    ] {
        assert!(refusal(&refused).contains("the trigger \"endless\" on \"customers\" is not Patron's"));
    }
}

#[test]
fn each_difference_in_the_schema_is_named() {
    let sql = "DROP INDEX customers_created; DROP TABLE counted; DROP TABLE backups; CREATE TABLE backups (at INTEGER);
        CREATE VIEW spy AS SELECT * FROM keys; CREATE INDEX slow ON customers (notes); CREATE TABLE \"odd\n\x1b[2J\" (a)";
    let (_directory, db, changed) = changed(sql);
    let said = checked(&changed);
    for fault in [
        "the index \"customers_created\" is missing",
        "the table \"counted\" is missing",
        "the table \"backups\" is defined differently",
        "the view \"spy\" is not Patron's",
        "the index \"slow\" on \"customers\" is not Patron's",
        "the table \"odd\\n\\u{1b}[2J\" is not Patron's",
    ] {
        assert!(said.contains(fault), "{fault}: {said}");
    }
    assert_eq!(said.lines().count(), 6, "{said}");
    let refused = refusal(&run(&db, &["restore", changed.to_str().unwrap()]));
    assert!(refused.contains(" and 5 more, which `patron check` lists; restore a backup that you trust"), "{refused}");
}

#[test]
fn tables_of_litestream_and_of_sqlite_are_known() {
    let sql = "CREATE TABLE _litestream_seq (id INTEGER PRIMARY KEY, seq INTEGER); CREATE TABLE _litestream_lock (id INTEGER);
        ANALYZE";
    let (_directory, db, changed) = changed(sql);
    let checked = run(&changed, &["check"]);
    assert!(checked.status.success(), "{checked:?}");
    assert!(run(&db, &["restore", changed.to_str().unwrap()]).status.success());
    assert_eq!(Server::start(&changed).stop(), Some(0));
}

#[test]
fn a_hash_that_costs_too_much_is_named() {
    let (_directory, _db, changed) = changed("");
    assert!(run(&changed, &["key", "create", "--mode", "test"]).status.success());
    let connection = Connection::open(&changed).unwrap();
    let hash = |cost: &str| format!("$argon2id$v=19${cost}$AAAAAAAAAAAAAAAAAAAAAA${}", "A".repeat(43));
    for (cost, named) in [("m=4194304,t=3,p=1", "m=4194304, t=3"), ("m=8,t=4000000,p=1", "m=8, t=4000000")] {
        connection.execute("UPDATE keys SET secret_hash = ?1", [hash(cost)]).unwrap();
        let said = checked(&changed);
        assert!(said.contains(&format!("its hash costs too much to verify ({named}) and opens nothing")), "{said}");
    }
}
