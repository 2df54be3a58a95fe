//! What is sent to the emulator itself: JSON, larger than anything that the API takes.

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::web::Payload;
use actix_web::{Error, HttpMessage, HttpRequest, ResponseError};
use indexmap::IndexMap;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::http::api::{Problem, body};
use crate::http::origin::may_be_ours;
use crate::http::received::Received;

/// The most bytes of a body: some 50,000 customers.
pub(super) const LEN_MAX: usize = 16 * 1024 * 1024;

/// Lets through what may be from a page of ours or is of no page, as the API does with its bodies: a browser that was asked for
/// the key once adds it to what any page sends. JSON no page of another site can send without asking first.
pub(super) async fn from_us<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let is_json = request.content_type().eq_ignore_ascii_case("application/json");
    if request.method().is_safe() || is_json || may_be_ours(request.request()) {
        return Ok(next.call(request).await?.map_into_boxed_body());
    }
    Ok(request.into_response(Problem::cross_site().error_response()))
}

/// The bytes of a body.
pub(super) async fn bytes(request: &HttpRequest, payload: Payload) -> Result<Received, Problem> {
    body::bytes_up_to(LEN_MAX, request, payload).await
}

/// A list of things: an array, or an object with an array of this name and nothing else.
pub(super) fn list<'a>(bytes: &'a [u8], name: &str) -> Result<Vec<&'a RawValue>, Problem> {
    let document: &RawValue = read(bytes)?;
    let array = if document.get().starts_with('{') {
        let members: IndexMap<String, &RawValue> = read(document.get().as_bytes())?;
        let extra: Vec<&str> = members.keys().map(String::as_str).filter(|member| *member != name).collect();
        if !extra.is_empty() {
            return Err(Problem::extra(&extra));
        }
        members.get(name).copied().ok_or_else(|| not_a_list(name))?
    } else {
        document
    };
    if array.get().starts_with('[') { read(array.get().as_bytes()) } else { Err(not_a_list(name)) }
}

/// An object of the emulator's.
pub(super) fn object<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    read(bytes)
}

/// Whether a request is about all worlds, and not its key's alone.
pub(super) fn is_for_all(query: &str) -> Result<bool, Problem> {
    let pairs: Vec<_> = form_urlencoded::parse(query.as_bytes()).collect();
    let extra: Vec<&str> = pairs.iter().map(|(name, _)| name.as_ref()).filter(|name| *name != "worlds").collect();
    if !extra.is_empty() {
        return Err(Problem::extra(&extra));
    }
    match pairs.last().map(|(_, value)| value.as_ref()) {
        None => Ok(false),
        Some("all") => Ok(true),
        Some(_) => Err(Problem::input(Some("worlds"), "The worlds must be all, or not be given.")),
    }
}

fn not_a_list(name: &str) -> Problem {
    Problem::input(None, format!(r#"The request body must be an array, or {{"{name}":[…]}}."#))
}

fn read<'a, T: serde::Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, Problem> {
    serde_json::from_slice(bytes)
        .map_err(|error| Problem::input(None, format!("The request body is not valid: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(text: &str) -> Result<usize, String> {
        list(text.as_bytes(), "things").map(|list| list.len()).map_err(|problem| problem.to_string())
    }

    #[test]
    fn a_list_is_an_array_or_stands_under_its_name() {
        assert_eq!(listed("[1, {}]"), Ok(2));
        assert_eq!(listed(r#" {"things": []} "#), Ok(0));
        let must = r#"The request body must be an array, or {"things":[…]}."#;
        for other in ["3", "{}", r#"{"things":{}}"#, "null"] {
            assert_eq!(listed(other), Err(must.to_owned()), "{other}");
        }
        assert_eq!(listed(r#"{"things":[],"x":1}"#).unwrap_err(), "x is/are not required and should not be sent");
        assert!(listed("").unwrap_err().starts_with("The request body is not valid: EOF"));
    }

    #[test]
    fn all_worlds_are_asked_for_by_one_parameter() {
        let asked = |query| is_for_all(query).map_err(|problem| problem.to_string());
        assert_eq!((asked(""), asked("worlds=all")), (Ok(false), Ok(true)));
        assert_eq!(asked("worlds=some").unwrap_err(), "The worlds must be all, or not be given.");
        assert_eq!(asked("world=all").unwrap_err(), "world is/are not required and should not be sent");
    }
}
