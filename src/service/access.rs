//! Keys: issue, import, rotate and revoke them, and check the credentials that a request brings.

use std::fmt;
use std::future::Future;
use std::net::IpAddr;
use std::sync::Arc;

use super::failures::{Failures, network};
use super::verification::{self, Crowded, Verification};
use super::{Ambient, Refused};
use crate::domain::{Key, KeyId, Mode, Secret};
use crate::store::{self, Store};

/// Failures a minute that one address may have with one key.
const FAILURES_OF_ADDRESS_AND_KEY: u32 = 20;
/// Failures a minute that one address may have with all keys. More, since many people may share an address.
const FAILURES_OF_ADDRESS: u32 = 60;
/// When somebody who found every slot taken should come back, in seconds.
const CROWDED_RETRY_AFTER: u64 = 1;

/// The keys of one store.
pub struct Access {
    store: Arc<Store>,
    ambient: Ambient,
    verification: Verification,
    failures_of_address: Failures<IpAddr>,
    failures_of_address_and_key: Failures<Party>,
}

/// Who fails: an address, with a key.
type Party = (IpAddr, KeyId);

/// Why credentials did not open anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotAdmitted {
    /// They are not right; the reason is for the log alone.
    Refused(&'static str),
    /// Too many wrong ones came from there: try again after this many seconds.
    TooMany(u64),
    /// Not now, but soon.
    Busy,
    /// Our own failure. Its cause is in the log.
    Failed,
}

