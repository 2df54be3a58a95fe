//! The database's files removed, renamed or replaced under a running server: nothing is acknowledged that would be lost with it,
//! reads go on, and it is over when the files are back.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::{TempDir, tempdir};

use crate::server::{Client, Server, run};

fn fresh() -> (TempDir, PathBuf) {
    let directory = tempdir().unwrap();
    let db = directory.path().join("patron.db");
    (directory, db)
}

/// A file that belongs to the database, and where it is meanwhile.
fn named(db: &Path, suffix: &str) -> (PathBuf, PathBuf) {
    (db.with_file_name(format!("patron.db{suffix}")), db.with_file_name("aside"))
}

#[test]
fn edits_wait_and_reads_go_on_until_the_file_is_back() {
    let (_directory, db) = fresh();
    let server = Server::start(&db);
    let client = Client::new(&server, &db);
    let id = client.create(r#"{"name":"Gaurav Kumar"}"#);
    let edit = |number: u32| client.put(&id, &format!(r#"{{"notes":{{"n":{number}}}}}"#)).unwrap().0;
    let mut number = 0;
    for suffix in ["", "-wal", "-shm"] {
        for replaced in [false, true] {
            number += 1;
            assert_eq!(edit(number), 200);
            let (file, aside) = named(&db, suffix);
            fs::rename(&file, &aside).unwrap();
            if replaced {
                fs::copy(&aside, &file).unwrap();
            }
            for _ in 0..3 {
                let answer = server.ask("PUT", &format!("/{id}"), &client, r#"{"name":"Lost Otherwise"}"#);
                assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("\r\nretry-after: "), "{answer}");
                assert!(answer.contains(r#"{"error":{"code":"SERVER_ERROR","description":"We are facing"#), "{answer}");
            }
            let (status, found) = client.get(&format!("/{id}")).unwrap();
            assert_eq!((status, found["notes"]["n"].as_u64()), (200, Some(number.into())), "{suffix} {replaced}");
            let (status, listed) = client.get("?count=1").unwrap();
            assert_eq!((status, listed["items"][0]["id"].as_str()), (200, Some(id.as_str())));
            fs::rename(&aside, &file).unwrap();
            assert_eq!(edit(number), 200, "it is over");
        }
    }
    let log = server.log.clone();
    assert_eq!(server.stop(), Some(0));
    let log = fs::read_to_string(log).unwrap();
    let said = |words: &str| log.lines().filter(|line| line.contains(words)).count();
    for suffix in ["", "-wal", "-shm"] {
        assert_eq!(said(&format!("patron.db{suffix} was removed or has another name while it was open")), 1, "{log}");
        assert_eq!(said(&format!("patron.db{suffix} was replaced by another file while it was open")), 1, "{log}");
    }
    assert_eq!(said("writing again"), 6, "{log}");
    let checked = run(&db, &["check"]);
    assert!(checked.status.success(), "{checked:?}");
}
