//! What changes between two versions: found elsewhere, the same for everyone who is told.

use serde::{Deserialize, Serialize};

use super::declared::{Declared, Kinds};
use super::plain::PlainText;

/// The notes of an update, as every channel, page and command shows them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReleaseNotes {
    /// Where a person reads all of it: an https URL of our own making.
    pub page: String,
    /// How the place was found.
    pub found_by: FoundBy,
    /// What the texts are.
    pub text: TextSource,
    /// The versions after the running one, up to the new one, newest first.
    pub releases: Vec<Release>,
    /// How many versions between the two are not among them.
    pub left_out: usize,
    /// What nobody should overlook, found by us in the whole texts; the gravest first.
    pub alerts: Vec<Alert>,
    /// How many more of them there are.
    pub more_alerts: usize,
    /// What they declare for this update; nothing where the texts can't be read now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub declared: Option<Declared>,
    /// The same in a few words, by a model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub summary: Option<Summary>,
}

/// How the place of the notes was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FoundBy {
    /// The workload's `image-watcher/release-url`.
    Annotation,
    /// A label or annotation of the image.
    Label,
    /// The list of famous images.
    Known,
    /// The repository's name; it has a release for this very tag.
    Guess,
}

/// What the texts of notes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TextSource {
    /// Releases of a forge.
    Release,
    /// A change log in the repository.
    Changelog,
    /// There is none: only the page.
    None,
}

impl TextSource {
    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Release => "release",
            Self::Changelog => "changelog",
            Self::None => "none",
        }
    }
}

/// One version and what it changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Release {
    /// As its forge names it.
    pub version: PlainText,
    /// Where it is read: an https URL of our own making.
    pub url: String,
    /// The day, `2026-11-24`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub published: Option<String>,
    /// The beginning of its text.
    pub lines: Vec<Line>,
    /// Whether there is more than these lines.
    pub is_cut: bool,
}

/// One line of a text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Line {
    /// What it is in the text.
    pub kind: LineKind,
    /// What it says.
    pub text: PlainText,
}

/// What a line is in its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LineKind {
    /// A heading.
    Heading,
    /// An item of a list.
    Item,
    /// A line of code.
    Code,
    /// Anything else.
    Text,
}

/// What nobody should overlook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// What it is about.
    pub kind: AlertKind,
    /// The line that says so, or the identifier.
    pub text: PlainText,
    /// The version whose text it is.
    #[serde(default)]
    pub version: PlainText,
}

/// What an alert is about, the gravest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AlertKind {
    /// Stored data change, or there is no way back.
    Migration,
    /// Something that worked will not.
    Breaking,
    /// People are asked to do something.
    Manual,
    /// A published weakness is named.
    Security,
    /// Something will be taken away later.
    Deprecated,
}

impl AlertKind {
    /// What a declaration is about; the gravest where it is about several things.
    #[must_use]
    pub fn of(declared: Kinds) -> Self {
        match declared {
            Kinds { migration: true, .. } => Self::Migration,
            Kinds { breaking: true, .. } => Self::Breaking,
            _ => Self::Manual,
        }
    }

    /// What people read before it.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Migration => "Migration",
            Self::Breaking => "Breaking",
            Self::Manual => "Manual",
            Self::Deprecated => "Deprecated",
            Self::Security => "Security",
        }
    }
}

/// What a model made of the notes. It is display text: nothing is ever decided by it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// The model's name, as the operator configured it.
    pub model: PlainText,
    /// What it found worth telling.
    pub highlights: Vec<Highlight>,
    /// How careful it would be.
    pub risk: Risk,
}

impl Summary {
    /// What people read beside it, so that nobody takes it for the notes.
    #[must_use]
    pub fn label(&self) -> String {
        let risk = if self.risk == Risk::High { " It advises to look closely." } else { "" };
        format!("Summary by {}, unverified.{risk}", self.model)
    }
}

/// One thing that a model found worth telling.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Highlight {
    /// What it says it is about.
    pub kind: Topic,
    /// A sentence.
    pub text: PlainText,
}

/// What a highlight is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Topic {
    /// A weakness or its repair.
    Security,
    /// Something that worked will not.
    Breaking,
    /// Something new.
    Feature,
    /// A repair.
    Fix,
}

impl Topic {
    /// What people read before it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Security => "security",
            Self::Breaking => "breaking",
            Self::Feature => "feature",
            Self::Fix => "fix",
        }
    }
}

/// How careful a model would be. Only raising caution has a meaning; there is no word for «safe».
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Risk {
    /// It saw nothing special.
    Low,
    /// It can't say.
    #[default]
    Unknown,
    /// Look closely.
    High,
}

/// The language of a channel, as far as a model writes in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Language {
    /// `en`
    #[default]
    English,
    /// `fr`
    French,
}

impl Language {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::English, Self::French];

    /// The two letters of ISO 639-1.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::French => "fr",
        }
    }

    /// Its name in English.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::English => "English",
            Self::French => "French",
        }
    }
}

impl std::str::FromStr for Language {
    type Err = UnknownLanguage;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.trim().to_ascii_lowercase().as_str() {
            "en" => Ok(Self::English),
            "fr" => Ok(Self::French),
            _ => Err(UnknownLanguage),
        }
    }
}

/// No language that messages are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is none of en, fr")]
pub struct UnknownLanguage;

/// How much of notes a rendering has room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Alerts.
    pub alerts: usize,
    /// Versions.
    pub releases: usize,
    /// Lines of one version.
    pub lines: usize,
    /// Characters of all lines.
    pub characters: usize,
}

