//! One container: follow what is open, read its settings, decide, act.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::apply::Change;
use super::rollout::{Followed, Goes};
use super::{Listed, Reconciler, Step, StepError, Target};
use crate::assess::{self, Source, Undecided};
use crate::cluster::{Announcement, Cluster};
use crate::domain::approval::TOKEN_UPDATE;
use crate::domain::policy::{Decision, Doubt, KnownSince, Mode, Outcome, Policy, Selection, Track, names_one_release};
use crate::domain::reference::{Digest, ImageReference, Tag};
use crate::domain::settings::{Problems, Settings};
use crate::domain::tag::Level;
use crate::domain::view::View;
use crate::domain::workload::{Workload, WorkloadPatch};
use crate::queue::Queue;
use crate::registry::{Registry, RegistryError, Tags};

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
    /// What the registry says is no ground to decide on.
    Undecided(Undecided),
}

impl<Q: Queue, R: Registry, C: Cluster> Reconciler<Q, R, C> {
    /// The running tag and the policy, where this container is decided by a list of tags.
    pub(super) fn compares(&self, target: &Target) -> Option<(Tag, Policy)> {
        let settings = self.settings(target).ok()?;
        let running = running_tag(&target.workload, &target.container)?;
        let compares = settings.mode != Mode::Disabled && settings.track == Track::Version;
        compares.then_some((running, settings.policy))
    }

    /// Whether the registry may have to be asked anything about this container.
    pub(super) fn asks(&self, workload: &Workload, container: &str) -> bool {
        Settings::read(workload, container, &self.0.bounds).is_ok_and(|settings| settings.mode != Mode::Disabled)
    }

    pub(super) fn settings(&self, target: &Target) -> Result<Settings, Problems> {
        Settings::read(&target.workload, &target.container, &self.0.bounds)
    }

    /// All that is to be done for one container now.
    pub(super) async fn container(&self, target: &Target, tags: Option<Listed>, trace: &str) -> Step {
        if !self.0.cluster.may_patch(&target.workload.id) {
            return self.inform(target, tags, trace).await;
        }
        let Followed { workload, goes } = self.follow(target, trace).await?;
        let target = target.with(workload);
        match goes {
            Goes::Under(again) => Ok(Some(again)),
            Goes::On => self.decide(target, tags, trace).await,
            Goes::Slow(told, again) => {
                let target = Target { slow: Some(told), ..target };
                let is_free = target.workload.state("error", &target.container).is_none();
                let target = if is_free { self.tell_flaw(target).await? } else { target };
                Ok(earliest(self.decide(target, tags, trace).await?, Some(again)))
            }
        }
    }

    /// All that is to be done where no update is in the way.
    async fn decide(&self, target: Target, tags: Option<Listed>, trace: &str) -> Step {
        let settings = match self.settings(&target) {
            Ok(settings) => settings,
            Err(problems) => return self.misunderstood(&target, &problems).await,
        };
        if settings.mode == Mode::Disabled {
            self.count("ignored", "disabled");
            self.say(target, None).await?;
            return Ok(None);
        }
        let decided = match self.choose(&target, &settings, tags).await {
            Ok(decided) => decided,
            Err(StepError::Registry(error)) if !error.is_retryable() => {
                self.count("undecided", error.reason());
                let announcement = match &*error {
                    RegistryError::TooManyTags { .. } => Announcement::InvalidSetting,
                    RegistryError::Unauthorized { .. } => Announcement::RegistryUnauthorized,
                    _ => Announcement::RepositoryUnknown,
                };
                let told = error.told_to(target.credential()?);
                return self.mark(&target, &told, announcement).await;
            }
            Err(error) => {
                self.count("undecided", undecided(&error));
                return Err(error);
            }
        };
        let (choice, target) = (decided.choice, decided.target);
        let acted = match choice {
            Choice::Nothing | Choice::NotBefore(_) => {
                let target = self.tell_flaw(target).await?;
                self.rest(&target).await?
            }
            Choice::Undecided(reason) => self.doubtful(&target, &reason).await?,
            Choice::To(chosen) => self.act(target, &settings, &chosen, trace).await?,
        };
        Ok(earliest(acted, decided.again))
    }

    /// Applies what was chosen, or asks.
    async fn act(&self, target: Target, settings: &Settings, chosen: &Chosen, trace: &str) -> Step {
        if settings.mode == Mode::AutoUpdate && target.workload.paused {
            return self.paused(&target, &chosen.to).await;
        }
        let target = self.tell_flaw(target).await?;
        if settings.mode != Mode::AutoUpdate {
            let flaw = target.flaw();
            let target = self.say(target, flaw).await?;
            return self.propose(&target, settings, chosen, trace).await;
        }
        self.count("applied", chosen.level.as_str());
        let change = Change { chosen, by: "policy", approval: None };
        let applied = self.apply(&target.workload, &target.container, change).await?;
        tracing::info!(workload = %target.workload.id, container = target.container, to = %chosen.to, why = chosen.why, "the policy allowed an update");
        Ok(self.rollout_deadline(&applied, &target.container))
    }

