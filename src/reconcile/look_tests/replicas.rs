//! What one replica tells the others of its looks.

use super::*;
use crate::domain::view::CameTo;
use crate::queue::replicas::pair;
use crate::stop::Stop;

impl Stage {
    fn workload(&self) -> Arc<Workload> {
        self.cluster.state(|state| Arc::clone(&state.workload))
    }
}

#[tokio::test]
async fn what_a_look_came_to_is_known_wherever_it_is_asked_for() {
    let (here, there, between) = pair();
    let pod =
        workload(&[("web", "a.example/web:1.0.0")], &[("mode", "AUTO_UPDATE"), ("window", "Mon-Fri 01:00-01:05 UTC")]);
    let mut stage = Stage::new(pod, &["1.0.0", "1.0.1"]);
    let parts = Parts::clone(&stage.reconciler.0);
    let other = Reconciler::new(Parts { standing_still: Arc::default(), replicas: there, ..parts.clone() });
    stage.reconciler = Reconciler::new(Parts { standing_still: Arc::default(), replicas: here, ..parts });
    let workload = stage.workload();
    assert_eq!(other.last_look(&workload, "web"), None);
    let (_raise, stop) = Stop::new();
    let told = async {
        // It listens before anything is told.
        tokio::task::yield_now().await;
        stage.look().await;
        loop {
            match other.last_look(&workload, "web") {
                Some(look) => return look,
                None => tokio::task::yield_now().await,
            }
        }
    };
    let told = tokio::select! {
        told = tokio::time::timeout(Duration::from_secs(20), told) => told.expect("the other has heard it"),
        () = other.keep_hearing(stop) => panic!("it is not told to end"),
        () = between => panic!("both are there"),
    };
    assert_eq!(Some(&told), stage.reconciler.last_look(&workload, "web").as_ref());
    assert!(matches!(&told.came_to, CameTo::To { tag, .. } if tag.as_str() == "1.0.1"), "{told:?}");
}

#[tokio::test]
async fn a_look_at_another_image_than_runs_now_says_nothing_of_it() {
    let stage = Stage::new(workload(&[("web", "a.example/web:1.0.0")], &[]), &["1.0.0", "1.0.1"]);
    stage.look().await;
    let before = stage.workload();
    assert!(stage.reconciler.last_look(&before, "web").is_some());
    let mut updated = Workload::clone(&before);
    updated.containers[0].image = "a.example/web:1.0.2".into();
    assert_eq!(stage.reconciler.last_look(&updated, "web"), None, "another has updated it");
}
