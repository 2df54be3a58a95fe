//! Pages of imports, in every state.

use std::time::Duration;

use patron::domain::{Mode, Role};
use rusqlite::Connection;

use crate::console_imports::{act, rehearsed, settled, upload};
use crate::pages::keep;
use crate::world::World;

/// What no page may take for its own markup, and as long as it can be.
const NAME: &str = "customers <b>of</b> \u{201c}Kaveri Stores & Sons\u{201d}, as exported on the last Friday of October by the till.csv";

fn execute(world: &World, sql: &str) {
    Connection::open(world.db()).unwrap().execute_batch(sql).unwrap();
}

#[tokio::test]
async fn upload_and_columns() {
    let world = World::new();
    let meera = world.staff(Role::Editor).await;
    keep("imports@empty", &meera.get("/live/imports").await);
    keep("import_new@empty", &meera.get("/live/imports/new").await);
    keep("import_new@refused", &upload(&meera, "live", "a.csv", b"name,name\n").await);
    let file =
        "Name,Mobile,GST No,City <i>,Nothing\nAnanya,98450 12370,,Pune & more,\nMeera,9845012371,29AAGCB7383J1Z4,,\n";
    upload(&meera, "test", NAME, file.as_bytes()).await;
    keep("import_columns@guessed", &meera.get("/test/imports/1/columns").await);
    let fields = [
        ("target", "name"),
        ("key", ""),
        ("target", "name"),
        ("key", ""),
        ("target", "note"),
        ("key", ""),
        ("empty", "clear"),
    ];
    keep("import_columns@refused", &meera.post("/test/imports/1/columns", &fields).await);
    keep("imports@to-be-told", &meera.get("/test/imports").await);
}

#[tokio::test]
async fn typography_that_was_replaced() {
    let world = World::new();
    let meera = world.staff(Role::Editor).await;
    let (path, page) = rehearsed(&meera, "name,contact\nCiara O’Brien,9845012370\nMeera,9845012371\n").await;
    keep("import@tidied", &page);
    keep("import_rows@tidied", &meera.get(&format!("{path}/rows/create")).await);
}

#[tokio::test]
async fn columns_that_are_left_out() {
    let world = World::new();
    let meera = world.staff(Role::Editor).await;
    let file = format!("name,contact,Story <b>\nMeera,9845012371,{}\n", "x".repeat(300));
    let (path, page) = rehearsed(&meera, &file).await;
    keep("import@left-out", &page);
    keep("import_confirm@left-out", &meera.get(&format!("{path}/apply")).await);
}

