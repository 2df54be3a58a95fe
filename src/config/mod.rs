//! Every command and every setting, its default and its environment variable. `--help` is made from this.

mod access;
mod customers;
mod database;
mod environment;
mod import;
mod serve;
mod values;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use patron::service::KeepFree;
use values::{keep_free, public_url};

pub use access::{KeyCommand, KeyCreate, KeyImport, KeyRotate, PasswordHow, StaffAdd, StaffCommand};
pub use customers::{CustomerCommand, Erase, Export, Pull, Seed};
pub use database::{Backup, Restore, Upgrade};
pub use environment::{parse, unknown_variables};
pub use import::{Import, ImportCommand, ImportFile};
pub use serve::{Doctor, Emulate, Serve};
pub use values::Networks;

/// Customer records with history: a drop-in for Razorpay's Customers API over one SQLite file.
///
/// Without a command, patron serves.
#[derive(Debug, Parser)]
#[command(
    name = "patron",
    version,
    max_term_width = 100,
    after_long_help = "Exit codes: 0 done, 1 refused or failed, with one sentence on standard error, 2 usage."
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// What every command has.
    #[command(flatten)]
    pub common: Common,
}

/// The database, where none is given.
pub const DB_DEFAULT: &str = "patron.db";

/// Settings of every command.
#[derive(Debug, Args)]
pub struct Common {
    /// The database file. Beside it stand FILE-wal, FILE-shm, FILE-reserve and FILE.lock, which belong to it
    #[arg(long, global = true, env = "PATRON_DB", default_value = DB_DEFAULT, value_name = "FILE")]
    pub db: PathBuf,
    /// How much room imports, seeds and backups leave free on a disk, such as 500MB; 0 for none. Without this 5 % of it, but at
    /// least 64MB and at most 1GB
    #[arg(long, global = true, env = "PATRON_KEEP_FREE", value_parser = keep_free, value_name = "SIZE")]
    pub keep_free: Option<KeepFree>,
    /// How log lines look on standard error
    #[arg(
        long,
        global = true,
        env = "PATRON_LOG_FORMAT",
        default_value = "text",
        ignore_case = true,
        value_name = "FORMAT"
    )]
    pub log_format: LogFormat,
    /// How much is logged: error, warn, info, debug or trace
    #[arg(long, global = true, env = "PATRON_LOG_LEVEL", default_value = "info", value_name = "LEVEL")]
    pub log_level: tracing::Level,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// An object a line, for programs.
    Json,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve the API; what patron does without a command
    ///
    /// On a file without keys, first prints a fresh test key and curl lines that use it. Ends on SIGTERM and Ctrl+C,
    /// once what is in flight is done; a second one ends it at once. SIGHUP reads the certificate and its key again. SIGUSR1
    /// saves what is open to a new file beside the database, also where that was removed or replaced.
    Serve(Serve),
    /// Serve the API to tests: in memory, with a key that is known, and calls that reset, fill and break it
    ///
    /// The key is rzp_test_EmulatorKey001 with the secret EmulatorSecretForTests01. Each other test key with that secret opens a
    /// world of its own, empty at first, so that tests that run side by side do not meet. Under /_emulator/, with the key of
    /// the world: POST reset; PUT seed; POST, DELETE snapshots/NAME and POST snapshots/NAME/restore; PUT, GET, DELETE faults and
    /// clock. docs/emulator.md tells them all. Nothing is left on the disk, and PATRON_DB is not looked at; --db keeps
    /// the first world in a file. Never for real customers: everybody knows the key.
    Emulate(Emulate),
    /// Make and end API keys, also while a server runs
    #[command(subcommand)]
    Key(KeyCommand),
    /// Add and end people who sign in to the console, also while a server runs
    #[command(subcommand)]
    Staff(StaffCommand),
    /// Export all that is held on a customer, or erase it for good, also while a server runs
    #[command(subcommand)]
    Customer(CustomerCommand),
    /// Bring in customers from a file: told first what each row would do, written as one, and undone as one; also while a server runs
    ///
    /// A row with the id of a customer changes that one, and with an id of nobody's makes a customer of that id. A row without an
    /// id changes the customer of the same email and contact, or makes one. Nothing is written before you say yes.
    Import(Import),
    /// Write all customers of a mode as CSV or JSONL, also while a server runs
    ///
    /// Newest first, or with --search the last added first. Each stands there as it was when its turn came; what is made
    /// while the export runs may be missing. Edits in a running server hardly wait for it, for which it takes longer then.
    Export(Export),
    /// Copy all customers of another server here: of Razorpay, or of another Patron; also while a server runs
    ///
    /// Reads the other's list to its end, compares it with what is here, says in what they differ, and asks. Then whoever is
    /// not here is made, with id and time, and who is different becomes as there; nobody is removed. All of it is one import,
    /// which can be undone whole. Interrupted, the same command goes on where it was.
    Pull(Pull),
    /// Add plausible customers, for trying things out
    Seed(Seed),
    /// Copy the database to a file, and make sure that the copy is whole; also while a server runs
    Backup(Backup),
    /// Put a backup in the place of the database, and keep the file before under another name
    Restore(Restore),
    /// Look at the database, its disk, keys, staff and backups, and say what is to be done
    ///
    /// A line each: ok, look at this, or wrong. Ends with 1 where something is wrong. Also while a server runs.
    Doctor(Doctor),
    /// Print what the API is as an OpenAPI 3.1 document: what a server answers at /openapi.json. Needs no database
    Openapi {
        /// Scheme and host of the server, as clients see them
        #[arg(long, env = "PATRON_PUBLIC_URL", value_parser = public_url, default_value = "http://127.0.0.1:8080", value_name = "URL")]
        public_url: String,
    },
    /// Check the database: that each customer's history ends in its present values, and the search knows these and no others
    Check,
    /// Make the index of the search anew, where `patron check` says so; also while a server runs
    ///
    /// Edits wait at its beginning while the index is emptied, for a second or so among a million customers. Searches find the same as
    /// ever, only more slowly until the index is full again, some minutes later.
    Reindex,
    /// Bring the database of an older patron to today's schema, after a copy of it was made; --check tells what that would do
    ///
    /// A start of the server does the same by itself, without a copy. What there is to know before: which steps would run and
    /// what each does, how long they take (tried on a copy that is removed again), and what they need.
    Upgrade(Upgrade),
    /// Print what makes a shell complete commands and settings
    ///
    /// For bash, in ~/.bashrc: source <(patron completions bash). For zsh: patron completions zsh > DIR/_patron, with a DIR of
    /// $fpath. For fish: patron completions fish > ~/.config/fish/completions/patron.fish.
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page of patron, or write those of all commands into a directory
    Man {
        /// Where patron.1, patron-serve.1 and so on are written. It must be there
        directory: Option<PathBuf>,
    },
}
