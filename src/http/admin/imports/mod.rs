//! Files of customers that come in: the list of imports, and what their pages have in common.

mod act;
mod columns;
mod rows;
mod show;
mod upload;

use actix_web::web::{Data, Path, Query};
use askama::Template;
use serde::Deserialize;

use super::Answer;
use super::activity::number;
use super::figures::grouped;
use super::moment::Moment;
use super::page::{Shell, Turned, html};
use super::visit::{Editor, Visit};
use super::words::who;
use crate::domain::{Fate, Import, ImportState, Outcome, RowsOf};
use crate::service::room::MAKE_ROOM;
use crate::service::{NotImported, Refused, Services, Waits};

pub(super) use act::{act, confirm, resume};
pub(super) use columns::{choose, show as show_columns};
pub(super) use rows::{download, show as show_rows};
pub(super) use show::show;
pub(super) use upload::{receive, show_new};

/// How many imports a page has.
const PAGE_LEN: u64 = 25;

/// The mode one stands in, and the import's number.
type OneImport = Path<(String, i64)>;

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    /// The number of the import that the page comes after.
    before: String,
}

#[derive(Template)]
#[template(path = "imports.html")]
struct ImportsPage {
    shell: Shell,
    rows: Vec<Listed>,
    is_first: bool,
    older: String,
}

/// An import in the list.
struct Listed {
    number: i64,
    file: String,
    at: Moment,
    who: String,
    state: &'static str,
    is_interrupted: bool,
    rows: String,
    told: String,
}

pub(super) async fn list(editor: Editor, asked: Query<Asked>, services: Data<Services>) -> Answer {
    let before = number(&asked.before).map_err(|unread| editor.turned(unread))?;
    let imports = services.imports.list(&editor.caller(), before, PAGE_LEN + 1).await;
    let mut imports = imports.map_err(|refused| editor.turned(refused))?;
    let is_more = imports.len() as u64 > PAGE_LEN;
    imports.truncate(PAGE_LEN as usize);
    let older = |last: &Import| editor.to(&format!("/imports?before={}", last.number));
    Ok(html(&ImportsPage {
        shell: Shell::new(&editor, "/imports"),
        is_first: before.is_none(),
        older: imports.last().filter(|_| is_more).map(older).unwrap_or_default(),
        rows: imports.iter().map(|import| listed(import, &services)).collect(),
    }))
}

fn listed(import: &Import, services: &Services) -> Listed {
    let parts = parts(import).into_iter().filter(|part| part.count > 0);
    let told = parts.map(|part| format!("{} {}", grouped(part.count), part.label.to_lowercase()));
    Listed {
        number: import.number,
        file: import.file.clone(),
        at: Moment(import.at),
        who: who(&import.actor),
        state: state(import.state),
        is_interrupted: services.imports.is_interrupted(import),
        rows: counted(import.rows, "row"),
        told: told.collect::<Vec<_>>().join(", "),
    }
}

/// An import by the number in the address.
async fn find(visit: &Visit, number: i64, services: &Services) -> Result<Import, Turned> {
    services.imports.find(&visit.caller(), number).await.map_err(|refused| turned(visit, refused))
}

/// What stands in the place of a page where something could not be done with an import.
fn turned(visit: &Visit, refused: impl Into<NotImported>) -> Turned {
    let list = (visit.to("/imports"), format!("See all {} imports", visit.mode.as_str()));
    match refused.into() {
        NotImported::Refused(Refused::NotFound) => {
            let text = "It may have been discarded, or be one of the other mode. What was not applied goes by itself after 7 days.";
            visit.turned(Turned::not_found().saying("There is no such import", text)).with_ways(vec![list])
        }
        NotImported::Refused(refused @ Refused::NoRoom(_)) => visit
            .turned(Turned::unavailable().saying("There is no room for this", no_room(&refused)))
            .with_ways(vec![list]),
        NotImported::Refused(refused) => visit.turned(refused),
        NotImported::Unfit(words) => visit.turned(Turned::bad_form().saying("Nothing was done", sentence(&words))),
        NotImported::State(state) => {
            let text = format!("The import is {} by now. Nothing was done.", self::state(state).to_lowercase());
            visit.turned(Turned::overtaken().saying("Somebody was faster", text)).with_ways(vec![list])
        }
    }
}

