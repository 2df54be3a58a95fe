//! What is counted, for Prometheus, on a listener of its own: who reads it is not who may reach the two doors.

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use actix_web::web::{self, Data};
use actix_web::{App, Error, HttpResponse};

use super::reading;
use crate::service::Services;

/// The text format of OpenMetrics 1.0.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The application of the metrics port.
pub(super) fn app(
    services: Data<Services>,
) -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<impl MessageBody>,
        Error = Error,
        InitError = (),
    >,
> {
    App::new()
        .app_data(services)
        .route("/metrics", web::route().guard(reading()).to(metrics))
        .default_service(web::to(not_found))
}

async fn metrics(services: Data<Services>) -> HttpResponse {
    match services.metrics().await {
        Ok(text) => HttpResponse::Ok().insert_header((CONTENT_TYPE, OPEN_METRICS)).body(text),
        Err(_) => plain(StatusCode::SERVICE_UNAVAILABLE, "the figures cannot be read; the log says why\n"),
    }
}

async fn not_found() -> HttpResponse {
    plain(StatusCode::NOT_FOUND, "there is only /metrics here\n")
}

fn plain(status: StatusCode, text: &'static str) -> HttpResponse {
    HttpResponse::build(status)
        .insert_header((CONTENT_TYPE, "text/plain; charset=utf-8"))
        .insert_header((CACHE_CONTROL, "no-store"))
        .body(text)
}
