//! `GET /openapi.json`: what the API is, for programs. No credentials, and nothing of the database.

use std::sync::{Mutex, PoisonError};

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, EntityTag, Header, IF_NONE_MATCH, IfNoneMatch};
use actix_web::middleware::Compress;
use actix_web::web::{self, Bytes, Data, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use blake2::digest::consts::U8;
use blake2::{Blake2b, Digest};

use super::api::description;
use super::only_read;
use super::settings::Settings;

pub(super) fn routes(config: &mut ServiceConfig) {
    config.service(only_read("/openapi.json", web::to(serve)).wrap(Compress::default()));
}

/// The document as it was served last. It differs by the address that a request asks, which is one, or a few.
#[derive(Clone)]
struct Served {
    base: String,
    tag: String,
    document: Bytes,
}

static LAST: Mutex<Option<Served>> = Mutex::new(None);

async fn serve(request: HttpRequest, settings: Data<Settings>) -> HttpResponse {
    let Served { tag, document, .. } = served(settings.base(&request));
    let mut response = HttpResponse::Ok();
    // Kept, and asked for again each time: its address stays when a new binary changes it.
    response.insert_header((CACHE_CONTROL, "public, no-cache")).insert_header((ETAG, EntityTag::new_weak(tag.clone())));
    if is_known(&request, &tag) {
        return response.status(StatusCode::NOT_MODIFIED).finish();
    }
    response.insert_header((CONTENT_TYPE, "application/json")).body(document)
}

fn is_known(request: &HttpRequest, tag: &str) -> bool {
    match IfNoneMatch::parse(request) {
        Ok(IfNoneMatch::Any) => request.headers().contains_key(IF_NONE_MATCH),
        Ok(IfNoneMatch::Items(tags)) => tags.iter().any(|each| each.tag() == tag),
        Err(_) => false,
    }
}

fn served(base: String) -> Served {
    // Whoever panicked with it left it whole.
    let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    match &*last {
        Some(served) if served.base == base => served.clone(),
        _ => {
            let document = Bytes::from(description::document(&base).to_json().unwrap_or_default());
            let tag = Blake2b::<U8>::digest(&document).iter().map(|byte| format!("{byte:02x}")).collect();
            last.insert(Served { base, tag, document }).clone()
        }
    }
}
