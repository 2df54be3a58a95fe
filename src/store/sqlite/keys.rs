//! The table of API keys: find, list, insert, update.

use std::sync::Arc;

use rusqlite::{Connection, params};

use super::grants::{find_key, key_columns, read_key};
use super::{Error, Requester, Store, columns, customers};
use crate::domain::{Customer, CustomerId, Key, KeyId};

/// The reason why a key is admitted, and the customer that was asked for, if any.
type Admitted<A> = (A, Option<Result<Option<Customer>, Error>>);

impl Store {
    /// One key.
    pub async fn find_key(&self, id: &KeyId) -> Result<Option<Arc<Key>>, Error> {
        self.readers.with_key(id, |_, key| key)
    }

    /// One key and, if `admit` lets it in, a customer of its mode: both in one transaction. A customer that cannot be read is an error
    /// of its own.
    pub async fn find_key_and_customer<A>(
        &self,
        id: &KeyId,
        customer: Option<&CustomerId>,
        admit: impl FnOnce(&Key) -> Option<A>,
    ) -> Result<(Option<Arc<Key>>, Option<Admitted<A>>), Error> {
        self.readers.with_key(id, |connection, key| {
            let admitted = key.as_deref().and_then(admit).map(|admitted| {
                let found = customer.map(|customer| {
                    let row = self.readers.seen(customers::find(connection, id.mode(), customer))?;
                    Ok(row.map(|row| row.customer))
                });
                (admitted, found)
            });
            (key, admitted)
        })
    }

    /// All keys, eldest first.
    pub async fn list_keys(&self, requester: Requester) -> Result<Vec<Key>, Error> {
        self.readers.away_of(requester, list).await
    }

    /// Adds a key; gives whether its id was free.
    pub async fn insert_key(&self, requester: Requester, key: Key) -> Result<bool, Error> {
        self.act_of(requester, move |connection| Ok(insert(connection, &key)?)).await
    }

    /// Changes what may change of a key: its secrets, its end. Gives the key after it.
    pub async fn edit_key<R: Send + 'static>(
        &self,
        requester: Requester,
        id: &KeyId,
        decide: impl Fn(&mut Key) -> Result<(), R> + Send + 'static,
    ) -> Result<Key, Error<R>> {
        let id = id.clone();
        let act = move |connection: &_| {
            let mut key = find_key(connection, &id)?.ok_or(Error::Missing)?;
            decide(&mut key).map_err(Error::Refused)?;
            update(connection, &key)?;
            Ok(key)
        };
        self.act_of(requester, act).await
    }
}

/// Eldest first.
pub(super) fn list(connection: &Connection) -> rusqlite::Result<Vec<Key>> {
    const SQL: &str = concat!("SELECT ", key_columns!(), " FROM keys ORDER BY created_at, id");
    connection.prepare_cached(SQL)?.query_map([], read_key)?.collect()
}

/// Adds a key, unless its id is there already; gives whether it was not.
pub(super) fn insert(connection: &Connection, key: &Key) -> rusqlite::Result<bool> {
    const SQL: &str = "INSERT INTO keys
        (id, label, created_at, expires_at, secret_hash, maker_type, maker_id, maker_label)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (id) DO NOTHING";
    let (maker_type, maker_id, maker_label) = match &key.maker {
        Some(maker) => {
            let (kind, id, label) = columns::actor(maker);
            (Some(kind), id, Some(label))
        }
        None => (None, None, None),
    };
    let (id, secret) = (key.id.as_str(), key.secret.as_str());
    let values = params![id, key.label, key.created_at, key.expires_at, secret, maker_type, maker_id, maker_label];
    Ok(connection.prepare_cached(SQL)?.execute(values)? == 1)
}

/// Writes what may change of a key.
pub(super) fn update(connection: &Connection, key: &Key) -> rusqlite::Result<()> {
    const SQL: &str = "UPDATE keys SET revoked_at = ?2, secret_hash = ?3, previous_hash = ?4, previous_ends_at = ?5
        WHERE id = ?1";
    let previous_hash = key.previous.as_ref().map(|(hash, _)| hash.as_str());
    let previous_ends_at = key.previous.as_ref().map(|(_, ends_at)| ends_at);
    let values = params![key.id.as_str(), key.revoked_at, key.secret.as_str(), previous_hash, previous_ends_at];
    connection.prepare_cached(SQL)?.execute(values).map(drop)
}
