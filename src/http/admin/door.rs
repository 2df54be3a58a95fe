//! The door: signing in and out, and the links by which people choose a password.

use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderName, HeaderValue, USER_AGENT};
use actix_web::web::{Data, Path, Query};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use serde::Deserialize;

use super::Answer;
use super::form::{Form, FormError};
use super::moment::Moment;
use super::page::{Door, Turned, html, html_with, see_other};
use super::visit::{self, Visit};
use crate::domain::{Email, Field, Filter, Mode, Secret, Slice, password};
use crate::http::noted::Noted;
use crate::http::settings::Settings;
use crate::service::staff::LinkFor;
use crate::service::{Browser, Caller, NotAdmitted, Refused, Services, SignedIn, StaffRefused, Token};

const CLEAR_SITE_DATA: HeaderName = HeaderName::from_static("clear-site-data");

/// Where one lands without having been going anywhere.
const HOME: &str = "/";

/// Sends the browser to the mode that has customers: to test where only that has any, as after a first start.
pub(super) async fn home(visit: Visit, services: Data<Services>) -> HttpResponse {
    let has_any = async |mode| {
        let (caller, first) = (Caller { mode, ..visit.caller() }, Slice { count: 1, skip: 0 });
        let listed = services.customers.list(&caller, Filter::default(), first).await;
        listed.is_ok_and(|customers| !customers.is_empty())
    };
    let is_test = !has_any(Mode::Live).await && has_any(Mode::Test).await;
    see_other(if is_test { "/test" } else { "/live" })
}

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage {
    door: Door,
    errors: Vec<FormError>,
    email: String,
    to: String,
}

#[derive(Deserialize)]
pub(super) struct To {
    #[serde(default)]
    to: String,
}

pub(super) async fn show_sign_in(request: HttpRequest, query: Query<To>, services: Data<Services>) -> Answer {
    // Who is signed in already has nothing to do here.
    if Visit::of(&request, &services).await.is_ok() {
        return Ok(see_other(&inside(&query.to)));
    }
    let (errors, email, to) = (Vec::new(), String::new(), inside(&query.to));
    Ok(html(&SignInPage { door: Door::new(&request), errors, email, to }))
}

pub(super) async fn sign_in(
    request: HttpRequest,
    form: Form,
    services: Data<Services>,
    settings: Data<Settings>,
) -> Answer {
    let (email, to) = (form.value("email").to_owned(), inside(form.value("to")));
    let password = Secret::given(form.value("password").to_owned());
    let address = settings.client(&request);
    let browser = browser(&request).await.map_err(|turned| turned.at(None, &request))?;
    let (status, words) = match services.staff.sign_in(&email, &password, address, browser).await {
        Ok(token) => return Ok(signed_in(&settings, &token, &to)),
        Err(NotAdmitted::Refused(reason)) => {
            Noted::of(&request).refused_for(reason);
            (StatusCode::UNPROCESSABLE_ENTITY, "Email and password do not belong together.".to_owned())
        }
        Err(NotAdmitted::TooMany(seconds)) => {
            Noted::of(&request).refused_for("too many failures");
            let words = format!("Too many failed sign-ins from your network address. Try again in {seconds} seconds.");
            (StatusCode::TOO_MANY_REQUESTS, words)
        }
        Err(NotAdmitted::Crowded) => {
            Noted::of(&request).refused_for("too many verifications");
            let words = "Too many people are signing in right now. Try again in a few seconds.".to_owned();
            (StatusCode::SERVICE_UNAVAILABLE, words)
        }
        Err(NotAdmitted::Busy) => return Err(Turned::from(Refused::Busy).at(None, &request)),
        Err(NotAdmitted::Failed) => return Err(Turned::failed().at(None, &request)),
    };
    services.counts.refused_sign_in();
    let errors = vec![FormError::new("email", words)];
    Ok(html_with(status, &SignInPage { door: Door::new(&request), errors, email, to }))
}

