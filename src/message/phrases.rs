//! Parts of sentences, which messages and pages share. A language that lacks one does not compile.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use crate::domain::actor::Actor;
use crate::domain::declared::Kinds;
use crate::domain::event::Failure;
use crate::domain::fleet::{Asks, Failed};
use crate::domain::grounds::Grounds;
use crate::domain::owner::OwnerView;
use crate::domain::policy::Verdict;
use crate::domain::preflight::{Changes, Flaw, Preflight};
use crate::domain::settings::Problems;

/// Parts of sentences of one language, of messages and of pages. Identifiers are never translated: names, tags, annotations,
/// commands, and what clusters and registries say.
pub trait Phrases: Sync {
    /// A moment as people read it.
    fn moment(&self, at: DateTime<Utc>, zone: Tz) -> String;
    /// A day as people read it, of one as programs do: `2026-11-24`. What is no day stays as it is.
    fn day(&self, day: &str) -> String;
    /// How far it is from one version to another, of which events have the word: `minor`.
    fn level(&self, level: &str) -> String;
    /// What stands between a name and what follows it.
    fn colon(&self) -> &'static str;
    /// Several things in a row.
    fn all_of(&self, all: &[&str]) -> String;
    /// How many people have approved, of how many who have to.
    fn votes(&self, given: usize, needed: usize) -> String;
    /// Who or what decided.
    fn actor(&self, who: &Actor) -> String;
    /// The same of somebody, named so, who chose to do it outside the window.
    fn outside_the_window(&self, who: &str) -> String;
    /// What speaks for a version.
    fn grounds(&self, grounds: &Grounds) -> String;
    /// What was found about one tag of a list.
    fn verdict(&self, verdict: &Verdict<'_>, zone: Tz) -> String;
    /// Why people are asked first.
    fn asks(&self, asks: &Asks, zone: Tz) -> String;
    /// An update that failed elsewhere.
    fn failed(&self, failed: &Failed, zone: Tz) -> String;
    /// What the makers declare; nothing where nothing is declared.
    fn kinds(&self, kinds: Kinds) -> Option<String>;
    /// What an update changes in the image; empty where that is nothing.
    fn image_changes(&self, changes: &Changes) -> String;
    /// What was looked at of a version.
    fn preflight(&self, preflight: &Preflight) -> String;
    /// Why a version would not start.
    fn flaw(&self, flaw: &Flaw) -> String;
    /// Who else writes a workload, and what to do about it.
    fn owned_by(&self, owner: &OwnerView) -> String;
    /// What is wrong with the settings of a workload.
    fn problems(&self, problems: &Problems) -> String;
    /// Why an update failed, with the end of its log where that is known.
    fn broken(&self, failure: &Failure) -> String;
}
