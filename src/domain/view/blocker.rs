//! What stands between an update that the policy allows and the write: the one place that says so, for the sequencer and for
//! everyone who only looks.

use std::fmt::{self, Display};

use chrono::{DateTime, TimeDelta, Utc};

use crate::domain::fleet::{self, Candidate, Others, Verdict};
use crate::domain::history::Outcome;
use crate::domain::owner::Owner;
use crate::domain::policy::Mode;
use crate::domain::record::{AsksOnly, Held, Ledger, Question, Record, Refused};
use crate::domain::reference::{Digest, ImageReference, Tag};
use crate::domain::rollout::Rollout;
use crate::domain::settings::{Settings, parts_of_one};
use crate::domain::votes::{Approvals, Ballot};
use crate::domain::wording::{moment, somebody};
use crate::domain::workload::Workload;

/// What stands between a decision and the update.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Blocker {
    /// The workload is not to be changed.
    Disabled,
    /// It waits.
    Cooldown(DateTime<Utc>),
    /// Somebody set this version back.
    Held(Box<Held>),
    /// The API server refused to write it.
    Refused(Box<Refused>),
    /// People put it off until then.
    Snoozed(DateTime<Utc>),
    /// People are asked, and can answer until then; with how many have to, where one is not enough.
    Asked(DateTime<Utc>, Option<Approvals>),
    /// People are asked first.
    Person,
    /// The same, whatever the mode says.
    AsksOnly(AsksOnly),
    /// The same, as this would undo the update.
    Owned(Box<Owner>),
    /// Nothing may be applied until then.
    Window(DateTime<Utc>),
    /// The update of another container is being rolled out: should pods fail, it has to be known whose fault it is.
    Rolling {
        /// That container.
        container: String,
        /// What it goes to.
        tag: Tag,
    },
    /// The rollouts of the workload are paused.
    Paused,
    /// People are asked first, for what happened to other workloads.
    Because(Box<fleet::Asks>),
    /// It waits for other workloads.
    Waits(Box<fleet::Waits>),
    /// Its release notes can't be read, and are waited for until then at most.
    Notes(DateTime<Utc>),
    /// Automatic updates were stopped, and whether they are is not known here.
    WasStopped(Box<fleet::Stopped>),
}

/// An update of another container is waited for no longer than this.
pub(super) const ROLLING_AT_MOST: TimeDelta = TimeDelta::hours(1);

/// A container and what is known of it.
#[derive(Clone, Copy, Debug)]
pub struct Known<'k> {
    /// The workload.
    pub workload: &'k Workload,
    /// The container.
    pub container: &'k str,
    /// What is known.
    pub record: &'k Record,
    /// What its settings say.
    pub settings: &'k Settings,
    /// What is known of other workloads.
    pub others: Others<'k>,
}

