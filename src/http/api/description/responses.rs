//! The answers: what succeeds, and the errors of an operation, a response for each status.

use std::collections::BTreeMap;

use actix_web::ResponseError;
use utoipa::openapi::example::{Example, ExampleBuilder};
use utoipa::openapi::response::Responses;
use utoipa::openapi::schema::ComponentsBuilder;
use utoipa::openapi::{ContentBuilder, Ref, RefOr, Response, ResponseBuilder, ResponsesBuilder};

use super::errors::{self, Act, ErrorCase};
use super::schemas::named;
use super::{headers, samples};

/// Every error as an example, and the answer that is no operation's.
pub(super) fn add(components: ComponentsBuilder) -> ComponentsBuilder {
    let cases = errors::all();
    let nowhere: Vec<&ErrorCase> = cases.iter().filter(|case| case.acts.is_empty()).collect();
    let components = components.response("UnknownUrl", error(400, &nowhere));
    cases.iter().fold(components, |components, case| components.example(case.name, example(case)))
}

/// A success, with examples of its body by their names.
pub(super) fn success(description: &str, schema: &str, examples: &[(&str, &str)]) -> ResponseBuilder {
    let examples = examples.iter().map(|(name, sample)| {
        let example = ExampleBuilder::new().value(Some(samples::read(sample))).build();
        (*name, example)
    });
    let content = ContentBuilder::new().schema(Some(named(schema))).examples_from_iter(examples).build();
    headers::of_api(ResponseBuilder::new().description(description)).content("application/json", content)
}

/// The errors that can come from this.
pub(super) fn errors_of(act: Act) -> Responses {
    let cases = errors::all();
    let mut by_status: BTreeMap<u16, Vec<&ErrorCase>> = BTreeMap::new();
    for case in cases.iter().filter(|case| case.acts.contains(&act)) {
        by_status.entry(case.problem.status_code().as_u16()).or_default().push(case);
    }
    let responses = by_status.into_iter().fold(ResponsesBuilder::new(), |responses, (status, cases)| {
        responses.response(status.to_string(), error(status, &cases))
    });
    responses.build()
}

fn error(status: u16, cases: &[&ErrorCase]) -> Response {
    let description = match status {
        401 => "The credentials are missing or wrong.",
        403 => "The request comes from a page of another site.",
        408 => "The body took too long to arrive.",
        412 => "The customer has changed since it was read.",
        413 => "The body is too large.",
        415 => "The body is neither JSON nor a form.",
        429 => "Too many requests.",
        500 => "The service failed.",
        503 => "The service is busy.",
        _ => "Something about the request is wrong.",
    };
    let reference = |name: &str| RefOr::Ref(Ref::new(format!("#/components/examples/{name}")));
    let examples = cases.iter().map(|case| (case.name, reference(case.name)));
    let content = ContentBuilder::new().schema(Some(named("Error"))).examples_from_iter(examples).build();
    let response =
        headers::of_api(ResponseBuilder::new().description(description)).content("application/json", content);
    let besides = match status {
        401 => Some("WWW-Authenticate"),
        429 | 503 => Some("Retry-After"),
        _ => None,
    };
    besides.into_iter().fold(response, |response, name| response.header_ref(name, headers::named(name))).build()
}

fn example(case: &ErrorCase) -> Example {
    ExampleBuilder::new().summary(case.when).value(Some(case.problem.to_json())).build()
}
