//! Pipelined requests, one by one.
//!
//! The server decodes up to 16 requests of a connection before the first is answered; each decoded head takes 5 KB. 3,000 connections
//! with unread answers so took gigabytes. [`OneByOne`] stands between a connection and the server, and passes on one head, its body, and the next
//! head once the application has answered. Opening the gate wakes the connection's task, which then waits for its turn: so connections
//! with pipelined requests take turns with others. Bytes that wait are at most [`AHEAD_MAX`]; past it TCP's flow control holds the client. Of a long
//! head or body [`TURN_MAX`] bytes pass in a turn.

use std::cell::{Cell, RefCell};
use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};

use actix_web::web::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::received::Held;

/// The bytes that are read ahead of their turn, so that a client that is gone is noticed.
const AHEAD_MAX: usize = 4 * 1024;
/// The bytes that pass before the server has looked at them: it would read up to 128 KiB first.
const TURN_MAX: usize = 8 * 1024;

/// A connection whose requests are passed on one by one.
pub(super) struct OneByOne<T> {
    io: T,
    ahead: BytesMut,
    gate: Rc<Gate>,
    head: Held,
    /// The bytes that passed in this turn.
    passed: usize,
}

/// The end of a request, as far as it decides what may be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Passes {
    /// Up to the empty line that ends a head.
    Head(Head),
    /// Nothing until the application says more.
    Nothing,
    /// So many bytes of a body.
    Body(u64),
    /// Up to the end of a chunked body.
    Chunks(Chunks),
    /// All: the connection will be closed.
    All,
}

/// What may be read of a connection now. Shared with the requests that came by it.
pub(super) struct Gate {
    passes: Cell<Passes>,
    waiting: RefCell<Option<Waker>>,
}

impl Gate {
    pub(super) fn new() -> Rc<Self> {
        Rc::new(Self { passes: Cell::new(Passes::Head(Head::default())), waiting: RefCell::default() })
    }

    /// Lets the body of a request in, whose head says how long it is.
    pub(super) fn begin(&self, is_chunked: bool, content_length: Option<u64>) {
        match content_length {
            _ if is_chunked => self.open(Passes::Chunks(Chunks::default())),
            Some(len) if len > 0 => self.open(Passes::Body(len)),
            _ => {}
        }
    }

    /// Lets the next request in, once one is answered. After an answer that came before its request's body was read, the server
    /// closes the connection.
    pub(super) fn end(&self) {
        self.open(match self.passes.get() {
            Passes::Nothing => Passes::Head(Head::default()),
            Passes::Head(head) => Passes::Head(head),
            Passes::Body(_) | Passes::Chunks(_) | Passes::All => Passes::All,
        });
    }

    /// Returns the head that passes now.
    fn head(&self) -> Option<Head> {
        match self.passes.get() {
            Passes::Head(head) => Some(head),
            _ => None,
        }
    }

    fn open(&self, passes: Passes) {
        self.passes.set(passes);
        if let Some(waiting) = self.waiting.take() {
            waiting.wake();
        }
    }

    /// Counts how many of these bytes pass, and goes on to what passes after them.
    fn pass(&self, bytes: &[u8]) -> usize {
        let mut passes = self.passes.get();
        let end = match &mut passes {
            Passes::Nothing => return 0,
            Passes::All => return bytes.len(),
            Passes::Head(head) => head.end(bytes),
            Passes::Chunks(chunks) => chunks.end(bytes),
            Passes::Body(left) => {
                let end = usize::try_from(*left).ok().filter(|left| *left <= bytes.len());
                *left = left.saturating_sub(bytes.len() as u64);
                end
            }
        };
        self.passes.set(if end.is_some() { Passes::Nothing } else { passes });
        end.unwrap_or(bytes.len())
    }
}

/// A head, up to its empty line. Empty lines before it do not count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Head {
    has_begun: bool,
    in_line: bool,
}

