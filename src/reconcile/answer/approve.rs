//! Yes: what was asked is applied, if it would be asked today.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;

use super::asked::Asked;
use super::{Answer, Applied};
use crate::assess::{Place, Source, Unanswerable, question};
use crate::cluster::Cluster;
use crate::domain::actor::Actor;
use crate::domain::answer::Action;
use crate::domain::approval::Allows;
use crate::domain::declared::Declared;
use crate::domain::event::NoticeKind;
use crate::domain::policy::{Mode, Policy};
use crate::domain::preflight::Preflight;
use crate::domain::record::{Ledger, Record};
use crate::domain::reference::{ImageReference, Tag};
use crate::domain::refusal::Refusal;
use crate::domain::settings::Settings;
use crate::domain::votes::{Ballot, Verdict, Vote, Votes};
use crate::queue::{Queue, Records};
use crate::reconcile::draft::{Chosen, Draft, Work};
use crate::reconcile::telling::notices::of_update;
use crate::reconcile::writing::apply::Decided;
use crate::reconcile::{Reconciler, StepError, Target};
use crate::registry::Registry;
use crate::registry::Tags;
use crate::telemetry::chain;

/// How long the registry may take to answer whether a question would be asked still: a person waits.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

impl<Q: Queue + Records, R: Registry, C: Cluster> Reconciler<Q, R, C> {
    /// One more person approves: where others have to, too, that is written down and nothing else.
    pub(super) async fn approve(
        &self,
        asked: &Asked,
        draft: Draft,
        action: Action,
        trace: &str,
    ) -> Result<Answer, StepError> {
        let Some(vote) = self.vote(asked) else { return Ok(Answer::Unknown) };
        let verdict = asked.ballot.votes.judge(vote.clone(), asked.ballot.needed);
        if let (Verdict::Enough(_), Action::Approve, Some(until)) = (&verdict, action, asked.window_opens) {
            return Ok(Answer::Refused(Box::new(asked.clone()), Refusal::OutsideWindow(until)));
        }
        match verdict {
            Verdict::NoPerson => Ok(Answer::Refused(Box::new(asked.clone()), Refusal::NoPerson)),
            Verdict::Again => Ok(Answer::Voted { asked: Box::new(asked.clone()), is_again: true }),
            Verdict::More(votes) => match self.would_still_be_asked(asked, &draft, trace).await? {
                Ok(_) => self.count_vote(asked, draft, (vote, votes)).await,
                Err(refused) => Ok(refused),
            },
            Verdict::Enough(votes) => match self.would_still_be_asked(asked, &draft, trace).await? {
                Ok((target, from)) => self.grant(asked, draft, (target, from), &votes.deciders(), trace).await,
                Err(refused) => Ok(refused),
            },
        }
    }

    async fn count_vote(
        &self,
        asked: &Asked,
        mut draft: Draft,
        (vote, votes): (Vote, Votes),
    ) -> Result<Answer, StepError> {
        let (container, now) = (asked.approval.container.as_str(), self.0.ambient.now());
        if draft.record.known(container).open(now).is_none() {
            return Ok(Answer::Expired(Box::new(asked.clone())));
        }
        let ballot = Ballot { votes, is_yours: true, ..asked.ballot.clone() };
        draft.vote((container, &asked.approval.to_tag), &ballot, vote, now);
        for container in asked.containers() {
            draft.guard(container);
        }
        self.commit(draft).await?;
        Ok(Answer::Voted { asked: Box::new(Asked { ballot, ..asked.clone() }), is_again: false })
    }

