//! The one writing thread: group commit. It takes every act that waits, at most 128, opens one transaction, runs the acts, commits once,
//! and only then answers. Many edits share one sync of the disk, and no edit waits for a timer.
//!
//! An act that fails changes nothing. Most acts run in a savepoint, and its rollback undoes them. A savepoint makes SQLite copy each page
//! before its first change: 12 % of an edit. An act of which only the first write can be refused runs without one, since SQLite undoes a
//! refused statement. If such an act fails or panics after a write, `sqlite3_total_changes` has moved: the whole transaction is rolled
//! back, and every act in it gets an error. A statement that damage stops halfway moves no count; [`Files::check`] ends the transaction then.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::checkpoints::{self, Checkpoints};
use super::files::Files;
use super::open::Location;
use super::queue::Queue;
use super::reserve::Reserve;
use crate::metrics::Metrics;
use crate::store::{Error, Lane};

/// How many acts may wait, of which one lane has half at most. Past it the answer is "busy" at once, rather than a growing wait.
const QUEUE_LEN: usize = 1024;
/// How many acts share a commit at most.
const BATCH_LEN: usize = 128;
/// How long the last checkpoint waits for readers.
const CHECKPOINT_WAIT: Duration = Duration::from_secs(1);

pub(super) struct Writer {
    queue: Arc<Queue<Box<dyn Act>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    reserve: Arc<Reserve>,
}

impl Writer {
    /// Starts the thread on a connection that is ready to write. Where it `writes_back`, the log is written back into the file
    /// beside what it does, and as a whole in the end: a command beside a server would only stand in its way.
    pub(super) fn start(
        location: impl Into<Location>,
        connection: Connection,
        files: Arc<Files>,
        counts: Arc<Metrics>,
        reserve: Arc<Reserve>,
        writes_back: bool,
    ) -> std::io::Result<Self> {
        let location = location.into();
        let checkpoints = if writes_back {
            checkpoints::follow(&connection);
            let own = location.writer(|| files.check_place().map(drop)).map_err(std::io::Error::other)?;
            Some(Checkpoints::start(own, files.clone())?)
        } else {
            None
        };
        let queue = Arc::new(Queue::new(QUEUE_LEN));
        let (connection, lost) = (Some(connection), None);
        let mut thread = Thread { location, connection, files, counts, reserve: reserve.clone(), checkpoints, lost };
        let waiting = Abandoned(queue.clone());
        let handle = std::thread::Builder::new().name("writer".into()).spawn(move || thread.run(&waiting.0))?;
        Ok(Self { queue, thread: Mutex::new(Some(handle)), reserve })
    }

    /// What stands in place of a writer where nothing is to be written: acts find it closed.
    pub(super) fn none() -> Self {
        let queue = Arc::new(Queue::new(0));
        queue.close();
        Self { queue, thread: Mutex::new(None), reserve: Arc::new(Reserve::none()) }
    }

    /// Runs an act in a savepoint and returns once it is committed. An error rolls back what the act did, and no other act.
    pub(super) async fn act<T, R, F>(&self, lane: Lane, act: F) -> Result<T, Error<R>>
    where
        T: Send + 'static,
        R: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, Error<R>> + Send + 'static,
    {
        self.admit()?;
        self.queue(lane, act)?.await.unwrap_or(Err(Error::Busy))
    }

    /// Runs an act without a savepoint: only its first write may be refused.
    pub(super) async fn act_without_savepoint<T, R, F>(&self, lane: Lane, act: F) -> Result<T, Error<R>>
    where
        T: Send + 'static,
        R: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, Error<R>> + Send + 'static,
    {
        self.admit()?;
        self.push(lane, act, false)?.await.unwrap_or(Err(Error::Busy))
    }

    /// [`Self::act`] for a thread of the system that has nothing else to do.
    pub(super) fn act_and_wait<T, R, F>(&self, act: F) -> Result<T, Error<R>>
    where
        T: Send + 'static,
        R: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, Error<R>> + Send + 'static,
    {
        self.admit()?;
        self.queue(Lane::HOUSE, act)?.blocking_recv().unwrap_or(Err(Error::Busy))
    }

    /// The same, with how long it took the thread: without its turn in the queue, and without what is committed with it.
    pub(super) fn act_and_time<T, R, F>(&self, act: F) -> Result<(T, Duration), Error<R>>
    where
        T: Send + 'static,
        R: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, Error<R>> + Send + 'static,
    {
        self.act_and_wait(|connection| {
            let began = Instant::now();
            Ok((act(connection)?, began.elapsed()))
        })
    }