/// Ends the sessions of all cookies that the browser sends: with one of them left, it would still be signed in.
pub(super) async fn sign_out(
    visit: Visit,
    _: Form,
    request: HttpRequest,
    services: Data<Services>,
    settings: Data<Settings>,
) -> Answer {
    let sessions =
        visit::sessions_of(&request, &services, usize::MAX).await.map_err(|refused| visit.turned(refused))?;
    for (_, SignedIn { session, .. }) in sessions {
        services.staff.end_session(&session.staff, &session.hash).await.map_err(|refused| visit.turned(refused))?;
    }
    let mut response = see_other("/sign-in");
    // No page is stored, but a browser may keep the ones one can go back to.
    response.headers_mut().insert(CLEAR_SITE_DATA, HeaderValue::from_static(r#""cache""#));
    let _ = response.add_cookie(&visit::cookie_gone(&settings));
    Ok(response)
}

#[derive(Template)]
#[template(path = "link.html")]
struct LinkPage {
    door: Door,
    errors: Vec<FormError>,
    first: bool,
    email: String,
    ends_at: Moment,
}

impl LinkPage {
    /// What stands above what is to mend.
    fn lead(&self) -> &'static str {
        if self.first { "Nothing is made yet" } else { "Your password is not saved yet" }
    }

    fn new(request: &HttpRequest, link: LinkFor) -> Self {
        let (first, email, ends_at) = match link {
            LinkFor::FirstOwner { ends_at } => (true, String::new(), ends_at),
            LinkFor::Staff { staff, ends_at } => (false, staff.email.as_str().to_owned(), ends_at),
        };
        Self { door: Door::new(request), errors: Vec::new(), first, email, ends_at: Moment(ends_at) }
    }
}

pub(super) async fn show_link(request: HttpRequest, token: Path<String>, services: Data<Services>) -> Answer {
    let link = services.staff.open_link(&Token::given(token.into_inner())).await;
    Ok(html(&LinkPage::new(&request, link.map_err(|refused| dead(refused, &request))?)))
}

pub(super) async fn redeem_link(
    request: HttpRequest,
    token: Path<String>,
    form: Form,
    services: Data<Services>,
    settings: Data<Settings>,
) -> Answer {
    let token = Token::given(token.into_inner());
    let link = services.staff.open_link(&token).await.map_err(|refused| dead(refused, &request))?;
    let mut page = LinkPage::new(&request, link);
    let email = page.first.then(|| {
        page.email = form.value("email").trim().to_owned();
        Email::parse(&page.email)
    });
    let email = email.transpose().unwrap_or_else(|invalid| {
        let fault = Field::Email.fault(&page.email).unwrap_or(invalid.words().to_owned());
        page.errors.push(FormError::new("email", fault));
        None
    });
    let password = chosen_password(&form, &page.email, &mut page.errors);
    let (Some(password), true) = (password, page.errors.is_empty()) else {
        return Ok(html_with(StatusCode::UNPROCESSABLE_ENTITY, &page));
    };
    let browser = browser(&request).await.map_err(|turned| turned.at(None, &request))?;
    let session = services.staff.redeem_link(&token, email, &password, browser).await;
    Ok(signed_in(&settings, &session.map_err(|refused| dead(refused, &request))?, HOME))
}

/// The password that a form chooses for the person of this email, twice the same.
pub(super) fn chosen_password(form: &Form, email: &str, errors: &mut Vec<FormError>) -> Option<Secret> {
    match password::parse(form.value("password"), email) {
        Err(invalid) => errors.push(FormError::new("password", invalid.words())),
        Ok(_) if form.value("password") != form.value("again") => {
            errors.push(FormError::new("again", "The two passwords are not the same."));
        }
        Ok(password) => return Some(password),
    }
    None
}

fn dead(refused: StaffRefused, request: &HttpRequest) -> Turned {
    match refused {
        StaffRefused::Store(refused) => Turned::from(refused),
        _ => Turned::dead_link().with_ways(vec![("/sign-in".to_owned(), "Sign in".to_owned())]),
    }
    .at(None, request)
}

fn signed_in(settings: &Settings, token: &Token, to: &str) -> HttpResponse {
    let mut response = see_other(to);
    let _ = response.add_cookie(&visit::cookie(settings, token));
    response
}

async fn browser(request: &HttpRequest) -> Result<Browser<'_>, Turned> {
    let agent = request.headers().get(USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    Ok(Browser { agent, before: visit::token_of(request).await? })
}

/// A path within the console, whatever was asked for: nobody is sent to another site from here.
fn inside(to: &str) -> String {
    let is_path =
        to.starts_with('/') && !to.starts_with("//") && !to.contains('\\') && !to.chars().any(char::is_control);
    if is_path { to.to_owned() } else { HOME.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_sent_to_another_site() {
        assert_eq!(inside("/live/customers?q=x"), "/live/customers?q=x");
        for elsewhere in [
            "",
            "https://evil.example",
            "//evil.example",
            "/\\evil.example",
            "\\evil",
            "/\tx",
            "evil",
            "/\n/evil.example",
        ] {
            assert_eq!(inside(elsewhere), HOME, "{elsewhere}");
        }
    }
}
