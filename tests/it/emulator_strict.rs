//! An emulator that is as strict as the hosted API.

use serde_json::json;

use crate::emulator::{Emulator, MEERA};

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
    assert_eq!(strict.does("GET", &format!("{path}/tokens"), "")["count"], 0, "the hosted API has tokens");

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
