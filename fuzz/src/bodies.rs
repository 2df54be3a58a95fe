//! Bodies, JSON and form: what they are read as, what that asks for, and that both mean the same by the same.

use std::fmt::Write;

use form_urlencoded::byte_serialize;
use patron::domain::{Changes, Complaint, Customer, CustomerId, Draft, Mode};
use patron::http::api::{Problem, steps};
use patron::json::{Json, Members, NotesJson, note_value};
use serde_json::Value;

use super::{answers, rules};

/// A JSON body is read as another reader reads it, survives being written and read again, and asks for what the same form asks.
pub fn json(data: &[u8]) {
    let value = serde_json::from_slice::<Value>(data);
    let members = match steps::json(data) {
        Ok(members) => members,
        Err(problem) => {
            answers::is_problem(&problem);
            assert!(value.is_err(), "{value:?} is JSON");
            return;
        }
    };
    // A number out of range and deep nesting are more than the other reader takes, and a name of its own means something to it.
    let has_private_name = data.windows(21).any(|window| window == b"$serde_json::private:");
    if let Ok(Value::Object(object)) = &value
        && !has_private_name
    {
        assert!(
            is_same(&Json::Object(members.clone()), &Value::Object(object.clone())),
            "{members:?} is not {object:?}"
        );
    }
    let written = json_of(&Json::Object(members.clone()));
    assert_eq!(steps::json(written.as_bytes()).ok().as_ref(), Some(&members), "{written}");
    if let Some(form) = form_of(&members) {
        let read = steps::form(form.as_bytes()).unwrap_or_else(|problem| panic!("{problem}: {form}"));
        assert_eq!(asked(read), asked(members.clone()), "{form} does not ask for what {written} does");
    }
    judge(members);
}

/// A form body is read as URLs' standard has it, survives being written and read again, and asks for what the same JSON asks.
pub fn form(data: &[u8]) {
    let members = match steps::form(data) {
        Ok(members) => members,
        Err(problem) => {
            answers::is_problem(&problem);
            // The standard's reader puts a replacement where the text is no UTF-8.
            let is_replaced = |text: &str| text.contains(char::REPLACEMENT_CHARACTER);
            assert!(form_urlencoded::parse(data).any(|(name, value)| is_replaced(&name) || is_replaced(&value)));
            return;
        }
    };
    if form_urlencoded::parse(data).all(|(name, _)| !name.contains('[')) {
        let pairs = form_urlencoded::parse(data).into_owned();
        let flat: Members = pairs.map(|(name, value)| (name, Json::Text(value))).collect();
        assert!(flat.iter().eq(&members), "{flat:?} is not {members:?}");
    }
    let written = brackets_of(&members);
    assert_eq!(steps::form(written.as_bytes()).ok().as_ref(), Some(&members), "{written}");
    let json = json_of(&Json::Object(members.clone()));
    let read = steps::json(json.as_bytes()).unwrap_or_else(|problem| panic!("{problem}: {json}"));
    assert_eq!(asked(read), asked(members.clone()), "{json} does not ask for what {written} does");
    judge(members);
}

fn is_same(json: &Json, value: &Value) -> bool {
    match (json, value) {
        (Json::Null, Value::Null) => true,
        (Json::Bool(one), Value::Bool(two)) => one == two,
        (Json::Number(literal), number @ Value::Number(_)) => {
            serde_json::from_str::<Value>(literal).ok().as_ref() == Some(number)
        }
        (Json::Text(one), Value::String(two)) => one == two,
        (Json::Array(len), Value::Array(items)) => *len == items.len(),
        // What lies too deep to be read.
        (Json::Array(len), Value::Object(_)) => *len == 1,
        (Json::Object(members), Value::Object(object)) => {
            let same = |(name, json): (&String, &Json)| object.get(name).is_some_and(|value| is_same(json, value));
            members.len() == object.len() && members.iter().all(same)
        }
        _ => false,
    }
}

fn json_of(json: &Json) -> String {
    let text = |text: &str| Value::from(text).to_string();
    match json {
        Json::Null => "null".to_owned(),
        Json::Bool(bool) => bool.to_string(),
        Json::Number(literal) => literal.clone(),
        Json::Text(value) => text(value),
        Json::Array(len) => format!("[{}]", vec!["null"; *len].join(",")),
        Json::Object(members) => {
            let members = members.iter().map(|(name, value)| format!("{}:{}", text(name), json_of(value)));
            format!("{{{}}}", members.collect::<Vec<_>>().join(","))
        }
    }
}

