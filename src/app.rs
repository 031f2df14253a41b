//! The composition root: the only file that spawns tasks and names two stages at once. Nothing here decides.
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

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use actix_server::Server;
use actix_service::IntoServiceFactory as _;
use actix_web::web::{self, Data};
use anyhow::Context as _;
use chrono::TimeDelta;
use futures_util::future::BoxFuture;
use tokio::task::JoinSet;

use crate::ambient::Ambient;
use crate::api::{self, Api, Census, Pulse};
use crate::approvals::{self, Approvals, Identity, Limiter, Pages, Say, SlackDoor, link_keys};
use crate::assess::{AskStanding, Waited};
use crate::cluster::{
    Cluster as _, ClusterConfig, GRACE, Hints, Index, KubeCluster, Scope, Scopes, Watching, WorkloadEvent, Writer,
    annotations,
};
use crate::config::Config;
use crate::config::channel::Destination;
use crate::domain::approval::LinkKeys;
use crate::domain::declared::Declared;
use crate::domain::event::{self, Job, Notice};
use crate::domain::record::sealed::Opened;
use crate::domain::reference::Repository;
use crate::domain::release::Language;
use crate::domain::retry::Backoff;
use crate::domain::workload::{Kind, Workload};
use crate::intake::poller::Poller;
use crate::intake::{self, Intake, Pushes};
use crate::listener::{Bodies, Places, bind, serve as serve_http};
use crate::notify::{Channels, Gatherer, GivenUp, Sender, SlackReplies, bury_messages_of_removed_channels};
use crate::outbound::{Outbound, Reach};
use crate::queue::sqlite::SqliteQueue;
use crate::queue::worker::{Pace, Verdict, work};
use crate::queue::{Claim, Kept, Leased, MOST_NAMESPACES, Opening, Records as _, Sharing, Slots, Topic, Urgency};
use crate::reconcile::first_look::FirstLook;
use crate::reconcile::{Asked, Audience, Declarations, Parts, Proposed, Reconciler};
use crate::registry::{Credential, HttpRegistry, Packages, RegistryConfig};
use crate::release::summary::Summarizer;
use crate::release::{Background, FetchSettings, Releases, Subject, TimedNotes, Workloads};
use crate::stop::Stop;
use crate::telemetry::chain;
use crate::telemetry::metrics::Metrics;

/// Looks at once; each is mostly waiting for a registry or the API server. A host that hangs has a quarter of them at most,
/// and a namespace all of whose hosts hang a half.
const LOOKS: Slots = Slots { all: 64, each_host: 16 };
/// Bytes of the forms of links at once: more than all connections together can send.
const FORMS: u32 = 4 * 1024 * 1024;
/// Bytes of the presses of Slack's buttons at once.
const PRESSES: u32 = 1024 * 1024;
/// Under which it is kept that all of the cluster was looked at once.
const FIRST_LOOK: &str = "first look";
/// Messages of one channel at once.
const MESSAGES: usize = 8;
/// No look takes longer, whatever it waits for.
const LOOK_DEADLINE: Duration = Duration::from_secs(120);
/// The drain takes at most this.
const DRAIN: Duration = Duration::from_secs(20);
/// Of the two workers of the public listener.
const PUBLIC: Places = Places { waiting: 384, known: 192 };
/// Of the one of the private listener, where nobody shows a credential.
const PRIVATE: Places = Places { waiting: 256, known: 0 };

type Sequencer = Reconciler<SqliteQueue, HttpRegistry, KubeCluster>;
type Links = Approvals<SqliteQueue, HttpRegistry, KubeCluster>;
type Notes = TimedNotes<SqliteQueue, HttpRegistry, KubeCluster>;

