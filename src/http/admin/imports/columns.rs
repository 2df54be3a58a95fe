//! Which column of a file is what: guessed, and for a person to say.

use actix_web::http::StatusCode;
use actix_web::web::Data;
use askama::Template;

use super::super::Answer;
use super::super::form::{Form, FormError};
use super::super::page::{Shell, Turned, html, html_with, see_other};
use super::super::visit::{Editor, Visit};
use super::{OneImport, counted, find, sentence, turned};
use crate::domain::{Import, ImportState, Notes, RowsOf};
use crate::rows::{Empty, Mapping, Phones, Target};
use crate::service::{NotImported, Services, Work};

/// How many first values of a column are shown.
const SHOWN: u64 = 3;

/// What a column can be: as a form has it, and as people read it.
const TARGETS: [(&str, &str); 16] = [
    ("ignore", "Leave it out"),
    ("name", "Name"),
    ("first_name", "First name"),
    ("middle_name", "Middle name"),
    ("last_name", "Last name"),
    ("email", "Email"),
    ("contact", "Contact"),
    ("phone", "Contact if there is no other, else a note"),
    ("gstin", "GSTIN"),
    ("note", "A note, with this key:"),
    ("notes", "All notes, as JSON"),
    ("id", "Id, which is kept"),
    ("created_at", "Created at, which is kept"),
    ("created_at:dmy", "Created at, day first"),
    ("created_at:mdy", "Created at, month first"),
    ("created_at:ms", "Created at, in milliseconds"),
];

#[derive(Template)]
#[template(path = "import_columns.html")]
struct ColumnsPage {
    shell: Shell,
    number: i64,
    file: String,
    rows: String,
    errors: Vec<FormError>,
    columns: Vec<Column>,
    clears: bool,
    cleans: bool,
}

/// A column, and what is chosen for it.
struct Column {
    name: String,
    /// Its first values, without those that are empty.
    values: Vec<String>,
    target: String,
    key: String,
}

impl Column {
    /// What it is to be; the errors are words.
    fn chosen(&self) -> Result<Target, &'static str> {
        if self.target != "note" {
            return Target::parse(&self.target).ok_or("Choose what the column is.");
        }
        let key = self.key.trim();
        match key.chars().count() {
            0 => Err("Type the key of the note."),
            1..=Notes::LEN_MAX => Ok(Target::Note(key.to_owned())),
            _ => Err("The key of a note has at most 256 characters."),
        }
    }
}

pub(in super::super) async fn show(editor: Editor, path: OneImport, services: Data<Services>) -> Answer {
    let visit: &Visit = &editor;
    let import = find_unapplied(visit, path.1, &services).await?;
    let mapping = services.imports.mapping(&import);
    Ok(html(&page(visit, &import, &mapping, &services).await?))
}

/// Takes what was chosen, and begins the rehearsal.
pub(in super::super) async fn choose(editor: Editor, path: OneImport, form: Form, services: Data<Services>) -> Answer {
    let visit: &Visit = &editor;
    let import = find_unapplied(visit, path.1, &services).await?;
    let mut mapping = services.imports.mapping(&import);
    mapping.empty = if form.value("empty") == "clear" { Empty::Clear } else { Empty::Keep };
    mapping.phones = if form.has("cleaned") { Phones::Cleaned } else { Phones::AsTyped };
    let mut page = page(visit, &import, &mapping, &services).await?;
    for ((column, target), key) in page.columns.iter_mut().zip(form.values("target")).zip(form.values("key")) {
        (column.target, column.key) = (target.to_owned(), key.to_owned());
    }
    let mut errors = fill(&mut mapping, &page.columns);
    if errors.is_empty() {
        let caller = visit.caller();
        match services.imports.map(&caller, import.number, &mapping).await {
            Ok(()) => {
                let started = services.imports.start(&caller, import.number, Work::Rehearse).await;
                started.map_err(|refused| turned(visit, refused))?;
                services.imports.work_behind(&caller, import.number);
                return Ok(see_other(&visit.to(&format!("/imports/{}", import.number))));
            }
            Err(NotImported::Unfit(words)) => errors.push(FormError::new("target-1", sentence(&words))),
            Err(refused) => return Err(turned(visit, refused)),
        }
    }
    page.errors = errors;
    Ok(html_with(StatusCode::UNPROCESSABLE_ENTITY, &page))
}

/// Makes a mapping what was chosen, and gives what is to mend.
fn fill(mapping: &mut Mapping, columns: &[Column]) -> Vec<FormError> {
    let mut errors = Vec::new();
    // What was guessed is none of what was chosen.
    for column in columns {
        mapping.put(&column.name, Target::Ignore);
    }
    for (at, column) in columns.iter().enumerate() {
        let field = format!("{}-{}", if column.target == "note" { "key" } else { "target" }, at + 1);
        let target = match column.chosen() {
            Ok(target) => target,
            Err(words) => {
                errors.push(FormError::new(&field, words));
                continue;
            }
        };
        let first = mapping.columns().find(|(_, each)| each.clashes(&target));
        if let Some((first, _)) = first {
            let words = format!("The column {first} is this already: leave one of them out.");
            errors.push(FormError::new(&field, words));
            continue;
        }
        mapping.put(&column.name, target);
    }
    errors
}

async fn find_unapplied(visit: &Visit, number: i64, services: &Services) -> Result<Import, Turned> {
    let import = find(visit, number, services).await?;
    match import.state {
        ImportState::Received | ImportState::Rehearsing | ImportState::Rehearsed => Ok(import),
        state => Err(turned(visit, NotImported::State(state))),
    }
}

async fn page(visit: &Visit, import: &Import, mapping: &Mapping, services: &Services) -> Result<ColumnsPage, Turned> {
    let rows = services.imports.rows(&visit.caller(), import.number, RowsOf::All, 0, SHOWN).await;
    let rows = rows.map_err(|refused| turned(visit, refused))?;
    let column = |(name, target): (&str, &Target)| {
        let cells = rows.iter().filter_map(|row| row.cells.as_ref()?.text(name));
        let (target, key) = match target {
            Target::Note(key) => ("note".to_owned(), key.clone()),
            // So that choosing a note is one step.
            Target::Ignore => ("ignore".to_owned(), name.chars().take(Notes::LEN_MAX).collect()),
            target => (target.to_string(), String::new()),
        };
        let values = cells.filter(|text| !text.is_empty()).map(|text| text.into_owned()).collect();
        Column { name: name.to_owned(), values, target, key }
    };
    Ok(ColumnsPage {
        shell: Shell::new(visit, "/imports"),
        number: import.number,
        file: import.file.clone(),
        rows: counted(import.rows, "row"),
        errors: Vec::new(),
        columns: mapping.columns().map(column).collect(),
        clears: mapping.empty == Empty::Clear,
        cleans: mapping.phones == Phones::Cleaned,
    })
}
