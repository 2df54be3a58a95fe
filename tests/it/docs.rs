//! The API's reference: every page of it, what leads where, and that what it tells one to run runs.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use actix_web::http::header::HOST;
use actix_web::http::{Method, StatusCode};
use actix_web::test::TestRequest;
use patron::domain::Role;
use patron::http::api::catalogue;
use tempfile::tempdir;

use crate::pages::keep;
use crate::server::{Client, Server};
use crate::world::{Answer, World};

const ENDPOINTS: [&str; 6] = ["create", "edit", "fetch", "list", "revisions", "tokens"];

#[tokio::test]
async fn every_page_in_every_state() {
    let world = World::new();
    let visitor = world.visitor();
    let start = visitor.get("/docs").await;
    keep("docs@frame", &start);
    keep("docs_start@all", &start);
    let states = [
        "docs_endpoint@create",
        "docs_endpoint@edit",
        "docs_endpoint@fetch",
        "docs_endpoint@list",
        "docs_endpoint@revisions",
        "docs_endpoint@tokens",
    ];
    for (state, endpoint) in states.into_iter().zip(ENDPOINTS) {
        keep(state, &visitor.get(&format!("/docs/customers/{endpoint}")).await);
    }
    keep("docs_errors@all", &visitor.get("/docs/errors").await);
    let error = async |slug: &str| visitor.get(&format!("/docs/errors/{slug}")).await;
    keep("docs_error@contact-too-short", &error("contact-too-short").await);
    keep("docs_error@key-invalid", &error("key-invalid").await);
    keep("docs_error@customer-changed", &error("customer-changed").await);
    keep("docs_error@notes-key-too-long", &error("notes-key-too-long").await);
    keep("docs_missing@page", &visitor.get("/docs/nowhere").await);
}

#[tokio::test]
async fn it_is_read_and_nothing_else() {
    let world = World::new();
    let visitor = world.visitor();
    for path in ["/docs", "/docs/customers/edit", "/docs/errors", "/docs/errors/key-invalid", "/openapi.json"] {
        let answer = visitor.send(TestRequest::post().uri(path)).await;
        assert_eq!((answer.status.as_u16(), answer.header("allow")), (405, Some("GET, HEAD")), "{path}");
        assert_eq!(visitor.send(TestRequest::default().method(Method::HEAD).uri(path)).await.status, StatusCode::OK);
    }
}

/// What a page links to, and the places on it that can be linked to.
fn links(answer: &Answer) -> (Vec<String>, BTreeSet<String>) {
    let values =
        |name: &'static str| answer.body.split(name).skip(1).map(|rest| rest.split('"').next().unwrap().to_owned());
    (values(" href=\"").collect(), values(" id=\"").collect())
}

