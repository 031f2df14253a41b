//! Asking people: record the proposal, store the messages, record that people were told, in this order.
//!
//! A crash between any two of these is taken up by the next look: the proposal on the workload keeps its id, and the
//! messages of one proposal have the same ids however often they are stored.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta};

use super::container::Chosen;
use super::{Reconciler, Step, StepError, Target};
use crate::cluster::{Announcement, Cluster};
use crate::domain::approval::{Approval, ApprovalId, LIFETIME, PROPOSAL, Proposal, TOKEN_UPDATE};
use crate::domain::event::{ApprovalView, ImageView, Notice, NoticeKind};
use crate::domain::history::{ApprovalRecord, rfc3339};
use crate::domain::policy::tracked;
use crate::domain::reference::Digest;
use crate::domain::settings::{Settings, flaw};
use crate::domain::tag::Level;
use crate::domain::workload::{Workload, WorkloadPatch};
use crate::queue::Queue;
use crate::registry::Registry;

impl<Q: Queue, R: Registry, C: Cluster> Reconciler<Q, R, C> {
    /// Makes sure that people were asked about this version once.
    pub(super) async fn propose(&self, target: &Target, settings: &Settings, chosen: &Chosen, trace: &str) -> Step {
        let now = self.0.ambient.now();
        let (workload, container) = (&target.workload, target.container.as_str());
        let known = Approval::proposed(workload, container);
        let same = known.as_ref().filter(|(approval, proposal)| {
            approval.to_tag == chosen.to
                && approval.to_digest == chosen.digest
                && proposal.uid == *workload.id.uid
                && workload.container(container).is_some_and(|(_, c)| *c.image == *approval.from_image)
        });
        if let Some((approval, proposal)) = same {
            let valid = now < approval.expires && approval.key == *self.0.link_key.id();
            if valid && approval.is_open(workload) {
                self.count("proposed", "already");
                return self.notified(target, settings, approval, proposal, trace).await;
            }
            if let Some(until) = snoozed(proposal).filter(|until| now < *until) {
                self.count("proposed", "snoozed");
                return Ok(Some(until));
            }
        }
        self.count("proposed", chosen.level.as_str());
        let (approval, proposal) = self.new_proposal(target, chosen, known.map(|(_, proposal)| proposal)).await?;
        let written = self.record(workload, container, &approval, &proposal).await?;
        let target = target.with(written);
        tracing::info!(workload = %target.workload.id, container = target.container, to = %chosen.to, digest = %chosen.digest, outcome = "proposed", "there is something newer, and people are asked");
        let note = format!("{}: {} → {}: {}", target.container, from_tag(chosen), chosen.to, chosen.why);
        self.0.cluster.announce(&target.workload, Announcement::UpdateAvailable(note)).await;
        self.notified(&target, settings, &approval, &proposal, trace).await
    }

    async fn new_proposal(
        &self,
        target: &Target,
        chosen: &Chosen,
        older: Option<Proposal>,
    ) -> Result<(Approval, Proposal), StepError> {
        let now = self.0.ambient.now();
        let (workload, container) = (&target.workload, target.container.as_str());
        let from_digest = self.running_digest(target, chosen).await;
        let approval = Approval {
            id: ApprovalId::mint(now, self.0.ambient.bytes()),
            key: self.0.link_key.id().clone(),
            expires: DateTime::from_timestamp((now + LIFETIME).timestamp(), 0).unwrap_or(now),
            nonce: URL_SAFE_NO_PAD.encode(self.0.ambient.bytes::<16>()),
            workload: workload.id.clone(),
            container: container.to_owned(),
            from_image: workload.container(container).map(|(_, c)| c.image.to_string()).unwrap_or_default(),
            from_digest,
            to_tag: chosen.to.clone(),
            to_digest: chosen.digest.clone(),
        };
        let superseded = older.map(|older| older.replaced(now, workload.containers.len())).unwrap_or_default();
        let proposal = Proposal {
            approval: ApprovalRecord::of(&approval),
            uid: workload.id.uid.to_string(),
            tag: chosen.to.to_string(),
            digest: chosen.digest.to_string(),
            from: approval.from_image.clone(),
            level: chosen.level.as_str().to_owned(),
            why: chosen.why.clone(),
            asked: rfc3339(now),
            told: false,
            snoozed_until: None,
            superseded,
        };
        Ok((approval, proposal))
    }

