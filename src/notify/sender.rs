//! Takes deliveries from the queue to their channels.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::BoxFuture;
use url::Url;

use super::gate::{Moment, Opened};
use super::{Attempt, Channel, Channels, Sent, links};
use crate::ambient::Ambient;
use crate::domain::approval::LinkKeys;
use crate::domain::event::{Approvals, Delivery, Gathered, Job, NoLink, Notice, Told, Trouble, TroubleKind};
use crate::domain::news::{Seen, Stale, stale};
use crate::domain::press::Posted;
use crate::domain::record::Record;
use crate::domain::release::{Language, ReleaseNotes};
use crate::domain::retry::RetryAfter;
use crate::domain::workload::WorkloadId;
use crate::queue::worker::Verdict;
use crate::queue::{Failed, Gathering, Kept, Leased, NewJob, QueueError};
use crate::telemetry::chain;
use crate::telemetry::metrics::{DeliveryResult, Metrics};

/// So long a message goes on showing what becomes of its update; later, what is told of it is a message of its own.
pub(super) const SHOWN: TimeDelta = TimeDelta::days(30);

/// Why a message is over of which nothing is news any more.
pub(super) const NO_NEWS: &str = "nothing of it was news any more when its turn came";
/// The same of what a channel only shows in a message that stands there.
const ONLY_SHOWN: &str = "it is shown in the message about its update, and there is none";
/// The same of what waits for the end of quiet hours in parts.
const TOLD_WITH_OTHERS: &str =
    "quiet hours began before it arrived: what of it is news then goes out with others when they end";

/// Finds what is known of a workload, whatever somebody put on it since.
pub type FindRecord = Arc<dyn Fn(WorkloadId) -> BoxFuture<'static, Seen> + Send + Sync>;
/// Whether automatic updates are known to be resumed.
pub type AskResumed = Arc<dyn Fn() -> BoxFuture<'static, bool> + Send + Sync>;

/// What is known of the workloads of a message, by uid.
#[derive(Default)]
pub(super) struct KnownRecords {
    by_uid: HashMap<Box<str>, Seen>,
    /// Asked only where the message is about that.
    is_resumed: bool,
}

impl KnownRecords {
    pub(super) fn record(&self, notice: &Notice) -> Option<&Record> {
        self.by_uid.get(&notice.workload.uid)?.record()
    }

    fn seen(&self, notice: &Notice) -> &Seen {
        self.by_uid.get(&notice.workload.uid).unwrap_or(&Seen::Unknown)
    }
}
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
    /// Whether what was stopped is resumed.
    pub is_resumed: AskResumed,
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

