//! Every candidate tag of a container, taken or refused, and the rule that says so.

use serde::Serialize;

use crate::domain::policy::Ruling;
use crate::domain::view::Gist;
use crate::reconcile::Explained;

/// What is decided of a container, and on what ground.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub struct ExplanationView {
    /// The answer in one sentence.
    pub sentence: String,
    /// One word: `update`, `cooling`, `up-to-date`, `no-version`, `no-tags` or `no-digest`.
    pub state: &'static str,
    /// Why this version, or why none.
    pub why: String,
    /// The candidates: what is taken, what only a setting holds back, what runs, and the rest, each newest first.
    pub candidates: Vec<CandidateView>,
    /// How many more there are.
    pub more: usize,
    /// What the sentence comes to, for pages in another language.
    #[serde(skip)]
    pub gist: Option<Gist>,
}

/// One tag, and what was found about it.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub struct CandidateView {
    /// The tag.
    pub tag: String,
    /// What is said of it, in a word.
    pub verdict: &'static str,
    /// The rule that says so.
    pub rule: &'static str,
    /// The same for people.
    pub why: String,
    /// The same, typed, for pages in any language.
    #[serde(skip)]
    pub ruling: Ruling,
}

impl From<Explained> for ExplanationView {
    fn from(explained: Explained) -> Self {
        let Explained { sentence, gist, state, why, candidates, more } = explained;
        let of = |(tag, ruling): (String, Ruling)| {
            let verdict = ruling.verdict();
            CandidateView { tag, verdict: verdict.word(), rule: verdict.rule(), why: verdict.to_string(), ruling }
        };
        let state = state.as_str();
        Self { sentence, state, why, candidates: candidates.into_iter().map(of).collect(), more, gist }
    }
}
