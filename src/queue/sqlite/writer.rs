//! The thread that owns the file.

use std::sync::Arc;

use tokio::sync::{Notify, mpsc};

use super::super::command::Command;
use super::super::gathering::COMPOSED;
use super::super::handle::Wakers;
use super::super::reply::Reply;
use super::super::{Depth, ItemId, NewJob, Placed, QueueError, Topic};
use super::disk::{Disk, Syncer};
use super::pending::{self, Pending};
use super::reply::failure;
use super::store::Store;
use crate::telemetry::chain;

/// The most commands of one commit, so that nobody waits long for a large one.
const MOST_A_COMMIT: usize = 512;

pub(super) struct Writer {
    store: Store,
    waiting: mpsc::Receiver<Command>,
    wakers: Wakers,
    /// Woken when a message was given up.
    given_up: Arc<Notify>,
    disk: Disk,
    syncer: Syncer,
    /// The number of the last commit that somebody was promised.
    promised: u64,
    /// A connection that failed to commit is not used again.
    broken: bool,
    /// Why the last commit failed.
    failing: Option<String>,
    /// Held for as long as the file is open.
    _lock: std::fs::File,
}

/// The replies to the commands of one transaction.
#[derive(Default)]
struct Replies {
    /// After the commit.
    now: Vec<Pending>,
    /// When it is on the disk.
    owed: Vec<Pending>,
    /// Whether nobody has a reply before it is on the disk.
    is_synced: bool,
    /// Whether every topic is woken, as one of its jobs may have waited for one that was settled.
    wakes_all: bool,
}

impl Writer {
    pub(super) fn new(
        store: Store,
        waiting: mpsc::Receiver<Command>,
        (wakers, given_up): (Wakers, Arc<Notify>),
        (disk, lock): (Disk, std::fs::File),
    ) -> std::io::Result<Self> {
        let syncer = Syncer::start(disk.clone(), wakers.clone())?;
        Ok(Self {
            store,
            waiting,
            wakers,
            given_up,
            disk,
            syncer,
            promised: 0,
            broken: false,
            failing: None,
            _lock: lock,
        })
    }

    /// Until every handle is dropped.
    pub(super) fn run(mut self) {
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
        self.syncer.end();
    }

    /// Drops rows that are over, when everybody has a reply. A failure is found by the next command as well.
    fn purge(&mut self) {
        if let Err(error) = self.store.purge().and_then(|()| self.store.commit()) {
            tracing::warn!(error = %chain(&error), "rows of the queue that are over can't be dropped now");
            self.store.rollback();
            self.broken = true;
        }
    }

    /// Executes commands as one transaction, and replies when it is done, or has it done when it is on the disk.
    fn commit(&mut self, commands: Vec<Command>) {
        if let Err(error) = self.mend() {
            for command in commands {
                command.refuse(&error);
            }
            return;
        }
        let mut replies = Replies::default();
        let mut failed = None;
        for command in commands {
            match &failed {
                None => failed = self.execute(command, &mut replies).err(),
                Some(error) => command.refuse(error),
            }
        }
        let wrote = self.store.has_begun();
        let mut failing = failed.as_ref().map(|error| chain(error).to_string());
        let committed = match failed {
            None => self.store.commit().map_err(failure).and_then(|()| self.synced(&replies)),
            // It could not even begin, as when another process holds the file; what was done before needed nothing.
            Some(_) if !self.store.has_begun() => Ok(()),
            Some(error) => Err(error),
        };
        if let Err(error) = &committed {
            // Whether a failed commit is on disk can't be known. The replies say that it is not, and the connection is
            // given up, as after a failed sync its pages can't be trusted.
            tracing::error!(error = %chain(error), "a commit of the queue failed; nothing of it was acknowledged");
            failing = Some(chain(error).to_string());
            self.store.rollback();
            self.broken = true;
        }
        if wrote || failing.is_some() {
            self.failing = failing;
        }
        self.reply(replies, &committed);
    }

    /// The commit, on the disk where somebody may begin nothing before.
    fn synced(&self, replies: &Replies) -> Result<(), QueueError> {
        if replies.is_synced { self.disk.sync(self.store.commits()) } else { Ok(()) }
    }

    /// A new connection in the place of one that can't be trusted, and a journal that is whole on the disk.
    fn mend(&mut self) -> Result<(), QueueError> {
        if let Some(error) = self.disk.failed() {
            self.failing = Some(chain(&error).to_string());
            self.broken = true;
        }
        if self.broken {
            self.store.reopen().map_err(|error| QueueError::Store(Arc::new(error)))?;
            self.disk.mend(self.store.commits()).map_err(|error| QueueError::Store(Arc::new(error)))?;
            self.broken = false;
        }
        Ok(())
    }

