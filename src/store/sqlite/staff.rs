//! The tables of staff, links and sessions.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::grants::{find_session, read_session, read_staff, staff_columns};
use super::{Error, Store};
use crate::domain::{Link, SecretHash, Session, Staff, StaffId, StaffListed};
use crate::store::{Requester, Sessions};

impl Store {
    /// Whether there is any staff at all.
    pub async fn any_staff(&self) -> Result<bool, Error> {
        self.readers.here(any)
    }

    /// Everybody, owners first.
    pub async fn list_staff(&self, requester: Requester, now: i64) -> Result<Vec<StaffListed>, Error> {
        self.readers.away_of(requester, move |connection| list(connection, now)).await
    }

    /// One person, by the key of their email.
    pub async fn find_staff_by_email(&self, email_key: &str) -> Result<Option<Staff>, Error> {
        self.readers.here(|connection| find_by_email(connection, email_key))
    }

    /// Adds a person, with a link for them or without; gives whether their email was free.
    pub async fn insert_staff(&self, requester: Requester, new: Staff, link: Option<Link>) -> Result<bool, Error> {
        let act = move |connection: &_| {
            let inserted = insert(connection, &new)?;
            if let Some(link) = link.filter(|_| inserted) {
                insert_link(connection, &link, new.created_at)?;
            }
            Ok(inserted)
        };
        self.act_of(requester, act).await
    }

    /// Changes what may change of a person, and says what becomes of their sessions. The decision is told how many others
    /// could sign in as an owner. A disabled person's link ends.
    pub async fn edit_staff<R: Send + 'static>(
        &self,
        requester: Requester,
        id: &StaffId,
        decide: impl Fn(&mut Staff, u64) -> Result<Sessions, R> + Send + 'static,
    ) -> Result<Staff, Error<R>> {
        let id = id.clone();
        let act = move |connection: &_| {
            let mut person = find(connection, &id)?.ok_or(Error::Missing)?;
            let sessions = decide(&mut person, other_owners(connection, &id)?).map_err(Error::Refused)?;
            update(connection, &person)?;
            if let Sessions::EndBut(but) = sessions {
                delete_sessions(connection, &id, but.as_deref())?;
            }
            if person.disabled_at.is_some() {
                delete_links_of(connection, &id)?;
            }
            Ok(person)
        };
        self.act_of(requester, act).await
    }

    /// Gives a person, or the first owner, a link in the place of the one before. Gives whether it did: a disabled person gets none, nor
    /// the first owner where there is somebody already.
    pub async fn insert_link(&self, requester: Requester, link: Link, now: i64) -> Result<bool, Error> {
        let act = move |connection: &_| {
            let is_due = match &link.staff {
                Some(id) => find(connection, id)?.ok_or(Error::Missing)?.disabled_at.is_none(),
                None => !any(connection)?,
            };
            if is_due {
                insert_link(connection, &link, now)?;
            }
            Ok(is_due)
        };
        self.act_of(requester, act).await
    }

    /// One link, with the person it is for.
    pub async fn find_link(&self, hash: &str) -> Result<Option<(Link, Option<Staff>)>, Error> {
        self.readers.here(|connection| {
            let Some(link) = find_link(connection, hash)? else { return Ok(None) };
            let person = link.staff.as_ref().map(|id| find(connection, id)).transpose()?.flatten();
            Ok(Some((link, person)))
        })
    }

    /// Uses a link up: its person, or the first owner where there is nobody yet, is as the decision says, their other
    /// sessions end, and one begins in the place of the one before, if one is named by its hash. `Missing` where the link is gone or its time is over.
    pub async fn redeem_link(
        &self,
        hash: &str,
        now: i64,
        before: Option<String>,
        decide: impl Fn(Option<Staff>) -> Option<(Staff, Session)> + Send + 'static,
    ) -> Result<Staff, Error> {
        let hash = hash.to_owned();
        let act = move |connection: &_| {
            let link = find_link(connection, &hash)?.filter(|link| now < link.ends_at).ok_or(Error::Missing)?;
            let person = match &link.staff {
                Some(id) => Some(find(connection, id)?.ok_or(Error::Missing)?),
                None if any(connection)? => return Err(Error::Missing),
                None => None,
            };
            let is_new = person.is_none();
            let (person, session) = decide(person).ok_or(Error::Missing)?;
            if is_new { insert(connection, &person).map(drop) } else { update(connection, &person) }?;
            delete_link(connection, &hash)?;
            delete_sessions(connection, &person.id, None)?;
            replace_session(connection, before.as_deref())?;
            insert_session(connection, &session)?;
            Ok(person)
        };
        self.act(act).await
    }

    /// Begins a session in the place of the one before, if one is named by its hash, where the person's password still is this one and
    /// they are not disabled. Gives whether it did.
    pub async fn insert_session(
        &self,
        session: Session,
        password: SecretHash,
        before: Option<String>,
    ) -> Result<bool, Error> {
        let act = move |connection: &_| {
            let person = find(connection, &session.staff)?;
            let may = person.is_some_and(|person| person.signs_in_with(&password));
            if may {
                replace_session(connection, before.as_deref())?;
                insert_session(connection, &session)?;
            }
            Ok(may)
        };
        self.act(act).await
    }

    /// One session, by the hash of its token, and whose it is.
    pub async fn find_session(&self, hash: &str) -> Result<Option<(Session, Staff)>, Error> {
        self.readers.count_request();
        self.readers.here(|connection| find_session(connection, hash))
    }

    /// A person's sessions, last seen first.
    pub async fn list_sessions(&self, id: &StaffId) -> Result<Vec<Session>, Error> {
        self.readers.here(|connection| list_sessions(connection, id))
    }

    /// Writes down when a session was last used.
    pub async fn touch_session(&self, hash: &str, seen_at: i64) -> Result<(), Error> {
        let hash = hash.to_owned();
        self.act(move |connection| Ok(touch_session(connection, &hash, seen_at)?)).await
    }

    /// Ends one session of a person.
    pub async fn delete_session(&self, id: &StaffId, hash: &str) -> Result<(), Error> {
        let (id, hash) = (id.clone(), hash.to_owned());
        self.act(move |connection| Ok(delete_session(connection, &id, &hash)?)).await
    }
}

