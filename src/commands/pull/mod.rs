//! `patron pull`: all customers of a server with the same API, copied here as one import, also beside a server.

mod reading;
mod remote;
mod report;

use std::path::Path;
use std::time::Duration;

use patron::domain::{Actor, Import, ImportState, Outcome, Secret};
use patron::service::figures::grouped;
use patron::service::{Caller, KeepFree, NotImported, Refused, Services, Work};
use patron::store::{Output, Use};
use zeroize::Zeroizing;

use super::import::{apply, discard, moved, words_of};
use super::{Done, apart_from, confirmed, counted, line, note, plain, print, sentence, spinner, with_room};
use crate::config::Pull;
use reading::Reading;
use remote::Remote;
use report::Report;

/// An import that did not move for so long is nobody's.
const STILL: Duration = Duration::from_secs(10);

pub fn run(db: &Path, keep: KeepFree, settings: &Pull) -> Done {
    apart_from(db, settings.report.as_deref())?;
    settings.report.as_deref().map_or(Ok(()), Output::look)?;
    if let Some(report) = settings.report.as_ref().filter(|report| Output::is_taken(report)) {
        return Err(format!("{} is there already: remove it, or name another --report", report.display()));
    }
    let secret = Secret::given(Zeroizing::new(line("The key's secret: ")?).trim().to_owned());
    let remote = Remote::new(&settings.base_url, &settings.key_id, &secret, settings.ca_file.as_deref())?;
    let mode = settings.mode.unwrap_or(settings.key_id.mode());
    if settings.base_url.starts_with("http://") && !remote::is_here(&settings.base_url) {
        note(&format!("{} is not HTTPS: the key and all customers cross the network in the clear.", settings.base_url));
    }
    with_room(db, Use::Fill, keep, async |services| {
        let caller = Caller {
            mode,
            actor: Actor::Command { name: "pull".into() },
            request_id: None,
            request: None,
            grant: None,
        };
        pull(services, &caller, &remote, settings).await
    })
}

async fn pull(services: &Services, caller: &Caller, remote: &Remote, settings: &Pull) -> Done {
    let name = format!("{} {}", settings.base_url, settings.key_id.as_str());
    let imports = &services.imports;
    let before = imports.unfinished(caller, &name).await.map_err(sentence)?;
    if let Some(import) = before.as_ref().filter(|import| !import.state.is_before()) {
        if import.state != ImportState::Applying {
            let number = import.number;
            return Err(format!(
                "import {number}, the last from there, is being undone: `patron import resume {number}` ends that"
            ));
        }
        return go_on(services, caller, import, settings).await;
    }
    let (import, reading) = read(services, caller, remote, &name, before).await?;
    imports.start(caller, import.number, Work::Rehearse).await.map_err(words_of)?;
    let import = moved(services, caller, import.number, settings.wait_for_room).await?;

    let report = Report { services, caller, import: &import, seen: reading.seen() };
    report.print(&settings.base_url, settings.report.as_deref()).await?;
    let (made, changed) = (import.count(Outcome::Create), import.count(Outcome::Update));
    if settings.dry_run || made + changed == 0 {
        discard(services, caller, import.number).await?;
        return print("Nothing was changed.");
    }
    let asked = confirm(caller, made, changed, settings.yes);
    if asked.is_err() {
        discard(services, caller, import.number).await?;
    }
    asked?;
    apply(services, caller, import.number).await?;
    finish(services, caller, import.number, settings).await
}

