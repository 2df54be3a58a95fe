//! The whole application, a request at a time: whatever is sent, the answer is one that is documented.

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use actix_web::http::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE, HeaderMap, HeaderName, HeaderValue};
use actix_web::http::{Method, StatusCode, Uri};
use actix_web::rt::{System, SystemRunner};
use actix_web::test::{TestRequest, call_service, init_service, read_body};
use actix_web::web::{Bytes, Data};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use patron::domain::{Actor, Email, Mode, Role, Secret};
use patron::http;
use patron::service::{Ambient, Services};
use patron::store::{Store, Use};
use tempfile::TempDir;

use super::{answers, rules, text};

const EMAIL: &str = "owner@kaveri.example";
const PASSWORD: &str = "violet harbour seven kites";
/// What a request writes for a customer that is there, and for the token of the owner's forms.
const CUSTOMER: &str = "CUSTOMER";
const TOKEN: &str = "TOKEN";

/// A request as text: its line, headers, an empty line, the body. It comes from an application with a key and from a browser of
/// an owner at once, where it does not say otherwise.
pub fn routes(data: &[u8]) {
    // Opened before it is registered to be dropped, so that what actix-web keeps for the thread is dropped after it.
    thread_local!(static HOUSE: RefCell<House> = RefCell::new(House::open()));
    HOUSE.with_borrow_mut(|house| house.hold(data));
}

type Answering = Pin<Box<dyn Future<Output = (StatusCode, HeaderMap, Bytes)>>>;

/// An application on a file of its own.
struct House {
    system: SystemRunner,
    answer: Box<dyn Fn(TestRequest) -> Answering>,
    clock: Arc<AtomicU64>,
    key: String,
    customer: String,
    cookie: String,
    token: String,
    _directory: TempDir,
}