impl Known<'_> {
    /// What stands between it and this update; nothing means that it is applied.
    #[must_use]
    pub fn blocker(&self, to: &Tag, digest: &Digest, now: DateTime<Utc>) -> Option<Blocker> {
        let ledger = self.record.known(self.container);
        let mode = self.settings.mode;
        if self.settings.is_disabled() {
            return Some(Blocker::Disabled);
        }
        if let Some(held) = self.held(to, digest) {
            return Some(Blocker::Held(Box::new(held.clone())));
        }
        if let Some(refused) = self.refused(to, digest, now) {
            return Some(Blocker::Refused(Box::new(refused.clone())));
        }
        let image = self.workload.container(self.container).map(|(_, found)| &*found.image).unwrap_or_default();
        let owner = || self.workload.owner.clone().filter(|_| !self.settings.patch_owned).map(Blocker::Owned);
        let (because, waits) = match self.of_others(image, to, digest) {
            Some(Verdict::Asks(asks)) => (Some(Blocker::Because(Box::new(asks))), None),
            Some(Verdict::Waits(waits)) => (None, Some(Blocker::Waits(Box::new(waits)))),
            None => (None, None),
        };
        // Others are a reason to ask about what would be applied: what is paused would not be.
        let because = because.filter(|_| !self.workload.paused);
        let asks_only = self.record.asks_only_about(self.container, image, to, digest).map(Blocker::AsksOnly);
        let asks_only = asks_only.or_else(owner).or(because);
        match (mode, asks_only) {
            (Mode::AutoUpdate, None) => match self.settings.closed_until(now) {
                Some(until) => Some(Blocker::Window(until)),
                None if self.workload.paused => Some(Blocker::Paused),
                None => {
                    let notes = ledger.waits_for_notes(to, digest, now).map(Blocker::Notes);
                    let stopped = || self.others.was_stopped().cloned().map(Box::new).map(Blocker::WasStopped);
                    notes
                        .or_else(|| rolling((self.workload, self.container), self.record, now))
                        .or(waits)
                        .or_else(stopped)
                }
            },
            (mode, asks_only) => {
                let asks_only = asks_only.filter(|_| mode == Mode::AutoUpdate);
                let first = || asks_only.unwrap_or(Blocker::Person);
                Some(self.asked(to, digest, now).unwrap_or_else(first))
            }
        }
    }

    /// What other workloads are a reason for, where it would be applied by itself.
    fn of_others(&self, image: &str, to: &Tag, digest: &Digest) -> Option<Verdict> {
        if self.settings.mode != Mode::AutoUpdate {
            return None;
        }
        let of = ImageReference::parse(image).ok()?.repository().to_string();
        let question = self.record.known(self.container).question_about(image, to, digest);
        let asked = question.and_then(|question| question.because.as_deref());
        self.others.verdict(&Candidate { id: &self.workload.id, of: &of, tag: to, digest, asked })
    }

    /// The parts of one program are written together, so what one of them holds the others do not go to either.
    fn held(&self, to: &Tag, digest: &Digest) -> Option<&Held> {
        let policy = Some(&self.settings.policy);
        if let Some(held) = self.record.known(self.container).holds_by(to, digest, policy) {
            return Some(held);
        }
        let parts = parts_of_one(self.workload, self.container, self.settings.forced_mode());
        parts.into_iter().find_map(|part| self.record.ledger(&part.name)?.holds_by(to, digest, policy))
    }

    /// Containers that run the same image are written together, so what is refused of one is refused of all.
    fn refused(&self, to: &Tag, digest: &Digest, now: DateTime<Utc>) -> Option<&Refused> {
        let together = self.workload.together(self.container).into_iter();
        let refused = together.filter_map(|other| self.record.ledger(&other.name)?.refuses(to, digest, now));
        refused.max_by_key(|refused| refused.again)
    }

    /// The question about this update, be it that of another container which this one goes with.
    fn asked(&self, to: &Tag, digest: &Digest, now: DateTime<Utc>) -> Option<Blocker> {
        let is_it = |name: &str| name == self.container;
        self.workload.together(self.container).into_iter().find_map(|asker| {
            let ledger = self.record.ledger(&asker.name)?;
            let goes_with = |question: &Question| question.with.iter().any(|name| is_it(name));
            if !is_it(&asker.name) && !ledger.question.as_ref().is_some_and(goes_with) {
                return None;
            }
            // It is put off for longer than its link can be used.
            let snoozed = ledger.snoozed(to, digest, now).map(Blocker::Snoozed);
            let expires = |question: &Question| {
                let needed = self.settings.approvals;
                let ballot = Ballot { votes: question.votes.clone(), needed, is_yours: false };
                Blocker::Asked(question.terms.expires(), ballot.counted())
            };
            snoozed.or_else(|| ledger.asks(&asker.image, to, digest, now).map(expires))
        })
    }
}

