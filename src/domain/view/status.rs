//! How a container stands by what a person has to do about it, and why: of the record, the settings and the last look.
//!
//! It is a view and decides nothing: what stands between an update and its write is [`Known::blocker`] here as for the sequencer.

use std::fmt::{self, Display};

use chrono::{DateTime, Utc};

use super::{Blocker, Known, Stands, Unfinished};
use crate::domain::approval::Allows;
use crate::domain::fleet::{Others, Verdict, Waits};
use crate::domain::gone::Gone;
use crate::domain::policy::{Mode, is_older};
use crate::domain::record::sealed::NotOurs;
use crate::domain::record::{Closed, Held, Ledger, Question, Record, Stands as Asks};
use crate::domain::reference::{Digest, Tag};
use crate::domain::rollout;
use crate::domain::settings::{Problems, Settings};
use crate::domain::tag::Level;
use crate::domain::wording::moment;
use crate::domain::workload::Workload;

/// What a container wants of people, the most urgent first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Attention {
    /// Nothing goes on before a person decides or acts.
    NeedsYou,
    /// An update failed, or can't be written.
    Failed,
    /// Whether there is anything newer is not known.
    CannotTell,
    /// It goes on by itself, later.
    Waiting,
    /// There is nothing newer that is allowed.
    UpToDate,
    /// It is left alone.
    Off,
}

impl Attention {
    /// All of them, the most urgent first.
    pub const ALL: [Self; 6] =
        [Self::NeedsYou, Self::Failed, Self::CannotTell, Self::Waiting, Self::UpToDate, Self::Off];

    /// The word for programs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NeedsYou => "needs-you",
            Self::Failed => "failed",
            Self::CannotTell => "cannot-tell",
            Self::Waiting => "waiting",
            Self::UpToDate => "up-to-date",
            Self::Off => "off",
        }
    }

    /// Reads the word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.as_str() == word)
    }
}

/// Why a container stands as it does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// People are asked, and `needed` have to approve, of whom `given` have.
    Asked {
        /// Until when it can be answered.
        until: DateTime<Utc>,
        /// How many approved.
        given: usize,
        /// How many have to.
        needed: usize,
    },
    /// People were asked, and nobody answered in time.
    Unanswered,
    /// What stands between the decision and the update.
    Blocked(Box<Blocker>),
    /// What runs is gone from its registry, or was taken back by its project.
    Gone(Box<Gone>),
    /// The rollout failed; whether people are asked to go back.
    RolloutFailed {
        /// The version.
        version: Tag,
        /// Why: a CamelCase word, where it is known.
        reason: Option<String>,
    },
    /// The rollout failed, and what ran before is back.
    WentBack(Box<Held>),
    /// The settings are not understood.
    Settings(String),
    /// What stands on the workload in the place of our record is not ours.
    Record(NotOurs),
    /// The registry gives no ground to decide on.
    Undecided(String),
    /// The rollout goes on.
    RollingOut(Tag),
    /// The rollout waits for something else.
    RolloutWaits(Tag, rollout::Waits),
    /// Its group waits.
    Group(String),
    /// It is applied in a moment.
    Applies,
    /// What is newer would not start; why.
    Unfit(Tag, String),
    /// It was not looked at yet.
    NotLookedAt,
    /// There is nothing newer that is allowed.
    NothingNewer,
    /// It is left alone: mode `DISABLED`.
    Disabled,
}

/// A version to go to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Available {
    /// Its tag.
    pub tag: Tag,
    /// Its manifest, where it is known.
    pub digest: Option<Digest>,
    /// How far it is, where that is known.
    pub level: Option<Level>,
    /// Since when it is known here.
    pub since: Option<DateTime<Utc>>,
}

/// What the last look at a container came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastLook {
    /// When.
    pub at: DateTime<Utc>,
    /// What.
    pub came_to: CameTo,
}

/// What a look came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CameTo {
    /// There is nothing to go to.
    Nothing,
    /// There is.
    To {
        /// The version.
        tag: Tag,
        /// Its manifest.
        digest: Digest,
        /// How far it is.
        level: Level,
    },
    /// There is, but not before this.
    Cooling {
        /// The version.
        tag: Tag,
        /// How far it is.
        level: Level,
        /// Until when it waits.
        until: DateTime<Utc>,
    },
    /// The registry gives no ground to decide on; why.
    Undecided(String),
}

