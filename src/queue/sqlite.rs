//! The embedded queue: one SQLite file in WAL mode, one thread that writes it, one commit for all who wait.
//!
//! Callers send a command and wait for its answer, which comes after the commit. While a commit is under way the next
//! commands gather, so the number of commits follows the disk and not the load.

mod announced;
mod file;
mod kept;
mod leases;
mod leasing;
mod records;
mod store;
mod troubles;
mod upkeep;
mod waiting;

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Utc};
use tokio::sync::{Notify, mpsc, oneshot};

use super::{
    Announced, Answering, Batch, Depth, Kept, Leased, NewJob, Placed, Queue, QueueAdmin, QueueError, Records,
    Settlement, Sharing, Topic, Troubles, Written,
};
use crate::ambient::Ambient;
use crate::domain::event::Job;
use crate::domain::reference::Repository;

use announced::Noted;
pub use file::OpenError;
use store::Store;
use waiting::Stored;

/// The most jobs that are stored; more are refused, which a webhook's sender sees as 503.
pub const MOST_JOBS: u64 = 100_000;
/// The most commands that wait for the writer; whoever comes then waits before it is one of them.
const MOST_WAITING: usize = 4096;
/// The most commands of one commit, so that nobody waits long for a large one.
const MOST_A_COMMIT: usize = 512;

/// What the writer is asked.
enum Command {
    Put(Vec<NewJob>, oneshot::Sender<Result<Placed, QueueError>>),
    Lease(Topic, usize, Sharing, oneshot::Sender<Result<Batch, QueueError>>),
    Settle(Box<Leased>, Settlement, oneshot::Sender<Result<(), QueueError>>),
    Bury(Vec<String>, oneshot::Sender<Result<Buried, QueueError>>),
    Depth(oneshot::Sender<Result<Depth, QueueError>>),
    Troubles(oneshot::Sender<Result<Troubles, QueueError>>),
    Recall(String, oneshot::Sender<Result<Option<String>, QueueError>>),
    Keep(Box<Keeping>, oneshot::Sender<Result<(), QueueError>>),
    Newest(String, oneshot::Sender<Result<Option<Written>, QueueError>>),
    Remember(Box<(String, Written)>, oneshot::Sender<Result<(), QueueError>>),
    Answering(String, Option<Answering>, oneshot::Sender<Result<(), QueueError>>),
    Announce(Vec<Announced>, oneshot::Sender<Result<(), QueueError>>),
    Announced(Repository, oneshot::Sender<Result<Vec<Announced>, QueueError>>),
    Found(Vec<Announced>, oneshot::Sender<Result<(), QueueError>>),
    Ping(oneshot::Sender<Result<(), QueueError>>),
}

/// Messages that became dead letters, by channel.
type Buried = Vec<(String, u64)>;

/// What is to be kept.
struct Keeping {
    key: String,
    value: String,
    until: DateTime<Utc>,
}

/// What is answered after the commit.
enum Answer {
    /// The topics that have something new.
    Put(Vec<Topic>, oneshot::Sender<Result<Placed, QueueError>>, Result<Placed, QueueError>),
    Lease(Batch, oneshot::Sender<Result<Batch, QueueError>>),
    Settle(oneshot::Sender<Result<(), QueueError>>, Wake),
    Bury(Buried, oneshot::Sender<Result<Buried, QueueError>>),
}

/// Who is woken when a job was settled, beside its own topic.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wake {
    Nobody,
    /// Every topic, as one of its jobs may have waited for this one to end.
    All,
}

/// A handle on the writer. It ends, with its last commit done, when every handle is dropped.
#[derive(Clone)]
pub struct SqliteQueue {
    commands: mpsc::Sender<Command>,
    stored: Stored,
    announced: Noted,
    wakers: Wakers,
}

impl std::fmt::Debug for SqliteQueue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SqliteQueue")
    }
}

/// Who is woken for which topic.
#[derive(Clone, Default)]
struct Wakers(Arc<Mutex<HashMap<Topic, Arc<Notify>>>>);

impl Wakers {
    fn of(&self, topic: &Topic) -> Arc<Notify> {
        let mut wakers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(wakers.entry(topic.clone()).or_default())
    }

    fn wake_all(&self) {
        let wakers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        wakers.values().for_each(|waker| waker.notify_one());
    }
}

