//! What somebody decides: read from a form, done by the API's own action, and told line by line.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono_tz::Tz;
use minijinja::{Value, context};
use serde::Serialize;

use super::Web;
use super::backend::{Decided, Pick, Place};
use super::pages::value;
use super::row::{Row, Shown, StateShown, until};
use super::words::{Care, Said, Tick};
use crate::access::Visitor;
use crate::api::How;
use crate::api::view::{ContainerView, FleetRow, QuestionView, WorkloadView};
use crate::domain::answer::Action;
use crate::domain::reference::{Digest, Tag};
use crate::domain::tag::Level;
use crate::domain::view::Attention;
use crate::domain::workload::Kind;
use crate::listener::{Form, Problem};

/// The most that is decided at once.
pub(super) const MOST: usize = 500;

impl Pick {
    /// Reads `shop/deploy/web/web@1.2.3@1.3.0@sha256:…`: the container, what ran, the version and its manifest.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('@').map(str::to_owned);
        let (place, running, version, digest) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let mut pieces = place.split('/').map(str::to_owned);
        let (namespace, kind, name, container) = (pieces.next()?, pieces.next()?, pieces.next()?, pieces.next()?);
        let is_whole = parts.next().is_none() && pieces.next().is_none();
        let place = Place { namespace, kind, name, container };
        let said = |text: String| Some(text).filter(|text| !text.is_empty());
        let running = said(running).map(Tag::try_from).transpose().ok()?;
        let digest = said(digest).map(Digest::try_from).transpose().ok()?;
        is_whole.then_some(Self { place, running, version: Tag::try_from(version).ok()?, digest })
    }

    /// Whether it names a manifest: nothing is written on another ground.
    pub(super) fn is_exact(&self) -> bool {
        self.digest.is_some()
    }

    /// Those of a form, each container once, and no more than may be decided at once.
    pub(super) fn all(form: &Form) -> Vec<Self> {
        let mut all: BTreeMap<Place, Self> = BTreeMap::new();
        for pick in form.all("w").filter_map(Self::parse).filter(Self::is_exact) {
            if all.len() < MOST {
                all.entry(pick.place.clone()).or_insert(pick);
            }
        }
        all.into_values().collect()
    }
}

/// Whether whoever looks at a question may approve it.
pub(super) fn may_approve(question: &QuestionView) -> bool {
    question.actions.contains(&"approve")
}

/// What is to be ticked before a question is answered with yes.
pub(super) fn tick_of(question: &QuestionView) -> Tick {
    if question.actions.contains(&"rollback") { Tick::ReadBack } else { Tick::Read }
}

/// The decision of a form; nothing where it is none.
pub(super) fn decision(form: &Form) -> Option<(Action, How)> {
    let action = Action::parse(form.one("action")?)?;
    let confirmed = form.one("read") == Some("yes");
    let how = match action {
        Action::Approve => How { confirmed, outside_window: form.one("window") == Some("override"), ..How::default() },
        Action::Rollback => How { confirmed, ..How::default() },
        Action::Snooze => How { length: Some(form.one("for").unwrap_or("7d").to_owned()), ..How::default() },
        Action::Skip | Action::Resume => How::default(),
        // No page offers these by a button of its own.
        Action::ApproveOutsideWindow | Action::Renew => return None,
    };
    Some((action, how))
}

/// An update that waits for a decision, and what to know of it.
#[derive(Serialize)]
struct Line {
    #[serde(flatten)]
    row: Row,
    cares: Vec<String>,
    ticked: bool,
}

/// Updates under one title.
#[derive(Serialize)]
struct Batch {
    title: String,
    note: String,
    rows: Vec<Line>,
}

/// Of what was ticked, what can be approved as it was seen.
pub(super) fn as_seen(rows: Vec<FleetRow>, picks: &[Pick]) -> Vec<FleetRow> {
    let mut seen: HashMap<&Place, &str> = HashMap::new();
    for pick in picks {
        seen.extend(pick.digest.as_ref().map(|digest| (&pick.place, digest.as_str())));
    }
    let is_as_seen = |row: &FleetRow| {
        let Some((workload, container)) = row.both() else { return false };
        let question = container.question.as_ref().filter(|question| question.actions.contains(&"approve"));
        question.is_some_and(|it| seen.get(&place(workload, container)).is_some_and(|digest| *digest == it.digest))
    };
    rows.into_iter().filter(is_as_seen).collect()
}

fn place(workload: &WorkloadView, container: &ContainerView) -> Place {
    Place {
        namespace: workload.namespace.clone(),
        kind: Kind::named(workload.kind).map_or(workload.kind, Kind::short).to_owned(),
        name: workload.name.clone(),
        container: container.name.clone(),
    }
}

/// What to know of one, and whether any of it wants a tick of its own.
fn cares(workload: &WorkloadView, container: &ContainerView, shown: Shown<'_>) -> (Vec<String>, bool) {
    let Some(question) = &container.question else { return (Vec::new(), false) };
    let mut grave = Vec::new();
    if question.confirm || question.level == Level::Major {
        grave.push(Care::Major);
    }
    let words = shown.words;
    grave.extend(container.why_asks_only.map(|why| Care::Said(words.asks_only(why))));
    grave.extend(workload.owner.as_ref().map(|owner| Care::Said(words.owned_by(&owner.owner))));
    let because = question.because.as_deref();
    grave.extend(because.map(|because| Care::Said(words.of_messages().asks(because, Tz::UTC))));
    // Whoever wants it now ticks that on its own page: among others it would not be written.
    grave.extend(container.window_opens.map(|at| Care::OutsideWindow(until(at.0, shown))));
    let wants_tick = !grave.is_empty();
    let mut all = grave;
    all.extend((!question.group.is_empty()).then_some(Care::Together(question.group.len())));
    (all.iter().map(|care| shown.words.care(care)).collect(), wants_tick)
}

