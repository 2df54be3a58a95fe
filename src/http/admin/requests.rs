//! Recent requests to the API, for owners: what was asked, what came of it, and why a 401 was one.

use std::collections::HashMap;
use std::ops::RangeInclusive;

use actix_web::web::{Data, Path, Query};
use askama::Template;
use serde::Deserialize;

use super::Answer;
use super::figures::grouped;
use super::home::reason;
use super::page::{BadFilter, Shell, Turned, html};
use super::request_row::{KeyShown, RequestRow};
use super::visit::{Owner, Visit};
use crate::domain::{Asking, Cursor, Key, KeyId, Mode, RequestFilter, RequestListed, RequestNumber};
use crate::http::docs;
use crate::service::{Refused, Services, requests};

/// How many requests stand on a page.
const PAGE_LEN: usize = 50;
/// What is asked for by `status`, and what it is called.
const STATUSES: [(&str, &str); 13] = [
    ("", "Any"),
    ("errors", "Errors"),
    ("ours", "Errors of ours"),
    ("200", "200"),
    ("304", "304"),
    ("400", "400"),
    ("401", "401"),
    ("412", "412"),
    ("413", "413"),
    ("415", "415"),
    ("429", "429"),
    ("500", "500"),
    ("503", "503"),
];

#[derive(Template)]
#[template(path = "requests.html")]
struct RequestsPage {
    shell: Shell,
    records_max: String,
    days_max: i64,
    sample: u64,
    dropped: String,
    statuses: Vec<Choice>,
    keys: Vec<Choice>,
    is_narrowed: bool,
    rows: Vec<RequestRow>,
    /// The addresses of the pages beside this one.
    newer: Option<String>,
    older: Option<String>,
}

struct Choice {
    value: String,
    name: String,
    is_chosen: bool,
}

#[derive(Template)]
#[template(path = "request.html")]
struct RequestPage {
    shell: Shell,
    row: RequestRow,
    key_id: Option<KeyId>,
    query: String,
    body: String,
    field: String,
    /// Where the API's reference tells of the error.
    mend: Option<String>,
    customer: Option<String>,
    /// The version of the customer that the request made.
    version: Option<u64>,
}

#[derive(Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    status: String,
    #[serde(default)]
    key: String,
    before: Option<i64>,
    after: Option<i64>,
}

pub(super) async fn list(owner: Owner, asked: Query<Asked>, services: Data<Services>) -> Answer {
    let visit: &Visit = &owner;
    let keys = keys(visit, &services).await?;
    let cursor = match (asked.before, asked.after) {
        (Some(number), _) => Cursor::Before(RequestNumber(number)),
        (None, Some(number)) => Cursor::After(RequestNumber(number)),
        (None, None) => Cursor::Newest,
    };
    let filter = asked.filter().map_err(|unread| visit.turned(unread))?;
    let page = async |cursor| {
        let listed = services.requests.list(&visit.caller(), filter.clone(), cursor, PAGE_LEN as u64 + 1).await;
        listed.map_err(|refused| visit.turned(refused))
    };
    let (mut cursor, mut listed) = (cursor, page(cursor).await?);
    // Too few are newer to fill a page: then the newest are asked for.
    if matches!(cursor, Cursor::After(_)) && listed.len() <= PAGE_LEN {
        (cursor, listed) = (Cursor::Newest, page(Cursor::Newest).await?);
    }
    let more = listed.len() > PAGE_LEN;
    if more {
        listed.remove(if matches!(cursor, Cursor::After(_)) { 0 } else { PAGE_LEN });
    }
    let (has_newer, has_older) = match cursor {
        Cursor::Newest => (false, more),
        Cursor::Before(_) => (true, more),
        Cursor::After(_) => (more, true),
    };
    let number = |listed: &RequestListed| listed.record.number.0;
    let beside = |has: bool, edge: Option<&RequestListed>, word: &str| {
        edge.filter(|_| has).map(|edge| visit.to(&asked.address(word, number(edge))))
    };
    Ok(html(&RequestsPage {
        shell: Shell::new(visit, "/requests"),
        records_max: grouped(requests::RECORDS_MAX),
        days_max: requests::DAYS_MAX,
        sample: requests::SAMPLE,
        dropped: grouped(services.requests.dropped()),
        statuses: choices(STATUSES.map(|(value, name)| (value.to_owned(), name.to_owned())), &asked.status),
        keys: choices(key_choices(&keys, visit.mode), &asked.key),
        is_narrowed: !asked.status.is_empty() || !asked.key.is_empty(),
        newer: beside(has_newer, listed.first(), "after"),
        older: beside(has_older, listed.last(), "before"),
        rows: listed.iter().map(|listed| RequestRow::of(listed, visit.mode, &keys)).collect(),
    }))
}

