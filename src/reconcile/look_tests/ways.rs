//! Where a way back leads, what is in its way, and whose fault a rollout is that failed.

use super::back::stalled;
use super::*;
use crate::domain::event::WayBack;
use crate::domain::history::Outcome;
use crate::queue::Written;

const OLD: &str = "a.example/web:1.0.0";

fn both() -> Workload {
    workload(&[("web", OLD), ("migrate", OLD)], &[("mode", "AUTO_UPDATE")])
}

impl Stage {
    fn images(&self) -> Vec<String> {
        self.cluster.state(|state| state.workload.containers.iter().map(|it| it.image.to_string()).collect())
    }

    /// How updates ended, and how many did so, as it is counted.
    fn ended(&self) -> Vec<(String, u64)> {
        let counted = self.metrics.text();
        let ends = counted.lines().filter_map(|line| line.strip_prefix("image_watcher_updates_total{"));
        let read = |line: &str| {
            let (labels, number) = line.rsplit_once(' ')?;
            let result = labels.split("result=\"").nth(1)?.split('"').next()?;
            Some((result.to_owned(), number.parse().ok()?))
        };
        ends.filter_map(read).collect()
    }

    /// What was told first: who is told the same again gets it once.
    fn first(&self, kind: NoticeKind) -> Notice {
        self.joe.0.lock().unwrap().iter().find(|notice| notice.kind == kind).unwrap().clone()
    }
}

fn written_so(tag: &str) -> String {
    format!("a.example/web:{tag}@{}", digest_of(tag, 0))
}

#[tokio::test]
async fn what_was_written_with_another_container_waits_for_its_end() {
    let stage = Stage::new(both(), &["1.0.0"]);
    stage.written().await;
    let first = written_so("1.0.1");
    assert_eq!(stage.images(), [first.clone(), first.clone()]);
    stage.cluster.rolls(Rollout::Progressing(Progress::default()));
    stage.has(&["1.0.0", "1.0.1", "1.0.2"]);
    for _ in 0..3 {
        stage.look().await;
    }
    assert_eq!(stage.images(), [first.clone(), first], "neither is written before the end of both");
    stage.fails("t1").await;
    assert_eq!(stage.images(), [OLD, OLD]);
}

#[tokio::test]
async fn what_goes_back_was_written_at_once() {
    let stage = Stage::new(both(), &["1.0.0"]);
    stage.written().await;
    stage.changed(|now| now.containers[1].image = "a.example/web:1.0.7".into());
    stage.fails("t1").await;
    assert_eq!(stage.last(NoticeKind::Failed).way_back, Some(WayBack::Unknown));
    assert_eq!(stage.images(), [written_so("1.0.1"), "a.example/web:1.0.7".to_owned()]);
}

#[tokio::test]
async fn an_update_waits_while_another_container_is_rolled_out() {
    let two = workload(&[("web", OLD), ("proxy", "b.example/proxy:2.0.0")], &[("mode", "AUTO_UPDATE")]);
    let stage = Stage::new(two, &["1.0.0"]);
    stage.written().await;
    stage.cluster.rolls(Rollout::Progressing(Progress::default()));
    stage.has(&["2.0.0", "2.0.1"]);
    let proxy = Repository::parse("b.example/proxy").unwrap();
    let verdict = stage.reconciler.look(&proxy, "trace").await;
    assert!(matches!(verdict, Verdict::Again { .. }), "{verdict:?}");
    assert_eq!(stage.images()[1], "b.example/proxy:2.0.0", "should pods fail, it is known whose fault it is");
    assert!(stage.counted("waiting", "rolling_out") > 0);
    stage.cluster.rolls(Rollout::Complete);
    stage.has(&["1.0.0", "1.0.1"]);
    stage.look().await;
    stage.has(&["2.0.0", "2.0.1"]);
    stage.reconciler.look(&proxy, "trace").await;
    assert!(stage.images()[1].starts_with("b.example/proxy:2.0.1@"), "{:?}", stage.images());
}

