//! The table of key uses: when each secret was last used.

use rusqlite::{Connection, Row, params};

use super::{Error, Store};
use crate::domain::{KeyId, SecretHash};
use crate::store::KeyUse;

impl Store {
    /// Writes down when secrets were last used, by their hashes.
    pub async fn put_key_uses(&self, uses: Vec<(KeyId, SecretHash, i64)>) -> Result<(), Error> {
        let act = move |connection: &_| {
            Ok(uses.iter().try_for_each(|(id, secret, used_at)| put(connection, id, secret, *used_at))?)
        };
        self.act(act).await
    }

    /// When the secrets that keys have were last used.
    pub async fn list_key_uses(&self) -> Result<Vec<KeyUse>, Error> {
        self.readers.away(list).await
    }
}

fn put(connection: &Connection, id: &KeyId, secret: &SecretHash, used_at: i64) -> rusqlite::Result<()> {
    const PUT: &str = "INSERT INTO key_uses (key_id, secret_hash, used_at) VALUES (?1, ?2, ?3)
        ON CONFLICT DO UPDATE SET used_at = max(used_at, excluded.used_at)";
    connection.prepare_cached(PUT)?.execute(params![id.as_str(), secret.as_str(), used_at])?;
    // Of secrets that a rotation ended nothing is kept.
    const FORGET: &str = "DELETE FROM key_uses WHERE key_id = ?1 AND secret_hash NOT IN
        (SELECT secret_hash FROM keys WHERE id = ?1
         UNION ALL SELECT previous_hash FROM keys WHERE id = ?1 AND previous_hash IS NOT NULL)";
    connection.prepare_cached(FORGET)?.execute([id.as_str()]).map(drop)
}

fn list(connection: &Connection) -> rusqlite::Result<Vec<KeyUse>> {
    const SQL: &str = "SELECT key_id, keys.secret_hash <> key_uses.secret_hash, used_at
        FROM key_uses JOIN keys ON keys.id = key_id
        WHERE key_uses.secret_hash IN (keys.secret_hash, keys.previous_hash)";
    let read =
        |row: &Row<'_>| Ok(KeyUse { key: KeyId::stored(row.get(0)?), is_previous: row.get(1)?, used_at: row.get(2)? });
    connection.prepare_cached(SQL)?.query_map([], read)?.collect()
}
