//! How things stand: counts that would cost too much at each look, computed in the background and shown with their time.

use std::sync::{Arc, Mutex};

use super::{Ambient, Refused};
use crate::domain::{Day, Mode};
use crate::store::Store;

/// How many days the counts go back, today included.
pub const DAYS: i64 = 30;

/// The counts of one store.
pub struct House {
    store: Arc<Store>,
    ambient: Ambient,
    counts: Mutex<Option<Arc<Counts>>>,
}

/// How things stood at a time.
#[derive(Clone, Debug)]
pub struct Counts {
    /// When, in Unix seconds.
    pub at: i64,
    /// The size of the database in bytes.
    pub bytes: u64,
    test: ModeCounts,
    live: ModeCounts,
}

/// How things stood in a mode.
#[derive(Clone, Debug)]
pub struct ModeCounts {
    /// How many customers there were.
    pub customers: u64,
    /// The last [`DAYS`] days in order, today last.
    pub days: Vec<Day>,
}

impl Counts {
    /// Those of a mode.
    pub fn of(&self, mode: Mode) -> &ModeCounts {
        match mode {
            Mode::Test => &self.test,
            Mode::Live => &self.live,
        }
    }
}

impl ModeCounts {
    /// What happened today.
    pub fn today(&self) -> Day {
        self.days.last().copied().unwrap_or_default()
    }
}

impl House {
    pub(super) fn new(store: Arc<Store>, ambient: Ambient) -> Self {
        Self { store, ambient, counts: Mutex::default() }
    }

    /// The last counts; `None` until there are any.
    pub fn counts(&self) -> Option<Arc<Counts>> {
        self.counts.lock().ok()?.clone()
    }

    /// Now, in Unix seconds.
    pub fn now(&self) -> i64 {
        self.ambient.seconds()
    }

    /// Counts again.
    pub(super) async fn count(&self) -> Result<(), Refused> {
        while self.store.count_revisions().await? {}
        let at = self.ambient.seconds();
        let counts = Counts {
            at,
            bytes: self.store.size().await?,
            test: self.count_mode(Mode::Test, at).await?,
            live: self.count_mode(Mode::Live, at).await?,
        };
        if let Ok(mut last) = self.counts.lock() {
            *last = Some(Arc::new(counts));
        }
        Ok(())
    }

    async fn count_mode(&self, mode: Mode, at: i64) -> Result<ModeCounts, Refused> {
        let today = at.div_euclid(super::DAY_SECONDS);
        let from = today - DAYS + 1;
        let found = self.store.list_days(mode, from).await?;
        let day = |day| found.iter().find(|each| each.day == day).copied().unwrap_or(Day { day, ..Day::default() });
        Ok(ModeCounts { customers: self.store.count_customers(mode).await?, days: (from..=today).map(day).collect() })
    }
}