/// Why there is no room for an import, what stays and what to do.
fn no_room(refused: &Refused) -> String {
    match refused {
        Refused::NoRoom(short) => {
            sentence(&format!("the database has no room for it: {short}. Nothing of it was written; {MAKE_ROOM}"))
        }
        _ => "The disk is full. Nothing of the file is kept. Make room, and send it again.".into(),
    }
}

/// Why work on an import waits.
fn waiting(waits: Waits) -> String {
    let why = match waits {
        Waits::Room(short) => format!("There is no room: {short}."),
        Waits::Full => "The disk is full.".to_owned(),
        Waits::Busy => "The database is busy or cannot be written.".to_owned(),
    };
    format!("{why} The import waits for up to 5 minutes, and goes on when that is over. What is written stays.")
}

/// Where an import stands, in a word or two.
fn state(state: ImportState) -> &'static str {
    match state {
        ImportState::Receiving => "Coming in",
        ImportState::Received => "Received",
        ImportState::Rehearsing => "Being rehearsed",
        ImportState::Rehearsed => "Rehearsed",
        ImportState::Applying => "Being applied",
        ImportState::Applied => "Applied",
        ImportState::Undoing => "Being undone",
        ImportState::Undone => "Undone",
        ImportState::Redoing => "Being brought back",
        ImportState::Dropped => "Discarded",
    }
}

/// Rows of an import that have a page of their own.
struct Part {
    /// Its name in addresses.
    name: &'static str,
    label: &'static str,
    of: RowsOf,
    count: u64,
}

/// The parts that an import has now. What nothing is in is left out, but for what everybody looks for.
fn parts(import: &Import) -> Vec<Part> {
    let of = |outcome| (RowsOf::Outcome(outcome), import.count(outcome));
    let fated = |fate| (RowsOf::Fate(fate), import.fated(fate));
    let unchanged = ("unchanged", "Unchanged", (RowsOf::Outcome(Outcome::Unchanged), import.unchanged()));
    let refused = ("refused", "Refused", (RowsOf::Outcome(Outcome::Refused), import.refused()));
    let parts = if import.state.is_before() {
        let (create, update) = (of(Outcome::Create), of(Outcome::Update));
        vec![("create", "To create", create), ("update", "To update", update), unchanged, refused]
    } else {
        let is_in = matches!(import.state, ImportState::Applied | ImportState::Applying | ImportState::Redoing);
        let mut parts = vec![
            ("written", "Written", fated(Fate::Applied)),
            ("undone", "Taken back", fated(Fate::Undone)),
            ("partly", "Partly taken back", fated(Fate::Partly)),
            ("kept", "Kept, edited since", fated(Fate::Kept)),
            ("needed", "Kept, values of before not free", fated(Fate::Needed)),
            ("away", "Not brought back", fated(Fate::Away)),
            ("changed", "Changed since the rehearsal", fated(Fate::Changed)),
            ("taken", "Pair taken since", fated(Fate::Taken)),
            ("gone", "Gone", fated(Fate::Gone)),
            ("waiting", "Not come to yet", (RowsOf::Waiting, import.waiting())),
            unchanged,
            refused,
        ];
        let always = if is_in { "written" } else { "undone" };
        parts.retain(|(name, _, (_, count))| *count > 0 || *name == always);
        parts
    };
    parts.into_iter().map(|(name, label, (of, count))| Part { name, label, of, count }).collect()
}

/// `1 row`, `1,204 rows`
fn counted(count: u64, what: &str) -> String {
    format!("{} {what}{}", grouped(count), if count == 1 { "" } else { "s" })
}

/// Words of a service as a sentence.
fn sentence(words: &str) -> String {
    let mut chars = words.chars();
    let first: String = chars.next().into_iter().flat_map(char::to_uppercase).collect();
    format!("{first}{}{}", chars.as_str(), if words.ends_with('.') { "" } else { "." })
}
