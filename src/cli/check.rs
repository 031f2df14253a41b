//! `image-watcher check`: every watched workload and what is available, read from cluster and registries.

use std::collections::HashMap;

use serde::Serialize;

use super::Output;
use super::table::Table;
use crate::ambient::Ambient;
use crate::app;
use crate::assess::{self, Followed, Source, Undecided};
use crate::cluster::{Cluster, ClusterConfig, ClusterError, Index, KubeCluster, Scope};
use crate::config::Config;
use crate::domain::approval::Approval;
use crate::domain::history::History;
use crate::domain::policy::{Decision, Mode, Policy, Track, Wanted};
use crate::domain::reference::{Digest, ImageReference, Repository, Tag};
use crate::domain::settings::{Bounds, Settings};
use crate::domain::tag::Level;
use crate::domain::view::{State as Decided, View};
use crate::domain::workload::Workload;
use crate::registry::{Credential, Registry, RegistryError, Tags};
use crate::telemetry::metrics::Metrics;

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
}

#[derive(Serialize)]
struct Document<'r> {
    schema: &'static str,
    items: &'r [Row],
    unread: &'r [Unread],
}

/// Containers that are decided by one list of tags.
#[derive(Default)]
struct Group<'w> {
    credential: Credential,
    wanted: Wanted,
    waiting: Vec<Waiting<'w>>,
}

/// A container that waits for the list.
struct Waiting<'w> {
    row: Row,
    workload: &'w Workload,
    settings: Settings,
    image: ImageReference,
    tag: Tag,
    /// What it asks with; those who ask without one have each their own reason.
    credential: Credential,
}

/// Groups by repository and credential.
type Groups<'w> = HashMap<(Repository, String), Group<'w>>;

/// Reads everything once, and decides as the service would.
pub(super) async fn check(config: &Config, cluster: &ClusterConfig, namespaces: Namespaces) -> anyhow::Result<Report> {
    let ambient = Ambient::system();
    let started = ambient.monotonic();
    let (client, default) = crate::cluster::connect(cluster).await?;
    let kube = KubeCluster::new(client, Index::default(), ambient.clone(), Metrics::new());
    let registry = app::registry(config, &app::outbound(config)?, &ambient, &Metrics::new())?;
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
    let look = Look { bounds: &bounds, kube: &kube, registry: &registry, ambient: &ambient };
    let (mut rows, mut groups) = (Vec::new(), Groups::new());
    for workload in &workloads {
        for container in &workload.containers {
            let Some(image) = container.reference() else { continue };
            rows.extend(look.row(workload, &container.name, &image, &mut groups).await);
        }
    }
    let repositories = groups.len();
    for ((repository, _), group) in groups {
        rows.extend(look.group(&repository, group).await);
    }
    rows.sort_by(|a, b| {
        (&a.namespace, a.state, &a.name, &a.container).cmp(&(&b.namespace, b.state, &b.name, &b.container))
    });
    Ok(Report { rows, unread, repositories, took: ambient.monotonic().saturating_sub(started) })
}

/// What a look at one container needs.
struct Look<'c, R> {
    bounds: &'c Bounds,
    kube: &'c KubeCluster,
    registry: &'c R,
    ambient: &'c Ambient,
}

impl<R: Registry> Look<'_, R> {
    /// The row of a container; none yet when it waits for a list of tags, with others of its group.
    async fn row<'w>(
        &self,
        workload: &'w Workload,
        container: &str,
        image: &ImageReference,
        groups: &mut Groups<'w>,
    ) -> Option<Row> {
        let mut row = Row {
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
        };
        let settings = match Settings::read(workload, container, self.bounds) {
            Ok(settings) => settings,
            Err(error) => return Some(row.is(State::CannotTell, format!("cannot tell: {error}"))),
        };
        row.mode = Some(settings.mode.as_str());
        row.strategy = Some(settings.policy.strategy.as_str());
        if settings.mode == Mode::Disabled {
            return Some(row.is(State::Ignored, "disabled".into()));
        }
        let Some(tag) = image.running_tag() else {
            return Some(row.is(State::Ignored, "a digest without a tag: nothing to compare".into()));
        };
        let credential = match self.kube.credential(workload, image.repository()).await {
            Ok(credential) => credential,
            Err(error) => return Some(row.undecided(&error)),
        };
        if settings.track == Track::Digest {
            let source = Source { registry: self.registry, repository: image.repository(), credential: &credential };
            return Some(self.digest(row, workload, image, &tag, &settings, &source).await);
        }
        let key = (image.repository().clone(), credential.scope().to_owned());
        let group = groups.entry(key).or_default();
        group.wanted.add(tag.as_str(), &settings.policy);
        group.credential = credential.clone();
        group.waiting.push(Waiting { row, workload, settings, image: image.clone(), tag, credential });
        None
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
        match assess::version(source, tag.as_str(), tags, &settings.policy, now, || None, conclude).await {
            Ok(view) => self.decided(row, workload, &settings, view),
            Err(Undecided::Registry(error)) => row.unanswered(&error, &credential),
            Err(reason) => row.undecided(&reason),
        }
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
        if History::read(workload.annotation("history")).open(&row.container).is_some() {
            return row.is(State::Waiting, "rolling out".into());
        }
        if settings.mode == Mode::AutoUpdate {
            return row.is(State::Waiting, automatic(workload).into());
        }
        let now = self.ambient.now();
        let open = Approval::proposed(workload, &row.container).filter(|(approval, _)| {
            approval.to_tag.as_str() == to && approval.is_open(workload) && now < approval.expires
        });
        match open {
            Some((approval, _)) => {
                let left = approval.expires - now;
                let left = if left.num_hours() >= 48 {
                    format!("{} d", left.num_days())
                } else {
                    format!("{} h", left.num_hours())
                };
                row.is(State::NeedsYou, format!("approve: {left} left"))
            }
            None => row.is(State::NeedsYou, "not asked yet".into()),
        }
    }

    async fn digest(
        &self,
        mut row: Row,
        workload: &Workload,
        image: &ImageReference,
        tag: &Tag,
        settings: &Settings,
        source: &Source<'_, R>,
    ) -> Row {
        let known = assess::known(workload, &row.container, image, tag);
        match assess::digest(source, tag, known.as_ref(), &settings.policy.skip).await {
            Ok(Followed::To(digest)) => {
                row.available = Some(format!("{tag}@{}", digest.short()));
                row.level = Some("digest");
                match settings.mode {
                    Mode::AutoUpdate => row.is(State::Waiting, automatic(workload).into()),
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
    fn is(mut self, state: State, next: String) -> Self {
        self.state = state;
        self.next = next;
        self
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

/// What an update waits for that needs nobody's word.
fn automatic(workload: &Workload) -> &'static str {
    if workload.paused { "paused: until its rollouts are resumed" } else { "auto: at the next look" }
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
        let words = [(State::NeedsYou, "needs you"), (State::Waiting, "waiting"), (State::CannotTell, "cannot tell")];
        for (state, word) in words.into_iter().filter(|(state, _)| count(*state) > 0) {
            let word = if count(state) > 1 { word.replace("needs", "need") } else { word.to_owned() };
            parts.push(format!("{} {word}", count(state)));
        }
        let took = self.took.as_secs_f64();
        format!("\n{} · read in {took:.1} s ({} tag lists)\n{unread}", parts.join(" · "), self.repositories)
    }
}
