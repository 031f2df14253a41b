//! Years of two digits (S3.7): what a family counts by year and month, beside its versions.

use crate::domain::tag::{Numbers, Version};
use crate::domain::tags::TagList;

/// First components that are years of two digits, and to which the running version never goes. A bit for each.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct CountedYears(u128);

/// How each first component of two digits occurs in the family.
#[derive(Default)]
struct Occurrences {
    /// With a month of two digits behind it.
    with_month: u128,
    /// With anything else: then it counts versions, whatever it looks like.
    otherwise: u128,
}

impl CountedYears {
    /// Looks at all members of the running version's family, in which a month is written with a zero, whatever else would
    /// refuse them. From a year everything can be reached.
    pub(super) fn beside(running: &Version<'_>, tags: &TagList) -> Self {
        let mut found = Occurrences::default();
        found.add(running.numbers());
        for tag in tags.iter() {
            if let Some((numbers, _)) = running.glance(tag)
                && bit(numbers) != 0
                && is_member(running, tag)
            {
                found.add(numbers);
            }
        }
        let years = found.with_month & !found.otherwise;
        if years & bit(running.numbers()) == 0 { Self(years) } else { Self::default() }
    }

    /// Whether a member of the family begins with a year.
    pub(super) fn include(self, member: Numbers<'_>) -> bool {
        self.0 & bit(member) != 0
    }
}

impl Occurrences {
    fn add(&mut self, numbers: Numbers<'_>) {
        let kind = if numbers.year_and_month().is_some() { &mut self.with_month } else { &mut self.otherwise };
        *kind |= bit(numbers);
    }
}

/// Whether a month is written with a zero, as in `20.04.1`: that is not how versions are counted.
pub(super) fn is_padded(numbers: Numbers<'_>) -> bool {
    numbers.year_and_month().is_some_and(|date| date.is_padded)
}

/// Whether a tag is of the running version's family (S4.5).
pub(super) fn is_member(running: &Version<'_>, tag: &str) -> bool {
    running.read_candidate(tag).is_ok_and(|candidate| running.difference(&candidate).is_none())
}

/// The place of a first component of two digits; nothing for any other.
fn bit(numbers: Numbers<'_>) -> u128 {
    numbers.iter().next().filter(|first| (10..100).contains(first)).map_or(0, |first| 1 << first)
}
