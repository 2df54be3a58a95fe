//! `patron key`: create, list, rotate, revoke, import.

use std::path::Path;
use std::time::Duration;

use patron::domain::{Actor, Key, KeyId, Secret};
use patron::json::ActorJson;
use patron::service::{KeyRefused, Services};
use patron::store::Use;
use serde::Serialize;

use super::{Done, confirmed, date, line, print, with_services};
use crate::config::{KeyCommand, KeyCreate, KeyImport, KeyRotate};

pub fn run(db: &Path, command: KeyCommand) -> Done {
    let use_ = match command {
        KeyCommand::Create(_) | KeyCommand::Import(_) => Use::Fill,
        KeyCommand::List { .. } => Use::Read,
        KeyCommand::Rotate(_) | KeyCommand::Revoke { .. } => Use::Existing,
    };
    with_services(db, use_, async |services| match command {
        KeyCommand::Create(settings) => create(services, settings).await,
        KeyCommand::List { json } => list(services, json).await,
        KeyCommand::Rotate(settings) => rotate(services, settings).await,
        KeyCommand::Revoke { id, yes } => revoke(services, &id, yes).await,
        KeyCommand::Import(settings) => import(services, settings).await,
    })
}

async fn create(services: &Services, settings: KeyCreate) -> Done {
    let issued =
        services.access.issue(maker("key create"), settings.mode, &settings.label, settings.expires.map(seconds)).await;
    let (key, secret) = issued.map_err(|refused| refused.to_string())?;
    show(&key, &secret, settings.json).map_err(unseen(&key.id))
}

async fn rotate(services: &Services, KeyRotate { id, old, json }: KeyRotate) -> Done {
    let (key, secret) = services.access.rotate(&id, old).await.map_err(about(&id))?;
    show(&key, &secret, json).map_err(unseen(&key.id))?;
    if let Some((_, ends_at)) = key.previous.filter(|_| !json && old == patron::service::OldSecret::EndsInADay) {
        print(&format!("The secret before works until {}.", date(ends_at)))?;
    }
    Ok(())
}

async fn revoke(services: &Services, id: &KeyId, yes: bool) -> Done {
    let question = format!("Revoke {}? Applications that use it are refused at once, for good.", id.as_str());
    confirmed(&question, yes, &format!("this revokes {} for good", id.as_str()))?;
    let key = services.access.revoke(id).await.map_err(about(id))?;
    print(&format!("{} is revoked since {}.", id.as_str(), date(key.revoked_at.unwrap_or_default())))
}

async fn import(services: &Services, KeyImport { id, label, expires }: KeyImport) -> Done {
    let secret = Secret::parse(line(&format!("Secret of {}: ", id.as_str()))?.trim())
        .ok_or("the secret is not 24 letters and digits; give it as one line on standard input")?;
    let key = services
        .access
        .import(maker("key import"), id.clone(), &secret, &label, expires.map(seconds))
        .await
        .map_err(about(&id))?;
    print(&format!("{} opens {} customers from now on.", key.id.as_str(), key.id.mode().as_str()))
}

async fn list(services: &Services, json: bool) -> Done {
    let keys = services.access.list().await.map_err(|refused| refused.to_string())?;
    if json {
        return print_json(&keys.iter().map(ListedKey::of).collect::<Vec<_>>());
    }
    if keys.is_empty() {
        print("There are no keys. Make one: patron key create --mode test")?;
    }
    for key in keys {
        let end = match (key.revoked_at, key.expires_at) {
            (Some(at), _) => format!("revoked {}", date(at)),
            (None, Some(at)) if services.access.has_expired(&key) => format!("expired {}", date(at)),
            (None, Some(at)) => format!("expires {}", date(at)),
            (None, None) => "never expires".into(),
        };
        print(&format!("{}  made {}  {end:<29}  {}", key.id.as_str(), date(key.created_at), key.label))?;
    }
    Ok(())
}

fn about(id: &KeyId) -> impl Fn(KeyRefused) -> String {
    move |refused| format!("{}: {refused}", id.as_str())
}

/// The one time that a secret is shown.
#[derive(Serialize)]
struct IssuedKey<'a> {
    key_id: &'a str,
    key_secret: &'a str,
    mode: &'static str,
    label: &'a str,
    expires_at: Option<i64>,
}

#[derive(Serialize)]
struct ListedKey<'a> {
    key_id: &'a str,
    mode: &'static str,
    label: &'a str,
    created_at: i64,
    expires_at: Option<i64>,
    revoked_at: Option<i64>,
    made_by: Option<ActorJson<'a>>,
}

impl<'a> ListedKey<'a> {
    fn of(key: &'a Key) -> Self {
        Self {
            key_id: key.id.as_str(),
            mode: key.id.mode().as_str(),
            label: &key.label,
            created_at: key.created_at,
            expires_at: key.expires_at,
            revoked_at: key.revoked_at,
            made_by: key.maker.as_ref().map(ActorJson::of),
        }
    }
}

fn maker(command: &str) -> Actor {
    Actor::Command { name: command.to_owned() }
}

/// What to do about a key whose secret was made, and then shown to nobody.
fn unseen(id: &KeyId) -> impl Fn(String) -> String {
    let id = id.as_str();
    move |sentence| {
        format!(
            "{sentence}; {id} has a secret that nobody has seen: `patron key rotate {id} --old now` gives it another, \
             `patron key revoke {id}` ends it"
        )
    }
}

fn show(key: &Key, secret: &Secret, json: bool) -> Done {
    let mode = key.id.mode().as_str();
    if json {
        return print_json(&IssuedKey {
            key_id: key.id.as_str(),
            key_secret: secret.reveal(),
            mode,
            label: &key.label,
            expires_at: key.expires_at,
        });
    }
    let expires = key.expires_at.map_or("never".into(), date);
    print(&format!(
        "key id      {}\n\
         key secret  {}    shown this once: only its hash is stored\n\
         mode        {mode}\n\
         label       {}\n\
         expires     {expires}",
        key.id.as_str(),
        secret.reveal(),
        key.label
    ))
}

fn print_json(value: &impl Serialize) -> Done {
    print(&serde_json::to_string(value).map_err(|error| error.to_string())?)
}

fn seconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap_or(i64::MAX)
}
