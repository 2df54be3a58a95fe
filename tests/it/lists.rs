//! The list of customers: newest first, in pages, narrowed.

use std::time::Duration;

use insta::assert_snapshot;
use patron::domain::Mode;

use crate::world::{BEGINNING, Persona, World};

async fn names(app: &Persona<'_>, query: &str) -> Vec<String> {
    let page = app.get(&format!("/v1/customers{query}")).await.json();
    let items = page["items"].as_array().unwrap_or_else(|| panic!("{query}: {page}"));
    assert_eq!((page["entity"].as_str(), page["count"].as_u64()), (Some("collection"), Some(items.len() as u64)));
    items.iter().map(|item| item["name"].as_str().unwrap_or_default().to_owned()).collect()
}

/// Customer 1 to `count`, a second apart.
async fn with_customers(world: &World, count: u32) -> Persona<'_> {
    let app = world.key(Mode::Test).await;
    for number in 1..=count {
        app.create(&format!(r#"{{"name":"Customer {number}"}}"#)).await;
        world.pass(Duration::from_secs(1));
    }
    app
}

#[tokio::test]
async fn newest_come_first_and_ten_at_a_time() {
    let world = World::new();
    let app = with_customers(&world, 12).await;
    assert_eq!(names(&app, "").await, (3..=12).rev().map(|number| format!("Customer {number}")).collect::<Vec<_>>());
    assert_eq!(names(&app, "?count=2&skip=1").await, ["Customer 11", "Customer 10"]);
    assert_eq!(names(&app, "?count=100").await.len(), 12);
    assert_snapshot!(app.get("/v1/customers?skip=12").await, @r#"200 {"entity":"collection","count":0,"items":[]}"#);
    assert_snapshot!(app.get("/v1/customers?skip=99999999999999999999").await, @r#"200 {"entity":"collection","count":0,"items":[]}"#);
}

#[tokio::test]
async fn the_same_place_has_several_addresses() {
    let world = World::new();
    let app = with_customers(&world, 1).await;
    for address in ["/v1/customers/", "/v1//customers", "//v1/customers//", "/v1/customers?", "/v1/customers/?count=1"]
    {
        assert_eq!(app.get(address).await.json()["count"], 1, "{address}");
    }
}

#[tokio::test]
async fn from_and_to_are_inclusive() {
    let world = World::new();
    let app = with_customers(&world, 5).await;
    let (second, fourth) = (BEGINNING + 1, BEGINNING + 3);
    assert_eq!(names(&app, &format!("?from={second}&to={fourth}")).await, ["Customer 4", "Customer 3", "Customer 2"]);
    assert_eq!(names(&app, &format!("?from={fourth}")).await, ["Customer 5", "Customer 4"]);
    assert_eq!(names(&app, &format!("?to={second}&count=1")).await, ["Customer 2"]);
    assert_eq!(names(&app, "?from=946684800&to=4765046400").await.len(), 5);
}

#[tokio::test]
async fn email_and_contact_find_as_the_pair_compares() {
    let world = World::new();
    let app = world.key(Mode::Test).await;
    for (name, email, contact) in [
        ("One", "g@example.com", "+919123456780"),
        ("Two", "G@Example.com", "9123456780"),
        ("Three", "h@example.com", "9123456780"),
    ] {
        app.create(&format!(r#"{{"name":"{name}","email":"{email}","contact":"{contact}"}}"#)).await;
        world.pass(Duration::from_secs(1));
    }
    app.create(r#"{"name":"Four","contact":"87654321"}"#).await;
    assert_eq!(names(&app, "?email=g@EXAMPLE.com").await, ["Two", "One"]);
    assert_eq!(names(&app, "?contact=9123456780").await, ["Three", "Two"]);
    assert_eq!(names(&app, "?contact=%2B919123456780").await, ["One"]);
    assert_eq!(names(&app, "?contact=+919123456780").await, ["One"], "a plus that nobody encoded");
    assert_eq!(names(&app, "?email=g@example.com&contact=9123456780").await, ["Two"]);
    assert_eq!(names(&app, "?email=&contact=87654321&from=&to=").await, ["Four"], "an empty filter is none");
    // A plus that arrived as a space is one, in both; what no customer can have is an error.
    app.create(r#"{"name":"Five","email":"a+b+c@example.com"}"#).await;
    assert_eq!(names(&app, "?email=a+b%20c@example.com").await, ["Five"]);
    for (query, words) in [
        ("?email=g@example", "The email must be a valid email address."),
        ("?contact=none", "Contact number contains invalid characters, only digits and + symbol are allowed"),
        ("?contact=123", "Contact number should be at least 8 digits, including country code"),
    ] {
        let answer = app.get(&format!("/v1/customers{query}")).await;
        assert_eq!((answer.status.as_u16(), answer.description()), (400, words.to_owned()), "{query}");
    }
}

#[tokio::test]
async fn what_is_edited_is_found_by_its_new_values_at_once() {
    let world = World::new();
    let app = world.key(Mode::Test).await;
    let path = app.create(r#"{"name":"Gaurav","email":"old@example.com"}"#).await;
    app.put(&path, r#"{"email":"new@example.com"}"#).await;
    assert_eq!(names(&app, "?email=old@example.com").await, [""; 0]);
    assert_eq!(names(&app, "?email=NEW@example.com").await, ["Gaurav"]);
}
