//! What can be done, whoever asks. Owns decisions, time and ids; knows neither HTTP nor SQL.

pub mod access;
mod ambient;
mod background;
pub mod backups;
pub mod customers;
pub mod doctor;
pub mod emulation;
pub mod erasures;
mod failures;
mod fair_slots;
pub mod figures;
mod hashing;
pub mod health;
mod history;
pub mod house;
pub mod imports;
mod leaving;
mod pace;
mod reindex;
pub mod requests;
pub mod room;
mod seed;
pub mod staff;
mod token;
mod uses;
mod verification;

use std::sync::Arc;

use crate::domain::{Actor, CheckProgress, CheckReport, CustomerId, Grant, Mode, NoRoom, Rejection, RequestNumber};
use crate::metrics::{Metrics, Standing};
use crate::store::{self, Lane, Requester, Store};
use ambient::IdOf;
use background::{Background, Chore};
use room::Room;
use verification::Verification;

pub use access::{Access, Admission, KeyRefused, NotAdmitted, OldSecret};
pub use ambient::Ambient;
pub use backups::{Backups, LastBackups, Schedule, back_up_as_it_is, restore, try_upgrade};
pub use customers::{Customers, IfTaken, Precondition};
pub use emulation::{Clock, Move, NotDone, Seeded, World, Worlds};
pub use erasures::{BeforeErasure, Erased, Erasures, Export, NotErased};
pub use failures::network;
pub use health::Health;
pub use house::{Counts, House, ModeCounts};
pub use imports::{ImportedRow, Imports, Moving, NotImported, Pulling, Receiving, Waits, Work};
pub use leaving::Leaving;
pub use requests::Requests;
pub use room::KeepFree;
pub use seed::Seed;
pub use staff::{Browser, SignedIn, StaffDesk, StaffRefused};
pub use token::Token;
pub use uses::LastUse;

/// The seconds of a day.
const DAY_SECONDS: i64 = 24 * 60 * 60;

/// Everything that can be done, over one store.
pub struct Services {
    /// What can be done with customers.
    pub customers: Customers,
    /// Keys: who may do it.
    pub access: Arc<Access>,
    /// People: who may sign in, and who has.
    pub staff: StaffDesk,
    /// What is remembered of API requests.
    pub requests: Arc<Requests>,
    /// How things stand.
    pub house: Arc<House>,
    /// Whether reads and writes are possible now.
    pub health: Health,
    /// Copies of everything, for the day when it is needed.
    pub backups: Arc<Backups>,
    /// What is held on a person, and its end.
    pub erasures: Arc<Erasures>,
    /// Files of customers that come in.
    pub imports: Arc<Imports>,
    /// What is counted.
    pub counts: Arc<Metrics>,
    verification: Arc<Verification>,
    background: Background,
    examining: tokio::sync::Mutex<()>,
    room: Arc<Room>,
    ambient: Ambient,
    store: Arc<Store>,
}

impl Services {
    /// The services over a store.
    pub fn new(store: Store, ambient: Ambient) -> Self {
        Self::keeping_free(store, ambient, KeepFree::default())
    }

    /// The services over a store on whose disk so much stays free.
    pub fn keeping_free(store: Store, ambient: Ambient, keep: KeepFree) -> Self {
        let store = Arc::new(store);
        let room = Arc::new(Room::new(store.clone(), keep));
        let counts = store.metrics();
        let verification = Arc::new(Verification::new(&ambient, counts.clone()));
        Self {
            customers: Customers::new(store.clone(), ambient.clone()),
            access: Arc::new(Access::new(store.clone(), ambient.clone(), verification.clone())),
            staff: StaffDesk::new(store.clone(), ambient.clone(), verification.clone()),
            requests: Arc::new(Requests::new(store.clone(), ambient.clone())),
            house: Arc::new(House::new(store.clone(), ambient.clone())),
            health: Health::new(store.clone()),
            backups: Arc::new(Backups::new(store.clone(), room.clone(), ambient.clone())),
            erasures: Arc::new(Erasures::new(store.clone(), ambient.clone())),
            imports: Arc::new(Imports::new(store.clone(), room.clone(), ambient.clone())),
            counts,
            verification: verification.clone(),
            background: Background::default(),
            examining: tokio::sync::Mutex::default(),
            room,
            ambient,
            store,
        }
    }

    /// The time, in Unix seconds: so that what is shown is as far off as what is done.
    pub fn now(&self) -> i64 {
        self.ambient.seconds()
    }

    /// An id for a request that brought none.
    pub fn request_id(&self) -> String {
        format!("req_{}", self.ambient.request_text(14))
    }

    /// Opens what this thread reads with.
    pub fn open_reader(&self) -> Result<(), Refused> {
        Ok(self.store.open_reader()?)
    }

