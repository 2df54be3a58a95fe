//! When each secret of a key was last used, and from which network: kept in memory, stored in the background.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Mutex;

use super::Refused;
use crate::domain::{KeyId, SecretHash};
use crate::store::{KeyUse, Requester, SecretUse, Store};

/// How often the use of one secret is written down, in seconds.
const WRITTEN_EVERY: i64 = 60;

/// When the secrets of a key were last used, in Unix seconds; `None` where a secret never was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LastUse {
    /// The present secret.
    pub current: Option<i64>,
    /// The secret before it.
    pub previous: Option<i64>,
}

impl LastUse {
    /// The last use of either.
    pub fn any(&self) -> Option<i64> {
        self.current.max(self.previous)
    }
}

/// The uses since the start. At most two secrets a key, and only those that opened something.
#[derive(Default)]
pub(super) struct Uses(Mutex<HashMap<KeyId, Vec<Use>>>);

struct Use {
    secret: SecretHash,
    at: i64,
    network: IpAddr,
    written_at: Option<i64>,
}

impl Uses {
    /// Stores that a secret, known by its hash, admitted a request from this network.
    pub(super) fn note(&self, id: &KeyId, secret: &SecretHash, now: i64, network: IpAddr) {
        let Ok(mut keys) = self.0.lock() else { return };
        match keys.get_mut(id).and_then(|uses| uses.iter_mut().find(|each| each.secret == *secret)) {
            Some(each) => (each.at, each.network) = (now, network),
            None => {
                let secret = secret.clone();
                keys.entry(id.clone()).or_default().push(Use { secret, at: now, network, written_at: None });
            }
        }
    }

    /// Returns whether a secret of a key was last used from this network. Where the store cannot say so, it was not.
    pub(super) async fn is_known(&self, store: &Store, id: &KeyId, network: IpAddr) -> bool {
        let is_used =
            |keys: &HashMap<KeyId, Vec<Use>>| keys.get(id)?.iter().find(|each| each.network == network).map(drop);
        let is_noted = self.0.lock().is_ok_and(|keys| is_used(&keys).is_some());
        is_noted || store.has_network(id, network).await.unwrap_or(false)
    }

    /// Writes down what is new, each secret at most once a minute.
    pub(super) async fn flush(&self, store: &Store) {
        let due = self.due();
        if due.is_empty() {
            return;
        }
        match store.put_key_uses(due.clone()).await {
            Ok(()) => self.written(&due),
            // Tried again at the next flush.
            Err(error) => drop(Refused::from(error)),
        }
    }

    fn due(&self) -> Vec<SecretUse> {
        let Ok(keys) = self.0.lock() else { return Vec::new() };
        let is_due = |each: &Use| each.written_at.is_none_or(|at| each.at - at >= WRITTEN_EVERY);
        let uses = keys.iter().flat_map(|(id, uses)| uses.iter().map(move |each| (id, each)));
        let used = |(id, each): (&KeyId, &Use)| SecretUse {
            key: id.clone(),
            secret: each.secret.clone(),
            at: each.at,
            network: each.network,
        };
        uses.filter(|(_, each)| is_due(each)).map(used).collect()
    }

    fn written(&self, due: &[SecretUse]) {
        let Ok(mut keys) = self.0.lock() else { return };
        for SecretUse { key, secret, at, .. } in due {
            let Some(uses) = keys.get_mut(key) else { continue };
            if let Some(each) = uses.iter_mut().find(|each| each.secret == *secret) {
                each.written_at = Some(*at);
            }
            // Those before are over: a key has two secrets at most.
            let len = uses.len();
            uses.drain(..len.saturating_sub(2));
        }
    }

    pub(super) async fn last(&self, store: &Store) -> Result<HashMap<KeyId, LastUse>, Refused> {
        let mut last: HashMap<KeyId, LastUse> = HashMap::new();
        for KeyUse { key, is_previous, used_at } in store.list_key_uses().await? {
            let entry = last.entry(key).or_default();
            *(if is_previous { &mut entry.previous } else { &mut entry.current }) = Some(used_at);
        }
        for key in store.list_keys(Requester::HOUSE).await? {
            let previous = key.previous.as_ref().map(|(secret, _)| secret);
            let (current, previous) = (self.at(&key.id, Some(&key.secret)), self.at(&key.id, previous));
            if current.is_some() || previous.is_some() {
                let entry = last.entry(key.id).or_default();
                *entry = LastUse { current: entry.current.max(current), previous: entry.previous.max(previous) };
            }
        }
        Ok(last)
    }

    fn at(&self, id: &KeyId, secret: Option<&SecretHash>) -> Option<i64> {
        let keys = self.0.lock().ok()?;
        keys.get(id)?.iter().find(|each| Some(&each.secret) == secret).map(|each| each.at)
    }
}
