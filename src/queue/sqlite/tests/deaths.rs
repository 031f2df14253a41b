//! Jobs that were under way when a process died.

use super::*;

#[tokio::test]
async fn a_job_that_processes_died_with_waits_longer_each_time_and_others_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let (queue, clock) = stepped(folder.path());
    let at = ambient().at(clock.clone());
    let poison = look("poison", clock.now());
    queue.put(vec![poison.clone()]).await.unwrap();
    let mut queue = queue;
    for death in 1..=3 {
        let leased = lease_all(&queue, &Topic::Look).await;
        assert_eq!(leased.len(), 1, "death {death}");
        queue = die(queue, folder.path(), &at);
    }
    for wait in [15, 60, 240, 960, 3600, 3600] {
        queue.put(vec![look("other", clock.now()), look("poison", clock.now())]).await.unwrap();
        let batch = lease(&queue, &Topic::Look).await;
        assert_eq!(batch.jobs.iter().map(|l| l.job.clone()).collect::<Vec<_>>(), [look("other", clock.now()).job]);
        assert_eq!(batch.wait, Some(Duration::from_secs(wait)), "no hint brings it forward");
        assert_eq!(queue.depth().await.unwrap().suspect, [("look".to_owned(), 1)]);
        let troubles = queue.troubles().await.unwrap().failing;
        assert_eq!(troubles.len(), 1, "{troubles:?}");
        assert_eq!(
            (troubles[0].suspect, troubles[0].last_suspect.as_deref()),
            (1, Some("registry.example.com/poison"))
        );
        queue.settle(&batch.jobs[0], Settlement::Done).await.unwrap();
        clock.step(TimeDelta::seconds(wait.try_into().unwrap()));
        let leased = lease_all(&queue, &Topic::Look).await;
        assert_eq!(leased.iter().map(|l| l.job.clone()).collect::<Vec<_>>(), std::slice::from_ref(&poison.job));
        queue = die(queue, folder.path(), &at);
    }
    clock.step(TimeDelta::hours(1));
    let leased = lease_all(&queue, &Topic::Look).await;
    queue.settle(&leased[0], Settlement::Again(clock.now())).await.unwrap();
    assert!(queue.depth().await.unwrap().suspect.is_empty(), "it is forgiven when it ends well");
    assert_eq!(lease_all(&queue, &Topic::Look).await.len(), 1);
}

#[tokio::test]
async fn each_start_names_the_jobs_that_processes_died_with() {
    let folder = tempfile::tempdir().unwrap();
    let (mut queue, clock) = stepped(folder.path());
    let at = ambient().at(clock.clone());
    queue.put(vec![look("poison", clock.now()), look("harmless", clock.now())]).await.unwrap();
    for _ in 0..3 {
        let leased = lease(&queue, &Topic::Look).await.jobs;
        for job in leased.iter().filter(|leased| leased.job == look("harmless", clock.now()).job) {
            queue.settle(job, Settlement::Done).await.unwrap();
        }
        queue = die(queue, folder.path(), &at);
    }
    // The one before ended well, and never came to it.
    for start in 1..=2 {
        let log = Log::begin();
        queue = die(queue, folder.path(), &at);
        let lines = log.lines();
        assert_eq!(lines.len(), 1, "start {start}: {lines:?}");
        let parts = ["registry.example.com/poison", "deaths=3", "next="];
        assert!(parts.iter().all(|part| lines[0].contains(part)), "{lines:?}");
    }
}

#[tokio::test]
async fn a_message_that_processes_die_with_is_a_dead_letter_at_last() {
    let folder = tempfile::tempdir().unwrap();
    let (queue, clock) = stepped(folder.path());
    let at = ambient().at(clock.clone());
    queue.put(vec![mail("x@example.com", NoticeKind::Available, clock.now())]).await.unwrap();
    queue.put(vec![mail("x@example.com", NoticeKind::Applied, clock.now())]).await.unwrap();
    let mut queue = queue;
    for death in 1..=6 {
        assert_eq!(lease_all(&queue, &email()).await.len(), 1, "death {death}");
        queue = die(queue, folder.path(), &at);
        clock.step(TimeDelta::hours(1));
    }
    assert_eq!(queue.depth().await.unwrap().dead, [("deliver:email".to_owned(), 1)]);
    let next = lease_all(&queue, &email()).await;
    assert_eq!((next.len(), next[0].lease.job()), (1, 2), "the next of its lane");
}

#[tokio::test]
async fn of_the_jobs_that_a_process_died_with_one_runs_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let (queue, clock) = stepped(folder.path());
    let at = ambient().at(clock.clone());
    let now = clock.now();
    queue.put(vec![look("a", now), look("b", now), mail("x@example.com", NoticeKind::Available, now)]).await.unwrap();
    assert_eq!((lease_all(&queue, &Topic::Look).await.len(), lease_all(&queue, &email()).await.len()), (2, 1));
    let queue = die(queue, folder.path(), &at);
    queue.put(vec![look("c", now)]).await.unwrap();
    let woken = queue.changed(&email());
    let leased = lease_all(&queue, &Topic::Look).await;
    assert_eq!(
        leased.iter().map(|leased| leased.job.clone()).collect::<Vec<_>>(),
        [look("a", now).job, look("c", now).job]
    );
    let batch = lease(&queue, &email()).await;
    let suspense = Some(Duration::from_secs(5));
    assert_eq!((batch.jobs.len(), batch.wait), (0, suspense), "not beside a look that may be what kills");
    queue.settle(&leased[0], Settlement::Done).await.unwrap();
    woken.notified().await;
    assert_eq!(lease_all(&queue, &email()).await.len(), 1, "its topic is woken when it may be its turn");
    let batch = lease(&queue, &Topic::Look).await;
    assert_eq!((batch.jobs.len(), batch.wait), (0, suspense));
    clock.step(TimeDelta::seconds(5));
    assert_eq!(lease_all(&queue, &Topic::Look).await.len(), 1, "one that hangs holds up nobody for long");
}

#[tokio::test]
async fn a_lease_is_on_disk_before_the_job_begins_when_the_process_before_died() {
    let folder = tempfile::tempdir().unwrap();
    let (queue, clock) = stepped(folder.path());
    let at = ambient().at(clock.clone());
    queue.put(vec![look("a", clock.now())]).await.unwrap();
    drop(queue);
    drop(reopen_at(folder.path(), &at));
    // A reader that stays keeps the journal, as a process that is killed leaves it.
    let reader = file(folder.path());
    reader.query_row("SELECT count(*) FROM job", [], |row| row.get::<_, i64>(0)).unwrap();
    let queue = reopen_at(folder.path(), &at);
    queue.put(vec![look("b", clock.now())]).await.unwrap();
    let queue = die(queue, folder.path(), &at);
    assert_eq!(lease_all(&queue, &Topic::Look).await.len(), 2);
    let marked: i64 = reader.query_row("SELECT sum(leased) FROM job", [], |row| row.get(0)).unwrap();
    assert_eq!(marked, 2);
}
