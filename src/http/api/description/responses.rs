//! The answers: what succeeds, and the errors of an operation, a response for each status.

use std::collections::BTreeMap;

use actix_web::http::StatusCode;
use utoipa::openapi::example::{Example, ExampleBuilder};
use utoipa::openapi::response::Responses;
use utoipa::openapi::schema::ComponentsBuilder;
use utoipa::openapi::{ContentBuilder, Ref, RefOr, Response, ResponseBuilder, ResponsesBuilder};

use super::schemas::named;
use super::{headers, samples};
use crate::http::api::catalogue::{self, Act, Entry};

/// Every error as an example, and the answer that is no operation's.
pub(super) fn add(components: ComponentsBuilder, base_url: &str) -> ComponentsBuilder {
    let nowhere: Vec<&Entry> = catalogue::entries().filter(|entry| entry.acts.is_empty()).collect();
    let components = components.response("UnknownUrl", error(&nowhere));
    catalogue::entries().fold(components, |components, entry| components.example(entry.slug, example(entry, base_url)))
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
    let mut by_status: BTreeMap<u16, Vec<&Entry>> = BTreeMap::new();
    for entry in catalogue::entries().filter(|entry| entry.acts.contains(&act)) {
        by_status.entry(entry.status().as_u16()).or_default().push(entry);
    }
    let responses = by_status.into_iter().map(|(status, entries)| (status.to_string(), error(&entries)));
    ResponsesBuilder::new().responses_from_iter(responses).build()
}

/// The answer of errors that have one status.
fn error(entries: &[&Entry]) -> Response {
    let description = match entries {
        [entry] => entry.why,
        [entry, ..] if entry.status() == StatusCode::UNAUTHORIZED => "The key is missing, or is not valid.",
        _ => "Something about the request is wrong: an example for each thing that can be.",
    };
    let reference = |name: &str| RefOr::Ref(Ref::new(format!("#/components/examples/{name}")));
    let examples = entries.iter().map(|entry| (entry.slug, reference(entry.slug)));
    let content = ContentBuilder::new().schema(Some(named("Error"))).examples_from_iter(examples).build();
    let response =
        headers::of_api(ResponseBuilder::new().description(description)).content("application/json", content);
    let besides = entries.first().map(|entry| entry.headers()).unwrap_or_default();
    besides.into_iter().fold(response, |response, (name, _)| response.header_ref(name, headers::named(name))).build()
}

fn example(entry: &Entry, base_url: &str) -> Example {
    let about = format!("{} [How to mend it]({base_url}/docs/errors/{})", entry.why, entry.slug);
    ExampleBuilder::new().summary(entry.says).description(about).value(Some(entry.answer())).build()
}
