//! What happened in a mode: edits, erasures and imports, newest first, and counts by day.

use super::{Customer, Erasure, ImportHappened, KeyId, Revision, StaffId};

/// Which edits to look for. Absent: not asked for.
#[derive(Clone, Debug, Default)]
pub struct ActivityFilter {
    /// Asked for by this actor.
    pub actor: Option<ActorFilter>,
    /// That came in by this door.
    pub door: Option<Door>,
    /// At this Unix second or later.
    pub from: Option<i64>,
    /// At this Unix second or earlier.
    pub to: Option<i64>,
}

/// One actor, whatever it was called at the time. Commands have no id: their door finds them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ActorFilter {
    /// An application.
    Key(KeyId),
    /// A person.
    Staff(StaffId),
}

/// Where an edit came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// The pages, where staff edit.
    Console,
    /// The API, with a key.
    Api,
    /// A command on the machine.
    CommandLine,
}

/// What happened to a customer.
#[derive(Clone, Debug)]
pub enum Happened {
    /// They were made or edited; with the customer as it stands.
    Edited(Box<(Revision, Customer)>),
    /// They were erased.
    Erased(Erasure),
    /// An import of many was applied, undone or redone.
    Imported(ImportHappened),
}

/// What happened to many customers, newest first.
#[derive(Clone, Debug)]
pub struct ActivityPage {
    /// Each edit and each erasure.
    pub items: Vec<Happened>,
    /// Where to go on; `None` where nothing is left to look at.
    pub next: Option<i64>,
    /// Where the search stopped for having looked at enough, not for having found enough: the time of the eldest edit of
    /// the mode that it looked at, if there was one.
    pub searched_to: Option<i64>,
}

/// What happened on a day in a mode, in UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Day {
    /// Days since 1970.
    pub day: i64,
    /// Customers made.
    pub made: u64,
    /// Edits of customers.
    pub edited: u64,
    /// API requests.
    pub requests: u64,
    /// Those of them that failed by our fault.
    pub failed: u64,
    /// Those of them whose credentials were refused.
    pub refused: u64,
}
