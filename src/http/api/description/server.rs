//! What whoever watches the server may ask, and this document itself.

use serde_json::json;
use utoipa::openapi::path::{HttpMethod, OperationBuilder, PathItemBuilder, PathsBuilder};
use utoipa::openapi::schema::Type;
use utoipa::openapi::security::SecurityRequirement;
use utoipa::openapi::{ContentBuilder, ResponseBuilder};

use super::operations::head;
use super::schemas::{of, one_of, pattern};
use super::{headers, parameters};

/// Every operation that needs no key.
pub(super) fn add(paths: PathsBuilder) -> PathsBuilder {
    [("/healthz", alive()), ("/readyz", ready()), ("/openapi.json", document())].into_iter().fold(
        paths,
        |paths, (path, operation)| {
            let operation = operation.build();
            let item = PathItemBuilder::new()
                .operation(HttpMethod::Head, head(&operation))
                .operation(HttpMethod::Get, operation);
            paths.path(path, item.build())
        },
    )
}

fn alive() -> OperationBuilder {
    operation("isAlive", "Whether the process is alive")
        .description(Some("Answers without a look at the database."))
        .response("200", text("It is.", "alive\n"))
}

fn ready() -> OperationBuilder {
    operation("isReady", "Whether the server can do its work")
        .description(Some("It can where something was read and something committed within the last second."))
        .response("200", text("It can.", "ready\n"))
        .response(
            "503",
            text("It can not now.", "not ready\n").header_ref("Retry-After", headers::named("Retry-After")),
        )
}

fn document() -> OperationBuilder {
    let revalidated = || headers::always(one_of([json!("public, no-cache")]));
    let tag = || headers::always(pattern("^W/\"[0-9a-f]{16}\"$"));
    let answer = |description: &str| {
        headers::of_every_answer(ResponseBuilder::new().description(description))
            .header("Cache-Control", revalidated())
            .header("ETag", tag())
    };
    let content = ContentBuilder::new().schema(Some(of(Type::Object))).build();
    operation("describe", "This document")
        .parameter(parameters::if_none_match())
        .response("200", answer("The document.").content("application/json", content))
        .response("304", answer("The caller has it as it stands."))
}

fn operation(id: &str, summary: &str) -> OperationBuilder {
    OperationBuilder::new()
        .tag("Server")
        .operation_id(Some(id))
        .summary(Some(summary))
        .securities::<[SecurityRequirement; 0]>(Some([]))
        .parameter(parameters::request_id())
}

fn text(description: &str, body: &str) -> ResponseBuilder {
    let content = ContentBuilder::new().schema(Some(one_of([json!(body)]))).example(Some(json!(body))).build();
    headers::of_every_answer(ResponseBuilder::new().description(description))
        .header_ref("Cache-Control", headers::named("No-Store"))
        .content("text/plain", content)
}
