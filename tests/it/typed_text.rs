//! Text as people type and paste it: into names and into a search.

use std::fs;

use patron::domain::{Mode, Role};
use serde_json::json;

use crate::server::{Server, run};
use crate::world::World;

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
    for name in names.chain(["प्रवीण्\u{200c}", "ක්\u{200d} ක"]) {
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
