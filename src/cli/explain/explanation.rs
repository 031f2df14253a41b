//! What is explained about containers.

use serde::Serialize;

use super::group::GroupExplanation;
use crate::cli::check::stands;
use crate::domain::fleet::Asks;
use crate::domain::policy::{Decision, Mode, Policy, Rank, Verdict};
use crate::domain::preflight::Preflight;
use crate::domain::record::AsksOnly;
use crate::domain::reference::ImageReference;
use crate::domain::release::ReleaseNotes;
use crate::domain::view::{Blocker, Unfinished, View};
use crate::domain::workload::Workload;

/// What is explained about one container.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Explanation {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) workload: Option<String>,
    pub(super) container: String,
    /// Containers that run the same image, and are updated with it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) with: Vec<String>,
    /// Those that it goes to one version with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) group: Option<GroupExplanation>,
    pub(super) image: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) mode: Option<&'static str>,
    pub(super) strategy: &'static str,
    /// The names of the other settings that have a say in it.
    #[serde(skip)]
    pub(super) also: Vec<&'static str>,
    pub(super) state: &'static str,
    pub(super) running: String,
    pub(super) available: Option<String>,
    pub(super) level: Option<&'static str>,
    pub(super) sentence: String,
    pub(super) why: String,
    /// The rollout of what runs, as long as it has not completed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) rollout: Option<Unfinished>,
    /// What was looked at of the version to go to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) preflight: Option<Preflight>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) blockers: Vec<String>,
    /// What the service says is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) owner: Option<String>,
    pub(super) actions: &'static [&'static str],
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) notes: Option<ReleaseNotes>,
    pub(super) candidates: Vec<Candidate>,
}

/// One tag of the list, and what was found about it.
#[derive(Debug, Serialize)]
pub(super) struct Candidate {
    pub(super) tag: String,
    pub(super) verdict: &'static str,
    pub(super) rule: &'static str,
    pub(super) why: String,
    #[serde(skip)]
    pub(super) rank: Rank,
}

/// Everything that is explained.
pub(in crate::cli) struct Report {
    pub(super) items: Vec<Explanation>,
    pub(super) all: bool,
}

/// The names of the settings beside the strategy that narrow the candidates.
fn also(policy: &Policy) -> Vec<&'static str> {
    let all = [
        ("tag-policy", policy.selection.is_some()),
        ("include", policy.include.is_some()),
        ("exclude", policy.exclude.is_some()),
        ("skip", !policy.skip.is_empty()),
        ("steps", policy.steps.is_some()),
        ("prerelease", policy.prerelease),
        ("cooldown", policy.cooldown.is_some()),
    ];
    all.into_iter().filter(|(_, is_set)| *is_set).map(|(name, _)| name).collect()
}

impl Explanation {
    pub(super) fn of(container: &str, image: &str, view: &View, decision: &Decision<'_>, policy: &Policy) -> Self {
        let repository = ImageReference::parse(image).map(|image| image.repository().to_string()).unwrap_or_default();
        Self {
            workload: None,
            container: container.to_owned(),
            with: Vec::new(),
            group: None,
            image: image.to_owned(),
            mode: None,
            strategy: policy.strategy.as_str(),
            also: also(policy),
            state: view.state.as_str(),
            running: view.from.clone(),
            available: view.to.clone(),
            level: view.level.map(crate::domain::tag::Level::as_str),
            sentence: view.sentence(container),
            why: view.why.to_string(),
            rollout: view.rollout.clone(),
            preflight: view.preflight.clone(),
            error: None,
            blockers: view.blockers.iter().map(ToString::to_string).collect(),
            owner: view.owner_words(&repository),
            actions: view.actions,
            notes: None,
            candidates: candidates(decision),
        }
    }

    /// People are told where the same manifest failed before they approve it, and that automatic updates are stopped.
    pub(super) fn asked_as(&mut self, because: Option<&Asks>) {
        let Some(because) = because else { return };
        let (known, why) = match because {
            Asks::Failed(failed) => (failed.to_string(), failed.to_string()),
            Asks::Stopped(_) => ("automatic updates are stopped".to_owned(), stands::because(because)),
        };
        if !self.sentence.contains(&known) {
            self.sentence = format!("{}; {why}.", self.sentence.trim_end_matches('.'));
            self.blockers.push(why);
        }
    }

    /// Nobody can answer, and nothing is applied, where the workload may not be written.
    pub(super) fn without_right(&mut self, workload: &Workload, may_patch: bool) {
        if may_patch || self.available.is_none() {
            return;
        }
        let why = stands::no_right(workload);
        self.sentence = format!("{}; {why}.", self.sentence.trim_end_matches('.'));
        self.blockers.insert(0, why);
        self.actions = &[];
    }

    /// What would go by itself is asked about where its makers declare something.
    pub(super) fn ask_for_declared(&mut self, mode: Mode) {
        let declared = self.notes.as_ref().and_then(|notes| notes.declared.as_ref()).map(|declared| declared.kinds);
        let Some(kinds) = declared.filter(|kinds| kinds.asks()) else { return };
        if mode == Mode::AutoUpdate && self.blockers.is_empty() {
            let blocker = Blocker::AsksOnly(AsksOnly::Declared(kinds)).to_string();
            self.sentence = format!("{}; {blocker}.", self.sentence.trim_end_matches('.'));
            self.blockers.push(blocker);
        }
    }
}

/// All tags of the list, in the order of the table.
fn candidates(decision: &Decision<'_>) -> Vec<Candidate> {
    let candidate = |(rank, tag, verdict): (Rank, &str, Verdict<'_>)| Candidate {
        tag: tag.to_owned(),
        verdict: verdict.word(),
        rule: verdict.rule(),
        why: verdict.to_string(),
        rank,
    };
    decision.candidates().into_iter().map(candidate).collect()
}
