//! What the parts can do by themselves: actix-web with a constant answer, and SQLite in a loop.

use std::net::TcpListener;
use std::path::Path;
use std::time::{Duration, Instant};

use actix_web::{App, HttpResponse, HttpServer, web};
use rusqlite::{Connection, params};

use crate::wire::Random;

/// As long as a customer.
const BODY: &str = r#"{"id":"cust_1Aa00000000001","entity":"customer","name":"Gaurav Kumar","email":"gaurav.kumar@example.com","contact":"9123456780","gstin":null,"notes":{"city":"Pune"},"created_at":1700000000}"#;

/// Serves one constant answer, until it is killed.
pub fn bare() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    println!("listening on http://{}", listener.local_addr().unwrap());
    let answer = || async { HttpResponse::Ok().content_type("application/json").body(BODY) };
    let server = HttpServer::new(move || App::new().default_service(web::to(answer))).workers(2).listen(listener);
    actix_web::rt::System::new().block_on(server.unwrap().run()).unwrap();
}

/// A connection with the pragmas of the server's.
pub fn writer(path: &Path) -> Connection {
    let connection = Connection::open(path).unwrap();
    connection
        .execute_batch(
            "PRAGMA journal_mode = wal; PRAGMA synchronous = full; PRAGMA foreign_keys = on;
            PRAGMA wal_autocheckpoint = 250; PRAGMA cache_size = -8192; PRAGMA temp_store = memory",
        )
        .unwrap();
    connection
}

/// Edits of all fields of random customers without history, so many a commit. Gives how many a second.
pub fn edits(connection: &Connection, ids: &[String], per_commit: usize, lasts: Duration) -> f64 {
    const SQL: &str = "UPDATE customers SET name = ?2, email = ?3, email_key = ?3, contact = ?4, version = version + 1
        WHERE id = ?1";
    let mut update = connection.prepare(SQL).unwrap();
    let mut random = Random::new(Instant::now().elapsed().as_nanos() as u64 + 7);
    let (began, mut done) = (Instant::now(), 0);
    while began.elapsed() < lasts {
        connection.execute_batch("BEGIN IMMEDIATE").unwrap();
        for _ in 0..per_commit {
            let (email, contact) =
                (format!("p{:x}@example.com", random.next()), format!("+91{:010}", random.next() % 10_000_000_000));
            let id = &ids[random.below(ids.len())];
            assert_eq!(update.execute(params![id, "Asha Rao", email, contact]).unwrap(), 1);
        }
        connection.execute_batch("COMMIT").unwrap();
        done += per_commit;
    }
    done as f64 / began.elapsed().as_secs_f64()
}
