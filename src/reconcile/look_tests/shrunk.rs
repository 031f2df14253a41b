//! A list of tags that lost most of what it had while the process was not running.

use super::*;

const ALL: [&str; 10] = ["1.0.0", "1.0.1", "1.0.2", "1.0.3", "1.0.4", "1.0.5", "1.0.6", "1.0.7", "1.0.8", "1.0.9"];
const FEW: [&str; 3] = ["1.0.0", "1.0.9", "1.0.10"];

async fn shrinks_while_it_is_down(settings: &[(&str, &str)]) -> Stage {
    let image = workload(&[("web", "a.example/web:1.0.9")], &[&[("mode", "AUTO_UPDATE")], settings].concat());
    let mut stage = Stage::new(image, &ALL);
    stage.look().await;
    *stage.registry.tags.lock().unwrap() = FEW.to_vec();
    stage.restart();
    stage.look().await;
    stage
}

#[tokio::test]
async fn a_list_that_shrank_while_the_process_was_down_is_doubted_whatever_orders_it() {
    for settings in [
        &[][..],
        &[("tag-policy", r"regex:^1\.0\.(?P<compare>[0-9]+)$"), ("tag-order", "numeric")],
        &[("tag-policy", r"regex:^(1\..*)$")],
    ] {
        let mut stage = shrinks_while_it_is_down(settings).await;
        assert!(stage.runs("1.0.9"), "{settings:?}: {}", stage.cluster.image());
        assert!(stage.says().contains("the list has only 3 of the 10 tags"), "{settings:?}: {}", stage.says());
        for hours in [12, 11] {
            stage.clock.step(TimeDelta::hours(hours));
            stage.restart();
            stage.look().await;
            assert!(stage.runs("1.0.9"), "{settings:?}: {}", stage.cluster.image());
        }
        stage.clock.step(TimeDelta::hours(2));
        stage.restart();
        stage.look().await;
        assert!(stage.runs("1.0.10"), "{settings:?}, a day after it was found: {}", stage.says());
    }
}

/// What was kept was of the tag that ran before.
#[tokio::test]
async fn a_list_that_shrank_after_an_update_while_the_process_was_down_is_doubted_too() {
    for settings in [&[][..], &[("tag-policy", r"regex:^(1\..*)$")]] {
        let image = workload(&[("web", "a.example/web:1.0.8")], &[&[("mode", "AUTO_UPDATE")], settings].concat());
        let mut stage = Stage::new(image, &ALL);
        stage.look().await;
        assert!(stage.runs("1.0.9"), "{settings:?}: {}", stage.says());
        *stage.registry.tags.lock().unwrap() = FEW.to_vec();
        stage.restart();
        stage.look().await;
        assert!(stage.runs("1.0.9"), "{settings:?}: {}", stage.cluster.image());
        assert!(stage.says().contains("the list has only 3 of the 10 tags"), "{settings:?}: {}", stage.says());
    }
}

#[tokio::test]
async fn a_first_list_that_lacks_what_runs_is_doubted_whatever_orders_it() {
    for settings in [&[][..], &[("tag-policy", r"regex:^(1\..*)$")]] {
        let image = workload(&[("web", "a.example/web:1.0.5")], &[&[("mode", "AUTO_UPDATE")], settings].concat());
        let stage = Stage::new(image, &FEW);
        stage.look().await;
        assert!(stage.runs("1.0.5"), "{settings:?}: {}", stage.cluster.image());
        assert!(stage.says().contains("lacks 1.0.5"), "{settings:?}: {}", stage.says());
    }
}
