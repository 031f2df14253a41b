//! Takes deliveries from the queue to their channels.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::BoxFuture;
use url::Url;

use super::gate::{Moment, Standing};
use super::{Attempt, Channel, Channels, Sent, links};
use crate::ambient::Ambient;
use crate::domain::approval::{ApprovalId, LinkKeys};
use crate::domain::event::{Approvals, Delivery, Job, NoLink, Notice, Told, Trouble, TroubleKind};
use crate::domain::press::Posted;
use crate::domain::record::{Known, Record, Stands};
use crate::domain::release::{Language, ReleaseNotes};
use crate::domain::retry::RetryAfter;
use crate::queue::worker::Verdict;
use crate::queue::{Kept, Leased, NewJob, Queue, QueueAdmin};
use crate::telemetry::chain;
use crate::telemetry::metrics::{DeliveryResult, Metrics};

/// So long a message goes on showing what becomes of its update; later, what is told of it is a message of its own.
pub(super) const SHOWN: TimeDelta = TimeDelta::days(30);

/// Finds what is known of a watched workload by its uid, whatever somebody put on it since.
pub type FindRecord = Arc<dyn Fn(String) -> BoxFuture<'static, Option<Record>> + Send + Sync>;
/// What is known of the workloads of a message, by uid.
pub(super) type KnownRecords = HashMap<Box<str>, Record>;
/// Finds the notes for a message in a language, which has been waiting since a moment.
pub type FindNotes =
    Arc<dyn Fn(&Notice, Language, DateTime<Utc>) -> BoxFuture<'static, Option<ReleaseNotes>> + Send + Sync>;

/// Takes deliveries from the queue to their channels.
pub struct Sender<Q> {
    /// Where messages about messages go.
    pub queue: Q,
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

impl<Q> std::fmt::Debug for Sender<Q> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sender")
    }
}

impl<Q: Queue + Kept> Sender<Q> {
    /// One attempt at one delivery.
    pub async fn send(&self, leased: &Leased) -> Verdict {
        let Job::Deliver(delivery) = &leased.job else {
            return Verdict::Dead { reason: "not a message".into() };
        };
        let known = self.records_of(delivery).await;
        let Some(delivery) = self.still_to_tell(delivery, &known) else { return Verdict::Done };
        let links = links(self.base_url.as_ref(), &self.keys, &delivery, self.ambient.now());
        let notes = match delivery.notices() {
            [only] => (self.notes)(only, self.channels.language(&delivery.channel), leased.created).await,
            _ => None,
        };
        let place = self.place_of(&delivery);
        let before = self.before(place.as_ref()).await;
        if before.is_none() && self.channels.is_only_shown(&delivery) {
            self.count(&delivery, "dropped");
            return Verdict::Done;
        }
        let sent = match self.retire_older(&delivery, &known).await {
            Some(attempt) => Sent::of(attempt),
            None => {
                self.channels.deliver_after(before.as_ref(), &delivery, &links, notes.as_ref(), &self.ambient).await
            }
        };
        let stands = sent.posted.as_ref().or(before.as_ref().filter(|_| sent.attempt == Attempt::Delivered));
        self.keep_question(&delivery, stands).await;
        self.keep_place(place.as_ref(), sent.posted).await;
        let attempt = sent.attempt;
        self.learn(&delivery, &attempt).await;
        let (result, verdict) = verdict(attempt);
        if verdict == Verdict::Done {
            tracing::info!(
                channel = delivery.channel,
                delivery_id = delivery.id(),
                event = delivery.event(),
                workloads = workloads(&delivery),
                outcome = "delivered",
                "the message is delivered"
            );
        }
        self.count(&delivery, result);
        if matches!(verdict, Verdict::Retry { .. }) {
            self.metrics.retries("deliver");
        }
        verdict
    }

    /// Under which it is kept where the message about the update of this one stands, in a channel that can change it.
    fn place_of(&self, delivery: &Delivery) -> Option<(&Channel, String)> {
        let Told::One(notice) = &delivery.told else { return None };
        let channel = self.channels.find(&delivery.channel)?;
        Some((channel, channel.place_of(notice)?))
    }

