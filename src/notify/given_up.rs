//! Says that messages were given up: on the workloads that they were about, so that whoever looks at one there does not believe
//! that people were told, and through another channel to people.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;

use crate::domain::event::{Job, Trouble, TroubleKind};
use crate::queue::{Letter, Letters, QueueError};
use crate::stop::Stop;
use crate::telemetry::chain;

/// So many dead letters are told of at once.
const AT_ONCE: usize = 100;
/// A queue that can't be read is asked again after this time.
const AGAIN: Duration = Duration::from_secs(60);

/// Says something on the workload with this uid; nothing where it is not watched any more.
pub type SayOnWorkload = Arc<dyn Fn(&str, String) -> BoxFuture<'static, ()> + Send + Sync>;

/// Tells people through another channel that messages to one were given up, or says that it can't be stored now: see
/// [`super::Sender`].
pub type TellOthers = Arc<dyn Fn(Trouble) -> BoxFuture<'static, Result<(), QueueError>> + Send + Sync>;

/// Tells of dead letters.
#[derive(Clone)]
pub struct GivenUp<Q> {
    /// Where they are.
    pub queue: Q,
    /// Where it is said of workloads.
    pub say: SayOnWorkload,
    /// Where it is said of channels.
    pub tell: TellOthers,
}

impl<Q> std::fmt::Debug for GivenUp<Q> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("GivenUp")
    }
}

impl<Q: Letters> GivenUp<Q> {
    /// Tells of each once, until `stop` is raised. One that was told of as the process died may be told of twice.
    pub async fn keep_telling(self, mut stop: Stop) {
        let happened = self.queue.given_up();
        while !stop.is_raised() {
            let woken = Arc::clone(&happened).notified_owned();
            let failed = match self.tell().await {
                Ok(true) => continue,
                Ok(false) => false,
                Err(error) => {
                    tracing::warn!(error = %chain(&error), "that messages were given up can't be seen, or told, now");
                    true
                }
            };
            tokio::select! {
                () = stop.raised() => {}
                () = woken => {}
                () = tokio::time::sleep(AGAIN), if failed => {}
            }
        }
    }

    /// Tells of the next ones. Says whether there were any. What can't be told now is told later, and said of no workload before.
    async fn tell(&self) -> Result<bool, QueueError> {
        let letters = self.queue.untold(AT_ONCE).await?;
        if letters.is_empty() {
            return Ok(false);
        }
        for trouble in troubles(&letters) {
            (self.tell)(trouble).await?;
        }
        for (uid, words) in told(&letters) {
            (self.say)(&uid, words).await;
        }
        self.queue.were_told(letters.into_iter().map(|letter| letter.id).collect()).await?;
        Ok(true)
    }
}

/// What is said of each channel, with what went wrong last.
fn troubles(letters: &[Letter]) -> Vec<Trouble> {
    let mut of = BTreeMap::<&str, Trouble>::new();
    for letter in letters {
        let trouble = of.entry(&letter.channel).or_insert_with(|| Trouble {
            kind: TroubleKind::DeadLetters,
            channel: letter.channel.clone(),
            reason: String::new(),
            since: letter.changed,
            at: letter.changed,
            messages: 0,
        });
        trouble.messages += 1;
        (trouble.since, trouble.at) = (trouble.since.min(letter.changed), trouble.at.max(letter.changed));
        trouble.reason = letter.error.clone().unwrap_or_default();
    }
    of.into_values().collect()
}