/// A task's name, and how it ended.
type Ended = (&'static str, anyhow::Result<()>);
type Tasks = JoinSet<Ended>;

/// What is watched, and where what comes of it is stored: all that has to be there before anything else.
struct Ground {
    config: Config,
    client: kube::Client,
    cluster: KubeCluster,
    queue: SqliteQueue,
    keys: LinkKeys,
    scopes: Scopes,
    ambient: Ambient,
    metrics: Metrics,
    stop: Stop,
}

/// Everything that tasks share.
struct App {
    config: Config,
    cluster: KubeCluster,
    queue: SqliteQueue,
    reconciler: Sequencer,
    registry: Arc<HttpRegistry>,
    channels: Arc<Channels>,
    pushes: Arc<Pushes>,
    notes: Arc<Notes>,
    first_look: Arc<FirstLook>,
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
    let mut tasks = Tasks::new();
    let (background, run_background) = Background::new(stop.clone());
    let ground = Ground::open(config, stop).await?;
    // The API server lists while the rest is set up.
    ground.spawn_watches(&mut tasks);
    let app = App::new(ground, background).await?;
    spawn(&mut tasks, "background", run_background);
    app.spawn_begin(&mut tasks);
    app.spawn_listeners(&mut tasks)?;
    app.spawn_looks(&mut tasks);
    app.spawn_first_look(&mut tasks);
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
        (None, Err(_)) => anyhow::bail!(
            "the drain took longer than {} s; the next start takes up what was not ended",
            DRAIN.as_secs()
        ),
        (None, Ok(())) => {
            tracing::info!("image-watcher has drained and ends");
            Ok(())
        }
    }
}

/// A task that can't fail.
fn spawn(tasks: &mut Tasks, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
    tasks.spawn(async move {
        task.await;
        (name, Ok(()))
    });
}

/// Before anything is listed, so that no older record counts for others.
async fn expect_the_newest(queue: &SqliteQueue, index: &Index) {
    match queue.sequences().await {
        Ok(newest) => index.expect(newest),
        Err(error) => {
            tracing::warn!(error = %crate::telemetry::chain(&error), "which records are the newest can't be read: until a workload is looked at, an older record that stands on it counts for others");
        }
    }
}

impl Ground {
    async fn open(config: Config, stop: Stop) -> anyhow::Result<Self> {
        let (ambient, metrics) = (Ambient::system(), Metrics::new());
        metrics.name_registries(config.registry_hosts());
        metrics.know_kinds(Kind::ALL.map(Kind::as_str));
        metrics.know_channels(config.channels.iter().map(|channel| &*channel.name), &event::types());
        metrics.config_read.set(ambient.now().timestamp());
        let queue = SqliteQueue::open(&config.data, &ambient).context("the queue can't be opened")?;
        let keys = link_keys(&config.link_keys, &config.data, &ambient)?;
        let client = client(&config).await?;
        let cluster = KubeCluster::new(client.clone(), Index::knowing(keys.clone()), ambient.clone(), metrics.clone());
        let scopes = Scopes::new(Scope::of(&config.namespaces));
        let cluster = cluster.deleting_broken(config.delete_broken).filled_by(scopes.clone());
        let cluster = cluster.written_by(if config.dry_run { Writer::Nobody } else { Writer::Service });
        expect_the_newest(&queue, cluster.index()).await;
        Ok(Self { config, client, cluster, queue, keys, scopes, ambient, metrics, stop })
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
            let hints = self.spawn_hints(Urgency::Prompt, tasks);
            spawn(tasks, "watch", crate::cluster::watch(watching, self.stop.clone(), hints));
        }
        let (cluster, namespaces) = (self.cluster.clone(), self.config.namespaces.clone());
        let (hints, stop) = (self.spawn_hints(Urgency::Prompt, tasks), self.stop.clone());
        let (followed, ending) = (self.cluster.clone(), self.stop.clone());
        let of_pods = self.spawn_hints(Urgency::AtOnce, tasks);
        spawn(tasks, "pods", async move { followed.keep_watching_pods(of_pods, ending).await });
        spawn(tasks, "rights", async move { cluster.keep_asking_for_rights(&namespaces, hints, stop).await });
    }

    fn spawn_hints(&self, urgency: Urgency, tasks: &mut Tasks) -> tokio::sync::mpsc::Sender<Hints> {
        spawn_hints((&self.queue, &self.ambient, &self.stop), urgency, tasks)
    }
}

/// Where repositories go that are to be looked at because of the cluster.
fn spawn_hints(
    (queue, ambient, stop): (&SqliteQueue, &Ambient, &Stop),
    urgency: Urgency,
    tasks: &mut Tasks,
) -> tokio::sync::mpsc::Sender<Hints> {
    let (hints, changed) = tokio::sync::mpsc::channel(64);
    let (queue, ambient, mut stop) = (queue.clone(), ambient.clone(), stop.clone());
    spawn(tasks, "hints", async move {
        intake::queue_looks(queue, ambient, urgency, changed).await;
        stop.raised().await;
    });
    hints
}

