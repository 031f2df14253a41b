//! Writing an update: one guarded patch that changes the image and tells the story beside it.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::cluster::{Cluster, ClusterError, WorkloadEvent};
use crate::domain::actor::Actor;
use crate::domain::approval::Terms;
use crate::domain::event::{Failure, Job, NoLink, Notice, NoticeKind, WayBack};
use crate::domain::group::Plan;
use crate::domain::history::Outcome;
use crate::domain::preflight::{Flaw, Unfit};
use crate::domain::record::{Consequence, Event, Hear, REFUSED_FOR, Refused, Standstill, Told, Update};
use crate::domain::rollout::Rollout;
use crate::domain::workload::Workload;
use crate::queue::{Queue, Records};
use crate::reconcile::draft::{Chosen, Draft, Image, Work, image_of};
use crate::reconcile::report;
use crate::reconcile::telling::notices::{day_of, of_unfit, of_update, told_now};
use crate::reconcile::{Reconciler, StepError, Target};
use crate::registry::Registry;

/// Who or what decided on an update.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Decided<'d> {
    /// The policy of the workload.
    ByPolicy,
    /// A person, who answered a question.
    ByPerson {
        /// Who, or all who approved it.
        by: &'d Actor,
        /// The question.
        terms: &'d Terms,
    },
    /// Whoever decided on the group that it is of.
    WithGroup(&'d Actor),
}

impl Decided<'_> {
    /// As the history says it.
    pub(crate) fn by(&self) -> Actor {
        match self {
            Self::ByPolicy => Actor::Policy,
            Self::ByPerson { by, .. } | Self::WithGroup(by) => Actor::clone(by),
        }
    }

    /// The question that was answered.
    pub(crate) fn terms(&self) -> Option<&Terms> {
        match self {
            Self::ByPolicy | Self::WithGroup(_) => None,
            Self::ByPerson { terms, .. } => Some(terms),
        }
    }
}

impl<Q: Queue + Records, R: Registry, C: Cluster> Reconciler<Q, R, C> {
    /// Puts an update of a container on the draft, and of those that go with it.
    pub(crate) fn apply(
        &self,
        work: &mut Work,
        target: &Target,
        chosen: &Chosen,
        with: Vec<Box<str>>,
        decided: Decided<'_>,
    ) {
        self.stands_until_now(work);
        let now = self.0.ambient.now();
        let main = update(target, chosen, &with, decided, now);
        for other in with {
            let update = Update {
                with: Vec::new(),
                question: None,
                told_by: Some(target.container.as_str().into()),
                group: None,
                ..main.clone()
            };
            let from = target.workload.container(&other).and_then(|(_, found)| found.reference());
            let chosen = Chosen { from: from.unwrap_or_else(|| chosen.from.clone()), ..chosen.clone() };
            work.draft.on(&other, Event::Write(Box::new(update)), now);
            work.draft.image(&other, Image::of(&chosen, None, &target.repository));
        }
        let container = target.container.as_str();
        let from = chosen.from.running_tag().map(|tag| tag.to_string()).unwrap_or_default();
        let warnings = chosen.preflight.warnings().iter().map(|warning| format!("; the API server warns: {warning}"));
        let warnings: String = warnings.collect();
        let who = match decided {
            Decided::ByPerson { by, .. } => format!(", by {by}"),
            Decided::ByPolicy | Decided::WithGroup(_) => String::new(),
        };
        let note = format!("{container}: {from} → {} ({}){who}{warnings}", chosen.to, chosen.digest);
        work.draft.announce(match decided {
            Decided::ByPolicy | Decided::WithGroup(Actor::Policy) => WorkloadEvent::PolicyAllowed(note),
            Decided::ByPerson { .. } | Decided::WithGroup(_) => WorkloadEvent::Approved(note),
        });
        work.draft.image(container, Image::of(chosen, Some(&main.by), &target.repository));
        let by = main.by.clone();
        work.draft.on(container, Event::Write(Box::new(main)), now);
        work.draft.because(container, (&from, chosen.to.as_str()), &by, now);
        work.draft.say(container, target.flaw());
    }

