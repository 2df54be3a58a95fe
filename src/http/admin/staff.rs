//! The people who may sign in, and inviting another. The link for them is in the answer to that, and nowhere afterwards.

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Query};
use askama::Template;
use serde::Deserialize;

use super::Answer;
use super::form::{Form, FormError};
use super::moment::Moment;
use super::page::{Shell, Turned, html, html_with};
use super::visit::{Owner, Visit};
use crate::domain::{Email, Field, Role, Staff, StaffId};
use crate::http::settings::Settings;
use crate::service::staff::{INVITATION_LASTS, StaffListed};
use crate::service::{Services, StaffRefused, Token};

#[derive(Template)]
#[template(path = "staff.html")]
pub(super) struct StaffPage {
    shell: Shell,
    errors: Vec<FormError>,
    lead: &'static str,
    done: String,
    pub(super) people: Vec<PersonRow>,
    email: String,
    role: Role,
}

/// A person as pages show them.
pub(super) struct PersonRow {
    pub(super) staff: Staff,
    pub(super) sessions: u64,
    seen: Option<Moment>,
    link: Option<Moment>,
    pub(super) is_me: bool,
    pub(super) is_only_owner: bool,
}

impl PersonRow {
    fn disabled(&self) -> Option<Moment> {
        self.staff.disabled_at.map(Moment)
    }
}

#[derive(Deserialize)]
pub(super) struct Done {
    #[serde(default)]
    done: String,
    #[serde(default)]
    who: String,
}

pub(super) async fn list(owner: Owner, query: Query<Done>, services: Data<Services>) -> Answer {
    let mut page = StaffPage::new(&owner, &services).await?;
    if let Some(row) = page.people.iter().find(|row| row.staff.id.as_str() == query.who) {
        page.done = done(&query.done, row);
    }
    Ok(html(&page))
}

fn done(what: &str, PersonRow { staff, is_me, .. }: &PersonRow) -> String {
    let email = staff.email.as_str();
    match what {
        "role" => format!("The role of {email} is {} now.", staff.role.as_str()),
        "sessions" if *is_me => "Your other sessions are ended.".to_owned(),
        "sessions" => format!("{email} is signed out everywhere."),
        "disable" if staff.disabled_at.is_some() => format!("{email} is disabled, and signed out everywhere."),
        "enable" if staff.disabled_at.is_none() => format!("{email} may sign in again."),
        _ => String::new(),
    }
}

pub(super) async fn invite(
    owner: Owner,
    form: Form,
    request: HttpRequest,
    services: Data<Services>,
    settings: Data<Settings>,
) -> Answer {
    let role = Role::parse(form.value("role")).ok_or_else(|| owner.turned(Turned::bad_form()))?;
    let typed = form.value("email").trim();
    let tidied = Field::Email.tidy(typed).unwrap_or_default();
    let error = match Email::parse(&tidied) {
        Err(invalid) => FormError::new("email", Field::Email.fault(&tidied).unwrap_or(invalid.words().to_owned())),
        Ok(email) => match services.staff.on_behalf_of(&owner.caller()).invite(email.clone(), role).await {
            Ok(token) => {
                let base = settings.base(&request);
                return Ok(html(&StaffLinkPage::new(&owner, &services, email, Some(role), token, base)));
            }
            Err(StaffRefused::Exists) => FormError::new("email", "Somebody has this email already."),
            Err(cause) => return Err(turned(&owner, cause)),
        },
    };
    let page = StaffPage::new(&owner, &services).await?;
    let page = StaffPage { errors: vec![error], lead: "Nobody is invited yet", email: typed.to_owned(), role, ..page };
    Ok(html_with(StatusCode::UNPROCESSABLE_ENTITY, &page))
}

impl StaffPage {
    pub(super) async fn new(owner: &Visit, services: &Services) -> Result<Self, Turned> {
        let everybody =
            services.staff.on_behalf_of(&owner.caller()).list().await.map_err(|cause| owner.turned(cause))?;
        let me = &owner.signed_in.staff.id;
        let can_own =
            |staff: &Staff| staff.role == Role::Owner && staff.disabled_at.is_none() && staff.password.is_some();
        let owners = everybody.iter().filter(|listed| can_own(&listed.staff)).count();
        let row = |StaffListed { staff, sessions, seen_at, link_ends_at }| PersonRow {
            is_me: staff.id == *me,
            is_only_owner: owners == 1 && can_own(&staff),
            sessions,
            seen: seen_at.map(Moment),
            link: link_ends_at.map(Moment),
            staff,
        };
        Ok(Self {
            shell: Shell::new(owner, "/staff"),
            errors: Vec::new(),
            lead: "",
            done: String::new(),
            people: everybody.into_iter().map(row).collect(),
            email: String::new(),
            role: Role::Viewer,
        })
    }

    /// Why nothing was changed about somebody, above the list.
    pub(super) async fn refused(owner: &Visit, services: &Services, id: &StaffId, cause: StaffRefused) -> Answer {
        let words = match cause {
            StaffRefused::LastOwner => "is the only owner. Make someone else an owner before changing this.",
            StaffRefused::Disabled => "is disabled. Enable them, then make the link.",
            cause => return Err(turned(owner, cause)),
        };
        let mut page = Self::new(owner, services).await?;
        let row = page.people.iter().find(|row| row.staff.id == *id);
        let email = row.ok_or_else(|| turned(owner, StaffRefused::NotFound))?.staff.email.as_str();
        page.errors.push(FormError::new(id.as_str(), format!("{email} {words}")));
        page.lead = "Nothing was changed";
        Ok(html_with(StatusCode::CONFLICT, &page))
    }
}

/// The one page that shows a link: of somebody new, or the new one of somebody who is there.
#[derive(Template)]
#[template(path = "staff_link.html")]
pub(super) struct StaffLinkPage {
    shell: Shell,
    email: Email,
    /// Absent where somebody is there already.
    role: Option<Role>,
    token: Token,
    base: String,
    until: Moment,
}

impl StaffLinkPage {
    pub(super) fn new(
        owner: &Visit,
        services: &Services,
        email: Email,
        role: Option<Role>,
        token: Token,
        base: String,
    ) -> Self {
        let until = Moment(services.now() + INVITATION_LASTS);
        Self { shell: Shell::new(owner, "/staff"), email, role, token, base, until }
    }
}

/// Why nothing was done about somebody, as a page.
pub(super) fn turned(owner: &Visit, cause: StaffRefused) -> Turned {
    let turned = match cause {
        StaffRefused::NotFound => Turned::not_found().saying("There is nobody here", "The address may be mistyped."),
        StaffRefused::Store(cause) => cause.into(),
        // These have words at the form that they come from.
        StaffRefused::Exists
        | StaffRefused::LastOwner
        | StaffRefused::Disabled
        | StaffRefused::WrongPassword
        | StaffRefused::TooMany(_) => Turned::failed(),
    };
    owner.turned(turned.with_ways(vec![(owner.to("/staff"), "See everybody".to_owned())]))
}
