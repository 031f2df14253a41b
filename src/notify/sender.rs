//! Takes deliveries from the queue to their channels.

use std::borrow::Cow;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;
use url::Url;

use super::{Attempt, Channels, review_link};
use crate::ambient::Ambient;
use crate::domain::approval::{ApprovalId, LinkKeys};
use crate::domain::event::{Delivery, Job, NoLink, Notice};
use crate::domain::record::{Known, Record, Stands};
use crate::domain::release::{Language, ReleaseNotes};
use crate::domain::retry::RetryAfter;
use crate::queue::worker::Verdict;
use crate::queue::{Leased, QueueAdmin};
use crate::telemetry::chain;
use crate::telemetry::metrics::{DeliveryResult, Metrics};

/// Finds the record of a watched workload by its uid, as far as it is ours: what is not ours says nothing.
pub type FindRecord = Arc<dyn Fn(&str) -> Option<Record> + Send + Sync>;
/// Finds the notes for a message in a language, which has been waiting since a moment.
pub type FindNotes =
    Arc<dyn Fn(&Delivery, Language, DateTime<Utc>) -> BoxFuture<'static, Option<ReleaseNotes>> + Send + Sync>;

/// Takes deliveries from the queue to their channels.
pub struct Sender {
    /// The configured channels.
    pub channels: Arc<Channels>,
    /// What is known of workloads.
    pub records: FindRecord,
    /// Under which links begin; without it messages carry none.
    pub base_url: Option<Url>,
    /// What signs links.
    pub keys: LinkKeys,
    /// What an update changes, as far as it is known in time.
    pub notes: FindNotes,
    /// Clock and chance.
    pub ambient: Ambient,
    /// Where deliveries are counted.
    pub metrics: Metrics,
}

impl std::fmt::Debug for Sender {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sender")
    }
}

impl Sender {
    /// One attempt at one delivery.
    pub async fn send(&self, leased: &Leased) -> Verdict {
        let Job::Deliver(delivery) = &leased.job else {
            return Verdict::Dead { reason: "not a message".into() };
        };
        if let Some(reason) = self.is_stale(delivery) {
            tracing::info!(
                channel = delivery.channel,
                delivery_id = delivery.id(),
                reason,
                outcome = "dropped",
                "the message is not sent"
            );
            self.count(delivery, "dropped");
            return Verdict::Done;
        }
        let delivery = &explained(delivery, self.base_url.is_some());
        let now = self.ambient.now();
        let link = self.base_url.as_ref().and_then(|base| review_link(base, &self.keys, delivery, now));
        let notes = (self.notes)(delivery, self.channels.language(&delivery.channel), leased.created).await;
        let attempt = self.channels.deliver(delivery, link.as_deref(), notes.as_ref(), &self.ambient).await;
        let (result, verdict) = match attempt {
            Attempt::Delivered => {
                tracing::info!(channel = delivery.channel, delivery_id = delivery.id(), event = delivery.notice.kind.as_str(), workload = %delivery.notice.workload, outcome = "delivered", "the message is delivered");
                ("delivered", Verdict::Done)
            }
            Attempt::Retry { at, reason } => {
                let retry_after = at.map(RetryAfter::at);
                ("retry", Verdict::Retry { retry_after, no_later: None, reason })
            }
            Attempt::GaveUp { reason } => ("dead", Verdict::Dead { reason }),
        };
        self.count(delivery, result);
        verdict
    }

    /// Why a question need not be asked any more: it was answered, replaced, or its time is over.
    fn is_stale(&self, delivery: &Delivery) -> Option<&'static str> {
        let notice = &delivery.notice;
        // How an update ended is news, whatever can be answered to it still.
        let approval = notice.approval.as_ref().filter(|_| notice.asks() && !notice.kind.is_end())?;
        if self.ambient.now() >= approval.expires {
            return Some("its link has expired");
        }
        // What is not seen yet is no reason to keep quiet: only what is known to be over is.
        let record = (self.records)(&notice.workload.uid)?;
        over(&record, &notice.container, &approval.id)
    }

    fn count(&self, delivery: &Delivery, result: &str) {
        let labels = DeliveryResult {
            channel: delivery.channel.clone(),
            event: delivery.notice.kind.as_str().into(),
            result: result.into(),
        };
        self.metrics.deliveries.get_or_create(&labels).inc();
    }
}

