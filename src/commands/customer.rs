//! `patron customer`: all that is held on a person, and its end.

use std::path::Path;

use patron::domain::{Actor, CustomerId, KeptCopy, Leaves};
use patron::json::HeldJson;
use patron::service::{BeforeErasure, Caller, Erased, NotErased, Refused, Services};
use patron::store::Use;

use super::{Done, confirmed_by, counted, date, print, sentence, with_services};
use crate::config::{CustomerCommand, Erase};

pub fn run(db: &Path, command: CustomerCommand) -> Done {
    match command {
        CustomerCommand::Export { id } => with_services(db, Use::Read, async |services| export(services, &id).await),
        CustomerCommand::Erase(settings) => {
            with_services(db, Use::Existing, async |services| erase(services, &settings).await)
        }
    }
}

async fn export(services: &Services, id: &CustomerId) -> Done {
    let caller = caller(services, id, "customer export").await?;
    let export = services.erasures.export(&caller, id).await.map_err(about(id))?;
    let held = &export.held;
    let who = (export.at, &export.by);
    let rows = export.import_rows.iter().map(|each| (each.import, &each.row));
    let text = HeldJson::of(&held.customer, &held.revisions, &held.requests, held.in_search, rows, who).to_text()?;
    print(text.trim_end())
}

async fn erase(services: &Services, Erase { id, yes }: &Erase) -> Done {
    let caller = caller(services, id, "customer erase").await?;
    let before = services.erasures.preview(&caller, id).await.map_err(about(id))?;
    let question = format!("{}\nType the id to erase it: ", before_the_end(id, &before));
    confirmed_by(id.as_str(), &question, *yes, &format!("{} is erased for good", id.as_str()))?;
    services.erasures.erase(&caller, id).await.map_err(|refused| not_erased(id, refused))?;
    print(&format!("{} is erased{}.", id.as_str(), with_rows(&before)))?;
    let is_swept = services.erasures.sweep().map_err(sentence)?;
    let erased = services.erasures.find(caller.mode, id).await.map_err(sentence)?;
    let copies = erased.map_or(Vec::new(), |Erased { copies, .. }| copies);
    if is_swept {
        print("Nothing of it is left in the database and its log.")?;
    } else {
        print(
            "The files of the database may still hold values: they are wiped behind the edits, and the log is emptied when nobody \
             reads what is older. The server goes on with it, or the next one that starts; `patron doctor` tells when it is done.",
        )?;
    }
    print(&held_in(&copies))
}

/// What goes with a customer, and what does not.
fn before_the_end(id: &CustomerId, before: &BeforeErasure) -> String {
    let revisions = before.held.revisions.len();
    format!(
        "This erases {} for good, with its history of {}{}. {}",
        id.as_str(),
        counted(revisions as u64, "revision"),
        with_rows(before),
        held_in(&before.copies)
    )
}

/// What goes from imports.
fn with_rows(before: &BeforeErasure) -> String {
    match before.import_rows {
        0 => String::new(),
        1 => ", and with it what 1 row of an import holds".into(),
        rows => format!(", and with it what {rows} rows of imports hold"),
    }
}

/// Where the values are still, and until when.
fn held_in(copies: &[KeptCopy]) -> String {
    if copies.is_empty() {
        return "No backup that is known of holds it.".into();
    }
    let copies = copies.iter().map(|copy| match copy.leaves {
        Leaves::About(at) => format!("  {}, until about {}", copy.path.display(), date(at)),
        Leaves::ByHand => format!("  {}, until somebody removes it", copy.path.display()),
    });
    format!("These copies hold it still:\n{}", copies.collect::<Vec<_>>().join("\n"))
}

async fn caller(services: &Services, id: &CustomerId, name: &str) -> Result<Caller, String> {
    let mode = services.erasures.mode_of(id).await.map_err(about(id))?;
    if let Some(erasure) = services.erasures.fact(mode, id).await.map_err(sentence)? {
        return Err(format!("{} was erased {}", id.as_str(), date(erasure.at)));
    }
    Ok(Caller { mode, actor: Actor::Command { name: name.to_owned() }, request_id: None, request: None, grant: None })
}

fn about(id: &CustomerId) -> impl Fn(Refused) -> String {
    let id = id.as_str().to_owned();
    move |refused| match refused {
        Refused::NotFound => format!("there is no customer {id} in this database"),
        other => sentence(other),
    }
}

fn not_erased(id: &CustomerId, refused: NotErased) -> String {
    match refused {
        NotErased::Unready(why) => {
            format!("the file of erasures beside the backups is not ready: {why}; nothing was erased")
        }
        NotErased::Unkept(why) => format!(
            "{} is erased, but not yet in the file of erasures beside the backups: {why}; the server writes it when it can, and \
             until then a backup that is restored brings the customer back",
            id.as_str()
        ),
        NotErased::Refused(refused) => about(id)(refused),
    }
}
