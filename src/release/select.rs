//! Which releases of a project lie between the running tag and the new one.

use std::cmp::Ordering;

use super::forge::Form;
use super::listing::Listed;
use crate::domain::tag::{Version, upstream};

/// What is looked for in a list of releases.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    /// The running tag.
    pub from: String,
    /// The new tag, or the version that its image is labelled with where the tag is none.
    pub to: String,
    /// Names that may stand before a version: of the image, of the project.
    pub names: Vec<String>,
    /// What the workload says that stands around it.
    pub form: Option<Form>,
}

/// What was found, newest first.
#[derive(Debug, Default)]
pub(super) struct Selected<'l> {
    /// The releases.
    pub releases: Vec<&'l Listed>,
    /// Whether the new version's own release is among them.
    pub has_target: bool,
}

impl Wanted {
    /// The tags that a release of the new version may have, the likeliest first.
    #[must_use]
    pub(super) fn tags(&self) -> Vec<String> {
        let version = upstream(&self.to);
        let bare = bare(version);
        let mut tags = Vec::new();
        if let Some(Form { before, after }) = &self.form {
            tags.extend([format!("{before}{}{after}", self.to), format!("{before}{version}{after}")]);
        }
        tags.extend([version.to_owned(), format!("v{bare}"), bare.to_owned()]);
        if let Some(build) = self.to.strip_prefix(version).filter(|rest| counts_builds(rest)) {
            tags.extend([self.to.clone(), format!("{version}+{}", build.trim_start_matches('-'))]);
        }
        for name in &self.names {
            tags.extend([format!("{name}-{bare}"), format!("{name}@{bare}"), format!("{name}/v{bare}")]);
        }
        tags.push(format!("release-{bare}"));
        let mut seen = std::collections::HashSet::new();
        tags.retain(|tag| !tag.is_empty() && seen.insert(tag.clone()));
        tags
    }

    /// Whether a tag is the one of the new version's release, and of no other's.
    #[must_use]
    pub(super) fn is_of(&self, tag: &str) -> bool {
        let target = upstream(&self.to);
        if is_same_tag(tag, &self.to) {
            return true;
        }
        let Some(version) = self.version_of(tag) else { return false };
        match (Version::read(target), Version::read(version)) {
            (Some(to), Some(read)) => read.is_lettered() == to.is_lettered() && read.compare(&to).is_eq(),
            (None, _) => version == target,
            (Some(_), None) => false,
        }
    }

    /// Whether a list ends before it comes to what runs, where it goes on.
    #[must_use]
    pub(super) fn is_beyond(&self, listed: &[Listed], goes_on: bool) -> bool {
        let Some(from) = Version::read(upstream(&self.from)) else { return false };
        let mut comparable = self.comparable(listed).peekable();
        let is_reached =
            |(release, version): (&Listed, Version<'_>)| !release.is_apart && !version.compare(&from).is_gt();
        goes_on && comparable.peek().is_some() && !comparable.any(is_reached)
    }

    /// Whether the new version is newer than all that have releases, so that its own may follow.
    #[must_use]
    pub(super) fn awaits(&self, listed: &[Listed]) -> bool {
        let Some(to) = Version::read(upstream(&self.to)) else { return false };
        let mut comparable = self.comparable(listed).filter(|(release, _)| !release.is_prerelease).peekable();
        comparable.peek().is_some() && comparable.all(|(_, version)| version.compare(&to).is_lt())
    }

    /// Releases that can be compared with the new version.
    fn comparable<'l>(&self, listed: &'l [Listed]) -> impl Iterator<Item = (&'l Listed, Version<'l>)> {
        let to = Version::read(upstream(&self.to));
        listed.iter().filter_map(move |release| Some((release, self.version_among(&release.tag, to.as_ref()?)?)))
    }