/// A container, and all that is known of it.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'s> {
    /// The workload.
    pub workload: &'s Workload,
    /// The container.
    pub container: &'s str,
    /// What is known.
    pub record: &'s Record,
    /// Why the record on the workload is not ours, if it is not.
    pub not_ours: Option<NotOurs>,
    /// Its settings, or what of them is not understood.
    pub settings: Result<&'s Settings, &'s Problems>,
    /// What the last look came to; nothing before the first since the start.
    pub looked: Option<&'s LastLook>,
    /// Which other workloads it waits for.
    pub waits: Option<&'s Waits>,
}

/// How a container stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// What it wants of people.
    pub attention: Attention,
    /// Why.
    pub cause: Cause,
    /// The version to go to, where there is one.
    pub available: Option<Available>,
    /// What a person can say to it, in the words of links and of the API.
    pub actions: &'static [&'static str],
}

impl Status {
    fn new(attention: Attention, cause: Cause) -> Self {
        Self { attention, cause, available: None, actions: &[] }
    }

    /// How a container stands at a moment.
    #[must_use]
    pub fn of(seen: &Seen<'_>, now: DateTime<Utc>) -> Self {
        let settings = match seen.settings {
            Err(problems) => return Self::new(Attention::CannotTell, Cause::Settings(problems.to_string())),
            Ok(settings) if settings.mode == Mode::Disabled => return Self::new(Attention::Off, Cause::Disabled),
            Ok(settings) => settings,
        };
        if let Some(reason) = seen.not_ours {
            return Self::new(Attention::CannotTell, Cause::Record(reason));
        }
        let ledger = seen.record.known(seen.container);
        let (attention, cause) = seen.stands(settings, ledger, now);
        Self { attention, cause, available: seen.available(ledger, now), actions: actions(ledger, now) }
    }

    /// Until when it stands so, where that is known.
    #[must_use]
    pub fn until(&self) -> Option<DateTime<Utc>> {
        match &self.cause {
            Cause::Asked { until, .. } => Some(*until),
            Cause::Blocked(blocker) => match &**blocker {
                Blocker::Cooldown(until) | Blocker::Snoozed(until) | Blocker::Asked(until) | Blocker::Window(until) => {
                    Some(*until)
                }
                Blocker::Refused(refused) => Some(refused.again),
                _ => None,
            },
            _ => None,
        }
    }
}

