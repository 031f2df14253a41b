//! Whether one version is an update of another at all, whatever would be written today.

use chrono::DateTime;

use super::{Outcome, Policy, Strategy, decide};
use crate::domain::tag::Level;
use crate::domain::tags::TagList;

/// How far it would be from one tag to another, if that is an update: settings that only say when, or how far, don't count.
#[must_use]
pub fn step(from: &str, to: &str, policy: &Policy) -> Option<Level> {
    let policy = Policy {
        strategy: Strategy::All,
        forced: None,
        steps: None,
        cooldown: None,
        skip: Vec::new(),
        missing: Vec::new(),
        withheld: Vec::new(),
        unreleased: Vec::new(),
        ..policy.clone()
    };
    let both: TagList = [from, to].iter().collect();
    // Without a cooldown nothing depends on the time.
    match decide(from, &both, &policy, DateTime::UNIX_EPOCH).outcome() {
        Outcome::Update { to: chosen, level } if chosen == to => Some(level),
        _ => None,
    }
}

/// Whether a tag is an older version than another of its kind, prereleases included.
#[must_use]
pub fn is_older(tag: &str, than: &str) -> bool {
    step(tag, than, &Policy { prerelease: true, ..Policy::of(Strategy::All) }).is_some()
}

/// How old a tag is beside another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Age {
    /// The first is older, by so much.
    Older(Level),
    /// It is not.
    NotOlder,
    /// They are not of one kind.
    Unknown,
}

/// Compares two tags by the order of the workload's own pattern, where it knows both, or else as versions. No setting that
/// narrows what may be applied has a say.
#[must_use]
pub fn age(one: &str, other: &str, policy: Option<&Policy>) -> Age {
    if one == other {
        return Age::NotOlder;
    }
    if policy.is_some_and(Policy::is_newest) {
        return Age::Unknown;
    }
    for policy in policy.cloned().into_iter().chain([Policy::of(Strategy::All)]) {
        let policy = Policy { prerelease: true, include: None, exclude: None, ..policy };
        if let Some(level) = step(one, other, &policy) {
            return Age::Older(level);
        }
        if step(other, one, &policy).is_some() {
            return Age::NotOlder;
        }
    }
    Age::Unknown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn older_is_said_within_one_kind_of_tag() {
        assert!(is_older("1.0.1", "1.1.0"));
        assert!(is_older("1.0.1", "1.1.0-rc.1"));
        assert!(!is_older("1.1.0", "1.1.0"));
        assert!(!is_older("1.2.0", "1.1.0"));
        assert!(!is_older("1.0.1-alpine", "1.1.0"));
        assert!(!is_older("stable", "latest"));
    }

    #[test]
    fn settings_that_say_when_or_how_far_do_not_count() {
        let policy = Policy { strategy: Strategy::Patch, skip: vec!["2.0.0".into()], ..Policy::of(Strategy::Patch) };
        assert_eq!(step("1.0.0", "2.0.0", &policy), Some(Level::Major));
        assert_eq!(step("2.0.0", "1.0.0", &policy), None);
    }
}
