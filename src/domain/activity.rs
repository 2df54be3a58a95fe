//! The activity of a mode: edits, erasures and imports, newest first, and counts by day.

use super::{Customer, Erasure, ImportHappened, KeyId, Revision, StaffId};

/// A filter of edits: of this actor, from this source, between these Unix seconds.
#[derive(Clone, Debug, Default)]
pub struct ActivityFilter {
    pub actor: Option<ActorFilter>,
    pub door: Option<Door>,
    pub from: Option<i64>,
    pub to: Option<i64>,
}

/// One actor, whatever its name was. Commands have no id: their source finds them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ActorFilter {
    Key(KeyId),
    Staff(StaffId),
}

/// The source of an edit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    Console,
    Api,
    CommandLine,
}

/// An event in the list of what happened.
#[derive(Clone, Debug)]
pub enum Happened {
    /// A customer was created or edited; with the customer as it is.
    Edited(Box<(Revision, Customer)>),
    Erased(Erasure),
    /// An import was applied, undone or redone.
    Imported(ImportHappened),
}

/// A page of events, newest first.
#[derive(Clone, Debug)]
pub struct ActivityPage {
    pub items: Vec<Happened>,
    /// Where the next page begins.
    pub next: Option<i64>,
    /// The time of the oldest edit that was read, where the page ends because the limit of edits to read is reached.
    pub searched_to: Option<i64>,
}

/// The counts of a day in UTC, in a mode.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Day {
    /// Days since 1970.
    pub day: i64,
    pub made: u64,
    pub edited: u64,
    pub requests: u64,
    /// Requests answered with a status of 500 or above.
    pub failed: u64,
    /// Requests whose credentials were refused.
    pub refused: u64,
}