    /// Queues an act, also one that frees room while the reserve is released.
    pub(super) fn queue<T, R, F>(&self, lane: Lane, act: F) -> Result<oneshot::Receiver<Result<T, Error<R>>>, Error<R>>
    where
        T: Send + 'static,
        R: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, Error<R>> + Send + 'static,
    {
        self.push(lane, act, true)
    }

    fn push<T, R, F>(
        &self,
        lane: Lane,
        act: F,
        needs_savepoint: bool,
    ) -> Result<oneshot::Receiver<Result<T, Error<R>>>, Error<R>>
    where
        T: Send + 'static,
        R: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, Error<R>> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let waiting = Waiting { act: Some(act), outcome: None, needs_savepoint, reply };
        self.queue.push(lane, Box::new(waiting)).map_err(|_| Error::Busy)?;
        Ok(answer)
    }

    /// The room that is set aside on its disk.
    pub(super) fn reserve(&self) -> &Reserve {
        &self.reserve
    }

    /// How many acts wait.
    pub(super) fn queue_len(&self) -> usize {
        self.queue.len()
    }

    /// Lets what is queued finish, then ends the thread. Closing twice is closing once.
    pub(super) fn close(&self) {
        self.queue.close();
        let thread = self.thread.lock().ok().and_then(|mut thread| thread.take());
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the writing thread had panicked");
        }
    }
}

/// The queue in the thread's hands: when the thread is over, whatever ended it, nobody waits for it any more.
struct Abandoned(Arc<Queue<Box<dyn Act>>>);

impl Drop for Abandoned {
    fn drop(&mut self) {
        self.0.abandon();
    }
}

/// Something to do in a transaction, with somebody waiting for the outcome.
trait Act: Send {
    fn needs_savepoint(&self) -> bool;
    /// Does it, and says whether what it did may stay.
    fn run(&mut self, connection: &Connection) -> bool;
    /// Whether it failed for what it read, and the damage that it met.
    fn failure(&self) -> Option<Option<&str>>;
    /// What it says of a transaction that was over after it.
    fn loss(&self) -> Loss;
    /// Answers, once it is known whether the transaction was committed.
    fn answer(self: Box<Self>, committed: &Result<(), Loss>);
}

struct Waiting<T, R, F> {
    act: Option<F>,
    outcome: Option<Result<T, Error<R>>>,
    needs_savepoint: bool,
    reply: oneshot::Sender<Result<T, Error<R>>>,
}

impl<T: Send, R: Send, F> Act for Waiting<T, R, F>
where
    F: FnOnce(&Connection) -> Result<T, Error<R>> + Send,
{
    fn needs_savepoint(&self) -> bool {
        self.needs_savepoint
    }

    fn run(&mut self, connection: &Connection) -> bool {
        self.outcome = self.act.take().map(|act| act(connection));
        matches!(self.outcome, Some(Ok(_)))
    }

    fn failure(&self) -> Option<Option<&str>> {
        match &self.outcome {
            Some(Err(Error::Damaged(cause))) => Some(Some(cause)),
            Some(Err(Error::Failed(_))) => Some(None),
            _ => None,
        }
    }

    fn loss(&self) -> Loss {
        match &self.outcome {
            Some(Err(Error::Busy)) => Loss::Busy,
            Some(Err(Error::Full)) => Loss::Full,
            Some(Err(Error::Unwritable(cause))) => Loss::Unwritable(cause.clone()),
            Some(Err(Error::Failed(cause))) => Loss::Failed(cause.clone()),
            Some(Err(Error::Damaged(cause))) => Loss::Damaged(cause.clone()),
            Some(_) => Loss::Failed("an act ended the transaction".into()),
            None => Loss::Failed("an act panicked".into()),
        }
    }

    fn answer(self: Box<Self>, committed: &Result<(), Loss>) {
        let answer = match (committed, self.outcome) {
            (Err(loss), _) => Err(loss.error()),
            (Ok(()), Some(outcome)) => outcome,
            (Ok(()), None) => Err(Error::Failed("an act panicked".into())),
        };
        // Whoever asked may have gone away; the act stays done.
        let _ = self.reply.send(answer);
    }
}

/// Why a whole transaction came to nothing.
enum Loss {
    Busy,
    Full,
    Unwritable(String),
    Failed(String),
    Damaged(String),
}

