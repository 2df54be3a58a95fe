//! The table of customers: find, page, insert, edit. Functions over a connection; the caller owns the transaction.

use rusqlite::types::ToSql;
use rusqlite::{Connection, OptionalExtension, params};

use super::columns::{self, CustomerRow, customer_columns};
use super::{Error, Store, marks, revisions};
use crate::domain::{Contact, Customer, CustomerId, Edited, Email, Field, Filter, Gstin, Mode, Name, Slice};
use crate::store::{Decide, Requester};

impl Store {
    /// Adds a new customer with its first revision.
    pub async fn insert(&self, requester: Requester, new: Edited) -> Result<Customer, Error> {
        self.act_without_savepoint(requester, move |connection| insert(connection, &new).map(|()| new.customer.clone()))
            .await
    }

    /// Adds a new customer, or finds the one that has its pair.
    pub async fn insert_or_find(&self, requester: Requester, new: Edited) -> Result<Customer, Error> {
        let act = move |connection: &_| match insert(connection, &new) {
            Ok(()) => Ok(new.customer.clone()),
            Err(Error::Taken(id)) => find_or_missing(connection, new.customer.mode, &id).map(|row| row.customer),
            Err(error) => Err(error),
        };
        self.act_without_savepoint(requester, act).await
    }

    /// Adds many new customers in one transaction, and leaves out those that are there or were erased, and those whose pair is taken. Gives
    /// how many it added.
    pub async fn insert_many(&self, new: Vec<Edited>) -> Result<u64, Error> {
        let act = move |connection: &_| {
            let mut added = 0;
            for each in &new {
                if was_there(connection, &each.customer.id)? {
                    continue;
                }
                match insert(connection, each) {
                    Ok(()) => added += 1,
                    Err(Error::Taken(_)) => {}
                    Err(error) => return Err(error),
                }
            }
            Ok(added)
        };
        self.act(act).await
    }

    /// Does to one customer what the decision says, and gives the customer after it.
    pub async fn edit<R: Send + 'static>(
        &self,
        requester: Requester,
        mode: Mode,
        id: &CustomerId,
        decide: impl Decide<R>,
    ) -> Result<Customer, Error<R>> {
        let id = id.clone();
        self.act_without_savepoint(requester, move |connection| edit(connection, mode, &id, &decide)).await
    }

    /// One customer.
    pub async fn find(&self, mode: Mode, id: &CustomerId) -> Result<Option<Customer>, Error> {
        let row = self.readers.here(|connection| find(connection, mode, id))?;
        Ok(row.map(|row| row.customer))
    }
}

pub(super) fn find(connection: &Connection, mode: Mode, id: &CustomerId) -> rusqlite::Result<Option<CustomerRow>> {
    const SQL: &str = concat!("SELECT ", customer_columns!(), " FROM customers WHERE id = ?1 AND mode = ?2");
    connection.prepare_cached(SQL)?.query_row(params![id.as_str(), columns::mode(mode)], columns::customer).optional()
}

pub(super) fn find_or_missing<R>(
    connection: &Connection,
    mode: Mode,
    id: &CustomerId,
) -> Result<CustomerRow, Error<R>> {
    find(connection, mode, id)?.ok_or(Error::Missing)
}

/// Whether there is a customer of this id, in whichever mode, or was one who is erased or withdrawn.
pub(super) fn was_there(connection: &Connection, id: &CustomerId) -> rusqlite::Result<bool> {
    const SQL: &str = "SELECT EXISTS (SELECT 1 FROM customers WHERE id = ?1
        UNION ALL SELECT 1 FROM erasures WHERE id = ?1 UNION ALL SELECT 1 FROM withdrawn WHERE id = ?1)";
    connection.prepare_cached(SQL)?.query_row([id.as_str()], |row| row.get(0))
}