    /// Decides, and writes down what the next decision has to know.
    async fn choose(&self, target: &Target, settings: &Settings, tags: Option<Listed>) -> Result<Decided, StepError> {
        let Judged { choice, known, due, first } = self.judge(target, settings, tags).await?;
        let target = match (&known, &first) {
            (Some(known), _) => self.remember(target, known).await?,
            (None, Some((tag, digest))) => self.baseline(target, tag, digest).await?,
            (None, None) => target.clone(),
        };
        let again = if let Choice::NotBefore(until) = choice { earliest(due, Some(until)) } else { due };
        Ok(Decided { choice, target, again })
    }

    /// Decides, and writes nothing.
    pub(super) async fn judge(
        &self,
        target: &Target,
        settings: &Settings,
        tags: Option<Listed>,
    ) -> Result<Judged, StepError> {
        let Some(from) = target.workload.container(&target.container).and_then(|(_, found)| found.reference()) else {
            return Ok(Judged::of(Choice::Nothing));
        };
        let Some(running) = from.running_tag() else {
            self.count("ignored", "no_tag");
            return Ok(Judged::of(Choice::Nothing));
        };
        let source = self.source(target)?;
        let judged = match settings.track {
            Track::Digest => self.moved(target, &source, settings, from, running).await,
            Track::Version => {
                let tags = tags.ok_or(StepError::Changed)?.map_err(StepError::Registry)?;
                self.newer(target, &source, settings, (&from, &running), &tags).await
            }
        };
        match judged {
            Ok(judged) => Ok(judged),
            Err(Undecided::Registry(error)) => Err(StepError::Registry(Arc::new(error))),
            Err(Undecided::Unlisted) => Err(StepError::Changed),
            Err(reason) => {
                let due = self.absent(&source, reason.absent());
                Ok(Judged { due, ..Judged::of(Choice::Undecided(reason)) })
            }
        }
    }

