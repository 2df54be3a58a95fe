//! Which worlds there are, and whose each is: the documented key's from the start, and one for each other test key that comes with
//! the documented secret.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::RwLock;

use super::{NotDone, World};
use crate::domain::{Actor, Key, KeyId, Mode, Secret, SecretHash};
use crate::service::Refused;
use crate::store::{Requester, Store};

/// The hash of [`Worlds::SECRET`], for hashing it would take longer than all else at a start.
const HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$cGF0cm9uIGVtdWxhdGUhIQ$wvpxi1lVE0IdQChPEXlSVFJn6KPUVdVDBsNHaYh24PQ";

/// The worlds of an emulator.
pub struct Worlds {
    first: Arc<World>,
    others: RwLock<HashMap<String, Arc<World>>>,
    others_max: usize,
}

impl Worlds {
    /// The id of the key that is there from the start. Everybody knows it.
    pub const KEY_ID: &str = "rzp_test_EmulatorKey001";
    /// The secret of all keys. Everybody knows it.
    pub const SECRET: &str = "EmulatorSecretForTests01";

    /// An emulator whose first world is in this store, and up to so many others in memory. The error is a sentence.
    pub async fn over(store: Store, others_max: usize) -> Result<Self, String> {
        let failed = |_| "the database failed; the log line above says why".to_owned();
        let id = KeyId::stored(Self::KEY_ID.to_owned());
        let keys = store.list_keys(Requester::HOUSE).await.map_err(failed)?;
        let is_blank = async || Ok(!store.any_staff().await? && store.revisions().await? == 0);
        let may_be_erased = if keys.is_empty() { is_blank().await.map_err(failed)? } else { keys.iter().all(is_ours) };
        if !may_be_erased {
            let sentence = "the file was not made by `patron emulate`, whose tests would erase what is in it; give one that is \
                            not there yet, or none, to keep all in memory";
            return Err(sentence.to_owned());
        }
        let first = open(store, id).await.map_err(|_| "the database failed; the log line above says why".to_owned())?;
        Ok(Self { first: Arc::new(first), others: RwLock::default(), others_max })
    }

    /// Whether a key is the documented one, which nothing but an emulator may have.
    pub fn is_known(id: &KeyId) -> bool {
        id.as_str() == Self::KEY_ID
    }

    /// The world of the documented key.
    pub fn first(&self) -> &Arc<World> {
        &self.first
    }

    /// The world that credentials open. Those of a test key not seen before open a new one; those that open none are for the
    /// first to refuse.
    pub async fn enter(&self, id: &str, secret: &Secret) -> Result<Arc<World>, NotDone> {
        let known = KeyId::parse(id).filter(|id| id.mode() == Mode::Test && self.others_max > 0);
        let Some(key) = known.filter(|_| id != Self::KEY_ID && secret.reveal() == Self::SECRET) else {
            return Ok(self.first.clone());
        };
        if let Some(world) = self.others.read().await.get(id) {
            return Ok(world.clone());
        }
        let mut others = self.others.write().await;
        if let Some(world) = others.get(id) {
            return Ok(world.clone());
        }
        if others.len() >= self.others_max {
            return Err(NotDone::TooManyWorlds(self.others_max));
        }
        // Nobody searches in it: pages show the first.
        let store = Store::in_memory(false).map_err(|unusable| {
            tracing::error!(%unusable, "a world could not be made");
            NotDone::Refused(Refused::Failed)
        })?;
        let world = Arc::new(open(store, key).await?);
        others.insert(id.to_owned(), world.clone());
        Ok(world)
    }

    /// All worlds, the first one first.
    pub async fn all(&self) -> Vec<Arc<World>> {
        let others = self.others.read().await;
        std::iter::once(&self.first).chain(others.values()).cloned().collect()
    }

    /// Ends all worlds but the first, with all that is in them.
    pub async fn end_others(&self) {
        let others = std::mem::take(&mut *self.others.write().await);
        // Their threads end, which waits for what they do.
        let ended = tokio::task::spawn_blocking(move || others.values().for_each(|world| world.services.close()));
        let _ = ended.await;
    }

    pub(super) fn secret() -> Secret {
        Secret::given(Self::SECRET.to_owned())
    }
}

/// Whether an emulator made the key, and nobody took the file from it by ending that.
fn is_ours(key: &Key) -> bool {
    Worlds::is_known(&key.id) && key.maker == Some(maker()) && key.revoked_at.is_none()
}

fn maker() -> Actor {
    Actor::Command { name: "emulate".to_owned() }
}

/// A world with its key.
async fn open(store: Store, id: KeyId) -> Result<World, NotDone> {
    let hash = SecretHash::new(HASH.to_owned());
    let world = World::over(store, id.clone(), &hash).await?;
    let key = Key {
        id,
        label: "emulator".to_owned(),
        created_at: world.services.now(),
        expires_at: None,
        revoked_at: None,
        secret: hash,
        previous: None,
        maker: Some(maker()),
    };
    // In a file that it was in before, it stays.
    world.services.store.insert_key(Requester::HOUSE, key).await?;
    Ok(world)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::hashing;

    #[test]
    fn the_hash_is_of_the_documented_secret() {
        assert!(hashing::tests::matches(&Worlds::secret(), &SecretHash::new(HASH.to_owned())));
        assert!(Secret::parse(Worlds::SECRET).is_some() && KeyId::parse(Worlds::KEY_ID).is_some());
    }
}
