//! A new link in the place of a list's whose time is over, for whom that was sent to and for nobody else.

use std::sync::Arc;

use super::Answer;
use super::list::{OpenedList, PATIENCE};
use crate::cluster::Cluster;
use crate::domain::event::{Delivery, Job, Notice, Told};
use crate::domain::gathering::within;
use crate::domain::listing::MOST_LISTED;
use crate::domain::reference::ImageReference;
use crate::domain::workload::Workload;
use crate::queue::{Queue, Records};
use crate::reconcile::{Reconciler, StepError};
use crate::registry::Registry;
use crate::telemetry::chain;

/// What came of asking for a new link to a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RenewedList {
    /// It is on its way.
    Sent,
    /// It was sent a moment ago.
    Lately,
    /// Nothing of it is asked any more.
    Nothing,
}

impl<Q: Queue + Records, R: Registry, C: Cluster> Reconciler<Q, R, C> {
    /// Whether anything that a list was about is asked still, as far as that can be said without asking anybody.
    ///
    /// # Errors
    /// Where what is known of a workload can't be read now.
    pub async fn is_list_renewable(&self, list: &OpenedList) -> Result<bool, StepError> {
        Ok(!self.asked_still(list).await?.is_empty())
    }

    /// Sends one message about all of it that would be asked today, with a new link; several where that is too much for one.
    ///
    /// # Errors
    /// Where what is known of a workload can't be read now, or the message not be stored.
    pub async fn renew_list(&self, list: &OpenedList, trace: &str) -> Result<RenewedList, StepError> {
        let link = (list.listing.name().to_owned(), list.holder.clone());
        if !self.1.renewals.may(link.clone(), self.0.ambient.monotonic()) {
            return Ok(RenewedList::Lately);
        }
        let sent = self.list_sent_anew(list, trace).await;
        if !matches!(sent, Ok(RenewedList::Sent)) {
            self.1.renewals.forget(&link);
        }
        sent
    }

    async fn list_sent_anew(&self, list: &OpenedList, trace: &str) -> Result<RenewedList, StepError> {
        let (mut notices, begun) = (Vec::new(), self.0.ambient.monotonic());
        for (workload, container) in self.asked_still(list).await? {
            if self.0.ambient.monotonic().saturating_sub(begun) > PATIENCE {
                break;
            }
            let id = workload.id.clone();
            match self.asked_again(list, workload, &container, trace).await {
                Ok(notice) => notices.extend(notice),
                Err(error) => {
                    tracing::warn!(workload = %id, container, error = %chain(&error), "this question of a list can't be asked again now");
                }
            }
        }
        let (channel, recipient) = list.holder.split_once(':').unwrap_or((&list.holder, ""));
        let message = |told| {
            let delivery = Delivery { channel: channel.to_owned(), recipient: recipient.to_owned(), told };
            Job::Deliver(Box::new(delivery))
        };
        // What is more than one message may have has a link of its own.
        let messages: Vec<Job> =
            within(notices, |notice| notice).into_iter().filter_map(Told::of).map(message).collect();
        if messages.is_empty() {
            return Ok(RenewedList::Nothing);
        }
        self.put(messages, trace).await?;
        Ok(RenewedList::Sent)
    }

    /// The containers about which its holder would be asked still, by namespace and name.
    async fn asked_still(&self, list: &OpenedList) -> Result<Vec<(Arc<Workload>, String)>, StepError> {
        let mut all = Vec::new();
        for workload in self.asking() {
            let draft = self.draft(workload).await?;
            for (container, ledger) in draft.record.ledgers() {
                let Some(question) = &ledger.question else { continue };
                let approval = question.terms.approval(&draft.workload.id, container);
                if all.len() >= MOST_LISTED || !self.is_on(list, &draft.workload, &approval) {
                    continue;
                }
                let asked =
                    self.about(&draft.workload, approval, question, (list.holder.clone(), list.signed_in.as_ref()));
                if self.is_renewable(&asked, question, &draft) {
                    all.push((Arc::clone(&draft.workload), container.to_owned()));
                }
            }
        }
        Ok(all)
    }

    /// What is told of one of them, if it would be asked today.
    async fn asked_again(
        &self,
        list: &OpenedList,
        workload: Arc<Workload>,
        container: &str,
        trace: &str,
    ) -> Result<Option<Notice>, StepError> {
        let draft = self.draft(workload).await?;
        let known = draft.record.known(container);
        let (Some(question), held) = (known.question.clone(), known.held.clone()) else { return Ok(None) };
        let approval = question.terms.approval(&draft.workload.id, container);
        let asked = self.about(&draft.workload, approval, &question, (list.holder.clone(), list.signed_in.as_ref()));
        let is_asked = matches!(self.stands(asked.clone(), &question, &draft), Answer::Open(_) | Answer::Snoozed(..));
        let Ok(from) = ImageReference::parse(&asked.approval.from_image) else { return Ok(None) };
        if !is_asked || !self.may(&asked).await? {
            return Ok(None);
        }
        let target = self.target(&asked, &from).await;
        let question = self.open_or_anew(&asked, question, draft, trace).await?;
        Ok(question.ok().map(|question| self.notice_anew(&target, &question, held.as_ref())))
    }
}