impl Loss {
    /// For each that was in it. The cause goes into the log once, not with each.
    fn error<R>(&self) -> Error<R> {
        match self {
            Self::Busy => Error::Busy,
            Self::Full => Error::Full,
            Self::Unwritable(cause) => Error::Unwritable(cause.clone()),
            Self::Failed(_) | Self::Damaged(_) => Error::Lost,
        }
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Busy => "another process keeps the database locked",
            Self::Full => "the disk is full",
            Self::Unwritable(cause) | Self::Failed(cause) | Self::Damaged(cause) => cause,
        })
    }
}

impl From<rusqlite::Error> for Loss {
    fn from(error: rusqlite::Error) -> Self {
        match Error::<()>::from(error) {
            Error::Full => Self::Full,
            Error::Unwritable(cause) => Self::Unwritable(cause),
            Error::Failed(cause) => Self::Failed(cause),
            Error::Damaged(cause) => Self::Damaged(cause),
            _ => Self::Busy,
        }
    }
}

struct Thread {
    location: Location,
    /// `None` after a loss: opened anew for the next batch.
    connection: Option<Connection>,
    files: Arc<Files>,
    counts: Arc<Metrics>,
    reserve: Arc<Reserve>,
    /// `None` where the log is somebody else's to write back.
    checkpoints: Option<Checkpoints>,
    /// Why the last transaction came to nothing, where it did.
    lost: Option<String>,
}

impl Thread {
    fn run(&mut self, queue: &Queue<Box<dyn Act>>) {
        loop {
            let mut batch = queue.take(BATCH_LEN);
            if batch.is_empty() {
                break;
            }
            let committed = self.commit(&mut batch).map_err(|loss| self.reason_of(loss));
            self.reserve.note(matches!(committed, Err(Loss::Full)));
            if committed.is_err() {
                self.counts.lost_commit();
                self.connection = None;
            }
            self.log(committed.as_ref().err().map(ToString::to_string));
            for act in batch {
                act.answer(&committed);
            }
            if let Some(checkpoints) = self.checkpoints.as_mut().filter(|_| committed.is_ok()) {
                checkpoints.after_commit();
            }
        }
        if self.checkpoints.take().is_some() {
            self.checkpoint();
        }
    }

    /// Why a transaction was lost: where it failed for what has become of the files, that may go away.
    fn reason_of(&self, loss: Loss) -> Loss {
        match &loss {
            Loss::Damaged(cause) => self.files.see_damage(cause),
            Loss::Failed(_) => {}
            _ => return loss,
        }
        self.files.check().map_or_else(Loss::from, |()| loss)
    }

