//! Load on the real binary until the power goes, and the record of what was acknowledged.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tempfile::TempDir;

use crate::disk::{Image, ROOT};
use crate::mount::Mount;
use crate::server::{Client, Server, patron, run};

const EDITORS: usize = 3;
const SEEDED: usize = 300;
/// Customers in each import: several batches.
pub const ROWS: usize = 200;
/// The pause of each client between its requests in a light load, which lets imports finish.
const PAUSE: Duration = Duration::from_millis(20);
const BETWEEN_BACKUPS: Duration = Duration::from_millis(200);
const POLL: Duration = Duration::from_millis(2);
/// The power goes after this time even if the counted operation was not reached.
const LONGEST: Duration = Duration::from_secs(5);

/// A customer that one client edits: note `n` counts its edits.
#[derive(Clone)]
pub struct Edited {
    pub id: String,
    pub sent: u64,
    pub acknowledged: u64,
}

#[derive(Clone)]
pub struct Import {
    /// Begins each of its customers' emails, and names its file.
    pub name: String,
    /// Its number, if it was interrupted while it was applied.
    pub interrupted: Option<u64>,
    pub is_acknowledged: bool,
}

/// Everything that was acknowledged.
#[derive(Clone, Default)]
pub struct Record {
    pub edited: Vec<Edited>,
    /// The ids of customers.
    pub created: Vec<String>,
    pub imports: Vec<Import>,
    /// The names of backups since the last cut, and how many creates had been acknowledged when each began.
    pub backups: BTreeMap<String, usize>,
}

impl Record {
    /// How many edits and creates were acknowledged.
    pub fn writes(&self) -> usize {
        self.edited.iter().map(|edited| edited.acknowledged as usize).sum::<usize>() + self.created.len()
    }

    pub fn imported(&self) -> usize {
        self.imports.iter().filter(|import| import.is_acknowledged).count()
    }
}

