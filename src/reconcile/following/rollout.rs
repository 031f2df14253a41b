//! Following an update to its end: healthy, failed, or replaced by somebody else.
//!
//! The record is the memory: it says that an update is under way until its end was told. After a crash at any point the next
//! look takes it up where it was. Object and pods together are read by [`Follower`]; what follows from a reading is here: a
//! rollout that waits for somebody has not failed, a slow one neither, and one that was given up and comes up later
//! is corrected.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use crate::cluster::{Cluster, WorkloadEvent};
use crate::domain::event::{Failure, Notice, NoticeKind, WayBack};
use crate::domain::history::Outcome;
use crate::domain::record::{Event, Ledger, Question, Record, Update};
use crate::domain::rollout::obstacle::InTheWay;
use crate::domain::rollout::pods::{Pod, Reason, Sight, sentence};
use crate::domain::rollout::{Follower, Healing, Reading, Rollout, Waits, Why, new_pods, ready, unwell};
use crate::domain::workload::{Kind, Workload};
use crate::queue::{Queue, Records};
use crate::reconcile::draft::Work;
use crate::reconcile::following::back::Left;
use crate::reconcile::following::blocked::Way;
use crate::reconcile::following::stall_clock::{Of, Sighting, Stage};
use crate::reconcile::report;
use crate::reconcile::telling::notices::ends;
use crate::reconcile::writing::apply::Decided;
use crate::reconcile::{Reconciler, StepError, Target};
use crate::registry::Registry;

/// A rollout that is under way is looked at again after this, whatever the watch stream says.
pub(crate) const LOOK_AGAIN: TimeDelta = TimeDelta::minutes(15);

/// What was in the way a moment ago is looked at again after this.
const SOON: TimeDelta = TimeDelta::seconds(5);

/// How an update failed, as it is told.
struct Failed {
    failure: Failure,
    /// What becomes of it.
    way_back: WayBack,
    /// What is going to be in the way of that.
    in_the_way: Vec<InTheWay>,
}

/// Other workloads wait no longer for a rollout, whatever becomes of it.
const WAITED_FOR_AT_MOST: TimeDelta = TimeDelta::hours(2);

/// What following a rollout came to, and so whether a newer version is decided on in this look.
pub(crate) enum Goes {
    /// It has ended, or waits for somebody: go on.
    On,
    /// It is under way: look again then at the latest.
    Under(DateTime<Utc>),
    /// It stands still, which is to be said; look again then at the latest.
    Slow(Slow),
}

/// A rollout that stands still.
pub(crate) struct Slow {
    /// Look again then at the latest.
    pub(crate) again: DateTime<Utc>,
    /// Whether the cluster itself will give it up, so that nothing is decided before.
    pub(crate) holds: bool,
    /// Why.
    pub(crate) why: Failure,
    /// Whether people are told of it, and not otherwise.
    pub(crate) is_told: bool,
}

/// Whether it was said to have made no progress for long, and has come no further since. What is in the way of a rollout is seen
/// of its pods, and may be others by now.
fn stands_as_said(update: &Update, rollout: &Rollout) -> bool {
    let is_of_time = |why: &Failure| !why.reason.is_empty();
    update.standstill.why.as_deref().is_some_and(is_of_time)
        && update.standstill.at.zip(rollout.reached()).is_some_and(|(then, now)| !now.is_further_than(then))
}

impl<Q: Queue + Records, R: Registry, C: Cluster> Reconciler<Q, R, C> {
    /// Takes the newest update further, if it has not ended, or not well.
    pub(crate) async fn follow(&self, work: &mut Work, target: &Target) -> Result<Goes, StepError> {
        let ledger = work.ledger(&target.container);
        if let Some((teller, update)) = ledger.and_then(Ledger::accompanies) {
            let (teller, update) = (teller.to_owned(), update.clone());
            return Ok(self.accompany(work, target, &teller, &update));
        }
        let Some(update) = ledger.and_then(|ledger| ledger.followed()).cloned() else { return Ok(Goes::On) };
        if !update.runs_on(&target.workload, &target.container) {
            return Ok(Goes::On);
        }
        match (update.outcome, &target.workload.rollout) {
            // Pods came up later: it is healthy after all.
            (Outcome::RollingOut, _) | (_, Rollout::Complete) => self.take_further(work, target, &update).await,
            _ => Ok(Goes::On),
        }
    }

