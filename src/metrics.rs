//! What is counted while Patron serves, for whoever watches it over time.
//!
//! No label holds anything that a caller sent: routes are patterns, methods those that HTTP has. So their number is bounded.

use std::borrow::Cow;
use std::fmt;
use std::sync::LazyLock;
use std::time::Duration;

use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// From a read in memory to what a client no longer waits for.
const REQUEST_SECONDS: [f64; 14] =
    [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];
/// From a disk with a battery to one in trouble.
const COMMIT_SECONDS: [f64; 12] = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.5];
/// Up to as many acts as share a commit at most.
const COMMIT_ACTS: [f64; 8] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0];

/// Log lines that were dropped because nothing read them. The program counts them, whose logger is older than its services.
pub static LOG_LINES_DROPPED: LazyLock<Counter> = LazyLock::new(Counter::default);

/// What is counted, each under the name by which it is read. Counting never waits for long and never fails.
pub struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Histogram, fn() -> Histogram>,
    commit_acts: Histogram,
    commit_seconds: Histogram,
    lost_commits: Counter,
    refused_sign_ins: Counter,
    remembered: Counter,
    hashed: Counter,
    gauges: Gauges,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    method: &'static str,
    route: Cow<'static, str>,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct VerificationLabels {
    from: &'static str,
}

/// What is looked up when somebody reads.
#[derive(Default)]
struct Gauges {
    queue: Gauge,
    database: Gauge,
    log: Gauge,
    backup: Gauge,
    backup_fails: Gauge,
    remembered: Gauge,
}

/// How things stand at the moment, each as far as it is known.
#[derive(Clone, Copy, Debug, Default)]
pub struct Standing {
    /// Acts that wait for the writing thread.
    pub queue: usize,
    /// Bytes of the database file.
    pub database_bytes: u64,
    /// Bytes of its write-ahead log.
    pub log_bytes: u64,
    /// When the last verified backup was begun, in Unix seconds.
    pub backup_at: Option<i64>,
    /// Whether the last backup failed.
    pub backup_fails: bool,
    /// Secrets that are remembered as right.
    pub remembered: usize,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("patron");
        let requests = Family::new_with_constructor((|| Histogram::new(REQUEST_SECONDS)) as fn() -> Histogram);
        let verifications = Family::<VerificationLabels, Counter>::default();
        let this = Self {
            requests,
            commit_acts: Histogram::new(COMMIT_ACTS),
            commit_seconds: Histogram::new(COMMIT_SECONDS),
            lost_commits: Counter::default(),
            refused_sign_ins: Counter::default(),
            remembered: verifications.get_or_create_owned(&VerificationLabels { from: "memory" }),
            hashed: verifications.get_or_create_owned(&VerificationLabels { from: "hash" }),
            gauges: Gauges::default(),
            registry: Registry::default(),
        };
        let Gauges { queue, database, log, backup, backup_fails, remembered } = &this.gauges;
        registry.register_with_unit(
            "http_request_duration",
            "Time from a request's head to its answer, by method, route and status",
            Unit::Seconds,
            this.requests.clone(),
        );
        registry.register("commit_acts", "Edits and other acts that shared a commit", this.commit_acts.clone());
        registry.register_with_unit(
            "commit_duration",
            "Time that COMMIT took, syncing the disk included",
            Unit::Seconds,
            this.commit_seconds.clone(),
        );
        registry.register("commits_lost", "Transactions that came to nothing", this.lost_commits.clone());
        registry.register("log_lines_dropped", "Log lines that nothing read in time", LOG_LINES_DROPPED.clone());
        registry.register("sign_ins_refused", "Attempts to sign in that were refused", this.refused_sign_ins.clone());
        registry.register(
            "verifications",
            "Secrets and passwords that were checked, by where the answer came from: memory or hash",
            verifications,
        );
        registry.register("write_queue_acts", "Acts that wait for the writing thread", queue.clone());
        registry.register_with_unit("database_size", "The database file", Unit::Bytes, database.clone());
        registry.register_with_unit("wal_size", "The write-ahead log", Unit::Bytes, log.clone());
        registry.register_with_unit(
            "backup_last_success_timestamp",
            "When the last verified backup was begun, in Unix time; 0 where there is none",
            Unit::Seconds,
            backup.clone(),
        );
        registry.register("backup_failing", "1 where the last backup failed, else 0", backup_fails.clone());
        registry.register("verifications_remembered", "Secrets that are remembered as right", remembered.clone());
        Self { registry, ..this }
    }
}

impl Metrics {
    /// A request that was answered.
    pub fn request(&self, method: &'static str, route: Cow<'static, str>, status: u16, took: Duration) {
        let labels = RequestLabels { method, route, status };
        self.requests.get_or_create(&labels).observe(took.as_secs_f64());
    }

    /// A commit of so many acts, and how long it took.
    pub fn commit(&self, acts: usize, took: Duration) {
        self.commit_acts.observe(acts as f64);
        self.commit_seconds.observe(took.as_secs_f64());
    }

    /// A transaction that came to nothing.
    pub fn lost_commit(&self) {
        self.lost_commits.inc();
    }

    /// An attempt to sign in that was refused.
    pub fn refused_sign_in(&self) {
        self.refused_sign_ins.inc();
    }

    /// A key's secret that was remembered as right.
    pub fn remembered_verification(&self) {
        self.remembered.inc();
    }

    /// A secret, of a key or a person, that was held against a hash.
    pub fn hashed_verification(&self) {
        self.hashed.inc();
    }

    /// All of it, in the text format of OpenMetrics 1.0, which Prometheus reads.
    pub fn text(&self, standing: Standing) -> Result<String, fmt::Error> {
        let Gauges { queue, database, log, backup, backup_fails, remembered } = &self.gauges;
        queue.set(signed(standing.queue));
        database.set(signed(standing.database_bytes));
        log.set(signed(standing.log_bytes));
        backup.set(standing.backup_at.unwrap_or_default());
        backup_fails.set(standing.backup_fails.into());
        remembered.set(signed(standing.remembered));
        let mut text = String::new();
        text::encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

fn signed(number: impl TryInto<i64>) -> i64 {
    number.try_into().unwrap_or(i64::MAX)
}
