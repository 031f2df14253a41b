//! Records that hold much, and more than they may.

use super::*;

/// A workload of so many containers, each of a version of its own, and the tags of its repository.
fn of_many(containers: usize, name: &str) -> (Workload, Vec<&'static str>) {
    let tags: Vec<&'static str> = (0..containers).map(|n| &*format!("1.0.{n}").leak()).chain(["1.1.0"]).collect();
    let all: Vec<(String, String)> =
        (0..containers).map(|n| (format!("{name}{n}"), format!("a.example/web:1.0.{n}"))).collect();
    let all: Vec<(&str, &str)> = all.iter().map(|(name, image)| (name.as_str(), image.as_str())).collect();
    (workload(&all, &[("mode", "NOTIFICATION")]), tags)
}

#[tokio::test]
async fn fifty_containers_are_asked_about_once_each() {
    let (workload, tags) = of_many(50, "container-");
    let stage = Stage::new(workload, &tags);
    for _ in 0..3 {
        stage.look().await;
        let told = stage.joe.0.lock().unwrap();
        let asked: std::collections::BTreeSet<_> =
            told.iter().map(|it| it.approval.as_ref().unwrap().id.clone()).collect();
        drop(told);
        assert_eq!((asked.len(), stage.writes()), (50, 1));
        stage.clock.step(TimeDelta::minutes(20));
    }
}

/// A workload whose record is as long as one may be, for what can't be forgotten: its updates failed.
fn full() -> (Workload, Vec<&'static str>) {
    let (workload, tags) = of_many(50, "c");
    let now = Stepped(AtomicI64::new(0)).now();
    let sealed = |length: usize| {
        let mut record = Record::default();
        record.sequence = 1;
        for (n, container) in workload.containers.iter().enumerate() {
            let digests = (0..length).map(|part| Digest::of(format!("{n} {part}").as_bytes()).to_string());
            let tag = Tag::parse(&format!("1.0.{n}")).unwrap();
            let from = "a.example/web:1.0.0".into();
            let update = Update { tag, from, at: now, by: digests.collect::<String>().into(), ..update(1, None) };
            record.on(&container.name, Event::Write(Box::new(update)), now);
            record.on(&container.name, Event::End(crate::domain::history::Outcome::Failed, None), now);
        }
        seal(
            &record.with_history(crate::domain::history::History::default()),
            &workload.id,
            &LinkKey::new(vec![7; 32]).unwrap(),
        )
        .ok()
    };
    let (text, _) = (0..).map_while(sealed).last().unwrap();
    let annotations: Vec<(&str, &str)> = vec![("mode", "NOTIFICATION"), ("record", &text)];
    let annotations = annotations.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
    (Workload { annotations, rollout: hangs(1), ..workload }, tags)
}

#[tokio::test]
async fn what_does_not_fit_into_a_record_is_neither_written_nor_told_but_said() {
    let (workload, tags) = full();
    let stage = Stage::new(workload, &tags);
    for look in 1..3 {
        stage.look().await;
        assert_eq!((stage.writes(), stage.counted("undecided", "record_too_long")), (1, look));
    }
    let names = stage
        .cluster
        .state(|state| state.workload.annotations.iter().map(|(name, _)| name.to_string()).collect::<Vec<_>>());
    assert_eq!(names, ["error", "mode", "record"]);
    assert!(stage.cluster.annotation("error").unwrap().contains("takes more than 32768 bytes"));
    assert_eq!(stage.cluster.announced(|one| matches!(one, WorkloadEvent::InvalidSetting(_))), 1);
    let workload = stage.cluster.state(|state| Arc::clone(&state.workload));
    for container in ["c0", "c49"] {
        let look = stage.reconciler.last_look(&workload, container).unwrap();
        assert!(matches!(look.came_to, crate::domain::view::CameTo::Undecided(_)), "{look:?}");
    }
    let stored = stage.reconciler.0.queue.depth().await.unwrap();
    assert!(stored.ready.iter().all(|(_, jobs)| *jobs == 0), "nothing is told: {stored:?}");
}

/// Fault r27-13: each look at one of them told it of all.
#[tokio::test]
async fn that_nothing_is_decided_is_told_to_other_replicas_where_they_know_something_else() {
    use crate::domain::view::NoGround;
    let (workload, tags) = of_many(50, "c");
    let mut stage = Stage::new(workload, &tags);
    let (here, _there, _between) = crate::queue::replicas::tests::pair();
    let parts = Parts::clone(&stage.reconciler.0);
    stage.reconciler = Reconciler::new(Parts { standing_still: Arc::default(), replicas: here, ..parts });
    let workload = stage.cluster.state(|state| Arc::clone(&state.workload));
    let tells = |why: &str, number: u8| {
        stage.reconciler.nothing_decided(&workload, &NoGround::said(why));
        let line = format!("image_watcher_replica_news_total{{result=\"told\"}} {number}\n");
        assert!(stage.metrics.text().contains(&line), "{why}: not {number}");
    };
    tells("too long", 50);
    stage.clock.step(TimeDelta::minutes(59));
    tells("too long", 50);
    stage.clock.step(TimeDelta::minutes(1));
    tells("too long", 100);
    tells("longer", 150);
}

/// The row in the store can't be read, and somebody removed the annotation.
#[tokio::test]
async fn nothing_is_decided_where_what_was_written_can_not_be_read() {
    let stage = Stage::new(auto(&[]), &["1.0.0", "1.0.1"]);
    let written = crate::queue::Written { sequence: 3, record: "v9.x".into(), ..crate::queue::Written::default() };
    stage.reconciler.0.queue.remember("uid-1", written).await.unwrap();
    assert!(matches!(stage.look().await, Verdict::Retry { .. }));
    assert_eq!((stage.writes(), &*stage.cluster.image()), (0, "a.example/web:1.0.0"));
}
