//! The JSON API: a drop-in for Razorpay's Customers API. Handlers read as sentences; the wire is in the files beside.

pub(super) mod answers;
pub(super) mod basic;
pub(super) mod body;
pub mod catalogue;
mod conditional;
pub mod description;
pub(super) mod draft;
mod place;
mod problem;
pub(super) mod query;

use actix_web::guard::{self, Guard};
use actix_web::web::{self, Data, Payload, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, Scope};
use percent_encoding::percent_decode_str;

use self::basic::Fetched;
use super::noted::Noted;
use super::reading;
use crate::domain::CustomerId;
use crate::json::Members;
use crate::service::{Caller, Services};

pub(super) use place::Place;
pub use problem::Problem;

/// The steps from what a stranger sends to what is asked, each without a request around it, so that they can be held against
/// arbitrary bytes.
pub mod steps {
    pub use super::basic::decode as credentials;
    pub use super::body::{read_form as form, read_json as json};
    pub use super::draft::{of_creation, of_edit};
    pub use super::query::of_list;
}

/// A customer's answer, or a problem in its place.
pub(super) type Answer = Result<HttpResponse, Problem>;

/// Every route of the API. Wrong methods and unknown URLs are one problem, as the hosted API has it.
pub fn routes(config: &mut ServiceConfig) {
    config
        .service(on(guard::Post(), Place::Customers).default_service(web::to(create)))
        .service(on(reading(), Place::Customers).default_service(web::to(list)))
        .service(on(guard::Put(), Place::Customer).default_service(web::to(edit)))
        .service(on(reading(), Place::Customer).default_service(web::to(fetch)))
        .service(on(reading(), Place::Revisions).default_service(web::to(history)))
        .service(on(reading(), Place::Tokens).default_service(web::to(tokens)))
        .service(web::scope("/v1").default_service(web::to(not_found)))
        // Whoever takes this for an emulator is a program, and told so.
        .service(web::scope("/_emulator").default_service(web::to(not_found)));
}

/// What is asked of a place by a method.
pub(super) fn on(method: impl Guard + 'static, place: Place) -> Scope {
    web::scope("/v1").guard(method).guard(place)
}

async fn create(caller: Caller, request: HttpRequest, payload: Payload, services: Data<Services>) -> Answer {
    let members = body::read(&request, payload).await?;
    create_of(&caller, &request, members, &services).await
}

/// Creates a customer of the members of a body.
pub(super) async fn create_of(caller: &Caller, request: &HttpRequest, members: Members, services: &Services) -> Answer {
    let (draft, if_taken) = draft::of_creation(members);
    let customer = services.customers.create(caller, draft, if_taken).await?;
    Noted::of(request).written(&customer);
    Ok(answers::customer(&customer))
}

pub(super) async fn edit(caller: Caller, request: HttpRequest, payload: Payload, services: Data<Services>) -> Answer {
    let draft = draft::of_edit(body::read(&request, payload).await?);
    let id = id_in(&request)?;
    let precondition = conditional::precondition(&request);
    let customer = services.customers.edit(&caller, &id, draft, precondition).await?;
    Noted::of(&request).written(&customer);
    Ok(answers::customer(&customer))
}

pub(super) async fn fetch(fetched: Fetched, request: HttpRequest) -> Answer {
    let customer = fetched.0;
    if conditional::is_known(&request, &customer) {
        return Ok(answers::not_modified(&customer));
    }
    Ok(answers::customer(&customer))
}

pub(super) async fn list(caller: Caller, request: HttpRequest, services: Data<Services>) -> Answer {
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

/// Lists the payment tokens of a customer: none, since there are no payments here. The official assistant server asks for them, so
/// that it is no unknown URL: ours. A strict emulator has it too, for the hosted API does.
async fn tokens(caller: Caller, request: HttpRequest, services: Data<Services>) -> Answer {
    let id = id_in(&request)?;
    query::of_history(request.query_string())?;
    services.customers.fetch(&caller, &id).await?;
    Ok(answers::none())
}

pub(super) async fn not_found() -> Answer {
    Err(Problem::url_not_found())
}

/// The customer that the path of a request names, if any.
pub(super) fn customer_in(request: &HttpRequest) -> Option<CustomerId> {
    id_in(request).ok()
}

/// The id in the path. What is malformed is reported as it was sent, before percent-decoding.
pub(super) fn id_in(request: &HttpRequest) -> Result<CustomerId, Problem> {
    let sent = request.uri().path().split('/').filter(|segment| !segment.is_empty()).nth(2).unwrap_or_default();
    let decoded = percent_decode_str(sent).decode_utf8_lossy();
    CustomerId::parse(&decoded).or_else(|_| CustomerId::parse(sent)).map_err(|rest| Problem::id_malformed(&rest))
}
