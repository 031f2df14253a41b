//! Whose image a tool would put back is asked about first.

use super::*;
use crate::domain::owner::Owner;

fn owned(more: &[(&str, &str)]) -> Stage {
    let label = |name: &str| (name == "argocd.argoproj.io/instance").then_some("shop");
    let owner = Owner::read(label, |_| None).map(Box::new);
    Stage::new(Workload { owner, ..auto(more) }, &["1.0.0", "1.0.1"])
}

#[tokio::test]
async fn what_a_tool_owns_is_asked_about_with_the_line_to_change() {
    let stage = owned(&[]);
    stage.look().await;
    assert_eq!(stage.cluster.image(), "a.example/web:1.0.0", "it is not patched by itself");
    let told = stage.joe.0.lock().unwrap().clone();
    let [notice] = told.as_slice() else { panic!("{told:?}") };
    let owner = notice.owner.as_ref().unwrap().to_string();
    let parts = ["Argo CD application shop: ", "image: a.example/web:1.0.1", "image-watcher/patch-owned is true"];
    assert!(parts.iter().all(|part| owner.contains(part)), "{owner}");
    assert!(notice.kind == NoticeKind::Available && notice.policy.starts_with("AUTO_UPDATE"), "{notice:?}");
    stage.look().await;
    assert_eq!(stage.counted("proposed", "already"), 1, "it is asked once");
    assert_eq!(
        stage.managed_elsewhere(),
        [
            "web: 1.0.1 waits: Argo CD application shop owns the workload and would undo the update; image-watcher/patch-owned: true lets AUTO_UPDATE write all the same"
        ]
    );
    assert!(matches!(stage.answers(Action::Approve).await, Answer::Approved(_)), "a person's word is enough");
    assert!(stage.cluster.image().starts_with("a.example/web:1.0.1@"));
}

#[tokio::test]
async fn what_a_tool_owns_is_patched_where_the_workload_says_so() {
    let stage = owned(&[("patch-owned", "true")]);
    stage.look().await;
    assert!(stage.cluster.image().starts_with("a.example/web:1.0.1@"));
    assert!(stage.joe.0.lock().unwrap().is_empty());
    assert!(stage.managed_elsewhere().is_empty());
}

impl Stage {
    /// What Events say of updates that are not written as a tool owns the workload.
    fn managed_elsewhere(&self) -> Vec<String> {
        let of = |one: &WorkloadEvent| match one {
            WorkloadEvent::ManagedElsewhere(note) => Some(note.clone()),
            _ => None,
        };
        self.cluster.state(|state| state.announced.iter().filter_map(of).collect())
    }
}

#[tokio::test]
async fn that_a_tool_owns_the_workload_is_an_event_a_version_however_often_people_are_reminded() {
    let stage = owned(&[]);
    for _ in 0..3 {
        stage.look().await;
        stage.clock.step(TimeDelta::days(8));
    }
    let reminded = stage.cluster.announced(|one| matches!(one, WorkloadEvent::UpdateAvailable(_)));
    assert!(reminded > 1, "they are reminded");
    assert_eq!(stage.managed_elsewhere().len(), 1);
    *stage.registry.tags.lock().unwrap() = vec!["1.0.0", "1.0.1", "1.0.2"];
    stage.look().await;
    assert_eq!(stage.managed_elsewhere().len(), 2, "it is another update");
}
