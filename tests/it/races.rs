//! Many at once: nothing is lost, nothing is made twice.

use std::thread;

use serde_json::Value;
use tempfile::tempdir;

use crate::server::{Client, Server, run};

const CLIENTS: usize = 8;

#[test]
fn edits_of_different_fields_lose_none() {
    const EDITS: usize = 500;
    let directory = tempdir().unwrap();
    let db = directory.path().join("patron.db");
    let server = Server::start(&db);
    let client = Client::new(&server, &db);
    let notes: Vec<String> = (0..4).map(|number| format!(r#""k{number}":"0""#)).collect();
    let id = client.create(&format!(r#"{{"name":"Race","notes":{{{}}}}}"#, notes.join(",")));
    // Four clients write a field each; four write to customers of their own, so that batches mix.
    let fields = ["name", "email", "contact", "gstin"];
    let value = |field: &str, edit: usize| match field {
        "name" => format!("Race {edit}"),
        "email" => format!("race{edit}@example.com"),
        "contact" => format!("{:08}", 10_000_000 + edit),
        _ => format!("29AAGCB{edit:04}J1Z4"),
    };
    thread::scope(|scope| {
        for number in 0..CLIENTS {
            let (client, id) = (client.clone(), id.clone());
            scope.spawn(move || {
                let (field, id) = match fields.get(number) {
                    Some(field) => (*field, id),
                    None => ("name", client.create(&format!(r#"{{"name":"Own {number}"}}"#))),
                };
                for edit in 1..=EDITS {
                    let json = format!(r#"{{"{field}":"{}"}}"#, value(field, edit));
                    let (status, customer) = client.put(&id, &json).unwrap();
                    assert_eq!(status, 200, "{customer}");
                    assert_eq!(customer[field], value(field, edit), "nobody else writes this field");
                }
            });
        }
    });
    let (_, customer) = client.get(&format!("/{id}")).unwrap();
    for field in fields {
        assert_eq!(customer[field], value(field, EDITS));
    }
    let versions = versions(&client, &id);
    assert_eq!(versions, (1..=(fields.len() * EDITS + 1) as u64).rev().collect::<Vec<_>>(), "no gap and no double");
    assert_eq!(server.stop(), Some(0));
    assert!(run(&db, &["check"]).status.success());
}

fn versions(client: &Client, id: &str) -> Vec<u64> {
    let mut versions = Vec::new();
    loop {
        let (_, page) = client.get(&format!("/{id}/revisions?count=100&skip={}", versions.len())).unwrap();
        let items = page["items"].as_array().unwrap();
        versions.extend(items.iter().map(|item| item["version"].as_u64().unwrap()));
        if items.is_empty() {
            return versions;
        }
    }
}

#[test]
fn the_same_pair_is_created_once() {
    let directory = tempdir().unwrap();
    let db = directory.path().join("patron.db");
    let server = Server::start(&db);
    let client = Client::new(&server, &db);
    for round in 0..20 {
        let json = format!(r#"{{"email":"pair{round}@example.com","contact":"9123456780"}}"#);
        let answers: Vec<(u16, Value)> = thread::scope(|scope| {
            let create = || scope.spawn(|| client.post(&json).unwrap());
            let clients: Vec<_> = (0..CLIENTS).map(|_| create()).collect();
            clients.into_iter().map(|client| client.join().unwrap()).collect()
        });
        let (made, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(|(status, _)| *status == 200);
        assert_eq!((made.len(), refused.len()), (1, CLIENTS - 1));
        for (status, refusal) in refused {
            assert_eq!(status, 400);
            assert_eq!(refusal["error"]["description"], "Customer already exists for the merchant");
            assert_eq!(refusal["error"]["metadata"]["customer_id"], made[0].1["id"]);
        }
    }
}
