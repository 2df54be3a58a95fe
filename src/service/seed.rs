//! Plausible customers, for trying things out and for benchmarks: the same seed gives the same customers, byte for byte.

use std::time::Instant;

use super::customers::created;
use super::pace::Pace;
use super::room::CUSTOMER_BYTES;
use super::{Caller, Refused, Services};
use crate::domain::{Actor, Change, CustomerId, Draft, Edited, Mode, NoteValue, NotesEdit};

/// How many customers go into one transaction.
const BATCH_LEN: u64 = 500;
/// How many while others write: short enough that edits there hardly wait.
const BATCH_LEN_BESIDE: u64 = 16;
/// Seeded customers were created over these two years, whatever today is, so that their ids do not depend on it.
const CREATED: std::ops::Range<u64> = 1_704_067_200..1_767_225_600;

const FIRST: [&str; 40] = [
    "Aarav", "Aditi", "Ananya", "Arjun", "Bhavna", "Chetan", "Deepika", "Dev", "Divya", "Farah", "Gaurav", "Harpreet",
    "Imran", "Ishaan", "Jaya", "Kabir", "Karthik", "Kavya", "Lakshmi", "Manish", "Meera", "Mohammed", "Nandini",
    "Neha", "Nikhil", "Pooja", "Prakash", "Priya", "Rahul", "Rohan", "Sanjay", "Sara", "Shreya", "Sunita", "Suresh",
    "Tara", "Uma", "Varun", "Vikram", "Zoya",
];
const LAST: [&str; 40] = [
    "Agarwal",
    "Ahmed",
    "Banerjee",
    "Bhat",
    "Bose",
    "Chatterjee",
    "Chauhan",
    "D'Souza",
    "Das",
    "Deshpande",
    "Fernandes",
    "Ghosh",
    "Gill",
    "Gupta",
    "Iyer",
    "Jain",
    "Joshi",
    "Kapoor",
    "Khan",
    "Krishnamurthy",
    "Kumar",
    "Mehta",
    "Menon",
    "Mishra",
    "Mukherjee",
    "Nair",
    "Naidu",
    "Pandey",
    "Patel",
    "Pillai",
    "Rao",
    "Reddy",
    "Saxena",
    "Shah",
    "Sharma",
    "Singh",
    "Sinha",
    "Trivedi",
    "Varma",
    "Yadav",
];
const PLACES: [&str; 8] = ["Bengaluru", "Chennai", "Delhi", "Hyderabad", "Jaipur", "Kolkata", "Mumbai", "Pune"];

/// Which customers to make.
#[derive(Clone, Copy, Debug)]
pub struct Seed {
    /// Where.
    pub mode: Mode,
    /// How many.
    pub count: u64,
    /// What decides how they look.
    pub seed: u64,
}

impl Services {
    /// Makes customers, and leaves out those that are there already. `progress` is told how many are done. Gives how many
    /// were new.
    pub async fn seed(&self, seed: Seed, progress: impl Fn(u64)) -> Result<u64, Refused> {
        let added = self.add_seeded(seed, progress).await;
        if let Err(Refused::Full | Refused::NoRoom(_)) = added {
            self.store.clone().shorten_log().await;
        }
        added
    }

    async fn add_seeded(&self, seed: Seed, progress: impl Fn(u64)) -> Result<u64, Refused> {
        let caller = Caller {
            mode: seed.mode,
            actor: Actor::Command { name: "seed".into() },
            request_id: None,
            request: None,
            grant: None,
        };
        let mut pace = Pace::of(&self.store, 0);
        let mut added = 0;
        let mut done = 0;
        while done < seed.count {
            let began = Instant::now();
            self.room.check((seed.count - done).saturating_mul(CUSTOMER_BYTES))?;
            let batch = done..seed.count.min(done + if pace.is_quiet() { BATCH_LEN } else { BATCH_LEN_BESIDE });
            done = batch.end;
            let customers: Result<Vec<_>, _> = batch.map(|number| seed.customer(&caller, number)).collect();
            added += self.store.insert_many(customers?).await?;
            progress(done);
            pace.rest(&self.store, began.elapsed()).await;
        }
        Ok(added)
    }
}

