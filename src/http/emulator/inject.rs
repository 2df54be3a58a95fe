//! Answers in the place of those that a request would get: as late as can be, so that they go out by the same way.

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::guard::fn_guard;
use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use actix_web::web::{self, Bytes, Payload, ServiceConfig};
use actix_web::{HttpMessage, HttpRequest, HttpResponse};
use std::io::{Error, ErrorKind};
use std::pin::Pin;
use std::task::{Context, Poll};

use super::sent;
use crate::http::api::{Answer, Problem, body};

/// What a request gets.
pub(super) enum Injected {
    /// An error in the API's words.
    Problem(Problem),
    /// A status, and this body.
    Body(StatusCode, String, Option<u64>),
    /// Nothing: the connection ends.
    Nothing,
}

pub(super) fn routes(config: &mut ServiceConfig) {
    let is_injected = fn_guard(|context| context.req_data().contains::<Injected>());
    config.service(web::scope("").guard(is_injected).default_service(web::to(inject)));
}

async fn inject(request: HttpRequest, payload: Payload) -> Answer {
    // Read all the same, so that the connection can go on.
    let _ = body::bytes_up_to(sent::LEN_MAX, &request, payload).await;
    let injected = request.extensions_mut().remove::<Injected>();
    match injected {
        Some(Injected::Problem(problem)) => Err(problem),
        Some(Injected::Body(status, body, retry_after)) => {
            let mut response = HttpResponse::build(status);
            response.insert_header((CONTENT_TYPE, "application/json")).insert_header((CACHE_CONTROL, "no-store"));
            if let Some(seconds) = retry_after {
                response.insert_header((RETRY_AFTER, seconds));
            }
            Ok(response.body(body))
        }
        Some(Injected::Nothing) => Ok(HttpResponse::Ok().body(Broken)),
        None => Err(Problem::failed()),
    }
}

/// A body that fails before its first byte. The server has sent nothing until then, and ends the connection.
pub(super) struct Broken;

impl MessageBody for Broken {
    type Error = Error;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, Error>>> {
        Poll::Ready(Some(Err(ErrorKind::ConnectionAborted.into())))
    }

    fn boxed(self) -> BoxBody {
        BoxBody::new(self)
    }
}