impl House {
    fn open() -> Self {
        let directory = tempfile::tempdir().unwrap_or_else(|error| panic!("{error}"));
        let store =
            Store::open(&directory.path().join("patron.db"), Use::Serve).unwrap_or_else(|error| panic!("{error:?}"));
        let clock = Arc::new(AtomicU64::new(1_582_033_731_000_000_000));
        let (read, drawn) = (clock.clone(), AtomicU64::new(0));
        let now = move || Duration::from_nanos(read.load(Ordering::Relaxed));
        let random = move |bytes: &mut [u8]| {
            let draw = drawn.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes();
            bytes.iter_mut().zip(draw.iter().cycle()).for_each(|(byte, drawn)| *byte = *drawn);
        };
        let services = Data::new(Services::new(store, Ambient::new(now, random)));
        let system = System::new();
        let settings = Data::new(http::Settings::default());
        let (app, key) = system.block_on(async {
            let app = init_service(http::app(services.clone(), settings)).await;
            let maker = Actor::Command { name: "fuzz".into() };
            let (key, secret) =
                services.access.issue(maker, Mode::Test, "Fuzz", None).await.unwrap_or_else(|_| panic!("no key"));
            let email = Email::parse(EMAIL).unwrap_or_else(|_| panic!("no email"));
            let added = services.staff.add(email, Role::Owner, &Secret::given(PASSWORD.into())).await;
            added.unwrap_or_else(|_| panic!("no owner"));
            (
                Rc::new(app),
                format!("Basic {}", BASE64_STANDARD.encode(format!("{}:{}", key.id.as_str(), secret.reveal()))),
            )
        });
        let answer = move |request: TestRequest| -> Answering {
            let app = app.clone();
            Box::pin(async move {
                let response = call_service(&*app, request.to_request()).await;
                (response.status(), response.headers().clone(), read_body(response).await)
            })
        };
        let mut house = Self {
            system,
            answer: Box::new(answer),
            clock,
            key,
            customer: String::new(),
            cookie: String::new(),
            token: String::new(),
            _directory: directory,
        };
        let (_, _, body) =
            house.send(house.api(Method::POST, "/v1/customers").set_payload(r#"{"name":"Gaurav Kumar"}"#));
        house.customer = between(&body, r#"{"id":""#, "\"");
        house.sign_in();
        house
    }

    fn api(&self, method: Method, path: &str) -> TestRequest {
        TestRequest::default().method(method).uri(path).insert_header((AUTHORIZATION, self.key.as_str()))
    }

    fn send(&self, request: TestRequest) -> (StatusCode, HeaderMap, Bytes) {
        self.clock.fetch_add(100_000_000, Ordering::Relaxed);
        self.system.block_on((self.answer)(request))
    }

    fn sign_in(&mut self) {
        let form = [("email", EMAIL), ("password", PASSWORD)];
        let (_, headers, _) = self.send(TestRequest::post().uri("/sign-in").set_form(form));
        let cookie = headers.get("set-cookie").and_then(|cookie| cookie.to_str().ok()?.split(';').next());
        self.cookie = cookie.unwrap_or_default().to_owned();
        let (_, _, page) =
            self.send(TestRequest::get().uri("/live/account").insert_header((COOKIE, self.cookie.as_str())));
        self.token = between(&page, r#"name="token" value=""#, "\"");
    }

    fn hold(&mut self, data: &[u8]) {
        let Some((request, method, path)) = self.request(data) else { return };
        let (status, headers, body) = self.send(request);
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let shown = format!("{status} {headers:?} {}", String::from_utf8_lossy(&body));
        assert!(rules::REQUEST_ID.is_kept(header("x-request-id")), "{shown}");
        assert_ne!(status, StatusCode::INTERNAL_SERVER_ERROR, "{shown}");
        if is_api(&path) {
            assert_eq!(header("cache-control"), "no-store", "{shown}");
            match status.as_u16() {
                304 => assert!(body.is_empty() && !header("etag").is_empty(), "{shown}"),
                200 => {
                    assert_eq!(header("content-type"), "application/json", "{shown}");
                    answers::is_success(&body);
                    if [Method::POST, Method::PUT].contains(&method) {
                        self.stays(&body, header("etag"));
                    }
                }
                status => {
                    assert_eq!(header("content-type"), "application/json", "{shown}");
                    answers::is_error(status, &body);
                }
            }
        } else if header("location").contains("/sign-in") || headers.contains_key("set-cookie") {
            self.sign_in();
        }
    }

    /// Panics where what was answered is not what is kept.
    fn stays(&self, answered: &Bytes, etag: &str) {
        let id = between(answered, r#"{"id":""#, "\"");
        let (status, headers, body) = self.send(self.api(Method::GET, &format!("/v1/customers/{id}")));
        assert_eq!((status, &body), (StatusCode::OK, answered));
        assert_eq!(headers.get("etag").map(HeaderValue::as_bytes), Some(etag.as_bytes()));
        let (status, _, _) = self.send(self.api(Method::GET, &format!("/v1/customers/{id}/revisions")));
        assert_eq!(status, StatusCode::OK);
    }

    /// The request that a text is, where HTTP has such a request.
    fn request(&self, data: &[u8]) -> Option<(TestRequest, Method, String)> {
        let end = data.windows(2).position(|two| two == b"\n\n").unwrap_or(data.len());
        let (head, body) = (text(&data[..end]), data.get(end + 2..).unwrap_or_default());
        let mut lines = head.lines();
        let (method, target) = lines.next()?.split_once(' ')?;
        let method = Method::from_bytes(method.as_bytes()).ok()?;
        let target = target.replace(CUSTOMER, &self.customer);
        let path = target.parse::<Uri>().ok()?.path().to_owned();
        let mut headers = HeaderMap::new();
        for line in lines {
            let (name, value) = line.split_once(": ")?;
            let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
            headers.append(name, HeaderValue::from_bytes(value.as_bytes()).ok()?);
        }
        let mut request = TestRequest::default().method(method.clone()).uri(&target);
        for header in &headers {
            request = request.append_header(header);
        }
        if !headers.contains_key(AUTHORIZATION) {
            request = request.insert_header((AUTHORIZATION, self.key.as_str()));
        }
        if !headers.contains_key(COOKIE) {
            request = request.insert_header((COOKIE, self.cookie.as_str()));
        }
        if !is_api(&path) && !headers.contains_key(CONTENT_TYPE) {
            request = request.insert_header((CONTENT_TYPE, "application/x-www-form-urlencoded"));
        }
        let body = match std::str::from_utf8(body) {
            Ok(body) => body.replace(TOKEN, &self.token).replace(CUSTOMER, &self.customer).into_bytes(),
            Err(_) => body.to_owned(),
        };
        Some((request.set_payload(body), method, path))
    }
}

/// Whether the API answers for this path.
fn is_api(path: &str) -> bool {
    path.split('/').find(|segment| !segment.is_empty()) == Some("v1")
}

fn between(body: &[u8], before: &str, after: &str) -> String {
    let body = text(body);
    let rest = body.split_once(before).map(|(_, rest)| rest).unwrap_or_default();
    rest.split_once(after).map(|(value, _)| value.to_owned()).unwrap_or_default()
}
