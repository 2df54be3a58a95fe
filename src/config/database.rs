//! The database as a whole: copied, put back, and brought to today's schema.

use std::path::PathBuf;

use clap::Args;

use super::values::new_file;

/// What `backup` takes.
#[derive(Debug, Args)]
pub struct Backup {
    /// The file to make. It must not be there yet
    #[arg(value_parser = new_file())]
    pub file: PathBuf,
    /// Print a JSON object
    #[arg(long)]
    pub json: bool,
}

/// What `restore` takes.
#[derive(Debug, Args)]
pub struct Restore {
    /// The backup
    pub file: PathBuf,
    /// The file of erasures to do again, where it does not stand beside the backup
    #[arg(long, value_name = "FILE")]
    pub erasures: Option<PathBuf>,
}

/// What `upgrade` takes.
#[derive(Debug, Args)]
pub struct Upgrade {
    /// Only tell what would be done, and change nothing; also while a server runs
    #[arg(long)]
    pub check: bool,
    /// Do not try it on a copy, which needs as much room as the database has, and the time to copy it
    #[arg(long, requires = "check")]
    pub quick: bool,
    /// Print a JSON object
    #[arg(long, requires = "check")]
    pub json: bool,
    /// Make no copy before
    #[arg(long, conflicts_with = "check")]
    pub no_backup: bool,
    /// Do not ask
    #[arg(long, conflicts_with = "check")]
    pub yes: bool,
}
