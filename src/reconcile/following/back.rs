//! Going back: an update whose rollout failed is undone, to the exact image that ran before it, and a person may ask for the
//! same of any update.
//!
//! It is done once: what goes back is an update like any other, is followed to its end, and is never undone by itself. The
//! version that is left is held on this workload.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::DateTime;
use sha2::{Digest as _, Sha256};

use crate::cluster::{Cluster, WorkloadEvent};
use crate::domain::approval::{Allows, ApprovalId, LIFETIME, Terms};
use crate::domain::declared::{Declared, Kinds};
use crate::domain::event::{Failure, WayBack};
use crate::domain::group::Plan;
use crate::domain::history::{Choice, Outcome};
use crate::domain::preflight::Preflight;
use crate::domain::record::{Event, Question, Standstill, Undone, Update};
use crate::domain::reference::{Digest, ImageReference, Tag};
use crate::domain::settings::Settings;
use crate::queue::{Queue, Records};
use crate::reconcile::draft::{Chosen, Image, Work, image_of};
use crate::reconcile::report;
use crate::reconcile::writing::apply::{Decided, stalled};
use crate::reconcile::{Reconciler, StepError, Target};
use crate::registry::Registry;

/// One container's way back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Return {
    container: String,
    /// What runs, and as it is written.
    runs: ImageReference,
    written: String,
    /// The update that wrote it.
    undoes: Update,
    /// What it goes back to, and how that was written.
    tag: Tag,
    digest: Digest,
    before: String,
    /// The same text, where it means the same still.
    text: Option<String>,
}

impl Return {
    /// That of a container which still runs what an update of ours wrote, and as it was written: the same version without its
    /// digest is another hand's, unless admission left it out, as nobody else has written the pod template since. `None` where
    /// what ran before is not known exactly.
    fn of(work: &Work, container: &str) -> Option<Self> {
        let update = work.ledger(container)?.update.as_ref()?;
        if !update.runs_on(&work.draft.workload, container) {
            return None;
        }
        let (_, found) = work.draft.workload.container(container)?;
        let (runs, written) = (found.reference()?, found.image.to_string());
        // What another hand put back is theirs as it stands, and known by what its tag pointed to then.
        let is_its = match runs.digest() {
            Some(digest) => *digest == update.digest,
            None => update.failed_before.is_some() || update.is_alone_on(&work.draft.workload),
        };
        if !is_its {
            return None;
        }
        let (tag, digest) = (update.from_tag()?, update.ran_before()?);
        let (container, undoes, before) = (container.to_owned(), update.clone(), update.from.clone());
        Some(Self { container, runs, written, undoes, tag, digest, before, text: None })
    }

    /// Whether somebody chose where to, and not what ran before.
    fn is_chosen(&self) -> bool {
        self.undoes.was_written(&self.tag, &self.digest).is_none()
    }

    /// The same to a version that a person chose, as it was written where it is what ran before.
    fn to(self, to: &Choice) -> Self {
        let Choice { version, digest } = to.clone();
        let before = self.undoes.was_written(&version, &digest).unwrap_or_default().to_owned();
        Self { tag: version, digest, before, ..self }
    }

    /// The same to what ran well last, where what ran before never did.
    fn past_what_never_ran(self) -> Option<Self> {
        let (image, tag, digest) = self.undoes.goes_back_to()?;
        let before = image.to_owned();
        Some(Self { tag, digest, before, ..self })
    }
}

/// What the registry is waited for before a way back is written without it.
const PATIENCE: Duration = Duration::from_secs(2);

/// Why an update is undone.
#[derive(Clone, Copy)]
pub(crate) struct Cause<'c> {
    /// What failed; nothing where a person wants it.
    pub(crate) failure: Option<&'c Failure>,
    /// Who or what decided that.
    pub(crate) decided: Decided<'c>,
}

/// What becomes of an update that failed, or whose group goes back.
pub(crate) enum Left {
    /// It is undone so.
    Undone(WayBack, Vec<Return>),
    /// Nothing is done by itself.
    Stays(WayBack),
    /// The same, as the API server says this against it.
    Refused(String),
}

