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
    /// Looks at all members of the running version's family, whatever else would refuse them. Years are only looked for
    /// in a family that writes a month with a zero, as versions are not written; from a year everything can be reached.
    pub(super) fn beside(running: &Version<'_>, tags: &TagList) -> Self {
        let is_padded = |numbers: Numbers<'_>| numbers.year_and_month().is_some_and(|date| date.is_padded);
        let none = matches!(running.numbers(), Numbers::Date(_)) || running.components() < 2;
        if none || !(is_padded(running.numbers()) || members(running, tags, is_padded).next().is_some()) {
            return Self::default();
        }
        let mut found = Occurrences::default();
        found.add(running.numbers());
        members(running, tags, |numbers| bit(numbers) != 0).for_each(|numbers| found.add(numbers));
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

/// The numbers of the members of a family that fit. Most tags of a list are passed over at a glance.
fn members<'q>(
    running: &Version<'q>,
    tags: &'q TagList,
    fits: impl Fn(Numbers<'q>) -> bool,
) -> impl Iterator<Item = Numbers<'q>> {
    tags.iter().filter_map(move |tag| {
        let (numbers, _) = running.glance(tag).filter(|(numbers, _)| fits(*numbers))?;
        let member = running.read_candidate(tag).ok()?;
        running.difference(&member).is_none().then_some(numbers)
    })
}

/// The place of a first component of two digits; nothing for any other.
fn bit(numbers: Numbers<'_>) -> u128 {
    numbers.iter().next().filter(|first| (10..100).contains(first)).map_or(0, |first| 1 << first)
}