/// What the template of approvals is given: these updates, of so many that were ticked.
pub(super) fn values(found: &[FleetRow], ticked: Option<usize>, may_decide: bool, shown: Shown<'_>) -> Value {
    let words = shown.words;
    let found: Vec<_> = found.iter().filter_map(FleetRow::both).collect();
    let namespaces: BTreeSet<&str> = found.iter().map(|(it, _)| it.namespace.as_str()).collect();
    let title = words.batch(found.len(), namespaces.len(), may_decide);
    let all = found.len();
    let (mut grave, mut simple) = (Vec::new(), Vec::new());
    for (workload, container) in found {
        let (cares, wants_tick) = cares(workload, container, shown);
        let line = Line { row: Row::of(workload, container, shown), cares, ticked: !wants_tick };
        if wants_tick { grave.push(line) } else { simple.push(line) }
    }
    let batch = |is_ticked: bool, rows: Vec<Line>| {
        let said = words.list(is_ticked, may_decide);
        (!rows.is_empty()).then_some(Batch { title: said.title, note: said.text, rows })
    };
    let batches: Vec<Batch> = [batch(false, grave), batch(true, simple)].into_iter().flatten().collect();
    let left = ticked.unwrap_or_default().saturating_sub(all);
    context! {
        title => title.title,
        lead => title.text,
        left => (left > 0).then(|| words.moved_on(left)),
        batches => value(batches),
        ticked => words.ticked(all),
    }
}

/// Decides the same of each of these, and tells what became of it.
pub(super) async fn report(
    web: &Web,
    visitor: &Visitor,
    picks: &[Pick],
    (action, how): (Action, &How),
    shown: Shown<'_>,
) -> Result<Value, Problem> {
    let places: Vec<Place> = picks.iter().map(|pick| pick.place.clone()).collect();
    let rows = web.backend.at(&places).await;
    let came_to = web.backend.decide(visitor, picks, (action, how)).await?;
    let rows = rows.iter().filter_map(FleetRow::both);
    let known: HashMap<Place, (&WorkloadView, &ContainerView)> =
        rows.map(|(workload, container)| (place(workload, container), (workload, container))).collect();
    let mut told = Vec::new();
    for (pick, Decided { is_done, words }) in picks.iter().zip(&came_to) {
        let Some((workload, container)) = known.get(&pick.place) else { continue };
        let state = if *is_done { Attention::UpToDate } else { Attention::Failed };
        let mut row = Row::of(workload, container, shown);
        (row.state, row.why) = (StateShown::named(state, shown.words.outcome(*is_done)), Said::of_api(words));
        told.push(row);
    }
    let done = came_to.iter().filter(|it| it.is_done).count();
    let (title, left) = (shown.words.report(done, picks.len()), picks.len() - told.len());
    Ok(context! {
        title => title.title,
        lead => title.text,
        left => (left > 0).then(|| shown.words.moved_on(left)),
        rows => value(told),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_name_with_what_was_seen_is_a_pick() {
        let exact = format!("sha256:{}", "ab".repeat(32));
        let pick = Pick::parse(&format!("shop/deploy/web/app@1.2.3@1.3.0@{exact}")).unwrap();
        assert_eq!((pick.place.namespace.as_str(), pick.place.container.as_str()), ("shop", "app"));
        assert_eq!((pick.running.as_ref().map(Tag::as_str), pick.version.as_str()), (Some("1.2.3"), "1.3.0"));
        assert_eq!(Pick::parse(&format!("shop/deploy/web/app@@1.3.0@{exact}")).unwrap().running, None);
        for wrong in [
            "",
            "a/b/c/d",
            "a/b/c@1@2@x",
            "a/b/c/d/e@1@2@x",
            "a/b/c/d@1@@x",
            "a/b/c/d@1@2@x@y",
            "a/b/c/d@1@2@sha256:ab",
            "a/b/c/d@no tag@2@",
        ] {
            assert_eq!(Pick::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn what_is_no_button_decides_nothing() {
        let of = |body: &str| decision(&Form::parse(body.as_bytes()));
        let how = |confirmed, outside_window, length: Option<&str>| How {
            confirmed,
            outside_window,
            length: length.map(str::to_owned),
        };
        assert_eq!(of("action=approve&read=yes"), Some((Action::Approve, how(true, false, None))));
        assert_eq!(of("action=approve&window=override"), Some((Action::Approve, how(false, true, None))));
        assert_eq!(of("action=snooze&for=30d"), Some((Action::Snooze, how(false, false, Some("30d")))));
        assert_eq!(of("action=rollback&read=no"), Some((Action::Rollback, how(false, false, None))));
        for wrong in [
            "",
            "action=",
            "action=Approve",
            "action=delete",
            "action=renew",
            "approve=yes",
            "action=skip&action=approve",
        ] {
            assert_eq!(of(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn of_many_picks_each_counts_once_and_no_more_than_may() {
        let exact = format!("sha256:{}", "ab".repeat(32));
        let many: Vec<String> = (0..600).map(|n| format!("w=a/deploy/n{}/c@1@2@{exact}", n % 550)).collect();
        assert_eq!(Pick::all(&Form::parse(many.join("&").as_bytes())).len(), MOST);
        assert_eq!(
            Pick::all(&Form::parse(format!("w=a/b/c/d@1@2@{exact}&w=a/b/c/d@1@3@{exact}&w=bad").as_bytes())).len(),
            1
        );
    }
}
