//! A world of its own for each test: a fresh file, a stopped clock, ids that repeat, and personas who use public doors only.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use actix_web::http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap};
use actix_web::http::{Method, StatusCode};
use actix_web::test::{TestRequest, call_service, init_service, read_body};
use actix_web::web::Data;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use patron::domain::{KeyId, Mode};
use patron::http;
use patron::service::{Ambient, Services};
use patron::store::{Store, Use};
use tempfile::TempDir;

/// 2020-02-18T13:48:51Z, when the clock of every world stands at first.
pub const BEGINNING: u64 = 1_582_033_731;

pub struct World {
    pub services: Data<Services>,
    clock: Arc<AtomicU64>,
    _directory: TempDir,
}

impl World {
    pub fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(&directory.path().join("patron.db"), Use::Serve).unwrap();
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
        let services = Data::new(Services::new(store, Ambient::new(now, random)));
        Self { services, clock, _directory: directory }
    }

    /// Moves the clock on.
    pub fn pass(&self, time: Duration) {
        self.clock.fetch_add(time.as_nanos() as u64, Ordering::Relaxed);
    }

    /// An application with a key of this mode.
    pub async fn key(&self, mode: Mode) -> Persona<'_> {
        let (key, secret) = self.services.access.issue(mode, "Shop checkout", None).await.unwrap();
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

    pub async fn send(&self, mut request: TestRequest) -> Answer {
        if let Some(authorization) = &self.authorization {
            request = request.insert_header((AUTHORIZATION, authorization.as_str()));
        }
        let app = init_service(http::app(self.world.services.clone())).await;
        let response = call_service(&app, request.to_request()).await;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = String::from_utf8(read_body(response).await.to_vec()).unwrap();
        Answer { status, headers, body }
    }

    /// Creates a customer and gives its path.
    pub async fn create(&self, json: &str) -> String {
        let answer = self.post("/v1/customers", json).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer}");
        format!("/v1/customers/{}", answer.id())
    }
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
