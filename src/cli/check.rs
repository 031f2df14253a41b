//! `image-watcher check`: every watched workload and what is available, read from cluster and registries.

mod progress;
#[cfg(test)]
mod snapshots;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use futures_util::StreamExt as _;
use serde::Serialize;

use self::progress::Progress;
use super::Output;
use super::table::Table;
use crate::ambient::Ambient;
use crate::assess::{self, Source, Undecided};
use crate::cluster::{
    Cluster, ClusterConfig, ClusterError, Granted, Index, KubeCluster, Object, Right, Scope, Verb, annotations,
};
use crate::config::Config;
use crate::domain::policy::{Decision, Mode, Policy, Track, Wanted};
use crate::domain::record::{Ledger, Record};
use crate::domain::reference::{Digest, ImageReference, Repository, Tag};
use crate::domain::settings::{Bounds, Settings};
use crate::domain::tag::Level;
use crate::domain::view::{Blocker, Known, Stands, State as Decided, Unfinished, View};
use crate::domain::workload::Workload;
use crate::registry::{Credential, HttpRegistry, Registry, RegistryConfig, RegistryError, RegistryHost, Tags};
use crate::telemetry::metrics::Metrics;

/// Hosts that are asked at once; of each, one list or digest at a time.
const HOSTS_AT_ONCE: usize = 16;

/// Which namespaces.
pub(super) enum Namespaces {
    /// Those that are watched: the configured ones, or all.
    All,
    Named(String),
    /// The one that the kubeconfig's context names.
    OfContext,
}

/// One container of one workload.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Row {
    namespace: String,
    kind: &'static str,
    name: String,
    container: String,
    /// Containers that run the same image, and are updated with it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    with: Vec<String>,
    repository: String,
    running: String,
    available: Option<String>,
    level: Option<&'static str>,
    state: State,
    /// A word or two for people.
    next: String,
    mode: Option<&'static str>,
    strategy: Option<&'static str>,
    /// Why this one, or why none.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
    /// What else writes the workload.
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<String>,
    /// The rollout of what runs, as long as it has not completed.
    #[serde(skip_serializing_if = "Option::is_none")]
    rollout: Option<Unfinished>,
    /// What the service says is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// Which workload and which of its containers it is, in their order.
    #[serde(skip)]
    place: (usize, usize),
}

/// What a row is about, for sorting and for the exit status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
enum State {
    Failed,
    Gone,
    NeedsYou,
    Waiting,
    Held,
    CannotTell,
    UpToDate,
    Ignored,
}

/// What could not be read.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Unread {
    /// `*` is all of them.
    namespace: String,
    kind: &'static str,
    error: String,
}

/// All rows.
pub(super) struct Report {
    rows: Vec<Row>,
    unread: Vec<Unread>,
    repositories: usize,
    took: std::time::Duration,
    /// What it ran under that the service may not run under.
    settings: Vec<String>,
}

#[derive(Serialize)]
struct Document<'r> {
    schema: &'static str,
    items: &'r [Row],
    unread: &'r [Unread],
}

/// A container that waits for what its registry says.
struct Waiting<'w> {
    row: Row,
    workload: &'w Workload,
    record: &'w Record,
    settings: Settings,
    image: ImageReference,
    tag: Tag,
    /// What it asks with; those who ask without one have each their own reason.
    credential: Credential,
}

/// All that wait for one host.
type Host<'w> = Vec<Waiting<'w>>;

/// What is known of a container before any registry is asked.
enum Sorted<'w> {
    Row(Box<Row>),
    Waits(Box<Waiting<'w>>),
}

/// Containers that are decided by one list of tags.
#[derive(Default)]
struct Group<'w> {
    credential: Credential,
    wanted: Wanted,
    waiting: Vec<Waiting<'w>>,
}

/// Groups by repository and credential.
type Groups<'w> = HashMap<(Repository, String), Group<'w>>;

