//! 9 of 13 · in: Delivery · out: a message at its recipient
//!
//! One file per channel. A recipient's refusal is data, not an error of ours. Messages are made when they are sent, so
//! no link and no rendered text is ever stored.

pub mod apprise;
mod attempt;
mod budget;
#[cfg(test)]
mod channels_tests;
mod delivering;
pub mod discord;
pub mod email;
mod follow;
mod gate;
mod gather;
mod given_up;
pub mod googlechat;
pub mod gotify;
#[cfg(test)]
mod hostile;
mod lately;
mod layout;
mod left_out;
pub mod matrix;
pub mod mattermost;
pub mod ntfy;
#[cfg(test)]
mod outage_tests;
pub mod pagerduty;
mod probe;
#[cfg(test)]
mod probe_tests;
#[cfg(test)]
mod published;
#[cfg(test)]
mod quiet_tests;
mod rehearsal;
mod removed;
mod reopened;
mod replies;
mod retire;
mod sender;
mod service;
#[cfg(test)]
mod size_tests;
pub mod slack;
pub mod slack_app;
mod slack_reply;
#[cfg(test)]
mod snapshots;
pub mod teams;
pub mod telegram;
mod telegram_bot;
mod telegram_press;
mod template;
mod unsaid;
pub mod webhook;

pub use attempt::{Attempt, Refusal};
pub use delivering::{Delivering, UntilKnown};
pub use follow::Sent;
pub use gate::{Closed, Gate, Opened, Standing};
pub use gather::{Gatherer, WhenLooked};
pub use given_up::{GivenUp, SayOnWorkload, TellOthers};
pub use probe::Tried;
pub use removed::{bury_messages_of_removed_channels, burying_what_others_left};
pub use reopened::Reopening;
pub use replies::{Chat, Replies};
pub use sender::{AskResumed, FindNotes, FindRecord, Sender};
pub use service::{Answered, DeskOf, Request, Sending, Service, Style};
pub use telegram_bot::Bot;
pub use telegram_press::keep_hooking;
pub use template::{Part, Template, TemplateError, Templates};

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use url::Url;

use self::lately::Lately;
use crate::ambient::Ambient;
use crate::domain::approval::{Allows, Approval, LinkKeys};
use crate::domain::audience::Audience;
use crate::domain::defaults::NamespaceFilter;
use crate::domain::event::{Delivery, Gathered, Job, NoLink, Notice, NoticeKind, Offer, Told, holder};
use crate::domain::listing::Listing;
use crate::domain::press::Posted;
use crate::domain::redaction::redacted;
use crate::domain::release::{Language, ReleaseNotes, Room};
use crate::domain::retry::Backoff;
use crate::domain::rotating::Rotating;
use crate::domain::undelivered::Undelivered;
use crate::domain::window::Windows;
use crate::message::{Frame, Links, Message};
use crate::outbound::Client;
use crate::telemetry::metrics::Metrics;
use email::EmailChannel;
use follow::{KeptMessage, Turn};

/// The ways there are to reach somebody.
#[derive(Debug)]
pub enum Transport {
    /// Mail.
    Email(Box<EmailChannel>),
    /// A service that takes HTTP requests.
    Service(Box<Client>, Arc<dyn Service>),
}

impl Transport {
    /// Who gets a message of their own; a channel with one address has one nameless recipient.
    fn recipients(&self) -> Vec<String> {
        match self {
            Self::Email(channel) => channel.recipients(),
            Self::Service(..) => vec![String::new()],
        }
    }

    /// Whether what was not taken as it was written may be taken as plain text. A service that says what nobody knows may mean that;
    /// a mail server that says «later» has not looked at the message.
    fn may_take_plain(&self, attempt: &Attempt<Refusal>) -> bool {
        match attempt {
            Attempt::TooRich { .. } => true,
            Attempt::Later { .. } => matches!(self, Self::Service(..)),
            _ => false,
        }
    }

