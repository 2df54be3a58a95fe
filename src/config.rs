//! Every command and every setting, its default and its environment variable. `--help` is made from this.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::FalseyValueParser;
use clap::{Args, Parser, Subcommand, ValueEnum, value_parser};

use patron::domain::{CustomerId, Email, KeyId, Mode, Query, Role};
use patron::http::{RateLimit, Tls};
use patron::rows::Format;
use patron::service::OldSecret;

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

/// Settings of every command.
#[derive(Debug, Args)]
pub struct Common {
    /// The database file. Beside it stand FILE-wal, FILE-shm and FILE.lock, which belong to it
    #[arg(long, global = true, env = "PATRON_DB", default_value = "patron.db", value_name = "FILE")]
    pub db: PathBuf,
    /// How log lines look on standard error
    #[arg(long, global = true, env = "PATRON_LOG_FORMAT", default_value = "text", value_name = "FORMAT")]
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
    /// Check the database, and that each customer's history ends in its present values
    Check,
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

/// Settings of `serve`.
#[derive(Debug, Args)]
pub struct Serve {
    /// Where to listen. Port 0 picks a free one
    #[arg(long, env = "PATRON_LISTEN", default_value = "127.0.0.1:8080", value_name = "ADDRESS")]
    pub listen: SocketAddr,
    #[command(flatten)]
    pub tls: TlsFiles,
    /// Scheme and host as browsers see them, where a proxy stands in front: https://patron.example
    #[arg(long, env = "PATRON_PUBLIC_URL", value_parser = public_url, value_name = "URL")]
    pub public_url: Option<String>,
    /// The networks of proxies whose X-Forwarded-For is believed, such as 10.0.0.0/8. Without this none is
    #[arg(long, env = "PATRON_TRUSTED_PROXY", value_delimiter = ',', value_name = "CIDR")]
    pub trusted_proxy: Vec<ipnet::IpNet>,
    /// How many API requests one address may send, such as 200/s, 600/m or 50/10s. Without this as many as it likes
    #[arg(long, env = "PATRON_RATE_LIMIT_ADDRESS", value_parser = RateLimit::parse, value_name = "COUNT/TIME")]
    pub rate_limit_address: Option<RateLimit>,
    /// How many requests one key may send, in the same way. Past either limit the answer is 429, with Retry-After
    #[arg(long, env = "PATRON_RATE_LIMIT_KEY", value_parser = RateLimit::parse, value_name = "COUNT/TIME")]
    pub rate_limit_key: Option<RateLimit>,
    /// Also listen here for whoever reads the metrics, at /metrics, without credentials. Without this nobody does
    #[arg(long, env = "PATRON_METRICS_LISTEN", value_name = "ADDRESS")]
    pub metrics_listen: Option<SocketAddr>,
    /// Make backups in this directory, on time, each read again from end to end. Without this none are made
    #[arg(long, env = "PATRON_BACKUP_DIR", value_name = "DIR")]
    pub backup_dir: Option<PathBuf>,
    /// How often a backup is made: 1h, 15m, 1d
    #[arg(long, env = "PATRON_BACKUP_EVERY", default_value = "1h", value_parser = every, value_name = "TIME")]
    pub backup_every: Duration,
    /// How many backups are kept. Only files named as the server names them are ever removed
    #[arg(long, env = "PATRON_BACKUP_KEEP", default_value = "24", value_name = "N")]
    pub backup_keep: NonZeroUsize,
}

/// Settings of `emulate`.
#[derive(Debug, Args)]
pub struct Emulate {
    /// Keep the first world in this file, which is made, or was made by an emulator. Without this in memory
    // In the place of the setting that every command has, whose default and environment variable are not looked at here.
    #[arg(long, value_name = "FILE")]
    pub db: Option<PathBuf>,
    /// Where to listen. Port 0 picks a free one
    #[arg(long, env = "PATRON_LISTEN", default_value = "127.0.0.1:8080", value_name = "ADDRESS")]
    pub listen: SocketAddr,
    /// Refuse what Razorpay's API has not: filters and histories, If-Match, a fail_existing that is no text
    #[arg(long, env = "PATRON_STRICT", value_parser = FalseyValueParser::new())]
    pub strict: bool,
    /// How many worlds there may be beside the first. With 0, other keys are refused
    #[arg(long, env = "PATRON_WORLDS", default_value = "64", value_parser = value_parser!(u16).range(..=1_000), value_name = "N")]
    pub worlds: u16,
}

/// The two files of HTTPS: both, or neither.
#[derive(Debug, Args)]
pub struct TlsFiles {
    /// The certificate by which a server speaks HTTPS, in PEM, those that lead to a known authority behind it. SIGHUP makes it read
    /// both files again
    #[arg(long, env = "PATRON_TLS_CERT", requires = "tls_key", value_name = "FILE")]
    pub tls_cert: Option<PathBuf>,
    /// The certificate's private key, in PEM, not encrypted
    #[arg(long, env = "PATRON_TLS_KEY", requires = "tls_cert", value_name = "FILE")]
    pub tls_key: Option<PathBuf>,
}

impl TlsFiles {
    /// The certificate and its key, where they are given.
    pub fn open(&self) -> Result<Option<Tls>, String> {
        let pair = self.tls_cert.as_ref().zip(self.tls_key.as_ref());
        pair.map(|(cert, key)| Tls::open(cert, key)).transpose()
    }
}

/// What `doctor` takes.
#[derive(Debug, Args)]
pub struct Doctor {
    /// Leave out what takes long: the reading of every page
    #[arg(long)]
    pub quick: bool,
    /// Also make sure that a server of the file runs and answers where it listens; wrong where none does
    #[arg(long)]
    pub served: bool,
    /// Where that server listens
    #[arg(long, env = "PATRON_LISTEN", default_value = "127.0.0.1:8080", value_name = "ADDRESS")]
    pub listen: SocketAddr,
    /// The certificate to look at.
    #[command(flatten)]
    pub tls: TlsFiles,
}

/// What can be done with keys.
#[derive(Debug, Subcommand)]
pub enum KeyCommand {
    /// Make a key; its secret is shown this once
    Create(KeyCreate),
    /// List all keys
    List {
        /// Print a JSON array
        #[arg(long)]
        json: bool,
    },
    /// Give a key another secret, which is shown this once
    Rotate(KeyRotate),
    /// End a key at once and for good
    Revoke {
        /// The key's id
        #[arg(value_parser = key_id)]
        id: KeyId,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Take in a key made elsewhere, so that an application keeps its settings. Reads the secret from standard input
    Import(KeyImport),
}

/// What `key create` takes.
#[derive(Debug, Args)]
pub struct KeyCreate {
    /// The customers it opens: test or live
    #[arg(long, value_parser = mode)]
    pub mode: Mode,
    /// What people call it, at most 100 characters
    #[arg(long, default_value = "")]
    pub label: String,
    /// When it ends, from now: 90d, 12h, 1y. Without this it never does
    #[arg(long, value_parser = humantime::parse_duration, value_name = "TIME")]
    pub expires: Option<Duration>,
    /// Print a JSON object
    #[arg(long)]
    pub json: bool,
}

/// What `key rotate` takes.
#[derive(Debug, Args)]
pub struct KeyRotate {
    /// The key's id
    #[arg(value_parser = key_id)]
    pub id: KeyId,
    /// When the secret before ends: now or 24h
    #[arg(long, default_value = "24h", value_parser = old_secret)]
    pub old: OldSecret,
    /// Print a JSON object
    #[arg(long)]
    pub json: bool,
}

/// What `key import` takes.
#[derive(Debug, Args)]
pub struct KeyImport {
    /// The key's id: rzp_test_ or rzp_live_ and 14 letters and digits
    #[arg(value_parser = key_id)]
    pub id: KeyId,
    /// What people call it, at most 100 characters
    #[arg(long, default_value = "")]
    pub label: String,
    /// When it ends, from now: 90d, 12h, 1y. Without this it never does
    #[arg(long, value_parser = humantime::parse_duration, value_name = "TIME")]
    pub expires: Option<Duration>,
}

/// What can be done with staff.
#[derive(Debug, Subcommand)]
pub enum StaffCommand {
    /// Add a person; prints a link by which they choose a password, once and within a day
    Add(StaffAdd),
    /// List everybody
    List,
    /// Give a person a new password: prints a link, or reads it from standard input
    Password {
        /// Their email
        email: String,
        #[command(flatten)]
        how: PasswordHow,
    },
    /// Let a person in no more, and end their sessions
    Disable {
        /// Their email
        email: String,
    },
    /// Let a disabled person in again
    Enable {
        /// Their email
        email: String,
    },
}

/// What `staff add` takes.
#[derive(Debug, Args)]
pub struct StaffAdd {
    /// Their email, by which they sign in
    #[arg(value_parser = email)]
    pub email: Email,
    /// What they may do: owner (everything), editor (customers) or viewer (reads)
    #[arg(long, value_parser = role)]
    pub role: Role,
    /// How they get a password.
    #[command(flatten)]
    pub how: PasswordHow,
}

/// How a person gets a password.
#[derive(Debug, Args)]
pub struct PasswordHow {
    /// Read the password from standard input, in place of a link
    #[arg(long)]
    pub password_stdin: bool,
    /// Scheme and host of the link, as browsers see them
    #[arg(long, env = "PATRON_PUBLIC_URL", value_parser = public_url, default_value = "http://127.0.0.1:8080", value_name = "URL")]
    pub public_url: String,
}

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
    /// Take a column as id, name, email, contact, gstin, created_at, notes, note:KEY or ignore; again for each. What is not said is
    /// guessed from the columns' names
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
    /// Write the rows that are refused to this CSV file, with the reason, to be mended and imported again
    #[arg(long, value_name = "FILE")]
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
        /// Write the rows that were not written to this CSV file, with the reason
        #[arg(long, value_name = "FILE")]
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
    #[arg(long, value_name = "FILE")]
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
    /// Write every difference to this file, field by field: a JSON object a line. It must not be there yet
    #[arg(long, value_name = "FILE")]
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

/// What `backup` takes.
#[derive(Debug, Args)]
pub struct Backup {
    /// The file to make. It must not be there yet
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

fn every(text: &str) -> Result<Duration, String> {
    let every = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    if every < Duration::from_secs(1) { Err("give a second or more".into()) } else { Ok(every) }
}

fn mode(text: &str) -> Result<Mode, &'static str> {
    match text {
        "test" => Ok(Mode::Test),
        "live" => Ok(Mode::Live),
        _ => Err("give test or live"),
    }
}

fn file_format(text: &str) -> Result<Format, &'static str> {
    Format::parse(text).ok_or("give csv or jsonl")
}

fn search(text: &str) -> Result<Query, &'static str> {
    Query::parse(text).ok_or("give something to look for")
}

