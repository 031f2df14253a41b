//! 5 of 13 · in: Job, or an answer to a link · out: WorkloadPatch, Delivery
//!
//! The only sequencer. It knows no sockets: registry, cluster, queue, clock and chance are what it is given.
//!
//! ```text
//! look(repository) ─► are automatic updates stopped? ─► for each workload that runs it, those whose updates failed first:
//!     what is known ─► what people asked by annotations ─► for each of its containers:
//!     what runs ─► follow its open update ─► settings ─► tags ─► decide ─┬─► apply   (AUTO_UPDATE)
//!                                                                      └─► propose (NOTIFICATION)
//!                  ─► one write ─► messages
//!                  ─► for each group of those: what all of its members could go to ─► the same, together
//! answer(link)     ─► the same apply, for exactly what was approved
//! ```
//!
//! The folders are these steps: [`records`] reads and writes what is known, `following` goes after an open update, `listing`
//! reads tags, `judging` decides, `writing` applies, `asking` proposes; none imports one that imports it. `telling` is what all of
//! them say, [`fleet`] what workloads have to do with one another.
//!
//! Where workloads may not be written, people are told of the same decision, without a link.
//!
//! Every step reads the workload as it is and writes it under guard, so doing a job twice changes nothing. What is known and
//! what follows from an event is decided in [`crate::domain::record`].

mod answer;
mod asking;
mod by_name;
mod draft;
mod entrance;
mod explained;
pub mod fleet;
mod following;
mod for_messages;
mod group;
mod judging;
mod listing;
#[cfg(test)]
pub(crate) mod look_tests;
mod looked;
mod looks;
pub mod records;
mod report;
#[cfg(test)]
mod simulation;
mod telling;
mod workload;
mod writing;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::StreamExt as _;
use tracing::Instrument as _;

use answer::Renewals;
pub use answer::{
    About, Answer, Answerable, Applied, Asked, Line, Lines, NotShown, OpenedList, Press, RenewedList, Settled, Shown,
    Successor,
};
use entrance::Entrance;
pub use explained::Explained;
pub use fleet::brake::{AskedToResume, ResumeError, Resuming};
use fleet::replicas::Others;
pub use following::stall_clock::StandingStill;
use group::Groups;
use judging::declared::Unread;
use judging::unreleased::Unreleased;
use listing::announced::Awaited;
use listing::shrunk::Families;
use listing::turns::{Beginnings, InTurns};
use listing::without_manifest::Absent;
use looked::Looked;
pub use looks::{AfterLook, Looks, NamespacesOf, PutOff};
use records::repairs::Repairs;
use records::witness::{Marks, Turns};
use writing::siblings::Siblings;

use crate::ambient::Ambient;
use crate::assess::{AskStanding, Declarations, Digests};
use crate::cluster::{Cluster, ClusterError};
use crate::domain::approval::LinkKeys;
use crate::domain::audience::Audience;
use crate::domain::event::{Job, Notice};
use crate::domain::fleet::Limits;
use crate::domain::policy::Wanted;
use crate::domain::record::sealed::TooMuch;
use crate::domain::reference::Repository;
use crate::domain::retry::RetryAfter;
use crate::domain::settings::{self, Bounds, flaw};
use crate::domain::tags::Fingerprint;
use crate::domain::workload::Workload;
use crate::queue::worker::Verdict;
use crate::queue::{Announced, Announcements, NewJob, Placed, Queue, QueueError, Records, Replicas};
use crate::registry::{Credential, Registry, RegistryError, Tags};
use crate::telemetry::metrics::{Metrics, One, OutcomeReason};
use crate::telemetry::{Repeats, chain, spans};

