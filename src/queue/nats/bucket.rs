//! A bucket of JetStream: entries by key, written only where nobody was faster, several of them at once or none.
//!
//! It is a key-value bucket as other tools know it. What it adds to their API is the atomic batch: all entries of a commit
//! are checked against their expected revisions and stored together (server 2.12 and newer).

use std::time::Duration;

use async_nats::Client;
use async_nats::connection::State;
use async_nats::header::{
    HeaderMap, HeaderValue, NATS_BATCH_COMMIT, NATS_BATCH_ID, NATS_BATCH_SEQUENCE, NATS_EXPECTED_LAST_SUBJECT_SEQUENCE,
    NATS_MARKER_REASON, NATS_MESSAGE_TTL,
};
use async_nats::jetstream::consumer::{DeliverPolicy, push};
use async_nats::jetstream::context::{Context, PublishError, PublishErrorKind};
use async_nats::jetstream::stream::{Config, DiscardPolicy, LastRawMessageErrorKind, StorageType, Stream};
use async_nats::jetstream::{ErrorCode, Message, kv};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures_util::StreamExt as _;

use super::error::NatsError;
use crate::ambient::Ambient;

/// No call takes longer.
pub(super) const CALL: Duration = Duration::from_secs(5);
/// To read a bucket from its beginning takes no longer.
const READ_ALL: Duration = Duration::from_secs(60);
/// The most entries that a server stores at once, as it is configured by default.
pub(super) const MOST_AT_ONCE: usize = 1000;
/// That an entry is gone is remembered by the server for this long, so that whoever was away for less learns it.
const GONE: Duration = Duration::from_secs(3600);
/// The most bytes of one entry; servers take a mebibyte with its headers.
const MOST_OF_ONE: i32 = 1024 * 1024 - 16 * 1024;
/// What marks an entry of a bucket that is gone.
const OPERATION: &str = "KV-Operation";

/// What a bucket is for.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    /// What its name ends with.
    pub(super) name: &'static str,
    /// The most bytes of it.
    pub(super) bytes: i64,
    /// Whether what was written first makes way when it is full; what is owed is refused instead.
    pub(super) makes_way: bool,
}

/// A bucket. Clones share it.
#[derive(Clone)]
pub(super) struct Bucket {
    pub(super) client: Client,
    context: Context,
    stream: Stream,
    kv: kv::Store,
    ambient: Ambient,
}

/// What stands under a key.
pub(super) struct Entry {
    /// Its revision, by which it may be changed; 0 where there never was one.
    pub(super) revision: u64,
    /// Its value; nothing where it is gone.
    pub(super) value: Option<Bytes>,
    /// When it was written, by the server's clock.
    pub(super) written: DateTime<Utc>,
}

/// Entries as they were written, one after another.
pub(super) struct Following {
    messages: push::Ordered,
    /// Whether all was seen that stood in the bucket when it began.
    is_current: bool,
    /// Whether nothing more comes, and it has to be followed anew.
    pub(super) is_over: bool,
    prefix: String,
}

/// What was written under a key.
pub(super) struct Seen {
    pub(super) key: String,
    pub(super) revision: u64,
    /// The value; nothing where it is gone.
    pub(super) value: Option<Bytes>,
}

impl Following {
    /// What was written next; it is waited for without end where it is over.
    ///
    /// # Errors
    /// [`NatsError`] where one was missed; the next is read by itself.
    pub(super) async fn next(&mut self) -> Result<Seen, NatsError> {
        if self.is_over {
            return std::future::pending().await;
        }
        match self.messages.next().await {
            Some(Ok(message)) => self.seen(&message),
            Some(Err(error)) => Err(NatsError::refused("to be followed")(error)),
            None => {
                self.is_over = true;
                Err(NatsError::Away)
            }
        }
    }

    /// All that stood in the bucket when it began.
    ///
    /// # Errors
    /// [`NatsError`] where it can't be read, or takes too long.
    pub(super) async fn read_to_end(&mut self) -> Result<Vec<Seen>, NatsError> {
        let read = async {
            let mut all = Vec::new();
            while !self.is_current {
                all.push(self.next().await?);
            }
            Ok(all)
        };
        tokio::time::timeout(READ_ALL, read).await.unwrap_or(Err(NatsError::Late(READ_ALL.as_secs())))
    }

    fn seen(&mut self, message: &Message) -> Result<Seen, NatsError> {
        let info = message.info().map_err(NatsError::refused("to be followed"))?;
        self.is_current |= info.pending == 0;
        let subject = message.subject.as_str();
        let key = subject.strip_prefix(&self.prefix).unwrap_or(subject).to_owned();
        let value = Some(message.payload.clone()).filter(|_| !is_gone(message.headers.as_ref()));
        Ok(Seen { key, revision: info.stream_sequence, value })
    }
}

/// What is to stand under a key.
pub(super) struct Write {
    pub(super) key: String,
    /// Only where the entry has this revision.
    pub(super) expected: u64,
    /// The value; nothing where it is to go.
    pub(super) value: Option<Bytes>,
    /// After which it goes by itself.
    pub(super) lives: Option<Duration>,
}

