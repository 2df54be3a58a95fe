//! What serves, and what looks at how it is served.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, value_parser};

use patron::http::{RateLimit, Tls};

use super::values::{Networks, address, every, networks, public_url, switch};

/// Settings of `serve`.
#[derive(Debug, Args)]
pub struct Serve {
    /// Where to listen: 127.0.0.1:8080, localhost:8080, or :8080 for every IPv4 address of this machine. Port 0 picks a free one
    #[arg(long, env = "PATRON_LISTEN", default_value = "127.0.0.1:8080", value_parser = address, value_name = "ADDRESS")]
    pub listen: SocketAddr,
    #[command(flatten)]
    pub tls: TlsFiles,
    /// Scheme and host as browsers see them, where a proxy stands in front: https://patron.example
    #[arg(long, env = "PATRON_PUBLIC_URL", value_parser = public_url, value_name = "URL")]
    pub public_url: Option<String>,
    /// The proxies whose X-Forwarded-For is believed: addresses or networks, such as 10.0.0.0/8, between commas. Without this none is
    #[arg(long, env = "PATRON_TRUSTED_PROXY", value_parser = networks, value_name = "CIDR")]
    pub trusted_proxy: Vec<Networks>,
    /// How many API requests one address may send, such as 200/s, 600/m or 50/10s. Without this as many as it likes
    #[arg(long, env = "PATRON_RATE_LIMIT_ADDRESS", value_parser = RateLimit::parse, value_name = "COUNT/TIME")]
    pub rate_limit_address: Option<RateLimit>,
    /// How many requests one key may send, in the same way. Past either limit the answer is 429, with Retry-After
    #[arg(long, env = "PATRON_RATE_LIMIT_KEY", value_parser = RateLimit::parse, value_name = "COUNT/TIME")]
    pub rate_limit_key: Option<RateLimit>,
    /// Also listen here for whoever reads the metrics, at /metrics, without credentials. Without this nobody does
    #[arg(long, env = "PATRON_METRICS_LISTEN", value_parser = address, value_name = "ADDRESS")]
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
    /// Where to listen: 127.0.0.1:8080, localhost:8080, or :8080 for every IPv4 address of this machine. Port 0 picks a free one
    #[arg(long, env = "PATRON_LISTEN", default_value = "127.0.0.1:8080", value_parser = address, value_name = "ADDRESS")]
    pub listen: SocketAddr,
    /// Refuse what Razorpay's API has not: filters and histories, If-Match, a fail_existing that is no text
    #[arg(long, env = "PATRON_STRICT", value_parser = switch)]
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
    #[arg(long, env = "PATRON_LISTEN", default_value = "127.0.0.1:8080", value_parser = address, value_name = "ADDRESS")]
    pub listen: SocketAddr,
    /// The certificate to look at.
    #[command(flatten)]
    pub tls: TlsFiles,
}
