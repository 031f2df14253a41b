//! A workload: for each container what runs, what is open, and a decision; then one write, and the messages.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::records::Draft;
use super::rollout::Goes;
use super::{Listed, Reconciler, Step, StepError, Target};
use crate::assess::{self, Source, Undecided};
use crate::cluster::{Announcement, Cluster, ClusterError};
use crate::domain::event::Delivery;
use crate::domain::policy::{Decision, Doubt, KnownSince, Mode, Outcome, Policy, Selection, Track, names_one_release};
use crate::domain::record::{Event, Ledger};
use crate::domain::reference::{Digest, ImageReference, Tag};
use crate::domain::settings::{Problems, Settings};
use crate::domain::tag::Level;
use crate::domain::view::View;
use crate::domain::workload::Workload;
use crate::queue::{Queue, Records};
use crate::registry::{Registry, RegistryError, Tags};

/// What was decided for a container that can be decided on.
#[derive(Clone, Debug, PartialEq, Eq)]
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

/// A container for which something is to be done.
struct ToDo {
    target: Target,
    settings: Settings,
    chosen: Chosen,
}

impl ToDo {
    /// Whether two containers of a workload are parts of one program that go to the same image.
    fn goes_with(&self, other: &Self) -> bool {
        let (ours, theirs) = (&self.chosen, &other.chosen);
        let runs_the_same =
            ours.from.repository() == theirs.from.repository() && ours.from.running_tag() == theirs.from.running_tag();
        let goes_to_the_same = (&ours.to, &ours.digest) == (&theirs.to, &theirs.digest);
        runs_the_same && goes_to_the_same && self.settings.mode == other.settings.mode
    }
}

/// What became of the look at one container.
#[derive(Default)]
struct Looked {
    /// When to look again, if nothing happens before.
    again: Option<DateTime<Utc>>,
    /// What is to be done.
    to_do: Option<Box<ToDo>>,
}

impl Looked {
    fn again(again: Option<DateTime<Utc>>) -> Self {
        Self { again, to_do: None }
    }
}

/// A workload while it is worked on.
pub(super) struct Work {
    pub(super) draft: Draft,
    /// Messages that are stored once the draft is written.
    pub(super) messages: Vec<Delivery>,
    pub(super) trace: String,
}

impl Work {
    /// What is known of a container.
    pub(super) fn ledger(&self, container: &str) -> Option<&Ledger> {
        self.draft.record.ledger(container)
    }
}

impl<Q: Queue + Records, R: Registry, C: Cluster> Reconciler<Q, R, C> {
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

    /// All that is to be done for these containers of one workload now.
    pub(super) async fn workload(
        &self,
        targets: Vec<Target>,
        tags: Option<Listed>,
        trace: &str,
    ) -> Vec<(Step, Target)> {
        let Some(first) = targets.first() else { return Vec::new() };
        let draft = match self.draft(Arc::clone(&first.workload)).await {
            Ok(draft) => draft,
            Err(error) => return vec![(Err(error), first.clone())],
        };
        let mut work = Work { draft, messages: Vec::new(), trace: trace.to_owned() };
        if !self.0.cluster.may_patch(&first.workload.id) {
            let mut ended = Vec::new();
            for target in targets {
                ended.push((self.inform(&target, &work, tags.clone()).await, target));
            }
            return ended;
        }
        let is_alone = targets.iter().all(|target| !self.asks(&target.workload, &target.container));
        let (mut ended, mut to_do) = (Vec::new(), Vec::<ToDo>::new());
        for target in &targets {
            match self.container(&mut work, target, tags.clone()).await {
                Ok(looked) => {
                    to_do.extend(looked.to_do.map(|it| *it));
                    ended.push((Ok(looked.again), target.clone()));
                }
                Err(error) => ended.push((Err(error), target.clone())),
            }
        }
        for together in together(to_do) {
            let step = self.act(&mut work, &together).await;
            ended.extend(together.into_iter().next().map(|it| (step, it.target)));
        }
        if is_alone {
            work.draft.let_be();
            if let Err(error) = self.remember_disabled(&work.draft).await {
                ended.push((Err(error), first.clone()));
            }
        }
        // Where nothing came to a decision there is nothing to say, but what somebody did.
        if ended.iter().all(|(step, _)| step.is_err()) && work.messages.is_empty() && !work.draft.is_wrong() {
            return ended;
        }
        if let Err(error) = self.conclude_work(work).await {
            ended.push((Err(error), first.clone()));
        }
        ended
    }

    /// Writes what became of a workload, then stores the messages.
    async fn conclude_work(&self, work: Work) -> Result<(), StepError> {
        let Work { draft, messages, trace } = work;
        let before = Arc::clone(&draft.workload);
        let wrote = draft.writes();
        match self.commit(draft).await {
            Ok(_) => self.put(messages, &trace).await,
            Err(StepError::Cluster(ClusterError::Rejected { rejection, .. }))
                if !wrote.is_empty() && rejection.is_final() =>
            {
                self.refused(before, &wrote, &rejection.sentence, &trace).await
            }
            Err(error) => Err(error),
        }
    }

