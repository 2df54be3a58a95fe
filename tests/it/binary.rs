//! The binary as its host meets it: first start, refusals to start, keys beside a running server, the log, the end.

use std::io::Write;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::{TempDir, tempdir};

use crate::server::{Client, Server, patron, run};

fn fresh() -> (TempDir, PathBuf) {
    let directory = tempdir().unwrap();
    let db = directory.path().join("patron.db");
    (directory, db)
}

/// What a refusal says, after the check that it is one sentence on standard error with exit code 1.
fn refusal(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(output.stdout.is_empty());
    said
}

#[test]
fn the_first_start_prints_a_key_and_curl_lines_that_work_when_pasted() {
    let (_directory, db) = fresh();
    let server = Server::start(&db);
    let pasted = |heading: &str| {
        let block = server.printed.split(heading).nth(1).unwrap().split("\n\n").nth(1).unwrap();
        let output = Command::new("bash").args(["-c", block]).output().unwrap();
        serde_json::from_slice::<Value>(&output.stdout).unwrap_or_else(|_| panic!("{block}\n{output:?}"))
    };
    assert_eq!(pasted("Create a customer:")["contact"], "9123456780");
    assert_eq!(pasted("Edit the newest customer:")["contact"], "+919123456780");
    assert_eq!(server.stop(), Some(0));
    let again = Server::start(&db);
    assert!(!again.printed.contains("key secret"), "a key is shown once: {}", again.printed);
    assert!(again.printed.contains("/link/"), "while there is nobody, each start prints a link: {}", again.printed);
    run(&db, &["staff", "add", "meera@example.com", "--role", "owner"]);
    drop(again);
    assert_eq!(Server::start(&db).printed.lines().count(), 1);
}

