//! Rollouts that are followed by what their pods say.

use super::*;
use crate::domain::event::WayBack;
use crate::domain::rollout::pods::{ContainerStatus, Exit, Said, Standing, Troubled};

/// A pod that runs what the workload has.
fn pod(stage: &Stage, stands: Standing) -> Pod {
    Pod { name: "web-1".into(), images: Arc::from([("web".into(), stage.cluster.image().into())]), stands }
}

fn says(stage: &Stage, word: &str, restarts: i32) {
    let exit = Some(Exit { code: 2, word: "Error".into(), message: "no such table".into(), at: None });
    let waits = Some(Said::new(word, "back-off 20s restarting failed container"));
    let containers = [ContainerStatus { name: "web".into(), restarts, waits, exit }].into();
    let troubled = Standing::Troubled(Box::new(Troubled { containers, ..Troubled::default() }));
    let pods = Some(vec![pod(stage, troubled)]);
    stage.cluster.state(|state| state.pods = pods);
}

fn ready(stage: &Stage) {
    let pods = Some(vec![pod(stage, Standing::Ready(Some(stage.clock.now())))]);
    stage.cluster.state(|state| state.pods = pods);
}

/// What was told. What is told again is the same message, which the queue knows.
fn kinds(stage: &Stage) -> Vec<NoticeKind> {
    let mut kinds: Vec<_> = stage.joe.0.lock().unwrap().iter().map(|notice| notice.kind).collect();
    kinds.dedup();
    kinds
}

/// One whose update is written, and has to stay well for a minute.
async fn updated() -> Stage {
    updated_with(&[]).await
}

async fn updated_with(settings: &[(&str, &str)]) -> Stage {
    let mut stage = Stage::new(auto(settings), &["1.0.0", "1.0.1"]);
    let parts = Parts::clone(&stage.reconciler.0);
    stage.reconciler = Reconciler::new(Parts { settle: Duration::from_secs(60), ..parts });
    stage.look().await;
    assert!(stage.cluster.image().contains(":1.0.1@"));
    stage.cluster.rolls(Rollout::Progressing(Progress { available: 1, has_deadline: true, ..Progress::default() }));
    stage
}

