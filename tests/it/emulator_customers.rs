//! What a world is filled with by tests: seeds and snapshots.

use serde_json::json;

use crate::emulator::{Emulator, MEERA};

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
