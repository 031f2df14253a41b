//! What is remembered beside the jobs: records of workloads, who is signed in, tags that were announced, how the brake
//! stands, and what was learnt elsewhere. Each entry is read and written where it stands; nothing of it is kept in memory.

mod announced;
mod moving;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::bucket::{Bucket, Entry, Refused, Seen, Write, hashed};
use super::error::{NatsError, failure};
use super::room::Room;
use crate::ambient::Ambient;
use crate::domain::fleet::Brake;
use crate::domain::hex;
use crate::domain::settings::Fingerprint;
use crate::domain::workload::ObjectName;
use crate::queue::command::{Command, Keeping, SignInCommand};
use crate::queue::losses::REMEMBER_GONE;
use crate::queue::{AnswerWrite, Answering, QueueError, Remembered, Sightings, SignIn, Written, WrittenOn};
use crate::telemetry::chain;

/// The most bytes that are kept of what was learnt elsewhere; one value has at most an eighth of it.
pub(super) const MOST_KEPT: i64 = 16 * 1024 * 1024;
/// A record that nobody asks for is remembered this long.
const REMEMBERED: Duration = Duration::from_secs(180 * 24 * 3600);
/// One that is asked for is written anew once in this time, so that it is remembered on.
const USED_AGAIN: TimeDelta = TimeDelta::days(7);
/// So many of one person are signed in; the oldest go.
const MOST_OF_ONE: usize = 20;
/// So many entries are asked for side by side.
const MOST_ASKED: usize = 64;
/// So often others may be faster with the same entry.
const MOST_TRIES: u32 = 32;
/// Under which the buckets say which they are.
const IDENTITY: &str = "identity";
/// Where the brake stands.
const BRAKE: &str = "brake";

/// What is remembered beside the jobs. Clones share it.
#[derive(Clone)]
pub(super) struct Tables {
    /// What may not be lost.
    pub(super) state: Bucket,
    /// What can be asked again.
    pub(super) kept: Bucket,
    /// How full the bucket of what may not be lost is.
    pub(super) room: Arc<Mutex<Room>>,
    pub(super) ambient: Ambient,
}

/// The record of a workload as it is stored.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Record {
    uid: String,
    sequence: u64,
    record: String,
    history: String,
    settings: Option<u64>,
    answering: Option<Answer>,
    /// Whether the workload was seen to be deleted.
    gone: bool,
    /// See [`Written::of`].
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<String>,
}

#[derive(Clone, PartialEq, Serialize, Deserialize)]
struct Answer {
    sequence: u64,
    on: On,
    container: String,
}

#[derive(Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum On {
    Generation(i64),
    Version(u64),
}

impl From<Record> for Written {
    fn from(stored: Record) -> Self {
        let Record { sequence, record, history, settings, answering, place, .. } = stored;
        let (settings, answering) = (settings.map(Fingerprint::stored), answering.map(Answering::from));
        let of = place.and_then(|place| ObjectName::read(&place));
        Self { sequence, record, history, settings, answering, of }
    }
}

impl From<Answering> for Answer {
    fn from(answering: Answering) -> Self {
        let on = match answering.on {
            WrittenOn::Generation(generation) => On::Generation(generation),
            WrittenOn::Version(version) => On::Version(version),
        };
        Self { sequence: answering.sequence, on, container: answering.container.into() }
    }
}

impl From<Answer> for Answering {
    fn from(answer: Answer) -> Self {
        let on = match answer.on {
            On::Generation(generation) => WrittenOn::Generation(generation),
            On::Version(version) => WrittenOn::Version(version),
        };
        Self { sequence: answer.sequence, on, container: answer.container.into() }
    }
}

/// Somebody who is signed in.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct SignedIn {
    what: String,
    until: i64,
    /// Whose it is; nothing where an older version wrote it.
    #[serde(skip_serializing_if = "String::is_empty")]
    person: String,
}

/// Who is signed in of one person, the newest last.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct OfOne(Vec<String>);

/// What was learnt elsewhere.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Learnt {
    key: String,
    value: String,
    until: i64,
}

/// An entry's value, where there is one.
///
/// # Errors
/// [`NatsError::Unreadable`] where a newer version wrote it, or a hand: that is not as if nothing were there.
fn known<T: DeserializeOwned>(key: &str, entry: &Entry) -> Result<Option<T>, NatsError> {
    let read = entry.value.as_deref().map(serde_json::from_slice).transpose();
    read.map_err(|_| NatsError::Unreadable(key.to_owned()))
}

