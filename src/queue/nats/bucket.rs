//! A bucket of JetStream: entries by key, written only where nobody was faster, several of them at once or none.
//!
//! It is a key-value bucket as other tools know it. What it adds to their API is the atomic batch: all entries of a commit
//! are checked against their expected revisions and stored together (server 2.12 and newer).

mod following;
mod setup;
mod standing;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_nats::Client;
use async_nats::connection::State;
use async_nats::header::{
    HeaderMap, HeaderValue, NATS_BATCH_COMMIT, NATS_BATCH_ID, NATS_BATCH_SEQUENCE, NATS_EXPECTED_LAST_SUBJECT_SEQUENCE,
    NATS_MARKER_REASON, NATS_MESSAGE_TTL,
};
use async_nats::jetstream::consumer::{DeliverPolicy, push};
use async_nats::jetstream::context::{
    Context, CreateStreamError, CreateStreamErrorKind, PublishError, PublishErrorKind,
};
use async_nats::jetstream::stream::{Config, ConsumerErrorKind, LastRawMessageErrorKind, Stream};
use async_nats::jetstream::{ErrorCode, kv};
use bytes::Bytes;
use chrono::{DateTime, Utc};

use super::error::NatsError;
use crate::ambient::Ambient;
use crate::domain::hex;

pub(super) use following::{Following, Seen};
pub(super) use setup::{config, differences};
pub(super) use standing::Standing;

/// No call takes longer.
pub(super) const CALL: Duration = Duration::from_secs(5);
/// The most entries that a server stores at once, as it is configured by default.
pub(super) const MOST_AT_ONCE: usize = 1000;
/// That an entry is gone is remembered by the server for this long, so that whoever was away for less learns it.
const GONE: Duration = Duration::from_secs(3600);
/// The most bytes of one entry; servers take a mebibyte with its headers.
const MOST_OF_ONE: i32 = 1024 * 1024 - 16 * 1024;
/// By which JetStream says that it can't do something now.
const UNAVAILABLE: usize = 503;
/// The bytes of the headers of an entry, at most.
const HEADERS: usize = 1024;
/// The most bytes of one commit; a server has to have taken it before [`CALL`] is over.
pub(super) const MOST_BYTES_AT_ONCE: usize = 8 * 1024 * 1024;
/// The bounds of the waits between tries in which others were faster.
const SHORTEST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(64);
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

/// What may be done with buckets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Usage {
    /// All of it: they are made where they are missing, and what is over is dropped.
    Whole,
    /// They are read as they are.
    ReadOnly,
}

/// A bucket. Clones share it.
#[derive(Clone)]
pub(super) struct Bucket {
    pub(super) client: Client,
    context: Context,
    pub(super) stream: Stream,
    kv: kv::Store,
    /// As it is made.
    wanted: Arc<Config>,
    pub(super) usage: Usage,
    /// How often it was made anew, as somebody had deleted it.
    remade: Arc<AtomicU64>,
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

/// Whether a server that refused to make a bucket may do it later: when it has found the others, or is up.
fn passes(error: &CreateStreamError) -> bool {
    match error.kind() {
        CreateStreamErrorKind::JetStream(error) => {
            error.code() == UNAVAILABLE || error.error_code() == ErrorCode::CLUSTER_NO_PEERS
        }
        CreateStreamErrorKind::TimedOut
        | CreateStreamErrorKind::Response
        | CreateStreamErrorKind::JetStreamUnavailable => true,
        _ => false,
    }
}

/// Ends what takes too long.
pub(super) async fn within<T>(call: impl Future<Output = Result<T, NatsError>>) -> Result<T, NatsError> {
    tokio::time::timeout(CALL, call).await.unwrap_or(Err(NatsError::Late(CALL.as_secs())))
}

impl Bucket {
    /// Opens a bucket, which is made where it is missing, if that may be.
    ///
    /// # Errors
    /// [`NatsError`] where it can't be made, or is there with other settings.
    pub(super) async fn open(
        (client, context): (&Client, &Context),
        (prefix, replicas): (&str, usize),
        shape: Shape,
        usage: Usage,
        ambient: &Ambient,
    ) -> Result<Self, NatsError> {
        let name = format!("{prefix}-{}", shape.name);
        let wanted = config(&name, shape, replicas);
        let failed = |source, passes| NatsError::Bucket { bucket: name.clone(), replicas, passes, source };
        let opened = async {
            let stream = match usage {
                Usage::ReadOnly => context.get_stream(&wanted.name).await.map_err(|it| {
                    let passes = !standing::is_missing(&it.kind());
                    failed(it.into(), passes)
                })?,
                // It is made, or is there with these settings; with others it is refused, and then they are read.
                Usage::Whole => match context.create_stream(wanted.clone()).await {
                    Ok(stream) => stream,
                    Err(refused) => {
                        let passes = passes(&refused);
                        context.get_stream(&wanted.name).await.map_err(|_| failed(refused.into(), passes))?
                    }
                },
            };
            let differences = differences(&stream.cached_info().config, &wanted);
            if !differences.is_empty() {
                return Err(NatsError::OtherSettings { bucket: name.clone(), differences });
            }
            let kv = context.get_key_value(&name).await.map_err(|source| failed(source.into(), true))?;
            Ok((stream, kv))
        };
        let (stream, kv) = within(opened).await?;
        let (client, context, ambient) = (client.clone(), context.clone(), ambient.clone());
        Ok(Self { client, context, stream, kv, wanted: Arc::new(wanted), usage, remade: Arc::default(), ambient })
    }

