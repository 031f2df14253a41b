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
use crate::assess::{self, Followed, Source, Undecided};
use crate::cluster::{
    Cluster, ClusterConfig, ClusterError, Granted, Index, KubeCluster, Object, Right, Scope, Verb, annotations,
};
use crate::config::Config;
use crate::domain::history::Outcome;
use crate::domain::policy::{Decision, Mode, Policy, Track, Wanted};
use crate::domain::reference::{Digest, ImageReference, Repository, Tag};
use crate::domain::rollout::Rollout;
use crate::domain::settings::{Bounds, Settings};
use crate::domain::tag::Level;
use crate::domain::view::{State as Decided, View};
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
}

/// What a row is about, for sorting and for the exit status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
enum State {
    Failed,
    NeedsYou,
    Waiting,
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
        for workload in workloads {
            for container in &workload.containers {
                let Some(image) = container.reference() else { continue };
                match self.sorted(workload, &container.name, image) {
                    Sorted::Row(row) => rows.push(row.rolled_out(workload)),
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
        rows.sort_by(|a, b| {
            (&a.namespace, a.state, &a.name, &a.container).cmp(&(&b.namespace, b.state, &b.name, &b.container))
        });
        (rows, lists)
    }

    /// What can be said of a container without its registry.
    fn sorted<'w>(&self, workload: &'w Workload, container: &str, image: ImageReference) -> Sorted<'w> {
        let mut row = Row::of(workload, container, &image);
        let settings = match Settings::read(workload, container, self.bounds) {
            Ok(settings) => settings,
            Err(error) => return Sorted::Row(Box::new(row.is(State::CannotTell, format!("cannot tell: {error}")))),
        };
        row.mode = Some(settings.mode.as_str());
        row.strategy = Some(settings.policy.strategy.as_str());
        if settings.mode == Mode::Disabled {
            return Sorted::Row(Box::new(row.is(State::Ignored, "disabled".into())));
        }
        match image.running_tag() {
            Some(tag) => Sorted::Waits(Box::new(Waiting {
                row,
                workload,
                settings,
                image,
                tag,
                credential: Credential::default(),
            })),
            None => Sorted::Row(Box::new(row.is(State::Ignored, "a digest without a tag: nothing to compare".into()))),
        }
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
                rows.push(self.digest(waiting).await.rolled_out(workload));
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
        let Waiting { row, workload, settings, image, tag, credential } = waiting;
        let conclude = |decision: &Decision<'_>, policy: &Policy, _: Option<Digest>| {
            View::of(tag.as_str(), decision, policy, Some(settings.mode), workload.owner.as_deref())
                .implied(image.implies_latest())
                .paused(workload.paused, settings.mode)
        };
        let now = self.ambient.now();
        let row = match assess::version(source, tag.as_str(), tags, &settings.policy, now, || None, conclude).await {
            Ok(view) => self.decided(row, workload, &settings, view),
            Err(Undecided::Registry(error)) => row.unanswered(&error, &credential),
            Err(reason) => row.undecided(&reason),
        };
        row.rolled_out(workload)
    }

    fn decided(&self, mut row: Row, workload: &Workload, settings: &Settings, view: View) -> Row {
        row.why = Some(view.why);
        row.owner = view.owner.map(|owner| owner.warning());
        row.available.clone_from(&view.to);
        row.level = view.level.map(Level::as_str);
        let to = match (view.state, view.to) {
            (Decided::UpToDate, _) => {
                return match view.held {
                    Some((_, reason)) => row.is(State::UpToDate, format!("held: {reason}")),
                    None => row,
                };
            }
            (Decided::Cooling, _) => {
                let blockers: Vec<String> = view.blockers.iter().map(ToString::to_string).collect();
                return row.is(State::Waiting, blockers.join("; "));
            }
            (Decided::Update, Some(to)) => to,
            (Decided::NoTags, _) => return row.is(State::CannotTell, "cannot tell: the list of tags is empty".into()),
            (Decided::NoVersion | Decided::Update, _) => {
                return row.is(State::Ignored, "no version to compare".into());
            }
        };
        if matches!(under_way(workload, &row.container), Some((Outcome::RollingOut, _))) {
            return row.is(State::Waiting, "rolling out".into());
        }
        if settings.mode == Mode::AutoUpdate {
            return self.automatic(row, workload);
        }
        self.asked(row, workload, &to)
    }

    /// An update that needs somebody's word, and how far asking has come.
    fn asked(&self, row: Row, workload: &Workload, to: &str) -> Row {
        let now = self.ambient.now();
        let claimed = annotations::claimed(workload);
        let question = claimed.ledger(&row.container).and_then(|ledger| ledger.open(now));
        match question.filter(|question| question.terms.tag.as_str() == to) {
            Some(question) => {
                let left = question.terms.expires() - now;
                let left = if left.num_hours() >= 48 {
                    format!("{} d", left.num_days())
                } else {
                    format!("{} h", left.num_hours())
                };
                row.is(State::NeedsYou, format!("approve: {left} left"))
            }
            None if !self.may_patch(workload) => {
                row.is(State::NeedsYou, format!("told without a link: {}", no_right(workload)))
            }
            None => row.is(State::NeedsYou, "not asked yet".into()),
        }
    }

    /// An update that needs nobody's word, and what it waits for.
    fn automatic(&self, row: Row, workload: &Workload) -> Row {
        if !self.may_patch(workload) {
            return row.is(State::NeedsYou, format!("not applied: {}", no_right(workload)));
        }
        let paused = "paused: until its rollouts are resumed";
        row.is(State::Waiting, if workload.paused { paused } else { "auto: at the next look" }.into())
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
        let Waiting { mut row, workload, settings, image, tag, credential } = waiting;
        let source = Source { registry: self.registry, repository: image.repository(), credential: &credential };
        let claimed = annotations::claimed(workload);
        let ledger = claimed.ledger(&row.container);
        let known = ledger.map_or_else(|| image.digest().cloned(), |it| it.digest_of(&image));
        match assess::digest(&source, &tag, known.as_ref(), &settings.policy.skip).await {
            Ok(Followed::To(digest)) => {
                row.available = Some(format!("{tag}@{}", digest.short()));
                row.level = Some("digest");
                match settings.mode {
                    Mode::AutoUpdate => self.automatic(row, workload),
                    _ => row.is(State::NeedsYou, "the tag moved".into()),
                }
            }
            Ok(Followed::Skipped(_)) => row.is(State::UpToDate, "held: in image-watcher/skip".into()),
            Ok(Followed::Same) => row,
            Ok(Followed::First(_)) => row.is(State::Ignored, "no digest to compare".into()),
            Err(Undecided::Registry(error)) => row.unanswered(&error, source.credential),
            Err(reason) => row.undecided(&reason),
        }
    }
}

