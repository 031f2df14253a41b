//! Versions that would not start, or would be refused: passed over, told once, and the next best in their place.

use super::*;

fn asks() -> Workload {
    workload(&[("web", "a.example/web:1.0.0")], &[("mode", "NOTIFICATION")])
}

/// The messages so far, by kind and version; the same again is one.
fn told(stage: &Stage) -> std::collections::BTreeSet<(&'static str, String)> {
    stage.joe.0.lock().unwrap().iter().map(|notice| (notice.kind.as_str(), notice.to.tag.clone())).collect()
}

#[tokio::test]
async fn what_would_not_start_is_told_once_and_the_next_best_is_applied() {
    let stage = Stage::new(auto(&[]), &["1.0.0", "1.0.1", "1.0.2"]);
    stage.registry.lost.lock().unwrap().push("1.0.2");
    for _ in 0..4 {
        stage.look().await;
        stage.clock.step(TimeDelta::minutes(20));
    }
    assert!(stage.cluster.image().contains(":1.0.1@"), "{}", stage.cluster.image());
    assert_eq!(stage.cluster.announced(|one| matches!(one, WorkloadEvent::CandidateUnfit(_))), 1);
    assert_eq!(stage.counted("refused", "no_manifest"), 1);
    assert!(told(&stage).contains(&("update.failed", "1.0.2".into())), "{:?}", told(&stage));
    stage.registry.lost.lock().unwrap().clear();
    stage.look().await;
    assert!(stage.cluster.image().contains(":1.0.2@"), "it was pushed again");
    assert_eq!(stage.cluster.annotation("error"), None);
}

#[tokio::test]
async fn where_nothing_starts_the_workload_says_so() {
    let stage = Stage::new(auto(&[]), &["1.0.0", "1.0.1", "1.0.2", "1.0.3", "1.0.4"]);
    *stage.registry.lost.lock().unwrap() = vec!["1.0.1", "1.0.2", "1.0.3", "1.0.4"];
    for _ in 0..3 {
        stage.look().await;
        stage.clock.step(TimeDelta::minutes(20));
    }
    let error = stage.cluster.annotation("error").unwrap_or_default();
    assert!(error.starts_with("1.0.4 would not start: "), "{error}");
    assert_eq!(stage.counted("refused", "no_manifest"), 3, "three at most are looked at, each is told once");
    let writes = stage.writes();
    stage.look().await;
    assert_eq!(stage.writes(), writes, "nothing is written where nothing is new");
    stage.registry.lost.lock().unwrap().retain(|tag| *tag != "1.0.4");
    stage.look().await;
    assert!(stage.cluster.image().contains(":1.0.4@"));
}

#[tokio::test]
async fn what_would_be_refused_is_not_asked_and_the_next_best_is() {
    let stage = Stage::new(asks(), &["1.0.0", "1.0.1", "1.0.2"]);
    stage.cluster.state(|state| state.refuses = Refuses::Images);
    let verdict = stage.look().await;
    assert!(matches!(verdict, Verdict::Again(_)), "{verdict:?}");
    assert_eq!(told(&stage), [("update.failed", "1.0.2".to_owned())].into());
    stage.cluster.state(|state| state.refuses = Refuses::Nothing);
    stage.clock.step(TimeDelta::seconds(1));
    stage.look().await;
    assert!(told(&stage).contains(&("update.available", "1.0.1".into())), "{:?}", told(&stage));
    let rehearsed = stage.cluster.state(|state| state.rehearsed);
    for _ in 0..3 {
        stage.clock.step(TimeDelta::minutes(30));
        stage.look().await;
    }
    assert_eq!(stage.cluster.state(|state| state.rehearsed), rehearsed, "what is asked about was judged before");
    stage.clock.step(TimeDelta::hours(5));
    stage.look().await;
    assert!(told(&stage).contains(&("update.available", "1.0.2".into())), "six hours have passed");
}

#[tokio::test]
async fn refusals_that_go_on_are_no_loop() {
    let stage = Stage::new(auto(&[]), &["1.0.0", "1.0.1", "1.0.2", "1.0.3", "1.0.4"]);
    stage.cluster.state(|state| state.refuses = Refuses::Images);
    for _ in 0..12 {
        stage.look().await;
        stage.clock.step(TimeDelta::minutes(1));
    }
    assert_eq!(stage.counted("refused", "admission"), 3, "the three best, once each");
    assert!(stage.cluster.annotation("error").is_some_and(|error| error.contains("1.0.4")));
    assert_eq!(stage.cluster.image(), "a.example/web:1.0.0");
}