impl From<Crowded> for NotAdmitted {
    fn from(_: Crowded) -> Self {
        Self::TooMany(CROWDED_RETRY_AFTER)
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

/// Why a key was not changed.
#[derive(Debug)]
pub enum KeyRefused {
    /// There is no such key.
    NotFound,
    /// There is a key of this id already.
    Exists,
    /// The key is revoked or expired, for good.
    Ended,
    /// A label has at most [`Key::LABEL_LEN_MAX`] characters, none of them a control character.
    Label,
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
            Self::Label => {
                write!(formatter, "a label has at most {} characters and no control characters", Key::LABEL_LEN_MAX)
            }
            Self::Store(Refused::Busy) => formatter.write_str("the database is busy or its disk is full; try again"),
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
    pub(super) fn new(store: Arc<Store>, ambient: Ambient) -> Self {
        Self {
            verification: Verification::new(&ambient),
            store,
            ambient,
            failures_of_address: Failures::new(FAILURES_OF_ADDRESS),
            failures_of_address_and_key: Failures::new(FAILURES_OF_ADDRESS_AND_KEY),
        }
    }

    /// Makes a new key, which ends after `lifetime` seconds where one is given. The secret is given out this once.
    pub async fn issue(&self, mode: Mode, label: &str, lifetime: Option<i64>) -> Result<(Key, Secret), KeyRefused> {
        let id = KeyId::new(mode, &self.ambient.random_text(KeyId::RANDOM_LEN));
        let secret = self.new_secret();
        let key = self.import(id, &secret, label, lifetime).await?;
        Ok((key, secret))
    }

    /// Takes in a key that was made elsewhere.
    pub async fn import(
        &self,
        id: KeyId,
        secret: &Secret,
        label: &str,
        lifetime: Option<i64>,
    ) -> Result<Key, KeyRefused> {
        if label.chars().count() > Key::LABEL_LEN_MAX || label.chars().any(char::is_control) {
            return Err(KeyRefused::Label);
        }
        let now = self.ambient.seconds();
        let key = Key {
            id,
            label: label.to_owned(),
            created_at: now,
            expires_at: lifetime.map(|seconds| now.saturating_add(seconds)),
            revoked_at: None,
            secret: verification::hash(secret, &self.ambient.random_bytes()),
            previous: None,
        };
        if self.store.insert_key(key.clone()).await? { Ok(key) } else { Err(KeyRefused::Exists) }
    }

    /// All keys, eldest first.
    pub async fn list(&self) -> Result<Vec<Key>, KeyRefused> {
        Ok(self.store.list_keys().await?)
    }

    /// Gives a key another secret, which is given out this once.
    pub async fn rotate(&self, id: &KeyId, old: OldSecret) -> Result<(Key, Secret), KeyRefused> {
        let secret = self.new_secret();
        let hash = verification::hash(&secret, &self.ambient.random_bytes());
        let now = self.ambient.seconds();
        let rotate = move |key: &mut Key| {
            if !key.is_live(now) {
                return Err(KeyRefused::Ended);
            }
            let ends_at = match old {
                OldSecret::EndsNow => now,
                OldSecret::EndsInADay => now + 24 * 60 * 60,
            };
            key.rotate(hash.clone(), ends_at);
            Ok(())
        };
        Ok((self.store.edit_key(id, rotate).await?, secret))
    }

    /// Ends a key at once and for good. Gives the key, which may have been revoked before.
    pub async fn revoke(&self, id: &KeyId) -> Result<Key, KeyRefused> {
        let now = self.ambient.seconds();
        let revoke = move |key: &mut Key| {
            key.revoked_at.get_or_insert(now);
            Ok::<_, KeyRefused>(())
        };
        Ok(self.store.edit_key(id, revoke).await?)
    }

    /// Checks credentials that came from an address. Looks at the key's row each time, so that a revoked or expired key is
    /// refused at its next request, whichever process revoked it.
    pub async fn check(&self, id: &str, secret: String, address: IpAddr) -> Result<Key, NotAdmitted> {
        let secret = Secret::given(secret);
        // No key looks like this, and everybody may know that: it needs no time.
        let id = KeyId::parse(id).ok_or(NotAdmitted::Refused("malformed key id"))?;
        let now = self.ambient.seconds();
        let key = self.store.find_key(&id).await.map_err(failed)?;
        if let Some(key) = key.as_ref().filter(|key| key.is_live(now))
            && key.hashes(now).any(|hash| self.verification.remembers(&secret, hash))
        {
            return Ok(key.clone());
        }

        let party = (network(address), id);
        match key {
            None => self.refuse_slowly("unknown key", secret, &party, now).await,
            Some(key) if key.revoked_at.is_some() => self.refuse_slowly("revoked key", secret, &party, now).await,
            Some(key) if !key.is_live(now) => self.refuse_slowly("expired key", secret, &party, now).await,
            Some(key) => {
                let hashes: Vec<_> = key.hashes(now).cloned().collect();
                let compute = || self.suspecting(&party, now, self.verification.compute(secret.clone(), hashes));
                let matches = self.verification.verify(&secret, &key.secret, compute).await?;
                if matches { Ok(key) } else { Err(NotAdmitted::Refused("wrong secret")) }
            }
        }
    }

    /// In the time that a wrong secret takes, so that nobody learns which half was right.
    async fn refuse_slowly(
        &self,
        reason: &'static str,
        secret: Secret,
        party: &Party,
        now: i64,
    ) -> Result<Key, NotAdmitted> {
        let nothing = self.verification.verify_nothing(secret);
        self.suspecting(party, now, async { nothing.await.map(|()| None::<()>) }).await?;
        Err(NotAdmitted::Refused(reason))
    }

    /// Computes a verification unless the party failed too often, and counts it where it fails.
    async fn suspecting<T>(
        &self,
        party: &Party,
        now: i64,
        computed: impl Future<Output = Result<Option<T>, Crowded>>,
    ) -> Result<Option<T>, NotAdmitted> {
        self.failures_of_address_and_key.suspect(party.clone(), now).map_err(NotAdmitted::TooMany)?;
        if let Err(seconds) = self.failures_of_address.suspect(party.0, now) {
            self.failures_of_address_and_key.clear(party);
            return Err(NotAdmitted::TooMany(seconds));
        }
        let outcome = computed.await;
        // Not a failure: it matched, or was never judged.
        if !matches!(outcome, Ok(None)) {
            self.failures_of_address_and_key.clear(party);
            self.failures_of_address.clear(&party.0);
        }
        Ok(outcome?)
    }

    fn new_secret(&self) -> Secret {
        Secret::given(self.ambient.random_text(Secret::LEN))
    }
}

fn failed(error: store::Error) -> NotAdmitted {
    match Refused::from(error) {
        Refused::Busy => NotAdmitted::Busy,
        _ => NotAdmitted::Failed,
    }
}
