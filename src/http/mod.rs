//! The doors. Everything that speaks HTTP is below here, and nothing here knows how records are kept.

pub mod admin;
pub mod api;
mod assets;
mod client;
mod connections;
mod docs;
pub mod emulator;
mod gzip;
mod health;
mod html;
mod intake;
mod limits;
mod listener;
mod metrics;
mod noted;
mod one_by_one;
mod openapi;
mod origin;
mod path;
mod protection;
mod received;
mod release;
mod request_log;
mod settings;
mod shared_text;
mod slices;
mod tls;
mod watch;

use std::net::TcpListener;

use actix_web::body::MessageBody;
use actix_web::dev::{Server, ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::guard::{self, Guard};
use actix_web::http::header::ALLOW;
use actix_web::middleware::{Condition, from_fn};
use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{App, Error, HttpResponse, Resource, Route};

use crate::service::Services;

pub use emulator::Emulator;
pub use limits::{Limits, RateLimit};
pub use request_log::{LogFormat, RequestLog};
pub use settings::Settings;
pub use tls::{Tls, Validity, read_pem};

/// The application: what every request goes through, and every route.
pub fn app(
    services: Data<Services>,
    settings: Data<Settings>,
) -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<impl MessageBody>,
        Error = Error,
        InitError = (),
    >,
> {
    app_with(services, settings, |_| {})
}

/// The same, with routes that come before all others.
fn app_with(
    services: Data<Services>,
    settings: Data<Settings>,
    first: impl FnOnce(&mut ServiceConfig),
) -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<impl MessageBody>,
        Error = Error,
        InitError = (),
    >,
> {
    let limited = settings.limits.are_set();
    App::new()
        .app_data(services)
        .app_data(settings)
        .configure(first)
        .configure(api::routes)
        .configure(health::routes)
        .configure(openapi::routes)
        .configure(docs::routes)
        .configure(admin::routes)
        .wrap(Condition::new(limited, from_fn(limits::tell)))
        .wrap(from_fn(path::normalize))
        .wrap(from_fn(watch::watch))
}

/// HEAD is answered as GET, and the server leaves out the body.
fn reading() -> impl Guard {
    guard::Any(guard::Get()).or(guard::Head())
}

/// A place outside the API that is read and nothing else.
fn only_read(path: &str, route: Route) -> Resource {
    let refused = || async { HttpResponse::MethodNotAllowed().insert_header((ALLOW, "GET, HEAD")).finish() };
    web::resource(path).route(route.guard(reading())).default_service(web::to(refused))
}

/// Serves on a listener that is bound already, by HTTPS where the settings have a certificate, until [`Server::handle`] is told to
/// stop.
pub fn serve(listener: TcpListener, services: Data<Services>, settings: Settings) -> std::io::Result<Server> {
    let settings = Data::new(settings);
    let tls = settings.tls.clone();
    let worker = move || {
        // What a worker reads with is open from the start, whatever becomes of the file's name later.
        // An error is logged by the first request that reads.
        let _ = services.open_reader();
        app(services.clone(), settings.clone())
    };
    listener::listen(listener, tls, listener::workers(), move || worker().wrap(from_fn(intake::intake)))
}

/// The same for an emulator.
pub fn emulate(listener: TcpListener, emulator: Data<Emulator>, settings: Settings) -> std::io::Result<Server> {
    let settings = Data::new(settings);
    let tls = settings.tls.clone();
    let worker = move || emulator::app(emulator.clone(), settings.clone()).wrap(from_fn(intake::intake));
    listener::listen(listener, tls, listener::workers(), worker)
}

/// Serves `GET /metrics` on a listener that is bound already, without credentials and from one thread, until [`Server::handle`]
/// stops it.
pub fn serve_metrics(listener: TcpListener, services: Data<Services>) -> std::io::Result<Server> {
    listener::listen(listener, None, 1, move || metrics::app(services.clone()).wrap(from_fn(intake::intake)))
}
