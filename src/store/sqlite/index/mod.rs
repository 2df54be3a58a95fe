//! The index of the search, fed behind the edits.
//!
//! An edit does not touch it. A mark says up to which revision it is fed; whoever has a later revision, the tail, is a candidate in
//! every search, beside those that the index names.
//!
//! To the index a customer is a set of terms: trigrams, some of which stand for five digits, and one for the mode. FTS5 is told which came and which went, by the
//! revisions: they have each value from and to. Once no revision is left to be fed, the terms of a customer in the index are
//! those of their row and no others: what a row has now came with the last revision that set it, and whatever was fed and is no
//! more went with a later one.

mod check;
mod merging;
mod terms;

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Connection, OptionalExtension};

use super::columns::{self, CustomerRow};
use super::revisions;
use crate::domain::{Changes, Customer, CustomerId, Mode, Trigram, trigrams_of};

pub(super) use check::is_of_customers;
pub(super) use merging::{begin_merge, is_one_part, merge};
pub(super) use terms::{has, of_mode, quoted};

use terms::{FILLER, NOBODY, put, take, terms_of};

/// With so many terms in hand a feeding ends: as many customers as can be asked for at once have fewer, unless their notes are
/// long.
const TERMS_MAX: usize = 16_000;
/// For how many terms a feeding merges a page of the index: enough of them to keep pace.
const TERMS_A_PAGE: usize = 400;
/// An index of fewer pages is made anew rather than merged: of some 1,500 customers.
const PAGES_FEW: u64 = 32;

/// What the index is told about a customer.
struct Told {
    number: i64,
    gone: BTreeSet<Trigram>,
    come: BTreeSet<Trigram>,
}

/// Feeds the index with the next revisions, at most so many. Gives whether there may be more.
pub(super) fn feed(connection: &Connection, count: u64) -> rusqlite::Result<bool> {
    const WAITING: &str = "SELECT number, customer, version = 1 OR passage IS NOT NULL, changes FROM revisions
        WHERE number > (SELECT revision FROM search_mark) ORDER BY number LIMIT ?1";
    let mut statement = connection.prepare_cached(WAITING)?;
    let mut waiting = statement.query([columns::signed(count)])?;
    let (mut fed, mut terms, mut last) = (0, 0, None);
    // By their numbers: FTS5 begins another part of the index at each row before the one that it took last.
    let mut moved: BTreeMap<i64, Moved> = BTreeMap::new();
    while terms < TERMS_MAX
        && let Some(row) = waiting.next()?
    {
        (fed, last) = (fed + 1, Some(row.get::<_, i64>(0)?));
        let customer = match moved.entry(row.get(1)?) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                let customer = Moved::of(connection, *entry.key())?;
                terms += customer.present.len() + customer.from.len();
                entry.insert(customer)
            }
        };
        terms += customer.add(row.get(2)?, &columns::read_changes(row, 3)?);
    }
    let Some(last) = last else { return Ok(false) };
    let told: Vec<Told> = moved.into_iter().map(|(number, moved)| moved.told(number)).collect();
    tell(connection, &told)?;
    let told: usize = told.iter().map(|told| told.gone.len() + told.come.len()).sum();
    merge(connection, columns::signed(told.div_ceil(TERMS_A_PAGE) as u64))?;
    connection.prepare_cached("UPDATE search_mark SET revision = ?1")?.execute([last])?;
    Ok(fed == count || terms >= TERMS_MAX)
}

/// What some revisions of a customer, one after the other, did to their values.
struct Moved {
    /// Of the customer as they stand; none where they are withdrawn.
    present: BTreeSet<Trigram>,
    /// Of all values that were taken away.
    from: BTreeSet<Trigram>,
    /// Has the values that were left, and no others.
    to: Customer,
    /// Whether the customer was made, withdrawn or brought back.
    is_whole: bool,
}

