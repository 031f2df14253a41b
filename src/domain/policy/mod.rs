//! The decision: what runs, what the registry has and what the workload allows → the tag to go to, with its reasons.
//!
//! ```text
//! running ─┐                                                       ┌─► Outcome   what to do
//! TagList ─┼─► decide: family ─► narrowed ─► newer ─► allowed ─► highest
//! Policy ──┘                                                       └─► Verdict   for every candidate, when asked
//! ```
//!
//! Pure. A candidate is offered only when it is provably the same kind of thing as the running tag, and newer: a missed
//! update costs a notice, a wrong one an outage. The rules S1 to S10 that verdicts name are in `docs/policy.md`.

mod cooldown;
mod decide;
mod digest;
mod doubt;
mod pattern;
mod requirement;
mod ruling;
mod step;
mod steps;
mod verdict;
mod wanted;
mod withheld;
mod words;
mod years;

pub use cooldown::{Cooldown, CooldownError, Counts, KnownSince, duration, is_time_of_push};
pub use decide::{Decision, HeldBack, Outcome, Rank, decide};
pub use digest::{Moved, follow, names_one_release, resolve, skip, skips};
pub use doubt::Doubt;
pub use pattern::{LONGEST as LONGEST_PATTERN, Matching, Pattern, PatternError, Selection};
pub use requirement::{Requirement, RequirementError};
pub use ruling::Ruling;
pub use step::{Age, age, is_older, step};
#[cfg(test)]
pub(crate) use verdict::snapshots as verdict_tests;
pub use verdict::{Unmatched, Verdict};
pub use wanted::{Coverage, Filter, Wanted, WantedCounts};
pub use withheld::{Refused, Withheld};
pub use words::{Mode, Order, Steps, Strategy, Track, UnknownWord};

use chrono::{DateTime, Utc};

use super::preflight::Unfit;
use super::standing::Standing;
use super::tag::{Difference, Level, Version};

/// What narrows the candidates.
#[derive(Clone, Debug)]
pub struct Policy {
    /// How far.
    pub strategy: Strategy,
    /// How far at most, whatever the workload's own pattern says: what the operator forces.
    pub forced: Option<Strategy>,
    /// What is never jumped over.
    pub steps: Option<Steps>,
    /// Whether prereleases are candidates for a release.
    pub prerelease: bool,
    /// Only tags in which this is found, if it is set.
    pub include: Option<Pattern>,
    /// No tag in which this is found; it wins over `include`.
    pub exclude: Option<Pattern>,
    /// The workload's own pattern and order, instead of family and strategy (S9).
    pub selection: Option<Selection>,
    /// Tags never to propose.
    pub skip: Vec<String>,
    /// How long a version must have been known.
    pub cooldown: Option<Cooldown>,
    /// Tags that are listed and have no manifest, as far as that was asked.
    pub missing: Vec<String>,
    /// Tags that are listed and that the registry refuses, as far as that was asked.
    pub withheld: Vec<Withheld>,
    /// Tags whose project marks them as prereleases or took their release back, as far as that was asked.
    pub unreleased: Vec<(String, Standing)>,
    /// Versions that would not start, as far as that was looked at.
    pub unfit: Vec<Unfit>,
}

impl Policy {
    /// Everything that a strategy allows.
    #[must_use]
    pub fn of(strategy: Strategy) -> Self {
        Self {
            strategy,
            forced: None,
            steps: None,
            prerelease: false,
            include: None,
            exclude: None,
            selection: None,
            skip: Vec::new(),
            cooldown: None,
            missing: Vec::new(),
            withheld: Vec::new(),
            unreleased: Vec::new(),
            unfit: Vec::new(),
        }
    }

    /// Whether something that its project marks as a prerelease may be taken in the place of what runs.
    #[must_use]
    pub fn takes_prereleases(&self, running: &str) -> bool {
        self.prerelease || Version::read(running).is_some_and(|version| version.is_prerelease())
    }

    /// Whether it orders tags by when they were pushed.
    #[must_use]
    pub fn is_newest(&self) -> bool {
        self.selection.as_ref().is_some_and(Selection::is_newest)
    }

    /// Why the workload's own pattern may not go so far: what the operator forces bounds it, by the level between two
    /// tags that can both be read as versions (S9).
    fn beyond_forced<'t>(&self, running: &str, tag: &str) -> Option<Verdict<'t>> {
        let forced = self.forced.filter(|forced| !forced.allows(Level::Major))?;
        let level = Version::read(running).zip(Version::read(tag)).and_then(|(ours, theirs)| {
            let apart = matches!(ours.difference(&theirs), Some(Difference::Scheme | Difference::Year));
            (!apart).then(|| ours.level_to(&theirs))
        });
        match level {
            None => Some(Verdict::WithoutLevel),
            Some(level) => (!forced.allows(level)).then_some(Verdict::AboveStrategy(level)),
        }
    }

    /// Why this tag is not to be looked at, if it is narrowed away.
    fn narrowed<'t>(&self, tag: &str) -> Option<Verdict<'t>> {
        if self.exclude.as_ref().is_some_and(|pattern| pattern.is_in(tag)) {
            return Some(Verdict::Excluded);
        }
        self.include.as_ref().is_some_and(|pattern| !pattern.is_in(tag)).then_some(Verdict::NotIncluded)
    }

    /// How many settings, or things that are known of it, rule a tag out by its name. What passes by itself does not.
    fn refusals(&self, tag: &str, now: DateTime<Utc>) -> usize {
        let excluded = self.exclude.as_ref().is_some_and(|pattern| pattern.is_in(tag));
        let not_included = self.include.as_ref().is_some_and(|pattern| !pattern.is_in(tag));
        let ruled_out = self.waits(tag, now).is_some_and(|verdict| !matches!(verdict, Verdict::Cooldown { .. }));
        [excluded, not_included, ruled_out].into_iter().filter(|is_so| *is_so).count()
    }

    /// Why a tag that could be taken is not to be proposed, or not yet.
    fn waits<'t>(&'t self, tag: &str, now: DateTime<Utc>) -> Option<Verdict<'t>> {
        if self.missing.iter().any(|missing| missing == tag) {
            return Some(Verdict::Missing);
        }
        if let Some(withheld) = self.withheld.iter().find(|withheld| withheld.tag == tag) {
            return Some(Verdict::Withheld(&withheld.refused));
        }
        if let Some((_, standing)) = self.unreleased.iter().find(|(unreleased, _)| unreleased == tag) {
            return Some(Verdict::Unreleased(*standing));
        }
        if self.skip.iter().any(|skipped| skipped == tag) {
            return Some(Verdict::Skipped);
        }
        if let Some(unfit) = self.unfit.iter().find(|unfit| unfit.tag.as_str() == tag) {
            return Some(Verdict::Unfit(&unfit.flaw));
        }
        let cooldown = self.cooldown.as_ref()?;
        let until = cooldown.until(tag, now)?;
        Some(Verdict::Cooldown { until, counts: cooldown.counts(tag) })
    }
}

impl Strategy {
    /// Whether an update of this size is allowed (S6).
    #[must_use]
    pub fn allows(self, level: Level) -> bool {
        match self {
            Self::All | Self::Major => true,
            Self::Minor => level != Level::Major,
            Self::Patch => !matches!(level, Level::Major | Level::Minor),
        }
    }
}

#[cfg(test)]
mod tests;
