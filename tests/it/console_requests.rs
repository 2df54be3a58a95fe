//! What is remembered of API requests: what is, what never is, and what owners see of it.

use std::time::Duration;

use actix_web::http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName};
use actix_web::http::{Method, StatusCode};
use actix_web::test::TestRequest;
use patron::domain::{KeyId, Mode, Role};
use patron::service::{LastUse, OldSecret};
use rusqlite::Connection;

use crate::console_home::Visitor;
use crate::server::{Client, Server};
use crate::world::{BEGINNING, World, maker};

const CUSTOMERS: &str = "/v1/customers";
const MINUTE: Duration = Duration::from_secs(60);

/// What a question gives, a line a row.
pub fn rows(world: &World, sql: &str) -> Vec<String> {
    let connection = Connection::open(world.db()).unwrap();
    let mut statement = connection.prepare(sql).unwrap();
    let columns = statement.column_count();
    let row = |row: &rusqlite::Row<'_>| {
        let column = |at: usize| match row.get::<_, rusqlite::types::Value>(at).unwrap() {
            rusqlite::types::Value::Null => "-".to_owned(),
            rusqlite::types::Value::Integer(number) => number.to_string(),
            rusqlite::types::Value::Text(text) => text,
            other => format!("{other:?}"),
        };
        Ok((0..columns).map(column).collect::<Vec<_>>().join(" "))
    };
    statement.query_map([], row).unwrap().map(Result::unwrap).collect()
}

