//! Rollouts that take their time, or stand still.

use super::*;
use crate::domain::rollout::Lacks;

/// `web` was written at the beginning of the clock, and its rollout has not ended.
fn rolling() -> Workload {
    let now = Stepped(AtomicI64::new(0)).now();
    let update = Update {
        tag: Tag::parse("1.0.1").unwrap(),
        digest: Digest::of(b"1.0.1"),
        from: "a.example/web:1.0.0".into(),
        at: now,
        ..update(1, None)
    };
    let mut record = Record::default();
    record.sequence = 1;
    record.on("web", Event::Write(Box::new(update)), now);
    let (text, history) = seal(&record, &auto(&[]).id, &LinkKey::new(vec![7; 32]).unwrap()).unwrap();
    let workload = auto(&[("record", &text), ("history", &history.unwrap())]);
    let containers = [crate::domain::workload::Container::main("web", "a.example/web:1.0.1")];
    Workload { containers: containers.into(), rollout: hangs(1), ..workload }
}

impl Stage {
    /// Nothing moves for so long that it is said. Gives how much was written until then.
    async fn is_said_to_stand_still(&self) -> usize {
        self.look().await;
        self.clock.step(TimeDelta::minutes(16));
        self.look().await;
        assert_eq!(self.cluster.annotation("error").as_deref(), Some(SLOW));
        self.writes()
    }

    /// Why rollouts stand still, as people are told: one a message.
    fn told_of_stalls(&self) -> Vec<String> {
        let told = self.joe.0.lock().unwrap();
        let stalls = told.iter().filter(|notice| notice.kind == NoticeKind::Stalled);
        let all: std::collections::BTreeMap<String, String> = stalls
            .map(|notice| {
                let id = Delivery::of("email", "joe@example.com", notice.clone()).id();
                (id, notice.failure.as_ref().unwrap().reason.clone())
            })
            .collect();
        all.into_values().collect()
    }
}

const SLOW: &str = "the rollout of 1.0.1 has made no progress for 15 minutes; look at its pods";

#[tokio::test]
async fn a_rollout_that_hangs_holds_nothing_back_for_ever() {
    let stage = Stage::new(rolling(), &["1.0.0", "1.0.1", "1.0.2"]);
    let verdict = stage.look().await;
    assert!(matches!(verdict, Verdict::Again(_)), "{verdict:?}");
    assert_eq!(stage.registry.asked.load(Ordering::SeqCst), 1, "the list alone");
    assert_eq!(stage.counted("waiting", "rolling_out"), 1);
    stage.clock.step(TimeDelta::minutes(16));
    stage.look().await;
    assert!(stage.cluster.image().starts_with("a.example/web:1.0.2@"), "{}", stage.cluster.image());
    assert_eq!(stage.cluster.announced(|one| *one == WorkloadEvent::RolloutSlow(SLOW.into())), 1);
    // What is written now has its own time.
    stage.look().await;
    assert_eq!((stage.counted("waiting", "rolling_out"), stage.counted("waiting", "rollout_slow")), (2, 1));
}

/// One has followed it from the beginning, and the other sees it first when it stands still: what one says, the other does not
/// take back until something moves.
#[tokio::test]
async fn two_replicas_do_not_say_by_turns_that_a_rollout_stands_still_and_goes_on() {
    let stage = Stage::new(Workload { rollout: hangs(2), ..rolling() }, &["1.0.0", "1.0.1"]);
    let parts = Parts { standing_still: Arc::default(), ..Parts::clone(&stage.reconciler.0) };
    let (other, repository) = (Reconciler::new(parts), Repository::parse("a.example/web").unwrap());
    let writes = stage.is_said_to_stand_still().await;
    for _ in 0..3 {
        other.look(&repository, "").await;
        stage.clock.step(TimeDelta::seconds(10));
        stage.look().await;
    }
    assert_eq!(stage.writes(), writes);
    stage.cluster.rolls(hangs(3));
    other.look(&repository, "").await;
    assert_eq!(stage.cluster.annotation("error"), None, "it moves");
}

