//! A world of its own for each test: a fresh file, a stopped clock, ids that repeat, and personas who use public doors only.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use actix_web::http::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE, HeaderMap};
use actix_web::http::{Method, StatusCode};
use actix_web::test::{TestRequest, call_service, init_service, read_body};
use actix_web::web::Data;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use patron::domain::{Actor, Email, KeyId, Mode, Role, Secret};
use patron::http;
use patron::service::{Ambient, KeepFree, Services, StaffRefused};
use patron::store::{Store, Use};
use tempfile::TempDir;

use crate::openapi;

/// 2020-02-18T13:48:51Z, when the clock of every world stands at first.
pub const BEGINNING: u64 = 1_582_033_731;

pub struct World {
    pub services: Data<Services>,
    pub settings: http::Settings,
    clock: Arc<AtomicU64>,
    directory: TempDir,
}

impl World {
    pub fn new() -> Self {
        Self::of(&std::env::temp_dir(), Use::Serve, KeepFree::default())
    }

    /// A world whose search is fed only by [`Services::feed_search`].
    pub fn unfed() -> Self {
        Self::of(&std::env::temp_dir(), Use::Fill, KeepFree::default())
    }

    /// A world on whose disk so much stays free.
    pub fn keeping_free(keep: KeepFree) -> Self {
        Self::of(&std::env::temp_dir(), Use::Serve, keep)
    }

    /// A world below this directory.
    pub fn below(parent: &Path) -> Self {
        Self::of(parent, Use::Serve, KeepFree::Bytes(0))
    }

    /// A world in another time, in Unix seconds.
    pub fn at(seconds: u64) -> Self {
        let world = Self::new();
        world.clock.store(Duration::from_secs(seconds).as_nanos() as u64, Ordering::Relaxed);
        world
    }

    fn of(parent: &Path, use_: Use, keep: KeepFree) -> Self {
        let directory = tempfile::tempdir_in(parent).unwrap();
        let store = Store::open(&directory.path().join("patron.db"), use_).unwrap();
        let clock = Arc::new(AtomicU64::new(Duration::from_secs(BEGINNING).as_nanos() as u64));
        let (read, drawn) = (clock.clone(), AtomicU64::new(0));
        let now = move || Duration::from_nanos(read.load(Ordering::Relaxed));
        let random = move |bytes: &mut [u8]| {
            // Bytes that differ from draw to draw and are the same in every run.
            let draw = drawn.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 8;
            for (at, byte) in bytes.iter_mut().enumerate() {
                *byte = (draw >> (8 * (at % 7))) as u8;
            }
        };
        let services = Data::new(Services::keeping_free(store, Ambient::new(now, random), keep));
        Self { services, settings: http::Settings::default(), clock, directory }
    }

    /// Moves the clock on.
    pub fn pass(&self, time: Duration) {
        self.clock.fetch_add(time.as_nanos() as u64, Ordering::Relaxed);
    }

    /// Sets the clock back.
    pub fn jump_back(&self, time: Duration) {
        self.clock.fetch_sub(time.as_nanos() as u64, Ordering::Relaxed);
    }

    /// The file, to look at what is in it.
    pub fn db(&self) -> PathBuf {
        self.directory.path().join("patron.db")
    }

    /// An application with a key of this mode.
    pub async fn key(&self, mode: Mode) -> Persona<'_> {
        let (key, secret) = self.services.access.issue(maker(), mode, "Shop checkout", None).await.unwrap();
        self.with_key(&key.id, secret.reveal())
    }

    /// An application with these credentials, right or wrong.
    pub fn with_key(&self, id: &KeyId, secret: &str) -> Persona<'_> {
        self.with_header(format!("Basic {}", BASE64_STANDARD.encode(format!("{}:{secret}", id.as_str()))))
    }

    /// Somebody with this Authorization header.
    pub fn with_header(&self, authorization: impl Into<String>) -> Persona<'_> {
        Persona { world: self, authorization: Some(authorization.into()) }
    }

    /// Somebody with this role, signed in at the console.
    pub async fn staff(&self, role: Role) -> Person<'_> {
        self.staff_called(&format!("{}@kaveri.example", role.as_str()), role).await
    }

    /// Somebody with this email and role, signed in at the console; each time in another browser.
    pub async fn staff_called(&self, email: &str, role: Role) -> Person<'_> {
        let password = Secret::given(PASSWORD.to_owned());
        match self.services.staff.add(Email::parse(email).unwrap(), role, &password).await {
            Ok(()) | Err(StaffRefused::Exists) => {}
            Err(refused) => panic!("{refused:?}"),
        }
        self.sign_in(email, PASSWORD).await
    }

    /// A browser in which somebody signs in.
    pub async fn sign_in(&self, email: &str, password: &str) -> Person<'_> {
        let mut person = self.visitor();
        let answer = person.send_form("/sign-in", &[("email", email), ("password", password)]).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{answer}");
        person.keep_cookie(&answer);
        Person { email: email.to_owned(), ..person }
    }

    /// What the person of this email is called in addresses.
    pub async fn staff_id(&self, email: &str) -> String {
        let everybody = self.services.staff.list().await.unwrap();
        let person = everybody.into_iter().find(|listed| listed.staff.email.as_str() == email);
        person.unwrap().staff.id.as_str().to_owned()
    }

    /// A browser in which nobody is signed in.
    pub fn visitor(&self) -> Person<'_> {
        Person { world: self, email: String::new(), cookie: None }
    }

    /// Sends a request through the whole application.
    pub async fn send(&self, request: TestRequest) -> Answer {
        let app = init_service(http::app(self.services.clone(), Data::new(self.settings.clone()))).await;
        let request = request.to_request();
        let (method, path) = (request.method().clone(), request.path().to_owned());
        let response = call_service(&app, request).await;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = String::from_utf8(read_body(response).await.to_vec()).unwrap();
        let answer = Answer { status, headers, body };
        openapi::hold(&method, &path, &answer);
        answer
    }

    /// Somebody without credentials.
    pub fn stranger(&self) -> Persona<'_> {
        Persona { world: self, authorization: None }
    }
}