impl SqliteQueue {
    /// Opens the queue of a data folder, which is made if it is missing, and starts its writer.
    ///
    /// # Errors
    /// [`OpenError`] when the folder can't be written, or is in use by another process.
    pub fn open(folder: &Path, ambient: &Ambient) -> Result<Self, OpenError> {
        let lock = file::lock(folder)?;
        let mut store = Store::open(folder, ambient.clone())?;
        store.begin()?;
        let (commands, waiting) = mpsc::channel(MOST_WAITING);
        let (stored, wakers) = (store.stored(), Wakers::default());
        let wakers_of = wakers.clone();
        let writer = Writer { store, waiting, wakers: wakers_of, broken: false, failing: None, _lock: lock };
        std::thread::Builder::new()
            .name("queue-writer".into())
            .spawn(move || writer.run())
            .map_err(|source| OpenError::of_folder(folder, source))?;
        Ok(Self { commands, stored, announced: Noted::default(), wakers })
    }

    /// Whether what this job asks for is on disk already, and still to be done.
    fn is_stored(&self, new: &NewJob) -> bool {
        match &new.job {
            Job::Look(repository) => self.stored.serves(repository, new.not_before.timestamp_millis()),
            Job::Deliver(_) => false,
        }
    }

    async fn ask<T>(
        &self,
        command: impl FnOnce(oneshot::Sender<Result<T, QueueError>>) -> Command,
    ) -> Result<T, QueueError> {
        let (answer, asked) = oneshot::channel();
        self.commands.send(command(answer)).await.map_err(|_| QueueError::Closed)?;
        asked.await.map_err(|_| QueueError::Closed)?
    }
}

impl Queue for SqliteQueue {
    async fn put(&self, jobs: Vec<NewJob>) -> Result<Placed, QueueError> {
        if jobs.iter().all(|job| self.is_stored(job)) {
            return Ok(Placed::Coalesced);
        }
        self.ask(|answer| Command::Put(jobs, answer)).await
    }

    async fn lease(&self, topic: &Topic, most: usize, sharing: &Sharing) -> Result<Batch, QueueError> {
        self.ask(|answer| Command::Lease(topic.clone(), most, sharing.clone(), answer)).await
    }

    async fn settle(&self, leased: &Leased, settlement: Settlement) -> Result<(), QueueError> {
        let topic = Topic::of(&leased.job);
        let settled = self.ask(|answer| Command::Settle(Box::new(leased.clone()), settlement, answer)).await;
        // The lane may have another job, or the same one again.
        self.wakers.of(&topic).notify_one();
        settled
    }

    fn changed(&self, topic: &Topic) -> Arc<Notify> {
        self.wakers.of(topic)
    }

    async fn depth(&self) -> Result<Depth, QueueError> {
        self.ask(Command::Depth).await
    }
}

impl QueueAdmin for SqliteQueue {
    async fn ping(&self) {
        let _ = self.ask(Command::Ping).await;
    }

    async fn troubles(&self) -> Result<Troubles, QueueError> {
        self.ask(Command::Troubles).await
    }

    async fn bury_all_but(&self, channels: &[String]) -> Result<Vec<(String, u64)>, QueueError> {
        self.ask(|answer| Command::Bury(channels.to_vec(), answer)).await
    }
}

impl Kept for SqliteQueue {
    async fn recall(&self, key: &str) -> Option<String> {
        let key = key.to_owned();
        let recalled = self.ask(|answer| Command::Recall(key, answer)).await;
        recalled.unwrap_or_else(|error| {
            tracing::warn!(error = %crate::telemetry::chain(&error), "what was learnt before can't be read");
            None
        })
    }

    async fn keep(&self, key: &str, value: String, until: DateTime<Utc>) {
        let keeping = Box::new(Keeping { key: key.to_owned(), value, until });
        if let Err(error) = self.ask(|answer| Command::Keep(keeping, answer)).await {
            tracing::warn!(error = %crate::telemetry::chain(&error), "what was learnt is not kept, and will be asked again");
        }
    }
}

impl Records for SqliteQueue {
    async fn newest(&self, uid: &str) -> Result<Option<Written>, QueueError> {
        let uid = uid.to_owned();
        self.ask(|answer| Command::Newest(uid, answer)).await
    }

    async fn remember(&self, uid: &str, written: Written) -> Result<(), QueueError> {
        let remembered = Box::new((uid.to_owned(), written));
        self.ask(|answer| Command::Remember(remembered, answer)).await
    }

    async fn answering(&self, uid: &str, answering: Option<Answering>) -> Result<(), QueueError> {
        let uid = uid.to_owned();
        self.ask(|answer| Command::Answering(uid, answering, answer)).await
    }
}

/// The thread that owns the file.
struct Writer {
    store: Store,
    waiting: mpsc::Receiver<Command>,
    wakers: Wakers,
    /// A connection that failed to commit is not used again.
    broken: bool,
    /// Why the last commit failed.
    failing: Option<String>,
    /// Held for as long as the file is open.
    _lock: std::fs::File,
}

