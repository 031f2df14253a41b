//! The search for a version: the newest that all members have, then the next one, until one is there for each.

use super::{Candidates, Common, Waits, common};
use crate::domain::reference::Tag;

/// So many versions that all have are tried before a decision is put off.
const MOST_TRIED: usize = 5;

/// What a search has come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// No member has anything newer.
    Nothing,
    /// All wait.
    Waits(Waits),
    /// These go there, by their place; the others are there. Each is to be confirmed.
    To(Vec<(usize, Tag)>),
}

/// A search among what members may go to.
#[derive(Clone, Debug)]
pub struct Search {
    all: Vec<Candidates>,
    passed: Option<Waits>,
    tried: usize,
}

impl Search {
    /// One among these.
    #[must_use]
    pub fn among(all: Vec<Candidates>) -> Self {
        Self { all, passed: None, tried: 0 }
    }

    /// The next version to confirm, or why there is none; `name` says how people call a member.
    #[must_use]
    pub fn found(&self, name: impl Fn(usize) -> String) -> Found {
        if let Some(passed) = self.passed.as_ref().filter(|_| self.tried >= MOST_TRIED) {
            return Found::Waits(passed.clone());
        }
        match (common(&self.all), &self.passed) {
            (Common::To(to), _) => {
                let moves = to.into_iter().enumerate();
                Found::To(moves.filter_map(|(place, tag)| Some((place, tag?.clone()))).collect())
            }
            (_, Some(passed)) => Found::Waits(passed.clone()),
            (common, None) => common.waits(name).map_or(Found::Nothing, Found::Waits),
        }
    }

    /// It is not there for this member, or would not start: another is to be found.
    pub fn passes(&mut self, place: usize, version: &Tag, member: String, why: String) {
        self.passed = Some(Waits::Passed { member, version: version.clone(), why });
        self.tried += 1;
        if let Some(candidates) = self.all.get_mut(place) {
            candidates.newer.retain(|other| other != version);
        }
    }
}