#[tokio::test]
async fn the_way_back_leads_past_what_never_ran_well() {
    let stage = Stage::new(auto(&[]), &["1.0.0"]);
    stage.written().await;
    // Nobody knows how it went: its pods are replaced by hand.
    stage.cluster.rolls(Rollout::Waiting(crate::domain::rollout::Waits::OnDelete));
    stage.has(&["1.0.0", "1.0.1", "1.0.2"]);
    stage.look().await;
    assert_eq!(stage.cluster.image(), written_so("1.0.2"));
    stage.fails("t1").await;
    assert_eq!(stage.last(NoticeKind::Failed).way_back, Some(WayBack::Further));
    assert_eq!(stage.cluster.image(), OLD, "and not 1.0.1, which never ran");
    // Fault r28-4: the incident that its failure had opened was closed by nothing.
    let failed = stage.last(NoticeKind::Failed).update_id();
    stage.told();
    stage.cluster.rolls(Rollout::Complete);
    stage.look().await;
    let back = stage.last(NoticeKind::RolledBack);
    assert_eq!((back.from.tag.as_str(), back.to.tag.as_str()), ("1.0.0", "1.0.2"));
    assert_eq!(back.update_id(), failed, "it closes what the failure opened");
}

/// Fault r28-4: a second incident, and nobody closes the first.
#[tokio::test]
async fn that_a_way_back_to_what_ran_well_last_fails_is_told_of_the_update_that_it_undoes() {
    let stage = Stage::new(auto(&[]), &["1.0.0"]);
    stage.written().await;
    stage.cluster.rolls(Rollout::Waiting(crate::domain::rollout::Waits::OnDelete));
    stage.has(&["1.0.0", "1.0.1", "1.0.2"]);
    stage.look().await;
    stage.fails("t1").await;
    let failed = stage.last(NoticeKind::Failed);
    stage.told();
    stage.fails("t2").await;
    let again = stage.last(NoticeKind::Failed);
    assert_eq!((again.way_back, again.to.tag.as_str()), (Some(WayBack::Failed), "1.0.0"));
    assert_eq!(again.update_id(), failed.update_id());
}

#[tokio::test]
async fn the_way_back_leads_to_what_ran_well_though_that_could_not_be_written_before_the_next() {
    for is_seen in [false, true] {
        let stage = Stage::new(workload(&[("web", OLD)], &[("mode", "AUTO_UPDATE"), ("rollback", "true")]), &["1.0.0"]);
        stage.written().await;
        stage.cluster.rolls(Rollout::Waiting(crate::domain::rollout::Waits::OnDelete));
        stage.annotate("mode", "NOTIFICATION");
        stage.has(&["1.0.0", "1.0.1", "1.0.2"]);
        stage.look().await;
        let link = stage.link();
        if is_seen {
            stage.cluster.rolls(Rollout::Complete);
        }
        let answer = stage.reconciler.answer(&link, Action::Approve, "trace").await;
        assert!(matches!(answer, Answer::Approved(_)), "{answer:?}");
        assert_eq!(stage.cluster.image(), written_so("1.0.2"));
        stage.fails("t1").await;
        let (way, before) =
            if is_seen { (WayBack::Goes, written_so("1.0.1")) } else { (WayBack::Further, OLD.to_owned()) };
        assert_eq!((stage.last(NoticeKind::Failed).way_back, stage.cluster.image()), (Some(way), before));
    }
}

#[tokio::test]
async fn nothing_is_undone_where_what_ran_is_gone_from_its_registry() {
    let mut stage = Stage::new(auto(&[]), &["1.0.0"]);
    stage.written().await;
    stage.registry.pushed_again.store(1, Ordering::SeqCst);
    stage.registry.lost.lock().unwrap().push("1.0.0");
    stage.fails("t1").await;
    assert_eq!(stage.first(NoticeKind::Failed).way_back, Some(WayBack::Gone));
    assert_eq!(stage.cluster.image(), written_so("1.0.1"));
    stage.told();
    stage.restart();
    stage.look().await;
    assert_eq!(stage.first(NoticeKind::Failed).way_back, Some(WayBack::Gone), "it is told again as it was told");
}

