//! A handle on a store, whatever keeps it: SQLite on this machine's disk, or NATS for several replicas.
//!
//! Whoever holds one sends a command to the store's writer and waits for its reply, which comes after the commit. The
//! stores differ in what the writer does with it alone, so all that stands above is there once.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Utc};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::sync::{Notify, mpsc, watch};

use super::coalesced_spans::CoalescedSpans;
use super::command::{Command, Keeping, LetterCommand, MoveCommand, SignInCommand};
use super::moving::{Beside, Exported, Mark, Movable, Part, StoredJob, Taken};
use super::noted::StoredAnnouncements;
use super::replicas::Replicas;
use super::reply::Reply;
use super::waiting::StoredLooks;
use super::{
    Acted, Announced, Announcements, AnswerWrite, Asked, Batch, Depth, Gathering, ItemId, Kept, Leased, Letter,
    Letters, NewJob, Page, Placed, Queue, QueueAdmin, QueueError, Records, Remembered, Settlement, Sharing, Sightings,
    SignIn, SignIns, Topic, Troubles, Waiting, Written,
};
use crate::domain::event::Job;
use crate::domain::fleet::Brake;
use crate::domain::reference::Repository;

/// The most commands that wait for the writer; whoever comes then waits before it is one of them.
pub(super) const MOST_WAITING: usize = 4096;
/// The most bytes of what is left to the writer to keep, as all that waits for it is held in memory.
const MOST_LEFT_TO_IT: usize = 4 * 1024;
/// The most letters that one transaction changes, so that nobody waits long for it.
const MOST_SENT_AGAIN: usize = 200;

/// A handle on the writer. It ends, with its last commit done, when every handle is dropped.
#[derive(Clone)]
pub struct StoreHandle {
    commands: mpsc::Sender<Command>,
    known: Option<SingleWriterCache>,
    coalesced: CoalescedSpans,
    wakers: Wakers,
    given_up: Arc<Notify>,
    /// Where it is asked whether the writer lives, if not as everything else.
    pings: Option<mpsc::Sender<Reply<()>>>,
    replicas: Replicas,
    /// What tells the store from others of the same name.
    identity: Option<String>,
    /// Open for as long as the writer has a file of this machine open.
    file: Option<watch::Receiver<()>>,
    /// Where it is told that the queue was moved while it was in use.
    moved: Arc<watch::Sender<Option<String>>>,
}

impl std::fmt::Debug for StoreHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("StoreHandle")
    }
}

/// Which looks and announcements are stored: one more of the same is answered from here, without a command to the writer. Right
/// only where one process writes the store, which is SQLite: on NATS another replica may have taken the job a moment ago.
#[derive(Clone)]
pub(super) struct SingleWriterCache {
    /// Looks that wait.
    pub(super) looks: StoredLooks,
    /// Tags that were announced.
    pub(super) announced: StoredAnnouncements,
}

/// Who is woken for which topic.
#[derive(Clone, Default)]
pub(super) struct Wakers(Arc<Mutex<HashMap<Topic, Arc<Notify>>>>);

impl Wakers {
    pub(super) fn of(&self, topic: &Topic) -> Arc<Notify> {
        let mut wakers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(wakers.entry(topic.clone()).or_default())
    }

    pub(super) fn wake(&self, mut topics: Vec<Topic>) {
        topics.dedup();
        for topic in &topics {
            self.of(topic).notify_one();
        }
    }

    pub(super) fn wake_all(&self) {
        let wakers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        wakers.values().for_each(|waker| waker.notify_one());
    }
}

impl StoreHandle {
    /// A handle on the writer that takes these commands. `known` is what nobody but that writer changes and whoever holds
    /// a handle may therefore rely on.
    pub(super) fn new(
        commands: mpsc::Sender<Command>,
        known: Option<SingleWriterCache>,
        wakers: Wakers,
        given_up: Arc<Notify>,
    ) -> Self {
        Self {
            commands,
            known,
            coalesced: CoalescedSpans::default(),
            wakers,
            given_up,
            pings: None,
            replicas: Replicas::default(),
            identity: None,
            file: None,
            moved: Arc::new(watch::Sender::new(None)),
        }
    }

    /// The same, where somebody answers there whether the writer lives while it waits for others.
    pub(super) fn pinged_at(self, pings: mpsc::Sender<Reply<()>>) -> Self {
        Self { pings: Some(pings), ..self }
    }

    /// The same, where other replicas can be told something.
    pub(super) fn beside(self, replicas: Replicas) -> Self {
        Self { replicas, ..self }
    }

