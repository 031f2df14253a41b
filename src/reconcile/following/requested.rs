//! What a person asked by an annotation, as the commands write it. It is carried out once, and taken away by the same write.
//!
//! It deploys nothing. What a person writes himself, the image or `image-watcher/skip`, counts as it does without a request;
//! this says whose word it is, so that it is followed, and told, as that person's.

use std::sync::Arc;

use crate::cluster::{Cluster, WorkloadEvent};
use crate::domain::actor::{Actor, Person};
use crate::domain::approval::{Allows, ApprovalId, Terms};
use crate::domain::declared::Kinds;
use crate::domain::event::NoticeKind;
use crate::domain::history::Outcome;
use crate::domain::record::{Event, Question, Running, Standstill, Undone, Update};
use crate::domain::reference::{Digest, ImageReference, Tag};
use crate::domain::request::{COMMAND, LONGEST_SNOOZE, Moot, REQUEST, Request, Wish};
use crate::domain::tag::Level;
use crate::domain::votes::{Ballot, Quorum, Verdict, Vote, Votes};
use crate::domain::wording::moment;
use crate::queue::{Queue, Records};
use crate::reconcile::draft::{Work, Wrong};
use crate::reconcile::following::held::goes_back;
use crate::reconcile::report;
use crate::reconcile::telling::notices::of_update;
use crate::reconcile::writing::apply::stalled;
use crate::reconcile::{Reconciler, StepError, Target};
use crate::registry::Registry;
use crate::telemetry::metrics::ApprovalResult;

impl<Q: Queue + Records, R: Registry, C: Cluster> Reconciler<Q, R, C> {
    /// Carries out what is asked on the workload, if anything is, whichever of its repositories is looked at.
    pub(crate) async fn requested(&self, work: &mut Work) -> Result<(), StepError> {
        let workload = Arc::clone(&work.draft.workload);
        let Some(text) = workload.annotation(REQUEST).filter(|_| !work.draft.is_in_doubt) else { return Ok(()) };
        let request = match Request::parse(text) {
            Ok(request) => request,
            Err(moot) => {
                self.moot(work, "unreadable", moot);
                return Ok(());
            }
        };
        let by = self.0.cluster.who_annotated(&workload.id, REQUEST).await?;
        let by = match by {
            // A name that anybody may choose is not to read like the policy or the holder of a link.
            Some(writer) if writer.manager() != COMMAND => Actor::writer(&format!("field manager {writer}")),
            _ => Actor::Command(request.user()),
        };
        match self.carry_out(work, &request, &by) {
            Ok(()) => self.granted(work, &request, by),
            Err(moot) => self.moot(work, request.wish.action().as_str(), moot),
        }
        Ok(())
    }

    /// It is carried out.
    fn granted(&self, work: &mut Work, request: &Request, by: Actor) {
        work.draft.take_request();
        let action = request.wish.action().as_str();
        let labels = ApprovalResult { action: action.into(), result: "command".into() };
        self.0.metrics.approval_answers.get_or_create(&labels).inc();
        work.draft.report(&request.container, report::Outcome::Requested { action, by });
    }

    /// It is not, which is told once, and it is taken away.
    fn moot(&self, work: &mut Work, action: &'static str, moot: Moot) {
        work.draft.take_request();
        let labels = ApprovalResult { action: action.into(), result: "moot".into() };
        self.0.metrics.approval_answers.get_or_create(&labels).inc();
        tracing::warn!(workload = %work.draft.workload.id, action, reason = %moot, outcome = "moot", "image-watcher/request is not carried out, and is removed");
        work.draft.announce(WorkloadEvent::RequestRefused(format!("image-watcher/request is not carried out: {moot}")));
    }