    /// What is to be done for one container, beside what is put on the draft at once.
    async fn container(&self, work: &mut Work, target: &Target, tags: Option<Listed>) -> Result<Looked, StepError> {
        if self.settings(target).is_ok_and(|settings| settings.mode == Mode::Disabled) {
            return self.disabled(work, target).await;
        }
        self.observe(work, target).await;
        let slow = match self.follow(work, target).await? {
            Goes::Under(again) => return Ok(Looked::again(Some(again))),
            Goes::On => None,
            Goes::Slow(words, again) => {
                self.slow(work, target, &words);
                Some((words, again))
            }
        };
        let (words, again) = slow.unzip();
        let looked = self.decide(work, target, tags, words).await?;
        Ok(Looked { again: earliest(looked.again, again), ..looked })
    }

    /// Takes over which mode a container has now.
    fn has_mode(&self, work: &mut Work, container: &str, mode: Mode) {
        let recorded = work.ledger(container).and_then(Ledger::mode);
        let before = if work.draft.was_disabled { Some(Mode::Disabled) } else { recorded };
        let is_wider = mode == Mode::AutoUpdate && before.is_some_and(|before| before != Mode::AutoUpdate);
        let event = if is_wider && work.draft.went_back() { Err(mode) } else { Ok(mode) };
        work.draft.on(container, Event::Mode(event), self.0.ambient.now());
    }

    /// A container that is left alone; but an update that is under way is followed to its end.
    async fn disabled(&self, work: &mut Work, target: &Target) -> Result<Looked, StepError> {
        self.count("ignored", "disabled");
        let goes = self.follow(work, target).await?;
        work.draft.say(&target.container, None);
        Ok(Looked::again(match goes {
            Goes::Under(again) | Goes::Slow(_, again) => Some(again),
            Goes::On => None,
        }))
    }

    /// Decides where no update is in the way; `slow` is what is said of a rollout that stands still.
    async fn decide(
        &self,
        work: &mut Work,
        target: &Target,
        tags: Option<Listed>,
        slow: Option<String>,
    ) -> Result<Looked, StepError> {
        let settings = match self.settings(target) {
            Ok(settings) => settings,
            Err(problems) => {
                self.misunderstood(work, target, &problems);
                return Ok(Looked::default());
            }
        };
        self.has_mode(work, &target.container, settings.mode);
        let nothing = Ledger::default();
        let settings = settings.knowing(&work.ledger(&target.container).unwrap_or(&nothing).known_since);
        let judged = match self.judge(target, work.ledger(&target.container), &settings, tags).await {
            Ok(judged) => judged,
            Err(StepError::Registry(error)) if !error.is_retryable() => {
                self.count("undecided", error.reason());
                self.mark(work, target, &error.told_to(target.credential()?), announcement_of(&error));
                return Ok(Looked::default());
            }
            Err(error) => {
                self.count("undecided", undecided(&error));
                return Err(error);
            }
        };
        Ok(self.judged(work, target, settings, judged, slow))
    }

    /// Puts on the draft what a decision comes to, but for an update.
    fn judged(
        &self,
        work: &mut Work,
        target: &Target,
        settings: Settings,
        Judged { choice, known, due, first }: Judged,
        slow: Option<String>,
    ) -> Looked {
        let (container, now) = (target.container.as_str(), self.0.ambient.now());
        if let Some(known) = known {
            work.draft.on(container, Event::Candidates(known), now);
        }
        if let Some(digest) = first {
            work.draft.on(container, Event::Baseline(digest), now);
            work.draft.guard(container);
        }
        let Choice::Undecided(reason) = &choice else {
            self.flawed(work, target, slow);
            return match choice {
                Choice::To(chosen) => self.allowed(work, target, settings, *chosen, due),
                Choice::NotBefore(until) => {
                    self.rest(work, target);
                    Looked::again(earliest(due, Some(until)))
                }
                Choice::Nothing | Choice::Undecided(_) => {
                    self.rest(work, target);
                    Looked::again(due)
                }
            };
        };
        Looked::again(earliest(due, Some(self.doubtful(work, target, reason))))
    }

