//! Which approval a token is about, and how that stands.

use std::sync::Arc;

use super::asked::Asked;
use super::{About, Answer, Answerable, Applied, Successor, decided};
use crate::cluster::{Cluster, annotations};
use crate::domain::actor::SignedIn;
use crate::domain::approval::{Allows, Approval, ApprovalId, Terms, Token};
use crate::domain::history::{Choice, Entry, Outcome, Ran};
use crate::domain::record::sealed::Opened;
use crate::domain::record::{Known, Question, Update};
use crate::domain::reference::Tag;
use crate::domain::refusal::Refusal;
use crate::domain::workload::{Workload, WorkloadId};
use crate::queue::{Queue, Records};
use crate::reconcile::draft::Draft;
use crate::reconcile::{Reconciler, StepError};
use crate::registry::Registry;

/// Where a link's approval was found.
pub(super) enum Found {
    Current { asked: Box<Asked>, question: Box<Question>, draft: Box<Draft> },
    Superseded { version: Tag, newer: Tag, by: Successor },
    Answered(Answer),
}

impl<Q: Queue + Records, R: Registry, C: Cluster> Reconciler<Q, R, C> {
    /// Whether there is anything that a token could be about, whatever its signature.
    #[must_use]
    pub fn is_recorded(&self, token: &Token) -> bool {
        self.is_of_brake(token)
            || self.0.cluster.names(token.approval())
            || !self.1.repairs.naming(token.approval()).is_empty()
            || self.0.cluster.departed(token.approval()).is_some()
    }

    /// The workload that a link is about, where no other has a copy of its record. Whether the link is one, this does not say.
    #[must_use]
    pub fn workload_of(&self, token: &Token) -> Option<WorkloadId> {
        match &*self.naming(token.approval()) {
            [] => self.0.cluster.departed(token.approval()).map(|workload| workload.id.clone()),
            [only] => Some(only.id.clone()),
            _ => None,
        }
    }

    /// The workloads whose record names an approval, or named it when it was last read.
    pub(super) fn naming(&self, approval: &ApprovalId) -> Vec<Arc<Workload>> {
        let mut all = self.0.cluster.naming(approval);
        all.extend(self.1.repairs.naming(approval).iter().filter_map(|uid| self.0.cluster.by_uid(uid)));
        all
    }

    /// The approval behind a token, if its signature is right for one of the configured recipients. The signature
    /// binds namespace, kind, name and uid, so that of all workloads whose record names the approval one at most is
    /// meant, whoever copied that record.
    pub(super) async fn find(&self, token: &Token, by: Option<&SignedIn>) -> Result<Option<Found>, StepError> {
        Ok(self.find_held(token, by).await?.map(|(_, found)| found))
    }

    /// The same, with who holds it.
    pub(super) async fn find_held(
        &self,
        token: &Token,
        by: Option<&SignedIn>,
    ) -> Result<Option<(String, Found)>, StepError> {
        let candidates = self.naming(token.approval());
        let departed = self.0.cluster.departed(token.approval());
        if candidates.is_empty() && departed.is_none() {
            return Ok(None);
        }
        let holders = self.0.audience.holders();
        for workload in candidates {
            let draft = self.draft(workload).await?;
            if let Some(found) = self.found((token, by), &holders, draft) {
                return Ok(Some(found));
            }
        }
        Ok(departed.and_then(|workload| self.found_gone((token, by), &holders, &workload)))
    }

    /// What is said of a link about an object that is gone, as it was last seen: what became of it, or that it changed.
    fn found_gone(
        &self,
        (token, by): (&Token, Option<&SignedIn>),
        holders: &[String],
        workload: &Arc<Workload>,
    ) -> Option<(String, Found)> {
        let (Opened::Ours(record) | Opened::WithoutHistory(record)) = annotations::open(workload, &self.0.keys) else {
            return None;
        };
        let (container, known) = record.find(token.approval())?;
        let approval = known.terms().approval(&workload.id, container);
        let holder = approval.holder(token, &self.0.keys, holders, self.0.ambient.now())?.to_owned();
        let ledger = record.ledger(container)?;
        if let Some(answered) = ledger.answered_like(&known) {
            let answer = decided(&record, (workload, container), answered);
            let answer = if self.0.cluster.is_unwatched(&workload.id.uid) { answer } else { since_gone(answer) };
            return Some((holder, Found::Answered(answer)));
        }
        let asked = self.about(workload, approval, ledger.question.as_ref()?, (holder.clone(), by));
        let asked = Asked { is_unwatched: self.0.cluster.is_unwatched(&workload.id.uid), ..asked };
        Some((holder, Found::Answered(Answer::Changed(Box::new(asked)))))
    }