#[tokio::test]
async fn a_way_back_that_the_api_server_refuses_is_told_once_and_not_tried_again() {
    for is_seen_late in [false, true] {
        let stage = Stage::new(auto(&[]), &["1.0.0"]);
        stage.written().await;
        stage.cluster.state(|state| {
            (state.refuses, state.is_seen_late) = (Refuses::Written("a.example/web:1.0.0*"), is_seen_late);
        });
        stage.fails("t1").await;
        let told = if is_seen_late { WayBack::Goes } else { WayBack::Refused };
        assert_eq!(stage.first(NoticeKind::Failed).way_back, Some(told));
        let failed: Vec<Notice> = stage.joe.0.lock().unwrap().drain(..).collect();
        let says = |notice: &Notice| notice.failure.as_ref().is_some_and(|it| it.message.contains("is not signed"));
        assert!(failed.iter().any(says), "{failed:?}");
        stage.look().await;
        let writes = stage.writes();
        for _ in 0..3 {
            stage.look().await;
        }
        assert_eq!((stage.cluster.image(), stage.writes()), (written_so("1.0.1"), writes));
        let again: Vec<Notice> = stage.joe.0.lock().unwrap().drain(..).collect();
        assert!(again.iter().all(|notice| notice.way_back == Some(WayBack::Refused)), "{again:?}");
        let record = stage.cluster.state(|state| crate::cluster::annotations::claimed(&state.workload));
        let failure = record.known("web").update.as_ref().and_then(|update| update.failure.as_ref());
        let reason = failure.map(|failure| failure.reason.as_str());
        assert_eq!(reason, Some("ProgressDeadlineExceeded"), "why it failed stays known");
    }
}

/// Where nothing may be written on the object, as in a freeze of changes, the store knows of the end, and so does who looks.
#[tokio::test]
async fn a_failure_stays_known_where_no_write_is_taken_and_through_a_restart() {
    let mut stage = Stage::new(auto(&[]), &["1.0.0"]);
    stage.written().await;
    stage.cluster.state(|state| state.refuses = Refuses::All);
    stage.fails("t1").await;
    assert_eq!(stage.first(NoticeKind::Failed).way_back, Some(WayBack::Refused));
    let uid = stage.cluster.state(|state| state.workload.id.uid.clone());
    for is_anew in [false, true] {
        if is_anew {
            stage.restart();
        }
        stage.look().await;
        let known = stage.reconciler.known_record(&uid).await.unwrap();
        let update = known.known("web").update.clone().unwrap();
        assert_eq!(update.outcome, crate::domain::history::Outcome::Failed, "after a restart: {is_anew}");
        assert_eq!(update.failure.map(|it| it.reason).as_deref(), Some("ProgressDeadlineExceeded"));
        assert_eq!(known.history.entries()[0].outcome, crate::domain::history::Outcome::Failed);
    }
    let failed: std::collections::BTreeSet<String> = {
        let told = stage.joe.0.lock().unwrap();
        let failed = told.iter().filter(|notice| notice.kind == NoticeKind::Failed).cloned();
        failed.map(|notice| Delivery::of("email", "joe@example.com", notice).id()).collect()
    };
    assert_eq!(failed.len(), 1, "it is told once");
    stage.cluster.state(|state| state.refuses = Refuses::Nothing);
    stage.look().await;
    let record = stage.cluster.state(|state| crate::cluster::annotations::claimed(&state.workload));
    let outcome = record.known("web").update.as_ref().map(|update| update.outcome);
    assert_eq!(outcome, Some(crate::domain::history::Outcome::Failed), "it is written as soon as it may be");
}

/// What stands on the object is older than what is known, as no write is taken: nobody set it back.
#[tokio::test]
async fn who_edits_a_setting_while_no_write_is_taken_has_edited_it() {
    for is_anew in [false, true] {
        let mut stage = Stage::new(auto(&[]), &["1.0.0"]);
        stage.written().await;
        stage.cluster.state(|state| state.refuses = Refuses::All);
        stage.fails("t1").await;
        stage.annotate("strategy", "MINOR");
        if is_anew {
            stage.restart();
        }
        stage.look().await;
        stage.cluster.state(|state| state.refuses = Refuses::Nothing);
        stage.look().await;
        assert!(!stage.says().contains(super::edits::WENT_BACK), "{}", stage.says());
        assert_eq!(stage.cluster.announced(|one| matches!(one, WorkloadEvent::RecordReplaced(_))), 0);
        stage.clock.step(TimeDelta::hours(7));
        stage.push("1.0.2");
        stage.look().await;
        assert!(stage.runs("1.0.2"), "{}", stage.says());
    }
}

