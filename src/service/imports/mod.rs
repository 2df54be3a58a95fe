//! Files of customers that come in: received, rehearsed, applied, undone as a whole, and brought back. Whatever is under way is
//! done a batch at a time, each of which records how far it is: so whoever finds it interrupted goes on where it was.

mod about;
mod behind;
mod judge;
mod pulled;
mod receive;
mod reverse;
mod stamp;
mod work;

use std::sync::Arc;
use std::time::Instant;

use super::pace::Pace;
use super::room::{CUSTOMER_BYTES, Room};
use super::{Ambient, Caller, DAY_SECONDS, Refused};
use crate::domain::{
    Changes, Customer, CustomerId, Import, ImportRow, ImportState, ImportStep, Mode, Outcome, RowsOf, Slice, Step,
    Withdrawn,
};
use crate::rows::{Mapping, RefusedFile, Row, Target};
use crate::store::{self, Store};

pub(super) use about::about;
pub use pulled::Pulling;
pub use receive::Receiving;
pub use work::Waits;

/// For how many days an import is kept that was not applied.
pub const REHEARSAL_DAYS: i64 = 7;
/// For how many days, after an import was first applied, rows are kept that were not written.
pub const REFUSED_DAYS: i64 = 30;
/// A file that came in no further for so many seconds comes no more.
const UPLOAD_SECONDS: i64 = 60 * 60;
/// Work that did not move for so many seconds was interrupted.
const STILL_SECONDS: i64 = 10;
/// How many acts let go of what was kept long enough, at a time.
const TIDY_ACTS: u32 = 16;

/// The imports of one store.
pub struct Imports {
    store: Arc<Store>,
    room: Arc<Room>,
    ambient: Ambient,
    behind: behind::Behind,
}

/// What can be done with an import as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// Find out what each row would do.
    Rehearse,
    /// Write the rows to customers.
    Apply,
    /// Take back what it wrote.
    Undo,
    /// Bring back what was taken back.
    Redo,
}

/// How far the work is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moving {
    /// What is under way.
    pub state: ImportState,
    /// How many rows are done.
    pub done: u64,
    /// How many there are.
    pub total: u64,
    /// Why it waits, where it does.
    pub waits: Option<Waits>,
}

/// Why something could not be done with an import.
#[derive(Clone, Debug)]
pub enum NotImported {
    /// The file cannot be read, or cannot be imported so: why and the way out, in a sentence without its first capital and its end.
    Unfit(String),
    /// The import is not in a state for it: this one.
    State(ImportState),
    /// There is no such import, or it cannot be done now.
    Refused(Refused),
}

impl From<Refused> for NotImported {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

impl From<store::Error> for NotImported {
    fn from(error: store::Error) -> Self {
        Self::Refused(error.into())
    }
}

/// A row of an import, to be looked at.
#[derive(Clone, Debug)]
pub struct ImportedRow {
    /// The row.
    pub row: ImportRow,
    /// Its cells, where they are kept still.
    pub cells: Option<Row>,
    /// The customer that it is about, as it stands, where there is one.
    pub customer: Option<Customer>,
    /// What it would change of that customer, or set in a new one; before it is applied.
    pub changes: Option<Changes>,
}

impl ImportedRow {
    /// Adds the row as it came to a file of refused rows, with the reason, to be fixed and imported again.
    pub fn write(&self, refused: RefusedFile, file: &mut Vec<u8>) {
        refused.write(self.row.line, &self.row.reason(), self.cells.as_ref(), file);
    }
}

impl Imports {
    pub(super) fn new(store: Arc<Store>, room: Arc<Room>, ambient: Ambient) -> Self {
        Self { store, room, ambient, behind: behind::Behind::default() }
    }

    /// An import of the caller's mode.
    pub async fn find(&self, caller: &Caller, number: i64) -> Result<Import, Refused> {
        self.store.find_import(caller.requester(), caller.mode, number).await?.ok_or(Refused::NotFound)
    }

    /// The mode of an import.
    pub async fn mode_of(&self, number: i64) -> Result<Mode, Refused> {
        self.store.mode_of_import(number).await?.ok_or(Refused::NotFound)
    }

    /// Imports, the newest first, whose numbers are below this one.
    pub async fn list(&self, caller: &Caller, before: Option<i64>, count: u64) -> Result<Vec<Import>, Refused> {
        Ok(self.store.list_imports(caller.requester(), caller.mode, before, count).await?)
    }

    /// Whether work is under way that nobody does any more: it goes on with [`Self::work`].
    pub fn is_interrupted(&self, import: &Import) -> bool {
        let is_still = self.ambient.seconds() - import.moved_at > STILL_SECONDS;
        import.state.is_moving() && is_still && !self.behind.has(import.number)
    }

    /// The numbers of imports whose work nobody does any more.
    pub async fn interrupted(&self) -> Result<Vec<i64>, Refused> {
        Ok(self.store.still_imports(self.ambient.seconds() - STILL_SECONDS).await?)
    }

    /// Which column is what: as somebody said, or as the names of the columns suggest.
    pub fn mapping(&self, import: &Import) -> Mapping {
        mapping_of(import.mapping.as_deref(), &import.columns)
    }

