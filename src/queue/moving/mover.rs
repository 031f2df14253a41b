//! Moves all that one store holds to another.

use chrono::{DateTime, Utc};
use futures_util::StreamExt as _;

use super::{Beside, Mark, Movable, Part, Patience, StoredJob, Taken, What};
use crate::ambient::Ambient;
use crate::domain::fleet::Brake;
use crate::queue::{
    Announced, Announcements, AnswerWrite, Kept, QueueError, Records, Sightings, SignIn, SignIns, Written,
};

/// All that whoever moves a store needs of it.
pub trait Store: Movable + Announcements + Kept + Records + SignIns {}

impl<S: Movable + Announcements + Kept + Records + SignIns> Store for S {}

/// So many items are read at once.
const MOST_AT_ONCE: usize = 500;
/// The bytes of jobs that are taken over at once, about.
const MOST_BYTES: usize = 1024 * 1024;
/// So many items beside the jobs are taken over side by side.
const SIDE_BY_SIDE: usize = 32;

/// A store, and its name for people.
#[derive(Debug)]
pub struct Place<'a, S> {
    /// The store, which nobody else has open.
    pub queue: &'a S,
    /// As `the file in /data`.
    pub name: &'a str,
    /// With which it is waited for.
    pub patience: Patience<'a>,
}

/// How much of something there was, and what became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted {
    /// What.
    pub what: What,
    /// In the source.
    pub found: u64,
    /// Now in the target, and not before.
    pub moved: u64,
    /// In the target before.
    pub there: u64,
    /// Left where it is: too large for the target, or not readable at all.
    pub left: u64,
}

/// Why a queue is not moved. What arrived so far stays, and is found when it is done again.
#[derive(Debug, thiserror::Error)]
pub enum MoveError {
    /// The source was moved before.
    #[error(
        "{from} was moved to {to} on {at} (UTC) already, and what stands in it is old: run the service on {to}, or «queue \
         move … --abandon» to have {from} count again as it is"
    )]
    Left {
        /// The source.
        from: String,
        /// Where to.
        to: String,
        /// When.
        at: String,
    },
    /// The source is half a target.
    #[error(
        "{name} is a part of what is being moved there from {from}: end that move first, by the same command again"
    )]
    IsTarget {
        /// The source that was named.
        name: String,
        /// The source of the other move.
        from: String,
    },
    /// The target is a source.
    #[error("{name} was being moved itself, to {to}: end that move first, or end it by --abandon")]
    IsSource {
        /// The target that was named.
        name: String,
        /// The target of the other move.
        to: String,
    },
    /// The target holds something else.
    #[error(
        "{0} holds a queue already, which would be mixed with this one: name other buckets in IMAGE_WATCHER_NATS_BUCKET, or \
         another folder in IMAGE_WATCHER_DATA, or delete what is not needed"
    )]
    NotEmpty(String),
    /// A store did not do what it was asked.
    #[error("{name} can't be read or written; what was moved so far stays, and the same command goes on from there")]
    Store {
        /// Which.
        name: String,
        /// Why.
        #[source]
        source: QueueError,
    },
}

impl<S> Clone for Place<'_, S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S> Copy for Place<'_, S> {}

impl<S: Store> Place<'_, S> {
    /// Asks the store, again and again where it does not answer: whatever whoever moves it asks may be asked twice.
    async fn asks<T>(self, ask: impl AsyncFn() -> Result<T, QueueError>) -> Result<T, MoveError> {
        let passes = |error: &QueueError| matches!(error, QueueError::Store(_) | QueueError::Contended(_));
        let answered = self.patience.asks(self.name, passes, ask).await;
        answered.map_err(|source| MoveError::Store { name: self.name.to_owned(), source })
    }

    async fn set_mark(self, mark: Option<Mark>) -> Result<(), MoveError> {
        self.asks(async || self.queue.set_mark(mark.clone()).await).await
    }

    async fn mark(self) -> Result<Option<Mark>, MoveError> {
        self.asks(async || self.queue.mark().await).await
    }

    async fn is_empty(self) -> Result<bool, MoveError> {
        let jobs = self.asks(async || self.queue.export_jobs(None, 1).await).await?;
        let records = self.asks(async || self.queue.export(Part::Records, None, 1).await).await?;
        Ok(jobs.items.is_empty() && jobs.sealed == 0 && records.items.is_empty() && records.sealed == 0)
    }
}

