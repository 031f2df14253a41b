//! Events on workloads (`events.k8s.io/v1`), for people who look with `kubectl`.

use chrono::{DateTime, Utc};
use serde_json::json;

use super::apply::within;
use crate::domain::workload::Workload;
use crate::telemetry::metrics::Metrics;

/// What is said about a workload. Reasons and actions are closed lists, as the event style guide of Kubernetes asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WorkloadEvent {
    /// There is something newer, and people are asked.
    UpdateAvailable(String),
    /// The policy allowed an update, and it is written.
    PolicyAllowed(String),
    /// A person allowed an update, and it is written.
    Approved(String),
    /// A person approved an update, and others have to, too.
    ApprovalGiven(String),
    /// The rollout is healthy.
    RolloutHealthy(String),
    /// The rollout is not.
    RolloutFailed(String),
    /// The rollout failed after somebody else wrote the pod template.
    RolloutReplaced(String),
    /// Somebody put back what failed here before.
    FailedBefore(String),
    /// What ran before an update is written again.
    RolledBack(String),
    /// What stood in the way of that was deleted.
    BrokenDeleted(String),
    /// A person went back to what ran before.
    WentBack(String),
    /// What was asked on the workload is not carried out.
    RequestRefused(String),
    /// The rollout makes no progress, and nothing will end it by itself.
    RolloutSlow(String),
    /// A setting can't be read.
    InvalidSetting(String),
    /// The repository can't be read.
    RepositoryUnknown(String),
    /// The registry does not let us in.
    RegistryUnauthorized(String),
    /// What the registry says is no ground to decide on.
    RegistryDoubtful(String),
    /// An update waits, as the rollouts of the workload are paused.
    RolloutPaused(String),
    /// The API server refuses to write an update.
    UpdateRefused(String),
    /// A version would not start, and is passed over.
    CandidateUnfit(String),
    /// A version is not built for the nodes, and is passed over.
    PlatformMissing(String),
    /// A version is not written by itself, as a tool that owns the workload would put the old one back.
    ManagedElsewhere(String),
    /// The tag points to another manifest than the one that people were asked about: their links are void.
    DigestMoved(String),
    /// Somebody set a version back.
    VersionHeld(String),
    /// What runs is gone from its registry.
    ImageGone(String),
    /// A person put an update off.
    Snoozed(String),
    /// A person said that what was set back may be applied.
    HeldReleased(String),
    /// Automatic updates are stopped everywhere, as this one failed after others.
    UpdatesStopped(String),
    /// Our record was not what we wrote, and is replaced.
    RecordReplaced(String),
    /// Messages about it were given up: people do not know what they said.
    MessageGivenUp(String),
}

impl WorkloadEvent {
    /// Whether it says how an update ended.
    #[must_use]
    pub fn is_end(&self) -> bool {
        matches!(self, Self::RolloutHealthy(_) | Self::RolloutFailed(_) | Self::RolloutReplaced(_))
    }

