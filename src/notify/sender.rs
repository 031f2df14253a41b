//! Takes deliveries from the queue to their channels.

use std::cmp::Ordering;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;
use url::Url;

use super::{Attempt, Channels, review_link};
use crate::ambient::Ambient;
use crate::domain::approval::{Approval, LinkKey};
use crate::domain::event::{Delivery, Job, NoticeKind};
use crate::domain::history::History;
use crate::domain::release::{Language, ReleaseNotes};
use crate::domain::retry::RetryAfter;
use crate::domain::workload::Workload;
use crate::queue::worker::Verdict;
use crate::queue::{Leased, QueueAdmin};
use crate::telemetry::chain;
use crate::telemetry::metrics::{DeliveryResult, Metrics};

/// Finds a watched workload by its uid.
pub type FindWorkload = Arc<dyn Fn(&str) -> Option<Arc<Workload>> + Send + Sync>;
/// Finds the notes for a message in a language, which has been waiting since a moment.
pub type FindNotes =
    Arc<dyn Fn(&Delivery, Language, DateTime<Utc>) -> BoxFuture<'static, Option<ReleaseNotes>> + Send + Sync>;

/// Takes deliveries from the queue to their channels.
pub struct Sender {
    /// The configured channels.
    pub channels: Arc<Channels>,
    /// What is watched.
    pub workloads: FindWorkload,
    /// Under which links begin; without it messages carry none.
    pub base_url: Option<Url>,
    /// What signs links.
    pub link_key: LinkKey,
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
        let link = self.base_url.as_ref().and_then(|base| review_link(base, &self.link_key, delivery));
        let notes = (self.notes)(delivery, self.channels.language(&delivery.channel), leased.created).await;
        let attempt = self.channels.deliver(delivery, link.as_deref(), notes.as_ref(), &self.ambient).await;
        let (result, verdict) = match attempt {
            Attempt::Delivered => {
                tracing::info!(channel = delivery.channel, delivery_id = delivery.id(), event = delivery.notice.kind.as_str(), workload = %delivery.notice.workload, outcome = "delivered", "the message is delivered");
                ("delivered", Verdict::Done)
            }
            Attempt::Retry { at, reason } => {
                let told = at.map(RetryAfter::at);
                ("retry", Verdict::Retry { told, reason })
            }
            Attempt::GaveUp { reason } => ("dead", Verdict::Dead { reason }),
        };
        self.count(delivery, result);
        verdict
    }

    /// Why a question need not be asked any more: it was answered, replaced, or its time is over.
    fn is_stale(&self, delivery: &Delivery) -> Option<&'static str> {
        let notice = &delivery.notice;
        let approval = notice.approval.as_ref().filter(|_| notice.kind == NoticeKind::Available)?;
        if self.ambient.now() >= approval.expires {
            return Some("its link has expired");
        }
        // What is not seen yet is no reason to keep quiet: only what is known to be over is.
        let workload = (self.workloads)(&notice.workload.uid)?;
        over(&workload, &notice.container, &approval.id)
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
fn over(workload: &Workload, container: &str, approval: &str) -> Option<&'static str> {
    if History::read(workload.annotation("history")).decided_by(approval).is_some() {
        return Some("it was answered");
    }
    let (newest, _) = Approval::proposed(workload, container)?;
    match newest.id.as_str().cmp(approval) {
        Ordering::Greater => Some("a newer question took its place"),
        Ordering::Equal if !newest.is_open(workload) => Some("it was closed: there is nothing to ask any more"),
        // What is asked here is not seen there yet.
        Ordering::Equal | Ordering::Less => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::workload::tests::workload;

    fn asked(id: &str, open: bool) -> Workload {
        let digest = format!("sha256:{}", "a".repeat(64));
        let proposal = serde_json::json!({
            "approval": {"id": id, "key": "k", "expires": 1_795_259_200, "nonce": "n"},
            "uid": "uid-1", "tag": "1.0.1", "digest": digest, "from": "web:1.0.0", "level": "patch", "asked": "",
        });
        let token = format!("v1:k:{id}:1795259200");
        let mut annotations = vec![("proposal", proposal.to_string())];
        annotations.extend(open.then_some(("token-update", token)));
        let annotations: Vec<(&str, &str)> = annotations.iter().map(|(name, value)| (*name, value.as_str())).collect();
        workload(&[("web", "web:1.0.0")], &annotations)
    }

    #[test]
    fn a_question_is_over_when_its_record_says_so() {
        let ids = ["apr_01JGJ0EZ8M3C9S6D4K2P7Q1R0T", "apr_01JGJ0EZ8M3C9S6D4K2P7Q1R0V"];
        assert_eq!(over(&asked(ids[0], true), "web", ids[0]), None, "it is open");
        assert!(over(&asked(ids[0], false), "web", ids[0]).is_some_and(|why| why.contains("closed")));
        assert!(over(&asked(ids[1], true), "web", ids[0]).is_some_and(|why| why.contains("newer")));
        assert!(over(&asked(ids[1], false), "web", ids[0]).is_some_and(|why| why.contains("newer")));
        assert_eq!(over(&asked(ids[0], false), "web", ids[1]), None, "it is not seen yet");
        assert_eq!(over(&workload(&[("web", "web:1.0.0")], &[]), "web", ids[0]), None);
    }
}
