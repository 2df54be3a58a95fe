//! Customers: what is held on one, and all of them on their way out, copied from another server, or made up.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

use patron::domain::{CustomerId, KeyId, Mode, Query};
use patron::rows::Format;

use super::values::{base_url, customer_id, every, file_format, key_id, mode, new_file, search};

/// What can be done with one customer.
#[derive(Debug, Subcommand)]
pub enum CustomerCommand {
    /// Print all that is held on a customer as JSON: the record, its history, and what is remembered of requests about it
    Export {
        /// The customer's id
        #[arg(value_parser = customer_id)]
        id: CustomerId,
    },
    /// Erase a customer for good: the record, its history, and every byte of them in the database and its log
    ///
    /// What stays is that there was a customer of this id, and when it was erased. Backups made before hold it until they go;
    /// those that are known of are listed, and `patron restore` erases it again.
    Erase(Erase),
}

/// What `customer erase` takes.
#[derive(Debug, Args)]
pub struct Erase {
    /// The customer's id
    #[arg(value_parser = customer_id)]
    pub id: CustomerId,
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
}

/// What `export` takes.
#[derive(Debug, Args)]
pub struct Export {
    /// Which customers: test or live
    #[arg(long, value_parser = mode)]
    pub mode: Mode,
    /// csv, or jsonl: the API's objects, one a line
    #[arg(long, default_value = "csv", value_parser = file_format)]
    pub format: Format,
    /// Only those that the console's search finds by this
    #[arg(long, value_parser = search, value_name = "TEXT")]
    pub search: Option<Query>,
    /// The file to write. Without this, standard output
    #[arg(long, value_name = "FILE", value_parser = new_file())]
    pub out: Option<PathBuf>,
    /// Replace the file where it is there already
    #[arg(long, requires = "out")]
    pub force: bool,
    /// CSV for a spreadsheet: a quote before what begins with = + - @, so that no value is taken for a formula
    ///
    /// That is so of contacts that begin with + too. Whatever imports the file into Patron takes the quotes away again.
    #[arg(long)]
    pub safe_for_spreadsheets: bool,
}

/// What `pull` takes.
#[derive(Debug, Args)]
pub struct Pull {
    /// The key of the other server: rzp_test_ or rzp_live_ and 14 letters and digits
    #[arg(long, value_parser = key_id)]
    pub key_id: KeyId,
    /// Read the key's secret from standard input, the only way to give it: a command line is seen by others
    #[arg(long, required = true)]
    pub key_secret_stdin: bool,
    /// The other server: https://api.razorpay.com, or scheme and host of a Patron
    #[arg(long, value_parser = base_url, value_name = "URL")]
    pub base_url: String,
    /// Where customers come to: test or live. Without this, the mode that the key id names
    #[arg(long, value_parser = mode)]
    pub mode: Option<Mode>,
    /// Say in what the two differ, and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
    /// How long to wait where the disk is full: 30s, 5m, 1h. What is written by then stays, and can be resumed or undone
    #[arg(long, default_value = "5m", value_parser = every, value_name = "TIME")]
    pub wait_for_room: Duration,
    /// Write every difference to this file, field by field: a JSON object a line. It must not be there yet
    #[arg(long, value_name = "FILE", value_parser = new_file())]
    pub report: Option<PathBuf>,
    /// Certificates, in PEM, that are trusted in place of those that browsers trust
    #[arg(long, value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
}

/// What `seed` takes.
#[derive(Debug, Args)]
pub struct Seed {
    /// How many customers
    #[arg(long)]
    pub count: u64,
    /// Where: test or live
    #[arg(long, default_value = "test", value_parser = mode)]
    pub mode: Mode,
    /// A number that decides how they look: the same number and count give the same customers
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}
