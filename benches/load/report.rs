//! What was measured: as a table, as JSON and as a picture.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use serde::Serialize;

use crate::wire::Figures;

#[derive(Default, Serialize)]
pub struct Report {
    rows: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    what: String,
    value: f64,
    unit: &'static str,
    limit: Option<Limit>,
    holds: Option<bool>,
}

/// What a figure should be.
#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    AtLeast(f64),
    AtMost(f64),
}

impl Report {
    /// Adds a figure without a limit.
    pub fn tell(&mut self, what: impl Into<String>, value: f64, unit: &'static str) {
        self.row(what.into(), value, unit, None);
    }

    /// Adds a figure with its limit.
    pub fn hold(&mut self, what: impl Into<String>, value: f64, unit: &'static str, limit: Limit) {
        self.row(what.into(), value, unit, Some(limit));
    }

    /// Adds what came of a load: its rate and its latencies.
    pub fn load(&mut self, what: &str, figures: &Figures) {
        self.tell(format!("{what}: rate"), figures.rate, "/s");
        for (name, quantile) in [("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999)] {
            self.tell(format!("{what}: {name}"), figures.ms(quantile), "ms");
        }
        if figures.failures > 0 {
            self.hold(format!("{what}: failures"), figures.failures as f64, "", Limit::AtMost(0.0));
        }
    }

    /// A figure that was told.
    pub fn value(&self, what: &str) -> Option<f64> {
        self.rows.iter().find(|row| row.what == what).map(|row| row.value)
    }

    fn row(&mut self, what: String, value: f64, unit: &'static str, limit: Option<Limit>) {
        let holds = limit.map(|limit| match limit {
            Limit::AtLeast(least) => value >= least,
            Limit::AtMost(most) => value <= most,
        });
        let row = Row { what, value, unit, limit, holds };
        eprintln!("{}", row.line());
        self.rows.push(row);
    }

    /// All of it on standard output.
    pub fn print(&self) {
        for row in &self.rows {
            println!("{}", row.line());
        }
        let past = self.rows.iter().filter(|row| row.holds == Some(false)).count();
        println!("{} figures, {past} past their limit", self.rows.len());
    }

    /// All of it as JSON.
    pub fn write(&self, path: &Path) {
        fs::write(path, serde_json::to_string_pretty(self).unwrap()).unwrap();
        println!("{}", path.display());
    }

    /// The speeds beside what the parts can do, as bars.
    pub fn plot(&self, path: &Path) {
        let groups = [
            (
                "Reads a second, 64 connections",
                [("actix-web, a constant", "bare actix, 64: rate"), ("Patron, GET one", "GET, 64: rate")].as_slice(),
            ),
            (
                "Durable edits a second, 64 connections",
                &[
                    ("SQLite, one a commit", "raw SQLite, 1 a commit: rate"),
                    ("SQLite, 32 a commit", "raw SQLite, 32 a commit: rate"),
                    ("Patron, all fields, with history", "PUT, 64: rate"),
                    ("Patron, name alone, with history", "PUT of the name, 64: rate"),
                ],
            ),
        ];
        let (mut body, mut y) = (String::new(), 28);
        for (title, bars) in groups {
            writeln!(body, r#"<text class="t" x="0" y="{y}">{title}</text>"#).unwrap();
            let values: Vec<_> =
                bars.iter().map(|(label, what)| (label, self.value(what).unwrap_or_default())).collect();
            let most = values.iter().map(|(_, value)| *value).fold(1.0, f64::max);
            for (label, value) in values {
                y += 26;
                let (width, ours) = (value / most * 360.0, if label.starts_with("Patron") { "p" } else { "q" });
                writeln!(
                    body,
                    r#"<text x="0" y="{}">{label}</text><rect class="{ours}" x="230" y="{y}" width="{width:.0}" height="18" rx="3"/><text x="{:.0}" y="{}">{}</text>"#,
                    y + 14,
                    238.0 + width,
                    y + 14,
                    thousands(value)
                )
                .unwrap();
            }
            y += 56;
        }
        let height = y - 24;
        let style =
            "text{font:13px system-ui,sans-serif;fill:#57606a}.t{font-weight:600}.p{fill:#2f6f5e}.q{fill:#b6bec6}";
        let svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 680 {height}\" width=\"680\" height=\"{height}\" role=\"img\" aria-label=\"Speeds beside those of the parts\"><style>{style}</style>\n{body}</svg>\n"
        );
        fs::write(path, svg).unwrap();
    }
}

impl Row {
    fn line(&self) -> String {
        let Self { what, value, unit, .. } = self;
        let limit = match self.limit {
            Some(Limit::AtLeast(least)) => format!("at least {least}"),
            Some(Limit::AtMost(most)) => format!("at most {most}"),
            None => String::new(),
        };
        let verdict = match self.holds {
            Some(true) => "holds",
            Some(false) => "PAST ITS LIMIT",
            None => "",
        };
        let value = if *value >= 1_000.0 { thousands(*value) } else { format!("{value:.2}") };
        format!("{what:<58} {value:>10} {unit:<3} {limit:<16} {verdict}").trim_end().to_owned()
    }
}

fn thousands(value: f64) -> String {
    let digits = format!("{value:.0}");
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().map(|group| std::str::from_utf8(group).unwrap()).collect();
    groups.join(",")
}
