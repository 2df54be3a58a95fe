//! Every row of the documented errors, as a whole: status, key order, shape, field.

use actix_web::http::Method;
use actix_web::http::header::{AUTHORIZATION, CONTENT_TYPE};
use actix_web::test::TestRequest;
use insta::assert_snapshot;
use patron::domain::Mode;

use crate::world::World;

const CUSTOMERS: &str = "/v1/customers";

#[tokio::test]
async fn credentials() {
    let world = World::new();
    let missing = world.stranger().get(CUSTOMERS).await;
    assert_snapshot!(missing, @r#"401 {"error":{"code":"BAD_REQUEST_ERROR","description":"Please provide your api key for authentication purposes","source":"NA","step":"NA","reason":"NA","metadata":{}}}"#);
    assert_eq!(missing.header("www-authenticate"), Some(r#"Basic realm="patron""#));
    assert_eq!(missing.header("content-type"), Some("application/json"));
    assert_eq!(missing.header("cache-control"), Some("no-store"));
    let invalid = world.with_header("Bearer token").get(CUSTOMERS).await;
    assert_snapshot!(invalid, @r#"401 {"error":{"code":"BAD_REQUEST_ERROR","description":"The api key/secret provided is invalid","source":"NA","step":"NA","reason":"NA","metadata":{}}}"#);
    assert_eq!(invalid.header("www-authenticate"), Some(r#"Basic realm="patron""#));
}

#[tokio::test]
async fn contact() {
    let world = World::new();
    let app = world.key(Mode::Test).await;
    let refused = async |json: &str| app.post(CUSTOMERS, json).await;
    assert_snapshot!(refused(r#"{"contact":"1234567"}"#).await, @r#"400 {"error":{"code":"BAD_REQUEST_ERROR","description":"Contact number should be at least 8 digits, including country code","source":"business","step":"NA","reason":"invalid_contact_number","metadata":{},"field":"contact"}}"#);
    assert_snapshot!(refused(r#"{"contact":"1234567890123456"}"#).await, @r#"400 {"error":{"code":"BAD_REQUEST_ERROR","description":"Contact number should not be greater than 15 digits, including country code","source":"business","step":"NA","reason":"invalid_contact_number","metadata":{},"field":"contact"}}"#);
    assert_snapshot!(refused(r#"{"contact":"98765 43210"}"#).await, @r#"400 {"error":{"code":"BAD_REQUEST_ERROR","description":"Contact number contains invalid characters, only digits and + symbol are allowed","source":"business","step":"NA","reason":"invalid_contact_number","metadata":{},"field":"contact"}}"#);
    assert_snapshot!(refused(r#"{"contact":true}"#).await, @r#"400 {"error":{"code":"BAD_REQUEST_ERROR","description":"The contact must be a string.","source":"business","step":"payment_initiation","reason":"input_validation_failed","metadata":{},"field":"contact"}}"#);
    for number in ["-12345678", "1234567.8", "1e-10", "9123456780.01"] {
        assert_eq!(refused(&format!(r#"{{"contact":{number}}}"#)).await.description(), "The contact must be a string.");
    }
    let long = "Contact number should not be greater than 15 digits, including country code";
    for number in ["1e999999999", "1e15", "1234567890123456.0"] {
        assert_eq!(refused(&format!(r#"{{"contact":{number}}}"#)).await.description(), long);
    }
}

#[tokio::test]
async fn name_email_and_gstin() {
    let world = World::new();
    let app = world.key(Mode::Test).await;
    let refused = async |json: String| app.post(CUSTOMERS, &json).await;
    assert_snapshot!(refused(format!(r#"{{"name":"{}"}}"#, "a".repeat(51))).await, @r#"400 {"error":{"code":"BAD_REQUEST_ERROR","description":"The name may not be greater than 50 characters.","source":"business","step":"payment_initiation","reason":"input_validation_failed","metadata":{},"field":"name"}}"#);
    assert_snapshot!(refused(r#"{"name":"ab"}"#.into()).await, @r#"400 {"error":{"code":"BAD_REQUEST_ERROR","description":"The name format is invalid.","source":"business","step":"payment_initiation","reason":"input_validation_failed","metadata":{},"field":"name"}}"#);
    assert_snapshot!(refused(r#"{"name":12345}"#.into()).await, @r#"400 {"error":{"code":"BAD_REQUEST_ERROR","description":"The name must be a string.","source":"business","step":"payment_initiation","reason":"input_validation_failed","metadata":{},"field":"name"}}"#);
    assert_snapshot!(refused(r#"{"email":"gaurav"}"#.into()).await, @r#"400 {"error":{"code":"BAD_REQUEST_ERROR","description":"The email must be a valid email address.","source":"business","step":"payment_initiation","reason":"input_validation_failed","metadata":{},"field":"email"}}"#);
    assert_snapshot!(refused(format!(r#"{{"email":"{}@example.com"}}"#, "a".repeat(53))).await, @r#"400 {"error":{"code":"BAD_REQUEST_ERROR","description":"The email may not be greater than 64 characters.","source":"business","step":"payment_initiation","reason":"input_validation_failed","metadata":{},"field":"email"}}"#);
    assert_snapshot!(refused(r#"{"email":["a@b.cc"]}"#.into()).await, @r#"400 {"error":{"code":"BAD_REQUEST_ERROR","description":"The email must be a string.","source":"business","step":"payment_initiation","reason":"input_validation_failed","metadata":{},"field":"email"}}"#);
    assert_snapshot!(refused(r#"{"gstin":"29"}"#.into()).await, @r#"400 {"error":{"code":"BAD_REQUEST_ERROR","description":"The gstin field is invalid.","source":"business","step":"payment_initiation","reason":"input_validation_failed","metadata":{},"field":"gstin"}}"#);
    assert_snapshot!(refused(r#"{"gstin":{}}"#.into()).await, @r#"400 {"error":{"code":"BAD_REQUEST_ERROR","description":"The gstin must be a string.","source":"business","step":"payment_initiation","reason":"input_validation_failed","metadata":{},"field":"gstin"}}"#);
}

#[tokio::test]
async fn notes() {
    let world = World::new();
    let app = world.key(Mode::Test).await;
    let refused = async |notes: String| app.post(CUSTOMERS, &format!(r#"{{"name":"Gaurav","notes":{notes}}}"#)).await;
    let many: Vec<String> = (0..16).map(|number| format!(r#""{number}":"x""#)).collect();
    assert_snapshot!(refused(format!("{{{}}}", many.join(","))).await, @r#"400 {"error":{"code":"BAD_REQUEST_ERROR","description":"Notes should not have more than 15 keys.","source":"business","step":"payment_initiation","reason":"input_validation_failed","metadata":{},"field":"notes"}}"#);
    assert_snapshot!(refused(format!(r#"{{"k":"{}"}}"#, "é".repeat(257))).await, @r#"400 {"error":{"code":"BAD_REQUEST_ERROR","description":"Notes value cannot be greater than 256 characters.","source":"business","step":"payment_initiation","reason":"input_validation_failed","metadata":{},"field":"notes"}}"#);
    assert_snapshot!(refused(format!(r#"{{"{}":"v"}}"#, "k".repeat(257))).await, @r#"400 {"error":{"code":"BAD_REQUEST_ERROR","description":"Notes key cannot be greater than 256 characters.","source":"business","step":"payment_initiation","reason":"input_validation_failed","metadata":{},"field":"notes"}}"#);
    for value in ["[]", "{}", "null", r#"["a"]"#] {
        let answer = refused(format!(r#"{{"k":{value}}}"#)).await;
        assert_eq!(answer.description(), "Notes values themselves should not be an array.", "{value}");
    }
    for value in [r#""text""#, "1", "true", "[1]"] {
        assert_eq!(refused(value.into()).await.description(), "Notes should be provided as a dictionary", "{value}");
    }
    assert_snapshot!(refused(r#"{"k":"a\u0000"}"#.into()).await, @r#"400 {"error":{"code":"BAD_REQUEST_ERROR","description":"Notes may not contain null characters.","source":"business","step":"payment_initiation","reason":"input_validation_failed","metadata":{},"field":"notes"}}"#);
    assert_eq!(refused(format!(r#"{{"{}":"{}"}}"#, "k".repeat(256), "é".repeat(256))).await.status, 200);
}

#[tokio::test]
async fn what_nobody_asked_for() {
    let world = World::new();
    let app = world.key(Mode::Test).await;
    let path = app.create(r#"{"name":"Gaurav"}"#).await;
    assert_snapshot!(app.post(CUSTOMERS, r#"{"b":1,"name":"Gaurav","a":2,"b":3}"#).await, @r#"400 {"error":{"code":"BAD_REQUEST_ERROR","description":"b, a is/are not required and should not be sent","source":"business","step":"payment_initiation","reason":"input_validation_failed","metadata":{}}}"#);
    assert_snapshot!(app.put(&path, r#"{"fail_existing":"0"}"#).await, @r#"400 {"error":{"code":"BAD_REQUEST_ERROR","description":"fail_existing is/are not required and should not be sent","source":"business","step":"payment_initiation","reason":"input_validation_failed","metadata":{}}}"#);
    assert_snapshot!(app.post(CUSTOMERS, r#"["name","email"]"#).await, @r#"400 {"error":{"code":"BAD_REQUEST_ERROR","description":"0, 1 is/are not required and should not be sent","source":"business","step":"payment_initiation","reason":"input_validation_failed","metadata":{}}}"#);
    for whole in [r#""text""#, "12", "true", r#""""#] {
        assert_eq!(
            app.post(CUSTOMERS, whole).await.description(),
            "0 is/are not required and should not be sent",
            "{whole}"
        );
    }
    assert_snapshot!(app.post(CUSTOMERS, "{}").await, @r#"400 {"error":{"code":"BAD_REQUEST_ERROR","description":"At least one of name, email or contact is required.","source":"business","step":"payment_initiation","reason":"input_validation_failed","metadata":{}}}"#);
}

#[tokio::test]
async fn the_first_broken_rule_is_reported() {
    let world = World::new();
    let app = world.key(Mode::Test).await;
    let mut members = vec![
        (r#""x":1"#, "x is/are not required and should not be sent"),
        (r#""name":1"#, "The name must be a string."),
        (r#""email":"x""#, "The email must be a valid email address."),
        (r#""contact":"x""#, "Contact number contains invalid characters, only digits and + symbol are allowed"),
        (r#""gstin":"x""#, "The gstin field is invalid."),
        (r#""notes":"x""#, "Notes should be provided as a dictionary"),
        (r#""fail_existing":"x""#, "The fail_existing field is invalid."),
    ];
    while let Some((_, first)) = members.first() {
        let backwards: Vec<&str> = members.iter().rev().map(|(member, _)| *member).collect();
        assert_eq!(app.post(CUSTOMERS, &format!("{{{}}}", backwards.join(","))).await.description(), *first);
        members.remove(0);
    }
    assert_eq!(
        app.post(CUSTOMERS, r#"{"fail_existing":"x"}"#).await.description(),
        "The fail_existing field is invalid."
    );
}

#[tokio::test]
async fn bodies() {
    let world = World::new();
    let app = world.key(Mode::Test).await;
    assert_snapshot!(app.post(CUSTOMERS, "{\n  \"name\": x}").await, @r#"400 {"error":{"code":"BAD_REQUEST_ERROR","description":"The request body is not valid JSON: expected value at line 2 column 11","source":"NA","step":"NA","reason":"NA","metadata":{}}}"#);
    assert_snapshot!(app.post(CUSTOMERS, r#"{"name":"\ud800"}"#).await, @r#"400 {"error":{"code":"BAD_REQUEST_ERROR","description":"The request body is not valid JSON: unexpected end of hex escape at line 1 column 16","source":"NA","step":"NA","reason":"NA","metadata":{}}}"#);
    let not_utf8 = app.send_json(Method::POST, CUSTOMERS, b"{\"name\":\"\xff\"}".as_slice()).await;
    assert_snapshot!(not_utf8, @r#"400 {"error":{"code":"BAD_REQUEST_ERROR","description":"The request body is not valid JSON: invalid unicode code point at line 1 column 10","source":"NA","step":"NA","reason":"NA","metadata":{}}}"#);
    assert_snapshot!(app.send_form(Method::POST, CUSTOMERS, "name=%ff").await, @r#"400 {"error":{"code":"BAD_REQUEST_ERROR","description":"The request body is not a valid form.","source":"NA","step":"NA","reason":"NA","metadata":{}}}"#);
    let largest = format!("{{{}}}", " ".repeat(131_070));
    assert_eq!(
        app.post(CUSTOMERS, &largest).await.description(),
        "At least one of name, email or contact is required."
    );
    let too_large = app.post(CUSTOMERS, &format!("{largest} ")).await;
    assert_snapshot!(too_large, @r#"413 {"error":{"code":"BAD_REQUEST_ERROR","description":"The request body may not be greater than 131072 bytes.","source":"NA","step":"NA","reason":"NA","metadata":{}}}"#);
    let text = TestRequest::post().uri(CUSTOMERS).insert_header((CONTENT_TYPE, "text/plain")).set_payload("{}");
    assert_snapshot!(app.send(text).await, @r#"415 {"error":{"code":"BAD_REQUEST_ERROR","description":"The request body must be application/json or application/x-www-form-urlencoded.","source":"NA","step":"NA","reason":"NA","metadata":{}}}"#);
}

#[tokio::test]
async fn depth_is_harmless() {
    let world = World::new();
    let app = world.key(Mode::Test).await;
    for (open, close) in [("[", "]"), (r#"{"a":"#, "}")] {
        for depth in [10, 900, 20_000] {
            let deep = format!("{}1{}", open.repeat(depth), close.repeat(depth));
            let described = async |json: String| app.post(CUSTOMERS, &json).await.description();
            assert!(described(deep.clone()).await.ends_with("is/are not required and should not be sent"));
            assert_eq!(described(format!(r#"{{"name":{deep}}}"#)).await, "The name must be a string.");
            assert_eq!(
                described(format!(r#"{{"name":"Gaurav","notes":{{"k":{deep}}}}}"#)).await,
                "Notes values themselves should not be an array."
            );
        }
    }
}

#[tokio::test]
async fn ids() {
    let world = World::new();
    let app = world.key(Mode::Test).await;
    assert_snapshot!(app.get("/v1/customers/cust_abc").await, @r#"400 {"error":{"code":"BAD_REQUEST_ERROR","description":"abc is not a valid id","source":"business","step":"payment_initiation","reason":"input_validation_failed","metadata":{}}}"#);
    assert_snapshot!(app.put("/v1/customers/cust_00000000000000", "{}").await, @r#"400 {"error":{"code":"BAD_REQUEST_ERROR","description":"The id provided does not exist","source":"business","step":"payment_initiation","reason":"input_validation_failed","metadata":{}}}"#);
    let description = async |id: &str| app.get(&format!("{CUSTOMERS}/{id}")).await.description();
    assert_eq!(description("abc").await, " is not a valid id");
    assert_eq!(description("cust_1234567890123").await, "1234567890123 is not a valid id");
    assert_eq!(description("cust_1234567890123-").await, "1234567890123- is not a valid id");
    assert_eq!(description("cust_%20x").await, "%20x is not a valid id");
    assert_eq!(description("plan_12345678901234").await, "The id provided does not exist");
    assert_eq!(app.get("/v1/customers/cust_abc/revisions").await.description(), "abc is not a valid id");
    let path = app.create(r#"{"name":"Gaurav"}"#).await;
    assert_eq!(app.get(&path.replace("cust_", "cust%5F")).await.status, 200);
    assert_eq!(app.get(&path.replace("cust_", "plan_")).await.description(), "The id provided does not exist");
}

#[tokio::test]
async fn queries() {
    let world = World::new();
    let app = world.key(Mode::Test).await;
    assert_snapshot!(app.get("/v1/customers?count=0").await, @r#"400 {"error":{"code":"BAD_REQUEST_ERROR","description":"The count must be at least 1.","source":"business","step":"payment_initiation","reason":"input_validation_failed","metadata":{},"field":"count"}}"#);
    assert_snapshot!(app.get("/v1/customers?skip=-1").await, @r#"400 {"error":{"code":"BAD_REQUEST_ERROR","description":"The skip must be at least 0.","source":"business","step":"payment_initiation","reason":"input_validation_failed","metadata":{},"field":"skip"}}"#);
    assert_snapshot!(app.get("/v1/customers?from=1").await, @r#"400 {"error":{"code":"BAD_REQUEST_ERROR","description":"from must be between 946684800 and 4765046400","source":"business","step":"payment_initiation","reason":"input_validation_failed","metadata":{},"field":"from"}}"#);
    assert_snapshot!(app.get("/v1/customers?page=1&count=0&sort=x").await, @r#"400 {"error":{"code":"BAD_REQUEST_ERROR","description":"page, sort is/are not required and should not be sent","source":"business","step":"payment_initiation","reason":"input_validation_failed","metadata":{}}}"#);
    let description = async |query: &str| app.get(&format!("{CUSTOMERS}?{query}")).await.description();
    assert_eq!(description("count=101").await, "The count may not be greater than 100.");
    assert_eq!(description("count=99999999999999999999").await, "The count may not be greater than 100.");
    for not_whole in ["count=ten", "count=", "count=1.0", "count=1e1", "count=--1"] {
        assert_eq!(description(not_whole).await, "The count must be an integer.", "{not_whole}");
    }
    assert_eq!(description("count=-99999999999999999999999999999999999999999").await, "The count must be at least 1.");
    assert_eq!(description("skip=x").await, "The skip must be an integer.");
    for query in ["to=946684799", "to=4765046401", "to=x", "to=1.5"] {
        assert_eq!(description(query).await, "to must be between 946684800 and 4765046400", "{query}");
    }
}

#[tokio::test]
async fn urls_and_methods() {
    let world = World::new();
    let app = world.key(Mode::Test).await;
    assert_snapshot!(app.get("/v1/payments").await, @r#"400 {"error":{"code":"BAD_REQUEST_ERROR","description":"The requested URL was not found on the server.","source":"NA","step":"NA","reason":"NA","metadata":{}}}"#);
    let path = app.create(r#"{"name":"Gaurav"}"#).await;
    for (method, path) in [
        (Method::DELETE, CUSTOMERS),
        (Method::PUT, CUSTOMERS),
        (Method::PATCH, path.as_str()),
        (Method::POST, path.as_str()),
        (Method::OPTIONS, path.as_str()),
        (Method::PUT, "/v1/customers/cust_00000000000000/revisions"),
        (Method::GET, "/v1"),
        (Method::GET, "/v1/customers/a/b/c"),
    ] {
        let answer = app.send(TestRequest::default().method(method.clone()).uri(path)).await;
        assert_eq!(answer.status, 400, "{method} {path}");
        assert_eq!(answer.description(), "The requested URL was not found on the server.");
        assert_eq!(answer.header("content-type"), Some("application/json"));
    }
}

#[tokio::test]
async fn layers_are_judged_in_order() {
    let world = World::new();
    let app = world.key(Mode::Test).await;
    let large = "x".repeat(131_073);
    let put = |path: &str, content_type: &str, body: &str| {
        TestRequest::put().uri(path).insert_header((CONTENT_TYPE, content_type.to_owned())).set_payload(body.to_owned())
    };
    let wrong = world.with_header("Basic nonsense");
    let description = async |request| app.send(request).await.description();
    assert_eq!(
        world.stranger().send(put("/v1/nowhere", "text/plain", &large)).await.description(),
        "The requested URL was not found on the server."
    );
    assert_eq!(wrong.send(put("/v1/customers/x", "text/plain", &large)).await.status, 401);
    assert_eq!(app.send(put("/v1/customers/x", "text/plain", &large)).await.status, 413);
    assert_eq!(app.send(put("/v1/customers/x", "text/plain", "{")).await.status, 415);
    assert!(description(put("/v1/customers/x", "application/json", "{")).await.contains("not valid JSON"));
    assert_eq!(description(put("/v1/customers/cust_x", "application/json", r#"{"a":1}"#)).await, "x is not a valid id");
    let nowhere = "/v1/customers/cust_00000000000000";
    assert_eq!(description(put(nowhere, "application/json", r#"{"name":"x"}"#)).await, "The name format is invalid.");
    assert_eq!(
        description(put(nowhere, "application/json", r#"{"name":null}"#)).await,
        "The id provided does not exist"
    );
}

#[tokio::test]
async fn every_answer_carries_a_request_id() {
    let world = World::new();
    let app = world.key(Mode::Test).await;
    for (sent, kept) in [("caller-1234", true), ("short", false), ("spaces in it", false), (&"a".repeat(65), false)] {
        for (persona, path) in [(&app, CUSTOMERS), (&app, "/v1/nowhere"), (&world.stranger(), CUSTOMERS)] {
            let request = TestRequest::get().uri(path).insert_header(("X-Request-Id", sent));
            let answer = persona.send(request).await;
            let id = answer.header("x-request-id").unwrap();
            assert_eq!(id == sent, kept, "{sent} on {path} gave {id}");
            assert!(kept || id.starts_with("req_"));
        }
    }
}

#[tokio::test]
async fn what_callers_send_besides_is_tolerated() {
    let world = World::new();
    let app = world.key(Mode::Test).await;
    let with_account = TestRequest::get().uri(CUSTOMERS).insert_header(("X-Razorpay-Account", "acc_1"));
    assert_eq!(app.send(with_account).await.status, 200);
    let with_type = TestRequest::get().uri(CUSTOMERS).insert_header((CONTENT_TYPE, "text/weird")).set_payload("??");
    assert_eq!(app.send(with_type).await.status, 200);
    let twice = TestRequest::get().uri(CUSTOMERS).append_header((AUTHORIZATION, "Basic x"));
    assert_eq!(world.stranger().send(twice).await.status, 401);
}
