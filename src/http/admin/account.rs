//! One's own account: the password, and where one is signed in.

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Query};
use askama::Template;
use serde::Deserialize;

use super::Answer;
use super::door::chosen_password;
use super::form::{Form, FormError};
use super::moment::Moment;
use super::page::{Shell, Turned, html, html_with, see_other};
use super::visit::Visit;
use crate::domain::{Secret, Session};
use crate::http::settings::Settings;
use crate::service::{Refused, Services, StaffRefused};

#[derive(Template)]
#[template(path = "account.html")]
struct AccountPage {
    shell: Shell,
    errors: Vec<FormError>,
    done: String,
    role: &'static str,
    sessions: Vec<SessionRow>,
}

struct SessionRow {
    hash: String,
    agent: String,
    is_this: bool,
    began: Moment,
    seen: Moment,
}

impl AccountPage {
    async fn new(visit: &Visit, services: &Services, errors: Vec<FormError>, done: &str) -> Result<Self, Turned> {
        let this = &visit.signed_in.session;
        let sessions = services.staff.sessions(&this.staff).await.map_err(|refused| visit.turned(refused))?;
        let row = |session: Session| SessionRow {
            is_this: session.hash == this.hash,
            agent: browser_of(&session.agent),
            began: Moment(session.created_at),
            seen: Moment(session.seen_at),
            hash: session.hash,
        };
        Ok(Self {
            shell: Shell::new(visit, "/account"),
            errors,
            done: done.to_owned(),
            role: visit.signed_in.staff.role.as_str(),
            sessions: sessions.into_iter().map(row).collect(),
        })
    }
}

#[derive(Deserialize)]
pub(super) struct Done {
    #[serde(default)]
    done: String,
}

pub(super) async fn show(visit: Visit, query: Query<Done>, services: Data<Services>) -> Answer {
    let done = match query.done.as_str() {
        "password" => "Your password is changed, and your other sessions are ended.",
        "session" => "The session is ended.",
        "sessions" => "Your other sessions are ended.",
        "role" => "Your role is changed.",
        _ => "",
    };
    Ok(html(&AccountPage::new(&visit, &services, Vec::new(), done).await?))
}

pub(super) async fn change_password(
    visit: Visit,
    form: Form,
    request: HttpRequest,
    services: Data<Services>,
    settings: Data<Settings>,
) -> Answer {
    let mut errors = Vec::new();
    let new = chosen_password(&form, visit.signed_in.staff.email.as_str(), &mut errors);
    if let Some(new) = new.filter(|_| errors.is_empty()) {
        let current = Secret::given(form.value("current").to_owned());
        let changed = services
            .staff
            .on_behalf_of(&visit.caller())
            .change_password(&visit.signed_in, &current, &new, settings.client(&request))
            .await;
        match changed {
            Ok(()) => return Ok(see_other(&visit.to("/account?done=password"))),
            Err(StaffRefused::WrongPassword) => {
                errors.push(FormError::new("current", "This is not your present password."));
            }
            Err(StaffRefused::TooMany(seconds)) => {
                let words = format!("Too many failed attempts. Try again in {seconds} seconds.");
                errors.push(FormError::new("current", words));
            }
            Err(StaffRefused::Store(refused)) => return Err(visit.turned(refused)),
            Err(_) => return Err(visit.turned(Refused::Failed)),
        }
    }
    Ok(html_with(StatusCode::UNPROCESSABLE_ENTITY, &AccountPage::new(&visit, &services, errors, "").await?))
}

/// Ends one of one's sessions, or all others.
pub(super) async fn end_sessions(visit: Visit, form: Form, services: Data<Services>) -> Answer {
    let this = &visit.signed_in.session;
    if form.has("session") {
        let ended = services.staff.end_session(&this.staff, form.value("session")).await;
        ended.map_err(|refused| visit.turned(refused))?;
        return Ok(see_other(&visit.to("/account?done=session")));
    }
    match services.staff.on_behalf_of(&visit.caller()).end_sessions(&this.staff, Some(this.hash.clone())).await {
        Ok(()) => Ok(see_other(&visit.to("/account?done=sessions"))),
        Err(StaffRefused::Store(refused)) => Err(visit.turned(refused)),
        Err(_) => Err(visit.turned(Refused::Failed)),
    }
}

/// What a person would call their browser, from what it calls itself.
fn browser_of(agent: &str) -> String {
    let name =
        [("Edg/", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari")];
    let system = [
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Windows", "Windows"),
        ("Mac OS", "Mac"),
        ("Linux", "Linux"),
    ];
    let find =
        |list: &[(&str, &'static str)]| list.iter().find(|(mark, _)| agent.contains(mark)).map(|(_, name)| *name);
    match (find(&name), find(&system)) {
        (Some(name), Some(system)) => format!("{name} on {system}"),
        (Some(name), None) => name.to_owned(),
        _ if agent.is_empty() => "A browser without a name".to_owned(),
        _ => agent.chars().take(60).collect(),
    }
}
