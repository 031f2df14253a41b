//! What no `test` of a write can hold: what its Namespace and the operator's rules say to a workload, a pause, the time, and what
//! became of others. It is in memory, so it is looked at once more right before an image is written, and nobody is asked.

use std::sync::Arc;

use crate::cluster::{Cluster, ClusterError};
use crate::domain::actor::Actor;
use crate::domain::fleet::Others;
use crate::domain::record::Update;
use crate::domain::settings::Settings;
use crate::domain::view::{Blocker, Known};
use crate::domain::workload::Workload;
use crate::queue::{Queue, Records};
use crate::reconcile::draft::{Draft, Image};
use crate::reconcile::{Reconciler, Target};
use crate::registry::Registry;

impl<Q: Queue + Records, R: Registry, C: Cluster> Reconciler<Q, R, C> {
    /// Whether what was decided of the images of a draft would be decided still.
    ///
    /// # Errors
    /// [`ClusterError::Conflict`] where it would not, and [`ClusterError::Gone`] where the workload is watched no more: then it is
    /// decided anew.
    pub(crate) fn holds_still(&self, draft: &Draft) -> Result<(), ClusterError> {
        if draft.images.is_empty() {
            return Ok(());
        }
        let id = &draft.workload.id;
        let newest = self.0.cluster.by_uid(&id.uid).ok_or_else(|| ClusterError::Gone(id.to_string()))?;
        // What stands on the object itself is for its `test` operations to hold.
        let is_newer = newest.resource_version >= draft.workload.resource_version;
        let by_now = Arc::new(Workload {
            inherited: newest.inherited.clone(),
            paused: if is_newer { newest.paused } else { draft.workload.paused },
            ..Workload::clone(&draft.workload)
        });
        let Some((container, image)) = draft.images.iter().find(|one| !self.would_write(draft, &by_now, one)) else {
            return Ok(());
        };
        tracing::info!(workload = %id, container, to = %image.chosen.to, outcome = "not_written", "what was decided does not hold any more when it is to be written, and is decided anew");
        Err(ClusterError::Conflict { workload: id.to_string(), now: None })
    }

    /// Whether an image would be written to a workload as it is by now.
    fn would_write(&self, draft: &Draft, by_now: &Arc<Workload>, (container, image): &(String, Image)) -> bool {
        let Ok(settings) = Settings::read(by_now, container, &self.0.bounds) else { return false };
        if settings.is_disabled() {
            return false;
        }
        // What goes with another goes as that one does, and what a person wants was judged when it was answered.
        let update = draft.record.ledger(container).and_then(|ledger| ledger.update.as_ref());
        let Some(update) = update.filter(|update| image.is_told() && update.by == Actor::Policy) else { return true };
        if update.undoes.is_some() {
            return Self::goes_back_by_itself(update.group.as_deref(), Some(&settings));
        }
        let target = Target::unasked(Arc::clone(by_now), container, image.repository.clone());
        self.goes_by_itself(draft, &target, (&settings, image), update)
    }

    /// Whether an update would be applied without a person's word, by the same judge that decided it.
    fn goes_by_itself(
        &self,
        draft: &Draft,
        target: &Target,
        (settings, image): (&Settings, &Image),
        update: &Update,
    ) -> bool {
        let others = self.asks_for_others(&draft.record, target, &image.chosen);
        let known = Known {
            workload: &target.workload,
            container: &target.container,
            record: &draft.record,
            settings,
            others: Others::Said(others.as_ref()),
        };
        match known.blocker(&update.tag, &update.digest, self.0.ambient.now()) {
            // Another container may be written with it.
            None | Some(Blocker::Rolling { .. } | Blocker::Waits(_)) => true,
            // A window says when a group may begin.
            Some(Blocker::Window(_)) => update.group.is_some(),
            Some(_) => false,
        }
    }
}
