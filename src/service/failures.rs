//! Failed verifications, counted by address, account and network: the limit that makes guessing hopeless and locks nobody else out.

use std::future::Future;
use std::hash::Hash;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};

use lru::LruCache;

use super::access::NotAdmitted;
use super::fair_slots::{Crowded, Rank};

/// Failures a minute that one address may have with one account.
const OF_ADDRESS_AND_ACCOUNT: u32 = 20;
/// Failures a minute that one address may have in all. More, since many people may share an address.
const OF_ADDRESS: u32 = 60;

/// The limits of one kind of credentials. An account is what somebody claims to be: a key's id, a person's email.
#[derive(Clone)]
pub(super) struct Limits<Account: Hash + Eq> {
    of_address: Arc<Failures<IpAddr>>,
    of_both: Arc<Failures<(IpAddr, Account)>>,
    /// Counted for the [`Rank`] alone: a network has no limit.
    of_network: Arc<Failures<IpAddr>>,
}

impl<Account: Hash + Eq + Clone + Send + 'static> Limits<Account> {
    pub(super) fn new() -> Self {
        let of_both = Failures::new(OF_ADDRESS_AND_ACCOUNT);
        let of_network = Failures::new(u32::MAX);
        Self {
            of_address: Arc::new(Failures::new(OF_ADDRESS)),
            of_both: Arc::new(of_both),
            of_network: Arc::new(of_network),
        }
    }

    /// Forgets all failures.
    pub(super) fn forget(&self) {
        self.of_address.forget();
        self.of_both.forget();
        self.of_network.forget();
    }

    /// Computes a verification unless there were too many failures, and counts it where it finds nothing. The computation
    /// goes on where the caller is gone: a wrong secret is a failure all the same, a right one is none. A known network is one that the
    /// account was used from.
    pub(super) async fn watch<T: Send + 'static, Computed>(
        &self,
        address: IpAddr,
        account: Account,
        now: i64,
        is_known: bool,
        compute: impl FnOnce(Rank) -> Computed,
    ) -> Result<Option<T>, NotAdmitted>
    where
        Computed: Future<Output = Result<Option<T>, Crowded>> + Send + 'static,
    {
        let (address, wider) = (network(address), wider_network(address));
        let both = (address, account);
        // The address first: one that fails with one made-up account after the other is stopped before they push out others'.
        let of_address = self.of_address.suspect(address, now).map_err(NotAdmitted::TooMany)?;
        if let Err(seconds) = self.of_both.suspect(both.clone(), now) {
            self.of_address.clear(&address);
            return Err(NotAdmitted::TooMany(seconds));
        }
        let of_network = self.of_network.suspect(wider, now).unwrap_or(u32::MAX);
        let computed = compute(Rank { is_unknown: !is_known, address: of_address, network: of_network });
        let limits = self.clone();
        let settled = tokio::spawn(async move {
            let outcome = computed.await;
            // Not a failure: it matched, or was never judged.
            if !matches!(outcome, Ok(None)) {
                limits.of_both.clear(&both);
                limits.of_address.clear(&address);
                limits.of_network.clear(&wider);
            }
            outcome
        });
        Ok(settled.await.map_err(|_| NotAdmitted::Failed)??)
    }
}

/// The length of a window, in seconds.
const WINDOW_SECONDS: i64 = 60;
/// How many different failing parties are remembered. Beyond, the one that was seen longest ago is forgotten.
const PARTIES_MAX: NonZeroUsize = NonZeroUsize::new(10_000).unwrap();

/// Counts failures of each party in a window of a minute.
struct Failures<Party: Hash + Eq> {
    limit: u32,
    windows: Mutex<LruCache<Party, Window>>,
}

struct Window {
    began: i64,
    failures: u32,
}

impl<Party: Hash + Eq> Failures<Party> {
    /// Lets a party fail this often in a window.
    fn new(limit: u32) -> Self {
        Self { limit, windows: Mutex::new(LruCache::new(PARTIES_MAX)) }
    }

    /// Counts an attempt as failed before it is made, because many at the same time could slip past together; returns the count. Where
    /// the party has failed too often already: the seconds until it may try again.
    fn suspect(&self, party: Party, now: i64) -> Result<u32, u64> {
        let Ok(mut windows) = self.windows.lock() else { return Ok(0) };
        let window = windows.get_or_insert_mut(party, || Window { began: now, failures: 0 });
        // A clock that jumps back begins a new window too, rather than a long one.
        if !(0..WINDOW_SECONDS).contains(&(now - window.began)) {
            *window = Window { began: now, failures: 0 };
        }
        if window.failures >= self.limit {
            return Err((window.began + WINDOW_SECONDS - now).unsigned_abs());
        }
        window.failures += 1;
        Ok(window.failures)
    }

    fn forget(&self) {
        if let Ok(mut windows) = self.windows.lock() {
            windows.clear();
        }
    }

