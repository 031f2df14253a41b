//! What a digest tells: that a tag moved, or which version a floating tag is (S10).

use std::cmp::Reverse;

use crate::domain::reference::Digest;
use crate::domain::tag::Version;
use crate::domain::tags::TagList;

/// What became of the manifest that a tag pointed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moved<'d> {
    /// One of the two is not known: nothing can be said.
    Unknown,
    /// It is the same.
    Same,
    /// A floating tag was pushed again: an update of the same tag.
    To(&'d Digest),
    /// A tag that names one release was pushed again. That is not how releases are made: people are told, and nothing is
    /// applied by itself.
    Suspicious(&'d Digest),
}

/// Compares what a tag points to in the registry with what is known to run.
#[must_use]
pub fn follow<'d>(tag: &str, running: Option<&Digest>, registry: Option<&'d Digest>) -> Moved<'d> {
    let (Some(running), Some(registry)) = (running, registry) else { return Moved::Unknown };
    if running == registry {
        return Moved::Same;
    }
    if names_one_release(tag) { Moved::Suspicious(registry) } else { Moved::To(registry) }
}

/// Whether a tag is not expected to move: a release with three components or more, a date, a build.
fn names_one_release(tag: &str) -> bool {
    Version::read(tag).is_some_and(|version| version.is_full())
}

/// The version that a floating tag stands for: of the tags with its digest the one that says most.
///
/// Most components, then no prerelease, then fewest words; `None` when no version carries the digest.
#[must_use]
pub fn resolve<'t>(tags: &'t TagList, digest: &str, digest_of: impl Fn(&str) -> Option<&'t str>) -> Option<&'t str> {
    let same = tags.iter().filter(|tag| digest_of(tag) == Some(digest));
    let versions = same.filter_map(|tag| Some((tag, Version::read(tag)?)));
    let rank = |version: &Version<'_>| (version.components(), !version.is_prerelease(), Reverse(version.literals()));
    let best =
        versions.max_by(|(tag, one), (other, another)| rank(one).cmp(&rank(another)).then_with(|| tag.cmp(other)));
    best.map(|(tag, _)| tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_that_moved_is_suspicious() {
        let (one, other) = (Digest::of(b"one"), Digest::of(b"other"));
        for floating in ["latest", "1.25", "1", "bookworm", "stable-alpine", "nightly"] {
            assert_eq!(follow(floating, Some(&one), Some(&other)), Moved::To(&other), "{floating}");
        }
        for release in
            ["1.25.3", "v1.2.3-alpine", "2024.01.15", "20240115", "1694132169", "RELEASE.2024-01-01T16-36-33Z"]
        {
            assert_eq!(follow(release, Some(&one), Some(&other)), Moved::Suspicious(&other), "{release}");
        }
        assert_eq!(follow("latest", Some(&one), Some(&one)), Moved::Same);
        assert_eq!(follow("latest", None, Some(&one)), Moved::Unknown);
        assert_eq!(follow("latest", Some(&one), None), Moved::Unknown);
    }

    #[test]
    fn the_most_telling_version_of_a_digest_is_taken() {
        let all: TagList =
            ["latest", "1", "1.25", "1.25.3-bookworm", "1.25.3", "1.25.4", "1.25.3-rc.1"].iter().collect();
        let digest_of = |tag: &str| Some(if tag == "1.25.4" { "b" } else { "a" });
        assert_eq!(resolve(&all, "a", digest_of), Some("1.25.3"));
        assert_eq!(resolve(&all, "b", digest_of), Some("1.25.4"));
        assert_eq!(resolve(&all, "c", digest_of), None);
    }
}