    /// The same, where something tells the store from others of the same name.
    pub(super) fn known_as(self, identity: Option<String>) -> Self {
        Self { identity, ..self }
    }

    /// The same, whose writer drops the other end of this when it has closed its file.
    pub(super) fn closing(self, file: watch::Receiver<()>) -> Self {
        Self { file: Some(file), ..self }
    }

    /// Waits until the writer has closed its file, after every handle is dropped: what is waited with is none. All is in the one
    /// file then, and nothing beside it. A store that has no file here is not waited for.
    pub fn when_closed(&self) -> impl Future<Output = ()> + Send + use<> {
        let file = self.file.clone();
        async move {
            if let Some(mut file) = file {
                while file.changed().await.is_ok() {}
            }
        }
    }

    /// What tells the store from others of the same name, for as long as it stands; nothing for a file, which its folder tells.
    #[must_use]
    pub fn identity(&self) -> Option<String> {
        self.identity.clone()
    }

    /// Who else may have this queue.
    #[must_use]
    pub fn replicas(&self) -> Replicas {
        self.replicas.clone()
    }

    /// The same, where its writer says that the queue was moved.
    pub(super) fn moved_as_told(self, moved: Arc<watch::Sender<Option<String>>>) -> Self {
        Self { moved, ..self }
    }

    /// Waits until the queue is found to have been moved elsewhere while this process used it, and gives the words for people;
    /// everything is refused from then on. It is looked for from the first call on, as whoever moves it has to go on. A file has
    /// one owner, under whom it is not moved.
    pub fn until_moved(&self) -> impl Future<Output = String> + Send + use<> {
        let mut moved = self.moved.subscribe();
        let keeps = Arc::clone(&self.moved);
        async move {
            let words = moved.wait_for(Option::is_some).await.ok().and_then(|words| words.clone());
            drop(keeps);
            words.unwrap_or_default()
        }
    }

    /// The same, as if other processes wrote to it as well.
    #[cfg(test)]
    pub(crate) fn shared(&self) -> Self {
        Self { known: None, ..self.clone() }
    }

    /// Whether what this job asks for is on disk already, and still to be done.
    fn is_stored(&self, new: &NewJob) -> bool {
        match &new.job {
            Job::Look(repository) => self
                .known
                .as_ref()
                .is_some_and(|known| known.looks.serves(repository, new.not_before.timestamp_millis(), new.urgency)),
            Job::Deliver(_) | Job::Gather(_) | Job::Press(_) => false,
        }
    }

    async fn ask_letters<T>(&self, command: impl FnOnce(Reply<T>) -> LetterCommand) -> Result<T, QueueError> {
        self.ask(|reply| Command::Letters(command(reply))).await
    }

    async fn ask<T>(&self, command: impl FnOnce(Reply<T>) -> Command) -> Result<T, QueueError> {
        let (reply, replied) = Reply::channel();
        self.commands.send(command(reply)).await.map_err(|_| QueueError::Closed)?;
        replied.await.map_err(|_| QueueError::Closed)?
    }
}

impl Queue for StoreHandle {
    async fn put(&self, jobs: Vec<NewJob>) -> Result<Placed, QueueError> {
        self.coalesced.note(&jobs);
        if jobs.iter().all(|job| self.is_stored(job)) {
            return Ok(Placed::Coalesced);
        }
        self.ask(|reply| Command::Put(jobs, reply)).await
    }

    async fn lease(&self, topic: &Topic, most: usize, sharing: &Sharing) -> Result<Batch, QueueError> {
        let mut batch = self.ask(|reply| Command::Lease(topic.clone(), most, sharing.clone(), reply)).await?;
        self.coalesced.hand_over(&mut batch.jobs);
        Ok(batch)
    }

    async fn settle(&self, leased: &Leased, settlement: Settlement) -> Result<(), QueueError> {
        let topic = Topic::of(&leased.job);
        let settled = self.ask(|reply| Command::Settle(Box::new(leased.clone()), settlement, reply)).await;
        // Its lanes may have another job, or the same one again.
        self.wakers.of(&topic).notify_one();
        settled
    }

    fn changed(&self, topic: &Topic) -> Arc<Notify> {
        self.wakers.of(topic)
    }

    async fn depth(&self) -> Result<Depth, QueueError> {
        self.ask(Command::Depth).await
    }
}

impl Gathering for StoreHandle {
    async fn gathered(&self, channel: &str, most: usize) -> Result<Vec<Waiting>, QueueError> {
        self.ask(|reply| Command::Gathered(channel.to_owned(), most, reply)).await
    }

