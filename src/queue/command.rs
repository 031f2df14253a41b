//! What whoever writes a store is asked, wherever it is.

use chrono::{DateTime, Utc};

use super::moving::{Beside, Exported, Mark, Part, StoredJob, Taken};
use super::reply::Reply;
use super::{
    Acted, Announced, AnswerWrite, Asked, Batch, Depth, ItemId, Leased, Letter, NewJob, Page, Placed, QueueError,
    Remembered, Settlement, Sharing, Sightings, SignIn, Topic, Troubles, Waiting, Written,
};
use crate::domain::event::Job;
use crate::domain::fleet::Brake;
use crate::domain::reference::Repository;

/// What the writer is asked.
pub(super) enum Command {
    Put(Vec<NewJob>, Reply<Placed>),
    Gathered(String, usize, Reply<Vec<Waiting>>),
    Compose(Vec<ItemId>, Vec<NewJob>, Reply<Placed>),
    Lease(Topic, usize, Sharing, Reply<Batch>),
    Settle(Box<Leased>, Settlement, Reply<()>),
    Bury(Vec<String>, Reply<Buried>),
    Depth(Reply<Depth>),
    Troubles(Reply<Troubles>),
    Recall(String, Reply<Option<String>>),
    Keep(Box<Keeping>, Reply<()>),
    Newest(String, Reply<Option<Written>>),
    Workloads(Reply<Vec<Remembered>>),
    Remember(Box<(String, Written)>, Reply<()>),
    Answering(String, AnswerWrite, Reply<()>),
    Seen(Box<Sightings>, Reply<()>),
    Brake(Reply<Brake>),
    RememberBrake(Box<Brake>, Reply<()>),
    Announce(Vec<Announced>, Reply<()>),
    Announced(Repository, Reply<Vec<Announced>>),
    Found(Vec<Announced>, Reply<()>),
    Letters(LetterCommand),
    SignIns(SignInCommand),
    Move(MoveCommand),
    Ping(Reply<()>),
}

/// Messages that became dead letters, by channel.
pub(super) type Buried = Vec<(String, u64)>;

/// What is to be kept.
pub(super) struct Keeping {
    pub(super) key: String,
    pub(super) value: String,
    pub(super) until: DateTime<Utc>,
}

impl Command {
    /// Whether all that it changes may be lost with the machine's power: what was learnt elsewhere can be asked again, and a
    /// look that was done can be done again. A lease is a mark for the next process, which reads it without the disk.
    pub(super) fn may_be_lost(&self) -> bool {
        match self {
            Self::Settle(leased, ..) => matches!(leased.job, Job::Look(_)),
            Self::Lease(..)
            | Self::Found(..)
            | Self::Keep(..)
            | Self::Recall(..)
            | Self::Gathered(..)
            | Self::Depth(_)
            | Self::Troubles(_)
            | Self::Newest(..)
            | Self::Workloads(_)
            | Self::Seen(..)
            | Self::Brake(_)
            | Self::Announced(..)
            | Self::Ping(_) => true,
            Self::Put(..)
            | Self::Compose(..)
            | Self::Bury(..)
            | Self::Remember(..)
            | Self::Answering(..)
            | Self::RememberBrake(..)
            | Self::Announce(..)
            | Self::Letters(_)
            | Self::SignIns(_)
            | Self::Move(_) => false,
        }
    }

    /// Replies that nothing was stored.
    pub(super) fn refuse(self, error: &QueueError) {
        let error = error.clone();
        match self {
            Self::Put(_, reply) | Self::Compose(_, _, reply) => reply.send(Err(error)),
            Self::Gathered(_, _, reply) => reply.send(Err(error)),
            Self::Letters(command) => command.refuse(error),
            Self::SignIns(command) => command.refuse(error),
            Self::Move(command) => command.refuse(error),
            Self::Settle(_, _, reply)
            | Self::Keep(_, reply)
            | Self::Remember(_, reply)
            | Self::Answering(_, _, reply)
            | Self::Seen(_, reply)
            | Self::RememberBrake(_, reply)
            | Self::Announce(_, reply)
            | Self::Found(_, reply)
            | Self::Ping(reply) => reply.send(Err(error)),
            Self::Announced(_, reply) => reply.send(Err(error)),
            Self::Newest(_, reply) => reply.send(Err(error)),
            Self::Workloads(reply) => reply.send(Err(error)),
            Self::Brake(reply) => reply.send(Err(error)),
            Self::Lease(_, _, _, reply) => reply.send(Err(error)),
            Self::Bury(_, reply) => reply.send(Err(error)),
            Self::Depth(reply) => reply.send(Err(error)),
            Self::Recall(_, reply) => reply.send(Err(error)),
            Self::Troubles(reply) => reply.send(Err(error)),
        }
    }
}

/// What is asked of messages.
pub(super) enum LetterCommand {
    List(Box<Asked>, Reply<Page>),
    Find(String, Reply<Option<Letter>>),
    /// The ids of a channel's dead letters.
    Dead(String, Reply<Vec<String>>),
    SendAgain(Vec<String>, Reply<Vec<Acted>>),
    /// What failed on this channel is tried at once.
    Hasten(String, Reply<u64>),
    Discard(String, Reply<Acted>),
    Untold(usize, Reply<Vec<Letter>>),
    WereTold(Vec<String>, Reply<()>),
    NotTold(Vec<String>, Reply<()>),
}

impl LetterCommand {
    /// Replies that nothing was done.
    fn refuse(self, error: QueueError) {
        match self {
            Self::List(_, reply) => reply.send(Err(error)),
            Self::Find(_, reply) => reply.send(Err(error)),
            Self::Dead(_, reply) => reply.send(Err(error)),
            Self::SendAgain(_, reply) => reply.send(Err(error)),
            Self::Hasten(_, reply) => reply.send(Err(error)),
            Self::Discard(_, reply) => reply.send(Err(error)),
            Self::Untold(_, reply) => reply.send(Err(error)),
            Self::WereTold(_, reply) | Self::NotTold(_, reply) => reply.send(Err(error)),
        }
    }
}

/// What is asked of who is signed in.
pub(super) enum SignInCommand {
    Remember(Box<SignIn>, Reply<()>),
    Find([u8; 32], Reply<Option<String>>),
    Forget([u8; 32], Reply<()>),
}

impl SignInCommand {
    /// Replies that nothing was done.
    fn refuse(self, error: QueueError) {
        match self {
            Self::Remember(_, reply) | Self::Forget(_, reply) => reply.send(Err(error)),
            Self::Find(_, reply) => reply.send(Err(error)),
        }
    }
}

/// What whoever writes a store is asked by whoever moves it.
pub(super) enum MoveCommand {
    Jobs(Option<i64>, usize, Reply<Exported<StoredJob>>),
    Beside(Part, Option<i64>, usize, Reply<Exported<Beside>>),
    TakeOver(Vec<StoredJob>, Reply<Vec<Taken>>),
    Mark(Reply<Option<Mark>>),
    SetMark(Box<Option<Mark>>, Reply<()>),
    Empty(Reply<()>),
}

impl MoveCommand {
    /// Replies that nothing was done.
    pub(super) fn refuse(self, error: QueueError) {
        match self {
            Self::Jobs(_, _, reply) => reply.send(Err(error)),
            Self::Beside(_, _, _, reply) => reply.send(Err(error)),
            Self::TakeOver(_, reply) => reply.send(Err(error)),
            Self::Mark(reply) => reply.send(Err(error)),
            Self::SetMark(_, reply) | Self::Empty(reply) => reply.send(Err(error)),
        }
    }
}