/// Reads everything once, and decides as the service would.
pub(super) async fn check(config: &Config, cluster: &ClusterConfig, namespaces: Namespaces) -> anyhow::Result<Report> {
    let ambient = Ambient::system();
    let started = ambient.monotonic();
    let (client, default) = crate::cluster::connect(cluster).await?;
    let kube = KubeCluster::new(client, Index::default(), ambient.clone(), Metrics::new());
    let settings = RegistryConfig::of(config.registries.clone()).that_waits();
    let registry = HttpRegistry::new(settings, &config.outbound()?, ambient.clone(), Arc::new(Metrics::new()))?;
    let scopes = match &namespaces {
        Namespaces::All => Scope::of(&config.namespaces),
        Namespaces::Named(name) => Scope::in_namespace(name),
        Namespaces::OfContext => Scope::in_namespace(&default),
    };
    let mut listing = kube.list(&scopes).await;
    if listing.unread.len() == scopes.len()
        && let Some((_, error)) = listing.unread.pop()
    {
        return Err(error.into());
    }
    let unread = listing.unread.iter().map(|(scope, error)| Unread::of(scope, error)).collect();
    let workloads = listing.workloads;
    let bounds = super::bounds(config);
    let rights = kube.rights(&watched_namespaces(&workloads)).await;
    let look = Look { bounds: &bounds, kube: &kube, registry: &registry, ambient: &ambient, rights: &rights };
    let (rows, lists) = look.rows(&workloads).await;
    let took = ambient.monotonic().saturating_sub(started);
    Ok(Report { rows, unread, repositories: lists, took, settings: ran_with(config) })
}

/// Where rights matter: the namespaces of what is watched, whichever were asked for.
fn watched_namespaces(workloads: &[Workload]) -> Vec<String> {
    let names: std::collections::BTreeSet<&str> = workloads.iter().map(|workload| &*workload.id.namespace).collect();
    names.into_iter().map(str::to_owned).collect()
}

/// The settings of this run that the service may have otherwise, and that change what is seen.
fn ran_with(config: &Config) -> Vec<String> {
    let mut lines = Vec::new();
    let plain = config.registries.iter().filter(|host| host.plain_http).map(RegistryHost::name);
    let plain = plain.collect::<Vec<_>>().join(", ");
    if !plain.is_empty() {
        lines.push(format!("asked by plain http: {plain}"));
    }
    let forced = [
        config.forced.mode.map(|mode| format!("IMAGE_WATCHER_MODE={mode}")),
        config.forced.strategy.map(|strategy| format!("IMAGE_WATCHER_STRATEGY={strategy}")),
    ];
    let forced: Vec<String> = forced.into_iter().flatten().collect();
    if !forced.is_empty() {
        lines.push(format!("in place of every annotation: {}", forced.join(", ")));
    }
    if !config.proxies.is_empty() {
        lines.push("through the proxies of HTTPS_PROXY and HTTP_PROXY; doctor shows which".into());
    }
    lines
}

/// What a look at one container needs.
struct Look<'c, R> {
    bounds: &'c Bounds,
    kube: &'c KubeCluster,
    registry: &'c R,
    ambient: &'c Ambient,
    rights: &'c BTreeMap<Right, Granted>,
}

