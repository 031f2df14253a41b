//! The thread that owns the file.

use std::sync::Arc;

use tokio::sync::{Notify, mpsc};

use super::super::command::{Buried, Command};
use super::super::handle::Wakers;
use super::super::reply::Reply;
use super::super::{Batch, Depth, ItemId, NewJob, Placed, QueueError, Topic};
use super::letter_command::Later;
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
    /// A connection that failed to commit is not used again.
    broken: bool,
    /// Why the last commit failed.
    failing: Option<String>,
    /// Held for as long as the file is open.
    _lock: std::fs::File,
}

/// A reply that is sent after the commit.
enum Pending {
    /// With the topics that have something new.
    Put(Reply<Placed>, Result<Placed, QueueError>, Vec<Topic>),
    Lease(Reply<Batch>, Batch),
    Bury(Reply<Buried>, Buried),
    /// A job is settled, with whom to wake.
    Settled(Reply<()>, Wake),
    Done(Reply<()>),
    Letters(Later),
}

/// Who is woken when a job was settled, besides its own topic.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wake {
    Nobody,
    /// Every topic, as one of its jobs may have waited for this one to end.
    All,
}

impl Writer {
    pub(super) fn new(
        store: Store,
        waiting: mpsc::Receiver<Command>,
        (wakers, given_up): (Wakers, Arc<Notify>),
        lock: std::fs::File,
    ) -> Self {
        Self { store, waiting, wakers, given_up, broken: false, failing: None, _lock: lock }
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
    }

    /// Drops rows that are over, when everybody has a reply. A failure is found by the next command as well.
    fn purge(&mut self) {
        if let Err(error) = self.store.purge().and_then(|()| self.store.commit()) {
            tracing::warn!(error = %chain(&error), "rows of the queue that are over can't be dropped now");
            self.store.rollback();
            self.broken = true;
        }
    }

    /// Executes commands as one transaction, and replies when it is on disk.
    fn commit(&mut self, commands: Vec<Command>) {
        if let Err(error) = self.mend() {
            for command in commands {
                command.refuse(&error);
            }
            return;
        }
        let mut pending = Vec::with_capacity(commands.len());
        let is_synced = !commands.iter().all(Command::may_be_lost);
        let mut failed = self.store.sync_commits(is_synced).map_err(failure).err();
        for command in commands {
            match &failed {
                None => failed = self.execute(command, &mut pending).err(),
                Some(error) => command.refuse(error),
            }
        }
        let wrote = self.store.has_begun();
        let mut failing = failed.as_ref().map(|error| chain(error).to_string());
        let committed = match failed {
            None => self.store.commit().map_err(failure),
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
        self.reply(pending, &committed);
    }

    /// A new connection in the place of one that can't be trusted.
    fn mend(&mut self) -> Result<(), QueueError> {
        if self.broken {
            self.store.reopen().map_err(|error| QueueError::Store(Arc::new(error)))?;
            self.broken = false;
        }
        Ok(())
    }

    /// Executes one command of the transaction. What only reads is replied to at once, and what failed as well.
    fn execute(&mut self, command: Command, pending: &mut Vec<Pending>) -> Result<(), QueueError> {
        let store = &mut self.store;
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
                let (batch, reply) = reply.unless_failed(store.lease(&topic, most, &sharing))?;
                if store.leases.must_be_durable() && !batch.jobs.is_empty() {
                    pending.push(Pending::Lease(reply, batch));
                } else {
                    reply.send(Ok(batch));
                }
            }
            Command::Settle(leased, settlement, reply) => {
                let (suspect, reply) = reply.unless_failed(store.settle(&leased, &settlement))?;
                pending.push(Pending::Settled(reply, if suspect { Wake::All } else { Wake::Nobody }));
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
            Command::Sequences(reply) => reply.send_read(store.sequences())?,
            Command::Keep(kept, reply) => {
                pending.push(done(reply, store.keep(&kept.key, &kept.value, kept.until))?);
            }
            Command::Remember(remembered, reply) => {
                pending.push(done(reply, store.remember_record(&remembered.0, &remembered.1))?);
            }
            Command::Answering(uid, answering, reply) => {
                pending.push(done(reply, store.answering(&uid, answering))?);
            }
            Command::Seen(seen, reply) => pending.push(done(reply, store.seen(&seen))?),
            Command::Brake(reply) => reply.send_read(store.brake())?,
            Command::RememberBrake(brake, reply) => pending.push(done(reply, store.remember_brake(&brake))?),
            Command::Announce(announced, reply) => pending.push(done(reply, store.announce(&announced))?),
            Command::Announced(repository, reply) => reply.send_read(store.announced(&repository))?,
            Command::Found(announced, reply) => pending.push(done(reply, store.found(&announced))?),
            Command::Letters(command) => pending.extend(command.execute(store)?.map(Pending::Letters)),
            Command::SignIns(command) => pending.extend(command.execute(store)?.map(Pending::Done)),
            Command::Ping(reply) => reply.send(Ok(())),
        }
        Ok(())
    }

