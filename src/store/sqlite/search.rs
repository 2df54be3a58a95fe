//! The search: an index that is fed behind the edits, and questions that trust nothing but the current rows.
//!
//! An edit does not touch the index. A mark says up to which revision it is fed; whoever has a later revision, the tail, is a
//! candidate in every search, beside those that the index names. Each candidate is judged by its row as it stands. So however
//! far the index lags behind, a customer is found by what it is now, and by nothing that it was.

use rusqlite::{Connection, Transaction, TransactionBehavior, named_params, params};

use super::columns::{self, CustomerRow};
use super::{customers, pages};
use crate::domain::{Mode, Query, text_of};
use crate::store::{Bookmark, Page, Place};

/// For how many revisions a feeding merges a page of the index: enough of them to keep pace.
const REVISIONS_A_PAGE: u64 = 2;
const MERGE: &str = "INSERT INTO search (search, rank) VALUES ('merge', ?1)";

/// Feeds the index with the next revisions, at most so many. Gives whether there may be more.
pub(super) fn feed(connection: &Connection, count: u64) -> rusqlite::Result<bool> {
    const WAITING: &str = "SELECT number, customer FROM revisions
        WHERE number > (SELECT revision FROM search_mark) ORDER BY number LIMIT ?1";
    const REPLACE: &str = "INSERT OR REPLACE INTO search (rowid, text) VALUES (?1, ?2)";
    let mut statement = connection.prepare_cached(WAITING)?;
    let mut waiting: Vec<(i64, i64)> =
        statement.query_map([customers::signed(count)], |row| row.try_into())?.collect::<rusqlite::Result<_>>()?;
    let Some((last, _)) = waiting.last().copied() else { return Ok(false) };
    // FTS5 begins another part of the index at each row before the one that it took last.
    waiting.sort_unstable_by_key(|(_, customer)| *customer);
    for (revision, customer) in &waiting {
        // Each customer once, at its newest revision: one that comes after these keeps it in the tail.
        if let Some(row) = customers::find_by_number(connection, *customer)?.filter(|row| row.revision == *revision) {
            let text = mode_trigram(row.customer.mode) + &text_of(&row.customer);
            connection.prepare_cached(REPLACE)?.execute(params![row.number, text])?;
        }
    }
    let pages = (waiting.len() as u64).div_ceil(REVISIONS_A_PAGE);
    connection.prepare_cached(MERGE)?.execute([pages])?;
    connection.prepare_cached("UPDATE search_mark SET revision = ?1")?.execute([last])?;
    Ok(waiting.len() as u64 == count)
}

/// The newest revision, and up to which one the index is fed.
pub(super) fn newest_and_mark(connection: &Connection) -> rusqlite::Result<(i64, i64)> {
    const SQL: &str = "SELECT (SELECT coalesce(max(number), 0) FROM revisions), revision FROM search_mark";
    connection.prepare_cached(SQL)?.query_row([], |row| row.try_into())
}

/// Whether the index has the row of a customer, by its number.
pub(super) fn has(connection: &Connection, number: i64) -> rusqlite::Result<bool> {
    const SQL: &str = "SELECT EXISTS (SELECT 1 FROM search_docsize WHERE id = ?1)";
    connection.prepare_cached(SQL)?.query_row([number], |row| row.get(0))
}

/// Takes a customer out of the index. Their trigrams stay in it, marked as gone, until its parts are merged.
pub(super) fn delete(connection: &Connection, number: i64) -> rusqlite::Result<()> {
    connection.prepare_cached("DELETE FROM search WHERE rowid = ?1")?.execute([number]).map(drop)
}

/// Begins to merge all parts of the index into one, without what is marked as gone; gives whether that is begun. What was
/// being merged before is finished first: of that, something that is gone since may be in the new part already.
pub(super) fn begin_merge(connection: &Connection, pages: i64) -> rusqlite::Result<bool> {
    if merge(connection, pages)? {
        return Ok(false);
    }
    // A single part would rise by a level each time it is merged, and there are not so many levels: beside another it does not.
    let apart = format!("{}{}", mode_trigram(Mode::Test), mode_trigram(Mode::Live));
    connection.prepare_cached("INSERT INTO search (rowid, text) VALUES (0, ?1)")?.execute([apart])?;
    delete(connection, 0)?;
    merge(connection, -pages)?;
    Ok(true)
}

