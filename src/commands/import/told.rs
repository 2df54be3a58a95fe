//! Imports in words: what each is, did or would do, and why something cannot be done with one.

use patron::domain::{Fate, Import, ImportState, Mode, Outcome, RowsOf, Step};
use patron::service::{Caller, NotImported, Refused, Services};

use super::super::{Done, counted, date, plain, plain_up_to, print, sentence};
use super::caller;

/// How many refused rows are printed.
const SHOWN: u64 = 5;
/// The most characters of a reason that are printed: it may name two columns and the way out.
const REASON_LEN_MAX: usize = 600;
/// How many imports are listed.
const LISTED: u64 = 50;

pub(super) async fn list(services: &Services) -> Done {
    let mut all = Vec::new();
    for mode in [Mode::Test, Mode::Live] {
        all.extend(services.imports.list(&caller(mode), None, LISTED).await.map_err(sentence)?);
    }
    all.sort_by_key(|import| std::cmp::Reverse(import.number));
    if all.is_empty() {
        return print("Nothing was imported. Import a file: patron import customers.csv --mode test");
    }
    for import in all {
        print(&format!(
            "{:>5}  {}  {}  {:>9}  {:<12}  {}",
            import.number,
            date(import.at),
            import.mode.as_str(),
            counted(import.rows, "row"),
            stands(services, &import),
            plain(&import.file)
        ))?;
    }
    Ok(())
}

/// What an import is and did, or would do.
pub(super) fn told(services: &Services, import: &Import) -> String {
    let mut lines = vec![format!(
        "Import {}: {}, {} to {}, {}.",
        import.number,
        plain(&import.file),
        counted(import.rows, "row"),
        import.mode.as_str(),
        stands(services, import)
    )];
    let mut count = |count: u64, what: &str| {
        if count > 0 {
            lines.push(format!("{count:>9} {what}"));
        }
    };
    if import.state.is_before() {
        count(import.count(Outcome::Create), "to create");
        count(import.count(Outcome::Update), "to update");
    } else {
        count(import.with(Outcome::Create, Fate::Applied), "created");
        count(import.with(Outcome::Update, Fate::Applied), "updated");
        count(import.with(Outcome::Create, Fate::Undone), "withdrawn");
        count(import.with(Outcome::Update, Fate::Undone), "with the values of before");
        count(import.fated(Fate::Partly), "with the values of before, but for what was edited since");
        count(import.fated(Fate::Kept), "kept, for they were edited since");
        count(import.fated(Fate::Needed), "kept, for others have the email and contact of before, or it breaks a rule");
        count(
            import.fated(Fate::Away),
            "not brought back, for others have the email and contact, or they were edited since",
        );
        count(import.fated(Fate::Changed), "not written, for they have changed since the rehearsal");
        count(import.fated(Fate::Taken), "not written, for others have the email and contact since the rehearsal");
        count(import.waiting(), "not written");
        count(import.fated(Fate::Gone), "left, for the customer or the values are gone");
    }
    count(import.unchanged(), "unchanged");
    count(import.respelled, "with typographic apostrophes, hyphens or spaces, written as ' - and space");
    count(import.refused(), "refused");
    let mapping = services.imports.mapping(import);
    let left_out: Vec<String> = mapping
        .left_out()
        .into_iter()
        .map(|(column, why)| plain(&format!("{column}{}", why.map_or(String::new(), |why| format!(" ({why})")))))
        .collect();
    if !left_out.is_empty() && import.state != ImportState::Receiving {
        lines.push(format!("Columns left out: {}", left_out.join(", ")));
    }
    if services.imports.is_interrupted(import) {
        let undo = if import.state.is_before() { "discard" } else { "undo" };
        lines.push(format!(
            "It was interrupted. Go on: patron import resume {0}; or patron import {undo} {0}",
            import.number
        ));
    }
    for step in &import.steps {
        let done = match step.step {
            Step::Apply => "Applied",
            Step::Undo => "Undone",
            Step::Redo => "Brought back",
        };
        lines.push(format!("{done} {}.", date(step.at)));
    }
    lines.join("\n")
}

/// The first rows that were not written, and why.
pub(super) async fn show_unwritten(services: &Services, caller: &Caller, import: &Import) -> Done {
    let rows = services.imports.rows(caller, import.number, RowsOf::Unwritten, 0, SHOWN + 1).await.map_err(sentence)?;
    for shown in rows.iter().take(SHOWN as usize) {
        print(&format!("  line {}: {}", shown.row.line, plain_up_to(REASON_LEN_MAX, &shown.row.reason())))?;
    }
    if rows.len() as u64 > SHOWN {
        print(&format!("  and more: patron import show {} --refused FILE.csv", import.number))?;
    }
    Ok(())
}

fn stands(services: &Services, import: &Import) -> &'static str {
    if services.imports.is_interrupted(import) { "interrupted" } else { import.state.as_str() }
}

pub(in super::super) fn words_of(refused: NotImported) -> String {
    match refused {
        NotImported::Unfit(words) => words,
        NotImported::State(state) => format!("the import is {} by now: somebody else has it", state.as_str()),
        NotImported::Refused(Refused::NotFound) => "the import is gone: somebody gave it up".into(),
        NotImported::Refused(refused) => sentence(refused),
    }
}

pub(super) fn about(number: i64) -> impl Fn(NotImported) -> String {
    move |refused| match refused {
        NotImported::Refused(Refused::NotFound) => {
            format!("there is no import {number}; `patron import list` shows all")
        }
        NotImported::State(state) => format!(
            "import {number} is {}: {}",
            state.as_str(),
            match state {
                ImportState::Receiving => "its file has not come in whole; discard it, and import the file again",
                ImportState::Received | ImportState::Rehearsing | ImportState::Rehearsed =>
                    "it has written nothing yet; discard it, and import the file again",
                ImportState::Applying | ImportState::Undoing | ImportState::Redoing => "resume it",
                ImportState::Applied => "it can be undone",
                ImportState::Undone => "it can be brought back with redo",
                ImportState::Dropped => "it is gone",
            }
        ),
        other => words_of(other),
    }
}
