//! What a request has in its path, its query and its head.

use serde_json::json;
use utoipa::openapi::RefOr;
use utoipa::openapi::Required;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{Schema, SchemaType, Type};

use super::samples;
use super::schemas::{email, named, of, pattern};
use crate::domain::{Contact, Email};
use crate::http::api::query::{COUNT_DEFAULT, COUNT_MAX, TIME_MAX, TIME_MIN};

/// Which customer.
pub(super) fn id() -> Parameter {
    let id = samples::read(samples::CREATED)["id"].clone();
    ParameterBuilder::new()
        .name("id")
        .parameter_in(ParameterIn::Path)
        .required(Required::True)
        .description(Some("The customer's id."))
        .schema(Some(named("CustomerId")))
        .example(Some(id))
        .build()
}

/// Which part of a collection.
pub(super) fn page() -> [Parameter; 2] {
    let count =
        of(Type::Integer).minimum(Some(1)).maximum(Some(COUNT_MAX as usize)).default(Some(json!(COUNT_DEFAULT)));
    let skip = of(Type::Integer).minimum(Some(0)).default(Some(json!(0)));
    [query("count", "How many to answer at most.", count), query("skip", "How many to leave out first.", skip)]
}

/// Which customers.
pub(super) fn filters() -> [Parameter; 4] {
    // An empty filter is none.
    let time = || {
        let time_or_nothing = SchemaType::from_iter([Type::Integer, Type::String]);
        let time = of(Type::Integer).minimum(Some(TIME_MIN as usize)).maximum(Some(TIME_MAX as usize));
        time.schema_type(time_or_nothing).max_length(Some(0))
    };
    [
        query("from", "Only customers that were created then or later, in Unix seconds.", time()),
        query("to", "Only customers that were created then or earlier, in Unix seconds.", time()),
        query(
            "email",
            "Only customers with this email, without regard to ASCII case.",
            pattern(format!("^(?:{})?$", email(" "))).max_length(Some(Email::LEN_MAX)),
        ),
        query(
            "contact",
            "Only customers with this contact, verbatim; a space in front is read as `+`.",
            pattern("^(?:[+ ]?[0-9]{8,})?$").max_length(Some(Contact::LEN_MAX)),
        ),
    ]
}

/// Only if the caller has not got it already.
pub(super) fn if_none_match() -> Parameter {
    header(
        "If-None-Match",
        "Entity tags, or `*`: where one of them is the customer's, the answer is 304, without a body.",
    )
}

/// Only if nobody has changed it.
pub(super) fn if_match() -> Parameter {
    header(
        "If-Match",
        "Entity tags, or `*`: the edit happens only where one of them is the customer's. Else the answer is 412, with the customer \
         as it is now.",
    )
}

/// What to call a request.
pub(super) fn request_id() -> Parameter {
    header(
        "X-Request-Id",
        "What to call this request in the answer, in the log and in the history: 8 to 64 letters, digits, `_` and `-`. Anything \
         else is ignored.",
    )
}

fn header(name: &str, description: &str) -> Parameter {
    optional(ParameterIn::Header, name, description, of(Type::String))
}

fn query(name: &str, description: &str, schema: impl Into<RefOr<Schema>>) -> Parameter {
    optional(ParameterIn::Query, name, description, schema)
}

fn optional(place: ParameterIn, name: &str, description: &str, schema: impl Into<RefOr<Schema>>) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        // First: where nothing is said, it is the path, and what is there is required.
        .parameter_in(place)
        .required(Required::False)
        .description(Some(description))
        .schema(Some(schema))
        .build()
}
