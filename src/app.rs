//! The composition root: the only file that spawns tasks and names two stages at once.
//!
//! ```text
//! watch ─hints─┐
//! poller ──────┤                      ┌─► deliver:email
//! webhooks ────┴─► queue ─► look ─────┼─► deliver:slack
//! links ─────────► reconcile ─────────┴─► deliver:webhook
//! ```
//!
//! Shutdown: the flag is raised, listeners and poller stop taking, workers end what is under way, and a deadline says
//! which of the two it was. A task that ends before that ends the process.

mod api;
mod audience;
mod bind;
mod health;
mod notes;
mod pulse;
mod servers;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use chrono::TimeDelta;
use tokio::task::JoinSet;

use crate::ambient::Ambient;
use crate::approvals::{Approvals, Limiter, Pages};
use crate::cluster::{Cluster as _, ClusterConfig, GRACE, Hints, Index, KubeCluster, Scope, Scopes, Watching};
use crate::config::Config;
use crate::domain::approval::{LinkKey, LinkKeys};
use crate::domain::event::{Cause, Job};
use crate::domain::retry::Backoff;
use crate::domain::secret::Secret;
use crate::filesystem::Filesystem;
use crate::intake::{Announcements, Intake, poller};
use crate::listener::Bodies;
use crate::notify::Channels;
use crate::outbound::trust::Authorities;
use crate::outbound::{Outbound, Reach};
use crate::queue::sqlite::SqliteQueue;
use crate::queue::worker::{Pace, Verdict, work};
use crate::queue::{Claim, Leased, MOST_NAMESPACES, NewJob, Queue as _, Sharing, Slots, Topic};
use crate::reconcile::{Asked, Parts, Reconciler};
use crate::registry::{HttpRegistry, RegistryConfig};
use crate::stop::Stop;
use crate::telemetry::metrics::Metrics;
use audience::{Messages, Sender};
pub(crate) use health::Condition;
pub(crate) use notes::releases;
use notes::{Errands, NotesDesk};

/// Looks at once; each is mostly waiting for a registry or the API server. A host that hangs has a quarter of them at most,
/// and a namespace all of whose hosts hang a half.
const LOOKS: Slots = Slots { all: 64, each_host: 16 };
/// Bytes of the forms of links at once: more than all connections together can send.
const FORMS: u32 = 4 * 1024 * 1024;
/// Messages of one channel at once.
const MESSAGES: usize = 8;
/// A look that came before the registry could show what it announced is done again after this time.
const SECOND_LOOK: TimeDelta = TimeDelta::seconds(1);
/// No look takes longer, whatever it waits for.
const LOOK_DEADLINE: Duration = Duration::from_secs(120);
/// The drain takes at most this.
const DRAIN: Duration = Duration::from_secs(20);

type Sequencer = Reconciler<SqliteQueue, HttpRegistry, KubeCluster>;