    /// Where a container was written together with another, whose update tells of both: nothing is decided about it before.
    ///
    /// Where the other is not what was written any more, nobody tells of both: it ends as that one did.
    fn accompany(&self, work: &mut Work, target: &Target, teller: &str, update: &Update) -> Goes {
        let told = work.ledger(teller).and_then(Ledger::followed);
        let Some(told) = told.filter(|told| told.is_written_with(update) && told.runs_on(&target.workload, teller))
        else {
            work.draft.on(&target.container, Event::End(Outcome::Replaced, None), self.0.ambient.now());
            return Goes::On;
        };
        let of = Of { uid: &target.workload.id.uid, container: teller, update: told.at };
        match self.read(of, &target.workload, told) {
            (Reading::Waiting(_), _) => Goes::On,
            (_, again) => Goes::Under(again),
        }
    }

    /// Whether an update that is followed has failed, which was not told yet.
    pub(crate) fn has_failed(&self, work: &Work, target: &Target) -> bool {
        let followed = work.ledger(&target.container).and_then(Ledger::followed);
        let Some(update) = followed.filter(|update| update.outcome == Outcome::RollingOut) else { return false };
        let of = Of { uid: &target.workload.id.uid, container: &target.container, update: update.at };
        let is_it = update.runs_on(&target.workload, &target.container);
        is_it && matches!(self.read(of, &target.workload, update).0, Reading::Failed(_))
    }

    async fn take_further(&self, work: &mut Work, target: &Target, update: &Update) -> Result<Goes, StepError> {
        let workload = Arc::clone(&target.workload);
        let of = Of { uid: &workload.id.uid, container: &target.container, update: update.at };
        let (reading, again) = self.read(of, &workload, update);
        tracing::debug!(workload = %workload.id, container = target.container, tag = %update.tag,
            outcome = reading.outcome(), reason = reading.reason(), message = reading.message(), "a rollout is followed");
        let mut goes = Goes::On;
        let is_long = self.0.ambient.now() >= update.at + WAITED_FOR_AT_MOST;
        self.0.standing_still.leaves(of, is_long || is_left(&reading, &workload.rollout));
        let reading = match reading {
            Reading::Stalled(why) if is_long && is_given_up(update, &workload.rollout) => Reading::Failed(why),
            reading => reading,
        };
        match reading {
            Reading::Healthy => self.healthy(work, target, update).await?,
            // It is told already.
            Reading::Failed(_) if update.outcome == Outcome::Failed => {}
            // What failed here before is not undone, whoever edits what, so that nobody has to know whose fault it is.
            Reading::Failed(why)
                if work.draft.record.is_edited_since(update, &workload) && update.failed_before.is_none() =>
            {
                self.replaced(work, target, update, &why);
            }
            Reading::Failed(why) => {
                let (suspect, was_before) = (why.pod.clone(), why.was_before);
                let failure = self.failure(&workload, why).await;
                if self.failed(work, target, update, (failure, suspect, was_before)).await? {
                    goes = Goes::Under(self.0.ambient.now() + LOOK_AGAIN);
                }
            }
            Reading::Rolling(_) | Reading::Settling(_) => {
                self.count("waiting", "rolling_out");
                return Ok(Goes::Under(again));
            }
            Reading::Stalled(why) if why.reason == Reason::PodNeedsDelete => {
                let way = self.clear_the_way(work, target, update, why.pod.as_deref()).await?;
                let slow = || self.stands_still(&workload, update, &why, again);
                return Ok(self.goes(way, again).unwrap_or_else(|| Goes::Slow(slow())));
            }
            Reading::Stalled(why) => return Ok(Goes::Slow(self.stands_still(&workload, update, &why, again))),
            // What runs while it waits may break yet.
            Reading::Waiting(waits) if waits.has_new_pods() => return Ok(Goes::On),
            Reading::Waiting(waits) => {
                let way = match waits {
                    Waits::OlderRun => self.clear_the_way(work, target, update, None).await?,
                    Waits::OnDelete | Waits::Partition => self.left_to_people(work, target, update),
                    _ => Way::Free,
                };
                // What its pods alone tell to be waiting is waiting as long as they do.
                if matches!(workload.rollout, Rollout::Waiting(_)) && !leaves_pods(update, waits, &way) {
                    self.0.cluster.release_pods(&workload.id);
                }
                return Ok(self.goes(way, again).unwrap_or(Goes::On));
            }
        }
        self.0.standing_still.forget(of);
        self.0.cluster.release_pods(&workload.id);
        Ok(goes)
    }