    /// Chooses among releases. Prereleases are left out, unless the new version is one.
    #[must_use]
    pub(super) fn among<'l>(&self, listed: &'l [Listed]) -> Selected<'l> {
        let target = upstream(&self.to);
        let Some(to) = Version::read(target) else { return self.named(listed, target) };
        let mut found: Vec<(&Listed, Version<'l>, bool)> = Vec::new();
        let mut exact = false;
        for release in listed {
            let is_exact = is_same_tag(&release.tag, &self.to);
            let Some(version) = self.version_among(&release.tag, &to) else {
                // It is named as the image is, however that reads.
                if is_exact {
                    return self.named(listed, target);
                }
                continue;
            };
            let is_target = is_exact || (is_version(&version, &to) && version.is_lettered() == to.is_lettered());
            let between = self.is_past(&release.tag, &version) && self.is_short_of(&release.tag, &version, &to);
            let early = (release.is_prerelease || version.is_prerelease()) && !to.is_prerelease();
            if is_exact || ((is_target || between) && (!early || version.compare(&to).is_eq())) {
                exact |= is_exact;
                found.push((release, version, is_target));
            }
        }
        if exact {
            // Other builds of the same version are other releases.
            found.retain(|(release, version, _)| {
                let is_plain = || upstream(&release.tag) == release.tag;
                let is_between = || {
                    self.is_past(&release.tag, version) && (is_plain() || self.is_short_of(&release.tag, version, &to))
                };
                is_same_tag(&release.tag, &self.to) || !is_version(version, &to) || is_between()
            });
        }
        let is_build = exact && target != self.to;
        found.sort_by(|(_, one, _), (_, other, _)| other.compare(one));
        found.dedup_by(|(one_of, one, _), (other_of, other, _)| {
            let is_own = is_build && [&one_of.tag, &other_of.tag].into_iter().any(|tag| is_same_tag(tag, &self.to));
            one.compare(other) == Ordering::Equal && !is_own
        });
        Selected {
            has_target: found.iter().any(|(.., is_target)| *is_target),
            releases: found.into_iter().map(|(release, ..)| release).collect(),
        }
    }

    /// Whether a release is later than the running one.
    fn is_past(&self, tag: &str, version: &Version<'_>) -> bool {
        let Some(from) = Version::read(upstream(&self.from)) else { return false };
        if is_same_tag(tag, &self.from) || is_version(version, &from) || version.is_lettered() != from.is_lettered() {
            return false;
        }
        let is_of_same = Version::read(upstream(tag)).is_some_and(|release| release.compare(&from).is_eq());
        let is_earlier_build =
            || Version::read(&self.from).is_some_and(|running| is_of_same && !version.compare(&running).is_gt());
        version.compare(&from).is_gt() && !is_earlier_build()
    }

    /// Whether a release is earlier than the new one, as an earlier build of the same version is.
    fn is_short_of(&self, tag: &str, version: &Version<'_>, to: &Version<'_>) -> bool {
        let is_of_same = Version::read(upstream(tag)).is_some_and(|release| release.compare(to).is_eq());
        let is_earlier_build =
            || Version::read(&self.to).is_some_and(|new| is_of_same && version.compare(&new).is_lt());
        version.compare(to).is_lt() || is_earlier_build()
    }

    /// The version in the tag of a release that can be compared with the new one.
    fn version_among<'t>(&self, tag: &'t str, to: &Version<'_>) -> Option<Version<'t>> {
        let version = self.version_of(tag).and_then(Version::read);
        version.filter(|version| version.is_lettered() == to.is_lettered()).or_else(|| {
            // `RELEASE.2025-05-24`, `stable-10184`: a word that the image's tag has as well.
            Version::read(tag).filter(|version| !to.prefix().is_empty() && version.prefix() == to.prefix())
        })
    }

    /// The release of a tag that is no version.
    fn named<'l>(&self, listed: &'l [Listed], target: &str) -> Selected<'l> {
        let named = |release: &&Listed| {
            is_same_tag(&release.tag, &self.to)
                || self.version_of(&release.tag).is_some_and(|version| version == target)
        };
        let releases: Vec<&Listed> = listed.iter().filter(named).take(1).collect();
        Selected { has_target: !releases.is_empty(), releases }
    }

    /// The version in the tag of a release: what is left without what stands around it.
    fn version_of<'t>(&self, tag: &'t str) -> Option<&'t str> {
        let of_form = self.form.as_ref().and_then(|form| tag.strip_prefix(&*form.before)?.strip_suffix(&*form.after));
        let named = || {
            let after = |name: &String| tag.strip_prefix(name.as_str())?.strip_prefix(['-', '@', '/', '_']);
            self.names.iter().find_map(after)
        };
        let released = || ["release-", "release/", "releases/", "rel-"].iter().find_map(|word| tag.strip_prefix(word));
        let version = of_form.or_else(named).or_else(released).unwrap_or(tag);
        let begins_with_number = bare(version).starts_with(|c: char| c.is_ascii_digit());
        let is_build = || Version::read(version).is_some_and(|read| matches!(read.prefix(), "r" | "b"));
        (begins_with_number || is_build()).then_some(version)
    }
}

