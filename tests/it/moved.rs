//! The database's files removed, renamed or replaced under a running server: nothing is acknowledged that would be lost with it,
//! reads go on, and it is over when the files are back.

use std::fs;
use std::path::{Path, PathBuf};

use actix_web::http::StatusCode;
use patron::domain::{Mode, Role};
use patron::service::doctor::Verdict;
use tempfile::{TempDir, tempdir};

use crate::backup::{backup, refusal, seeded};
use crate::schedule::until;
use crate::server::{Client, Server, run};
use crate::world::World;

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

/// One file, without a log.
fn backed_up(db: &Path, to: &Path) -> PathBuf {
    assert!(backup(db, to).status.success());
    to.to_owned()
}

/// The files beside the database that a server has saved, once there are so many and the log says that they are whole.
fn saved(server: &Server, db: &Path, count: usize) -> Vec<PathBuf> {
    until("what is open is saved", || {
        fs::read_to_string(&server.log).unwrap().matches("what is open is saved and verified").count() >= count
    });
    saved_beside(db)
}

fn saved_beside(db: &Path) -> Vec<PathBuf> {
    let paths = fs::read_dir(db.parent().unwrap()).unwrap().map(|entry| entry.unwrap().path());
    paths.filter(|path| path.to_str().unwrap().contains("patron.db.saved-")).collect()
}