    /// When to look again for tags that are listed without a manifest.
    fn absent<'t>(&self, source: &Source<'_, R>, tags: impl Iterator<Item = &'t str>) -> Option<DateTime<Utc>> {
        let now = self.0.ambient.now();
        let again = |tag| self.1.absent.again((source.repository, source.credential.scope(), tag), now);
        tags.filter_map(again).min()
    }

    /// What is newer than the running tag, of a list.
    async fn newer(
        &self,
        target: &Target,
        source: &Source<'_, R>,
        settings: &Settings,
        (from, running): (&ImageReference, &Tag),
        tags: &Tags,
    ) -> Result<Judged, Undecided> {
        let now = self.0.ambient.now();
        let doubt = || self.shrunk(target, running, &settings.policy, tags);
        let conclude = |decision: &Decision<'_>, policy: &Policy, digest: Option<Digest>| {
            let known = policy.cooldown.as_ref().map(|cooldown| decision.known_since(cooldown.known(), now));
            if let (Outcome::Update { to, .. }, Some(_)) = (decision.outcome(), &digest) {
                self.1.absent.found((source.repository, source.credential.scope(), to));
            }
            let due = policy.cooldown.as_ref().and_then(|_| decision.first_due());
            Judged {
                choice: self.conclude(from, running, decision, policy, settings.mode, digest),
                known: Some(known.unwrap_or_default()),
                due: earliest(due, self.absent(source, policy.missing.iter().map(String::as_str))),
                first: None,
            }
        };
        assess::version(source, running.as_str(), tags, &settings.policy, now, doubt, conclude).await
    }

    /// Whether the list lost most of the running tag's kind since it was last looked at.
    pub(super) fn shrunk(&self, target: &Target, running: &Tag, policy: &Policy, tags: &Tags) -> Option<Doubt> {
        let kind = policy.selection.as_ref().map(Selection::identity);
        let of = (&*target.workload.id.uid, target.container.as_str(), running.as_str(), kind);
        self.1.families.doubt(of, tags.relatives(running.as_str(), policy)?, self.0.ambient.now())
    }

    /// What a decision on versions means for this container.
    fn conclude(
        &self,
        from: &ImageReference,
        running: &Tag,
        decision: &Decision<'_>,
        policy: &Policy,
        mode: Mode,
        digest: Option<Digest>,
    ) -> Choice {
        match (decision.outcome(), digest) {
            (Outcome::Update { to, level }, Some(digest)) => {
                let why = View::of(running.as_str(), decision, policy, Some(mode), None).why;
                match Tag::parse(to) {
                    Ok(to) => Choice::To(Box::new(Chosen { from: from.clone(), to, digest, level, why })),
                    Err(_) => Choice::Nothing,
                }
            }
            (Outcome::Cooling { until, .. }, _) => {
                self.count("waiting", "cooldown");
                Choice::NotBefore(until)
            }
            (Outcome::NoVersion(verdict), _) => {
                self.count("ignored", verdict.word());
                Choice::Nothing
            }
            (Outcome::UpToDate | Outcome::NoTags | Outcome::Update { .. }, _) => {
                self.count("up_to_date", decision.held().map_or("nothing_newer", |held| held.verdict.word()));
                Choice::Nothing
            }
        }
    }

    /// Records since when the candidates are known.
    async fn remember(&self, target: &Target, known: &KnownSince) -> Result<Target, StepError> {
        let workload = &target.workload;
        let key = workload.state_key("known-since", &target.container);
        let text = (!known.is_empty()).then(|| known.to_string());
        let patch = WorkloadPatch::of(workload).set(workload, &key, text);
        if patch.is_empty() {
            return Ok(target.clone());
        }
        Ok(target.with(self.0.cluster.apply(&patch).await?))
    }

    /// The running tag again, when it points to another manifest than the one that runs.
    ///
    /// What an image without digest runs is taken to be what its tag pointed to when it was first looked at.
    async fn moved(
        &self,
        target: &Target,
        source: &Source<'_, R>,
        settings: &Settings,
        from: ImageReference,
        running: Tag,
    ) -> Result<Judged, Undecided> {
        let known = assess::known(&target.workload, &target.container, &from, &running);
        let followed = assess::digest(source, &running, known.as_ref(), &settings.policy.skip).await?;
        self.1.absent.found((source.repository, source.credential.scope(), running.as_str()));
        Ok(match followed {
            assess::Followed::To(digest) => {
                let release =
                    if names_one_release(running.as_str()) { ": a release that was pushed again" } else { "" };
                let why = format!("the tag points to another manifest{release}");
                Judged::of(Choice::To(Box::new(Chosen { from, to: running, digest, level: Level::Digest, why })))
            }
            assess::Followed::Skipped(_) => {
                self.count("up_to_date", "skipped");
                Judged::of(Choice::Nothing)
            }
            assess::Followed::First(digest) => {
                self.count("up_to_date", "same_digest");
                Judged { first: Some((running, digest)), ..Judged::of(Choice::Nothing) }
            }
            assess::Followed::Same => {
                self.count("up_to_date", "same_digest");
                Judged::of(Choice::Nothing)
            }
        })
    }

    /// Records what is taken to run.
    async fn baseline(&self, target: &Target, running: &Tag, first: &Digest) -> Result<Target, StepError> {
        let workload = &target.workload;
        let key = workload.state_key("tracked-digest", &target.container);
        let patch = WorkloadPatch::of(workload).guarded_by(workload, &target.container).set(
            workload,
            &key,
            Some(format!("{running}@{first}")),
        );
        Ok(target.with(self.0.cluster.apply(&patch).await?))
    }

    pub(super) fn source<'s>(&'s self, target: &'s Target) -> Result<Source<'s, R>, StepError> {
        let credential = target.credential()?;
        Ok(Source { registry: &*self.0.registry, repository: &target.repository, credential })
    }

    pub(super) async fn digest(&self, target: &Target, tag: &Tag) -> Result<Option<Digest>, StepError> {
        let asked = self.source(target)?.digest(tag).await;
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
            .set(workload, &key("error"), target.flaw());
        if let Some(running) = running {
            patch = patch.set(workload, &key("current-version"), Some(running.to_string()));
        }
        if !patch.is_empty() {
            self.0.cluster.apply(&patch).await?;
        }
        Ok(None)
    }
}

/// A choice, and what the next decision has to know.
pub(super) struct Judged {
    pub(super) choice: Choice,
    /// Since when versions that wait are known, where a list was decided on.
    known: Option<KnownSince>,
    /// When to look again: when the first of them has waited, or a tag may have got its manifest.
    pub(super) due: Option<DateTime<Utc>>,
    /// What a followed tag points to at the first look at it.
    first: Option<(Tag, Digest)>,
}

impl Judged {
    fn of(choice: Choice) -> Self {
        Self { choice, known: None, due: None, first: None }
    }
}

/// A choice, about the workload as it was last written.
struct Decided {
    choice: Choice,
    target: Target,
    /// When to look again, whatever is chosen.
    again: Option<DateTime<Utc>>,
}

/// The word for what was in the way of a decision and may be gone at the next look.
fn undecided(error: &StepError) -> &'static str {
    match error {
        StepError::Credential(_) => "credential",
        _ => "registry",
    }
}

pub(super) fn earliest(one: Option<DateTime<Utc>>, another: Option<DateTime<Utc>>) -> Option<DateTime<Utc>> {
    match (one, another) {
        (Some(one), Some(another)) => Some(one.min(another)),
        (one, another) => one.or(another),
    }
}

/// The tag that a container runs.
pub(super) fn running_tag(workload: &Workload, container: &str) -> Option<Tag> {
    workload.container(container)?.1.reference()?.running_tag()
}
