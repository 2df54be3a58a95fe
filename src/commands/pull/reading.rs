//! All customers of a list that moves while it is read: each page overlaps the one before, so that nobody is passed over.
//!
//! The list is newest first. Who is made meanwhile moves the others on, and shows at the head when it is looked at again; who goes
//! moves them back, and then a page does not begin with somebody seen: one steps back until it does.

use std::collections::HashSet;

use super::remote::{Item, PAGE_LEN};

/// How many of a page were on the one before.
const OVERLAP: u64 = 5;

/// Where the reading is.
#[derive(Default)]
pub struct Reading {
    /// Everybody who was seen: some 80 bytes a customer.
    seen: HashSet<String>,
    skip: u64,
    /// Whether the end was reached, and what is new is at the head.
    is_at_head: bool,
    is_done: bool,
}

impl Reading {
    /// A reading that goes on where another ended that saw these, in the order of the list.
    pub fn resumed(seen: HashSet<String>) -> Self {
        let skip = (seen.len() as u64).saturating_sub(OVERLAP);
        Self { seen, skip, ..Self::default() }
    }

    /// Everybody who was seen.
    pub fn seen(&self) -> &HashSet<String> {
        &self.seen
    }

    /// The next customers that were not seen before, where there are any; `None` at the end.
    pub fn next(&mut self, page: impl FnOnce(u64) -> Result<Vec<Item>, String>) -> Result<Option<Vec<Item>>, String> {
        if self.is_done {
            return Ok(None);
        }
        let items = page(self.skip)?;
        let len = items.len() as u64;
        let overlaps = self.skip == 0 || items.first().is_some_and(|item| self.seen.contains(&item.id));
        if !overlaps {
            self.skip = self.skip.saturating_sub(PAGE_LEN - OVERLAP);
            return Ok(Some(Vec::new()));
        }
        let fresh: Vec<Item> = items.into_iter().filter(|item| self.seen.insert(item.id.clone())).collect();
        if self.is_at_head {
            // Nobody new, or the whole of a page and so perhaps more.
            self.is_done = fresh.is_empty() || len < PAGE_LEN;
            self.skip += len.saturating_sub(OVERLAP);
        } else if len < PAGE_LEN {
            (self.is_at_head, self.skip) = (true, 0);
        } else {
            self.skip += len - OVERLAP;
        }
        Ok(Some(fresh))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads a list to its end, which this changes before each page, and gives who was read, in that order.
    fn read(mut reading: Reading, list: &mut Vec<u64>, mut change: impl FnMut(usize, &mut Vec<u64>)) -> Vec<u64> {
        let mut read = Vec::new();
        for round in 0.. {
            assert!(round < 100, "no end");
            change(round, list);
            let page = |skip: u64| {
                let items = list.iter().skip(skip as usize).take(PAGE_LEN as usize);
                Ok(items.map(|number| Item { id: number.to_string(), text: number.to_string() }).collect())
            };
            let Some(items) = reading.next(page).unwrap() else { break };
            read.extend(items.iter().map(|item| item.text.parse::<u64>().unwrap()));
        }
        read
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
