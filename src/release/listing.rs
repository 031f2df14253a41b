//! What a forge answers, and what is kept of it.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use chrono::{DateTime, TimeDelta, Utc};
use serde::de::{Deserializer as _, IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};

use super::alerts;
use crate::domain::declared::{self, Declaration};
use crate::domain::plain::PlainText;
use crate::domain::release::Alert;

/// What is kept of one text, in bytes; alerts are looked for in all of it.
const MOST_OF_A_TEXT: usize = 16 * 1024;
/// What is kept of a list, in bytes.
const MOST_OF_A_LIST: usize = 256 * 1024;
/// The releases that are kept of a list; no more are asked for.
const MOST_RELEASES: usize = 100;
/// The releases that were withdrawn that are remembered of a project.
const MOST_WITHDRAWN: usize = 64;
/// For so long it is not asked again whether a version has a release by now: notes often follow the image by minutes.
const ABSENT: TimeDelta = TimeDelta::hours(1);
/// So soon it is asked again where earlier versions have releases.
const SOON: TimeDelta = TimeDelta::minutes(5);
/// For so long notes that were found are not asked for again.
pub(super) const FRESH: TimeDelta = TimeDelta::hours(24);
/// For so long a list is kept at all; what is old in it is asked for again with its state.
pub(super) const KEPT: TimeDelta = TimeDelta::days(14);
/// For so long it is remembered which releases a project had.
pub(super) const REMEMBERED: TimeDelta = TimeDelta::days(90);

/// One release, as far as notes need it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "as forges say it")]
pub(super) struct Listed {
    /// Its tag.
    pub tag: String,
    /// The day.
    pub published: Option<String>,
    /// Whether its project calls it one.
    pub is_prerelease: bool,
    /// The beginning of its text, Markdown.
    pub text: String,
    /// Whether there is more than this text.
    #[serde(default)]
    pub is_cut: bool,
    /// What was found in all of it.
    pub alerts: Vec<Alert>,
    /// What all of it declares.
    #[serde(default)]
    pub declares: Vec<Declaration>,
    /// Whether it was asked for by itself, and is in no list.
    #[serde(default)]
    pub is_apart: bool,
    /// Whether it is on an older page of the list.
    #[serde(default)]
    pub is_older: bool,
}

/// The change log of a project, as notes need it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct ChangeLog {
    /// Its name, in the project's first folder.
    pub name: String,
    /// Its versions with their sections.
    pub versions: Vec<Listed>,
    /// When it was read.
    pub read: DateTime<Utc>,
}

/// What is known about the releases of a project.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Listing {
    /// What the forge calls this state of the list.
    pub etag: Option<String>,
    /// When it was asked for.
    pub fetched: DateTime<Utc>,
    /// Whether there may be more than was asked for.
    pub is_partial: bool,
    /// The releases.
    pub releases: Vec<Listed>,
    /// The change log, where a version that has no release was looked for in it. It says nothing of what is released, and is
    /// kept by itself.
    #[serde(skip)]
    pub change_log: Option<ChangeLog>,
    /// Tags that were asked for and have no release, with when.
    pub absent: Vec<(String, DateTime<Utc>)>,
    /// Whether the project is there at all.
    pub exists: bool,
    /// Tags whose releases were there before, and are drafts now, or gone.
    #[serde(default)]
    pub withdrawn: Vec<String>,
    /// Pages of the list that were read.
    #[serde(default)]
    pub pages: u32,
    /// Whether the forge could not be asked when it was to be: what is newer is not known.
    #[serde(skip)]
    pub is_stale: bool,
}

impl Listing {
    /// A list that was just read.
    #[must_use]
    pub(super) fn new(etag: Option<String>, list: List, asked: u32, now: DateTime<Utc>) -> Self {
        let List { releases, sent } = list;
        let is_partial = u32::try_from(sent).is_ok_and(|sent| sent >= asked);
        let mut listing = Self {
            etag,
            fetched: now,
            is_partial,
            releases,
            change_log: None,
            absent: Vec::new(),
            exists: true,
            withdrawn: Vec::new(),
            pages: 1,
            is_stale: false,
        };
        listing.bound();
        listing
    }

