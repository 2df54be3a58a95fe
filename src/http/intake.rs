//! A body on its way in: how long it may take, and that a connection is not kept for one that nobody reads.

use std::cell::RefCell;
use std::future::Future;
use std::io::ErrorKind;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use actix_web::Error;
use actix_web::HttpMessage;
use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::error::PayloadError;
use actix_web::middleware::Next;
use actix_web::web::Bytes;
use futures_util::Stream;
use futures_util::stream::poll_fn;
use tokio::time::{Sleep, sleep};

use super::connections::UnderWay;

/// How long a body may take, counted from its request's head: the largest needs a tenth of this on a slow telephone.
const WITHIN: Duration = Duration::from_secs(10);

/// Gives a request's body its time. A body that was not read to its end is held until the whole answer is on its way: seeing
/// it, the server closes the connection after the answer. Once it is dropped, the server would read on, and throw away, for
/// as long as somebody cares to send.
pub(super) async fn intake(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let _under_way = UnderWay::of(&request);
    let payload = request.take_payload();
    if matches!(payload, Payload::None) {
        return Ok(next.call(request).await?.map_into_boxed_body());
    }
    let arriving = Rc::new(RefCell::new(Arriving { payload, over: Box::pin(sleep(WITHIN)), is_read: false }));
    let read = arriving.clone();
    let stream = poll_fn(move |context| read.borrow_mut().poll_next(context));
    request.set_payload(Payload::Stream { payload: Box::pin(stream) });

    let response = next.call(request).await?.map_into_boxed_body();
    if arriving.borrow().is_read {
        return Ok(response);
    }
    Ok(response.map_body(|_, answer| Answer { answer, _unread: arriving }.boxed()))
}

/// Whether reading a body failed because its time was over.
pub(super) fn is_late(error: &Error) -> bool {
    matches!(error.as_error(), Some(PayloadError::Io(error)) if error.kind() == ErrorKind::TimedOut)
}

struct Arriving {
    payload: Payload,
    over: Pin<Box<Sleep>>,
    is_read: bool,
}

impl Arriving {
    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, PayloadError>>> {
        let polled = Pin::new(&mut self.payload).poll_next(context);
        self.is_read = matches!(polled, Poll::Ready(None));
        if polled.is_pending() && self.over.as_mut().poll(context).is_ready() {
            return Poll::Ready(Some(Err(PayloadError::Io(ErrorKind::TimedOut.into()))));
        }
        polled
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