/// What was counted so far.
struct Tally(Vec<Counted>);

impl Tally {
    fn new() -> Self {
        let none = |what| Counted { what, found: 0, moved: 0, there: 0, left: 0 };
        Self(What::ALL.into_iter().map(none).collect())
    }

    fn of(&mut self, what: What, count: impl FnOnce(&mut Counted)) {
        if let Some(counted) = self.0.iter_mut().find(|counted| counted.what == what) {
            counted.found += 1;
            count(counted);
        }
    }

    fn took(&mut self, what: What, taken: Taken) {
        self.of(what, |counted| match taken {
            Taken::Moved => counted.moved += 1,
            Taken::There => counted.there += 1,
            Taken::TooLarge => counted.left += 1,
        });
    }

    fn sealed(&mut self, what: What, number: u64) {
        (0..number).for_each(|_| self.of(what, |counted| counted.left += 1));
    }
}

/// Counts what there is to move. Nothing is written in either store, and the target may be one that is not made yet.
///
/// # Errors
/// [`MoveError`] where it would not be moved either.
pub async fn count<S: Store>(source: Place<'_, S>, target: Option<Place<'_, S>>) -> Result<Vec<Counted>, MoveError> {
    judge(source, target).await?;
    let mut tally = Tally::new();
    each_page_of_jobs(source, async |jobs, sealed| {
        for job in &jobs {
            tally.of(What::of(job), |_| {});
        }
        tally.sealed(What::Unreadable, sealed);
        Ok(())
    })
    .await?;
    for part in Part::ALL {
        each_page_of(part, source, async |items, sealed| {
            for item in &items {
                tally.of(what(item), |_| {});
            }
            tally.sealed(of_part(part), sealed);
            Ok(())
        })
        .await?;
    }
    if source.asks(async || source.queue.brake().await).await? != Brake::default() {
        tally.of(What::Brake, |_| {});
    }
    Ok(tally.0)
}

/// Moves all of it. The source stays as it is, and is marked.
///
/// # Errors
/// [`MoveError`]; done again, it goes on where it ended.
pub async fn move_all<S: Store>(
    source: Place<'_, S>,
    target: Place<'_, S>,
    ambient: &Ambient,
) -> Result<Vec<Counted>, MoveError> {
    let (from, to, at) = (source.name.to_owned(), target.name.to_owned(), ambient.now());
    let arrived = |id: String, at: DateTime<Utc>| Mark::Arrived { id, from: from.clone(), at };
    let id = match judge(source, Some(target)).await? {
        Plan::End { id } => {
            target.set_mark(Some(arrived(id, at))).await?;
            return Ok(Tally::new().0);
        }
        Plan::Continue { id } => id,
        Plan::Begin => {
            let id = format!("{:032x}", u128::from_le_bytes(ambient.bytes()));
            source.set_mark(Some(Mark::Leaving { id: id.clone(), to: to.clone(), at })).await?;
            target.set_mark(Some(Mark::Arriving { id: id.clone(), from: from.clone(), at, emptied: false })).await?;
            id
        }
    };
    if let Some(Mark::Arriving { emptied: false, .. }) = target.mark().await? {
        target.asks(async || target.queue.empty().await).await?;
        target.set_mark(Some(Mark::Arriving { id: id.clone(), from: from.clone(), at, emptied: true })).await?;
    }
    let tally = take_all(source, target).await?;
    source.set_mark(Some(Mark::Left { id: id.clone(), to, at: ambient.now() })).await?;
    target.set_mark(Some(arrived(id, ambient.now()))).await?;
    Ok(tally)
}

/// Has a source count again as it is, whatever stands in the target. What happened there meanwhile is not known here.
///
/// # Errors
/// [`MoveError::Store`]; [`MoveError::IsTarget`] where it is no source.
pub async fn abandon<S: Store>(source: Place<'_, S>) -> Result<(), MoveError> {
    match source.mark().await? {
        Some(Mark::Arriving { from, .. }) => Err(MoveError::IsTarget { name: source.name.to_owned(), from }),
        Some(Mark::Leaving { .. } | Mark::Left { .. }) => source.set_mark(None).await,
        Some(Mark::Arrived { .. }) | None => Ok(()),
    }
}

