//! What can be asked of the records, whatever keeps them: one operation an act, each one transaction.
//!
//! An answer from an operation that writes means that the write is on the disk, through a power cut.

mod imports;
pub mod sqlite;

use std::convert::Infallible;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::IpAddr;

use crate::domain::{Customer, CustomerId, Edited, Grant, KeyId, SecretHash};

pub use imports::{
    About, Batch, Complained, DecideRow, Elsewhere, Judged, NewImport, NewRow, NotWritten, Plan, Planned, Reverse,
    ReverseWrite, RowAbout,
};
pub use sqlite::{
    Ahead, BackupFolder, Disk, Dump, Examined, Freeing, ImportLookup, KeptBackup, NewFiles, Output, Partial, Stop,
    Store, Unusable, Use, back_up_as_it_is, is_plain_copy, look_ahead, rehearse, restore,
};

/// What becomes of one customer, decided by whoever asks, given the row as it stands: new values and the revision that
/// says so, or `None` for nothing. Pure: it may be called again after a lost race.
pub trait Decide<R>: Fn(&Customer) -> Result<Option<Edited>, R> + Send + 'static {}

impl<R, F: Fn(&Customer) -> Result<Option<Edited>, R> + Send + 'static> Decide<R> for F {}

/// Whose an act or a slow question is. Where there is much to do, lanes take turns: whoever asks for much waits for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Lane(u64);

impl Lane {
    /// Of what nobody in particular asked for.
    pub const HOUSE: Self = Self(0);

    /// Of somebody, by what they are called.
    pub fn of(name: &str) -> Self {
        let mut hasher = DefaultHasher::new();
        name.hash(&mut hasher);
        Self(hasher.finish())
    }
}

/// Who asks for an operation: the lane that it waits in, and the credentials that it rests on, if any.
#[derive(Clone, Debug)]
pub struct Requester {
    /// The share of the queues that it has.
    pub lane: Lane,
    /// Checked again in the transaction that acts, and at each page of a long answer.
    pub grant: Option<Grant>,
}

impl Requester {
    /// The server itself, or a command.
    pub const HOUSE: Self = Self { lane: Lane::HOUSE, grant: None };
}

/// Why an operation did nothing. `R` is the refusal of the decision it was given.
#[derive(Debug, PartialEq, Eq)]
pub enum Error<R = Infallible> {
    /// There is no such row.
    Missing,
    /// The pair of email and contact belongs to this customer.
    Taken(CustomerId),
    /// The decision refused.
    Refused(R),
    /// The credentials that it rests on were revoked, or lost a role, after it was admitted.
    Revoked,
    /// Not now: the queue is full, somebody else writes for too long, or the store is closing.
    Busy,
    /// Not now: the disk is full.
    Full,
    /// Not now: the file cannot be written, for this reason, which may go away.
    Unwritable(String),
    /// It should not have happened; this is why, for the log.
    Failed(String),
    /// The same, since the file is damaged.
    Damaged(String),
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
            Self::Revoked => Error::Revoked,
            Self::Busy => Error::Busy,
            Self::Full => Error::Full,
            Self::Unwritable(cause) => Error::Unwritable(cause),
            Self::Lost => Error::Lost,
            Self::Failed(cause) => Error::Failed(cause),
            Self::Damaged(cause) => Error::Damaged(cause),
        }
    }
}

/// What becomes of a person's sessions when the person is changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sessions {
    /// They go on.
    Keep,
    /// All end but this one, if one is named by its hash.
    EndBut(Option<String>),
}

/// When a secret was last used.
#[derive(Clone, Debug)]
pub struct KeyUse {
    /// The secret's key.
    pub key: KeyId,
    /// Whether it is the secret before the present one.
    pub is_previous: bool,
    /// In Unix seconds.
    pub used_at: i64,
}

/// The last use of a secret, to be stored.
#[derive(Clone, Debug)]
pub struct SecretUse {
    /// The secret's key.
    pub key: KeyId,
    /// The secret's hash.
    pub secret: SecretHash,
    /// In Unix seconds.
    pub at: i64,
    /// The network that it came from: the first address of a /24 or a /48.
    pub network: IpAddr,
}
