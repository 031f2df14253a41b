//! 8 of 13 · in: what is told · out: a message in words, which any channel can render
//!
//! One message is made of what is told, in the language and the time zone of its reader; every channel is a rendering of
//! it, within the room that it has. All texts are free of control, bidirectional and zero-width characters.
//!
//! ```text
//! event::Told ─► Message: subject, sentence, facts, remarks, notes, action ─► email, Slack, …
//! ```

mod catalogue;
pub mod chat;
mod english;
mod french;
mod notes;
mod one;
mod phrases;
mod several;

use chrono_tz::Tz;
use serde::Serialize;

pub use catalogue::Catalogue;
pub use english::English;
pub use french::{
    French, counted as counted_in_french, explained as explained_in_french, stuck as stuck_in_french,
    waits as waits_in_french,
};
pub use notes::{AlertLine, Changes, InShort, NotesPart, ReleasePart};
pub use one::{newest, release_url, subject_of};
pub use phrases::Phrases;

use crate::domain::event::{Delivery, Told};
use crate::domain::plain::is_harmful;
use crate::domain::release::{Language, ReleaseNotes};
use crate::domain::undelivered::Kept;

/// Why a message was not taken, in a language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Untaken {
    /// What we say of it; what stands in no language as it is.
    pub words: String,
    /// What the other side said, where that is said apart.
    pub theirs: Option<String>,
}

/// Why a message was not taken, as a line that was kept says it.
#[must_use]
pub fn untaken(line: &str, words: &dyn Catalogue) -> Untaken {
    let mut kept = Kept::read(&clean(line));
    let theirs = std::mem::take(&mut kept.theirs);
    match words.undelivered(&kept) {
        Some(words) => Untaken { words, theirs: Some(theirs).filter(|theirs| !theirs.is_empty()) },
        None => Untaken { words: clean(line), theirs: None },
    }
}

/// The same in one line.
#[must_use]
pub fn untaken_in_line(line: &str, words: &dyn Catalogue) -> String {
    match untaken(line, words) {
        Untaken { words, theirs: None } => words,
        Untaken { words: ours, theirs: Some(theirs) } => format!("{ours}{} {}", words.colon(), words.quoted(&theirs)),
    }
}

/// How urgent it is, as far as channels show that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// There is something to know or to decide.
    Info,
    /// Something ended well.
    Success,
    /// Something has to be looked at.
    Warning,
    /// Something failed.
    Failure,
}

/// A line of the table of what a message is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Fact {
    /// What it is.
    pub label: String,
    /// What it says.
    pub value: String,
    /// What is shown as code: the beginning of a digest, as `sha256:` and 12 hexadecimal digits.
    pub code: Option<String>,
}

/// A text with a name before it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Remark {
    /// What it is.
    pub label: String,
    /// One sentence or several.
    pub text: String,
    /// Whether a reader can do without it, where there is little room.
    pub is_detail: bool,
}

/// What the reader may do, on a page that the link opens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Action {
    /// The words on a button.
    pub label: String,
    /// Where it leads.
    pub url: String,
    /// What happens there, and until when it can be used.
    pub hint: String,
}

/// One of several things.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Item {
    /// Stands alone: which workload, from what to what.
    pub line: String,
    /// The page where this one is decided.
    pub url: Option<String>,
}

/// Several things of one kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Section {
    /// What they have in common, and how many they are.
    pub heading: String,
    /// One a line.
    pub items: Vec<Item>,
    /// That there are more of them than are shown.
    pub left_out: Option<String>,
}

/// A message in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Message {
    /// The language that it is written in, as ISO 639-1 names it.
    pub language: &'static str,
    /// What its language sets between a name and what follows it.
    pub colon: &'static str,
    /// The same for all messages about one update, but for one that was set back.
    pub subject: String,
    /// What kind of thing happened, in a few words.
    pub heading: String,
    /// The same, to which workload, and of which cluster.
    pub title: String,
    /// Stands alone: what, from, to, what is asked.
    pub sentence: String,
    /// The cluster's name, where it has one.
    pub cluster: Option<String>,
    /// How urgent it is.
    pub severity: Severity,
    /// What it is about.
    pub facts: Vec<Fact>,
    /// What else is to be said of it, the most important first.
    pub remarks: Vec<Remark>,
    /// What several things are, where it is about several.
    pub sections: Vec<Section>,
    /// What the update changes, as far as the channel has room for it.
    pub notes: Option<NotesPart>,
    /// Where release notes are.
    pub release: Option<Action>,
    /// What can be answered.
    pub action: Option<Action>,
    /// Why its reader gets it, and from which cluster.
    pub reason: String,
}

/// For whom a message is written, and with what.
#[derive(Clone, Debug)]
pub struct Frame<'f> {
    /// The cluster's name, where it has one.
    pub cluster: Option<&'f str>,
    /// The zone in which times are given.
    pub zone: Tz,
    /// The language.
    pub language: Language,
    /// Where the message leads.
    pub links: &'f Links,
    /// What the update changes, as far as the channel has room for it.
    pub notes: Option<&'f ReleaseNotes>,
}

/// The links of one message: made for its recipient, and for nobody else.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Links {
    /// Where the message as a whole is answered.
    pub whole: Option<String>,
    /// Where each thing that it tells is answered, in their order.
    pub each: Vec<Option<String>>,
}

impl Links {
    /// The one link of a message about one thing.
    #[must_use]
    pub fn one(link: Option<&str>) -> Self {
        Self { whole: link.map(str::to_owned), each: Vec::new() }
    }
}

impl Message {
    /// The sentence where nothing else is read with it, as on a locked telephone: it says of which cluster it is.
    #[must_use]
    pub fn alone(&self) -> String {
        format!("{}{}", of_cluster(self.cluster.as_deref()), self.sentence)
    }

    /// The message of a delivery.
    #[must_use]
    pub fn of(delivery: &Delivery, frame: &Frame<'_>) -> Self {
        let words = words(frame.language);
        match &delivery.told {
            Told::One(notice) => one::message(notice, words, frame),
            Told::Several { notices, .. } => several::message(notices, words, frame),
            Told::Trouble(trouble) => several::trouble(trouble, words, frame),
            Told::Test(_) => several::trial(&delivery.channel, words, frame),
        }
    }
}

/// What stands before the first words of a message of a cluster that has a name.
fn of_cluster(cluster: Option<&str>) -> String {
    cluster.map(|cluster| format!("[{}] ", clean(cluster))).unwrap_or_default()
}

/// The words of a language.
pub(crate) fn words(language: Language) -> &'static dyn Catalogue {
    match language {
        Language::English => &english::English,
        Language::French => &french::French,
    }
}

/// Without what could hide, reorder or break lines: texts of registries, clusters and people's manifests.
#[must_use]
pub fn clean(text: &str) -> String {
    text.chars().map(|c| if c == '\n' { ' ' } else { c }).filter(|c| !is_harmful(*c)).take(2000).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_hides_in_a_text() {
        assert_eq!(clean("1.0\r\nBcc: x\u{202e}\u{200b}\0\u{1b}[31m"), "1.0 Bcc: x[31m");
    }
}
