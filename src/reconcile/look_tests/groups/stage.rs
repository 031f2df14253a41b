//! A namespace with several workloads, each with a repository of its own.

use super::super::*;
use super::namespace::Namespace;
use super::shelves::Shelves;
use crate::cluster::Index;
use crate::domain::event::Delivery;
use crate::domain::rollout::Stall;

/// What a workload of a group is, called as its container and its repository are.
pub(in crate::reconcile::look_tests) fn member(name: &str, more: &[(&str, &str)]) -> Workload {
    let workload = workload(&[(name, &format!("a.example/{name}:1.0.0"))], &[&[("group", "shop")], more].concat());
    let id = WorkloadId { name: name.into(), uid: format!("uid-{name}").into(), ..workload.id.clone() };
    Workload { id, ..workload }
}

type Sequencer = Reconciler<SqliteQueue, Shelves, Namespace>;

/// Several workloads that a sequencer looks after.
pub(in crate::reconcile::look_tests) struct Several {
    pub(super) cluster: Namespace,
    pub(super) registry: Arc<Shelves>,
    pub(super) clock: Arc<Stepped>,
    pub(super) joe: Arc<Joe>,
    pub(super) reconciler: Sequencer,
    _folder: tempfile::TempDir,
}

impl Several {
    /// These workloads, whose repositories have 1.0.0 and nothing else.
    pub(in crate::reconcile::look_tests) fn new(workloads: Vec<Workload>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(Stepped(AtomicI64::new(0)));
        let ambient = Ambient::system().at(Arc::clone(&clock) as Arc<dyn Clock>);
        let queue = SqliteQueue::open(folder.path(), &ambient).unwrap();
        let cluster = Namespace(Arc::default(), Arc::default());
        cluster.with(|objects| objects.index = Index::knowing(LinkKey::new(vec![7; 32]).unwrap().into()));
        let (registry, joe) = (Arc::<Shelves>::default(), Arc::<Joe>::default());
        let reconciler = Reconciler::new(Parts {
            queue,
            registry: Arc::clone(&registry),
            cluster: cluster.clone(),
            audience: Arc::clone(&joe) as Arc<dyn Audience>,
            declarations: Arc::new(Notes::default()),
            keys: LinkKey::new(vec![7; 32]).unwrap().into(),
            bounds: Bounds::default(),
            ambient,
            metrics: Metrics::new(),
            on_listed: Arc::new(|_, _, _| {}),
            standing: Arc::new(|_| Box::pin(std::future::ready(None))),
            settle: Duration::ZERO,
            standing_still: Arc::default(),
            rollouts: Limits::default(),
            replicas: Replicas::default(),
        });
        let several = Self { cluster, registry, clock, joe, reconciler, _folder: folder };
        for workload in workloads {
            several.has(&workload.id.name, &["1.0.0"]);
            several.cluster.put(workload);
        }
        several
    }

    /// The same, of whom so many may roll at once.
    pub(super) fn limited(workloads: Vec<Workload>, total: u32) -> Self {
        let several = Self::new(workloads);
        let rollouts = Limits { total: std::num::NonZeroU32::new(total), per_namespace: None };
        let reconciler = Self::again(&several.reconciler, rollouts);
        Self { reconciler, ..several }
    }

    /// Three that are updated without asking.
    pub(super) fn automatic() -> Self {
        let auto = [("mode", "AUTO_UPDATE")];
        Self::new(vec![member("api", &auto), member("web", &auto), member("worker", &auto)])
    }

    /// Three that people are asked about.
    pub(super) fn asking() -> Self {
        Self::new(vec![member("api", &[]), member("web", &[]), member("worker", &[])])
    }

    /// The process ends, and another takes its place.
    pub(super) fn restart(&mut self) {
        self.cluster.with(|objects| objects.left = None);
        self.reconciler = Self::again(&self.reconciler, self.reconciler.0.rollouts);
    }