    /// Holds the whole file against itself. Slow; `progress` is told how it goes.
    pub async fn check(&self, progress: impl Fn(CheckProgress) + Send + 'static) -> Result<CheckReport, Refused> {
        self.store.check(progress).await.map_err(Refused::from)
    }

    /// Feeds the search with the next revisions, at most so many; gives whether there may be more. A server does so by
    /// itself, and what is not fed is found all the same, only more slowly.
    pub async fn feed_search(&self, count: u64) -> Result<bool, Refused> {
        self.store.feed_search(count).await.map_err(Refused::from)
    }

    /// Starts what a server does beside its requests. Only the process that serves the file does it.
    pub fn start(&self) -> std::io::Result<()> {
        self.store.keep_reserve();
        self.background.start(Arc::new(self.chores()))
    }

    /// What is counted and how things stand, in the text format of OpenMetrics 1.0.
    pub async fn metrics(&self) -> Result<String, Refused> {
        let LastBackups { verified, failed } = self.backups.last().await?;
        let (database_bytes, log_bytes) = self.store.sizes();
        let standing = Standing {
            queue: self.store.queue_len(),
            database_bytes,
            log_bytes,
            backup_at: verified.map(|backup| backup.at),
            backup_fails: failed.is_some(),
            remembered: self.verification.len(),
        };
        self.counts.text(standing).map_err(|error| {
            tracing::error!(%error, "the metrics could not be written");
            Refused::Failed
        })
    }

    /// Does at once all that is done beside requests.
    pub async fn flush(&self) {
        self.chores().run(true).await;
    }

    fn chores(&self) -> Chores {
        Chores {
            requests: self.requests.clone(),
            access: self.access.clone(),
            house: self.house.clone(),
            erasures: self.erasures.clone(),
            imports: self.imports.clone(),
            store: self.store.clone(),
        }
    }

    /// Finishes what is queued and takes nothing more.
    pub fn close(&self) {
        self.backups.close();
        self.background.close();
        self.store.close();
    }
}

/// What is done beside requests.
struct Chores {
    requests: Arc<Requests>,
    access: Arc<Access>,
    house: Arc<House>,
    erasures: Arc<Erasures>,
    imports: Arc<Imports>,
    store: Arc<Store>,
}

impl Chore for Chores {
    async fn run(&self, slow: bool) {
        self.requests.flush().await;
        self.access.flush_uses().await;
        if slow {
            // Failures are in the log, and the counts of before stay.
            let _ = self.house.count().await;
            self.erasures.keep_waiting().await;
            let _ = self.imports.tidy().await;
            self.store.keep_reserve();
        }
    }
}

/// Who asks, admitted to a mode.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The world that the caller sees.
    pub mode: Mode,
    /// Who the history says it was.
    pub actor: Actor,
    /// The request that this is, where it is one.
    pub request_id: Option<String>,
    /// That request's own number.
    pub request: Option<RequestNumber>,
    /// The credentials that it was admitted with. A command needs none.
    pub grant: Option<Grant>,
}

impl Caller {
    /// Each key and each person has a lane of its own. Commands have the file to themselves.
    fn requester(&self) -> Requester {
        let lane = match &self.actor {
            Actor::Key { id, .. } => Lane::of(id.as_str()),
            Actor::Staff { id, .. } => Lane::of(id.as_str()),
            Actor::Command { .. } => Lane::HOUSE,
        };
        Requester { lane, grant: self.grant.clone() }
    }
}

/// Why nothing happened.
#[derive(Clone, Debug)]
pub enum Refused {
    /// Rules are broken.
    Invalid(Rejection),
    /// There is no such customer in the caller's mode.
    NotFound,
    /// The pair of email and contact belongs to this customer.
    Taken(CustomerId),
    /// The credentials were revoked, or lost a role, after the request was admitted.
    Revoked,
    /// The precondition does not hold; this is the customer as it is.
    Conflict(Box<crate::domain::Customer>),
    /// Not now, but soon.
    Busy,
    /// Not now: the disk is full.
    Full,
    /// It would leave less than what stays free on the disk.
    NoRoom(NoRoom),
    /// Our own failure. Its cause is in the log.
    Failed,
}

impl From<store::Error<Refused>> for Refused {
    fn from(error: store::Error<Refused>) -> Self {
        match error {
            store::Error::Missing => Self::NotFound,
            store::Error::Revoked => Self::Revoked,
            store::Error::Taken(id) => Self::Taken(id),
            store::Error::Refused(refused) => refused,
            store::Error::Busy | store::Error::Unwritable(_) => Self::Busy,
            store::Error::Full => Self::Full,
            store::Error::Lost => Self::Failed,
            store::Error::Failed(cause) | store::Error::Damaged(cause) => {
                tracing::error!(cause, "an operation failed");
                Self::Failed
            }
        }
    }
}

impl From<store::Error> for Refused {
    fn from(error: store::Error) -> Self {
        error.map_refused(|never| -> Self { match never {} }).into()
    }
}
