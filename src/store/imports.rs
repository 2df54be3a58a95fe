//! What the store is told of imports, and tells: rows that were judged, what to do with them, and who is withdrawn.

use crate::domain::{Actor, Customer, CustomerId, Edited, Fate, ImportRow, Mode, Outcome};

/// A file that begins to come in.
#[derive(Clone, Debug)]
pub struct NewImport {
    /// Where its customers are to be.
    pub mode: Mode,
    /// When, in Unix seconds.
    pub at: i64,
    /// Who brings it.
    pub actor: Actor,
    /// What the file is called.
    pub file: String,
    /// `csv` or `jsonl`.
    pub format: &'static str,
}

/// A row as it comes in.
#[derive(Clone, Debug)]
pub struct NewRow {
    /// Where it begins in the file.
    pub line: u64,
    /// Its cells, as text.
    pub cells: String,
    /// Why it could not be read, where it could not.
    pub unread: Option<String>,
}

/// Why a row is refused: the field or column, where there is one, and the words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complained {
    /// What it is about, by name.
    pub field: Option<String>,
    /// The rule that is broken.
    pub words: String,
}

/// What the rehearsal found of a row.
#[derive(Clone, Debug)]
pub struct Judged {
    /// What it would do.
    pub outcome: Outcome,
    /// The customer that it is about, where that is known.
    pub customer: Option<CustomerId>,
    /// That customer's version.
    pub version: Option<u64>,
    /// The customer that it would leave, as far as that is known.
    pub after: Option<Customer>,
    /// Whether typography in a value that it writes was replaced.
    pub respelled: bool,
    /// Why it is refused.
    pub complaint: Option<Complained>,
}

/// Why an id is no customer's, and can be no new one's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Elsewhere {
    /// It is a customer's of the other mode.
    OtherMode,
    /// Its customer was erased.
    Erased,
    /// Its customer was withdrawn with an import.
    Withdrawn,
}

/// What becomes of the customer that a row is about, given the row as it stands. `None`: nothing.
pub type DecideRow = dyn Fn(&Customer) -> Result<Option<Edited>, Fate> + Send;

/// What applying a row does.
pub enum Plan {
    /// Makes this customer.
    Create(Box<Edited>),
    /// Does to a customer what this says.
    Update(CustomerId, Box<DecideRow>),
    /// Nothing, and its cells are not needed any more.
    Nothing,
    /// Nothing: it was refused.
    Refuse,
    /// Nothing, for this reason.
    Leave(Fate),
}

/// A row, and what applying it does.
pub struct Planned {
    /// The row.
    pub row: ImportRow,
    /// What to do.
    pub plan: Plan,
}

/// Why a row was not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotWritten {
    /// Its values were erased since it was planned.
    Cleared,
    /// Its customer does not exist.
    Missing,
    /// Another customer has its email and contact, or its id.
    Taken,
    /// The decision about its customer, or the plan, says so.
    Refused(Fate),
}

/// What undoing or redoing a row does.
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

/// What is written of a customer, with the revision that says so.
pub enum ReverseWrite {
    /// It moves to the recycle bin.
    Remove(Box<Edited>),
    /// It comes back from there.
    Restore(Box<Edited>),
    /// It has these values.
    Edit(Box<Edited>),
}

/// How a batch went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Batch {
    /// It is done, and there may be more.
    More,
    /// The work is done.
    Done,
    /// The import is at another work by now.
    Elsewhere,
}

/// Whether rows of an import are about a customer, by the mapping that was chosen for it, as text, or else by its columns.
pub type About = fn(&Customer, Option<&str>, &[String]) -> Box<dyn Fn(&ImportRow) -> bool>;

/// A row that holds something of a customer.
#[derive(Clone, Debug)]
pub struct RowAbout {
    /// The import's number.
    pub import: i64,
    /// The row, with its cells.
    pub row: ImportRow,
}
