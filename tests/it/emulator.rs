//! `patron emulate` as tests meet it: what it says, resets, seeds, keeps, breaks and tells apart; and that nobody else has it.

use std::fs::read_link;
use std::io::Write;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use actix_web::http::{Method, StatusCode};
use actix_web::test::TestRequest;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use patron::domain::{Actor, Mode, Place, Query};
use patron::service::{Caller, Worlds};
use patron::store::Store;
use serde_json::{Value, json};
use tempfile::{TempDir, tempdir};

use crate::routes;
use crate::server::{Server, patron, run};
use crate::world::World;

/// An emulator on a port of its own.
pub struct Emulator {
    pub server: Server,
    directory: TempDir,
}

impl Emulator {
    pub fn start(arguments: &[&str]) -> Self {
        let directory = tempdir().unwrap();
        let db = directory.path().join("served.db");
        let server = Server::run(patron(&db).arg("emulate").args(arguments), directory.path().join("emulator.log"));
        Self { server, directory }
    }

    /// A test with the documented key.
    pub fn tester(&self) -> Tester {
        self.tester_with(Worlds::KEY_ID, Worlds::SECRET)
    }

    /// A test with a key of its own.
    pub fn worker(&self, number: usize) -> Tester {
        self.tester_with(&format!("rzp_test_Worker{number:08}"), Worlds::SECRET)
    }

    pub fn tester_with(&self, id: &str, secret: &str) -> Tester {
        let agent = ureq::Agent::config_builder().http_status_as_error(false).build().new_agent();
        let authorization = format!("Basic {}", BASE64_STANDARD.encode(format!("{id}:{secret}")));
        Tester { agent, base: format!("http://{}", self.server.address), authorization }
    }
}

#[derive(Clone)]
pub struct Tester {
    agent: ureq::Agent,
    base: String,
    pub authorization: String,
}

/// A status, headers but for the date, by name, and a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Told {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("{self:?}"))
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(each, _)| each == name).map(|(_, value)| value.as_str())
    }

    /// The words of an error, after the check that it has the API's shape.
    pub fn words(&self) -> String {
        let error = &self.json()["error"];
        for key in ["code", "description", "source", "step", "reason"] {
            assert!(error[key].is_string(), "{self:?}");
        }
        assert!(error["metadata"].is_object() && self.status >= 400, "{self:?}");
        assert_eq!(self.header("content-type"), Some("application/json"), "{self:?}");
        error["description"].as_str().unwrap().to_owned()
    }
}

