//! Where two stages meet: the channels as the sequencer sees them, and a delivery's way out of the queue.

use std::sync::Arc;
use std::time::Duration;

use url::Url;

use super::notes::NotesDesk;
use crate::ambient::Ambient;
use crate::cluster::{Cluster as _, KubeCluster, annotations};
use crate::config::Config;
use crate::config::channel::{ChannelConfig, Target};
use crate::domain::approval::{ApprovalId, LinkKeys};
use crate::domain::event::{Delivery, Job, Notice, NoticeKind};
use crate::domain::record::sealed::Opened;
use crate::domain::record::{Known, Record, Stands};
use crate::domain::retry::RetryAfter;
use crate::notify::email::EmailChannel;
use crate::notify::slack::SlackChannel;
use crate::notify::webhook::WebhookChannel;
use crate::notify::{Attempt, Channel, Channels, Transport, review_link};
use crate::outbound::{Outbound, Reach};
use crate::queue::Leased;
use crate::queue::sqlite::SqliteQueue;
use crate::queue::worker::Verdict;
use crate::reconcile::Audience;
use crate::registry::Observer;
use crate::telemetry::metrics::{DeliveryResult, Metrics};

/// The channels, as the sequencer sees them.
pub(super) struct Messages(pub(super) Arc<Channels>);

impl Audience for Messages {
    fn deliveries(&self, notice: &Notice, only: Option<&[String]>) -> Vec<Delivery> {
        self.0.deliveries(notice, only)
    }

    fn holders(&self) -> Vec<String> {
        self.0.recipients()
    }
}

/// Counts what the registry client asks.
pub(super) struct Counted(pub(super) Metrics);

impl Observer for Counted {
    fn request(&self, host: &str, operation: &'static str, code: &str, took: Duration) {
        self.0.registry_request(host, operation, code, took);
    }

    fn left_alone(&self, hosts: usize) {
        self.0.registries_left_alone.set(i64::try_from(hosts).unwrap_or(i64::MAX));
    }
}

/// The configured channels.
pub(super) fn channels(config: &Config, outbound: &Outbound) -> anyhow::Result<Channels> {
    let transport = |target: &Target| {
        anyhow::Ok(match target {
            Target::Email(mail) => {
                let email = EmailChannel::new(&mail.smtp, mail.from.clone(), mail.to.clone(), outbound)?;
                Transport::Email(Box::new(email))
            }
            Target::Slack(url) => Transport::Slack(SlackChannel::new(outbound.client(Reach::Named)?, url.clone())),
            Target::Webhook(webhook) => {
                let client = outbound.client(Reach::Named)?;
                Transport::Webhook(WebhookChannel::new(client, webhook.url.clone(), webhook.secrets.clone()))
            }
        })
    };
    let channel = |config: &ChannelConfig| {
        anyhow::Ok(Channel::new(config.name.clone(), config.scope.clone(), transport(&config.target)?))
    };
    Ok(Channels::new(config.channels.iter().map(channel).collect::<anyhow::Result<_>>()?))
}

/// Takes deliveries from the queue to their channels.
pub(super) struct Sender {
    pub(super) channels: Arc<Channels>,
    pub(super) cluster: KubeCluster,
    pub(super) base_url: Option<Url>,
    pub(super) keys: LinkKeys,
    pub(super) notes: Arc<NotesDesk<SqliteQueue>>,
    pub(super) ambient: Ambient,
    pub(super) metrics: Metrics,
}

impl Sender {
    /// One attempt at one delivery.
    pub(super) async fn send(&self, leased: &Leased) -> Verdict {
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
        let link = self.base_url.as_ref().and_then(|base| review_link(base, &self.keys, delivery));
        let notes = self.notes.for_message(delivery, leased.created).await;
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
        let approval =
            notice.approval.as_ref().filter(|_| matches!(notice.kind, NoticeKind::Available | NoticeKind::Held))?;
        if self.ambient.now() >= approval.expires {
            return Some("its link has expired");
        }
        // What is not seen yet is no reason to keep quiet: only what is known to be over is.
        let workload = self.cluster.by_uid(&notice.workload.uid)?;
        match annotations::open(&workload, &self.keys) {
            Opened::Ours(record) | Opened::WithoutHistory(record) => over(&record, &notice.container, &approval.id),
            // What is not ours says nothing.
            _ => None,
        }
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
    use super::*;
    use crate::domain::record::Event;
    use crate::domain::record::tests::question;

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
