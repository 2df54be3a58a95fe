//! Entity tags and conditional requests.

use actix_web::http::header::{IF_MATCH, IF_NONE_MATCH};
use actix_web::test::TestRequest;
use insta::assert_snapshot;
use patron::domain::Mode;

use crate::world::{Answer, Persona, World};

async fn put_if(app: &Persona<'_>, path: &str, tag: &str, json: &'static str) -> Answer {
    app.send(TestRequest::put().uri(path).insert_header((IF_MATCH, tag)).set_payload(json)).await
}

#[tokio::test]
async fn the_tag_changes_with_each_edit_that_changes_something() {
    let world = World::new();
    let app = world.key(Mode::Test).await;
    let path = app.create(r#"{"name":"Gaurav"}"#).await;
    assert_eq!(app.put(&path, r#"{"name":"Gaurav"}"#).await.header("etag"), Some("\"1\""));
    assert_eq!(app.put(&path, r#"{"name":"Gaurav K"}"#).await.header("etag"), Some("\"2\""));
    assert_eq!(app.get(&path).await.header("etag"), Some("\"2\""));
}

#[tokio::test]
async fn who_has_it_already_is_not_sent_it_again() {
    let world = World::new();
    let app = world.key(Mode::Test).await;
    let path = app.create(r#"{"name":"Gaurav"}"#).await;
    for known in ["\"1\"", "W/\"1\"", "\"7\", \"1\"", "*"] {
        let answer = app.send(TestRequest::get().uri(&path).insert_header((IF_NONE_MATCH, known))).await;
        assert_eq!((answer.status.as_u16(), answer.body.as_str()), (304, ""), "{known}");
        assert_eq!((answer.header("etag"), answer.header("cache-control")), (Some("\"1\""), Some("no-store")));
        assert!(answer.header("x-request-id").is_some());
    }
    for unknown in ["\"2\"", "1", "\"01\"", ""] {
        let answer = app.send(TestRequest::get().uri(&path).insert_header((IF_NONE_MATCH, unknown))).await;
        assert_eq!(answer.status, 200, "{unknown}");
    }
}

#[tokio::test]
async fn an_edit_of_what_has_changed_meanwhile_is_refused_with_the_customer_as_it_is() {
    let world = World::new();
    let app = world.key(Mode::Test).await;
    let path = app.create(r#"{"name":"Gaurav"}"#).await;
    assert_eq!(put_if(&app, &path, "\"1\"", r#"{"name":"Second"}"#).await.header("etag"), Some("\"2\""));
    assert_snapshot!(put_if(&app, &path, "\"1\"", r#"{"name":"Third"}"#).await, @r#"412 {"error":{"code":"BAD_REQUEST_ERROR","description":"The customer has changed since it was read.","source":"NA","step":"NA","reason":"NA","metadata":{"customer":{"id":"cust_EIECESKRDE2tLI","entity":"customer","name":"Second","email":null,"contact":null,"gstin":null,"notes":[],"created_at":1582033731}}}}"#);
    for holds in ["*", "\"1\", \"2\""] {
        assert_eq!(put_if(&app, &path, holds, "{}").await.status, 200, "{holds}");
    }
    // Also where nothing would change; weak tags never match, nor does what is no tag.
    for fails in ["\"1\"", "W/\"2\"", "2", "\"02\"", ""] {
        assert_eq!(put_if(&app, &path, fails, r#"{"name":"Second"}"#).await.status, 412, "{fails}");
    }
    assert_eq!(app.get(&path).await.header("etag"), Some("\"2\""));
}

#[tokio::test]
async fn the_precondition_comes_after_fields_and_existence_and_before_the_rest() {
    let world = World::new();
    let app = world.key(Mode::Test).await;
    let path = app.create(r#"{"name":"Gaurav"}"#).await;
    let nowhere = "/v1/customers/cust_00000000000000";
    assert_eq!(put_if(&app, &path, "\"9\"", r#"{"name":"x"}"#).await.description(), "The name format is invalid.");
    assert_eq!(put_if(&app, nowhere, "*", r#"{"name":"x"}"#).await.description(), "The name format is invalid.");
    assert_eq!(put_if(&app, nowhere, "\"9\"", "{}").await.description(), "The id provided does not exist");
    assert_eq!(put_if(&app, &path, "\"9\"", r#"{"name":null}"#).await.status, 412);
}
