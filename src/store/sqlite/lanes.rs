//! What waits, by whose it is: bounded, and fair between them. One that floods makes itself wait, and nobody else.

use std::collections::{HashMap, VecDeque};

use crate::store::Lane;

/// Things that wait. They leave a lane at a time in turn, and each lane in the order it came in.
pub(super) struct Lanes<T> {
    len_max: usize,
    len: usize,
    waiting: HashMap<Lane, VecDeque<T>>,
    /// Every lane in which something waits, the one whose turn it is first.
    turns: VecDeque<Lane>,
}

impl<T> Lanes<T> {
    /// Lets so many things wait in all.
    pub(super) fn new(len_max: usize) -> Self {
        Self { len_max, len: 0, waiting: HashMap::new(), turns: VecDeque::new() }
    }

    /// Lets something wait, if fewer wait in its lane than there are places free. So one lane alone has half of all places, two
    /// have a third each, and whoever comes new finds one.
    pub(super) fn push(&mut self, lane: Lane, thing: T) -> Result<(), T> {
        let free = self.len_max - self.len;
        if self.waiting.get(&lane).map_or(0, VecDeque::len) >= free {
            return Err(thing);
        }
        let of_lane = self.waiting.entry(lane).or_default();
        if of_lane.is_empty() {
            self.turns.push_back(lane);
        }
        of_lane.push_back(thing);
        self.len += 1;
        Ok(())
    }

    /// The next to leave.
    pub(super) fn pop(&mut self) -> Option<T> {
        let lane = self.turns.pop_front()?;
        let of_lane = self.waiting.get_mut(&lane)?;
        let thing = of_lane.pop_front();
        if of_lane.is_empty() {
            self.waiting.remove(&lane);
        } else {
            self.turns.push_back(lane);
        }
        self.len -= 1;
        thing
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Lets go of everything.
    pub(super) fn clear(&mut self) {
        *self = Self::new(self.len_max);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pushes until the lane is refused, and gives how many it took.
    fn fill(lanes: &mut Lanes<&'static str>, name: &'static str) -> usize {
        (0..).take_while(|_| lanes.push(Lane::of(name), name).is_ok()).count()
    }

    fn drain(lanes: &mut Lanes<&'static str>) -> String {
        std::iter::from_fn(|| lanes.pop()).collect()
    }

    #[test]
    fn lanes_take_turns_and_each_keeps_its_order() {
        let mut lanes = Lanes::new(100);
        for (lane, thing) in [("a", "1"), ("a", "2"), ("a", "3"), ("b", "4"), ("c", "5"), ("b", "6")] {
            lanes.push(Lane::of(lane), thing).unwrap();
        }
        assert_eq!([lanes.pop(), lanes.pop()], [Some("1"), Some("4")]);
        // Who comes back waits behind those who wait already.
        lanes.push(Lane::of("d"), "7").unwrap();
        assert_eq!(drain(&mut lanes), "52673");
        assert!(lanes.is_empty() && lanes.waiting.is_empty() && lanes.turns.is_empty());
    }

    #[test]
    fn who_floods_has_a_share_and_there_is_room_for_others() {
        let mut lanes = Lanes::new(12);
        assert_eq!(fill(&mut lanes, "a"), 6);
        assert_eq!(fill(&mut lanes, "b"), 3);
        assert_eq!(fill(&mut lanes, "c"), 2);
        assert_eq!(fill(&mut lanes, "d"), 1);
        assert_eq!(fill(&mut lanes, "e"), 0, "the bound of all");
        assert_eq!(drain(&mut lanes), "abcdabcabaaa");
        assert_eq!(fill(&mut lanes, "e"), 6);
        lanes.clear();
        assert_eq!((lanes.is_empty(), lanes.pop()), (true, None));
    }

    #[test]
    fn floods_that_go_on_share_alike() {
        let mut lanes = Lanes::new(90);
        fill(&mut lanes, "a");
        let mut left: HashMap<_, u64> = HashMap::new();
        for _ in 0..3_000 {
            for name in ["a", "b"] {
                fill(&mut lanes, name);
            }
            *left.entry(lanes.pop().unwrap()).or_insert(0) += 1;
            assert!(lanes.push(Lane::of("new"), "new").is_ok(), "whoever comes new finds a place");
            while lanes.waiting.contains_key(&Lane::of("new")) {
                lanes.pop();
            }
        }
        assert!(left["a"].abs_diff(left["b"]) < 100, "{left:?}");
    }
}
