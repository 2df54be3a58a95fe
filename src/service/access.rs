//! Keys: issue, import, rotate and revoke them, and check the credentials that a request brings.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use super::failures::{Limits, wider_network};
use super::fair_slots::Crowded;
use super::uses::{LastUse, Uses};
use super::verification::Verification;
use super::{Ambient, Caller, Refused, Worlds};
use crate::domain::{Actor, Customer, CustomerId, Grant, Key, KeyId, Mode, Secret, SecretHash, label};
use crate::store::{self, Requester, Store};

/// The keys of one store.
#[derive(Clone)]
pub struct Access {
    store: Arc<Store>,
    ambient: Ambient,
    verification: Arc<Verification>,
    limits: Limits<KeyId>,
    uses: Arc<Uses>,
    requester: Requester,
}

/// An admitted request.
#[derive(Clone, Debug)]
pub struct Admission {
    /// The key.
    pub key: Arc<Key>,
    /// The credentials, to be checked again where the request acts.
    pub grant: Grant,
    /// The customer, if one was asked for.
    pub customer: Option<Result<Customer, Refused>>,
}

/// Why credentials did not open anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotAdmitted {
    /// They are not right; the reason is for the log alone.
    Refused(&'static str),
    /// Too many wrong ones came from there: try again after this many seconds.
    TooMany(u64),
    /// Too many credentials are being verified for others: not now, but soon.
    Crowded,
    /// Not now, but soon.
    Busy,
    /// Our own failure. Its cause is in the log.
    Failed,
}

impl From<Crowded> for NotAdmitted {
    fn from(_: Crowded) -> Self {
        Self::Crowded
    }
}

impl From<store::Error> for NotAdmitted {
    fn from(error: store::Error) -> Self {
        match Refused::from(error) {
            Refused::Busy | Refused::Full => Self::Busy,
            _ => Self::Failed,
        }
    }
}

/// What becomes of the secret before, when a key is rotated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OldSecret {
    /// It ends at once.
    EndsNow,
    /// It works for another 24 hours.
    EndsInADay,
}

impl OldSecret {
    /// A day, in seconds.
    pub const A_DAY: i64 = 24 * 60 * 60;
}

/// Why a key was not changed.
#[derive(Debug)]
pub enum KeyRefused {
    /// There is no such key.
    NotFound,
    /// There is a key of this id already.
    Exists,
    /// The key is revoked or expired, for good.
    Ended,
    /// The key is the emulator's, whose secret everybody knows.
    Known,
    /// The label is too long, or misleads: what is wrong with it, after "the label".
    Label(String),
    /// The store refused.
    Store(Refused),
}

impl fmt::Display for KeyRefused {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound => formatter.write_str("there is no such key; `patron key list` shows all"),
            Self::Exists => formatter.write_str("there is a key of this id already; rotate or revoke that one"),
            Self::Ended => {
                formatter.write_str("the key is revoked or expired; make a new one with `patron key create`")
            }
            Self::Known => formatter.write_str(
                "it is the key of `patron emulate`, and everybody knows it; make another with `patron key create`",
            ),
            Self::Label(fault) => write!(formatter, "the label {fault}"),
            Self::Store(Refused::Full) => {
                formatter.write_str("the disk is full; nothing was changed; make room and try again")
            }
            Self::Store(Refused::Busy) => formatter.write_str("the database is busy or cannot be written; try again"),
            Self::Store(_) => formatter.write_str("the database failed; the log says why"),
        }
    }
}

impl From<store::Error<KeyRefused>> for KeyRefused {
    fn from(error: store::Error<KeyRefused>) -> Self {
        match error {
            store::Error::Missing => Self::NotFound,
            store::Error::Refused(refused) => refused,
            other => Self::Store(other.map_refused(|_| Refused::Failed).into()),
        }
    }
}

impl From<store::Error> for KeyRefused {
    fn from(error: store::Error) -> Self {
        Self::Store(error.into())
    }
}

