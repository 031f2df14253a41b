//! A webhook or a policy that makes another image of what is to be written.

use super::*;
use crate::domain::event::WayBack;

const OLD: &str = "a.example/web:1.0.0";
const SAID: &str = "admission leaves 1.0.0 here (a webhook or policy changes it)";

/// As image-pinning and freeze webhooks do.
fn keeps(_: &str) -> String {
    OLD.into()
}

/// As webhooks do that make tags alike.
fn strips(image: &str) -> String {
    image.split('@').next().unwrap_or_default().into()
}

impl Stage {
    fn admitting(self, admits: fn(&str) -> String, is_seen_late: bool) -> Self {
        self.cluster.state(|state| (state.admits, state.is_seen_late) = (Some(admits), is_seen_late));
        self
    }

    fn is_nobodys_word(&self) {
        assert_eq!(self.cluster.annotation("held"), None);
        assert_eq!(self.cluster.announced(|one| matches!(one, WorkloadEvent::VersionHeld(_))), 0);
        assert_eq!(self.cluster.annotation("history"), None, "nothing was updated");
    }
}

#[tokio::test]
async fn what_admission_keeps_out_is_refused_and_told_once() {
    for is_seen_late in [false, true] {
        let stage = Stage::new(auto(&[]), &["1.0.0", "1.0.1"]).admitting(keeps, is_seen_late);
        for _ in 0..3 {
            stage.look().await;
        }
        // The same again is one message.
        let told: std::collections::BTreeSet<_> = stage.told().into_iter().collect();
        assert_eq!(told, [("update.failed", "1.0.1".to_owned())].into(), "late {is_seen_late}");
        assert_eq!(stage.counted("refused", "admission"), 1, "late {is_seen_late}");
        assert!(stage.says().contains(SAID), "late {is_seen_late}: {}", stage.says());
        let writes = stage.writes();
        for _ in 0..3 {
            stage.look().await;
        }
        assert_eq!(stage.writes(), writes, "late {is_seen_late}: it is not tried at each look");
        assert_eq!((stage.cluster.image().as_str(), stage.cluster.annotation("last-updated")), (OLD, None));
        stage.is_nobodys_word();
        stage.cluster.state(|state| state.admits = None);
        stage.clock.step(TimeDelta::days(2));
        stage.look().await;
        assert!(stage.runs("1.0.1"), "late {is_seen_late}: {}", stage.cluster.image());
    }
}

#[tokio::test]
async fn an_approval_that_admission_keeps_out_is_not_used_up() {
    for is_seen_late in [false, true] {
        let asks = workload(&[("web", OLD)], &[("mode", "NOTIFICATION")]);
        let stage = Stage::new(asks, &["1.0.0", "1.0.1"]);
        stage.look().await;
        let stage = stage.admitting(keeps, is_seen_late);
        let link = stage.link();
        for _ in 0..2 {
            let answer = stage.reconciler.answer(&link, Action::Approve, "trace").await;
            let Answer::NotWritten(_, said) = &answer else { panic!("late {is_seen_late}: {answer:?}") };
            assert_eq!(said, SAID);
            assert!(matches!(stage.reconciler.asked(&link).await, Answer::Open(_)), "late {is_seen_late}");
        }
        stage.told();
        stage.look().await;
        assert!(stage.told().iter().all(|(kind, _)| *kind == "update.available"), "late {is_seen_late}");
        assert_eq!(stage.cluster.image(), OLD, "late {is_seen_late}");
        stage.is_nobodys_word();
        stage.cluster.state(|state| state.admits = None);
        assert!(matches!(stage.reconciler.answer(&link, Action::Approve, "trace").await, Answer::Approved(_)));
    }
}

#[tokio::test]
async fn a_followed_tag_whose_digest_is_stripped_is_refused() {
    let follows = [("mode", "AUTO_UPDATE"), ("track", "digest")];
    let stage = Stage::new(workload(&[("web", OLD)], &follows), &[]).admitting(strips, false);
    stage.look().await;
    stage.registry.pushed_again.store(1, Ordering::SeqCst);
    for _ in 0..3 {
        stage.look().await;
    }
    assert!(stage.says().contains("admission leaves 1.0.0 without its digest here"), "{}", stage.says());
    stage.is_nobodys_word();
}

#[tokio::test]
async fn a_version_whose_digest_is_stripped_runs() {
    let stage = Stage::new(auto(&[]), &["1.0.0", "1.0.1"]).admitting(strips, false);
    for _ in 0..2 {
        stage.look().await;
    }
    assert_eq!(stage.cluster.image(), "a.example/web:1.0.1");
    assert_eq!((stage.cluster.annotation("held"), stage.says()), (None, String::new()));
}