    /// Takes back a suspicion: the attempt succeeded, or was never judged.
    fn clear(&self, party: &Party) {
        if let Ok(mut windows) = self.windows.lock()
            && let Some(window) = windows.get_mut(party)
        {
            window.failures = window.failures.saturating_sub(1);
        }
    }
}

/// An address as a party: of IPv6 the first 64 bits, since one host commands all of the rest.
pub fn network(address: IpAddr) -> IpAddr {
    first_bits(address, 32, 64)
}

/// The network that one attacker is likely to command: a /24 of IPv4, a /48 of IPv6.
pub(super) fn wider_network(address: IpAddr) -> IpAddr {
    first_bits(address, 24, 48)
}

fn first_bits(address: IpAddr, of_v4: u32, of_v6: u32) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) => IpAddr::V4(Ipv4Addr::from_bits(v4.to_bits() & (u32::MAX << (32 - of_v4)))),
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << (128 - of_v6)))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_party_fails_up_to_its_limit_in_a_window_and_others_do_not_notice() {
        let failures = Failures::new(2);
        assert_eq!(failures.suspect("a", 100), Ok(1));
        assert_eq!(failures.suspect("a", 110), Ok(2));
        assert_eq!(failures.suspect("a", 120), Err(40));
        assert_eq!(failures.suspect("b", 120), Ok(1));
        assert_eq!(failures.suspect("a", 159), Err(1));
        assert_eq!(failures.suspect("a", 160), Ok(1));
    }

    #[tokio::test]
    async fn who_does_not_wait_is_judged_all_the_same() {
        let limits = Limits::new();
        let watch = |address: &str, found: Option<()>| {
            let computed = async move {
                tokio::task::yield_now().await;
                Ok(found)
            };
            limits.watch(address.parse().unwrap(), "a", 0, false, |_| computed)
        };
        for _ in 0..OF_ADDRESS_AND_ACCOUNT {
            for (address, found) in [("10.0.0.1", Some(())), ("10.0.0.2", None)] {
                assert!(futures_util::poll!(Box::pin(watch(address, found))).is_pending());
            }
            for _ in 0..3 {
                tokio::task::yield_now().await;
            }
        }
        assert_eq!(watch("10.0.0.1", Some(())).await, Ok(Some(())));
        assert_eq!(watch("10.0.0.2", Some(())).await, Err(NotAdmitted::TooMany(60)));
    }

    #[tokio::test]
    async fn made_up_accounts_push_nobody_out() {
        let limits = Limits::new();
        let fail = async |address: &str, account: usize| {
            limits.watch(address.parse().unwrap(), account, 0, false, |_| async { Ok(None::<()>) }).await
        };
        for _ in 0..OF_ADDRESS_AND_ACCOUNT {
            assert_eq!(fail("10.0.0.1", 0).await, Ok(None));
        }
        for account in 1..=PARTIES_MAX.get() + 1 {
            let _ = fail("10.0.0.2", account).await;
        }
        assert_eq!(fail("10.0.0.1", 0).await, Err(NotAdmitted::TooMany(60)));
    }

    #[test]
    fn success_is_not_counted() {
        let failures = Failures::new(1);
        for _ in 0..5 {
            assert_eq!(failures.suspect("a", 0), Ok(1));
            failures.clear(&"a");
        }
    }

    #[test]
    fn a_clock_that_jumps_back_does_not_lock_out_for_longer() {
        let failures = Failures::new(1);
        assert_eq!(failures.suspect("a", 10_000), Ok(1));
        assert_eq!(failures.suspect("a", 5_000), Ok(1));
    }

    #[test]
    fn an_ipv6_network_is_one_party() {
        let network = |text: &str| network(text.parse().unwrap());
        assert_eq!(network("2001:db8::1"), network("2001:db8::ffff:1"));
        assert_ne!(network("2001:db8::1"), network("2001:db8:0:1::1"));
        assert_eq!(network("::ffff:10.0.0.1"), network("10.0.0.1"));
    }

    #[tokio::test]
    async fn a_rank_counts_the_address_and_its_network_and_forgets_a_success() {
        let limits = Limits::new();
        let rank = async |address: &str, found: Option<()>| {
            let mut seen = None;
            let compute = |rank| {
                seen = Some(rank);
                async move { Ok(found) }
            };
            limits.watch(address.parse().unwrap(), "a", 0, false, compute).await.unwrap();
            seen.map(|Rank { address, network, .. }| (address, network))
        };
        assert_eq!(rank("10.0.0.1", None).await, Some((1, 1)));
        assert_eq!(rank("10.0.0.1", Some(())).await, Some((2, 2)));
        assert_eq!(rank("10.0.0.2", None).await, Some((1, 2)));
        assert_eq!(rank("10.0.1.1", None).await, Some((1, 1)));
        assert_eq!(rank("2001:db8::1", None).await, Some((1, 1)));
        assert_eq!(rank("2001:db8:0:1::1", None).await, Some((1, 2)));
        assert_eq!(rank("2001:db8:1::1", None).await, Some((1, 1)));
    }
}