/// What is to be done.
enum Plan {
    /// A new move. What the target holds is nothing, or old.
    Begin,
    /// The move that was begun.
    Continue { id: String },
    /// All was moved; it only has to be said.
    End { id: String },
}

async fn judge<S: Store>(source: Place<'_, S>, target: Option<Place<'_, S>>) -> Result<Plan, MoveError> {
    let from = source.mark().await?;
    let to = match target {
        Some(target) => target.mark().await?,
        None => None,
    };
    let left = |to: &str, at: &DateTime<Utc>| MoveError::Left {
        from: source.name.to_owned(),
        to: to.to_owned(),
        at: at.format("%F %H:%M").to_string(),
    };
    let source_name = || source.name.to_owned();
    match (from, to) {
        (Some(Mark::Arriving { from, .. }), _) => Err(MoveError::IsTarget { name: source_name(), from }),
        (Some(Mark::Left { id, .. }), Some(Mark::Arriving { id: other, .. })) if id == other => Ok(Plan::End { id }),
        (Some(Mark::Left { to, at, .. }), _) => Err(left(&to, &at)),
        (Some(Mark::Leaving { id, .. }), Some(Mark::Arriving { id: other, .. })) if id == other => {
            Ok(Plan::Continue { id })
        }
        // What stands there was moved here.
        (Some(Mark::Arrived { id, .. }), Some(Mark::Left { id: other, .. })) if id == other => Ok(Plan::Begin),
        // Half of what another source has still; or the same, where moving back was begun and ended before the target was
        // marked.
        (_, Some(Mark::Arriving { .. })) | (Some(Mark::Leaving { .. }), Some(Mark::Left { .. })) => Ok(Plan::Begin),
        (_, Some(Mark::Leaving { to, .. })) => {
            Err(MoveError::IsSource { name: target.map(|target| target.name.to_owned()).unwrap_or_default(), to })
        }
        _ => match target {
            Some(target) if !target.is_empty().await? => Err(MoveError::NotEmpty(target.name.to_owned())),
            _ => Ok(Plan::Begin),
        },
    }
}

async fn take_all<S: Store>(source: Place<'_, S>, target: Place<'_, S>) -> Result<Vec<Counted>, MoveError> {
    let mut tally = Tally::new();
    each_page_of_jobs(source, async |jobs, sealed| {
        tally.sealed(What::Unreadable, sealed);
        for some in portions(jobs) {
            let whats: Vec<What> = some.iter().map(What::of).collect();
            let taken = target.asks(async || target.queue.take_over(some.clone()).await).await?;
            whats.into_iter().zip(taken).for_each(|(what, taken)| tally.took(what, taken));
        }
        Ok(())
    })
    .await?;
    for part in Part::ALL {
        each_page_of(part, source, async |items, sealed| {
            tally.sealed(of_part(part), sealed);
            // The newest of one person is the last that is remembered.
            let beside = if part == Part::SignIns { 1 } else { SIDE_BY_SIDE };
            let each = items.into_iter().map(|item| async move {
                (what(&item), target.asks(async || take_over(target.queue, item.clone()).await).await)
            });
            let mut all = futures_util::stream::iter(each).buffered(beside);
            while let Some((what, taken)) = all.next().await {
                tally.took(what, taken?);
            }
            Ok(())
        })
        .await?;
    }
    let brake = source.asks(async || source.queue.brake().await).await?;
    if brake != Brake::default() {
        let is_there = target.asks(async || target.queue.brake().await).await? == brake;
        if !is_there {
            target.asks(async || target.queue.remember_brake(brake.clone()).await).await?;
        }
        tally.took(What::Brake, if is_there { Taken::There } else { Taken::Moved });
    }
    Ok(tally.0)
}

