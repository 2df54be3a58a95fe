//! Importing a file: rehearsed first, applied as one, undone as one, and brought back; what each row came to, and what others see.

use std::os::unix::fs::FileExt;
use std::time::Duration;

use patron::domain::{
    ActivityFilter, Actor, Changes, Customer, CustomerId, Edited, Fate, Happened, Import, ImportRow, ImportState, Mode,
    Name, Outcome, Passage, Place, Query, Revision, RowsOf, Slice,
};
use patron::rows::{Empty, Format, Target};
use patron::service::imports::{REFUSED_DAYS, REHEARSAL_DAYS};
use patron::service::{Caller, NotImported, Schedule, Work};
use patron::store::{Batch, ImportLookup, NotWritten, Plan, Planned, Requester, Store, Use};
use serde_json::Value;

use crate::server::run;
use crate::world::{Persona, World};

fn caller(mode: Mode) -> Caller {
    Caller { mode, actor: Actor::Command { name: "import".into() }, request_id: None, request: None, grant: None }
}

fn id_of(path: &str) -> String {
    path.rsplit('/').next().unwrap().to_owned()
}

/// A file at the desk of whoever imports it.
struct Desk<'a> {
    world: &'a World,
    caller: Caller,
    api: Persona<'a>,
}

impl<'a> Desk<'a> {
    async fn new(world: &'a World) -> Self {
        Self { world, caller: caller(Mode::Test), api: world.key(Mode::Test).await }
    }

    async fn receive(&self, file: &[u8]) -> Result<Import, NotImported> {
        let mut receiving = self.world.services.imports.receive(&self.caller, "dir/customers.csv", None);
        for piece in file.chunks(1_000) {
            receiving.push(piece).await?;
        }
        receiving.finish().await
    }

    async fn work(&self, number: i64, work: Work) -> Import {
        let imports = &self.world.services.imports;
        imports.start(&self.caller, number, work).await.unwrap();
        imports.work(&self.caller, number, |_| {}).await.unwrap()
    }

    async fn rehearse(&self, file: &str) -> Import {
        let received = self.receive(file.as_bytes()).await.unwrap();
        assert_eq!(received.state, ImportState::Received);
        self.work(received.number, Work::Rehearse).await
    }

    async fn apply(&self, file: &str) -> Import {
        let number = self.rehearse(file).await.number;
        self.work(number, Work::Apply).await
    }

    /// Line, outcome, fate and words of each row.
    async fn told(&self, number: i64) -> Vec<String> {
        let rows = self.world.services.imports.rows(&self.caller, number, RowsOf::All, 0, 1_000).await.unwrap();
        let told = rows.into_iter().map(|shown| {
            let row = shown.row;
            let fate = row.fate.map_or(String::new(), |fate| format!(", {}", fate.as_str()));
            let words = row.words.map_or(String::new(), |words| format!(": {words}"));
            format!("{} {}{fate}{words}", row.line, row.outcome.map_or("-", Outcome::as_str))
        });
        told.collect()
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        let answer = self.api.get(&format!("/v1/customers{path}")).await;
        (answer.status.as_u16(), answer.json())
    }

    async fn create(&self, body: &str) -> String {
        id_of(&self.api.create(body).await)
    }

    async fn put(&self, id: &str, body: &str) {
        let answer = self.api.put(&format!("/v1/customers/{id}"), body).await;
        assert_eq!(answer.status.as_u16(), 200, "{answer}");
    }

    async fn names(&self) -> Vec<String> {
        let list = self.get("?count=100").await.1;
        list["items"].as_array().unwrap().iter().map(|each| each["name"].as_str().unwrap_or("-").to_owned()).collect()
    }

    async fn is_whole(&self) {
        let checked = self.world.services.check(|_| {}).await.unwrap();
        assert_eq!(checked.faults, vec![]);
    }
}

