//! The document of the API, held against the routes, and every answer of every test against the document.

use std::collections::BTreeSet;
use std::process::Command;
use std::sync::LazyLock;

use actix_web::http::Method;
use actix_web::http::header::{ACCEPT_ENCODING, HOST, IF_NONE_MATCH};
use actix_web::test::TestRequest;
use patron::http::api::description::document;
use serde_json::Value;

use crate::routes::{API, DOCUMENT, HEALTH};
use crate::world::{Answer, World};

/// The document of a server that nobody has given an address.
pub static OPENAPI: LazyLock<Value> = LazyLock::new(|| serde_json::to_value(document("http://localhost")).unwrap());

/// What stands in the document, or what that refers to.
pub fn resolved(value: &'static Value) -> &'static Value {
    match value.get("$ref").and_then(Value::as_str) {
        Some(place) => resolved(OPENAPI.pointer(place.trim_start_matches('#')).unwrap_or_else(|| panic!("{place}"))),
        None => value,
    }
}

/// The members of an object of the document; of what is none, none.
pub fn members(value: &'static Value) -> impl Iterator<Item = (&'static str, &'static Value)> {
    value.as_object().into_iter().flatten().map(|(name, value)| (name.as_str(), value))
}

/// The operation that a request is, if it is one.
pub fn operation(method: &Method, path: &str) -> Option<&'static Value> {
    let segments = |path: &str| -> Vec<String> {
        path.split('/').filter(|segment| !segment.is_empty()).map(str::to_owned).collect()
    };
    let asked = segments(path);
    let (_, place) = members(&OPENAPI["paths"]).find(|(pattern, _)| {
        let pattern = segments(pattern);
        pattern.len() == asked.len() && pattern.iter().zip(&asked).all(|(each, it)| each.starts_with('{') || each == it)
    })?;
    place.get(method.as_str().to_lowercase())
}

/// Holds an answer against the document: its status, its headers and its media type. What is no operation of it may answer as
/// it likes.
pub fn hold(method: &Method, path: &str, answer: &Answer) {
    let Some(operation) = operation(method, path) else { return };
    let response = &operation["responses"][answer.status.as_str()];
    assert!(response.is_object(), "{method} {path} is not documented to answer {answer}");
    for (name, header) in members(&response["headers"]) {
        let header = resolved(header);
        let value = answer.header(&name.to_lowercase());
        assert!(value.is_some() || header["required"] != true, "{method} {path} answers without {name}: {answer}");
        let fits = |value: &str| {
            let pattern = header["schema"]["pattern"].as_str();
            let values = header["schema"]["enum"].as_array();
            pattern.is_none_or(|pattern| regex::Regex::new(pattern).unwrap().is_match(value))
                && values.is_none_or(|values| values.iter().any(|each| each == value))
        };
        assert!(value.is_none_or(fits), "{method} {path} answers {name}: {value:?}");
    }
    let told: Vec<&str> = members(&response["content"]).map(|(name, _)| name).collect();
    let answered = answer.header("content-type").and_then(|value| value.split(';').next());
    assert!(method == Method::HEAD || told == Vec::from_iter(answered), "{method} {path} answers {answered:?}");
}

#[test]
fn the_operations_are_the_routes() {
    let mut routes = BTreeSet::new();
    let read = HEALTH.into_iter().chain(DOCUMENT).map(|path| ("reading", path));
    for (method, path) in API.into_iter().chain(read) {
        let methods = if method == "reading" { vec!["get", "head"] } else { vec![method] };
        routes.extend(methods.into_iter().map(|method| (path, method)));
    }
    let told = members(&OPENAPI["paths"]).flat_map(|(path, item)| members(item).map(move |(method, _)| (path, method)));
    assert_eq!(told.collect::<BTreeSet<_>>(), routes);
}

#[test]
fn an_answer_that_is_not_documented_is_found() {
    let mut answer =
        Answer { status: actix_web::http::StatusCode::IM_A_TEAPOT, headers: Default::default(), body: String::new() };
    let held = |answer: &Answer| std::panic::catch_unwind(|| hold(&Method::GET, "/healthz", answer)).is_ok();
    assert!(!held(&answer), "another status");
    answer.status = actix_web::http::StatusCode::OK;
    assert!(!held(&answer), "headers are missing");
    for (name, value) in
        [("x-request-id", "req_12345678"), ("cache-control", "no-store"), ("content-type", "text/html")]
    {
        answer.headers.insert(name.parse().unwrap(), value.parse().unwrap());
    }
    assert!(!held(&answer), "another media type");
    answer.headers.insert("content-type".parse().unwrap(), "text/plain; charset=utf-8".parse().unwrap());
    assert!(held(&answer));
    answer.headers.insert("cache-control".parse().unwrap(), "public".parse().unwrap());
    assert!(!held(&answer), "another header");
}

#[tokio::test]
async fn the_server_tells_it_to_everybody_and_to_whom_has_it_not_again() {
    let mut world = World::new();
    let get = || TestRequest::get().uri("/openapi.json").insert_header((HOST, "localhost"));
    let told = world.stranger().send(get()).await;
    assert_eq!(told.json(), *OPENAPI);
    assert_eq!(told.header("content-type"), Some("application/json"));
    assert_eq!(told.header("cache-control"), Some("public, no-cache"));
    let tag = told.header("etag").unwrap().to_owned();
    for (known, status) in [(tag.as_str(), 304), ("*", 304), ("W/\"0\"", 200), ("", 200)] {
        let again = world.stranger().send(get().insert_header((IF_NONE_MATCH, known))).await;
        assert_eq!((again.status.as_u16(), again.header("etag")), (status, Some(tag.as_str())), "{known}");
        assert_eq!(again.body.is_empty(), status == 304);
    }
    let other = world.stranger().send(get().insert_header((HOST, "patron.example:8080"))).await;
    assert_eq!(other.json()["servers"][0]["url"], "http://patron.example:8080");
    assert_ne!(other.header("etag"), Some(tag.as_str()));
    let post = world.stranger().send(TestRequest::post().uri("/openapi.json")).await;
    assert_eq!((post.status.as_u16(), post.header("allow")), (405, Some("GET, HEAD")));

    world.settings.public_url = Some("https://patron.example".into());
    let public = world.stranger().send(get()).await;
    assert_eq!(public.json()["servers"][0]["url"], "https://patron.example");
}

#[tokio::test]
async fn it_travels_compressed() {
    let world = World::new();
    let app = actix_web::test::init_service(patron::http::app(world.services.clone(), Default::default())).await;
    let request = TestRequest::get().uri("/openapi.json").insert_header((ACCEPT_ENCODING, "gzip")).to_request();
    let answer = actix_web::test::call_service(&app, request).await;
    assert_eq!(answer.headers().get("content-encoding").unwrap(), "gzip");
    let len = actix_web::test::read_body(answer).await.len();
    assert!(len < 16 * 1024, "{len} bytes");
}

#[test]
fn the_command_prints_it_without_a_database() {
    let printed = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_patron"));
        let output = command.args(["openapi", "--db", "/nowhere/patron.db"]).args(arguments).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        serde_json::from_slice::<Value>(&output.stdout).unwrap()
    };
    assert_eq!(printed(&["--public-url", "http://localhost"]), *OPENAPI);
    assert_eq!(printed(&[])["servers"][0]["url"], "http://127.0.0.1:8080");
}