    fn carry_out(&self, work: &mut Work, request: &Request, by: &Actor) -> Result<(), Moot> {
        let (draft, workload) = (&work.draft, Arc::clone(&work.draft.workload));
        if *request.uid != *workload.id.uid {
            return Err(Moot::OtherObject);
        }
        let is_believed = !draft.is_wrong() || draft.wrong == Some(Wrong::Unwritten);
        if !is_believed || draft.before.sequence != request.after {
            return Err(Moot::Late);
        }
        let (_, found) = workload.container(&request.container).ok_or(Moot::NoContainer)?;
        let image = found.reference().ok_or(Moot::NoContainer)?;
        let target = Target::unasked(Arc::clone(&workload), &request.container, image.repository().clone());
        match &request.wish {
            Wish::Approve { question, outside_window } => {
                self.approved(work, &target, &image, (question, request), by, *outside_window)
            }
            Wish::Skip { question } => {
                self.skipped(work, &target, question, by)?;
                self.waited("skipped", question);
                Ok(())
            }
            Wish::Snooze { question, until } => {
                let now = self.0.ambient.now();
                if *until > now + LONGEST_SNOOZE {
                    return Err(Moot::TooLong);
                }
                let asked = match work.ledger(&target.container).filter(|_| *until <= now) {
                    Some(ledger) => asked_for(ledger.open_or_put_off(now), question)?,
                    None => self.asked_now(work, &target, question)?,
                };
                let tag = &asked.terms.tag;
                let said = match until {
                    until if *until > now => format!("is put off until {}", moment(*until)),
                    _ => "is put off no more".to_owned(),
                };
                work.draft.announce(WorkloadEvent::Snoozed(format!("{}: {tag} {said}, by {by}", target.container)));
                work.draft.on(&target.container, Event::Snooze { until: *until }, now);
                self.waited("snoozed", question);
                Ok(())
            }
            Wish::Rollback { version, digest } => self.went_back(work, &target, &image, (version, digest), by),
            Wish::Resume { version } => self.let_go(work, &target, version, by),
        }
    }

    /// The question, if it is the one that can be answered.
    fn asked_now(&self, work: &Work, target: &Target, id: &ApprovalId) -> Result<Question, Moot> {
        asked_for(work.ledger(&target.container).and_then(|ledger| ledger.open(self.0.ambient.now())), id)
    }

    /// One more person approves. Where that is enough, what people were asked about runs already: it is their update.
    fn approved(
        &self,
        work: &mut Work,
        target: &Target,
        image: &ImageReference,
        (id, request): (&ApprovalId, &Request),
        by: &Actor,
        outside_window: bool,
    ) -> Result<(), Moot> {
        let question = self.asked_now(work, target, id)?;
        if question.group.is_some() {
            return Err(Moot::NotAsked);
        }
        let key = self.0.keys.named(question.terms.key.as_str()).ok_or(Moot::NotAsked)?;
        let needed = self.needed(&target.workload, &question, &target.container);
        let by = known_of(by, needed);
        let vote = Vote::of(&Person::Command(None), by, key, id, self.0.ambient.now()).ok_or(Moot::NotAsked)?;
        match question.votes.judge(vote.clone(), needed) {
            Verdict::Again => Err(Moot::Again),
            // Nobody's command is a program's.
            Verdict::NoPerson => Err(Moot::NotAsked),
            Verdict::More(votes) => self.voted(work, target, (&question, image), (vote, votes), needed),
            Verdict::Enough(votes) => {
                let by = votes.deciders();
                self.taken_over(work, target, image, question, &by, outside_window)?;
                self.waited("approved", id);
                let before = Event::Because(request.cause_before());
                work.draft.on(&target.container, before, self.0.ambient.now());
                Ok(())
            }
        }
    }

    /// It counts, as long as nothing was written before enough people approved.
    fn voted(
        &self,
        work: &mut Work,
        target: &Target,
        (question, image): (&Question, &ImageReference),
        (vote, votes): (Vote, Votes),
        needed: Quorum,
    ) -> Result<(), Moot> {
        let Terms { from, tag, .. } = &question.terms;
        if ImageReference::parse(from).as_ref() != Ok(image) {
            return Err(Moot::TooFew);
        }
        let ballot = Ballot { votes, needed, is_yours: true };
        work.draft.vote((&target.container, tag), &ballot, vote, self.0.ambient.now());
        Ok(())
    }

