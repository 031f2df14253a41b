//! Where news of images comes from, and how much may still be asked.

use chrono::TimeDelta;
use minijinja::{Value, context};
use serde::Serialize;

use super::pages::value;
use super::row::{Shown, StateShown};
use super::words::{Moment, Span, Words, beside};
use crate::api::view::{BudgetView, PollView, RegistryHealth, RegistryView, SourceHealth, SourceView, Time};
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
    refused_as: Option<&'static str>,
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
    throttled: Option<Moment>,
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

/// How many of all want mending.
pub(super) fn to_mend(sources: &[SourceView], registries: &[RegistryView]) -> usize {
    let sources = sources.iter().filter(|it| it.health.wants_mending()).count();
    sources + registries.iter().filter(|it| it.health.wants_mending()).count()
}

fn of_source(health: SourceHealth, words: &dyn Words) -> StateShown {
    let shape = match health {
        SourceHealth::Heard => Attention::UpToDate,
        SourceHealth::Refusing => Attention::Failed,
        SourceHealth::Silent => Attention::CannotTell,
        SourceHealth::New => Attention::Waiting,
    };
    StateShown::named(shape, words.source(health))
}

fn of_registry(health: RegistryHealth, words: &dyn Words) -> StateShown {
    let shape = match health {
        RegistryHealth::Fine => Attention::UpToDate,
        RegistryHealth::Failing => Attention::Failed,
        RegistryHealth::Sparing | RegistryHealth::New => Attention::Waiting,
    };
    StateShown::named(shape, words.registry(health))
}

fn source(source: &SourceView, shown: Shown<'_>) -> Source {
    let Shown { words, now, .. } = shown;
    let refused = source.counts.iter().filter(|(word, many)| !TAKEN.contains(&word.as_str()) && **many > 0);
    Source {
        state: of_source(source.health, words),
        name: source.name.clone(),
        kind: source.kind.clone(),
        last: source.last_accepted.map(|at| Moment::of(at.0, now, words)),
        accepted: source.counts.get("accepted").copied().unwrap_or_default(),
        refused: refused.map(|(word, many)| words.refused(word, *many)).collect(),
        missed: source.missed,
        refused_as: source.last_refused_as.as_deref().and_then(|word| words.refused_as(word)),
        refusal: source.last_refusal.clone(),
        refused_at: source.last_refused.map(|at| Moment::of(at.0, now, words)),
    }
}

fn registry(registry: &RegistryView, shown: Shown<'_>) -> Registry {
    let Shown { words, now, .. } = shown;
    let told = |it: &BudgetView| words.budget(it.left, it.limit, it.window_seconds);
    let budget = |it: &BudgetView| Budget { left: it.left, limit: it.limit, low: it.limit / 4, words: told(it) };
    Registry {
        state: of_registry(registry.health, words),
        host: registry.host.clone(),
        budget: registry.budget.as_ref().map(budget),
        ceiling: registry.ceiling.as_ref().map(told),
        repositories: registry.repositories,
        asked: registry.last_asked.map(|at| Moment::of(at.0, now, words)),
        outcome: registry.last_outcome.as_deref().map(|word| words.answered(word)),
        throttled: registry.last_throttled.map(|at| Moment::of(at.0, now, words)),
        waits: registry.waits_until.map(|at| Moment::of(at.0, now, words)),
        waits_for: registry.waits_for.as_deref().map(|word| words.spares(word)),
    }
}

/// When the schedule looked last, looks next, and how often it does.
fn poller(poll: PollView, shown: Shown<'_>) -> Vec<(&'static str, String)> {
    let Shown { words, now, .. } = shown;
    let labels = words.labels();
    let told = |at: Time| format!("{} · {}", beside(at.0, now, words), words.moment(at.0));
    let span = |seconds: u64| words.span(Span::of(TimeDelta::seconds(seconds.cast_signed())));
    let last = (labels.poll_last(), poll.last.map_or_else(|| labels.never().to_owned(), told));
    let next = (labels.poll_next(), poll.next.map_or_else(|| labels.no_schedule().to_owned(), told));
    let every = poll.every_seconds.map(|seconds| (labels.poll_every(), span(seconds)));
    [Some(last), Some(next), every].into_iter().flatten().collect()
}

/// What the template is given: those that want mending first.
pub(super) fn values(sources: &[SourceView], registries: &[RegistryView], poll: PollView, shown: Shown<'_>) -> Value {
    let mut sources: Vec<&SourceView> = sources.iter().collect();
    sources.sort_by_key(|it| !it.health.wants_mending());
    let mut registries: Vec<&RegistryView> = registries.iter().collect();
    registries.sort_by_key(|it| !it.health.wants_mending());
    let sources: Vec<Source> = sources.into_iter().map(|it| source(it, shown)).collect();
    let registries: Vec<Registry> = registries.into_iter().map(|it| registry(it, shown)).collect();
    context! {
        title => shown.words.labels().sources(),
        poller => value(poller(poll, shown)),
        sources => value(sources),
        registries => value(registries),
    }
}