/// Writes the rest of an import whose writing was interrupted, where that is asked for: nothing of it was compared now.
async fn go_on(services: &Services, caller: &Caller, import: &Import, settings: &Pull) -> Done {
    let number = import.number;
    let is_cut_off = format!("import {number}, the last from there, was interrupted while it was written");
    if settings.dry_run {
        return Err(format!(
            "{is_cut_off}: `patron import resume {number}` writes the rest, or `patron import undo {number}` takes it back; then \
             try this again; nothing was changed"
        ));
    }
    let question = format!(
        "Import {number}, the last from there, was interrupted while it was written: {} of {} rows are done. Write the rest?",
        grouped(import.done),
        grouped(import.rows)
    );
    confirmed(&question, settings.yes, &format!("{is_cut_off}, and this writes the rest"))?;
    print(&format!("Import {number} was interrupted while it was written: it goes on."))?;
    finish(services, caller, number, settings).await
}

/// Reads the list to its end; goes on where that was interrupted before.
async fn read(
    services: &Services,
    caller: &Caller,
    remote: &Remote,
    name: &str,
    before: Option<Import>,
) -> Result<(Import, Reading), String> {
    let imports = &services.imports;
    let (mut pulling, mut reading) = match before {
        Some(import) if import.state == ImportState::Receiving => {
            stand_still(services, caller, &import).await?;
            let (pulling, seen) = imports.pull_on(caller, &import).await.map_err(words_of)?;
            note(&format!("Goes on after {} that came in before.", customers(import.rows)));
            (pulling, Reading::resumed(seen))
        }
        // What was compared at another time is compared anew.
        Some(import) => {
            discard(services, caller, import.number).await?;
            (imports.pull(caller, name).await.map_err(words_of)?, Reading::default())
        }
        None => (imports.pull(caller, name).await.map_err(words_of)?, Reading::default()),
    };
    let bar = spinner("reading customers");
    let waits = |why: &str, rest: Duration| {
        bar.suspend(|| note(&format!("{}; waits {} seconds and asks again", plain(why), rest.as_secs())));
    };
    loop {
        let next = reading.next(|skip| remote.page(skip, &waits));
        // Nothing came in that one could go on with.
        if next.is_err() && reading.seen().is_empty() {
            discard(services, caller, pulling.number()).await?;
        }
        let Some(items) = next? else { break };
        let objects = items.into_iter().map(|item| item.text).collect();
        let pushed = pulling.push(objects).await;
        if let Err(NotImported::Refused(refused @ (Refused::Full | Refused::NoRoom(_)))) = pushed {
            bar.finish_and_clear();
            discard(services, caller, pulling.number()).await?;
            return Err(format!("cannot read on: {}; nothing of what was read is kept", sentence(refused)));
        }
        let count = pushed.map_err(words_of)?;
        bar.set_message(format!("{} read", customers(count)));
    }
    bar.finish_and_clear();
    Ok((pulling.finish().await.map_err(words_of)?, reading))
}

/// Waits until it is sure that nobody else receives an import.
async fn stand_still(services: &Services, caller: &Caller, import: &Import) -> Result<(), String> {
    if services.imports.is_interrupted(import) {
        return Ok(());
    }
    note("Another pull from there came in a moment ago: looks whether it goes on…");
    tokio::time::sleep(STILL).await;
    let now = services.imports.find(caller, import.number).await.map_err(sentence)?;
    if (now.state, now.rows, now.moved_at) == (import.state, import.rows, import.moved_at) {
        return Ok(());
    }
    Err("another pull from there is under way: wait for it".into())
}

fn confirm(caller: &Caller, made: u64, changed: u64, yes: bool) -> Done {
    let what = match (made, changed) {
        (made, 0) => format!("makes {}", customers(made)),
        (0, changed) => format!("changes {}", customers(changed)),
        (made, changed) => format!("makes {} and changes {}", customers(made), grouped(changed)),
    };
    let question = format!("This {what} in {}. It can be undone whole. Do it?", caller.mode.as_str());
    confirmed(&question, yes, &format!("this {what}"))
}

async fn finish(services: &Services, caller: &Caller, number: i64, settings: &Pull) -> Done {
    let import = moved(services, caller, number, settings.wait_for_room).await?;
    report::print_end(&import)
}

fn customers(count: u64) -> String {
    counted(count, "customer")
}