/// What is said on each workload: one line, however many messages about it were given up.
fn told(letters: &[Letter]) -> BTreeMap<String, String> {
    let mut of = BTreeMap::<String, (usize, String)>::new();
    for letter in letters {
        let notices = match &letter.job {
            Some(Job::Deliver(delivery)) => delivery.notices(),
            Some(Job::Gather(gathered)) => std::slice::from_ref(&gathered.notice),
            Some(Job::Look(_) | Job::Press(_)) | None => &[],
        };
        for notice in notices {
            let (count, last) = of.entry(notice.workload.uid.to_string()).or_default();
            *count += 1;
            *last = format!("{} {}: {} on {}", notice.kind.as_str(), notice.container, notice.to.tag, letter.channel);
        }
    }
    let words = |(count, last): (usize, String)| match count {
        1 => format!(
            "a message was given up: {last}; image-watcher deliveries --state dead says why, and sends it again"
        ),
        _ => format!(
            "{count} messages were given up, the last {last}; image-watcher deliveries --state dead says why, and sends them again"
        ),
    };
    of.into_iter().map(|(uid, found)| (uid, words(found))).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;
    use crate::ambient::Ambient;
    use crate::domain::event::tests::notice;
    use crate::domain::event::{Delivery, NoticeKind};
    use crate::queue::sqlite::SqliteQueue;
    use crate::queue::{NewJob, Queue as _, QueueAdmin as _, Urgency};

    async fn give_up(queue: &SqliteQueue, recipients: &[&str]) {
        let job = |recipient: &&str| NewJob {
            job: Job::Deliver(Box::new(Delivery::of("email", recipient, notice(NoticeKind::Available)))),
            trace: "trace".into(),
            not_before: Ambient::system().now(),
            urgency: Urgency::Prompt,
            failed: None,
        };
        queue.put(recipients.iter().map(job).collect()).await.unwrap();
        queue.bury_all_but(&[]).await.unwrap();
    }

    #[tokio::test]
    async fn a_workload_says_once_that_messages_about_it_were_given_up() {
        let folder = tempfile::tempdir().unwrap();
        let queue = SqliteQueue::open(folder.path(), &Ambient::system()).unwrap();
        let said = Arc::<Mutex<Vec<String>>>::default();
        let heard = Arc::clone(&said);
        let say: SayOnWorkload = Arc::new(move |uid, words| {
            heard.lock().unwrap().push(format!("{uid}: {words}"));
            Box::pin(async {})
        });
        let told = Arc::<Mutex<Vec<Trouble>>>::default();
        let others = Arc::clone(&told);
        let (refuses, is_full) = (Arc::new(AtomicBool::new(false)), QueueError::Full(0));
        let fails = Arc::clone(&refuses);
        let tell: TellOthers = Arc::new(move |trouble| {
            let told = if fails.load(Ordering::SeqCst) { Err(is_full.clone()) } else { Ok(()) };
            if told.is_ok() {
                others.lock().unwrap().push(trouble);
            }
            Box::pin(async { told })
        });
        let given_up = GivenUp { queue: queue.clone(), say, tell };
        assert!(!given_up.tell().await.unwrap());
        give_up(&queue, &["a@example.com"]).await;
        assert!(given_up.tell().await.unwrap() && !given_up.tell().await.unwrap());
        give_up(&queue, &["b@example.com", "c@example.com"]).await;
        refuses.store(true, Ordering::SeqCst);
        for _ in 0..2 {
            assert!(given_up.tell().await.is_err(), "fault r28-6: nobody was told, and they were marked as told");
            assert_eq!(said.lock().unwrap().len(), 1);
        }
        refuses.store(false, Ordering::SeqCst);
        assert!(given_up.tell().await.unwrap() && !given_up.tell().await.unwrap());
        let told: Vec<_> = told.lock().unwrap().iter().map(|it| (it.channel.clone(), it.messages)).collect();
        assert_eq!(
            told,
            [("email".to_owned(), 1), ("email".to_owned(), 2)],
            "people hear of it through another channel"
        );
        let said = said.lock().unwrap();
        assert_eq!(said.len(), 2, "{said:?}");
        assert!(
            said[0].starts_with("uid-1: a message was given up: update.available web: 1.3.0 on email;"),
            "{said:?}"
        );
        assert!(said[1].starts_with("uid-1: 2 messages were given up, the last update.available"), "{said:?}");
        assert!(said.iter().all(|line| !line.contains("@example.com")), "no address on a workload: {said:?}");
    }

    #[tokio::test]
    async fn what_is_given_up_is_told_of_until_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let queue = SqliteQueue::open(folder.path(), &Ambient::system()).unwrap();
        let (raise, stop) = Stop::new();
        let (heard, mut said) = tokio::sync::mpsc::unbounded_channel();
        let say: SayOnWorkload = Arc::new(move |uid, _| {
            heard.send(uid.to_owned()).unwrap();
            Box::pin(async {})
        });
        let tell: TellOthers = Arc::new(|_| Box::pin(async { Ok(()) }));
        let telling = GivenUp { queue: queue.clone(), say, tell }.keep_telling(stop);
        let acts = async {
            for recipient in ["a@example.com", "b@example.com"] {
                give_up(&queue, &[recipient]).await;
                assert_eq!(said.recv().await.as_deref(), Some("uid-1"));
            }
            raise.raise();
        };
        tokio::join!(telling, acts);
    }
}