#[tokio::test]
async fn each_row_has_its_outcome_and_nothing_is_written_before_it_is_applied() {
    let world = World::new();
    let desk = Desk::new(&world).await;
    let same = desk.create(r#"{"name":"Same Person","email":"Same@example.com","contact":"9000000001"}"#).await;
    let other = desk.create(r#"{"name":"Other Person","email":"other@example.com"}"#).await;
    let third = desk.create(r#"{"name":"Third Person","email":"third@example.com"}"#).await;
    let live = id_of(&world.key(Mode::Live).await.create(r#"{"name":"Live One"}"#).await);
    let file = format!(
        "id,name,email,contact,created_at,notes.city\n\
         cust_AAAAAAAAAAAAA1,Kept Id,kept@example.com,,1500000000,Pune\n\
         ,Same Person,same@EXAMPLE.com,9000000001,,\n\
         ,Changed Person,other@example.com,,,Goa\n\
         {same},Same Person,,,,\n\
         ,x,bad@example.com,,,\n\
         ,No At,not-an-email,,,\n\
         cust_AAAAAAAAAAAAA1,Twice,twice@example.com,,,\n\
         ,Pair Twice,KEPT@example.com,,,\n\
         {live},Live One,,,,\n\
         ,,,,,Nobody\n\
         {other},Other Person,same@example.com,9000000001,,\n\
         ,Ends,here@example.com\n\
         cust_AAAAAAAAAAAAA2,Third Again,THIRD@example.com,,,\n\
         cust_AAAAAAAAAAAAA3,To Come,come@example.com,,4000000000,\n"
    );
    let import = desk.rehearse(&file).await;
    assert_eq!(import.state, ImportState::Rehearsed);
    let told = desk.told(import.number).await.join("\n").replace(&third, "THIRD");
    assert_eq!(
        told.lines().collect::<Vec<_>>(),
        [
            "2 create",
            "3 unchanged",
            "4 update",
            "5 refused: Line 3 is about the same customer.",
            "6 refused: The name needs at least 3 characters.",
            "7 refused: The email needs an @, as in name@example.com.",
            "8 refused: Line 2 has the same id.",
            "9 refused: Line 2 has the same email and contact.",
            "10 refused: The id is a customer's in the other mode: leave the id out to make another customer.",
            "11 refused: At least one of name, email or contact is required.",
            "12 refused: Line 4 is about the same customer.",
            "13 create",
            "14 refused: Customer already exists for the merchant: THIRD.",
            "15 refused: The created_at must be a time in the past.",
        ]
    );
    assert_eq!(desk.names().await.len(), 3, "nothing is written");

    let import = desk.work(import.number, Work::Apply).await;
    assert_eq!((import.state, import.fated(Fate::Applied)), (ImportState::Applied, 3));
    let (status, kept) = desk.get("/cust_AAAAAAAAAAAAA1").await;
    assert_eq!(
        (status, kept["created_at"].as_i64(), kept["notes"]["city"].as_str()),
        (200, Some(1_500_000_000), Some("Pune"))
    );
    let changed = desk.get(&format!("/{other}")).await.1;
    assert_eq!(
        (changed["name"].as_str(), changed["email"].as_str()),
        (Some("Changed Person"), Some("other@example.com"))
    );
    let names = desk.names().await;
    assert_eq!((names.len(), names[4].as_str()), (5, "Kept Id"), "in its place in the list");
    desk.is_whole().await;
}

#[tokio::test]
async fn what_changes_between_the_rehearsal_and_its_end_is_listed_and_not_overwritten() {
    let world = World::new();
    let desk = Desk::new(&world).await;
    let edited = desk.create(r#"{"name":"To Edit","email":"edit@example.com"}"#).await;
    desk.create(r#"{"name":"To Stay","email":"stay@example.com"}"#).await;
    let file = "name,email\nEdited Here,edit@example.com\nStays Here,stay@example.com\nTaken Soon,taken@example.com\nFree Still,free@example.com\n";
    let import = desk.rehearse(file).await;
    desk.put(&edited, r#"{"notes":{"by":"staff"}}"#).await;
    desk.create(r#"{"name":"Was Faster","email":"TAKEN@example.com"}"#).await;
    let import = desk.work(import.number, Work::Apply).await;
    let told = desk.told(import.number).await;
    assert_eq!(told, ["2 update, changed", "3 update, applied", "4 create, taken", "5 create, applied"]);
    assert_eq!(desk.get(&format!("/{edited}")).await.1["name"], "To Edit");
    // What was not written is there to be mended, and what was written is in customers alone.
    let rows = world.services.imports.rows(&desk.caller, import.number, RowsOf::All, 0, 10).await.unwrap();
    let has_cells: Vec<bool> = rows.iter().map(|shown| shown.cells.is_some()).collect();
    assert_eq!(has_cells, [true, false, true, false]);
    let unwritten = world.services.imports.rows(&desk.caller, import.number, RowsOf::Unwritten, 0, 10).await.unwrap();
    let told: Vec<(u64, String)> = unwritten.iter().map(|shown| (shown.row.line, shown.row.reason())).collect();
    assert_eq!(told, [(2, Fate::Changed.words().to_owned()), (4, Fate::Taken.words().to_owned())]);
    desk.is_whole().await;
}

#[tokio::test]
async fn an_update_shows_each_field_from_and_to() {
    let world = World::new();
    let desk = Desk::new(&world).await;
    desk.create(r#"{"name":"Before","email":"one@example.com","notes":{"city":"Pune","tier":"gold"}}"#).await;
    let import = desk.rehearse("name,email,gstin,notes.city\nAfter,One@example.com,29XAbbA4369J1PA,Goa\n").await;
    let rows = world.services.imports.rows(&desk.caller, import.number, RowsOf::Outcome(Outcome::Update), 0, 10).await;
    let rows = rows.unwrap();
    let changes = rows[0].changes.as_ref().unwrap();
    let fields: Vec<_> = changes.fields.iter().map(|each| (each.from.as_deref(), each.to.as_deref())).collect();
    assert_eq!(
        fields,
        [(Some("Before"), Some("After")), (None, Some("29XAbbA4369J1PA"))],
        "the email stays as it is spelled"
    );
    assert_eq!(changes.notes.len(), 1, "{changes:?}");
}

#[tokio::test]
async fn an_empty_cell_keeps_what_there_is_or_clears_it_where_that_is_asked_for() {
    let world = World::new();
    let desk = Desk::new(&world).await;
    let id = desk.create(r#"{"name":"Has A Name","email":"one@example.com"}"#).await;
    let file = format!("id,name,email\n{id},,one@example.com\n");
    let import = desk.rehearse(&file).await;
    assert_eq!(desk.told(import.number).await, ["2 unchanged"]);
    let mut mapping = world.services.imports.mapping(&import);
    mapping.empty = Empty::Clear;
    world.services.imports.map(&desk.caller, import.number, &mapping).await.unwrap();
    let started = world.services.imports.start(&desk.caller, import.number, Work::Apply).await;
    assert!(matches!(started, Err(NotImported::State(ImportState::Received))), "another mapping is rehearsed anew");
    let import = desk.work(import.number, Work::Rehearse).await;
    assert_eq!((desk.told(import.number).await, import.count(Outcome::Unchanged)), (vec!["2 update".to_owned()], 0));
    desk.work(import.number, Work::Apply).await;
    assert_eq!(desk.get(&format!("/{id}")).await.1["name"], Value::Null);
    mapping.set("email", Target::Ignore).unwrap();
    mapping.set("id", Target::Ignore).unwrap();
    mapping.set("name", Target::Ignore).unwrap();
    let refused = world.services.imports.map(&desk.caller, import.number, &mapping).await;
    assert!(matches!(refused, Err(NotImported::Unfit(_))), "{refused:?}");
}

/// Withdrawn, kept, given back, kept in part: and what others see of it.
#[tokio::test]
async fn undone_as_one_it_keeps_what_was_edited_and_comes_back() {
    let world = World::new();
    let desk = Desk::new(&world).await;
    let services = &world.services;
    let whole = desk.create(r#"{"name":"Whole Before","email":"whole@example.com"}"#).await;
    let partly = desk.create(r#"{"name":"Partly Before","email":"partly@example.com"}"#).await;
    let file = "id,name,email,notes.city\n\
        cust_AAAAAAAAAAAAA1,Goes Away,goes@example.com,Pune\n\
        cust_AAAAAAAAAAAAA2,Is Edited,edited@example.com,Pune\n\
        ,Whole After,whole@example.com,Goa\n\
        ,Partly After,partly@example.com,Goa\n\
        ,Whole After,w h@example.com,Goa\n";
    let import = desk.apply(file).await;
    desk.put("cust_AAAAAAAAAAAAA2", r#"{"notes":{"city":"Delhi"}}"#).await;
    desk.put(&partly, r#"{"name":"Edited Since"}"#).await;
    let import = desk.work(import.number, Work::Undo).await;
    assert_eq!(import.state, ImportState::Undone);
    let undone = ["2 create, undone", "3 create, kept", "4 update, undone", "5 update, partly"];
    assert_eq!(desk.told(import.number).await[..4], undone);
    for path in ["/cust_AAAAAAAAAAAAA1", "/cust_AAAAAAAAAAAAA1/revisions"] {
        let (status, body) = desk.get(path).await;
        assert_eq!((status, body["error"]["description"].as_str()), (400, Some("The id provided does not exist")));
    }
    let answer = desk.api.put("/v1/customers/cust_AAAAAAAAAAAAA1", r#"{"name":"No More"}"#).await;
    assert_eq!(answer.description(), "The id provided does not exist");
    assert_eq!(desk.get("/cust_AAAAAAAAAAAAA2").await.1["notes"]["city"], "Delhi");
    let back = desk.get(&format!("/{whole}")).await.1;
    assert_eq!((back["name"].as_str(), back["notes"].as_array().map(Vec::len)), (Some("Whole Before"), Some(0)));
    let kept = desk.get(&format!("/{partly}")).await.1;
    assert_eq!((kept["name"].as_str(), kept["notes"].as_array().map(Vec::len)), (Some("Edited Since"), Some(0)));
    assert_eq!(desk.get("?email=goes@example.com").await.1["count"], 0);
    services.flush().await;
    assert_eq!(services.house.counts().unwrap().of(Mode::Test).customers, 3);
    desk.is_whole().await;

    // Its history stays, for staff, and tells of it.
    let id = CustomerId::parse("cust_AAAAAAAAAAAAA1").unwrap();
    let slice = Slice { count: 10, skip: 0 };
    let withdrawn = services.imports.withdrawn(&desk.caller, &id, slice).await.unwrap().unwrap();
    let passages: Vec<_> = withdrawn.revisions.iter().map(|each| (each.version, each.import, each.passage)).collect();
    assert_eq!(passages, [(2, Some(import.number), Some(Passage::Withdrawn)), (1, Some(import.number), None)]);

    // Another may have its pair, and keeps it: then it does not come back before that is free.
    let other = desk.create(r#"{"name":"Another One","email":"Goes@example.com"}"#).await;
    let import = desk.work(import.number, Work::Redo).await;
    let redone = ["2 create, away", "3 create, applied", "4 update, applied", "5 update, applied"];
    assert_eq!(
        (import.state, &desk.told(import.number).await[..4]),
        (ImportState::Applied, &redone.map(str::to_owned)[..])
    );
    assert_eq!(desk.get(&format!("/{whole}")).await.1["name"], "Whole After");
    let kept = desk.get(&format!("/{partly}")).await.1;
    assert_eq!((kept["name"].as_str(), kept["notes"]["city"].as_str()), (Some("Edited Since"), Some("Goa")));
    desk.work(import.number, Work::Undo).await;
    desk.put(&other, r#"{"email":"another@example.com"}"#).await;
    let import = desk.work(import.number, Work::Redo).await;
    assert_eq!(desk.told(import.number).await[0], "2 create, applied");
    assert_eq!(desk.get("/cust_AAAAAAAAAAAAA1").await.1["name"], "Goes Away");
    let history = desk.get("/cust_AAAAAAAAAAAAA1/revisions").await.1;
    assert_eq!(history["count"], 3, "its creation, its withdrawal, its return");
    services.flush().await;
    assert_eq!(services.house.counts().unwrap().of(Mode::Test).customers, 5);
    desk.is_whole().await;
}

#[tokio::test]
async fn imports_of_the_same_customers_are_undone_one_after_the_other() {
    let world = World::new();
    let desk = Desk::new(&world).await;
    let first = desk.apply("name,email\nOne Person,one@example.com\n").await;
    let second = desk.apply("name,email\nOther Name,one@example.com\n").await;
    let kept = desk.work(first.number, Work::Undo).await;
    assert_eq!(kept.fated(Fate::Kept), 1, "the second has edited it");
    desk.work(first.number, Work::Redo).await;
    desk.work(second.number, Work::Undo).await;
    let undone = desk.work(first.number, Work::Undo).await;
    assert_eq!((undone.fated(Fate::Undone), desk.names().await.len()), (1, 0), "it is as it was made");
    let redone = desk.work(second.number, Work::Redo).await;
    assert_eq!(redone.fated(Fate::Away), 1, "whom it changed is withdrawn");
    desk.work(first.number, Work::Redo).await;
    desk.work(second.number, Work::Undo).await;
    desk.work(second.number, Work::Redo).await;
    assert_eq!(desk.names().await, ["Other Name"]);
    desk.is_whole().await;
}

#[tokio::test]
async fn who_is_withdrawn_leaves_a_place_that_nobody_new_gets_and_no_search_finds() {
    let world = World::unfed();
    let desk = Desk::new(&world).await;
    let import = desk.apply("name,email\nFindable Person,find@example.com\n").await;
    let query = Query::parse("findable").unwrap();
    let search = async || {
        let page = world.services.customers.search(&desk.caller, &query, Place::Newest, 10).await.unwrap();
        page.items.iter().map(|listed| listed.customer.name.as_ref().unwrap().as_str().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(search().await, ["Findable Person"]);
    while world.services.feed_search(100).await.unwrap() {}
    desk.work(import.number, Work::Undo).await;
    assert_eq!(search().await, Vec::<String>::new(), "before the search is fed");
    desk.create(r#"{"name":"Findable Other"}"#).await;
    while world.services.feed_search(100).await.unwrap() {}
    assert_eq!(search().await, ["Findable Other"]);
    desk.work(import.number, Work::Redo).await;
    while world.services.feed_search(100).await.unwrap() {}
    assert_eq!(search().await, ["Findable Other", "Findable Person"]);
    desk.is_whole().await;
}

#[tokio::test]
async fn activity_has_an_import_as_one() {
    let world = World::new();
    let desk = Desk::new(&world).await;
    let file: String = (0..300).map(|number| format!("Person {number},p{number}@example.com\n")).collect();
    let import = desk.apply(&format!("name,email\n{file}")).await;
    desk.create(r#"{"name":"By Hand"}"#).await;
    desk.work(import.number, Work::Undo).await;
    let page = world.services.customers.activity(&desk.caller, ActivityFilter::default(), None, 10).await.unwrap();
    let told: Vec<String> = page
        .items
        .iter()
        .map(|happened| match happened {
            Happened::Edited(edited) => edited.1.name.as_ref().unwrap().as_str().to_owned(),
            Happened::Imported(step) => format!("{} {} {}", step.step.as_str(), step.file, step.rows),
            Happened::Erased(_) => "erased".to_owned(),
        })
        .collect();
    assert_eq!(told, ["undo customers.csv 300", "By Hand", "apply customers.csv 300"]);
    assert_eq!((page.next, page.searched_to), (None, None));
}

#[tokio::test]
async fn an_erasure_takes_what_imports_hold_of_a_person_withdrawn_or_not() {
    let world = World::new();
    let desk = Desk::new(&world).await;
    let services = &world.services;
    let erase = async |id: &str| {
        let id = CustomerId::parse(id).unwrap();
        services.erasures.erase(&desk.caller, &id).await.unwrap();
    };
    let holds = async |text: &str| {
        let connection = rusqlite::Connection::open(world.db()).unwrap();
        let sql = "SELECT count(*) FROM import_rows WHERE cells LIKE '%' || ?1 || '%'";
        connection.query_row(sql, [text], |row| row.get::<_, u64>(0)).unwrap()
    };
    let known = desk.create(r#"{"name":"Known Before","email":"known@example.com"}"#).await;
    let file = format!(
        "id,name,email\ncust_AAAAAAAAAAAAA1,Comes New,new@example.com\n,x,known@example.com\n{known},!,\n,Known Later,Known@example.com\n,x,new@example.com\n,New Person,new@example.com or so\n,x!,nobody\n"
    );
    let import = desk.rehearse(&file).await;
    assert_eq!((holds("nown@example.com").await, holds(&known).await), (2, 1));
    erase(&known).await;
    assert_eq!((holds("nown@example.com").await, holds(&known).await), (0, 0));
    let import = desk.work(import.number, Work::Apply).await;
    assert_eq!(desk.told(import.number).await[3], "5 update, gone");
    desk.work(import.number, Work::Undo).await;
    assert_eq!(holds("new@example.com").await, 2, "refused, and to be mended");
    erase("cust_AAAAAAAAAAAAA1").await;
    assert_eq!(holds("new@example.com").await, 1, "which is no such email");
    let import = desk.work(import.number, Work::Redo).await;
    assert_eq!(desk.told(import.number).await[0], "2 create, gone");
    assert_eq!(desk.names().await.len(), 0);
    services.flush().await;
    assert_eq!(services.house.counts().unwrap().of(Mode::Test).customers, 0);
    let again = desk.rehearse("id,name\ncust_AAAAAAAAAAAAA1,Comes Again\n").await;
    assert_eq!(desk.told(again.number).await, ["2 refused: The customer of this id was erased."]);
    desk.is_whole().await;
}

/// The lines of which an import has cells, in a database.
fn lines_with_cells(db: &std::path::Path, import: i64) -> Vec<i64> {
    let connection = rusqlite::Connection::open(db).unwrap();
    let sql = "SELECT line FROM import_rows WHERE import = ?1 AND cells IS NOT NULL ORDER BY line";
    let mut statement = connection.prepare(sql).unwrap();
    statement.query_map([import], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

#[tokio::test]
async fn an_erasure_takes_the_rows_of_the_person_by_whole_values_and_nobody_elses() {
    let world = World::new();
    let desk = Desk::new(&world).await;
    let erasures = &world.services.erasures;
    let victim = desk.create(r#"{"name":"Victim One","email":"victim@x.in","contact":"+919876543210"}"#).await;
    let id = CustomerId::parse(&victim).unwrap();
    let jsonl = format!(
        r#"{{"name":"Contact in escapes","contact":"\u002B919876543210","gstin":"BAD"}}
{{"name":"Email in escapes","email":"victim\u0040x.in","contact":"9000000001"}}
{{"name":"Contact with spaces","contact":"+91 98765-43210"}}
{{"name":"Shares the telephone","email":"other@x.in","contact":"+919876543210"}}
{{"name":"A longer email","email":"notvictim@x.in","contact":"9000000002"}}
{{"name":"A longer number","contact":"+9198765432101"}}
{{"name":"Was sent by them","email":"n4@x.in","notes":{{"referred_by":"victim@x.in"}}}}
{{"id":"{victim}","name":"By the id alone"}}
"victim@x.in"
{{"name":"Capitals","email":"VICTIM@X.IN","created_at":"never"}}
"#
    );
    let received = desk.receive(jsonl.as_bytes()).await.unwrap();
    // In none of its columns stands what is named there.
    let shifted = desk.rehearse("name,email\nOne, Victim,victim@x.in\nOther, One,notvictim@x.in\n").await;
    let told = desk.told(received.number).await;
    assert_eq!(told[8], "9 unread: The line is JSON, but not an object.");

    let export = erasures.export(&desk.caller, &id).await.unwrap();
    let lines: Vec<(i64, u64)> = export.import_rows.iter().map(|each| (each.import, each.row.line)).collect();
    let [first, second] = [received.number, shifted.number];
    assert_eq!(lines, [(first, 1), (first, 2), (first, 3), (first, 8), (first, 9), (first, 10), (second, 2)]);
    let written = crate::server::run(&world.db(), &["customer", "export", &victim]);
    let written: Value = serde_json::from_slice(&written.stdout).unwrap();
    assert_eq!(written["import_rows"][2]["cells"]["contact"], "+91 98765-43210");
    assert_eq!(written["import_rows"][4]["text"], "\"victim@x.in\"", "as it came, for it could not be read");
    assert_eq!(written["import_rows"][6]["cells"]["column 3"], "victim@x.in");
    assert_eq!(erasures.preview(&desk.caller, &id).await.unwrap().import_rows, 7);

    let erased = crate::server::run(&world.db(), &["customer", "erase", &victim, "--yes"]);
    let said = String::from_utf8(erased.stdout).unwrap();
    assert!(said.contains("is erased, and with it what 7 rows of imports hold."), "{said}");
    assert_eq!(lines_with_cells(&world.db(), first), [4, 5, 6, 7]);
    assert_eq!(lines_with_cells(&world.db(), second), [3]);
    let rehearsed = desk.work(first, Work::Rehearse).await;
    assert_eq!(rehearsed.count(Outcome::Create), 4);
    let words = "refused: What the row held is gone: its customer was erased.";
    assert_eq!(desk.told(first).await[7], format!("8 {words}"));
    desk.is_whole().await;
}

#[tokio::test]
async fn an_erasure_looks_through_all_imports_of_its_mode_however_long() {
    let world = World::new();
    let desk = Desk::new(&world).await;
    let victim = desk.create(r#"{"name":"Victim One","contact":"9999999999"}"#).await;
    let mut file = "name,email,contact\nFirst Other,f@x.in,9999999990\n".to_owned();
    (0..2_500).for_each(|each| file.push_str(&format!("Somebody,s{each}@x.in,99999 99999\n")));
    let long = desk.receive(format!("{file}Last Other,l@x.in,99999999990\n").as_bytes()).await.unwrap().number;
    let next = desk.receive(b"name,contact\nSomebody,9999999999\nOther,9999999990\n").await.unwrap().number;
    let live = Desk { caller: caller(Mode::Live), ..Desk::new(&world).await };
    let live = live.receive(b"name,contact\nSomebody,9999999999\n").await.unwrap().number;
    let id = CustomerId::parse(&victim).unwrap();
    assert_eq!(world.services.erasures.preview(&desk.caller, &id).await.unwrap().import_rows, 2_501);
    world.services.erasures.erase(&desk.caller, &id).await.unwrap();
    let left = [long, next, live].map(|number| lines_with_cells(&world.db(), number));
    assert_eq!(left, [vec![2, 2_503], vec![3], vec![2]]);
}

#[tokio::test]
async fn a_row_that_is_cleared_after_it_was_planned_is_not_written() {
    let world = World::new();
    let desk = Desk::new(&world).await;
    let number = desk.rehearse("name,email\nErased Meanwhile,erased@x.in\nStays Here,stays@x.in\n").await.number;
    world.services.imports.start(&desk.caller, number, Work::Apply).await.unwrap();
    let (db, actor) = (world.db(), desk.caller.actor.clone());
    let plan = move |row: ImportRow, _: &ImportLookup<'_>| {
        let connection = rusqlite::Connection::open(&db).unwrap();
        connection.execute("UPDATE import_rows SET cells = NULL, pair = NULL WHERE line = 2", []).unwrap();
        let id = CustomerId::parse(&format!("cust_AAAAAAAAAAAAA{}", row.line)).unwrap();
        let customer = Customer { name: Name::parse("Somebody").ok(), ..Customer::blank(id.clone(), Mode::Test, 0) };
        let (actor, import, changes) = (actor.clone(), Some(number), Changes::default());
        #[rustfmt::skip]
        let revision = Revision {
            customer: id, version: 1, at: 0, actor, request_id: None, request: None, undoes: None, import, passage: None, changes,
        };
        let edited = Edited { customer: Customer { version: 1, ..customer }, revision };
        Ok(Planned { row, plan: Plan::Create(Box::new(edited)) })
    };
    let fate_of = |why| {
        assert_eq!(why, NotWritten::Cleared);
        Fate::Gone
    };
    let beside = Store::open(&world.db(), Use::Existing).unwrap();
    assert_eq!(beside.apply_import(Requester::HOUSE, number, 10, 0, plan, fate_of).await.unwrap(), Batch::Done);
    assert_eq!(desk.told(number).await, ["2 create, gone", "3 create, applied"]);
    assert_eq!(desk.names().await.len(), 1);
}

#[tokio::test]
async fn a_restored_backup_has_nobody_waiting_who_was_erased_since() {
    let world = World::new();
    let desk = Desk::new(&world).await;
    let folder = tempfile::tempdir().unwrap();
    let schedule = Schedule { folder: folder.path().to_owned(), every: Duration::from_secs(3_600), keep: 24 };
    world.services.erasures.note_schedule(Some(&schedule)).await.unwrap();
    desk.apply("name,email\nGood One,good@x.in\n!,refused@x.in\n").await;
    let waiting = desk.rehearse("id,name,email\ncust_AAAAAAAAAAAAA1,Comes Back,back@x.in\n").await.number;
    let backup = folder.path().join("patron-20260101T000000Z.db");
    assert!(crate::backup::backup(&world.db(), &backup).status.success());
    let restored = |name: &str| {
        let new = folder.path().join(name);
        let done = crate::server::run(&new, &["restore", backup.to_str().unwrap()]);
        (String::from_utf8(done.stdout).unwrap(), new)
    };
    let (said, new) = restored("before.db");
    assert!(!said.contains("Imports may hold"), "{said}");
    assert_eq!((lines_with_cells(&new, 1), lines_with_cells(&new, waiting)), (vec![3], vec![2]));

    desk.work(waiting, Work::Apply).await;
    let id = CustomerId::parse("cust_AAAAAAAAAAAAA1").unwrap();
    world.services.erasures.erase(&desk.caller, &id).await.unwrap();
    let (said, new) = restored("after.db");
    assert!(said.contains("not applied are dropped (1), and rows of the others are emptied (1)."), "{said}");
    assert_eq!((lines_with_cells(&new, 1), lines_with_cells(&new, waiting)), (vec![], vec![]));
    let bytes = std::fs::read(&new).unwrap();
    assert!(!bytes.windows(9).any(|window| window == b"back@x.in"), "swept");
    assert!(crate::server::run(&new, &["check"]).status.success());
}

#[tokio::test]
async fn a_file_without_a_line_of_names_is_refused() {
    let world = World::new();
    let desk = Desk::new(&world).await;
    let refused = desk.receive(b"Victim One,victim@x.in,9876543210\nOther,o@x.in,9876543211\n").await.unwrap_err();
    let words = format!("{refused:?}");
    assert!(words.contains("column 2 of it looks like a value") && !words.contains("victim"), "{words}");
}

#[tokio::test]
async fn both_formats_come_in_whatever_wrote_them() {
    let world = World::new();
    let desk = Desk::new(&world).await;
    let mut csv =
        b"\xef\xbb\xbfname,email\r\n\"Kumar, Gaurav\",\"g@example.com\"\r\nA\xffB,ab@example.com\r\n".to_vec();
    csv.extend(format!("Long Cell,{}\r\n", "x".repeat(70_000)).bytes());
    csv.extend(format!("Long Value,{}\r\n", "x".repeat(60_000)).bytes());
    csv.extend(b"Last One,l@example.com");
    let received = desk.receive(&csv).await.unwrap();
    assert_eq!((received.format.as_str(), received.rows, received.file.as_str()), ("csv", 5, "customers.csv"));
    let import = desk.work(received.number, Work::Rehearse).await;
    let told = desk.told(import.number).await.join("; ");
    assert_eq!(
        told,
        "2 refused: The name can't contain “,”. Use letters, digits, spaces and . ' - _ / @ ( ).; 3 unread: Line 3 is not UTF-8: save the file as CSV (UTF-8).; \
         4 unread: The line is longer than 65536 bytes; a quotation mark that does not close may be why.; \
         5 refused: The email may not be greater than 64 characters. This one has 60000.; 6 create"
    );
    let jsonl =
        b"{\"id\":\"cust_AAAAAAAAAAAAA9\",\"name\":\"Json Line\",\"notes\":{\"n\":1.50}}\n\n{\"name\":7}\nnot json\n";
    let received = desk.receive(jsonl).await.unwrap();
    assert_eq!((received.format.as_str(), received.columns.join(",").as_str()), ("jsonl", "id,name,notes"));
    let import = desk.work(received.number, Work::Rehearse).await;
    desk.work(import.number, Work::Apply).await;
    assert_eq!(desk.get("/cust_AAAAAAAAAAAAA9").await.1["notes"].to_string(), r#"{"n":1.5}"#);
    assert_eq!(desk.told(import.number).await[1], "3 refused: The name must be a string.");
    for (file, words) in [(&b""[..], "the file is empty"), (b"name,email\n", "the file has no rows")] {
        let refused = desk.receive(file).await;
        assert!(matches!(&refused, Err(NotImported::Unfit(said)) if said == words), "{refused:?}");
    }
    let sent = world.services.imports.receive(&desk.caller, "x", Some(Format::Jsonl)).finish().await;
    assert!(matches!(sent, Err(NotImported::Unfit(_))));
}

#[tokio::test]
async fn what_is_kept_long_enough_goes() {
    let world = World::new();
    let desk = Desk::new(&world).await;
    let days = |count: i64| Duration::from_secs(count.cast_unsigned() * 24 * 60 * 60);
    let count = |sql: &str| -> u64 {
        rusqlite::Connection::open(world.db()).unwrap().query_row(sql, [], |row| row.get(0)).unwrap()
    };
    let rows: String = (0..600).map(|number| format!("Person {number},p{number}@example.com\n")).collect();
    let rehearsed = desk.rehearse(&format!("name,email\n{rows}")).await;
    let applied = desk.apply("name,email\nKept Person,kept@example.com\nx,x@example.com\n").await;
    let given_up = desk.rehearse("name\nGiven Up\n").await;
    world.services.imports.discard(&desk.caller, given_up.number).await.unwrap();
    assert!(world.services.imports.find(&desk.caller, given_up.number).await.is_err());
    world.pass(days(REHEARSAL_DAYS) - Duration::from_secs(1));
    world.services.flush().await;
    assert_eq!(count("SELECT count(*) FROM imports"), 2, "what was given up is gone");
    world.pass(Duration::from_secs(2));
    world.services.flush().await;
    assert!(world.services.imports.find(&desk.caller, rehearsed.number).await.is_err());
    assert_eq!(count("SELECT count(*) FROM import_rows WHERE cells IS NOT NULL"), 1);
    assert_eq!(count("SELECT count(*) FROM imports"), 1);
    world.pass(days(REFUSED_DAYS));
    world.services.flush().await;
    assert_eq!(count("SELECT count(*) FROM import_rows WHERE cells IS NOT NULL"), 0);
    let undone = desk.work(applied.number, Work::Undo).await;
    assert_eq!((undone.fated(Fate::Undone), undone.refused()), (1, 1), "it can be undone all the same");
    let next = desk.rehearse("name\nComes Next\n").await;
    assert!(next.number > given_up.number, "no number comes twice");
    desk.is_whole().await;
}

#[tokio::test]
async fn two_who_do_the_same_work_do_no_row_twice() {
    let world = World::new();
    let desk = Desk::new(&world).await;
    let rows: String = (0..700).map(|number| format!("Person {number},p{number}@example.com\n")).collect();
    let import = desk.rehearse(&format!("name,email\n{rows}")).await;
    let imports = &world.services.imports;
    for (work, fate) in [(Work::Apply, Fate::Applied), (Work::Undo, Fate::Undone), (Work::Redo, Fate::Applied)] {
        imports.start(&desk.caller, import.number, work).await.unwrap();
        let go = || imports.work(&desk.caller, import.number, |_| {});
        let (one, two, three) = tokio::join!(go(), go(), go());
        for done in [one, two, three] {
            assert_eq!(done.unwrap().fated(fate), 700);
        }
    }
    desk.is_whole().await;
}

#[tokio::test]
async fn what_stands_still_is_interrupted_and_is_undone_or_resumed() {
    let world = World::new();
    let desk = Desk::new(&world).await;
    let imports = &world.services.imports;
    let rows: String = (0..50).map(|number| format!("Person {number},p{number}@example.com\n")).collect();
    let number = desk.rehearse(&format!("name,email\n{rows}")).await.number;
    let import = imports.start(&desk.caller, number, Work::Apply).await.unwrap();
    assert!(!imports.is_interrupted(&import));
    world.pass(Duration::from_secs(11));
    assert!(imports.is_interrupted(&import));
    let found = patron::service::doctor::report(&world.services.examine(true).await.unwrap());
    assert!(found.contains(&format!("Imports      import {number} was interrupted: `patron import resume")), "{found}");
    let import = imports.work(&desk.caller, number, |_| {}).await.unwrap();
    assert_eq!((import.state, imports.is_interrupted(&import), import.done), (ImportState::Applied, false, 50));
    let again = imports.start(&desk.caller, number, Work::Apply).await;
    assert!(matches!(again, Err(NotImported::State(ImportState::Applied))), "{again:?}");
    let other = caller(Mode::Live);
    assert!(imports.find(&other, number).await.is_err(), "the modes do not meet");
}

#[test]
fn rows_to_be_mended_are_for_the_owner_alone_and_names_of_columns_do_nothing_to_a_terminal() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    let (db, people, refused) = (at("patron.db"), at("people.csv"), at("refused.csv"));
    std::fs::write(
        &people,
        "name,email,\x1b]0;mine\x07\x1b[31mcity\nGood Name,g@example.com,\nx,bad@example.com,Pune\n",
    )
    .unwrap();
    let import = |refused: &std::path::Path, more: &[&str]| {
        let arguments = ["import", people.to_str().unwrap(), "--mode", "test", "--refused", refused.to_str().unwrap()];
        run(&db, &[&arguments, more].concat())
    };
    let unasked = import(&at("unasked.csv"), &[]);
    let said = String::from_utf8_lossy(&unasked.stderr).into_owned();
    assert!(said.contains("1 customer would be written to test: say so with --yes; nothing was changed"), "{said}");

    // A link that leads nowhere is not followed.
    std::os::unix::fs::symlink(at("elsewhere"), at("link.csv")).unwrap();
    let linked = import(&at("link.csv"), &["--yes"]);
    assert!(String::from_utf8_lossy(&linked.stderr).contains("link.csv is there already"), "{linked:?}");
    assert!(!at("elsewhere").exists());

    let done = import(&refused, &["--yes"]);
    assert!(done.status.success(), "{done:?}");
    let printed = String::from_utf8(done.stdout).unwrap();
    assert!(!printed.contains(['\x1b', '\x07']) && printed.contains("]0;mine[31mcity  is "), "{printed}");
    let mode = std::os::unix::fs::PermissionsExt::mode(&refused.metadata().unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    let lines = std::fs::read_to_string(&refused).unwrap();
    assert!(
        lines.lines().count() == 2
            && lines.ends_with("\"Line 3: name: The name needs at least 3 characters.\",x,bad@example.com,Pune\r\n"),
        "{lines}"
    );
    let names = std::fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(names.into_iter().all(|name| !name.to_str().unwrap().ends_with(".partial")));
}

#[test]
fn a_file_of_which_nothing_fits_is_an_error_and_a_database_that_is_made_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    std::fs::write(at("bad.csv"), "name,email\nx,bad@example.com\n").unwrap();
    std::fs::write(at("good.csv"), people(1)).unwrap();
    let import = |file: &str, more: &[&str]| {
        let file = at(file);
        let arguments = ["import", file.to_str().unwrap(), "--mode", "test", "--yes"];
        let out = run(&at("patron.db"), &[&arguments, more].concat());
        (out.status.code(), String::from_utf8(out.stderr).unwrap())
    };
    for more in [&[][..], &["--dry-run"]] {
        let (code, said) = import("bad.csv", more);
        assert_eq!(code, Some(1));
        assert!(said.contains("bad.csv can be imported: every row is refused"), "{said}");
        assert!(said.contains("patron.db was not there: a new database is made."), "{said}");
        assert!(said.contains("patron.db is removed again: nothing is stored in it.") && !at("patron.db").exists());
    }
    for is_new in [true, false] {
        let (code, said) = import("good.csv", &[]);
        assert_eq!((code, said.contains("was not there")), (Some(0), is_new), "{said}");
    }
    // Whoever goes on with an import means a file that has one.
    for command in ["resume", "undo", "redo", "discard"] {
        let out = run(&at("typo.db"), &["import", command, "1"]);
        let said = String::from_utf8_lossy(&out.stderr);
        assert!(!out.status.success() && said.contains("typo.db: there is no such file"), "{said}");
    }
    assert!(!at("typo.db").exists());
}

#[test]
fn settings_of_every_command_may_stand_before_what_is_done_with_imports() {
    let directory = tempfile::tempdir().unwrap();
    let db = directory.path().join("patron.db");
    assert!(run(&db, &["seed", "--count", "1"]).status.success());
    let (elsewhere, db) = (directory.path().join("none.db"), db.to_str().unwrap());
    for arguments in [&["import", "--db", db, "list"][..], &["import", "--log-level", "warn", "list", "--db", db]] {
        let listed = run(&elsewhere, arguments);
        assert!(listed.status.success() && listed.stdout.starts_with(b"Nothing was imported."), "{listed:?}");
    }
    let both = run(&elsewhere, &["import", "people.csv", "--mode", "test", "--db", db, "list"]);
    assert_eq!(both.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&both.stderr).contains("give one of them"), "{both:?}");
    assert_eq!(run(&elsewhere, &["import", "--db", db]).status.code(), Some(2));
}

fn people(count: usize) -> String {
    let rows: String = (0..count).map(|number| format!("Person {number},p{number}@example.com\n")).collect();
    format!("name,email\n{rows}")
}

#[tokio::test]
async fn what_was_undone_before_it_was_applied_whole_is_applied_whole_when_it_is_brought_back() {
    let world = World::new();
    let desk = Desk::new(&world).await;
    let imports = &world.services.imports;
    desk.create(r#"{"name":"To Edit","email":"p390@example.com"}"#).await;
    let number = desk.rehearse(&format!("{}Same One,not-an-email\n", people(400))).await.number;
    let apply_part = async || {
        let caller = desk.caller.clone();
        let began = std::cell::Cell::new(0);
        let stop = tokio::sync::Notify::new();
        // Let go of, as by a kill, between two batches.
        let progress = |_| {
            began.set(began.get() + 1);
            if began.get() == 4 {
                stop.notify_one();
            }
        };
        tokio::select! {
            biased;
            () = stop.notified() => {}
            _ = imports.work(&caller, number, progress) => panic!("it came to its end"),
        }
    };
    imports.start(&desk.caller, number, Work::Apply).await.unwrap();
    apply_part().await;
    let part = imports.find(&desk.caller, number).await.unwrap();
    let written = part.fated(Fate::Applied);
    assert!(part.state == ImportState::Applying && written > 0 && part.waiting() == 400 - written, "{part:?}");

    let undone = desk.work(number, Work::Undo).await;
    assert_eq!(
        (undone.state, undone.fated(Fate::Undone), undone.waiting()),
        (ImportState::Undone, written, 400 - written)
    );
    assert_eq!(desk.names().await, ["To Edit"]);
    let unwritten = imports.rows(&desk.caller, number, RowsOf::Unwritten, 0, 1_000).await.unwrap();
    assert_eq!(unwritten.len() as u64, 400 - written + 1, "what was not come to, and what was refused");
    assert!(unwritten[0].row.reason().contains("undone before it came to this row") && unwritten[0].cells.is_some());
    let waiting = imports.rows(&desk.caller, number, RowsOf::Waiting, 0, 1_000).await.unwrap();
    assert_eq!(waiting.len() as u64, 400 - written);

    // The rest is applied by what the rehearsal found, and not over what was edited since.
    let id = waiting.iter().find(|row| row.row.outcome == Some(Outcome::Update));
    if let Some(id) = id.and_then(|row| row.row.customer.as_ref()) {
        desk.put(id.as_str(), r#"{"notes":{"by":"staff"}}"#).await;
    }
    let redone = desk.work(number, Work::Redo).await;
    assert_eq!((redone.state, redone.waiting(), redone.done), (ImportState::Applied, 0, 401));
    assert_eq!((redone.fated(Fate::Applied), redone.fated(Fate::Changed)), (399, 1));
    desk.is_whole().await;
    let again = desk.work(number, Work::Undo).await;
    assert_eq!((again.state, again.fated(Fate::Undone)), (ImportState::Undone, 399));
    let again = desk.work(number, Work::Redo).await;
    assert_eq!((again.state, again.fated(Fate::Applied)), (ImportState::Applied, 399));
    desk.is_whole().await;
}

#[tokio::test]
async fn an_undo_after_a_redo_gives_back_what_the_import_set_first() {
    let world = World::new();
    let desk = Desk::new(&world).await;
    let id = desk.create(r#"{"name":"Name Before","email":"before@example.com"}"#).await;
    let import = desk.apply(&format!("id,name,email\n{id},Name Set,set@example.com\n")).await;
    desk.work(import.number, Work::Undo).await;
    desk.put(&id, r#"{"name":"Edited Since"}"#).await;
    desk.work(import.number, Work::Redo).await;
    let now = async || {
        let customer = desk.get(&format!("/{id}")).await.1;
        (customer["name"].as_str().unwrap().to_owned(), customer["email"].as_str().unwrap().to_owned())
    };
    for _ in 0..3 {
        assert_eq!(now().await, ("Edited Since".into(), "set@example.com".into()));
        let undone = desk.work(import.number, Work::Undo).await;
        assert_eq!((undone.fated(Fate::Partly), undone.fated(Fate::Undone)), (1, 0));
        assert_eq!(now().await, ("Edited Since".into(), "before@example.com".into()));
        desk.work(import.number, Work::Redo).await;
    }
    // Where the edit is taken back, nothing is kept of the import.
    desk.put(&id, r#"{"name":"Name Before"}"#).await;
    let undone = desk.work(import.number, Work::Undo).await;
    assert_eq!(undone.fated(Fate::Undone), 1);
    assert_eq!(now().await, ("Name Before".into(), "before@example.com".into()));
    desk.is_whole().await;
}

#[tokio::test]
async fn what_has_a_long_history_since_is_kept_and_the_rest_is_undone() {
    let world = World::new();
    let desk = Desk::new(&world).await;
    let import = desk.apply("name,email\nLong History,long@example.com\nNo History,no@example.com\n").await;
    let db = rusqlite::Connection::open(world.db()).unwrap();
    // As if it had been renamed there and back, so often.
    const EDITS: &str = "WITH RECURSIVE edits (nth) AS (SELECT 2 UNION ALL SELECT nth + 1 FROM edits WHERE nth <= 1200)
        INSERT INTO revisions (number, customer, version, previous, mode, at, actor_type, actor_label, changes)
        SELECT 1000 + nth, number, nth, iif(nth = 2, revision, 999 + nth), mode, created_at, 'command', 'x', iif(nth % 2 = 0,
            '{\"name\":{\"from\":\"Long History\",\"to\":\"Alt\"}}', '{\"name\":{\"from\":\"Alt\",\"to\":\"Long History\"}}')
        FROM edits, customers WHERE email = 'long@example.com'";
    db.execute(EDITS, []).unwrap();
    db.execute("UPDATE customers SET version = 1201, revision = 2201 WHERE email = 'long@example.com'", []).unwrap();
    drop(db);
    let undone = desk.work(import.number, Work::Undo).await;
    assert_eq!(desk.told(undone.number).await, ["2 create, kept", "3 create, undone"]);
    let redone = desk.work(import.number, Work::Redo).await;
    assert_eq!(redone.fated(Fate::Applied), 2);
    desk.is_whole().await;
}

#[tokio::test]
async fn an_undo_that_would_break_a_rule_tells_which() {
    let world = World::new();
    let desk = Desk::new(&world).await;
    let id = desk.create(r#"{"email":"only@example.com"}"#).await;
    let import = desk.apply(&format!("id,name\n{id},Has A Name\n")).await;
    desk.put(&id, r#"{"email":""}"#).await;
    let undone = desk.work(import.number, Work::Undo).await;
    let rule = "was kept, for the values of before break a rule: At least one of name, email or contact is required.";
    assert_eq!(desk.told(undone.number).await, [format!("2 update, needed: {rule}")]);
    desk.work(import.number, Work::Redo).await;
    assert_eq!(desk.told(undone.number).await, ["2 update, applied"]);
}

#[tokio::test]
async fn an_unchanged_row_whose_customer_was_edited_before_it_was_applied_is_told() {
    let world = World::new();
    let desk = Desk::new(&world).await;
    let edited = desk.create(r#"{"name":"Same Edited","email":"edited@example.com"}"#).await;
    desk.create(r#"{"name":"Same Still","email":"still@example.com"}"#).await;
    let import = desk.rehearse("name,email\nSame Edited,edited@example.com\nSame Still,still@example.com\n").await;
    assert_eq!(import.unchanged(), 2);
    desk.put(&edited, r#"{"name":"Other Name"}"#).await;
    let import = desk.work(import.number, Work::Apply).await;
    assert_eq!(desk.told(import.number).await, ["2 unchanged, changed", "3 unchanged"]);
    assert_eq!((import.unchanged(), import.fated(Fate::Changed)), (1, 1));
    let lines = async |of| {
        let rows = world.services.imports.rows(&desk.caller, import.number, of, 0, 10).await.unwrap();
        rows.iter().map(|shown| (shown.row.line, shown.cells.is_some())).collect::<Vec<_>>()
    };
    assert_eq!(lines(RowsOf::Outcome(Outcome::Unchanged)).await, [(3, false)]);
    assert_eq!(lines(RowsOf::Unwritten).await, [(2, true)], "to be imported again");
    desk.work(import.number, Work::Undo).await;
    desk.is_whole().await;
}

#[tokio::test]
async fn lines_end_as_any_program_ends_them() {
    let world = World::new();
    let desk = Desk::new(&world).await;
    for end in ["\r", "\n", "\r\n"] {
        let file = ["name,email", "One Person,one@example.com", "", "\"A", "B\",two@example.com", "x,x"].join(end);
        let received = desk.receive(file.as_bytes()).await.unwrap();
        let rows = world.services.imports.rows(&desk.caller, received.number, RowsOf::All, 0, 10).await.unwrap();
        let lines: Vec<u64> = rows.iter().map(|shown| shown.row.line).collect();
        assert_eq!(lines, [2, 4, 6], "{end:?}");
    }
}

#[tokio::test]
async fn what_was_interrupted_keeps_its_cells_and_the_others_let_go_of_theirs_once() {
    let world = World::new();
    let desk = Desk::new(&world).await;
    let imports = &world.services.imports;
    let interrupted = desk.rehearse(&people(20)).await.number;
    imports.start(&desk.caller, interrupted, Work::Apply).await.unwrap();
    let bad: String = (0..600).map(|number| format!("Bad {number},bad{number}\n")).collect();
    let applied = desk.apply(&format!("name,email\nGood One,good@example.com\n{bad}")).await.number;
    let kept = |number: i64| -> (u64, u64, i64) {
        let sql = "SELECT (SELECT count(cells) FROM import_rows WHERE import = number), has_cells, tidied FROM imports WHERE number = ?1";
        let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
        rusqlite::Connection::open(world.db()).unwrap().query_row(sql, [number], row).unwrap()
    };
    world.pass(Duration::from_secs((REFUSED_DAYS + 1).cast_unsigned() * 24 * 60 * 60));
    while imports.tidy().await.unwrap() {}
    assert_eq!(kept(applied), (0, 0, 602), "up to its last line");
    assert_eq!(kept(interrupted), (20, 1, 0));
    let resumed = imports.work(&desk.caller, interrupted, |_| {}).await.unwrap();
    assert_eq!((resumed.state, resumed.fated(Fate::Applied)), (ImportState::Applied, 20));
    desk.is_whole().await;
}

#[test]
fn a_rehearsal_that_fails_is_given_up_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let (db, file) = (folder.path().join("patron.db"), folder.path().join("customers.csv"));
    std::fs::write(&file, people(3)).unwrap();
    let run = |arguments: &[&str]| crate::server::patron(&db).args(arguments).output().unwrap();
    assert!(run(&["key", "create", "--mode", "test", "--label", "x"]).status.success());
    // Who has a pair of email and contact can be looked for no more.
    let page = "SELECT rootpage FROM sqlite_schema WHERE name = 'customers_pair'";
    let page: u64 = rusqlite::Connection::open(&db).unwrap().query_row(page, [], |row| row.get(0)).unwrap();
    let bytes = std::fs::OpenOptions::new().write(true).open(&db).unwrap();
    bytes.write_all_at(&[0xA5; 4096], (page - 1) * 4096).unwrap();
    let out = run(&["import", file.to_str().unwrap(), "--mode", "test", "--yes"]);
    let said = String::from_utf8(out.stderr).unwrap();
    assert!(!out.status.success() && said.contains("nothing was written") && !said.contains("resume"), "{said}");
    let list = String::from_utf8(run(&["import", "list"]).stdout).unwrap();
    assert!(list.contains("Nothing was imported"), "{list}");
}
