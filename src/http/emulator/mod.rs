//! The emulator for tests: the same application, with a world for each key and, under `/_emulator`, what a test does to its
//! world.
//! `patron serve` has nothing of it.

mod clock;
mod customers;
mod enter;
mod faults;
mod inject;
mod sent;
mod snapshots;
mod strict;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::middleware::from_fn;
use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{App, Error};

use super::api::{self, Problem};
use super::app_with;
use super::settings::Settings;
use crate::domain::KeyId;
use crate::service::{NotDone, World, Worlds};
use faults::Faults;

/// The worlds of an emulator, and what goes wrong in each.
pub struct Emulator {
    worlds: Worlds,
    /// Of worlds that have or had any.
    faults: Mutex<HashMap<String, Arc<Faults>>>,
    is_strict: bool,
}

impl Emulator {
    /// An emulator of these worlds; a strict one refuses what the hosted API has not.
    pub fn new(worlds: Worlds, is_strict: bool) -> Self {
        Self { worlds, faults: Mutex::default(), is_strict }
    }

    /// The worlds.
    pub fn worlds(&self) -> &Worlds {
        &self.worlds
    }

    fn faults_of(&self, key: &KeyId) -> Arc<Faults> {
        let Ok(mut faults) = self.faults.lock() else { return Arc::default() };
        match faults.get(key.as_str()) {
            Some(faults) => faults.clone(),
            None => faults.entry(key.as_str().to_owned()).or_default().clone(),
        }
    }

    /// Ends all worlds but the first.
    async fn end_others(&self) {
        self.worlds.end_others().await;
        if let Ok(mut faults) = self.faults.lock() {
            faults.retain(|key, _| key == Worlds::KEY_ID);
        }
    }

    /// The worlds that a request to the emulator is about.
    async fn asked_for(&self, query: &str, own: &Data<World>) -> Result<Vec<Arc<World>>, Problem> {
        if sent::is_for_all(query)? { Ok(self.worlds.all().await) } else { Ok(vec![own.clone().into_inner()]) }
    }
}

/// The application, as [`super::app`], in the hands of an emulator.
pub fn app(
    emulator: Data<Emulator>,
    settings: Data<Settings>,
) -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<impl MessageBody>,
        Error = Error,
        InitError = (),
    >,
> {
    let first = Data::from(emulator.worlds.first().services.clone());
    app_with(first, settings, |config| routes(config, emulator)).wrap(from_fn(enter::enter))
}

fn routes(config: &mut ServiceConfig, emulator: Data<Emulator>) {
    let is_strict = emulator.is_strict;
    config.app_data(emulator);
    config.configure(inject::routes);
    if is_strict {
        config.configure(strict::routes);
    }
    let own = web::scope("/_emulator")
        .wrap(from_fn(sent::from_us))
        .route("/reset", web::post().to(customers::reset))
        .route("/seed", web::put().to(customers::seed))
        .route("/snapshots", web::get().to(snapshots::list))
        .route("/snapshots/{name}", web::post().to(snapshots::keep))
        .route("/snapshots/{name}", web::delete().to(snapshots::forget))
        .route("/snapshots/{name}/restore", web::post().to(snapshots::restore))
        .route("/faults", web::get().to(faults::show))
        .route("/faults", web::put().to(faults::set))
        .route("/faults", web::delete().to(faults::clear))
        .route("/clock", web::get().to(clock::show))
        .route("/clock", web::put().to(clock::set))
        .route("/clock", web::delete().to(clock::follow))
        .default_service(web::to(api::not_found));
    config.service(own);
}

impl From<NotDone> for Problem {
    fn from(not_done: NotDone) -> Self {
        let refused = |words: String| Self::input(None, words);
        match not_done {
            NotDone::Customer(place, refused) => Self::from(refused).at(&format!("customers[{place}]")),
            NotDone::SameId(place) => refused(format!("customers[{place}]: the id is that of a customer before it")),
            NotDone::NoSnapshot => refused("There is no such snapshot in this world.".into()),
            NotDone::TooManySnapshots(most) => {
                refused(format!("This world has {most} snapshots, the most there may be; delete one."))
            }
            NotDone::TooManyWorlds(most) => {
                let words = format!(
                    "There are {most} worlds beside the first, the most there may be; end them with \
                     POST /_emulator/reset?worlds=all by the key {}, or start with a larger --worlds.",
                    Worlds::KEY_ID
                );
                Self::made(StatusCode::TOO_MANY_REQUESTS, Some(words), None)
            }
            NotDone::OutOfTime(first, last) => refused(format!("The clock must be between {first} and {last}.")),
            NotDone::Refused(refused) => Self::from(refused),
        }
    }
}
