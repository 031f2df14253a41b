//! What stands in the way of a way back is told, or deleted where that is allowed, and never before.

use super::*;
use crate::domain::rollout::obstacle::{Hope, ObstacleKind};
use crate::domain::rollout::pods::{ContainerStatus, Said, Standing, Troubled};
use crate::domain::workload::Kind;

/// A `StatefulSet` whose pod `web-1` does not come up with 1.0.1, so that 1.0.0 is written again.
async fn gone_back(hope: Hope, deletes_broken: bool) -> Stage {
    let mut workload = auto(&[]);
    workload.id.kind = Kind::StatefulSet;
    let stage = Stage::new(workload, &["1.0.0"]);
    stage.look().await;
    stage.has(&["1.0.0", "1.0.1"]);
    stage.look().await;
    let failed: Box<str> = stage.cluster.image().into();
    assert!(failed.contains(":1.0.1@"), "{failed}");
    stage.cluster.rolls(Rollout::Progressing(Progress { is_ordered: true, ..Progress::default() }));
    let waits = Some(Said::new("ImagePullBackOff", "web:1.0.1: not found"));
    let containers = [ContainerStatus { name: "web".into(), waits, ..ContainerStatus::default() }].into();
    let stands = Standing::Troubled(Box::new(Troubled { containers, ..Troubled::default() }));
    stage.cluster.state(|state| {
        state.pods = Some(vec![Pod { name: "web-1".into(), images: Arc::from([("web".into(), failed)]), stands }]);
        state.deletes_broken = deletes_broken;
        state.obstacle = Some(Obstacle::new(ObstacleKind::Pod, "web-1", ("u", "7"), hope));
    });
    stage.look().await;
    assert_eq!(stage.cluster.image(), "a.example/web:1.0.0");
    assert_eq!(stage.removed(), 0, "nothing is deleted before the old image is written");
    stage
}

impl Stage {
    fn removed(&self) -> usize {
        self.cluster.state(|state| state.removed)
    }

    /// A moment in which its controller could have replaced the pod by itself.
    async fn waits(&self) {
        self.look().await;
        self.clock.step(TimeDelta::seconds(5));
        self.look().await;
    }

    fn in_the_way(&self, kind: NoticeKind) -> Vec<(String, bool)> {
        let told = self.joe.0.lock().unwrap();
        let notice = told.iter().rev().find(|notice| notice.kind == kind).unwrap();
        notice.in_the_way.iter().map(|one| (one.to_string(), one.is_ours)).collect()
    }
}

#[tokio::test]
async fn without_the_right_people_are_told_the_line() {
    let stage = gone_back(Hope::None, false).await;
    assert_eq!(stage.in_the_way(NoticeKind::Failed), [("pod web-1".to_owned(), false)]);
    stage.waits().await;
    let error = stage.cluster.annotation("error").unwrap_or_default();
    assert!(error.ends_with("to delete it: kubectl delete pod web-1 -n shop"), "{error}");
    let writes = stage.writes();
    stage.waits().await;
    assert_eq!((stage.removed(), stage.writes()), (0, writes), "it is said once");
    assert_eq!(stage.cluster.announced(|one| matches!(one, WorkloadEvent::RolloutSlow(_))), 1);
}

#[tokio::test]
async fn with_the_right_it_is_deleted_once_and_told_with_the_end() {
    let stage = gone_back(Hope::None, true).await;
    assert_eq!(stage.in_the_way(NoticeKind::Failed), [("pod web-1".to_owned(), true)]);
    stage.look().await;
    assert_eq!(stage.removed(), 0, "its controller may do it by itself");
    stage.waits().await;
    stage.waits().await;
    assert_eq!(stage.removed(), 1);
    assert_eq!(stage.cluster.announced(|one| matches!(one, WorkloadEvent::BrokenDeleted(_))), 1);
    stage.cluster.state(|state| state.pods = Some(Vec::new()));
    stage.cluster.rolls(Rollout::Complete);
    stage.look().await;
    assert_eq!(stage.in_the_way(NoticeKind::RolledBack), [("pod web-1".to_owned(), true)]);
}

#[tokio::test]
async fn what_is_deleted_is_told_though_somebody_writes_the_workload_meanwhile() {
    let stage = gone_back(Hope::None, true).await;
    stage.cluster.state(|state| state.is_edited_then = true);
    for _ in 0..3 {
        stage.waits().await;
    }
    assert_eq!(stage.removed(), 1);
    assert_eq!(stage.cluster.announced(|one| matches!(one, WorkloadEvent::BrokenDeleted(_))), 1);
    stage.cluster.state(|state| state.pods = Some(Vec::new()));
    stage.cluster.rolls(Rollout::Complete);
    stage.look().await;
    assert_eq!(stage.in_the_way(NoticeKind::RolledBack), [("pod web-1".to_owned(), true)]);
}

#[tokio::test]
async fn what_has_begun_its_work_or_is_left_alone_is_not_deleted() {
    let stage = gone_back(Hope::Some, true).await;
    stage.waits().await;
    assert_eq!(stage.removed(), 0);
    let stage = gone_back(Hope::None, true).await;
    stage.annotate("mode", "DISABLED");
    stage.waits().await;
    assert_eq!(stage.removed(), 0, "nothing is to be done to it");
}

#[tokio::test]
async fn settings_that_can_not_be_read_never_lead_to_a_deletion() {
    let stage = gone_back(Hope::None, true).await;
    stage.annotate("mode", "DISABELD");
    for _ in 0..3 {
        stage.waits().await;
    }
    assert_eq!(stage.removed(), 0, "nobody can know what is to be done to it");
    stage.annotate("mode", "AUTO_UPDATE");
    for _ in 0..2 {
        stage.waits().await;
    }
    assert_eq!(stage.removed(), 1);
}

/// What is deleted is written down before: a process that dies in between has deleted nothing that nobody hears of.
#[tokio::test]
async fn nothing_is_deleted_that_is_not_written_down() {
    let mut stage = gone_back(Hope::None, true).await;
    stage.waits().await;
    assert_eq!(stage.removed(), 0, "it is written down");
    stage.restart();
    stage.look().await;
    assert_eq!(stage.removed(), 1);
    stage.restart();
    stage.cluster.state(|state| state.pods = Some(Vec::new()));
    stage.cluster.rolls(Rollout::Complete);
    stage.look().await;
    assert_eq!(stage.in_the_way(NoticeKind::RolledBack), [("pod web-1".to_owned(), true)]);
    let stage = gone_back(Hope::None, true).await;
    stage.cluster.state(|state| state.refuses = Refuses::NoRight);
    for _ in 0..3 {
        stage.waits().await;
    }
    assert_eq!(stage.removed(), 0, "nothing can be written down");
    let stage = gone_back(Hope::None, true).await;
    stage.cluster.state(|state| state.removal = Removal::Forbidden);
    for _ in 0..3 {
        stage.waits().await;
    }
    let error = stage.cluster.annotation("error").unwrap_or_default();
    assert!(error.contains("image-watcher may not: rbac.deleteBroken"), "{error}");
    stage.cluster.state(|state| state.pods = Some(Vec::new()));
    stage.cluster.rolls(Rollout::Complete);
    stage.look().await;
    assert_eq!(stage.in_the_way(NoticeKind::RolledBack), [], "somebody else did");
}
