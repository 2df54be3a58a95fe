//! Credentials that end while a request waits: what was checked before is checked again where it acts.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::pin::pin;

use actix_web::body::MessageBody;
use actix_web::http::StatusCode;
use actix_web::http::header::COOKIE;
use actix_web::test::{TestRequest, call_service, init_service};
use futures_util::future::{join, join3, poll_fn};
use patron::domain::{Change, Draft, Email, Grant, Mode, Role, Secret, StaffId};
use patron::http;
use patron::rows::Format;
use patron::service::{
    Browser, Caller, IfTaken, KeyRefused, NotAdmitted, OldSecret, Precondition, Refused, Seed, StaffRefused, Token,
};
use tempfile::tempdir;

use crate::hostile_load::key_id;
use crate::server::{Client, Server, run};
use crate::world::{World, maker};

const EMAIL: &str = "meera@kaveri.example";
const PASSWORD: &str = "seven brown otters";

fn secret(text: &str) -> Secret {
    Secret::given(text.into())
}

async fn add(world: &World, role: Role) -> StaffId {
    world.services.staff.add(Email::parse(EMAIL).unwrap(), role, &secret(PASSWORD)).await.unwrap();
    StaffId::stored(world.staff_id(EMAIL).await)
}

async fn sign_in(world: &World, password: &str) -> Result<Token, NotAdmitted> {
    let address = "10.0.0.1".parse().unwrap();
    world.services.staff.sign_in(EMAIL, &secret(password), address, Browser::default()).await
}

/// A request of a person who signs in now, as it is after it was admitted with this role.
async fn admitted(world: &World, least: Role) -> Caller {
    let token = sign_in(world, PASSWORD).await.unwrap();
    let signed_in = world.services.staff.session(&token).await.unwrap().unwrap();
    let grant = Grant::Session { hash: signed_in.session.hash.clone(), least, at: world.services.now() };
    Caller { mode: Mode::Test, actor: signed_in.actor(), request_id: None, request: None, grant: Some(grant) }
}

fn named(name: &str) -> Draft {
    Draft { name: Change::Set(name.into()), ..Draft::default() }
}

#[tokio::test]
async fn no_session_of_the_old_password_outlives_a_change_during_the_sign_in() {
    let world = World::new();
    let id = add(&world, Role::Owner).await;
    let services = &world.services;
    // Both slots for hashing are taken when the sign-in has read the old hash: it is verified after the change.
    let new = secret("nine brown otters");
    let changed = services.staff.set_password(&id, &new);
    let other = services.access.issue(maker(), Mode::Test, "other", None);
    let (changed, _, signed_in) = join3(changed, other, sign_in(&world, PASSWORD)).await;
    changed.unwrap();
    // Refused, or it came first and its session has ended with the others.
    assert!(services.staff.sessions(&id).await.unwrap().is_empty(), "{signed_in:?}");
    assert!(sign_in(&world, "nine brown otters").await.is_ok());
}

#[tokio::test]
async fn a_person_who_is_disabled_during_a_sign_in_is_not_let_in() {
    let world = World::new();
    let id = add(&world, Role::Editor).await;
    let (signed_in, disabled) = join(sign_in(&world, PASSWORD), world.services.staff.set_disabled(&id, true)).await;
    disabled.unwrap();
    assert!(matches!(signed_in, Err(NotAdmitted::Refused(_))), "{signed_in:?}");
    assert!(matches!(world.services.staff.new_link_for(&id).await, Err(StaffRefused::Disabled)));
}

