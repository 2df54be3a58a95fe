//! A clock that jumps back, and one that was never set.

use std::collections::HashSet;
use std::time::Duration;

use actix_web::http::StatusCode;
use patron::domain::{Cursor, Mode, RequestFilter, Role};
use patron::service::{OldSecret, Schedule};
use tempfile::tempdir;

use crate::schedule::turn;
use crate::search::caller;
use crate::server::run;
use crate::world::{World, maker};

const HOUR: Duration = Duration::from_secs(60 * 60);
const SECOND: Duration = Duration::from_secs(1);

fn is_whole(world: &World) {
    let checked = run(&world.db(), &["check"]);
    assert!(checked.status.success(), "{checked:?}");
}

#[tokio::test]
async fn when_it_jumps_back_ids_stay_unique_and_lists_and_histories_stay_whole() {
    let world = World::new();
    let shop = world.key(Mode::Test).await;
    let mut ids = Vec::new();
    for number in 0..120 {
        if number == 60 {
            world.jump_back(HOUR);
        }
        world.pass(SECOND);
        ids.push(shop.create(&format!(r#"{{"name":"Customer","contact":"{}"}}"#, 10_000_000 + number)).await);
    }
    assert_eq!(ids.iter().collect::<HashSet<_>>().len(), ids.len());
    let mut listed = Vec::new();
    for skip in (0..130).step_by(10) {
        let page = shop.get(&format!("/v1/customers?count=10&skip={skip}")).await.json();
        listed.extend(page["items"].as_array().unwrap().iter().map(|item| {
            (item["created_at"].as_i64().unwrap(), format!("/v1/customers/{}", item["id"].as_str().unwrap()))
        }));
    }
    assert_eq!(listed.len(), ids.len(), "each once");
    assert!(listed.is_sorted_by(|before, after| before > after), "newest first, by what the clock said");
    assert_eq!(listed.iter().map(|(_, id)| id).collect::<HashSet<_>>(), ids.iter().collect());

    world.jump_back(HOUR);
    let edited = shop.put(&ids[7], r#"{"name":"Edited Before It Was Made"}"#).await;
    assert_eq!(edited.status, StatusCode::OK);
    let history = shop.get(&format!("{}/revisions", ids[7])).await.json();
    let versions: Vec<_> = history["items"].as_array().unwrap().iter().map(|item| item["version"].as_u64()).collect();
    assert_eq!(versions, [Some(2), Some(1)], "in the order in which they happened");
    is_whole(&world);
}

#[tokio::test]
async fn when_it_jumps_back_requests_keep_their_order() {
    let world = World::new();
    let shop = world.key(Mode::Live).await;
    for number in 0..10 {
        if number == 5 {
            world.jump_back(HOUR);
        }
        shop.post("/v1/customers", &format!(r#"{{"name":"Order","contact":"{}"}}"#, 10_000_000 + number)).await;
    }
    world.services.flush().await;
    let requests = &world.services.requests;
    let listed = requests.list(&caller(Mode::Live), RequestFilter::default(), Cursor::Newest, 20).await.unwrap();
    assert_eq!(listed.len(), 10);
    let mut versions = Vec::new();
    for request in listed.iter().rev() {
        versions.push(request.record.customer.clone().unwrap());
    }
    let page = shop.get("/v1/customers?count=100").await.json();
    let contact_of = |id: &str| {
        let items = page["items"].as_array().unwrap();
        items.iter().find(|item| item["id"] == id).unwrap()["contact"].as_str().unwrap().to_owned()
    };
    let contacts: Vec<String> = versions.iter().map(|id| contact_of(id.as_str())).collect();
    assert!(contacts.is_sorted(), "{contacts:?}");
}

#[tokio::test]
async fn when_it_jumps_back_nobody_is_signed_out_locked_out_or_let_in_for_long() {
    let world = World::new();
    let owner = world.staff(Role::Owner).await;
    let (key, old) = world.services.access.issue(maker(), Mode::Live, "Shop", None).await.unwrap();
    let (_, new) = world.services.access.rotate(&key.id, OldSecret::EndsInADay).await.unwrap();
    let (shop, before) = (world.with_key(&key.id, new.reveal()), world.with_key(&key.id, old.reveal()));
    let wrong = world.with_key(&key.id, "000000000000000000000000");
    let mut last = wrong.get("/v1/customers").await.status;
    for _ in 0..20 {
        last = wrong.get("/v1/customers").await.status;
    }
    assert_eq!(last, StatusCode::TOO_MANY_REQUESTS);

    world.jump_back(HOUR);
    assert_eq!(owner.get("/live").await.status, StatusCode::OK);
    assert_eq!(shop.get("/v1/customers").await.status, StatusCode::OK);
    assert_eq!(
        wrong.get("/v1/customers").await.status,
        StatusCode::UNAUTHORIZED,
        "a limit of a minute is none of an hour"
    );
    // What ends, ends by the clock: an hour later, and not never.
    world.pass(24 * HOUR);
    assert_eq!(before.get("/v1/customers").await.status, StatusCode::OK);
    assert_eq!(owner.get("/live").await.status, StatusCode::SEE_OTHER);
    world.pass(HOUR);
    assert_eq!(before.get("/v1/customers").await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn when_it_jumps_back_backups_neither_stop_nor_multiply() {
    let world = World::new();
    let folder = tempdir().unwrap();
    let made = || std::fs::read_dir(folder.path()).unwrap().count();
    let turn = || turn(&world, Schedule { folder: folder.path().to_owned(), every: HOUR, keep: 100 });
    turn();
    world.pass(HOUR);
    turn();
    assert_eq!(made(), 2);
    world.jump_back(HOUR / 2);
    // By its clock the last one is half an hour old: the one in the time to come puts nothing off.
    for minute in 1..=60 {
        world.pass(Duration::from_secs(60));
        turn();
        assert!(made() <= 3, "minute {minute}");
    }
    assert_eq!(made(), 2, "the one that was in the time to come is due again an hour after it");
    world.pass(HOUR / 2);
    turn();
    assert_eq!(made(), 3);
    world.jump_back(10 * HOUR);
    for _ in 0..60 {
        world.pass(Duration::from_secs(60));
        turn();
    }
    assert_eq!(made(), 4 + 1 - 1, "one at once, none within the hour");
}

#[tokio::test]
async fn a_clock_that_was_never_set_serves_and_the_doctor_says_so() {
    for seconds in [0, 5, 1_000_000_000] {
        let world = World::at(seconds);
        let shop = world.key(Mode::Live).await;
        let mut ids = HashSet::new();
        for number in 0..5 {
            let id = shop.create(&format!(r#"{{"name":"Early","contact":"{}"}}"#, 10_000_000 + number)).await;
            assert_eq!(shop.put(&id, r#"{"name":"Early Edit"}"#).await.status, StatusCode::OK);
            assert_eq!(shop.get(&id).await.json()["created_at"], seconds);
            ids.insert(id);
        }
        assert_eq!(ids.len(), 5);
        assert_eq!(shop.get("/v1/customers").await.json()["count"], 5);
        let owner = world.staff(Role::Owner).await;
        for page in ["/live", "/live/customers", "/live/requests", "/live/keys", "/live/staff", "/live/activity"] {
            world.services.flush().await;
            let answer = owner.get(page).await;
            assert_ne!(answer.status, StatusCode::INTERNAL_SERVER_ERROR, "{page} {answer}");
        }
        let folder = tempdir().unwrap();
        turn(&world, Schedule { folder: folder.path().to_owned(), every: HOUR, keep: 2 });
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        let findings = world.services.examine(true).await.unwrap();
        let clock = findings.iter().find(|finding| finding.what == "Clock").unwrap();
        assert!(clock.words.contains("set the clock"), "{clock:?}");
        is_whole(&world);
        // The day on which somebody sets it.
        world.pass(Duration::from_secs(crate::world::BEGINNING));
        let id = shop.create(r#"{"name":"In Time"}"#).await;
        let newest = shop.get("/v1/customers?count=1").await.json()["items"][0]["id"].as_str().unwrap().to_owned();
        assert!(id.ends_with(&newest));
        is_whole(&world);
    }
}
