//! What a digest tells: that a tag moved, or which version a floating tag is (S10).

use crate::domain::remembered::MOST_OF_A_SETTING;
use std::cmp::Reverse;

use crate::domain::reference::Digest;
use crate::domain::tag::Version;
use crate::domain::tags::TagList;

/// What became of the manifest that a tag pointed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moved<'d> {
    /// It is not known what runs: nothing can be said.
    Unknown,
    /// The registry has the tag no more.
    Gone,
    /// It is the same.
    Same,
    /// It was pushed again: an update of the same tag.
    To(&'d Digest),
    /// It was, and people answered that they don't want this one.
    Skipped(&'d Digest),
}

/// Compares what a tag points to in the registry with what is known to run. `skip` has the digests that are not wanted,
/// as [`skip`] writes them.
#[must_use]
pub fn follow<'d>(tag: &str, running: Option<&Digest>, registry: Option<&'d Digest>, skip: &[String]) -> Moved<'d> {
    let Some(registry) = registry else { return Moved::Gone };
    let Some(running) = running else { return Moved::Unknown };
    match registry {
        same if running == same => Moved::Same,
        unwanted if skips(skip, tag, unwanted) => Moved::Skipped(unwanted),
        other => Moved::To(other),
    }
}

/// Whether people answered that they don't want what a followed tag points to.
#[must_use]
pub fn skips(skip: &[String], tag: &str, digest: &Digest) -> bool {
    skip.iter().any(|item| item.split_once('@') == Some((tag, digest.as_str())))
}

/// Whether a tag is not expected to move: a release with three components or more, a date, a build.
#[must_use]
pub fn names_one_release(tag: &str) -> bool {
    Version::read(tag).is_some_and(|version| version.is_full())
}

/// The setting `image-watcher/skip` with one more answer in it: a version, or of a tag that is followed the digest that
/// was asked about. The latter takes the place of older digests of the tag, which it points to no more.
#[must_use]
pub fn skip(setting: Option<&str>, tag: &str, followed: Option<&Digest>) -> String {
    let entry = followed.map_or_else(|| tag.to_owned(), |digest| format!("{tag}@{digest}"));
    let of_tag = |item: &str| item == tag || item.split_once('@').is_some_and(|(of, _)| of == tag);
    let stays = |item: &&str| !item.is_empty() && *item != entry && !(followed.is_some() && of_tag(item));
    let older = setting.unwrap_or_default().split(',').map(str::trim).filter(stays);
    let mut all: Vec<&str> = older.chain([entry.as_str()]).collect();
    let mut length = all.iter().map(|item| item.len() + 1).sum::<usize>() - 1;
    while length > MOST_OF_A_SETTING && all.len() > 1 {
        length -= all.remove(0).len() + 1;
    }
    all.join(",")
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
    fn a_tag_is_followed_whatever_it_names() {
        let (one, other) = (Digest::of(b"one"), Digest::of(b"other"));
        for tag in ["latest", "1.25", "bookworm", "1.25.3", "20240115"] {
            assert_eq!(follow(tag, Some(&one), Some(&other), &[]), Moved::To(&other), "{tag}");
        }
        assert_eq!(follow("latest", Some(&one), Some(&one), &[]), Moved::Same);
        assert_eq!(follow("latest", None, Some(&one), &[]), Moved::Unknown);
        assert_eq!(follow("latest", Some(&one), None, &[]), Moved::Gone);
        let floating = ["latest", "1.25", "1", "bookworm", "stable-alpine", "nightly"];
        assert!(floating.iter().all(|tag| !names_one_release(tag)));
        let releases =
            ["1.25.3", "v1.2.3-alpine", "2024.01.15", "20240115", "1694132169", "RELEASE.2024-01-01T16-36-33Z"];
        assert!(releases.iter().all(|tag| names_one_release(tag)));
    }

    #[test]
    fn an_answer_binds_the_digest_that_was_asked_about() {
        let (one, two, three) = (Digest::of(b"one"), Digest::of(b"two"), Digest::of(b"three"));
        let list = |text: &str| -> Vec<String> { text.split(',').map(str::to_owned).collect() };
        let first = skip(Some("1.2.3, latest,latest"), "latest", Some(&two));
        assert_eq!(first, format!("1.2.3,latest@{two}"));
        assert_eq!(follow("latest", Some(&one), Some(&two), &list(&first)), Moved::Skipped(&two));
        assert_eq!(
            follow("latest", Some(&one), Some(&three), &list(&first)),
            Moved::To(&three),
            "a new digest asks again"
        );
        assert_eq!(follow("edge", Some(&one), Some(&two), &list(&first)), Moved::To(&two), "of this tag alone");
        let second = skip(Some(&first), "latest", Some(&three));
        assert_eq!(second, format!("1.2.3,latest@{three}"), "it does not grow");
        assert_eq!(follow("latest", Some(&one), Some(&one), &list(&second)), Moved::Same);
        assert_eq!(skip(None, "1.0.1", None), "1.0.1");
        assert_eq!(skip(Some("1.0.1,1.0.2"), "1.0.1", None), "1.0.2,1.0.1");
        assert_eq!(follow("latest", Some(&one), Some(&two), &["latest".into()]), Moved::To(&two));
    }

    #[test]
    fn answers_of_other_tags_stay_and_the_oldest_go_where_there_is_no_room() {
        let (one, two) = (Digest::of(b"one"), Digest::of(b"two"));
        let edge = format!("edge@{one}");
        assert_eq!(skip(Some(&edge), "latest", Some(&two)), format!("{edge},latest@{two}"));
        let version = format!("1.2.3@{one}");
        assert_eq!(
            skip(Some(&version), "1.2.3", None),
            format!("{version},1.2.3"),
            "a version is not what it points to"
        );
        let fits = "x".repeat(MOST_OF_A_SETTING - ",1.2.2,1.2.3".len());
        let full = skip(Some(&format!("{fits},1.2.2")), "1.2.3", None);
        assert_eq!((full.len(), full), (MOST_OF_A_SETTING, format!("{fits},1.2.2,1.2.3")));
        assert_eq!(skip(Some(&format!("{fits}x,1.2.2")), "1.2.3", None), "1.2.2,1.2.3");
        let many = (0..1000).map(|n| format!("1.0.{n}")).collect::<Vec<_>>().join(",");
        let kept = skip(Some(&many), "2.0.0", None);
        assert!(kept.ends_with(",1.0.998,1.0.999,2.0.0") && kept.len() > MOST_OF_A_SETTING - "1.0.000,".len());
        let long = "y".repeat(MOST_OF_A_SETTING + 1);
        assert_eq!(skip(Some("1.2.2"), &long, None), long, "the newest stays");
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
