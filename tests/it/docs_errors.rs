//! The errors, on their pages and in the document: each is shown as the service really answers it, and none is missing.

use std::collections::BTreeSet;
use std::fs::read_to_string;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::Path;

use actix_web::http::{Method, StatusCode};
use actix_web::test::TestRequest;
use patron::domain::{Mode, Role};
use patron::http::api::catalogue::{self, Entry, causes};
use patron::http::{Limits, RateLimit};
use regex::Regex;
use rusqlite::Connection;
use tempfile::tempdir;

use crate::console_requests::rows;
use crate::openapi::{OPENAPI, hold, members, operation, resolved};
use crate::server::{Client, Server};
use crate::world::{Answer, Persona, World, maker};

/// A request as its page writes it.
struct Written<'a> {
    method: Method,
    path: &'a str,
    headers: Vec<(&'a str, &'a str)>,
    body: &'a str,
}

impl<'a> Written<'a> {
    fn read(text: &'a str) -> Self {
        let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
        let mut lines = head.lines();
        let (method, path) = lines.next().unwrap().split_once(' ').unwrap();
        let headers = lines.map(|line| line.split_once(": ").unwrap()).collect();
        Self { method: method.parse().unwrap(), path, headers, body }
    }

    async fn send(&self, key: &Persona<'_>, path: &str) -> Answer {
        let mut request = TestRequest::default().method(self.method.clone()).uri(path);
        for header in &self.headers {
            request = request.append_header(*header);
        }
        // A page that shows credentials shows wrong ones.
        let is_shown = self.headers.iter().any(|(name, _)| *name == "Authorization");
        // As long as it says.
        let len = self
            .headers
            .iter()
            .find(|(name, _)| *name == "Content-Length")
            .map_or(0, |(_, len)| len.parse::<usize>().unwrap());
        let missing = len.saturating_sub(self.body.len());
        let request = request.set_payload(self.body.to_owned() + &" ".repeat(missing));
        if is_shown { key.world.stranger().send(request).await } else { key.send(request).await }
    }
}

