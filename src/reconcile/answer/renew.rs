//! A new link in the place of one whose time is over, for whom that was sent to and for nobody else.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::Answer;
use super::asked::Asked;
use crate::cluster::Cluster;
use crate::domain::approval::{Allows, Terms};
use crate::domain::event::{Delivery, Job, Notice};
use crate::domain::record::{Event, Held, Question, Stands};
use crate::domain::reference::ImageReference;
use crate::domain::votes::Votes;
use crate::queue::{Queue, Records};
use crate::reconcile::draft::Draft;
use crate::reconcile::telling::notices::of_held;
use crate::reconcile::{Reconciler, StepError, Target};
use crate::registry::Registry;

/// A link has a new one sent once in so long.
const BETWEEN: Duration = Duration::from_secs(600);
/// Links of which that is remembered. Where it is more, nobody has one sent before the first of them is forgotten.
const MOST: usize = 1024;

/// Which links had a new one sent lately, by question and holder.
#[derive(Debug, Default)]
pub(in crate::reconcile) struct Renewals(Mutex<HashMap<(String, String), Duration>>);

impl Renewals {
    /// Whether a link may have a new one sent at `now`, a monotonic time, which is noted.
    pub(super) fn may(&self, link: (String, String), now: Duration) -> bool {
        let mut lately = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lately.retain(|_, sent| now.saturating_sub(*sent) < BETWEEN);
        let may = !lately.contains_key(&link) && lately.len() < MOST;
        if may {
            lately.insert(link, now);
        }
        may
    }

    /// It was not sent after all.
    pub(super) fn forget(&self, link: &(String, String)) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(link);
    }
}

impl<Q: Queue + Records, R: Registry, C: Cluster> Reconciler<Q, R, C> {
    /// Whether what an old link was about would be asked still, and its holder told of it, as far as that can be said without
    /// asking anybody.
    pub(super) fn is_renewable(&self, asked: &Asked, question: &Question, draft: &Draft) -> bool {
        self.has_renewals(asked, question)
            && matches!(self.stands(asked.clone(), question, draft), Answer::Open(_) | Answer::Snoozed(..))
    }

    /// Going back has its own time, and whoever is told no more is sent nothing.
    fn has_renewals(&self, asked: &Asked, question: &Question) -> bool {
        question.terms.allows != Allows::Back && self.is_read_by(&asked.holder, &asked.workload, &asked.approval)
    }

    /// Sends one, if the question would be asked today: that of the question that took its place, or of a new one.
    pub(super) async fn renew(&self, asked: &Asked, draft: Draft, trace: &str) -> Result<Answer, StepError> {
        let container = asked.approval.container.as_str();
        let Some(question) = draft.record.known(container).question.clone() else {
            return Ok(Answer::Changed(Box::new(asked.clone())));
        };
        match self.stands(asked.clone(), &question, &draft) {
            Answer::Open(_) | Answer::Snoozed(..) if self.has_renewals(asked, &question) => {}
            Answer::Open(_) | Answer::Snoozed(..) => return Ok(Answer::NotAllowed(Box::new(asked.clone()))),
            other => return Ok(other),
        }
        let link = (asked.approval.id.to_string(), asked.holder.clone());
        if !self.1.renewals.may(link.clone(), self.0.ambient.monotonic()) {
            return Ok(Answer::RenewedLately(Box::new(asked.clone())));
        }
        let sent = self.sent_anew(asked, question, draft, trace).await;
        if !matches!(sent, Ok(Answer::Renewed(_))) {
            self.1.renewals.forget(&link);
        }
        sent
    }

    async fn sent_anew(
        &self,
        asked: &Asked,
        question: Question,
        draft: Draft,
        trace: &str,
    ) -> Result<Answer, StepError> {
        let container = asked.approval.container.as_str();
        let Ok(from) = ImageReference::parse(&asked.approval.from_image) else {
            return Ok(Answer::Changed(Box::new(asked.clone())));
        };
        let target = self.target(asked, &from).await;
        let held = draft.record.known(container).held.clone();
        let question = match self.open_or_anew(asked, question, draft, trace).await? {
            Ok(question) => question,
            Err(refused) => return Ok(refused),
        };
        let notice = self.notice_anew(&target, &question, held.as_ref());
        let (channel, recipient) = asked.holder.split_once(':').unwrap_or((&asked.holder, ""));
        self.put(vec![Job::Deliver(Box::new(Delivery::of(channel, recipient, notice)))], trace).await?;
        Ok(Answer::Renewed(Box::new(asked.clone())))
    }

    /// The question as it is open still, or asked anew where it would be asked today; else why it would not.
    pub(super) async fn open_or_anew(
        &self,
        asked: &Asked,
        question: Question,
        draft: Draft,
        trace: &str,
    ) -> Result<Result<Question, Answer>, StepError> {
        if question.is_open(self.0.ambient.now()) {
            return Ok(Ok(question));
        }
        if question.terms.allows == Allows::Update
            && let Err(refused) = self.would_still_be_asked(asked, &draft, trace).await?
        {
            return Ok(Err(refused));
        }
        self.asked_anew(question, draft, &asked.approval.container).await.map(Ok)
    }

    /// The same question with a new name and time, in the place of the old one.
    async fn asked_anew(&self, old: Question, mut draft: Draft, container: &str) -> Result<Question, StepError> {
        let now = self.0.ambient.now();
        let Terms { from, from_digest, tag, digest, allows, group, .. } = old.terms.clone();
        let terms = Terms { group, ..self.new_terms(&from, from_digest, tag, digest, allows) };
        let stands = old.snoozed_until(now).map_or(Stands::Open, Stands::Snoozed);
        let question = Question { terms, asked: now, votes: Votes::default(), is_renewed: true, stands, ..old };
        draft.ask(container, question.clone(), now);
        draft.on(container, Event::Told, now);
        draft.answers_until.get_or_insert(now);
        self.commit(draft).await?;
        Ok(question)
    }

    /// Another message than the one that was stored when people were asked.
    pub(super) fn notice_anew(&self, target: &Target, question: &Question, held: Option<&Held>) -> Notice {
        let settings = self.settings(target).ok();
        let notice = match held.filter(|_| question.terms.allows == Allows::Held) {
            Some(held) => of_held(target, settings.as_ref(), held, Some(question)),
            None => self.asked_notice(target, settings.as_ref(), question),
        };
        Notice { again: Some(self.0.ambient.now()), reminder: 0, ..notice }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_has_a_new_one_once_in_a_while_and_so_many_are_remembered() {
        let renewals = Renewals::default();
        let link = |n: usize| (format!("apr_{n}"), "email:joe@example.com".to_owned());
        let now = Duration::from_secs(1000);
        assert!(renewals.may(link(0), now));
        assert!(!renewals.may(link(0), now + Duration::from_secs(599)));
        assert!(renewals.may(link(0), now + BETWEEN));
        let counted = (1..5000).filter(|n| renewals.may(link(*n), now + BETWEEN)).count();
        assert_eq!(counted, MOST - 1);
        renewals.forget(&link(1));
        assert!(renewals.may(link(1), now + BETWEEN), "it was not sent");
    }
}
