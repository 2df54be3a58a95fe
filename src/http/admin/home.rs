//! Home: the search, how many customers there are, the edits of each day, and how the house stands.

use std::sync::Arc;

use actix_web::web::Data;
use askama::Template;

use super::Answer;
use super::figures::{grouped, size};
use super::moment::Moment;
use super::page::{Shell, Turned, html};
use super::visit::Visit;
use crate::domain::{Copied, Key, Mode, Role};
use crate::service::{Counts, KeyRefused, LastBackups, Refused, Services};

/// Keys that end within this time are shown, in seconds.
const ENDING_WITHIN: i64 = 14 * DAY_SECONDS;
const DAY_SECONDS: i64 = 24 * 60 * 60;

#[derive(Template)]
#[template(path = "home.html")]
struct HomePage {
    shell: Shell,
    today: Moment,
    is_owner: bool,
    counted: Option<Counted>,
    ending: Vec<EndingKey>,
    backup: BackupShown,
    version: &'static str,
}

/// The counts as this page shows them.
struct Counted {
    at: Moment,
    figures: [Figure; 2],
    plot: Plot,
    requests: String,
    failed: u64,
    refused: u64,
    size: String,
}

/// What became of the last backups.
struct BackupShown {
    verified: Option<(Moment, String)>,
    failed: Option<(Moment, String)>,
}

struct Figure {
    mode: &'static str,
    word: &'static str,
    customers: String,
    made: String,
}

struct Plot {
    bars: Vec<Bar>,
    first: String,
    /// `412 on 7 Nov`, where there were any.
    most: Option<String>,
    fewest: String,
    today: String,
}

struct Bar {
    x: usize,
    y: String,
    height: String,
    day: String,
    edits: String,
}

struct EndingKey {
    name: String,
    mode: &'static str,
    word: &'static str,
    within: String,
}

pub(super) async fn show(visit: Visit, services: Data<Services>) -> Answer {
    let now = services.house.now();
    let keys =
        services.access.on_behalf_of(&visit.caller()).list().await.map_err(|refused| visit.turned(reason(refused)))?;
    let backups = services.backups.last().await.map_err(|refused| visit.turned(refused))?;
    Ok(html(&HomePage {
        shell: Shell::new(&visit, ""),
        today: Moment(now),
        is_owner: visit.may(Role::Owner),
        counted: services.house.counts().map(|counts| Counted::of(&counts, visit.mode)),
        ending: ending(keys, now),
        backup: BackupShown::of(backups),
        version: env!("CARGO_PKG_VERSION"),
    }))
}

/// A refusal of the keys' as a page.
pub(super) fn reason(refused: KeyRefused) -> Turned {
    match refused {
        KeyRefused::Store(refused) => refused.into(),
        _ => Refused::Failed.into(),
    }
}

impl BackupShown {
    fn of(LastBackups { verified, failed }: LastBackups) -> Self {
        let counted = |Copied { live, test, .. }: Copied| {
            let customers = if live + test == 1 { "customer" } else { "customers" };
            format!("{} live and {} test {customers}", grouped(live), grouped(test))
        };
        Self {
            verified: verified.map(|backup| (Moment(backup.at), counted(backup.copied))),
            failed: failed.map(|failed| (Moment(failed.at), failed.why)),
        }
    }
}

impl Counted {
    fn of(counts: &Arc<Counts>, mode: Mode) -> Self {
        let figure = |mode: Mode, word| Figure {
            mode: mode.as_str(),
            word,
            customers: grouped(counts.of(mode).customers),
            made: grouped(counts.of(mode).today().made),
        };
        let here = counts.of(mode);
        let edits: Vec<(i64, u64)> = here.days.iter().map(|day| (day.day, day.edited)).collect();
        let today = here.today();
        Self {
            at: Moment(counts.at),
            figures: [figure(Mode::Live, "Live"), figure(Mode::Test, "Test")],
            plot: Plot::of(&edits),
            requests: grouped(today.requests),
            failed: today.failed,
            refused: today.refused,
            size: size(counts.bytes),
        }
    }
}

impl Plot {
    /// The edits of some days, in order.
    fn of(days: &[(i64, u64)]) -> Self {
        let name = |day: i64| Moment(day * DAY_SECONDS).short_day();
        // Of equal days the last.
        let most = days.iter().max_by_key(|(_, edits)| *edits).copied().unwrap_or_default();
        let bar = |(at, (day, edits)): (usize, &(i64, u64))| {
            let height = 100.0 * *edits as f64 / most.1.max(1) as f64;
            let (y, height) = (format!("{:.1}", 100.0 - height), format!("{height:.1}"));
            Bar { x: 2 + 20 * at, y, height, day: name(*day), edits: grouped(*edits) }
        };
        Self {
            bars: days.iter().enumerate().map(bar).collect(),
            first: days.first().map(|(day, _)| name(*day)).unwrap_or_default(),
            most: (most.1 > 0).then(|| format!("{} on {}", grouped(most.1), name(most.0))),
            fewest: grouped(days.iter().map(|(_, edits)| *edits).min().unwrap_or_default()),
            today: grouped(days.last().map(|(_, edits)| *edits).unwrap_or_default()),
        }
    }
}

/// The keys that end soon, the soonest first.
fn ending(keys: Vec<Key>, now: i64) -> Vec<EndingKey> {
    let soon = |key: &Key| key.expires_at.filter(|at| key.is_live(now) && at - now <= ENDING_WITHIN);
    let mut ending: Vec<(i64, Key)> = keys.into_iter().filter_map(|key| Some((soon(&key)?, key))).collect();
    ending.sort_by_key(|(at, _)| *at);
    let shown = |(at, key): (i64, Key)| {
        let (mode, word) = match key.id.mode() {
            Mode::Live => ("live", "Live"),
            Mode::Test => ("test", "Test"),
        };
        let name = if key.label.is_empty() { key.id.as_str().to_owned() } else { key.label };
        EndingKey { name, mode, word, within: within(at - now) }
    };
    ending.into_iter().map(shown).collect()
}

fn within(seconds: i64) -> String {
    let nearest = |unit: i64| (seconds + unit / 2) / unit;
    match (nearest(DAY_SECONDS), nearest(60 * 60)) {
        _ if seconds < 60 * 60 => "in less than an hour".into(),
        (_, 1) => "in 1 hour".into(),
        (_, hours @ ..24) => format!("in {hours} hours"),
        (1, _) => "in 1 day".into(),
        (days, _) => format!("in {days} days"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plot_reaches_from_nothing_to_the_most() {
        let plot = Plot::of(&[(18_310, 0), (18_311, 412), (18_312, 103)]);
        let bars: Vec<_> = plot.bars.iter().map(|bar| (bar.x, bar.y.as_str(), bar.height.as_str())).collect();
        assert_eq!(bars, [(2, "100.0", "0.0"), (22, "0.0", "100.0"), (42, "75.0", "25.0")]);
        assert_eq!((plot.first.as_str(), plot.most.as_deref()), ("18 Feb", Some("412 on 19 Feb")));
        assert_eq!(Plot::of(&[(0, 0)]).most, None);
    }

    #[test]
    fn an_end_is_told_in_days_then_hours() {
        assert_eq!(
            [3_599, 3_600, 80_000, 86_399, 6 * 86_400 - 9].map(within),
            ["in less than an hour", "in 1 hour", "in 22 hours", "in 1 day", "in 6 days"]
        );
    }
}