impl Head {
    /// Returns where the head ends, if it does.
    fn end(&mut self, bytes: &[u8]) -> Option<usize> {
        for (at, byte) in bytes.iter().enumerate() {
            match byte {
                b'\n' if !self.in_line && self.has_begun => return Some(at + 1),
                b'\n' => self.in_line = false,
                b'\r' => {}
                _ => (self.has_begun, self.in_line) = (true, true),
            }
        }
        None
    }
}

/// A chunked body (RFC 9112, 7.1), up to the empty line that ends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Chunks {
    /// In a line with a chunk's size: the size so far, and whether its digits are over.
    Size(u64, bool),
    /// In a chunk, of which so much is left, the line's end after it included.
    Chunk(u64),
    /// In the trailer.
    Trailer(Head),
}

impl Default for Chunks {
    fn default() -> Self {
        Self::Size(0, false)
    }
}

impl Chunks {
    /// Returns where the body ends, if it does.
    fn end(&mut self, mut bytes: &[u8]) -> Option<usize> {
        let len = bytes.len();
        while let Some((&byte, rest)) = bytes.split_first() {
            match self {
                Self::Size(size, is_over) => {
                    match char::from(byte).to_digit(16) {
                        Some(digit) if !*is_over => *size = size.saturating_mul(16).saturating_add(digit.into()),
                        _ => *is_over = true,
                    }
                    if byte == b'\n' {
                        let trailer = Head { has_begun: true, in_line: false };
                        *self = if *size == 0 { Self::Trailer(trailer) } else { Self::Chunk(size.saturating_add(2)) };
                    }
                    bytes = rest;
                }
                Self::Chunk(left) => {
                    let taken = usize::try_from(*left).map_or(bytes.len(), |left| left.min(bytes.len()));
                    *left -= taken as u64;
                    if *left == 0 {
                        *self = Self::default();
                    }
                    bytes = &bytes[taken..];
                }
                Self::Trailer(trailer) => return trailer.end(bytes).map(|end| len - bytes.len() + end),
            }
        }
        None
    }
}

impl<T> OneByOne<T> {
    pub(super) fn new(io: T) -> Self {
        Self { io, ahead: BytesMut::new(), gate: Gate::new(), head: Held::default(), passed: 0 }
    }

    pub(super) fn io(&self) -> &T {
        &self.io
    }

    pub(super) fn gate(&self) -> &Rc<Gate> {
        &self.gate
    }
}

