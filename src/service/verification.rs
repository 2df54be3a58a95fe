//! Verifying a secret against its hash costs some 20 ms and 19 MiB on purpose. So it is done once, then remembered; the same
//! question from many at once is asked once; and few are asked at a time.

use std::collections::HashMap;
use std::future::Future;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use blake2::Blake2bMac512;
use blake2::digest::{FixedOutput, Mac};
use lru::LruCache;
use tokio::sync::{OnceCell, OwnedSemaphorePermit, Semaphore};

use super::Ambient;
use crate::domain::{Secret, SecretHash};
use crate::metrics::Metrics;

/// argon2id with 19 MiB, 2 passes and 1 lane: OWASP's recommendation for password storage.
const PARAMS: (u32, u32, u32) = (19_456, 2, 1);
/// How many verifications run at once: what bounds their memory and the cores they take.
const SLOTS: usize = 2;
/// How many of those may be for nothing: for an id that is not there, so that it costs as much as a wrong secret.
const DUMMY_SLOTS: usize = 1;
/// How many may be of people who sign in, whether there is such a person or not. They wait for one another, so that nobody
/// can tell from how long many at once take, and those of applications wait for one of them at most.
const DOOR_SLOTS: usize = 1;
/// How long one waits for a slot before it is told to come back.
const WAIT_MAX: Duration = Duration::from_secs(2);
/// How many wait for a slot: as many as get one in that time. Past it they are told at once.
const WAITING_MAX: usize = 256;
/// How many successes are remembered.
const REMEMBERED_MAX: NonZeroUsize = NonZeroUsize::new(4_096).unwrap();

/// All slots were taken for too long.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Crowded;

/// A computation under way: the hash that matches, if any does.
pub(super) trait Computing: Future<Output = Result<Option<SecretHash>, Crowded>> + Send + 'static {}

impl<F: Future<Output = Result<Option<SecretHash>, Crowded>> + Send + 'static> Computing for F {}

type Digest = [u8; 64];

/// Verifies secrets, each once.
pub(super) struct Verification {
    /// Known to this process alone, so that a digest says nothing to anybody else.
    key: [u8; 32],
    /// Digests of a secret together with the stored hash that it matched. Only successes: a wrong guess pushes out nothing.
    remembered: Mutex<LruCache<Digest, ()>>,
    under_way: Mutex<HashMap<Digest, Weak<OnceCell<Option<SecretHash>>>>>,
    slots: Arc<Slots>,
    dummy_slots: Arc<Slots>,
    door_slots: Arc<Slots>,
    counts: Arc<Metrics>,
}

impl Verification {
    pub(super) fn new(ambient: &Ambient, counts: Arc<Metrics>) -> Self {
        Self {
            key: ambient.random_bytes(),
            remembered: Mutex::new(LruCache::new(REMEMBERED_MAX)),
            under_way: Mutex::default(),
            slots: Slots::new(SLOTS),
            dummy_slots: Slots::new(DUMMY_SLOTS),
            door_slots: Slots::new(DOOR_SLOTS),
            counts,
        }
    }

    /// Whether this secret was found to match this hash before.
    pub(super) fn remembers(&self, secret: &Secret, hash: &SecretHash) -> bool {
        let digest = self.digest(secret, hash);
        let remembers = self.remembered.lock().is_ok_and(|mut remembered| remembered.get(&digest).is_some());
        if remembers {
            self.counts.remembered_verification();
        }
        remembers
    }

    /// How many secrets are remembered.
    pub(super) fn len(&self) -> usize {
        self.remembered.lock().map_or(0, |remembered| remembered.len())
    }