    /// An update that the policy allows, unless what is known speaks against it.
    fn allowed(
        &self,
        work: &mut Work,
        target: &Target,
        mut settings: Settings,
        chosen: Chosen,
        due: Option<DateTime<Utc>>,
    ) -> Looked {
        let (container, now) = (target.container.as_str(), self.0.ambient.now());
        let nothing = Ledger::default();
        let ledger = work.ledger(container).unwrap_or(&nothing);
        if ledger.holds(&chosen.to, &chosen.digest).is_some() {
            self.count("waiting", "held");
            self.rest(work, target);
            return Looked::again(due);
        }
        if let Some(refused) = ledger.refuses(&chosen.to, &chosen.digest, now) {
            self.count("waiting", "refused");
            return Looked::again(earliest(due, Some(refused.again)));
        }
        if settings.mode == Mode::AutoUpdate && ledger.asks_only().is_some() {
            settings.mode = Mode::Notification;
        }
        let to_do = ToDo { target: target.clone(), settings, chosen };
        Looked { again: due, to_do: Some(Box::new(to_do)) }
    }

    /// Applies what was chosen for these containers, which run the same image, or asks.
    async fn act(&self, work: &mut Work, together: &[ToDo]) -> Step {
        let Some(first) = together.first() else { return Ok(None) };
        let ToDo { target, settings, chosen } = first;
        let with: Vec<Box<str>> = together.iter().skip(1).map(|it| it.target.container.as_str().into()).collect();
        if settings.mode != Mode::AutoUpdate {
            return self.propose(work, target, settings, chosen, with).await;
        }
        if target.workload.paused {
            self.paused(work, target, &chosen.to);
            return Ok(None);
        }
        self.count("applied", chosen.level.as_str());
        tracing::info!(workload = %target.workload.id, container = target.container, to = %chosen.to, why = chosen.why, "the policy allows an update");
        self.apply(work, target, chosen, with, super::apply::Decided::ByPolicy);
        Ok(Some(self.0.ambient.now() + super::rollout::LOOK_AGAIN))
    }

    /// Decides, and writes nothing.
    pub(super) async fn judge(
        &self,
        target: &Target,
        ledger: Option<&Ledger>,
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
            Track::Digest => self.moved(ledger, &source, settings, from, running).await,
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

    /// The running tag again, when it points to another manifest than the one that runs.
    ///
    /// What an image without digest runs is taken to be what its tag pointed to when it was first looked at.
    async fn moved(
        &self,
        ledger: Option<&Ledger>,
        source: &Source<'_, R>,
        settings: &Settings,
        from: ImageReference,
        running: Tag,
    ) -> Result<Judged, Undecided> {
        let known = ledger.map_or_else(|| from.digest().cloned(), |ledger| ledger.digest_of(&from));
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
                Judged { first: Some(digest), ..Judged::of(Choice::Nothing) }
            }
            assess::Followed::Same => {
                self.count("up_to_date", "same_digest");
                Judged::of(Choice::Nothing)
            }
        })
    }

    pub(super) fn source<'s>(&'s self, target: &'s Target) -> Result<Source<'s, R>, StepError> {
        let credential = target.credential()?;
        Ok(Source { registry: &*self.0.registry, repository: &target.repository, credential })
    }

    pub(super) async fn digest(&self, target: &Target, tag: &Tag) -> Result<Option<Digest>, StepError> {
        let asked = self.source(target)?.digest(tag).await;
        asked.map_err(|error| StepError::Registry(Arc::new(error)))
    }

    /// Nothing to do: an open question is closed.
    fn rest(&self, work: &mut Work, target: &Target) {
        work.draft.on(&target.container, Event::NothingToAsk, self.0.ambient.now());
        self.repeat_skip(work, target);
    }
}

/// Those that run the same image and go to the same one, in one question and one write.
fn together(all: Vec<ToDo>) -> Vec<Vec<ToDo>> {
    let mut groups: Vec<Vec<ToDo>> = Vec::new();
    for one in all {
        let is_the_same = |other: &&mut Vec<ToDo>| other.first().is_some_and(|other| other.goes_with(&one));
        match groups.iter_mut().find(is_the_same) {
            Some(group) => group.push(one),
            None => groups.push(vec![one]),
        }
    }
    groups
}

/// A choice, and what the next decision has to know.
pub(super) struct Judged {
    pub(super) choice: Choice,
    /// Since when versions that wait are known, where a list was decided on.
    known: Option<KnownSince>,
    /// When to look again: when the first of them has waited, or a tag may have got its manifest.
    pub(super) due: Option<DateTime<Utc>>,
    /// What a followed tag points to at the first look at it.
    first: Option<Digest>,
}

impl Judged {
    fn of(choice: Choice) -> Self {
        Self { choice, known: None, due: None, first: None }
    }
}

/// The Event about a failure of the registry that stays until somebody mends it.
fn announcement_of(error: &RegistryError) -> fn(String) -> Announcement {
    match error {
        RegistryError::TooManyTags { .. } => Announcement::InvalidSetting,
        RegistryError::Unauthorized { .. } => Announcement::RegistryUnauthorized,
        _ => Announcement::RepositoryUnknown,
    }
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