/// Jobs in portions that a store takes at once.
fn portions(jobs: Vec<StoredJob>) -> Vec<Vec<StoredJob>> {
    let mut all = vec![Vec::new()];
    let mut bytes = 0_usize;
    for job in jobs {
        bytes = bytes.saturating_add(job.payload.len());
        if let Some(some) = all.last_mut().filter(|some| some.is_empty() || bytes <= MOST_BYTES) {
            some.push(job);
        } else {
            bytes = job.payload.len();
            all.push(vec![job]);
        }
    }
    all.retain(|some| !some.is_empty());
    all
}

async fn take_over(target: &impl Store, item: Beside) -> Result<Taken, QueueError> {
    match item {
        Beside::Record { uid, written, gone } => take_record(target, &uid, written, gone).await,
        Beside::SignIn(sign_in) => take_sign_in(target, sign_in).await,
        Beside::Announced(announced) => take_announced(target, announced).await,
        Beside::Learnt { key, value, until } => take_learnt(target, &key, value, until).await,
    }
}

/// A store that does not answer keeps nothing and says nothing of it: so it is asked for something else before what it does not
/// recall is given up.
async fn take_learnt(target: &impl Store, key: &str, value: String, until: DateTime<Utc>) -> Result<Taken, QueueError> {
    if target.recall(key).await.as_ref() == Some(&value) {
        return Ok(Taken::There);
    }
    for _ in 0..2 {
        target.keep(key, value.clone(), until).await;
        if target.recall(key).await.as_ref() == Some(&value) {
            return Ok(Taken::Moved);
        }
        target.mark().await?;
    }
    Ok(Taken::TooLarge)
}

async fn take_record(target: &impl Store, uid: &str, written: Written, gone: bool) -> Result<Taken, QueueError> {
    let is_there = target.newest(uid).await?.as_ref() == Some(&written);
    if !is_there {
        let answering = written.answering.clone();
        target.remember(uid, written).await?;
        if let Some(answering) = answering {
            target.answering(uid, AnswerWrite::Begins(answering)).await?;
        }
    }
    // Said again where the record is there: a move may have been cut between the two.
    if gone {
        target.seen(Sightings { deleted: vec![uid.into()], ..Sightings::default() }).await?;
    }
    Ok(if is_there { Taken::There } else { Taken::Moved })
}

async fn take_sign_in(target: &impl Store, sign_in: SignIn) -> Result<Taken, QueueError> {
    if target.sign_in(sign_in.id).await?.is_some() {
        return Ok(Taken::There);
    }
    target.remember_sign_in(sign_in).await?;
    Ok(Taken::Moved)
}

async fn take_announced(target: &impl Store, announced: Announced) -> Result<Taken, QueueError> {
    if target.announced(&announced.repository).await?.contains(&announced) {
        return Ok(Taken::There);
    }
    target.announce(vec![announced]).await?;
    Ok(Taken::Moved)
}

fn what(item: &Beside) -> What {
    match item {
        Beside::Record { .. } => What::Records,
        Beside::SignIn(_) => What::SignIns,
        Beside::Announced(_) => What::Announced,
        Beside::Learnt { .. } => What::Learnt,
    }
}

fn of_part(part: Part) -> What {
    match part {
        Part::Records => What::Records,
        Part::SignIns => What::SignIns,
        Part::Announced => What::Announced,
        Part::Learnt => What::Learnt,
    }
}

async fn each_page_of_jobs<S: Store>(
    source: Place<'_, S>,
    mut each: impl AsyncFnMut(Vec<StoredJob>, u64) -> Result<(), MoveError>,
) -> Result<(), MoveError> {
    let mut after = None;
    loop {
        let page = source.asks(async || source.queue.export_jobs(after, MOST_AT_ONCE).await).await?;
        each(page.items, page.sealed).await?;
        let Some(next) = page.next else { return Ok(()) };
        after = Some(next);
    }
}

async fn each_page_of<S: Store>(
    part: Part,
    source: Place<'_, S>,
    mut each: impl AsyncFnMut(Vec<Beside>, u64) -> Result<(), MoveError>,
) -> Result<(), MoveError> {
    let mut after = None;
    loop {
        let page = source.asks(async || source.queue.export(part, after, MOST_AT_ONCE).await).await?;
        each(page.items, page.sealed).await?;
        let Some(next) = page.next else { return Ok(()) };
        after = Some(next);
    }
}
