//! The newest version that all members of a group have.
//!
//! One version is one release, whatever the repositories call it: `1.4.2`, `v1.4.2` and `1.4.2-alpine` are, and each member
//! goes to its own spelling and variant of it. `1.4` is not `1.4.2`, and a prerelease is not its release.

use std::cmp::Ordering;

use super::Waits;
use crate::domain::reference::Tag;
use crate::domain::tag::Version;

/// So many candidates of one member are compared, the highest.
pub const MOST_CANDIDATES: usize = 32;

/// What one member runs, and what it may go to by its own settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidates {
    /// What runs.
    pub running: Tag,
    /// What is newer and allowed, the best first.
    pub newer: Vec<Tag>,
}

/// What a group has in common. Members are told by their place in the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Common<'c> {
    /// No member may go to anything newer.
    Nothing,
    /// The newest version that all have: for each member its tag, and nothing for one that runs it already.
    To(Vec<Option<&'c Tag>>),
    /// Some may go further, and there is nothing newer that all have.
    Lacking {
        /// The newest that anybody has.
        newest: &'c Tag,
        /// Those that don't have it, or may not go there.
        without: Vec<usize>,
    },
    /// What this member runs is no version, so that nothing can be compared with it.
    Incomparable(usize),
}

impl Common<'_> {
    /// Why all wait, where somebody may go further and not all; `name` says how people call a member.
    #[must_use]
    pub fn waits(&self, name: impl Fn(usize) -> String) -> Option<Waits> {
        match self {
            Self::Lacking { newest, without } => {
                let without = without.iter().map(|place| name(*place)).collect();
                Some(Waits::Lacking { version: Tag::clone(newest), without })
            }
            Self::Incomparable(place) => Some(Waits::Incomparable(name(*place))),
            Self::Nothing | Self::To(_) => None,
        }
    }
}

/// A candidate as it is compared.
#[derive(Clone, Copy)]
struct Read<'c> {
    tag: &'c Tag,
    version: Version<'c>,
}

impl<'c> Read<'c> {
    fn of(tag: &'c Tag) -> Option<Self> {
        Some(Self { tag, version: Version::read(tag.as_str())? })
    }
}

/// How a member comes to a release.
#[derive(Clone, Copy)]
enum Way<'c> {
    /// It runs it.
    IsThere,
    /// By the best of its builds.
    To(&'c Tag),
}

impl<'c> Way<'c> {
    fn tag(self) -> Option<&'c Tag> {
        match self {
            Self::IsThere => None,
            Self::To(tag) => Some(tag),
        }
    }
}

/// One member as it is compared.
struct Member<'c> {
    runs: Read<'c>,
    newer: Vec<Read<'c>>,
}

impl<'c> Member<'c> {
    /// How it comes to a release; `None` where it can't.
    fn way_to(&self, release: &Version<'_>) -> Option<Way<'c>> {
        let newer = self.newer.iter().find(|it| it.version.is_same_release(release)).map(|it| Way::To(it.tag));
        newer.or_else(|| self.runs.version.is_same_release(release).then_some(Way::IsThere))
    }
}

/// Compares what the members of a group may go to.
#[must_use]
pub fn common(all: &[Candidates]) -> Common<'_> {
    let mut members = Vec::with_capacity(all.len());
    for (place, candidates) in all.iter().enumerate() {
        let Some(runs) = Read::of(&candidates.running) else { return Common::Incomparable(place) };
        let newer = candidates.newer.iter().take(MOST_CANDIDATES).filter_map(Read::of).collect();
        members.push(Member { runs, newer });
    }
    let mut left: Vec<Read<'_>> = members.iter().flat_map(|member| member.newer.iter().copied()).collect();
    let newest = left.iter().copied().reduce(higher);
    while let Some(next) = left.iter().copied().reduce(higher) {
        let to: Option<Vec<_>> = members.iter().map(|member| member.way_to(&next.version).map(Way::tag)).collect();
        if let Some(to) = to {
            return Common::To(to);
        }
        left.retain(|it| !it.version.is_same_release(&next.version));
    }
    match newest {
        None => Common::Nothing,
        Some(newest) => {
            let lacks =
                |(place, member): (usize, &Member<'_>)| member.way_to(&newest.version).is_none().then_some(place);
            Common::Lacking { newest: newest.tag, without: members.iter().enumerate().filter_map(lacks).collect() }
        }
    }
}

/// The higher of two candidates, by release; the first of two of one release.
fn higher<'c>(one: Read<'c>, other: Read<'c>) -> Read<'c> {
    if one.version.compare_release(&other.version) == Ordering::Less { other } else { one }
}
