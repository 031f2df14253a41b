//! What is remembered of webhooks over restarts: when each source announced pushes and missed some, and of which repositories
//! it told.
//!
//! A service that starts again would take a source that is dead for one of which nothing is known, and look at what a healthy one
//! announces as if there were no webhook. Replicas remember in one place: each takes what the others saw, the newest of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{Fate, Followed, MOST_FOLDERS, MOST_HOSTS, Pushes, State, folder};
use crate::ambient::Ambient;
use crate::domain::reference::Repository;
use crate::queue::Kept;
use crate::stop::Stop;
use crate::task::Task;

/// Under which names it is kept how the sources do, and of which repositories they told.
const KEPT: &str = "webhooks";
const KEPT_OF_REPOSITORIES: &str = "repositories of webhooks";
/// For how long.
const KEPT_FOR: TimeDelta = TimeDelta::days(400);
/// So often it is kept what is new.
const AGAIN: Duration = Duration::from_secs(30);
/// And so often that the service runs, where nothing is new.
const ALIVE: TimeDelta = TimeDelta::minutes(5);
/// Who was away for longer may have missed webhooks that came in vain.
const AWAY: TimeDelta = TimeDelta::minutes(10);
/// The most repositories that are remembered, the newest; the rest is looked at as usual after a restart.
const MOST_REMEMBERED: usize = 10_000;
/// The most characters of the reason of a refusal.
const MOST_OF_A_REASON: usize = 512;

/// Stands for a repository, or for a folder of some, in every version.
pub(super) type Mark = u64;

/// Of which repositories webhooks told.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// With the day, since 1970.
    days: BTreeMap<Mark, i64>,
    /// Whether some of it is not kept yet.
    is_new: bool,
}

impl Told {
    pub(super) fn knows(&self, repository: &Repository) -> bool {
        self.days.contains_key(&mark(&repository.to_string()))
    }

    pub(super) fn add(&mut self, repository: &Repository, now: DateTime<Utc>) {
        self.take(mark(&repository.to_string()), day(now));
    }

    /// A day a week or more after the last one is worth being kept.
    fn take(&mut self, mark: Mark, day: i64) {
        let known = self.days.get(&mark).copied();
        if known.is_none_or(|known| (day - known).abs() >= 7) {
            self.is_new = true;
            self.days.insert(mark, day);
        }
        if self.days.len() > MOST_REMEMBERED
            && let Some(oldest) = self.days.iter().min_by_key(|(_, day)| **day).map(|(mark, _)| *mark)
        {
            self.days.remove(&oldest);
        }
    }

    /// What is to be kept, if that is new. Nobody says whether it was kept the last time, so it is once more at the end.
    fn take_news(&mut self, is_the_end: bool) -> Option<BTreeMap<Mark, i64>> {
        let is_new = std::mem::take(&mut self.is_new);
        (is_new || (is_the_end && !self.days.is_empty())).then(|| self.days.clone())
    }

    /// Takes what was kept, of which what is older than that or later than now is nothing.
    fn merge(&mut self, kept: BTreeMap<Mark, i64>, now: DateTime<Utc>) {
        let (is_new, today) = (self.is_new, day(now));
        let counts = kept.into_iter().filter(|(_, day)| (today - KEPT_FOR.num_days()..=today + 1).contains(day));
        for (mark, day) in counts {
            if self.days.get(&mark).is_none_or(|known| *known < day) {
                self.take(mark, day);
            }
        }
        self.is_new = is_new;
    }
}

/// Stands for where a repository is.
pub(super) fn mark_of_folder(repository: &Repository) -> Mark {
    mark(&format!("{}/{}/", repository.host(), folder(repository)))
}

fn mark(name: &str) -> Mark {
    let digest = Sha256::digest(name);
    digest.first_chunk().map_or(0, |first| u64::from_be_bytes(*first))
}

fn day(now: DateTime<Utc>) -> i64 {
    now.timestamp().div_euclid(24 * 3600)
}

/// What is kept of all sources.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct KeptSources {
    /// When somebody was there who takes webhooks.
    alive: Option<DateTime<Utc>>,
    sources: BTreeMap<String, KeptSource>,
}