impl Writer {
    fn run(mut self) {
        while let Some(first) = self.waiting.blocking_recv() {
            let mut commands = vec![first];
            while commands.len() < MOST_A_COMMIT {
                let Ok(next) = self.waiting.try_recv() else { break };
                commands.push(next);
            }
            self.commit(commands);
            if self.store.is_to_be_purged() {
                self.purge();
            }
        }
    }

    /// Drops rows that are over, when everybody has their answer. A failure is found by the next command as well.
    fn purge(&mut self) {
        if let Err(error) = self.store.purge().and_then(|()| self.store.commit()) {
            tracing::warn!(error = %crate::telemetry::chain(&error), "rows of the queue that are over can't be dropped now");
            self.store.rollback();
            self.broken = true;
        }
    }

    /// Executes commands as one transaction, and answers when it is on disk.
    fn commit(&mut self, commands: Vec<Command>) {
        if let Err(error) = self.mend() {
            return refuse(commands, &error);
        }
        let mut answers = Vec::with_capacity(commands.len());
        let mut failed = None;
        for command in commands {
            match &failed {
                None => failed = self.execute(command, &mut answers).err(),
                Some(error) => refuse(vec![command], error),
            }
        }
        let wrote = self.store.has_begun();
        let mut failing = failed.as_ref().map(|error| crate::telemetry::chain(error).to_string());
        let committed = match failed {
            None => self.store.commit().map_err(store_error),
            // It could not even begin, as when another process holds the file; what was answered before needed nothing.
            Some(_) if !self.store.has_begun() => Ok(()),
            Some(error) => Err(error),
        };
        if let Err(error) = &committed {
            // Whether a failed commit is on disk can't be known. Those who asked are told that it is not, and the
            // connection is given up, as after a failed sync its pages can't be trusted.
            tracing::error!(error = %crate::telemetry::chain(error), "a commit of the queue failed; nothing of it was acknowledged");
            failing = Some(crate::telemetry::chain(error).to_string());
            self.store.rollback();
            self.broken = true;
        }
        if wrote || failing.is_some() {
            self.failing = failing;
        }
        self.answer(answers, &committed);
    }

    /// A new connection in the place of one that can't be trusted.
    fn mend(&mut self) -> Result<(), QueueError> {
        if self.broken {
            self.store.reopen().map_err(|error| QueueError::Store(Arc::new(error)))?;
            self.broken = false;
        }
        Ok(())
    }

    /// Executes one command of the transaction. Who asked for what failed is told at once.
    fn execute(&mut self, command: Command, answers: &mut Vec<Answer>) -> Result<(), QueueError> {
        match command {
            Command::Put(jobs, asked) => {
                let answer =
                    told(self.put(&jobs), asked, |(topics, placed), asked| Answer::Put(topics, asked, placed))?;
                answers.push(answer);
            }
            Command::Lease(topic, most, sharing, asked) => {
                let batch = self.store.lease(&topic, most, &sharing);
                let durable = self.store.leases.must_be_durable();
                told(batch, asked, |batch, asked| {
                    if durable && !batch.jobs.is_empty() {
                        answers.push(Answer::Lease(batch, asked));
                    } else {
                        drop(asked.send(Ok(batch)));
                    }
                })?;
            }
            Command::Settle(leased, settlement, asked) => {
                let (suspect, asked) =
                    told(self.store.settle(&leased, &settlement), asked, |suspect, asked| (suspect, asked))?;
                answers.push(Answer::Settle(asked, if suspect { Wake::All } else { Wake::Nobody }));
            }
            Command::Bury(channels, asked) => {
                answers.push(told(self.store.bury(&channels), asked, Answer::Bury)?);
            }
            Command::Depth(asked) => {
                let failing = self.failing.clone();
                told(self.store.depth(), asked, |depth, asked| drop(asked.send(Ok(Depth { failing, ..depth }))))?;
            }
            Command::Troubles(asked) => {
                told(self.store.troubles(), asked, |troubles, asked| drop(asked.send(Ok(troubles))))?;
            }
            Command::Recall(key, asked) => {
                told(self.store.recall(&key), asked, |value, asked| drop(asked.send(Ok(value))))?;
            }
            Command::Keep(keeping, asked) => {
                let kept = self.store.keep(&keeping.key, &keeping.value, keeping.until);
                answers.push(Answer::Settle(told(kept, asked, |(), asked| asked)?, Wake::Nobody));
            }
            Command::Newest(uid, asked) => {
                told(self.store.newest(&uid), asked, |written, asked| drop(asked.send(Ok(written))))?;
            }
            Command::Remember(remembered, asked) => {
                let (uid, written) = *remembered;
                let done = self.store.remember_record(&uid, &written);
                answers.push(Answer::Settle(told(done, asked, |(), asked| asked)?, Wake::Nobody));
            }
            Command::Answering(uid, answering, asked) => {
                let done = self.store.answering(&uid, answering);
                answers.push(Answer::Settle(told(done, asked, |(), asked| asked)?, Wake::Nobody));
            }
            Command::Announce(announced, asked) => {
                let done = self.store.announce(&announced);
                answers.push(Answer::Settle(told(done, asked, |(), asked| asked)?, Wake::Nobody));
            }
            Command::Announced(repository, asked) => {
                told(self.store.announced(&repository), asked, |announced, asked| drop(asked.send(Ok(announced))))?;
            }
            Command::Found(announced, asked) => {
                let done = self.store.found(&announced);
                answers.push(Answer::Settle(told(done, asked, |(), asked| asked)?, Wake::Nobody));
            }
            Command::Ping(asked) => drop(asked.send(Ok(()))),
        }
        Ok(())
    }

