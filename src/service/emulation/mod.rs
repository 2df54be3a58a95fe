//! Worlds for tests: the same services over rows that can be emptied, filled and put back, with a clock and ids that repeat.
//! Only `patron emulate` has them.

mod clock;
mod worlds;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use super::customers::created;
use super::seed::SplitMix;
use super::{Ambient, Caller, IdOf, Refused, Services};
use crate::domain::{CustomerId, Draft, KeyId, SecretHash};
use crate::store::{self, Dump, Store};
use clock::Time;

pub use clock::{Clock, Move};
pub use worlds::Worlds;

/// How many snapshots a world keeps.
const SNAPSHOTS_MAX: usize = 32;
/// The ids of so many customers differ in their last four characters.
const IDS: u64 = 62_u64.pow(4);

/// A world of a test's: customers that only its key sees, a clock and a sequence of ids.
pub struct World {
    /// Its key.
    pub key: KeyId,
    /// What can be done in it, as everywhere.
    pub services: Arc<Services>,
    hands: Arc<Hands>,
    snapshots: Mutex<BTreeMap<String, Snapshot>>,
}

/// What a world's time and ids are read from.
struct Hands {
    system: Ambient,
    time: Mutex<Time>,
    customers: AtomicU64,
    requests: AtomicU64,
}

/// A world as it was.
#[derive(Clone)]
struct Snapshot {
    dump: Dump,
    time: Time,
    customers: u64,
}

/// A customer to be in a world from the start. What is absent is as if it were made now.
pub struct Seeded {
    /// Its id.
    pub id: Option<CustomerId>,
    /// When it was created, in Unix seconds.
    pub created_at: Option<i64>,
    /// All else.
    pub draft: Draft,
}

/// Why a world is as it was.
#[derive(Debug)]
pub enum NotDone {
    /// The customer at this place among those that were given is refused.
    Customer(usize, Refused),
    /// The customer at this place has the id of another before it.
    SameId(usize),
    /// There is no such snapshot.
    NoSnapshot,
    /// There are as many snapshots as there may be.
    TooManySnapshots(usize),
    /// There are as many worlds as there may be.
    TooManyWorlds(usize),
    /// No customer can be made at such a time: ids count from the first to the last of these seconds.
    OutOfTime(i64, i64),
    /// The store refused.
    Refused(Refused),
}

impl From<store::Error> for NotDone {
    fn from(error: store::Error) -> Self {
        Self::Refused(error.into())
    }
}

impl World {
    /// A world over a store, which goes on with ids behind what is there.
    async fn over(store: Store, key: KeyId, hash: &SecretHash) -> Result<Self, NotDone> {
        let known = store.revisions().await?;
        let hands = Arc::new(Hands {
            system: Ambient::of_system(),
            time: Mutex::default(),
            customers: AtomicU64::new(known),
            requests: AtomicU64::new(0),
        });
        let services = Services::new(store, Hands::ambient(&hands));
        services.verification.remember(&Worlds::secret(), hash);
        Ok(Self { key, services: Arc::new(services), hands, snapshots: Mutex::default() })
    }

    /// Forgets all customers, and what happened to whom; ids begin anew, and the clock runs with the machine's. Snapshots stay.
    pub async fn reset(&self) -> Result<(), NotDone> {
        self.services.store.replace(Vec::new()).await.map_err(not_replaced)?;
        self.services.access.forget_failures();
        self.hands.begin(Time::default(), 0);
        Ok(())
    }

    /// Has these customers, each with a history of one revision, and no others; or all stays as it was.
    pub async fn seed(&self, caller: &Caller, seeds: Vec<Seeded>) -> Result<(), NotDone> {
        let ambient = Hands::ambient(&self.hands);
        let count = seeds.len() as u64;
        // Ids for those that bring none come first in the sequence, as if they were made after a reset.
        let before = self.hands.customers.swap(0, Ordering::Relaxed);
        let edited = (0..).zip(seeds).map(|(place, Seeded { id, created_at, draft })| {
            let refused = |refused| NotDone::Customer(place, refused);
            let edit = draft.parse().map_err(|rejection| refused(Refused::Invalid(rejection)))?;
            let drawn = CustomerId::new(ambient.nanos(), ambient.customer_digits());
            let at = created_at.unwrap_or_else(|| ambient.seconds());
            created(caller, id.unwrap_or(drawn), at, &edit).map_err(refused)
        });
        let done = match edited.collect::<Result<Vec<_>, _>>() {
            Ok(edited) => {
                let ids: Vec<CustomerId> = edited.iter().map(|each| each.customer.id.clone()).collect();
                self.services.store.replace(edited).await.map_err(|error| match error {
                    store::Error::Refused((place, id)) if ids.get(place) == Some(&id) => NotDone::SameId(place),
                    store::Error::Refused((place, id)) => NotDone::Customer(place, Refused::Taken(id)),
                    other => not_replaced(other),
                })
            }
            Err(not_done) => Err(not_done),
        };
        self.hands.customers.store(if done.is_ok() { count } else { before }, Ordering::Relaxed);
        done
    }