impl Access {
    pub(super) fn new(store: Arc<Store>, ambient: Ambient, verification: Arc<Verification>) -> Self {
        Self { verification, store, ambient, limits: Limits::new(), uses: Arc::default(), requester: Requester::HOUSE }
    }

    /// The same, for what a person asks for: nothing is done where their session or role has ended by then.
    pub fn on_behalf_of(&self, caller: &Caller) -> Self {
        Self { requester: caller.requester(), ..self.clone() }
    }

    /// Makes a new key, which ends after `lifetime` seconds where one is given. The secret is given out this once.
    pub async fn issue(
        &self,
        maker: Actor,
        mode: Mode,
        label: &str,
        lifetime: Option<i64>,
    ) -> Result<(Key, Secret), KeyRefused> {
        let id = KeyId::new(mode, &self.ambient.random_text(KeyId::RANDOM_LEN));
        let secret = self.new_secret();
        let key = self.import(maker, id, &secret, label, lifetime).await?;
        Ok((key, secret))
    }

    /// Takes in a key that was made elsewhere.
    pub async fn import(
        &self,
        maker: Actor,
        id: KeyId,
        secret: &Secret,
        label: &str,
        lifetime: Option<i64>,
    ) -> Result<Key, KeyRefused> {
        if let Some(fault) = label::fault(label, Key::LABEL_LEN_MAX) {
            return Err(KeyRefused::Label(fault));
        }
        if Worlds::is_known(&id) {
            return Err(KeyRefused::Known);
        }
        let now = self.ambient.seconds();
        let key = Key {
            id,
            label: label.to_owned(),
            created_at: now,
            expires_at: lifetime.map(|seconds| now.saturating_add(seconds)),
            revoked_at: None,
            secret: self.hash(secret).await,
            previous: None,
            maker: Some(maker),
        };
        if self.store.insert_key(self.requester.clone(), key.clone()).await? {
            Ok(key)
        } else {
            Err(KeyRefused::Exists)
        }
    }

    /// All keys, eldest first.
    pub async fn list(&self) -> Result<Vec<Key>, KeyRefused> {
        Ok(self.store.list_keys(self.requester.clone()).await?)
    }

    /// Whether a key's time is over.
    pub fn has_expired(&self, key: &Key) -> bool {
        key.expires_at.is_some_and(|at| at <= self.ambient.seconds())
    }

    /// One key.
    pub async fn fetch(&self, id: &KeyId) -> Result<Key, KeyRefused> {
        self.store.find_key(id).await?.map(Arc::unwrap_or_clone).ok_or(KeyRefused::NotFound)
    }

    /// Gives a key another secret, which is given out this once.
    pub async fn rotate(&self, id: &KeyId, old: OldSecret) -> Result<(Key, Secret), KeyRefused> {
        let secret = self.new_secret();
        let hash = self.hash(&secret).await;
        let now = self.ambient.seconds();
        let rotate = move |key: &mut Key| {
            if !key.is_live(now) {
                return Err(KeyRefused::Ended);
            }
            let ends_at = match old {
                // Before any request: one that waits was admitted earlier than now.
                OldSecret::EndsNow => 0,
                OldSecret::EndsInADay => now + OldSecret::A_DAY,
            };
            key.rotate(hash.clone(), ends_at);
            Ok(())
        };
        Ok((self.store.edit_key(self.requester.clone(), id, rotate).await?, secret))
    }

    /// Ends a key at once and for good. Gives the key, which may have been revoked before.
    pub async fn revoke(&self, id: &KeyId) -> Result<Key, KeyRefused> {
        let now = self.ambient.seconds();
        let revoke = move |key: &mut Key| {
            key.revoked_at.get_or_insert(now);
            Ok::<_, KeyRefused>(())
        };
        Ok(self.store.edit_key(self.requester.clone(), id, revoke).await?)
    }

