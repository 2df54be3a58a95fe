//! Who is at the console: a handler that takes one of these is guarded by that alone.

use std::collections::HashSet;
use std::ops::Deref;

use actix_web::cookie::time::Duration;
use actix_web::cookie::{Cookie, SameSite};
use actix_web::dev::Payload;
use actix_web::http::Method;
use actix_web::http::header::{COOKIE as COOKIE_HEADER, REFERER};
use actix_web::web::Data;
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use futures_util::future::LocalBoxFuture;

use super::page::Turned;
use crate::domain::{Grant, Mode, Role, Session};
use crate::http::noted::Noted;
use crate::http::settings::Settings;
use crate::http::watch::RequestId;
use crate::service::{Caller, Refused, Services, SignedIn, Token};

/// Somebody who is signed in, in a mode.
pub(super) struct Visit {
    pub(super) mode: Mode,
    pub(super) signed_in: SignedIn,
    /// What the forms of this one page carry.
    pub(super) form_token: String,
    pub(super) host: String,
    /// The role that the page or the form needs.
    least: Role,
    /// When they were let in, in Unix seconds.
    at: i64,
    request: HttpRequest,
}

impl Visit {
    /// Who is signed in; else the way to the door.
    pub(super) async fn of(request: &HttpRequest, services: &Services) -> Result<Self, Turned> {
        let settings = request.app_data::<Data<Settings>>().ok_or_else(Turned::failed)?;
        let to_sign_in = || Turned::to_sign_in(&page_of(request, settings)).at(None, request);
        let session = sessions_of(request, services, 1).await;
        let session = session.map_err(|refused| Turned::from(refused).at(None, request))?.pop();
        let (token, signed_in) = session.ok_or_else(to_sign_in)?;
        Noted::of(request).person(&signed_in.staff.id);
        let mode = if request.path().starts_with("/test") { Mode::Test } else { Mode::Live };
        let form_token = services.staff.form_token(&token);
        Ok(Self {
            mode,
            signed_in,
            form_token,
            host: settings.host(request),
            least: Role::Viewer,
            at: services.now(),
            request: request.clone(),
        })
    }

    /// This person as who asks a service.
    pub(super) fn caller(&self) -> Caller {
        let request_id = self.request.extensions().get::<RequestId>().map(|id| id.0.clone());
        let grant = Grant::Session { hash: self.signed_in.session.hash.clone(), least: self.least, at: self.at };
        Caller { mode: self.mode, actor: self.signed_in.actor(), request_id, request: None, grant: Some(grant) }
    }

    /// A refusal as a page within this visit's frame.
    pub(super) fn turned(&self, turned: impl Into<Turned>) -> Turned {
        turned.into().at(Some(self), &self.request)
    }

    /// Whether this person may do what this role may.
    pub(super) fn may(&self, role: Role) -> bool {
        self.signed_in.staff.role >= role
    }

    /// An address in the other mode.
    pub(super) fn in_other_mode(&self, path: &str) -> String {
        let other = if self.mode == Mode::Live { Mode::Test } else { Mode::Live };
        format!("/{}{path}", other.as_str())
    }

    /// An address in this mode.
    pub(super) fn to(&self, path: &str) -> String {
        format!("/{}{path}", self.mode.as_str())
    }
}

/// The page to come back to: the one that is asked for, or the one whose form is sent.
fn page_of(request: &HttpRequest, settings: &Settings) -> String {
    if request.method() == Method::GET {
        return request.uri().to_string();
    }
    let referer = request.headers().get(REFERER).and_then(|referer| referer.to_str().ok()).unwrap_or_default();
    referer.strip_prefix(&settings.base(request)).unwrap_or_default().to_owned()
}

/// Somebody who may edit customers.
pub(super) struct Editor(Visit);

/// Somebody who may do everything.
pub(super) struct Owner(Visit);

impl Deref for Editor {
    type Target = Visit;

    fn deref(&self) -> &Visit {
        &self.0
    }
}

impl Deref for Owner {
    type Target = Visit;

    fn deref(&self) -> &Visit {
        &self.0
    }
}

type Found<T> = LocalBoxFuture<'static, Result<T, Turned>>;

