//! The shapes of success: one customer, a collection of customers, a collection of revisions.

use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG};
use serde::{Serialize, Serializer};

use super::conditional;
use crate::domain::{Contact, Customer, Email, Gstin, Name, Notes, Revision};
use crate::json::{ActorJson, ChangesJson, NotesJson};

/// One customer, with its entity tag.
pub(super) fn customer(customer: &Customer) -> HttpResponse {
    let mut response = json(&CustomerBody::of(customer));
    response.headers_mut().insert(ETAG, conditional::etag(customer));
    response
}

/// The caller has this customer as it stands.
pub(super) fn not_modified(customer: &Customer) -> HttpResponse {
    HttpResponse::NotModified()
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((ETAG, conditional::etag(customer)))
        .finish()
}

/// A page of customers.
pub(super) fn customers(customers: &[Customer]) -> HttpResponse {
    json(&Collection::of(customers.iter().map(CustomerBody::of).collect()))
}

/// A page of a customer's history.
pub(super) fn revisions(revisions: &[Revision]) -> HttpResponse {
    json(&Collection::of(revisions.iter().map(RevisionBody::of).collect()))
}

fn json(body: &impl Serialize) -> HttpResponse {
    match serde_json::to_vec(body) {
        Ok(bytes) => HttpResponse::Ok()
            .insert_header((CONTENT_TYPE, "application/json"))
            .insert_header((CACHE_CONTROL, "no-store"))
            .body(bytes),
        Err(error) => {
            tracing::error!(%error, "an answer could not be written");
            HttpResponse::from_error(super::Problem::failed())
        }
    }
}

#[derive(Serialize)]
struct Collection<T> {
    entity: &'static str,
    count: usize,
    items: Vec<T>,
}

impl<T> Collection<T> {
    fn of(items: Vec<T>) -> Self {
        Self { entity: "collection", count: items.len(), items }
    }
}

/// Eight keys, always all present, in this order.
#[derive(Serialize)]
pub(super) struct CustomerBody<'a> {
    id: &'a str,
    entity: &'static str,
    name: Option<&'a str>,
    email: Option<&'a str>,
    contact: Option<&'a str>,
    gstin: Option<&'a str>,
    #[serde(serialize_with = "notes")]
    notes: &'a Notes,
    created_at: i64,
}

impl<'a> CustomerBody<'a> {
    pub(super) fn of(customer: &'a Customer) -> Self {
        Self {
            id: customer.id.as_str(),
            entity: "customer",
            name: customer.name.as_ref().map(Name::as_str),
            email: customer.email.as_ref().map(Email::as_str),
            contact: customer.contact.as_ref().map(Contact::as_str),
            gstin: customer.gstin.as_ref().map(Gstin::as_str),
            notes: &customer.notes,
            created_at: customer.created_at,
        }
    }
}

/// Empty notes are `[]`, a habit of PHP's that every client of the hosted API lives with.
fn notes<S: Serializer>(notes: &&Notes, serializer: S) -> Result<S::Ok, S::Error> {
    if notes.is_empty() { [(); 0].serialize(serializer) } else { NotesJson(notes).serialize(serializer) }
}

/// Ours: the hosted API has no history.
#[derive(Serialize)]
struct RevisionBody<'a> {
    id: String,
    entity: &'static str,
    version: u64,
    at: i64,
    actor: ActorJson<'a>,
    request_id: Option<&'a str>,
    changes: ChangesJson<'a>,
}

impl<'a> RevisionBody<'a> {
    fn of(revision: &'a Revision) -> Self {
        Self {
            // A revision is its customer's and its version's: the id says both.
            id: format!("rev_{}_{}", revision.customer.as_str().trim_start_matches("cust_"), revision.version),
            entity: "revision",
            version: revision.version,
            at: revision.at,
            actor: ActorJson::of(&revision.actor),
            request_id: revision.request_id.as_deref(),
            changes: ChangesJson(&revision.changes),
        }
    }
}
