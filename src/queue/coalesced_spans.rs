//! Spans whose looks became one with a look that waits already: it is linked to them. They are remembered as long as the process
//! lives, as nothing but a trace is the poorer without.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Leased, NewJob};
use crate::domain::event::Job;
use crate::domain::reference::Repository;
use crate::domain::trace::TraceParent;

/// Repositories of which they are remembered.
const MOST_REPOSITORIES: usize = 1000;
/// Spans of one look that are remembered; the first of them.
const MOST_SPANS: usize = 16;

/// Spans of looks that became one with a look that waits, by repository. Clones share them.
#[derive(Clone, Debug, Default)]
pub(super) struct CoalescedSpans(Arc<Mutex<HashMap<Repository, Vec<TraceParent>>>>);

impl CoalescedSpans {
    /// Remembers what these jobs follow from, which are about to be put.
    pub(super) fn note(&self, jobs: &[NewJob]) {
        for new in jobs {
            let (Job::Look(repository), Some(parent)) = (&new.job, new.trace.parent()) else { continue };
            let mut all = self.all();
            if all.len() < MOST_REPOSITORIES || all.contains_key(repository) {
                let spans = all.entry(repository.clone()).or_default();
                if spans.len() < MOST_SPANS && !spans.contains(&parent) {
                    spans.push(parent);
                }
            }
        }
    }

    /// Hands over what is remembered of jobs that begin.
    pub(super) fn hand_over(&self, jobs: &mut [Leased]) {
        for leased in jobs {
            let Job::Look(repository) = &leased.job else { continue };
            let own = leased.trace.parent();
            leased.also = self.all().remove(repository).unwrap_or_default();
            leased.also.retain(|span| Some(*span) != own);
        }
    }

    fn all(&self) -> MutexGuard<'_, HashMap<Repository, Vec<TraceParent>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