impl App {
    async fn new(ground: Ground, background: Background) -> anyhow::Result<Self> {
        let Ground { config, cluster, queue, keys, scopes, ambient, metrics, stop, .. } = ground;
        let outbound = config.outbound()?;
        let channels = config.channels.iter().map(|channel| channel.open(&outbound));
        let channels = Arc::new(Channels::new(channels.collect::<Result<_, _>>()?, config.cluster.clone()));
        let registry = Arc::new(registry(&config, &outbound, &ambient, &metrics)?);
        let releases = releases(&config, &outbound, Arc::clone(&registry), queue.clone(), &ambient, &metrics)?;
        let (workloads, bounds) = (cluster.clone(), config.bounds());
        let releases = Arc::new(releases);
        let notes = Arc::new(Notes { releases, workloads, bounds, background, ambient: ambient.clone() });
        let pushes = Arc::new(Pushes::new(&config.sources, &metrics));
        let (followed, clock) = (Arc::clone(&pushes), ambient.clone());
        let reconciler = Sequencer::new(Parts {
            queue: queue.clone(),
            registry: Arc::clone(&registry),
            cluster: cluster.clone(),
            audience: Arc::new(Messages(Arc::clone(&channels))),
            declarations: Arc::new(ByNotes(Arc::clone(&notes))),
            keys: keys.clone(),
            bounds: config.bounds(),
            ambient: ambient.clone(),
            metrics: metrics.clone(),
            standing: asking(&notes),
            settle: config.settle,
            standing_still: Arc::default(),
            rollouts: config.rollouts,
            on_listed: Arc::new(move |repository, tags, is_awaited| {
                drop(followed.looked(repository, tags, is_awaited, clock.monotonic()));
            }),
        });
        config.log_at_start();
        bury_messages_of_removed_channels(&queue, &channels).await;
        let first_look = Arc::new(FirstLook::new(queue.recall(FIRST_LOOK).await.is_some()));
        Ok(Self {
            config,
            cluster,
            queue,
            reconciler,
            registry,
            channels,
            pushes,
            notes,
            first_look,
            outbound,
            keys,
            scopes,
            ambient,
            metrics,
            stop,
        })
    }

    fn spawn_begin(&self, tasks: &mut Tasks) {
        let (scopes, mut stop, reconciler) = (self.scopes.clone(), self.stop.clone(), self.reconciler.clone());
        let hints = spawn_hints((&self.queue, &self.ambient, &self.stop), Urgency::Prompt, tasks);
        spawn(tasks, "begin", async move {
            scopes.begin(GRACE, stop.clone()).await;
            // Who takes them ends with the process.
            let _ = hints.send(reconciler.owed().await).await;
            stop.raised().await;
        });
    }

