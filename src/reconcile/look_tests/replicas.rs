//! What one replica tells the others of its looks.

use super::*;
use crate::domain::view::CameTo;
use crate::queue::NewsKind;
use crate::queue::replicas::tests::pair;
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

/// As while one replica after another is started with a new key.
#[tokio::test]
async fn a_record_whose_key_another_replica_has_is_left_to_it_and_asked_anew_when_nobody_has_it() {
    let (here, there, between) = pair();
    let pod = workload(&[("web", "a.example/web:1.0.0")], &[("mode", "NOTIFICATION")]);
    let mut stage = Stage::new(pod, &["1.0.0", "1.0.1"]);
    let parts = Parts::clone(&stage.reconciler.0);
    let keys = LinkKey::new(vec![8; 32]).unwrap().into();
    let other = Reconciler::new(Parts { standing_still: Arc::default(), replicas: there, keys, ..parts.clone() });
    stage.reconciler = Reconciler::new(Parts { standing_still: Arc::default(), replicas: here, ..parts });
    let (_raise, stop) = Stop::new();
    let repository = Repository::parse("a.example/web").unwrap();
    let asked = || stage.joe.0.lock().unwrap().len();
    let goes = async {
        // Both listen for as long as it takes to know who there is.
        tokio::task::yield_now().await;
        stage.clock.step(TimeDelta::seconds(20));
        other.tell_keys();
        other.look(&repository, "").await;
        assert_eq!(asked(), 1);
        let record = stage.workload().annotation("record").map(str::to_owned);
        let key = other.0.keys.names().next().unwrap().to_owned();
        while !stage.reconciler.is_left_to_others(&key) {
            tokio::task::yield_now().await;
        }
        let left = stage.reconciler.look(&repository, "").await;
        assert!(matches!(&left, Verdict::Retry { reason, .. } if reason.contains("another replica has")), "{left:?}");
        assert!(stage.reconciler.differs_from_others().is_some());
        assert_eq!(
            (asked(), stage.workload().annotation("record").map(str::to_owned)),
            (1, record),
            "it is the other's"
        );
        // It says nothing any more.
        stage.clock.step(TimeDelta::seconds(16));
        stage.look().await;
        assert_eq!(asked(), 2, "nobody has the key: it is asked anew");
        stage.clock.step(TimeDelta::seconds(1300));
        assert_eq!(stage.reconciler.differs_from_others(), None);
    };
    tokio::select! {
        done = tokio::time::timeout(Duration::from_secs(20), goes) => done.expect("it ends"),
        () = stage.reconciler.keep_hearing(stop) => panic!("it is not told to end"),
        () = between => panic!("both are there"),
    }
}

/// As while a version is rolled out that tells more, or less, of a look.
#[tokio::test]
async fn what_cannot_be_read_of_another_replica_is_counted() {
    let (here, there, between) = pair();
    let mut stage = Stage::new(workload(&[("web", "a.example/web:1.0.0")], &[]), &["1.0.0"]);
    let parts = Parts::clone(&stage.reconciler.0);
    stage.reconciler = Reconciler::new(Parts { standing_still: Arc::default(), replicas: here, ..parts });
    let unreadable = |number: u8| {
        stage.metrics.text().contains(&format!("image_watcher_replica_news_total{{result=\"unreadable\"}} {number}\n"))
    };
    assert!(unreadable(0));
    let (_raise, stop) = Stop::new();
    let told = async {
        // It listens before anything is told.
        tokio::task::yield_now().await;
        for (kind, news) in [
            (NewsKind::Look, r#"{"place":["uid","web"],"by":"Group"}"#),
            (NewsKind::Keys, r#"{"names":["a"]}"#),
            (NewsKind::Wait, "of registries, which others read"),
        ] {
            assert_eq!(there.tell(kind, news).as_str(), "told");
        }
        while !unreadable(2) {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        told = tokio::time::timeout(Duration::from_secs(20), told) => told.expect("both are counted, and not what is told to others here"),
        () = stage.reconciler.keep_hearing(stop) => panic!("it is not told to end"),
        () = between => panic!("both are there"),
    }
}

impl Stage {
    /// Another replica on the same cluster and the same store.
    fn other(&self) -> Reconciler<SqliteQueue, Shelf, OneWorkload> {
        let parts = Parts::clone(&self.reconciler.0);
        Reconciler::new(Parts { standing_still: Arc::default(), ..parts })
    }
}

/// Each has found the question open, and asks the registry, when the first is written.
#[tokio::test]
async fn of_two_answers_at_the_same_moment_on_two_replicas_one_wins_and_the_other_is_told_so() {
    for second in [Action::Approve, Action::Skip] {
        let stage = Stage::new(workload(&[("web", "a.example/web:1.0.0")], &[]), &["1.0.0", "1.0.1"]);
        stage.look().await;
        let (other, link, writes) = (stage.other(), stage.link(), stage.writes());
        stage.told();
        stage.cluster.state(|state| state.is_guarded = true);
        let closed = stage.registry.answers.acquire().await.unwrap();
        let asked = stage.registry.asked.load(Ordering::SeqCst);
        let is_at_registry = async |so_many: i64| {
            while stage.registry.asked.load(Ordering::SeqCst) < asked + so_many {
                tokio::task::yield_now().await;
            }
        };
        let press = |action| Press { is_confirmed: true, ..Press::of(action) };
        let both = async {
            let (approve, other_press) = (press(Action::Approve), press(second));
            let first = stage.reconciler.settle(&link, &approve, "trace");
            let beside = async {
                is_at_registry(1).await;
                if second == Action::Skip {
                    let settled = other.settle(&link, &other_press, "trace").await;
                    drop(closed);
                    return settled;
                }
                let open = async {
                    is_at_registry(2).await;
                    drop(closed);
                };
                tokio::join!(other.settle(&link, &other_press, "trace"), open).0
            };
            tokio::join!(first, beside)
        };
        let (first, beside) = tokio::time::timeout(Duration::from_secs(20), Box::pin(both)).await.expect("both end");
        assert!(first.is_own != beside.is_own, "{second:?}: {first:?} {beside:?}");
        let is_one = |answer: &Answer| match second {
            Action::Skip => matches!(answer, Answer::Skipped(_)),
            _ => matches!(answer, Answer::Approved(_)),
        };
        assert!(is_one(&first.answer) && is_one(&beside.answer), "{second:?}: {first:?} {beside:?}");
        assert_eq!(stage.runs("1.0.1"), second == Action::Approve, "{second:?}");
        assert_eq!(stage.writes(), writes + 1, "{second:?}: one is written");
        assert!(stage.told().len() <= 1, "{second:?}: and told once");
    }
}