impl<Q: Gathering + Kept> Sender<Q> {
    /// One attempt at one delivery.
    pub async fn send(&self, leased: &Leased) -> Verdict {
        let Some(whole) = composed(leased) else {
            return Verdict::Dead { reason: "not a message".into() };
        };
        let known = self.records_of(whole).await;
        let Some(delivery) = self.still_to_tell(whole, &known) else { return self.withdraw(whole, &known).await };
        if let Some(until) = self.quiet_until(&delivery) {
            return self.put_off(leased, until).await;
        }
        if let Some(until) = self.too_many_until(&delivery) {
            return Verdict::Again(until);
        }
        let links = links(self.base_url.as_ref(), &self.keys, &delivery, self.ambient.now());
        let notes = match delivery.notices() {
            [only] => (self.notes)(only, self.channels.language(&delivery.channel), leased.created).await,
            _ => None,
        };
        let place = self.place_of(&delivery);
        let before = self.before(place.as_ref()).await;
        if before.is_none() && self.channels.is_only_shown(&delivery) {
            self.count(&delivery, "dropped");
            return withdrawn(ONLY_SHOWN);
        }
        let began = self.opened(&delivery);
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
        self.learn(&delivery, &attempt, began).await;
        let is_alone = self.is_refused_alone(&delivery, &attempt, leased.failed.as_ref());
        let is_alone = is_alone && began == self.opened(&delivery);
        let (result, verdict) = verdict(attempt, is_alone, self.ambient.now());
        if verdict == Verdict::Done {
            self.note_urgent(&delivery);
            self.leave_out(whole, &known).await;
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
        if matches!(verdict, Verdict::Retry { .. } | Verdict::Waits { .. }) {
            self.metrics.retries("deliver");
        }
        verdict
    }

    fn opened(&self, delivery: &Delivery) -> Opened {
        self.channels.find(&delivery.channel).map(|channel| channel.gate().opened()).unwrap_or_default()
    }

    /// Whether a channel refuses a message again that took others since it refused this one: what it says of itself is about the
    /// message then, as where a firewall does not like a text, and would close it again and again.
    fn is_refused_alone(&self, delivery: &Delivery, attempt: &Attempt, before: Option<&Failed>) -> bool {
        let took_others = |channel: &Channel| before.is_some_and(|before| channel.took_one_after(before.at));
        matches!(attempt, Attempt::Refused { .. }) && self.channels.find(&delivery.channel).is_some_and(took_others)
    }

    /// Until when nobody is to be disturbed by this. What broke goes at once, and so does what somebody asked for, and what only
    /// changes a message that stands there.
    fn quiet_until(&self, delivery: &Delivery) -> Option<DateTime<Utc>> {
        let waits = |notice: &Notice| !notice.is_urgent() && notice.again.is_none();
        let is_quiet = !delivery.notices().is_empty() && delivery.notices().iter().all(waits);
        let channel = self.channels.find(&delivery.channel).filter(|_| is_quiet)?;
        let until = channel.scope().quiet.as_ref()?.open_until(self.ambient.now())?;
        (!self.channels.is_only_shown(delivery)).then_some(until)
    }

    /// Until when enough is told at once of the workload of an urgent message: whoever may annotate it can have updates go back and
    /// forth. What somebody asked for is not counted.
    fn too_many_until(&self, delivery: &Delivery) -> Option<DateTime<Utc>> {
        let channel = self.channels.find(&delivery.channel)?;
        channel.lately.full_until(urgent(delivery)?, self.ambient.now())
    }

    fn note_urgent(&self, delivery: &Delivery) {
        if let Some((of, channel)) = urgent(delivery).zip(self.channels.find(&delivery.channel)) {
            channel.lately.note(of, self.ambient.now());
        }
    }

    /// Has what waited for its turn when quiet hours began wait with all that comes in them, so that it is one message when they are
    /// over. What a channel takes one by one, and what can't be stored now, waits as it is.
    async fn put_off(&self, leased: &Leased, until: DateTime<Utc>) -> Verdict {
        let delivery = composed(leased).filter(|delivery| self.channels.gathers(&delivery.channel));
        let Some(delivery) = delivery else { return Verdict::Again(until) };
        // It was composed of what waited until then: another clock is a moment behind, or this one was set back.
        if delivery.notices().iter().any(|notice| notice.put_off == Some(until)) {
            return Verdict::Again(until);
        }
        let now = self.ambient.now();
        let job = |item| {
            let job = NewJob::prompt(Job::Gather(Box::new(item)), leased.trace.clone(), now);
            NewJob { failed: leased.failed.clone(), ..job }
        };
        let jobs = Gathered::put_off(delivery, until).into_iter().map(job).collect();
        match self.queue.put(jobs).await {
            Ok(_) => withdrawn(TOLD_WITH_OTHERS),
            Err(error) => {
                tracing::debug!(channel = delivery.channel, error = %chain(&error), "what waits for the end of quiet hours is not gathered");
                Verdict::Again(until)
            }
        }
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
        let mut known = KnownRecords::default();
        for notice in delivery.notices() {
            let uid = &notice.workload.uid;
            if !known.by_uid.contains_key(uid) {
                known.by_uid.insert(uid.clone(), (self.records)(notice.workload.clone()).await);
            }
        }
        if delivery.notices().iter().any(|notice| notice.stopped().is_some()) {
            known.is_resumed = (self.is_resumed)().await;
        }
        known
    }

    /// What of a delivery is news still; `None` where nothing is.
    fn still_to_tell(&self, delivery: &Delivery, known: &KnownRecords) -> Option<Delivery> {
        let is_alone = matches!(delivery.told, Told::One(_));
        let stale = |notice: &Notice| {
            let reason = said(self.is_stale(notice, known)?);
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
            let question = known.record(notice)?.ledger(&notice.container)?.question.as_ref()?;
            let is_it = notice.approval.as_ref().is_some_and(|asked| asked.id == question.terms.id.as_str());
            is_it.then(|| question.votes.count())
        };
        let approvals = notice.approvals.map(|it| Approvals { given: given().unwrap_or(it.given), ..it });
        let told = Notice { approvals, ..explained(notice, self.base_url.is_some()) };
        known.seen(notice).answerable(told)
    }

    /// Why a notice need not be told any more.
    pub(super) fn is_stale(&self, notice: &Notice, known: &KnownRecords) -> Option<Stale> {
        let resumed = (known.is_resumed && notice.stopped().is_some()).then_some(Stale::Resumed);
        resumed.or_else(|| stale(notice, known.seen(notice), self.ambient.now()))
    }

    /// What an attempt says of its channel, and telling people where they have to mend it.
    async fn learn(&self, delivery: &Delivery, attempt: &Attempt, began: Opened) {
        let Some(channel) = self.channels.find(&delivery.channel) else { return };
        self.tell_what_is_owed().await;
        let now = Moment { wall: self.ambient.now(), monotonic: self.ambient.monotonic() };
        if *attempt == Attempt::Delivered {
            channel.took_one(now.wall);
        }
        let told = channel.gate().learn_of(began, attempt, now, self.ambient.jitter());
        channel.show_in(&self.metrics);
        if let Some(kind) = told {
            self.report(channel, kind).await;
        }
    }

    async fn report(&self, channel: &Channel, kind: TroubleKind) {
        let reason = channel.gate().standing().map_or_else(String::new, |standing| standing.reason);
        let what_next = if kind == TroubleKind::ChannelGone {
            "the channel is gone for good; its messages wait, and it is not tried again before image-watcher starts again or somebody runs image-watcher deliveries retry --channel"
        } else {
            "the channel takes no message; they wait, and it is tried again from time to time"
        };
        tracing::error!(channel = channel.name(), problem = kind.reason(), reason, "{what_next}");
        self.tell_of(channel, kind).await;
    }

    /// Tells people how a channel stands, now or later.
    async fn tell_of(&self, channel: &Channel, kind: TroubleKind) {
        let now = self.ambient.now();
        let standing = channel.gate().standing();
        let (since, reason) = standing.map_or((now, String::new()), |standing| (standing.since, standing.reason));
        let trouble = Trouble { kind, channel: channel.name().to_owned(), reason, since, at: now, messages: 0 };
        if self.tell(trouble).await.is_err() {
            channel.gate().owes(kind, self.ambient.monotonic());
        }
    }

    /// What people could not be told of a channel, as it could not be stored.
    async fn tell_what_is_owed(&self) {
        for channel in self.channels.each() {
            if let Some(kind) = channel.gate().take_owed(self.ambient.monotonic()) {
                self.tell_of(channel, kind).await;
            }
        }
    }

    /// Tells people through another channel that one does not work: once a day, as its id is of the day. Where there is no other,
    /// nobody is ever told.
    ///
    /// # Errors
    /// Where it can't be stored now: it is to be told later.
    pub async fn tell(&self, trouble: Trouble) -> Result<(), QueueError> {
        let Some(other) = self.channels.beside(&trouble.channel) else {
            tracing::warn!(
                channel = trouble.channel,
                "there is no other channel to tell people that this one does not work"
            );
            return Ok(());
        };
        let job = |recipient: String| {
            let (channel, told) = (other.name().to_owned(), Told::Trouble(Box::new(trouble.clone())));
            NewJob::prompt(Job::Deliver(Box::new(Delivery { channel, recipient, told })), "", self.ambient.now())
        };
        let put = self.queue.put(other.recipients().into_iter().map(job).collect()).await;
        put.map(drop).inspect_err(|error| {
            tracing::warn!(error = %chain(error), channel = trouble.channel, "people can't be told now that this channel does not work");
        })
    }

    fn count(&self, delivery: &Delivery, result: &str) {
        let labels =
            DeliveryResult { channel: delivery.channel.clone(), event: delivery.event().into(), result: result.into() };
        self.metrics.deliveries.get_or_create(&labels).inc();
    }
}

/// It is over, and did not arrive.
pub(super) fn withdrawn(reason: &str) -> Verdict {
    Verdict::Withdrawn { reason: reason.into() }
}

/// The message of a job, where it is one.
fn composed(leased: &Leased) -> Option<&Delivery> {
    match &leased.job {
        Job::Deliver(delivery) => Some(delivery),
        Job::Look(_) | Job::Gather(_) | Job::Press(_) => None,
    }
}

/// What becomes of the message, and the word for it in metrics. What is about the channel gives no message up, unless the
/// message `is_alone` in being refused.
fn verdict(attempt: Attempt, is_alone: bool, now: DateTime<Utc>) -> (&'static str, Verdict) {
    let retry = |at: Option<DateTime<Utc>>, reason| {
        let retry_after = at.map(RetryAfter::at);
        ("retry", Verdict::Retry { retry_after, no_later: None, reason })
    };
    let waits = |at, reason| ("retry", Verdict::Waits { retry_after: Some(RetryAfter::at(at)), reason });
    match attempt {
        Attempt::Delivered => ("delivered", Verdict::Done),
        Attempt::Retry { at, reason } => retry(at, reason),
        Attempt::Later { reason } => retry(None, reason),
        Attempt::Refused { reason } if is_alone => retry(None, reason),
        // The channel is closed meanwhile; the message is none the worse for it, and its turn is when that is open again.
        Attempt::Busy { at, reason } => waits(at.unwrap_or(now), reason),
        Attempt::Refused { reason } | Attempt::Gone { reason } => waits(now, reason),
        Attempt::TooRich { reason } | Attempt::GaveUp { reason } | Attempt::Unsent { reason } => {
            ("dead", Verdict::Dead { reason })
        }
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

/// The workload and the recipient of what goes at once, unless somebody asked for it.
fn urgent(delivery: &Delivery) -> Option<(&str, &str)> {
    let [only] = delivery.notices() else { return None };
    (only.is_urgent() && only.again.is_none()).then_some((&*only.workload.uid, &*delivery.recipient))
}

/// The same notice, which says why it has no link where that is for want of an address.
fn explained(notice: &Notice, has_base_url: bool) -> Notice {
    let has_link = notice.asks() || notice.stopped().is_some() && !notice.is_resumed();
    let no_link = if has_link && !has_base_url { Some(NoLink::NoBaseUrl) } else { notice.no_link };
    Notice { no_link, ..notice.clone() }
}

/// Why a notice is not told, for the log.
fn said(stale: Stale) -> &'static str {
    match stale {
        Stale::Expired => "its link has expired",
        Stale::Answered => "it was answered",
        Stale::PutOff => "it was put off",
        Stale::Replaced => "a newer question took its place",
        Stale::Closed => "it was closed: there is nothing to ask any more",
        Stale::Gone => "the workload is gone, or is watched no more",
        Stale::AskedSince => "people were asked since, with a link",
        Stale::Runs => "what it proposes was written since",
        Stale::Ended => "the rollout does not stand still any more",
        Stale::HeldNoMore => "the version is held no more",
        Stale::RunsNoMore => "what was gone does not run any more",
        Stale::Resumed => "automatic updates were resumed",
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::mattermost::MattermostChannel;
    use super::super::tests::asking;
    use super::super::{Scope, Transport};
    use super::*;
    use crate::ambient::Clock;
    use crate::domain::approval::LinkKey;
    use crate::domain::event::NoticeKind;
    use crate::domain::event::tests::notice;
    use crate::domain::secret::Secret;
    use crate::domain::window::Windows;
    use crate::outbound::{Outbound, Reach};
    use crate::queue::LeaseId;
    use crate::queue::sqlite::SqliteQueue;

    #[test]
    fn a_question_without_address_says_why_it_has_no_link() {
        let asking = asking().notices()[0].clone();
        assert_eq!(explained(&asking, true).no_link, None);
        assert_eq!(explained(&asking, false).no_link, Some(NoLink::NoBaseUrl));
        let applied = Notice { kind: NoticeKind::Applied, ..asking };
        assert_eq!(explained(&applied, false).no_link, None, "nothing is asked");
        let failed = vec![crate::domain::fleet::tests::failed_elsewhere(); 2];
        let stopped = crate::domain::fleet::Stopped { since: failed[0].at, failed };
        let because = Some(Box::new(crate::domain::fleet::Asks::Stopped(stopped)));
        let stop = Notice { because, ..notice(NoticeKind::Stopped) };
        let resumed = Notice { by: Some("command ann".into()), ..stop.clone() };
        let of = |notice| [true, false].map(|has_base_url| explained(notice, has_base_url).no_link);
        assert_eq!((of(&stop), of(&resumed)), ([None, Some(NoLink::NoBaseUrl)], [None; 2]), "fault r25d-14");
    }

    /// A channel whose quiet hours are from ten to seven.
    /// Sends what is in a queue through channels, knows no record, and has neither address nor release notes.
    pub(in crate::notify) fn through(
        queue: &SqliteQueue,
        channels: &Arc<Channels>,
        ambient: &Ambient,
    ) -> Sender<SqliteQueue> {
        Sender {
            queue: queue.clone(),
            channels: Arc::clone(channels),
            records: Arc::new(|_| Box::pin(async { Seen::Unknown })),
            is_resumed: Arc::new(|| Box::pin(async { false })),
            base_url: None,
            keys: LinkKeys::from(LinkKey::new(vec![7; 32]).unwrap()),
            notes: Arc::new(|_, _, _| Box::pin(async { None })),
            ambient: ambient.clone(),
            metrics: Metrics::new(),
        }
    }

    fn sender(folder: &std::path::Path, ambient: &Ambient, seen: Seen, is_resumed: bool) -> Sender<SqliteQueue> {
        let chat = MattermostChannel::new(Secret::new("http://127.0.0.1:9/hooks/x".into()));
        let client = Outbound::new(None).unwrap().client(Reach::Named).unwrap();
        let quiet = Some(Windows::read_in("22:00-07:00", chrono_tz::UTC).unwrap());
        let scope = Scope { quiet, ..Scope::default() };
        let chat = Channel::new("email".into(), scope, Transport::Service(Box::new(client), Arc::new(chat)));
        let (queue, channels) =
            (SqliteQueue::open(folder, ambient).unwrap(), Arc::new(Channels::new(vec![chat], None)));
        Sender {
            records: Arc::new(move |_| {
                let seen = seen.clone();
                Box::pin(async move { seen })
            }),
            is_resumed: Arc::new(move || Box::pin(async move { is_resumed })),
            ..through(&queue, &channels, ambient)
        }
    }

    async fn sent(sender: &Sender<SqliteQueue>, told: Told) -> Verdict {
        let delivery = Delivery { channel: "email".into(), recipient: String::new(), told };
        let job = Job::Deliver(Box::new(delivery));
        let (lease, created) = (LeaseId::new(1, 1), sender.ambient.now());
        sender.send(&Leased { lease, job, trace: "".into(), also: Vec::new(), attempt: 1, created, failed: None }).await
    }

    struct Standing(DateTime<Utc>);

    impl Clock for Standing {
        fn now(&self) -> DateTime<Utc> {
            self.0
        }

        fn monotonic(&self) -> std::time::Duration {
            std::time::Duration::from_secs(1)
        }
    }

    fn at(text: &str) -> Ambient {
        Ambient::system().at(Arc::new(Standing(text.parse().unwrap())))
    }

    fn one(notice: Notice) -> Told {
        Told::One(Box::new(notice))
    }

    /// What waited for its channel, or for its turn, when quiet hours began waits for their end; what broke does not.
    #[tokio::test]
    async fn what_waits_when_quiet_hours_begin_waits_for_their_end() {
        let (folder, morning) = (tempfile::tempdir().unwrap(), "2026-11-25T07:00:00Z".parse().unwrap());
        let sender = sender(folder.path(), &at("2026-11-24T23:00:00Z"), Seen::Unknown, false);
        let tried = |verdict| matches!(verdict, Verdict::Retry { .. });
        let by = || Some(crate::domain::actor::Actor::Policy);
        for kind in NoticeKind::ALL {
            let notice = Notice { by: by(), ..notice(kind) };
            let (verdict, is_urgent) = (sent(&sender, one(notice.clone())).await, notice.is_urgent());
            assert_eq!(
                (tried(verdict.clone()), verdict == withdrawn(TOLD_WITH_OTHERS)),
                (is_urgent, !is_urgent),
                "{kind:?}"
            );
        }
        let several = Told::of(vec![notice(NoticeKind::Available), notice(NoticeKind::Applied)]).unwrap();
        assert_eq!(sent(&sender, several).await, withdrawn(TOLD_WITH_OTHERS));
        let gathered = sender.queue.gathered("email", 100).await.unwrap();
        assert!(gathered.iter().all(|item| item.notice.put_off == Some(morning)), "{gathered:?}");
        assert_eq!(gathered.len(), NoticeKind::ALL.len() - 4, "what broke is told at once");
        let asked_for = Notice { again: Some(sender.ambient.now()), ..notice(NoticeKind::Available) };
        assert!(tried(sent(&sender, one(asked_for)).await), "whoever asks for a new link at night gets it");
        let trial = Told::Test(crate::domain::event::Trial { id: "test_1".into(), at: sender.ambient.now() });
        assert!(tried(sent(&sender, trial).await));
        let by_day = Sender { ambient: at("2026-11-25T07:00:00Z"), ..sender };
        assert!(tried(sent(&by_day, one(notice(NoticeKind::Applied))).await));
    }

    /// A credential is mended after a day: what was tried meanwhile has its turn at once, whatever it was tried for.
    #[test]
    fn what_the_channel_is_at_fault_for_delays_the_channel_and_not_the_message() {
        let now: DateTime<Utc> = "2026-11-24T12:00:00Z".parse().unwrap();
        let (webhook, reason) = (crate::domain::retry::Backoff::seconds(5, 36_000, 5), || "status 401".to_owned());
        let again = |attempt| match verdict(attempt, false, now).1 {
            Verdict::Retry { retry_after, .. } | Verdict::Waits { retry_after, .. } => {
                (webhook.next(9, retry_after, now, 0.5) - now).num_seconds()
            }
            other => panic!("{other:?}"),
        };
        let told = Some(now + TimeDelta::minutes(10));
        assert_eq!(again(Attempt::Refused { reason: reason() }), 5);
        assert_eq!(again(Attempt::Gone { reason: reason() }), 5);
        assert_eq!([None, told].map(|at| again(Attempt::Busy { at, reason: reason() })), [5, 600]);
        assert_eq!(again(Attempt::Retry { at: told, reason: reason() }), 600);
        for own in [Attempt::Retry { at: None, reason: reason() }, Attempt::Later { reason: reason() }] {
            assert!(again(own) > 3600, "its own waits grow");
        }
    }

    /// Fault r28-9: a channel that refuses us gives no message up; a message that it refuses beside others that it takes is old
    /// one day.
    #[test]
    fn only_a_message_that_is_refused_alone_is_given_up_for_its_age() {
        let folder = tempfile::tempdir().unwrap();
        let sender = sender(folder.path(), &at("2026-11-24T12:00:00Z"), Seen::Unknown, false);
        let (now, reason) = (sender.ambient.now(), "status 403".to_owned());
        let refused = || Attempt::Refused { reason: reason.clone() };
        let is_alone = |attempt: &Attempt, hours| {
            let before = Failed { at: now - TimeDelta::hours(hours), reason: reason.clone() };
            sender.is_refused_alone(&asking(), attempt, Some(&before))
        };
        assert!(!is_alone(&refused(), 48), "nothing is known of the channel");
        sender.channels.find("email").unwrap().took_one(now - TimeDelta::hours(2));
        assert!(!is_alone(&refused(), 1), "it was refused with all others since");
        assert!(!sender.is_refused_alone(&asking(), &refused(), None), "fault r29-2: it was never tried before");
        assert!(is_alone(&refused(), 3));
        let (at, reason) = (None, reason.clone());
        for other in [Attempt::Busy { at, reason: reason.clone() }, Attempt::Gone { reason: reason.clone() }] {
            assert!(!is_alone(&other, 48));
            assert!(matches!(verdict(other, false, now).1, Verdict::Waits { .. }));
        }
        assert!(matches!(verdict(refused(), false, now).1, Verdict::Waits { .. }));
        assert!(matches!(verdict(refused(), true, now).1, Verdict::Retry { .. }));
        assert!(matches!(verdict(Attempt::Retry { at, reason: reason.clone() }, false, now).1, Verdict::Retry { .. }));
        assert!(matches!(verdict(Attempt::Later { reason }, false, now).1, Verdict::Retry { .. }));
    }

    #[tokio::test]
    async fn what_became_void_while_it_waited_is_not_sent_and_what_happened_is() {
        let folder = tempfile::tempdir().unwrap();
        let gone = sender(folder.path(), &at("2026-11-24T12:00:00Z"), Seen::Gone, true);
        let available = || notice(NoticeKind::Available);
        let may_pass = withdrawn(&format!("{}{NO_NEWS}", crate::queue::row::NOT_TOLD));
        assert_eq!(sent(&gone, one(available())).await, may_pass);
        assert_eq!(sent(&gone, Told::of(vec![available(), available()]).unwrap()).await, may_pass);
        let mixed = Told::of(vec![available(), notice(NoticeKind::Applied)]).unwrap();
        assert!(matches!(sent(&gone, mixed).await, Verdict::Retry { .. }), "a line of it is news");
        let failed = vec![crate::domain::fleet::tests::failed_elsewhere(); 2];
        let stopped = crate::domain::fleet::Stopped { since: failed[0].at, failed };
        let because = Some(Box::new(crate::domain::fleet::Asks::Stopped(stopped)));
        let stop = || Notice { because: because.clone(), ..notice(NoticeKind::Stopped) };
        assert_eq!(sent(&gone, one(stop())).await, withdrawn(NO_NEWS), "it is resumed");
        let gone = Sender { is_resumed: Arc::new(|| Box::pin(async { false })), ..gone };
        assert!(
            matches!(sent(&gone, one(stop())).await, Verdict::Retry { .. }),
            "whoever failed is gone, and it is stopped"
        );
    }
}