    /// What runs: the pinned digest, or what the running tag points to. Not knowing it is no reason not to ask.
    async fn running_digest(&self, target: &Target, chosen: &Chosen) -> Option<Digest> {
        let workload = &target.workload;
        match (chosen.from.digest(), chosen.from.running_tag()) {
            (Some(digest), _) => Some(digest.clone()),
            // The tag points to what is new already.
            (None, Some(tag)) if chosen.level == Level::Digest => {
                tracked(workload.state("tracked-digest", &target.container), tag.as_str())
            }
            (None, Some(tag)) => self.digest(target, &tag).await.ok().flatten(),
            (None, None) => None,
        }
    }

    async fn record(
        &self,
        workload: &Workload,
        container: &str,
        approval: &Approval,
        proposal: &Proposal,
    ) -> Result<std::sync::Arc<Workload>, StepError> {
        let key = |name: &str| workload.state_key(name, container);
        let text = serde_json::to_string(proposal).unwrap_or_default();
        let mut patch = WorkloadPatch::of(workload)
            .guarded_by(workload, container)
            .set(workload, &key(TOKEN_UPDATE), Some(approval.annotation()))
            .set(workload, &key(PROPOSAL), Some(text))
            .set(workload, &key("error"), flaw(workload, container).map(|flaw| flaw.to_string()));
        if let Some(running) = super::container::running_tag(workload, container) {
            patch = patch.set(workload, &key("current-version"), Some(running.to_string()));
        }
        Ok(self.0.cluster.apply(&patch).await?)
    }

    /// Makes sure that the messages of an open proposal are stored, and says so on the workload.
    async fn notified(
        &self,
        target: &Target,
        settings: &Settings,
        approval: &Approval,
        proposal: &Proposal,
        trace: &str,
    ) -> Step {
        let (workload, container) = (&target.workload, target.container.as_str());
        let expires = Some(approval.expires);
        if proposal.told {
            return Ok(expires);
        }
        let notice = proposal_notice(target, settings, approval, proposal, NoticeKind::Available);
        if self.tell(&notice, settings.notify.as_deref(), trace).await? == 0 {
            tracing::info!(workload = %workload.id, container, "nobody is told: no channel is configured, or image-watcher/notify names none of them");
            return Ok(expires);
        }
        let key = |name: &str| workload.state_key(name, container);
        let told = serde_json::to_string(&Proposal { told: true, ..proposal.clone() }).unwrap_or_default();
        let patch = WorkloadPatch::of(workload)
            .set(workload, &key(PROPOSAL), Some(told))
            .set(workload, &key("last-notified"), Some(rfc3339(self.0.ambient.now())))
            .set(workload, &key("last-notified-version"), Some(proposal.tag.clone()));
        self.0.cluster.apply(&patch).await?;
        Ok(expires)
    }
}

/// The notice about a proposal.
pub(super) fn proposal_notice(
    target: &Target,
    settings: &Settings,
    approval: &Approval,
    proposal: &Proposal,
    kind: NoticeKind,
) -> Notice {
    let repository = target.repository.to_string();
    let image = |tag: String, digest: Option<&Digest>| ImageView {
        repository: repository.clone(),
        tag,
        digest: digest.map(ToString::to_string),
    };
    let from = crate::domain::reference::ImageReference::parse(&proposal.from).ok();
    let from_tag = from.and_then(|from| from.running_tag()).map(|tag| tag.to_string()).unwrap_or_default();
    Notice {
        kind,
        at: DateTime::parse_from_rfc3339(&proposal.asked).map(|asked| asked.to_utc()).unwrap_or_default(),
        workload: target.workload.id.clone(),
        container: target.container.clone(),
        from: image(from_tag, approval.from_digest.as_ref()),
        to: image(approval.to_tag.to_string(), Some(&approval.to_digest)),
        level: proposal.level.clone(),
        policy: format!("{}, strategy {}", settings.mode, settings.policy.strategy),
        why: proposal.why.clone(),
        owner: target.workload.owner.as_ref().map(|owner| owner.warning()),
        release_url: settings.release_url.as_ref().map(|url| url.for_tag(approval.to_tag.as_str())),
        approval: Some(ApprovalView {
            id: approval.id.to_string(),
            key: approval.key.to_string(),
            expires: approval.expires,
            nonce: approval.nonce.clone(),
            from_image: approval.from_image.clone(),
        }),
        no_link: None,
        by: None,
        failure: None,
    }
}

fn from_tag(chosen: &Chosen) -> String {
    chosen.from.running_tag().map(|tag| tag.to_string()).unwrap_or_default()
}

fn snoozed(proposal: &Proposal) -> Option<DateTime<chrono::Utc>> {
    Some(DateTime::parse_from_rfc3339(proposal.snoozed_until.as_deref()?).ok()?.to_utc())
}

/// How long a snooze lasts.
pub(super) const SNOOZE: TimeDelta = TimeDelta::days(7);
