//! A link is opened, or answered. Opening reads; only an answer writes, and the workload itself is the lock.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;

use super::apply::Decided;
use super::brake::Resuming;
use super::draft::{Chosen, Draft, Work};
use super::notices::{of_question, of_update};
use super::propose::SNOOZE;
use super::{Reconciler, StepError, Target};
use crate::assess::{Place, Source, Unanswerable, question};
use crate::cluster::{Cluster, ClusterError, WorkloadEvent};
use crate::domain::actor::Actor;
use crate::domain::approval::{Allows, Approval, Token};
use crate::domain::declared::{Declared, Kinds};
use crate::domain::event::{Job, NoticeKind};
use crate::domain::fleet::Asks;
use crate::domain::grounds::Grounds;
use crate::domain::group::{Move, Plan};
use crate::domain::history::{Choice, Entry, Outcome, Ran};
use crate::domain::policy::{self, Mode, Policy};
use crate::domain::preflight::Preflight;
use crate::domain::record::{Closed, Event, Held, Known, Ledger, Question, Record, Stands, Update};
use crate::domain::reference::{ImageReference, Tag};
use crate::domain::refusal::Refusal;
use crate::domain::settings::{self, Settings};
use crate::domain::tag::Level;
use crate::domain::wording::moment;
use crate::domain::workload::Workload;
use crate::queue::{NewJob, Queue, Records, Urgency};
use crate::registry::{Registry, Tags};
use crate::telemetry::chain;
use crate::telemetry::metrics::ApprovalResult;

/// How often an answer is tried against a workload that is written to at the same time.
const ATTEMPTS: usize = 4;

/// How long the registry may take to answer whether a question would be asked still: a person waits.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a person can say to a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Yes.
    Approve,
    /// Yes, and now, whatever the window says.
    ApproveOutsideWindow,
    /// Not this version.
    Skip,
    /// Ask again later.
    Snooze,
    /// Go back to what ran before.
    Rollback,
    /// Apply what is held.
    Resume,
}

impl Action {
    /// Reads the form field; nothing is ever taken for «approve» but that word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "approve" => Some(Self::Approve),
            "skip" => Some(Self::Skip),
            "snooze" => Some(Self::Snooze),
            "rollback" => Some(Self::Rollback),
            "resume" => Some(Self::Resume),
            _ => None,
        }
    }

    /// The word in the form, in metrics and in the log.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::ApproveOutsideWindow => "approve_outside_window",
            Self::Skip => "skip",
            Self::Snooze => "snooze",
            Self::Rollback => "rollback",
            Self::Resume => "resume",
        }
    }
}

/// What a valid link is about, as the page shows it.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The workload as it is now.
    pub workload: Arc<Workload>,
    /// What was asked.
    pub approval: Approval,
    /// How far the update goes.
    pub level: Level,
    /// Why this version, where a policy chose it.
    pub why: Option<Grounds>,
    /// What the makers declare of the update, as far as it was asked.
    pub declares: Kinds,
    /// What happened to other workloads, where that is why people were asked first.
    pub because: Option<Box<Asks>>,
    /// What was looked at of it before people were asked.
    pub preflight: Option<Box<Preflight>>,
    /// When it was asked.
    pub asked: DateTime<Utc>,
    /// Other containers of the workload that go with it.
    pub with: Vec<Box<str>>,
    /// Where all of its group would go, where it is of one.
    pub group: Option<Box<Plan>>,
    /// What somebody set back, where this is about that.
    pub held: Option<Held>,
    /// What else can be gone back to, where this is about that.
    pub ran: Vec<Ran>,
    /// Until when nothing may be applied by itself, if it may not be now.
    pub window_opens: Option<DateTime<Utc>>,
    /// Where release notes are.
    pub release_url: Option<String>,
    /// Who holds this link: `channel:address`.
    pub holder: String,
}

impl Asked {
    /// The containers that it is about.
    fn containers(&self) -> impl Iterator<Item = &str> {
        [self.approval.container.as_str()].into_iter().chain(self.with.iter().map(|name| &**name))
    }

