//! A request's body, JSON or form, to the members of an object. Judged in this order: size, encoding, media type, syntax.

use actix_web::HttpRequest;
use actix_web::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use actix_web::web::Payload;
use percent_encoding::percent_decode;

use super::Problem;
use crate::http::intake;
use crate::http::noted::Noted;
use crate::http::origin::may_be_ours;
use crate::http::received::{NotReceived, Received, receive};
use crate::json::{Json, Members};

/// The most bytes of a body: many times the largest customer.
pub(in crate::http) const LEN_MAX: usize = 128 * 1024;

/// Reads a body.
pub(in crate::http) async fn read(request: &HttpRequest, payload: Payload) -> Result<Members, Problem> {
    let bytes = bytes_up_to(LEN_MAX, request, payload).await?;
    let members = match media_type(request)? {
        MediaType::Json => read_json(&bytes),
        MediaType::Form => read_form(&bytes),
    }?;
    Noted::of(request).body(members.keys().map(String::as_str));
    Ok(members)
}

/// The bytes of a body that has no more of them than this, and is not encoded.
pub(in crate::http) async fn bytes_up_to(
    max: usize,
    request: &HttpRequest,
    payload: Payload,
) -> Result<Received, Problem> {
    let announced = request.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|len| len > max) {
        return Err(Problem::body_too_large(max));
    }
    match receive(payload, max).await {
        Ok(bytes) => match intake::encoding(request) {
            None => Ok(bytes),
            Some(encoding) => Err(Problem::encoded(encoding)),
        },
        Err(NotReceived::Failed(error)) if intake::is_late(&error) => Err(Problem::body_late()),
        Err(NotReceived::Failed(_)) => Err(Problem::body_incomplete()),
        Err(NotReceived::TooLarge) => Err(Problem::body_too_large(max)),
        Err(NotReceived::Crowded) => Err(Problem::busy()),
    }
}

enum MediaType {
    Json,
    Form,
}

/// In any case, with any parameters. Without the header a body is read as JSON: ours, since nothing public settles it.
fn media_type(request: &HttpRequest) -> Result<MediaType, Problem> {
    let header = request.headers().get(CONTENT_TYPE).map(|header| header.to_str().unwrap_or_default());
    let essence = header.map(|header| header.split(';').next().unwrap_or_default().trim());
    let media_type = match essence {
        // No page of another site can send this without asking first, and nobody there is answered.
        Some(essence) if essence.eq_ignore_ascii_case("application/json") => return Ok(MediaType::Json),
        Some(essence) if essence.eq_ignore_ascii_case("application/x-www-form-urlencoded") => MediaType::Form,
        Some(_) => return Err(Problem::media_type()),
        None => MediaType::Json,
    };
    // The rest any page can send, and a browser that was asked for a key once adds it to that.
    if may_be_ours(request) { Ok(media_type) } else { Err(Problem::cross_site()) }
}

/// A JSON body. A byte order mark before it, as .NET and PowerShell write one, is no part of it.
pub fn read_json(bytes: &[u8]) -> Result<Members, Problem> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if bytes.is_empty() {
        return Ok(Members::new());
    }
    let document = Json::parse(bytes).map_err(|error| Problem::not_json(&error))?;
    Ok(match document {
        Json::Object(members) => members,
        Json::Null => Members::new(),
        // As PHP sees them: an array's indexes are its keys, and anything else is an array of one. No rule knows a
        // field called 0.
        Json::Array(len) => (0..len).map(|index| (index.to_string(), Json::Null)).collect(),
        Json::Bool(_) | Json::Number(_) | Json::Text(_) => [("0".to_owned(), Json::Null)].into_iter().collect(),
    })
}

/// A form as PHP and Ruby send it. All values are text; `notes[key]=value` is a member of the object `notes`.
pub fn read_form(bytes: &[u8]) -> Result<Members, Problem> {
    let mut members = Members::new();
    for pair in bytes.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
        let mut halves = pair.splitn(2, |byte| *byte == b'=');
        let name = decode(halves.next().unwrap_or_default())?;
        let value = decode(halves.next().unwrap_or_default())?;
        put(&mut members, &name, value);
    }
    Ok(members)
}

fn decode(part: &[u8]) -> Result<String, Problem> {
    let spaced: Vec<u8> = part.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
    let decoded = percent_decode(&spaced).decode_utf8().map_err(|_| Problem::not_a_form())?;
    Ok(decoded.into_owned())
}

fn put(members: &mut Members, name: &str, value: String) {
    match name.split_once('[').and_then(|(outer, rest)| Some((outer, rest.strip_suffix(']')?))) {
        // `a[b][c]` and `a[]`: an object or an array within, of which nothing is ever read.
        Some((outer, inner)) if inner.contains("][") => {
            let key = inner.split("][").next().unwrap_or_default();
            put_within(members, outer, key, Json::Array(1));
        }
        // `a[]=` alone is how an empty array is sent.
        Some((outer, "")) => {
            let len = usize::from(!value.is_empty() || members.contains_key(outer));
            members.insert(outer.to_owned(), Json::Array(len));
        }
        Some((outer, key)) => put_within(members, outer, key, Json::Text(value)),
        None => drop(members.insert(name.to_owned(), Json::Text(value))),
    }
}

fn put_within(members: &mut Members, outer: &str, key: &str, value: Json) {
    if let Some(Json::Object(inner)) = members.get_mut(outer) {
        inner.insert(key.to_owned(), value);
    } else {
        members.insert(outer.to_owned(), Json::Object([(key.to_owned(), value)].into_iter().collect()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(text: &str) -> String {
        read_form(text.as_bytes()).map_or_else(|problem| problem.to_string(), |members| format!("{members:?}"))
    }

    #[test]
    fn forms_are_read_as_php_and_ruby_send_them() {
        insta::assert_snapshot!(form("name=Gaurav+Kumar&contact=%2B919123456780"), @r#"{"name": Text("Gaurav Kumar"), "contact": Text("+919123456780")}"#);
        insta::assert_snapshot!(form("notes[a]=1&notes%5Bb%20c%5D=2&notes[a]=3"), @r#"{"notes": Object({"a": Text("3"), "b c": Text("2")})}"#);
        insta::assert_snapshot!(form("name=%E0%A4%97&&=&x"), @r#"{"name": Text("ग"), "": Text(""), "x": Text("")}"#);
        insta::assert_snapshot!(form("notes[a][b]=1&notes[]=2"), @r#"{"notes": Array(1)}"#);
        insta::assert_snapshot!(form("notes[a][b]=1"), @r#"{"notes": Object({"a": Array(1)})}"#);
        insta::assert_snapshot!(form("notes[]="), @r#"{"notes": Array(0)}"#);
        insta::assert_snapshot!(form("notes[]=&notes[]=x&notes[]="), @r#"{"notes": Array(1)}"#);
        insta::assert_snapshot!(form("notes[a]=1&notes[]="), @r#"{"notes": Array(1)}"#);
        insta::assert_snapshot!(form("notes[a[b]=1&notes=x"), @r#"{"notes": Text("x")}"#);
        insta::assert_snapshot!(form("name=%FF"), @"The request body is not a valid form.");
    }
}
