//! More to do than can be done: answered at once past the bounds, reads go on while nothing can be written, and who floods
//! waits for itself alone.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::task::Poll;
use std::thread;
use std::time::{Duration, Instant};

use actix_web::http::StatusCode;
use futures_util::poll;
use patron::domain::{Mode, Role};
use tempfile::tempdir;
use tokio::task::yield_now;

use crate::server::{Client, Server, run};
use crate::world::{Answer, World};

const CUSTOMERS: &str = "/v1/customers";

/// Sends an edit of the name and leaves the answer to be read.
fn put(server: &Server, client: &Client, id: &str, name: &str) -> TcpStream {
    let (body, authorization) = (format!(r#"{{"name":"{name}"}}"#), &client.authorization);
    let head =
        format!("PUT {CUSTOMERS}/{id} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: {authorization}");
    let mut stream = TcpStream::connect(&server.address).unwrap();
    write!(stream, "{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).unwrap();
    stream
}

fn answer(mut stream: TcpStream) -> String {
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn while_nothing_is_written_reads_go_on_and_a_flood_of_edits_leaves_room_for_others() {
    /// What waits of one key, and what the writing thread may have taken already.
    const LET_IN_MAX: usize = 512 + 128;
    const FLOOD: usize = LET_IN_MAX + 60;
    let directory = tempdir().unwrap();
    let db = directory.path().join("patron.db");
    let server = Server::start(&db);
    let (flooding, other) = (Client::new(&server, &db), Client::new(&server, &db));
    let [flooded, id] = ["Flooded", "Other"].map(|name| flooding.create(&format!(r#"{{"name":"{name}"}}"#)));
    assert_eq!(other.get("").unwrap().0, 200);

    let holder = rusqlite::Connection::open(&db).unwrap();
    holder.execute_batch("BEGIN IMMEDIATE").unwrap();
    let turned_away = AtomicUsize::new(0);
    let done = thread::scope(|scope| {
        let ask = |number: usize| {
            let stream = put(&server, &flooding, &flooded, &format!("Flooded {number}"));
            let answer = answer(stream);
            if answer.starts_with("HTTP/1.1 200 ") {
                return true;
            }
            assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("\r\nretry-after: 1\r\n"), "{answer}");
            assert!(
                answer.contains(r#"{"error":{"code":"SERVER_ERROR","description":"We are facing some trouble"#),
                "{answer}"
            );
            turned_away.fetch_add(1, Ordering::Relaxed);
            false
        };
        let flood: Vec<_> = (0..FLOOD).map(|number| scope.spawn(move || ask(number))).collect();
        let patience = Instant::now() + Duration::from_secs(60);
        while turned_away.load(Ordering::Relaxed) < FLOOD - LET_IN_MAX {
            assert!(Instant::now() < patience, "who comes too late is not told so");
            thread::sleep(Duration::from_millis(5));
        }

        for reader in [&flooding, &other] {
            for path in ["".to_owned(), format!("/{id}"), format!("/{id}/revisions"), "?contact=12345678".to_owned()] {
                assert_eq!(reader.get(&path).unwrap().0, 200, "{path}");
            }
        }
        let let_in = put(&server, &other, &id, "Let in");
        let_in.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
        let waits = (&let_in).read(&mut [0]).map_err(|error| error.kind());
        assert!(matches!(waits, Err(ErrorKind::WouldBlock | ErrorKind::TimedOut)), "turned away: {waits:?}");

        holder.execute_batch("ROLLBACK").unwrap();
        let_in.set_read_timeout(None).unwrap();
        let answer = answer(let_in);
        assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("Let in"), "{answer}");
        flood.into_iter().map(|asked| asked.join().unwrap()).filter(|done| *done).count()
    });
    assert_eq!(done + turned_away.load(Ordering::Relaxed), FLOOD);
    // What was turned away did not happen, and what was acknowledged did.
    let (_, newest) = other.get(&format!("/{flooded}/revisions?count=1")).unwrap();
    assert_eq!(newest["items"][0]["version"], 1 + done);
    assert_eq!(server.stop(), Some(0));
    assert!(run(&db, &["check"]).status.success());
}

type Asked<'a> = Pin<Box<dyn Future<Output = Answer> + 'a>>;

/// Lets everything go as far as it goes without anybody else.
async fn settle(asked: &mut [Asked<'_>]) -> Vec<Option<Answer>> {
    let mut answers: Vec<Option<Answer>> = asked.iter().map(|_| None).collect();
    for _ in 0..20 {
        for (answer, each) in answers.iter_mut().zip(asked.iter_mut()).filter(|(answer, _)| answer.is_none()) {
            if let Poll::Ready(found) = poll!(each) {
                *answer = Some(found);
            }
        }
        yield_now().await;
    }
    answers
}

#[tokio::test]
async fn a_flood_of_slow_questions_leaves_room_for_others() {
    /// What waits of one key.
    const LET_IN: usize = 128;
    let world = World::new();
    let (flooding, other, owner) =
        (world.key(Mode::Test).await, world.key(Mode::Test).await, world.staff(Role::Owner).await);
    let path = flooding.create(r#"{"name":"Gaurav"}"#).await;
    assert_eq!(other.get(CUSTOMERS).await.status, 200);
    // Each holds a thread until it is let go.
    let (mut hold, mut held) = (Vec::new(), Vec::new());
    for _ in 0..4 {
        let (letting_go, waiting) = channel::<()>();
        let services = world.services.clone();
        hold.push(letting_go);
        let mut check = Box::pin(async move {
            services
                .check(move |_| {
                    let _ = waiting.recv();
                })
                .await
        });
        assert!(poll!(&mut check).is_pending());
        held.push(check);
    }

    let mut flood: Vec<Asked<'_>> = Vec::new();
    for _ in 0..LET_IN + 10 {
        flood.push(Box::pin(flooding.get(CUSTOMERS)));
    }
    let answers = settle(&mut flood).await;
    assert_eq!(answers.iter().flatten().count(), 10);
    for answer in answers.iter().flatten() {
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(answer.header("retry-after"), Some("1"));
    }
    // Another key, and a person.
    let mut others: [Asked<'_>; 2] = [Box::pin(other.get(CUSTOMERS)), Box::pin(owner.get("/test/customers?q=gau"))];
    assert!(settle(&mut others).await.iter().all(Option::is_none), "there is room for others");
    // What takes microseconds does not wait.
    assert_eq!(flooding.get(&path).await.status, 200);
    assert_eq!(flooding.put(&path, r#"{"name":"Gaurav Kumar"}"#).await.status, 200);

    drop(hold);
    for check in held {
        check.await.unwrap();
    }
    for asked in others {
        assert_eq!(asked.await.status, 200);
    }
    for (answer, asked) in answers.iter().zip(flood) {
        assert!(answer.is_some() || asked.await.status == 200);
    }
}

#[tokio::test]
async fn what_is_remembered_of_a_failed_sign_in_is_no_longer_than_an_email() {
    let world = World::new();
    let sign_in = async |end: usize| {
        let email = format!("{}{end}@kaveri.example", "x".repeat(64));
        world.visitor().send_form("/sign-in", &[("email", &email), ("password", "guess")]).await.status.as_u16()
    };
    // Were each remembered as it came, each would be somebody else's.
    for end in 0..20 {
        assert_eq!(sign_in(end).await, 422);
    }
    assert_eq!(sign_in(20).await, 429);
}