    /// How often it was made anew.
    pub(super) fn remade(&self) -> u64 {
        self.remade.load(Ordering::Relaxed)
    }

    /// The most bytes of an entry, by the server that is connected, without its headers.
    pub(super) fn most_of_one(&self) -> usize {
        let most = usize::try_from(MOST_OF_ONE).unwrap_or_default();
        match self.client.max_payload() {
            0 => most,
            payload => payload.saturating_sub(HEADERS).min(most),
        }
    }

    /// Its name.
    pub(super) fn name(&self) -> &str {
        &self.kv.name
    }

    pub(super) fn subject(&self, key: &str) -> String {
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
                Err(error) if matches!(error.kind(), LastRawMessageErrorKind::JetStream(ref it) if is_no_stream(it)) => {
                    Err(NatsError::Gone(self.name().to_owned()))
                }
                Err(error) => Err(NatsError::refused("to read an entry")(error)),
            }
        };
        match within(read).await {
            Err(NatsError::Gone(_)) if self.mend().await? => {
                Ok(Entry { revision: 0, value: None, written: DateTime::UNIX_EPOCH })
            }
            read => read,
        }
    }

    /// Follows entries whose keys begin so: first what stands in the bucket, then each change.
    ///
    /// # Errors
    /// [`NatsError`] where they can't be followed.
    pub(super) async fn follow(&self, begin: &str) -> Result<Following, NatsError> {
        match self.try_to_follow(begin).await {
            Err(NatsError::Gone(_)) if self.mend().await? => self.try_to_follow(begin).await,
            followed => followed,
        }
    }

    async fn try_to_follow(&self, begin: &str) -> Result<Following, NatsError> {
        let followed = push::OrderedConfig {
            deliver_subject: self.client.new_inbox(),
            description: Some("image-watcher follows its bucket".into()),
            filter_subject: format!("{}>", self.subject(begin)),
            deliver_policy: DeliverPolicy::LastPerSubject,
            ..push::OrderedConfig::default()
        };
        within(async {
            let consumer = self.stream.create_consumer(followed).await.map_err(|error| match error.kind() {
                ConsumerErrorKind::JetStream(ref it) if is_no_stream(it) => NatsError::Gone(self.name().to_owned()),
                _ => NatsError::refused("to be followed")(error),
            })?;
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
        match self.try_to_commit(writes).await {
            // Where nobody can tell whether it is there, nobody answers for it.
            Err(Refused::Failed(NatsError::Gone(_))) if self.mend().await.unwrap_or(false) => {
                self.try_to_commit(writes).await
            }
            committed => committed,
        }
    }

    /// Waits after a try in which others were faster, for a part of a time that doubles with each: whoever is told to try again
    /// at once is told so by the same others again.
    pub(super) async fn let_others_go(&self, tried: u32) {
        let most = SHORTEST_PAUSE.saturating_mul(2_u32.saturating_pow(tried)).min(LONGEST_PAUSE);
        tokio::time::sleep(most.mul_f64(self.ambient.jitter())).await;
    }

    async fn try_to_commit(&self, writes: &[Write]) -> Result<u64, Refused> {
        self.is_there().map_err(Refused::Failed)?;
        let Some((last, others)) = writes.split_last() else { return Ok(0) };
        let batch = (!others.is_empty()).then(|| hex::encode(&self.ambient.bytes::<16>()));
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
            (PublishErrorKind::StreamNotFound, _) => Refused::Failed(NatsError::Gone(self.name().to_owned())),
            (PublishErrorKind::TimedOut, _) => Refused::Failed(NatsError::Late(CALL.as_secs())),
            (PublishErrorKind::BrokenPipe, _) => Refused::Failed(NatsError::Away),
            _ => Refused::Failed(NatsError::refused("an entry")(error)),
        }
    }
}

pub(super) fn is_no_stream(error: &async_nats::jetstream::Error) -> bool {
    error.error_code() == ErrorCode::STREAM_NOT_FOUND
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

/// The key of what has this name, whatever characters that has.
pub(super) fn hashed(name: &str) -> String {
    use sha2::{Digest as _, Sha256};
    let digest = Sha256::digest(name.as_bytes());
    hex::encode(digest.get(..16).unwrap_or_default())
}
