//! What crosses the queue: a repository to look at, a message to deliver, or a button that was pressed.
//!
//! These types are the format of stored rows: fields are only added, with a default.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::notice::fingerprint;
pub use super::notice::{ApprovalView, Failure, ImageView, MOST_REMINDERS, NoLink, Notice, NoticeKind, Offer, WayBack};
use super::press::Pressed;
use super::reference::Repository;
pub use super::votes::Approvals;

/// Something to be done, durably.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Job {
    /// Look at a repository now, and decide for every workload that runs it.
    Look(Repository),
    /// Deliver a message to one recipient of one channel.
    Deliver(Box<Delivery>),
    /// Tell something on one channel, together with what else waits there.
    Gather(Box<Gathered>),
    /// Do what somebody pressed in a chat.
    Press(Box<Pressed>),
}

impl Job {
    /// The repository of a look.
    #[must_use]
    pub fn repository(&self) -> Option<&Repository> {
        match self {
            Self::Look(repository) => Some(repository),
            Self::Deliver(_) | Self::Gather(_) | Self::Press(_) => None,
        }
    }

    /// What it tells of workloads, to be changed.
    pub fn notices_mut(&mut self) -> &mut [Notice] {
        match self {
            Self::Look(_) | Self::Press(_) => &mut [],
            Self::Deliver(delivery) => delivery.notices_mut(),
            Self::Gather(gathered) => std::slice::from_mut(&mut gathered.notice),
        }
    }

    /// The same message without what makes it long and can be read elsewhere: what the image changes, and what its makers say.
    /// Nothing where it has none of that.
    #[must_use]
    pub fn in_brief(&self) -> Option<Self> {
        let mut brief = self.clone();
        for notice in brief.notices_mut() {
            notice.preflight = None;
            notice.declared.quotes.clear();
        }
        (brief != *self).then_some(brief)
    }
}

/// Why a repository is looked at; a label of metrics and logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// A registry told us.
    Webhook,
    /// The schedule, or the start.
    Poll,
    /// A workload appeared or changed.
    Workload,
}

impl Cause {
    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Poll => "poll",
            Self::Workload => "workload",
        }
    }
}

/// What a message tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Told {
    /// One thing.
    #[serde(rename = "notice")]
    One(Box<Notice>),
    /// Several things that happened about the same time, oldest first.
    #[serde(rename = "several")]
    Several {
        /// Tells this collection from every other, whatever of it is over by the time that it is sent.
        id: String,
        /// What happened.
        notices: Vec<Notice>,
    },
    /// Something about image-watcher itself.
    #[serde(rename = "trouble")]
    Trouble(Box<Trouble>),
    /// That messages arrive here: somebody tries the channel.
    #[serde(rename = "test")]
    Test(Trial),
}

impl Told {
    /// What tells these, oldest first; nothing where there are none.
    #[must_use]
    pub fn of(mut notices: Vec<Notice>) -> Option<Self> {
        match notices.pop() {
            None => None,
            Some(only) if notices.is_empty() => Some(Self::One(Box::new(only))),
            Some(last) => {
                notices.push(last);
                Some(Self::Several { id: Delivery::collection(&notices), notices })
            }
        }
    }
}

/// What is wrong with image-watcher itself, as far as people have to know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// What is wrong.
    pub kind: TroubleKind,
    /// The channel that it is about.
    pub channel: String,
    /// What the other side answered, or what went wrong on the way, without secrets.
    pub reason: String,
    /// Since when.
    pub since: DateTime<Utc>,
    /// When it is told: the same is told once a day.
    pub at: DateTime<Utc>,
    /// How many messages wait, or were given up.
    pub messages: u64,
}

/// What is wrong with a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TroubleKind {
    /// It refuses us, so nothing is sent to it for a while.
    ChannelPaused,
    /// It has taken nothing for long: it can't be reached, does not work, or is always busy.
    ChannelFailing,
    /// It is no longer there, so nothing is sent to it any more.
    ChannelGone,
    /// Messages to it were given up.
    DeadLetters,
}

