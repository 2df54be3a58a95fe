//! The thread that feeds the search behind the edits: now and then it looks whether there are revisions which the index has
//! not, whoever wrote them, and queues small acts for the writing thread.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::search;
use super::writer::Writer;
use crate::store::Error;

/// How many revisions an act feeds: an edit behind it hardly waits.
const ACT_LEN: u64 = 64;
/// Between two looks. Nobody waits for the index, so that edits gather meanwhile.
const LOOK: Duration = Duration::from_millis(200);
/// While others write, the rest is this many times as long as the act before it: the index takes a fifth of the
/// writing thread at most.
const REST: u32 = 4;
/// After a failure.
const RETRY: Duration = Duration::from_secs(10);

pub(super) struct Feeder {
    running: Mutex<Option<(Sender<()>, JoinHandle<()>)>>,
}

impl Feeder {
    /// Starts the thread, with a connection to look by.
    pub(super) fn start(connection: Connection, writer: Arc<Writer>) -> std::io::Result<Self> {
        let (running, stopped) = channel();
        let mut thread = Thread { connection, writer, newest: 0 };
        let handle = std::thread::Builder::new().name("feeder".into()).spawn(move || thread.run(&stopped))?;
        Ok(Self { running: Mutex::new(Some((running, handle))) })
    }

    /// Ends the thread after the act that it waits for.
    pub(super) fn close(&self) {
        let running = self.running.lock().ok().and_then(|mut running| running.take());
        if let Some((running, thread)) = running {
            drop(running);
            if thread.join().is_err() {
                tracing::error!("the feeding thread had panicked");
            }
        }
    }
}

struct Thread {
    connection: Connection,
    writer: Arc<Writer>,
    /// The newest revision at the last look.
    newest: i64,
}

impl Thread {
    /// Runs until nobody holds the other end.
    fn run(&mut self, stopped: &Receiver<()>) {
        let mut pause = Duration::ZERO;
        while stopped.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
            pause = match self.step() {
                Ok(pause) => pause,
                Err(Error::Failed(cause)) => {
                    tracing::error!(cause, "the search index cannot be fed");
                    RETRY
                }
                Err(_) => LOOK,
            };
        }
    }

    /// Feeds a little, where there is something. Gives how long to pause.
    fn step(&mut self) -> Result<Duration, Error> {
        let (newest, mark) = search::newest_and_mark(&self.connection)?;
        let others_write = newest != std::mem::replace(&mut self.newest, newest);
        if mark >= newest {
            return Ok(LOOK);
        }
        let began = Instant::now();
        let more = self.writer.act_and_wait(|connection| Ok(search::feed(connection, ACT_LEN)?))?;
        Ok(match (more, others_write) {
            (true, true) => began.elapsed() * REST,
            (true, false) => Duration::ZERO,
            (false, _) => LOOK,
        })
    }
}
