//! What the policy says of one container: its tags or its digest are read, nothing is written.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;

use crate::assess::{self, Candidate, Forges, Place, Rehearse, Source, Undecided};
use crate::cluster::Cluster;
use crate::domain::declared::Declared;
use crate::domain::grounds::Grounds;
use crate::domain::policy::{Decision, KnownSince, Outcome, Policy, Track, names_one_release};
use crate::domain::preflight::Unfit;
use crate::domain::record::Ledger;
use crate::domain::reference::{Digest, ImageReference, Tag};
use crate::domain::settings::{Problems, Settings};
use crate::domain::tag::Level;
use crate::domain::view::{CameTo, NoGround};
use crate::domain::workload::Workload;
use crate::queue::{Queue, Records};
use crate::reconcile::draft::Chosen;
use crate::reconcile::looked::End;
use crate::reconcile::{Listed, Reconciler, StepError, Target};
use crate::registry::{Registry, Tags};
use crate::telemetry::chain;

/// What a look at the registry came to.
pub(crate) enum Choice {
    /// There is nothing to go to.
    Nothing,
    /// There is, but not before this time.
    NotBefore { until: DateTime<Utc>, tag: Tag, digest: Option<Digest>, level: Level },
    /// Go there.
    To(Box<Chosen>),
    /// What the registry says is no ground to decide on.
    Undecided(Undecided),
}

/// A choice, and what the next decision has to know.
pub(crate) struct Judged {
    pub(crate) choice: Choice,
    /// Since when what waits is known: versions of a list, or what a followed tag points to.
    pub(crate) known: Option<KnownSince>,
    /// When to look again: when the first of them has waited, or a tag may have got its manifest.
    pub(crate) due: Option<DateTime<Utc>>,
    /// What a followed tag points to at the first look at it.
    pub(crate) first: Option<Digest>,
    /// Higher versions that are passed over, as they would not start or may not be written.
    pub(crate) unfit: Vec<Unfit>,
    /// Whether the registry may say something else in a moment.
    pub(crate) is_unsure: bool,
    /// Whether what people are asked about is gone from the list.
    pub(crate) is_withdrawn: bool,
}

impl Judged {
    fn of(choice: Choice) -> Self {
        Self { choice, known: None, due: None, first: None, unfit: Vec::new(), is_unsure: false, is_withdrawn: false }
    }
}

impl<Q: Queue + Records, R: Registry, C: Cluster> Reconciler<Q, R, C> {
    /// The running tag and the policy, where this container is decided by a list of tags.
    pub(crate) fn compares(&self, target: &Target) -> Option<(Tag, Policy)> {
        let settings = self.settings(target).ok()?;
        let running = running_tag(&target.workload, &target.container)?;
        let compares = !settings.is_disabled() && settings.track == Track::Version;
        compares.then_some((running, settings.policy))
    }

    /// Whether anything may be done about this container: what is to be done is understood, and is not to leave it alone.
    pub(crate) fn may_act(&self, workload: &Workload, container: &str) -> bool {
        Settings::read(workload, container, &self.0.bounds).is_ok_and(|settings| !settings.is_disabled())
    }

    /// Whether it is to be left alone. What is not understood is not, as people are to hear of that.
    pub(crate) fn is_disabled(&self, target: &Target) -> bool {
        self.settings(target).is_ok_and(|settings| settings.is_disabled())
    }

    pub(crate) fn settings(&self, target: &Target) -> Result<Settings, Problems> {
        Settings::read(&target.workload, &target.container, &self.0.bounds)
    }

