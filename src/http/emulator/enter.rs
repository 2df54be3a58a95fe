//! What every request to an emulator goes through first: it enters the world of its key, and what is to go wrong there happens
//! to it.

use std::rc::Rc;
use std::sync::Arc;

use actix_web::Error;
use actix_web::HttpMessage;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{Extensions, ServiceRequest, ServiceResponse};
use actix_web::http::header::AUTHORIZATION;
use actix_web::middleware::Next;
use actix_web::web::Data;
use tokio::time::sleep;

use super::Emulator;
use super::inject::{Broken, Injected};
use crate::http::api::{Problem, basic};
use crate::http::connections::UnderWay;
use crate::service::{NotDone, World};

pub(super) async fn enter(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let _under_way = UnderWay::of(&request);
    let Some(emulator) = request.app_data::<Data<Emulator>>().cloned() else { return Err(Problem::failed().into()) };
    let world = world_of(&request, &emulator).await.unwrap_or_else(|not_done| {
        request.extensions_mut().insert(Injected::Problem(not_done.into()));
        emulator.worlds.first().clone()
    });
    // As the router reads it: `%5F` is `_`.
    let path = request.match_info().get_ref().path();
    let fault = emulator.faults_of(&world.key).next(request.method(), path);
    request.add_data_container(Rc::new(beside(world)));
    let Some(fault) = fault else { return Ok(next.call(request).await?.map_into_boxed_body()) };
    if let Some(latency) = fault.latency {
        sleep(latency).await;
    }
    if let Some(injected) = fault.answer {
        request.extensions_mut().insert(injected);
    }
    let response = next.call(request).await?.map_into_boxed_body();
    // It is done, and nobody is told.
    Ok(if fault.drops_answer { response.map_body(|_, _| Broken.boxed()) } else { response })
}

/// Where the application finds it, before what it has from its start.
fn beside(world: Arc<World>) -> Extensions {
    let mut beside = Extensions::new();
    beside.insert(Data::from(world.services.clone()));
    beside.insert(Data::from(world));
    beside
}

async fn world_of(request: &ServiceRequest, emulator: &Emulator) -> Result<Arc<World>, NotDone> {
    let header = request.headers().get(AUTHORIZATION).and_then(|header| header.to_str().ok());
    match header.and_then(basic::decode) {
        Some((id, secret)) => emulator.worlds.enter(&id, &secret).await,
        None => Ok(emulator.worlds.first().clone()),
    }
}
