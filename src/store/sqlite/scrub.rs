//! Room in the file that belongs to nothing, and what is left in it. `secure_delete` wipes a row where it lay when it goes; but
//! where SQLite builds a page anew to make room, copies of rows that have moved stay in the gap between its pointers and its
//! rows, and a file that was written without it has them in free pages too. Nobody can read them by SQL, and anybody by `grep`.
//!
//! Wiped page by page, within transactions like any other change, by the format that SQLite has documented and promised to keep:
//! <https://www.sqlite.org/fileformat2.html>. Only gaps are written, whose bounds the page itself gives: a page that makes no
//! sense is left as it is, for `patron check` to find. `VACUUM` leaves nothing either, but writes the whole file anew, 7 seconds
//! for a million customers, in which nobody can edit.

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension, params};

/// Wipes what is left in so many pages from this one on. Gives where to go on; `None` at the end of the file.
pub(super) fn pages(connection: &Connection, from: u32, count: u32) -> rusqlite::Result<Option<u32>> {
    let total: u32 = connection.query_row("SELECT page_count FROM pragma_page_count()", [], |row| row.get(0))?;
    let Some(file) = File::of(connection, total)? else { return Ok(None) };
    let end = from.saturating_add(count).min(total + 1);
    let free = file.free(from..end)?;
    for number in from..end {
        file.wipe(number, &free)?;
    }
    Ok((end <= total).then_some(end))
}

/// From here on, numbers of pages begin with bytes that kinds of pages begin with too: 137 GB with pages of 4 KB.
const PAGES_MAX: u32 = 0x0200_0000;

/// The file as its pages are.
struct File<'a> {
    connection: &'a Connection,
    /// The bytes of a page that SQLite uses.
    usable: usize,
    total: u32,
}

/// Free pages, all of whose bytes are nobody's, and those that list them.
struct Free {
    leaves: BTreeSet<u32>,
    trunks: BTreeSet<u32>,
}

impl<'a> File<'a> {
    /// `None` where pages would not be known by what they begin with.
    fn of(connection: &'a Connection, total: u32) -> rusqlite::Result<Option<Self>> {
        let mut file = Self { connection, usable: 0, total };
        let Some(first) = file.read(1)? else { return Ok(None) };
        let (Some(reserved), Some(largest_root)) = (first.get(20), u32_at(&first, 52)) else { return Ok(None) };
        file.usable = first.len().saturating_sub(usize::from(*reserved));
        // A file that vacuums itself has pages of another kind. We make none.
        Ok((total < PAGES_MAX && largest_root == 0).then_some(file))
    }

    fn read(&self, number: u32) -> rusqlite::Result<Option<Vec<u8>>> {
        const SQL: &str = "SELECT data FROM sqlite_dbpage WHERE pgno = ?1";
        self.connection.prepare_cached(SQL)?.query_row([number], |row| row.get(0)).optional()
    }

    fn write(&self, number: u32, page: &[u8]) -> rusqlite::Result<()> {
        const SQL: &str = "UPDATE sqlite_dbpage SET data = ?2 WHERE pgno = ?1";
        self.connection.prepare_cached(SQL)?.execute(params![number, page]).map(drop)
    }

    /// Which of these pages are free.
    fn free(&self, range: std::ops::Range<u32>) -> rusqlite::Result<Free> {
        let mut free = Free { leaves: BTreeSet::new(), trunks: BTreeSet::new() };
        let first = self.read(1)?.unwrap_or_default();
        let mut next = u32_at(&first, 32).unwrap_or_default();
        while next != 0
            && free.trunks.insert(next)
            && let Some(trunk) = self.read(next)?
        {
            let leaves = (0..leaves_of(&trunk, self.usable)).filter_map(|leaf| u32_at(&trunk, 8 + 4 * leaf));
            free.leaves.extend(leaves.filter(|leaf| range.contains(leaf)));
            next = u32_at(&trunk, 0).unwrap_or_default();
        }
        Ok(free)
    }

