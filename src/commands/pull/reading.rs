//! All customers of a list that moves while it is read: each page overlaps the one before, so that nobody is passed over.
//!
//! The list is newest first. Who is made meanwhile moves the others on, and shows at the head when it is looked at again; who goes
//! moves them back, and then a page does not begin with somebody seen: one steps back until it does.

use std::collections::HashSet;

use patron::service::figures::grouped;

use super::remote::{Item, PAGE_LEN};

/// How many of a page were on the one before, where pages are long enough.
const OVERLAP: u64 = 5;
/// The most customers that are read: who gives more gives no end.
const CUSTOMERS_MAX: u64 = 10_000_000;
/// How many pages in a row may begin with the same customer, though each is asked for at another place.
const SAME_MAX: u32 = 3;

/// Where the reading is.
pub struct Reading {
    /// Everybody who was seen: some 80 bytes a customer.
    seen: HashSet<String>,
    skip: u64,
    /// The longest page so far: a server may give fewer than it is asked for.
    page_len: u64,
    /// Whom the last page began with, and how many in a row did.
    first: Option<(String, u32)>,
    /// Whether the end was reached, and what is new is at the head.
    is_at_head: bool,
    is_done: bool,
    customers_max: u64,
}

impl Default for Reading {
    fn default() -> Self {
        Self {
            seen: HashSet::new(),
            skip: 0,
            page_len: 0,
            first: None,
            is_at_head: false,
            is_done: false,
            customers_max: CUSTOMERS_MAX,
        }
    }
}

impl Reading {
    /// A reading that goes on where another ended that saw these, in the order of the list.
    pub fn resumed(seen: HashSet<String>) -> Self {
        let skip = (seen.len() as u64).saturating_sub(OVERLAP);
        Self { seen, skip, page_len: PAGE_LEN, ..Self::default() }
    }

    /// Everybody who was seen.
    pub fn seen(&self) -> &HashSet<String> {
        &self.seen
    }

    /// The next customers that were not seen before, where there are any; `None` at the end. An error where there is no end.
    pub fn next(&mut self, page: impl FnOnce(u64) -> Result<Vec<Item>, String>) -> Result<Option<Vec<Item>>, String> {
        if self.is_done {
            return Ok(None);
        }
        let items = page(self.skip)?;
        let len = items.len() as u64;
        self.page_len = self.page_len.max(len);
        let overlap = OVERLAP.min(self.page_len / 2);
        self.moves(items.first())?;
        let overlaps = self.skip == 0 || overlap == 0 || items.first().is_some_and(|item| self.seen.contains(&item.id));
        if !overlaps {
            self.skip = self.skip.saturating_sub(self.page_len - overlap);
            return Ok(Some(Vec::new()));
        }
        let fresh: Vec<Item> = items.into_iter().filter(|item| self.seen.insert(item.id.clone())).collect();
        if self.seen.len() as u64 > self.customers_max {
            return Err(format!("the server gives more than {} customers, and no end", grouped(self.customers_max)));
        }
        // A page that is short tells nothing: it is the end where nobody is behind those of the page before.
        if fresh.is_empty() && (self.is_at_head || len <= overlap) {
            (self.is_done, self.is_at_head, self.skip) = (self.is_at_head, true, 0);
            self.first = None;
        } else {
            self.skip += len.saturating_sub(overlap).max(1);
        }
        Ok(Some(fresh))
    }

