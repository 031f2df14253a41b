//! S8: one pass over the list, the highest of what is allowed.

use std::cmp::Ordering;

use chrono::{DateTime, Utc};

use super::pattern::{Key, Selection};
use super::steps::{NextStep, Search};
use super::years::{self, CountedYears};
use super::{Doubt, KnownSince, Policy, Verdict};
use crate::domain::reference::Tag;
use crate::domain::tag::{Class, Level, Numbers, Version};
use crate::domain::tags::TagList;

/// What to do about one container, and, when asked, why.
#[derive(Clone, Debug)]
pub struct Decision<'q> {
    outcome: Outcome<'q>,
    basis: Basis<'q>,
    tags: &'q TagList,
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

/// What candidates are compared by.
#[derive(Clone, Debug)]
enum Basis<'q> {
    Nothing {
        running: &'q str,
    },
    Versions(Family<'q>),
    Selection {
        running: &'q str,
        key: Key<'q>,
        selection: &'q Selection,
        policy: &'q Policy,
        now: DateTime<Utc>,
        next: Option<NextStep<'q>>,
    },
}

/// The running version, and what the list says about its family.
#[derive(Clone, Debug)]
struct Family<'q> {
    running: &'q str,
    version: Version<'q>,
    policy: &'q Policy,
    now: DateTime<Utc>,
    /// The number behind the version, when it names a runtime and must stay (S4.6).
    runtime: Option<Numbers<'q>>,
    /// What begins with a year beside versions (S3.7), once a month with a zero says that there may be any.
    years: Option<CountedYears>,
    /// The step that goes first, where steps are not jumped over.
    next: Option<NextStep<'q>>,
}

/// A candidate that is allowed, now or later.
#[derive(Clone, Copy, Debug)]
struct Candidate<'q> {
    tag: &'q str,
    version: Version<'q>,
    level: Level,
}

/// The highest so far.
#[derive(Clone, Copy, Debug, Default)]
struct Highest<'q> {
    taken: Option<Candidate<'q>>,
    cooling: Option<(Candidate<'q>, DateTime<Utc>)>,
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
            Ok(key) => by_selection(running, key, selection, tags, policy, now),
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

fn of_class<'t>(class: Class<'_>) -> Verdict<'t> {
    match class {
        Class::Artifact => Verdict::Artifact,
        Class::Commit => Verdict::Commit,
        Class::TooLarge => Verdict::TooLarge,
        Class::Named | Class::Version(_) => Verdict::Named,
    }
}