/// Goes on with merging, so many pages; fewer than none begins to merge all parts into one. Gives whether there was anything.
pub(super) fn merge(connection: &Connection, pages: i64) -> rusqlite::Result<bool> {
    let before = connection.total_changes();
    connection.prepare_cached(MERGE)?.execute([pages])?;
    // As SQLite's documentation has it: less than two where nothing was to be done.
    Ok(connection.total_changes() - before >= 2)
}

/// Customers that match, the last added first. That is the order of rows, in which the index is read without sorting: a
/// page costs what is on it, however many match. It is the order of `created_at`, but where the clock was set back or
/// customers were seeded.
pub(super) fn page(
    connection: &Connection,
    mode: Mode,
    query: &Query,
    place: &Place,
    count: u64,
) -> rusqlite::Result<Option<Page>> {
    // One snapshot: the mark, the index and the rows belong together.
    let snapshot = Transaction::new_unchecked(connection, TransactionBehavior::Deferred)?;
    let bound = match place {
        Place::Newest => i64::MAX,
        Place::OlderThan(id) | Place::NewerThan(id) => match customers::find(&snapshot, mode, id)? {
            Some(row) => row.number,
            None => return Ok(None),
        },
    };
    let rows = matching(&snapshot, mode, query, candidates(place), bound, count.saturating_add(1))?;
    let items = rows.into_iter().map(|row| pages::listed(&snapshot, row)).collect::<rusqlite::Result<_>>()?;
    Ok(Some(pages::page(items, place, count)))
}

/// Customers that match after a place, the last added first.
pub(super) fn after(
    connection: &Connection,
    mode: Mode,
    query: &Query,
    after: Option<&Bookmark>,
    count: u64,
) -> rusqlite::Result<Vec<CustomerRow>> {
    let snapshot = Transaction::new_unchecked(connection, TransactionBehavior::Deferred)?;
    let bound = after.map_or(i64::MAX, |mark| mark.number);
    matching(&snapshot, mode, query, candidates(&Place::Newest), bound, count)
}

/// The rows of candidates that match as they stand.
fn matching(
    snapshot: &Transaction,
    mode: Mode,
    query: &Query,
    candidates: &str,
    bound: i64,
    count: u64,
) -> rusqlite::Result<Vec<CustomerRow>> {
    let mut statement = snapshot.prepare_cached(candidates)?;
    let mut candidates = statement.query(named_params! {
        ":expression": expression(is_rare(snapshot, mode)?.then_some(mode), query), ":mode": columns::mode(mode), ":bound": bound,
    })?;
    let mut rows = Vec::new();
    while (rows.len() as u64) < count
        && let Some(candidate) = candidates.next()?
    {
        let row = customers::find_by_number(snapshot, candidate.get(0)?)?;
        rows.extend(row.filter(|row| row.customer.mode == mode && query.matches(&row.customer)));
    }
    Ok(rows)
}

/// The numbers that the index names and those of the tail, each once. SQLite merges the two as it reads them.
fn candidates(place: &Place) -> &'static str {
    macro_rules! sql {
        ($beyond:literal, $order:literal) => {
            concat!(
                "SELECT rowid FROM search WHERE search MATCH :expression AND rowid ",
                $beyond,
                " :bound
                UNION
                SELECT customer FROM revisions WHERE number > (SELECT revision FROM search_mark)
                    AND mode = :mode AND customer ",
                $beyond,
                " :bound
                ORDER BY 1 ",
                $order
            )
        };
    }
    match place {
        Place::Newest | Place::OlderThan(_) => sql!("<", "DESC"),
        Place::NewerThan(_) => sql!(">", "ASC"),
    }
}

/// Whether a mode has few of all customers, as far as they are counted.
fn is_rare(connection: &Connection, mode: Mode) -> rusqlite::Result<bool> {
    const SQL: &str = "SELECT 4 * total(made) FILTER (WHERE mode = ?1) < total(made) FROM days";
    connection.prepare_cached(SQL)?.query_row([columns::mode(mode)], |row| row.get(0))
}

/// In what FTS5 reads: of each term the trigrams of one way to find it, and the mode where it leaves few. Where it leaves most,
/// going through all of them to leave out the others took 6 ms among a million, more than the rest of the question.
fn expression(mode: Option<Mode>, query: &Query) -> String {
    let all = |way: &Vec<String>| way.iter().map(|trigram| quoted(trigram)).collect::<Vec<_>>().join(" AND ");
    let any = |term: Vec<Vec<String>>| {
        let ways: Vec<String> = term.iter().map(|way| format!("({})", all(way))).collect();
        format!("({})", ways.join(" OR "))
    };
    let mode = mode.map(|mode| quoted(&mode_trigram(mode)));
    mode.into_iter().chain(query.trigrams().into_iter().map(any)).collect::<Vec<_>>().join(" AND ")
}

