//! What is remembered of an API request: enough to say what went wrong, and nothing of what the caller wrote.

use super::{CustomerId, KeyId, Mode};

/// What a request is called inside: nanoseconds since 1970 when it began, each later than the one before. So it is unique,
/// sorts by time, and says its time. Callers may use one `X-Request-Id` for many requests; this is ours alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RequestNumber(pub i64);

impl RequestNumber {
    /// The first number of a Unix second.
    pub fn at_second(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1_000_000_000))
    }

    /// When the request began, in Unix seconds.
    pub fn seconds(self) -> i64 {
        self.0.div_euclid(1_000_000_000)
    }
}

/// One API request as it is remembered. There is no value of a caller's in it: patterns, names and words are our own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestRecord {
    /// Its number.
    pub number: RequestNumber,
    /// The key that it named, where that was well formed, whether there is such a key or not.
    pub key: Option<KeyId>,
    /// An HTTP method of the standard's, or `OTHER`.
    pub method: String,
    /// The pattern of the route; empty where there is none.
    pub route: String,
    /// The customer in the path where the id was well formed, or the one that was created.
    pub customer: Option<CustomerId>,
    /// The customer's version after a write.
    pub version: Option<u64>,
    /// The names of known parameters in the query, with commas between them.
    pub query: String,
    /// The names of known members of the body, with commas between them.
    pub body: String,
    /// The status of the answer.
    pub status: u16,
    /// How long it took, in microseconds.
    pub micros: u64,
    /// Why the credentials were refused, which the caller is not told.
    pub refused: Option<String>,
    /// The rule that was broken, in the words of the rule.
    pub rule: Option<String>,
    /// The field that the rule is about.
    pub field: Option<String>,
}

impl RequestRecord {
    /// The mode that the request belongs to: its key's. One without a key id belongs to both.
    pub fn mode(&self) -> Option<Mode> {
        self.key.as_ref().map(KeyId::mode)
    }
}

/// A filter of the requests of a mode.
#[derive(Clone, Debug, Default)]
pub struct RequestFilter {
    /// `None` for any status.
    pub status: Option<std::ops::RangeInclusive<u16>>,
    pub of: Asking,
}

/// The sender of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Asking {
    #[default]
    Anybody,
    /// Requests with the id of this key.
    Key(KeyId),
    /// Requests with the id of no key.
    Unknown,
}

/// Where a page of a long list begins, newest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cursor {
    Newest,
    /// The next older ones.
    Before(RequestNumber),
    /// The next newer ones.
    After(RequestNumber),
}

/// A request in a list.
#[derive(Clone, Debug)]
pub struct RequestListed {
    pub record: RequestRecord,
    /// The mode of its customer, while that exists.
    pub customer_mode: Option<Mode>,
}
