//! SIGTERM and SIGINT: the first finishes what is in flight, the second ends the process whatever its threads wait for.

use std::fs::{read_dir, read_link};
use std::io::Write;
use std::net::TcpStream;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use rusqlite::Connection;
use tempfile::tempdir;

use crate::schedule::until;
use crate::server::{Client, Server, patron};
use crate::unread::{end, signal};

#[test]
fn two_signals_end_a_server_whose_writing_thread_waits() {
    for names in [["TERM", "TERM"], ["INT", "TERM"], ["TERM", "INT"]] {
        let directory = tempdir().unwrap();
        let db = directory.path().join("patron.db");
        let server = Server::start(&db);
        let client = Client::new(&server, &db);
        let id = client.create(r#"{"name":"Meera"}"#);
        // As a disk that hangs: the thread waits for the lock of another process.
        let mut other = Connection::open(&db).unwrap();
        let lock = other.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).unwrap();
        let mut stream = TcpStream::connect(&server.address).unwrap();
        let authorization = &client.authorization;
        write!(
            stream,
            "PUT /v1/customers/{id} HTTP/1.1\r\nHost: x\r\nAuthorization: {authorization}\r\n\
             Content-Type: application/json\r\nContent-Length: 14\r\n\r\n{{\"name\":\"Asha\"}}"
        )
        .unwrap();
        thread::sleep(Duration::from_millis(300));
        server.signal(names[0]);
        thread::sleep(Duration::from_millis(300));
        server.signal(names[1]);
        let status = if names[1] == "TERM" { 143 } else { 130 };
        assert_eq!(server.wait(), Some(status), "{names:?}");
        drop(lock);
    }
}

#[test]
fn one_signal_ends_a_start_that_waits() {
    let directory = tempdir().unwrap();
    let db = directory.path().join("patron.db");
    assert_eq!(Server::start(&db).stop(), Some(0));
    // The start waits for the lock of another process.
    let mut other = Connection::open(&db).unwrap();
    let _lock = other.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).unwrap();
    let wal = db.with_file_name("patron.db-wal").canonicalize().unwrap();
    for name in ["TERM", "INT"] {
        let child = patron(&db).arg("serve").stdout(Stdio::null()).spawn().unwrap();
        let open_files = || {
            read_dir(format!("/proc/{}/fd", child.id())).unwrap().filter_map(|fd| read_link(fd.unwrap().path()).ok())
        };
        until("it has the database open", || open_files().any(|file| file == wal));
        signal(&child, name);
        assert_eq!(end(child, name).code(), None);
    }
}
