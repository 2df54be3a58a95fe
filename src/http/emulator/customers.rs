//! The customers of a world: none, or these.

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use serde_json::value::RawValue;

use super::{Emulator, sent};
use crate::domain::CustomerId;
use crate::http::api::{Answer, Problem, answers, draft};
use crate::json::{Json, Members, whole_digits};
use crate::service::{Caller, Seeded, World};

/// The latest second at which a customer may have been created, as of the lists.
const CREATED_MAX: i64 = 4_765_046_400;

/// How many customers there are now.
#[derive(Serialize)]
struct Count {
    customers: usize,
}

pub(super) fn count(customers: usize) -> HttpResponse {
    answers::json(&Count { customers })
}

pub(super) async fn reset(_: Caller, request: HttpRequest, own: Data<World>, emulator: Data<Emulator>) -> Answer {
    let mut worlds = vec![own.into_inner()];
    if sent::is_for_all(request.query_string())? {
        emulator.end_others().await;
        worlds = vec![emulator.worlds.first().clone()];
    }
    for world in worlds {
        world.reset().await?;
        emulator.faults_of(&world.key).clear();
    }
    Ok(count(0))
}

pub(super) async fn seed(
    caller: Caller,
    request: HttpRequest,
    payload: Payload,
    own: Data<World>,
    emulator: Data<Emulator>,
) -> Answer {
    let bytes = sent::bytes(&request, payload).await?;
    let sent = sent::list(&bytes, "customers")?;
    for world in emulator.asked_for(request.query_string(), &own).await? {
        let seeds = (0..)
            .zip(&sent)
            .map(|(place, sent)| seeded(sent).map_err(|problem| problem.at(&format!("customers[{place}]"))));
        world.seed(&caller, seeds.collect::<Result<_, _>>()?).await?;
    }
    Ok(count(sent.len()))
}

/// A customer in the shape that the API gives it.
fn seeded(sent: &RawValue) -> Result<Seeded, Problem> {
    let json = Json::parse(sent.get().as_bytes()).map_err(|error| Problem::not_json(&error))?;
    let Json::Object(mut members) = json else { return Err(Problem::input(None, "a customer must be an object")) };
    if members.shift_remove("entity").is_some_and(|entity| entity != Json::Text("customer".into())) {
        return Err(Problem::input(Some("entity"), "The entity must be customer."));
    }
    let (id, created_at) = (id(&mut members)?, created_at(&mut members)?);
    Ok(Seeded { id, created_at, draft: draft::of_edit(members) })
}

fn id(members: &mut Members) -> Result<Option<CustomerId>, Problem> {
    let text = match members.shift_remove("id") {
        None | Some(Json::Null) => return Ok(None),
        Some(Json::Text(text)) => text,
        Some(_) => return Err(Problem::input(Some("id"), "The id must be a string.")),
    };
    let id = CustomerId::parse(&text).map_err(|rest| Problem::id_malformed(&rest))?;
    if id.is_ours() { Ok(Some(id)) } else { Err(Problem::input(Some("id"), "The id must begin with cust_.")) }
}

fn created_at(members: &mut Members) -> Result<Option<i64>, Problem> {
    let literal = match members.shift_remove("created_at") {
        None | Some(Json::Null) => return Ok(None),
        Some(Json::Number(literal)) => whole_digits(&literal).unwrap_or_default(),
        Some(_) => String::new(),
    };
    match literal.parse() {
        Ok(second) if (0..=CREATED_MAX).contains(&second) => Ok(Some(second)),
        _ => Err(Problem::input(
            Some("created_at"),
            format!("The created_at must be whole seconds, 0 to {CREATED_MAX}."),
        )),
    }
}