    /// People are notified of what they can decide and of how it ended; programs of everything.
    fn usually_wants(&self, kind: NoticeKind) -> bool {
        match self {
            Self::Email(_) => !matches!(kind, NoticeKind::Granted | NoticeKind::Skipped),
            Self::Service(_, service) => service.usually_wants(kind),
        }
    }

    /// Whether it has any use for this, whatever its configuration names.
    fn has_use_for(&self, notice: &Notice) -> bool {
        match self {
            Self::Email(_) => !notice.is_resumed(),
            Self::Service(_, service) => service.has_use_for(notice),
        }
    }

    fn usually_wants_troubles(&self) -> bool {
        !matches!(self, Self::Service(_, service) if !service.usually_wants_troubles())
    }

    fn takes_several(&self) -> bool {
        !matches!(self, Self::Service(_, service) if !service.takes_several())
    }

    fn is_program(&self) -> bool {
        matches!(self, Self::Service(_, service) if service.is_program())
    }

    /// What must not be logged or stored, whoever repeats it.
    fn secrets(&self) -> Vec<&str> {
        match self {
            Self::Email(channel) => channel.password().into_iter().collect(),
            Self::Service(_, service) => service.secrets(),
        }
    }

    fn room(&self) -> Room {
        match self {
            Self::Email(_) => email::ROOM,
            Self::Service(_, service) => service.room(),
        }
    }

    async fn attempt(&self, sending: &Sending<'_>, turn: Turn<'_>) -> Sent<Refusal> {
        match self {
            Self::Email(email) => email.hand_in(sending).await,
            Self::Service(client, service) => follow::attempt(&**service, client, sending, turn).await,
        }
    }

    async fn tried(&self) -> Tried {
        let tried = match self {
            Self::Email(email) => email.tried().await,
            Self::Service(client, service) => service::ask(&**service, client).await,
        };
        tried.redacted(&self.secrets())
    }

    /// The same service, where what it posted can be changed.
    fn answered(&self) -> Option<&dyn Answered> {
        match self {
            Self::Email(_) => None,
            Self::Service(_, service) => service.answered(),
        }
    }
}

/// What a channel is for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// The events it is notified of; without any word of them it is what its kind is usually notified of.
    pub events: Option<Vec<NoticeKind>>,
    /// Whether it is notified of what is wrong with image-watcher itself, where something is said of events.
    pub troubles: bool,
    /// The namespaces whose workloads it is notified of.
    pub namespaces: NamespaceFilter,
    /// The language of its messages.
    pub language: Language,
    /// The zone in which they give times.
    pub zone: Tz,
    /// Whether its messages have no link, as others than those who may answer read them.
    pub without_links: bool,
    /// How long what is not urgent waits for others, where that is not the usual.
    pub window: Option<TimeDelta>,
    /// When only what is urgent is sent.
    pub quiet: Option<Windows>,
}

/// A channel.
#[derive(Debug)]
pub struct Channel {
    name: String,
    scope: Scope,
    transport: Rotating<Transport>,
    gate: Gate,
    lately: Lately,
    /// When it last took a message, since the start; in seconds, as of Unix.
    taken: AtomicI64,
}

impl Channel {
    /// A channel of this name.
    #[must_use]
    pub fn new(name: String, scope: Scope, transport: Transport) -> Self {
        let (gate, lately) = (Gate::default(), Lately::default());
        Self { name, scope, transport: transport.into(), gate, lately, taken: AtomicI64::new(i64::MIN) }
    }