impl Moved {
    fn of(connection: &Connection, number: i64) -> rusqlite::Result<Self> {
        let here = columns::find_by_number(connection, number)?;
        let away =
            if here.is_none() { columns::find_withdrawn_by_number(connection, number).optional()? } else { None };
        let terms = |row: Option<CustomerRow>| row.map(|row| terms_of(&row.customer)).unwrap_or_default();
        Ok(Self { present: terms(here), from: terms(away), to: blank(), is_whole: false })
    }

    /// Adds a revision. Gives how many terms the values have that it took away.
    fn add(&mut self, is_whole: bool, changes: &Changes) -> usize {
        let mut from = from_of(changes);
        let len = from.len();
        self.from.append(&mut from);
        changes.apply(&mut self.to);
        self.is_whole |= is_whole;
        len
    }

    /// What that means for the index: nothing goes that the customer has elsewhere, as they stand.
    fn told(mut self, number: i64) -> Told {
        self.from.retain(|term| !self.present.contains(term));
        Told { number, gone: self.from, come: if self.is_whole { self.present } else { trigrams_of(&self.to) } }
    }
}

/// Of all values that a revision took away.
fn from_of(changes: &Changes) -> BTreeSet<Trigram> {
    let mut before = blank();
    changes.revert(&mut before);
    trigrams_of(&before)
}

/// A customer without any value, whose text has no trigram.
fn blank() -> Customer {
    Customer::blank(CustomerId::stored(String::new()), Mode::Test, 0)
}

/// Takes terms out of the index and puts others in, of customers by their numbers upwards. FTS5 counts rows and what is in them,
/// and takes a count below zero for damage. So as many as go are counted in before, as nobody's, and each that goes comes again,
/// if with nothing.
fn tell(connection: &Connection, told: &[Told]) -> rusqlite::Result<()> {
    let text = |terms: &BTreeSet<Trigram>| terms.iter().flat_map(|term| term.iter().chain(&[' '])).collect::<String>();
    let gone: usize = told.iter().map(|told| told.gone.len()).sum();
    if gone > 0 {
        put(connection, NOBODY, &FILLER.repeat(gone))?;
    }
    for Told { number, gone, come } in told {
        if !gone.is_empty() {
            take(connection, *number, &text(gone))?;
        }
        put(connection, *number, &text(come))?;
    }
    Ok(())
}

/// The newest revision, and up to which one the index is fed.
pub(super) fn newest_and_mark(connection: &Connection) -> rusqlite::Result<(i64, i64)> {
    const SQL: &str = "SELECT (SELECT coalesce(max(number), 0) FROM revisions), revision FROM search_mark";
    connection.prepare_cached(SQL)?.query_row([], |row| row.try_into())
}

/// How many the index has who are not there.
pub(super) fn strangers(connection: &Connection) -> rusqlite::Result<u64> {
    const SQL: &str = "SELECT count(*) FROM search WHERE search MATCH ?1
        AND rowid NOT IN (SELECT number FROM customers UNION ALL SELECT number FROM withdrawn)";
    connection.query_row(SQL, [anybody()], |row| row.get(0))
}

/// Takes a customer out of the index, before their history goes. Their terms stay in it, marked as gone, until the index is
/// swept: made anew, or merged into one part.
pub(super) fn delete(connection: &Connection, row: &CustomerRow) -> rusqlite::Result<()> {
    let (_, mark) = newest_and_mark(connection)?;
    let mut gone = terms_of(&row.customer);
    // What is not fed may have taken away what is.
    let mut next = Some(row.revision);
    while let Some(number) = next.filter(|number| *number > mark) {
        let found = revisions::find(connection, &row.customer.id, number)?;
        gone.append(&mut from_of(&found.revision.changes));
        next = found.previous;
    }
    tell(connection, &[Told { number: row.number, gone, come: BTreeSet::new() }])?;
    // By itself FTS5 writes down what it was told where the transaction ends: what fails there would fail for all who are in it.
    merge(connection, 1).map(drop)
}