/// What one wrote the others read of a queue that they share, and each of them ends now and then.
#[tokio::test]
async fn replicas_of_one_queue_say_the_same_of_a_rollout_whichever_of_them_has_just_begun() {
    let mut stage = Stage::new(Workload { rollout: hangs(2), ..rolling() }, &["1.0.0", "1.0.1"]);
    let (parts, repository) = (Parts::clone(&stage.reconciler.0), Repository::parse("a.example/web").unwrap());
    let begun = || {
        let parts = Parts { queue: parts.queue.shared(), standing_still: Arc::default(), ..parts.clone() };
        Reconciler::new(parts)
    };
    stage.reconciler = begun();
    let mut other = begun();
    let writes = stage.is_said_to_stand_still().await;
    for _ in 0..3 {
        for _ in 0..2 {
            other.look(&repository, "").await;
            stage.clock.step(TimeDelta::seconds(10));
            stage.look().await;
        }
        other = begun();
        stage.clock.step(TimeDelta::minutes(3));
    }
    assert_eq!((stage.writes(), stage.told_of_stalls().len()), (writes, 1));
    // It moves while nobody looks: what has just begun has seen nothing else of it.
    stage.cluster.rolls(hangs(3));
    begun().look(&repository, "").await;
    assert_eq!(stage.cluster.annotation("error"), None, "it is further than it was when that was said");
    for looks in [&other, &stage.reconciler, &begun()] {
        looks.look(&repository, "").await;
        assert_eq!(stage.cluster.annotation("error"), None);
    }
    stage.clock.step(TimeDelta::minutes(16));
    stage.look().await;
    assert_eq!(stage.cluster.annotation("error").as_deref(), Some(SLOW), "and stands still again");
}

#[tokio::test]
async fn a_rollout_that_hangs_is_told_once_and_where_nothing_is_newer_it_stays() {
    let stage = Stage::new(rolling(), &["1.0.0", "1.0.1"]);
    let writes = stage.is_said_to_stand_still().await;
    for _ in 0..3 {
        stage.clock.step(TimeDelta::minutes(16));
        let verdict = stage.look().await;
        assert!(matches!(verdict, Verdict::Again(_)), "{verdict:?}");
    }
    assert_eq!(stage.writes(), writes, "nothing is written twice");
    assert_eq!(stage.cluster.announced(|one| matches!(one, WorkloadEvent::RolloutSlow(_))), 1);
    assert_eq!(stage.told_of_stalls(), ["NoProgress"], "people are told once");
    stage.cluster.rolls(hangs(2));
    stage.look().await;
    stage.clock.step(TimeDelta::minutes(16));
    stage.look().await;
    assert_eq!(stage.told_of_stalls().len(), 1, "an update that stands still again is no news");
    stage.cluster.rolls(Rollout::Complete);
    stage.look().await;
    assert_eq!(stage.cluster.annotation("error"), None, "it came up");
}

#[tokio::test]
async fn what_moves_again_is_told_as_standing_still_no_more_until_it_does() {
    use crate::domain::view::Attention;
    let stage = Stage::new(rolling(), &["1.0.0", "1.0.1"]);
    stage.look().await;
    stage.clock.step(TimeDelta::minutes(16));
    stage.look().await;
    assert_eq!(stage.status(), (Attention::NeedsYou, SLOW.to_owned()));
    stage.cluster.rolls(hangs(2));
    stage.look().await;
    assert_eq!(stage.cluster.annotation("error"), None);
    assert_eq!(stage.status(), (Attention::Waiting, "1.0.1 is being rolled out".to_owned()));
    stage.clock.step(TimeDelta::minutes(16));
    stage.look().await;
    assert_eq!(stage.cluster.annotation("error").as_deref(), Some(SLOW));
    assert_eq!(stage.status(), (Attention::NeedsYou, SLOW.to_owned()));
}

#[tokio::test]
async fn what_has_a_deadline_and_moves_again_is_said_to_stand_still_no_more() {
    let stage = Stage::new(rolling(), &["1.0.0", "1.0.1"]);
    let rolls = |updated| Rollout::Progressing(Progress { updated, has_deadline: true, ..Progress::default() });
    stage.cluster.rolls(rolls(1));
    stage.look().await;
    stage.clock.step(TimeDelta::minutes(16));
    stage.look().await;
    assert_eq!(stage.cluster.annotation("error").as_deref(), Some(SLOW));
    let waits = crate::domain::view::Attention::Waiting;
    assert_eq!(stage.status(), (waits, SLOW.to_owned()), "the cluster ends it, and what is said of it is one thing");
    stage.cluster.rolls(rolls(2));
    stage.look().await;
    assert_eq!(stage.cluster.annotation("error"), None);
}

