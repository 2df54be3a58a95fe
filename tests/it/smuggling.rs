//! Requests whose end two programs could see in different places, sent to the binary as bytes: what stands in front of it may
//! pass on one request where it must not see two.

use std::thread;

use tempfile::tempdir;

use crate::server::{Client, Server};

/// What an attacker would slip past whoever stands in front.
const HIDDEN: &str = "GET /healthz HTTP/1.1\r\nHost: x\r\nX-Request-Id: was-smuggled\r\nConnection: close\r\n\r\n";
const BODY: &str = r#"{"name":"Asha"}"#;

/// A head of a request that would make a customer, from the server's view of where it ends.
fn post(authorization: &str, headers: &str) -> String {
    format!(
        "POST /v1/customers HTTP/1.1\r\nHost: x\r\nAuthorization: {authorization}\r\nContent-Type: application/json\r\n{headers}\r\n"
    )
}

/// What a server answers to each of these, sent beside each other: it lingers where it closes a connection.
fn answers(server: &Server, sent: &[String]) -> Vec<String> {
    thread::scope(|scope| {
        let asked: Vec<_> = sent.iter().map(|sent| scope.spawn(|| server.speak(sent.as_bytes()))).collect();
        asked.into_iter().map(|asked| asked.join().unwrap()).collect()
    })
}

/// The status of each answer, in order.
fn statuses(answers: &str) -> Vec<&str> {
    answers.split("HTTP/1.1 ").skip(1).map(|answer| &answer[..3]).collect()
}

#[test]
fn what_has_no_one_end_is_refused_and_its_connection_closed() {
    let directory = tempdir().unwrap();
    let db = directory.path().join("patron.db");
    let server = Server::start(&db);
    let client = Client::new(&server, &db);
    let chunked = format!("f\r\n{BODY}\r\n0\r\n\r\n");
    let ambiguous = [
        // Two lengths, of one kind or of both: CL.TE, TE.CL, CL.CL, TE.TE.
        "Content-Length: 27\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n",
        "Content-Length: 27\r\nContent-Length: 27\r\n",
        "Content-Length: 27\r\nContent-Length: 0\r\n",
        "Content-Length: 27, 27\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        // A length that is none.
        "Content-Length: +27\r\n",
        "Content-Length: -1\r\n",
        "Content-Length: 0x1b\r\n",
        "Content-Length: 2 7\r\n",
        "Content-Length: 27\x0b\r\n",
        "Content-Length:\r\n",
        "Content-Length: 99999999999999999999\r\n",
        // A coding that is not the one.
        "Transfer-Encoding: identity\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding: \"chunked\"\r\n",
        "Transfer-Encoding: \x0bchunked\r\n",
        "Transfer-Encoding: chunked, identity\r\n",
        "Transfer-Encoding: identity, chunked\r\n",
        "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: chunked;q=1\r\n",
        // A line that is continued, and space where none may be.
        "Content-Length:\r\n 27\r\n",
        "Transfer-Encoding:\r\n chunked\r\n",
        "X-Anything: a\r\n\tb\r\nContent-Length: 27\r\n",
        "Content-Length : 27\r\n",
        "Transfer-Encoding : chunked\r\n",
        " Transfer-Encoding: chunked\r\n",
        "\r Transfer-Encoding: chunked\r\n",
        "X-Anything: a\rTransfer-Encoding: chunked\r\n",
        "X-Anything: a\0\r\nContent-Length: 27\r\n",
        ": a\r\nContent-Length: 27\r\n",
        "Transfer-Encoding\r\n",
        // Who is asked for.
        "Host: y\r\nContent-Length: 27\r\n",
    ];
    let mut sent: Vec<String> =
        ambiguous.iter().map(|headers| format!("{}{chunked}{HIDDEN}", post(&client.authorization, headers))).collect();
    sent.extend([
        format!("POST /v1/customers HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n{chunked}{HIDDEN}"),
        format!("GET /healthz HTTP/1.1\r\n\r\n{HIDDEN}"),
        format!("GET /healthz HTTP/1.1 HTTP/1.1\r\nHost: x\r\n\r\n{HIDDEN}"),
        format!("GET\t/healthz HTTP/1.1\r\nHost: x\r\n\r\n{HIDDEN}"),
        format!("GET /healthz\r\n\r\n{HIDDEN}"),
        format!("GET /healthz HTTP/1.2\r\nHost: x\r\n\r\n{HIDDEN}"),
        format!("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n{HIDDEN}"),
    ]);
    for (sent, answers) in sent.iter().zip(answers(&server, &sent)) {
        assert_eq!(statuses(&answers), ["400"], "{sent:?}: {answers}");
        assert!(answers.contains("connection: close"), "{sent:?}: {answers}");
    }
    assert_eq!(client.get("").unwrap().1["count"], 0, "nothing of it was done");
}