#[tokio::test]
async fn nothing_is_done_for_a_session_or_a_role_that_has_ended() {
    let world = World::new();
    let id = add(&world, Role::Owner).await;
    let services = &world.services;
    // So that the last owner is another.
    services.staff.add(Email::parse("asha@kaveri.example").unwrap(), Role::Owner, &secret(PASSWORD)).await.unwrap();
    let house = Caller { grant: None, ..admitted(&world, Role::Owner).await };
    let customer = services.customers.create(&house, named("Gaurav"), IfTaken::Refuse).await.unwrap();
    let (key, _) = services.access.issue(maker(), Mode::Test, "shop", None).await.unwrap();
    for ending in ["session", "role", "disabled", "password"] {
        let caller = admitted(&world, Role::Owner).await;
        match ending {
            "session" => services.staff.end_sessions(&id, None).await.unwrap(),
            "role" => drop(services.staff.set_role(&id, Role::Editor).await.unwrap()),
            "disabled" => drop(services.staff.set_disabled(&id, true).await.unwrap()),
            _ => services.staff.set_password(&id, &secret(PASSWORD)).await.unwrap(),
        }
        let revoked = |refused: &Refused| assert!(matches!(refused, Refused::Revoked), "{ending}: {refused:?}");
        revoked(&services.customers.edit(&caller, &customer.id, named("Farah"), Precondition::None).await.unwrap_err());
        revoked(&services.customers.create(&caller, named("Farah"), IfTaken::Refuse).await.unwrap_err());
        revoked(
            &services
                .customers
                .list(&caller, Default::default(), patron::domain::Slice { count: 1, skip: 0 })
                .await
                .unwrap_err(),
        );
        let staff = services.staff.on_behalf_of(&caller);
        let of_staff = [
            staff.invite(Email::parse("new@kaveri.example").unwrap(), Role::Owner).await.map(drop),
            staff.new_link_for(&id).await.map(drop),
            staff.set_role(&id, Role::Viewer).await.map(drop),
            staff.set_disabled(&id, false).await.map(drop),
            staff.end_sessions(&id, None).await,
        ];
        for refused in of_staff {
            assert!(matches!(refused, Err(StaffRefused::Store(Refused::Revoked))), "{ending}: {refused:?}");
        }
        let access = services.access.on_behalf_of(&caller);
        let of_keys = [
            access.issue(maker(), Mode::Live, "stolen", None).await.map(drop),
            access.rotate(&key.id, OldSecret::EndsNow).await.map(drop),
            access.revoke(&key.id).await.map(drop),
        ];
        for refused in of_keys {
            assert!(matches!(refused, Err(KeyRefused::Store(Refused::Revoked))), "{ending}: {refused:?}");
        }
        assert!(services.erasures.erase(&caller, &customer.id).await.is_err(), "{ending}");
        assert!(services.erasures.export(&caller, &customer.id).await.is_err(), "{ending}");
        // As before, for the next.
        services.staff.set_disabled(&id, false).await.unwrap();
        services.staff.set_role(&id, Role::Owner).await.unwrap();
    }
    let customer = services.customers.fetch(&house, &customer.id).await.unwrap();
    assert_eq!((customer.name.unwrap().as_str(), customer.version), ("Gaurav", 1));
    assert!(services.access.fetch(&key.id).await.unwrap().revoked_at.is_none());
}

