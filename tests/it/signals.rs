//! SIGTERM and SIGINT: the first finishes what is in flight, the second ends the process whatever its threads wait for.

use std::io::Write;
use std::net::TcpStream;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use rustix::fs::{CWD, FileType, Mode, OFlags, mknodat};
use tempfile::tempdir;

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
    let fifo = directory.path().join("never.pem");
    mknodat(CWD, &fifo, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    for name in ["TERM", "INT"] {
        let mut command = patron(&directory.path().join("patron.db"));
        command.arg("serve").arg("--tls-cert").arg(&fifo).arg("--tls-key").arg(&fifo).stdout(Stdio::null());
        let child = command.spawn().unwrap();
        // It reads the certificate, which does not come.
        let began = Instant::now();
        let open = || rustix::fs::open(&fifo, OFlags::WRONLY | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty());
        let _writer = loop {
            match open() {
                Ok(writer) => break writer,
                Err(_) if began.elapsed() < Duration::from_secs(60) => thread::sleep(Duration::from_millis(20)),
                Err(error) => panic!("it does not read: {error}"),
            }
        };
        signal(&child, name);
        assert_eq!(end(child, name).code(), None);
    }
}
