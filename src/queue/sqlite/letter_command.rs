//! What an operator's commands ask of the writer about messages.

use super::super::{Acted, Asked, Letter, Page, QueueError, Topic};
use super::reply::Reply;
use super::store::Store;

/// What is asked.
pub(super) enum LetterCommand {
    List(Box<Asked>, Reply<Page>),
    Find(String, Reply<Option<Letter>>),
    /// The ids of a channel's dead letters.
    Dead(String, Reply<Vec<String>>),
    SendAgain(Vec<String>, Reply<Vec<Acted>>),
    Discard(String, Reply<Acted>),
    Untold(usize, Reply<Vec<Letter>>),
    WereTold(Vec<String>, Reply<()>),
}

/// What is to be said after the commit, and which topics have something new then.
pub(super) struct Later {
    pub(super) say: Box<dyn FnOnce(Result<(), QueueError>) + Send>,
    pub(super) topics: Vec<Topic>,
}

impl Later {
    fn new<T: Send + 'static>(reply: Reply<T>, done: Result<T, QueueError>, topics: Vec<Topic>) -> Self {
        Self { say: Box::new(move |committed| reply.send(committed.and(done))), topics }
    }
}

impl LetterCommand {
    /// Replies that nothing was done.
    pub(super) fn refuse(self, error: QueueError) {
        match self {
            Self::List(_, reply) => reply.send(Err(error)),
            Self::Find(_, reply) => reply.send(Err(error)),
            Self::Dead(_, reply) => reply.send(Err(error)),
            Self::SendAgain(_, reply) => reply.send(Err(error)),
            Self::Discard(_, reply) => reply.send(Err(error)),
            Self::Untold(_, reply) => reply.send(Err(error)),
            Self::WereTold(_, reply) => reply.send(Err(error)),
        }
    }

    /// Does it in the open transaction. What only reads is replied to at once.
    pub(super) fn execute(self, store: &mut Store) -> Result<Option<Later>, QueueError> {
        Ok(match self {
            Self::List(asked, reply) => reply.send_read(store.letters(&asked)).map(|()| None)?,
            Self::Find(id, reply) => reply.send_read(store.letter(&id)).map(|()| None)?,
            Self::Dead(channel, reply) => reply.send_read(store.dead_of(&channel)).map(|()| None)?,
            Self::Untold(most, reply) => reply.send_read(store.untold(most)).map(|()| None)?,
            Self::SendAgain(ids, reply) => {
                let ((topics, acted), reply) = reply.unless_failed(send_again(store, &ids))?;
                Some(Later::new(reply, acted, topics))
            }
            Self::Discard(id, reply) => {
                let (acted, reply) = reply.unless_failed(store.discard(&id))?;
                Some(Later::new(reply, Ok(acted), Vec::new()))
            }
            Self::WereTold(ids, reply) => {
                let (done, reply) = reply.unless_failed(store.were_told(&ids))?;
                Some(Later::new(reply, Ok(done), Vec::new()))
            }
        })
    }
}

/// What came of dead letters, and the topics that have something new.
type SentAgain = (Vec<Topic>, Result<Vec<Acted>, QueueError>);

/// Sends dead letters again, as far as the bound allows it.
fn send_again(store: &mut Store, ids: &[String]) -> rusqlite::Result<SentAgain> {
    if let Err(full) = store.has_room(ids.len()) {
        return Ok((Vec::new(), Err(full)));
    }
    let (mut topics, mut all) = (Vec::new(), Vec::with_capacity(ids.len()));
    for id in ids {
        let (acted, topic) = store.send_again(id)?;
        topics.extend(topic.filter(|topic| !topics.contains(topic)));
        all.push(acted);
    }
    Ok((topics, Ok(all)))
}