    async fn before(&self, place: Option<&(&Channel, String)>) -> Option<Posted> {
        let (channel, key) = place?;
        channel.place_in(&self.queue.recall(key).await?)
    }

    /// Of a message of which it is not known where it stands, what follows is another message.
    async fn keep_place(&self, place: Option<&(&Channel, String)>, posted: Option<Posted>) {
        let Some(((channel, key), posted)) = place.zip(posted) else { return };
        if let Some(kept) = channel.kept(posted) {
            self.queue.keep(key, kept, self.ambient.now() + SHOWN).await;
        }
    }

    /// What is known of the workloads that a delivery tells of.
    async fn records_of(&self, delivery: &Delivery) -> KnownRecords {
        let mut known = KnownRecords::new();
        for notice in delivery.notices() {
            let uid = &notice.workload.uid;
            if !known.contains_key(uid)
                && let Some(record) = (self.records)(uid.to_string()).await
            {
                known.insert(uid.clone(), record);
            }
        }
        known
    }

    /// What of a delivery is news still; `None` where nothing is.
    fn still_to_tell(&self, delivery: &Delivery, known: &KnownRecords) -> Option<Delivery> {
        let is_alone = matches!(delivery.told, Told::One(_));
        let stale = |notice: &Notice| {
            let reason = self.is_stale(notice, known)?;
            tracing::info!(
                channel = delivery.channel,
                delivery_id = delivery.id(),
                workload = %notice.workload,
                reason,
                outcome = "dropped",
                "{}",
                if is_alone { "the message is not sent" } else { "a line of the message is not sent" }
            );
            Some(())
        };
        let told = match &delivery.told {
            Told::One(notice) if stale(notice).is_none() => Some(Told::One(Box::new(self.by_now(notice, known)))),
            Told::One(_) => None,
            Told::Several { id, notices } => {
                let fresh = notices.iter().filter(|notice| stale(notice).is_none());
                let fresh: Vec<Notice> = fresh.map(|notice| self.by_now(notice, known)).collect();
                (!fresh.is_empty()).then(|| Told::Several { id: id.clone(), notices: fresh })
            }
            Told::Trouble(_) | Told::Test(_) => Some(delivery.told.clone()),
        };
        if told.is_none() {
            self.count(delivery, "dropped");
        }
        Some(Delivery { told: told?, ..delivery.clone() })
    }

    /// The same notice as it stands now: how many have approved, and why it has no link where that is for want of an address.
    fn by_now(&self, notice: &Notice, known: &KnownRecords) -> Notice {
        let given = || {
            let record = known.get(&*notice.workload.uid)?;
            let question = record.ledger(&notice.container)?.question.as_ref()?;
            let is_it = notice.approval.as_ref().is_some_and(|asked| asked.id == question.terms.id.as_str());
            is_it.then(|| question.votes.count())
        };
        let approvals = notice.approvals.map(|it| Approvals { given: given().unwrap_or(it.given), ..it });
        Notice { approvals, ..explained(notice, self.base_url.is_some()) }
    }