    /// By which its messages go now. Who has it keeps it, though the channel's secrets be changed meanwhile.
    fn transport(&self) -> Arc<Transport> {
        self.transport.get()
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it is for.
    #[must_use]
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// Whether anything is sent to it now.
    #[must_use]
    pub fn gate(&self) -> &Gate {
        &self.gate
    }

    /// Has the metrics say how it stands.
    fn show_in(&self, metrics: &Metrics) {
        let (word, since) = self.gate.stands();
        metrics.channel_stands(&self.name, word, since);
    }

    /// Notes that it took a message at a moment.
    fn took_one(&self, at: DateTime<Utc>) {
        self.taken.store(at.timestamp(), Ordering::Relaxed);
    }

    /// Whether it is known to have taken one after a moment.
    fn took_one_after(&self, moment: DateTime<Utc>) -> bool {
        self.taken.load(Ordering::Relaxed) > moment.timestamp()
    }

    /// Who gets a message of their own.
    #[must_use]
    pub fn recipients(&self) -> Vec<String> {
        self.transport().recipients()
    }

    /// Whether it would take messages, as far as that shows without sending one.
    pub async fn tried(&self) -> Tried {
        self.transport().tried().await
    }

    fn wants(&self, notice: &Notice) -> bool {
        let is_told = self.is_told(notice.kind) || self.shows(notice);
        is_told && self.transport().has_use_for(notice) && self.is_about_its_own(notice)
    }

    /// Whether it is notified of this.
    fn is_told(&self, kind: NoticeKind) -> bool {
        match &self.scope.events {
            None => self.transport().usually_wants(kind),
            Some(events) => events.contains(&kind),
        }
    }

    /// Whether what it posted when people were asked changes by this.
    fn shows(&self, notice: &Notice) -> bool {
        self.transport().answered().is_some() && self.is_told(NoticeKind::Available) && follow::goes_on(notice)
    }

    /// Under which it is kept where the message about an update stands, if it can be changed.
    fn place_of(&self, notice: &Notice) -> Option<String> {
        self.transport().answered().filter(|_| follow::goes_on(notice))?;
        Some(format!("message {} {}", self.name, notice.update_id()))
    }

    /// Whether it is told of workloads in a namespace.
    fn is_of(&self, namespace: &str) -> bool {
        self.scope.namespaces.admits(namespace, None)
    }

    /// Whether it is told of a workload in its namespaces, or of what concerns all of them: that automatic updates are stopped, or
    /// resumed, everywhere.
    fn is_about_its_own(&self, notice: &Notice) -> bool {
        notice.kind == NoticeKind::Stopped || self.is_of(&notice.workload.namespace)
    }

    /// The same notice as this channel gets it: who is told of some namespaces alone resumes nothing in all of them.
    fn told(&self, notice: &Notice) -> Notice {
        let is_stop = notice.kind == NoticeKind::Stopped && !notice.is_resumed();
        let is_of_some = is_stop && self.scope.namespaces != NamespaceFilter::default();
        let no_link = is_of_some.then_some(NoLink::NotAllNamespaces).or(notice.no_link);
        Notice { no_link, ..notice.clone() }
    }

    /// Whether it is told what is wrong with image-watcher itself.
    fn wants_troubles(&self) -> bool {
        self.scope.troubles || (self.scope.events.is_none() && self.transport().usually_wants_troubles())
    }

    /// What is stored so that it is told: to be gathered, or at once to each recipient where it is urgent.
    fn jobs(&self, notice: &Notice) -> Vec<Job> {
        // What is only shown in a message of its own is news to nobody, so it waits for nothing.
        if self.transport().takes_several() && !notice.is_urgent() && self.is_told(notice.kind) {
            let (channel, notice) = (self.name.clone(), self.told(notice));
            return vec![Job::Gather(Box::new(Gathered { channel, only: None, notice }))];
        }
        let deliver = |to: String| Job::Deliver(Box::new(Delivery::of(&self.name, &to, self.told(notice))));
        self.recipients().into_iter().map(deliver).collect()
    }

    /// Where the message about an update stands, by what was kept of it. That of another chat, as the channel had before,
    /// is of no use.
    fn place_in(&self, kept: &str) -> Option<Posted> {
        let kept: KeptMessage = serde_json::from_str(kept).ok()?;
        (kept.home == self.transport().answered()?.home()).then_some(kept.posted)
    }

    /// What is kept of where a message stands.
    fn kept(&self, posted: Posted) -> Option<String> {
        serde_json::to_string(&KeptMessage { home: self.transport().answered()?.home(), posted }).ok()
    }

    /// The links that its messages have.
    fn shown(&self, links: &Links) -> Links {
        if self.scope.without_links { Links::default() } else { links.clone() }
    }

    /// The message of a delivery, in words.
    fn message(
        &self,
        delivery: &Delivery,
        links: &Links,
        notes: Option<&ReleaseNotes>,
        cluster: Option<&str>,
    ) -> Message {
        let (zone, language) = (self.scope.zone, self.scope.language);
        let frame = Frame { cluster, zone, language, links, notes };
        let mut message = Message::of(delivery, &frame);
        // A chat has one button; only a mail has room for the links of each line beside it.
        if message.action.is_some() && matches!(*self.transport(), Transport::Service(..)) {
            message.sections.iter_mut().flat_map(|section| &mut section.items).for_each(|item| item.url = None);
        }
        message
    }
}

/// The configured channels.
#[derive(Debug)]
pub struct Channels {
    all: Vec<Channel>,
    cluster: Option<String>,
}

impl Channels {
    /// These channels, of the cluster of this name.
    #[must_use]
    pub fn new(all: Vec<Channel>, cluster: Option<String>) -> Self {
        Self { all, cluster }
    }

