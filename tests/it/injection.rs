//! What means something to HTML, SQL, a shell or a log is text wherever it is stored and shown.

use std::fs::read_to_string;

use actix_web::test::TestRequest;
use patron::domain::{Email, Mode, Role};
use serde_json::Value;
use tempfile::tempdir;

use crate::server::{Client, Server, run};
use crate::world::{Answer, PASSWORD, World, maker};

/// Breaks out of text, attributes of either quote, comments, titles and scripts, and is computed by templates, if anything does.
const HTML: &str = r#"'"--></title></script><img src=x onerror=alert(1)>{{7777*7777}}"#;
/// How it stands in a page.
const SHOWN: &str =
    "&#39;&#34;--&#62;&#60;/title&#62;&#60;/script&#62;&#60;img src=x onerror=alert(1)&#62;{{7777*7777}}";

fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// Every element of a page that loads, runs or leads, as it is written.
fn elements(page: &str) -> Vec<&str> {
    page.split('<').skip(1).map(|rest| rest.split([' ', '>']).next().unwrap()).collect()
}

#[tokio::test]
async fn html_in_any_field_is_text_on_every_page() {
    let world = World::new();
    let (key, owner) = (world.key(Mode::Live).await, world.staff(Role::Owner).await);
    let json = serde_json::to_string(HTML).unwrap();
    let customer = format!(r#"{{"name":"Asha Rao","email":"a'b&c@kaveri.example","notes":{{{json}:{json}}}}}"#);
    let path = key.create(&customer).await;
    let id = path.rsplit('/').next().unwrap();
    assert_eq!(key.put(&path, &format!(r#"{{"notes":{{"k":{json}}}}}"#)).await.status, 200);
    let (labelled, _) = world.services.access.issue(maker(), Mode::Live, HTML, None).await.unwrap();
    let agent = TestRequest::post().uri("/sign-in").insert_header(("User-Agent", &HTML[..60]));
    world.send(agent.set_form([("email", owner.email.as_str()), ("password", PASSWORD)])).await.location();

    let (asked, key_id) = (encoded(HTML), labelled.id.as_str());
    let mut shown: Vec<(String, Answer)> = Vec::new();
    for path in [
        format!("/live/customers/{id}"),
        format!("/live/customers?q={asked}"),
        "/live/activity".into(),
        "/live/keys".into(),
        format!("/live/keys/{key_id}/rotate"),
        format!("/live/keys/{key_id}/revoke"),
    ] {
        shown.push((path.clone(), owner.get(&path).await));
    }
    let wrong = [("revision", "2"), ("name", HTML), ("email", HTML), ("contact", HTML), ("gstin", HTML)];
    let label = [("label", HTML), ("mode", "live"), ("ends", "never")];
    let long = HTML.repeat(3);
    let too_long = [("label", long.as_str()), ("mode", "live"), ("ends", "never")];
    for (path, fields) in [
        (format!("/live/customers/{id}"), &wrong[..]),
        ("/live/customers".into(), &wrong[1..]),
        ("/live/keys".into(), &label),
        ("/live/keys".into(), &too_long),
        ("/live/staff".into(), &[("email", HTML), ("role", "viewer")]),
    ] {
        shown.push((path.clone(), owner.post(&path, fields).await));
    }
    owner.post(&format!("/live/keys/{key_id}/revoke"), &[]).await.location();
    shown.push(("/live/keys?revoked".into(), owner.get(&format!("/live/keys?revoked={key_id}")).await));
    let fields = [("email", HTML), ("password", HTML), ("again", HTML), ("to", HTML)];
    shown.push(("/sign-in".into(), world.visitor().send_form("/sign-in", &fields).await));
    let nobody = World::new();
    let link = format!("/link/{}", nobody.services.staff.first_link().await.unwrap().unwrap().reveal());
    shown.push(("/link".into(), nobody.visitor().send_form(&link, &fields).await));
    for (path, answer) in &shown {
        // That it is shown at all is what makes this a test.
        assert!(answer.body.contains(SHOWN), "{path}: {answer}");
    }

    let mut all = shown;
    for path in [
        format!("/live/customers/{asked}"),
        format!("/live/{asked}"),
        format!("/link/{asked}"),
        format!("/sign-in?to=/{asked}"),
        format!("/live/account?done={asked}"),
        format!("/live/staff?done={asked}&who={asked}"),
        format!("/live/requests?key={asked}&status={asked}&mode={asked}"),
        format!("/live/activity?who={asked}&door={asked}&from={asked}&to={asked}"),
        "/live/account".into(),
        "/live/customers".into(),
        "/live/requests".into(),
        "/live".into(),
    ] {
        all.push((path.clone(), owner.get(&path).await));
    }
    for (path, answer) in all {
        assert!(!answer.status.is_server_error(), "{path}: {answer}");
        assert!(!answer.body.contains("60481729"), "{path} computes: {answer}");
        let elements = elements(&answer.body);
        assert!(!elements.contains(&"img"), "{path}: {answer}");
        for once in ["/title", "/body"] {
            assert!(elements.iter().filter(|element| **element == once).count() <= 1, "{path}: {answer}");
        }
        assert!(elements.iter().filter(|element| **element == "script").count() <= 1, "{path}: {answer}");
    }
    // An email is the one field of the wire that may hold what HTML quotes.
    assert!(owner.get(&format!("/live/customers/{id}")).await.body.contains("a&#39;b&#38;c@kaveri.example"));
}

#[tokio::test]
async fn sql_is_text_in_every_filter_and_field() {
    let world = World::new();
    let (key, owner) = (world.key(Mode::Live).await, world.staff(Role::Owner).await);
    let path = key.create(r#"{"name":"Asha","email":"asha@kaveri.example"}"#).await;
    for sql in ["' OR 1=1 --", "'; DROP TABLE customers; --", "%", "_", "\" OR \"\"=\"", "asha*", "NEAR(asha)", "\\"] {
        let asked = encoded(sql);
        for filter in ["email", "contact"] {
            // Refused, as no email and no contact.
            assert_eq!(key.get(&format!("/v1/customers?{filter}={asked}")).await.status, 400, "{filter}: {sql}");
        }
        for filter in ["count", "skip", "from", "to"] {
            assert_eq!(key.get(&format!("/v1/customers?{filter}={asked}")).await.status, 400, "{filter}: {sql}");
        }
        assert_eq!(key.get(&format!("/v1/customers/{asked}")).await.status, 400, "{sql}");
        let notes = serde_json::json!({ "notes": { sql: sql } }).to_string();
        assert_eq!(key.put(&path, &notes).await.json()["notes"][sql], sql);
        for page in ["customers?q=", "activity?who=", "keys?revoked=", "staff?done=role&who="] {
            assert_eq!(owner.get(&format!("/live/{page}{asked}")).await.status, 200, "{page}{sql}");
        }
        assert_eq!(owner.get(&format!("/live/requests?key={asked}")).await.status, 400, "{sql}");
        let sign_in = world.visitor().send_form("/sign-in", &[("email", sql), ("password", sql)]).await;
        assert_eq!(sign_in.status, 422, "{sql}");
    }
    assert_eq!(key.get("/v1/customers").await.json()["count"], 1);
}

#[tokio::test]
async fn what_may_not_stand_on_one_line_is_no_label_and_no_email() {
    let world = World::new();
    for label in ["a\nb", "a\rb", "a\u{1b}[31mb", "a\0b", "a\u{85}b"] {
        assert!(world.services.access.issue(maker(), Mode::Live, label, None).await.is_err(), "{label:?}");
    }
    for email in
        ["a\n@kaveri.example", "a@kaveri.example\r\nBcc: b@kaveri.example", "a@kaveri.example\0", "a b@c.example"]
    {
        assert!(Email::parse(email).is_err(), "{email:?}");
    }
}

#[test]
fn nobody_writes_lines_into_the_log() {
    let directory = tempdir().unwrap();
    let db = directory.path().join("patron.db");
    for format in ["json", "text"] {
        let server = Server::start_with(&db, &["--log-format", format, "--log-level", "trace"]);
        let client = Client::new(&server, &db);
        let before = read_to_string(&server.log).unwrap().lines().count();
        let forged = "%0d%0a2026-01-01T00:00:00Z%20ERROR%20forged%1b[31m";
        let mut asked = 0;
        for request in [
            format!("GET /v1/customers/{forged} HTTP/1.1\r\nHost: x\r\nAuthorization: {}\r\n", client.authorization),
            format!(
                "GET /v1/customers?email={forged} HTTP/1.1\r\nHost: x\r\nAuthorization: {}\r\n",
                client.authorization
            ),
            format!("GET /{forged} HTTP/1.1\r\nHost: x\r\nUser-Agent: forged ERROR forged\r\n"),
            format!("GET /link/{forged} HTTP/1.1\r\nHost: forged\r\nX-Forwarded-For: forged\r\n"),
            "GET /healthz HTTP/1.1\r\nHost: x\r\nX-Request-Id: forged ERROR forged\r\n".to_owned(),
            "FORGED /healthz HTTP/1.1\r\nHost: x\r\n".to_owned(),
            "GET /v1/customers HTTP/1.1\r\nHost: x\r\nAuthorization: Basic Zm9yZ2VkCkVSUk9SOmZvcmdlZA==\r\n".to_owned(),
            format!("POST /sign-in HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\nemail={forged}", forged.len() + 6),
        ] {
            let request = match request.split_once("\r\n\r\n") {
                Some((head, body)) => format!("{head}\r\nConnection: close\r\n\r\n{body}"),
                None => format!("{request}Connection: close\r\n\r\n"),
            };
            assert!(server.speak(request.as_bytes()).starts_with("HTTP/1.1 "), "{request}");
            asked += 1;
        }
        let log_path = server.log.clone();
        assert_eq!(server.stop(), Some(0));
        let log = read_to_string(&log_path).unwrap();
        let lines: Vec<&str> = log.lines().skip(before).collect();
        let requests = lines.iter().filter(|line| line.contains("request_id")).count();
        assert_eq!(requests, asked, "{log}");
        assert!(!log.to_lowercase().contains("forged") && !log.contains('\u{1b}'), "{log}");
        if format == "json" {
            assert!(
                lines.iter().all(|line| serde_json::from_str::<Value>(line).is_ok_and(|line| line.is_object())),
                "{log}"
            );
        }
        std::fs::remove_file(log_path).unwrap();
    }
}

/// Who did it, where it was, what came of it and why: without a name, an email or an address.
#[test]
fn who_comes_in_and_who_does_not_is_in_the_log() {
    let directory = tempdir().unwrap();
    let db = directory.path().join("patron.db");
    let server = Server::start_with(&db, &["--log-format", "json"]);
    let link = run(&db, &["staff", "add", "asha@kaveri.example", "--role", "viewer"]);
    let link = String::from_utf8(link.stdout).unwrap();
    let token = link.split("/link/").nth(1).unwrap().trim().to_owned();
    let post = |path: &str, headers: &str, body: &str| {
        server.speak(
            format!(
                "POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}Content-Length: {}\r\n\r\n{body}",
                body.len()
            )
            .as_bytes(),
        )
    };
    let chosen = PASSWORD.replace(' ', "+");
    let answer = post(&format!("/link/{token}"), "", &format!("password={chosen}&again={chosen}"));
    let cookie = answer.split("set-cookie: ").nth(1).unwrap().split(';').next().unwrap().to_owned();
    post("/sign-in", "", "email=asha@kaveri.example&password=wrong");
    post("/sign-in", "", "email=nobody@kaveri.example&password=wrong");
    post("/sign-in", "Sec-Fetch-Site: cross-site\r\n", "email=asha@kaveri.example");
    post("/live/keys", &format!("Cookie: {cookie}\r\n"), "");
    post("/live/account/password", &format!("Cookie: {cookie}\r\n"), "token=wrong");
    let log_path = server.log.clone();
    assert_eq!(server.stop(), Some(0));
    let log = read_to_string(log_path).unwrap();
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told: Vec<String> = lines
        .iter()
        .filter(|line| line["message"] == "request")
        .map(|line| {
            let who = line["staff_id"].as_str().map_or("", |id| &id[..6]);
            format!(
                "{} {} {} {}",
                line["route"].as_str().unwrap(),
                line["status"],
                line["refused"].as_str().unwrap_or("-"),
                who
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            "/link/{token} 303 - ",
            "/sign-in 422 wrong password ",
            "/sign-in 422 unknown email ",
            "/sign-in 403 form from another site ",
            "/{mode:live|test}/keys 403 role staff_",
            "/{mode:live|test}/account/password 403 form of another session staff_",
        ]
    );
    assert!(!log.contains("kaveri") && !log.contains("127.0.0.1:"), "{log}");
}
