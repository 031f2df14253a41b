//! Versions that would not start are passed over, and told once; the next best is judged in their place.

use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};

use crate::cluster::annotations;
use crate::cluster::{Cluster, ClusterError, WorkloadEvent};
use crate::domain::declared::Declared;
use crate::domain::fleet::Others;
use crate::domain::policy::{Mode, step};
use crate::domain::preflight::{DryRun, Flaw, Preflight, Unfit};
use crate::domain::record::{Event, Hear, REFUSED_FOR, Refused};
use crate::domain::reference::{Digest, Tag};
use crate::domain::settings::Settings;
use crate::domain::tag::Level;
use crate::domain::view::Known;
use crate::queue::{Queue, Records};
use crate::reconcile::draft::{Chosen, Draft, Work};
use crate::reconcile::entrance::Pass;
use crate::reconcile::telling::notices::{of_unfit, told_now};
use crate::reconcile::writing::apply::Decided;
use crate::reconcile::{Reconciler, StepError, Target};
use crate::registry::Registry;

/// After a refusal the next best version is judged so soon.
const NEXT: TimeDelta = TimeDelta::seconds(1);

/// What is done ahead, while the registry is asked.
#[derive(Debug, Default)]
pub(crate) struct Ahead {
    pass: Mutex<Option<Pass>>,
    refused: Mutex<Option<(Tag, Digest, String)>>,
}

impl Ahead {
    fn pass(&self) -> MutexGuard<'_, Option<Pass>> {
        self.pass.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn refused(&self, tag: Tag, digest: Digest, said: String) {
        *self.refused.lock().unwrap_or_else(PoisonError::into_inner) = Some((tag, digest, said));
    }

    /// What the API server said of this version, if it was asked already.
    pub(crate) fn said_of(&self, chosen: &Chosen) -> Rehearsal {
        if chosen.preflight.dry_run.is_some() {
            return Rehearsal::Taken;
        }
        let refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        match &*refused {
            Some((tag, digest, said)) if (tag, digest) == (&chosen.to, &chosen.digest) => {
                Rehearsal::Refused(said.clone())
            }
            _ => Rehearsal::Missing,
        }
    }
}

/// What the API server says of an update before it is written, or asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Rehearsal {
    /// It was not asked yet.
    Missing,
    /// It would take it; the view says how.
    Taken,
    /// It would refuse it, in these words.
    Refused(String),
}

impl<Q: Queue + Records, R: Registry, C: Cluster> Reconciler<Q, R, C> {
    /// Remembers which versions would not start, and tells people of those that are news.
    pub(crate) fn unfit(&self, work: &mut Work, target: &Target, settings: &Settings, all: &[Unfit]) {
        let (container, now) = (target.container.as_str(), self.0.ambient.now());
        // What the API server refused is remembered already.
        let all: Vec<&Unfit> = all.iter().filter(|unfit| !matches!(unfit.flaw, Flaw::Admission(_))).collect();
        let known = &work.draft.record.known(container).refused;
        if known.unfit().count() == all.len() && all.iter().all(|unfit| known.knows(unfit)) {
            return;
        }
        let mut told = Vec::new();
        for unfit in all {
            // Containers that run the same image would not start for the same reason, which is told once.
            if work.draft.record.ledgers().any(|(_, ledger)| ledger.refused.knows(unfit)) {
                told.push((unfit.clone(), None));
                continue;
            }
            self.count("refused", unfit.flaw.word());
            tracing::warn!(workload = %target.workload.id, container, to = %unfit.tag, digest = %unfit.digest, reason = unfit.flaw.word(), outcome = "refused", "{unfit}");
            let said = format!("{container}: {unfit}");
            work.draft.announce(match unfit.flaw {
                Flaw::NoPlatform { .. } => WorkloadEvent::PlatformMissing(said),
                _ => WorkloadEvent::CandidateUnfit(said),
            });
            let first = told_now(target, now);
            let notice = of_unfit(target, Some(settings), unfit, &first);
            work.messages.extend(self.0.audience.messages(&notice, settings.notify.as_deref()));
            told.push((unfit.clone(), Some(first)));
        }
        work.draft.on(container, Event::Unfit(told), now);
    }

    /// When the first of the versions that the API server refused is tried again.
    pub(crate) fn refused_until(&self, work: &Work, target: &Target, all: &[Unfit]) -> Option<DateTime<Utc>> {
        let now = self.0.ambient.now();
        let is_refused = all.iter().any(|unfit| matches!(unfit.flaw, Flaw::Admission(_)));
        if is_refused {
            self.count("waiting", "refused");
        }
        let refused = work.draft.record.known(&target.container).refused.writes(now);
        refused.map(|refused| refused.again).min().filter(|_| is_refused)
    }

    /// Has the API server judge the very write that is to be done, without doing it.
    ///
    /// # Errors
    /// [`StepError`] where nothing may be written at all.
    pub(crate) async fn rehearsed(
        &self,
        work: &Work,
        target: &Target,
        chosen: &Chosen,
        with: &[Box<str>],
    ) -> Result<Result<DryRun, String>, StepError> {
        let apply = |trial: &mut Work| self.apply(trial, target, chosen, with.to_vec(), Decided::ByPolicy);
        self.rehearsed_so(work, apply).await
    }

    /// What the API server would say of a write that is put on the draft so, whatever it has against it.
    pub(crate) async fn rehearsed_as_it_is(
        &self,
        work: &Work,
        write: impl FnOnce(&mut Work) + Send,
    ) -> Result<Result<DryRun, String>, StepError> {
        self.rehearse(&trial(work, write, self.0.ambient.now())).await
    }

