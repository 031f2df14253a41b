//! Whoever writes the jobs: takes commands, follows the bucket, says that this process lives.
//!
//! While a commit is under way the next commands gather, and are one commit then, as with the file. A commit is one atomic
//! batch of JetStream, so that all that was put together is stored together.

mod commits;
mod executing;
mod looking;
mod marked;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_nats::{Client, Subscriber};
use futures_util::StreamExt as _;
use tokio::sync::{Notify, Semaphore, mpsc};
use tokio::task::JoinSet;

use super::bucket::{Bucket, Following, Standing, Usage};
use super::connection::Redirect;
use super::error::failure;
use super::jobs::Jobs;
use super::room::Room;
use super::tables::Tables;
use crate::ambient::Ambient;
use crate::queue::command::{Command, MoveCommand};
use crate::queue::handle::Wakers;
use crate::queue::losses::PURGE;
use crate::queue::replicas::LiveCount;
use crate::queue::reply::Reply;

use commits::MOST_COMMANDS;
pub(super) use marked::Marked;

/// That this process lives is said this often.
const BEAT: Duration = Duration::from_secs(3);
/// A bucket that can't be followed is tried again after this time.
const FOLLOW_AGAIN: Duration = Duration::from_secs(1);
/// How full the bucket is, and whether it is the one that it was, is asked this often.
const LOOK: Duration = Duration::from_secs(10);
/// For so long nobody may answer before another server is tried, and twice as long each time after that, up to a minute.
const PATIENCE: Duration = Duration::from_secs(4);
const LONGEST_PATIENCE: Duration = Duration::from_secs(60);
/// A turn that takes longer never ends.
const LONGEST_TURN_MS: u64 = 120_000;
/// The most questions about what is remembered beside the jobs that are asked at once.
const MOST_ASKED: usize = 64;

/// Whoever writes the jobs.
pub(super) struct Writer {
    pub(super) jobs: Jobs,
    pub(super) bucket: Bucket,
    pub(super) tables: Tables,
    /// What tells the buckets from others of the same names.
    pub(super) identity: Option<String>,
    pub(super) following: Following,
    pub(super) alive: Heartbeats,
    pub(super) commands: mpsc::Receiver<Command>,
    pub(super) wakers: Wakers,
    pub(super) given_up: Arc<Notify>,
    /// Why the last commit failed.
    pub(super) failing: Option<String>,
    /// How the bucket stood when it was read from its beginning, or asked after that; and how often it was made anew.
    pub(super) standing: Standing,
    pub(super) remade: u64,
    pub(super) room: Room,
    pub(super) unanswered: Unanswered,
    pub(super) turns: TurnClock,
    pub(super) marked: Marked,
}

/// For how long nobody has answered for the bucket, though a server is connected.
#[derive(Default)]
pub(super) struct Unanswered {
    since: Option<Duration>,
    /// How often another server was tried.
    tried: u32,
}

impl Unanswered {
    /// Somebody answers.
    pub(super) fn ends(&mut self) {
        *self = Self::default();
    }

    /// Nobody answers at `now` what was `asked` before that. Whether another server is to be tried.
    fn goes_on(&mut self, now: Duration, asked: Duration) -> bool {
        let since = *self.since.get_or_insert(asked);
        let patience = PATIENCE.saturating_mul(2_u32.saturating_pow(self.tried)).min(LONGEST_PATIENCE);
        if now.saturating_sub(since) < patience {
            return false;
        }
        (self.since, self.tried) = (Some(now), self.tried.saturating_add(1));
        true
    }
}

/// When the writer last began a turn, by which others tell that it lives. Each call to NATS has a deadline, but a turn may take
/// many of them.
#[derive(Clone)]
pub(super) struct TurnClock {
    /// When the last turn began, milliseconds of the monotonic clock.
    last: Arc<AtomicU64>,
    ambient: Ambient,
}

impl TurnClock {
    pub(super) fn new(ambient: &Ambient) -> Self {
        let turns = Self { last: Arc::default(), ambient: ambient.clone() };
        turns.begin();
        turns
    }

    fn now(&self) -> u64 {
        u64::try_from(self.ambient.monotonic().as_millis()).unwrap_or(u64::MAX)
    }

    /// How long the turn lasts.
    fn lasts(&self) -> Duration {
        Duration::from_millis(self.now().saturating_sub(self.last.load(Ordering::Relaxed)))
    }

    fn begin(&self) {
        self.last.store(self.now(), Ordering::Relaxed);
    }

    /// Answers for the writer without a turn of it, on the thread that it runs on, for as long as that is needed.
    pub(super) async fn answer(self, mut asked: mpsc::Receiver<Reply<()>>) {
        while let Some(reply) = asked.recv().await {
            if self.now().saturating_sub(self.last.load(Ordering::Relaxed)) < LONGEST_TURN_MS {
                reply.send(Ok(()));
            }
        }
        std::future::pending::<()>().await;
    }
}

/// The heartbeat that this replica publishes, and those of the others.
pub(super) struct Heartbeats {
    /// Where it is said how many live.
    pub(super) living: LiveCount,
    pub(super) client: Client,
    pub(super) subject: String,
    pub(super) me: String,
    pub(super) others: Subscriber,
    /// How often a connection was made.
    pub(super) connections: Arc<AtomicU64>,
    /// How often, when it was looked at last.
    pub(super) seen: u64,
    /// Where it is made next.
    pub(super) elsewhere: Redirect,
    /// Whether what this process says is heard by nobody, itself among them.
    pub(super) is_deaf: bool,
}