/// What a [`Reconciler`] is made of.
#[derive(Clone)]
pub struct Parts<Q, R, C> {
    /// Where messages go.
    pub queue: Q,
    /// Where tags come from.
    pub registry: Arc<R>,
    /// What is watched and written.
    pub cluster: C,
    /// Who is told.
    pub audience: Arc<dyn Audience>,
    /// What the makers of images declare.
    pub declarations: Arc<dyn Declarations>,
    /// What signs links and records.
    pub keys: LinkKeys,
    /// What settings of workloads are read under.
    pub bounds: Bounds,
    /// Clock and chance.
    pub ambient: Ambient,
    /// Where it counts.
    pub metrics: Metrics,
    /// Called with what each complete list of tags comes to.
    pub on_listed: OnListed,
    /// Says what became of the release of a version that waited.
    pub standing: AskStanding,
    /// So long a rollout that is complete has to stay well before it is told.
    pub settle: Duration,
    /// Since when rollouts stand as they stand.
    pub standing_still: Arc<StandingStill>,
    /// How many updates may roll at once.
    pub rollouts: Limits,
    /// Who else may decide, and is told what looks came to.
    pub replicas: Replicas,
}

/// Takes a repository, a fingerprint of its tags, and whether a tag is looked for that was announced before.
pub type OnListed = Arc<dyn Fn(&Repository, Fingerprint, bool) + Send + Sync>;

/// Decides, writes, and follows what it wrote. Clones are the same.
pub struct Reconciler<Q, R, C>(Arc<Parts<Q, R, C>>, Arc<Memory>);

/// What is remembered of earlier looks, in this process only.
#[derive(Default)]
struct Memory {
    families: Families,
    /// What members of groups could go to.
    groups: Groups,
    /// Where namespaces with many credentials begin.
    beginnings: Beginnings,
    absent: Absent,
    /// Updates that wait for their release notes.
    unread: Unread,
    /// What projects took back.
    unreleased: Unreleased,
    /// What was logged lately.
    repeats: Repeats,
    /// The newest records.
    marks: Marks,
    /// Who writes to which workload.
    turns: Turns,
    /// How often records were put right.
    repairs: Repairs,
    /// Who is about to be written, and who waits for others.
    entrance: Entrance,
    /// Who waits for another container of the workload.
    siblings: Siblings,
    /// Which links had a new one sent.
    renewals: Renewals,
    /// Whether automatic updates are stopped.
    brake: fleet::brake::Known,
    /// What the last looks came to.
    looked: Looked,
    /// What other replicas say of themselves.
    others: Others,
}

impl<Q, R, C> Clone for Reconciler<Q, R, C> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0), Arc::clone(&self.1))
    }
}

impl<Q, R, C> std::fmt::Debug for Reconciler<Q, R, C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Reconciler")
    }
}

/// Why a step did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    /// The registry gave no answer to decide on.
    #[error("no decision without a complete answer of the registry")]
    Registry(#[source] Arc<RegistryError>),
    /// With which credential the registry is to be asked is not known.
    #[error("no decision without the workload's own credential")]
    Credential(#[source] Arc<ClusterError>),
    /// The workload was not written.
    #[error("the workload was not written")]
    Cluster(#[from] ClusterError),
    /// The messages were not stored.
    #[error("the messages were not stored")]
    Queue(#[from] QueueError),
    /// What would have to be remembered is too much.
    #[error(transparent)]
    TooMuch(#[from] TooMuch),
    /// What was written last is not remembered, or can't be read.
    #[error(
        "what was written on the workload last can't be read in the queue's store, and what stands there is something else"
    )]
    NotRemembered,
    /// An answer has to be known soon, and the registry took its time.
    #[error("the registry did not answer within {} s", .0.as_secs())]
    TooSlow(Duration),
    /// Not all that may be read was listed since the start.
    #[error("no decision on a group before all workloads are listed")]
    Unlisted,
    /// The workload is another than the one for which the tags were read.
    #[error("the workload changed while its registry was asked")]
    Changed,
    /// Another replica has the key that the record was signed with, and this one has not.
    #[error(
        "its record was signed with a link key that another replica has and this one has not, so it is left to that one: give all \
         replicas the same keys in IMAGE_WATCHER_LINK_KEY"
    )]
    KeyElsewhere,
}

/// A step that is done, and when to look again if nothing happens before.
pub(crate) type Step = Result<Option<DateTime<Utc>>, StepError>;

