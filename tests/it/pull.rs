//! All customers of another server copied here: from another Patron, and from one that is busy, breaks off or is no such server.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Output, Stdio};
use std::time::{Duration, Instant};

use patron::service::{Ambient, Caller, Services, Work};
use patron::store::{Store, Use};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::server::{Client, Server, patron, run};

/// A server to copy from, with a key of its own in a mode.
struct There {
    server: Server,
    client: Client,
    key_id: String,
    secret: String,
    directory: TempDir,
}

impl There {
    fn start(count: u64, arguments: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let db = directory.path().join("there.db");
        if count > 0 {
            text(&run(&db, &["seed", "--count", &count.to_string(), "--mode", "test"]));
        }
        let made = run(&db, &["key", "create", "--mode", "test", "--json"]);
        let key: Value = serde_json::from_slice(&made.stdout).unwrap();
        let (key_id, secret) =
            (key["key_id"].as_str().unwrap().to_owned(), key["key_secret"].as_str().unwrap().to_owned());
        let server = Server::start_with(&db, arguments);
        let client = Client::with(&server, &format!("{key_id}:{secret}"));
        Self { server, client, key_id, secret, directory }
    }

    fn db(&self) -> PathBuf {
        self.directory.path().join("there.db")
    }

    fn begin(&self, db: &Path, more: &[&str]) -> Child {
        begin(db, &format!("http://{}", self.server.address), (&self.key_id, &self.secret), more)
    }

    fn pull(&self, db: &Path, more: &[&str]) -> Output {
        self.begin(db, more).wait_with_output().unwrap()
    }
}

/// Starts to pull with a key's id and secret.
fn begin(db: &Path, base: &str, (id, secret): (&str, &str), more: &[&str]) -> Child {
    let mut command = patron(db);
    command.args(["pull", "--key-secret-stdin", "--base-url", base, "--key-id", id]).args(more);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // It may have refused already.
    let _ = child.stdin.take().unwrap().write_all(format!("{secret}\n").as_bytes());
    child
}

fn text(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn refusal(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    String::from_utf8_lossy(&output.stderr).lines().last().unwrap_or_default().to_owned()
}

fn exported(db: &Path, mode: &str) -> String {
    text(&run(db, &["export", "--format", "jsonl", "--mode", mode]))
}

#[test]
fn everybody_comes_with_id_and_time_and_goes_again_with_the_import() {
    let there = There::start(520, &[]);
    there.client.create(r#"{"name":"Zubin Mistry","contact":"+919876543210","notes":{"b":1.50,"a":"1,\n2"}}"#);
    let directory = tempfile::tempdir().unwrap();
    let db = directory.path().join("here.db");
    let here = Server::start(&db);

    let unasked = there.pull(&db, &[]);
    assert_eq!(refusal(&unasked), "patron: this makes 521 customers: say so with --yes; nothing was changed");
    assert!(String::from_utf8_lossy(&unasked.stdout).contains("\n      521  not here yet\n"), "{unasked:?}");
    assert_eq!(exported(&db, "test"), "");
    let dry = text(&there.pull(&db, &["--dry-run"]));
    assert!(dry.ends_with("\nNothing was changed.\n"), "{dry}");
    assert_eq!(exported(&db, "test"), "");

    let said = text(&there.pull(&db, &["--yes"]));
    assert!(said.contains("Made 521 customers, changed 0."), "{said}");
    assert_eq!(exported(&db, "test"), exported(&there.db(), "test"));
    let client = Client::new(&here, &db);
    assert_eq!(client.get("?count=1").unwrap().1["items"][0]["name"], "Zubin Mistry");
    let again = text(&there.pull(&db, &["--yes"]));
    assert!(
        again.contains("\n      521  here, and the same\n") && again.ends_with("Nothing was changed.\n"),
        "{again}"
    );
    // Into the other mode the same ids cannot come.
    let other = text(&there.pull(&db, &["--yes", "--mode", "live"]));
    assert!(other.contains("\n      521  refused by a rule\n"), "{other}");
    assert_eq!(exported(&db, "live"), "");
    assert_eq!(here.stop(), Some(0));

    // What was pulled is one import.
    let services = Services::new(Store::open(&db, Use::Fill).unwrap(), Ambient::of_system());
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
        let caller = Caller {
            mode: patron::domain::Mode::Test,
            actor: crate::world::maker(),
            request_id: None,
            request: None,
            grant: None,
        };
        let imports = services.imports.list(&caller, None, 10).await.unwrap();
        assert_eq!(imports.len(), 1, "what changed nothing is not kept");
        services.imports.start(&caller, imports[0].number, Work::Undo).await.unwrap();
        services.imports.work(&caller, imports[0].number, |_| {}).await.unwrap();
    });
    services.close();
    assert_eq!(exported(&db, "test"), "");
}

