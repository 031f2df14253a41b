//! The composition root: stages are made of the configuration and given to one another, and their tasks run.
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

use std::sync::Arc;
use std::time::Duration;

use actix_web::web::Data;
use anyhow::Context as _;
use chrono::{DateTime, Utc};

use crate::access::{self, Access, Identity};
use crate::ambient::Ambient;
use crate::api::{self, Api, Census};
use crate::approvals::chat::{self, Doors};
use crate::approvals::{Limiter, Pages, link_keys};
use crate::cluster::{Cluster as _, Feeds, Index, KubeCluster, Scopes, ServiceCluster};
use crate::config::Config;
use crate::config::queue::QueueConfig;
use crate::config::reload::Reload;
use crate::domain::approval::LinkKeys;
use crate::intake::poller::Poller;
use crate::intake::{self, Intake, Pushes};
use crate::listener::Bodies;
use crate::notify::{
    self, Channels, Delivering, Reopening, bury_messages_of_removed_channels, burying_what_others_left,
};
use crate::outbound::{Outbound, Reach};
use crate::queue::{MOST_NAMESPACES, NewsKind, StoreHandle, Urgency};
use crate::reconcile::fleet::first_look::FirstLook;
use crate::reconcile::records::sightings::{expect_the_newest, noting};
use crate::reconcile::{Looks, Parts, Reconciler};
use crate::registry::HttpRegistry;
use crate::release::{Background, TimedNotes};
use crate::routes::{FORMS, Links, PRIVATE, PUBLIC, Public, SignedIn, listen_in_private};
use crate::stop::{Signals, Stop};
use crate::task::{Ending, Task, Tasks};
use crate::telemetry::metrics::Metrics;
use crate::term::Holding;
use crate::traces::{self, Exporter};

/// Closing the file of the queue after it takes at most this.
const CLOSED: Duration = Duration::from_secs(5);

type Sequencer = Reconciler<StoreHandle, HttpRegistry, KubeCluster>;
type Notes = TimedNotes<StoreHandle, HttpRegistry, KubeCluster>;

/// What is watched, and where what comes of it is stored: all that has to be there before anything else.
struct Ground {
    config: Config,
    home: ServiceCluster,
    queue: StoreHandle,
    keys: LinkKeys,
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
    access: Option<Data<Access>>,
    identity: Option<Identity>,
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
    let mut signals = Signals::listen().context("signals can't be listened for")?;
    let ambient = Ambient::system();
    let Some(queue) = config.open_queue((PUBLIC, PRIVATE), &ambient, &mut signals).await? else { return Ok(()) };
    let ((raise, stop), (leave, leaving)) = (Stop::new(), Stop::new());
    let (is_shared, mut tasks) = (config.queue.is_shared(), Tasks::default());
    let (background, run_background) = Background::new(stop.clone());
    let Some(ground) = signals.unless_told(Ground::open(config, queue, ambient, stop)).await.transpose()? else {
        return Ok(());
    };
    // The API server lists while the rest is set up.
    ground.watches(&mut tasks);
    let closed = ground.queue.when_closed();
    tasks.add(ground.queue.in_use(ground.stop.clone()));
    let holding = ground.election(&mut tasks);
    let app = App::new(ground, holding, background, leaving).await?;
    let exporter = spans.map(|spans| Exporter::of(spans, &app.outbound, app.metrics.clone())).transpose()?;
    tasks.add_all(exporter.clone().map(|it| Task::new("traces", it.run(app.stop.clone()))));
    tasks.add(Task::new("background", run_background));
    tasks.add_all(app.begin());
    app.listeners(&mut tasks)?;
    tasks.add(app.looks());
    app.beside_others(&mut tasks);
    tasks.add_all(app.rounds());
    tasks.add_all(app.deliveries().tasks());
    tasks.add(app.poller());
    tasks.add(app.reload());
    drop(app);
    let ending = tasks.run(&mut signals, is_shared.then_some(leave), raise).await;
    if let Some(exporter) = exporter {
        exporter.flush().await;
    }
    if matches!(ending, Ending::Drained) {
        // Whoever copies the file of the queue now has all of it.
        if tokio::time::timeout(CLOSED, closed).await.is_err() {
            tracing::warn!("the file of the queue could not be closed in time: `queue.db-wal` belongs to `queue.db`");
        }
        tracing::info!("image-watcher has drained and ends");
    }
    ending.into_result()
}