    /// Decides, and writes nothing but what it came to.
    pub(crate) async fn judge(
        &self,
        target: &Target,
        ledger: &Ledger,
        settings: &Settings,
        (tags, rehearse): (Option<Listed>, Option<&Rehearse<'_>>),
    ) -> Result<Judged, StepError> {
        let judged = self.judged_now(target, ledger, settings, (tags, rehearse)).await;
        if let Some(end) = end(&judged) {
            self.looked_at(target, end);
        }
        judged
    }

    async fn judged_now(
        &self,
        target: &Target,
        ledger: &Ledger,
        settings: &Settings,
        (tags, rehearse): (Option<Listed>, Option<&Rehearse<'_>>),
    ) -> Result<Judged, StepError> {
        let Some(from) = target.workload.container(&target.container).and_then(|(_, found)| found.reference()) else {
            return Ok(Judged::of(Choice::Nothing));
        };
        let Some(running) = from.running_tag() else {
            self.count("ignored", "no_tag");
            return Ok(Judged::of(Choice::Nothing));
        };
        let known = ledger.digest_that_runs(&from);
        let beside = (known.is_none() && settings.track == Track::Version).then(|| running.clone());
        let waited = |tag: &Tag| ledger.was_asked_about(tag) || self.1.unreleased.has(&target.repository, tag);
        let platforms = || -> BoxFuture<'_, _> { Box::pin(self.0.cluster.platforms()) };
        let container = (&*target.workload, target.container.as_str());
        let place = Place::of(container, &from, ledger, settings.mode, &platforms);
        let ahead = |tag: &Tag, digest: &Digest| -> BoxFuture<'_, _> {
            rehearse.map_or_else(|| Box::pin(std::future::ready(None)) as BoxFuture<'_, _>, |ask| ask(tag, digest))
        };
        let place = place.map(|place| Place { rehearse: rehearse.is_some().then_some(&ahead as _), ..place });
        let source = Source { beside, place, ..self.source(target)? };
        let source = source.asking(self.forges(settings, &waited));
        let judged = match settings.track {
            Track::Digest => self.moved(ledger, &source, settings, from.clone(), running).await,
            Track::Version => {
                let tags = tags.ok_or(StepError::Changed)?.map_err(StepError::Registry)?;
                self.newer(target, ledger, &source, settings, (&from, &running), &tags).await
            }
        };
        match judged {
            Ok(judged) => Ok(with_what_runs(judged, &source, known.filter(|_| from.digest().is_none())).await),
            Err(Undecided::Registry(error)) => Err(StepError::Registry(Arc::new(error))),
            Err(Undecided::Unlisted) => Err(StepError::Changed),
            Err(Undecided::Unfit(unfit)) => {
                self.count("up_to_date", "unfit");
                let due = self.absent(&source, passing(&unfit));
                Ok(Judged { due, unfit, ..Judged::of(Choice::Nothing) })
            }
            Err(reason) => {
                let due = self.absent(&source, reason.absent());
                Ok(Judged { due, is_unsure: true, ..Judged::of(Choice::Undecided(reason)) })
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
        ledger: &Ledger,
        source: &Source<'_, R>,
        settings: &Settings,
        (from, running): (&ImageReference, &Tag),
        tags: &Tags,
    ) -> Result<Judged, Undecided> {
        let now = self.0.ambient.now();
        let asked = ledger.open(now).map(|question| question.terms.tag.as_str());
        let doubt = || self.shrunk(target, ledger, running, &settings.policy, tags);
        let conclude = |decision: &Decision<'_>, policy: &Policy, found: Option<Candidate>| {
            let known = policy
                .cooldown
                .as_ref()
                .map(|cooldown| decision.known_since(cooldown.known(), now).answered_at(now, self.0.ambient.now()));
            if let (Outcome::Update { to, .. }, Some(_)) = (decision.outcome(), &found) {
                self.1.absent.found((source.repository, source.credential.scope(), to));
            }
            self.1.unreleased.learn(source.repository, &policy.unreleased, decision.chosen().as_ref());
            let due = policy.cooldown.as_ref().and_then(|_| decision.first_due());
            let absent = policy.missing.iter().map(String::as_str).chain(passing(&policy.unfit));
            let absent = self.absent(source, absent);
            Judged {
                choice: self.conclude(from, decision, policy, found),
                known: Some(known.unwrap_or_default()),
                due: earliest(due, absent),
                first: None,
                unfit: policy.unfit.clone(),
                is_unsure: absent.is_some(),
                is_withdrawn: asked.is_some_and(|tag| {
                    tags.wants(tag) && !tags.has(tag)
                        || policy.missing.iter().any(|missing| missing == tag)
                        || policy.unreleased.iter().any(|(unreleased, _)| unreleased == tag)
                }),
            }
        };
        let known = ledger.digest_of(from);
        self.expects_list(target, ledger, running, &settings.policy).await;
        let judged = assess::version(source, running.as_str(), tags, &settings.policy, now, doubt, conclude).await;
        self.keeps_list(target, running, &settings.policy).await;
        match judged {
            Ok(judged) => {
                self.1.absent.found((source.repository, source.credential.scope(), running.as_str()));
                Ok(judged)
            }
            Err(reason) => {
                let runs = (running, known.as_ref());
                Err(assess::gone::confirmed(reason, source, runs, (tags, &settings.policy), now).await)
            }
        }
    }

    /// What a decision on versions means for this container.
    fn conclude(
        &self,
        from: &ImageReference,
        decision: &Decision<'_>,
        policy: &Policy,
        found: Option<Candidate>,
    ) -> Choice {
        match (decision.outcome(), found) {
            (Outcome::Update { to, level }, Some(Candidate { digest, preflight })) => {
                match (Tag::parse(to), Grounds::of(decision, policy)) {
                    (Ok(to), Some(why)) => Choice::To(Box::new(Chosen {
                        from: from.clone(),
                        from_digest: None,
                        to,
                        digest,
                        level,
                        why: Some(why),
                        declared: Declared::default(),
                        preflight,
                        because: None,
                        group: None,
                    })),
                    _ => Choice::Nothing,
                }
            }
            (Outcome::Cooling { to, level, until, .. }, _) => {
                self.count("waiting", "cooldown");
                Tag::parse(to).map_or(Choice::Nothing, |tag| Choice::NotBefore { until, tag, digest: None, level })
            }
            (Outcome::NoVersion(verdict), _) => {
                if let Some(unmatched) = verdict.unmatched() {
                    return Choice::Undecided(Undecided::Unmatched(unmatched));
                }
                self.count("ignored", verdict.word());
                Choice::Nothing
            }
            (Outcome::UpToDate | Outcome::NoTags | Outcome::Update { .. }, _) => {
                self.count("up_to_date", decision.held_back().map_or("nothing_newer", |held| held.verdict.word()));
                Choice::Nothing
            }
        }
    }

    /// The running tag again, when it points to another manifest than the one that runs.
    ///
    /// What an image without digest runs is taken to be what its tag pointed to when it was first looked at.
    async fn moved(
        &self,
        ledger: &Ledger,
        source: &Source<'_, R>,
        settings: &Settings,
        from: ImageReference,
        running: Tag,
    ) -> Result<Judged, Undecided> {
        let known = ledger.digest_of(&from);
        let now = self.0.ambient.now();
        let (followed, since) = assess::digest(source, &running, known.as_ref(), &settings.policy, now).await?;
        self.1.absent.found((source.repository, source.credential.scope(), running.as_str()));
        let judged = match followed {
            assess::Followed::Cooling(digest, until) => {
                self.count("waiting", "cooldown");
                let (digest, level) = (Some(digest), Level::Digest);
                Judged::of(Choice::NotBefore { until, tag: running, digest, level })
            }
            assess::Followed::To(candidate) => {
                let why = Some(Grounds::Moved { release: names_one_release(running.as_str()) });
                let Candidate { digest, preflight } = *candidate;
                let (from_digest, level, declared) = (known, Level::Digest, Declared::default());
                let (because, group) = (None, None);
                let chosen =
                    Chosen { from, from_digest, to: running, digest, level, why, declared, preflight, because, group };
                Judged::of(Choice::To(Box::new(chosen)))
            }
            assess::Followed::Unfit(unfit) => {
                self.count("up_to_date", "unfit");
                let unfit = vec![*unfit];
                let due = self.absent(source, passing(&unfit));
                Judged { due, unfit, ..Judged::of(Choice::Nothing) }
            }
            assess::Followed::Skipped(_) => {
                self.count("up_to_date", "skipped");
                Judged::of(Choice::Nothing)
            }
            // What somebody set back is not what runs.
            assess::Followed::First(digest) => {
                self.count("up_to_date", "same_digest");
                let first = Some(digest).filter(|digest| ledger.holds(&running, digest).is_none());
                Judged { first, ..Judged::of(Choice::Nothing) }
            }
            assess::Followed::Same => {
                self.count("up_to_date", "same_digest");
                Judged::of(Choice::Nothing)
            }
        };
        let since = since.answered_at(now, self.0.ambient.now());
        Ok(Judged { known: Some(since), ..judged })
    }

    pub(crate) fn source<'s>(&'s self, target: &'s Target) -> Result<Source<'s, R>, StepError> {
        let credential = target.credential()?;
        let digests = target.digests.clone();
        let (registry, repository) = (&*self.0.registry, &target.repository);
        Ok(Source { digests, ..Source::new(registry, repository, credential) })
    }

    /// Where it is asked what became of the releases of versions that `waited`.
    pub(crate) fn forges<'f>(
        &'f self,
        settings: &'f Settings,
        waited: &'f (dyn Fn(&Tag) -> bool + Send + Sync),
    ) -> Forges<'f> {
        Forges { ask: &self.0.standing, waited, url: settings.release_url.as_ref() }
    }

    pub(crate) async fn digest(&self, target: &Target, tag: &Tag) -> Result<Option<Digest>, StepError> {
        let asked = self.source(target)?.digest(tag).await;
        asked.map_err(|error| StepError::Registry(Arc::new(error)))
    }
}

/// What a judgement comes to, for whoever looks at it.
fn end(judged: &Result<Judged, StepError>) -> Option<End> {
    Some(End::Answered(match judged {
        Ok(Judged { choice, .. }) => match choice {
            Choice::Nothing => CameTo::Nothing,
            Choice::NotBefore { until, tag, digest, level } => {
                CameTo::Cooling { tag: tag.clone(), digest: digest.clone(), level: *level, until: *until }
            }
            Choice::To(chosen) => {
                CameTo::To { tag: chosen.to.clone(), digest: chosen.digest.clone(), level: chosen.level }
            }
            Choice::Undecided(reason) => {
                let words = chain(reason).to_string();
                CameTo::Undecided(Box::new(NoGround { reason: reason.ungrounded(), words }))
            }
        },
        // It is looked at again at once.
        Err(StepError::Changed) => return None,
        Err(error) => return Some(End::of(error)),
    }))
}

impl End {
    /// What is tried again in a moment says nothing of what was known.
    pub(crate) fn of(error: &StepError) -> Self {
        let told = chain(error).to_string();
        match error {
            StepError::Registry(error) if !error.is_retryable() => {
                Self::Answered(CameTo::Undecided(Box::new(NoGround { reason: error.ungrounded(), words: told })))
            }
            _ => Self::Unanswered(told),
        }
    }
}

/// The same, with what the running tag stands for: as it is known, or as it was asked for beside the tag that was chosen.
/// Without it there would be no way back.
async fn with_what_runs<R: Registry>(mut judged: Judged, source: &Source<'_, R>, known: Option<Digest>) -> Judged {
    if let Choice::To(chosen) = &mut judged.choice
        && chosen.from_digest.is_none()
    {
        chosen.from_digest = match (known, &source.beside) {
            (None, Some(running)) => source.digest(running).await.ok().flatten(),
            // Not knowing it is no reason not to go on.
            (known, _) => known,
        };
    }
    judged
}

/// The tags of those that may be whole in a moment.
fn passing(unfit: &[Unfit]) -> impl Iterator<Item = &str> {
    unfit.iter().filter(|unfit| unfit.flaw.may_pass()).map(|unfit| unfit.tag.as_str())
}

pub(crate) fn earliest(one: Option<DateTime<Utc>>, another: Option<DateTime<Utc>>) -> Option<DateTime<Utc>> {
    match (one, another) {
        (Some(one), Some(another)) => Some(one.min(another)),
        (one, another) => one.or(another),
    }
}

/// The tag that a container runs.
pub(crate) fn running_tag(workload: &Workload, container: &str) -> Option<Tag> {
    workload.container(container)?.1.reference()?.running_tag()
}
