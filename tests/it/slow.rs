//! Clients that send slowly, never send, or never read: every listener answers in time and keeps no connection for them.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use tempfile::tempdir;

use crate::server::{Client, Server, patron};

/// How a body is announced: by its length, or in chunks.
const FRAMINGS: [&str; 2] = ["Content-Length: 100000\n\n", "Transfer-Encoding: chunked\n\nfffff\n"];

/// Sends a head that announces a body, and then a byte of it at a time. Gives what was answered, and how long the connection
/// was open.
fn dribble(address: &str, head: &str) -> (String, Duration) {
    let began = Instant::now();
    let mut stream = TcpStream::connect(address).unwrap();
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
                let (answer, open) = dribble(&server.address, &head);
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
            let (answer, open) = dribble(&server.address, &format!("{request} HTTP/1.1\nHost: x\n{framing}"));
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
            assert!(answer.contains("connection: close"), "{answer}");
            assert!(open < Duration::from_secs(4), "{request} {framing} {open:?}");
        }
    }
}

/// A server with a metrics port, and the address of that port.
fn with_metrics(db: &Path) -> (Server, String) {
    let server = Server::start_with(db, &["--metrics-listen", "127.0.0.1:0"]);
    let address = server.printed.lines().find_map(|line| line.strip_prefix("metrics on http://"));
    let address = address.and_then(|address| address.strip_suffix("/metrics")).unwrap().to_owned();
    (server, address)
}

#[test]
fn the_metrics_port_closes_a_connection_whose_body_is_not_read() {
    let directory = tempdir().unwrap();
    let (_server, address) = with_metrics(&directory.path().join("patron.db"));
    for (request, status) in [("GET /metrics", 200), ("POST /metrics", 404), ("PUT /nowhere", 404)] {
        for framing in FRAMINGS {
            let (answer, open) = dribble(&address, &format!("{request} HTTP/1.1\nHost: x\n{framing}"));
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
            assert!(answer.contains("connection: close"), "{answer}");
            assert!(open < Duration::from_secs(4), "{request} {framing} {open:?}");
        }
    }
}

#[test]
fn idle_connections_do_not_keep_a_scraper_from_the_metrics_port() {
    let directory = tempdir().unwrap();
    let (_server, address) = with_metrics(&directory.path().join("patron.db"));
    let mut idle: Vec<TcpStream> = (0..320).map(|_| TcpStream::connect(&address).unwrap()).collect();
    let answer = ureq::get(format!("http://{address}/metrics")).call().unwrap();
    assert_eq!(answer.status(), 200);
    // The scrape did not wait until they were closed.
    let last = idle.last_mut().unwrap();
    last.set_nonblocking(true).unwrap();
    assert_eq!(last.read(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock);
}

/// Sends requests without reading an answer until the server resets the connection, and returns the seconds that took.
fn never_read(address: &str, path: &str) -> u64 {
    let mut stream = TcpStream::connect(address).unwrap();
    let began = Instant::now();
    stream.set_write_timeout(Some(Duration::from_millis(200))).unwrap();
    let requests = format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").repeat(1_000);
    while began.elapsed() < Duration::from_secs(90) {
        match stream.write_all(requests.as_bytes()) {
            Err(error) if error.kind() != ErrorKind::WouldBlock => break,
            _ => {}
        }
    }
    began.elapsed().as_secs()
}

#[test]
#[ignore = "takes long: tests/run runs it"]
fn no_connection_is_kept_for_a_head_that_never_ends() {
    let directory = tempdir().unwrap();
    let (server, metrics) = with_metrics(&directory.path().join("patron.db"));
    let mut command = patron(&directory.path().join("unused.db"));
    let emulator =
        Server::run(command.args(["emulate", "--listen", "127.0.0.1:0"]), directory.path().join("emulator.log"));
    let open = |address: &str, first: &[u8], second: &[u8]| {
        let began = Instant::now();
        let mut stream = TcpStream::connect(address).unwrap();
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
        for address in [&server.address, &metrics, &emulator.address] {
            scope.spawn(move || assert!((4..8).contains(&open(address, b"", b"GET /v1/nowh"))));
            scope.spawn(move || assert!((14..18).contains(&open(address, whole, b""))));
            scope.spawn(move || assert!((19..28).contains(&open(address, whole, b"GET /v1/nowh"))));
            scope.spawn(move || assert!((19..60).contains(&never_read(address, "/metrics"))));
        }
        // A scraper that keeps its connection is not cut off.
        scope.spawn(|| {
            let mut stream = TcpStream::connect(&metrics).unwrap();
            stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
            for _ in 0..6 {
                stream.write_all(b"HEAD /metrics HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
                assert!(stream.read(&mut [0; 4096]).unwrap() > 0);
                thread::sleep(Duration::from_secs(5));
            }
        });
    });
}
