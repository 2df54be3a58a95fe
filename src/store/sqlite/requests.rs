//! The table of requests: add a batch, prune it, read a page or one.

use std::sync::Arc;

use rusqlite::types::ToSql;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{Error, Store, columns};
use crate::domain::{
    Asking, Cursor, CustomerId, KeyId, Mode, RequestFilter, RequestListed, RequestNumber, RequestRecord,
};
use crate::store::Requester;

impl Store {
    /// Adds records in one small transaction.
    pub async fn insert_requests(&self, records: Arc<[RequestRecord]>) -> Result<(), Error> {
        let act = move |connection: &_| Ok(records.iter().try_for_each(|record| insert(connection, record))?);
        self.act(act).await
    }

    /// Deletes records before a number, the eldest first, at most so many.
    pub async fn prune_requests(&self, before: RequestNumber, count: u64) -> Result<(), Error> {
        const SQL: &str = "DELETE FROM requests WHERE number IN
            (SELECT number FROM requests WHERE number < ?1 ORDER BY number LIMIT ?2)";
        let act = move |connection: &Connection| {
            Ok(connection.prepare_cached(SQL)?.execute(params![before.0, count]).map(drop)?)
        };
        self.free_of(Requester::HOUSE, act).await
    }

    /// The eldest of the newest so many records, where there are more of them.
    pub async fn eldest_request_of(&self, count: u64) -> Result<Option<RequestNumber>, Error> {
        const SQL: &str = "SELECT number FROM requests ORDER BY number DESC LIMIT 1 OFFSET ?1";
        let ask = move |connection: &Connection| {
            let offset = count.saturating_sub(1);
            let number = connection.prepare_cached(SQL)?.query_row([offset], |row| row.get(0)).optional()?;
            Ok(number.map(RequestNumber))
        };
        self.readers.away(ask).await
    }

    /// The eldest record.
    pub async fn eldest_request(&self) -> Result<Option<RequestNumber>, Error> {
        const SQL: &str = "SELECT min(number) FROM requests";
        let number: Option<i64> =
            self.readers.here(|connection| connection.prepare_cached(SQL)?.query_row([], |row| row.get(0)))?;
        Ok(number.map(RequestNumber))
    }

    /// A mode's requests, newest first.
    pub async fn page_requests(
        &self,
        requester: Requester,
        mode: Mode,
        filter: RequestFilter,
        cursor: Cursor,
        count: u64,
    ) -> Result<Vec<RequestListed>, Error> {
        self.readers.away_of(requester, move |connection| page(connection, mode, &filter, cursor, count)).await
    }

    /// One request of a mode.
    pub async fn find_request(&self, mode: Mode, number: RequestNumber) -> Result<Option<RequestListed>, Error> {
        let sql = format!("{SELECT} WHERE requests.number = ?1 AND (requests.mode = ?2 OR requests.mode IS NULL)");
        self.readers.here(|connection| {
            connection.prepare_cached(&sql)?.query_row(params![number.0, columns::mode(mode)], read).optional()
        })
    }
}

/// A record that waited while its customer was erased does not name them, nor does one of a request for who is erased.
fn insert(connection: &Connection, record: &RequestRecord) -> rusqlite::Result<()> {
    // A clock that was set back may give a number again after a restart: rather one record less than none at all.
    const SQL: &str = "INSERT INTO requests
        (number, mode, key_id, method, route, customer, version, query, body, status, micros, refused, rule, field)
        VALUES (?1, ?2, ?3, ?4, ?5, (SELECT ?6 WHERE ?6 NOT IN (SELECT id FROM erasures)), ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)
        ON CONFLICT (number) DO NOTHING";
    let values = params![
        record.number.0,
        record.mode().map(columns::mode),
        record.key.as_ref().map(KeyId::as_str),
        record.method,
        record.route,
        record.customer.as_ref().map(CustomerId::as_str),
        record.version,
        record.query,
        record.body,
        record.status,
        record.micros,
        record.refused,
        record.rule,
        record.field,
    ];
    connection.prepare_cached(SQL)?.execute(values).map(drop)
}