impl FromRequest for Visit {
    type Error = Turned;
    type Future = Found<Self>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let services = request.app_data::<Data<Services>>().ok_or_else(Turned::failed)?;
            Self::of(&request, services).await
        })
    }
}

impl FromRequest for Editor {
    type Error = Turned;
    type Future = Found<Self>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        at_least(Role::Editor, Self, request, payload)
    }
}

impl FromRequest for Owner {
    type Error = Turned;
    type Future = Found<Self>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        at_least(Role::Owner, Self, request, payload)
    }
}

fn at_least<T: 'static>(role: Role, wrap: fn(Visit) -> T, request: &HttpRequest, payload: &mut Payload) -> Found<T> {
    let visit = Visit::from_request(request, payload);
    Box::pin(async move {
        let visit = visit.await?;
        if visit.may(role) {
            return Ok(wrap(Visit { least: role, ..visit }));
        }
        Noted::of(&visit.request).refused_for("role");
        Err(visit.turned(Turned::forbidden()))
    })
}

const COOKIE: &str = "patron_session";
/// Browsers keep a cookie of this name from other hosts and from plain HTTP.
const COOKIE_OVER_HTTPS: &str = "__Host-patron_session";

/// The most cookies of the session's name that are looked up: as many as browsers keep for a domain. There are several where another
/// path or domain of the host had one. Each costs one read by a key.
const COOKIES_MAX: usize = 180;

/// Returns the tokens in the browser's cookies, in the order sent, each once. Other cookies may be of other programs of this host, and
/// of any form.
fn tokens_of(request: &HttpRequest) -> Vec<Token> {
    let Some(settings) = request.app_data::<Data<Settings>>() else { return Vec::new() };
    let name = cookie_name(settings);
    let pairs = request.headers().get_all(COOKIE_HEADER).flat_map(|value| value.as_bytes().split(|byte| *byte == b';'));
    let mut seen = HashSet::new();
    pairs
        .filter_map(|pair| str::from_utf8(pair).ok()?.trim().split_once('='))
        .filter(|(each, value)| *each == name && Token::is_well_formed(value) && seen.insert(*value))
        .take(COOKIES_MAX)
        .map(|(_, value)| Token::given(value.to_owned()))
        .collect()
}

/// The sessions that the browser's cookies open, so many at most, each with its token. Of several cookies the first that opens one
/// counts.
pub(super) async fn sessions_of(
    request: &HttpRequest,
    services: &Services,
    most: usize,
) -> Result<Vec<(Token, SignedIn)>, Refused> {
    let mut sessions = Vec::new();
    for token in tokens_of(request) {
        if sessions.len() < most
            && let Some(signed_in) = services.staff.session(&token).await?
        {
            sessions.push((token, signed_in));
        }
    }
    Ok(sessions)
}

/// The token that the browser's cookie brings. Of several the one that [`Visit`] goes by, else any.
pub(super) async fn token_of(request: &HttpRequest) -> Result<Option<Token>, Turned> {
    let mut tokens = tokens_of(request);
    if tokens.len() > 1 {
        let services = request.app_data::<Data<Services>>().ok_or_else(Turned::failed)?;
        if let Some((token, _)) = sessions_of(request, services, 1).await?.pop() {
            return Ok(Some(token));
        }
    }
    Ok(tokens.pop())
}

fn cookie_name(settings: &Settings) -> &'static str {
    if settings.is_https() { COOKIE_OVER_HTTPS } else { COOKIE }
}

/// The cookie of a session that begins.
pub(super) fn cookie(settings: &Settings, token: &Token) -> Cookie<'static> {
    Cookie::build(cookie_name(settings), token.reveal().to_owned())
        .path("/")
        .http_only(true)
        .same_site(SameSite::Lax)
        .secure(settings.is_https())
        .max_age(Duration::seconds(Session::AGE_MAX))
        .finish()
}

/// The cookie that ends a session in the browser.
pub(super) fn cookie_gone(settings: &Settings) -> Cookie<'static> {
    let mut cookie = cookie(settings, &Token::given(String::new()));
    cookie.make_removal();
    cookie
}