impl Tester {
    pub fn try_with(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Result<Told, ureq::Error> {
        let mut request = ureq::http::Request::builder().method(method).uri(format!("{}{path}", self.base));
        request = request.header("Authorization", &self.authorization).header("Content-Type", "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut response = self.agent.run(request.body(body.to_owned()).unwrap())?;
        let headers = response.headers().iter().filter(|(name, _)| *name != "date");
        let mut headers: Vec<_> =
            headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect();
        headers.sort_unstable();
        let status = response.status().as_u16();
        Ok(Told { status, headers, body: response.body_mut().read_to_string()? })
    }

    pub fn ask(&self, method: &str, path: &str, body: &str) -> Told {
        self.try_with(method, path, &[], body).unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    /// What is done, after the check that it was.
    pub fn does(&self, method: &str, path: &str, body: &str) -> Value {
        let told = self.ask(method, path, body);
        assert_eq!(told.status, 200, "{method} {path}: {told:?}");
        told.json()
    }

    pub fn create(&self, body: &str) -> Value {
        self.does("POST", "/v1/customers", body)
    }

    pub fn count(&self) -> u64 {
        self.does("GET", "/v1/customers?count=100", "")["count"].as_u64().unwrap()
    }
}

pub const MEERA: &str = r#"{"name":"Meera Nair","contact":"9000090000"}"#;

#[test]
fn it_prints_the_key_that_everybody_knows_and_leaves_nothing_on_the_disk() {
    let emulator = Emulator::start(&[]);
    assert!(emulator.server.printed.contains("key id      rzp_test_EmulatorKey001\n"), "{}", emulator.server.printed);
    assert!(emulator.server.printed.contains("key secret  EmulatorSecretForTests01\n"));
    let (tester, worker) = (emulator.tester(), emulator.worker(1));
    for who in [&tester, &worker] {
        who.create(MEERA);
        who.does("POST", "/_emulator/snapshots/one", "");
        who.does("POST", "/_emulator/snapshots/one/restore", "");
    }
    // Beside what it prints and its log, no file is open.
    for entry in Path::new(&format!("/proc/{}/fd", emulator.server.id())).read_dir().unwrap() {
        let file = read_link(entry.unwrap().path()).unwrap_or_default();
        let is_file = file.is_absolute() && !file.starts_with("/dev") && !file.starts_with("/proc");
        assert!(!is_file || file.ends_with("emulator.log"), "{file:?}");
    }
    emulator.server.kill();
    let left: Vec<_> = emulator.directory.path().read_dir().unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["emulator.log"], "not even the file that the environment names");
    let help = run(Path::new("patron.db"), &["emulate", "--help"]);
    let help = String::from_utf8(help.stdout).unwrap();
    let db = help.split("--db <FILE>").nth(1).unwrap().split("--").next().unwrap();
    assert!(
        db.contains("Keep the first world in this file") && !db.contains("PATRON_DB") && !db.contains("default"),
        "{db}"
    );
}

#[test]
fn it_ends_when_it_is_told_to() {
    let emulator = Emulator::start(&[]);
    emulator.tester().create(MEERA);
    emulator.worker(1).create(MEERA);
    assert_eq!(emulator.server.stop(), Some(0));
}

#[test]
fn a_reset_leaves_nothing_and_begins_anew() {
    let emulator = Emulator::start(&[]);
    let tester = emulator.tester();
    tester.does("PUT", "/_emulator/clock", r#"{"stand":1700000000}"#);
    let first = tester.create(MEERA);
    let edited = tester.does("PUT", &format!("/v1/customers/{}", first["id"].as_str().unwrap()), r#"{"name":"Meera"}"#);
    assert_eq!(edited["name"], "Meera");
    tester.does("PUT", "/_emulator/faults", r#"[{"status":500}]"#);
    assert_eq!(tester.does("POST", "/_emulator/reset", ""), json!({"customers": 0}));
    assert_eq!(tester.count(), 0);
    assert_eq!(tester.does("GET", "/_emulator/faults", ""), json!({"faults": []}));
    let clock = tester.does("GET", "/_emulator/clock", "");
    assert!(clock["stands"] == false && clock["now"].as_i64().unwrap() > 1_790_000_000, "{clock}");
    tester.does("PUT", "/_emulator/clock", r#"{"stand":1700000000}"#);
    assert_eq!(tester.create(MEERA), first, "the pair is free, and the ids are the same");
}

/// Much of what can be asked, each answer with its headers.
fn play(tester: &Tester) -> Vec<Told> {
    tester.does("PUT", "/_emulator/clock", r#"{"stand":1700000000}"#);
    let mut told = vec![tester.ask("POST", "/v1/customers", MEERA), tester.ask("POST", "/v1/customers", MEERA)];
    let path = format!("/v1/customers/{}", told[0].json()["id"].as_str().unwrap());
    told.push(tester.ask("PUT", &path, r#"{"notes":{"b":1,"a":"x"}}"#));
    tester.does("PUT", "/_emulator/clock", r#"{"advance":90}"#);
    for number in 0..20 {
        told.push(tester.ask("POST", "/v1/customers", &format!(r#"{{"name":"Number {number}"}}"#)));
    }
    tester.does("PUT", "/_emulator/faults", r#"[{"status":502,"fraction":0.5,"seed":3}]"#);
    told.extend((0..20).map(|_| tester.ask("GET", &path, "")));
    tester.does("DELETE", "/_emulator/faults", "");
    told.push(tester.ask("GET", "/v1/customers?count=100", ""));
    told.push(tester.ask("GET", &format!("{path}/revisions"), ""));
    told
}

#[test]
fn two_runs_are_equal_byte_for_byte() {
    let (one, other) = (Emulator::start(&[]), Emulator::start(&[]));
    let first = play(&one.tester());
    let differs = |again: Vec<Told>| {
        first.iter().zip(again).find(|(one, other)| *one != other).map(|(one, other)| (one.clone(), other))
    };
    assert_eq!(differs(play(&other.tester())), None);
    one.tester().does("POST", "/_emulator/reset", "");
    // The reset took no id of what came after it.
    assert_eq!(differs(play(&one.tester())), None);
    let listed = first[first.len() - 2].json();
    let names: Vec<&str> =
        listed["items"].as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap()).collect();
    assert!(
        names.starts_with(&["Number 19", "Number 18"]) && names.ends_with(&["Number 0", "Meera Nair"]),
        "{names:?}"
    );
}

/// A test that keeps its emulator running.
pub struct Kept {
    tester: Tester,
    _emulator: Emulator,
}

impl Tester {
    pub fn kept(self, emulator: Emulator) -> Kept {
        Kept { tester: self, _emulator: emulator }
    }
}

impl std::ops::Deref for Kept {
    type Target = Tester;

    fn deref(&self) -> &Tester {
        &self.tester
    }
}

#[test]
fn whoever_asks_wrongly_is_told_in_the_shape_of_the_api() {
    let emulator = Emulator::start(&[]);
    let tester = emulator.tester();
    let stranger = Tester { authorization: "Bearer x".into(), ..tester.clone() };
    for (method, path) in routes::EMULATOR {
        let path = format!("/_emulator{}", path.replace("{name}", "x"));
        let told = stranger.ask(&method.to_uppercase(), &path, "");
        assert_eq!(told.status, 401, "{method} {path}");
        told.words();
    }
    for (method, path) in
        [("GET", "/_emulator"), ("GET", "/_emulator/reset"), ("PATCH", "/_emulator/clock"), ("GET", "/_emulator/x")]
    {
        let told = tester.ask(method, path, "");
        assert_eq!(
            (told.status, told.words().as_str()),
            (400, "The requested URL was not found on the server."),
            "{path}"
        );
    }
    for path in ["/_emulator/seed", "/_emulator/faults", "/_emulator/clock"] {
        let told = tester.ask("PUT", path, "{");
        assert!(told.words().starts_with("The request body is not valid: EOF"), "{path}: {told:?}");
    }
    let told = tester.ask("PUT", "/_emulator/faults", r#"[{"status":500},{"status":600}]"#);
    assert_eq!(told.words(), "faults[1]: a status is 200 to 599");
    let many = json!(vec![json!({"status": 500}); 65]).to_string();
    assert_eq!(tester.ask("PUT", "/_emulator/faults", &many).words(), "There may be 64 faults at most.");
    let told = tester.ask("PUT", "/_emulator/seed", &" ".repeat(16 * 1024 * 1024 + 1));
    assert_eq!((told.status, told.words().as_str()), (413, "The request body may not be greater than 16777216 bytes."));
    assert_eq!(
        tester.ask("POST", "/_emulator/reset?all=1", "").words(),
        "all is/are not required and should not be sent"
    );
}

#[tokio::test]
async fn nobody_else_has_it() {
    let world = World::new();
    let key = world.key(Mode::Test).await;
    for (method, path) in routes::EMULATOR {
        let method: Method = method.to_uppercase().parse().unwrap();
        let path = format!("/_emulator{}", path.replace("{name}", "x"));
        for who in [&key, &world.stranger()] {
            let answer = who.send(TestRequest::default().method(method.clone()).uri(&path)).await;
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{method} {path}: {answer}");
            assert_eq!(answer.description(), "The requested URL was not found on the server.");
        }
    }
    let known = format!("Basic {}", BASE64_STANDARD.encode(format!("{}:{}", Worlds::KEY_ID, Worlds::SECRET)));
    assert_eq!(world.with_header(known).get("/v1/customers").await.status, StatusCode::UNAUTHORIZED);
}

#[test]
fn the_first_world_may_be_in_a_file_but_not_in_one_that_was_served() {
    let directory = tempdir().unwrap();
    let db = directory.path().join("emulated.db");
    let start = || Emulator::start(&["--db", db.to_str().unwrap()]);
    let emulator = start();
    emulator.worker(1).create(MEERA);
    assert!(emulator.tester().create(MEERA)["id"].as_str().unwrap().ends_with("0001"));
    assert_eq!(emulator.server.stop(), Some(0));
    let emulator = start();
    assert_eq!((emulator.tester().count(), emulator.worker(1).count()), (1, 0));
    assert!(emulator.tester().create(r#"{"name":"Asha"}"#)["id"].as_str().unwrap().ends_with("0002"));
    assert_eq!(emulator.tester().does("POST", "/_emulator/snapshots/x", ""), json!({"customers": 2}));
    emulator.tester().does("POST", "/_emulator/reset", "");
    assert_eq!(emulator.tester().does("POST", "/_emulator/snapshots/x/restore", ""), json!({"customers": 2}));
    emulator.server.kill();
    assert_eq!(start().tester().count(), 2);
    let checked = run(&db, &["check"]);
    assert!(checked.status.success(), "{checked:?}");

    let served = directory.path().join("served.db");
    run(&served, &["key", "create", "--mode", "live"]);
    let output = run(&served, &["emulate", "--db", served.to_str().unwrap()]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("was not made by `patron emulate`") && output.status.code() == Some(1), "{said}");
    let seeded = directory.path().join("seeded.db");
    run(&seeded, &["seed", "--count", "3"]);
    assert_eq!(run(&seeded, &["emulate", "--db", seeded.to_str().unwrap()]).status.code(), Some(1));
    let staffed = directory.path().join("staffed.db");
    run(&staffed, &["staff", "add", "meera@example.com", "--role", "owner"]);
    assert_eq!(run(&staffed, &["emulate", "--db", staffed.to_str().unwrap()]).status.code(), Some(1));
    // Another key beside the emulator's: somebody else's customers may be there.
    run(&db, &["key", "create", "--mode", "live"]);
    assert_eq!(run(&db, &["emulate", "--db", db.to_str().unwrap()]).status.code(), Some(1));
}

#[test]
fn a_file_of_real_customers_is_never_taken_for_an_emulators() {
    let directory = tempdir().unwrap();
    let db = directory.path().join("real.db");
    let mut import = patron(&db)
        .args(["key", "import", Worlds::KEY_ID])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    writeln!(import.stdin.take().unwrap(), "{}", Worlds::SECRET).unwrap();
    let output = import.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("everybody knows it; make another with `patron key create`"), "{said}");
    assert_eq!(output.status.code(), Some(1));
    // As it was imported by a program that did not refuse it.
    run(&db, &["seed", "--count", "3"]);
    let key = "INSERT INTO keys (id, label, created_at, secret_hash, maker_type, maker_id, maker_label) VALUES \
               (?1, '', 1700000000, 'x', 'command', 'key import', 'key import')";
    rusqlite::Connection::open(&db).unwrap().execute(key, [Worlds::KEY_ID]).unwrap();
    let output = run(&db, &["emulate", "--db", db.to_str().unwrap()]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("was not made by `patron emulate`") && output.status.code() == Some(1), "{said}");
}

#[test]
fn a_file_of_an_emulators_is_not_served_while_its_key_works() {
    let directory = tempdir().unwrap();
    let db = directory.path().join("emulated.db");
    Emulator::start(&["--db", db.to_str().unwrap()]).server.stop();
    let output = run(&db, &["serve"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let words = "is the emulator's, whose secret everybody knows: `patron key revoke rzp_test_EmulatorKey001`, or leave \
                 this file to tests";
    assert!(said.contains("cannot serve ") && said.contains(words) && output.status.code() == Some(1), "{said}");
    let examined = String::from_utf8(run(&db, &["doctor", "--quick"]).stdout).unwrap();
    assert!(examined.lines().any(|line| line.starts_with("wrong ") && line.contains(words)), "{examined}");
    assert!(run(&db, &["key", "revoke", Worlds::KEY_ID, "--yes"]).status.success());
    assert_eq!(Server::start(&db).stop(), Some(0));
    let output = run(&db, &["emulate", "--db", db.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1), "it is somebody's now");
}

#[test]
fn it_says_so_where_other_machines_may_reach_it() {
    let warning = "whoever does may do everything: everybody knows the key";
    for (address, is_warned_of) in [("0.0.0.0:0", true), ("127.0.0.1:0", false)] {
        let emulator = Emulator::start(&["--listen", address]);
        let log = emulator.server.log_with(if is_warned_of { warning } else { "" });
        assert_eq!(
            [emulator.server.printed.contains(warning), log.contains(warning)],
            [is_warned_of; 2],
            "{address}: {log}"
        );
    }
}

#[test]
fn no_page_of_another_site_breaks_a_world() {
    let emulator = Emulator::start(&[]);
    let tester = emulator.tester();
    tester.create(MEERA);
    let ask = |path: &str, more: &str| {
        let (authorization, address) = (&tester.authorization, &emulator.server.address);
        emulator.server.speak(
            format!(
                "POST {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: {authorization}\r\n{more}\
                 Content-Length: 0\r\nConnection: close\r\n\r\n"
            )
            .as_bytes(),
        )
    };
    for more in ["Content-Type: text/plain\r\nOrigin: https://evil.example\r\n", "Sec-Fetch-Site: cross-site\r\n"] {
        for path in ["/_emulator/reset", "/_emulator/reset?worlds=all", "/_emulator/snapshots/x", "/%5Femulator/reset"]
        {
            let answer = ask(path, more);
            assert!(answer.starts_with("HTTP/1.1 403 "), "{path} {more}: {answer}");
            assert!(answer.contains("The request may not come from a page of another site."), "{answer}");
        }
    }
    assert_eq!(tester.count(), 1);
    assert!(ask("/_emulator/reset", "Sec-Fetch-Site: same-origin\r\n").starts_with("HTTP/1.1 200 "));
    assert_eq!(tester.count(), 0);
}

#[tokio::test]
async fn the_search_follows_in_memory_too() {
    let worlds = Worlds::over(Store::in_memory(true).unwrap(), 0).await.unwrap();
    let world = worlds.first();
    let actor = Actor::Command { name: "test".into() };
    let caller = Caller { mode: Mode::Test, actor, request_id: None, request: None, grant: None };
    let draft = |name: &str| {
        patron::http::api::steps::of_edit(
            patron::http::api::steps::json(json!({"name": name}).to_string().as_bytes()).unwrap(),
        )
    };
    let found = async || {
        let query = Query::parse("kumari").unwrap();
        world.services.customers.search(&caller, &query, Place::Newest, 10).await.unwrap().items.len()
    };
    let seeded = |name| patron::service::Seeded { id: None, created_at: None, draft: draft(name) };
    world.seed(&caller, (0..300).map(|_| seeded("Asha Kumari")).chain([seeded("Bina")]).collect()).await.unwrap();
    assert_eq!(found().await, 10);
    let newest =
        world.services.customers.search(&caller, &Query::parse("bina").unwrap(), Place::Newest, 1).await.unwrap();
    let id = newest.items[0].customer.id.clone();
    let began = Instant::now();
    while !world.services.erasures.export(&caller, &id).await.unwrap().held.in_search {
        assert!(began.elapsed() < Duration::from_secs(10), "nobody feeds the search");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    world.keep("all").await.unwrap();
    world.reset().await.unwrap();
    assert_eq!(found().await, 0);
    world.put_back("all").await.unwrap();
    assert_eq!(found().await, 10);
    world.seed(&caller, vec![seeded("Asha Kumari")]).await.unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(found().await, 1);
    assert!(world.services.check(|_| {}).await.unwrap().faults.is_empty());
    world.services.close();
}
