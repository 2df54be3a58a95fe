//! Who may ask: keys, secrets, and the actor that a history names.

use std::fmt;

use zeroize::Zeroizing;

use super::{Email, Mode};

/// What a key is called: `rzp_test_` or `rzp_live_`, then 14 base-62 characters.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct KeyId(String);

impl KeyId {
    /// The random characters of a key id.
    pub const RANDOM_LEN: usize = 14;

    /// Reads a key id.
    pub fn parse(text: &str) -> Option<Self> {
        let random = text.strip_prefix("rzp_test_").or_else(|| text.strip_prefix("rzp_live_"))?;
        is_base62(random, Self::RANDOM_LEN).then(|| Self(text.to_owned()))
    }

    /// Makes the id of a new key from 14 random base-62 characters.
    pub fn new(mode: Mode, random: &str) -> Self {
        Self(format!("rzp_{}_{random}", mode.as_str()))
    }

    /// A key id as the store kept it.
    pub fn stored(text: String) -> Self {
        Self(text)
    }

    /// The id, prefix included.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The mode that the key opens.
    pub fn mode(&self) -> Mode {
        if self.0.starts_with("rzp_live_") { Mode::Live } else { Mode::Test }
    }
}

fn is_base62(text: &str, len: usize) -> bool {
    text.len() == len && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// A secret in the clear: shown once and stored nowhere. It is wiped when it is dropped, `{:?}` says no more than what it is,
/// and there is no other way to write it but on purpose:
///
/// ```
/// let secret = patron::domain::Secret::given("open sesame".into());
/// assert_eq!(format!("{secret:?}"), "Secret");
/// ```
///
/// ```compile_fail,E0277
/// let secret = patron::domain::Secret::given("open sesame".into());
/// format!("{secret}");
/// ```
///
/// ```compile_fail,E0277
/// let secret = patron::domain::Secret::given("open sesame".into());
/// serde_json::to_string(&secret);
/// ```
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// The characters of a key's secret.
    pub const LEN: usize = 24;

    /// Reads a key's secret: 24 base-62 characters.
    pub fn parse(text: &str) -> Option<Self> {
        is_base62(text, Self::LEN).then(|| Self::given(text.to_owned()))
    }

    /// Whatever somebody claims to be the secret.
    pub fn given(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The secret in the clear: to hash it, to compare it, or to show it the one time.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret")
    }
}

/// What is stored of a secret: its argon2id hash in the PHC string format.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct SecretHash(String);

impl SecretHash {
    /// A hash in the PHC string format.
    pub fn new(phc: String) -> Self {
        Self(phc)
    }

    /// The PHC string.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SecretHash")
    }
}

/// An API key as it is stored. All times are Unix seconds.
#[derive(Clone, Debug)]
pub struct Key {
    /// Its id, which decides its mode.
    pub id: KeyId,
    /// What people call it.
    pub label: String,
    /// When it was made.
    pub created_at: i64,
    /// From when on it is refused.
    pub expires_at: Option<i64>,
    /// When it was revoked.
    pub revoked_at: Option<i64>,
    /// The hash of its secret.
    pub secret: SecretHash,
    /// During a rotation: the hash of the secret before, and from when on that is refused.
    pub previous: Option<(SecretHash, i64)>,
    /// Who made it, where that is known.
    pub maker: Option<Actor>,
}

impl Key {
    /// The most characters of a label.
    pub const LABEL_LEN_MAX: usize = 100;

