//! What registries keep an entity tag of (RFC 9110 §8.8.3), and what it was then: where they say 304, that is the answer.
//!
//! A list may come in pages, each of which has an entity tag of its own: one that did not change says nothing of the next, so
//! each is asked for. Of a list only what is wanted is kept, and only where that is little and every page has an entity tag.
//! CNCF Distribution, Docker Hub and most others keep none of lists; then nothing is kept here.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use url::Url;

use super::links::Next;
use super::list::Part;
use super::pages::Read;
use super::shares::Shares;
use super::wire::Question;
use crate::domain::policy::Wanted;
use crate::domain::reference::{Digest, Tag};

/// What is kept of all registries together, in bytes.
const MOST_BYTES: usize = 1024 * 1024;
/// A list of more than this is read again each time.
const LARGEST_LIST: usize = 16 * 1024;
/// The longest entity tag.
const LONGEST_TAG: usize = 256;
/// What a page takes beside its texts, in bytes.
const PAGE: usize = 250;
/// What an entry takes beside its texts, in bytes.
const ENTRY: usize = 400;
/// A registry that says «not modified» for longer is asked for the whole once more, whatever it believes.
const BELIEVED: Duration = Duration::from_secs(24 * 3600);

/// Of what: the repository, the credential's scope, and the tag where it is a manifest.
type Key = (String, String, Option<Tag>);

/// What was answered.
enum Entry {
    /// A list, and for whom it was read.
    List(Wanted, Arc<[KnownPage]>),
    /// A manifest, and when that was.
    Manifest { entity_tag: Arc<str>, at: Duration, digest: Digest },
}

/// A page of a list that may still be good.
#[derive(Clone, Debug)]
pub(super) struct KnownPage {
    /// Where it was asked for.
    pub(super) url: Url,
    /// Where it came from.
    pub(super) from: Url,
    /// What it is asked for with.
    pub(super) entity_tag: Box<str>,
    /// When it came.
    pub(super) at: Duration,
    /// What it came to.
    pub(super) part: Part,
    /// What comes after it.
    pub(super) next: Next,
    /// What else it said.
    pub(super) read: Read,
    /// Whether it is the last, and as long as a page may be: were there another behind it, it might be the same.
    pub(super) may_be_full: bool,
}

impl KnownPage {
    /// A page that came just now.
    pub(super) fn new(
        (url, from): (Url, Url),
        entity_tag: Box<str>,
        at: Duration,
        part: Part,
        (next, read): (Next, Read),
    ) -> Self {
        Self { url, from, entity_tag, at, part, next, read, may_be_full: false }
    }

    /// Whether it may be asked whether it did not change.
    pub(super) fn is_believed(&self, now: Duration) -> bool {
        is_believed(self.at, now)
    }

    fn bytes(&self) -> usize {
        let next = if let Next::Page(next) = &self.next { next.as_str().len() } else { 0 };
        let urls = self.url.as_str().len() + self.from.as_str().len() + next;
        PAGE + urls + self.entity_tag.len() + self.part.bytes()
    }
}

/// The pages of a list as they come in, for as long as all of them can be kept.
#[derive(Debug, Default)]
pub(super) struct NewPages {
    pages: Option<Vec<KnownPage>>,
    bytes: usize,
}

impl NewPages {
    /// Of a list that begins.
    pub(super) fn begin() -> Self {
        Self { pages: Some(Vec::new()), bytes: 0 }
    }

    /// Whether the next page may be kept.
    pub(super) fn is_kept(&self) -> bool {
        self.pages.is_some()
    }

    /// Takes a page; `None` where it has no entity tag.
    pub(super) fn push(&mut self, page: Option<KnownPage>) {
        match (&mut self.pages, page.filter(|page| is_sendable(&page.entity_tag))) {
            (Some(pages), Some(mut page)) if self.bytes + page.bytes() <= LARGEST_LIST => {
                let longest = pages.iter().map(|page| page.read.entries).max();
                // Alone it does not tell how long a page may be, but limits are round numbers.
                let is_long = longest.map_or(page.read.entries % 10 == 0, |longest| page.read.entries >= longest);
                page.may_be_full = is_long;
                self.bytes += page.bytes();
                pages.push(page);
            }
            (pages, _) => *pages = None,
        }
    }
}

/// Answers that may still be good.
pub(super) struct Unchanged(Mutex<Shares<Key, Entry>>);

impl Default for Unchanged {
    fn default() -> Self {
        Self(Mutex::new(Shares::new(MOST_BYTES)))
    }
}

impl Unchanged {
    /// What was kept of a list, if that was read for the same.
    pub(super) fn list(&self, of: Question<'_>, wanted: &Wanted) -> Arc<[KnownPage]> {
        match self.entries().get(of.host(), &key(of, None)) {
            Some(Entry::List(of, pages)) if of.is_same(wanted) => Arc::clone(pages),
            _ => Arc::default(),
        }
    }

    /// Keeps a list that was read to its end.
    pub(super) fn keep_list(&self, of: Question<'_>, wanted: &Wanted, NewPages { pages, bytes }: NewPages) {
        let bytes = bytes + wanted.bytes();
        let Some(mut pages) = pages.filter(|_| bytes <= LARGEST_LIST) else { return self.forget_list(of) };
        pages.pop_if(|last| last.may_be_full);
        if pages.is_empty() {
            self.forget_list(of);
        } else {
            self.keep(of, None, Entry::List(wanted.clone(), pages.into()), bytes);
        }
    }

    /// What was kept of a list leads nowhere.
    pub(super) fn forget_list(&self, of: Question<'_>) {
        self.entries().remove(of.host(), &key(of, None));
    }

    /// What a tag pointed to.
    pub(super) fn digest(&self, of: Question<'_>, tag: &Tag, now: Duration) -> Option<(Arc<str>, Digest)> {
        let entries = self.entries();
        match entries.get(of.host(), &key(of, Some(tag)))? {
            Entry::Manifest { entity_tag, at, digest } if is_believed(*at, now) => {
                Some((Arc::clone(entity_tag), digest.clone()))
            }
            _ => None,
        }
    }

    /// Keeps the digest of a manifest.
    pub(super) fn keep_digest(&self, of: Question<'_>, entity_tag: &str, tag: &Tag, digest: &Digest, now: Duration) {
        if is_sendable(entity_tag) {
            let (bytes, digest) = (entity_tag.len() + digest.as_str().len(), digest.clone());
            self.keep(of, Some(tag), Entry::Manifest { entity_tag: entity_tag.into(), at: now, digest }, bytes);
        }
    }

    fn keep(&self, of: Question<'_>, tag: Option<&Tag>, entry: Entry, bytes: usize) {
        let key = key(of, tag);
        let weight = bytes + key.0.len() + key.1.len() + of.host().len() + ENTRY;
        self.entries().insert(of.host(), key, entry, weight);
    }

    fn entries(&self) -> MutexGuard<'_, Shares<Key, Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_believed(at: Duration, now: Duration) -> bool {
    now.saturating_sub(at) < BELIEVED
}

/// Whether an entity tag can be sent back.
fn is_sendable(entity_tag: &str) -> bool {
    (1..=LONGEST_TAG).contains(&entity_tag.len()) && entity_tag.bytes().all(|byte| (0x21..0x7f).contains(&byte))
}

fn key(of: Question<'_>, tag: Option<&Tag>) -> Key {
    (of.repository.path().to_owned(), of.credential.scope().to_owned(), tag.cloned())
}