/// Stands before the text, so that a few live customers are not looked for among a million test ones. No word and no value
/// has its first character.
fn mode_trigram(mode: Mode) -> String {
    format!("\u{3}\u{3}{}", columns::mode(mode))
}

/// A string of FTS5's, in which nothing is special but the quote.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::domain::{Actor, Change, Changes, Customer, CustomerId, Draft, Edited, Revision};
    use crate::store::Lane;
    use crate::store::sqlite::{Store, Use, check, open};

    #[test]
    fn what_the_index_names_is_never_sorted() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(include_str!("../../../schema.sql")).unwrap();
        for place in [Place::Newest, Place::NewerThan(CustomerId::stored(String::new()))] {
            let sql = format!("EXPLAIN QUERY PLAN {}", candidates(&place));
            let mut statement = connection.prepare(&sql).unwrap();
            let plan: Vec<String> = statement.raw_query().mapped(|row| row.get(3)).map(Result::unwrap).collect();
            assert_eq!(plan[..2], ["MERGE (UNION)", "LEFT"], "{plan:?}");
            assert!(plan[2].starts_with("SCAN search VIRTUAL TABLE") && plan[3] == "RIGHT", "{plan:?}");
            assert!(plan[4].starts_with("SEARCH revisions USING INTEGER PRIMARY KEY (rowid>?)"), "{plan:?}");
        }
    }

    fn edited(number: u8) -> Edited {
        let blank = Customer::blank(CustomerId::new(0, [number, 0, 0, 0]), Mode::Test, 0);
        named(&blank, &format!("Number {number}"))
    }

    fn named(before: &Customer, name: &str) -> Edited {
        let draft = Draft { name: Change::Set(name.into()), ..Draft::default() };
        let customer = Customer { version: before.version + 1, ..draft.parse().unwrap().over(before) };
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

    /// How many parts the index has. The number of a page begins with that of its part; those of no part come before, and who is
    /// gone after.
    fn parts(connection: &Connection) -> i64 {
        const SQL: &str = "SELECT count(DISTINCT id >> 37) FROM search_data WHERE id BETWEEN 1 << 37 AND 1 << 53";
        connection.query_row(SQL, [], |row| row.get(0)).unwrap()
    }

    #[test]
    fn however_edits_come_a_feeding_adds_one_part_to_the_index() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(include_str!("../../../schema.sql")).unwrap();
        for number in 0..60 {
            customers::insert::<()>(&connection, &edited(number)).unwrap();
        }
        let feed_all = || {
            connection.execute_batch("BEGIN").unwrap();
            feed(&connection, 100).unwrap();
            connection.execute_batch("COMMIT").unwrap();
        };
        feed_all();
        assert_eq!(parts(&connection), 1);
        // Few: a part of which much is gone is merged.
        for number in [50, 40, 30, 20] {
            let again = |before: &Customer| Ok::<_, ()>(Some(named(before, "Again")));
            customers::edit(&connection, Mode::Test, &edited(number).customer.id, &again).unwrap();
        }
        feed_all();
        assert_eq!(parts(&connection), 2);
    }

    #[tokio::test]
    async fn what_is_left_in_parts_is_merged_while_nobody_writes() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("t.db");
        let command = Store::open(&path, Use::Fill).unwrap();
        for number in 1..=7 {
            const ADD: &str = "INSERT INTO search (rowid, text) VALUES (?1, 'stays here')";
            let add = move |connection: &Connection| Ok::<_, crate::store::Error>(connection.execute(ADD, [number])?);
            command.act(add).await.unwrap();
        }
        let connection = open::reader(&path).unwrap();
        assert_eq!(parts(&connection), 7);
        let _server = Store::open(&path, Use::Serve).unwrap();
        let patience = Instant::now() + Duration::from_secs(20);
        while parts(&connection) > 1 {
            assert!(Instant::now() < patience, "{} parts", parts(&connection));
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    #[tokio::test]
    async fn a_server_feeds_by_itself_what_it_and_others_write_and_a_command_does_not() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("t.db");
        let command = Store::open(&path, Use::Fill).unwrap();
        command.insert(Lane::HOUSE, edited(1)).await.unwrap();
        let connection = open::reader(&path).unwrap();
        assert_eq!(newest_and_mark(&connection).unwrap(), (1, 0));

        let server = Store::open(&path, Use::Serve).unwrap();
        server.insert(Lane::HOUSE, edited(2)).await.unwrap();
        command.insert(Lane::HOUSE, edited(3)).await.unwrap();
        let patience = Instant::now() + Duration::from_secs(20);
        while newest_and_mark(&connection).unwrap() != (3, 3) {
            assert!(Instant::now() < patience, "{:?}", newest_and_mark(&connection));
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        server.close();
        command.insert(Lane::HOUSE, edited(4)).await.unwrap();
        assert_eq!(newest_and_mark(&connection).unwrap(), (4, 3));
    }

    /// Whether the bytes of the index have this, marked as gone or not.
    fn has_bytes(connection: &Connection, bytes: &[u8]) -> bool {
        let mut statement = connection.prepare("SELECT block FROM search_data").unwrap();
        let mut blocks = statement.query_map([], |row| row.get::<_, Vec<u8>>(0)).unwrap().map(Result::unwrap);
        blocks.any(|block| block.windows(bytes.len()).any(|window| window == bytes))
    }

    #[test]
    fn merged_the_index_has_nothing_of_who_is_gone_however_often() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(include_str!("../../../schema.sql")).unwrap();
        let add = |number: i64, text: &str| {
            connection
                .execute("INSERT OR REPLACE INTO search (rowid, text) VALUES (?1, ?2)", params![number, text])
                .unwrap();
        };
        let count = |term: &str| -> u64 {
            let sql = "SELECT count(*) FROM search WHERE search MATCH ?1";
            connection.query_row(sql, [term], |row| row.get(0)).unwrap()
        };
        let merge_all = || {
            while !begin_merge(&connection, 1).unwrap() {}
            let mut steps = 0;
            while merge(&connection, 1).unwrap() {
                steps += 1;
            }
            steps
        };
        for number in 1..=2_200_u32 {
            add(number.into(), &format!("stays here {}", number.wrapping_mul(0x9e37_79b9)));
        }
        add(7, "stays, ужещ before");
        add(7, "stays, later");
        delete(&connection, 8).unwrap();
        // Terms share what they begin with.
        let gone = &"жещ".as_bytes()[1..];
        assert!(has_bytes(&connection, gone), "it is only marked as gone, and nothing is tried here otherwise");
        assert!(merge_all() > 0);
        assert!(!has_bytes(&connection, gone), "what went is in the bytes");
        assert_eq!((count("sta"), count("lat"), count("\"\u{3}\u{3}0\"")), (2_199, 1, 0));
        // An index has 2,000 levels at most: neither one that others come to nor one that only loses gets there.
        for number in 31..=2_200 {
            delete(&connection, number).unwrap();
            merge_all();
        }
        for round in 0..500 {
            delete(&connection, round % 20 + 9).unwrap();
            merge_all();
            add(round % 20 + 9, "stays here");
        }
        connection.execute_batch("INSERT INTO search (search) VALUES ('integrity-check')").unwrap();
        assert_eq!(count("sta"), 29);
        let sound: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(sound, "ok");
    }

    #[tokio::test]
    async fn who_has_searched_finds_the_file_whole_after_a_merge() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(&directory.path().join("t.db"), Use::Fill).unwrap();
        for number in 1..=6 {
            store.insert(Lane::HOUSE, edited(number)).await.unwrap();
            store.feed_search(1).await.unwrap();
        }
        let reader = open::reader(&directory.path().join("t.db")).unwrap();
        let found = page(&reader, Mode::Test, &Query::parse("number").unwrap(), &Place::Newest, 10).unwrap();
        assert_eq!(found.unwrap().items.len(), 6);
        store.act(|connection| Ok::<_, crate::store::Error>(merge(connection, -1000)?)).await.unwrap();
        assert_eq!(check::run(&reader, &|_| ()).unwrap().faults, Vec::<String>::new());
    }

    #[test]
    fn a_quote_ends_no_string() {
        let query = Query::parse("a\"b 12-3").unwrap();
        assert_eq!(
            expression(Some(Mode::Live), &query),
            "\"\u{3}\u{3}1\" AND ((\"a\"\"b\")) AND ((\"12-\" AND \"2-3\") OR (\"123\"))"
        );
    }
}