    fn wipe(&self, number: u32, free: &Free) -> rusqlite::Result<()> {
        // SQLite locks bytes of this one, and keeps nothing in it.
        let Some(mut page) = self.read(number)?.filter(|page| number as usize != 0x4000_0000 / page.len() + 1) else {
            return Ok(());
        };
        let wiped = if free.leaves.contains(&number) {
            zero(&mut page, 0..self.usable)
        } else if free.trunks.contains(&number) {
            let end = 8 + 4 * leaves_of(&page, self.usable);
            zero(&mut page, end..self.usable)
        } else if let Some(tree) = Tree::of(&page, number, self.usable) {
            for payload in tree.spilled(&page) {
                self.wipe_tail(payload)?;
            }
            let mut wiped = false;
            for gap in tree.gaps {
                wiped |= zero(&mut page, gap);
            }
            wiped
        } else {
            // It holds what a row was too long for: its row leads to it.
            false
        };
        if wiped { self.write(number, &page) } else { Ok(()) }
    }

    /// What stands behind the end of a payload on its last page.
    fn wipe_tail(&self, Spilled { mut rest, mut page }: Spilled) -> rusqlite::Result<()> {
        let room = self.usable.saturating_sub(4);
        // A loop in the chain ends with the payload.
        while rest > 0 && (2..=self.total).contains(&page) {
            let Some(mut data) = self.read(page)?.filter(|data| data.len() >= self.usable) else { break };
            let next = u32_at(&data, 0).unwrap_or_default();
            // The last page of a payload names no next one, and all before it do. What is otherwise is no part of one, but where a
            // damaged row leads to.
            if (rest <= room) != (next == 0) {
                break;
            }
            if next == 0 && zero(&mut data, 4 + rest..self.usable) {
                self.write(page, &data)?;
            }
            rest = rest.saturating_sub(room);
            page = next;
        }
        Ok(())
    }
}

/// How many free pages a page of the list names.
fn leaves_of(trunk: &[u8], usable: usize) -> usize {
    let most = (usable / 4).saturating_sub(2);
    u32_at(trunk, 4).map_or(0, |count| (count as usize).min(most))
}

/// The part of a payload that is not on its own page.
struct Spilled {
    /// How many bytes.
    rest: usize,
    /// Where they begin.
    page: u32,
}

/// A page of a table or an index.
struct Tree {
    kind: u8,
    usable: usize,
    /// Where rows begin, each.
    cells: Vec<usize>,
    gaps: Vec<std::ops::Range<usize>>,
}

const INDEX_INNER: u8 = 2;
const TABLE_INNER: u8 = 5;
const INDEX_LEAF: u8 = 10;
const TABLE_LEAF: u8 = 13;

impl Tree {
    /// `None` for another page, and for one that makes no sense.
    fn of(page: &[u8], number: u32, usable: usize) -> Option<Self> {
        let head = if number == 1 { 100 } else { 0 };
        let kind = *page.get(head)?;
        let pointers = match kind {
            INDEX_INNER | TABLE_INNER => head + 12,
            INDEX_LEAF | TABLE_LEAF => head + 8,
            _ => return None,
        };
        let count = usize::from(u16_at(page, head + 3)?);
        let content = match u16_at(page, head + 5)? {
            0 => 65_536,
            content => usize::from(content),
        };
        let after = pointers + 2 * count;
        if page.len() < usable || after > content || content > usable {
            return None;
        }
        let cells: Option<Vec<usize>> =
            (0..count).map(|cell| u16_at(page, pointers + 2 * cell).map(usize::from)).collect();
        let cells = cells.filter(|cells| cells.iter().all(|cell| (content..usable).contains(cell)))?;
        let mut gaps = Vec::new();
        let mut block = usize::from(u16_at(page, head + 1)?);
        let mut least = content;
        while block != 0 {
            let (next, len) = (usize::from(u16_at(page, block)?), usize::from(u16_at(page, block + 2)?));
            let holds_row = cells.iter().any(|cell| (block..block + len).contains(cell));
            let is_sound =
                block >= least && len >= 4 && block + len <= usable && (next == 0 || next > block) && !holds_row;
            if !is_sound {
                return None;
            }
            // What it begins with leads to the next.
            gaps.push(block + 4..block + len);
            (block, least) = (next, block + len);
        }
        gaps.push(after..content);
        Some(Self { kind, usable, cells, gaps })
    }

