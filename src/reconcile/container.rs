//! One container: follow what is open, read its settings, decide, act.

use std::sync::Arc;

use super::apply::Change;
use super::{Reconciler, Step, StepError, TagList, Target};
use crate::cluster::{Announcement, Cluster};
use crate::domain::approval::TOKEN_UPDATE;
use crate::domain::policy::{Decision, Mode, Track, decide};
use crate::domain::reference::{Digest, ImageReference, Tag};
use crate::domain::settings::Settings;
use crate::domain::tag::Level;
use crate::domain::workload::{Workload, WorkloadPatch};
use crate::queue::Queue;
use crate::registry::{Registry, RegistryError};
use crate::telemetry::chain;

/// What was decided for a container that can be decided on.
pub(super) struct Chosen {
    pub(super) from: ImageReference,
    pub(super) to: Tag,
    pub(super) digest: Digest,
    pub(super) level: Level,
}

impl<Q: Queue, R: Registry, C: Cluster> Reconciler<Q, R, C> {
    /// Whether the registry has to be asked about this container at all.
    pub(super) fn decides(&self, target: &Target) -> bool {
        Settings::read(&target.workload, &target.container, self.0.forced)
            .is_ok_and(|settings| settings.mode != Mode::Disabled && settings.track == Track::Version)
    }

    /// All that is to be done for one container now.
    pub(super) async fn container(&self, target: &Target, tags: Option<TagList>, trace: &str) -> Step {
        let followed = self.follow(target, trace).await?;
        let (workload, waits) = (followed.workload, followed.waits);
        if waits.is_some() {
            return Ok(waits);
        }
        let target = &Target {
            workload,
            container: target.container.clone(),
            repository: target.repository.clone(),
            credential: target.credential.clone(),
        };
        let settings = match Settings::read(&target.workload, &target.container, self.0.forced) {
            Ok(settings) => settings,
            Err(error) => {
                self.count("undecided", "invalid_setting");
                return self.mark(target, &error.to_string(), Announcement::InvalidSetting).await;
            }
        };
        if settings.mode == Mode::Disabled {
            self.count("ignored", "disabled");
            return Ok(None);
        }
        let chosen = match self.choose(target, &settings, tags).await {
            Ok(chosen) => chosen,
            Err(StepError::Registry(error)) if !error.is_retryable() => {
                self.count("undecided", error.reason());
                return self.mark(target, &chain(&*error).to_string(), Announcement::RepositoryUnknown).await;
            }
            Err(error) => {
                self.count("undecided", "registry");
                return Err(error);
            }
        };
        let Some(chosen) = chosen else { return self.rest(target).await };
        match settings.mode {
            Mode::AutoUpdate => {
                self.count("applied", chosen.level.as_str());
                let change = Change { chosen: &chosen, by: "policy", approval: None };
                let policy = format!("AUTO_UPDATE, strategy {}", settings.policy.strategy);
                let applied = self.apply(&target.workload, &target.container, change).await?;
                tracing::info!(workload = %target.workload.id, container = target.container, to = %chosen.to, policy, "the policy allowed an update");
                Ok(self.rollout_deadline(&applied, &target.container))
            }
            _ => self.propose(target, &settings, &chosen, trace).await,
        }
    }

    /// The tag to go to, with what it points to; `None` when there is nothing newer.
    async fn choose(
        &self,
        target: &Target,
        settings: &Settings,
        tags: Option<TagList>,
    ) -> Result<Option<Chosen>, StepError> {
        let Some((_, container)) = target.workload.container(&target.container) else { return Ok(None) };
        let Some(from) = container.reference() else { return Ok(None) };
        let Some(running) = from.tag().cloned() else {
            self.count("ignored", "no_tag");
            return Ok(None);
        };
        if settings.track == Track::Digest {
            return self.moved(target, from, running).await;
        }
        let Some(tags) = tags else { return Ok(None) };
        let tags = tags.map_err(StepError::Registry)?;
        match decide(&running, tags.iter(), &settings.policy) {
            Decision::UpToDate => {
                self.count("up_to_date", "nothing_newer");
                Ok(None)
            }
            Decision::NoVersion => {
                self.count("ignored", "no_version");
                Ok(None)
            }
            Decision::Update { to, level } => {
                let digest = self.digest(target, &to).await?.ok_or_else(|| StepError::Vanished(to.clone()))?;
                Ok(Some(Chosen { from, to, digest, level }))
            }
        }
    }

    /// The running tag again, when it points to another manifest than the one that is pinned.
    async fn moved(&self, target: &Target, from: ImageReference, running: Tag) -> Result<Option<Chosen>, StepError> {
        let Some(pinned) = from.digest().cloned() else {
            self.count("ignored", "digest_unknown");
            return Ok(None);
        };
        match self.digest(target, &running).await? {
            Some(digest) if digest != pinned => Ok(Some(Chosen { from, to: running, digest, level: Level::Digest })),
            _ => {
                self.count("up_to_date", "same_digest");
                Ok(None)
            }
        }
    }

    pub(super) async fn digest(&self, target: &Target, tag: &Tag) -> Result<Option<Digest>, StepError> {
        let asked = self.0.registry.digest(&target.repository, tag, &target.credential).await;
        asked.map_err(|error| StepError::Registry(Arc::new(error)))
    }

    /// Nothing to do: an open link is closed, an old error removed, the running version recorded.
    async fn rest(&self, target: &Target) -> Step {
        let (workload, container) = (&target.workload, target.container.as_str());
        let key = |name: &str| workload.state_key(name, container);
        let running = running_tag(workload, container);
        let mut patch = WorkloadPatch::of(workload)
            .guarded_by(workload, container)
            .set(workload, &key(TOKEN_UPDATE), None)
            .set(workload, &key("error"), None);
        if let Some(running) = running {
            patch = patch.set(workload, &key("current-version"), Some(running.to_string()));
        }
        if !patch.is_empty() {
            self.0.cluster.apply(&patch).await?;
        }
        Ok(None)
    }

    /// Says on the workload why it can't be decided, once for each reason.
    async fn mark(&self, target: &Target, problem: &str, announcement: fn(String) -> Announcement) -> Step {
        let workload = &target.workload;
        let key = workload.state_key("error", &target.container);
        let patch = WorkloadPatch::of(workload).set(workload, &key, Some(problem.to_owned()));
        if !patch.is_empty() {
            let written = self.0.cluster.apply(&patch).await?;
            tracing::warn!(workload = %workload.id, container = target.container, problem, "the workload is left alone until this is mended");
            self.0.cluster.announce(&written, announcement(problem.to_owned())).await;
        }
        Ok(None)
    }
}

/// The tag that a container runs.
pub(super) fn running_tag(workload: &Workload, container: &str) -> Option<Tag> {
    workload.container(container)?.1.reference()?.tag().cloned()
}

impl RegistryError {
    /// Whether the same question may get an answer later.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        !matches!(self, Self::UnknownRepository { .. } | Self::Unauthorized { .. })
    }

    /// The word for it in metrics.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::UnknownRepository { .. } => "unknown_repository",
            Self::Unauthorized { .. } => "unauthorized",
            Self::Throttled { .. } => "throttled",
            Self::Unreachable { .. } => "unreachable",
            Self::Unusable { .. } => "unusable",
        }
    }
}
