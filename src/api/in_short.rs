//! What a container comes to in short.

use chrono::{DateTime, Utc};

use crate::domain::approval::Allows;
use crate::domain::policy::Mode;
use crate::domain::record::{Ledger, Question, Waits};
use crate::domain::tag::Level;
use crate::domain::view::{Attention, LastLook, Seen, Status};
use crate::domain::workload::Container;

/// A container in short.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct InShort {
    /// What it wants of people.
    pub(super) state: Attention,
    /// Where it stands in a list, the first first: as tiles, titles and filters have the states, and of one state what runs broken,
    /// as its update failed and nothing was put in its place, before all else.
    pub(super) order: (Attention, bool),
    /// How far the version to go to is.
    pub(super) level: Option<Level>,
    /// Whether there is one.
    pub(super) is_newer: bool,
    /// Nothing where the settings are not understood.
    pub(super) mode: Option<Mode>,
    /// The registry.
    pub(super) host: Option<Box<str>>,
    /// Until when it stands so, where that is known.
    pub(super) until: Option<DateTime<Utc>>,
    /// When it was looked at last.
    pub(super) checked: Option<DateTime<Utc>>,
    /// The question that nobody answered.
    pub(super) asked: Option<Asked>,
    /// Whether a question can be answered.
    pub(super) is_open: bool,
    /// Whether it can be answered with yes to an update, and is not put off.
    pub(super) may_approve: bool,
}

/// A question that nobody answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) at: DateTime<Utc>,
    pub(super) stands: &'static str,
    /// Whether it is about an update, and not about what is held, which waits for nobody.
    pub(super) is_about_update: bool,
}

impl InShort {
    pub(super) fn of(seen: &Seen<'_>, container: &Container, now: DateTime<Utc>) -> Self {
        let (status, ledger) = (Status::of(seen, now), seen.record.known(seen.container));
        let (asked, open) = (asked(ledger, &container.image, now), status.open(ledger, &container.image, now));
        let asked = asked.filter(|_| !status.is_left_alone());
        let is_snoozed = asked.is_some_and(|asked| asked.stands == SNOOZED);
        Self {
            state: status.attention,
            order: (status.attention, !status.cause.is_broken()),
            level: status.available.as_ref().and_then(|available| available.level),
            is_newer: status.available.is_some() && status.attention != Attention::UpToDate,
            mode: seen.settings.ok().map(|settings| settings.mode),
            host: container.reference().map(|image| image.repository().host().into()),
            until: status.until(),
            checked: seen.looked.and_then(LastLook::answered_at),
            asked,
            is_open: open.is_some(),
            may_approve: open.is_some_and(|open| open.terms.allows.words().contains(&"approve")) && !is_snoozed,
        }
    }
}

pub(super) const SNOOZED: &str = "snoozed";

/// The question of a container that nobody answered: `open`, `snoozed` or `expired`.
fn asked(ledger: &Ledger, image: &str, now: DateTime<Utc>) -> Option<Asked> {
    let is_it = |question: &&Question| question.terms.allows != Allows::Back && question.is_asked_of(image);
    let question = ledger.question.as_ref().filter(is_it)?;
    let stands = match question.waits(now)? {
        Waits::Snoozed(_) => SNOOZED,
        Waits::Open => "open",
        Waits::Expired => "expired",
    };
    Some(Asked { at: question.asked, stands, is_about_update: question.terms.allows == Allows::Update })
}
