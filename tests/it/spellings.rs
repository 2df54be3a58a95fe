//! What HTTP and JSON let one spell in several ways: schemes, codings, entity tags, numbers.

use actix_web::http::header::{CONTENT_ENCODING, CONTENT_TYPE, IF_MATCH, IF_NONE_MATCH};
use actix_web::http::{Method, StatusCode};
use actix_web::test::TestRequest;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use insta::assert_snapshot;
use patron::domain::{Mode, Role};

use crate::world::{World, maker, with};

const CUSTOMERS: &str = "/v1/customers";

#[tokio::test]
async fn the_scheme_of_credentials_has_any_case() {
    let world = World::new();
    let (key, secret) = world.services.access.issue(maker(), Mode::Test, "", None).await.unwrap();
    let pair = BASE64_STANDARD.encode(format!("{}:{}", key.id.as_str(), secret.reveal()));
    for scheme in ["Basic", "basic", "BASIC", "bASIC", "basic "] {
        let answer = world.with_header(format!("{scheme} {pair}")).get(CUSTOMERS).await;
        assert_eq!(answer.status, StatusCode::OK, "{scheme}: {answer}");
    }
    for other in [format!("Basic{pair}"), format!("Basics {pair}"), format!("Bearer {pair}"), pair] {
        assert_eq!(world.with_header(other).get(CUSTOMERS).await.status, StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn media_types_have_any_case_and_any_parameters() {
    let world = World::new();
    let app = world.key(Mode::Test).await;
    for (place, (media_type, body)) in (0..).zip([
        ("APPLICATION/JSON; Charset=UTF-8", r#"{"name":"Meera"}"#),
        ("application/json;charset=iso-8859-1;x=y", r#"{"name":"Meera"}"#),
        (" Application/X-WWW-Form-Urlencoded ; CHARSET=utf-8", "name=Meera"),
    ]) {
        let request = TestRequest::post().uri(CUSTOMERS).insert_header((CONTENT_TYPE, media_type)).set_payload(body);
        let answer = app.send(request).await;
        assert_eq!((answer.status, answer.json()["name"].as_str()), (StatusCode::OK, Some("Meera")), "{place}");
    }
}

#[tokio::test]
async fn an_encoded_body_is_refused_by_the_name_of_its_encoding() {
    let world = World::new();
    let app = world.key(Mode::Test).await;
    let path = app.create(r#"{"name":"Meera"}"#).await;
    let sent = |encoding: &str| {
        let request = TestRequest::put().uri(&path).insert_header((CONTENT_TYPE, "application/json"));
        app.send(request.append_header((CONTENT_ENCODING, encoding)).set_payload(r#"{"name":"Other"}"#))
    };
    assert_snapshot!(sent("gzip").await, @r#"415 {"error":{"code":"BAD_REQUEST_ERROR","description":"The request body must not be encoded: gzip is not supported.","source":"NA","step":"NA","reason":"NA","metadata":{}}}"#);
    for (encodings, named) in [
        ("GZip", "GZip"),
        ("identity, br", "br"),
        (" , deflate", "deflate"),
        ("x-gzip", "x-gzip"),
        ("zstd,gzip", "zstd"),
        ("aws-chunked", "aws-chunked"),
        ("<script>", "this Content-Encoding"),
        (&"x".repeat(200), "this Content-Encoding"),
    ] {
        let words = format!("The request body must not be encoded: {named} is not supported.");
        let answer = sent(encodings).await;
        assert_eq!((answer.status.as_u16(), answer.description()), (415, words), "{encodings}");
    }
    assert_eq!(app.get(&path).await.json()["name"], "Meera");
    for none in ["identity", "IDENTITY", "", "identity, identity"] {
        assert_eq!(sent(none).await.status, StatusCode::OK, "{none}");
    }
    // Size is judged before, and the key before that.
    let large =
        TestRequest::put().uri(&path).insert_header((CONTENT_ENCODING, "gzip")).set_payload(vec![b' '; 131_073]);
    assert_eq!(app.send(large).await.status.as_u16(), 413);
    let unknown = TestRequest::put().uri(&path).insert_header((CONTENT_ENCODING, "gzip")).set_payload("{}");
    assert_eq!(world.stranger().send(unknown).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_page_takes_no_encoded_form() {
    let world = World::new();
    let editor = world.staff(Role::Editor).await;
    let token = editor.form_token().await;
    for path in ["/test/customers", "/test/imports"] {
        let request = TestRequest::post().uri(path).insert_header((CONTENT_ENCODING, "gzip"));
        let answer = editor.send(request.set_form(with(&token, &[("name", "Meera")]))).await;
        assert_eq!(answer.status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{path}: {answer}");
        assert!(answer.body.contains("gzip is not read here"), "{path}: {answer}");
    }
    assert_eq!(world.key(Mode::Test).await.get(CUSTOMERS).await.json()["count"], 0);
}

#[tokio::test]
async fn entity_tags_come_in_lists_with_or_without_spaces() {
    let world = World::new();
    let app = world.key(Mode::Test).await;
    let path = app.create(r#"{"name":"Meera"}"#).await;
    for known in [r#""9","1""#, r#" "9" , W/"1" "#, r#","1","#, r#"W/"9",W/"1""#, " * "] {
        let answer = app.send(TestRequest::get().uri(&path).insert_header((IF_NONE_MATCH, known))).await;
        assert_eq!(answer.status, StatusCode::NOT_MODIFIED, "{known}");
    }
    for (holds, tag) in
        [(true, r#""9","1""#), (true, r#" "9" , "1" "#), (true, " * "), (false, r#"W/"1""#), (false, "1")]
    {
        let request = TestRequest::put().uri(&path).insert_header((IF_MATCH, tag)).set_payload("{}");
        let answer = app.send(request).await;
        assert_eq!(answer.status == StatusCode::OK, holds, "{tag}: {answer}");
    }
    let two_lines =
        TestRequest::put().uri(&path).append_header((IF_MATCH, r#""9""#)).append_header((IF_MATCH, r#""1""#));
    assert_eq!(app.send(two_lines.set_payload("{}")).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_whole_number_is_its_digits_however_it_is_spelled() {
    let world = World::new();
    let app = world.key(Mode::Test).await;
    let path = app.create(r#"{"name":"Meera"}"#).await;
    for number in ["9123456780", "9123456780.0", "9.12345678E9", "91234567800e-1", "0.912345678e+10"] {
        let answer = app.put(&path, &format!(r#"{{"contact":{number}}}"#)).await;
        assert_eq!(answer.json()["contact"], "9123456780", "{number}: {answer}");
    }
    assert_eq!(app.put(&path, r#"{"contact":100000000000000.0e0}"#).await.json()["contact"], "100000000000000");
    assert_eq!(app.put(&path, r#"{"notes":{"a":1.50,"b":9.1E9}}"#).await.body.matches("1.50,\"b\":9.1E9").count(), 1);
}

#[tokio::test]
async fn a_customer_has_no_tokens() {
    let world = World::new();
    let app = world.key(Mode::Test).await;
    let path = app.create(r#"{"name":"Meera"}"#).await;
    for query in ["", "/", "?count=5&skip=2"] {
        let answer = app.get(&format!("{path}/tokens{query}")).await;
        assert_eq!(answer.to_string(), r#"200 {"entity":"collection","count":0,"items":[]}"#, "{query}");
    }
    let head = app.send(TestRequest::default().method(Method::HEAD).uri(&format!("{path}/tokens"))).await;
    assert_eq!(head.status, StatusCode::OK);
    for (tail, words) in [
        ("cust_abc/tokens?x=1", "abc is not a valid id"),
        ("cust_00000000000000/tokens?x=1", "x is/are not required and should not be sent"),
        ("cust_00000000000000/tokens?count=0", "The count must be at least 1."),
        ("cust_00000000000000/tokens", "The id provided does not exist"),
        ("cust_00000000000000/tokens/token_1", "The requested URL was not found on the server."),
    ] {
        assert_eq!(app.get(&format!("{CUSTOMERS}/{tail}")).await.description(), words, "{tail}");
    }
    let live = world.key(Mode::Live).await.get(&format!("{path}/tokens")).await;
    assert_eq!(live.description(), "The id provided does not exist");
    let posted = app.post(&format!("{path}/tokens"), "{}").await;
    assert_eq!(posted.description(), "The requested URL was not found on the server.");
}
