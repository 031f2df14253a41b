//! What an update changes, in words around the makers' own.

use serde::Serialize;

use super::catalogue::Catalogue;
use crate::domain::release::{Alert, Line, Release, ReleaseNotes, Summary};

/// What an update changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NotesPart {
    /// What nobody should overlook, the gravest first.
    pub alerts: Vec<AlertLine>,
    /// That there are more of them.
    pub more_alerts: Option<String>,
    /// What a model made of the notes.
    pub in_short: Option<InShort>,
    /// The makers' own words.
    pub changes: Option<Changes>,
    /// That there are more versions between the two.
    pub left_out: Option<String>,
}

/// One thing that nobody should overlook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AlertLine {
    /// What it is about.
    pub title: &'static str,
    /// The version whose text says it, where there are several.
    pub version: Option<String>,
    /// What the makers say.
    pub text: String,
}

/// What a model says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct InShort {
    /// What stands above it.
    pub heading: &'static str,
    /// One thing a line.
    pub lines: Vec<String>,
    /// Whose words they are.
    pub by: String,
}

/// The makers' words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Changes {
    /// What stands above them.
    pub heading: &'static str,
    /// Whose words they are, and how they were found.
    pub by: &'static str,
    /// The newest first.
    pub releases: Vec<ReleasePart>,
}

/// What one version changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReleasePart {
    /// As its forge names it.
    pub version: String,
    /// Where it is read.
    pub url: String,
    /// The day, `2026-11-24`.
    pub published: Option<String>,
    /// The beginning of its text.
    pub lines: Vec<Line>,
    /// That it goes on.
    pub goes_on: Option<&'static str>,
}

impl NotesPart {
    /// What notes say, in the words of a language.
    #[must_use]
    pub fn of(notes: &ReleaseNotes, words: &dyn Catalogue) -> Self {
        let several = notes.releases.len() > 1;
        let releases: Vec<ReleasePart> =
            notes.releases.iter().filter(|it| !it.lines.is_empty()).map(|it| release(it, words)).collect();
        Self {
            alerts: notes.alerts.iter().map(|one| alert(one, several, words)).collect(),
            more_alerts: (notes.more_alerts > 0).then(|| words.more_alerts(notes.more_alerts)),
            in_short: notes.summary.as_ref().map(|summary| in_short(summary, words)),
            changes: (!releases.is_empty()).then(|| Changes {
                heading: words.what_changes(),
                by: words.words_of_makers(notes.found_by),
                releases,
            }),
            left_out: (notes.left_out > 0).then(|| words.more_versions(notes.left_out)),
        }
    }
}

fn alert(alert: &Alert, several: bool, words: &dyn Catalogue) -> AlertLine {
    let version = Some(alert.version.to_string()).filter(|version| several && !version.is_empty());
    AlertLine { title: words.alert(alert.kind), version, text: alert.text.to_string() }
}

fn in_short(summary: &Summary, words: &dyn Catalogue) -> InShort {
    InShort {
        heading: words.in_short(),
        lines: summary.highlights.iter().map(|one| words.highlight(one)).collect(),
        by: words.summary_by(summary),
    }
}

fn release(release: &Release, words: &dyn Catalogue) -> ReleasePart {
    ReleasePart {
        version: release.version.to_string(),
        url: release.url.clone(),
        published: release.published.clone(),
        lines: release.lines.clone(),
        goes_on: release.is_cut.then(|| words.goes_on()),
    }
}
