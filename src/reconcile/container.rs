//! One container: follow what is open, read its settings, decide, act.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::apply::Change;
use super::{Listed, Reconciler, Step, StepError, Target};
use crate::cluster::{Announcement, Cluster};
use crate::domain::approval::TOKEN_UPDATE;
use crate::domain::policy::{Decision, KnownSince, Mode, Moved, Outcome, Policy, Track, decide, follow};
use crate::domain::reference::{Digest, ImageReference, Tag};
use crate::domain::settings::{Settings, flaw};
use crate::domain::tag::Level;
use crate::domain::view::View;
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
    /// Why this one, in a few words.
    pub(super) why: String,
}

/// What a look at the registry came to.
pub(super) enum Choice {
    /// There is nothing to go to.
    Nothing,
    /// There is, but not before this time.
    NotBefore(DateTime<Utc>),
    /// Go there.
    To(Box<Chosen>),
    /// The running tag names one release, and points elsewhere now.
    Suspicious(String),
}

impl<Q: Queue, R: Registry, C: Cluster> Reconciler<Q, R, C> {
    /// The running tag and the policy, where this container is decided by a list of tags.
    pub(super) fn compares(&self, target: &Target) -> Option<(Tag, Policy)> {
        let settings = Settings::read(&target.workload, &target.container, self.0.forced).ok()?;
        let running = running_tag(&target.workload, &target.container)?;
        let compares = settings.mode != Mode::Disabled && settings.track == Track::Version;
        compares.then_some((running, settings.policy))
    }

    /// Whether the registry may have to be asked anything about this container.
    pub(super) fn asks(&self, workload: &Workload, container: &str) -> bool {
        Settings::read(workload, container, self.0.forced).is_ok_and(|settings| settings.mode != Mode::Disabled)
    }

    /// All that is to be done for one container now.
    pub(super) async fn container(&self, target: &Target, tags: Option<Listed>, trace: &str) -> Step {
        if !self.0.cluster.may_patch(&target.workload.id) {
            return self.inform(target, tags, trace).await;
        }
        let followed = self.follow(target, trace).await?;
        let (workload, waits) = (followed.workload, followed.waits);
        if waits.is_some() {
            return Ok(waits);
        }
        let target = target.with(workload);
        let settings = match Settings::read(&target.workload, &target.container, self.0.forced) {
            Ok(settings) => settings,
            Err(error) => {
                self.count("undecided", "invalid_setting");
                return self.mark(&target, &error.to_string(), Announcement::InvalidSetting).await;
            }
        };
        if settings.mode == Mode::Disabled {
            self.count("ignored", "disabled");
            return Ok(None);
        }
        let target = self.tell_flaw(target).await?;
        let decided = match self.choose(&target, &settings, tags).await {
            Ok(decided) => decided,
            Err(StepError::Registry(error)) if !error.is_retryable() => {
                self.count("undecided", error.reason());
                let announcement = match &*error {
                    RegistryError::TooManyTags { .. } => Announcement::InvalidSetting,
                    _ => Announcement::RepositoryUnknown,
                };
                return self.mark(&target, &chain(&*error).to_string(), announcement).await;
            }
            Err(error) => {
                self.count("undecided", "registry");
                return Err(error);
            }
        };
        let (choice, target) = (decided.choice, decided.target);
        let acted = match choice {
            Choice::Nothing | Choice::NotBefore(_) => self.rest(&target).await?,
            Choice::Suspicious(problem) => return self.mark(&target, &problem, Announcement::DigestMoved).await,
            Choice::To(chosen) => self.act(&target, &settings, &chosen, trace).await?,
        };
        Ok(earliest(acted, decided.again))
    }

    /// Applies what was chosen, or asks.
    async fn act(&self, target: &Target, settings: &Settings, chosen: &Chosen, trace: &str) -> Step {
        if settings.mode != Mode::AutoUpdate {
            return self.propose(target, settings, chosen, trace).await;
        }
        self.count("applied", chosen.level.as_str());
        let change = Change { chosen, by: "policy", approval: None };
        let applied = self.apply(&target.workload, &target.container, change).await?;
        tracing::info!(workload = %target.workload.id, container = target.container, to = %chosen.to, why = chosen.why, "the policy allowed an update");
        Ok(self.rollout_deadline(&applied, &target.container))
    }

