//! What is remembered beside the jobs, for another store; see [`crate::queue::moving`].

use serde::de::DeserializeOwned;

use super::{Learnt, OfOne, Record, SignedIn, Tables, known, overwrite, written};
use crate::queue::command::MoveCommand;
use crate::queue::moving::{Beside, Exported, Mark, Part};
use crate::queue::nats::bucket::{Refused, Seen, Write};
use crate::queue::nats::error::{NatsError, failure};
use crate::queue::row::moment;
use crate::queue::{QueueError, SignIn, Written};

/// Where the mark of a move stands.
const MARK: &str = "move";
/// What else stands in the bucket of what is remembered.
const ALL_BUT_THE_MARK: [&str; 5] = ["record.>", "signin.>", "person.>", "announced.>", super::BRAKE];

/// Entries as they are read, and how many can't be.
fn read_all<T: DeserializeOwned>(all: Vec<Seen>) -> (Vec<(String, T)>, u64) {
    let (mut read, mut sealed) = (Vec::new(), 0);
    for Seen { key, value, .. } in all {
        match value.map(|value| serde_json::from_slice(&value)) {
            None => {}
            Some(Ok(entry)) => read.push((key, entry)),
            Some(Err(_)) => {
                tracing::warn!(error = %NatsError::Unreadable(key), "it is not moved, and stays where it is");
                sealed += 1;
            }
        }
    }
    (read, sealed)
}

impl Tables {
    /// Does what is asked, and replies. What is about jobs is done elsewhere.
    pub(super) async fn execute_move(&self, command: MoveCommand) {
        match command {
            MoveCommand::Beside(part, _, _, reply) => reply.send(self.export(part).await.map_err(failure)),
            MoveCommand::Mark(reply) => reply.send(self.mark().await.map_err(failure)),
            MoveCommand::SetMark(mark, reply) => reply.send(self.set_mark(*mark).await.map_err(failure)),
            other => other.refuse(QueueError::Closed),
        }
    }

    async fn export(&self, part: Part) -> Result<Exported<Beside>, NatsError> {
        let (items, sealed) = match part {
            Part::Records => {
                let (all, sealed) = read_all::<Record>(self.state.all("record.").await?);
                (all.into_iter().map(|(_, record)| of_record(record)).collect(), sealed)
            }
            Part::SignIns => self.export_sign_ins().await?,
            Part::Announced => {
                let (all, sealed) = self.all_announced().await?;
                (all.into_iter().map(Beside::Announced).collect(), sealed)
            }
            Part::Learnt => {
                let (all, sealed) = read_all::<Learnt>(self.kept.all("").await?);
                let now = self.ambient.now().timestamp_millis();
                let all = all.into_iter().map(|(_, learnt)| learnt).filter(|learnt| learnt.until > now);
                let item = |Learnt { key, value, until }| Beside::Learnt { key, value, until: moment(until) };
                (all.map(item).collect(), sealed)
            }
        };
        Ok(Exported { items, next: None, sealed })
    }

    /// Of each person the oldest first.
    async fn export_sign_ins(&self) -> Result<(Vec<Beside>, u64), NatsError> {
        let (people, strange) = read_all::<OfOne>(self.state.all("person.").await?);
        let (mut all, mut sealed) = (Vec::new(), strange);
        let now = self.ambient.now().timestamp_millis();
        for (person, OfOne(ids)) in people {
            for id in ids {
                let key = Self::signed_in(&id);
                let Ok(found) = known::<SignedIn>(&key, &self.state.read(&key).await?) else {
                    sealed += 1;
                    continue;
                };
                let Some((id, found)) = unhex(&id).zip(found.filter(|found| found.until > now)) else { continue };
                // Of those that older versions wrote, no more is known than that they are one person.
                let person = if found.person.is_empty() { person.clone() } else { found.person };
                all.push(Beside::SignIn(SignIn { id, person, what: found.what, until: moment(found.until) }));
            }
        }
        Ok((all, sealed))
    }

    /// What the store says of a move.
    pub(in crate::queue::nats) async fn mark(&self) -> Result<Option<Mark>, NatsError> {
        known(MARK, &self.state.read(MARK).await?)
    }

    async fn set_mark(&self, mark: Option<Mark>) -> Result<(), NatsError> {
        if let Some(mark) = mark {
            return overwrite(&self.state, MARK, &written(&mark), None).await;
        }
        let expected = self.state.read(MARK).await?.revision;
        let write = Write { key: MARK.to_owned(), expected, value: None, lives: None };
        let gone = self.state.commit(&[write]).await;
        gone.map(drop).map_err(|refused| match refused {
            Refused::Conflict => NatsError::Contended(self.state.name().to_owned()),
            Refused::Failed(error) => error,
        })
    }

    /// Drops all that is remembered but the mark.
    pub(in crate::queue::nats) async fn empty(&self) -> Result<(), NatsError> {
        for keys in ALL_BUT_THE_MARK {
            self.state.purge(keys).await?;
        }
        self.kept.purge(">").await
    }
}

fn of_record(mut record: Record) -> Beside {
    let (uid, gone) = (std::mem::take(&mut record.uid), record.gone);
    Beside::Record { uid, written: Written::from(record), gone }
}

/// Bytes as a key has them.
fn unhex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some(bytes)
}