    /// Why a question need not be asked any more: it was answered, replaced, or its time is over.
    fn is_stale(&self, notice: &Notice, known: &KnownRecords) -> Option<&'static str> {
        // How an update ended is news, whatever can be answered to it still.
        let approval = notice.approval.as_ref().filter(|_| notice.asks() && !notice.kind.is_end())?;
        if self.ambient.now() >= approval.expires {
            return Some("its link has expired");
        }
        // What is not seen yet is no reason to keep quiet: only what is known to be over is.
        let record = known.get(&*notice.workload.uid)?;
        over(record, &notice.container, &approval.id)
    }

    /// What an attempt says of its channel, and telling people where they have to mend it.
    async fn learn(&self, delivery: &Delivery, attempt: &Attempt) {
        let Some(channel) = self.channels.find(&delivery.channel) else { return };
        let now = Moment { wall: self.ambient.now(), monotonic: self.ambient.monotonic() };
        let told = channel.gate().learn(attempt, now, self.ambient.jitter());
        let standing = channel.gate().standing();
        let since = standing.as_ref().map_or(0, |standing| standing.since.timestamp());
        self.metrics.channel_stands(channel.name(), Standing::word(standing.as_ref()), since);
        if let Some(kind) = told {
            self.report(channel, kind, now.wall).await;
        }
    }

    async fn report(&self, channel: &Channel, kind: TroubleKind, now: DateTime<Utc>) {
        let standing = channel.gate().standing();
        let (since, reason) = standing.map_or((now, String::new()), |standing| (standing.since, standing.reason));
        let what_next = if kind == TroubleKind::ChannelGone {
            "the channel is gone for good; its messages wait, and it is not tried again before image-watcher starts again"
        } else {
            "the channel takes no message; they wait, and it is tried again from time to time"
        };
        tracing::error!(channel = channel.name(), problem = kind.reason(), reason, "{what_next}");
        self.tell(Trouble { kind, channel: channel.name().to_owned(), reason, since, at: now, messages: 0 }).await;
    }

    /// Tells people through another channel that one does not work: once a day, as its id is of the day.
    pub async fn tell(&self, trouble: Trouble) {
        let Some(other) = self.channels.beside(&trouble.channel) else {
            tracing::warn!(
                channel = trouble.channel,
                "there is no other channel to tell people that this one does not work"
            );
            return;
        };
        let job = |recipient: String| {
            let (channel, told) = (other.name().to_owned(), Told::Trouble(Box::new(trouble.clone())));
            NewJob::prompt(Job::Deliver(Box::new(Delivery { channel, recipient, told })), "", self.ambient.now())
        };
        if let Err(error) = self.queue.put(other.recipients().into_iter().map(job).collect()).await {
            tracing::warn!(error = %chain(&error), channel = trouble.channel, "people can't be told now that this channel does not work");
        }
    }

    fn count(&self, delivery: &Delivery, result: &str) {
        let labels =
            DeliveryResult { channel: delivery.channel.clone(), event: delivery.event().into(), result: result.into() };
        self.metrics.deliveries.get_or_create(&labels).inc();
    }
}

/// What becomes of the message, and the word for it in metrics.
fn verdict(attempt: Attempt) -> (&'static str, Verdict) {
    let retry = |at: Option<DateTime<Utc>>, reason| {
        let retry_after = at.map(RetryAfter::at);
        ("retry", Verdict::Retry { retry_after, no_later: None, reason })
    };
    match attempt {
        Attempt::Delivered => ("delivered", Verdict::Done),
        Attempt::Retry { at, reason } | Attempt::Busy { at, reason } => retry(at, reason),
        // The channel is closed meanwhile where it is about that; the message is none the worse for it.
        Attempt::Later { reason } | Attempt::Refused { reason } | Attempt::Gone { reason } => retry(None, reason),
        Attempt::TooRich { reason } | Attempt::GaveUp { reason } => ("dead", Verdict::Dead { reason }),
    }
}

/// The workloads that a message is about, for the log.
fn workloads(delivery: &Delivery) -> String {
    match delivery.notices() {
        [] => String::new(),
        [only] => only.workload.to_string(),
        [first, rest @ ..] => format!("{} and {} more", first.workload, rest.len()),
    }
}

/// The same notice, which says why it has no link where that is for want of an address.
fn explained(notice: &Notice, has_base_url: bool) -> Notice {
    let no_link = if notice.asks() && !has_base_url { Some(NoLink::NoBaseUrl) } else { notice.no_link };
    Notice { no_link, ..notice.clone() }
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
        let asking = asking().notices()[0].clone();
        assert_eq!(explained(&asking, true).no_link, None);
        assert_eq!(explained(&asking, false).no_link, Some(NoLink::NoBaseUrl));
        let applied = Notice { kind: NoticeKind::Applied, ..asking };
        assert_eq!(explained(&applied, false).no_link, None, "nothing is asked");
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