    /// Remembers of what is not told to have ended that all of it runs well, before another image is written: then nobody can
    /// say that any more, and the way back would lead past it.
    pub(crate) fn stands_until_now(&self, work: &mut Work) {
        let workload = Arc::clone(&work.draft.workload);
        let runs = |(container, ledger): (&str, &Ledger)| {
            let update = ledger.update.as_ref().filter(|update| update.outcome == Outcome::RollingOut)?;
            let teller = update.told_by.as_deref().unwrap_or(container);
            let told = work.ledger(teller).and_then(Ledger::followed).filter(|told| told.is_written_with(update))?;
            let of = Of { uid: &workload.id.uid, container: teller, update: told.at };
            let is_its = update.runs_on(&workload, container) && told.runs_on(&workload, teller);
            let is_well = is_its && matches!(self.read(of, &workload, told).0, Reading::Healthy);
            is_well.then(|| container.to_owned())
        };
        let all: Vec<String> = work.draft.record.ledgers().filter_map(runs).collect();
        for container in all {
            work.draft.on(&container, Event::Stood, self.0.ambient.now());
        }
    }

    /// What object and pods say of an update, and when to look again at the latest.
    fn read(&self, of: Of<'_>, workload: &Workload, update: &Update) -> (Reading, DateTime<Utc>) {
        let (now, monotonic) = (self.0.ambient.now(), self.0.ambient.monotonic());
        let written = written(workload, of.container, update);
        let pods = self.pods(workload, &written, update.undoes.is_some());
        let (pods, ends) = (pods.as_deref(), workload.id.kind == Kind::CronJob);
        let ready = pods.map(|pods| ready(pods, &written));
        let is_without = ends && pods.is_some_and(|pods| new_pods(pods, &written).next().is_none());
        let (stage, age) = (stage(&workload.rollout, is_without), (now - update.at).to_std().unwrap_or_default());
        let seen = Sighting { stage, ready: ready.as_deref(), age, clock: now, now: monotonic };
        let times = self.0.standing_still.stands(of, &seen);
        let unwell_before = self
            .0
            .standing_still
            .unwell(of, pods.and_then(|pods| unwell(pods, &written, Sight { ends, now: Some(now) })));
        let follower = Follower {
            verdict: &workload.rollout,
            is_stall_old: matches!(&workload.rollout, Rollout::Stalled(stall) if update.is_stall_old(stall)),
            is_ordered: workload.rollout.is_ordered(),
            goes_back: update.undoes.is_some(),
            ends,
            unwell_before: &unwell_before,
            written: &written,
            pods,
            still: times.still,
            stands: stands_as_said(update, &workload.rollout),
            complete: times.complete,
            settle: self.0.settle,
            now,
        };
        let reading = follower.read();
        let wait = match &reading {
            Reading::Settling(Healing { left, .. }) => Some(*left),
            _ => follower.sooner(),
        };
        let wait = wait.and_then(|wait| TimeDelta::from_std(wait).ok()).unwrap_or(LOOK_AGAIN);
        (reading, now + wait.min(LOOK_AGAIN))
    }

    fn pods(&self, workload: &Workload, written: &[(&str, &str)], goes_back: bool) -> Option<Vec<Pod>> {
        match &workload.rollout {
            // What failed runs on in them.
            Rollout::Waiting(Waits::OnDelete | Waits::Partition) if goes_back => self.0.cluster.pods(workload, written),
            Rollout::Waiting(waits) if !waits.has_new_pods() => None,
            _ => self.0.cluster.pods(workload, written),
        }
    }

