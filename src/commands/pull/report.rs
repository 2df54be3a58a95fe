//! In what there and here differ: how many on the screen, by ids; all of it, with values, in a file on request.

use std::collections::HashSet;
use std::io::{BufWriter, Write};
use std::path::Path;

use patron::domain::{Changes, Fate, Import, Outcome, RowsOf, Span, Walk};
use patron::json::ChangesJson;
use patron::service::figures::grouped;
use patron::service::{Caller, ImportedRow, Services};
use patron::store::Output;
use serde::Serialize;

use super::super::{Done, plain, print, sentence};
use super::customers;

/// How many of a kind the screen shows.
const SHOWN: usize = 10;
/// How many rows are looked at together.
const STEP_LEN: u64 = 100;

/// A rehearsed import, and everybody who is there.
pub struct Report<'a> {
    pub services: &'a Services,
    pub caller: &'a Caller,
    pub import: &'a Import,
    pub seen: &'a HashSet<String>,
}

/// A line of the file.
#[derive(Serialize)]
struct Difference<'a> {
    id: Option<&'a str>,
    is: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    changes: Option<ChangesJson<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    words: Option<&'a str>,
}

/// Where differences go.
struct Told {
    file: Option<BufWriter<Output>>,
    shown: Vec<String>,
    count: usize,
}

impl Told {
    fn tell(&mut self, difference: &Difference, shown: impl FnOnce() -> String) -> Result<(), String> {
        if self.count < SHOWN {
            self.shown.push(shown());
        }
        self.count += 1;
        let Some(file) = &mut self.file else { return Ok(()) };
        let text = serde_json::to_string(difference).map_err(|error| error.to_string())?;
        writeln!(file, "{text}").map_err(|error| format!("cannot write the report: {error}"))
    }

    /// What there is of a kind to see, and how much more; begins another kind.
    fn print(&mut self, heading: &str) -> Done {
        let (shown, more) = (std::mem::take(&mut self.shown), std::mem::take(&mut self.count).saturating_sub(SHOWN));
        if shown.is_empty() {
            return Ok(());
        }
        print(&format!("\n{heading}\n  {}", shown.join("\n  ")))?;
        if more > 0 { print(&format!("  and {} more", grouped(more as u64))) } else { Ok(()) }
    }
}

impl Report<'_> {
    pub async fn print(&self, base: &str, file: Option<&Path>) -> Done {
        let unwritten = |error: std::io::Error| format!("cannot write the report: {error}");
        let open = |path: &Path| Output::open(path, false).map(BufWriter::new);
        let mut told = Told { file: file.map(open).transpose()?, shown: Vec::new(), count: 0 };
        let count = |outcome| grouped(self.import.count(outcome));
        print(&format!(
            "{} at {base}:\n{:>9}  not here yet\n{:>9}  here, and the same\n{:>9}  here, and different\n{:>9}  refused by a rule",
            customers(self.import.rows),
            count(Outcome::Create),
            count(Outcome::Unchanged),
            count(Outcome::Update),
            grouped(self.import.refused()),
        ))?;
        let only_here = self.only_here(&mut told).await?;
        print(&format!("{:>9}  only here", grouped(only_here)))?;
        told.print("Only here:")?;
        self.rows(&mut told, Outcome::Update, "differs").await?;
        told.print("Different, by field:")?;
        for outcome in [Outcome::Refused, Outcome::Unread] {
            self.rows(&mut told, outcome, "refused").await?;
        }
        told.print("Refused:")?;
        if told.file.is_some() {
            self.rows(&mut told, Outcome::Create, "not_here").await?;
        }
        let (Some(file), Some(path)) = (told.file, file) else { return Ok(()) };
        let file = file.into_inner().map_err(|error| unwritten(error.into_error()))?;
        file.finish().map_err(unwritten)?;
        print(&format!("\nAll differences are in {}.", path.display()))
    }

    async fn only_here(&self, told: &mut Told) -> Result<u64, String> {
        let mut leaving = self.services.customers.leave(self.caller.clone(), Walk::Created(Span::default()));
        let mut count = 0;
        while let Some(customers) = leaving.step().await.map_err(sentence)? {
            for customer in customers.iter().filter(|customer| !self.seen.contains(customer.id.as_str())) {
                let id = customer.id.as_str();
                count += 1;
                let difference = Difference { id: Some(id), is: "only_here", changes: None, field: None, words: None };
                told.tell(&difference, || id.to_owned())?;
            }
        }
        Ok(count)
    }

    /// Tells of all rows with an outcome.
    async fn rows(&self, told: &mut Told, outcome: Outcome, is: &'static str) -> Result<(), String> {
        let mut after = 0;
        loop {
            let rows =
                self.services.imports.rows(self.caller, self.import.number, RowsOf::Outcome(outcome), after, STEP_LEN);
            let rows = rows.await.map_err(sentence)?;
            let Some(last) = rows.last() else { return Ok(()) };
            after = last.row.line;
            for ImportedRow { row, cells, changes, .. } in &rows {
                let named = cells.as_ref().and_then(|cells| cells.text("id"));
                let id = named.as_deref();
                let (field, words) = (row.field.as_deref(), row.words.as_deref());
                let difference = Difference { id, is, changes: changes.as_ref().map(ChangesJson), field, words };
                told.tell(&difference, || {
                    let what = words.map(str::to_owned).or(changes.as_ref().map(fields_of)).unwrap_or_default();
                    format!("{}  {}", plain(id.unwrap_or("without an id")), plain(&what))
                })?;
            }
        }
    }
}

/// The names of what changes.
fn fields_of(changes: &Changes) -> String {
    let fields = changes.fields.iter().filter_map(|change| change.field.name());
    let notes = changes.touch_notes().then_some("notes");
    fields.chain(notes).collect::<Vec<_>>().join(", ")
}

/// What became of it.
pub fn print_end(import: &Import) -> Done {
    let written = |outcome| import.with(outcome, Fate::Applied);
    print(&format!(
        "Made {}, changed {}. `patron import undo {}` takes all of that back.",
        customers(written(Outcome::Create)),
        grouped(written(Outcome::Update)),
        import.number
    ))?;
    for fate in [Fate::Changed, Fate::Taken, Fate::Gone] {
        let count = import.fated(fate);
        if count > 0 {
            print(&format!("{}: each {}.", customers(count), fate.words()))?;
        }
    }
    Ok(())
}