#[test]
fn what_is_open_is_saved_when_asked_and_at_the_end_and_can_be_restored() {
    for (suffix, replaced) in [("", false), ("", true), ("-wal", false), ("-wal", true)] {
        let (_directory, db) = fresh();
        let server = Server::start(&db);
        let client = Client::new(&server, &db);
        let id = client.create(r#"{"name":"Acknowledged"}"#);
        let (file, aside) = named(&db, suffix);
        fs::rename(&file, &aside).unwrap();
        if replaced {
            fs::copy(&aside, &file).unwrap();
        }
        fs::remove_file(&aside).unwrap();
        assert!(server.ask("PUT", &format!("/{id}"), &client, r#"{"name":"Refused"}"#).starts_with("HTTP/1.1 503 "));
        let way_out = format!("with `kill -USR1 {}`, stop the server", server.pid());
        let log = server.log_with(&way_out);
        assert!(log.contains(&way_out), "{log}");
        server.signal("USR1");
        let first = saved(&server, &db, 1);
        assert_eq!(first.len(), 1);
        assert!(String::from_utf8(run(&first[0], &["check"]).stdout).unwrap().contains("is whole: 1 customers"));
        fs::remove_file(&first[0]).unwrap();
        let log = server.log.clone();
        assert_eq!(server.stop(), Some(1), "to end like this is no good end");
        let said = fs::read_to_string(&log).unwrap();
        let last = saved_beside(&db);
        assert_eq!(last.len(), 1, "{said}");
        let restore = format!("`patron restore {}`, then start again", last[0].display());
        assert!(said.lines().last().unwrap().contains(&restore), "{said}");

        let output = run(&db, &[]);
        assert!(refusal(&output).contains("is not the file that was served: "), "{suffix} {replaced} {output:?}");
        assert_eq!(file.exists(), replaced, "nothing is made in its place");
        let restored = run(&db, &["restore", last[0].to_str().unwrap()]);
        assert!(restored.status.success(), "{restored:?}");
        let server = Server::start(&db);
        assert_eq!(client.moved(&server).get(&format!("/{id}")).unwrap().1["name"], "Acknowledged");
        assert_eq!(client.moved(&server).put(&id, r#"{"name":"Again"}"#).unwrap().0, 200);
        assert_eq!(server.stop(), Some(0));
        assert!(run(&db, &["check"]).status.success());
    }
}

#[test]
fn what_was_replaced_under_a_server_that_was_killed_is_not_served_unseen() {
    let (directory, db) = fresh();
    let server = Server::start(&db);
    let client = Client::new(&server, &db);
    let id = client.create(r#"{"name":"Acknowledged"}"#);
    let (file, aside) = named(&db, "");
    let (_seeded, other) = seeded(5);
    let other = backed_up(&other, &directory.path().join("other.db"));
    fs::rename(&file, &aside).unwrap();
    fs::rename(&other, &file).unwrap();
    assert_eq!(client.put(&id, r#"{"name":"Refused"}"#).unwrap().0, 503);
    for command in [&["key", "create", "--mode", "test"][..], &["seed", "--count", "5"], &["check"], &["doctor"]] {
        // Its log is the server's, and no log of this file's.
        assert!(refusal(&run(&db, command)).contains("is not the file that was served: "), "{command:?}");
    }
    server.kill();
    let said = refusal(&run(&db, &[]));
    assert!(said.contains("restore what was saved of it with `patron restore`, or remove "), "{said}");

    fs::rename(&file, &other).unwrap();
    fs::rename(&aside, &file).unwrap();
    let server = Server::start(&db);
    assert_eq!(client.moved(&server).get(&format!("/{id}")).unwrap().1["name"], "Acknowledged");
    assert_eq!(server.stop(), Some(0));

    // It was put back: so what is put in its place while nobody serves it, is what somebody wants.
    fs::rename(&other, &file).unwrap();
    assert_eq!(Server::start(&db).stop(), Some(0));
    assert!(String::from_utf8(run(&db, &["check"]).stdout).unwrap().contains("is whole: 5 customers"));
}

#[test]
fn a_log_without_its_database_is_neither_lost_nor_taken_for_another_ones() {
    let (directory, db) = fresh();
    let server = Server::start(&db);
    let client = Client::new(&server, &db);
    let copy = backed_up(&db, &directory.path().join("copy.db"));
    for number in 0..20 {
        client.create(&format!(r#"{{"name":"Only in the log","contact":"{}"}}"#, 10_000_000 + number));
    }
    server.kill();
    let log = named(&db, "-wal").0;
    let edits = fs::read(&log).unwrap();
    assert!(!edits.is_empty());
    fs::remove_file(&db).unwrap();
    let said = refusal(&run(&db, &[]));
    assert!(said.contains("it is not there, but its log ") && said.contains("restore a backup"), "{said}");
    assert!(!db.exists() && fs::read(&log).unwrap() == edits);

    assert!(run(&db, &["restore", copy.to_str().unwrap()]).status.success());
    assert!(!log.exists(), "the restored one must not take it for its own");
    let kept = fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().path());
    let kept = kept.into_iter().find(|path| path.to_str().unwrap().ends_with("-wal")).unwrap();
    assert_eq!(fs::read(kept).unwrap(), edits);
    assert!(String::from_utf8(run(&db, &["check"]).stdout).unwrap().contains("is whole: 0 customers"));
}

#[tokio::test]
async fn backups_are_of_what_is_open_and_owners_are_told() {
    let world = World::new();
    let shop = world.key(Mode::Live).await;
    let customer = shop.create(r#"{"name":"Acknowledged"}"#).await;
    let owner = world.staff(Role::Owner).await;
    let token = owner.form_token().await;
    let aside = world.db().with_extension("aside");
    fs::rename(world.db(), &aside).unwrap();
    let (_seeded, other) = seeded(5);
    backed_up(&other, &world.db());

    let answer = shop.put(&customer, r#"{"name":"Refused"}"#).await;
    assert_eq!((answer.status, answer.header("retry-after")), (StatusCode::SERVICE_UNAVAILABLE, Some("1")));
    let copy = world.db().with_extension("copy");
    let made = std::thread::scope(|scope| scope.spawn(|| world.services.backups.make(&copy, |_| {})).join().unwrap());
    assert_eq!(made.map(|copied| (copied.live, copied.test)), Ok((1, 0)));
    assert!(!world.services.health.is_ready().await);

    let findings = world.services.examine(true).await.unwrap();
    let files = findings.iter().find(|finding| finding.what == "Files").unwrap();
    assert!(files.verdict == Verdict::Wrong && files.words.contains("was replaced by another file"), "{files:?}");
    let page = owner.send_form("/live/doctor", &[("token", &token)]).await;
    assert!(page.body.contains("was replaced by another file while it was open"), "{page}");

    fs::rename(&aside, world.db()).unwrap();
    assert_eq!(shop.put(&customer, r#"{"name":"Again"}"#).await.status, StatusCode::OK);
}