pub(super) fn find(connection: &Connection, id: &StaffId) -> rusqlite::Result<Option<Staff>> {
    const SQL: &str = concat!("SELECT ", staff_columns!(), " FROM staff WHERE id = ?1");
    connection.prepare_cached(SQL)?.query_row([id.as_str()], read_staff).optional()
}

pub(super) fn find_by_email(connection: &Connection, email_key: &str) -> rusqlite::Result<Option<Staff>> {
    const SQL: &str = concat!("SELECT ", staff_columns!(), " FROM staff WHERE email_key = ?1");
    connection.prepare_cached(SQL)?.query_row([email_key], read_staff).optional()
}

/// Everybody, owners first, then by email, with their live sessions and their link.
pub(super) fn list(connection: &Connection, now: i64) -> rusqlite::Result<Vec<StaffListed>> {
    const SQL: &str = concat!(
        "SELECT ",
        staff_columns!(),
        ", (SELECT count(*) FROM sessions WHERE staff_id = staff.id AND seen_at > ?1 AND created_at > ?2)
         , staff.seen_at
         , (SELECT max(ends_at) FROM links WHERE staff_id = staff.id AND ends_at > ?3)
         FROM staff ORDER BY role = 'owner' DESC, email_key"
    );
    let read = |row: &Row<'_>| {
        Ok(StaffListed {
            staff: read_staff(row)?,
            sessions: row.get(6)?,
            seen_at: row.get(7)?,
            link_ends_at: row.get(8)?,
        })
    };
    let values = [now - Session::IDLE_MAX, now - Session::AGE_MAX, now];
    connection.prepare_cached(SQL)?.query_map(values, read)?.collect()
}

/// How many people could sign in as an owner, leaving this one out.
pub(super) fn other_owners(connection: &Connection, id: &StaffId) -> rusqlite::Result<u64> {
    const SQL: &str = "SELECT count(*) FROM staff
        WHERE role = 'owner' AND disabled_at IS NULL AND password_hash IS NOT NULL AND id <> ?1";
    connection.prepare_cached(SQL)?.query_row([id.as_str()], |row| row.get(0))
}

/// Whether there is anybody at all.
pub(super) fn any(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row("SELECT EXISTS (SELECT 1 FROM staff)", [], |row| row.get(0))
}

/// Adds a person, unless their email is there already; gives whether it was not.
pub(super) fn insert(connection: &Connection, staff: &Staff) -> rusqlite::Result<bool> {
    const SQL: &str = "INSERT INTO staff (id, email, email_key, role, password_hash, created_at)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (email_key) DO NOTHING";
    let password = staff.password.as_ref().map(SecretHash::as_str);
    let (email, email_key) = (staff.email.as_str(), staff.email.key());
    let values = params![staff.id.as_str(), email, email_key, staff.role.as_str(), password, staff.created_at];
    Ok(connection.prepare_cached(SQL)?.execute(values)? == 1)
}

/// Writes what may change of a person.
pub(super) fn update(connection: &Connection, staff: &Staff) -> rusqlite::Result<()> {
    const SQL: &str = "UPDATE staff SET role = ?2, password_hash = ?3, disabled_at = ?4 WHERE id = ?1";
    let password = staff.password.as_ref().map(SecretHash::as_str);
    let values = params![staff.id.as_str(), staff.role.as_str(), password, staff.disabled_at];
    connection.prepare_cached(SQL)?.execute(values).map(drop)
}

