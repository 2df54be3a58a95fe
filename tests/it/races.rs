//! Many at once: nothing is lost, nothing is made twice.

use std::thread;

use serde_json::Value;
use tempfile::tempdir;

use crate::server::{Client, Server, run};

const CLIENTS: usize = 8;

/// What a client writes: one of the fields, which it shares with another client. No value comes twice.
fn edit(client: usize, number: usize) -> (&'static str, String) {
    let marked = client * 1_000 + number;
    match client % 4 {
        0 => ("name", format!("Race {marked}")),
        1 => ("email", format!("race{marked}@example.com")),
        2 => ("contact", format!("{}", 10_000_000 + marked)),
        _ => ("gstin", format!("29AAG{marked:010}")),
    }
}

#[test]
fn many_clients_edit_one_customer_and_lose_nothing() {
    const EDITS: usize = 500;
    let directory = tempdir().unwrap();
    let db = directory.path().join("patron.db");
    let server = Server::start(&db);
    let client = Client::new(&server, &db);
    let id = client.create(r#"{"name":"Race"}"#);
    thread::scope(|scope| {
        for number in 0..CLIENTS {
            let (client, id) = (client.clone(), &id);
            scope.spawn(move || {
                for count in 1..=EDITS {
                    let (field, value) = edit(number, count);
                    let (status, customer) = client.put(id, &format!(r#"{{"{field}":"{value}"}}"#)).unwrap();
                    // The answer is the customer as this edit left it, whoever is next.
                    assert_eq!((status, customer[field].as_str()), (200, Some(value.as_str())), "{customer}");
                }
            });
        }
    });

    // No two edits write the same value, so each of them is a revision, and their order is in the values before and after.
    let revisions = revisions(&client, &id);
    let counted: Vec<u64> = revisions.iter().map(|revision| revision["version"].as_u64().unwrap()).collect();
    assert_eq!(counted, (1..=(CLIENTS * EDITS + 1) as u64).collect::<Vec<_>>(), "no gap and no double");
    let mut replayed = serde_json::json!({ "name": null, "email": null, "contact": null, "gstin": null });
    let mut seen = vec![0; CLIENTS];
    for revision in &revisions {
        let changes = revision["changes"].as_object().unwrap();
        assert_eq!(changes.len(), 1, "an edit of one field changes one: {revision}");
        for (field, change) in changes {
            assert_eq!(replayed[field], change["from"], "{revision}");
            replayed[field] = change["to"].clone();
            if let Some(number) = (0..CLIENTS).find(|number| edit(*number, seen[*number] + 1).1 == change["to"]) {
                seen[number] += 1;
            }
        }
    }
    assert_eq!(seen, [EDITS; CLIENTS], "each client's edits are there in its order");
    let (_, customer) = client.get(&format!("/{id}")).unwrap();
    for (field, value) in replayed.as_object().unwrap() {
        assert_eq!(customer[field], *value);
    }
    assert_eq!(server.stop(), Some(0));
    assert!(run(&db, &["check"]).status.success());
}

/// A customer's history, oldest first.
fn revisions(client: &Client, id: &str) -> Vec<Value> {
    let mut revisions = Vec::new();
    loop {
        let (_, page) = client.get(&format!("/{id}/revisions?count=100&skip={}", revisions.len())).unwrap();
        let items = page["items"].as_array().unwrap();
        revisions.extend(items.iter().cloned());
        if items.is_empty() {
            revisions.reverse();
            return revisions;
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
