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
mod notes;
mod servers;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use chrono::TimeDelta;
use tokio::task::JoinSet;

use crate::ambient::Ambient;
use crate::approvals::{Approvals, Limiter, Pages};
use crate::cluster::{Cluster as _, ClusterConfig, Hints, Index, KubeCluster, Watching};
use crate::config::Config;
use crate::domain::approval::LinkKey;
use crate::domain::event::{Cause, Job};
use crate::domain::retry::Backoff;
use crate::domain::workload::Kind;
use crate::intake::{Announcements, Intake, poller};
use crate::notify::Channels;
use crate::outbound::trust::Authorities;
use crate::outbound::{Outbound, Reach};
use crate::queue::sqlite::SqliteQueue;
use crate::queue::worker::{Pace, Verdict, work};
use crate::queue::{Leased, NewJob, Queue as _, Topic};
use crate::reconcile::{Asked, Parts, Reconciler};
use crate::registry::{HttpRegistry, RegistryConfig};
use crate::stop::Stop;
use crate::telemetry::metrics::Metrics;
use audience::{Messages, Sender};
pub(crate) use notes::releases;
use notes::{Errands, NotesDesk};

/// Looks at once; each is mostly waiting for a registry or the API server.
const LOOKS: usize = 16;
/// Messages of one channel at once.
const MESSAGES: usize = 8;
/// A look that came before the registry could show what it announced is done again after this time.
const SECOND_LOOK: TimeDelta = TimeDelta::seconds(1);
/// No look takes longer, whatever it waits for.
const LOOK_DEADLINE: Duration = Duration::from_secs(120);
/// The drain takes at most this.
const DRAIN: Duration = Duration::from_secs(20);

type Sequencer = Reconciler<SqliteQueue, HttpRegistry, KubeCluster>;

/// What is known about readiness.
#[derive(Clone, Debug)]
pub(crate) struct Readiness {
    missing: Arc<AtomicUsize>,
}

impl Readiness {
    /// Whether every watch stream has had a complete list.
    fn is_synced(&self) -> bool {
        self.missing.load(Ordering::Acquire) == 0
    }

