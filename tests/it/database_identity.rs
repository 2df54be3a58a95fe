//! One database, whatever its file is called and wherever it lies: a WAL is applied to no other file, a file has one server and one
//! WAL, and nothing is followed through a link, emptied or replaced that is not Patron's.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

use tempfile::{TempDir, tempdir};

use crate::backup::{backup, refusal, seeded};
use crate::kill::{Moments, times};
use crate::overwritten_file::{checkpoint, overwrite};
use crate::schedule::until;
use crate::server::{Client, Server, patron, run};

fn named(db: &Path, suffix: &str) -> PathBuf {
    db.with_file_name(format!("patron.db{suffix}"))
}

/// A database whose server was killed with edits in the WAL alone, and a backup of before.
fn killed() -> (TempDir, PathBuf, PathBuf, Client, String) {
    let directory = tempdir().unwrap();
    let db = directory.path().join("patron.db");
    let server = Server::start(&db);
    let client = Client::new(&server, &db);
    let copy = directory.path().join("copy.db");
    assert!(backup(&db, &copy).status.success());
    let id = client.create(r#"{"name":"Acknowledged"}"#);
    server.kill();
    assert!(named(&db, "-wal").metadata().unwrap().len() > 32);
    (directory, db, copy, client, id)
}

fn has(db: &Path, client: &Client, id: &str) -> u16 {
    let server = Server::start(db);
    let status = client.moved(&server).get(&format!("/{id}")).unwrap().0;
    assert_eq!(server.stop(), Some(0));
    assert!(run(db, &["check"]).status.success());
    status
}

#[test]
fn a_file_in_place_of_a_killed_servers_is_refused_and_both_ways_out_work() {
    for is_moved in [true, false] {
        let (directory, db, copy, client, id) = killed();
        let own = directory.path().join("own.db");
        fs::copy(&db, &own).unwrap();
        if is_moved {
            fs::rename(&copy, &db).unwrap();
        } else {
            fs::copy(&copy, &db).unwrap();
        }
        let read = || ["", "-wal"].map(|suffix| fs::read(named(&db, suffix)).unwrap());
        let before = read();
        let wal = named(&db, "-wal");
        for command in [&[][..], &["key", "create", "--mode", "test"], &["check"], &["doctor"], &["upgrade", "--check"]]
        {
            let said = refusal(&run(&db, command));
            assert!(said.contains("it is another file than the one that"), "{command:?} {said}");
            assert!(said.contains(&format!("`mv {0} {0}.aside`", wal.display())), "{command:?} {said}");
            assert!(read() == before, "{command:?} changes nothing");
        }
        if is_moved {
            // The WAL with its file.
            fs::rename(&own, &db).unwrap();
            assert_eq!(has(&db, &client, &id), 200);
        } else {
            // The file without it.
            fs::rename(&wal, named(&db, "-wal.aside")).unwrap();
            let server = Server::start(&db);
            let other = Client::new(&server, &db);
            assert_eq!(other.get(&format!("/{id}")).unwrap().0, 400);
            assert_eq!(server.stop(), Some(0));
            assert!(fs::read(named(&db, "-wal.aside")).unwrap() == before[1]);
        }
    }
}

/// As where an operator copies the file of a running server, and puts the copy in its place once that is killed.
#[test]
fn an_older_copy_of_a_killed_servers_own_file_is_refused() {
    for is_moved in [true, false] {
        let directory = tempdir().unwrap();
        let (db, old) = (directory.path().join("patron.db"), directory.path().join("old.db"));
        let server = Server::start(&db);
        let client = Client::new(&server, &db);
        let mut number = 0;
        let mut create = |count: u32| {
            for _ in 0..count {
                number += 1;
                client.create(&format!(r#"{{"name":"Acknowledged","contact":"{}"}}"#, 10_000_000 + number));
            }
        };
        create(60);
        fs::copy(&db, &old).unwrap();
        create(60);
        // The WAL begins again with the next edit.
        checkpoint(&db);
        create(20);
        let id = client.create(r#"{"name":"Last"}"#);
        server.kill();
        let own = fs::read(&db).unwrap();
        if is_moved {
            fs::rename(&old, &db).unwrap();
        } else {
            overwrite(&db, &fs::read(&old).unwrap());
        }
        let read = || ["", "-wal"].map(|suffix| fs::read(named(&db, suffix)).unwrap());
        let before = read();
        for command in [&[][..], &["key", "create", "--mode", "test"], &["check"], &["doctor"]] {
            let said = refusal(&run(&db, command));
            assert!(said.contains("it is an older copy of the file that"), "{command:?} {said}");
            assert!(read() == before, "{command:?} changes nothing");
        }
        overwrite(&db, &own);
        assert_eq!(has(&db, &client, &id), 200);
    }
}

/// Where the two do not tell more: the served file has another inode than the one beside the WAL.
#[test]
fn a_copy_beside_the_wal_of_a_killed_server_is_refused_where_it_cannot_be_compared() {
    let (directory, db, _copy, client, id) = killed();
    let other = directory.path().join("other.db");
    // Its pages are elsewhere than the WAL has them.
    let connection = rusqlite::Connection::open(&db).unwrap();
    connection.pragma_update(None, "page_size", 8192).unwrap();
    connection.execute("VACUUM INTO ?1", [other.to_str().unwrap()]).unwrap();
    connection.set_db_config(rusqlite::config::DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).unwrap();
    drop(connection);
    let own = directory.path().join("own.db");
    fs::rename(&db, &own).unwrap();
    fs::rename(&other, &db).unwrap();
    let said = refusal(&run(&db, &[]));
    assert!(said.contains("it is a copy of the file that") && said.contains("patron.db.lock instead"), "{said}");
    fs::rename(&own, &db).unwrap();
    assert_eq!(has(&db, &client, &id), 200);
}

#[test]
fn a_kill_at_any_moment_between_edits_and_checkpoints_is_no_reason_to_refuse() {
    let (_directory, db, _copy, client, _id) = killed();
    let mut moments = Moments::new();
    let mut number = 0;
    for _ in 0..10 * times() {
        let server = Server::start(&db);
        let client = client.moved(&server);
        let is_over = std::sync::atomic::AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                while !is_over.load(std::sync::atomic::Ordering::Relaxed) {
                    checkpoint(&db);
                    thread::sleep(Duration::from_millis(3));
                }
            });
            let until = std::time::Instant::now() + Duration::from_micros(moments.number(300_000));
            while std::time::Instant::now() < until {
                number += 1;
                client.create(&format!(r#"{{"name":"Kept","contact":"{}"}}"#, 20_000_000 + number));
            }
            server.kill();
            is_over.store(true, std::sync::atomic::Ordering::Relaxed);
        });
    }
    assert_eq!(Server::start(&db).stop(), Some(0));
    let checked = String::from_utf8(run(&db, &["check"]).stdout).unwrap();
    assert!(checked.contains(&format!("is whole: {} customers", number + 1)), "{checked} {moments}");
}

#[test]
fn a_file_in_place_of_the_one_that_a_killed_command_wrote_is_refused() {
    for was_served in [false, true] {
        let (directory, db) = seeded(50);
        let copy = directory.path().join("copy.db");
        assert!(backup(&db, &copy).status.success());
        if was_served {
            assert_eq!(Server::start(&db).stop(), Some(0));
        }
        let mut seeding = patron(&db).args(["seed", "--count", "60000", "--seed", "3"]).spawn().unwrap();
        let has_written = || named(&db, "-wal").metadata().is_ok_and(|wal| wal.len() > 2 << 20);
        until("it has written much", has_written);
        seeding.kill().unwrap();
        seeding.wait().unwrap();
        let own = fs::read(&db).unwrap();
        overwrite(&db, &fs::read(&copy).unwrap());
        let read = || ["", "-wal"].map(|suffix| fs::read(named(&db, suffix)).unwrap());
        let before = read();
        for command in [&[][..], &["seed", "--count", "9"], &["check"], &["export", "--mode", "test"]] {
            let said = refusal(&run(&db, command));
            assert!(said.contains("it is another file than the one that"), "{command:?} {said}");
            assert!(read() == before, "{command:?} changes nothing");
        }
        overwrite(&db, &own);
        assert!(run(&db, &["check"]).status.success());
        assert!(run(&db, &["seed", "--count", "9"]).status.success());
        assert!(!named(&db, "-wal").exists());
        assert!(run(&db, &["check"]).status.success());
    }
}

#[test]
fn a_command_that_was_killed_at_any_moment_does_not_part_a_database_from_its_wal() {
    let directory = tempdir().unwrap();
    let db = directory.path().join("patron.db");
    let mut moments = Moments::new();
    for number in 0..15 * times() {
        let mut commands: Vec<_> = (0..2)
            .map(|which| {
                let seed = format!("{number}{which}");
                let mut command = patron(&db);
                command.args(["seed", "--count", "400", "--seed", &seed]);
                command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).spawn().unwrap()
            })
            .collect();
        thread::sleep(Duration::from_micros(moments.number(150_000)));
        for command in &mut commands {
            command.kill().unwrap();
            command.wait().unwrap();
        }
        if db.exists() && db.metadata().unwrap().len() + named(&db, "-wal").metadata().map_or(0, |wal| wal.len()) > 0 {
            let checked = run(&db, &["key", "create", "--mode", "test"]);
            assert!(checked.status.success(), "{checked:?} {moments}");
        }
    }
    assert!(run(&db, &["check"]).status.success());
    assert_eq!(Server::start(&db).stop(), Some(0));
}

#[test]
fn a_command_in_the_moment_of_a_start_is_not_refused() {
    let (_directory, db, _copy, _client, _id) = killed();
    for _ in 0..10 * times() {
        let quiet = std::process::Stdio::null;
        let mut starting = patron(&db).stdout(quiet()).stderr(quiet()).spawn().unwrap();
        for _ in 0..4 {
            let listed = run(&db, &["key", "list"]);
            assert!(listed.status.success(), "{listed:?}");
        }
        starting.kill().unwrap();
        starting.wait().unwrap();
    }
}

#[test]
fn a_restore_keeps_a_wal_that_is_another_files_where_nothing_applies_it() {
    let (_directory, db, copy, client, id) = killed();
    let (own, wal) = (fs::read(&db).unwrap(), fs::read(named(&db, "-wal")).unwrap());
    fs::copy(&copy, &db).unwrap();
    assert!(run(&db, &["restore", copy.to_str().unwrap()]).status.success());
    assert!(run(&db, &["check"]).status.success());
    let kept = fs::read_dir(db.parent().unwrap()).unwrap().map(|entry| entry.unwrap().path());
    let kept = kept.into_iter().find(|path| path.to_str().unwrap().ends_with("Z-wal.aside")).unwrap();
    assert!(fs::read(&kept).unwrap() == wal);
    // With its file it has all of it.
    let again = tempdir().unwrap();
    let db = again.path().join("patron.db");
    fs::write(&db, own).unwrap();
    fs::rename(kept, named(&db, "-wal")).unwrap();
    assert_eq!(has(&db, &client, &id), 200);
}

#[test]
fn a_backup_in_place_of_a_database_whose_wal_is_empty_is_served() {
    let (_directory, db, copy, _client, _id) = killed();
    assert_eq!(Server::start(&db).stop(), Some(0));
    fs::rename(&copy, &db).unwrap();
    assert_eq!(Server::start(&db).stop(), Some(0));
    assert!(String::from_utf8(run(&db, &["check"]).stdout).unwrap().contains("is whole: 0 customers"));
}

#[test]
fn files_that_are_moved_or_copied_together_are_served() {
    let (directory, db, _copy, client, id) = killed();
    let away = tempdir().unwrap();
    let copied =
        Command::new("cp").args(["-a", directory.path().to_str().unwrap()]).arg(away.path().join("a")).status();
    assert!(copied.unwrap().success());
    fs::rename(away.path().join("a"), away.path().join("b")).unwrap();
    assert_eq!(has(&away.path().join("b/patron.db"), &client, &id), 200);
    // Without the lock file too, as where only the database is carried over.
    fs::remove_file(named(&db, ".lock")).unwrap();
    assert_eq!(has(&db, &client, &id), 200);
}

#[test]
fn each_start_each_backup_and_each_restored_file_is_a_generation() {
    let (directory, db, copy, _client, _id) = killed();
    let generation = |db: &Path| {
        let connection = rusqlite::Connection::open(db).unwrap();
        connection.query_row("SELECT beat & ~1 FROM pulse", [], |row| row.get::<_, i64>(0)).unwrap()
    };
    let mut all = vec![generation(&copy)];
    for _ in 0..2 {
        assert_eq!(Server::start(&db).stop(), Some(0));
        all.push(generation(&db));
    }
    assert!(run(&db, &["restore", copy.to_str().unwrap()]).status.success());
    all.push(generation(&db));
    assert!(backup(&db, &directory.path().join("another.db")).status.success());
    all.push(generation(&directory.path().join("another.db")));
    all.sort_unstable();
    all.dedup();
    assert!(all.len() == 5 && all.iter().all(|each| *each >= 1 << 62), "{all:?}");
}

#[test]
fn a_start_that_was_killed_at_any_moment_does_not_part_a_database_from_its_wal() {
    let (_directory, db, _copy, client, _id) = killed();
    let mut moments = Moments::new();
    let mut ids = Vec::new();
    for number in 0..15 * times() {
        for _ in 0..2 {
            let mut starting =
                patron(&db).stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).spawn().unwrap();
            thread::sleep(Duration::from_micros(moments.number(60_000)));
            starting.kill().unwrap();
            starting.wait().unwrap();
        }
        let server = Server::start(&db);
        let client = client.moved(&server);
        for id in &ids {
            assert_eq!(client.get(&format!("/{id}")).unwrap().0, 200, "{moments}");
        }
        ids.push(client.create(&format!(r#"{{"name":"Kept","contact":"{}"}}"#, 10_000_000 + number)));
        server.kill();
    }
    assert_eq!(Server::start(&db).stop(), Some(0));
    assert!(run(&db, &["check"]).status.success());
}

#[test]
fn a_file_with_two_names_is_not_served_and_can_be_read() {
    let directory = tempdir().unwrap();
    let (db, other) = (directory.path().join("patron.db"), directory.path().join("other.db"));
    let server = Server::start(&db);
    let client = Client::new(&server, &db);
    let id = client.create(r#"{"name":"Acknowledged"}"#);
    fs::hard_link(&db, &other).unwrap();
    for db in [&db, &other] {
        let said = refusal(&run(db, &[]));
        assert!(said.contains("has 2 names (hard links)"), "{said}");
    }
    assert!(refusal(&run(&other, &["key", "create", "--mode", "test"])).contains("hard links"));
    assert!(!directory.path().join("other.db-wal").exists());
    assert_eq!(client.put(&id, r#"{"name":"Goes On"}"#).unwrap().0, 200);
    assert_eq!(server.stop(), Some(0));
    assert!(run(&other, &["check"]).status.success());
    fs::remove_file(&other).unwrap();
    assert_eq!(has(&db, &client, &id), 200);
}

#[test]
fn a_second_name_that_an_interrupted_restore_left_goes() {
    let (_directory, db, _copy, client, id) = killed();
    let left = named(&db, ".before-restore-20261130T120000Z");
    fs::hard_link(&db, &left).unwrap();
    assert_eq!(has(&db, &client, &id), 200);
    assert!(!left.exists());
}

#[test]
fn by_a_link_it_is_the_same_database() {
    let directory = tempdir().unwrap();
    let (real, link) = (directory.path().join("real"), directory.path().join("link.db"));
    fs::create_dir(&real).unwrap();
    let db = real.join("patron.db");
    // To a file that is not there yet.
    symlink("real/patron.db", &link).unwrap();
    let server = Server::start(&link);
    assert!(named(&db, ".lock").exists() && named(&db, "-wal").exists());
    for path in [&db, &link] {
        assert!(refusal(&run(path, &[])).contains("another patron serves it"));
    }
    Client::new(&server, &link).create(r#"{"name":"By A Link"}"#);
    assert_eq!(server.stop(), Some(0));
    let mut names: Vec<_> = fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["link.db", "link.log", "real"]);
    assert!(String::from_utf8(run(&db, &["check"]).stdout).unwrap().contains("is whole: 1 customers"));
}

#[test]
fn a_database_has_one_server_also_without_its_lock_file() {
    let (_directory, db, copy, client, id) = killed();
    let server = Server::start(&db);
    let lock = named(&db, ".lock");
    for _ in 0..3 {
        fs::remove_file(&lock).unwrap();
        assert!(refusal(&run(&db, &[])).contains("another patron serves it"));
        until("the lock file is there again", || refusal_of_restore(&db, &copy).contains("another patron serves it"));
    }
    assert_eq!(client.moved(&server).get(&format!("/{id}")).unwrap().0, 200);
    assert_eq!(server.stop(), Some(0));
}

/// The server is stopped for the moment, and so does not create its lock file again.
#[test]
fn a_restore_leaves_the_files_of_a_server_without_its_lock_file() {
    let (_directory, db, copy, client, id) = killed();
    let server = Server::start(&db);
    let client = client.moved(&server);
    assert_eq!(client.put(&id, r#"{"name":"In The Log"}"#).unwrap().0, 200);
    let own = fs::read(&db).unwrap();
    // Another generation is beside the WAL now.
    overwrite(&db, &fs::read(&copy).unwrap());
    server.signal("STOP");
    fs::remove_file(named(&db, ".lock")).unwrap();
    let said = refusal_of_restore(&db, &copy);
    assert!(said.contains("another patron serves it"), "{said}");
    assert!(named(&db, "-wal").exists());
    overwrite(&db, &own);
    server.signal("CONT");
    server.kill();
    assert_eq!(has(&db, &client, &id), 200);
}

fn refusal_of_restore(db: &Path, copy: &Path) -> String {
    refusal(&run(db, &["restore", copy.to_str().unwrap()]))
}

#[test]
fn what_is_no_file_of_patrons_is_neither_followed_nor_emptied() {
    let directory = tempdir().unwrap();
    let db = directory.path().join("patron.db");
    assert_eq!(Server::start(&db).stop(), Some(0));
    let precious = directory.path().join("precious");
    fs::write(&precious, "precious").unwrap();
    let fifo = |path: &Path| assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
    type Make<'a> = &'a dyn Fn(&Path);
    let kinds: [(&str, Make<'_>); 5] = [
        ("a link", &|path| symlink(&precious, path).unwrap()),
        ("a link to nothing", &|path| symlink(directory.path().join("nothing"), path).unwrap()),
        ("a second name", &|path| fs::hard_link(&precious, path).unwrap()),
        ("a FIFO", &fifo),
        ("a directory", &|path| fs::create_dir(path).unwrap()),
    ];
    for suffix in [".lock", "-wal", "-shm", "-journal"] {
        let file = named(&db, suffix);
        let aside = named(&db, ".aside");
        let was_there = fs::rename(&file, &aside).is_ok();
        for (kind, make) in kinds {
            make(&file);
            for command in [&[][..], &["key", "create", "--mode", "test"]] {
                let said = refusal(&run(&db, command));
                assert!(said.contains(&format!("patron.db{suffix} ")), "{kind} {said}");
            }
            assert_eq!(fs::read(&precious).unwrap(), b"precious", "{kind} as {suffix}");
            assert!(!directory.path().join("nothing").exists());
            if kind == "a directory" { fs::remove_dir(&file) } else { fs::remove_file(&file) }.unwrap();
        }
        if was_there {
            fs::rename(&aside, &file).unwrap();
        }
    }
    let lock = named(&db, ".lock");
    fs::write(&lock, "precious").unwrap();
    assert!(refusal(&run(&db, &[])).contains("it is no lock file of Patron's, and is not overwritten"));
    assert_eq!(fs::read(&lock).unwrap(), b"precious");
    fs::remove_file(&lock).unwrap();
    assert_eq!(Server::start(&db).stop(), Some(0));
    let pipe = directory.path().join("pipe.db");
    fifo(&pipe);
    for command in [&[][..], &["check"]] {
        assert!(refusal(&run(&pipe, command)).contains("is a link, a directory or a device"));
    }
}

/// Whatever the system does to a server whose WAL index is cut: what was acknowledged is there afterwards.
#[test]
fn a_wal_index_that_is_cut_loses_nothing_and_the_next_start_says_how_the_last_ended() {
    let (_directory, db, _copy, client, _id) = killed();
    let server = Server::start(&db);
    let id = client.moved(&server).create(r#"{"name":"Index Cut","contact":"12345678"}"#);
    fs::OpenOptions::new().write(true).open(named(&db, "-shm")).unwrap().set_len(0).unwrap();
    let _ = client.moved(&server).put(&id, r#"{"name":"Perhaps"}"#);
    let log = server.log.clone();
    server.kill();
    assert_eq!(has(&db, &client, &id), 200);
    let log = fs::read_to_string(log).unwrap();
    assert!(log.contains("the server before did not end in order: it was killed, crashed or lost power"), "{log}");
}