    /// What people were asked about runs already: it is the update of whoever approved.
    fn taken_over(
        &self,
        work: &mut Work,
        target: &Target,
        image: &ImageReference,
        question: Question,
        by: &Actor,
        outside_window: bool,
    ) -> Result<(), Moot> {
        let now = self.0.ambient.now();
        let Question { terms, level, with, declares, .. } = question;
        let from = ImageReference::parse(&terms.from).map_err(|_| Moot::OtherImage)?;
        let ran = work.ledger(&target.container).and_then(|ledger| ledger.runs.as_ref());
        let is_from = ran.zip(Running::of(&from)).is_some_and(|(ran, from)| ran.is(&from));
        let runs_it = |image: &ImageReference| {
            image.repository() == from.repository()
                && image.tag() == Some(&terms.tag)
                && image.digest() == Some(&terms.digest)
        };
        let all_run_it = with.iter().all(|name| {
            let image = target.workload.container(name).and_then(|(_, found)| found.reference());
            image.as_ref().is_some_and(runs_it)
        });
        if !is_from || !runs_it(image) || !all_run_it {
            return Err(Moot::OtherImage);
        }
        let main = Update {
            from: terms.from.clone(),
            from_digest: terms.from_digest.clone(),
            level,
            by: by.clone(),
            question: Some(terms.clone()),
            with,
            declares,
            ..written(target, &terms.tag, &terms.digest, now)
        };
        let outside = if outside_window { ", outside the window" } else { "" };
        let from = terms.from_tag().map(|tag| tag.to_string()).unwrap_or_default();
        let (to, digest) = (&terms.tag, &terms.digest);
        let note = format!("{}: {from} → {to} ({digest}), by {by}{outside}", target.container);
        work.draft.announce(WorkloadEvent::Approved(note));
        self.write_all(work, target, &main);
        let settings = self.settings(target).ok();
        let notice = of_update(target, settings.as_ref(), &main, NoticeKind::Granted, None);
        work.messages.extend(self.messages_of(target, &notice));
        Ok(())
    }

    /// What ran before runs again: it is that person's way back, and what is left is held.
    fn went_back(
        &self,
        work: &mut Work,
        target: &Target,
        image: &ImageReference,
        (tag, digest): (&Tag, &Digest),
        by: &Actor,
    ) -> Result<(), Moot> {
        let now = self.0.ambient.now();
        let ledger = work.ledger(&target.container).ok_or(Moot::NotKnown)?;
        let before = ledger.runs.clone().ok_or(Moot::NotKnown)?;
        let left = before.digest.clone().ok_or(Moot::NotKnown)?;
        let update = ledger.update.as_ref().filter(|update| update.wrote(&before));
        let last = update.and_then(|update| update.was_written(tag, digest));
        let as_it_was = |text: &str| ImageReference::parse(text).as_ref() == Ok(image);
        let is_it = image.running_tag().as_ref() == Some(tag)
            && (image.digest() == Some(digest) || image.digest().is_none() && last.is_some_and(as_it_was));
        let is_another = *image.repository().to_string() == *before.of && (tag, digest) != (&before.tag, &left);
        if !is_it || !is_another {
            return Err(Moot::OtherImage);
        }
        let is_entry = work.draft.record.history.entries().iter().any(|entry| {
            *entry.container == *target.container && entry.version == tag.as_str() && entry.digest == digest.as_str()
        });
        if last.is_none() && !is_entry {
            return Err(Moot::NotKnown);
        }
        let running =
            Running { of: before.of.clone(), tag: tag.clone(), digest: Some(digest.clone()), is_learnt: false };
        // It ran, so it is a way back, whatever order tags have.
        let ran = update.map(|update| update.level);
        let level = goes_back(&running, &before, (update, ran), None).or(ran);
        let level = level.unwrap_or(Level::Digest);
        let question = ledger.open(now).map(|question| &question.terms);
        let question = question.filter(|it| it.allows == Allows::Back && it.tag == *tag && it.digest == *digest);
        // What another hand wrote is an update of nobody's, which nothing was told of.
        let of_another = || Undone {
            tag: before.tag.clone(),
            digest: left.clone(),
            failure: None,
            removed: Vec::new(),
            before: None,
            at_once: false,
        };
        let undone = update.map_or_else(of_another, |update| Undone::of(update, tag, None, now));
        let main = Update {
            from: before.written(),
            from_digest: Some(left.clone()),
            level,
            by: by.clone(),
            question: question.cloned(),
            with: Self::went_with(work, target, &before),
            undoes: Some(Box::new(undone)),
            ..written(target, tag, digest, now)
        };
        let note = format!("{}: {} → {tag} (by {by})", target.container, before.tag);
        work.draft.announce(WorkloadEvent::WentBack(note));
        let why = format!("by {by}");
        let (from, to) = (before.tag.clone(), tag.clone());
        work.draft.report(&target.container, report::Outcome::GoesBack { from, to, why });
        self.write_all(work, target, &main);
        Ok(())
    }

