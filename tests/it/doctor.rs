//! The doctor: what is found, in which words, with which exit code, and who may ask.

use std::fs::{self, Permissions};
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use actix_web::http::StatusCode;
use patron::domain::{Email, Mode, Role};
use patron::service::doctor::Verdict;
use patron::service::{OldSecret, Schedule};
use tempfile::tempdir;

use crate::backup::{backup, seeded};
use crate::schedule::turn;
use crate::server::{Server, run};
use crate::world::{World, maker};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// How one thing is, and in which words.
async fn finding(world: &World, what: &str) -> (Verdict, String) {
    let findings = world.services.examine(false).await.unwrap();
    let one = findings.into_iter().find(|finding| finding.what == what).unwrap();
    (one.verdict, one.words)
}

#[track_caller]
fn says(found: (Verdict, String), verdict: Verdict, words: &str) {
    assert!(found.0 == verdict && found.1.contains(words), "{found:?}, not {verdict:?} {words}");
}

#[test]
fn it_is_one_screen_of_what_was_looked_at_and_leaves_nothing_behind() {
    let (directory, db) = seeded(20);
    run(&db, &["key", "create", "--mode", "live"]);
    let _server = Server::start(&db);
    let output = run(&db, &["doctor"]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{said}");
    let whats: Vec<&str> = said.lines().map(|line| line[14..].split_whitespace().next().unwrap()).collect();
    let all = "SQLite Settings Integrity Size Disk Sync Clock Files Rotations Keys Staff Backup Erasures argon2";
    assert_eq!(whats.join(" "), all);
    assert!(said.lines().all(|line| line.starts_with("ok  ") || line.starts_with("look at this  ")), "{said}");
    assert!(said.contains("journal_mode=wal synchronous=2 foreign_keys=1"), "{said}");
    assert!(said.contains("every page is well-formed"), "{said}");
    assert!(said.contains("look at this  Backup       never; start the server with --backup-dir"), "{said}");
    let quick = String::from_utf8(run(&db, &["doctor", "--quick"]).stdout).unwrap();
    assert!(quick.contains("Integrity    not looked at with --quick"), "{quick}");
    let mut names: Vec<_> = fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.retain(|name| {
        !["patron.db", "patron.db-wal", "patron.db-shm", "patron.db.lock", "patron.db-reserve", "patron.log"]
            .contains(&name.to_str().unwrap())
    });
    assert!(names.is_empty(), "{names:?}");
}

#[test]
fn whether_the_file_is_served_is_found_out_by_asking() {
    let (_directory, db) = seeded(3);
    let asked = |address: &str| {
        let output = run(&db, &["doctor", "--quick", "--served", "--listen", address]);
        let said = String::from_utf8(output.stdout).unwrap();
        let line = said.lines().find(|line| line.contains(" Server ")).unwrap_or_else(|| panic!("{said}")).to_owned();
        (output.status.code(), line)
    };
    let (code, line) = asked("127.0.0.1:1");
    assert!(code == Some(1) && line.starts_with("wrong ") && line.contains("nobody serves the file"), "{line}");
    let server = Server::start(&db);
    let (code, line) = asked(&server.address);
    assert!(code == Some(0) && line.starts_with("ok ") && line.contains("/readyz answers that it is ready"), "{line}");
    let (code, line) = asked("127.0.0.1:1");
    assert!(code == Some(1) && line.contains("127.0.0.1:1/readyz does not answer"), "{line}");
    // As a process that hangs.
    server.signal("STOP");
    let (code, line) = asked(&server.address);
    server.signal("CONT");
    assert!(code == Some(1) && line.contains("does not answer (timeout"), "{line}");
}

#[test]
fn what_is_wrong_is_said_with_the_way_out_and_the_exit_code_is_1() {
    let (directory, seeded) = seeded(500);
    // A backup is one file, without a log.
    let db = directory.path().join("copy.db");
    assert!(backup(&seeded, &db).status.success());
    let wrong = |words: &str| {
        let output = run(&db, &["doctor"]);
        let said = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert_eq!(String::from_utf8(output.stderr).unwrap(), "patron: one thing above is wrong\n");
        let line = said.lines().find(|line| line.starts_with("wrong ")).unwrap();
        assert!(line.contains(words), "{line}");
    };
    fs::set_permissions(&db, Permissions::from_mode(0o640)).unwrap();
    wrong("copy.db (0640); `chmod 600` each");
    fs::set_permissions(&db, Permissions::from_mode(0o600)).unwrap();
    assert!(run(&db, &["doctor"]).status.success());

    let mut file = fs::OpenOptions::new().write(true).open(&db).unwrap();
    file.seek(SeekFrom::Start(db.metadata().unwrap().len() / 8192 * 4096)).unwrap();
    file.write_all(&[0xA5; 4096]).unwrap();
    drop(file);
    wrong("stop the server, and restore a backup with `patron restore FILE`");
    assert!(run(&db, &["doctor", "--quick"]).status.success(), "that is what --quick does not see");
}

#[tokio::test]
async fn the_clock_is_held_against_the_newest_edit_and_the_disk() {
    let world = World::new();
    let shop = world.key(Mode::Live).await;
    shop.create(r#"{"name":"Meera"}"#).await;
    says(finding(&world, "Clock").await, Verdict::Look, "it is 2020-02-18T13:48:51Z, and by the disk's clock 2");
    let sql = "UPDATE revisions SET at = at + 3600";
    rusqlite::Connection::open(world.db()).unwrap().execute_batch(sql).unwrap();
    says(
        finding(&world, "Clock").await,
        Verdict::Wrong,
        "before the newest edit of 2020-02-18T14:48:51Z: set the clock",
    );
}

#[tokio::test]
async fn keys_that_nobody_uses_and_rotations_that_are_not_followed_are_named() {
    let world = World::new();
    let access = &world.services.access;
    let (key, old) = access.issue(maker(), Mode::Live, "Shop", None).await.unwrap();
    let (idle, _) = access.issue(maker(), Mode::Test, "", None).await.unwrap();
    says(finding(&world, "Rotations").await, Verdict::Fine, "none is pending");
    let shop = world.with_key(&key.id, old.reveal());
    assert_eq!(shop.get("/v1/customers").await.status, StatusCode::OK);
    world.services.flush().await;
    world.pass(Duration::from_secs(120));
    access.rotate(&key.id, OldSecret::EndsInADay).await.unwrap();
    says(finding(&world, "Rotations").await, Verdict::Fine, "two secrets work for Shop (rzp_live_");
    world.pass(Duration::from_secs(120));
    assert_eq!(shop.get("/v1/customers").await.status, StatusCode::OK);
    world.services.flush().await;
    says(finding(&world, "Rotations").await, Verdict::Look, "the old secret is still in use of Shop (");
    world.pass(DAY);
    says(finding(&world, "Rotations").await, Verdict::Fine, "none is pending");

    says(finding(&world, "Keys").await, Verdict::Fine, "2 work");
    world.pass(DAY * 89);
    says(finding(&world, "Keys").await, Verdict::Look, &format!("not used for 90 days: {};", idle.id.as_str()));
    access.revoke(&idle.id).await.unwrap();
    says(finding(&world, "Keys").await, Verdict::Fine, "1 work");
}

#[tokio::test]
async fn staff_who_cannot_come_in_are_named() {
    let world = World::new();
    says(finding(&world, "Staff").await, Verdict::Look, "no owner can sign in; `patron staff add EMAIL --role owner`");
    world.staff(Role::Owner).await;
    world.services.staff.invite(Email::parse("farah@example.com").unwrap(), Role::Editor).await.unwrap();
    says(finding(&world, "Staff").await, Verdict::Fine, "1 can sign in, 1 as owner");
    world.pass(DAY);
    says(finding(&world, "Staff").await, Verdict::Look, "invited, and never came: farah@example.com;");
}

#[tokio::test]
async fn the_last_backup_is_looked_for_where_it_was_put() {
    let world = World::new();
    let folder = tempdir().unwrap();
    let schedule = Schedule { folder: folder.path().to_owned(), every: DAY, keep: 2 };
    turn(&world, schedule.clone());
    says(finding(&world, "Backup").await, Verdict::Fine, "verified 2020-02-18T13:48:51Z, ");
    world.pass(3 * DAY);
    says(finding(&world, "Backup").await, Verdict::Look, "that is long ago");
    fs::remove_file(folder.path().join("patron-20200218T134851Z.db")).unwrap();
    says(finding(&world, "Backup").await, Verdict::Look, "it is not there any more; make another");
    drop(folder);
    turn(&world, schedule);
    let words = "failed 2020-02-21T13:48:51Z: cannot keep backups in ";
    says(finding(&world, "Backup").await, Verdict::Wrong, words);
}

#[tokio::test]
async fn owners_have_a_page_for_it_and_nobody_else() {
    let world = World::new();
    let owner = world.staff(Role::Owner).await;
    assert!(owner.get("/live").await.body.contains(r#"<a href="/live/doctor">"#));
    let before = owner.get("/live/doctor").await;
    assert_eq!(before.status, StatusCode::OK, "{before}");
    assert!(!before.body.contains("SQLite"), "looked at only when asked");
    let after = owner.post("/live/doctor", &[]).await;
    assert_eq!(after.status, StatusCode::OK, "{after}");
    for words in
        ["<dt>SQLite</dt>", "<b>Look at this</b>", "data-copy-from=\"report\"", "\nok            Settings     "]
    {
        assert!(after.body.contains(words), "{words}: {after}");
    }
    assert_ne!(owner.send_form("/live/doctor", &[]).await.status, StatusCode::OK, "not without the form's token");
    for role in [Role::Editor, Role::Viewer] {
        let person = world.staff(role).await;
        assert!(!person.get("/live").await.body.contains("/doctor"));
        assert_eq!(person.get("/live/doctor").await.status, StatusCode::FORBIDDEN);
        assert_eq!(person.post("/live/doctor", &[]).await.status, StatusCode::FORBIDDEN);
    }
    assert_eq!(world.visitor().get("/live/doctor").await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn one_looks_at_a_time() {
    let world = World::new();
    let (first, second) = tokio::join!(world.services.examine(true), world.services.examine(true));
    assert!(first.is_ok() && second.is_err());
    assert!(world.services.examine(true).await.is_ok());
}