    /// Action, reason, type, note.
    fn parts(&self) -> (&'static str, &'static str, &'static str, &str) {
        match self {
            Self::UpdateAvailable(note) => ("ProposeUpdate", "UpdateAvailable", "Normal", note),
            Self::PolicyAllowed(note) => ("ApplyUpdate", "PolicyAllowed", "Normal", note),
            Self::Approved(note) => ("ApplyUpdate", "Approved", "Normal", note),
            Self::ApprovalGiven(note) => ("ProposeUpdate", "ApprovalGiven", "Normal", note),
            Self::RolloutHealthy(note) => ("VerifyRollout", "RolloutHealthy", "Normal", note),
            Self::RolloutFailed(note) => ("VerifyRollout", "RolloutFailed", "Warning", note),
            Self::RolloutReplaced(note) => ("VerifyRollout", "RolloutReplaced", "Warning", note),
            Self::FailedBefore(note) => ("VerifyRollout", "FailedBefore", "Warning", note),
            Self::RolledBack(note) => ("RollBack", "RolledBack", "Warning", note),
            Self::BrokenDeleted(note) => ("RollBack", "BrokenDeleted", "Normal", note),
            Self::WentBack(note) => ("RollBack", "Requested", "Normal", note),
            Self::RequestRefused(note) => ("ReadSettings", "RequestRefused", "Warning", note),
            Self::RolloutSlow(note) => ("VerifyRollout", "RolloutSlow", "Warning", note),
            Self::InvalidSetting(note) => ("ReadSettings", "InvalidSetting", "Warning", note),
            Self::RepositoryUnknown(note) => ("ReadSettings", "RepositoryUnknown", "Warning", note),
            Self::RegistryUnauthorized(note) => ("ReadSettings", "RegistryUnauthorized", "Warning", note),
            Self::RegistryDoubtful(note) => ("RefuseUpdate", "RegistryDoubtful", "Warning", note),
            Self::RolloutPaused(note) => ("ApplyUpdate", "RolloutPaused", "Normal", note),
            Self::UpdateRefused(note) => ("ApplyUpdate", "UpdateRefused", "Warning", note),
            Self::CandidateUnfit(note) => ("RefuseUpdate", "WouldNotStart", "Warning", note),
            Self::PlatformMissing(note) => ("RefuseUpdate", "PlatformMissing", "Warning", note),
            Self::ManagedElsewhere(note) => ("RefuseUpdate", "ManagedElsewhere", "Warning", note),
            Self::DigestMoved(note) => ("RefuseUpdate", "DigestMoved", "Warning", note),
            Self::VersionHeld(note) => ("HoldVersion", "VersionHeld", "Normal", note),
            Self::ImageGone(note) => ("RefuseUpdate", "ImageGone", "Warning", note),
            Self::Snoozed(note) => ("ProposeUpdate", "Snoozed", "Normal", note),
            Self::HeldReleased(note) => ("HoldVersion", "HeldReleased", "Normal", note),
            Self::UpdatesStopped(note) => ("StopUpdates", "UpdatesStopped", "Warning", note),
            Self::RecordReplaced(note) => ("KeepRecord", "RecordReplaced", "Warning", note),
            Self::MessageGivenUp(note) => ("SendMessage", "MessageGivenUp", "Warning", note),
        }
    }
}

/// Writes the Event. A failure is counted and told at debug level: an Event is a courtesy.
pub(super) async fn announce(
    client: &kube::Client,
    workload: &Workload,
    announcement: &WorkloadEvent,
    now: DateTime<Utc>,
    metrics: &Metrics,
) {
    let event = event(workload, announcement, now);
    let reason = announcement.parts().1;
    let api: kube::Api<k8s_openapi::api::events::v1::Event> =
        kube::Api::namespaced(client.clone(), &workload.id.namespace);
    let Ok(event) = serde_json::from_value(event) else { return };
    let parameters = kube::api::PostParams::default();
    if let Err(error) = within(metrics, "event", api.create(&parameters, &event)).await {
        tracing::debug!(workload = %workload.id, reason, ?error, "the Event was not written");
    }
}

/// The most bytes that the API server takes of a note.
const LONGEST_NOTE: usize = 1024;
/// The most bytes of an object's name.
const LONGEST_EVENT_NAME: usize = 253;

/// The first so many bytes of a text, at the end of a character.
fn within_bytes(text: &str, most: usize) -> &str {
    let end = (0..=most.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    text.get(..end).unwrap_or_default()
}

/// The Event as it is written.
fn event(workload: &Workload, announcement: &WorkloadEvent, now: DateTime<Utc>) -> serde_json::Value {
    let (action, reason, kind, note) = announcement.parts();
    let note = within_bytes(note, LONGEST_NOTE);
    let moment = format!("{:x}", now.timestamp_nanos_opt().unwrap_or_default());
    let name = within_bytes(&workload.id.name, LONGEST_EVENT_NAME - moment.len() - 1).trim_end_matches(['.', '-']);
    let time = now.to_rfc3339_opts(chrono::SecondsFormat::Micros, true);
    json!({
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {
            "name": format!("{name}.{moment}"),
            "namespace": workload.id.namespace,
        },
        "eventTime": time,
        "action": action,
        "reason": reason,
        "type": kind,
        "note": note,
        "regarding": {
            "apiVersion": workload.id.kind.api_version(),
            "kind": workload.id.kind.as_str(),
            "namespace": workload.id.namespace,
            "name": workload.id.name,
            "uid": workload.id.uid,
            "resourceVersion": workload.resource_version.to_string(),
        },
        "reportingController": "image-watcher/controller",
        "reportingInstance": "image-watcher",
    })
}

#[cfg(test)]
mod snapshots;
