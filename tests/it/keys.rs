//! Keys: rotation, revocation, expiry, import, and what guessing comes to.

use std::time::Duration;

use actix_web::test::TestRequest;
use insta::assert_snapshot;
use patron::domain::{KeyId, Mode, Secret};
use patron::service::{KeyRefused, OldSecret};

use crate::world::{World, maker};

const CUSTOMERS: &str = "/v1/customers";
const HOUR: Duration = Duration::from_secs(60 * 60);

#[tokio::test]
async fn ids_and_secrets_have_their_form() {
    let world = World::new();
    let (key, secret) = world.services.access.issue(maker(), Mode::Live, "Shop", None).await.unwrap();
    assert_eq!(key.id.as_str().len(), "rzp_live_".len() + 14);
    assert!(key.id.as_str().starts_with("rzp_live_"));
    assert!(Secret::parse(secret.reveal()).is_some());
    assert!(key.secret.as_str().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
}

#[tokio::test]
async fn one_text_for_every_cause() {
    let world = World::new();
    let (key, secret) = world.services.access.issue(maker(), Mode::Test, "", None).await.unwrap();
    let (revoked, revoked_secret) = world.services.access.issue(maker(), Mode::Test, "", None).await.unwrap();
    world.services.access.revoke(&revoked.id).await.unwrap();
    let unknown = KeyId::parse("rzp_test_00000000000000").unwrap();
    let other_secret = "0".repeat(24);
    for persona in [
        world.with_key(&key.id, &other_secret),
        world.with_key(&key.id, ""),
        world.with_key(&unknown, secret.reveal()),
        world.with_key(&revoked.id, revoked_secret.reveal()),
        world.with_header(""),
        world.with_header("Basic"),
        world.with_header("Basic !!!"),
        world.with_header(format!("Bearer {}", secret.reveal())),
        world.with_header("basic cnpwX3Rlc3Q6eA=="),
        world.with_header("Basic cnpwX3Rlc3Q6eA=="),
    ] {
        let answer = persona.get(CUSTOMERS).await;
        assert_eq!(
            (answer.status.as_u16(), answer.description().as_str()),
            (401, "The api key/secret provided is invalid")
        );
    }
}

#[tokio::test]
async fn a_revoked_key_is_refused_at_its_next_request() {
    let world = World::new();
    let (key, secret) = world.services.access.issue(maker(), Mode::Test, "", None).await.unwrap();
    let app = world.with_key(&key.id, secret.reveal());
    assert_eq!(app.get(CUSTOMERS).await.status, 200);
    world.services.access.revoke(&key.id).await.unwrap();
    assert_eq!(app.get(CUSTOMERS).await.status, 401);
    assert!(matches!(world.services.access.rotate(&key.id, OldSecret::EndsNow).await, Err(KeyRefused::Ended)));
}

#[tokio::test]
async fn an_expired_key_is_refused() {
    let world = World::new();
    let (key, secret) = world.services.access.issue(maker(), Mode::Test, "", Some(3600)).await.unwrap();
    let app = world.with_key(&key.id, secret.reveal());
    world.pass(HOUR - Duration::from_secs(1));
    assert_eq!(app.get(CUSTOMERS).await.status, 200);
    world.pass(Duration::from_secs(1));
    assert_eq!(app.get(CUSTOMERS).await.status, 401);
}

#[tokio::test]
async fn during_a_rotation_both_secrets_work() {
    let world = World::new();
    let (key, first) = world.services.access.issue(maker(), Mode::Test, "", None).await.unwrap();
    let works = async |secret: &Secret| world.with_key(&key.id, secret.reveal()).get(CUSTOMERS).await.status == 200;
    assert!(works(&first).await);
    let (_, second) = world.services.access.rotate(&key.id, OldSecret::EndsInADay).await.unwrap();
    assert!(works(&first).await && works(&second).await);
    world.pass(24 * HOUR - Duration::from_secs(1));
    assert!(works(&first).await && works(&second).await);
    world.pass(Duration::from_secs(1));
    assert!(!works(&first).await && works(&second).await);
    let (_, third) = world.services.access.rotate(&key.id, OldSecret::EndsInADay).await.unwrap();
    let (_, fourth) = world.services.access.rotate(&key.id, OldSecret::EndsInADay).await.unwrap();
    assert!(!works(&second).await && works(&third).await && works(&fourth).await, "at most two live");
    let (_, fifth) = world.services.access.rotate(&key.id, OldSecret::EndsNow).await.unwrap();
    assert!(!works(&third).await && !works(&fourth).await && works(&fifth).await);
}

#[tokio::test]
async fn a_key_made_elsewhere_is_taken_in() {
    let world = World::new();
    let id = KeyId::parse("rzp_live_ILgsfZCZoFIKMb").unwrap();
    let secret = Secret::parse("FtGhB2fvSvg2TODb2XfhWMEo").unwrap();
    world.services.access.import(maker(), id.clone(), &secret, "From elsewhere", None).await.unwrap();
    assert_eq!(world.with_key(&id, secret.reveal()).get(CUSTOMERS).await.status, 200);
    let again = world.services.access.import(maker(), id.clone(), &secret, "", None).await;
    assert!(matches!(again, Err(KeyRefused::Exists)));
}

#[tokio::test]
async fn guessing_is_limited_and_locks_nobody_out() {
    let world = World::new();
    let (key, secret) = world.services.access.issue(maker(), Mode::Test, "", None).await.unwrap();
    let app = world.with_key(&key.id, secret.reveal());
    assert_eq!(app.get(CUSTOMERS).await.status, 200);
    let guess = async |number: u32| world.with_key(&key.id, &format!("{number:024}")).get(CUSTOMERS).await;
    for number in 0..20 {
        assert_eq!(guess(number).await.status, 401);
    }
    let limited = guess(20).await;
    assert_snapshot!(limited, @r#"429 {"error":{"code":"BAD_REQUEST_ERROR","description":"Request failed. Please try after sometime.","source":"NA","step":"NA","reason":"NA","metadata":{}}}"#);
    assert_eq!(limited.header("retry-after"), Some("60"));
    assert_eq!(app.get(CUSTOMERS).await.status, 200, "who is remembered passes every limit");
    let elsewhere = TestRequest::get().uri(CUSTOMERS).peer_addr("10.1.2.3:4567".parse().unwrap());
    assert_eq!(world.with_key(&key.id, "wrong").send(elsewhere).await.status, 401, "another address is another party");
    let (_, rotated) = world.services.access.rotate(&key.id, OldSecret::EndsNow).await.unwrap();
    let rotated = world.with_key(&key.id, rotated.reveal());
    assert_eq!(rotated.get(CUSTOMERS).await.status, 429, "nothing tells it from a guess");
    world.pass(Duration::from_secs(60));
    assert_eq!(rotated.get(CUSTOMERS).await.status, 200);
}

#[tokio::test]
async fn an_application_that_starts_with_many_requests_at_once_is_not_limited() {
    let world = World::new();
    let app = world.key(Mode::Test).await;
    let answers = futures_util::future::join_all((0..64).map(|_| app.get(CUSTOMERS))).await;
    assert!(answers.iter().all(|answer| answer.status == 200));
}

#[tokio::test]
async fn an_application_that_gives_up_early_does_not_lock_itself_out() {
    let world = World::new();
    let app = world.key(Mode::Test).await;
    for _ in 0..25 {
        let gives_up = tokio::time::timeout(Duration::from_millis(2), app.get(CUSTOMERS)).await;
        // By the time one of them waits long enough, the secret is remembered.
        assert!(gives_up.is_err() || gives_up.is_ok_and(|answer| answer.status == 200));
    }
    assert_eq!(app.get(CUSTOMERS).await.status, 200);
}
