//! The first page: how to begin, and what holds everywhere.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;

use super::differences;
use super::frame::{self, Frame};
use super::samples::{self, Call, Sample};
use crate::http::api::catalogue;

#[derive(Template)]
#[template(path = "docs_start.html")]
struct StartPage {
    frame: Frame,
    samples: Vec<Sample>,
    /// An error for example.
    error: String,
    differences: Vec<String>,
}

pub(super) async fn show(request: HttpRequest) -> HttpResponse {
    let page = |frame: Frame| {
        let samples = samples::of(Call::Create, &frame.base);
        let error = catalogue::entries().find(|entry| entry.slug == "contact-too-short");
        let error = error.map(|entry| format!("{:#}", entry.answer())).unwrap_or_default();
        StartPage { frame, samples, error, differences: differences::list() }
    };
    frame::show(&request, "/docs", StatusCode::OK, page).await
}