    /// Keeps the world as it is under a name, in place of what had the name before. Gives how many customers are in it.
    pub async fn keep(&self, name: &str) -> Result<usize, NotDone> {
        let dump = self.services.store.dump().await?;
        let customers = dump.customers();
        let snapshot =
            Snapshot { dump, time: self.hands.time(), customers: self.hands.customers.load(Ordering::Relaxed) };
        let Ok(mut snapshots) = self.snapshots.lock() else { return Err(NotDone::Refused(Refused::Failed)) };
        if snapshots.len() >= SNAPSHOTS_MAX && !snapshots.contains_key(name) {
            return Err(NotDone::TooManySnapshots(SNAPSHOTS_MAX));
        }
        snapshots.insert(name.to_owned(), snapshot);
        Ok(customers)
    }

    /// Makes the world what it was: customers, histories, clock and the sequence of ids. Gives how many customers there are.
    pub async fn put_back(&self, name: &str) -> Result<usize, NotDone> {
        let kept = self.snapshots.lock().ok().and_then(|snapshots| snapshots.get(name).cloned());
        let Snapshot { dump, time, customers } = kept.ok_or(NotDone::NoSnapshot)?;
        let count = dump.customers();
        self.services.store.put_back(dump).await?;
        self.hands.begin(time, customers);
        Ok(count)
    }

    /// Forgets a snapshot.
    pub fn forget(&self, name: &str) -> Result<(), NotDone> {
        let gone = self.snapshots.lock().ok().and_then(|mut snapshots| snapshots.remove(name));
        gone.map(drop).ok_or(NotDone::NoSnapshot)
    }

    /// The snapshots by name, each with how many customers are in it.
    pub fn snapshots(&self) -> Vec<(String, usize)> {
        let Ok(snapshots) = self.snapshots.lock() else { return Vec::new() };
        snapshots.iter().map(|(name, snapshot)| (name.clone(), snapshot.dump.customers())).collect()
    }
}

fn not_replaced(error: store::Error<(usize, CustomerId)>) -> NotDone {
    NotDone::Refused(error.map_refused(|_| Refused::Failed).into())
}

impl Hands {
    fn ambient(this: &Arc<Self>) -> Ambient {
        let (clock, ids, random) = (this.clone(), this.clone(), this.system.clone());
        let now = move || clock.time().now((clock.system.now)());
        // What must be hard to guess stays so: sessions of people, and keys.
        Ambient::new(now, move |bytes| (random.random)(bytes)).with_ids(move |of, bytes| ids.fill(of, bytes))
    }

    fn time(&self) -> Time {
        self.time.lock().map(|time| *time).unwrap_or_default()
    }

    fn begin(&self, time: Time, customers: u64) {
        if let Ok(mut now) = self.time.lock() {
            *now = time;
        }
        self.customers.store(customers, Ordering::Relaxed);
        self.requests.store(0, Ordering::Relaxed);
    }

    /// The next of a sequence. Those of customers ascend, so that who was made later is listed first even where the clock
    /// stands.
    fn fill(&self, of: IdOf, bytes: &mut [u8]) {
        match of {
            IdOf::Customer => {
                let number = (self.customers.fetch_add(1, Ordering::Relaxed) + 1) % IDS;
                // The first digit of an id is the lowest of the number that it is made from.
                let turned = (0..4).fold(0, |turned, place| turned * 62 + number / 62_u64.pow(place) % 62);
                bytes.copy_from_slice(&turned.to_be_bytes());
            }
            IdOf::Request => {
                let mut random = SplitMix(self.requests.fetch_add(1, Ordering::Relaxed));
                bytes.fill_with(|| random.below(256) as u8);
            }
        }
    }
}

/// A number from 0 up to, but not, 1: the same for the same seed and place in its sequence, in every run.
pub fn fraction(seed: u64, place: u64) -> f64 {
    SplitMix(seed.rotate_left(32) ^ place).below(1 << 32) as f64 / (1_u64 << 32) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_ascend_and_repeat() {
        let hands = Arc::new(Hands {
            system: Ambient::of_system(),
            time: Mutex::default(),
            customers: AtomicU64::new(0),
            requests: AtomicU64::new(0),
        });
        let ambient = Hands::ambient(&hands);
        let draw = || {
            let ids: Vec<_> = (0..5_000).map(|_| CustomerId::new(0, ambient.customer_digits())).collect();
            let requests: Vec<_> = (0..100).map(|_| ambient.request_text(14)).collect();
            (ids, requests)
        };
        let (ids, requests) = draw();
        assert!(ids.is_sorted_by(|one, two| one.as_str() < two.as_str()));
        assert!(ids[0].as_str().ends_with("0001"), "{ids:?}");
        let different: std::collections::HashSet<_> = requests.iter().collect();
        assert_eq!(different.len(), 100);
        hands.begin(Time::default(), 0);
        assert_eq!(draw(), (ids, requests));
    }

    #[test]
    fn a_fraction_is_what_it_says() {
        let below = |bound: f64| (0..10_000).filter(|place| fraction(7, *place) < bound).count();
        assert!((2_800..3_200).contains(&below(0.3)), "{}", below(0.3));
        assert_eq!((below(0.0), below(1.0)), (0, 10_000));
    }
}
