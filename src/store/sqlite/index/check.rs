//! Whether the index is that of the customers.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::super::columns::{self, customer_columns};
use super::{NOBODY, quoted, terms_of};

/// Holds the index against the rows: of everybody who is not in the tail it must have the terms of their row, and none of anybody
/// else. For a connection that may write to its temporary database. Gives whether it is so.
pub(in crate::store::sqlite) fn is_of_customers(connection: &Connection) -> rusqlite::Result<bool> {
    let snapshot = Transaction::new_unchecked(connection, TransactionBehavior::Deferred)?;
    const TAIL: &str = "SELECT DISTINCT customer FROM revisions WHERE number > (SELECT revision FROM search_mark)";
    let mut statement = snapshot.prepare(TAIL)?;
    let tail: HashSet<i64> = statement.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    // Two sets of pairs are the same where the sums of their hashes are.
    let hash = RandomState::new();
    let hash = |number: i64, term: &str| {
        if number == NOBODY || tail.contains(&number) { 0 } else { hash.hash_one((number, term)) }
    };
    Ok(sum_of_index(&snapshot, hash)? == sum_of_rows(&snapshot, hash)?)
}

/// Of each term and whoever is found by it as a search finds them: what stands in the pages may still not be where it is looked for.
fn sum_of_index(connection: &Connection, hash: impl Fn(i64, &str) -> u64) -> rusqlite::Result<u64> {
    connection.execute_batch("CREATE VIRTUAL TABLE temp.terms USING fts5vocab (main, search, row)")?;
    let mut statement = connection.prepare("SELECT term FROM temp.terms")?;
    let mut terms = statement.query([])?;
    let mut statement = connection.prepare("SELECT rowid FROM search WHERE search MATCH ?1")?;
    let mut sum = 0_u64;
    while let Some(term) = terms.next()? {
        let term = term.get_ref(0)?.as_str()?;
        let mut numbers = statement.query([quoted(term)])?;
        while let Some(number) = numbers.next()? {
            sum = sum.wrapping_add(hash(number.get(0)?, term));
        }
    }
    Ok(sum)
}

fn sum_of_rows(connection: &Connection, hash: impl Fn(i64, &str) -> u64) -> rusqlite::Result<u64> {
    let mut statement = connection.prepare(concat!("SELECT ", customer_columns!(), " FROM customers"))?;
    let mut rows = statement.query([])?;
    let mut sum = 0_u64;
    while let Some(row) = rows.next()? {
        let row = columns::customer(row)?;
        for term in terms_of(&row.customer) {
            sum = sum.wrapping_add(hash(row.number, &String::from_iter(term)));
        }
    }
    Ok(sum)
}