impl Seen<'_> {
    fn stands(&self, settings: &Settings, ledger: &Ledger, now: DateTime<Utc>) -> (Attention, Cause) {
        let rollout = Unfinished::of(self.workload, self.container, ledger);
        let asked = || self.asked(settings, ledger, rollout.as_ref(), now);
        let failed = || failed(ledger, rollout.as_ref()).or_else(|| self.went_back(ledger));
        let gone = || {
            let gone = ledger.gone.as_ref()?;
            Some((Attention::NeedsYou, Cause::Gone(Box::new(gone.image.clone()))))
        };
        let found = asked().or_else(failed).or_else(gone).or_else(|| self.undecided(ledger));
        let found = found.or_else(|| rollout.as_ref().and_then(goes_on));
        let found = found.or_else(|| self.blocked(settings, ledger, now)).or_else(|| self.held_back(ledger, now));
        found.unwrap_or_else(|| self.is_quiet(ledger))
    }

    /// That people are asked, and have to answer.
    fn asked(
        &self,
        settings: &Settings,
        ledger: &Ledger,
        rollout: Option<&Unfinished>,
        now: DateTime<Utc>,
    ) -> Option<(Attention, Cause)> {
        let question = self.question(ledger, now)?;
        let is_snoozed = matches!(question.stands, Asks::Snoozed(until) if now < until);
        let cause = match question.terms.allows {
            _ if is_snoozed => return None,
            Allows::Held => return None,
            Allows::Back => failed(ledger, rollout)?.1,
            Allows::Update => Cause::Asked {
                until: question.terms.expires(),
                given: question.votes.count(),
                needed: settings.approvals.number(),
            },
        };
        Some((Attention::NeedsYou, cause))
    }

    /// The question that can be answered, be it that of another container which this one goes with.
    fn question<'l>(&'l self, ledger: &'l Ledger, now: DateTime<Utc>) -> Option<&'l Question> {
        let own = ledger.open(now);
        own.or_else(|| {
            self.record.ledgers().find_map(|(_, other)| {
                other.open(now).filter(|question| question.with.iter().any(|name| **name == *self.container))
            })
        })
    }

    fn went_back(&self, ledger: &Ledger) -> Option<(Attention, Cause)> {
        let held = ledger.held.as_ref().filter(|held| held.failure.is_some())?;
        let is_another = match self.looked.map(|looked| &looked.came_to) {
            Some(CameTo::To { tag, digest, .. }) => ledger.holds(tag, digest).is_none(),
            Some(CameTo::Cooling { tag, .. }) => *tag != held.tag,
            _ => false,
        };
        (!is_another).then(|| (Attention::Failed, Cause::WentBack(Box::new(held.clone()))))
    }

    fn undecided(&self, ledger: &Ledger) -> Option<(Attention, Cause)> {
        let why = match self.looked {
            Some(LastLook { came_to: CameTo::Undecided(why), .. }) => why.clone(),
            Some(_) => return None,
            // Nobody looked since the start: what was said then stands.
            None => {
                let said = self.workload.state("error", self.container)?;
                let is_said_of_what_is_known = ledger.refused.unfit().next().is_some() || said.starts_with("group ");
                (!is_said_of_what_is_known).then(|| said.to_owned())?
            }
        };
        Some((Attention::CannotTell, Cause::Undecided(why)))
    }

    /// What stands between the decision of the last look and the update.
    fn blocked(&self, settings: &Settings, ledger: &Ledger, now: DateTime<Utc>) -> Option<(Attention, Cause)> {
        if let Some(until) = self.cooling(settings, ledger, now) {
            return Some((Attention::Waiting, Cause::Blocked(Box::new(Blocker::Cooldown(until)))));
        }
        let said = self.workload.state("error", self.container);
        if let Some(words) = said.filter(|_| settings.group.is_some()).and_then(|said| said.strip_prefix("group ")) {
            return Some((Attention::Waiting, Cause::Group(words.to_owned())));
        }
        let image = self.workload.container(self.container).map(|(_, found)| &*found.image).unwrap_or_default();
        let (tag, digest) = match (self.looked.map(|looked| &looked.came_to), &ledger.question) {
            (Some(CameTo::To { tag, digest, .. }), _) => (tag, digest),
            (None, Some(question)) if is_unanswered(question, image) => (&question.terms.tag, &question.terms.digest),
            _ => return None,
        };
        let others = self.waits.cloned().map(Verdict::Waits);
        let (workload, container, record) = (self.workload, self.container, self.record);
        let known = Known { workload, container, record, settings, others: Others::Said(others.as_ref()) };
        Some(match known.blocker(tag, digest, now) {
            None => (Attention::Waiting, Cause::Applies),
            Some(blocker) if ledger.unanswered(image, tag, digest, now).is_some() && waits_for_people(&blocker) => {
                (Attention::NeedsYou, Cause::Unanswered)
            }
            Some(blocker) => (attention_of(&blocker), Cause::Blocked(Box::new(blocker))),
        })
    }

    /// Until when the version to go to waits, where that is all.
    fn cooling(&self, settings: &Settings, ledger: &Ledger, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        match self.looked.map(|looked| &looked.came_to) {
            Some(CameTo::Cooling { until, .. }) => Some(*until),
            Some(_) => None,
            None => {
                let (tag, ..) = newest_known(ledger)?;
                let cooldown = settings.policy.cooldown.clone()?.knowing(ledger.known_since.clone());
                cooldown.until(tag, now)
            }
        }
    }

    /// What is known to be newer and is not gone to.
    fn held_back(&self, ledger: &Ledger, now: DateTime<Utc>) -> Option<(Attention, Cause)> {
        let blocked = |attention, blocker| Some((attention, Cause::Blocked(Box::new(blocker))));
        if let Some(waits) = self.waits {
            return blocked(Attention::Waiting, Blocker::Waits(Box::new(waits.clone())));
        }
        if let Some(refused) = ledger.refused.writes(now).next() {
            return blocked(Attention::Failed, Blocker::Refused(Box::new(refused.clone())));
        }
        if let Some(held) = &ledger.held {
            return blocked(Attention::Waiting, Blocker::Held(Box::new(held.clone())));
        }
        let (refused, flaw) = ledger.refused.unfit().next()?;
        Some((Attention::Waiting, Cause::Unfit(refused.tag.clone(), flaw.to_string())))
    }

    fn is_quiet(&self, ledger: &Ledger) -> (Attention, Cause) {
        if self.looked.is_none() && ledger.runs.is_none() {
            return (Attention::Waiting, Cause::NotLookedAt);
        }
        (Attention::UpToDate, Cause::NothingNewer)
    }

    /// The version to go to.
    fn available(&self, ledger: &Ledger, now: DateTime<Utc>) -> Option<Available> {
        let since = |tag: &Tag| ledger.known_since.since(tag.as_str());
        let image = self.workload.container(self.container).map(|(_, found)| &*found.image).unwrap_or_default();
        let question = self.question(ledger, now).or(ledger.question.as_ref().filter(|it| is_unanswered(it, image)));
        if let Some(question) = question.filter(|question| question.terms.allows == Allows::Update) {
            let (tag, digest) = (question.terms.tag.clone(), Some(question.terms.digest.clone()));
            let since = since(&tag).or(Some(question.asked));
            return Some(Available { tag, digest, level: Some(question.level), since });
        }
        match self.looked.map(|looked| &looked.came_to) {
            Some(CameTo::To { tag, digest, level }) => {
                let (since, digest) = (since(tag), Some(digest.clone()));
                return Some(Available { tag: tag.clone(), digest, level: Some(*level), since });
            }
            Some(CameTo::Cooling { tag, level, .. }) => {
                return Some(Available { tag: tag.clone(), digest: None, level: Some(*level), since: since(tag) });
            }
            Some(CameTo::Nothing) | None => {}
            Some(CameTo::Undecided(_)) => return None,
        }
        let held = ledger.held.as_ref().map(|held| (held.tag.clone(), held.digest.clone()));
        let refused = ledger.refused.writes(now).next().map(|it| (it.tag.clone(), Some(it.digest.clone())));
        let newest = || newest_known(ledger).and_then(|(tag, _)| Some((Tag::parse(tag).ok()?, None)));
        let (tag, digest) = refused.or(held).or_else(|| newest().filter(|_| self.looked.is_none()))?;
        let since = since(&tag);
        Some(Available { tag, digest, level: None, since })
    }
}

