//! The parts of the index, merged: a little with each feeding, more while nobody writes, and all into one after an erasure.

use rusqlite::types::Type;
use rusqlite::{Connection, Error};

use super::terms::{FILLER, NOBODY, put, take};

/// How many parts of a level are merged, as the schema has it.
const PARTS_MERGED: usize = 8;
const MERGE: &str = "INSERT INTO search (search, rank) VALUES ('merge', ?1)";

/// Begins to merge all parts of the index into one; gives whether that is begun. What was being merged before goes on first: of
/// that, something that is gone since may be in the new part already.
pub(in crate::store::sqlite) fn begin_merge(connection: &Connection, pages: i64) -> rusqlite::Result<bool> {
    if merge(connection, pages)? {
        return Ok(false);
    }
    // Each is a part of its own. Together they are more than are ever left to lie on a level, so that whatever is fed meanwhile, what
    // is begun here is what is gone on with. Nor is there a single part then, which would rise by a level each time it is merged: of
    // several on different levels, FTS5 has the last level come after some 65 and stay there.
    for _ in 0..PARTS_MERGED {
        put(connection, NOBODY, FILLER)?;
    }
    take(connection, NOBODY, FILLER)?;
    merge(connection, -pages)?;
    Ok(true)
}

/// Whether all that was there is one part now, without what is marked as gone. FTS5 leaves that out only of what comes to the last
/// level; where all parts lie on one before it, as they can, that takes another time.
pub(in crate::store::sqlite) fn is_one_part(connection: &Connection) -> rusqlite::Result<bool> {
    const SQL: &str = "SELECT block FROM search_data WHERE id = 10";
    let block: Vec<u8> = connection.prepare_cached(SQL)?.query_row([], |row| row.get(0))?;
    let unreadable =
        || Error::FromSqlConversionFailure(0, Type::Blob, "not the levels of an index as FTS5 keeps them".into());
    let levels = levels(&block).ok_or_else(unreadable)?;
    let is_empty = levels.iter().all(|(_, parts)| *parts == 0);
    let is_merging = levels.iter().any(|(merged, _)| *merged > 0);
    Ok(is_empty || !is_merging && levels.last().is_some_and(|(_, parts)| *parts > 0))
}

/// Of each level of an index how many of its parts are being merged, and how many it has: as FTS5 keeps it, `fts5StructureDecode`
/// in its source. Behind a cookie of four bytes, numbers of variable length: how many levels, how many parts, a counter; then of
/// each level the two that are given, and three of each of its parts.
fn levels(block: &[u8]) -> Option<Vec<(u64, u64)>> {
    let mut bytes = block.get(4..)?.iter();
    // Seven bits of each byte, the highest first; none of these numbers has the nine bytes of which the last would count whole.
    let mut next = || {
        let mut number = 0_u64;
        loop {
            let byte = *bytes.next()?;
            number = number.checked_mul(128)? + u64::from(byte & 127);
            if byte < 128 {
                return Some(number);
            }
        }
    };
    let (levels, _, _) = (next()?, next()?, next()?);
    let mut level = || {
        let (merged, parts) = (next()?, next()?);
        (0..parts.checked_mul(3)?).try_for_each(|_| next().map(drop))?;
        Some((merged, parts))
    };
    (0..levels).map(|_| level()).collect()
}

/// Goes on with merging, so many pages; fewer than none begins to merge all parts into one. Gives whether there was anything.
pub(in crate::store::sqlite) fn merge(connection: &Connection, pages: i64) -> rusqlite::Result<bool> {
    let before = connection.total_changes();
    connection.prepare_cached(MERGE)?.execute([pages])?;
    // As SQLite's documentation has it: less than two where nothing was to be done.
    Ok(connection.total_changes() - before >= 2)
}

