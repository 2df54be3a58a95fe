//! Nothing that the hosted API has not: what is Patron's own is refused or left out, so that a test that passes here passes there.

use actix_web::HttpRequest;
use actix_web::guard;
use actix_web::http::header::{ETAG, IF_MATCH};
use actix_web::web::{self, Data, Payload, ServiceConfig};

use crate::http::api::{self, Answer, Place, Problem, answers, body, query};
use crate::http::reading;
use crate::json::Json;
use crate::service::{Caller, Services};

/// In front of the routes of the same places.
pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .service(api::on(guard::Post(), Place::Customers).default_service(web::to(create)))
        .service(api::on(reading(), Place::Customers).default_service(web::to(list)))
        .service(api::on(guard::Put(), Place::Customer).default_service(web::to(edit)))
        .service(api::on(reading(), Place::Customer).default_service(web::to(fetch)))
        .service(api::on(reading(), Place::Revisions).default_service(web::to(api::not_found)));
}

async fn create(caller: Caller, request: HttpRequest, payload: Payload, services: Data<Services>) -> Answer {
    let mut members = body::read(&request, payload).await?;
    if let Some(sent) = members.get_mut("fail_existing")
        && !matches!(sent, Json::Text(text) if text == "0" || text == "1")
    {
        // What no rule takes, so that it is judged in its turn.
        *sent = Json::Array(1);
    }
    bare(api::create_of(&caller, &request, members, &services).await)
}

/// Knows no parameters but those of any list.
async fn list(caller: Caller, request: HttpRequest, services: Data<Services>) -> Answer {
    query::of_history(request.query_string())?;
    api::list(caller, request, services).await
}

async fn edit(caller: Caller, request: HttpRequest, payload: Payload, services: Data<Services>) -> Answer {
    if request.headers().contains_key(IF_MATCH) {
        return Err(Problem::extra(&["If-Match"]));
    }
    bare(api::edit(caller, request, payload, services).await)
}

/// Whatever `If-None-Match` says.
async fn fetch(caller: Caller, request: HttpRequest, services: Data<Services>) -> Answer {
    let id = api::id_in(&request)?;
    bare(Ok(answers::customer(&services.customers.fetch(&caller, &id).await?)))
}

fn bare(answer: Answer) -> Answer {
    let mut response = answer.map_err(Problem::bare)?;
    response.headers_mut().remove(ETAG);
    Ok(response)
}
