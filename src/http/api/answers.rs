//! The shapes of success: one customer, a collection of customers, a collection of revisions.

use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG};
use serde::Serialize;

use super::conditional;
use crate::domain::{Customer, Revision};
use crate::json::{CustomerJson, RevisionJson};

/// One customer, with its entity tag.
pub(in crate::http) fn customer(customer: &Customer) -> HttpResponse {
    let mut response = json(&CustomerJson::of(customer));
    response.headers_mut().insert(ETAG, conditional::etag(customer));
    response
}

/// The caller has this customer as it stands.
pub(in crate::http) fn not_modified(customer: &Customer) -> HttpResponse {
    HttpResponse::NotModified()
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((ETAG, conditional::etag(customer)))
        .finish()
}

/// A page of customers.
pub(in crate::http) fn customers(customers: &[Customer]) -> HttpResponse {
    json(&Collection::of(customers.iter().map(CustomerJson::of).collect()))
}

/// A page of a customer's history.
pub(in crate::http) fn revisions(revisions: &[Revision]) -> HttpResponse {
    json(&Collection::of(revisions.iter().map(RevisionJson::of).collect()))
}

/// A page with nothing on it.
pub(in crate::http) fn none() -> HttpResponse {
    json(&Collection::<()>::of(Vec::new()))
}

pub(in crate::http) fn json(body: &impl Serialize) -> HttpResponse {
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
