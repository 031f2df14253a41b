//! How the sources do: what they sent, what was refused, and what they should have announced and did not.
//!
//! A look that finds new tags in a repository, of which no webhook told since the look before, was too late by as much as
//! the schedule allows. Of a source that should have told of that repository, a few of these say that its webhook is dead.

mod pace;
mod remembered;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use serde::Serialize;

use self::remembered::{Mark, Told};
use crate::ambient::Ambient;
use crate::config::source::Source;
use crate::domain::reference::Repository;
use crate::domain::tags::Fingerprint;
use crate::queue::worker::Verdict;
use crate::telemetry::metrics::{Metrics, Source as SourceLabel, SourceResult};

/// After so many missed pushes people are told; then again after twice as many.
const TELL_AFTER: u64 = 3;
/// The most hosts of one source that are learned from its deliveries.
const MOST_HOSTS: usize = 64;
/// The most folders of repositories that a source is known to announce; what it announces beyond them is not missed.
const MOST_FOLDERS: usize = 1000;
/// Docker Hub's own images, for which nobody here can set a webhook up.
const OFFICIAL: (&str, &str) = ("docker.io", "library");
/// The most repositories that are followed; far more than one service watches.
const MOST_REPOSITORIES: usize = 100_000;

/// A registry may announce a push this long before the tag can be read: CNCF Distribution does so between storing a
/// manifest and tagging it (`handlers/manifests.go`, `PutManifest`).
const EARLY: Duration = Duration::from_millis(500);
/// A look that came before the registry could show what was pushed is done again after this time.
const SECOND_LOOK: TimeDelta = TimeDelta::seconds(1);

/// What became of a delivery, as it is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fate {
    /// What it asks for is on disk.
    Accepted,
    /// There was nothing in it for us.
    Ignored,
    /// It was taken before.
    Duplicate,
    /// The sender asked whether it may send.
    Handshake,
    /// The credential is missing or wrong.
    BadSignature,
    /// It is not what the source sends.
    BadPayload,
    /// There were too many.
    Limited,
    /// It could not be stored.
    Overloaded,
}

impl Fate {
    const ALL: [Self; 8] = [
        Self::Accepted,
        Self::Ignored,
        Self::Duplicate,
        Self::Handshake,
        Self::BadSignature,
        Self::BadPayload,
        Self::Limited,
        Self::Overloaded,
    ];

    /// The word in metrics and reports.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Ignored => "ignored",
            Self::Duplicate => "duplicate",
            Self::Handshake => "handshake",
            Self::BadSignature => "bad_signature",
            Self::BadPayload => "bad_payload",
            Self::Limited => "limited",
            Self::Overloaded => "overloaded",
        }
    }
}

/// What is known of one source.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SourceReport {
    /// Its name in the path.
    pub name: String,
    /// What it speaks.
    pub kind: &'static str,
    /// When a delivery was last answered with success.
    pub last_accepted: Option<DateTime<Utc>>,
    /// When one was last refused.
    pub last_refused: Option<DateTime<Utc>>,
    /// What became of it, a word of `counts`.
    pub last_refused_as: Option<&'static str>,
    /// Why.
    pub last_refusal: Option<Cow<'static, str>>,
    /// Deliveries by what became of them.
    pub counts: BTreeMap<&'static str, u64>,
    /// Events that could not be used, of deliveries that were taken.
    pub passed_over: u64,
    /// Pushes that a look found before it.
    pub missed: u64,
    /// The same since it announced one last: a registry may announce some and not others, as tags that are made in its page.
    pub missed_in_a_row: u64,
    /// The registries that it covers, configured or learned.
    pub hosts: BTreeSet<String>,
}

/// What was announced, what was found, and how each source does.
pub struct Pushes {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    sources: BTreeMap<String, Followed>,
    announced: HashMap<Repository, Duration>,
    /// What was announced at any time, by this process or one before it.
    told: Told,
    looked: HashMap<Repository, Looked>,
    /// Whether nobody was there for a while before this process: what was announced then was announced to nobody.
    was_away: bool,
    /// Whether others take webhooks as well, and look.
    is_shared: bool,
    /// What was announced and not looked at since: by which source, and when first.
    awaited: HashMap<Repository, (Histogram, Duration)>,
}