    /// Decides, and writes down since when versions that wait are known.
    async fn choose(&self, target: &Target, settings: &Settings, tags: Option<Listed>) -> Result<Decided, StepError> {
        let undecided = |choice| Decided { choice, target: target.clone(), again: None };
        let Some(from) = target.workload.container(&target.container).and_then(|(_, found)| found.reference()) else {
            return Ok(undecided(Choice::Nothing));
        };
        let Some(running) = from.tag().cloned() else {
            self.count("ignored", "no_tag");
            return Ok(undecided(Choice::Nothing));
        };
        if settings.track == Track::Digest {
            return self.moved(target, from, running).await;
        }
        let Some(tags) = tags else { return Ok(undecided(Choice::Nothing)) };
        let tags = tags.map_err(StepError::Registry)?;
        let tags = tags.to_decide(running.as_str(), &settings.policy);
        let tags = tags.map_err(|error| StepError::Registry(Arc::new(error)))?.ok_or(StepError::Changed)?;
        let decision = decide(running.as_str(), tags, &settings.policy, self.0.ambient.now());
        let (target, again) = self.remember(target, settings, &decision).await?;
        let choice = self.choice(&target, settings, from, &running, &decision).await?;
        let again = if let Choice::NotBefore(until) = choice { earliest(again, Some(until)) } else { again };
        Ok(Decided { choice, target, again })
    }

    /// What a decision comes to.
    pub(super) async fn choice(
        &self,
        target: &Target,
        settings: &Settings,
        from: ImageReference,
        running: &Tag,
        decision: &Decision<'_>,
    ) -> Result<Choice, StepError> {
        Ok(match decision.outcome() {
            Outcome::Update { to, level } => {
                let view = View::of(running.as_str(), decision, &settings.policy, Some(settings.mode), None);
                let to = Tag::parse(to).map_err(|_| StepError::Vanished(running.clone()))?;
                let digest = self.digest(target, &to).await?.ok_or_else(|| StepError::Vanished(to.clone()))?;
                Choice::To(Box::new(Chosen { from, to, digest, level, why: view.why }))
            }
            Outcome::Cooling { until, .. } => {
                self.count("waiting", "cooldown");
                Choice::NotBefore(until)
            }
            Outcome::UpToDate => {
                self.count("up_to_date", decision.held().map_or("nothing_newer", |held| held.verdict.word()));
                Choice::Nothing
            }
            Outcome::NoVersion(verdict) => {
                self.count("ignored", verdict.word());
                Choice::Nothing
            }
            Outcome::NoTags => {
                self.count("undecided", "no_tags");
                Choice::Nothing
            }
        })
    }

    /// Records since when the versions that wait for their cooldown are known, and says when the first of them is due.
    async fn remember(
        &self,
        target: &Target,
        settings: &Settings,
        decision: &Decision<'_>,
    ) -> Result<(Target, Option<DateTime<Utc>>), StepError> {
        let workload = &target.workload;
        let key = workload.state_key("known-since", &target.container);
        let (record, due) = match &settings.policy.cooldown {
            Some(cooldown) => {
                let cooling = decision.cooling();
                let record = cooldown.known().of(cooling.iter().map(|(tag, _)| *tag), self.0.ambient.now());
                (record, cooling.iter().map(|(_, until)| *until).min())
            }
            None => (KnownSince::default(), None),
        };
        let text = (!record.is_empty()).then(|| record.to_string());
        let patch = WorkloadPatch::of(workload).set(workload, &key, text);
        if patch.is_empty() {
            return Ok((target.clone(), due));
        }
        Ok((target.with(self.0.cluster.apply(&patch).await?), due))
    }

    /// The running tag again, when it points to another manifest than the one that runs.
    ///
    /// What an image without digest runs is taken to be what its tag pointed to when it was first looked at.
    async fn moved(&self, target: &Target, from: ImageReference, running: Tag) -> Result<Decided, StepError> {
        let now = self.digest(target, &running).await?;
        let (target, known) = match from.digest() {
            Some(pinned) => (target.clone(), Some(pinned.clone())),
            None => self.baseline(target, &running, now.as_ref()).await?,
        };
        let choice = self.followed(from, running, known, now.as_ref());
        Ok(Decided { choice, target, again: None })
    }

    /// What comes of a tag that is followed: `known` is what it was, `now` what it is.
    pub(super) fn followed(
        &self,
        from: ImageReference,
        running: Tag,
        known: Option<Digest>,
        now: Option<&Digest>,
    ) -> Choice {
        match follow(running.as_str(), known.as_ref(), now) {
            Moved::To(digest) => {
                let (digest, why) = (digest.clone(), "the tag points to another manifest".to_owned());
                Choice::To(Box::new(Chosen { from, to: running, digest, level: Level::Digest, why }))
            }
            Moved::Suspicious(digest) => {
                self.count("undecided", "release_moved");
                Choice::Suspicious(format!(
                    "{running} names one release and was pushed again: {} runs, the registry has {digest}. Releases \
                     don't change; find out who pushed it. Nothing is applied by itself",
                    known.map(|known| known.to_string()).unwrap_or_default(),
                ))
            }
            Moved::Same => {
                self.count("up_to_date", "same_digest");
                Choice::Nothing
            }
            Moved::Unknown => {
                self.count("ignored", "digest_unknown");
                Choice::Nothing
            }
        }
    }

