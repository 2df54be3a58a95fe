//! A request as a line of a list, or the head of its page.

use std::collections::HashMap;

use super::figures::took;
use super::moment::Moment;
use crate::domain::{Key, KeyId, Mode, RequestListed, RequestRecord};

/// What takes longer than this stands out, in microseconds.
const SLOW: u64 = 1_000_000;

/// A request as it is shown.
pub(crate) struct RequestRow {
    pub(crate) number: i64,
    pub(crate) at: Moment,
    pub(crate) status: u16,
    pub(crate) asked: String,
    /// What the caller was not told.
    pub(crate) reason: &'static str,
    /// When the key ended, where it had.
    pub(crate) ended: Option<Moment>,
    pub(crate) rule: String,
    pub(crate) took: String,
    pub(crate) is_slow: bool,
    pub(crate) key: KeyShown,
}

pub(crate) enum KeyShown {
    /// None is known.
    None,
    Label(String),
    /// The start of an id.
    Id(String),
}

impl RequestRow {
    pub(super) fn of(listed: &RequestListed, mode: Mode, keys: &HashMap<KeyId, Key>) -> Self {
        let RequestListed { record, customer_mode } = listed;
        let key = record.key.as_ref().and_then(|id| keys.get(id));
        let (mut words, ended) = match (record.refused.as_deref(), key) {
            (Some("expired key"), Some(key)) => ("Expired", key.expires_at.map(Moment)),
            (Some("revoked key"), Some(key)) => ("Revoked", key.revoked_at.map(Moment)),
            (Some(refused), _) => (refusal(refused), None),
            (None, _) => ("", None),
        };
        // A key of one mode asked for a customer of the other: it is told no more than that there is none.
        if let Some(other) = customer_mode.filter(|other| *other != mode && record.status == 400) {
            words = if other == Mode::Live { "It is a live customer" } else { "It is a test customer" };
        }
        Self {
            number: record.number.0,
            at: Moment(record.number.seconds()),
            status: record.status,
            asked: asked(record),
            reason: words,
            ended,
            rule: record.rule.clone().unwrap_or_default(),
            took: took(record.micros),
            is_slow: record.micros >= SLOW,
            key: match (key, &record.key) {
                (Some(key), _) if !key.label.is_empty() => KeyShown::Label(key.label.clone()),
                (_, Some(id)) => KeyShown::Id(id.as_str().chars().take(16).collect()),
                (_, None) => KeyShown::None,
            },
        }
    }
}

/// Method and path, the customer filled in and the query by its names.
fn asked(record: &RequestRecord) -> String {
    let id = record.customer.as_ref().map_or("…", |id| id.as_str());
    let path = if record.route.is_empty() { "/v1/…".to_owned() } else { record.route.replace("{id}", id) };
    let query = record.query.replace(',', "&");
    format!("{} {path}{}{query}", record.method, if query.is_empty() { "" } else { "?" })
}

fn refusal(refused: &str) -> &'static str {
    match refused {
        "unknown key" => "No such key",
        "wrong secret" => "Wrong secret",
        "expired key" => "Expired",
        "revoked key" => "Revoked",
        "malformed key id" => "What was sent is not a key id",
        "malformed header" => "The Authorization header is malformed",
        "no credentials" => "No key was sent",
        "too many failures" => "Too many wrong secrets in a minute",
        "the address's limit" => "More requests than one address may send",
        "the key's limit" => "More requests than one key may send",
        _ => "The key could not be checked",
    }
}
