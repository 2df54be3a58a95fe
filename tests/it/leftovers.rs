//! What commands and failed starts leave behind: a database that is complete by itself, and no file where there was none.

use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use rusqlite::Connection;
use tempfile::tempdir;

use crate::backup::{backup, refusal, seeded};
use crate::server::{Client, Server, patron, run};

/// The names in a directory, without the log that tests keep of a server.
fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.retain(|name| name != "patron.log");
    names.sort();
    names
}

/// Runs a command, with a line on its standard input.
fn given(db: &Path, arguments: &[&str], line: &str) -> Output {
    let mut command = patron(db);
    let mut child =
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // Refused before it reads, a command closes its end.
    let _ = writeln!(child.stdin.take().unwrap(), "{line}");
    child.wait_with_output().unwrap()
}

/// How many customers a copy of the file alone has.
fn copied(db: &Path) -> u64 {
    let copy = db.with_file_name("copy-of-it-alone");
    fs::copy(db, &copy).unwrap();
    let connection = Connection::open_with_flags(&copy, rusqlite::OpenFlags::SQLITE_OPEN_READ_WRITE).unwrap();
    let count = connection.query_row("SELECT count(*) FROM customers", [], |row| row.get(0)).unwrap();
    drop(connection);
    fs::remove_file(copy).unwrap();
    count
}

#[test]
fn a_command_leaves_all_it_wrote_in_the_file_alone() {
    let directory = tempdir().unwrap();
    let db = directory.path().join("patron.db");
    let file = directory.path().join("new.csv");
    fs::write(&file, "name,email\nGaurav Kumar,gaurav.kumar@example.com\n").unwrap();
    for (arguments, count) in [
        (&["seed", "--count", "50"][..], 50),
        (&["key", "create", "--mode", "live"], 50),
        (&["import", file.to_str().unwrap(), "--mode", "test", "--yes"], 51),
        (&["import", "undo", "1", "--yes"], 50),
        (&["staff", "add", "owner@example.com", "--role", "owner"], 50),
        (&["reindex"], 50),
        (&["export", "--mode", "test"], 50),
        (&["check"], 50),
        (&["doctor", "--quick"], 50),
        (&["upgrade"], 50),
    ] {
        let output = run(&db, arguments);
        assert!(output.status.success(), "{output:?}");
        assert_eq!(copied(&db), count, "{arguments:?}");
        assert_eq!(names(directory.path()), ["new.csv", "patron.db"], "{arguments:?}");
    }
    // One that fails leaves what it found.
    assert!(refusal(&run(&db, &["key", "rotate", "rzp_test_00000000000000"])).contains("rzp_test_0000"));
    assert_eq!(names(directory.path()), ["new.csv", "patron.db"]);
    assert_eq!(Server::start(&db).stop(), Some(0));
    assert_eq!(names(directory.path()), ["new.csv", "patron.db", "patron.db-reserve", "patron.db.lock"]);
}

