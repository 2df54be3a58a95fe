//! Customers at the console: the list, the record that is its own form, two at one record, undo, activity.

use std::time::Duration;

use insta::assert_snapshot;
use patron::domain::{Mode, Role};

use crate::world::{Answer, Persona, World};

/// A customer of the API's, and the page of it: its path there and here.
async fn customer(app: &Persona<'_>) -> (String, String) {
    let notes = r#"{"delivery":"Ring once","erp_id":40017,"whatsapp_ok":true}"#;
    let path = app.create(&format!(r#"{{"name":"Ananya","contact":"9845012370","notes":{notes}}}"#)).await;
    let page = path.replace("/v1", "/live");
    (path, page)
}

/// The form of [`customer`] as it comes back untouched, with these fields typed over.
fn typed<'a>(revision: &'a str, over: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut form = vec![
        ("revision", revision),
        ("name", "Ananya"),
        ("email", ""),
        ("contact", "9845012370"),
        ("gstin", ""),
        ("key", "delivery"),
        ("value", "\nRing once"),
        ("key", "erp_id"),
        ("value", "\n40017"),
        ("key", "whatsapp_ok"),
        ("value", "\ntrue"),
    ];
    // A browser leaves out the line end that the page puts before each value.
    for field in &mut form {
        field.1 = field.1.trim_start_matches('\n');
    }
    for (name, value) in over {
        match form.iter_mut().find(|(each, _)| each == name) {
            Some(field) => field.1 = value,
            None => form.push((name, value)),
        }
    }
    form
}

fn has(answer: &Answer, text: &str) -> bool {
    answer.body.contains(text)
}

#[tokio::test]
async fn an_edit_by_form_is_an_edit_by_a_person() {
    let world = World::new();
    let (app, meera) = (world.key(Mode::Live).await, world.staff(Role::Editor).await);
    let (path, page) = customer(&app).await;
    world.pass(Duration::from_secs(60));
    let saved =
        meera.post(&page, &typed("1", &[("name", " Ananya Krishnamurthy "), ("gstin", "29AAGCB7383J1Z4")])).await;
    assert_eq!(saved.location(), format!("{page}?saved=2&from=1"));
    assert_snapshot!(app.get(&path).await, @r#"200 {"id":"cust_EIECESKRDE2Hl5","entity":"customer","name":"Ananya Krishnamurthy","email":null,"contact":"9845012370","gstin":"29AAGCB7383J1Z4","notes":{"delivery":"Ring once","erp_id":40017,"whatsapp_ok":true},"created_at":1582033731}"#);
    let newest = app.get(&format!("{path}/revisions?count=1")).await.json();
    assert_eq!(newest["items"][0]["actor"]["type"], "staff");
    assert_eq!(newest["items"][0]["actor"]["label"], "editor@kaveri.example");
    assert_eq!(newest["items"][0]["changes"].as_object().unwrap().len(), 2, "what nobody touched is no change");
    let shown = meera.get(saved.location()).await;
    assert!(has(&shown, "Saved to live.") && has(&shown, "You changed name and GSTIN."), "{shown}");
    assert!(has(&shown, "editor@kaveri.example</b> changed name and GSTIN"));
    let same = meera.post(&page, &typed("2", &[("name", "Ananya Krishnamurthy"), ("gstin", "29AAGCB7383J1Z4")])).await;
    assert!(has(&meera.get(same.location()).await, "Nothing was changed."));
}

#[tokio::test]
async fn a_customer_is_made_by_the_same_form() {
    let world = World::new();
    let (app, meera) = (world.key(Mode::Test).await, world.staff(Role::Editor).await);
    let form = [
        ("name", "Søren"),
        ("email", ""),
        ("contact", ""),
        ("gstin", ""),
        ("key", "k"),
        ("value", "v"),
        ("key", ""),
        ("value", ""),
    ];
    let made = meera.post("/test/customers", &form).await;
    let path = made.location().replace("/test", "/v1").replace("?saved=1", "");
    assert_snapshot!(app.get(&path).await.json()["notes"], @r#"{"k":"v"}"#);
    let nobody = meera.post("/test/customers", &[("name", ""), ("key", ""), ("value", "lonely")]).await;
    assert_eq!(nobody.status, 422);
    assert!(has(&nobody, "Give this note a key") && has(&nobody, "&#10;lonely</textarea>"), "{nobody}");
    let nothing = meera.post("/test/customers", &[("name", "")]).await;
    assert!(has(&nothing, "At least one of name, email or contact is required."), "{nothing}");
}

#[tokio::test]
async fn every_error_at_once_and_nothing_typed_is_lost() {
    let world = World::new();
    let (app, meera) = (world.key(Mode::Live).await, world.staff(Role::Editor).await);
    let (_, page) = customer(&app).await;
    let long = "x".repeat(281);
    let refused = meera.post(&page, &typed("1", &[("name", "<b>x"), ("gstin", "29"), ("value", &long)])).await;
    assert_eq!(refused.status, 422);
    for part in [
        "<title>Error: ",
        "Nothing is saved yet: 3 things to mend",
        r##"<a href="#name">The name can&#39;t contain “&#60;”. Use letters, digits, spaces and . &#39; - _ / @ ( ).</a>"##,
        r##"<a href="#note-1">Notes value cannot be greater than 256 characters. This one has 281.</a>"##,
        r#"value="&#60;b&#62;x""#,
        &long,
        r#"data-guard="unsaved""#,
    ] {
        assert!(has(&refused, part), "{part} is not in {refused}");
    }
    let other = app.create(r#"{"name":"Rohan","email":"rohan@example.com","contact":"9845012370"}"#).await;
    let taken = meera.post(&page, &typed("1", &[("email", "rohan@example.com")])).await;
    assert!(has(&taken, &format!(r#"<a href="{}">Rohan</a>"#, other.replace("/v1", "/live"))), "{taken}");
    assert!(has(&taken, r#"aria-describedby="contact-error contact-hint""#));
}

#[tokio::test]
async fn rows_of_notes_come_and_go_without_saving() {
    let world = World::new();
    let (app, meera) = (world.key(Mode::Live).await, world.staff(Role::Editor).await);
    let (path, page) = customer(&app).await;
    let added = meera.post(&page, &typed("1", &[("name", "Half typed"), ("add", "1")])).await;
    assert!(has(&added, r#"id="note-4""#) && has(&added, "Half typed"));
    let removed = meera.post(&page, &typed("1", &[("remove", "2")])).await;
    assert!(!has(&removed, "erp_id") && has(&removed, "whatsapp_ok"));
    assert!(has(&meera.post(&page, &typed("1", &[("remove", "99")])).await, "erp_id"));
    assert_eq!(app.get(&path).await.header("etag"), Some("\"1\""));
    // The first submit button of the form is a hidden Save, so that Enter saves.
    let form = added.between(r#"<form class="record""#, "</form>").unwrap();
    assert!(form.split("<button").nth(1).unwrap().starts_with(r#" class="hidden""#));
}

#[tokio::test]
async fn different_fields_both_survive_and_the_page_says_so() {
    let world = World::new();
    let (app, meera) = (world.key(Mode::Live).await, world.staff(Role::Editor).await);
    let (path, page) = customer(&app).await;
    app.put(
        &path,
        r#"{"email":"ananya@example.com","notes":{"delivery":"Ring twice","erp_id":40017,"whatsapp_ok":true}}"#,
    )
    .await;
    let saved = meera.post(&page, &typed("1", &[("contact", "+919845012370")])).await;
    let now = app.get(&path).await;
    assert!(has(&now, r#""email":"ananya@example.com""#) && has(&now, r#""contact":"+919845012370""#), "{now}");
    assert!(has(&now, r#""notes":{"delivery":"Ring twice","erp_id":40017,"whatsapp_ok":true}"#), "types stay: {now}");
    let shown = meera.get(saved.location()).await;
    assert!(has(&shown, "Meanwhile Shop checkout changed email and a note; both are kept."), "{shown}");
}

#[tokio::test]
async fn the_same_field_is_chosen_and_nothing_is_lost_either_way() {
    for (choice, contact) in [("mine", "+911111111111"), ("theirs", "+912222222222")] {
        let world = World::new();
        let (app, meera) = (world.key(Mode::Live).await, world.staff(Role::Editor).await);
        let (path, page) = customer(&app).await;
        app.put(&path, r#"{"contact":"+912222222222","gstin":"29AAGCB7383J1Z4"}"#).await;
        let met = meera.post(&page, &typed("1", &[("contact", "+911111111111"), ("name", "Mine Alone")])).await;
        assert_eq!(met.status, 409);
        for part in [
            "Shop checkout saved while you were writing",
            "+911111111111",
            "+912222222222",
            "9845012370",
            "Only you changed",
            "Only they changed",
        ] {
            assert!(has(&met, part), "{part} is not in {met}");
        }
        assert_eq!(app.get(&path).await.json()["name"], "Ananya", "nothing is saved yet");
        let mut choose =
            typed("2", &[("contact", "+911111111111"), ("name", "Mine Alone"), ("gstin", "29AAGCB7383J1Z4")]);
        choose.extend([("base", "1"), ("clash", "contact")]);
        assert_eq!(meera.post(&page, &choose).await.status, 409, "no default is chosen");
        choose.push(("choice-1", choice));
        assert_eq!(meera.post(&page, &choose).await.location(), format!("{page}?saved=3&from=2"));
        let now = app.get(&path).await.json();
        assert_eq!((now["contact"].as_str(), now["name"].as_str()), (Some(contact), Some("Mine Alone")));
        assert_eq!(now["gstin"], "29AAGCB7383J1Z4");
    }
}

#[tokio::test]
async fn undo_is_at_once_or_after_a_look_at_what_is_lost() {
    let world = World::new();
    let (app, meera) = (world.key(Mode::Live).await, world.staff(Role::Editor).await);
    let (path, page) = customer(&app).await;
    let undo = format!("{page}/undo");
    app.put(&path, r#"{"name":"Second","contact":null}"#).await;
    let undone = meera.post(&undo, &[("version", "2"), ("seen", "2")]).await;
    assert_eq!(undone.location(), format!("{page}?saved=3&from=2"));
    assert!(has(&meera.get(undone.location()).await, "You undid revision 2."));
    assert_eq!(app.get(&path).await.json()["contact"], "9845012370");

    app.put(&path, r#"{"name":"Fourth"}"#).await;
    let look = meera.post(&undo, &[("version", "2"), ("seen", "4")]).await;
    assert!(has(&look, "Undo, and lose one later change") || has(&look, "Undo, and lose 2 later changes"), "{look}");
    assert_eq!(app.get(&path).await.json()["name"], "Fourth");
    let stale = meera.post(&undo, &[("version", "4"), ("seen", "3"), ("sure", "1")]).await;
    assert_eq!(stale.status, 200, "somebody saved since: look again");
    let sure = meera.post(&undo, &[("version", "4"), ("seen", "4"), ("sure", "1")]).await;
    assert_eq!(sure.location(), format!("{page}?saved=5&from=4"));

    app.put(&path, r#"{"contact":"87654321"}"#).await;
    let taker = app.create(r#"{"contact":"9845012370"}"#).await;
    let taken = meera.post(&undo, &[("version", "6"), ("seen", "6")]).await;
    assert!(taken.status == 409 && has(&taken, &taker.replace("/v1", "/live")), "{taken}");
    let creation = meera.post(&undo, &[("version", "1"), ("seen", "6")]).await;
    assert!(has(&creation, "The creation of a customer cannot be undone."), "{creation}");
}

#[tokio::test]
async fn who_may_not_does_not() {
    let world = World::new();
    let app = world.key(Mode::Live).await;
    let (viewer, visitor) = (world.staff(Role::Viewer).await, world.visitor());
    let (path, page) = customer(&app).await;
    let shown = viewer.get(&page).await;
    assert!(shown.status == 200 && !has(&shown, "<form class=\"record\"") && !has(&shown, "/undo"), "{shown}");
    for (target, form) in
        [(page.clone(), typed("1", &[])), (format!("{page}/undo"), vec![]), ("/live/customers".into(), vec![])]
    {
        assert_eq!(viewer.post(&target, &form).await.status, 403, "{target}");
        assert!(visitor.post(&target, &form).await.location().starts_with("/sign-in?to="), "{target}");
    }
    assert_eq!(viewer.get("/live/customers/new").await.status, 403);
    assert_eq!(app.get(&path).await.header("etag"), Some("\"1\""));
    for address in ["/live/customers", &page, "/live/activity", "/live/account", "/"] {
        assert!(visitor.get(address).await.location().starts_with("/sign-in?to=%2F"), "{address}");
    }
}

#[tokio::test]
async fn the_list_finds_marks_and_pages() {
    let world = World::new();
    let (app, meera) = (world.key(Mode::Live).await, world.staff(Role::Viewer).await);
    assert!(has(&meera.get("/live/customers").await, "There are no live customers yet"));
    for number in 1..=60 {
        app.create(&format!(r#"{{"name":"Customer {number}","contact":"98765{number:05}"}}"#)).await;
        world.pass(Duration::from_secs(1));
    }
    app.create(r#"{"email":"s@x.example","name":"Søren","notes":{"old":"98765 11204"}}"#).await;
    let first = meera.get("/live/customers").await;
    assert_eq!(first.body.matches("role=\"rowheader\"").count(), 25);
    let older = first.between(r#"rel="next" href=""#, "\"").unwrap().replace("&#38;", "&");
    let second = meera.get(&older).await;
    assert!(
        has(&second, ">Customer 36<") && has(&second, ">Customer 12<") && !has(&second, ">Customer 37<"),
        "{second}"
    );
    let newer = second.between(r#"rel="prev" href=""#, "\"").unwrap().replace("&#38;", "&");
    assert!(has(&meera.get(&newer).await, ">Customer 60<"));
    let found = meera.get("/live/customers?q=98765+00042").await;
    assert!(has(&found, "<mark>9876500042</mark>"), "{found}");
    let by_note = meera.get("/live/customers?q=11204").await;
    assert!(has(&by_note, "Note <i>old</i>: 98765 <mark>11204</mark>"), "{by_note}");
    let none = meera.get("/live/customers?q=%3Cscript%3E").await;
    assert!(has(&none, "No live customer has &#60;script&#62;"), "{none}");
    assert!(has(&meera.get("/test/customers?q=98765").await, "No test customer has 98765"));
    assert!(has(
        &meera.get("/live/customers?from=2019-01-01&to=2019-12-31").await,
        "No customer was made in these days"
    ));
}

#[tokio::test]
async fn activity_tells_and_filters() {
    let world = World::new();
    let (app, meera) = (world.key(Mode::Live).await, world.staff(Role::Editor).await);
    assert!(has(&meera.get("/live/activity").await, "Nothing has happened in live yet"));
    let (_, page) = customer(&app).await;
    meera.post(&page, &typed("1", &[("name", "Ananya K")])).await;
    let all = meera.get("/live/activity").await;
    assert!(has(&all, "editor@kaveri.example</b> changed") && has(&all, "Shop checkout</b> made"), "{all}");
    let console = meera.get("/live/activity?door=console").await;
    assert!(has(&console, "</b> changed") && !has(&console, "</b> made"), "{console}");
    let mine = meera.get(&format!("/live/activity?who={}", meera.id().await)).await;
    assert!(!has(&mine, "</b> made") && has(&mine, " selected>editor@kaveri.example"), "{mine}");
    assert!(has(&meera.get("/live/activity?door=command").await, "Nobody did this"));
    assert!(has(&meera.get("/test/activity").await, "Nothing has happened in test yet"));
}

#[tokio::test]
async fn a_customer_that_is_not_here_may_be_elsewhere() {
    let world = World::new();
    let (app, meera) = (world.key(Mode::Test).await, world.staff(Role::Viewer).await);
    let path = app.create(r#"{"name":"Test Only"}"#).await;
    let id = path.rsplit('/').next().unwrap();
    let missing = meera.get(&format!("/live/customers/{id}")).await;
    assert_eq!(missing.status, 404);
    assert!(
        has(&missing, "There is no live customer here") && has(&missing, &format!("/test/customers/{id}")),
        "{missing}"
    );
    assert_eq!(meera.get(&format!("/test/customers/{id}")).await.status, 200);
    assert_eq!(meera.get("/live/customers/%3Cscript%3E").await.status, 404);
}
