//! Servers on listeners that are bound already, with the guards that each has: the number of connections; times for a handshake, a head, a
//! body, an idle connection and an answer that is not read; and requests one by one.

use std::any::Any;
use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use actix_http::error::DispatchError;
use actix_http::{HttpService, Protocol, Request, Response};
use actix_server::{GracefulShutdownSignal, Server, ServerBuilder};
use actix_service::{IntoServiceFactory, ServiceFactory, ServiceFactoryExt, fn_service, map_config};
use actix_tls::accept::TlsError;
use actix_tls::accept::rustls_0_23::{Acceptor, TlsStream};
use actix_web::body::MessageBody;
use actix_web::dev::AppConfig;
use actix_web::rt::net::TcpStream;
use tokio::io::{AsyncRead, AsyncWrite};

use super::connections;
use super::one_by_one::OneByOne;
use super::slices::SLICE;
use super::tls::Tls;

/// How long requests in flight may take to finish once the server is told to stop. A container is killed 10 seconds after
/// it was told, and the log must be written back by then.
const STOP_WITHIN: Duration = Duration::from_secs(7);

/// The number of worker threads that serve requests.
pub(super) fn workers() -> usize {
    available_parallelism().map_or(1, NonZeroUsize::get)
}

/// Serves what each worker makes, by HTTPS where there is a certificate, until [`actix_web::dev::ServerHandle`] stops it. An application
/// must be wrapped in [`super::intake::intake`], which lets the second request of a connection in.
pub(super) fn listen<F, I, S, B>(
    listener: TcpListener,
    tls: Option<Arc<Tls>>,
    workers: usize,
    application: F,
) -> io::Result<Server>
where
    F: Fn() -> I + Send + Clone + 'static,
    I: IntoServiceFactory<S, Request>,
    S: ServiceFactory<Request, Config = AppConfig> + 'static,
    S::Error: Into<actix_web::Error>,
    S::InitError: fmt::Debug,
    S::Response: Into<Response<B>>,
    S::Service: 'static,
    B: MessageBody + 'static,
{
    connections::widen(&listener);
    let connections_max = connections::max_of_worker(self::workers());
    // Handshakes that do not come on keep nobody out but by the bound of connections.
    actix_tls::accept::max_concurrent_tls_connect(connections_max);
    let builder = ServerBuilder::new()
        .workers(workers)
        .max_concurrent_connections(connections_max)
        // The program decides what a signal means.
        .disable_signals()
        .shutdown_timeout(STOP_WITHIN.as_secs());
    let stopping = builder.graceful_shutdown_signal();
    let builder = match tls {
        None => builder.listen("http", listener, move || {
            fn_service(|io: TcpStream| async move { Ok(one_by_one(io.peer_addr(), io)) })
                .and_then(http(application(), stopping.clone()))
        })?,
        Some(tls) => {
            let mut config = tls.config().map_err(io::Error::other)?;
            config.alpn_protocols = vec![b"http/1.1".to_vec()];
            builder.listen("https", listener, move || {
                let mut acceptor = Acceptor::new(config.clone());
                acceptor.set_handshake_timeout(connections::HEAD_WITHIN);
                acceptor
                    .map_init_err(|_| ())
                    .map_err(TlsError::into_service_error)
                    .map(|io: TlsStream<TcpStream>| one_by_one(io.get_ref().0.peer_addr(), io))
                    .and_then(http(application(), stopping.clone()).map_err(TlsError::Service))
            })?
        }
    };
    Ok(builder.run())
}

/// The service of each connection: HTTP/1.1 with the times that a client has.
fn http<T, I, S, B>(
    application: I,
    stopping: GracefulShutdownSignal,
) -> impl ServiceFactory<Connection<T>, Config = (), Response = (), Error = DispatchError, InitError = ()>
where
    T: AsyncRead + AsyncWrite + Unpin + 'static,
    I: IntoServiceFactory<S, Request>,
    S: ServiceFactory<Request, Config = AppConfig> + 'static,
    S::Error: Into<actix_web::Error>,
    S::InitError: fmt::Debug,
    S::Response: Into<Response<B>>,
    S::Service: 'static,
    B: MessageBody + 'static,
{
    let application = application.into_factory().map_err(|error| error.into().error_response());
    HttpService::build()
        .graceful_shutdown_signal(move || {
            let stopping = stopping.clone();
            async move { stopping.notified().await }
        })
        .h1_write_buffer_size(SLICE)
        .client_request_timeout(connections::HEAD_WITHIN)
        .keep_alive(connections::IDLE_MAX)
        .client_disconnect_timeout(connections::LINGER_MAX)
        .on_connect_ext(|io: &OneByOne<T>, data| connections::watch(io.io() as &dyn Any, io.gate(), data))
        .finish(map_config(application, |()| AppConfig::default()))
}

type Connection<T> = (OneByOne<T>, Protocol, Option<SocketAddr>);

fn one_by_one<T>(peer: io::Result<SocketAddr>, io: T) -> Connection<T> {
    (OneByOne::new(io), Protocol::Http1, peer.ok())
}
