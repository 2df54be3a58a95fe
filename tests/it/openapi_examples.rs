//! Every example of the document is what the service answers, to the byte: each is asked for here.

use std::fs::{self, read_to_string};
use std::path::Path;
use std::pin::Pin;
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::error::PayloadError;
use actix_web::http::Method;
use actix_web::http::header::{CONTENT_TYPE, IF_MATCH};
use actix_web::test::{TestRequest, call_service, init_service, read_body};
use actix_web::web::{Bytes, Data};
use futures_util::stream::{once, pending};
use futures_util::{Stream, StreamExt};
use patron::domain::Mode;
use patron::http::{self, Limits, RateLimit};
use serde_json::Value;

use crate::openapi::{OPENAPI, hold, members, resolved};
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

/// A request whose body comes by this stream.
async fn send_stream(app: &Persona<'_>, body: impl Stream<Item = Result<Bytes, PayloadError>> + 'static) -> Answer {
    let (world, request) = (app.world, app.signed(TestRequest::post().uri(CUSTOMERS)).to_request());
    let body: Pin<Box<dyn Stream<Item = _>>> = Box::pin(body);
    let (request, _) = request.replace_payload(Payload::Stream { payload: body });
    let service = init_service(http::app(world.services.clone(), Data::new(world.settings.clone()))).await;
    let response = call_service(&service, request).await;
    let (status, headers) = (response.status(), response.headers().clone());
    let answer = Answer { status, headers, body: String::from_utf8(read_body(response).await.to_vec()).unwrap() };
    hold(&Method::POST, CUSTOMERS, &answer);
    answer
}

