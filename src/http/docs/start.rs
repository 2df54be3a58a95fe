//! The first page: how to begin, and what holds everywhere.

use actix_web::{HttpRequest, HttpResponse};
use askama::Template;

use super::differences;
use super::frame::Frame;
use super::samples::{self, Call, Sample};
use crate::http::api::catalogue;
use crate::http::html::html;

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
    let frame = Frame::of(&request);
    let samples = samples::of(Call::Create, &frame.base);
    let error = catalogue::entries().find(|entry| entry.slug == "contact-too-short");
    let error = error.map(|entry| format!("{:#}", entry.answer())).unwrap_or_default();
    html(&StartPage { frame, samples, error, differences: differences::list() })
}