/// The update of another container that is under way, and would be blamed for that of this one.
fn rolling((workload, container): (&Workload, &str), record: &Record, now: DateTime<Utc>) -> Option<Blocker> {
    if matches!(workload.rollout, Rollout::Waiting(_)) {
        return None;
    }
    let is_under_way = |(name, ledger): (&str, &Ledger)| {
        let update = ledger.followed().filter(|update| update.outcome == Outcome::RollingOut)?;
        let is_of_another = name != container && !update.with.iter().any(|with| **with == *container);
        let is_recent = now < update.at + ROLLING_AT_MOST;
        (is_of_another && is_recent && update.runs_on(workload, name))
            .then(|| Blocker::Rolling { container: name.to_owned(), tag: update.tag.clone() })
    };
    record.ledgers().find_map(is_under_way)
}

/// Whether a container waits for the update of another one of its workload, as [`Known::blocker`] has it.
#[must_use]
pub fn is_rolling_beside(of: (&Workload, &str), record: &Record, now: DateTime<Utc>) -> bool {
    rolling(of, record, now).is_some()
}

impl Blocker {
    /// One word for programs.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Disabled => "disabled",
            Self::Cooldown(_) => "cooldown",
            Self::Held(_) => "held",
            Self::Refused(_) => "refused",
            Self::Snoozed(_) => "snoozed",
            Self::Asked(..) => "asked",
            Self::Person => "person",
            Self::AsksOnly(_) => "asks-only",
            Self::Owned(_) => "owned",
            Self::Window(_) => "window",
            Self::Rolling { .. } => "other-container",
            Self::Paused => "paused",
            Self::Because(_) => "other-workload",
            Self::Waits(_) => "other-workloads",
            Self::Notes(_) => "release-notes",
            Self::WasStopped(_) => "was-stopped",
        }
    }
}

