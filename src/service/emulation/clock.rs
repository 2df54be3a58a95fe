//! The clock of a world: it runs with the machine's, runs beside it, or stands.

use std::time::Duration;

use super::{NotDone, World};

/// The seconds at which an id can be made: it counts nanoseconds from the first, and has room for no more after the last.
const FIRST: i64 = 1_388_534_400;
const LAST: i64 = 2_227_833_765;
const NANOS: i128 = 1_000_000_000;

/// What a clock shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    /// The time in Unix seconds.
    pub now: i64,
    /// Whether it stands there.
    pub stands: bool,
}

/// What is done to a clock. Times are Unix seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    /// It stands at a time.
    Stand(i64),
    /// It shows a time, and runs on from there.
    Set(i64),
    /// It shows so many seconds more, or fewer, and goes on as it did.
    Advance(i64),
    /// It runs on from what it shows.
    Run,
    /// It runs with the machine's.
    Follow,
}

/// What a clock shows, by what the machine's does.
#[derive(Clone, Copy, Default)]
pub(super) struct Time {
    /// Since 1970, in nanoseconds, where it stands.
    stands: Option<i128>,
    /// How many nanoseconds it is before the machine's, where it runs.
    ahead: i128,
}

impl Time {
    /// The time since 1970, given the machine's.
    pub(super) fn now(self, machine: Duration) -> Duration {
        Duration::from_nanos(u64::try_from(self.nanos(machine)).unwrap_or_default())
    }

    /// It stops at the last second, however long it runs.
    fn nanos(self, machine: Duration) -> i128 {
        let nanos = self.stands.unwrap_or(machine.as_nanos().cast_signed() + self.ahead);
        nanos.clamp(i128::from(FIRST) * NANOS, i128::from(LAST) * NANOS)
    }

    fn moved(self, by: Move, machine: Duration) -> Result<Self, NotDone> {
        let shown = self.nanos(machine);
        let (nanos, stands) = match by {
            Move::Stand(second) => (i128::from(second) * NANOS, true),
            Move::Set(second) => (i128::from(second) * NANOS, false),
            Move::Advance(seconds) => (shown + i128::from(seconds) * NANOS, self.stands.is_some()),
            Move::Run => (shown, false),
            Move::Follow => return Ok(Self::default()),
        };
        if !(i128::from(FIRST)..=i128::from(LAST)).contains(&nanos.div_euclid(NANOS)) {
            return Err(NotDone::OutOfTime(FIRST, LAST));
        }
        Ok(if stands {
            Self { stands: Some(nanos), ahead: 0 }
        } else {
            Self { stands: None, ahead: nanos - machine.as_nanos().cast_signed() }
        })
    }
}

impl World {
    /// What the clock shows.
    pub fn clock(&self) -> Clock {
        let stands = self.hands.time().stands.is_some();
        Clock { now: self.services.now(), stands }
    }

    /// Moves the clock.
    pub fn set_clock(&self, by: Move) -> Result<(), NotDone> {
        let machine = (self.hands.system.now)();
        if let Ok(mut time) = self.hands.time.lock() {
            *time = time.moved(by, machine)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_stands_runs_and_is_moved() {
        let at = |seconds: u64| Duration::from_secs(1_600_000_000 + seconds);
        let follow = Time::default();
        assert_eq!(follow.now(at(5)), at(5));
        let stands = follow.moved(Move::Stand(1_500_000_000), at(0)).unwrap();
        assert_eq!(stands.now(at(9)).as_secs(), 1_500_000_000);
        let later = stands.moved(Move::Advance(60), at(9)).unwrap();
        assert_eq!(later.now(at(99)).as_secs(), 1_500_000_060);
        let runs = later.moved(Move::Run, at(100)).unwrap();
        assert_eq!(runs.now(at(107)).as_secs(), 1_500_000_067);
        let earlier = runs.moved(Move::Advance(-7), at(107)).unwrap();
        assert_eq!(earlier.now(at(107)).as_secs(), 1_500_000_060);
        let set = earlier.moved(Move::Set(1_700_000_000), at(0)).unwrap();
        assert_eq!(set.now(at(3)).as_secs(), 1_700_000_003);
        assert_eq!(set.moved(Move::Follow, at(3)).unwrap().now(at(4)), at(4));
    }

    #[test]
    fn a_clock_that_runs_stops_at_the_last_second_and_comes_back_from_there() {
        let at = |seconds: u64| Duration::from_secs(1_600_000_000 + seconds);
        let late = Time::default().moved(Move::Set(LAST - 2), at(0)).unwrap();
        assert_eq!([1, 2, 3, 1_000].map(|seconds| late.now(at(seconds)).as_secs().cast_signed() - LAST), [-1, 0, 0, 0]);
        assert!(matches!(late.moved(Move::Advance(1), at(1_000)), Err(NotDone::OutOfTime(..))));
        let back = late.moved(Move::Advance(-60), at(1_000)).unwrap();
        assert_eq!(back.now(at(1_007)).as_secs().cast_signed(), LAST - 53);
        assert_eq!(late.moved(Move::Run, at(1_000)).unwrap().now(at(1_001)).as_secs().cast_signed(), LAST);
    }

    #[test]
    fn no_clock_shows_what_no_id_can_say() {
        for by in [
            Move::Stand(FIRST - 1),
            Move::Stand(LAST + 1),
            Move::Set(0),
            Move::Advance(i64::MAX),
            Move::Advance(i64::MIN),
        ] {
            assert!(
                matches!(Time::default().moved(by, Duration::from_secs(1_600_000_000)), Err(NotDone::OutOfTime(..))),
                "{by:?}"
            );
        }
        assert!(Time::default().moved(Move::Stand(LAST), Duration::ZERO).is_ok());
    }
}
