//! Text as people type and paste it: into the record form, into names of things, and into a search.

use std::fs;

use patron::domain::{Mode, Role};
use serde_json::json;

use crate::server::{Server, run};
use crate::world::{Answer, Person, World};

/// The form of a record as a browser sends it back: each value that the page shows, changed as HTML has it.
fn form_of(page: &Answer) -> Vec<(String, String)> {
    let form = page.between(r#"<form class="record""#, "</form>").unwrap_or_else(|| panic!("{page}"));
    let mut fields = Vec::new();
    for tag in form.split('<').filter(|tag| tag.starts_with("input") || tag.starts_with("textarea")) {
        let attribute = |name: &str| Some(tag.split_once(&format!(" {name}=\""))?.1.split_once('"')?.0);
        let Some(name) = attribute("name") else { continue };
        let value = if tag.starts_with("textarea") {
            // The parser drops the first line end, and the browser sends each as CR and LF.
            let text = parsed(tag.split_once('>').unwrap().1);
            text.strip_prefix('\n').unwrap_or(&text).replace("\r\n", "\n").replace(['\r', '\n'], "\r\n")
        } else {
            parsed(attribute("value").unwrap_or_default()).replace(['\r', '\n'], "")
        };
        fields.push((name.to_owned(), value));
    }
    fields
}

/// Text of a page as an HTML parser reads it: line ends in the source become one character each, references stay.
fn parsed(html: &str) -> String {
    let mut text = html.replace("\r\n", "\n").replace('\r', "\n");
    for (reference, char) in [
        ("&#60;", "<"),
        ("&#62;", ">"),
        ("&#34;", "\""),
        ("&#39;", "'"),
        ("&#10;", "\n"),
        ("&#13;", "\r"),
        ("&#38;", "&"),
    ] {
        text = text.replace(reference, char);
    }
    text
}

/// Saves the form of a page with these fields typed over.
async fn save(person: &Person<'_>, path: &str, over: &[(&str, &str)]) -> Answer {
    let mut form = form_of(&person.get(path).await);
    for (name, value) in over {
        form.iter_mut().find(|(each, _)| each == name).unwrap().1 = (*value).to_owned();
    }
    let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    person.send_form(path, &form).await
}

#[tokio::test]
async fn what_the_api_accepts_stays_byte_for_byte_in_a_form() {
    let world = World::new();
    let (app, meera) = (world.key(Mode::Live).await, world.staff(Role::Editor).await);
    let notes = json!({
        "": "no key", " ": " ", " blanks ": " around ", "blanks": "none", "line\nbreak": "a\r\nb\rc\n", "linebreak": "\n\nx\n",
        "line\r\nbreak": "\u{b}\u{c}\u{85}\u{2028}", "a[b]": "<b>&amp;\"'", "cafe\u{301}": "Zoe\u{308}",
        "\u{202e}x": "\u{feff}\u{ad}\u{fffe}\u{e000}", "same": "1", "same ": "1", "number": 1.50, "yes": true,
    });
    let body = json!({
        "name": "Jose\u{301}  O'Nair.", "email": "Jose@x.in", "contact": "+00000000", "gstin": "29XAbbA4369J1PA", "notes": notes,
    });
    let path = app.create(&body.to_string()).await;
    let page = path.replace("/v1", "/live");
    let before = app.get(&path).await.json();
    let same = save(&meera, &page, &[]).await;
    assert!(meera.get(same.location()).await.body.contains("Nothing was changed."), "{same}");
    save(&meera, &page, &[("email", "Other@x.in")]).await.location();
    let mut expected = before.clone();
    expected["email"] = json!("Other@x.in");
    assert_eq!(app.get(&path).await.json(), expected);
    let changes = app.get(&format!("{path}/revisions?count=1")).await.json();
    assert_eq!(changes["items"][0]["changes"].as_object().unwrap().len(), 1, "{changes}");

    // Safari composes what it sends.
    let form = form_of(&meera.get(&page).await);
    let composed = |text: &str| text.replace("e\u{301}", "é").replace("e\u{308}", "ë");
    let form: Vec<(String, String)> = form.into_iter().map(|(name, value)| (name, composed(&value))).collect();
    let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert!(meera.send_form(&page, &form).await.location().contains("saved=2&from=2"));
}

#[tokio::test]
async fn a_choice_between_two_edits_keeps_a_key_with_a_line_break() {
    let world = World::new();
    let (app, meera) = (world.key(Mode::Live).await, world.staff(Role::Editor).await);
    let path = app.create(r#"{"name":"Ananya","notes":{"a\nb":"1","ab":"2"}}"#).await;
    let page = path.replace("/v1", "/live");
    let mut mine = form_of(&meera.get(&page).await);
    mine.iter_mut().find(|(name, _)| name == "value").unwrap().1 = "mine".into();
    let mine: Vec<(&str, &str)> = mine.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    app.put(&path, r#"{"notes":{"a\nb":"theirs","ab":"2"}}"#).await;
    let met = meera.send_form(&page, &mine).await;
    let clash = met.between(r#"name="clash" value=""#, "\"").unwrap();
    let token = meera.form_token().await;
    let chosen = [
        ("token", token.as_str()),
        ("revision", "2"),
        ("base", "1"),
        ("name", "Ananya"),
        ("email", ""),
        ("contact", ""),
        ("gstin", ""),
        ("key", "a\r\nb"),
        ("value", "mine"),
        ("key", "ab"),
        ("value", "2"),
        ("clash", clash),
        ("choice-1", "theirs"),
    ];
    meera.send_form(&page, &chosen).await.location();
    assert_eq!(app.get(&path).await.json()["notes"], json!({"a\nb": "theirs", "ab": "2"}));
}

#[tokio::test]
async fn the_record_form_tidies_what_people_paste_and_says_so() {
    let world = World::new();
    let (app, meera) = (world.key(Mode::Live).await, world.staff(Role::Editor).await);
    let form = [
        ("name", "Ciara\u{a0}O’Brien‑Rao"),
        ("email", "o’brien@x.ie\u{a0}"),
        ("contact", "+91 98765-43210"),
        ("gstin", ""),
    ];
    let made = meera.post("/live/customers", &form).await;
    let shown = meera.get(made.location()).await;
    for words in [
        "The name was tidied to “Ciara O&#39;Brien-Rao”.",
        "The email was tidied to “o&#39;brien@x.ie”.",
        "The contact was tidied to “+919876543210”.",
    ] {
        assert!(shown.body.contains(words), "{words}: {shown}");
    }
    let page = made.location().split('?').next().unwrap().to_owned();
    let path = page.replace("/live", "/v1");
    let now = app.get(&path).await.json();
    assert_eq!((&now["name"], &now["contact"]), (&json!("Ciara O'Brien-Rao"), &json!("+919876543210")));
    // The same number in another spelling is no change, and an edit says what was tidied.
    let same = save(&meera, &page, &[("contact", "+91 (98765) 43210")]).await;
    let shown = meera.get(same.location()).await;
    assert!(shown.body.contains("Nothing was changed.") && shown.body.contains("tidied to “+919876543210”"), "{shown}");
    let edited = save(&meera, &page, &[("contact", "(022) 2345-6789")]).await;
    assert!(meera.get(edited.location()).await.body.contains("The contact was tidied to “02223456789”."));
    // What was typed stays until it is saved.
    let refused = save(&meera, &page, &[("contact", "98765 43210"), ("gstin", "x")]).await;
    assert!(refused.status == 422 && refused.body.contains(r#"value="98765 43210""#), "{refused}");
    let two = save(&meera, &page, &[("contact", "022-2345678/79")]).await;
    assert!(two.status == 422 && two.body.contains("The phone number has the character /"), "{two}");
    let two = save(&meera, &page, &[("contact", "022-2345678-79")]).await;
    assert!(two.status == 422 && two.body.contains("The phone number may be two numbers"), "{two}");
    // Nothing is said where nothing was tidied, and the API stays strict.
    let plain = save(&meera, &page, &[("contact", "9876543210")]).await;
    assert!(!meera.get(plain.location()).await.body.contains("tidied"));
    for body in [r#"{"contact":"+91 98765-43210"}"#, r#"{"name":"O’Brien"}"#] {
        assert_eq!(app.put(&path, body).await.status, 400, "{body}");
    }
}

#[tokio::test]
async fn a_tidied_value_is_said_after_a_choice_between_two_edits() {
    let world = World::new();
    let (app, meera) = (world.key(Mode::Live).await, world.staff(Role::Editor).await);
    let path = app.create(r#"{"name":"Ananya"}"#).await;
    let page = path.replace("/v1", "/live");
    let form = form_of(&meera.get(&page).await);
    let mut form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    form.iter_mut().find(|(name, _)| *name == "name").unwrap().1 = "Mine";
    form.iter_mut().find(|(name, _)| *name == "contact").unwrap().1 = "98765 43210";
    app.put(&path, r#"{"name":"Theirs"}"#).await;
    let met = meera.send_form(&page, &form).await;
    assert!(met.status == 409 && met.body.contains(r#"name="tidied" value="contact""#), "{met}");
    for (name, value) in [("revision", "2"), ("contact", "9876543210")] {
        form.iter_mut().find(|(each, _)| *each == name).unwrap().1 = value;
    }
    form.extend([("base", "1"), ("tidied", "contact"), ("clash", "name"), ("choice-1", "theirs")]);
    let saved = meera.send_form(&page, &form).await;
    let shown = meera.get(saved.location()).await;
    assert!(shown.body.contains("The contact was tidied to “9876543210”."), "{shown}");
    assert!(shown.body.contains("Theirs"));
}

#[tokio::test]
async fn a_refused_name_or_email_says_which_character_is_wrong() {
    let world = World::new();
    let (app, meera) = (world.key(Mode::Live).await, world.staff(Role::Owner).await);
    for (field, typed, words) in [
        (
            "name",
            "Tom & Co",
            "The name can&#39;t contain “&#38;”. Use letters, digits, spaces and . &#39; - _ / @ ( ).",
        ),
        ("name", "Bob\u{202e}", "The name can&#39;t contain U+202E, a text direction control."),
        ("name", "Bob\u{2028}Ray", "The name can&#39;t contain U+2028, a line separator."),
        ("name", "-Bob", "The name can&#39;t start with “-”."),
        ("email", "a@x.in;", "The email can&#39;t contain “;”."),
        ("email", "a\u{200b}@x.in", "The email can&#39;t contain U+200B, a space without width."),
    ] {
        let refused = meera.post("/live/customers", &[(field, typed)]).await;
        assert!(refused.status == 422 && refused.body.contains(words), "{words}: {refused}");
        let strict = app.post("/v1/customers", &json!({field: typed}).to_string()).await.description();
        assert!(["The name format is invalid.", "The email must be a valid email address."].contains(&&*strict));
    }
    let staff = meera.post("/live/staff", &[("email", "a b@x.in"), ("role", "viewer")]).await;
    assert!(staff.body.contains("The email can&#39;t contain a space."), "{staff}");
    let key = meera.post("/live/customers", &[("name", "Bob"), ("key", "k\u{2066}"), ("value", "v")]).await;
    assert!(key.body.contains("The key can&#39;t contain U+2066, a text direction control."), "{key}");
}

#[test]
fn names_of_things_hold_no_characters_that_mislead() {
    let directory = tempfile::tempdir().unwrap();
    let db = directory.path().join("patron.db");
    drop(Server::start(&db));
    let file = directory.path().join("list\u{202e}vsc.csv");
    fs::write(&file, "name\nAsha Rao\n").unwrap();
    let copy = directory.path().join("copy\u{2029}.db");
    let (file, copy) = (file.to_str().unwrap(), copy.to_str().unwrap());
    let misled = [
        (vec!["key", "create", "--mode", "test", "--label", "Shop\u{202e}"], "the label can't contain U+202E"),
        (vec!["import", file, "--mode", "test", "--yes"], "the file's name can't contain U+202E"),
        (vec!["backup", copy], "the name of a file can't contain U+2029, a line separator"),
        (vec!["export", "--mode", "test", "--out", copy], "the name of a file can't contain U+2029"),
        (vec!["staff", "add", "a\u{200f}@x.in", "--role", "owner"], "can't contain U+200F, a text direction control"),
    ];
    for (arguments, words) in misled {
        let output = run(&db, &arguments);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && said.contains(words), "{arguments:?}: {said}");
    }
}

#[tokio::test]
async fn malayalam_devanagari_and_sinhala_names_end_in_a_joiner() {
    let world = World::new();
    let app = world.key(Mode::Test).await;
    let csv = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cases/malayalam-zwj.csv")).unwrap();
    let names = csv.lines().skip(1).map(|line| line.split(',').next().unwrap());
    // Bengali and Kannada have it before a virama.
    for name in names.chain(["प्रवीण्\u{200c}", "ක්\u{200d} ක", "র\u{200d}\u{9cd}যাচেল", "ರ\u{200d}\u{ccd}ಕಾಶ್"])
    {
        let path = app.create(&json!({"name": name}).to_string()).await;
        assert_eq!(app.get(&path).await.json()["name"], name);
    }
    for name in ["Bob\u{200d}", "കമ\u{200d}", "കമ്\u{200d}\u{200d}"] {
        let refused = app.post("/v1/customers", &json!({"name": name}).to_string()).await;
        assert_eq!(refused.description(), "The name format is invalid.", "{name}");
    }
}

#[tokio::test]
async fn a_search_finds_every_normal_form_and_marks_it() {
    let world = World::new();
    let (app, meera) = (world.key(Mode::Live).await, world.staff(Role::Viewer).await);
    let csv = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cases/nfd-names.csv")).unwrap();
    for line in csv.lines().skip(1) {
        let (name, email) = line.split_once(',').unwrap();
        app.create(&json!({"name": name, "email": email}).to_string()).await;
    }
    app.create(r#"{"name":"Ana Núñez","notes":{"city":"Mu\u0301nich O’Brien"}}"#).await;
    for (query, marked) in [
        ("munoz", "<mark>Mun\u{303}oz</mark>"),
        ("Muñoz", "<mark>Mun\u{303}oz</mark>"),
        ("JOSÉ", "<mark>Jose\u{301}</mark>"),
        ("zoë", "<mark>Zoe\u{308}</mark>"),
        ("nun\u{303}ez", "<mark>Núñez</mark>"),
        ("münich", "<mark>Mu\u{301}nich</mark>"),
        ("o'brien", "<mark>O’Brien</mark>"),
        ("\u{202a}munoz\u{202c}", "<mark>Mun\u{303}oz</mark>"),
    ] {
        let found = meera.get(&format!("/live/customers?q={}", percent(query))).await;
        assert!(found.body.contains(marked), "{query}: {found}");
    }
    let none = meera.get(&format!("/live/customers?q={}", percent("mañoz"))).await;
    assert!(none.body.contains("No live customer has"), "{none}");
}

fn percent(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

#[test]
fn an_import_of_a_name_in_another_normal_form_is_unchanged() {
    let directory = tempfile::tempdir().unwrap();
    let db = directory.path().join("patron.db");
    let import = |text: &str| {
        let file = directory.path().join("names.csv");
        fs::write(&file, text).unwrap();
        let output = run(&db, &["import", file.to_str().unwrap(), "--mode", "test", "--yes"]);
        String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
    };
    let decomposed =
        "name,email,notes[cafe\u{301}]\nJose\u{301} Mun\u{303}oz,jose@x.in,Cre\u{300}me\nZoe\u{308} Rao,zoe@x.in,\n";
    let composed = "name,email,notes[café]\nJosé Muñoz,jose@x.in,Crème\nZoë Rao,zoe@x.in,\n";
    assert!(import(decomposed).contains("2 created"));
    let again = import(composed);
    assert!(again.contains("2 unchanged") && !again.contains("updated"), "{again}");
    let other = import("name,email,notes[café]\nJosé Muñoz,jose@x.in,Creme\n");
    assert!(other.contains("1 updated"), "{other}");
    let output = run(&db, &["export", "--mode", "test", "--format", "jsonl"]);
    let kept = String::from_utf8(output.stdout).unwrap();
    assert!(kept.contains("Jose\u{301} Mun\u{303}oz") && kept.contains("{\"cafe\u{301}\":\"Creme\"}"), "{kept}");
}

#[test]
fn an_import_replaces_typography_and_names_what_it_refuses() {
    let directory = tempfile::tempdir().unwrap();
    let db = directory.path().join("patron.db");
    let file = directory.path().join("names.csv");
    let rows =
        "Ciara O’Brien‑Rao,o’brien@x.ie\nAsha\u{a0}Rao,asha@x.in\nTom & Co,tom@x.in\nMeera,meera@x.in;\nPlain,p@x.in\n";
    fs::write(&file, format!("name,email\n{rows}")).unwrap();
    let import = |flag| {
        let output = run(&db, &["import", file.to_str().unwrap(), "--mode", "test", flag]);
        String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
    };
    for said in [import("--dry-run"), import("--yes")] {
        for words in [
            "        2 with typographic apostrophes, hyphens or spaces, written as ' - and space",
            "line 4: name: The name can't contain “&”. Use letters",
            "line 5: email: The email can't contain “;”. Give one address",
        ] {
            assert!(said.contains(words), "{words}: {said}");
        }
    }
    let kept = String::from_utf8(run(&db, &["export", "--mode", "test"]).stdout).unwrap();
    assert!(kept.contains("Ciara O'Brien-Rao,o'brien@x.ie") && kept.contains("Asha Rao,"), "{kept}");
    assert!(import("--yes").contains("3 unchanged"));
}
