//! What the parts can do by themselves: actix-web with a constant answer, and SQLite in a loop.

use std::net::TcpListener;
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant};

use actix_web::http::header::AUTHORIZATION;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use rusqlite::{Connection, OpenFlags, params};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::wire::Random;

/// Serves what each of two workers makes, until it is killed. A macro, for the types of what is made have no names outside the library.
macro_rules! serve {
    ($worker:expr) => {{
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        println!("listening on http://{}", listener.local_addr().unwrap());
        let server = HttpServer::new($worker).workers(2).listen(listener).unwrap();
        actix_web::rt::System::new().block_on(server.run()).unwrap();
    }};
}

/// As long as a customer.
const BODY: &str = r#"{"id":"cust_1Aa00000000001","entity":"customer","name":"Gaurav Kumar","email":"gaurav.kumar@example.com","contact":"9123456780","gstin":null,"notes":{"city":"Pune"},"created_at":1700000000}"#;

/// Serves one constant answer, until it is killed.
pub fn bare() {
    let answer = || async { HttpResponse::Ok().content_type("application/json").body(BODY) };
    serve!(move || App::new().default_service(web::to(answer)));
}

#[derive(Serialize)]
struct Body {
    id: String,
    entity: &'static str,
    name: Option<String>,
    email: Option<String>,
    contact: Option<String>,
    gstin: Option<String>,
    notes: Box<RawValue>,
    created_at: i64,
}

/// Serves customers by their ids, until it is killed, with what that takes at least: the row of the key that the request names
/// and the row of the customer, in one snapshot, and its JSON. The secret is not looked at, nothing is logged, counted or limited.
pub fn reading(db: &Path) {
    let db = db.to_owned();
    serve!(move || {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Rc::new(Connection::open_with_flags(&db, flags).unwrap());
        let answer = move |request: HttpRequest| {
            let body = read(&connection, &request);
            async move { HttpResponse::Ok().json(body) }
        };
        App::new().default_service(web::to(answer))
    });
}

fn read(connection: &Connection, request: &HttpRequest) -> Body {
    let credentials = request.headers().get(AUTHORIZATION).unwrap().to_str().unwrap();
    let credentials = BASE64_STANDARD.decode(credentials.strip_prefix("Basic ").unwrap()).unwrap();
    let key = std::str::from_utf8(&credentials).unwrap().split(':').next().unwrap();
    let id = request.path().rsplit('/').next().unwrap();
    connection.prepare_cached("BEGIN").unwrap().execute([]).unwrap();
    const KEY: &str = "SELECT secret_hash FROM keys WHERE id = ?1 AND revoked_at IS NULL";
    let _hash: String = connection.prepare_cached(KEY).unwrap().query_row([key], |row| row.get(0)).unwrap();
    const CUSTOMER: &str =
        "SELECT id, name, email, contact, gstin, notes, created_at FROM customers WHERE id = ?1 AND mode = 0";
    let customer = connection.prepare_cached(CUSTOMER).unwrap().query_row([id], |row| {
        Ok(Body {
            id: row.get(0)?,
            entity: "customer",
            name: row.get(1)?,
            email: row.get(2)?,
            contact: row.get(3)?,
            gstin: row.get(4)?,
            notes: RawValue::from_string(row.get(5)?).unwrap(),
            created_at: row.get(6)?,
        })
    });
    connection.prepare_cached("COMMIT").unwrap().execute([]).unwrap();
    customer.unwrap()
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
