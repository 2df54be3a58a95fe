//! `patron upgrade`: what is told of an older file, that telling changes nothing, and what doing it leaves.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, SystemTime};

use serde_json::Value;
use tempfile::{TempDir, tempdir};

use crate::server::{Server, run};

/// The schema of this binary: one step leads to each but the first.
fn newest() -> usize {
    fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src/store/sqlite/steps")).unwrap().count() + 1
}

/// A populated file as the first patron made it.
pub fn old(version: usize) -> (TempDir, PathBuf) {
    let directory = tempdir().unwrap();
    let db = directory.path().join("patron.db");
    let connection = rusqlite::Connection::open(&db).unwrap();
    connection.execute_batch("PRAGMA journal_mode = wal").unwrap();
    let sql = fs::read_to_string(format!("{}/tests/upgrade/{version}.sql", env!("CARGO_MANIFEST_DIR"))).unwrap();
    connection.execute_batch(&sql).unwrap();
    connection.execute_batch(&format!("PRAGMA application_id = 1349808750; PRAGMA user_version = {version}")).unwrap();
    drop(connection);
    (directory, db)
}

fn said(db: &Path, arguments: &[&str]) -> String {
    let output = run(db, arguments);
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn refused(db: &Path, arguments: &[&str]) -> String {
    let output = run(db, arguments);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}

fn names(directory: &TempDir) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(directory.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| {
            !name.ends_with("-wal")
                && !name.ends_with("-shm")
                && !name.ends_with("-reserve")
                && !name.ends_with(".lock")
        })
        .collect();
    names.sort();
    names
}

#[test]
fn what_would_be_done_is_told_and_nothing_is_changed() {
    let newest = newest();
    for version in 1..newest {
        let (directory, db) = old(version);
        let before = fs::read(&db).unwrap();
        let told = said(&db, &["upgrade", "--check"]);
        assert!(
            told.contains(&format!("has schema {version}; this patron, {}, has {newest}.", env!("CARGO_PKG_VERSION")))
        );
        for to in version + 1..=newest {
            assert!(told.contains(&format!("\n  to {to}: ")), "{told}");
        }
        for words in [
            match version {
                1 | 2 => "customers can be erased",
                3 => "files of customers come in",
                4 => "edits hardly ever wait for the index of the search",
                5 => "the index of the search takes a fifth of the writing",
                6 => "numbers are looked for by five digits at once",
                _ => "accents and normal forms do not count in a search",
            },
            "Tried on a copy, which was whole afterwards and is removed: the steps took ",
            // The first schema had no place to remember one.
            if version == 1 {
                "It knows of no backup; `patron upgrade` makes a copy before."
            } else {
                "The last backup that it knows of is not in"
            },
            "No server has it.",
            "An older patron cannot use it afterwards.",
        ] {
            assert!(told.contains(words), "{words}: {told}");
        }
        let json: Value = serde_json::from_str(&said(&db, &["upgrade", "--check", "--quick", "--json"])).unwrap();
        assert_eq!((&json["schema"], &json["newest"]), (&version.into(), &newest.into()));
        assert_eq!(json["steps"].as_array().unwrap().len(), newest - version);
        assert!(
            json["tried_seconds"].is_null() && json["served"] == false && json["backup"].is_null() == (version == 1)
        );
        assert!(fs::read(&db).unwrap() == before, "to the byte");
        assert_eq!(names(&directory), ["patron.db"]);
    }
}