    /// Which of a key's hashes a secret matches. Of many that ask the same at once, one computes it (by calling
    /// [`Verification::learn`], after whatever else must be settled first) and all get its answer. It is computed to its end
    /// even where nobody waits for it any more, so that whoever gave up and asks again finds it done or under way.
    pub(super) async fn verify<E: Send + 'static, Computed: Future<Output = Result<Option<SecretHash>, E>> + Send>(
        &self,
        secret: &Secret,
        newest: &SecretHash,
        compute: impl FnOnce() -> Computed + Send + 'static,
    ) -> Result<Option<SecretHash>, E> {
        let question = self.question(self.digest(secret, newest));
        let asked = tokio::spawn(async move { question.get_or_try_init(compute).await.cloned() });
        asked.await.unwrap_or(Ok(None))
    }

    /// Which of these hashes the secret matches, remembered where there is one. Whoever computes may do so where nobody waits
    /// for it any more, here and below.
    pub(super) fn learn(self: &Arc<Self>, secret: Secret, hashes: Vec<SecretHash>) -> impl Computing + use<> {
        let this = self.clone();
        async move {
            let matched = this.compute(secret.clone(), hashes).await?;
            if let Some(hash) = &matched {
                this.remember(&secret, hash);
            }
            Ok(matched)
        }
    }

    /// Remembers that a secret matches a hash.
    pub(super) fn remember(&self, secret: &Secret, hash: &SecretHash) {
        if let Ok(mut remembered) = self.remembered.lock() {
            remembered.put(self.digest(secret, hash), ());
        }
    }

    /// Which of these hashes the secret matches. Always slow.
    pub(super) fn compute(&self, secret: Secret, hashes: Vec<SecretHash>) -> impl Computing + use<> {
        let (slots, counts) = (self.slots.clone(), self.counts.clone());
        async move {
            let slot = slots.take().await?;
            counts.hashed_verification();
            compute_apart(secret, hashes, slot).await
        }
    }

    /// Takes the time of a verification that fails, and fails.
    pub(super) fn compute_nothing(&self, secret: Secret) -> impl Computing + use<> {
        let (slots, dummy_slots, counts) = (self.slots.clone(), self.dummy_slots.clone(), self.counts.clone());
        async move {
            let dummy_slot = dummy_slots.take().await?;
            let slot = slots.take().await?;
            counts.hashed_verification();
            compute_apart(secret, vec![dummy()], (slot, dummy_slot)).await
        }
    }

    /// Whether the password of somebody who signs in matches their hash, if there is one. In every step the same where there
    /// is none.
    pub(super) fn compute_at_door(&self, password: Secret, hash: Option<SecretHash>) -> impl Computing + use<> {
        let (slots, door_slots, counts) = (self.slots.clone(), self.door_slots.clone(), self.counts.clone());
        async move {
            let door_slot = door_slots.take().await?;
            let slot = slots.take().await?;
            counts.hashed_verification();
            compute_apart(password, vec![hash.unwrap_or_else(dummy)], (slot, door_slot)).await
        }
    }

    /// Hashes a password that somebody chose, or a key's new secret, in a slot. Waits as long as it takes: it is rare, and
    /// asked for on purpose.
    pub(super) async fn hash(&self, secret: Secret, salt: [u8; 16]) -> SecretHash {
        let slot = self.slots.free.clone().acquire_owned().await;
        let work = move || {
            let hash = hash(&secret, &salt);
            drop(slot);
            hash
        };
        tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| dummy())
    }

    /// The question that others may be asking at the same time.
    fn question(&self, digest: Digest) -> Arc<OnceCell<Option<SecretHash>>> {
        let Ok(mut under_way) = self.under_way.lock() else { return Arc::default() };
        if let Some(question) = under_way.get(&digest).and_then(Weak::upgrade) {
            return question;
        }
        under_way.retain(|_, question| question.strong_count() > 0);
        let question = Arc::default();
        under_way.insert(digest, Arc::downgrade(&question));
        question
    }

    fn digest(&self, secret: &Secret, hash: &SecretHash) -> Digest {
        let mac = Blake2bMac512::new_from_slice(&self.key);
        let mut mac = mac.expect("32 bytes are a key for BLAKE2b");
        // The hash holds no NUL, so nothing else gives the same bytes.
        mac.update(hash.as_str().as_bytes());
        mac.update(b"\0");
        mac.update(secret.reveal().as_bytes());
        mac.finalize_fixed().into()
    }
}

