//! One key: a new secret for it, or its end.

use std::collections::HashMap;

use actix_web::HttpRequest;
use actix_web::web::{Data, Path};
use askama::Template;

use super::Answer;
use super::form::Form;
use super::keys::{KeyMadePage, KeyRow, refused};
use super::moment::Moment;
use super::page::{Shell, Turned, html, see_other};
use super::visit::{Owner, Visit};
use crate::domain::KeyId;
use crate::http::settings::Settings;
use crate::service::{KeyRefused, OldSecret, Services};

/// The mode one stands in, which may be the other one, and the key's id.
type OneKey = Path<(String, String)>;

#[derive(Template)]
#[template(path = "key_rotate.html")]
struct KeyRotatePage {
    shell: Shell,
    row: KeyRow,
    /// Until when the secret of today works on, where it does.
    old_until: Moment,
}

pub(super) async fn show_rotate(owner: Owner, path: OneKey, services: Data<Services>) -> Answer {
    let row = live(&owner, &services, &path).await?;
    let tomorrow = services.now() + OldSecret::A_DAY;
    let old_until = Moment(row.key.expires_at.map_or(tomorrow, |end| end.min(tomorrow)));
    Ok(html(&KeyRotatePage { shell: Shell::new(&owner, "/keys"), row, old_until }))
}

pub(super) async fn rotate(
    owner: Owner,
    path: OneKey,
    form: Form,
    request: HttpRequest,
    services: Data<Services>,
    settings: Data<Settings>,
) -> Answer {
    let old = match form.value("old") {
        "24h" => OldSecret::EndsInADay,
        "now" => OldSecret::EndsNow,
        _ => return Err(owner.turned(Turned::bad_form())),
    };
    let id = id(&path).map_err(|cause| refused(&owner, cause))?;
    let (key, secret) =
        services.access.on_behalf_of(&owner.caller()).rotate(&id, old).await.map_err(|cause| refused(&owner, cause))?;
    let row = KeyRow::new(key, &HashMap::new(), services.now());
    Ok(html(&KeyMadePage::new(&owner, row, secret, settings.base(&request))))
}

#[derive(Template)]
#[template(path = "key_revoke.html")]
struct KeyRevokePage {
    shell: Shell,
    row: KeyRow,
}

pub(super) async fn show_revoke(owner: Owner, path: OneKey, services: Data<Services>) -> Answer {
    let row = live(&owner, &services, &path).await?;
    Ok(html(&KeyRevokePage { shell: Shell::new(&owner, "/keys"), row }))
}

pub(super) async fn revoke(owner: Owner, path: OneKey, _: Form, services: Data<Services>) -> Answer {
    let id = id(&path).map_err(|cause| refused(&owner, cause))?;
    services.access.on_behalf_of(&owner.caller()).revoke(&id).await.map_err(|cause| refused(&owner, cause))?;
    Ok(see_other(&owner.to(&format!("/keys?revoked={}", id.as_str()))))
}

/// The key of the address, while something can be done with it.
async fn live(owner: &Visit, services: &Services, path: &OneKey) -> Result<KeyRow, Turned> {
    let id = id(path).map_err(|cause| refused(owner, cause))?;
    let key = services.access.fetch(&id).await.map_err(|cause| refused(owner, cause))?;
    let uses = services.access.last_uses().await.map_err(|cause| owner.turned(cause))?;
    let row = KeyRow::new(key, &uses, services.now());
    if row.is_live() { Ok(row) } else { Err(refused(owner, KeyRefused::Ended)) }
}

fn id(path: &OneKey) -> Result<KeyId, KeyRefused> {
    KeyId::parse(&path.1).ok_or(KeyRefused::NotFound)
}
