//! What it costs: the release binary under load, beside what its parts can do by themselves, in one run and each figure with
//! its limit. `cargo bench --bench load`.
//!
//! Times on one machine say little about another; ratios within one run say more. Nothing here fails for being slow: a figure
//! past its limit is marked, and read by a person.

#![expect(clippy::unwrap_used, reason = "whoever runs a benchmark sees where it broke")]

mod floor;
mod report;
mod scenes;
mod server;
mod wire;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand};

use report::Report;
use scenes::Scene;

#[derive(Parser)]
struct Options {
    /// Customers in the file. It is made once and kept.
    #[arg(long, default_value_t = 1_000_000)]
    customers: u64,
    /// How often each load is run; what is told is the median.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// How long each load lasts, in seconds.
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// Scenes to play: start, throughput, one, feeding, page, search, list, credential, flood, fairness, beside, emulator. All, without this.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Play a few scenes at 10,000, 100,000, 1,000,000 and 5,000,000 customers instead. Makes large files, for long.
    #[arg(long)]
    curve: bool,
    /// Draw the speeds into this SVG file.
    #[arg(long)]
    plot: Option<PathBuf>,
    /// What cargo passes.
    #[arg(long, hide = true)]
    bench: bool,
    #[command(subcommand)]
    server: Option<Kind>,
}

/// This program as a server.
#[derive(Subcommand)]
enum Kind {
    #[command(hide = true)]
    Bare,
    #[command(hide = true)]
    Reading { db: PathBuf },
}

fn main() {
    let options = Options::parse();
    match &options.server {
        Some(Kind::Bare) => return floor::bare(),
        Some(Kind::Reading { db }) => return floor::reading(db),
        None => {}
    }
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("load");
    std::fs::create_dir_all(&directory).unwrap();
    let wanted = |name: &str| options.only.is_empty() || options.only.iter().any(|only| only == name);
    let mut report = Report::default();
    let sizes = if options.curve { vec![10_000, 100_000, 1_000_000, 5_000_000] } else { vec![options.customers] };
    for customers in sizes {
        let fixture = server::fixture(&directory, customers);
        let scene = Scene { fixture, lasts: Duration::from_secs_f64(options.seconds), rounds: options.rounds };
        if options.curve {
            scene.curve(customers, &mut report);
            continue;
        }
        for (name, play) in scenes::ALL {
            if wanted(name) {
                play(&scene, &mut report);
            }
        }
    }
    report.print();
    report.write(&directory.join("load.json"));
    if let Some(path) = &options.plot {
        report.plot(path);
    }
}
