//! The pages of endpoints, each with a form that sends what one types.

use std::sync::LazyLock;

use actix_web::http::StatusCode;
use actix_web::web::Path;
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use serde_json::Value;

use super::frame::{self, Frame};
use super::operation::Operation;
use super::samples::{self, Call, Sample};
use crate::http::api::description;

/// An endpoint as the reference has it.
pub(super) struct Endpoint {
    /// The end of its page's address.
    pub(super) slug: &'static str,
    /// What the list of pages calls it.
    pub(super) name: &'static str,
    call: Call,
    /// What the OpenAPI document calls it.
    operation: &'static str,
}

impl Endpoint {
    pub(super) fn address(&self) -> String {
        format!("/docs/customers/{}", self.slug)
    }
}

pub(super) const ENDPOINTS: [Endpoint; 6] = [
    Endpoint { slug: "create", name: "Create a customer", call: Call::Create, operation: "createCustomer" },
    Endpoint { slug: "edit", name: "Edit a customer", call: Call::Edit, operation: "editCustomer" },
    Endpoint { slug: "fetch", name: "Fetch a customer", call: Call::Fetch, operation: "fetchCustomer" },
    Endpoint { slug: "list", name: "List customers", call: Call::List, operation: "listCustomers" },
    Endpoint { slug: "revisions", name: "List revisions", call: Call::Revisions, operation: "listRevisions" },
    Endpoint { slug: "tokens", name: "List tokens", call: Call::Tokens, operation: "listTokens" },
];

/// What programs are told, of which no operation names the server's address.
static DOCUMENT: LazyLock<Value> =
    LazyLock::new(|| serde_json::to_value(description::document("")).unwrap_or_default());

#[derive(Template)]
#[template(path = "docs_endpoint.html")]
struct EndpointPage {
    frame: Frame,
    name: &'static str,
    operation: Operation,
    samples: Vec<Sample>,
}

pub(super) async fn show(request: HttpRequest, slug: Path<String>) -> HttpResponse {
    let endpoint = ENDPOINTS.iter().find(|endpoint| endpoint.slug == *slug);
    let Some((endpoint, operation)) =
        endpoint.and_then(|endpoint| Some((endpoint, Operation::of(&DOCUMENT, endpoint.operation)?)))
    else {
        return frame::not_found(request).await;
    };
    let page = |frame: Frame| {
        let samples = samples::of(endpoint.call, &frame.base);
        EndpointPage { frame, name: endpoint.name, operation, samples }
    };
    frame::show(&request, &endpoint.address(), StatusCode::OK, page).await
}
