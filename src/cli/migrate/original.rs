//! The image-watcher that is written in Node: its settings have the same names, and some of them another meaning.

use super::{Plan, Subject};
use crate::domain::workload::PREFIX;

/// What it wrote of itself, and is not read here.
const STATE: [&str; 7] = [
    "last-updated",
    "last-updated-version",
    "last-notified",
    "last-notified-version",
    "previous-version",
    "current-version",
    "token-update",
];

/// What becomes of a workload; `None` where it does not look after it.
pub(super) fn plan(subject: &Subject) -> Option<Plan> {
    let mark = |name: &str| subject.annotations.get(&format!("{PREFIX}{name}")).map(String::as_str);
    // Our own service writes its record also on what it leaves alone because of `watch`.
    let is_ours = mark("record").is_some();
    let is_marked = subject.annotations.keys().any(|name| name.starts_with(PREFIX));
    if !is_marked || is_ours && mark("watch").is_none() {
        return None;
    }
    let mut plan = Plan::default();
    if let Some(watch) = mark("watch") {
        plan.annotations.push(format!("{PREFIX}watch"));
        if watch == "false" {
            plan.set("mode", "DISABLED");
            plan.note("watch \"false\" was not heeded by the original, which watched it anyway; here it is disabled, as it says");
            return Some(plan);
        }
    }
    // Beside our record they are what we wrote.
    let state = STATE.iter().filter(|_| !is_ours).map(|name| format!("{PREFIX}{name}"));
    plan.annotations.extend(state.filter(|name| subject.annotations.contains_key(name)));
    if !is_ours && mark("token-update").is_some() {
        plan.note("token-update let everybody who could read it update the workload: its link does nothing here, and people are asked anew");
    }
    if mark("mode").is_none() {
        plan.set("mode", "NOTIFICATION");
        plan.note("without a mode the original updated by itself, though it documents that it asks; here people are asked. AUTO_UPDATE keeps what it did");
    }
    if let Some(strategy) = mark("strategy") {
        if strategy == "MAJOR" {
            plan.note("MAJOR and ALL are the same, as with the original");
        }
    } else {
        plan.set("strategy", "ALL");
    }
    others(subject, &mut plan);
    Some(plan)
}

/// It looked at the first container alone.
fn others(subject: &Subject, plan: &mut Plan) {
    let Some(first) = subject.containers.first().map(|container| container.name.clone()) else { return };
    subject.leave(plan, |container| container.name != first);
    if subject.containers.len() > 1 {
        plan.note(format!("the original looked at container {first} alone, so the others are disabled; take their mode away to have them watched"));
    }
}