#[tokio::test]
async fn an_upload_of_a_person_who_is_disabled_leaves_no_import() {
    let world = World::new();
    let id = add(&world, Role::Editor).await;
    let caller = admitted(&world, Role::Editor).await;
    let mut receiving = world.services.imports.receive(&caller, "customers.csv", Some(Format::Csv));
    receiving.push(b"name,email\n").await.unwrap();
    world.services.staff.set_disabled(&id, true).await.unwrap();
    let mut refused = false;
    for number in 0..5_000 {
        let row = format!("Asha,asha{number}@example.com\n");
        if receiving.push(row.as_bytes()).await.is_err() {
            refused = true;
            break;
        }
    }
    assert!(refused || receiving.finish().await.is_err());
    let house = Caller { grant: None, ..caller };
    assert!(world.services.imports.list(&house, None, 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_download_ends_when_its_person_is_disabled() {
    let world = World::new();
    let person = world.staff(Role::Owner).await;
    let id = StaffId::stored(world.staff_id(&person.email).await);
    world
        .services
        .staff
        .add(Email::parse("asha@kaveri.example").unwrap(), Role::Owner, &secret(PASSWORD))
        .await
        .unwrap();
    world.services.seed(Seed { count: 3_000, mode: Mode::Test, seed: 1 }, |_| ()).await.unwrap();
    let app = init_service(http::app(world.services.clone(), Default::default())).await;
    let request = TestRequest::get().uri("/test/customers/download?format=jsonl");
    let answer =
        call_service(&app, request.insert_header((COOKIE, person.cookie.as_deref().unwrap())).to_request()).await;
    assert_eq!(answer.status(), StatusCode::OK);
    let mut body = pin!(answer.into_body());
    let first = poll_fn(|context| body.as_mut().poll_next(context)).await.unwrap().ok().unwrap();
    world.services.staff.set_disabled(&id, true).await.unwrap();
    let mut lines = first.iter().filter(|byte| **byte == b'\n').count();
    let broken = loop {
        match poll_fn(|context| body.as_mut().poll_next(context)).await {
            Some(Ok(piece)) => lines += piece.iter().filter(|byte| **byte == b'\n').count(),
            Some(Err(_)) => break true,
            None => break false,
        }
    };
    assert!(broken, "{lines} lines, as if that were all");
    assert!(lines < 3_000, "{lines} lines");
}

#[tokio::test]
async fn a_key_that_is_revoked_during_its_verification_is_refused() {
    let world = World::new();
    let access = &world.services.access;
    let (key, secret) = access.issue(maker(), Mode::Test, "shop", None).await.unwrap();
    // Both slots for hashing are taken until the key is revoked.
    let others = join(access.issue(maker(), Mode::Test, "one", None), access.issue(maker(), Mode::Test, "two", None));
    let checked = access.check(key.id.as_str(), secret, "10.0.0.1".parse().unwrap(), None);
    let (_, checked, revoked) = join3(others, checked, access.revoke(&key.id)).await;
    revoked.unwrap();
    assert!(matches!(checked, Err(NotAdmitted::Refused(_))), "{checked:?}");
}

#[test]
fn a_key_that_ends_while_a_body_arrives_edits_nothing() {
    let directory = tempdir().unwrap();
    let db = directory.path().join("patron.db");
    let server = Server::start(&db);
    let other = Client::new(&server, &db);
    let id = other.create(r#"{"name":"Gaurav"}"#);
    for ending in [&["key", "revoke", "--yes"][..], &["key", "rotate", "--old", "now"]] {
        let client = Client::new(&server, &db);
        let mut stream = TcpStream::connect(&server.address).unwrap();
        let authorization = &client.authorization;
        let head = format!(
            "PUT /v1/customers/{id} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: {authorization}"
        );
        write!(stream, "{head}\r\nContent-Length: 16\r\n\r\n{{\"name\":").unwrap();
        // It is admitted by then, in an earlier second, or will not be: both are right.
        std::thread::sleep(std::time::Duration::from_millis(1_100));
        let ended = run(&db, &[ending, &[&key_id(&client)]].concat());
        assert!(ended.status.success(), "{ended:?}");
        stream.write_all(b"\"Farah\"}").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 401 "), "{ending:?}: {answer}");
        assert!(answer.contains("The api key/secret provided is invalid"), "{answer}");
        assert_eq!(other.get(&format!("/{id}")).unwrap().1["name"], "Gaurav");
    }
}

#[test]
fn a_key_revoked_by_a_command_is_refused_at_its_next_request() {
    let directory = tempdir().unwrap();
    let db = directory.path().join("patron.db");
    let server = Server::start(&db);
    let first = Client::new(&server, &db);
    let id = first.create(r#"{"name":"Gaurav"}"#);
    let customer = format!("/{id}");
    let history = format!("/{id}/revisions");
    let requests: [&dyn Fn(&Client) -> u16; 5] = [
        &|client| client.get(&customer).unwrap().0,
        &|client| client.get("").unwrap().0,
        &|client| client.get(&history).unwrap().0,
        &|client| client.put(&id, r#"{"name":"Farah"}"#).unwrap().0,
        &|client| client.post(r#"{"name":"Farah"}"#).unwrap().0,
    ];
    for request in requests {
        let client = Client::new(&server, &db);
        assert_eq!(client.get(&customer).unwrap().0, 200);
        assert_eq!(client.get(&customer).unwrap().0, 200, "its row is remembered by now");
        let revoked = run(&db, &["key", "revoke", "--yes", &key_id(&client)]);
        assert!(revoked.status.success(), "{revoked:?}");
        assert_eq!(request(&client), 401);
    }
    assert_eq!(first.get(&customer).unwrap().1["name"], "Gaurav");
}
