//! Why the store on NATS can't be opened, or did not do what it was asked.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::queue::QueueError;

/// Any other failure of the library.
type Source = Box<dyn std::error::Error + Send + Sync>;

/// Why the store on NATS can't be opened, or did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum NatsError {
    /// Nobody is there, or nobody who takes our name.
    #[error(
        "no NATS server of {servers} takes the connection: look at its address, and at who this is there: user, nkey, \
         credentials or certificate"
    )]
    Connect {
        /// Those that were asked, without what is secret.
        servers: String,
        /// Why.
        #[source]
        source: Source,
    },
    /// Nobody who takes our name, as its time is over.
    #[error(
        "no NATS server of {servers} takes the connection, and {credentials} ended at {at}: put new ones there, which are read \
         at the next connection"
    )]
    Expired {
        /// Those that were asked.
        servers: String,
        /// Which credentials, for people.
        credentials: String,
        /// When.
        at: DateTime<Utc>,
        /// What the server said.
        #[source]
        source: Source,
    },
    /// The server is older than what is relied on.
    #[error(
        "the NATS server has version {found}, and 2.12 or newer is needed: older ones can't write several entries at once"
    )]
    Old {
        /// Its version.
        found: String,
    },
    /// A bucket is there that was made otherwise.
    #[error(
        "the NATS bucket {bucket} exists with other settings: {differences}; change it, or name other buckets with \
         IMAGE_WATCHER_NATS_BUCKET"
    )]
    OtherSettings {
        /// The bucket.
        bucket: String,
        /// What it has, and what it has to have.
        differences: String,
    },
    /// A bucket can't be made, or asked about.
    #[error(
        "the NATS bucket {bucket} can't be made or read: JetStream has to be on, with room for it and {replicas} servers"
    )]
    Bucket {
        /// The bucket.
        bucket: String,
        /// How many servers are to keep it.
        replicas: usize,
        /// Whether it may be possible later without a change of anything.
        passes: bool,
        /// Why.
        #[source]
        source: Source,
    },
    /// No server is connected now.
    #[error("no NATS server is connected")]
    Away,
    /// What one says oneself is not heard.
    #[error(
        "what is published on {0} is not heard, so nobody knows who lives: the user needs the rights to publish and to subscribe \
         there"
    )]
    Unheard(String),
    /// It is not known what became of it.
    #[error("NATS did not answer in {0} s")]
    Late(u64),
    /// The bucket is as large as it may be.
    #[error("the NATS bucket {0} is full")]
    Full(String),
    /// The bucket keeps what room it has for what may not be lost.
    #[error("the NATS bucket {0} is nearly full, and takes nothing but records: raise its max_bytes")]
    Scarce(String),
    /// No server has the bucket, or says that it has.
    #[error("nobody answers for the NATS bucket {0}")]
    Gone(String),
    /// Others were faster each time.
    #[error("others changed the same entries of the NATS bucket {0} time and again")]
    Contended(String),
    /// An entry is not what this version writes.
    #[error("the entry {0} can't be read: it was written by another version, or by hand")]
    Unreadable(String),
    /// Anything else that NATS says.
    #[error("NATS refused: {0}")]
    Refused(&'static str, #[source] Source),
    /// No thread can be made.
    #[error("the thread that writes the queue can't be started")]
    Thread(#[source] std::io::Error),
}

impl NatsError {
    /// What NATS said to this.
    pub(super) fn refused<E: Into<Source>>(to: &'static str) -> impl FnOnce(E) -> Self {
        move |source| Self::Refused(to, source.into())
    }
}

impl NatsError {
    /// Whether it may end by itself, so that whoever can't open a queue waits and tries again.
    #[must_use]
    pub fn passes(&self) -> bool {
        match self {
            Self::Connect { .. }
            | Self::Expired { .. }
            | Self::Away
            | Self::Late(_)
            | Self::Gone(_)
            | Self::Refused(..) => true,
            Self::Bucket { passes, .. } => *passes,
            Self::Old { .. }
            | Self::OtherSettings { .. }
            | Self::Full(_)
            | Self::Scarce(_)
            | Self::Contended(_)
            | Self::Unreadable(_)
            | Self::Unheard(_)
            | Self::Thread(_) => false,
        }
    }

    /// Whether a server said no to what it was asked, so that it may take something else, and nothing is in doubt.
    pub(super) fn is_refusal(&self) -> bool {
        matches!(self, Self::Full(_) | Self::Refused(..))
    }
}

/// What NATS did not do, as callers know it.
pub(super) fn failure(error: NatsError) -> QueueError {
    match error {
        NatsError::Contended(_) => QueueError::Contended(Arc::new(error)),
        error => QueueError::Store(Arc::new(error)),
    }
}