/// What is kept of one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct KeptSource {
    kind: String,
    announced_at: Option<DateTime<Utc>>,
    missed_at: Option<DateTime<Utc>>,
    missed_in_a_row: u64,
    last_accepted: Option<DateTime<Utc>>,
    last_refused: Option<DateTime<Utc>>,
    last_refused_as: String,
    last_refusal: String,
    /// Registries that it was seen to cover.
    learned: BTreeSet<String>,
    /// And where in any registry.
    folders: BTreeSet<Mark>,
}

impl KeptSource {
    fn of(followed: &Followed) -> Self {
        let report = &followed.report;
        let reason = report.last_refusal.as_deref().unwrap_or_default().chars().take(MOST_OF_A_REASON);
        Self {
            kind: report.kind.to_owned(),
            announced_at: followed.announced_at,
            missed_at: followed.missed_at,
            missed_in_a_row: report.missed_in_a_row,
            last_accepted: report.last_accepted,
            last_refused: report.last_refused,
            last_refused_as: report.last_refused_as.unwrap_or_default().to_owned(),
            last_refusal: reason.collect(),
            learned: followed.learned.clone(),
            folders: followed.folders.clone(),
        }
    }
}

impl Followed {
    /// Takes what was kept of this source where that is newer. What a clock said that was ahead of ours is nothing.
    fn merge(&mut self, kept: KeptSource, now: DateTime<Utc>) {
        if kept.kind != self.report.kind {
            return;
        }
        let seen = |at: Option<DateTime<Utc>>| at.filter(|at| *at <= now + ALIVE);
        self.announced_at = self.announced_at.max(seen(kept.announced_at));
        if seen(kept.missed_at) > self.missed_at {
            (self.missed_at, self.report.missed_in_a_row) = (kept.missed_at, kept.missed_in_a_row);
        }
        if self.missed_at <= self.announced_at {
            (self.missed_at, self.report.missed_in_a_row) = (None, 0);
        }
        let report = &mut self.report;
        if seen(kept.last_accepted) > report.last_accepted {
            report.last_accepted = kept.last_accepted;
            self.last_accepted.set(kept.last_accepted.map_or(0, |at| at.timestamp()));
        }
        let fate = Fate::ALL.into_iter().map(Fate::as_str).find(|word| *word == kept.last_refused_as);
        if seen(kept.last_refused) > report.last_refused && fate.is_some() {
            (report.last_refused, report.last_refused_as) = (kept.last_refused, fate);
            report.last_refusal = Some(kept.last_refusal.into());
        }
        kept.learned.iter().for_each(|host| self.learn(host));
        kept.folders.into_iter().for_each(|folder| self.learn_folder(folder));
    }

    /// Repositories of this folder are some that it tells of.
    pub(super) fn learn_folder(&mut self, folder: Mark) {
        if self.folders.len() < MOST_FOLDERS {
            self.folders.insert(folder);
        }
    }

    /// This registry is one that it covers.
    pub(super) fn learn(&mut self, host: &str) {
        let hosts = &mut self.report.hosts;
        if hosts.len() < MOST_HOSTS && !hosts.contains(host) {
            hosts.insert(host.to_owned());
            self.learned.insert(host.to_owned());
        }
    }
}

impl State {
    fn to_keep(&self) -> BTreeMap<String, KeptSource> {
        self.sources.iter().map(|(name, followed)| (name.clone(), KeptSource::of(followed))).collect()
    }

    fn merge(&mut self, kept: KeptSources, now: DateTime<Utc>) {
        for (name, kept) in kept.sources {
            if let Some(followed) = self.sources.get_mut(&name) {
                followed.merge(kept, now);
            }
        }
    }
}

impl Pushes {
    /// With what an earlier process, or another one, remembers.
    #[must_use]
    pub async fn recalling(self, store: &impl Kept, now: DateTime<Utc>) -> Self {
        let alive = self.recall(store, now).await.alive;
        self.lock().was_away = alive.is_some_and(|alive| (now - alive).abs() > AWAY);
        self
    }

