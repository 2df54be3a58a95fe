//! What every page has around it, and the pages that stand in for others.

use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, LOCATION, RETRY_AFTER};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse, ResponseError};
use askama::Template;

use super::visit::Visit;
use crate::domain::{Mode, Role, Staff};
use crate::http::assets;
use crate::http::origin::{self, Mismatch};
use crate::http::settings::Settings;
use crate::service::Refused;

pub(super) use crate::http::html::{html, html_with};

/// The place of a page that is none of the places in the navigation.
const NOWHERE: &str = "/nowhere";

/// What stands around a page for who is signed in.
#[derive(Clone, Debug)]
pub(crate) struct Shell {
    pub(crate) mode: Mode,
    /// The place that the page belongs to, by its path below the mode.
    pub(crate) place: &'static str,
    pub(crate) host: String,
    pub(crate) form_token: String,
    staff: Staff,
    /// The page's own path below the mode, where it is the same place in the other mode.
    path: String,
}

/// A place in the navigation.
pub(crate) struct Place {
    pub(crate) path: &'static str,
    pub(crate) name: &'static str,
    /// The second key of its shortcut, behind `g`.
    pub(crate) go: &'static str,
    least: Role,
}

const PLACES: [Place; 7] = [
    Place { path: "", name: "Home", go: "", least: Role::Viewer },
    Place { path: "/customers", name: "Customers", go: "c", least: Role::Viewer },
    Place { path: "/activity", name: "Activity", go: "a", least: Role::Viewer },
    Place { path: "/imports", name: "Imports", go: "", least: Role::Editor },
    Place { path: "/requests", name: "Requests", go: "", least: Role::Owner },
    Place { path: "/keys", name: "Keys", go: "k", least: Role::Owner },
    Place { path: "/staff", name: "Staff", go: "", least: Role::Owner },
];

impl Shell {
    pub(super) fn new(visit: &Visit, place: &'static str) -> Self {
        Self {
            mode: visit.mode,
            place,
            host: visit.host.clone(),
            form_token: visit.form_token.clone(),
            staff: visit.signed_in.staff.clone(),
            path: if place == NOWHERE { String::new() } else { place.to_owned() },
        }
    }

    /// The places that this person may go to.
    pub(crate) fn places(&self) -> impl Iterator<Item = &'static Place> {
        PLACES.iter().filter(|place| self.may(place.least))
    }

    /// Whether this person may look at single requests.
    pub(crate) fn may_see_requests(&self) -> bool {
        self.may(Role::Owner)
    }

    /// Whether this person may bring in files of customers, and see what came of them.
    pub(crate) fn may_import(&self) -> bool {
        self.may(Role::Editor)
    }

    /// Whether this person may take out all that is held on a customer, and erase it.
    pub(crate) fn may_erase(&self) -> bool {
        self.may(Role::Owner)
    }

    /// Whether this person may do what this role may.
    pub(super) fn may(&self, role: Role) -> bool {
        self.staff.role >= role
    }

    /// An address in this mode.
    pub(crate) fn to(&self, path: &str) -> String {
        format!("/{}{path}", self.mode.as_str())
    }

    /// This place in the given mode.
    pub(crate) fn elsewhere(&self, mode: &str) -> String {
        format!("/{mode}{}", self.path)
    }

    pub(crate) fn is_live(&self) -> bool {
        self.mode == Mode::Live
    }

    pub(crate) fn mode_word(&self) -> &'static str {
        mode_word(self.mode)
    }

    pub(crate) fn asset(&self, name: &str) -> &'static str {
        assets::address(name)
    }

    pub(crate) fn me(&self) -> &str {
        self.staff.email.as_str()
    }

    /// What stands before the `@`.
    pub(crate) fn me_short(&self) -> &str {
        self.me().split('@').next().unwrap_or_default()
    }
}

/// `Live` or `Test`.
pub(crate) fn mode_word(mode: Mode) -> &'static str {
    match mode {
        Mode::Live => "Live",
        Mode::Test => "Test",
    }
}

/// What stands around a page for who is not signed in.
#[derive(Clone, Debug)]
pub(crate) struct Door {
    pub(crate) host: String,
}

