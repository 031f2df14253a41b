//! Whoever writes the jobs: takes commands, follows the bucket, says that this process lives.
//!
//! While a commit is under way the next commands gather, and are one commit then, as with the file. A commit is one atomic
//! batch of JetStream, so that all that was put together is stored together.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_nats::{Client, Subscriber};
use futures_util::StreamExt as _;
use tokio::sync::{Notify, Semaphore, mpsc};
use tokio::task::JoinSet;

use super::bucket::{Bucket, Following, MOST_AT_ONCE, Refused, Seen};
use super::entry::Row;
use super::error::{NatsError, failure};
use super::jobs::Jobs;
use super::tables::Tables;
use crate::queue::command::{Command, LetterCommand};
use crate::queue::handle::Wakers;
use crate::queue::losses::PURGE;
use crate::queue::{Acted, Batch, Depth, Letter, Page, Placed, QueueError, Topic, Troubles, Waiting};
use crate::telemetry::chain;

/// The most commands of one commit, and the entries after which none is added.
const MOST_COMMANDS: usize = 512;
const ENOUGH_CHANGES: usize = MOST_AT_ONCE / 2;
/// So often others may be faster with one of the entries of a commit.
const MOST_TRIES: usize = 32;
/// That this process lives is said this often.
const BEAT: Duration = Duration::from_secs(3);
/// A bucket that can't be followed is tried again after this time.
const FOLLOW_AGAIN: Duration = Duration::from_secs(1);
/// The most questions about what is remembered beside the jobs that are asked at once.
const MOST_ASKED: usize = 64;

/// What a command came to, to be said when the commit is stored.
enum Outcome {
    Placed(Placed, Vec<Topic>),
    Batch(Batch),
    Waiting(Vec<Waiting>),
    /// With whether all are to be woken, as one of their jobs may have waited for this one to end.
    Settled(bool),
    Buried(Vec<(String, u64)>),
    Depth(Depth),
    Troubles(Troubles),
    Page(Page),
    Letter(Option<Letter>),
    Letters(Vec<Letter>),
    Ids(Vec<String>),
    Acted(Vec<Acted>, Vec<Topic>),
    Discarded(Acted),
    Done,
}

/// Whoever writes the jobs.
pub(super) struct Writer {
    pub(super) jobs: Jobs,
    pub(super) bucket: Bucket,
    pub(super) tables: Tables,
    pub(super) following: Following,
    pub(super) alive: Alive,
    pub(super) commands: mpsc::Receiver<Command>,
    pub(super) wakers: Wakers,
    pub(super) given_up: Arc<Notify>,
    /// Why the last commit failed.
    pub(super) failing: Option<String>,
}

/// Who says that they live, and how this process does.
pub(super) struct Alive {
    pub(super) client: Client,
    pub(super) subject: String,
    pub(super) me: String,
    pub(super) others: Subscriber,
    /// How often a connection was made.
    pub(super) connections: Arc<AtomicU64>,
    /// How often, when it was looked at last.
    pub(super) seen: u64,
}

/// Says that a process lives, for as long as it does.
async fn beat(client: Client, subject: String, me: String) {
    let mut each = tokio::time::interval(BEAT);
    loop {
        each.tick().await;
        // Who is not connected is heard by nobody, and says it again.
        let _ = client.publish(subject.clone(), me.clone().into()).await;
    }
}

