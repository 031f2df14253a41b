//! The highest of the running version's family that is allowed.

use chrono::{DateTime, Utc};

use super::Outcome;
use super::family::{Candidate, Family};
use crate::domain::policy::Verdict;
use crate::domain::policy::steps::{NextStep, Search};
use crate::domain::policy::years::{self, CountedYears};
use crate::domain::tag::{Level, Numbers, Version};
use crate::domain::tags::TagList;

/// The highest so far.
#[derive(Clone, Copy, Debug, Default)]
struct Highest<'q> {
    taken: Option<Candidate<'q>>,
    cooling: Option<(Candidate<'q>, DateTime<Utc>)>,
}

impl<'q> Family<'q> {
    /// One pass over most lists; where a month is written with a zero, years are found first, and where steps are not jumped
    /// over, the next of them is found when runtime and years are known.
    pub(super) fn highest(&mut self, tags: &'q TagList) -> Outcome<'q> {
        let is_padded = years::is_padded(self.version.numbers());
        let found = if is_padded { None } else { self.pass(tags) };
        let mut highest = found.or_else(|| {
            self.years = Some(CountedYears::beside(&self.version, tags));
            self.pass(tags)
        });
        if let Some(search) = Search::from(self.policy.steps, &self.version) {
            self.next = self.next_step(search, tags);
            highest = self.pass(tags);
        }
        let outcome = highest.map_or(Outcome::UpToDate, Highest::outcome);
        self.next = self.next.map(|next| next.led_by(outcome.to()));
        outcome
    }

    fn next_step(&self, mut search: Search<'q>, tags: &'q TagList) -> Option<NextStep<'q>> {
        let is_date = matches!(self.version.numbers(), Numbers::Date(_));
        for tag in tags.iter() {
            let Some((numbers, _)) = self.version.glance(tag) else { continue };
            if !is_date && search.passes_over(numbers) {
                continue;
            }
            let Ok(version) = self.member(tag) else { continue };
            if self.runtime.is_none() || version.integer() == self.runtime {
                search.add(tag, version.numbers(), &self.step(tag, &version));
            }
        }
        search.nearest()
    }

    /// Whether the number behind the version must stay is known at the end only, so both answers are kept. `None` when
    /// there may be years of two digits, and they were not looked for.
    fn pass(&mut self, tags: &'q TagList) -> Option<Highest<'q>> {
        let integer = self.version.integer();
        let (mut any, mut same_runtime) = (Highest::default(), Highest::default());
        let mut evidence = Evidence::of(&self.version);
        let has_variant = self.version.has_variant();
        // Registries list by name or by time: what is highest comes late, and spares the others their reading.
        for tag in tags.iter().rev() {
            let Some((numbers, suffix)) = self.version.glance(tag) else { continue };
            if self.years.is_none() && years::is_padded(numbers) && years::is_member(&self.version, tag) {
                return None;
            }
            if has_variant && suffix.is_empty() {
                continue;
            }
            if evidence.is_complete() && !self.may_win(numbers, any.taken.as_ref()) {
                continue;
            }
            let Ok(version) = self.member(tag) else { continue };
            if !evidence.is_complete() && self.policy.narrowed(tag).is_none() {
                evidence.add(&version, &self.version);
            }
            let allowed = self.step(tag, &version);
            let level = match allowed {
                Ok(level) => level,
                Err(Verdict::Cooldown { .. }) => self.version.level_to(&version),
                Err(_) => continue,
            };
            if self.next.is_some_and(|next| next.is_before(version.numbers())) {
                continue;
            }
            let candidate = Candidate { tag, version, level };
            any.offer(self, candidate, allowed);
            if integer.is_some() && version.integer() == integer {
                same_runtime.offer(self, candidate, allowed);
            }
        }
        Some(if evidence.names_a_runtime() {
            self.runtime = integer;
            same_runtime
        } else {
            any
        })
    }

    /// Whether a tag's numbers alone leave it a chance: most members of a long list are older than what runs, or than
    /// what was found before them, and need not be read to their end.
    fn may_win(&self, numbers: Numbers<'_>, taken: Option<&Candidate<'_>>) -> bool {
        let running = self.version.numbers();
        if matches!(running, Numbers::Date(_)) {
            return true;
        }
        let allowed = || Level::between(running, numbers).is_none_or(|level| self.policy.strategy.allows(level));
        let beaten = |taken: &Candidate<'_>| self.is_preferred(taken) && numbers < taken.version.numbers();
        numbers >= running && !taken.is_some_and(beaten) && allowed()
    }
}

/// What the members of a family say about the number behind their versions (S4.6).
struct Evidence<'q> {
    integer: Option<Numbers<'q>>,
    counts_builds: bool,
    with_other_version: bool,
}

/// A counter of builds comes by numbers below this one.
const LOW: u64 = 8;

impl<'q> Evidence<'q> {
    fn of(running: &Version<'q>) -> Self {
        let integer = running.integer();
        let counts = running.counts_builds() || integer.is_some_and(is_low);
        Self { integer, counts_builds: counts, with_other_version: false }
    }

    fn add(&mut self, member: &Version<'_>, running: &Version<'_>) {
        let integer = member.integer();
        self.counts_builds |= integer.is_some_and(is_low);
        self.with_other_version |= integer == self.integer && member.numbers() != running.numbers();
    }

    /// Whether no further member can change what it says.
    fn is_complete(&self) -> bool {
        self.integer.is_none() || self.counts_builds
    }

    fn names_a_runtime(&self) -> bool {
        self.integer.is_some() && !self.counts_builds && self.with_other_version
    }
}

fn is_low(integer: Numbers<'_>) -> bool {
    integer.iter().all(|number| number < LOW)
}

impl<'q> Highest<'q> {
    fn offer(&mut self, family: &Family<'_>, candidate: Candidate<'q>, allowed: Result<Level, Verdict<'_>>) {
        let beats = |other: &Candidate<'q>| family.rank(&candidate, other).is_gt();
        match allowed {
            Ok(_) if self.taken.as_ref().is_none_or(beats) => self.taken = Some(candidate),
            Err(Verdict::Cooldown { until, .. }) if self.cooling.as_ref().is_none_or(|(other, _)| beats(other)) => {
                self.cooling = Some((candidate, until));
            }
            _ => {}
        }
    }

    fn outcome(self) -> Outcome<'q> {
        match (self.taken, self.cooling) {
            (Some(Candidate { tag, level, .. }), _) => Outcome::Update { to: tag, level },
            (None, Some((Candidate { tag, level, .. }, until))) => Outcome::Cooling { to: tag, level, until },
            (None, None) => Outcome::UpToDate,
        }
    }
}
