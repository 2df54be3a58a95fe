//! What is found out about a request on its way, for its log line and its record: ids, patterns and names of our own, never
//! what anybody sent.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use actix_web::HttpMessage;
use actix_web::http::{Method, StatusCode};

use super::api::Problem;
use crate::domain::{Customer, CustomerId, KeyId, RequestNumber, RequestRecord, StaffId};

/// Shared with whoever handles the request; so it outlives a panic.
#[derive(Clone, Default)]
pub(super) struct Noted(Rc<RefCell<Notes>>);

#[derive(Default)]
struct Notes {
    number: Option<RequestNumber>,
    key_id: Option<KeyId>,
    staff_id: Option<StaffId>,
    refused: Option<&'static str>,
    customer: Option<CustomerId>,
    version: Option<u64>,
    body: Vec<&'static str>,
}

/// Every parameter that a list knows.
const QUERY: [&str; 6] = ["count", "skip", "from", "to", "email", "contact"];
/// Every member of a body that some request knows.
const BODY: [&str; 6] = ["name", "email", "contact", "gstin", "notes", "fail_existing"];

impl Noted {
    /// For a request of this number.
    pub(super) fn new(number: Option<RequestNumber>) -> Self {
        Self(Rc::new(RefCell::new(Notes { number, ..Notes::default() })))
    }

    /// What belongs to a request.
    pub(super) fn of(request: &impl HttpMessage) -> Self {
        request.extensions().get::<Self>().cloned().unwrap_or_default()
    }

    /// The request's number.
    pub(super) fn number(&self) -> Option<RequestNumber> {
        self.0.borrow().number
    }

    /// Which key the credentials name, and why they were refused.
    pub(super) fn credentials(&self, key_id: Option<KeyId>, refused: Option<&'static str>) {
        let mut notes = self.0.borrow_mut();
        (notes.key_id, notes.refused) = (key_id, refused);
    }

    /// Who is signed in.
    pub(super) fn person(&self, id: &StaffId) {
        self.0.borrow_mut().staff_id = Some(id.clone());
    }

    /// Who was signed in.
    pub(super) fn staff_id(&self) -> Option<StaffId> {
        self.0.borrow().staff_id.clone()
    }

    /// Why somebody was not let in or not let on.
    pub(super) fn refused_for(&self, reason: &'static str) {
        self.0.borrow_mut().refused = Some(reason);
    }

    /// Which key the credentials named.
    pub(super) fn key_id(&self) -> Option<KeyId> {
        self.0.borrow().key_id.clone()
    }

    /// Why the credentials were refused.
    pub(super) fn refused(&self) -> Option<&'static str> {
        self.0.borrow().refused
    }

    /// The members of the body. Only the names that are known are kept.
    pub(super) fn body<'a>(&self, names: impl Iterator<Item = &'a str>) {
        self.0.borrow_mut().body = known(&BODY, names);
    }

    /// The customer that the path names. An id that cannot have been made here may be anything.
    pub(super) fn customer(&self, id: &CustomerId) {
        self.0.borrow_mut().customer = Some(id.clone()).filter(CustomerId::is_ours);
    }

    /// The customer as a write left it.
    pub(super) fn written(&self, customer: &Customer) {
        self.customer(&customer.id);
        self.0.borrow_mut().version = Some(customer.version);
    }

    /// All of it, as it is remembered.
    pub(super) fn record(&self, seen: Seen<'_>) -> Option<RequestRecord> {
        let notes = self.0.borrow();
        let names = form_urlencoded::parse(seen.query.as_bytes()).map(|(name, _)| name).collect::<Vec<_>>();
        Some(RequestRecord {
            number: notes.number?,
            key: notes.key_id.clone(),
            method: method_name(seen.method).to_owned(),
            route: seen.route.to_owned(),
            customer: notes.customer.clone(),
            version: notes.version,
            query: known(&QUERY, names.iter().map(AsRef::as_ref)).join(","),
            body: notes.body.join(","),
            status: seen.status.as_u16(),
            micros: u64::try_from(seen.took.as_micros()).unwrap_or(u64::MAX),
            refused: notes.refused.map(str::to_owned),
            rule: seen.problem.map(|problem| problem.rule().to_owned()),
            field: seen.problem.and_then(Problem::field).map(str::to_owned),
        })
    }
}

/// What is seen of a request from outside.
pub(super) struct Seen<'a> {
    pub(super) method: &'a Method,
    pub(super) route: &'a str,
    pub(super) query: &'a str,
    pub(super) status: StatusCode,
    pub(super) took: Duration,
    pub(super) problem: Option<&'a Problem>,
}

/// A method that HTTP has. Anything else is text of the caller's.
pub(super) fn method_name(method: &Method) -> &'static str {
    static KNOWN: [Method; 9] = [
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
        Method::OPTIONS,
        Method::CONNECT,
        Method::TRACE,
    ];
    KNOWN.iter().find(|known| *known == method).map_or("OTHER", Method::as_str)
}

fn known<'a>(all: &[&'static str], names: impl Iterator<Item = &'a str>) -> Vec<&'static str> {
    let names: Vec<&str> = names.collect();
    all.iter().filter(|name| names.contains(name)).copied().collect()
}
