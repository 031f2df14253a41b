//! What waits for its window, and who need not. The clock begins on Friday, 15 January 2027, at 08:00 UTC.

use super::*;
use crate::domain::refusal::Refusal;

const NIGHT: &str = "Sat 02:00-04:00 UTC";

fn opens() -> DateTime<Utc> {
    "2027-01-16T02:00:00Z".parse().unwrap()
}

#[tokio::test]
async fn what_is_applied_by_itself_waits_for_its_window() {
    let stage = Stage::new(auto(&[("window", NIGHT)]), &["1.0.0", "1.0.1"]);
    let verdict = stage.look().await;
    assert_eq!(verdict, Verdict::Again(opens()));
    assert_eq!((stage.cluster.image().as_str(), stage.counted("waiting", "window")), ("a.example/web:1.0.0", 1));
    assert!(stage.joe.0.lock().unwrap().is_empty() && stage.cluster.annotation("error").is_none());
    stage.clock.step(TimeDelta::hours(18));
    stage.look().await;
    assert!(stage.cluster.image().starts_with("a.example/web:1.0.1@"));
    let stage = Stage::new(auto(&[("window", "Fri 08:00-08:01 UTC; Sat 02:00-04:00 UTC")]), &["1.0.0", "1.0.1"]);
    stage.look().await;
    assert!(stage.cluster.image().starts_with("a.example/web:1.0.1@"), "one of them is open");
}

#[tokio::test]
async fn a_window_that_never_opens_is_told_and_nothing_is_applied() {
    let stage = Stage::new(auto(&[("window", "Fri 08:00-08:00 UTC")]), &["1.0.0", "1.0.1"]);
    stage.look().await;
    let said = stage.cluster.annotation("error").unwrap();
    assert!(said.contains("image-watcher/window: \"08:00-08:00\" never opens"), "{said}");
    assert_eq!(stage.cluster.image(), "a.example/web:1.0.0");
}

#[tokio::test]
async fn people_are_asked_at_any_time_and_apply_outside_the_window_only_when_they_say_so() {
    let web = workload(&[("web", "a.example/web:1.0.0")], &[("mode", "NOTIFICATION"), ("window", NIGHT)]);
    let stage = Stage::new(web, &["1.0.0", "1.0.1"]);
    stage.look().await;
    let opened = stage.reconciler.asked(&stage.token()).await;
    let Answer::Open(asked) = opened else { panic!("{opened:?}") };
    assert_eq!(asked.window_opens, Some(opens()), "the page says so");
    let refused = stage.answers(Action::Approve).await;
    assert!(matches!(refused, Answer::Refused(_, Refusal::OutsideWindow(until)) if until == opens()), "{refused:?}");
    assert_eq!(stage.cluster.image(), "a.example/web:1.0.0");
    assert!(matches!(stage.answers(Action::Snooze).await, Answer::Snoozed(..)), "what changes nothing need not wait");
    let Answer::Approved(applied) = stage.answers(Action::ApproveOutsideWindow).await else { panic!("not approved") };
    assert_eq!(applied.entry.by, "link email:j…@example.com, outside the window");
    assert!(stage.cluster.image().starts_with("a.example/web:1.0.1@"));
}

#[tokio::test]
async fn within_the_window_an_approval_is_one_like_any_other() {
    let web = workload(&[("web", "a.example/web:1.0.0")], &[("mode", "NOTIFICATION"), ("window", NIGHT)]);
    for action in [Action::Approve, Action::ApproveOutsideWindow] {
        let stage = Stage::new(web.clone(), &["1.0.0", "1.0.1"]);
        stage.look().await;
        stage.clock.step(TimeDelta::hours(19));
        let Answer::Approved(applied) = stage.answers(action).await else { panic!("not approved") };
        assert_eq!(applied.entry.by, "link email:j…@example.com");
    }
}
