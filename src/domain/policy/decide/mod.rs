//! S8: one pass over the list, the highest of what is allowed.

mod basis;
mod family;
mod highest;
mod selected;

use std::cmp::Ordering;

use chrono::{DateTime, Utc};

use basis::Basis;
use family::{Family, of_class};

use super::{Doubt, KnownSince, Policy, Unmatched, Verdict};
use crate::domain::reference::Tag;
use crate::domain::tag::{Class, Level, Version};
use crate::domain::tags::TagList;

/// What to do about one container, and, when asked, why.
#[derive(Clone, Debug)]
pub struct Decision<'q> {
    outcome: Outcome<'q>,
    basis: Basis<'q>,
    tags: &'q TagList,
}

/// What a candidate is for whoever reads them all, in the order in which they are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rank {
    /// It is gone to.
    Taken,
    /// It is newer than that, and only a setting or time is against it.
    HeldBack,
    /// It runs.
    Running,
    /// Any other.
    Refused,
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome<'q> {
    /// Nothing in the list is newer and allowed.
    UpToDate,
    /// Go to this tag.
    Update {
        /// The highest allowed tag.
        to: &'q str,
        /// How far it is.
        level: Level,
    },
    /// Everything that is newer and allowed has not been known for long enough.
    Cooling {
        /// The highest of them.
        to: &'q str,
        /// How far it is.
        level: Level,
        /// When it can be taken.
        until: DateTime<Utc>,
    },
    /// The running tag has no order, so that nothing can be newer.
    NoVersion(Verdict<'q>),
    /// An empty list is no answer to decide on.
    NoTags,
}

impl<'q> Outcome<'q> {
    /// Why the workload's own pattern and order have no place for what runs, if they have none.
    #[must_use]
    pub fn unmatched(&self) -> Option<Unmatched> {
        match self {
            Self::NoVersion(verdict) => verdict.unmatched(),
            _ => None,
        }
    }

    /// The tag to go to, now or after its cooldown.
    #[must_use]
    pub fn to(&self) -> Option<&'q str> {
        match *self {
            Self::Update { to, .. } | Self::Cooling { to, .. } => Some(to),
            Self::UpToDate | Self::NoVersion(_) | Self::NoTags => None,
        }
    }
}

/// The newest of what is newer and held back, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeldBack<'q> {
    /// The tag.
    pub tag: &'q str,
    /// What holds it.
    pub verdict: Verdict<'q>,
}

/// Chooses the highest allowed tag of a complete list. Order and duplicates of the list don't matter.
///
/// Of the list no more is needed than what a [`Wanted`](super::Wanted) keeps for this tag and this policy.
///
/// `running` is the tag that runs; it need not be in the list. `now` is only compared with cooldowns.
#[must_use]
pub fn decide<'q>(running: &'q str, tags: &'q TagList, policy: &'q Policy, now: DateTime<Utc>) -> Decision<'q> {
    let decided = |outcome, basis| Decision { outcome, basis, tags };
    if let Some(selection) = &policy.selection {
        return match selection.key(running) {
            Err(verdict) => decided(Outcome::NoVersion(verdict), Basis::Nothing { running }),
            Ok(key) => selected::by_selection(running, key, selection, tags, policy, now),
        };
    }
    let Some(version) = Version::ordered(running) else {
        return decided(Outcome::NoVersion(of_class(Class::read(running))), Basis::Nothing { running });
    };
    if tags.listed() == 0 {
        return decided(Outcome::NoTags, Basis::Nothing { running });
    }
    let mut family = Family { running, version, policy, now, runtime: None, years: None, next: None };
    let outcome = family.highest(tags);
    // Where only words stand behind a commit, «up to date» would say too much.
    if outcome == Outcome::UpToDate && version.is_of_commit() && !version.has_values() {
        return decided(Outcome::NoVersion(Verdict::Commit), Basis::Nothing { running });
    }
    decided(outcome, Basis::Versions(family))
}