    /// What is taken to run: the digest that is recorded for this tag, or the one that is recorded now.
    async fn baseline(
        &self,
        target: &Target,
        running: &Tag,
        now: Option<&Digest>,
    ) -> Result<(Target, Option<Digest>), StepError> {
        let workload = &target.workload;
        if let Some(recorded) = recorded_digest(workload, &target.container, running) {
            return Ok((target.clone(), Digest::parse(recorded).ok()));
        }
        let key = workload.state_key("tracked-digest", &target.container);
        let Some(now) = now else { return Ok((target.clone(), None)) };
        let patch = WorkloadPatch::of(workload).guarded_by(workload, &target.container).set(
            workload,
            &key,
            Some(format!("{running}@{now}")),
        );
        let written = self.0.cluster.apply(&patch).await?;
        Ok((target.with(written), Some(now.clone())))
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
            .set(workload, &key("error"), flaw(workload, container).map(|flaw| flaw.to_string()));
        if let Some(running) = running {
            patch = patch.set(workload, &key("current-version"), Some(running.to_string()));
        }
        if !patch.is_empty() {
            self.0.cluster.apply(&patch).await?;
        }
        Ok(None)
    }

    /// Says on the workload what is wrong with a setting that stops nothing, and takes it back when it is mended.
    async fn tell_flaw(&self, target: Target) -> Result<Target, StepError> {
        let (workload, container) = (&target.workload, target.container.as_str());
        let key = workload.state_key("error", container);
        let told = workload.annotation(&key);
        let flaw = flaw(workload, container).map(|flaw| flaw.to_string());
        let mended = flaw.is_none() && told.is_some_and(|told| told.starts_with("image-watcher/release-url"));
        if !mended && (flaw.is_none() || flaw.as_deref() == told) {
            return Ok(target);
        }
        let patch = WorkloadPatch::of(workload).set(workload, &key, flaw.clone());
        let written = self.0.cluster.apply(&patch).await?;
        if let Some(flaw) = flaw {
            tracing::warn!(workload = %workload.id, container, problem = flaw, "updates go on without release notes until this is mended");
            self.0.cluster.announce(&written, Announcement::InvalidSetting(flaw)).await;
        }
        Ok(target.with(written))
    }

    /// Says on the workload why it can't be decided, once for each reason.
    pub(super) async fn mark(&self, target: &Target, problem: &str, announcement: fn(String) -> Announcement) -> Step {
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

/// A choice, about the workload as it was last written.
struct Decided {
    choice: Choice,
    target: Target,
    /// When to look again, whatever is chosen.
    again: Option<DateTime<Utc>>,
}

fn earliest(one: Option<DateTime<Utc>>, another: Option<DateTime<Utc>>) -> Option<DateTime<Utc>> {
    match (one, another) {
        (Some(one), Some(another)) => Some(one.min(another)),
        (one, another) => one.or(another),
    }
}

/// What is recorded as the digest of a followed tag.
pub(super) fn recorded_digest<'w>(workload: &'w Workload, container: &str, tag: &Tag) -> Option<&'w str> {
    let (recorded, digest) = workload.state("tracked-digest", container)?.split_once('@')?;
    (recorded == tag.as_str()).then_some(digest)
}

/// The tag that a container runs.
pub(super) fn running_tag(workload: &Workload, container: &str) -> Option<Tag> {
    workload.container(container)?.1.reference()?.tag().cloned()
}

impl RegistryError {
    /// Whether the same question may get an answer later.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        !matches!(self, Self::UnknownRepository { .. } | Self::Unauthorized { .. } | Self::TooManyTags { .. })
    }

    /// The word for it in metrics.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::UnknownRepository { .. } => "unknown_repository",
            Self::Unauthorized { .. } => "unauthorized",
            Self::Throttled { .. } => "throttled",
            Self::Unreachable { .. } => "unreachable",
            Self::LeftAlone { .. } => "left_alone",
            Self::TooManyTags { .. } => "too_many_tags",
            Self::Unusable { .. } => "unusable",
        }
    }
}
