//! A form as it came in, and what is wrong with it: a re-rendered form is a value.

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, web};
use futures_util::future::LocalBoxFuture;
use zeroize::Zeroizing;

use super::page::Turned;
use super::visit;
use crate::http::intake;
use crate::http::noted::Noted;
use crate::http::origin::may_be_ours;
use crate::http::received::{NotReceived, receive};
use crate::service::Refused;

/// The most bytes of a form: many times the largest customer.
const LEN_MAX: usize = 256 * 1024;
/// The same for a form that a stranger may send: an email and two passwords.
const DOOR_LEN_MAX: usize = 8 * 1024;

/// One thing to mend: the words, and the field that they stand at.
#[derive(Clone, Debug, Default)]
pub(crate) struct FormError {
    pub(crate) field: String,
    pub(crate) words: String,
    /// Where a link behind the words leads, if there is one, and its text.
    pub(crate) href: String,
    pub(crate) link: String,
}

impl FormError {
    pub(super) fn new(field: &str, words: impl Into<String>) -> Self {
        Self { field: field.to_owned(), words: words.into(), ..Self::default() }
    }
}

/// The errors at one field.
pub(crate) fn of<'a>(errors: &'a [FormError], field: &str) -> Vec<&'a FormError> {
    errors.iter().filter(|error| error.field == field).collect()
}

/// A form that came from one of our own pages, by somebody who is signed in or not.
/// Wiped when it is dropped: it may hold a password.
pub(super) struct Form(Zeroizing<Vec<(String, String)>>);

impl Form {
    /// The value of a field; empty where it was not sent.
    pub(super) fn value(&self, name: &str) -> &str {
        self.0.iter().find(|(each, _)| each == name).map(|(_, value)| value.as_str()).unwrap_or_default()
    }

    /// Whether a field was sent: a button that was pressed, a box that was ticked.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(each, _)| each == name)
    }

    /// All values of a field, in order.
    pub(super) fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(each, _)| each == name).map(|(_, value)| value.as_str())
    }
}

impl FromRequest for Form {
    type Error = Turned;
    type Future = LocalBoxFuture<'static, Result<Self, Turned>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), web::Payload::from_request(request, payload));
        Box::pin(async move {
            let turned = |turned: Turned| turned.at(None, &request);
            if !is_ours(&request) {
                return Err(turned(Turned::cross_site(&request)));
            }
            if let Some(encoding) = intake::encoding(&request) {
                return Err(turned(Turned::encoded(encoding)));
            }
            let payload = payload.await.map_err(|_| turned(Turned::bad_form()))?;
            let max = if is_at_door(&request) { DOOR_LEN_MAX } else { LEN_MAX };
            let bytes = receive(payload, max).await.map_err(|not_received| {
                turned(match not_received {
                    NotReceived::Crowded => Refused::Busy.into(),
                    NotReceived::TooLarge | NotReceived::Failed(_) => Turned::bad_form(),
                })
            })?;
            let form = Self(Zeroizing::new(form_urlencoded::parse(&bytes).into_owned().collect()));
            // Signed in, a form proves with its token that it was rendered for this very session.
            if !is_at_door(&request) && !is_proven(&request, form.value("token")).await.map_err(turned)? {
                return Err(turned(Turned::stale_form()));
            }
            Ok(form)
        })
    }
}

/// Whether a form comes from a page of ours: to be asked before anything of it is read.
pub(super) fn is_ours(request: &HttpRequest) -> bool {
    let is_ours = may_be_ours(request);
    if !is_ours {
        Noted::of(request).refused_for("form from another site");
    }
    is_ours
}

/// Whether a form's token proves that it was rendered for the session that the request has, if it has one.
pub(super) async fn is_proven(request: &HttpRequest, token: &str) -> Result<bool, Turned> {
    let session = visit::token_of(request).await?;
    let is_proven = session.is_none_or(|session| session.is_form_token(token));
    if !is_proven {
        Noted::of(request).refused_for("form of another session");
    }
    Ok(is_proven)
}

/// Returns whether a form needs no session, so that it cannot belong to one.
fn is_at_door(request: &HttpRequest) -> bool {
    matches!(request.match_pattern().as_deref(), Some("/sign-in" | "/link/{token}"))
}
