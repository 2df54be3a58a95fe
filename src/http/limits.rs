//! How many requests one address and one key may send: none is counted unless a setting says so. Each answer then tells what
//! is left, in the `RateLimit` and `RateLimit-Policy` fields of draft-ietf-httpapi-ratelimit-headers-10.

use std::fmt;
use std::fmt::Write;
use std::hash::Hash;
use std::net::IpAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage};
use governor::clock::Clock;
use governor::middleware::StateInformationMiddleware;
use governor::nanos::Nanos;
use governor::state::StateStore;
use governor::{Quota, RateLimiter};
use lru::LruCache;

use crate::domain::KeyId;
use crate::service::network;

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// How many addresses, and how many keys, are remembered. Beyond, the one that asked longest ago is forgotten.
const PARTIES_MAX: NonZeroUsize = NonZeroUsize::new(10_000).unwrap();

/// So many requests in so long a time: all of them at once, if one likes, and then as fast as they come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    count: NonZeroU32,
    seconds: u32,
}

impl RateLimit {
    /// The most requests.
    pub const COUNT_MAX: u32 = 1_000_000;
    /// The longest time, in seconds: a day.
    pub const SECONDS_MAX: u32 = 24 * 60 * 60;

    /// `200/s`, `600/m`, `50/10s`: a count and a time.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        const WORDS: &str = "give a count and a time, such as 200/s, 600/m or 50/10s";
        let (count, time) = text.split_once('/').ok_or(WORDS)?;
        let count: NonZeroU32 = count.parse().map_err(|_| WORDS)?;
        let one = if time.starts_with(|first: char| first.is_ascii_digit()) { "" } else { "1" };
        let time = humantime::parse_duration(&format!("{one}{time}")).map_err(|_| WORDS)?;
        let seconds = u32::try_from(time.as_secs()).unwrap_or(u32::MAX);
        if count.get() > Self::COUNT_MAX {
            Err("give at most 1000000 requests")
        } else if !(1..=Self::SECONDS_MAX).contains(&seconds) || time.subsec_nanos() != 0 {
            Err("give a time of whole seconds, a day at most")
        } else {
            Ok(Self { count, seconds })
        }
    }

    fn quota(self) -> Quota {
        // A million in a second is one in a thousand nanoseconds: never none.
        let each = Duration::from_secs(self.seconds.into()) / self.count.get();
        Quota::with_period(each).unwrap_or(Quota::per_second(self.count)).allow_burst(self.count)
    }
}

/// Who has asked how often, and how often they may.
#[derive(Clone, Default)]
pub struct Limits {
    address: Option<Arc<Limiter<IpAddr>>>,
    key: Option<Arc<Limiter<KeyId>>>,
}

/// A limit is reached: seconds until the next request is let in.
pub(super) struct Reached(pub(super) u64);

impl Limits {
    /// Limits the requests of one address, and of one key, where a limit is given.
    pub fn new(address: Option<RateLimit>, key: Option<RateLimit>) -> Self {
        Self {
            address: address.map(|limit| Arc::new(Limiter::new("address", limit))),
            key: key.map(|limit| Arc::new(Limiter::new("key", limit))),
        }
    }

    /// Whether anything is limited.
    pub(super) fn are_set(&self) -> bool {
        self.address.is_some() || self.key.is_some()
    }

    /// Counts a request of an address, before anything is done for it. Of IPv6 the first 64 bits are the address.
    pub(super) fn of_address(&self, request: &impl HttpMessage, address: IpAddr) -> Result<(), Reached> {
        self.address.as_ref().map_or(Ok(()), |limiter| limiter.count(request, &network(address)))
    }

    /// Counts a request of a key, once its secret is known to be right: so nobody uses up another's.
    pub(super) fn of_key(&self, request: &impl HttpMessage, key: &KeyId) -> Result<(), Reached> {
        self.key.as_ref().map_or(Ok(()), |limiter| limiter.count(request, key))
    }
}

impl fmt::Debug for Limits {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (address, key) = (self.address.as_ref().map(|each| each.limit), self.key.as_ref().map(|each| each.limit));
        formatter.debug_struct("Limits").field("address", &address).field("key", &key).finish()
    }
}

/// Puts what was counted into the fields of the answer.
pub(super) async fn tell(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let mut response = next.call(request).await?;
    let told = response.request().extensions_mut().remove::<Told>();
    if let Some(Told { policy, limit }) = told
        && let (Ok(policy), Ok(limit)) = (HeaderValue::from_str(&policy), HeaderValue::from_str(&limit))
    {
        response.headers_mut().insert(RATE_LIMIT_POLICY, policy);
        response.headers_mut().insert(RATE_LIMIT, limit);
    }
    Ok(response)
}

/// What an answer will tell: lists of structured fields (RFC 9651), an item for each limit.
#[derive(Default)]
struct Told {
    policy: String,
    limit: String,
}