    /// What goes on elsewhere.
    fn spilled<'p>(&self, page: &'p [u8]) -> impl Iterator<Item = Spilled> + use<'_, 'p> {
        self.cells.iter().filter_map(|cell| self.spilled_of(page, *cell))
    }

    fn spilled_of(&self, page: &[u8], cell: usize) -> Option<Spilled> {
        let at = match self.kind {
            TABLE_INNER => return None,
            INDEX_INNER => cell + 4,
            _ => cell,
        };
        let (len, mut at) = varint(page, at)?;
        if self.kind == TABLE_LEAF {
            (_, at) = varint(page, at)?;
        }
        let len = usize::try_from(len).ok()?;
        let most = if self.kind == TABLE_LEAF { self.usable - 35 } else { (self.usable - 12) * 64 / 255 - 23 };
        if len <= most {
            return None;
        }
        let least = (self.usable - 12) * 32 / 255 - 23;
        let here = least + (len - least) % (self.usable - 4);
        let here = if here <= most { here } else { least };
        Some(Spilled { rest: len - here, page: u32_at(page, at + here)? })
    }
}

/// Wipes a part of a page; gives whether there was anything.
fn zero(page: &mut [u8], part: std::ops::Range<usize>) -> bool {
    let Some(part) = page.get_mut(part).filter(|part| part.iter().any(|byte| *byte != 0)) else { return false };
    part.fill(0);
    true
}

fn u16_at(page: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(page.get(at..at + 2)?.try_into().ok()?))
}

fn u32_at(page: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(page.get(at..at + 4)?.try_into().ok()?))
}

