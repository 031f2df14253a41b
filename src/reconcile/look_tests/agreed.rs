//! Workloads as the sequencer leaves them, for those who say how they stand: page, API and `check`.

use super::*;
use crate::domain::rollout::Waits;
use crate::domain::view::{CameTo, LastLook};

/// A workload after the last look at it, beside what page and API are told of that look.
pub(crate) struct Left {
    pub(crate) workload: Workload,
    pub(crate) looked: Option<LastLook>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) registry: Arc<Shelf>,
}

impl Stage {
    fn left(self) -> Left {
        let workload = self.cluster.state(|state| Workload::clone(&state.workload));
        let looked = self.reconciler.last_look(&workload, "web");
        Left { workload, looked, clock: self.clock, registry: self.registry }
    }

    async fn looked(self) -> Self {
        self.look().await;
        self
    }

    /// The registry has these tags now, or does not answer.
    async fn then(self, tags: &[&'static str]) -> Self {
        self.has(tags);
        self.looked().await
    }

    /// Somebody sets the image.
    async fn set(self, image: &str) -> Self {
        self.cluster.state(|state| {
            let mut workload = Workload::clone(&state.workload);
            workload.containers[0].image = image.into();
            workload.generation += 1;
            state.workload = Arc::new(workload);
        });
        self.looked().await
    }

    async fn rolled(self, rollout: Rollout) -> Self {
        self.cluster.rolls(rollout);
        self.looked().await
    }
}

const OLD: [&str; 1] = ["1.0.0"];
const BOTH: [&str; 2] = ["1.0.0", "1.0.1"];
const AWAY: [&str; 1] = ["away"];

fn of_mode(mode: &str) -> Workload {
    workload(&[("web", "a.example/web:1.0.0")], &[("mode", mode)])
}

async fn found(workload: Workload) -> Stage {
    Stage::new(workload, &BOTH).looked().await
}

/// 1.0.1 was written, and this is what the cluster says of it.
async fn written(settings: &[(&str, &str)], rollout: Rollout) -> Stage {
    let stage = Stage::new(auto(settings), &OLD);
    stage.written().await;
    stage.rolled(rollout).await
}

fn failed() -> Rollout {
    back::stalled("t1")
}

async fn went_back() -> Stage {
    written(&[], failed()).await.rolled(Rollout::Complete).await
}

async fn snoozed() -> Stage {
    let stage = found(of_mode("NOTIFICATION")).await;
    let answer = stage.reconciler.answer(&stage.link(), Action::Snooze, "trace").await;
    assert!(matches!(answer, Answer::Snoozed(..)), "{answer:?}");
    stage.looked().await
}

async fn refused() -> Stage {
    let stage = Stage::new(auto(&[]), &BOTH);
    stage.cluster.state(|state| state.refuses = Refuses::Images);
    stage.looked().await.looked().await
}

async fn unfit() -> Stage {
    let stage = Stage::new(auto(&[]), &BOTH);
    stage.registry.lost.lock().unwrap().push("1.0.1");
    stage.looked().await
}

/// What runs is in no list, and has no manifest.
async fn gone() -> Stage {
    let stage = Stage::new(auto(&[]), &["0.9.0"]);
    stage.registry.absent.store(1_000_000, Ordering::SeqCst);
    let stage = stage.looked().await;
    stage.clock.step(TimeDelta::minutes(1));
    stage.looked().await
}

#[tokio::test]
async fn a_look_without_an_answer_takes_nothing_of_what_was_known() {
    let stage = found(auto(&[("cooldown", "24h")])).await;
    let known = |stage: &Stage| {
        let workload = stage.cluster.state(|state| Arc::clone(&state.workload));
        stage.reconciler.last_look(&workload, "web").unwrap()
    };
    let before = known(&stage);
    assert!(matches!(before.came_to, CameTo::Cooling { .. }) && before.unanswered.is_none(), "{before:?}");
    stage.clock.step(TimeDelta::minutes(1));
    let stage = stage.then(&AWAY).await;
    let away = known(&stage);
    assert_eq!((&away.came_to, away.at), (&before.came_to, before.at));
    assert!(away.unanswered.as_ref().is_some_and(|why| why.contains("status 503")), "{away:?}");
    let stage = stage.then(&BOTH).await;
    assert_eq!(known(&stage).unanswered, None, "it answers again");
    // What was found is about the image and the settings that were looked at.
    let stage = stage.then(&AWAY).await.set("a.example/web:0.9.0").await;
    let other = known(&stage);
    assert_eq!((&other.came_to, other.answered_at()), (&CameTo::Unknown, None), "{other:?}");
    // A refusal is an answer.
    let stage = stage.then(&[]).await;
    assert!(matches!(known(&stage).came_to, CameTo::Undecided(_)), "{:?}", known(&stage));
}

/// All states in which a look may leave a workload, by name.
pub(crate) async fn all() -> Vec<(&'static str, Left)> {
    let (asks, waits) = (|| of_mode("NOTIFICATION"), Rollout::Waiting(Waits::CanaryPause));
    let paused = Workload { paused: true, ..auto(&[]) };
    let to_people: &[(&str, &str)] = &[("rollback", "false")];
    let stages = vec![
        ("up to date", Stage::new(asks(), &OLD).looked().await),
        ("available, and its window is closed", found(auto(&[("window", "Mon 00:00-00:01 UTC")])).await),
        ("available, and it cools", found(auto(&[("cooldown", "24h")])).await),
        ("available, and its rollouts are paused", found(paused).await),
        ("asked", found(asks()).await),
        ("asked, and its registry is away", found(asks()).await.then(&AWAY).await),
        ("snoozed", snoozed().await),
        ("rolling", written(&[], Rollout::Progressing(Progress::default())).await),
        ("a canary waits", written(&[], waits).await),
        ("failed, and left to people", written(to_people, failed()).await),
        ("failed, and its registry is away", written(to_people, failed()).await.then(&AWAY).await),
        ("goes back", written(&[], failed()).await),
        ("went back", went_back().await),
        ("went back, and its registry is away", went_back().await.then(&AWAY).await),
        ("went back, and what failed is withdrawn", went_back().await.then(&OLD).await),
        ("set back", written(&[], Rollout::Complete).await.set("a.example/web:1.0.0").await),
        ("refused", refused().await),
        ("would not start", unfit().await),
        ("disabled", Stage::new(of_mode("DISABLED"), &BOTH).looked().await),
        ("gone", gone().await),
        ("undecided", Stage::new(asks(), &AWAY).looked().await),
        ("not understood", Stage::new(of_mode("SOMETIMES"), &BOTH).looked().await),
    ];
    stages.into_iter().map(|(name, stage)| (name, stage.left())).collect()
}
