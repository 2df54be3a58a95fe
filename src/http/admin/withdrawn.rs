//! A customer who was withdrawn when the import that made it was undone: not there for applications, its history still to be read.

use actix_web::http::StatusCode;
use askama::Template;

use super::Answer;
use super::erase;
use super::moment::Moment;
use super::page::{Shell, Turned, html_with};
use super::record::{HISTORY_LEN, blank, heading};
use super::visit::Visit;
use super::words::{Became, Told, diff, who};
use crate::domain::{Changes, Customer, CustomerId, Slice, Withdrawn};
use crate::service::Services;

#[derive(Template)]
#[template(path = "withdrawn.html")]
struct WithdrawnPage {
    shell: Shell,
    address: String,
    heading: String,
    id: String,
    /// The import whose undoing it was.
    import: i64,
    at: Moment,
    who: String,
    /// The values that the customer had.
    values: Vec<Became>,
    revisions: Vec<Told>,
    newer: String,
    older: String,
}

/// The customer of an id as it stood when it was withdrawn, with a part of its history; `None` where none was.
pub(super) async fn find(
    visit: &Visit,
    id: &str,
    slice: Slice,
    services: &Services,
) -> Result<Option<Withdrawn>, Turned> {
    let Ok(id) = CustomerId::parse(id) else { return Ok(None) };
    let found = services.imports.withdrawn(&visit.caller(), &id, slice).await;
    found.map_err(|refused| visit.turned(refused))
}

/// What there is in the place of a customer who is not there: one who was withdrawn or erased; else the page that stands in.
pub(super) async fn or_gone(visit: &Visit, id: &str, past: u64, turned: Turned, services: &Services) -> Answer {
    let newest = find(visit, id, Slice { count: 1, skip: 0 }, services).await?;
    let Some(Withdrawn { customer, revisions }) = newest else {
        return erase::or_erased(visit, id, turned, services).await;
    };
    let shown = find(visit, id, Slice { count: HISTORY_LEN, skip: past }, services).await?;
    let shown = shown.map(|withdrawn| withdrawn.revisions).unwrap_or_default();
    let address = visit.to(&format!("/customers/{}", customer.id.as_str()));
    let part = |past: u64| format!("{address}?past={past}#history");
    let next = past + shown.len() as u64;
    let last = revisions.first();
    let page = WithdrawnPage {
        shell: Shell::new(visit, "/customers"),
        heading: heading(&customer),
        id: customer.id.as_str().to_owned(),
        import: last.and_then(|revision| revision.import).unwrap_or_default(),
        at: Moment(last.map(|revision| revision.at).unwrap_or_default()),
        who: last.map(|revision| who(&revision.actor)).unwrap_or_default(),
        values: diff(&Changes::between(&blank(visit.mode), &customer)),
        newer: if past == 0 { String::new() } else { part(past.saturating_sub(HISTORY_LEN)) },
        older: if next < customer.version && !shown.is_empty() { part(next) } else { String::new() },
        revisions: shown.iter().map(Told::of).collect(),
        address,
    };
    Ok(html_with(StatusCode::GONE, &page))
}

/// What stands in the place of a page about a customer who was withdrawn.
pub(super) fn instead(visit: &Visit, customer: &Customer) -> Turned {
    let text =
        "It was withdrawn when the import that made it was undone. Nothing was changed: bring the import back first.";
    let address = visit.to(&format!("/customers/{}", customer.id.as_str()));
    visit.turned(Turned::gone().saying("This customer was withdrawn", text)).with_ways(vec![
        (address, "See its history, and the import".to_owned()),
        (visit.to("/customers"), format!("Find a {} customer", visit.mode.as_str())),
    ])
}