/// Off the async threads. The slots are given back when the work is done, even where nobody waits for it any more.
async fn compute_apart(
    secret: Secret,
    hashes: Vec<SecretHash>,
    slots: impl Send + 'static,
) -> Result<Option<SecretHash>, Crowded> {
    let work = move || {
        let matched = hashes.into_iter().find(|hash| matches(&secret, hash));
        drop(slots);
        matched
    };
    Ok(tokio::task::spawn_blocking(work).await.unwrap_or(None))
}

/// Slots, and places to wait for one.
struct Slots {
    free: Arc<Semaphore>,
    places: Semaphore,
}

impl Slots {
    fn new(count: usize) -> Arc<Self> {
        Arc::new(Self { free: Arc::new(Semaphore::new(count)), places: Semaphore::new(WAITING_MAX) })
    }

    async fn take(&self) -> Result<OwnedSemaphorePermit, Crowded> {
        let _place = self.places.try_acquire().map_err(|_| Crowded)?;
        let slot = tokio::time::timeout(WAIT_MAX, self.free.clone().acquire_owned()).await;
        slot.ok().and_then(Result::ok).ok_or(Crowded)
    }
}

fn argon2id() -> Argon2<'static> {
    let (memory, passes, lanes) = PARAMS;
    let params = Params::new(memory, passes, lanes, None).expect("the parameters are within argon2's limits");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

/// Hashes a secret with a random salt. Slow.
fn hash(secret: &Secret, salt: &[u8; 16]) -> SecretHash {
    let salt = SaltString::encode_b64(salt).expect("16 bytes are a salt");
    let hash = argon2id().hash_password(secret.reveal().as_bytes(), &salt).expect("the parameters are argon2's own");
    SecretHash::new(hash.to_string())
}

pub(super) fn matches(secret: &Secret, hash: &SecretHash) -> bool {
    PasswordHash::new(hash.as_str())
        .is_ok_and(|hash| argon2id().verify_password(secret.reveal().as_bytes(), &hash).is_ok())
}