pub struct Persona<'a> {
    pub world: &'a World,
    authorization: Option<String>,
}

impl Persona<'_> {
    pub async fn get(&self, path: &str) -> Answer {
        self.send(TestRequest::get().uri(path)).await
    }

    pub async fn post(&self, path: &str, json: &str) -> Answer {
        self.send_json(Method::POST, path, json).await
    }

    pub async fn put(&self, path: &str, json: &str) -> Answer {
        self.send_json(Method::PUT, path, json).await
    }

    pub async fn send_json(&self, method: Method, path: &str, json: impl Into<Vec<u8>>) -> Answer {
        let request = TestRequest::default().method(method).uri(path);
        self.send(request.insert_header((CONTENT_TYPE, "application/json")).set_payload(json.into())).await
    }

    pub async fn send_form(&self, method: Method, path: &str, form: impl Into<Vec<u8>>) -> Answer {
        let request = TestRequest::default().method(method).uri(path);
        self.send(request.insert_header((CONTENT_TYPE, "application/x-www-form-urlencoded")).set_payload(form.into()))
            .await
    }

    pub async fn send(&self, request: TestRequest) -> Answer {
        self.world.send(self.signed(request)).await
    }

    /// A request with these credentials.
    pub fn signed(&self, request: TestRequest) -> TestRequest {
        match &self.authorization {
            Some(authorization) => request.insert_header((AUTHORIZATION, authorization.as_str())),
            None => request,
        }
    }

    /// Creates a customer and gives its path.
    pub async fn create(&self, json: &str) -> String {
        let answer = self.post("/v1/customers", json).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer}");
        format!("/v1/customers/{}", answer.id())
    }
}

/// Who makes the keys of tests, where it is nobody in particular.
pub fn maker() -> Actor {
    Actor::Command { name: "test".into() }
}

/// The password of everybody who is made by [`World::staff`].
pub const PASSWORD: &str = "violet harbour seven kites";

/// Somebody at a browser of their own.
pub struct Person<'a> {
    pub world: &'a World,
    pub email: String,
    pub cookie: Option<String>,
}

impl Person<'_> {
    pub async fn get(&self, path: &str) -> Answer {
        self.send(TestRequest::get().uri(path)).await
    }

    /// Sends a form as a page of ours would, with the token that pages carry.
    pub async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.send_form(path, &with(&self.form_token().await, fields)).await
    }

    /// The token of every form of this session; nothing where nobody is signed in.
    pub async fn form_token(&self) -> String {
        let page = self.get("/live/account").await;
        page.between(r#"name="token" value=""#, "\"").unwrap_or_default().to_owned()
    }

    /// Sends these fields and no others.
    pub async fn send_form(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.send(TestRequest::post().uri(path).set_form(fields)).await
    }

    pub async fn send(&self, mut request: TestRequest) -> Answer {
        if let Some(cookie) = &self.cookie {
            request = request.insert_header((COOKIE, cookie.as_str()));
        }
        self.world.send(request).await
    }

    /// Keeps the cookie that an answer sets.
    pub fn keep_cookie(&mut self, answer: &Answer) {
        let cookie = answer.header("set-cookie").and_then(|header| header.split(';').next());
        self.cookie = cookie.map(str::to_owned);
    }

    /// What this person is called in addresses.
    pub async fn id(&self) -> String {
        self.world.staff_id(&self.email).await
    }
}

/// These fields of a form, with a form token.
pub fn with<'a>(token: &'a str, fields: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    [&[("token", token)], fields].concat()
}

pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
}

impl Answer {
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// The member `id` of the body.
    pub fn id(&self) -> String {
        self.json()["id"].as_str().unwrap().to_owned()
    }

    /// What stands in the body after one text and before another.
    pub fn between(&self, before: &str, after: &str) -> Option<&str> {
        Some(self.body.split_once(before)?.1.split_once(after)?.0)
    }

    /// Where it sends the browser.
    pub fn location(&self) -> &str {
        assert_eq!(self.status, StatusCode::SEE_OTHER, "{self}");
        self.header("location").unwrap_or_default()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The description of an error.
    pub fn description(&self) -> String {
        self.json()["error"]["description"].as_str().unwrap_or_else(|| panic!("{}", self.body)).to_owned()
    }
}

/// The status and the body, as a snapshot has them.
impl fmt::Display for Answer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.status.as_u16(), self.body)
    }
}
