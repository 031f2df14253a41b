//! 8 of 10 · in: Delivery · out: a message at its recipient
//!
//! One file per channel. A recipient's refusal is data, not an error of ours. Messages are made when they are sent, so
//! no link and no rendered text is ever stored.

pub mod email;
mod posted;
mod sender;
pub mod slack;
#[cfg(test)]
mod snapshots;
mod view;
pub mod webhook;

pub use sender::{FindNotes, FindRecord, Sender, bury_messages_of_removed_channels};

use chrono::{DateTime, TimeDelta, Utc};
use url::Url;

use crate::ambient::Ambient;
use crate::domain::approval::LinkKeys;
use crate::domain::event::{Delivery, Notice, NoticeKind, holder};
use crate::domain::redaction::redacted;
use crate::domain::release::{Language, ReleaseNotes, Room};
use crate::domain::retry::Backoff;
use crate::domain::secret::Secret;
use email::EmailChannel;
use slack::SlackChannel;
use webhook::WebhookChannel;

/// How an attempt to deliver ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attempt<R = String> {
    /// The channel took it.
    Delivered,
    /// It may work later.
    Retry {
        /// Not before, if the channel said.
        at: Option<DateTime<Utc>>,
        /// What to tell people who look.
        reason: R,
    },
    /// It will never work.
    GaveUp {
        /// What to tell people who look.
        reason: R,
    },
}

/// Why an attempt failed, before it may be reported: a stranger's words can hold what the stranger was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Refusal {
    /// Our words, which hold no secret.
    ours: String,
    /// What the other side said.
    theirs: String,
}

impl Refusal {
    /// What is reported of it. The only way from a channel's answer to log and disk.
    fn redacted(&self, secrets: &[&str]) -> String {
        let theirs = redacted(&self.theirs, secrets);
        if theirs.is_empty() { self.ours.clone() } else { format!("{}: {theirs}", self.ours) }
    }
}

impl From<String> for Refusal {
    fn from(ours: String) -> Self {
        Self { ours, theirs: String::new() }
    }
}

impl Attempt<Refusal> {
    fn redacted(self, secrets: &[&str]) -> Attempt {
        match self {
            Self::Delivered => Attempt::Delivered,
            Self::Retry { at, reason } => Attempt::Retry { at, reason: reason.redacted(secrets) },
            Self::GaveUp { reason } => Attempt::GaveUp { reason: reason.redacted(secrets) },
        }
    }
}

/// The ways there are to reach somebody.
#[derive(Debug)]
pub enum Transport {
    /// Mail.
    Email(Box<EmailChannel>),
    /// A Slack incoming webhook.
    Slack(SlackChannel),
    /// A signed generic webhook.
    Webhook(WebhookChannel),
}

impl Transport {
    /// Who gets a message of their own; a channel with one address has one nameless recipient.
    fn recipients(&self) -> Vec<String> {
        match self {
            Self::Email(channel) => channel.recipients(),
            Self::Slack(_) | Self::Webhook(_) => vec![String::new()],
        }
    }

    /// People are notified of what they can decide and of how it ended; programs of everything.
    fn usually_wants(&self, kind: NoticeKind) -> bool {
        match self {
            Self::Webhook(_) => true,
            Self::Email(_) | Self::Slack(_) => !matches!(kind, NoticeKind::Granted | NoticeKind::Skipped),
        }
    }

    /// What must not be logged or stored, whoever repeats it.
    fn secrets(&self) -> Vec<&str> {
        match self {
            Self::Email(channel) => channel.password().into_iter().collect(),
            Self::Slack(channel) => secrets_of(channel.url()),
            Self::Webhook(channel) => secrets_of(channel.url()),
        }
    }

    fn room(&self) -> Room {
        match self {
            Self::Email(_) => email::ROOM,
            Self::Slack(_) => slack::ROOM,
            Self::Webhook(_) => webhook::ROOM,
        }
    }
}

/// What a channel is for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// The events it is notified of; none named is what its kind is usually notified of.
    pub events: Vec<NoticeKind>,
    /// The namespaces whose workloads it is notified of; none named is all.
    pub namespaces: Vec<String>,
    /// The language that a model writes in for it.
    pub language: Language,
}