impl TroubleKind {
    /// The word in metrics and events, as Kubernetes writes reasons.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::ChannelPaused => "ChannelPaused",
            Self::ChannelFailing => "ChannelFailing",
            Self::ChannelGone => "ChannelGone",
            Self::DeadLetters => "DeadLetters",
        }
    }
}

/// A message that somebody sends to see whether a channel works.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trial {
    /// Tells one from another.
    pub id: String,
    /// When it was asked for.
    pub at: DateTime<Utc>,
}

/// One message to one recipient.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// The channel's name.
    pub channel: String,
    /// The address in that channel; empty where a channel has just one.
    #[serde(default)]
    pub recipient: String,
    /// What is said.
    #[serde(flatten)]
    pub told: Told,
}

/// What messages about several updates, about a channel, and those that were asked for by a person are about.
const OTHER_TYPES: [&str; 3] = ["digest.summary", "watcher.error", "endpoint.test"];

/// All that messages can be about.
#[must_use]
pub fn types() -> Vec<&'static str> {
    NoticeKind::ALL.into_iter().map(NoticeKind::as_str).chain(OTHER_TYPES).collect()
}

impl Delivery {
    /// A message about one thing.
    #[must_use]
    pub fn of(channel: &str, recipient: &str, notice: Notice) -> Self {
        let told = Told::One(Box::new(notice));
        Self { channel: channel.to_owned(), recipient: recipient.to_owned(), told }
    }

    /// What several things that are told together are known by.
    #[must_use]
    pub fn collection(notices: &[Notice]) -> String {
        let fields: Vec<String> = notices.iter().flat_map(told_of).collect();
        format!("col_{}", fingerprint(&fields.iter().map(String::as_str).collect::<Vec<_>>()))
    }

    /// What it tells of workloads, oldest first.
    #[must_use]
    pub fn notices(&self) -> &[Notice] {
        match &self.told {
            Told::One(notice) => std::slice::from_ref(notice),
            Told::Several { notices, .. } => notices,
            Told::Trouble(_) | Told::Test(_) => &[],
        }
    }

    /// What it tells of workloads, to be changed.
    pub fn notices_mut(&mut self) -> &mut [Notice] {
        match &mut self.told {
            Told::One(notice) => std::slice::from_mut(notice),
            Told::Several { notices, .. } => notices,
            Told::Trouble(_) | Told::Test(_) => &mut [],
        }
    }

    /// The event type of the message: see [`NoticeKind::as_str`].
    #[must_use]
    pub fn event(&self) -> &'static str {
        match &self.told {
            Told::One(notice) => notice.kind.as_str(),
            Told::Several { .. } => OTHER_TYPES[0],
            Told::Trouble(_) => OTHER_TYPES[1],
            Told::Test(_) => OTHER_TYPES[2],
        }
    }

    /// The same for every attempt and every repetition of this message: `msg_…`. Receivers recognise duplicates by it.
    #[must_use]
    pub fn id(&self) -> String {
        let fields = match &self.told {
            Told::One(notice) => told_of(notice).to_vec(),
            Told::Several { id, .. } | Told::Test(Trial { id, .. }) => vec![id.clone()],
            Told::Trouble(trouble) => {
                vec![trouble.kind.reason().to_owned(), trouble.channel.clone(), trouble.at.date_naive().to_string()]
            }
        };
        format!("msg_{}", stands_for(&fields, &self.channel, &self.recipient))
    }

    /// Who holds the links in this message: `channel:address`.
    #[must_use]
    pub fn holder(&self) -> String {
        holder(&self.channel, &self.recipient)
    }
}

/// A notice that waits to go out on a channel together with others. Its recipients are found when they are composed, unless one
/// alone was not told of it yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gathered {
    /// The channel's name.
    pub channel: String,
    /// Who alone is to be told; nothing where all of the channel are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub only: Option<String>,
    /// What is said.
    pub notice: Notice,
}

impl Gathered {
    /// A notice for all of a channel.
    #[must_use]
    pub fn new(channel: &str, notice: Notice) -> Self {
        Self { channel: channel.to_owned(), only: None, notice }
    }

