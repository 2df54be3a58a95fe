//! `patron import`: customers from a file, rehearsed first, applied as one, and undone as one; also beside a server.

mod receive;
mod refused;
mod told;
mod waiting;

use std::path::Path;
use std::time::Duration;

use patron::domain::{Actor, Import, ImportState, Mode};
use patron::service::{Caller, KeepFree, NotImported, Refused, Services, Work};
use patron::store::{Output, Use};

use super::{Done, confirmed, print, sentence, with_room, with_services};
use crate::config::{ImportCommand, ImportFile};
use receive::{receive, rehearsed};
use refused::{is_free, save_unwritten};
pub(super) use told::words_of;
use told::{about, list, show_unwritten, told};
pub(super) use waiting::moved;

pub fn run(db: &Path, keep: KeepFree, settings: &crate::config::Import) -> Done {
    let patience = settings.wait_for_room;
    match (&settings.command, &settings.file) {
        (Some(_), Some(file)) => Err(format!(
            "{} is a file to import, and what stands behind it is another command: give one of them",
            file.path.display()
        )),
        (None, Some(file)) => {
            is_free(db, file.refused.as_deref())?;
            with_room(db, Use::Fill, keep, async |services| import(services, file, patience).await)
        }
        (Some(ImportCommand::List), _) => with_services(db, Use::Read, async |services| list(services).await),
        (Some(ImportCommand::Show { number, refused }), _) => with_services(db, Use::Read, async |services| {
            is_free(db, refused.as_deref())?;
            let (caller, import) = find(services, *number).await?;
            print(&told(services, &import))?;
            show_unwritten(services, &caller, &import).await?;
            save_unwritten(services, &caller, &import, refused.as_deref(), false).await
        }),
        (Some(ImportCommand::Resume { number }), _) => with_room(db, Use::Existing, keep, async |services| {
            let (caller, import) = find(services, *number).await?;
            if !import.state.is_moving() || import.state == ImportState::Receiving {
                return Err(about(*number)(NotImported::State(import.state)));
            }
            work(services, &caller, *number, patience).await
        }),
        (Some(ImportCommand::Undo { number, yes }), _) => {
            let undo = async |services: &Services| reverse(services, *number, Work::Undo, *yes, patience).await;
            with_room(db, Use::Existing, keep, undo)
        }
        (Some(ImportCommand::Redo { number, yes }), _) => {
            let redo = async |services: &Services| reverse(services, *number, Work::Redo, *yes, patience).await;
            with_room(db, Use::Existing, keep, redo)
        }
        (Some(ImportCommand::Discard { number }), _) => with_services(db, Use::Existing, async |services| {
            let (caller, _) = find(services, *number).await?;
            discard(services, &caller, *number).await?;
            print(&format!("Import {number} is given up; it had written nothing."))
        }),
        (None, None) => {
            Err("give a file, or list, show, resume, undo, redo or discard; see patron import --help".into())
        }
    }
}

fn caller(mode: Mode) -> Caller {
    Caller { mode, actor: Actor::Command { name: "import".into() }, request_id: None, request: None, grant: None }
}

async fn find(services: &Services, number: i64) -> Result<(Caller, Import), String> {
    let mode = services.imports.mode_of(number).await.map_err(|refused| about(number)(refused.into()))?;
    let caller = caller(mode);
    let import = services.imports.find(&caller, number).await.map_err(|refused| about(number)(refused.into()))?;
    Ok((caller, import))
}

async fn import(services: &Services, settings: &ImportFile, patience: Duration) -> Done {
    let caller = caller(settings.mode);
    let import = receive(services, &caller, settings).await?;
    let done = rehearsed(services, &caller, &import, settings, patience).await;
    if !matches!(done, Ok(true)) {
        // Before the rows are gone.
        let device = settings.refused.as_deref().filter(|path| Output::is_written_into(path));
        let (_, import) = find(services, import.number).await?;
        let saved = save_unwritten(services, &caller, &import, device, false).await;
        let discarded = discard(services, &caller, import.number).await;
        return done.map(drop).and(saved).and(discarded);
    }
    apply(services, &caller, import.number).await?;
    work(services, &caller, import.number, patience).await?;
    // What was not written when it was applied goes to the same file.
    let (_, import) = find(services, import.number).await?;
    save_unwritten(services, &caller, &import, settings.refused.as_deref(), true).await
}

async fn reverse(services: &Services, number: i64, what: Work, yes: bool, patience: Duration) -> Done {
    let (caller, _) = find(services, number).await?;
    let (question, otherwise) = match what {
        Work::Undo => (
            format!("Take back what import {number} wrote? Customers that it made are withdrawn."),
            format!("this takes back what import {number} wrote"),
        ),
        _ => (
            format!("Bring back what undoing import {number} took back?"),
            format!("this brings back what undoing import {number} took back"),
        ),
    };
    confirmed(&question, yes, &otherwise)?;
    begin(services, &caller, number, what).await?;
    work(services, &caller, number, patience).await
}

async fn begin(services: &Services, caller: &Caller, number: i64, what: Work) -> Done {
    services.imports.start(caller, number, what).await.map(drop).map_err(about(number))
}

/// Begins to write an import. Where there is no room for it, it is discarded, so that it takes none.
pub(super) async fn apply(services: &Services, caller: &Caller, number: i64) -> Done {
    match services.imports.start(caller, number, Work::Apply).await {
        Err(refused @ NotImported::Refused(Refused::Full | Refused::NoRoom(_))) => {
            discard(services, caller, number).await?;
            Err(format!("cannot write import {number}: {}; nothing is written, and it is discarded", words_of(refused)))
        }
        begun => begun.map(drop).map_err(about(number)),
    }
}

/// Does what is begun, and tells what came of it.
async fn work(services: &Services, caller: &Caller, number: i64, patience: Duration) -> Done {
    let import = moved(services, caller, number, patience).await?;
    print(&told(services, &import))?;
    show_unwritten(services, caller, &import).await?;
    match import.state {
        ImportState::Applied => print(&format!("To take it back as a whole: patron import undo {number}")),
        ImportState::Undone => print(&format!("To bring it back: patron import redo {number}")),
        _ => Ok(()),
    }
}

/// Gives up what was only rehearsed. Its rows go now, where no server lets them go.
pub(super) async fn discard(services: &Services, caller: &Caller, number: i64) -> Done {
    services.imports.discard(caller, number).await.map_err(about(number))?;
    while services.imports.tidy().await.map_err(sentence)? {}
    Ok(())
}
