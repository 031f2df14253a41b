//! What registries keep an entity tag of (RFC 9110 §8.8.3), and what it was then: where they say 304, that is the answer.
//!
//! Of a list only what is wanted is kept, and only where that is little and came on one page. CNCF Distribution, Docker Hub
//! and most others keep no entity tag of lists; then nothing is kept here.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::list::Tags;
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
/// What an entry takes beside its texts, in bytes.
const ENTRY: usize = 400;
/// A registry that says «not modified» for longer is asked for the whole once more, whatever it believes.
const BELIEVED: Duration = Duration::from_secs(24 * 3600);

/// Of what: the repository, the credential's scope, and the tag where it is a manifest.
type Key = (String, String, Option<Tag>);

/// What was answered, and when.
struct Entry {
    entity_tag: Arc<str>,
    at: Duration,
    what: What,
}

/// What was answered.
enum What {
    /// A list, and for whom it was read.
    List(Wanted, Arc<Tags>),
    Manifest(Digest),
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
    pub(super) fn list(&self, of: Question<'_>, wanted: &Wanted, now: Duration) -> Option<(Arc<str>, Arc<Tags>)> {
        let entries = self.entries();
        let entry = entries.get(of.host(), &key(of, None)).filter(|entry| entry.is_believed(now))?;
        match &entry.what {
            What::List(of, tags) if of.is_same(wanted) => Some((Arc::clone(&entry.entity_tag), Arc::clone(tags))),
            _ => None,
        }
    }

    /// Keeps a list that came on one page.
    pub(super) fn keep_list(&self, of: Question<'_>, entity_tag: &str, wanted: &Wanted, tags: &Tags, now: Duration) {
        let bytes = tags.bytes() + wanted.bytes();
        if bytes <= LARGEST_LIST {
            let what = What::List(wanted.clone(), Arc::new(tags.copy(None)));
            self.keep(of, None, Entry { entity_tag: entity_tag.into(), at: now, what }, 2 * bytes);
        }
    }

    /// What a tag pointed to.
    pub(super) fn digest(&self, of: Question<'_>, tag: &Tag, now: Duration) -> Option<(Arc<str>, Digest)> {
        let entries = self.entries();
        let entry = entries.get(of.host(), &key(of, Some(tag))).filter(|entry| entry.is_believed(now))?;
        match &entry.what {
            What::Manifest(digest) => Some((Arc::clone(&entry.entity_tag), digest.clone())),
            What::List(..) => None,
        }
    }

    /// Keeps the digest of a manifest.
    pub(super) fn keep_digest(&self, of: Question<'_>, entity_tag: &str, tag: &Tag, digest: &Digest, now: Duration) {
        let what = What::Manifest(digest.clone());
        self.keep(of, Some(tag), Entry { entity_tag: entity_tag.into(), at: now, what }, digest.as_str().len());
    }

    fn keep(&self, of: Question<'_>, tag: Option<&Tag>, entry: Entry, bytes: usize) {
        let is_sendable = entry.entity_tag.bytes().all(|byte| (0x21..0x7f).contains(&byte));
        if entry.entity_tag.is_empty() || entry.entity_tag.len() > LONGEST_TAG || !is_sendable {
            return;
        }
        let key = key(of, tag);
        let weight = bytes + entry.entity_tag.len() + key.0.len() + key.1.len() + of.host().len() + ENTRY;
        self.entries().insert(of.host(), key, entry, weight);
    }

    fn entries(&self) -> MutexGuard<'_, Shares<Key, Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    fn is_believed(&self, now: Duration) -> bool {
        now.saturating_sub(self.at) < BELIEVED
    }
}

fn key(of: Question<'_>, tag: Option<&Tag>) -> Key {
    (of.repository.path().to_owned(), of.credential.scope().to_owned(), tag.cloned())
}