impl<R: Registry> Look<'_, R> {
    /// The rows of all containers in their order, and how many lists of tags were read for them.
    async fn rows(&self, workloads: &[Workload]) -> (Vec<Row>, usize) {
        let (mut rows, mut by_host, mut lists) = (Vec::new(), BTreeMap::<String, Host<'_>>::new(), 0);
        let records: Vec<Record> = workloads.iter().map(annotations::claimed).collect();
        for (at, (workload, record)) in workloads.iter().zip(&records).enumerate() {
            for (place, container) in workload.containers.iter().enumerate() {
                let Some(image) = container.reference() else { continue };
                let row = Row { place: (at, place), ..Row::of(workload, record, &container.name, &image) };
                match self.sorted(row, workload, record, image) {
                    Sorted::Row(row) => rows.push(*row),
                    Sorted::Waits(waiting) => {
                        by_host.entry(waiting.image.repository().host().to_owned()).or_default().push(*waiting);
                    }
                }
            }
        }
        let progress = Progress::new(by_host.keys().cloned());
        let hosts = by_host.into_iter().map(|(host, waiting)| {
            let progress = &progress;
            async move {
                let answered = self.host(waiting).await;
                progress.done(&host);
                answered
            }
        });
        let mut hosts = std::pin::pin!(futures_util::stream::iter(hosts).buffer_unordered(HOSTS_AT_ONCE));
        while let Some((of_host, of_lists)) = hosts.next().await {
            rows.extend(of_host);
            lists += of_lists;
        }
        progress.end();
        let mut rows = together(rows, workloads);
        rows.sort_by(|a, b| {
            (&a.namespace, a.state, &a.name, &a.container).cmp(&(&b.namespace, b.state, &b.name, &b.container))
        });
        (rows, lists)
    }

    /// What can be said of a container without its registry.
    fn sorted<'w>(
        &self,
        mut row: Row,
        workload: &'w Workload,
        record: &'w Record,
        image: ImageReference,
    ) -> Sorted<'w> {
        let nothing = Ledger::default();
        let ledger = record.ledger(&row.container).unwrap_or(&nothing);
        let settings = match Settings::read(workload, &row.container, self.bounds) {
            Ok(settings) => settings.knowing(&ledger.known_since),
            Err(error) => return Sorted::Row(Box::new(row.is(State::CannotTell, format!("cannot tell: {error}")))),
        };
        row.mode = Some(settings.mode.as_str());
        row.strategy = Some(settings.policy.strategy.as_str());
        if settings.mode == Mode::Disabled {
            return Sorted::Row(Box::new(row.is(State::Ignored, "disabled".into())));
        }
        let Some(tag) = image.running_tag() else {
            let nothing = (State::Ignored, "a digest without a tag: nothing to compare".to_owned());
            let (state, next) = row.rollout.as_ref().map_or(nothing, unfinished);
            return Sorted::Row(Box::new(row.is(state, next)));
        };
        let credential = Credential::default();
        Sorted::Waits(Box::new(Waiting { row, workload, record, settings, image, tag, credential }))
    }

    /// The rows of all who wait for one host, and how many lists were read for them.
    async fn host(&self, host: Host<'_>) -> (Vec<Row>, usize) {
        let (mut rows, mut groups) = (Vec::new(), Groups::new());
        for mut waiting in host {
            let (repository, workload) = (waiting.image.repository().clone(), waiting.workload);
            waiting.credential = match self.kube.credential(workload, &repository).await {
                Ok(credential) => credential,
                Err(error) => {
                    rows.push(waiting.row.undecided(&error));
                    continue;
                }
            };
            if waiting.settings.track == Track::Digest {
                rows.push(self.digest(waiting).await);
                continue;
            }
            let group = groups.entry((repository, waiting.credential.scope().to_owned())).or_default();
            group.wanted.add(waiting.tag.as_str(), &waiting.settings.policy);
            group.credential = waiting.credential.clone();
            group.waiting.push(waiting);
        }
        let lists = groups.len();
        for ((repository, _), group) in groups {
            rows.extend(self.group(&repository, group).await);
        }
        (rows, lists)
    }

    /// The rows of all who share a list. It is let go before the next one is read.
    async fn group(&self, repository: &Repository, group: Group<'_>) -> Vec<Row> {
        let list = self.registry.tags(repository, &group.credential, &group.wanted).await;
        let source = Source { registry: self.registry, repository, credential: &group.credential };
        let mut rows = Vec::new();
        for waiting in group.waiting {
            rows.push(match &list {
                Ok(tags) => self.version(waiting, tags, &source).await,
                Err(error) => waiting.row.unanswered(error, &waiting.credential),
            });
        }
        rows
    }

    async fn version(&self, waiting: Waiting<'_>, tags: &Tags, source: &Source<'_, R>) -> Row {
        let Waiting { row, workload, record, settings, image, tag, credential } = waiting;
        let (now, mode) = (self.ambient.now(), settings.mode);
        let known = Known { workload, container: &row.container, record, mode };
        let conclude = |decision: &Decision<'_>, policy: &Policy, digest: Option<Digest>| {
            let to = decision.chosen();
            View::of(tag.as_str(), decision, policy, Some(mode), workload.owner.as_deref())
                .implied(image.implies_latest())
                .knowing(&known, to.as_ref().zip(digest.as_ref()), now)
        };
        let reason = match assess::version(source, tag.as_str(), tags, &settings.policy, now, || None, conclude).await {
            Ok(view) => return self.decided(row, workload, mode, view),
            Err(reason) => reason,
        };
        let digest = record.ledger(&row.container).map_or_else(|| image.digest().cloned(), |it| it.digest_of(&image));
        let runs = (&tag, digest.as_ref());
        match assess::gone::confirmed(reason, source, runs, (tags, &settings.policy), now).await {
            Undecided::Registry(error) => row.unanswered(&error, &credential),
            reason => row.undecided(&reason),
        }
    }

    fn decided(&self, mut row: Row, workload: &Workload, mode: Mode, view: View) -> Row {
        let (state, next) = self.stands(workload, mode, &view);
        row.why = Some(view.why);
        row.owner = view.owner.map(|owner| owner.warning());
        row.available = view.to;
        row.level = view.level.map(Level::as_str);
        row.rollout = view.rollout;
        row.is(state, next)
    }

    /// What a view comes to, in a word or two.
    fn stands(&self, workload: &Workload, mode: Mode, view: &View) -> (State, String) {
        if let Some(rollout) = &view.rollout
            && (rollout.holds_up() || view.state != Decided::Update)
        {
            return unfinished(rollout);
        }
        match view.state {
            Decided::Update => {
                let (state, next) = self.update(workload, mode, view.blockers.first());
                let rollout = view.rollout.as_ref().map(|rollout| format!("; {rollout}")).unwrap_or_default();
                (state, format!("{next}{rollout}"))
            }
            Decided::Cooling => {
                let blockers: Vec<String> = view.blockers.iter().map(ToString::to_string).collect();
                (State::Waiting, blockers.join("; "))
            }
            Decided::UpToDate => match &view.held_back {
                Some((tag, reason)) => (State::UpToDate, format!("{tag} is held back: {reason}")),
                None => (State::UpToDate, "up to date".into()),
            },
            Decided::NoTags => (State::CannotTell, "cannot tell: the list of tags is empty".into()),
            Decided::NoVersion => (State::Ignored, "no version to compare".into()),
            Decided::NoDigest => (State::Ignored, "no digest to compare".into()),
        }
    }

    /// How far an update has come that the policy allows.
    fn update(&self, workload: &Workload, mode: Mode, blocker: Option<&Blocker>) -> (State, String) {
        let may_patch = self.may_patch(workload);
        match blocker {
            Some(Blocker::Asked(until)) => {
                (State::NeedsYou, format!("approve: {} left", left(*until - self.ambient.now())))
            }
            Some(blocker @ Blocker::Held(_)) => (State::Held, blocker.to_string()),
            Some(blocker @ Blocker::Refused(_)) => (State::Failed, blocker.to_string()),
            Some(blocker @ Blocker::Snoozed(_)) => (State::Waiting, blocker.to_string()),
            _ if !may_patch && mode == Mode::AutoUpdate => {
                (State::NeedsYou, format!("not applied: {}", no_right(workload)))
            }
            _ if !may_patch => (State::NeedsYou, format!("told without a link: {}", no_right(workload))),
            Some(Blocker::Paused) => (State::Waiting, "paused: until its rollouts are resumed".into()),
            Some(Blocker::AsksOnly(why)) => (State::NeedsYou, format!("not asked yet: {}", why.words())),
            Some(Blocker::Person) => (State::NeedsYou, "not asked yet".into()),
            Some(blocker @ (Blocker::Disabled | Blocker::Cooldown(_))) => (State::Waiting, blocker.to_string()),
            None => (State::Waiting, "applied at the next check".into()),
        }
    }

    /// Whether this identity may write a workload; what the API server did not say is taken to be so.
    fn may_patch(&self, workload: &Workload) -> bool {
        let right = Right {
            namespace: Some(workload.id.namespace.clone()),
            object: Object::Workloads(workload.id.kind),
            verb: Verb::Patch,
        };
        self.rights.get(&right) != Some(&Some(false))
    }

    async fn digest(&self, waiting: Waiting<'_>) -> Row {
        let Waiting { row, workload, record, settings, image, tag, credential } = waiting;
        let source = Source { registry: self.registry, repository: image.repository(), credential: &credential };
        let ledger = record.ledger(&row.container);
        let digest = ledger.map_or_else(|| image.digest().cloned(), |it| it.digest_of(&image));
        match assess::digest(&source, &tag, digest.as_ref(), &settings.policy.skip).await {
            Ok(followed) => {
                let known = Known { workload, container: &row.container, record, mode: settings.mode };
                let (view, to) = followed.view(&tag, settings.mode, workload.owner.as_deref());
                let view = view.knowing(&known, to.map(|to| (&tag, to)), self.ambient.now());
                self.decided(row, workload, settings.mode, view)
            }
            Err(Undecided::Registry(error)) => row.unanswered(&error, source.credential),
            Err(reason) => row.undecided(&reason),
        }
    }
}