    /// Their names.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.all.iter().map(|channel| channel.name.clone()).collect()
    }

    /// The name of the cluster, where it has one.
    fn cluster(&self) -> Option<&str> {
        self.cluster.as_deref()
    }

    /// Everybody who may hold a link, as `channel:address`.
    #[must_use]
    pub fn recipients(&self) -> Vec<String> {
        let of = |channel: &Channel| -> Vec<String> {
            channel.recipients().iter().map(|recipient| holder(&channel.name, recipient)).collect()
        };
        self.all.iter().flat_map(of).collect()
    }

    /// Whether a channel has links, and is told in a namespace of what can be answered so.
    #[must_use]
    pub fn reads(&self, channel: &str, namespace: &str, allows: Allows) -> bool {
        let asking: &[NoticeKind] = match allows {
            Allows::Update => &[NoticeKind::Available],
            Allows::Held => &[NoticeKind::Held, NoticeKind::RolledBack, NoticeKind::Failed],
            Allows::Back => &[NoticeKind::Applied, NoticeKind::Failed],
        };
        self.find(channel).is_some_and(|channel| {
            let is_told = asking.iter().any(|kind| channel.is_told(*kind));
            is_told && !channel.scope.without_links && channel.is_of(namespace)
        })
    }

    /// What is stored so that all channels that want this notice are told; `only` names channels, if set.
    #[must_use]
    pub fn messages(&self, notice: &Notice, only: Option<&[String]>) -> Vec<Job> {
        let named = |channel: &&Channel| only.is_none_or(|only| only.contains(&channel.name));
        let wanting = self.all.iter().filter(named).filter(|channel| channel.wants(notice));
        wanting.flat_map(|channel| channel.jobs(notice)).collect()
    }

    /// The channel through which people are told that another one does not work: the first that wants it and works. Where none
    /// works now, the first that is closed for a while, where it waits as all messages do; then one that is gone until the next start.
    #[must_use]
    pub fn beside(&self, name: &str) -> Option<&Channel> {
        let closed = |channel: &&Channel| match channel.gate.standing().and_then(|standing| standing.closed) {
            None => 0,
            Some(Closed::Failing | Closed::Busy | Closed::Refusing) => 1,
            Some(Closed::Gone) => 2,
        };
        self.all.iter().filter(|channel| channel.name != name && channel.wants_troubles()).min_by_key(closed)
    }

    /// Waits between attempts, and the age at which a message is given up.
    #[must_use]
    pub fn backoff(&self, channel: &str) -> (Backoff, TimeDelta) {
        if self.find(channel).is_some_and(|channel| channel.transport().is_program()) {
            (Backoff::seconds(5, 36_000, 5), TimeDelta::hours(76))
        } else {
            (Backoff::seconds(5, 3600, 3), TimeDelta::hours(24))
        }
    }

