//! Credentials, checked again where a request acts: in the transaction of a write, and with each question of a long answer.

use rusqlite::Connection;

use super::{keys, staff};
use crate::domain::Grant;
use crate::store::Error;

/// Refuses where the credentials do not hold any more.
pub(super) fn check<R>(connection: &Connection, grant: Option<&Grant>) -> Result<(), Error<R>> {
    let holds = match grant {
        None => true,
        Some(Grant::Key { id, hash, at }) => keys::find(connection, id)?.is_some_and(|key| key.admits(hash, *at)),
        Some(Grant::Session { hash, least, at }) => {
            staff::find_session(connection, hash)?.is_some_and(|(session, staff)| session.admits(&staff, *least, *at))
        }
    };
    if holds { Ok(()) } else { Err(Error::Revoked) }
}
