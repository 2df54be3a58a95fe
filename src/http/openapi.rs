//! `GET /openapi.json`: what the API is, for programs. No credentials, and nothing of the database.

use std::sync::LazyLock;

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, EntityTag, Header, IF_NONE_MATCH, IfNoneMatch};
use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use blake2::digest::consts::U8;
use blake2::{Blake2b, Digest};

use super::api::description;
use super::only_read;
use super::settings::Settings;
use super::shared_text::{self, SharedText};

pub(super) fn routes(config: &mut ServiceConfig) {
    config.service(only_read("/openapi.json", web::to(serve)));
}

/// The document, and the digest of it as rendered.
struct Document {
    text: SharedText,
    digest: Blake2b<U8>,
}

static DOCUMENT: LazyLock<Document> = LazyLock::new(|| {
    let text = description::document(shared_text::BASE).to_json().unwrap_or_default();
    let digest = Blake2b::new().chain_update(&text);
    Document { text: SharedText::new("/openapi.json", text), digest }
});

impl Document {
    fn tag(&self, address: &str) -> String {
        let digest = self.digest.clone().chain_update(address).finalize();
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

async fn serve(request: HttpRequest, settings: Data<Settings>) -> HttpResponse {
    // As it stands between the quotes of JSON.
    let address = serde_json::Value::from(settings.base(&request)).to_string();
    let address = address.trim_matches('"');
    let tag = DOCUMENT.tag(address);
    let mut response = HttpResponse::Ok();
    // Kept, and asked for again each time: its address stays when a new binary changes it.
    response.insert_header((CACHE_CONTROL, "public, no-cache")).insert_header((ETAG, EntityTag::new_weak(tag.clone())));
    if is_known(&request, &tag) {
        return response.status(StatusCode::NOT_MODIFIED).finish();
    }
    response.insert_header((CONTENT_TYPE, "application/json"));
    DOCUMENT.text.answer(&request, address, response).await
}

fn is_known(request: &HttpRequest, tag: &str) -> bool {
    match IfNoneMatch::parse(request) {
        Ok(IfNoneMatch::Any) => request.headers().contains_key(IF_NONE_MATCH),
        Ok(IfNoneMatch::Items(tags)) => tags.iter().any(|each| each.tag() == tag),
        Err(_) => false,
    }
}