/// A well-formed hash that no secret is known to match: its output is all zeros. Made without hashing, since every start
/// would pay for it.
fn dummy() -> SecretHash {
    let (memory, passes, lanes) = PARAMS;
    let (salt, output) = ("A".repeat(22), "A".repeat(43));
    SecretHash::new(format!("$argon2id$v=19$m={memory},t={passes},p={lanes}${salt}${output}"))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use futures_util::FutureExt;

    use super::*;

    fn verification() -> (Arc<Verification>, Secret, SecretHash) {
        let secret = Secret::given("correct horse battery st".into());
        let hash = hash(&secret, &[7; 16]);
        (Arc::new(Verification::new(&Ambient::of_system(), Arc::default())), secret, hash)
    }

    async fn verify(verification: &Arc<Verification>, secret: &Secret, hash: &SecretHash) -> Result<bool, Crowded> {
        let learned = verification.learn(secret.clone(), vec![hash.clone()]);
        Ok(verification.verify(secret, hash, || learned).await?.is_some())
    }

    #[tokio::test]
    async fn a_success_is_remembered_for_this_secret_and_this_hash() {
        let (verification, secret, hash) = verification();
        assert!(hash.as_str().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert!(!verification.remembers(&secret, &hash));
        assert_eq!(verify(&verification, &secret, &hash).await, Ok(true));
        assert!(verification.remembers(&secret, &hash));
        assert!(!verification.remembers(&secret, &super::hash(&secret, &[8; 16])));
        assert!(!verification.remembers(&Secret::given("wrong".into()), &hash));
    }

    #[tokio::test]
    async fn a_failure_is_not_remembered() {
        let (verification, _, hash) = verification();
        let wrong = Secret::given("wrong".into());
        assert_eq!(verify(&verification, &wrong, &hash).await, Ok(false));
        assert!(!verification.remembers(&wrong, &hash));
    }

    #[tokio::test]
    async fn the_same_question_from_many_is_computed_once() {
        let (verification, secret, hash) = verification();
        let computed = Arc::new(AtomicU32::new(0));
        let ask = || {
            let (computed, learned) = (computed.clone(), verification.learn(secret.clone(), vec![hash.clone()]));
            verification.verify(&secret, &hash, move || {
                computed.fetch_add(1, Ordering::Relaxed);
                learned
            })
        };
        // Who gives up leaves the question behind.
        assert!(futures_util::poll!(Box::pin(ask())).is_pending());
        let answers = futures_util::future::join_all((0..100).map(|_| ask())).await;
        assert!(answers.into_iter().all(|answer| answer.is_ok_and(|matched| matched.is_some())));
        assert_eq!(computed.load(Ordering::Relaxed), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn who_finds_no_slot_is_told_to_come_back() {
        let (verification, secret, hash) = verification();
        let taken = verification.slots.free.clone().acquire_many_owned(SLOTS as u32).await;
        assert_eq!(verify(&verification, &secret, &hash).await, Err(Crowded));
        assert_eq!(verification.compute_nothing(secret.clone()).await, Err(Crowded));
        let wait = || Box::pin(verification.compute(secret.clone(), Vec::new()));
        let mut waiting: Vec<_> = std::iter::repeat_with(wait).take(WAITING_MAX).collect();
        assert!(waiting.iter_mut().all(|each| each.now_or_never().is_none()));
        assert_eq!(wait().now_or_never(), Some(Err(Crowded)), "at once where too many wait");
        drop(taken);
        assert_eq!(waiting.remove(0).await, Ok(None));
    }

    #[tokio::test(start_paused = true)]
    async fn who_signs_in_takes_the_same_steps_known_or_not() {
        let (verification, secret, hash) = verification();
        let at_door = |hash: Option<&SecretHash>| verification.compute_at_door(secret.clone(), hash.cloned());
        assert_eq!(at_door(Some(&hash)).await, Ok(Some(hash.clone())));
        assert_eq!(at_door(None).await, Ok(None));
        // Both wait for whoever is at the door, and both for a slot.
        for taken in [&verification.door_slots, &verification.slots] {
            let all = u32::try_from(taken.free.available_permits()).unwrap();
            let taken = taken.free.clone().acquire_many_owned(all).await;
            assert_eq!((at_door(Some(&hash)).await, at_door(None).await), (Err(Crowded), Err(Crowded)));
            drop(taken);
        }
        // Nobody at the door keeps an application waiting, known or not.
        let _taken = verification.door_slots.free.clone().acquire_owned().await;
        assert_eq!(verify(&verification, &secret, &hash).await, Ok(true));
        assert_eq!(verification.compute_nothing(secret.clone()).await, Ok(None));
    }

    #[test]
    fn an_unknown_id_costs_what_a_wrong_secret_costs() {
        let (_, _, hash) = verification();
        let cost = |hash: &SecretHash| {
            let hash = PasswordHash::new(hash.as_str()).unwrap();
            let params = hash.params.to_string();
            (hash.algorithm.to_string(), hash.version, params, hash.salt.unwrap().len(), hash.hash.unwrap().len())
        };
        assert_eq!(cost(&dummy()), cost(&hash));
    }

    #[test]
    fn the_dummy_is_a_hash_and_matches_nothing() {
        assert!(PasswordHash::new(dummy().as_str()).is_ok());
        assert!(!matches(&Secret::given(String::new()), &dummy()));
    }
}
