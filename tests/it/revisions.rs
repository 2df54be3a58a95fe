//! The history of a customer, our own addition to the API.

use std::time::Duration;

use actix_web::http::header::HeaderName;
use actix_web::test::TestRequest;
use insta::assert_snapshot;
use patron::domain::Mode;

use crate::world::World;

#[tokio::test]
async fn every_edit_that_changes_something_is_a_revision() {
    let world = World::new();
    let app = world.key(Mode::Test).await;
    let path = app.create(r#"{"name":"Gaurav","notes":{"a":"1","b":2}}"#).await;
    world.pass(Duration::from_secs(60));
    let request_id = HeaderName::from_static("x-request-id");
    let edit = TestRequest::put().uri(&path).insert_header((request_id, "checkout-42"));
    app.send(edit.set_payload(r#"{"name":null,"email":"g@example.com","notes":{"b":true,"c":"3"}}"#)).await;
    app.put(&path, "{}").await;
    app.put(&path, r#"{"email":"g@example.com"}"#).await;
    assert_eq!(app.put(&path, r#"{"email":"nonsense"}"#).await.status, 400);
    assert_snapshot!(app.get(&format!("{path}/revisions")).await, @r#"200 {"entity":"collection","count":2,"items":[{"id":"rev_EIECESKRDE2tLI_2","entity":"revision","version":2,"at":1582033791,"actor":{"type":"key","id":"rzp_test_0C3zxtY0C3zxtY","label":"Shop checkout"},"request_id":"checkout-42","changes":{"name":{"from":"Gaurav","to":null},"email":{"from":null,"to":"g@example.com"},"notes":{"a":{"from":"1","to":null},"b":{"from":2,"to":true},"c":{"from":null,"to":"3"}}}},{"id":"rev_EIECESKRDE2tLI_1","entity":"revision","version":1,"at":1582033731,"actor":{"type":"key","id":"rzp_test_0C3zxtY0C3zxtY","label":"Shop checkout"},"request_id":"req_ks0ZYLNks0ZYLN","changes":{"name":{"from":null,"to":"Gaurav"},"notes":{"a":{"from":null,"to":"1"},"b":{"from":null,"to":2}}}}]}"#);
}

#[tokio::test]
async fn a_history_is_read_in_pages() {
    let world = World::new();
    let app = world.key(Mode::Test).await;
    let path = app.create(r#"{"name":"Edit 1"}"#).await;
    for number in 2..=12 {
        app.put(&path, &format!(r#"{{"name":"Edit {number}"}}"#)).await;
    }
    let versions = async |query: &str| {
        let page = app.get(&format!("{path}/revisions{query}")).await.json();
        let versions: Vec<u64> =
            page["items"].as_array().unwrap().iter().map(|item| item["version"].as_u64().unwrap()).collect();
        assert_eq!(page["count"], versions.len());
        versions
    };
    assert_eq!(versions("").await, (3..=12).rev().collect::<Vec<_>>());
    assert_eq!(versions("?count=2&skip=3").await, [9, 8]);
    assert_eq!(versions("?skip=11").await, [1]);
    assert_eq!(versions("?skip=12").await, [0; 0]);
    assert_eq!(versions("?skip=99999999999999999999").await, [0; 0]);
    assert_eq!(
        app.get(&format!("{path}/revisions?from=1")).await.description(),
        "from is/are not required and should not be sent"
    );
    assert_eq!(
        app.get(&format!("{path}/revisions?count=101")).await.description(),
        "The count may not be greater than 100."
    );
}

#[tokio::test]
async fn a_change_of_the_order_of_notes_alone_is_a_revision_too() {
    let world = World::new();
    let app = world.key(Mode::Test).await;
    let path = app.create(r#"{"name":"Gaurav","notes":{"a":"1","b":"2"}}"#).await;
    assert_eq!(app.put(&path, r#"{"notes":{"b":"2","a":"1"}}"#).await.header("etag"), Some("\"2\""));
    let newest = app.get(&format!("{path}/revisions?count=1")).await.json();
    assert_eq!(newest["items"][0]["changes"], serde_json::json!({ "notes": {} }));
}