#[test]
fn chunks_that_do_not_add_up_are_no_body_and_nothing_after_them_is_read() {
    let directory = tempdir().unwrap();
    let db = directory.path().join("patron.db");
    let server = Server::start(&db);
    let client = Client::new(&server, &db);
    let bodies = [
        format!("e\r\n{BODY}\r\n0\r\n\r\n"),
        format!("10\r\n{BODY}\r\n0\r\n\r\n"),
        format!("f\n{BODY}\n0\n\n"),
        format!("f;a\n{BODY}\r\n0\r\n\r\n"),
        format!("-f\r\n{BODY}\r\n0\r\n\r\n"),
        format!("+f\r\n{BODY}\r\n0\r\n\r\n"),
        format!("0xf\r\n{BODY}\r\n0\r\n\r\n"),
        format!("1000000000000000f\r\n{BODY}\r\n0\r\n\r\n"),
        format!("\r\n{BODY}\r\n0\r\n\r\n"),
        format!("f\r\n{BODY}0\r\n\r\n"),
    ];
    let head = post(&client.authorization, "Transfer-Encoding: chunked\r\n");
    let sent = bodies.map(|body| format!("{head}{body}{HIDDEN}"));
    for (sent, answers) in sent.iter().zip(answers(&server, &sent)) {
        // Where the end of a chunk is none, the HTTP library closes the connection, with or without an answer.
        assert!(statuses(&answers).iter().all(|status| *status == "400"), "{sent:?}: {answers}");
        assert!(statuses(&answers).len() <= 1 && !answers.contains("was-smuggled"), "{sent:?}: {answers}");
    }
    assert_eq!(client.get("").unwrap().1["count"], 0, "nothing of it was done");
}

/// What the standard lets through has one end, and a request after it is one of its own.
#[test]
fn what_is_odd_and_has_one_end_is_one_request() {
    let directory = tempdir().unwrap();
    let db = directory.path().join("patron.db");
    let server = Server::start(&db);
    let client = Client::new(&server, &db);
    let authorization = &client.authorization;
    let chunked = "Transfer-Encoding: chunked\r\n";
    let sent = [
        post(authorization, "Content-Length: 15 \r\n") + BODY,
        post(authorization, "Content-Length: 0015\r\n") + BODY,
        post(authorization, "Transfer-Encoding: \tChunked \r\n") + &format!("f\r\n{BODY}\r\n0\r\n\r\n"),
        post(authorization, chunked) + &format!("f;name=\"value\"\r\n{BODY}\r\n0;last\r\n\r\n"),
        post(authorization, chunked) + &format!("00f\r\n{BODY}\r\n0\r\nX-Forwarded-For: 10.0.0.1\r\n\r\n"),
        post(authorization, "Content-Length: 15\r\n").replace("\r\n", "\n") + BODY,
    ];
    let sent = sent.map(|sent| sent + HIDDEN);
    for (sent, answers) in sent.iter().zip(answers(&server, &sent)) {
        assert_eq!(statuses(&answers), ["200", "200"], "{sent:?}: {answers}");
        assert_eq!(answers.matches(r#""name":"Asha""#).count(), 1, "{sent:?}: {answers}");
    }
    // A body where none is expected belongs to its request, and is no request.
    let len = HIDDEN.len();
    let heads = [
        format!("GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: {len}\r\n\r\n"),
        format!(
            "GET /v1/customers HTTP/1.1\r\nHost: x\r\nAuthorization: {authorization}\r\nConnection: close\r\nContent-Length: {len}\r\n\r\n"
        ),
        format!("GET /healthz HTTP/1.1\r\nHost: x\r\n{chunked}\r\n{len:x}\r\n"),
        "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n".to_owned(),
        "CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example\r\n\r\n".to_owned(),
    ];
    let sent = heads.map(|head| head + HIDDEN);
    for (sent, answers) in sent.iter().zip(answers(&server, &sent)) {
        assert_eq!(statuses(&answers).len(), 1, "{sent:?}: {answers}");
        assert!(!answers.contains("was-smuggled"), "{sent:?}: {answers}");
    }
}