/// What we write on a Deployment has its controller look at it again, which takes seconds in a large cluster.
#[tokio::test]
async fn a_controller_that_has_not_looked_again_makes_nothing_move() {
    let stage = Stage::new(rolling(), &["1.0.0", "1.0.1"]);
    stage.look().await;
    stage.clock.step(TimeDelta::minutes(16));
    stage.look().await;
    let (writes, seen) = (stage.writes(), |one: &WorkloadEvent| matches!(one, WorkloadEvent::RolloutSlow(_)));
    for rollout in
        [Rollout::Progressing(Progress { lacks: Lacks::ObservedGeneration, ..Progress::default() }), hangs(1)]
    {
        stage.cluster.rolls(rollout);
        stage.look().await;
        assert_eq!(stage.cluster.annotation("error").as_deref(), Some(SLOW));
    }
    assert_eq!((stage.writes(), stage.cluster.announced(seen)), (writes, 1));
}

#[tokio::test]
async fn why_a_rollout_stands_still_is_known_whatever_else_is_wrong() {
    let stage = Stage::new(rolling(), &["1.0.0", "1.0.1"]);
    stage.look().await;
    stage.clock.step(TimeDelta::minutes(16));
    stage.look().await;
    stage.cluster.state(|state| state.refuses = Refuses::Written("a.example/web:1.0.2*"));
    stage.registry.tags.lock().unwrap().push("1.0.2");
    stage.look().await;
    let said = stage.cluster.annotation("error").unwrap_or_default();
    assert!(said.contains("1.0.2"), "it is of something else: {said}");
    assert_eq!(stage.status().1, SLOW);
}

/// Its Jobs are made, and the API server refuses each of their pods.
#[tokio::test]
async fn a_cron_job_whose_runs_make_no_pod_is_told_once() {
    let workload = rolling();
    let id =
        crate::domain::workload::WorkloadId { kind: crate::domain::workload::Kind::CronJob, ..workload.id.clone() };
    let record = crate::cluster::annotations::claimed(&workload);
    let (text, history) = seal(&record, &id, &LinkKey::new(vec![7; 32]).unwrap()).unwrap();
    let workload = workload.annotated("record", &text).annotated("history", &history.unwrap());
    let waits = Rollout::Waiting(crate::domain::rollout::Waits::NextRun);
    let stage = Stage::new(Workload { id, rollout: waits, ..workload }, &["1.0.0", "1.0.1"]);
    stage.look().await;
    stage.clock.step(TimeDelta::hours(5));
    let lacks = crate::domain::rollout::Lacks::AvailableReplicas;
    stage.cluster.rolls(Rollout::Progressing(Progress { updated: 1, lacks, ..Progress::default() }));
    let pods = |pods: Vec<Pod>| stage.cluster.state(|state| state.pods = Some(pods));
    pods(Vec::new());
    stage.look().await;
    assert_eq!(stage.cluster.annotation("error"), None, "its run has begun a moment ago");
    let images = Arc::from([("web".into(), stage.cluster.image().into())]);
    let stands = crate::domain::rollout::pods::Standing::Ready(Some(stage.clock.now()));
    stage.clock.step(TimeDelta::minutes(10));
    pods(vec![Pod { name: "web-1".into(), images, stands }]);
    stage.look().await;
    stage.clock.step(TimeDelta::hours(2));
    stage.look().await;
    pods(Vec::new());
    stage.look().await;
    assert_eq!(
        stage.cluster.annotation("error"),
        None,
        "a run takes as long as it takes, and its pod is gone since a moment"
    );
    for _ in 0..3 {
        stage.clock.step(TimeDelta::minutes(16));
        stage.look().await;
    }
    let said = stage.cluster.annotation("error").unwrap_or_default();
    assert!(said.starts_with("the rollout of 1.0.1 has made no pod for 15 minutes"), "{said}");
    assert_eq!(stage.told_of_stalls(), ["NoProgress"], "people are told once");
    assert_eq!(stage.status().0, crate::domain::view::Attention::NeedsYou);
}

/// Nobody has looked since the start.
#[tokio::test]
async fn what_is_said_and_stops_nothing_is_no_doubt() {
    use crate::domain::view::Attention;
    let stage = Stage::new(Workload { paused: true, ..auto(&[]) }, &["1.0.0", "1.0.1"]);
    stage.look().await;
    assert!(stage.cluster.annotation("error").is_some_and(|error| error.contains("paused")));
    assert_eq!(stage.status().0, Attention::Waiting, "{}", stage.status().1);
    let stage = Stage::new(auto(&[]), &[]);
    stage.look().await;
    assert!(stage.cluster.annotation("error").is_some());
    assert_eq!(stage.status().0, Attention::CannotTell, "{}", stage.status().1);
}

