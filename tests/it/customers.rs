//! Create, fetch and edit, over HTTP and in JSON.

use actix_web::http::header::CONTENT_TYPE;
use actix_web::test::TestRequest;
use insta::assert_snapshot;
use patron::domain::Mode;

use crate::world::World;

const CUSTOMERS: &str = "/v1/customers";

#[tokio::test]
async fn a_customer_has_eight_keys_in_order() {
    let world = World::new();
    let app = world.key(Mode::Test).await;
    let all = r#"{"gstin":"29XAbbA4369J1PA","notes":{"z":"Tea, Earl Grey, Hot","a":1.50,"m":true},"contact":"+919123456780","email":"Gaurav.Kumar@Example.com","name":"Gaurav Kumar"}"#;
    let created = app.post(CUSTOMERS, all).await;
    assert_snapshot!(created, @r#"200 {"id":"cust_EIECESKRDE2tLI","entity":"customer","name":"Gaurav Kumar","email":"Gaurav.Kumar@Example.com","contact":"+919123456780","gstin":"29XAbbA4369J1PA","notes":{"z":"Tea, Earl Grey, Hot","a":1.50,"m":true},"created_at":1582033731}"#);
    assert_eq!(created.header("content-type"), Some("application/json"));
    assert_eq!(created.header("cache-control"), Some("no-store"));
    assert_eq!(created.header("etag"), Some("\"1\""));
    let fetched = app.get(&format!("{CUSTOMERS}/{}", created.id())).await;
    assert_eq!((fetched.body, fetched.headers.get("etag")), (created.body, created.headers.get("etag")));
    assert_snapshot!(app.post(CUSTOMERS, r#"{"contact":"12345678"}"#).await, @r#"200 {"id":"cust_EIECESKRDEUH6f","entity":"customer","name":null,"email":null,"contact":"12345678","gstin":null,"notes":[],"created_at":1582033731}"#);
}

#[tokio::test]
async fn an_edit_is_partial() {
    let world = World::new();
    let app = world.key(Mode::Test).await;
    let path = app.create(r#"{"name":"Gaurav Kumar","email":"g@example.com","notes":{"a":"1"}}"#).await;
    assert_snapshot!(app.put(&path, r#"{"contact":9123456780}"#).await, @r#"200 {"id":"cust_EIECESKRDE2tLI","entity":"customer","name":"Gaurav Kumar","email":"g@example.com","contact":"9123456780","gstin":null,"notes":{"a":"1"},"created_at":1582033731}"#);
    assert_snapshot!(app.put(&path, r#"{"notes":{"b":"2"},"name":"गौरव कुमार"}"#).await, @r#"200 {"id":"cust_EIECESKRDE2tLI","entity":"customer","name":"गौरव कुमार","email":"g@example.com","contact":"9123456780","gstin":null,"notes":{"b":"2"},"created_at":1582033731}"#);
    assert_snapshot!(app.put(&path, r#"{}"#).await, @r#"200 {"id":"cust_EIECESKRDE2tLI","entity":"customer","name":"गौरव कुमार","email":"g@example.com","contact":"9123456780","gstin":null,"notes":{"b":"2"},"created_at":1582033731}"#);
    assert_snapshot!(app.get(&path).await, @r#"200 {"id":"cust_EIECESKRDE2tLI","entity":"customer","name":"गौरव कुमार","email":"g@example.com","contact":"9123456780","gstin":null,"notes":{"b":"2"},"created_at":1582033731}"#);
}

#[tokio::test]
async fn null_and_empty_clear_a_field() {
    let world = World::new();
    let app = world.key(Mode::Test).await;
    for nothing in ["null", r#""""#] {
        let path = app
            .create(r#"{"name":"Gaurav Kumar","email":"g@example.com","contact":"12345678","gstin":"29XAbbA4369J1PA"}"#)
            .await;
        let all_but_name = format!(r#"{{"email":{nothing},"contact":{nothing},"gstin":{nothing}}}"#);
        let cleared = app.put(&path, &all_but_name).await.json();
        assert!(cleared["email"].is_null() && cleared["contact"].is_null() && cleared["gstin"].is_null());
        assert_eq!(
            app.put(&path, &format!(r#"{{"name":{nothing}}}"#)).await.description(),
            "At least one of name, email or contact is required."
        );
        assert_eq!(app.put(&path, &format!(r#"{{"name":{nothing},"contact":"87654321"}}"#)).await.status, 200);
        assert_eq!(app.put(&path, r#"{"contact":null,"name":"Gaurav"}"#).await.status, 200);
    }
    for nothing in ["null", r#""""#, "{}", "[]"] {
        let path = app.create(r#"{"name":"Gaurav Kumar","notes":{"a":"1"}}"#).await;
        let cleared = app.put(&path, &format!(r#"{{"notes":{nothing}}}"#)).await;
        assert!(cleared.body.contains(r#""notes":[]"#), "{cleared}");
    }
}

#[tokio::test]
async fn an_empty_body_is_an_empty_edit() {
    let world = World::new();
    let app = world.key(Mode::Test).await;
    let path = app.create(r#"{"name":"Gaurav Kumar"}"#).await;
    let before = app.get(&path).await.body;
    for body in ["", "{}", "[]", "null", " null "] {
        assert_eq!(app.put(&path, body).await.body, before);
        let bare = TestRequest::put().uri(&path).set_payload(body);
        assert_eq!(app.send(bare).await.body, before);
    }
    let without_type = TestRequest::put().uri(&path).set_payload(r#"{"name":"No Type"}"#);
    assert_eq!(app.send(without_type).await.json()["name"], "No Type");
}

#[tokio::test]
async fn json_comes_in_many_spellings() {
    let world = World::new();
    let app = world.key(Mode::Test).await;
    for content_type in [
        "application/json; charset=utf-8",
        "Application/JSON",
        "application/json;charset=ISO-8859-1",
        " application/json ",
    ] {
        let request = TestRequest::post().uri(CUSTOMERS).insert_header((CONTENT_TYPE, content_type));
        let answer = app.send(request.set_payload(r#"{"name":"Jos\u00e9 \u0917"}"#)).await;
        assert_eq!(answer.json()["name"], "José ग", "{content_type}");
    }
    let twice = app.post(CUSTOMERS, r#"{"name":"First","notes":{"k":1},"name":"Second","notes":{"k":2,"k":3}}"#).await;
    assert!(twice.body.contains(r#""name":"Second""#) && twice.body.contains(r#""notes":{"k":3}"#), "{twice}");
}

#[tokio::test]
async fn numbers_in_notes_come_back_by_their_literals() {
    let world = World::new();
    let app = world.key(Mode::Test).await;
    let notes = r#""notes":{"b":12345678901234567890123456789,"a":1.10,"c":-0,"d":1E+20,"e":false}"#;
    let path = app.create(&format!(r#"{{"name":"Numbers",{notes}}}"#)).await;
    assert!(app.get(&path).await.body.contains(notes));
    assert!(app.get(&format!("{path}/revisions")).await.body.contains(r#""d":{"from":null,"to":1E+20}"#));
}

#[tokio::test]
async fn the_order_of_notes_is_the_callers() {
    let world = World::new();
    let app = world.key(Mode::Test).await;
    let path = app.create(r#"{"name":"Orderly","notes":{"a":"1","b":"2"}}"#).await;
    for notes in [r#"{"b":"2","a":"1"}"#, r#"{"z":"0","b":"2","y":"1"}"#, r#"{"y":"1","z":"0"}"#] {
        let answer = app.put(&path, &format!(r#"{{"notes":{notes}}}"#)).await;
        assert!(answer.body.contains(notes), "{answer}");
        assert_eq!(app.get(&path).await.body, answer.body);
    }
}

#[tokio::test]
async fn the_pair_of_email_and_contact_is_unique_within_a_mode() {
    let world = World::new();
    let (app, live) = (world.key(Mode::Test).await, world.key(Mode::Live).await);
    let taken = app.create(r#"{"email":"G@Example.com","contact":"9123456780"}"#).await;
    assert_snapshot!(app.post(CUSTOMERS, r#"{"email":"g@example.COM","contact":"9123456780"}"#).await, @r#"400 {"error":{"code":"BAD_REQUEST_ERROR","description":"Customer already exists for the merchant","source":"NA","step":"NA","reason":"NA","metadata":{"customer_id":"cust_EIECESKRDEUH6f"}}}"#);
    assert_eq!(app.post(CUSTOMERS, r#"{"email":"g@example.com","contact":"+9123456780"}"#).await.status, 200);
    assert_eq!(app.post(CUSTOMERS, r#"{"email":"g@example.com"}"#).await.status, 200);
    assert_eq!(live.post(CUSTOMERS, r#"{"email":"g@example.com","contact":"9123456780"}"#).await.status, 200);
    // An absent value is part of the pair; both absent never clash.
    assert_eq!(app.post(CUSTOMERS, r#"{"contact":"9123456780"}"#).await.status, 200);
    let again = app.post(CUSTOMERS, r#"{"contact":"9123456780","name":"Somebody Else"}"#).await;
    assert_eq!(again.description(), "Customer already exists for the merchant");
    assert_eq!(app.post(CUSTOMERS, r#"{"name":"Nobody"}"#).await.status, 200);
    assert_eq!(app.post(CUSTOMERS, r#"{"name":"Nobody"}"#).await.status, 200);
    // By an edit too; onto oneself is no clash.
    let other = app.create(r#"{"email":"other@example.com","contact":"9123456780"}"#).await;
    let clash = app.put(&other, r#"{"email":"G@EXAMPLE.COM"}"#).await;
    assert_eq!(format!("{CUSTOMERS}/{}", clash.json()["error"]["metadata"]["customer_id"].as_str().unwrap()), taken);
    let recased = app.put(&taken, r#"{"email":"g@example.com"}"#).await;
    assert_eq!(recased.json()["email"], "g@example.com");
}

#[tokio::test]
async fn fail_existing_decides_what_a_taken_pair_means() {
    let world = World::new();
    let app = world.key(Mode::Test).await;
    let existing = app.post(CUSTOMERS, r#"{"email":"g@example.com","name":"Gaurav"}"#).await.body;
    for find in [r#""0""#, "0", "false", r#""false""#] {
        let answer =
            app.post(CUSTOMERS, &format!(r#"{{"email":"G@example.com","name":"Other","fail_existing":{find}}}"#)).await;
        assert_eq!((answer.status.as_u16(), &answer.body), (200, &existing), "{find}");
    }
    for refuse in [r#""1""#, "1", "true", r#""true""#, "null", r#""""#] {
        let answer = app.post(CUSTOMERS, &format!(r#"{{"email":"g@example.com","fail_existing":{refuse}}}"#)).await;
        assert_eq!(answer.description(), "Customer already exists for the merchant", "{refuse}");
    }
    for wrong in [r#""2""#, "2", r#""no""#, "[]", "{}", r#""True""#, "0.0", "-0"] {
        let answer = app.post(CUSTOMERS, &format!(r#"{{"email":"g@example.com","fail_existing":{wrong}}}"#)).await;
        assert_eq!(answer.description(), "The fail_existing field is invalid.", "{wrong}");
        assert_eq!(answer.json()["error"]["field"], "fail_existing");
    }
    let new = app.post(CUSTOMERS, r#"{"email":"new@example.com","fail_existing":"0"}"#).await;
    assert_eq!(new.status, 200);
}

#[tokio::test]
async fn test_and_live_never_see_each_other() {
    let world = World::new();
    let (test, live) = (world.key(Mode::Test).await, world.key(Mode::Live).await);
    let path = test.create(r#"{"name":"Test Only"}"#).await;
    assert_eq!(live.get(&path).await.description(), "The id provided does not exist");
    assert_eq!(live.put(&path, r#"{"name":"Gotcha"}"#).await.description(), "The id provided does not exist");
    assert_eq!(live.get(&format!("{path}/revisions")).await.description(), "The id provided does not exist");
    assert_eq!(live.get(CUSTOMERS).await.json()["count"], 0);
    assert_eq!(test.get(&path).await.json()["name"], "Test Only");
}

#[tokio::test]
async fn names_are_those_of_people() {
    let world = World::new();
    let app = world.key(Mode::Test).await;
    for name in ["José", "गौरव कुमार", "O'Brien (Jr.)", "A/B @ Co."] {
        let answer = app.post(CUSTOMERS, &serde_json::json!({ "name": name }).to_string()).await;
        assert_eq!(answer.json()["name"], name);
    }
    for name in ["Bob;", "Bob 😀", "Bob\u{7}", "Bob\u{202e}", " Bob", "Bob "] {
        let answer = app.post(CUSTOMERS, &serde_json::json!({ "name": name }).to_string()).await;
        assert_eq!(answer.description(), "The name format is invalid.", "{name:?}");
    }
}