impl<Q: Queue + Records, R: Registry, C: Cluster> Reconciler<Q, R, C> {
    /// How an update can be undone: with all containers that were written with it, or not at all.
    pub(crate) fn way_back(work: &Work, container: &str, update: &Update) -> Option<Vec<Return>> {
        let all = [container].into_iter().chain(update.with.iter().map(|name| &**name));
        let returns = all.map(|container| Return::of(work, container));
        returns.map(|one| one.filter(|one| one.undoes.is_written_with(update))).collect()
    }

    /// The same to a version that a person chose.
    pub(crate) fn way_to(work: &Work, container: &str, update: &Update, to: &Choice) -> Option<Vec<Return>> {
        let way = Self::way_back(work, container, update)?;
        Some(way.into_iter().map(|one| one.to(to)).collect())
    }

    /// What becomes of an update whose rollout failed, and how.
    pub(crate) async fn after_failure(
        &self,
        work: &Work,
        target: &Target,
        update: &Update,
        failure: &Failure,
        was_before: bool,
    ) -> Result<Left, StepError> {
        if was_before && update.undoes.is_none() {
            return Ok(Left::Stays(WayBack::Before));
        }
        let cause = Cause { failure: Some(failure), decided: Decided::ByPolicy };
        self.way_of(work, target, update, cause).await
    }

    /// How an update goes back, alone or with its group, or why it does not: judged by the registry and the API server, before
    /// anybody is told.
    pub(crate) async fn way_of(
        &self,
        work: &Work,
        target: &Target,
        update: &Update,
        cause: Cause<'_>,
    ) -> Result<Left, StepError> {
        let left = match cause.failure {
            Some(_) => Self::is_left(update, self.settings(target).ok().as_ref()),
            // What a person wants of its group is done, whatever would not be done without one.
            None => WayBack::Unknown,
        };
        // Nothing is done to a container that is to be left alone, whoever wants it of those that go with it.
        let mut all = update.with.iter().map(|name| &**name).chain([&*target.container]);
        let left = match left {
            WayBack::Unknown if !all.all(|name| self.may_act(&target.workload, name)) => WayBack::Off,
            left => left,
        };
        let way = Self::way_back(work, &target.container, update).filter(|_| left == WayBack::Unknown);
        let way: Option<Vec<Return>> = way.and_then(|way| way.into_iter().map(Return::past_what_never_ran).collect());
        let Some(way) = way else { return Ok(Left::Stays(left)) };
        let mut way = self.as_written(target, way).await;
        if self.is_gone(target, &way).await {
            return Ok(Left::Stays(WayBack::Gone));
        }
        let mut refused = self.rehearsed_way(work, target, &way, cause).await?;
        if refused.is_some() && way.iter().any(|one| one.text.is_some()) {
            // Policies may want a digest.
            for one in &mut way {
                one.text = None;
            }
            refused = self.rehearsed_way(work, target, &way, cause).await?;
        }
        if let Some(said) = refused {
            return Ok(Left::Refused(said));
        }
        let is_further = update.ran_well.is_some();
        Ok(Left::Undone(if is_further { WayBack::Further } else { WayBack::Goes }, way))
    }

    /// Whether the registry says that what it goes back to is not there.
    async fn is_gone(&self, target: &Target, way: &[Return]) -> bool {
        let Ok(source) = self.source(target) else { return false };
        for one in way.iter().filter(|one| one.text.is_none()) {
            let there = source.registry.has(source.repository, &one.digest, source.credential);
            if let Ok(Ok(false)) = tokio::time::timeout(PATIENCE, there).await {
                return true;
            }
        }
        false
    }

    /// What the API server would say against the way back, if it refused it.
    async fn rehearsed_way(
        &self,
        work: &Work,
        target: &Target,
        way: &[Return],
        Cause { failure, decided }: Cause<'_>,
    ) -> Result<Option<String>, StepError> {
        // Where our record is refused as well, the way can't be gone all the same.
        let judged = self.rehearsed_as_it_is(work, |trial| self.go_back(trial, target, way, failure, decided));
        Ok(judged.await?.err())
    }

