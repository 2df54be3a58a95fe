//! argon2id, two at a time, in memory that is reused.
//!
//! A hash costs some 20 ms and 19 MiB on purpose. glibc keeps a freed block of that size in the arena of the thread that allocated it, so a
//! block a hash would grow the process by 19 MiB a thread. Here two threads share one allocation of 38 MiB: above 32 MiB glibc always
//! maps, and unmaps when it is freed. The threads start with the first job and end after [`IDLE`] without one. A job starts when
//! it has one of the [`SLOTS`], which are shared out fairly ([`super::fair_slots`]).

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use argon2::password_hash::{Output, ParamsString, PasswordHash, SaltString};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use tokio::sync::oneshot;

use super::fair_slots::{Crowded, FairSlots, Purpose, Rank};
use crate::domain::{Secret, SecretHash};

/// 19 MiB, 2 passes and 1 lane: OWASP's recommendation for argon2id.
const PARAMS: (u32, u32, u32) = (19_456, 2, 1);
/// The most passes of a stored hash that is verified. A file may hold any number.
const PASSES_MAX: u32 = 10;
/// The number of hashes that are computed at the same time.
const SLOTS: usize = 2;
/// The time after the last job at which a thread ends. The memory is freed when both have ended.
const IDLE: Duration = Duration::from_secs(5);

/// Computes hashes on threads of its own.
pub(super) struct Hashing {
    slots: Arc<FairSlots>,
    threads: Arc<Threads>,
}

impl Hashing {
    pub(super) fn new() -> Self {
        Self { slots: FairSlots::new(SLOTS), threads: Arc::default() }
    }

    /// Returns the first of these hashes that the secret matches. Waits for a slot. Computes to its end where the caller is gone.
    pub(super) async fn find(
        &self,
        secret: Secret,
        hashes: Vec<SecretHash>,
        purpose: Purpose,
        rank: Rank,
    ) -> Result<Option<SecretHash>, Crowded> {
        let slot = self.slots.take(purpose, rank).await?;
        let find = move |memory: &mut [Block]| hashes.into_iter().find(|hash| matches(&secret, hash, memory));
        Ok(self.threads.run(slot, find).await.flatten())
    }

    /// Hashes a new password or secret. Waits for a slot for as long as it takes: a person asked for it.
    pub(super) async fn hash(&self, secret: Secret, salt: [u8; 16]) -> SecretHash {
        let slot = self.slots.take_patiently().await;
        self.threads.run(slot, move |memory| hash(&secret, &salt, memory)).await.unwrap_or_else(dummy)
    }

    #[cfg(test)]
    pub(super) fn slots(&self) -> &Arc<FairSlots> {
        &self.slots
    }
}

type Job = Box<dyn FnOnce(&mut [Block]) + Send>;

/// The threads that run jobs, while there are any: where to send a job.
#[derive(Default)]
struct Threads(Mutex<Option<Sender<Job>>>);