    /// The same for another member of its group.
    pub(super) fn of_member(&self, workload: Arc<Workload>, one: &Move) -> Self {
        let approval = Approval {
            workload: one.workload.clone(),
            container: one.container.to_string(),
            from_image: one.from.to_string(),
            from_digest: one.from_digest.clone(),
            to_tag: one.tag.clone(),
            to_digest: one.digest.clone(),
            ..self.approval.clone()
        };
        Self { workload, approval, with: one.with.clone(), level: one.level, ..self.clone() }
    }

    /// The same to another version, which a person chose.
    fn to(&self, to: &Choice) -> Self {
        let Choice { version: to_tag, digest: to_digest } = to.clone();
        Self { approval: Approval { to_tag, to_digest, ..self.approval.clone() }, ..self.clone() }
    }

    /// The same for another container that goes with it.
    fn of(&self, container: &str) -> Self {
        let mut one = self.clone();
        if let Some((_, found)) = self.workload.container(container) {
            one.approval.from_image = found.image.to_string();
        }
        container.clone_into(&mut one.approval.container);
        one
    }
}

/// The state of a link, or what an answer to it came to.
#[derive(Clone, Debug)]
pub enum Answer {
    /// No such link, or not the right signature: the two can't be told apart.
    Unknown,
    /// It can be answered.
    Open(Box<Asked>),
    /// It was approved, now or before.
    Approved(Box<Entry>),
    /// It was answered with «not this version», now or before.
    Skipped(Box<Entry>),
    /// What was set back may be applied again: it was answered so, now or before.
    Resumed(Box<Entry>),
    /// It went back to what ran before: it was answered so, now or before.
    WentBack(Box<Entry>),
    /// It is put off, and can still be answered.
    Snoozed(Box<Asked>, DateTime<Utc>),
    /// Too late.
    Expired(Box<Asked>),
    /// Another proposal took its place.
    Superseded {
        /// The version that this link was about.
        version: Tag,
        /// The version that was proposed last.
        newer: Tag,
        /// Whether that one can be answered still.
        is_open: bool,
    },
    /// It would not be asked today. What it is about may be allowed again while it is valid.
    Refused(Box<Asked>, Refusal),
    /// The tag points to another manifest than the one that was shown.
    Moved(Box<Asked>),
    /// The workload is not what it was when people were asked.
    Changed(Box<Asked>),
    /// There is nothing to ask any more.
    Over(Box<Asked>, Closed),
    /// A link of this kind doesn't allow the action.
    NotAllowed(Box<Asked>),
    /// The API server refuses what was to be written; what it said.
    NotWritten(Box<Asked>, String),
    /// Registry or API server can't be asked now; the link is as good as before.
    Later(Box<Asked>),
    /// Automatic updates are stopped everywhere, and this link is about that.
    Resuming(Box<Resuming>),
    /// What is known of it can't be read now.
    Unread,
}

/// Where a link's approval was found.
enum Found {
    Current { asked: Box<Asked>, question: Box<Question>, draft: Box<Draft> },
    Superseded { version: Tag, newer: Tag, is_open: bool },
    Answered(Answer),
}

impl<Q: Queue + Records, R: Registry, C: Cluster> Reconciler<Q, R, C> {
    /// What a link is about. Changes nothing.
    pub async fn asked(&self, token: &Token) -> Answer {
        if let Some(resuming) = self.asked_to_resume(token).await {
            return Answer::Resuming(Box::new(resuming));
        }
        match self.find(token).await {
            Ok(None) => Answer::Unknown,
            Ok(Some(Found::Answered(answer))) => answer,
            Ok(Some(Found::Superseded { version, newer, is_open })) => Answer::Superseded { version, newer, is_open },
            Ok(Some(Found::Current { asked, question, draft })) => self.state(*asked, &question, &draft),
            Err(error) => {
                tracing::warn!(approval = %token.approval(), error = %chain(&error), "what is known of this link can't be read now");
                Answer::Unread
            }
        }
    }

    /// Answers a link. What it allows is done at most once, whoever else presses at the same time.
    pub async fn answer(&self, token: &Token, action: Action, trace: &str) -> Answer {
        self.answer_to(token, action, None, trace).await
    }

