//! What every request goes through: it gets an id, a panic becomes an answer, and it leaves one line in the log and, where
//! it was the API's, a record. Both hold ids and patterns, never what anybody sent: no personal data and no secret.

use std::borrow::Cow;
use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{Error, HttpMessage, HttpRequest};
use futures_util::FutureExt;

use super::api::{self, Place, Problem};
use super::noted::{Noted, Seen, method_name};
use super::protection::protect;
use super::release::release;
use super::request_log::{Line, RequestLog};
use super::settings::Settings;
use super::slices::Slices;
use crate::domain::{KeyId, StaffId};
use crate::service::Services;

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The status in the log of a request that nobody waited for: nginx's number, which standards leave alone.
const CLIENT_GONE: u16 = 499;

/// The id of a request: the caller's where it is fit, else ours.
#[derive(Clone)]
pub(super) struct RequestId(pub(super) String);

pub(super) async fn watch(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let began = Instant::now();
    let request_id = RequestId(request_id(&request));
    request.extensions_mut().insert(request_id.clone());
    let watched = Watched::new(&request);
    request.extensions_mut().insert(watched.noted.clone());

    let dropped = Dropped { watched: &watched, began, request_id: &request_id };
    let outcome = AssertUnwindSafe(next.call(request)).catch_unwind().await;
    std::mem::forget(dropped);
    // The panic hook has written where a panic happened.
    match outcome.unwrap_or_else(|_| Err(Problem::failed().into())) {
        Ok(response) => {
            let mut response = response.map_body(|_, body| Slices::of(body));
            watched.mark(response.headers_mut(), &request_id);
            let problem = response.response().error().and_then(Error::as_error::<Problem>);
            watched.leave(Some(response.request()), response.status(), problem, began.elapsed(), &request_id);
            Ok(release(response))
        }
        // A panic. The request is gone, and with it its route.
        Err(error) => {
            let mut response = error.as_response_error().error_response();
            watched.mark(response.headers_mut(), &request_id);
            let problem = error.as_error::<Problem>();
            watched.leave(None, response.status(), problem, began.elapsed(), &request_id);
            Err(InternalError::from_response(error, response).into())
        }
    }
}

/// Writes the line of a request whose client went away before it was answered, and which may have done its work all the same.
struct Dropped<'a> {
    watched: &'a Watched,
    began: Instant,
    request_id: &'a RequestId,
}

impl Drop for Dropped<'_> {
    fn drop(&mut self) {
        let status = StatusCode::from_u16(CLIENT_GONE).unwrap_or(StatusCode::BAD_REQUEST);
        self.watched.leave(None, status, None, self.began.elapsed(), self.request_id);
    }
}

fn request_id(request: &ServiceRequest) -> String {
    let theirs = request.headers().get(X_REQUEST_ID).and_then(|value| value.to_str().ok());
    if let Some(id) = theirs.filter(|id| is_fit(id)) {
        return id.to_owned();
    }
    request.app_data::<Data<Services>>().map(|services| services.request_id()).unwrap_or_default()
}

