//! Where a request comes from, as browsers tell.

use actix_web::HttpRequest;
use actix_web::http::header::ORIGIN;
use actix_web::web::Data;

use super::settings::Settings;

/// Whether a request may come from a page of ours, by the headers that pages cannot forge. A program that sends neither is no
/// browser, and has no cookie and no credentials that a page could borrow.
pub(super) fn may_be_ours(request: &HttpRequest) -> bool {
    let header = |name: &str| Some(request.headers().get(name)?.to_str().unwrap_or("?"));
    // Browsers tell it to hosts that they trust: by HTTPS, or on this machine.
    if let Some(site) = header("sec-fetch-site") {
        return site == "same-origin" || site == "none";
    }
    let Some(settings) = request.app_data::<Data<Settings>>() else { return false };
    header(ORIGIN.as_str()).is_none_or(|origin| origin == settings.base(request))
}