/// Those with an email or a contact, which are few; newest first, the id breaks ties within a second.
pub(super) fn page(
    connection: &Connection,
    mode: Mode,
    filter: &Filter,
    slice: Slice,
) -> rusqlite::Result<Vec<Customer>> {
    let (sql, values) = page_query(&mode, filter, &slice);
    let values: Vec<(&str, &dyn ToSql)> = values.iter().map(|(name, value)| (*name, value.as_ref())).collect();
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map(values.as_slice(), columns::customer)?;
    rows.map(|row| Ok(row?.customer)).collect()
}

type Values<'a> = Vec<(&'static str, Box<dyn ToSql + 'a>)>;

fn page_query<'a>(mode: &Mode, filter: &'a Filter, slice: &Slice) -> (String, Values<'a>) {
    let mut sql = concat!("SELECT ", customer_columns!(), " FROM customers WHERE mode = :mode").to_owned();
    let mut values: Values = vec![(":mode", Box::new(columns::mode(*mode)))];
    let mut narrow = |condition: &str, name: &'static str, value: Option<Box<dyn ToSql + 'a>>| {
        if let Some(value) = value {
            sql.push_str(condition);
            values.push((name, value));
        }
    };
    // The plus keeps SQLite from walking all customers by time instead.
    narrow(" AND +created_at >= :from", ":from", filter.span.from.map(|from| Box::new(from) as _));
    narrow(" AND +created_at <= :to", ":to", filter.span.to.map(|to| Box::new(to) as _));
    // The index on the pair is on this expression, and holds rows where the email is not null among others.
    let email = filter.email_key.as_ref().map(|email| Box::new(email) as _);
    narrow(" AND coalesce(email_key, '') = :email AND email_key IS NOT NULL", ":email", email);
    narrow(" AND contact = :contact", ":contact", filter.contact.as_ref().map(|contact| Box::new(contact) as _));
    sql.push_str(" ORDER BY +created_at DESC, +id DESC LIMIT :count OFFSET :skip");
    values.push((":count", Box::new(columns::signed(slice.count))));
    values.push((":skip", Box::new(columns::signed(slice.skip))));
    (sql, values)
}

/// Adds a customer with its first revision. Only the customer's row can be refused, so it is written first.
pub(super) fn insert<R>(connection: &Connection, new: &Edited) -> Result<(), Error<R>> {
    let customer = &new.customer;
    // Known beforehand, since this connection alone writes: so neither row needs to be written twice.
    let (number, revision) = (next_number(connection)?, revisions::next_number(connection)?);
    insert_row(connection, number, customer, revision)?;
    revisions::insert(connection, revision, number, customer.mode, None, &new.revision)?;
    Ok(marks::drop_after(connection, customer)?)
}

/// The number of the next customer. None that is withdrawn has it, since they may come back.
fn next_number(connection: &Connection) -> rusqlite::Result<i64> {
    const SQL: &str = "SELECT max(coalesce((SELECT max(number) FROM customers), 0),
        coalesce((SELECT max(number) FROM withdrawn), 0)) + 1";
    connection.prepare_cached(SQL)?.query_row([], |row| row.get(0))
}

/// Adds a row.
pub(super) fn insert_row<R>(
    connection: &Connection,
    number: i64,
    customer: &Customer,
    revision: i64,
) -> Result<(), Error<R>> {
    const SQL: &str = "INSERT INTO customers
        (number, id, mode, name, email, email_key, contact, gstin, notes, created_at, version, revision)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";
    let inserted = connection.prepare_cached(SQL)?.execute(params![
        number,
        customer.id.as_str(),
        columns::mode(customer.mode),
        customer.name.as_ref().map(Name::as_str),
        customer.email.as_ref().map(Email::as_str),
        customer.email.as_ref().map(Email::key),
        customer.contact.as_ref().map(Contact::as_str),
        customer.gstin.as_ref().map(Gstin::as_str),
        columns::notes(&customer.notes)?,
        customer.created_at,
        customer.version,
        revision,
    ]);
    inserted.map(drop).map_err(|error| taken(connection, customer, error))
}