    async fn compose(&self, of: Vec<ItemId>, messages: Vec<NewJob>) -> Result<(), QueueError> {
        self.ask(|reply| Command::Compose(of, messages, reply)).await.map(drop)
    }

    async fn not_told(&self, ids: Vec<String>) -> Result<(), QueueError> {
        for ids in ids.chunks(MOST_SENT_AGAIN) {
            self.ask_letters(|reply| LetterCommand::NotTold(ids.to_vec(), reply)).await?;
        }
        Ok(())
    }
}

impl QueueAdmin for StoreHandle {
    async fn ping(&self) {
        let Some(pings) = &self.pings else {
            let _ = self.ask(Command::Ping).await;
            return;
        };
        let (reply, replied) = Reply::channel();
        if pings.send(reply).await.is_ok() && replied.await.is_err() {
            // It was asked, and has no answer to give.
            std::future::pending::<()>().await;
        }
    }

    async fn troubles(&self) -> Result<Troubles, QueueError> {
        self.ask(Command::Troubles).await
    }

    async fn bury_all_but(&self, channels: &[String]) -> Result<Vec<(String, u64)>, QueueError> {
        self.ask(|reply| Command::Bury(channels.to_vec(), reply)).await
    }
}

impl Letters for StoreHandle {
    async fn letters(&self, asked: Asked) -> Result<Page, QueueError> {
        self.ask_letters(|reply| LetterCommand::List(Box::new(asked), reply)).await
    }

    async fn letter(&self, id: &str) -> Result<Option<Letter>, QueueError> {
        self.ask_letters(|reply| LetterCommand::Find(id.to_owned(), reply)).await
    }

    async fn send_again(&self, id: &str) -> Result<Acted, QueueError> {
        let all = self.ask_letters(|reply| LetterCommand::SendAgain(vec![id.to_owned()], reply)).await?;
        Ok(all.first().copied().unwrap_or(Acted::Unknown))
    }

    async fn send_all_again(&self, channel: &str) -> Result<u64, QueueError> {
        // What is given up meanwhile is not sent once more.
        let dead = self.ask_letters(|reply| LetterCommand::Dead(channel.to_owned(), reply)).await?;
        let mut sent = 0;
        for ids in dead.chunks(MOST_SENT_AGAIN) {
            let all = self.ask_letters(|reply| LetterCommand::SendAgain(ids.to_vec(), reply)).await?;
            sent += all.iter().filter(|acted| **acted == Acted::Done).count();
        }
        Ok(u64::try_from(sent).unwrap_or(u64::MAX))
    }

    async fn hasten(&self, channel: &str) -> Result<u64, QueueError> {
        self.ask_letters(|reply| LetterCommand::Hasten(channel.to_owned(), reply)).await
    }

    async fn discard(&self, id: &str) -> Result<Acted, QueueError> {
        self.ask_letters(|reply| LetterCommand::Discard(id.to_owned(), reply)).await
    }

    async fn untold(&self, most: usize) -> Result<Vec<Letter>, QueueError> {
        self.ask_letters(|reply| LetterCommand::Untold(most, reply)).await
    }

    async fn were_told(&self, ids: Vec<String>) -> Result<(), QueueError> {
        self.ask_letters(|reply| LetterCommand::WereTold(ids, reply)).await
    }

    fn given_up(&self) -> Arc<Notify> {
        Arc::clone(&self.given_up)
    }
}

impl Kept for StoreHandle {
    async fn recall(&self, key: &str) -> Option<String> {
        let key = key.to_owned();
        let recalled = self.ask(|reply| Command::Recall(key, reply)).await;
        recalled.unwrap_or_else(|error| {
            tracing::warn!(error = %crate::telemetry::chain(&error), "what was learnt before can't be read");
            None
        })
    }

    async fn keep(&self, key: &str, value: String, until: DateTime<Utc>) {
        // A writer of our own takes one command after another: whoever recalls it comes behind it, and nobody waits for it.
        let is_left_to_it = self.known.is_some() && value.len() <= MOST_LEFT_TO_IT;
        let keeping = Box::new(Keeping { key: key.to_owned(), value, until });
        let (reply, replied) = Reply::channel();
        let sent = self.commands.send(Command::Keep(keeping, reply)).await.map_err(|_| QueueError::Closed);
        let kept = match sent {
            Ok(()) if !is_left_to_it => replied.await.unwrap_or(Err(QueueError::Closed)),
            sent => sent,
        };
        if let Err(error) = kept {
            tracing::warn!(error = %crate::telemetry::chain(&error), "what was learnt is not kept, and will be asked again");
        }
    }
}

