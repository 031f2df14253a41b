//! Not this version, or not now.

use chrono::TimeDelta;

use super::Answer;
use super::asked::Asked;
use crate::cluster::Cluster;
use crate::cluster::WorkloadEvent;
use crate::domain::approval::Approval;
use crate::domain::policy;
use crate::domain::record::Event;
use crate::domain::reference::ImageReference;
use crate::domain::skipped;
use crate::domain::tag::Level;
use crate::domain::wording::moment;
use crate::domain::workload::said;
use crate::queue::{Queue, Records};
use crate::reconcile::draft::Draft;
use crate::reconcile::telling::notices::of_skip;
use crate::reconcile::{Reconciler, StepError, Target};
use crate::registry::Registry;
use crate::telemetry::chain;

impl<Q: Queue + Records, R: Registry, C: Cluster> Reconciler<Q, R, C> {
    pub(super) async fn skip(&self, asked: &Asked, draft: Draft, trace: &str) -> Result<Answer, StepError> {
        let (approval, now) = (&asked.approval, self.0.ambient.now());
        let container = approval.container.as_str();
        let mut draft = draft;
        let by = asked.by();
        // Whoever was asked whether this person may took the last seconds.
        let Some(question) = draft.record.known(container).open(now).cloned() else {
            return Ok(Answer::Expired(Box::new(asked.clone())));
        };
        let known = draft.record.history.clone();
        draft.on(container, Event::Skip { by: by.clone() }, now);
        draft.guard(container);
        let followed = (asked.level == Level::Digest).then_some(&approval.to_digest);
        for container in asked.containers() {
            let setting =
                skipped::place(&asked.workload, &known, container, |name| asked.containers().any(|it| it == name));
            // What is inherited would not count any more beside what is written here.
            let before = said(&asked.workload, "skip", container).map(|said| said.value);
            let skipped = policy::skip(before, approval.to_tag.as_str(), followed);
            draft.set(&setting, skipped);
        }
        let record = draft.record.clone();
        let workload = self.commit_answer(draft, approval).await?;
        if let Ok(from) = ImageReference::parse(&approval.from_image) {
            let target = Target { workload, ..self.target(asked, &from).await };
            let settings = self.settings(&target).ok();
            let notice = of_skip(&target, settings.as_ref(), &question, (&by, now));
            if let Err(error) = self.tell_of(&target, &notice, trace).await {
                tracing::warn!(error = %chain(&error), "the skip is told by the next look");
                self.look_after(&target, trace).await;
            }
        }
        Ok(match record.history.decided_by(approval.id.as_str()) {
            Some(entry) => Answer::Skipped(Box::new(entry.clone())),
            None => Answer::Changed(Box::new(asked.clone())),
        })
    }

    pub(super) async fn snooze(&self, asked: &Asked, length: TimeDelta, mut draft: Draft) -> Result<Answer, StepError> {
        let now = self.0.ambient.now();
        if draft.record.known(&asked.approval.container).open(now).is_none() {
            return Ok(Answer::Expired(Box::new(asked.clone())));
        }
        let until = now + length;
        let (by, Approval { container, to_tag, .. }) = (asked.by(), &asked.approval);
        let note = format!("{container}: {to_tag} is put off until {}, by {by}", moment(until));
        draft.announce(WorkloadEvent::Snoozed(note));
        draft.on(&asked.approval.container, Event::Snooze { until }, now);
        draft.guard(&asked.approval.container);
        self.commit(draft).await?;
        Ok(Answer::Snoozed(Box::new(asked.clone()), until))
    }
}
