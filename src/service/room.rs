//! The room that stays free on the disk: what writes much stops before it, so that edits go on.
//!
//! Edits are small and use the disk to its end. Imports, seeds and backups are refused while they would leave less than a bound,
//! estimated before they begin and measured at each step.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use super::Refused;
use super::figures::size;
use crate::domain::NoRoom;
use crate::store::{Disk, Store};

/// The bounds of what stays free by default, in bytes, and the share of the disk between them, in percent.
const LEAST: u64 = 64_000_000;
const MOST: u64 = 1_000_000_000;
const PERCENT: u64 = 5;
/// The bytes that one customer adds with its history and its place in the search. 50,000 took 24.7 MB seeded and 24.3 MB imported.
pub(super) const CUSTOMER_BYTES: u64 = 500;
/// A file of customers takes so many times its size while it is received and previewed: CSV 3.4 times, JSONL 1.9 times.
const FILE_TIMES: u64 = 3;

/// How much of a disk stays free.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeepFree {
    /// 5 % of it, but at least 64 MB and at most 1 GB.
    #[default]
    Share,
    /// So many bytes; none with 0.
    Bytes(u64),
}

impl KeepFree {
    /// The bytes that stay free on a disk of so many.
    pub fn of(self, total: u64) -> u64 {
        match self {
            Self::Share => (total / 100 * PERCENT).clamp(LEAST, MOST),
            Self::Bytes(bytes) => bytes,
        }
    }

    /// The bytes that stay free on the disk of a file or directory; none where it cannot be asked for.
    pub fn on(self, path: &Path) -> u64 {
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        Disk::of(if path.is_dir() { path } else { directory }).map_or(0, |disk| self.of(disk.total))
    }
}

impl fmt::Display for NoRoom {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (free, least) = (size(self.free), size(self.least));
        match self.needs {
            0 => write!(formatter, "the disk has {free} free, and {least} must stay free"),
            needs => write!(
                formatter,
                "it needs about {} more, the disk has {free} free, and {least} must stay free",
                size(needs)
            ),
        }
    }
}

/// What to do where there is no room.
pub const MAKE_ROOM: &str = "make room, or lower --keep-free";

/// The room on the disk of one store.
pub(super) struct Room {
    store: Arc<Store>,
    keep: KeepFree,
}

impl Room {
    pub(super) fn new(store: Arc<Store>, keep: KeepFree) -> Self {
        Self { store, keep }
    }

    pub(super) fn keep(&self) -> KeepFree {
        self.keep
    }

    /// Refuses what needs so many bytes in the database where that leaves too little.
    pub(super) fn check(&self, needs: u64) -> Result<(), Refused> {
        self.check_least(needs, u64::MAX)
    }

    /// The same where a file of so many bytes is received.
    pub(super) fn check_file(&self, len: u64) -> Result<(), Refused> {
        self.check(len.saturating_mul(FILE_TIMES))
    }

    /// The same for what takes back or brings back an import. It corrects, so it may use what is kept from new customers, down to
    /// the least bound.
    pub(super) fn check_correction(&self) -> Result<(), Refused> {
        self.check_least(0, LEAST)
    }

    fn check_least(&self, needs: u64, most: u64) -> Result<(), Refused> {
        let Some(disk) = self.store.disk() else { return Ok(()) };
        let least = self.keep.of(disk.total).min(most);
        if least == 0 {
            return Ok(());
        }
        let needs = if needs == 0 { 0 } else { needs.saturating_sub(self.store.unused()?) };
        if disk.free < least.saturating_add(needs) {
            return Err(Refused::NoRoom(NoRoom { needs, free: disk.free, least }));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stays_free_is_a_share_of_the_disk_between_two_bounds() {
        let of = |total| KeepFree::Share.of(total);
        assert_eq!([of(0), of(1_280_000_000), of(2_000_000_000)], [LEAST, LEAST, 100_000_000]);
        assert_eq!([of(20_000_000_000), of(u64::MAX)], [MOST, MOST]);
        assert_eq!(KeepFree::Bytes(0).of(u64::MAX), 0);
    }
}
