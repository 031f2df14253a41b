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
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::BoxFuture;
use tokio::sync::broadcast::error::RecvError;
use tokio::task::{JoinError, JoinSet};

use crate::access::{self, Access, Identity};
use crate::ambient::Ambient;
use crate::api::view::{ClosedChannelView, RegistryView, SourceView};
use crate::api::{self, Api, Census, Pulse};
use crate::approvals::chat::{self, Doors, Say, SlackDoor, TelegramDoor, Tray, Voice};
use crate::approvals::{self, Approvals, Limiter, Pages, link_keys};
use crate::assess::{AskStanding, Waited};
use crate::cluster::lease::{Election, Holding, lease_of, pod_name};
use crate::cluster::{
    Cluster as _, ClusterConfig, Following, GRACE, Hints, Index, KubeCluster, Namespaces, Scope, Scopes, Watching,
    WorkloadEvent, Writer,
};
use crate::config::Config;
use crate::config::auth::Auth;
use crate::config::channel::Destination;
use crate::config::queue::QueueConfig;
use crate::config::reload::{Reload, Reloaded};
use crate::domain::approval::{Allows, LinkKeys};
use crate::domain::declared::Declared;
use crate::domain::event::{self, Job, Notice};
use crate::domain::history::rfc3339;
use crate::domain::reference::Repository;
use crate::domain::release::Language;
use crate::domain::retry::Backoff;
use crate::domain::workload::{Kind, Workload};
use crate::intake::poller::{self, Poller};
use crate::intake::{self, Intake, Pushes};
use crate::listener::{Bodies, Places, WaitingRoom, bind, serve as serve_http};
use crate::notify::{
    Channels, DeskOf, Gatherer, GivenUp, Replies, Sender, bury_messages_of_removed_channels, keep_hooking,
};
use crate::outbound::{Outbound, Reach};
use crate::queue::moving::NotInUse;
use crate::queue::worker::{Pace, Verdict, work};
use crate::queue::{
    Claim, Leased, MOST_NAMESPACES, NoQueue, Opening, Replicas, Sharing, Slots, StoreHandle, Topic, Urgency,
};
use crate::reconcile::first_look::FirstLook;
use crate::reconcile::sightings::{expect_the_newest, keep_noting};
use crate::reconcile::{Asked, Audience, Declarations, Parts, Proposed, Reconciler};
use crate::registry::{Beside, Credential, HttpRegistry};
use crate::release::{Background, Subject, TimedNotes, Workloads};
use crate::stop::{Stop, signalled};
use crate::telemetry::chain;
use crate::telemetry::metrics::Metrics;
use crate::traces::{self, Exporter};
use crate::web as page;

/// Looks at once; each is mostly waiting for a registry or the API server. A host that hangs has a quarter of them at most,
/// and a namespace all of whose hosts hang a half.
const LOOKS: Slots = Slots { all: 64, each_host: 16 };
/// Bytes of the forms of links at once: more than all connections together can send.
const FORMS: u32 = 4 * 1024 * 1024;
/// Bytes of the decisions that programs send at once: four of the largest.
const DECISIONS: u32 = 2 * 1024 * 1024;
/// Bytes of the presses of a chat's buttons at once.
const PRESSES: u32 = 1024 * 1024;
/// Presses that are answered at once.
const PRESSED: usize = 4;
/// Messages of one channel at once.
const MESSAGES: usize = 8;
/// No look takes longer, whatever it waits for.
const LOOK_DEADLINE: Duration = Duration::from_secs(120);
/// The drain takes at most this.
const DRAIN: Duration = Duration::from_secs(20);
/// One of several replicas goes on for so long after it was told to end, and says that it is not ready: who sends something
/// learns only then that it has to go elsewhere.
const LEAVING: Duration = Duration::from_secs(5);
/// The files of the configuration are looked at again after this time.
const RELOAD: Duration = Duration::from_secs(10);
/// Of the two workers of the public listener.
const PUBLIC: Places = Places { waiting: 384, known: 160, lasting: 128 };
/// Of the one of the private listener, where nobody shows a credential.
const PRIVATE: Places = Places { waiting: 256, known: 0, lasting: 0 };

type Sequencer = Reconciler<StoreHandle, HttpRegistry, KubeCluster>;
type Links = Approvals<StoreHandle, HttpRegistry, KubeCluster>;
type Notes = TimedNotes<StoreHandle, HttpRegistry, KubeCluster>;

