//! What failed here and is put back by another hand: it is their word, and what is known of it stays known.
//!
//! It is followed like an update of ours, so that its health is read again and all that shows rollouts shows this one; it is never
//! undone, and people are told once, with a link to go back.

use crate::cluster::{Cluster, WorkloadEvent};
use crate::domain::actor::Actor;
use crate::domain::event::Failure;
use crate::domain::record::{Event, Running, Update};
use crate::domain::reference::Digest;
use crate::domain::settings::Settings;
use crate::queue::{Queue, Records};
use crate::reconcile::draft::Work;
use crate::reconcile::following::requested::written;
use crate::reconcile::report;
use crate::reconcile::telling::notices::of_put_back;
use crate::reconcile::{Reconciler, Target};
use crate::registry::Registry;

/// The manifest that runs, and why it failed here.
pub(crate) type Failed = (Digest, Failure);

impl<Q: Queue + Records, R: Registry, C: Cluster> Reconciler<Q, R, C> {
    /// Why what runs failed here, where it did and was not well since. A tag without a digest is what it points to now; where
    /// nobody can say that, what it pointed to.
    pub(crate) async fn failed_before(&self, work: &Work, target: &Target, running: &Running) -> Option<Failed> {
        let (record, container) = (&work.draft.record, target.container.as_str());
        let known = record.digest_that_failed(container, running)?;
        let digest = match &running.digest {
            Some(digest) => digest.clone(),
            None => self.digest(target, &running.tag).await.ok().flatten().unwrap_or(known),
        };
        let failure = record.failed_here(container, &running.tag, &digest)?;
        Some((digest, failure))
    }

    /// Takes over what is found at the first look: an object that was made again with its history may run what failed here.
    pub(crate) async fn observe_first(
        &self,
        work: &mut Work,
        target: &Target,
        settings: Option<&Settings>,
        running: Running,
    ) {
        let failed = self.failed_before(work, target, &running).await;
        let before = work.draft.record.ran_before_it_failed(&target.container, &running);
        match failed.zip(before) {
            Some((failed, before)) => self.put_back(work, target, settings, (&running, &before), failed).await,
            None => {
                work.draft.on(&target.container, Event::Runs(running), self.0.ambient.now());
            }
        }
    }

    /// Takes over that another hand wrote it in the place of what ran before, in all containers that it was written to at once.
    pub(crate) async fn put_back(
        &self,
        work: &mut Work,
        target: &Target,
        settings: Option<&Settings>,
        (running, before): (&Running, &Running),
        (digest, failure): Failed,
    ) {
        let (container, now) = (target.container.as_str(), self.0.ambient.now());
        let by = self.who(target).await.join(", ");
        let by = Actor::writer(if by.is_empty() { "somebody" } else { &by });
        let last = work.ledger(container).and_then(|ledger| ledger.update.as_ref());
        let from_digest = last.filter(|last| last.tag == before.tag).map(|last| last.digest.clone());
        let reason = failure.reason.clone();
        let update = Update {
            from: before.written(),
            from_digest: before.digest.clone().or(from_digest),
            level: crate::reconcile::following::held::apart(
                &running.tag,
                &before.tag,
                settings.map(|settings| &settings.policy),
            ),
            by: by.clone(),
            with: Self::went_with(work, target, before),
            failed_before: Some(Box::new(failure.kept())),
            ..written(target, &running.tag, &digest, now)
        };
        for other in &update.with {
            let told_by = Some(container.into());
            let of_other = Update { with: Vec::new(), told_by, ..update.clone() };
            work.draft.guard(other);
            work.draft.on(other, Event::PutBack(Box::new(of_other)), now);
        }
        work.draft.guard(container);
        work.draft.on(container, Event::PutBack(Box::new(update.clone())), now);
        work.draft.report(container, report::Outcome::PutBack(Box::new(update.clone())));
        let why = if reason.is_empty() { String::new() } else { format!(" ({reason})") };
        let note = format!(
            "{container}: {}, which failed here{why}, was put back by {by}; it is followed, and not undone",
            running.tag
        );
        work.draft.announce(WorkloadEvent::FailedBefore(note));
        if settings.is_some_and(Settings::is_disabled) {
            return;
        }
        let is_asked = work.ledger(container).is_some_and(|ledger| ledger.open(now).is_some());
        let question = self.about_end(work, target, &update).filter(|_| !is_asked);
        if let Some(question) = question.clone() {
            work.draft.on(container, Event::Ask(Box::new(question)), now);
        }
        let notice = of_put_back(target, settings, &update, question.as_ref());
        work.messages.extend(self.messages_of(target, &notice));
    }
}