    /// Follows the pods of what was written a moment ago: what they say before the next look is to bring about that look.
    pub(crate) fn follow_from_now<'c>(
        &self,
        workload: &Workload,
        record: &Record,
        containers: impl Iterator<Item = &'c str>,
    ) {
        for container in containers {
            if let Some(update) = record.ledger(container).and_then(Ledger::followed) {
                self.pods(workload, &written(workload, container, update), update.undoes.is_some());
            }
        }
    }

    /// What follows where something is in the way.
    fn goes(&self, way: Way, again: DateTime<Utc>) -> Option<Goes> {
        match way {
            Way::Free | Way::Unseen => None,
            Way::Clearing => {
                self.count("waiting", "rolling_out");
                Some(Goes::Under(self.0.ambient.now() + SOON))
            }
            // People were told of it with what failed.
            Way::Blocked(words) => {
                self.count("waiting", "rollout_slow");
                Some(Goes::Slow(Slow { again, holds: false, why: Failure::new("", &words), is_told: false }))
            }
        }
    }

    /// A rollout that stands still: for the same reason it is told in the same words each time, as each write of them costs the
    /// cluster three.
    fn stands_still(&self, workload: &Workload, update: &Update, why: &Why, again: DateTime<Utc>) -> Slow {
        self.count("waiting", "rollout_slow");
        let known = update.standstill.why.as_deref().filter(|known| known.reason == why.reason.as_str());
        let holds = has_deadline(&workload.rollout);
        // What is given up after a while is told when it is.
        let is_told = !holds && !is_given_up(update, &workload.rollout);
        Slow { again, holds, why: known.cloned().unwrap_or_else(|| told_of(why)), is_told }
    }

    /// Why it failed, as it is told: with the last lines of the log where they may be read.
    async fn failure(&self, workload: &Workload, why: Why) -> Failure {
        let log = match &why.log {
            Some((pod, container)) => self.0.cluster.last_lines(&workload.id.namespace, pod, container).await,
            None => Vec::new(),
        };
        Failure { log, ..told_of(&why) }
    }

    async fn healthy(&self, work: &mut Work, target: &Target, update: &Update) -> Result<(), StepError> {
        let question = self.about_end(work, target, update);
        self.end(work, target, update, Outcome::Healthy, None, question.as_ref()).await?;
        self.ends_well(work, target, update);
        if let Some(question) = question {
            work.draft.on(&target.container, Event::Ask(Box::new(question)), self.0.ambient.now());
        }
        Ok(())
    }

    /// Puts on the draft that it is well, and what is said of that.
    fn ends_well(&self, work: &mut Work, target: &Target, update: &Update) {
        self.close(work, target, update, Outcome::Healthy, None);
        let late = update.outcome == Outcome::Failed;
        let from = update.from_tag().map(|tag| tag.to_string()).unwrap_or_default();
        work.draft.report(&target.container, report::Outcome::Healthy { update: Box::new(update.clone()), late });
        work.draft.announce(WorkloadEvent::RolloutHealthy(format!("{}: {from} → {}", target.container, update.tag)));
    }

    /// Puts on the draft that it failed, and what is said of that.
    fn ends_badly(&self, work: &mut Work, target: &Target, update: &Update, (failure, way_back): (&Failure, WayBack)) {
        self.close(work, target, update, Outcome::Failed, Some(failure));
        let ended = report::Outcome::Failed { update: Box::new(update.clone()), failure: failure.clone(), way_back };
        work.draft.report(&target.container, ended);
        let note = format!("{}: {} failed, {}", target.container, update.tag, failure.message);
        work.draft.announce(WorkloadEvent::RolloutFailed(note));
    }

    /// It failed after somebody else wrote the pod template: what came of that is theirs, and nothing is undone.
    fn replaced(&self, work: &mut Work, target: &Target, update: &Update, why: &Why) {
        self.close(work, target, update, Outcome::Replaced, None);
        work.draft.report(&target.container, report::Outcome::Replaced(Box::new(update.clone())));
        let (container, tag, reason) = (&target.container, &update.tag, why.reason);
        let note = format!(
            "{container}: somebody else wrote the pod template after {tag} was written, and the rollout failed; nothing is undone: {reason}: {}",
            sentence(&why.message)
        );
        work.draft.announce(WorkloadEvent::RolloutReplaced(note));
    }

    /// Its rollout failed: it is undone where that is allowed, or people may do it. Whether it is undone.
    async fn failed(
        &self,
        work: &mut Work,
        target: &Target,
        update: &Update,
        (mut failure, suspect, was_before): (Failure, Option<Box<str>>, bool),
    ) -> Result<bool, StepError> {
        let (way_back, way) = match self.after_failure(work, target, update, &failure, was_before).await? {
            Left::Undone(way_back, way) => (way_back, way),
            Left::Stays(way_back) => (way_back, Vec::new()),
            Left::Refused(said) => {
                failure = failure.not_back(&said);
                (WayBack::Refused, Vec::new())
            }
        };
        // Of what was put back people were told that it had failed, and what they were asked then stays open.
        let is_asked = update.failed_before.is_some()
            && work.ledger(&target.container).is_some_and(|ledger| ledger.open(self.0.ambient.now()).is_some());
        let question = if way.is_empty() && !is_asked { self.about_end(work, target, update) } else { None };
        let in_the_way = if way.is_empty() {
            Vec::new()
        } else {
            let written = written(&target.workload, &target.container, update);
            self.will_be_in_the_way(target, &written, suspect.as_deref()).await
        };
        let told = Some(Failed { failure: failure.clone(), way_back, in_the_way });
        self.end(work, target, update, Outcome::Failed, told, question.as_ref()).await?;
        self.ends_badly(work, target, update, (&failure, way_back));
        if let Some(question) = question {
            work.draft.on(&target.container, Event::Ask(Box::new(question)), self.0.ambient.now());
        }
        if way.is_empty() {
            work.draft.on(&target.container, Event::Left(way_back), self.0.ambient.now());
        } else {
            self.go_back(work, target, &way, Some(&failure), Decided::ByPolicy);
        }
        Ok(!way.is_empty())
    }

    /// Tells how it ended. Stored before the record says so: a crash between repeats it, with the same ids.
    async fn end(
        &self,
        work: &Work,
        target: &Target,
        update: &Update,
        outcome: Outcome,
        failed: Option<Failed>,
        question: Option<&Question>,
    ) -> Result<(), StepError> {
        let settings = self.settings(target).ok();
        let failure = failed.as_ref().map(|failed| failed.failure.clone());
        let ended = Update { outcome, failure, ..update.clone() };
        for notice in ends(target, settings.as_ref(), &ended, question) {
            let notice = match notice.kind {
                NoticeKind::Granted if update.outcome != Outcome::RollingOut => continue,
                NoticeKind::Granted => notice,
                NoticeKind::Failed => {
                    let way_back = failed.as_ref().map(|failed| failed.way_back);
                    let in_the_way = failed.iter().flat_map(|failed| failed.in_the_way.clone()).collect();
                    Notice { ended: Some(self.0.ambient.now()), way_back, in_the_way, ..notice }
                }
                _ => Notice { ended: Some(self.0.ambient.now()), ..notice },
            };
            self.tell_of(target, &notice, &work.trace).await?;
        }
        Ok(())
    }

    /// Tells how an update ended on a workload that may not be written any more, where the record can't say it: its messages
    /// have the same ids whenever they are told.
    pub(crate) async fn tell_end(&self, work: &Work, target: &Target) -> Result<(), StepError> {
        let followed = work.ledger(&target.container).and_then(Ledger::followed);
        let runs = |update: &&Update| update.runs_on(&target.workload, &target.container);
        let Some(update) = followed.filter(runs).filter(|update| update.outcome == Outcome::RollingOut) else {
            return Ok(());
        };
        let of = Of { uid: &target.workload.id.uid, container: &target.container, update: update.at };
        let failed = match self.read(of, &target.workload, update).0 {
            Reading::Healthy => {
                self.end(work, target, update, Outcome::Healthy, None, None).await?;
                None
            }
            Reading::Failed(why) => {
                let failure = self.failure(&target.workload, why).await;
                let problem = format!("{} failed, {}", update.tag, failure.message);
                self.warn(
                    target,
                    &problem,
                    "the rollout failed, and nothing may be written on the workload to undo it",
                );
                let way_back = match Self::is_left(update, self.settings(target).ok().as_ref()) {
                    WayBack::Unknown => WayBack::Refused,
                    left => left,
                };
                let told = Failed { failure: failure.clone(), way_back, in_the_way: Vec::new() };
                self.end(work, target, update, Outcome::Failed, Some(told), None).await?;
                Some((failure, way_back))
            }
            _ => return Ok(()),
        };
        // A dry run decides nothing for the time after it.
        if !self.0.cluster.is_dry_run() {
            let draft = self.draft(Arc::clone(&target.workload)).await?;
            let mut ended = Work::on(draft, &work.trace);
            match &failed {
                None => self.ends_well(&mut ended, target, update),
                Some((failure, way_back)) => self.ends_badly(&mut ended, target, update, (failure, *way_back)),
            }
            self.keep(&target.workload, Some(ended.draft.kept())).await;
        }
        Ok(())
    }

    pub(crate) fn close(
        &self,
        work: &mut Work,
        target: &Target,
        update: &Update,
        outcome: Outcome,
        failure: Option<&Failure>,
    ) {
        let now = self.0.ambient.now();
        for container in update.with.iter().map(|name| &**name).chain([target.container.as_str()]) {
            let last = work.ledger(container).and_then(|ledger| ledger.update.as_ref());
            if last.is_some_and(|last| last.is_written_with(update)) {
                work.draft.on(container, Event::End(outcome, failure.map(Failure::kept)), now);
            }
        }
    }
}