    /// Two sequencers on this store, as of two replicas: this one from now on, and another.
    pub(super) fn is_one_of_two(&mut self) -> Sequencer {
        let (queue, rollouts) = (self.reconciler.0.queue.shared(), self.reconciler.0.rollouts);
        let [one, other] = [(); 2].map(|()| Self::again_on(&self.reconciler, queue.clone(), rollouts));
        self.reconciler = one;
        other
    }

    /// Another of the same parts, which remembers nothing.
    fn again(old: &Sequencer, rollouts: Limits) -> Sequencer {
        Self::again_on(old, old.0.queue.clone(), rollouts)
    }

    fn again_on(old: &Sequencer, queue: SqliteQueue, rollouts: Limits) -> Sequencer {
        let old = &old.0;
        Reconciler::new(Parts {
            queue,
            registry: Arc::clone(&old.registry),
            cluster: old.cluster.clone(),
            audience: Arc::clone(&old.audience),
            declarations: Arc::clone(&old.declarations),
            keys: old.keys.clone(),
            bounds: old.bounds.clone(),
            ambient: old.ambient.clone(),
            metrics: old.metrics.clone(),
            on_listed: Arc::clone(&old.on_listed),
            standing: Arc::clone(&old.standing),
            settle: old.settle,
            standing_still: Arc::default(),
            rollouts,
            replicas: old.replicas.clone(),
        })
    }

    /// Whether a scope is not listed yet.
    pub(super) fn is_starting(&self, is_starting: bool) {
        self.cluster.with(|objects| objects.is_starting = is_starting);
    }

    /// A policy lets nobody write this tag of this one, as it says in a dry run, too.
    pub(super) fn forbids(&self, name: &'static str, tag: &'static str) {
        self.cluster.with(|objects| objects.forbidden.push((name, tag)));
    }

    /// Writes to this one find no API server.
    pub(super) fn is_unreachable(&self, name: &'static str, is_unreachable: bool) {
        self.cluster.with(|objects| {
            objects.unreachable.retain(|known| *known != name);
            objects.unreachable.extend(is_unreachable.then_some(name));
        });
    }

    /// The image of a tag is lost.
    pub(super) fn loses(&self, name: &str, tag: &'static str) {
        self.registry.lost.lock().unwrap().push((name.to_owned(), tag));
    }

    /// How often an Event was put on a workload.
    pub(super) fn announced(&self, name: &str, is_it: fn(&WorkloadEvent) -> bool) -> usize {
        self.cluster.with(|objects| objects.announced.iter().filter(|(of, event)| of == name && is_it(event)).count())
    }

    /// So many images are written from now on; then the API server gives no answer any more.
    pub(super) fn writes_only(&self, images: usize) {
        self.cluster.with(|objects| objects.left = Some(images));
    }

    pub(super) fn refuses(&self, name: &'static str) {
        self.cluster.with(|objects| objects.guarded.push(name));
    }

