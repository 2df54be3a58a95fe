//! The clock of a world, on the wire.

use actix_web::HttpRequest;
use actix_web::web::{Data, Payload};
use serde::{Deserialize, Serialize};

use super::{Emulator, sent};
use crate::http::api::{Answer, Problem, answers};
use crate::service::{Caller, Clock, Move, World};

/// Exactly one of these.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    stand: Option<i64>,
    set: Option<i64>,
    advance: Option<i64>,
    run: Option<bool>,
}

impl Asked {
    fn to_move(&self) -> Result<Move, Problem> {
        let one = match (self.stand, self.set, self.advance, self.run) {
            (Some(second), None, None, None) => Some(Move::Stand(second)),
            (None, Some(second), None, None) => Some(Move::Set(second)),
            (None, None, Some(seconds), None) => Some(Move::Advance(seconds)),
            (None, None, None, Some(true)) => Some(Move::Run),
            _ => None,
        };
        let words = r#"Send one of {"stand":SECOND}, {"set":SECOND}, {"advance":SECONDS} and {"run":true}."#;
        one.ok_or_else(|| Problem::input(None, words))
    }
}

#[derive(Serialize)]
struct Shown {
    now: i64,
    stands: bool,
}

pub(super) async fn show(_: Caller, world: Data<World>) -> Answer {
    Ok(answer(&world))
}

pub(super) async fn set(
    _: Caller,
    request: HttpRequest,
    payload: Payload,
    own: Data<World>,
    emulator: Data<Emulator>,
) -> Answer {
    let by = sent::object::<Asked>(&sent::bytes(&request, payload).await?)?.to_move()?;
    for world in emulator.asked_for(request.query_string(), &own).await? {
        world.set_clock(by)?;
    }
    Ok(answer(&own))
}

pub(super) async fn follow(_: Caller, request: HttpRequest, own: Data<World>, emulator: Data<Emulator>) -> Answer {
    for world in emulator.asked_for(request.query_string(), &own).await? {
        world.set_clock(Move::Follow)?;
    }
    Ok(answer(&own))
}

fn answer(world: &World) -> actix_web::HttpResponse {
    let Clock { now, stands } = world.clock();
    answers::json(&Shown { now, stands })
}