/// Whether two tags are the same, as far as a registry may write one: it has no `+`.
fn is_same_tag(one: &str, other: &str) -> bool {
    one.len() == other.len()
        && one
            .bytes()
            .map(|b| if b == b'+' { b'-' } else { b })
            .eq(other.bytes().map(|b| if b == b'+' { b'-' } else { b }))
}

/// Whether what stands behind a version counts builds of it, as `-1`, `-r1`, `-k3s1` or `-ce.0` do.
fn counts_builds(rest: &str) -> bool {
    let Some(build) = rest.strip_prefix(['-', '+']) else { return false };
    let word = build.bytes().take_while(u8::is_ascii_lowercase).count();
    word <= 3 && build.get(word..).is_some_and(|rest| rest.starts_with(|c: char| c == '.' || c.is_ascii_digit()))
}

/// Without the letter that says that a version follows.
fn bare(version: &str) -> &str {
    let after = version.strip_prefix(['v', 'V']).filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    after.unwrap_or(version)
}

/// Whether a release is the one that a tag names; `1.25` names every `1.25.x`.
fn is_version(release: &Version<'_>, named: &Version<'_>) -> bool {
    release.compare(named).is_eq() || (!named.is_full() && release.numbers().continues(named.numbers()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(tags: &[&str]) -> Vec<Listed> {
        tags.iter().map(|tag| Listed::test(tag)).collect()
    }

    fn wanted(from: &str, to: &str) -> Wanted {
        Wanted { from: from.into(), to: to.into(), names: vec!["web".into()], form: None }
    }

    fn selected(wanted: &Wanted, tags: &[&str]) -> (Vec<String>, bool) {
        let listed = listed(tags);
        let selected = wanted.among(&listed);
        (selected.releases.iter().map(|release| release.tag.clone()).collect(), selected.has_target)
    }

    #[test]
    fn every_version_between_is_chosen() {
        let tags = ["v1.4.0", "v1.3.0", "v1.3.0-rc.1", "v1.2.10", "v1.2.9", "v1.2.3", "v1.2.2", "docs-9.9", "nightly"];
        let expect = |from, to, expected: &[&str], target| {
            let expected: Vec<String> = expected.iter().map(|tag| (*tag).to_owned()).collect();
            assert_eq!(selected(&wanted(from, to), &tags), (expected, target), "{from} → {to}");
        };
        expect("1.2.3-alpine", "1.3.0-alpine", &["v1.3.0", "v1.2.10", "v1.2.9"], true);
        expect("v1.2.3", "v1.3.0-rc.1", &["v1.3.0-rc.1", "v1.2.10", "v1.2.9"], true);
        expect("1.2.3-ls4", "1.2.10-ls1", &["v1.2.10", "v1.2.9"], true);
        expect("1.2.9", "1.3.5", &["v1.3.0", "v1.2.10"], false);
        expect("1.2", "1.3", &["v1.3.0"], true);
        expect("latest", "1.3.0", &["v1.3.0"], true);
        expect("latest", "latest", &[], false);
        expect("latest", "nightly", &["nightly"], true);
    }

    #[test]
    fn names_around_a_version_are_seen_through() {
        for tag in
            ["web-1.3.0", "web@1.3.0", "web/v1.3.0", "web_1.3.0", "release-1.3.0", "release/1.3.0", "1.3.0", "V1.3.0"]
        {
            let (found, target) = selected(&wanted("1.2.0", "1.3.0"), &[tag, "api-1.2.5", "chart-1.3.0"]);
            assert_eq!((found, target), (vec![tag.to_owned()], true), "{tag}");
        }
        let form = Form { before: "stable-".into(), after: "-oss".into() };
        let by_form = Wanted { form: Some(form), ..wanted("1.2.0", "1.3.0") };
        assert_eq!(selected(&by_form, &["stable-1.3.0-oss", "stable-1.2.1-oss"]).0.len(), 2);
        assert_eq!(by_form.tags()[0], "stable-1.3.0-oss");
    }

    #[test]
    fn a_release_named_as_the_image_is_its_own() {
        for (from, to, before, own, after) in [
            ("2.4.1-1", "2.5.0-1", "2.4.1-1", "2.5.0-1", "2.5.0-2"),
            ("1.11.0-r2", "1.12.0-r1", "1.11.0-r1", "1.12.0-r1", "1.12.0-r3"),
            ("v3.1.0-p1", "v3.1.0-p2", "v3.1.0-p1", "v3.1.0-p2", "v3.1.0-p3"),
            ("v2.4.0-ce.0", "v2.5.0-ce.0", "v2.4.0-ce.0", "v2.5.0-ce.0", "v2.6.0-ce.0"),
            ("v1.33.0-k3s1", "v1.33.1-k3s1", "v1.33.0+k3s1", "v1.33.1+k3s1", "v1.33.2+k3s1"),
            ("stable-9955", "stable-10184", "stable-9955", "stable-10184", "stable-10314"),
            (
                "RELEASE.2025-04-22T22-12-26Z",
                "RELEASE.2025-05-24T17-08-30Z",
                "RELEASE.2025-04-22T22-12-26Z",
                "RELEASE.2025-05-24T17-08-30Z",
                "RELEASE.2025-06-13T11-33-47Z",
            ),
        ] {
            let found = selected(&wanted(from, to), &[after, own, before]);
            assert_eq!(found, (vec![own.to_owned()], true), "{from} → {to}");
            assert!(wanted(from, to).is_of(own), "{own}");
        }
        let between = ["stable-10314", "stable-10184", "stable-10100", "stable-9955"];
        assert_eq!(selected(&wanted("stable-9955", "stable-10184"), &between).0, ["stable-10184", "stable-10100"]);
        let builds = ["2.5.0-4", "2.5.0-3", "2.5.0-2", "2.5.0-1", "2.5.0"];
        assert_eq!(selected(&wanted("2.5.0-1", "2.5.0-3"), &builds).0, ["2.5.0-3", "2.5.0-2"]);
        assert_eq!(selected(&wanted("2.4.0-1", "2.5.0-1"), &builds).0, ["2.5.0-1", "2.5.0"]);
        assert!(wanted("1", "v1.33.1-k3s1").tags().contains(&"v1.33.1+k3s1".to_owned()));
    }

    #[test]
    fn a_letter_before_a_build_number_is_no_word() {
        let tags = ["b2050", "b2040", "b2000", "b1989", "2010", "3.0.0", "b200"];
        let found = selected(&wanted("b1989", "b2040"), &tags);
        assert_eq!(found, (vec!["b2040".into(), "b2000".into()], true));
        let of_variant = selected(&wanted("full-b1989", "full-b2040"), &tags);
        assert_eq!(of_variant, found, "the image's variant is no part of the release");
        assert_eq!(selected(&wanted("1.2.0", "4.0.0"), &tags).0, ["3.0.0"], "a build is no version");
        assert_eq!(selected(&wanted("r1070-ls46", "r1295-ls90"), &["r1295"]), (vec!["r1295".into()], true));
    }

    #[test]
    fn likely_tags_come_first_and_once() {
        let tags = wanted("1.2.0", "1.3.0-alpine").tags();
        assert_eq!(tags, ["1.3.0", "v1.3.0", "web-1.3.0", "web@1.3.0", "web/v1.3.0", "release-1.3.0"]);
    }
}