    /// A project that is not there, or not for us.
    #[must_use]
    pub(super) fn missing(now: DateTime<Utc>) -> Self {
        Self { exists: false, ..Self::new(None, List::default(), u32::MAX, now) }
    }

    /// Texts of the oldest releases go where all of them are too much.
    fn bound(&mut self) {
        let mut kept = Gathered::default();
        for release in std::mem::take(&mut self.releases) {
            kept.add(release);
        }
        self.releases = kept.all();
    }

    /// Whether it answers the question for a version whose release is, or is not, in it.
    #[must_use]
    pub(super) fn answers(&self, target: &str, has_target: bool, fresh: TimeDelta, now: DateTime<Utc>) -> bool {
        let age = now - self.fetched;
        if has_target {
            return age < fresh;
        }
        if !self.exists {
            return age < ABSENT;
        }
        let is_absent = self.is_absent(target, now);
        // Where others have one, it may be there any moment.
        is_absent && (age < SOON || self.releases.is_empty())
    }

    /// Whether it was found within the hour that a version has no release.
    pub(super) fn is_absent(&self, target: &str, now: DateTime<Utc>) -> bool {
        self.absent.iter().any(|(tag, asked)| tag == target && now - *asked < ABSENT)
    }

    /// Remembers that a version has no release by now.
    pub(super) fn lacks(&mut self, target: &str, now: DateTime<Utc>) {
        self.absent.retain(|(_, asked)| now - *asked < ABSENT);
        if self.is_absent(target, now) {
            return;
        }
        self.absent.push((target.to_owned(), now));
        if self.absent.len() > 64 {
            self.absent.remove(0);
        }
    }

    /// Takes over which releases were there before that this list lacks. What was older than all that are left was outlived: it
    /// moved to the next page, or its project keeps its newest alone.
    pub(super) fn after(mut self, before: &Before) -> Self {
        let has = |tag: &str| self.releases.iter().any(|release| release.tag == tag);
        let listed = &before.listed;
        let all_of_it = if self.is_partial { 0 } else { listed.len() };
        let end = listed.iter().rposition(|tag| has(tag)).unwrap_or(all_of_it);
        let lost = listed.iter().take(end).chain(&before.withdrawn).filter(|tag| !has(tag)).take(MOST_WITHDRAWN);
        self.withdrawn = lost.cloned().collect();
        self
    }

    /// Adds an older page of the list; whether there may be more.
    pub(super) fn add_page(&mut self, page: List, asked: u32) -> bool {
        let has_more = u32::try_from(page.sent).is_ok_and(|sent| sent >= asked);
        let known: std::collections::HashSet<String> = self.releases.iter().map(|known| known.tag.clone()).collect();
        let older = page.releases.into_iter().filter(|release| !known.contains(&release.tag));
        self.releases.extend(older.map(|release| Listed { is_older: true, ..release }));
        self.pages += 1;
        self.bound();
        has_more
    }

    /// Adds what was asked for apart.
    pub(super) fn add(&mut self, release: Listed) {
        self.releases.retain(|known| known.tag != release.tag);
        self.withdrawn.retain(|tag| *tag != release.tag);
        self.releases.insert(0, Listed { is_apart: true, ..release });
        self.bound();
    }
}

/// Which releases a project had, by their tags: what has to be known to see that one was taken back, and can't be asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Before {
    /// Those of the list, newest first.
    listed: Vec<String>,
    /// Those that were there earlier.
    pub withdrawn: Vec<String>,
}

impl Before {
    pub(super) fn of(listing: &Listing) -> Self {
        let listed = listing.releases.iter().filter(|release| !release.is_apart && !release.is_older);
        Self { listed: listed.map(|release| release.tag.clone()).collect(), withdrawn: listing.withdrawn.clone() }
    }
}

/// A release as GitHub and Gitea (`body`, `published_at`) and GitLab (`description`, `released_at`) write it.
#[derive(Deserialize)]
struct OnTheWire {
    tag_name: String,
    #[serde(default)]
    draft: bool,
    #[serde(default)]
    prerelease: bool,
    #[serde(default)]
    upcoming_release: bool,
    published_at: Option<String>,
    released_at: Option<String>,
    body: Option<String>,
    description: Option<String>,
}

/// A list as a forge sent it.
#[derive(Debug, Default)]
pub(super) struct List {
    /// What counts as a release.
    pub releases: Vec<Listed>,
    /// How many entries were sent.
    pub sent: usize,
}