/// Creates a database with some customers and a key.
pub fn prepare() -> (Image, Client, Record) {
    let directory = TempDir::new().unwrap();
    let db = directory.path().join("patron.db");
    assert!(run(&db, &["seed", "--count", &SEEDED.to_string()]).status.success());
    let server = Server::start_with(&db, &[]);
    let client = Client::new(&server, &db);
    let create = |number| client.create(&format!(r#"{{"name":"Edited {number}"}}"#));
    let edited = (0..EDITORS).map(|number| Edited { id: create(number), sent: 0, acknowledged: 0 }).collect();
    assert_eq!(server.stop(), Some(0));
    let names = ["patron.db", "patron.db-wal", "patron.db-shm", "patron.db.lock"];
    let read = |name: &str| Some(((ROOT, name.into()), fs::read(directory.path().join(name)).ok()?));
    (names.iter().filter_map(|name| read(name)).collect(), client, Record { edited, ..Record::default() })
}

/// Starts the server on a mounted disk and loads it until the power goes. The tag makes names unique.
pub fn until_cut(mount: &Mount, client: &Client, record: &mut Record, is_light: bool, tag: &str) {
    let outside = TempDir::new().unwrap();
    let (db, backups) = (mount.directory.path().join("patron.db"), mount.directory.path().join("backups"));
    let scheduled = ["--backup-dir", backups.to_str().unwrap(), "--backup-every", "1s"];
    // Without power it does not start.
    let reading = is_light.then(|| reading(&db));
    let started = Server::attempt(patron(&db).args(scheduled), outside.path().join("log"));
    drop(reading);
    let Ok(server) = started else { return mount.disk().cut() };
    let (client, log) = (client.moved(&server), server.log.clone());
    let pause = if is_light { PAUSE } else { Duration::ZERO };
    let count = AtomicUsize::new(record.created.len());
    let Record { edited, created, imports, backups: made } = record;
    thread::scope(|scope| {
        for edited in edited.iter_mut() {
            scope.spawn(|| edited.edit(&client, pause));
        }
        scope.spawn(|| create(&client, created, &count, pause, tag));
        scope.spawn(|| import(mount, &db, outside.path(), imports, tag));
        scope.spawn(|| back_up(mount, &db, &backups, made, &count, tag));
        let began = Instant::now();
        while mount.disk().powered().is_ok() && began.elapsed() < LONGEST {
            thread::sleep(POLL);
        }
        mount.disk().cut();
        server.kill();
    });
    // The server reports each scheduled backup in its log, which is on another disk.
    for line in fs::read_to_string(log).unwrap().lines().filter(|line| line.contains("a backup is made and verified")) {
        let name = line.split(['/', ' ']).find(|word| word.ends_with("Z.db")).unwrap();
        record.backups.insert(name.to_owned(), 0);
    }
}

/// Reads what is there, so that a start cannot checkpoint all of it. Without power there is nothing to read.
fn reading(db: &Path) -> Option<Connection> {
    let connection = Connection::open(db).ok()?;
    connection.execute_batch("BEGIN; SELECT count(*) FROM pulse").ok()?;
    Some(connection)
}

impl Edited {
    fn edit(&mut self, client: &Client, pause: Duration) {
        loop {
            self.sent += 1;
            let Ok((200, _)) = client.put(&self.id, &format!(r#"{{"notes":{{"n":{}}}}}"#, self.sent)) else { return };
            self.acknowledged = self.sent;
            thread::sleep(pause);
        }
    }
}

fn create(client: &Client, created: &mut Vec<String>, count: &AtomicUsize, pause: Duration, tag: &str) {
    for number in 0.. {
        let json = format!(r#"{{"name":"Created","email":"created-{tag}-{number}@example.com"}}"#);
        let Ok((200, customer)) = client.post(&json) else { return };
        created.push(customer["id"].as_str().unwrap().to_owned());
        count.store(created.len(), Ordering::SeqCst);
        thread::sleep(pause);
    }
}

/// Runs a command, and kills it once the power is off. Whether it succeeded.
pub fn succeeds(mount: &Mount, db: &Path, arguments: &[&str]) -> bool {
    let mut child = patron(db).args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    while mount.disk().powered().is_ok() {
        if let Some(status) = child.try_wait().unwrap() {
            return status.success();
        }
        thread::sleep(POLL);
    }
    child.kill().unwrap();
    child.wait().unwrap().success()
}

/// Resumes the import that the last cut interrupted, and imports further files.
fn import(mount: &Mount, db: &Path, directory: &Path, imports: &mut Vec<Import>, tag: &str) {
    for number in 0.. {
        let position = imports.iter().position(|import| import.interrupted.is_some()).unwrap_or_else(|| {
            imports.push(Import { name: format!("import-{tag}-{number}-"), interrupted: None, is_acknowledged: false });
            imports.len() - 1
        });
        let import = &mut imports[position];
        let is_done = if let Some(number) = import.interrupted {
            succeeds(mount, db, &["import", "resume", &number.to_string()])
        } else {
            let file = directory.join(&import.name);
            let rows = (0..ROWS).map(|row| format!("Imported,{}{row}@example.com\n", import.name));
            fs::write(&file, format!("name,email\n{}", rows.collect::<String>())).unwrap();
            succeeds(mount, db, &["import", file.to_str().unwrap(), "--mode", "test", "--yes"])
        };
        if !is_done {
            return;
        }
        (import.is_acknowledged, import.interrupted) = (true, None);
    }
}

fn back_up(mount: &Mount, db: &Path, to: &Path, made: &mut BTreeMap<String, usize>, count: &AtomicUsize, tag: &str) {
    for number in 0.. {
        let (name, before) = (format!("manual-{tag}-{number}.db"), count.load(Ordering::SeqCst));
        if !succeeds(mount, db, &["backup", to.join(&name).to_str().unwrap()]) {
            return;
        }
        made.insert(name, before);
        thread::sleep(BETWEEN_BACKUPS);
    }
}