#[test]
fn it_is_done_after_a_copy_that_leads_back() {
    let (directory, db) = old(1);
    let unsaid = refused(&db, &["upgrade"]);
    assert!(unsaid.contains("say so with --yes; nothing was changed"), "{unsaid}");
    assert_eq!(names(&directory), ["patron.db"]);
    let told = said(&db, &["upgrade", "--yes"]);
    assert!(told.ends_with(&format!("patron.db has schema {} now.\n", newest())), "{told}");
    let names = names(&directory);
    assert!(
        names.len() == 2 && names[1].starts_with("patron.db.before-upgrade-") && names[1].ends_with('Z'),
        "{names:?}"
    );
    assert!(said(&db, &["check"]).contains(" is whole: "));
    assert!(said(&db, &["upgrade", "--yes"]).ends_with("There is nothing to upgrade.\n"));
    // As the older one knows it.
    let copy = directory.path().join(&names[1]);
    assert!(said(&copy, &["upgrade", "--check", "--quick"]).contains("has schema 1;"));
    assert!(said(&db, &["restore", copy.to_str().unwrap()]).contains(" is restored from "));
    // Who is erased is in the copy still, and that is told.
    let listed = said(&db, &["customer", "export", &first(&copy)]);
    assert!(listed.contains("\"id\""), "{listed}");
    let erased = said(&db, &["customer", "erase", &first(&copy), "--yes"]);
    assert!(erased.contains(&format!("{}, until somebody removes it", copy.display())), "{erased}");
}

fn first(db: &Path) -> String {
    let connection = rusqlite::Connection::open(db).unwrap();
    connection.query_row("SELECT id FROM customers ORDER BY number LIMIT 1", [], |row| row.get(0)).unwrap()
}

#[test]
fn without_a_copy_where_that_is_asked_for() {
    let (directory, db) = old(2);
    said(&db, &["upgrade", "--yes", "--no-backup"]);
    assert_eq!(names(&directory), ["patron.db"]);
}

#[test]
fn a_server_that_has_the_file_is_told_of_and_keeps_it() {
    let directory = tempdir().unwrap();
    let db = directory.path().join("patron.db");
    let server = Server::start(&db);
    assert!(said(&db, &["upgrade", "--check"]).ends_with("There is nothing to upgrade.\n"));
    drop(server);
    let (_directory, db) = old(2);
    let lock = fs::File::create(db.with_file_name("patron.db.lock")).unwrap();
    lock.try_lock().unwrap();
    assert!(said(&db, &["upgrade", "--check"]).contains("A server has it: stop that one before"));
    assert!(refused(&db, &["upgrade", "--yes"]).contains("stop it first, then run this again; nothing was changed"));
    assert!(said(&db, &["upgrade", "--check", "--quick"]).contains("has schema 2;"));
}

#[test]
fn a_command_leaves_a_file_alone_that_an_older_server_has() {
    let (_directory, db) = old(6);
    let lock = fs::File::create(db.with_file_name("patron.db.lock")).unwrap();
    lock.try_lock().unwrap();
    for command in [["key", "create", "--mode", "test"].as_slice(), &["seed", "--count", "1"], &["reindex"]] {
        let words = format!("an older patron serves it (schema 6, this one has {}); stop that server", newest());
        assert!(refused(&db, command).contains(&words));
    }
    assert!(said(&db, &["upgrade", "--check", "--quick"]).contains("has schema 6;"));
    drop(lock);
    said(&db, &["key", "create", "--mode", "test"]);
    assert!(said(&db, &["upgrade", "--check"]).contains(&format!("has schema {}", newest())));
}

#[test]
fn what_is_wrong_with_the_index_of_the_search_stands_in_no_upgrades_way() {
    let (_directory, db) = old(6);
    let connection = rusqlite::Connection::open(&db).unwrap();
    connection.execute_batch("UPDATE search_data SET block = zeroblob(9) WHERE id > 10").unwrap();
    drop(connection);
    assert!(said(&db, &["upgrade", "--yes"]).contains("It is copied as it is to "));
    said(&db, &["reindex"]);
    said(&db, &["check"]);
}

