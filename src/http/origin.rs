//! The origin of a request, as browsers tell it.

use actix_web::HttpRequest;
use actix_web::http::header::ORIGIN;
use actix_web::web::Data;

use super::settings::{Settings, is_host};

/// The longest name of a host and its port.
const HOST_LEN_MAX: usize = 260;

/// The origin that a browser named and the one that this server has, where they differ.
#[derive(Debug)]
pub(super) struct Mismatch {
    pub(super) sent: String,
    pub(super) expected: String,
}

/// Whether a request may come from a page of ours, by the headers that pages cannot forge. A program that sends neither is no
/// browser, and has no cookie and no credentials that a page could borrow.
pub(super) fn may_be_ours(request: &HttpRequest) -> bool {
    match header(request, "sec-fetch-site") {
        // Browsers tell it to hosts that they trust: by HTTPS, or on this machine.
        Some(site) => site == "same-origin" || site == "none",
        None => header(request, ORIGIN.as_str())
            .is_none_or(|origin| base(request).is_some_and(|base| normal(origin) == normal(&base))),
    }
}

/// What differs, where a request is refused by the origin that it names. That is so of a page of another site, and also of our own
/// where a proxy in front changes the Host header.
pub(super) fn mismatch(request: &HttpRequest) -> Option<Mismatch> {
    let sent = header(request, ORIGIN.as_str()).filter(|_| header(request, "sec-fetch-site").is_none())?;
    let sent = normal(sent);
    let is_origin = sent.split_once("://").is_some_and(|(scheme, host)| {
        (scheme == "http" || scheme == "https") && host.len() <= HOST_LEN_MAX && is_host(host)
    });
    let expected = normal(&base(request)?);
    (is_origin && sent != expected).then_some(Mismatch { sent, expected })
}

fn header<'a>(request: &'a HttpRequest, name: &str) -> Option<&'a str> {
    Some(request.headers().get(name)?.to_str().unwrap_or("?"))
}

fn base(request: &HttpRequest) -> Option<String> {
    Some(request.app_data::<Data<Settings>>()?.base(request))
}

/// An origin as browsers spell it (RFC 6454, section 6.2): in lower case, and without the port that its scheme has anyway.
fn normal(origin: &str) -> String {
    let origin = origin.to_ascii_lowercase();
    let port = if origin.starts_with("https://") { ":443" } else { ":80" };
    origin.strip_suffix(port).unwrap_or(&origin).to_owned()
}