    /// Whether the key opens anything at this time.
    pub fn is_live(&self, now: i64) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|at| now < at)
    }

    /// The hashes that a secret may match at this time: one, or two during a rotation.
    pub fn hashes(&self, now: i64) -> impl Iterator<Item = &SecretHash> {
        let previous = self.previous.as_ref().filter(|(_, ends_at)| now < *ends_at).map(|(hash, _)| hash);
        std::iter::once(&self.secret).chain(previous)
    }

    /// Returns whether a secret with this hash still opens something at this time.
    pub fn admits(&self, hash: &SecretHash, at: i64) -> bool {
        self.is_live(at) && self.hashes(at).any(|each| each == hash)
    }

    /// Gives the key another secret. The previous one ends at `ends_at`; the one before that ends immediately.
    pub fn rotate(&mut self, secret: SecretHash, ends_at: i64) {
        let previous = std::mem::replace(&mut self.secret, secret);
        self.previous = Some((previous, ends_at));
    }
}

/// What a staff member is called inside: `staff_`, then 14 base-62 characters.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct StaffId(String);

impl StaffId {
    /// The random characters of an id.
    pub const RANDOM_LEN: usize = 14;

    /// Makes the id of a new person from 14 random base-62 characters.
    pub fn new(random: &str) -> Self {
        Self(format!("staff_{random}"))
    }

    /// An id as the store kept it, or as somebody claims it to be.
    pub fn stored(text: String) -> Self {
        Self(text)
    }

    /// The id, prefix included.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a staff member may do. Each may do what the ones after it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Reads customers and their history.
    Viewer,
    /// Also edits customers and undoes edits.
    Editor,
    /// Everything: keys, staff and requests too.
    Owner,
}

impl Role {
    /// All roles, from the least to the most.
    pub const ALL: [Self; 3] = [Self::Viewer, Self::Editor, Self::Owner];

    /// Reads `viewer`, `editor` or `owner`.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == text)
    }

    /// `viewer`, `editor` or `owner`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Editor => "editor",
            Self::Owner => "owner",
        }
    }
}

/// A person who may sign in to the console. All times are Unix seconds.
#[derive(Clone, Debug)]
pub struct Staff {
    /// Their id.
    pub id: StaffId,
    /// The email that they sign in with.
    pub email: Email,
    /// What they may do.
    pub role: Role,
    /// The hash of their password; `None` until they have chosen one.
    pub password: Option<SecretHash>,
    /// When they were added.
    pub created_at: i64,
    /// When they were disabled.
    pub disabled_at: Option<i64>,
}

impl Staff {
    /// Returns whether a password with this hash still lets the person in.
    pub fn signs_in_with(&self, password: &SecretHash) -> bool {
        self.disabled_at.is_none() && self.password.as_ref() == Some(password)
    }
}

/// Somebody who is signed in with one browser. All times are Unix seconds.
#[derive(Clone, Debug)]
pub struct Session {
    /// The hash of the token in the browser's cookie, which also names the session.
    pub hash: String,
    /// Whose it is.
    pub staff: StaffId,
    /// When they signed in.
    pub created_at: i64,
    /// Their last request, to the minute.
    pub seen_at: i64,
    /// What the browser called itself.
    pub agent: String,
}

impl Session {
    /// Ends after this many idle seconds.
    pub const IDLE_MAX: i64 = 30 * 60;
    /// Ends after this many seconds in any case.
    pub const AGE_MAX: i64 = 12 * 60 * 60;
    /// The most characters kept of what a browser calls itself.
    pub const AGENT_LEN_MAX: usize = 200;

    /// Whether the session still is one at this time.
    pub fn is_live(&self, now: i64) -> bool {
        now - self.seen_at < Self::IDLE_MAX && now - self.created_at < Self::AGE_MAX
    }

    /// Returns whether the session lets its person in at this time, with at least this role.
    pub fn admits(&self, staff: &Staff, least: Role, at: i64) -> bool {
        self.is_live(at) && staff.disabled_at.is_none() && staff.role >= least
    }
}

/// The credentials that a request was admitted with. A request waits, for its body or its turn, so they are checked again where it acts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Grant {
    /// A secret of a key, by the hash that it matched.
    Key {
        /// The key.
        id: KeyId,
        /// The stored hash.
        hash: SecretHash,
        /// When it was admitted, in Unix seconds.
        at: i64,
    },
    /// A session with at least a role.
    Session {
        /// The hash of its token.
        hash: String,
        /// The role that the request needs.
        least: Role,
        /// When it was admitted, in Unix seconds.
        at: i64,
    },
}