/// When those are looked at for whom a look had no turn left.
const NEXT_TURN: TimeDelta = TimeDelta::seconds(1);

/// What waits until all workloads are listed is looked at again after this.
const UNLISTED: TimeDelta = TimeDelta::seconds(5);

/// Workloads that are worked on at once in one look.
const SIDE_BY_SIDE: usize = 8;

impl<Q: Queue + Records + Announcements, R: Registry, C: Cluster> Reconciler<Q, R, C> {
    /// Looks at a repository for every watched container that runs it.
    ///
    /// `trace` follows the event.
    pub async fn look(&self, repository: &Repository, trace: &str) -> Verdict {
        let parts = &*self.0;
        let started = parts.ambient.monotonic();
        self.1.entrance.begins(repository);
        if parts.queue.is_shared() {
            self.1.groups.forget();
        }
        self.read_brake().await;
        let (mut ended, mut is_told) = (Vec::<(Step, Target)>::new(), false);
        let mut awaited = self.awaited(repository).await;
        let targets = self.targets(repository).await;
        let together = self.groups_of(&targets);
        let targets = Box::pin(self.failed_first(targets, trace, &mut ended)).await;
        // Told at once; where that can't be done, it is tried again when the look ends.
        let _ = self.pull_brake(trace).await;
        let InTurns { now, later } = self.1.beginnings.in_turns(repository, by_credential(targets));
        for mut targets in now {
            self.remember_all_settings(&targets).await;
            let digests = Digests::default();
            for target in &mut targets {
                target.digests = Some(digests.clone());
            }
            let again = awaited.pushed_under(&mut targets);
            let tags = self.tags(repository, &targets, &awaited).await;
            let left = listing::renewed_credential::left_behind(&mut targets);
            ended.extend(left.into_iter().map(|target| (Ok(Some(parts.ambient.now() + NEXT_TURN)), target)));
            if tags.is_some() || targets.first().is_some_and(|target| target.credential.is_err()) {
                awaited.read(tags.as_ref());
            }
            if let (false, Some(Ok(tags))) = (is_told, &tags) {
                (parts.on_listed)(repository, tags.fingerprint(), !awaited.is_empty());
                is_told = true;
            }
            let steps = futures_util::stream::iter(by_workload(targets).into_iter().map(|containers| {
                let tags = tags.clone();
                let span = containers.first().map_or_else(tracing::Span::none, |of| spans::decision(&of.workload.id));
                async move { self.workload(containers, tags, trace).await }.instrument(span)
            }));
            ended.extend(steps.buffer_unordered(SIDE_BY_SIDE).collect::<Vec<_>>().await.into_iter().flatten());
            awaited.compare(tags.as_ref(), &digests, &again);
        }
        for ((namespace, name), target) in together {
            ended.push((Box::pin(self.group(&namespace, &name, trace)).await, target));
        }
        let soon = parts.ambient.now() + NEXT_TURN;
        ended.extend(later.into_iter().filter_map(|mut group| Some((Ok(Some(soon)), group.pop()?))));
        tell(&ended, &self.1.repeats, parts.ambient.monotonic());
        self.lets_others_go(&ended);
        let after = [self.pull_brake(trace).await, self.wake(repository, trace).await];
        let ended = verdict(&ended, &after, parts.ambient.now());
        let verdict = self.awaiting(repository, awaited, ended).await;
        let took = parts.ambient.monotonic().saturating_sub(started).as_secs_f64();
        let result = if matches!(verdict, Verdict::Retry { .. }) { "error" } else { "ok" };
        parts.metrics.reconcile_duration.get_or_create(&One { result: result.into() }).observe(took);
        verdict
    }
}

impl<Q: Queue + Records, R: Registry, C: Cluster> Reconciler<Q, R, C> {
    /// A sequencer of these parts.
    #[must_use]
    pub fn new(parts: Parts<Q, R, C>) -> Self {
        Self(Arc::new(parts), Arc::default())
    }