    /// Other containers that ran the same, and run the same now.
    pub(crate) fn went_with(work: &Work, target: &Target, before: &Running) -> Vec<Box<str>> {
        let ran = |name: &str| work.ledger(name).and_then(|ledger| ledger.runs.as_ref()) == Some(before);
        let together = target.workload.together(&target.container).into_iter().map(|other| other.name.clone());
        together.filter(|name| **name != *target.container && ran(name)).collect()
    }

    /// Takes over that an update is written, and with which containers.
    fn write_all(&self, work: &mut Work, target: &Target, main: &Update) {
        let now = self.0.ambient.now();
        for other in main.with.clone() {
            let told_by = Some(target.container.as_str().into());
            let update = Update { with: Vec::new(), question: None, told_by, ..main.clone() };
            work.draft.guard(&other);
            work.draft.on(&other, Event::Write(Box::new(update)), now);
        }
        work.draft.guard(&target.container);
        work.draft.on(&target.container, Event::Write(Box::new(main.clone())), now);
    }

    /// Not this version; the setting that says so stands on the workload already.
    fn skipped(&self, work: &mut Work, target: &Target, id: &ApprovalId, by: &Actor) -> Result<(), Moot> {
        self.asked_now(work, target, id)?;
        work.draft.on(&target.container, Event::Skip { by: by.clone() }, self.0.ambient.now());
        Ok(())
    }

    /// What is held is held no more, and people are asked.
    fn let_go(&self, work: &mut Work, target: &Target, version: &Tag, by: &Actor) -> Result<(), Moot> {
        let held = work.ledger(&target.container).and_then(|ledger| ledger.held.as_ref());
        let digest = held.filter(|held| held.tag == *version).ok_or(Moot::NotHeld)?.digest.clone();
        let of = (target.container.as_str(), self.0.bounds.forced.mode);
        let with = work.draft.record.hold_with(&target.workload, of, (version, digest.as_ref()));
        for container in [target.container.as_str()].into_iter().chain(with.iter().map(|name| &**name)) {
            let note = format!("{container}: {version} is held no more, and people are asked, by {by}");
            work.draft.announce(WorkloadEvent::HeldReleased(note));
            work.draft.on(container, Event::LetGo { by: by.clone() }, self.0.ambient.now());
        }
        Ok(())
    }
}

/// Who annotated, as far as that may count: of several who have to approve, a name that anybody may write is none.
fn known_of(by: &Actor, needed: Quorum) -> Actor {
    match by {
        Actor::Command(_) if !needed.is_one() => Actor::Command(None),
        by => by.clone(),
    }
}

/// An update to what runs already.
pub(crate) fn written(target: &Target, tag: &Tag, digest: &Digest, at: chrono::DateTime<chrono::Utc>) -> Update {
    Update {
        tag: tag.clone(),
        digest: digest.clone(),
        from: String::new(),
        from_digest: None,
        level: Level::Digest,
        at,
        by: Actor::Policy,
        outcome: Outcome::RollingOut,
        ended: None,
        failure: None,
        left: None,
        question: None,
        with: Vec::new(),
        told_by: None,
        declares: Kinds::default(),
        standstill: Standstill::default(),
        stalled_before: stalled(&target.workload),
        template_before: target.workload.template_by_others,
        template: None,
        undoes: None,
        ran_well: None,
        stood: false,
        failed_before: None,
        group: None,
        told_elsewhere: false,
    }
}

/// The question, if it is this one, and about an update.
fn asked_for(question: Option<&Question>, id: &ApprovalId) -> Result<Question, Moot> {
    let is_it = |question: &&Question| question.terms.id == *id && question.terms.allows == Allows::Update;
    question.filter(is_it).cloned().ok_or(Moot::NotAsked)
}