impl Ground {
    async fn open(config: Config, queue: StoreHandle, ambient: Ambient, stop: Stop) -> anyhow::Result<Self> {
        let metrics = config.metrics(ambient.now());
        let keys = link_keys(&config.link_keys, &config.data, &ambient)?;
        let index = Index::knowing(keys.clone());
        index.inherit(|defaults| config.inherit(defaults));
        let home = ServiceCluster::open(config.watched_cluster(), index, &ambient, &metrics).await?;
        expect_the_newest(&queue, home.cluster.index()).await;
        Ok(Self { config, home, queue, keys, ambient, metrics, stop })
    }

    /// Who does what one does alone: the holder of a Lease, where the queue is one that several replicas share.
    fn election(&self, tasks: &mut Tasks) -> Holding {
        let QueueConfig::Nats(nats) = &self.config.queue else {
            self.metrics.holder.set(1);
            return Holding::always(self.stop.clone());
        };
        let (election, holding) = self.home.election(&nats.buckets, self.queue.identity(), &self.stop);
        tasks.add(election);
        holding
    }

    /// What keeps the cluster known.
    fn watches(&self, tasks: &mut Tasks) {
        let mut feed = |urgency| {
            let (hints, feeding) = intake::feed(&self.queue, &self.ambient, urgency, &self.stop);
            tasks.add(feeding);
            hints
        };
        let feeds = Feeds { workloads: feed(Urgency::Prompt), pods: feed(Urgency::AtOnce) };
        let (named, namespaces) = (self.config.watched.named(), &self.config.namespaces);
        tasks.add_all(self.home.cluster.watches(named, namespaces, feeds, &self.stop));
    }
}