    /// An error where page after page is the same one.
    fn moves(&mut self, first: Option<&Item>) -> Result<(), String> {
        let before = self.first.take();
        self.first = first.map(|item| match before {
            Some((id, times)) if id == item.id => (id, times + 1),
            _ => (item.id.clone(), 1),
        });
        if self.first.as_ref().is_some_and(|(_, times)| *times > SAME_MAX) {
            return Err(
                "the server gives the same customers wherever its list is asked for, as if there were no `skip`: \
                        it is no list that can be read to its end"
                    .into(),
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads a list to its end, which this changes before each page, and gives who was read, in that order.
    fn read(reading: Reading, list: &mut Vec<u64>, change: impl FnMut(usize, &mut Vec<u64>)) -> Vec<u64> {
        read_by(PAGE_LEN as usize, reading, list, change)
    }

    /// The same from a server whose pages are so long at most.
    fn read_by(
        page_len: usize,
        mut reading: Reading,
        list: &mut Vec<u64>,
        mut change: impl FnMut(usize, &mut Vec<u64>),
    ) -> Vec<u64> {
        let mut read = Vec::new();
        for round in 0.. {
            assert!(round < 1_100, "no end");
            change(round, list);
            let page = |skip: u64| Ok(list.iter().skip(skip as usize).take(page_len).map(item).collect());
            let Some(items) = reading.next(page).unwrap() else { break };
            read.extend(items.iter().map(|item| item.text.parse::<u64>().unwrap()));
        }
        read
    }

    fn item(number: &u64) -> Item {
        Item { id: number.to_string(), text: number.to_string() }
    }

    fn newest_first(count: u64) -> Vec<u64> {
        (0..count).rev().collect()
    }

    #[test]
    fn a_list_that_stands_is_read_once() {
        for count in [0, 1, 99, 100, 101, 195, 196, 1_000] {
            let mut list = newest_first(count);
            assert_eq!(read(Reading::default(), &mut list, |_, _| {}), list.clone(), "{count}");
        }
    }

    #[test]
    fn a_server_may_give_fewer_than_it_is_asked_for() {
        for page_len in [1, 2, 5, 6, 25, 99] {
            for count in [0, 1, 5, 6, 25, 26, 300] {
                let mut list = newest_first(count);
                let read = read_by(page_len, Reading::default(), &mut list, |_, _| {});
                assert_eq!(read, list, "{count} by {page_len}");
            }
        }
        // Also where others go, and where it was left before.
        let mut list = newest_first(300);
        let gone = |round: usize, list: &mut Vec<u64>| drop(list.drain(..if round < 4 { 6 } else { 0 }));
        let read: HashSet<_> = read_by(25, Reading::default(), &mut list, gone).into_iter().collect();
        assert!(list.iter().all(|each| read.contains(each)));
        let seen = newest_first(300)[..100].iter().map(u64::to_string).collect();
        assert_eq!(read_by(25, Reading::resumed(seen), &mut newest_first(300), |_, _| {}), newest_first(200));
        // Fewer than were seen are left, and none of those.
        let seen = newest_first(300)[..200].iter().map(u64::to_string).collect();
        assert_eq!(read_by(25, Reading::resumed(seen), &mut newest_first(100), |_, _| {}), newest_first(100));
    }

    #[test]
    fn a_list_without_an_end_is_an_error() {
        let read = |mut reading: Reading, page: &dyn Fn(u64, u64) -> Vec<u64>| {
            for round in 0..1_000 {
                let items = reading.next(|skip| Ok(page(round, skip).iter().map(item).collect()));
                match items {
                    Ok(items) => assert!(items.is_some(), "an end"),
                    Err(sentence) => return sentence,
                }
            }
            panic!("no end");
        };
        let same = read(Reading::default(), &|_, _| newest_first(100));
        assert!(same.contains("as if there were no `skip`"), "{same}");
        let reading = || Reading { customers_max: 2_000, ..Reading::default() };
        let expected = "the server gives more than 2,000 customers, and no end";
        assert_eq!(read(reading(), &|round, _| (round * 100..round * 100 + 100).collect()), expected);
        assert_eq!(read(reading(), &|_, skip| (skip..skip + 100).collect()), expected);
    }

    #[test]
    fn who_comes_while_it_is_read_is_read_too() {
        let mut list = newest_first(450);
        let read = read(Reading::default(), &mut list, |round, list| {
            if round < 7 {
                (0..30).for_each(|each| list.insert(0, 1_000 + round as u64 * 30 + each));
            }
        });
        let (all, once): (HashSet<_>, HashSet<_>) = (list.into_iter().collect(), read.iter().copied().collect());
        assert_eq!((all, read.len()), (once, 450 + 210));
    }

    #[test]
    fn nobody_is_passed_over_where_others_go() {
        for gone in [1, 5, 6, 60, 150] {
            let mut list = newest_first(900);
            let read = read(Reading::default(), &mut list, |round, list| {
                if round < 4 {
                    list.drain(..gone.min(list.len() / 2));
                }
            });
            let read: HashSet<_> = read.into_iter().collect();
            assert!(list.iter().all(|each| read.contains(each)), "{gone}");
        }
    }

    #[test]
    fn it_goes_on_where_it_was_left() {
        let mut list = newest_first(500);
        let seen = list[..230].iter().map(u64::to_string).collect();
        assert_eq!(read(Reading::resumed(seen), &mut list, |_, _| {}), newest_first(270));
        // More came meanwhile.
        let seen = list[..230].iter().map(u64::to_string).collect();
        let mut grown: Vec<u64> = (1_000..1_050).rev().chain(list).collect();
        let read: HashSet<u64> = read(Reading::resumed(seen), &mut grown, |_, _| {}).into_iter().collect();
        assert_eq!(read, newest_first(270).into_iter().chain(1_000..1_050).collect());
    }
}