    /// Whether a channel takes several things in one message.
    fn gathers(&self, channel: &str) -> bool {
        self.find(channel).is_some_and(|channel| channel.transport().takes_several())
    }

    /// The language of a channel.
    #[must_use]
    pub fn language(&self, channel: &str) -> Language {
        self.find(channel).map(|channel| channel.scope.language).unwrap_or_default()
    }

    /// The language and the zone of the channel of somebody who holds a link, as [`Channels::recipients`] names them.
    #[must_use]
    pub fn voice_of(&self, holder: &str) -> Option<(Language, Tz)> {
        let channel = self.find(holder.split(':').next()?)?;
        Some((channel.scope.language, channel.scope.zone))
    }

    /// Has a channel of the same name go on by what another one has: its secrets were changed. Where it was closed, the next message
    /// tries it, at a moment of the monotonic clock; what is under way by the old ones says nothing of the new ones.
    fn take_over(&self, renewed: &Channel, now: Duration) {
        let Some(channel) = self.find(&renewed.name) else { return };
        // In this order: what begins after the gate was opened goes by the new ones.
        channel.transport.take_over(&renewed.transport);
        channel.gate.reopen(now);
    }

    /// The service that a channel's messages go to now, if it is one.
    pub(super) fn service(&self, channel: &str) -> Option<Arc<dyn Service>> {
        match &*self.find(channel)?.transport() {
            Transport::Service(_, service) => Some(Arc::clone(service)),
            Transport::Email(_) => None,
        }
    }

    /// All of them.
    pub fn each(&self) -> impl Iterator<Item = &Channel> {
        self.all.iter()
    }

    /// What would be sent for a delivery without links, as text: the address without its secrets, and the body.
    #[must_use]
    pub fn preview(&self, delivery: &Delivery, now: DateTime<Utc>) -> String {
        let Some(channel) = self.find(&delivery.channel) else { return String::new() };
        let links = Links::default();
        let message = channel.message(delivery, &links, None, self.cluster.as_deref());
        let sending = Sending { delivery, message: &message, links: &links, notes: None, style: Style::Rich, now };
        let transport = channel.transport();
        let written = match &*transport {
            Transport::Email(email) => email.preview(&sending),
            Transport::Service(_, service) => service::preview(&**service, &sending),
        };
        format!("── {}\n{}", channel.name, written.trim_end())
    }

    /// The channel of this name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&Channel> {
        self.all.iter().find(|channel| channel.name == name)
    }

    /// Whether a channel is not told of this, and only shows it in the message about the update.
    fn is_only_shown(&self, delivery: &Delivery) -> bool {
        let Told::One(notice) = &delivery.told else { return false };
        // What was stored for a channel that shows nothing anew is owed, whatever it is configured to be told by now.
        self.find(&delivery.channel).is_some_and(|channel| channel.shows(notice) && !channel.is_told(notice.kind))
    }

    /// One attempt, and another one in plain text where the channel does not take the message as it is written. `notes`
    /// are whole; a channel shows what it has room for.
    pub async fn deliver(
        &self,
        delivery: &Delivery,
        links: &Links,
        notes: Option<&ReleaseNotes>,
        ambient: &Ambient,
    ) -> Attempt {
        self.deliver_after(None, delivery, links, notes, ambient).await.attempt
    }

    /// The same, after the message about the same update that stands there already.
    pub async fn deliver_after(
        &self,
        before: Option<&Posted>,
        delivery: &Delivery,
        links: &Links,
        notes: Option<&ReleaseNotes>,
        ambient: &Ambient,
    ) -> Sent {
        let Some(channel) = self.find(&delivery.channel) else {
            let reason = Undelivered::NoChannel(delivery.channel.clone()).to_string();
            return Sent::of(Attempt::Unsent { reason });
        };
        let turn = Turn { before, is_news: !self.is_only_shown(delivery) };
        let transport = channel.transport();
        let notes = notes.map(|notes| notes.within(transport.room()));
        let links = &channel.shown(links);
        let message = channel.message(delivery, links, notes.as_ref(), self.cluster.as_deref());
        let (message, notes, now) = (&message, notes.as_ref(), ambient.now());
        let sending = Sending { delivery, message, links, notes, style: Style::Rich, now };
        let mut sent = transport.attempt(&sending, turn).await;
        if transport.may_take_plain(&sent.attempt) {
            let plain = Sending { style: Style::Plain, now: ambient.now(), ..sending };
            sent = transport.attempt(&plain, turn).await;
        }
        let signatures = links.whole.iter().chain(links.each.iter().flatten());
        let signatures = signatures.filter_map(|link| link.rsplit('.').next());
        let secrets: Vec<&str> = transport.secrets().into_iter().chain(signatures).collect();
        let said = sent.said.map(|said| redacted(&said, &secrets)).filter(|said| !said.is_empty());
        Sent { attempt: sent.attempt.redacted(&secrets), posted: sent.posted, said }
    }
}