/// What an update wrote, by container, as far as it runs still: what a person wrote in its place is not its.
fn written<'w>(workload: &'w Workload, container: &'w str, update: &'w Update) -> Vec<(&'w str, &'w str)> {
    let with = update.with.iter().map(|name| &**name).filter(|name| update.runs_on(workload, name));
    let all = with.chain([container]);
    all.filter_map(|name| Some((name, &*workload.container(name)?.1.image))).collect()
}

/// Whether pods of what failed may run on beside a way back, so that they are followed until they are gone.
fn leaves_pods(update: &Update, waits: Waits, way: &Way) -> bool {
    let is_left = matches!(waits, Waits::OnDelete | Waits::Partition) && matches!(way, Way::Blocked(_) | Way::Unseen);
    is_left && update.undoes.is_some()
}

/// Whether nothing ends a rollout but somebody who acts: then no other workload waits for it.
fn is_left(reading: &Reading, rollout: &Rollout) -> bool {
    match reading {
        Reading::Stalled(_) => !has_deadline(rollout),
        Reading::Waiting(_) => true,
        Reading::Healthy | Reading::Failed(_) | Reading::Rolling(_) | Reading::Settling(_) => false,
    }
}

/// Whether a rollout that stands still counts as failed after a while: the others of its group would wait for it for ever.
fn is_given_up(update: &Update, rollout: &Rollout) -> bool {
    let is_of_group = update.group.is_some() && update.undoes.is_none();
    is_of_group && update.outcome == Outcome::RollingOut && !has_deadline(rollout)
}

/// Whether the cluster itself gives it up.
fn has_deadline(rollout: &Rollout) -> bool {
    matches!(rollout, Rollout::Progressing(progress) | Rollout::Refused(progress, _) if progress.has_deadline)
}

fn stage(rollout: &Rollout, is_without_pods: bool) -> Stage {
    match rollout {
        Rollout::Waiting(_) => Stage::Waits,
        Rollout::Progressing(_) if is_without_pods => Stage::WithoutPods,
        Rollout::Progressing(progress) | Rollout::Refused(progress, _) => Stage::UnderWay(*progress),
        Rollout::Stalled(stall) => Stage::UnderWay(stall.progress),
        Rollout::Complete => Stage::Complete,
    }
}

/// Why it failed or stands still, as it is told.
fn told_of(why: &Why) -> Failure {
    let account = why.account.clone().map(Box::new);
    Failure { account, ..Failure::new(why.reason.as_str(), &sentence(&why.message)) }
}