impl<'q> Decision<'q> {
    /// What to do.
    #[must_use]
    pub fn outcome(&self) -> Outcome<'q> {
        self.outcome
    }

    /// Every tag of the list with what was found about it, in the order of the list.
    ///
    /// Made while it is read: a decision that nobody asks costs nothing for it.
    pub fn verdicts(&self) -> impl Iterator<Item = (&'q str, Verdict<'q>)> {
        self.tags.iter().map(|tag| (tag, self.verdict(tag)))
    }

    /// What is found about a tag, be it listed or not.
    #[must_use]
    pub fn verdict<'t>(&self, tag: &'t str) -> Verdict<'t>
    where
        'q: 't,
    {
        match self.outcome {
            Outcome::Update { to, level } if to == tag => Verdict::Taken(level),
            Outcome::Update { to, .. } => self.basis.verdict(tag, Some(to)),
            _ => self.basis.verdict(tag, None),
        }
    }

    /// How many tags the list had, with those that nobody can use.
    #[must_use]
    pub fn listed(&self) -> u64 {
        self.tags.listed()
    }

    /// The tag to go to now.
    #[must_use]
    pub fn chosen(&self) -> Option<Tag> {
        self.chosen_tag().and_then(|to| Tag::parse(to).ok())
    }

    fn chosen_tag(&self) -> Option<&'q str> {
        match self.outcome {
            Outcome::Update { to, .. } => Some(to),
            _ => None,
        }
    }

    /// The newest tag that only a setting or time holds back, and is newer than what is taken. One that a single setting holds
    /// goes before others: who changes that would get it.
    #[must_use]
    pub fn held_back(&self) -> Option<HeldBack<'q>> {
        let above = |tag: &str| match self.outcome {
            Outcome::Update { to, .. } => self.basis.newer(tag, to).is_gt(),
            _ => true,
        };
        let is_lower = self.basis.lower_by_number(self.chosen_tag());
        let held = self.tags.iter().filter(|tag| !is_lower(tag)).map(|tag| (tag, self.verdict(tag)));
        held.filter(|(tag, verdict)| verdict.is_held_back() && above(tag))
            .map(|(tag, verdict)| (!self.basis.is_refused_by_several(tag), tag, verdict))
            .max_by(|(sole, one, _), (other, another, _)| sole.cmp(other).then_with(|| self.basis.newer(one, another)))
            .map(|(_, tag, verdict)| HeldBack { tag, verdict })
    }

    /// All tags of the list, each once: what was taken, what is held back, what runs, and the rest, each of them newest first.
    #[must_use]
    pub fn candidates(&self) -> Vec<(Rank, &'q str, Verdict<'q>)> {
        let taken = match self.outcome {
            Outcome::Update { to, .. } => Some(to),
            _ => None,
        };
        let rank = |tag: &str, verdict: &Verdict<'_>| match verdict {
            Verdict::Taken(_) => Rank::Taken,
            Verdict::Running => Rank::Running,
            verdict if verdict.is_held_back() && taken.is_none_or(|taken| self.newer(tag, taken).is_gt()) => {
                Rank::HeldBack
            }
            _ => Rank::Refused,
        };
        let ranked = self.verdicts().map(|(tag, verdict)| (rank(tag, &verdict), tag, verdict));
        let mut all: Vec<(Rank, &str, Verdict<'_>)> = ranked.collect();
        all.sort_by(|(rank, tag, _), (other, another, _)| rank.cmp(other).then_with(|| self.newer(another, tag)));
        all.dedup();
        all
    }

    /// The highest of the tags that wait for their cooldown, that many at most.
    #[must_use]
    pub fn cooling(&self, most: usize) -> Vec<&'q str> {
        let waits = self.verdicts().filter(|(_, verdict)| matches!(verdict, Verdict::Cooldown { .. }));
        let mut waiting: Vec<&str> = waits.map(|(tag, _)| tag).collect();
        waiting.sort_by(|one, another| self.basis.newer(another, one));
        waiting.dedup();
        waiting.truncate(most);
        waiting
    }

    /// The highest of the running tag's kind below it that settings do not keep out: no prerelease where none is taken (S5), nor
    /// what may be the same image (S3.4).
    #[must_use]
    pub fn below(&self) -> Option<&'q str> {
        let policy = match &self.basis {
            Basis::Nothing { .. } => return None,
            Basis::Versions(family) => family.policy,
            // Without times there is no order among those below.
            Basis::Selection { policy, .. } if policy.is_newest() => return None,
            Basis::Selection { policy, .. } => policy,
        };
        let is_taken = |tag: &str| policy.narrowed(tag).is_none() && !policy.skip.iter().any(|skipped| skipped == tag);
        let older = self.verdicts().filter(|(_, verdict)| *verdict == Verdict::NotNewer).map(|(tag, _)| tag);
        older
            .filter(|tag| is_taken(tag) && self.basis.is_another_to_run(tag))
            .max_by(|one, another| self.basis.newer(one, another))
    }

    /// When the first of the tags that wait for their cooldown has waited.
    #[must_use]
    pub fn first_due(&self) -> Option<DateTime<Utc>> {
        let until = |verdict| if let Verdict::Cooldown { until, .. } = verdict { Some(until) } else { None };
        self.verdicts().filter_map(|(_, verdict)| until(verdict)).min()
    }

    /// Since when the candidates are known, for the next decision: a version that has waited is remembered as long as it
    /// is a candidate, or it would have to wait again.
    ///
    /// When there are more than can be remembered, what is taken goes first, then what waits already, then what begins to
    /// wait, highest first; what could be taken and is lower goes last.
    #[must_use]
    pub fn known_since(&self, known: &KnownSince, now: DateTime<Utc>) -> KnownSince {
        let rank = |tag: &str, verdict: &Verdict<'_>| match (verdict, known.since(tag).is_some()) {
            (Verdict::Taken(_), _) => Some(0),
            (Verdict::Cooldown { .. }, true) => Some(1),
            (Verdict::Cooldown { .. }, false) => Some(2),
            (
                Verdict::Lower(_)
                | Verdict::OtherCount
                | Verdict::BehindRelease
                | Verdict::BehindSecond
                | Verdict::BehindStep { .. }
                | Verdict::Missing
                | Verdict::Withheld(_)
                | Verdict::Unreleased(_)
                | Verdict::Unfit(_),
                true,
            ) => Some(3),
            _ => None,
        };
        let ranked = self.verdicts().filter_map(|(tag, verdict)| Some((rank(tag, &verdict)?, tag)));
        let mut ranked: Vec<(u8, &str)> = ranked.collect();
        ranked.sort_by(|(one, tag), (another, other)| one.cmp(another).then_with(|| self.basis.newer(other, tag)));
        known.of(ranked.into_iter().map(|(_, tag)| tag), now)
    }

    /// Why the list is no ground to decide on, as far as the list alone tells.
    ///
    /// A decision is made all the same: whoever acts on it asks this first.
    #[must_use]
    pub fn doubt(&self) -> Option<Doubt> {
        let running = match &self.basis {
            _ if self.outcome == Outcome::NoTags => return Some(Doubt::Empty),
            Basis::Nothing { .. } => return None,
            Basis::Versions(family) => family.running,
            Basis::Selection { running, .. } => running,
        };
        let is_listed = self.tags.iter().any(|tag| tag == running);
        (!is_listed).then(|| Doubt::RunningMissing(running.to_owned()))
    }

    /// Which of two tags is newer, as far as the running tag's order says.
    #[must_use]
    pub fn newer(&self, one: &str, another: &str) -> Ordering {
        self.basis.newer(one, another)
    }
}
