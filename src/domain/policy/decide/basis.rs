//! What candidates are compared by: the family of the running version, or the workload's own pattern.

use std::cmp::Ordering;

use chrono::{DateTime, Utc};

use super::family::{Family, of_class};
use crate::domain::policy::pattern::{Key, Selection};
use crate::domain::policy::steps::NextStep;
use crate::domain::policy::{Policy, Verdict};
use crate::domain::tag::{Class, Level, Numbers, Version};

/// What candidates are compared by.
#[derive(Clone, Debug)]
pub(super) enum Basis<'q> {
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

impl<'q> Basis<'q> {
    pub(super) fn verdict<'t>(&self, tag: &'t str, taken: Option<&str>) -> Verdict<'t>
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
                let held = policy.beyond_forced(running, tag).or_else(|| policy.waits(tag, *now));
                let verdict = held.map_or(Ok(()), Err);
                let verdict = match (next, &candidate) {
                    (Some(next), Key::Version(version)) => next.verdict(version.numbers(), verdict),
                    _ => verdict,
                };
                verdict.err().unwrap_or(Verdict::Lower(Level::Pattern))
            }
        }
    }

    /// Whether a tag could run in the place of what does, newer or not: no prerelease where none is taken, nor what may be the
    /// same image.
    pub(super) fn is_another_to_run(&self, tag: &str) -> bool {
        match self {
            Self::Nothing { .. } => false,
            Self::Versions(family) => family.member(tag).is_ok_and(|version| {
                !family.may_be_same(&version) && (!version.is_prerelease() || family.takes_prerelease(&version))
            }),
            Self::Selection { key, selection, policy, .. } => {
                let takes_prereleases = key.is_prerelease() || policy.prerelease;
                selection.key(tag).is_ok_and(|candidate| takes_prereleases || !candidate.is_prerelease())
            }
        }
    }

    /// Whether several settings refuse a newer tag, so that to change one of them would not let it through.
    pub(super) fn is_refused_by_several(&self, tag: &str) -> bool {
        match self {
            Self::Nothing { .. } => false,
            Self::Versions(family) => {
                family.member(tag).is_ok_and(|version| family.is_refused_by_several(tag, &version))
            }
            Self::Selection { running, key, selection, policy, now, .. } => {
                let is_prerelease = selection.key(tag).is_ok_and(|candidate| candidate.is_prerelease());
                let prerelease = is_prerelease && !key.is_prerelease() && !policy.prerelease;
                let forced = policy.beyond_forced(running, tag).is_some();
                policy.refusals(tag, *now) + usize::from(prerelease) + usize::from(forced) > 1
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
    pub(super) fn lower_by_number<'s>(&'s self, chosen: Option<&'s str>) -> impl Fn(&str) -> bool + 's {
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
    pub(super) fn newer(&self, one: &str, another: &str) -> Ordering {
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