/// What is done together.
#[derive(Default)]
struct Turn {
    jobs: Vec<Command>,
    /// What is about announced tags, which are changed by nobody else here: so they don't contend with one another.
    tags: Vec<Command>,
    /// All is dropped when the rest is done.
    empty: Vec<Reply<()>>,
}

/// Says that a process lives, for as long as it does.
async fn beat(client: Client, subject: String, me: String) {
    let mut each = tokio::time::interval(BEAT);
    loop {
        each.tick().await;
        // Who is not connected is heard by nobody, and says it again.
        let _ = client.publish(subject.clone(), me.clone().into()).await;
    }
}

impl Writer {
    /// Until every handle is dropped.
    pub(super) async fn run(mut self) {
        let (mut tasks, mut beats) = (JoinSet::new(), JoinSet::new());
        let places = Arc::new(Semaphore::new(MOST_ASKED));
        beats.spawn(beat(self.alive.client.clone(), self.alive.subject.clone(), self.alive.me.clone()));
        let (mut upkeep, mut again) = (tokio::time::interval(PURGE), tokio::time::interval(FOLLOW_AGAIN));
        let mut look = tokio::time::interval(LOOK);
        loop {
            self.marked.was_apart(self.turns.lasts());
            if self.marked.is_moved() {
                beats.shutdown().await;
                return Box::pin(self.refuse_for_ever()).await;
            }
            self.turns.begin();
            tokio::select! {
                seen = self.following.next() => self.see(seen),
                _ = again.tick(), if self.following.is_over => self.follow_again().await,
                Some(heard) = self.alive.others.next() => {
                    if let Ok(name) = std::str::from_utf8(&heard.payload) {
                        self.alive.living.are(self.jobs.hear(name));
                    }
                }
                Some(_) = tasks.join_next() => {}
                command = self.commands.recv() => {
                    let Some(command) = command else { break };
                    if let Some(error) = Box::pin(self.against_use()).await {
                        command.refuse(&error);
                        continue;
                    }
                    let mut turn = Turn::default();
                    self.sort(command, &mut turn, (&mut tasks, &places));
                    while turn.jobs.len() < MOST_COMMANDS && turn.tags.len() < MOST_COMMANDS {
                        let Ok(next) = self.commands.try_recv() else { break };
                        self.sort(next, &mut turn, (&mut tasks, &places));
                    }
                    // In this order: whoever has a look finds what was announced before it was put.
                    Box::pin(self.tables.tags(turn.tags)).await;
                    self.commit_all(turn.jobs).await;
                    for reply in turn.empty {
                        reply.send(self.empty().await.map_err(failure));
                    }
                }
                _ = upkeep.tick(), if self.bucket.usage == Usage::Whole => self.purge().await,
                _ = look.tick(), if self.bucket.usage == Usage::Whole => {
                    if Box::pin(self.read_mark()).await.is_none() {
                        self.look().await;
                    }
                }
            }
        }
        while tasks.join_next().await.is_some() {}
        let _ = tokio::time::timeout(Duration::from_secs(1), self.alive.client.flush()).await;
    }

    /// What is about jobs waits for the commit, and what is about announced tags is done before that; all else beside it.
    fn sort(&self, command: Command, turn: &mut Turn, (tasks, places): (&mut JoinSet<()>, &Arc<Semaphore>)) {
        match command {
            Command::Put(..)
            | Command::Gathered(..)
            | Command::Compose(..)
            | Command::Lease(..)
            | Command::Settle(..)
            | Command::Bury(..)
            | Command::Depth(_)
            | Command::Troubles(_)
            | Command::Letters(_)
            | Command::Ping(_)
            | Command::Move(MoveCommand::Jobs(..) | MoveCommand::TakeOver(..)) => turn.jobs.push(command),
            Command::Move(MoveCommand::Empty(reply)) => turn.empty.push(reply),
            Command::Announce(..) | Command::Found(..) => turn.tags.push(command),
            Command::Recall(..)
            | Command::Keep(..)
            | Command::Newest(..)
            | Command::Workloads(_)
            | Command::Remember(..)
            | Command::Answering(..)
            | Command::Seen(..)
            | Command::Brake(_)
            | Command::RememberBrake(..)
            | Command::Announced(..)
            | Command::Move(_)
            | Command::SignIns(_) => {
                let (tables, places) = (self.tables.clone(), Arc::clone(places));
                tasks.spawn(async move {
                    let _place = places.acquire().await;
                    Box::pin(tables.execute(command)).await;
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_server_is_tried_soon_and_then_less_and_less_often() {
        let mut unanswered = Unanswered::default();
        let tries = |seconds: std::ops::Range<u64>, unanswered: &mut Unanswered| -> Vec<u64> {
            seconds
                .filter(|second| unanswered.goes_on(Duration::from_secs(*second), Duration::from_secs(*second)))
                .collect()
        };
        assert_eq!(tries(100..300, &mut unanswered), [104, 112, 128, 160, 220, 280]);
        unanswered.ends();
        assert_eq!(tries(300..310, &mut unanswered), [304]);
        unanswered.ends();
        assert!(
            unanswered.goes_on(Duration::from_secs(405), Duration::from_secs(400)),
            "it waited for 5 seconds by then"
        );
    }
}