/// The links of a message: made for its recipient, each from the approval that it is about.
#[must_use]
pub fn links(base: Option<&Url>, keys: &LinkKeys, delivery: &Delivery, now: DateTime<Utc>) -> Links {
    let link = |notice: &Notice| review_link(base?, keys, notice, &delivery.holder(), now);
    match &delivery.told {
        Told::One(only) => Links { whole: link(only), each: Vec::new() },
        Told::Several { notices, .. } => {
            let each: Vec<Option<String>> = notices.iter().map(link).collect();
            // One that is left of several is the whole, too.
            let whole = if let [only] = each.as_slice() { only.clone() } else { list_link(base, keys, delivery, now) };
            Links { whole, each }
        }
        Told::Trouble(_) | Told::Test(_) => Links::default(),
    }
}

/// The link of the list of all that a message asks, where that is more than one question.
fn list_link(base: Option<&Url>, keys: &LinkKeys, delivery: &Delivery, now: DateTime<Utc>) -> Option<String> {
    let asked = delivery.notices().iter().filter_map(|notice| match notice.offers(now)? {
        Offer::Question(question) => Some(*question),
        Offer::Resume(_) => None,
    });
    let questions: Vec<Approval> = asked.collect();
    under(base?, &Listing::of(&questions)?.token(keys, &delivery.holder())?)
}

/// The link of a notice for somebody.
#[must_use]
pub fn review_link(base: &Url, keys: &LinkKeys, notice: &Notice, holder: &str, now: DateTime<Utc>) -> Option<String> {
    let token = match notice.offers(now)? {
        Offer::Resume(link) => link.token(keys, holder)?,
        Offer::Question(question) => question.token(keys, holder, now)?,
    };
    under(base, &token)
}

/// The address of a link.
fn under(base: &Url, token: &str) -> Option<String> {
    let mut url = base.clone();
    url.path_segments_mut().ok()?.pop_if_empty().push("a").push(token);
    Some(url.into())
}

impl Audience for Channels {
    fn messages(&self, notice: &Notice, only: Option<&[String]>) -> Vec<Job> {
        Self::messages(self, notice, only)
    }

    fn holders(&self) -> Vec<String> {
        self.recipients()
    }