#[tokio::test]
async fn where_an_image_has_to_name_a_digest_the_way_back_does() {
    let stage = Stage::new(auto(&[]), &["1.0.0"]);
    stage.written().await;
    stage.cluster.state(|state| state.refuses = Refuses::Written(OLD));
    stage.fails("t1").await;
    assert_eq!(stage.cluster.image(), written_so("1.0.0"));
    assert_eq!(stage.last(NoticeKind::Failed).way_back, Some(WayBack::Goes));
}

#[tokio::test]
async fn a_registry_that_does_not_answer_keeps_no_way_back_waiting() {
    let stage = Stage::new(auto(&[]), &["1.0.0"]);
    stage.written().await;
    stage.cluster.rolls(Rollout::Progressing(Progress::default()));
    stage.look().await;
    let answer = stage.registry.answers.acquire().await.unwrap();
    stage.cluster.rolls(stalled("t1"));
    tokio::time::timeout(Duration::from_secs(60), stage.look()).await.expect("the list is not waited for");
    assert_eq!(stage.cluster.image(), OLD);
    drop(answer);
}

#[tokio::test]
async fn a_version_that_somebody_writes_in_his_own_way_is_what_it_goes_back_to() {
    let stage = Stage::new(auto(&[]), &["1.0.0"]);
    stage.written().await;
    stage.cluster.rolls(Rollout::Waiting(crate::domain::rollout::Waits::OnDelete));
    stage.look().await;
    // Somebody means this very version, and its digest is his.
    stage.changed(|now| now.containers[0].image = "a.example/web:1.0.1".into());
    stage.look().await;
    stage.has(&["1.0.0", "1.0.1", "1.0.2"]);
    stage.look().await;
    assert_eq!(stage.cluster.image(), written_so("1.0.2"));
    stage.fails("t1").await;
    assert_eq!(stage.last(NoticeKind::Failed).way_back, Some(WayBack::Goes));
    assert_eq!(stage.cluster.image(), "a.example/web:1.0.1");
}

#[tokio::test]
async fn what_is_told_by_another_container_ends_where_that_one_was_replaced() {
    let stage = Stage::new(both(), &["1.0.0"]);
    stage.written().await;
    stage.changed(|now| now.containers[0].image = "a.example/web:1.0.7".into());
    stage.cluster.rolls(Rollout::Progressing(Progress::default()));
    stage.look().await;
    let outcome = stage.cluster.state(|state| {
        let record = crate::cluster::annotations::claimed(&state.workload);
        record.ledger("migrate").and_then(|ledger| ledger.update.as_ref()).map(|update| update.outcome)
    });
    assert_eq!(outcome, Some(Outcome::Replaced), "or others would wait for it for ever");
}

#[tokio::test]
async fn how_an_update_ended_is_told_where_nothing_may_be_written_any_more() {
    for (rollout, kind) in [(stalled("t1"), NoticeKind::Failed), (Rollout::Complete, NoticeKind::Applied)] {
        let stage = Stage::new(auto(&[]), &["1.0.0"]);
        stage.written().await;
        stage.cluster.state(|state| state.may_patch = false);
        stage.cluster.rolls(rollout);
        let writes = stage.writes();
        for _ in 0..3 {
            stage.look().await;
        }
        let ids: std::collections::BTreeSet<String> = {
            let told = stage.joe.0.lock().unwrap();
            told.iter().filter(|notice| notice.kind == kind).map(Notice::update_id).collect()
        };
        assert_eq!((ids.len(), stage.writes()), (1, writes), "{kind:?}");
    }
}

/// Whether the right is there when it is told, or comes and goes, these are messages about one update.
#[tokio::test]
async fn how_a_way_back_ended_is_told_of_its_update_where_nothing_may_be_written_any_more() {
    let stage = Stage::new(auto(&[]), &["1.0.0"]);
    stage.written().await;
    stage.fails("t1").await;
    let update = stage.last(NoticeKind::Failed).update_id();
    stage.cluster.state(|state| state.may_patch = false);
    stage.fails("t2").await;
    let end = stage.last(NoticeKind::Failed);
    assert_eq!((end.way_back, end.update_id()), (Some(WayBack::Failed), update));
}

