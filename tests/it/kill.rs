//! `kill -9` at any moment, again and again: under a load of edits, in a first start, an upgrade, a seed, an import and a restore. Whatever was
//! answered with 200 is there afterwards, the next start works, and nothing looks whole that is not.
//!
//! `KILL_TIMES=50` does it fifty times as often; a seed that is printed gives the same moments again.

use std::collections::HashMap;
use std::fmt;
use std::fs;
use std::io::{Write, stderr};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant, UNIX_EPOCH};

use tempfile::tempdir;

use crate::backup::{backup, seeded};
use crate::server::{Client, Server, patron, run};

const KILLS: u64 = 20;
const CLIENTS: u64 = 4;

/// How many times as often as usual.
pub fn times() -> u64 {
    std::env::var("KILL_TIMES").map_or(1, |times| times.parse().unwrap())
}

/// Shows a figure beside the outcome of tests that passed.
pub fn report(figure: &str) {
    let _ = writeln!(stderr(), "{figure}");
}

/// Moments to kill at, different in every run. Shown as the seed that gives them again.
pub struct Moments {
    seed: u64,
    state: u64,
}

impl Moments {
    pub fn new() -> Self {
        let given = std::env::var("KILL_SEED").ok().map(|seed| seed.parse().unwrap());
        let seed = given.unwrap_or_else(|| UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64);
        Self { seed, state: seed }
    }

    /// A number below this one.
    pub fn number(&mut self, below: u64) -> u64 {
        self.state = self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.state >> 33) % below
    }

    /// A moment before this one.
    fn before(&mut self, last: Duration) -> Duration {
        Duration::from_micros(self.number(last.as_micros() as u64 + 1))
    }
}

impl fmt::Display for Moments {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "again with KILL_SEED={}", self.seed)
    }
}

