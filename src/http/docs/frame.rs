//! What stands around every page of the reference, and the page that stands in for others.

use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;

use super::endpoints::ENDPOINTS;
use crate::http::assets;
use crate::http::html::html_with;
use crate::http::settings::Settings;

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
    pub(super) fn of(request: &HttpRequest) -> Self {
        let settings = request.app_data::<Data<Settings>>();
        let base = settings.map(|settings| settings.base(request)).unwrap_or_default();
        let host = settings.map(|settings| settings.host(request)).unwrap_or_default();
        Self { host, base, path: request.path().to_owned() }
    }

    pub(crate) fn asset(&self, name: &str) -> &'static str {
        assets::address(name)
    }

    pub(crate) fn places(&self) -> Vec<Place> {
        let endpoint = |slug: &str| format!("/docs/customers/{slug}");
        let mut places = vec![Place { address: "/docs".to_owned(), name: "Start" }];
        places.extend(ENDPOINTS.iter().map(|each| Place { address: endpoint(each.slug), name: each.name }));
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

/// There is no such page.
pub(super) async fn not_found(request: HttpRequest) -> HttpResponse {
    html_with(StatusCode::NOT_FOUND, &MissingPage { frame: Frame::of(&request) })
}
