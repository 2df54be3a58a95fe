//! Customers from a file, and what can be done with the imports that are there.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};

use patron::domain::Mode;
use patron::rows::Format;

use super::values::{every, file_format, mode, new_file};

/// What `import` takes.
#[derive(Debug, Args)]
#[command(subcommand_negates_reqs = true)]
pub struct Import {
    /// What to do with imports that are there.
    #[command(subcommand)]
    pub command: Option<ImportCommand>,
    /// The file to import.
    #[command(flatten)]
    pub file: Option<ImportFile>,
    /// How long to wait where the disk is full: 30s, 5m, 1h. What is written by then stays, and can be resumed or undone
    #[arg(long, global = true, default_value = "5m", value_parser = every, value_name = "TIME")]
    pub wait_for_room: Duration,
}

/// A file to import.
#[derive(Debug, Args)]
pub struct ImportFile {
    /// A CSV file whose first line names its columns, or JSONL: an object a line. - is standard input
    #[arg(value_name = "FILE")]
    pub path: PathBuf,
    /// Where the customers are to be: test or live
    #[arg(long, value_parser = mode)]
    pub mode: Mode,
    /// csv or jsonl. Without this the file's first bytes tell
    #[arg(long, value_parser = file_format)]
    pub format: Option<Format>,
    /// Take a column as id, name, first_name, middle_name, last_name, email, contact, phone, gstin, created_at, notes, note:KEY or ignore;
    /// again for each. The other columns are guessed from their names and values
    #[arg(long, value_name = "COLUMN=TARGET")]
    pub map: Vec<String>,
    /// What an empty cell asks for: keep what the customer has, or clear it
    #[arg(long, default_value = "keep", value_name = "keep|clear")]
    pub empty: Empty,
    /// Tell what each row would do, and write nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
    /// Write the rows that are refused to this file as they came, each with the reason, to be fixed and imported again
    #[arg(long, value_name = "FILE", value_parser = new_file())]
    pub refused: Option<PathBuf>,
}

/// What an empty cell asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Empty {
    /// The customer keeps what it has.
    Keep,
    /// The customer loses what it has there.
    Clear,
}

impl From<Empty> for patron::rows::Empty {
    fn from(empty: Empty) -> Self {
        match empty {
            Empty::Keep => Self::Keep,
            Empty::Clear => Self::Clear,
        }
    }
}

/// What can be done with imports that are there.
#[derive(Debug, Subcommand)]
pub enum ImportCommand {
    /// List imports, the newest first
    List,
    /// Show what an import did, and the first rows that it did not write
    Show {
        /// Its number
        number: i64,
        /// Write the rows that were not written to this file as they came, each with the reason
        #[arg(long, value_name = "FILE", value_parser = new_file())]
        refused: Option<PathBuf>,
    },
    /// Go on with an import that was interrupted
    Resume {
        /// Its number
        number: i64,
    },
    /// Take back what an import wrote, but for what was edited since
    Undo {
        /// Its number
        number: i64,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Bring back what an undo took back
    Redo {
        /// Its number
        number: i64,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Give up an import that has written nothing
    Discard {
        /// Its number
        number: i64,
    },
}