impl Threads {
    /// Runs work with the memory of one hash, and gives the slot back when it is done. `None` where it panicked.
    async fn run<T: Send + 'static>(
        self: &Arc<Self>,
        slot: impl Send + 'static,
        work: impl FnOnce(&mut [Block]) -> T + Send + 'static,
    ) -> Option<T> {
        let (done, answer) = oneshot::channel();
        let job: Job = Box::new(move |memory| {
            let result = work(memory);
            drop(slot);
            // The caller may be gone.
            let _ = done.send(result);
        });
        self.send(job);
        answer.await.ok()
    }

    /// Sends a job to the threads, and starts them where they have ended.
    fn send(self: &Arc<Self>, job: Job) {
        let mut jobs = self.lock();
        let sender = jobs.get_or_insert_with(|| {
            let (sender, receiver) = channel();
            let this = self.clone();
            if let Err(error) = thread::Builder::new().name("hashing".into()).spawn(move || this.serve(receiver)) {
                tracing::error!(%error, "no thread can be started to verify a secret");
            }
            sender
        });
        if sender.send(job).is_err() {
            *jobs = None;
        }
    }

    /// Runs jobs until there was none for [`IDLE`].
    fn serve(&self, receiver: Receiver<Job>) {
        let each = argon2id().params().block_count();
        let mut memory = vec![Block::default(); SLOTS * each];
        let receiver = Mutex::new(receiver);
        let mut late = None;
        loop {
            thread::scope(|scope| {
                for part in memory.chunks_exact_mut(each) {
                    let (receiver, late) = (&receiver, late.take());
                    scope.spawn(move || run_all(late, receiver, part));
                }
            });
            // A job may have arrived after both threads had ended. No other arrives while the lock is held.
            let mut jobs = self.lock();
            late = receiver.lock().ok().and_then(|receiver| receiver.try_recv().ok());
            if late.is_none() {
                *jobs = None;
                return;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Sender<Job>>> {
        // A panic between two of its changes leaves it whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs this job and those that arrive, until there was none for [`IDLE`].
fn run_all(first: Option<Job>, receiver: &Mutex<Receiver<Job>>, memory: &mut [Block]) {
    let next = || receiver.lock().ok()?.recv_timeout(IDLE).ok();
    for job in first.into_iter().chain(std::iter::from_fn(next)) {
        // The panic hook has logged it.
        let _ = catch_unwind(AssertUnwindSafe(|| job(memory)));
    }
}

fn argon2id() -> Argon2<'static> {
    let (memory, passes, lanes) = PARAMS;
    let params = Params::new(memory, passes, lanes, None).expect("the parameters are within argon2's limits");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

/// Hashes a secret with a random salt. Slow.
fn hash(secret: &Secret, salt: &[u8; 16], memory: &mut [Block]) -> SecretHash {
    let argon2id = argon2id();
    let output = Output::init_with(Params::DEFAULT_OUTPUT_LEN, |output| {
        Ok(argon2id.hash_password_into_with_memory(secret.reveal().as_bytes(), salt, output, memory)?)
    });
    let salt = SaltString::encode_b64(salt).expect("16 bytes are a salt");
    let hash = PasswordHash {
        algorithm: Algorithm::Argon2id.ident(),
        version: Some(Version::V0x13.into()),
        params: ParamsString::try_from(argon2id.params()).expect("argon2's parameters can be written"),
        salt: Some(salt.as_salt()),
        hash: Some(output.expect("the parameters are argon2's own")),
    };
    SecretHash::new(hash.to_string())
}

/// Returns whether a secret matches a hash, compared in constant time. A hash that costs more than the limits matches nothing.
fn matches(secret: &Secret, hash: &SecretHash, memory: &mut [Block]) -> bool {
    let computed = || {
        let hash = PasswordHash::new(hash.as_str()).ok()?;
        let (algorithm, version) = (Algorithm::try_from(hash.algorithm).ok()?, hash.version?);
        let params = Params::try_from(&hash).ok()?;
        if params.t_cost() > PASSES_MAX || params.block_count() > memory.len() {
            tracing::warn!("a stored hash costs more than the limits and is not verified: `patron check` names it");
            return None;
        }
        let (mut salt, expected) = ([0; 64], hash.hash?);
        let salt = hash.salt?.decode_b64(&mut salt).ok()?;
        let argon2 = Argon2::new(algorithm, Version::try_from(version).ok()?, params);
        let output = Output::init_with(expected.len(), |output| {
            Ok(argon2.hash_password_into_with_memory(secret.reveal().as_bytes(), salt, output, memory)?)
        });
        // `Output` compares in constant time.
        Some(output.ok()? == expected)
    };
    computed().unwrap_or(false)
}

/// Returns a well-formed hash that no secret is known to match: its output is all zeros. Written without hashing, since every start
/// would pay for it.
pub(super) fn dummy() -> SecretHash {
    let (memory, passes, lanes) = PARAMS;
    let (salt, output) = ("A".repeat(22), "A".repeat(43));
    SecretHash::new(format!("$argon2id$v=19$m={memory},t={passes},p={lanes}${salt}${output}"))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    fn memory() -> Vec<Block> {
        vec![Block::default(); argon2id().params().block_count()]
    }

    pub(in crate::service) fn matches(secret: &Secret, hash: &SecretHash) -> bool {
        super::matches(secret, hash, &mut memory())
    }

    pub(in crate::service) fn hash(secret: &Secret, salt: &[u8; 16]) -> SecretHash {
        super::hash(secret, salt, &mut memory())
    }

    fn secret(text: &str) -> Secret {
        Secret::given(text.into())
    }

    #[test]
    fn a_hash_is_what_the_library_computes_in_memory_used_before() {
        use argon2::password_hash::{PasswordHasher, PasswordVerifier};
        let mut memory = memory();
        super::hash(&secret("another"), &[1; 16], &mut memory);
        let ours = super::hash(&secret("correct horse"), &[7; 16], &mut memory);
        let salt = SaltString::encode_b64(&[7; 16]).unwrap();
        assert_eq!(ours.as_str(), argon2id().hash_password(b"correct horse", &salt).unwrap().to_string());
        assert!(argon2id().verify_password(b"correct horse", &PasswordHash::new(ours.as_str()).unwrap()).is_ok());
        assert!(super::matches(&secret("correct horse"), &ours, &mut memory));
        assert!(!super::matches(&secret("wrong"), &ours, &mut memory));
    }

    #[test]
    fn a_hash_of_smaller_costs_is_verified_and_one_of_larger_costs_is_not() {
        use argon2::password_hash::PasswordHasher;
        let salt = SaltString::encode_b64(&[7; 16]).unwrap();
        let with = |memory, passes| {
            let params = Params::new(memory, passes, 1, None).unwrap();
            let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
            SecretHash::new(argon2.hash_password(b"secret", &salt).unwrap().to_string())
        };
        assert!(matches(&secret("secret"), &with(64, 1)));
        assert!(!matches(&secret("secret"), &with(64, PASSES_MAX + 1)));
        assert!(!matches(&secret("secret"), &with(20_000, 1)));
        let endless = "$argon2id$v=19$m=4194304,t=4000000000,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA";
        assert!(!matches(&secret("secret"), &SecretHash::new(endless.into())));
    }

    #[test]
    fn an_unknown_id_costs_what_a_wrong_secret_costs() {
        let cost = |hash: &SecretHash| {
            let hash = PasswordHash::new(hash.as_str()).unwrap();
            let params = hash.params.to_string();
            (hash.algorithm.to_string(), hash.version, params, hash.salt.unwrap().len(), hash.hash.unwrap().len())
        };
        assert_eq!(cost(&dummy()), cost(&hash(&secret("x"), &[7; 16])));
    }

    #[test]
    fn the_dummy_is_a_hash_and_matches_nothing() {
        assert!(PasswordHash::new(dummy().as_str()).is_ok());
        assert!(!matches(&secret(""), &dummy()));
    }

    #[tokio::test]
    async fn jobs_run_also_after_a_panic_and_after_the_threads_have_ended() {
        let threads = Arc::<Threads>::default();
        assert_eq!(threads.run((), |_| 1).await, Some(1));
        assert_eq!(threads.run((), |_| -> u32 { panic!("on purpose") }).await, None);
        assert_eq!(threads.run((), |_| 2).await, Some(2));
        // As they leave it when they end.
        *threads.lock() = None;
        assert_eq!(threads.run((), |memory| memory.len()).await, Some(19_456));
    }
}