const SELECT: &str = "SELECT requests.number, key_id, method, route, customer, requests.version, query, body, status,
    micros, refused, rule, field, customers.mode FROM requests LEFT JOIN customers ON customers.id = customer";

fn read(row: &Row<'_>) -> rusqlite::Result<RequestListed> {
    let record = RequestRecord {
        number: RequestNumber(row.get(0)?),
        key: row.get::<_, Option<String>>(1)?.map(KeyId::stored),
        method: row.get(2)?,
        route: row.get(3)?,
        customer: row.get::<_, Option<String>>(4)?.map(CustomerId::stored),
        version: row.get(5)?,
        query: row.get(6)?,
        body: row.get(7)?,
        status: row.get(8)?,
        micros: row.get(9)?,
        refused: row.get(10)?,
        rule: row.get(11)?,
        field: row.get(12)?,
    };
    Ok(RequestListed { record, customer_mode: row.get::<_, Option<i64>>(13)?.map(columns::read_mode) })
}

/// What is remembered of requests that name a customer, newest first.
pub(super) fn of_customer(connection: &Connection, id: &CustomerId) -> rusqlite::Result<Vec<RequestRecord>> {
    let sql = format!("{SELECT} WHERE customer = ?1 ORDER BY requests.number DESC");
    let mut statement = connection.prepare_cached(&sql)?;
    statement.query_map([id.as_str()], |row| Ok(read(row)?.record))?.collect()
}

/// Makes the records of requests name a customer no more.
pub(super) fn forget(connection: &Connection, id: &CustomerId) -> rusqlite::Result<()> {
    const SQL: &str = "UPDATE requests SET customer = NULL WHERE customer = ?1";
    connection.prepare_cached(SQL)?.execute([id.as_str()]).map(drop)
}

fn page(
    connection: &Connection,
    mode: Mode,
    filter: &RequestFilter,
    cursor: Cursor,
    count: u64,
) -> rusqlite::Result<Vec<RequestListed>> {
    // Found first in the narrow index, and only those that are shown are read as a whole.
    let mut sql =
        "SELECT number FROM requests INDEXED BY requests_narrow WHERE (mode = :mode OR mode IS NULL)".to_owned();
    let mut values: Vec<(&str, Box<dyn ToSql>)> =
        vec![(":mode", Box::new(columns::mode(mode))), (":count", Box::new(count))];
    if let Some(status) = &filter.status {
        sql.push_str(" AND status BETWEEN :least AND :most");
        values.extend([(":least", Box::new(*status.start()) as _), (":most", Box::new(*status.end()) as _)]);
    }
    match &filter.of {
        Asking::Anybody => {}
        Asking::Key(id) => {
            sql.push_str(" AND key_id = :key");
            values.push((":key", Box::new(id.as_str().to_owned())));
        }
        Asking::Unknown => sql.push_str(" AND (key_id IS NULL OR key_id NOT IN (SELECT id FROM keys))"),
    }
    let order = match cursor {
        Cursor::Newest => "DESC",
        Cursor::Before(number) => {
            sql.push_str(" AND number < :number");
            values.push((":number", Box::new(number.0)));
            "DESC"
        }
        Cursor::After(number) => {
            sql.push_str(" AND number > :number");
            values.push((":number", Box::new(number.0)));
            "ASC"
        }
    };
    let sql = format!(
        "{SELECT} WHERE requests.number IN ({sql} ORDER BY number {order} LIMIT :count) ORDER BY requests.number DESC"
    );
    let values: Vec<(&str, &dyn ToSql)> = values.iter().map(|(name, value)| (*name, value.as_ref())).collect();
    let mut statement = connection.prepare_cached(&sql)?;
    statement.query_map(values.as_slice(), read)?.collect()
}
