//! The same in form encoding, as the PHP and Ruby SDKs send it, on POST and PUT alike.

use actix_web::http::Method;
use insta::assert_snapshot;
use patron::domain::Mode;

use crate::world::World;

#[tokio::test]
async fn a_form_does_what_json_does() {
    let world = World::new();
    let app = world.key(Mode::Test).await;
    let created = app
        .send_form(
            Method::POST,
            "/v1/customers/",
            "name=Gaurav+Kumar&email=g%40example.com&contact=%2B919123456780&fail_existing=0&notes[a]=1&notes%5Bb%20c%5D=x%26y",
        )
        .await;
    assert_snapshot!(created, @r#"200 {"id":"cust_EIECESKRDE2tLI","entity":"customer","name":"Gaurav Kumar","email":"g@example.com","contact":"+919123456780","gstin":null,"notes":{"a":"1","b c":"x&y"},"created_at":1582033731}"#);
    let path = format!("/v1/customers/{}", created.id());
    assert_snapshot!(app.send_form(Method::PUT, &path, "contact=&notes[only]=%E0%A4%97").await, @r#"200 {"id":"cust_EIECESKRDE2tLI","entity":"customer","name":"Gaurav Kumar","email":"g@example.com","contact":null,"gstin":null,"notes":{"only":"ग"},"created_at":1582033731}"#);
    app.send_form(Method::PUT, &path, "notes[]=").await;
    assert_eq!(app.get(&path).await.json()["notes"], serde_json::json!([]), "an empty array");
    app.send_form(Method::PUT, &path, "notes[only]=1").await;
    assert_snapshot!(app.send_form(Method::PUT, &path, "notes=").await, @r#"200 {"id":"cust_EIECESKRDE2tLI","entity":"customer","name":"Gaurav Kumar","email":"g@example.com","contact":null,"gstin":null,"notes":[],"created_at":1582033731}"#);
    assert_snapshot!(app.send_form(Method::PUT, &path, "").await, @r#"200 {"id":"cust_EIECESKRDE2tLI","entity":"customer","name":"Gaurav Kumar","email":"g@example.com","contact":null,"gstin":null,"notes":[],"created_at":1582033731}"#);
}

#[tokio::test]
async fn a_form_breaks_rules_as_json_does() {
    let world = World::new();
    let app = world.key(Mode::Test).await;
    let refused = async |form: &str| app.send_form(Method::POST, "/v1/customers", form).await.description();
    assert_snapshot!(refused("contact=1234567").await, @"Contact number should be at least 8 digits, including country code");
    assert_snapshot!(refused("contact= 9123456780").await, @"Contact number contains invalid characters, only digits and + symbol are allowed");
    assert_snapshot!(refused("name=x&foo=1&bar[a]=2&foo=3").await, @"foo, bar is/are not required and should not be sent");
    assert_snapshot!(refused("name[first]=x").await, @"The name must be a string.");
    assert_snapshot!(refused("name[]=x").await, @"The name must be a string.");
    assert_snapshot!(refused("notes=text").await, @"Notes should be provided as a dictionary");
    assert_snapshot!(refused("notes[]=text").await, @"Notes should be provided as a dictionary");
    assert_snapshot!(refused("notes[a][b]=text").await, @"Notes values themselves should not be an array.");
    assert_snapshot!(refused("name=%ff").await, @"The request body is not a valid form.");
    assert_snapshot!(refused("notes[a]=%00").await, @"Notes may not contain null characters.");
}
