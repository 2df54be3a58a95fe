//! For whoever watches the server, such as an orchestrator or a load balancer: whether it is alive, and whether it can do its
//! work. No credentials, nothing told of the inside.

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{HttpResponse, HttpResponseBuilder};

use super::only_read;
use crate::service::Services;

pub(super) fn routes(config: &mut ServiceConfig) {
    config.service(only_read("/healthz", web::to(alive))).service(only_read("/readyz", web::to(ready)));
}

/// Answers without the database: where that is in trouble, starting this process anew mends nothing.
async fn alive() -> HttpResponse {
    plain(StatusCode::OK).body("alive\n")
}

async fn ready(services: Data<Services>) -> HttpResponse {
    if services.health.is_ready().await {
        return plain(StatusCode::OK).body("ready\n");
    }
    let why = if services.health.is_file_in_doubt() {
        "not ready: the database file is in doubt or cannot be written, so edits wait; `patron doctor` and the log say why\n"
    } else {
        "not ready\n"
    };
    plain(StatusCode::SERVICE_UNAVAILABLE).insert_header((RETRY_AFTER, "1")).body(why)
}

fn plain(status: StatusCode) -> HttpResponseBuilder {
    let mut response = HttpResponse::build(status);
    response.insert_header((CONTENT_TYPE, "text/plain; charset=utf-8")).insert_header((CACHE_CONTROL, "no-store"));
    response
}