#[tokio::test]
async fn what_a_dry_run_did_not_show_is_refused_as_before() {
    let stage = Stage::new(auto(&[]), &["1.0.0", "1.0.1"]);
    stage.cluster.state(|state| (state.refuses, state.is_seen_late) = (Refuses::Images, true));
    for _ in 0..3 {
        stage.look().await;
        stage.clock.step(TimeDelta::minutes(10));
    }
    assert_eq!(stage.counted("refused", "admission"), 1);
    assert_eq!(stage.cluster.announced(|one| matches!(one, WorkloadEvent::UpdateRefused(_))), 1);
    let failed = stage.last(NoticeKind::Failed);
    assert!(failed.is_passed_over() && !failed.is_urgent(), "nobody is woken for what was never written: {failed:?}");
    assert!(failed.failure.is_some_and(|failure| failure.message.contains("is not signed")));
}

#[tokio::test]
async fn what_the_api_server_warns_of_is_told_and_stops_nothing() {
    let warning = "would violate PodSecurity \"restricted:latest\"";
    let stage = Stage::new(asks(), &["1.0.0", "1.0.1"]);
    stage.cluster.state(|state| state.warns = vec![warning]);
    stage.look().await;
    let notice = stage.joe.0.lock().unwrap().last().cloned().unwrap();
    assert_eq!(notice.preflight.unwrap().warnings(), [warning]);
    let stage = Stage::new(auto(&[]), &["1.0.0", "1.0.1"]);
    stage.cluster.state(|state| state.warns = vec![warning]);
    stage.look().await;
    let told = stage.cluster.announced(
        |one| matches!(one, WorkloadEvent::PolicyAllowed(note) if note.contains("would violate PodSecurity")),
    );
    assert_eq!(told, 1);
    assert!(stage.cluster.image().contains(":1.0.1@"));
}

#[tokio::test]
async fn nodes_that_a_version_is_not_built_for_are_named() {
    let stage = Stage::new(auto(&[]), &["1.0.0", "1.0.1"]);
    let arm = Platform::of("linux", "arm64", "").unwrap();
    stage.cluster.state(|state| state.platforms = Some(vec![arm].into()));
    stage.look().await;
    assert!(stage.cluster.image().contains(":1.0.1@"), "what runs is not built for them either");
}

impl Stage {
    /// How many different messages were sent of what failed.
    fn failures(&self) -> usize {
        let told = self.joe.0.lock().unwrap();
        let failed = told.iter().filter(|notice| notice.kind == NoticeKind::Failed);
        let ids = failed.map(|notice| Delivery::of("email", "joe@example.com", notice.clone()).id());
        ids.collect::<std::collections::BTreeSet<_>>().len()
    }
}

/// A policy that refuses an image does so until somebody mends it.
#[tokio::test]
async fn what_is_refused_for_weeks_is_told_once_and_reminded_of_as_a_question_is() {
    for is_seen_late in [false, true] {
        let stage = Stage::new(auto(&[]), &["1.0.0", "1.0.1"]);
        stage.cluster.state(|state| (state.refuses, state.is_seen_late) = (Refuses::Images, is_seen_late));
        let mut told = Vec::new();
        for _ in 0..70 {
            for _ in 0..8 {
                stage.look().await;
                stage.clock.step(TimeDelta::hours(3));
            }
            told.push(stage.failures());
        }
        let on = |day: usize| told[day];
        assert_eq!([0, 6, 7, 13, 14, 20, 21, 69].map(on), [1, 1, 2, 2, 3, 3, 4, 4], "{is_seen_late}: {told:?}");
        assert!(stage.counted("refused", "admission") > 200, "it is tried again all the same");
        assert!(stage.cluster.annotation("error").is_some_and(|said| said.contains("1.0.1 is not signed")));
    }
}

/// Where our record is refused, too, nothing remembers that people were told.
#[tokio::test]
async fn what_is_refused_and_can_not_be_remembered_is_told_once_a_week_at_most() {
    let stage = Stage::new(auto(&[]), &["1.0.0", "1.0.1"]);
    stage.cluster.state(|state| state.refuses = Refuses::All);
    for _ in 0..28 * 4 {
        stage.look().await;
        stage.clock.step(TimeDelta::hours(6));
    }
    assert!((4..=5).contains(&stage.failures()), "{}", stage.failures());
}