#[test]
fn the_file_belongs_to_its_owner_alone() {
    let (_directory, db) = fresh();
    let _server = Server::start(&db);
    for name in ["patron.db", "patron.db-wal", "patron.db-shm", "patron.db.lock", "patron.db-reserve"] {
        let mode = db.with_file_name(name).metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[test]
fn a_file_may_have_the_name_of_a_command() {
    let (directory, db) = fresh();
    let server = Server::start(&db);
    for arguments in [&["--db", "seed"][..], &["--log-level", "info", "--db", "key"]] {
        let mut command = patron(&db);
        // Serving is what it tries.
        let output =
            command.current_dir(&directory).args(arguments).args(["--listen", &server.address]).output().unwrap();
        assert!(refusal(&output).contains("the port is in use"), "{arguments:?}");
    }
}

#[test]
fn a_secret_that_cannot_be_shown_is_told_of() {
    let (_directory, db) = fresh();
    run(&db, &["key", "create", "--mode", "test"]);
    let into_full = |arguments: &[&str]| {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = patron(&db).args(arguments).stdout(full).output().unwrap();
        refusal(&output)
    };
    let said = into_full(&["key", "create", "--mode", "test"]);
    let id = said.split_whitespace().find(|word| word.starts_with("rzp_test_")).unwrap();
    assert!(
        said.contains("cannot write to standard output") && said.contains(&format!("patron key revoke {id}")),
        "{said}"
    );
    assert!(into_full(&["key", "rotate", id, "--json"]).contains(&format!("patron key rotate {id} --old now")));
    assert!(into_full(&["key", "list"]).contains("cannot write to standard output"));
    assert!(run(&db, &["key", "revoke", id, "--yes"]).status.success());
}

#[test]
fn an_expired_key_is_listed_as_one() {
    let (_directory, db) = fresh();
    run(&db, &["key", "create", "--mode", "test", "--expires", "1s"]);
    run(&db, &["key", "create", "--mode", "test", "--expires", "1d"]);
    sleep(Duration::from_secs(2));
    let listed = String::from_utf8(run(&db, &["key", "list"]).stdout).unwrap();
    let lines: Vec<&str> = listed.lines().collect();
    assert_eq!(lines.iter().filter(|line| line.contains("  expired 20")).count(), 1, "{listed}");
    assert_eq!(lines.iter().filter(|line| line.contains("  expires 20")).count(), 1, "{listed}");
}

#[test]
fn what_cannot_be_served_is_said_in_one_sentence() {
    let (directory, db) = fresh();
    let said = |db: &Path| refusal(&run(db, &[]));

    assert!(said(&directory.path().join("no/such/dir.db")).contains("no/such does not exist; make it"));
    assert!(said(directory.path()).contains("it is a directory; give a file with --db"));
    let text = directory.path().join("text.db");
    std::fs::write(&text, "not a database at all, but long enough to have a header\n".repeat(20)).unwrap();
    assert!(said(&text).contains("it is not a SQLite database"));
    assert!(std::fs::read_to_string(&text).unwrap().starts_with("not a database"));
    let other = directory.path().join("other.db");
    rusqlite::Connection::open(&other).unwrap().execute_batch("CREATE TABLE t (x)").unwrap();
    assert!(said(&other).contains("belongs to another program"));

    let server = Server::start(&db);
    assert!(said(&db).contains("another patron serves it"));
    let taken = run(&directory.path().join("more.db"), &["serve", "--listen", &server.address]);
    assert!(refusal(&taken).contains("the port is in use"));
    assert!(!directory.path().join("more.db").exists(), "what cannot listen leaves nothing behind");
    drop(server);

    rusqlite::Connection::open(&db).unwrap().pragma_update(None, "user_version", 99).unwrap();
    assert!(said(&db).contains("a newer patron made it (schema 99"));
    assert!(refusal(&run(&db, &["check"])).contains("a newer patron made it"));
    assert!(refusal(&run(&directory.path().join("none.db"), &["check"])).contains("there is no such file"));
}

#[test]
fn a_file_that_this_user_may_not_write_is_refused() {
    let (directory, db) = fresh();
    Server::start(&db).stop();
    let open = |path: &Path, mode| std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    open(directory.path(), 0o777);
    open(&db.with_file_name("patron.db.lock"), 0o666);
    for mode in [0o444, 0o000] {
        open(&db, mode);
        let mut command = patron(&db);
        // The superuser may do anything: run as somebody else.
        if is_root() {
            std::os::unix::process::CommandExt::uid(&mut command, 65_534);
        }
        let said = refusal(&command.output().unwrap());
        assert!(said.contains("this user may not read and write it"), "{said}");
    }
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().unwrap().stdout == b"0\n"
}

#[test]
fn usage_errors_have_exit_code_2() {
    let (_directory, db) = fresh();
    for arguments in
        [&["--listen", "nonsense"][..], &["key", "create"], &["key", "revoke", "x"], &["seed"], &["frobnicate"]]
    {
        let output = run(&db, arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    }
    assert!(!db.exists());
}

#[test]
fn help_names_every_command_and_setting() {
    let (_directory, db) = fresh();
    let help = |arguments: &[&str]| String::from_utf8(run(&db, arguments).stdout).unwrap();
    for word in ["serve", "key", "seed", "check", "--db", "PATRON_DB", "PATRON_LOG_FORMAT"] {
        assert!(help(&["--help"]).contains(word), "{word}");
    }
    assert!(help(&["serve", "--help"]).contains("PATRON_LISTEN"));
    assert!(help(&["help", "key", "rotate"]).contains("--old"));
    assert!(help(&["--version"]).starts_with("patron "));
}

#[test]
fn keys_are_managed_beside_a_running_server() {
    let (_directory, db) = fresh();
    let server = Server::start(&db);
    let json = |arguments: &[&str]| {
        let output = run(&db, arguments);
        serde_json::from_slice::<Value>(&output.stdout).unwrap_or_else(|_| panic!("{arguments:?}: {output:?}"))
    };
    let pair = |key: &Value| format!("{}:{}", key["key_id"].as_str().unwrap(), key["key_secret"].as_str().unwrap());
    let status = |pair: &str| Client::with(&server, pair).get("").unwrap().0;

    let made = json(&["key", "create", "--mode", "live", "--label", "Shop", "--expires", "90d", "--json"]);
    let names: Vec<&String> = made.as_object().unwrap().keys().collect();
    assert_eq!(names.len(), 5);
    assert_eq!((made["mode"].as_str(), made["label"].as_str()), (Some("live"), Some("Shop")));
    assert!(made["expires_at"].as_i64().is_some());
    assert_eq!(status(&pair(&made)), 200);

    let id = made["key_id"].as_str().unwrap();
    let rotated = json(&["key", "rotate", id, "--json"]);
    assert_eq!((status(&pair(&made)), status(&pair(&rotated))), (200, 200));
    let again = json(&["key", "rotate", id, "--old", "now", "--json"]);
    assert_eq!((status(&pair(&made)), status(&pair(&rotated)), status(&pair(&again))), (401, 401, 200));

    let listed = json(&["key", "list", "--json"]);
    assert_eq!(listed.as_array().unwrap().len(), 2);
    assert!(listed.to_string().contains(id) && !listed.to_string().contains("secret"));
    let mut makers: Vec<&Value> = listed.as_array().unwrap().iter().map(|key| &key["made_by"]).collect();
    makers.sort_by_key(|maker| maker["label"].to_string());
    let command = |name: &str| json!({ "type": "command", "id": null, "label": name });
    assert_eq!(makers, [&command("key create"), &command("serve")]);

    assert!(refusal(&run(&db, &["key", "revoke", id])).contains("for good: say so with --yes; nothing was changed"));
    assert_eq!(status(&pair(&again)), 200);
    assert!(run(&db, &["key", "revoke", id, "--yes"]).status.success());
    assert_eq!(status(&pair(&again)), 401);
    assert!(refusal(&run(&db, &["key", "rotate", id])).contains("revoked or expired"));
    assert!(
        refusal(&run(&db, &["key", "revoke", "rzp_test_00000000000000", "--yes"])).contains("there is no such key")
    );

    let import = |secret: &str| {
        let mut command = patron(&db);
        command.args(["key", "import", "rzp_test_ILgsfZCZoFIKMb", "--label", "Old shop"]);
        let file = db.with_extension("secret");
        std::fs::write(&file, secret).unwrap();
        command.stdin(std::fs::File::open(file).unwrap()).output().unwrap()
    };
    assert!(refusal(&import("too short\n")).contains("not 24 letters and digits"));
    assert!(import("FtGhB2fvSvg2TODb2XfhWMEo\n").status.success());
    assert_eq!(status("rzp_test_ILgsfZCZoFIKMb:FtGhB2fvSvg2TODb2XfhWMEo"), 200);
}

#[test]
fn commands_and_readers_hold_up_no_edit() {
    let (_directory, db) = fresh();
    let server = Server::start(&db);
    let client = Client::new(&server, &db);
    let id = client.create(r#"{"name":"Gaurav"}"#);
    let reader = rusqlite::Connection::open(&db).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM customers").unwrap();
    for (number, arguments) in
        [&["key", "create", "--mode", "test"][..], &["key", "list"], &["check"], &["seed", "--count", "5"]]
            .iter()
            .enumerate()
    {
        client.put(&id, &format!(r#"{{"name":"Gaurav {number}"}}"#)).unwrap();
        let began = Instant::now();
        assert!(run(&db, arguments).status.success(), "{arguments:?}");
        assert_eq!(client.put(&id, &format!(r#"{{"name":"Kumar {number}"}}"#)).unwrap().0, 200);
        assert!(began.elapsed() < Duration::from_secs(3), "{arguments:?} {:?}", began.elapsed());
    }
    reader.execute_batch("ROLLBACK; BEGIN IMMEDIATE").unwrap();
    for arguments in [&["key", "list"][..], &["check"]] {
        let began = Instant::now();
        assert!(run(&db, arguments).status.success(), "{arguments:?} waits for nobody who writes");
        assert!(began.elapsed() < Duration::from_secs(3), "{arguments:?} {:?}", began.elapsed());
    }
    reader.execute_batch("ROLLBACK; BEGIN; SELECT count(*) FROM customers").unwrap();
    let log = server.log.clone();
    assert_eq!(server.stop(), Some(0));
    assert!(std::fs::read_to_string(log).unwrap().contains("writing back its log is left to the next start"));
}

#[test]
fn a_file_is_served_once_by_whatever_name() {
    let (directory, db) = fresh();
    let link = directory.path().join("link.db");
    std::os::unix::fs::symlink(&db, &link).unwrap();
    let _server = Server::start(&link);
    assert!(refusal(&run(&db, &[])).contains("another patron serves it"));
    assert!(refusal(&run(&link, &[])).contains("another patron serves it"));
}

#[test]
fn the_log_has_a_line_a_request_and_nothing_personal() {
    let (_directory, db) = fresh();
    let server = Server::start_with(&db, &["--log-format", "json"]);
    let client = Client::new(&server, &db);
    let id = client.create(r#"{"name":"Gaurav Kumar","email":"gaurav@example.com","contact":"9123456780"}"#);
    client.get("?email=gaurav@example.com").unwrap();
    client.get("/gaurav@example.com").unwrap();
    let (_, history) = client.get(&format!("/{id}/revisions")).unwrap();
    Client::with(&server, "rzp_test_00000000000000:000000000000000000000000").get("").unwrap();
    let log_path = server.log.clone();
    assert_eq!(server.stop(), Some(0));

    let log = std::fs::read_to_string(log_path).unwrap();
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let requests: Vec<&Value> = lines.iter().filter(|line| line["message"] == "request").collect();
    assert_eq!(requests.len(), 5, "{log}");
    let created = requests[0];
    assert_eq!((created["method"].as_str(), created["route"].as_str()), (Some("POST"), Some("/v1/customers")));
    assert_eq!(created["status"], 200);
    assert!(created["duration_us"].is_u64() && created["key_id"].as_str().unwrap().starts_with("rzp_test_"));
    assert_eq!(created["request_id"], history["items"][0]["request_id"]);
    assert_eq!(requests[4]["refused"], "unknown key");
    let secret = client.authorization.strip_prefix("Basic ").unwrap();
    for private in ["gaurav", "Gaurav", "9123456780", secret, "000000000000000000000000"] {
        assert!(!log.contains(private), "{private} is in the log:\n{log}");
    }
}

#[test]
fn what_was_done_for_a_client_who_went_away_is_in_the_log() {
    let (_directory, db) = fresh();
    let server = Server::start(&db);
    let client = Client::new(&server, &db);
    let id = client.create(r#"{"name":"Gaurav"}"#);
    // What is asked waits until they are gone.
    let holder = rusqlite::Connection::open(&db).unwrap();
    holder.execute_batch("BEGIN IMMEDIATE").unwrap();
    for number in 10..20 {
        let mut stream = TcpStream::connect(&server.address).unwrap();
        stream.write_all(b"GET /v1/nowhere HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        stream.peek(&mut [0]).unwrap();
        let edit = format!(
            "PUT /v1/customers/{id} HTTP/1.1\r\nHost: x\r\nAuthorization: {}\r\nX-Request-Id: gone-away-{number}\r\n\
             Content-Length: 18\r\n\r\n{{\"name\":\"Gone {number}\"}}",
            client.authorization
        );
        stream.write_all(edit.as_bytes()).unwrap();
        // What is not read before the end is not asked.
        sleep(Duration::from_millis(20));
        // With an answer unread, closing is a reset.
        drop(stream);
    }
    let patience = Instant::now() + Duration::from_secs(20);
    while !std::fs::read_to_string(&server.log).unwrap().contains("status=499") {
        assert!(Instant::now() < patience, "nobody is seen to go away");
        sleep(Duration::from_millis(5));
    }
    holder.execute_batch("ROLLBACK").unwrap();
    // Behind all of them.
    client.put(&id, r#"{"name":"Last"}"#).unwrap();
    let log = server.log.clone();
    let history = client.get(&format!("/{id}/revisions?count=100")).unwrap().1;
    assert_eq!(server.stop(), Some(0));
    let log = std::fs::read_to_string(log).unwrap();
    let revisions = history["items"].as_array().unwrap();
    assert!(revisions.len() > 2, "nothing was done for them:\n{log}");
    for revision in revisions {
        let request_id = revision["request_id"].as_str().unwrap();
        assert!(log.contains(request_id), "{request_id} is not in the log:\n{log}");
    }
}

#[test]
fn what_is_no_http_is_not_in_the_log() {
    let (_directory, db) = fresh();
    let server = Server::start(&db);
    assert!(server.speak(b"hello\r\n\r\n").starts_with("HTTP/1.1 400 "));
    assert!(
        server
            .speak(b"SECRET9123456780 /v1/customers HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            .starts_with("HTTP/1.1 400 ")
    );
    let log = server.log.clone();
    assert_eq!(server.stop(), Some(0));
    let log = std::fs::read_to_string(log).unwrap();
    assert!(log.contains(r#"method="OTHER""#) && !log.contains("9123456780") && !log.contains("ERROR"), "{log}");
}

#[test]
fn seeding_is_repeatable_and_the_file_is_whole_after_it() {
    let (directory, db) = fresh();
    let listed = |db: &Path| {
        let server = Server::start(db);
        let (_, first) = Client::new(&server, db).get("?count=100").unwrap();
        first.to_string()
    };
    let said = |arguments: &[&str]| String::from_utf8(run(&db, arguments).stdout).unwrap();
    assert!(said(&["seed", "--count", "1500", "--seed", "7"]).contains("1500 customers added to test."));
    assert!(said(&["seed", "--count", "1500", "--seed", "7"]).contains("1500 were there already"));
    assert!(
        said(&["seed", "--count", "1500", "--seed", "7", "--mode", "live"]).contains("1500 customers added to live.")
    );
    assert!(said(&["check"]).contains("is whole: 3000 customers, 3000 revisions."));
    let other = directory.path().join("other.db");
    run(&other, &["seed", "--count", "1500", "--seed", "7"]);
    assert_eq!(listed(&db), listed(&other));
}

#[test]
fn seeding_again_leaves_edited_customers_alone() {
    let (_directory, db) = fresh();
    run(&db, &["seed", "--count", "10"]);
    let server = Server::start(&db);
    let client = Client::new(&server, &db);
    let (_, page) = client.get("?count=1").unwrap();
    let id = page["items"][0]["id"].as_str().unwrap();
    assert_eq!(client.put(id, r#"{"contact":"99999999","email":"moved@example.com"}"#).unwrap().0, 200);
    let again = run(&db, &["seed", "--count", "10"]);
    assert!(again.status.success(), "{again:?}");
    assert!(String::from_utf8_lossy(&again.stdout).contains("10 were there already"), "{again:?}");
    assert_eq!(client.get(&format!("/{id}")).unwrap().1["contact"], "99999999");
}

#[test]
fn check_finds_what_is_not_whole() {
    let (_directory, db) = fresh();
    run(&db, &["seed", "--count", "20"]);
    let damage = |sql: &str| rusqlite::Connection::open(&db).unwrap().execute_batch(sql).unwrap();
    let said = || {
        let output = run(&db, &["check"]);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("is damaged: 1 fault,"), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    damage("UPDATE customers SET name = 'Somebody Else' WHERE number = 3");
    assert!(said().contains("its history does not end in its present values"));
    damage(
        "UPDATE customers SET name = (SELECT json_extract(changes, '$.name.to') FROM revisions WHERE customer = 3) WHERE number = 3",
    );
    assert!(run(&db, &["check"]).status.success());
    damage("UPDATE customers SET version = 2 WHERE number = 3");
    assert!(said().contains("do not count from 1 to 2"));
    damage(
        "UPDATE customers SET version = 1 WHERE number = 3; PRAGMA foreign_keys = off; DELETE FROM revisions WHERE customer = 3",
    );
    assert!(said().contains("a revision is missing"));
}

#[test]
fn check_finds_what_only_shows_from_edit_to_edit() {
    let (_directory, db) = fresh();
    let server = Server::start(&db);
    let client = Client::new(&server, &db);
    let id = client.create(r#"{"name":"Gaurav","email":"G@example.com","notes":{"a":1}}"#);
    client.put(&id, r#"{"name":"Kumar","notes":{"a":2}}"#).unwrap();
    client.create(r#"{"name":"Another"}"#);
    server.stop();
    assert!(run(&db, &["check"]).status.success());
    let damaged = db.with_file_name("damaged.db");
    for (damage, fault) in [
        ("UPDATE customers SET email_key = 'h@example.com' WHERE number = 1", "is not what it is found by"),
        ("UPDATE customers SET notes = '{\"a\":[2]}' WHERE number = 1", "none that was ever written"),
        ("UPDATE revisions SET customer = 2 WHERE number = 2", "another customer's"),
        ("UPDATE revisions SET mode = 1 WHERE number = 2", "another customer's"),
        ("UPDATE revisions SET changes = replace(changes, 'Gaurav', 'Gauri') WHERE number = 2", "does not begin where"),
        ("UPDATE revisions SET changes = replace(changes, ':1,', ':3,') WHERE number = 2", "does not begin where"),
        (
            "UPDATE revisions SET changes = replace(changes, ':1,', ':{},') WHERE number = 2",
            "none that was ever written",
        ),
    ] {
        std::fs::copy(&db, &damaged).unwrap();
        rusqlite::Connection::open(&damaged).unwrap().execute_batch(damage).unwrap();
        let output = run(&damaged, &["check"]);
        assert_eq!(output.status.code(), Some(1), "{damage}");
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(said.contains(fault) && said.lines().count() == 1, "{damage}: {said}");
    }
}

#[test]
fn head_and_oddly_spelled_requests_are_answered() {
    let (_directory, db) = fresh();
    let server = Server::start(&db);
    let client = Client::new(&server, &db);
    let authorization = &client.authorization;
    let speak = |request: String| server.speak(request.replace('\n', "\r\n").as_bytes());

    let head =
        speak(format!("HEAD /v1/customers/? HTTP/1.1\nHost: x\nAuthorization: {authorization}\nConnection: close\n\n"));
    assert!(head.starts_with("HTTP/1.1 200 OK"), "{head}");
    assert!(head.contains("content-length: 44") && head.ends_with("\r\n\r\n"), "{head}");

    let body = r#"{"name":"Expect"}"#;
    let expecting = speak(format!(
        "POST /v1/customers HTTP/1.1\nHost: x\nAuthorization: {authorization}\nContent-Type: application/json\n\
         Expect: 100-continue\nContent-Length: {}\nConnection: close\n\n{body}",
        body.len()
    ));
    assert!(expecting.starts_with("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK"), "{expecting}");

    let chunked = speak(format!(
        "POST //v1/customers/ HTTP/1.1\nHost: x\nAuthorization: {authorization}\nContent-Type: application/json\n\
         Transfer-Encoding: chunked\nConnection: close\n\n5\n{{\"nam\n0d\ne\":\"Chunked\"}}\n0\n\n"
    ));
    assert!(chunked.contains(r#""name":"Chunked""#), "{chunked}");

    let announced = speak(format!(
        "POST /v1/customers HTTP/1.1\nHost: x\nAuthorization: {authorization}\nContent-Length: 999999\nConnection: close\n\n"
    ));
    assert!(announced.starts_with("HTTP/1.1 413 ") && announced.contains("131072 bytes"), "{announced}");
}

#[test]
fn ctrl_c_and_sigterm_end_it_well() {
    let (_directory, db) = fresh();
    for signal in ["INT", "TERM"] {
        let server = Server::start(&db);
        let client = Client::new(&server, &db);
        client.create(r#"{"name":"Kept"}"#);
        server.signal(signal);
        assert_eq!(server.wait(), Some(0));
        assert_eq!(
            db.with_file_name("patron.db-wal").metadata().map_or(0, |wal| wal.len()),
            0,
            "the log is written back"
        );
    }
    assert!(run(&db, &["check"]).status.success());
}

#[test]
fn it_ends_in_time_however_long_somebody_takes_and_at_once_when_told_twice() {
    let (_directory, db) = fresh();
    for (tellings, longest, status) in [(1, 9, 0), (2, 3, 143)] {
        let server = Server::start(&db);
        let authorization = Client::new(&server, &db).authorization;
        let mut stalled = TcpStream::connect(&server.address).unwrap();
        let head = format!(
            "POST /v1/customers HTTP/1.1\r\nHost: x\r\nAuthorization: {authorization}\r\nContent-Length: 9\r\n\r\n"
        );
        stalled.write_all(head.as_bytes()).unwrap();
        sleep(Duration::from_millis(500));
        let told = Instant::now();
        for _ in 0..tellings {
            server.signal("TERM");
            sleep(Duration::from_millis(300));
        }
        assert_eq!(server.wait(), Some(status));
        assert!(told.elapsed() < Duration::from_secs(longest), "{tellings} {:?}", told.elapsed());
    }
}

#[test]
fn pages_and_their_files_are_compressed_and_the_api_is_not() {
    let (_directory, db) = fresh();
    let server = Server::start(&db);
    let ask = |path: &str| {
        server.speak(
            format!("GET {path} HTTP/1.1\r\nhost: here\r\naccept-encoding: gzip\r\nconnection: close\r\n\r\n")
                .as_bytes(),
        )
    };
    let plain = server.speak(b"GET /sign-in HTTP/1.1\r\nhost: here\r\nconnection: close\r\n\r\n");
    let css = plain.split("href=\"/static/").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
    for page in ["/sign-in".to_owned(), format!("/static/{css}"), "/nowhere".to_owned()] {
        let answer = ask(&page).to_lowercase();
        assert!(answer.contains("content-encoding: gzip\r\n") && answer.contains("vary: accept-encoding"), "{answer}");
    }
    for path in ["/v1/customers", "/v1/nowhere", "/v1"] {
        let answer = ask(path);
        assert!(!answer.to_lowercase().contains("content-encoding") && answer.contains(r#"{"error":{"#), "{answer}");
    }
}
