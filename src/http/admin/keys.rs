//! The keys of both modes, and making another. Its secret is in the answer to that, and nowhere afterwards.

use std::collections::HashMap;

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Query};
use askama::Template;
use serde::Deserialize;

use super::Answer;
use super::form::{Form, FormError};
use super::moment::Moment;
use super::page::{Shell, Turned, html, html_with, mode_word};
use super::visit::{Owner, Visit};
use super::words::who;
use crate::domain::{Actor, Key, KeyId, Mode, Secret};
use crate::http::settings::Settings;
use crate::service::{KeyRefused, LastUse, Services};

const MODES: [Mode; 2] = [Mode::Live, Mode::Test];
const DAY: i64 = 24 * 60 * 60;
/// A key that ends within this many seconds stands out.
const SOON: i64 = 14 * DAY;

#[derive(Template)]
#[template(path = "keys.html")]
struct KeysPage {
    shell: Shell,
    errors: Vec<FormError>,
    /// What the key is called that was revoked just now.
    revoked: Option<String>,
    tables: Vec<KeyTable>,
    typed: String,
    mode: Mode,
    lifetime: &'static Lifetime,
}

/// The keys of one mode, what has ended last.
struct KeyTable {
    mode: Mode,
    rows: Vec<KeyRow>,
}

impl KeyTable {
    fn mode_word(&self) -> &'static str {
        mode_word(self.mode)
    }
}

/// A key as pages show it.
pub(super) struct KeyRow {
    pub(super) key: Key,
    pub(super) last_used: Option<Moment>,
    end: End,
    /// Until when the secret before works too.
    pub(super) both_until: Option<Moment>,
    now: i64,
}

/// When a key ends.
enum End {
    Never,
    Soon(Moment),
    Later(Moment),
    Expired(Moment),
    Revoked(Moment),
}

/// How long a new key may be made to last.
struct Lifetime {
    value: &'static str,
    words: &'static str,
    seconds: Option<i64>,
}

const LIFETIMES: [Lifetime; 4] = [
    Lifetime { value: "never", words: "Never", seconds: None },
    Lifetime { value: "30", words: "In 30 days", seconds: Some(30 * DAY) },
    Lifetime { value: "90", words: "In 90 days", seconds: Some(90 * DAY) },
    Lifetime { value: "365", words: "In a year", seconds: Some(365 * DAY) },
];

#[derive(Deserialize)]
pub(super) struct Done {
    #[serde(default)]
    revoked: String,
}

pub(super) async fn list(owner: Owner, query: Query<Done>, services: Data<Services>) -> Answer {
    let mut page = KeysPage::new(&owner, &services).await?;
    let mut ended = page.tables.iter().flat_map(|table| &table.rows).filter(|row| row.key.revoked_at.is_some());
    let revoked = ended.find(|row| row.key.id.as_str() == query.revoked);
    page.revoked = revoked.map(|row| row.name().to_owned());
    Ok(html(&page))
}

pub(super) async fn create(
    owner: Owner,
    form: Form,
    request: HttpRequest,
    services: Data<Services>,
    settings: Data<Settings>,
) -> Answer {
    let lifetime = LIFETIMES.iter().find(|lifetime| lifetime.value == form.value("ends"));
    let mode = MODES.into_iter().find(|mode| mode.as_str() == form.value("mode"));
    let (Some(mode), Some(lifetime)) = (mode, lifetime) else {
        return Err(owner.turned(Turned::bad_form()));
    };
    let label = form.value("label").trim();
    let words = if label.is_empty() {
        "Say who or what will use the key.".to_owned()
    } else {
        match services
            .access
            .on_behalf_of(&owner.caller())
            .issue(owner.signed_in.actor(), mode, label, lifetime.seconds)
            .await
        {
            Ok((key, secret)) => {
                let base = settings.base(&request);
                return Ok(html(&KeyMadePage::new(
                    &owner,
                    KeyRow::new(key, &HashMap::new(), services.now()),
                    secret,
                    base,
                )));
            }
            Err(KeyRefused::Label(fault)) => format!("The label {fault}."),
            Err(cause) => return Err(refused(&owner, cause)),
        }
    };
    let errors = vec![FormError::new("label", words)];
    let page = KeysPage { errors, typed: label.to_owned(), mode, lifetime, ..KeysPage::new(&owner, &services).await? };
    Ok(html_with(StatusCode::UNPROCESSABLE_ENTITY, &page))
}

