//! One judge: what `check` says of a workload, and how it ends, is what page and API say of the same one and the same record.

use std::sync::Arc;

use super::row::State;
use super::snapshots::report_by;
use super::*;
use crate::domain::settings::{Bounds, Settings};
use crate::domain::view::{Seen, Status};
use crate::reconcile::look_tests::agreed::{self, Left};

/// How a workload stands, as page and API have it: state, and why in a word.
fn on_the_page(left: &Left) -> (&'static str, &'static str) {
    let Left { workload, looked, clock, .. } = left;
    let (record, settings) = (annotations::claimed(workload), Settings::read(workload, "web", &Bounds::default()));
    let (record, settings, looked) = (&record, settings.as_ref(), looked.as_ref());
    let (container, not_ours, waits, stopped, may_write) = ("web", None, None, None, true);
    let seen = Seen { workload, container, record, not_ours, settings, looked, waits, stopped, may_write };
    let status = Status::of(&seen, clock.now());
    (status.attention.as_str(), status.cause.word())
}

/// What `check` says, and whether it ends as if there was nothing to tell.
async fn by_command(left: &Left) -> (State, bool, String) {
    let ambient = Ambient::system().at(Arc::clone(&left.clock));
    let report = report_by(&*left.registry, &ambient, vec![left.workload.clone()], Fleet::default(), None).await;
    let [row] = &report.rows[..] else { panic!("{} rows", report.rows.len()) };
    (row.state, report.is_quiet(), row.next.clone())
}

/// The state of `check` for a state of page and API and its reason. It has words of its own for some reasons.
fn in_words_of_check(state: &str, reason: &str) -> State {
    match (state, reason) {
        (_, "gone") => State::Gone,
        (_, "rollout-failed") => State::Failed,
        (_, "held") => State::Held,
        ("needs-you", _) => State::NeedsYou,
        ("failed", _) => State::Failed,
        ("cannot-tell", _) => State::CannotTell,
        ("waiting", _) => State::Waiting,
        ("up-to-date", _) => State::UpToDate,
        ("off", _) => State::Ignored,
        _ => panic!("no state: {state}"),
    }
}

#[tokio::test]
async fn check_says_what_page_and_api_say_of_the_same_workload() {
    let expected = [
        ("up to date", "up-to-date", "nothing-newer"),
        ("available, and its window is closed", "waiting", "window"),
        ("available, and it cools", "waiting", "cooldown"),
        ("available, and its rollouts are paused", "waiting", "paused"),
        ("asked", "needs-you", "asked"),
        ("asked, and its registry is away", "needs-you", "asked"),
        ("snoozed", "waiting", "snoozed"),
        ("rolling", "waiting", "rolling-out"),
        ("a canary waits", "needs-you", "rollout-waits"),
        ("failed, and left to people", "failed", "rollout-failed"),
        ("failed, and its registry is away", "failed", "rollout-failed"),
        ("goes back", "failed", "went-back"),
        ("went back", "failed", "went-back"),
        ("went back, and its registry is away", "failed", "went-back"),
        ("went back, and what failed is withdrawn", "failed", "went-back"),
        ("set back", "waiting", "held"),
        ("refused", "failed", "refused"),
        ("would not start", "failed", "would-not-start"),
        ("disabled", "off", "disabled"),
        ("gone", "needs-you", "gone"),
        ("undecided", "cannot-tell", "undecided"),
        ("not understood", "cannot-tell", "settings"),
    ];
    let (mut wrong, all) = (Vec::new(), Box::pin(agreed::all()).await);
    assert_eq!(all.iter().map(|(name, _)| *name).collect::<Vec<_>>(), expected.map(|(name, ..)| name));
    for ((name, left), (_, state, reason)) in all.iter().zip(expected) {
        let (page, (said, is_quiet, words)) = (on_the_page(left), by_command(left).await);
        // The exit status is 0 where nothing is wanted of anybody and nothing goes on.
        let is_right = page == (state, reason)
            && said == in_words_of_check(state, reason)
            && is_quiet == ["up-to-date", "off"].contains(&state);
        if !is_right {
            wrong.push(format!("{name}: page {page:?}, check {said:?}, quiet {is_quiet}: {words}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
