//! Alive and ready: who may ask, what is answered, and what it costs.

use std::time::{Duration, Instant};

use actix_web::http::{Method, StatusCode};
use actix_web::test::TestRequest;
use patron::domain::{Cursor, Mode, RequestFilter};
use tempfile::tempdir;

use crate::search::caller;
use crate::server::{Client, Server};
use crate::world::World;

#[tokio::test]
async fn anybody_may_ask_and_nothing_is_told_or_recorded() {
    let world = World::new();
    let stranger = world.stranger();
    for (path, body) in [("/healthz", "200 alive\n"), ("/readyz", "200 ready\n"), ("/readyz/", "200 ready\n")] {
        let answer = stranger.get(path).await;
        assert_eq!(answer.to_string(), body);
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_eq!(answer.header("set-cookie"), None);
        let head = stranger.send(TestRequest::default().method(Method::HEAD).uri(path)).await;
        assert_eq!(head.status, StatusCode::OK);
        let post = stranger.send(TestRequest::post().uri(path)).await;
        assert_ne!(post.status, StatusCode::OK);
    }
    world.services.flush().await;
    let listed =
        world.services.requests.list(&caller(Mode::Live), RequestFilter::default(), Cursor::Newest, 10).await.unwrap();
    assert!(listed.is_empty());
    assert_eq!(world.services.house.counts().unwrap().of(Mode::Live).today().requests, 0);
}

#[tokio::test]
async fn readiness_is_a_commit_that_leaves_nothing_behind_and_many_share_one() {
    let world = World::new();
    let connection = rusqlite::Connection::open(world.db()).unwrap();
    let pulse = || {
        let sql = "SELECT count(*), sum(beat & 1) FROM pulse";
        connection.query_row(sql, [], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?))).unwrap()
    };
    assert_eq!(pulse(), (1, 0));
    let asked = futures_util::future::join_all((0..50).map(|_| world.services.health.is_ready())).await;
    assert!(asked.into_iter().all(|ready| ready));
    assert_eq!(pulse(), (1, 1), "one commit for all of them");
}

fn ask(server: &Server, path: &str) -> String {
    server.speak(format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").as_bytes())
}

#[test]
fn where_nothing_can_be_committed_it_is_alive_and_not_ready_until_that_is_over() {
    let directory = tempdir().unwrap();
    let db = directory.path().join("patron.db");
    let server = Server::start(&db);
    let client = Client::new(&server, &db);
    let id = client.create(r#"{"name":"Gaurav"}"#);
    assert!(ask(&server, "/readyz").starts_with("HTTP/1.1 200 "));
    let holder = rusqlite::Connection::open(&db).unwrap();
    holder.execute_batch("BEGIN IMMEDIATE").unwrap();
    let patience = Instant::now() + Duration::from_secs(20);
    let answer = loop {
        let answer = ask(&server, "/readyz");
        if !answer.starts_with("HTTP/1.1 200 ") {
            break answer;
        }
        assert!(Instant::now() < patience, "{answer}");
    };
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.ends_with("\r\n\r\nnot ready\n"), "{answer}");
    assert!(answer.contains("retry-after: 1\r\n"), "{answer}");
    assert!(ask(&server, "/healthz").ends_with("\r\n\r\nalive\n"));
    assert_eq!(client.get(&format!("/{id}")).unwrap().0, 200, "reads go on");

    holder.execute_batch("ROLLBACK").unwrap();
    while !ask(&server, "/readyz").starts_with("HTTP/1.1 200 ") {
        assert!(Instant::now() < patience, "it does not get over it");
    }
}
