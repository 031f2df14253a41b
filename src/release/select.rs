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
        let Some(version) = self.version_of(tag) else { return tag == self.to };
        match (Version::read(target), Version::read(version)) {
            (Some(to), Some(read)) => read.is_lettered() == to.is_lettered() && read.compare(&to).is_eq(),
            (None, _) => tag == self.to || version == target,
            (Some(_), None) => false,
        }
    }

    /// Chooses among releases. Prereleases are left out, unless the new version is one.
    #[must_use]
    pub(super) fn among<'l>(&self, listed: &'l [Listed]) -> Selected<'l> {
        let target = upstream(&self.to);
        let Some(to) = Version::read(target) else { return self.named(listed, target) };
        let from = Version::read(upstream(&self.from));
        let mut found: Vec<(&Listed, Version<'l>, bool)> = Vec::new();
        for release in listed {
            let Some(version) = self.version_of(&release.tag).and_then(Version::read) else { continue };
            if version.is_lettered() != to.is_lettered() {
                continue;
            }
            let is_target = is_version(&version, &to);
            let is_newer = from.is_none_or(|from| !is_version(&version, &from) && version.compare(&from).is_gt());
            let between = from.is_some() && is_newer && version.compare(&to).is_lt();
            let early = (release.is_prerelease || version.is_prerelease()) && !to.is_prerelease();
            if (is_target || between) && (!early || version.compare(&to).is_eq()) {
                found.push((release, version, is_target));
            }
        }
        found.sort_by(|(_, one, _), (_, other, _)| other.compare(one));
        found.dedup_by(|(_, one, _), (_, other, _)| one.compare(other) == Ordering::Equal);
        Selected {
            has_target: found.iter().any(|(.., is_target)| *is_target),
            releases: found.into_iter().map(|(release, ..)| release).collect(),
        }
    }

    /// The release of a tag that is no version.
    fn named<'l>(&self, listed: &'l [Listed], target: &str) -> Selected<'l> {
        let named = |release: &&Listed| {
            release.tag == self.to || self.version_of(&release.tag).is_some_and(|version| version == target)
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
