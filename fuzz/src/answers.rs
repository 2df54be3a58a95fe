//! The shapes in which the API answers, whatever it was sent.

use actix_web::ResponseError;
use actix_web::body::MessageBody;
use patron::domain::{Contact, Email, Gstin, Name};
use patron::http::api::Problem;
use patron::json::{Json, Members};

use super::rules;

/// Panics where a problem is not an error as documented.
pub fn is_problem(problem: &Problem) {
    let response = problem.error_response();
    let status = response.status().as_u16();
    let body = response.into_body().try_into_bytes().unwrap_or_else(|_| panic!("{problem:?} has no body"));
    is_error(status, &body);
}

/// Panics where a body is not an error as documented, for its status.
pub fn is_error(status: u16, body: &[u8]) {
    let shown = String::from_utf8_lossy(body);
    let body = object(body);
    let [("error", Json::Object(error))] = members(&body)[..] else { panic!("{shown}") };
    let mut error = members(error);
    let field = if let Some(("field", Json::Text(field))) = error.last() { Some(field.as_str()) } else { None };
    if field.is_some() {
        error.pop();
    }
    let [
        ("code", Json::Text(code)),
        ("description", Json::Text(description)),
        ("source", Json::Text(source)),
        ("step", Json::Text(step)),
        ("reason", Json::Text(reason)),
        ("metadata", Json::Object(metadata)),
    ] = error[..]
    else {
        panic!("{shown}")
    };
    let fields = ["name", "email", "contact", "gstin", "notes", "fail_existing", "count", "skip", "from", "to"];
    assert!(field.is_none_or(|field| fields.contains(&field)), "{shown}");
    assert_eq!(code, if status < 500 { "BAD_REQUEST_ERROR" } else { "SERVER_ERROR" }, "{shown}");
    assert!([400, 401, 408, 412, 413, 415, 429, 503].contains(&status), "{status} {shown}");
    let shape = [source.as_str(), step, reason];
    match shape {
        ["business", "NA", "invalid_contact_number"] => assert_eq!(field, Some("contact"), "{shown}"),
        ["business", "payment_initiation", "input_validation_failed"] => assert_eq!(status, 400, "{shown}"),
        ["NA", "NA", "NA"] => assert_eq!(field, None, "{shown}"),
        _ => panic!("{shown}"),
    }
    match &members(metadata)[..] {
        [] => assert!(status != 412 && description != "Customer already exists for the merchant", "{shown}"),
        [("customer_id", Json::Text(id))] => assert!(rules::CUSTOMER_ID.is_kept(id), "{shown}"),
        [("customer", Json::Object(_))] if status == 412 => {
            // By itself: its notes lie too deep to be read where it stands.
            let customer =
                shown.split_once(r#""metadata":{"customer":"#).and_then(|(_, rest)| rest.strip_suffix("}}}"));
            is_customer(&object(customer.unwrap_or_default().as_bytes()));
        }
        _ => panic!("{shown}"),
    }
}

/// Panics where a body is neither a customer nor a collection.
pub fn is_success(body: &[u8]) {
    let body = object(body);
    match &members(&body)[..] {
        [("entity", Json::Text(entity)), ("count", Json::Number(count)), ("items", Json::Array(len))] => {
            assert_eq!(entity, "collection");
            assert_eq!(count, &len.to_string());
        }
        _ => is_customer(&body),
    }
}

/// Panics where an object is not a customer that keeps every rule.
fn is_customer(customer: &Members) {
    let members = members(customer);
    let names = members.iter().map(|(name, _)| *name);
    let eight = ["id", "entity", "name", "email", "contact", "gstin", "notes", "created_at"];
    assert!(names.eq(eight), "{customer:?}");
    let set = |name: &str| match &customer[name] {
        Json::Null => None,
        Json::Text(text) => Some(text.as_str()),
        _ => panic!("{customer:?}"),
    };
    assert!(set("id").is_some_and(|id| rules::CUSTOMER_ID.is_kept(id)), "{customer:?}");
    assert!(set("name").is_none_or(|text| Name::parse(text).is_ok()), "{customer:?}");
    assert!(set("email").is_none_or(|text| Email::parse(text).is_ok()), "{customer:?}");
    assert!(set("contact").is_none_or(|text| Contact::parse(text).is_ok()), "{customer:?}");
    assert!(set("gstin").is_none_or(|text| Gstin::parse(text).is_ok()), "{customer:?}");
    assert!(["name", "email", "contact"].into_iter().any(|name| set(name).is_some()), "{customer:?}");
    match &customer["notes"] {
        Json::Array(0) => {}
        Json::Object(notes) => assert!((1..=15).contains(&notes.len()), "{customer:?}"),
        _ => panic!("{customer:?}"),
    }
}

/// A body as an object. No control character stands in it but escaped.
fn object(body: &[u8]) -> Members {
    let shown = String::from_utf8_lossy(body);
    assert!(body.iter().all(|byte| *byte >= b' '), "{shown:?}");
    match Json::parse(body) {
        Ok(Json::Object(members)) => members,
        _ => panic!("{shown}"),
    }
}

fn members(object: &Members) -> Vec<(&str, &Json)> {
    object.iter().map(|(name, value)| (name.as_str(), value)).collect()
}