#[test]
fn nothing_acknowledged_is_lost() {
    let directory = tempdir().unwrap();
    let db = directory.path().join("patron.db");
    let server = Server::start(&db);
    let client = Client::new(&server, &db);
    let ids: Vec<String> =
        (0..CLIENTS).map(|number| client.create(&format!(r#"{{"name":"Kill {number}"}}"#))).collect();
    server.kill();

    let mut moments = Moments::new();
    let mut counted: HashMap<&str, u64> = ids.iter().map(|id| (id.as_str(), 0)).collect();
    let mut acknowledged = 0;
    let kills = KILLS * times();
    for _ in 0..kills {
        let server = Server::start(&db);
        let client = client.moved(&server);
        let latest = Mutex::new(&mut counted);
        thread::scope(|scope| {
            for id in &ids {
                let (client, latest) = (client.clone(), &latest);
                scope.spawn(move || {
                    let first = latest.lock().unwrap()[id.as_str()] + 1;
                    for number in first.. {
                        // An edit that was not answered may or may not have happened.
                        let Ok((200, _)) = client.put(id, &format!(r#"{{"notes":{{"n":{number}}}}}"#)) else { break };
                        latest.lock().unwrap().insert(id, number);
                    }
                });
            }
            // From before the first edit to well into them.
            thread::sleep(moments.before(Duration::from_millis(270)));
            server.kill();
        });
        let server = Server::start(&db);
        let client = client.moved(&server);
        for id in &ids {
            let (status, customer) = client.get(&format!("/{id}")).unwrap();
            let (found, promised) = (customer["notes"]["n"].as_u64().unwrap_or(0), counted[id.as_str()]);
            assert!(
                status == 200 && (promised..=promised + 1).contains(&found),
                "{id} is at {found}, promised {promised}; {moments}"
            );
            counted.insert(id, found);
        }
        acknowledged = counted.values().sum();
        server.kill();
        let checked = run(&db, &["check"]);
        assert!(checked.status.success(), "{checked:?}; {moments}");
    }
    assert!(acknowledged > kills, "the load was no load: {acknowledged} edits");
    report(&format!("kill: {kills} under edits, {acknowledged} acknowledged edits checked"));
}

/// Runs a command and kills it at a moment. Gives what it had printed, and whether it was still running.
fn killed(command: &mut Command, moment: Duration) -> (String, bool) {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    thread::sleep(moment);
    let was_running = child.try_wait().unwrap().is_none();
    child.kill().unwrap();
    let output = child.wait_with_output().unwrap();
    (String::from_utf8(output.stdout).unwrap(), was_running)
}

/// How long something takes that is not interrupted.
fn length_of(done: impl FnOnce()) -> Duration {
    let began = Instant::now();
    done();
    began.elapsed()
}

fn is_whole(db: &Path, moments: &Moments) -> String {
    let checked = run(db, &["check"]);
    assert!(checked.status.success(), "{checked:?}; {moments}");
    String::from_utf8(checked.stdout).unwrap()
}

#[test]
fn a_first_start_that_was_killed_stands_in_nobodys_way() {
    let length = {
        let directory = tempdir().unwrap();
        length_of(|| drop(Server::start(&directory.path().join("patron.db"))))
    };
    let mut moments = Moments::new();
    let (mut kills, mut shown) = (0, 0);
    for _ in 0..20 * times() {
        let directory = tempdir().unwrap();
        let db = directory.path().join("patron.db");
        let (printed, was_running) = killed(&mut patron(&db), moments.before(length * 3 / 2));
        kills += u64::from(was_running);
        let server = Server::start(&db);
        let said = |printed: &str, what: &str| {
            printed.lines().find_map(|line| line.trim().strip_prefix(what).map(|rest| rest.trim().to_owned()))
        };
        let pair = said(&printed, "key id").zip(said(&printed, "key secret"));
        if let Some((id, secret)) = pair {
            // What was shown, counts.
            assert_eq!(Client::with(&server, &format!("{id}:{secret}")).get("").unwrap().0, 200, "{moments}");
            shown += 1;
        }
        Client::new(&server, &db).create(r#"{"name":"After It"}"#);
        assert_eq!(server.stop(), Some(0), "{moments}");
        assert!(is_whole(&db, &moments).contains("is whole: 1 customers"));
    }
    assert!(kills > 10, "{kills}");
    report(&format!("kill: {kills} in a first start, {shown} of them after a key was shown"));
}

/// As is left by who is killed while a file becomes one with a log: without one, SQLite changes it by way of a journal.
#[test]
fn a_journal_that_was_left_is_rolled_back_by_whoever_comes_next() {
    let (directory, db) = seeded(300);
    let copy = directory.path().join("copy.db");
    assert!(backup(&db, &copy).status.success());
    for (number, command) in [&["check"][..], &["key", "list"], &["serve"]].iter().enumerate() {
        let left = directory.path().join(format!("{number}.db"));
        let connection = rusqlite::Connection::open(&copy).unwrap();
        connection.execute_batch("PRAGMA cache_size = 2; BEGIN; UPDATE customers SET gstin = 'half done'").unwrap();
        fs::copy(&copy, &left).unwrap();
        fs::copy(copy.with_extension("db-journal"), left.with_extension("db-journal")).unwrap();
        connection.execute_batch("ROLLBACK").unwrap();
        if *command == ["serve"] {
            assert_eq!(Server::start(&left).stop(), Some(0));
        } else {
            let output = run(&left, command);
            assert!(output.status.success(), "{output:?}");
        }
        let checked = run(&left, &["check"]);
        assert!(String::from_utf8(checked.stdout).unwrap().contains("is whole: 300 customers, 300 revisions"));
    }
}

#[test]
fn an_upgrade_that_was_killed_is_done_by_the_next_start() {
    let old = |db: &Path| {
        let connection = rusqlite::Connection::open(db).unwrap();
        connection.execute_batch(include_str!("../upgrade/1.sql")).unwrap();
        connection.pragma_update(None, "application_id", 0x5074_726e).unwrap();
        connection.pragma_update(None, "user_version", 1).unwrap();
    };
    let version = |db: &Path| {
        let connection = rusqlite::Connection::open(db).unwrap();
        connection.pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0)).unwrap()
    };
    let directory = tempdir().unwrap();
    let first = directory.path().join("first.db");
    old(&first);
    let length = length_of(|| drop(Server::start(&first)));
    let newest = version(&first);
    let mut moments = Moments::new();
    let mut upgraded = 0;
    let kills = 20 * times();
    for number in 0..kills {
        let db = directory.path().join(format!("{number}.db"));
        old(&db);
        killed(&mut patron(&db), moments.before(length));
        let found = version(&db);
        assert!((1..=newest).contains(&found));
        upgraded += u64::from(found == newest);
        assert_eq!(Server::start(&db).stop(), Some(0), "{moments}");
        assert_eq!(version(&db), newest);
        assert!(is_whole(&db, &moments).contains("is whole: 2 customers, 3 revisions"), "{moments}");
    }
    assert!(upgraded < kills, "none was in time");
    report(&format!("kill: {kills} in an upgrade, {upgraded} of them after it was done"));
}

#[test]
fn a_seed_that_was_killed_goes_on_where_it_was() {
    const COUNT: &str = "3000";
    let seed = ["seed", "--count", COUNT];
    let directory = tempdir().unwrap();
    let length = length_of(|| assert!(run(&directory.path().join("first.db"), &seed).status.success()));
    let mut moments = Moments::new();
    let kills = 8 * times();
    let mut partly = 0;
    for number in 0..kills {
        let db = directory.path().join(format!("{number}.db"));
        killed(patron(&db).args(seed), moments.before(length));
        let left = run(&db, &["check"]);
        let said = String::from_utf8_lossy(&left.stdout).into_owned();
        // Before its schema was there, there is nothing to check.
        assert!(
            left.status.success()
                || String::from_utf8_lossy(&left.stderr).contains("there is no such file; start")
                || String::from_utf8_lossy(&left.stderr).contains("it is empty; start"),
            "{left:?}; {moments}"
        );
        partly +=
            u64::from(!said.contains("is whole: 3000 ") && said.contains("is whole: ") && !said.contains("whole: 0 "));
        let again = run(&db, &seed);
        assert!(again.status.success(), "{again:?}; {moments}");
        assert!(is_whole(&db, &moments).contains("is whole: 3000 customers, 3000 revisions"), "{moments}");
        fs::remove_file(&db).unwrap();
    }
    report(&format!("kill: {kills} in a seed, {partly} of them in its midst"));
}

/// Of so many customers all are changed by an import that makes so many more.
const CHANGED: u64 = 200;
const MADE: u64 = 2_800;

/// A database, and beside it a file to import.
fn to_import(directory: &Path) -> std::path::PathBuf {
    let (db, file) = (directory.join("before.db"), directory.join("customers.csv"));
    let row = |number: u64| format!("After {number},p{number}@example.com\n");
    let before: String = (0..CHANGED).map(|number| format!("Before {number},p{number}@example.com\n")).collect();
    fs::write(&file, format!("name,email\n{before}")).unwrap();
    assert!(run(&db, &["import", file.to_str().unwrap(), "--mode", "test", "--yes"]).status.success());
    let rows: String = (0..CHANGED + MADE).map(row).collect();
    fs::write(&file, format!("name,email\n{rows}")).unwrap();
    file
}

#[test]
#[ignore = "takes long: tests/run runs it"]
fn an_import_that_was_killed_is_resumed_and_does_nothing_twice() {
    let directory = tempdir().unwrap();
    let file = to_import(directory.path());
    let (before, db) = (directory.path().join("before.db"), directory.path().join("patron.db"));
    let import = ["import", file.to_str().unwrap(), "--mode", "test", "--yes"];
    let put_back = || {
        for suffix in ["", "-wal", "-shm"] {
            let _ = fs::remove_file(format!("{}{suffix}", db.display()));
        }
        assert!(backup(&before, &db).status.success());
    };
    let ask = |sql: &str| {
        let connection = rusqlite::Connection::open(&db).unwrap();
        connection.query_row(sql, [], |row| row.get::<_, String>(0)).unwrap_or_default()
    };
    // Those that wrote something; the first import is the one of before.
    let state = || ask("SELECT state FROM imports WHERE number > 1 ORDER BY number DESC LIMIT 1");
    let done = |arguments: &[&str], moments: &Moments| {
        let output = run(&db, arguments);
        assert!(output.status.success(), "{arguments:?}: {output:?}; {moments}");
    };
    put_back();
    let mut moments = Moments::new();
    let imports = length_of(|| done(&import, &moments));
    let undos = length_of(|| done(&["import", "undo", "2", "--yes"], &moments));
    let (kills, mut applying, mut undoing) = (12 * times(), 0, 0);
    for _ in 0..kills {
        put_back();
        killed(patron(&db).args(import), moments.before(imports));
        is_whole(&db, &moments);
        match state().as_str() {
            "applying" => {
                applying += 1;
                done(&["import", "resume", "2"], &moments);
            }
            "applied" => {}
            _ => {
                assert_eq!(ask("SELECT count(*) || '' FROM customers"), CHANGED.to_string(), "{moments}");
                done(&import, &moments);
            }
        }
        let said = is_whole(&db, &moments);
        let all = format!("is whole: {} customers, {} revisions", CHANGED + MADE, 2 * CHANGED + MADE);
        assert!(said.contains(&all), "{said}; {moments}");
        assert_eq!(ask("SELECT count(*) || '' FROM customers WHERE name LIKE 'After %'"), (CHANGED + MADE).to_string());

        let number = ask("SELECT max(number) || '' FROM imports");
        killed(patron(&db).args(["import", "undo", &number, "--yes"]), moments.before(undos));
        is_whole(&db, &moments);
        match state().as_str() {
            "undoing" => {
                undoing += 1;
                done(&["import", "resume", &number], &moments);
            }
            "undone" => {}
            _ => done(&["import", "undo", &number, "--yes"], &moments),
        }
        let said = is_whole(&db, &moments);
        let left = format!("is whole: {CHANGED} customers, {} revisions", 3 * CHANGED + 2 * MADE);
        assert!(said.contains(&left), "{said}; {moments}");
        assert_eq!(ask("SELECT count(*) || '' FROM customers WHERE name LIKE 'Before %'"), CHANGED.to_string());
    }
    report(&format!(
        "kill: {kills} in an import, {applying} while it was applied, and {undoing} of {kills} while it was undone"
    ));
}

#[test]
#[ignore = "takes long: tests/run runs it"]
fn a_restore_that_was_killed_leaves_the_one_or_the_other_whole() {
    let (directory, db) = seeded(1_500);
    let copy = directory.path().join("copy.db");
    assert!(backup(&db, &copy).status.success());
    assert!(run(&db, &["seed", "--count", "7", "--seed", "9"]).status.success());
    let before = directory.path().join("before.db");
    assert!(backup(&db, &before).status.success());
    let restore = ["restore", copy.to_str().unwrap()];
    let tidy = || {
        for entry in fs::read_dir(directory.path()).unwrap() {
            let path = entry.unwrap().path();
            if path != copy && path != before {
                fs::remove_file(path).unwrap();
            }
        }
        fs::copy(&before, &db).unwrap();
    };
    tidy();
    let length = length_of(|| assert!(run(&db, &restore).status.success()));
    let mut moments = Moments::new();
    let kills = 20 * times();
    let mut restored = 0;
    for _ in 0..kills {
        tidy();
        // With something in its log, as after a crash.
        let server = Server::start(&db);
        Client::new(&server, &db).create(r#"{"name":"In The Log"}"#);
        server.kill();
        killed(patron(&db).args(restore), moments.before(length));
        let said = is_whole(&db, &moments);
        let is_restored = said.contains("is whole: 1500 customers");
        assert!(is_restored || said.contains("is whole: 1508 customers"), "{said}; {moments}");
        restored += u64::from(is_restored);
        let server = Server::start(&db);
        assert_eq!(server.stop(), Some(0), "{moments}");
        for entry in fs::read_dir(directory.path()).unwrap() {
            let path = entry.unwrap().path();
            let name = path.to_str().unwrap();
            // The old one, under its other name.
            if name.contains(".before-restore-") && !["-wal", "-shm"].iter().any(|suffix| name.ends_with(suffix)) {
                assert!(is_whole(&path, &moments).contains("is whole: 1508 customers"), "{moments}");
            }
        }
    }
    assert!(restored < kills, "none was in time");
    report(&format!("kill: {kills} in a restore, {restored} of them after it was done"));
}
