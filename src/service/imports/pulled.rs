//! Customers of another server's list that come in: an import like that of a file, which goes on where it was interrupted.

use std::collections::HashSet;

use super::{Imports, NotImported};
use crate::domain::{Import, ImportState, RowsOf};
use crate::rows::{Empty, Format, Mapping, Phones, Row};
use crate::service::{Caller, Refused};
use crate::store::{NewImport, NewRow};

/// How many rows are looked at together for what they name.
const STEP_LEN: u64 = 500;
/// How many of the last imports may be the one that goes on.
const LOOKED_AT: u64 = 50;
/// The names of the API's customer. A server may have more, which are nobody's here.
const COLUMNS: [&str; 8] = ["id", "entity", "name", "email", "contact", "gstin", "notes", "created_at"];

/// Objects that come in, one a row. Dropped before its end it is gone on with within the hour; after that it goes by itself.
pub struct Pulling<'a> {
    imports: &'a Imports,
    caller: Caller,
    number: i64,
    rows: u64,
}

impl Imports {
    /// The last import of this name by this actor, if it has not come to an end. Anybody may give a file such a name.
    pub async fn unfinished(&self, caller: &Caller, name: &str) -> Result<Option<Import>, Refused> {
        let imports = self.list(caller, None, LOOKED_AT).await?;
        let last = imports.into_iter().find(|import| import.file == name && import.actor == caller.actor);
        Ok(last.filter(|import| import.state.is_moving() || import.state.is_before()))
    }

    /// Begins to receive customers of another server's list, as an import of this name.
    pub async fn pull(&self, caller: &Caller, name: &str) -> Result<Pulling<'_>, NotImported> {
        self.room.check(0)?;
        let new = NewImport {
            mode: caller.mode,
            at: self.ambient.seconds(),
            actor: caller.actor.clone(),
            file: name.to_owned(),
            format: Format::Jsonl.as_str(),
        };
        let number = self.store.begin_import(caller.requester(), new).await?;
        Ok(Pulling { imports: self, caller: caller.clone(), number, rows: 0 })
    }

    /// Goes on with one that was interrupted. Gives the ids that came in before, too.
    pub async fn pull_on(
        &self,
        caller: &Caller,
        import: &Import,
    ) -> Result<(Pulling<'_>, HashSet<String>), NotImported> {
        let pulling = Pulling { imports: self, caller: caller.clone(), number: import.number, rows: import.rows };
        Ok((pulling, self.ids_of(caller, import.number).await?))
    }

    /// The ids that the rows of an import name that was not applied yet.
    async fn ids_of(&self, caller: &Caller, number: i64) -> Result<HashSet<String>, Refused> {
        let (mut ids, mut after) = (HashSet::new(), 0);
        loop {
            let rows = self.store.list_import_rows(caller.requester(), number, RowsOf::All, after, STEP_LEN).await?;
            let Some(last) = rows.last() else { return Ok(ids) };
            after = last.line;
            ids.extend(rows.iter().filter_map(|row| {
                let cells = Row::from_text(row.line, row.cells.as_deref()?)?;
                Some(cells.text("id")?.into_owned())
            }));
        }
    }
}

impl Pulling<'_> {
    /// The import's number.
    pub fn number(&self) -> i64 {
        self.number
    }

    /// Takes customers, each a JSON object. Gives how many came in so far.
    pub async fn push(&mut self, objects: Vec<String>) -> Result<u64, NotImported> {
        self.add(objects, false).await?;
        Ok(self.rows)
    }

    /// Ends the list, and gives the import: received, and mapped so that customers become what they are there, where nothing
    /// is said of a value too.
    pub async fn finish(mut self) -> Result<Import, NotImported> {
        self.add(Vec::new(), true).await?;
        let mut mapping = Mapping::guess(&COLUMNS.map(str::to_owned));
        (mapping.phones, mapping.empty) = (Phones::AsTyped, Empty::Clear);
        self.imports.map(&self.caller, self.number, &mapping).await?;
        Ok(self.imports.find(&self.caller, self.number).await?)
    }

    async fn add(&mut self, objects: Vec<String>, last: bool) -> Result<(), NotImported> {
        let row = |(line, text): (u64, String)| match Row::from_text(line, &text).filter(|_| text.starts_with('{')) {
            Some(row) => NewRow { line, cells: row.to_text(), unread: None },
            None => NewRow { line, cells: "{}".into(), unread: Some("It is no JSON object.".into()) },
        };
        let rows: Vec<NewRow> = (self.rows + 1..).zip(objects).map(row).collect();
        self.rows += rows.len() as u64;
        self.imports.room.check(0)?;
        let (store, at) = (&self.imports.store, self.imports.ambient.seconds());
        let columns = COLUMNS.map(str::to_owned).to_vec();
        if store.add_import_rows(self.caller.requester(), self.number, rows, columns, last, at).await? {
            return Ok(());
        }
        Err(NotImported::State(ImportState::Dropped))
    }
}