    /// Has the store remember what is seen, now and then and at the end.
    #[must_use]
    pub fn remembering(self: Arc<Self>, store: impl Kept, ambient: Ambient, mut stop: Stop) -> Task {
        Task::new("webhooks", async move {
            while !stop.is_raised() {
                tokio::select! {
                    () = stop.raised() => {}
                    () = tokio::time::sleep(AGAIN) => {}
                }
                self.remember(&store, ambient.now(), stop.is_raised()).await;
            }
        })
    }

    /// Keeps what is new since it was kept last, beside what others keep.
    async fn remember(&self, store: &impl Kept, now: DateTime<Utc>, is_the_end: bool) {
        let is_shared = self.lock().is_shared;
        let before = if is_shared { self.recall(store, now).await } else { recalled(store, KEPT).await };
        let sources = self.lock().to_keep();
        let is_long_ago = before.alive.is_none_or(|alive| (now - alive).abs() >= ALIVE);
        if is_the_end || is_long_ago || before.sources != sources {
            keep(store, KEPT, &KeptSources { alive: Some(now), sources }, now).await;
        }
        let days = self.lock().told.take_news(is_the_end);
        if let Some(days) = days {
            keep(store, KEPT_OF_REPOSITORIES, &days, now).await;
        }
    }

    /// Takes what is remembered, and gives what that is of the sources.
    async fn recall(&self, store: &impl Kept, now: DateTime<Utc>) -> KeptSources {
        let sources: KeptSources = recalled(store, KEPT).await;
        let days = recalled(store, KEPT_OF_REPOSITORIES).await;
        let mut state = self.lock();
        state.told.merge(days, now);
        let copy = KeptSources { alive: sources.alive, sources: sources.sources.clone() };
        state.merge(sources, now);
        copy
    }
}

async fn recalled<T: Default + for<'de> Deserialize<'de>>(store: &impl Kept, key: &str) -> T {
    let kept = store.recall(key).await;
    kept.and_then(|kept| serde_json::from_str(&kept).ok()).unwrap_or_default()
}