    fn spawn_listeners(&self, tasks: &mut Tasks) -> anyhow::Result<()> {
        for (name, server) in [("public listener", self.public(tasks)?), ("private listener", self.private(tasks)?)] {
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

    /// The public listener: webhooks and links.
    fn public(&self, tasks: &mut Tasks) -> anyhow::Result<Server> {
        let base_path = self.config.base_url.as_ref().map(|url| url.path().trim_end_matches('/').to_owned());
        let base_path = base_path.unwrap_or_default();
        let (intake, links) = (Data::new(self.intake(tasks, &base_path)?), Data::new(self.links(&base_path)?));
        let slack = self.slack(tasks)?.map(Data::new);
        let app = move || {
            let routes = |config: &mut web::ServiceConfig| {
                approvals::routes::<SqliteQueue, HttpRegistry, KubeCluster>(config);
                if let Some(door) = &slack {
                    config.app_data(door.clone());
                    approvals::slack_routes(config);
                }
            };
            let app = actix_web::App::new().app_data(intake.clone()).app_data(links.clone());
            let app = app.configure(intake::routes::<SqliteQueue>).configure(routes).configure(|config| {
                if !base_path.is_empty() {
                    config.service(web::scope(&base_path).configure(routes));
                }
            });
            app.route("/", web::get().to(api::off))
                .route("/api/v1/{rest:.*}", web::to(api::off))
                .default_service(web::to(intake::elsewhere::<SqliteQueue>))
                .into_factory()
        };
        let listener = bind(&self.config.public)?;
        serve_http(listener, 2, PUBLIC, app).context("the public listener can't be used")
    }

    fn intake(&self, tasks: &mut Tasks, base_path: &str) -> anyhow::Result<Intake<SqliteQueue>> {
        let (known, scopes) = (self.cluster.index().clone(), self.scopes.clone());
        let intake = Intake::new(
            &self.config.sources,
            self.queue.clone(),
            Arc::new(move |repository| !scopes.are_settled() || known.knows(repository)),
            Arc::clone(&self.pushes),
            Some(&self.outbound.client(Reach::Public)?),
            self.ambient.clone(),
            self.metrics.clone(),
        );
        let (misses, ambient, stop) = (intake.misses(), self.ambient.clone(), self.stop.clone());
        spawn(tasks, "misses", async move { misses.keep_telling(&ambient, stop).await });
        Ok(intake.behind(base_path))
    }

    fn links(&self, base_path: &str) -> anyhow::Result<Links> {
        let (notes, channels) = (Arc::clone(&self.notes), Arc::clone(&self.channels));
        let scopes = self.scopes.clone();
        Ok(Approvals {
            reconciler: self.reconciler.clone(),
            notes: Arc::new(move |asked: &Asked| {
                let (notes, asked) = (Arc::clone(&notes), asked.clone());
                let language = channels.language_of_holder(&asked.holder);
                Box::pin(async move { notes.for_question(&asked.workload, &asked.approval, language).await })
            }),
            pages: Arc::new(Pages::new()?),
            limiter: Limiter::default(),
            knows_all: Arc::new(move || scopes.are_settled()),
            trusted_proxies: self.config.trusted_proxies.clone(),
            identity: self.identity()?,
            base_path: base_path.to_owned(),
            bodies: Bodies::new(FORMS),
            ambient: self.ambient.clone(),
        })
    }

    /// Where Slack's buttons come in, where somebody may press them.
    fn slack(&self, tasks: &mut Tasks) -> anyhow::Result<Option<SlackDoor>> {
        let Some(secret) = self.config.slack_signing_secret.clone() else { return Ok(None) };
        let channels = self.config.channels.iter();
        let desks = channels.clone().filter_map(|channel| Some((channel.name.clone(), channel.desk()?.clone())));
        let (door, presses) = SlackDoor::new(secret, desks.collect(), Bodies::new(PRESSES), self.ambient.clone());
        let services = channels.filter_map(|channel| match &channel.destination {
            Destination::Service(service) => Some((channel.name.clone(), Arc::clone(service))),
            Destination::Email(_) => None,
        });
        let replies = Arc::new(SlackReplies::new(self.outbound.client(Reach::Named)?, services.collect()));
        let say: Say = Arc::new(move |channel, place, saying| {
            let replies = Arc::clone(&replies);
            Box::pin(async move { replies.say(&channel, &place, &saying).await })
        });
        let (reconciler, ambient, mut stop) = (self.reconciler.clone(), self.ambient.clone(), self.stop.clone());
        spawn(tasks, "slack", async move {
            presses.keep_answering(reconciler, say, ambient, stop.clone()).await;
            stop.raised().await;
        });
        Ok(Some(door))
    }

    /// Where a trusted proxy says who signed in, if one does.
    fn identity(&self) -> anyhow::Result<Option<Identity>> {
        let Some(header) = &self.config.identity else { return Ok(None) };
        let origin = self.config.base_url.as_ref().map(|url| url.origin().ascii_serialization());
        Ok(Some(Identity { header: header.name.parse()?, is_required: header.is_required, origin }))
    }

    /// The private listener: probes, metrics and the API.
    fn private(&self, tasks: &mut Tasks) -> anyhow::Result<Server> {
        let pulse = Pulse::new(self.ambient.clone());
        spawn(tasks, "pulse", pulse.clone().run(self.queue.clone(), self.stop.clone()));
        let (notes, pushes) = (Arc::clone(&self.notes), Arc::clone(&self.pushes));
        let (registry, index) = (Arc::clone(&self.registry), self.cluster.index().clone());
        let (stopped, resumed) = (self.reconciler.clone(), self.reconciler.clone());
        let waiting = self.reconciler.clone();
        let api = Data::new(Api {
            queue: self.queue.clone(),
            index: self.cluster.index().clone(),
            scopes: self.scopes.clone(),
            notes: Arc::new(move |workload, approval| {
                let (notes, workload, approval) = (Arc::clone(&notes), Arc::clone(workload), approval.clone());
                Box::pin(async move { notes.for_question(&workload, &approval, Language::default()).await })
            }),
            sources: Arc::new(move || serde_json::json!(pushes.report())),
            registries: Arc::new(move || serde_json::json!(registry.report(&index.repositories()))),
            waiting: Arc::new(move || waiting.waiting()),
            brake: Arc::new(move || {
                let reconciler = stopped.clone();
                Box::pin(async move { reconciler.brake().await })
            }),
            resume: Arc::new(move |by, trace| {
                let reconciler = resumed.clone();
                Box::pin(async move { reconciler.resume_updates(by, &trace).await })
            }),
            bounds: self.config.bounds(),
            keys: self.keys.clone(),
            pulse,
            metrics: self.metrics.clone(),
            census: Census::new(self.config.metrics_per_workload),
            ambient: self.ambient.clone(),
        });
        let listener = bind(&self.config.private)?;
        let bound = listener.local_addr().context("the private listener has no address")?.ip();
        let app = move || {
            let routes = |config: &mut web::ServiceConfig| api::routes::<SqliteQueue>(config, bound);
            actix_web::App::new().app_data(api.clone()).configure(routes).into_factory()
        };
        serve_http(listener, 1, PRIVATE, app).context("the private listener can't be used")
    }

    fn spawn_looks(&self, tasks: &mut Tasks) {
        let pace = Pace { backoff: Backoff::seconds(1, 900, 2), longest: TimeDelta::hours(24) };
        let index = self.cluster.index().clone();
        let sharing = Sharing::fair(LOOKS, move |repository| Claim {
            host: Some(repository.host().to_owned()),
            namespaces: index.namespaces(repository, MOST_NAMESPACES),
        });
        let registry = Arc::clone(&self.registry);
        let sharing = sharing.with_routine(move |repository| registry.put_off(repository.host()));
        let (queue, ambient, stop) = (self.queue.clone(), self.ambient.clone(), self.stop.clone());
        let (scopes, cluster) = (self.scopes.clone(), self.cluster.clone());
        let (reconciler, pushes, clock) = (self.reconciler.clone(), Arc::clone(&self.pushes), self.ambient.clone());
        let (first_look, metrics) = (Arc::clone(&self.first_look), self.metrics.clone());
        let handler = move |leased: Leased| {
            let (reconciler, pushes, clock) = (reconciler.clone(), Arc::clone(&pushes), clock.clone());
            let (first_look, metrics) = (Arc::clone(&first_look), metrics.clone());
            async move {
                let _under_way = first_look.under_way(clock.clone());
                look(&reconciler, (&pushes, &metrics), &clock, &leased).await
            }
        };
        let (first_look, clock) = (Arc::clone(&self.first_look), self.ambient.clone());
        spawn(tasks, "look", async move {
            // Before the first complete lists nobody seems to run anything, and a look would be done for nothing.
            let mut ending = stop.clone();
            if !scopes.begun(&mut ending).await {
                return;
            }
            // Who is told of an update depends on whether it may be written.
            tokio::select! {
                () = ending.raised() => return,
                () = cluster.rights_asked() => {}
            }
            first_look.listed(clock.monotonic());
            work(queue, Topic::Look, (pace, sharing), ambient, stop, handler).await;
        });
    }

    /// Remembers that all of the cluster was looked at once, when it was.
    fn spawn_first_look(&self, tasks: &mut Tasks) {
        let (look, queue) = (Arc::clone(&self.first_look), self.queue.clone());
        let (ambient, mut stop) = (self.ambient.clone(), self.stop.clone());
        spawn(tasks, "first look", async move {
            while !look.has_ended(ambient.monotonic()) {
                tokio::select! {
                    () = stop.raised() => return,
                    () = tokio::time::sleep(Duration::from_secs(1)) => {}
                }
            }
            queue.keep(FIRST_LOOK, "ended".to_owned(), ambient.now() + TimeDelta::days(3650)).await;
            stop.raised().await;
        });
    }

    fn spawn_deliveries(&self, tasks: &mut Tasks) {
        let (cluster, keys, notes) = (self.cluster.clone(), self.keys.clone(), Arc::clone(&self.notes));
        let sender = Arc::new(Sender {
            queue: self.queue.clone(),
            channels: Arc::clone(&self.channels),
            records: Arc::new(move |uid| match annotations::open(&*cluster.by_uid(uid)?, &keys) {
                Opened::Ours(record) | Opened::WithoutHistory(record) => Some(*record),
                _ => None,
            }),
            base_url: self.config.base_url.clone(),
            keys: self.keys.clone(),
            notes: Arc::new(move |notice, language, since| {
                let (notes, notice) = (Arc::clone(&notes), notice.clone());
                Box::pin(async move { notes.for_message(&notice, language, since).await })
            }),
            ambient: self.ambient.clone(),
            metrics: self.metrics.clone(),
        });
        self.spawn_given_up(tasks, Arc::clone(&sender));
        for name in self.channels.names() {
            let (looked, clock) = (Arc::clone(&self.first_look), self.ambient.clone());
            let gatherer = Gatherer {
                queue: self.queue.clone(),
                channels: Arc::clone(&self.channels),
                channel: name.clone(),
                has_looked: Arc::new(move || looked.has_ended(clock.monotonic())),
                ambient: self.ambient.clone(),
            };
            spawn(tasks, "gather", gatherer.run(self.stop.clone()));
            let (backoff, longest) = self.channels.backoff(&name);
            let (channels, clock, of) = (Arc::clone(&self.channels), self.ambient.clone(), name.clone());
            let opening = move || channels.find(&of).map_or(Opening::Open, |it| it.gate().opening(clock.monotonic()));
            let how = (Pace { backoff, longest }, Sharing::in_order(MESSAGES).while_open(opening));
            let sender = Arc::clone(&sender);
            let handler = move |leased: Leased| {
                let sender = Arc::clone(&sender);
                async move { sender.send(&leased).await }
            };
            let (queue, ambient, stop) = (self.queue.clone(), self.ambient.clone(), self.stop.clone());
            spawn(tasks, "deliver", work(queue, Topic::Deliver(name), how, ambient, stop, handler));
        }
    }

    /// Says on workloads that messages about them were given up.
    fn spawn_given_up(&self, tasks: &mut Tasks, sender: Arc<Sender<SqliteQueue>>) {
        let (cluster, scopes, mut stop) = (self.cluster.clone(), self.scopes.clone(), self.stop.clone());
        let given_up = GivenUp {
            queue: self.queue.clone(),
            tell: Arc::new(move |trouble| {
                let sender = Arc::clone(&sender);
                Box::pin(async move { sender.tell(trouble).await })
            }),
            say: Arc::new(move |uid, words| {
                let (cluster, found) = (cluster.clone(), cluster.by_uid(uid));
                Box::pin(async move {
                    if let Some(workload) = found {
                        cluster.announce(&workload, WorkloadEvent::MessageGivenUp(words)).await;
                    }
                })
            }),
        };
        spawn(tasks, "given-up", async move {
            // Before the lists nobody is known whom it could be said of.
            if scopes.begun(&mut stop).await {
                given_up.keep_telling(stop).await;
            }
        });
    }

    fn spawn_poller(&self, tasks: &mut Tasks) {
        let (on_boot, schedule) = (self.config.run_on_boot, self.config.schedule.clone());
        let (cluster, pushes, clock) = (self.cluster.clone(), Arc::clone(&self.pushes), self.ambient.clone());
        let (scopes, mut stop) = (self.scopes.clone(), self.stop.clone());
        let poller = Poller {
            queue: self.queue.clone(),
            ambient: self.ambient.clone(),
            metrics: self.metrics.clone(),
            repositories: Box::new(move || cluster.repositories()),
            pace: Box::new(move |repository| pushes.pace(repository, clock.monotonic())),
        };
        spawn(tasks, "poller", async move {
            if scopes.begun(&mut stop).await {
                poller.run(on_boot, schedule, stop).await;
            }
        });
    }
}

/// Where the sequencer asks what became of the release of a version that waited.
fn asking(notes: &Arc<Notes>) -> AskStanding {
    let notes = Arc::clone(notes);
    Arc::new(move |Waited { repository, credential, from, to, digest, url }| {
        let (notes, to, digest) = (Arc::clone(&notes), to.to_string(), Some(digest));
        Box::pin(async move { notes.standing(Subject { repository, credential, from, to, digest, url }).await })
    })
}

/// The channels, as the sequencer sees them.
struct Messages(Arc<Channels>);

impl Audience for Messages {
    fn messages(&self, notice: &Notice, only: Option<&[String]>) -> Vec<Job> {
        self.0.messages(notice, only)
    }

    fn holders(&self) -> Vec<String> {
        self.0.recipients()
    }

    fn reads(&self, channel: &str, namespace: &str) -> bool {
        self.0.reads(channel, namespace)
    }
}

/// Release notes for the sequencer.
struct ByNotes(Arc<Notes>);

impl Declarations for ByNotes {
    fn declared(&self, update: Proposed) -> BoxFuture<'_, Option<Declared>> {
        Box::pin(async move {
            let Proposed { workload, container, to, digest, patience } = update;
            self.0.declared(&workload, &container, (&to, &digest), patience).await
        })
    }
}

/// The cluster, as notes see it.
impl Workloads for KubeCluster {
    fn workload(&self, uid: &str) -> Option<Arc<Workload>> {
        self.by_uid(uid)
    }