    /// Replies to what was committed, or was not, and wakes those who wait for it.
    fn reply(&mut self, pending: Vec<Pending>, committed: &Result<(), QueueError>) {
        let mut woken: Vec<Topic> = Vec::new();
        for pending in pending {
            match pending {
                Pending::Put(reply, placed, topics) => {
                    reply.send(committed.clone().and(placed));
                    woken.extend(topics.into_iter().filter(|_| committed.is_ok()));
                }
                Pending::Lease(reply, batch) => {
                    if committed.is_err() {
                        self.store.revoke(&batch);
                    }
                    reply.send(committed.clone().map(|()| batch));
                }
                Pending::Bury(reply, buried) => reply.send(committed.clone().map(|()| buried)),
                Pending::Settled(reply, wake) => {
                    reply.send(committed.clone());
                    if wake == Wake::All {
                        self.wakers.wake_all();
                    }
                }
                Pending::Done(reply) => reply.send(committed.clone()),
                Pending::Letters(Later { say, topics }) => {
                    say(committed.clone());
                    woken.extend(topics.into_iter().filter(|_| committed.is_ok()));
                }
            }
        }
        if self.store.has_given_up() {
            self.given_up.notify_one();
        }
        woken.dedup();
        for topic in woken {
            self.wakers.of(&topic).notify_one();
        }
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
    if store.end_items(of)? == 0 {
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
mod tests {
    use chrono::{DateTime, TimeDelta};

    use super::super::file;
    use super::*;
    use crate::ambient::Ambient;
    use crate::queue::command::Keeping;
    use crate::queue::contract::look;

    /// SQLite's numbers of `synchronous`.
    const NORMAL: i64 = 1;
    const FULL: i64 = 2;

    #[test]
    fn only_what_can_be_asked_again_does_not_wait_for_the_disk() {
        let folder = tempfile::tempdir().unwrap();
        let ambient = Ambient::system();
        let lock = file::lock(folder.path()).unwrap();
        let store = Store::open(folder.path(), ambient.clone()).unwrap();
        let (_commands, waiting) = mpsc::channel(1);
        let mut writer = Writer::new(store, waiting, (Wakers::default(), Arc::default()), lock);
        let until = ambient.now() + TimeDelta::hours(1);
        let keep = || {
            let keeping = Keeping { key: "a".into(), value: "1".into(), until };
            Command::Keep(Box::new(keeping), Reply::channel().0)
        };
        let put = || Command::Put(vec![look("shop/api", DateTime::UNIX_EPOCH)], Reply::channel().0);
        let mut synced_after = |commands: Vec<Command>| -> i64 {
            writer.commit(commands);
            writer.store.connection.query_row("PRAGMA synchronous", [], |row| row.get(0)).unwrap()
        };
        assert_eq!(synced_after(vec![put()]), FULL);
        assert_eq!(synced_after(vec![keep()]), NORMAL);
        assert_eq!(synced_after(vec![keep(), put()]), FULL, "a job beside it is owed");
        assert_eq!(writer.store.recall("a").unwrap().as_deref(), Some("1"));
    }
}
