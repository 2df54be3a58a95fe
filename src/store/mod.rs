//! What can be asked of the records, whatever keeps them: one operation an act, each one transaction.
//!
//! An answer from an operation that writes means that the write is on the disk, through a power cut.

mod imports;
pub mod sqlite;

use std::convert::Infallible;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::IpAddr;
use std::path::PathBuf;

use crate::domain::{
    Customer, CustomerId, Edited, Erasure, Grant, KeyId, Mode, Query, RequestNumber, RequestRecord, Revision,
    SecretHash, StaffId,
};

pub use imports::{
    About, Batch, Complained, DecideRow, Elsewhere, ImportHappened, Judged, NewImport, NewRow, Plan, Planned, RowAbout,
    RowsOf, Stamp, Withdrawn,
};
pub use sqlite::{
    Ahead, BackupFolder, Checked, Copied, Copying, Disk, Dump, Examined, Freeing, KeptBackup, Looking, NewFiles,
    NoRoom, NotCopied, Output, Partial, Progress, REINDEX, Restored, Stop, Store, Unusable, Use, back_up_as_it_is,
    is_of_index, is_plain_copy, look_ahead, rehearse, restore,
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

/// Which customers of a mode to list. Absent: not asked for.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Created in this span.
    pub span: Span,
    /// With this email, by [`crate::domain::Email::key`].
    pub email_key: Option<String>,
    /// With this contact, verbatim.
    pub contact: Option<String>,
}

/// A person in the list of staff.
#[derive(Clone, Debug)]
pub struct StaffListed {
    /// The person.
    pub staff: crate::domain::Staff,
    /// How many live sessions they have.
    pub sessions: u64,
    /// Their last request, in Unix seconds.
    pub seen_at: Option<i64>,
    /// Until when the link works that they were given, in Unix seconds.
    pub link_ends_at: Option<i64>,
}

/// What becomes of a person's sessions when the person is changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sessions {
    /// They go on.
    Keep,
    /// All end but this one, if one is named by its hash.
    EndBut(Option<String>),
}

/// Which requests of a mode to list.
#[derive(Clone, Debug, Default)]
pub struct RequestFilter {
    /// With these statuses, if not any.
    pub status: Option<std::ops::RangeInclusive<u16>>,
    /// Of whom.
    pub of: Asking,
}

/// Who sent a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Asking {
    /// Anybody.
    #[default]
    Anybody,
    /// Who sent the id of this key.
    Key(KeyId),
    /// Who sent the id of no key that there is.
    Unknown,
}

/// Where a page of a long list lies, whose newest comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cursor {
    /// At the newest.
    Newest,
    /// Next to this one, older.
    Before(RequestNumber),
    /// Next to this one, newer.
    After(RequestNumber),
}

/// A request in a list.
#[derive(Clone, Debug)]
pub struct RequestListed {
    /// The request.
    pub record: RequestRecord,
    /// The mode that its customer is in, where there is that customer.
    pub customer_mode: Option<Mode>,
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

/// A part of a long list.
#[derive(Clone, Copy, Debug)]
pub struct Slice {
    /// How many items at most.
    pub count: u64,
    /// How many to leave out first.
    pub skip: u64,
}

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

/// Where a page of a list begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// At the newest.
    Newest,
    /// After this customer, on the way to the eldest.
    OlderThan(CustomerId),
    /// Before this customer: the page that ends just above it.
    NewerThan(CustomerId),
}

/// When customers were created, in Unix seconds, both ends included. Absent: no end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// At this second or later.
    pub from: Option<i64>,
    /// At this second or earlier.
    pub to: Option<i64>,
}

/// Where a walk through a list goes on, whoever has come, changed or gone meanwhile: the customer who stood there last, gone
/// or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bookmark {
    created_at: i64,
    id: CustomerId,
    number: i64,
}

/// Which customers of a mode to walk through.
#[derive(Clone, Debug)]
pub enum Walk {
    /// Those created in this span, newest first.
    Created(Span),
    /// Those that match, the last added first.
    Matching(Query),
}

/// Some of a list, newest first whichever way one came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The customers, as many as were asked for or as there are.
    pub items: Vec<Listed>,
    /// Whether there are more before the first. Where one came from there, the customer that one came from is.
    pub newer: bool,
    /// Whether there are more after the last, in the same way.
    pub older: bool,
}

/// A customer in a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// As it stands.
    pub customer: Customer,
    /// When its last revision was made, in Unix seconds.
    pub edited_at: i64,
}

/// All that is held on a customer.
#[derive(Clone, Debug)]
pub struct Held {
    /// The record.
    pub customer: Customer,
    /// Its whole history, newest first.
    pub revisions: Vec<Revision>,
    /// What is remembered of requests that name the customer, newest first.
    pub requests: Vec<RequestRecord>,
    /// Whether the index of the search has the record.
    pub in_search: bool,
}

/// A copy of the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptCopy {
    /// Where it is.
    pub path: PathBuf,
    /// How it goes.
    pub leaves: Leaves,
}

/// How a copy of the database goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leaves {
    /// The server removes it about then, in Unix seconds, if backups go on as they are set.
    About(i64),
    /// Somebody removes it.
    ByHand,
}

/// A backup that was made and found whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backup {
    /// When it was begun, in Unix seconds.
    pub at: i64,
    /// Where it was put.
    pub path: PathBuf,
    /// What was found in it.
    pub copied: Copied,
}

/// A backup that was to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedBackup {
    /// When it failed, in Unix seconds.
    pub at: i64,
    /// Where it was to be put.
    pub path: PathBuf,
    /// Why, in a sentence.
    pub why: String,
}