    /// The same of any write, as far as the image is what it has something against.
    pub(crate) async fn rehearsed_so(
        &self,
        work: &Work,
        write: impl FnOnce(&mut Work) + Send,
    ) -> Result<Result<DryRun, String>, StepError> {
        let mut draft = trial(work, write, self.0.ambient.now());
        let judged = self.rehearse(&draft).await?;
        if judged.is_err() {
            // Who refuses our record, too, has nothing against the image.
            draft.images.clear();
            let of_record = self.rehearse(&draft).await?;
            return Ok(if of_record.is_err() { Ok(DryRun::Unknown) } else { judged });
        }
        Ok(judged)
    }

    /// The same while the registry is asked whether the version would start: where it would be written at once and by itself.
    /// `None` where it would not, or is refused, which `ahead` knows. Nobody else goes the same way while that is held.
    pub(crate) async fn rehearsed_ahead(
        &self,
        work: &Work,
        target: &Target,
        settings: &Settings,
        (version, ahead): ((Tag, Digest), &Ahead),
    ) -> Option<DryRun> {
        // A version before this one would not start.
        drop(ahead.pass().take());
        let chosen = self.written_at_once(work, target, settings, version)?;
        *ahead.pass() = Some(self.pass(target, &chosen)?);
        let judged = self.rehearsed(work, target, &chosen, &[]).await.ok()?;
        judged.map_err(|said| ahead.refused(chosen.to, chosen.digest, said)).ok()
    }

    /// What is written if nothing speaks against it, of which as much is known as a rehearsal needs.
    fn written_at_once(
        &self,
        work: &Work,
        target: &Target,
        settings: &Settings,
        (to, digest): (Tag, Digest),
    ) -> Option<Chosen> {
        let (workload, container) = (&target.workload, target.container.as_str());
        let ledger = work.draft.record.known(container);
        let is_alone = workload.together(container).len() == 1 && ledger.refused.is_empty() && !workload.paused;
        let from = workload.container(container).and_then(|(_, found)| found.reference());
        let from = from.filter(|_| is_alone && settings.mode == Mode::AutoUpdate)?;
        let level = step(from.running_tag()?.as_str(), to.as_str(), &settings.policy).unwrap_or(Level::Patch);
        let chosen = Chosen {
            from,
            from_digest: None,
            to,
            digest,
            level,
            why: None,
            declared: Declared::default(),
            preflight: Preflight::default(),
            because: None,
            group: None,
        };
        let others = self.asks_for_others(&work.draft.record, target, &chosen);
        let (record, others) = (&work.draft.record, Others::Said(others.as_ref()));
        let known = Known { workload, container, record, settings, others };
        known.blocker(&chosen.to, &chosen.digest, self.0.ambient.now()).is_none().then_some(chosen)
    }

    async fn rehearse(&self, draft: &Draft) -> Result<Result<DryRun, String>, StepError> {
        let (patch, _) = annotations::sealed(draft.patch(), &draft.workload, &draft.record, &self.0.keys)?;
        Ok(match self.0.cluster.rehearse(&patch).await {
            Ok(warnings) if warnings.is_empty() => Ok(DryRun::Passed),
            Ok(warnings) => Ok(DryRun::Warned(warnings)),
            Err(ClusterError::Rejected { rejection, .. }) if rejection.is_final() => Err(rejection.sentence),
            Err(error @ ClusterError::Forbidden { .. }) => return Err(error.into()),
            // What changed meanwhile is found by the write itself, which is guarded.
            Err(error) => {
                tracing::debug!(workload = %draft.workload.id, %error, "whether the API server takes this update is not known before");
                Ok(DryRun::Unknown)
            }
        })
    }

    /// Remembers that the API server would refuse an update, and tells people. Gives when the next best is judged.
    pub(crate) fn would_be_refused(
        &self,
        work: &mut Work,
        target: &Target,
        settings: &Settings,
        chosen: &Chosen,
        with: &[Box<str>],
        said: String,
    ) -> DateTime<Utc> {
        let (container, now) = (target.container.as_str(), self.0.ambient.now());
        let (tag, digest) = (chosen.to.clone(), chosen.digest.clone());
        self.count("refused", "admission");
        tracing::warn!(workload = %target.workload.id, container, to = %tag, reason = said, outcome = "refused", "the API server would refuse to write this update; it is tried again in {} hours, and the next best is judged", REFUSED_FOR.num_hours());
        let known = &work.draft.record.known(container).refused;
        let hear = known.hear((&tag, &digest), &said, told_now(target, now));
        if let Hear::Now(told) = &hear {
            let unfit = Unfit { tag: tag.clone(), digest: digest.clone(), flaw: Flaw::Admission(said.clone()) };
            let notice = of_unfit(target, Some(settings), &unfit, told);
            work.messages.extend(self.0.audience.messages(&notice, settings.notify.as_deref()));
        }
        let refused = Refused { tag, digest, again: now + REFUSED_FOR, said, flaw: None, told: None };
        work.draft.announce(WorkloadEvent::UpdateRefused(format!("{container}: {refused}")));
        for name in with.iter().map(|name| &**name).chain([container]) {
            work.draft.say(name, Some(refused.to_string()));
            let told = (name == container).then(|| hear.told().clone());
            work.draft.on(name, Event::Refuse(Refused { told, ..refused.clone() }), now);
        }
        now + NEXT
    }
}

/// The write that would be done, on a draft of its own.
fn trial(work: &Work, write: impl FnOnce(&mut Work), now: DateTime<Utc>) -> Draft {
    let draft = &work.draft;
    let (record, before) = (draft.record.clone(), draft.before.clone());
    let mut trial = Work::on(Draft::of(draft.workload.clone(), record, before, draft.wrong, draft.read), "");
    write(&mut trial);
    let mut draft = trial.draft;
    draft.record.sequence = draft.next(now);
    draft
}
