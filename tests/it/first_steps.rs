//! The first steps: links and lines that are printed to be used, and where people land.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use actix_web::test::TestRequest;
use patron::domain::{Mode, Role};
use tempfile::tempdir;

use crate::server::{Server, patron, run, said};
use crate::world::{Answer, PASSWORD, World};

/// The link in what was printed, without its token.
fn base(printed: &str) -> &str {
    printed
        .split_whitespace()
        .find_map(|word| Some(word.split_once("/link/")?.0))
        .unwrap_or_else(|| panic!("{printed}"))
}

#[test]
fn a_link_leads_to_the_server_that_runs() {
    let directory = tempdir().unwrap();
    let db = directory.path().join("patron.db");
    let add = |email: &str| said(&run(&db, &["staff", "add", email, "--role", "viewer"]));
    let before = add("a@kaveri.example");
    assert_eq!(base(&before), "http://127.0.0.1:8080");
    assert!(before.contains("No server runs on this database now"), "{before}");

    let server = Server::start(&db);
    let own = format!("http://{}", server.address);
    let printed = add("b@kaveri.example");
    assert_eq!(base(&printed), own);
    assert!(!printed.contains("No server runs"), "{printed}");
    assert_eq!(base(&said(&run(&db, &["staff", "password", "a@kaveri.example"]))), own);
    let given = run(&db, &["staff", "password", "a@kaveri.example", "--public-url", "https://patron.example"]);
    assert_eq!(base(&said(&given)), "https://patron.example");
    // Killed, it leaves its address behind, which counts for nothing.
    server.kill();
    let stale = add("c@kaveri.example");
    assert_eq!(base(&stale), "http://127.0.0.1:8080");
    assert!(stale.contains("No server runs on this database now"), "{stale}");

    let server = Server::start_with(&db, &["--public-url", "https://crm.example", "--listen", "0.0.0.0:0"]);
    assert_eq!(base(&add("d@kaveri.example")), "https://crm.example");
    server.stop();
    let server = Server::start_with(&db, &["--listen", "0.0.0.0:0"]);
    let port = server.address.rsplit_once(':').unwrap().1;
    assert_eq!(base(&add("e@kaveri.example")), format!("http://127.0.0.1:{port}"));
}

#[test]
fn the_address_survives_that_the_database_was_away() {
    let directory = tempdir().unwrap();
    let (db, away) = (directory.path().join("patron.db"), directory.path().join("away"));
    let server = Server::start(&db);
    let client = crate::server::Client::new(&server, &db);
    let id = client.create(r#"{"name":"Meera"}"#);
    std::fs::rename(&db, &away).unwrap();
    assert_eq!(client.put(&id, r#"{"name":"Other"}"#).unwrap().0, 503);
    std::fs::rename(&away, &db).unwrap();
    assert_eq!(client.put(&id, r#"{"name":"Other"}"#).unwrap().0, 200);
    let printed = said(&run(&db, &["staff", "add", "a@kaveri.example", "--role", "viewer"]));
    assert_eq!(base(&printed), format!("http://{}", server.address));
}

/// Runs a line that was printed in a shell, in a directory.
fn paste(line: &str, directory: &Path, path: &str) -> Output {
    let mut shell = Command::new("/bin/sh");
    shell.env_clear().env("PATH", path).current_dir(directory).stdin(Stdio::null());
    shell.args(["-c", line]).output().unwrap()
}

#[test]
fn the_lines_of_the_first_start_work_when_they_are_pasted() {
    let binary = Path::new(env!("CARGO_BIN_EXE_patron"));
    let directory = tempdir().unwrap();
    let own = directory.path().join("it's a place");
    std::fs::create_dir(&own).unwrap();
    std::os::unix::fs::symlink(binary, own.join("patron")).unwrap();
    let on_path = format!("{}:/usr/bin:/bin", own.display());
    let binary = binary.to_str().unwrap();
    for (called, path, db, expected) in [
        // As cargo calls it.
        (binary, "/usr/bin:/bin", None, binary),
        ("./it's a place/patron", "/usr/bin:/bin", None, r"'./it'\''s a place/patron'"),
        (binary, &on_path, None, "patron"),
        (binary, &on_path, Some("my shop.db"), "patron --db 'my shop.db'"),
        (binary, "/usr/bin:/bin", Some("shop.db"), &format!("{binary} --db shop.db")),
    ] {
        let place = tempdir().unwrap();
        if called.starts_with('.') {
            std::os::unix::fs::symlink(&own, place.path().join("it's a place")).unwrap();
        }
        let mut command = Command::new("/bin/sh");
        command.env_clear().env("PATH", path).current_dir(place.path()).stdin(Stdio::null());
        command.args(["-c", r#"exec "$0" "$@""#, called, "serve", "--listen", "127.0.0.1:0"]);
        if let Some(db) = db {
            command.env("PATRON_DB", db);
        }
        let server = Server::run(&mut command, place.path().join("log"));
        let line = server.printed.split("More keys: ").nth(1).unwrap().lines().next().unwrap();
        assert_eq!(line, format!("{expected} key create --mode live"));
        let made = paste(&format!("{line} --json"), place.path(), path);
        assert!(made.status.success() && said(&made).contains("rzp_live_"), "{line}: {made:?}");
        let listed = paste(&line.replace("key create --mode live", "key list"), place.path(), path);
        assert_eq!(said(&listed).matches("rzp_").count(), 2, "of the same database: {listed:?}");
        server.stop();
    }
}

#[test]
fn where_nobody_sees_what_is_printed_the_log_names_the_commands() {
    let directory = tempdir().unwrap();
    let db = directory.path().join("my shop.db");
    let log = std::fs::File::create(directory.path().join("log")).unwrap();
    let mut server = patron(&db).stdout(Stdio::null()).stderr(log).spawn().unwrap();
    let named = format!("--db '{}' staff add EMAIL --role owner", db.display());
    let logged = || std::fs::read_to_string(directory.path().join("log")).unwrap();
    while !logged().contains("so no first key") {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    server.kill().unwrap();
    server.wait().unwrap();
    assert!(logged().contains(&named), "{}", logged());
}

/// Where signing in leads, in the end.
async fn landing(world: &World, email: &str, to: &str) -> String {
    let form = [("email", email), ("password", PASSWORD), ("to", to)];
    let answer: Answer = world.visitor().send_form("/sign-in", &form).await;
    let cookie = answer.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    match answer.location() {
        "/" => {
            let home = world.send(TestRequest::get().uri("/").insert_header(("Cookie", cookie))).await;
            home.location().to_owned()
        }
        elsewhere => elsewhere.to_owned(),
    }
}

#[tokio::test]
async fn people_land_in_the_mode_that_has_customers() {
    let world = World::new();
    let email = world.staff(Role::Viewer).await.email;
    assert_eq!(landing(&world, &email, "").await, "/live", "neither has any");
    world.key(Mode::Test).await.create(r#"{"name":"Meera"}"#).await;
    assert_eq!(landing(&world, &email, "").await, "/test");
    assert_eq!(landing(&world, &email, "/live/account").await, "/live/account", "where they were going");
    world.key(Mode::Live).await.create(r#"{"name":"Meera"}"#).await;
    assert_eq!(landing(&world, &email, "").await, "/live");
}