impl Writer {
    /// Until every handle is dropped.
    pub(super) async fn run(mut self) {
        let (mut tasks, mut beats) = (JoinSet::new(), JoinSet::new());
        let places = Arc::new(Semaphore::new(MOST_ASKED));
        beats.spawn(beat(self.alive.client.clone(), self.alive.subject.clone(), self.alive.me.clone()));
        let (mut upkeep, mut again) = (tokio::time::interval(PURGE), tokio::time::interval(FOLLOW_AGAIN));
        loop {
            tokio::select! {
                seen = self.following.next() => self.see(seen),
                _ = again.tick(), if self.following.is_over => self.follow_again().await,
                Some(heard) = self.alive.others.next() => {
                    if let Ok(name) = std::str::from_utf8(&heard.payload) {
                        self.jobs.hear(name);
                    }
                }
                Some(_) = tasks.join_next() => {}
                command = self.commands.recv() => {
                    let Some(command) = command else { break };
                    let mut jobs = Vec::new();
                    self.sort(command, &mut jobs, (&mut tasks, &places));
                    while jobs.len() < MOST_COMMANDS {
                        let Ok(next) = self.commands.try_recv() else { break };
                        self.sort(next, &mut jobs, (&mut tasks, &places));
                    }
                    self.commit_all(jobs).await;
                }
                _ = upkeep.tick() => self.purge().await,
            }
        }
        while tasks.join_next().await.is_some() {}
        let _ = tokio::time::timeout(Duration::from_secs(1), self.alive.client.flush()).await;
    }

    /// What is about jobs waits for the commit; what is not is done beside it.
    fn sort(&self, command: Command, jobs: &mut Vec<Command>, (tasks, places): (&mut JoinSet<()>, &Arc<Semaphore>)) {
        match command {
            Command::Put(..)
            | Command::Gathered(..)
            | Command::Compose(..)
            | Command::Lease(..)
            | Command::Settle(..)
            | Command::Bury(..)
            | Command::Depth(_)
            | Command::Troubles(_)
            | Command::Letters(_)
            | Command::Ping(_) => jobs.push(command),
            Command::Recall(..)
            | Command::Keep(..)
            | Command::Newest(..)
            | Command::Sequences(_)
            | Command::Remember(..)
            | Command::Answering(..)
            | Command::Seen(..)
            | Command::Brake(_)
            | Command::RememberBrake(..)
            | Command::Announce(..)
            | Command::Announced(..)
            | Command::Found(..)
            | Command::SignIns(_) => {
                let (tables, places) = (self.tables.clone(), Arc::clone(places));
                tasks.spawn(async move {
                    let _place = places.acquire().await;
                    Box::pin(tables.execute(command)).await;
                });
            }
        }
    }

    // === what others write ===

    /// Takes over what was written.
    fn see(&mut self, seen: Result<Seen, NatsError>) {
        match seen {
            Ok(seen) => self.take_over(seen),
            Err(error) => {
                tracing::debug!(error = %chain(&error), "an entry of the NATS bucket was missed, and is read when it is used");
            }
        }
    }

    /// Follows the bucket anew, from what stands in it.
    async fn follow_again(&mut self) {
        if self.bucket.is_there().is_ok()
            && let Ok(following) = self.bucket.follow("").await
        {
            self.following = following;
        }
    }

    pub(super) fn take_over(&mut self, Seen { key, revision, value }: Seen) {
        let row = value.as_deref().and_then(|value| {
            let row = Row::read(value).filter(|row| Row::place(&row.key) == key);
            if row.is_none() {
                tracing::warn!(error = %NatsError::Unreadable(key.clone()), "it is left alone");
            }
            row
        });
        let dead = self.jobs.rows.dead();
        for topic in self.jobs.apply(&key, revision, row) {
            self.wakers.of(&topic).notify_one();
        }
        if self.jobs.rows.dead() > dead {
            self.given_up.notify_one();
        }
    }

    /// Reads what somebody was faster with.
    async fn refresh(&mut self, keys: Vec<String>) -> Result<(), NatsError> {
        for key in keys {
            let entry = self.bucket.read(&key).await?;
            // What the server says holds, also where it knows less than it did: it lost what it had not synced, or a copy of
            // its files was put back.
            if entry.revision < self.jobs.rows.revision(&key) {
                self.jobs.forget(&key);
            }
            if entry.revision > 0 {
                self.take_over(Seen { key, revision: entry.revision, value: entry.value });
            }
        }
        Ok(())
    }

    // === commits ===