#[cfg(test)]
pub(super) mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::store::sqlite::{Store, Use, open};

    /// How many parts the index has. The number of a page begins with that of its part; those of no part come before.
    pub(in super::super) fn parts(connection: &Connection) -> i64 {
        const SQL: &str = "SELECT count(DISTINCT id >> 37) FROM search_data WHERE id BETWEEN 1 << 37 AND 1 << 53";
        connection.query_row(SQL, [], |row| row.get(0)).unwrap()
    }

    #[tokio::test]
    async fn what_is_left_in_parts_is_merged_while_nobody_writes() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("t.db");
        let command = Store::open(&path, Use::Fill).unwrap();
        for number in 1..=9 {
            let add = move |connection: &Connection| Ok::<_, crate::store::Error>(put(connection, number, "sta tay")?);
            command.act(add).await.unwrap();
        }
        let connection = open::reader(&path).unwrap();
        assert_eq!(parts(&connection), 9);
        let _server = Store::open(&path, Use::Serve).unwrap();
        let patience = Instant::now() + Duration::from_secs(20);
        while parts(&connection) > 1 {
            assert!(Instant::now() < patience, "{} parts", parts(&connection));
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Whether the bytes of the index have this, marked as gone or not.
    fn has_bytes(connection: &Connection, bytes: &[u8]) -> bool {
        let mut statement = connection.prepare("SELECT block FROM search_data").unwrap();
        let mut blocks = statement.query_map([], |row| row.get::<_, Vec<u8>>(0)).unwrap().map(Result::unwrap);
        blocks.any(|block| block.windows(bytes.len()).any(|window| window == bytes))
    }

    /// Merges all, a page at a time, while something else happens between. Gives how many times.
    pub(in super::super) fn merge_all(connection: &Connection, mut between: impl FnMut()) -> usize {
        let mut steps = 0;
        loop {
            while !begin_merge(connection, 1).unwrap() {}
            while merge(connection, 1).unwrap() {
                steps += 1;
                between();
            }
            if is_one_part(connection).unwrap() {
                return steps;
            }
        }
    }

    #[test]
    fn merged_the_index_has_nothing_of_who_is_gone_however_often() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(include_str!("../../../../schema.sql")).unwrap();
        let count = |term: &str| -> u64 {
            let sql = "SELECT count(*) FROM search WHERE search MATCH ?1";
            connection.query_row(sql, [term], |row| row.get(0)).unwrap()
        };
        for number in 1..=2_200_u32 {
            put(&connection, number.into(), &format!("sta tay {:x}", number.wrapping_mul(0x9e37_79b9))).unwrap();
        }
        put(&connection, 7, "ужещ").unwrap();
        take(&connection, 7, "ужещ").unwrap();
        put(&connection, 7, "lat").unwrap();
        take(&connection, 8, "sta tay").unwrap();
        // Terms share what they begin with.
        let gone = &"жещ".as_bytes()[1..];
        assert!(has_bytes(&connection, gone), "it is only marked as gone, and nothing is tried here otherwise");
        assert!(merge_all(&connection, || {}) > 0);
        assert!(!has_bytes(&connection, gone), "what went is in the bytes");
        assert_eq!((count("sta"), count("lat"), count("\"\u{92}\"")), (2_199, 1, 0));
        // An index has 2,000 levels at most: neither one that others come to nor one that only loses gets there.
        for number in 31..=2_200 {
            take(&connection, number, "sta tay").unwrap();
            merge_all(&connection, || {});
        }
        for round in 0..500 {
            take(&connection, round % 20 + 9, "sta tay").unwrap();
            merge_all(&connection, || {});
            put(&connection, round % 20 + 9, "sta tay").unwrap();
        }
        connection.execute_batch("INSERT INTO search (search) VALUES ('integrity-check')").unwrap();
        assert_eq!(count("sta"), 29);
        let sound: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(sound, "ok");
    }

    #[test]
    fn sweep_after_sweep_leaves_nothing_however_the_parts_lie_and_whatever_comes_meanwhile() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(include_str!("../../../../schema.sql")).unwrap();
        let (mut number, mut random) = (0, 1_u64);
        let mut add = |count: i64| {
            // In one part: one transaction, and numbers that rise.
            connection.execute_batch("BEGIN").unwrap();
            for _ in 0..count {
                number += 1;
                let mut terms = String::new();
                for _ in 0..60 {
                    random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    terms.push_str(&format!("{:03x} ", random >> 52));
                }
                put(&connection, number, &terms).unwrap();
            }
            connection.execute_batch("COMMIT").unwrap();
            number
        };
        // One that comes draws an older one of no more pages to its level: before the third sweep all are on the first.
        for round in 0..30 {
            add([40, 1, 200, 1, 20][round % 5]);
            let number = add(1);
            put(&connection, number, "ужещ").unwrap();
            take(&connection, number, "ужещ").unwrap();
            // As many parts as may lie there without being merged.
            for _ in 3..round % 8 {
                add(1);
            }
            assert!(has_bytes(&connection, "жещ".as_bytes()), "nothing is tried here otherwise");
            let mut fed = 0;
            merge_all(&connection, || {
                fed += 1;
                if 3 < fed && fed <= round {
                    add(1);
                }
            });
            assert!(!has_bytes(&connection, "жещ".as_bytes()), "in round {round}");
        }
        connection.execute_batch("INSERT INTO search (search) VALUES ('integrity-check')").unwrap();
    }
}
