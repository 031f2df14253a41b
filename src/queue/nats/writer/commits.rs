//! Commits: commands that are executed together, and what they change stored together.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;

use super::Writer;
use super::executing::{Outcome, brings_more};
use crate::queue::command::{Command, LetterCommand, MoveCommand};
use crate::queue::losses::MOST_PURGED;
use crate::queue::nats::bucket::{MOST_AT_ONCE, MOST_BYTES_AT_ONCE, Refused, Write};
use crate::queue::nats::error::{NatsError, failure};
use crate::queue::{QueueError, Topic};
use crate::telemetry::chain;

/// The most commands of one commit, and the entries beyond which none is added.
pub(super) const MOST_COMMANDS: usize = 512;
const ENOUGH_CHANGES: usize = MOST_AT_ONCE / 2;
/// So often others may be faster with one of the entries of a commit, and with one of many commands before each is tried
/// by itself.
const MOST_TRIES: u32 = 32;
const MOST_TRIES_TOGETHER: u32 = 4;

/// What became of a commit.
enum Ended {
    /// So many commands have their reply.
    Replied(usize),
    /// The server refused so many commands together, and may take each of them: nobody has a reply.
    Refused(usize),
    /// Nothing can be stored now. Some commands have their reply.
    Away(QueueError),
}

impl Writer {
    /// Executes commands, and replies when what they change is stored.
    pub(super) async fn commit_all(&mut self, commands: Vec<Command>) {
        let connections = self.alive.connections.load(Ordering::Relaxed);
        if connections != self.alive.seen {
            // Nobody was heard while nothing was connected.
            self.alive.seen = connections;
            self.jobs.listen();
        }
        let mut waiting = VecDeque::from(commands);
        // So many of the next are committed one by one.
        let mut alone: usize = 0;
        while !waiting.is_empty() {
            match self.commit(&mut waiting, alone > 0).await {
                Ended::Replied(replied) => alone = alone.saturating_sub(replied),
                Ended::Refused(refused) => alone = refused,
                Ended::Away(error) => {
                    // Each would wait for its own answer that does not come.
                    for command in waiting.drain(..) {
                        self.refuse(command, &error);
                    }
                }
            }
        }
        if self.bucket.remade() != self.remade {
            self.look().await;
        }
    }

    /// As many of the commands as make one commit, or the first alone.
    async fn commit(&mut self, waiting: &mut VecDeque<Command>, alone: bool) -> Ended {
        self.jobs.most_bytes = self.bucket.most_of_one();
        if self.room.is_scarce() && waiting.iter().any(brings_more) {
            self.ask_for_room().await;
        }
        for tried in 1_u32.. {
            self.jobs.is_tight = self.room.is_tight();
            let outcomes = self.execute_some(waiting, alone);
            let writes = self.jobs.changed() > 0;
            let error = match self.store().await {
                Ok(topics) => {
                    if writes {
                        self.failing = None;
                        self.unanswered.ends();
                    }
                    self.wake(&topics);
                    return self.reply_all(waiting, outcomes);
                }
                Err(Refused::Conflict) if outcomes.len() > 1 && tried >= MOST_TRIES_TOGETHER => {
                    return Ended::Refused(outcomes.len());
                }
                Err(Refused::Conflict) if tried < MOST_TRIES => {
                    // Several at once, as most conflicts are, follow without a pause.
                    if let Some(alone) = tried.checked_sub(MOST_TRIES_TOGETHER) {
                        self.bucket.let_others_go(alone).await;
                    }
                    continue;
                }
                Err(Refused::Conflict) => NatsError::Contended(self.bucket.name().to_owned()),
                // What is kept in fewer words may fit.
                Err(Refused::Failed(NatsError::Full(_))) if !self.jobs.is_tight => {
                    self.room.refused();
                    continue;
                }
                Err(Refused::Failed(error)) if outcomes.len() > 1 && error.is_refusal() => {
                    return Ended::Refused(outcomes.len());
                }
                Err(Refused::Failed(error)) => error,
            };
            if matches!(error, NatsError::Late(_) | NatsError::Gone(_)) {
                self.is_unanswered(&error).await;
            }
            return self.refuse_all(waiting, outcomes, error);
        }
        Ended::Refused(waiting.len())
    }

    /// Executes as many of the commands as make one commit. One that is refused has changed nothing.
    fn execute_some(&mut self, waiting: &VecDeque<Command>, alone: bool) -> Vec<Result<Outcome, QueueError>> {
        let mut outcomes = Vec::new();
        for command in waiting {
            let is_enough = self.jobs.changed().saturating_add(most_changes(command)) > ENOUGH_CHANGES
                || self.jobs.bytes() > MOST_BYTES_AT_ONCE / 2;
            if !outcomes.is_empty() && (alone || is_enough) {
                break;
            }
            self.jobs.begin();
            let outcome = self.execute(command);
            if outcome.is_err() {
                self.jobs.take_back();
            }
            outcomes.push(outcome);
        }
        outcomes
    }

    fn reply_all(&self, waiting: &mut VecDeque<Command>, outcomes: Vec<Result<Outcome, QueueError>>) -> Ended {
        let replied = outcomes.len();
        for outcome in outcomes {
            if let Some(command) = waiting.pop_front() {
                self.reply(command, outcome);
            }
        }
        Ended::Replied(replied)
    }