    /// The same ways, each to the text that was there before where its tag still points to what ran: then the pods of before,
    /// which often run still, are the ones that are wanted, and none has to be made anew.
    pub(crate) async fn as_written(&self, target: &Target, mut way: Vec<Return>) -> Vec<Return> {
        for one in &mut way {
            // What admission pulls from elsewhere by now is written as it is pulled there, by digest.
            let is_as_it_was =
                |from: ImageReference| from.digest().is_none() && from.repository() == one.runs.repository();
            let is_unpinned = ImageReference::parse(&one.before).is_ok_and(is_as_it_was);
            if !is_unpinned || one.tag == one.undoes.tag {
                continue;
            }
            let now = tokio::time::timeout(PATIENCE, self.digest(target, &one.tag)).await;
            if now.is_ok_and(|now| now.is_ok_and(|now| now.as_ref() == Some(&one.digest))) {
                one.text = Some(one.before.clone());
            }
        }
        way
    }

    /// Why an update whose rollout failed is not undone, where it is not.
    pub(crate) fn is_left(update: &Update, settings: Option<&Settings>) -> WayBack {
        match update.undoes {
            Some(_) => WayBack::Failed,
            None if update.failed_before.is_some() => WayBack::PutBack,
            None if update.declares.migration => WayBack::Migration,
            None if update.declares.unread => WayBack::Unread,
            None if Self::goes_back_by_itself(update.group.as_deref(), settings) => WayBack::Unknown,
            None => WayBack::Off,
        }
    }

    /// Whether what failed is undone without a person's word, by its settings. A group goes back as was agreed on for all of
    /// it; but nothing is done to whom is to be left alone by now, or whose settings are not understood.
    pub(crate) fn goes_back_by_itself(plan: Option<&Plan>, settings: Option<&Settings>) -> bool {
        let settings = settings.filter(|settings| !settings.is_disabled());
        settings.is_some_and(|settings| plan.map_or_else(|| settings.goes_back(), |plan| plan.goes_back))
    }

    /// Puts on the draft that what ran before is written again. `failure` is why, where a rollout failed.
    pub(crate) fn go_back(
        &self,
        work: &mut Work,
        target: &Target,
        way: &[Return],
        failure: Option<&Failure>,
        decided: Decided<'_>,
    ) {
        self.stands_until_now(work);
        let now = self.0.ambient.now();
        if let Some(first) = way.iter().find(|one| one.container == target.container) {
            let step = (first.undoes.tag.as_str(), first.tag.as_str());
            work.draft.because_back(&target.container, step, &decided.by(), first.is_chosen());
        }
        let others = || way.iter().map(|one| one.container.as_str()).filter(|name| *name != target.container);
        for one in way {
            let is_first = one.container == target.container;
            let chosen = Chosen {
                from: one.runs.clone(),
                from_digest: None,
                to: one.tag.clone(),
                digest: one.digest.clone(),
                level: one.undoes.level,
                why: None,
                declared: Declared::default(),
                preflight: Preflight::default(),
                because: None,
                group: None,
            };
            let update = Update {
                tag: one.tag.clone(),
                digest: one.digest.clone(),
                from: one.written.clone(),
                from_digest: one.runs.digest().is_none().then(|| one.undoes.digest.clone()),
                level: one.undoes.level,
                at: now,
                by: decided.by(),
                outcome: Outcome::RollingOut,
                ended: None,
                failure: None,
                left: None,
                question: decided.terms().filter(|_| is_first).cloned(),
                with: if is_first { others().map(Box::from).collect() } else { Vec::new() },
                told_by: (!is_first).then(|| target.container.as_str().into()),
                declares: Kinds::default(),
                standstill: Standstill::default(),
                stalled_before: stalled(&target.workload),
                template_before: target.workload.template_by_others,
                template: None,
                undoes: Some(Box::new(Undone::of(&one.undoes, &one.tag, failure.map(Failure::kept), now))),
                told_elsewhere: matches!(decided, Decided::WithGroup(_)),
                group: one.undoes.group.clone(),
                ran_well: None,
                stood: false,
                failed_before: None,
            };
            let by = is_first.then(|| update.by.clone());
            let image = Image {
                text: one.text.clone(),
                goes_back: true,
                ..Image::of(&chosen, by.as_ref(), &target.repository)
            };
            work.draft.image(&one.container, image);
            work.draft.on(&one.container, Event::Write(Box::new(update)), now);
        }
        if let Some(first) = way.iter().find(|one| one.container == target.container) {
            let why = failure.map_or_else(|| format!("by {}", decided.by()), |failure| failure.reason.clone());
            let (container, from, to) = (&first.container, &first.undoes.tag, &first.tag);
            let note = format!("{container}: {from} → {to} ({why})");
            // Where nothing failed, a person wants it.
            let is_asked = failure.is_none();
            work.draft.announce(if is_asked { WorkloadEvent::WentBack(note) } else { WorkloadEvent::RolledBack(note) });
            work.draft.report(container, report::Outcome::GoesBack { from: from.clone(), to: to.clone(), why });
        }
    }

