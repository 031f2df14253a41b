//! One view of a decision, made once: terminal, JSON, page, mail and Event are renderings of it.

mod blocker;
mod course;
mod gist;
mod reason;
mod rollout;
mod status;

use std::fmt::Write as _;

use chrono::{DateTime, Utc};

pub use blocker::{Blocker, Known, is_rolling_beside};
pub use course::{Course, Led};
pub use gist::{Gist, Why};
pub use reason::{Pointed, Reason};
pub use rollout::{PutBack, Stands, Stuck, Unfinished, said_to_stand_still};
pub use status::{
    Attention, Available, CameTo, Cause, GroupStands, LastLook, NoGround, NotLetIn, OfGroup, Refusing, Returned, Seen,
    Status, Ungrounded,
};

use super::approval::Allows;
use super::owner::Owner;
use super::policy::{Decision, Mode, Outcome, Policy, Verdict};
use super::preflight::{Preflight, Unfit};
use super::reference::{Digest, Tag};
use super::tag::Level;

/// What a decision means for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View<'d> {
    /// The running tag.
    pub from: String,
    /// Whether that is the `latest` of an image without a tag.
    pub implied: bool,
    /// What is decided.
    pub state: State,
    /// The tag to go to, now or after its cooldown.
    pub to: Option<String>,
    /// How far it is.
    pub level: Option<Level>,
    /// Why this one, or why none.
    pub why: Reason<'d>,
    /// The newest tag that only a setting holds back, and which.
    pub held_back: Option<(String, Verdict<'d>)>,
    /// What was looked at of the version to go to.
    pub preflight: Option<Preflight>,
    /// The rollout of what runs, as long as it has not completed.
    pub rollout: Option<Unfinished>,
    /// What stands between the decision and the update.
    pub blockers: Vec<Blocker>,
    /// What else writes the workload.
    pub owner: Option<Owner>,
    /// What a person can do about it, in the words of the command line.
    pub actions: &'static [&'static str],
}

/// What is decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// There is something newer, and it is allowed.
    Update,
    /// There is, and it has not been known for long enough.
    Cooling,
    /// There is nothing newer that is allowed.
    UpToDate,
    /// The running tag can't be compared.
    NoVersion,
    /// The list was empty.
    NoTags,
    /// What the running tag, which is followed, points to is not known yet.
    NoDigest,
}

impl State {
    /// The word for programs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Update => "update",
            Self::Cooling => "cooling",
            Self::UpToDate => "up-to-date",
            Self::NoVersion => "no-version",
            Self::NoTags => "no-tags",
            Self::NoDigest => "no-digest",
        }
    }
}

impl<'d> View<'d> {
    /// The view of a decision for a workload in this mode, under this policy.
    #[must_use]
    pub fn of(
        running: &str,
        decision: &Decision<'d>,
        policy: &Policy,
        mode: Option<Mode>,
        owner: Option<&Owner>,
    ) -> Self {
        let (state, to, level) = match decision.outcome() {
            Outcome::Update { to, level } => (State::Update, Some(to), Some(level)),
            Outcome::Cooling { to, level, .. } => (State::Cooling, Some(to), Some(level)),
            Outcome::UpToDate => (State::UpToDate, None, None),
            Outcome::NoVersion(_) => (State::NoVersion, None, None),
            Outcome::NoTags => (State::NoTags, None, None),
        };
        let held_back = match decision.outcome() {
            Outcome::Cooling { .. } => None,
            _ => decision.held_back(),
        };
        let held_back = held_back.map(|held| (held.tag.to_owned(), held.verdict));
        Self {
            from: running.to_owned(),
            implied: false,
            state,
            to: to.map(str::to_owned),
            level,
            why: Reason::of(decision, policy, held_back.as_ref()),
            preflight: None,
            rollout: None,
            held_back,
            blockers: blockers(decision.outcome(), mode),
            owner: owner.cloned(),
            actions: actions(state, mode),
        }
    }

    /// The view of a tag that is followed: where it went, or else what is known of it.
    #[must_use]
    pub fn followed(running: &Tag, to: Option<&Digest>, state: State, mode: Mode, owner: Option<&Owner>) -> Self {
        let at = |digest: &Digest| format!("{running}@{}", digest.short());
        let pointed = match (state, to) {
            (State::Update | State::Cooling, _) => Pointed::Elsewhere,
            (State::NoDigest, _) => Pointed::Unknown,
            (_, Some(_)) => Pointed::Skipped,
            (_, None) => Pointed::Same,
        };
        let goes = to.filter(|_| matches!(state, State::Update | State::Cooling));
        let skipped = to.filter(|_| state == State::UpToDate);
        Self {
            from: running.to_string(),
            implied: false,
            state,
            to: goes.map(at),
            level: goes.map(|_| Level::Digest),
            why: Reason::Followed(pointed),
            held_back: skipped.map(|digest| (at(digest), Verdict::Skipped)),
            preflight: None,
            rollout: None,
            blockers: if goes.is_some() && mode == Mode::Notification { vec![Blocker::Person] } else { Vec::new() },
            owner: owner.cloned(),
            actions: actions(state, Some(mode)),
        }
    }

