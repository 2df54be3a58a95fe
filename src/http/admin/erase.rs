//! The data of one person, for owners: all of it as a file, and its end. And what everybody sees of a customer who was erased.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use actix_web::web::{Data, Path};
use askama::Template;

use super::Answer;
use super::form::{Form, FormError};
use super::moment::Moment;
use super::page::{Shell, Turned, html, html_with, see_other};
use super::record::{fetch, heading};
use super::visit::{Owner, Visit};
use super::withdrawn;
use super::words::who;
use crate::domain::{Customer, CustomerId, Erasure, KeptCopy, Leaves, Role, Slice};
use crate::json::HeldJson;
use crate::service::{BeforeErasure, Erased, NotErased, Services};

/// The mode one stands in, and the customer's id.
type OneCustomer = Path<(String, String)>;

/// All that is held, as a file to be saved.
pub(super) async fn export(owner: Owner, path: OneCustomer, services: Data<Services>) -> Answer {
    let visit: &Visit = &owner;
    let customer = fetch_held(visit, &path.1, &services).await?;
    let export = services.erasures.export(&visit.caller(), &customer.id).await;
    let export = export.map_err(|refused| visit.turned(refused))?;
    leave(visit, &customer.id, "all that is held on a customer is exported");
    let held = &export.held;
    let who = (export.at, &export.by);
    let rows = export.import_rows.iter().map(|each| (each.import, &each.row));
    let text = HeldJson::of(&held.customer, &held.revisions, &held.requests, held.in_search, rows, who).to_text();
    let text = text.map_err(|error| {
        tracing::error!(error, "an export could not be written");
        visit.turned(Turned::failed())
    })?;
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "application/json"))
        .insert_header((CONTENT_DISPOSITION, format!("attachment; filename=\"{}.json\"", customer.id.as_str())))
        .insert_header((CACHE_CONTROL, "no-store"))
        .body(text))
}

/// A customer of whom something is held: one who is there, or was withdrawn.
async fn fetch_held(visit: &Visit, id: &str, services: &Services) -> Result<Customer, Turned> {
    match withdrawn::find(visit, id, Slice { count: 1, skip: 0 }, services).await? {
        Some(withdrawn) => Ok(withdrawn.customer),
        None => fetch(visit, id, services).await,
    }
}

/// A line in the log, by ids.
fn leave(visit: &Visit, id: &CustomerId, what: &str) {
    tracing::info!(customer = id.as_str(), staff = visit.signed_in.staff.id.as_str(), "{what}");
}

#[derive(Template)]
#[template(path = "erase.html")]
struct ErasePage {
    shell: Shell,
    address: String,
    heading: String,
    id: String,
    errors: Vec<FormError>,
    confirm: String,
    revisions: usize,
    requests: usize,
    import_rows: usize,
    copies: Vec<CopyRow>,
}

/// A copy of the database, as it is shown.
struct CopyRow {
    path: String,
    /// When it goes by itself.
    until: Option<Moment>,
}

impl CopyRow {
    fn of(copy: KeptCopy) -> Self {
        let until = match copy.leaves {
            Leaves::About(at) => Some(Moment(at)),
            Leaves::ByHand => None,
        };
        Self { path: copy.path.display().to_string(), until }
    }
}

pub(super) async fn show(owner: Owner, path: OneCustomer, services: Data<Services>) -> Answer {
    let customer = fetch_held(&owner, &path.1, &services).await?;
    Ok(html(&page(&owner, &customer, String::new(), &services).await?))
}