impl Records for StoreHandle {
    fn is_shared(&self) -> bool {
        self.known.is_none()
    }

    async fn newest(&self, uid: &str) -> Result<Option<Written>, QueueError> {
        let uid = uid.to_owned();
        self.ask(|reply| Command::Newest(uid, reply)).await
    }

    async fn sequences(&self) -> Result<Vec<(Box<str>, u64)>, QueueError> {
        let all = self.workloads().await?;
        Ok(all.into_iter().map(|Remembered { uid, sequence, .. }| (uid, sequence)).collect())
    }

    async fn workloads(&self) -> Result<Vec<Remembered>, QueueError> {
        self.ask(Command::Workloads).await
    }

    async fn remember(&self, uid: &str, written: Written) -> Result<(), QueueError> {
        let remembered = Box::new((uid.to_owned(), written));
        self.ask(|reply| Command::Remember(remembered, reply)).await
    }

    async fn answering(&self, uid: &str, write: AnswerWrite) -> Result<(), QueueError> {
        let uid = uid.to_owned();
        self.ask(|reply| Command::Answering(uid, write, reply)).await
    }

    async fn seen(&self, seen: Sightings) -> Result<(), QueueError> {
        self.ask(|reply| Command::Seen(Box::new(seen), reply)).await
    }

    async fn brake(&self) -> Result<Brake, QueueError> {
        self.ask(Command::Brake).await
    }

    async fn remember_brake(&self, brake: Brake) -> Result<(), QueueError> {
        self.ask(|reply| Command::RememberBrake(Box::new(brake), reply)).await
    }
}

impl Announcements for StoreHandle {
    async fn announce(&self, announced: Vec<Announced>) -> Result<(), QueueError> {
        let news = match &self.known {
            Some(known) => known.announced.news(announced),
            None => announced,
        };
        if news.is_empty() {
            return Ok(());
        }
        self.ask(|answer| Command::Announce(news.clone(), answer)).await?;
        if let Some(known) = &self.known {
            known.announced.note(news);
        }
        Ok(())
    }

    async fn announced(&self, repository: &Repository) -> Result<Vec<Announced>, QueueError> {
        let repository = repository.clone();
        self.ask(|answer| Command::Announced(repository, answer)).await
    }

    async fn found(&self, announced: Vec<Announced>) -> Result<(), QueueError> {
        if announced.is_empty() {
            return Ok(());
        }
        if let Some(known) = &self.known {
            known.announced.strike(&announced);
        }
        self.ask(|answer| Command::Found(announced, answer)).await
    }
}

impl SignIns for StoreHandle {
    fn remember_sign_in(&self, sign_in: SignIn) -> BoxFuture<'_, Result<(), QueueError>> {
        self.ask(|reply| Command::SignIns(SignInCommand::Remember(Box::new(sign_in), reply))).boxed()
    }

    fn sign_in(&self, id: [u8; 32]) -> BoxFuture<'_, Result<Option<String>, QueueError>> {
        self.ask(move |reply| Command::SignIns(SignInCommand::Find(id, reply))).boxed()
    }

    fn forget_sign_in(&self, id: [u8; 32]) -> BoxFuture<'_, Result<(), QueueError>> {
        self.ask(move |reply| Command::SignIns(SignInCommand::Forget(id, reply))).boxed()
    }
}

impl Movable for StoreHandle {
    async fn export_jobs(&self, after: Option<i64>, most: usize) -> Result<Exported<StoredJob>, QueueError> {
        self.ask(|reply| Command::Move(MoveCommand::Jobs(after, most, reply))).await
    }

    async fn export(&self, part: Part, after: Option<i64>, most: usize) -> Result<Exported<Beside>, QueueError> {
        self.ask(|reply| Command::Move(MoveCommand::Beside(part, after, most, reply))).await
    }

    async fn take_over(&self, jobs: Vec<StoredJob>) -> Result<Vec<Taken>, QueueError> {
        self.ask(|reply| Command::Move(MoveCommand::TakeOver(jobs, reply))).await
    }

    async fn mark(&self) -> Result<Option<Mark>, QueueError> {
        self.ask(|reply| Command::Move(MoveCommand::Mark(reply))).await
    }

    async fn set_mark(&self, mark: Option<Mark>) -> Result<(), QueueError> {
        self.ask(|reply| Command::Move(MoveCommand::SetMark(Box::new(mark), reply))).await
    }

    async fn empty(&self) -> Result<(), QueueError> {
        self.ask(|reply| Command::Move(MoveCommand::Empty(reply))).await
    }
}
