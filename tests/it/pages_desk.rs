//! Pages of what runs the house, in every state: home, requests, keys, staff, one's account.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use actix_web::test::TestRequest;
use patron::domain::{Email, Key, KeyId, Mode, Role, Secret, StaffId};
use patron::service::OldSecret;
use rusqlite::Connection;

use crate::pages::keep;
use crate::world::{Answer, PASSWORD, Person, World, maker};

/// What was made in the same second comes in the order of its random id: let it be another one.
const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn days(count: i64) -> Option<i64> {
    Some(count * 24 * 60 * 60)
}

fn execute(world: &World, sql: &str) {
    Connection::open(world.db()).unwrap().execute_batch(sql).unwrap();
}

#[tokio::test]
async fn home() {
    let world = World::new();
    let (app, viewer, owner) =
        (world.key(Mode::Live).await, world.staff(Role::Viewer).await, world.staff(Role::Owner).await);
    keep("home@not-counted", &viewer.get("/live").await);
    for (mode, label, lifetime) in
        [(Mode::Live, "Shop <b>", Some(3_600)), (Mode::Test, "", days(6)), (Mode::Test, "Later", days(15))]
    {
        world.services.access.issue(maker(), mode, label, lifetime).await.unwrap();
    }
    world.services.flush().await;
    keep("home@quiet", &viewer.get("/test").await);
    let path = app.create(r#"{"name":"Ananya"}"#).await;
    app.put(&path, r#"{"name":"Ananya K"}"#).await;
    world.stranger().get("/v1/customers").await;
    world.services.flush().await;
    execute(&world, "UPDATE days SET made = 124816, edited = 412, requests = 20531, failed = 3 WHERE mode = 1");
    world.services.flush().await;
    keep("home@busy-as-owner", &owner.get("/live").await);
    keep("home@busy-as-viewer", &viewer.get("/live").await);
    execute(
        &world,
        "INSERT INTO backups (verified, at, path, failure) VALUES (0, 1582000000, '/b/2.db', 'the disk is <full>')",
    );
    keep("home@backup-failed", &viewer.get("/live").await);
    keep("home@backup-failed-as-owner", &owner.get("/live").await);
    execute(
        &world,
        "INSERT INTO backups (verified, at, path, bytes, live, test, revisions, digest)
        VALUES (1, 1581990000, '/b/1.db', 4096, 2, 124816, 130000, 'ab')",
    );
    keep("home@backup-failed-after-a-good-one", &viewer.get("/live").await);
    execute(&world, "DELETE FROM backups WHERE verified = 0");
    keep("home@backup-verified", &viewer.get("/live").await);
}

/// The doctor's page, without what each machine has its own.
fn of_any_machine(world: &World, mut page: Answer) -> Answer {
    page.body = page.body.replace(world.db().to_str().unwrap(), "patron.db");
    for what in ["SQLite", "Size", "Disk", "Sync", "Clock", "argon2"] {
        let (before, rest) = page.body.split_once(&format!("<dt>{what}</dt>")).unwrap();
        let (_, after) = rest.split_once("</div>").unwrap();
        page.body = format!("{before}<dt>{what}</dt>…</div>{after}");
        let in_report = format!("  {what}  ");
        let masked = page.body.lines().map(|line| match line.strip_suffix("</code>") {
            Some(line) if line.contains(&in_report) => format!("… {what} …</code>"),
            None if line.contains(&in_report) => format!("… {what} …"),
            _ => line.to_owned(),
        });
        page.body = masked.collect::<Vec<_>>().join("\n");
    }
    page
}

#[tokio::test]
async fn doctor() {
    let world = World::new();
    let owner = world.staff(Role::Owner).await;
    keep("doctor@not-asked", &owner.get("/live/doctor").await);
    keep("doctor@found", &of_any_machine(&world, owner.post("/live/doctor", &[]).await));
    std::fs::set_permissions(world.db(), Permissions::from_mode(0o644)).unwrap();
    keep("doctor@wrong", &of_any_machine(&world, owner.post("/test/doctor", &[]).await));
}

#[tokio::test]
async fn requests() {
    let world = World::new();
    let owner = world.staff(Role::Owner).await;
    keep("requests@empty", &owner.get("/live/requests").await);
    let (app, test) = (world.key(Mode::Live).await, world.key(Mode::Test).await);
    world.pass(SECOND);
    let access = &world.services.access;
    let (expired, secret) = access.issue(maker(), Mode::Live, "Old <i>", Some(60)).await.unwrap();
    world.pass(MINUTE);
    let path = app.create(r#"{"name":"Ananya","contact":"9845012370"}"#).await;
    app.put(&path, r#"{"name":"Ananya K"}"#).await;
    app.put(&path, r#"{"name":"Ananya K"}"#).await;
    app.put(&format!("{path}?email=a@kaveri.example"), r#"{"email":"nonsense"}"#).await;
    app.get(&test.create(r#"{"name":"Tested"}"#).await).await;
    app.get("/v1/nowhere").await;
    world.with_key(&expired.id, secret.reveal()).get("/v1/customers").await;
    world.with_key(&KeyId::parse("rzp_live_00000000000000").unwrap(), "x").get("/v1/customers").await;
    world.stranger().get("/v1/customers").await;
    world.services.flush().await;
    execute(
        &world,
        "UPDATE requests SET micros = 2140;
         UPDATE requests SET status = 503, micros = 1200000, rule = NULL WHERE route = ''",
    );
    let list = owner.get("/live/requests").await;
    keep("requests@every-kind", &list);
    keep("requests@narrowed", &owner.get("/live/requests?status=401&key=unknown").await);
    keep("requests@none-like-this", &owner.get("/live/requests?status=412").await);
    // The newest first.
    let numbers: Vec<&str> = list.body.split(r#"id="q"#).skip(1).map(|row| row.split('"').next().unwrap()).collect();
    let one = async |at: usize| owner.get(&format!("/live/requests/{}", numbers[at])).await;
    keep("request@without-key", &one(0).await);
    keep("request@unknown-key", &one(1).await);
    keep("request@expired-key", &one(2).await);
    keep("request@failed", &one(3).await);
    keep("request@of-other-mode", &one(4).await);
    keep("request@broken-rule", &one(5).await);
    keep("request@changed-nothing", &one(6).await);
    keep("request@changed", &one(7).await);

    for _ in 0..60 {
        test.get("/v1/nowhere").await;
    }
    world.services.flush().await;
    execute(&world, "UPDATE requests SET micros = 900");
    let first = owner.get("/test/requests?status=400").await;
    keep("requests@many", &first);
    let older = first.between(r#"rel="next" href=""#, "\"").unwrap().replace("&#38;", "&");
    keep("requests@oldest", &owner.get(&older).await);
    for _ in 0..1_100 {
        test.get("/v1/nowhere").await;
    }
    keep("requests@left-out", &owner.get("/live/requests?status=412").await);
}

#[tokio::test]
async fn keys() {
    let world = World::new();
    let (access, owner) = (&world.services.access, world.staff(Role::Owner).await);
    keep("keys@empty", &owner.get("/live/keys").await);
    let wrong = [("label", " "), ("mode", "live"), ("ends", "90")];
    keep("keys@without-label", &owner.post("/live/keys", &wrong).await);
    let long = "<b>".repeat(40);
    let wrong = [("label", long.as_str()), ("mode", "test"), ("ends", "30")];
    keep("keys@label-too-long", &owner.post("/test/keys", &wrong).await);

    let longest = "é".repeat(100);
    for (mode, label, lifetime) in [
        (Mode::Live, "Never & ever", None),
        (Mode::Live, longest.as_str(), days(15)),
        (Mode::Test, "Soon", days(14)),
        (Mode::Test, "Trial", days(1)),
    ] {
        access.issue(maker(), mode, label, lifetime).await.unwrap();
        world.pass(SECOND);
    }
    let unnamed = access.issue(maker(), Mode::Test, "", days(3)).await.unwrap().0;
    world.pass(SECOND);
    owner.post("/live/keys", &[("label", "By hand"), ("mode", "live"), ("ends", "365")]).await;
    world.pass(SECOND);
    let (shop, secret) = access.issue(maker(), Mode::Live, "Shop", None).await.unwrap();
    world.pass(SECOND);
    let old = access.issue(maker(), Mode::Live, "Old <i>", None).await.unwrap().0;
    world.with_key(&shop.id, secret.reveal()).get("/v1/customers").await;
    // As a key from before makers were kept.
    execute(&world, "UPDATE keys SET maker_type = NULL, maker_id = NULL, maker_label = NULL WHERE label = 'Trial'");
    world.pass(DAY);
    // The session idled away with the day.
    let owner = world.staff(Role::Owner).await;
    let at = |key: &Key, act: &str| format!("/test/keys/{}/{act}", key.id.as_str());
    keep("key_rotate@used", &owner.get(&at(&shop, "rotate")).await);
    keep("key_rotate@ends-soon", &owner.get(&at(&unnamed, "rotate")).await);
    keep("key_revoke@used", &owner.get(&at(&shop, "revoke")).await);
    keep("key_revoke@never-used", &owner.get(&at(&old, "revoke")).await);
    let revoked = owner.post(&at(&old, "revoke"), &[]).await;
    keep("keys@revoked", &owner.get(revoked.location()).await);
    access.rotate(&unnamed.id, OldSecret::EndsInADay).await.unwrap();
    access.rotate(&shop.id, OldSecret::EndsInADay).await.unwrap();
    keep("key_rotate@two-secrets", &owner.get(&at(&shop, "rotate")).await);
    keep("keys@every-end", &owner.get("/test/keys").await);
}

#[tokio::test]
async fn keys_made() {
    let world = World::new();
    let owner = world.staff(Role::Owner).await;
    let make = async |label: &str, mode: &str, ends: &str| {
        owner.post("/live/keys", &[("label", label), ("mode", mode), ("ends", ends)]).await
    };
    keep("key_made@for-good", &make("Shop <b>", "live", "never").await);
    keep("key_made@for-a-month", &make("Trial", "test", "30").await);
    keep("key_made@for-a-year", &make("Trial", "test", "365").await);
    let key = world.services.access.list().await.unwrap().remove(0);
    let path = format!("/live/keys/{}/rotate", key.id.as_str());
    keep("key_made@old-secret-lasts", &owner.post(&path, &[("old", "24h")]).await);
    keep("key_made@old-secret-ended", &owner.post(&path, &[("old", "now")]).await);
}

#[tokio::test]
async fn staff() {
    let world = World::new();
    let owner = world.staff(Role::Owner).await;
    let (viewer, editor) = (world.staff(Role::Viewer).await, world.staff(Role::Editor).await);
    let at = |id: &str, act: &str| format!("/live/staff/{id}/{act}");
    let (me, viewer_id, editor_id) = (owner.id().await, viewer.id().await, editor.id().await);
    let done = async |path: String, fields: &[(&str, &str)]| {
        let answer = owner.post(&path, fields).await;
        owner.get(answer.location()).await
    };
    keep("staff@one-owner", &owner.get("/live/staff").await);
    keep("staff@only-owner-stays", &owner.post(&at(&me, "role"), &[("role", "viewer")]).await);
    keep("staff@only-owner-stays-enabled", &owner.get(&at(&me, "disable")).await);
    let invite = async |email: &str, role: &str| owner.post("/live/staff", &[("email", email), ("role", role)]).await;
    keep("staff@bad-email", &invite("<b>asha", "owner").await);
    keep("staff@email-too-long", &invite(&format!("{}@kaveri.example", "e".repeat(50)), "editor").await);
    keep("staff@email-is-there", &invite("Viewer@kaveri.example", "viewer").await);
    keep("staff_link@owner", &invite("ravi@kaveri.example", "owner").await);
    invite(&format!("{}@kaveri.example", "e".repeat(49)), "viewer").await;
    keep("staff_link@viewer", &invite("a&b@kaveri.example", "viewer").await);
    keep("staff_link@again", &owner.post(&at(&editor_id, "link"), &[]).await);
    keep("staff_disable@one-session", &owner.get(&at(&viewer_id, "disable")).await);
    world.staff(Role::Viewer).await;
    keep("staff_disable@two-sessions", &owner.get(&at(&viewer_id, "disable")).await);
    keep("staff@sessions-ended", &done(at(&viewer_id, "sessions"), &[]).await);
    keep("staff_disable@no-session", &owner.get(&at(&viewer_id, "disable")).await);
    keep("staff@my-sessions-ended", &done(at(&me, "sessions"), &[]).await);
    keep("staff@disabled", &done(at(&viewer_id, "disable"), &[]).await);
    keep("staff@no-link-while-disabled", &owner.post(&at(&viewer_id, "link"), &[]).await);
    keep("staff@enabled", &done(at(&viewer_id, "enable"), &[]).await);
    keep("staff@role-changed", &done(at(&editor_id, "role"), &[("role", "owner")]).await);
    keep("staff@two-owners", &owner.get("/test/staff").await);
    keep("staff_disable@oneself", &owner.get(&at(&me, "disable")).await);
    world.services.staff.set_disabled(&StaffId::stored(viewer_id), true).await.unwrap();
    world.pass(DAY + HOUR);
    let owner = world.staff(Role::Owner).await;
    let unseen = Email::parse("unseen@kaveri.example").unwrap();
    world.services.staff.add(unseen, Role::Viewer, &Secret::given(PASSWORD.to_owned())).await.unwrap();
    keep("staff@a-day-later", &owner.get("/live/staff").await);
}

#[tokio::test]
async fn account() {
    let world = World::new();
    let viewer = world.staff(Role::Viewer).await;
    keep("account@one-session", &viewer.get("/live/account").await);
    let sign_in = async |agent: &'static str| {
        let form = [("email", viewer.email.as_str()), ("password", PASSWORD)];
        let request = TestRequest::post().uri("/sign-in").insert_header(("User-Agent", agent)).set_form(form);
        world.visitor().send(request).await.location().to_owned()
    };
    sign_in("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0").await;
    world.pass(SECOND);
    sign_in("curl/8.14.1 <b> and so on, and on, and on, and on, and on, and on, and on").await;
    world.pass(MINUTE * 5);
    keep("account@sessions", &viewer.get("/test/account").await);
    for (state, done) in [
        ("account@password-changed", "password"),
        ("account@session-ended", "session"),
        ("account@sessions-ended", "sessions"),
        ("account@role-changed", "role"),
    ] {
        keep(state, &viewer.get(&format!("/live/account?done={done}")).await);
    }
    let change = async |person: &Person<'_>, current: &str, password: &str, again: &str| {
        let fields = [("current", current), ("password", password), ("again", again)];
        person.post("/live/account/password", &fields).await
    };
    keep("account@too-short", &change(&viewer, PASSWORD, "short", "short").await);
    keep("account@not-the-same", &change(&viewer, PASSWORD, "umbrella quartz lantern", "umbrella").await);
    let (new, wrong) = ("umbrella quartz lantern", "not this one at all");
    keep("account@wrong-password", &change(&viewer, wrong, new, new).await);
    for _ in 0..19 {
        change(&viewer, wrong, new, new).await;
    }
    keep("account@limited", &change(&viewer, wrong, new, new).await);
}
