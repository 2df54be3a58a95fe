//! What must hold for arbitrary bytes. Each property is a fuzz target, and is held against the seeds within `cargo test`.

mod answers;
mod bodies;
mod fields;
mod heads;
mod ids;
mod routes;
mod rules;
mod search;

use std::borrow::Cow;

pub use bodies::{form, json};
pub use fields::fields;
pub use heads::{credentials, query};
pub use ids::ids;
pub use routes::routes;
pub use search::search;

/// Panics where it does not hold.
pub type Property = fn(&[u8]);

/// Every property, by the name of its target and of the folder of its seeds.
pub const PROPERTIES: &[(&str, Property)] = &[
    ("credentials", credentials),
    ("fields", fields),
    ("form", form),
    ("ids", ids),
    ("json", json),
    ("query", query),
    ("routes", routes),
    ("search", search),
];

fn text(data: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(data)
}