    fn reads(&self, channel: &str, namespace: &str, allows: Allows) -> bool {
        Self::reads(self, channel, namespace, allows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::approval::{LinkKey, Token};
    use crate::domain::event::tests::notice;
    use crate::domain::event::{ApprovalView, Told};
    use crate::domain::secret::Secret;
    use crate::domain::undelivered::Said;

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
        Delivery::of("email", "oncall@example.com", notice)
    }

    /// The message of a delivery in English, at no cluster of a name.
    pub(crate) fn said(delivery: &Delivery, link: Option<&str>, notes: Option<&ReleaseNotes>) -> Message {
        said_by(delivery, Links::one(link), notes, None)
    }

    #[expect(clippy::needless_pass_by_value, reason = "tests read better")]
    pub(crate) fn said_by(
        delivery: &Delivery,
        links: Links,
        notes: Option<&ReleaseNotes>,
        cluster: Option<&str>,
    ) -> Message {
        let (zone, language) = (Tz::UTC, Language::English);
        Message::of(delivery, &Frame { cluster, zone, language, links: &links, notes })
    }

    #[test]
    fn what_a_stranger_repeats_is_reported_without_its_secrets() {
        let refusal =
            Refusal { ours: Undelivered::Status("400".into()), theirs: "no B0/xoxSecretOfTwentyFour for you".into() };
        let url =
            Secret::new("https://hooks.example.com/services/T0/B0/xoxSecretOfTwentyFour?sig=0123456789abcdef".into());
        assert_eq!(service::secrets_of(&url), ["xoxSecretOfTwentyFour", "0123456789abcdef"]);
        let redacted = Attempt::GaveUp { reason: refusal }.redacted(&service::secrets_of(&url));
        let reason = format!("status 400: {}", crate::domain::redaction::NOT_KEPT);
        assert_eq!(redacted, Attempt::GaveUp { reason });
        let refusal = Refusal { ours: Undelivered::Status("404".into()), theirs: "no_such_channel".into() };
        assert_eq!(refusal.redacted(&[]), "status 404: no_such_channel");
        assert_eq!(Refusal::from(Said::SlackBusy).redacted(&[]), "Slack is busy");
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
            let asking = asking();
            let link = review_link(&base.parse().unwrap(), &keys, &asking.notices()[0], &asking.holder(), now).unwrap();
            assert!(link.starts_with(start) && link.len() < 512, "{link}");
            assert!(Token::parse(link.rsplit('/').next().unwrap()).is_some());
        }
        let other = LinkKeys::from(LinkKey::new(vec![8; 32]).unwrap());
        let base = "https://iw.example.com".parse().unwrap();
        assert_eq!(links(Some(&base), &other, &asking(), now), Links::default());
    }

    /// The configuration may name fewer events by the time that a message is sent.
    #[test]
    fn what_was_stored_is_owed_where_nothing_is_shown_anew() {
        let client = || {
            let outbound = crate::outbound::Outbound::new(None).unwrap();
            Box::new(outbound.client(crate::outbound::Reach::Named).unwrap())
        };
        let room = mattermost::MattermostChannel::new(Secret::new("https://chat.example.com/hooks/x".into()));
        let app = "https://slack.com/api".parse().unwrap();
        let app = slack_app::SlackApp::new(&app, Secret::new("xoxb-1".into()), "C1".into());
        let of = |name: &str, service: Arc<dyn Service>| {
            Channel::new(name.into(), Scope::default(), Transport::Service(client(), service))
        };
        let channels = Channels::new(vec![of("room", Arc::new(room)), of("app", Arc::new(app))], None);
        let is_only_shown = |channel: &str, kind| channels.is_only_shown(&Delivery::of(channel, "", notice(kind)));
        assert!(NoticeKind::ALL.into_iter().all(|kind| !is_only_shown("room", kind)));
        let shown: Vec<NoticeKind> = NoticeKind::ALL.into_iter().filter(|kind| is_only_shown("app", *kind)).collect();
        assert_eq!(shown, [NoticeKind::Granted, NoticeKind::Skipped]);
    }