    fn commit(&mut self, batch: &mut [Box<dyn Act>]) -> Result<(), Loss> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => {
                let connection = self.location.writer(|| self.files.check_place().map(drop))?;
                if self.checkpoints.is_some() {
                    checkpoints::follow(&connection);
                }
                connection
            }
        };
        let connection = self.connection.insert(connection);
        connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        for act in &mut *batch {
            let changes = connection.total_changes();
            if act.needs_savepoint() {
                connection.prepare_cached("SAVEPOINT act")?.execute([])?;
            }
            let stays = catch_unwind(AssertUnwindSafe(|| act.run(connection))).unwrap_or(false);
            if let Some(damage) = act.failure() {
                if let Some(cause) = damage {
                    self.files.see_damage(cause);
                }
                // Where that is for what has become of the files, it may go away.
                self.files.check()?;
            }
            // SQLite ends the transaction on a full disk and on errors like it.
            let is_half_done = !stays && !act.needs_savepoint() && connection.total_changes() != changes;
            if connection.is_autocommit() || is_half_done {
                return Err(act.loss());
            }
            if act.needs_savepoint() {
                if !stays {
                    connection.prepare_cached("ROLLBACK TO act")?.execute([])?;
                }
                connection.prepare_cached("RELEASE act")?.execute([])?;
            }
        }
        // As late as can be: what is committed into a file without its name is gone with this process.
        self.files.check()?;
        self.files.mark(connection)?;
        let began = Instant::now();
        connection.prepare_cached("COMMIT")?.execute([])?;
        self.counts.commit(batch.len(), began.elapsed());
        Ok(())
    }

    /// A loss once, however many it is told to; and when it is over.
    fn log(&mut self, lost: Option<String>) {
        match &lost {
            Some(cause) if lost != self.lost => tracing::error!(cause, "nothing can be written"),
            None if self.lost.is_some() => tracing::info!("writing again"),
            _ => {}
        }
        self.lost = lost;
    }

    /// Writes the log back into the file. Where a reader is in the way for longer than it may take, the next start does it.
    fn checkpoint(&self) {
        let Some(connection) = &self.connection else { return };
        // Nothing that is left is touched, where it is not known whose it is.
        if !self.files.may_be_written_back() {
            return;
        }
        let written_back = connection.busy_timeout(CHECKPOINT_WAIT).and_then(|()| {
            // A row of three: whether it was blocked, the pages in the log, the pages written back.
            connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| Ok(row.get::<_, i64>(0)? == 0))
        });
        match written_back {
            Ok(true) => {}
            Ok(false) => tracing::warn!("somebody reads the database: writing back its log is left to the next start"),
            Err(error) => tracing::warn!(%error, "writing back the log is left to the next start"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::open;
    use super::*;

    async fn add(writer: &Writer, number: i64) -> Result<(), Error<&'static str>> {
        writer.act(Lane::HOUSE, move |connection| insert(connection, number)).await
    }

    fn insert(connection: &Connection, number: i64) -> Result<(), Error<&'static str>> {
        Ok(connection.execute("INSERT INTO t VALUES (?1)", [number]).map(drop)?)
    }

    /// A writer, and the reader that keeps the log in its place while the writer begins anew after a loss.
    fn writer() -> ((tempfile::TempDir, Connection), Writer) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("t.db");
        std::fs::File::create(&path).unwrap();
        let open = || {
            let connection = open::writer(&path).unwrap();
            connection.execute_batch("CREATE TABLE t (number INTEGER PRIMARY KEY)").unwrap();
            Ok(connection)
        };
        let (connection, files) = Files::around(&path, None, open).unwrap();
        let writer =
            Writer::start(&path, connection, Arc::new(files), Arc::default(), Arc::new(Reserve::none()), true).unwrap();
        ((directory, open::reader(&path).unwrap()), writer)
    }

    /// Holds the thread by an act, until what this gives is told to let go. So what is queued meanwhile shares a transaction.
    async fn hold(
        writer: &Arc<Writer>,
    ) -> (std::sync::mpsc::Sender<()>, tokio::task::JoinHandle<Result<(), Error<()>>>) {
        let (hold, held) = std::sync::mpsc::channel();
        let (began, begun) = oneshot::channel();
        let holder = writer.clone();
        let act = move |_: &Connection| {
            let _ = began.send(());
            held.recv().map_err(|_| Error::Busy)
        };
        let holding = tokio::spawn(async move { holder.act(Lane::HOUSE, act).await });
        begun.await.unwrap();
        (hold, holding)
    }

    fn numbers(directory: &tempfile::TempDir) -> Vec<i64> {
        let connection = open::reader(&directory.path().join("t.db")).unwrap();
        let mut statement = connection.prepare("SELECT number FROM t ORDER BY 1").unwrap();
        statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    }

    #[tokio::test]
    async fn a_refusal_a_broken_constraint_and_a_panic_harm_no_neighbour() {
        let ((directory, _reader), writer) = writer();
        let writer = Arc::new(writer);
        let (hold, _holding) = hold(&writer).await;
        let refused = writer.act(Lane::HOUSE, |connection| {
            connection.execute("INSERT INTO t VALUES (2)", [])?;
            Err::<(), _>(Error::Refused("no"))
        });
        let panicked = writer.act(Lane::HOUSE, |connection| {
            connection.execute("INSERT INTO t VALUES (3)", [])?;
            if connection.is_autocommit() { Ok(()) } else { panic!("on purpose") }
        });
        let release = async { hold.send(()).map_err(|_| ()) };
        let (one, refused, panicked, broken, four, _) = tokio::join!(
            add(&writer, 1),
            refused,
            async { panicked.await as Result<(), Error<()>> },
            add(&writer, 1),
            add(&writer, 4),
            release
        );
        assert_eq!((one, refused, four), (Ok(()), Err(Error::Refused("no")), Ok(())));
        assert_eq!(panicked, Err(Error::Failed("an act panicked".into())));
        assert!(matches!(broken, Err(Error::Failed(_))));
        assert_eq!(numbers(&directory), [1, 4]);
    }

    /// Runs an act without a savepoint between two that succeed, in one transaction. Gives the three outcomes and the numbers after it.
    async fn run_between_two(
        act: impl FnOnce(&Connection) -> Result<(), Error<&'static str>> + Send + 'static,
    ) -> ([Result<(), Error<&'static str>>; 3], Vec<i64>) {
        let ((directory, _reader), writer) = writer();
        let writer = Arc::new(writer);
        let (hold, _holding) = hold(&writer).await;
        let add = |number| writer.act_without_savepoint(Lane::HOUSE, move |connection| insert(connection, number));
        let release = async { hold.send(()).map_err(|_| ()) };
        let act = writer.act_without_savepoint(Lane::HOUSE, act);
        let (one, acted, two, _) = tokio::join!(add(1), act, add(2), release);
        ([one, acted, two], numbers(&directory))
    }

    #[tokio::test]
    async fn a_refused_write_without_a_savepoint_harms_no_neighbour() {
        let (outcomes, numbers) = run_between_two(|connection| {
            let refused = insert(connection, 1);
            assert!(matches!(refused, Err(Error::Failed(_))), "the number is taken: {refused:?}");
            Err(Error::Refused("no"))
        })
        .await;
        assert_eq!((outcomes, numbers), ([Ok(()), Err(Error::Refused("no")), Ok(())], vec![1, 2]));
    }

    #[tokio::test]
    async fn a_panic_before_a_write_without_a_savepoint_harms_no_neighbour() {
        let (outcomes, numbers) = run_between_two(|_| panic!("on purpose")).await;
        let panicked = Err(Error::Failed("an act panicked".into()));
        assert_eq!((outcomes, numbers), ([Ok(()), panicked, Ok(())], vec![1, 2]));
    }

    #[tokio::test]
    async fn an_error_after_a_write_without_a_savepoint_ends_the_batch() {
        let (outcomes, numbers) = run_between_two(|connection| {
            insert(connection, 3)?;
            insert(connection, 3)
        })
        .await;
        assert_eq!((outcomes, numbers), ([Err(Error::Lost), Err(Error::Lost), Err(Error::Lost)], vec![]));
    }

    #[tokio::test]
    async fn a_panic_after_a_write_without_a_savepoint_ends_the_batch() {
        let (outcomes, numbers) = run_between_two(|connection| {
            insert(connection, 3)?;
            panic!("on purpose")
        })
        .await;
        assert_eq!((outcomes, numbers), ([Err(Error::Lost), Err(Error::Lost), Err(Error::Lost)], vec![]));
    }

    #[tokio::test]
    async fn when_the_transaction_is_lost_nobody_in_it_is_told_otherwise() {
        let ((directory, _reader), writer) = writer();
        let writer = Arc::new(writer);
        let (hold, _holding) = hold(&writer).await;
        let ends_it = writer.act(Lane::HOUSE, |connection| Ok::<_, Error<()>>(connection.execute_batch("ROLLBACK")?));
        let release = async { hold.send(()).map_err(|_| ()) };
        let (one, ended, two, _) = tokio::join!(add(&writer, 1), ends_it, add(&writer, 2), release);
        assert_eq!((one, ended, two), (Err(Error::Lost), Err(Error::Lost), Err(Error::Lost)));
        assert_eq!(add(&writer, 3).await, Ok(()));
        assert_eq!(numbers(&directory), [3]);
    }

    #[tokio::test]
    async fn a_loss_is_what_the_act_says_that_met_it() {
        let (_kept, writer) = writer();
        for (met, told) in
            [(Error::Full, Error::Full), (Error::Busy, Error::Busy), (Error::Failed("I/O".into()), Error::Lost)]
        {
            let meets = writer.act(Lane::HOUSE, move |connection| {
                connection.execute_batch("ROLLBACK")?;
                Err::<(), Error<&str>>(met)
            });
            assert_eq!(meets.await, Err(told));
        }
    }

    #[tokio::test]
    async fn past_its_share_a_lane_is_busy_at_once_and_others_go_before_it() {
        let (_kept, writer) = writer();
        let writer = Arc::new(writer);
        let (hold, first) = hold(&writer).await;
        let order = Arc::new(Mutex::new(Vec::new()));
        let note = |name: &'static str| {
            let order = order.clone();
            Box::pin(writer.act(Lane::of(name), move |_| {
                order.lock().unwrap().push(name);
                Ok::<_, Error<()>>(())
            }))
        };
        let mut waiting: Vec<_> = std::iter::repeat_with(|| note("flood")).take(QUEUE_LEN / 2).collect();
        for each in &mut waiting {
            assert!(futures_util::poll!(each).is_pending());
        }
        assert_eq!(note("flood").await, Err(Error::Busy));
        let mut other = note("other");
        assert!(futures_util::poll!(&mut other).is_pending(), "there is room for others");
        hold.send(()).unwrap();
        waiting.push(other);
        for each in waiting {
            assert_eq!(each.await, Ok(()));
        }
        assert_eq!(order.lock().unwrap()[..3], ["flood", "other", "flood"]);
        assert_eq!(first.await.unwrap(), Ok(()));
        writer.close();
        assert_eq!(add(&writer, -2).await, Err(Error::Busy));
    }
}