fn written(value: &impl Serialize) -> Bytes {
    serde_json::to_vec(value).unwrap_or_default().into()
}

/// Writes an entry whatever stands there.
async fn overwrite(bucket: &Bucket, key: &str, value: &Bytes, lives: Option<Duration>) -> Result<(), NatsError> {
    for tried in 0..MOST_TRIES {
        let expected = bucket.read(key).await?.revision;
        let write = Write { key: key.to_owned(), expected, value: Some(value.clone()), lives };
        match bucket.commit(&[write]).await {
            Ok(_) => return Ok(()),
            Err(Refused::Conflict) => bucket.let_others_go(tried).await,
            Err(Refused::Failed(error)) => return Err(error),
        }
    }
    Err(NatsError::Contended(bucket.name().to_owned()))
}

fn is_identity(text: &str) -> bool {
    text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// See [`Tables::identity`]; nothing is written.
pub(super) async fn identity_in(state: &Bucket) -> Option<String> {
    let entry = state.read(IDENTITY).await.ok()?;
    known(IDENTITY, &entry).ok().flatten().filter(|text: &String| is_identity(text))
}

impl Tables {
    /// Does what is asked, and replies. Nothing for what is about jobs, which is given back.
    pub(super) async fn execute(self, command: Command) {
        match command {
            Command::Recall(key, reply) => reply.send(self.recall(&key).await.map_err(failure)),
            Command::Keep(keeping, reply) => reply.send(self.keep(*keeping).await.map_err(failure)),
            Command::Newest(uid, reply) => reply.send(self.newest(&uid).await.map_err(failure)),
            Command::Workloads(reply) => reply.send(self.workloads().await.map_err(failure)),
            Command::Remember(remembered, reply) => {
                let (uid, written) = *remembered;
                reply.send(self.remember(&uid, written).await.map_err(failure));
            }
            Command::Answering(uid, write, reply) => reply.send(self.answering(&uid, write).await.map_err(failure)),
            Command::Seen(seen, reply) => reply.send(self.seen(&seen).await.map_err(failure)),
            Command::Brake(reply) => reply.send(self.brake().await.map_err(failure)),
            Command::RememberBrake(brake, reply) => reply.send(self.remember_brake(&brake).await.map_err(failure)),
            Command::Announced(repository, reply) => reply.send(self.announced(&repository).await.map_err(failure)),
            Command::SignIns(SignInCommand::Remember(sign_in, reply)) => {
                reply.send(self.remember_sign_in(*sign_in).await.map_err(failure));
            }
            Command::SignIns(SignInCommand::Find(id, reply)) => reply.send(self.sign_in(id).await.map_err(failure)),
            Command::SignIns(SignInCommand::Forget(id, reply)) => {
                reply.send(self.forget_sign_in(id).await.map_err(failure));
            }
            Command::Move(command) => self.execute_move(command).await,
            other => other.refuse(&QueueError::Closed),
        }
    }

    /// Changes an entry that can be read where nobody is faster, and again where somebody was. Nothing is written where `change` leaves it as
    /// it is; where it gives nothing, the entry goes.
    async fn change<T: DeserializeOwned + Serialize + Default + Clone + PartialEq>(
        &self,
        key: &str,
        lives: Option<Duration>,
        change: impl Fn(&mut T) -> bool,
    ) -> Result<T, NatsError> {
        for tried in 0..MOST_TRIES {
            let entry = self.state.read(key).await?;
            let before: Option<T> = known(key, &entry)?;
            let mut after = before.clone().unwrap_or_default();
            let stays = change(&mut after);
            if (stays && before.as_ref() == Some(&after)) || (!stays && before.is_none()) {
                return Ok(after);
            }
            let value = stays.then(|| written(&after));
            let bytes = value.as_ref().map_or(0, Bytes::len);
            let write = Write { key: key.to_owned(), expected: entry.revision, value, lives };
            match self.state.commit(&[write]).await {
                Ok(_) => {
                    self.room().wrote(1, bytes);
                    return Ok(after);
                }
                Err(Refused::Conflict) => self.state.let_others_go(tried).await,
                Err(Refused::Failed(error)) => return Err(error),
            }
        }
        Err(NatsError::Contended(self.state.name().to_owned()))
    }

    fn room(&self) -> MutexGuard<'_, Room> {
        self.room.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether so much of the bucket is taken that the rest is for records.
    async fn is_scarce(&self) -> Result<bool, NatsError> {
        if !self.room().is_scarce() {
            return Ok(false);
        }
        let standing = self.state.standing().await?;
        let mut room = self.room();
        room.asked(&standing);
        Ok(room.is_scarce())
    }

    // === records ===

    fn record(uid: &str) -> String {
        format!("record.{}", hashed(uid))
    }

    async fn newest(&self, uid: &str) -> Result<Option<Written>, NatsError> {
        let key = Self::record(uid);
        let entry = self.state.read(&key).await?;
        let Some(found) = known::<Record>(&key, &entry)?.filter(|found| found.uid == uid) else { return Ok(None) };
        self.use_again(key, &entry, &found).await;
        Ok(Some(Written::from(found)))
    }

    /// Remembers it on, where that is to be said again.
    async fn use_again(&self, key: String, entry: &Entry, found: &Record) {
        if found.gone || self.ambient.now() - entry.written > USED_AGAIN {
            self.write_again(key, entry, found.clone()).await;
        }
    }

    async fn write_again(&self, key: String, entry: &Entry, found: Record) {
        let value = Some(written(&Record { gone: false, ..found }));
        let again = Write { key, expected: entry.revision, value, lives: Some(REMEMBERED) };
        // Whoever is faster writes it anew as well, and what fails is done when it is asked for next.
        let _ = self.state.commit(&[again]).await;
    }

    async fn seen(&self, seen: &Sightings) -> Result<(), NatsError> {
        for id in &seen.watched {
            let key = Self::record(&id.uid);
            let entry = self.state.read(&key).await?;
            // One that can't be read is said where it is asked for.
            let found = known::<Record>(&key, &entry).unwrap_or_default();
            match found.filter(|found| *found.uid == *id.uid) {
                Some(found) if found.place.is_none() => {
                    let place = Some(ObjectName::of(id).to_string());
                    self.write_again(key, &entry, Record { place, ..found }).await;
                }
                Some(found) => self.use_again(key, &entry, &found).await,
                None => {}
            }
        }
        for uid in &seen.deleted {
            self.change(&Self::record(uid), REMEMBER_GONE.to_std().ok(), |record: &mut Record| {
                record.gone = *record.uid == **uid;
                record.gone
            })
            .await?;
        }
        Ok(())
    }

    async fn workloads(&self) -> Result<Vec<Remembered>, NatsError> {
        let all = self.state.all("record.").await?;
        let read = |Seen { key, value, .. }: Seen| {
            let read = serde_json::from_slice::<Record>(&value?);
            read.inspect_err(|_| tracing::warn!(error = %NatsError::Unreadable(key), "this record is left alone")).ok()
        };
        let remembered = |Record { uid, sequence, place, gone, .. }: Record| {
            let of = place.filter(|_| !gone).and_then(|place| ObjectName::read(&place));
            Remembered { uid: uid.into(), sequence, of }
        };
        Ok(all.into_iter().filter_map(read).map(remembered).collect())
    }

    async fn remember(&self, uid: &str, written: Written) -> Result<(), NatsError> {
        let key = Self::record(uid);
        let changed = self.change(&key, Some(REMEMBERED), |record: &mut Record| {
            if record.uid == uid && record.sequence > written.sequence {
                return true;
            }
            let answering = record.answering.take().filter(|answer| answer.sequence > written.sequence);
            let before = record.place.take().filter(|_| record.uid == uid);
            *record = Record {
                uid: uid.to_owned(),
                sequence: written.sequence,
                record: written.record.clone(),
                history: written.history.clone(),
                settings: written.settings.map(Fingerprint::number),
                answering,
                gone: false,
                place: written.of.as_ref().map(ToString::to_string).or(before),
            };
            true
        });
        changed.await.map(drop)
    }

    async fn answering(&self, uid: &str, write: AnswerWrite) -> Result<(), NatsError> {
        let key = Self::record(uid);
        let changed = self.change(&key, Some(REMEMBERED), |record: &mut Record| {
            uid.clone_into(&mut record.uid);
            let before = record.answering.take().map(Answering::from);
            record.answering = write.clone().after(before).map(Answer::from);
            true
        });
        changed.await.map(drop)
    }

    async fn brake(&self) -> Result<Brake, NatsError> {
        // One that can't be read is not as if nothing were stopped.
        Ok(known(BRAKE, &self.state.read(BRAKE).await?)?.unwrap_or_default())
    }

    async fn remember_brake(&self, brake: &Brake) -> Result<(), NatsError> {
        overwrite(&self.state, BRAKE, &written(brake), None).await
    }

    // === who is signed in ===

    fn signed_in(id: &str) -> String {
        format!("signin.{id}")
    }

    async fn remember_sign_in(&self, sign_in: SignIn) -> Result<(), NatsError> {
        if self.is_scarce().await? {
            return Err(NatsError::Scarce(self.state.name().to_owned()));
        }
        let SignIn { id, person, what, until } = sign_in;
        let (id, lives) = (hex::encode(&id), self.lives(until));
        let signed_in = SignedIn { what, until: until.timestamp_millis(), person: person.clone() };
        self.change(&Self::signed_in(&id), lives, |known: &mut SignedIn| {
            known.clone_from(&signed_in);
            true
        })
        .await?;
        let key = format!("person.{}", hashed(&person));
        let mut too_many = Vec::new();
        let entry = self.state.read(&key).await?;
        let before: OfOne = known(&key, &entry)?.unwrap_or_default();
        let all = before.0.iter().filter(|known| **known != id).chain([&id]).cloned().collect::<Vec<_>>();
        too_many.extend(all.iter().rev().skip(MOST_OF_ONE).cloned());
        self.change(&key, lives, |known: &mut OfOne| {
            known.0.retain(|known| *known != id && !too_many.contains(known));
            known.0.push(id.clone());
            true
        })
        .await?;
        for old in too_many {
            self.change(&Self::signed_in(&old), None, |_: &mut SignedIn| false).await?;
        }
        Ok(())
    }

    async fn sign_in(&self, id: [u8; 32]) -> Result<Option<String>, NatsError> {
        let key = Self::signed_in(&hex::encode(&id));
        let found: Option<SignedIn> = known(&key, &self.state.read(&key).await?)?;
        let now = self.ambient.now().timestamp_millis();
        Ok(found.filter(|found| found.until > now).map(|found| found.what))
    }

    async fn forget_sign_in(&self, id: [u8; 32]) -> Result<(), NatsError> {
        self.change(&Self::signed_in(&hex::encode(&id)), None, |_: &mut SignedIn| false).await.map(drop)
    }

    /// How long something lives that ends then.
    fn lives(&self, until: DateTime<Utc>) -> Option<Duration> {
        (until - self.ambient.now()).to_std().ok()
    }

    // === what was learnt elsewhere ===

    /// What tells these buckets from others of the same names on another NATS: written once, by whoever opens them first. Nothing
    /// where that can't be read or written, as nothing that is owed hangs on it.
    pub(super) async fn identity(&self) -> Option<String> {
        for _ in 0..MOST_TRIES {
            let entry = self.state.read(IDENTITY).await.ok()?;
            if let Some(identity) = known(IDENTITY, &entry).ok().flatten().filter(|text: &String| is_identity(text)) {
                return Some(identity);
            }
            let value = Some(written(&hex::encode(&self.ambient.bytes::<4>())));
            let write = Write { key: IDENTITY.to_owned(), expected: entry.revision, value, lives: None };
            if let Err(Refused::Failed(error)) = self.state.commit(&[write]).await {
                tracing::warn!(error = %chain(&error), "nothing tells these buckets from others of the same names now");
                return None;
            }
        }
        None
    }

    /// Has buckets that were made anew under running replicas say what they said: those that start later are their replicas.
    pub(super) async fn keep_identity(&self, identity: &str) {
        let Ok(entry) = self.state.read(IDENTITY).await else { return };
        if entry.value.is_none() {
            let (key, value) = (IDENTITY.to_owned(), Some(written(&identity)));
            // Another may be faster, or it is tried again.
            let _ = self.state.commit(&[Write { key, expected: entry.revision, value, lives: None }]).await;
        }
    }

    async fn recall(&self, key: &str) -> Result<Option<String>, NatsError> {
        let place = hashed(key);
        let found: Option<Learnt> = known(&place, &self.kept.read(&place).await?).unwrap_or_default();
        let now = self.ambient.now().timestamp_millis();
        Ok(found.filter(|found| found.key == key && found.until > now).map(|found| found.value))
    }

    async fn keep(&self, keeping: Keeping) -> Result<(), NatsError> {
        let Keeping { key, value, until } = keeping;
        if i64::try_from(key.len() + value.len()).unwrap_or(i64::MAX) > MOST_KEPT / 32 {
            return Ok(());
        }
        let place = hashed(&key);
        let learnt = written(&Learnt { key, value, until: until.timestamp_millis() });
        match overwrite(&self.kept, &place, &learnt, self.lives(until)).await {
            // Others learnt it, too.
            Err(NatsError::Contended(_)) => Ok(()),
            kept => kept,
        }
    }
}
