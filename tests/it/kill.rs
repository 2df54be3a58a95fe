//! `kill -9` under a load of edits, again and again: whatever was answered with 200 is there afterwards.

use std::collections::HashMap;
use std::fmt;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, UNIX_EPOCH};

use tempfile::tempdir;

use crate::server::{Client, Server, run};

const KILLS: u64 = 20;
const CLIENTS: u64 = 4;

/// Moments to kill at, different in every run. Shown as the seed that gives them again.
struct Moments {
    seed: u64,
    state: u64,
}

impl Moments {
    fn new() -> Self {
        let given = std::env::var("KILL_SEED").ok().map(|seed| seed.parse().unwrap());
        let seed = given.unwrap_or_else(|| UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64);
        Self { seed, state: seed }
    }

    fn next(&mut self) -> Duration {
        self.state = self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        Duration::from_micros((self.state >> 33) % 270_000)
    }
}

impl fmt::Display for Moments {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "again with KILL_SEED={}", self.seed)
    }
}

#[test]
fn nothing_acknowledged_is_lost() {
    let directory = tempdir().unwrap();
    let db = directory.path().join("patron.db");
    let server = Server::start(&db);
    let client = Client::new(&server, &db);
    let ids: Vec<String> =
        (0..CLIENTS).map(|number| client.create(&format!(r#"{{"name":"Kill {number}"}}"#))).collect();
    server.kill();

    let mut moments = Moments::new();
    let mut counted: HashMap<&str, u64> = ids.iter().map(|id| (id.as_str(), 0)).collect();
    let mut acknowledged = 0;
    for _ in 0..KILLS {
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
            // From before the first edit to well into them.
            thread::sleep(moments.next());
            server.kill();
        });
        let server = Server::start(&db);
        let client = client.moved(&server);
        for id in &ids {
            let (status, customer) = client.get(&format!("/{id}")).unwrap();
            let (found, promised) = (customer["notes"]["n"].as_u64().unwrap_or(0), counted[id.as_str()]);
            assert!(
                status == 200 && (promised..=promised + 1).contains(&found),
                "{id} is at {found}, promised {promised}; {moments}"
            );
            counted.insert(id, found);
        }
        acknowledged = counted.values().sum();
        server.kill();
        let checked = run(&db, &["check"]);
        assert!(checked.status.success(), "{checked:?}; {moments}");
    }
    assert!(acknowledged > KILLS, "the load was no load: {acknowledged} edits");
}
