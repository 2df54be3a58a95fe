//! The rows of an import, a page for each thing that can come of them; and those to be mended, as a file.

use std::io;
use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use actix_web::web::{Bytes, Data, Path, Query};
use askama::Template;
use futures_util::stream::unfold;
use serde::Deserialize;

use super::super::Answer;
use super::super::activity::number;
use super::super::figures::grouped;
use super::super::page::{Shell, Turned, html};
use super::super::record::heading;
use super::super::visit::{Editor, Visit};
use super::super::words::{Became, diff};
use super::{OneImport, Part, counted, find, parts, turned};
use crate::domain::{Import, Outcome, RowsOf};
use crate::rows::{For, Format, Mapping, RefusedFile, Row as Cells, Target};
use crate::service::{Caller, ImportedRow, Imports, Services};

/// How many rows a page has, and how many are read at a time for a file.
const PAGE_LEN: u64 = 50;
const FILE_PAGE_LEN: u64 = 500;

#[derive(Default, Deserialize)]
#[serde(default)]
pub(in super::super) struct Asked {
    /// The line of the row that the page comes after.
    after: String,
}

#[derive(Template)]
#[template(path = "import_rows.html")]
struct RowsPage {
    shell: Shell,
    number: i64,
    file: String,
    /// The part's name in addresses, its label, and what it means.
    name: &'static str,
    label: &'static str,
    means: &'static str,
    parts: Vec<(&'static str, &'static str, String)>,
    rows: Vec<Shown>,
    count: String,
    is_first: bool,
    next: String,
    has_file: bool,
}

/// A row, to be read.
struct Shown {
    line: String,
    heading: String,
    /// Where its customer is; empty where there is none yet.
    href: String,
    words: String,
    /// The cell that was refused: under which column, and what is there.
    blamed: Option<(String, String)>,
    diff: Vec<Became>,
    cells: Vec<(String, String)>,
}

pub(in super::super) async fn show(
    editor: Editor,
    path: Path<(String, i64, String)>,
    asked: Query<Asked>,
    services: Data<Services>,
) -> Answer {
    let visit: &Visit = &editor;
    let import = find(visit, path.1, &services).await?;
    let all = parts(&import);
    // A page that was left open may be of what nothing is in any more.
    let Some(part) = all.iter().find(|part| part.name == path.2) else { return Err(no_part(visit, &import)) };
    let after = number(&asked.after).map_err(|unread| visit.turned(unread))?.map(i64::cast_unsigned);
    let rows = services.imports.rows(&visit.caller(), import.number, part.of, after.unwrap_or(0), PAGE_LEN + 1).await;
    let mut rows = rows.map_err(|refused| turned(visit, refused))?;
    let is_more = rows.len() as u64 > PAGE_LEN;
    rows.truncate(PAGE_LEN as usize);
    let mapping = services.imports.mapping(&import);
    let next = |last: &ImportedRow| {
        visit.to(&format!("/imports/{}/rows/{}?after={}", import.number, part.name, last.row.line))
    };
    Ok(html(&RowsPage {
        shell: Shell::new(visit, "/imports"),
        number: import.number,
        file: import.file.clone(),
        name: part.name,
        label: part.label,
        means: means(part.name),
        parts: all.iter().map(|Part { name, label, count, .. }| (*name, *label, grouped(*count))).collect(),
        count: counted(part.count, "row"),
        is_first: after.is_none(),
        next: rows.last().filter(|_| is_more).map(next).unwrap_or_default(),
        has_file: ["refused", "changed", "taken", "waiting"].contains(&part.name)
            && rows.iter().any(|row| row.cells.is_some()),
        rows: rows.iter().map(|row| shown(visit, &mapping, row)).collect(),
    }))
}

fn no_part(visit: &Visit, import: &Import) -> Turned {
    let text = "What becomes of rows is sorted anew with each step of an import.";
    let address = visit.to(&format!("/imports/{}", import.number));
    visit
        .turned(Turned::not_found().saying("No rows of this import are here", text))
        .with_ways(vec![(address, format!("See import {}", import.number))])
}

fn means(name: &str) -> &'static str {
    match name {
        "create" => "These make new customers. Ids that the file has are kept.",
        "update" => "These change customers: each value from, and to which.",
        "unchanged" => "These are so already. Nothing is done with them.",
        "refused" => {
            "These break a rule, or cannot be read. Nothing is done with them: mend them in a file of their own, and import that."
        }
        "written" => "These are written to customers.",
        "undone" => {
            "Customers that the import made are withdrawn: applications are told that the id does not exist. The others have the values of before."
        }
        "partly" => "What was edited since stays; the other values are those of before.",
        "kept" => "These were edited since, and are as they were after that.",
        "needed" => {
            "Another customer has the email and contact of before by now, or the values of before break a rule, so they stay as they are."
        }
        "waiting" => {
            "The import was undone before it came to these, so they were never written. Bring it back, and they are written, too."
        }
        "away" => {
            "Another customer has this email and contact by now, or the customer was edited since: they were not brought back."
        }
        "changed" => {
            "Somebody changed these customers after the rehearsal, so the rows were not written. Import them again to see what they do now."
        }
        "taken" => {
            "Another customer got the email and contact, or the id, after the rehearsal, so the rows were not written."
        }
        _ => "The customer, or what the row held, was erased meanwhile.",
    }
}