    /// Executes one command of the transaction. What only reads is replied to at once, and what failed as well.
    fn execute(&mut self, command: Command, replies: &mut Replies) -> Result<(), QueueError> {
        // A message is sent when it is owed for good, as one that is made anew may be another.
        let is_ahead = !replies.owed.is_empty() || !self.disk.has(self.promised);
        let store = &mut self.store;
        let pending = if command.may_be_lost() { &mut replies.now } else { &mut replies.owed };
        match command {
            Command::Put(jobs, reply) => {
                let ((topics, placed), reply) = reply.unless_failed(put(store, &jobs))?;
                pending.push(Pending::Put(reply, placed, topics));
            }
            Command::Gathered(channel, most, reply) => reply.send_read(store.waiting(&channel, most))?,
            Command::Compose(of, messages, reply) => {
                let ((topics, placed), reply) = reply.unless_failed(compose(store, &of, &messages))?;
                pending.push(Pending::Put(reply, placed, topics));
            }
            Command::Lease(topic, most, sharing, reply) => {
                let is_ahead = is_ahead && topic != Topic::Look;
                let (batch, reply) = reply.unless_failed(store.lease(&topic, most, &sharing))?;
                if batch.jobs.is_empty() || !is_ahead && !store.must_be_durable(&batch) {
                    reply.send(Ok(batch));
                } else {
                    replies.is_synced = true;
                    pending.push(Pending::Lease(reply, batch));
                }
            }
            Command::Settle(leased, settlement, reply) => {
                let (is_suspect, reply) = reply.unless_failed(store.settle(&leased, &settlement))?;
                replies.wakes_all |= is_suspect;
                pending.push(Pending::Done(reply));
            }
            Command::Bury(channels, reply) => {
                let (buried, reply) = reply.unless_failed(store.bury(&channels))?;
                pending.push(Pending::Bury(reply, buried));
            }
            Command::Depth(reply) => {
                let failing = self.failing.clone();
                reply.send_read(store.depth().map(|depth| Depth { failing, ..depth }))?;
            }
            Command::Troubles(reply) => reply.send_read(store.troubles())?,
            Command::Recall(key, reply) => reply.send_read(store.recall(&key))?,
            Command::Newest(uid, reply) => reply.send_read(store.newest(&uid))?,
            Command::Workloads(reply) => reply.send_read(store.workloads())?,
            Command::Keep(kept, reply) => {
                pending.push(done(reply, store.keep(&kept.key, &kept.value, kept.until))?);
            }
            Command::Remember(remembered, reply) => {
                pending.push(done(reply, store.remember_record(&remembered.0, &remembered.1))?);
            }
            Command::Answering(uid, write, reply) => pending.push(done(reply, store.answering(&uid, write))?),
            Command::Seen(seen, reply) => pending.push(done(reply, store.seen(&seen))?),
            Command::Brake(reply) => reply.send_read(store.brake())?,
            Command::RememberBrake(brake, reply) => pending.push(done(reply, store.remember_brake(&brake))?),
            Command::Announce(announced, reply) => pending.push(done(reply, store.announce(&announced))?),
            Command::Announced(repository, reply) => reply.send_read(store.announced(&repository))?,
            Command::Found(announced, reply) => pending.push(done(reply, store.found(&announced))?),
            Command::Letters(command) => pending.extend(command.execute(store)?.map(Pending::Letters)),
            Command::SignIns(command) => pending.extend(command.execute(store)?.map(Pending::Done)),
            Command::Move(command) => pending.extend(command.execute(store)?.map(Pending::Letters)),
            Command::Ping(reply) => reply.send(Ok(())),
        }
        Ok(())
    }

    /// Replies to what was committed, or was not, and wakes those who wait for it.
    fn reply(&mut self, replies: Replies, committed: &Result<(), QueueError>) {
        let Replies { now, mut owed, wakes_all, .. } = replies;
        for pending in now.iter().filter(|_| committed.is_err()) {
            if let Pending::Lease(_, batch) = pending {
                self.store.revoke(batch);
            }
        }
        let (commit, mut woken) = (self.store.commits(), Vec::new());
        pending::send(now, committed, &mut woken);
        if committed.is_err() || owed.is_empty() || self.disk.has(commit) {
            pending::send(owed, committed, &mut woken);
        } else {
            woken.extend(owed.iter_mut().filter_map(Pending::begun));
            self.promised = commit;
            self.syncer.owe(commit, owed);
        }
        if self.store.has_given_up() {
            self.given_up.notify_one();
        }
        if wakes_all {
            self.wakers.wake_all();
        }
        self.wakers.wake(woken);
    }
}

/// The reply to a write that gives nothing back.
fn done(reply: Reply<()>, written: rusqlite::Result<()>) -> Result<Pending, QueueError> {
    let ((), reply) = reply.unless_failed(written)?;
    Ok(Pending::Done(reply))
}

/// What became of jobs that were put, and the topics that have something new.
type Put = (Vec<Topic>, Result<Placed, QueueError>);

/// Stores jobs, as far as the bound allows it.
fn put(store: &mut Store, jobs: &[NewJob]) -> rusqlite::Result<Put> {
    if let Err(full) = store.has_room(jobs.len()) {
        return Ok((Vec::new(), Err(full)));
    }
    store_all(store, jobs)
}

/// Stores what was made of items that wait. The bound holds for who brings something new: a queue that is full of items
/// could never become empty otherwise.
fn compose(store: &mut Store, of: &[ItemId], messages: &[NewJob]) -> rusqlite::Result<Put> {
    if store.end_items(of, COMPOSED)? == 0 {
        return put(store, messages);
    }
    store_all(store, messages)
}

fn store_all(store: &mut Store, jobs: &[NewJob]) -> rusqlite::Result<Put> {
    let mut topics = Vec::with_capacity(1);
    for job in jobs {
        let (placed, topic) = (store.put(job)?, Topic::of(&job.job));
        if placed == Placed::News && !topics.contains(&topic) {
            topics.push(topic);
        }
    }
    let placed = if topics.is_empty() { Placed::Coalesced } else { Placed::News };
    Ok((topics, Ok(placed)))
}

#[cfg(test)]
mod tests;