/// A task's name, and how it ended.
type Ended = (&'static str, anyhow::Result<()>);
type Tasks = JoinSet<Ended>;

/// What is watched, and where what comes of it is stored: all that has to be there before anything else.
struct Ground {
    config: Config,
    client: kube::Client,
    /// The service's own.
    namespace: String,
    cluster: KubeCluster,
    queue: StoreHandle,
    keys: LinkKeys,
    scopes: Scopes,
    namespaces: Namespaces,
    ambient: Ambient,
    metrics: Metrics,
    stop: Stop,
}

/// Everything that tasks share.
struct App {
    config: Config,
    cluster: KubeCluster,
    queue: StoreHandle,
    reconciler: Sequencer,
    registry: Arc<HttpRegistry>,
    channels: Arc<Channels>,
    pushes: Arc<Pushes>,
    notes: Arc<Notes>,
    first_look: Arc<FirstLook>,
    identity: Option<Identity>,
    access: Option<Data<Access>>,
    outbound: Outbound,
    keys: LinkKeys,
    scopes: Scopes,
    ambient: Ambient,
    in_force: api::InForce,
    metrics: Metrics,
    holding: Holding,
    stop: Stop,
    /// Raised before `stop`, where there are others.
    leaving: Stop,
    started: DateTime<Utc>,
}

/// Runs the service until it is told to end. Spans are exported, where they are made.
///
/// # Errors
/// When it can't start, when a task ends by itself, or when the drain takes too long.
pub async fn serve(config: Config, spans: Option<traces::Source>) -> anyhow::Result<()> {
    let ambient = Ambient::system();
    let Some(queue) = queue_of(&config, &ambient, signalled()).await? else { return Ok(()) };
    let (raise, stop) = Stop::new();
    let (leave, leaving) = Stop::new();
    let is_shared = matches!(config.queue, QueueConfig::Nats(_));
    let mut tasks = Tasks::new();
    let (background, run_background) = Background::new(stop.clone());
    let ground = Ground::open(config, queue, ambient, stop).await?;
    // The API server lists while the rest is set up.
    ground.spawn_watches(&mut tasks);
    let (moved, mut ends) = (ground.queue.until_moved(), ground.stop.clone());
    tasks.spawn(async move {
        tokio::select! {
            words = moved => ("queue", Err(NoQueue::from(NotInUse::Moved(words)).into())),
            () = ends.raised() => ("queue", Ok(())),
        }
    });
    let holding = ground.spawn_election(&mut tasks);
    let app = App::new(ground, holding, background, leaving).await?;
    let exporter = match spans {
        Some(spans) => Some(Exporter::of(spans, &app.outbound, app.metrics.clone())?),
        None => None,
    };
    if let Some(exporter) = exporter.clone() {
        spawn(&mut tasks, "traces", exporter.run(app.stop.clone()));
    }
    spawn(&mut tasks, "background", run_background);
    app.spawn_begin(&mut tasks);
    app.spawn_listeners(&mut tasks)?;
    app.spawn_looks(&mut tasks);
    app.spawn_waking(&mut tasks);
    app.spawn_first_look(&mut tasks);
    app.spawn_sightings(&mut tasks);
    app.spawn_deliveries(&mut tasks);
    app.spawn_poller(&mut tasks);
    app.spawn_reload(&mut tasks);
    drop(app);
    let mut early = until_told(&mut tasks).await?;
    if early.is_none() && is_shared {
        leave.raise();
        early = tokio::time::timeout(LEAVING, until_told(&mut tasks)).await.unwrap_or(Ok(None))?;
    }
    if early.is_none() {
        tracing::info!("image-watcher drains");
    }
    raise.raise();
    let drained = tokio::time::timeout(DRAIN, async { while tasks.join_next().await.is_some() {} }).await;
    if let Some(exporter) = exporter {
        exporter.flush().await;
    }
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

/// What keeps the queue, and all that is remembered beside it; nothing when the process is told to end before it is there. While
/// it is waited for the process lives and says so, and whoever brings something is told to come again.
async fn queue_of(
    config: &Config,
    ambient: &Ambient,
    ends: impl Future<Output = std::io::Result<&'static str>>,
) -> anyhow::Result<Option<StoreHandle>> {
    let settings = config.queue.nats(|| config.outbound()).context("the queue can't be opened")?;
    let Some(settings) = settings else { return Ok(Some(StoreHandle::in_folder(&config.data, ambient).await?)) };
    let first = match StoreHandle::in_nats(settings.clone(), ambient).await {
        Ok(queue) => return Ok(Some(queue)),
        Err(error) if error.passes() => error,
        Err(error) => return Err(error.into()),
    };
    let room = WaitingRoom::open((&config.public, PUBLIC), (&config.private, PRIVATE), chain(&first).to_string())?;
    let opened = tokio::select! {
        opened = StoreHandle::in_nats_when_there(settings, ambient, first, |why| room.say(why)) => Some(opened),
        signal = ends => {
            tracing::info!(signal = signal?, "image-watcher ends before its queue was there");
            None
        }
    };
    room.close().await;
    Ok(opened.transpose()?)
}

/// Until the process is told to end, or a task has ended by itself.
async fn until_told(tasks: &mut Tasks) -> anyhow::Result<Option<Result<Ended, JoinError>>> {
    tokio::select! {
        signal = signalled() => {
            tracing::info!(signal = signal?, "image-watcher is told to end");
            Ok(None)
        }
        ended = tasks.join_next() => Ok(ended),
    }
}

/// A task that can't fail.
fn spawn(tasks: &mut Tasks, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
    tasks.spawn(async move {
        task.await;
        (name, Ok(()))
    });
}

/// A task of which one of several replicas does the work: it is begun whenever that is this one, and told to end when it is
/// none any more.
fn spawn_alone<F: Future<Output = ()> + Send>(
    tasks: &mut Tasks,
    name: &'static str,
    mut holding: Holding,
    task: impl Fn(Stop) -> F + Send + Sync + 'static,
) {
    spawn(tasks, name, async move {
        while let Some(mut term) = holding.begins().await {
            task(term.clone()).await;
            term.raised().await;
        }
    });
}

impl Ground {
    async fn open(config: Config, queue: StoreHandle, ambient: Ambient, stop: Stop) -> anyhow::Result<Self> {
        let metrics = Metrics::new();
        metrics.name_registries(config.registry_hosts());
        metrics.know_kinds(Kind::ALL.map(Kind::as_str));
        metrics.know_channels(config.channels.iter().map(|channel| &*channel.name), &event::types());
        metrics.config_read.set(ambient.now().timestamp());
        let keys = link_keys(&config.link_keys, &config.data, &ambient)?;
        let (client, namespace) = client(&config).await?;
        let index = Index::knowing(keys.clone());
        index.inherit(|defaults| config.inherit(defaults));
        let cluster = KubeCluster::new(client.clone(), index, ambient.clone(), metrics.clone());
        let scopes = Scopes::new(Scope::of(&config.namespaces)).at(&ambient);
        let cluster = cluster.deleting_broken(config.delete_broken).filled_by(scopes.clone());
        let cluster = cluster.written_by(if config.dry_run { Writer::Nobody } else { Writer::Service });
        expect_the_newest(&queue, cluster.index()).await;
        let namespaces = Namespaces::default();
        Ok(Self { config, client, namespace, cluster, queue, keys, scopes, namespaces, ambient, metrics, stop })
    }

    /// Who does what one does alone: the holder of a Lease, where the queue is one that several replicas share.
    fn spawn_election(&self, tasks: &mut Tasks) -> Holding {
        let QueueConfig::Nats(nats) = &self.config.queue else {
            self.metrics.holder.set(1);
            return Holding::always(self.stop.clone());
        };
        let lease = lease_of(&nats.buckets);
        let of = (self.namespace.as_str(), lease.as_str());
        let around = (self.ambient.clone(), self.metrics.clone());
        let (election, holding) = Election::new(self.client.clone(), of, &pod_name(), around, &self.stop);
        let election = election.of_queue(self.queue.identity());
        spawn(tasks, "election", election.run(self.stop.clone()));
        holding
    }

    fn spawn_watches(&self, tasks: &mut Tasks) {
        let following = Following {
            client: self.client.clone(),
            index: self.cluster.index().clone(),
            named: self.config.watched.named(),
            state: self.namespaces.clone(),
            ambient: self.ambient.clone(),
            metrics: self.metrics.clone(),
        };
        spawn(tasks, "namespaces", following.run(self.stop.clone()));
        for (scope, _) in self.scopes.states() {
            let watching = Watching {
                client: self.client.clone(),
                index: self.cluster.index().clone(),
                scope,
                scopes: self.scopes.clone(),
                namespaces: self.namespaces.clone(),
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
    (queue, ambient, stop): (&StoreHandle, &Ambient, &Stop),
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
    async fn new(ground: Ground, holding: Holding, background: Background, leaving: Stop) -> anyhow::Result<Self> {
        let Ground { mut config, cluster, queue, keys, scopes, ambient, metrics, stop, .. } = ground;
        let started = ambient.now();
        let outbound = config.outbound()?;
        let channels = config.channels.iter().map(|channel| channel.open(&outbound));
        let channels = Arc::new(Channels::new(channels.collect::<Result<_, _>>()?, config.cluster.clone()));
        let registry = config.registry(&outbound, &ambient, &metrics)?;
        let registry = Arc::new(registry.beside(beside(queue.replicas(), metrics.clone())));
        let releases = config.releases(&outbound, Arc::clone(&registry), queue.clone(), &ambient, &metrics)?;
        let (workloads, bounds) = (cluster.clone(), config.bounds());
        let releases = Arc::new(releases);
        let notes = Arc::new(Notes { releases, workloads, bounds, background, ambient: ambient.clone() });
        let pushes = Pushes::new(&config.sources, &metrics);
        let is_shared = matches!(config.queue, QueueConfig::Nats(_));
        let pushes = Arc::new(if is_shared { pushes.beside_others() } else { pushes });
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
            replicas: queue.replicas(),
            on_listed: Arc::new(move |repository, tags, is_awaited| {
                drop(followed.looked(repository, tags, is_awaited, clock.monotonic()));
            }),
        });
        config.log_at_start();
        bury_messages_of_removed_channels(&queue, &channels).await;
        let first_look = Arc::new(FirstLook::recalled(&queue).await);
        let identity = Identity::of(&config)?;
        let access = match config.auth.take() {
            Some(auth) => {
                Some(Data::new(access(auth, &config, (&cluster, &queue, &keys), &outbound, (&metrics, &ambient))?))
            }
            None => None,
        };
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
            identity,
            access,
            outbound,
            keys,
            scopes,
            ambient,
            in_force: api::InForce::new(&metrics),
            metrics,
            holding,
            stop,
            leaving,
            started,
        })
    }

    fn spawn_begin(&self, tasks: &mut Tasks) {
        let (scopes, mut stop) = (self.scopes.clone(), self.stop.clone());
        spawn(tasks, "begin", async move {
            scopes.begin(GRACE, stop.clone()).await;
            stop.raised().await;
        });
        let hints = spawn_hints((&self.queue, &self.ambient, &self.stop), Urgency::Prompt, tasks);
        let (scopes, reconciler) = (self.scopes.clone(), self.reconciler.clone());
        spawn_alone(tasks, "owed", self.holding.clone(), move |mut term| {
            let (scopes, hints, reconciler) = (scopes.clone(), hints.clone(), reconciler.clone());
            async move {
                if scopes.begun(&mut term).await {
                    // Who takes them ends with the process.
                    let _ = hints.send(reconciler.owed().await).await;
                }
            }
        });
    }

    fn spawn_listeners(&self, tasks: &mut Tasks) -> anyhow::Result<()> {
        let api = self.api(tasks);
        for (name, server) in [("public listener", self.public(tasks, &api)?), ("private listener", self.private(api)?)]
        {
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

    /// The public listener: webhooks and links, and what people see who sign in.
    fn public(&self, tasks: &mut Tasks, api: &Data<Api<StoreHandle>>) -> anyhow::Result<Server> {
        let base_path = self.config.base_url.as_ref().map(|url| url.path().trim_end_matches('/').to_owned());
        let base_path = base_path.unwrap_or_default();
        let (intake, links) = (Data::new(self.intake(tasks, &base_path)?), Data::new(self.links(&base_path)?));
        let doors = self.doors(tasks)?;
        let signed_in = match &self.access {
            Some(access) => Some((access.clone(), Data::new(self.pages(api, &base_path)?))),
            None => None,
        };
        let api = api.clone();
        let app = move || {
            let routes = |config: &mut web::ServiceConfig, below: &str| {
                approvals::routes::<StoreHandle, HttpRegistry, KubeCluster>(config);
                if let Some((access, pages)) = &signed_in {
                    config.app_data(access.clone()).app_data(api.clone()).app_data(pages.clone());
                    page::signed_in_routes(config, below, &base_path);
                } else {
                    api::off_routes(config);
                }
                doors.add_to(config);
            };
            let app = actix_web::App::new().app_data(intake.clone()).app_data(links.clone());
            let app = app.configure(intake::routes::<StoreHandle>).configure(|config| routes(config, "")).configure(
                |config| {
                    if !base_path.is_empty() {
                        config.service(web::scope(&base_path).configure(|config| routes(config, &base_path)));
                    }
                },
            );
            app.default_service(web::to(intake::elsewhere::<StoreHandle>)).into_factory()
        };
        let listener = bind(&self.config.public)?;
        serve_http(listener, 2, PUBLIC, app).context("the public listener can't be used")
    }

    /// The pages of whoever signed in.
    fn pages(&self, api: &Data<Api<StoreHandle>>, base_path: &str) -> anyhow::Result<page::Web> {
        let setup = page::Setup {
            base: base_path.to_owned(),
            cluster: self.config.cluster.clone(),
            sign_out: self.access.as_ref().is_some_and(|access| access.signs_out()).then(|| "/sign-out".to_owned()),
            bodies: Bodies::new(FORMS),
        };
        page::Web::new(Arc::new(api.get_ref().clone()), setup).context("the pages can't be made of their templates")
    }

    fn intake(&self, tasks: &mut Tasks, base_path: &str) -> anyhow::Result<Intake<StoreHandle>> {
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
        let (scopes, usual) = (self.scopes.clone(), (self.config.language, self.config.zone));
        Ok(Approvals {
            reconciler: self.reconciler.clone(),
            notes: Arc::new(move |asked: &Asked, language| {
                let (notes, asked) = (Arc::clone(&notes), asked.clone());
                Box::pin(async move { notes.for_question(&asked.workload, &asked.approval, language).await })
            }),
            voices: Arc::new(move |holder| holder.and_then(|holder| channels.voice_of(holder)).unwrap_or(usual)),
            pages: Arc::new(Pages::new()?.of_cluster(self.config.cluster.clone())),
            limiter: Limiter::default(),
            knows_all: Arc::new(move || scopes.are_settled()),
            trusted_proxies: self.config.trusted_proxies.clone(),
            identity: self.identity.clone(),
            base_path: base_path.to_owned(),
            bodies: Bodies::new(FORMS),
            ambient: self.ambient.clone(),
        })
    }

    /// Where presses of buttons come in, where somebody may press them.
    fn doors(&self, tasks: &mut Tasks) -> anyhow::Result<Doors> {
        let (mut desks, mut bots, mut chats) = (Vec::new(), Vec::new(), Vec::new());
        for channel in &self.config.channels {
            let (Some(desk), Destination::Service(service)) = (channel.desk(), &channel.destination) else { continue };
            match desk {
                DeskOf::Slack(desk) => desks.push((channel.name.clone(), desk.clone())),
                DeskOf::Telegram(bot) => bots.push((channel.name.clone(), bot.clone())),
            }
            chats.push((channel.name.clone(), Arc::clone(service), channel.scope.language));
        }
        if chats.is_empty() {
            return Ok(Doors::default());
        }
        for (name, service, _) in &chats {
            let Some(base) = self.config.base_url.clone() else { break };
            let (client, ambient) = (self.outbound.client(Reach::Named)?, self.ambient.clone());
            let told = (name.clone(), Arc::clone(service));
            spawn_alone(tasks, "hook", self.holding.clone(), move |term| {
                keep_hooking(told.clone(), client.clone(), base.clone(), ambient.clone(), term)
            });
        }
        let tray = self.presses(tasks, Replies::new(self.outbound.client(Reach::Named)?, chats));
        let secret = self.config.slack_signing_secret.clone();
        let slack = secret
            .map(|secret| SlackDoor::new(secret, desks, Bodies::new(PRESSES), self.ambient.clone(), tray.clone()));
        let telegram = (!bots.is_empty()).then(|| TelegramDoor::new(bots, Bodies::new(PRESSES), tray));
        Ok(Doors { slack: slack.map(Data::new), telegram: telegram.map(Data::new) })
    }

    /// Where presses are stored, and how they are answered.
    fn presses(&self, tasks: &mut Tasks, replies: Replies) -> Tray {
        let (tray, strangers) = Tray::in_queue(self.queue.clone(), self.ambient.clone());
        let replies = Arc::new(replies);
        let say: Say = Arc::new(move |channel, place, saying| {
            let replies = Arc::clone(&replies);
            Box::pin(async move { replies.say(&channel, &place, &saying).await })
        });
        let channels = Arc::clone(&self.channels);
        let voice: Voice = Arc::new(move |name| {
            channels.find(name).map_or_else(Default::default, |it| (it.scope().language, it.scope().zone))
        });
        spawn(tasks, "strangers", strangers.keep_telling(Arc::clone(&say), Arc::clone(&voice), self.stop.clone()));
        let (reconciler, ambient) = (self.reconciler.clone(), self.ambient.clone());
        let handler = move |leased: Leased| {
            let (reconciler, ambient) = (reconciler.clone(), ambient.clone());
            let (say, voice) = (Arc::clone(&say), Arc::clone(&voice));
            async move { Box::pin(chat::answer_stored(&reconciler, (&say, &voice), &ambient, &leased.job)).await }
        };
        let how =
            (Pace { backoff: Backoff::seconds(1, 60, 2), longest: TimeDelta::hours(1) }, Sharing::in_order(PRESSED));
        let (queue, ambient, stop) = (self.queue.clone(), self.ambient.clone(), self.stop.clone());
        let (scopes, mut ending) = (self.scopes.clone(), self.stop.clone());
        spawn(tasks, "presses", async move {
            // Before the lists no button is known.
            if scopes.begun(&mut ending).await {
                work(queue, Topic::Press, how, ambient, stop, handler).await;
            }
        });
        tray
    }

    /// The private listener: probes, metrics and the API.
    fn private(&self, api: Data<Api<StoreHandle>>) -> anyhow::Result<Server> {
        let listener = bind(&self.config.private)?;
        let bound = listener.local_addr().context("the private listener has no address")?.ip();
        let app = move || {
            let routes = |config: &mut web::ServiceConfig| api::routes::<StoreHandle>(config, bound);
            actix_web::App::new().app_data(api.clone()).configure(routes).into_factory()
        };
        serve_http(listener, 1, PRIVATE, app).context("the private listener can't be used")
    }

    /// What the API and the page know.
    fn api(&self, tasks: &mut Tasks) -> Data<Api<StoreHandle>> {
        let pulse = Pulse::new(self.ambient.clone());
        spawn(tasks, "pulse", pulse.clone().run(self.queue.clone(), self.stop.clone()));
        let (notes, pushes) = (Arc::clone(&self.notes), Arc::clone(&self.pushes));
        let (registry, index) = (Arc::clone(&self.registry), self.cluster.index().clone());
        let events = api::Events::new(&self.ambient, self.stop.clone());
        let (channels, clock) = (Arc::clone(&self.channels), self.ambient.clone());
        let (mended, ticking) = (Arc::clone(&self.channels), self.ambient.clone());
        let api = Data::new(Api {
            events: events.clone(),
            queue: self.queue.clone(),
            home: api::Home {
                cluster: self.config.cluster.clone(),
                page: self.config.base_url.clone().filter(|_| self.access.is_some()),
            },
            index: self.cluster.index().clone(),
            scopes: self.scopes.clone(),
            in_force: self.in_force.clone(),
            notes: Arc::new(move |workload, approval| {
                let (notes, workload, approval) = (Arc::clone(&notes), Arc::clone(workload), approval.clone());
                Box::pin(async move { notes.for_question(&workload, &approval, Language::default()).await })
            }),
            sources: Arc::new(move || pushes.report().into_iter().map(SourceView::from).collect()),
            poll: self.poll(),
            registries: Arc::new(move || {
                registry.report(&index.repositories()).into_iter().map(RegistryView::from).collect()
            }),
            channels: Arc::new(move || {
                let (now, monotonic) = (clock.now(), clock.monotonic());
                channels.each().filter_map(|channel| ClosedChannelView::of(channel, now, monotonic)).collect()
            }),
            reopen: Arc::new(move |name| {
                mended.find(name).is_some_and(|channel| channel.gate().reopen(ticking.monotonic()))
            }),
            sequencer: Arc::new(self.reconciler.clone()),
            between: self.between(),
            bounds: self.config.bounds(),
            keys: self.keys.clone(),
            pulse,
            leaving: self.leaving.clone(),
            metrics: self.metrics.clone(),
            census: Census::new(self.config.metrics_per_workload),
            explanations: api::Explanations::default(),
            bodies: Bodies::new(DECISIONS),
            ambient: self.ambient.clone(),
        });
        let (followed, mut stop) = (api.clone(), self.stop.clone());
        spawn(tasks, "events", async move {
            events.run(followed).await;
            stop.raised().await;
        });
        api
    }

    /// What is wrong between replicas that share the queue.
    fn between(&self) -> api::Report<String> {
        let (holding, reconciler, ambient) = (self.holding.clone(), self.reconciler.clone(), self.ambient.clone());
        Arc::new(move || {
            let without = |since| {
                format!(
                    "no replica holds the Lease since {}: nobody follows the schedule or tells of dead letters, and messages that tell \
                     no failure go out half a minute later",
                    rfc3339(since)
                )
            };
            let nobody = holding.nobody_since(ambient.now()).map(without);
            nobody.into_iter().chain(reconciler.differs_from_others()).collect()
        })
    }

    /// How the schedule does: the store knows, as another replica may follow it.
    fn poll(&self) -> api::ReportPoll {
        let (queue, schedule, ambient) = (self.queue.clone(), self.config.schedule.clone(), self.ambient.clone());
        Arc::new(move || {
            let (queue, schedule, now) = (queue.clone(), schedule.clone(), ambient.now());
            Box::pin(async move { poller::Standing::recall(&queue, schedule.as_ref(), now).await.into() })
        })
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

    /// Has those looked at who wait here for what another replica has seen end, and takes over what its looks came to.
    fn spawn_waking(&self, tasks: &mut Tasks) {
        if matches!(self.config.queue, QueueConfig::Sqlite) {
            return;
        }
        let (reconciler, stop) = (self.reconciler.clone(), self.stop.clone());
        spawn(tasks, "waking", async move { reconciler.keep_waking(stop).await });
        let (reconciler, stop) = (self.reconciler.clone(), self.stop.clone());
        spawn(tasks, "told", async move { reconciler.keep_hearing(stop).await });
        let (registry, heard, mut stop) = (Arc::clone(&self.registry), self.queue.replicas().hear(), self.stop.clone());
        spawn(tasks, "registries told", async move {
            let Some(mut heard) = heard else { return stop.raised().await };
            loop {
                tokio::select! {
                    () = stop.raised() => return,
                    text = heard.recv() => match text {
                        Ok(text) => registry.hears(&text),
                        // The others say it again when they are asked again.
                        Err(RecvError::Lagged(_)) => {}
                        Err(RecvError::Closed) => return stop.raised().await,
                    }
                }
            }
        });
    }

    /// Remembers that all of the cluster was looked at once, when it was.
    fn spawn_first_look(&self, tasks: &mut Tasks) {
        let (look, queue) = (Arc::clone(&self.first_look), self.queue.clone());
        let (ambient, stop) = (self.ambient.clone(), self.stop.clone());
        spawn(tasks, "first look", async move { look.remember_end(&queue, &ambient, stop).await });
    }

    /// Has the store told now and then which workloads there are, so that it forgets no other than those that are gone.
    fn spawn_sightings(&self, tasks: &mut Tasks) {
        let (index, queue) = (self.cluster.index().clone(), self.queue.clone());
        spawn_alone(tasks, "sightings", self.holding.clone(), move |term| {
            keep_noting(queue.clone(), index.clone(), term)
        });
    }

    fn spawn_deliveries(&self, tasks: &mut Tasks) {
        let (reconciler, notes) = (self.reconciler.clone(), Arc::clone(&self.notes));
        let of_brake = reconciler.clone();
        let sender = Arc::new(Sender {
            queue: self.queue.clone(),
            channels: Arc::clone(&self.channels),
            records: Arc::new(move |id| {
                let reconciler = reconciler.clone();
                Box::pin(async move { reconciler.seen(&id).await })
            }),
            is_resumed: Arc::new(move || {
                let reconciler = of_brake.clone();
                Box::pin(async move { reconciler.is_resumed().await })
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
            self.spawn_gatherer(tasks, &name);
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

    /// Makes messages of what waits on a channel to go out together.
    fn spawn_gatherer(&self, tasks: &mut Tasks, name: &str) {
        let (looked, clock) = (Arc::clone(&self.first_look), self.ambient.clone());
        let gatherer = Gatherer {
            queue: self.queue.clone(),
            channels: Arc::clone(&self.channels),
            channel: name.to_owned(),
            when_looked: Arc::new(move || looked.ended(clock.monotonic(), clock.now())),
            ambient: self.ambient.clone(),
        };
        if self.queue.replicas().are_possible() {
            let (stands_by, holding, stop) = (gatherer.clone(), self.holding.clone(), self.stop.clone());
            spawn(tasks, "stand-by", async move { stands_by.stand_by(|| holding.is_this_one(), stop).await });
        }
        spawn_alone(tasks, "gather", self.holding.clone(), move |term| gatherer.clone().run(term));
    }

    /// Says on workloads that messages about them were given up.
    fn spawn_given_up(&self, tasks: &mut Tasks, sender: Arc<Sender<StoreHandle>>) {
        let (cluster, scopes) = (self.cluster.clone(), self.scopes.clone());
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
        spawn_alone(tasks, "given-up", self.holding.clone(), move |mut term| {
            let (given_up, scopes) = (given_up.clone(), scopes.clone());
            async move {
                // Before the lists nobody is known whom it could be said of.
                if scopes.begun(&mut term).await {
                    given_up.keep_telling(term).await;
                }
            }
        });
    }

    /// Has changes of the configuration's files taken over, as far as that can be done while the service runs.
    fn spawn_reload(&self, tasks: &mut Tasks) {
        let (mut reload, mut stop) = (Reload::of(&self.config), self.stop.clone());
        let in_force = self.in_force.clone();
        let (cluster, ambient, metrics) = (self.cluster.clone(), self.ambient.clone(), self.metrics.clone());
        spawn(tasks, "configuration", async move {
            loop {
                tokio::select! {
                    () = stop.raised() => return,
                    () = tokio::time::sleep(RELOAD) => {}
                }
                let reloaded = reload.again(&|path| std::fs::read_to_string(path), ambient.now());
                take_over(reloaded, &cluster, &ambient, (&metrics, &in_force));
            }
        });
    }

    fn spawn_poller(&self, tasks: &mut Tasks) {
        let (on_boot, schedule) = (self.config.run_on_boot.then_some(self.started), self.config.schedule.clone());
        let (cluster, pushes, clock) = (self.cluster.clone(), Arc::clone(&self.pushes), self.ambient.clone());
        let scopes = self.scopes.clone();
        let poller = Arc::new(Poller {
            queue: self.queue.clone(),
            ambient: self.ambient.clone(),
            metrics: self.metrics.clone(),
            repositories: Box::new(move || cluster.repositories()),
            pace: Box::new(move |repository| pushes.pace(repository, clock.monotonic())),
        });
        spawn_alone(tasks, "poller", self.holding.clone(), move |mut term| {
            let (poller, scopes, schedule) = (Arc::clone(&poller), scopes.clone(), schedule.clone());
            async move {
                if scopes.begun(&mut term).await {
                    poller.run(on_boot, schedule, term).await;
                }
            }
        });
    }
}

/// Takes over what came of a look at the files of the configuration, and tells it.
fn take_over(
    reloaded: Reloaded,
    cluster: &KubeCluster,
    ambient: &Ambient,
    (metrics, in_force): (&Metrics, &api::InForce),
) {
    match reloaded {
        Reloaded::Same => {}
        Reloaded::Refused(error) => {
            metrics.config_refused.inc();
            in_force.refused(error.problems.iter().map(|it| format!("{}: {}", it.variable, it.problem)).collect());
            tracing::error!(%error, "the configuration was changed and can't be used: what was in force before stays so");
        }
        Reloaded::Taken(taken) => {
            cluster.index().inherit(|defaults| taken.inherit(defaults));
            metrics.config_read.set(ambient.now().timestamp());
            in_force.taken(taken.after_restart.clone());
            if !taken.now.is_empty() {
                tracing::info!(now = ?taken.now, "the configuration was changed, and this is in force now");
            }
            if !taken.after_restart.is_empty() {
                tracing::warn!(settings = ?taken.after_restart, "these changes of the configuration are taken over by a restart alone");
            }
        }
    }
}

/// Who knows people, as they are configured.
fn access(
    auth: Auth,
    config: &Config,
    (cluster, queue, keys): (&KubeCluster, &StoreHandle, &LinkKeys),
    outbound: &Outbound,
    (metrics, ambient): (&Metrics, &Ambient),
) -> anyhow::Result<Access> {
    let reviewing = cluster.clone();
    let parts = access::Parts {
        auth,
        base_url: config.base_url.clone(),
        cluster: config.cluster.clone(),
        trusted_proxies: config.trusted_proxies.clone(),
        store: Arc::new(queue.clone()),
        client: outbound.client(Reach::Named)?,
        whose_token: Arc::new(move |token, audience| {
            let cluster = reviewing.clone();
            Box::pin(async move { cluster.whose_token(&token, &audience).await })
        }),
        key: keys.signing().derived("access").context("no key can be made for sign-in")?,
        metrics: metrics.clone(),
        ambient: ambient.clone(),
    };
    Access::new(parts).context("nobody can sign in")
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

    fn reads(&self, channel: &str, namespace: &str, allows: Allows) -> bool {
        self.0.reads(channel, namespace, allows)
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

/// A client, and the service's own namespace.
async fn client(config: &Config) -> anyhow::Result<(kube::Client, String)> {
    let proxies = config.proxies.clone();
    Ok(crate::cluster::connect(&ClusterConfig { proxies, ..ClusterConfig::default() }).await?)
}

/// How the registry client knows other replicas, and tells them.
fn beside(replicas: Replicas, metrics: Metrics) -> Beside {
    let of = replicas.clone();
    let tell = move |text| {
        if of.are_possible() {
            metrics.replica_news(of.tell(text).as_str(), 1);
        }
    };
    Beside { number: Arc::new(move || replicas.number()), tell: Arc::new(tell) }
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
    let trace = leased.trace.id();
    let looked = reconciler.look(repository, &trace);
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
