//! The page of staff: who may see it, and that what it does holds at the next request of whom it is about.

use std::time::Duration;

use actix_web::test::TestRequest;
use patron::domain::Role;

use crate::world::{Answer, PASSWORD, Person, World, with};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn at(id: &str, act: &str) -> String {
    format!("/live/staff/{id}/{act}")
}

/// The path of the link that a page shows.
fn link(answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{answer}");
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let link = answer.between(r#"id="link">"#, "<").unwrap();
    link.strip_prefix("http://localhost").unwrap().to_owned()
}

/// What the list says of somebody.
async fn row(owner: &Person<'_>, id: &str) -> String {
    owner.get("/live/staff").await.between(&format!(r#"<tr role="row" id="{id}">"#), "</tr>").unwrap().to_owned()
}

/// Every route of this place that changes something, with its fields.
fn posts(id: &str) -> Vec<(String, Vec<(&'static str, &'static str)>)> {
    vec![
        ("/live/staff".to_owned(), vec![("email", "new@kaveri.example"), ("role", "owner")]),
        (at(id, "role"), vec![("role", "owner")]),
        (at(id, "sessions"), vec![]),
        (at(id, "link"), vec![]),
        (at(id, "disable"), vec![]),
        (at(id, "enable"), vec![]),
    ]
}

async fn unchanged(world: &World) -> bool {
    let everybody = world.services.staff.list().await.unwrap();
    everybody.iter().all(|listed| {
        let role = listed.staff.email.as_str().split('@').next().unwrap();
        listed.staff.role.as_str() == role && listed.staff.disabled_at.is_none() && listed.link_ends_at.is_none()
    })
}

#[tokio::test]
async fn only_owners_come_here() {
    let world = World::new();
    for role in [Role::Viewer, Role::Editor] {
        let person = world.staff(role).await;
        let id = person.id().await;
        for path in ["/live/staff".to_owned(), at(&id, "disable")] {
            assert_eq!(person.get(&path).await.status, 403, "{role:?} {path}");
        }
        for (path, fields) in posts(&id) {
            assert_eq!(person.post(&path, &fields).await.status, 403, "{role:?} {path}");
        }
        let stranger = world.visitor();
        let to = |path: &str| format!("/sign-in?to={}", path.replace('/', "%2F"));
        for path in ["/live/staff".to_owned(), at(&id, "disable")] {
            assert_eq!(stranger.get(&path).await.location(), to(&path));
        }
        for (path, fields) in posts(&id) {
            assert_eq!(stranger.send_form(&path, &fields).await.location(), to(""));
        }
        assert_eq!(person.get("/live/account").await.status, 200, "nothing ended their session");
    }
    assert!(unchanged(&world).await);
}

#[tokio::test]
async fn a_form_must_come_from_our_own_page() {
    let world = World::new();
    let (owner, viewer) = (world.staff(Role::Owner).await, world.staff(Role::Viewer).await);
    let (token, foreign) = (owner.form_token().await, viewer.form_token().await);
    for (path, fields) in posts(&viewer.id().await) {
        for fields in [fields.clone(), with("nonsense", &fields), with(&foreign, &fields)] {
            assert_eq!(owner.send_form(&path, &fields).await.status, 403, "{path} {fields:?}");
        }
        for (name, value) in [("Sec-Fetch-Site", "cross-site"), ("Origin", "https://evil.example"), ("Origin", "null")]
        {
            let request = TestRequest::post().uri(&path).set_form(with(&token, &fields)).insert_header((name, value));
            assert_eq!(owner.send(request).await.status, 403, "{path} {name}: {value}");
        }
    }
    assert!(unchanged(&world).await);
    assert_eq!(viewer.get("/live/account").await.status, 200);
}

#[tokio::test]
async fn an_invitation_works_once_and_for_a_day() {
    let world = World::new();
    let owner = world.staff(Role::Owner).await;
    let invite = async |email: &str| owner.post("/live/staff", &[("email", email), ("role", "editor")]).await;
    let invited = invite(" dev@kaveri.example ").await;
    assert!(
        invited.body.contains("dev@kaveri.example is invited")
            && invited.body.contains(">19 Feb 2020 13:48 UTC</time>")
    );
    let first = link(&invited);
    let list = owner.get("/live/staff").await.body;
    assert!(list.contains("Invited, link ends <time") && !list.contains("/link/"));

    let mut dev = world.visitor();
    let answer = dev.send_form(&first, &[("password", PASSWORD), ("again", PASSWORD)]).await;
    answer.location();
    dev.keep_cookie(&answer);
    assert!(dev.get("/live/account").await.body.contains("dev@kaveri.example, editor"));
    assert_eq!(world.visitor().get(&first).await.status, 410);
    let again = world.visitor().send_form(&first, &[("password", PASSWORD), ("again", PASSWORD)]).await;
    assert_eq!(again.status, 410);

    let late = link(&invite("late@kaveri.example").await);
    world.pass(DAY);
    assert_eq!(world.visitor().get(&late).await.status, 410);
    let owner = world.staff(Role::Owner).await;
    assert!(owner.get("/live/staff").await.body.contains("link is over"));
}

#[tokio::test]
async fn what_is_wrong_with_an_invitation_is_said_at_it() {
    let world = World::new();
    let owner = world.staff(Role::Owner).await;
    for (email, words) in [
        ("nobody", "The email needs an @, as in name@example.com."),
        ("OWNER@kaveri.example", "Somebody has this email already."),
    ] {
        let answer = owner.post("/live/staff", &[("email", email), ("role", "editor")]).await;
        assert_eq!(answer.status, 422);
        assert!(answer.body.contains("<title>Error: Staff") && answer.body.contains("Nobody is invited yet"));
        assert!(answer.body.contains(&format!("<a href=\"#email\">{words}</a>")));
        assert!(
            answer.body.contains(&format!(r#"value="{email}" "#)) && answer.body.contains(r#"value="editor" checked"#)
        );
    }
    let forged = owner.post("/live/staff", &[("email", "a@kaveri.example"), ("role", "king")]).await;
    assert_eq!(forged.status, 400);
    assert_eq!(world.services.staff.list().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_role_counts_from_the_next_request_on() {
    let world = World::new();
    let (owner, viewer) = (world.staff(Role::Owner).await, world.staff(Role::Viewer).await);
    let id = viewer.id().await;
    assert_eq!(viewer.get("/live/keys").await.status, 403);
    let answer = owner.post(&at(&id, "role"), &[("role", "owner")]).await;
    assert_eq!(viewer.get("/live/keys").await.status, 200);
    let list = owner.get(answer.location()).await;
    assert!(list.body.contains("The role of viewer@kaveri.example is owner now."));
    owner.post(&at(&id, "role"), &[("role", "editor")]).await.location();
    assert_eq!(viewer.get("/live/keys").await.status, 403);
    assert_eq!(owner.post(&at(&id, "role"), &[("role", "king")]).await.status, 400);
}

#[tokio::test]
async fn somebody_disabled_is_out_at_once_and_may_be_let_in_again() {
    let world = World::new();
    let (owner, editor) = (world.staff(Role::Owner).await, world.staff(Role::Editor).await);
    let id = editor.id().await;
    let reset = link(&owner.post(&at(&id, "link"), &[]).await);
    assert!(owner.get(&at(&id, "disable")).await.body.contains("Disable editor@kaveri.example?"));
    assert_eq!(editor.get("/live/account").await.status, 200, "asking changes nothing");

    let answer = owner.post(&at(&id, "disable"), &[]).await;
    assert!(editor.get("/live/account").await.location().starts_with("/sign-in"));
    assert!(owner.get(answer.location()).await.body.contains("editor@kaveri.example is disabled, and signed out"));
    assert!(row(&owner, &id).await.contains("Disabled <time"));
    let sign_in = [("email", editor.email.as_str()), ("password", PASSWORD)];
    assert_eq!(world.visitor().send_form("/sign-in", &sign_in).await.status, 422);
    assert_eq!(world.visitor().get(&reset).await.status, 410);
    let no_link = owner.post(&at(&id, "link"), &[]).await;
    assert_eq!(no_link.status, 409);
    assert!(no_link.body.contains("editor@kaveri.example is disabled. Enable them, then make the link."));
    assert!(owner.get(&at(&id, "disable")).await.location().starts_with("/live/staff?"));

    let answer = owner.post(&at(&id, "enable"), &[]).await;
    assert!(owner.get(answer.location()).await.body.contains("editor@kaveri.example may sign in again."));
    assert!(editor.get("/live/account").await.location().starts_with("/sign-in"), "what ended stays ended");
    world.sign_in(&editor.email, PASSWORD).await;
}

#[tokio::test]
async fn the_last_owner_is_kept() {
    let world = World::new();
    let owner = world.staff(Role::Owner).await;
    let id = owner.id().await;
    // Who was invited and has not come yet could not let anybody in.
    owner.post("/live/staff", &[("email", "second@kaveri.example"), ("role", "owner")]).await;
    assert!(row(&owner, &id).await.contains("The only owner. Make someone else an owner before changing this."));
    for answer in [
        owner.post(&at(&id, "role"), &[("role", "viewer")]).await,
        owner.post(&at(&id, "disable"), &[]).await,
        owner.get(&at(&id, "disable")).await,
    ] {
        assert_eq!(answer.status, 409);
        assert!(answer.body.contains("Nothing was changed") && answer.body.contains(&format!("<a href=\"#{id}\">")));
        assert!(answer.body.contains("owner@kaveri.example is the only owner."));
    }
    assert_eq!(owner.get("/live/staff").await.status, 200);
}

#[tokio::test]
async fn an_owner_may_go_where_another_stays() {
    let world = World::new();
    let (first, second) = (world.staff(Role::Owner).await, world.staff_called("b@kaveri.example", Role::Owner).await);
    let answer = first.post(&at(&first.id().await, "role"), &[("role", "editor")]).await;
    let account = first.get(answer.location()).await;
    assert!(account.body.contains("Your role is changed.") && account.body.contains("owner@kaveri.example, editor"));

    second.post(&at(&first.id().await, "role"), &[("role", "owner")]).await.location();
    let id = second.id().await;
    assert!(second.get(&at(&id, "disable")).await.body.contains("This is you"));
    assert_eq!(second.post(&at(&id, "disable"), &[]).await.location(), "/sign-in");
    assert_eq!(second.get("/live/staff").await.location(), "/sign-in?to=%2Flive%2Fstaff");
    assert_eq!(first.get("/live/staff").await.status, 200);
}

#[tokio::test]
async fn sessions_end_elsewhere_and_not_here() {
    let world = World::new();
    let (here, there) = (world.staff(Role::Owner).await, world.staff(Role::Owner).await);
    let editor = world.staff(Role::Editor).await;
    let answer = here.post(&at(&here.id().await, "sessions"), &[]).await;
    assert!(here.get(answer.location()).await.body.contains("Your other sessions are ended."));
    assert!(there.get("/live/account").await.location().starts_with("/sign-in"));
    assert_eq!(editor.get("/live/account").await.status, 200);
    let answer = here.post(&at(&editor.id().await, "sessions"), &[]).await;
    assert!(here.get(answer.location()).await.body.contains("editor@kaveri.example is signed out everywhere."));
    assert!(editor.get("/live/account").await.location().starts_with("/sign-in"));
    world.sign_in(&editor.email, PASSWORD).await;
}

#[tokio::test]
async fn a_new_link_ends_the_one_before_and_replaces_a_forgotten_password() {
    let world = World::new();
    let (owner, viewer) = (world.staff(Role::Owner).await, world.staff(Role::Viewer).await);
    let id = viewer.id().await;
    let first = link(&owner.post(&at(&id, "link"), &[]).await);
    let second = link(&owner.post(&at(&id, "link"), &[]).await);
    assert!(row(&owner, &id).await.contains("New link ends <time"));
    assert_eq!(world.visitor().get(&first).await.status, 410);
    assert_eq!(viewer.get("/live/account").await.status, 200, "nothing ends before it is used");
    let new = "umbrella quartz lantern";
    world.visitor().send_form(&second, &[("password", new), ("again", new)]).await.location();
    assert!(viewer.get("/live/account").await.location().starts_with("/sign-in"));
    world.sign_in(&viewer.email, new).await;
}

#[tokio::test]
async fn an_email_is_text_wherever_it_is_shown() {
    let world = World::new();
    let owner = world.staff(Role::Owner).await;
    let email = "a&lt'b@kaveri.example";
    let invited = owner.post("/live/staff", &[("email", email), ("role", "viewer")]).await;
    let id = world.staff_id(email).await;
    let typed = r#""><script>alert(1)</script>"#;
    let refused = owner.post("/live/staff", &[("email", typed), ("role", "viewer")]).await;
    assert!(refused.body.contains(r#"value="&#34;&#62;&#60;script&#62;"#) && !refused.body.contains("<script>alert"));
    let disable = owner.get(&at(&id, "disable")).await;
    let renewed = owner.post(&at(&id, "link"), &[]).await;
    let done = owner.post(&at(&id, "disable"), &[]).await;
    let list = owner.get(done.location()).await;
    for page in [invited, disable, renewed, list, owner.post(&at(&id, "link"), &[]).await] {
        assert!(page.body.contains("a&#38;lt&#39;b@kaveri.example") && !page.body.contains(email), "{page}");
    }
}

#[tokio::test]
async fn nobody_is_not_found() {
    let world = World::new();
    let owner = world.staff(Role::Owner).await;
    for (path, fields) in posts("staff_nobody").into_iter().skip(1) {
        assert_eq!(owner.post(&path, &fields).await.status, 404, "{path}");
    }
    assert_eq!(owner.get(&at("staff_nobody", "disable")).await.status, 404);
}

#[tokio::test]
async fn who_signs_in_again_comes_back_to_the_page_of_the_form() {
    let world = World::new();
    let request = TestRequest::post().uri("/live/account/password").insert_header(("Host", "patron.example"));
    let request = request.insert_header(("Referer", "http://patron.example/live/account?done=x"));
    let answer = world.visitor().send(request.set_form([("token", "old")])).await;
    assert_eq!(answer.location(), "/sign-in?to=%2Flive%2Faccount%3Fdone%3Dx");
    let from_elsewhere = TestRequest::post().uri("/live/customers").insert_header(("Referer", "http://evil.example/x"));
    assert_eq!(world.visitor().send(from_elsewhere.set_form([("token", "old")])).await.location(), "/sign-in?to=");
}

#[tokio::test]
async fn when_somebody_was_last_seen_outlives_their_session() {
    let world = World::new();
    let viewer = world.staff(Role::Viewer).await;
    world.pass(Duration::from_secs(600));
    assert_eq!(viewer.get("/live").await.status, 200);
    let id = viewer.id().await;
    let seen = ">18 Feb 2020 13:58 UTC</time>";
    let owner = world.staff(Role::Owner).await;
    assert!(row(&owner, &id).await.contains(seen));
    owner.post(&at(&id, "sessions"), &[]).await;
    assert!(row(&owner, &id).await.contains(seen), "the session was ended");
    world.pass(DAY);
    let owner = world.staff(Role::Owner).await;
    assert!(row(&owner, &id).await.contains(seen), "the session idled away and was forgotten");
}