/// The same message, which says why it has no link where that is for want of an address.
fn explained(delivery: &Delivery, has_base_url: bool) -> Cow<'_, Delivery> {
    let notice = &delivery.notice;
    if !notice.asks() || has_base_url {
        return Cow::Borrowed(delivery);
    }
    let notice = Notice { no_link: Some(NoLink::NoBaseUrl), ..notice.clone() };
    Cow::Owned(Delivery { notice, ..delivery.clone() })
}

/// Makes dead letters of messages for channels that are not configured any more: nobody would ever take them, so they are
/// shown as what they are.
pub async fn bury_messages_of_removed_channels<Q: QueueAdmin>(queue: &Q, channels: &Channels) {
    match queue.bury_all_but(&channels.names()).await {
        Ok(buried) => {
            for (channel, messages) in buried {
                tracing::warn!(
                    channel,
                    messages,
                    "messages waited for a channel that is not configured any more, and are dead letters now"
                );
            }
        }
        Err(error) => {
            let error = chain(&error);
            tracing::warn!(%error, "whether messages wait for channels that were removed can't be seen");
        }
    }
}

/// Why nobody needs to be asked any more, as far as the workload's record says so.
fn over(record: &Record, container: &str, approval: &str) -> Option<&'static str> {
    let approval = ApprovalId::parse(approval)?;
    match record.find(&approval) {
        Some((_, Known::Answered(_))) => Some("it was answered"),
        Some((_, Known::Replaced(_))) => Some("a newer question took its place"),
        Some((_, Known::Newest(question))) => {
            matches!(question.stands, Stands::Closed(_)).then_some("it was closed: there is nothing to ask any more")
        }
        None => {
            let newest = record.ledger(container).and_then(|ledger| ledger.question.as_ref());
            newest.filter(|newest| newest.terms.id > approval).map(|_| "a newer question took its place")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::asking;
    use super::*;
    use crate::domain::event::NoticeKind;
    use crate::domain::record::Event;
    use crate::domain::record::tests::question;

    #[test]
    fn a_question_without_address_says_why_it_has_no_link() {
        let asking = asking();
        assert_eq!(explained(&asking, true).notice.no_link, None);
        let said = explained(&asking, false);
        assert_eq!((said.notice.no_link, said.id()), (Some(NoLink::NoBaseUrl), asking.id()));
        let mut applied = asking.clone();
        applied.notice.kind = NoticeKind::Applied;
        assert_eq!(explained(&applied, false).notice.no_link, None, "nothing is asked");
    }

    #[test]
    fn a_question_is_over_when_its_record_says_so() {
        let now = chrono::DateTime::from_timestamp(1_795_000_100, 0).unwrap();
        let (first, second) = (question(1), question(2));
        let over = |record: &Record, number| over(record, "web", question(number).terms.id.as_str());
        let mut record = Record::default();
        assert_eq!(over(&record, 1), None, "it is not seen yet");
        record.on("web", Event::Ask(Box::new(first)), now);
        assert_eq!(over(&record, 1), None, "it is open");
        assert_eq!(over(&record, 2), None, "it is not seen yet");
        record.on("web", Event::Ask(Box::new(second)), now);
        assert!(over(&record, 1).is_some_and(|why| why.contains("newer")));
        record.on("web", Event::NothingToAsk, now);
        assert!(over(&record, 2).is_some_and(|why| why.contains("closed")));
        assert!(over(&record, 0).is_some_and(|why| why.contains("newer")), "one that is forgotten");
        record.on("web", Event::Ask(Box::new(question(3))), now);
        record.on("web", Event::Skip { by: "link email".into() }, now);
        assert!(over(&record, 3).is_some_and(|why| why.contains("answered")));
    }
}
