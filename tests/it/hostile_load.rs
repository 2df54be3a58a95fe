//! Floods by strangers: memory stays bounded, and others are answered in the meantime.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use form_urlencoded::Serializer;
use tempfile::{TempDir, tempdir};

use crate::crowd::resident;
use crate::server::{Client, Server, patron};

const PASSWORD: &str = "seven brown otters";

/// A server that believes the addresses that its clients give themselves, with an owner.
fn server_with_owner() -> (TempDir, Server) {
    let directory = tempdir().unwrap();
    let db = directory.path().join("patron.db");
    let mut add = patron(&db);
    add.args(["staff", "add", "meera@kaveri.example", "--role", "owner", "--password-stdin"]);
    let mut add = add.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    add.stdin.take().unwrap().write_all(PASSWORD.as_bytes()).unwrap();
    assert!(add.wait().unwrap().success());
    let server = start(&db);
    (directory, server)
}

fn start(db: &Path) -> Server {
    Server::start_with(db, &["--trusted-proxy", "127.0.0.0/8", "--log-level", "error"])
}

/// Signs in from an address; returns the status and the answer.
fn sign_in(server: &Server, address: &str, password: &str) -> (u16, String) {
    let form = Serializer::new(String::new())
        .append_pair("email", "meera@kaveri.example")
        .append_pair("password", password)
        .finish();
    let head = format!(
        "POST /sign-in HTTP/1.1\nHost: {0}\nOrigin: http://{0}\nX-Forwarded-For: {address}\nConnection: close\n\
         Content-Type: application/x-www-form-urlencoded\nContent-Length: {1}\n\n",
        server.address,
        form.len()
    );
    status(server.speak(format!("{}{form}", head.replace('\n', "\r\n")).as_bytes()))
}

/// Asks for customers from an address; returns the status and the answer.
fn list(server: &Server, address: &str, authorization: &str) -> (u16, String) {
    let head = format!(
        "GET /v1/customers HTTP/1.1\nHost: x\nX-Forwarded-For: {address}\nConnection: close\nAuthorization: {authorization}\n\n"
    );
    status(server.speak(head.replace('\n', "\r\n").as_bytes()))
}

fn status(answer: String) -> (u16, String) {
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
    (status.unwrap_or_else(|| panic!("{answer:?}")), answer)
}

/// An address in a network of its own.
fn address(number: usize) -> String {
    format!("198.{}.{}.1", number / 250, number % 250)
}

fn wrong_secret(key_id: &str, number: usize) -> String {
    format!("Basic {}", BASE64_STANDARD.encode(format!("{key_id}:wrong{number}")))
}

/// The id of a client's key.
pub fn key_id(client: &Client) -> String {
    let pair = BASE64_STANDARD.decode(client.authorization.strip_prefix("Basic ").unwrap()).unwrap();
    String::from_utf8(pair).unwrap().split_once(':').unwrap().0.to_owned()
}

#[test]
fn secrets_and_passwords_take_two_blocks_of_memory_and_give_them_back() {
    let (directory, server) = server_with_owner();
    let client = Client::new(&server, &directory.path().join("patron.db"));
    let id = key_id(&client);
    let (most, done) = (AtomicU64::new(0), AtomicBool::new(false));
    thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                most.fetch_max(resident(&server), Ordering::Relaxed);
                thread::sleep(Duration::from_millis(5));
            }
        });
        thread::scope(|scope| {
            for number in 0..200 {
                let (server, client, id) = (&server, &client, &id);
                let address = address(number);
                scope.spawn(move || match number % 5 {
                    0 => sign_in(server, &address, PASSWORD),
                    1 => list(server, &address, &client.authorization),
                    2 => list(server, &address, &wrong_secret(id, number)),
                    3 => list(server, &address, &wrong_secret("rzp_test_00000000000000", number)),
                    _ => sign_in(server, &address, "wrong password"),
                });
            }
        });
        done.store(true, Ordering::Relaxed);
    });
    let most = most.load(Ordering::Relaxed);
    assert!(most < 90, "{most} MB");
    // Two blocks have 38 MB.
    let patience = Instant::now() + Duration::from_secs(60);
    while resident(&server) + 30 > most {
        assert!(Instant::now() < patience, "{} MB of {most} stay", resident(&server));
        thread::sleep(Duration::from_millis(200));
    }
}

#[test]
fn an_owner_signs_in_during_a_flood_of_sign_ins_from_many_networks() {
    let (_directory, server) = server_with_owner();
    thread::scope(|scope| {
        let server = &server;
        let flood: Vec<_> =
            (0..150).map(|number| scope.spawn(move || sign_in(server, &address(number), "wrong"))).collect();
        let (status, answer) = sign_in(server, "203.0.113.9", PASSWORD);
        assert_eq!(status, 303, "{answer}");
        for attempt in flood {
            // The last of them may have waited for too long.
            let (status, answer) = attempt.join().unwrap();
            assert!([422, 503].contains(&status), "{answer}");
        }
    });
}

