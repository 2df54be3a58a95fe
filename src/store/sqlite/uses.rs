//! The table of key uses: when each secret was last used, and from which network.

use std::net::IpAddr;

use rusqlite::{Connection, Row, params};

use super::{Error, Store};
use crate::domain::KeyId;
use crate::store::{KeyUse, SecretUse};

impl Store {
    /// Stores the last uses of secrets.
    pub async fn put_key_uses(&self, uses: Vec<SecretUse>) -> Result<(), Error> {
        self.act(move |connection| Ok(uses.iter().try_for_each(|each| put(connection, each))?)).await
    }

    /// Returns whether a secret of a key was last used from this network.
    pub async fn has_network(&self, id: &KeyId, network: IpAddr) -> Result<bool, Error> {
        const SQL: &str = "SELECT EXISTS (SELECT 1 FROM key_uses WHERE key_id = ?1 AND network = ?2)";
        self.readers.here(|connection| {
            connection.prepare_cached(SQL)?.query_row([id.as_str(), &network.to_string()], |row| row.get(0))
        })
    }

    /// When the secrets that keys have were last used.
    pub async fn list_key_uses(&self) -> Result<Vec<KeyUse>, Error> {
        self.readers.away(list).await
    }
}

fn put(connection: &Connection, used: &SecretUse) -> rusqlite::Result<()> {
    const PUT: &str = "INSERT INTO key_uses (key_id, secret_hash, used_at, network) VALUES (?1, ?2, ?3, ?4)
        ON CONFLICT DO UPDATE SET used_at = max(used_at, excluded.used_at), network = excluded.network";
    let SecretUse { key, secret, at, network } = used;
    connection.prepare_cached(PUT)?.execute(params![key.as_str(), secret.as_str(), at, network.to_string()])?;
    // Of secrets that a rotation ended nothing is kept.
    const FORGET: &str = "DELETE FROM key_uses WHERE key_id = ?1 AND secret_hash NOT IN
        (SELECT secret_hash FROM keys WHERE id = ?1
         UNION ALL SELECT previous_hash FROM keys WHERE id = ?1 AND previous_hash IS NOT NULL)";
    connection.prepare_cached(FORGET)?.execute([key.as_str()]).map(drop)
}

fn list(connection: &Connection) -> rusqlite::Result<Vec<KeyUse>> {
    const SQL: &str = "SELECT key_id, keys.secret_hash <> key_uses.secret_hash, used_at
        FROM key_uses JOIN keys ON keys.id = key_id
        WHERE key_uses.secret_hash IN (keys.secret_hash, keys.previous_hash)";
    let read =
        |row: &Row<'_>| Ok(KeyUse { key: KeyId::stored(row.get(0)?), is_previous: row.get(1)?, used_at: row.get(2)? });
    connection.prepare_cached(SQL)?.query_map([], read)?.collect()
}