    /// Says which column is what. What was rehearsed before is to be rehearsed anew.
    pub async fn map(&self, caller: &Caller, number: i64, mapping: &Mapping) -> Result<(), NotImported> {
        let import = self.find(caller, number).await?;
        let known = [
            Target::Id,
            Target::Name,
            Target::FirstName,
            Target::LastName,
            Target::Email,
            Target::Contact,
            Target::Phone,
        ];
        // Where no row can be read, there is no column to say.
        let has_columns = mapping.columns().next().is_some();
        if has_columns && !known.iter().any(|target| mapping.has(target)) {
            let words = "no column is the name, the email, the contact or the id: say which one is";
            return Err(NotImported::Unfit(words.into()));
        }
        if let Some(words) = mapping.problem() {
            return Err(NotImported::Unfit(words));
        }
        let at = self.ambient.seconds();
        if self.store.map_import(caller.requester(), number, mapping.to_text(), at).await? {
            return Ok(());
        }
        Err(NotImported::State(import.state))
    }

    /// Refuses a file of so many bytes where the disk has no room for it.
    pub fn admit(&self, len: u64) -> Result<(), NotImported> {
        Ok(self.room.check_file(len)?)
    }

    /// Begins work on an import from its beginning, on the disk; [`Self::work`] does it. To rehearse needs a mapping, to apply a
    /// rehearsal. What is being applied can be undone, and what is being undone brought back: then the rest is applied, too.
    pub async fn start(&self, caller: &Caller, number: i64, work: Work) -> Result<Import, NotImported> {
        use ImportState::{Applied, Applying, Received, Redoing, Rehearsed, Rehearsing, Undoing, Undone};
        let import = self.find(caller, number).await?;
        if work == Work::Rehearse && import.state == Received {
            self.map(caller, number, &self.mapping(&import)).await?;
        }
        let (from, to, step): (&[_], _, _) = match work {
            Work::Rehearse => (&[Received, Rehearsing, Rehearsed], Rehearsing, None),
            Work::Apply => (&[Rehearsed], Applying, Some(Step::Apply)),
            Work::Undo => (&[Applying, Applied, Redoing], Undoing, Some(Step::Undo)),
            Work::Redo => (&[Undoing, Undone], Redoing, Some(Step::Redo)),
        };
        match work {
            Work::Rehearse => self.room.check(0)?,
            Work::Apply => {
                let writes = import.count(Outcome::Create) + import.count(Outcome::Update);
                self.room.check(writes * CUSTOMER_BYTES)?;
            }
            Work::Undo | Work::Redo => self.room.check_correction()?,
        }
        let at = self.ambient.seconds();
        let step = step.map(|step| ImportStep { step, at, actor: caller.actor.clone() });
        if !self.store.start_import(caller.requester(), number, from, to, step, at).await? {
            return Err(NotImported::State(self.find(caller, number).await?.state));
        }
        Ok(self.find(caller, number).await?)
    }

    /// Gives up an import that wrote nothing yet. Its rows go little by little.
    pub async fn discard(&self, caller: &Caller, number: i64) -> Result<(), NotImported> {
        let import = self.find(caller, number).await?;
        if self.store.drop_import(caller.requester(), number).await? {
            return Ok(());
        }
        Err(NotImported::State(import.state))
    }

    /// Rows of an import in the order of the file, after this line. Of rows that are not applied, with what they would do to
    /// customers as they stand now.
    pub async fn rows(
        &self,
        caller: &Caller,
        number: i64,
        of: RowsOf,
        after: u64,
        count: u64,
    ) -> Result<Vec<ImportedRow>, Refused> {
        let import = self.find(caller, number).await?;
        let mapping = self.mapping(&import);
        let rows = self.store.list_import_rows(caller.requester(), number, of, after, count).await?;
        let mut shown = Vec::with_capacity(rows.len());
        for row in rows {
            let customer = match &row.customer {
                Some(id) => self.store.find(caller.mode, id).await?,
                None => None,
            };
            let cells = row.cells.as_deref().and_then(|cells| Row::from_text(row.line, cells));
            let is_waiting = row.fate.is_none() && matches!(row.outcome, Some(Outcome::Create | Outcome::Update));
            let changes = cells.as_ref().filter(|_| is_waiting).and_then(|cells| {
                let blank = Customer::blank(CustomerId::stored(String::new()), caller.mode, 0);
                judge::changes(&mapping, cells, customer.as_ref().unwrap_or(&blank))
            });
            shown.push(ImportedRow { row, cells, customer, changes });
        }
        Ok(shown)
    }

    /// A customer who was withdrawn with the import that made it, with its history, newest first. What undoes that undo brings
    /// it back; an erasure ends it.
    pub async fn withdrawn(
        &self,
        caller: &Caller,
        id: &CustomerId,
        slice: Slice,
    ) -> Result<Option<Withdrawn>, Refused> {
        Ok(self.store.find_withdrawn(caller.requester(), caller.mode, id, slice).await?)
    }

    /// Lets go of what was kept long enough, and of what was given up, a part at a time. Gives whether there may be more.
    pub async fn tidy(&self) -> Result<bool, Refused> {
        let now = self.ambient.seconds();
        let (uploads, rehearsals) = (now - UPLOAD_SECONDS, now - REHEARSAL_DAYS * DAY_SECONDS);
        let (mut pace, _freeing) = (Pace::of(&self.store, 1), self.store.freeing());
        for acts in 0..TIDY_ACTS {
            let began = Instant::now();
            if !self.store.tidy_imports(uploads, rehearsals, now - REFUSED_DAYS * DAY_SECONDS).await? {
                if acts > 0 {
                    self.store.clone().shorten_log().await;
                }
                return Ok(false);
            }
            pace.rest(&self.store, began.elapsed()).await;
        }
        self.store.clone().shorten_log().await;
        Ok(true)
    }
}

fn mapping_of(said: Option<&str>, columns: &[String]) -> Mapping {
    said.and_then(Mapping::from_text).unwrap_or_else(|| Mapping::guess(columns))
}
