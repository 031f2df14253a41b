//! Writing an update: one guarded patch that changes the image and tells the story beside it.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::container::Chosen;
use super::{Reconciler, StepError};
use crate::cluster::{Announcement, Cluster};
use crate::domain::approval::{Approval, PROPOSAL, Proposal, TOKEN_UPDATE};
use crate::domain::history::{ApprovalRecord, Entry, History, Outcome, rfc3339};
use crate::domain::rollout::Rollout;
use crate::domain::settings::{self, flaw};
use crate::domain::workload::{Workload, WorkloadPatch};
use crate::queue::Queue;
use crate::registry::Registry;

/// An update that is to be written.
pub(super) struct Change<'c> {
    pub(super) chosen: &'c Chosen,
    /// Who or what decided.
    pub(super) by: &'c str,
    /// The approval that it answers.
    pub(super) approval: Option<&'c Approval>,
}

impl<Q: Queue, R: Registry, C: Cluster> Reconciler<Q, R, C> {
    /// Writes an update, if the workload is still what the decision was made on.
    pub(super) async fn apply(
        &self,
        workload: &Workload,
        container: &str,
        change: Change<'_>,
    ) -> Result<Arc<Workload>, StepError> {
        let now = self.0.ambient.now();
        let patch = plan(workload, container, &change, now);
        let written = self.0.cluster.apply(&patch).await?;
        let (to, digest) = (&change.chosen.to, &change.chosen.digest);
        let from = change.chosen.from.running_tag().map(|tag| tag.to_string()).unwrap_or_default();
        tracing::info!(workload = %workload.id, container, from, %to, %digest, by = change.by, outcome = "applied", "the image is written; the rollout begins");
        let note = format!("{container}: {from} → {to} ({digest})");
        let announcement = match change.approval {
            Some(_) => Announcement::Approved(note),
            None => Announcement::PolicyAllowed(note),
        };
        self.0.cluster.announce(&written, announcement).await;
        Ok(written)
    }
}

/// The whole write: image, versions, times, history; an open link is closed by the same write.
fn plan(workload: &Workload, container: &str, change: &Change<'_>, now: DateTime<Utc>) -> WorkloadPatch {
    let Chosen { from, to, digest, level, .. } = change.chosen;
    let key = |name: &str| workload.state_key(name, container);
    let previous = from.running_tag().map(|tag| tag.to_string());
    let previous_image = workload.container(container).map(|(_, c)| c.image.to_string()).unwrap_or_default();
    let mut history = History::read(workload.annotation("history"));
    history.push(Entry {
        container: container.to_owned(),
        version: to.to_string(),
        previous: previous.clone().unwrap_or_default(),
        digest: digest.to_string(),
        previous_image,
        time: rfc3339(now),
        by: change.by.to_owned(),
        outcome: Outcome::RollingOut,
        level: level.as_str().to_owned(),
        approval: change.approval.map(ApprovalRecord::of),
        stalled_before: match &workload.rollout {
            Rollout::Stalled(stall) => Some(stall.since.to_string()),
            _ => None,
        },
    });
    WorkloadPatch::of(workload)
        .guarded_by(workload, container)
        .while_unchanged(workload, settings::names(container))
        .image(from.at(to, digest))
        .set(workload, &key("current-version"), Some(to.to_string()))
        .set(workload, &key("previous-version"), previous)
        .set(workload, &key("last-updated"), Some(rfc3339(now)))
        .set(workload, &key("last-updated-version"), Some(to.to_string()))
        .set(workload, &key(TOKEN_UPDATE), None)
        .set(workload, &key(PROPOSAL), Proposal::closed(workload, container))
        .set(workload, &key("error"), flaw(workload, container).map(|flaw| flaw.to_string()))
        .set(workload, "history", Some(history.write()))
}
