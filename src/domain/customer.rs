//! The customer, its world and its id.

use super::{Complaint, Contact, Email, Field, Gstin, Invalid, Name, Notes, Rejection};

/// Which of the two worlds a customer or a key belongs to. They never see each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// For trying things out.
    Test,
    /// For real.
    Live,
}

impl Mode {
    /// `test` or `live`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Test => "test",
            Self::Live => "live",
        }
    }
}

/// What a customer is called by programs: a prefix of 5 characters, then 14 base-62 characters.
///
/// Ids made here start with `cust_`. Another prefix is well formed too: such an id is merely nobody's.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CustomerId(String);

impl CustomerId {
    const PREFIX: &str = "cust_";
    const PREFIX_LEN: usize = 5;
    const REST_LEN: usize = 14;
    /// 2014-01-01T00:00:00Z, from which ids count nanoseconds.
    pub(crate) const EPOCH_SECONDS: u64 = 1_388_534_400;

    /// Whether ids made here look like this one.
    pub fn is_ours(&self) -> bool {
        self.0.starts_with(Self::PREFIX)
    }

    /// Reads an id. What is malformed comes back without its first five characters, whatever they are.
    pub fn parse(text: &str) -> Result<Self, String> {
        let rest = text.char_indices().nth(Self::PREFIX_LEN).map_or("", |(at, _)| &text[at..]);
        let well_formed = rest.len() == Self::REST_LEN && rest.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if well_formed { Ok(Self(text.to_owned())) } else { Err(rest.to_owned()) }
    }

    /// Makes the id of a customer created now: 10 base-62 digits count the nanoseconds since 2014, big end first, so that
    /// ids sort by creation; the last 4 are the given random ones. The count fits ten digits until August 2040.
    pub fn new(now_nanos: u64, random: [u8; 4]) -> Self {
        let mut count = now_nanos.saturating_sub(Self::EPOCH_SECONDS * 1_000_000_000);
        let mut digits = [0; 10];
        for digit in digits.iter_mut().rev() {
            *digit = base62_digit(count);
            count /= 62;
        }
        let rest = digits.into_iter().chain(random.map(|byte| base62_digit(byte.into())));
        Self(Self::PREFIX.chars().chain(rest.map(char::from)).collect())
    }

    /// An id as the store kept it.
    pub fn stored(text: String) -> Self {
        Self(text)
    }

    /// The id, prefix included.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The base-62 digit for a number, of which only the remainder by 62 counts. The digits ascend bytewise.
pub(crate) fn base62_digit(number: u64) -> u8 {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    DIGITS[(number % 62) as usize]
}

/// A customer as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Customer {
    /// Its id.
    pub id: CustomerId,
    /// Its world.
    pub mode: Mode,
    /// Its name, if set.
    pub name: Option<Name>,
    /// Its email address, if set.
    pub email: Option<Email>,
    /// Its contact, if set.
    pub contact: Option<Contact>,
    /// Its GSTIN, if set.
    pub gstin: Option<Gstin>,
    /// Its notes.
    pub notes: Notes,
    /// When it was created, in Unix seconds.
    pub created_at: i64,
    /// How many revisions it has: 1 once created, one more for each edit that changed something; 0 while blank.
    pub version: u64,
}

impl Customer {
    /// A customer of whom nothing is known yet. Creating is an edit of this.
    pub fn blank(id: CustomerId, mode: Mode, created_at: i64) -> Self {
        Self {
            id,
            mode,
            name: None,
            email: None,
            contact: None,
            gstin: None,
            notes: Notes::default(),
            created_at,
            version: 0,
        }
    }

    /// Holds the customer against the rules that no single field can be held against.
    pub fn judged(self) -> Result<Self, Rejection> {
        let mut complaints = Vec::new();
        if self.notes.pairs().len() > Notes::PAIRS_MAX {
            complaints.push(Complaint::of(Field::Notes, Notes::TOO_MANY));
        }
        if !self.is_knowable() {
            complaints.push(Complaint::of(Field::Customer, Invalid::UNKNOWABLE));
        }
        Rejection::of(complaints).map_or(Ok(self), Err)
    }

    /// Whether there is anything to find the customer by again: a name, an email or a contact.
    fn is_knowable(&self) -> bool {
        self.name.is_some() || self.email.is_some() || self.contact.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_parsed_by_length_whatever_the_prefix() {
        assert!(CustomerId::parse("cust_1Aa00000000004").is_ok());
        assert!(CustomerId::parse("plan_1Aa00000000004").is_ok());
        for (text, rest) in [
            ("cust_abc", "abc"),
            ("cust", ""),
            ("", ""),
            ("cust_", ""),
            ("cust_1Aa0000000000", "1Aa0000000000"),
            ("cust_1Aa000000000045", "1Aa000000000045"),
            ("cust_1Aa0000000000-", "1Aa0000000000-"),
            ("éééééé", "é"),
        ] {
            assert_eq!(CustomerId::parse(text), Err(rest.to_owned()));
        }
    }

    #[test]
    fn ids_sort_by_creation() {
        let first = CustomerId::new(1_582_033_731_000_000_000, [61; 4]);
        let second = CustomerId::new(1_582_033_731_000_000_001, [0; 4]);
        assert!(first.as_str() < second.as_str());
        assert_eq!(first.as_str(), "cust_EIECESKRDEzzzz");
        assert!(CustomerId::parse(first.as_str()).is_ok());
    }
}
