//! What the schedule asks for, beside what is prompt.

use super::*;

/// The rows are read before the first lease: what the schedule stored before that is still the schedule's.
#[tokio::test]
async fn routine_looks_are_put_off_as_they_are_told_and_go_at_once_when_somebody_asks() {
    let folder = tempfile::tempdir().unwrap();
    let (queue, clock) = stepped(folder.path());
    let routine = |name| NewJob { urgency: Urgency::Routine, ..look(name, clock.now()) };
    queue.put(vec![routine("a"), routine("b"), look("c", clock.now())]).await.unwrap();
    let slots = Slots { all: 8, each_host: 8 };
    let sharing = Sharing::fair(slots, |_| Claim::default()).with_routine(|_| Some(Duration::from_secs(40)));
    let names = async || {
        let batch = queue.lease(&Topic::Look, 8, &sharing).await.unwrap();
        let name = |leased: &Leased| name_of(&leased.job);
        (batch.jobs.iter().map(name).collect::<Vec<_>>(), batch.wait.map(|wait| wait.as_secs()))
    };
    assert_eq!(names().await, (vec!["c".to_owned()], Some(40)));
    queue.put(vec![look("b", clock.now())]).await.unwrap();
    assert_eq!(names().await, (vec!["b".to_owned()], Some(40)), "a webhook came for it");
    clock.step(TimeDelta::seconds(41));
    assert_eq!(names().await, (vec![], Some(40)), "it is asked again then");
}

fn name_of(job: &Job) -> String {
    match job {
        Job::Look(repository) => repository.path().to_owned(),
        Job::Deliver(_) | Job::Gather(_) | Job::Press(_) => String::new(),
    }
}
