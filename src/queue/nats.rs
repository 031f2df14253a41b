//! The queue that several replicas share: entries of JetStream buckets, changed only where nobody was faster.
//!
//! Pull consumers give jobs out one after another. What this queue promises is more: jobs with the same key are one, jobs
//! of a lane follow one another, slots are shared by host and namespace, a job may be put off. So a job is an entry of a
//! key-value bucket, and whose turn it is is decided by the same code as with SQLite (`schedule`, `leases`), on an index
//! in memory into which each replica follows the bucket:
//!
//! - **put** writes the entry where its key has the revision that is known, **lease** writes into it who has it, **settle**
//!   ends that. Whoever loses the comparison has written nothing, reads what is new, and decides again.
//! - What is put together is stored together: a commit is one atomic batch, all or none, acknowledged by the configured
//!   number of servers. A put of more than 1,000 jobs is several batches; when it fails, some of them may be stored, and
//!   whoever puts them again does nothing twice.
//! - **A lease lasts as long as its holder says that it lives.** Each process says so every few seconds, on a subject that
//!   stores nothing; one that is silent for 15 seconds is dead, and what it had is given to others. No clock of one machine
//!   is compared with another's. A holder that was only paused settles nothing, as its entry has another revision then.
//! - A failure of which nobody knows whether it was stored counts as not stored. What was put then is found when the
//!   bucket is followed; a lease that nobody received is nobody's.
//!
//! What is remembered beside the jobs (records, who is signed in, tags that were announced, the brake) is read and written
//! entry by entry; what was learnt elsewhere has a bucket of its own, where the oldest makes way.

mod broadcast;
mod bucket;
mod connection;
mod entry;
mod error;
mod examined;
mod jobs;
mod login;
mod moving;
mod room;
mod rows;
mod tables;
mod views;
mod writer;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use async_nats::jetstream::ContextBuilder;
use async_nats::rustls;
use tokio::sync::{Notify, mpsc, oneshot, watch};
use url::Url;

use super::command::Command;
use super::handle::{MOST_WAITING, StoreHandle, Wakers};
use super::replicas::{FarEnd, LiveCount, Replicas};
use crate::ambient::Ambient;
use crate::domain::hex;

use broadcast::Broadcast;
use bucket::{Bucket, CALL, Shape, Usage};
use connection::{Redirect, connect};
pub use error::NatsError;
pub use examined::{Examined, ExaminedBucket, examine, identity_of};
use jobs::Jobs;
pub use login::Login;
pub use moving::{HEARD_WITHIN, is_in_use};
use room::Room;
use tables::{MOST_KEPT, Tables};
use writer::{Heartbeats, Marked, TurnClock, Unanswered, Writer};

/// So many ask at once whether the writer lives.
const MOST_PINGS: usize = 16;
/// Jobs that are owed, and those that are remembered. The bound in bytes is never met before the bound on jobs, unless
/// messages are very long.
const JOBS: Shape = Shape { name: "jobs", bytes: 512 * 1024 * 1024, makes_way: false };
/// What is remembered beside them, and may not be lost.
const STATE: Shape = Shape { name: "state", bytes: 256 * 1024 * 1024, makes_way: false };
/// What was learnt elsewhere.
const KEPT: Shape = Shape { name: "kept", bytes: MOST_KEPT, makes_way: true };

/// Where the servers are, and how this process is known to them.
#[derive(Clone, Debug)]
pub struct NatsSettings {
    /// Servers, any of which will do; without user and password.
    pub servers: Vec<Url>,
    /// Who this process is there.
    pub login: Login,
    /// What the names of the buckets begin with.
    pub buckets: String,
    /// How many servers keep each entry.
    pub replicas: usize,
    /// Whom to trust, and what to show, where a server has TLS.
    pub tls: rustls::ClientConfig,
}

impl NatsSettings {
    /// The servers, for people.
    fn names(&self) -> String {
        self.servers.iter().map(Url::as_str).collect::<Vec<_>>().join(", ")
    }
}

impl StoreHandle {
    /// Opens the queue that stands on NATS, whose buckets are made where they are missing, and starts its writer.
    ///
    /// # Errors
    /// [`NatsError`] when no server is there, or when the buckets can't be used.
    pub async fn nats(settings: NatsSettings, ambient: &Ambient) -> Result<Self, NatsError> {
        Self::on_nats(settings, Usage::Whole, ambient).await
    }

    /// Opens the queue that stands on NATS to read it: buckets have to be there, and nothing is dropped by itself.
    ///
    /// # Errors
    /// [`NatsError`] when no server is there, or one of the buckets is missing or can't be used.
    pub async fn nats_as_it_is(settings: NatsSettings, ambient: &Ambient) -> Result<Self, NatsError> {
        Self::on_nats(settings, Usage::ReadOnly, ambient).await
    }

