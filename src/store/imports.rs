//! What the store is told of imports, and tells: rows that were judged, what to do with them, and who is withdrawn.

use crate::domain::{Actor, Customer, CustomerId, Edited, Fate, ImportRow, Mode, Outcome};

/// An upload that begins.
#[derive(Clone, Debug)]
pub struct NewImport {
    pub mode: Mode,
    pub at: i64,
    pub actor: Actor,
    pub file: String,
    /// `csv` or `jsonl`.
    pub format: &'static str,
}

/// A row of an upload, its cells as text.
#[derive(Clone, Debug)]
pub struct NewRow {
    pub line: u64,
    pub cells: String,
    /// Why it cannot be read.
    pub unread: Option<String>,
}

/// Why a row is refused: the field or column, where there is one, and the words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complained {
    pub field: Option<String>,
    pub words: String,
}

/// The preview of a row.
#[derive(Clone, Debug)]
pub struct Judged {
    pub outcome: Outcome,
    /// The customer that the row is about.
    pub customer: Option<CustomerId>,
    pub version: Option<u64>,
    /// The customer after the row.
    pub after: Option<Customer>,
    /// Typography in one of its values is replaced.
    pub respelled: bool,
    pub complaint: Option<Complained>,
}

/// Where an id is in use, other than for a customer of the mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Elsewhere {
    OtherMode,
    Erased,
    /// In the recycle bin.
    Withdrawn,
}

/// Decides about the customer of a row, given the customer as it is. `None` changes nothing.
pub type DecideRow = dyn Fn(&Customer) -> Result<Option<Edited>, Fate> + Send;

/// What applying a row does.
pub enum Plan {
    Create(Box<Edited>),
    Update(CustomerId, Box<DecideRow>),
    /// Nothing, and its cells can be deleted.
    Nothing,
    /// Nothing: it was refused.
    Refuse,
    /// Nothing, for this reason.
    Leave(Fate),
}

/// A row, and what applying it does.
pub struct Planned {
    pub row: ImportRow,
    pub plan: Plan,
}

/// Why a row was not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotWritten {
    /// Its values were erased since it was planned.
    Cleared,
    Missing,
    /// Another customer has its email and contact, or its id.
    Taken,
    /// The decision about its customer, or the plan, says so.
    Refused(Fate),
}

/// The decision about a row that is undone or redone.
pub enum Reverse {
    /// Notes a fate, with the reason where the fate does not say it.
    Mark(Fate, Option<String>),
    /// Writes a customer and notes the first fate; the second where the customer is gone, or another has its email and contact.
    Write(ReverseWrite, Fate, Fate),
}

impl From<Fate> for Reverse {
    fn from(fate: Fate) -> Self {
        Self::Mark(fate, None)
    }
}

/// A write of a customer, with its revision.
pub enum ReverseWrite {
    /// It moves to the recycle bin.
    Remove(Box<Edited>),
    /// It comes back from there.
    Restore(Box<Edited>),
    Edit(Box<Edited>),
}

/// The result of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Batch {
    More,
    Done,
    /// The import is in another state by now.
    Elsewhere,
}

/// Returns whether rows of an import are about a customer, by the mapping of the import or by its columns.
pub type About = fn(&Customer, Option<&str>, &[String]) -> Box<dyn Fn(&ImportRow) -> bool>;

/// A row with data of a customer, and its import.
#[derive(Clone, Debug)]
pub struct RowAbout {
    pub import: i64,
    pub row: ImportRow,
}