    async fn credential_for(&self, workload: &Workload, repository: &Repository) -> Option<Credential> {
        match self.credential(workload, repository).await {
            Ok(credential) => Some(credential),
            Err(error) => {
                tracing::debug!(workload = %workload.id, error = %chain(&error), "there are no release notes for now");
                None
            }
        }
    }
}

async fn client(config: &Config) -> anyhow::Result<kube::Client> {
    let proxies = config.proxies.clone();
    let (client, _) = crate::cluster::connect(&ClusterConfig { proxies, ..ClusterConfig::default() }).await?;
    Ok(client)
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
    let packages = config.notes.github_token.clone().and_then(Packages::with);
    let settings = RegistryConfig::of(config.registries.clone()).with_packages(packages);
    Ok(HttpRegistry::new(settings, outbound, ambient.clone(), Arc::new(metrics.clone()))?)
}

/// Release notes as a configuration has them.
///
/// # Errors
/// When the HTTP clients can't be made.
pub(crate) fn releases<K: Kept>(
    config: &Config,
    outbound: &Outbound,
    registry: Arc<HttpRegistry>,
    kept: K,
    ambient: &Ambient,
    metrics: &Metrics,
) -> anyhow::Result<Releases<K, HttpRegistry>> {
    let notes = &config.notes;
    let settings =
        FetchSettings { outbound, forges: &notes.forges, github_token: notes.github_token.as_ref(), metrics };
    let summarizer = match &notes.model {
        Some(model) => {
            let client = outbound.client(Reach::Named)?;
            Some(Summarizer::new(model.clone(), client, ambient.clone(), metrics.clone()))
        }
        None => None,
    };
    Ok(Releases::new(registry, kept, settings, summarizer, ambient.clone())?)
}

/// One look, within its deadline.
async fn look(
    reconciler: &Sequencer,
    (pushes, metrics): (&Pushes, &Metrics),
    ambient: &Ambient,
    leased: &Leased,
) -> Verdict {
    let Job::Look(repository) = &leased.job else {
        return Verdict::Dead { reason: "not a look".into() };
    };
    let began = ambient.monotonic();
    let looked = reconciler.look(repository, &leased.trace);
    let verdict = match tokio::time::timeout(LOOK_DEADLINE, looked).await {
        Ok(verdict) => verdict,
        Err(_) => reconciler.overdue(repository, LOOK_DEADLINE),
    };
    pushes.decided(repository, began, ambient.monotonic());
    if matches!(verdict, Verdict::Retry { .. }) {
        metrics.retries("look");
    }
    pushes.second_look(repository, began, verdict, ambient.now())
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
