//! The doors. Everything that speaks HTTP is below here, and nothing here knows how records are kept.

pub mod admin;
pub mod api;
mod assets;
mod connections;
mod docs;
pub mod emulator;
mod health;
mod html;
mod intake;
mod limits;
mod metrics;
mod noted;
mod openapi;
mod origin;
mod path;
mod protection;
mod release;
mod settings;
mod tls;
mod watch;

use std::net::TcpListener;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use actix_web::body::MessageBody;
use actix_web::dev::{Server, ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::guard::{self, Guard};
use actix_web::http::header::ALLOW;
use actix_web::middleware::{Condition, from_fn};
use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{App, Error, HttpResponse, HttpServer, Resource, Route, rt};

use crate::service::Services;

pub use emulator::Emulator;
pub use limits::{Limits, RateLimit};
pub use settings::Settings;
pub use tls::{Tls, Validity};

/// How long requests in flight may take to finish once the server is told to stop. A container is killed 10 seconds after
/// it was told, and the log must be written back by then.
const STOP_WITHIN: Duration = Duration::from_secs(7);

/// Builds a server with the guards that every listener has: the number of connections, and times for a handshake, a head, a body,
/// an idle connection and an answer that is not read. A macro, because the types of applications have no names outside actix-web.
macro_rules! serve_each {
    ($listener:ident, $worker:expr, $workers:expr, $tls:expr) => {{
        connections::widen(&$listener);
        let worker = $worker;
        let tls: Option<Arc<Tls>> = $tls;
        let connections_max = connections::max_of_worker(workers());
        let server = HttpServer::new(move || worker().wrap(from_fn(intake::intake)))
            .workers($workers)
            .max_connections(connections_max)
            // Handshakes that do not come on keep nobody out but by the bound above.
            .max_connection_rate(connections_max)
            .tls_handshake_timeout(connections::HEAD_WITHIN)
            .on_connect(connections::watch)
            .client_request_timeout(connections::HEAD_WITHIN)
            .keep_alive(connections::IDLE_MAX)
            .client_disconnect_timeout(connections::LINGER_MAX)
            // The program decides what a signal means.
            .disable_signals()
            .shutdown_timeout(STOP_WITHIN.as_secs());
        let server = match tls {
            Some(tls) => server.listen_rustls_0_23($listener, tls.config().map_err(std::io::Error::other)?)?,
            None => server.listen($listener)?,
        };
        Ok(server.run())
    }};
}

/// The number of worker threads that serve requests.
fn workers() -> usize {
    available_parallelism().map_or(1, NonZeroUsize::get)
}

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
        services.read_together(|| {});
        let sharing = services.clone();
        rt::spawn(async move { sharing.share_snapshots().await });
        app(services.clone(), settings.clone())
    };
    serve_each!(listener, worker, workers(), tls)
}

/// The same for an emulator.
pub fn emulate(listener: TcpListener, emulator: Data<Emulator>, settings: Settings) -> std::io::Result<Server> {
    let settings = Data::new(settings);
    let tls = settings.tls.clone();
    serve_each!(listener, move || emulator::app(emulator.clone(), settings.clone()), workers(), tls)
}

/// Serves `GET /metrics` on a listener that is bound already, without credentials and from one thread, until [`Server::handle`]
/// stops it.
pub fn serve_metrics(listener: TcpListener, services: Data<Services>) -> std::io::Result<Server> {
    serve_each!(listener, move || metrics::app(services.clone()), 1, None)
}