/// One row for containers that move together: the first of them.
fn together(mut rows: Vec<Row>, workloads: &[Workload]) -> Vec<Row> {
    rows.sort_by_key(|row| row.place);
    let mut kept: Vec<Row> = Vec::with_capacity(rows.len());
    for row in rows {
        let of_workload = kept.iter_mut().rev().take_while(|first| first.place.0 == row.place.0);
        let workload = workloads.get(row.place.0);
        let first = of_workload.filter(|first| workload.is_some_and(|it| first.moves_with(&row, it))).last();
        match first {
            Some(first) => first.with.push(row.container),
            None => kept.push(row),
        }
    }
    kept
}

/// How a rollout stands, where it is what there is to say.
fn unfinished(rollout: &Unfinished) -> (State, String) {
    let state = match rollout.stands {
        Stands::UnderWay | Stands::Waits(_) => State::Waiting,
        Stands::Failed => State::Failed,
    };
    (state, rollout.to_string())
}

fn left(time: chrono::TimeDelta) -> String {
    if time.num_hours() >= 48 { format!("{} d", time.num_days()) } else { format!("{} h", time.num_hours()) }
}

impl Row {
    fn of(workload: &Workload, record: &Record, container: &str, image: &ImageReference) -> Self {
        let rollout = record.ledger(container).and_then(|ledger| Unfinished::of(workload, container, ledger));
        Self {
            namespace: workload.id.namespace.to_string(),
            kind: workload.id.kind.short(),
            name: workload.id.name.to_string(),
            container: container.to_owned(),
            with: Vec::new(),
            repository: image.repository().to_string(),
            running: running(image),
            available: None,
            level: None,
            state: State::UpToDate,
            next: "up to date".into(),
            mode: None,
            strategy: None,
            why: None,
            owner: None,
            rollout,
            error: workload.state("error", container).map(str::to_owned),
            place: (0, 0),
        }
    }

