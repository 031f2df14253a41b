//! Why this version and no other: closed, remembered with a question, and put into words only where it is shown.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::gone::Gone;
use super::group::GroupName;
use super::policy::{Decision, Outcome, Policy, Steps, Strategy, Verdict, Withheld};
use super::preflight::Unfit;
use super::tag::Level;

/// What speaks for a version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Grounds {
    /// It is the highest of its family that the strategy allows.
    Highest {
        /// The strategy.
        strategy: Strategy,
        /// How far it is.
        level: Level,
        /// The steps that are not jumped over, of which it is one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        steps: Option<Steps>,
        /// Higher ones that are listed and have no manifest.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        missing: Vec<String>,
        /// Higher ones that are listed and that the registry refuses.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        withheld: Vec<Withheld>,
        /// Higher ones that would not start.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        unfit: Vec<Unfit>,
        /// Higher ones that somebody skipped, the highest first.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        skipped: Vec<String>,
    },
    /// It is the highest by the workload's own pattern and order.
    HighestByPattern {
        /// The steps that are not jumped over, of which it is one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        steps: Option<Steps>,
        /// Higher ones that are listed and have no manifest.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        missing: Vec<String>,
        /// Higher ones that are listed and that the registry refuses.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        withheld: Vec<Withheld>,
        /// Higher ones that would not start.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        unfit: Vec<Unfit>,
        /// Higher ones that somebody skipped, the highest first.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        skipped: Vec<String>,
    },
    /// It is the newest that all of a group have.
    Group {
        /// The group.
        name: GroupName,
        /// How many containers are of it.
        members: usize,
    },
    /// The running tag points to another manifest.
    Moved {
        /// Whether it names one release, which was pushed again then.
        release: bool,
    },
    /// What runs is gone from its registry.
    Gone(Gone),
    /// What a record or a message of an earlier release says, in its own words.
    #[serde(untagged)]
    Words(String),
}

impl Grounds {
    /// What speaks for the version that a decision takes, now or after its cooldown.
    #[must_use]
    pub fn of(decision: &Decision<'_>, policy: &Policy) -> Option<Self> {
        let (Outcome::Update { level, .. } | Outcome::Cooling { level, .. }) = decision.outcome() else { return None };
        let (missing, unfit, steps) = (policy.missing.clone(), policy.unfit.clone(), policy.steps);
        let (skipped, withheld) = (skipped(decision, policy), policy.withheld.clone());
        Some(match level {
            Level::Pattern => Self::HighestByPattern { steps, missing, withheld, unfit, skipped },
            level => Self::Highest { strategy: policy.strategy, level, steps, missing, withheld, unfit, skipped },
        })
    }

    /// What an earlier release said, if it said anything.
    #[must_use]
    pub fn in_words(words: String) -> Option<Self> {
        (!words.is_empty()).then_some(Self::Words(words))
    }
}

impl fmt::Display for Grounds {
    /// A few words for people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (steps, missing, withheld, unfit, skipped) = match self {
            Self::Highest { strategy, level, steps, missing, withheld, unfit, skipped } => {
                write!(f, "highest of its family that strategy {strategy} allows ({level})")?;
                (steps, missing, withheld, unfit, skipped)
            }
            Self::HighestByPattern { steps, missing, withheld, unfit, skipped } => {
                f.write_str("highest by image-watcher/tag-policy and tag-order")?;
                (steps, missing, withheld, unfit, skipped)
            }
            Self::Moved { release } => {
                let release = if *release { ": a release that was pushed again" } else { "" };
                return write!(f, "the tag points to another manifest{release}");
            }
            Self::Group { name, members: 1 } => {
                return write!(f, "the newest version that the only container of group {name} has");
            }
            Self::Group { name, members } => {
                return write!(f, "the newest version that all {members} containers of group {name} have");
            }
            Self::Gone(gone) => return write!(f, "{gone}"),
            Self::Words(words) => return f.write_str(words),
        };
        if let Some(steps) = steps {
            write!(f, ", with no {steps} step jumped over")?;
        }
        if !missing.is_empty() {
            write!(f, "; passed over, as they have no manifest: {}", missing.join(", "))?;
        }
        withheld.iter().try_for_each(|withheld| write!(f, "; passed over: {withheld}"))?;
        unfit.iter().try_for_each(|unfit| write!(f, "; passed over: {unfit}"))?;
        if skipped.is_empty() { Ok(()) } else { write!(f, "; skipped: {}", skipped.join(", ")) }
    }
}