/// Adds a link; the ones before it for the same person end, and so do those whose time is over.
pub(super) fn insert_link(connection: &Connection, link: &Link, now: i64) -> rusqlite::Result<()> {
    let staff = link.staff.as_ref().map(StaffId::as_str);
    connection.execute("DELETE FROM links WHERE staff_id IS ?1 OR ends_at <= ?2", params![staff, now])?;
    let sql = "INSERT INTO links (hash, staff_id, ends_at) VALUES (?1, ?2, ?3)";
    connection.execute(sql, params![link.hash, staff, link.ends_at]).map(drop)
}

pub(super) fn find_link(connection: &Connection, hash: &str) -> rusqlite::Result<Option<Link>> {
    const SQL: &str = "SELECT hash, staff_id, ends_at FROM links WHERE hash = ?1";
    let read = |row: &Row<'_>| {
        Ok(Link {
            hash: row.get(0)?,
            staff: row.get::<_, Option<String>>(1)?.map(StaffId::stored),
            ends_at: row.get(2)?,
        })
    };
    connection.prepare_cached(SQL)?.query_row([hash], read).optional()
}

pub(super) fn delete_link(connection: &Connection, hash: &str) -> rusqlite::Result<()> {
    connection.execute("DELETE FROM links WHERE hash = ?1", [hash]).map(drop)
}

/// Ends whatever link there is for a person.
pub(super) fn delete_links_of(connection: &Connection, staff: &StaffId) -> rusqlite::Result<()> {
    connection.execute("DELETE FROM links WHERE staff_id = ?1", [staff.as_str()]).map(drop)
}

/// Adds a session, and forgets the ones whose time is over.
pub(super) fn insert_session(connection: &Connection, session: &Session) -> rusqlite::Result<()> {
    let now = session.created_at;
    // An idle one stays: a long download may still rest on it.
    connection.execute("DELETE FROM sessions WHERE created_at <= ?1", [now - Session::AGE_MAX])?;
    let sql = "INSERT INTO sessions (hash, staff_id, created_at, seen_at, agent) VALUES (?1, ?2, ?3, ?4, ?5)";
    let values = params![session.hash, session.staff.as_str(), now, session.seen_at, session.agent];
    connection.execute(sql, values)?;
    see(connection, &session.hash, session.seen_at)
}

/// A person's sessions, newest first.
pub(super) fn list_sessions(connection: &Connection, id: &StaffId) -> rusqlite::Result<Vec<Session>> {
    const SQL: &str = concat!(
        "SELECT ",
        staff_columns!(),
        ", sessions.hash, sessions.created_at, sessions.seen_at, sessions.agent
         FROM sessions JOIN staff ON staff.id = sessions.staff_id WHERE staff.id = ?1 ORDER BY sessions.seen_at DESC"
    );
    connection.prepare_cached(SQL)?.query_map([id.as_str()], |row| read_session(row, id.clone()))?.collect()
}

pub(super) fn touch_session(connection: &Connection, hash: &str, seen_at: i64) -> rusqlite::Result<()> {
    connection.execute("UPDATE sessions SET seen_at = ?2 WHERE hash = ?1", params![hash, seen_at])?;
    see(connection, hash, seen_at)
}

/// Writes down that the person was seen whose session this is.
fn see(connection: &Connection, hash: &str, seen_at: i64) -> rusqlite::Result<()> {
    let sql = "UPDATE staff SET seen_at = ?2 WHERE id = (SELECT staff_id FROM sessions WHERE hash = ?1)";
    connection.execute(sql, params![hash, seen_at]).map(drop)
}

/// Ends the session that a browser had before, whoever's it was.
fn replace_session(connection: &Connection, before: Option<&str>) -> rusqlite::Result<()> {
    connection.execute("DELETE FROM sessions WHERE hash = ?1", [before]).map(drop)
}

/// Ends one session of a person.
pub(super) fn delete_session(connection: &Connection, staff: &StaffId, hash: &str) -> rusqlite::Result<()> {
    connection.execute("DELETE FROM sessions WHERE staff_id = ?1 AND hash = ?2", [staff.as_str(), hash]).map(drop)
}

/// Ends all sessions of a person but one, if one is named.
pub(super) fn delete_sessions(connection: &Connection, staff: &StaffId, but: Option<&str>) -> rusqlite::Result<()> {
    let sql = "DELETE FROM sessions WHERE staff_id = ?1 AND hash IS NOT ?2";
    connection.execute(sql, params![staff.as_str(), but]).map(drop)
}
