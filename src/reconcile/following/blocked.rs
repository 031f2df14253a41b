//! What stands in the way of a way back: people are told of it with the line that deletes it, or it is deleted where the operator
//! allows that.

use crate::cluster::{Cluster, Deletion, Removal, WorkloadEvent};
use crate::domain::record::{Event, Update};
use crate::domain::rollout::obstacle::{
    Hope, InTheWay, MOST_LEFT, Obstacle, ObstacleKind, left_to_people, words_of_left,
};
use crate::domain::workload::Kind;
use crate::queue::{Queue, Records};
use crate::reconcile::draft::Work;
use crate::reconcile::{Reconciler, StepError, Target};
use crate::registry::Registry;
use crate::telemetry::chain;

/// What became of a way that may be blocked.
pub(crate) enum Way {
    /// Nothing that can be named is in it.
    Free,
    /// It is being cleared: what was in it is deleted, or is not what it was a moment ago.
    Clearing,
    /// Somebody has to delete something, which is said in these words.
    Blocked(String),
    /// Its pods are not known yet.
    Unseen,
}

impl<Q: Queue + Records, R: Registry, C: Cluster> Reconciler<Q, R, C> {
    /// What the controller of a workload waits for, of that which runs these images that failed.
    async fn obstacle(&self, target: &Target, failed: &[(&str, &str)], suspect: Option<&str>) -> Option<Obstacle> {
        if !matches!(target.workload.id.kind, Kind::StatefulSet | Kind::CronJob) {
            return None;
        }
        match self.0.cluster.obstacle(&target.workload, failed, suspect).await {
            Ok(found) => found,
            Err(error) => {
                tracing::debug!(workload = %target.workload.id, error = %chain(&error), "what is in the way can't be read now");
                None
            }
        }
    }

    /// What is going to be in the way when an update that failed is undone.
    pub(crate) async fn will_be_in_the_way(
        &self,
        target: &Target,
        written: &[(&str, &str)],
        suspect: Option<&str>,
    ) -> Vec<InTheWay> {
        if let Some(found) = self.obstacle(target, written, suspect).await {
            return vec![found.told(self.may_delete(target))];
        }
        let left = self.0.cluster.left_to_people(&target.workload, written).await.unwrap_or_default();
        left.iter().take(MOST_LEFT).map(|pod| InTheWay::left(pod)).collect()
    }

    /// Which pods run what failed still, under a controller that replaces what people delete.
    pub(crate) fn left_to_people(&self, work: &Work, target: &Target, update: &Update) -> Way {
        let Some(undone) = update.undoes.as_deref() else { return Way::Free };
        let failed = images_before(work, &target.container, update);
        let failed: Vec<(&str, &str)> = failed.iter().map(|(name, image)| (name.as_str(), image.as_str())).collect();
        let Some(pods) = self.0.cluster.pods(&target.workload, &failed) else { return Way::Unseen };
        let names = left_to_people(&pods, &failed);
        if names.is_empty() {
            return Way::Free;
        }
        Way::Blocked(words_of_left(&names, &target.workload.id.namespace, undone.tag.as_str()))
    }

    /// Whether what is in the way may be deleted: where it can't be read what is to be done to a workload, nothing of it is.
    fn may_delete(&self, target: &Target) -> bool {
        self.may_act(&target.workload, &target.container) && self.0.cluster.deletes_broken()
    }

    /// Takes out of the way of an update that goes back what runs the image that failed, or says what somebody has to do.
    pub(crate) async fn clear_the_way(
        &self,
        work: &mut Work,
        target: &Target,
        update: &Update,
        suspect: Option<&str>,
    ) -> Result<Way, StepError> {
        let Some(undone) = update.undoes.as_deref() else { return Ok(Way::Free) };
        let failed = images_before(work, &target.container, update);
        let failed: Vec<(&str, &str)> = failed.iter().map(|(name, image)| (name.as_str(), image.as_str())).collect();
        let Some(obstacle) = self.obstacle(target, &failed, suspect).await else { return Ok(Way::Free) };
        if obstacle.kind == ObstacleKind::Job {
            // What its pods say at the next try brings about the next look.
            self.0.cluster.pods(&target.workload, &failed);
        }
        let id = &target.workload.id;
        let words = || obstacle.words(&id.namespace, undone.tag.as_str());
        let is_edited = work.draft.record.is_edited_since(update, &target.workload);
        if is_edited || !self.may_delete(target) || obstacle.hope == Hope::Some {
            return Ok(Way::Blocked(words()));
        }
        let what = obstacle.told(true);
        // It is written down first and deleted by the next look, so that it is told whatever becomes of this process.
        let is_said = undone.says_removed(&what);
        let deletion = if is_said { Deletion::Done } else { Deletion::Tried };
        match self.0.cluster.remove(&target.workload, &obstacle, deletion).await? {
            Removal::Changed => Ok(Way::Clearing),
            Removal::Forbidden => Ok(Way::Blocked(format!(
                "{}; image-watcher may not: rbac.deleteBroken of the chart or deploy/delete-broken allows it",
                words()
            ))),
            Removal::Done if !is_said => {
                work.draft.on(&target.container, Event::Removed(what), self.0.ambient.now());
                Ok(Way::Clearing)
            }
            Removal::Done => {
                tracing::info!(workload = %id, removed = %what, failed = %undone.tag, "what ran the version that failed is deleted, as nothing goes on before");
                let (container, failed) = (&target.container, &undone.tag);
                let note = format!("{container}: {what} of {failed} is deleted, as nothing went on before");
                self.0.cluster.announce(&target.workload, WorkloadEvent::BrokenDeleted(note)).await;
                Ok(Way::Clearing)
            }
        }
    }
}

/// What ran before an update, in all containers that were written with it, as it was written.
fn images_before(work: &Work, container: &str, update: &Update) -> Vec<(String, String)> {
    let of_others = update.with.iter().filter_map(|name| {
        let other = work.ledger(name)?.update.as_ref()?;
        Some((name.to_string(), other.from.clone()))
    });
    std::iter::once((container.to_owned(), update.from.clone())).chain(of_others).collect()
}
