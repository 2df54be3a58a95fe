//! What a server does beside its requests: on a thread of its own, once a second, and a last time when it is closed.

use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// How often there is something to do.
const PAUSE: Duration = Duration::from_secs(1);
/// Every so many times what is slow is due too.
const SLOW_EVERY: u64 = 10;

/// Something to do beside requests.
pub(super) trait Chore: Send + Sync + 'static {
    /// Does it; `slow` says that what is slow is due too.
    fn run(&self, slow: bool) -> impl Future<Output = ()>;
}

/// The thread that does it, once it is started.
#[derive(Default)]
pub(super) struct Background(Mutex<Option<(SyncSender<()>, JoinHandle<()>)>>);

impl Background {
    /// Starts the thread. Starting twice is starting once.
    pub(super) fn start(&self, chore: Arc<impl Chore>) -> std::io::Result<()> {
        let Ok(mut thread) = self.0.lock() else { return Ok(()) };
        if thread.is_none() {
            // A runtime of its own: what is slow here makes no request wait, and closing needs none to be there.
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
            let (stop, stopped) = sync_channel(1);
            let work = move || {
                for turn in 0_u64.. {
                    runtime.block_on(chore.run(turn.is_multiple_of(SLOW_EVERY)));
                    if stopped.recv_timeout(PAUSE) != Err(RecvTimeoutError::Timeout) {
                        break;
                    }
                }
                runtime.block_on(chore.run(false));
            };
            let handle = std::thread::Builder::new().name("background".into()).spawn(work)?;
            *thread = Some((stop, handle));
        }
        Ok(())
    }

    /// Does everything a last time, and ends the thread.
    pub(super) fn close(&self) {
        let thread = self.0.lock().ok().and_then(|mut thread| thread.take());
        if let Some((stop, handle)) = thread {
            drop(stop);
            if handle.join().is_err() {
                tracing::error!("the background thread had panicked");
            }
        }
    }
}
