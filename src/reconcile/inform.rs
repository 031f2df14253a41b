//! Telling people where workloads may not be written: the same decision, in a message without a link.
//!
//! Nothing can be recorded on the workload. That a version was told is known by the id of its message alone, which the
//! queue remembers. As nothing is applied, nothing waits for its cooldown either, whose begin could not be recorded.

use super::container::{Choice, Chosen, Judged, earliest};
use super::error::DOUBT;
use super::{Listed, Reconciler, Step, StepError, Target};
use crate::cluster::{Announcement, Cluster};
use crate::domain::approval::Approval;
use crate::domain::event::{ImageView, Job, NoLink, Notice, NoticeKind};
use crate::domain::policy::{Mode, Policy};
use crate::domain::settings::Settings;
use crate::queue::{NewJob, Placed, Queue};
use crate::registry::Registry;
use crate::telemetry::chain;

impl<Q: Queue, R: Registry, C: Cluster> Reconciler<Q, R, C> {
    /// All that can be done for a container of a workload that may not be written.
    pub(super) async fn inform(&self, target: &Target, tags: Option<Listed>, trace: &str) -> Step {
        let settings = match self.settings(target) {
            Ok(settings) if settings.mode == Mode::Disabled => {
                self.count("ignored", "disabled");
                return Ok(None);
            }
            Ok(settings) => settings,
            Err(error) => {
                self.count("undecided", "invalid_setting");
                tracing::debug!(workload = %target.workload.id, container = target.container, %error, "the workload is left alone until this is mended");
                return Ok(None);
            }
        };
        let settings = Settings { policy: Policy { cooldown: None, ..settings.policy }, ..settings };
        match self.judge(target, &settings, tags).await {
            Ok(Judged { choice: Choice::To(chosen), due, .. }) => {
                self.informed(target, &settings, &chosen, trace).await?;
                Ok(due)
            }
            Ok(Judged { choice: Choice::Nothing | Choice::NotBefore(_), due, .. }) => Ok(due),
            Ok(Judged { choice: Choice::Undecided(reason), due, .. }) => {
                self.count("undecided", reason.word());
                tracing::debug!(workload = %target.workload.id, container = target.container, error = %chain(&reason), "nothing is decided on what the registry says");
                Ok(earliest(due, Some(self.0.ambient.now() + DOUBT)))
            }
            Err(StepError::Registry(error)) if !error.is_retryable() => {
                self.count("undecided", error.reason());
                let problem = error.told_to(target.credential()?);
                tracing::debug!(workload = %target.workload.id, problem, "the workload is left alone until this is mended");
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Makes sure that people were told of this version once.
    async fn informed(&self, target: &Target, settings: &Settings, chosen: &Chosen, trace: &str) -> Step {
        if self.has_link(target, chosen) {
            self.count("told", "already");
            return Ok(None);
        }
        let notice = self.notice(target, settings, chosen);
        let now = self.0.ambient.now();
        let job = |delivery| NewJob { job: Job::Deliver(Box::new(delivery)), trace: trace.to_owned(), not_before: now };
        let deliveries = self.0.audience.deliveries(&notice, settings.notify.as_deref());
        let jobs: Vec<NewJob> = deliveries.into_iter().map(job).collect();
        let reason = notice.no_link.map_or("", NoLink::as_str);
        if jobs.is_empty() || self.0.queue.put(jobs).await? == Placed::Coalesced {
            self.count("told", "already");
            return Ok(None);
        }
        self.count("told", reason);
        tracing::warn!(workload = %target.workload.id, container = target.container, to = %chosen.to, digest = %chosen.digest, outcome = "told", reason, "there is something newer; people are told without a link, as the workload may not be patched");
        let note = format!("{}: {} → {}: {}", target.container, notice.from.tag, chosen.to, chosen.why);
        self.0.cluster.announce(&target.workload, Announcement::UpdateAvailable(note)).await;
        Ok(None)
    }

    /// Whether people have a link for exactly this, from when the workload could be written.
    fn has_link(&self, target: &Target, chosen: &Chosen) -> bool {
        Approval::proposed(&target.workload, &target.container).is_some_and(|(approval, proposal)| {
            let is_open = approval.is_open(&target.workload)
                && self.0.ambient.now() < approval.expires
                && approval.key == *self.0.link_key.id();
            let is_this = approval.to_tag == chosen.to && approval.to_digest == chosen.digest;
            proposal.told && is_open && is_this && approval.workload == target.workload.id
        })
    }

    fn notice(&self, target: &Target, settings: &Settings, chosen: &Chosen) -> Notice {
        let repository = target.repository.to_string();
        let from_tag = chosen.from.running_tag().map(|tag| tag.to_string()).unwrap_or_default();
        let digest = chosen.from.digest().map(ToString::to_string);
        Notice {
            kind: NoticeKind::Available,
            at: self.0.ambient.now(),
            workload: target.workload.id.clone(),
            container: target.container.clone(),
            from: ImageView { repository: repository.clone(), tag: from_tag, digest },
            to: ImageView { repository, tag: chosen.to.to_string(), digest: Some(chosen.digest.to_string()) },
            level: chosen.level.as_str().to_owned(),
            policy: format!("{}, strategy {}", settings.mode, settings.policy.strategy),
            why: chosen.why.clone(),
            owner: target.workload.owner.as_ref().map(|owner| owner.warning()),
            release_url: settings.release_url.as_ref().map(|url| url.for_tag(chosen.to.as_str())),
            approval: None,
            no_link: Some(match settings.mode {
                Mode::AutoUpdate => NoLink::MayNotApply,
                Mode::Notification | Mode::Disabled => NoLink::MayNotPatch,
            }),
            by: None,
            failure: None,
        }
    }
}