    /// The same, with the version that was chosen where it is to go back.
    pub async fn answer_to(&self, token: &Token, action: Action, to: Option<&Choice>, trace: &str) -> Answer {
        let (answer, about) = self.answered(token, (action, to), trace).await;
        let labels = ApprovalResult { action: action.as_str().into(), result: word(&answer).into() };
        self.0.metrics.approvals.get_or_create(&labels).inc();
        let (action, outcome) = (action.as_str(), word(&answer));
        if let Some(asked) = about {
            let (workload, container, by) = (&asked.workload.id, &asked.approval.container, masked(&asked.holder));
            tracing::info!(approval = %token.approval(), %workload, container, by, action, outcome, "a link was answered");
        } else {
            tracing::info!(approval = %token.approval(), action, outcome, "a link was answered");
        }
        answer
    }

    /// Carries the answer out, again while the question is still open but its record was written to meanwhile. Says too
    /// what the link is about, where that is known.
    async fn answered(
        &self,
        token: &Token,
        (action, to): (Action, Option<&Choice>),
        trace: &str,
    ) -> (Answer, Option<Box<Asked>>) {
        if let Some(resuming) = self.asked_to_resume(token).await {
            return (self.resuming(resuming, action, trace).await, None);
        }
        let mut last = (Answer::Unknown, None);
        for _ in 0..ATTEMPTS {
            let Ok(Some(Found::Current { asked, question, draft })) = self.find(token).await else {
                return (self.asked(token).await, None);
            };
            match self.state(Asked::clone(&asked), &question, &draft) {
                Answer::Open(_) | Answer::Snoozed(..) => {}
                other => return (other, Some(asked)),
            }
            let is_to_wait = action == Action::Approve && question.terms.allows == Allows::Update;
            if let Some(until) = asked.window_opens.filter(|_| is_to_wait) {
                return (Answer::Refused(asked.clone(), Refusal::OutsideWindow(until)), Some(asked));
            }
            let done = match (action, question.terms.allows) {
                (Action::Approve | Action::ApproveOutsideWindow, Allows::Update) => {
                    self.approve(&asked, *draft, trace).await
                }
                (Action::Skip, Allows::Update) => self.skip(&asked, *draft, trace).await,
                (Action::Snooze, Allows::Update) => self.snooze(&asked, *draft).await,
                (Action::Resume, Allows::Held) => self.resume(&asked, *draft, trace).await,
                (Action::Rollback, Allows::Back) => self.back(&asked, *draft, to).await,
                _ => return (Answer::NotAllowed(asked.clone()), Some(asked)),
            };
            match done {
                Ok(answer) => return (answer, Some(asked)),
                Err(StepError::Cluster(ClusterError::Conflict { .. } | ClusterError::Gone(_))) => {}
                Err(StepError::Cluster(ClusterError::Rejected { rejection, .. })) if rejection.is_final() => {
                    let sentence = rejection.sentence;
                    tracing::warn!(approval = %token.approval(), reason = sentence, "the API server refuses what was answered; the link stays valid");
                    return (Answer::NotWritten(asked.clone(), sentence), Some(asked));
                }
                Err(error) => {
                    tracing::warn!(approval = %token.approval(), error = %chain(&error), "the answer could not be carried out now; the link stays valid");
                    return (Answer::Later(asked.clone()), Some(asked));
                }
            }
            last = (Answer::Later(asked.clone()), Some(asked));
        }
        match self.asked(token).await {
            Answer::Open(_) | Answer::Snoozed(..) => last,
            // Somebody else was faster: what they made of it is the answer.
            other => (other, last.1),
        }
    }

    /// Releases the brake, where that is what is pressed.
    async fn resuming(&self, resuming: Resuming, action: Action, trace: &str) -> Answer {
        let (Resuming::Open(asked), Action::Resume) = (&resuming, action) else {
            return Answer::Resuming(Box::new(resuming));
        };
        match self.resume_updates(Actor::holder(&masked(&asked.holder)), trace).await {
            Ok(Some(release)) => Answer::Resuming(Box::new(Resuming::Done(release))),
            Ok(None) => Answer::Unknown,
            Err(error) => {
                tracing::warn!(error = %chain(&error), "automatic updates stay stopped, as it can't be remembered that they are resumed; the link stays valid");
                Answer::Unread
            }
        }
    }