/// A source: its report, and its series in the metrics, which are found once.
struct Followed {
    report: SourceReport,
    fates: BTreeMap<Fate, Counter>,
    missed: Counter,
    passed_over: Counter,
    to_decision: Histogram,
    last_accepted: Gauge,
    /// When it announced a push to something that is watched.
    announced_at: Option<DateTime<Utc>>,
    /// When a look found a push that it should have announced, if it announced none since.
    missed_at: Option<DateTime<Utc>>,
    /// The registries that it was configured to speak of.
    named: BTreeSet<String>,
    /// The registries that nobody configured for it, and that it announced a push to.
    learned: BTreeSet<String>,
    /// Where the repositories are that it announced pushes to: those beside them are told of by it as well.
    folders: BTreeSet<Mark>,
}

impl Followed {
    fn new(source: &Source, metrics: &Metrics) -> Self {
        let named: BTreeSet<String> =
            source.hosts.registry.iter().chain(source.hosts.by_name.values()).cloned().collect();
        let hosts = named.iter().cloned().chain(source.kind.known_host().map(str::to_owned)).collect();
        let (name, kind) = (source.name.clone(), source.kind.as_str());
        let series = |fate: Fate| {
            let labels = SourceResult { source: name.clone(), result: fate.as_str().into() };
            (fate, metrics.webhook_requests.get_or_create(&labels).clone())
        };
        let fates = Fate::ALL.into_iter().map(series).collect();
        let missed = metrics.webhook_missed.get_or_create(&SourceLabel { source: name.clone() }).clone();
        let passed_over = metrics.webhook_passed_over.get_or_create(&SourceLabel { source: name.clone() }).clone();
        let label = SourceLabel { source: name.clone() };
        let to_decision = metrics.webhook_to_decision.get_or_create(&label).clone();
        let last_accepted = metrics.webhook_last_accepted.get_or_create(&label).clone();
        let report = SourceReport { name, kind, hosts, ..SourceReport::default() };
        let (announced_at, missed_at) = (None, None);
        let (learned, folders) = (BTreeSet::new(), BTreeSet::new());
        Self {
            report,
            fates,
            missed,
            passed_over,
            to_decision,
            last_accepted,
            announced_at,
            missed_at,
            named,
            learned,
            folders,
        }
    }

    /// Whether it is to tell of pushes to a repository. A registry that nobody named for it may have many owners, who set up
    /// webhooks each for their own: there it tells of what lies beside something that it told of. Of one that told of nothing yet
    /// that is not known.
    fn covers(&self, repository: &Repository) -> bool {
        let host = repository.host();
        if self.named.contains(host) || !self.report.hosts.contains(host) {
            return self.named.contains(host);
        }
        if self.folders.is_empty() {
            return (host, folder(repository)) != OFFICIAL;
        }
        self.folders.contains(&remembered::mark_of_folder(repository))
    }

    /// Counts a push that this source did not announce; gives its name.
    fn missed(&mut self, repository: &Repository, now: DateTime<Utc>) -> String {
        self.missed.inc();
        self.missed_at = Some(now);
        self.report.missed_in_a_row += 1;
        let (name, missed) = (&self.report.name, self.report.missed_in_a_row);
        if missed >= TELL_AFTER && (missed / TELL_AFTER).is_power_of_two() && missed.is_multiple_of(TELL_AFTER) {
            let last = self.report.last_accepted.map(|at| at.to_rfc3339());
            tracing::warn!(source = name, %repository, missed, last_accepted = last, "this webhook seems dead: looks found pushes that it did not announce; see at the registry whether it is still set up, and what its last delivery was answered");
        }
        name.clone()
    }

    fn report(&self) -> SourceReport {
        let counts = self.fates.iter().map(|(fate, counter)| (fate.as_str(), counter.get()));
        let counts = counts.filter(|(_, count)| *count > 0).collect();
        let (missed, passed_over) = (self.missed.get(), self.passed_over.get());
        SourceReport { counts, passed_over, missed, ..self.report.clone() }
    }
}

/// A look at a repository's tags: when, and what they came to.
#[derive(Clone, Copy)]
struct Looked {
    at: Duration,
    tags: Fingerprint,
    news: News,
}

/// Whether a list was another one than the one before.
#[derive(Clone, Copy, PartialEq, Eq)]
enum News {
    /// It was the first.
    Unknown,
    None,
    Some,
}

/// Where a repository is in its registry: what it has before its name, as `acme` of `acme/web`.
fn folder(repository: &Repository) -> &str {
    repository.path().rsplit_once('/').map_or("", |(folder, _)| folder)
}

impl std::fmt::Debug for Pushes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pushes")
    }
}

impl Pushes {
    /// Nothing was announced by these sources yet.
    #[must_use]
    pub fn new(sources: &[Source], metrics: &Metrics) -> Self {
        let sources = sources.iter().map(|source| (source.name.clone(), Followed::new(source, metrics))).collect();
        let state = State { sources, ..State::default() };
        Self { state: Mutex::new(state) }
    }

