//! What is done with an import as a whole: asked first, then begun; and going on with what was interrupted.

use actix_web::web::{Data, Path};
use askama::Template;

use super::super::Answer;
use super::super::form::Form;
use super::super::page::{Shell, Turned, html, see_other};
use super::super::visit::{Editor, Visit};
use super::show::left_out;
use super::{OneImport, counted, find, turned};
use crate::domain::{Fate, Import, ImportState, Outcome};
use crate::service::imports::REFUSED_DAYS;
use crate::service::{NotImported, Services, Work};

/// What somebody wants to do.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Act {
    Apply,
    Undo,
    Redo,
    Discard,
}

impl Act {
    fn parse(name: &str) -> Option<Self> {
        match name {
            "apply" => Some(Self::Apply),
            "undo" => Some(Self::Undo),
            "redo" => Some(Self::Redo),
            "discard" => Some(Self::Discard),
            _ => None,
        }
    }

    /// The work that it is; discarding is none.
    fn work(self) -> Option<Work> {
        match self {
            Self::Apply => Some(Work::Apply),
            Self::Undo => Some(Work::Undo),
            Self::Redo => Some(Work::Redo),
            Self::Discard => None,
        }
    }

    /// Whether it can be done in a state.
    fn is_for(self, state: ImportState) -> bool {
        use ImportState::{Applied, Applying, Redoing, Rehearsed, Undoing, Undone};
        match self {
            Self::Apply => state == Rehearsed,
            Self::Undo => matches!(state, Applying | Applied | Redoing),
            Self::Redo => matches!(state, Undoing | Undone),
            Self::Discard => state.is_before(),
        }
    }

    /// Whether an import in this state is where it leads already, as when a button was pressed twice.
    fn is_done(self, state: ImportState) -> bool {
        use ImportState::{Applied, Applying, Redoing, Undoing, Undone};
        match self {
            Self::Apply | Self::Redo => matches!(state, Applying | Applied | Redoing),
            Self::Undo => matches!(state, Undoing | Undone),
            Self::Discard => state == ImportState::Dropped,
        }
    }
}

#[derive(Template)]
#[template(path = "import_confirm.html")]
struct ConfirmPage {
    shell: Shell,
    number: i64,
    file: String,
    act: Act,
    rows: String,
    /// How many customers are made and changed, or were.
    made: Option<String>,
    changed: Option<String>,
    /// Rows with which nothing is done.
    unchanged: u64,
    refused: u64,
    left_out: Vec<(String, Option<&'static str>)>,
    /// How many customers come back, and how many stay as they are.
    back: String,
    refused_days: i64,
}

/// The mode one stands in, the import's number, and what to do.
type OneAct = Path<(String, i64, String)>;

/// Says what is going to happen.
pub(in super::super) async fn confirm(editor: Editor, path: OneAct, services: Data<Services>) -> Answer {
    let visit: &Visit = &editor;
    let (import, act) = asked(visit, &path, &services).await?;
    if !act.is_for(import.state) {
        return Err(turned(visit, NotImported::State(import.state)).with_ways(vec![way(visit, import.number)]));
    }
    let is_before = import.state.is_before();
    let of = |outcome| if is_before { import.count(outcome) } else { import.with(outcome, Fate::Applied) };
    let some = |count: u64| (count > 0).then(|| counted(count, "customer"));
    Ok(html(&ConfirmPage {
        shell: Shell::new(visit, "/imports"),
        number: import.number,
        file: import.file.clone(),
        act,
        rows: counted(import.rows, "row"),
        made: some(of(Outcome::Create)),
        changed: some(of(Outcome::Update)),
        unchanged: import.unchanged(),
        refused: import.refused(),
        left_out: left_out(&services.imports.mapping(&import)),
        back: counted(import.fated(Fate::Undone) + import.fated(Fate::Partly), "row"),
        refused_days: REFUSED_DAYS,
    }))
}

/// Does it.
pub(in super::super) async fn act(editor: Editor, path: OneAct, _form: Form, services: Data<Services>) -> Answer {
    let visit: &Visit = &editor;
    let (import, act) = asked(visit, &path, &services).await?;
    let (caller, number) = (visit.caller(), import.number);
    let address = visit.to(&format!("/imports/{number}"));
    let done = match act.work() {
        Some(work) => services.imports.start(&caller, number, work).await.map(drop),
        None => services.imports.discard(&caller, number).await,
    };
    match done {
        Ok(()) if act == Act::Discard => {
            services.imports.tidy_behind();
            Ok(see_other(&visit.to("/imports")))
        }
        Ok(()) => {
            services.imports.work_behind(&caller, number);
            Ok(see_other(&address))
        }
        Err(NotImported::State(state)) if act.is_done(state) => Ok(see_other(&address)),
        Err(refused) => Err(turned(visit, refused).with_ways(vec![way(visit, number)])),
    }
}

/// Goes on with what was interrupted.
pub(in super::super) async fn resume(editor: Editor, path: OneImport, _form: Form, services: Data<Services>) -> Answer {
    let import = find(&editor, path.1, &services).await?;
    services.imports.work_behind(&editor.caller(), import.number);
    Ok(see_other(&editor.to(&format!("/imports/{}", import.number))))
}

async fn asked(visit: &Visit, path: &OneAct, services: &Services) -> Result<(Import, Act), Turned> {
    let act = Act::parse(&path.2).ok_or_else(|| visit.turned(Turned::not_found()))?;
    Ok((find(visit, path.1, services).await?, act))
}

fn way(visit: &Visit, number: i64) -> (String, String) {
    (visit.to(&format!("/imports/{number}")), format!("See import {number}"))
}
