//! What the API server refuses when it is written.

use super::*;

#[tokio::test]
async fn what_was_refused_for_good_is_tried_again_after_hours_and_then_goes_on() {
    let stage = Stage::new(auto(&[]), &["1.0.0", "1.0.1"]);
    stage.cluster.state(|state| state.refuses = Refuses::Images);
    for _ in 0..3 {
        stage.look().await;
        stage.clock.step(TimeDelta::minutes(100));
    }
    assert_eq!(stage.counted("refused", "admission"), 1, "it is not tried at each look");
    let error = stage.cluster.annotation("error").unwrap_or_default();
    assert!(error.contains("1.0.1 is not signed"), "it goes on saying so: {error}");
    assert_eq!(stage.cluster.announced(|one| matches!(one, WorkloadEvent::UpdateRefused(_))), 1);
    stage.cluster.state(|state| state.refuses = Refuses::Nothing);
    stage.clock.step(TimeDelta::hours(1));
    stage.look().await;
    assert!(stage.cluster.image().contains(":1.0.1@"), "six hours have passed");
    assert_eq!(stage.cluster.annotation("error"), None);
}

#[tokio::test]
async fn who_refuses_our_records_keeps_people_from_links_and_from_nothing_else() {
    let asks = workload(&[("web", "a.example/web:1.0.0")], &[("mode", "NOTIFICATION")]);
    let stage = Stage::new(asks, &["1.0.0", "1.0.1"]);
    stage.cluster.state(|state| state.refuses = Refuses::All);
    for _ in 0..4 {
        let verdict = stage.look().await;
        assert!(!matches!(verdict, Verdict::Retry { .. }), "trying again changes nothing: {verdict:?}");
        stage.clock.step(TimeDelta::minutes(10));
    }
    let told = stage.joe.0.lock().unwrap().clone();
    assert!(!told.is_empty() && told.iter().all(|notice| notice.kind == NoticeKind::Available), "{told:?}");
    let topic = Topic::Deliver("email".into());
    let jobs = stage.reconciler.0.queue.lease(&topic, 10, &Sharing::in_order(10)).await.unwrap().jobs;
    let [Leased { job: Job::Deliver(only), .. }] = &jobs[..] else { panic!("one message: {jobs:?}") };
    assert_eq!((&only.notices()[0].approval, only.notices()[0].no_link), (&None, Some(NoLink::WriteRefused)));
    assert!(only.notices()[0].failure.as_ref().is_some_and(|failure| failure.message.contains("not signed")));
    assert_eq!(stage.counted("proposed", "minor") + stage.counted("proposed", "patch"), 0, "nobody can answer");
    assert_eq!(stage.cluster.announced(|one| matches!(one, WorkloadEvent::UpdateRefused(_))), 1);
}
