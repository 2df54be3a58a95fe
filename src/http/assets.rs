//! The files of `static/`, inside the binary. Each is served under an address that has its hash, so a browser may keep it
//! for good, and a new binary's files are new addresses.

use std::sync::LazyLock;

use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use actix_web::web::{Bytes, Path};
use actix_web::{HttpRequest, HttpResponse};
use blake2::digest::consts::U8;
use blake2::{Blake2b, Digest};

use super::gzip::{gzip, negotiated};

struct Asset {
    name: &'static str,
    media_type: &'static str,
    bytes: Bytes,
    gzipped: Option<Bytes>,
    address: String,
}

static ASSETS: LazyLock<[Asset; 5]> = LazyLock::new(|| {
    let asset = |name, media_type, bytes: &'static [u8]| {
        let hash: String = Blake2b::<U8>::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        let bytes = Bytes::from_static(bytes);
        let gzipped = gzip(std::slice::from_ref(&bytes));
        Asset { name, media_type, bytes, gzipped, address: format!("/static/{hash}/{name}") }
    };
    [
        asset("console.css", "text/css; charset=utf-8", include_bytes!("../../static/console.css")),
        asset("console.js", "text/javascript; charset=utf-8", include_bytes!("../../static/console.js")),
        asset("docs.js", "text/javascript; charset=utf-8", include_bytes!("../../static/docs.js")),
        asset("favicon.svg", "image/svg+xml", include_bytes!("../../static/favicon.svg")),
        asset("favicon-test.svg", "image/svg+xml", include_bytes!("../../static/favicon-test.svg")),
    ]
});

/// The address of a file; empty for one that is not there.
pub(super) fn address(name: &str) -> &'static str {
    ASSETS.iter().find(|asset| asset.name == name).map_or("", |asset| asset.address.as_str())
}

/// `GET /static/{hash}/{name}`: what is under an address never changes. Nothing is looked up in a file system.
pub(super) async fn serve(request: HttpRequest, path: Path<(String, String)>) -> HttpResponse {
    let asked = format!("/static/{}/{}", path.0, path.1);
    let Some(asset) = ASSETS.iter().find(|asset| asset.address == asked) else {
        return HttpResponse::NotFound().finish();
    };
    let mut response = HttpResponse::Ok();
    response
        .insert_header((CONTENT_TYPE, asset.media_type))
        .insert_header((CACHE_CONTROL, "public, max-age=31536000, immutable"));
    negotiated(&request, response, asset.gzipped.clone(), || vec![asset.bytes.clone()])
}