    /// Whether others take webhooks as well, and look: what was announced to one of them is not known here at once, so nothing is
    /// taken for missed.
    #[must_use]
    pub fn shared(self, is_shared: bool) -> Self {
        self.lock().is_shared = is_shared;
        self
    }

    /// Every source, by name.
    #[must_use]
    pub fn report(&self) -> Vec<SourceReport> {
        self.lock().sources.values().map(Followed::report).collect()
    }

    /// A source told of pushes to these watched repositories at `at`, a monotonic time, which is `now`.
    pub(super) fn announced(&self, source: &str, repositories: &[&Repository], at: Duration, now: DateTime<Utc>) {
        let mut state = self.lock();
        if state.announced.len() > MOST_REPOSITORIES {
            state.announced.clear();
        }
        for repository in repositories {
            state.announced.insert((*repository).clone(), at);
            state.told.add(repository, now);
            let state = &mut *state;
            let Some(followed) = state.sources.get_mut(source) else { continue };
            if state.awaited.len() < MOST_REPOSITORIES {
                let waits = || (followed.to_decision.clone(), at);
                state.awaited.entry((*repository).clone()).or_insert_with(waits);
            }
            (followed.announced_at, followed.missed_at) = (Some(now), None);
            followed.report.missed_in_a_row = 0;
            followed.learn(repository.host());
            followed.learn_folder(remembered::mark_of_folder(repository));
        }
    }

    /// A delivery of a source was answered, and why, if it was refused.
    pub(super) fn counted(&self, source: &str, fate: Fate, refusal: Option<Cow<'static, str>>, now: DateTime<Utc>) {
        let mut state = self.lock();
        let Some(followed) = state.sources.get_mut(source) else { return };
        if let Some(counter) = followed.fates.get(&fate) {
            counter.inc();
        }
        if refusal.is_some() {
            (followed.report.last_refused, followed.report.last_refusal) = (Some(now), refusal);
            followed.report.last_refused_as = Some(fate.as_str());
            return;
        }
        followed.report.last_accepted = Some(now);
        followed.last_accepted.set(now.timestamp());
    }

    /// So many events of a delivery that was taken could not be used.
    pub(super) fn passed_over(&self, source: &str, events: usize) {
        if let Some(followed) = self.lock().sources.get(source) {
            followed.passed_over.inc_by(events as u64);
        }
    }

    /// A look read the tags of a repository at `at`, a monotonic time, which is `now`; `is_awaited` is whether a tag is looked for
    /// that was announced before. Gives the sources that should have announced what is new in it, and did not.
    pub fn looked(
        &self,
        repository: &Repository,
        tags: Fingerprint,
        is_awaited: bool,
        at: Duration,
        now: DateTime<Utc>,
    ) -> Vec<String> {
        let mut state = self.lock();
        if state.looked.len() > MOST_REPOSITORIES {
            state.looked.clear();
        }
        let before = state.looked.get(repository).copied();
        let news = match before {
            None => News::Unknown,
            Some(before) if before.tags == tags => News::None,
            Some(_) => News::Some,
        };
        state.looked.insert(repository.clone(), Looked { at, tags, news });
        let Some(before) = before else { return Vec::new() };
        let is_new = |announced: &Duration| *announced + EARLY >= before.at;
        let told = state.is_shared || is_awaited || state.announced.get(repository).is_some_and(is_new);
        // A list that got shorter lost tags; that is nothing to announce.
        if told || news != News::Some || tags.count() < before.tags.count() {
            return Vec::new();
        }
        let missing = state.sources.values_mut().filter(|source| source.covers(repository));
        missing.map(|source| source.missed(repository, now)).collect()
    }

    /// What comes of a look that began at `began`, a monotonic time, and ends now: what was announced before is decided, and what
    /// may have come before it could be read is looked at once more.
    #[must_use]
    pub fn after_look(&self, repository: &Repository, began: Duration, verdict: Verdict, ambient: &Ambient) -> Verdict {
        self.decided(repository, began, ambient.monotonic());
        self.second_look(repository, began, verdict, ambient.now())
    }

    /// A look that began at `began`, a monotonic time, ended at `at`: what was announced before is decided.
    fn decided(&self, repository: &Repository, began: Duration, at: Duration) {
        let mut state = self.lock();
        let Some((series, announced)) = state.awaited.get(repository) else { return };
        if *announced <= began {
            series.observe(at.saturating_sub(*announced).as_secs_f64());
            state.awaited.remove(repository);
        }
    }