    pub(super) fn has(&self, name: &str, tags: &[&'static str]) {
        self.registry.tags.lock().unwrap().insert(name.to_owned(), tags.to_vec());
    }

    pub(super) fn all_have(&self, tags: &[&'static str]) {
        self.registry.tags.lock().unwrap().values_mut().for_each(|all| *all = tags.to_vec());
    }

    pub(super) fn pushed_again(&self, name: &str, tag: &'static str) {
        self.registry.moved.lock().unwrap().push((name.to_owned(), tag));
    }

    pub(super) fn listed(&self) -> i64 {
        self.registry.listed.load(Ordering::SeqCst)
    }

    /// A look at the repository of this workload, or at the one that is called so.
    pub(super) async fn look(&self, name: &str) -> Verdict {
        let known = self.cluster.with(|objects| objects.index.find(&|it| *it.id.name == *name));
        let image = known.and_then(|workload| workload.containers[0].reference());
        let repository = image.map(|image| image.repository().clone());
        let repository = repository.unwrap_or_else(|| Repository::parse(&format!("a.example/{name}")).unwrap());
        self.reconciler.look(&repository, "trace").await
    }

    /// A look at each repository.
    pub(super) async fn look_at_all(&self) {
        for repository in self.cluster.with(|objects| objects.index.repositories()) {
            self.reconciler.look(&repository, "trace").await;
        }
    }

    pub(super) fn workload(&self, name: &str) -> Arc<Workload> {
        self.cluster.with(|objects| objects.index.find(&|it| *it.id.name == *name)).unwrap()
    }

    pub(super) fn changes(&self, name: &str, change: impl FnOnce(&mut Workload)) {
        let mut workload = Workload::clone(&self.workload(name));
        change(&mut workload);
        self.cluster.put(workload);
    }

    /// Sets or removes a setting.
    pub(super) fn sets(&self, name: &str, setting: &str, value: Option<&str>) {
        self.changes(name, |workload| {
            let mut all = workload.annotations.to_vec();
            all.retain(|(name, _)| **name != *setting);
            all.extend(value.map(|value| (setting.into(), value.into())));
            all.sort();
            workload.annotations = all.into();
        });
    }

    pub(super) fn adds(&self, workload: Workload) {
        self.has(&workload.id.name, &["1.0.0"]);
        self.cluster.put(workload);
    }

    pub(super) fn deletes(&self, name: &str) {
        let id = self.workload(name).id.clone();
        self.cluster.with(|objects| objects.index.observe(&id, None));
    }

    /// Its rollout is complete; and it is looked at.
    pub(super) async fn comes_up(&self, name: &str) {
        self.changes(name, |workload| workload.rollout = Rollout::Complete);
        self.look(name).await;
    }

    /// Its rollout was given up; and it is looked at.
    pub(super) async fn fails(&self, name: &str) {
        let (reason, message) = ("ProgressDeadlineExceeded".into(), "has timed out progressing".into());
        let stall = Stall { reason, message, since: "t1".into(), progress: Progress::default(), refusal: None };
        self.changes(name, |workload| workload.rollout = Rollout::Stalled(stall));
        self.look(name).await;
    }

    /// The tags that run, by name; with `@` where a digest stands behind.
    pub(super) fn runs(&self) -> Vec<String> {
        let all = self.cluster.with(|objects| objects.index.all());
        let tag = |image: &str| {
            let image = crate::domain::reference::ImageReference::parse(image).unwrap();
            format!("{}{}", image.tag().unwrap(), if image.digest().is_some() { "@" } else { "" })
        };
        all.iter().map(|it| format!("{} {}", it.id.name, tag(&it.containers[0].image))).collect()
    }

    /// Who was written since this was asked last, in this order.
    pub(super) fn written(&self) -> Vec<String> {
        self.cluster.with(|objects| std::mem::take(&mut objects.written))
    }

    pub(super) fn annotation(&self, name: &str, annotation: &str) -> Option<String> {
        self.workload(name).annotation(annotation).map(str::to_owned)
    }

    /// What people were told since this was asked last: each message once, as `kind name`.
    pub(super) fn told(&self) -> Vec<String> {
        let mut ids = std::collections::BTreeSet::new();
        let all = std::mem::take(&mut *self.joe.0.lock().unwrap());
        let once = all.into_iter().filter(|notice| {
            let recipient = Delivery::of("c", "r", notice.clone());
            ids.insert(recipient.id())
        });
        once.map(|notice| format!("{} {}", notice.kind.as_str(), notice.workload.name)).collect()
    }

    /// What was told of what failed.
    pub(super) fn failures(&self) -> Vec<Notice> {
        let told = self.joe.0.lock().unwrap();
        told.iter().filter(|notice| notice.kind == NoticeKind::Failed).cloned().collect()
    }

    /// The last message of a kind that can be answered.
    pub(super) fn last(&self, kind: NoticeKind) -> Notice {
        let told = self.joe.0.lock().unwrap();
        told.iter().rev().find(|notice| notice.kind == kind && notice.asks()).unwrap().clone()
    }

    /// The link in it.
    pub(super) fn link(&self, notice: &Notice) -> crate::domain::approval::Token {
        let approval = notice.asked().unwrap();
        let token = approval.token(&self.reconciler.0.keys, "email:joe@example.com", self.clock.now()).unwrap();
        crate::domain::approval::Token::parse(&token).unwrap()
    }
}
