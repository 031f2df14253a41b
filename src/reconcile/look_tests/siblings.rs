//! Containers of one workload that run other repositories, and go one after another.

use super::*;

impl Stage {
    /// The repositories that are to be looked at now.
    async fn due(&self) -> Vec<String> {
        let batch = self.reconciler.0.queue.lease(&Topic::Look, 10, &Sharing::in_order(10)).await.unwrap();
        let of = |leased: &Leased| match &leased.job {
            Job::Look(repository) => Some(repository.to_string()),
            _ => None,
        };
        batch.jobs.iter().filter_map(of).collect()
    }
}

#[tokio::test]
async fn who_waits_for_another_container_is_looked_at_when_that_has_ended() {
    let pod = workload(&[("web", "a.example/web:1.0.0"), ("log", "b.example/log:1.0.0")], &[("mode", "AUTO_UPDATE")]);
    let stage = Stage::new(pod, &["1.0.0", "1.0.1"]);
    let log = Repository::parse("b.example/log").unwrap();
    let image = || stage.cluster.state(|state| state.workload.containers[1].image.to_string());
    stage.look().await;
    assert!(stage.cluster.image().starts_with("a.example/web:1.0.1@"));
    stage.cluster.rolls(Rollout::Progressing(Progress::default()));
    stage.reconciler.look(&log, "trace").await;
    stage.look().await;
    assert_eq!((image().as_str(), stage.due().await), ("b.example/log:1.0.0", Vec::new()), "it waits");
    stage.cluster.rolls(Rollout::Complete);
    stage.look().await;
    assert_eq!(stage.due().await, ["b.example/log"]);
    stage.reconciler.look(&log, "trace").await;
    assert!(image().starts_with("b.example/log:1.0.1@"), "{}", image());
    stage.look().await;
    assert_eq!(stage.due().await, Vec::<String>::new(), "it is looked at once");
}
