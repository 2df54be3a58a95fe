//! `patron emulate` as tests meet it: what it says, resets, seeds, keeps, breaks and tells apart; and that nobody else has it.

use std::fs::read_link;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::http::{Method, StatusCode};
use actix_web::test::TestRequest;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use patron::domain::{Actor, Mode, Query};
use patron::service::{Caller, Place, Worlds};
use patron::store::Store;
use serde_json::{Value, json};
use tempfile::{TempDir, tempdir};

use crate::routes;
use crate::server::{Server, patron, run};
use crate::world::World;

/// An emulator on a port of its own.
struct Emulator {
    server: Server,
    directory: TempDir,
}

impl Emulator {
    fn start(arguments: &[&str]) -> Self {
        let directory = tempdir().unwrap();
        let db = directory.path().join("served.db");
        let server = Server::run(patron(&db).arg("emulate").args(arguments), directory.path().join("emulator.log"));
        Self { server, directory }
    }

    /// A test with the documented key.
    fn tester(&self) -> Tester {
        self.tester_with(Worlds::KEY_ID, Worlds::SECRET)
    }

    /// A test with a key of its own.
    fn worker(&self, number: usize) -> Tester {
        self.tester_with(&format!("rzp_test_Worker{number:08}"), Worlds::SECRET)
    }

    fn tester_with(&self, id: &str, secret: &str) -> Tester {
        let agent = ureq::Agent::config_builder().http_status_as_error(false).build().new_agent();
        let authorization = format!("Basic {}", BASE64_STANDARD.encode(format!("{id}:{secret}")));
        Tester { agent, base: format!("http://{}", self.server.address), authorization }
    }
}

#[derive(Clone)]
struct Tester {
    agent: ureq::Agent,
    base: String,
    authorization: String,
}

/// A status, headers but for the date, by name, and a body.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Told {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

