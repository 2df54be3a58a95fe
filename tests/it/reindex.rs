//! The index of the search: what is wrong with it is told with the way out, and it is made anew.

use std::fs;
use std::path::Path;

use crate::backup::{backup, refusal, seeded};
use crate::server::{Client, Server, run};

const WAY_OUT: &str = ", listed above; `patron reindex` makes that index anew";

fn damage(db: &Path, sql: &str) {
    rusqlite::Connection::open(db).unwrap().execute_batch(sql).unwrap();
}

fn reindex(db: &Path) {
    let output = run(db, &["reindex"]);
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    let output = run(db, &["check"]);
    assert!(output.status.success(), "{output:?}");
}

/// What a command that finds something wrong prints, and the one sentence that it ends with.
fn said(db: &Path, command: &str) -> (String, String) {
    let output = run(db, &[command]);
    (String::from_utf8(output.stdout.clone()).unwrap(), refusal(&output))
}

/// How many customers the search finds.
fn found(db: &Path, text: &str) -> usize {
    let output = run(db, &["export", "--mode", "test", "--format", "jsonl", "--search", text]);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().lines().count()
}

#[test]
fn seed_and_import_leave_nothing_to_feed() {
    let (directory, db) = seeded(30);
    let unfed = || -> i64 {
        let sql = "SELECT (SELECT max(number) FROM revisions) - revision FROM search_mark";
        rusqlite::Connection::open(&db).unwrap().query_row(sql, [], |row| row.get(0)).unwrap()
    };
    assert_eq!(unfed(), 0);
    let file = directory.path().join("customers.csv");
    fs::write(&file, "name,email\nAsha,asha@example.com\n").unwrap();
    let output = run(&db, &["import", file.to_str().unwrap(), "--mode", "test", "--yes"]);
    assert!(output.status.success(), "{output:?}");
    assert_eq!((unfed(), found(&db, "asha@")), (0, 1));
}

#[test]
fn an_index_that_lost_somebody_or_has_a_stranger_is_told_of_and_made_anew() {
    let (_directory, db) = seeded(30);
    assert!(run(&db, &["check"]).status.success());
    reindex(&db);
    let sql = "SELECT id FROM customers WHERE number = 3";
    let id: String = rusqlite::Connection::open(&db).unwrap().query_row(sql, [], |row| row.get(0)).unwrap();
    assert_eq!(found(&db, &id), 1);
    for (change, left) in [
        ("INSERT INTO search (search, rowid, trigrams) VALUES ('delete', 3, 'cus')", 0),
        ("INSERT INTO search (rowid, trigrams) VALUES (4, 'zqx')", 1),
    ] {
        damage(&db, change);
        assert_eq!(found(&db, &id), left);
        let (listed, sentence) = said(&db, "check");
        assert!(listed.contains("the index of the search is not that of the customers"), "{listed}");
        assert!(sentence.contains(WAY_OUT), "{sentence}");
        reindex(&db);
        assert_eq!(found(&db, &id), 1);
    }
}

#[test]
fn a_damaged_index_is_made_anew_beside_a_server_and_backups_are_made_again() {
    let (directory, db) = seeded(30);
    reindex(&db);
    damage(&db, "UPDATE search_data SET block = zeroblob(40) WHERE id = (SELECT max(id) FROM search_data)");
    let server = Server::start(&db);
    let client = Client::new(&server, &db);
    let id = client.create(r#"{"name":"Zqxvara","contact":"9876543210"}"#);

    let (listed, sentence) = said(&db, "check");
    assert!(listed.contains("the index of the search is damaged ("), "{listed}");
    assert!(sentence.contains(WAY_OUT), "{sentence}");
    let (doctor, _) = said(&db, "doctor");
    let words = "wrong         Integrity    the index of the search is damaged (";
    assert!(doctor.contains(words) && !doctor.contains("restore"), "{doctor}");
    let copy = directory.path().join("copy.db");
    assert!(refusal(&backup(&db, &copy)).contains(WAY_OUT));
    let export = run(&db, &["export", "--mode", "test", "--search", "zqxvara"]);
    let export = String::from_utf8(export.stderr).unwrap();
    assert!(export.contains("the index of the search is damaged (") && export.contains("`patron reindex`"), "{export}");

    reindex(&db);
    assert_eq!(found(&db, "zqxvara"), 1);
    assert!(backup(&db, &copy).status.success());
    client.put(&id, r#"{"name":"Zqxvari"}"#).unwrap();
    assert_eq!((found(&db, "zqxvara"), found(&db, "zqxvari")), (0, 1));
    let log = server.log.clone();
    assert_eq!(server.stop(), Some(0));
    assert!(!fs::read_to_string(log).unwrap().contains("a panic"));
    assert!(run(&db, &["check"]).status.success());
}

#[test]
fn whatever_part_of_the_index_is_damaged_it_is_made_anew() {
    let (_directory, db) = seeded(300);
    reindex(&db);
    for change in [
        // Its levels, its pages, and where each begins.
        "UPDATE search_data SET block = zeroblob(40) WHERE id = 10",
        "DELETE FROM search_data WHERE id = 10",
        "DELETE FROM search_data WHERE id > 10",
        "DELETE FROM search_idx",
        "UPDATE search_data SET block = substr(block, 1, length(block) / 2) WHERE id > 10",
    ] {
        damage(&db, change);
        let (listed, sentence) = said(&db, "check");
        assert!(listed.lines().all(|line| line.starts_with("the index of the search is ")), "{change} {listed}");
        assert!(sentence.contains(WAY_OUT), "{change} {sentence}");
        reindex(&db);
    }
}

#[test]
fn nothing_is_made_anew_where_there_is_no_file() {
    let directory = tempfile::tempdir().unwrap();
    let db = directory.path().join("nowhere.db");
    assert!(refusal(&run(&db, &["reindex"])).contains("nowhere.db"));
    assert!(!db.exists());
}
