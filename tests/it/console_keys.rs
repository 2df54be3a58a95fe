//! The pages of keys: who may see them, and that what they do holds at the other door.

use std::time::Duration;

use actix_web::test::TestRequest;
use patron::domain::{Actor, Key, KeyId, Mode, Role};
use patron::service::OldSecret;

use crate::world::{Answer, World, maker, with};

const CUSTOMERS: &str = "/v1/customers";
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const NEW: [(&str, &str); 3] = [("label", "Shop"), ("mode", "test"), ("ends", "never")];

/// The id and the secret that a page shows.
fn shown(answer: &Answer) -> (KeyId, String) {
    assert_eq!(answer.status, 200, "{answer}");
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let id = answer.between(r#"id="key-id">"#, "<").unwrap();
    let secret = answer.between(r#"id="key-secret">"#, "<").unwrap();
    (KeyId::parse(id).unwrap(), secret.to_owned())
}

async fn works(world: &World, id: &KeyId, secret: &str) -> bool {
    world.with_key(id, secret).get(CUSTOMERS).await.status == 200
}

async fn key(world: &World, label: &str) -> Key {
    world.services.access.issue(maker(), Mode::Test, label, None).await.unwrap().0
}

fn at(id: &KeyId, act: &str) -> String {
    format!("/live/keys/{}/{act}", id.as_str())
}

/// Every page of this place.
fn gets(id: &KeyId) -> Vec<String> {
    vec!["/live/keys".to_owned(), at(id, "rotate"), at(id, "revoke")]
}

/// Every route of this place that changes something, with its fields.
fn posts(id: &KeyId) -> Vec<(String, Vec<(&'static str, &'static str)>)> {
    vec![("/live/keys".to_owned(), NEW.to_vec()), (at(id, "rotate"), vec![("old", "now")]), (at(id, "revoke"), vec![])]
}

#[tokio::test]
async fn only_owners_come_here() {
    let world = World::new();
    let key = key(&world, "Shop").await;
    for role in [Role::Viewer, Role::Editor] {
        let person = world.staff(role).await;
        for path in gets(&key.id) {
            let answer = person.get(&path).await;
            assert_eq!(answer.status, 403, "{role:?} {path}");
            assert!(!answer.body.contains(key.id.as_str()));
        }
        for (path, fields) in posts(&key.id) {
            assert_eq!(person.post(&path, &fields).await.status, 403, "{role:?} {path}");
        }
        assert!(!person.get("/live/account").await.body.contains(r#"href="/live/keys""#));
    }
    let stranger = world.visitor();
    let to = |path: &str| format!("/sign-in?to={}", path.replace('/', "%2F"));
    for path in gets(&key.id) {
        assert_eq!(stranger.get(&path).await.location(), to(&path));
    }
    for (path, fields) in posts(&key.id) {
        assert_eq!(stranger.send_form(&path, &fields).await.location(), to(""));
    }
    let keys = world.services.access.list().await.unwrap();
    assert!(keys.len() == 1 && keys[0].previous.is_none() && keys[0].revoked_at.is_none());
}

#[tokio::test]
async fn a_form_must_come_from_our_own_page() {
    let world = World::new();
    let (key, owner, other) =
        (key(&world, "Shop").await, world.staff(Role::Owner).await, world.staff(Role::Owner).await);
    let (token, foreign) = (owner.form_token().await, other.form_token().await);
    for (path, fields) in posts(&key.id) {
        for fields in [fields.clone(), with("nonsense", &fields), with(&foreign, &fields)] {
            assert_eq!(owner.send_form(&path, &fields).await.status, 403, "{path} {fields:?}");
        }
        for (name, value) in [("Sec-Fetch-Site", "cross-site"), ("Origin", "https://evil.example"), ("Origin", "null")]
        {
            let request = TestRequest::post().uri(&path).set_form(with(&token, &fields)).insert_header((name, value));
            assert_eq!(owner.send(request).await.status, 403, "{path} {name}: {value}");
        }
    }
    assert!(world.services.access.fetch(&key.id).await.unwrap().revoked_at.is_none());
}

#[tokio::test]
async fn a_key_made_here_works_and_its_secret_is_shown_once() {
    let world = World::new();
    let owner = world.staff(Role::Owner).await;
    let fields = [("label", " Warehouse sync "), ("mode", "live"), ("ends", "30")];
    let made = owner.post("/test/keys", &fields).await;
    let (id, secret) = shown(&made);
    assert_eq!(id.mode(), Mode::Live);
    assert!(made.body.contains("Warehouse sync has a new key"));
    assert!(made.body.contains(&format!("curl -u {}:{secret} \\\n  'http://localhost/v1/customers", id.as_str())));
    assert!(made.body.contains(">19 Mar 2020</time>, in 30 days"));
    assert!(works(&world, &id, &secret).await);
    for mode in ["live", "test"] {
        let list = owner.get(&format!("/{mode}/keys")).await;
        assert!(
            list.body.contains("Warehouse sync") && list.body.contains(id.as_str()) && !list.body.contains(&secret)
        );
    }
    world.pass(30 * DAY);
    assert!(!works(&world, &id, &secret).await);
}

#[tokio::test]
async fn a_key_knows_who_made_it_whoever_rotates_it_and_whatever_becomes_of_them() {
    let world = World::new();
    let maker = world.staff_called("maker@kaveri.example", Role::Owner).await;
    let (id, _) = shown(&maker.post("/live/keys", &NEW).await);
    let owner = world.staff(Role::Owner).await;
    shown(&owner.post(&at(&id, "rotate"), &[("old", "now")]).await);
    owner.post(&format!("/live/staff/{}/disable", maker.id().await), &[]).await.location();
    let list = owner.get("/test/keys").await;
    assert!(list.body.contains(r#"<span class="sub">by maker@kaveri.example</span>"#), "{list}");
    assert!(owner.get(&at(&id, "revoke")).await.body.contains("</time> by maker@kaveri.example</dd>"));
    let key = world.services.access.fetch(&id).await.unwrap();
    assert!(matches!(key.maker, Some(Actor::Staff { email, .. }) if email == "maker@kaveri.example"));
}

#[tokio::test]
async fn links_and_lines_have_the_public_address() {
    let mut world = World::new();
    world.settings.public_url = Some("https://patron.kaveri.example".to_owned());
    let owner = world.staff(Role::Owner).await;
    assert!(owner.post("/live/keys", &NEW).await.body.contains("'https://patron.kaveri.example/v1/customers?count=1"));
}

#[tokio::test]
async fn what_is_wrong_with_a_label_is_said_at_it_and_nothing_typed_is_lost() {
    let world = World::new();
    let owner = world.staff(Role::Owner).await;
    let long = "é".repeat(Key::LABEL_LEN_MAX + 1);
    for (label, words) in [
        ("  ", "Say who or what will use the key."),
        (long.as_str(), "The label may have at most 100 characters."),
        ("a\tb", "The label can&#39;t contain U+0009, a tab."),
        ("Shop\u{202e}", "The label can&#39;t contain U+202E, a text direction control."),
        ("Sh\u{2028}op", "The label can&#39;t contain U+2028, a line separator."),
    ] {
        let answer = owner.post("/live/keys", &[("label", label), ("mode", "live"), ("ends", "90")]).await;
        assert_eq!(answer.status, 422);
        assert!(answer.body.contains("<title>Error: Keys"));
        assert!(answer.body.contains(&format!("<a href=\"#label\">{words}</a>")));
        assert!(answer.body.contains(&format!("Error: </span>{words}</p>")));
        assert!(answer.body.contains(&format!(r#"value="{}""#, label.trim())));
        assert!(answer.body.contains(r#"value="live" checked"#) && answer.body.contains(r#"value="90" selected"#));
    }
    let longest = "é".repeat(Key::LABEL_LEN_MAX);
    shown(&owner.post("/live/keys", &[("label", &longest), ("mode", "live"), ("ends", "365")]).await);
    for fields in
        [[("label", "x"), ("mode", "both"), ("ends", "never")], [("label", "x"), ("mode", "test"), ("ends", "7")]]
    {
        assert_eq!(owner.post("/live/keys", &fields).await.status, 400);
    }
    assert_eq!(world.services.access.list().await.unwrap().len(), 1);
}

#[tokio::test]
async fn rotation_ends_the_old_secret_now_or_in_a_day() {
    let world = World::new();
    let owner = world.staff(Role::Owner).await;
    let (id, first) = shown(&owner.post("/test/keys", &NEW).await);
    let path = at(&id, "rotate");
    let asked = owner.get(&path).await;
    assert!(asked.body.contains("Rotate Shop?") && asked.body.contains(">19 Feb 2020 13:48 UTC</time>"));

    let rotated = owner.post(&path, &[("old", "24h")]).await;
    let (same, second) = shown(&rotated);
    assert_eq!(same, id);
    assert!(rotated.body.contains("Shop has a new secret") && rotated.body.contains("Works until <time"));
    assert!(works(&world, &id, &first).await && works(&world, &id, &second).await);
    let list = owner.get("/live/keys").await;
    assert!(list.body.contains("Two secrets until <time") && !list.body.contains(&second));

    let rotated = owner.post(&path, &[("old", "now")]).await;
    let (_, third) = shown(&rotated);
    assert!(rotated.body.contains("Ended; its next request is refused with 401"));
    assert!(!works(&world, &id, &second).await && works(&world, &id, &third).await);
    assert!(!owner.get("/live/keys").await.body.contains("Two secrets"));
    assert_eq!(owner.post(&path, &[("old", "later")]).await.status, 400);
    assert!(works(&world, &id, &third).await);
}

#[tokio::test]
async fn revoking_asks_first_and_holds_at_once() {
    let world = World::new();
    let owner = world.staff(Role::Owner).await;
    let (id, secret) = shown(&owner.post("/test/keys", &NEW).await);
    let path = at(&id, "revoke");
    assert!(owner.get(&path).await.body.contains("Revoke Shop?"));
    assert!(works(&world, &id, &secret).await, "asking changes nothing");

    let answer = owner.post(&path, &[]).await;
    assert!(!works(&world, &id, &secret).await);
    let list = owner.get(answer.location()).await;
    assert!(list.body.contains(r#"role="status"><span>Shop is revoked."#));
    assert!(list.body.contains("Revoked <time") && !list.body.contains("/rotate") && !list.body.contains("/revoke"));
    for path in [path.clone(), path.replace("revoke", "rotate")] {
        assert_eq!(owner.get(&path).await.status, 410);
    }
    assert_eq!(owner.post(&path.replace("revoke", "rotate"), &[("old", "now")]).await.status, 410);
}

#[tokio::test]
async fn the_list_says_how_each_key_ends() {
    let world = World::new();
    let access = &world.services.access;
    for (label, days) in [("Soon", Some(14)), ("Later", Some(15)), ("Over", Some(2)), ("Never", None)] {
        access.issue(maker(), Mode::Live, label, days.map(|days: i64| days * 86_400)).await.unwrap();
    }
    let (both, _) = access.issue(maker(), Mode::Test, "", Some(3 * 86_400)).await.unwrap();
    world.pass(2 * DAY);
    access.rotate(&both.id, OldSecret::EndsInADay).await.unwrap();
    let list = world.staff(Role::Owner).await.get("/test/keys").await;
    let row = |name: &str| list.between(&format!("class=\"line\">{name}<code"), "</tr>").unwrap();
    assert!(row("Soon").contains("<b>in 12 days, <time"));
    assert!(row("Later").contains("<b>in 13 days, <time"));
    assert!(row("Over").contains(">Expired <time") && !row("Over").contains("<a "));
    assert!(row("Never").contains("</span>Never</span>"));
    let unnamed = row(r#"<span class="unset">No label</span>"#);
    assert!(unnamed.contains("Two secrets until <time") && unnamed.contains("<b>in 24 hours, <time"));
    let at = |text: &str| list.body.find(text).unwrap();
    assert!(at("id=\"keys-test\"") < at("id=\"keys-live\""), "where one stands comes first");
    assert!(at("class=\"line\">Over<") > at("class=\"line\">Never<"), "what has ended comes last");
}

#[tokio::test]
async fn a_label_is_text_wherever_it_is_shown() {
    let world = World::new();
    let owner = world.staff(Role::Owner).await;
    let label = r#"<script>alert("1")</script>&'"#;
    let made = owner.post("/live/keys", &[("label", label), ("mode", "test"), ("ends", "never")]).await;
    let (id, _) = shown(&made);
    let too_long = label.repeat(10);
    let mut pages = vec![made, owner.get("/live/keys").await];
    pages.push(owner.get(&at(&id, "rotate")).await);
    pages.push(owner.get(&at(&id, "revoke")).await);
    pages.push(owner.post("/live/keys", &[("label", &too_long), ("mode", "test"), ("ends", "never")]).await);
    pages.push(owner.get(owner.post(&at(&id, "revoke"), &[]).await.location()).await);
    for page in pages {
        assert!(
            page.body.contains("&#60;script&#62;alert(&#34;1&#34;)") && !page.body.contains("<script>alert"),
            "{page}"
        );
    }
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let world = World::new();
    let owner = world.staff(Role::Owner).await;
    for id in ["rzp_test_00000000000000", "nonsense"] {
        for act in ["rotate", "revoke"] {
            let path = format!("/live/keys/{id}/{act}");
            assert_eq!(owner.get(&path).await.status, 404);
            assert_eq!(owner.post(&path, &[("old", "now")]).await.status, 404);
        }
    }
}
