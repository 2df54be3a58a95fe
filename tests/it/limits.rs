//! Rate limits: who is counted for what, and what answers tell of it. The limits here come back so slowly that no test sees it.

use actix_web::test::TestRequest;
use insta::assert_snapshot;
use patron::domain::Mode;
use patron::http::{Limits, RateLimit};
use tempfile::tempdir;

use crate::server::{Client, Server};
use crate::world::{Answer, Persona, World};

const CUSTOMERS: &str = "/v1/customers";

fn world(address: Option<&str>, key: Option<&str>) -> World {
    let limit = |text: &str| RateLimit::parse(text).unwrap();
    let mut world = World::new();
    world.settings.limits = Limits::new(address.map(limit), key.map(limit));
    world
}

/// What an answer tells of limits.
fn told(answer: &Answer) -> String {
    let fields = ["ratelimit-policy", "ratelimit", "retry-after"].map(|name| answer.header(name).unwrap_or("none"));
    format!("{} {}", answer.status.as_u16(), fields.join(" | "))
}

async fn get_from(app: &Persona<'_>, address: &str) -> Answer {
    app.send(TestRequest::get().uri(CUSTOMERS).peer_addr(address.parse().unwrap())).await
}

#[tokio::test]
async fn without_a_setting_nothing_is_limited_and_nothing_is_told() {
    let world = World::new();
    assert_eq!(told(&world.key(Mode::Test).await.get(CUSTOMERS).await), "200 none | none | none");
}