    /// Remembers that the API server refuses what was to be written, and tells people.
    pub(crate) async fn refused(
        &self,
        workload: Arc<Workload>,
        (images, failed): (&[(String, Image)], Option<Failure>),
        message: &str,
        trace: &str,
    ) -> Result<(), StepError> {
        let now = self.0.ambient.now();
        // Where admission changed the image, it was written since.
        let workload = self.0.cluster.by_uid(&workload.id.uid).unwrap_or(workload);
        let mut draft = self.draft(Arc::clone(&workload)).await?;
        for (container, image) in images.iter().filter(|(_, image)| image.is_told()) {
            self.count("refused", "admission");
            tracing::warn!(workload = %workload.id, container, to = %image.chosen.to, reason = message, outcome = "refused", "the API server refuses to write this update; it is tried again in {} hours, or when there is another", REFUSED_FOR.num_hours());
            let target = Target::unasked(Arc::clone(&workload), container, image.repository.clone());
            let (tag, digest) = (image.chosen.to.clone(), image.chosen.digest.clone());
            let told = Told { is_stored: true, ..told_now(&target, now) };
            let hear = draft.record.known(container).refused.hear((&tag, &digest), message, told);
            if let Hear::Now(told) = &hear {
                let is_way_back = is_way_back(&draft, container, image);
                self.tell_refused(&target, image, (message, is_way_back), told, trace).await?;
            }
            let told = Some(hear.told().clone());
            let refused = Refused { tag, digest, again: now + REFUSED_FOR, said: message.to_owned(), flaw: None, told };
            draft.say(container, Some(refused.to_string()));
            draft.announce(WorkloadEvent::UpdateRefused(format!("{container}: {refused}")));
            self.no_way_back(&mut draft, container, image, (failed.as_ref(), message));
            draft.on(container, Event::Refuse(refused), now);
        }
        let kept = Some(draft.kept());
        match self.commit(draft).await {
            // What refuses the image may refuse any write: people were told, and an Event says it.
            Err(StepError::Cluster(error)) => {
                if matches!(error, ClusterError::Rejected { .. }) {
                    self.keep(&workload, kept).await;
                    let now = self.0.ambient.monotonic();
                    let until = now + REFUSED_FOR.to_std().unwrap_or_default();
                    self.1.entrance.takes_nothing(&workload.id.uid, (now, until));
                }
                tracing::debug!(workload = %workload.id, %error, "the refusal could not be written on the workload");
                let note = format!("the API server refuses to write an update: {message}");
                self.0.cluster.announce(&workload, WorkloadEvent::UpdateRefused(note)).await;
                Ok(())
            }
            done => done.map(drop),
        }
    }

    /// Ends an update whose way back was refused: it is not tried again with each look.
    fn no_way_back(
        &self,
        draft: &mut Draft,
        container: &str,
        image: &Image,
        (failed, message): (Option<&Failure>, &str),
    ) {
        if !is_way_back(draft, container, image) {
            return;
        }
        let now = self.0.ambient.now();
        let Some(update) = draft.record.ledger(container).and_then(|ledger| ledger.update.as_ref()) else { return };
        let with: Vec<String> = update.with.iter().map(ToString::to_string).collect();
        if update.group.is_some() && update.undoes.is_none() {
            draft.on(container, Event::Stays(WayBack::Refused), now);
        }
        for name in with.iter().map(String::as_str).chain([container]) {
            let ended = draft.on(name, Event::End(Outcome::Failed, failed.cloned()), now);
            draft.on(name, Event::Left(WayBack::Refused), now);
            if let Some(Consequence::Ended(update, _)) = ended.filter(|_| name == container) {
                let failure = failed.cloned().unwrap_or_else(|| Failure::new("Refused", message));
                draft.announce(WorkloadEvent::RolloutFailed(format!(
                    "{name}: {} failed, {}",
                    update.tag, failure.message
                )));
                let way_back = WayBack::Refused;
                draft.report(name, report::Outcome::Failed { update: Box::new(update), failure, way_back });
            }
        }
    }

    /// The API server refuses for good what has to be written on a workload before anybody can answer: people get the same
    /// messages without a link, once each, and hear why.
    pub(crate) async fn without_record(
        &self,
        workload: &Workload,
        messages: Vec<Job>,
        sentence: &str,
        trace: &str,
    ) -> Result<(), StepError> {
        self.count("refused", "admission");
        let failure = Failure::new("Refused", sentence);
        let without_link = |mut job: Job| {
            for notice in job.notices_mut().iter_mut().filter(|notice| notice.asks()) {
                notice.approval = None;
                if notice.kind == NoticeKind::Available {
                    (notice.no_link, notice.failure) = (Some(NoLink::WriteRefused), Some(failure.clone()));
                }
            }
            job
        };
        self.put(messages.into_iter().map(without_link).collect(), trace).await?;
        let now = self.0.ambient.monotonic();
        if let Some(suppressed) = self.1.repeats.line(&workload.id.namespace, (&workload.id.uid, sentence), now) {
            tracing::warn!(workload = %workload.id, reason = sentence, suppressed, outcome = "refused", "the API server refuses what image-watcher has to write on this workload: people are told without a link, and nothing is remembered on it");
            let note = format!("the API server refuses what image-watcher has to write: {sentence}");
            self.0.cluster.announce(workload, WorkloadEvent::UpdateRefused(note)).await;
        }
        Ok(())
    }

