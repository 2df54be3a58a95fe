//! Copies of the database: how far one is, what it holds, and why there is none.

use std::fmt;
use std::path::PathBuf;

use super::{CheckProgress, IntegrityFault};

/// A copy of the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptCopy {
    /// Where it is.
    pub path: PathBuf,
    /// How it goes.
    pub leaves: Leaves,
}

/// How a copy of the database goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leaves {
    /// The server removes it about then, in Unix seconds, if backups go on as they are set.
    About(i64),
    /// Somebody removes it.
    ByHand,
}

/// A backup that was made and found whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backup {
    /// When it was begun, in Unix seconds.
    pub at: i64,
    /// Where it was put.
    pub path: PathBuf,
    /// What was found in it.
    pub copied: Copied,
}

/// A backup that was to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedBackup {
    /// When it failed, in Unix seconds.
    pub at: i64,
    /// Where it was to be put.
    pub path: PathBuf,
    /// Why, in a sentence.
    pub why: String,
}

/// How far a copy is.
#[derive(Clone, Copy, Debug)]
pub enum Copying {
    /// Pages are copied.
    Pages {
        /// Pages done.
        done: u64,
        /// Pages in all.
        total: u64,
    },
    /// The copy is read again.
    Checking(CheckProgress),
}

/// A copy that was found whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copied {
    /// Its size in bytes.
    pub bytes: u64,
    /// Its live customers.
    pub live: u64,
    /// Its test customers.
    pub test: u64,
    /// Its revisions.
    pub revisions: u64,
    /// The BLAKE2b-512 digest of the file in hexadecimal digits.
    pub digest: String,
}

/// Why there is no copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotCopied {
    /// It was told to stop.
    Stopped,
    /// The copy is damaged, and so is the original: its faults.
    Damaged(Vec<IntegrityFault>),
    /// It would leave less than the room that is to stay free on its disk.
    NoRoom(NoRoom),
    /// In a sentence that names the file and the way out.
    Because(String),
}

/// Why a copy does not fit, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoRoom {
    /// What it still needs.
    pub needs: u64,
    /// What is free on the disk.
    pub free: u64,
    /// What is to stay free.
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

/// What a restore did.
#[derive(Clone, Debug)]
pub struct Restored {
    /// What is in the database now.
    pub copied: Copied,
    /// Where the file before is, if there was one.
    pub aside: Option<PathBuf>,
    /// How many erasures were known of, and how many customers were in the backup whom they had erased.
    pub erasures: (u64, u64),
    /// How many imports that were not applied went, and the cells of how many rows of others: they may have held somebody who was
    /// erased since the backup was made.
    pub imports: (u64, u64),
}
