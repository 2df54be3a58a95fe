//! One of the people who may sign in: their role, their sessions, a link, and whether they are let in at all.

use actix_web::HttpRequest;
use actix_web::web::{Data, Path};
use askama::Template;

use super::Answer;
use super::form::Form;
use super::page::{Shell, Turned, html, see_other};
use super::staff::{PersonRow, StaffLinkPage, StaffPage, turned};
use super::visit::{Owner, Visit};
use crate::domain::{Role, StaffId};
use crate::http::settings::Settings;
use crate::service::{Services, StaffRefused};

/// The mode one stands in, and the person's id.
type OnePerson = Path<(String, String)>;

pub(super) async fn set_role(owner: Owner, path: OnePerson, form: Form, services: Data<Services>) -> Answer {
    let role = Role::parse(form.value("role")).ok_or_else(|| owner.turned(Turned::bad_form()))?;
    let id = id(path);
    let changed = services.staff.on_behalf_of(&owner.caller()).set_role(&id, role).await;
    // Who is no owner any more has no list to go back to.
    if changed.is_ok() && is_me(&owner, &id) && role < Role::Owner {
        return Ok(see_other(&owner.to("/account?done=role")));
    }
    back(&owner, &services, &id, "role", changed).await
}

/// Ends all sessions of somebody; of oneself, all others.
pub(super) async fn end_sessions(owner: Owner, path: OnePerson, _: Form, services: Data<Services>) -> Answer {
    let id = id(path);
    let this = is_me(&owner, &id).then(|| owner.signed_in.session.hash.clone());
    let ended = services.staff.on_behalf_of(&owner.caller()).end_sessions(&id, this).await;
    back(&owner, &services, &id, "sessions", ended).await
}

/// Another link: for an invitation that is over, or a password that is forgotten.
pub(super) async fn make_link(
    owner: Owner,
    path: OnePerson,
    _: Form,
    request: HttpRequest,
    services: Data<Services>,
    settings: Data<Settings>,
) -> Answer {
    let id = id(path);
    if is_me(&owner, &id) {
        // It would let whoever sits at somebody's session set a password without knowing the present one.
        let text = "Change your own password on your account page, where the present one is asked for.";
        let turned = Turned::forbidden().saying("Nothing was changed", text);
        return Err(owner.turned(turned.with_ways(vec![(owner.to("/account"), "Your account".to_owned())])));
    }
    let email = row(&owner, &services, &id).await?.staff.email;
    match services.staff.on_behalf_of(&owner.caller()).new_link_for(&id).await {
        Ok(token) => {
            let base = settings.base(&request);
            Ok(html(&StaffLinkPage::new(&owner, &services, email, None, token, base)))
        }
        Err(cause) => StaffPage::refused(&owner, &services, &id, cause).await,
    }
}

#[derive(Template)]
#[template(path = "staff_disable.html")]
struct StaffDisablePage {
    shell: Shell,
    row: PersonRow,
}

pub(super) async fn show_disable(owner: Owner, path: OnePerson, services: Data<Services>) -> Answer {
    let id = id(path);
    let row = row(&owner, &services, &id).await?;
    if row.is_only_owner {
        return StaffPage::refused(&owner, &services, &id, StaffRefused::LastOwner).await;
    }
    if row.staff.disabled_at.is_some() {
        return back(&owner, &services, &id, "disable", Ok(())).await;
    }
    Ok(html(&StaffDisablePage { shell: Shell::new(&owner, "/staff"), row }))
}

pub(super) async fn disable(owner: Owner, path: OnePerson, _: Form, services: Data<Services>) -> Answer {
    let id = id(path);
    let disabled = services.staff.on_behalf_of(&owner.caller()).set_disabled(&id, true).await;
    if disabled.is_ok() && is_me(&owner, &id) {
        return Ok(see_other("/sign-in"));
    }
    back(&owner, &services, &id, "disable", disabled).await
}

pub(super) async fn enable(owner: Owner, path: OnePerson, _: Form, services: Data<Services>) -> Answer {
    let id = id(path);
    let enabled = services.staff.on_behalf_of(&owner.caller()).set_disabled(&id, false).await;
    back(&owner, &services, &id, "enable", enabled).await
}

/// Back to the list, which says what was done; or why nothing was.
async fn back<T>(
    owner: &Visit,
    services: &Services,
    id: &StaffId,
    done: &str,
    result: Result<T, StaffRefused>,
) -> Answer {
    match result {
        Ok(_) => Ok(see_other(&owner.to(&format!("/staff?done={done}&who={}", id.as_str())))),
        Err(cause) => StaffPage::refused(owner, services, id, cause).await,
    }
}

async fn row(owner: &Visit, services: &Services, id: &StaffId) -> Result<PersonRow, Turned> {
    let people = StaffPage::new(owner, services).await?.people;
    people.into_iter().find(|row| row.staff.id == *id).ok_or_else(|| turned(owner, StaffRefused::NotFound))
}

fn is_me(owner: &Visit, id: &StaffId) -> bool {
    owner.signed_in.staff.id == *id
}

fn id(path: OnePerson) -> StaffId {
    StaffId::stored(path.into_inner().1)
}