#[test]
fn a_command_that_only_reads_leaves_what_a_killed_server_left() {
    let (directory, db) = seeded(5);
    let server = Server::start(&db);
    Client::new(&server, &db).create(r#"{"name":"In The Log"}"#);
    // While a server runs, a command leaves its files alone.
    assert!(run(&db, &["export", "--mode", "test"]).status.success());
    assert!(names(directory.path()).contains(&"patron.db-wal".to_owned()));
    server.kill();
    let read = || ["patron.db", "patron.db-wal"].map(|name| fs::read(directory.path().join(name)).unwrap());
    let before = read();
    assert!(run(&db, &["export", "--mode", "test"]).status.success());
    assert!(read() == before);
    // One that writes looks at the files before, and writes all of it back.
    assert!(run(&db, &["key", "create", "--mode", "test"]).status.success());
    assert_eq!(copied(&db), 6);
    assert_eq!(names(directory.path()), ["patron.db", "patron.db-reserve", "patron.db.lock"]);
}

#[test]
fn while_another_process_reads_the_log_stays_and_nothing_is_lost() {
    let (directory, db) = seeded(5);
    let reading = Connection::open(&db).unwrap();
    reading.execute_batch("BEGIN; SELECT count(*) FROM customers").unwrap();
    assert!(run(&db, &["seed", "--count", "7", "--seed", "3"]).status.success());
    assert!(names(directory.path()).contains(&"patron.db-wal".to_owned()));
    drop(reading);
    assert_eq!(copied(&db), 12, "written back by the last that had it open");
}

#[test]
fn a_command_that_fails_leaves_no_file() {
    let directory = tempdir().unwrap();
    let at = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let (db, none, text) = (directory.path().join("patron.db"), at("none.csv"), at("text.csv"));
    fs::write(&text, "one line").unwrap();
    for (arguments, line) in [
        (&["import", &none, "--mode", "test", "--yes"][..], ""),
        (&["import", &text, "--mode", "test", "--yes"], ""),
        (&["import", &text, "--mode", "test", "--yes", "--map", "x=y"], ""),
        (&["import", "list"], ""),
        (&["import", "show", "1"], ""),
        (&["key", "import", "rzp_test_00000000000000"], "no secret"),
        (&["key", "list"], ""),
        (&["key", "rotate", "rzp_test_00000000000000"], ""),
        (&["staff", "add", "owner@example.com", "--role", "owner", "--password-stdin"], "short"),
        (
            &["pull", "--base-url", "http://127.0.0.1:1", "--key-id", "rzp_test_00000000000000", "--key-secret-stdin"],
            "s",
        ),
        (&["export", "--mode", "test"], ""),
        (&["backup", &at("copy.db")], ""),
        (&["restore", &text], ""),
        (&["restore", &none], ""),
        (&["upgrade"], ""),
        (&["doctor"], ""),
        (&["check"], ""),
        (&["reindex"], ""),
        (&["seed", "--count", "x"], ""),
        (&["seed", "--no-such-flag"], ""),
    ] {
        let output = given(&db, arguments, line);
        assert!(!output.status.success(), "{arguments:?}");
        assert_eq!(names(directory.path()), ["text.csv"], "{arguments:?}: {output:?}");
    }
}

#[test]
fn a_start_that_fails_leaves_no_file() {
    let directory = tempdir().unwrap();
    let db = directory.path().join("patron.db");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let file = directory.path().join("file");
    fs::write(&file, "text").unwrap();
    let file = file.to_str().unwrap();
    let free = &["--listen", "127.0.0.1:0"][..];
    for arguments in [
        &["--listen", &taken][..],
        &[free, &["--metrics-listen", &taken]].concat(),
        &[free, &["--tls-cert", file, "--tls-key", file]].concat(),
        &[free, &["--no-such-flag"]].concat(),
    ] {
        for command in [&["serve"][..], &["emulate", "--db", db.to_str().unwrap()]] {
            let output = run(&db, &[command, arguments].concat());
            assert!(!output.status.success(), "{output:?}");
            assert_eq!(names(directory.path()), ["file"], "{output:?}");
        }
    }
    // A file of a newer patron stays as it is, alone.
    assert!(run(&db, &["seed", "--count", "3"]).status.success());
    let newer = Connection::open(&db).unwrap();
    newer.execute_batch("PRAGMA user_version = 99").unwrap();
    drop(newer);
    let before = fs::read(&db).unwrap();
    for arguments in
        [&["serve", "--listen", "127.0.0.1:0"][..], &["check"], &["key", "create", "--mode", "test"], &["upgrade"]]
    {
        assert!(refusal(&run(&db, arguments)).contains("a newer patron made it (schema 99"));
        assert_eq!(names(directory.path()), ["file", "patron.db"], "{arguments:?}");
        assert!(fs::read(&db).unwrap() == before);
    }
}

#[test]
fn what_is_stored_before_a_failure_stays() {
    let directory = tempdir().unwrap();
    let db = directory.path().join("patron.db");
    // The key is stored; only showing it fails.
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = patron(&db).args(["key", "create", "--mode", "test"]).stdout(full).output().unwrap();
    assert!(String::from_utf8(output.stderr).unwrap().contains("has a secret that nobody has seen"));
    assert!(String::from_utf8(run(&db, &["key", "list"]).stdout).unwrap().contains("rzp_test_"));
}

#[test]
fn a_plain_copy_of_a_database_in_use_is_restored_with_a_warning() {
    let (directory, db) = seeded(10);
    let server = Server::start(&db);
    let client = Client::new(&server, &db);
    client.create(r#"{"name":"In The Log"}"#);
    let at = |name: &str| -> PathBuf { directory.path().join(name) };
    fs::copy(&db, at("plain.db")).unwrap();
    assert!(backup(&db, &at("backup.db")).status.success());
    drop(server);
    let restored = |from: &str, new: &str| {
        let output = run(&at(new), &["restore", at(from).to_str().unwrap()]);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    let warning = "is a plain copy of a database and not a backup";
    assert!(restored("plain.db", "one.db").contains(warning));
    assert_eq!(restored("backup.db", "two.db"), "");
    assert_eq!((copied(&at("one.db")), copied(&at("two.db"))), (10, 11));
    // Neither is changed, and nothing is left beside them.
    for name in names(directory.path()) {
        assert!(!name.starts_with("plain.db-") && !name.starts_with("backup.db-"), "{name}");
    }
    assert!(fs::read(at("backup.db")).unwrap()[18..20] == [1, 1]);
}

#[test]
fn a_file_of_the_user_called_reserve_stays_as_it_is() {
    use std::os::unix::fs::PermissionsExt;
    let (directory, db) = seeded(5);
    let copy = directory.path().join("copy.db");
    assert!(backup(&db, &copy).status.success());
    let reserve = directory.path().join("patron.db-reserve");
    fs::copy(&copy, &reserve).unwrap();
    fs::set_permissions(&reserve, fs::Permissions::from_mode(0o644)).unwrap();
    let server = Server::start(&db);
    let log = server.log_with("no room is set aside for a full disk");
    assert!(log.contains("patron.db-reserve") && log.contains("stays as it is; move it away"), "{log}");
    assert_eq!(log.matches("no room is set aside").count(), 1);
    assert_eq!(server.stop(), Some(0));
    assert!(fs::read(&reserve).unwrap() == fs::read(&copy).unwrap());
    assert_eq!(reserve.metadata().unwrap().permissions().mode() & 0o777, 0o644);
    fs::remove_file(&reserve).unwrap();
    for _ in 0..2 {
        let server = Server::start(&db);
        crate::schedule::until("the reserve", || reserve.metadata().is_ok_and(|found| found.len() == 16 << 20));
        assert_eq!(fs::read_to_string(&server.log).unwrap().matches("no room is set aside").count(), 1);
        assert_eq!(server.stop(), Some(0));
    }
}