    /// Executes commands, and replies when what they change is stored.
    async fn commit_all(&mut self, commands: Vec<Command>) {
        let connections = self.alive.connections.load(Ordering::Relaxed);
        if connections != self.alive.seen {
            // Nobody was heard while nothing was connected.
            self.alive.seen = connections;
            self.jobs.listen();
        }
        let mut waiting = std::collections::VecDeque::from(commands);
        while !waiting.is_empty() {
            self.commit(&mut waiting).await;
        }
    }

    /// As many of the commands as make one commit.
    async fn commit(&mut self, waiting: &mut std::collections::VecDeque<Command>) {
        for _ in 0..MOST_TRIES {
            let mut outcomes = Vec::new();
            for command in waiting.iter() {
                outcomes.push(self.execute(command));
                if self.jobs.changed() >= ENOUGH_CHANGES {
                    break;
                }
            }
            let writes = self.jobs.changed() > 0;
            match self.store().await {
                Ok(topics) => {
                    if writes {
                        self.failing = None;
                    }
                    self.wake(&topics);
                    for outcome in outcomes {
                        if let Some(command) = waiting.pop_front() {
                            self.reply(command, outcome);
                        }
                    }
                    return;
                }
                Err(Refused::Conflict) => {}
                Err(Refused::Failed(error)) => {
                    if self.failing.is_none() {
                        tracing::error!(error = %chain(&error), "a commit of the queue failed; nothing of it was acknowledged");
                    }
                    self.failing = Some(chain(&error).to_string());
                    let error = failure(error);
                    for outcome in outcomes {
                        let Some(command) = waiting.pop_front() else { break };
                        match (&command, &outcome) {
                            // What reads memory alone is answered whatever state the store is in.
                            (Command::Ping(_) | Command::Depth(_) | Command::Troubles(_), _) => {
                                self.reply(command, outcome);
                            }
                            _ => command.refuse(&error),
                        }
                    }
                    return;
                }
            }
        }
        let error = failure(NatsError::Contended(self.bucket.name().to_owned()));
        waiting.drain(..).for_each(|command| command.refuse(&error));
    }

    /// Stores the changes of the open commit, in as few batches as a server takes; those of one put are all in one, unless
    /// they are more than that.
    async fn store(&mut self) -> Result<Vec<Topic>, Refused> {
        let mut topics = Vec::new();
        let dead = self.jobs.rows.dead();
        let writes = self.jobs.writes();
        for batch in writes.chunks(MOST_AT_ONCE) {
            match self.bucket.commit(batch).await {
                Ok(first) => topics.extend(self.jobs.stored(first, batch.len())),
                Err(refused) => {
                    self.jobs.undone();
                    if matches!(refused, Refused::Conflict) {
                        let keys = batch.iter().map(|write| write.key.clone()).collect();
                        self.refresh(keys).await.map_err(Refused::Failed)?;
                    }
                    return Err(refused);
                }
            }
        }
        if self.jobs.rows.dead() > dead {
            self.given_up.notify_one();
        }
        Ok(topics)
    }

    async fn purge(&mut self) {
        while self.jobs.purge() {
            if !self.store_purged().await {
                return;
            }
        }
        self.store_purged().await;
    }

    async fn store_purged(&mut self) -> bool {
        match self.store().await {
            Ok(_) => true,
            Err(Refused::Conflict) => false,
            Err(Refused::Failed(error)) => {
                tracing::warn!(error = %chain(&error), "entries of the queue that are over can't be dropped now");
                false
            }
        }
    }

    fn wake(&self, topics: &[Topic]) {
        for topic in topics {
            self.wakers.of(topic).notify_one();
        }
    }

