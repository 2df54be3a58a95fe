//! Room on the disk: what writes much is refused before it fills it, and what frees room works where nothing else can.

use std::cell::Cell;
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;

use actix_web::http::StatusCode;
use patron::domain::{Actor, ImportState, Mode, Role};
use patron::service::{Ambient, Caller, KeepFree, NotImported, Refused, Services, Work};
use patron::store::{Store, Use};
use tempfile::tempdir;

use crate::backup::{refusal, seeded};
use crate::console_imports::upload;
use crate::disk::Disk;
use crate::pages::keep;
use crate::schedule::until;
use crate::server::{Client, Server, patron, run};
use crate::upgrade::old;
use crate::world::{Answer, BEGINNING, World};

/// More than any disk has.
const ALL: &str = "1000000TB";
const MUST_STAY: &str = " must stay free; make room, or lower --keep-free";

fn csv(rows: usize) -> String {
    let rows = (0..rows).map(|row| format!("Ravi Rao,ravi{row}@example.com,{}\n", 9_000_000_000_u64 + row as u64));
    format!("name,email,contact\n{}", rows.collect::<String>())
}

/// Runs a command that reads this file as standard input.
fn run_reading(db: &Path, arguments: &[&str], file: &Path) -> Output {
    patron(db).args(arguments).stdin(Stdio::from(File::open(file).unwrap())).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn listed(db: &Path) -> String {
    String::from_utf8(run(db, &["import", "list"]).stdout).unwrap()
}

fn caller() -> Caller {
    Caller {
        mode: Mode::Test,
        actor: Actor::Command { name: "import".into() },
        request_id: None,
        request: None,
        grant: None,
    }
}

/// The services of a command on a file.
fn beside(db: &Path) -> Services {
    Services::new(Store::open(db, Use::Fill).unwrap(), Ambient::of_system())
}

/// Receives a file, as far as it is `work`ed on. Returns the import's number.
async fn received(services: &Services, file: &str, works: &[Work]) -> i64 {
    let mut receiving = services.imports.receive(&caller(), "customers.csv", None);
    receiving.push(file.as_bytes()).await.unwrap();
    let number = receiving.finish().await.unwrap().number;
    for work in works {
        services.imports.start(&caller(), number, *work).await.unwrap();
        if *work != Work::Apply {
            services.imports.work(&caller(), number, |_| {}).await.unwrap();
        }
    }
    number
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

#[test]
fn commands_that_write_much_are_refused_and_leave_nothing() {
    let (directory, db) = seeded(20);
    let file = directory.path().join("customers.csv");
    fs::write(&file, csv(50)).unwrap();
    let copy = directory.path().join("copy.db");
    let (file_name, copy_name) = (file.to_str().unwrap(), copy.to_str().unwrap());
    let all = ["--keep-free", ALL];
    let import = ["import", file_name, "--mode", "test", "--yes"];
    let unread = ["import", "-", "--mode", "test", "--yes"];
    let before = run(&db, &["check"]).stdout;
    for (output, words) in [
        (run(&db, &[&import[..], &all].concat()), "cannot import "),
        (run_reading(&db, &[&unread[..], &all].concat(), &file), "cannot import -: "),
        (run(&db, &[&["seed", "--count", "50", "--seed", "2"][..], &all].concat()), "cannot seed: "),
        (run(&db, &[&["backup", copy_name][..], &all].concat()), "cannot back up to "),
        (patron(&db).args(import).env("PATRON_KEEP_FREE", ALL).output().unwrap(), "cannot import "),
    ] {
        let said = refusal(&output);
        assert!(said.contains(words) && said.contains(MUST_STAY), "{said}");
    }
    assert_eq!(run(&db, &["check"]).stdout, before);
    assert!(listed(&db).starts_with("Nothing was imported"));
    let mut names: Vec<_> = fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.retain(|name| !["patron.db", "patron.db-wal", "patron.db-shm"].contains(&name.to_str().unwrap()));
    assert_eq!(names, ["customers.csv"]);

    assert!(run(&db, &[&import[..], &["--keep-free", "0"]].concat()).status.success());
    for wrong in ["-1", "64 pears", "20000000TB", ""] {
        let output = run(&db, &["seed", "--count", "1", &format!("--keep-free={wrong}")]);
        assert!(output.status.code() == Some(2), "{output:?}");
        assert!(said(&output).contains("give a size such as 64MB, 1GB or 512MiB, or 0 to keep nothing free"));
    }
}

#[test]
fn a_scheduled_backup_and_an_upgrade_leave_room_and_a_save_does_not() {
    let (directory, db) = seeded(20);
    let folder = tempdir().unwrap();
    let dir = folder.path().to_str().unwrap();
    let server = Server::start_with(&db, &["--keep-free", ALL, "--backup-dir", dir, "--backup-every", "1s"]);
    let log = || fs::read_to_string(&server.log).unwrap();
    until("a failure", || log().contains("a backup failed why=\"cannot back up to ") && log().contains(MUST_STAY));
    let names = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert!(names.into_iter().all(|name| name == "patron-erasures.txt"));
    server.signal("USR1");
    until("that it is saved", || log().contains("what is open is saved and verified"));
    drop(server);
    drop(directory);

    let (_directory, db) = old(6);
    let said = String::from_utf8_lossy(&run(&db, &["upgrade", "--yes", "--keep-free", ALL]).stderr).into_owned();
    assert!(said.contains("there is no room for a copy beside the database"), "{said}");
    assert!(run(&db, &["upgrade", "--yes"]).status.success());
}

#[tokio::test]
async fn the_console_refuses_an_upload_and_an_import_without_room() {
    let world = World::keeping_free(KeepFree::Bytes(u64::MAX / 2));
    let editor = world.staff(Role::Editor).await;
    let is_refused = |answer: &Answer| {
        answer.status == StatusCode::SERVICE_UNAVAILABLE
            && answer.body.contains("The database has no room for it: ")
            && answer.body.contains("Nothing of it was written; make room, or lower --keep-free.")
    };
    let answer = upload(&editor, "test", "customers.csv", csv(50).as_bytes()).await;
    assert!(is_refused(&answer) && answer.header("retry-after").is_some(), "{answer}");
    assert!(world.services.imports.list(&caller(), None, 9).await.unwrap().is_empty());

    // Received while there was room.
    let number = received(&beside(&world.db()), &csv(50), &[Work::Rehearse]).await;
    let answer = editor.post(&format!("/test/imports/{number}/apply"), &[]).await;
    assert!(is_refused(&answer), "{answer}");
    let import = world.services.imports.find(&caller(), number).await.unwrap();
    assert_eq!(import.state, ImportState::Rehearsed, "it can be applied later, or discarded");
    let api = world.key(Mode::Test).await;
    api.create(r#"{"name":"Edits Go On"}"#).await;
}

#[tokio::test]
async fn an_upload_that_begins_with_room_and_ends_without_leaves_no_row() {
    let Some(disk) = Disk::of_memory("32m") else { return };
    let keep = KeepFree::Bytes(12 << 20);
    let services = Services::keeping_free(Store::open(&disk.db(), Use::Serve).unwrap(), Ambient::of_system(), keep);
    let mut receiving = services.imports.receive(&caller(), "customers.csv", None);
    let file = csv(200_000);
    let mut pieces = file.as_bytes().chunks(64 << 10);
    let refused = loop {
        let piece = pieces.next().expect("all of it fits");
        if let Err(refused) = receiving.push(piece).await {
            break refused;
        }
    };
    assert!(matches!(refused, NotImported::Refused(Refused::NoRoom(_))), "{refused:?}");
    assert!(services.imports.list(&caller(), None, 9).await.unwrap().is_empty());
    while services.imports.tidy().await.unwrap() {}
    assert!(disk.path().join("patron.db-wal").metadata().unwrap().len() <= 4 << 20, "the log is truncated");
    let free = patron::store::Disk::of(disk.path()).unwrap().free;
    assert!(free >= 11 << 20, "{free}: it stopped at once");
    services.close();
    drop(services);
    // What was received and deleted is room within the file.
    let output = run(&disk.db(), &["seed", "--count", "1000", "--keep-free", "0"]);
    assert!(output.status.success(), "{output:?}");
    assert!(run(&disk.db(), &["check"]).status.success());
}

#[test]
fn on_a_full_disk_discard_and_erase_work_while_edits_wait() {
    for disk in [Disk::of_memory("64m"), Disk::of_ext4(64 << 20)].into_iter().flatten() {
        on_a_full_disk(&disk);
    }
}

fn on_a_full_disk(disk: &Disk) {
    let logs = tempdir().unwrap();
    let server = disk.attempt(logs.path()).unwrap();
    let client = Client::new(&server, &disk.db());
    let reserve = disk.path().join("patron.db-reserve");
    let set_aside = || reserve.metadata().map_or(0, |found| found.blocks() * 512);
    assert!(set_aside() >= 16 << 20 && reserve.metadata().unwrap().mode() & 0o777 == 0o600);
    let ids = [client.create(r#"{"name":"To Be Erased"}"#), client.create(r#"{"name":"To Be Edited"}"#)];
    let number = block_on(async {
        let services = Services::keeping_free(
            Store::open(&disk.db(), Use::Fill).unwrap(),
            Ambient::of_system(),
            KeepFree::Bytes(0),
        );
        let number = received(&services, &csv(3_000), &[Work::Rehearse]).await;
        services.close();
        number
    });
    let doctor = |words: &str| {
        let said = String::from_utf8(run(&disk.db(), &["doctor", "--quick"]).stdout).unwrap();
        assert!(said.contains(words), "{said}");
    };
    doctor("a reserve of 16 MB for a full disk");

    disk.fill(Some(&server), 0);
    let count = Cell::new(0);
    let edit = || {
        count.set(count.get() + 1);
        let notes = format!(r#"{{"notes":{{"a":"{}{}"}}}}"#, "x".repeat(200), count.get());
        server.ask("PUT", &format!("/{}", ids[1]), &client, &notes)
    };
    until("a full disk", || edit().starts_with("HTTP/1.1 503 "));
    let answer = edit();
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("\r\nretry-after: "), "{answer}");
    assert!(set_aside() >= 16 << 20, "edits do not use the reserve");

    let discarded = run(&disk.db(), &["import", "discard", &number.to_string()]);
    assert!(discarded.status.success(), "{discarded:?}");
    let erased = run(&disk.db(), &["customer", "erase", &ids[0], "--yes"]);
    assert!(erased.status.success(), "{erased:?}");
    assert_eq!(client.get(&format!("/{}", ids[0])).unwrap().0, 400);
    assert!(listed(&disk.db()).starts_with("Nothing was imported"));
    until("the reserve", || set_aside() >= 12 << 20);
    assert_eq!(client.get("?count=5").unwrap().0, 200, "reads go on");

    disk.free(Some(&server));
    until("an edit", || edit().starts_with("HTTP/1.1 200 "));
    until("all of the reserve", || set_aside() >= 16 << 20);
    doctor("a reserve of 16 MB for a full disk");
    assert_eq!(server.stop(), Some(0));
    assert!(run(&disk.db(), &["check"]).status.success());
}

#[test]
fn on_a_full_disk_the_server_discards_and_erases_itself() {
    let Some(disk) = Disk::of_memory("64m") else { return };
    let logs = tempdir().unwrap();
    let server = disk.attempt(logs.path()).unwrap();
    let client = Client::new(&server, &disk.db());
    let id = client.create(r#"{"name":"To Be Erased"}"#);
    server.stop();
    let services =
        Services::keeping_free(Store::open(&disk.db(), Use::Serve).unwrap(), Ambient::of_system(), KeepFree::Bytes(0));
    block_on(async {
        let number = received(&services, &csv(3_000), &[Work::Rehearse]).await;
        services.start().unwrap();
        disk.fill(None, 0);
        let erased = patron::domain::CustomerId::parse(&id).unwrap();
        services.imports.discard(&caller(), number).await.unwrap();
        while services.imports.tidy().await.unwrap() {}
        services.erasures.erase(&caller(), &erased).await.unwrap();
        assert!(services.imports.list(&caller(), None, 9).await.unwrap().is_empty());
    });
    let reserve = disk.path().join("patron.db-reserve");
    assert!(reserve.metadata().unwrap().len() >= 12 << 20, "it is set aside again");
    disk.free(None);
    services.close();
}

#[test]
fn work_that_waits_for_room_says_so_gives_up_and_can_be_resumed() {
    let (_directory, db) = seeded(5);
    let number = block_on(async {
        let services = beside(&db);
        let number = received(&services, &csv(300), &[Work::Rehearse, Work::Apply]).await;
        services.close();
        number.to_string()
    });
    let output = run(&db, &["import", "resume", &number, "--keep-free", ALL, "--wait-for-room", "1s"]);
    let words = said(&output);
    assert_eq!(output.status.code(), Some(1), "{words}");
    let (first, last) = words.trim_end().split_once('\n').unwrap();
    assert!(first.starts_with("There is no room (") && first.contains("waits for at most 1s"), "{first}");
    assert!(last.starts_with(&format!("patron: import {number} waited 1s for room: ")), "{last}");
    assert!(last.contains("what is written stays") && last.ends_with(&format!("patron import resume {number}")));
    assert!(run(&db, &["import", "resume", &number]).status.success());
    assert!(listed(&db).contains(" applied "), "{}", listed(&db));
    let help = String::from_utf8(run(&db, &["import", "--help"]).stdout).unwrap();
    assert!(help.contains("--wait-for-room <TIME>") && help.contains("[default: 5m]"), "{help}");
}

#[tokio::test]
async fn an_import_that_waits_shows_why_on_its_page() {
    let world = World::keeping_free(KeepFree::Bytes(u64::MAX / 2));
    let editor = world.staff(Role::Editor).await;
    let ambient = Ambient::new(|| Duration::from_secs(BEGINNING), |bytes| bytes.fill(7));
    let beside = Services::new(Store::open(&world.db(), Use::Fill).unwrap(), ambient);
    let number = received(&beside, &csv(50), &[Work::Rehearse, Work::Apply]).await;
    world.services.imports.work_behind(&caller(), number);
    for _ in 0..500 {
        let mut page = editor.get(&format!("/test/imports/{number}")).await;
        if let Some((before, words)) = page.body.split_once("There is no room: ") {
            // The figures are those of this machine.
            let (figures, after) = words.split_once(" free, and ").unwrap();
            assert!(figures.starts_with("the disk has ") && after.contains(" must stay free. The import waits"));
            let after = after.split_once(" must").unwrap().1;
            page.body = format!("{before}There is no room: the disk has 63 MB free, and 64 MB must{after}");
            keep("import@waiting", &page);
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it does not say that it waits");
}

#[tokio::test]
async fn a_person_stays_signed_in_on_a_full_disk() {
    let Some(disk) = Disk::of_memory("8m") else { return };
    let world = World::below(disk.path());
    let editor = world.staff(Role::Editor).await;
    let api = world.key(Mode::Test).await;
    let path = api.create(r#"{"name":"Full Disk"}"#).await;
    disk.fill(None, 0);
    let notes = |text: &str| format!(r#"{{"notes":{{"a":"{}"}}}}"#, text.repeat(200));
    for text in ["x", "y"].iter().cycle() {
        let answer = api.put(&path, &notes(text)).await;
        if answer.status == StatusCode::SERVICE_UNAVAILABLE {
            break;
        }
    }
    world.pass(Duration::from_secs(10 * 60));
    let page = editor.get("/test/customers").await;
    assert_eq!(page.status, StatusCode::OK, "{page}");
    let form = [("name", "Nobody"), ("key", ""), ("value", "")];
    let answer = editor.post("/test/customers", &form).await;
    assert_ne!(answer.status, StatusCode::SEE_OTHER, "{answer}");
    disk.free(None);
}