fn is_fit(id: &str) -> bool {
    (8..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
}

/// What is kept of a request while it is handled.
struct Watched {
    services: Option<Data<Services>>,
    method: Method,
    is_api: bool,
    place: Option<Place>,
    is_https: bool,
    log: RequestLog,
    noted: Noted,
}

impl Watched {
    fn new(request: &ServiceRequest) -> Self {
        let services = request.app_data::<Data<Services>>().cloned();
        // As the router will see it.
        let path = request.match_info().as_str().trim_start_matches('/');
        let is_api = path == "v1" || path.starts_with("v1/");
        let place = Place::at(request.path()).filter(|_| is_api);
        let number = services.as_ref().filter(|_| is_api).map(|services| services.requests.number());
        let settings = request.app_data::<Data<Settings>>();
        let is_https = settings.is_some_and(|settings| settings.is_https());
        let log = settings.map(|settings| settings.log).unwrap_or_default();
        Self { services, method: request.method().clone(), is_api, place, is_https, log, noted: Noted::new(number) }
    }

    /// Adds what every answer has.
    fn mark(&self, headers: &mut HeaderMap, request_id: &RequestId) {
        if let Ok(value) = HeaderValue::from_str(&request_id.0) {
            headers.insert(X_REQUEST_ID, value);
        }
        protect(headers, self.is_https);
    }

    /// Leaves a line in the log, and offers a record of a request to the API.
    fn leave(
        &self,
        request: Option<&HttpRequest>,
        status: StatusCode,
        problem: Option<&Problem>,
        took: Duration,
        request_id: &RequestId,
    ) {
        let key_id = self.noted.key_id();
        let route = match (self.place, self.is_api) {
            (Some(place), _) => Some(Cow::Borrowed(place.pattern())),
            (None, true) => None,
            (None, false) => request.and_then(HttpRequest::match_pattern).map(Cow::Owned),
        };
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let staff_id = self.noted.staff_id();
        self.log.write(&Line {
            method: method_name(&self.method),
            route: route.as_deref().unwrap_or("none"),
            status: status.as_u16(),
            duration_us: micros,
            key_id: key_id.as_ref().map(KeyId::as_str),
            staff_id: staff_id.as_ref().map(StaffId::as_str),
            refused: self.noted.refused(),
            request_id: &request_id.0,
        });
        let Some(services) = &self.services else { return };
        let counted = route.clone().unwrap_or(Cow::Borrowed("none"));
        services.counts.request(method_name(&self.method), counted, status.as_u16(), took);
        if !self.is_api {
            return;
        }
        let is_read = matches!(self.method, Method::GET | Method::HEAD);
        services.requests.offer(is_read, status.as_u16(), key_id.as_ref().map(KeyId::mode), || {
            let (method, query) = (&self.method, request.map_or("", HttpRequest::query_string));
            if let Some(id) = request.and_then(api::customer_in) {
                self.noted.customer(&id);
            }
            self.noted.record(Seen {
                method,
                route: route.as_deref().unwrap_or_default(),
                query,
                status,
                took,
                problem,
            })
        });
    }
}

#[cfg(test)]
mod tests {
    use actix_web::body::to_bytes;
    use actix_web::dev::Service;
    use actix_web::middleware::from_fn;
    use actix_web::test::{TestRequest, init_service};
    use actix_web::{App, HttpResponse, web};

    use super::*;

    async fn boom() -> HttpResponse {
        if is_fit("on purpose") { HttpResponse::Ok().finish() } else { panic!("on purpose") }
    }

    #[tokio::test]
    async fn a_panic_becomes_an_answer_in_the_documented_shape() {
        let app = init_service(App::new().wrap(from_fn(watch)).route("/boom", web::get().to(boom))).await;
        let request = TestRequest::get().uri("/boom").insert_header(("X-Request-Id", "caller-1234")).to_request();
        let response = app.call(request).await.unwrap_err().error_response();
        assert_eq!(response.status(), 500);
        assert_eq!(response.headers().get("content-type").unwrap(), "application/json");
        assert_eq!(response.headers().get("x-request-id").unwrap(), "caller-1234");
        let body = to_bytes(response.into_body()).await.unwrap();
        assert!(
            body.starts_with(br#"{"error":{"code":"SERVER_ERROR","description":"We are facing some trouble"#),
            "{body:?}"
        );
    }

    #[test]
    fn a_callers_id_is_fit_within_its_limits() {
        for fit in ["abcdefgh", "A-b_4567", &"a".repeat(64)] {
            assert!(is_fit(fit), "{fit}");
        }
        for unfit in ["abcdefg", &"a".repeat(65), "abcdefg ", "abcdefgé", "abc\tdefgh", "abc.defgh"] {
            assert!(!is_fit(unfit), "{unfit}");
        }
    }
}
