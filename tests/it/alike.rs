//! A form and a JSON body that mean the same have the same effect: two worlds, one that is told everything in JSON and one that is
//! told everything in forms, give the same answers to the byte and keep the same history.

use actix_web::http::Method;
use actix_web::rt::System;
use form_urlencoded::byte_serialize;
use patron::domain::Mode;
use proptest::prelude::*;
use serde_json::Value;

use crate::world::{Persona, World};

/// One member in both encodings.
#[derive(Clone, Debug)]
struct Member {
    json: String,
    form: String,
}

/// A request: to which customer (past the last: create one), with what, and how the form writes a space and brackets.
type Step = (usize, Vec<Member>, bool);

const TEXTS: &[(&str, &[&str])] = &[
    ("name", &["Gaurav Kumar", "José", "गौरव कुमार", "ab", "Bob;", "A/B @ Co.", "a\u{200D}b"]),
    ("email", &["a@example.com", "A@Example.com", "o'b+c@x.ie", "a@b", "a b@c.d"]),
    ("contact", &["12345678", "+12345678", "1234567", "+1234567890123456", "12 345 678"]),
    ("gstin", &["29XAbbA4369J1PA", "29", "X9XAbbA4369J1PA"]),
    ("extra", &["", "1", "&=+%"]),
];
const NOTES: &[&str] = &["", "text", "a&b=c+d %41", "गौरव 😀", "\u{0}", "\"\\\n\t", "null", "[]"];
const KEYS: &[&str] = &["a", "b c", "गौ", "[", "]", "a]b", "%5B", "\"", "&="];

fn encoded(text: &str) -> String {
    byte_serialize(text.as_bytes()).collect()
}

fn pair(name: &str, value: &str) -> String {
    format!("{}={}", encoded(name), encoded(value))
}

fn json_pair(name: &str, json: impl ToString) -> String {
    format!("{}:{}", Value::from(name), json.to_string())
}

fn text() -> impl Strategy<Value = Member> {
    let of = |(name, values): &'static (&str, &[&str])| {
        proptest::sample::select(*values)
            .prop_map(|value| Member { json: json_pair(name, Value::from(value)), form: pair(name, value) })
    };
    proptest::sample::select(TEXTS)
        .prop_flat_map(move |row| of(TEXTS.iter().find(|each| each.0 == row.0).unwrap_or(&TEXTS[0])))
}

/// What is spelled otherwise in JSON than in a form, and means the same.
fn spelled() -> impl Strategy<Value = Member> {
    let same = &[
        (r#""name":null"#, "name="),
        (r#""email":"""#, "email="),
        (r#""contact":null"#, "contact="),
        (r#""contact":12345678"#, "contact=12345678"),
        (r#""contact":99999999"#, "contact=%39999999%39"),
        (r#""gstin":null"#, "gstin"),
        (r#""notes":null"#, "notes="),
        (r#""notes":{}"#, "notes[]="),
        (r#""notes":[]"#, "notes%5B%5D="),
        (r#""notes":"""#, "notes"),
        (r#""notes":"text""#, "notes=text"),
        (r#""notes":["x"]"#, "notes[]=x"),
        (r#""notes":{"a":{}}"#, "notes[a][b]=1"),
        (r#""name":["x"]"#, "name[]=x"),
        (r#""email":{"x":"y"}"#, "email[x]=y"),
        (r#""fail_existing":"0""#, "fail_existing=0"),
        (r#""fail_existing":0"#, "fail_existing=0"),
        (r#""fail_existing":false"#, "fail_existing=false"),
        (r#""fail_existing":true"#, "fail_existing=1"),
        (r#""fail_existing":null"#, "fail_existing="),
        (r#""fail_existing":"no""#, "fail_existing=no"),
        (r#""0":1"#, "0=1"),
    ];
    proptest::sample::select(same).prop_map(|(json, form)| Member { json: json.to_owned(), form: form.to_owned() })
}

fn notes() -> impl Strategy<Value = Member> {
    let note = (proptest::sample::select(KEYS), proptest::sample::select(NOTES));
    proptest::collection::vec(note, 1..5).prop_map(|notes| {
        let json: Vec<String> = notes.iter().map(|(key, value)| json_pair(key, Value::from(*value))).collect();
        let form: Vec<String> = notes.iter().map(|(key, value)| pair(&format!("notes[{key}]"), value)).collect();
        Member { json: json_pair("notes", format!("{{{}}}", json.join(","))), form: form.join("&") }
    })
}

/// Notes at most once: of two objects the last counts, while a form goes on with the one before.
fn steps() -> impl Strategy<Value = Vec<Step>> {
    let members = proptest::collection::vec(prop_oneof![3 => text(), 2 => spelled(), 2 => notes()], 0..5);
    let once = members.prop_map(|members| {
        let mut has_notes = false;
        members
            .into_iter()
            .filter(|member| !member.json.starts_with("\"notes\"") || !std::mem::replace(&mut has_notes, true))
            .collect()
    });
    proptest::collection::vec((0_usize..4, once, any::<bool>()), 1..12)
}

async fn hold(steps: Vec<Step>) {
    let (one, other) = (World::new(), World::new());
    let (json, form) = (one.key(Mode::Test).await, other.key(Mode::Test).await);
    let mut ids: Vec<String> = Vec::new();
    for (place, members, is_raw) in steps {
        let (method, path) = match ids.get(place) {
            Some(id) => (Method::PUT, format!("/v1/customers/{id}")),
            None => (Method::POST, "/v1/customers".to_owned()),
        };
        let object = format!("{{{}}}", members.iter().map(|member| member.json.as_str()).collect::<Vec<_>>().join(","));
        let mut pairs = members.iter().map(|member| member.form.as_str()).collect::<Vec<_>>().join("&");
        if is_raw {
            pairs = pairs.replace('+', "%20").replace("notes%5B", "notes[");
        }
        let told = json.send_json(method.clone(), &path, object.as_str()).await;
        let same = form.send_form(method.clone(), &path, pairs.as_str()).await;
        assert_eq!(
            (told.to_string(), told.header("etag")),
            (same.to_string(), same.header("etag")),
            "{object} and {pairs}"
        );
        if method == Method::POST && told.status == 200 {
            ids.push(told.id());
        }
    }
    for id in &ids {
        assert_eq!(kept(&json, id).await, kept(&form, id).await);
    }
}

/// A customer's history, without the ids of requests.
async fn kept(app: &Persona<'_>, id: &str) -> Vec<Value> {
    let mut history = app.get(&format!("/v1/customers/{id}/revisions?count=100")).await.json();
    let mut items = history["items"].as_array_mut().map(std::mem::take).unwrap_or_default();
    items.iter_mut().for_each(|revision| revision["request_id"] = Value::Null);
    assert!(!items.is_empty());
    items
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_form_and_json_that_mean_the_same_do_the_same(steps in steps()) {
        System::new().block_on(hold(steps));
    }
}