/// A task's name, and how it ended.
type Tasks = JoinSet<(&'static str, anyhow::Result<()>)>;

/// Everything that tasks share.
struct App {
    config: Config,
    client: kube::Client,
    cluster: KubeCluster,
    queue: SqliteQueue,
    reconciler: Sequencer,
    channels: Arc<Channels>,
    announcements: Arc<Announcements>,
    notes: Arc<NotesDesk<SqliteQueue>>,
    outbound: Outbound,
    keys: LinkKeys,
    scopes: Scopes,
    ambient: Ambient,
    metrics: Metrics,
    stop: Stop,
}

/// Runs the service until it is told to end.
///
/// # Errors
/// When it can't start, when a task ends by itself, or when the drain takes too long.
pub async fn serve(config: Config) -> anyhow::Result<()> {
    let (raise, stop) = Stop::new();
    let (errands, run_errands) = Errands::new();
    let ending = stop.clone();
    let app = App::new(config, errands, stop).await?;
    let mut tasks = Tasks::new();
    tasks.spawn(async move {
        notes::errands(run_errands, ending).await;
        ("errands", Ok(()))
    });
    app.spawn_watches(&mut tasks);
    app.spawn_servers(&mut tasks)?;
    app.spawn_looks(&mut tasks);
    app.spawn_deliveries(&mut tasks);
    app.spawn_poller(&mut tasks);
    drop(app);
    let early = tokio::select! {
        signal = signalled() => {
            tracing::info!(signal = signal?, "image-watcher drains");
            None
        }
        ended = tasks.join_next() => ended,
    };
    raise.raise();
    let drained = tokio::time::timeout(DRAIN, async { while tasks.join_next().await.is_some() {} }).await;
    match (early, drained) {
        (Some(Ok((name, ended))), _) => {
            ended.with_context(|| format!("the task «{name}» failed"))?;
            anyhow::bail!("the task «{name}» ended before the process did")
        }
        (Some(Err(error)), _) => Err(error).context("a task ended by a panic"),
        (None, Err(_)) => {
            anyhow::bail!(
                "the drain took longer than {} s; the next start takes up what was not ended",
                DRAIN.as_secs()
            )
        }
        (None, Ok(())) => {
            tracing::info!("image-watcher has drained and ends");
            Ok(())
        }
    }
}

impl App {
    async fn new(config: Config, errands: Errands, stop: Stop) -> anyhow::Result<Self> {
        let (ambient, metrics) = (Ambient::system(), Metrics::new());
        metrics.name_registries(config.registry_hosts());
        let queue = SqliteQueue::open(&config.data, &ambient).context("the queue can't be opened")?;
        let keys = link_keys(&config, &ambient)?;
        let (client, _) =
            crate::cluster::connect(&ClusterConfig { proxies: config.proxies.clone(), ..ClusterConfig::default() })
                .await?;
        let cluster = KubeCluster::new(client.clone(), Index::default(), ambient.clone(), metrics.clone());
        let outbound = outbound(&config)?;
        let channels = Arc::new(audience::channels(&config, &outbound)?);
        let registry = Arc::new(registry(&config, &outbound, &ambient, &metrics)?);
        let releases = releases(&config, &outbound, Arc::clone(&registry), queue.clone(), &ambient, &metrics)?;
        let notes = Arc::new(NotesDesk {
            releases: Arc::new(releases),
            cluster: cluster.clone(),
            channels: Arc::clone(&channels),
            bounds: config.bounds(),
            errands,
            ambient: ambient.clone(),
        });
        let announcements = Arc::new(Announcements::new(&config.sources, metrics.clone()));
        let reconciler = Sequencer::new(Parts {
            queue: queue.clone(),
            registry,
            cluster: cluster.clone(),
            audience: Arc::new(Messages(Arc::clone(&channels))),
            keys: keys.clone(),
            bounds: config.bounds(),
            ambient: ambient.clone(),
            metrics: metrics.clone(),
            standing_still: Arc::default(),
            listed: {
                let (announcements, ambient) = (Arc::clone(&announcements), ambient.clone());
                Arc::new(move |repository, tags| {
                    announcements.looked(repository, tags, ambient.monotonic());
                })
            },
        });
        tell_what_is_missing(&config, &channels);
        let scopes = Scopes::new(Scope::of(&config.namespaces));
        bury_messages_of_removed_channels(&queue, &channels).await;
        Ok(Self {
            config,
            client,
            cluster,
            queue,
            reconciler,
            channels,
            announcements,
            notes,
            outbound,
            keys,
            scopes,
            ambient,
            metrics,
            stop,
        })
    }

    fn spawn_watches(&self, tasks: &mut Tasks) {
        for (scope, _) in self.scopes.states() {
            let watching = Watching {
                client: self.client.clone(),
                index: self.cluster.index().clone(),
                scope,
                scopes: self.scopes.clone(),
                ambient: self.ambient.clone(),
                metrics: self.metrics.clone(),
            };
            let (hints, stop) = (self.spawn_hints(tasks), self.stop.clone());
            tasks.spawn(async move {
                crate::cluster::watch(watching, stop, hints).await;
                ("watch", Ok(()))
            });
        }
        let (cluster, namespaces) = (self.cluster.clone(), self.config.namespaces.clone());
        let (hints, stop) = (self.spawn_hints(tasks), self.stop.clone());
        tasks.spawn(async move {
            cluster.keep_asking_for_rights(&namespaces, hints, stop).await;
            ("rights", Ok(()))
        });
        let (scopes, mut stop) = (self.scopes.clone(), self.stop.clone());
        tasks.spawn(async move {
            scopes.begin(GRACE, stop.clone()).await;
            stop.raised().await;
            ("begin", Ok(()))
        });
    }

    /// Where repositories go that are to be looked at because of the cluster.
    fn spawn_hints(&self, tasks: &mut Tasks) -> tokio::sync::mpsc::Sender<Hints> {
        let (hints, changed) = tokio::sync::mpsc::channel(64);
        tasks.spawn(enqueue_all(self.queue.clone(), self.ambient.clone(), changed, self.stop.clone()));
        hints
    }

    fn spawn_servers(&self, tasks: &mut Tasks) -> anyhow::Result<()> {
        let (known, scopes) = (self.cluster.index().clone(), self.scopes.clone());
        let intake = Intake::new(
            &self.config.sources,
            self.queue.clone(),
            Arc::new(move |repository| !scopes.are_settled() || known.knows(repository)),
            Arc::clone(&self.announcements),
            Some(&self.outbound.client(Reach::Public)?),
            self.ambient.clone(),
            self.metrics.clone(),
        );
        let base_path = self.config.base_url.as_ref().map(|url| url.path().trim_end_matches('/').to_owned());
        let base_path = base_path.unwrap_or_default();
        let intake = intake.behind(&base_path);
        let (misses, ambient, ending) = (intake.misses(), self.ambient.clone(), self.stop.clone());
        tasks.spawn(async move {
            misses.keep_telling(&ambient, ending).await;
            ("misses", Ok(()))
        });
        let (scopes, notes) = (self.scopes.clone(), Arc::clone(&self.notes));
        let approvals = Approvals {
            reconciler: self.reconciler.clone(),
            notes: Arc::new(move |asked: &Asked| {
                let (notes, asked) = (Arc::clone(&notes), asked.clone());
                Box::pin(async move { notes.for_page(&asked).await })
            }),
            pages: Arc::new(Pages::new()?),
            limiter: Limiter::default(),
            knows_all: Arc::new(move || scopes.are_settled()),
            trusted_proxies: self.config.trusted_proxies.clone(),
            base_path,
            bodies: Bodies::new(FORMS),
            ambient: self.ambient.clone(),
        };
        let pulse = pulse::Pulse::new(self.ambient.clone());
        let (beats, queue, stop) = (pulse.clone(), self.queue.clone(), self.stop.clone());
        tasks.spawn(async move {
            beats.run(queue, stop).await;
            ("pulse", Ok(()))
        });
        let health = servers::Health {
            queue: self.queue.clone(),
            scopes: self.scopes.clone(),
            pulse,
            metrics: self.metrics.clone(),
            ambient: self.ambient.clone(),
            announcements: Arc::clone(&self.announcements),
        };
        let api = api::Api {
            cluster: self.cluster.clone(),
            notes: Arc::clone(&self.notes),
            bounds: self.config.bounds(),
            keys: self.keys.clone(),
            ambient: self.ambient.clone(),
        };
        let public = servers::public(&self.config.public, intake, approvals)?;
        let private = servers::private(&self.config.private, health, api)?;
        for (name, server) in [("public listener", public), ("private listener", private)] {
            let (mut stop, handle) = (self.stop.clone(), server.handle());
            tasks.spawn(async move {
                let mut server = std::pin::pin!(server);
                let ended = tokio::select! {
                    ended = &mut server => ended,
                    () = stop.raised() => {
                        let ((), ended) = tokio::join!(handle.stop(true), server);
                        ended
                    }
                };
                (name, ended.context("the listener failed"))
            });
        }
        Ok(())
    }

    fn spawn_looks(&self, tasks: &mut Tasks) {
        let pace = Pace { backoff: Backoff::seconds(1, 900, 2), longest: TimeDelta::hours(24) };
        let index = self.cluster.index().clone();
        let sharing = Sharing::fair(LOOKS, move |repository| Claim {
            host: Some(repository.host().to_owned()),
            namespaces: index.namespaces(repository, MOST_NAMESPACES),
        });
        let (queue, ambient, stop) = (self.queue.clone(), self.ambient.clone(), self.stop.clone());
        let (reconciler, scopes) = (self.reconciler.clone(), self.scopes.clone());
        let (announcements, cluster) = (Arc::clone(&self.announcements), self.cluster.clone());
        tasks.spawn(async move {
            // Before the first complete lists nobody seems to run anything, and a look would be done for nothing.
            let mut ending = stop.clone();
            if !scopes.begun(&mut ending).await {
                return ("look", Ok(()));
            }
            // Who is told of an update depends on whether it may be written.
            tokio::select! {
                () = ending.raised() => return ("look", Ok(())),
                () = cluster.rights_asked() => {}
            }
            let clock = ambient.clone();
            let handler = move |leased: Leased| {
                let (reconciler, announcements) = (reconciler.clone(), Arc::clone(&announcements));
                let clock = clock.clone();
                async move { look(&reconciler, &announcements, &clock, &leased).await }
            };
            work(queue, Topic::Look, (pace, sharing), ambient, stop, handler).await;
            ("look", Ok(()))
        });
    }

    fn spawn_deliveries(&self, tasks: &mut Tasks) {
        let sender = Arc::new(Sender {
            channels: Arc::clone(&self.channels),
            cluster: self.cluster.clone(),
            base_url: self.config.base_url.clone(),
            keys: self.keys.clone(),
            notes: Arc::clone(&self.notes),
            ambient: self.ambient.clone(),
            metrics: self.metrics.clone(),
        });
        for name in self.channels.names() {
            let (backoff, longest) = self.channels.backoff(&name);
            let (pace, sharing) = (Pace { backoff, longest }, Sharing::in_order(MESSAGES));
            let (queue, ambient, stop) = (self.queue.clone(), self.ambient.clone(), self.stop.clone());
            let sender = Arc::clone(&sender);
            tasks.spawn(async move {
                let handler = move |leased: Leased| {
                    let sender = Arc::clone(&sender);
                    async move { sender.send(&leased).await }
                };
                work(queue, Topic::Deliver(name), (pace, sharing), ambient, stop, handler).await;
                ("deliver", Ok(()))
            });
        }
    }

    fn spawn_poller(&self, tasks: &mut Tasks) {
        let (schedule, on_boot) = (self.config.schedule.clone(), self.config.run_on_boot);
        let (queue, cluster, scopes) = (self.queue.clone(), self.cluster.clone(), self.scopes.clone());
        let (ambient, metrics, mut stop) = (self.ambient.clone(), self.metrics.clone(), self.stop.clone());
        tasks.spawn(async move {
            if !scopes.begun(&mut stop).await {
                return ("poller", Ok(()));
            }
            if on_boot {
                poller::round(&queue, &ambient, &metrics, cluster.repositories(), TimeDelta::zero()).await;
            }
            match schedule {
                Some(schedule) => {
                    poller::poll(schedule, queue, ambient, metrics, stop, || cluster.repositories()).await;
                }
                None => stop.raised().await,
            }
            ("poller", Ok(()))
        });
    }
}

/// The registry client of a configuration.
///
/// # Errors
/// When the HTTP client can't be made.
pub(crate) fn registry(
    config: &Config,
    outbound: &Outbound,
    ambient: &Ambient,
    metrics: &Metrics,
) -> anyhow::Result<HttpRegistry> {
    registry_of(RegistryConfig::new(config.plain_http.iter().cloned()), outbound, ambient, metrics)
}

/// The registry client of these settings.
///
/// # Errors
/// When the HTTP client can't be made.
pub(crate) fn registry_of(
    settings: RegistryConfig,
    outbound: &Outbound,
    ambient: &Ambient,
    metrics: &Metrics,
) -> anyhow::Result<HttpRegistry> {
    Ok(HttpRegistry::new(settings, outbound, ambient.clone(), Arc::new(audience::Counted(metrics.clone())))?)
}

/// The factory of clients of a configuration: its proxies, and its authorities beside the machine's own.
///
/// # Errors
/// When TLS can't be set up.
pub(crate) fn outbound(config: &Config) -> anyhow::Result<Outbound> {
    let authorities = config.authorities.clone().and(Authorities::of_this_machine());
    Ok(Outbound::trusting(authorities)?.through(config.proxies.clone()))
}

/// The keys that sign links and records: configured, or one that is made on the first start and kept beside the queue.
fn link_keys(config: &Config, ambient: &Ambient) -> anyhow::Result<LinkKeys> {
    let key = |secret: &Secret| LinkKey::new(secret.expose().as_bytes().to_vec());
    let mut configured = config.link_keys.iter().map(key);
    if let Some(signing) = configured.next() {
        return Ok(LinkKeys::new(signing?, configured.collect::<Result<_, _>>()?));
    }
    let path = config.data.join("link.key");
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let bytes: [u8; 32] = ambient.bytes();
            keep(&path, &bytes).with_context(|| format!("the link key can't be kept in {}", path.display()))?;
            bytes.to_vec()
        }
        Err(error) => return Err(error).with_context(|| format!("the link key {} can't be read", path.display())),
    };
    let key = LinkKey::new(bytes)
        .with_context(|| format!("the link key in {} is damaged; remove the file to make a new one", path.display()))?;
    Ok(key.into())
}