    /// The same of what waits for its cooldown.
    #[must_use]
    pub fn waiting(mut self, until: DateTime<Utc>) -> Self {
        self.blockers.insert(0, Blocker::Cooldown(until));
        self
    }

    /// The view of a tag that is followed, where what it points to now would not start.
    #[must_use]
    pub fn unfit(running: &Tag, unfit: &'d Unfit, owner: Option<&Owner>) -> Self {
        let followed = View::followed(running, None, State::UpToDate, Mode::AutoUpdate, owner);
        let held_back = Some((format!("{running}@{}", unfit.digest.short()), Verdict::Unfit(&unfit.flaw)));
        Self { why: Reason::Followed(Pointed::Unfit), held_back, ..followed }
    }

    /// The same, where it is known how many tags of the list are of the running one's kind, it included.
    #[must_use]
    pub fn among(self, kind: Option<usize>, listed: u64) -> Self {
        match self.why {
            Reason::NothingNewer if kind == Some(1) && listed > 1 => {
                Self { why: Reason::NoneOfItsKind(listed - 1), ..self }
            }
            _ => self,
        }
    }

    /// The same with what was looked at of the version to go to.
    #[must_use]
    pub fn looked_at(self, preflight: Option<&Preflight>) -> Self {
        Self { preflight: preflight.filter(|it| !it.is_empty()).cloned(), ..self }
    }

    /// The same with what is known of the container: how the last rollout stands, and what stands between the update to this
    /// manifest and the write.
    #[must_use]
    pub fn knowing(mut self, known: &Known<'_>, update: Option<(&Tag, &Digest)>, now: DateTime<Utc>) -> Self {
        let ledger = known.record.known(known.container);
        self.rollout = Unfinished::of(known.workload, known.container, ledger);
        if let Some((tag, digest)) = update.filter(|_| self.state == State::Update) {
            self.blockers = known.blocker(tag, digest, now).into_iter().collect();
            if matches!(self.blockers.first(), Some(Blocker::Held(_))) {
                self.actions = Allows::Held.words();
            }
        }
        self
    }

    /// Who would undo the update, and what to change so that it stays.
    #[must_use]
    pub fn owner_words(&self, repository: &str) -> Option<String> {
        let owner = self.owner.as_ref()?;
        Some(match (&self.to, self.level) {
            (Some(to), Some(level)) if level != Level::Digest => owner.advice(repository, to),
            _ => owner.warning(),
        })
    }

    /// The same for an image without a tag, if it is one.
    #[must_use]
    pub fn implied(self, implied: bool) -> Self {
        Self { implied, ..self }
    }

    /// The answer in one sentence, about what is called `subject`: `web would go from 1.2.3 to 1.3.0: …`.
    #[must_use]
    pub fn sentence(&self, subject: &str) -> String {
        let from = if self.implied { format!("{} (the image names no tag)", self.from) } else { self.from.clone() };
        let rollout = self.rollout.as_ref().map(|rollout| format!("; {rollout}")).unwrap_or_default();
        let mut sentence = match (&self.to, self.state) {
            (Some(to), _) => format!("{subject} would go from {from} to {to}: {}", self.why),
            (None, State::UpToDate | State::NoVersion | State::NoDigest) => {
                format!("{subject} stays at {from}: {}", self.why)
            }
            (None, _) => format!("{subject} can't be decided at {from}: {}", self.why),
        };
        sentence.push_str(&rollout);
        for blocker in &self.blockers {
            let _ = write!(sentence, "; {blocker}");
        }
        sentence.push('.');
        sentence
    }
}

fn actions(state: State, mode: Option<Mode>) -> &'static [&'static str] {
    match (state, mode) {
        (State::Update, Some(Mode::Notification)) => Allows::Update.words(),
        (State::Update | State::Cooling, _) => &["skip"],
        _ => &[],
    }
}

fn blockers(outcome: Outcome<'_>, mode: Option<Mode>) -> Vec<Blocker> {
    let mut blockers = Vec::new();
    if let Outcome::Cooling { until, .. } = outcome {
        blockers.push(Blocker::Cooldown(until));
    }
    match (mode, outcome) {
        (Some(Mode::Notification), Outcome::Update { .. } | Outcome::Cooling { .. }) => blockers.push(Blocker::Person),
        (Some(Mode::Disabled), _) => blockers.push(Blocker::Disabled),
        _ => {}
    }
    blockers
}