    /// The end of a look that was given up after so long.
    fn overdue(&self, repository: &Repository, after: Duration) -> Verdict {
        self.1.entrance.ended(repository);
        let reason = format!("not done after {} s", after.as_secs());
        if let Some(suppressed) = self.1.repeats.line("", (repository.host(), "overdue"), self.0.ambient.monotonic()) {
            tracing::warn!(%repository, reason, suppressed, "the look at this repository is given up for now, and done again");
        }
        Verdict::Retry { retry_after: None, no_later: None, reason }
    }

    /// Before anybody is asked, as that may take its time.
    async fn remember_all_settings(&self, targets: &[Target]) {
        for target in targets {
            if let Err(error) = self.remember_settings(&target.workload).await {
                tracing::debug!(workload = %target.workload.id, error = %chain(&error), "which settings it has is not remembered now");
            }
        }
    }

    /// Every watched container that runs the repository, with the credential of its workload.
    async fn targets(&self, repository: &Repository) -> Vec<Target> {
        let runs = |workload: &Workload| -> Vec<String> {
            let fits = |image: &str| {
                crate::domain::reference::ImageReference::parse(image).is_ok_and(|i| i.repository() == repository)
            };
            workload.containers.iter().filter(|c| fits(&c.image)).map(|c| c.name.to_string()).collect()
        };
        let of = |workload: Arc<Workload>| async move {
            let containers = runs(&workload);
            // Nothing is asked about what is left alone, so no Secret is read for it.
            let credential = if containers.iter().any(|container| self.may_act(&workload, container)) {
                self.0.cluster.credential(&workload, repository).await.map_err(Arc::new)
            } else {
                Ok(Credential::default())
            };
            let target = |container| {
                let (repository, credential) = (repository.clone(), credential.clone());
                Target {
                    workload: Arc::clone(&workload),
                    container,
                    repository,
                    credential,
                    digests: None,
                    pushed: None,
                }
            };
            containers.into_iter().map(target).collect::<Vec<_>>()
        };
        let all = futures_util::stream::iter(self.0.cluster.running(repository).into_iter().map(of));
        all.buffered(SIDE_BY_SIDE).collect::<Vec<_>>().await.into_iter().flatten().collect()
    }

    /// What these targets, which share a credential, could use of the repository's tags; `None` where none of them asks. While
    /// they are listed, it is asked for the one that was announced.
    async fn tags(&self, repository: &Repository, targets: &[Target], awaited: &Awaited) -> Option<Listed> {
        let first = targets.first()?;
        let credential = first.credential.as_ref().ok()?;
        let (mut wanted, mut ahead) = (None, None);
        for (running, policy) in targets.iter().filter_map(|target| self.compares(target)) {
            wanted.get_or_insert_with(Wanted::default).add(running.as_str(), &policy);
            ahead.get_or_insert_with(|| awaited.likely(&running, &policy, self.0.ambient.now()));
        }
        let wanted = wanted?;
        let list = self.0.registry.tags(repository, credential, &wanted);
        let list = tokio::join!(list, self.ask_ahead(first, ahead.flatten())).0;
        Some(list.map(Arc::new).map_err(Arc::new))
    }

    /// The messages about a notice, to the channels that its workload names.
    fn messages_of(&self, target: &Target, notice: &Notice) -> Vec<Job> {
        let only = settings::channels(&target.workload, &target.container);
        self.0.audience.messages(notice, only.as_deref())
    }

    /// Stores them.
    async fn tell_of(&self, target: &Target, notice: &Notice, trace: &str) -> Result<(), StepError> {
        self.put(self.messages_of(target, notice), trace).await.map(drop)
    }

    /// Stores messages about a notice; the same ones again are the same jobs.
    async fn tell(&self, notice: &Notice, only: Option<&[String]>, trace: &str) -> Result<(), StepError> {
        self.put(self.0.audience.messages(notice, only), trace).await.map(drop)
    }

