//! Undoing a revision: at once where nothing is lost by it, else after a look at what would be.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use askama::Template;

use super::Answer;
use super::form::Form;
use super::moment::Moment;
use super::page::{Shell, html_with, see_other};
use super::record::{fetch, heading};
use super::visit::{Editor, Visit};
use super::words::{part_label, who};
use crate::domain::undo::{Undo, Undone};
use crate::domain::{NoteValue, Revision};
use crate::service::{Refused, Services};

#[derive(Template)]
#[template(path = "undo.html")]
struct UndoPage {
    shell: Shell,
    address: String,
    heading: String,
    version: u64,
    /// The version of the customer that the page shows.
    seen: u64,
    at: Moment,
    who: String,
    summary: String,
    problem: String,
    problem_href: String,
    rows: Vec<Row>,
    lost: usize,
    may_undo: bool,
}

struct Row {
    label: String,
    now: Option<String>,
    after: Option<String>,
    /// The later revision that is lost: its version, by whom, when.
    touched: Option<(u64, String, Moment)>,
}

pub(super) async fn undo(editor: Editor, path: Path<(String, String)>, form: Form, services: Data<Services>) -> Answer {
    let visit: &Visit = &editor;
    let customer = fetch(visit, &path.1, &services).await?;
    let version = form.value("version").parse().unwrap_or_default();
    let preview = services.customers.undo_preview(&visit.caller(), &customer.id, version).await;
    let preview = preview.map_err(|refused| visit.turned(refused))?;
    let is_seen = form.value("seen").parse() == Ok(preview.now.version);
    let loses = preview.parts.iter().any(|part| part.touched.is_some());
    // Something would be lost, or something has happened since the page was shown: look first.
    if !is_seen || (loses && !form.has("sure")) || preview.changes_nothing() {
        return Ok(html_with(StatusCode::OK, &page(visit, preview, String::new(), String::new())));
    }
    let (problem, href) =
        match services.customers.undo(&visit.caller(), &customer.id, version, preview.now.version).await {
            Ok(undone) => {
                let to = format!("/customers/{}?saved={}", undone.id.as_str(), undone.version);
                return Ok(see_other(&visit.to(&format!("{to}&from={}", undone.version - 1))));
            }
            Err(Refused::Taken(id)) => {
                let words = "Another customer has this email and contact together by now.";
                (words.to_owned(), visit.to(&format!("/customers/{}", id.as_str())))
            }
            Err(Refused::Invalid(rejection)) => (rejection.first().invalid.words().to_owned(), String::new()),
            Err(Refused::Conflict(_)) => {
                ("Somebody changed the customer just now. Look again.".to_owned(), String::new())
            }
            Err(refused) => return Err(visit.turned(refused)),
        };
    let preview = services.customers.undo_preview(&visit.caller(), &customer.id, version).await;
    let preview = preview.map_err(|refused| visit.turned(refused))?;
    Ok(html_with(StatusCode::CONFLICT, &page(visit, preview, problem, href)))
}

fn page(visit: &Visit, undo: Undo, problem: String, problem_href: String) -> UndoPage {
    let lost = undo.parts.iter().filter(|part| part.touched.is_some()).count();
    let changes_nothing = undo.changes_nothing();
    let summary = match (changes_nothing, undo.parts.len(), lost) {
        (true, ..) => "Every value is already what undoing it would make it.".to_owned(),
        (_, _, 0) => "Nothing that came later is lost by it.".to_owned(),
        (_, all, lost) => {
            let has = match (all, lost) {
                (1, _) => "What it changed has".to_owned(),
                (_, 1) => format!("Of the {all} values it changed, one has"),
                _ if lost == all => format!("All {all} values it changed have"),
                _ => format!("Of the {all} values it changed, {lost} have"),
            };
            format!("{has} changed since; undoing it loses what came later.")
        }
    };
    let Revision { version, at, actor, .. } = undo.revision;
    UndoPage {
        shell: Shell::new(visit, "/customers"),
        address: visit.to(&format!("/customers/{}", undo.now.id.as_str())),
        heading: heading(&undo.now),
        version,
        seen: undo.now.version,
        at: Moment(at),
        who: who(&actor),
        summary,
        problem,
        problem_href,
        rows: undo.parts.into_iter().map(row).collect(),
        lost,
        may_undo: !changes_nothing,
    }
}

fn row(part: Undone) -> Row {
    let text = |value: Option<NoteValue>| value.map(|value| value.as_str().to_owned());
    Row {
        label: part_label(&part.part),
        now: text(part.now),
        after: text(part.after),
        touched: part.touched.map(|touch| (touch.version, who(&touch.actor), Moment(touch.at))),
    }
}
