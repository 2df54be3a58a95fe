//! `patron restore`: what comes back, what is kept, and what is refused untouched.

use std::fs;
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::backup::{backup, refusal, seeded};
use crate::output_files::fifo;
use crate::server::{Client, Server, run, run_bounded};

fn restore(db: &Path, from: &Path) -> std::process::Output {
    run(db, &["restore", from.to_str().unwrap()])
}

/// The file that was kept, by what the command says.
fn kept(output: &std::process::Output) -> PathBuf {
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{output:?}");
    let path = said.split_once("The file before is kept as ").unwrap_or_else(|| panic!("{said}")).1;
    PathBuf::from(path.split_once(".\n").unwrap().0)
}

#[test]
fn what_was_backed_up_comes_back_and_the_file_before_is_kept_with_all_that_was_in_its_log() {
    let (directory, db) = seeded(30);
    let server = Server::start(&db);
    let client = Client::new(&server, &db);
    let id = client.create(r#"{"name":"Before"}"#);
    let copy = directory.path().join("copy.db");
    assert!(backup(&db, &copy).status.success());
    client.put(&id, r#"{"name":"After"}"#).unwrap();
    assert!(refusal(&restore(&db, &copy)).contains("another patron serves it; stop that one"));
    assert_eq!(client.get(&format!("/{id}")).unwrap().1["name"], "After");
    // Killed, it leaves its last edits in the log.
    server.kill();
    assert!(db.with_file_name("patron.db-wal").metadata().unwrap().len() > 0);

    let output = restore(&db, &copy);
    let kept = kept(&output);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("0 live and 31 test customers") && said.contains("patron key list"), "{said}");
    let name_in = |db: &Path| {
        let server = Server::start(db);
        let (_, customer) = client.moved(&server).get(&format!("/{id}")).unwrap();
        assert_eq!(server.stop(), Some(0));
        customer["name"].as_str().unwrap().to_owned()
    };
    assert_eq!(name_in(&db), "Before");
    assert_eq!(name_in(&kept), "After");
    assert!(run(&kept, &["check"]).status.success());
    let names = fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(names.into_iter().all(|name| !name.to_str().unwrap().ends_with(".partial")));
}

#[test]
fn it_goes_where_nothing_is_yet_and_through_a_link() {
    let (directory, db) = seeded(5);
    let copy = directory.path().join("copy.db");
    assert!(backup(&db, &copy).status.success());
    let new = directory.path().join("new.db");
    let output = restore(&new, &copy);
    assert!(output.status.success() && !String::from_utf8_lossy(&output.stdout).contains("kept as"), "{output:?}");
    assert!(run(&new, &["check"]).status.success());

    let link = directory.path().join("link.db");
    std::os::unix::fs::symlink(&new, &link).unwrap();
    let kept = kept(&restore(&link, &copy));
    assert!(link.is_symlink() && kept.file_name().unwrap().to_str().unwrap().starts_with("new.db.before-restore-"));
}

#[test]
fn what_is_not_a_whole_backup_is_refused_and_nothing_is_changed() {
    let (directory, db) = seeded(200);
    let copy = directory.path().join("copy.db");
    assert!(backup(&db, &copy).status.success());
    run(&db, &["seed", "--count", "3", "--seed", "9"]);
    let at = |name: &str| directory.path().join(name);

    let damaged = at("history.db");
    fs::copy(&copy, &damaged).unwrap();
    let sql = "UPDATE customers SET name = 'Somebody Else' WHERE number = 3";
    rusqlite::Connection::open(&damaged).unwrap().execute_batch(sql).unwrap();
    let output = restore(&db, &damaged);
    assert!(refusal(&output).contains("history.db is damaged: 1 fault, listed above; restore another backup"));
    assert!(String::from_utf8_lossy(&output.stdout).contains("does not end in its present values"));

    let page = at("page.db");
    fs::copy(&copy, &page).unwrap();
    let mut file = fs::OpenOptions::new().write(true).open(&page).unwrap();
    file.seek(SeekFrom::Start(copy.metadata().unwrap().len() / 8192 * 4096)).unwrap();
    file.write_all(&[0xA5; 4096]).unwrap();
    drop(file);
    assert!(refusal(&restore(&db, &page)).contains("page.db is damaged"));

    let cut = at("cut.db");
    fs::copy(&copy, &cut).unwrap();
    let file = fs::OpenOptions::new().write(true).open(&cut).unwrap();
    file.set_len(copy.metadata().unwrap().len() / 2).unwrap();
    assert!(refusal(&restore(&db, &cut)).contains("cut.db is damaged"));

    fs::write(at("text.db"), "not a database at all\n".repeat(500)).unwrap();
    assert!(refusal(&restore(&db, &at("text.db"))).contains("it is not a SQLite database"));
    fs::write(at("empty.db"), "").unwrap();
    assert!(refusal(&restore(&db, &at("empty.db"))).contains("no database of Patron's"));
    rusqlite::Connection::open(at("other.db")).unwrap().execute_batch("CREATE TABLE t (x)").unwrap();
    assert!(refusal(&restore(&db, &at("other.db"))).contains("no database of Patron's"));
    fs::copy(&copy, at("newer.db")).unwrap();
    rusqlite::Connection::open(at("newer.db")).unwrap().pragma_update(None, "user_version", 99).unwrap();
    assert!(refusal(&restore(&db, &at("newer.db"))).contains("a newer patron made it (schema 99"));
    assert!(refusal(&restore(&db, &at("none.db"))).contains("there is no such file"));
    assert!(refusal(&restore(&db, directory.path())).contains("there is no such file"));
    assert!(refusal(&restore(&db, &db)).contains("it is the database itself"));
    assert!(refusal(&restore(&at("no/such/patron.db"), &copy)).contains("no/such does not exist; make it"));
    assert!(refusal(&restore(directory.path(), &copy)).contains("it is a directory"));

    let checked = String::from_utf8(run(&db, &["check"]).stdout).unwrap();
    assert!(checked.contains("is whole: 203 customers"), "{checked}");
    let names = fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let left: Vec<String> = names.filter(|name| name.contains("before") || name.contains("partial")).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn it_belongs_to_who_had_the_one_before() {
    let (directory, db) = seeded(5);
    let copy = directory.path().join("copy.db");
    assert!(backup(&db, &copy).status.success());
    // Only the superuser can give a file away; everybody else keeps their own.
    let _ = std::os::unix::fs::chown(&db, Some(65_534), Some(65_534));
    let owner = |path: &Path| (path.metadata().unwrap().uid(), path.metadata().unwrap().gid());
    let before = owner(&db);
    kept(&restore(&db, &copy));
    assert_eq!(owner(&db), before);
    assert_eq!(db.metadata().unwrap().mode() & 0o777, 0o600);
}

#[test]
fn a_database_that_another_program_has_open_is_left_alone() {
    let (directory, db) = seeded(5);
    let copy = directory.path().join("copy.db");
    assert!(backup(&db, &copy).status.success());
    let reader = rusqlite::Connection::open(&db).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM customers").unwrap();
    assert!(refusal(&restore(&db, &copy)).contains("another program has it open; stop that one first"));
    drop(reader);
    assert!(run(&db, &["check"]).status.success());
    kept(&restore(&db, &copy));
}

#[test]
fn a_database_that_is_no_longer_one_is_kept_and_no_log_of_it_is_left_for_the_restored_one() {
    let (directory, db) = seeded(5);
    let copy = directory.path().join("copy.db");
    assert!(backup(&db, &copy).status.success());
    let server = Server::start(&db);
    Client::new(&server, &db).create(r#"{"name":"Only in the log"}"#);
    server.kill();
    fs::write(&db, "scribbled over\n".repeat(1_000)).unwrap();
    let kept = kept(&restore(&db, &copy));
    assert!(kept.exists());
    assert!(!db.with_file_name("patron.db-wal").exists());
    let checked = String::from_utf8(run(&db, &["check"]).stdout).unwrap();
    assert!(checked.contains("is whole: 5 customers"), "{checked}");
}

#[test]
fn a_backup_of_an_older_patron_is_brought_up_to_date() {
    let (directory, db) = seeded(5);
    let older = directory.path().join("older.db");
    let connection = rusqlite::Connection::open(&older).unwrap();
    connection.execute_batch(include_str!("../upgrade/1.sql")).unwrap();
    connection.pragma_update(None, "application_id", 0x5074_726e).unwrap();
    connection.pragma_update(None, "user_version", 1).unwrap();
    drop(connection);
    kept(&restore(&db, &older));
    let checked = String::from_utf8(run(&db, &["check"]).stdout).unwrap();
    assert!(checked.contains("is whole: 2 customers, 3 revisions"), "{checked}");
}

#[test]
fn a_fifo_in_the_place_of_a_file_is_refused_at_the_start() {
    let (directory, db) = seeded(3);
    let from = directory.path().join("from.db");
    assert!(backup(&db, &from).status.success());
    let at = |name: &str| directory.path().join(name);
    let bytes = fs::read(&db).unwrap();
    for name in ["patron.db-journal", "patron.db-wal", "from.db-journal", "from.db-wal"] {
        fifo(&at(name));
        let refused = refusal(&run_bounded(&db, &["restore", from.to_str().unwrap()]));
        assert!(refused.contains(name) && refused.contains("move it away"), "{refused}");
        fs::remove_file(at(name)).unwrap();
    }
    fifo(&at("target"));
    let refused = refusal(&run_bounded(&at("target"), &["restore", from.to_str().unwrap()]));
    assert!(refused.contains("target is a link, a directory or a device"), "{refused}");
    assert!(!at("target.lock").exists() && !at("patron.db.lock").exists());
    assert!(fs::read(&db).unwrap() == bytes);
    assert!(restore(&db, &from).status.success());
}