pub(super) async fn erase(owner: Owner, path: OneCustomer, form: Form, services: Data<Services>) -> Answer {
    let visit: &Visit = &owner;
    let customer = fetch_held(visit, &path.1, &services).await?;
    let confirm = form.value("confirm").trim();
    if confirm != customer.id.as_str() {
        let page = page(visit, &customer, confirm.to_owned(), &services).await?;
        let errors = vec![FormError::new("confirm", "Type the id exactly as it stands above.")];
        return Ok(html_with(StatusCode::UNPROCESSABLE_ENTITY, &ErasePage { errors, ..page }));
    }
    let address = visit.to(&format!("/customers/{}", customer.id.as_str()));
    match services.erasures.erase(&visit.caller(), &customer.id).await {
        Ok(()) => {
            leave(visit, &customer.id, "a customer is erased");
            Ok(see_other(&address))
        }
        Err(NotErased::Refused(refused)) => Err(visit.turned(refused)),
        Err(NotErased::Unready(why)) => Err(visit
            .turned(Turned::unavailable().saying(
                "Nothing was erased",
                format!("The file of erasures beside the backups is not ready: {why}. Without it a restored backup would bring the customer back."),
            ))
            .with_ways(vec![(address, "Go back to the customer".to_owned())])),
        Err(NotErased::Unkept(why)) => Err(visit
            .turned(Turned::unavailable().saying(
                "Erased, but not beside the backups yet",
                format!("The customer is erased. The file of erasures beside the backups could not be written: {why}. It is tried again every ten seconds; until then, a backup that is restored brings the customer back."),
            ))
            .with_ways(vec![(address, "See what is left".to_owned())])),
    }
}

async fn page(visit: &Visit, customer: &Customer, confirm: String, services: &Services) -> Result<ErasePage, Turned> {
    let before = services.erasures.preview(&visit.caller(), &customer.id).await;
    let BeforeErasure { held, import_rows, copies } = before.map_err(|refused| visit.turned(refused))?;
    Ok(ErasePage {
        shell: Shell::new(visit, "/customers"),
        address: visit.to(&format!("/customers/{}", customer.id.as_str())),
        heading: heading(customer),
        id: customer.id.as_str().to_owned(),
        errors: Vec::new(),
        confirm,
        revisions: held.revisions.len(),
        requests: held.requests.len(),
        import_rows,
        copies: copies.into_iter().map(CopyRow::of).collect(),
    })
}

#[derive(Template)]
#[template(path = "erased.html")]
struct ErasedPage {
    shell: Shell,
    id: String,
    at: Moment,
    who: String,
    is_swept: bool,
    is_kept: bool,
    copies: Vec<CopyRow>,
}

/// What there is in the place of a customer who was erased, if one was; else the page that stands in.
pub(super) async fn or_erased(visit: &Visit, id: &str, turned: Turned, services: &Services) -> Answer {
    let Ok(id) = CustomerId::parse(id) else { return Err(turned) };
    let found = if visit.may(Role::Owner) {
        services.erasures.find(visit.mode, &id).await
    } else {
        // Files are for owners.
        let fact = services.erasures.fact(visit.mode, &id).await;
        let alone = |erasure| Erased { erasure, is_swept: true, is_kept: true, copies: Vec::new() };
        fact.map(|fact| fact.map(alone))
    };
    let found = found.map_err(|refused| visit.turned(refused))?;
    let Some(Erased { erasure, is_swept, is_kept, copies }) = found else { return Err(turned) };
    let page = ErasedPage {
        shell: Shell::new(visit, "/customers"),
        id: id.as_str().to_owned(),
        at: Moment(erasure.at),
        who: who(&erasure.actor),
        is_swept,
        is_kept,
        copies: copies.into_iter().map(CopyRow::of).collect(),
    };
    Ok(html_with(StatusCode::GONE, &page))
}

/// What stands in the place of a page about a customer who was erased.
pub(super) fn instead(visit: &Visit, erasure: &Erasure) -> Turned {
    let by = who(&erasure.actor);
    let text = format!("{by} erased this customer for good. Nothing was changed, and there is nothing to change.");
    let address = visit.to(&format!("/customers/{}", erasure.customer.as_str()));
    visit.turned(Turned::gone().saying("This customer was erased", text)).with_ways(vec![
        (address, "See when, and what is left".to_owned()),
        (visit.to("/customers"), format!("Find a {} customer", visit.mode.as_str())),
    ])
}