#[test]
fn what_differs_is_told_and_becomes_as_there() {
    let there = There::start(0, &[]);
    let directory = tempfile::tempdir().unwrap();
    let (db, report) = (directory.path().join("here.db"), directory.path().join("report.jsonl"));
    let nothing = text(&there.pull(&db, &["--yes"]));
    assert!(nothing.starts_with("0 customers at ") && nothing.ends_with("Nothing was changed.\n"), "{nothing}");
    let create = |name: &str, more: &str| there.client.create(&format!(r#"{{"name":"{name}"{more}}}"#));
    let (same, differs) = (create("Same Here", ""), create("Gaurav", r#","contact":"9123456780","notes":{"a":"1"}"#));
    text(&there.pull(&db, &["--yes"]));

    let here = Server::start(&db);
    let client = Client::new(&here, &db);
    let mine = client.create(r#"{"name":"Only Mine","email":"taken@example.com"}"#);
    client.put(&differs, r#"{"name":"Edited Here","gstin":"29XAbbA4369J1PA","notes":{"a":"2"}}"#).unwrap();
    let (taken, new) = (create("Taken", r#","email":"taken@example.com""#), create("Newcomer", ""));

    let arguments = ["--dry-run", "--report", report.to_str().unwrap()];
    let said = text(&there.pull(&db, &arguments));
    let base = format!("http://{}", there.server.address);
    let expected = format!(
        "4 customers at {base}:\n        1  not here yet\n        1  here, and the same\n        1  here, and different\n        1  refused by a rule\n        1  only here\n\n\
         Only here:\n  {mine}\n\nDifferent, by field:\n  {differs}  name, gstin, notes\n\n\
         Refused:\n  {taken}  Customer already exists for the merchant: {mine}.\n\n\
         All differences are in {}.\nNothing was changed.\n",
        report.display()
    );
    assert_eq!(said, expected);
    let lines = std::fs::read_to_string(&report).unwrap();
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines[0], json!({"id": mine, "is": "only_here"}));
    assert_eq!(
        lines[1],
        json!({"id": differs, "is": "differs", "changes": {
            "name": {"from": "Edited Here", "to": "Gaurav"},
            "gstin": {"from": "29XAbbA4369J1PA", "to": null},
            "notes": {"a": {"from": "2", "to": "1"}},
        }})
    );
    assert_eq!((&lines[2]["id"], &lines[2]["is"]), (&json!(taken), &json!("refused")));
    assert_eq!((&lines[3]["id"], &lines[3]["is"], lines.len()), (&json!(new), &json!("not_here"), 4));
    assert!(refusal(&there.pull(&db, &arguments)).contains("is there already"));

    let done = text(&there.pull(&db, &["--yes"]));
    assert!(done.contains("Made 1 customer, changed 1."), "{done}");
    assert_eq!(client.get(&format!("/{differs}")).unwrap().1, there.client.get(&format!("/{differs}")).unwrap().1);
    assert_eq!(client.get(&format!("/{same}/revisions")).unwrap().1["count"], 1);
    assert_eq!(client.get(&format!("/{mine}")).unwrap().0, 200);
    assert_eq!(client.get(&format!("/{taken}")).unwrap().0, 400);
}

#[test]
#[ignore = "takes long: tests/run runs it"]
fn interrupted_it_goes_on_where_it_was_also_where_it_is_told_to_wait() {
    let there = There::start(1_400, &["--rate-limit-key", "4/s"]);
    let directory = tempfile::tempdir().unwrap();
    let db = directory.path().join("here.db");
    let here = Server::start(&db);
    let mut first = there.begin(&db, &["--yes"]);
    let connection = rusqlite::Connection::open(&db).unwrap();
    let received =
        || connection.query_row("SELECT coalesce(max(rows), 0) FROM imports", [], |row| row.get::<_, u64>(0));
    let patience = Instant::now() + Duration::from_secs(60);
    while received().unwrap() < 500 {
        assert!(Instant::now() < patience, "nothing comes in");
        std::thread::sleep(Duration::from_millis(20));
    }
    first.kill().unwrap();
    first.wait().unwrap();
    let before = received().unwrap();
    assert!(before < 1_400, "it was too fast to be interrupted");
    assert_eq!(exported(&db, "test"), "");
    // Made meanwhile, at the head of the list.
    let late = Client::new(&there.server, &there.db());
    late.create(r#"{"name":"Made Meanwhile"}"#);

    let second = there.pull(&db, &["--yes"]);
    let errors = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(text(&second).contains("Made 1,401 customers, changed 0."), "{second:?}");
    assert!(errors.contains(" customers that came in before.\n"), "{errors}");
    assert!(errors.contains("the server answers 429; waits 1 seconds and asks again\n"), "{errors}");
    assert_eq!(exported(&db, "test"), exported(&there.db(), "test"));
    assert_eq!(
        connection.query_row("SELECT count(*) FROM imports WHERE state = 'applied'", [], |row| row.get(0)),
        Ok(1)
    );
    drop(connection);
    assert_eq!(here.stop(), Some(0));
    assert!(run(&db, &["check"]).status.success());
}

#[test]
fn why_nothing_is_pulled_is_a_sentence() {
    let there = There::start(3, &[]);
    let directory = tempfile::tempdir().unwrap();
    let db = directory.path().join("here.db");
    let base = format!("http://{}", there.server.address);
    let pull =
        |base: &str, id: &str, secret: &str| begin(&db, base, (id, secret), &["--yes"]).wait_with_output().unwrap();
    let wrong = refusal(&pull(&base, &there.key_id, "wrong secret"));
    assert_eq!(wrong, "patron: the server does not accept the key: its id, its secret, or both are wrong there");
    assert!(!format!("{:?}", pull(&base, &there.key_id, "wrong secret")).contains("wrong secret"));
    let nowhere = refusal(&pull("https://127.0.0.1:1/v1/", "rzp_test_aaaaaaaaaaaaaa", "x").clone());
    assert!(nowhere.contains("https://127.0.0.1:1/v1/customers"), "{nowhere}");
    let argued = run(&db, &["pull", "--base-url", &base, "--key-id", &there.key_id]);
    assert_eq!(argued.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&argued.stderr).contains("--key-secret-stdin"));
    let fifo = directory.path().join("fifo");
    crate::output_files::fifo(&fifo);
    for file in [fifo.to_str().unwrap(), "/dev/zero"] {
        let mut pulling = begin(&db, &base, (&there.key_id, "x"), &["--yes", "--ca-file", file]);
        let ended = (0..200).any(|_| {
            std::thread::sleep(Duration::from_millis(100));
            pulling.try_wait().unwrap().is_some()
        });
        if !ended {
            pulling.kill().unwrap();
        }
        let refused = refusal(&pulling.wait_with_output().unwrap());
        assert!(refused.contains(file) && refused.contains("it is a FIFO or a device"), "{refused}");
    }
    assert!(!db.exists(), "nothing of it is left");
}

/// A server that gives these answers, one after the other, and then no more.
fn scripted(answers: Vec<String>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for answer in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            while lines.next().is_some_and(|line| !line.unwrap().is_empty()) {}
            stream.write_all(answer.as_bytes()).unwrap();
        }
    });
    address
}

fn answer(head: &str, body: &str) -> String {
    format!("HTTP/1.1 {head}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len())
}

#[test]
fn a_server_that_fails_is_asked_again_and_one_that_is_none_is_not() {
    let directory = tempfile::tempdir().unwrap();
    let db = directory.path().join("here.db");
    let pull = |answers: Vec<String>| {
        begin(&db, &scripted(answers), ("rzp_test_aaaaaaaaaaaaaa", "x"), &["--yes"]).wait_with_output().unwrap()
    };
    let item = r#"{"id":"cust_1Aa00000000004","entity":"customer","name":"Gaurav","email":null,"contact":null,"gstin":null,"notes":[],"created_at":1582033731,"extra":{"a":[1]}}"#;
    let list = answer("200 OK", &format!(r#"{{"entity":"collection","count":1,"items":[{item}]}}"#));
    let refused = answer("503 Service Unavailable\r\nRetry-After: 1", "busy");
    let broken = list[..list.len() - 30].to_owned();
    let empty = answer("200 OK", r#"{"entity":"collection","count":0,"items":[]}"#);
    let done = pull(vec![refused.clone(), broken, list.clone(), empty, list.clone()]);
    assert!(text(&done).contains("Made 1 customer, changed 0."), "{done:?}");
    let errors = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(errors.contains("the server answers 503; waits 1 seconds"), "{errors}");
    assert!(errors.contains("an answer breaks off"), "{errors}");
    assert!(exported(&db, "test").contains(r#""id":"cust_1Aa00000000004","entity":"customer","name":"Gaurav""#));

    let hour = refusal(&pull(vec![answer("429 Too Many Requests\r\nRetry-After: 3600", "")]));
    assert_eq!(
        hour,
        "patron: the server answers 429 and asks to be left alone for 1h: the same command goes on after that"
    );
    let ages = refusal(&pull(vec![answer("429 Too Many Requests\r\nRetry-After: 18446744073709551615", "")]));
    assert!(ages.contains("asks to be left alone for more than a day: the same"), "{ages}");
    let page = refusal(&pull(vec![answer("200 OK", "<html>Welcome</html>")]));
    assert!(page.contains("the answer is no list of customers") && page.ends_with("is --base-url right?"), "{page}");
    let moved = refusal(&pull(vec![answer("302 Found\r\nLocation: https://elsewhere.example/v1/customers", "")]));
    assert_eq!(
        moved,
        "patron: the server sends one to https://elsewhere.example: where that is right, give it as --base-url"
    );
    let body = r#"{"error":{"code":"BAD_REQUEST_ERROR","description":"No \u001b[31mmore"}}"#;
    let said = refusal(&pull(vec![answer("400 Bad Request", body)]));
    assert_eq!(said, "patron: the server answers 400: No [31mmore");
}

/// Leaves behind what a pull leaves that was cut off while it wrote: one customer, none of them done. Gives the import's number.
fn cut_off(db: &Path, base: &str, command: &str) -> i64 {
    let services = Services::new(Store::open(db, Use::Fill).unwrap(), Ambient::of_system());
    let number = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
        let actor = patron::domain::Actor::Command { name: command.into() };
        let caller = Caller { mode: patron::domain::Mode::Test, actor, request_id: None, request: None, grant: None };
        let imports = &services.imports;
        let mut pulling = imports.pull(&caller, &format!("{base} rzp_test_aaaaaaaaaaaaaa")).await.unwrap();
        pulling.push(vec![r#"{"id":"cust_1Aa00000000004","name":"Cut Off"}"#.into()]).await.unwrap();
        let number = pulling.finish().await.unwrap().number;
        imports.start(&caller, number, Work::Rehearse).await.unwrap();
        imports.work(&caller, number, |_| {}).await.unwrap();
        imports.start(&caller, number, Work::Apply).await.unwrap();
        number
    });
    services.close();
    number
}

#[test]
fn what_was_cut_off_while_it_was_written_is_not_written_unasked() {
    let directory = tempfile::tempdir().unwrap();
    let db = directory.path().join("here.db");
    // Nobody is asked there.
    let base = "http://127.0.0.1:1";
    let number = cut_off(&db, base, "pull");
    let pull = |more: &[&str]| begin(&db, base, ("rzp_test_aaaaaaaaaaaaaa", "x"), more).wait_with_output().unwrap();
    for (argument, way_out) in [
        (
            &["--dry-run", "--yes"][..],
            "`patron import resume 1` writes the rest, or `patron import undo 1` takes it back",
        ),
        (&["--dry-run"], "`patron import resume 1` writes the rest"),
        (&[], "this writes the rest: say so with --yes; nothing was changed"),
    ] {
        let refused = refusal(&pull(argument));
        assert!(
            refused.starts_with(&format!("patron: import {number}, the last from there, was interrupted")),
            "{refused}"
        );
        assert!(refused.contains(way_out), "{refused}");
        assert_eq!(exported(&db, "test"), "");
    }
    let said = text(&pull(&["--yes"]));
    assert!(said.contains("Made 1 customer, changed 0."), "{said}");
    assert_eq!(exported(&db, "test").lines().count(), 1);

    // Taken back and brought back, too, only where somebody says so.
    let import = |act: &str, more: &[&str]| run(&db, &[&["import", act, "1"], more].concat());
    let before = "patron: this takes back what import 1 wrote: say so with --yes; nothing was changed";
    assert_eq!(refusal(&import("undo", &[])), before);
    assert_eq!(exported(&db, "test").lines().count(), 1);
    text(&import("undo", &["--yes"]));
    assert!(refusal(&import("redo", &[])).contains("import 1 took back: say so with --yes"));
    assert_eq!(exported(&db, "test"), "");
    text(&import("redo", &["--yes"]));
    assert_eq!(exported(&db, "test").lines().count(), 1);
}

/// A server with a list, of which this is the page after so many.
fn listing(page: impl Fn(usize) -> Vec<String> + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let Some(Ok(first)) = lines.next() else { continue };
            while lines.next().is_some_and(|line| !line.unwrap().is_empty()) {}
            let skip = first.split_once("skip=").unwrap().1.split(' ').next().unwrap().parse().unwrap();
            let body = format!(r#"{{"entity":"collection","items":[{}]}}"#, page(skip).join(","));
            stream.write_all(answer("200 OK", &body).as_bytes()).unwrap();
        }
    });
    address
}

fn person(number: usize) -> String {
    format!(
        r#"{{"id":"cust_{number:014}","name":"Person Number","email":"p{number}@example.com","created_at":1582033731}}"#
    )
}

#[test]
fn all_come_from_a_server_that_gives_fewer_than_it_is_asked_for_and_none_from_one_without_an_end() {
    let directory = tempfile::tempdir().unwrap();
    let db = directory.path().join("here.db");
    let pull = |base: &str| begin(&db, base, ("rzp_test_aaaaaaaaaaaaaa", "x"), &["--yes"]).wait_with_output().unwrap();
    let same = pull(&listing(|_| (0..100).map(person).collect()));
    assert!(refusal(&same).contains("as if there were no `skip`"), "{same:?}");
    assert_eq!(exported(&db, "test"), "");
    let capped = pull(&listing(|skip| (skip..300.min(skip + 25)).map(person).collect()));
    assert!(text(&capped).contains("Made 300 customers, changed 0."), "{capped:?}");
    assert_eq!(exported(&db, "test").lines().count(), 300);
}

#[test]
fn what_strangers_write_does_nothing_to_a_terminal() {
    let directory = tempfile::tempdir().unwrap();
    let db = directory.path().join("here.db");
    let item = r#"{"id":"\u001b]0;mine\u0007\u001b[31mRED\nMade 5 customers","name":"Gaurav"}"#;
    let base = listing(move |skip| if skip == 0 { vec![item.to_owned()] } else { Vec::new() });
    let said = text(&begin(&db, &base, ("rzp_test_aaaaaaaaaaaaaa", "x"), &[]).wait_with_output().unwrap());
    assert!(!said.contains(['\x1b', '\x07']) && said.contains("\n  ]0;mine[31mREDMade 5 customers  "), "{said}");
}

#[test]
fn a_file_that_has_the_name_of_a_pull_is_none() {
    let directory = tempfile::tempdir().unwrap();
    let db = directory.path().join("here.db");
    let base = listing(|_| Vec::new());
    cut_off(&db, &base, "import");
    let said = text(&begin(&db, &base, ("rzp_test_aaaaaaaaaaaaaa", "x"), &["--yes"]).wait_with_output().unwrap());
    assert!(said.ends_with("Nothing was changed.\n"), "{said}");
    assert_eq!(exported(&db, "test"), "");
}
