//! How a bucket stands: how full it is, whether it is the one that it was, and what is done where it is not there.

use std::sync::atomic::Ordering;

use async_nats::jetstream::context::GetStreamErrorKind;
use async_nats::jetstream::response::Response;
use async_nats::jetstream::stream::{Config, Stream};
use chrono::{DateTime, Utc};
use futures_util::StreamExt as _;

use super::{Bucket, Usage, is_no_stream, within};
use crate::queue::nats::error::NatsError;

/// So many entries are dropped side by side.
const MOST_ERASED_AT_ONCE: usize = 64;

/// How a bucket stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::queue::nats) struct Standing {
    /// What it holds.
    pub(in crate::queue::nats) bytes: u64,
    /// What it may hold.
    pub(in crate::queue::nats) bound: u64,
    /// The revision that was given last.
    pub(in crate::queue::nats) last: u64,
    /// When it was made, which tells it from one of the same name.
    pub(in crate::queue::nats) created: DateTime<Utc>,
}

impl Bucket {
    /// How it stands now. One that was deleted is made anew.
    ///
    /// # Errors
    /// [`NatsError`] where that can't be told.
    pub(in crate::queue::nats) async fn standing(&self) -> Result<Standing, NatsError> {
        self.is_there()?;
        within(async {
            let stream = match self.context.get_stream(&self.wanted.name).await {
                Ok(stream) => stream,
                Err(error) if is_missing(&error.kind()) && self.usage == Usage::Whole => self.make().await?,
                Err(error) => return Err(NatsError::refused("to be asked about a bucket")(error)),
            };
            let info = stream.cached_info();
            let bound = u64::try_from(info.config.max_bytes).ok().filter(|bound| *bound > 0).unwrap_or(u64::MAX);
            let (bytes, last) = (info.state.bytes, info.state.last_sequence);
            Ok(Standing { bytes, bound, last, created: info.created })
        })
        .await
    }

    async fn make(&self) -> Result<Stream, NatsError> {
        let failed = |source| {
            let (bucket, replicas) = (self.name().to_owned(), self.wanted.num_replicas);
            NatsError::Bucket { bucket, replicas, passes: true, source }
        };
        let stream = self.context.create_stream(Config::clone(&self.wanted)).await.map_err(|it| failed(it.into()))?;
        tracing::error!(
            bucket = self.name(),
            "the NATS bucket was deleted, and is made anew; what stood in it is lost"
        );
        self.remade.fetch_add(1, Ordering::Relaxed);
        Ok(stream)
    }

    /// Makes it anew if it is missing, as it seemed to be. Says whether it was.
    pub(super) async fn mend(&self) -> Result<bool, NatsError> {
        let before = self.remade();
        self.standing().await?;
        Ok(self.remade() != before)
    }

    /// Takes entries out of the bucket that have these revisions, which leaves nothing of them and needs no room. Whoever
    /// follows the bucket does not learn it. Gives how many of them went, from the first on.
    ///
    /// # Errors
    /// [`NatsError`] where the first did not.
    pub(in crate::queue::nats) async fn erase(&self, revisions: &[u64]) -> Result<usize, NatsError> {
        self.is_there()?;
        let subject = format!("STREAM.MSG.DELETE.{}", self.wanted.name);
        let erase = |revision: u64| {
            let subject = subject.clone();
            async move {
                let asked = serde_json::json!({"seq": revision, "no_erase": true});
                let erased: Response<serde_json::Value> =
                    self.context.request(subject, &asked).await.map_err(NatsError::refused("to drop an entry"))?;
                match erased {
                    Response::Ok(_) => Ok(()),
                    Response::Err { error } => Err(NatsError::refused("to drop an entry")(error)),
                }
            }
        };
        let mut all = futures_util::stream::iter(revisions.iter().copied().map(erase)).buffered(MOST_ERASED_AT_ONCE);
        let mut gone = 0;
        let all_of_it = async {
            while let Some(erased) = all.next().await {
                match erased {
                    Ok(()) => gone += 1,
                    Err(error) if gone == 0 => return Err(error),
                    Err(_) => return Ok(()),
                }
            }
            Ok(())
        };
        within(all_of_it).await?;
        Ok(gone)
    }
}

/// Whether there is no such stream.
pub(super) fn is_missing(error: &GetStreamErrorKind) -> bool {
    matches!(error, GetStreamErrorKind::JetStream(error) if is_no_stream(error))
}
