//! Replies that wait for their commit, or until it is on the disk.

use super::super::command::Buried;
use super::super::reply::Reply;
use super::super::{Batch, Placed, QueueError, Topic};

/// A reply that is sent after the commit.
pub(super) enum Pending {
    /// With the topics that have something new.
    Put(Reply<Placed>, Result<Placed, QueueError>, Vec<Topic>),
    Lease(Reply<Batch>, Batch),
    Bury(Reply<Buried>, Buried),
    Done(Reply<()>),
    Letters(Later),
}

impl Pending {
    /// The topic that may begin what is new before the reply is sent, which is woken once. A look may be lost with its hint, as
    /// whoever sent that has no reply and sends it again; and it may be done twice.
    pub(super) fn begun(&mut self) -> Option<Topic> {
        let Self::Put(_, _, topics) = self else { return None };
        let place = topics.iter().position(|topic| *topic == Topic::Look)?;
        Some(topics.swap_remove(place))
    }

    fn send(self, committed: &Result<(), QueueError>, woken: &mut Vec<Topic>) {
        let is_done = committed.is_ok();
        match self {
            Self::Put(reply, placed, topics) => {
                reply.send(committed.clone().and(placed));
                woken.extend(topics.into_iter().filter(|_| is_done));
            }
            Self::Lease(reply, batch) => reply.send(committed.clone().map(|()| batch)),
            Self::Bury(reply, buried) => reply.send(committed.clone().map(|()| buried)),
            Self::Done(reply) => reply.send(committed.clone()),
            Self::Letters(Later { say, topics }) => {
                say(committed.clone());
                woken.extend(topics.into_iter().filter(|_| is_done));
            }
        }
    }
}

/// What is to be said after the commit, and which topics have something new then.
pub(super) struct Later {
    pub(super) say: Box<dyn FnOnce(Result<(), QueueError>) + Send>,
    pub(super) topics: Vec<Topic>,
}

impl Later {
    pub(super) fn new<T: Send + 'static>(reply: Reply<T>, done: Result<T, QueueError>, topics: Vec<Topic>) -> Self {
        Self { say: Box::new(move |committed| reply.send(committed.and(done))), topics }
    }
}

/// Replies to what was committed, or was not; adds the topics that have something new.
pub(super) fn send(all: Vec<Pending>, committed: &Result<(), QueueError>, woken: &mut Vec<Topic>) {
    for pending in all {
        pending.send(committed, woken);
    }
}
