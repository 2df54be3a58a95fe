//! What goes wrong in an emulator on purpose.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::emulator::{Emulator, MEERA};

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
    // Nothing happens to the emulator itself, however its path is written.
    tester.does("PUT", "/_emulator/faults", r#"[{"path":"/**","status":500}]"#);
    for path in ["/_emulator/clock", "/%5Femulator/clock", "//%5femulator//clock/"] {
        assert_eq!(tester.ask("GET", path, "").status, 200, "{path}");
    }
    assert_eq!(tester.ask("GET", "/_emulators", "").status, 500);
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
