//! The highest of what the workload's own pattern selects.

use chrono::{DateTime, Utc};

use super::basis::Basis;
use super::{Decision, Outcome};
use crate::domain::policy::pattern::{Key, Selection};
use crate::domain::policy::steps::{NextStep, Search};
use crate::domain::policy::{Policy, Verdict};
use crate::domain::tag::Level;
use crate::domain::tags::TagList;

pub(super) fn by_selection<'q>(
    running: &'q str,
    key: Key<'q>,
    selection: &'q Selection,
    tags: &'q TagList,
    policy: &'q Policy,
    now: DateTime<Utc>,
) -> Decision<'q> {
    let next = next_by_selection(running, key, selection, tags, policy, now);
    let mut basis = Basis::Selection { running, key, selection, policy, now, next };
    let highest = |fits: fn(&Verdict<'_>) -> bool| {
        let fitting = tags.iter().filter(|tag| fits(&basis.verdict(tag, None)));
        fitting.max_by(|one, another| basis.newer(one, another))
    };
    let taken = highest(|verdict| matches!(verdict, Verdict::Lower(_)));
    let cooling = highest(|verdict| matches!(verdict, Verdict::Cooldown { .. }));
    let level = Level::Pattern;
    let outcome = match (taken, cooling.map(|tag| (tag, policy.waits(tag, now)))) {
        (Some(to), _) => Outcome::Update { to, level },
        (None, Some((to, Some(Verdict::Cooldown { until, .. })))) => Outcome::Cooling { to, level, until },
        _ if tags.listed() == 0 => Outcome::NoTags,
        _ => Outcome::UpToDate,
    };
    if let Basis::Selection { next: Some(next), .. } = &mut basis {
        *next = next.led_by(outcome.to());
    }
    Decision { outcome, basis, tags }
}

/// The step that goes first, where a pattern orders versions.
fn next_by_selection<'q>(
    running: &'q str,
    key: Key<'q>,
    selection: &'q Selection,
    tags: &'q TagList,
    policy: &'q Policy,
    now: DateTime<Utc>,
) -> Option<NextStep<'q>> {
    let Key::Version(version) = key else { return None };
    let mut search = Search::from(policy.steps, &version)?;
    let basis = Basis::Selection { running, key, selection, policy, now, next: None };
    for tag in tags.iter() {
        if let Ok(Key::Version(version)) = selection.key(tag) {
            let verdict = match basis.verdict(tag, None) {
                Verdict::Lower(level) => Ok(level),
                verdict => Err(verdict),
            };
            search.add(tag, version.numbers(), &verdict);
        }
    }
    search.nearest()
}
