//! One view of a decision, made once: terminal, JSON, page, mail and Event are renderings of it.

use std::fmt::Write as _;

use chrono::{DateTime, Utc};

use super::owner::Owner;
use super::policy::{Decision, Mode, Outcome, Policy, Verdict};
use super::tag::Level;

/// What a decision means for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
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
    /// Why this one, or why none: a few words.
    pub why: String,
    /// The newest tag that only a setting holds back, and which.
    pub held: Option<(String, String)>,
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
        }
    }
}

/// What stands between a decision and the update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blocker {
    /// People are asked first.
    Person,
    /// It waits.
    Cooldown(DateTime<Utc>),
    /// The workload is not to be changed.
    Disabled,
    /// The rollouts of the workload are paused.
    Paused,
}

impl std::fmt::Display for Blocker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Person => f.write_str("waits for a person (mode NOTIFICATION)"),
            Self::Cooldown(until) => write!(f, "in cooldown until {} UTC", until.format("%Y-%m-%d %H:%M")),
            Self::Disabled => f.write_str("nothing is done (mode DISABLED)"),
            Self::Paused => f.write_str("waits, as the rollouts of the workload are paused"),
        }
    }
}

impl View {
    /// The view of a decision for a workload in this mode, under this policy.
    #[must_use]
    pub fn of(
        running: &str,
        decision: &Decision<'_>,
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
        let held = match decision.outcome() {
            Outcome::Cooling { .. } => None,
            _ => decision.held(),
        };
        let held = held.map(|held| (held.tag.to_owned(), held.verdict));
        Self {
            from: running.to_owned(),
            implied: false,
            state,
            to: to.map(str::to_owned),
            level,
            why: why(decision, policy, held.as_ref()),
            held: held.map(|(tag, verdict)| (tag, verdict.to_string())),
            blockers: blockers(decision.outcome(), mode),
            owner: owner.cloned(),
            actions: match (state, mode) {
                (State::Update, Some(Mode::Notification)) => &["approve", "skip", "snooze"],
                (State::Update | State::Cooling, _) => &["skip"],
                _ => &[],
            },
        }
    }

    /// The same for an image without a tag, if it is one.
    #[must_use]
    pub fn implied(self, implied: bool) -> Self {
        Self { implied, ..self }
    }

    /// The same for a workload whose rollouts are paused, if they are: what would be applied by itself waits.
    #[must_use]
    pub fn paused(mut self, paused: bool, mode: Mode) -> Self {
        if paused && self.state == State::Update && mode == Mode::AutoUpdate {
            self.blockers.push(Blocker::Paused);
        }
        self
    }

    /// The answer in one sentence, about what is called `subject`: `web would go from 1.2.3 to 1.3.0: …`.
    #[must_use]
    pub fn sentence(&self, subject: &str) -> String {
        let from = if self.implied { format!("{} (the image names no tag)", self.from) } else { self.from.clone() };
        let mut sentence = match (&self.to, self.state) {
            (Some(to), _) => format!("{subject} would go from {from} to {to}: {}", self.why),
            (None, State::UpToDate | State::NoVersion) => format!("{subject} stays at {from}: {}", self.why),
            (None, _) => format!("{subject} can't be decided at {from}: {}", self.why),
        };
        for blocker in &self.blockers {
            let _ = write!(sentence, "; {blocker}");
        }
        sentence.push('.');
        sentence
    }
}

fn why(decision: &Decision<'_>, policy: &Policy, held: Option<&(String, Verdict<'_>)>) -> String {
    let mut why = of_outcome(decision, policy, held);
    if !policy.missing.is_empty() && matches!(decision.outcome(), Outcome::Update { .. } | Outcome::Cooling { .. }) {
        let _ = write!(why, "; passed over, as they have no manifest: {}", policy.missing.join(", "));
    }
    why
}

fn of_outcome(decision: &Decision<'_>, policy: &Policy, held: Option<&(String, Verdict<'_>)>) -> String {
    match decision.outcome() {
        Outcome::Update { level: Level::Pattern, .. } | Outcome::Cooling { level: Level::Pattern, .. } => {
            "highest by image-watcher/tag-policy and tag-order".into()
        }
        Outcome::Update { level, .. } | Outcome::Cooling { level, .. } => {
            format!("highest of its family that strategy {} allows ({level})", policy.strategy)
        }
        Outcome::UpToDate => match held {
            Some((tag, verdict)) => format!("{tag} is held: {verdict}"),
            None => "nothing in the list is newer and of the same family".into(),
        },
        Outcome::NoVersion(Verdict::OutsidePattern) => "the running tag is outside image-watcher/tag-policy".into(),
        Outcome::NoVersion(Verdict::WithoutOrder) => "the running tag has no place in image-watcher/tag-order".into(),
        Outcome::NoVersion(verdict) => format!(
            "it has no order ({verdict}), so that nothing can be newer; image-watcher/track: digest follows what it points to"
        ),
        Outcome::NoTags => "the list of tags is empty".into(),
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

    pub(super) fn view(running: &str, list: &[&str], policy: &Policy, mode: Option<Mode>) -> View {
        let tags: TagList = list.iter().collect();
        View::of(running, &decide(running, &tags, policy, DateTime::UNIX_EPOCH), policy, mode, None)
    }

    #[test]
    fn what_is_held_is_named_beside_an_update_and_not_twice_while_it_cools() {
        let held = |list: &[&str], policy: &Policy| view("1.2.3", list, policy, None).held;
        let major = ("2.0.0".to_owned(), "major, beyond the strategy".to_owned());
        assert_eq!(held(&["1.3.0", "2.0.0"], &Policy::of(Strategy::Minor)), Some(major));
        let cooldown = Cooldown::parse("24h", KnownSince::default()).unwrap();
        assert_eq!(held(&["1.2.4"], &Policy { cooldown: Some(cooldown), ..Policy::of(Strategy::All) }), None);
    }
}
