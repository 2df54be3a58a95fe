//! What can be done with customers.

use utoipa::openapi::link::LinkBuilder;
use utoipa::openapi::path::{HttpMethod, Operation, OperationBuilder, PathItemBuilder, PathsBuilder};
use utoipa::openapi::security::SecurityRequirement;
use utoipa::openapi::{RefOr, Response, ResponseBuilder};

use super::responses::{errors_of, success};
use super::{KEY, bodies, headers, parameters, samples};
use crate::http::api::Place;
use crate::http::api::catalogue::Act;

/// Every operation of the API.
pub(super) fn add(paths: PathsBuilder) -> PathsBuilder {
    let (list, fetch, history, tokens) = (list().build(), fetch().build(), history().build(), tokens().build());
    let customers = PathItemBuilder::new()
        .operation(HttpMethod::Post, create())
        .operation(HttpMethod::Head, head(&list))
        .operation(HttpMethod::Get, list);
    let customer = PathItemBuilder::new()
        .operation(HttpMethod::Put, edit())
        .operation(HttpMethod::Head, head(&fetch))
        .operation(HttpMethod::Get, fetch);
    let revisions =
        PathItemBuilder::new().operation(HttpMethod::Head, head(&history)).operation(HttpMethod::Get, history);
    let tokens = PathItemBuilder::new().operation(HttpMethod::Head, head(&tokens)).operation(HttpMethod::Get, tokens);
    paths
        .path(Place::Customers.pattern(), customers.build())
        .path(Place::Customer.pattern(), customer.build())
        .path(Place::Revisions.pattern(), revisions.build())
        .path(Place::Tokens.pattern(), tokens.build())
}

/// The same without a body.
pub(super) fn head(get: &Operation) -> Operation {
    let mut head = get.clone();
    head.operation_id = head.operation_id.map(|id| format!("{id}Head"));
    head.summary = head.summary.map(|summary| format!("{summary}, without the body"));
    head.description = None;
    for response in head.responses.responses.values_mut() {
        if let RefOr::T(response) = response {
            response.content.clear();
            response.links.clear();
        }
    }
    head
}

fn create() -> OperationBuilder {
    let created = "The customer, new or, with `fail_existing` `\"0\"`, as it was.";
    operation(Act::Create, "createCustomer", "Create a customer")
        .tag("Customers")
        .request_body(Some(bodies::creation_body()))
        .response("200", customer(created, "created", samples::CREATED))
}

fn list() -> OperationBuilder {
    let examples = [("customers", samples::LISTED), ("past-the-end", samples::NONE_LISTED)];
    operation(Act::List, "listCustomers", "List customers, newest first")
        .tag("Customers")
        .description(Some("By `created_at`, then by id, both descending."))
        .parameters(Some(parameters::page()))
        .parameters(Some(parameters::filters()))
        .response("200", success("A page of customers.", "Customers", &examples))
}

fn fetch() -> OperationBuilder {
    let not_modified = ResponseBuilder::new()
        .description("The caller has the customer as it stands.")
        .header_ref("ETag", headers::named("ETag"));
    operation(Act::Fetch, "fetchCustomer", "Fetch a customer")
        .tag("Customers")
        .parameter(parameters::id())
        .parameter(parameters::if_none_match())
        .response("200", customer("The customer.", "customer", samples::CREATED))
        .response("304", headers::of_api(not_modified))
}

fn edit() -> OperationBuilder {
    operation(Act::Edit, "editCustomer", "Edit a customer")
        .tag("Customers")
        .description(Some(
            "A field that is not sent keeps its value; `notes` replace the old ones whole. What changes nothing leaves no trace in \
             the history. Send the customer's `ETag` as `If-Match`, and nobody's change is lost.",
        ))
        .parameter(parameters::id())
        .parameter(parameters::if_match())
        .request_body(Some(bodies::edit_body()))
        .response("200", customer("The customer after the edit.", "edited", samples::EDITED))
}

fn history() -> OperationBuilder {
    operation(Act::History, "listRevisions", "List a customer's revisions, newest first")
        .tag("History")
        .description(Some("Each edit that changed something: who did it, when, and each value from what to what."))
        .parameter(parameters::id())
        .parameters(Some(parameters::page()))
        .response("200", success("A page of the history.", "Revisions", &[("revisions", samples::REVISIONS)]))
}

fn tokens() -> OperationBuilder {
    operation(Act::Tokens, "listTokens", "List a customer's payment tokens")
        .tag("Customers")
        .description(Some("There are no payments here, and so no tokens: the collection of a customer is empty."))
        .parameter(parameters::id())
        .parameters(Some(parameters::page()))
        .response("200", success("An empty collection.", "Tokens", &[("tokens", samples::NONE_LISTED)]))
}

fn operation(act: Act, id: &str, summary: &str) -> OperationBuilder {
    OperationBuilder::new()
        .operation_id(Some(id))
        .summary(Some(summary))
        .security(SecurityRequirement::new::<_, _, &str>(KEY, []))
        .parameter(parameters::request_id())
        .responses(errors_of(act))
}

/// One customer, and what can be done with it next.
fn customer(description: &str, name: &str, sample: &str) -> Response {
    let link = |act: &str| LinkBuilder::new().operation_id(act).parameter("id", "$response.body#/id").build();
    success(description, "Customer", &[(name, sample)])
        .header_ref("ETag", headers::named("ETag"))
        .link("fetch", link("fetchCustomer"))
        .link("edit", link("editCustomer"))
        .link("revisions", link("listRevisions"))
        .build()
}