    /// What of a message that was composed waits for the end of hours in which its recipient is not to be disturbed.
    #[must_use]
    pub fn put_off(delivery: &Delivery, until: DateTime<Utc>) -> Vec<Self> {
        let Delivery { channel, recipient, .. } = delivery;
        let of = |notice: &Notice| Self {
            channel: channel.clone(),
            only: Some(recipient.clone()),
            notice: Notice { put_off: Some(until), ..notice.clone() },
        };
        delivery.notices().iter().map(of).collect()
    }

    /// The same however often this is to be told on the channel: `itm_…`.
    #[must_use]
    pub fn id(&self) -> String {
        format!("itm_{}", stands_for(&told_of(&self.notice), &self.channel, self.only.as_deref().unwrap_or_default()))
    }
}

/// What stands for these fields, told to a recipient of a channel.
fn stands_for(fields: &[String], channel: &str, recipient: &str) -> String {
    let fields: Vec<&str> = fields.iter().map(String::as_str).chain([channel, recipient]).collect();
    fingerprint(&fields)
}

/// What tells one thing that people are told from every other.
fn told_of(notice: &Notice) -> [String; 3] {
    // An approval that is asked again is another message; so is another update to the same version. What can't be
    // answered is recorded nowhere but in the queue, so the same version is the same message whenever it is told.
    let round = match (&notice.approval, notice.no_link) {
        // An update ends once, and all is stopped once, whatever can be answered to it by then.
        _ if notice.kind.is_end() || notice.kind == NoticeKind::Stopped => notice.at.timestamp().to_string(),
        (Some(approval), _) => match notice.again {
            Some(again) => format!("{} {}", approval.id, again.timestamp()),
            None => approval.id.clone(),
        },
        (None, Some(reason)) => reason.as_str().to_owned(),
        (None, None) => notice.at.timestamp().to_string(),
    };
    // An update and the way back from it may be written within one second, and both may fail.
    let round = if notice.is_of_return() && notice.at_once { format!("{round} back") } else { round };
    // What was composed, and was not sent then, is not that message again.
    let round = notice.put_off.map_or(round.clone(), |until| format!("{round} put off {}", until.timestamp()));
    [notice.update_id(), notice.kind.as_str().to_owned(), round]
}

/// The holder of a link, as it is signed: `channel:address`.
#[must_use]
pub fn holder(channel: &str, recipient: &str) -> String {
    format!("{channel}:{recipient}")
}

#[cfg(test)]
pub(crate) mod tests {
    pub(crate) use super::super::notice::tests::{asking, notice};
    use super::*;

    #[test]
    fn a_message_keeps_its_id_and_others_have_another() {
        let delivery = |channel: &str, recipient: &str, kind| Delivery::of(channel, recipient, notice(kind));
        let first = delivery("email", "a@example.com", NoticeKind::Available);
        assert_eq!(first.id(), first.clone().id());
        for other in [
            delivery("email", "b@example.com", NoticeKind::Available),
            delivery("slack", "a@example.com", NoticeKind::Available),
            delivery("email", "a@example.com", NoticeKind::Applied),
        ] {
            assert_ne!(first.id(), other.id());
            assert_eq!(first.notices()[0].update_id(), other.notices()[0].update_id());
        }
        assert_eq!(first.id().len(), 30);
        let mut later = delivery("email", "a@example.com", NoticeKind::Applied);
        let id = later.id();
        later.notices_mut()[0].ended = Some(later.notices()[0].at + chrono::TimeDelta::minutes(11));
        assert_eq!(later.id(), id, "when it ended is known to the second only by whoever saw it");
    }

    #[test]
    fn names_of_messages_are_what_receivers_have_seen_of_them() {
        let mut delivery = Delivery::of("email", "a@example.com", notice(NoticeKind::Applied));
        let id = delivery.id();
        assert_eq!(
            (id.as_str(), delivery.notices()[0].update_id().as_str()),
            ("msg_2ZJPZBSXQ03X7DCJQRASK0M01Z", "upd_2V5VDY8AT4R3VB6F6KEF6KYYY7")
        );
        for kind in [NoticeKind::Applied, NoticeKind::Failed, NoticeKind::RolledBack] {
            delivery.notices_mut()[0].kind = kind;
            let id = delivery.id();
            delivery.notices_mut()[0].no_link = Some(NoLink::MayNotPatch);
            assert_eq!(delivery.id(), id, "an update ends once, whatever can be answered to it");
            delivery.notices_mut()[0].no_link = None;
        }
        assert_eq!(delivery.holder(), "email:a@example.com");
    }

