//! A container as tables show it.

use chrono::{DateTime, Utc};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;

use super::words::{Moment, Said, Words, beside, since};
use crate::api::view::{AvailableView, ContainerView, MemberView, RunningView, WorkloadView};
use crate::domain::tag::Level;
use crate::domain::view::{Attention, Cause};
use crate::domain::workload::Kind;

/// What stays as it is in a piece of a path.
const PIECE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// With what, and for whom, something is shown.
#[derive(Clone, Copy)]
pub(super) struct Shown<'s> {
    pub(super) words: &'s dyn Words,
    /// The path that all our addresses begin with.
    pub(super) base: &'s str,
    pub(super) now: DateTime<Utc>,
}

/// A state: its shape, and its word.
#[derive(Clone, Debug, Serialize)]
pub(super) struct StateShown {
    class: &'static str,
    word: &'static str,
    since: Option<String>,
}

/// Where a container is.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Who {
    namespace: String,
    name: String,
    kind: &'static str,
    container: String,
    url: String,
}

/// A version.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Version {
    pub(super) tag: String,
    pub(super) digest: Option<String>,
}

/// A version to go to: of its tag what stays the same, what changes, and what stays the same again.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Target {
    same: String,
    changed: String,
    rest: String,
    pub(super) tag: String,
    digest: Option<String>,
    level: Option<&'static str>,
    level_word: Option<String>,
    age: Option<String>,
}

/// A row.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Row {
    pub(super) state: StateShown,
    pub(super) who: Who,
    pub(super) run: Version,
    pub(super) to: Option<Target>,
    pub(super) why: Said,
    go: Option<Go>,
    mode: String,
    changed: Option<Changed>,
    /// What a tick sends; nothing where there is nothing to decide.
    pub(super) pick: Option<String>,
    pick_words: String,
}

/// What can be done.
#[derive(Clone, Debug, Serialize)]
struct Go {
    word: &'static str,
    url: String,
}

/// What happened last.
#[derive(Clone, Debug, Serialize)]
struct Changed {
    at: Moment,
    detail: String,
}

impl StateShown {
    pub(super) fn of(state: Attention, words: &dyn Words) -> Self {
        Self { class: class(state), word: words.state(state), since: None }
    }

    /// Another word with the shape of a state.
    pub(super) fn named(state: Attention, word: &'static str) -> Self {
        Self { class: class(state), word, since: None }
    }
}

/// What a state is called in style sheet and sprite.
pub(super) fn class(state: Attention) -> &'static str {
    match state {
        Attention::NeedsYou => "needs",
        Attention::Failed => "failed",
        Attention::CannotTell => "unknown",
        Attention::Waiting => "waiting",
        Attention::UpToDate => "current",
        Attention::Off => "off",
    }
}

impl Who {
    pub(super) fn of(workload: &WorkloadView, container: &str, base: &str) -> Self {
        let kind = Kind::named(workload.kind).map_or(workload.kind, Kind::short);
        Self {
            namespace: workload.namespace.clone(),
            name: workload.name.clone(),
            kind,
            container: container.to_owned(),
            url: workload_url(base, &workload.namespace, kind, &workload.name),
        }
    }
}

impl Who {
    /// The page of the workload.
    pub(super) fn url(&self) -> &str {
        &self.url
    }
}

/// The page of a workload.
pub(super) fn workload_url(base: &str, namespace: &str, kind: &str, name: &str) -> String {
    let piece = |text| utf8_percent_encode(text, PIECE);
    format!("{base}/workloads/{}/{}/{}", piece(namespace), piece(kind), piece(name))
}

impl Version {
    pub(super) fn of(running: Option<&RunningView>, image: &str) -> Self {
        let Some(running) = running else { return Self { tag: image.to_owned(), digest: None } };
        let digest = running.digest.as_deref().map(short);
        Self { tag: running.tag.clone().unwrap_or_else(|| "@".to_owned()), digest }
    }
}