fn old_secret(text: &str) -> Result<OldSecret, &'static str> {
    match text {
        "now" => Ok(OldSecret::EndsNow),
        "24h" => Ok(OldSecret::EndsInADay),
        _ => Err("give now or 24h"),
    }
}

fn email(text: &str) -> Result<Email, String> {
    Email::parse(text).map_err(|invalid| invalid.words().to_owned())
}

fn role(text: &str) -> Result<Role, &'static str> {
    Role::parse(text).ok_or("give owner, editor or viewer")
}

/// Scheme and host, without the slash behind them.
fn public_url(text: &str) -> Result<String, &'static str> {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let host = host.map(|host| host.strip_suffix('/').unwrap_or(host));
    let is_host = |host: &str| !host.is_empty() && !host.contains(['/', '?', '#', '@', ' ']);
    match host.filter(|host| is_host(host)) {
        Some(_) => Ok(text.trim_end_matches('/').to_ascii_lowercase()),
        None => Err("give scheme and host alone, such as https://patron.example"),
    }
}

/// Scheme and host, with or without what every address of the API begins with.
fn base_url(text: &str) -> Result<String, &'static str> {
    public_url(text.trim_end_matches('/').trim_end_matches("/v1"))
}

fn customer_id(text: &str) -> Result<CustomerId, &'static str> {
    CustomerId::parse(text).map_err(|_| "a customer's id is cust_ and 14 letters and digits")
}

fn key_id(text: &str) -> Result<KeyId, &'static str> {
    KeyId::parse(text).ok_or("a key id is rzp_test_ or rzp_live_ and 14 letters and digits")
}
