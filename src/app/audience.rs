//! Where two stages meet: the channels as the sequencer sees them, and a delivery's way out of the queue.

use std::cmp::Ordering;
use std::sync::Arc;
use std::time::Duration;

use url::Url;

use super::notes::NotesDesk;
use crate::ambient::Ambient;
use crate::cluster::{Cluster as _, KubeCluster};
use crate::config::Config;
use crate::config::channel::{ChannelConfig, Target};
use crate::domain::approval::{Approval, LinkKey};
use crate::domain::event::{Delivery, Job, Notice, NoticeKind};
use crate::domain::history::History;
use crate::domain::retry::RetryAfter;
use crate::domain::workload::Workload;
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
    pub(super) link_key: LinkKey,
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
        let link = self.base_url.as_ref().and_then(|base| review_link(base, &self.link_key, delivery));
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
        let approval = notice.approval.as_ref().filter(|_| notice.kind == NoticeKind::Available)?;
        if self.ambient.now() >= approval.expires {
            return Some("its link has expired");
        }
        // What is not seen yet is no reason to keep quiet: only what is known to be over is.
        let workload = self.cluster.by_uid(&notice.workload.uid)?;
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
