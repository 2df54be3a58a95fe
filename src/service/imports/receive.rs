//! A file that comes in, piece by piece.

use std::sync::Arc;
use std::time::Instant;

use super::super::pace::Pace;
use super::super::room::Room;
use super::super::{Ambient, Caller, Refused};
use super::{Imports, NotImported};
use crate::domain::{Import, label};
use crate::rows::{Facts, Format, Mapping, Reader, Row, Unread, Unreadable};
use crate::store::{NewImport, NewRow, Requester, Store};

/// How many rows are written at a time.
const BATCH_LEN: usize = 512;
/// The same where a server has the file too, or somebody else edits.
const BATCH_LEN_BESIDE: usize = 64;
/// The longest name of a file that is kept, in characters.
const FILE_LEN_MAX: usize = 200;

/// A file that comes in. Where it is dropped before its end, what came of it goes by itself.
pub struct Receiving {
    store: Arc<Store>,
    room: Arc<Room>,
    ambient: Ambient,
    caller: Caller,
    file: String,
    /// What is wrong with the file's name.
    fault: Option<String>,
    reader: Reader,
    facts: Facts,
    waiting: Vec<NewRow>,
    pace: Pace,
    /// The import's number, once the file is known to be one of rows.
    number: Option<i64>,
    rows: u64,
}

impl Imports {
    /// Begins to receive a file of this name; where its format is not said, its first bytes tell. Nothing is kept before they do.
    pub fn receive(&self, caller: &Caller, file: &str, format: Option<Format>) -> Receiving {
        // The name alone: not where it lay on somebody's machine.
        let name = file.rsplit(['/', '\\']).next().unwrap_or_default();
        Receiving {
            store: self.store.clone(),
            room: self.room.clone(),
            ambient: self.ambient.clone(),
            caller: caller.clone(),
            file: name.chars().take(FILE_LEN_MAX).collect(),
            fault: label::fault(name, usize::MAX),
            reader: Reader::new(format),
            facts: Facts::default(),
            waiting: Vec::new(),
            pace: Pace::of(&self.store, 1),
            number: None,
            rows: 0,
        }
    }
}

impl Receiving {
    /// Takes the next piece of the file. Gives how many rows came in so far. A file that cannot be read, or that the disk has no
    /// room for, leaves no import behind; its rows are deleted by [`Imports::tidy`].
    pub async fn push(&mut self, piece: &[u8]) -> Result<u64, NotImported> {
        let rows = self.reader.push(piece);
        self.take(rows).await?;
        Ok(self.rows)
    }

    /// Ends the file, and gives the import: received, and to be mapped.
    pub async fn finish(mut self) -> Result<Import, NotImported> {
        let rows = self.reader.finish();
        self.take(rows).await?;
        if self.rows == 0 {
            self.give_up().await;
            return Err(NotImported::Unfit("the file has no rows".into()));
        }
        self.write(true).await?;
        let number = self.begun().await?;
        // The columns are decided by all of their values, which are not looked at again.
        let mapping = Mapping::guess_with(self.reader.columns(), std::mem::take(&mut self.facts)).to_text();
        self.store.map_import(self.caller.requester(), number, mapping, self.ambient.seconds()).await?;
        Ok(self.store.find_import(self.caller.requester(), self.caller.mode, number).await?.ok_or(Refused::NotFound)?)
    }

    async fn take(&mut self, rows: Result<Vec<Result<Row, Unread>>, Unreadable>) -> Result<(), NotImported> {
        if let Some(fault) = &self.fault {
            return Err(NotImported::Unfit(format!("the file's name {fault}: rename the file, then import it again")));
        }
        let rows = match rows {
            Ok(rows) => rows,
            Err(unreadable) => {
                self.give_up().await;
                return Err(NotImported::Unfit(unreadable.to_string()));
            }
        };
        self.rows += rows.len() as u64;
        self.waiting.extend(rows.into_iter().map(|row| match row {
            Ok(row) => {
                self.facts.add(&row);
                NewRow { line: row.line, cells: row.to_text(), unread: None }
            }
            Err(unread) => NewRow { line: unread.row.line, cells: unread.row.to_text(), unread: Some(unread.words) },
        }));
        loop {
            let len = if self.pace.is_quiet() { BATCH_LEN } else { BATCH_LEN_BESIDE };
            if self.waiting.len() < len {
                return Ok(());
            }
            let began = Instant::now();
            let rest = self.waiting.split_off(len);
            let batch = std::mem::replace(&mut self.waiting, rest);
            self.add(batch, false).await?;
            self.pace.rest(&self.store, began.elapsed()).await;
        }
    }

    async fn write(&mut self, last: bool) -> Result<(), NotImported> {
        let rows = std::mem::take(&mut self.waiting);
        self.add(rows, last).await
    }

    async fn add(&mut self, rows: Vec<NewRow>, last: bool) -> Result<(), NotImported> {
        let added = self.try_add(rows, last).await;
        if added.is_err() {
            self.give_up().await;
        }
        added
    }

    async fn try_add(&mut self, rows: Vec<NewRow>, last: bool) -> Result<(), NotImported> {
        self.room.check(0)?;
        let number = self.begun().await?;
        let (columns, at) = (self.reader.columns().to_vec(), self.ambient.seconds());
        if self.store.add_import_rows(self.caller.requester(), number, rows, columns, last, at).await? {
            return Ok(());
        }
        Err(NotImported::Unfit("the import was given up while the file came in".into()))
    }

    async fn begun(&mut self) -> Result<i64, NotImported> {
        if let Some(number) = self.number {
            return Ok(number);
        }
        let new = NewImport {
            mode: self.caller.mode,
            at: self.ambient.seconds(),
            actor: self.caller.actor.clone(),
            file: self.file.clone(),
            format: self.reader.format().unwrap_or(Format::Csv).as_str(),
        };
        let number = self.store.begin_import(self.caller.requester(), new).await?;
        self.number = Some(number);
        Ok(number)
    }

    /// Drops the import of a file that is not received: its rows are deleted in the background.
    async fn give_up(&mut self) {
        self.waiting.clear();
        if let Some(number) = self.number {
            // Where it cannot be written, it goes for not having moved.
            let _ = self.store.drop_import(Requester::HOUSE, number).await;
        }
    }
}
