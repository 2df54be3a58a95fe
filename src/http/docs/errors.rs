//! The pages of errors: all of them, and one each, at an address that stays.

use actix_web::http::StatusCode;
use actix_web::web::Path;
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;

use super::frame::{self, Frame};
use super::prose;
use crate::http::api::catalogue::{self, Cause, Entry, GROUPS, Group, causes};

#[derive(Template)]
#[template(path = "docs_errors.html")]
struct ErrorsPage {
    frame: Frame,
    groups: &'static [Group],
}

#[derive(Template)]
#[template(path = "docs_error.html")]
struct ErrorPage {
    frame: Frame,
    entry: &'static Entry,
    status: String,
    why: String,
    mend: String,
    law: String,
    causes: Vec<CauseShown>,
    request: String,
    headers: Vec<(&'static str, String)>,
    answer: String,
}

/// A cause in HTML.
struct CauseShown {
    anchor: String,
    why: &'static str,
    mend: String,
}

pub(super) async fn list(request: HttpRequest) -> HttpResponse {
    frame::show(&request, "/docs/errors", StatusCode::OK, |frame| ErrorsPage { frame, groups: &GROUPS }).await
}

pub(super) async fn show(request: HttpRequest, slug: Path<String>) -> HttpResponse {
    let Some(entry) = catalogue::entries().find(|entry| entry.slug == *slug) else {
        return frame::not_found(request).await;
    };
    let page = |frame| ErrorPage {
        frame,
        entry,
        status: entry.status().to_string(),
        why: prose::html(entry.why),
        mend: prose::html(entry.mend),
        law: prose::html(entry.law),
        causes: causes(entry.slug).iter().map(CauseShown::of).collect(),
        request: prose::shortened(&entry.request()),
        headers: entry.headers(),
        answer: format!("{:#}", entry.answer()),
    };
    frame::show(&request, &format!("/docs/errors/{}", entry.slug), StatusCode::OK, page).await
}

impl CauseShown {
    fn of(cause: &Cause) -> Self {
        Self { anchor: cause.anchor(), why: cause.why, mend: prose::html(cause.mend) }
    }
}

/// The page of the error that a request was answered with, by what is remembered of that; where the answer did not tell the
/// cause, its place on the page.
pub(in crate::http) fn address_of_recorded(status: u16, rule: &str, refused: Option<&str>) -> Option<String> {
    let entry = catalogue::find(status, rule)?;
    let cause = causes(entry.slug).iter().find(|cause| Some(cause.refused) == refused);
    let anchor = cause.map(|cause| format!("#{}", cause.anchor())).unwrap_or_default();
    Some(format!("/docs/errors/{}{anchor}", entry.slug))
}
