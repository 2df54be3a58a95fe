//! The terms by which the index of the search knows a customer: trigrams, and one term for the mode.

use std::collections::BTreeSet;

use rusqlite::{Connection, params};

use crate::domain::{Customer, Mode, Trigram, trigrams_of};

/// A number that no customer has.
pub(super) const NOBODY: i64 = 0;
/// A term that nobody looks for: Unicode's "private use two".
pub(super) const FILLER: &str = "\u{92} ";

/// Returns all terms of a customer.
pub(super) fn terms_of(customer: &Customer) -> BTreeSet<Trigram> {
    let mut terms = trigrams_of(customer);
    terms.insert(mode_trigram(customer.mode));
    terms
}

pub(super) fn put(connection: &Connection, number: i64, terms: &str) -> rusqlite::Result<()> {
    const SQL: &str = "INSERT INTO search (rowid, trigrams) VALUES (?1, ?2)";
    connection.prepare_cached(SQL)?.execute(params![number, terms]).map(drop)
}

pub(super) fn take(connection: &Connection, number: i64, terms: &str) -> rusqlite::Result<()> {
    const SQL: &str = "INSERT INTO search (search, rowid, trigrams) VALUES ('delete', ?1, ?2)";
    connection.prepare_cached(SQL)?.execute(params![number, terms]).map(drop)
}

/// Returns whether the index has the customer of a number.
pub(in crate::store::sqlite) fn has(connection: &Connection, mode: Mode, number: i64) -> rusqlite::Result<bool> {
    const SQL: &str = "SELECT EXISTS (SELECT 1 FROM search WHERE search MATCH ?1 AND rowid = ?2)";
    connection.prepare_cached(SQL)?.query_row(params![of_mode(mode), number], |row| row.get(0))
}

/// Returns what matches every customer of a mode, for FTS5.
pub(in crate::store::sqlite) fn of_mode(mode: Mode) -> String {
    quoted(&String::from_iter(mode_trigram(mode)))
}

/// Returns a text as a string of FTS5.
pub(in crate::store::sqlite) fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}

/// So that a few live customers are not looked for among a million test ones. No text has its first character: Unicode's "private
/// use one".
fn mode_trigram(mode: Mode) -> Trigram {
    ['\u{91}', '\u{91}', if mode == Mode::Live { '1' } else { '0' }]
}