impl Door {
    pub(super) fn new(request: &HttpRequest) -> Self {
        let settings = request.app_data::<Data<Settings>>();
        Self { host: settings.map(|settings| settings.host(request)).unwrap_or_default() }
    }

    pub(crate) fn asset(&self, name: &str) -> &'static str {
        assets::address(name)
    }
}

/// Sends the browser elsewhere, to fetch it.
pub(super) fn see_other(to: &str) -> HttpResponse {
    HttpResponse::SeeOther().insert_header((LOCATION, to)).insert_header((CACHE_CONTROL, "no-store")).finish()
}

/// What stands in the place of a page: a refusal in words with ways on, or the way to the door.
#[derive(Debug)]
pub(in crate::http) struct Turned {
    status: StatusCode,
    heading: String,
    text: String,
    /// Addresses and their names.
    ways: Vec<(String, String)>,
    retry_after: Option<u64>,
    frame: Frame,
}

#[derive(Debug)]
enum Frame {
    /// No page: the browser is sent to this address.
    Elsewhere(String),
    Shell(Box<Shell>),
    Door(Door),
}

#[derive(Template)]
#[template(path = "turned.html")]
struct TurnedPage<'a> {
    shell: &'a Shell,
    heading: &'a str,
    text: &'a str,
    ways: &'a [(String, String)],
}

#[derive(Template)]
#[template(path = "turned_at_door.html")]
struct TurnedAtDoorPage<'a> {
    door: &'a Door,
    heading: &'a str,
    text: &'a str,
    ways: &'a [(String, String)],
}

/// A filter in the address that cannot be read: its name, and what it is like.
#[derive(Clone, Copy, Debug)]
pub(super) struct BadFilter(pub(super) &'static str, pub(super) &'static str);

impl From<BadFilter> for Turned {
    fn from(BadFilter(name, like): BadFilter) -> Self {
        let text =
            format!("{name} must be {like}. Nothing is shown, because without this filter it would be something else.");
        Self::new(StatusCode::BAD_REQUEST, "A filter cannot be read", &text)
    }
}

impl Turned {
    fn new(status: StatusCode, heading: &str, text: &str) -> Self {
        Self {
            status,
            heading: heading.to_owned(),
            text: text.to_owned(),
            ways: vec![("/".to_owned(), "Go to the first page".to_owned())],
            retry_after: None,
            frame: Frame::Door(Door { host: String::new() }),
        }
    }

    /// To the door, and back to this path afterwards.
    pub(super) fn to_sign_in(path: &str) -> Self {
        let to: String = form_urlencoded::byte_serialize(path.as_bytes()).collect();
        let frame = Frame::Elsewhere(format!("/sign-in?to={to}"));
        Self { frame, ..Self::new(StatusCode::SEE_OTHER, "Sign in", "") }
    }

    pub(super) fn not_found() -> Self {
        let text = "The address may be mistyped, or the page may have been moved.";
        Self::new(StatusCode::NOT_FOUND, "There is no page here", text)
    }

    pub(super) fn forbidden() -> Self {
        let text = "Your role does not let you do this. An owner can give you another one on the Staff page.";
        Self::new(StatusCode::FORBIDDEN, "This is not yours to do", text)
    }

    pub(super) fn dead_link() -> Self {
        let text = "It was used before, or its time is over. An owner can send you another; where there is no owner yet, \
            start the server again and it prints one.";
        Self::new(StatusCode::GONE, "This link does not work any more", text)
    }

    /// A form of another site; or of ours, as the browser sees it, where a proxy changes what the server is asked for.
    pub(super) fn cross_site(request: &HttpRequest) -> Self {
        let text = match origin::mismatch(request) {
            None => "The form came from another site. Open the page here and try again.".to_owned(),
            Some(Mismatch { sent, expected }) => format!(
                "The browser sent the form from {sent}, and this server knows itself as {expected}. If {sent} is where you open \
                 this console, a proxy in front changes the Host header: whoever runs the server starts it with --public-url \
                 {sent}. Otherwise the form came from another site: open the page here and try again."
            ),
        };
        Self::new(StatusCode::FORBIDDEN, "Nothing was changed", &text)
    }