    /// What people may answer to the end of an update: to go back, where it is known to what; or, where it went back, to apply
    /// again what was left.
    pub(crate) fn about_end(&self, work: &Work, target: &Target, update: &Update) -> Option<Question> {
        let now = self.0.ambient.now();
        if update.told_elsewhere && update.outcome != Outcome::Failed {
            return None;
        }
        // What people are asked already is not to be asked anew after this: of what another hand put back, what it was put in the
        // place of is held.
        let is_asked = |question: &Question| match question.terms.allows {
            Allows::Update => true,
            Allows::Held => update.undoes.is_none(),
            Allows::Back => false,
        };
        if work.ledger(&target.container)?.open(now).is_some_and(is_asked) {
            return None;
        }
        let terms = if let Some(undone) = update.undoes.as_deref() {
            // Somebody may have let it go while the way back was settling: then people are asked as usual.
            work.ledger(&target.container)?.holds(&undone.tag, &undone.digest)?;
            self.own_terms(target, update, (&undone.tag, &undone.digest), Allows::Held)
        } else {
            let way = Self::way_back(work, &target.container, update)?;
            let first = way.iter().find(|one| one.container == target.container)?;
            self.own_terms(target, update, (&first.tag, &first.digest), Allows::Back)
        };
        let goes_back = update.undoes.is_none();
        // Who goes back has to know what of it may not be read any more.
        let declares = if goes_back { update.declares } else { Kinds::default() };
        let group = update.group.clone();
        let question =
            Question { with: update.with.clone(), declares, group, ..Question::new(terms, update.level, now) };
        question.is_open(now).then_some(question)
    }

    /// Terms that are the same whenever they are made for this update: its end is told before it is written, and is told
    /// again after a crash between, so that the link in the first message has to be that of the second.
    fn own_terms(&self, target: &Target, update: &Update, (tag, digest): (&Tag, &Digest), allows: Allows) -> Terms {
        let id = &target.workload.id;
        let mut hash = Sha256::new();
        for field in [&*id.uid, target.container.as_str(), tag.as_str(), digest.as_str(), &allows.words().join(",")] {
            hash.update(field.len().to_le_bytes());
            hash.update(field);
        }
        let hash: [u8; 32] = hash.finalize().into();
        // As the record keeps it.
        let at = DateTime::from_timestamp(update.at.timestamp(), 0).unwrap_or(update.at);
        Terms {
            id: ApprovalId::mint(at, hash.first_chunk().copied().unwrap_or_default()),
            key: self.0.keys.signing().id().clone(),
            expires: at + LIFETIME,
            nonce: URL_SAFE_NO_PAD.encode(hash.last_chunk::<16>().copied().unwrap_or_default()),
            from: image_of(target),
            from_digest: Some(update.digest.clone()),
            tag: tag.clone(),
            digest: digest.clone(),
            allows,
            group: update.group.as_ref().map(|plan| plan.binding()),
        }
    }
}
