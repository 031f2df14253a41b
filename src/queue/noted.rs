//! Announcements that are known to be stored, so that one more of the same needs no turn of the writer.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};

use super::announced::Announced;
use crate::domain::reference::{Digest, Repository, Tag};

/// One that is stored and is announced again this soon is the same.
const SAME: TimeDelta = TimeDelta::seconds(10);
/// The most that are known to be stored; more are stored once more.
const MOST_NOTED: usize = 16_384;

/// When a tag was announced, and as what.
struct Entry {
    at: DateTime<Utc>,
    as_what: Option<Digest>,
    is_stored: bool,
}

type Entries = HashMap<(Repository, Tag), Entry>;

/// Those that are known to be on disk: to announce them again needs no turn of the writer.
#[derive(Clone, Default)]
pub(super) struct StoredAnnouncements(Arc<Mutex<Entries>>);

impl StoredAnnouncements {
    /// Those of them that have to be stored.
    pub(super) fn news(&self, announced: Vec<Announced>) -> Vec<Announced> {
        let mut noted = self.lock();
        let same = |noted: &Entries, one: &Announced| {
            let known = noted.get(&(one.repository.clone(), one.tag.clone()))?;
            let is_same = (TimeDelta::zero()..SAME).contains(&(one.at - known.at)) && known.as_what == one.digest;
            is_same.then_some(known.is_stored)
        };
        let mut news = announced;
        news.retain(|one| same(&noted, one) != Some(true));
        if noted.len() + news.len() > MOST_NOTED {
            noted.clear();
        }
        for one in news.iter().take(MOST_NOTED) {
            // In a burst the first that is stored is the one by which the others are known.
            if same(&noted, one).is_none() {
                let entry = Entry { at: one.at, as_what: one.digest.clone(), is_stored: false };
                noted.insert((one.repository.clone(), one.tag.clone()), entry);
            }
        }
        news
    }

    /// They are on disk, but for those that were struck meanwhile: a look may be done before the disk has what led to it.
    pub(super) fn note(&self, news: Vec<Announced>) {
        let mut noted = self.lock();
        for one in news {
            if let Some(entry) = noted.get_mut(&(one.repository, one.tag)).filter(|entry| entry.at == one.at) {
                entry.is_stored = true;
            }
        }
    }

    /// They are on disk no longer.
    pub(super) fn strike(&self, announced: &[Announced]) {
        let mut noted = self.lock();
        for one in announced {
            noted.remove(&(one.repository.clone(), one.tag.clone()));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_found_before_it_was_on_disk_is_stored_when_it_is_announced_again() {
        let (repository, tag) = (Repository::parse("acme/web").unwrap(), Tag::parse("1.0.1").unwrap());
        let at = |seconds| Announced {
            repository: repository.clone(),
            tag: tag.clone(),
            digest: None,
            at: DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds),
        };
        let noted = StoredAnnouncements::default();
        let news = noted.news(vec![at(0)]);
        assert_eq!(noted.news(vec![at(1)]), [at(1)], "it is not on disk yet");
        noted.note(news);
        assert_eq!(noted.news(vec![at(2)]), []);
        noted.strike(&[at(0)]);
        let news = noted.news(vec![at(4)]);
        noted.strike(&[at(4)]);
        noted.note(news);
        assert_eq!(noted.news(vec![at(5)]), [at(5)]);
    }
}