    fn put(&mut self, jobs: &[NewJob]) -> rusqlite::Result<(Vec<Topic>, Result<Placed, QueueError>)> {
        if self.store.ready() + u64::try_from(jobs.len()).unwrap_or(u64::MAX) > MOST_JOBS {
            return Ok((Vec::new(), Err(QueueError::Full(MOST_JOBS))));
        }
        let mut topics = Vec::with_capacity(1);
        for job in jobs {
            let (placed, topic) = (self.store.put(job)?, Topic::of(&job.job));
            if placed == Placed::News && !topics.contains(&topic) {
                topics.push(topic);
            }
        }
        let placed = if topics.is_empty() { Placed::Coalesced } else { Placed::News };
        Ok((topics, Ok(placed)))
    }

    fn answer(&mut self, answers: Vec<Answer>, committed: &Result<(), QueueError>) {
        let mut woken: Vec<Topic> = Vec::new();
        for answer in answers {
            match answer {
                Answer::Put(topics, asked, taken) => {
                    let _ = asked.send(committed.clone().and(taken));
                    woken.extend(topics.into_iter().filter(|_| committed.is_ok()));
                }
                Answer::Lease(batch, asked) => {
                    if committed.is_err() {
                        self.store.revoke(&batch);
                    }
                    let _ = asked.send(committed.clone().map(|()| batch));
                }
                Answer::Settle(asked, wake) => {
                    let _ = asked.send(committed.clone());
                    if wake == Wake::All {
                        self.wakers.wake_all();
                    }
                }
                Answer::Bury(buried, asked) => {
                    let _ = asked.send(committed.clone().map(|()| buried));
                }
            }
        }
        woken.dedup();
        for topic in woken {
            self.wakers.of(&topic).notify_one();
        }
    }
}

/// Goes on with what was done, or tells who asked that it failed.
fn told<T, A, R>(
    done: rusqlite::Result<T>,
    asked: oneshot::Sender<Result<A, QueueError>>,
    go_on: impl FnOnce(T, oneshot::Sender<Result<A, QueueError>>) -> R,
) -> Result<R, QueueError> {
    match done {
        Ok(done) => Ok(go_on(done, asked)),
        Err(error) => {
            let error = store_error(error);
            let _ = asked.send(Err(error.clone()));
            Err(error)
        }
    }
}

fn store_error(error: rusqlite::Error) -> QueueError {
    QueueError::Store(Arc::new(error))
}

/// Tells everybody who waits that nothing was stored.
fn refuse(commands: Vec<Command>, error: &QueueError) {
    for command in commands {
        match command {
            Command::Put(_, answer) => {
                let _ = answer.send(Err(error.clone()));
            }
            Command::Settle(_, _, answer)
            | Command::Keep(_, answer)
            | Command::Remember(_, answer)
            | Command::Answering(_, _, answer)
            | Command::Announce(_, answer)
            | Command::Found(_, answer)
            | Command::Ping(answer) => {
                let _ = answer.send(Err(error.clone()));
            }
            Command::Newest(_, answer) => {
                let _ = answer.send(Err(error.clone()));
            }
            Command::Announced(_, answer) => {
                let _ = answer.send(Err(error.clone()));
            }
            Command::Lease(_, _, _, answer) => {
                let _ = answer.send(Err(error.clone()));
            }
            Command::Bury(_, answer) => {
                let _ = answer.send(Err(error.clone()));
            }
            Command::Depth(answer) => {
                let _ = answer.send(Err(error.clone()));
            }
            Command::Recall(_, answer) => {
                let _ = answer.send(Err(error.clone()));
            }
            Command::Troubles(answer) => {
                let _ = answer.send(Err(error.clone()));
            }
        }
    }
}

#[cfg(test)]
mod tests;
