//! Messages, without what they say: what a message is about, and how it does. An address is shown as in logs.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;

use super::Time;
use crate::domain::actor::masked;
use crate::domain::event::{Delivery, Job, Notice, NoticeKind, holder};
use crate::notify::Channel;
use crate::queue::Letter;

/// The most workloads that are named of one message.
const MOST_NAMED: usize = 50;

/// A page of messages, the newest first.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub struct DeliveriesView {
    /// `image-watcher/deliveries/v1`
    pub schema: &'static str,
    /// The messages.
    pub items: Vec<DeliveryView>,
    /// The cursor of the next page, if there is one.
    pub next: Option<String>,
}

/// One message as an answer of its own.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub struct DeliveryDocument {
    /// `image-watcher/delivery/v1`
    pub schema: &'static str,
    /// The message.
    pub delivery: DeliveryView,
}

/// How many dead letters of a channel are sent again.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub struct RetriedView {
    /// `image-watcher/deliveries-retried/v1`
    pub schema: &'static str,
    /// The channel.
    pub channel: String,
    /// How many.
    pub retried: u64,
    /// How many messages that failed, and would have waited for their next attempt, are tried at once.
    pub hastened: u64,
    /// Whether the channel was closed; the next message tries it at once.
    #[serde(rename = "wasClosed")]
    pub was_closed: bool,
}

/// One message.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct DeliveryView {
    /// Its stable id.
    pub id: String,
    /// The channel that it is for.
    pub channel: String,
    /// To whom it goes, as others may read it; a channel that has just one recipient names none.
    pub recipient: Option<String>,
    /// `waiting`, `retried`, `dead`, `delivered`, or `done`: it did not arrive, and is over, as `lastError` says.
    pub state: String,
    /// What it tells; nothing where this version can't read it.
    pub event: Option<String>,
    /// The same, where it tells of one workload, for the page.
    #[serde(skip)]
    pub(crate) notice: Option<Box<Notice>>,
    /// What it is about.
    pub about: Vec<AboutView>,
    /// How many more workloads it is about.
    pub more: usize,
    /// How often it was tried.
    pub attempts: u32,
    /// What went wrong last.
    pub last_error: Option<String>,
    /// Before which it is not tried, where it is to be tried.
    pub next_attempt: Option<Time>,
    /// When it was stored, or sent again.
    pub created: Time,
    /// When something was last done with it.
    pub changed: Time,
    /// What leads through the log.
    pub trace: String,
}

/// What a message is about.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub struct AboutView {
    /// What it tells of it.
    pub event: String,
    /// `shop/deploy/web`
    pub workload: String,
    /// The container.
    pub container: String,
    /// The running tag.
    pub from: String,
    /// The tag to go to.
    pub to: String,
}

impl AboutView {
    /// From which version to which, as it was gone: a way back begins where the way forth ended, and what is gone from its registry
    /// goes nowhere.
    #[must_use]
    pub fn step(&self) -> String {
        let Self { event, from, to, .. } = self;
        match NoticeKind::of(event) {
            Some(NoticeKind::RolledBack | NoticeKind::Held) => format!("{to} → {from}"),
            Some(NoticeKind::Gone) => from.clone(),
            Some(
                NoticeKind::Available
                | NoticeKind::Granted
                | NoticeKind::Skipped
                | NoticeKind::Applied
                | NoticeKind::Failed
                | NoticeKind::Stalled
                | NoticeKind::Stopped,
            )
            | None => format!("{from} → {to}"),
        }
    }
}

impl From<&Letter> for DeliveryView {
    fn from(letter: &Letter) -> Self {
        let (event, recipient, told): (Option<&str>, Option<String>, &[Notice]) = match &letter.job {
            Some(Job::Deliver(delivery)) => (Some(delivery.event()), recipient(delivery), delivery.notices()),
            Some(Job::Gather(gathered)) => {
                let only = gathered.only.as_deref().filter(|only| !only.is_empty());
                (
                    Some(gathered.notice.kind.as_str()),
                    only.and_then(|only| address(&holder(&gathered.channel, only))),
                    std::slice::from_ref(&gathered.notice),
                )
            }
            Some(Job::Look(_) | Job::Press(_)) | None => (None, None, &[]),
        };
        Self {
            id: letter.id.clone(),
            channel: letter.channel.clone(),
            recipient,
            state: letter.state.as_str().to_owned(),
            event: event.map(str::to_owned),
            notice: if let [only] = told { Some(Box::new(only.clone())) } else { None },
            about: told.iter().take(MOST_NAMED).map(AboutView::from).collect(),
            more: told.len().saturating_sub(MOST_NAMED),
            attempts: letter.attempts,
            last_error: letter.error.clone(),
            next_attempt: letter.next.map(Time),
            created: Time(letter.created),
            changed: Time(letter.changed),
            trace: letter.trace.id().into_owned(),
        }
    }
}

impl DeliveryView {
    /// Nothing is tried while its channel is closed: one that is gone for good is not tried before the next start.
    #[must_use]
    pub fn beside(self, closed: &[ClosedChannelView]) -> Self {
        let Some(channel) = closed.iter().find(|it| it.name == self.channel) else { return self };
        let (next, opens) = (self.next_attempt.map(|at| at.0), channel.until.map(|at| at.0));
        let is_tried = matches!(self.state.as_str(), "waiting" | "retried");
        let next_attempt = if is_tried { opens.map(|opens| next.map_or(opens, |at| at.max(opens))) } else { next };
        Self { next_attempt: next_attempt.map(Time), ..self }
    }
}

impl From<&Notice> for AboutView {
    fn from(notice: &Notice) -> Self {
        Self {
            event: notice.kind.as_str().to_owned(),
            workload: notice.workload.to_string(),
            container: notice.container.clone(),
            from: notice.from.tag.clone(),
            to: notice.to.tag.clone(),
        }
    }
}

fn recipient(delivery: &Delivery) -> Option<String> {
    address(&delivery.holder())
}

/// The address of somebody who holds links, as it is shown.
fn address(holder: &str) -> Option<String> {
    let masked = masked(holder);
    masked.split_once(':').map(|(_, address)| address.to_owned())
}

/// A channel that takes nothing now, so that its messages wait.
#[derive(Clone, Debug)]
pub struct ClosedChannelView {
    /// Its name.
    pub name: String,
    /// Why: one word of `image_watcher_channel_state`.
    pub why: &'static str,
    /// What the other side said last.
    pub said: String,
    /// When it is tried again; nothing where it is gone for good.
    pub until: Option<Time>,
}

impl ClosedChannelView {
    /// A channel, where it takes nothing now; `monotonic` is now on that clock.
    #[must_use]
    pub fn of(channel: &Channel, now: DateTime<Utc>, monotonic: Duration) -> Option<Self> {
        let standing = channel.gate().standing()?;
        let why = standing.closed?;
        let left = channel.gate().closed_for(monotonic);
        let until = left.and_then(|left| now.checked_add_signed(TimeDelta::from_std(left).ok()?));
        Some(Self { name: channel.name().to_owned(), why: why.as_str(), said: standing.reason, until: until.map(Time) })
    }
}