    /// Whether there is anything that a token could be about, whatever its signature.
    #[must_use]
    pub fn is_recorded(&self, token: &Token) -> bool {
        self.is_of_brake(token)
            || self.0.cluster.names(token.approval())
            || !self.1.repairs.naming(token.approval()).is_empty()
    }

    /// The approval behind a token, if its signature is right for one of the configured recipients. The signature
    /// binds namespace, kind, name and uid, so that of all workloads whose record names the approval one at most is
    /// meant, whoever copied that record.
    async fn find(&self, token: &Token) -> Result<Option<Found>, StepError> {
        let mut candidates = self.0.cluster.naming(token.approval());
        let others = self.1.repairs.naming(token.approval());
        candidates.extend(others.iter().filter_map(|uid| self.0.cluster.by_uid(uid)));
        if candidates.is_empty() {
            return Ok(None);
        }
        let holders = self.0.audience.holders();
        for workload in candidates {
            let draft = self.draft(workload).await?;
            if let Some(found) = self.found(token, &holders, draft) {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// What is known of a token's approval, if its signature is right.
    fn found(&self, token: &Token, holders: &[String], draft: Draft) -> Option<Found> {
        let id = &draft.workload.id;
        let (container, known) = draft.record.find(token.approval())?;
        let terms = match &known {
            Known::Newest(question) => &question.terms,
            Known::Replaced(terms) => terms,
            Known::Answered(answered) => &answered.terms,
        };
        let approval = terms.approval(id, container);
        let holder = approval.holder(token, &self.0.keys, holders, self.0.ambient.now())?.to_owned();
        let (question, version) = match known {
            Known::Answered(answered) => {
                let entry = Box::new(draft.record.entry(&draft.workload, container, answered));
                return Some(Found::Answered(decided(answered.answer, entry)));
            }
            Known::Newest(question) => (Box::new(question.clone()), None),
            Known::Replaced(terms) => {
                (Box::new(draft.record.ledger(container)?.question.clone()?), Some(terms.tag.clone()))
            }
        };
        if let Some(version) = version {
            let is_open = question.is_open(self.0.ambient.now());
            return Some(Found::Superseded { version, newer: question.terms.tag, is_open });
        }
        let held = draft.record.ledger(container).and_then(|ledger| ledger.held.clone());
        let ran = choices(&draft, &approval);
        let asked = Box::new(Asked { held, ran, ..self.about(&draft.workload, approval, &question, holder) });
        Some(Found::Current { asked, question, draft: Box::new(draft) })
    }

    fn about(&self, workload: &Arc<Workload>, approval: Approval, question: &Question, holder: String) -> Asked {
        let all = [&*approval.container].into_iter().chain(question.with.iter().map(|name| &**name));
        let read = |container: &str| Settings::read(workload, container, &self.0.bounds).ok();
        let own = all.filter_map(|one| read(one)?.closed_until(self.0.ambient.now()));
        let window_opens = own.chain(question.group.iter().flat_map(|plan| self.closed(plan))).max();
        let settings = read(&approval.container);
        let release_url = settings.and_then(|s| s.release_url).map(|url| url.for_tag(approval.to_tag.as_str()));
        let Question { level, why, asked, with, declares, preflight, because, group, .. } = question.clone();
        Asked {
            workload: Arc::clone(workload),
            approval,
            level,
            why,
            declares,
            because,
            preflight,
            asked,
            with,
            group,
            held: None,
            ran: Vec::new(),
            window_opens,
            release_url,
            holder,
        }
    }

    /// Until when members of a group may not be updated, where they may not now.
    fn closed(&self, plan: &Plan) -> Vec<DateTime<Utc>> {
        let now = self.0.ambient.now();
        let closed = |one: &Move| {
            let workload = self.0.cluster.by_uid(&one.workload.uid)?;
            Settings::read(&workload, &one.container, &self.0.bounds).ok()?.closed_until(now)
        };
        plan.moves.iter().filter_map(closed).collect()
    }

    /// What can be said of a question without asking anybody.
    fn state(&self, asked: Asked, question: &Question, draft: &Draft) -> Answer {
        let now = self.0.ambient.now();
        let (workload, approval) = (&asked.workload, &asked.approval);
        if now >= approval.expires {
            return Answer::Expired(Box::new(asked));
        }
        let runs = workload.container(&approval.container).is_some_and(|(_, c)| *c.image == *approval.from_image);
        let together = workload.together(&approval.container);
        if !runs || !question.with.iter().all(|name| together.iter().any(|other| other.name == *name)) {
            return Answer::Changed(Box::new(asked));
        }
        if self.0.cluster.is_dry_run() {
            return Answer::Refused(Box::new(asked), Refusal::DryRun);
        }
        let refuses = |one: &str| self.at_sight(&asked.of(one), &draft.record).err();
        let refusal = asked.containers().find_map(refuses);
        if let Some(refusal) = refusal {
            return Answer::Refused(Box::new(asked), refusal);
        }
        match question.stands {
            Stands::Closed(why) => Answer::Over(Box::new(asked), why),
            Stands::Snoozed(until) if now < until => Answer::Snoozed(Box::new(asked), until),
            _ => Answer::Open(Box::new(asked)),
        }
    }

    async fn approve(&self, asked: &Asked, draft: Draft, trace: &str) -> Result<Answer, StepError> {
        let approval = &asked.approval;
        let Ok(from) = ImageReference::parse(&approval.from_image) else {
            return Ok(Answer::Changed(Box::new(asked.clone())));
        };
        let target = self.target(asked, &from).await;
        let source = self.source(&target)?;
        let ledger = draft.record.ledger(&approval.container).cloned().unwrap_or_default();
        let is_bound = asked.group.as_ref().map(|plan| plan.binding()) == approval.group;
        let would_be_asked = async {
            match &asked.group {
                Some(plan) => self.all_would_be_asked(asked, plan).await,
                None => Ok(self.all_again(asked, &target, &source, &draft.record).await),
            }
        };
        let judged = tokio::time::timeout(PATIENCE, would_be_asked).await;
        match judged.map_err(|_| StepError::TooSlow(PATIENCE))?? {
            _ if !is_bound => return Ok(Answer::Changed(Box::new(asked.clone()))),
            Ok(()) => {}
            Err(Unanswerable::Refused(refusal)) => {
                if refusal.is_news() {
                    self.look_soon(&target, trace).await?;
                }
                return Ok(Answer::Refused(Box::new(asked.clone()), refusal));
            }
            Err(Unanswerable::Moved) => {
                // What is there now is a matter for a new question.
                self.look_soon(&target, trace).await?;
                return Ok(Answer::Moved(Box::new(asked.clone())));
            }
            Err(Unanswerable::Registry(error)) => return Err(StepError::Registry(Arc::new(error))),
        }
        let Some(question) = ledger.question else { return Ok(Answer::Changed(Box::new(asked.clone()))) };
        let chosen = Chosen {
            from,
            from_digest: approval.from_digest.clone(),
            to: approval.to_tag.clone(),
            digest: approval.to_digest.clone(),
            level: asked.level,
            why: asked.why.clone(),
            declared: Declared { kinds: self.declared_by_now(&target, &question).await, quotes: Vec::new() },
            preflight: Preflight::default(),
            because: None,
            group: question.group,
        };
        let mut work = Work::on(draft, trace);
        let outside = if asked.window_opens.is_some() { ", outside the window" } else { "" };
        let name = format!("{}{outside}", masked(&asked.holder));
        let decided_by = Decided::ByPerson { name: &name, terms: &question.terms };
        self.apply(&mut work, &target, &chosen, asked.with.clone(), decided_by);
        let record = work.draft.record.clone();
        let workload = self.commit_answer(work.draft, &approval.container).await?;
        let target = Target { workload, ..target };
        self.tell_granted(&target, record.ledger(&approval.container), trace).await;
        Ok(match record.history.decided_by(approval.id.as_str()) {
            Some(entry) => Answer::Approved(Box::new(entry.clone())),
            None => Answer::Changed(Box::new(asked.clone())),
        })
    }

    /// The image is written: what is not stored here is stored when the rollout has ended.
    async fn tell_granted(&self, target: &Target, ledger: Option<&Ledger>, trace: &str) {
        let Some(update) = ledger.and_then(|ledger| ledger.update.as_ref()) else { return };
        let settings = self.settings(target).ok();
        let notice = of_update(target, settings.as_ref(), update, NoticeKind::Granted, None);
        let only = settings::channels(&target.workload, &target.container);
        if let Err(error) = self.tell(&notice, only.as_deref(), trace).await {
            tracing::warn!(error = %chain(&error), "the approval is told when the rollout has ended");
        }
    }

    /// What settings alone say of a question.
    fn at_sight(&self, asked: &Asked, record: &Record) -> Result<Settings, Refusal> {
        self.allowed_at_sight(asked, &question_of(asked, &image_of(asked)?, record))
    }

    fn allowed_at_sight(&self, asked: &Asked, question: &question::Asked<'_>) -> Result<Settings, Refusal> {
        match asked.approval.allows {
            Allows::Update => question.at_sight(&self.0.bounds, self.0.ambient.now()),
            Allows::Held | Allows::Back => question.enabled(&self.0.bounds),
        }
    }

    /// Whether it would be asked today of each container that would be written.
    pub(super) async fn all_again(
        &self,
        asked: &Asked,
        target: &Target,
        source: &Source<'_, R>,
        record: &Record,
    ) -> Result<(), Unanswerable> {
        for container in asked.containers() {
            let target = Target { container: container.to_owned(), ..target.clone() };
            self.again(&asked.of(container), &target, source, record).await?;
        }
        Ok(())
    }

    async fn again(
        &self,
        asked: &Asked,
        target: &Target,
        source: &Source<'_, R>,
        record: &Record,
    ) -> Result<(), Unanswerable> {
        let image = image_of(asked).map_err(Unanswerable::Refused)?;
        let question = question_of(asked, &image, record);
        let settings = self.allowed_at_sight(asked, &question).map_err(Unanswerable::Refused)?;
        let ledger = question.ledger;
        let doubt = |running: &Tag, policy: &Policy, tags: &Tags| self.shrunk(target, ledger, running, policy, tags);
        let platforms = || -> BoxFuture<'_, _> { Box::pin(self.0.cluster.platforms()) };
        let container = (&*asked.workload, target.container.as_str());
        let place = Place::of(container, &image, ledger, Mode::AutoUpdate, &platforms);
        let (forges, digests) = (Some(self.forges(&settings, &|_| true)), source.digests.clone());
        let Source { registry, repository, credential, .. } = source;
        let source = Source { registry: *registry, repository, credential, digests, beside: None, forges, place };
        question.again(&source, &settings, self.0.ambient.now(), doubt).await
    }

    async fn skip(&self, asked: &Asked, draft: Draft, trace: &str) -> Result<Answer, StepError> {
        let (approval, now) = (&asked.approval, self.0.ambient.now());
        let container = approval.container.as_str();
        let mut draft = draft;
        let by = Actor::holder(&masked(&asked.holder));
        let Some(question) = draft.record.ledger(container).and_then(|ledger| ledger.question.clone()) else {
            return Ok(Answer::Changed(Box::new(asked.clone())));
        };
        draft.on(container, Event::Skip { by: by.clone() }, now);
        draft.guard(container);
        let followed = (asked.level == Level::Digest).then_some(&approval.to_digest);
        for container in asked.containers() {
            let own = format!("skip.{container}");
            let setting = if asked.workload.annotation(&own).is_some() { own.as_str() } else { "skip" };
            let skipped = policy::skip(asked.workload.annotation(setting), approval.to_tag.as_str(), followed);
            draft.set(setting, skipped);
        }
        let record = draft.record.clone();
        let workload = self.commit_answer(draft, container).await?;
        if let Ok(from) = ImageReference::parse(&approval.from_image) {
            let target = Target { workload, ..self.target(asked, &from).await };
            let settings = self.settings(&target).ok();
            let notice = of_question(&target, settings.as_ref(), &question, NoticeKind::Skipped, Some(&by));
            let only = settings::channels(&target.workload, container);
            self.tell(&notice, only.as_deref(), trace).await?;
        }
        Ok(match record.history.decided_by(approval.id.as_str()) {
            Some(entry) => Answer::Skipped(Box::new(entry.clone())),
            None => Answer::Changed(Box::new(asked.clone())),
        })
    }

    async fn snooze(&self, asked: &Asked, mut draft: Draft) -> Result<Answer, StepError> {
        let now = self.0.ambient.now();
        let until = now + SNOOZE;
        let (by, Approval { container, to_tag, .. }) = (masked(&asked.holder), &asked.approval);
        let note = format!("{container}: {to_tag} is put off until {}, by link {by}", moment(until));
        draft.announce(WorkloadEvent::Snoozed(note));
        draft.on(&asked.approval.container, Event::Snooze { until }, now);
        draft.guard(&asked.approval.container);
        self.commit(draft).await?;
        Ok(Answer::Snoozed(Box::new(asked.clone()), until))
    }

    /// Back to what ran before, or to what was chosen of the history, if that is there still. A registry that gives no answer is no reason to stay with what a
    /// person wants to leave: nodes often have the image.
    async fn back(&self, asked: &Asked, draft: Draft, to: Option<&Choice>) -> Result<Answer, StepError> {
        let suggested = Choice { version: asked.approval.to_tag.clone(), digest: asked.approval.to_digest.clone() };
        let to = to.unwrap_or(&suggested);
        let (approval, changed) = (&asked.approval, || Ok(Answer::Changed(Box::new(asked.clone()))));
        if *to != suggested && !asked.ran.iter().any(|ran| ran.what == *to) {
            return Ok(Answer::Refused(Box::new(asked.to(to)), Refusal::NeverRan));
        }
        let Ok(from) = ImageReference::parse(&approval.from_image) else { return changed() };
        let target = self.target(asked, &from).await;
        let source = self.source(&target)?;
        let there = source.registry.has(source.repository, &to.digest, source.credential);
        if let Ok(Ok(false)) = tokio::time::timeout(PATIENCE, there).await {
            return Ok(Answer::Refused(Box::new(asked.to(to)), Refusal::Withdrawn));
        }
        let mut work = Work::on(draft, "");
        let ledger = work.ledger(&approval.container).cloned().unwrap_or_default();
        let (Some(update), Some(question)) = (ledger.update, ledger.question) else { return changed() };
        let Some(way) = Self::way_to(&work, &approval.container, &update, to) else { return changed() };
        let way = self.as_written(&target, way).await;
        let decided = Decided::ByPerson { name: &masked(&asked.holder), terms: &question.terms };
        self.go_back(&mut work, &target, &way, None, decided);
        let record = work.draft.record.clone();
        self.commit_answer(work.draft, &approval.container).await?;
        if asked.group.is_some() {
            // The others go back with it.
            self.look_soon(&target, "").await?;
        }
        Ok(match record.history.decided_by(approval.id.as_str()) {
            Some(entry) => Answer::WentBack(Box::new(entry.clone())),
            None => Answer::Changed(Box::new(asked.clone())),
        })
    }

    /// What was set back may be applied: the next look decides as if nobody had.
    async fn resume(&self, asked: &Asked, mut draft: Draft, trace: &str) -> Result<Answer, StepError> {
        let (container, now) = (asked.approval.container.as_str(), self.0.ambient.now());
        let by = Actor::holder(&masked(&asked.holder));
        draft.announce(WorkloadEvent::HeldReleased(format!(
            "{container}: {} is held no more and may be applied, by {by}",
            asked.approval.to_tag
        )));
        draft.on(container, Event::Resume { by }, now);
        draft.guard(container);
        let record = draft.record.clone();
        self.commit_answer(draft, container).await?;
        if let Some(plan) = &asked.group {
            self.let_go_on_all(plan, &asked.workload.id.uid).await?;
        }
        if let Ok(from) = ImageReference::parse(&asked.approval.from_image) {
            let target = self.target(asked, &from).await;
            self.look_soon(&target, trace).await?;
        }
        Ok(match record.history.decided_by(asked.approval.id.as_str()) {
            Some(entry) => Answer::Resumed(Box::new(entry.clone())),
            None => Answer::Changed(Box::new(asked.clone())),
        })
    }

    pub(super) async fn target(&self, asked: &Asked, from: &ImageReference) -> Target {
        let repository = from.repository().clone();
        let credential = self.0.cluster.credential(&asked.workload, &repository).await.map_err(Arc::new);
        Target {
            workload: Arc::clone(&asked.workload),
            container: asked.approval.container.clone(),
            repository,
            credential,
            digests: None,
        }
    }

    async fn look_soon(&self, target: &Target, trace: &str) -> Result<(), StepError> {
        let now = self.0.ambient.now();
        let job = NewJob {
            job: Job::Look(target.repository.clone()),
            trace: trace.to_owned(),
            not_before: now,
            urgency: Urgency::Prompt,
        };
        self.0.queue.put(vec![job]).await?;
        Ok(())
    }
}

/// What can be gone back to, beside what is asked: of the history what neither runs nor is held, and what ran well last where
/// what ran before never did. A group goes back together.
fn choices(draft: &Draft, approval: &Approval) -> Vec<Ran> {
    if approval.allows != Allows::Back || approval.group.is_some() {
        return Vec::new();
    }
    let ledger = draft.record.known(&approval.container);
    let runs = ledger.update.as_ref().map(|update| (&update.tag, &update.digest));
    let is_open = |ran: &Ran| {
        let Choice { version, digest } = &ran.what;
        runs != Some((version, digest)) && ledger.holds(version, digest).is_none()
    };
    let mut all: Vec<Ran> = draft.record.history.ran(&approval.container).into_iter().filter(is_open).collect();
    let further = ledger.update.as_ref().and_then(Update::further);
    let further = further.map(|(_, version, digest)| Choice { version, digest });
    if let Some(what) = further.filter(|what| all.iter().all(|ran| ran.what != *what)) {
        all.push(Ran { what, time: None, outcome: Outcome::Healthy });
    }
    all
}

/// What was asked, for whoever judges it.
fn question_of<'q>(asked: &'q Asked, image: &'q ImageReference, record: &'q Record) -> question::Asked<'q> {
    question::Asked {
        workload: &asked.workload,
        container: &asked.approval.container,
        image,
        to: &asked.approval.to_tag,
        digest: &asked.approval.to_digest,
        was: asked.approval.from_digest.as_ref(),
        ledger: record.known(&asked.approval.container),
    }
}

/// The image that ran when it was asked.
fn image_of(asked: &Asked) -> Result<ImageReference, Refusal> {
    ImageReference::parse(&asked.approval.from_image).map_err(|_| Refusal::OtherKind)
}

fn decided(answer: crate::domain::record::Answer, entry: Box<Entry>) -> Answer {
    use crate::domain::record::Answer as Given;
    match answer {
        Given::Approved => Answer::Approved(entry),
        Given::Skipped => Answer::Skipped(entry),
        Given::Resumed => Answer::Resumed(entry),
        Given::WentBack => Answer::WentBack(entry),
    }
}

fn word(answer: &Answer) -> &'static str {
    match answer {
        Answer::Unknown => "unknown",
        Answer::Open(_) => "open",
        Answer::Approved(_) => "approved",
        Answer::Skipped(_) => "skipped",
        Answer::Resumed(_) => "resumed",
        Answer::WentBack(_) => "went_back",
        Answer::Snoozed(..) => "snoozed",
        Answer::Expired(_) => "expired",
        Answer::Superseded { .. } => "superseded",
        Answer::Refused(..) => "refused",
        Answer::Moved(_) => "moved",
        Answer::Changed(_) => "changed",
        Answer::Over(..) => "over",
        Answer::NotAllowed(_) => "not_allowed",
        Answer::NotWritten(..) => "not_written",
        Answer::Later(_) => "later",
        Answer::Resuming(resuming) => match **resuming {
            Resuming::Open(_) => "open",
            Resuming::Expired(_) => "expired",
            Resuming::Done(_) => "resumed",
        },
        Answer::Unread => "unread",
    }
}

/// An address that people recognise and strangers can't use: `email:o…@example.com`.
pub(crate) fn masked(holder: &str) -> String {
    let (channel, address) = holder.split_once(':').unwrap_or((holder, ""));
    match address.split_once('@') {
        Some((user, domain)) => format!("{channel}:{}…@{domain}", user.chars().take(1).collect::<String>()),
        None => channel.to_owned(),
    }
}
