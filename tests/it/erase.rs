//! Erasing a customer: what goes from the files to the last byte, what stays, and what the rest makes of it. And taking out all
//! that is held before.

use std::fs;
use std::path::Path;
use std::time::Duration;

use patron::domain::{CustomerId, Mode, Role};
use patron::service::{Caller, Refused, Schedule, Seed};
use serde_json::Value;
use tempfile::tempdir;

use crate::backup::{backup, refusal, seeded};
use crate::schedule::{turn, until};
use crate::server::{Client, Server, run};
use crate::world::{Answer, Person, World, maker};

/// What the record holds at some time or other, each of it nobody else's. The last are parts of words as the search keeps them,
/// which share their first byte with others'.
const VALUES: [&[u8]; 16] = [
    "Ѣѳѵ Жуковѣ".as_bytes(),
    b"Quixhari Zwelithini",
    b"quixhari@first.example",
    b"Second.Quix@Later.example",
    b"second.quix@later.example",
    b"third-quix@now.example",
    b"+27829990001",
    b"+27829990002",
    b"+27829990003",
    b"29QUIXH4369J1PA",
    b"a secret delivery to Quixhari",
    b"quixnotekey",
    b"31415926535897932384626",
    &[0xa3, 0xd1, 0xb3, 0xd1, 0xb5],
    &[0x83, 0xd0, 0xba, 0xd0, 0xbe],
    &[0xbe, 0xd0, 0xb2, 0xd1, 0xa3],
];

/// Which of the values are in a file, with its log; the search's parts of words last.
fn traces(db: &Path) -> Vec<String> {
    let mut bytes = fs::read(db).unwrap();
    bytes.extend(fs::read(db.with_extension("db-wal")).unwrap_or_default());
    let in_bytes = |value: &&[u8]| bytes.windows(value.len()).any(|window| window == *value);
    VALUES.into_iter().filter(in_bytes).map(|value| String::from_utf8_lossy(value).into_owned()).collect()
}

/// Whether the search has every edit, and no erasure waits for the sweep.
pub fn at_rest(db: &Path) -> bool {
    let connection = rusqlite::Connection::open(db).unwrap();
    let sql = "SELECT (SELECT coalesce(max(number), 0) FROM revisions) <= revision AND
        NOT EXISTS (SELECT 1 FROM erasures WHERE swept = 0) FROM search_mark";
    connection.query_row(sql, [], |row| row.get(0)).unwrap()
}

