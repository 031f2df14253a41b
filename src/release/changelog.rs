//! A change log in a project's first folder, for projects without releases.

use serde::Deserialize;

use super::listing::{Gathered, Listed, each};
use crate::domain::tag::Version;

/// The most versions that are read of one file.
pub(super) const MOST_VERSIONS: usize = 200;

#[derive(Deserialize)]
struct Entry {
    name: String,
    #[serde(rename = "type")]
    kind: String,
}

/// The name of the change log among a folder's files, as the API lists them.
///
/// # Errors
/// When it is no such list.
pub(super) fn file_among(body: &[u8]) -> Result<Option<String>, serde_json::Error> {
    let rank = |name: &str| {
        let lower = name.to_ascii_lowercase();
        let (stem, ending) = lower.rsplit_once('.').unwrap_or((&lower, ""));
        let known = ["changelog", "changes", "release-notes", "release_notes", "releasenotes", "history", "news"];
        let place = known.iter().position(|word| *word == stem)?;
        matches!(ending, "" | "md" | "markdown" | "txt" | "rst").then_some(place)
    };
    let mut likeliest: Option<(usize, String)> = None;
    each(body, usize::MAX, |entry: Entry| {
        let is_file = matches!(entry.kind.as_str(), "file" | "blob") && entry.name.len() <= 64;
        let ranked = rank(&entry.name).filter(|_| is_file).map(|rank| (rank, entry.name));
        likeliest = [likeliest.take(), ranked].into_iter().flatten().min();
    })?;
    Ok(likeliest.map(|(_, name)| name))
}

/// The sections of a change log that begin with a heading that names a version.
#[must_use]
pub(super) fn versions(markdown: &str) -> Vec<Listed> {
    let mut found: Vec<(String, Option<String>, usize, usize)> = Vec::new();
    let (mut at, mut level) = (0, None);
    for line in markdown.split_inclusive('\n') {
        let marks = line.bytes().take_while(|byte| *byte == b'#').count();
        if (1..=4).contains(&marks) && level.is_none_or(|level| marks <= level) {
            if let Some(last) = found.last_mut().filter(|(.., end)| *end == usize::MAX) {
                last.3 = at;
            }
            if let Some((version, day)) = named(line.trim_start_matches('#')) {
                level = Some(marks);
                found.push((version, day, at + line.len(), usize::MAX));
            }
        }
        at += line.len();
        if found.len() > MOST_VERSIONS {
            break;
        }
    }
    let mut releases = Gathered::default();
    for (version, day, start, end) in found.into_iter().take(MOST_VERSIONS) {
        let text = markdown.get(start..end.min(markdown.len())).unwrap_or_default();
        releases.add(Listed::of(version, day, false, text));
    }
    releases.all()
}

/// The version in a heading, as `[1.2.3] - 2026-01-02` or `Version v1.2.3 (2026-01-02)`, and the day.
fn named(heading: &str) -> Option<(String, Option<String>)> {
    let words = || heading.split(|c: char| c.is_whitespace() || matches!(c, '[' | ']' | '(' | ')' | ',' | ':' | '*'));
    let is_day = |word: &&str| word.len() == 10 && chrono::NaiveDate::parse_from_str(word, "%Y-%m-%d").is_ok();
    let version = words().filter(|word| !is_day(word)).find(|word| {
        word.len() <= 64 && word.contains('.') && Version::read(word).is_some_and(|read| read.prefix().is_empty())
    })?;
    Some((version.to_owned(), words().find(is_day).map(str::to_owned)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_log_is_cut_at_its_versions() {
        let markdown = "# Changelog\n\n## [Unreleased]\n- soon\n\n## [1.3.0] - 2026-02-03\n### Added\n- x\n\n## v1.2.0 (2026-01-02)\n\
             - BREAKING y\n\n### 1.1\n- of 1.2.0\n\n## 1.0.0\nfirst\n";
        let found = versions(markdown);
        let tags: Vec<(&str, Option<&str>)> = found.iter().map(|v| (v.tag.as_str(), v.published.as_deref())).collect();
        assert_eq!(tags, [("1.3.0", Some("2026-02-03")), ("v1.2.0", Some("2026-01-02")), ("1.0.0", None)]);
        assert_eq!(found[0].text, "### Added\n- x\n\n");
        assert_eq!((found[1].declares.len(), found[2].text.as_str()), (1, "first\n"));
        assert!(versions("no headings at all\n1.2.3\n").is_empty());
        assert_eq!(versions(&"## 1.2.3\n".repeat(5000)).len(), MOST_VERSIONS);
    }

    #[test]
    fn the_file_is_known_by_its_name() {
        let body = br#"[{"name":"NEWS","type":"file"},{"name":"docs","type":"dir"},{"name":"CHANGELOG.md","type":"file"},{"name":"changelog","type":"dir"}]"#;
        assert_eq!(file_among(body).unwrap().as_deref(), Some("CHANGELOG.md"));
        assert_eq!(file_among(br#"[{"name":"History.md","type":"blob"}]"#).unwrap().as_deref(), Some("History.md"));
        assert_eq!(file_among(br#"[{"name":"README.md","type":"file"}]"#).unwrap(), None);
        assert!(file_among(b"{}").is_err());
    }
}