impl<'q> Family<'q> {
    /// One pass over most lists; where a month is written with a zero, years are found first, and where steps are not jumped
    /// over, the next of them is found when runtime and years are known.
    fn highest(&mut self, tags: &'q TagList) -> Outcome<'q> {
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
        let mut evidence = Evidence::of(integer);
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

    /// The candidate's version, if it is of this family, and its numbers count the same.
    fn member<'t>(&self, tag: &'t str) -> Result<Version<'t>, Verdict<'t>> {
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
    fn step<'t>(&self, tag: &'t str, candidate: &Version<'t>) -> Result<Level, Verdict<'t>>
    where
        'q: 't,
    {
        if candidate.compare(&self.version).is_le() {
            return Err(if tag == self.running { Verdict::Running } else { Verdict::NotNewer });
        }
        if let Some(verdict) = self.policy.narrowed(tag) {
            return Err(verdict);
        }
        if self.has_other_count(candidate) && candidate.numbers().continues(self.version.numbers()) {
            return Err(Verdict::MaybeSame);
        }
        let level = self.version.level_to(candidate);
        if !self.policy.strategy.allows(level) {
            return Err(Verdict::AboveStrategy(level));
        }
        if candidate.is_prerelease() && !self.takes_prerelease(candidate) {
            return Err(Verdict::Prerelease);
        }
        waits(self.policy, tag, self.now).map_or(Ok(level), Err)
    }

    fn takes_prerelease(&self, candidate: &Version<'_>) -> bool {
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
    fn is_preferred(&self, candidate: &Candidate<'_>) -> bool {
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
    fn rank(&self, one: &Candidate<'_>, another: &Candidate<'_>) -> Ordering {
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
    fn verdict<'t>(&self, tag: &'t str, taken: Option<&Version<'_>>) -> Verdict<'t>
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

/// Why a tag that could be taken is not to be proposed, or not yet.
fn waits<'t>(policy: &'t Policy, tag: &str, now: DateTime<Utc>) -> Option<Verdict<'t>> {
    if policy.missing.iter().any(|missing| missing == tag) {
        return Some(Verdict::Missing);
    }
    if let Some((_, standing)) = policy.unreleased.iter().find(|(unreleased, _)| unreleased == tag) {
        return Some(Verdict::Unreleased(*standing));
    }
    if policy.skip.iter().any(|skipped| skipped == tag) {
        return Some(Verdict::Skipped);
    }
    if let Some(unfit) = policy.unfit.iter().find(|unfit| unfit.tag.as_str() == tag) {
        return Some(Verdict::Unfit(&unfit.flaw));
    }
    let cooldown = policy.cooldown.as_ref()?;
    let until = cooldown.until(tag, now)?;
    Some(Verdict::Cooldown { until, counts: cooldown.counts(tag) })
}

/// What the members of a family say about the number behind their versions (S4.6).
struct Evidence<'q> {
    integer: Option<Numbers<'q>>,
    counts_from_low: bool,
    with_other_version: bool,
}

/// A counter of builds comes by numbers below this one.
const LOW: u64 = 8;

impl<'q> Evidence<'q> {
    fn of(integer: Option<Numbers<'q>>) -> Self {
        Self { integer, counts_from_low: integer.is_some_and(is_low), with_other_version: false }
    }

    fn add(&mut self, member: &Version<'_>, running: &Version<'_>) {
        let integer = member.integer();
        self.counts_from_low |= integer.is_some_and(is_low);
        self.with_other_version |= integer == self.integer && member.numbers() != running.numbers();
    }

    /// Whether no further member can change what it says.
    fn is_complete(&self) -> bool {
        self.integer.is_none() || self.counts_from_low
    }

    fn names_a_runtime(&self) -> bool {
        self.integer.is_some() && !self.counts_from_low && self.with_other_version
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

fn by_selection<'q>(
    running: &'q str,
    key: Key<'q>,
    selection: &'q Selection,
    tags: &'q TagList,
    policy: &'q Policy,
    now: DateTime<Utc>,
) -> Decision<'q> {
    let next = next_by_selection(running, key, selection, tags, policy, now);
    let mut basis = Basis::Selection { running, key, selection, policy, now, next };
    let highest = |fits: fn(&Verdict<'_>) -> bool| {
        let fitting = tags.iter().filter(|tag| fits(&basis.verdict(tag, None)));
        fitting.max_by(|one, another| basis.newer(one, another))
    };
    let taken = highest(|verdict| matches!(verdict, Verdict::Lower(_)));
    let cooling = highest(|verdict| matches!(verdict, Verdict::Cooldown { .. }));
    let level = Level::Pattern;
    let outcome = match (taken, cooling.map(|tag| (tag, waits(policy, tag, now)))) {
        (Some(to), _) => Outcome::Update { to, level },
        (None, Some((to, Some(Verdict::Cooldown { until, .. })))) => Outcome::Cooling { to, level, until },
        _ if tags.listed() == 0 => Outcome::NoTags,
        _ => Outcome::UpToDate,
    };
    if let Basis::Selection { next: Some(next), .. } = &mut basis {
        *next = next.led_by(outcome.to());
    }
    Decision { outcome, basis, tags }
}

/// The step that goes first, where a pattern orders versions.
fn next_by_selection<'q>(
    running: &'q str,
    key: Key<'q>,
    selection: &'q Selection,
    tags: &'q TagList,
    policy: &'q Policy,
    now: DateTime<Utc>,
) -> Option<NextStep<'q>> {
    let Key::Version(version) = key else { return None };
    let mut search = Search::from(policy.steps, &version)?;
    let basis = Basis::Selection { running, key, selection, policy, now, next: None };
    for tag in tags.iter() {
        if let Ok(Key::Version(version)) = selection.key(tag) {
            let verdict = match basis.verdict(tag, None) {
                Verdict::Lower(level) => Ok(level),
                verdict => Err(verdict),
            };
            search.add(tag, version.numbers(), &verdict);
        }
    }
    search.nearest()
}

impl<'q> Basis<'q> {
    fn verdict<'t>(&self, tag: &'t str, taken: Option<&str>) -> Verdict<'t>
    where
        'q: 't,
    {
        match self {
            Self::Nothing { running } if tag == *running => Verdict::Running,
            Self::Nothing { .. } => match Class::read(tag) {
                Class::Version(_) => Verdict::NothingToCompare,
                other => of_class(other),
            },
            Self::Versions(family) => {
                let taken = taken.and_then(|taken| family.version.read_candidate(taken).ok());
                family.verdict(tag, taken.as_ref())
            }
            Self::Selection { running, key, selection, policy, now, next } => {
                let candidate = match selection.key(tag) {
                    Ok(candidate) => candidate,
                    Err(verdict) => return verdict,
                };
                if candidate.compare(key).is_le() {
                    return if tag == *running { Verdict::Running } else { Verdict::NotNewer };
                }
                if let Some(verdict) = policy.narrowed(tag) {
                    return verdict;
                }
                if candidate.is_prerelease() && !key.is_prerelease() && !policy.prerelease {
                    return Verdict::Prerelease;
                }
                let held = policy.beyond_forced(running, tag).or_else(|| waits(policy, tag, *now));
                let verdict = held.map_or(Ok(()), Err);
                let verdict = match (next, &candidate) {
                    (Some(next), Key::Version(version)) => next.verdict(version.numbers(), verdict),
                    _ => verdict,
                };
                verdict.err().unwrap_or(Verdict::Lower(Level::Pattern))
            }
        }
    }

