//! Large work beside edits.

use std::iter;
use std::time::Duration;

use super::{STEADY, Scene, middle};
use crate::report::{Limit, Report};
use crate::server::{self, Server};
use crate::wire::{Figures, Load, load};

/// How many rows are imported.
const IMPORTED: u64 = 10_000;

impl Scene {
    /// Edits at a steady pace while large work runs.
    pub(super) fn beside(&self, report: &mut Report) {
        let server = Server::patron(&self.fixture.db);
        let steady = Load { pace: Some(STEADY), ..self.load(16) };
        let quiet = middle(self.rounds_of(|| load(&server.address, steady, &self.put())));
        report.load("PUT at a steady pace", &quiet);
        let mut tell = |name: &str, figures: Figures| {
            report.load(&format!("PUT at a steady pace, beside {name}"), &figures);
            let ratio = figures.ms(0.99) / quiet.ms(0.99);
            report.hold(format!("PUT p99 beside {name} / quiet"), ratio, "", Limit::AtMost(2.0));
        };
        let copy = self.fixture.db.with_extension("backup");
        let copy = copy.to_str().unwrap();
        let (backup, export) = (["backup", copy], ["export", "--mode", "test", "--out", copy]);
        let seed = ["seed", "--count", "10000000", "--seed", "77"];
        for (name, arguments) in
            [("seed", seed.as_slice()), ("check", &["check"]), ("backup", &backup), ("export", &export)]
        {
            let figures = middle(self.rounds_of(|| {
                let _ = std::fs::remove_file(copy);
                let mut work = server::spawn(&self.fixture.db, arguments);
                let figures = load(&server.address, steady, &self.put());
                work.kill().unwrap();
                work.wait().unwrap();
                figures
            }));
            tell(name, figures);
        }
        // From its rehearsal to its last row.
        let rows = self.fixture.db.with_extension("csv");
        std::fs::write(&rows, imported(IMPORTED)).unwrap();
        let mut work = server::spawn(&self.fixture.db, &["import", rows.to_str().unwrap(), "--mode", "live", "--yes"]);
        let mut rounds = Vec::new();
        while work.try_wait().unwrap().is_none() {
            rounds.push(load(&server.address, steady, &self.put()));
        }
        assert!(work.wait().unwrap().success());
        tell("an import", middle(rounds));
        // As after an upgrade: once the index is emptied, for which edits wait a moment.
        let mut work = server::spawn(&self.fixture.db, &["reindex"]);
        std::thread::sleep(Duration::from_secs(3));
        tell("an index made anew", middle(self.rounds_of(|| load(&server.address, steady, &self.put()))));
        work.kill().unwrap();
        work.wait().unwrap();
    }
}

/// A file of new customers.
fn imported(count: u64) -> String {
    let row = |number| format!("Asha Rao,i{number}@example.com,+91{}\n", 7_000_000_000 + number);
    iter::once("name,email,contact\n".to_owned()).chain((0..count).map(row)).collect()
}