/// Makes the index anew where it is small, of those whom it has, as they stand. Gives whether it did.
pub(super) fn make_anew_if_small(connection: &Connection) -> rusqlite::Result<bool> {
    const PAGES: &str = "SELECT count(*) FROM (SELECT 1 FROM search_data LIMIT ?1)";
    if connection.prepare_cached(PAGES)?.query_row([PAGES_FEW], |row| row.get::<_, u64>(0))? == PAGES_FEW {
        return Ok(false);
    }
    const KNOWN: &str = "SELECT number FROM customers WHERE number IN (SELECT rowid FROM search WHERE search MATCH ?1)
        ORDER BY number";
    let mut statement = connection.prepare_cached(KNOWN)?;
    let known: Vec<i64> = statement.query_map([anybody()], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    let told = known.into_iter().map(|number| {
        let come = Moved::of(connection, number)?.present;
        Ok(Told { number, gone: BTreeSet::new(), come })
    });
    let told: Vec<Told> = told.collect::<rusqlite::Result<_>>()?;
    empty(connection)?;
    tell(connection, &told)?;
    Ok(true)
}

/// Empties the index, however damaged it is, to be fed from the first revision on.
pub(super) fn begin_anew(connection: &Connection) -> rusqlite::Result<()> {
    empty(connection)?;
    connection.execute("UPDATE search_mark SET revision = 0", []).map(drop)
}

fn empty(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch("INSERT INTO search (search) VALUES ('delete-all')")
}

/// In what FTS5 reads: all whom the index has.
fn anybody() -> String {
    format!("{} OR {}", of_mode(Mode::Test), of_mode(Mode::Live))
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use proptest::prelude::*;
    use proptest::{collection, sample};

    use super::super::customers::tests::changed;
    use super::super::{customers, withdrawn};
    use super::merging::tests::{merge_all, parts};
    use super::*;
    use crate::domain::{Actor, Change, Contact, Draft, Edited, Erasure, Name, NoteValue, NotesEdit, Passage};
    use crate::domain::{Place, Query};
    use crate::store::Requester;
    use crate::store::sqlite::search::page;
    use crate::store::sqlite::{Store, Use, check, erasures, open};

    fn edited(number: u8) -> Edited {
        let blank = Customer::blank(CustomerId::new(0, [number, 0, 0, 0]), Mode::Test, 0);
        named(&blank, &format!("Number {number}"))
    }

    fn named(before: &Customer, name: &str) -> Edited {
        let draft = Draft { name: Change::Set(name.into()), ..Draft::default() };
        changed(before, draft.parse().unwrap().over(before))
    }

    #[test]
    fn however_edits_come_a_feeding_adds_one_part_to_the_index() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(include_str!("../../../../schema.sql")).unwrap();
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
        for number in [50, 40, 30, 20] {
            let again = |before: &Customer| Ok::<_, ()>(Some(named(before, "Again")));
            customers::edit(&connection, Mode::Test, &edited(number).customer.id, &again).unwrap();
        }
        feed_all();
        assert_eq!(parts(&connection), 2);
    }

    #[tokio::test]
    async fn a_server_feeds_by_itself_what_it_and_others_write_and_a_command_does_not() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("t.db");
        let command = Store::open(&path, Use::Fill).unwrap();
        command.insert(Requester::HOUSE, edited(1)).await.unwrap();
        let connection = open::reader(&path).unwrap();
        assert_eq!(newest_and_mark(&connection).unwrap(), (1, 0));

        let server = Store::open(&path, Use::Serve).unwrap();
        server.insert(Requester::HOUSE, edited(2)).await.unwrap();
        command.insert(Requester::HOUSE, edited(3)).await.unwrap();
        let patience = Instant::now() + Duration::from_secs(20);
        while newest_and_mark(&connection).unwrap() != (3, 3) {
            assert!(Instant::now() < patience, "{:?}", newest_and_mark(&connection));
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        server.close();
        command.insert(Requester::HOUSE, edited(4)).await.unwrap();
        assert_eq!(newest_and_mark(&connection).unwrap(), (4, 3));
    }

    #[test]
    fn an_erasure_that_a_damaged_index_fails_fails_alone() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(include_str!("../../../../schema.sql")).unwrap();
        for number in [1, 2] {
            customers::insert::<()>(&connection, &edited(number)).unwrap();
        }
        feed(&connection, 2).unwrap();
        connection.execute_batch("UPDATE search_data SET block = x'00' WHERE id = 10; BEGIN").unwrap();
        let again = |before: &Customer| Ok::<_, ()>(Some(named(before, "Again")));
        customers::edit(&connection, Mode::Test, &edited(1).customer.id, &again).unwrap();
        connection.execute_batch("SAVEPOINT act").unwrap();
        let row = customers::find(&connection, Mode::Test, &edited(2).customer.id).unwrap().unwrap();
        assert!(delete(&connection, &row).is_err());
        connection.execute_batch("ROLLBACK TO act; RELEASE act; COMMIT").unwrap();
        let row = customers::find(&connection, Mode::Test, &edited(1).customer.id).unwrap().unwrap();
        assert_eq!(row.customer.name.unwrap().as_str(), "Again");
    }

    #[test]
    fn a_feeding_ends_where_values_are_long() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(include_str!("../../../../schema.sql")).unwrap();
        let long: String = (0..20_000_u32).map(|number| char::from_u32(0x4e00 + number).unwrap()).collect();
        for number in 1..=5 {
            let blank = Customer::blank(CustomerId::new(0, [number, 0, 0, 0]), Mode::Test, 0);
            let new = Customer { name: Some(Name::stored(long.clone())), ..blank.clone() };
            customers::insert::<()>(&connection, &changed(&blank, new)).unwrap();
        }
        for fed in 1..=5 {
            assert!(feed(&connection, 64).unwrap());
            assert_eq!(newest_and_mark(&connection).unwrap(), (5, fed));
        }
        assert!(!feed(&connection, 64).unwrap());
    }

    /// Each pair of a customer's number and a term that the index has of them.
    fn indexed(connection: &Connection) -> BTreeSet<(i64, String)> {
        connection
            .execute_batch("CREATE VIRTUAL TABLE IF NOT EXISTS temp.instances USING fts5vocab(main, search, instance)")
            .unwrap();
        let mut statement = connection.prepare("SELECT doc, term FROM instances WHERE doc > 0").unwrap();
        statement.query_map([], |row| row.try_into()).unwrap().map(Result::unwrap).collect()
    }

    /// What is done to one of four customers.
    #[derive(Clone, Copy, Debug)]
    enum Step {
        Name(&'static str),
        Note(&'static str),
        Move,
        Erase,
        Sweep,
        Feed(u64),
    }

    fn steps() -> impl Strategy<Value = Vec<(u8, Step)>> {
        let value =
            || sample::select(&["Anna Kumar", "Kumar Anand", "annA", "an na", "cust", "", "\"'-- \u{98}\u{91}"]);
        let step = prop_oneof![
            4 => value().prop_map(Step::Name),
            3 => value().prop_map(Step::Note),
            2 => Just(Step::Move),
            1 => Just(Step::Erase),
            1 => Just(Step::Sweep),
            4 => (1_u64..4).prop_map(Step::Feed),
        ];
        collection::vec((1_u8..5, step), 1..40)
    }

    fn play(connection: &Connection, number: u8, step: Step) {
        let blank = Customer::blank(CustomerId::new(0, [number, 0, 0, 0]), Mode::Live, 0);
        let here = customers::find(connection, Mode::Live, &blank.id).unwrap();
        let away = withdrawn::find(connection, Mode::Live, &blank.id).unwrap();
        let draft = match step {
            Step::Name("") => Draft { name: Change::Clear, ..Draft::default() },
            Step::Name(name) => Draft { name: Change::Set(name.into()), ..Draft::default() },
            Step::Note(note) => {
                let notes = NotesEdit::Replace(vec![("k".to_owned(), NoteValue::Text(note.into()))]);
                Draft { notes, ..Draft::default() }
            }
            Step::Feed(count) => return feed(connection, count).map(drop).unwrap(),
            Step::Sweep => return assert!(make_anew_if_small(connection).unwrap()),
            Step::Erase if here.is_some() || away.is_some() => {
                let erasure = Erasure {
                    customer: blank.id,
                    mode: Mode::Live,
                    at: 0,
                    actor: Actor::Command { name: "test".into() },
                };
                return erasures::erase(connection, &erasure).unwrap();
            }
            Step::Move => {
                let passed = |row: &CustomerRow, passage| {
                    let mut passed = changed(&row.customer, row.customer.clone());
                    passed.revision.passage = Some(passage);
                    passed
                };
                match (here, away) {
                    (Some(row), _) => withdrawn::withdraw(connection, &row, &passed(&row, Passage::Withdrawn)).unwrap(),
                    (None, Some(row)) => {
                        withdrawn::bring_back::<()>(connection, &row, &passed(&row, Passage::Returned)).unwrap()
                    }
                    (None, None) => {}
                }
                return;
            }
            Step::Erase => return,
        };
        let Ok(edit) = draft.parse() else { return };
        match (here, away) {
            (Some(row), _) => {
                let decide = move |before: &Customer| Ok::<_, ()>(Some(changed(before, edit.clone().over(before))));
                customers::edit(connection, Mode::Live, &row.customer.id, &decide).unwrap();
            }
            (None, None) if customers::was_there(connection, &blank.id).unwrap() => {}
            (None, None) => {
                // One value stays.
                let contact = Some(Contact::stored(format!("+9198765432{number}")));
                let new = Customer { contact, ..edit.over(&blank) };
                customers::insert::<()>(connection, &changed(&blank, new)).unwrap();
            }
            (None, Some(_)) => {}
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn once_all_is_fed_the_index_has_the_terms_of_the_rows_and_no_others(steps in steps()) {
            let connection = Connection::open_in_memory().unwrap();
            connection.execute_batch(include_str!("../../../../schema.sql")).unwrap();
            for (number, step) in steps {
                play(&connection, number, step);
            }
            assert!(is_of_customers(&connection, |_, _| ()).unwrap(), "however far it is fed");
            while feed(&connection, 3).unwrap() {}
            let terms = |row: CustomerRow| {
                let terms = terms_of(&row.customer).into_iter();
                terms.map(move |term| (row.number, String::from_iter(term))).collect::<Vec<_>>()
            };
            let rows = (1..20).filter_map(|number| columns::find_by_number(&connection, number).unwrap());
            let expected: BTreeSet<(i64, String)> = rows.flat_map(terms).collect();
            assert_eq!(indexed(&connection), expected);
            assert_eq!(strangers(&connection).unwrap(), 0);
            merge_all(&connection, || {});
            assert_eq!(indexed(&connection), expected);
            connection.execute_batch("INSERT INTO search (search) VALUES ('integrity-check')").unwrap();
        }
    }

    #[tokio::test]
    async fn who_has_searched_finds_the_file_whole_after_a_merge() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(&directory.path().join("t.db"), Use::Fill).unwrap();
        for number in 1..=6 {
            store.insert(Requester::HOUSE, edited(number)).await.unwrap();
            store.feed_search(1).await.unwrap();
        }
        let reader = open::reader(&directory.path().join("t.db")).unwrap();
        let found = page(&reader, Mode::Test, &Query::parse("number").unwrap(), &Place::Newest, 10).unwrap();
        assert_eq!(found.unwrap().items.len(), 6);
        store.act(|connection| Ok::<_, crate::store::Error>(merge(connection, -1000)?)).await.unwrap();
        assert_eq!(check::run(&reader, &|_| ()).unwrap().faults, vec![]);
    }
}