    /// Whether another container of the workload is updated with this one, in one write.
    fn moves_with(&self, other: &Self, workload: &Workload) -> bool {
        let is_with = workload.together(&self.container).iter().any(|it| *it.name == *other.container);
        let go = (&self.available, self.mode, self.state) == (&other.available, other.mode, other.state);
        self.available.is_some() && is_with && go
    }

    fn is(mut self, state: State, next: String) -> Self {
        self.state = state;
        self.next = next;
        self
    }

    fn undecided(self, error: &(dyn std::error::Error + 'static)) -> Self {
        if let Some(Undecided::Gone(gone)) = error.downcast_ref() {
            return self.is(State::Gone, gone.to_string());
        }
        self.is(State::CannotTell, format!("cannot tell: {}", crate::telemetry::chain(error)))
    }

    fn unanswered(self, error: &RegistryError, credential: &Credential) -> Self {
        self.is(State::CannotTell, format!("cannot tell: {}", error.told_to(credential)))
    }

    fn cells(&self, wide: bool) -> Vec<String> {
        let available = match (&self.available, self.level, self.state) {
            (Some(tag), Some(level), _) => format!("{tag} {level}"),
            (_, _, State::CannotTell | State::Gone) => "?".into(),
            _ => "–".into(),
        };
        let mut cells = vec![
            self.namespace.clone(),
            format!("{}/{}", self.kind, self.name),
            [&self.container].into_iter().chain(&self.with).map(String::as_str).collect::<Vec<_>>().join(", "),
            self.running.clone(),
            available,
            self.next.clone(),
        ];
        if wide {
            let word = |word: Option<&str>| word.unwrap_or("–").to_owned();
            let why = [self.why.as_deref(), self.error.as_deref()].into_iter().flatten().collect::<Vec<_>>().join("; ");
            let why = Some(why).filter(|why| !why.is_empty());
            cells.extend([word(self.mode), word(self.strategy), self.repository.clone(), word(why.as_deref())]);
        }
        cells
    }
}

impl Unread {
    fn of(scope: &Scope, error: &ClusterError) -> Self {
        Self {
            namespace: scope.namespace().to_owned(),
            kind: scope.kind.short(),
            error: crate::telemetry::chain(error).to_string(),
        }
    }
}

fn no_right(workload: &Workload) -> String {
    format!("no right to patch {} in {}", workload.id.kind.plural(), workload.id.namespace)
}

fn running(image: &ImageReference) -> String {
    let tag = image.running_tag().map(|tag| tag.to_string()).unwrap_or_default();
    match image.digest() {
        Some(digest) => format!("{tag}@{}", digest.short()),
        None => tag,
    }
}

impl Report {
    /// Whether there is nothing to tell by the exit status.
    pub(super) fn is_quiet(&self) -> bool {
        self.unread.is_empty() && self.rows.iter().all(|row| matches!(row.state, State::UpToDate | State::Ignored))
    }