    #[test]
    fn that_a_way_back_fails_too_is_another_message_though_it_was_written_within_the_same_second() {
        let failed = Delivery::of("email", "a@example.com", notice(NoticeKind::Failed));
        let mut back = failed.clone();
        let told = &mut back.notices_mut()[0];
        std::mem::swap(&mut told.from, &mut told.to);
        (told.way_back, told.at_once) = (Some(WayBack::Failed), true);
        assert_eq!(back.notices()[0].update_id(), failed.notices()[0].update_id(), "it is of the same thread");
        assert_ne!(back.id(), failed.id());
        // Fault r28-14: it has the id of before, or it is told a second time where it had failed before the service was replaced.
        back.notices_mut()[0].at_once = false;
        assert_eq!(back.id(), failed.id(), "its second tells it from others");
    }

    #[test]
    fn what_waits_to_go_out_with_others_is_the_same_however_often_it_is_put() {
        let item = |channel: &str, kind| Gathered::new(channel, notice(kind));
        let first = item("email", NoticeKind::Available);
        let mut again = first.clone();
        again.notice.release_url = None;
        assert_eq!(first.id(), again.id(), "what else is known by then makes it no other");
        assert!(first.id().starts_with("itm_") && first.id().len() == 30, "{}", first.id());
        for other in [item("slack", NoticeKind::Available), item("email", NoticeKind::Applied)] {
            assert_ne!(first.id(), other.id());
        }
        let delivery = |recipient: &str| Delivery::of("email", recipient, notice(NoticeKind::Available));
        let until = DateTime::from_timestamp(1_795_100_000, 0).unwrap();
        let put_off = |recipient: &str, until| Gathered::put_off(&delivery(recipient), until).remove(0);
        let night = put_off("a@example.com", until);
        for other in [
            first.clone(),
            put_off("b@example.com", until),
            put_off("a@example.com", until + chrono::TimeDelta::days(1)),
        ] {
            assert_ne!(night.id(), other.id());
        }
        let by_day = Delivery::of("email", "a@example.com", night.notice.clone());
        assert_ne!(by_day.id(), delivery("a@example.com").id(), "what was not sent is remembered as if it was");
        for item in [first, night] {
            let text = serde_json::to_string(&item).unwrap();
            assert_eq!(serde_json::from_str::<Gathered>(&text).unwrap(), item);
        }
    }

    #[test]
    fn what_cannot_be_answered_is_told_once_a_version() {
        let delivery = |no_link, seconds, tag: &str| {
            let mut notice = notice(NoticeKind::Available);
            (notice.no_link, notice.to.tag) = (no_link, tag.into());
            notice.at += chrono::TimeDelta::seconds(seconds);
            Delivery::of("email", "a@example.com", notice).id()
        };
        let first = delivery(Some(NoLink::MayNotPatch), 0, "1.3.0");
        assert_eq!(first, delivery(Some(NoLink::MayNotPatch), 7200, "1.3.0"));
        assert_ne!(first, delivery(Some(NoLink::MayNotPatch), 0, "1.4.0"));
        assert_ne!(first, delivery(Some(NoLink::MayNotApply), 0, "1.3.0"));
        assert_ne!(delivery(None, 0, "1.3.0"), delivery(None, 7200, "1.3.0"));
    }

    #[test]
    fn what_is_stored_is_read_again() {
        let delivery = Delivery::of("email", "a@example.com", notice(NoticeKind::Failed));
        let text = serde_json::to_string(&delivery).unwrap();
        assert_eq!(serde_json::from_str::<Delivery>(&text).unwrap(), delivery);
    }
}