    /// What the running tag is compared by, if anything.
    fn running(&self) -> Option<Key<'_>> {
        match self {
            Self::Nothing { .. } => None,
            Self::Versions(family) => Some(Key::Version(family.version)),
            Self::Selection { key, .. } => Some(*key),
        }
    }

    /// Says of a tag whether its numbers alone put it below what runs and below `chosen`, which spares its reading.
    fn lower_by_number<'s>(&'s self, chosen: Option<&'s str>) -> impl Fn(&str) -> bool + 's {
        let version = match self {
            Self::Versions(family) if !matches!(family.version.numbers(), Numbers::Date(_)) => Some(&family.version),
            _ => None,
        };
        let floor = version.and_then(|version| match chosen {
            Some(chosen) => version.glance(chosen).map(|(numbers, _)| numbers),
            None => Some(version.numbers()),
        });
        move |tag| match (version.and_then(|version| version.glance(tag)), floor) {
            (Some((numbers, _)), Some(floor)) => numbers < floor,
            _ => false,
        }
    }

    /// Which of two tags comes first for a person: the higher one, as far as that can be said.
    fn newer(&self, one: &str, another: &str) -> Ordering {
        let keys = match self {
            Self::Selection { selection, .. } => (selection.key(one).ok(), selection.key(another).ok()),
            Self::Versions(Family { version, .. }) => {
                let key = |tag| version.read_candidate(tag).ok().map(Key::Version);
                (key(one), key(another))
            }
            Self::Nothing { .. } => (Version::read(one).map(Key::Version), Version::read(another).map(Key::Version)),
        };
        let order = match keys {
            (Some(one), Some(another)) => one.compare(&another).then_with(|| match self.running() {
                Some(running) => one.prefer(&another, &running),
                None => Ordering::Equal,
            }),
            (one, another) => one.is_some().cmp(&another.is_some()),
        };
        order.then_with(|| one.cmp(another))
    }
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

    /// The newest tag that only a setting or time holds back, and is newer than what is taken.
    #[must_use]
    pub fn held_back(&self) -> Option<HeldBack<'q>> {
        let above = |tag: &str| match self.outcome {
            Outcome::Update { to, .. } => self.basis.newer(tag, to).is_gt(),
            _ => true,
        };
        let is_lower = self.basis.lower_by_number(self.chosen_tag());
        let held = self.tags.iter().filter(|tag| !is_lower(tag)).map(|tag| (tag, self.verdict(tag)));
        held.filter(|(tag, verdict)| verdict.is_held_back() && above(tag))
            .max_by(|(one, _), (another, _)| self.basis.newer(one, another))
            .map(|(tag, verdict)| HeldBack { tag, verdict })
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

    /// The highest of the running tag's kind below it that settings do not keep out.
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
        let older = self.verdicts().filter(|(tag, verdict)| *verdict == Verdict::NotNewer && is_taken(tag));
        older.map(|(tag, _)| tag).max_by(|one, another| self.basis.newer(one, another))
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
