//! Backups that the server makes on time: when, how many stay, and what is told of them.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use patron::domain::{Mode, Role};
use patron::service::Schedule;
use tempfile::tempdir;

use crate::backup::seeded;
use crate::server::{Server, run};
use crate::world::World;

const HOUR: Duration = Duration::from_secs(60 * 60);

fn names(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

fn schedule(folder: &Path) -> Schedule {
    Schedule { folder: folder.to_owned(), every: HOUR, keep: 2 }
}

/// Makes a backup if one is due, on a thread of its own as a server does.
pub fn turn(world: &World, schedule: Schedule) {
    let backups = &world.services.backups;
    std::thread::scope(|scope| scope.spawn(|| backups.make_if_due(schedule)).join().unwrap());
}

/// Waits until something is so.
pub fn until(what: &str, so: impl Fn() -> bool) {
    let patience = Instant::now() + Duration::from_secs(30);
    while !so() {
        assert!(Instant::now() < patience, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[tokio::test]
async fn one_is_made_when_it_is_due_and_the_eldest_goes() {
    let world = World::new();
    let folder = tempdir().unwrap();
    fs::write(folder.path().join("patron-by-hand.db"), "theirs").unwrap();
    fs::write(folder.path().join("patron-20200101T000000Z.db.partial"), "left by a kill").unwrap();
    let turn = || turn(&world, schedule(folder.path()));
    turn();
    assert_eq!(names(folder.path()), ["patron-20200218T134851Z.db", "patron-by-hand.db"]);
    world.pass(HOUR - Duration::from_secs(1));
    turn();
    assert_eq!(names(folder.path()).len(), 2, "a start shortly after one makes none");
    world.pass(Duration::from_secs(1));
    turn();
    world.pass(HOUR);
    turn();
    let two = ["patron-20200218T144851Z.db", "patron-20200218T154851Z.db", "patron-by-hand.db"];
    assert_eq!(names(folder.path()), two);
    let checked = run(&folder.path().join(two[1]), &["check"]);
    assert!(checked.status.success(), "{checked:?}");
}

#[tokio::test]
async fn nothing_goes_unless_a_new_one_is_verified() {
    let world = World::new();
    let folder = tempdir().unwrap();
    let turn = || turn(&world, schedule(folder.path()));
    world.key(Mode::Live).await.create(r#"{"name":"Meera"}"#).await;
    for _ in 0..2 {
        turn();
        world.pass(HOUR);
    }
    let before = names(folder.path());
    let sql = "UPDATE customers SET name = 'Somebody Else'";
    rusqlite::Connection::open(world.db()).unwrap().execute_batch(sql).unwrap();
    turn();
    assert_eq!(names(folder.path()), before);
    let last = world.services.backups.last().await.unwrap();
    assert!(last.failed.unwrap().why.contains("the database is damaged; `patron check` lists 1 faults"));
}

#[tokio::test]
async fn home_tells_of_the_last_one_and_of_a_failure() {
    let world = World::new();
    let folder = tempdir().unwrap();
    let turn = |path: &Path| turn(&world, schedule(path));
    let home = async |role| world.staff(role).await.get("/live").await.body;
    assert!(home(Role::Viewer).await.contains("the only copy that Patron knows of"));
    let shop = world.key(Mode::Live).await;
    shop.create(r#"{"name":"Meera"}"#).await;
    shop.create(r#"{"name":"Farah"}"#).await;
    turn(folder.path());
    let page = home(Role::Viewer).await;
    assert!(page.contains("18 Feb 2020 13:48 UTC</time></dd>"), "{page}");
    assert!(page.contains("Opened again and checked: 2 live and 0 test customers"), "{page}");

    world.pass(HOUR);
    let gone = folder.path().join("not-mounted");
    turn(&gone);
    assert!(!gone.exists(), "what is not mounted is not made in its place");
    let page = home(Role::Owner).await;
    assert!(page.contains(r#"<span class="wrong">Failed <time datetime="2020-02-18T14:48:51Z""#), "{page}");
    assert!(page.contains("there is no such directory; make it, or mount what it is on"), "{page}");
    assert!(page.contains("The last good one: <time"), "{page}");
    let page = home(Role::Viewer).await;
    assert!(page.contains("Failed") && !page.contains("not-mounted"), "paths are for owners: {page}");

    world.pass(HOUR);
    turn(folder.path());
    assert!(!home(Role::Owner).await.contains("Failed"), "it is over");
}

#[tokio::test]
async fn a_backup_by_hand_is_known_of_and_one_by_a_clock_that_was_wrong_puts_none_off() {
    let world = World::new();
    let folder = tempdir().unwrap();
    let by_hand = folder.path().join("by-hand.db");
    std::thread::scope(|scope| {
        let made = scope.spawn(|| world.services.backups.make(&by_hand, |_| {}));
        made.join().unwrap().unwrap();
    });
    let last = world.services.backups.last().await.unwrap();
    assert_eq!(last.verified.unwrap().path, by_hand.canonicalize().unwrap());

    fs::write(folder.path().join("patron-20300101T000000Z.db"), "made in a time to come").unwrap();
    fs::write(folder.path().join("patron-20310101T000000Z.db"), "made in a time to come").unwrap();
    turn(&world, schedule(folder.path()));
    let left = ["by-hand.db", "patron-20200218T134851Z.db", "patron-20310101T000000Z.db"];
    assert_eq!(names(folder.path()), left, "the one just made stays");
}

fn ours(folder: &Path) -> Vec<PathBuf> {
    let names = names(folder).into_iter().filter(|name| name.ends_with("Z.db"));
    names.map(|name| folder.join(name)).collect()
}

#[test]
fn a_running_server_makes_them_and_a_restart_knows_of_them() {
    let (_directory, db) = seeded(20);
    let folder = tempdir().unwrap();
    let dir = folder.path().to_str().unwrap();
    let often = ["--backup-dir", dir, "--backup-every", "1s", "--backup-keep", "2"];
    let server = Server::start_with(&db, &often);
    until("a first", || !ours(folder.path()).is_empty());
    let first = ours(folder.path())[0].clone();
    until("the first to go", || !first.exists() && ours(folder.path()).len() == 2);
    let log = server.log.clone();
    assert_eq!(server.stop(), Some(0));
    for backup in ours(folder.path()) {
        assert!(run(&backup, &["check"]).status.success());
    }
    let made = |log: &Path| fs::read_to_string(log).unwrap().matches("a backup is made and verified").count();
    let before = made(&log);
    assert!(before >= 3, "{}", fs::read_to_string(&log).unwrap());

    let server = Server::start_with(&db, &["--backup-dir", dir]);
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(server.stop(), Some(0));
    assert_eq!(made(&log), before, "the last one is not an hour old");
}

#[test]
fn killed_while_it_makes_them_it_leaves_no_name_that_is_not_whole() {
    let (_directory, db) = seeded(2_000);
    let folder = tempdir().unwrap();
    let often = ["--backup-dir", folder.path().to_str().unwrap(), "--backup-every", "1s"];
    let partials = || names(folder.path()).iter().filter(|name| name.ends_with(".partial")).count();
    for _ in 0..3 {
        let server = Server::start_with(&db, &often);
        until("one under way", || partials() > 0);
        server.kill();
        for backup in ours(folder.path()) {
            assert!(run(&backup, &["check"]).status.success(), "{}", backup.display());
        }
    }
    let server = Server::start_with(&db, &often);
    let before = ours(folder.path()).len();
    until("another", || ours(folder.path()).len() > before);
    // Told to stop, it does not wait for the one under way.
    until("one under way", || partials() > 0);
    assert_eq!(server.stop(), Some(0));
    assert_eq!(partials(), 0, "{:?}", names(folder.path()));
}
