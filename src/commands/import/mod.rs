//! `patron import`: customers from a file, rehearsed first, applied as one, and undone as one; also beside a server.

mod receive;
mod refused;
mod told;

use std::path::Path;

use indicatif::ProgressBar;
use patron::domain::{Actor, Import, ImportState, Mode};
use patron::service::{Caller, Moving, NotImported, Services, Work};
use patron::store::{Partial, Use};

use super::{Done, confirmed, print, progress_bar, sentence, with_services};
use crate::config::{ImportCommand, ImportFile};
use receive::{receive, rehearsed};
use refused::{is_free, save_unwritten};
pub(super) use told::words_of;
use told::{about, list, show_unwritten, told};

pub fn run(db: &Path, settings: &crate::config::Import) -> Done {
    match (&settings.command, &settings.file) {
        (Some(_), Some(file)) => Err(format!(
            "{} is a file to import, and what stands behind it is another command: give one of them",
            file.path.display()
        )),
        (None, Some(file)) => {
            is_free(db, file.refused.as_deref())?;
            with_services(db, Use::Fill, async |services| import(services, file).await)
        }
        (Some(ImportCommand::List), _) => with_services(db, Use::Read, async |services| list(services).await),
        (Some(ImportCommand::Show { number, refused }), _) => with_services(db, Use::Read, async |services| {
            is_free(db, refused.as_deref())?;
            let (caller, import) = find(services, *number).await?;
            print(&told(services, &import))?;
            show_unwritten(services, &caller, &import).await?;
            save_unwritten(services, &caller, &import, refused.as_deref(), Partial::name).await
        }),
        (Some(ImportCommand::Resume { number }), _) => with_services(db, Use::Existing, async |services| {
            let (caller, import) = find(services, *number).await?;
            if !import.state.is_moving() || import.state == ImportState::Receiving {
                return Err(about(*number)(NotImported::State(import.state)));
            }
            work(services, &caller, *number).await
        }),
        (Some(ImportCommand::Undo { number, yes }), _) => {
            with_services(db, Use::Existing, async |services| reverse(services, *number, Work::Undo, *yes).await)
        }
        (Some(ImportCommand::Redo { number, yes }), _) => {
            with_services(db, Use::Existing, async |services| reverse(services, *number, Work::Redo, *yes).await)
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
    Caller { mode, actor: Actor::Command { name: "import".into() }, request_id: None, request: None }
}

async fn find(services: &Services, number: i64) -> Result<(Caller, Import), String> {
    let mode = services.imports.mode_of(number).await.map_err(|refused| about(number)(refused.into()))?;
    let caller = caller(mode);
    let import = services.imports.find(&caller, number).await.map_err(|refused| about(number)(refused.into()))?;
    Ok((caller, import))
}

async fn import(services: &Services, settings: &ImportFile) -> Done {
    let caller = caller(settings.mode);
    let import = receive(services, &caller, settings).await?;
    let done = rehearsed(services, &caller, &import, settings).await;
    if !matches!(done, Ok(true)) {
        let discarded = discard(services, &caller, import.number).await;
        return done.and(discarded);
    }
    begin(services, &caller, import.number, Work::Apply).await?;
    work(services, &caller, import.number).await?;
    // What was not written when it was applied goes to the same file.
    let (_, import) = find(services, import.number).await?;
    save_unwritten(services, &caller, &import, settings.refused.as_deref(), Partial::replace).await
}

async fn reverse(services: &Services, number: i64, what: Work, yes: bool) -> Done {
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
    work(services, &caller, number).await
}

async fn begin(services: &Services, caller: &Caller, number: i64, what: Work) -> Done {
    services.imports.start(caller, number, what).await.map(drop).map_err(about(number))
}

/// Does what is begun, and tells what came of it.
async fn work(services: &Services, caller: &Caller, number: i64) -> Done {
    let import = moved(services, caller, number).await?;
    print(&told(services, &import))?;
    show_unwritten(services, caller, &import).await?;
    match import.state {
        ImportState::Applied => print(&format!("To take it back as a whole: patron import undo {number}")),
        ImportState::Undone => print(&format!("To bring it back: patron import redo {number}")),
        _ => Ok(()),
    }
}

pub(super) async fn moved(services: &Services, caller: &Caller, number: i64) -> Result<Import, String> {
    watched(services, caller, number).await.map_err(|refused| {
        format!("{}; it goes on where it was: patron import resume {number}", about(number)(refused))
    })
}

/// Does what is begun, with a bar that tells how far it is.
async fn watched(services: &Services, caller: &Caller, number: i64) -> Result<Import, NotImported> {
    let bar = progress_bar(0, "");
    let shown: ProgressBar = bar.clone();
    let progress = move |Moving { state, done, total }: Moving| {
        shown.set_message(state.as_str());
        shown.set_length(total);
        shown.set_position(done);
    };
    let moved = services.imports.work(caller, number, progress).await;
    bar.finish_and_clear();
    moved
}

/// Gives up what was only rehearsed. Its rows go now, where no server lets them go.
pub(super) async fn discard(services: &Services, caller: &Caller, number: i64) -> Done {
    services.imports.discard(caller, number).await.map_err(about(number))?;
    while services.imports.tidy().await.map_err(sentence)? {}
    Ok(())
}
