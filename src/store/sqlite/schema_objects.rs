//! Compares the tables, indexes, views and triggers of a file with those that this binary creates.
//!
//! A file from elsewhere may have more: a trigger that adds an owner, deletes history or never ends is run by the next edit, and
//! SQLite's own checks call such a file whole. The model is the schema in an empty database in memory. SQL is compared without
//! comments and white space, and the parts of a table in any order, since `ALTER TABLE` adds columns at the end.
//!
//! Known besides: the tables that SQLite adds by itself and those of Litestream.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::OnceLock;

use rusqlite::Connection;

use crate::domain::{IntegrityFault, SchemaChange, SchemaDifference};

/// The most differences that are listed.
const DIFFERENCES_MAX: usize = 100;
/// The longest SQL that is compared; none of Patron's is as long.
const SQL_MAX: u32 = 20_000;
/// Tables that other programs keep in a database: SQLite for `AUTOINCREMENT` and `ANALYZE`, and Litestream.
const OTHERS: [&str; 5] = ["sqlite_sequence", "sqlite_stat1", "sqlite_stat4", "_litestream_seq", "_litestream_lock"];

/// Objects by kind and name: the table that each belongs to, and its SQL.
type Objects = BTreeMap<(String, String), (String, String)>;

fn difference(kind: &str, name: &str, change: SchemaChange) -> SchemaDifference {
    SchemaDifference { kind: kind.to_owned(), name: name.to_owned(), change }
}

/// Refuses a file with such differences, in a sentence with the ways out.
pub(super) fn refuse(differences: &[SchemaDifference], file: &Path) -> Result<(), String> {
    let Some(first) = differences.first() else { return Ok(()) };
    let more = match differences.len() {
        1 => String::new(),
        len => format!(" and {} more, which `patron check` lists", len - 1),
    };
    let remedy = first.remedy().map_or(String::new(), |statement| {
        format!("; or, where you know where it comes from, remove it with `sqlite3 {} '{statement}'`", file.display())
    });
    let fault = IntegrityFault::Schema(first.clone());
    Err(format!("{fault}{more}; restore a backup that you trust{remedy}"))
}

/// Returns what a file of an older schema has that no schema of Patron's ever had: what could run in an upgrade.
pub(super) fn find_triggers_and_views(connection: &Connection) -> rusqlite::Result<Vec<SchemaDifference>> {
    let mut statement = connection.prepare(
        "SELECT type, name, tbl_name FROM sqlite_schema WHERE type NOT IN ('table', 'index') ORDER BY type, name LIMIT ?1",
    )?;
    let rows = statement.query_map([DIFFERENCES_MAX], |row| {
        let (kind, name, table): (String, String, String) = row.try_into()?;
        Ok(difference(&kind, &name, SchemaChange::Extra(table)))
    })?;
    rows.collect()
}

/// Returns the differences between a file with the newest schema and the schema itself.
pub(super) fn compare(connection: &Connection, schema: &str) -> rusqlite::Result<Vec<SchemaDifference>> {
    static EXPECTED: OnceLock<Objects> = OnceLock::new();
    let expected = match EXPECTED.get() {
        Some(expected) => expected,
        None => {
            let model = Connection::open_in_memory()?;
            model.execute_batch(schema)?;
            let objects = read(&model)?;
            EXPECTED.get_or_init(|| objects)
        }
    };
    let found = read(connection)?;
    let missing = expected
        .keys()
        .filter(|key| !found.contains_key(*key))
        .map(|(kind, name)| difference(kind, name, SchemaChange::Missing));
    let others = found.iter().filter_map(|(key, object)| {
        let (kind, name) = key;
        match expected.get(key) {
            Some(ours) if ours == object => None,
            Some(_) => Some(difference(kind, name, SchemaChange::Different)),
            None if kind == "table" && OTHERS.contains(&name.as_str()) => None,
            None => Some(difference(kind, name, SchemaChange::Extra(object.0.clone()))),
        }
    });
    // Triggers and views come first: they are what does harm.
    let mut differences: Vec<SchemaDifference> = others.collect();
    differences.reverse();
    differences.extend(missing);
    differences.truncate(DIFFERENCES_MAX);
    Ok(differences)
}