fn shown(visit: &Visit, mapping: &Mapping, imported: &ImportedRow) -> Shown {
    let ImportedRow { row, cells, customer, changes } = imported;
    let cells = cells.as_ref();
    let text = |column: &str| cells.and_then(|cells| cells.text(column)).unwrap_or_default().into_owned();
    let named = |name: &str| {
        let is_it = |target: &Target| target.to_string() == name;
        let whole = mapping.columns().find(|(column, target)| is_it(target) && !text(column).is_empty());
        let parts = mapping.columns().filter(|(_, target)| whole.is_none() && target.field() == name);
        let words = whole.into_iter().chain(parts).map(|(column, _)| text(column)).filter(|text| !text.is_empty());
        // Parts of a name belong together, and of phone numbers one is enough.
        let words: Vec<String> = words.take(if name == "name" { usize::MAX } else { 1 }).collect();
        Some(words.join(" ")).filter(|text| !text.is_empty())
    };
    let known = customer.as_ref().map(heading).or_else(|| ["name", "contact", "email"].into_iter().find_map(named));
    let blamed = row.field.as_deref().and_then(|field| {
        let column = mapping.columns().find(|(column, target)| *column == field || target.field() == field)?.0;
        Some((column.to_owned(), text(column)))
    });
    let id = row.customer.as_ref().filter(|_| row.outcome != Some(Outcome::Create) || row.fate.is_some());
    let all = cells.into_iter().flat_map(Cells::columns).map(|column| (column.to_owned(), text(column)));
    Shown {
        line: grouped(row.line),
        heading: known.or_else(|| Some(id?.as_str().to_owned())).unwrap_or_else(|| "No name".into()),
        href: id.map(|id| visit.to(&format!("/customers/{}", id.as_str()))).unwrap_or_default(),
        words: row.words.clone().unwrap_or_default(),
        blamed: blamed.filter(|(_, text)| !text.is_empty()),
        diff: changes.as_ref().map(diff).unwrap_or_default(),
        cells: all.filter(|(_, text)| !text.is_empty()).collect(),
    }
}

/// The rows that were not written, as they came, each with the reason before it.
pub(in super::super) async fn download(editor: Editor, path: OneImport, services: Data<Services>) -> Answer {
    let visit: &Visit = &editor;
    let import = find(visit, path.1, &services).await?;
    let format = Format::parse(&import.format).unwrap_or(Format::Csv);
    let kind = if format == Format::Csv { "text/csv; charset=utf-8" } else { "application/jsonl" };
    let name = format!("import-{}-refused.{}", import.number, format.as_str());
    let file = Unwritten {
        imports: services.imports.clone(),
        caller: visit.caller(),
        number: import.number,
        columns: import.columns,
        format,
        refused: None,
        after: Some(0),
    };
    let bytes = unfold(file, Unwritten::next);
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, kind))
        .insert_header((CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")))
        .insert_header((CACHE_CONTROL, "no-store"))
        .streaming(bytes))
}

/// What is still to be written of a file of rows.
struct Unwritten {
    imports: Arc<Imports>,
    caller: Caller,
    number: i64,
    columns: Vec<String>,
    format: Format,
    /// The file, once its first rows are read.
    refused: Option<RefusedFile>,
    /// The line that the next page comes after; `None` at the end.
    after: Option<u64>,
}

impl Unwritten {
    /// The next lines. A failure breaks the download off, so that nobody takes a part for the whole.
    async fn next(mut self) -> Option<(io::Result<Bytes>, Self)> {
        let after = self.after?;
        let rows = self.imports.rows(&self.caller, self.number, RowsOf::Unwritten, after, FILE_PAGE_LEN).await;
        let Ok(rows) = rows else {
            let broken = io::Error::other("the rows could not be read");
            return Some((Err(broken), Self { after: None, ..self }));
        };
        let mut bytes = Vec::new();
        let refused = *self.refused.get_or_insert_with(|| {
            let row = rows.iter().find_map(|row| row.cells.as_ref());
            let refused = RefusedFile::new(self.format, For::Spreadsheets, row);
            bytes = refused.begin(&self.columns);
            refused
        });
        rows.iter().for_each(|row| row.write(refused, &mut bytes));
        let after = rows.last().map(|last| last.row.line);
        (after.is_some() || !bytes.is_empty()).then(|| (Ok(Bytes::from(bytes)), Self { after, ..self }))
    }
}
