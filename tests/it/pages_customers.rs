//! Pages of customers in every state: the list, the record, two at one record, undo, activity.

use std::time::Duration;

use patron::domain::{Mode, Role};
use patron::service::Schedule;
use rusqlite::Connection;

use crate::console_imports::upload;
use crate::erase::at_rest;
use crate::pages::keep;
use crate::schedule::{turn, until};
use crate::world::{Persona, World};

/// What was made in the same second comes in the order of its random id: let it be another one.
const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const ANANYA: &str = r#"{"name":"Ananya O'Nair","email":"Ananya@kaveri.example","contact":"+919845012370","gstin":"29AAGCB7383J1Z4",
    "notes":{"delivery":"Ring once.\nThen <wait>.","erp_id":40017,"whatsapp_ok":true}}"#;
const TYPED: [(&str, &str); 10] = [
    ("name", "Ananya O'Nair"),
    ("email", "Ananya@kaveri.example"),
    ("contact", "+919845012370"),
    ("gstin", "29AAGCB7383J1Z4"),
    ("key", "delivery"),
    ("value", "Ring once.\r\nThen <wait>."),
    ("key", "erp_id"),
    ("value", "40017"),
    ("key", "whatsapp_ok"),
    ("value", "true"),
];

/// The form of Ananya as it was rendered from this revision, with these fields typed over, and others behind.
fn typed<'a>(revision: &'a str, over: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut form = vec![("revision", revision)];
    form.extend(TYPED);
    for field in over {
        match form.iter_mut().find(|(each, _)| *each == field.0) {
            Some(same) => *same = *field,
            None => form.push(*field),
        }
    }
    form
}

/// A new customer's page.
async fn ananya(app: &Persona<'_>) -> (String, String) {
    let path = app.create(ANANYA).await;
    let page = path.replace("/v1", "/live");
    (path, page)
}