impl Seed {
    fn customer(self, caller: &Caller, number: u64) -> Result<Edited, Refused> {
        let mut random = SplitMix(self.seed.rotate_left(32) ^ number);
        let at_nanos = self.created_at(number);
        let id = CustomerId::new(at_nanos, [0; 4].map(|_| (random.below(62)) as u8));
        let edit = draft(&mut random, number).parse().map_err(Refused::Invalid)?;
        created(caller, id, (at_nanos / 1_000_000_000).cast_signed(), &edit)
    }

    /// In nanoseconds: evenly over the span, each seed and mode a little beside the others, so that ids never meet.
    fn created_at(self, number: u64) -> u64 {
        let step = (CREATED.end - CREATED.start) * 1_000_000_000 / self.count.max(1);
        // Drawn twice, so that no other seed gives in one mode what this one gives in the other.
        let of_seed = SplitMix(self.seed).below(u64::MAX);
        let beside = SplitMix(of_seed ^ u64::from(self.mode == Mode::Live)).below(step.max(1));
        CREATED.start * 1_000_000_000 + number * step + beside
    }
}

fn draft(random: &mut SplitMix, number: u64) -> Draft {
    let (first, last) = (random.pick(&FIRST), random.pick(&LAST));
    let plain = |text: &str| text.to_lowercase().replace('\'', "");
    // The number keeps pairs apart, as the number behind a common name does.
    let email = format!("{}.{}{number}@example.com", plain(first), plain(last));
    let prefix = if random.below(2) == 0 { "+91" } else { "" };
    let contact = format!("{prefix}{}{:09}", 6 + random.below(4), random.below(1_000_000_000));
    let set = |wanted: bool, text: String| if wanted { Change::Set(text) } else { Change::Keep };
    let mut notes = Vec::new();
    if random.below(3) == 0 {
        notes.push(("city".to_owned(), NoteValue::Text((*random.pick(&PLACES)).to_owned())));
    }
    if random.below(5) == 0 {
        notes.push(("erp_id".to_owned(), NoteValue::Number((10_000 + random.below(90_000)).to_string())));
    }
    Draft {
        name: set(random.below(20) != 0, format!("{first} {last}")),
        email: Change::Set(email),
        contact: set(random.below(10) != 0, contact),
        gstin: set(random.below(10) == 0, gstin(random)),
        notes: NotesEdit::Replace(notes),
        complaints: Vec::new(),
    }
}

fn gstin(random: &mut SplitMix) -> String {
    let mut letters =
        |count: usize| -> String { (0..count).map(|_| char::from(b'A' + random.below(26) as u8)).collect() };
    let (name, last) = (letters(5), letters(1));
    format!("{:02}{name}{:04}{last}1Z{}", 1 + random.below(37), random.below(10_000), random.below(10))
}

/// SplitMix64, a generator that a seed and a few lines define for good: a library's may change with its version.
pub(super) struct SplitMix(pub(super) u64);

impl SplitMix {
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }

    fn pick<'a>(&mut self, from: &'a [&'static str]) -> &'a &'static str {
        &from[self.below(from.len() as u64) as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_seeded_draft_is_valid_and_the_same_again() {
        let caller = Caller {
            mode: Mode::Test,
            actor: Actor::Command { name: "seed".into() },
            request_id: None,
            request: None,
            grant: None,
        };
        let seed = Seed { mode: Mode::Test, count: 2_000, seed: 7 };
        let customers =
            || (0..2_000).map(|number| seed.customer(&caller, number).unwrap().customer).collect::<Vec<_>>();
        assert!(customers() == customers());
        assert!(customers().is_sorted_by(|one, two| one.id.as_str() < two.id.as_str()));
        let other = Seed { seed: 8, ..seed };
        assert!(other.customer(&caller, 5).unwrap().customer != seed.customer(&caller, 5).unwrap().customer);
        let mut beginnings: Vec<u64> = (0..100)
            .flat_map(|number| {
                [Mode::Test, Mode::Live].map(|mode| Seed { mode, count: 10, seed: number }.created_at(0))
            })
            .collect();
        beginnings.sort_unstable();
        beginnings.dedup();
        assert_eq!(beginnings.len(), 200);
    }
}
