//! What can be asked of the records, whatever keeps them: one operation an act, each one transaction.
//!
//! An answer from an operation that writes means that the write is on the disk, through a power cut.

pub mod sqlite;

use std::convert::Infallible;

use crate::domain::{CustomerId, Edited};

pub use sqlite::{Checked, Progress, Store, Unusable, Use};

/// What becomes of one customer, decided by whoever asks, given the row as it stands: new values and the revision that
/// says so, or `None` for nothing. Pure: it may be called again after a lost race.
pub trait Decide<R>: Fn(&crate::domain::Customer) -> Result<Option<Edited>, R> + Send + 'static {}

impl<R, F: Fn(&crate::domain::Customer) -> Result<Option<Edited>, R> + Send + 'static> Decide<R> for F {}

/// Why an operation did nothing. `R` is the refusal of the decision it was given.
#[derive(Debug, PartialEq, Eq)]
pub enum Error<R = Infallible> {
    /// There is no such row.
    Missing,
    /// The pair of email and contact belongs to this customer.
    Taken(CustomerId),
    /// The decision refused.
    Refused(R),
    /// Not now: the queue is full, somebody else writes for too long, or the store is closing.
    Busy,
    /// Not now: the disk is full.
    Full,
    /// It should not have happened; this is why, for the log.
    Failed(String),
    /// It failed together with others, and the log has the cause already.
    Lost,
}

impl<R> Error<R> {
    /// The same error, with its refusal as another type.
    pub fn map_refused<S>(self, map: impl FnOnce(R) -> S) -> Error<S> {
        match self {
            Self::Missing => Error::Missing,
            Self::Taken(id) => Error::Taken(id),
            Self::Refused(refused) => Error::Refused(map(refused)),
            Self::Busy => Error::Busy,
            Self::Full => Error::Full,
            Self::Lost => Error::Lost,
            Self::Failed(cause) => Error::Failed(cause),
        }
    }
}

/// Which customers of a mode to list. Absent: not asked for.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Created at this Unix second or later.
    pub from: Option<i64>,
    /// Created at this Unix second or earlier.
    pub to: Option<i64>,
    /// With this email, by [`crate::domain::Email::key`].
    pub email_key: Option<String>,
    /// With this contact, verbatim.
    pub contact: Option<String>,
}

/// A part of a long list.
#[derive(Clone, Copy, Debug)]
pub struct Slice {
    /// How many items at most.
    pub count: u64,
    /// How many to leave out first.
    pub skip: u64,
}