    /// Tells people that a write was refused: of a version that was not gone to, as if that had been known before, and of an
    /// update that stays where it failed. The first time once a week at most, as it may be that nothing of it can be
    /// remembered, and once a day when it is remembered how often people were told.
    async fn tell_refused(
        &self,
        target: &Target,
        image: &Image,
        (message, is_way_back): (&str, bool),
        told: &Told,
        trace: &str,
    ) -> Result<(), StepError> {
        let settings = self.settings(target).ok();
        let at = if told.before == 0 { week_of(told.at) } else { day_of(told.at) };
        if !is_way_back {
            let (tag, digest) = (image.chosen.to.clone(), image.chosen.digest.clone());
            let unfit = Unfit { tag, digest, flaw: Flaw::Admission(message.to_owned()) };
            let notice = Notice { at, ..of_unfit(target, settings.as_ref(), &unfit, told) };
            return self.tell_of(target, &notice, trace).await;
        }
        let update = Update { outcome: Outcome::Failed, ..update(target, &image.chosen, &[], Decided::ByPolicy, at) };
        let failure = Failure::new("Refused", message);
        let notice = of_update(target, settings.as_ref(), &update, NoticeKind::Failed, Some(failure));
        // The week is no time at which anybody decided.
        let notice = Notice { ended: Some(told.at), by: None, ..notice };
        self.tell_of(target, &notice, trace).await
    }
}

/// Whether an image is where the update of its container goes back to.
fn is_way_back(draft: &Draft, container: &str, image: &Image) -> bool {
    let update = draft.record.ledger(container).and_then(|ledger| ledger.update.as_ref());
    // What failed may be where a way back came from, and is tried again as a person said.
    update.filter(|_| image.goes_back).is_some_and(|update| {
        let ran_well = update.ran_well.as_ref().map(|ran| ran.digest.clone());
        ran_well.or_else(|| update.ran_before()).as_ref() == Some(&image.chosen.digest)
    })
}

fn update(target: &Target, chosen: &Chosen, with: &[Box<str>], decided: Decided<'_>, now: DateTime<Utc>) -> Update {
    Update {
        tag: chosen.to.clone(),
        digest: chosen.digest.clone(),
        from: image_of(target),
        from_digest: chosen.from_digest.clone(),
        level: chosen.level,
        at: now,
        by: decided.by(),
        outcome: Outcome::RollingOut,
        ended: None,
        failure: None,
        left: None,
        question: decided.terms().cloned(),
        with: with.to_vec(),
        told_by: None,
        declares: chosen.declared.kinds,
        standstill: Standstill::default(),
        stalled_before: stalled(&target.workload),
        template_before: target.workload.template_by_others,
        template: None,
        undoes: None,
        told_elsewhere: is_told_elsewhere(target, chosen.group.as_deref()),
        group: chosen.group.clone(),
        ran_well: None,
        stood: false,
        failed_before: None,
    }
}

/// When the week began, of weeks that are the same for every process.
fn week_of(at: DateTime<Utc>) -> DateTime<Utc> {
    let days = day_of(at).timestamp().div_euclid(WEEK) * WEEK;
    DateTime::from_timestamp(days, 0).unwrap_or(at)
}

/// A week in seconds.
const WEEK: i64 = 7 * 86_400;

/// Whether another member of its group tells of its end: the last of those that are written.
fn is_told_elsewhere(target: &Target, group: Option<&Plan>) -> bool {
    let last = group.and_then(|plan| plan.moves.last());
    last.is_some_and(|last| !last.is_of(&target.workload.id.uid, &target.container))
}

/// Since when the rollout that is there is given up, if it is.
pub(crate) fn stalled(workload: &Workload) -> Option<String> {
    match &workload.rollout {
        Rollout::Stalled(stall) => Some(stall.since.to_string()),
        _ => None,
    }
}