async fn keep(store: &impl Kept, key: &str, value: &impl Serialize, now: DateTime<Utc>) {
    if let Ok(text) = serde_json::to_string(value) {
        store.keep(key, text, now + KEPT_FOR).await;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::sync::Mutex;

    use super::*;
    use crate::ambient::Clock;
    use crate::config::source::{Source, SourceKind};
    use crate::domain::secret::Secret;
    use crate::intake::poller::Pace;
    use crate::telemetry::metrics::Metrics;

    /// What outlasts a process, and its clock.
    #[derive(Clone, Default)]
    struct Store(Arc<Mutex<HashMap<String, String>>>, Arc<Mutex<DateTime<Utc>>>);

    impl Kept for Store {
        async fn recall(&self, key: &str) -> Option<String> {
            self.0.lock().unwrap().get(key).cloned()
        }

        async fn keep(&self, key: &str, value: String, _: DateTime<Utc>) {
            self.0.lock().unwrap().insert(key.to_owned(), value);
        }
    }

    impl Clock for Store {
        fn now(&self) -> DateTime<Utc> {
            *self.1.lock().unwrap()
        }

        fn monotonic(&self) -> Duration {
            Duration::ZERO
        }
    }

    impl Store {
        fn at(&self, minute: i64) -> DateTime<Utc> {
            *self.1.lock().unwrap() = DateTime::UNIX_EPOCH + TimeDelta::minutes(minute);
            self.now()
        }

        /// A process begins, with a source that has one registry and one that learns its registries.
        async fn start(&self, minute: i64) -> Pushes {
            opened().recalling(self, self.at(minute)).await
        }

        /// It runs until then, and ends.
        async fn end(&self, pushes: Pushes, minute: i64) {
            pushes.remember(self, self.at(minute), true).await;
        }
    }

    fn opened() -> Pushes {
        let source = |name, kind| Source::usual(name, kind, Secret::new("s".into()));
        let sources = [source("hub", SourceKind::DockerHub), source("own", SourceKind::Distribution)];
        Pushes::new(&sources, &Metrics::new())
    }

    fn repository(name: &str) -> Repository {
        Repository::parse(name).unwrap()
    }

    /// The list of a repository changes, and nobody told.
    fn misses(pushes: &Pushes, repository: &Repository, now: DateTime<Utc>) {
        for (at, tags) in [(0, &["1"][..]), (1, &["1", "2"])] {
            drop(pushes.looked(repository, tags.iter().collect(), false, Duration::from_secs(at), now));
        }
    }

    const MINUTES_OF_A_DAY: i64 = 24 * 60;

    #[tokio::test]
    async fn what_webhooks_tell_is_relied_on_and_one_that_misses_is_doubted_over_restarts() {
        let (store, web, other) = (Store::default(), repository("acme/web"), repository("acme/other"));
        let (of_own, never) = (repository("registry.example.com/a"), repository("registry.example.com/b"));
        let all = store.start(0).await;
        let paces = |all: &Pushes, now| [&web, &other, &of_own, &never].map(|repository| all.pace(repository, now));
        let (stretched, usual, shrunk) = (Pace::Stretched, Pace::Usual, Pace::Shrunk);
        all.announced("hub", &[&web], Duration::ZERO, store.at(1));
        all.announced("own", &[&of_own], Duration::ZERO, store.at(1));
        all.counted("hub", Fate::Accepted, None, store.at(1));
        assert_eq!(paces(&all, store.at(2)), [stretched, usual, stretched, usual]);
        store.end(all, 2).await;

        let all = store.start(3).await;
        assert_eq!(paces(&all, store.at(4)), [stretched, usual, stretched, usual], "as before it");
        assert_eq!(all.report()[0].last_accepted, Some(store.at(1)), "it is no source of which nothing came");
        for _ in 0..3 {
            all.lock().looked.clear();
            misses(&all, &other, store.at(5));
        }
        all.counted("own", Fate::BadSignature, Some("the signature is wrong".into()), store.at(5));
        store.end(all, 6).await;

        let all = store.start(7).await;
        assert_eq!(paces(&all, store.at(8)), [shrunk, shrunk, stretched, usual], "the one that missed is doubted");
        let [hub, own] = &all.report()[..] else { panic!("{:?}", all.report()) };
        assert_eq!(hub.missed_in_a_row, 3);
        let refused = (own.last_refused_as, own.last_refusal.as_deref(), own.last_accepted);
        assert_eq!(refused, (Some("bad_signature"), Some("the signature is wrong"), None));
        let a_day_later = store.at(5 + MINUTES_OF_A_DAY);
        assert_eq!(paces(&all, a_day_later), [stretched, usual, stretched, usual], "as without a restart");
        all.announced("hub", &[&other], Duration::ZERO, store.at(9));
        store.end(all, 9).await;

        let all = store.start(10).await;
        assert_eq!((paces(&all, store.at(10))[1], all.report()[0].missed_in_a_row), (stretched, 0), "it comes again");
        assert_eq!(paces(&all, store.at(9 + 7 * MINUTES_OF_A_DAY)), [usual; 4], "nothing came for a week");
    }

    #[tokio::test]
    async fn whose_pushes_a_source_announces_is_remembered() {
        let store = Store::default();
        let all = store.start(0).await;
        all.announced("hub", &[&repository("acme/web")], Duration::ZERO, store.at(1));
        store.end(all, 2).await;
        let all = store.start(3).await;
        for (name, missed) in [("nginx", 0), ("grafana/grafana", 0), ("acme/api", 1)] {
            misses(&all, &repository(name), store.at(4));
            assert_eq!(all.report()[0].missed, missed, "{name}");
        }
    }

    #[tokio::test]
    async fn what_may_have_been_announced_while_nobody_was_there_is_looked_at_once_as_usual() {
        let (store, web) = (Store::default(), repository("acme/web"));
        let all = store.start(0).await;
        all.announced("hub", &[&web], Duration::ZERO, store.at(0));
        store.end(all, 0).await;
        let all = store.start(11).await;
        assert_eq!(all.pace(&web, store.at(11)), Pace::Usual);
        drop(all.looked(&web, ["1"].iter().collect(), false, Duration::ZERO, store.at(12)));
        assert_eq!(all.pace(&web, store.at(12)), Pace::Stretched);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_new_is_kept_while_the_process_runs_and_when_it_ends() {
        let (store, (raise, stop)) = (Store::default(), Stop::new());
        let (web, other) = (repository("acme/web"), repository("acme/other"));
        let all = Arc::new(store.start(0).await);
        let ambient = Ambient::system().at(Arc::new(store.clone()));
        let task = Arc::clone(&all).remembering(store.clone(), ambient, stop);
        let mut tasks = crate::task::Tasks::default();
        tasks.add(task);
        let passes = async |minute: i64| {
            store.at(minute);
            tokio::time::sleep(AGAIN + Duration::from_secs(1)).await;
        };
        let alive = async || recalled::<KeptSources>(&store, KEPT).await.alive;
        passes(1).await;
        let began = alive().await;
        assert_eq!(began, Some(store.at(1)));
        passes(2).await;
        assert_eq!(alive().await, began, "nothing is new");
        passes(6).await;
        assert_eq!(alive().await, Some(store.at(6)), "it lives");
        all.announced("hub", &[&web], Duration::ZERO, store.at(7));
        passes(7).await;
        assert_eq!(store.start(8).await.pace(&web, store.at(8)), Pace::Stretched, "it may be killed now");
        misses(&all, &other, store.at(8));
        raise.raise();
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(store.start(9).await.pace(&web, store.at(9)), Pace::Shrunk);
    }

    #[tokio::test]
    async fn replicas_remember_in_one_place_what_came_to_each() {
        let (store, web, api) = (Store::default(), repository("acme/web"), repository("acme/api"));
        let now = store.at(0);
        let [one, other] = [opened().shared(true), opened().shared(true)];
        one.announced("hub", &[&web], Duration::ZERO, now);
        other.announced("hub", &[&api], Duration::ZERO, now);
        for replica in [&one, &other, &one] {
            replica.remember(&store, now, false).await;
        }
        for replica in [&one, &other, &opened().recalling(&store, now).await] {
            assert_eq!([&web, &api].map(|repository| replica.pace(repository, now)), [Pace::Stretched; 2]);
        }
    }

    #[tokio::test]
    async fn what_is_remembered_is_bounded_and_nothing_else_is_believed() {
        let store = Store::default();
        let all = store.start(0).await;
        let names: Vec<_> =
            (0..=MOST_REMEMBERED).map(|n| repository(&format!("r{}.example.com/a{n}", n % 99))).collect();
        for (minute, name) in (0..).zip(&names) {
            all.announced("own", &[name], Duration::ZERO, store.at(minute * 10));
        }
        all.counted("own", Fate::BadPayload, Some("é".repeat(9999).into()), store.at(9));
        let end = i64::try_from(names.len()).unwrap() * 10;
        store.end(all, end).await;
        let kept = store.0.lock().unwrap().values().map(String::len).sum::<usize>();
        assert!((100_000..400_000).contains(&kept), "{kept}");
        let all = store.start(end).await;
        let is_known = |n: usize| all.pace(&names[n], store.at(end)) == Pace::Stretched;
        let a_day = usize::try_from(MINUTES_OF_A_DAY / 10).unwrap();
        assert_eq!((0..a_day).filter(|n| !all.lock().told.knows(&names[*n])).count(), 1, "one of the oldest went");
        assert!(is_known(a_day) && is_known(MOST_REMEMBERED) && all.report()[1].hosts.len() == MOST_HOSTS);

        let long_after = store.start(end + 401 * MINUTES_OF_A_DAY).await;
        assert!(long_after.lock().told.days.is_empty(), "it is too long ago");
        assert!(store.start(-2 * MINUTES_OF_A_DAY).await.lock().told.days.is_empty(), "the clock was wrong");
        let other = Source::usual("own", SourceKind::Harbor, Secret::new("s".into()));
        let other = Pushes::new(&[other], &Metrics::new()).recalling(&store, store.at(end)).await;
        assert_eq!(other.report()[0].last_refused, None, "another kind of source by the same name");
        for text in ["", "[]", r#"{"sources": {"own": 1}}"#, r#"{"alive": "then"}"#] {
            for key in [KEPT, KEPT_OF_REPOSITORIES] {
                store.keep(key, text.to_owned(), store.at(end)).await;
            }
            assert_eq!(store.start(end).await.pace(&names[a_day], store.at(end)), Pace::Usual, "{text}");
        }
    }
}