/// A channel.
#[derive(Debug)]
pub struct Channel {
    name: String,
    scope: Scope,
    transport: Transport,
}

impl Channel {
    /// A channel of this name.
    #[must_use]
    pub fn new(name: String, scope: Scope, transport: Transport) -> Self {
        Self { name, scope, transport }
    }

    fn wants(&self, notice: &Notice) -> bool {
        let Scope { events, namespaces, .. } = &self.scope;
        let event =
            if events.is_empty() { self.transport.usually_wants(notice.kind) } else { events.contains(&notice.kind) };
        event && (namespaces.is_empty() || namespaces.iter().any(|name| **name == *notice.workload.namespace))
    }
}

/// The configured channels.
#[derive(Debug)]
pub struct Channels(Vec<Channel>);

impl Channels {
    /// These channels.
    #[must_use]
    pub fn new(channels: Vec<Channel>) -> Self {
        Self(channels)
    }

    /// Their names.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.0.iter().map(|channel| channel.name.clone()).collect()
    }

    /// Everybody who may hold a link, as `channel:address`.
    #[must_use]
    pub fn recipients(&self) -> Vec<String> {
        let of = |channel: &Channel| -> Vec<String> {
            channel.transport.recipients().iter().map(|recipient| holder(&channel.name, recipient)).collect()
        };
        self.0.iter().flat_map(of).collect()
    }

    /// One message for each recipient of each channel that wants this notice; `only` names channels, if set.
    #[must_use]
    pub fn deliveries(&self, notice: &Notice, only: Option<&[String]>) -> Vec<Delivery> {
        let named = |channel: &&Channel| only.is_none_or(|only| only.contains(&channel.name));
        let wanting = self.0.iter().filter(named).filter(|channel| channel.wants(notice));
        let delivery = |channel: &Channel, recipient| Delivery {
            channel: channel.name.clone(),
            recipient,
            notice: notice.clone(),
        };
        wanting
            .flat_map(|channel| channel.transport.recipients().into_iter().map(move |r| delivery(channel, r)))
            .collect()
    }

    /// Waits between attempts, and the age at which a message is given up. A program's outage may be long (Standard
    /// Webhooks, "Deliverability and Reliability"); a person needs no yesterday's news.
    #[must_use]
    pub fn backoff(&self, channel: &str) -> (Backoff, TimeDelta) {
        if self.find(channel).is_some_and(|channel| matches!(channel.transport, Transport::Webhook(_))) {
            (Backoff::seconds(5, 36_000, 5), TimeDelta::hours(76))
        } else {
            (Backoff::seconds(5, 3600, 3), TimeDelta::hours(24))
        }
    }

    /// The language that a model writes in for a channel.
    #[must_use]
    pub fn language(&self, channel: &str) -> Language {
        self.find(channel).map(|channel| channel.scope.language).unwrap_or_default()
    }

    /// The language of the channel of somebody who holds a link, as [`Channels::recipients`] names them.
    #[must_use]
    pub fn language_of_holder(&self, holder: &str) -> Language {
        self.language(holder.split(':').next().unwrap_or_default())
    }

    fn find(&self, name: &str) -> Option<&Channel> {
        self.0.iter().find(|channel| channel.name == name)
    }

    /// One attempt. `notes` are whole; a channel shows what it has room for.
    pub async fn deliver(
        &self,
        delivery: &Delivery,
        link: Option<&str>,
        notes: Option<&ReleaseNotes>,
        ambient: &Ambient,
    ) -> Attempt {
        let Some(channel) = self.find(&delivery.channel) else {
            return Attempt::GaveUp { reason: format!("the channel {} is no longer configured", delivery.channel) };
        };
        let notes = notes.map(|notes| notes.within(channel.transport.room()));
        let signature = link.and_then(|link| link.rsplit('.').next());
        let attempt = match &channel.transport {
            Transport::Email(email) => email.deliver(delivery, &view::View::of(delivery, link, notes), ambient).await,
            Transport::Slack(slack) => slack.deliver(&view::View::of(delivery, link, notes), ambient).await,
            Transport::Webhook(webhook) => webhook.deliver(delivery, link, notes.as_ref(), ambient).await,
        };
        attempt.redacted(&channel.transport.secrets().into_iter().chain(signature).collect::<Vec<_>>())
    }
}

