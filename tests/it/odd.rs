//! Clients that do not keep to HTTP, or to manners: each gets a clear answer or a closed connection, no edit is done by halves, and
//! memory is bounded.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use tempfile::{TempDir, tempdir};

use crate::crowd::resident;
use crate::server::{Client, Server};

fn served() -> (TempDir, Server, Client, String) {
    let directory = tempdir().unwrap();
    let db = directory.path().join("patron.db");
    let server = Server::start(&db);
    let client = Client::new(&server, &db);
    let id = client.create(r#"{"name":"Before"}"#);
    (directory, server, client, id)
}

/// Sends bytes, says that no more come, and reads what is answered.
fn half_closed(server: &Server, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(&server.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    stream.write_all(bytes).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

/// The head of an edit, with these lines for its body.
fn edit(client: &Client, id: &str, lines: &str) -> String {
    let authorization = &client.authorization;
    format!(
        "PUT /v1/customers/{id} HTTP/1.1\nHost: x\nAuthorization: {authorization}\nContent-Type: application/json\n{lines}\n"
    )
    .replace('\n', "\r\n")
}

fn name(client: &Client, id: &str) -> String {
    client.get(&format!("/{id}")).unwrap().1["name"].as_str().unwrap().to_owned()
}

/// That the server is none the worse for it.
fn is_well(server: Server, client: &Client, id: &str) {
    assert_eq!(client.put(id, r#"{"name":"Afterwards"}"#).unwrap().0, 200);
    assert_eq!(name(client, id), "Afterwards");
    let log = server.log.clone();
    assert_eq!(server.stop(), Some(0));
    let log = std::fs::read_to_string(log).unwrap();
    assert!(!log.contains("ERROR") && !log.contains("a panic"), "{log}");
}

#[test]
fn a_body_that_lies_about_its_length_changes_nothing_or_what_it_says() {
    let (_directory, server, client, id) = served();
    let body = r#"{"name":"Half Of It"}"#;
    let shorter = half_closed(&server, (edit(&client, &id, "Content-Length: 100\n") + body).as_bytes());
    assert!(shorter.is_empty() || shorter.starts_with("HTTP/1.1 400 "), "{shorter}");
    assert_eq!(name(&client, &id), "Before", "what did not come whole is not done");

    let longer =
        edit(&client, &id, &format!("Content-Length: {}\n", body.len())) + body + "GARBAGE THAT COMES AFTER\r\n\r\n";
    let answer = server.speak(longer.as_bytes());
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("Half Of It"), "{answer}");
    assert_eq!(answer.matches("HTTP/1.1 400 ").count(), 1, "what follows is no request: {answer}");
    assert_eq!(name(&client, &id), "Half Of It");

    let chunked = |chunks: &str| {
        half_closed(
            &server,
            (edit(&client, &id, "Transfer-Encoding: chunked\n") + &chunks.replace('\n', "\r\n")).as_bytes(),
        )
    };
    for chunks in [
        "zz\n{\"name\":\"Smuggled\"}\n0\n\n",
        "-5\n{\"name\":\"Smuggled\"}\n0\n\n",
        "ffffffffffffffffff\n{\"name\":\"Smuggled\"}\n0\n\n",
        "15\n{\"name\":\"Smuggled\"}",
        "15\n{\"name\":\"Smuggled\"}X\n0\n\n",
        "3\n{\"name\":\"Smuggled\"}\n0\n\n",
    ] {
        let answer = chunked(chunks);
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400 "), "{chunks} {answer}");
        assert_eq!(name(&client, &id), "Half Of It", "{chunks}");
    }
    for lines in [
        "Content-Length: 21\nTransfer-Encoding: chunked\n",
        "Transfer-Encoding: chunked\nContent-Length: 21\n",
        "Content-Length: 21\nContent-Length: 20\n",
        "Content-Length: +21\n",
        "Content-Length: 2 1\n",
        "Content-Length: -1\n",
        "Content-Length: 99999999999999999999999\n",
        "Transfer-Encoding: chunked, gzip\n",
        "Transfer-Encoding: xchunked\n",
        "Transfer-Encoding : chunked\n",
    ] {
        let answer = half_closed(&server, (edit(&client, &id, lines) + r#"{"name":"Smuggled In"}"#).as_bytes());
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{lines} {answer}");
        assert_eq!(name(&client, &id), "Half Of It", "{lines}");
    }
    is_well(server, &client, &id);
}

#[test]
fn who_says_that_no_more_comes_is_answered_all_the_same() {
    let (_directory, server, client, id) = served();
    for number in 0..10 {
        let body = format!(r#"{{"name":"Half Closed {number}"}}"#);
        let request = edit(&client, &id, &format!("Content-Length: {}\n", body.len())) + &body;
        let answer = half_closed(&server, request.as_bytes());
        assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains(&format!("Half Closed {number}")), "{answer}");
    }
    // Says nothing at all, or half a head.
    assert_eq!(half_closed(&server, b""), "");
    let half = half_closed(&server, b"GET /v1/customers HT");
    assert!(half.is_empty() || half.starts_with("HTTP/1.1 4"), "{half}");
    is_well(server, &client, &id);
}

#[test]
fn heads_that_are_too_long_are_refused_and_cost_no_memory() {
    let (_directory, server, client, id) = served();
    let get = |lines: &str| {
        let head = format!("GET /v1/nowhere HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{lines}\r\n");
        server.speak(head.as_bytes())
    };
    // 64 KiB of them is a browser with too many cookies, and no attack.
    let answer = get(&format!("X-Long: {}\r\n", "a".repeat(64 * 1024)));
    assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("requested URL was not found"), "{answer}");
    let many = (0..90).map(|number| format!("X-{number}: {}\r\n", "a".repeat(700))).collect::<String>();
    assert!(get(&many).contains("requested URL was not found"));
    let too_many = (0..1_000).map(|number| format!("X-{number}: a\r\n")).collect::<String>();
    let answer = get(&too_many);
    assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
    let long = format!("GET /{} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "a".repeat(60 * 1024));
    let answer = server.speak(long.as_bytes());
    assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");

    let before = resident(&server);
    std::thread::scope(|scope| {
        for _ in 0..20 {
            scope.spawn(|| {
                let mut stream = TcpStream::connect(&server.address).unwrap();
                stream.set_write_timeout(Some(Duration::from_secs(10))).unwrap();
                stream.write_all(b"GET /v1/customers HTTP/1.1\r\nHost: x\r\n").unwrap();
                let line = format!("X-More: {}\r\n", "a".repeat(8_000));
                let mut sent = 0;
                while sent < 20 << 20 && stream.write_all(line.as_bytes()).is_ok() {
                    sent += line.len();
                }
                assert!(sent < 20 << 20, "it takes a head without end");
            });
        }
    });
    let after = resident(&server);
    assert!(after < before + 30, "{before} MB, then {after}");
    is_well(server, &client, &id);
}

#[test]
fn many_requests_at_once_on_a_connection_are_done_in_their_order() {
    let (_directory, server, client, id) = served();
    let mut requests = String::new();
    for number in 0..100 {
        let body = format!(r#"{{"name":"Pipelined {number}"}}"#);
        requests += &(edit(&client, &id, &format!("Content-Length: {}\n", body.len())) + &body);
    }
    let answer = half_closed(&server, requests.as_bytes());
    let places: Vec<Option<usize>> = (0..100).map(|number| answer.find(&format!("Pipelined {number}\""))).collect();
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{places:?}");
    assert_eq!(name(&client, &id), "Pipelined 99");

    // Who asks and asks, and takes no answer: what waits for them is bounded, however often they come.
    let ask =
        format!("GET /v1/customers?count=100 HTTP/1.1\r\nHost: x\r\nAuthorization: {}\r\n\r\n", client.authorization);
    let all = ask.repeat(1_000);
    let greedy = || {
        let streams = (0..10).map(|_| {
            let mut stream = TcpStream::connect(&server.address).unwrap();
            stream.set_write_timeout(Some(Duration::from_millis(100))).unwrap();
            let began = Instant::now();
            while began.elapsed() < Duration::from_millis(500) && stream.write_all(all.as_bytes()).is_ok() {}
            stream
        });
        let held: Vec<TcpStream> = streams.collect();
        let most = resident(&server);
        drop(held);
        most
    };
    let first = greedy();
    greedy();
    let last = greedy();
    assert!(last < first + 60, "{first} MB the first time, {last} the last");
    is_well(server, &client, &id);
}

#[test]
fn who_goes_away_in_the_midst_of_an_answer_harms_nobody() {
    let (_directory, server, client, id) = served();
    for number in 0..100 {
        client.create(&format!(r#"{{"name":"Many","contact":"{}"}}"#, 10_000_000 + number));
    }
    let ask =
        format!("GET /v1/customers?count=100 HTTP/1.1\r\nHost: x\r\nAuthorization: {}\r\n\r\n", client.authorization);
    for _ in 0..200 {
        let mut stream = TcpStream::connect(&server.address).unwrap();
        stream.write_all(ask.repeat(20).as_bytes()).unwrap();
        let mut some = [0; 100];
        stream.read_exact(&mut some).unwrap();
        // With an answer unread, closing is a reset.
        drop(stream);
    }
    is_well(server, &client, &id);
}
