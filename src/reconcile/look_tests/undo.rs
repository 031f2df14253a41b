//! What somebody set back, and what went back with it.

use super::*;
use crate::domain::approval::Token;

impl Stage {
    /// Somebody else writes the workload.
    pub(super) fn changed(&self, change: impl FnOnce(&mut Workload)) {
        self.cluster.state(|state| {
            let mut now = Workload::clone(&state.workload);
            (now.generation, now.resource_version) = (now.generation + 1, now.resource_version + 1);
            change(&mut now);
            state.workload = Arc::new(now);
        });
    }

    pub(super) fn annotate(&self, name: &str, value: &str) {
        self.changed(|now| {
            let mut all: Vec<(Box<str>, Box<str>)> = now.annotations.to_vec();
            all.retain(|(key, _)| **key != *name);
            all.push((name.into(), value.into()));
            all.sort_unstable();
            now.annotations = all.into();
        });
    }

    pub(super) fn set_image(&self, image: &str) {
        self.changed(|now| now.containers[0].image = image.into());
    }

    fn now(&self) -> Workload {
        self.cluster.state(|state| Workload::clone(&state.workload))
    }

    /// What `kubectl rollout undo` does: images and annotations become what they were.
    fn undone(&self, to: &Workload) {
        self.changed(|now| {
            now.annotations = to.annotations.clone();
            now.containers = to.containers.clone();
        });
    }