#[test]
fn finds_names_without_accents_in_a_file_of_schema_7() {
    let (_directory, db) = old(7);
    said(&db, &["upgrade", "--yes", "--no-backup"]);
    for fed in [false, true] {
        if fed {
            said(&db, &["reindex"]);
        }
        for query in ["munoz", "MUÑOZ", "Mun\u{303}oz"] {
            let found = said(&db, &["export", "--mode", "test", "--format", "jsonl", "--search", query]);
            assert!(found.contains("\"Jose\u{301} Mun\u{303}oz\""), "{query}: {found}");
        }
        said(&db, &["check"]);
    }
}

#[test]
fn a_newer_file_a_strangers_and_none_are_refused() {
    let (directory, db) = old(2);
    let connection = rusqlite::Connection::open(&db).unwrap();
    connection.execute_batch("PRAGMA user_version = 99").unwrap();
    assert!(refused(&db, &["upgrade", "--check"]).contains("a newer patron made it (schema 99"));
    connection.execute_batch("PRAGMA application_id = 7").unwrap();
    assert!(refused(&db, &["upgrade", "--check"]).contains("it belongs to another program"));
    let none = directory.path().join("none.db");
    assert!(refused(&none, &["upgrade", "--check"]).contains("there is no such file"));
    assert!(!none.exists());
}

#[test]
fn a_damaged_file_is_not_upgraded() {
    let (directory, db) = old(1);
    let connection = rusqlite::Connection::open(&db).unwrap();
    connection.execute_batch("PRAGMA wal_checkpoint(truncate)").unwrap();
    let root = "SELECT rootpage FROM sqlite_schema WHERE name = 'revisions'";
    let page: u64 = connection.query_row(root, [], |row| row.get(0)).unwrap();
    drop(connection);
    let mut bytes = fs::read(&db).unwrap();
    let at = usize::try_from((page - 1) * 4096).unwrap();
    bytes[at..at + 64].fill(0xA5);
    fs::write(&db, &bytes).unwrap();
    let said = refused(&db, &["upgrade", "--yes"]);
    assert!(
        said.contains("is damaged: ") && said.contains("nothing was changed; restore a backup made before"),
        "{said}"
    );
    assert!(fs::read(&db).unwrap() == bytes);
    assert_eq!(names(&directory), ["patron.db"]);
    refused(&db, &["upgrade", "--check"]);
    assert_eq!(names(&directory), ["patron.db"]);
}

#[test]
fn killed_at_any_moment_it_is_done_when_it_is_run_again_at_once() {
    for version in [1, newest() - 1] {
        for after in (0..60).step_by(6) {
            let (directory, db) = old(version);
            let left = directory.path().join("patron.db.before-upgrade-20200101T000000Z.partial");
            fs::write(&left, "half").unwrap();
            let mut killed = crate::server::patron(&db);
            let killed = killed.args(["upgrade", "--yes"]).stdout(Stdio::null()).stderr(Stdio::null());
            let mut killed = killed.spawn().unwrap();
            std::thread::sleep(Duration::from_millis(after));
            killed.kill().unwrap();
            // It may still be on its way out, as where somebody runs it again.
            let again = run(&db, &["upgrade", "--yes"]);
            assert!(again.status.success(), "killed after {after} ms: {again:?}");
            killed.wait().unwrap();
            assert!(said(&db, &["check"]).contains("is whole"));
            let names = names(&directory);
            assert!(names.iter().all(|name| !name.contains("partial")), "{names:?}");
        }
    }
}

#[test]
fn a_copy_of_the_same_second_is_not_in_its_way() {
    let (directory, db) = old(1);
    let now = db.metadata().unwrap().modified().unwrap().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    for at in now..now + 5 {
        let stamp = humantime::format_rfc3339_seconds(SystemTime::UNIX_EPOCH + Duration::from_secs(at));
        let stamp = stamp.to_string().replace(['-', ':'], "");
        fs::write(directory.path().join(format!("patron.db.before-upgrade-{stamp}")), "of before").unwrap();
    }
    assert!(said(&db, &["upgrade", "--yes"]).contains("has schema"));
    assert_eq!(names(&directory).len(), 7);
}
