//! The server under load: the release binary on a file of its own, with a key and an owner.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use patron::service::{Ambient, Services};
use patron::store::{Store, Use};
use rusqlite::{Connection, OpenFlags};

const PATRON: &str = env!("CARGO_BIN_EXE_patron");
const OWNER: (&str, &str) = ("owner@example.com", "violet harbour seven kites");

pub struct Server {
    child: Child,
    pub address: String,
    /// From its start until it listened.
    pub started_in: Duration,
}

impl Server {
    /// The release binary on a file.
    pub fn patron(db: &Path) -> Self {
        Self::patron_with(db, &[])
    }

    /// The same, with more settings.
    pub fn patron_with(db: &Path, settings: &[&str]) -> Self {
        let log = File::create(db.with_extension("log")).unwrap();
        let mut command = Command::new(PATRON);
        command.arg("--db").arg(db).args(["serve", "--listen", "127.0.0.1:0"]).args(settings).stderr(log);
        Self::start(command)
    }

    /// The release binary as an emulator for tests.
    pub fn emulator() -> Self {
        let mut command = Command::new(PATRON);
        command.args(["emulate", "--listen", "127.0.0.1:0"]).stderr(Stdio::null());
        Self::start(command)
    }

    /// This program again, as a server of another kind.
    pub fn of_this_program(arguments: &[&str]) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(arguments).stderr(Stdio::null());
        Self::start(command)
    }

    fn start(mut command: Command) -> Self {
        let began = Instant::now();
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let address = lines.find_map(|line| Some(line.unwrap().strip_prefix("listening on http://")?.to_owned()));
        Self { address: address.expect("a server that listens"), started_in: began.elapsed(), child }
    }

    /// Resident memory in MB.
    pub fn memory(&self) -> f64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() / 1024.0
    }

    /// The head of a page's request, signed in as an owner.
    pub fn cookie(&self) -> String {
        let agent = ureq::Agent::config_builder().http_status_as_error(false).max_redirects(0).build().new_agent();
        let (email, password) = OWNER;
        let form = [("email", email), ("password", password)];
        let answer = agent.post(format!("http://{}/sign-in", self.address)).send_form(form).unwrap();
        let cookie = answer.headers().get("set-cookie").expect("a session").to_str().unwrap();
        cookie.split(';').next().unwrap().to_owned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        let _ = self.child.wait();
    }
}

/// A file of customers, as it was seeded, and what opens it.
pub struct Fixture {
    pub db: PathBuf,
    pub ids: Vec<String>,
    /// The Authorization header of a key.
    pub authorization: String,
    pub key_id: String,
}

/// A copy of a seeded file, which is made where it is not there yet: some minutes for a million customers.
pub fn fixture(directory: &Path, customers: u64) -> Fixture {
    let seeded = directory.join(format!("customers-{customers}.db"));
    if !seeded.exists() {
        let making = directory.join("making.db");
        remove(&making);
        eprintln!("seeding {customers} customers");
        patron(&making, &["seed", "--count", &customers.to_string()], "");
        eprintln!("indexing them for the search");
        feed(&making);
        rest(&making);
        // What is written last is whole.
        fs::rename(&making, &seeded).unwrap();
    }
    let db = directory.join("patron.db");
    remove(&db);
    fs::copy(&seeded, &db).unwrap();
    // So that the first to write does not wait for all of it.
    File::open(&db).unwrap().sync_all().unwrap();
    let (key_id, authorization) = key(&db);
    patron(&db, &["staff", "add", OWNER.0, "--role", "owner", "--password-stdin"], OWNER.1);
    let connection = Connection::open_with_flags(&db, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let mut statement = connection.prepare("SELECT id FROM customers").unwrap();
    let ids = statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    Fixture { db, ids, authorization, key_id }
}

impl Fixture {
    /// The same customers for another key.
    pub fn with_another_key(&self) -> Self {
        let (key_id, authorization) = key(&self.db);
        Self { db: self.db.clone(), ids: self.ids.clone(), authorization, key_id }
    }
}

/// Makes a key: its id, and the Authorization header of whoever has it.
fn key(db: &Path) -> (String, String) {
    let key = patron(db, &["key", "create", "--mode", "test", "--json"], "");
    let key: serde_json::Value = serde_json::from_str(&key).unwrap();
    let (key_id, secret) = (key["key_id"].as_str().unwrap(), key["key_secret"].as_str().unwrap());
    (key_id.to_owned(), format!("Basic {}", BASE64_STANDARD.encode(format!("{key_id}:{secret}"))))
}

/// A database and all that stands beside it.
fn remove(db: &Path) {
    for suffix in ["", "-wal", "-shm", ".lock"] {
        let mut name = db.as_os_str().to_owned();
        name.push(suffix);
        let _ = fs::remove_file(name);
    }
}

/// Runs a command to its end, and gives what it printed.
pub fn patron(db: &Path, arguments: &[&str], input: &str) -> String {
    let mut child = spawn(db, arguments);
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "patron {arguments:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Starts a command.
pub fn spawn(db: &Path, arguments: &[&str]) -> Child {
    Command::new(PATRON)
        .arg("--db")
        .arg(db)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// The bytes of the binary, in MB.
pub fn binary_size() -> f64 {
    fs::metadata(PATRON).unwrap().len() as f64 / 1_048_576.0
}

fn feed(db: &Path) {
    let store = Store::open(db, Use::Fill).unwrap_or_else(|unusable| panic!("{unusable}"));
    let services = Services::new(store, Ambient::of_system());
    actix_web::rt::System::new().block_on(async { while services.feed_search(10_000).await.unwrap() {} });
    services.close();
}

/// Serves the file until nothing more is written: what was fed is merged as far as it is worth it.
fn rest(db: &Path) {
    let server = Server::patron(db);
    let connection = Connection::open(db).unwrap();
    let version = || -> i64 { connection.pragma_query_value(None, "data_version", |row| row.get(0)).unwrap() };
    let mut before = version() - 1;
    while before != version() {
        before = version();
        std::thread::sleep(Duration::from_secs(5));
    }
    drop(server);
    // So that a copy of the file alone is whole.
    let checkpoint = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0));
    assert_eq!(checkpoint, Ok(0), "somebody reads the file");
}