    pub(super) fn has(&self, tags: &[&'static str]) {
        *self.registry.tags.lock().unwrap() = tags.to_vec();
    }

    /// Kinds and versions of what was told since this was asked last.
    pub(super) fn told(&self) -> Vec<(&'static str, String)> {
        self.joe.0.lock().unwrap().drain(..).map(|told| (told.kind.as_str(), told.to.tag)).collect()
    }

    /// The link that was told of last.
    pub(super) fn link(&self) -> Token {
        let told = self.joe.0.lock().unwrap();
        let asked = told.iter().rev().find_map(Notice::asked).unwrap();
        Token::parse(&asked.token(&self.reconciler.0.keys, "email:joe@example.com", self.clock.now()).unwrap()).unwrap()
    }

    /// 1.0.1 came, was applied and is healthy. What there was before.
    async fn updated(&self) -> Workload {
        self.look().await;
        let before = self.now();
        self.has(&["1.0.0", "1.0.1"]);
        self.look().await;
        self.look().await;
        assert!(self.cluster.image().starts_with("a.example/web:1.0.1@"), "{}", self.cluster.image());
        self.told();
        before
    }
}

pub(super) fn follows() -> Stage {
    let follows = [("mode", "AUTO_UPDATE"), ("track", "digest")];
    Stage::new(workload(&[("web", "a.example/web:7.2")], &follows), &["7.2"])
}

/// The tag was pushed again and is written with its digest; whether its rollout is complete. What there was before.
async fn pinned(stage: &Stage, is_complete: bool) -> Workload {
    stage.look().await;
    let before = stage.now();
    stage.registry.pushed_again.store(1, Ordering::SeqCst);
    stage.look().await;
    if !is_complete {
        stage.cluster.rolls(Rollout::Progressing(Progress { available: 1, has_deadline: true, ..Progress::default() }));
    }
    stage.look().await;
    assert_eq!(stage.cluster.image(), format!("a.example/web:7.2@{}", digest_of("7.2", 1)));
    before
}

#[tokio::test]
async fn a_followed_tag_that_lost_its_pin_was_set_back() {
    for (is_complete, how) in [(false, "undo"), (false, "tool"), (true, "undo")] {
        let stage = follows();
        let before = pinned(&stage, is_complete).await;
        stage.told();
        match how {
            "undo" => stage.undone(&before),
            _ => stage.set_image("a.example/web:7.2"),
        }
        stage.look().await;
        stage.cluster.rolls(Rollout::Complete);
        let writes = stage.writes();
        for _ in 0..3 {
            stage.look().await;
        }
        let told = stage.told();
        assert_eq!(told.first(), Some(&("update.held", "7.2".into())), "{how} {is_complete}: {told:?}");
        assert_eq!(told.iter().any(|(kind, _)| *kind == "update.applied"), is_complete, "{how}: {told:?}");
        let healthy = stage.cluster.announced(|one| matches!(one, WorkloadEvent::RolloutHealthy(_)));
        assert_eq!(healthy, usize::from(is_complete), "{how}");
        assert_eq!(stage.cluster.announced(|one| matches!(one, WorkloadEvent::VersionHeld(_))), 1);
        assert_eq!((stage.cluster.image().as_str(), stage.writes()), ("a.example/web:7.2", writes), "it stays back");
        let history = stage.cluster.annotation("history").unwrap();
        assert!(history.contains(if is_complete { "healthy" } else { "replaced" }), "{history}");
    }
}

#[tokio::test]
async fn a_followed_tag_that_was_set_back_goes_on_when_it_moves_and_when_somebody_says_so() {
    for says_so in [false, true] {
        let stage = follows();
        pinned(&stage, true).await;
        stage.set_image("a.example/web:7.2");
        stage.look().await;
        if says_so {
            let link = stage.link();
            let answer = stage.reconciler.answer(&link, Action::Resume, "trace").await;
            assert!(matches!(answer, Answer::Resumed(_)), "{answer:?}");
        } else {
            stage.registry.pushed_again.store(2, Ordering::SeqCst);
        }
        stage.look().await;
        let newest = digest_of("7.2", stage.registry.pushed_again.load(Ordering::SeqCst));
        assert_eq!(stage.cluster.image(), format!("a.example/web:7.2@{newest}"), "a person said so: {says_so}");
        assert_eq!(stage.cluster.annotation("held"), None);
    }
}

#[tokio::test]
async fn pins_that_are_not_all_that_was_written_may_go_and_what_other_hands_write_is_theirs() {
    // A tool writes the version that we wrote, as Git names it.
    let stage = Stage::new(auto(&[]), &["1.0.0"]);
    stage.updated().await;
    stage.set_image("a.example/web:1.0.1");
    stage.look().await;
    assert_eq!((stage.cluster.annotation("held"), stage.cluster.image().as_str()), (None, "a.example/web:1.0.1"));
    // Somebody else's pin is removed again.
    let stage = follows();
    stage.look().await;
    stage.set_image(&format!("a.example/web:7.2@{}", digest_of("7.2", 0)));
    stage.look().await;
    stage.set_image("a.example/web:7.2");
    stage.look().await;
    assert_eq!(stage.cluster.annotation("held"), None);
    // A tag that was followed is left and taken again: nothing is known of what runs, and nothing went back.
    let stage = follows();
    pinned(&stage, true).await;
    for image in ["a.example/web:stable", "a.example/web:7.2"] {
        stage.set_image(image);
        stage.look().await;
        stage.look().await;
    }
    assert_eq!((stage.cluster.annotation("held"), stage.cluster.image().as_str()), (None, "a.example/web:7.2"));
}

#[tokio::test]
async fn a_disabled_container_of_another_repository_disables_nothing_else() {
    let images = [("web", "a.example/web:1.0.0"), ("log", "a.example/log:1.0.0")];
    let stage = Stage::new(workload(&images, &[("mode", "AUTO_UPDATE"), ("mode.log", "DISABLED")]), &["1.0.0"]);
    let before = stage.updated().await;
    let log = Repository::parse("a.example/log").unwrap();
    stage.reconciler.look(&log, "trace").await;
    stage.undone(&before);
    stage.look().await;
    assert!(stage.cluster.annotation("held").is_some());
    assert_eq!(stage.cluster.annotation("error"), None, "nobody touched the mode");
    stage.has(&["1.0.0", "1.0.1", "1.0.2"]);
    stage.look().await;
    assert!(stage.cluster.image().starts_with("a.example/web:1.0.2@"), "{}", stage.cluster.image());
}

#[tokio::test]
async fn what_is_left_alone_is_not_signed_anew_where_it_is_not_believed() {
    for is_of_another in [false, true] {
        let mut stage = Stage::new(auto(&[]), &["1.0.0"]);
        let old = stage.updated().await.annotation("record").unwrap().to_owned();
        stage.annotate("mode", "DISABLED");
        stage.look().await;
        stage.annotate("record", &old);
        if is_of_another {
            stage.changed(|now| now.id.uid = "uid-2".into());
            stage.annotate("strategy", "MAJOR");
            stage.restart();
        }
        let writes = stage.writes();
        stage.told();
        for _ in 0..3 {
            stage.look().await;
        }
        assert_eq!((stage.writes(), stage.cluster.annotation("record")), (writes, Some(old)), "{is_of_another}");
        assert!(!is_of_another || stage.told().is_empty(), "what was told of another object is not told of this one");
    }
}

#[tokio::test]
async fn what_is_held_is_not_resumed_where_nothing_is_to_be_done() {
    let stage = Stage::new(auto(&[]), &["1.0.0"]);
    stage.updated().await;
    stage.set_image("a.example/web:1.0.0");
    stage.look().await;
    let link = stage.link();
    stage.annotate("mode", "DISABLED");
    stage.look().await;
    let writes = stage.writes();
    let answer = stage.reconciler.asked(&link).await;
    assert!(matches!(answer, Answer::Refused(..)), "{answer:?}");
    let answer = stage.reconciler.answer(&link, Action::Resume, "trace").await;
    assert!(matches!(answer, Answer::Refused(..)), "{answer:?}");
    assert_eq!(stage.writes(), writes, "it is left alone");
    stage.annotate("mode", "AUTO_UPDATE");
    let answer = stage.reconciler.answer(&link, Action::Resume, "trace").await;
    assert!(matches!(answer, Answer::Resumed(_)), "it is as good as before: {answer:?}");
}

#[tokio::test]
async fn what_is_held_is_asked_about_anew_once_a_week_for_three_weeks() {
    let stage = Stage::new(auto(&[]), &["1.0.0"]);
    stage.updated().await;
    stage.set_image("a.example/web:1.0.0");
    stage.look().await;
    let first = stage.link();
    let mut links = vec![first.approval().clone()];
    stage.told();
    let writes = stage.writes();
    for _ in 0..21 * 4 {
        stage.clock.step(TimeDelta::hours(6));
        stage.look().await;
        let told = std::mem::take(&mut *stage.joe.0.lock().unwrap());
        for notice in told.into_iter().filter(|notice| notice.kind.as_str() != "update.applied") {
            assert_eq!((notice.kind.as_str(), notice.to.tag.as_str()), ("update.held", "1.0.1"));
            let id = ApprovalId::parse(&notice.approval.unwrap().id).unwrap();
            if !links.contains(&id) {
                links.push(id);
            }
        }
    }
    assert_eq!((links.len(), stage.writes()), (1 + 3, writes + 3), "once a week");
    stage.look().await;
    let link = stage.link();
    let answer = stage.reconciler.asked(&first).await;
    assert!(matches!(answer, Answer::Unknown), "its time is over: {answer:?}");
    let answer = stage.reconciler.answer(&link, Action::Resume, "trace").await;
    assert!(matches!(answer, Answer::Resumed(_)), "{answer:?}");
    stage.look().await;
    assert!(stage.cluster.image().starts_with("a.example/web:1.0.1@"), "{}", stage.cluster.image());
}

/// So often, and so long after another.
async fn set_back_record(stage: &Stage, record: &str, times: usize, pause: TimeDelta) {
    for _ in 0..times {
        stage.annotate("record", record);
        stage.look().await;
        stage.clock.step(pause);
    }
}

fn replaced(stage: &Stage) -> usize {
    stage.cluster.announced(|one| matches!(one, WorkloadEvent::RecordReplaced(_)))
}

#[tokio::test]
async fn a_record_that_a_tool_sets_back_for_ever_is_not_fought_over() {
    let stage = Stage::new(auto(&[]), &["1.0.0"]);
    let before = stage.updated().await;
    let record = before.annotation("record").unwrap().to_owned();
    let (writes, events) = (stage.writes(), replaced(&stage));
    set_back_record(&stage, &record, 100, TimeDelta::seconds(5)).await;
    assert_eq!((stage.writes() - writes, replaced(&stage) - events), (2, 2));
    let of_manifest =
        |event: &WorkloadEvent| matches!(event, WorkloadEvent::RecordReplaced(why) if why.contains("manifest"));
    assert_eq!(stage.cluster.announced(of_manifest), 1);
    // A day and a half later it is tried once in a while, ever more rarely.
    set_back_record(&stage, &record, 36 * 60, TimeDelta::minutes(1)).await;
    assert_eq!(stage.writes() - writes, 2 + 5, "after 1, 2, 4, 8 and 16 hours");
    // The tool lets go: it is put right, and what happens then is none of the story.
    stage.clock.step(TimeDelta::days(1));
    stage.look().await;
    assert_ne!(stage.cluster.annotation("record").unwrap(), record);
    stage.clock.step(TimeDelta::days(3));
    let writes = stage.writes();
    set_back_record(&stage, &record, 2, TimeDelta::hours(2)).await;
    assert_eq!(stage.writes() - writes, 2, "two in two hours are no fight");
}

#[tokio::test]
async fn what_is_known_counts_while_a_false_record_stands() {
    let stage = Stage::new(workload(&[("web", "a.example/web:1.0.0")], &[("mode", "NOTIFICATION")]), &["1.0.0"]);
    stage.look().await;
    let record = stage.cluster.annotation("record").unwrap();
    stage.has(&["1.0.0", "1.0.1"]);
    stage.look().await;
    set_back_record(&stage, &record, 10, TimeDelta::seconds(5)).await;
    assert_eq!(stage.cluster.annotation("record").unwrap(), record, "it stands");
    let link = stage.link();
    let told = stage.told();
    assert!(told.iter().all(|told| *told == ("update.available", "1.0.1".into())), "{told:?}");
    stage.look().await;
    assert_eq!(stage.link().approval(), link.approval(), "it is not asked anew");
    let answer = stage.reconciler.answer(&link, Action::Approve, "trace").await;
    assert!(matches!(answer, Answer::Approved(_)), "{answer:?}");
    stage.annotate("record", &record);
    let answer = stage.reconciler.answer(&link, Action::Approve, "trace").await;
    assert!(matches!(answer, Answer::Approved(_)) && stage.writes() > 0, "a used link stays used: {answer:?}");
    stage.set_image("a.example/web:1.0.0");
    stage.look().await;
    let answer = stage.reconciler.asked(&link).await;
    assert!(matches!(answer, Answer::Approved(_)), "{answer:?}");
    assert!(stage.cluster.annotation("held").is_some(), "what is news is written");
    assert!(stage.reconciler.is_recorded(&link));
}

#[tokio::test]
async fn what_a_followed_tag_goes_to_waits_for_its_cooldown_and_begins_anew_with_each_push() {
    let follows = [("mode", "AUTO_UPDATE"), ("track", "digest"), ("cooldown", "1d")];
    let stage = Stage::new(workload(&[("web", "a.example/web:7.2")], &follows), &["7.2"]);
    stage.look().await;
    let stays = async |pushed: i64, hours: i64| {
        stage.registry.pushed_again.store(pushed, Ordering::SeqCst);
        stage.clock.step(TimeDelta::hours(hours));
        stage.look().await;
        assert_eq!(stage.cluster.image(), "a.example/web:7.2", "after {hours} h with push {pushed}");
    };
    stays(1, 1).await;
    stays(1, 23).await;
    stays(2, 2).await;
    stays(2, 23).await;
    assert_eq!(stage.told(), [], "nobody is asked about what waits");
    stage.clock.step(TimeDelta::hours(1));
    stage.look().await;
    assert_eq!(stage.cluster.image(), format!("a.example/web:7.2@{}", digest_of("7.2", 2)));
}

#[tokio::test]
async fn another_service_of_ours_with_another_key_is_not_fought_over_though_it_never_says_the_same() {
    let stage = Stage::new(auto(&[]), &["1.0.0"]);
    stage.updated().await;
    let (parts, folder) = (Parts::clone(&stage.reconciler.0), tempfile::tempdir().unwrap());
    let theirs = Reconciler::new(Parts {
        keys: LinkKey::new(vec![8; 32]).unwrap().into(),
        queue: SqliteQueue::open(folder.path(), &parts.ambient).unwrap(),
        standing_still: Arc::default(),
        ..parts
    });
    let (before, web) = (stage.writes(), Repository::parse("a.example/web").unwrap());
    for _ in 0..50 {
        theirs.look(&web, "trace").await;
        stage.look().await;
        stage.clock.step(TimeDelta::seconds(5));
    }
    let writes = stage.writes() - before;
    assert!(writes <= 6, "each gives up after two: {writes}");
}
