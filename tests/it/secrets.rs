//! Secrets after use: in no file, in no line of the log, and not in the memory of the server.

use std::fs::{File, read, read_dir, read_to_string};
use std::io::{Read, Seek, SeekFrom, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use tempfile::tempdir;

use crate::schedule::until;
use crate::server::{Server, run};

const CHOSEN: &str = "Zx9VioletHarbourSeven";
const CHANGED: &str = "Qk7SlowRiversUnderGlass";
const GUESSED: &str = "Wv3GuessedAndNotRight";

/// What was secret in a while of use, each with what it is.
struct Used(Vec<(&'static str, String)>);

impl Used {
    fn add(&mut self, what: &'static str, secret: &str) {
        assert!(secret.len() >= 20, "{what}: {secret}");
        self.0.push((what, secret.to_owned()));
    }

    /// A key's secret, and how it stands in a header.
    fn add_key(&mut self, id: &str, secret: &str) -> String {
        self.add("a key's secret", secret);
        let pair = BASE64_STANDARD.encode(format!("{id}:{secret}"));
        // Where the secret begins, a character of base64 still holds bits of the colon.
        self.add("a key's secret in base64", &pair[(4 * (id.len() + 1)).div_ceil(3)..]);
        format!("Authorization: Basic {pair}\r\n")
    }

    /// Which of them stand in these bytes.
    fn within(&self, bytes: &[u8]) -> Vec<&'static str> {
        let texts = texts(bytes);
        self.0.iter().filter(|(_, secret)| texts.contains(secret)).map(|(what, _)| *what).collect()
    }
}

/// What could be a text in these bytes, a line each: little of what a process has is.
fn texts(bytes: &[u8]) -> String {
    let runs = bytes.split(|byte| !byte.is_ascii_graphic()).filter(|run| run.len() >= 20);
    runs.map(|run| String::from_utf8_lossy(run) + "\n").collect()
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    let found = text.split_once(before).and_then(|(_, rest)| rest.split_once(after));
    found.unwrap_or_else(|| panic!("nothing between {before} and {after}: {text}")).0
}

/// Asks on a connection of its own, which is closed after it.
fn ask(server: &Server, method: &str, path: &str, headers: &str, body: &str) -> String {
    let len = body.len();
    let head =
        format!("{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}Content-Length: {len}\r\n");
    let form = "Content-Type: application/x-www-form-urlencoded\r\n\r\n";
    server.speak(format!("{head}{form}{body}").as_bytes())
}

/// Every secret there is, made, used and changed, at both doors.
fn use_all(server: &Server) -> Used {
    let mut used = Used(Vec::new());
    let printed = &server.printed;
    let (id, secret) = (between(printed, "key id      ", "\n"), between(printed, "key secret  ", "\n"));
    let first = used.add_key(id, secret);
    let link = between(printed, "/link/", "\n");
    used.add("the first link", link);

    let chosen = format!("email=asha@kaveri.example&password={CHOSEN}&again={CHOSEN}");
    let answer = ask(server, "POST", &format!("/link/{link}"), "", &chosen);
    used.add("the session of a link", between(&answer, "patron_session=", ";"));
    for password in [GUESSED, CHOSEN] {
        let sent = format!("email=asha@kaveri.example&password={password}");
        let answer = ask(server, "POST", "/sign-in", "", &sent);
        if password == CHOSEN {
            used.add("a session", between(&answer, "patron_session=", ";"));
        }
    }
    let cookie = format!("Cookie: patron_session={}\r\n", used.0.last().unwrap().1);
    let page = ask(server, "GET", "/live/account", &cookie, "");
    let token = between(&page, r#"name="token" value=""#, "\"").to_owned();
    used.add("a form's token", &token);
    let change = format!("token={token}&current={CHOSEN}&password={CHANGED}&again={CHANGED}");
    assert!(ask(server, "POST", "/live/account/password", &cookie, &change).starts_with("HTTP/1.1 303"));
    for (what, password) in [("a password", CHOSEN), ("its successor", CHANGED), ("a guess", GUESSED)] {
        used.add(what, password);
    }
    let made = format!("token={token}&label=Shop&mode=live&ends=never");
    let page = ask(server, "POST", "/live/keys", &cookie, &made);
    let (id, secret) = (between(&page, r#"id="key-id">"#, "<"), between(&page, r#"id="key-secret">"#, "<"));
    let made = used.add_key(id, secret);
    let page = ask(server, "POST", &format!("/live/keys/{id}/rotate"), &cookie, &format!("token={token}&old=24h"));
    let rotated = used.add_key(id, between(&page, r#"id="key-secret">"#, "<"));
    let invite = format!("token={token}&email=ravi@kaveri.example&role=viewer");
    let page = ask(server, "POST", "/live/staff", &cookie, &invite);
    used.add("an invitation", between(&page, "/link/", "<"));
    for authorization in [&first, &made, &rotated, &made] {
        let answer = ask(server, "GET", "/v1/customers", authorization, "");
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        let answer = ask(server, "POST", "/v1/customers", authorization, "fail_existing=0&name=Asha");
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    let wrong = first.replace("Basic cnpw", "Basic cnpx");
    assert!(ask(server, "GET", "/v1/customers", &wrong, "").starts_with("HTTP/1.1 401"));
    assert!(ask(server, "POST", "/sign-out", &cookie, &format!("token={token}")).starts_with("HTTP/1.1 303"));
    used
}

/// Every file below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[test]
fn no_secret_is_in_a_file_or_in_the_log() {
    for format in ["text", "json"] {
        let directory = tempdir().unwrap();
        let db = directory.path().join("patron.db");
        let (log, backups) = (["--log-level", "trace", "--log-format", format], directory.path().join("backups"));
        let backed_up = ["--backup-dir", backups.to_str().unwrap()];
        let server = Server::start_with(&db, &[&log[..], &backed_up].concat());
        let used = use_all(&server);
        let copy = directory.path().join("copy.db");
        assert!(run(&db, &["backup", copy.to_str().unwrap()]).status.success());
        let look = |least: usize| {
            let files = files(directory.path());
            for file in &files {
                let found = used.within(&read(file).unwrap());
                assert!(found.is_empty(), "{}: {found:?}", file.display());
            }
            assert!(files.len() >= least, "{files:?}");
        };
        // The database, its log, its lock, what the server told, and a copy.
        look(5);
        assert!(read_to_string(&server.log).unwrap().lines().count() > 15);
        assert_eq!(server.stop(), Some(0));
        look(4);
        // What looks for them finds them.
        std::fs::write(directory.path().join("found"), format!("x{CHANGED}x")).unwrap();
        assert_eq!(used.within(&read(directory.path().join("found")).unwrap()), ["its successor"]);
    }
}

/// Which secrets stand in the memory that a server writes to: its heap, its stacks and its libraries' own.
fn in_memory(server: &Server, used: &Used) -> Vec<&'static str> {
    let process = PathBuf::from(format!("/proc/{}", server.id()));
    let mut memory = File::open(process.join("mem")).unwrap();
    let maps = read_to_string(process.join("maps")).unwrap();
    let mut found = Vec::new();
    for map in maps.lines().filter(|map| map.contains(" rw")) {
        let (from, to) = map.split(' ').next().unwrap().split_once('-').unwrap();
        let [from, to] = [from, to].map(|at| u64::from_str_radix(at, 16).unwrap());
        memory.seek(SeekFrom::Start(from)).unwrap();
        let mut bytes = Vec::new();
        // Some of it is the kernel's, and some may be gone by now.
        let _ = (&mut memory).take(to - from).read_to_end(&mut bytes);
        found.extend(used.within(&bytes));
    }
    found
}

#[test]
fn no_secret_stays_in_the_memory_of_the_server() {
    let directory = tempdir().unwrap();
    let db = directory.path().join("patron.db");
    let server = Server::start(&db);
    let used = use_all(&server);
    // A head that never ends has to stay in memory, so that what looks for secrets has one to find.
    let mut open = TcpStream::connect(&server.address).unwrap();
    write!(open, "GET /healthz HTTP/1.1\r\nHost: x\r\nX-Anything: {CHANGED}\r\n").unwrap();
    until("the secret of an unfinished head", || in_memory(&server, &used).contains(&"its successor"));
    drop(open);

    // The server notices later that a client left.
    let began = Instant::now();
    let mut found = in_memory(&server, &used);
    while !found.is_empty() && began.elapsed() < Duration::from_secs(30) {
        sleep(Duration::from_millis(200));
        found = in_memory(&server, &used);
    }
    assert_eq!(found, Vec::<&str>::new(), "still in memory");
}
