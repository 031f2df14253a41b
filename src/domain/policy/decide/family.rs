//! The family of the running version: what is a member of it, and which of two members goes first.

use std::cmp::Ordering;

use chrono::{DateTime, Utc};

use crate::domain::policy::steps::NextStep;
use crate::domain::policy::years::CountedYears;
use crate::domain::policy::{Policy, Verdict};
use crate::domain::tag::{Class, Level, Numbers, Version};

/// The running version, and what the list says about its family.
#[derive(Clone, Debug)]
pub(super) struct Family<'q> {
    pub(super) running: &'q str,
    pub(super) version: Version<'q>,
    pub(super) policy: &'q Policy,
    pub(super) now: DateTime<Utc>,
    /// The number behind the version, when it names a runtime and must stay (S4.6).
    pub(super) runtime: Option<Numbers<'q>>,
    /// What begins with a year beside versions (S3.7), once a month with a zero says that there may be any.
    pub(super) years: Option<CountedYears>,
    /// The step that goes first, where steps are not jumped over.
    pub(super) next: Option<NextStep<'q>>,
}

/// A candidate that is allowed, now or later.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate<'q> {
    pub(super) tag: &'q str,
    pub(super) version: Version<'q>,
    pub(super) level: Level,
}

pub(super) fn of_class<'t>(class: Class<'_>) -> Verdict<'t> {
    match class {
        Class::Artifact => Verdict::Artifact,
        Class::Commit => Verdict::Commit,
        Class::TooLarge => Verdict::TooLarge,
        Class::Named | Class::Version(_) => Verdict::Named,
    }
}

impl<'q> Family<'q> {
    /// The candidate's version, if it is of this family, and its numbers count the same.
    pub(super) fn member<'t>(&self, tag: &'t str) -> Result<Version<'t>, Verdict<'t>> {
        let version = self.version.read_candidate(tag).map_err(of_class)?;
        if let Some(difference) = self.version.difference(&version) {
            return Err(Verdict::OtherFamily(difference));
        }
        if self.years.is_some_and(|years| years.include(version.numbers())) {
            return Err(Verdict::CountedYear);
        }
        if self.version.counts_otherwise(&version) {
            return Err(Verdict::CountedOtherwise);
        }
        Ok(version)
    }

    /// How far it is to a member of the family, if it may be gone there now.
    pub(super) fn step<'t>(&self, tag: &'t str, candidate: &Version<'t>) -> Result<Level, Verdict<'t>>
    where
        'q: 't,
    {
        if candidate.compare(&self.version).is_le() {
            return Err(if tag == self.running { Verdict::Running } else { Verdict::NotNewer });
        }
        if let Some(verdict) = self.policy.narrowed(tag) {
            return Err(verdict);
        }
        if self.may_be_same(candidate) {
            return Err(Verdict::MaybeSame);
        }
        let level = self.version.level_to(candidate);
        if !self.policy.strategy.allows(level) {
            return Err(Verdict::AboveStrategy(level));
        }
        if candidate.is_prerelease() && !self.takes_prerelease(candidate) {
            return Err(Verdict::Prerelease);
        }
        self.policy.waits(tag, self.now).map_or(Ok(level), Err)
    }

    /// Whether several settings refuse a newer member, so that to change one of them would not let it through.
    pub(super) fn is_refused_by_several(&self, tag: &str, candidate: &Version<'_>) -> bool {
        let strategy = !self.policy.strategy.allows(self.version.level_to(candidate));
        let prerelease = candidate.is_prerelease() && !self.takes_prerelease(candidate);
        self.policy.refusals(tag, self.now) + usize::from(strategy) + usize::from(prerelease) > 1
    }

    /// Whether it may be the running image by a longer or shorter name (S3.4).
    pub(super) fn may_be_same(&self, candidate: &Version<'_>) -> bool {
        self.has_other_count(candidate) && candidate.numbers().continues(self.version.numbers())
    }

    pub(super) fn takes_prerelease(&self, candidate: &Version<'_>) -> bool {
        let follows = || candidate.numbers() == self.version.numbers() || self.version.same_channel(candidate);
        self.policy.prerelease || (self.version.is_prerelease() && follows())
    }

    /// Whether a release goes before any prerelease: from a prerelease, when prereleases were not asked for (S5).
    fn prefers_release(&self) -> bool {
        self.version.is_prerelease() && !self.policy.prerelease
    }

    fn has_other_count(&self, candidate: &Version<'_>) -> bool {
        candidate.components() != self.version.components()
    }

    fn is_wanted_release(&self, candidate: &Candidate<'_>) -> bool {
        !self.prefers_release() || !candidate.version.is_prerelease()
    }

    /// Whether only a higher version goes before this one.
    pub(super) fn is_preferred(&self, candidate: &Candidate<'_>) -> bool {
        self.is_wanted_release(candidate) && !self.has_other_count(&candidate.version)
    }

    /// Whether the strategy would allow the version of the other part by itself (S6).
    fn has_near_second(&self, candidate: &Version<'_>) -> bool {
        self.version.second_level_to(candidate).is_none_or(|level| {
            let rises = candidate.second_version() > self.version.second_version();
            rises && self.policy.strategy.allows(level)
        })
    }

    /// Whether a candidate stands back only because its other part goes further than the strategy.
    fn is_behind_second(&self, candidate: &Version<'_>, taken: &Version<'_>) -> bool {
        candidate.compare_release(taken).is_eq()
            && candidate.compare(taken).is_gt()
            && self.has_near_second(taken)
            && !self.has_near_second(candidate)
    }

    /// Which of two allowed candidates is the one to take.
    pub(super) fn rank(&self, one: &Candidate<'_>, another: &Candidate<'_>) -> Ordering {
        let release = |candidate: &Candidate<'_>| self.is_wanted_release(candidate);
        let count = |candidate: &Candidate<'_>| !self.has_other_count(&candidate.version);
        let second = |candidate: &Candidate<'_>| self.has_near_second(&candidate.version);
        release(one)
            .cmp(&release(another))
            .then_with(|| count(one).cmp(&count(another)))
            .then_with(|| one.version.compare_release(&another.version))
            .then_with(|| second(one).cmp(&second(another)))
            .then_with(|| one.version.compare(&another.version))
            .then_with(|| one.version.prefer(&another.version, &self.version))
            .then_with(|| one.tag.cmp(another.tag))
    }

    /// The whole reason, once it is known what was taken.
    pub(super) fn verdict<'t>(&self, tag: &'t str, taken: Option<&Version<'_>>) -> Verdict<'t>
    where
        'q: 't,
    {
        let version = match self.member(tag) {
            Ok(version) => version,
            Err(verdict) => return verdict,
        };
        if self.runtime.is_some() && version.integer() != self.runtime && self.policy.narrowed(tag).is_none() {
            return Verdict::OtherRuntime;
        }
        let step = self.step(tag, &version);
        let step = match &self.next {
            Some(next) => next.verdict(version.numbers(), step),
            None => step,
        };
        match (step, taken) {
            (Err(verdict), _) => verdict,
            (Ok(_), Some(taken)) if self.prefers_release() && version.is_prerelease() && !taken.is_prerelease() => {
                Verdict::BehindRelease
            }
            (Ok(_), Some(taken)) if self.has_other_count(&version) && !self.has_other_count(taken) => {
                Verdict::OtherCount
            }
            (Ok(_), Some(taken)) if self.is_behind_second(&version, taken) => Verdict::BehindSecond,
            (Ok(level), _) => Verdict::Lower(level),
        }
    }
}