impl App {
    async fn new(ground: Ground, holding: Holding, background: Background, leaving: Stop) -> anyhow::Result<Self> {
        let Ground { config, home, queue, keys, ambient, metrics, stop } = ground;
        let ServiceCluster { cluster, scopes, .. } = home;
        let started = ambient.now();
        let outbound = config.outbound()?;
        let channels = config.channels.iter().map(|channel| channel.open(&outbound));
        let channels = Arc::new(Channels::new(channels.collect::<Result<_, _>>()?, config.cluster.clone()));
        let registry = Arc::new(config.registry_beside(queue.replicas(), &outbound, &ambient, &metrics)?);
        let releases = config.releases(&outbound, Arc::clone(&registry), queue.clone(), &ambient, &metrics)?;
        let (releases, workloads, bounds) = (Arc::new(releases), cluster.clone(), config.bounds());
        let notes = Arc::new(Notes { releases, workloads, bounds, background, ambient: ambient.clone() });
        let pushes = Pushes::new(&config.sources, &metrics).shared(config.queue.is_shared());
        let pushes = Arc::new(pushes.recalling(&queue, ambient.now()).await);
        let (followed, clock) = (Arc::clone(&pushes), ambient.clone());
        let reconciler = Sequencer::new(Parts {
            queue: queue.clone(),
            registry: Arc::clone(&registry),
            cluster: cluster.clone(),
            audience: channels.clone(),
            declarations: notes.clone(),
            keys: keys.clone(),
            bounds: config.bounds(),
            ambient: ambient.clone(),
            metrics: metrics.clone(),
            standing: notes.ask_standing(),
            settle: config.settle,
            standing_still: Arc::default(),
            rollouts: config.rollouts,
            replicas: queue.replicas(),
            on_listed: Arc::new(move |repository, tags, is_awaited| {
                drop(followed.looked(repository, tags, is_awaited, clock.monotonic(), clock.now()));
            }),
        });
        config.log_at_start();
        bury_messages_of_removed_channels(&queue, &channels).await;
        let first_look = Arc::new(FirstLook::recalled(&queue).await);
        let identity = Identity::of(&config)?;
        let access = match config.auth.clone() {
            Some(auth) => {
                let (store, client) = (Arc::new(queue.clone()), outbound.client(Reach::Named)?);
                let (cluster, keys, metrics, ambient) = (&cluster, &keys, &metrics, &ambient);
                let ports = access::Ports { cluster, store, keys, client, metrics, ambient };
                Some(Data::new(Access::open(auth, &config, ports).context("nobody can sign in")?))
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
            access,
            identity,
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

    /// Work begins when all was listed, and with what messages are owed of.
    fn begin(&self) -> [Task; 3] {
        let (hints, feeding) = intake::feed(&self.queue, &self.ambient, Urgency::Prompt, &self.stop);
        let (scopes, reconciler) = (self.scopes.clone(), self.reconciler.clone());
        let owed = self.holding.alone("owed", move |mut term| {
            let (scopes, hints, reconciler) = (scopes.clone(), hints.clone(), reconciler.clone());
            async move {
                if scopes.begun(&mut term).await {
                    // Who takes them ends with the process.
                    let _ = hints.send(reconciler.owed().await).await;
                }
            }
        });
        [self.scopes.beginning(&self.stop), feeding, owed]
    }

    fn listeners(&self, tasks: &mut Tasks) -> anyhow::Result<()> {
        let api = self.api(tasks);
        let base_path = self.config.base_path();
        let signed_in = self.access.clone().map(|access| SignedIn::below(&base_path, access, api.clone()));
        let public = Public {
            intake: Data::new(self.intake(tasks, &base_path)?),
            links: Data::new(self.links(tasks, &base_path)?),
            doors: self.doors(tasks)?,
            signed_in: signed_in.transpose()?,
            base_path,
        };
        tasks.add(public.listen(&self.config.public, self.leaving.clone(), self.stop.clone())?);
        tasks.add(listen_in_private(api, &self.config.private, self.leaving.clone(), self.stop.clone())?);
        Ok(())
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
        tasks.add(intake.misses().telling(self.ambient.clone(), self.stop.clone()));
        Ok(intake.behind(base_path))
    }

    fn links(&self, tasks: &mut Tasks, base_path: &str) -> anyhow::Result<Links> {
        let limiter = Limiter::beside(self.queue.replicas(), &self.metrics);
        tasks.add(limiter.clone().hearing(self.ambient.clone(), self.stop.clone()));
        let (channels, scopes) = (Arc::clone(&self.channels), self.scopes.clone());
        let usual = (self.config.language, self.config.zone);
        Ok(Links {
            reconciler: self.reconciler.clone(),
            notes: Arc::new(self.notes.of_questions()),
            voices: Arc::new(move |holder| holder.and_then(|holder| channels.voice_of(holder)).unwrap_or(usual)),
            pages: Arc::new(Pages::new()?.of_cluster(self.config.cluster.clone())),
            limiter,
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
        let (doors, more) = chat::Opening {
            chats: self.config.chats(),
            slack_secret: self.config.slack_signing_secret.clone(),
            channels: Arc::clone(&self.channels),
            client: self.outbound.client(Reach::Named)?,
            base_url: self.config.base_url.clone(),
            queue: self.queue.clone(),
            reconciler: self.reconciler.clone(),
            scopes: self.scopes.clone(),
            holding: self.holding.clone(),
            ambient: self.ambient.clone(),
            stop: self.stop.clone(),
        }
        .doors();
        tasks.add_all(more);
        Ok(doors)
    }

    /// What the API and the page know.
    fn api(&self, tasks: &mut Tasks) -> Data<Api<StoreHandle>> {
        let parts = api::ApiParts {
            queue: self.queue.clone(),
            home: api::Home {
                cluster: self.config.cluster.clone(),
                page: self.config.base_url.clone().filter(|_| self.access.is_some()),
            },
            index: self.cluster.index().clone(),
            scopes: self.scopes.clone(),
            in_force: self.in_force.clone(),
            notes: Arc::new(self.notes.of_questions()),
            pushes: Arc::clone(&self.pushes),
            schedule: self.config.schedule.clone(),
            registry: Arc::clone(&self.registry),
            channels: self.reopening(),
            sequencer: Arc::new(self.reconciler.clone()),
            holding: self.holding.clone(),
            bounds: self.config.bounds(),
            keys: self.keys.clone(),
            census: Census::new(self.config.metrics_per_workload),
            metrics: self.metrics.clone(),
            ambient: self.ambient.clone(),
            leaving: self.leaving.clone(),
            stop: self.stop.clone(),
        };
        let (api, more) = Api::open(parts);
        tasks.add_all(more);
        api
    }

    fn looks(&self) -> Task {
        let (index, registry) = (self.cluster.index().clone(), Arc::clone(&self.registry));
        let (pushes, clock) = (Arc::clone(&self.pushes), self.ambient.clone());
        let looks = Looks {
            reconciler: self.reconciler.clone(),
            namespaces: Arc::new(move |repository| index.namespaces(repository, MOST_NAMESPACES)),
            put_off: Arc::new(move |repository| registry.put_off(repository.host())),
            first_look: Arc::clone(&self.first_look),
            after: Arc::new(move |repository, began, verdict| pushes.after_look(repository, began, verdict, &clock)),
            stop: self.stop.clone(),
        };
        looks.task(self.cluster.clone().until_known(self.stop.clone()))
    }

    /// What runs beside other replicas: they tell one another what they learn.
    fn beside_others(&self, tasks: &mut Tasks) {
        if !self.config.queue.is_shared() {
            return;
        }
        tasks.add_all(self.reconciler.beside_others(&self.stop));
        let heard = self.queue.replicas().hear(NewsKind::Wait);
        let (registry, stop) = (Arc::clone(&self.registry), self.stop.clone());
        tasks.add(Task::new("registries told", async move { registry.keep_hearing(heard, stop).await }));
        tasks.add(self.reopening().hearing(self.stop.clone()));
    }

    fn reopening(&self) -> Reopening {
        Reopening::new(&self.channels, self.queue.replicas(), &self.metrics, &self.ambient)
    }

    /// What is done once, and what is noted now and then.
    fn rounds(&self) -> [Task; 4] {
        let (queue, ambient, stop) = (self.queue.clone(), self.ambient.clone(), self.stop.clone());
        [
            Arc::clone(&self.first_look).remembering(queue.clone(), ambient.clone(), stop.clone()),
            Arc::clone(&self.pushes).remembering(queue.clone(), ambient, stop.clone()),
            noting(&queue, self.cluster.index(), &self.holding),
            burying_what_others_left(queue, Arc::clone(&self.channels), stop),
        ]
    }

    fn deliveries(&self) -> Delivering<StoreHandle> {
        let sender = notify::Sender {
            queue: self.queue.clone(),
            channels: Arc::clone(&self.channels),
            records: Arc::new(self.reconciler.finds_seen()),
            is_resumed: Arc::new(self.reconciler.knows_resumed()),
            base_url: self.config.base_url.clone(),
            keys: self.keys.clone(),
            notes: Arc::new(self.notes.of_messages()),
            ambient: self.ambient.clone(),
            metrics: self.metrics.clone(),
        };
        let (looked, clock) = (Arc::clone(&self.first_look), self.ambient.clone());
        Delivering {
            sender: Arc::new(sender),
            when_looked: Arc::new(move || looked.ended(clock.monotonic(), clock.now())),
            say: Arc::new(self.cluster.says_given_up()),
            until_known: Arc::new(self.scopes.awaits_begun()),
            holding: self.holding.clone(),
            has_others: self.queue.replicas().are_possible(),
            stop: self.stop.clone(),
        }
    }

    /// Has changes of the configuration's files taken over, as far as that can be done while the service runs.
    fn reload(&self) -> Task {
        let (index, in_force, clock) = (self.cluster.index().clone(), self.in_force.clone(), self.ambient.clone());
        let (reopening, outbound, ambient) = (self.reopening(), self.outbound.clone(), self.ambient.clone());
        let take = move |reloaded| {
            if let Some(taken) = in_force.looked_at(reloaded, clock.now()) {
                index.inherit(|defaults| taken.inherit(defaults));
                taken.renew(&reopening);
            }
        };
        Task::new("configuration", Reload::of(&self.config).keep_looking(outbound, ambient, self.stop.clone(), take))
    }

    fn poller(&self) -> Task {
        let (on_boot, schedule) = (self.config.run_on_boot.then_some(self.started), self.config.schedule.clone());
        let (cluster, scopes) = (self.cluster.clone(), self.scopes.clone());
        let poller = Arc::new(Poller {
            queue: self.queue.clone(),
            ambient: self.ambient.clone(),
            metrics: self.metrics.clone(),
            repositories: Box::new(move || cluster.repositories()),
            pace: Arc::clone(&self.pushes).pacing(self.ambient.clone()),
            configured: self.config.of_others(),
        });
        self.holding.alone("poller", move |mut term| {
            let (poller, scopes, schedule) = (Arc::clone(&poller), scopes.clone(), schedule.clone());
            async move {
                if scopes.begun(&mut term).await {
                    poller.run(on_boot, schedule, term).await;
                }
            }
        })
    }
}