/// Its old pods are deleted, and the API server refuses new ones. The condition that the first deadline left stays as it is.
#[tokio::test]
async fn a_way_back_that_stands_still_is_told_once_and_is_not_back() {
    let stage = Stage::new(auto(&[]), &["1.0.0"]);
    stage.written().await;
    stage.fails("t1").await;
    assert_eq!(stage.cluster.image(), "a.example/web:1.0.0");
    stage.look().await;
    let update = stage.last(NoticeKind::Failed).update_id();
    stage.told();
    for _ in 0..4 {
        stage.clock.step(TimeDelta::minutes(16));
        stage.look().await;
    }
    assert_eq!(stage.told_of_stalls(), ["NoProgress"]);
    let told = stage.last(NoticeKind::Stalled);
    assert_eq!(told.update_id(), update, "it is one of the update's messages");
    assert_eq!((told.from.tag.as_str(), told.to.tag.as_str()), ("1.0.1", "1.0.0"));
    assert_eq!(told.way_back, Some(crate::domain::event::WayBack::StandsStill));
    let (_, words) = stage.status();
    assert!(words.contains("no progress for 15 minutes") && !words.contains("was put back"), "{words}");
    stage.cluster.rolls(Rollout::Complete);
    stage.look().await;
    let told = stage.told();
    assert!(told.contains(&("update.rolled_back", "1.0.1".to_owned())), "{told:?}");
}

#[tokio::test]
async fn a_controller_that_does_not_look_is_told_once() {
    let stage = Stage::new(rolling(), &["1.0.0", "1.0.1"]);
    let lacks = crate::domain::rollout::Lacks::ObservedGeneration;
    stage.cluster.rolls(Rollout::Progressing(Progress { lacks, has_deadline: true, ..Progress::default() }));
    for _ in 0..4 {
        stage.look().await;
        stage.clock.step(TimeDelta::minutes(15));
    }
    let said = stage.cluster.annotation("error").unwrap_or_default();
    let expected = "the rollout of 1.0.1 stands still: NotObserved: its controller has not looked at it for 15 minutes";
    assert!(said.starts_with(expected), "{said}");
    assert_eq!(stage.cluster.announced(|one| matches!(one, WorkloadEvent::RolloutSlow(_))), 1);
    stage.cluster.rolls(Rollout::Complete);
    stage.look().await;
    assert_eq!(stage.cluster.annotation("error"), None);
}

#[tokio::test]
async fn a_restart_does_not_time_a_rollout_anew_and_somebody_who_acts_does() {
    let mut stage = Stage::new(rolling(), &["1.0.0", "1.0.1", "1.0.2"]);
    stage.cluster.rolls(Rollout::Waiting(crate::domain::rollout::Waits::Partition));
    stage.clock.step(TimeDelta::days(3));
    stage.cluster.state(|state| state.credential = None);
    stage.look().await;
    stage.cluster.rolls(hangs(1));
    stage.look().await;
    assert_eq!(stage.counted("waiting", "rollout_slow"), 0, "it goes on since a moment ago");
    stage.restart();
    stage.cluster.rolls(hangs(3));
    stage.look().await;
    assert_eq!(stage.counted("waiting", "rollout_slow"), 0, "it moved, nobody knows when");
    stage.restart();
    stage.cluster.rolls(hangs(1));
    stage.look().await;
    assert_eq!(stage.counted("waiting", "rollout_slow"), 1, "nothing moved since it was written");
}

#[tokio::test]
async fn the_end_of_a_rollout_is_written_and_said_once_while_the_registry_is_away() {
    let stage = Stage::new(auto(&[("rollback", "false")]), &["1.0.0", "1.0.1"]);
    stage.look().await;
    assert!(stage.cluster.image().contains(":1.0.1@"));
    *stage.registry.tags.lock().unwrap() = vec!["away"];
    let (reason, message) = ("ProgressDeadlineExceeded".into(), "timed out".into());
    let stall = Stall { reason, message, since: "t".into(), progress: Progress::default(), refusal: None };
    stage.cluster.rolls(Rollout::Stalled(stall));
    for _ in 0..4 {
        stage.clock.step(TimeDelta::minutes(15));
        assert!(matches!(stage.look().await, Verdict::Retry { .. }), "nothing is decided");
    }
    assert!(stage.cluster.annotation("history").is_some_and(|history| history.contains("\"failed\"")));
    assert_eq!(stage.cluster.announced(|one| matches!(one, WorkloadEvent::RolloutFailed(_))), 1);
    let counted = stage.metrics.text();
    let ends: Vec<&str> = counted.lines().filter(|line| line.starts_with("image_watcher_updates_total")).collect();
    assert!(matches!(ends[..], [end] if end.contains("failed") && end.ends_with(" 1")), "{ends:?}");
}
