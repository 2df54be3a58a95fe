//! A body on its way in: how long it may take, and that a connection is not kept for one that nobody reads.

use std::cell::RefCell;
use std::future::Future;
use std::io::ErrorKind;
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::error::PayloadError;
use actix_web::http::header::CONTENT_ENCODING;
use actix_web::middleware::Next;
use actix_web::web::Bytes;
use actix_web::{Error, HttpMessage, HttpRequest};
use futures_util::Stream;
use futures_util::stream::poll_fn;
use tokio::time::{Instant, Sleep, sleep};

use super::connections::{Awaited, UnderWay};

/// How long a body may take, counted from its request's head: the largest needs a tenth of this on a slow telephone.
const WITHIN: Duration = Duration::from_secs(10);

/// How a body may come that is larger than all others.
#[derive(Clone, Copy)]
pub(super) struct Allowance {
    /// How long it may take as a whole, from now on.
    pub(super) within: Duration,
    /// How long it may stand still, while it is waited for.
    pub(super) still: Duration,
}

/// Where the body of a request can be given more time.
struct Extensible(Weak<RefCell<Arriving>>);

/// Gives a request's body more time: once it is known that whoever sends it may send that much.
pub(super) fn allow(request: &impl HttpMessage, Allowance { within, still }: Allowance) {
    let arriving = request.extensions().get::<Extensible>().and_then(|Extensible(arriving)| arriving.upgrade());
    if let Some(arriving) = arriving {
        let mut arriving = arriving.borrow_mut();
        arriving.over.as_mut().reset(Instant::now() + within);
        arriving.still = Some((still, Box::pin(sleep(still))));
    }
}

/// Gives a request's body its time. A body that was not read to its end is held until the whole answer is on its way: seeing
/// it, the server closes the connection after the answer. Once it is dropped, the server would read on, and throw away, for
/// as long as somebody cares to send.
pub(super) async fn intake(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let (_under_way, _awaited) = (UnderWay::of(&request), Awaited::of(&request));
    let payload = request.take_payload();
    if matches!(payload, Payload::None) {
        return Ok(next.call(request).await?.map_into_boxed_body());
    }
    let arriving = Rc::new(RefCell::new(Arriving {
        payload,
        over: Box::pin(sleep(WITHIN)),
        still: None,
        waited: false,
        is_read: false,
    }));
    request.extensions_mut().insert(Extensible(Rc::downgrade(&arriving)));
    let read = arriving.clone();
    let stream = poll_fn(move |context| read.borrow_mut().poll_next(context));
    request.set_payload(Payload::Stream { payload: Box::pin(stream) });

    let response = next.call(request).await?.map_into_boxed_body();
    if arriving.borrow().is_read {
        return Ok(response);
    }
    Ok(response.map_body(|_, answer| Answer { answer, _unread: arriving }.boxed()))
}

/// The first content coding of a request's body that is not `identity`: no body is decoded here (RFC 9110, section 8.4). What is not
/// a token of some letters stands under a name of ours.
pub(super) fn encoding(request: &HttpRequest) -> Option<&str> {
    const LEN_MAX: usize = 32;
    let values = request.headers().get_all(CONTENT_ENCODING).map(|value| value.to_str().unwrap_or("?"));
    let mut codings = values.flat_map(|value| value.split(',')).map(str::trim);
    let coding = codings.find(|coding| !coding.is_empty() && !coding.eq_ignore_ascii_case("identity"))?;
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.+".contains(&byte);
    let is_known = coding.len() <= LEN_MAX && coding.bytes().all(is_name);
    Some(if is_known { coding } else { "this Content-Encoding" })
}

/// Whether reading a body failed because its time was over.
pub(super) fn is_late(error: &PayloadError) -> bool {
    matches!(error, PayloadError::Io(error) if error.kind() == ErrorKind::TimedOut)
}

struct Arriving {
    payload: Payload,
    over: Pin<Box<Sleep>>,
    /// How long the next piece may be waited for, and until when it may now; `None` where it may be for as long as the whole.
    still: Option<(Duration, Pin<Box<Sleep>>)>,
    /// Whether the last look found that there is nothing yet.
    waited: bool,
    is_read: bool,
}

impl Arriving {
    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, PayloadError>>> {
        let polled = Pin::new(&mut self.payload).poll_next(context);
        self.is_read = matches!(polled, Poll::Ready(None));
        let waited = self.waited;
        self.waited = polled.is_pending();
        if polled.is_ready() {
            return polled;
        }
        let is_still = self.still.as_mut().is_some_and(|(still, until)| {
            if !waited {
                until.as_mut().reset(Instant::now() + *still);
            }
            until.as_mut().poll(context).is_ready()
        });
        if is_still || self.over.as_mut().poll(context).is_ready() {
            return Poll::Ready(Some(Err(PayloadError::Io(ErrorKind::TimedOut.into()))));
        }
        Poll::Pending
    }
}

/// An answer that is given before its request's body was read.
struct Answer {
    answer: BoxBody,
    _unread: Rc<RefCell<Arriving>>,
}

impl MessageBody for Answer {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.answer.size()
    }

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.answer).poll_next(context)
    }
}