    /// A form or a file that is compressed on its way.
    pub(super) fn encoded(encoding: &str) -> Self {
        let text =
            format!("It was sent compressed, and {encoding} is not read here. A proxy in between may have done it.");
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "Nothing was changed", &text)
    }

    pub(super) fn stale_form() -> Self {
        let text = "The form belongs to another sign-in. Go back, load the page again, and what you see is current.";
        Self::new(StatusCode::FORBIDDEN, "Nothing was changed", text)
    }

    pub(super) fn bad_address() -> Self {
        let text = "Something in it is twice or cannot be read. Start again from the first page.";
        Self::new(StatusCode::BAD_REQUEST, "This address is not whole", text)
    }

    pub(super) fn bad_form() -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "Nothing was changed",
            "The form did not arrive whole. Go back and send it again.",
        )
    }

    pub(super) fn overtaken() -> Self {
        Self::new(StatusCode::CONFLICT, "Somebody was faster", "Nothing was done.")
    }

    pub(super) fn gone() -> Self {
        Self::new(StatusCode::GONE, "This is not here any more", "It was erased.")
    }

    pub(super) fn unavailable() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "Not just now", "Something that this needs is not there.")
    }

    fn busy() -> Self {
        let text =
            "The server has too much to do, or cannot write to its disk. Nothing was changed. Try again in a moment.";
        Self { retry_after: Some(1), ..Self::new(StatusCode::SERVICE_UNAVAILABLE, "Not just now", text) }
    }

    fn full() -> Self {
        let text = "The disk is full. Nothing was changed. Edits are paused and resume when there is space: discard an import that \
            is not applied, or ask whoever runs this server to make room.";
        Self { retry_after: Some(10), ..Self::new(StatusCode::SERVICE_UNAVAILABLE, "The disk is full", text) }
    }

    pub(super) fn failed() -> Self {
        let text = "The cause is in the server's log, under this page's request id. Try again; if it stays so, tell whoever \
            runs this server.";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "Something failed on our side", text)
    }

    /// With other ways on than to the first page.
    pub(super) fn with_ways(mut self, ways: Vec<(String, String)>) -> Self {
        self.ways = ways;
        self
    }

    /// With other words.
    pub(super) fn saying(mut self, heading: impl Into<String>, text: impl Into<String>) -> Self {
        (self.heading, self.text) = (heading.into(), text.into());
        self
    }

    /// Framed for who is signed in, or for the door.
    pub(super) fn at(mut self, visit: Option<&Visit>, request: &HttpRequest) -> Self {
        self.frame = match (self.frame, visit) {
            (Frame::Elsewhere(address), _) => Frame::Elsewhere(address),
            (_, Some(visit)) => Frame::Shell(Box::new(Shell::new(visit, NOWHERE))),
            (_, None) => Frame::Door(Door::new(request)),
        };
        self
    }
}

impl From<Refused> for Turned {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::NotFound => Self::not_found(),
            Refused::Busy => Self::busy(),
            Refused::Full | Refused::NoRoom(_) => Self::full(),
            Refused::Failed => Self::failed(),
            Refused::Revoked => Self::forbidden().saying(
                "Nothing was changed",
                "Your session or your role ended before this was done. Sign in again, or ask an owner.",
            ),
            // Forms meet these before they get here.
            Refused::Invalid(rejection) => {
                Self::bad_form().saying("Nothing was changed", rejection.first().invalid.words())
            }
            Refused::Taken(_) => {
                Self::bad_form().saying("Nothing was changed", "Another customer has this email and contact.")
            }
            Refused::Conflict(_) => {
                Self::bad_form().saying("Nothing was changed", "Somebody changed the customer meanwhile.")
            }
        }
    }
}

impl fmt::Display for Turned {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.heading)
    }
}

impl ResponseError for Turned {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        let Self { heading, text, ways, .. } = self;
        let mut response = match &self.frame {
            Frame::Elsewhere(address) => see_other(address),
            Frame::Shell(shell) => html_with(self.status, &TurnedPage { shell, heading, text, ways }),
            Frame::Door(door) => html_with(self.status, &TurnedAtDoorPage { door, heading, text, ways }),
        };
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(RETRY_AFTER, seconds.into());
        }
        response
    }
}
