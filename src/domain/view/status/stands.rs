//! How a container stands, of all that is known of it.

use chrono::{DateTime, Utc};

use super::{
    Attention, Available, CameTo, Cause, GroupStands, LastLook, NoGround, OfGroup, Returned, Seen, Ungrounded,
};
use crate::domain::approval::Allows;
use crate::domain::fleet::{Asks as Because, Others, Verdict};
use crate::domain::gone::Lost;
use crate::domain::policy::{Mode, Track, is_older, skips};
use crate::domain::record::{Ledger, Question, Update};
use crate::domain::reference::{Digest, Tag};
use crate::domain::settings::Settings;
use crate::domain::tag::Level;
use crate::domain::view::{Blocker, Known, Stands, Unfinished, said_to_stand_still};

impl Seen<'_> {
    pub(super) fn stands(&self, settings: &Settings, ledger: &Ledger, now: DateTime<Utc>) -> (Attention, Cause) {
        let rollout = Unfinished::of(self.workload, self.container, ledger);
        let asked = || self.asked(settings, ledger, rollout.as_ref(), now);
        let put_back = || rollout.as_ref().and_then(put_back);
        let failed =
            || failed(ledger, rollout.as_ref()).or_else(put_back).or_else(|| self.went_back(ledger, rollout.as_ref()));
        let gone = || {
            // What was rolled out runs on, whatever its tag stands for by now.
            let gone = ledger.gone.as_ref().filter(|gone| gone.image.lost != Lost::Moved)?;
            Some((Attention::NeedsYou, Cause::Gone(Box::new(gone.image.clone()))))
        };
        let found = asked().or_else(failed).or_else(gone).or_else(|| self.undecided(ledger));
        let found = found.or_else(|| rollout.as_ref().and_then(goes_on));
        let found = found.or_else(|| self.blocked(settings, ledger, now)).or_else(|| self.held_back(ledger, now));
        found.unwrap_or_else(|| self.is_quiet(settings, ledger, now))
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
        let cause = match question.terms.allows {
            _ if question.snoozed_until(now).is_some() => return None,
            Allows::Held => return None,
            // What runs is broken now: that is more than a question.
            Allows::Back => return failed(ledger, rollout).or_else(|| rollout.and_then(put_back)),
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
        let own = ledger.open_of(self.image_of(self.container), now);
        own.or_else(|| {
            self.record.ledgers().find_map(|(name, other)| {
                let open = other.open_of(self.image_of(name), now);
                open.filter(|question| question.with.iter().any(|name| **name == *self.container))
            })
        })
    }

    /// The image of a container of the workload, as it stands there.
    pub(super) fn image_of(&self, container: &str) -> &str {
        self.workload.container(container).map(|(_, found)| &*found.image).unwrap_or_default()
    }

    fn went_back(&self, ledger: &Ledger, rollout: Option<&Unfinished>) -> Option<(Attention, Cause)> {
        let held = ledger.held.as_ref().filter(|held| held.failure.is_some())?;
        let is_another = match self.looked.map(|looked| &looked.came_to) {
            Some(CameTo::To { tag, digest, .. } | CameTo::Cooling { tag, digest: Some(digest), .. }) => {
                ledger.holds(tag, digest).is_none()
            }
            Some(CameTo::Cooling { tag, digest: None, .. }) => *tag != held.tag,
            Some(CameTo::Group(of)) => {
                of.to.as_ref().is_some_and(|(tag, digest, _)| ledger.holds(tag, digest).is_none())
            }
            _ => false,
        };
        let is_back = ledger.update.as_ref().is_some_and(|update| update.undoes.is_some());
        let stands = rollout.filter(|_| is_back).map(|rollout| rollout.stands.clone());
        let update = ledger.update.as_ref().filter(|_| stands.is_some());
        let said = update.and_then(|update| said_to_stand_still(self.workload, update));
        let returned = Returned { held: held.clone(), stands, said };
        (!is_another).then(|| (Attention::Failed, Cause::WentBack(Box::new(returned))))
    }

    fn undecided(&self, ledger: &Ledger) -> Option<(Attention, Cause)> {
        let why = match self.looked {
            Some(LastLook { came_to: CameTo::Undecided(why), .. }) => why.clone(),
            // Nobody looked since the start, or got an answer: what the record says stands.
            Some(LastLook { came_to: CameTo::Unknown, .. }) | None => {
                ledger.undecided.then(|| Box::new(NoGround::recorded(self.workload.state("error", self.container))))?
            }
            Some(_) => return None,
        };
        Some((Attention::CannotTell, Cause::Undecided(why)))
    }

    /// What stands between the decision of the last look and the update.
    fn blocked(&self, settings: &Settings, ledger: &Ledger, now: DateTime<Utc>) -> Option<(Attention, Cause)> {
        if let Some(until) = self.cooling(settings, ledger, now) {
            return Some((Attention::Waiting, Cause::Blocked(Box::new(Blocker::Cooldown(until)))));
        }
        let came_to = self.looked.map(|looked| &looked.came_to);
        if let Some(CameTo::Group(of)) = came_to {
            return Some(of.stands(now, is_led_here(ledger, self.image_of(self.container))));
        }
        let is_written = |update: &Update| update.runs_on(self.workload, self.container);
        let group = settings.group.as_ref().map(|it| &it.name);
        if let Some(of) = group.and_then(|name| OfGroup::recorded(name, ledger, is_written)) {
            return Some(of.stands(now, is_led_here(ledger, self.image_of(self.container))));
        }
        let image = self.image_of(self.container);
        let (tag, digest) = match (came_to, &ledger.question) {
            (Some(CameTo::To { tag, digest, .. }), _)
                if self.is_written(ledger, tag, digest) || is_skipped(settings, tag, digest) =>
            {
                return None;
            }
            (Some(CameTo::To { tag, digest, .. }), _) => (tag, digest),
            (None | Some(CameTo::Unknown), Some(question)) if is_unanswered(question, image) => {
                (&question.terms.tag, &question.terms.digest)
            }
            _ => return None,
        };
        let stopped = self.stopped.cloned().map(Because::Stopped).map(Verdict::Asks);
        let others = stopped.or_else(|| self.waits.cloned().map(Verdict::Waits));
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
            Some(CameTo::To { .. } | CameTo::Nothing | CameTo::Group(_) | CameTo::Undecided(_)) => None,
            Some(CameTo::Unknown) | None => {
                let (tag, ..) = newest_known(ledger)?;
                let cooldown = ledger.waiting(settings.policy.cooldown.clone()?);
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
        Some((Attention::Failed, Cause::Unfit(refused.tag.clone(), Box::new(flaw.clone()))))
    }

    fn is_quiet(&self, settings: &Settings, ledger: &Ledger, now: DateTime<Utc>) -> (Attention, Cause) {
        let stale = self.looked.filter(|looked| looked.stale_from().is_some_and(|from| from <= now));
        if let Some(why) = stale.and_then(|looked| looked.unanswered.clone()) {
            let why = NoGround { reason: Ungrounded::Unanswered, words: why };
            return (Attention::CannotTell, Cause::Undecided(Box::new(why)));
        }
        // What is newer is asked about or written, which the record says; what waits so stands in no record.
        let may_wait = || {
            let is_kept = || self.workload.paused || settings.closed_until(now).is_some();
            settings.group.is_some() || settings.mode == Mode::AutoUpdate && is_kept()
        };
        if self.looked.is_none() && (ledger.runs.is_none() || may_wait()) {
            return (Attention::Waiting, Cause::NotLookedAt);
        }
        (Attention::UpToDate, Cause::NothingNewer)
    }

    /// Whether what the last look came to has been written since.
    fn is_written(&self, ledger: &Ledger, tag: &Tag, digest: &Digest) -> bool {
        let update = ledger.update.as_ref().filter(|update| (&update.tag, &update.digest) == (tag, digest));
        update.is_some_and(|update| update.runs_on(self.workload, self.container))
    }

    /// What the last look came to, unless that has been written since.
    fn unwritten(&self, ledger: &Ledger, (tag, digest, level): (&Tag, &Digest, Level)) -> Option<Available> {
        if self.is_written(ledger, tag, digest) || self.settings.is_ok_and(|it| is_skipped(it, tag, digest)) {
            return None;
        }
        let since = ledger.known_since.since(tag.as_str());
        Some(Available { tag: tag.clone(), digest: Some(digest.clone()), level: Some(level), since })
    }

    /// The version to go to.
    pub(super) fn available(&self, ledger: &Ledger, now: DateTime<Utc>) -> Option<Available> {
        let since = |tag: &Tag| ledger.known_since.since(tag.as_str());
        let image = self.image_of(self.container);
        let question = self.question(ledger, now).or(ledger.question.as_ref().filter(|it| is_unanswered(it, image)));
        // Where nothing may be written, what was asked may be older than what the last look came to.
        let is_newest = self.may_write || self.looked.is_none_or(|looked| looked.came_to == CameTo::Unknown);
        let asked = question.filter(|question| is_newest && question.terms.allows == Allows::Update);
        if let Some(question) = asked {
            let (tag, digest) = (question.terms.tag.clone(), Some(question.terms.digest.clone()));
            let since = since(&tag).or(Some(question.asked));
            return Some(Available { tag, digest, level: Some(question.level), since });
        }
        match self.looked.map(|looked| &looked.came_to) {
            Some(CameTo::To { tag, digest, level }) => return self.unwritten(ledger, (tag, digest, *level)),
            Some(CameTo::Group(of)) if of.to.is_some() => {
                let (tag, digest, level) = of.to.as_ref()?;
                return self.unwritten(ledger, (tag, digest, *level));
            }
            Some(CameTo::Cooling { tag, digest, level, .. }) => {
                let (since, digest) = (since(tag), digest.clone());
                return Some(Available { tag: tag.clone(), digest, level: Some(*level), since });
            }
            Some(CameTo::Nothing | CameTo::Group(_) | CameTo::Unknown) | None => {}
            Some(CameTo::Undecided(_)) => return None,
        }
        let is_all_there_is = self.looked.is_none_or(|looked| looked.came_to == CameTo::Unknown);
        let held = ledger.held.as_ref().map(|held| (held.tag.clone(), held.digest.clone()));
        let refused = ledger.refused.writes(now).next().map(|it| (it.tag.clone(), Some(it.digest.clone())));
        let newest = || newest_known(ledger).and_then(|(tag, _)| Some((Tag::parse(tag).ok()?, None)));
        let (tag, digest) = refused.or(held).or_else(|| newest().filter(|_| is_all_there_is))?;
        let since = since(&tag);
        Some(Available { tag, digest, level: None, since })
    }
}

/// Whether somebody said «not this version», be it since the last look.
fn is_skipped(settings: &Settings, tag: &Tag, digest: &Digest) -> bool {
    let skip = &settings.policy.skip;
    match settings.track {
        Track::Digest => skips(skip, tag.as_str(), digest),
        Track::Version => skip.iter().any(|skipped| skipped == tag.as_str()),
    }
}

/// The newest of the versions that wait, or did and were not taken.
fn newest_known(ledger: &Ledger) -> Option<(&str, DateTime<Utc>)> {
    let newer = |one: (_, _), other: (_, _)| if is_older(one.0, other.0) { other } else { one };
    ledger.known_since.iter().map(|(tag, since, _)| (tag, since)).reduce(newer)
}

/// Whether a question asks for an update of what runs, and nobody answered it.
fn is_unanswered(question: &Question, image: &str) -> bool {
    question.terms.allows == Allows::Update && question.is_asked_of(image) && question.is_left_unanswered()
}

impl OfGroup {
    /// What it means for the member at a moment. `is_led_here` says whether people are asked by its own question.
    fn stands(&self, now: DateTime<Utc>, is_led_here: bool) -> (Attention, Cause) {
        let attention = match &self.stands {
            GroupStands::Asked(by, until) if now >= *until => {
                let cause = if is_led_here { Cause::Unanswered } else { self.unanswered(by) };
                return (Attention::NeedsYou, cause);
            }
            GroupStands::Asked(..) | GroupStands::Person | GroupStands::Unanswered(_) => Attention::NeedsYou,
            GroupStands::Waits(waits) if waits.is_trouble() => Attention::NeedsYou,
            GroupStands::Waits(_)
            | GroupStands::PutOff(..)
            | GroupStands::First(_)
            | GroupStands::GoesBack(_)
            | GroupStands::WentBackWithout(_) => Attention::Waiting,
        };
        (attention, Cause::Group(Box::new(self.clone())))
    }

    fn unanswered(&self, by: &str) -> Cause {
        Cause::Group(Box::new(Self { stands: GroupStands::Unanswered(by.to_owned()), ..self.clone() }))
    }
}

/// Whether people were asked about all of a group by the question of this container, and it can be answered here alone.
fn is_led_here(ledger: &Ledger, image: &str) -> bool {
    ledger.question.as_ref().is_some_and(|question| question.group.is_some() && is_unanswered(question, image))
}

fn failed(ledger: &Ledger, rollout: Option<&Unfinished>) -> Option<(Attention, Cause)> {
    let rollout = rollout.filter(|rollout| rollout.stands == Stands::Failed)?;
    let failure = ledger.update.as_ref().and_then(|update| update.failure.as_ref());
    let reason = failure.map(|failure| failure.reason.clone()).filter(|reason| !reason.is_empty());
    Some((Attention::Failed, Cause::Rollout(Box::new(rollout.clone()), reason)))
}

/// What failed here before is not seen well because it is written again.
fn put_back(rollout: &Unfinished) -> Option<(Attention, Cause)> {
    let put_back = rollout.put_back.clone()?;
    Some((Attention::Failed, Cause::PutBack(rollout.version.clone(), put_back, rollout.stands.clone())))
}

fn goes_on(rollout: &Unfinished) -> Option<(Attention, Cause)> {
    let attention = match &rollout.stands {
        Stands::StandsStill(_) => Attention::NeedsYou,
        Stands::Waits(waits) if waits.is_for_people() => Attention::NeedsYou,
        Stands::UnderWay | Stands::Slow(_) | Stands::Refused(_) | Stands::Waits(_) => Attention::Waiting,
        Stands::Failed => return None,
    };
    Some((attention, Cause::Rollout(Box::new(rollout.clone()), None)))
}

fn waits_for_people(blocker: &Blocker) -> bool {
    matches!(
        blocker,
        Blocker::Asked(..) | Blocker::Person | Blocker::AsksOnly(_) | Blocker::Owned(_) | Blocker::Because(_)
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
