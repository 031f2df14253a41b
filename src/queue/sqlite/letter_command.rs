//! What an operator's commands about messages come to in the open transaction.

use super::super::command::LetterCommand;
use super::super::{Acted, QueueError, Topic};
use super::pending::Later;
use super::store::Store;

impl LetterCommand {
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
            Self::Hasten(channel, reply) => {
                let topic = Topic::Deliver(channel);
                let (hastened, reply) = reply.unless_failed(store.hasten(&topic))?;
                Some(Later::new(reply, Ok(hastened), vec![topic]))
            }
            Self::Discard(id, reply) => {
                let (acted, reply) = reply.unless_failed(store.discard(&id))?;
                Some(Later::new(reply, Ok(acted), Vec::new()))
            }
            Self::WereTold(ids, reply) => {
                let (done, reply) = reply.unless_failed(store.were_told(&ids))?;
                Some(Later::new(reply, Ok(done), Vec::new()))
            }
            Self::NotTold(ids, reply) => {
                let (done, reply) = reply.unless_failed(store.not_told(&ids))?;
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