impl<T: AsyncRead + Unpin> OneByOne<T> {
    /// Reads ahead while nothing passes. Ready where the client sends no more, or reading fails.
    fn poll_ahead(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.ahead.len() < AHEAD_MAX {
            let mut bytes = [0; AHEAD_MAX];
            let mut buffer = ReadBuf::new(&mut bytes[self.ahead.len()..]);
            ready!(Pin::new(&mut self.io).poll_read(context, &mut buffer))?;
            if buffer.filled().is_empty() {
                // What was read ahead is still to be passed on.
                return if self.ahead.is_empty() { Poll::Ready(Ok(())) } else { Poll::Pending };
            }
            self.ahead.extend_from_slice(buffer.filled());
        }
        Poll::Pending
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for OneByOne<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.gate.passes.get() == Passes::Nothing {
            self.gate.waiting.replace(Some(context.waker().clone()));
            return self.poll_ahead(context);
        }
        let this = &mut *self;
        if this.passed >= TURN_MAX {
            this.passed = 0;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let head = this.gate.head();
        if head.is_some_and(|head| !head.has_begun) {
            this.head.clear();
        }
        let before = buffer.filled().len();
        if this.ahead.is_empty() {
            let Poll::Ready(read) = Pin::new(&mut this.io).poll_read(context, buffer) else {
                this.passed = 0;
                return Poll::Pending;
            };
            read?;
            let passed = before + this.gate.pass(&buffer.filled()[before..]);
            this.ahead.extend_from_slice(&buffer.filled()[passed..]);
            buffer.set_filled(passed);
        } else {
            let len = this.ahead.len().min(buffer.remaining());
            let passed = this.gate.pass(&this.ahead[..len]);
            buffer.put_slice(&this.ahead[..passed]);
            this.ahead.advance(passed);
            if this.ahead.is_empty() {
                this.ahead = BytesMut::new();
            }
        }
        let passed = buffer.filled().len() - before;
        this.passed += passed;
        if head.is_some() && !this.head.add(passed) {
            return Poll::Ready(Err(io::Error::new(ErrorKind::OutOfMemory, "too many long heads")));
        }
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for OneByOne<T> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(context, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    /// Passes bytes in pieces of this size; returns what passed, text by text, where each ends in nothing more passing.
    fn passed(gate: &Gate, text: &str, piece: usize) -> usize {
        let mut at = 0;
        while at < text.len() {
            let end = (at + piece).min(text.len());
            let len = gate.pass(&text.as_bytes()[at..end]);
            at += len;
            if at < end {
                break;
            }
        }
        at
    }

    #[test]
    fn a_head_passes_up_to_its_empty_line() {
        for (head, rest) in [
            ("GET / HTTP/1.1\r\nHost: x\r\n\r\n", "GET /next"),
            ("\r\n\r\nGET / HTTP/1.1\r\n\r\n", "\r\n"),
            ("GET / HTTP/1.1\nHost: x\n\n", "{}"),
        ] {
            for piece in 1..40 {
                let gate = Gate::new();
                assert_eq!(passed(&gate, &format!("{head}{rest}"), piece), head.len(), "{head} {piece}");
                assert_eq!(gate.passes.get(), Passes::Nothing);
            }
        }
    }

    #[test]
    fn a_body_passes_up_to_its_end_and_then_the_next_head() {
        let chunked = "5;ext=\"a\"\r\nhello\r\n00A\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n";
        for (body, is_chunked, len) in [
            ("0123456789", false, Some(10)),
            (chunked, true, None),
            ("0\r\n\r\n", true, None),
            // Of both, the server reads chunks or refuses.
            ("1\r\nx\r\n0\r\n\r\n", true, Some(3)),
        ] {
            for piece in 1..40 {
                let gate = Gate::new();
                gate.pass(b"POST / HTTP/1.1\r\n\r\n");
                gate.begin(is_chunked, len);
                let text = format!("{body}GET / HTTP/1.1\r\n\r\n");
                assert_eq!(passed(&gate, &text, piece), body.len(), "{body} {piece}");
                gate.end();
                assert_eq!(passed(&gate, &text[body.len()..], piece), text.len() - body.len());
            }
        }
    }

    #[test]
    fn all_passes_after_an_answer_before_the_body_was_there() {
        let gate = Gate::new();
        gate.pass(b"POST / HTTP/1.1\r\n\r\n");
        gate.begin(false, Some(10));
        gate.pass(b"01234");
        gate.end();
        assert_eq!(gate.pass(b"56789 and more"), 14);
    }

    #[tokio::test]
    async fn the_next_request_is_read_when_one_is_answered_and_the_end_is_noticed_before() {
        let (mut client, server) = duplex(64);
        let mut server = OneByOne::new(server);
        client.write_all(b"GET /1 HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\r\n\r\n").await.unwrap();
        let mut bytes = [0; 256];
        let len = server.read(&mut bytes).await.unwrap();
        assert_eq!(&bytes[..len], b"GET /1 HTTP/1.1\r\n\r\n");
        assert!(futures_util::poll!(Box::pin(server.read(&mut bytes))).is_pending());
        server.gate.end();
        let len = server.read(&mut bytes).await.unwrap();
        assert_eq!(&bytes[..len], b"GET /2 HTTP/1.1\r\n\r\n");
        assert_eq!(server.head.len(), len);
        server.gate.end();
        assert!(futures_util::poll!(Box::pin(server.read(&mut bytes))).is_pending());
        assert_eq!(server.head.len(), 0, "an idle connection holds nothing");
        drop(client);
        assert_eq!(server.read(&mut bytes).await.unwrap(), 0);
    }
}