/// Why a commit was not done, or may not have been.
pub(super) enum Refused {
    /// Somebody was faster with one of the entries, and nothing was written.
    Conflict,
    /// Anything else.
    Failed(NatsError),
}

/// Ends what takes too long.
async fn within<T>(call: impl Future<Output = Result<T, NatsError>>) -> Result<T, NatsError> {
    tokio::time::timeout(CALL, call).await.unwrap_or(Err(NatsError::Late(CALL.as_secs())))
}

impl Bucket {
    /// Opens a bucket, which is made where it is missing.
    ///
    /// # Errors
    /// [`NatsError`] where it can't be made, or is there with other settings.
    pub(super) async fn open(
        (client, context): (&Client, &Context),
        prefix: &str,
        shape: Shape,
        replicas: usize,
        ambient: &Ambient,
    ) -> Result<Self, NatsError> {
        let name = format!("{prefix}-{}", shape.name);
        let wanted = config(&name, shape, replicas);
        let failed = |source| NatsError::Bucket { bucket: name.clone(), replicas, source };
        let opened = async {
            // It is made, or is there with these settings; with others it is refused, and then they are read.
            let stream = match context.create_stream(wanted.clone()).await {
                Ok(stream) => stream,
                Err(refused) => context.get_stream(&wanted.name).await.map_err(|_| failed(refused.into()))?,
            };
            let differences = differences(&stream.cached_info().config, &wanted);
            if !differences.is_empty() {
                return Err(NatsError::OtherSettings { bucket: name.clone(), differences });
            }
            let kv = context.get_key_value(&name).await.map_err(|source| failed(source.into()))?;
            Ok((stream, kv))
        };
        let (stream, kv) = within(opened).await?;
        Ok(Self { client: client.clone(), context: context.clone(), stream, kv, ambient: ambient.clone() })
    }

    /// Its name.
    pub(super) fn name(&self) -> &str {
        &self.kv.name
    }

    fn subject(&self, key: &str) -> String {
        format!("{}{key}", self.kv.prefix)
    }

    /// Whether anything can be asked now.
    ///
    /// # Errors
    /// [`NatsError::Away`] where nothing can.
    pub(super) fn is_there(&self) -> Result<(), NatsError> {
        if self.client.connection_state() == State::Connected { Ok(()) } else { Err(NatsError::Away) }
    }

    /// What stands under a key now, by the server that leads.
    ///
    /// # Errors
    /// [`NatsError`] where that can't be told.
    pub(super) async fn read(&self, key: &str) -> Result<Entry, NatsError> {
        self.is_there()?;
        let subject = self.subject(key);
        let read = async {
            match self.stream.get_last_raw_message_by_subject(&subject).await {
                Ok(message) => {
                    let is_gone = is_gone(Some(&message.headers));
                    let value = Some(message.payload).filter(|_| !is_gone);
                    Ok(Entry { revision: message.sequence, value, written: message.time })
                }
                Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => {
                    Ok(Entry { revision: 0, value: None, written: DateTime::UNIX_EPOCH })
                }
                Err(error) => Err(NatsError::refused("to read an entry")(error)),
            }
        };
        within(read).await
    }

    /// Follows entries whose keys begin so: first what stands in the bucket, then each change.
    ///
    /// # Errors
    /// [`NatsError`] where they can't be followed.
    pub(super) async fn follow(&self, begin: &str) -> Result<Following, NatsError> {
        let followed = push::OrderedConfig {
            deliver_subject: self.client.new_inbox(),
            description: Some("image-watcher follows its bucket".into()),
            filter_subject: format!("{}>", self.subject(begin)),
            deliver_policy: DeliverPolicy::LastPerSubject,
            ..push::OrderedConfig::default()
        };
        within(async {
            let consumer = self.stream.create_consumer(followed).await.map_err(NatsError::refused("to be followed"))?;
            let is_current = consumer.cached_info().num_pending == 0;
            let messages = consumer.messages().await.map_err(NatsError::refused("to be followed"))?;
            Ok(Following { messages, is_current, is_over: false, prefix: self.kv.prefix.clone() })
        })
        .await
    }

    /// All entries whose keys begin so.
    ///
    /// # Errors
    /// [`NatsError`] where they can't be read.
    pub(super) async fn all(&self, begin: &str) -> Result<Vec<Seen>, NatsError> {
        self.is_there()?;
        self.follow(begin).await?.read_to_end().await
    }

