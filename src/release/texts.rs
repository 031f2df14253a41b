//! What the notes of one update are made of: a project's releases, or its change log where those lack the version.

use super::changelog::MOST_VERSIONS;
use super::listing::{Listed, Listing};
use super::select::Wanted;
use crate::domain::release::TextSource;

/// Texts of versions, and where they are from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Texts<'l> {
    /// Where from.
    pub source: TextSource,
    /// The change log that they are from, if they are.
    pub file: Option<&'l str>,
    /// The versions.
    pub versions: &'l [Listed],
    /// Whether there may be older ones that were not read.
    pub is_partial: bool,
}

impl Listing {
    /// What the notes of an update are made of.
    pub(super) fn texts(&self, wanted: &Wanted) -> Texts<'_> {
        let has_target = |versions: &[Listed]| wanted.among(versions).has_target;
        match &self.change_log {
            Some(log) if !has_target(&self.releases) && (self.releases.is_empty() || has_target(&log.versions)) => {
                Texts {
                    source: TextSource::Changelog,
                    file: Some(&log.name),
                    versions: &log.versions,
                    is_partial: log.versions.len() >= MOST_VERSIONS,
                }
            }
            _ => {
                Texts { source: TextSource::Release, file: None, versions: &self.releases, is_partial: self.is_partial }
            }
        }
    }

    /// Whether the new version has a text, as a release or in the change log.
    pub(super) fn has_text(&self, wanted: &Wanted) -> bool {
        wanted.among(self.texts(wanted).versions).has_target
    }
}