impl Display for Blocker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Disabled => f.write_str("nothing is done (mode DISABLED)"),
            Self::Cooldown(until) => write!(f, "in cooldown until {}", moment(*until)),
            Self::Held(held) if held.failure.is_some() => {
                let why = held.failure.as_ref().map(|failure| failure.reason.as_str()).unwrap_or_default();
                let by = if held.by.is_empty() { String::new() } else { format!(" by {}", held.by.join(", ")) };
                let (back_to, since) = (&held.back_to, moment(held.since));
                write!(f, "held: it failed here ({why}), and {back_to} was written again{by}, {since}")
            }
            Self::Held(held) => {
                write!(f, "held: set back to {} by {}, {}", held.back_to, somebody(&held.by), moment(held.since))
            }
            Self::Refused(refused) => write!(f, "refused by the API server; tried again {}", moment(refused.again)),
            Self::Snoozed(until) => write!(f, "snoozed until {}", moment(*until)),
            Self::Asked(until, approvals) => {
                write!(f, "people are asked, and can answer until {}", moment(*until))?;
                approvals.map_or(Ok(()), |approvals| write!(f, "; {approvals} have approved"))
            }
            Self::Person => f.write_str("waits for a person (mode NOTIFICATION)"),
            Self::AsksOnly(why) => write!(f, "waits for a person: {}", why.words()),
            Self::Owned(owner) => write!(f, "waits for a person: {}", owner.asks_first()),
            Self::Window(until) => write!(f, "waits for image-watcher/window, which opens {}", moment(*until)),
            Self::Rolling { container, tag } => write!(f, "waits until the update of {container} to {tag} has ended"),
            Self::Paused => f.write_str("waits, as the rollouts of the workload are paused"),
            Self::Because(asks) => write!(f, "waits for a person: {asks}"),
            Self::Waits(waits) => write!(f, "{waits}"),
            Self::Notes(until) => {
                write!(f, "waits for its release notes, which can't be read now, until {} at most", moment(*until))
            }
            Self::WasStopped(stopped) => f.write_str(&stopped.was(&moment)),
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::domain::fleet;
    use crate::domain::record::tests::{question, update};
    use crate::domain::record::{Event, InDoubt, Running, Update, WentBack};
    use crate::domain::settings::{Bounds, Fingerprint};
    use crate::domain::workload::tests::workload;

    const IMAGE: &str = "registry.example.com/shop/web:1.0.0";

    /// What blocks the update to 1.0.1 after these events, for `container`.
    fn blocker(container: &str, mode: Mode, events: Vec<(&str, Event)>) -> Option<Blocker> {
        blocker_of(&[("mode", mode.as_str())], container, events)
    }

    fn blocker_of(annotations: &[(&str, &str)], container: &str, events: Vec<(&str, Event)>) -> Option<Blocker> {
        let asked = question(1);
        let now = asked.asked + TimeDelta::hours(1);
        let workload = workload(&[("web", IMAGE), ("copy", IMAGE)], annotations);
        let settings = Settings::read(&workload, container, &Bounds::default()).unwrap();
        let mut record = Record::default();
        for (container, event) in events {
            record.on(container, event, asked.asked);
        }
        Known { workload: &workload, container, record: &record, settings: &settings, others: Others::Unknown }.blocker(
            &asked.terms.tag,
            &asked.terms.digest,
            now,
        )
    }

    #[test]
    fn what_blocks_an_update_is_told_by_the_record() {
        use Mode::{AutoUpdate, Disabled, Notification};
        let asked = question(1);
        let at = asked.asked;
        let ask = || ("web", Event::Ask(Box::new(question(1))));
        let both = || Event::Ask(Box::new(Question { with: vec!["copy".into()], ..question(1) }));
        assert_eq!(blocker("web", AutoUpdate, vec![]), None);
        assert_eq!(blocker("web", Disabled, vec![]), Some(Blocker::Disabled));
        assert_eq!(blocker("web", Notification, vec![]), Some(Blocker::Person));
        let until = asked.terms.expires();
        assert_eq!(blocker("web", Notification, vec![ask()]), Some(Blocker::Asked(until, None)));
        assert_eq!(blocker("copy", Notification, vec![ask()]), Some(Blocker::Person), "it is not asked about that one");
        assert_eq!(blocker("copy", Notification, vec![("web", both())]), Some(Blocker::Asked(until, None)));
        let until = at + TimeDelta::days(2);
        let snoozed = vec![ask(), ("web", Event::Snooze { until })];
        assert_eq!(blocker("web", Notification, snoozed), Some(Blocker::Snoozed(until)));
        let Question { terms, .. } = asked;
        let refused = Refused {
            tag: terms.tag,
            digest: terms.digest,
            again: at + TimeDelta::hours(6),
            said: String::new(),
            flaw: None,
            told: None,
        };
        let refuse = Event::Refuse(refused.clone());
        let refused = Some(Blocker::Refused(Box::new(refused)));
        assert_eq!(blocker("web", AutoUpdate, vec![("web", refuse.clone())]), refused);
        assert_eq!(blocker("copy", AutoUpdate, vec![("web", refuse)]), refused, "they are written together");
        let in_doubt = InDoubt { settings: Fingerprint::stored(1), why: WentBack::Older };
        let widened = ("web", Event::SettingsWentBack(Some(AutoUpdate), in_doubt));
        let asks_only = Some(Blocker::AsksOnly(AsksOnly::SettingsWentBack(WentBack::Older)));
        assert_eq!(blocker("web", AutoUpdate, vec![widened.clone()]), asks_only);
        assert!(matches!(blocker("web", AutoUpdate, vec![widened, ask()]), Some(Blocker::Asked(..))));
    }

    #[test]
    fn what_a_tool_would_undo_is_asked_about_first() {
        let owner = Owner::read(|name| (name == "argocd.argoproj.io/instance").then_some("web"), |_| None).unwrap();
        let blocker = |annotations: &[(&str, &str)]| {
            let asked = question(1);
            let workload = workload(&[("web", IMAGE)], annotations);
            let workload = Workload { owner: Some(Box::new(owner.clone())), ..workload };
            let settings = Settings::read(&workload, "web", &Bounds::default()).unwrap();
            let record = Record::default();
            let known = Known {
                workload: &workload,
                container: "web",
                record: &record,
                settings: &settings,
                others: Others::Unknown,
            };
            known.blocker(&asked.terms.tag, &asked.terms.digest, asked.asked)
        };
        let owned = Some(Blocker::Owned(Box::new(owner.clone())));
        assert_eq!(blocker(&[("mode", "AUTO_UPDATE")]), owned);
        assert_eq!(blocker(&[("mode", "AUTO_UPDATE"), ("patch-owned", "true")]), None);
        assert_eq!(blocker(&[("mode", "AUTO_UPDATE"), ("patch-owned.web", "false"), ("patch-owned", "true")]), owned);
        assert_eq!(blocker(&[("mode", "NOTIFICATION")]), Some(Blocker::Person));
    }

    /// What blocks the update of `web` beside `log`, which runs 1.0.5, after the change of what is known.
    fn beside_log(
        change: impl Fn(&mut Workload, &mut Update, &mut DateTime<Utc>),
        others: Option<&Verdict>,
    ) -> Option<Blocker> {
        let asked = question(1);
        let digest = Digest::of(&[5]);
        let log = format!("registry.example.com/shop/log:1.0.5@{digest}");
        let mut workload = workload(&[("web", IMAGE), ("log", &log)], &[("mode", "AUTO_UPDATE")]);
        let mut update =
            Update { from: "registry.example.com/shop/log:1.0.4".into(), at: asked.asked, ..update(5, None) };
        let mut now = asked.asked + TimeDelta::minutes(1);
        change(&mut workload, &mut update, &mut now);
        let mut record = Record::default();
        let outcome = update.outcome;
        record.on("log", Event::Write(Box::new(Update { outcome: Outcome::RollingOut, ..update })), asked.asked);
        if outcome != Outcome::RollingOut {
            record.on("log", Event::End(outcome, None), asked.asked);
        }
        let settings = Settings::read(&workload, "web", &Bounds::default()).unwrap();
        let others = Others::Said(others);
        Known { workload: &workload, container: "web", record: &record, settings: &settings, others }.blocker(
            &asked.terms.tag,
            &asked.terms.digest,
            now,
        )
    }

    #[test]
    fn one_update_of_a_workload_goes_after_the_other() {
        let rolling = || Some(Blocker::Rolling { container: "log".into(), tag: update(5, None).tag });
        assert_eq!(beside_log(|_, _, _| {}, None), rolling());
        let at = question(1).asked;
        let last = at + ROLLING_AT_MOST - TimeDelta::seconds(1);
        assert_eq!(beside_log(|_, _, now| *now = last, None), rolling());
        assert_eq!(beside_log(|_, _, now| *now = at + ROLLING_AT_MOST, None), None, "it takes too long");
        assert_eq!(beside_log(|_, update, _| update.with = vec!["web".into()], None), None, "it is of both");
        assert_eq!(beside_log(|_, update, _| update.with = vec!["copy".into()], None), rolling());
        assert_eq!(beside_log(|_, update, _| update.digest = Digest::of(&[6]), None), None, "it does not run there");
        assert_eq!(beside_log(|_, update, _| update.outcome = Outcome::Failed, None), None);
        let waits = crate::domain::rollout::Waits::OnDelete;
        assert_eq!(beside_log(|workload, _, _| workload.rollout = Rollout::Waiting(waits), None), None);
        assert_eq!(beside_log(|workload, _, _| workload.paused = true, None), Some(Blocker::Paused));
    }

    #[test]
    fn other_workloads_are_a_reason_where_nothing_here_is_one() {
        let tag = question(1).terms.tag;
        let first = fleet::Waits::First { workload: "shop/deploy/api".into(), tag };
        let asks = fleet::Asks::Failed(fleet::tests::failed_elsewhere());
        let waits = Some(Blocker::Waits(Box::new(first.clone())));
        let (first, failed) = (Verdict::Waits(first), Verdict::Asks(asks.clone()));
        let ends = |_: &mut Workload, update: &mut Update, _: &mut DateTime<Utc>| update.outcome = Outcome::Healthy;
        assert_eq!(beside_log(ends, Some(&first)), waits);
        assert!(matches!(beside_log(|_, _, _| {}, Some(&first)), Some(Blocker::Rolling { .. })));
        assert_eq!(beside_log(ends, Some(&failed)), Some(Blocker::Because(Box::new(asks))));
        let owned = |workload: &mut Workload, _: &mut Update, _: &mut DateTime<Utc>| {
            workload.owner = Some(Box::new(Owner::controller("Web", "shop")));
        };
        assert!(matches!(beside_log(owned, Some(&failed)), Some(Blocker::Owned(_))));
        let by_people = |workload: &mut Workload, _: &mut Update, _: &mut DateTime<Utc>| {
            workload.annotations = [("mode".into(), "NOTIFICATION".into())].into();
        };
        assert_eq!(beside_log(by_people, Some(&failed)), Some(Blocker::Person), "they are asked anyway");
    }

    #[test]
    fn of_those_that_are_written_together_the_last_to_be_tried_again_is_told() {
        let Question { terms, asked, .. } = question(1);
        let refuse = |hours| {
            let (tag, digest) = (terms.tag.clone(), terms.digest.clone());
            Event::Refuse(Refused {
                tag,
                digest,
                again: asked + TimeDelta::hours(hours),
                said: String::new(),
                flaw: None,
                told: None,
            })
        };
        let told = blocker("web", Mode::AutoUpdate, vec![("web", refuse(2)), ("copy", refuse(6))]);
        let Some(Blocker::Refused(refused)) = told else { panic!("{told:?}") };
        assert_eq!(refused.again, asked + TimeDelta::hours(6));
        let of_another = Event::Ask(Box::new(Question { with: vec!["third".into()], ..question(1) }));
        assert_eq!(blocker("copy", Mode::Notification, vec![("web", of_another)]), Some(Blocker::Person));
        let failure = Some(crate::domain::event::Failure::new("CrashLoopBackOff", "back-off"));
        let held = Held {
            tag: terms.tag,
            digest: None,
            back_to: update(0, None).tag,
            since: asked,
            by: vec![],
            failure,
            passed: vec![],
        };
        let told = Blocker::Held(Box::new(held)).to_string();
        assert_eq!(told, "held: it failed here (CrashLoopBackOff), and 1.0.0 was written again, 18 Nov 2026 11:06 UTC");
    }

    #[test]
    fn a_window_is_for_what_is_applied_by_itself() {
        // 18 November 2026 at 12:06, a Wednesday.
        let set = |mode, window| blocker_of(&[("mode", mode), ("window", window)], "web", vec![]);
        assert_eq!(set("AUTO_UPDATE", "Wed 12:00-13:00"), None);
        let opens = "2026-11-19T02:00:00Z".parse().unwrap();
        assert_eq!(set("AUTO_UPDATE", "02:00-04:00; Wed 11:00-12:00"), Some(Blocker::Window(opens)));
        assert_eq!(set("NOTIFICATION", "02:00-04:00"), Some(Blocker::Person), "people may be asked at any time");
        let own = [("mode", "AUTO_UPDATE"), ("window", "02:00-04:00"), ("window.copy", "00:00-24:00")];
        assert_eq!(blocker_of(&own, "copy", vec![]), None);
    }

    #[test]
    fn what_was_set_back_is_held_whatever_was_asked() {
        let runs = |tag: &str| {
            let image = ImageReference::parse(&format!("registry.example.com/shop/web:{tag}")).unwrap();
            Running::of(&image).unwrap()
        };
        let back = Event::SetBack { to: runs("1.0.0"), by: vec!["kubectl".into()], owned: false, question: None };
        let events =
            vec![("web", Event::Runs(runs("1.0.1"))), ("web", back), ("web", Event::Ask(Box::new(question(1))))];
        let held = blocker("web", Mode::Notification, events);
        let Some(Blocker::Held(held)) = held else { panic!("{held:?}") };
        assert_eq!(Blocker::Held(held).to_string(), "held: set back to 1.0.0 by kubectl, 18 Nov 2026 11:06 UTC");
    }
}
