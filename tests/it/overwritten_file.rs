//! The database overwritten, cut or touched in place under a running server: no edit is acknowledged into a file that is not the
//! one that was served, and what only looks like that is over once the file is checked.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::{TempDir, tempdir};

use crate::backup::{backup, refusal};
use crate::schedule::until;
use crate::server::{Client, Server, run};

/// A server with a customer, and edits of it that have been written back into the file.
struct Served {
    directory: TempDir,
    db: PathBuf,
    server: Server,
    client: Client,
    id: String,
}

impl Served {
    fn new() -> Self {
        let directory = tempdir().unwrap();
        let db = directory.path().join("patron.db");
        let server = Server::start(&db);
        let client = Client::new(&server, &db);
        let id = client.create(r#"{"name":"Acknowledged"}"#);
        Self { directory, db, server, client, id }
    }

    /// How often each of these statuses came for an edit.
    fn edit(&self, number: u32) -> u16 {
        self.client.put(&self.id, &format!(r#"{{"notes":{{"n":{number}}}}}"#)).unwrap().0
    }

    fn edits_wait(&self) {
        for number in 0..40 {
            assert_eq!(self.edit(1_000 + number), 503);
        }
        let ready = self.server.speak(b"GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        assert!(ready.contains(" 503 ") && ready.contains("the database file is in doubt"), "{ready}");
        let refused = run(&self.db, &["key", "create", "--mode", "test"]);
        assert!(!refused.status.success(), "{refused:?}");
    }

    /// Waits until the server has nothing left to write, and has seen what it has acknowledged and that all is written back.
    fn rest(&self) {
        std::thread::sleep(Duration::from_secs(1));
        checkpoint(&self.db);
        std::thread::sleep(Duration::from_millis(500));
    }

    fn log(&self) -> String {
        fs::read_to_string(&self.server.log).unwrap()
    }

    /// Waits for words in its log.
    fn says(&self, words: &str) {
        let log = self.server.log_with(words);
        assert!(log.contains(words), "{log}");
    }

    fn edits_go_on(&self) {
        until("edits go on", || self.edit(7) == 200);
        self.says("the database is checked and whole: edits go on");
    }
}

/// Writes the WAL back and empties it, as another process may.
pub fn checkpoint(db: &Path) {
    let connection = rusqlite::Connection::open(db).unwrap();
    connection.busy_timeout(Duration::from_secs(5)).unwrap();
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
}

/// As `cp` does it: into the same file.
pub fn overwrite(db: &Path, bytes: &[u8]) {
    File::create(db).unwrap().write_all(bytes).unwrap();
}

fn refuse_start(db: &Path) -> String {
    refusal(&run(db, &[]))
}

#[test]
fn edits_wait_after_a_backup_is_copied_over_the_file() {
    for is_edited_after in [true, false] {
        let served = Served::new();
        let copy = served.directory.path().join("copy.db");
        assert!(backup(&served.db, &copy).status.success());
        if is_edited_after {
            assert_eq!(served.edit(1), 200);
        }
        overwrite(&served.db, &fs::read(&copy).unwrap());
        served.edits_wait();
        served.says("was overwritten with another database while it was open");
        let doctor = run(&served.db, &["doctor"]);
        assert!(refusal(&doctor).contains("it is another file than the one that"), "{doctor:?}");
        // Stopped in order, it writes nothing into that file either.
        let (before, db) = (fs::read(&served.db).unwrap(), served.db.clone());
        let _ = served.server.stop();
        assert!(fs::read(&db).unwrap() == before);
        let said = refuse_start(&db);
        assert!(said.contains("it is another file than the one that"), "{said}");
        fs::rename(db.with_file_name("patron.db-wal"), db.with_file_name("patron.db-wal.aside")).unwrap();
        // What was put there is used once somebody has said so, and after a check.
        let server = Server::start(&db);
        let client = served.client.moved(&server);
        until("edits go on", || client.put(&served.id, r#"{"name":"Again"}"#).unwrap().0 == 200);
        assert_eq!(server.stop(), Some(0));
        assert!(run(&db, &["check"]).status.success());
    }
}

#[test]
fn edits_wait_after_single_blocks_are_overwritten_and_the_time_set_back() {
    let served = Served::new();
    let copy = served.directory.path().join("copy.db");
    assert!(backup(&served.db, &copy).status.success());
    for number in 0..20 {
        assert_eq!(served.edit(number), 200);
    }
    checkpoint(&served.db);
    assert_eq!(served.edit(20), 200);
    let old_time = copy.metadata().unwrap().modified().unwrap() - Duration::from_secs(3_600);
    let (new, old) = (fs::read(&copy).unwrap(), fs::read(&served.db).unwrap());
    let file = OpenOptions::new().write(true).open(&served.db).unwrap();
    for (at, block) in new.chunks(700).enumerate() {
        let start = at * 700;
        if old.get(start..start + block.len()) != Some(block) {
            file.write_all_at(block, start as u64).unwrap();
        }
    }
    file.set_modified(old_time).unwrap();
    served.edits_wait();
}

#[test]
fn edits_wait_while_the_file_is_shorter_than_it_was() {
    let served = Served::new();
    checkpoint(&served.db);
    let bytes = fs::read(&served.db).unwrap();
    let file = OpenOptions::new().write(true).open(&served.db).unwrap();
    for len in [0, bytes.len() as u64 / 2, bytes.len() as u64 - 1] {
        file.set_len(len).unwrap();
        served.edits_wait();
        served.says("was cut short or overwritten by another program");
        file.write_all_at(&bytes, 0).unwrap();
        served.edits_go_on();
    }
    let db = served.db.clone();
    assert_eq!(served.server.stop(), Some(0));
    assert!(run(&db, &["check"]).status.success());
}

#[test]
fn edits_wait_after_the_wal_is_cut_and_the_next_start_checks_the_file() {
    let served = Served::new();
    served.rest();
    assert_eq!(served.edit(1), 200);
    // The server has seen what it has acknowledged.
    std::thread::sleep(Duration::from_secs(1));
    let wal = served.db.with_file_name("patron.db-wal");
    let file = OpenOptions::new().write(true).open(wal).unwrap();
    file.set_len(100).unwrap();
    served.edits_wait();
    let words = "was cut short by another program while it was open, with edits that were acknowledged";
    let doctor = run(&served.db, &["doctor", "--quick"]);
    assert!(doctor.status.code() == Some(1), "{doctor:?}");
    served.says(words);
    let Served { db, client, id, directory, server } = served;
    server.kill();
    let server = Server::start(&db);
    until("the next start says so", || fs::read_to_string(&server.log).unwrap().matches(words).count() > 1);
    assert_eq!(server.stop(), Some(0));
    edits_wait_until_the_loss_is_accepted(&db, &client, &id);
    drop(directory);
}

#[test]
fn a_file_that_was_only_touched_is_checked_and_edits_go_on() {
    let served = Served::new();
    let touch = || {
        let file = OpenOptions::new().write(true).open(&served.db).unwrap();
        let time = file.metadata().unwrap().modified().unwrap() + Duration::from_secs(5);
        file.set_modified(time).unwrap();
    };
    touch();
    assert_eq!(served.edit(1), 503);
    served.edits_go_on();
    served.says("was written by another program while it was open");
    // Killed before the check is over, the next start does it.
    touch();
    assert_eq!(served.edit(2), 503);
    let Served { db, server, client, id, directory: _directory } = served;
    server.kill();
    let server = Server::start(&db);
    let client = client.moved(&server);
    assert_eq!(client.get(&format!("/{id}")).unwrap().0, 200);
    until("edits go on", || client.put(&id, r#"{"name":"Again"}"#).unwrap().0 == 200);
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn checkpoints_of_other_processes_are_no_reason_for_doubt() {
    let served = Served::new();
    for number in 0..60 {
        assert_eq!(served.edit(number), 200);
        if number % 3 == 0 {
            checkpoint(&served.db);
        }
        if number % 10 == 0 {
            // A writer of many pages, which checkpoints by itself.
            assert!(run(&served.db, &["seed", "--count", "300", "--seed", &number.to_string()]).status.success());
        }
    }
    let log = served.log();
    assert!(!log.contains("edits wait"), "{log}");
    // Shorter and with all pages elsewhere, by a rewriting of the whole.
    let connection = rusqlite::Connection::open(&served.db).unwrap();
    connection.busy_timeout(Duration::from_secs(5)).unwrap();
    connection.execute_batch("DELETE FROM requests; VACUUM").unwrap();
    drop(connection);
    checkpoint(&served.db);
    until("edits go on", || served.edit(61) == 200);
    assert!(!served.log().contains("was cut short"), "{}", served.log());
}

#[test]
fn an_older_copy_of_the_file_itself_does_not_pass_the_check() {
    let served = Served::new();
    // Free pages, so that the file does not grow.
    let connection = rusqlite::Connection::open(&served.db).unwrap();
    connection.busy_timeout(Duration::from_secs(5)).unwrap();
    connection
        .execute_batch("CREATE TABLE free (data BLOB); INSERT INTO free VALUES (zeroblob(1000000)); DROP TABLE free")
        .unwrap();
    drop(connection);
    served.rest();
    let older = fs::read(&served.db).unwrap();
    for number in 0..5 {
        served.client.create(&format!(r#"{{"name":"Later","contact":"{}"}}"#, 10_000_000 + number));
    }
    served.rest();
    overwrite(&served.db, &older);
    served.edits_wait();
    let doctor = String::from_utf8(run(&served.db, &["doctor", "--quick"]).stdout).unwrap();
    assert!(doctor.contains("wrong         Content") && doctor.contains("by another program"), "{doctor}");
    until("the check is over", || served.log().contains("the database is checked and not whole: edits wait"));
    served.edits_wait();
    let Served { db, server, client, id, directory } = served;
    assert_eq!(server.stop(), Some(0));
    edits_wait_until_the_loss_is_accepted(&db, &client, &id);
    drop(directory);
}

/// No start forgets that edits are missing, and a restore of the file as it is accepts it.
fn edits_wait_until_the_loss_is_accepted(db: &Path, client: &Client, id: &str) {
    const MISSING: &str = "edits that were acknowledged are missing";
    for _ in 0..2 {
        let log = || fs::read_to_string(db.with_extension("log")).unwrap();
        let before = log().matches(MISSING).count();
        let server = Server::start(db);
        until("the check is over", || log().matches(MISSING).count() > before);
        assert_eq!(client.moved(&server).put(id, r#"{"name":"Again"}"#).unwrap().0, 503);
        assert_eq!(server.stop(), Some(0));
    }
    let checked = run(db, &["check"]);
    assert!(
        checked.status.code() == Some(1) && String::from_utf8_lossy(&checked.stdout).contains(MISSING),
        "{checked:?}"
    );
    assert!(refusal(&run(db, &["key", "create", "--mode", "test"])).contains("or one of this file to go on as it is"));
    let as_it_is = db.with_file_name("as-it-is.db");
    assert!(backup(db, &as_it_is).status.success());
    assert!(run(db, &["restore", as_it_is.to_str().unwrap()]).status.success());
    let server = Server::start(db);
    assert_eq!(client.moved(&server).put(id, r#"{"name":"Again"}"#).unwrap().0, 200);
    assert_eq!(server.stop(), Some(0));
    assert!(run(db, &["check"]).status.success());
}

#[test]
fn commands_that_read_leave_a_wal_in_doubt_as_it_is() {
    let served = Served::new();
    served.rest();
    let mut older = fs::read(&served.db).unwrap();
    let connection = rusqlite::Connection::open(&served.db).unwrap();
    let sql =
        "SELECT (rootpage - 1) * page_size, page_size FROM sqlite_schema, pragma_page_size WHERE name = 'sessions'";
    let (start, len): (usize, usize) = connection.query_row(sql, [], |row| row.try_into()).unwrap();
    drop(connection);
    older[start..start + len].fill(0xff);
    assert_eq!(served.edit(5), 200);
    std::thread::sleep(Duration::from_millis(500));
    overwrite(&served.db, &older);
    served.edits_wait();
    let Served { db, server, directory, .. } = served;
    assert_eq!(server.stop(), Some(0));
    let read = || ["patron.db", "patron.db-wal"].map(|name| fs::read(db.with_file_name(name)).unwrap());
    let before = read();
    assert!(before[1].len() > 32);
    let copy = directory.path().join("copy.db");
    for command in [&["check"][..], &["doctor"], &["export", "--mode", "test"], &["backup", copy.to_str().unwrap()]] {
        let output = run(&db, command);
        assert!(!String::from_utf8_lossy(&output.stderr).contains("cannot use the database"), "{output:?}");
        assert!(read() == before, "{command:?}: {output:?}");
    }
}