/// It was about to tell an end while another replica wrote the workload, which it had not heard of.
#[tokio::test]
async fn what_another_wrote_meanwhile_is_not_lost_where_an_end_is_remembered_beside_the_queue() {
    let stage = Stage::new(auto(&[]), &["1.0.0"]);
    stage.written().await;
    let uid = stage.cluster.state(|state| state.workload.id.uid.clone());
    let queue = &stage.reconciler.0.queue;
    let before = queue.newest(&uid).await.unwrap().unwrap();
    let theirs = Written { sequence: before.sequence + 5, record: "theirs".into(), ..before };
    queue.remember(&uid, theirs.clone()).await.unwrap();
    stage.clock.step(TimeDelta::hours(1));
    stage.cluster.state(|state| state.may_patch = false);
    stage.fails("t1").await;
    assert_eq!(stage.last(NoticeKind::Failed).to.tag, "1.0.1");
    assert_eq!(queue.newest(&uid).await.unwrap(), Some(theirs));
}

/// As when a policy refuses that: brake and others go by it.
#[tokio::test]
async fn how_an_update_ended_is_known_where_nothing_may_be_written_any_more() {
    let stage = Stage::new(auto(&[]), &["1.0.0"]);
    stage.written().await;
    stage.cluster.state(|state| state.may_patch = false);
    stage.fails("t1").await;
    let uid = stage.cluster.state(|state| state.workload.id.uid.clone());
    let known = stage.reconciler.known_record(&uid).await.unwrap();
    let outcome = known.known("web").update.as_ref().map(|update| update.outcome);
    assert_eq!(outcome, Some(crate::domain::history::Outcome::Failed));
    let ends: Vec<_> = stage.told().into_iter().filter(|(kind, _)| *kind == "update.failed").collect();
    stage.look().await;
    assert_eq!((ends.len(), stage.told().iter().filter(|(kind, _)| *kind == "update.failed").count()), (1, 0));
}

/// An alert goes by the number: nothing else pages anybody where what failed runs on.
#[tokio::test]
async fn how_an_update_ended_is_counted_once_where_nothing_may_be_written_any_more() {
    let ways: [fn(&mut State); 4] = [
        |state| state.may_patch = false,
        |state| state.refuses = Refuses::All,
        // It is taken when it is rehearsed, and refused when it is written.
        |state| (state.refuses, state.is_seen_late) = (Refuses::All, true),
        |state| (state.refuses, state.is_seen_late) = (Refuses::Written("a.example/web:1.0.0*"), true),
    ];
    for (n, closes) in ways.into_iter().enumerate() {
        for (rollout, result) in [(stalled("t1"), "failed"), (Rollout::Complete, "healthy")] {
            let mut stage = Stage::new(auto(&[]), &["1.0.0"]);
            stage.written().await;
            stage.cluster.state(closes);
            stage.cluster.rolls(rollout);
            for is_anew in [false, false, true] {
                if is_anew {
                    stage.restart();
                }
                stage.look().await;
            }
            let said = |state: &mut State| state.announced.iter().filter(|event| event.is_end()).count();
            assert_eq!((stage.ended(), stage.cluster.state(said)), (vec![(result.into(), 1)], 1), "{n} {result}");
            // What is written at last was said.
            stage.cluster.state(|state| (state.refuses, state.may_patch) = (Refuses::Nothing, true));
            stage.look().await;
            assert_eq!((stage.ended(), stage.cluster.state(said)), (vec![(result.into(), 1)], 1), "{n} {result}");
        }
    }
}

