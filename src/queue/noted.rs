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

/// When tags were announced, and as what.
type Times = HashMap<(Repository, Tag), (DateTime<Utc>, Option<Digest>)>;

/// Those that are known to be on disk: to announce them again needs no turn of the writer.
#[derive(Clone, Default)]
pub(super) struct Noted(Arc<Mutex<Times>>);

impl Noted {
    /// Those of them that have to be stored.
    pub(super) fn news(&self, announced: Vec<Announced>) -> Vec<Announced> {
        let noted = self.lock();
        let is_known = |one: &Announced| {
            let known = noted.get(&(one.repository.clone(), one.tag.clone()));
            known.is_some_and(|(at, as_what)| {
                (TimeDelta::zero()..SAME).contains(&(one.at - *at)) && *as_what == one.digest
            })
        };
        announced.into_iter().filter(|one| !is_known(one)).collect()
    }

    /// They are on disk.
    pub(super) fn note(&self, announced: Vec<Announced>) {
        let mut noted = self.lock();
        if noted.len() + announced.len() > MOST_NOTED {
            noted.clear();
        }
        let known = |one: Announced| ((one.repository, one.tag), (one.at, one.digest));
        noted.extend(announced.into_iter().take(MOST_NOTED).map(known));
    }

    /// They are on disk no longer.
    pub(super) fn strike(&self, announced: &[Announced]) {
        let mut noted = self.lock();
        for one in announced {
            noted.remove(&(one.repository.clone(), one.tag.clone()));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Times> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