impl KeysPage {
    async fn new(owner: &Visit, services: &Services) -> Result<Self, Turned> {
        let keys = services.access.on_behalf_of(&owner.caller()).list().await.map_err(|cause| refused(owner, cause))?;
        let uses = services.access.last_uses().await.map_err(|cause| owner.turned(cause))?;
        let now = services.now();
        let mut modes = MODES;
        modes.sort_by_key(|mode| *mode != owner.mode);
        let table = |mode| {
            let rows = keys.iter().filter(|key| key.id.mode() == mode).map(|key| KeyRow::new(key.clone(), &uses, now));
            let mut rows: Vec<KeyRow> = rows.collect();
            rows.sort_by_key(|row| !row.is_live());
            KeyTable { mode, rows }
        };
        Ok(Self {
            shell: Shell::new(owner, "/keys"),
            errors: Vec::new(),
            revoked: None,
            tables: modes.map(table).into(),
            typed: String::new(),
            mode: Mode::Test,
            lifetime: &LIFETIMES[0],
        })
    }
}

impl KeyRow {
    /// `uses` are those of all keys.
    pub(super) fn new(key: Key, uses: &HashMap<KeyId, LastUse>, now: i64) -> Self {
        let end = match (key.revoked_at, key.expires_at) {
            (Some(at), _) => End::Revoked(Moment(at)),
            (None, Some(at)) if at <= now => End::Expired(Moment(at)),
            (None, Some(at)) if at - now <= SOON => End::Soon(Moment(at)),
            (None, Some(at)) => End::Later(Moment(at)),
            (None, None) => End::Never,
        };
        let both_until = key.previous.as_ref().map(|(_, at)| key.expires_at.map_or(*at, |end| end.min(*at)));
        let both_until = both_until.filter(|at| now < *at && key.is_live(now)).map(Moment);
        let last_used = uses.get(&key.id).and_then(LastUse::any).map(Moment);
        Self { key, last_used, end, both_until, now }
    }

    pub(super) fn is_live(&self) -> bool {
        self.key.is_live(self.now)
    }

    pub(super) fn made(&self) -> Moment {
        Moment(self.key.created_at)
    }

    /// Who made it, where that is known.
    pub(super) fn maker(&self) -> Option<String> {
        self.key.maker.as_ref().map(|maker| match maker {
            Actor::Command { .. } => "the command line".to_owned(),
            maker => who(maker),
        })
    }

    /// How far off something about it is.
    pub(super) fn away(&self, at: &Moment) -> String {
        at.away(self.now)
    }

    pub(super) fn mode(&self) -> &'static str {
        self.key.id.mode().as_str()
    }

    pub(super) fn mode_word(&self) -> &'static str {
        mode_word(self.key.id.mode())
    }

    /// What people call it, or else its id.
    pub(super) fn name(&self) -> &str {
        if self.key.label.is_empty() { self.key.id.as_str() } else { &self.key.label }
    }
}

/// The one page that shows a secret: of a new key, or the new one of a key that there was.
#[derive(Template)]
#[template(path = "key_made.html")]
pub(super) struct KeyMadePage {
    shell: Shell,
    row: KeyRow,
    secret: Secret,
    base: String,
    is_rotated: bool,
}

impl KeyMadePage {
    pub(super) fn new(owner: &Visit, row: KeyRow, secret: Secret, base: String) -> Self {
        let is_rotated = row.key.previous.is_some();
        Self { shell: Shell::new(owner, "/keys"), row, secret, base, is_rotated }
    }
}

/// Why nothing was done with a key, as a page.
pub(super) fn refused(owner: &Visit, cause: KeyRefused) -> Turned {
    let turned = match cause {
        KeyRefused::NotFound => Turned::not_found().saying("There is no such key", "Its id may be mistyped."),
        // Gone for good, as a dead link is.
        KeyRefused::Ended => Turned::dead_link().saying(
            "This key has ended",
            "It is revoked or expired, for good. Whatever still needs one can get a new key.",
        ),
        KeyRefused::Exists | KeyRefused::Known | KeyRefused::Label(_) => Turned::failed(),
        KeyRefused::Store(cause) => cause.into(),
    };
    owner.turned(turned.with_ways(vec![(owner.to("/keys"), "See all keys".to_owned())]))
}
