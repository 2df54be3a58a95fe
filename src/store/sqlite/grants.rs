//! Keys and sessions as they are read, and checked again where a request acts: in the transaction of a write, and with each page
//! of a long answer.

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, Row};

use super::columns;
use crate::domain::{Email, Grant, Key, KeyId, Role, SecretHash, Session, Staff, StaffId};
use crate::store::Error;

/// Refuses where the credentials do not hold any more.
pub(super) fn check<R>(connection: &Connection, grant: Option<&Grant>) -> Result<(), Error<R>> {
    let holds = match grant {
        None => true,
        Some(Grant::Key { id, hash, at }) => find_key(connection, id)?.is_some_and(|key| key.admits(hash, *at)),
        Some(Grant::Session { hash, least, at }) => {
            find_session(connection, hash)?.is_some_and(|(session, staff)| session.admits(&staff, *least, *at))
        }
    };
    if holds { Ok(()) } else { Err(Error::Revoked) }
}

/// The columns that [`read_key`] reads, in its order.
macro_rules! key_columns {
    () => {
        "id, label, created_at, expires_at, revoked_at, secret_hash, previous_hash, previous_ends_at,
         maker_type, maker_id, maker_label"
    };
}
pub(super) use key_columns;

pub(super) fn find_key(connection: &Connection, id: &KeyId) -> rusqlite::Result<Option<Key>> {
    const SQL: &str = concat!("SELECT ", key_columns!(), " FROM keys WHERE id = ?1");
    connection.prepare_cached(SQL)?.query_row([id.as_str()], read_key).optional()
}

pub(super) fn read_key(row: &Row<'_>) -> rusqlite::Result<Key> {
    let previous: Option<String> = row.get(6)?;
    let previous_ends_at: Option<i64> = row.get(7)?;
    Ok(Key {
        id: KeyId::stored(row.get(0)?),
        label: row.get(1)?,
        created_at: row.get(2)?,
        expires_at: row.get(3)?,
        revoked_at: row.get(4)?,
        secret: SecretHash::new(row.get(5)?),
        previous: previous.map(SecretHash::new).zip(previous_ends_at),
        maker: if row.get_ref(8)? == ValueRef::Null { None } else { Some(columns::read_actor(row, 8)?) },
    })
}

/// The columns that [`read_staff`] reads, in its order, of the table `staff`.
macro_rules! staff_columns {
    () => {
        "staff.id, staff.email, staff.role, staff.password_hash, staff.created_at, staff.disabled_at"
    };
}
pub(super) use staff_columns;

/// A session with the person whose it is.
pub(super) fn find_session(connection: &Connection, hash: &str) -> rusqlite::Result<Option<(Session, Staff)>> {
    const SQL: &str = concat!(
        "SELECT ",
        staff_columns!(),
        ", sessions.hash, sessions.created_at, sessions.seen_at, sessions.agent
         FROM sessions JOIN staff ON staff.id = sessions.staff_id WHERE sessions.hash = ?1"
    );
    let read = |row: &Row<'_>| {
        let staff = read_staff(row)?;
        Ok((read_session(row, staff.id.clone())?, staff))
    };
    connection.prepare_cached(SQL)?.query_row([hash], read).optional()
}

pub(super) fn read_session(row: &Row<'_>, staff: StaffId) -> rusqlite::Result<Session> {
    Ok(Session { hash: row.get(6)?, staff, created_at: row.get(7)?, seen_at: row.get(8)?, agent: row.get(9)? })
}

pub(super) fn read_staff(row: &Row<'_>) -> rusqlite::Result<Staff> {
    Ok(Staff {
        id: StaffId::stored(row.get(0)?),
        email: Email::stored(row.get(1)?),
        role: Role::parse(row.get_ref(2)?.as_str()?).unwrap_or(Role::Viewer),
        password: row.get::<_, Option<String>>(3)?.map(SecretHash::new),
        created_at: row.get(4)?,
        disabled_at: row.get(5)?,
    })
}
