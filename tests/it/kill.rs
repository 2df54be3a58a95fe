//! `kill -9` under a load of edits, again and again: whatever was answered with 200 is there afterwards.

use std::collections::HashMap;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use tempfile::tempdir;

use crate::server::{Client, Server, run};

const KILLS: u64 = 20;
const CLIENTS: u64 = 4;

#[test]
fn nothing_acknowledged_is_lost() {
    let directory = tempdir().unwrap();
    let db = directory.path().join("patron.db");
    let server = Server::start(&db);
    let client = Client::new(&server, &db);
    let ids: Vec<String> =
        (0..CLIENTS).map(|number| client.create(&format!(r#"{{"name":"Kill {number}"}}"#))).collect();
    server.kill();

    let mut counted: HashMap<&str, u64> = ids.iter().map(|id| (id.as_str(), 0)).collect();
    let mut acknowledged = 0;
    for round in 0..KILLS {
        let server = Server::start(&db);
        let client = client.moved(&server);
        let latest = Mutex::new(&mut counted);
        thread::scope(|scope| {
            for id in &ids {
                let (client, latest) = (client.clone(), &latest);
                scope.spawn(move || {
                    let first = latest.lock().unwrap()[id.as_str()] + 1;
                    for number in first.. {
                        // An edit that was not answered may or may not have happened.
                        let Ok((200, _)) = client.put(id, &format!(r#"{{"notes":{{"n":{number}}}}}"#)) else { break };
                        latest.lock().unwrap().insert(id, number);
                    }
                });
            }
            // Moments that differ, from before the first edit to well into them.
            thread::sleep(Duration::from_millis(20 + round * 37 % 250));
            server.kill();
        });
        let server = Server::start(&db);
        let client = client.moved(&server);
        for id in &ids {
            let (status, customer) = client.get(&format!("/{id}")).unwrap();
            let (found, promised) = (customer["notes"]["n"].as_u64().unwrap_or(0), counted[id.as_str()]);
            assert!(
                status == 200 && (promised..=promised + 1).contains(&found),
                "{id} is at {found}, promised {promised}"
            );
            counted.insert(id, found);
        }
        acknowledged = counted.values().sum();
        server.kill();
        let checked = run(&db, &["check"]);
        assert!(checked.status.success(), "{checked:?}");
    }
    assert!(acknowledged > KILLS, "the load was no load: {acknowledged} edits");
}
