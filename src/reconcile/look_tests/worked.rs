//! The looks that the queue has, as they are done one after another.

use super::*;
use crate::queue::Urgency;
use crate::reconcile::fleet::first_look::FirstLook;
use crate::stop::Stop;

#[tokio::test]
async fn a_look_that_waits_is_done_and_its_end_is_told() {
    let stage =
        Stage::new(workload(&[("web", "a.example/web:1.0.0")], &[("mode", "AUTO_UPDATE")]), &["1.0.0", "1.0.1"]);
    let look = NewJob {
        job: Job::Look(Repository::parse("a.example/web").unwrap()),
        trace: "trace".into(),
        not_before: stage.reconciler.0.ambient.now(),
        urgency: Urgency::Prompt,
        failed: None,
    };
    stage.reconciler.0.queue.put(vec![look]).await.unwrap();
    let (raise, stop) = Stop::new();
    let (ended, first_look) = (Arc::new(Mutex::new(Vec::new())), Arc::new(FirstLook::new(None)));
    let told = Arc::clone(&ended);
    let looks = Looks {
        reconciler: stage.reconciler.clone(),
        namespaces: Arc::new(|_| vec!["default".into()]),
        put_off: Arc::new(|_| None),
        first_look: Arc::clone(&first_look),
        after: Arc::new(move |repository, _, verdict| {
            told.lock().unwrap().push((repository.to_string(), matches!(verdict, Verdict::Dead { .. })));
            raise.raise();
            Verdict::Dead { reason: "as a test says".into() }
        }),
        stop,
    };
    looks.run().await;
    assert_eq!(*ended.lock().unwrap(), [("a.example/web".to_owned(), false)]);
    let depth = stage.reconciler.0.queue.depth().await.unwrap();
    assert_eq!(depth.dead, [("look".to_owned(), 1)], "what is said of its end counts");
    let ambient = &stage.reconciler.0.ambient;
    let (later, now) = (ambient.monotonic() + Duration::from_secs(600), ambient.now());
    assert_eq!(first_look.ended(later, now), Some(now), "it is under way no more");
}