#[cfg(test)]
mod snapshots;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::policy::{Cooldown, KnownSince, Strategy, decide};
    use crate::domain::tags::TagList;

    /// What is made of the view of a decision.
    pub(super) fn view<T>(
        running: &str,
        list: &[&str],
        policy: &Policy,
        mode: Option<Mode>,
        made: impl FnOnce(View<'_>) -> T,
    ) -> T {
        let tags: TagList = list.iter().collect();
        made(View::of(running, &decide(running, &tags, policy, DateTime::UNIX_EPOCH), policy, mode, None))
    }

    #[test]
    fn a_tag_that_is_followed_says_where_it_points() {
        let (tag, digest) = (Tag::parse("stable").unwrap(), Digest::of(b"new"));
        let at = format!("stable@{}", digest.short());
        let of = |to: Option<&Digest>, state, mode| {
            let view = View::followed(&tag, to, state, mode, None);
            (view.to, view.held_back.map(|(tag, _)| tag), view.blockers)
        };
        let (person, to) = (vec![Blocker::Person], Some(at.clone()));
        assert_eq!(of(Some(&digest), State::Update, Mode::Notification), (to.clone(), None, person));
        assert_eq!(of(Some(&digest), State::Update, Mode::AutoUpdate), (to, None, vec![]));
        assert_eq!(of(Some(&digest), State::UpToDate, Mode::Notification), (None, Some(at), vec![]), "it was skipped");
        assert_eq!(of(None, State::UpToDate, Mode::Notification), (None, None, vec![]));
        assert_eq!(of(Some(&digest), State::NoDigest, Mode::Notification), (None, None, vec![]));
    }

    #[test]
    fn what_would_undo_an_update_is_told_with_what_to_change() {
        let owner = Owner::controller("Web", "shop");
        let policy = Policy::of(Strategy::All);
        let words = |list: &[&str], owner: Option<&Owner>| {
            let tags: TagList = list.iter().collect();
            let decision = decide("1.2.3", &tags, &policy, DateTime::UNIX_EPOCH);
            View::of("1.2.3", &decision, &policy, None, owner).owner_words("registry.example.com/shop/web")
        };
        let advice = owner.advice("registry.example.com/shop/web", "1.3.0");
        assert_eq!(words(&["1.3.0"], Some(&owner)), Some(advice));
        assert_eq!(words(&["1.2.3"], Some(&owner)), Some(owner.warning()));
        assert_eq!(words(&["1.3.0"], None), None);
        let (tag, digest) = (Tag::parse("stable").unwrap(), Digest::of(b"new"));
        let followed = View::followed(&tag, Some(&digest), State::Update, Mode::AutoUpdate, Some(&owner));
        assert_eq!(
            followed.owner_words("registry.example.com/shop/web"),
            Some(owner.warning()),
            "a tag stays as it is"
        );
    }

    #[test]
    fn what_is_known_of_a_container_is_told_of_its_update_alone() {
        use crate::domain::fleet::Others;
        use crate::domain::record::tests::update;
        use crate::domain::record::{Event, Record, Running};
        use crate::domain::reference::ImageReference;
        use crate::domain::settings::{Bounds, Settings};
        use crate::domain::workload::tests::workload;
        let now = update(1, None).at;
        let running = |tag: &str| {
            let image = ImageReference::parse(&format!("registry.example.com/shop/web:{tag}")).unwrap();
            Running::of(&image).unwrap()
        };
        let workload = workload(&[("web", "registry.example.com/shop/web:1.0.0")], &[("mode", "NOTIFICATION")]);
        let settings = Settings::read(&workload, "web", &Bounds::default()).unwrap();
        let mut held = Record::default();
        held.on("web", Event::Runs(running("1.0.1")), now);
        let back = Event::SetBack { to: running("1.0.0"), by: vec!["kubectl".into()], owned: false, question: None };
        held.on("web", back, now);
        let update = update(1, None);
        let of = |record: &Record, list: &[&str]| {
            let others = Others::Unknown;
            let known = Known { workload: &workload, container: "web", record, settings: &settings, others };
            view("1.0.0", list, &Policy::of(Strategy::All), None, |view| {
                let view = view.knowing(&known, Some((&update.tag, &update.digest)), now);
                (view.blockers, view.actions)
            })
        };
        let (blockers, actions) = of(&held, &["1.0.1"]);
        assert!(matches!(blockers[..], [Blocker::Held(_)]) && actions == Allows::Held.words());
        let (blockers, actions) = of(&Record::default(), &["1.0.1"]);
        assert!(blockers == [Blocker::Person] && actions != Allows::Held.words());
        assert_eq!(of(&held, &["1.0.0"]).0, [], "there is no update");
        let looked_at = |preflight: &Preflight| {
            view("1.0.0", &["1.0.1"], &Policy::of(Strategy::All), None, |view| {
                view.looked_at(Some(preflight)).preflight
            })
        };
        let some = Preflight { configuration: true, ..Preflight::default() };
        assert_eq!((looked_at(&some), looked_at(&Preflight::default())), (Some(some), None));
    }

    #[test]
    fn what_is_held_back_is_named_beside_an_update_and_not_twice_while_it_cools() {
        let held = |list: &[&str], policy: &Policy| {
            view("1.2.3", list, policy, None, |view| view.held_back.map(|(tag, by)| (tag, by.to_string())))
        };
        let major = ("2.0.0".to_owned(), "major, beyond the strategy".to_owned());
        assert_eq!(held(&["1.3.0", "2.0.0"], &Policy::of(Strategy::Minor)), Some(major));
        let cooldown = Cooldown::parse("24h", KnownSince::default()).unwrap();
        assert_eq!(held(&["1.2.4"], &Policy { cooldown: Some(cooldown), ..Policy::of(Strategy::All) }), None);
    }
}