impl Target {
    pub(super) fn of(from: &str, to: &AvailableView, shown: Shown<'_>) -> Self {
        let (same, changed, rest) = difference(from, &to.tag);
        let Shown { words, now, .. } = shown;
        Self {
            same: same.to_owned(),
            changed: changed.to_owned(),
            rest: rest.to_owned(),
            tag: to.tag.clone(),
            digest: to.digest.as_deref().map(short),
            level: to.level.map(Level::as_str),
            level_word: to.level.map(|level| words.of_messages().level(level.as_str())),
            age: to.since.map(|at| since(at.0, now, words)),
        }
    }
}

/// Seven digits of a digest are enough to see whether two are the same.
pub(super) fn short(digest: &str) -> String {
    digest.split_once(':').map_or(digest, |(_, hex)| hex).chars().take(7).collect()
}

/// Of a tag what it has in common with the one before it: up to a separator, and from a dash on.
fn difference<'t>(from: &str, to: &'t str) -> (&'t str, &'t str, &'t str) {
    let common = from.bytes().zip(to.bytes()).take_while(|(one, other)| one == other).count();
    let is_end = |tag: &str, at: usize| tag.as_bytes().get(at).is_none_or(|byte| b".-_+".contains(byte));
    let start = if is_end(from, common) && is_end(to, common) && common > 0 {
        common
    } else {
        to.get(..common).and_then(|head| head.rfind(['.', '-', '_', '+'])).map_or(0, |at| at + 1)
    };
    let (same, changed) = to.split_at_checked(start).unwrap_or(("", to));
    let suffix = changed.find('-').and_then(|at| changed.get(at..)).filter(|suffix| from.ends_with(suffix));
    let rest = suffix.filter(|suffix| same.len() + suffix.len() < to.len()).unwrap_or_default();
    (same, changed.get(..changed.len() - rest.len()).unwrap_or(changed), rest)
}

impl Row {
    /// A container of a workload.
    pub(super) fn of(workload: &WorkloadView, container: &ContainerView, shown: Shown<'_>) -> Self {
        let Shown { words, base, now } = shown;
        let who = Who::of(workload, &container.name, base);
        let run = Version::of(container.running.as_ref(), &container.image);
        let is_mine = |change: &&crate::api::view::ChangeView| change.container == container.name;
        let changed = workload.last_change.as_ref().filter(is_mine).and_then(|change| {
            Some(Changed { at: Moment::read(&change.time, now, words)?, detail: words.changed(change) })
        });
        Self {
            state: StateShown::of(container.state, words),
            to: container.available.as_ref().map(|to| Target::of(&run.tag, to, shown)),
            why: why(container, shown),
            go: go(&asked_at(&who.url, workload, container, base), container, words),
            mode: mode(container, words),
            changed,
            pick: pick(workload, container),
            pick_words: words.select(workload, container),
            who,
            run,
        }
    }
}

/// Why a container stands as it does; or that nobody can help it.
pub(super) fn why(container: &ContainerView, shown: Shown<'_>) -> Said {
    let Shown { words, now, .. } = shown;
    let why = words.why(container, now);
    // Where that is why nothing can be told, it is said.
    if container.unanswered.is_none() || matches!(container.status.cause, Cause::Undecided(_)) {
        return why;
    }
    let host = container.running.as_ref().map(|running| running.host.as_str()).unwrap_or_default();
    let unanswered = words.unanswered(host, container.checked.map(|at| at.0), now);
    let detail = [why.detail, Some(unanswered)].into_iter().flatten().collect::<Vec<_>>().join(" · ");
    Said { detail: Some(detail), ..why }
}

/// The page on which it can be answered: of a group that of the member by whose question people are asked.
fn asked_at(own: &str, workload: &WorkloadView, container: &ContainerView, base: &str) -> (String, String) {
    let asked_by = container.group.as_ref().and_then(|group| group.asked_by.as_ref());
    match asked_by {
        None => (own.to_owned(), container.name.clone()),
        Some(member) => (member_url(base, &workload.namespace, member), member.container.clone()),
    }
}