impl Row {
    fn of(workload: &Workload, container: &str, image: &ImageReference) -> Self {
        Self {
            namespace: workload.id.namespace.to_string(),
            kind: workload.id.kind.short(),
            name: workload.id.name.to_string(),
            container: container.to_owned(),
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
        }
    }

    fn is(mut self, state: State, next: String) -> Self {
        self.state = state;
        self.next = next;
        self
    }

    /// The same, unless what runs has not rolled out: nothing is up to date before that.
    fn rolled_out(self, workload: &Workload) -> Self {
        let is_settled = matches!(self.state, State::UpToDate | State::Ignored);
        match under_way(workload, &self.container) {
            _ if !is_settled || self.mode == Some(Mode::Disabled.as_str()) => self,
            Some((Outcome::Failed, version)) => self.is(State::Failed, format!("the rollout of {version} failed")),
            Some((Outcome::RollingOut, _)) => self.is(State::Waiting, "rolling out".into()),
            _ => self,
        }
    }

    fn undecided(self, error: &(dyn std::error::Error + 'static)) -> Self {
        self.is(State::CannotTell, format!("cannot tell: {}", crate::telemetry::chain(error)))
    }

    fn unanswered(self, error: &RegistryError, credential: &Credential) -> Self {
        self.is(State::CannotTell, format!("cannot tell: {}", error.told_to(credential)))
    }

    fn cells(&self, wide: bool) -> Vec<String> {
        let available = match (&self.available, self.level, self.state) {
            (Some(tag), Some(level), _) => format!("{tag} {level}"),
            (_, _, State::CannotTell) => "?".into(),
            _ => "–".into(),
        };
        let mut cells = vec![
            self.namespace.clone(),
            format!("{}/{}", self.kind, self.name),
            self.container.clone(),
            self.running.clone(),
            available,
            self.next.clone(),
        ];
        if wide {
            let word = |word: Option<&str>| word.unwrap_or("–").to_owned();
            cells.extend([word(self.mode), word(self.strategy), self.repository.clone(), word(self.why.as_deref())]);
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

/// How the update stands that wrote what a container runs, as long as that has not rolled out.
fn under_way(workload: &Workload, container: &str) -> Option<(Outcome, String)> {
    let claimed = annotations::claimed(workload);
    let update = claimed.ledger(container)?.update.as_ref().filter(|update| update.runs_on(workload, container))?;
    match update.outcome {
        // The service has yet to see that it came up after all.
        Outcome::Failed if workload.rollout == Rollout::Complete => None,
        outcome => Some((outcome, update.tag.to_string())),
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
        let mut parts =
            vec![if self.rows.len() == 1 { "1 container".into() } else { format!("{} containers", self.rows.len()) }];
        let words = [
            (State::Failed, "failed"),
            (State::NeedsYou, "needs you"),
            (State::Waiting, "waiting"),
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