#[test]
fn the_right_secret_is_accepted_after_a_restart_in_a_flood_of_wrong_ones() {
    let (directory, server) = server_with_owner();
    let db = directory.path().join("patron.db");
    let client = Client::new(&server, &db);
    let (status, answer) = list(&server, "203.0.113.9", &client.authorization);
    assert_eq!(status, 200, "{answer}");
    assert_eq!(server.stop(), Some(0));
    // Nothing is remembered of what was verified before, but from where.
    let server = start(&db);
    let (id, done, failed) = (key_id(&client), AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        // More than may wait.
        for number in 0..400 {
            let (server, id, done, failed) = (&server, &id, &done, &failed);
            scope.spawn(move || {
                for attempt in 0.. {
                    if done.load(Ordering::Relaxed) {
                        return;
                    }
                    // Each from a network that never failed before.
                    let address = format!("{}.{}.{}.7", 11 + attempt / 200, attempt % 200, number % 256);
                    list(server, &address, &wrong_secret(id, attempt));
                    failed.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        while failed.load(Ordering::Relaxed) < 100 {
            thread::sleep(Duration::from_millis(5));
        }
        let (status, answer) = list(&server, "203.0.113.9", &client.authorization);
        done.store(true, Ordering::Relaxed);
        assert_eq!(status, 200, "{answer}");
    });
}

/// Connections, each with 16 requests sent at once. The server does nothing until all have arrived.
fn pipelined(server: &Server, connections: usize, request: impl Fn(usize, usize) -> String) -> Vec<TcpStream> {
    server.signal("STOP");
    let connect = |connection| {
        let mut stream = TcpStream::connect(&server.address).unwrap();
        let requests: String = (0..16).map(|number| request(connection, number)).collect();
        stream.write_all(requests.as_bytes()).unwrap();
        stream
    };
    let streams = (0..connections).map(connect).collect();
    server.signal("CONT");
    streams
}

#[test]
fn connections_with_pipelined_requests_take_turns() {
    const CONNECTIONS: usize = 100;
    let directory = tempdir().unwrap();
    let server = Server::start(&directory.path().join("patron.db"));
    let streams = pipelined(&server, CONNECTIONS, |connection, number| {
        let close = if number == 15 { "Connection: close\r\n" } else { "" };
        format!("GET /healthz HTTP/1.1\r\nHost: x\r\nX-Request-Id: pipelined-{connection}-{number}\r\n{close}\r\n")
    });
    for mut stream in streams {
        let mut answers = String::new();
        stream.read_to_string(&mut answers).unwrap();
        assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), 16, "{answers}");
    }
    let log = server.log.clone();
    assert_eq!(server.stop(), Some(0));
    let log = std::fs::read_to_string(log).unwrap();
    let answered: Vec<&str> = log.lines().filter_map(|line| line.split_once("pipelined-")).map(|(_, id)| id).collect();
    assert_eq!(answered.len(), 16 * CONNECTIONS);
    // In one turn for each, 15 others would be answered between the first and the last request of a connection.
    let at = |connection: usize, number: usize| {
        let id = format!("{connection}-{number}");
        answered.iter().position(|answered| answered.split('"').next() == Some(&id)).unwrap()
    };
    let mut spread: Vec<usize> = (0..CONNECTIONS).map(|connection| at(connection, 15) - at(connection, 0)).collect();
    spread.sort_unstable();
    assert!(spread[CONNECTIONS / 2] > 16 * 4, "{spread:?}");
}

#[test]
fn answers_that_are_not_read_take_little_memory() {
    const CONNECTIONS: u64 = 400;
    let directory = tempdir().unwrap();
    let server = Server::start(&directory.path().join("patron.db"));
    for path in ["/openapi.json", "/docs/errors", "/docs/customers/edit"] {
        assert!(server.speak(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes()).starts_with("HTTP/1.0 200"), "{path}");
    }
    let before = resident(&server);
    let _unread = pipelined(&server, CONNECTIONS as usize, |connection, number| {
        let path = ["/openapi.json", "/docs/errors", "/docs/customers/edit"][(connection + number) % 3];
        let gzip = if connection % 2 == 0 { "Accept-Encoding: gzip\r\n" } else { "" };
        format!("GET {path} HTTP/1.1\r\nHost: x{}\r\n{gzip}\r\n", connection % 7)
    });
    let mut most = 0;
    let until = Instant::now() + Duration::from_secs(3);
    while Instant::now() < until {
        most = most.max(resident(&server));
        thread::sleep(Duration::from_millis(10));
    }
    // 83 KB of the document alone would be held for each twice.
    assert!(most < before + CONNECTIONS * 80 / 1024, "{before} MB before, {most} MB with {CONNECTIONS}");
}

#[test]
fn unfinished_heads_and_bodies_take_little_memory() {
    const CONNECTIONS: usize = 1_000;
    let (_directory, server) = server_with_owner();
    let before = resident(&server);
    let form = |path: &str| {
        let head = format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n");
        format!("{head}Content-Length: 262000\r\n\r\nemail={}", "x".repeat(250_000))
    };
    let unfinished = [
        form("/sign-in"),
        form("/live/account/password"),
        format!("GET /healthz HTTP/1.1\r\nHost: x\r\n{}", format!("X-Padding: {}\r\n", "x".repeat(1_000)).repeat(120)),
    ];
    let mut streams = Vec::new();
    let mut most = 0;
    for number in 0..CONNECTIONS {
        let mut stream = TcpStream::connect(&server.address).unwrap();
        stream.set_write_timeout(Some(Duration::from_millis(100))).unwrap();
        // It may be refused before all is sent.
        let _ = stream.write_all(unfinished[number % 3].as_bytes());
        streams.push(stream);
        most = most.max(resident(&server));
    }
    let (status, answer) = sign_in(&server, "203.0.113.9", PASSWORD);
    assert_eq!(status, 303, "{answer}");
    // 32 MB for all, and some 20 KB for each.
    assert!(most < before + 80, "{before} MB before, {most} MB with {CONNECTIONS}");
}
