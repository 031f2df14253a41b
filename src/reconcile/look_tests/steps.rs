//! `image-watcher/steps`, as a workload goes through them.

use super::*;

/// Each is gone through to its end, and the next begins when that runs.
#[tokio::test]
async fn three_majors_are_gone_through_one_after_another() {
    let tags = ["1.0.0", "1.9.2", "1.10.0", "2.0.0", "2.3.1", "3.0.0", "3.1.4", "4.0.0", "4.2.0"];
    let stage = Stage::new(auto(&[("steps", "major")]), &tags);
    for step in ["1.10.0", "2.3.1", "3.1.4", "4.2.0"] {
        stage.cluster.rolls(Rollout::Complete);
        for _ in 0..3 {
            stage.look().await;
            if stage.runs(step) {
                break;
            }
        }
        assert!(stage.runs(step), "{step}: {}", stage.cluster.image());
        stage.cluster.rolls(Rollout::Progressing(Progress::default()));
        for _ in 0..3 {
            stage.look().await;
        }
        assert!(stage.runs(step), "it is not healthy yet: {}", stage.cluster.image());
    }
}
