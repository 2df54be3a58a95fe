//! Ten thousand connections that say nothing, and more than there may be: others are answered, and memory is bounded.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tempfile::tempdir;

use crate::kill::report;
use crate::server::{Client, Server};

/// How many megabytes of memory a process has.
pub fn resident(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024
}

/// How many files a server may open.
fn granted(server: &Server) -> u64 {
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", server.pid())).unwrap();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// A server that may open so many files.
fn limited(db: &Path, files: u64) -> Server {
    let mut command = Command::new("sh");
    // Who may not have so many has what there is.
    command.args(["-c", &format!("ulimit -n {files} || true; exec \"$0\""), env!("CARGO_BIN_EXE_patron")]);
    command.env_clear().env("PATRON_DB", db).env("PATRON_LISTEN", "127.0.0.1:0").env("PATRON_LOG_LEVEL", "warn");
    Server::run(&mut command, db.with_extension("log"))
}

/// Lets this process open as many files as it may, and gives how many.
fn open_many() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).unwrap();
    limit.maximum.unwrap_or(u64::MAX)
}

#[test]
fn beside_ten_thousand_idle_connections_others_are_answered() {
    const CROWD: usize = 10_000;
    let directory = tempdir().unwrap();
    let db = directory.path().join("patron.db");
    let files = open_many();
    let server = limited(&db, 40_000);
    // Two files a connection; what is over, waits.
    let granted = granted(&server).min(files.saturating_mul(2)).saturating_sub(200);
    let crowd = CROWD.min(usize::try_from(granted / 2).unwrap());
    let client = Client::new(&server, &db);
    let id = client.create(r#"{"name":"Meera"}"#);
    let before = resident(&server);
    let idle: Vec<TcpStream> = (0..crowd)
        .map(|number| {
            let mut stream = TcpStream::connect(&server.address).unwrap_or_else(|error| panic!("{number}: {error}"));
            // Half of them have had an answer, and keep the connection for another.
            if number % 2 == 0 {
                stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
            }
            stream
        })
        .collect();
    let began = Instant::now();
    let mut most = 0;
    let mut answered = 0;
    while began.elapsed() < Duration::from_secs(4) {
        most = most.max(resident(&server));
        let fresh = client.moved(&server);
        assert_eq!(fresh.put(&id, r#"{"name":"Farah"}"#).unwrap().0, 200);
        assert_eq!(fresh.get(&format!("/{id}")).unwrap().0, 200);
        answered += 2;
        thread::sleep(Duration::from_millis(20));
    }
    let (mut closed, mut silent) = (0, 0);
    // Those that had an answer may stay longer: 15 seconds, rather than 5.
    for mut stream in idle.into_iter().skip(1).step_by(2) {
        silent += 1;
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let mut rest = Vec::new();
        closed += usize::from(stream.read_to_end(&mut rest).is_ok());
    }
    report(&format!(
        "crowd: {crowd} idle connections, {before} MB before, {most} MB at most, {} MB after; {answered} others answered",
        resident(&server)
    ));
    assert_eq!(closed, silent, "each is closed in its time");
    assert!(most < before + 200, "{before} MB, and {most} with them");
    let log = server.log.clone();
    assert_eq!(server.stop(), Some(0));
    assert!(!std::fs::read_to_string(log).unwrap().contains("ERROR"));
    assert!(answered > 100, "others are not answered beside them: {answered}");
}

#[test]
#[ignore = "takes long: tests/run runs it"]
fn past_what_it_may_open_a_connection_waits_its_turn_and_the_database_has_its_files() {
    let directory = tempdir().unwrap();
    let db = directory.path().join("patron.db");
    let server = limited(&db, 200);
    let client = Client::new(&server, &db);
    let id = client.create(r#"{"name":"Meera"}"#);
    let crowd: Vec<TcpStream> = (0..400).map(|_| TcpStream::connect(&server.address).unwrap()).collect();
    let began = Instant::now();
    let answer = server.ask("PUT", &format!("/{id}"), &client, r#"{"name":"Farah"}"#);
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
    let answer = server.ask("GET", "?count=10", &client, "");
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    drop(crowd);
    let log = server.log.clone();
    assert_eq!(server.stop(), Some(0));
    assert_eq!(std::fs::read_to_string(log).unwrap(), "");
}