/// Reads a list of releases; drafts and releases of the future are left out.
///
/// # Errors
/// When it is no such list.
pub(super) fn read_list(body: &[u8]) -> Result<List, serde_json::Error> {
    let mut kept = Gathered::default();
    let sent = each(body, MOST_RELEASES, |wire| {
        if let Some(release) = listed(wire) {
            kept.add(release);
        }
    })?;
    Ok(List { sent, releases: kept.all() })
}

/// Releases as they are read, of whose texts no more is kept than a list may have: the newest come first.
#[derive(Default)]
pub(super) struct Gathered {
    releases: Vec<Listed>,
    bytes: usize,
}

impl Gathered {
    pub(super) fn add(&mut self, mut release: Listed) {
        if self.bytes + release.text.len() > MOST_OF_A_LIST {
            release.is_cut |= !release.text.is_empty();
            release.text = String::new();
        }
        self.bytes += release.text.len() + 200;
        self.releases.push(release);
    }

    pub(super) fn all(self) -> Vec<Listed> {
        self.releases
    }
}

/// Reads a list's entries, each of which is gone before the next is read; those after the first `most` are passed over.
/// How many there are.
///
/// # Errors
/// When it is no such list.
pub(super) fn each<'b, T: Deserialize<'b>>(
    body: &'b [u8],
    most: usize,
    take: impl FnMut(T),
) -> Result<usize, serde_json::Error> {
    struct Each<T, F> {
        most: usize,
        take: F,
        entry: PhantomData<T>,
    }

    impl<'de, T: Deserialize<'de>, F: FnMut(T)> Visitor<'de> for Each<T, F> {
        type Value = usize;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list")
        }

        fn visit_seq<A: SeqAccess<'de>>(mut self, mut all: A) -> Result<usize, A::Error> {
            let mut count = 0;
            while count < self.most {
                let Some(entry) = all.next_element()? else { return Ok(count) };
                (self.take)(entry);
                count += 1;
            }
            while all.next_element::<IgnoredAny>()?.is_some() {
                count += 1;
            }
            Ok(count)
        }
    }

    let mut reader = serde_json::Deserializer::from_slice(body);
    let count = reader.deserialize_seq(Each { most, take, entry: PhantomData })?;
    reader.end()?;
    Ok(count)
}

/// A file's text; a byte that is none becomes a question mark, so that a text is never longer than its file.
pub(super) fn readable(file: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(file) {
        return Cow::Borrowed(text);
    }
    let mut text = String::with_capacity(file.len());
    for chunk in file.utf8_chunks() {
        text.push_str(chunk.valid());
        if !chunk.invalid().is_empty() {
            text.push('?');
        }
    }
    Cow::Owned(text)
}

/// Reads one release; `None` when it is a draft.
///
/// # Errors
/// When it is none.
pub(super) fn read_one(body: &[u8]) -> Result<Option<Listed>, serde_json::Error> {
    serde_json::from_slice(body).map(listed)
}

fn listed(wire: OnTheWire) -> Option<Listed> {
    if wire.draft || wire.upcoming_release || wire.tag_name.is_empty() || wire.tag_name.len() > 256 {
        return None;
    }
    let day = wire.published_at.or(wire.released_at).and_then(|at| DateTime::parse_from_rfc3339(&at).ok());
    let text = wire.body.or(wire.description).unwrap_or_default();
    Some(Listed::of(wire.tag_name, day.map(|at| at.format("%Y-%m-%d").to_string()), wire.prerelease, &text))
}

