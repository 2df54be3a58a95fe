//! Every error, by a name, and the operations that it can come from. The examples are made as the service makes its answers:
//! a broken rule by breaking it.

use std::collections::BTreeMap;

use actix_web::ResponseError;
use utoipa::openapi::example::{Example, ExampleBuilder};
use utoipa::openapi::response::Responses;
use utoipa::openapi::schema::ComponentsBuilder;
use utoipa::openapi::{ContentBuilder, Ref, RefOr, Response, ResponseBuilder, ResponsesBuilder};

use super::schemas::named;
use super::{headers, samples};
use crate::domain::{Customer, CustomerId, Invalid, Mode, Rejection};
use crate::http::api::{Problem, body, draft, query};
use crate::http::limits::Reached;
use crate::service::{NotAdmitted, Refused};

/// What is done to customers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    Create,
    List,
    Fetch,
    Edit,
    History,
}

const ALL: &[Act] = &[Act::Create, Act::List, Act::Fetch, Act::Edit, Act::History];
const WRITES: &[Act] = &[Act::Create, Act::Edit];
const OF_ONE: &[Act] = &[Act::Fetch, Act::Edit, Act::History];
const PAGES: &[Act] = &[Act::List, Act::History];
/// What no operation answers: another URL, or another method.
const NOWHERE: &[Act] = &[];