/// The newest of the versions that wait, or did and were not taken.
fn newest_known(ledger: &Ledger) -> Option<(&str, DateTime<Utc>)> {
    let newer = |one: (_, _), other: (_, _)| if is_older(one.0, other.0) { other } else { one };
    ledger.known_since.iter().map(|(tag, since, _)| (tag, since)).reduce(newer)
}

/// Whether a question asks for an update of what runs, and nobody answered it.
fn is_unanswered(question: &Question, image: &str) -> bool {
    let is_answered =
        matches!(question.stands, Asks::Closed(Closed::Answered | Closed::Unknown | Closed::NothingToAsk));
    question.terms.allows == Allows::Update && question.terms.from == image && !is_answered
}

fn failed(ledger: &Ledger, rollout: Option<&Unfinished>) -> Option<(Attention, Cause)> {
    let rollout = rollout.filter(|rollout| rollout.stands == Stands::Failed)?;
    let failure = ledger.update.as_ref().and_then(|update| update.failure.as_ref());
    let reason = failure.map(|failure| failure.reason.clone()).filter(|reason| !reason.is_empty());
    Some((Attention::Failed, Cause::RolloutFailed { version: rollout.version.clone(), reason }))
}

fn goes_on(rollout: &Unfinished) -> Option<(Attention, Cause)> {
    use rollout::Waits::{BlueGreenPause, CanaryPause, Inconclusive, NoSchedule, OnDelete};
    let version = rollout.version.clone();
    match rollout.stands {
        Stands::UnderWay => Some((Attention::Waiting, Cause::RollingOut(version))),
        Stands::Failed => None,
        Stands::Waits(waits) => {
            let is_for_people = matches!(waits, BlueGreenPause | CanaryPause | Inconclusive | NoSchedule | OnDelete);
            let attention = if is_for_people { Attention::NeedsYou } else { Attention::Waiting };
            Some((attention, Cause::RolloutWaits(version, waits)))
        }
    }
}

