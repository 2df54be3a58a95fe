//! Damaged files: whoever meets the damage is told, others are served, and every command that reads the file says so.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

use crate::backup::{backup, refusal, seeded};
use crate::kill::{Moments, report, times};
use crate::schedule::until;
use crate::server::{Client, Server, run};

const PAGE: u64 = 4096;

/// A database of one file, and the ids of its customers.
fn whole(count: u64) -> (TempDir, PathBuf, Vec<String>) {
    let (directory, seeded) = seeded(count);
    let db = directory.path().join("whole.db");
    assert!(run(&seeded, &["key", "create", "--mode", "test"]).status.success());
    assert!(backup(&seeded, &db).status.success());
    let connection = rusqlite::Connection::open(&db).unwrap();
    let mut statement = connection.prepare("SELECT id FROM customers ORDER BY number").unwrap();
    let ids = statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    (directory, db, ids)
}

/// A leaf in the midst of a table or an index, counted from 1.
fn leaf(db: &Path, name: &str) -> u64 {
    let connection = rusqlite::Connection::open(db).unwrap();
    let sql = "SELECT pageno FROM dbstat WHERE name = ?1 AND pagetype = 'leaf' ORDER BY path";
    let mut statement = connection.prepare(sql).unwrap();
    let leaves: Vec<u64> = statement.query_map([name], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    leaves[leaves.len() / 2]
}

fn scribble(path: &Path, at: u64, bytes: &[u8]) {
    OpenOptions::new().write(true).open(path).unwrap().write_all_at(bytes, at).unwrap();
}

/// What a client is answered, in the documented shape where it is an error. Gives the status.
fn status_of(answered: Result<(u16, Value), ureq::Error>) -> u16 {
    let (status, body) = answered.unwrap();
    if status != 200 {
        assert!(body["error"]["code"].is_string() && body["error"]["description"].is_string(), "{status} {body}");
    }
    status
}

/// How often each status came.
fn counted(statuses: impl Iterator<Item = u16>) -> BTreeMap<u16, usize> {
    let mut counts = BTreeMap::new();
    for status in statuses {
        *counts.entry(status).or_default() += 1;
    }
    counts
}

/// That the file is damaged, by every command that reads it whole.
fn is_told(db: &Path) {
    let checked = run(db, &["check"]);
    assert!(refusal(&checked).contains("is damaged: "), "{checked:?}");
    assert!(refusal(&checked).contains("restore a backup"), "{checked:?}");
    let copy = db.with_extension("copy");
    let copied = backup(db, &copy);
    assert!(refusal(&copied).contains("is damaged: ") && !copy.exists(), "{copied:?}");
}

#[test]
fn after_a_damaged_page_edits_wait_and_reads_go_on() {
    let (directory, whole, ids) = whole(400);
    let made = run(&whole, &["key", "create", "--mode", "test", "--json"]);
    let key: Value = serde_json::from_slice(&made.stdout).unwrap();
    let pair = format!("{}:{}", key["key_id"].as_str().unwrap(), key["key_secret"].as_str().unwrap());
    let one_file = directory.path().join("one.db");
    assert!(backup(&whole, &one_file).status.success());
    let whole = one_file;
    for name in ["customers", "sqlite_autoindex_customers_1", "customers_pair", "revisions"] {
        let db = directory.path().join(format!("{name}.db"));
        fs::copy(&whole, &db).unwrap();
        scribble(&db, (leaf(&whole, name) - 1) * PAGE, &[0xA5; PAGE as usize]);
        let server = Server::start(&db);
        let client = Client::with(&server, &pair);
        let read = counted(ids.iter().map(|id| status_of(client.get(&format!("/{id}")))));
        let told = counted(ids.iter().map(|id| status_of(client.get(&format!("/{id}/revisions")))));
        let edited = counted(ids.iter().map(|id| status_of(client.put(id, r#"{"contact":null}"#))));
        let all = [&read, &told, &edited];
        for counts in all {
            assert!(counts.keys().all(|status| [200, 400, 500, 503].contains(status)), "{name} {counts:?}");
        }
        for counts in [&read, &told] {
            assert!(counts.get(&200).is_some_and(|served| *served > 0), "{name} {counts:?}");
            assert!(!counts.contains_key(&503), "{name} {counts:?}");
        }
        // From the first time on that the damage is met, whoever meets it, no edit is let in.
        assert_eq!(status_of(client.put(&ids[0], r#"{"contact":null}"#)), 503, "{name}");
        let ready = server.speak(b"GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        assert!(ready.contains(" 503 ") && ready.contains("the database file is in doubt"), "{ready}");
        assert!(all.iter().any(|counts| counts.contains_key(&500) || counts.contains_key(&503)), "{name} {all:?}");
        let log = server.log.clone();
        assert_eq!(server.stop(), Some(0));
        let log = fs::read_to_string(log).unwrap();
        let line = log.lines().find(|line| line.contains("the database is damaged (database disk image is malformed"));
        let line = line.unwrap_or_else(|| panic!("{name} {all:?}"));
        let way_out = "`patron check` lists how; stop the server, and restore a backup with `patron restore FILE`";
        assert!(line.contains(way_out) && !log.contains("a panic"), "{name} {line}");
        is_told(&db);
        let doctor = run(&db, &["doctor"]);
        let said = String::from_utf8(doctor.stdout).unwrap();
        assert_eq!(doctor.status.code(), Some(1), "{name} {said}");
        assert!(said.contains("wrong         Integrity") && said.contains("restore a backup"), "{name} {said}");
    }
}

/// Damage that no request meets.
#[test]
fn after_a_scheduled_backup_found_damage_edits_wait() {
    let (directory, db, ids) = whole(400);
    let server = Server::start(&db);
    let client = Client::new(&server, &db);
    assert_eq!(server.stop(), Some(0));
    scribble(&db, (leaf(&db, "customers_created") - 1) * PAGE, &[0xA5; PAGE as usize]);
    let backups = directory.path().join("backups");
    let server = Server::start_with(&db, &["--backup-dir", backups.to_str().unwrap(), "--backup-every", "1s"]);
    let client = client.moved(&server);
    until("edits wait", || status_of(client.put(&ids[0], r#"{"contact":null}"#)) == 503);
    assert_eq!(status_of(client.get(&format!("/{}", ids[0]))), 200);
    let log = server.log_with("the database is damaged: edits wait until it is checked and found whole");
    assert_eq!(server.stop(), Some(0));
    assert!(log.contains("the database is damaged: edits wait"), "{log}");
}

#[test]
fn a_damaged_header_is_refused_at_the_start_and_does_not_end_a_server() {
    let (_directory, db, ids) = whole(50);
    let server = Server::start(&db);
    let client = Client::new(&server, &db);
    let header = fs::read(&db).unwrap()[..100].to_vec();
    scribble(&db, 0, &[0; 100]);
    for id in ids.iter().take(3) {
        let statuses = [status_of(client.get(&format!("/{id}"))), status_of(client.put(id, r#"{"name":"Try It"}"#))];
        assert!(statuses.iter().all(|status| [200, 500, 503].contains(status)), "{statuses:?}");
    }
    assert!(server.speak(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").contains(" 200 OK"));
    server.kill();
    for companion in ["whole.db-wal", "whole.db-shm"] {
        let _ = fs::remove_file(db.with_file_name(companion));
    }
    scribble(&db, 0, &[0; 100]);
    let said = refusal(&run(&db, &[]));
    assert!(said.contains("it is not a SQLite database; choose another file"), "{said}");
    scribble(&db, 0, &header);
    assert_eq!(Server::start(&db).stop(), Some(0));
}

/// The log ends where it does not hold: as after a power cut, SQLite cannot tell the one from the other.
#[test]
fn of_a_damaged_log_what_comes_before_is_kept_and_the_file_is_whole() {
    let (_directory, db, ids) = whole(20);
    let server = Server::start(&db);
    let client = Client::new(&server, &db);
    // As long as somebody reads what was before, the log is not written back.
    let reader = rusqlite::Connection::open(&db).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM customers").unwrap();
    for number in 1..=40 {
        assert_eq!(client.put(&ids[3], &format!(r#"{{"notes":{{"n":{number}}}}}"#)).unwrap().0, 200);
    }
    server.kill();
    // Nor by the last one that closes it.
    reader.set_db_config(rusqlite::config::DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).unwrap();
    drop(reader);
    let log = db.with_file_name("whole.db-wal");
    let middle = log.metadata().unwrap().len() / 2;
    let mut byte = [0];
    File::open(&log).unwrap().read_exact_at(&mut byte, middle).unwrap();
    scribble(&log, middle, &[byte[0] ^ 0xFF]);
    let server = Server::start(&db);
    let found = client.moved(&server).get(&format!("/{}", ids[3])).unwrap().1["notes"]["n"].as_u64().unwrap_or(0);
    assert!((1..40).contains(&found), "{found}");
    assert_eq!(server.stop(), Some(0));
    assert!(run(&db, &["check"]).status.success());
}

#[test]
fn whatever_is_scribbled_over_nothing_hangs_and_nothing_panics() {
    let (directory, whole, ids) = whole(300);
    let mut moments = Moments::new();
    let len = whole.metadata().unwrap().len();
    let tries = 6 * times();
    let mut met = 0;
    for number in 0..tries {
        let db = directory.path().join(format!("{number}.db"));
        fs::copy(&whole, &db).unwrap();
        // From a byte to two pages, beyond the header: that has a test of its own.
        let size = [1, 16, 700, 4096, 8192][number as usize % 5];
        let at = 100 + moments.number(len - 100 - size);
        let noise: Vec<u8> = (0..size).map(|_| moments.number(256) as u8).collect();
        scribble(&db, at, &noise);
        let again = format!("{size} bytes at {at}; {moments}");
        let started = Server::attempt(&mut crate::server::patron(&db), db.with_extension("log"));
        match started {
            Err(said) => {
                assert!(said.ends_with("exit status: 1") && said.contains("patron: "), "{said}; {again}");
                met += 1;
            }
            Ok(server) => {
                let pair =
                    server.printed.lines().filter_map(|line| line.trim().strip_prefix("key ")).collect::<Vec<_>>();
                let made = run(&db, &["key", "create", "--mode", "test", "--json"]);
                // Where not even a key can be made, strangers are still answered.
                let client = match serde_json::from_slice::<Value>(&made.stdout) {
                    Ok(key) => {
                        let part = |name: &str| key[name].as_str().unwrap().to_owned();
                        Client::with(&server, &format!("{}:{}", part("key_id"), part("key_secret")))
                    }
                    Err(_) => Client::with(&server, &format!("rzp_test_00000000000000:{}", pair.len())),
                };
                let mut statuses =
                    vec![status_of(client.get("?count=100")), status_of(client.get("?count=10&skip=150"))];
                for id in ids.iter().step_by(7) {
                    statuses.push(status_of(client.get(&format!("/{id}"))));
                    statuses.push(status_of(client.get(&format!("/{id}/revisions"))));
                    statuses.push(status_of(client.put(id, r#"{"name":"Some Edit"}"#)));
                }
                let counts = counted(statuses.into_iter());
                assert!(
                    counts.keys().all(|status| [200, 400, 401, 429, 500, 503].contains(status)),
                    "{counts:?}; {again}"
                );
                met += u64::from(counts.contains_key(&500));
                let log = server.log.clone();
                assert!(matches!(server.stop(), Some(0 | 1)), "{again}");
                assert!(!fs::read_to_string(log).unwrap().contains("a panic"), "{again}");
            }
        }
        for command in [&["check"][..], &["doctor"], &["backup", db.with_extension("copy").to_str().unwrap()]] {
            let output = run(&db, command);
            assert!(matches!(output.status.code(), Some(0 | 1)), "{command:?} {output:?}; {again}");
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(!said.contains("a panic"), "{command:?} {said}; {again}");
        }
        let kept = fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().path());
        for left in kept.filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with(&format!("{number}."))) {
            fs::remove_file(left).unwrap();
        }
    }
    report(&format!("damage: {tries} files scribbled over, {met} of them met by a request"));
}