#[tokio::test]
async fn every_link_leads_somewhere() {
    let world = World::new();
    let visitor = world.visitor();
    let mut pages: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut to_see = vec!["/docs".to_owned()];
    let mut wanted = Vec::new();
    while let Some(path) = to_see.pop() {
        if pages.contains_key(&path) {
            continue;
        }
        let answer = visitor.get(&path).await;
        assert!(!answer.status.is_client_error() && !answer.status.is_server_error(), "{path}: {answer}");
        let (to, places) = links(&answer);
        pages.insert(path.clone(), places);
        // What is outside of the reference is only looked at.
        if !path.starts_with("/docs") {
            continue;
        }
        for link in to {
            let (address, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let address = if address.is_empty() { path.clone() } else { address.to_owned() };
            wanted.push((path.clone(), address.clone(), anchor.to_owned()));
            to_see.push(address);
        }
    }
    for (from, address, anchor) in wanted {
        assert!(anchor.is_empty() || pages[&address].contains(&anchor), "{from}: {address}#{anchor}");
    }
    for slug in catalogue::entries().map(|entry| entry.slug) {
        assert!(pages.contains_key(&format!("/docs/errors/{slug}")), "nothing leads to {slug}");
    }
    for endpoint in ENDPOINTS {
        assert!(pages.contains_key(&format!("/docs/customers/{endpoint}")), "nothing leads to {endpoint}");
    }
}

#[tokio::test]
async fn it_is_for_everybody_and_needs_no_database() {
    let world = World::new();
    world.services.close();
    for path in ["/docs", "/docs/", "/docs/customers/edit", "/docs/errors", "/docs/errors/busy"] {
        let answer = world.stranger().get(path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {answer}");
        assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.contains("default-src 'none'") && policy.contains("connect-src 'self'"), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
        // Scripts and styles are files, and nothing is sent but by script: no address ever holds what was typed.
        for inline in [" style=", "<style", " onclick=", "javascript:", " action=", "method=\"get\"", "method=\"post\""]
        {
            assert!(!answer.body.contains(inline), "{path} has {inline}");
        }
        assert_eq!(answer.body.matches("<script").count(), answer.body.matches("<script src=\"/static/").count());
        assert!(!answer.body.contains(" name=\"key") && !answer.body.contains(" name=\"secret"), "{path}");
        let head = world.stranger().send(TestRequest::default().method("HEAD".parse().unwrap()).uri(path)).await;
        assert_eq!(head.status, StatusCode::OK, "{path}");
    }
    for nowhere in ["/docs/x", "/docs/customers", "/docs/customers/x", "/docs/errors/x", "/docs/errors/%3Cb%3E"] {
        let answer = world.stranger().get(nowhere).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{nowhere}");
        assert!(answer.body.contains("<h1>There is no page here</h1>") && !answer.body.contains("<b>"), "{answer}");
    }
}

#[tokio::test]
async fn samples_ask_the_server_that_shows_them() {
    let mut world = World::new();
    let asked = |host: &'static str| TestRequest::get().uri("/docs/customers/fetch").insert_header((HOST, host));
    let page = world.stranger().send(asked("patron.internal:8080")).await;
    assert!(page.body.contains("http://patron.internal:8080/v1/customers/cust_1Aa00000000004"), "{page}");
    let forged = world.stranger().send(asked("a'; rm -rf ~; '")).await;
    assert!(forged.body.contains("http://localhost/v1/customers") && !forged.body.contains("rm -rf"), "{forged}");
    world.settings.public_url = Some("https://patron.example".to_owned());
    let page = world.stranger().send(asked("patron.internal:8080")).await;
    assert!(page.body.contains("https://patron.example/v1/customers/cust_"), "{page}");
    assert!(!page.body.contains("patron.internal"), "{page}");
}

#[tokio::test]
async fn the_console_leads_there() {
    let world = World::new();
    let link = r#"<a href="/docs">API reference</a>"#;
    assert!(world.staff(Role::Viewer).await.get("/live").await.body.contains(link));
    assert!(world.visitor().get("/sign-in").await.body.contains(link));
}

#[tokio::test]
async fn endpoints_tell_of_every_field_parameter_and_header() {
    let world = World::new();
    let named = |answer: &Answer, name: &str| answer.body.contains(&format!("<dt><code>{name}</code></dt>"));
    for (endpoint, names) in [
        ("create", &["name", "email", "contact", "gstin", "notes", "fail_existing", "ETag"][..]),
        ("edit", &["id", "If-Match", "name", "email", "contact", "gstin", "notes", "ETag"]),
        ("fetch", &["id", "If-None-Match", "ETag"]),
        ("list", &["count", "skip", "from", "to", "email", "contact"]),
        ("revisions", &["id", "count", "skip"]),
    ] {
        let page = world.visitor().get(&format!("/docs/customers/{endpoint}")).await;
        let missing: Vec<_> = names.iter().filter(|name| !named(&page, name)).collect();
        assert_eq!(missing, Vec::<&&str>::new(), "{endpoint}");
        assert!(!page.body.contains("<dd></dd>") && !page.body.contains("<dd> </dd>"), "{endpoint}: {page}");
        assert_eq!(named(&page, "fail_existing"), endpoint == "create");
        assert!(page.body.contains(r#"data-says="Please provide your api key"#), "{endpoint}");
    }
}

/// The sample of a page in one language, as one copies it.
fn sample(page: &str, language: &str) -> String {
    let (_, rest) = page.split_once(&format!("id=\"sample-{language}\">")).unwrap();
    let shown = rest.split_once("</code>").unwrap().0;
    let text = shown.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"");
    text.replace("&#34;", "\"").replace("&#39;", "'").replace("&amp;", "&")
}

#[test]
fn curl_samples_run() {
    let directory = tempdir().unwrap();
    let db = directory.path().join("patron.db");
    let server = Server::start(&db);
    let client = Client::new(&server, &db);
    let key = String::from_utf8(
        base64::Engine::decode(&base64::prelude::BASE64_STANDARD, client.authorization.trim_start_matches("Basic "))
            .unwrap(),
    )
    .unwrap();
    let id = client.create(r#"{"name":"Meera"}"#);
    let run = |endpoint: &str| {
        let mut page = ureq::get(format!("http://{}/docs/customers/{endpoint}", server.address)).call().unwrap();
        let sample = sample(&page.body_mut().read_to_string().unwrap(), "curl");
        assert!(sample.contains(&format!("http://{}/v1/customers", server.address)), "{sample}");
        let line = sample.replace("YOUR_KEY_ID:YOUR_KEY_SECRET", &key).replace("cust_1Aa00000000004", &id);
        let output = Command::new("sh").args(["-c", &line]).output().unwrap();
        serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap_or_else(|_| panic!("{line}\n{output:?}"))
    };
    assert_eq!(run("create")["notes"]["city"], "Pune");
    assert_eq!(run("edit")["contact"], "+919123456780");
    assert_eq!(run("fetch")["name"], "Meera");
    assert_eq!(run("list")["count"], 2);
    assert_eq!(run("revisions")["items"][0]["changes"]["contact"]["to"], "+919123456780");
}
