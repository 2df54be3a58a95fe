//! Who is let in: API keys, and people who sign in to the console.

use std::time::Duration;

use clap::{Args, Subcommand};

use patron::domain::{Email, KeyId, Mode, Role};
use patron::service::OldSecret;

use super::values::{email, key_id, mode, old_secret, public_url, role};

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
    /// Scheme and host of the link, as browsers see them. Without this those of the server that has the database
    #[arg(long, env = "PATRON_PUBLIC_URL", value_parser = public_url, value_name = "URL")]
    pub public_url: Option<String>,
}