pub(super) async fn show(owner: Owner, path: Path<(String, String)>, services: Data<Services>) -> Answer {
    let visit: &Visit = &owner;
    let number = path.1.parse().map_err(|_| not_kept(visit))?;
    let found = services.requests.fetch(visit.mode, RequestNumber(number)).await;
    let (listed, revision) = found.map_err(|refused| match refused {
        Refused::NotFound => not_kept(visit),
        other => visit.turned(other),
    })?;
    let row = RequestRow::of(&listed, visit.mode, &keys(visit, &services).await?);
    let RequestListed { record, customer_mode } = listed;
    let rule = record.rule.as_deref().unwrap_or_default();
    let mend = docs::address_of_recorded(record.status, rule, record.refused.as_deref());
    let customer = record.customer.filter(|_| customer_mode == Some(visit.mode));
    Ok(html(&RequestPage {
        shell: Shell::new(visit, "/requests"),
        row,
        key_id: record.key,
        query: record.query.replace(',', ", "),
        body: record.body.replace(',', ", "),
        mend,
        field: record.field.unwrap_or_default(),
        customer: customer.map(|id| id.as_str().to_owned()),
        version: revision.map(|revision| revision.version),
    }))
}

fn not_kept(visit: &Visit) -> Turned {
    let (days, most) = (requests::DAYS_MAX, grouped(requests::RECORDS_MAX));
    let text = format!(
        "Requests are kept for {days} days, {most} of them at most. When very many come at once, some are not written down."
    );
    let turned = Turned::not_found().saying("This request is not on record", text);
    visit.turned(turned.with_ways(vec![(visit.to("/requests"), "See all requests".to_owned())]))
}

async fn keys(visit: &Visit, services: &Services) -> Result<HashMap<KeyId, Key>, Turned> {
    let keys =
        services.access.on_behalf_of(&visit.caller()).list().await.map_err(|refused| visit.turned(reason(refused)))?;
    Ok(keys.into_iter().map(|key| (key.id.clone(), key)).collect())
}

impl Asked {
    fn filter(&self) -> Result<RequestFilter, BadFilter> {
        let status: Option<RangeInclusive<u16>> = match self.status.as_str() {
            "" => None,
            "errors" => Some(400..=599),
            "ours" => Some(500..=599),
            other => match other.parse() {
                Ok(status @ 100..=599) => Some(status..=status),
                _ => return Err(BadFilter("The status", "errors, ours or a status like 404")),
            },
        };
        let of = match self.key.as_str() {
            "" => Asking::Anybody,
            "unknown" => Asking::Unknown,
            other => match KeyId::parse(other) {
                Some(id) => Asking::Key(id),
                None => return Err(BadFilter("The key", "unknown or the id of a key")),
            },
        };
        Ok(RequestFilter { status, of })
    }

    /// The page beside this one, with the same filter.
    fn address(&self, word: &str, number: i64) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        for (name, value) in [("status", &self.status), ("key", &self.key)] {
            if !value.is_empty() {
                query.append_pair(name, value);
            }
        }
        format!("/requests?{}", query.append_pair(word, &number.to_string()).finish())
    }
}

fn choices(all: impl IntoIterator<Item = (String, String)>, chosen: &str) -> Vec<Choice> {
    let choice = |(value, name): (String, String)| Choice { is_chosen: value == chosen, value, name };
    all.into_iter().map(choice).collect()
}

/// A mode's keys by their labels, between anybody and nobody.
fn key_choices(keys: &HashMap<KeyId, Key>, mode: Mode) -> Vec<(String, String)> {
    let mut here: Vec<&Key> = keys.values().filter(|key| key.id.mode() == mode).collect();
    here.sort_by_key(|key| (key.created_at, key.id.as_str()));
    let id = |key: &Key| key.id.as_str().to_owned();
    let mut choices = vec![(String::new(), "Any".to_owned())];
    choices.extend(here.iter().map(|key| (id(key), if key.label.is_empty() { id(key) } else { key.label.clone() })));
    choices.push(("unknown".to_owned(), "Unknown keys".to_owned()));
    choices
}