    /// Checks credentials that came from an address and, if they hold, reads the customer that is asked for in the same transaction.
    /// A key that was revoked by any process or has expired is refused at its next request.
    pub async fn check(
        &self,
        id: &str,
        secret: Secret,
        address: IpAddr,
        customer: Option<&CustomerId>,
    ) -> Result<Admission, NotAdmitted> {
        // No key looks like this, and everybody may know that: it needs no time.
        let id = KeyId::parse(id).ok_or(NotAdmitted::Refused("malformed key id"))?;
        let (now, network) = (self.ambient.seconds(), wider_network(address));
        let remembered = |key: &Key| {
            let mut hashes = key.hashes(now).filter(|_| key.is_live(now));
            hashes.find(|hash| self.verification.remembers(&secret, hash)).cloned()
        };
        let (key, admitted) = self.store.find_key_and_customer(&id, customer, remembered).await?;
        if let Some((key, (hash, found))) = key.as_ref().zip(admitted) {
            return Ok(self.admission(key.clone(), hash, (now, network), found));
        }

        let refusal = match &key {
            None => "unknown key",
            Some(key) if key.revoked_at.is_some() => "revoked key",
            Some(key) if !key.is_live(now) => "expired key",
            Some(_) => "wrong secret",
        };
        if let Some(key) = key.filter(|key| key.is_live(now)) {
            let hashes: Vec<_> = key.hashes(now).cloned().collect();
            let (limits, verification, asked) = (self.limits.clone(), self.verification.clone(), secret.clone());
            let learn = move |rank| verification.learn(asked, hashes, rank);
            let is_known = self.uses.is_known(&self.store, &key.id, network).await;
            let compute = async move || limits.watch(address, id, now, is_known, learn).await;
            if let Some(hash) = self.verification.verify(&secret, &key.secret, compute).await? {
                // The verification waited for its turn: the key may have ended since.
                let now = self.ambient.seconds();
                let still = |key: &Key| key.admits(&hash, now).then_some(());
                let (key, admitted) = self.store.find_key_and_customer(&key.id, customer, still).await?;
                let Some((key, ((), found))) = key.zip(admitted) else {
                    return Err(NotAdmitted::Refused("ended key"));
                };
                return Ok(self.admission(key, hash, (now, network), found));
            }
        } else {
            // In the time that a wrong secret takes, so that nobody learns which half was right.
            let compute = |rank| self.verification.compute_nothing(secret, rank);
            self.limits.watch(address, id, now, false, compute).await?;
        }
        Err(NotAdmitted::Refused(refusal))
    }

    fn admission(
        &self,
        key: Arc<Key>,
        hash: SecretHash,
        (at, network): (i64, IpAddr),
        found: Option<Result<Option<Customer>, store::Error>>,
    ) -> Admission {
        self.uses.note(&key.id, &hash, at, network);
        let grant = Grant::Key { id: key.id.clone(), hash, at };
        Admission { key, grant, customer: found.map(|found| found?.ok_or(Refused::NotFound)) }
    }

    /// Forgets who has failed how often.
    pub(super) fn forget_failures(&self) {
        self.limits.forget();
    }

    /// Off the async threads: the pages make keys too.
    async fn hash(&self, secret: &Secret) -> SecretHash {
        self.verification.hash(secret.clone(), self.ambient.random_bytes()).await
    }

    /// What hashing costs here.
    pub(super) async fn hash_for_nothing(&self, secret: Secret) {
        drop(self.hash(&secret).await);
    }

    /// Writes down the uses of secrets that are due.
    pub(super) async fn flush_uses(&self) {
        self.uses.flush(&self.store).await;
    }

    /// When the secrets of each key were last used. Keys that were never used are not there.
    pub async fn last_uses(&self) -> Result<HashMap<KeyId, LastUse>, Refused> {
        self.uses.last(&self.store).await
    }

    fn new_secret(&self) -> Secret {
        Secret::given(self.ambient.random_text(Secret::LEN))
    }
}