/// What the service answers where an error of this name is to come about.
async fn refused(app: &Persona<'_>, path: &str, name: &str) -> Answer {
    let post = async |json: &str| app.post(CUSTOMERS, json).await;
    let list = async |query: &str| app.get(&format!("{CUSTOMERS}?{query}")).await;
    match name {
        "url-not-found" => app.get("/v1/payments").await,
        "no-credentials" => app.world.stranger().get(CUSTOMERS).await,
        "wrong-credentials" => app.world.with_header("Basic ?").get(CUSTOMERS).await,
        "cross-site" => {
            let form = TestRequest::post().uri(CUSTOMERS).insert_header((CONTENT_TYPE, FORM));
            app.send(form.insert_header(("Sec-Fetch-Site", "cross-site"))).await
        }
        "body-late" => {
            // Time stands, and jumps to when the body is late as soon as nobody has anything else to do.
            tokio::time::pause();
            let late = send_stream(app, pending()).await;
            tokio::time::resume();
            late
        }
        "body-incomplete" => {
            let half = once(async { Ok(Bytes::from_static(b"{\"name\":")) });
            send_stream(app, half.chain(once(async { Err(PayloadError::Incomplete(None)) }))).await
        }
        "body-too-large" => post(&" ".repeat(131_073)).await,
        "media-type" => send(app, Method::POST, CUSTOMERS, 1, ("text/plain", String::new())).await,
        "body-not-json" => post(r#"{"name": Gaurav}"#).await,
        "body-not-a-form" => app.send_form(Method::POST, CUSTOMERS, "name=%ff").await,
        "id-malformed" => app.get("/v1/customers/cust_abc").await,
        "extra-fields" => post(r#"{"age":1,"city":2}"#).await,
        "body-not-an-object" => post(r#""Gaurav""#).await,
        "name-not-text" => post(r#"{"name":true}"#).await,
        "name-too-long" => post(&format!(r#"{{"name":"{}"}}"#, "é".repeat(51))).await,
        "name-format" => post(r#"{"name":"Gaurav;"}"#).await,
        "email-not-text" => post(r#"{"email":1}"#).await,
        "email-too-long" => post(&format!(r#"{{"email":"{}"}}"#, "e".repeat(65))).await,
        "email-format" => post(r#"{"email":"gaurav"}"#).await,
        "contact-not-text" => post(r#"{"contact":12345678.5}"#).await,
        "contact-characters" => post(r#"{"contact":"1234-5678"}"#).await,
        "contact-too-short" => post(r#"{"contact":1234567}"#).await,
        "contact-too-long" => post(r#"{"contact":"+123456789012345"}"#).await,
        "gstin-not-text" => post(r#"{"gstin":[]}"#).await,
        "gstin-format" => post(r#"{"gstin":"XX"}"#).await,
        "notes-not-pairs" => post(r#"{"notes":["Pune"]}"#).await,
        "notes-too-many" => {
            let notes: Vec<String> = (0..16).map(|number| format!(r#""{number}":1"#)).collect();
            post(&format!(r#"{{"notes":{{{}}}}}"#, notes.join(","))).await
        }
        "note-not-scalar" => post(r#"{"notes":{"city":null}}"#).await,
        "note-key-too-long" => post(&format!(r#"{{"notes":{{"{}":1}}}}"#, "é".repeat(257))).await,
        "note-value-too-long" => post(&format!(r#"{{"notes":{{"k":"{}"}}}}"#, "é".repeat(257))).await,
        "note-null-character" => post(r#"{"notes":{"a\u0000":1}}"#).await,
        "fail-existing" => post(r#"{"fail_existing":"no"}"#).await,
        "extra-parameters" => list("page=1").await,
        "count-not-an-integer" => list("count=1.5").await,
        "count-too-small" => list("count=-1").await,
        "count-too-large" => list("count=1000").await,
        "skip-not-an-integer" => list("skip=").await,
        "skip-negative" => list("skip=-2").await,
        "from-out-of-range" => list("from=946684799").await,
        "to-out-of-range" => list("to=then").await,
        "id-unknown" => app.get("/v1/customers/cust_00000000000000").await,
        "changed-meanwhile" => app.send(TestRequest::put().uri(path).insert_header((IF_MATCH, "\"1\""))).await,
        "nothing-to-know-by" => app.put(path, r#"{"name":null,"email":"","contact":null}"#).await,
        "pair-taken" => post(r#"{"email":"GAURAV.KUMAR@example.com","contact":"+919123456780"}"#).await,
        "too-many-requests" => {
            let mut world = World::new();
            world.settings.limits = Limits::new(None, Some(RateLimit::parse("1/h").unwrap()));
            let app = world.key(Mode::Test).await;
            assert_eq!(app.get(CUSTOMERS).await.status, 200);
            app.get(CUSTOMERS).await
        }
        "busy" => {
            // Nothing is acknowledged that would go to a file that is not there.
            let aside = app.world.db().with_extension("aside");
            fs::rename(app.world.db(), &aside).unwrap();
            let busy = app.put(path, r#"{"name":"Nobody"}"#).await;
            fs::rename(&aside, app.world.db()).unwrap();
            busy
        }
        "failed" => {
            let world = World::new();
            let app = world.key(Mode::Test).await;
            let path = app.create(r#"{"name":"Gaurav"}"#).await;
            let damage = rusqlite::Connection::open(world.db()).unwrap();
            damage.execute_batch("ALTER TABLE revisions RENAME TO elsewhere").unwrap();
            app.get(&format!("{path}/revisions")).await
        }
        other => panic!("{other} is told, and nobody knows how it comes about"),
    }
}

#[tokio::test]
async fn every_error_is_answered_as_told() {
    let world = World::new();
    let app = world.key(Mode::Test).await;
    let path = customer(&app).await;
    for (name, example) in members(&OPENAPI["components"]["examples"]) {
        let answer = refused(&app, &path, name).await;
        assert_eq!(shape(&answer.body), shape(&example["value"].to_string()), "{name}");
        let is_told = |responses: &'static Value| {
            members(responses).any(|(status, response)| {
                let examples = &response["content"][JSON]["examples"];
                answer.status.as_str() == status && examples.get(name).is_some()
            })
        };
        let operations = members(&OPENAPI["paths"]).flat_map(|(_, item)| members(item));
        let mut told: Vec<bool> = operations.map(|(_, operation)| is_told(&operation["responses"])).collect();
        let unknown = &OPENAPI["components"]["responses"]["UnknownUrl"]["content"][JSON]["examples"];
        told.push(answer.status == 400 && unknown.get(name).is_some());
        assert!(told.contains(&true), "{name} is told of no operation with {answer}");
    }
}

/// An error without what its words repeat of a request.
fn shape(body: &str) -> String {
    let mut error: Value = serde_json::from_str(body).unwrap();
    let words = error["error"]["description"].as_str().unwrap();
    let kept = match words.split_once(" is/are not required") {
        Some((_, rest)) => format!("… is/are not required{rest}"),
        None => words.to_owned(),
    };
    error["error"]["description"] = kept.into();
    error.to_string()
}

/// The sentences in a source, up to what is put into them.
fn sentences(source: &str) -> Vec<String> {
    let text = read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(source)).unwrap();
    let code = text.split("#[cfg(test)]").next().unwrap();
    let code: Vec<&str> = code.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    let code = code.join("\n");
    let quoted = code.split('"').skip(1).step_by(2).map(|words| words.split(['{', '…']).next().unwrap().to_owned());
    quoted.filter(|words| words.starts_with(char::is_uppercase) && words.contains(' ')).collect()
}

#[test]
fn every_sentence_of_an_error_is_told() {
    let told = members(&OPENAPI["components"]["examples"]).map(|(_, example)| &example["value"]["error"]);
    let told: Vec<&str> = told.map(|error| error["description"].as_str().unwrap()).collect();
    let not_of_the_api = [
        // Of undoing, and of a form with a key twice: the console's.
        "The creation of a customer cannot be undone.",
        "Notes may not have the same key twice.",
        // Words by which an error is remembered, in the place of those with a number or a name in them.
        "The request body is too large.",
        "The field must be a string.",
        "The time is out of range.",
        // A fault that a test asked for.
        "The request was refused on purpose, by a fault of the emulator.",
        // A header.
        "Basic realm=",
    ];
    let domain = ["contact", "email", "gstin", "name", "notes", "rejection"].map(|file| format!("domain/{file}.rs"));
    let api = ["problem", "query"].map(|file| format!("http/api/{file}.rs"));
    let sentences: Vec<String> = domain.iter().chain(&api).flat_map(|file| sentences(file)).collect();
    assert!(sentences.len() > 30, "{sentences:#?}");
    for words in sentences {
        let known = told.iter().any(|each| each.starts_with(&words)) || not_of_the_api.contains(&words.as_str());
        assert!(known, "{words} is told nowhere");
    }
}