/// As much as a customer can hold.
fn longest() -> String {
    let notes = (1..=15).map(|at| format!(r#""{}{at:02}":"{}""#, "key ".repeat(63) + "k", "value ".repeat(42)));
    format!(
        r#"{{"name":"{}","email":"{}@kaveri.example","contact":"+91984501237012","gstin":"29AAGCB7383J1Z4","notes":{{{}}}}}"#,
        "Venkatanarasimharajuvaripeta".to_owned() + &" R".repeat(11),
        "e".repeat(49),
        notes.collect::<Vec<_>>().join(",")
    )
}

#[tokio::test]
async fn list() {
    let world = World::new();
    let (app, viewer, editor) =
        (world.key(Mode::Live).await, world.staff(Role::Viewer).await, world.staff(Role::Editor).await);
    keep("customers@empty-live", &editor.get("/live/customers").await);
    keep("customers@empty-test", &viewer.get("/test/customers").await);
    for json in [ANANYA, &longest(), r#"{"contact":"9123456780"}"#, r#"{"email":"anonymous@kaveri.example"}"#] {
        app.create(json).await;
        world.pass(MINUTE);
    }
    keep("customers@few", &editor.get("/live/customers").await);
    keep("customers@few-as-viewer", &viewer.get("/live/customers").await);
    keep("customers@found-one", &editor.get("/live/customers?q=ANANYA+O%27").await);
    keep("customers@found-some", &editor.get("/live/customers?q=kaveri").await);
    keep("customers@found-in-note", &editor.get("/live/customers?q=wait").await);
    keep("customers@not-found", &editor.get("/live/customers?q=%3Cscript%3E").await);
    keep("customers@not-found-in-test", &editor.get("/test/customers?q=ananya").await);
    keep("customers@no-such-days", &editor.get("/live/customers?from=2019-01-01&to=2019-12-31").await);
    for number in 1..=26 {
        app.create(&format!(r#"{{"name":"Customer {number}"}}"#)).await;
        world.pass(SECOND);
    }
    keep("customers@many", &editor.get("/live/customers").await);
    let first = editor.get("/live/customers?q=customer").await;
    keep("customers@many-found", &first);
    let older = first.between(r#"rel="next" href=""#, "\"").unwrap().replace("&#38;", "&");
    keep("customers@last-found", &editor.get(&older).await);
}

#[tokio::test]
async fn record() {
    let world = World::new();
    let (app, viewer) = (world.key(Mode::Live).await, world.staff(Role::Viewer).await);
    let (owner, editor) = (world.staff(Role::Owner).await, world.staff(Role::Editor).await);
    let (path, page) = ananya(&app).await;
    keep("customer@made-by-key", &editor.get(&page).await);
    keep("customer@as-owner", &owner.get(&page).await);
    keep("customer@as-viewer", &viewer.get(&page).await);
    let bare = app.create(r#"{"contact":"9123456780"}"#).await.replace("/v1", "/live");
    keep("customer@bare", &editor.get(&bare).await);
    keep("customer@bare-as-viewer", &viewer.get(&bare).await);
    world.pass(MINUTE);

    let edit = [("name", "Ananya"), ("gstin", ""), ("key", "delivery"), ("value", "Ring twice")];
    let saved = editor.post(&page, &typed("1", &edit)).await;
    keep("customer@saved", &editor.get(saved.location()).await);
    keep("customer@saved-as-viewer", &viewer.get(saved.location()).await);
    let same = editor.post(&page, &typed("2", &edit)).await;
    keep("customer@nothing-changed", &editor.get(same.location()).await);
    let undone = editor.post(&format!("{page}/undo"), &[("version", "2"), ("seen", "2")]).await;
    keep("customer@undone", &editor.get(undone.location()).await);
    app.put(&path, r#"{"email":null,"contact":"9845012370"}"#).await;
    let beside = editor.post(&page, &typed("3", &[("gstin", "27AAGCB7383J1Z4")])).await;
    keep("customer@saved-beside-others", &editor.get(beside.location()).await);
    keep("customer@edited-as-viewer", &viewer.get(&page).await);
}

#[tokio::test]
async fn record_form() {
    let world = World::new();
    let (app, editor) = (world.key(Mode::Live).await, world.staff(Role::Editor).await);
    let (_, page) = ananya(&app).await;
    app.create(r#"{"name":"Rohan","email":"rohan@kaveri.example","contact":"+919845012370"}"#).await;
    keep("customer@note-added", &editor.post(&page, &typed("1", &[("name", "Half typed"), ("add", "1")])).await);
    keep("customer@note-removed", &editor.post(&page, &typed("1", &[("remove", "2")])).await);
    let long = "x".repeat(257);
    let wrong = [("name", "<b>A"), ("email", "a at b"), ("contact", "98-45"), ("gstin", "29"), ("value", &long)];
    keep("customer@errors", &editor.post(&page, &typed("1", &wrong)).await);
    let taken = typed("1", &[("email", "rohan@kaveri.example")]);
    keep("customer@taken", &editor.post(&page, &taken).await);
    let keyless = typed("1", &[("key", "")]);
    keep("customer@note-without-key", &editor.post(&page, &keyless).await);
    let many: Vec<(String, String)> = (1..=16).map(|at| (format!("key {at}"), format!("value {at}"))).collect();
    let mut form = vec![("revision", "1"), ("name", "Ananya")];
    form.extend(many.iter().flat_map(|(key, value)| [("key", key.as_str()), ("value", value.as_str())]));
    keep("customer@too-many-notes", &editor.post(&page, &form).await);

    keep("customer@new", &editor.get("/test/customers/new").await);
    keep("customer@new-note-added", &editor.post("/test/customers", &[("name", "Meera"), ("add", "1")]).await);
    keep("customer@new-unknowable", &editor.post("/test/customers", &[("name", " "), ("gstin", "")]).await);
    let made = editor.post("/test/customers", &[("name", "Meera")]).await;
    keep("customer@new-made", &editor.get(made.location()).await);
    let pasted = [("name", "Meera O’Nair"), ("contact", "+91 98765-43210")];
    let tidied = editor.post("/test/customers", &pasted).await;
    keep("customer@new-tidied", &editor.get(tidied.location()).await);
}

#[tokio::test]
async fn record_at_its_longest() {
    let world = World::new();
    let (app, editor) = (world.key(Mode::Live).await, world.staff(Role::Editor).await);
    let path = app.create(&longest()).await;
    let page = path.replace("/v1", "/live");
    keep("customer@longest", &editor.get(&page).await);
    keep("customer@longest-as-viewer", &world.staff(Role::Viewer).await.get(&page).await);
    for number in 1..=41 {
        app.put(&path, &format!(r#"{{"name":"Customer {number}","notes":{{}}}}"#)).await;
    }
    keep("customer@long-history", &editor.get(&page).await);
    keep("customer@amid-its-history", &editor.get(&format!("{page}?past=20")).await);
    keep("customer@end-of-its-history", &editor.get(&format!("{page}?past=40")).await);
}

#[tokio::test]
async fn two_at_one_record() {
    let world = World::new();
    let (app, editor) = (world.key(Mode::Live).await, world.staff(Role::Editor).await);
    let (path, page) = ananya(&app).await;
    world.pass(MINUTE);
    app.put(&path, r#"{"contact":"+912222222222"}"#).await;
    keep("conflict@one-field", &editor.post(&page, &typed("1", &[("contact", "+91 11111 11111")])).await);
    app.put(
        &path,
        r#"{"gstin":null,"email":"new@kaveri.example","notes":{"erp_id":7,"late":"theirs","more":"theirs"}}"#,
    )
    .await;
    let mine = [
        ("name", "Ananya"),
        ("contact", "+911111111111"),
        ("gstin", "27AAGCB7383J1Z4"),
        ("key", "<late>"),
        ("value", "mine"),
    ];
    keep("conflict@fields-and-notes", &editor.post(&page, &typed("1", &mine)).await);
    let removed =
        [("revision", "1"), ("name", ""), ("email", "Ananya@kaveri.example"), ("key", "late"), ("value", "mine")];
    keep("conflict@removed", &editor.post(&page, &removed).await);
}

#[tokio::test]
async fn undo() {
    let world = World::new();
    let (app, editor) = (world.key(Mode::Live).await, world.staff(Role::Editor).await);
    let (path, page) = ananya(&app).await;
    let undo = format!("{page}/undo");
    let ask = async |version: &str, seen: &str, sure: bool| {
        let fields = [("version", version), ("seen", seen), ("sure", "1")];
        editor.post(&undo, if sure { &fields } else { &fields[..2] }).await
    };
    world.pass(MINUTE);
    app.put(&path, r#"{"name":"Second","contact":null,"notes":{"<b>":"added"}}"#).await;
    keep("undo@loses-nothing", &ask("2", "1", false).await);
    world.pass(MINUTE);
    app.put(&path, r#"{"name":"Third"}"#).await;
    keep("undo@loses-one", &ask("2", "3", false).await);
    app.put(&path, r#"{"name":"Second"}"#).await;
    keep("undo@is-so-already", &ask("3", "4", false).await);
    editor.post(&page, &typed("4", &[("name", "Fourth"), ("contact", "87654321")])).await;
    keep("undo@loses-some", &ask("2", "5", false).await);
    let notes = r#"{"delivery":"","erp_id":1,"whatsapp_ok":false,"<b>":"added again"}"#;
    app.put(&path, &format!(r#"{{"name":"Third","contact":"12345678","notes":{notes}}}"#)).await;
    keep("undo@loses-all", &ask("2", "6", false).await);
    app.create(r#"{"email":"ananya@kaveri.example","contact":"87654321"}"#).await;
    keep("undo@pair-is-taken", &ask("6", "6", true).await);
    keep("turned@creation-stays", &ask("1", "6", true).await);
    keep("turned@no-such-revision", &ask("99", "6", true).await);
    let nobody = r#"{"name":null,"email":null}"#;
    let only = app.create(r#"{"contact":"11111111"}"#).await;
    app.put(&only, r#"{"name":"Named"}"#).await;
    app.put(&only, r#"{"contact":null}"#).await;
    assert_eq!(app.put(&only, nobody).await.status, 400);
    let path = format!("{}/undo", only.replace("/v1", "/live"));
    let unknowable = editor.post(&path, &[("version", "2"), ("seen", "3")]).await;
    keep("undo@leaves-nothing-to-know-by", &unknowable);
}

#[tokio::test]
async fn erasing() {
    let world = World::new();
    let (app, owner) = (world.key(Mode::Live).await, world.staff(Role::Owner).await);
    let (editor, viewer) = (world.staff(Role::Editor).await, world.staff(Role::Viewer).await);
    let (path, page) = ananya(&app).await;
    let ask = format!("{page}/erase");
    let sure = [("confirm", page.rsplit('/').next().unwrap())];
    keep("erase@made-a-moment-ago", &owner.get(&ask).await);
    world.services.flush().await;
    keep("erase@remembered", &owner.get(&ask).await);
    let rows = format!("id,name\n{id},Ananya\n{id},Ananya K\n", id = sure[0].1);
    upload(&owner, "live", "ananya.csv", rows.as_bytes()).await;
    keep("erase@waiting-in-an-import", &owner.get(&ask).await);
    app.put(&path, r#"{"name":"Ananya"}"#).await;
    world.services.flush().await;
    let folder = world.db().with_file_name("backups");
    std::fs::create_dir(&folder).unwrap();
    let schedule = Schedule { folder, every: MINUTE, keep: 3 };
    world.services.erasures.note_schedule(Some(&schedule)).await.unwrap();
    for _ in 0..2 {
        turn(&world, schedule.clone());
        world.pass(MINUTE);
    }
    let by_hand = world.db().with_file_name("by-hand.db");
    std::thread::scope(|scope| scope.spawn(|| world.services.backups.make(&by_hand, |_| {}).unwrap()).join().unwrap());
    keep("erase@held-by-backups", &owner.get(&ask).await);
    keep("erase@another-id-typed", &owner.post(&ask, &[("confirm", "<Ananya>")]).await);

    owner.post(&ask, &sure).await.location();
    until("the sweep", || at_rest(&world.db()));
    keep("erased@held-by-backups", &owner.get(&page).await);
    keep("erased@as-viewer", &viewer.get(&page).await);
    keep("turned@erased", &editor.post(&page, &typed("2", &[])).await);
    keep("activity@erased", &viewer.get("/live/activity").await);
    std::fs::remove_file(world.db().with_file_name("backups").join("patron-erasures.txt")).unwrap();
    keep("erased@not-beside-the-backups", &owner.get(&page).await);
    std::fs::rename(world.db().with_file_name("backups"), world.db().with_file_name("away")).unwrap();
    let (_, page) = ananya(&app).await;
    let sure = [("confirm", page.rsplit('/').next().unwrap())];
    keep("turned@backups-not-there", &owner.post(&format!("{page}/erase"), &sure).await);

    // Nobody sweeps here.
    let world = World::unfed();
    let (app, owner) = (world.key(Mode::Live).await, world.staff(Role::Owner).await);
    let (_, page) = ananya(&app).await;
    let sure = [("confirm", page.rsplit('/').next().unwrap())];
    owner.post(&format!("{page}/erase"), &sure).await.location();
    keep("erased@not-swept-yet", &owner.get(&page).await);
}

#[tokio::test]
async fn activity() {
    let world = World::new();
    let (app, editor, owner) =
        (world.key(Mode::Live).await, world.staff(Role::Editor).await, world.staff(Role::Owner).await);
    keep("activity@empty", &editor.get("/live/activity").await);
    let (path, page) = ananya(&app).await;
    world.pass(MINUTE);
    editor.post(&page, &typed("1", &[("name", "Ananya's"), ("email", "")])).await;
    editor.post(&page, &typed("1", &[("name", "Ananya"), ("email", "")])).await;
    editor.post(&format!("{page}/undo"), &[("version", "2"), ("seen", "2")]).await;
    let seed = patron::service::Seed { mode: Mode::Live, count: 1, seed: 1 };
    world.services.seed(seed, |_| {}).await.unwrap();
    keep("activity@every-door", &editor.get("/live/activity").await);
    keep("activity@as-owner", &owner.get("/live/activity").await);
    let who = format!("/live/activity?who={}&door=console&from=2020-02-18&to=2020-02-18", editor.id().await);
    keep("activity@narrowed", &editor.get(&who).await);
    keep("activity@nobody", &editor.get("/live/activity?door=command&to=2019-12-31").await);
    for number in 1..=26 {
        app.put(&path, &format!(r#"{{"name":"Ananya {number}"}}"#)).await;
    }
    let first = editor.get("/live/activity").await;
    keep("activity@many", &first);
    let older = first.between(r#"rel="next" href=""#, "\"").unwrap();
    keep("activity@older", &editor.get(older).await);

    // More than one look reads.
    let many = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50001)
         INSERT INTO revisions (customer, version, mode, at, actor_type, actor_label, changes)
         SELECT 1, 100 + i, 1, 1582033731 + i, 'command', 'import', '{}' FROM n";
    Connection::open(world.db()).unwrap().execute_batch(many).unwrap();
    keep("activity@found-none-so-far", &editor.get("/live/activity?door=console").await);
    let last = "INSERT INTO revisions (customer, version, mode, at, actor_type, actor_id, actor_label, changes)
         VALUES (1, 60000, 1, 1582133731, 'staff', 'staff_1', 'editor@kaveri.example', '{}')";
    Connection::open(world.db()).unwrap().execute_batch(last).unwrap();
    keep("activity@found-some-so-far", &editor.get("/live/activity?door=console").await);
}
