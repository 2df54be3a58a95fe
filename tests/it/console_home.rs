//! Home in the console: its counts after known actions, and what each role sees of it.

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{COOKIE, SET_COOKIE};
use actix_web::test::TestRequest;
use patron::domain::{Email, Mode, Role, Secret};
use patron::service::Seed;

use crate::world::{Answer, World, maker};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Somebody who is signed in.
pub struct Visitor<'a> {
    world: &'a World,
    cookie: String,
}

impl<'a> Visitor<'a> {
    pub async fn new(world: &'a World, role: Role) -> Self {
        let email = format!("{}@patron.example", role.as_str());
        let password = "four words and a comma";
        let added =
            world.services.staff.add(Email::parse(&email).unwrap(), role, &Secret::given(password.into())).await;
        assert!(added.is_ok());
        let form = format!("email={email}&password={}", password.replace(' ', "+"));
        let request = TestRequest::post().uri("/sign-in").set_payload(form);
        let signed_in = world.stranger().send(request).await;
        assert_eq!(signed_in.status, StatusCode::SEE_OTHER, "{signed_in}");
        let cookie = signed_in.headers.get(SET_COOKIE).unwrap().to_str().unwrap();
        Self { world, cookie: cookie.split(';').next().unwrap().to_owned() }
    }

    pub async fn get(&self, path: &str) -> Answer {
        let request = TestRequest::get().uri(path).insert_header((COOKIE, self.cookie.as_str()));
        self.world.stranger().send(request).await
    }
}

/// The text of a page as it is read, its facts on one line each.
fn words(answer: &Answer) -> String {
    assert_eq!(answer.status, StatusCode::OK, "{answer}");
    let main = answer.body.split("<main").nth(1).unwrap().split("</main>").next().unwrap();
    let text: String =
        main.split('<').map(|part| part.split_once('>').map_or(part, |(_, text)| text)).collect::<Vec<_>>().join(" ");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn home_tells_what_happened_in_each_mode() {
    let world = World::new();
    let owner = Visitor::new(&world, Role::Owner).await;
    assert!(words(&owner.get("/live").await).contains("Counting…"), "before the first count");

    let (live, test) = (world.key(Mode::Live).await, world.key(Mode::Test).await);
    let path = live.create(r#"{"name":"Meera"}"#).await;
    live.put(&path, r#"{"name":"Meera N"}"#).await;
    live.put(&path, r#"{"name":"Meera N"}"#).await;
    world.services.flush().await;
    world.pass(DAY);
    live.put(&path, r#"{"name":"Meera Nair"}"#).await;
    live.put(&path, r#"{"contact":"9123456780"}"#).await;
    live.create(r#"{"name":"Farah"}"#).await;
    test.create(r#"{"name":"Arjun"}"#).await;
    world.with_header("Basic !").get("/v1/customers").await;
    world.services.flush().await;

    // The session idled away with the day.
    let owner = Visitor::new(&world, Role::Viewer).await;
    let page = owner.get("/live").await;
    let said = words(&page);
    assert!(said.contains("Wednesday 19 February"), "{said}");
    assert!(said.contains("Live 2 customers , 1 made today Test 1 customer , 1 made today"), "{said}");
    assert!(said.contains("Live edits a day"), "{said}");
    assert!(said.contains("21 Jan most: 2 on 19 Feb today: 2"), "{said}");
    assert!(said.contains("Day, UTC Edits 19 Feb 2 18 Feb 1 17 Feb 0"), "{said}");
    assert!(said.contains("Requests 4 today Errors None of ours today 1 refused with 401"), "{said}");
    assert!(said.contains("Keys ending None within 14 days Backup Never"), "{said}");
    assert!(said.contains("Counted 19 Feb 2020 13:48 UTC"), "{said}");
    assert!(page.body.contains(r#"aria-label="Edits a day over 30 days: fewest 0, most 2 on 19 Feb, today 2 so far""#));
    assert_eq!(page.body.matches("<rect").count(), 30);
    assert!(!page.body.contains("style="), "the policy lets no style stand in the page");
    let test = words(&owner.get("/test").await);
    assert!(test.contains("Test edits a day") && test.contains("none in 30 days today: 0"), "{test}");
}

#[tokio::test]
async fn counting_goes_on_where_it_stopped() {
    let world = World::new();
    let seed = Seed { mode: Mode::Test, count: 12_000, seed: 1 };
    world.services.seed(seed, |_| {}).await.unwrap();
    let app = world.key(Mode::Test).await;
    let customers = || world.services.house.counts().unwrap().of(Mode::Test).customers;
    world.services.flush().await;
    assert_eq!(customers(), 12_000);
    app.create(r#"{"name":"One more"}"#).await;
    assert_eq!(customers(), 12_000, "shown with its time, not counted at each look");
    world.services.flush().await;
    world.services.flush().await;
    assert_eq!(customers(), 12_001);
}

#[tokio::test]
async fn a_key_that_ends_soon_is_named_and_leads_owners_to_the_keys() {
    let world = World::new();
    let hours = |hours: i64| Some(hours * 60 * 60);
    for (label, lifetime) in [("Soon", hours(6 * 24)), ("Sooner", hours(5)), ("Later", hours(15 * 24)), ("Never", None)]
    {
        world.services.access.issue(maker(), Mode::Live, label, lifetime).await.unwrap();
    }
    let (revoked, _) = world.services.access.issue(maker(), Mode::Test, "Revoked", hours(1)).await.unwrap();
    world.services.access.revoke(&revoked.id).await.unwrap();
    let owner = Visitor::new(&world, Role::Owner).await.get("/test").await;
    assert!(
        words(&owner).contains("Keys ending Sooner in 5 hours Live Soon in 6 days Live Backup"),
        "{}",
        words(&owner)
    );
    assert!(owner.body.contains(r#"<a href="/live/keys">Soon</a>"#));
    let viewer = Visitor::new(&world, Role::Viewer).await.get("/test").await;
    assert!(viewer.body.contains("Soon in 6 days") && !viewer.body.contains("/keys"));
}

#[tokio::test]
async fn every_role_may_see_home_and_nobody_else() {
    let world = World::new();
    for role in Role::ALL {
        let visitor = Visitor::new(&world, role).await;
        for path in ["/live", "/test", "/live/"] {
            assert_eq!(visitor.get(path).await.status, StatusCode::OK, "{path}");
        }
    }
    let stranger = world.stranger().get("/live").await;
    assert_eq!((stranger.status, stranger.header("location")), (StatusCode::SEE_OTHER, Some("/sign-in?to=%2Flive")));
}