    /// Waits until it is; `false` when the process ends before.
    async fn synced(&self, stop: &mut Stop) -> bool {
        while !self.is_synced() {
            tokio::select! {
                () = stop.raised() => return false,
                () = tokio::time::sleep(Duration::from_millis(10)) => {}
            }
        }
        true
    }
}

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
    link_key: LinkKey,
    readiness: Readiness,
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
        let queue = SqliteQueue::open(&config.data, &ambient).context("the queue can't be opened")?;
        let link_key = link_key(&config, &ambient)?;
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
            forced: config.forced,
            errands,
            ambient: ambient.clone(),
        });
        let announcements = Arc::new(Announcements::new(&config.sources, metrics.clone()));
        let reconciler = Sequencer::new(Parts {
            queue: queue.clone(),
            registry,
            cluster: cluster.clone(),
            audience: Arc::new(Messages(Arc::clone(&channels))),
            link_key: link_key.clone(),
            forced: config.forced,
            ambient: ambient.clone(),
            metrics: metrics.clone(),
            listed: {
                let (announcements, ambient) = (Arc::clone(&announcements), ambient.clone());
                Arc::new(move |repository, tags| {
                    announcements.looked(repository, tags, ambient.monotonic());
                })
            },
        });
        tell_what_is_missing(&config, &channels);
        let streams = config.namespaces.len().max(1) * Kind::ALL.len();
        let readiness = Readiness { missing: Arc::new(AtomicUsize::new(streams)) };
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
            link_key,
            readiness,
            ambient,
            metrics,
            stop,
        })
    }

    fn spawn_watches(&self, tasks: &mut Tasks) {
        let all = vec![None];
        let named: Vec<_> = self.config.namespaces.iter().cloned().map(Some).collect();
        for namespace in if named.is_empty() { all } else { named } {
            for kind in Kind::ALL {
                let watching = Watching {
                    client: self.client.clone(),
                    index: self.cluster.index().clone(),
                    namespace: namespace.clone(),
                    ambient: self.ambient.clone(),
                    metrics: self.metrics.clone(),
                };
                let (missing, first) = (Arc::clone(&self.readiness.missing), std::sync::Once::new());
                let synced = move || {
                    first.call_once(|| {
                        missing.fetch_sub(1, Ordering::AcqRel);
                    });
                };
                let (queue, ambient, stop) = (self.queue.clone(), self.ambient.clone(), self.stop.clone());
                let (hints, changed) = tokio::sync::mpsc::channel(64);
                tasks.spawn(async move {
                    crate::cluster::watch(kind, watching, stop, synced, hints).await;
                    ("watch", Ok(()))
                });
                tasks.spawn(enqueue_all(queue, ambient, changed, self.stop.clone()));
            }
        }
    }

    fn spawn_servers(&self, tasks: &mut Tasks) -> anyhow::Result<()> {
        let (known, synced) = (self.cluster.index().clone(), self.readiness.clone());
        let intake = Intake::new(
            &self.config.sources,
            self.queue.clone(),
            Arc::new(move |repository| !synced.is_synced() || known.knows(repository)),
            Arc::clone(&self.announcements),
            Some(self.outbound.client(Reach::Public)?),
            self.ambient.clone(),
            self.metrics.clone(),
        );
        let base_path = self.config.base_url.as_ref().map(|url| url.path().trim_end_matches('/').to_owned());
        let (ready, notes) = (self.readiness.clone(), Arc::clone(&self.notes));
        let approvals = Approvals {
            reconciler: self.reconciler.clone(),
            notes: Arc::new(move |asked: &Asked| {
                let (notes, asked) = (Arc::clone(&notes), asked.clone());
                Box::pin(async move { notes.for_page(&asked).await })
            }),
            pages: Arc::new(Pages::new()?),
            limiter: Limiter::default(),
            is_ready: Arc::new(move || ready.is_synced()),
            trusted_proxies: self.config.trusted_proxies.clone(),
            base_path: base_path.unwrap_or_default(),
            ambient: self.ambient.clone(),
        };
        let health = servers::Health {
            queue: self.queue.clone(),
            readiness: self.readiness.clone(),
            metrics: self.metrics.clone(),
            ambient: self.ambient.clone(),
            announcements: Arc::clone(&self.announcements),
        };
        let api =
            api::Api { cluster: self.cluster.clone(), notes: Arc::clone(&self.notes), forced: self.config.forced };
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
        let pace = Pace { side_by_side: LOOKS, backoff: Backoff::seconds(1, 900, 2), longest: TimeDelta::hours(24) };
        let (queue, ambient, stop) = (self.queue.clone(), self.ambient.clone(), self.stop.clone());
        let (reconciler, readiness) = (self.reconciler.clone(), self.readiness.clone());
        let announcements = Arc::clone(&self.announcements);
        tasks.spawn(async move {
            // Before the first complete list nobody seems to run anything, and a look would be done for nothing.
            let mut ending = stop.clone();
            if !readiness.synced(&mut ending).await {
                return ("look", Ok(()));
            }
            let clock = ambient.clone();
            let handler = move |leased: Leased| {
                let (reconciler, announcements) = (reconciler.clone(), Arc::clone(&announcements));
                let clock = clock.clone();
                async move { look(&reconciler, &announcements, &clock, &leased).await }
            };
            work(queue, Topic::Look, pace, ambient, stop, handler).await;
            ("look", Ok(()))
        });
    }

    fn spawn_deliveries(&self, tasks: &mut Tasks) {
        let sender = Arc::new(Sender {
            channels: Arc::clone(&self.channels),
            cluster: self.cluster.clone(),
            base_url: self.config.base_url.clone(),
            link_key: self.link_key.clone(),
            notes: Arc::clone(&self.notes),
            ambient: self.ambient.clone(),
            metrics: self.metrics.clone(),
        });
        for name in self.channels.names() {
            let (backoff, longest) = self.channels.backoff(&name);
            let pace = Pace { side_by_side: MESSAGES, backoff, longest };
            let (queue, ambient, stop) = (self.queue.clone(), self.ambient.clone(), self.stop.clone());
            let sender = Arc::clone(&sender);
            tasks.spawn(async move {
                let handler = move |leased: Leased| {
                    let sender = Arc::clone(&sender);
                    async move { sender.send(&leased).await }
                };
                work(queue, Topic::Deliver(name), pace, ambient, stop, handler).await;
                ("deliver", Ok(()))
            });
        }
    }

    fn spawn_poller(&self, tasks: &mut Tasks) {
        let (schedule, on_boot) = (self.config.schedule.clone(), self.config.run_on_boot);
        let (queue, cluster, readiness) = (self.queue.clone(), self.cluster.clone(), self.readiness.clone());
        let (ambient, metrics, mut stop) = (self.ambient.clone(), self.metrics.clone(), self.stop.clone());
        tasks.spawn(async move {
            if !readiness.synced(&mut stop).await {
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
    let counted = metrics.clone();
    let settings = RegistryConfig::new(config.plain_http.iter().cloned());
    Ok(HttpRegistry::new(settings, outbound, ambient.clone(), Arc::new(audience::Counted(counted)))?)
}

/// The factory of clients of a configuration: its proxies, and its authorities beside the machine's own.
///
/// # Errors
/// When TLS can't be set up.
pub(crate) fn outbound(config: &Config) -> anyhow::Result<Outbound> {
    let authorities = config.authorities.clone().and(Authorities::of_this_machine());
    Ok(Outbound::trusting(authorities)?.through(config.proxies.clone()))
}

/// The key that signs links: configured, or made on the first start and kept beside the queue.
fn link_key(config: &Config, ambient: &Ambient) -> anyhow::Result<LinkKey> {
    if let Some(secret) = &config.link_key {
        return Ok(LinkKey::new(secret.expose().as_bytes().to_vec())?);
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
    LinkKey::new(bytes)
        .with_context(|| format!("the link key in {} is damaged; remove the file to make a new one", path.display()))
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

/// One line for what a fresh install usually lacks.
fn tell_what_is_missing(config: &Config, channels: &Channels) {
    let names = channels.names();
    let sources: Vec<&str> = config.sources.iter().map(|source| source.name.as_str()).collect();
    tracing::info!(version = env!("CARGO_PKG_VERSION"), ?sources, channels = ?names, "image-watcher starts");
    if names.is_empty() {
        tracing::warn!("no channel is configured, so nobody is told: set SMTP_URL, SLACK_URL or WEBHOOK_URL");
    } else if config.base_url.is_none() {
        tracing::warn!("BASE_URL is not set, so messages carry no link to approve with");
    }
    if sources.is_empty() {
        tracing::info!("no webhook source is open; new images are found on the schedule only");
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
        Err(_) => Verdict::Retry { told: None, reason: format!("not done after {} s", LOOK_DEADLINE.as_secs()) },
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