fn read(connection: &Connection) -> rusqlite::Result<Objects> {
    let mut statement =
        connection.prepare("SELECT type, name, tbl_name, coalesce(substr(sql, 1, ?1), '') FROM sqlite_schema")?;
    let rows = statement.query_map([SQL_MAX], |row| {
        let (kind, name, table, sql): (String, String, String, String) = row.try_into()?;
        let sql = if kind == "table" { parts(&tokens(&sql)) } else { tokens(&sql).join(" ") };
        Ok(((kind, name), (table, sql)))
    })?;
    rows.collect()
}

/// The columns and constraints of a table, in order of their text.
fn parts(tokens: &[&str]) -> String {
    let mut parts = vec![Vec::new()];
    let mut depth = 0;
    for &token in tokens {
        depth += i32::from(token == "(") - i32::from(token == ")");
        match (token, depth) {
            // The ends of the list, and of each of its parts.
            ("(", 1) | (")", 0) | (",", 1) => parts.push(Vec::new()),
            _ => {
                if let Some(part) = parts.last_mut() {
                    part.push(token);
                }
            }
        }
    }
    let mut parts: Vec<String> = parts.iter().map(|part| part.join(" ")).collect();
    let len = parts.len();
    if len > 2 {
        parts[1..len - 1].sort();
    }
    parts.join("\n")
}

/// Words, quoted texts and single characters, without comments and white space.
fn tokens(sql: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = sql;
    while let Some(first) = rest.chars().next() {
        let is_word = |char: char| char.is_alphanumeric() || char == '_' || char == '$';
        let len = if rest.starts_with("--") {
            rest.find('\n').unwrap_or(rest.len())
        } else if let Some(comment) = rest.strip_prefix("/*") {
            comment.find("*/").map_or(rest.len(), |end| end + 4)
        } else if let Some(quote) =
            ['\'', '"', '`', ']'].into_iter().find(|quote| *quote == first || (*quote == ']' && first == '['))
        {
            rest[1..].find(quote).map_or(rest.len(), |end| end + 2)
        } else if is_word(first) {
            rest.find(|char| !is_word(char)).unwrap_or(rest.len())
        } else {
            first.len_utf8()
        };
        let (token, after) = rest.split_at(len);
        if !(first.is_whitespace() || token.starts_with("--") || token.starts_with("/*")) {
            tokens.push(token);
        }
        rest = after;
    }
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sql_is_compared_without_comments_space_and_order() {
        let normal = |sql: &str| parts(&tokens(sql));
        let one =
            "CREATE TABLE t (\n  -- a, comment (\n  a TEXT CHECK (a IN ('x, y', 'z')),\n  b INTEGER /* , */\n) STRICT";
        let same = "CREATE TABLE t(b INTEGER, a TEXT CHECK (a IN ('x, y','z'))) STRICT";
        assert_eq!(normal(one), normal(same));
        for other in [
            "CREATE TABLE t (a TEXT CHECK (a IN ('x,y', 'z')), b INTEGER) STRICT",
            "CREATE TABLE t (a TEXT CHECK (a IN ('x, y', 'z')), b INTEGER)",
            "CREATE TABLE t (a TEXT CHECK (a IN ('x, y', 'z', 'w')), b INTEGER) STRICT",
            "CREATE TABLE t (a TEXT, b INTEGER CHECK (a IN ('x, y', 'z'))) STRICT",
        ] {
            assert_ne!(normal(one), normal(other), "{other}");
        }
        assert_eq!(tokens("[a b] \"c''\" 'd''e' -- x"), ["[a b]", "\"c''\"", "'d'", "'e'"]);
    }
}