impl Told {
    fn add(&mut self, name: &str, RateLimit { count, seconds }: RateLimit, left: u32, after: u64) {
        let comma = if self.policy.is_empty() { "" } else { ", " };
        // Nothing fails that writes into a string.
        let _ = write!(self.policy, r#"{comma}"{name}";q={count};w={seconds}"#);
        let _ = write!(self.limit, r#"{comma}"{name}";r={left};t={after}"#);
    }
}

/// The requests of each party, by the generic cell rate algorithm: a number for each, and no timer.
struct Limiter<Party: Hash + Eq + Clone> {
    name: &'static str,
    limit: RateLimit,
    limiter: RateLimiter<Party, Parties<Party>, Started, StateInformationMiddleware>,
}

impl<Party: Hash + Eq + Clone> Limiter<Party> {
    fn new(name: &'static str, limit: RateLimit) -> Self {
        let parties = Parties(Mutex::new(LruCache::new(PARTIES_MAX)));
        Self { name, limit, limiter: RateLimiter::new(limit.quota(), parties, Started(Instant::now())) }
    }

    fn count(&self, request: &impl HttpMessage, party: &Party) -> Result<(), Reached> {
        let counted = self.limiter.check_key(party).map(|state| state.remaining_burst_capacity());
        let counted = counted.map_err(|until| seconds(until.wait_time_from(self.limiter.clock().now())).max(1));
        let (left, after) = match counted {
            // When all of them are back.
            Ok(left) => (left, seconds(self.limit.quota().replenish_interval() * (self.limit.count.get() - left))),
            Err(after) => (0, after),
        };
        let mut extensions = request.extensions_mut();
        if !extensions.contains::<Told>() {
            extensions.insert(Told::default());
        }
        if let Some(told) = extensions.get_mut::<Told>() {
            told.add(self.name, self.limit, left, after);
        }
        counted.map(drop).map_err(Reached)
    }
}

/// Whole seconds, the last one begun.
fn seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

/// Time since a start: it never jumps, as the clock of the day does.
struct Started(Instant);

impl Clock for Started {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.0.elapsed()
    }
}

/// What is known of each party, bounded.
struct Parties<Party: Hash + Eq>(Mutex<LruCache<Party, Nanos>>);

impl<Party: Hash + Eq + Clone> StateStore for Parties<Party> {
    type Key = Party;

    fn measure_and_replace<T, F, E>(&self, party: &Party, measure: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        // Nobody who holds it panics; where that is wrong, nobody is turned away for it.
        let Ok(mut parties) = self.0.lock() else { return measure(None).map(|(outcome, _)| outcome) };
        if let Some(known) = parties.get_mut(party) {
            let (outcome, next) = measure(Some(*known))?;
            *known = next;
            return Ok(outcome);
        }
        let (outcome, next) = measure(None)?;
        parties.put(party.clone(), next);
        Ok(outcome)
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn a_limit_is_a_count_and_a_time() {
        let limit = |text: &str| RateLimit::parse(text).map(|limit| (limit.count.get(), limit.seconds));
        for (text, expected) in [
            ("200/s", (200, 1)),
            ("600/m", (600, 60)),
            ("5000/h", (5_000, 3_600)),
            ("50/10s", (50, 10)),
            ("1/1d", (1, 86_400)),
            ("1000000/1m", (1_000_000, 60)),
        ] {
            assert_eq!(limit(text), Ok(expected), "{text}");
        }
        for text in ["", "200", "/s", "0/s", "-1/s", "200/", "200/x", "1.5/s", "200/s/s", "1000001/s"] {
            assert!(limit(text).is_err(), "{text}");
        }
        for text in ["1/100ms", "1/1500ms", "1/0s", "1/25h", "1/9999999999d"] {
            assert_eq!(limit(text), Err("give a time of whole seconds, a day at most"), "{text}");
        }
    }

    /// What is told after each of so many requests of one party.
    fn told(limit: &str, times: usize) -> Vec<(bool, String)> {
        let limiter = Limiter::new("key", RateLimit::parse(limit).unwrap());
        let once = || {
            let request = TestRequest::default().to_http_request();
            let counted = limiter.count(&request, &1);
            let told = request.extensions_mut().remove::<Told>().unwrap();
            (counted.is_ok(), told.limit)
        };
        std::iter::repeat_with(once).take(times).collect()
    }

    #[test]
    fn all_may_come_at_once_and_then_as_they_come_back() {
        let told = told("3/h", 4);
        let expected = [(true, "2", "1200"), (true, "1", "2400"), (true, "0", "3600"), (false, "0", "1200")];
        let expected = expected.map(|(let_in, left, after)| (let_in, format!(r#""key";r={left};t={after}"#)));
        assert_eq!(told, expected);
    }

    #[test]
    fn what_was_used_comes_back() {
        let limiter = Limiter::new("key", RateLimit::parse("1000/s").unwrap());
        let count = || limiter.count(&TestRequest::default().to_http_request(), &1).is_ok();
        while count() {}
        std::thread::sleep(Duration::from_millis(2));
        assert!(count());
    }

    #[test]
    fn parties_do_not_notice_each_other_and_the_eldest_are_forgotten() {
        let limiter = Limiter::new("key", RateLimit::parse("1/d").unwrap());
        let count = |party: usize| limiter.count(&TestRequest::default().to_http_request(), &party).is_ok();
        assert_eq!([count(0), count(0), count(1)], [true, false, true]);
        for party in 2..=PARTIES_MAX.get() {
            assert!(count(party));
        }
        assert_eq!([count(1), count(0)], [false, true]);
    }
}
