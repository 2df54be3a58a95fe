//! Work on an import with a bar that shows how far it is, and words where it waits for a full disk.

use std::cell::Cell;
use std::time::Duration;

use indicatif::ProgressBar;
use patron::domain::Import;
use patron::service::{Caller, Moving, NotImported, Refused, Services, Waits};

use super::super::{note, progress_bar};
use super::told::about;

/// Does what is begun, and says how to go on where it cannot.
pub async fn moved(services: &Services, caller: &Caller, number: i64, patience: Duration) -> Result<Import, String> {
    watched(services, caller, number, patience).await.map_err(|refused| {
        let gave_up = match &refused {
            NotImported::Refused(Refused::Full | Refused::NoRoom(_)) => {
                format!("import {number} waited {} for room: ", humantime::format_duration(patience))
            }
            _ => String::new(),
        };
        format!(
            "{gave_up}{}; what is written stays, and it goes on where it was: patron import resume {number}",
            about(number)(refused)
        )
    })
}

/// Does what is begun.
pub async fn watched(
    services: &Services,
    caller: &Caller,
    number: i64,
    patience: Duration,
) -> Result<Import, NotImported> {
    let (bar, waited) = (progress_bar(0, ""), Cell::new(false));
    let shown: ProgressBar = bar.clone();
    let progress = move |Moving { state, done, total, waits }: Moving| {
        shown.set_message(state.as_str());
        shown.set_length(total);
        shown.set_position(done);
        if waited.replace(waits.is_some()) == waits.is_some() {
            return;
        }
        let patience = humantime::format_duration(patience);
        shown.suspend(|| match waits {
            Some(waits) => note(&format!(
                "{}: import {number} waits for at most {patience}, and goes on when that is over. What is written stays.",
                why(waits)
            )),
            None => note(&format!("Import {number} goes on.")),
        });
    };
    let moved = services.imports.work_patiently(caller, number, patience, progress).await;
    bar.finish_and_clear();
    moved
}

fn why(waits: Waits) -> String {
    match waits {
        Waits::Room(short) => format!("There is no room ({short})"),
        Waits::Full => "The disk is full".into(),
        Waits::Busy => "The database is busy or cannot be written".into(),
    }
}
