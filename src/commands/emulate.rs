//! `patron emulate`: the API for tests, in memory.

use std::path::PathBuf;

use actix_web::rt::System;
use actix_web::web::Data;
use patron::http::{self, Emulator};
use patron::service::Worlds;
use patron::store::Store;

use super::Done;
use super::serve::{Listening, cannot_listen, opened, reachable, say};
use super::signals::Signals;
use crate::config::Emulate;
use crate::log;

pub fn run(db: Option<&PathBuf>, settings: &Emulate) -> Done {
    let doors = Listening::on(settings.listen, "--listen or PATRON_LISTEN")?;
    let store = match db {
        Some(db) => opened(db)?,
        None => Store::in_memory(true).map_err(|unusable| unusable.to_string())?,
    };
    System::new().block_on(async {
        let worlds = Worlds::over(store, settings.worlds.into()).await?;
        let emulator = Data::new(Emulator::new(worlds, settings.strict));
        let served = emulate(&emulator, doors).await;
        emulator.worlds().first().services.close();
        served
    })
}

async fn emulate(emulator: &Data<Emulator>, doors: Listening) -> Done {
    let services = &emulator.worlds().first().services;
    services.start().map_err(|error| format!("cannot start: {error}"))?;
    let Listening { listener, address, flag } = doors;
    let server =
        http::emulate(listener, emulator.clone(), http::Settings { log: log::requests(), ..http::Settings::default() });
    let server = server.map_err(|error| cannot_listen(address, &error, flag))?;
    let handle = server.handle();
    services.announce(&reachable(address, false));
    let (id, secret) = (Worlds::KEY_ID, Worlds::SECRET);
    say(&format!("An emulator, for tests only.\n\n  key id      {id}\n  key secret  {secret}\n\n"));
    if !address.ip().to_canonical().is_loopback() {
        let warning = "other machines may reach it, and whoever does may do everything: everybody knows the key";
        tracing::warn!(%address, "{warning}");
        say(&format!("On {address}, {warning}.\n\n"));
    }
    // Nobody who only runs tests looks at pages; whoever does finds the first world there.
    if let Ok(Some(token)) = services.staff.first_link().await {
        say(&format!("Pages: {}/link/{}\n\n", reachable(address, false), token.reveal()));
    }
    let mut signals = Signals::new()?;
    say(&format!("listening on http://{address}\n"));
    let mut running = actix_web::rt::spawn(server);
    tokio::select! {
        ended = &mut running => return ended.map_err(|error| error.to_string())?.map_err(|error| error.to_string()),
        () = signals.end() => {}
    }
    handle.stop(true).await;
    Ok(())
}
