//! One import: how far it is, what it would do, what it did.

use actix_web::http::header::{HeaderValue, REFRESH};
use actix_web::web::Data;
use askama::Template;

use super::super::Answer;
use super::super::figures::grouped;
use super::super::moment::Moment;
use super::super::page::{Shell, html, see_other};
use super::super::visit::{Editor, Visit};
use super::super::words::who;
use super::{OneImport, Part, counted, find, parts, state, waiting};
use crate::domain::{Fate, Import, ImportState, ImportStep, Outcome, Step};
use crate::rows::{Empty, Mapping};
use crate::service::Services;
use crate::service::imports::{REFUSED_DAYS, REHEARSAL_DAYS};

/// How often a page of what is under way is loaded anew where no script does so, in seconds.
const REFRESH_SECONDS: HeaderValue = HeaderValue::from_static("5");
/// The seconds of a day.
const DAY_SECONDS: i64 = 24 * 60 * 60;

#[derive(Template)]
#[template(path = "import.html")]
struct ImportPage {
    shell: Shell,
    number: i64,
    file: String,
    at: Moment,
    who: String,
    rows: String,
    state: ImportState,
    state_word: &'static str,
    is_interrupted: bool,
    /// Why it waits, where it does.
    waits: Option<String>,
    done: u64,
    total: u64,
    told: String,
    parts: Vec<Figure>,
    /// Whether applying it would write anything.
    is_worth_it: bool,
    columns: Vec<(String, String)>,
    left_out: Vec<(String, Option<&'static str>)>,
    clears: bool,
    /// How many rows had typography that was replaced; empty where none had.
    respelled: String,
    steps: Vec<(&'static str, Moment, String)>,
    /// When what is kept of it goes.
    until: Moment,
    /// Whether there are rows to be mended, and their cells still.
    has_unwritten: bool,
}

/// A part of the rows, as a figure that leads to its page.
struct Figure {
    name: &'static str,
    label: &'static str,
    count: u64,
    shown: String,
}

impl Figure {
    fn of(Part { name, label, count, .. }: Part) -> Self {
        Self { name, label, count, shown: grouped(count) }
    }
}

pub(in super::super) async fn show(editor: Editor, path: OneImport, services: Data<Services>) -> Answer {
    let visit: &Visit = &editor;
    let import = find(visit, path.1, &services).await?;
    if import.state == ImportState::Received {
        return Ok(see_other(&visit.to(&format!("/imports/{}/columns", import.number))));
    }
    let page = page(visit, &import, &services);
    let mut answer = html(&page);
    if import.state.is_moving() && !page.is_interrupted {
        answer.headers_mut().insert(REFRESH, REFRESH_SECONDS);
    }
    Ok(answer)
}

fn page(visit: &Visit, import: &Import, services: &Services) -> ImportPage {
    let mapping = services.imports.mapping(import);
    let kept = mapping.columns().map(|(column, target)| (column.to_owned(), target.to_string()));
    let first = import.steps.first().map(|step| step.at);
    let until = match first {
        Some(at) => at + REFUSED_DAYS * DAY_SECONDS,
        None => import.moved_at + REHEARSAL_DAYS * DAY_SECONDS,
    };
    ImportPage {
        shell: Shell::new(visit, "/imports"),
        number: import.number,
        file: import.file.clone(),
        at: Moment(import.at),
        who: who(&import.actor),
        rows: counted(import.rows, "row"),
        state: import.state,
        state_word: state(import.state),
        is_interrupted: services.imports.is_interrupted(import),
        waits: services.imports.waits(import.number).map(waiting),
        done: import.done.min(import.rows),
        total: import.rows,
        told: format!("{} of {}", grouped(import.done.min(import.rows)), counted(import.rows, "row")),
        parts: parts(import).into_iter().map(Figure::of).collect(),
        is_worth_it: import.count(Outcome::Create) + import.count(Outcome::Update) > 0,
        columns: kept.filter(|(_, target)| target != "ignore").collect(),
        left_out: left_out(&mapping),
        clears: mapping.empty == Empty::Clear,
        respelled: if import.respelled > 0 { counted(import.respelled, "row") } else { String::new() },
        steps: import.steps.iter().map(told).collect(),
        until: Moment(until),
        has_unwritten: unwritten(import) > 0 && services.now() < until,
    }
}

/// The columns that are left out, each with the reason where there is one.
pub(super) fn left_out(mapping: &Mapping) -> Vec<(String, Option<&'static str>)> {
    mapping.left_out().into_iter().map(|(column, why)| (column.to_owned(), why)).collect()
}

/// How many rows there are to be mended and imported again.
fn unwritten(import: &Import) -> u64 {
    let is_settled = matches!(import.state, ImportState::Applied | ImportState::Undone);
    let waiting = if is_settled { import.waiting() } else { 0 };
    import.refused() + import.fated(Fate::Changed) + import.fated(Fate::Taken) + waiting
}

fn told(step: &ImportStep) -> (&'static str, Moment, String) {
    let what = match step.step {
        Step::Apply => "Applied",
        Step::Undo => "Undone",
        Step::Redo => "Brought back",
    };
    (what, Moment(step.at), who(&step.actor))
}