/// Who owns the pod template changes replicas after we wrote another container, which moves the time of theirs.
#[tokio::test]
async fn a_change_of_replicas_is_no_edit_of_the_template_though_another_container_was_written_since() {
    let first = DateTime::from_timestamp(1_700_000_000, 0);
    let two = workload(
        &[("web", OLD), ("proxy", "b.example/proxy:2.0.0")],
        &[("mode", "AUTO_UPDATE"), ("mode.proxy", "NOTIFICATION")],
    );
    for is_edited in [false, true] {
        let stage = Stage::new(Workload { template_by_others: first, ..two.clone() }, &["1.0.0"]);
        stage.has(&["2.0.0", "2.0.1"]);
        let proxy = Repository::parse("b.example/proxy").unwrap();
        stage.reconciler.look(&proxy, "trace").await;
        let link = stage.link();
        stage.has(&["1.0.0"]);
        stage.written().await;
        stage.cluster.rolls(Rollout::Progressing(Progress::default()));
        stage.look().await;
        stage.has(&["2.0.0", "2.0.1"]);
        let answer = stage.reconciler.answer(&link, Action::Approve, "trace").await;
        assert!(stage.images()[1].starts_with("b.example/proxy:2.0.1@"), "{answer:?}");
        stage.has(&["1.0.0", "1.0.1"]);
        let now = stage.clock.now();
        stage.changed(|it| {
            it.template_by_others = Some(now);
            it.rest_of_template += u64::from(is_edited);
        });
        stage.told();
        stage.fails("t1").await;
        let expected = if is_edited { written_so("1.0.1") } else { OLD.to_owned() };
        assert_eq!(stage.images()[0], expected, "edited: {is_edited}");
    }
}

/// As where admission has images pulled through a mirror.
#[tokio::test]
async fn what_is_pulled_from_elsewhere_by_its_digest_is_what_was_written() {
    let mirrored = |tag: &str, again| format!("mirror.example/a/web:{tag}@{}", digest_of(tag, again));
    let mirror = Repository::parse("mirror.example/a/web").unwrap();
    let outcome = |stage: &Stage| {
        let record = stage.cluster.state(|state| crate::cluster::annotations::claimed(&state.workload));
        record.known("web").update.as_ref().map(|update| update.outcome)
    };
    let rewritten = async |again| {
        let stage = Stage::new(auto(&[]), &["1.0.0"]);
        stage.written().await;
        stage.changed(|now| now.containers[0].image = mirrored("1.0.1", again).into());
        stage.cluster.rolls(Rollout::Progressing(Progress::default()));
        stage.reconciler.look(&mirror, "trace").await;
        stage
    };
    let stage = rewritten(0).await;
    assert_eq!(outcome(&stage), Some(Outcome::RollingOut));
    stage.cluster.rolls(Rollout::Complete);
    stage.reconciler.look(&mirror, "trace").await;
    assert_eq!(outcome(&stage), Some(Outcome::Healthy));
    assert_eq!(stage.last(NoticeKind::Applied).to.tag, "1.0.1");
    let stage = rewritten(0).await;
    stage.cluster.rolls(stalled("t1"));
    stage.reconciler.look(&mirror, "trace").await;
    assert_eq!(stage.images(), [mirrored("1.0.0", 0)], "it goes back there, by digest");
    stage.cluster.rolls(Rollout::Complete);
    stage.reconciler.look(&mirror, "trace").await;
    assert_eq!(stage.last(NoticeKind::RolledBack).to.tag, "1.0.1");
    let stage = rewritten(1).await;
    assert_eq!(outcome(&stage), Some(Outcome::Replaced), "that is another hand's");
}

#[tokio::test]
async fn what_was_announced_is_asked_for_while_its_list_is_read() {
    let stage = Stage::new(auto(&[]), &["1.0.0", "1.0.1"]);
    let Parts { queue, ambient, .. } = &*stage.reconciler.0;
    let (repository, tag) = (Repository::parse("a.example/web").unwrap(), Tag::parse("1.0.1").unwrap());
    queue.announce(vec![Announced { repository, tag, digest: None, at: ambient.now() }]).await.unwrap();
    let answer = stage.registry.answers.acquire().await.unwrap();
    let asked = &stage.registry.asked;
    let both = async move {
        while asked.load(Ordering::SeqCst) < 2 {
            tokio::task::yield_now().await;
        }
        drop(answer);
    };
    let both = tokio::time::timeout(Duration::from_secs(60), both);
    tokio::join!(stage.look(), both).1.expect("the tag is asked for before the list is there");
    assert_eq!(asked.load(Ordering::SeqCst), 3, "what runs is asked for beside it, and nothing twice");
    assert_eq!(stage.cluster.image(), written_so("1.0.1"));
}
