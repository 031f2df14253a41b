//! What the buckets give to another store, and take from one; see [`crate::queue::moving`]. And whether anybody uses them.

use std::time::Duration;

use async_nats::Client;
use futures_util::StreamExt as _;

use super::NatsSettings;
use super::bucket::Bucket;
use super::connection::connect;
use super::entry::{Row, State, VERSION};
use super::error::NatsError;
use super::jobs::Jobs;
use crate::ambient::Ambient;
use crate::domain::hex;
use crate::queue::QueueError;
use crate::queue::moving::{Exported, StoredJob, StoredState, Taken};

/// Whoever uses a bucket says so more often than this.
pub const HEARD_WITHIN: Duration = Duration::from_secs(7);
/// What one says oneself is heard within this time.
const ECHO: Duration = Duration::from_secs(2);

/// Whether any process says within [`HEARD_WITHIN`] that it uses these buckets.
///
/// # Errors
/// [`NatsError`] where no server takes the connection, or nobody can be heard there, as one does not even hear oneself.
pub async fn is_in_use(settings: &NatsSettings, ambient: &Ambient) -> Result<bool, NatsError> {
    let client = super::bucket::within(connect(settings, <(std::sync::Arc<_>, _)>::default(), ambient)).await?;
    let subject = format!("{}.alive", settings.buckets);
    let mut others = client.subscribe(subject.clone()).await.map_err(NatsError::refused("to be listened to"))?;
    let me = said(&client, &subject, ambient).await;
    let mut is_heard = false;
    let listens = async {
        while let Some(heard) = others.next().await {
            if heard.payload != me.as_bytes() {
                return;
            }
            is_heard = true;
        }
        std::future::pending::<()>().await;
    };
    if tokio::time::timeout(HEARD_WITHIN, listens).await.is_ok() {
        return Ok(true);
    }
    if is_heard { Ok(false) } else { Err(NatsError::Unheard(subject)) }
}

/// Whether this user may say that it lives, and is heard by whoever listens as it does.
pub(super) async fn is_heard(client: &Client, buckets: &str, ambient: &Ambient) -> Result<bool, NatsError> {
    let subject = format!("{buckets}.alive");
    let mut all = client.subscribe(subject.clone()).await.map_err(NatsError::refused("to be listened to"))?;
    let me = said(client, &subject, ambient).await;
    let own = async {
        while let Some(heard) = all.next().await {
            if heard.payload == me.as_bytes() {
                return true;
            }
        }
        false
    };
    Ok(tokio::time::timeout(ECHO, own).await.unwrap_or(false))
}

/// Says there, once, that somebody lives who has no job; under which name.
async fn said(client: &Client, subject: &str, ambient: &Ambient) -> String {
    let me = hex::encode(&ambient.bytes::<8>());
    // Whether that was done is seen by what is heard.
    let _ = client.publish(subject.to_owned(), me.clone().into()).await;
    let _ = client.flush().await;
    me
}

impl From<State> for StoredState {
    fn from(state: State) -> Self {
        match state {
            State::Ready => Self::Ready,
            State::Done => Self::Done,
            State::Dead => Self::Dead,
            State::Parked => Self::Parked,
        }
    }
}

impl From<StoredState> for State {
    fn from(state: StoredState) -> Self {
        match state {
            StoredState::Ready => Self::Ready,
            StoredState::Done => Self::Done,
            StoredState::Dead => Self::Dead,
            StoredState::Parked => Self::Parked,
        }
    }
}

/// As another store takes it. Who had it has died with it, as nobody uses the bucket.
fn stored_job(row: &Row) -> StoredJob {
    StoredJob {
        key: row.key.clone(),
        topic: row.topic.clone(),
        format: row.format,
        payload: row.payload.clone(),
        trace: row.trace.clone(),
        state: row.state.into(),
        attempts: row.attempts,
        losses: row.losses.saturating_add(u32::from(row.held.is_some())),
        not_before: row.not_before,
        created: row.created,
        changed: row.changed,
        urgency: row.urgency,
        error: row.error.clone(),
        told: row.told,
    }
}

fn row(job: &StoredJob) -> Row {
    let state = State::from(job.state);
    Row {
        version: VERSION,
        key: job.key.clone(),
        topic: job.topic.clone(),
        format: job.format,
        // What is done is remembered for its key alone.
        payload: if state == State::Done { String::new() } else { job.payload.clone() },
        trace: job.trace.clone(),
        state,
        attempts: job.attempts,
        losses: job.losses,
        not_before: job.not_before,
        created: job.created,
        changed: job.changed,
        urgency: job.urgency,
        error: job.error.clone(),
        told: job.told,
        first: 0,
        put_off: false,
        held: None,
        again: None,
    }
}

impl Jobs {
    /// Jobs in the order in which they were put, after this number.
    pub(super) fn export(&self, after: Option<i64>, most: usize) -> Exported<StoredJob> {
        let mut ids: Vec<i64> =
            self.rows.all().map(|(id, _)| id).filter(|id| after.is_none_or(|after| *id > after)).collect();
        ids.sort_unstable();
        let is_more = ids.len() > most;
        ids.truncate(most);
        let next = ids.last().copied().filter(|_| is_more);
        let items = ids.into_iter().filter_map(|id| self.rows.get(id)).map(|known| stored_job(&known.row)).collect();
        let sealed = if after.is_none() { self.rows.sealed().count() as u64 } else { 0 };
        Exported { items, next, sealed }
    }

    /// Takes jobs over, behind those that are there.
    ///
    /// # Errors
    /// [`QueueError`] where one can't be stored for any other reason than its size.
    pub(super) fn take_over_all(&mut self, jobs: &[StoredJob]) -> Result<Vec<Taken>, QueueError> {
        let take = |job: &StoredJob| {
            if self.by_key(&job.key).is_some() {
                return Ok(Taken::There);
            }
            match self.add(row(job)) {
                Ok(()) => Ok(Taken::Moved),
                Err(QueueError::TooLarge { .. }) => Ok(Taken::TooLarge),
                Err(error) => Err(error),
            }
        };
        jobs.iter().map(take).collect()
    }
}

impl Bucket {
    /// Drops all entries whose keys match.
    ///
    /// # Errors
    /// [`NatsError`] where the server does not.
    pub(super) async fn purge(&self, keys: &str) -> Result<(), NatsError> {
        self.is_there()?;
        let purged = async {
            let purged = self.stream.purge().filter(self.subject(keys)).await;
            purged.map(drop).map_err(NatsError::refused("to drop entries"))
        };
        super::bucket::within(purged).await
    }
}