    /// What is known of a token's approval, if its signature is right.
    fn found(
        &self,
        (token, by): (&Token, Option<&SignedIn>),
        holders: &[String],
        draft: Draft,
    ) -> Option<(String, Found)> {
        let id = &draft.workload.id;
        let (container, known) = draft.record.find(token.approval())?;
        let approval = known.terms().approval(id, container);
        let holder = approval.holder(token, &self.0.keys, holders, self.0.ambient.now())?.to_owned();
        let ledger = draft.record.ledger(container)?;
        if let Some(answered) = ledger.answered_like(&known) {
            let answer = decided(&draft.record, (&draft.workload, container), answered);
            return Some((holder, Found::Answered(answer)));
        }
        let question = Box::new(ledger.question.clone()?);
        // An old link to what is asked still says that its time is over.
        if let Known::Replaced(terms) = known
            && (terms.is_in_its_time(self.0.ambient.now()) || !question.terms.asks_the_same(terms))
        {
            let superseded = self.superseded(terms, (container, &question), &draft, (holder.clone(), by));
            return Some((holder, superseded));
        }
        let held = ledger.held.clone();
        let ran = choices(&draft, &approval);
        let asked = self.about(&draft.workload, approval, &question, (holder.clone(), by));
        let asked = Box::new(Asked { held, ran, ..asked });
        Some((holder, Found::Current { asked, question, draft: Box::new(draft) }))
    }

    /// What took the place of what a link was about. Whether that can be answered, its own page says.
    fn superseded(
        &self,
        terms: &Terms,
        (container, newest): (&str, &Question),
        draft: &Draft,
        holder: (String, Option<&SignedIn>),
    ) -> Found {
        let approval = newest.terms.approval(&draft.workload.id, container);
        let asked = self.about(&draft.workload, approval, newest, holder);
        let answerable = match self.state(asked, newest, draft) {
            Answer::Open(_) | Answer::Snoozed(..) => Answerable::Now,
            Answer::Expired(asked) if asked.is_renewable => Answerable::ByNewLink,
            // What is closed stays so, whatever refuses it now.
            Answer::Refused(..) if !newest.is_closed() => Answerable::NotNow,
            _ => Answerable::NoMore,
        };
        let by = Successor { about: About::of(terms, &newest.terms), answerable };
        Found::Superseded { version: terms.tag.clone(), newer: newest.terms.tag.clone(), by }
    }

    /// What can be said of a question without asking anybody.
    pub(super) fn state(&self, asked: Asked, question: &Question, draft: &Draft) -> Answer {
        if self.0.ambient.now() >= asked.approval.expires {
            let is_renewable = self.is_renewable(&asked, question, draft);
            return Answer::Expired(Box::new(Asked { is_renewable, ..asked }));
        }
        self.stands(asked, question, draft)
    }

    /// The same, whatever its time.
    pub(super) fn stands(&self, asked: Asked, question: &Question, draft: &Draft) -> Answer {
        let now = self.0.ambient.now();
        let (workload, approval) = (&asked.workload, &asked.approval);
        let together = workload.together(&approval.container);
        let is_bound = question.group.as_ref().map(|plan| plan.binding()) == question.terms.group;
        // What is held is let go by whoever holds it still.
        let is_held = question.terms.allows == Allows::Held;
        let goes_with = |name: &str| is_held || together.iter().any(|other| *other.name == *name);
        if !asked.runs_still() || !is_bound || !question.with.iter().all(|name| goes_with(name)) {
            return Answer::Changed(Box::new(asked));
        }
        if self.0.cluster.is_dry_run() {
            return Answer::Refused(Box::new(asked), Refusal::DryRun);
        }
        let refuses = |one: &str| self.at_sight(&asked.of(one), &draft.record).err();
        let refusal = if is_held { refuses(&asked.approval.container) } else { asked.containers().find_map(refuses) };
        if let Some(refusal) = refusal {
            return Answer::Refused(Box::new(asked), refusal);
        }
        if let Some(why) = question.closed() {
            return Answer::Over(Box::new(asked), why);
        }
        match question.snoozed_until(now) {
            Some(until) => Answer::Snoozed(Box::new(asked), until),
            None => Answer::Open(Box::new(asked)),
        }
    }
}

/// What became of an answered question whose object is gone: what its record calls running or healthy runs there no more, whatever
/// has its name by now.
fn since_gone(answer: Answer) -> Answer {
    let replaced = |applied: Applied| match applied.outcome() {
        Outcome::Healthy | Outcome::RollingOut => {
            Box::new(Applied::from(Entry { outcome: Outcome::Replaced, ..applied.entry }))
        }
        Outcome::Failed | Outcome::Replaced | Outcome::Skipped | Outcome::Resumed => Box::new(applied),
    };
    match answer {
        Answer::Approved(applied) => Answer::Approved(replaced(*applied)),
        Answer::WentBack(applied) => Answer::WentBack(replaced(*applied)),
        other => other,
    }
}

/// What can be gone back to, beside what is asked: of the history what neither runs nor is held, and what ran well last where
/// what ran before never did. A group goes back together.
pub(super) fn choices(draft: &Draft, approval: &Approval) -> Vec<Ran> {
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