    async fn put(&self, messages: Vec<Job>, trace: &str) -> Result<Placed, StepError> {
        if messages.is_empty() {
            return Ok(Placed::Coalesced);
        }
        let now = self.0.ambient.now();
        let job = |job| NewJob::prompt(job, trace, now);
        Ok(self.0.queue.put(messages.into_iter().map(job).collect()).await?)
    }

    fn count(&self, outcome: &str, reason: &str) {
        spans::decided(outcome, reason);
        let labels = OutcomeReason { outcome: outcome.into(), reason: reason.into() };
        self.0.metrics.decisions.get_or_create(&labels).inc();
    }
}

/// What was wanted of the complete tags of a repository, or why there are none.
pub(crate) type Listed = Result<Arc<Tags>, Arc<RegistryError>>;

/// Those who share a credential together. One list is held at a time: its room is given back before the next is read.
fn by_credential(targets: Vec<Target>) -> Vec<Vec<Target>> {
    let mut groups: Vec<Vec<Target>> = Vec::new();
    let mut places = HashMap::new();
    for target in targets {
        let place = *places
            .entry(target.credential.as_ref().ok().map(|known| known.scope().to_owned()))
            .or_insert(groups.len());
        match groups.get_mut(place) {
            Some(group) => group.push(target),
            None => groups.push(vec![target]),
        }
    }
    groups
}

/// The containers of a workload together, in the order of its pod template.
fn by_workload(targets: Vec<Target>) -> Vec<Vec<Target>> {
    let mut groups: Vec<Vec<Target>> = Vec::new();
    for target in targets {
        match groups
            .last_mut()
            .filter(|group| group.first().is_some_and(|first| first.workload.id == target.workload.id))
        {
            Some(group) => group.push(target),
            None => groups.push(vec![target]),
        }
    }
    groups
}

/// One container of one workload, to be decided on.
#[derive(Clone)]
pub(crate) struct Target {
    workload: Arc<Workload>,
    container: String,
    repository: Repository,
    /// What its registry is asked with, where that is known.
    credential: Result<Credential, Arc<ClusterError>>,
    /// What was asked in this look, for all who share the credential.
    digests: Option<Digests>,
    /// That its own tag was pushed, where that was announced and is looked for.
    pushed: Option<Announced>,
}

impl Target {
    /// One of which no registry is asked.
    fn unasked(workload: Arc<Workload>, container: &str, repository: Repository) -> Self {
        Self {
            workload,
            container: container.to_owned(),
            repository,
            credential: Ok(Credential::default()),
            digests: None,
            pushed: None,
        }
    }

    /// What is wrong with its settings and stops nothing.
    fn flaw(&self) -> Option<String> {
        flaw(&self.workload, &self.container).map(|flaw| flaw.to_string())
    }

    fn credential(&self) -> Result<&Credential, StepError> {
        self.credential.as_ref().map_err(|error| StepError::Credential(Arc::clone(error)))
    }
}

/// Tells what stopped: one line an hour for a namespace, a host and a kind of failure, however many containers there are.
fn tell(ended: &[(Step, Target)], repeats: &Repeats, now: Duration) {
    for (step, target) in ended {
        let Err(error) = step else { continue };
        let (workload, container, repository) = (&target.workload.id, &target.container, &target.repository);
        let message = "this container is left as it is for now";
        if let Some(suppressed) = repeats.line(&workload.namespace, kind(error, repository), now) {
            tracing::warn!(%workload, container, %repository, error = %chain(error), suppressed, "{message}");
        } else {
            tracing::debug!(%workload, container, %repository, error = %chain(error), "{message}");
        }
    }
}

/// What failures have in common that are told of as one: the registry's host, or none, and a word.
fn kind<'r>(error: &StepError, repository: &'r Repository) -> (&'r str, &'static str) {
    match error {
        StepError::Registry(error) => {
            let word = match &**error {
                // The one follows from the other.
                RegistryError::LeftAlone { .. } | RegistryError::Unreachable { .. } => "no answer",
                error => error.reason(),
            };
            (repository.host(), word)
        }
        StepError::Cluster(error) => ("", error.reason()),
        StepError::Queue(_) => ("", "queue"),
        StepError::Credential(_) => ("", "credential"),
        StepError::TooSlow(_) => (repository.host(), "no answer"),
        StepError::Changed => ("", "changed"),
        StepError::KeyElsewhere => ("", "key_elsewhere"),
        StepError::Unlisted => ("", "unlisted"),
        StepError::TooMuch(_) => ("", "record_too_long"),
        StepError::NotRemembered => ("", "not_remembered"),
    }
}

