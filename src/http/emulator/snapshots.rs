//! Snapshots of a world, by name.

use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use serde::Serialize;

use super::customers::count;
use crate::http::api::{Answer, Problem, answers};
use crate::service::{Caller, World};

/// The most characters of a name.
const NAME_LEN_MAX: usize = 64;

#[derive(Serialize)]
struct Listed {
    snapshots: Vec<Snapshot>,
}

#[derive(Serialize)]
struct Snapshot {
    name: String,
    customers: usize,
}

pub(super) async fn list(_: Caller, world: Data<World>) -> Answer {
    Ok(listed(&world))
}

pub(super) async fn keep(_: Caller, name: Path<String>, world: Data<World>) -> Answer {
    let is_fit = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if name.len() > NAME_LEN_MAX || !name.bytes().all(is_fit) {
        let words = format!("A name has at most {NAME_LEN_MAX} letters, digits and - _ . and nothing else.");
        return Err(Problem::input(Some("name"), words));
    }
    Ok(count(world.keep(&name).await?))
}

pub(super) async fn restore(_: Caller, name: Path<String>, world: Data<World>) -> Answer {
    Ok(count(world.put_back(&name).await?))
}

pub(super) async fn forget(_: Caller, name: Path<String>, world: Data<World>) -> Answer {
    world.forget(&name)?;
    Ok(listed(&world))
}

fn listed(world: &World) -> HttpResponse {
    let snapshots = world.snapshots().into_iter().map(|(name, customers)| Snapshot { name, customers }).collect();
    answers::json(&Listed { snapshots })
}
