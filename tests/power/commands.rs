//! Power cuts in a first start and in a restore, which create and replace the database file itself.

use std::fs;

use rusqlite::Connection;
use tempfile::TempDir;

use crate::disk::{BACKUPS, Disk, Image, Kind, Random};
use crate::load::{self, succeeds};
use crate::power_cuts::{cuts, fate, mounted, report, seed};
use crate::server::{Client, Server, patron, run};
use crate::verify::{is_whole, materialize};

/// The most creates after a first start.
const CREATED: usize = 8;

/// Both take a few hundred operations; names change in a few of them.
fn moment(random: &mut Random) -> (Kind, usize) {
    if random.below(2) == 0 { (Kind::Name, random.below(10)) } else { (Kind::Any, random.below(400)) }
}

/// The key that a first start prints, as `id:secret`.
fn shown(printed: &str) -> Option<String> {
    let value = |label| printed.lines().find_map(|line| line.trim().strip_prefix(label)).map(str::trim);
    Some(format!("{}:{}", value("key id")?, value("key secret")?))
}

#[test]
fn a_first_start_keeps_the_key_that_it_printed() {
    let (seed, mut keys, mut created) = (seed(), 0, 0);
    let mut random = Random(seed);
    for cut in 0..2 * cuts() {
        let (fate, at) = (fate(&mut random), moment(&mut random));
        let Some(mount) = mounted(Disk::new(Image::new(), Random(random.0), fate, at, false)) else { return };
        let outside = TempDir::new().unwrap();
        let mut command = patron(&mount.directory.path().join("patron.db"));
        let started = Server::attempt(&mut command, outside.path().join("log"));
        let pair = shown(started.as_ref().map_or_else(String::as_str, |server| &server.printed));
        let mut ids = Vec::new();
        if let (Ok(server), Some(pair)) = (started, &pair) {
            let client = Client::with(&server, pair);
            for _ in 0..CREATED {
                let Ok((200, customer)) = client.post(r#"{"name":"Created"}"#) else { break };
                ids.push(format!("/{}", customer["id"].as_str().unwrap()));
            }
        }
        mount.disk().cut();
        let image = mount.disk().take_survivors();
        drop(mount);

        let context = format!("cut {cut} at {at:?}, the rest {fate:?}; POWER_SEED={seed}");
        let directory = materialize(&image);
        let db = directory.path().join("patron.db");
        let server = Server::attempt(&mut patron(&db), outside.path().join("log"));
        let server = server.unwrap_or_else(|said| panic!("{said}; {context}"));
        if let Some(pair) = &pair {
            let client = Client::with(&server, pair);
            assert_eq!(client.get("").unwrap().0, 200, "{context}");
            for id in &ids {
                assert_eq!(client.get(id).unwrap().0, 200, "{id}; {context}");
            }
        }
        assert_eq!(server.stop(), Some(0), "{context}");
        is_whole(&db).unwrap_or_else(|fault| panic!("{fault}; {context}"));
        (keys, created) = (keys + usize::from(pair.is_some()), created + ids.len());
    }
    let cuts = 2 * cuts();
    report(&format!(
        "power: {cuts} cuts in and after a first start, {keys} keys printed, {created} creates: 0 lost; POWER_SEED={seed}"
    ));
}

#[test]
fn a_restore_leaves_the_old_or_the_new_database() {
    let (seed, mut restored) = (seed(), 0);
    let mut random = Random(seed);
    let (mut image, ..) = load::prepare();
    let other = TempDir::new().unwrap();
    let (db, copy) = (other.path().join("other.db"), other.path().join("copy.db"));
    assert!(run(&db, &["seed", "--count", "7"]).status.success());
    assert!(run(&db, &["backup", copy.to_str().unwrap()]).status.success());
    image.insert((BACKUPS, "copy.db".into()), fs::read(&copy).unwrap());
    for cut in 0..2 * cuts() {
        let (fate, at) = (fate(&mut random), moment(&mut random));
        let Some(mount) = mounted(Disk::new(image.clone(), Random(random.0), fate, at, false)) else { return };
        let (db, copy) = (mount.directory.path().join("patron.db"), mount.directory.path().join("backups/copy.db"));
        let is_done = succeeds(&mount, &db, &["restore", copy.to_str().unwrap()]);
        mount.disk().cut();
        let survivors = mount.disk().take_survivors();
        drop(mount);

        let context = format!("cut {cut} at {at:?}, the rest {fate:?}; POWER_SEED={seed}");
        let directory = materialize(&survivors);
        let db = directory.path().join("patron.db");
        is_whole(&db).unwrap_or_else(|fault| panic!("{fault}; {context}"));
        let count = "SELECT count(*) FROM customers";
        let found: u64 = Connection::open(&db).unwrap().query_row(count, [], |row| row.get(0)).unwrap();
        assert!(found == 7 || found == 303 && !is_done, "{found} customers, done: {is_done}; {context}");
        restored += usize::from(is_done);
    }
    let cuts = 2 * cuts();
    report(&format!(
        "power: {cuts} cuts in and after a restore, {restored} of them reported: 0 lost; POWER_SEED={seed}"
    ));
}
