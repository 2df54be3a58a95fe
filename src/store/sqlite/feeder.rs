//! The thread that follows the edits: now and then it looks whether there are revisions which the search index has not,
//! customers enough for another mark in their list, or erasures to sweep after, whoever wrote them, and queues small acts for
//! the writing thread.
//!
//! It yields to requests, reads too: each of its commits empties the page caches of readers. If anything was asked since its last look,
//! health checks and metrics scrapes apart, it rests nine times as long as its act took: a tenth of the writing thread at most. Past
//! 100,000 revisions that are not fed it rests three times as long, and so feeds some 3,000 revisions a second.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::files::Files;
use super::sweep::Sweep;
use super::writer::Writer;
use super::{index, marks, revisions};
use crate::domain::Mode;
use crate::store::Error;

/// How many revisions an act feeds, at most: among a million customers that takes some 5 ms. In acts of sixteen each costs twice as
/// much, for there are four times as many parts to be merged.
const ACT_LEN: u64 = 64;
/// How many pages of the index an act merges while nobody writes: who begins to waits for some 2 ms.
const MERGED: i64 = 8;
/// Between two looks. Nobody waits for the index, so that edits gather meanwhile.
const LOOK: Duration = Duration::from_millis(200);
/// The rest while requests arrive, and of merging, in times of what the act took. Merging without a rest took a third of the speed of
/// reads.
const REST: u32 = 9;
/// The same with more than [`LAG`] revisions to feed.
const REST_LAGGING: u32 = 3;
const LAG: i64 = 100_000;
/// After a failure.
const RETRY: Duration = Duration::from_secs(10);

pub(super) struct Feeder {
    running: Mutex<Option<(Sender<()>, JoinHandle<()>)>>,
    files: Option<Arc<Files>>,
}

impl Feeder {
    /// Starts the thread, with a connection to look by. What is in no file needs no sweep of one.
    pub(super) fn start(
        connection: Connection,
        writer: Arc<Writer>,
        requests: Arc<AtomicU64>,
        sweep: Option<Sweep>,
        files: Option<Arc<Files>>,
    ) -> std::io::Result<Self> {
        let (running, stopped) = channel();
        let (newest, seen, is_merged, marked, swept, own) = (0, 0, false, 0, None, files.clone());
        let mut thread =
            Thread { connection, writer, requests, seen, files: own, newest, is_merged, marked, sweep, swept };
        let handle = std::thread::Builder::new().name("feeder".into()).spawn(move || thread.run(&stopped))?;
        Ok(Self { running: Mutex::new(Some((running, handle))), files })
    }

    /// Ends the thread after the act that it waits for.
    pub(super) fn close(&self) {
        let running = self.running.lock().ok().and_then(|mut running| running.take());
        if let Some((running, thread)) = running {
            drop(running);
            if let Some(files) = &self.files {
                files.stop();
            }
            if thread.join().is_err() {
                tracing::error!("the feeding thread had panicked");
            }
        }
    }
}

struct Thread {
    connection: Connection,
    writer: Arc<Writer>,
    /// The requests so far, and as many of them as there were at the last look.
    requests: Arc<AtomicU64>,
    seen: u64,
    files: Option<Arc<Files>>,
    /// The newest revision at the last look.
    newest: i64,
    /// Whether the index has been merged as far as it is worth it, since it was last fed.
    is_merged: bool,
    /// The newest revision or erasure when no mark was left to write.
    marked: i64,
    sweep: Option<Sweep>,
    /// Until when the sweep rests, where it does.
    swept: Option<Instant>,
}

impl Thread {
    /// Runs until nobody holds the other end.
    fn run(&mut self, stopped: &Receiver<()>) {
        let mut pause = Duration::ZERO;
        while stopped.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
            if let Some(files) = &self.files
                && !files.tend(&self.connection, self.newest)
            {
                // Nothing can be written.
                pause = LOOK;
                continue;
            }
            pause = match self.step() {
                Ok(pause) => pause,
                Err(error @ (Error::Failed(_) | Error::Damaged(_))) => {
                    let cause = self.cause_of(error);
                    tracing::error!(cause, "the search index and the list cannot be brought up to date");
                    RETRY
                }
                Err(_) => LOOK,
            };
        }
    }

    /// Returns the cause of a failure. Damage is noted, so that edits wait for a check.
    fn cause_of(&self, error: Error) -> String {
        if let (Error::Damaged(cause), Some(files)) = (&error, &self.files) {
            files.see_damage_of(cause);
        }
        match error {
            Error::Failed(cause) | Error::Damaged(cause) => cause,
            other => format!("{other:?}"),
        }
    }

    /// Does a little, where there is something to do. Gives how long to pause.
    fn step(&mut self) -> Result<Duration, Error> {
        let (newest, mark) = index::newest_and_mark(&self.connection)?;
        let others_write = newest != std::mem::replace(&mut self.newest, newest);
        let requests = self.requests.load(Ordering::Relaxed);
        let mut rests = requests != std::mem::replace(&mut self.seen, requests) || others_write;
        let began = Instant::now();
        // Marks go with who is erased, too.
        let last = revisions::next_number(&self.connection)? - 1;
        let (mut more, mut took) = if self.marked < last { self.mark(last)? } else { (false, Duration::ZERO) };
        if self.sweep() {
            (more, took) = (true, took + self.sweep.as_ref().map_or(Duration::ZERO, |sweep| sweep.took));
        }
        if mark < newest {
            self.is_merged = false;
            let (more_to_feed, fed_in) =
                self.writer.act_and_time(|connection| Ok(index::feed(connection, ACT_LEN)?))?;
            (more, took) = (more | more_to_feed, took + fed_in);
        } else if !others_write && !more && !self.is_merged {
            // What a feeding merges keeps pace, and leaves some parts; the fewer, the less a search has to read.
            (more, took) = self.writer.act_and_time(|connection| Ok(index::merge(connection, MERGED)?))?;
            (self.is_merged, rests) = (!more, true);
        }
        Ok(match (more, rests) {
            (true, true) => took * if newest - mark > LAG { REST_LAGGING } else { REST },
            // A command that is to write looks every tenth of a second whether it can, and for five seconds: it must find that
            // it can now and then.
            (true, false) => began.elapsed() / 2,
            (false, _) => LOOK,
        })
    }

    /// Sweeps a little after erasures. Gives whether there is more to do at once.
    fn sweep(&mut self) -> bool {
        if self.swept.is_some_and(|rests| Instant::now() < rests) {
            return false;
        }
        let Some(sweep) = &mut self.sweep else { return false };
        let next = match sweep.step(&self.connection, &self.writer) {
            Ok(next) => next,
            Err(error) => {
                // The search is fed all the same.
                tracing::error!(?error, "what was erased cannot be swept from the files");
                self.cause_of(error);
                Some(RETRY)
            }
        };
        self.swept = next.filter(|wait| !wait.is_zero()).map(|wait| Instant::now() + wait);
        next == Some(Duration::ZERO)
    }

    /// Writes a few marks, where they are due. Gives whether there may be more, and how long that took the writing thread.
    fn mark(&mut self, last: i64) -> Result<(bool, Duration), Error> {
        for mode in [Mode::Test, Mode::Live] {
            if marks::is_due(&self.connection, mode)?
                && let (true, took) = self.writer.act_and_time(move |connection| Ok(marks::write(connection, mode)?))?
            {
                return Ok((true, took));
            }
        }
        self.marked = last;
        Ok((false, Duration::ZERO))
    }
}