    /// Whether it would be asked today; else what is answered.
    pub(super) async fn would_still_be_asked(
        &self,
        asked: &Asked,
        draft: &Draft,
        trace: &str,
    ) -> Result<Result<(Target, ImageReference), Answer>, StepError> {
        let Ok(from) = ImageReference::parse(&asked.approval.from_image) else {
            return Ok(Err(Answer::Changed(Box::new(asked.clone()))));
        };
        let target = self.target(asked, &from).await;
        let source = self.source(&target)?;
        let would_be_asked = async {
            match &asked.group {
                Some(plan) => self.all_would_be_asked(asked, plan).await,
                None => Ok(self.all_again(asked, &target, &source, &draft.record).await),
            }
        };
        let judged = tokio::time::timeout(PATIENCE, would_be_asked).await;
        match judged.map_err(|_| StepError::TooSlow(PATIENCE))?? {
            Ok(()) => {}
            Err(Unanswerable::Registry(error)) => return Err(StepError::Registry(Arc::new(error))),
            Err(Unanswerable::Refused(refusal)) => {
                if refusal.is_news() {
                    self.look_soon(&target, trace).await?;
                }
                return Ok(Err(Answer::Refused(Box::new(asked.clone()), refusal)));
            }
            Err(Unanswerable::Moved) => {
                // What is there now is a matter for a new question.
                self.look_soon(&target, trace).await?;
                return Ok(Err(Answer::Moved(Box::new(asked.clone()))));
            }
        }
        Ok(Ok((target, from)))
    }

    /// It is written.
    async fn grant(
        &self,
        asked: &Asked,
        draft: Draft,
        (target, from): (Target, ImageReference),
        by: &Actor,
        trace: &str,
    ) -> Result<Answer, StepError> {
        let approval = &asked.approval;
        let question = draft.record.known(&approval.container).question.clone();
        let Some(question) = question else { return Ok(Answer::Changed(Box::new(asked.clone()))) };
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
        let (mut work, before) = (Work::on(draft, trace), asked.workload.rollout.clone());
        let by = if asked.window_opens.is_some() { by.clone().outside_the_window() } else { by.clone() };
        let decided_by = Decided::ByPerson { by: &by, terms: &question.terms };
        self.apply(&mut work, &target, &chosen, asked.with.clone(), decided_by);
        let record = work.draft.record.clone();
        let workload = self.commit_answer(work.draft, approval).await?;
        let target = Target { workload, ..target };
        self.tell_granted(&target, record.ledger(&approval.container), trace).await;
        Ok(match record.history.decided_by(approval.id.as_str()) {
            Some(entry) => {
                let of = (&*target.workload, approval.container.as_str());
                Answer::Approved(Box::new(Applied::of(entry.clone(), of, &record, &approval.id).after(&before)))
            }
            None => Answer::Changed(Box::new(asked.clone())),
        })
    }

    /// The image is written: what is not stored here is stored when the rollout has ended.
    async fn tell_granted(&self, target: &Target, ledger: Option<&Ledger>, trace: &str) {
        let Some(update) = ledger.and_then(|ledger| ledger.update.as_ref()) else { return };
        let settings = self.settings(target).ok();
        let notice = of_update(target, settings.as_ref(), update, NoticeKind::Granted, None);
        if let Err(error) = self.tell_of(target, &notice, trace).await {
            tracing::warn!(error = %chain(&error), "the approval is told when the rollout has ended");
        }
    }

    /// What settings alone say of a question.
    pub(super) fn at_sight(&self, asked: &Asked, record: &Record) -> Result<Settings, Refusal> {
        self.allowed_at_sight(asked, &question_of(asked, &image_of(asked)?, record))
    }

    fn allowed_at_sight(&self, asked: &Asked, question: &question::Asked<'_>) -> Result<Settings, Refusal> {
        match asked.approval.allows {
            Allows::Update => question.at_sight(&self.0.bounds, self.0.ambient.now()),
            Allows::Held | Allows::Back => question.enabled(&self.0.bounds),
        }
    }

    /// Whether it would be asked today of each container that would be written.
    pub(in crate::reconcile) async fn all_again(
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
        if let Some(running) = image.running_tag() {
            self.expects_list(target, ledger, &running, &settings.policy).await;
        }
        question.again(&source, &settings, self.0.ambient.now(), doubt).await
    }
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