fn waits_for_people(blocker: &Blocker) -> bool {
    matches!(
        blocker,
        Blocker::Asked(_) | Blocker::Person | Blocker::AsksOnly(_) | Blocker::Owned(_) | Blocker::Because(_)
    )
}

fn attention_of(blocker: &Blocker) -> Attention {
    match blocker {
        Blocker::Refused(_) => Attention::Failed,
        Blocker::Held(held) if held.failure.is_some() => Attention::Failed,
        Blocker::Disabled => Attention::Off,
        blocker if waits_for_people(blocker) => Attention::NeedsYou,
        _ => Attention::Waiting,
    }
}

/// What can be said to a container now.
fn actions(ledger: &Ledger, now: DateTime<Utc>) -> &'static [&'static str] {
    let open = ledger.open(now).map(|question| question.terms.allows);
    open.map_or(&[], Allows::words)
}

impl Cause {
    /// One word for programs.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Asked { .. } => "asked",
            Self::Unanswered => "unanswered",
            Self::Blocked(blocker) => blocker.word(),
            Self::Gone(gone) if gone.lost.is_of_registry() => "gone",
            Self::Gone(_) => "taken-back",
            Self::RolloutFailed { .. } => "rollout-failed",
            Self::WentBack(_) => "went-back",
            Self::Settings(_) => "settings",
            Self::Record(_) => "record",
            Self::Undecided(_) => "undecided",
            Self::RollingOut(_) => "rolling-out",
            Self::RolloutWaits(..) => "rollout-waits",
            Self::Group(_) => "group",
            Self::Applies => "applies",
            Self::Unfit(..) => "would-not-start",
            Self::NotLookedAt => "not-looked-at",
            Self::NothingNewer => "nothing-newer",
            Self::Disabled => "disabled",
        }
    }
}

impl Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Asked { until, given, needed } if *needed > 1 => {
                write!(f, "{given} of {needed} people approved; it can be answered until {}", moment(*until))
            }
            Self::Asked { until, .. } => write!(f, "people are asked, and can answer until {}", moment(*until)),
            Self::Unanswered => f.write_str("people were asked, and nobody answered in time"),
            Self::Blocked(blocker) => blocker.fmt(f),
            Self::Gone(gone) => gone.fmt(f),
            Self::RolloutFailed { version, reason: Some(reason) } => {
                write!(f, "the rollout of {version} failed ({reason})")
            }
            Self::RolloutFailed { version, reason: None } => write!(f, "the rollout of {version} failed"),
            Self::WentBack(held) => Blocker::Held(held.clone()).fmt(f),
            Self::Settings(problems) => f.write_str(problems),
            Self::Record(reason) => write!(
                f,
                "what stands in image-watcher/record is not ours ({}), until the next look puts it right",
                reason.as_str()
            ),
            Self::Undecided(why) | Self::Group(why) => f.write_str(why),
            Self::RollingOut(version) => write!(f, "{version} is being rolled out"),
            Self::RolloutWaits(version, waits) => {
                write!(f, "the rollout of {version} waits: {}", super::rollout::until(*waits))
            }
            Self::Applies => f.write_str("it is applied in a moment"),
            Self::Unfit(version, why) => write!(f, "{version} would not start: {why}"),
            Self::NotLookedAt => f.write_str("it was not looked at yet"),
            Self::NothingNewer => f.write_str("there is nothing newer that is allowed"),
            Self::Disabled => f.write_str("it is left alone (mode DISABLED)"),
        }
    }
}
