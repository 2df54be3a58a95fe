//! Verified secrets. Verifying a secret against its hash is slow on purpose ([`super::hashing`]), so a success is remembered under a
//! keyed digest, and the same question from many requests at the same time is computed once.

use std::collections::HashMap;
use std::future::Future;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, Weak};

use blake2::Blake2bMac512;
use blake2::digest::{FixedOutput, Mac};
use lru::LruCache;
use tokio::sync::OnceCell;

use super::Ambient;
use super::fair_slots::{Crowded, Purpose, Rank};
use super::hashing::{Hashing, dummy};
use crate::domain::{Secret, SecretHash};
use crate::metrics::Metrics;

/// How many successes are remembered.
const REMEMBERED_MAX: NonZeroUsize = NonZeroUsize::new(4_096).unwrap();

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
    hashing: Arc<Hashing>,
    counts: Arc<Metrics>,
}

impl Verification {
    pub(super) fn new(ambient: &Ambient, counts: Arc<Metrics>) -> Self {
        Self {
            key: ambient.random_bytes(),
            remembered: Mutex::new(LruCache::new(REMEMBERED_MAX)),
            under_way: Mutex::default(),
            hashing: Arc::new(Hashing::new()),
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

    /// Returns the hash of a key that the secret matches, and remembers it. Computes to its end where the caller is gone.
    pub(super) fn learn(
        self: &Arc<Self>,
        secret: Secret,
        hashes: Vec<SecretHash>,
        rank: Rank,
    ) -> impl Computing + use<> {
        let this = self.clone();
        async move {
            let matched = this.compute(secret.clone(), hashes, Purpose::Key, rank).await?;
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

    /// Takes the time of a verification that fails, and fails.
    pub(super) fn compute_nothing(&self, secret: Secret, rank: Rank) -> impl Computing + use<> {
        self.compute(secret, vec![dummy()], Purpose::UnknownKey, rank)
    }

    /// Returns the hash where it is the password's. Takes the same steps where there is no hash.
    pub(super) fn compute_password(
        &self,
        password: Secret,
        hash: Option<SecretHash>,
        rank: Rank,
    ) -> impl Computing + use<> {
        self.compute(password, vec![hash.unwrap_or_else(dummy)], Purpose::Password, rank)
    }

    fn compute(&self, secret: Secret, hashes: Vec<SecretHash>, purpose: Purpose, rank: Rank) -> impl Computing + use<> {
        let (hashing, counts) = (self.hashing.clone(), self.counts.clone());
        async move {
            let found = hashing.find(secret, hashes, purpose, rank).await?;
            counts.hashed_verification();
            Ok(found)
        }
    }

    /// Hashes a new password or secret. Waits for a slot for as long as it takes.
    pub(super) async fn hash(&self, secret: Secret, salt: [u8; 16]) -> SecretHash {
        self.hashing.hash(secret, salt).await
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::super::hashing::tests::hash;
    use super::*;

    fn verification() -> (Arc<Verification>, Secret, SecretHash) {
        let secret = Secret::given("correct horse battery st".into());
        let hash = hash(&secret, &[7; 16]);
        (Arc::new(Verification::new(&Ambient::of_system(), Arc::default())), secret, hash)
    }

    async fn verify(verification: &Arc<Verification>, secret: &Secret, hash: &SecretHash) -> Result<bool, Crowded> {
        let learned = verification.learn(secret.clone(), vec![hash.clone()], Rank::default());
        Ok(verification.verify(secret, hash, || learned).await?.is_some())
    }

    #[tokio::test]
    async fn a_success_is_remembered_for_this_secret_and_this_hash() {
        let (verification, secret, hash) = verification();
        assert!(hash.as_str().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert!(!verification.remembers(&secret, &hash));
        assert_eq!(verify(&verification, &secret, &hash).await, Ok(true));
        assert!(verification.remembers(&secret, &hash));
        assert!(!verification.remembers(&secret, &super::super::hashing::tests::hash(&secret, &[8; 16])));
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
            let (computed, learned) =
                (computed.clone(), verification.learn(secret.clone(), vec![hash.clone()], Rank::default()));
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
    async fn a_sign_in_takes_the_same_steps_known_or_not() {
        let (verification, secret, hash) = verification();
        let sign_in =
            |hash: Option<&SecretHash>| verification.compute_password(secret.clone(), hash.cloned(), Rank::default());
        assert_eq!(sign_in(Some(&hash)).await, Ok(Some(hash.clone())));
        assert_eq!(sign_in(None).await, Ok(None));
        let slots = verification.hashing.slots().clone();
        let taken = [slots.take_patiently().await, slots.take_patiently().await];
        assert_eq!(sign_in(Some(&hash)).await, Err(Crowded));
        assert_eq!(sign_in(None).await, Err(Crowded));
        assert_eq!(verify(&verification, &secret, &hash).await, Err(Crowded));
        assert_eq!(verification.compute_nothing(secret.clone(), Rank::default()).await, Err(Crowded));
        drop(taken);
        assert_eq!(verify(&verification, &secret, &hash).await, Ok(true));
    }
}