/// What the service answers to an entry's request, where its surroundings are as the entry has them.
async fn answered(entry: &Entry) -> Answer {
    let text = entry.request();
    let written = Written::read(&text);
    let mut world = World::new();
    if entry.slug == "too-many-requests" {
        world.settings.limits = Limits::new(None, Some(RateLimit::parse("1/h").unwrap()));
    }
    let key = world.key(Mode::Test).await;
    let mut path = written.path.to_owned();
    let mut id = String::new();
    match entry.slug {
        "no-key" => return written.send(&world.stranger(), &path).await,
        "too-many-requests" => assert_eq!(key.get("/v1/customers").await.status, 200),
        "customer-exists" | "customer-changed" => {
            path = key.create(r#"{"name":"Gaurav Kumar","contact":"9123456780"}"#).await;
            id = path.rsplit('/').next().unwrap().to_owned();
        }
        "busy" => {
            assert_eq!(key.get("/v1/customers").await.status, 200);
            world.services.close();
        }
        "failed" => {
            assert_eq!(key.get("/v1/customers").await.status, 200);
            Connection::open(world.db()).unwrap().execute_batch("ALTER TABLE customers RENAME TO elsewhere").unwrap();
        }
        _ => {}
    }
    if written.method == Method::POST {
        path = written.path.to_owned();
    }
    let mut answer = written.send(&key, &path).await;
    if !id.is_empty() {
        answer.body = answer.body.replace(&id, catalogue::customer_id().as_str());
    }
    answer
}

/// Whether a text has these words, with something for each `…`.
fn is_said(words: &str, text: &str) -> bool {
    Regex::new(&format!("^{}$", regex::escape(words).replace('…', ".+"))).unwrap().is_match(text)
}

#[tokio::test]
async fn each_shows_what_the_service_answers() {
    // These need a connection that ends or waits, and have a test of their own.
    let on_the_wire = ["body-incomplete", "body-too-late"];
    for entry in catalogue::entries().filter(|entry| !on_the_wire.contains(&entry.slug)) {
        let answer = answered(entry).await;
        assert_eq!(answer.status, entry.status(), "{}: {answer}", entry.slug);
        assert_eq!(answer.body, entry.answer().to_string(), "{}", entry.slug);
        for (name, value) in entry.headers() {
            let is_a_time = name == "Retry-After" && entry.slug == "too-many-requests";
            let sent = answer.header(name).unwrap_or_else(|| panic!("{}: no {name}", entry.slug));
            assert!(is_a_time || sent == value, "{}: {name}: {sent}", entry.slug);
        }
        assert!(is_said(entry.says, &answer.description()), "{}: {}", entry.slug, answer.description());
    }
}

#[test]
fn a_body_that_ends_early_or_comes_late_is_answered_as_shown() {
    let directory = tempdir().unwrap();
    let db = directory.path().join("patron.db");
    let server = Server::start(&db);
    let authorization = Client::new(&server, &db).authorization;
    for (slug, ends) in [("body-incomplete", true), ("body-too-late", false)] {
        let entry = catalogue::entries().find(|entry| entry.slug == slug).unwrap();
        let text = entry.request();
        let (head, body) = text.split_once("\n\n").unwrap_or((&text, ""));
        let (line, headers) = head.split_once('\n').unwrap();
        let head = format!("{line} HTTP/1.1\nHost: x\nAuthorization: {authorization}\n{headers}\n\n");
        let mut stream = TcpStream::connect(&server.address).unwrap();
        stream.write_all(format!("{}{body}", head.replace('\n', "\r\n")).as_bytes()).unwrap();
        if ends {
            stream.shutdown(Shutdown::Write).unwrap();
        }
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let answer = read(&answer);
        assert_eq!((answer.status, &answer.body), (entry.status(), &entry.answer().to_string()), "{slug}");
        hold(&Method::POST, "/v1/customers", &answer);
    }
}

/// An answer as it came over the wire.
fn read(text: &str) -> Answer {
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers = lines.map(|line| line.split_once(": ").unwrap());
    let headers = headers.map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
    Answer { status, headers, body: body.to_owned() }
}

/// A source without its tests and comments.
fn code(file: &str) -> String {
    let text = read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(file)).unwrap();
    let code = text.split("#[cfg(test)]").next().unwrap();
    code.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

#[test]
fn every_sentence_of_an_error_has_an_entry() {
    let not_of_the_api = [
        // Said by the console alone, where somebody types the keys, or undoes what made a customer.
        "Notes may not have the same key twice.",
        "The creation of a customer cannot be undone.",
        // Said by the emulator alone.
        "The request was refused on purpose, by a fault of the emulator.",
        // A header.
        "Basic realm=",
    ];
    // Said by forms and imports alone, which tidy a phone number.
    let of_tidying = ["A spreadsheet has shortened ", "The phone number ", "the character ", "a line break", "a tab"];
    let domain = ["contact", "email", "gstin", "name", "notes", "rejection"].map(|file| format!("domain/{file}.rs"));
    let api = ["problem", "query"].map(|file| format!("http/api/{file}.rs"));
    let placed = Regex::new(r"\{\w*\}").unwrap();
    let mut sentences = 0;
    for code in domain.iter().chain(&api).map(|file| code(file)) {
        for words in code.split('"').skip(1).step_by(2).map(|words| placed.replace_all(words, "…")) {
            if !words.contains(' ') || !words.contains(char::is_alphabetic) {
                continue;
            }
            // As it is said, or as it is remembered.
            let has_entry = catalogue::entries().any(|entry| entry.rule() == words || is_said(&words, entry.says));
            let is_of_tidying = of_tidying.iter().any(|begin| words.trim_start().starts_with(begin));
            assert!(has_entry || is_of_tidying || not_of_the_api.contains(&&*words), "{words} has no page");
            sentences += 1;
        }
    }
    assert!(sentences > 30, "{sentences}");
}

/// Every way to make a problem, as the source has it.
#[test]
fn every_status_of_an_error_has_an_entry() {
    let constant = |status: StatusCode| status.canonical_reason().unwrap().to_uppercase().replace(' ', "_");
    let known: BTreeSet<(String, &str)> =
        catalogue::entries().map(|entry| (constant(entry.status()), entry.rule())).collect();
    let mut made = 0;
    for rest in code("http/api/problem.rs").split("Self::new(StatusCode::").skip(1) {
        let (status, rest) = rest.split_once(", ").unwrap();
        // What is put together is remembered by words of its own, which another test looks at.
        let words = rest.strip_prefix('"').map(|text| text.split_once('"').unwrap().0);
        let has_entry = known.iter().any(|(with, rule)| with == status && words.is_none_or(|words| words == *rule));
        assert!(has_entry, "{status} {words:?} has no page");
        made += 1;
    }
    assert!(made > 14, "{made}");
}

/// Each is an example by its name, and told where it is met, with the way to its page; and there are no others.
#[test]
fn the_document_has_the_same_errors() {
    let examples = &OPENAPI["components"]["examples"];
    let slugs: BTreeSet<&str> = catalogue::entries().map(|entry| entry.slug).collect();
    assert_eq!(members(examples).map(|(name, _)| name).collect::<BTreeSet<_>>(), slugs);
    for entry in catalogue::entries() {
        let (slug, text) = (entry.slug, entry.request());
        let example = &examples[slug];
        assert_eq!(example["value"].to_string(), entry.answer().to_string(), "{slug}");
        let page = format!("(http://localhost/docs/errors/{slug})");
        assert!(example["description"].as_str().unwrap().ends_with(&page), "{slug}");
        let written = Written::read(&text);
        let path = written.path.split('?').next().unwrap();
        let response = match operation(&written.method, path) {
            Some(operation) => &operation["responses"][entry.status().as_str()],
            None => &OPENAPI["components"]["responses"]["UnknownUrl"],
        };
        assert_eq!(resolved(&response["content"]["application/json"]["examples"][slug]), example, "{slug}");
    }
}

#[test]
fn entries_are_told_apart() {
    let mut slugs = BTreeSet::new();
    let mut remembered = BTreeSet::new();
    for entry in catalogue::entries() {
        let is_slug = |sign: char| sign.is_ascii_lowercase() || sign == '-';
        assert!(entry.slug.chars().all(is_slug) && slugs.insert(entry.slug), "{}", entry.slug);
        assert!(remembered.insert((entry.status(), entry.rule())), "{} is remembered as another is", entry.slug);
        let found = catalogue::find(entry.status().as_u16(), entry.rule()).unwrap();
        assert_eq!(found.slug, entry.slug);
        for prose in [entry.why, entry.mend, entry.law] {
            assert!(prose.ends_with('.') && prose.matches('`').count() % 2 == 0, "{}: {prose}", entry.slug);
        }
    }
    assert!(catalogue::find(400, "").is_none());
}

/// Every reason that the console has words for leads to the place where its way out stands.
#[tokio::test]
async fn a_failed_request_leads_to_the_page_of_its_error() {
    let world = World::new();
    let owner = world.staff(Role::Owner).await;
    let (key, secret) = world.services.access.issue(maker(), Mode::Test, "Shop", None).await.unwrap();
    let app = world.with_key(&key.id, secret.reveal());
    app.post("/v1/customers", r#"{"contact":"1234567"}"#).await;
    app.get("/v1/customers?from=1").await;
    world.with_key(&key.id, "000000000000000000000000").get("/v1/customers").await;
    let expired = world.services.access.issue(maker(), Mode::Test, "Trial", Some(1)).await.unwrap();
    world.pass(std::time::Duration::from_secs(2));
    world.with_key(&expired.0.id, expired.1.reveal()).get("/v1/customers").await;
    app.get("/v1/customers").await;
    let mut led = Vec::new();
    world.services.flush().await;
    for number in rows(&world, "SELECT number FROM requests ORDER BY number") {
        let page = owner.get(&format!("/test/requests/{number}")).await;
        assert_eq!(page.status, StatusCode::OK, "{page}");
        led.push(page.between(r#"<a href="/docs/errors/"#, "\"").unwrap_or("-").to_owned());
    }
    assert_eq!(
        led,
        ["contact-too-short", "time-out-of-range", "key-invalid#wrong-secret", "key-invalid#expired-key", "-"]
    );
    for to in led.iter().filter(|to| *to != "-") {
        let (slug, anchor) = to.split_once('#').unwrap_or((to, ""));
        let page = world.stranger().get(&format!("/docs/errors/{slug}")).await;
        assert!(anchor.is_empty() || page.body.contains(&format!(r#"id="{anchor}""#)), "{to}");
    }
}

#[test]
fn every_reason_that_is_recorded_and_not_answered_has_a_way_out() {
    let row = "src/http/admin/request_row.rs";
    let text = read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(row)).unwrap();
    let matched = text.split("match refused {").nth(1).unwrap();
    let reasons: BTreeSet<&str> = matched
        .lines()
        .filter_map(|line| line.trim().strip_prefix('"')?.split_once("\" =>"))
        .map(|(to, _)| to)
        .collect();
    let all = catalogue::entries().flat_map(|entry| causes(entry.slug));
    let mut told: BTreeSet<&str> = all.map(|cause| cause.refused).collect();
    // Its answer says all there is.
    told.insert("no credentials");
    assert_eq!(reasons, told);
}
