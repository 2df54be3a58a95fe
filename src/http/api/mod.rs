//! The JSON API: a drop-in for Razorpay's Customers API. Handlers read as sentences; the wire is in the files beside.

mod answers;
mod basic;
mod body;
mod conditional;
mod draft;
mod problem;
mod query;

use actix_web::web::{self, Data, Payload, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use percent_encoding::percent_decode_str;

use super::noted::Noted;
use super::reading;
use crate::domain::CustomerId;
use crate::service::{Caller, Services};

pub use problem::Problem;

/// A customer's answer, or a problem in its place.
type Answer = Result<HttpResponse, Problem>;

/// Every route of the API. Wrong methods and unknown URLs are one problem, as the hosted API has it.
pub fn routes(config: &mut ServiceConfig) {
    let customers = web::scope("/v1/customers")
        .service(
            web::resource("")
                .route(web::post().to(create))
                .route(reading().to(list))
                .default_service(web::to(not_found)),
        )
        // The scope leaves the router little to match: its patterns cost by the character.
        .service(
            web::resource("/{id}")
                .route(web::put().to(edit))
                .route(reading().to(fetch))
                .default_service(web::to(not_found)),
        )
        .service(web::resource("/{id}/revisions").route(reading().to(history)).default_service(web::to(not_found)))
        .default_service(web::to(not_found));
    config.service(customers).service(web::scope("/v1").default_service(web::to(not_found)));
}

async fn create(caller: Caller, request: HttpRequest, payload: Payload, services: Data<Services>) -> Answer {
    let (draft, if_taken) = draft::of_creation(body::read(&request, payload).await?);
    let customer = services.customers.create(&caller, draft, if_taken).await?;
    Noted::of(&request).written(&customer);
    Ok(answers::customer(&customer))
}

async fn edit(caller: Caller, request: HttpRequest, payload: Payload, services: Data<Services>) -> Answer {
    let draft = draft::of_edit(body::read(&request, payload).await?);
    let id = id_in(&request)?;
    let precondition = conditional::precondition(&request);
    let customer = services.customers.edit(&caller, &id, draft, precondition).await?;
    Noted::of(&request).written(&customer);
    Ok(answers::customer(&customer))
}

async fn fetch(caller: Caller, request: HttpRequest, services: Data<Services>) -> Answer {
    let id = id_in(&request)?;
    let customer = services.customers.fetch(&caller, &id).await?;
    if conditional::is_known(&request, &customer) {
        return Ok(answers::not_modified(&customer));
    }
    Ok(answers::customer(&customer))
}

async fn list(caller: Caller, request: HttpRequest, services: Data<Services>) -> Answer {
    let (filter, slice) = query::of_list(request.query_string())?;
    let customers = services.customers.list(&caller, filter, slice).await?;
    Ok(answers::customers(&customers))
}

async fn history(caller: Caller, request: HttpRequest, services: Data<Services>) -> Answer {
    let id = id_in(&request)?;
    let slice = query::of_history(request.query_string())?;
    let revisions = services.customers.history(&caller, &id, slice).await?;
    Ok(answers::revisions(&revisions))
}

async fn not_found() -> Answer {
    Err(Problem::url_not_found())
}

/// The customer that the path of a request names, if any.
pub(super) fn customer_in(request: &HttpRequest) -> Option<CustomerId> {
    id_in(request).ok()
}

/// The id in the path. What is malformed is reported as it was sent, before percent-decoding.
fn id_in(request: &HttpRequest) -> Result<CustomerId, Problem> {
    let sent = request.uri().path().split('/').filter(|segment| !segment.is_empty()).nth(2).unwrap_or_default();
    let decoded = percent_decode_str(sent).decode_utf8_lossy();
    CustomerId::parse(&decoded).or_else(|_| CustomerId::parse(sent)).map_err(|rest| Problem::id_malformed(&rest))
}