/// A customer who had all the values, one after the other, amid many others who move the rows of pages about.
fn quixhari(client: &Client, db: &Path) -> String {
    let id = client.create(
        r#"{"name":"Quixhari Zwelithini","email":"quixhari@first.example","contact":"+27829990001","gstin":"29QUIXH4369J1PA",
            "notes":{"quixnotekey":"a secret delivery to Quixhari","n":31415926535897932384626}}"#,
    );
    let edit = |json: &str| assert_eq!(client.put(&id, json).unwrap().0, 200, "{json}");
    let fed = || until("the search to be fed", || at_rest(db));
    fed();
    edit(r#"{"name":"Ѣѳѵ Жуковѣ","email":"Second.Quix@Later.example","contact":"+27829990002"}"#);
    fed();
    let others: Vec<String> = (0..60)
        .map(|number| {
            let long = "x".repeat(10 + number * 37 % 240);
            client.create(&format!(
                r#"{{"name":"Other {number}","email":"o{number}@else.example","notes":{{"n":"{long}"}}}}"#
            ))
        })
        .collect();
    edit(r#"{"gstin":null,"notes":{}}"#);
    for (number, other) in others.iter().enumerate() {
        let long = "y".repeat(10 + number * 53 % 240);
        client.put(other, &format!(r#"{{"email":"{number}-o@other.example","notes":{{"n":"{long}"}}}}"#)).unwrap();
    }
    edit(r#"{"name":"Anybody","email":"third-quix@now.example","contact":"+27829990003"}"#);
    fed();
    id
}

fn erase(db: &Path, id: &str) -> String {
    let erased = run(db, &["customer", "erase", id, "--yes"]);
    assert!(erased.status.success(), "{erased:?}");
    String::from_utf8(erased.stdout).unwrap()
}

fn is_whole(db: &Path) -> String {
    let checked = run(db, &["check"]);
    assert!(checked.status.success(), "{checked:?}");
    String::from_utf8(checked.stdout).unwrap()
}

#[test]
fn beside_a_server_every_byte_goes_and_the_api_knows_nobody() {
    let (_directory, db) = seeded(300);
    let folder = tempdir().unwrap();
    let scheduled = ["--backup-dir", folder.path().to_str().unwrap(), "--backup-every", "1h", "--backup-keep", "3"];
    let server = Server::start_with(&db, &scheduled);
    let client = Client::new(&server, &db);
    let id = quixhari(&client, &db);
    assert!(traces(&db).len() >= VALUES.len() - 3, "nothing is tried here: {:?}", traces(&db));
    let exported: Value = serde_json::from_slice(&run(&db, &["customer", "export", &id]).stdout).unwrap();
    assert_eq!(exported["revisions"].as_array().unwrap().len(), 4);

    let said = erase(&db, &id);
    assert!(said.contains("Nothing of it is left in the database and its log."), "{said}");
    assert_eq!(traces(&db), Vec::<String>::new());
    let does_not_exist = |(status, body): (u16, Value)| {
        assert_eq!((status, body["error"]["description"].as_str()), (400, Some("The id provided does not exist")));
    };
    does_not_exist(client.get(&format!("/{id}")).unwrap());
    does_not_exist(client.get(&format!("/{id}/revisions")).unwrap());
    does_not_exist(client.put(&id, r#"{"name":"Back Again"}"#).unwrap());
    let pair = client.post(r#"{"name":"New","email":"third-quix@now.example","contact":"+27829990003"}"#).unwrap();
    assert_eq!(pair.0, 200, "the pair is free: {}", pair.1);
    let again = run(&db, &["customer", "erase", pair.1["id"].as_str().unwrap(), "--yes"]);
    assert!(again.status.success(), "{again:?}");
    assert_eq!(traces(&db), Vec::<String>::new());
    assert!(refusal(&run(&db, &["customer", "erase", &id, "--yes"])).contains("was erased 20"));
    assert!(refusal(&run(&db, &["customer", "export", &id])).contains("was erased 20"));

    // The first backup is made within a second or two of the start; one by hand comes after.
    until("a backup on time", || fs::read_dir(folder.path()).unwrap().count() >= 2);
    let after = folder.path().join("by-hand.db");
    assert!(backup(&db, &after).status.success());
    assert_eq!(traces(&after), Vec::<String>::new());
    assert!(is_whole(&db).contains("is whole: 360 customers"));
    assert_eq!(server.stop(), Some(0));
    assert_eq!(traces(&db), Vec::<String>::new());
    let kept = fs::read_to_string(folder.path().join("patron-erasures.txt")).unwrap();
    assert!(kept.contains(&id) && kept.lines().count() == 3 && !kept.contains("uix"), "{kept}");
    // As after a power cut between the database and the file: a start sees to it.
    fs::write(folder.path().join("patron-erasures.txt"), "").unwrap();
    let server = Server::start_with(&db, &scheduled);
    until("the file to be whole", || {
        fs::read_to_string(folder.path().join("patron-erasures.txt")).is_ok_and(|again| again == kept)
    });
    assert_eq!(server.stop(), Some(0));
    let log = fs::read_to_string(db.with_extension("log")).unwrap();
    assert!(!log.contains("uixhari") && !log.contains("2782999"), "{log}");
}

#[test]
fn without_a_server_the_command_does_it_all() {
    let (_directory, db) = seeded(50);
    let server = Server::start(&db);
    let id = quixhari(&Client::new(&server, &db), &db);
    server.kill();
    assert!(refusal(&run(&db, &["customer", "erase", &id])).contains("say so with --yes; nothing was changed"));
    assert!(
        refusal(&run(&db, &["customer", "erase", "cust_1Aa00000000004", "--yes"])).contains("there is no customer")
    );
    assert_eq!(run(&db, &["customer", "erase", "somebody", "--yes"]).status.code(), Some(2));
    assert!(erase(&db, &id).contains("Nothing of it is left"));
    assert_eq!(traces(&db), Vec::<String>::new());
    assert!(is_whole(&db).contains("is whole: 110 customers"));
    // Seeded customers come by the same ids again: who is erased does not.
    let listed = rusqlite::Connection::open(&db).unwrap();
    let seeded: String =
        listed.query_row("SELECT min(id) FROM customers WHERE name <> 'Other'", [], |row| row.get(0)).unwrap();
    drop(listed);
    erase(&db, &seeded);
    let again = run(&db, &["seed", "--count", "50"]);
    assert!(String::from_utf8(again.stdout).unwrap().contains("0 customers added"), "nobody comes back");
}

#[test]
fn a_file_of_an_older_patron_is_rid_of_what_was_left_in_it_long_ago() {
    let directory = tempdir().unwrap();
    let db = directory.path().join("patron.db");
    let connection = rusqlite::Connection::open(&db).unwrap();
    connection.pragma_update(None, "journal_mode", "wal").unwrap();
    connection.pragma_update(None, "secure_delete", false).unwrap();
    connection.execute_batch(include_str!("../upgrade/2.sql")).unwrap();
    connection.pragma_update(None, "application_id", 0x5074_726e).unwrap();
    connection.pragma_update(None, "user_version", 2).unwrap();
    // What stood in the file before: values that are in no row any more, on pages that are free and between rows that are not.
    let junk = "Quixhari Zwelithini, quixhari@first.example, +27829990001. ".repeat(3);
    connection.execute_batch("CREATE TABLE gone (text TEXT); CREATE INDEX gone_index ON gone (text)").unwrap();
    for number in 0..400 {
        connection.execute("INSERT INTO gone VALUES (?1 || ?2)", (number * 7_919 % 400, &junk)).unwrap();
        connection
            .execute(
                "INSERT INTO requests SELECT ?1, 0, NULL, 'GET', ?2, NULL, NULL, '', '', 200, 1, NULL, NULL, NULL",
                (number, &junk),
            )
            .unwrap();
    }
    connection.execute_batch("DROP TABLE gone; DELETE FROM requests WHERE number % 3 > 0 AND number < 400; UPDATE requests SET route = ''").unwrap();
    connection.close().unwrap();
    assert_eq!(traces(&db).len(), 3, "nothing is tried here");
    assert!(erase(&db, "cust_U3kvJSkkPO1WOm").contains("Nothing of it is left"));
    assert_eq!(traces(&db), Vec::<String>::new());
    let bytes = fs::read(&db).unwrap();
    for value in ["Gaurav", "gaurav", "\"9123456780", "Pune"] {
        assert!(!bytes.windows(value.len()).any(|window| window == value.as_bytes()), "{value}");
    }
    assert!(is_whole(&db).contains("is whole: 1 customers, 1 revisions"));
}

#[test]
fn killed_right_after_it_the_next_start_goes_on() {
    let (_directory, db) = seeded(2_000);
    let server = Server::start(&db);
    let id = quixhari(&Client::new(&server, &db), &db);
    // A reader keeps the log from being emptied.
    let reader = rusqlite::Connection::open(&db).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM customers").unwrap();
    let erasing = std::thread::spawn({
        let (db, id) = (db.clone(), id.clone());
        move || run(&db, &["customer", "erase", &id, "--yes"])
    });
    until("the erasure", || {
        let connection = rusqlite::Connection::open(&db).unwrap();
        connection.query_row("SELECT count(*) FROM erasures", [], |row| row.get::<_, i64>(0)).unwrap() == 1
    });
    server.kill();
    let erased = erasing.join().unwrap();
    let said = String::from_utf8(erased.stdout).unwrap();
    assert!(said.contains("is erased.") && said.contains("may still hold values"), "{said}");
    assert!(!traces(&db).is_empty());
    reader.execute_batch("COMMIT").unwrap();
    drop(reader);
    let server = Server::start(&db);
    until("the sweep", || at_rest(&db));
    assert_eq!(traces(&db), Vec::<String>::new());
    assert_eq!(server.stop(), Some(0));
    is_whole(&db);
}

#[test]
fn an_erasure_that_did_not_take_all_is_found_by_a_check() {
    for (wrong, words) in [
        ("INSERT INTO customers SELECT * FROM kept", "is erased, and is there"),
        ("UPDATE erasures SET number = 3", "3 is the number of a revision and of an erasure"),
        (
            "INSERT INTO search (rowid, trigrams) VALUES (99, char(0x91, 0x91, unicode('0')))",
            "the index of the search has 1 customers who are not there",
        ),
    ] {
        let (_directory, db) = seeded(5);
        let connection = rusqlite::Connection::open(&db).unwrap();
        connection.execute_batch("CREATE TEMP TABLE kept AS SELECT * FROM customers WHERE number = 2").unwrap();
        let id: String = connection.query_row("SELECT id FROM kept", [], |row| row.get(0)).unwrap();
        erase(&db, &id);
        is_whole(&db);
        connection.execute_batch(wrong).unwrap();
        connection.close().unwrap();
        let checked = run(&db, &["check"]);
        assert!(refusal(&checked).contains("is damaged"), "{wrong}");
        assert!(String::from_utf8_lossy(&checked.stdout).contains(words), "{wrong}: {checked:?}");
    }
}

fn restore(db: &Path, arguments: &[&str]) -> String {
    let restored = run(db, &[&["restore"], arguments].concat());
    assert!(restored.status.success(), "{restored:?}");
    String::from_utf8(restored.stdout).unwrap()
}

#[test]
fn a_restored_backup_brings_nobody_back() {
    let (directory, db) = seeded(40);
    let folder = tempdir().unwrap();
    let scheduled = ["--backup-dir", folder.path().to_str().unwrap()];
    let server = Server::start_with(&db, &scheduled);
    let id = quixhari(&Client::new(&server, &db), &db);
    let before = folder.path().join("patron-20260101T000000Z.db");
    assert!(backup(&db, &before).status.success());
    let said = erase(&db, &id);
    assert!(said.contains(&format!("{}, until about ", before.canonicalize().unwrap().display())), "{said}");
    assert_eq!(server.stop(), Some(0));
    assert!(!traces(&before).is_empty());

    let again = "Of 1 customers that are known to be erased the backup had 1, erased again.";
    let is_gone = |db: &Path| {
        assert_eq!(traces(db), Vec::<String>::new(), "{}", db.display());
        assert!(refusal(&run(db, &["customer", "export", &id])).contains("was erased 20"));
        is_whole(db);
    };
    let said = restore(&db, &[before.to_str().unwrap()]);
    assert!(said.contains(again), "{said}");
    is_gone(&db);
    // The database is lost: the file beside the backups knows.
    let new = directory.path().join("elsewhere.db");
    assert!(restore(&new, &[before.to_str().unwrap()]).contains(again));
    is_gone(&new);
    // The backup was carried elsewhere without that file: it is said, and the file can be named.
    let carried = directory.path().join("carried.db");
    fs::copy(&before, &carried).unwrap();
    let third = directory.path().join("third.db");
    assert!(restore(&third, &[carried.to_str().unwrap()]).contains("No erasure is known of"));
    assert!(!traces(&third).is_empty());
    let list = folder.path().join("patron-erasures.txt");
    let fourth = directory.path().join("fourth.db");
    assert!(restore(&fourth, &[carried.to_str().unwrap(), "--erasures", list.to_str().unwrap()]).contains(again));
    is_gone(&fourth);

    fs::write(&list, "something else\n").unwrap();
    let fifth = directory.path().join("fifth.db");
    let refused = refusal(&run(&fifth, &["restore", before.to_str().unwrap()]));
    assert!(refused.contains("line 1 of") && refused.contains("--erasures"), "{refused}");
    assert!(!fifth.exists());
    assert!(
        refusal(&run(&fifth, &["restore", before.to_str().unwrap(), "--erasures", "/none"])).contains("no file /none")
    );
}

/// A world with a directory of backups, in which one is made now.
async fn with_backup(world: &World, folder: &Path) {
    let schedule = Schedule { folder: folder.to_owned(), every: Duration::from_secs(3_600), keep: 24 };
    world.services.erasures.note_schedule(Some(&schedule)).await.unwrap();
    turn(world, schedule);
}

fn id_of(path: &str) -> &str {
    path.rsplit('/').next().unwrap()
}

async fn erase_in_console(owner: &Person<'_>, page: &str) -> Answer {
    owner.post(&format!("{page}/erase"), &[("confirm", id_of(page))]).await
}

#[tokio::test]
async fn owners_take_out_all_that_is_held() {
    let world = World::new();
    let (app, owner) = (world.key(Mode::Live).await, world.staff(Role::Owner).await);
    let path = app.create(r#"{"name":"Meera","notes":{"n":1.50}}"#).await;
    app.put(&path, r#"{"name":"Meera N","email":"meera@kaveri.example"}"#).await;
    app.put(&path, r#"{"name":"x"}"#).await;
    world.services.flush().await;
    let page = path.replace("/v1", "/live");
    let file = owner.get(&format!("{page}/export")).await;
    assert_eq!(file.header("content-disposition").unwrap(), format!("attachment; filename=\"{}.json\"", id_of(&path)));
    assert_eq!(file.header("cache-control"), Some("no-store"));
    let json = file.json();
    assert_eq!(json["customer"], app.get(&path).await.json(), "the record as the API shows it");
    assert_eq!(json["revisions"], app.get(&format!("{path}/revisions")).await.json()["items"]);
    assert!(file.body.contains("1.50"), "numbers as they were sent");
    let requests = json["requests"].as_array().unwrap();
    assert_eq!(requests.iter().map(|request| &request["status"]).collect::<Vec<_>>(), [400, 200, 200]);
    assert_eq!(requests[0]["rule"], "The name format is invalid.");
    assert_eq!((&json["exported_by"]["label"], &json["mode"]), (&"owner@kaveri.example".into(), &"live".into()));
    assert_eq!(owner.get(&format!("{}/export", page.replace("live", "test"))).await.status, 404);
}

#[tokio::test]
async fn an_owner_types_the_id_and_the_customer_is_gone_from_everywhere() {
    let world = World::new();
    let folder = tempdir().unwrap();
    let (app, owner, editor) =
        (world.key(Mode::Live).await, world.staff(Role::Owner).await, world.staff(Role::Editor).await);
    let path = app.create(r#"{"name":"Meera Nair","email":"meera@kaveri.example"}"#).await;
    app.create(r#"{"name":"Rohan"}"#).await;
    app.put(&path, r#"{"name":"Meera N"}"#).await;
    world.services.flush().await;
    with_backup(&world, folder.path()).await;
    world.pass(Duration::from_secs(60));
    let page = path.replace("/v1", "/live");

    let asked = owner.get(&format!("{page}/erase")).await;
    assert!(asked.body.contains("2 revisions") && asked.body.contains("2 remembered requests"), "{asked}");
    assert!(asked.body.contains("patron-20200218T134851Z.db</code> holds the values until about"), "{asked}");
    let wrong = owner.post(&format!("{page}/erase"), &[("confirm", "Meera")]).await;
    assert_eq!(wrong.status, 422);
    assert!(wrong.body.contains("Type the id exactly as it stands above."), "{wrong}");
    assert_eq!(app.get(&path).await.status, 200);
    // Somebody has the form of the record open meanwhile.
    let etag = app.get(&path).await.header("etag").unwrap().to_owned();

    assert_eq!(erase_in_console(&owner, &page).await.location(), page);
    let gone = owner.get(&page).await;
    assert_eq!(gone.status, 410);
    assert!(gone.body.contains("18 Feb 2020 13:49 UTC</time> by owner@kaveri.example"), "{gone}");
    assert!(gone.body.contains("holds the values until about"), "{gone}");
    let gone = editor.get(&page).await;
    assert!(gone.status == 410 && !gone.body.contains("patron-2020"), "files are for owners: {gone}");
    for (rest, form) in
        [("", vec![("revision", "2"), ("name", "Back")]), ("/undo", vec![("version", "2"), ("seen", "2")])]
    {
        let answer = editor.post(&format!("{page}{rest}"), &form).await;
        assert!(answer.status == 410 && answer.body.contains("owner@kaveri.example erased this customer"), "{answer}");
    }
    assert_eq!(erase_in_console(&owner, &page).await.status, 410);
    assert_eq!(owner.get(&format!("{page}/export")).await.status, 410);
    let other_mode = owner.get(&page.replace("live", "test")).await;
    assert_eq!(other_mode.status, 404, "it was no test customer: {other_mode}");

    let known = [("if-none-match", etag.as_str())];
    let request = actix_web::test::TestRequest::get().uri(&path).insert_header(known[0]);
    assert_eq!(app.send(request).await.description(), "The id provided does not exist");
    assert_eq!(app.get("/v1/customers").await.json()["count"], 1);
    assert!(!editor.get("/live/customers?q=meera").await.body.contains("Meera"));
    let activity = editor.get("/live/activity").await;
    assert!(activity.body.contains("</b> erased <a href=") && !activity.body.contains("Meera"), "{activity}");
    assert!(!editor.get("/live/activity?door=api").await.body.contains("> erased <"));
    world.services.flush().await;
    let home = editor.get("/live").await;
    assert!(home.body.contains(r#"<p class="figure">1</p>"#), "{home}");
    let requests = owner.get("/live/requests").await;
    assert!(!requests.body.contains(id_of(&path)), "{requests}");
    let checked = world.services.check(|_| ()).await.unwrap();
    assert_eq!((checked.customers, checked.faults), (1, Vec::new()));
    let kept = fs::read_to_string(folder.path().join("patron-erasures.txt")).unwrap();
    assert!(kept.contains(id_of(&path)) && !kept.contains('@'), "{kept}");
}

#[tokio::test]
async fn where_the_directory_of_backups_is_not_there_nothing_is_erased() {
    let world = World::new();
    let folder = tempdir().unwrap();
    let (app, owner) = (world.key(Mode::Live).await, world.staff(Role::Owner).await);
    let path = app.create(r#"{"name":"Meera"}"#).await;
    let page = path.replace("/v1", "/live");
    with_backup(&world, folder.path()).await;
    let away = folder.path().with_extension("away");
    fs::rename(folder.path(), &away).unwrap();
    let refused = erase_in_console(&owner, &page).await;
    assert_eq!(refused.status, 503);
    assert!(refused.body.contains("Nothing was erased") && refused.body.contains("mount what it is on"), "{refused}");
    assert_eq!(app.get(&path).await.status, 200);
    fs::rename(&away, folder.path()).unwrap();
    erase_in_console(&owner, &page).await.location();

    // The file goes, and comes back with all that it should have.
    let list = folder.path().join("patron-erasures.txt");
    fs::remove_file(&list).unwrap();
    assert!(owner.get(&page).await.body.contains("does not stand in the file beside them yet"));
    world.pass(Duration::from_secs(3_600));
    let schedule = Schedule { folder: folder.path().to_owned(), every: Duration::from_secs(3_600), keep: 24 };
    turn(&world, schedule);
    assert!(fs::read_to_string(&list).unwrap().contains(id_of(&path)));
    let owner = world.staff(Role::Owner).await;
    assert!(!owner.get(&page).await.body.contains("does not stand"));

    // A server that makes none any more does not wait for a directory that is gone for good.
    world.services.erasures.note_schedule(None).await.unwrap();
    fs::remove_dir_all(folder.path()).unwrap();
    let page = app.create(r#"{"name":"Meera"}"#).await.replace("/v1", "/live");
    erase_in_console(&owner, &page).await.location();
    assert_eq!(owner.get(&page).await.status, 410);
}

#[tokio::test]
async fn while_somebody_reads_what_is_older_the_page_says_so() {
    let world = World::new();
    let (app, owner) = (world.key(Mode::Live).await, world.staff(Role::Owner).await);
    let path = app.create(r#"{"name":"Quixhari Zwelithini"}"#).await;
    let page = path.replace("/v1", "/live");
    let reader = rusqlite::Connection::open(world.db()).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM customers").unwrap();
    erase_in_console(&owner, &page).await.location();
    assert!(owner.get(&page).await.body.contains("Its files may still hold values"));
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(owner.get(&page).await.body.contains("Its files may still hold values"));
    assert_eq!(traces(&world.db()), ["Quixhari Zwelithini"]);
    // A backup made meanwhile has nothing of it, nor need it be erased from that again.
    let copy = world.db().with_file_name("copy.db");
    std::thread::scope(|scope| scope.spawn(|| world.services.backups.make(&copy, |_| {}).unwrap()).join().unwrap());
    assert_eq!(traces(&copy), Vec::<String>::new());
    reader.execute_batch("COMMIT").unwrap();
    until("the sweep", || at_rest(&world.db()));
    assert!(owner.get(&page).await.body.contains("Nothing of the values is left in its files"));
    assert_eq!(traces(&world.db()), Vec::<String>::new());
}

fn live() -> Caller {
    Caller { mode: Mode::Live, actor: maker(), request_id: None, request: None, grant: None }
}

#[tokio::test]
async fn counts_and_lists_are_right_whatever_was_counted_before() {
    let world = World::unfed();
    let seed = Seed { mode: Mode::Live, count: 2_500, seed: 3 };
    world.services.seed(seed, |_| ()).await.unwrap();
    let newest = |count| patron::domain::Slice { count, skip: 0 };
    let list = world.services.customers.list(&live(), Default::default(), newest(10)).await.unwrap();
    let counted = async || {
        world.services.flush().await;
        world.services.house.counts().unwrap().of(Mode::Live).customers
    };
    // Before anything is counted, and after.
    world.services.erasures.erase(&live(), &list[0].id).await.unwrap();
    assert_eq!(counted().await, 2_499);
    world.services.erasures.erase(&live(), &list[4].id).await.unwrap();
    assert_eq!(counted().await, 2_498);
    let deep = patron::domain::Slice { count: 1, skip: 2_497 };
    assert_eq!(world.services.customers.list(&live(), Default::default(), deep).await.unwrap().len(), 1);
    while world.services.feed_search(500).await.unwrap() {}
    // The newest revision of all is gone: what comes next is fed and counted all the same.
    let app = world.key(Mode::Live).await;
    app.create(r#"{"name":"Zebulon"}"#).await;
    while world.services.feed_search(500).await.unwrap() {}
    assert_eq!(counted().await, 2_499);
    let owner = world.staff(Role::Owner).await;
    assert!(owner.get("/live/customers?q=zebulon").await.body.contains("Zebulon"));
    let checked = world.services.check(|_| ()).await.unwrap();
    assert_eq!((checked.customers, checked.faults), (2_499, Vec::new()));
}

#[tokio::test]
async fn a_request_that_waited_does_not_name_who_is_gone() {
    let world = World::new();
    let app = world.key(Mode::Live).await;
    let path = app.create(r#"{"name":"Meera"}"#).await;
    let id = CustomerId::parse(id_of(&path)).unwrap();
    world.services.erasures.erase(&live(), &id).await.unwrap();
    app.put(&path, r#"{"name":"Back"}"#).await;
    world.services.flush().await;
    let connection = rusqlite::Connection::open(world.db()).unwrap();
    let named: (i64, i64) =
        connection.query_row("SELECT count(*), count(customer) FROM requests", [], |row| row.try_into()).unwrap();
    assert_eq!(named, (2, 0));
    assert!(matches!(
        world.services.erasures.erase(&live(), &id).await,
        Err(patron::service::NotErased::Refused(Refused::NotFound))
    ));
}

#[tokio::test]
async fn edits_and_searches_that_race_with_it_come_to_an_end_that_is_whole() {
    let world = World::new();
    let app = world.key(Mode::Live).await;
    for round in 0..8 {
        let path = app.create(&format!(r#"{{"name":"Racer {round}"}}"#)).await;
        let id = CustomerId::parse(id_of(&path)).unwrap();
        let edits = async {
            let mut answers = Vec::new();
            for number in 0..30 {
                answers.push(app.put(&path, &format!(r#"{{"notes":{{"n":{number}}}}}"#)).await.status.as_u16());
            }
            answers
        };
        let reads = async {
            for _ in 0..30 {
                let answer = app.get(&format!("{path}/revisions")).await;
                assert!(answer.status == 200 || answer.description() == "The id provided does not exist", "{answer}");
                tokio::task::yield_now().await;
            }
        };
        let erased = async {
            for _ in 0..round * 3 {
                tokio::task::yield_now().await;
            }
            world.services.erasures.erase(&live(), &id).await
        };
        let (answers, (), erased) = tokio::join!(edits, reads, erased);
        erased.unwrap();
        let first_refused = answers.iter().position(|status| *status == 400).unwrap_or(30);
        assert!(answers[..first_refused].iter().all(|status| *status == 200), "{answers:?}");
        assert!(answers[first_refused..].iter().all(|status| *status == 400), "{answers:?}");
    }
    until("the sweep", || at_rest(&world.db()));
    let checked = world.services.check(|_| ()).await.unwrap();
    assert_eq!((checked.customers, checked.revisions, checked.faults), (0, 0, Vec::new()));
}

#[test]
fn a_fifo_called_like_a_copy_delays_nothing() {
    let (directory, db) = crate::backup::seeded(3);
    let at = |name: &str| directory.path().join(name);
    let by_hand = at("by-hand.db");
    assert!(crate::backup::backup(&db, &by_hand).status.success());
    fs::remove_file(&by_hand).unwrap();
    let copy = "patron.db.before-upgrade-20200102T000000Z";
    fs::copy(&db, at(copy)).unwrap();
    crate::output_files::fifo(&by_hand);
    for kind in ["before-restore", "saved", "before-upgrade"] {
        crate::output_files::fifo(&at(&format!("patron.db.{kind}-20200101T000000Z")));
    }
    let list = String::from_utf8(run(&db, &["export", "--mode", "test", "--format", "jsonl"]).stdout).unwrap();
    let start = list.find("cust_").unwrap();
    let erased = crate::server::run_bounded(&db, &["customer", "erase", &list[start..start + 19], "--yes"]);
    let said = String::from_utf8_lossy(&erased.stdout).into_owned();
    assert!(erased.status.success(), "{erased:?}");
    assert!(said.contains(copy) && !said.contains("20200101T000000Z") && !said.contains("by-hand"), "{said}");
    assert!(!at(&format!("{copy}-shm")).exists() && !at(&format!("{copy}-wal")).exists());
}