#[tokio::test]
async fn what_fails_after_somebody_edited_the_pod_template_is_theirs_and_stays() {
    for settles in [false, true] {
        let stage = updated().await;
        if settles {
            stage.cluster.rolls(Rollout::Complete);
            ready(&stage);
        }
        stage.look().await;
        stage.clock.step(TimeDelta::seconds(30));
        let now = stage.clock.now();
        stage.changed(|edited| {
            edited.template_by_others = Some(now);
            edited.rest_of_template += 1;
        });
        stage.cluster.rolls(Rollout::Progressing(Progress { available: 1, has_deadline: true, ..Progress::default() }));
        says(&stage, "CrashLoopBackOff", 2);
        for _ in 0..4 {
            stage.look().await;
        }
        assert!(stage.runs("1.0.1"), "{}", stage.cluster.image());
        assert_eq!((kinds(&stage), stage.cluster.annotation("held")), (Vec::new(), None), "{settles}");
        let history = stage.cluster.annotation("history").unwrap();
        assert!(history.contains(r#""outcome":"replaced""#), "{history}");
        assert_eq!(stage.cluster.announced(|one| matches!(one, WorkloadEvent::RolloutReplaced(_))), 1);
        assert!(!stage.cluster.state(|state| state.is_followed), "it has ended");
    }
}

#[tokio::test]
async fn what_somebody_edited_before_an_update_is_no_edit_of_it() {
    let now = Stepped(AtomicI64::new(0)).now();
    let stage = Stage::new(Workload { template_by_others: Some(now), ..auto(&[]) }, &["1.0.0", "1.0.1"]);
    stage.look().await;
    assert!(stage.runs("1.0.1"));
    stage.cluster.rolls(Rollout::Progressing(Progress::default()));
    says(&stage, "CrashLoopBackOff", 2);
    stage.look().await;
    assert!(stage.runs("1.0.0"), "it is undone: {}", stage.cluster.image());
}

/// The API server tells when somebody wrote an object, of which he wrote the pod template at some time, and not what.
#[tokio::test]
async fn a_label_that_somebody_set_is_no_edit_of_the_pod_template() {
    let stage = updated().await;
    stage.look().await;
    stage.clock.step(TimeDelta::seconds(30));
    let now = stage.clock.now();
    stage.changed(|edited| edited.template_by_others = Some(now));
    says(&stage, "CrashLoopBackOff", 2);
    stage.look().await;
    assert!(stage.runs("1.0.0"), "it is undone: {}", stage.cluster.image());
}

/// What they say in the moment after is not lost.
#[tokio::test]
async fn pods_are_followed_from_the_moment_at_which_an_update_is_written() {
    let stage = Stage::new(auto(&[]), &["1.0.0", "1.0.1"]);
    stage.look().await;
    assert!(stage.runs("1.0.1"));
    assert_eq!(stage.cluster.state(|state| state.followed.clone()), [("web".into(), stage.cluster.image())]);
    stage.cluster.rolls(Rollout::Progressing(Progress { available: 1, has_deadline: true, ..Progress::default() }));
    says(&stage, "CrashLoopBackOff", 2);
    stage.look().await;
    assert!(stage.runs("1.0.0"));
    assert_eq!(stage.cluster.state(|state| state.followed.clone()), [("web".into(), stage.cluster.image())]);
}

#[tokio::test]
async fn a_pod_that_never_starts_fails_an_update_at_once_and_its_log_is_told_and_not_kept() {
    let stage = updated().await;
    says(&stage, "CrashLoopBackOff", 1);
    stage.look().await;
    assert!(kinds(&stage).is_empty(), "it may wait for something");
    assert!(stage.cluster.state(|state| state.is_followed));
    says(&stage, "CrashLoopBackOff", 2);
    stage.look().await;
    assert_eq!(stage.cluster.image(), "a.example/web:1.0.0", "it is undone as after a deadline");
    for _ in 0..2 {
        stage.look().await;
    }
    assert!(stage.cluster.state(|state| state.is_followed), "so is the way back");
    assert_eq!(kinds(&stage), [NoticeKind::Failed]);
    let notice = stage.joe.0.lock().unwrap().first().cloned().unwrap();
    let failure = notice.failure.clone().unwrap();
    assert_eq!((notice.way_back, &*failure.reason), (Some(WayBack::Goes), "CrashLoopBackOff"));
    assert!(failure.message.contains("no such table"), "{failure:?}");
    assert_eq!(failure.log, ["the log of web-1 web"]);
    let claimed = crate::cluster::annotations::claimed(&stage.cluster.state(|state| Arc::clone(&state.workload)));
    let kept = claimed.known("web").update.clone().unwrap().undoes.unwrap().failure.unwrap();
    assert_eq!((&*kept.reason, kept.log.len()), ("CrashLoopBackOff", 0));
    stage.cluster.rolls(Rollout::Complete);
    ready(&stage);
    stage.look().await;
    stage.clock.step(TimeDelta::seconds(60));
    stage.look().await;
    assert_eq!(kinds(&stage)[..2], [NoticeKind::Failed, NoticeKind::RolledBack]);
    let held = stage.cluster.annotation("held").unwrap_or_default();
    assert!(held.starts_with("1.0.1: failed (CrashLoopBackOff), went back to 1.0.0"), "{held}");
    for _ in 0..3 {
        stage.look().await;
    }
    assert_eq!(stage.cluster.image(), "a.example/web:1.0.0", "it is not tried again");
}

#[tokio::test]
async fn a_pod_that_never_starts_undoes_nothing_where_that_is_left_to_people() {
    let stage = updated_with(&[("rollback", "false")]).await;
    says(&stage, "CrashLoopBackOff", 2);
    for _ in 0..3 {
        stage.look().await;
    }
    assert!(stage.cluster.image().contains(":1.0.1@"));
    assert!(!stage.cluster.state(|state| state.is_followed), "it has ended");
    let notice = stage.joe.0.lock().unwrap().last().cloned().unwrap();
    assert_eq!((kinds(&stage), notice.way_back), (vec![NoticeKind::Failed], Some(WayBack::Off)));
    let claimed = crate::cluster::annotations::claimed(&stage.cluster.state(|state| Arc::clone(&state.workload)));
    let kept = claimed.known("web").update.clone().unwrap().failure.unwrap();
    assert_eq!((&*kept.reason, kept.log.len()), ("CrashLoopBackOff", 0));
}

#[tokio::test]
async fn healthy_is_told_when_it_has_stayed_so_and_a_crash_before_is_a_failure() {
    for crashes in [false, true] {
        let stage = updated().await;
        stage.cluster.rolls(Rollout::Complete);
        ready(&stage);
        assert_eq!(stage.look().await, Verdict::Again(stage.clock.now() + TimeDelta::seconds(60)));
        stage.clock.step(TimeDelta::seconds(59));
        assert_eq!(stage.look().await, Verdict::Again(stage.clock.now() + TimeDelta::seconds(1)));
        assert!(kinds(&stage).is_empty());
        if crashes {
            says(&stage, "CrashLoopBackOff", 2);
        }
        stage.clock.step(TimeDelta::seconds(1));
        stage.look().await;
        assert_eq!(kinds(&stage), [if crashes { NoticeKind::Failed } else { NoticeKind::Applied }]);
    }
}

#[tokio::test]
async fn what_passes_is_said_once_in_the_same_words_and_holds_until_the_deadline() {
    let stage = updated().await;
    says(&stage, "RegistryUnavailable", 0);
    stage.look().await;
    stage.registry.tags.lock().unwrap().push("1.0.2");
    stage.clock.step(TimeDelta::minutes(16));
    stage.look().await;
    let error = stage.cluster.annotation("error").unwrap_or_default();
    assert!(error.starts_with("the rollout of 1.0.1 stands still: RegistryUnavailable: pod web-1"), "{error}");
    let writes = stage.writes();
    for minutes in [15, 15] {
        stage.clock.step(TimeDelta::minutes(minutes));
        stage.look().await;
    }
    assert_eq!((stage.writes(), kinds(&stage).len()), (writes, 0), "nothing is undone, nothing said twice");
    assert!(stage.cluster.image().contains(":1.0.1@"), "the cluster's own deadline decides");
    assert_eq!(stage.cluster.announced(|one| matches!(one, WorkloadEvent::RolloutSlow(_))), 1);
}

#[tokio::test]
async fn a_restart_takes_the_settle_time_from_what_pods_say() {
    let mut stage = updated().await;
    stage.cluster.rolls(Rollout::Complete);
    ready(&stage);
    stage.look().await;
    stage.clock.step(TimeDelta::seconds(70));
    stage.restart();
    stage.look().await;
    assert_eq!(kinds(&stage), [NoticeKind::Applied]);
}

/// One more pod, of what ran before.
fn with_old(stage: &Stage, word: &str) {
    let waits = Some(Said::new(word, "back-off 5m0s restarting failed container"));
    let containers = [ContainerStatus { name: "web".into(), restarts: 40, waits, exit: None }].into();
    let stands = Standing::Troubled(Box::new(Troubled { containers, ..Troubled::default() }));
    let images = Arc::from([("web".into(), "a.example/web:0.9.0".into())]);
    let old = Pod { name: "web-0".into(), images, stands };
    stage.cluster.state(|state| state.pods.get_or_insert_default().push(old));
}

#[tokio::test]
async fn what_crashed_before_is_neither_undone_nor_held() {
    let stage = updated().await;
    stage.cluster.state(|state| state.pods = None);
    with_old(&stage, "CrashLoopBackOff");
    stage.look().await;
    // The old ones go before the new ones crash.
    says(&stage, "CrashLoopBackOff", 2);
    for _ in 0..3 {
        stage.look().await;
    }
    let error = stage.cluster.annotation("error").unwrap_or_default();
    assert!(error.contains("stands still: CrashLoopBackOff: pod web-1"), "{error}");
    stage.cluster.rolls(Rollout::Stalled(Stall {
        reason: "ProgressDeadlineExceeded".into(),
        message: "has timed out progressing".into(),
        since: "t1".into(),
        progress: Progress::default(),
        refusal: None,
    }));
    for _ in 0..3 {
        stage.look().await;
    }
    assert!(stage.cluster.image().contains(":1.0.1@"), "{}", stage.cluster.image());
    assert_eq!((kinds(&stage), stage.cluster.annotation("held")), (vec![NoticeKind::Failed], None));
    stage.cluster.rolls(Rollout::Complete);
    ready(&stage);
    stage.look().await;
    stage.clock.step(TimeDelta::seconds(60));
    stage.look().await;
    assert_eq!(kinds(&stage), [NoticeKind::Failed, NoticeKind::Applied], "it came up");
}

#[tokio::test]
async fn what_breaks_while_a_canary_waits_to_be_promoted_is_undone() {
    let stage = updated().await;
    stage.cluster.rolls(Rollout::Waiting(crate::domain::rollout::Waits::CanaryPause));
    ready(&stage);
    stage.look().await;
    assert!(stage.cluster.state(|state| state.is_followed), "it may break yet");
    says(&stage, "CrashLoopBackOff", 2);
    stage.look().await;
    assert_eq!(stage.cluster.image(), "a.example/web:1.0.0");
}

#[tokio::test]
async fn an_autoscaler_does_not_keep_an_update_from_its_end() {
    let stage = updated().await;
    let scale = |names: &[&str]| {
        let pods = names.iter().map(|name| {
            let pod = pod(&stage, Standing::Ready(Some(stage.clock.now())));
            Pod { name: (*name).into(), ..pod }
        });
        let first = stage.cluster.state(|state| state.pods.take()).unwrap_or_default();
        let pods = first.into_iter().take(1).chain(pods).collect();
        stage.cluster.state(|state| state.pods = Some(pods));
    };
    stage.cluster.rolls(Rollout::Complete);
    scale(&["web-1"]);
    stage.look().await;
    for n in 2..5 {
        stage.clock.step(TimeDelta::seconds(20));
        stage.cluster.rolls(Rollout::Progressing(Progress { updated: n, available: 1, ..Progress::default() }));
        stage.look().await;
        stage.cluster.rolls(Rollout::Complete);
        scale(&[&format!("web-{n}")]);
        stage.look().await;
    }
    assert_eq!(kinds(&stage), [NoticeKind::Applied]);
}

#[tokio::test]
async fn what_a_person_wrote_in_one_container_is_not_laid_on_what_was_written_in_the_other() {
    let both =
        workload(&[("web", "a.example/web:1.0.0"), ("migrate", "a.example/web:1.0.0")], &[("mode", "AUTO_UPDATE")]);
    let stage = Stage::new(both, &["1.0.0", "1.0.1"]);
    stage.look().await;
    stage.changed(|now| now.containers[1].image = "a.example/web:broken".into());
    stage.cluster.rolls(Rollout::Progressing(Progress::default()));
    let waits = Some(Said::new("CrashLoopBackOff", "back-off 20s restarting failed container"));
    let exit = Some(Exit { code: 2, word: "Error".into(), message: "no such table".into(), at: None });
    let containers = [ContainerStatus { name: "migrate".into(), restarts: 3, waits, exit }].into();
    let images = stage.cluster.state(|state| {
        state.workload.containers.iter().map(|it| (it.name.clone(), it.image.clone())).collect::<Vec<_>>()
    });
    let stands = Standing::Troubled(Box::new(Troubled { containers, ..Troubled::default() }));
    let theirs = Pod { name: "web-1".into(), images: images.into(), stands };
    stage.cluster.state(|state| state.pods = Some(vec![theirs]));
    stage.look().await;
    assert!(!kinds(&stage).contains(&NoticeKind::Failed), "{:?}", kinds(&stage));
}
