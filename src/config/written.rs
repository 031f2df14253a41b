//! The file as it is written: where each of its keys is, and what it says in the place of variables.

use std::collections::{BTreeMap, BTreeSet};

use super::Problem;
use super::document::{Document, Wrong};

/// A secret that a variable holds, or a file that it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct HeldSecret {
    pub(super) bytes: usize,
    pub(super) from_file: bool,
}

/// The file as it is written.
#[derive(Clone, Default)]
pub(super) struct Written {
    path: String,
    document: Document,
    /// Variables that it sets, each with the key that is in its place.
    sets: BTreeMap<&'static str, &'static str>,
    /// Keys that could not be read.
    told: BTreeSet<String>,
}

impl Written {
    pub(super) fn of(variables: &BTreeMap<String, String>, document: Document, problems: &[Wrong]) -> Self {
        let path = variables.get("IMAGE_WATCHER_CONFIG").cloned().unwrap_or_default();
        let told = problems.iter().map(|wrong| wrong.key.clone()).collect();
        Self { path, document, sets: BTreeMap::new(), told }
    }

    /// A variable is set by it, with this key.
    pub(super) fn sets(&mut self, variable: &'static str, key: &'static str) {
        self.sets.insert(variable, key);
    }

    /// Whether a variable is set by it.
    pub(super) fn has_set(&self, variable: &str) -> bool {
        self.sets.contains_key(variable)
    }

    /// Where its lines are.
    pub(super) fn document(&self) -> &Document {
        &self.document
    }

    /// Where it is.
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// Whether it is told of a key, or of something below it, that it can't be read.
    pub(super) fn is_told(&self, key: &str) -> bool {
        let is_below = |told: &String| told.strip_prefix(key).is_some_and(|rest| rest.starts_with(['.', '[']));
        self.told.contains(key) || self.told.iter().any(is_below)
    }

    /// The key that is in the place of a variable, where it is set by it.
    pub(super) fn key_of(&self, variable: &str) -> Option<&'static str> {
        self.sets.get(variable).or_else(|| self.sets.get(&*format!("{variable}_FILE"))).copied()
    }

    /// What a variable is called where something is told of it: its key, where the file sets it.
    pub(super) fn label(&self, variable: &str) -> String {
        self.key_of(variable).map_or_else(|| variable.to_owned(), |key| self.label_of(key))
    }

    /// What is told of a variable.
    pub(super) fn problem_of(&self, variable: &str, problem: String) -> Problem {
        match self.key_of(variable) {
            Some(key) => self.problem_at(key, problem),
            None => Problem { variable: variable.to_owned(), problem, at: None },
        }
    }

    /// What is told of a key.
    pub(super) fn problem_at(&self, key: &str, problem: String) -> Problem {
        Problem { variable: self.label_of(key), problem, at: Some(self.document.place(key)) }
    }

    /// Path, line, column and key.
    pub(super) fn label_of(&self, key: &str) -> String {
        format!("{}:{}: {key}", self.path, self.document.place(key))
    }

    pub(super) fn problem(&self, wrong: &Wrong) -> Problem {
        let Wrong { key, at, what } = wrong;
        let variable =
            if key.is_empty() { format!("{}:{at}", self.path) } else { format!("{}:{at}: {key}", self.path) };
        Problem { variable, problem: what.clone(), at: Some(*at) }
    }
}
