//! Pages for who is not signed in, in every state.

use std::time::Duration;

use actix_web::test::TestRequest;
use patron::domain::{Email, Role};

use crate::pages::keep;
use crate::world::{PASSWORD, Person, World, maker};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn choose<'a>(password: &'a str, again: &'a str) -> [(&'a str, &'a str); 3] {
    [("email", "asha@kaveri.example"), ("password", password), ("again", again)]
}

#[tokio::test]
async fn signing_in() {
    let world = World::new();
    let visitor = world.visitor();
    let asked = visitor.get("/sign-in?to=%2Flive%2Fkeys").await;
    keep("door@frame", &asked);
    keep("sign_in@asked", &asked);
    let wrong = [("email", "<b>asha</b>@kaveri.example"), ("password", "guess"), ("to", "https://evil.example")];
    keep("sign_in@failed", &visitor.send_form("/sign-in", &wrong).await);
    for _ in 0..19 {
        visitor.send_form("/sign-in", &wrong).await;
    }
    keep("sign_in@limited", &visitor.send_form("/sign-in", &wrong).await);
}

#[tokio::test]
async fn links() {
    let world = World::new();
    let first = format!("/link/{}", world.services.staff.first_link().await.unwrap().unwrap().reveal());
    let visitor = world.visitor();
    let asked = visitor.get(&first).await;
    keep("link@first-owner", &asked);
    let wrong = [("email", "asha at kaveri"), ("password", "short"), ("again", "")];
    keep("link@first-owner-errors", &visitor.send_form(&first, &wrong).await);
    visitor.send_form(&first, &choose(PASSWORD, PASSWORD)).await.location();
    keep("turned_at_door@first-link-used", &visitor.get(&first).await);

    let ravi = Email::parse("ravi@kaveri.example").unwrap();
    let invited = world.services.staff.invite(ravi, Role::Editor).await.unwrap();
    let invited = format!("/link/{}", invited.reveal());
    keep("link@invited", &visitor.get(&invited).await);
    keep("link@invited-common", &visitor.send_form(&invited, &choose("Password1234", "")).await);
    keep("link@invited-again", &visitor.send_form(&invited, &choose(PASSWORD, "another")).await);
    world.pass(DAY);
    keep("turned_at_door@link-over", &visitor.send_form(&invited, &choose(PASSWORD, PASSWORD)).await);
}

#[tokio::test]
async fn turned_away() {
    let world = World::new();
    let (visitor, viewer) = (world.visitor(), world.staff(Role::Viewer).await);
    keep("turned_at_door@not-found", &visitor.get("/nowhere").await);
    let elsewhere = TestRequest::post().uri("/sign-in").insert_header(("Origin", "https://evil.example"));
    keep("turned_at_door@cross-site", &visitor.send(elsewhere).await);
    let stale = [("token", "of another session")];
    keep("turned_at_door@stale-form", &viewer.send_form("/live/account/sessions", &stale).await);
    let long = "x".repeat(256 * 1024);
    keep("turned_at_door@form-too-long", &visitor.send_form("/sign-in", &[("email", &long)]).await);
    world.services.close();
    let form = [("email", viewer.email.as_str()), ("password", PASSWORD)];
    keep("turned_at_door@busy", &visitor.send_form("/sign-in", &form).await);
}

#[tokio::test]
async fn turned_away_within() {
    let world = World::new();
    let (viewer, owner) = (world.staff(Role::Viewer).await, world.staff(Role::Owner).await);
    let get = async |person: &Person<'_>, path: &str| person.get(path).await;
    keep("turned@forbidden", &get(&viewer, "/live/keys").await);
    keep("turned@not-found", &get(&viewer, "/test/nowhere").await);
    keep("turned@no-live-customer", &get(&viewer, "/live/customers/cust_EIECESKRDE2Hl5").await);
    keep("turned@no-test-customer", &get(&viewer, "/test/customers/cust_EIECESKRDE2Hl5").await);
    keep("turned@no-customers-id", &get(&viewer, "/live/customers/%3Cb%3E").await);
    keep("turned@no-key", &get(&owner, "/live/keys/rzp_test_00000000000000/rotate").await);
    keep("turned@nobody", &get(&owner, "/live/staff/staff_nobody/disable").await);
    keep("turned@no-request", &get(&owner, "/live/requests/1").await);
    keep("turned@form-not-whole", &owner.post("/live/keys", &[("label", "Shop")]).await);
    let expired = world.services.access.issue(maker(), patron::domain::Mode::Test, "Trial", Some(60)).await.unwrap().0;
    world.pass(Duration::from_secs(60));
    keep("turned@key-ended", &get(&owner, &format!("/live/keys/{}/revoke", expired.id.as_str())).await);
    world.services.close();
    let key = [("label", "Shop"), ("mode", "test"), ("ends", "never")];
    keep("turned@busy", &owner.post("/live/keys", &key).await);
}

/// What stands around every page: the places that each role may go to, in the colours of each mode.
#[tokio::test]
async fn frames() {
    let world = World::new();
    let (viewer, editor, owner) =
        (world.staff(Role::Viewer).await, world.staff(Role::Editor).await, world.staff(Role::Owner).await);
    keep("base@viewer-live", &viewer.get("/live/activity").await);
    keep("base@viewer-test", &viewer.get("/test/activity").await);
    keep("base@editor-live", &editor.get("/live/account").await);
    keep("base@editor-test", &editor.get("/test/account").await);
    keep("base@owner-live", &owner.get("/live/keys").await);
    keep("base@owner-test", &owner.get("/test/nowhere").await);
}
