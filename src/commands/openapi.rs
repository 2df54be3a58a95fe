//! `patron openapi`: what the API is, for programs.

use patron::http::api::description;

use super::{Done, print};

pub fn run(public_url: &str) -> Done {
    let text = description::document(public_url).to_pretty_json();
    print(&text.map_err(|error| format!("cannot write the document: {error}"))?)
}
