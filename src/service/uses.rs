//! When each secret of a key was last used: remembered here, written down in the background.

use std::collections::HashMap;
use std::sync::Mutex;

use super::Refused;
use crate::domain::{KeyId, SecretHash};
use crate::store::{KeyUse, Store};

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
    written_at: Option<i64>,
}

impl Uses {
    /// A secret, known by its hash, opened something.
    pub(super) fn note(&self, id: &KeyId, secret: &SecretHash, now: i64) {
        let Ok(mut keys) = self.0.lock() else { return };
        match keys.get_mut(id).and_then(|uses| uses.iter_mut().find(|each| each.secret == *secret)) {
            Some(each) => each.at = now,
            None => keys.entry(id.clone()).or_default().push(Use { secret: secret.clone(), at: now, written_at: None }),
        }
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

    fn due(&self) -> Vec<(KeyId, SecretHash, i64)> {
        let Ok(keys) = self.0.lock() else { return Vec::new() };
        let is_due = |each: &Use| each.written_at.is_none_or(|at| each.at - at >= WRITTEN_EVERY);
        let uses = keys.iter().flat_map(|(id, uses)| uses.iter().map(move |each| (id, each)));
        uses.filter(|(_, each)| is_due(each)).map(|(id, each)| (id.clone(), each.secret.clone(), each.at)).collect()
    }

    fn written(&self, due: &[(KeyId, SecretHash, i64)]) {
        let Ok(mut keys) = self.0.lock() else { return };
        for (id, secret, at) in due {
            let Some(uses) = keys.get_mut(id) else { continue };
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
        for key in store.list_keys().await? {
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