    fn refuse_all(
        &mut self,
        waiting: &mut VecDeque<Command>,
        outcomes: Vec<Result<Outcome, QueueError>>,
        error: NatsError,
    ) -> Ended {
        let is_refusal = error.is_refusal() || matches!(error, NatsError::Contended(_));
        if self.failing.is_none() {
            tracing::error!(error = %chain(&error), "a commit of the queue failed; nothing of it was acknowledged");
        }
        self.failing = Some(chain(&error).to_string());
        let (error, replied) = (failure(error), outcomes.len());
        for outcome in outcomes {
            let Some(command) = waiting.pop_front() else { break };
            match (&command, &outcome) {
                // What reads memory alone is answered whatever state the store is in, and what is refused anyway says why.
                (Command::Ping(_) | Command::Depth(_) | Command::Troubles(_), _) | (_, Err(_)) => {
                    self.reply(command, outcome);
                }
                _ => command.refuse(&error),
            }
        }
        if is_refusal { Ended::Replied(replied) } else { Ended::Away(error) }
    }

    /// Refuses what was not tried; what reads memory alone is answered all the same.
    fn refuse(&mut self, command: Command, error: &QueueError) {
        match command {
            Command::Ping(_) | Command::Depth(_) | Command::Troubles(_) => {
                let outcome = self.execute(&command);
                self.reply(command, outcome);
            }
            command => command.refuse(error),
        }
    }

    /// Stores the changes of the open commit, in as few batches as a server takes; those of one put are all in one, unless
    /// they are more than that.
    async fn store(&mut self) -> Result<Vec<Topic>, Refused> {
        let mut topics = Vec::new();
        let dead = self.jobs.rows.dead();
        let writes = self.jobs.writes();
        if writes.is_empty() {
            self.jobs.stored(0, 0);
        }
        let mut left = writes.as_slice();
        while !left.is_empty() {
            let (batch, others) = left.split_at(one_batch(left));
            left = others;
            match self.bucket.commit(batch).await {
                Ok(first) => {
                    self.room.wrote(batch.len(), batch.iter().map(bytes).sum());
                    topics.extend(self.jobs.stored(first, batch.len()));
                }
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

    // === what is over ===

    pub(super) async fn purge(&mut self) {
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

    /// Asks the server how full the bucket is, and has what is over make way.
    async fn ask_for_room(&mut self) {
        if let Ok(standing) = self.bucket.standing().await {
            self.room.asked(&standing);
        }
        if self.room.is_scarce() {
            self.make_room().await;
        }
    }

    /// Has what is only remembered make way before its time: what is done first, and what was given up after that.
    pub(super) async fn make_room(&mut self) {
        let over = self.jobs.over(self.room.excess(), MOST_PURGED as usize);
        if over.is_empty() {
            return;
        }
        let revisions: Vec<u64> = over.iter().map(|(_, revision)| *revision).collect();
        match self.bucket.erase(&revisions).await {
            Ok(erased) => {
                let (bytes, most) = self.room.words();
                tracing::warn!(
                    erased,
                    bytes,
                    most,
                    "the NATS bucket of jobs is nearly full, so what is over is forgotten before its time"
                );
                for (place, _) in over.iter().take(erased) {
                    self.jobs.forget(place);
                }
            }
            Err(error) => tracing::warn!(error = %chain(&error), "what is over can't be dropped from the NATS bucket"),
        }
        if let Ok(standing) = self.bucket.standing().await {
            self.room.asked(&standing);
        }
    }

    pub(super) fn wake(&self, topics: &[Topic]) {
        for topic in topics {
            self.wakers.of(topic).notify_one();
        }
    }
}

/// So many entries a command may change, as far as it says itself.
fn most_changes(command: &Command) -> usize {
    match command {
        Command::Put(jobs, _) => jobs.len(),
        Command::Compose(of, messages, _) => of.len().saturating_add(messages.len()),
        Command::Lease(_, most, ..) => *most,
        Command::Settle(..) | Command::Letters(LetterCommand::Discard(..)) => 1,
        Command::Bury(..) | Command::Letters(LetterCommand::Hasten(..)) => MOST_AT_ONCE,
        Command::Move(MoveCommand::TakeOver(jobs, _)) => jobs.len(),
        Command::Letters(
            LetterCommand::SendAgain(ids, _) | LetterCommand::WereTold(ids, _) | LetterCommand::NotTold(ids, _),
        ) => ids.len(),
        _ => 0,
    }
}

/// The bytes of an entry's value.
fn bytes(write: &Write) -> usize {
    write.value.as_ref().map_or(0, bytes::Bytes::len)
}

/// How many of these are one batch: at least one.
fn one_batch(writes: &[Write]) -> usize {
    let mut sum = 0_usize;
    let fits = |write: &&Write| {
        sum = sum.saturating_add(bytes(write));
        sum <= MOST_BYTES_AT_ONCE
    };
    writes.iter().take(MOST_AT_ONCE).take_while(fits).count().max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_bounded_in_entries_and_in_bytes_and_never_empty() {
        let write =
            |bytes: usize| Write { key: "job.x".into(), expected: 0, value: Some(vec![0; bytes].into()), lives: None };
        let batch = |sizes: &[usize]| one_batch(&sizes.iter().map(|bytes| write(*bytes)).collect::<Vec<_>>());
        assert_eq!(batch(&[9; 1_200]), MOST_AT_ONCE);
        assert_eq!(batch(&[MOST_BYTES_AT_ONCE / 2; 3]), 2);
        assert_eq!(batch(&[MOST_BYTES_AT_ONCE + 1, 9]), 1);
    }
}