impl Told {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("{self:?}"))
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(each, _)| each == name).map(|(_, value)| value.as_str())
    }

    /// The words of an error, after the check that it has the API's shape.
    fn words(&self) -> String {
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
    fn try_with(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Result<Told, ureq::Error> {
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

    fn ask(&self, method: &str, path: &str, body: &str) -> Told {
        self.try_with(method, path, &[], body).unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    /// What is done, after the check that it was.
    fn does(&self, method: &str, path: &str, body: &str) -> Value {
        let told = self.ask(method, path, body);
        assert_eq!(told.status, 200, "{method} {path}: {told:?}");
        told.json()
    }

    fn create(&self, body: &str) -> Value {
        self.does("POST", "/v1/customers", body)
    }

    fn count(&self) -> u64 {
        self.does("GET", "/v1/customers?count=100", "")["count"].as_u64().unwrap()
    }
}

const MEERA: &str = r#"{"name":"Meera Nair","contact":"9000090000"}"#;

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

#[test]
fn a_seed_keeps_ids_and_times_and_is_held_to_the_same_rules() {
    let emulator = Emulator::start(&[]);
    let tester = emulator.tester();
    tester.create(r#"{"name":"Gone"}"#);
    let customers = json!([
        {"id": "cust_1Aa00000000004", "entity": "customer", "name": "Gaurav Kumar", "email": "gaurav.kumar@example.com",
         "contact": "9123456780", "gstin": null, "notes": {"b": 1, "a": "x"}, "created_at": 1582033731},
        {"id": "cust_1Aa00000000005", "entity": "customer", "name": null, "email": null, "contact": "+919000090000",
         "gstin": "29XAbbA4369J1PA", "notes": [], "created_at": 1582033732},
    ]);
    assert_eq!(tester.does("PUT", "/_emulator/seed", &customers.to_string()), json!({"customers": 2}));
    let listed = tester.does("GET", "/v1/customers", "");
    assert_eq!(listed["items"], json!([customers[1], customers[0]]), "and what was there before is not");
    let history = tester.does("GET", "/v1/customers/cust_1Aa00000000004/revisions", "");
    assert_eq!((&history["count"], &history["items"][0]["at"]), (&json!(1), &json!(1_582_033_731)));
    let again = json!({"customers": [{"name": "Asha"}, {"name": "Bina"}]});
    assert_eq!(tester.does("PUT", "/_emulator/seed", &again.to_string()), json!({"customers": 2}));
    let ids: Vec<_> = tester.does("GET", "/v1/customers", "")["items"].as_array().unwrap().clone();
    assert!(ids[0]["id"].as_str().unwrap().ends_with("0002") && ids[1]["id"].as_str().unwrap().ends_with("0001"));
    assert!(tester.create(MEERA)["id"].as_str().unwrap().ends_with("0003"));

    let good = r#"{"name":"Asha","contact":"9000090001"}"#;
    for (bad, words) in [
        (r#"{"name":"x"}"#, "customers[1]: The name format is invalid."),
        (r#"{"email":"x"}"#, "customers[1]: The email must be a valid email address."),
        ("{}", "customers[1]: At least one of name, email or contact is required."),
        ("3", "customers[1]: a customer must be an object"),
        (
            r#"{"name":"Bina","fail_existing":"0"}"#,
            "customers[1]: fail_existing is/are not required and should not be sent",
        ),
        (r#"{"name":"Bina","id":"cust_x"}"#, "customers[1]: x is not a valid id"),
        (r#"{"name":"Bina","id":"plan_1Aa00000000004"}"#, "customers[1]: The id must begin with cust_."),
        (r#"{"name":"Bina","id":3}"#, "customers[1]: The id must be a string."),
        (r#"{"name":"Bina","entity":"plan"}"#, "customers[1]: The entity must be customer."),
        (r#"{"name":"Bina","created_at":1.5}"#, "customers[1]: The created_at must be whole seconds, 0 to 4765046400."),
        (r#"{"name":"Bina","contact":"9000090001"}"#, "customers[1]: Customer already exists for the merchant"),
    ] {
        let told = tester.ask("PUT", "/_emulator/seed", &format!("[{good},{bad}]"));
        assert_eq!((told.status, told.words()), (400, words.to_owned()));
    }
    let same = r#"{"id":"cust_1Aa00000000004","name":"Asha"}"#;
    let told = tester.ask("PUT", "/_emulator/seed", &format!("[{same},{same}]"));
    assert_eq!(told.words(), "customers[1]: the id is that of a customer before it");
    let told = tester.ask("PUT", "/_emulator/seed", r#"{"customer":[]}"#);
    assert_eq!(told.words(), "customer is/are not required and should not be sent");
    assert_eq!(tester.count(), 3, "nothing of them is there");
    assert!(tester.create(good)["id"].as_str().unwrap().ends_with("0004"), "nor did they take ids");
}

#[test]
fn a_snapshot_brings_back_customers_histories_clock_and_ids() {
    let emulator = Emulator::start(&[]);
    let tester = emulator.tester();
    tester.does("PUT", "/_emulator/clock", r#"{"stand":1700000000}"#);
    let path = format!("/v1/customers/{}", tester.create(MEERA)["id"].as_str().unwrap());
    let before = tester.does("PUT", &path, r#"{"name":"Meera N"}"#);
    assert_eq!(tester.does("POST", "/_emulator/snapshots/two.edits", ""), json!({"customers": 1}));
    let history = tester.does("GET", &format!("{path}/revisions"), "")["items"].clone();
    let next = tester.create(r#"{"name":"Next"}"#);
    tester.does("PUT", &path, r#"{"name":"Meera O"}"#);
    tester.does("DELETE", "/_emulator/clock", "");
    tester.does("POST", "/_emulator/reset", "");

    assert_eq!(tester.does("POST", "/_emulator/snapshots/two.edits/restore", ""), json!({"customers": 1}));
    assert_eq!(tester.does("GET", &path, ""), before);
    assert_eq!(tester.does("GET", &format!("{path}/revisions"), "")["items"], history);
    assert_eq!(tester.does("GET", "/_emulator/clock", ""), json!({"now": 1_700_000_000, "stands": true}));
    assert_eq!(tester.create(r#"{"name":"Next"}"#), next);
    // As often as one likes, and edits go on from there.
    tester.does("POST", "/_emulator/snapshots/two.edits/restore", "");
    assert_eq!(tester.does("PUT", &path, r#"{"name":"Meera P"}"#)["name"], "Meera P");

    assert_eq!(
        tester.does("GET", "/_emulator/snapshots", ""),
        json!({"snapshots": [{"name": "two.edits", "customers": 1}]})
    );
    assert_eq!(emulator.worker(1).does("GET", "/_emulator/snapshots", ""), json!({"snapshots": []}));
    assert_eq!(tester.does("DELETE", "/_emulator/snapshots/two.edits", ""), json!({"snapshots": []}));
    for (method, path) in [("POST", "/_emulator/snapshots/none/restore"), ("DELETE", "/_emulator/snapshots/none")] {
        assert_eq!(tester.ask(method, path, "").words(), "There is no such snapshot in this world.");
    }
    let unfit = tester.ask("POST", "/_emulator/snapshots/a%20b", "");
    assert_eq!(unfit.words(), "A name has at most 64 letters, digits and - _ . and nothing else.");
    for number in 0..32 {
        tester.does("POST", &format!("/_emulator/snapshots/{number}"), "");
    }
    assert!(tester.ask("POST", "/_emulator/snapshots/33", "").words().contains("has 32 snapshots"));
    tester.does("POST", "/_emulator/snapshots/31", "");
}

#[test]
fn faults_answer_in_the_place_of_the_api() {
    let emulator = Emulator::start(&[]);
    let tester = emulator.tester();
    let path = format!("/v1/customers/{}", tester.create(MEERA)["id"].as_str().unwrap());
    let rules = r#"{"faults": [
        {"method": "PUT", "path": "/v1/customers/*", "status": 503, "retry_after": 7, "times": 1},
        {"method": "PUT", "status": 400, "description": "No.", "times": 1},
        {"method": "PUT", "status": 504, "body": {"z":1,"a":[2]}, "times": 1},
        {"method": "POST", "status": 429}
    ]}"#;
    tester.does("PUT", "/_emulator/faults", rules);
    let edit = || tester.try_with("PUT", &path, &[("X-Request-Id", "mine-12345")], r#"{"name":"Other"}"#).unwrap();
    let [unavailable, refused, own, done] = [edit(), edit(), edit(), edit()];
    assert_eq!((unavailable.status, unavailable.header("retry-after")), (503, Some("7")));
    assert_eq!(unavailable.json()["error"]["code"], "SERVER_ERROR");
    assert_eq!(unavailable.header("x-request-id"), Some("mine-12345"), "it goes out as any answer");
    assert_eq!((refused.status, refused.words().as_str()), (400, "No."));
    assert_eq!((own.status, own.body.as_str()), (504, r#"{"z":1,"a":[2]}"#));
    assert_eq!((done.status, &done.json()["name"]), (200, &json!("Other")), "none is left");
    assert_eq!(tester.ask("POST", "/v1/customers", "{}").words(), "Request failed. Please try after sometime.");
    assert_eq!(tester.ask("GET", &path, "").status, 200);
    let shown = tester.does("GET", "/_emulator/faults", "");
    let counts: Vec<_> =
        shown["faults"].as_array().unwrap().iter().map(|rule| json!([rule["matched"], rule["fired"]])).collect();
    assert_eq!(counts, [json!([4, 1]), json!([3, 1]), json!([2, 1]), json!([1, 1])]);
    assert_eq!(shown["faults"][0]["path"], "/v1/customers/*");
    assert_eq!(tester.does("DELETE", "/_emulator/faults", ""), json!({"faults": []}));
    assert_eq!(tester.ask("POST", "/v1/customers", "{}").status, 400);
    let codes = [(502, "GATEWAY_ERROR"), (500, "SERVER_ERROR"), (404, "BAD_REQUEST_ERROR"), (401, "BAD_REQUEST_ERROR")];
    for (status, code) in codes {
        tester.does("PUT", "/_emulator/faults", &json!([{"status": status}]).to_string());
        let told = tester.ask("GET", &path, "");
        assert_eq!((told.status, told.json()["error"]["code"].as_str()), (status, Some(code)));
    }
}

#[test]
fn faults_hold_up_and_cut_off() {
    let emulator = Emulator::start(&[]);
    let tester = emulator.tester();
    let set = |rule: Value| tester.does("PUT", "/_emulator/faults", &json!([rule]).to_string());
    set(json!({"latency_ms": 300, "times": 1}));
    let began = Instant::now();
    tester.create(MEERA);
    assert!(began.elapsed() >= Duration::from_millis(300), "{:?}", began.elapsed());

    set(json!({"drop": "before", "method": "POST", "times": 1}));
    let post = |name: &str| tester.try_with("POST", "/v1/customers", &[], &format!(r#"{{"name":"{name}"}}"#));
    assert!(post("Before").is_err());
    assert_eq!(tester.count(), 1, "nothing was done");
    set(json!({"drop": "after", "method": "POST", "times": 1}));
    assert!(post("After").is_err());
    assert_eq!(tester.count(), 2, "it was done, and nobody was told");
    let head = format!(
        "GET /v1/customers HTTP/1.1\r\nHost: x\r\nAuthorization: {}\r\nConnection: close\r\n\r\n",
        tester.authorization
    );
    for when in ["before", "after"] {
        set(json!({"drop": when, "times": 1}));
        assert_eq!(emulator.server.speak(head.as_bytes()), "", "not a byte");
        assert!(emulator.server.speak(head.as_bytes()).starts_with("HTTP/1.1 200 OK"));
    }
}

#[test]
fn a_fraction_fails_and_the_same_again() {
    let emulator = Emulator::start(&[]);
    let tester = emulator.tester();
    let fails = |seed: u64| {
        tester.does("PUT", "/_emulator/faults", &json!([{"status": 500, "fraction": 0.3, "seed": seed}]).to_string());
        (0..100).map(|_| tester.ask("GET", "/v1/customers", "").status == 500).collect::<Vec<bool>>()
    };
    let (one, again, other) = (fails(1), fails(1), fails(2));
    assert_eq!(one, again);
    assert_ne!(one, other);
    let failed = one.iter().filter(|failed| **failed).count();
    assert!((15..45).contains(&failed), "{failed}");
}

#[test]
fn a_clock_decides_times_and_ids() {
    let emulator = Emulator::start(&[]);
    let tester = emulator.tester();
    let moves = |by: &str| tester.does("PUT", "/_emulator/clock", by);
    let created = || tester.create(r#"{"name":"Asha"}"#);
    assert_eq!(moves(r#"{"stand":1582033731}"#), json!({"now": 1_582_033_731, "stands": true}));
    let customer = created();
    assert_eq!((&customer["created_at"], &customer["id"]), (&json!(1_582_033_731), &json!("cust_EIECESKRDE0001")));
    assert_eq!(moves(r#"{"advance":86400}"#), json!({"now": 1_582_120_131, "stands": true}));
    assert_eq!(created()["created_at"], 1_582_120_131);
    let runs = moves(r#"{"run":true}"#);
    assert_eq!(runs["stands"], false);
    std::thread::sleep(Duration::from_millis(1_100));
    let later = tester.does("GET", "/_emulator/clock", "")["now"].as_i64().unwrap();
    assert!((1_582_120_132..1_582_120_232).contains(&later), "{later}");
    let set = moves(r#"{"set":2000000000}"#)["now"].as_i64().unwrap();
    assert!((2_000_000_000..2_000_000_100).contains(&set), "{set}");
    assert!(moves(r#"{"advance":-1000000}"#)["now"].as_i64().unwrap() < 1_999_001_000);
    let real = tester.does("DELETE", "/_emulator/clock", "");
    assert!(real["stands"] == false && real["now"].as_i64().unwrap() < 1_999_000_000, "{real}");
    let words = |by: &str| tester.ask("PUT", "/_emulator/clock", by).words();
    for by in ["{}", r#"{"run":false}"#, r#"{"stand":1,"set":2}"#] {
        assert!(words(by).starts_with(r#"Send one of {"stand":SECOND}"#), "{by}");
    }
    assert_eq!(words(r#"{"stand":5}"#), "The clock must be between 1388534400 and 2227833765.");
    assert!(words(r#"{"stop":5}"#).starts_with("The request body is not valid: unknown field `stop`"));
}

#[test]
fn workers_that_run_side_by_side_do_not_meet() {
    let emulator = Arc::new(Emulator::start(&[]));
    emulator.tester().create(r#"{"name":"First"}"#);
    let work = |number: usize| {
        let emulator = emulator.clone();
        std::thread::spawn(move || {
            let worker = emulator.worker(number);
            for round in 0..5 {
                assert_eq!(worker.count(), 0);
                worker.create(MEERA);
                assert!(worker.ask("POST", "/v1/customers", MEERA).words().contains("already exists"));
                let own = worker.create(&format!(r#"{{"name":"Worker {number} {round}"}}"#));
                assert!(own["id"].as_str().unwrap().ends_with("0003"), "a refused one took an id too: {own}");
                worker.does("PUT", "/_emulator/clock", r#"{"stand":1700000000}"#);
                worker.does("PUT", "/_emulator/faults", r#"[{"status":500,"method":"PUT"}]"#);
                assert_eq!(worker.count(), 2);
                worker.does("POST", "/_emulator/reset", "");
            }
        })
    };
    let workers: Vec<_> = (0..12).map(work).collect();
    for worker in workers {
        worker.join().unwrap();
    }
    let tester = emulator.tester();
    assert_eq!(tester.count(), 1);
    assert_eq!(tester.does("GET", "/_emulator/clock", "")["stands"], false);
}

#[test]
fn many_may_ask_one_world_at_once() {
    let emulator = Arc::new(Emulator::start(&[]));
    let ask = |number: usize| {
        let tester = emulator.tester();
        std::thread::spawn(move || {
            for round in 0..25 {
                let made = tester.create(&format!(r#"{{"name":"Number {number} {round}"}}"#));
                let path = format!("/v1/customers/{}", made["id"].as_str().unwrap());
                tester.does("PUT", &path, r#"{"notes":{"seen":true}}"#);
                assert_eq!(tester.does("GET", &path, "")["notes"]["seen"], true);
                tester.does("GET", "/v1/customers?count=20", "");
            }
        })
    };
    let asking: Vec<_> = (0..8).map(ask).collect();
    for each in asking {
        each.join().unwrap();
    }
    let last = emulator.tester().create(r#"{"name":"Last"}"#);
    assert!(last["id"].as_str().unwrap().ends_with("003F"), "201 is 3F: {last}");
}

#[test]
fn only_the_documented_secret_opens_worlds_and_so_many() {
    let emulator = Emulator::start(&["--worlds", "2"]);
    let wrong = "The api key/secret provided is invalid";
    assert_eq!(emulator.tester_with(Worlds::KEY_ID, "wrong").ask("GET", "/v1/customers", "").words(), wrong);
    assert_eq!(emulator.tester_with("rzp_test_Worker00000001", "wrong").ask("GET", "/v1/customers", "").words(), wrong);
    let live = emulator.tester_with("rzp_live_Worker00000001", Worlds::SECRET);
    assert_eq!(live.ask("GET", "/v1/customers", "").words(), wrong);
    let malformed = emulator.tester_with("rzp_test_short", Worlds::SECRET);
    assert_eq!(malformed.ask("GET", "/v1/customers", "").words(), wrong);
    for number in 1..=2 {
        emulator.worker(number).create(MEERA);
    }
    let told = emulator.worker(3).ask("GET", "/v1/customers", "");
    assert_eq!(told.status, 429);
    assert!(told.words().contains("There are 2 worlds") && told.words().contains("reset?worlds=all"), "{told:?}");

    let tester = emulator.tester();
    tester.create(MEERA);
    tester.does("PUT", "/_emulator/faults?worlds=all", r#"[{"status":500,"method":"DELETE"}]"#);
    tester.does("PUT", "/_emulator/clock?worlds=all", r#"{"stand":1700000000}"#);
    for who in [emulator.worker(1), emulator.worker(2), tester.clone()] {
        assert_eq!(who.does("GET", "/_emulator/clock", "")["now"], 1_700_000_000);
        assert_eq!(who.does("GET", "/_emulator/faults", "")["faults"][0]["status"], 500);
    }
    tester.does("PUT", "/_emulator/seed?worlds=all", r#"[{"name":"Asha"},{"name":"Bina"}]"#);
    assert_eq!((emulator.worker(1).count(), emulator.worker(2).count(), tester.count()), (2, 2, 2));
    // By whichever key.
    emulator.worker(2).does("POST", "/_emulator/reset?worlds=all", "");
    assert_eq!((emulator.worker(3).count(), emulator.worker(1).count(), tester.count()), (0, 0, 0));
    assert_eq!(
        tester.ask("POST", "/_emulator/reset?worlds=some", "").words(),
        "The worlds must be all, or not be given."
    );

    let single = Emulator::start(&["--worlds", "0"]);
    assert_eq!(single.worker(1).ask("GET", "/v1/customers", "").words(), wrong);
    assert_eq!(single.tester().count(), 0);
}

#[test]
fn a_reset_forgets_who_has_failed_too_often() {
    let emulator = Emulator::start(&[]);
    let wrong = emulator.tester_with(Worlds::KEY_ID, "wrong");
    let fail = || wrong.ask("GET", "/v1/customers", "").status;
    assert!((0..25).map(|_| fail()).any(|status| status == 429));
    emulator.tester().does("POST", "/_emulator/reset", "");
    assert_eq!(fail(), 401);
}

#[test]
fn a_strict_one_has_nothing_that_the_hosted_api_has_not() {
    let (strict, own) = (Emulator::start(&["--strict"]), Emulator::start(&[]));
    let (strict, own) = (strict.tester().kept(strict), own.tester().kept(own));
    let path = format!(
        "/v1/customers/{}",
        strict.create(r#"{"name":"Meera Nair","contact":"9000090000"}"#)["id"].as_str().unwrap()
    );
    own.create(MEERA);
    let both = |method: &str, path: &str, body: &str| (strict.ask(method, path, body), own.ask(method, path, body));
    for sent in ["0", "1", "false", "true", "null", r#""""#, r#""true""#, r#""false""#] {
        let (told, taken) = both(
            "POST",
            "/v1/customers",
            &format!(r#"{{"name":"Asha","contact":"9000090000","fail_existing":{sent}}}"#),
        );
        assert_eq!(told.words(), "The fail_existing field is invalid.", "{sent}");
        assert!(taken.status == 200 || taken.words().contains("already exists"), "{sent}: {taken:?}");
    }
    let found = strict.create(r#"{"contact":"9000090000","fail_existing":"0"}"#);
    assert_eq!(path, format!("/v1/customers/{}", found["id"].as_str().unwrap()));
    let order = strict.ask("POST", "/v1/customers", r#"{"name":"x","fail_existing":0}"#);
    assert_eq!(order.words(), "The name format is invalid.", "judged in its turn");

    let taken = r#"{"contact":"9000090000","fail_existing":"1"}"#;
    let (told, more) = both("POST", "/v1/customers", taken);
    assert_eq!((told.words(), &told.json()["error"]["metadata"]), (more.words(), &json!({})));
    assert!(more.json()["error"]["metadata"]["customer_id"].is_string());
    let other = strict.create(r#"{"name":"Other"}"#);
    let told =
        strict.ask("PUT", &format!("/v1/customers/{}", other["id"].as_str().unwrap()), r#"{"contact":"9000090000"}"#);
    assert_eq!(told.json()["error"]["metadata"], json!({}));

    for parameter in ["email=a@b.co", "contact=9000090000", "from=1500000000", "to=4000000000"] {
        let (told, taken) = both("GET", &format!("/v1/customers?{parameter}"), "");
        let name = parameter.split('=').next().unwrap();
        assert_eq!((told.status, told.words()), (400, format!("{name} is/are not required and should not be sent")));
        assert_eq!(taken.status, 200);
    }
    assert_eq!(strict.does("GET", "/v1/customers?count=1&skip=1", "")["count"], 1);
    assert_eq!(
        strict.ask("GET", &format!("{path}/revisions"), "").words(),
        "The requested URL was not found on the server."
    );

    let told = strict.try_with("PUT", &path, &[("If-Match", "\"1\"")], r#"{"name":"Asha"}"#).unwrap();
    assert_eq!((told.status, told.words().as_str()), (400, "If-Match is/are not required and should not be sent"));
    let told = strict.try_with("GET", &path, &[("If-None-Match", "\"1\"")], "").unwrap();
    assert_eq!((told.status, told.header("etag")), (200, None));
    assert_eq!(strict.ask("PUT", &path, r#"{"name":"Asha"}"#).header("etag"), None);
    assert!(own.ask("POST", "/v1/customers", r#"{"name":"Asha"}"#).header("etag").is_some());
    for refused in
        [both("GET", "/v1/customers/x", ""), both("PUT", "/v1/customers/x", "{}"), both("GET", "/v1/payments", "")]
    {
        assert_eq!(refused.0.words(), refused.1.words(), "all else is the same");
    }
    assert_eq!(strict.does("POST", "/_emulator/reset", ""), json!({"customers": 0}));
}

/// A test that keeps its emulator running.
struct Kept {
    tester: Tester,
    _emulator: Emulator,
}

impl Tester {
    fn kept(self, emulator: Emulator) -> Kept {
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
}

#[tokio::test]
async fn the_search_follows_in_memory_too() {
    let worlds = Worlds::over(Store::in_memory(true).unwrap(), 0).await.unwrap();
    let world = worlds.first();
    let actor = Actor::Command { name: "test".into() };
    let caller = Caller { mode: Mode::Test, actor, request_id: None, request: None };
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

#[test]
fn every_command_of_its_document_does_what_it_says() {
    let document = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/emulator.md")).unwrap();
    let blocks: Vec<&str> = document.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    let (starts, asks): (Vec<&str>, Vec<&str>) = blocks.iter().partition(|block| block.starts_with("patron emulate"));
    assert!(starts.len() == 2 && asks.len() >= 6, "{blocks:?}");
    for start in starts {
        Emulator::start(&start.split_whitespace().skip(2).collect::<Vec<_>>()).tester().create(MEERA);
    }
    let emulator = Emulator::start(&[]);
    let here = format!("http://{}", emulator.server.address);
    for block in asks {
        let script = format!("curl() {{ command curl -sSf --noproxy '*' \"$@\" && echo; }}\nset -e\n{block}");
        let mut bash = std::process::Command::new("bash");
        bash.env("KEY", format!("{}:{}", Worlds::KEY_ID, Worlds::SECRET));
        let output = bash.args(["-c", &script.replace("http://127.0.0.1:8080", &here)]).output().unwrap();
        assert!(output.status.success() && !output.stdout.is_empty(), "{block}\n{output:?}");
    }
}