#[tokio::test]
async fn a_record_says_what_happened_and_never_what_was_sent() {
    let world = World::new();
    let app = world.key(Mode::Live).await;
    let path = app.create(r#"{"name":"Gaurav Kumar","email":"gaurav@private.example","contact":"9123456780","notes":{"Gaurav":"private"}}"#).await;
    app.put(&path, r#"{"email":"gaurav.private","name":"Gaurav"}"#).await;
    app.put(&path, r#"{"gaurav@private.example":1,"name":"Gaurav"}"#).await;
    app.put(&path, r#"["gaurav@private.example"]"#).await;
    app.put(&path, r#"{"contact":"private 9123456780"}"#).await;
    app.put(&path, r#"{"name":{"private":"Gaurav"}}"#).await;
    app.put(&path, "{\"private\": 9123456780, gaurav@private.example").await;
    app.put(&format!("{path}?gaurav@private.example=9123456780&email=gaurav@private.example"), "{}").await;
    app.put("/v1/customers/cust_private9123456780", "{}").await;
    app.put("/v1/customers/+919191234567801234", "{}").await;
    app.put("/v1/customers/gaurav@private.example", "{}").await;
    app.get("/v1/private/9123456780/gaurav@private.example").await;
    app.get("/v1/customers?from=private&email=gaurav@private.example").await;
    app.get("/v1/customers?gaurav@private.example=private").await;
    app.get(&format!("{path}/revisions?contact=9123456780")).await;
    app.post(CUSTOMERS, r#"{"email":"GAURAV@private.example","contact":"9123456780"}"#).await;
    app.send_form(Method::POST, CUSTOMERS, "name=private%21&notes[Gaurav]=private&9123456780=Gaurav").await;
    app.send_form(Method::POST, CUSTOMERS, "name=%FFprivate").await;
    let odd = |name: &'static str, value: &'static str| {
        TestRequest::post().uri(CUSTOMERS).insert_header((HeaderName::from_static(name), value)).set_payload("private")
    };
    app.send(odd("x-request-id", "private-9123456780")).await;
    app.send(odd("user-agent", "gaurav@private.example")).await;
    app.send(odd("content-type", "text/private")).await;
    app.send(TestRequest::default().method(Method::from_bytes(b"PRIVATE").unwrap()).uri(&path)).await;
    app.send(TestRequest::post().uri(CUSTOMERS).set_payload("private".repeat(20_000))).await;
    for header in ["private", "Basic cHJpdmF0ZTpwcml2YXRl", "Basic Z2F1cmF2QHByaXZhdGUuZXhhbXBsZTo5MTIzNDU2Nzgw"] {
        world.stranger().send(TestRequest::get().uri(CUSTOMERS).insert_header((AUTHORIZATION, header))).await;
    }
    world.services.flush().await;

    let records = rows(&world, "SELECT * FROM requests");
    assert_eq!(records.len(), 26, "{records:#?}");
    for private in ["gaurav", "private", "9123456780", "912345", "kumar"] {
        let found: Vec<_> = records.iter().filter(|record| record.to_lowercase().contains(private)).collect();
        assert!(found.is_empty(), "{private}: {found:#?}");
    }
    let said = rows(
        &world,
        "SELECT method, route, customer IS NOT NULL, query, body, status, rule, field FROM requests ORDER BY number",
    );
    insta::assert_snapshot!(said.join("\n"), @r"
    POST /v1/customers 1  name,email,contact,notes 200 - -
    PUT /v1/customers/{id} 1  name,email 400 The email must be a valid email address. email
    PUT /v1/customers/{id} 1  name 400 … is/are not required and should not be sent -
    PUT /v1/customers/{id} 1   400 … is/are not required and should not be sent -
    PUT /v1/customers/{id} 1  contact 400 Contact number contains invalid characters, only digits and + symbol are allowed contact
    PUT /v1/customers/{id} 1  name 400 The field must be a string. name
    PUT /v1/customers/{id} 1   400 The request body is not valid JSON: … -
    PUT /v1/customers/{id} 1 email  200 - -
    PUT /v1/customers/{id} 0   400 … is not a valid id -
    PUT /v1/customers/{id} 0   400 The id provided does not exist -
    PUT /v1/customers/{id} 0   400 … is not a valid id -
    GET  0   400 The requested URL was not found on the server. -
    GET /v1/customers 0 from,email  400 The time is out of range. from
    GET /v1/customers 0   400 … is/are not required and should not be sent -
    GET /v1/customers/{id}/revisions 1 contact  400 … is/are not required and should not be sent -
    POST /v1/customers 0  email,contact 400 Customer already exists for the merchant -
    POST /v1/customers 0  name,notes 400 … is/are not required and should not be sent -
    POST /v1/customers 0   400 The request body is not a valid form. -
    POST /v1/customers 0   400 The request body is not valid JSON: … -
    POST /v1/customers 0   400 The request body is not valid JSON: … -
    POST /v1/customers 0   415 The request body must be application/json or application/x-www-form-urlencoded. -
    OTHER /v1/customers/{id} 1   400 The requested URL was not found on the server. -
    POST /v1/customers 0   413 The request body is too large. -
    GET /v1/customers 0   401 The api key/secret provided is invalid -
    GET /v1/customers 0   401 The api key/secret provided is invalid -
    GET /v1/customers 0   401 The api key/secret provided is invalid -
    ");
}

#[tokio::test]
async fn a_401_has_its_true_reason() {
    let world = World::new();
    let access = &world.services.access;
    let (key, secret) = access.issue(maker(), Mode::Live, "Shop", None).await.unwrap();
    let (expired, expired_secret) = access.issue(maker(), Mode::Live, "Old ERP", Some(60)).await.unwrap();
    let (revoked, revoked_secret) = access.issue(maker(), Mode::Live, "", None).await.unwrap();
    access.revoke(&revoked.id).await.unwrap();
    world.pass(MINUTE);
    let unknown = KeyId::parse("rzp_live_00000000000000").unwrap();
    for persona in [
        world.with_key(&unknown, secret.reveal()),
        world.with_key(&key.id, "wrong"),
        world.with_key(&expired.id, expired_secret.reveal()),
        world.with_key(&revoked.id, revoked_secret.reveal()),
        world.with_header("Bearer x"),
        world.with_header("Basic cnpwOng="),
        world.stranger(),
    ] {
        assert_eq!(persona.get(CUSTOMERS).await.status, 401);
    }
    for number in 0..20 {
        world.with_key(&key.id, &format!("{number}")).get(CUSTOMERS).await;
    }
    world.services.flush().await;
    let reasons = rows(&world, "SELECT status, refused FROM requests GROUP BY status, refused ORDER BY min(number)");
    assert_eq!(
        reasons,
        [
            "401 unknown key",
            "401 wrong secret",
            "401 expired key",
            "401 revoked key",
            "401 malformed header",
            "401 malformed key id",
            "401 no credentials",
            "429 too many failures"
        ]
    );

    let owner = Visitor::new(&world, Role::Owner).await;
    let page = owner.get("/live/requests").await.body;
    for words in [
        "<b>No such key.</b> The api key/secret provided is invalid",
        "<b>Wrong secret.</b>",
        "<b>Expired <time",
        "<b>Revoked <time",
        "<b>No key was sent.</b> Please provide your api key",
        "<b>Too many wrong secrets in a minute.</b>",
        r#"<code class="id">rzp_live_0000000…</code>"#,
        ">Old ERP</td>",
    ] {
        assert!(page.contains(words), "{words}");
    }
    let rows_of = |page: &str| page.matches(r#"role="row" id="q"#).count();
    assert_eq!(rows_of(&page), 27);
    assert_eq!(rows_of(&owner.get("/live/requests?status=429").await.body), 1);
    assert_eq!(rows_of(&owner.get("/live/requests?key=unknown").await.body), 4);
    assert_eq!(rows_of(&owner.get(&format!("/live/requests?status=401&key={}", expired.id.as_str())).await.body), 1);
    assert_eq!(rows_of(&owner.get("/live/requests?status=ours").await.body), 0);
    let elsewhere = owner.get("/test/requests").await.body;
    assert_eq!(rows_of(&elsewhere), 3, "what names no key belongs to both modes");
}

#[tokio::test]
async fn of_reads_that_went_well_one_in_a_hundred_is_recorded() {
    let world = World::new();
    let app = world.key(Mode::Test).await;
    for _ in 0..201 {
        assert_eq!(app.get(CUSTOMERS).await.status, 200);
    }
    app.get("/v1/customers?count=0").await;
    world.services.flush().await;
    assert_eq!(rows(&world, "SELECT status, count(*) FROM requests GROUP BY status"), ["200 3", "400 1"]);
    assert_eq!(rows(&world, "SELECT mode, requests FROM days"), ["0 202"], "all are counted");
}

#[tokio::test]
async fn what_does_not_fit_is_counted_and_harms_nobody() {
    let world = World::new();
    let app = world.key(Mode::Test).await;
    let owner = Visitor::new(&world, Role::Owner).await;
    assert!(owner.get("/test/requests").await.body.contains("Since the server started none was left out."));
    for _ in 0..1_100 {
        assert_eq!(app.get("/v1/nowhere").await.status, 400);
    }
    assert_eq!(world.services.requests.dropped(), 76);
    world.services.flush().await;
    assert_eq!(rows(&world, "SELECT count(*) FROM requests"), ["1024"]);
    assert!(owner.get("/test/requests").await.body.contains("76 came too fast to be written down."));
    app.get("/v1/nowhere").await;
    world.services.flush().await;
    assert_eq!(rows(&world, "SELECT count(*) FROM requests"), ["1025"]);
}

#[tokio::test]
async fn what_the_store_is_too_busy_for_waits_on() {
    let world = World::new();
    let app = world.key(Mode::Test).await;
    let send = async |count: usize| {
        for _ in 0..count {
            app.get("/v1/nowhere").await;
        }
    };
    send(1_000).await;
    // A closed store is busy for good.
    world.services.close();
    world.services.flush().await;
    assert_eq!(world.services.requests.dropped(), 0);
    send(100).await;
    assert_eq!(world.services.requests.dropped(), 76);
}

#[test]
fn a_server_writes_records_down_at_its_end() {
    let directory = tempfile::tempdir().unwrap();
    let db = directory.path().join("patron.db");
    let server = Server::start(&db);
    let client = Client::new(&server, &db);
    client.create(r#"{"name":"Meera"}"#);
    assert_eq!(server.stop(), Some(0));
    let connection = Connection::open(&db).unwrap();
    let count = |table: &str| {
        connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get::<_, i64>(0)).unwrap()
    };
    assert_eq!((count("requests"), count("key_uses"), count("days")), (1, 1, 1));
}

#[tokio::test]
async fn a_revision_and_its_request_lead_to_each_other() {
    let world = World::new();
    let app = world.key(Mode::Test).await;
    // The same X-Request-Id for all of them.
    let send = async |request: TestRequest, json: &str| {
        let request = request.insert_header((HeaderName::from_static("x-request-id"), "always-the-same"));
        app.send(request.insert_header((CONTENT_TYPE, "application/json")).set_payload(json.to_owned())).await
    };
    let path = send(TestRequest::post().uri(CUSTOMERS), r#"{"name":"Meera"}"#).await.id();
    let path = format!("{CUSTOMERS}/{path}");
    for json in [r#"{"name":"Meera N"}"#, r#"{"name":"Meera N"}"#, r#"{"name":"Meera Nair"}"#] {
        assert_eq!(send(TestRequest::put().uri(&path), json).await.status, 200);
    }
    world.services.flush().await;
    let linked = rows(
        &world,
        "SELECT requests.method, revisions.version FROM requests LEFT JOIN revisions ON revisions.request = requests.number
         ORDER BY requests.number",
    );
    assert_eq!(linked, ["POST 1", "PUT 2", "PUT -", "PUT 3"]);

    let owner = Visitor::new(&world, Role::Owner).await;
    let id = path.rsplit('/').next().unwrap();
    let mut links = Vec::new();
    for number in rows(&world, "SELECT number FROM requests ORDER BY number") {
        let page = owner.get(&format!("/test/requests/{number}")).await;
        assert_eq!(page.status, StatusCode::OK);
        assert!(page.body.contains(&format!(r#"href="/test/customers/{id}""#)));
        links.push((1..=3).find(|version| page.body.contains(&format!(r#"href="/test/customers/{id}#r{version}""#))));
        assert_eq!(owner.get(&format!("/live/requests/{number}")).await.status, StatusCode::NOT_FOUND);
    }
    assert_eq!(links, [Some(1), Some(2), None, Some(3)]);
    for gone in ["1", "x", "99999999999999999999"] {
        let page = owner.get(&format!("/test/requests/{gone}")).await;
        assert_eq!(page.status, StatusCode::NOT_FOUND);
        assert!(page.body.contains("This request is not on record"));
    }
}

#[tokio::test]
async fn a_customer_of_the_other_mode_is_told_to_the_owner_alone() {
    let world = World::new();
    let (live, test) = (world.key(Mode::Live).await, world.key(Mode::Test).await);
    let path = test.create(r#"{"name":"Meera"}"#).await;
    assert_eq!(live.put(&path, "{}").await.description(), "The id provided does not exist");
    world.services.flush().await;
    let page = Visitor::new(&world, Role::Owner).await.get("/live/requests").await.body;
    assert!(page.contains("<b>It is a test customer.</b> The id provided does not exist"));
}

#[tokio::test]
async fn pages_lie_beside_each_other() {
    let world = World::new();
    let app = world.key(Mode::Test).await;
    for _ in 0..120 {
        app.get("/v1/nowhere").await;
    }
    world.services.flush().await;
    let owner = Visitor::new(&world, Role::Owner).await;
    let link = |body: &str, rel: &str| {
        let after = body.split(&format!(r#"rel="{rel}" href=""#)).nth(1)?;
        Some(after.split('"').next().unwrap().replace("&#38;", "&").replace("&amp;", "&"))
    };
    let mut address = "/test/requests?status=400".to_owned();
    let mut lens = Vec::new();
    let last = loop {
        let page = owner.get(&address).await.body;
        lens.push(page.matches(r#"role="row" id="q"#).count());
        match link(&page, "next") {
            Some(next) => address = next,
            None => break page,
        }
    };
    assert_eq!(lens, [50, 50, 20]);
    let middle = owner.get(&link(&last, "prev").unwrap()).await.body;
    assert_eq!(middle.matches(r#"role="row" id="q"#).count(), 50);
    let first = owner.get(&link(&middle, "prev").unwrap()).await.body;
    assert_eq!((first.matches(r#"role="row" id="q"#).count(), link(&first, "prev")), (50, None));
}

#[tokio::test]
async fn records_go_by_age_and_by_count() {
    let world = World::new();
    let app = world.key(Mode::Test).await;
    app.get("/v1/nowhere").await;
    world.services.flush().await;
    world.pass(31 * 24 * 60 * MINUTE);
    app.get("/v1/nowhere").await;
    world.services.flush().await;
    assert_eq!(rows(&world, "SELECT count(*) FROM requests"), ["1"]);

    let now = (BEGINNING + 31 * 24 * 60 * 60) * 1_000_000_000;
    let many = format!(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50500)
         INSERT INTO requests (number, method, route, query, body, status, micros)
         SELECT {now} - i, 'GET', '', '', '', 400, 1 FROM n"
    );
    Connection::open(world.db()).unwrap().execute_batch(&many).unwrap();
    for _ in 0..60 {
        world.services.flush().await;
    }
    assert_eq!(rows(&world, "SELECT count(*) FROM requests"), ["50000"]);
}

#[tokio::test]
async fn the_last_use_of_each_secret_is_known_through_a_rotation() {
    let world = World::new();
    let access = &world.services.access;
    let (key, first) = access.issue(maker(), Mode::Test, "", None).await.unwrap();
    let use_ = async |secret: &str| assert_eq!(world.with_key(&key.id, secret).get(CUSTOMERS).await.status, 200);
    let last = async || access.last_uses().await.unwrap().get(&key.id).copied();
    assert_eq!(last().await, None);
    use_(first.reveal()).await;
    assert_eq!(last().await, Some(LastUse { current: Some(BEGINNING as i64), previous: None }));
    world.services.flush().await;

    let (_, second) = access.rotate(&key.id, OldSecret::EndsInADay).await.unwrap();
    assert_eq!(last().await, Some(LastUse { current: None, previous: Some(BEGINNING as i64) }));
    world.pass(30 * Duration::from_secs(1));
    use_(first.reveal()).await;
    world.pass(MINUTE);
    use_(second.reveal()).await;
    let after = LastUse { current: Some(BEGINNING as i64 + 90), previous: Some(BEGINNING as i64 + 30) };
    assert_eq!(last().await, Some(after));
    assert_eq!(after.any(), Some(BEGINNING as i64 + 90));

    world.services.flush().await;
    let written = "SELECT used_at FROM key_uses ORDER BY used_at";
    let at = |seconds: u64| (BEGINNING + seconds).to_string();
    assert_eq!(rows(&world, written), [at(0), at(90)], "the first secret's was written down half a minute before");
    world.with_key(&key.id, "wrong").get(CUSTOMERS).await;
    access.rotate(&key.id, OldSecret::EndsNow).await.unwrap();
    assert_eq!(last().await, Some(LastUse { current: None, previous: Some(BEGINNING as i64 + 90) }));
}

#[tokio::test]
async fn requests_are_for_owners() {
    let world = World::new();
    for (role, status) in [(Role::Viewer, 403), (Role::Editor, 403), (Role::Owner, 200)] {
        let visitor = Visitor::new(&world, role).await;
        assert_eq!(visitor.get("/live/requests").await.status, status);
        assert_eq!(visitor.get("/test/requests?status=401").await.status, status);
        let one = visitor.get("/live/requests/1").await.status;
        assert_eq!(one, if status == 200 { 404 } else { status });
    }
    assert_eq!(world.stranger().get("/live/requests").await.status, StatusCode::SEE_OTHER);
}