    /// What goes to standard output.
    pub(super) fn print(&self, output: Output) -> String {
        let document = Document { schema: "image-watcher/check/v1", items: &self.rows, unread: &self.unread };
        match output {
            Output::Table => self.table(false),
            Output::Wide => self.table(true),
            Output::Name => self.names(),
            Output::Json => serde_json::to_string_pretty(&document).unwrap_or_default() + "\n",
            Output::Yaml => serde_saphyr::to_string(&document).unwrap_or_default(),
        }
    }

    fn names(&self) -> String {
        let name = |row: &Row| format!("{}/{}/{}", row.namespace, row.kind, row.name);
        self.rows.iter().map(name).collect::<Vec<_>>().join("\n") + "\n"
    }

    fn table(&self, wide: bool) -> String {
        if self.rows.is_empty() {
            return String::new();
        }
        let mut headings = vec!["NAMESPACE", "WORKLOAD", "CONTAINER", "RUNNING", "AVAILABLE", "STATE"];
        if wide {
            headings.extend(["MODE", "STRATEGY", "REPOSITORY", "WHY"]);
        }
        let mut table = Table::new(&headings);
        self.rows.iter().for_each(|row| table.row(row.cells(wide)));
        table.to_string()
    }

    /// What goes to standard error, for a person.
    pub(super) fn summary(&self, output: Output) -> String {
        let unread: Vec<String> =
            self.unread.iter().map(|unread| format!("image-watcher: {}\n", unread.error)).collect();
        let unread = unread.concat();
        if !matches!(output, Output::Table | Output::Wide) {
            return unread;
        }
        if self.rows.is_empty() && !unread.is_empty() {
            return format!("No watched workload in what could be read.\n{unread}");
        }
        if self.rows.is_empty() {
            return "No watched workload. Watch one:\n  kubectl annotate deploy/NAME image-watcher/mode=NOTIFICATION\n"
                .into();
        }
        let count = |state| self.rows.iter().filter(|row| row.state == state).count();
        let containers: usize = self.rows.iter().map(|row| 1 + row.with.len()).sum();
        let mut parts = vec![if containers == 1 { "1 container".into() } else { format!("{containers} containers") }];
        let words = [
            (State::Failed, "failed"),
            (State::Gone, "gone"),
            (State::NeedsYou, "needs you"),
            (State::Waiting, "waiting"),
            (State::Held, "held"),
            (State::CannotTell, "cannot tell"),
        ];
        for (state, word) in words.into_iter().filter(|(state, _)| count(*state) > 0) {
            let word = if count(state) > 1 { word.replace("needs", "need") } else { word.to_owned() };
            parts.push(format!("{} {word}", count(state)));
        }
        let took = self.took.as_secs_f64();
        let settings: Vec<String> = self.settings.iter().map(|line| format!("{line}\n")).collect();
        let settings = settings.concat();
        format!("\n{} · read in {took:.1} s ({} tag lists)\n{settings}{unread}", parts.join(" · "), self.repositories)
    }
}
