//! What is counted, for Prometheus, on a listener of its own: who reads it is not who may reach the two doors.

use std::net::TcpListener;

use actix_web::dev::Server;
use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use actix_web::web::{self, Data};
use actix_web::{App, HttpResponse, HttpServer};

use super::{connections, reading};
use crate::service::Services;

/// The text format of OpenMetrics 1.0.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// Connections at once: a few that ask every some seconds.
const CONNECTIONS_MAX: usize = 64;

/// Serves `GET /metrics` on a listener that is bound already, without credentials, until [`Server::handle`] is told to stop.
pub fn serve_metrics(listener: TcpListener, services: Data<Services>) -> std::io::Result<Server> {
    let app = move || {
        App::new()
            .app_data(services.clone())
            .route("/metrics", web::route().guard(reading()).to(metrics))
            .default_service(web::to(not_found))
    };
    let server = HttpServer::new(app)
        .workers(1)
        .max_connections(CONNECTIONS_MAX)
        .on_connect(connections::watch)
        .client_request_timeout(connections::HEAD_WITHIN)
        .keep_alive(connections::IDLE_MAX)
        .disable_signals()
        .shutdown_timeout(1)
        .listen(listener)?;
    Ok(server.run())
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