/// Writes a file that only we can read, whole or not at all.
fn keep(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let draft = path.with_extension("new");
    let mut file = std::fs::OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&draft)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&draft, path)
}

/// One line for each thing that a fresh install usually lacks, and for each that works and may not be meant.
fn tell_what_is_missing(config: &Config, channels: &Channels) {
    let names = channels.names();
    let sources: Vec<&str> = config.sources.iter().map(|source| source.name.as_str()).collect();
    tracing::info!(version = env!("CARGO_PKG_VERSION"), ?sources, channels = ?names, "image-watcher starts");
    for warning in &config.warnings {
        tracing::warn!(setting = warning.variable, "{}: {}", warning.variable, warning.problem);
    }
    if let Some(warning) = Filesystem::of(&config.data).and_then(|filesystem| filesystem.warning()) {
        tracing::warn!(setting = "IMAGE_WATCHER_DATA", folder = %config.data.display(), "IMAGE_WATCHER_DATA: {warning}");
    }
    if names.is_empty() {
        tracing::warn!("no channel is configured, so nobody is told: set SMTP_URL, SLACK_URL or WEBHOOK_URL");
    } else if config.base_url.is_none() {
        tracing::warn!("BASE_URL is not set, so messages carry no link to approve with");
    }
    for source in &config.sources {
        let (kind, url) = (source.kind.as_str(), config.webhook_url(source));
        tracing::info!(source = source.name, kind, url, "a webhook source is open");
    }
    if sources.is_empty() {
        tracing::info!("no webhook source is open; new images are found on the schedule only");
    }
}

