//! Clients that send slowly, or never: they are answered in time, and no connection is kept for them.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use tempfile::tempdir;

use crate::server::{Client, Server};

/// How a body is announced: by its length, or in chunks.
const FRAMINGS: [&str; 2] = ["Content-Length: 100000\n\n", "Transfer-Encoding: chunked\n\nfffff\n"];

/// Sends a head that announces a body, and then a byte of it at a time. Gives what was answered, and how long the connection
/// was open.
fn dribble(server: &Server, head: &str) -> (String, Duration) {
    let began = Instant::now();
    let mut stream = TcpStream::connect(&server.address).unwrap();
    stream.write_all(head.replace('\n', "\r\n").as_bytes()).unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    let mut answer = Vec::new();
    let mut buffer = [0; 4096];
    while began.elapsed() < Duration::from_secs(30) {
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(len) => answer.extend_from_slice(&buffer[..len]),
            // Nothing yet.
            Err(_) if stream.write_all(b"x").is_ok() => {}
            Err(_) => break,
        }
    }
    (String::from_utf8(answer).unwrap(), began.elapsed())
}

#[test]
fn a_body_that_does_not_come_is_answered_in_time() {
    let directory = tempdir().unwrap();
    let db = directory.path().join("patron.db");
    let server = Server::start(&db);
    let authorization = Client::new(&server, &db).authorization;
    thread::scope(|scope| {
        for framing in FRAMINGS {
            let head = format!("POST /v1/customers HTTP/1.1\nHost: x\nAuthorization: {authorization}\n{framing}");
            let server = &server;
            scope.spawn(move || {
                let (answer, open) = dribble(server, &head);
                assert!(answer.starts_with("HTTP/1.1 408 Request Timeout\r\n"), "{answer}");
                assert!(answer.contains(r#"{"error":{"code":"BAD_REQUEST_ERROR","description":"The request body took too long to arrive.","source":"NA","step":"NA","reason":"NA","metadata":{}}}"#));
                assert!((10..15).contains(&open.as_secs()), "{open:?}");
            });
        }
    });
}

#[test]
fn no_connection_is_kept_for_a_body_that_nobody_reads() {
    let directory = tempdir().unwrap();
    let server = Server::start(&directory.path().join("patron.db"));
    for (request, status) in [("POST /v1/customers", 401), ("PUT /v1/nowhere", 400), ("GET /v1/customers", 401)] {
        for framing in FRAMINGS {
            let (answer, open) = dribble(&server, &format!("{request} HTTP/1.1\nHost: x\n{framing}"));
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
            assert!(answer.contains("connection: close"), "{answer}");
            assert!(open < Duration::from_secs(4), "{request} {framing} {open:?}");
        }
    }
}

#[test]
#[ignore = "takes long: tests/run runs it"]
fn no_connection_is_kept_for_a_head_that_never_ends() {
    let directory = tempdir().unwrap();
    let server = Server::start(&directory.path().join("patron.db"));
    let open = |first: &[u8], second: &[u8]| {
        let began = Instant::now();
        let mut stream = TcpStream::connect(&server.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        stream.write_all(first).unwrap();
        let mut buffer = [0; 4096];
        if !first.is_empty() {
            assert!(stream.read(&mut buffer).unwrap() > 0);
        }
        stream.write_all(second).unwrap();
        while stream.read(&mut buffer).unwrap_or(0) > 0 {}
        began.elapsed().as_secs()
    };
    let whole = b"GET /v1/nowhere HTTP/1.1\r\nHost: x\r\n\r\n";
    thread::scope(|scope| {
        scope.spawn(|| assert!((4..8).contains(&open(b"", b"GET /v1/nowh"))));
        scope.spawn(|| assert!((14..18).contains(&open(whole, b""))));
        scope.spawn(|| assert!((19..28).contains(&open(whole, b"GET /v1/nowh"))));
    });
}
