//! What a command is, as something that is done to jobs, and how whoever asked learns what it came to.

use super::Writer;
use crate::queue::command::{Command, LetterCommand, MoveCommand};
use crate::queue::moving::{Exported, StoredJob, Taken};
use crate::queue::{Acted, Batch, Depth, Letter, Page, Placed, QueueError, Topic, Troubles, Waiting};

/// What a command came to, to be said when the commit is stored.
pub(super) enum Outcome {
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
    Hastened(u64, Topic),
    Discarded(Acted),
    Exported(Exported<StoredJob>),
    Taken(Vec<Taken>),
    Done,
}

/// Whether a command is refused where there is no room, as it brings jobs that are new here.
pub(super) fn brings_more(command: &Command) -> bool {
    matches!(command, Command::Put(..) | Command::Move(MoveCommand::TakeOver(..)))
}

impl Writer {
    /// Executes one command of the commit.
    pub(super) fn execute(&mut self, command: &Command) -> Result<Outcome, QueueError> {
        if brings_more(command) && self.room.is_scarce() {
            let (bytes, most) = self.room.words();
            return Err(QueueError::NoRoom { bytes, most });
        }
        let jobs = &mut self.jobs;
        Ok(match command {
            Command::Put(new, _) => jobs.put(new).map(|(placed, topics)| Outcome::Placed(placed, topics))?,
            Command::Compose(of, messages, _) => {
                jobs.compose(of, messages).map(|(placed, topics)| Outcome::Placed(placed, topics))?
            }
            Command::Gathered(channel, most, _) => Outcome::Waiting(jobs.gathered(channel, *most)),
            Command::Lease(topic, most, sharing, _) => {
                // A server counts a batch whole, whatever it replaces.
                let most = if jobs.is_tight { 1.min(*most) } else { *most };
                Outcome::Batch(jobs.lease(topic, most, sharing))
            }
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
                LetterCommand::Hasten(channel, _) => {
                    let topic = Topic::Deliver(channel.clone());
                    Outcome::Hastened(jobs.hasten(&topic), topic)
                }
                LetterCommand::Discard(id, _) => Outcome::Discarded(jobs.discard(id)),
                LetterCommand::WereTold(ids, _) => {
                    jobs.were_told(ids);
                    Outcome::Done
                }
                LetterCommand::NotTold(ids, _) => {
                    jobs.not_told(ids);
                    Outcome::Done
                }
            },
            Command::Move(MoveCommand::Jobs(after, most, _)) => Outcome::Exported(jobs.export(*after, *most)),
            Command::Move(MoveCommand::TakeOver(all, _)) => Outcome::Taken(jobs.take_over_all(all)?),
            _ => Outcome::Done,
        })
    }

    /// Replies what a command came to, and wakes whom it concerns.
    pub(super) fn reply(&self, command: Command, outcome: Result<Outcome, QueueError>) {
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
                reply.send(Ok(Depth { failing: self.trouble(), ..depth }));
            }
            (Command::Troubles(reply), Outcome::Troubles(troubles)) => reply.send(Ok(troubles)),
            (Command::Ping(reply), _) => reply.send(Ok(())),
            (Command::Letters(command), outcome) => self.reply_of_letters(command, outcome),
            (Command::Move(MoveCommand::Jobs(_, _, reply)), Outcome::Exported(jobs)) => reply.send(Ok(jobs)),
            (Command::Move(MoveCommand::TakeOver(_, reply)), Outcome::Taken(taken)) => reply.send(Ok(taken)),
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
            (LetterCommand::Hasten(_, reply), Outcome::Hastened(number, topic)) => {
                reply.send(Ok(number));
                self.wake(&[topic]);
            }
            (LetterCommand::Discard(_, reply), Outcome::Discarded(acted)) => reply.send(Ok(acted)),
            (LetterCommand::WereTold(_, reply) | LetterCommand::NotTold(_, reply), Outcome::Done) => reply.send(Ok(())),
            (command, _) => Command::Letters(command).refuse(&QueueError::Closed),
        }
    }
}