impl Listed {
    /// One release with its whole text.
    #[must_use]
    pub(super) fn of(tag: String, published: Option<String>, is_prerelease: bool, text: &str) -> Self {
        let alerts = alerts::find(text, &PlainText::of(&tag));
        let declares = declared::read(text, &tag);
        let end = (0..=MOST_OF_A_TEXT.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        let kept = text.get(..end).unwrap_or_default().to_owned();
        let is_cut = kept.len() < text.len();
        Self { tag, published, is_prerelease, is_cut, text: kept, alerts, declares, is_apart: false, is_older: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Listed {
        pub(in crate::release) fn test(tag: &str) -> Self {
            Self::of(tag.to_owned(), None, false, "text")
        }
    }

    #[test]
    fn the_shapes_of_forges_are_read() {
        let github =
            br#"[{"tag_name":"v2","name":"Two","draft":false,"prerelease":true,"published_at":"2026-01-02T03:04:05Z",
            "body":"- BREAKING x","assets":[{"name":"a"}],"author":{"login":"x"}},
            {"tag_name":"v3","draft":true,"prerelease":false,"published_at":null,"body":null},
            {"tag_name":"v1","draft":false,"prerelease":false,"published_at":"2026-01-01T00:00:00Z","body":null}]"#;
        let list = read_list(github).unwrap();
        let read = list.releases;
        assert_eq!(list.sent, 3, "drafts count for whether there is more");
        assert_eq!(
            read.iter().map(|r| (r.tag.as_str(), r.is_prerelease)).collect::<Vec<_>>(),
            [("v2", true), ("v1", false)]
        );
        assert_eq!((read[0].published.as_deref(), read[0].declares.len()), (Some("2026-01-02"), 1));
        let gitlab = br#"[{"tag_name":"v1","description":"text","released_at":"2026-01-02T03:04:05.000Z","upcoming_release":false},
            {"tag_name":"v2","description":null,"released_at":"2027-01-02T03:04:05.000Z","upcoming_release":true}]"#;
        let read = read_list(gitlab).unwrap().releases;
        assert_eq!((read.len(), read[0].text.as_str()), (1, "text"));
        for wrong in ["{}", "[1]", "", "[{}]", "null"] {
            assert!(read_list(wrong.as_bytes()).is_err(), "{wrong}");
        }
        assert_eq!(read_one(br#"{"tag_name":"v1","draft":true}"#).unwrap(), None);
    }

    #[test]
    fn a_list_answers_for_a_while() {
        let now = DateTime::from_timestamp(1_795_000_000, 0).unwrap();
        let mut listing = Listing::new(None, List { releases: vec![Listed::test("v1")], sent: 1 }, 100, now);
        let later = |hours| now + TimeDelta::hours(hours);
        assert!(listing.answers("1", true, FRESH, later(23)) && !listing.answers("1", true, FRESH, later(24)));
        assert!(!listing.answers("2", false, FRESH, now), "it was never asked for that one");
        listing.lacks("2", now);
        assert!(listing.answers("2", false, FRESH, later(0)) && !listing.answers("2", false, FRESH, later(1)));
        assert!(!listing.answers("3", false, FRESH, now));
        assert!(
            Listing::missing(now).answers("3", false, FRESH, now)
                && !Listing::missing(now).answers("3", false, FRESH, later(1))
        );
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let huge = "é".repeat(100_000) + "\n- BREAKING at the end";
        let one = Listed::of("v1".into(), None, false, &huge);
        assert!(one.text.len() <= MOST_OF_A_TEXT && one.declares.len() == 1);
        let listing = Listing::new(None, List { releases: vec![one; 100], sent: 100 }, 100, DateTime::UNIX_EPOCH);
        assert!(listing.releases.iter().map(|r| r.text.len()).sum::<usize>() <= MOST_OF_A_LIST && listing.is_partial);
        assert!(!listing.releases[0].text.is_empty() && listing.releases[99].text.is_empty());
    }

    #[test]
    fn of_an_endless_list_little_is_kept_while_it_is_read() {
        let tiny = format!("[{}]", vec![r#"{"tag_name":"v1","body":"x"}"#; 50_000].join(","));
        let list = read_list(tiny.as_bytes()).unwrap();
        assert_eq!((list.sent, list.releases.len()), (50_000, MOST_RELEASES));
        let long = format!(r#"{{"tag_name":"v1","body":"{}"}}"#, "y".repeat(64 * 1024));
        let list = read_list(format!("[{}]", vec![long; 99].join(",")).as_bytes()).unwrap();
        let kept: usize = list.releases.iter().map(|release| release.text.capacity()).sum();
        assert!(kept <= MOST_OF_A_LIST && list.releases.iter().all(|release| release.is_cut), "{kept}");
        assert_eq!((list.sent, list.releases.len()), (99, 99));
        assert_eq!(readable(b"a\xff\xfeb"), "a??b");
    }
}