/// The parts of an address that are long enough to be keys, as those of Slack's are.
fn secrets_of(url: &Secret) -> Vec<&str> {
    let path = url.expose().split_once("://").and_then(|(_, rest)| rest.split_once('/')).map_or("", |(_, path)| path);
    path.split(['/', '?', '&', '=', '#']).filter(|part| part.len() >= 16).collect()
}

/// The link of a message: made for its recipient, from the approval that it is about.
#[must_use]
pub fn review_link(base: &Url, keys: &LinkKeys, delivery: &Delivery, now: DateTime<Utc>) -> Option<String> {
    let notice = &delivery.notice;
    let token = match notice.stopped() {
        Some(link) if now < link.expires() => link.token(keys, &delivery.holder())?,
        None if notice.asks() => notice.asked()?.token(keys, &delivery.holder(), now)?,
        _ => return None,
    };
    let mut url = base.clone();
    url.path_segments_mut().ok()?.pop_if_empty().push("a").push(&token);
    Some(url.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::approval::{Allows, LinkKey, Token};
    use crate::domain::event::ApprovalView;
    use crate::domain::event::tests::notice;

    pub(crate) fn asking() -> Delivery {
        let key = LinkKey::new(vec![7; 32]).unwrap();
        let mut notice = notice(NoticeKind::Available);
        notice.approval = Some(ApprovalView {
            id: "apr_01JGJ0EZ8M3C9S6D4K2P7Q1R0T".into(),
            key: key.id().to_string(),
            expires: DateTime::from_timestamp(1_795_259_200, 0).unwrap(),
            nonce: "nonce".into(),
            from_image: "registry.example.com/shop/web:1.2.3".into(),
            allows: Allows::Update,
        });
        Delivery { channel: "email".into(), recipient: "oncall@example.com".into(), notice }
    }

    #[test]
    fn what_a_stranger_repeats_is_reported_without_its_secrets() {
        let refusal = Refusal { ours: "status 400".into(), theirs: "no B0/xoxSecretOfTwentyFour for you".into() };
        let url =
            Secret::new("https://hooks.example.com/services/T0/B0/xoxSecretOfTwentyFour?sig=0123456789abcdef".into());
        assert_eq!(secrets_of(&url), ["xoxSecretOfTwentyFour", "0123456789abcdef"]);
        let redacted = Attempt::GaveUp { reason: refusal }.redacted(&secrets_of(&url));
        let reason = format!("status 400: {}", crate::domain::redaction::NOT_KEPT);
        assert_eq!(redacted, Attempt::GaveUp { reason });
        let refusal = Refusal { ours: "status 404".into(), theirs: "no_such_channel".into() };
        assert_eq!(refusal.redacted(&[]), "status 404: no_such_channel");
        assert_eq!(Refusal::from("too slow".to_owned()).redacted(&[]), "too slow");
    }

    #[test]
    fn a_link_is_under_the_base_path_and_well_formed() {
        let (keys, now) =
            (LinkKeys::from(LinkKey::new(vec![7; 32]).unwrap()), DateTime::from_timestamp(1_795_100_000, 0).unwrap());
        for (base, start) in [
            ("https://iw.example.com", "https://iw.example.com/a/v1."),
            ("https://ops.example.com/iw", "https://ops.example.com/iw/a/v1."),
            ("https://ops.example.com/iw/", "https://ops.example.com/iw/a/v1."),
        ] {
            let link = review_link(&base.parse().unwrap(), &keys, &asking(), now).unwrap();
            assert!(link.starts_with(start) && link.len() < 512, "{link}");
            assert!(Token::parse(link.rsplit('/').next().unwrap()).is_some());
        }
        let other = LinkKeys::from(LinkKey::new(vec![8; 32]).unwrap());
        assert!(review_link(&"https://iw.example.com".parse().unwrap(), &other, &asking(), now).is_none());
    }
}
