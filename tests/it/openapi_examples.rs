//! Every example of a success is what the service answers, to the byte: each is asked for here.

use std::time::Duration;

use actix_web::http::Method;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::test::TestRequest;
use patron::domain::Mode;
use serde_json::Value;

use crate::openapi::{OPENAPI, members, resolved};
use crate::world::{Answer, Persona, World};

const CUSTOMERS: &str = "/v1/customers";
const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";

/// An example of an answer, to the byte.
fn answered(path: &str, method: &str, status: &str, name: &str) -> String {
    let content = &OPENAPI["paths"][path][method]["responses"][status]["content"][JSON];
    resolved(&content["examples"][name])["value"].to_string()
}

/// What is sent in an example.
fn sent(path: &str, method: &str, media_type: &str) -> &'static Value {
    &OPENAPI["paths"][path][method]["requestBody"]["content"][media_type]["example"]
}

/// The same as a form.
fn as_form(json: &'static Value) -> String {
    let mut form = form_urlencoded::Serializer::new(String::new());
    for (name, value) in members(json) {
        match value.as_str() {
            Some(text) => drop(form.append_pair(name, text)),
            None => members(value).for_each(|(key, value)| {
                form.append_pair(&format!("{name}[{key}]"), value.as_str().unwrap());
            }),
        }
    }
    form.finish()
}

async fn send(app: &Persona<'_>, method: Method, path: &str, number: u32, body: (&'static str, String)) -> Answer {
    let request = TestRequest::default().method(method).uri(path).insert_header((CONTENT_TYPE, body.0));
    app.send(request.insert_header(("X-Request-Id", format!("checkout-{number:04}"))).set_payload(body.1)).await
}

/// The customer of the examples: created, and a minute later edited. Gives its path.
async fn customer(app: &Persona<'_>) -> String {
    assert_eq!(app.get(CUSTOMERS).await.body, answered(CUSTOMERS, "get", "200", "past-the-end"));
    let created = send(app, Method::POST, CUSTOMERS, 41, (JSON, sent(CUSTOMERS, "post", JSON).to_string())).await;
    assert_eq!(created.body, answered(CUSTOMERS, "post", "200", "created"));
    let path = format!("{CUSTOMERS}/{}", created.id());
    assert_eq!(app.get(&path).await.body, answered("/v1/customers/{id}", "get", "200", "customer"));
    app.world.pass(Duration::from_secs(60));
    let edit = (JSON, sent("/v1/customers/{id}", "put", JSON).to_string());
    let edited = send(app, Method::PUT, &path, 42, edit).await;
    assert_eq!(edited.body, answered("/v1/customers/{id}", "put", "200", "edited"));
    path
}

#[tokio::test]
async fn what_succeeds_is_answered_as_told() {
    let world = World::new();
    let app = world.key(Mode::Test).await;
    let path = customer(&app).await;
    assert_eq!(app.get(CUSTOMERS).await.body, answered(CUSTOMERS, "get", "200", "customers"));
    let history = app.get(&format!("{path}/revisions")).await;
    assert_eq!(history.body, answered("/v1/customers/{id}/revisions", "get", "200", "revisions"));
    let tokens = app.get(&format!("{path}/tokens")).await;
    assert_eq!(tokens.body, answered("/v1/customers/{id}/tokens", "get", "200", "tokens"));
    for path in ["/healthz", "/readyz"] {
        let told = &OPENAPI["paths"][path]["get"]["responses"]["200"]["content"]["text/plain"]["example"];
        assert_eq!(world.stranger().get(path).await.body, told.as_str().unwrap());
    }
}

#[tokio::test]
async fn forms_mean_what_the_same_in_json_does() {
    let world = World::new();
    let app = world.key(Mode::Test).await;
    let created = send(&app, Method::POST, CUSTOMERS, 1, (FORM, as_form(sent(CUSTOMERS, "post", FORM)))).await;
    let told = answered(CUSTOMERS, "post", "200", "created");
    assert_eq!(created.body, told.replace("cust_EIECESKRDE2tLI", &created.id()));
    let edit = (FORM, as_form(sent("/v1/customers/{id}", "put", FORM)));
    let edited = send(&app, Method::PUT, &format!("{CUSTOMERS}/{}", created.id()), 2, edit).await;
    assert_eq!(edited.status, 200, "{edited}");
}
