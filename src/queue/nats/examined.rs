//! What an operator is told of NATS before the service uses it: whether it is there, can do what is relied on, and has the
//! buckets as they are wanted. Nothing is made or changed.

use std::sync::Arc;

use async_nats::jetstream::context::GetStreamErrorKind;
use async_nats::jetstream::{Context, ContextBuilder};

use super::bucket::{Bucket, CALL, Shape, Usage, config, differences, is_no_stream, within};
use super::connection::{connect, is_new_enough};
use super::moving::is_heard;
use super::{JOBS, KEPT, NatsError, NatsSettings, STATE, tables};
use crate::ambient::Ambient;

/// What was found.
#[derive(Debug)]
pub struct Examined {
    /// The version of the server that took the connection.
    pub version: String,
    /// Whether that can do what is relied on.
    pub is_new_enough: bool,
    /// The most bytes of one message there.
    pub max_payload: usize,
    /// Where processes say that they live, and whether this one is heard there.
    pub alive: (String, bool),
    /// The buckets; why there is no JetStream otherwise.
    pub buckets: Result<Vec<ExaminedBucket>, NatsError>,
}

/// A bucket, as it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExaminedBucket {
    /// It is made at the start.
    Missing {
        /// Its name.
        name: String,
    },
    /// It is there.
    There {
        /// Its name.
        name: String,
        /// How many servers keep it.
        replicas: usize,
        /// Where they keep it: `File` or `Memory`.
        storage: String,
        /// What it holds, bytes.
        bytes: u64,
        /// What it may hold, bytes; nothing where that is not bounded.
        bound: Option<u64>,
        /// What it has and is not to have, in words; empty where it can be used.
        differences: String,
    },
}

/// Looks at NATS as the service would use it.
///
/// # Errors
/// [`NatsError`] where no server takes the connection, or one gives no answer.
pub async fn examine(settings: &NatsSettings, ambient: &Ambient) -> Result<Examined, NatsError> {
    let client = within(connect(settings, <(Arc<_>, _)>::default(), ambient)).await?;
    let context = ContextBuilder::new().timeout(CALL).build(client.clone());
    let account = within(async { context.query_account().await.map_err(NatsError::refused("JetStream")) }).await;
    let buckets = match account {
        Ok(_) => Ok(buckets(&context, settings).await?),
        Err(error) => Err(error),
    };
    let alive = (format!("{}.alive", settings.buckets), is_heard(&client, &settings.buckets, ambient).await?);
    let info = client.server_info();
    let (version, is_new_enough, max_payload) = (info.version, is_new_enough(&client), info.max_payload);
    Ok(Examined { version, is_new_enough, max_payload, alive, buckets })
}

/// What tells the buckets from others of the same names on another NATS, where that can be read.
pub async fn identity_of(settings: &NatsSettings, ambient: &Ambient) -> Option<String> {
    let client = within(connect(settings, <(Arc<_>, _)>::default(), ambient)).await.ok()?;
    let context = ContextBuilder::new().timeout(CALL).build(client.clone());
    let of = (settings.buckets.as_str(), settings.replicas);
    let state = Bucket::open((&client, &context), of, STATE, Usage::ReadOnly, ambient).await.ok()?;
    tables::identity_in(&state).await
}

async fn buckets(context: &Context, settings: &NatsSettings) -> Result<Vec<ExaminedBucket>, NatsError> {
    let mut all = Vec::new();
    for shape in [JOBS, STATE, KEPT] {
        all.push(within(bucket(context, settings, shape)).await?);
    }
    Ok(all)
}

async fn bucket(context: &Context, settings: &NatsSettings, shape: Shape) -> Result<ExaminedBucket, NatsError> {
    let name = format!("{}-{}", settings.buckets, shape.name);
    let wanted = config(&name, shape, settings.replicas);
    let stream = match context.get_stream(&wanted.name).await {
        Ok(stream) => stream,
        Err(error) if matches!(error.kind(), GetStreamErrorKind::JetStream(ref it) if is_no_stream(it)) => {
            return Ok(ExaminedBucket::Missing { name });
        }
        Err(error) => return Err(NatsError::refused("to be asked about a bucket")(error)),
    };
    let info = stream.cached_info();
    Ok(ExaminedBucket::There {
        name,
        replicas: info.config.num_replicas,
        storage: format!("{:?}", info.config.storage),
        bytes: info.state.bytes,
        bound: u64::try_from(info.config.max_bytes).ok().filter(|bound| *bound > 0),
        differences: differences(&info.config, &wanted),
    })
}
