//! Time and randomness, which come in here and nowhere else.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use zeroize::Zeroize;

use crate::domain::CustomerId;

/// Time and randomness, which nothing else in the crate reads: so tests can stop the one and repeat the other.
#[derive(Clone)]
pub struct Ambient {
    pub(super) now: Arc<dyn Fn() -> Duration + Send + Sync>,
    pub(super) random: Arc<Random>,
    ids: Arc<Ids>,
}

type Random = dyn Fn(&mut [u8]) + Send + Sync;
type Ids = dyn Fn(IdOf, &mut [u8]) + Send + Sync;

/// What an id is of that everybody may see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum IdOf {
    Customer,
    Request,
}

impl Ambient {
    /// A clock that gives the time since 1970 in UTC, and a source that fills a slice with random bytes.
    pub fn new(
        now: impl Fn() -> Duration + Send + Sync + 'static,
        random: impl Fn(&mut [u8]) + Send + Sync + 'static,
    ) -> Self {
        let random: Arc<Random> = Arc::new(random);
        let of_random = random.clone();
        Self { now: Arc::new(now), random, ids: Arc::new(move |_, bytes| of_random(bytes)) }
    }

    /// The same with another source of what is random in ids, which need not be hard to guess.
    pub(super) fn with_ids(self, ids: impl Fn(IdOf, &mut [u8]) + Send + Sync + 'static) -> Self {
        Self { ids: Arc::new(ids), ..self }
    }

    /// The clock and the randomness of the operating system.
    ///
    /// # Panics
    ///
    /// When asked for randomness and the operating system has none: nothing can be done safely without.
    #[expect(clippy::disallowed_methods, reason = "the one place where time comes in")]
    pub fn of_system() -> Self {
        let now = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self::new(now, |bytes| POOL.with_borrow_mut(|pool| pool.fill(bytes)))
    }

    /// Nanoseconds since 1970, until the year 2554.
    pub(super) fn nanos(&self) -> u64 {
        u64::try_from((self.now)().as_nanos()).unwrap_or(u64::MAX)
    }

    /// Whole seconds since 1970.
    pub(super) fn seconds(&self) -> i64 {
        i64::try_from((self.now)().as_secs()).unwrap_or(i64::MAX)
    }

    /// The id of a customer who is made now, or was made at a second since 2014: so that ids sort as those times do.
    pub(super) fn customer_id_of(&self, created_at: Option<i64>) -> CustomerId {
        let second = created_at.and_then(|at| u64::try_from(at).ok()).filter(|at| *at >= CustomerId::EPOCH_SECONDS);
        let within = || u64::from_be_bytes(self.random_bytes()) % 1_000_000_000;
        let nanos = second.map_or_else(|| self.nanos(), |second| second.saturating_mul(1_000_000_000) + within());
        CustomerId::new(nanos, self.customer_digits())
    }

    pub(super) fn random_bytes<const LEN: usize>(&self) -> [u8; LEN] {
        let mut bytes = [0; LEN];
        (self.random)(&mut bytes);
        bytes
    }

    /// Four numbers below 62, each as likely as the others, for the id of a customer.
    pub(super) fn customer_digits(&self) -> [u8; 4] {
        let mut bytes = [0; 8];
        (self.ids)(IdOf::Customer, &mut bytes);
        let number = u64::from_be_bytes(bytes);
        [0, 1, 2, 3].map(|place| (number / 62_u64.pow(place) % 62) as u8)
    }

    /// Random base-62 characters, each as likely as the others.
    pub(super) fn random_text(&self, len: usize) -> String {
        base62_text(len, |bytes| (self.random)(bytes))
    }

    /// The characters of a request's id.
    pub(super) fn request_text(&self, len: usize) -> String {
        base62_text(len, |bytes| (self.ids)(IdOf::Request, bytes))
    }
}

fn base62_text(len: usize, fill: impl Fn(&mut [u8])) -> String {
    let mut text = String::with_capacity(len);
    while text.len() < len {
        let mut bytes = [0; 32];
        fill(&mut bytes);
        // 248 is the largest multiple of 62 in a byte; what lies above would favour the first digits.
        let digits = bytes
            .into_iter()
            .filter(|byte| *byte < 248)
            .map(|byte| char::from(crate::domain::base62_digit(byte.into())));
        text.extend(digits.take(len - text.len()));
    }
    text
}

thread_local! {
    static POOL: RefCell<Pool> = const { RefCell::new(Pool { bytes: [0; Pool::LEN], used: Pool::LEN }) };
}

/// Randomness of the operating system's, fetched for many at a time: every request gets an id. Each byte is given out once,
/// and wiped.
struct Pool {
    bytes: [u8; Self::LEN],
    used: usize,
}

impl Pool {
    const LEN: usize = 1_024;

    #[expect(clippy::disallowed_methods, reason = "the one place where randomness comes in")]
    fn fill(&mut self, wanted: &mut [u8]) {
        for part in wanted.chunks_mut(Self::LEN) {
            if self.used + part.len() > Self::LEN {
                getrandom::fill(&mut self.bytes).expect("the operating system gives randomness");
                self.used = 0;
            }
            let given = &mut self.bytes[self.used..self.used + part.len()];
            part.copy_from_slice(given);
            given.zeroize();
            self.used += part.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_randomness_is_given_out_twice() {
        let ambient = Ambient::of_system();
        let given: std::collections::HashSet<[u8; 24]> = (0..1_000).map(|_| ambient.random_bytes()).collect();
        assert_eq!(given.len(), 1_000);
        let long: [u8; 3 * Pool::LEN + 5] = ambient.random_bytes();
        assert!(long.chunks(16).all(|part| part.iter().any(|byte| *byte != 0) || part.len() < 16));
    }

    #[test]
    fn random_text_has_its_length_and_only_base62() {
        let text = Ambient::of_system().random_text(1_000);
        assert_eq!(text.len(), 1_000);
        assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    }
}