    async fn on_nats(settings: NatsSettings, usage: Usage, ambient: &Ambient) -> Result<Self, NatsError> {
        let (commands, waiting) = mpsc::channel(MOST_WAITING);
        let (wakers, given_up) = (Wakers::default(), Arc::<Notify>::default());
        let (opened, is_open) = oneshot::channel();
        let moved = Arc::new(watch::Sender::new(None));
        let (pings, asked) = mpsc::channel(MOST_PINGS);
        let (replicas, far_end, living) = Replicas::connected();
        let ends = (wakers.clone(), Arc::clone(&given_up), Arc::clone(&moved));
        let opening = open((settings, usage), ambient.clone(), (waiting, far_end, living), ends);
        // A runtime of its own, so that what it says of itself does not wait for anything else that this process does.
        let run = move || {
            let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => runtime,
                Err(error) => return drop(opened.send(Err(NatsError::Thread(error)))),
            };
            runtime.block_on(async {
                match Box::pin(opening).await {
                    Ok((writer, broadcast, identity)) => {
                        let _ = opened.send(Ok(identity));
                        let turns = writer.turns.clone();
                        let beside = async { tokio::join!(turns.answer(asked), broadcast.run()) };
                        tokio::select! {
                            () = Box::pin(writer.run()) => {}
                            _ = beside => {}
                        }
                    }
                    Err(error) => drop(opened.send(Err(error))),
                }
            });
        };
        std::thread::Builder::new().name("queue-nats".into()).spawn(run).map_err(NatsError::Thread)?;
        let identity =
            is_open.await.unwrap_or_else(|_| Err(NatsError::Thread(std::io::Error::other("it ended at once"))))?;
        let store = Self::new(commands, None, wakers, given_up).pinged_at(pings);
        Ok(store.beside(replicas).known_as(identity).moved_as_told(moved))
    }
}

async fn open(
    (settings, usage): (NatsSettings, Usage),
    ambient: Ambient,
    (commands, far_end, living): (mpsc::Receiver<Command>, FarEnd, LiveCount),
    (wakers, given_up, moved): (Wakers, Arc<Notify>, Arc<watch::Sender<Option<String>>>),
) -> Result<(Writer, Broadcast, Option<String>), NatsError> {
    let (connections, elsewhere) = (Arc::<AtomicU64>::default(), Redirect::default());
    let client = connect(&settings, (Arc::clone(&connections), elsewhere.clone()), &ambient).await?;
    if !connection::is_new_enough(&client) {
        return Err(NatsError::Old { found: client.server_info().version });
    }
    let context = ContextBuilder::new().timeout(CALL).ack_timeout(CALL).build(client.clone());
    let open = async |shape| {
        let of = (settings.buckets.as_str(), settings.replicas);
        Bucket::open((&client, &context), of, shape, usage, &ambient).await
    };
    let (bucket, state, kept) = (open(JOBS).await?, open(STATE).await?, open(KEPT).await?);
    let mut of_state = Room::default();
    of_state.asked(&state.standing().await?);
    let tables = Tables { state, kept, room: Arc::new(Mutex::new(of_state)), ambient: ambient.clone() };
    let mut identity = None;
    if usage == Usage::Whole {
        log_what_survives(&settings);
        identity = tables.identity().await;
    }
    let me = hex::encode(&ambient.bytes::<8>());
    let subject = format!("{}.alive", settings.buckets);
    let others = client.subscribe(subject.clone()).await.map_err(NatsError::refused("to be listened to"))?;
    let broadcast = Broadcast::open(&client, &settings.buckets, &me, far_end).await?;
    let (standing, mut room) = (bucket.standing().await?, Room::default());
    room.asked(&standing);
    let remade = bucket.remade();
    let mut following = bucket.follow("").await?;
    let stands = following.read_to_end().await?;
    let seen = connections.load(Ordering::Relaxed);
    let alive =
        Heartbeats { living, client, subject, me: me.clone(), others, connections, seen, elsewhere, is_deaf: false };
    let jobs = Jobs::new(me, ambient.clone());
    let mut writer = Writer {
        jobs,
        bucket,
        tables,
        identity: identity.clone(),
        following,
        alive,
        commands,
        wakers,
        given_up,
        failing: None,
        standing,
        remade,
        room,
        unanswered: Unanswered::default(),
        turns: TurnClock::new(&ambient),
        marked: Marked::new(moved),
    };
    for seen in &stands {
        writer.take_over(seen);
    }
    Ok((writer, broadcast, identity))
}

/// What a stored job survives, in one line: it depends on how the servers are set up.
fn log_what_survives(settings: &NatsSettings) {
    let (servers, buckets, replicas) = (settings.names(), &settings.buckets, settings.replicas);
    if replicas < 3 {
        tracing::warn!(
            servers,
            buckets,
            replicas,
            "the queue stands on NATS, and with fewer than 3 replicas the loss of one server may lose it; what NATS has not \
             synced is lost with the power, unless it has sync_interval: always"
        );
    } else {
        tracing::info!(
            servers,
            buckets,
            replicas,
            "the queue stands on NATS: the loss of one server loses nothing; if all lose power at once, what was not synced \
             is lost (2 minutes by default), unless they have sync_interval: always"
        );
    }
}

#[cfg(test)]
pub(crate) mod tests;
