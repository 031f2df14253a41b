//! Versions that their projects mark as prereleases or took back: what becomes of them is asked again at each look.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::domain::reference::{Repository, Tag};
use crate::domain::standing::Standing;

/// So many are remembered. Beyond it all are forgotten, as after a start: then one is asked for once people were asked.
const MOST: usize = 4096;

/// For so long it is not asked again what became of the release of what runs.
const RUNNING: Duration = Duration::from_secs(60 * 60);

/// Those that were held back, by a hash of repository and tag.
#[derive(Debug, Default)]
pub(crate) struct Unreleased {
    by: RandomState,
    tags: Mutex<HashSet<u64>>,
    /// What became of those that run, and until when that is as good as asking.
    running: Mutex<HashMap<u64, (Duration, Option<Standing>)>>,
}

impl Unreleased {
    fn key(&self, of: &Repository, tag: &str) -> u64 {
        self.by.hash_one((of.as_str(), tag))
    }

    /// Whether a tag was held back when it was asked for last.
    pub(crate) fn has(&self, of: &Repository, tag: &Tag) -> bool {
        let key = self.key(of, tag.as_str());
        self.tags.lock().unwrap_or_else(PoisonError::into_inner).contains(&key)
    }

    /// What became of the release of what runs, asked once an hour for all who run it and have their releases at one place.
    pub(crate) async fn running(
        &self,
        of: (&Repository, &Tag, Option<&str>),
        now: Duration,
        ask: impl Future<Output = Option<Standing>>,
    ) -> Option<Standing> {
        let key = self.by.hash_one((of.0.as_str(), of.1.as_str(), of.2));
        let known = self.running.lock().unwrap_or_else(PoisonError::into_inner).get(&key).copied();
        if let Some((until, standing)) = known
            && now < until
        {
            return standing;
        }
        let standing = ask.await;
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if running.len() >= MOST {
            running.clear();
        }
        running.insert(key, (now + RUNNING, standing));
        standing
    }

    /// Takes over what a decision held back, and what it chose.
    pub(crate) fn learn(&self, of: &Repository, held_back: &[(String, Standing)], chosen: Option<&Tag>) {
        let mut tags = self.tags.lock().unwrap_or_else(PoisonError::into_inner);
        if tags.len() >= MOST {
            tags.clear();
        }
        tags.extend(held_back.iter().map(|(tag, _)| self.key(of, tag)));
        if let Some(chosen) = chosen {
            tags.remove(&self.key(of, chosen.as_str()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_is_bounded_and_ends_with_what_is_chosen() {
        let (unreleased, web) = (Unreleased::default(), Repository::parse("web").unwrap());
        let tag = |text: &str| Tag::parse(text).unwrap();
        unreleased.learn(&web, &[("1.0.1".into(), Standing::Prerelease)], None);
        assert!(unreleased.has(&web, &tag("1.0.1")) && !unreleased.has(&web, &tag("1.0.2")));
        unreleased.learn(&web, &[], Some(&tag("1.0.1")));
        assert!(!unreleased.has(&web, &tag("1.0.1")));
        for n in 0..=MOST {
            unreleased.learn(&web, &[(n.to_string(), Standing::Withdrawn)], None);
        }
        assert_eq!(unreleased.tags.lock().unwrap().len(), 1);
    }
}