    /// Executes one command of the commit.
    fn execute(&mut self, command: &Command) -> Result<Outcome, QueueError> {
        let jobs = &mut self.jobs;
        Ok(match command {
            Command::Put(new, _) => jobs.put(new).map(|(placed, topics)| Outcome::Placed(placed, topics))?,
            Command::Compose(of, messages, _) => {
                jobs.compose(of, messages).map(|(placed, topics)| Outcome::Placed(placed, topics))?
            }
            Command::Gathered(channel, most, _) => Outcome::Waiting(jobs.gathered(channel, *most)),
            Command::Lease(topic, most, sharing, _) => Outcome::Batch(jobs.lease(topic, *most, sharing)),
            Command::Settle(leased, settlement, _) => Outcome::Settled(jobs.settle(leased, settlement)),
            Command::Bury(channels, _) => Outcome::Buried(jobs.bury(channels)),
            Command::Depth(_) => Outcome::Depth(jobs.depth()),
            Command::Troubles(_) => Outcome::Troubles(jobs.troubles()),
            Command::Letters(command) => match command {
                LetterCommand::List(asked, _) => Outcome::Page(jobs.letters(asked)),
                LetterCommand::Find(id, _) => Outcome::Letter(jobs.letter(id)),
                LetterCommand::Dead(channel, _) => Outcome::Ids(jobs.dead_of(channel)),
                LetterCommand::Untold(most, _) => Outcome::Letters(jobs.untold(*most)),
                LetterCommand::SendAgain(ids, _) => {
                    jobs.send_again(ids).map(|(acted, topics)| Outcome::Acted(acted, topics))?
                }
                LetterCommand::Discard(id, _) => Outcome::Discarded(jobs.discard(id)),
                LetterCommand::WereTold(ids, _) => {
                    jobs.were_told(ids);
                    Outcome::Done
                }
            },
            _ => Outcome::Done,
        })
    }

    /// Replies what a command came to, and wakes whom it concerns.
    fn reply(&self, command: Command, outcome: Result<Outcome, QueueError>) {
        let outcome = match outcome {
            Ok(outcome) => outcome,
            Err(error) => return command.refuse(&error),
        };
        match (command, outcome) {
            (Command::Put(_, reply) | Command::Compose(_, _, reply), Outcome::Placed(placed, topics)) => {
                reply.send(Ok(placed));
                self.wake(&topics);
            }
            (Command::Gathered(_, _, reply), Outcome::Waiting(waiting)) => reply.send(Ok(waiting)),
            (Command::Lease(_, _, _, reply), Outcome::Batch(batch)) => reply.send(Ok(batch)),
            (Command::Settle(_, _, reply), Outcome::Settled(wakes_all)) => {
                reply.send(Ok(()));
                if wakes_all {
                    self.wakers.wake_all();
                }
            }
            (Command::Bury(_, reply), Outcome::Buried(buried)) => reply.send(Ok(buried)),
            (Command::Depth(reply), Outcome::Depth(depth)) => {
                reply.send(Ok(Depth { failing: self.failing.clone(), ..depth }));
            }
            (Command::Troubles(reply), Outcome::Troubles(troubles)) => reply.send(Ok(troubles)),
            (Command::Ping(reply), _) => reply.send(Ok(())),
            (Command::Letters(command), outcome) => self.reply_of_letters(command, outcome),
            (command, _) => command.refuse(&QueueError::Closed),
        }
    }

    fn reply_of_letters(&self, command: LetterCommand, outcome: Outcome) {
        match (command, outcome) {
            (LetterCommand::List(_, reply), Outcome::Page(page)) => reply.send(Ok(page)),
            (LetterCommand::Find(_, reply), Outcome::Letter(letter)) => reply.send(Ok(letter)),
            (LetterCommand::Dead(_, reply), Outcome::Ids(ids)) => reply.send(Ok(ids)),
            (LetterCommand::Untold(_, reply), Outcome::Letters(letters)) => reply.send(Ok(letters)),
            (LetterCommand::SendAgain(_, reply), Outcome::Acted(acted, topics)) => {
                reply.send(Ok(acted));
                self.wake(&topics);
            }
            (LetterCommand::Discard(_, reply), Outcome::Discarded(acted)) => reply.send(Ok(acted)),
            (LetterCommand::WereTold(_, reply), Outcome::Done) => reply.send(Ok(())),
            (command, _) => Command::Letters(command).refuse(&QueueError::Closed),
        }
    }
}
