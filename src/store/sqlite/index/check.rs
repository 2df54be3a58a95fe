//! Whether the index is that of the customers.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::super::columns::{self, customer_columns};
use super::terms::{NOBODY, quoted, terms_of};

/// Holds the index against the rows: of everybody who is not in the tail it must have the terms of their row, and none of anybody
/// else. For a connection that may write to its temporary database. `progress` is told how much of how much is done: of the rows,
/// then of the index. Gives whether it is so.
pub(in crate::store::sqlite) fn is_of_customers(
    connection: &Connection,
    progress: impl Fn(u64, u64),
) -> rusqlite::Result<bool> {
    let snapshot = Transaction::new_unchecked(connection, TransactionBehavior::Deferred)?;
    const TAIL: &str = "SELECT DISTINCT customer FROM revisions WHERE number > (SELECT revision FROM search_mark)";
    let mut statement = snapshot.prepare(TAIL)?;
    let tail: HashSet<i64> = statement.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    let hash = RandomState::new();
    let add = |pairs: &mut Pairs, number: i64, term: &str| {
        if number != NOBODY && !tail.contains(&number) {
            pairs.count += 1;
            pairs.sum = pairs.sum.wrapping_add(hash.hash_one((number, term)));
        }
    };
    let rows = of_rows(&snapshot, add, &progress)?;
    let index = of_index(&snapshot, add, |done| progress(done, rows.count))?;
    Ok(index == rows)
}

/// A set of pairs, of a customer's number and a term: another set hardly has as many and the same sum of hashes.
#[derive(Default, PartialEq)]
struct Pairs {
    count: u64,
    sum: u64,
}

fn of_rows(
    connection: &Connection,
    add: impl Fn(&mut Pairs, i64, &str),
    progress: impl Fn(u64, u64),
) -> rusqlite::Result<Pairs> {
    let total = connection.query_row("SELECT count(*) FROM customers", [], |row| row.get(0))?;
    let mut statement = connection.prepare(concat!("SELECT ", customer_columns!(), " FROM customers"))?;
    let mut rows = statement.query([])?;
    let (mut pairs, mut done) = (Pairs::default(), 0);
    while let Some(row) = rows.next()? {
        let row = columns::customer(row)?;
        for term in terms_of(&row.customer) {
            add(&mut pairs, row.number, &String::from_iter(term));
        }
        done += 1;
        if done % 1_000 == 0 {
            progress(done, total);
        }
    }
    Ok(pairs)
}

/// Of each term whoever is found by it as a search finds them: what stands in the pages may still not be where it is looked for.
fn of_index(
    connection: &Connection,
    add: impl Fn(&mut Pairs, i64, &str),
    progress: impl Fn(u64),
) -> rusqlite::Result<Pairs> {
    connection.execute_batch("CREATE VIRTUAL TABLE temp.terms USING fts5vocab (main, search, row)")?;
    let mut statement = connection.prepare("SELECT term FROM temp.terms")?;
    let mut terms = statement.query([])?;
    let mut statement = connection.prepare("SELECT rowid FROM search WHERE search MATCH ?1")?;
    let mut pairs = Pairs::default();
    while let Some(term) = terms.next()? {
        let term = term.get_ref(0)?.as_str()?;
        let mut numbers = statement.query([quoted(term)])?;
        while let Some(number) = numbers.next()? {
            add(&mut pairs, number.get(0)?, term);
        }
        progress(pairs.count);
    }
    Ok(pairs)
}
