//! Worlds of an emulator: whose each is, that they do not meet, and their clocks.

use std::sync::Arc;
use std::time::Duration;

use patron::service::Worlds;
use serde_json::json;

use crate::emulator::{Emulator, MEERA};

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
    assert!(
        told.words().contains("There are 2 worlds") && told.words().contains("reset?worlds=all by the key rzp_test_E"),
        "{told:?}"
    );

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