/// SQLite's integer of one to nine bytes, and where it ends.
fn varint(page: &[u8], at: usize) -> Option<(u64, usize)> {
    let mut value = 0;
    for (length, byte) in page.get(at..)?.iter().take(9).enumerate() {
        if length == 8 {
            return Some((value << 8 | u64::from(*byte), at + 9));
        }
        value = value << 7 | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Some((value, at + length + 1));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sqlite::open;

    /// A file in which rows of every size came, moved and went, by which SQLite had to build pages anew. `secure_delete` as told.
    fn churned(path: &std::path::Path, secure_delete: bool) -> Connection {
        std::fs::File::create(path).unwrap();
        let connection = open::writer(path).unwrap();
        connection.pragma_update(None, "secure_delete", secure_delete).unwrap();
        connection
            .execute_batch("CREATE TABLE t (number INTEGER PRIMARY KEY, text TEXT); CREATE INDEX i ON t (text)")
            .unwrap();
        let text = |number: u64, round: u64| {
            let mixed = (number + 7_919 * round).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            format!(
                "{:06}GONE{}",
                mixed % 1_000_000,
                "x".repeat((mixed >> 40) as usize % if number.is_multiple_of(50) { 20_000 } else { 200 })
            )
        };
        for round in 0..4 {
            for number in 0..1_500 {
                let sql = "INSERT OR REPLACE INTO t VALUES (?1, ?2)";
                connection.execute(sql, params![number, text(number, round)]).unwrap();
            }
        }
        connection.execute("DELETE FROM t WHERE number % 3 = 0", []).unwrap();
        connection.execute("UPDATE t SET text = printf('kept %d ', number) || substr(text, 20)", []).unwrap();
        connection
    }

    /// The whole file, its log written back.
    fn bytes(connection: &Connection, path: &std::path::Path) -> Vec<u8> {
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
        std::fs::read(path).unwrap()
    }

    fn rows(connection: &Connection) -> Vec<(i64, String)> {
        let mut statement = connection.prepare("SELECT number, text FROM t ORDER BY text").unwrap();
        statement.query_map([], |row| row.try_into()).unwrap().map(Result::unwrap).collect()
    }

    fn count(bytes: &[u8]) -> usize {
        bytes.windows(4).filter(|window| window == b"GONE").count()
    }

    #[test]
    fn nothing_is_left_of_rows_that_went_and_all_of_those_that_stay() {
        for secure_delete in [true, false] {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("t.db");
            let connection = churned(&path, secure_delete);
            let before = rows(&connection);
            assert!(count(&bytes(&connection, &path)) > 0, "what SQLite leaves by itself: nothing is tried here");
            connection.pragma_update(None, "secure_delete", true).unwrap();
            let mut from = Some(1);
            while let Some(page) = from {
                let transaction =
                    rusqlite::Transaction::new_unchecked(&connection, rusqlite::TransactionBehavior::Immediate);
                let transaction = transaction.unwrap();
                from = pages(&transaction, page, 100).unwrap();
                transaction.commit().unwrap();
            }
            assert_eq!(count(&bytes(&connection, &path)), 0, "secure_delete {secure_delete}");
            assert!(rows(&connection) == before);
            let sound: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
            assert_eq!(sound, "ok");
            // Rows can come and go in the room that was wiped.
            connection.execute("UPDATE t SET text = text || text", []).unwrap();
            connection.execute("DELETE FROM t WHERE number % 2 = 0", []).unwrap();
            let sound: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
            assert_eq!(sound, "ok");
        }
    }

    #[test]
    fn a_page_that_makes_no_sense_is_left_alone() {
        // A leaf of a table: one row at 4,000, nothing else.
        let mut page = vec![0; 4096];
        page[..10].copy_from_slice(&[TABLE_LEAF, 0, 0, 0, 1, 0x0f, 0xa0, 0, 0x0f, 0xa0]);
        let gaps = |page: &[u8]| Tree::of(page, 2, 4096).map(|tree| tree.gaps);
        assert!(gaps(&page).is_some_and(|gaps| gaps.len() == 1 && gaps[0] == (10..4_000)));
        for (at, byte) in [(0, 7), (3, 0xff), (5, 0x20), (6, 0xa1), (8, 0x20), (8, 0), (1, 0x0f)] {
            let mut wrong = page.clone();
            wrong[at] = byte;
            assert_eq!(gaps(&wrong), None, "{byte} at {at}");
        }
        assert_eq!(gaps(&page[..4_000]), None);
        // A free block where the row is.
        let mut wrong = page.clone();
        wrong[1..3].copy_from_slice(&[0x0f, 0xa0]);
        wrong[4_000..4_004].copy_from_slice(&[0, 0, 0, 8]);
        assert_eq!(gaps(&wrong), None);
    }

    #[test]
    fn a_row_that_leads_into_another_table_spoils_nothing_there() {
        let connection = Connection::open_in_memory().unwrap();
        connection
            .execute_batch(
                "CREATE TABLE long (text); CREATE TABLE other (text);
                INSERT INTO other VALUES ('here to stay'); INSERT INTO long VALUES (printf('%.*c', 4484, 'x'))",
            )
            .unwrap();
        let total = connection.query_row("SELECT page_count FROM pragma_page_count()", [], |row| row.get(0)).unwrap();
        let file = File::of(&connection, total).unwrap().unwrap();
        let mut page = file.read(2).unwrap().unwrap();
        let tree = Tree::of(&page, 2, file.usable).unwrap();
        assert_eq!(
            tree.spilled(&page).map(|spilled| (spilled.page, spilled.rest < 4_080)).collect::<Vec<_>>(),
            [(4, true)]
        );
        // The row is the last thing on its page, and where it goes on the last of the row.
        page[4_092..].copy_from_slice(&3_u32.to_be_bytes());
        file.write(2, &page).unwrap();
        assert_eq!(pages(&connection, 1, 100).unwrap(), None);
        let text: String = connection.query_row("SELECT text FROM other", [], |row| row.get(0)).unwrap();
        assert_eq!(text, "here to stay");
    }
}