/// Who wrote the pod template first is known, as on any real cluster.
fn written_before(more: &[(&str, &str)]) -> Workload {
    Workload { template_by_others: DateTime::from_timestamp(1_700_000_000, 0), ..auto(more) }
}

#[tokio::test]
async fn what_failed_is_undone_where_digests_are_stripped() {
    let stage = Stage::new(written_before(&[]), &["1.0.0", "1.0.1"]).admitting(strips, false);
    stage.look().await;
    assert_eq!(stage.cluster.image(), "a.example/web:1.0.1");
    stage.fails("t1").await;
    assert_eq!(stage.cluster.image(), OLD);
    assert_eq!(stage.last(NoticeKind::Failed).way_back, Some(WayBack::Goes));
    stage.told();
    stage.cluster.rolls(Rollout::Complete);
    stage.look().await;
    assert_eq!(stage.last(NoticeKind::RolledBack).to.tag, "1.0.1");
    for _ in 0..3 {
        stage.look().await;
    }
    assert_eq!(stage.cluster.image(), OLD, "it is held");
    assert!(stage.cluster.annotation("held").is_some_and(|held| held.starts_with("1.0.1: failed")));
}

/// What was pinned is written pinned, and stripped as well.
#[tokio::test]
async fn a_way_back_by_digest_is_gone_where_digests_are_stripped() {
    let pinned = format!("{OLD}@{}", digest_of("1.0.0", 0));
    let before = Workload {
        template_by_others: DateTime::from_timestamp(1_700_000_000, 0),
        ..workload(&[("web", &pinned)], &[("mode", "AUTO_UPDATE")])
    };
    let stage = Stage::new(before, &["1.0.0", "1.0.1"]).admitting(strips, false);
    stage.look().await;
    assert_eq!(stage.cluster.image(), "a.example/web:1.0.1");
    stage.fails("t1").await;
    assert_eq!((stage.cluster.image().as_str(), stage.last(NoticeKind::Failed).way_back), (OLD, Some(WayBack::Goes)));
    stage.told();
    stage.fails("t2").await;
    assert_eq!(stage.last(NoticeKind::Failed).way_back, Some(WayBack::Failed));
}

#[tokio::test]
async fn what_is_applied_has_a_way_back_on_offer_where_digests_are_stripped() {
    let stage = Stage::new(written_before(&[("rollback", "false")]), &["1.0.0", "1.0.1"]).admitting(strips, false);
    stage.look().await;
    stage.cluster.rolls(Rollout::Complete);
    stage.look().await;
    assert!(stage.last(NoticeKind::Applied).asks(), "by a link");
    stage.look().await;
    let answer = stage.reconciler.answer(&stage.link(), Action::Rollback, "trace").await;
    assert_eq!(stage.cluster.image(), OLD, "{answer:?}");
}

/// The same version as another hand writes it is theirs.
#[tokio::test]
async fn a_digest_that_a_hand_leaves_out_is_no_work_of_admission() {
    let stage = Stage::new(written_before(&[]), &["1.0.0", "1.0.1"]);
    stage.look().await;
    let now = stage.clock.now();
    stage.changed(|edited| {
        (edited.template_by_others, edited.containers[0].image) = (Some(now), "a.example/web:1.0.1".into());
    });
    stage.fails("t1").await;
    assert_eq!(stage.cluster.image(), "a.example/web:1.0.1");
}

/// What runs is a way back: what it came from is another update all the same.
#[tokio::test]
async fn a_second_try_that_is_refused_is_no_way_back() {
    for is_settled in [false, true] {
        let stage = Stage::new(auto(&[]), &["1.0.0"]);
        stage.written().await;
        stage.fails("t1").await;
        assert_eq!(stage.cluster.image(), OLD);
        let answer = if is_settled {
            stage.settles().await;
            stage.reconciler.answer(&stage.link(), Action::Resume, "trace").await
        } else {
            stage.fails("t2").await;
            stage.reconciler.answer(&stage.link(), Action::Resume, "trace").await
        };
        assert!(matches!(answer, Answer::Resumed(_)), "{answer:?}");
        stage.told();
        let stage = stage.admitting(keeps, true);
        stage.look().await;
        let told: Vec<Notice> = stage.joe.0.lock().unwrap().drain(..).collect();
        let is_of_it = |notice: &&Notice| notice.failure.as_ref().is_some_and(|it| it.reason == "Refused");
        let refused: Vec<&Notice> = told.iter().filter(is_of_it).collect();
        assert!(!refused.is_empty() && refused.iter().all(|it| it.unfit.is_some()), "{is_settled}: {told:?}");
        assert!(stage.says().contains(SAID), "{}", stage.says());
        let history = stage.cluster.annotation("history").unwrap();
        assert_eq!(history.matches("\"failed\"").count(), if is_settled { 1 } else { 2 }, "{history}");
    }
}
