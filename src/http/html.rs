//! Pages, and the headers that every page goes out with.

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use actix_web::{HttpResponse, HttpResponseBuilder};
use askama::Template;

const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; \
    connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// The one thing that a page may ask of a browser is to copy.
const PERMISSIONS_POLICY: &str = "camera=(), clipboard-read=(), display-capture=(), geolocation=(), microphone=(), \
    payment=(), publickey-credentials-get=(), usb=()";

/// A page.
pub(super) fn html(page: &impl Template) -> HttpResponse {
    html_with(StatusCode::OK, page)
}

/// A page with a status of its own: a form to mend is 422.
pub(super) fn html_with(status: StatusCode, page: &impl Template) -> HttpResponse {
    match page.render() {
        Ok(body) => head(status).body(body),
        Err(error) => not_rendered(&error),
    }
}

pub(super) fn not_rendered(error: &askama::Error) -> HttpResponse {
    tracing::error!(%error, "a page could not be rendered");
    HttpResponse::InternalServerError().finish()
}

/// The answer that a page is the body of.
pub(super) fn head(status: StatusCode) -> HttpResponseBuilder {
    let mut head = HttpResponse::build(status);
    head.insert_header((CONTENT_TYPE, "text/html; charset=utf-8"))
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header(("Content-Security-Policy", CONTENT_SECURITY_POLICY))
        .insert_header(("Referrer-Policy", "same-origin"))
        .insert_header(("Cross-Origin-Opener-Policy", "same-origin"))
        .insert_header(("Permissions-Policy", PERMISSIONS_POLICY));
    head
}