#[tokio::test]
async fn a_key_has_its_limit_and_another_does_not_notice() {
    let world = world(None, Some("3/h"));
    let (app, other) = (world.key(Mode::Test).await, world.key(Mode::Test).await);
    assert_snapshot!(told(&app.post(CUSTOMERS, r#"{"name":"Gaurav"}"#).await), @r#"200 "key";q=3;w=3600 | "key";r=2;t=1200 | none"#);
    assert_snapshot!(told(&app.post(CUSTOMERS, "{}").await), @r#"400 "key";q=3;w=3600 | "key";r=1;t=2400 | none"#);
    assert_snapshot!(told(&app.get(CUSTOMERS).await), @r#"200 "key";q=3;w=3600 | "key";r=0;t=3600 | none"#);
    let limited = app.put(&format!("{CUSTOMERS}/cust_00000000000000"), "{}").await;
    assert_snapshot!(told(&limited), @r#"429 "key";q=3;w=3600 | "key";r=0;t=1200 | 1200"#);
    assert_snapshot!(limited, @r#"429 {"error":{"code":"BAD_REQUEST_ERROR","description":"Request failed. Please try after sometime.","source":"NA","step":"NA","reason":"NA","metadata":{}}}"#);
    assert_eq!(limited.header("content-type"), Some("application/json"));
    assert_eq!(limited.header("cache-control"), Some("no-store"));
    assert_eq!(other.get(CUSTOMERS).await.status, 200);
}

#[tokio::test]
async fn who_only_knows_a_keys_id_uses_up_nothing_of_it() {
    let world = world(None, Some("1/h"));
    let (key, secret) = world.services.access.issue(crate::world::maker(), Mode::Test, "", None).await.unwrap();
    for number in 0..3 {
        let guess = world.with_key(&key.id, &format!("{number:024}")).get(CUSTOMERS).await;
        assert_eq!(told(&guess), "401 none | none | none");
    }
    let app = world.with_key(&key.id, secret.reveal());
    assert_eq!(
        [app.get(CUSTOMERS).await.status, app.get(CUSTOMERS).await.status].map(|status| status.as_u16()),
        [200, 429]
    );
}

#[tokio::test]
async fn an_address_has_its_limit_whatever_key_it_sends() {
    let world = world(Some("2/h"), None);
    let (app, stranger) = (world.key(Mode::Test).await, world.stranger());
    assert_snapshot!(told(&get_from(&stranger, "203.0.113.5:1").await), @r#"401 "address";q=2;w=3600 | "address";r=1;t=1800 | none"#);
    assert_snapshot!(told(&get_from(&stranger, "203.0.113.5:2").await), @r#"401 "address";q=2;w=3600 | "address";r=0;t=3600 | none"#);
    assert_snapshot!(told(&get_from(&app, "203.0.113.5:3").await), @r#"429 "address";q=2;w=3600 | "address";r=0;t=1800 | 1800"#);
    assert_eq!(get_from(&app, "203.0.113.6:1").await.status, 200);
    // Of IPv6 the first 64 bits.
    for (address, status) in
        [("[2001:db8::1]:1", 200), ("[2001:db8::2]:1", 200), ("[2001:db8::3]:1", 429), ("[2001:db8:0:1::1]:1", 200)]
    {
        assert_eq!(get_from(&app, address).await.status, status, "{address}");
    }
}

#[tokio::test]
async fn behind_a_trusted_proxy_the_address_is_the_clients() {
    let mut world = world(Some("1/h"), None);
    world.settings.trusted_proxies = vec!["10.0.0.0/8".parse().unwrap()];
    let app = world.key(Mode::Test).await;
    let get = async |peer: &str, client: &str| {
        let request = TestRequest::get().uri(CUSTOMERS).peer_addr(peer.parse().unwrap());
        app.send(request.insert_header(("X-Forwarded-For", client))).await.status.as_u16()
    };
    assert_eq!(get("10.0.0.1:1", "203.0.113.5").await, 200);
    assert_eq!(get("10.0.0.2:1", "203.0.113.5").await, 429);
    assert_eq!(get("10.0.0.1:1", "203.0.113.6").await, 200);
    // Whoever is no proxy may write what they like.
    assert_eq!([get("203.0.113.7:1", "203.0.113.8").await, get("203.0.113.7:1", "203.0.113.9").await], [200, 429]);
}

#[tokio::test]
async fn both_limits_are_told_and_either_holds() {
    let world = world(Some("3/h"), Some("3/h"));
    let app = world.key(Mode::Test).await;
    // Once its secret is remembered, its requests take no time.
    assert_eq!(get_from(&app, "203.0.113.5:1").await.status, 200);
    assert_snapshot!(told(&app.get(CUSTOMERS).await), @r#"200 "address";q=3;w=3600, "key";q=3;w=3600 | "address";r=2;t=1200, "key";r=1;t=2400 | none"#);
    assert_eq!(app.get(CUSTOMERS).await.status, 200);
    assert_snapshot!(told(&app.get(CUSTOMERS).await), @r#"429 "address";q=3;w=3600, "key";q=3;w=3600 | "address";r=0;t=3600, "key";r=0;t=1200 | 1200"#);
    assert_snapshot!(told(&app.get(CUSTOMERS).await), @r#"429 "address";q=3;w=3600 | "address";r=0;t=1200 | 1200"#);
}

#[tokio::test]
async fn pages_and_health_are_not_counted() {
    let world = world(Some("1/h"), Some("1/h"));
    for path in ["/healthz", "/readyz", "/sign-in", "/healthz", "/v1/nowhere"] {
        let answer = world.stranger().get(path).await;
        assert!(![401, 429].contains(&answer.status.as_u16()), "{path} {answer}");
        assert_eq!(answer.header("ratelimit"), None, "{path}");
    }
}

#[tokio::test]
async fn owners_see_why_a_request_was_turned_away() {
    let world = world(Some("2/h"), Some("1/h"));
    let owner = world.staff(patron::domain::Role::Owner).await;
    let app = world.key(Mode::Test).await;
    for _ in 0..3 {
        app.get(CUSTOMERS).await;
    }
    world.services.flush().await;
    let page = owner.get("/test/requests?status=429").await.body;
    assert!(page.contains("More requests than one key may send"), "{page}");
    assert!(page.contains("More requests than one address may send"), "{page}");
}

#[test]
fn the_settings_are_flags_and_variables() {
    let directory = tempdir().unwrap();
    let db = directory.path().join("patron.db");
    let server = Server::start_with(&db, &["serve", "--rate-limit-key", "2/h", "--rate-limit-address", "3/h"]);
    let client = Client::new(&server, &db);
    let statuses: Vec<u16> = (0..4).map(|_| client.get("").unwrap().0).collect();
    assert_eq!(statuses, [200, 200, 429, 429]);
    server.stop();
    let mut command = crate::server::patron(&db);
    let refused = command.env("PATRON_RATE_LIMIT_KEY", "fast").output().unwrap();
    assert_eq!(refused.status.code(), Some(2));
    let words = String::from_utf8(refused.stderr).unwrap();
    assert!(words.contains("give a count and a time, such as 200/s, 600/m or 50/10s"), "{words}");
}