/// A link that lets somebody choose a password, once.
#[derive(Clone, Debug)]
pub struct Link {
    /// The hash of the token in it.
    pub hash: String,
    /// For whom; `None` is for whoever becomes the first owner.
    pub staff: Option<StaffId>,
    /// Until when, in Unix seconds.
    pub ends_at: i64,
}

/// Who asked for an edit, as they were called then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Actor {
    /// An application, by its key.
    Key {
        /// The key.
        id: KeyId,
        /// Its label at the time.
        label: String,
    },
    /// A staff member, in the console.
    Staff {
        id: StaffId,
        /// Their email at the time.
        email: String,
    },
    /// Somebody at the command line of the machine.
    Command {
        /// The command.
        name: String,
    },
}

/// A person in the list of staff.
#[derive(Clone, Debug)]
pub struct StaffListed {
    pub staff: Staff,
    /// The number of sessions that are not over.
    pub sessions: u64,
    /// The time of the last request, in Unix seconds.
    pub seen_at: Option<i64>,
    /// The end of the link to set a password, in Unix seconds.
    pub link_ends_at: Option<i64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_ids_and_secrets_have_their_lengths() {
        assert!(KeyId::parse("rzp_test_1DP5mmOlF5G5ag").is_some());
        assert_eq!(KeyId::parse("rzp_live_1DP5mmOlF5G5ag").map(|id| id.mode()), Some(Mode::Live));
        for text in [
            "rzp_test_1DP5mmOlF5G5a",
            "rzp_test_1DP5mmOlF5G5agg",
            "rzp_prod_1DP5mmOlF5G5ag",
            "rzp_test_1DP5mmOlF5G5a-",
            "",
        ] {
            assert_eq!(KeyId::parse(text), None);
        }
        assert!(Secret::parse(&"a".repeat(24)).is_some());
        assert!(Secret::parse(&"a".repeat(23)).is_none());
        assert!(Secret::parse(&"a".repeat(25)).is_none());
    }

    #[test]
    fn secrets_do_not_show_themselves() {
        assert_eq!(format!("{:?}", Secret::given("open sesame".into())), "Secret");
        assert_eq!(format!("{:?}", SecretHash::new("$argon2id$".into())), "SecretHash");
    }

    #[test]
    fn secrets_are_wiped_when_they_are_dropped() {
        fn wipes<T: zeroize::ZeroizeOnDrop>(_: &T) {}
        let Secret(kept) = &Secret::given("open sesame".into());
        wipes(kept);
        assert!(std::mem::needs_drop::<Secret>());
    }

    #[test]
    fn a_third_rotation_ends_the_eldest_at_once() {
        let hash = |name: &str| SecretHash::new(name.into());
        let id = KeyId::new(Mode::Test, "1DP5mmOlF5G5ag");
        let mut key = Key {
            id,
            label: String::new(),
            created_at: 0,
            expires_at: None,
            revoked_at: None,
            secret: hash("one"),
            previous: None,
            maker: None,
        };
        key.rotate(hash("two"), 100);
        assert!(key.hashes(99).eq(&[hash("two"), hash("one")]));
        assert!(key.hashes(100).eq(&[hash("two")]));
        key.rotate(hash("three"), 200);
        assert!(key.hashes(99).eq(&[hash("three"), hash("two")]));
    }

    #[test]
    fn a_key_ends_when_it_expires() {
        let id = KeyId::new(Mode::Test, "1DP5mmOlF5G5ag");
        let secret = SecretHash::new(String::new());
        let key = Key {
            id,
            label: String::new(),
            created_at: 0,
            expires_at: Some(10),
            revoked_at: None,
            secret,
            previous: None,
            maker: None,
        };
        assert!(key.is_live(9));
        assert!(!key.is_live(10));
    }
}