/// Finds the customer, asks the decision what becomes of it, and writes that: only the columns that change, since SQLite
/// rewrites the index of every column that an update names, even where the value is the same. Only the customer's row can be refused,
/// so it is written before the revision.
pub(super) fn edit<R>(
    connection: &Connection,
    mode: Mode,
    id: &CustomerId,
    decide: &impl Decide<R>,
) -> Result<Customer, Error<R>> {
    let row = find_or_missing(connection, mode, id)?;
    let Some(Edited { customer, revision }) = decide(&row.customer).map_err(Error::Refused)? else {
        return Ok(row.customer);
    };
    let revision_number = revisions::next_number(connection)?;
    let mut sql = "UPDATE customers SET version = :version, revision = :revision".to_owned();
    let mut values: Values = vec![
        (":number", Box::new(row.number)),
        (":version", Box::new(customer.version)),
        (":revision", Box::new(revision_number)),
    ];
    for change in &revision.changes.fields {
        let (set, name) = match change.field {
            Field::Name => (", name = :name", ":name"),
            Field::Email => (", email = :email", ":email"),
            Field::Contact => (", contact = :contact", ":contact"),
            Field::Gstin => (", gstin = :gstin", ":gstin"),
            Field::Extra | Field::Notes | Field::FailExisting | Field::Customer => continue,
        };
        sql.push_str(set);
        values.push((name, Box::new(&change.to)));
        let email_key = customer.email.as_ref().map(Email::key);
        if change.field == Field::Email && email_key != row.customer.email.as_ref().map(Email::key) {
            sql.push_str(", email_key = :email_key");
            values.push((":email_key", Box::new(email_key)));
        }
    }
    if revision.changes.touch_notes() {
        sql.push_str(", notes = :notes");
        values.push((":notes", Box::new(columns::notes(&customer.notes)?)));
    }
    sql.push_str(" WHERE number = :number");
    let values: Vec<(&str, &dyn ToSql)> = values.iter().map(|(name, value)| (*name, value.as_ref())).collect();
    let updated = connection.prepare_cached(&sql)?.execute(values.as_slice());
    updated.map_err(|error| taken(connection, &customer, error))?;
    revisions::insert(connection, revision_number, row.number, mode, Some(row.revision), &revision)?;
    Ok(customer)
}

/// What a failed write of this customer means. The unique index is the only judge of the pair; only after its verdict is
/// the customer looked up that has it.
fn taken<R>(connection: &Connection, customer: &Customer, error: rusqlite::Error) -> Error<R> {
    let unique =
        error.sqlite_error().is_some_and(|error| error.extended_code == rusqlite::ffi::SQLITE_CONSTRAINT_UNIQUE);
    match unique.then(|| find_by_pair(connection, customer)) {
        Some(Ok(Some(id))) => Error::Taken(id),
        _ => error.into(),
    }
}