/// An error: what it is called here, where it comes from, when, and the error itself.
struct Row(&'static str, &'static [Act], &'static str, Problem);

/// All of them, those of one status in the order in which they are judged.
fn rows() -> Vec<Row> {
    let layers = vec![
        Row("url-not-found", NOWHERE, "No such URL, or not with this method.", Problem::url_not_found()),
        Row("no-credentials", ALL, "There is no Authorization header.", Problem::no_credentials()),
        Row(
            "wrong-credentials",
            ALL,
            "The key or the secret is wrong, expired or revoked, or the header is malformed.",
            NotAdmitted::Refused("").into(),
        ),
        Row(
            "cross-site",
            WRITES,
            "A browser sends a form, or a body without Content-Type, for a page of another site.",
            Problem::cross_site(),
        ),
        Row("body-late", WRITES, "The body has not arrived 10 seconds after the head.", Problem::body_late()),
        Row("body-too-large", WRITES, "The body has more than 131072 bytes.", Problem::body_too_large(body::LEN_MAX)),
        Row("body-incomplete", WRITES, "The connection ended before the body did.", Problem::body_incomplete()),
        Row("media-type", WRITES, "The body is neither JSON nor a form.", Problem::media_type()),
        Row("body-not-json", WRITES, "The body is not JSON.", json("{\"name\": Gaurav}")),
        Row("body-not-a-form", WRITES, "The form is not UTF-8.", form("name=%FF")),
        Row("id-malformed", OF_ONE, "The id is not 5 characters and then 14 letters and digits.", id("cust_abc")),
    ];
    let fields = vec![
        Row(
            "extra-fields",
            WRITES,
            "There are members that nobody asked for; with an edit, `fail_existing` is one.",
            json(r#"{"age":42,"name":"Gaurav","city":"Pune"}"#),
        ),
        Row(
            "body-not-an-object",
            WRITES,
            "The body is an array, a string, a number or a boolean: its indexes are extra fields.",
            json(r#"["Gaurav"]"#),
        ),
        Row("name-not-text", WRITES, "The name is not a string.", json(r#"{"name":12345}"#)),
        Row(
            "name-too-long",
            WRITES,
            "The name has more than 50 characters.",
            json(&format!(r#"{{"name":"{}"}}"#, "a".repeat(51))),
        ),
        Row(
            "name-format",
            WRITES,
            "The name has fewer than 3 characters, or others than it may, or starts or ends with one that it may not.",
            json(r#"{"name":"Gaurav!"}"#),
        ),
        Row("email-not-text", WRITES, "The email is not a string.", json(r#"{"email":["gaurav@example.com"]}"#)),
        Row(
            "email-too-long",
            WRITES,
            "The email has more than 64 characters.",
            json(&format!(r#"{{"email":"{}@example.com"}}"#, "a".repeat(53))),
        ),
        Row("email-format", WRITES, "The email is not a valid address.", json(r#"{"email":"gaurav.kumar"}"#)),
        Row(
            "contact-not-text",
            WRITES,
            "The contact is neither a string nor a whole number.",
            json(r#"{"contact":true}"#),
        ),
        Row(
            "contact-characters",
            WRITES,
            "The contact has other characters than a leading `+` and digits.",
            json(r#"{"contact":"98765 43210"}"#),
        ),
        Row("contact-too-short", WRITES, "The contact has fewer than 8 digits.", json(r#"{"contact":"1234567"}"#)),
        Row(
            "contact-too-long",
            WRITES,
            "The contact has more than 15 characters.",
            json(r#"{"contact":"1234567890123456"}"#),
        ),
        Row("gstin-not-text", WRITES, "The GSTIN is not a string.", json(r#"{"gstin":29}"#)),
        Row(
            "gstin-format",
            WRITES,
            "The GSTIN is not 15 letters and digits, the first two of them digits.",
            json(r#"{"gstin":"29"}"#),
        ),
        Row("notes-not-pairs", WRITES, "The notes are no object.", json(r#"{"notes":"Pune"}"#)),
        Row("notes-too-many", WRITES, "There are more than 15 notes.", json(&sixteen_notes())),
        Row(
            "note-not-scalar",
            WRITES,
            "A note's value is `null`, an array or an object.",
            json(r#"{"notes":{"cities":["Pune"]}}"#),
        ),
        Row(
            "note-key-too-long",
            WRITES,
            "A note's key has more than 256 characters.",
            json(&format!(r#"{{"notes":{{"{}":"Pune"}}}}"#, "k".repeat(257))),
        ),
        Row(
            "note-value-too-long",
            WRITES,
            "A note's value has more than 256 characters.",
            json(&format!(r#"{{"notes":{{"city":"{}"}}}}"#, "v".repeat(257))),
        ),
        Row(
            "note-null-character",
            WRITES,
            "A note's key or value holds U+0000.",
            json(r#"{"notes":{"city":"Pune\u0000"}}"#),
        ),
        Row(
            "fail-existing",
            &[Act::Create],
            "`fail_existing` is neither yes nor no.",
            json(r#"{"fail_existing":"2"}"#),
        ),
        Row("extra-parameters", PAGES, "There are parameters that nobody asked for.", list("page=2")),
        Row("count-not-an-integer", PAGES, "The count is no whole number.", list("count=ten")),
        Row("count-too-small", PAGES, "The count is less than 1.", list("count=0")),
        Row("count-too-large", PAGES, "The count is more than 100.", list("count=101")),
        Row("skip-not-an-integer", PAGES, "The skip is no whole number.", list("skip=some")),
        Row("skip-negative", PAGES, "The skip is less than 0.", list("skip=-1")),
        Row(
            "from-out-of-range",
            &[Act::List],
            "`from` is no whole number, or before 2000 or after 2120.",
            list("from=1"),
        ),
        Row("to-out-of-range", &[Act::List], "`to` is no whole number, or before 2000 or after 2120.", list("to=1")),
    ];
    let known_by = Invalid::UNKNOWABLE;
    let states = vec![
        Row(
            "id-unknown",
            OF_ONE,
            "Nobody has this id, or a customer of the other mode does.",
            Refused::NotFound.into(),
        ),
        Row(
            "changed-meanwhile",
            &[Act::Edit],
            "`If-Match` does not name the customer's entity tag.",
            Refused::Conflict(Box::new(customer())).into(),
        ),
        Row(
            "nothing-to-know-by",
            WRITES,
            "The customer would have neither name nor email nor contact.",
            Refused::Invalid(Rejection::whole(known_by)).into(),
        ),
        Row(
            "pair-taken",
            WRITES,
            "Another customer has this email and this contact.",
            Refused::Taken(customer().id).into(),
        ),
        Row(
            "too-many-requests",
            ALL,
            "There were more requests than are let in, or too many wrong secrets.",
            Reached(1).into(),
        ),
        Row("busy", ALL, "There is too much to do, or the disk is full.", Refused::Busy.into()),
        Row("failed", ALL, "The service failed; its log says why.", Refused::Failed.into()),
    ];
    layers.into_iter().chain(fields).chain(states).collect()
}

/// Every error as an example, and the answer that no operation gives.
pub(super) fn add(components: ComponentsBuilder) -> ComponentsBuilder {
    let rows = rows();
    let nowhere: Vec<&Row> = rows.iter().filter(|row| row.1.is_empty()).collect();
    let components = components.response("UnknownUrl", response(400, &nowhere));
    rows.iter().fold(components, |components, row| components.example(row.0, example(row)))
}

/// The errors of an operation, a response for each status.
pub(super) fn responses(act: Act) -> Responses {
    let rows = rows();
    let mut by_status: BTreeMap<u16, Vec<&Row>> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.1.contains(&act)) {
        by_status.entry(row.3.status_code().as_u16()).or_default().push(row);
    }
    by_status
        .into_iter()
        .fold(ResponsesBuilder::new(), |responses, (status, rows)| {
            responses.response(status.to_string(), response(status, &rows))
        })
        .build()
}

fn response(status: u16, rows: &[&Row]) -> Response {
    let description = match status {
        401 => "The credentials are missing or wrong.",
        403 => "The request comes from a page of another site.",
        408 => "The body took too long to arrive.",
        412 => "The customer has changed since it was read.",
        413 => "The body is too large.",
        415 => "The body is neither JSON nor a form.",
        429 => "Too many requests.",
        500 => "The service failed.",
        503 => "The service is busy.",
        _ => "Something about the request is wrong.",
    };
    let examples =
        rows.iter().map(|Row(name, ..)| (*name, RefOr::Ref(Ref::new(format!("#/components/examples/{name}")))));
    let content = ContentBuilder::new().schema(Some(named("Error"))).examples_from_iter(examples).build();
    let response =
        headers::of_api(ResponseBuilder::new().description(description)).content("application/json", content);
    match status {
        401 => response.header_ref("WWW-Authenticate", headers::named("WWW-Authenticate")),
        429 | 503 => response.header_ref("Retry-After", headers::named("Retry-After")),
        _ => response,
    }
    .build()
}

fn example(Row(_, _, when, problem): &Row) -> Example {
    ExampleBuilder::new().summary(*when).value(Some(problem.to_json())).build()
}

/// What is wrong with a body of JSON.
fn json(text: &str) -> Problem {
    refusal(body::read_json(text.as_bytes()).and_then(|members| {
        draft::of_creation(members).0.parse().map_err(|rejection| Refused::Invalid(rejection).into())
    }))
}

fn form(text: &str) -> Problem {
    refusal(body::read_form(text.as_bytes()))
}

fn list(text: &str) -> Problem {
    refusal(query::of_list(text))
}

fn id(text: &str) -> Problem {
    refusal(CustomerId::parse(text).map_err(|rest| Problem::id_malformed(&rest)))
}

/// A test would find the example that is none.
fn refusal<T>(outcome: Result<T, Problem>) -> Problem {
    outcome.err().unwrap_or_else(Problem::failed)
}

fn sixteen_notes() -> String {
    let notes: Vec<String> = (1..=16).map(|number| format!(r#""note {number}":"""#)).collect();
    format!(r#"{{"notes":{{{}}}}}"#, notes.join(","))
}

/// The customer of the samples, after the edit.
fn customer() -> Customer {
    let sample = samples::read(samples::EDITED);
    let id = CustomerId::stored(sample["id"].as_str().unwrap_or_default().to_owned());
    let blank = Customer::blank(id, Mode::Test, sample["created_at"].as_i64().unwrap_or_default());
    let members = [samples::NEW, samples::EDIT].map(|body| body::read_json(body.as_bytes()).unwrap_or_default());
    members
        .into_iter()
        .filter_map(|members| draft::of_edit(members).parse().ok())
        .fold(blank, |customer, edit| edit.over(&customer))
}
