//! What was explained a moment ago. An explanation asks a registry for as much as a look does, so that whoever may only see, or a
//! page that is open, asks no more often than this allows.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;

use super::view::ExplanationView;
use crate::domain::settings::Fingerprint;

/// So long an explanation is good.
const GOOD_FOR: Duration = Duration::from_secs(60);
/// So many are kept.
const MOST: usize = 8;
/// What can't be explained may be mended in a moment.
const WRONG_FOR: Duration = Duration::from_secs(5);
/// One is asked for at a time, for no longer than this, and whoever comes meanwhile waits as long.
const PATIENCE: Duration = Duration::from_secs(20);

/// What is explained, or why it can't be.
pub(super) type Said = Result<ExplanationView, String>;

/// The last explanations. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Explanations(Arc<Last>);

#[derive(Debug)]
struct Last {
    kept: Mutex<VecDeque<Kept>>,
    turn: Semaphore,
}

/// Which container is explained, what it runs, and by which settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Of {
    pub(super) uid: Box<str>,
    pub(super) container: String,
    pub(super) image: Box<str>,
    pub(super) settings: Fingerprint,
}

#[derive(Debug)]
struct Kept {
    of: Of,
    until: Duration,
    said: Said,
}

impl Default for Last {
    fn default() -> Self {
        Self { kept: Mutex::default(), turn: Semaphore::new(1) }
    }
}

impl Explanations {
    /// What was said of it a moment before `now`, or what `ask` says.
    pub(super) async fn get(&self, of: Of, now: impl Fn() -> Duration, ask: impl Future<Output = Said>) -> Said {
        if let Some(said) = self.known(&of, now()) {
            return said;
        }
        let Ok(_turn) = tokio::time::timeout(PATIENCE, self.0.turn.acquire()).await else {
            return Err("another explanation waits for its registry; ask again in a moment".to_owned());
        };
        // Somebody else may have asked in the meantime.
        if let Some(said) = self.known(&of, now()) {
            return said;
        }
        let said = tokio::time::timeout(PATIENCE, ask).await;
        let said = said.unwrap_or_else(|_| Err("its registry takes too long; ask again in a moment".to_owned()));
        let good_for = if said.is_ok() { GOOD_FOR } else { WRONG_FOR };
        let mut kept = self.0.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|one| one.of != of);
        kept.push_back(Kept { of, until: now() + good_for, said: said.clone() });
        if kept.len() > MOST {
            kept.pop_front();
        }
        said
    }

    fn known(&self, of: &Of, now: Duration) -> Option<Said> {
        let kept = self.0.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().find(|one| one.of == *of && now < one.until).map(|one| one.said.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::workload::tests::workload;

    fn of(container: &str, image: &str) -> Of {
        let settings = Fingerprint::of(&workload(&[], &[]));
        Of { uid: "uid-1".into(), container: container.into(), image: image.into(), settings }
    }

    fn explanation(why: &str) -> ExplanationView {
        let (sentence, candidates) = (String::new(), Vec::new());
        ExplanationView { sentence, state: "update", why: why.into(), candidates, more: 0, gist: None }
    }

    async fn said(all: &Explanations, of: Of, at: u64, what: &str) -> String {
        let now = || Duration::from_secs(at);
        all.get(of, now, async { Ok(explanation(what)) }).await.map_or_else(|why| why, |said| said.why)
    }

    #[tokio::test]
    async fn a_registry_is_asked_once_a_minute_and_anew_when_something_changed() {
        let all = Explanations::default();
        assert_eq!(said(&all, of("web", "1"), 0, "first").await, "first");
        assert_eq!(said(&all, of("web", "1"), 59, "second").await, "first");
        assert_eq!(said(&all, of("web", "2"), 59, "changed").await, "changed");
        assert_eq!(said(&all, of("log", "1"), 59, "other").await, "other");
        assert_eq!(said(&all, of("web", "1"), 60, "later").await, "later");
        assert_eq!(said(&all, of("web", "1"), 61, "again").await, "later");
        let wrong = |at, why: &'static str| {
            let all = all.clone();
            async move {
                all.get(of("crm", "1"), || Duration::from_secs(at), async { Err(why.to_owned()) }).await.unwrap_err()
            }
        };
        assert_eq!(
            (wrong(0, "401").await, wrong(4, "404").await, wrong(5, "503").await),
            ("401".into(), "401".into(), "503".into())
        );
    }

    #[tokio::test]
    async fn as_many_are_kept_as_may_and_the_oldest_goes() {
        let all = Explanations::default();
        for number in 0..=MOST {
            said(&all, of(&number.to_string(), "1"), 0, "first").await;
        }
        assert_eq!(all.0.kept.lock().unwrap().len(), MOST);
        assert_eq!(said(&all, of("0", "1"), 1, "anew").await, "anew");
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_ever_for_a_registry_that_hangs() {
        let all = Explanations::default();
        let hangs = all.get(of("web", "1"), || Duration::ZERO, std::future::pending());
        let (hangs, other) = tokio::join!(hangs, said(&all, of("log", "1"), 0, "log"));
        assert!(hangs.unwrap_err().contains("takes too long"));
        assert!(other == "log" || other.contains("another explanation"), "{other}");
    }

    #[tokio::test]
    async fn who_asks_at_the_same_time_is_told_the_same() {
        let all = Explanations::default();
        let (asked, now) = (std::sync::atomic::AtomicU32::new(0), || Duration::ZERO);
        let ask = || async {
            asked.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            tokio::task::yield_now().await;
            Err("one".to_owned())
        };
        let six = (0..6).map(|_| all.get(of("web", "1"), now, ask()));
        let told = futures_util::future::join_all(six).await;
        assert!(told.into_iter().all(|said| said.unwrap_err() == "one"));
        assert_eq!(asked.into_inner(), 1);
    }
}
