//! Gzipped copies of what never changes, made once. The server's middleware would gzip each answer anew.

use std::io::Write;

use actix_web::http::header::{AcceptEncoding, ContentEncoding, Encoding, Header, VARY};
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use flate2::Compression;
use flate2::write::GzEncoder;

use super::slices::Slices;

/// Gzips bytes. `None` only where there is no memory for it.
pub(super) fn gzip(parts: &[Bytes]) -> Option<Bytes> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    for part in parts {
        encoder.write_all(part).ok()?;
    }
    encoder.finish().ok().map(Bytes::from)
}

pub(super) fn accepts_gzip(request: &HttpRequest) -> bool {
    let offered = [Encoding::gzip(), Encoding::identity()];
    let accepted = AcceptEncoding::parse(request).ok();
    accepted.and_then(|accepted| accepted.negotiate(offered.iter())) == Some(Encoding::gzip())
}

/// Answers with the gzipped copy, where there is one and the client accepts it, else with the bytes themselves.
pub(super) fn negotiated(
    request: &HttpRequest,
    mut response: HttpResponseBuilder,
    gzipped: Option<Bytes>,
    plain: impl FnOnce() -> Vec<Bytes>,
) -> HttpResponse {
    response.append_header((VARY, "accept-encoding"));
    match gzipped.filter(|_| accepts_gzip(request)) {
        Some(gzipped) => response.insert_header(ContentEncoding::Gzip).body(Slices::new([gzipped])),
        None => response.body(Slices::new(plain())),
    }
}