/// So many of those that somebody skipped are named.
const MOST_SKIPPED: usize = 3;

/// The tags above what is taken that somebody skipped, the highest first.
fn skipped(decision: &Decision<'_>, policy: &Policy) -> Vec<String> {
    let (Outcome::Update { to, .. } | Outcome::Cooling { to, .. }) = decision.outcome() else { return Vec::new() };
    let is_above = |tag: &&String| decision.verdict(tag) == Verdict::Skipped && decision.newer(tag, to).is_gt();
    let mut above: Vec<&String> = policy.skip.iter().filter(is_above).collect();
    above.sort_by(|one, another| decision.newer(another, one));
    above.dedup();
    above.into_iter().take(MOST_SKIPPED).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::policy::decide;

    #[test]
    fn grounds_outlive_the_process_and_those_of_an_earlier_release_are_its_words() {
        let missing = || vec!["1.4.0".to_owned()];
        for (grounds, stored) in [
            (
                Grounds::Highest {
                    strategy: Strategy::Minor,
                    level: Level::Minor,
                    steps: None,
                    missing: Vec::new(),
                    withheld: Vec::new(),
                    unfit: Vec::new(),
                    skipped: Vec::new(),
                },
                r#"{"highest":{"strategy":"MINOR","level":"minor"}}"#,
            ),
            (
                Grounds::HighestByPattern {
                    steps: Some(Steps::Major),
                    missing: missing(),
                    withheld: Vec::new(),
                    unfit: Vec::new(),
                    skipped: Vec::new(),
                },
                r#"{"highestByPattern":{"steps":"major","missing":["1.4.0"]}}"#,
            ),
            (Grounds::Moved { release: true }, r#"{"moved":{"release":true}}"#),
            (Grounds::Words("newest of all".into()), r#""newest of all""#),
        ] {
            assert_eq!(serde_json::to_string(&grounds).unwrap(), stored);
            assert_eq!(serde_json::from_str::<Grounds>(stored).unwrap(), grounds);
        }
        let highest = |steps| Grounds::Highest {
            strategy: Strategy::Minor,
            level: Level::Minor,
            steps,
            missing: missing(),
            withheld: Vec::new(),
            unfit: Vec::new(),
            skipped: Vec::new(),
        };
        let words =
            "highest of its family that strategy MINOR allows (minor); passed over, as they have no manifest: 1.4.0";
        assert_eq!(highest(None).to_string(), words);
        let words = "highest of its family that strategy MINOR allows (minor), with no minor step jumped over; passed over, as they have no manifest: 1.4.0";
        assert_eq!(highest(Some(Steps::Minor)).to_string(), words);
        assert_eq!((Grounds::in_words(String::new()), Grounds::in_words("a".into()).is_some()), (None, true));
    }

    #[test]
    fn the_highest_is_said_with_those_above_it_that_were_skipped() {
        let tags = ["1.0.0", "1.1.0", "1.2.0", "1.3.0", "0.9.0"].iter().collect();
        let skip = ["1.2.0", "1.3.0", "0.9.0", "7.0.0"].map(str::to_owned).to_vec();
        let policy = Policy { skip, ..Policy::of(Strategy::Minor) };
        let decision = decide("1.0.0", &tags, &policy, chrono::DateTime::UNIX_EPOCH);
        let told = Grounds::of(&decision, &policy).map(|grounds| grounds.to_string());
        let expected = "highest of its family that strategy MINOR allows (minor); skipped: 1.3.0, 1.2.0";
        assert_eq!(told.as_deref(), Some(expected));
    }

    #[test]
    fn one_is_singular() {
        let of = |members| Grounds::Group { name: "shop".parse().unwrap(), members }.to_string();
        assert_eq!(of(1), "the newest version that the only container of group shop has");
        assert_eq!(of(2), "the newest version that all 2 containers of group shop have");
        let blobs = |blobs| super::super::preflight::Preflight { blobs: Some(blobs), ..Default::default() }.to_string();
        assert!(blobs(1).contains("; its one blob there;") && blobs(2).contains("; all 2 blobs there;"));
    }
}