impl ReleaseNotes {
    /// Only the place where notes are.
    #[must_use]
    pub fn only_a_page(page: String, found_by: FoundBy) -> Self {
        Self {
            page,
            found_by,
            text: TextSource::None,
            releases: Vec::new(),
            left_out: 0,
            alerts: Vec::new(),
            more_alerts: 0,
            declared: Some(Declared::default()),
            summary: None,
        }
    }

    /// The same where others may know more: that nothing is declared is not known then.
    #[must_use]
    pub fn unless_there_is_more(self) -> Self {
        Self { declared: self.declared.filter(|declared| !declared.is_none()), ..self }
    }

    /// The notes in this room: texts are cut, the oldest first; the newest and the gravest stays.
    #[must_use]
    pub fn within(&self, room: Room) -> Self {
        let mut left = room.characters;
        let mut notes = self.clone();
        notes.more_alerts += notes.alerts.len().saturating_sub(room.alerts);
        notes.alerts.truncate(room.alerts);
        notes.left_out += notes.releases.len().saturating_sub(room.releases);
        notes.releases.truncate(room.releases);
        for release in &mut notes.releases {
            release.cut(room.lines, &mut left);
        }
        notes
    }

    /// The texts as they are shown where nothing but text can be: a line each.
    #[must_use]
    pub fn text(&self) -> String {
        use std::fmt::Write as _;
        let mut text = String::new();
        for release in self.releases.iter().filter(|release| !release.lines.is_empty()) {
            let _ = writeln!(text, "{}", release.version);
            for line in &release.lines {
                let mark = if line.kind == LineKind::Item { "- " } else { "" };
                let _ = writeln!(text, "{mark}{}", line.text);
            }
        }
        text
    }
}

impl Release {
    /// Keeps the first lines, as many as there is room for.
    fn cut(&mut self, most: usize, left: &mut usize) {
        let before = self.lines.len();
        let mut kept: Vec<Line> = Vec::new();
        for line in self.lines.drain(..).take(most) {
            let length = line.text.as_str().chars().count();
            if length > *left {
                if *left >= SHORTEST {
                    kept.push(Line { text: line.text.cut(*left), ..line });
                }
                *left = 0;
                break;
            }
            *left -= length;
            kept.push(line);
        }
        // A heading with nothing under it says nothing.
        while kept.last().is_some_and(|line| line.kind == LineKind::Heading) {
            kept.pop();
        }
        self.is_cut |= kept.len() < before;
        self.lines = kept;
    }
}

/// A shorter beginning of a line tells nobody anything.
const SHORTEST: usize = 40;

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn line(kind: LineKind, text: &str) -> Line {
        Line { kind, text: PlainText::of(text) }
    }

    fn alert(kind: AlertKind, text: &str) -> Alert {
        Alert { kind, text: PlainText::of(text), version: PlainText::of("v1.3.0") }
    }

    pub(crate) fn summarised() -> ReleaseNotes {
        let highlight = |kind, text: &str| Highlight { kind, text: PlainText::of(text) };
        let highlights =
            vec![highlight(Topic::Breaking, "Clients must use port 8080"), highlight(Topic::Fix, "A leak is mended")];
        let summary = Summary { model: PlainText::of("some-model"), highlights, risk: Risk::High };
        ReleaseNotes { summary: Some(summary), ..notes() }
    }

    pub(crate) fn notes() -> ReleaseNotes {
        let release = |version: &str, lines: Vec<Line>| Release {
            version: PlainText::of(version),
            url: format!("https://github.com/acme/web/releases/tag/{version}"),
            published: Some("2026-11-20".into()),
            lines,
            is_cut: false,
        };
        ReleaseNotes {
            page: "https://github.com/acme/web/releases".into(),
            found_by: FoundBy::Label,
            text: TextSource::Release,
            releases: vec![
                release("v1.3.0", vec![line(LineKind::Heading, "Features"), line(LineKind::Item, "Faster start")]),
                release("v1.2.4", vec![line(LineKind::Text, "Fixes a leak")]),
            ],
            left_out: 0,
            alerts: vec![
                alert(AlertKind::Breaking, "The port is 8080 now"),
                alert(AlertKind::Security, "CVE-2026-12345"),
            ],
            more_alerts: 0,
            declared: None,
            summary: None,
        }
    }

    #[test]
    fn what_does_not_fit_is_left_out_and_said() {
        let notes = notes();
        let room = |alerts, releases, lines, characters| notes.within(Room { alerts, releases, lines, characters });
        assert_eq!(room(9, 9, 10, 1000), notes);
        let short = room(9, 9, 10, 20);
        assert_eq!(short.releases[0].lines.len(), 2);
        assert!(short.releases[1].lines.is_empty() && short.releases[1].is_cut && !short.releases[0].is_cut);
        let narrow = room(9, 9, 1, 1000);
        assert!(narrow.releases[0].lines.is_empty(), "a heading alone: {:?}", narrow.releases[0].lines);
        assert_eq!((&short.alerts, narrow.releases[1].lines.len()), (&notes.alerts, 1));
        let few = room(1, 1, 10, 1000);
        assert_eq!((few.alerts.len(), few.more_alerts, few.releases.len(), few.left_out), (1, 1, 1, 1));
        assert_eq!(few.alerts[0].kind, AlertKind::Breaking);
    }

    #[test]
    fn a_text_has_a_line_each() {
        assert_eq!(notes().text(), "v1.3.0\nFeatures\n- Faster start\nv1.2.4\nFixes a leak\n");
    }
}
