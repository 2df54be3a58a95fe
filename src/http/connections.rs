//! Connections: how many there may be, and how long one may be open without a request.
//!
//! The server has a time for the first head of a connection and for the pause after an answer, but none for a head that begins
//! and never ends, nor for an answer that is never taken. So each connection is watched from here too.

use std::any::Any;
use std::cell::Cell;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::rc::Rc;
use std::time::Duration;

use actix_tls::accept::rustls_0_23::TlsStream;
use actix_web::dev::{Extensions, ServiceRequest};
use actix_web::http::header::CONTENT_LENGTH;
use actix_web::{HttpMessage, HttpRequest, rt};
use rustix::net::listen;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

use super::one_by_one::Gate;

/// How long the head of a connection's first request may take.
pub(super) const HEAD_WITHIN: Duration = Duration::from_secs(5);
/// How long a connection may wait for its next request. Clients with a pool of connections find them open; past it, a
/// connection is cheaper to make anew than to keep.
pub(super) const IDLE_MAX: Duration = Duration::from_secs(15);
/// How long a client that was answered before it had sent its whole body may go on sending, so that it reads the answer
/// rather than fails to write.
pub(super) const LINGER_MAX: Duration = Duration::from_secs(1);
/// How long from one answer to the next request's head, the taking of the answer included. The server's own times are
/// shorter: this one is for what they do not see.
const BETWEEN_MAX: Duration = Duration::from_secs(20);

/// How many connections may wait to be accepted: with the 128 of Rust's library, a crowd that comes at once is let in by and by,
/// each after the second in which its system tries again.
const BACKLOG: i32 = 4_096;

/// Lets more connections wait at a listener. What the system does not grant, it leaves as it is.
pub(super) fn widen(listener: &TcpListener) {
    if let Err(error) = listen(listener, BACKLOG) {
        tracing::debug!(%error, "the queue of connections is as it was");
    }
}

/// How many connections a worker may hold: what is left of the files that this process may open, after those of the
/// database and the runtime. The one worker of the metrics port may hold as many as each of `workers`.
/// Past it a connection waits to be accepted; without it, the database could not open its own.
/// As many files as the system grants, since the soft limit is for programs that cannot do with more.
pub(super) fn max_of_worker(workers: usize) -> usize {
    /// More than these need memory before they need files.
    const MOST: u64 = 25_000;
    /// A connection is two files: the server's, and ours to shut it down by.
    const FILES: u64 = 2;
    let mut limit = getrlimit(Resource::Nofile);
    let granted = Rlimit { current: limit.maximum, ..limit };
    if setrlimit(Resource::Nofile, granted).is_ok() {
        limit = granted;
    }
    let workers = workers as u64 + 1;
    let ours = 48 + 8 * workers;
    let each = limit.current.map_or(MOST, |files| files.saturating_sub(ours) / FILES / workers);
    usize::try_from(each.clamp(1, MOST)).unwrap_or(usize::MAX)
}

/// Watches a connection that was just accepted, with TLS or without, for as long as the server has it. A handshake of TLS is
/// over by then: it has a time of its own, and its place among the connections.
pub(super) fn watch(connection: &dyn Any, gate: &Rc<Gate>, data: &mut Extensions) {
    let encrypted = connection.downcast_ref::<TlsStream<rt::net::TcpStream>>().map(|stream| stream.get_ref().0);
    let stream = connection.downcast_ref::<rt::net::TcpStream>().or(encrypted);
    let Some(Ok(socket)) = stream.map(|stream| stream.as_fd().try_clone_to_owned()) else { return };
    let socket = TcpStream::from(socket);
    let waiting = Waiting(Rc::new(Cell::new(Some(Instant::now()))));
    let since = waiting.clone();
    let watcher = rt::spawn(async move {
        while let Some(end) = since.end() {
            sleep_until(end).await;
        }
        // It may be gone already.
        let _ = socket.shutdown(Shutdown::Both);
    });
    data.insert(Watched { waiting, watcher, gate: gate.clone() });
}

/// What a connection has with it.
struct Watched {
    waiting: Waiting,
    watcher: JoinHandle<()>,
    gate: Rc<Gate>,
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.watcher.abort();
    }
}

/// Since when a connection has had no request; `None` while it has one.
#[derive(Clone)]
struct Waiting(Rc<Cell<Option<Instant>>>);

impl Waiting {
    /// When to look again; `None` where the connection has waited for too long.
    fn end(&self) -> Option<Instant> {
        let now = Instant::now();
        let end = self.0.get().unwrap_or(now) + BETWEEN_MAX;
        (now < end).then_some(end)
    }
}

/// An answer under way, part by part: each has the time of one to be taken.
pub(super) struct Pace(Option<Waiting>);

impl Pace {
    /// That of a request's connection.
    pub(super) fn of(request: &HttpRequest) -> Self {
        Self(request.conn_data::<Watched>().map(|watched| watched.waiting.clone()))
    }

    /// A part is being made: until what this gives is dropped, the connection does not wait.
    pub(super) fn part(&self) -> Option<UnderWay> {
        let waiting = self.0.clone()?;
        waiting.0.set(None);
        Some(UnderWay(waiting))
    }
}

/// A request under way: until this is dropped, its connection does not wait.
pub(super) struct UnderWay(Waiting);

impl UnderWay {
    /// `None` where the request came by no connection, as in tests.
    pub(super) fn of(request: &ServiceRequest) -> Option<Self> {
        let waiting = request.conn_data::<Watched>()?.waiting.clone();
        waiting.0.set(None);
        Some(Self(waiting))
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.0.set(Some(Instant::now()));
    }
}

/// A request whose answer is awaited. Its connection's next request is read when this is dropped.
pub(super) struct Awaited(Rc<Gate>);

impl Awaited {
    /// Lets the body of a request in. `None` where the request came by no connection, as in tests.
    pub(super) fn of(request: &ServiceRequest) -> Option<Self> {
        let gate = request.conn_data::<Watched>()?.gate.clone();
        let len = request.headers().get(CONTENT_LENGTH).and_then(|len| len.to_str().ok()?.parse().ok());
        gate.begin(request.chunked().unwrap_or(false), len);
        Some(Self(gate))
    }
}

impl Drop for Awaited {
    fn drop(&mut self) {
        self.0.end();
    }
}
