//! The order inside a family (S7).

use std::cmp::Ordering;

use super::{Item, Numbers, Scheme, Stage, Version};

impl<'t> Version<'t> {
    /// Compares two versions of one family: numbers, builds of the day, prereleases, counters in order of appearance,
    /// fixes after the release. Equal are two spellings of one version.
    #[must_use]
    pub fn compare(&self, other: &Version<'_>) -> Ordering {
        self.compare_release(other).then_with(|| self.compare_builds(other))
    }

    /// Compares by numbers, builds of the day and prereleases alone: what is equal here are builds of one release.
    #[must_use]
    pub fn compare_release(&self, other: &Version<'_>) -> Ordering {
        self.numbers()
            .cmp(&other.numbers())
            .then_with(|| self.within_the_day().cmp(&other.within_the_day()))
            .then_with(|| self.compare_stages(other))
    }

    /// Whether both are builds of one release, be they of other families: another prefix, `v` or variant.
    #[must_use]
    pub fn is_same_release(&self, other: &Version<'_>) -> bool {
        let are_alike = matches!(self.numbers(), Numbers::Date(_)) == matches!(other.numbers(), Numbers::Date(_));
        are_alike && self.compare_release(other).is_eq()
    }

    fn compare_stages(&self, other: &Version<'_>) -> Ordering {
        if self.suffix == other.suffix {
            return Ordering::Equal;
        }
        let after_all = [(Stage::Release, None)];
        self.stages().chain(after_all).cmp(other.stages().chain(after_all))
    }

    fn compare_builds(&self, other: &Version<'_>) -> Ordering {
        if self.suffix == other.suffix {
            return Ordering::Equal;
        }
        self.values().cmp(other.values()).then_with(|| self.fixes().cmp(other.fixes()))
    }

    /// Of two spellings of one version, the one that looks more like the running tag (S7, S3.3).
    #[must_use]
    pub fn prefer(&self, other: &Version<'_>, running: &Version<'_>) -> Ordering {
        let form = |version: &Version<'_>| version.v.is_empty() == running.v.is_empty();
        let padding = |version: &Version<'_>| version.numbers().is_padded() == running.numbers().is_padded();
        form(self).cmp(&form(other)).then_with(|| padding(self).cmp(&padding(other)))
    }

    /// Whether both carry one and the same word before a release, without a number: `1.6.0-alpha`, `1.8.0-alpha` (S5).
    #[must_use]
    pub fn same_channel(&self, other: &Version<'_>) -> bool {
        match (self.only_word(), other.only_word()) {
            (Some(one), Some(another)) => one.eq_ignore_ascii_case(another),
            _ => false,
        }
    }

    fn only_word(&self) -> Option<&'t str> {
        let mut stages = self.items().filter_map(|item| match item {
            Item::Stage { word, value, .. } => Some((word, value)),
            _ => None,
        });
        match (stages.next(), stages.next()) {
            (Some((word, None)), None) => Some(word),
            _ => None,
        }
    }

    fn within_the_day(&self) -> Numbers<'t> {
        match self.scheme {
            Scheme::Date { within, .. } => Numbers::Dotted(within.trim_start_matches('.')),
            Scheme::Dotted { .. } | Scheme::Build | Scheme::Commit => Numbers::Dotted(""),
        }
    }

    fn stages(&self) -> impl Iterator<Item = (Stage, Option<Numbers<'t>>)> {
        self.items().filter_map(|item| match item {
            Item::Stage { stage, value, .. } => Some((stage, value)),
            _ => None,
        })
    }

    fn values(&self) -> impl Iterator<Item = Numbers<'t>> {
        self.items().filter_map(|item| match item {
            Item::Counter { value, .. }
            | Item::Date { value, .. }
            | Item::Seconds { value, .. }
            | Item::SecondVersion { value, .. }
            | Item::Integer { value, .. } => Some(value),
            _ => None,
        })
    }

    fn fixes(&self) -> impl Iterator<Item = Numbers<'t>> {
        self.items().filter_map(|item| match item {
            Item::Post { value } => Some(value),
            _ => None,
        })
    }

    /// The number that counts builds or names a runtime, if the suffix has one (S4.6).
    #[must_use]
    pub fn integer(&self) -> Option<Numbers<'t>> {
        self.items().find_map(|item| match item {
            Item::Integer { value, .. } => Some(value),
            _ => None,
        })
    }

    /// Whether that number counts builds whatever the list says: behind `_`, which is Java's `+` in a tag.
    #[must_use]
    pub fn counts_builds(&self) -> bool {
        self.items().any(|item| matches!(item, Item::Integer { separator: "_", .. }))
    }

    /// Whether anything in the suffix is compared, and not only words and commits.
    #[must_use]
    pub fn has_values(&self) -> bool {
        self.values().next().is_some() || self.fixes().next().is_some()
    }
}