/// Who has the pair of this customer: themselves, or somebody else.
pub(super) fn find_by_pair(connection: &Connection, customer: &Customer) -> rusqlite::Result<Option<CustomerId>> {
    const SQL: &str = "SELECT id FROM customers
        WHERE mode = ?1 AND coalesce(email_key, '') = ?2 AND coalesce(contact, '') = ?3
        AND (email_key IS NOT NULL OR contact IS NOT NULL)";
    let email_key = customer.email.as_ref().map(Email::key).unwrap_or_default();
    let contact = customer.contact.as_ref().map(Contact::as_str).unwrap_or_default();
    let values = params![columns::mode(customer.mode), email_key, contact];
    connection.prepare_cached(SQL)?.query_row(values, |row| row.get(0).map(CustomerId::stored)).optional()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::domain::{Actor, Change, Changes, Draft, Revision, Span};

    fn plan(filter: &Filter) -> String {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(include_str!("../../../schema.sql")).unwrap();
        let (sql, values) = page_query(&Mode::Live, filter, &Slice { count: 10, skip: 0 });
        let values: Vec<(&str, &dyn ToSql)> = values.iter().map(|(name, value)| (*name, value.as_ref())).collect();
        let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let steps: Vec<String> =
            statement.query_map(values.as_slice(), |row| row.get(3)).unwrap().map(Result::unwrap).collect();
        steps.join("; ")
    }

    /// A customer after a change, by its name and contact, with the revision of the change.
    fn edited(before: &Customer, name: &str, contact: &str) -> Edited {
        let (name, contact) = (Change::Set(name.to_owned()), Change::Set(contact.to_owned()));
        let draft = Draft { name, contact, ..Draft::default() };
        changed(before, draft.parse().unwrap().over(before))
    }

    /// A customer with new values, with the revision of the change.
    pub(in crate::store::sqlite) fn changed(before: &Customer, after: Customer) -> Edited {
        let customer = Customer { version: before.version + 1, ..after };
        let revision = Revision {
            customer: customer.id.clone(),
            version: customer.version,
            at: 0,
            actor: Actor::Command { name: "test".into() },
            request_id: None,
            request: None,
            undoes: None,
            import: None,
            passage: None,
            changes: Changes::between(before, &customer),
        };
        Edited { customer, revision }
    }

    #[test]
    fn a_refused_edit_between_two_accepted_ones_leaves_no_revision() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(include_str!("../../../schema.sql")).unwrap();
        let id = |number| CustomerId::new(0, [number, 0, 0, 0]);
        let insert = |number, contact: &str| {
            insert::<()>(&connection, &edited(&Customer::blank(id(number), Mode::Test, 0), "Asha", contact))
        };
        let edit = |number, contact: &'static str| {
            let decide = move |now: &Customer| Ok::<_, ()>(Some(edited(now, "Meera", contact)));
            edit(&connection, Mode::Test, &id(number), &decide).map(|customer| customer.version)
        };
        connection.execute_batch("BEGIN IMMEDIATE").unwrap();
        assert_eq!([insert(1, "11111111"), insert(2, "22222222")], [Ok(()), Ok(())]);
        assert_eq!(insert(3, "11111111"), Err(Error::Taken(id(1))));
        assert_eq!(edit(1, "33333333"), Ok(2));
        assert_eq!(edit(2, "33333333"), Err(Error::Taken(id(1))));
        assert_eq!(edit(1, "44444444"), Ok(3));
        connection.execute_batch("COMMIT").unwrap();
        let versions =
            "SELECT group_concat(customer || '.' || version, ' ') FROM (SELECT * FROM revisions ORDER BY number)";
        let versions: String = connection.query_row(versions, [], |row| row.get(0)).unwrap();
        assert_eq!(versions, "1.1 2.1 1.2 1.3");
        let row = find(&connection, Mode::Test, &id(2)).unwrap().unwrap();
        assert_eq!((row.customer.version, row.revision), (1, 2));
    }

    #[test]
    fn the_few_come_from_an_index() {
        let (email_key, contact) = (Some("a@b.c".to_owned()), Some("12345678".to_owned()));
        let by_email = plan(&Filter { email_key: email_key.clone(), ..Filter::default() });
        assert!(by_email.contains("USING INDEX customers_pair (mode=? AND <expr>=?)"), "{by_email}");
        let by_contact = plan(&Filter { contact: contact.clone(), ..Filter::default() });
        assert!(by_contact.contains("USING INDEX customers_contact (mode=? AND contact=?)"), "{by_contact}");
        let span = Span { from: Some(1), to: Some(2) };
        let by_both = plan(&Filter { email_key, contact, span });
        assert!(
            by_both.contains("USING INDEX customers_pair") || by_both.contains("USING INDEX customers_contact"),
            "{by_both}"
        );
    }
}