/// The page of a member of a group.
pub(super) fn member_url(base: &str, namespace: &str, member: &MemberView) -> String {
    let kind = Kind::named(member.kind).map_or(member.kind, Kind::short);
    workload_url(base, namespace, kind, &member.name)
}

/// What can be done: where nothing was written there is nothing to read in the timeline.
fn go((url, name): &(String, String), container: &ContainerView, words: &dyn Words) -> Option<Go> {
    let cause = &container.status.cause;
    let was_written = cause.is_broken() || matches!(cause, Cause::WentBack(_) | Cause::PutBack(..));
    let (state, anchor) = match container.state {
        Attention::Failed if was_written && container.question.is_none() => (Attention::Failed, "h-time".to_owned()),
        Attention::Failed => (Attention::NeedsYou, format!("c-{name}")),
        state => (state, format!("c-{name}")),
    };
    Some(Go { word: words.go(state)?, url: format!("{url}#{anchor}") })
}

/// What happens to a newer version, and how far it may go.
fn mode(container: &ContainerView, words: &dyn Words) -> String {
    let Some(mode) = super::asked::MODES.into_iter().find(|mode| Some(mode.as_str()) == container.mode.as_deref())
    else {
        return "–".to_owned();
    };
    let strategy = container.strategy.as_deref().map(|it| words.of_messages().level(&it.to_lowercase()));
    let strategy = strategy.map(|strategy| format!(" · {strategy}")).unwrap_or_default();
    format!("{}{strategy}", words.mode(mode))
}

/// What names an update that can be approved, as it is seen.
fn pick(workload: &WorkloadView, container: &ContainerView) -> Option<String> {
    let question = container.question.as_ref().filter(|question| question.actions.contains(&"approve"))?;
    Some(seen(workload, container, &question.tag, &question.digest))
}

/// A version of a container, and what runs: `shop/deploy/web/web@1.2.3@1.3.0@sha256:…`.
pub(super) fn seen(workload: &WorkloadView, container: &ContainerView, version: &str, digest: &str) -> String {
    let kind = Kind::named(workload.kind).map_or(workload.kind, Kind::short);
    let running = container.running.as_ref().and_then(|it| it.tag.as_deref()).unwrap_or_default();
    format!("{}/{kind}/{}/{}@{running}@{version}@{digest}", workload.namespace, workload.name, container.name)
}

/// Until when something stands, beside now.
pub(super) fn until(at: DateTime<Utc>, shown: Shown<'_>) -> String {
    beside(at, shown.now, shown.words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_tag_only_what_changes_stands_out() {
        for (from, to, parts) in [
            ("1.2.3", "1.3.0", ("1.", "3.0", "")),
            ("2.0.0", "2.0.1", ("2.0.", "1", "")),
            ("7.4.1-alpine", "8.0.1-alpine", ("", "8.0.1", "-alpine")),
            ("5.98.1-alpine", "5.101.3-alpine", ("5.", "101.3", "-alpine")),
            ("v1.11.3", "v1.12.1", ("v1.", "12.1", "")),
            ("1.2", "1.2.1", ("1.2", ".1", "")),
            ("1.2", "1.20", ("1.", "20", "")),
            ("16.4-bookworm", "16.6", ("16.", "6", "")),
            ("stable", "stable", ("stable", "", "")),
            ("", "1.0", ("", "1.0", "")),
            ("latest", "é", ("", "é", "")),
            ("1-a", "2-a", ("", "2", "-a")),
            ("-a", "-b", ("-", "b", "")),
        ] {
            assert_eq!(difference(from, to), parts, "{from} {to}");
        }
    }

    #[test]
    fn no_name_leads_out_of_its_piece_of_a_path() {
        let url = workload_url("/iw", "a/../b", "deploy", "c?d#e\"<é");
        assert_eq!(url, "/iw/workloads/a%2F..%2Fb/deploy/c%3Fd%23e%22%3C%C3%A9");
    }
}
