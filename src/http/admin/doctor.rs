//! Whether all is well, for owners: looked at when they ask.

use actix_web::web::Data;
use askama::Template;

use super::Answer;
use super::form::Form;
use super::moment::Moment;
use super::page::{Shell, html};
use super::visit::{Owner, Visit};
use crate::http::Settings;
use crate::service::Services;
use crate::service::doctor::{Finding, Verdict, report};

#[derive(Template)]
#[template(path = "doctor.html")]
struct DoctorPage {
    shell: Shell,
    /// When it was looked at, and what was found; nothing before that.
    found: Option<(Moment, Vec<Finding>)>,
    /// The same as a text, to be carried elsewhere.
    report: String,
}

pub(super) async fn show(owner: Owner) -> Answer {
    let page = DoctorPage { shell: Shell::new(&owner, "/doctor"), found: None, report: String::new() };
    Ok(html(&page))
}

pub(super) async fn examine(owner: Owner, _form: Form, services: Data<Services>, settings: Data<Settings>) -> Answer {
    let visit: &Visit = &owner;
    let mut findings = services.examine(false).await.map_err(|refused| visit.turned(refused))?;
    findings.extend(settings.tls.as_ref().map(|tls| tls.finding(services.now())));
    let report = format!("Patron {}\n{}", env!("CARGO_PKG_VERSION"), report(&findings));
    let found = Some((Moment(services.now()), findings));
    Ok(html(&DoctorPage { shell: Shell::new(visit, "/doctor"), found, report }))
}