    /// Stores all of it or nothing, where each entry has the revision that is expected. Gives the revision of the first;
    /// those of the others follow it one by one.
    ///
    /// # Errors
    /// [`Refused`]; but for [`Refused::Conflict`], whoever asked has to treat it as not stored and as perhaps stored.
    pub(super) async fn commit(&self, writes: &[Write]) -> Result<u64, Refused> {
        self.is_there().map_err(Refused::Failed)?;
        let Some((last, others)) = writes.split_last() else { return Ok(0) };
        let batch = (!others.is_empty()).then(|| hex(&self.ambient.bytes::<16>()));
        let header = |write: &Write, sequence: usize| {
            let mut headers = headers(write);
            if let Some(batch) = &batch {
                headers.insert(NATS_BATCH_ID, batch.as_str());
                headers.insert(NATS_BATCH_SEQUENCE, HeaderValue::from(sequence as u64));
            }
            headers
        };
        let commit = async {
            for (write, sequence) in others.iter().zip(1..) {
                let value = write.value.clone().unwrap_or_default();
                let sent =
                    self.client.publish_with_headers(self.subject(&write.key), header(write, sequence), value).await;
                sent.map_err(|error| Refused::Failed(NatsError::refused("an entry")(error)))?;
            }
            let mut headers = header(last, writes.len());
            if batch.is_some() {
                headers.insert(NATS_BATCH_COMMIT, "1");
            }
            let value = last.value.clone().unwrap_or_default();
            let sent = self.context.publish_with_headers(self.subject(&last.key), headers, value).await;
            let stored = match sent {
                Ok(acknowledged) => acknowledged.await,
                Err(error) => Err(error),
            };
            stored.map_err(|error| self.refused(error))
        };
        let stored = tokio::time::timeout(CALL, commit).await;
        let stored = stored.unwrap_or(Err(Refused::Failed(NatsError::Late(CALL.as_secs()))))?;
        Ok(stored.sequence.saturating_sub(others.len() as u64))
    }

    fn refused(&self, error: PublishError) -> Refused {
        let code = std::error::Error::source(&error)
            .and_then(|source| source.downcast_ref::<async_nats::jetstream::Error>())
            .map(async_nats::jetstream::Error::error_code);
        match (error.kind(), code) {
            (PublishErrorKind::WrongLastSequence, _) | (_, Some(ErrorCode::STREAM_WRONG_LAST_SEQUENCE_CONSTANT)) => {
                Refused::Conflict
            }
            (_, Some(ErrorCode::STREAM_STORE_FAILED)) => Refused::Failed(NatsError::Full(self.name().to_owned())),
            _ => Refused::Failed(NatsError::refused("an entry")(error)),
        }
    }
}

/// What a bucket is to be.
fn config(name: &str, shape: Shape, replicas: usize) -> Config {
    Config {
        name: format!("KV_{name}"),
        description: Some("what image-watcher has to do, and what it remembers".into()),
        subjects: vec![format!("$KV.{name}.>")],
        max_messages_per_subject: 1,
        max_bytes: shape.bytes,
        max_message_size: MOST_OF_ONE,
        discard: if shape.makes_way { DiscardPolicy::Old } else { DiscardPolicy::New },
        storage: StorageType::File,
        num_replicas: replicas,
        allow_rollup: true,
        allow_direct: true,
        allow_message_ttl: true,
        allow_atomic_publish: true,
        ..Config::default()
    }
}

/// What a bucket has and is not to have, in words.
fn differences(found: &Config, wanted: &Config) -> String {
    let mut all = Vec::new();
    let mut compare = |what: &str, found: String, wanted: String| {
        if found != wanted {
            all.push(format!("{what} is {found} and has to be {wanted}"));
        }
    };
    compare("the number of replicas", found.num_replicas.to_string(), wanted.num_replicas.to_string());
    compare("storage", format!("{:?}", found.storage), format!("{:?}", wanted.storage));
    compare("history", found.max_messages_per_subject.to_string(), wanted.max_messages_per_subject.to_string());
    compare("discard", format!("{:?}", found.discard), format!("{:?}", wanted.discard));
    compare("the bound in bytes", found.max_bytes.to_string(), wanted.max_bytes.to_string());
    compare("atomic publishing", found.allow_atomic_publish.to_string(), true.to_string());
    compare("the life of single entries", found.allow_message_ttl.to_string(), true.to_string());
    compare("the greatest age", format!("{:?}", found.max_age), format!("{:?}", wanted.max_age));
    all.join(", ")
}

/// Whether the headers of an entry say that it is gone.
fn is_gone(headers: Option<&HeaderMap>) -> bool {
    headers.is_some_and(|headers| {
        headers.get(NATS_MARKER_REASON).is_some()
            || headers.get(OPERATION).is_some_and(|operation| matches!(operation.as_str(), "DEL" | "PURGE"))
    })
}

fn headers(write: &Write) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(NATS_EXPECTED_LAST_SUBJECT_SEQUENCE, HeaderValue::from(write.expected));
    let lives = if write.value.is_none() {
        headers.insert(OPERATION, "DEL");
        Some(GONE)
    } else {
        write.lives
    };
    if let Some(lives) = lives {
        headers.insert(NATS_MESSAGE_TTL, format!("{}s", lives.as_secs().max(1)).as_str());
    }
    headers
}

/// Bytes as a key may have them.
pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The key of what has this name, whatever characters that has.
pub(super) fn hashed(name: &str) -> String {
    use sha2::{Digest as _, Sha256};
    let digest = Sha256::digest(name.as_bytes());
    hex(digest.get(..16).unwrap_or_default())
}
