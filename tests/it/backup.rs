//! `patron backup`: beside a server under load, interrupted, refused, and what it finds.

use std::collections::HashMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::{TempDir, tempdir};

use crate::server::{Client, Server, patron, run};

pub fn seeded(count: u64) -> (TempDir, PathBuf) {
    let directory = tempdir().unwrap();
    let db = directory.path().join("patron.db");
    let seeded = run(&db, &["seed", "--count", &count.to_string()]);
    assert!(seeded.status.success(), "{seeded:?}");
    (directory, db)
}

pub fn refusal(output: &std::process::Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!(said.lines().count(), 1, "{said}");
    said
}

pub fn backup(db: &Path, to: &Path) -> std::process::Output {
    run(db, &["backup", to.to_str().unwrap()])
}

/// What is in a directory but for the database and what belongs to it.
fn others(directory: &Path) -> Vec<String> {
    let names = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut others: Vec<String> = names.filter(|name| !name.starts_with("patron.")).collect();
    others.sort();
    others
}

#[test]
fn beside_a_server_under_load_it_has_all_that_was_acknowledged_before_and_holds_nobody_up() {
    let (directory, db) = seeded(2_000);
    let server = Server::start(&db);
    let client = Client::new(&server, &db);
    let ids: Vec<String> = (0..4).map(|number| client.create(&format!(r#"{{"name":"Load {number}"}}"#))).collect();
    let acknowledged: Mutex<HashMap<&str, u64>> = Mutex::new(ids.iter().map(|id| (id.as_str(), 0)).collect());
    let over = AtomicBool::new(false);
    let total = || acknowledged.lock().unwrap().values().sum::<u64>();
    thread::scope(|scope| {
        for id in &ids {
            let (client, acknowledged, over) = (client.moved(&server), &acknowledged, &over);
            scope.spawn(move || {
                for number in 1.. {
                    if over.load(Ordering::Relaxed) {
                        break;
                    }
                    let (status, _) = client.put(id, &format!(r#"{{"notes":{{"n":{number}}}}}"#)).unwrap();
                    assert_eq!(status, 200);
                    acknowledged.lock().unwrap().insert(id, number);
                }
            });
        }
        let patience = Instant::now() + Duration::from_secs(30);
        while total() < 20 && Instant::now() < patience {
            thread::sleep(Duration::from_millis(10));
        }
        for number in 0..3 {
            let copy = directory.path().join(format!("copy-{number}.db"));
            let before = acknowledged.lock().unwrap().clone();
            let made = backup(&db, &copy);
            let after = total();
            assert!(made.status.success(), "{made:?}");
            assert!(after > before.values().sum(), "edits went on meanwhile");
            let said = String::from_utf8(made.stdout).unwrap();
            assert!(
                said.contains("every history are whole.") && said.contains("0 live and 2004 test customers"),
                "{said}"
            );

            let opened = rusqlite::Connection::open(&copy).unwrap();
            for (id, promised) in before {
                let notes: String =
                    opened.query_row("SELECT notes FROM customers WHERE id = ?1", [id], |row| row.get(0)).unwrap();
                let found = serde_json::from_str::<Value>(&notes).unwrap()["n"].as_u64().unwrap_or(0);
                assert!(found >= promised, "{id} is at {found}, promised {promised}");
            }
            opened.close().unwrap();
            let checked = run(&copy, &["check"]);
            assert!(checked.status.success(), "{checked:?}");
        }
        over.store(true, Ordering::Relaxed);
    });
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn the_copy_is_one_file_for_its_owner_alone_that_can_be_served_and_searched() {
    let (directory, db) = seeded(50);
    let server = Server::start(&db);
    let id = Client::new(&server, &db).create(r#"{"name":"Kept Well"}"#);
    let copy = directory.path().join("copy.db");
    let made = run(&db, &["backup", copy.to_str().unwrap(), "--json"]);
    let said: Value = serde_json::from_slice(&made.stdout).unwrap_or_else(|_| panic!("{made:?}"));
    assert_eq!(said["customers"], serde_json::json!({ "live": 0, "test": 51 }));
    assert_eq!(said["bytes"], copy.metadata().unwrap().len());
    let summed = std::process::Command::new("b2sum").arg(&copy).output().unwrap();
    assert!(String::from_utf8(summed.stdout).unwrap().starts_with(said["blake2b"].as_str().unwrap()));
    assert_eq!(others(directory.path()), ["copy.db"]);
    assert_eq!(copy.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    drop(server);

    let server = Server::start(&copy);
    let (status, customer) = Client::new(&server, &copy).get(&format!("/{id}")).unwrap();
    assert_eq!((status, customer["name"].as_str()), (200, Some("Kept Well")));
}

#[test]
fn killed_at_any_moment_it_leaves_no_file_that_looks_whole_and_the_next_one_is_made() {
    let (directory, db) = seeded(3_000);
    let copy = directory.path().join("copy.db");
    let began = Instant::now();
    assert!(backup(&db, &copy).status.success());
    let whole = began.elapsed();
    fs::remove_file(&copy).unwrap();
    let mut interrupted = 0;
    for part in 0..16 {
        let mut command = patron(&db);
        command.args(["backup", copy.to_str().unwrap()]).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        thread::sleep(whole * part / 15);
        child.kill().unwrap();
        child.wait().unwrap();
        if copy.exists() {
            assert!(run(&copy, &["check"]).status.success(), "it has its name only once it is whole");
            fs::remove_file(&copy).unwrap();
        } else {
            interrupted += 1;
        }
    }
    assert!(interrupted > 3, "it was hardly ever under way: {interrupted}");
    assert!(backup(&db, &copy).status.success());
    assert_eq!(others(directory.path()), ["copy.db"], "nothing is left of those that were killed");
    assert!(run(&db, &["check"]).status.success());
}

#[test]
fn what_cannot_be_made_is_said_in_one_sentence_and_leaves_nothing() {
    let (directory, db) = seeded(10);
    let at = |name: &str| directory.path().join(name);
    fs::write(at("taken.db"), "precious").unwrap();
    assert!(refusal(&backup(&db, &at("taken.db"))).contains("a backup overwrites none; choose another name"));
    assert_eq!(fs::read(at("taken.db")).unwrap(), b"precious");
    assert!(refusal(&backup(&db, &db)).contains("a backup overwrites none"));
    std::os::unix::fs::symlink("nowhere", at("link.db")).unwrap();
    assert!(refusal(&backup(&db, &at("link.db"))).contains("a backup overwrites none"));
    assert!(refusal(&backup(&db, &at("no/such/copy.db"))).contains("no/such does not exist; make it"));
    assert!(refusal(&backup(&db, &at("taken.db/copy.db"))).contains("taken.db is not a directory"));
    assert!(refusal(&backup(&at("none.db"), &at("copy.db"))).contains("there is no such file"));
    assert!(!refusal(&backup(&db, Path::new("/proc/copy.db"))).contains("does not exist; make it"));
    assert_eq!(run(&db, &["backup"]).status.code(), Some(2));

    let closed = at("closed");
    fs::create_dir(&closed).unwrap();
    fs::set_permissions(&closed, Permissions::from_mode(0o555)).unwrap();
    fs::set_permissions(directory.path(), Permissions::from_mode(0o777)).unwrap();
    for name in ["patron.db", "patron.db-wal", "patron.db-shm"] {
        if at(name).exists() {
            fs::set_permissions(at(name), Permissions::from_mode(0o666)).unwrap();
        }
    }
    let mut command = patron(&db);
    // The superuser may do anything: run as somebody else.
    std::os::unix::process::CommandExt::uid(&mut command, 65_534);
    let output = command.args(["backup", closed.join("copy.db").to_str().unwrap()]).output().unwrap();
    assert!(refusal(&output).contains("this user may not write there"));
    assert_eq!(others(directory.path()), ["closed", "link.db", "taken.db"]);
    assert_eq!(fs::read_dir(&closed).unwrap().count(), 0);
}

#[test]
fn on_a_disk_that_is_too_small_nothing_is_left() {
    let (_directory, db) = seeded(3_000);
    let small = tempdir().unwrap();
    let mounted = std::process::Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=256k", "tmpfs", small.path().to_str().unwrap()])
        .output();
    if !mounted.is_ok_and(|mounted| mounted.status.success()) {
        eprintln!("not tried: this user may not mount a small file system");
        return;
    }
    let copy = small.path().join("copy.db");
    let said = refusal(&run(&db, &["backup", copy.to_str().unwrap(), "--keep-free", "0"]));
    let left = fs::read_dir(small.path()).unwrap().count();
    assert!(std::process::Command::new("umount").arg(small.path()).status().unwrap().success());
    assert!(said.contains("the disk is full; make room or choose another place"), "{said}");
    assert_eq!(left, 0);
}

#[test]
fn a_damaged_database_is_not_backed_up_and_is_told_of() {
    let (directory, db) = seeded(20);
    rusqlite::Connection::open(&db)
        .unwrap()
        .execute_batch("UPDATE customers SET name = 'Somebody Else' WHERE number = 3")
        .unwrap();
    let copy = directory.path().join("copy.db");
    let output = backup(&db, &copy);
    assert!(refusal(&output).contains("patron.db is damaged: 1 fault, listed above; restore a backup"));
    assert!(String::from_utf8_lossy(&output.stdout).contains("does not end in its present values"));
    assert!(others(directory.path()).is_empty());
}
