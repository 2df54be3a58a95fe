//! What the API is, for programs: an OpenAPI 3.1 document. It stands beside the handlers and not in them, one file a topic;
//! `tests/it/openapi.rs` holds it against the routes and against what the service answers.

mod bodies;
mod headers;
mod operations;
mod parameters;
mod responses;
mod samples;
mod schemas;
mod server;

use utoipa::openapi::path::PathsBuilder;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{Components, ComponentsBuilder, InfoBuilder, License, OpenApi, OpenApiBuilder, Server};

/// What the document calls HTTP Basic with a key.
const KEY: &str = "key";

/// The document, for a service that stands at this scheme and host: `https://patron.example`.
pub fn document(base_url: &str) -> OpenApi {
    let info = InfoBuilder::new()
        .title("Patron")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(ABOUT))
        .license(Some(license()))
        .build();
    OpenApiBuilder::new()
        .info(info)
        .servers(Some([Server::new(base_url)]))
        .tags(Some(tags().map(|(name, about)| TagBuilder::new().name(name).description(Some(about)).build())))
        .paths(server::add(operations::add(PathsBuilder::new())))
        .components(Some(components(base_url)))
        .build()
}

const ABOUT: &str = "Customer records with history: a drop-in for Razorpay's Customers API.\n\n\
    `/v1/customers/` is `/v1/customers`, and `//` is `/`; nothing is ever answered by a redirect. Any other URL under `/v1`, and \
    another method on a known one, is answered 400 as the response `UnknownUrl` has it. The first thing that is wrong is told, in \
    this order: route, credentials, size, media type, syntax, form of the id, fields, existence, `If-Match`, nothing to know the \
    customer by, the pair of email and contact.\n\n\
    What is not HTTP at all, or has a head that is too long or does not end, is answered 400, 431 or 408 without a body.";

fn license() -> License {
    let mut license = License::new("Apache-2.0");
    license.identifier = Some("Apache-2.0".to_owned());
    license
}

fn tags() -> [(&'static str, &'static str); 3] {
    [
        ("Customers", "Who the customers are. Test and live customers never see each other: the key decides."),
        ("History", "What was changed, when and by whom. Patron's own."),
        ("Server", "For whoever watches the server, or wants to know what it can do. No credentials."),
    ]
}

fn components(base_url: &str) -> Components {
    let basic = HttpBuilder::new().scheme(HttpAuthScheme::Basic).description(Some(
        "The id of a key (`rzp_test_…` or `rzp_live_…`) as the user, its secret as the password. The scheme is spelled `Basic`.",
    ));
    let components = headers::add(bodies::add(schemas::add(ComponentsBuilder::new())));
    let components = responses::add(components, base_url);
    components.security_scheme(KEY, SecurityScheme::Http(basic.build())).build()
}