/// What the job's end is, from its steps' ends: a failure is tried again, told by the first of them and as late as any of them
/// was told to wait; and no later than the earliest wish, or than any of them may ask again, as one that fails takes no time from
/// the others.
fn verdict(ended: &[(Step, Target)], after: &[Result<(), StepError>; 2], now: DateTime<Utc>) -> Verdict {
    let mut again: Option<DateTime<Utc>> = None;
    let (mut told, mut shortest, mut longest) = (None, None::<RetryAfter>, None::<RetryAfter>);
    let mut failed = |error: &StepError| {
        told.get_or_insert_with(|| chain(error).to_string());
        let other = retry_after(error, now);
        shortest = shortest.into_iter().chain(other).min_by_key(|wait| wait.moment());
        longest = longest.into_iter().chain(other).max_by_key(|wait| wait.moment());
    };
    for (step, _) in ended {
        match step {
            Ok(Some(at)) => again = Some(again.map_or(*at, |earliest| earliest.min(*at))),
            Ok(None) => {}
            Err(error) => failed(error),
        }
    }
    after.iter().filter_map(|end| end.as_ref().err()).for_each(failed);
    match (told, again) {
        (Some(reason), again) => {
            let others = shortest.filter(|_| shortest != longest).map(RetryAfter::moment);
            let no_later = again.into_iter().chain(others).min();
            Verdict::Retry { retry_after: longest, no_later, reason }
        }
        (None, Some(at)) => Verdict::Again(at),
        (None, None) => Verdict::Done,
    }
}

/// The longest that the API server is waited for on its own word.
const LONGEST_WAIT: Duration = Duration::from_secs(5 * 60);