    /// What comes of a look that began at `began`, a monotonic time: one more, a moment later, where it may have come before
    /// what was pushed could be read.
    fn second_look(&self, repository: &Repository, began: Duration, verdict: Verdict, now: DateTime<Utc>) -> Verdict {
        let soon = now + SECOND_LOOK;
        match verdict {
            Verdict::Done if self.may_have_come_early(repository, began, false) => Verdict::Again(soon),
            Verdict::Again(at) if self.may_have_come_early(repository, began, true) => Verdict::Again(at.min(soon)),
            verdict => verdict,
        }
    }

    /// Whether a look that began at `began` may have come before what was announced could be read: the announcement was
    /// quite new, and nothing says that the look saw it. `found` is whether it found anything to do or to wait for.
    fn may_have_come_early(&self, repository: &Repository, began: Duration, found: bool) -> bool {
        let state = self.lock();
        let fresh = state.announced.get(repository).is_some_and(|announced| began < *announced + EARLY);
        let looked = state.looked.get(repository).filter(|looked| looked.at >= began);
        fresh
            && match looked.map(|looked| looked.news) {
                None | Some(News::None) => true,
                Some(News::Unknown) => !found,
                Some(News::Some) => false,
            }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::source::SourceKind;
    use crate::domain::secret::Secret;

    fn repository(name: &str) -> Repository {
        Repository::parse(name).unwrap()
    }

    fn list(tags: &[&str]) -> Fingerprint {
        tags.iter().collect()
    }

    const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;

    fn opened(kind: SourceKind) -> Pushes {
        let source = Source::usual("hook", kind, Secret::new("s".into()));
        Pushes::new(&[source], &Metrics::new())
    }

    #[test]
    fn a_push_that_nobody_announced_is_missed() {
        let all = opened(SourceKind::DockerHub);
        let web = repository("acme/web");
        let look = |tags: &[&str], at: u64| all.looked(&web, list(tags), false, Duration::from_secs(at), NOW).len();
        assert_eq!(look(&["1"], 0), 0, "the first look knows nothing before it");
        assert_eq!(look(&["1"], 10), 0, "nothing is new");
        assert_eq!(look(&["1", "2"], 20), 1, "nobody told");
        all.announced("hook", &[&web], Duration::from_secs(25), NOW);
        assert_eq!(look(&["1", "2", "3"], 30), 0, "it was told");
        assert_eq!(look(&["2", "3"], 40), 0, "what was deleted is not announced");
        assert_eq!(look(&["2", "4"], 50), 1, "as many, but others");
        assert_eq!(all.looked(&repository("quay.io/acme/web"), list(&["1"]), false, Duration::ZERO, NOW).len(), 0);
        assert_eq!(
            all.looked(&repository("quay.io/acme/web"), list(&["2"]), false, Duration::ZERO, NOW).len(),
            0,
            "not its registry"
        );
        assert_eq!(all.report()[0].missed, 2);
    }

    /// Fault M12: some registries announce no tag that is made in their page, and all others.
    #[test]
    fn a_source_that_announces_is_not_dead_though_it_does_not_announce_all() {
        let all = opened(SourceKind::DockerHub);
        let web = repository("acme/web");
        let look =
            |tag: u64| all.looked(&web, list(&[&tag.to_string()]), false, Duration::from_secs(tag * 100), NOW).len();
        look(0);
        for tag in 1..=12 {
            if tag % 3 == 0 {
                all.announced("hook", &[&web], Duration::from_secs(tag * 100 - 50), NOW);
            }
            look(tag);
        }
        let report = &all.report()[0];
        assert_eq!((report.missed, report.missed_in_a_row), (8, 0));
        look(13);
        assert_eq!(all.report()[0].missed_in_a_row, 1);
    }

    /// Docker Hub's webhooks are set up one by one, and nobody here can set one up for an official image.
    #[test]
    fn a_registry_of_many_owners_announces_those_that_it_was_seen_to_announce() {
        let missed = |all: &Pushes, name: &str| {
            let (repository, before) = (repository(name), all.report()[0].missed);
            for tag in ["1", "2", "3", "4"] {
                drop(all.looked(&repository, list(&[tag]), false, Duration::from_secs(10), NOW));
            }
            all.report()[0].missed - before
        };
        for (kind, own, others) in [
            (SourceKind::DockerHub, ["acme/web", "acme/api"], ["nginx", "grafana/grafana"]),
            (
                SourceKind::GitHub,
                ["ghcr.io/acme/web", "ghcr.io/acme/api"],
                ["ghcr.io/fluxcd/a", "ghcr.io/acme/other/a"],
            ),
            (SourceKind::Quay, ["quay.io/acme/web", "quay.io/acme/api"], ["quay.io/argoproj/argocd", "quay.io/a/b"]),
        ] {
            let all = opened(kind);
            all.announced("hook", &[&repository(own[0])], Duration::ZERO, NOW);
            assert_eq!(others.map(|other| missed(&all, other)), [0, 0], "{kind:?}: of others it can't tell");
            assert_eq!(own.map(|own| missed(&all, own)), [3, 3], "{kind:?}: of these it should have told");
        }
        let all = opened(SourceKind::DockerHub);
        assert_eq!([missed(&all, "nginx"), missed(&all, "acme/web")], [0, 3], "it announced nothing yet");
        let mut source = Source::usual("hook", SourceKind::Distribution, Secret::new("s".into()));
        source.hosts.registry = Some("registry.example.com".to_owned());
        let all = Pushes::new(&[source], &Metrics::new());
        all.announced("hook", &[&repository("registry.example.com/a/web")], Duration::ZERO, NOW);
        assert_eq!(missed(&all, "registry.example.com/b/api"), 3, "all of this registry is to be announced by it");
    }

    #[test]
    fn a_look_right_after_an_announcement_may_be_too_early_unless_it_saw_something_new() {
        let all = opened(SourceKind::DockerHub);
        let web = repository("acme/web");
        let at = Duration::from_millis;
        let look = |tags: &[&str], millis: u64| all.looked(&web, list(tags), false, at(millis), NOW).len();
        let early = |began: u64, found: bool| all.may_have_come_early(&web, at(began), found);
        assert!(!early(0, false), "nothing was announced");
        all.announced("hook", &[&web], at(0), NOW);
        look(&["1"], 10);
        assert!(early(5, false) && !early(5, true), "the first list: only what was found can tell");
        all.announced("hook", &[&web], at(5000), NOW);
        look(&["1"], 5020);
        assert!(early(5010, false) && early(5010, true));
        assert_eq!(look(&["1", "2"], 6030), 0, "the tag of the announcement, a moment later");
        assert!(!early(6025, false), "it had its time");
        all.announced("hook", &[&web], at(9000), NOW);
        look(&["1", "2", "3"], 9020);
        assert!(!early(9010, false), "it is there");
        all.announced("hook", &[&web], at(9100), NOW);
        assert!(early(9110, true), "a look that read no list");
        let now = DateTime::UNIX_EPOCH;
        let (soon, later) = (now + SECOND_LOOK, now + TimeDelta::hours(1));
        let second = |began: u64, verdict: Verdict| all.second_look(&web, at(began), verdict, now);
        assert_eq!(second(9110, Verdict::Done), Verdict::Again(soon));
        assert_eq!(second(9110, Verdict::Again(later)), Verdict::Again(soon));
        assert_eq!(second(9110, Verdict::Again(now)), Verdict::Again(now));
        assert_eq!(second(10_000, Verdict::Done), Verdict::Done, "too long after it");
        let dead = Verdict::Dead { reason: "no".into() };
        assert_eq!(second(9110, dead.clone()), dead);
    }

    #[test]
    fn a_source_learns_its_registries_from_what_it_announces() {
        let all = opened(SourceKind::Distribution);
        let web = repository("registry.example.com/web");
        let look = |tags: &[&str], at: u64| all.looked(&web, list(tags), false, Duration::from_secs(at), NOW).len();
        assert_eq!((look(&["1"], 0), look(&["1", "2"], 1)), (0, 0), "it is not known to cover this registry");
        all.announced("hook", &[&web], Duration::from_secs(2), NOW);
        assert_eq!((look(&["1", "2", "3"], 3), look(&["1", "2", "3", "4"], 4)), (0, 1));
        assert!(all.report()[0].hosts.contains("registry.example.com"));
    }

    #[test]
    fn counts_and_times_are_kept() {
        let all = opened(SourceKind::Quay);
        let now = DateTime::UNIX_EPOCH;
        all.counted("hook", Fate::Accepted, None, now);
        all.counted("hook", Fate::BadSignature, Some("no".into()), now);
        all.counted("nobody", Fate::Accepted, None, now);
        let report = &all.report()[0];
        assert_eq!(
            (report.last_accepted, report.last_refused, report.last_refusal.as_deref()),
            (Some(now), Some(now), Some("no"))
        );
        assert_eq!(report.counts, BTreeMap::from([("accepted", 1), ("bad_signature", 1)]));
    }
}