/// The form that has these members, where a form can have them.
fn form_of(members: &Members) -> Option<String> {
    let is_text = |value: &Json| matches!(value, Json::Text(_));
    let mut sayable = Members::new();
    for (name, value) in members {
        let value = match value {
            Json::Null => Json::Text(String::new()),
            Json::Number(literal) if name == "fail_existing" => Json::Text(literal.clone()),
            Json::Number(literal) if name == "contact" && literal.bytes().all(|byte| byte.is_ascii_digit()) => {
                Json::Text(literal.clone())
            }
            Json::Bool(bool) if name == "fail_existing" => Json::Text(bool.to_string()),
            Json::Text(_) | Json::Array(0) => value.clone(),
            Json::Object(inner) if inner.is_empty() => Json::Array(0),
            Json::Object(inner) if inner.iter().all(|(key, value)| is_text(value) && is_key(key)) => value.clone(),
            _ => return None,
        };
        if name.contains('[') {
            return None;
        }
        sayable.insert(name.clone(), value);
    }
    Some(brackets_of(&sayable))
}

/// Whether brackets around this are one pair of brackets.
fn is_key(key: &str) -> bool {
    !key.is_empty() && !key.contains("][")
}

fn brackets_of(members: &Members) -> String {
    let mut form = String::new();
    let mut put = |name: &str, value: &str| {
        let encoded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
        let _ = write!(form, "&{}={}", encoded(name), encoded(value));
    };
    for (name, value) in members {
        match value {
            Json::Text(text) => put(name, text),
            Json::Array(0) => put(&format!("{name}[]"), ""),
            Json::Object(inner) => {
                for (key, value) in inner {
                    match value {
                        Json::Text(text) => put(&format!("{name}[{key}]"), text),
                        _ => put(&format!("{name}[{key}][x]"), ""),
                    }
                }
            }
            _ => put(&format!("{name}[]"), "x"),
        }
    }
    form
}

/// What members ask for, of an edit and of a creation.
fn asked(members: Members) -> String {
    let (creation, if_taken) = steps::of_creation(members.clone());
    format!("{:?} {:?} {if_taken:?}", steps::of_edit(members).parse(), creation.parse())
}

/// Whatever is asked is refused in documented words, or makes a customer that keeps every rule.
fn judge(members: Members) {
    let (creation, _) = steps::of_creation(members.clone());
    for draft in [creation, steps::of_edit(members)] {
        judge_draft(draft);
    }
}

fn judge_draft(draft: Draft) {
    let blank = Customer::blank(CustomerId::stored("cust_1Aa00000000004".into()), Mode::Test, 0);
    let edit = match draft.parse() {
        Ok(edit) => edit,
        Err(rejection) => {
            let fields = rejection.complaints().iter().map(|Complaint { field, .. }| *field);
            assert!(fields.is_sorted(), "{rejection:?}");
            return answers::is_problem(&Problem::from(&rejection));
        }
    };
    let customer = edit.over(&blank);
    rules::are_kept_by(&customer);
    assert_eq!(edit.over(&customer), customer, "the same edit again changes nothing");
    let mut replayed = blank.clone();
    let changes = Changes::between(&blank, &customer);
    changes.apply(&mut replayed);
    assert_eq!(replayed, customer);
    changes.revert(&mut replayed);
    assert_eq!(replayed, blank);
    let written = serde_json::to_vec(&NotesJson(&customer.notes)).unwrap_or_else(|error| panic!("{error}"));
    let Ok(Json::Object(read)) = Json::parse(&written) else { panic!("{}", String::from_utf8_lossy(&written)) };
    let read = read.into_iter().map(|(key, value)| (key, note_value(value)));
    let kept = customer.notes.pairs().iter().cloned().map(|(key, value)| (key, Some(value)));
    assert!(read.eq(kept), "{:?}", customer.notes);
    if let Err(rejection) = edit.apply(&blank) {
        answers::is_problem(&Problem::from(&rejection));
    }
}