    /// One judge of all that a message offers: its link, that of its list, and its buttons.
    #[test]
    fn nothing_is_offered_that_nobody_may_answer() {
        let (keys, now) =
            (LinkKeys::from(LinkKey::new(vec![7; 32]).unwrap()), DateTime::from_timestamp(1_795_100_000, 0).unwrap());
        let base: Url = "https://iw.example.com".parse().unwrap();
        let question = || asking().notices()[0].clone();
        let told = |notices: Vec<Notice>| {
            let told = Told::of(notices).unwrap();
            links(Some(&base), &keys, &Delivery { told, ..asking() }, now)
        };
        assert!(told(vec![question()]).whole.is_some());
        let no_link = || Notice { no_link: Some(crate::domain::event::NoLink::MayNotPatch), ..question() };
        assert_eq!(told(vec![no_link()]), Links { whole: None, each: Vec::new() });
        assert_eq!(told(vec![no_link(), no_link()]), Links { whole: None, each: vec![None, None] });
        let mut over = question();
        over.approval.as_mut().unwrap().expires = now;
        assert_eq!(told(vec![over]).whole, None);
        let failed = vec![crate::domain::fleet::tests::failed_elsewhere(); 2];
        let since = now - TimeDelta::hours(1);
        let because =
            Some(Box::new(crate::domain::fleet::Asks::Stopped(crate::domain::fleet::Stopped { since, failed })));
        let stopped = Notice { because, approval: None, kind: NoticeKind::Stopped, ..question() };
        assert!(told(vec![stopped.clone()]).whole.is_some(), "it can be resumed");
        let resumed = Notice { by: Some("command ann".into()), ..stopped };
        assert_eq!(told(vec![resumed]).whole, None, "it is");
    }

    #[test]
    fn several_questions_have_one_link_and_one_has_its_own() {
        let (keys, now) =
            (LinkKeys::from(LinkKey::new(vec![7; 32]).unwrap()), DateTime::from_timestamp(1_795_100_000, 0).unwrap());
        let base: Url = "https://iw.example.com".parse().unwrap();
        let question = || asking().notices()[0].clone();
        let told = |notices: Vec<Notice>| {
            let told = Told::Several { id: "col_1".into(), notices };
            links(Some(&base), &keys, &Delivery { told, ..asking() }, now)
        };
        let two = told(vec![question(), question()]);
        let whole = two.whole.unwrap();
        assert!(whole.len() < 512 && two.each.iter().all(|link| link.as_ref().is_some_and(|one| *one != whole)));
        let token = Token::parse(whole.rsplit('/').next().unwrap()).unwrap();
        let people = [asking().holder()];
        let (list, holder) = Listing::opened(&token, &keys, &people, now).unwrap();
        assert_eq!((holder, list.expires()), ("email:oncall@example.com", question().asked().unwrap().expires));
        let applied = told(vec![question(), notice(NoticeKind::Applied)]);
        assert!(applied.whole.is_none() && applied.each[0].is_some() && applied.each[1].is_none(), "{applied:?}");
        let left = told(vec![question()]);
        assert!(left.whole.is_some() && left.each == [left.whole.clone()], "what is left of several: {left:?}");
        let late = question().asked().unwrap().expires;
        let told = Told::Several { id: "col_1".into(), notices: vec![question(), question()] };
        assert_eq!(links(Some(&base), &keys, &Delivery { told, ..asking() }, late).whole, None);
    }

    pub(crate) fn of_namespace(name: &str) -> NamespaceFilter {
        NamespaceFilter { names: [crate::domain::defaults::Wildcard::new(name)].into(), ..NamespaceFilter::default() }
    }

    #[test]
    fn a_list_has_only_what_its_channel_is_told_of() {
        let reads = |scope: Scope, namespace: &str| {
            let transport = Transport::Email(Box::new(email::tests::channel()));
            let channels = Channels::new(vec![Channel::new("ops".into(), scope, transport)], None);
            [Allows::Update, Allows::Held, Allows::Back].map(|allows| channels.reads("ops", namespace, allows))
        };
        let of = |events: &[NoticeKind]| Scope { events: Some(events.to_vec()), ..Scope::default() };
        assert_eq!(reads(Scope::default(), "shop"), [true; 3]);
        assert_eq!(reads(of(&[NoticeKind::Failed]), "shop"), [false, true, true]);
        assert_eq!(reads(of(&[NoticeKind::Available]), "shop"), [true, false, false]);
        assert_eq!(reads(Scope { namespaces: of_namespace("other"), ..Scope::default() }, "shop"), [false; 3]);
        assert_eq!(reads(Scope { without_links: true, ..Scope::default() }, "shop"), [false; 3]);
    }
}