/// When the registry, or the API server, said that it may be asked again.
fn retry_after(error: &StepError, now: DateTime<Utc>) -> Option<RetryAfter> {
    match error {
        StepError::Registry(error) => match &**error {
            RegistryError::Throttled { until, .. } => *until,
            RegistryError::LeftAlone { until, .. } => Some(RetryAfter::at(*until)),
            _ => None,
        },
        StepError::Cluster(ClusterError::Rejected { rejection, .. }) => {
            let wait = rejection.again_after?.min(LONGEST_WAIT);
            Some(RetryAfter::at(now + TimeDelta::from_std(wait).ok()?))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::{Rejection, RejectionReason};
    use crate::domain::workload::tests::workload;
    use crate::registry::Wait;
    use crate::telemetry::tests::Log;

    fn failed(namespace: &str, host: &str, number: usize, error: fn(&str) -> RegistryError) -> (Step, Target) {
        let mut workload = workload(&[("web", "web:1.0.0")], &[]);
        (workload.id.namespace, workload.id.name) = (namespace.into(), format!("web-{number}").into());
        let repository = Repository::parse(&format!("{host}/web")).unwrap();
        let target = Target::unasked(Arc::new(workload), "web", repository);
        (Err(StepError::Registry(Arc::new(error(host)))), target)
    }

    fn hangs(host: &str) -> RegistryError {
        RegistryError::Unreachable { host: host.to_owned(), operation: "tags", source: "no answer".into() }
    }

    fn left_alone(host: &str) -> RegistryError {
        RegistryError::LeftAlone { host: host.to_owned(), until: DateTime::UNIX_EPOCH, last: None }
    }

    fn refuses(host: &str) -> RegistryError {
        RegistryError::Status { host: host.to_owned(), operation: "tags", status: 500 }
    }

    #[test]
    fn an_api_server_that_has_too_much_to_do_is_asked_again_when_it_says_and_within_minutes() {
        for (says, waits) in [(None, None), (Some(7), Some(7)), (Some(86_400), Some(300))] {
            let again_after = says.map(Duration::from_secs);
            let rejection = Rejection { reason: RejectionReason::Throttled, sentence: "too many".into(), again_after };
            let error = ClusterError::Rejected { workload: "shop/web".into(), rejection };
            let (_, target) = failed("shop", "a.example.com", 0, refuses);
            let verdict = verdict(&[(Err(error.into()), target)], &[Ok(()), Ok(())], DateTime::UNIX_EPOCH);
            let Verdict::Retry { retry_after, .. } = verdict else { panic!("{verdict:?}") };
            assert_eq!(retry_after.map(|at| at.moment().timestamp()), waits, "{says:?}");
        }
    }

    #[test]
    fn a_step_that_fails_takes_no_time_from_the_others() {
        let at = |seconds| DateTime::from_timestamp(seconds, 0).unwrap();
        let until = Some(RetryAfter::at(at(90)));
        let (_, target) = failed("shop", "a.example.com", 0, hangs);
        let throttled = RegistryError::Throttled { host: "a.example.com".into(), why: Wait::Asked, until };
        let all = [
            Ok(Some(at(40))),
            Err(StepError::Registry(Arc::new(throttled))),
            Err(StepError::Registry(Arc::new(hangs("b.example.com")))),
            Ok(Some(at(30))),
            Ok(None),
        ];
        let ended: Vec<(Step, Target)> = all.into_iter().map(|step| (step, target.clone())).collect();
        let told = verdict(&ended, &[Ok(()), Err(StepError::Changed)], DateTime::UNIX_EPOCH);
        let Verdict::Retry { retry_after, no_later, reason } = told else { panic!("{told:?}") };
        assert_eq!((retry_after, no_later), (until, Some(at(30))));
        assert!(reason.contains("a.example.com"), "the first that failed: {reason}");
        let waits = |seconds: &[i64]| {
            let ended: Vec<(Step, Target)> = (seconds.iter())
                .map(|seconds| {
                    let until = Some(RetryAfter::at(at(*seconds)));
                    let throttled = RegistryError::Throttled { host: "a.example.com".into(), why: Wait::Asked, until };
                    (Err(StepError::Registry(Arc::new(throttled))), target.clone())
                })
                .collect();
            match verdict(&ended, &[Ok(()), Ok(())], DateTime::UNIX_EPOCH) {
                Verdict::Retry { retry_after: Some(until), no_later, .. } => (until.moment(), no_later),
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(waits(&[90, 90]), (at(90), None));
        assert_eq!(waits(&[90, 10, 30]), (at(90), Some(at(10))), "whose wait is short does not wait for the others'");
    }

    #[test]
    fn a_host_that_hangs_is_one_line_for_a_namespace_however_many_containers_wait_for_it() {
        let (log, repeats) = (Log::begin(), Repeats::default());
        let look = |namespace, error, minutes: u64| {
            let ended: Vec<_> = (0..6000).map(|number| failed(namespace, "a.example.com", number, error)).collect();
            tell(&ended, &repeats, Duration::from_secs(minutes * 60));
            assert!(matches!(verdict(&ended, &[Ok(()), Ok(())], DateTime::UNIX_EPOCH), Verdict::Retry { .. }));
        };
        look("shop", hangs, 0);
        look("shop", left_alone, 1);
        let told = log.lines();
        assert_eq!(told.len(), 1, "{told:?}");
        let parts = ["WARN", "shop", "web-0", "a.example.com/web", "no answer", "suppressed=0"];
        assert!(parts.iter().all(|part| told[0].contains(part)), "{}", told[0]);
        look("shop", refuses, 2);
        look("blog", hangs, 2);
        assert_eq!(log.lines().len(), 3, "another kind, and another namespace");
        look("shop", hangs, 61);
        let told = log.lines();
        assert!(told.len() == 4 && told[3].contains("suppressed=11999"), "{told:?}");
    }
}
