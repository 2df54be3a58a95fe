//! The list of customers: newest first in pages, or those that have what one looks for.

use std::time::UNIX_EPOCH;

use actix_web::HttpRequest;
use actix_web::web::{Data, Query};
use askama::Template;
use serde::Deserialize;

use super::Answer;
use super::moment::Moment;
use super::page::{BadFilter, Shell, html};
use super::visit::Visit;
use crate::domain::search::Query as Search;
use crate::domain::{CustomerId, Field, Listed, Page, Place, Role, Span, Walk};
use crate::http::settings::Settings;
use crate::service::Services;

/// How many customers a page has.
const PAGE_LEN: u64 = 25;

/// What the address asks for. Everything is text, so that an error can say what is wrong with it.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    q: String,
    from: String,
    to: String,
    /// The id of the customer that the page comes after, on the way to the eldest.
    older: String,
    /// The id of the customer that the page comes before.
    newer: String,
}

impl Asked {
    /// The days in which customers were created, in UTC.
    fn span(&self) -> Result<Span, BadFilter> {
        days(&self.from, &self.to).map(|(from, to)| Span { from, to })
    }

    /// The words to search for; `None` where there are none.
    fn search(&self) -> Result<Option<Search>, BadFilter> {
        let search = Search::parse(&self.q);
        if search.is_none() && !self.q.trim().is_empty() {
            return Err(BadFilter("The search", "a part of a name, an email or a number"));
        }
        Ok(search)
    }

    /// All customers that the list would show, page after page.
    pub(super) fn walk(&self) -> Result<Walk, BadFilter> {
        let span = self.span()?;
        Ok(self.search()?.map_or(Walk::Created(span), Walk::Matching))
    }

    fn place(&self) -> Result<Place, BadFilter> {
        let id =
            |text: &str| CustomerId::parse(text).map_err(|_| BadFilter("The page", "after or before a customer's id"));
        Ok(match (self.older.as_str(), self.newer.as_str()) {
            ("", "") => Place::Newest,
            ("", newer) => Place::NewerThan(id(newer)?),
            (older, _) => Place::OlderThan(id(older)?),
        })
    }
}

#[derive(Template)]
#[template(path = "customers.html")]
struct CustomersPage {
    shell: Shell,
    may_edit: bool,
    base: String,
    q: String,
    from: String,
    to: String,
    narrowed: bool,
    rows: Vec<Row>,
    newer: String,
    older: String,
    other_mode: String,
}

struct Row {
    href: String,
    name: Marked,
    contact: Marked,
    email: Marked,
    gstin: Marked,
    /// What a customer without a name is read out as.
    known_by: String,
    /// The note that was found, where nothing else was.
    note: Option<(String, Marked)>,
    edited: Moment,
}

/// A value, and which parts of it were looked for.
struct Marked {
    whole: String,
    parts: Vec<(bool, String)>,
}

impl Marked {
    fn new(text: &str, search: Option<&Search>) -> Self {
        let parts = match search {
            Some(search) => search.mark(text).into_iter().map(|(marked, part)| (marked, part.to_owned())).collect(),
            None => vec![(false, text.to_owned())],
        };
        Self { whole: text.to_owned(), parts }
    }
}

pub(super) async fn list(
    visit: Visit,
    asked: Query<Asked>,
    request: HttpRequest,
    services: Data<Services>,
    settings: Data<Settings>,
) -> Answer {
    let asked = asked.into_inner();
    let unread = |unread: BadFilter| visit.turned(unread);
    let (search, span) = (asked.search().map_err(unread)?, asked.span().map_err(unread)?);
    let place = asked.place().map_err(unread)?;
    let caller = visit.caller();
    let page = match &search {
        Some(search) => services.customers.search(&caller, search, place, PAGE_LEN).await,
        None => services.customers.browse(&caller, span, place, PAGE_LEN).await,
    };
    let page = page.map_err(|refused| visit.turned(refused))?;
    Ok(html(&CustomersPage {
        shell: Shell::new(&visit, "/customers"),
        may_edit: visit.may(Role::Editor),
        base: settings.base(&request),
        narrowed: span != Span::default(),
        newer: turn(&visit, &asked, "newer", page.items.first().filter(|_| page.newer)),
        older: turn(&visit, &asked, "older", page.items.last().filter(|_| page.older)),
        other_mode: format!("{}?q={}", visit.in_other_mode("/customers"), encoded(&asked.q)),
        rows: rows(&visit, page, search.as_ref()),
        q: if search.is_some() { asked.q } else { String::new() },
        from: asked.from,
        to: asked.to,
    }))
}

fn rows(visit: &Visit, page: Page, search: Option<&Search>) -> Vec<Row> {
    let row = |Listed { customer, edited_at }: Listed| {
        let text = |field| customer.text(field).unwrap_or_default();
        let marked = |field| Marked::new(text(field), search);
        let found_note = search.and_then(|search| search.note(&customer));
        Row {
            href: visit.to(&format!("/customers/{}", customer.id.as_str())),
            name: marked(Field::Name),
            contact: marked(Field::Contact),
            email: marked(Field::Email),
            gstin: marked(Field::Gstin),
            known_by: customer.text(Field::Contact).unwrap_or(text(Field::Email)).to_owned(),
            note: found_note.map(|(key, value)| (key.to_owned(), Marked::new(value.as_str(), search))),
            edited: Moment(edited_at),
        }
    };
    page.items.into_iter().map(row).collect()
}

/// The address of the next page in a direction; empty where there is none.
fn turn(visit: &Visit, asked: &Asked, direction: &str, from: Option<&Listed>) -> String {
    let Some(Listed { customer, .. }) = from else { return String::new() };
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, value) in [("q", &asked.q), ("from", &asked.from), ("to", &asked.to)] {
        if !value.is_empty() {
            query.append_pair(name, value);
        }
    }
    query.append_pair(direction, customer.id.as_str());
    format!("{}?{}", visit.to("/customers"), query.finish())
}

/// A text in a query.
pub(super) fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// The first and the last second of days like `2026-11-23`, in UTC; an empty one is none.
pub(super) fn days(from: &str, to: &str) -> Result<(Option<i64>, Option<i64>), BadFilter> {
    let day = |name: &'static str, day: &str| match day.trim() {
        "" => Ok(None),
        day => first_second(day).map(Some).ok_or(BadFilter(name, "a day like 2026-11-23")),
    };
    Ok((day("From", from)?, day("To", to)?.map(|second| second + 86_399)))
}

/// The first second of a day.
fn first_second(day: &str) -> Option<i64> {
    let time = humantime::parse_rfc3339(&format!("{day}T00:00:00Z")).ok()?;
    i64::try_from(time.duration_since(UNIX_EPOCH).ok()?.as_secs()).ok()
}
