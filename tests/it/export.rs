//! Customers as a file: by the command, and from the list at the console.

use std::fs::{read_to_string, write};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Output;
use std::time::{Duration, Instant};

use patron::domain::{Mode, Role};
use patron::rows::{Mapping, Reader, Row};

use crate::server::{Client, Server, patron, run};
use crate::world::{PASSWORD, World};

fn text(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn refusal(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    String::from_utf8_lossy(&output.stderr).trim_end().to_owned()
}

/// The rows of a file, none of them unread, and what its columns seem to be.
fn rows(file: &str) -> (Vec<Row>, Mapping) {
    let mut reader = Reader::new(None);
    let mut rows = reader.push(file.as_bytes()).unwrap();
    rows.extend(reader.finish().unwrap());
    (rows.into_iter().map(Result::unwrap).collect(), Mapping::guess(reader.columns()))
}

fn ids(file: &str) -> Vec<String> {
    let (rows, mapping) = rows(file);
    rows.iter().map(|row| mapping.read(row).unwrap().id.unwrap().as_str().to_owned()).collect()
}

#[test]
fn the_command_writes_every_customer_once_newest_first() {
    let directory = tempfile::tempdir().unwrap();
    let db = directory.path().join("patron.db");
    // More than are read at a time.
    text(&run(&db, &["seed", "--count", "1250", "--mode", "test"]));
    let server = Server::start(&db);
    let client = Client::new(&server, &db);
    client.create(r#"{"name":"Zubin Mistry","contact":"+919876543210","notes":{"a":"1,\"2\"","b":1.50}}"#);

    let jsonl = text(&run(&db, &["export", "--mode", "test", "--format", "jsonl"]));
    let mut listed = String::new();
    for skip in (0..1_300).step_by(100) {
        // By the byte, since parsing would lose how numbers are written.
        let page = server.ask("GET", &format!("?count=100&skip={skip}"), &client, "");
        let items = page.split_once("\"items\":[").unwrap().1.strip_suffix("]}").unwrap().to_owned();
        if !items.is_empty() {
            listed += &(items.replace("},{\"id\":\"cust_", "}\n{\"id\":\"cust_") + "\n");
        }
    }
    assert_eq!(jsonl, listed);

    let csv = text(&run(&db, &["export", "--mode", "test"]));
    assert!(csv.starts_with("id,name,email,contact,gstin,notes,created_at\r\ncust_"), "{}", &csv[..200]);
    assert!(csv.contains(r#",Zubin Mistry,,+919876543210,,"{""a"":""1,\""2\"""",""b"":1.50}","#), "{}", &csv[..300]);
    assert_eq!((ids(&csv), ids(&csv).len()), (ids(&jsonl), 1_251));
    // Read as an import reads it, whoever it is for, it asks for what is there.
    let safe = text(&run(&db, &["export", "--mode", "test", "--safe-for-spreadsheets"]));
    assert!(safe.contains(",Zubin Mistry,,'+919876543210,"), "{}", &safe[..300]);
    for file in [&csv, &safe] {
        let ((read, by), (objects, of)) = (rows(file), rows(&jsonl));
        for (row, object) in read.iter().zip(&objects) {
            let (one, other) = (by.read(row).unwrap(), of.read(object).unwrap());
            assert_eq!(format!("{one:?}"), format!("{other:?}"));
        }
    }

    let found = text(&run(&db, &["export", "--mode", "test", "--search", "98765 43210"]));
    assert_eq!(found.lines().count(), 2, "{found}");
    assert_eq!(text(&run(&db, &["export", "--mode", "live"])).lines().count(), 1);
    assert_eq!(text(&run(&db, &["export", "--mode", "live", "--format", "jsonl"])), "");
    let blank = run(&db, &["export", "--mode", "test", "--search", " "]);
    assert_eq!(blank.status.code(), Some(2));
}

#[test]
fn a_file_is_whole_or_not_there() {
    let directory = tempfile::tempdir().unwrap();
    let (db, out) = (directory.path().join("patron.db"), directory.path().join("out.csv"));
    let export = |more: &[&str]| {
        let arguments = ["export", "--mode", "test", "--out", out.to_str().unwrap()];
        run(&db, &[&arguments, more].concat())
    };
    text(&run(&db, &["seed", "--count", "20", "--mode", "test"]));
    let said = export(&[]);
    assert_eq!(text(&said), "");
    assert!(String::from_utf8_lossy(&said.stderr).starts_with("20 test customers are in "), "{said:?}");
    let first = read_to_string(&out).unwrap();
    assert_eq!(first.lines().count(), 21);
    let mode = std::os::unix::fs::PermissionsExt::mode(&out.metadata().unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);

    write(&out, "mine").unwrap();
    assert!(refusal(&export(&[])).ends_with("out.csv is there already; --force replaces it"));
    assert_eq!(read_to_string(&out).unwrap(), "mine");
    text(&export(&["--force"]));
    assert_eq!(read_to_string(&out).unwrap(), first);
    let nowhere = directory.path().join("no/where.csv");
    let failed = refusal(&run(&db, &["export", "--mode", "test", "--out", nowhere.to_str().unwrap()]));
    assert!(failed.starts_with("patron: cannot write ") && failed.contains("no does not exist; make it"), "{failed}");
    let names = std::fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(names.into_iter().all(|name| !name.to_str().unwrap().ends_with(".partial")));

    // Nobody reads on.
    let mut closed =
        patron(&db).args(["export", "--mode", "test"]).stdout(std::process::Stdio::piped()).spawn().unwrap();
    drop(closed.stdout.take());
    assert_eq!(closed.wait().unwrap().code(), Some(1));
}

#[test]
fn no_command_writes_its_file_in_the_place_of_the_database() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    let db = at("customers.partial");
    text(&run(&db, &["seed", "--count", "20", "--mode", "test"]));
    let server = Server::start(&db);
    std::os::unix::fs::symlink(&db, at("link")).unwrap();
    std::fs::hard_link(&db, at("hard")).unwrap();
    write(at("people.csv"), "name\nx\n").unwrap();
    let before = std::fs::read(&db).unwrap();
    let names = [
        "customers.partial",
        "customers.partial-wal",
        "customers.partial-shm",
        "customers.partial.lock",
        "link",
        "hard",
    ];
    for name in names {
        let file = at(name);
        let (file, people) = (file.to_str().unwrap(), at("people.csv"));
        let commands: [&[&str]; 4] = [
            &["export", "--mode", "test", "--force", "--out", file],
            &["import", people.to_str().unwrap(), "--mode", "test", "--yes", "--refused", file],
            &["import", "show", "1", "--refused", file],
            &[
                "pull",
                "--key-secret-stdin",
                "--base-url",
                "http://127.0.0.1:1",
                "--key-id",
                "rzp_test_aaaaaaaaaaaaaa",
                "--report",
                file,
            ],
        ];
        for command in commands {
            let refused = refusal(&run(&db, command));
            assert!(refused.contains("it is the database itself, or what belongs to it"), "{command:?}: {refused}");
        }
    }
    assert_eq!((std::fs::read(&db).unwrap() == before, server.stop()), (true, Some(0)));
    assert!(run(&db, &["check"]).status.success());
    // Neither a name of its own that is free at the moment.
    let journal = at("customers.partial-journal");
    refusal(&run(&db, &["export", "--mode", "test", "--out", journal.to_str().unwrap()]));
    assert!(!journal.exists());
    // The name on the way is no name of the database.
    text(&run(&db, &["export", "--mode", "test", "--out", at("customers").to_str().unwrap()]));
    assert!(run(&db, &["check"]).status.success() && at("customers").is_file());
}

#[tokio::test]
async fn the_list_is_downloaded_as_it_is_shown() {
    let world = World::new();
    let app = world.key(Mode::Live).await;
    app.create(r#"{"name":"Ananya","contact":"+919845012370"}"#).await;
    world.pass(Duration::from_secs(2 * 86_400));
    app.create(r#"{"name":"Gaurav Kumar","email":"g@example.com"}"#).await;
    world.key(Mode::Test).await.create(r#"{"name":"Nobody Real"}"#).await;
    let (editor, viewer) = (world.staff(Role::Editor).await, world.staff(Role::Viewer).await);

    let page = editor.get("/live/customers?q=Gaurav").await;
    assert!(page.body.contains("Download all that have Gaurav"), "{page}");
    assert!(!viewer.get("/live/customers").await.body.contains("Download"));
    assert_eq!(viewer.get("/live/customers/download").await.status, 403);

    let csv = editor.get("/live/customers/download?format=csv").await;
    assert_eq!(csv.header("content-type"), Some("text/csv; charset=utf-8"));
    assert_eq!(csv.header("content-disposition"), Some("attachment; filename=\"customers-live-2020-02-20.csv\""));
    assert_eq!(csv.header("cache-control"), Some("no-store"));
    let lines: Vec<&str> = csv.body.lines().collect();
    assert_eq!(lines.len(), 3);
    assert!(lines[1].contains(",Gaurav Kumar,g@example.com,,,,1582206531"), "{}", lines[1]);
    assert!(lines[2].contains(",Ananya,,+919845012370,,,1582033731"), "{}", lines[2]);

    let get = async |query: &str| editor.get(&format!("/live/customers/download?{query}")).await.body;
    assert!(get("format=spreadsheet").await.contains(",Ananya,,'+919845012370,"));
    assert!(get("").await.starts_with('\u{feff}'));
    let objects = get("format=jsonl&q=gaurav").await;
    let listed = app.get("/v1/customers?count=1").await;
    assert_eq!(Some(objects.trim_end()), listed.between("\"items\":[", "]}"));
    assert_eq!(get("format=csv&from=2020-02-19&to=2020-02-20").await.lines().count(), 2);
    assert_eq!(get("format=csv&q=nowhere-to-be-found").await.lines().count(), 1);
    assert_eq!(get("format=jsonl&q=nowhere-to-be-found").await, "");
}

/// The cookie of an editor who signs in.
fn signed_in(server: &Server, db: &Path) -> String {
    let mut add = patron(db);
    add.args(["staff", "add", "meera@kaveri.example", "--role", "editor", "--password-stdin"]);
    let mut add = add.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::null()).spawn().unwrap();
    add.stdin.take().unwrap().write_all(PASSWORD.as_bytes()).unwrap();
    assert!(add.wait().unwrap().success());
    let form = format!("email=meera%40kaveri.example&password={}", PASSWORD.replace(' ', "+"));
    let head =
        "POST /sign-in HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/x-www-form-urlencoded\r\n";
    let answer = server.speak(format!("{head}Content-Length: {}\r\n\r\n{form}", form.len()).as_bytes());
    let cookie = answer.split_once("set-cookie: ").unwrap_or_else(|| panic!("{answer}")).1;
    cookie.split(';').next().unwrap().to_owned()
}

/// A connection on which the whole of test is being downloaded.
fn downloading(server: &Server, cookie: &str) -> TcpStream {
    let mut stream = TcpStream::connect(&server.address).unwrap();
    let head = format!(
        "GET /test/customers/download?format=jsonl HTTP/1.1\r\nHost: x\r\nConnection: close\r\nCookie: {cookie}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    stream
}

fn logged(server: &Server, what: &str) -> Option<String> {
    let log = read_to_string(&server.log).unwrap();
    log.lines().find(|line| line.contains("customers are downloaded") && line.contains(what)).map(str::to_owned)
}

#[test]
#[ignore = "takes long: tests/run runs it"]
fn who_takes_a_download_slowly_holds_nothing_and_who_takes_nothing_is_let_go() {
    let directory = tempfile::tempdir().unwrap();
    let db = directory.path().join("patron.db");
    // More than what systems keep for a connection.
    text(&run(&db, &["seed", "--count", "90000", "--mode", "test"]));
    let server = Server::start(&db);
    let cookie = signed_in(&server, &db);
    let began = Instant::now();
    let stalled: Vec<TcpStream> = (0..6).map(|_| downloading(&server, &cookie)).collect();
    let mut slow = downloading(&server, &cookie);
    std::thread::sleep(Duration::from_secs(2));

    // Six are more than there are connections that read, and nothing is held by any: not the log, and nobody's turn.
    let client = Client::new(&server, &db);
    client.create(r#"{"name":"Made Meanwhile","contact":"9123456780"}"#);
    let connection = rusqlite::Connection::open(&db).unwrap();
    // The server may be writing the log back itself, which is over soon.
    let is_written_back = (0..100).any(|_| {
        std::thread::sleep(Duration::from_millis(20));
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| Ok(row.get::<_, i64>(0)? == 0)).unwrap()
    });
    assert!(is_written_back, "somebody holds a snapshot");
    drop(connection);
    assert_eq!(client.get("?count=100&skip=50000").unwrap().0, 200);

    // A part now and then keeps a connection for longer than it may be silent.
    let mut answer = Vec::new();
    let mut part = vec![0; 64 * 1024];
    loop {
        let read = slow.read(&mut part).unwrap();
        if read == 0 {
            break;
        }
        answer.extend_from_slice(&part[..read]);
        if began.elapsed() < Duration::from_secs(24) {
            std::thread::sleep(Duration::from_millis(400));
        }
    }
    assert!(began.elapsed() > Duration::from_secs(24), "it was not slow");
    assert_eq!(answer.windows(10).filter(|window| window == br#"{"id":"cus"#).count(), 90_000);
    assert!(logged(&server, "whole=true").is_some());

    // The others took nothing, and their time is over.
    let cut = logged(&server, "whole=false").expect("a line for who took nothing");
    assert!(!cut.contains("customers=90000 "), "{cut}");
    assert!(!read_to_string(&server.log).unwrap().contains("meera@"), "an address is in the log");
    for mut stream in stalled {
        let mut rest = Vec::new();
        // It ends, cleanly or not, and before its end.
        let _ = stream.read_to_end(&mut rest);
        assert!(!rest.ends_with(b"0\r\n\r\n"));
    }
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn a_download_ends_when_the_browser_goes() {
    let directory = tempfile::tempdir().unwrap();
    let db = directory.path().join("patron.db");
    text(&run(&db, &["seed", "--count", "60000", "--mode", "test"]));
    let server = Server::start(&db);
    let cookie = signed_in(&server, &db);
    let mut stream = downloading(&server, &cookie);
    let mut some = [0; 1_000];
    stream.read_exact(&mut some).unwrap();
    drop(stream);
    let patience = Instant::now() + Duration::from_secs(20);
    while logged(&server, "whole=false").is_none() {
        assert!(Instant::now() < patience, "it goes on");
        std::thread::sleep(Duration::from_millis(20));
    }
}
