//! Copies of the database: how far one is, what it holds, and why there is none.

use std::fmt;
use std::path::PathBuf;

use super::{CheckProgress, IntegrityFault};

/// A copy of the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptCopy {
    pub path: PathBuf,
    pub leaves: Leaves,
}

/// The way in which a copy of the database is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leaves {
    /// The server deletes it at about this Unix second, with the present settings.
    About(i64),
    /// A person deletes it.
    ByHand,
}

/// A backup that was read again and is whole, and the Unix second in which it began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backup {
    pub at: i64,
    pub path: PathBuf,
    pub copied: Copied,
}

/// A backup that failed, the Unix second of that, and why, in a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedBackup {
    pub at: i64,
    pub path: PathBuf,
    pub why: String,
}

/// The progress of a copy.
#[derive(Clone, Copy, Debug)]
pub enum Copying {
    Pages {
        done: u64,
        total: u64,
    },
    /// The copy is read again.
    Checking(CheckProgress),
}

/// A copy that is whole: its bytes, customers and revisions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copied {
    pub bytes: u64,
    pub live: u64,
    pub test: u64,
    pub revisions: u64,
    /// The BLAKE2b-512 digest of the file in hexadecimal digits.
    pub digest: String,
}

/// Why there is no copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotCopied {
    Stopped,
    /// The copy is damaged, and so is the original.
    Damaged(Vec<IntegrityFault>),
    NoRoom(NoRoom),
    /// A sentence that names the file and the remedy.
    Because(String),
}

/// The bytes that something needs, that are free on the disk, and that must stay free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoRoom {
    pub needs: u64,
    pub free: u64,
    pub least: u64,
}

impl NotCopied {
    /// The reason and the remedy where the disk is full.
    pub const FULL: &str = "the disk is full; make room or choose another place";
}

impl fmt::Display for NotCopied {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stopped => formatter.write_str("it was stopped before it was done"),
            Self::Damaged(faults) => write!(formatter, "what was copied is damaged: {} faults", faults.len()),
            Self::NoRoom(_) => formatter.write_str(Self::FULL),
            Self::Because(sentence) => formatter.write_str(sentence),
        }
    }
}

/// The result of a restore.
#[derive(Clone, Debug)]
pub struct Restored {
    pub copied: Copied,
    /// The database of before.
    pub aside: Option<PathBuf>,
    /// The known erasures, and the customers in the backup that they erase again.
    pub erasures: (u64, u64),
    /// The deleted imports that were not applied, and the rows of others that lost their cells: either may hold an erased customer.
    pub imports: (u64, u64),
}
