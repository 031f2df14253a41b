//! Where news of images comes from, and how much may still be asked.

use minijinja::{Value, context};
use serde::Serialize;

use super::pages::value;
use super::row::{Shown, StateShown};
use super::words::{Health, Moment};
use crate::api::view::{BudgetView, RegistryView, SourceView};
use crate::domain::view::Attention;

/// Words of counts that stand for no refusal.
const TAKEN: [&str; 4] = ["accepted", "ignored", "duplicate", "handshake"];

/// A source of webhooks.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Source {
    state: StateShown,
    name: String,
    kind: String,
    last: Option<Moment>,
    accepted: u64,
    refused: Vec<String>,
    missed: u64,
    refusal: Option<String>,
    refused_at: Option<Moment>,
}

/// A registry.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Registry {
    state: StateShown,
    host: String,
    budget: Option<Budget>,
    ceiling: Option<String>,
    repositories: usize,
    asked: Option<Moment>,
    outcome: Option<String>,
    waits: Option<Moment>,
    waits_for: Option<String>,
}

/// What is left of a budget.
#[derive(Serialize)]
struct Budget {
    left: u64,
    limit: u64,
    low: u64,
    words: String,
}

/// How a source does, by what it reports of itself.
fn of_source(source: &SourceView) -> Health {
    if source.last_refused > source.last_accepted {
        Health::Refusing
    } else if source.missed > 0 {
        Health::Silent
    } else if source.last_accepted.is_none() {
        Health::New
    } else {
        Health::Heard
    }
}

fn of_registry(registry: &RegistryView) -> Health {
    match (registry.last_outcome.as_deref(), registry.waits_until) {
        (_, Some(_)) => Health::Sparing,
        (Some("ok"), None) => Health::Fine,
        (Some(_), None) => Health::Failing,
        (None, None) => Health::New,
    }
}

/// How many of all want mending.
pub(super) fn to_mend(sources: &[SourceView], registries: &[RegistryView]) -> usize {
    let sources = sources.iter().map(of_source).filter(|it| matches!(it, Health::Refusing | Health::Silent));
    sources.count() + registries.iter().filter(|it| of_registry(it) == Health::Failing).count()
}

/// The shape of a state that says how somebody does.
fn state(health: Health, shown: Shown<'_>) -> StateShown {
    let shape = match health {
        Health::Heard | Health::Fine => Attention::UpToDate,
        Health::Refusing | Health::Failing => Attention::Failed,
        Health::Silent => Attention::CannotTell,
        Health::Sparing | Health::New => Attention::Waiting,
    };
    StateShown::named(shape, shown.words.health(health))
}

fn source(source: &SourceView, shown: Shown<'_>) -> Source {
    let Shown { words, now, .. } = shown;
    let refused = source.counts.iter().filter(|(word, many)| !TAKEN.contains(&word.as_str()) && **many > 0);
    Source {
        state: state(of_source(source), shown),
        name: source.name.clone(),
        kind: source.kind.clone(),
        last: source.last_accepted.map(|at| Moment::of(at.0, now, words)),
        accepted: source.counts.get("accepted").copied().unwrap_or_default(),
        refused: refused.map(|(word, many)| words.refused(word, *many)).collect(),
        missed: source.missed,
        refusal: source.last_refusal.clone(),
        refused_at: source.last_refused.map(|at| Moment::of(at.0, now, words)),
    }
}

fn registry(registry: &RegistryView, shown: Shown<'_>) -> Registry {
    let Shown { words, now, .. } = shown;
    let told = |it: &BudgetView| words.budget(it.left, it.limit, it.window_seconds);
    let budget = |it: &BudgetView| Budget { left: it.left, limit: it.limit, low: it.limit / 4, words: told(it) };
    Registry {
        state: state(of_registry(registry), shown),
        host: registry.host.clone(),
        budget: registry.budget.as_ref().map(budget),
        ceiling: registry.ceiling.as_ref().map(told),
        repositories: registry.repositories,
        asked: registry.last_asked.map(|at| Moment::of(at.0, now, words)),
        outcome: registry.last_outcome.clone(),
        waits: registry.waits_until.map(|at| Moment::of(at.0, now, words)),
        waits_for: registry.waits_for.clone(),
    }
}

/// What the template is given: those that want mending first.
pub(super) fn values(sources: &[SourceView], registries: &[RegistryView], shown: Shown<'_>) -> Value {
    let mut sources: Vec<&SourceView> = sources.iter().collect();
    sources.sort_by_key(|it| !matches!(of_source(it), Health::Refusing | Health::Silent));
    let mut registries: Vec<&RegistryView> = registries.iter().collect();
    registries.sort_by_key(|it| of_registry(it) != Health::Failing);
    let sources: Vec<Source> = sources.into_iter().map(|it| source(it, shown)).collect();
    let registries: Vec<Registry> = registries.into_iter().map(|it| registry(it, shown)).collect();
    context! {
        title => shown.words.labels().sources(),
        sources => value(sources),
        registries => value(registries),
    }
}