/// Nobody would ever take them, so they are shown as what they are.
async fn bury_messages_of_removed_channels(queue: &SqliteQueue, channels: &Channels) {
    match queue.bury_all_but(&channels.names()).await {
        Ok(buried) => {
            for (channel, messages) in buried {
                tracing::warn!(
                    channel,
                    messages,
                    "messages waited for a channel that is not configured any more, and are dead letters now"
                );
            }
        }
        Err(error) => {
            let error = crate::telemetry::chain(&error);
            tracing::warn!(%error, "whether messages wait for channels that were removed can't be seen");
        }
    }
}

/// Queues looks because workloads changed, until the stream that finds them has ended.
async fn enqueue_all(
    queue: SqliteQueue,
    ambient: Ambient,
    mut changed: tokio::sync::mpsc::Receiver<Hints>,
    mut stop: Stop,
) -> (&'static str, anyhow::Result<()>) {
    while let Some(hints) = changed.recv().await {
        let (now, trace, count) = (ambient.now(), ambient.trace_id(), hints.len());
        let job = |repository| NewJob { job: Job::Look(repository), trace: trace.clone(), not_before: now };
        match queue.put(hints.into_iter().map(job).collect()).await {
            Ok(_) => {
                let cause = Cause::Workload.as_str();
                tracing::debug!(repositories = count, cause, trace_id = trace, "looks are queued");
            }
            Err(error) => {
                let error = crate::telemetry::chain(&error);
                tracing::warn!(%error, "looks for changed workloads were not queued; the schedule makes up for it");
            }
        }
    }
    stop.raised().await;
    ("hints", Ok(()))
}

/// One look, and one more a moment later when it may have come before what was announced could be read.
async fn look(reconciler: &Sequencer, announcements: &Announcements, ambient: &Ambient, leased: &Leased) -> Verdict {
    let Job::Look(repository) = &leased.job else {
        return Verdict::Dead { reason: "not a look".into() };
    };
    let began = ambient.monotonic();
    let looked = reconciler.look(repository, &leased.trace, leased.created);
    let verdict = match tokio::time::timeout(LOOK_DEADLINE, looked).await {
        Ok(verdict) => verdict,
        Err(_) => reconciler.overdue(repository, LOOK_DEADLINE),
    };
    let soon = ambient.now() + SECOND_LOOK;
    match verdict {
        Verdict::Done if announcements.may_have_come_early(repository, began, false) => Verdict::Again(soon),
        Verdict::Again(at) if announcements.may_have_come_early(repository, began, true) => {
            Verdict::Again(at.min(soon))
        }
        verdict => verdict,
    }
}

async fn signalled() -> anyhow::Result<&'static str> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    })
}