#[tokio::test]
async fn one_import_from_its_rehearsal_to_its_return() {
    let world = World::new();
    let (app, meera) = (world.key(Mode::Live).await, world.staff(Role::Editor).await);
    app.create(r#"{"name":"Ananya","contact":"9845012370","notes":{"city":"Pune"}}"#).await;
    let changed = app.create(r#"{"name":"Changed","contact":"9845012380"}"#).await;
    app.create(r#"{"name":"Same","contact":"9845012390"}"#).await;
    world.pass(Duration::from_secs(60));
    let file = "name,contact,email,notes[city]\nAnanya K,9845012370,,\nMeera <b>,9845012371,meera@example.com,\nx,9845012372,,\n\
        Changed K,9845012380,,\nSame,9845012390,,\nTaken,9845012373,,\nGaurav,9845012374,,Goa\nRavi,9845012375,,\nshort\n";
    let file = file.replace("Meera <b>", "Meera");
    let (path, page) = rehearsed(&meera, &file).await;
    keep("import@rehearsed", &page);
    for (part, state) in [
        ("create", "import_rows@create"),
        ("update", "import_rows@update"),
        ("unchanged", "import_rows@unchanged"),
        ("refused", "import_rows@refused"),
    ] {
        keep(state, &meera.get(&format!("{path}/rows/{part}")).await);
    }
    for (what, state) in [("apply", "import_confirm@apply"), ("discard", "import_confirm@discard")] {
        keep(state, &meera.get(&format!("{path}/{what}")).await);
    }
    // Meanwhile one customer is changed, and another gets a pair.
    app.put(&changed, r#"{"gstin":"29AAGCB7383J1Z4"}"#).await;
    app.create(r#"{"name":"First","contact":"9845012373"}"#).await;
    world.pass(Duration::from_secs(60));
    meera.post(&format!("{path}/apply"), &[]).await;
    keep("import@applied", &settled(&meera, &path).await);
    keep("imports@applied", &meera.get("/live/imports").await);
    for (part, state) in
        [("written", "import_rows@written"), ("changed", "import_rows@changed"), ("taken", "import_rows@taken")]
    {
        keep(state, &meera.get(&format!("{path}/rows/{part}")).await);
    }
    keep("activity@imported", &meera.get("/live/activity").await);
    keep("activity@imported-as-viewer", &world.staff(Role::Viewer).await.get("/live/activity").await);
    keep("import_confirm@undo", &meera.get(&format!("{path}/undo")).await);
    let written = meera.get(&format!("{path}/rows/written")).await;
    let made: Vec<&str> = written.body.split("href=\"/live/customers/").skip(1).map(|rest| &rest[..19]).collect();
    keep("customer@imported", &meera.get(&format!("/live/customers/{}", made[1])).await);
    // One that it made is edited.
    app.put(&format!("/v1/customers/{}", made[1]), r#"{"name":"Meera S"}"#).await;
    world.pass(Duration::from_secs(60));
    keep("import@undone", &act(&meera, &path, "undo").await);
    for (part, state) in [("undone", "import_rows@undone"), ("kept", "import_rows@kept")] {
        keep(state, &meera.get(&format!("{path}/rows/{part}")).await);
    }
    keep("import_rows@none-further", &meera.get(&format!("{path}/rows/kept?after=99")).await);
    let withdrawn = format!("/live/customers/{}", made[2]);
    keep("withdrawn@editor", &meera.get(&withdrawn).await);
    keep("withdrawn@owner", &world.staff(Role::Owner).await.get(&withdrawn).await);
    keep("withdrawn@viewer", &world.staff(Role::Viewer).await.get(&format!("{withdrawn}?past=1")).await);
    keep("turned@withdrawn", &meera.post(&withdrawn, &[("name", "Other")]).await);
    keep("import_confirm@redo", &meera.get(&format!("{path}/redo")).await);
    // One that was withdrawn has its pair taken.
    app.create(r#"{"name":"Second","contact":"9845012375"}"#).await;
    keep("import@brought-back", &act(&meera, &path, "redo").await);
    keep("import_rows@away", &meera.get(&format!("{path}/rows/away")).await);
    keep("turned@import-overtaken", &meera.get(&format!("{path}/apply")).await);
    keep("turned@no-import", &meera.get("/live/imports/77").await);
    keep("turned@no-rows", &meera.get(&format!("{path}/rows/create")).await);
    // After a month, what was refused goes.
    world.pass(Duration::from_secs(31 * 24 * 60 * 60));
    keep("import@long-ago", &world.staff(Role::Editor).await.get(&path).await);
}

#[tokio::test]
async fn what_is_under_way_and_what_was_interrupted() {
    let world = World::new();
    let meera = world.staff(Role::Editor).await;
    let (path, _) = rehearsed(&meera, "name\nMeera\nGaurav\n").await;
    // Whoever was at work looks a last time whether there is more.
    tokio::time::sleep(Duration::from_millis(300)).await;
    for (state, moving, interrupted) in [
        ("receiving", "import@receiving", "import@receiving-interrupted"),
        ("rehearsing", "import@rehearsing", "import@rehearsing-interrupted"),
        ("applying", "import@applying", "import@applying-interrupted"),
        ("undoing", "import@undoing", "import@undoing-interrupted"),
        ("redoing", "import@redoing", "import@redoing-interrupted"),
    ] {
        execute(&world, &format!("UPDATE imports SET state = '{state}', done = 1"));
        keep(moving, &meera.get(&path).await);
        world.pass(Duration::from_secs(11));
        keep(interrupted, &meera.get(&path).await);
        execute(&world, "UPDATE imports SET moved_at = moved_at + 11");
    }
    keep("imports@under-way", &meera.get("/live/imports").await);
    world.pass(Duration::from_secs(11));
    keep("imports@interrupted", &meera.get("/live/imports").await);
}

#[tokio::test]
async fn odd_imports() {
    let world = World::new();
    let meera = world.staff(Role::Editor).await;
    upload(&meera, "live", "", b"name\nx\n").await;
    let columns = [("target", "name"), ("key", ""), ("empty", "clear")];
    meera.post("/live/imports/1/columns", &columns).await;
    keep("import@nothing-to-apply", &settled(&meera, "/live/imports/1").await);
    keep("import_confirm@of-no-name", &meera.get("/live/imports/1/discard").await);
    keep("import_rows@of-no-name", &meera.get("/live/imports/1/rows/create").await);
    let many: String =
        (0..60).map(|at| format!("{{\"name\":\"Customer {at}\",\"contact\":\"98450{at:05}\"}}\n")).collect();
    let answer = upload(&meera, "live", "many.jsonl", many.as_bytes()).await;
    let path = answer.location().strip_suffix("/columns").unwrap().to_owned();
    crate::console_imports::rehearse(&meera, &path).await;
    keep("import_rows@first-of-many", &meera.get(&format!("{path}/rows/create")).await);
    keep("import_rows@last-of-many", &meera.get(&format!("{path}/rows/create?after=50")).await);
    for _ in 0..26 {
        upload(&meera, "live", "again.csv", b"name\nMeera\n").await;
    }
    keep("imports@first-of-many", &meera.get("/live/imports").await);
    keep("imports@last-of-many", &meera.get("/live/imports?before=4").await);
}
