//! Lets go of what a request held once it is answered.
//!
//! A worker keeps up to 128 requests for reuse, with all that was in them until then: the head that brought a key or a
//! cookie, and so the connection's buffer, in which the body with a password was, too.

use actix_web::dev::{ServiceRequest, ServiceResponse, Url};
use actix_web::http::Uri;

/// The answer, of which only the request is kept, and of that nothing that was sent. Whoever handled it has no part of it any
/// more: the library panics where somebody has.
pub(super) fn release<B>(response: ServiceResponse<B>) -> ServiceResponse<B> {
    let (request, response) = response.into_parts();
    let mut request = ServiceRequest::from_request(request);
    let head = request.head_mut();
    head.headers.clear();
    // The address of a link opens it.
    head.uri = Uri::default();
    request.match_info_mut().set(Url::new(Uri::default()));
    request.into_response(response)
}
