//! What stands around every page of the reference, and the page that stands in for others.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex};

use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;

use super::endpoints::ENDPOINTS;
use crate::http::assets;
use crate::http::html;
use crate::http::settings::Settings;
use crate::http::shared_text::{self, SharedText};

/// What stands around a page.
pub(crate) struct Frame {
    pub(crate) host: String,
    /// Scheme and host that samples ask.
    pub(crate) base: String,
    /// The address of the page.
    path: String,
}

/// A page in the list of pages.
pub(crate) struct Place {
    pub(crate) address: String,
    pub(crate) name: &'static str,
}

impl Frame {
    fn new(path: &str) -> Self {
        Self { host: shared_text::HOST.to_owned(), base: shared_text::BASE.to_owned(), path: path.to_owned() }
    }

    pub(crate) fn asset(&self, name: &str) -> &'static str {
        assets::address(name)
    }

    pub(crate) fn places(&self) -> Vec<Place> {
        let mut places = vec![Place { address: "/docs".to_owned(), name: "Start" }];
        places.extend(ENDPOINTS.iter().map(|each| Place { address: each.address(), name: each.name }));
        places.push(Place { address: "/docs/errors".to_owned(), name: "Errors" });
        places
    }

    /// Whether this is the page of a place, or below it.
    pub(crate) fn is_at(&self, place: &Place) -> bool {
        self.path == place.address || (place.address == "/docs/errors" && self.path.starts_with("/docs/errors/"))
    }

    /// `page` at a place itself, `true` below it.
    pub(crate) fn current(&self, place: &Place) -> &'static str {
        if self.path == place.address { "page" } else { "true" }
    }
}

#[derive(Template)]
#[template(path = "docs_missing.html")]
struct MissingPage {
    frame: Frame,
}

/// The pages that were asked for, by their address. There are as many as the reference has.
static PAGES: LazyLock<Mutex<HashMap<String, Arc<SharedText>>>> = LazyLock::new(Mutex::default);

/// Answers with a page of the reference, which is rendered once.
pub(super) async fn show<Page: Template>(
    request: &HttpRequest,
    path: &str,
    status: StatusCode,
    page: impl FnOnce(Frame) -> Page,
) -> HttpResponse {
    let kept = PAGES.lock().ok().and_then(|pages| pages.get(path).cloned());
    let text = match kept {
        Some(text) => text,
        None => match page(Frame::new(path)).render() {
            Ok(text) => {
                let text = Arc::new(SharedText::new(path, text));
                if let Ok(mut pages) = PAGES.lock() {
                    pages.insert(path.to_owned(), text.clone());
                }
                text
            }
            Err(error) => return html::not_rendered(&error),
        },
    };
    let base = request.app_data::<Data<Settings>>().map(|settings| settings.base(request)).unwrap_or_default();
    text.answer(request, &base, html::head(status)).await
}

/// There is no such page.
pub(super) async fn not_found(request: HttpRequest) -> HttpResponse {
    show(&request, "/docs/", StatusCode::NOT_FOUND, |frame| MissingPage { frame }).await
}
