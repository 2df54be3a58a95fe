//! Failed verifications, counted by who fails: the limit that makes guessing hopeless and locks nobody else out.

use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroUsize;
use std::sync::Mutex;

use lru::LruCache;

/// The length of a window, in seconds.
const WINDOW_SECONDS: i64 = 60;
/// How many different failing parties are remembered. Beyond, the one that failed longest ago is forgotten.
const PARTIES_MAX: NonZeroUsize = NonZeroUsize::new(10_000).unwrap();

/// Counts failures of each party in a window of a minute.
pub(super) struct Failures<Party: Hash + Eq> {
    limit: u32,
    windows: Mutex<LruCache<Party, Window>>,
}

struct Window {
    began: i64,
    failures: u32,
}

impl<Party: Hash + Eq> Failures<Party> {
    /// Lets a party fail this often in a window.
    pub(super) fn new(limit: u32) -> Self {
        Self { limit, windows: Mutex::new(LruCache::new(PARTIES_MAX)) }
    }

    /// Counts an attempt as failed before it is made, so that many at once cannot slip past together. Where the party has
    /// failed too often already: the seconds until it may try again.
    pub(super) fn suspect(&self, party: Party, now: i64) -> Result<(), u64> {
        let Ok(mut windows) = self.windows.lock() else { return Ok(()) };
        let window = windows.get_or_insert_mut(party, || Window { began: now, failures: 0 });
        // A clock that jumps back begins a new window too, rather than a long one.
        if !(0..WINDOW_SECONDS).contains(&(now - window.began)) {
            *window = Window { began: now, failures: 0 };
        }
        if window.failures >= self.limit {
            return Err((window.began + WINDOW_SECONDS - now).unsigned_abs());
        }
        window.failures += 1;
        Ok(())
    }

    /// Takes back a suspicion: the attempt succeeded, or was never judged.
    pub(super) fn clear(&self, party: &Party) {
        if let Ok(mut windows) = self.windows.lock()
            && let Some(window) = windows.get_mut(party)
        {
            window.failures = window.failures.saturating_sub(1);
        }
    }
}

/// An address as a party: of IPv6 the first 64 bits, since one host commands all of the rest.
pub(super) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_party_fails_up_to_its_limit_in_a_window_and_others_do_not_notice() {
        let failures = Failures::new(2);
        assert_eq!((failures.suspect("a", 100), failures.suspect("a", 110)), (Ok(()), Ok(())));
        assert_eq!(failures.suspect("a", 120), Err(40));
        assert_eq!(failures.suspect("b", 120), Ok(()));
        assert_eq!(failures.suspect("a", 159), Err(1));
        assert_eq!(failures.suspect("a", 160), Ok(()));
    }

    #[test]
    fn success_is_not_counted() {
        let failures = Failures::new(1);
        for _ in 0..5 {
            assert_eq!(failures.suspect("a", 0), Ok(()));
            failures.clear(&"a");
        }
    }

    #[test]
    fn a_clock_that_jumps_back_does_not_lock_out_for_longer() {
        let failures = Failures::new(1);
        assert_eq!(failures.suspect("a", 10_000), Ok(()));
        assert_eq!(failures.suspect("a", 5_000), Ok(()));
    }

    #[test]
    fn an_ipv6_network_is_one_party() {
        let network = |text: &str| network(text.parse().unwrap());
        assert_eq!(network("2001:db8::1"), network("2001:db8::ffff:1"));
        assert_ne!(network("2001:db8::1"), network("2001:db8:0:1::1"));
        assert_eq!(network("::ffff:10.0.0.1"), network("10.0.0.1"));
    }
}
