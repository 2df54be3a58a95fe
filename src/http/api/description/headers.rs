//! The headers of answers.

use serde_json::json;
use utoipa::openapi::extensions::Extensions;
use utoipa::openapi::schema::{ComponentsBuilder, ObjectBuilder, Type};
use utoipa::openapi::{Header, HeaderBuilder, Ref, ResponseBuilder};

use super::schemas::{of, one_of, pattern};

/// Every header that more than one answer has, by its name.
pub(super) fn add(components: ComponentsBuilder) -> ComponentsBuilder {
    let request_id = pattern("^[A-Za-z0-9_-]{8,64}$").description(Some(
        "The request's `X-Request-Id` where that matches the pattern, else one of the service's own.",
    ));
    let limit = limits("r=[0-9]+;t=[0-9]+").description(Some(
        "Where requests are limited: how many are left (`r`), and in how many seconds all are back (`t`), or, with a 429, the \
         next one is. An item each for the address and the key.",
    ));
    let policy = limits("q=[0-9]+;w=[0-9]+")
        .description(Some("Where requests are limited: how many there may be (`q`) in how many seconds (`w`)."));
    let etag = pattern("^\"[1-9][0-9]*\"$")
        .description(Some("The customer's version as a strong entity tag, for `If-Match` and `If-None-Match`."));
    let retry_after = of(Type::Integer).minimum(Some(1)).description(Some("In how many seconds to come back."));
    components
        .header("X-Request-Id", always(request_id))
        .header("No-Store", always(one_of([json!("no-store")])))
        .header("RateLimit", sometimes(limit, r#""key";r=199;t=1"#))
        .header("RateLimit-Policy", sometimes(policy, r#""key";q=200;w=1"#))
        .header("ETag", always(etag))
        .header("Retry-After", always(retry_after))
        .header("WWW-Authenticate", always(one_of([json!(r#"Basic realm="patron""#)])))
}

/// What every answer has.
pub(super) fn of_every_answer(response: ResponseBuilder) -> ResponseBuilder {
    response.header_ref("X-Request-Id", named("X-Request-Id"))
}

/// What no answer of the API lacks: nothing may keep it. Where limits are set, what is left of them.
pub(super) fn of_api(response: ResponseBuilder) -> ResponseBuilder {
    of_every_answer(response)
        .header_ref("Cache-Control", named("No-Store"))
        .header_ref("RateLimit", named("RateLimit"))
        .header_ref("RateLimit-Policy", named("RateLimit-Policy"))
}

/// A header by its name.
pub(super) fn named(name: &str) -> Ref {
    Ref::new(format!("#/components/headers/{name}"))
}

/// A header that is never left out, which the builder has no word for.
pub(super) fn always(schema: ObjectBuilder) -> Header {
    HeaderBuilder::new().schema(Some(schema)).extensions(Some(Extensions::from_iter([("required", true)]))).build()
}

fn sometimes(schema: ObjectBuilder, example: &str) -> Header {
    HeaderBuilder::new().schema(Some(schema)).example(Some(json!(example))).build()
}

/// A list of structured fields (RFC 9651), an item for each limit.
fn limits(values: &str) -> ObjectBuilder {
    let item = format!(r#""(?:address|key)";{values}"#);
    pattern(format!("^{item}(?:, {item})?$"))
}
