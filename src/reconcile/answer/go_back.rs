//! Back to what ran before, or on with what was set back.

use super::approve::PATIENCE;
use super::asked::Asked;
use super::{Answer, Applied};
use crate::cluster::Cluster;
use crate::domain::history::Choice;
use crate::domain::reference::ImageReference;
use crate::domain::refusal::Refusal;
use crate::queue::{Queue, Records};
use crate::reconcile::draft::{Draft, Work};
use crate::reconcile::writing::apply::Decided;
use crate::reconcile::{Reconciler, StepError};
use crate::registry::Registry;

impl<Q: Queue + Records, R: Registry, C: Cluster> Reconciler<Q, R, C> {
    /// Back to what ran before, or to what was chosen of the history, if that is there still. A registry that gives no
    /// answer is no reason to stay with what a
    /// person wants to leave: nodes often have the image.
    pub(super) async fn back(
        &self,
        asked: &Asked,
        draft: Draft,
        to: Option<&Choice>,
        trace: &str,
    ) -> Result<Answer, StepError> {
        let suggested = Choice { version: asked.approval.to_tag.clone(), digest: asked.approval.to_digest.clone() };
        let to = to.unwrap_or(&suggested);
        let (approval, changed) = (&asked.approval, || Ok(Answer::Changed(Box::new(asked.clone()))));
        if *to != suggested && !asked.ran.iter().any(|ran| ran.what == *to) {
            return Ok(Answer::Refused(Box::new(asked.to(to)), Refusal::NeverRan));
        }
        let Ok(from) = ImageReference::parse(&approval.from_image) else { return changed() };
        let target = self.target(asked, &from).await;
        let source = self.source(&target)?;
        let there = source.registry.has(source.repository, &to.digest, source.credential);
        if let Ok(Ok(false)) = tokio::time::timeout(PATIENCE, there).await {
            return Ok(Answer::Refused(Box::new(asked.to(to)), Refusal::Withdrawn));
        }
        let mut work = Work::on(draft, trace);
        let ledger = work.ledger(&approval.container).cloned().unwrap_or_default();
        let (Some(update), Some(question)) = (ledger.update, ledger.question) else { return changed() };
        let Some(way) = Self::way_to(&work, &approval.container, &update, to) else { return changed() };
        let way = self.as_written(&target, way).await;
        let by = asked.by();
        let decided = Decided::ByPerson { by: &by, terms: &question.terms };
        self.go_back(&mut work, &target, &way, None, decided);
        let record = work.draft.record.clone();
        let written = self.commit_answer(work.draft, approval).await?;
        if asked.group.is_some() {
            // The others go back with it.
            self.look_after(&target, trace).await;
        }
        Ok(match record.history.decided_by(approval.id.as_str()) {
            Some(entry) => {
                let applied = Applied::of(entry.clone(), (&written, &approval.container), &record, &approval.id);
                Answer::WentBack(Box::new(applied.after(&asked.workload.rollout)))
            }
            None => Answer::Changed(Box::new(asked.clone())),
        })
    }

    /// What was set back may be applied: the next look decides as if nobody had.
    pub(super) async fn resume(&self, asked: &Asked, mut draft: Draft, trace: &str) -> Result<Answer, StepError> {
        let (container, now) = (asked.approval.container.as_str(), self.0.ambient.now());
        let by = asked.by();
        let (tag, digest) = (&asked.approval.to_tag, &asked.approval.to_digest);
        // What goes together is held together, and let go so.
        let of = (container, self.0.bounds.forced.mode);
        let with = draft.record.hold_with(&asked.workload, of, (tag, Some(digest)));
        for with in with.into_iter().filter(|name| self.may_act(&asked.workload, name)) {
            draft.resume(&with, tag, &by, now);
            draft.guard(&with);
        }
        draft.resume(container, tag, &by, now);
        draft.guard(container);
        let record = draft.record.clone();
        self.commit_answer(draft, &asked.approval).await?;
        self.let_go_on_all(asked, &by).await;
        if let Ok(from) = ImageReference::parse(&asked.approval.from_image) {
            let target = self.target(asked, &from).await;
            self.look_after(&target, trace).await;
        }
        Ok(match record.history.decided_by(asked.approval.id.as_str()) {
            Some(entry) => Answer::Resumed(Box::new(entry.clone())),
            None => Answer::Changed(Box::new(asked.clone())),
        })
    }
}
