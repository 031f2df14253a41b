//! Many workloads: one goes first, what failed on one is a question on the others, and so many roll at once.

use crate::domain::event::Delivery;
use crate::queue::Urgency;
use std::num::NonZeroU32;

use super::*;
use crate::cluster::{Index, annotations};
use crate::domain::fleet::Asks;
use crate::domain::rollout::Waits;
use crate::queue::{Sharing, Topic};

const WEB: &str = "a.example/web";
const DATABASE: &str = "a.example/database";

/// Many workloads behind the real index. Their patches are executed as they are.
#[derive(Clone)]
struct Many {
    index: Index,
    done: Arc<Mutex<Done>>,
}

/// What was done.
#[derive(Default)]
struct Done {
    /// The images that were written, with the name of their workload.
    written: Vec<(String, String)>,
    rehearsed: usize,
    announced: Vec<WorkloadEvent>,
    /// Whose images a policy refuses when they are written, and not before.
    refuses: Option<&'static str>,
    /// Who takes no write at all, not even in a dry run, and why; and how many were tried.
    takes_nothing: Option<(&'static str, RejectionReason)>,
    tried: usize,
    is_dry_run: bool,
}

impl Done {
    fn is_refused(&mut self, patch: &WorkloadPatch) -> bool {
        self.tried += usize::from(self.closes(patch).is_some());
        self.closes(patch).is_some() || patch.writes_image() && self.refuses == Some(&*patch.id.name)
    }

    fn closes(&self, patch: &WorkloadPatch) -> Option<RejectionReason> {
        self.takes_nothing.filter(|(name, _)| *name == &*patch.id.name).map(|(_, why)| why)
    }

    fn no(&self, patch: &WorkloadPatch) -> ClusterError {
        let reason = self.closes(patch).unwrap_or(RejectionReason::Policy);
        let rejection = Rejection { reason, sentence: "no".into(), again_after: None };
        ClusterError::Rejected { workload: patch.id.to_string(), rejection }
    }
}

impl Cluster for Many {
    fn running(&self, repository: &Repository) -> Vec<Arc<Workload>> {
        self.index.running(repository)
    }

    fn repositories(&self) -> Vec<Repository> {
        self.index.repositories()
    }

    fn by_uid(&self, uid: &str) -> Option<Arc<Workload>> {
        self.index.by_uid(uid)
    }

    fn naming(&self, approval: &ApprovalId) -> Vec<Arc<Workload>> {
        self.index.naming(approval)
    }

    fn names(&self, approval: &ApprovalId) -> bool {
        self.index.names(approval)
    }

    fn fleet<T>(&self, read: impl FnOnce(&crate::domain::fleet::Fleet) -> T) -> T {
        self.index.fleet(read)
    }

    fn may_patch(&self, _: &WorkloadId) -> bool {
        true
    }

    fn is_dry_run(&self) -> bool {
        self.done.lock().unwrap().is_dry_run
    }

    async fn apply(&self, patch: &WorkloadPatch) -> Result<Arc<Workload>, ClusterError> {
        let mut workload = Workload::clone(&*self.index.by_uid(&patch.id.uid).unwrap());
        // The API server takes its time, and others have theirs.
        tokio::task::yield_now().await;
        annotate(&mut workload, patch);
        let mut done = self.done.lock().unwrap();
        if done.is_refused(patch) {
            return Err(done.no(patch));
        }
        for guard in &patch.guards {
            let found = workload.containers.iter_mut().find(|found| found.name == guard.container).unwrap();
            if let Some(to) = guard.to.as_deref() {
                found.image = to.into();
                workload.rollout = Rollout::Progressing(Progress { has_deadline: true, ..Progress::default() });
                done.written.push((workload.id.name.to_string(), to.to_owned()));
            }
        }
        workload.resource_version += 1;
        Ok(self.index.learn(workload))
    }

    async fn rehearse(&self, patch: &WorkloadPatch) -> Result<Vec<String>, ClusterError> {
        self.done.lock().unwrap().rehearsed += 1;
        tokio::task::yield_now().await;
        let done = self.done.lock().unwrap();
        if done.closes(patch).is_some() { Err(done.no(patch)) } else { Ok(Vec::new()) }
    }

    async fn platforms(&self) -> Option<Arc<[Platform]>> {
        None
    }

    async fn credential(&self, _: &Workload, _: &Repository) -> Result<Credential, ClusterError> {
        Ok(Credential::default())
    }

    async fn who_set(&self, _: &WorkloadId, _: &str) -> Result<Option<crate::domain::owner::ImageOwner>, ClusterError> {
        Ok(None)
    }

    async fn announce(&self, _: &Workload, announcement: WorkloadEvent) {
        self.done.lock().unwrap().announced.push(announcement);
    }
}

type Sequencer = Reconciler<SqliteQueue, Shelf, Many>;

struct Ground {
    cluster: Many,
    clock: Arc<Stepped>,
    registry: Arc<Shelf>,
    joe: Arc<Joe>,
    metrics: Metrics,
    reconciler: Sequencer,
    folder: tempfile::TempDir,
}

/// A workload of this name in a namespace, that is updated by itself.
fn member(namespace: &str, name: &str, repository: &str) -> Workload {
    let image = format!("{repository}:1.0.0");
    let mut workload = workload(&[("web", &image)], &[("mode", "AUTO_UPDATE")]);
    workload.id.namespace = namespace.into();
    (workload.id.name, workload.id.uid) = (name.into(), format!("{namespace}-{name}").into());
    workload
}

fn index() -> Index {
    Index::knowing(LinkKey::new(vec![7; 32]).unwrap().into())
}

impl Ground {
    async fn new(members: Vec<Workload>, rollouts: Limits) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(Stepped(AtomicI64::new(0)));
        let cluster = Many { index: index(), done: Arc::default() };
        let registry = Arc::new(Shelf {
            tags: Arc::new(Mutex::new(vec!["1.0.0"])),
            asked: Arc::default(),
            absent: Arc::default(),
            pushed_again: Arc::default(),
            lost: Arc::default(),
            gone: Arc::default(),
            answers: Arc::new(Semaphore::new(1)),
        });
        let (joe, metrics) = (Arc::<Joe>::default(), Metrics::new());
        let reconciler = sequencer(&folder, (&clock, &registry, &joe), &cluster, (&metrics, rollouts));
        let ground = Self { cluster, clock, registry, joe, metrics, reconciler, folder };
        for member in members {
            ground.sees(member).await;
        }
        ground.rests().await;
        ground
    }

    /// The process ends, and another takes its place.
    fn restarts(&mut self) {
        let parts = Parts::clone(&self.reconciler.0);
        self.reconciler = Reconciler::new(Parts { standing_still: Arc::default(), ..parts });
    }

    /// The same with another disk and what the watch tells it.
    fn restarts_without_its_disk(&mut self) {
        let (all, again) = (self.cluster.index.all(), index());
        for workload in all {
            again.observe(&workload.id.clone(), Some(Workload::clone(&workload)));
        }
        self.cluster.index = again;
        self.folder = tempfile::tempdir().unwrap();
        let limits = self.reconciler.0.rollouts;
        let fakes = (&self.clock, &self.registry, &self.joe);
        self.reconciler = sequencer(&self.folder, fakes, &self.cluster, (&self.metrics, limits));
    }

    fn queue(&self) -> &SqliteQueue {
        &self.reconciler.0.queue
    }

    async fn looks_at(&self, repositories: Vec<Repository>) {
        let job = |repository| NewJob {
            job: Job::Look(repository),
            trace: "trace".into(),
            not_before: self.clock.now(),
            urgency: Urgency::Prompt,
            failed: None,
        };
        self.queue().put(repositories.into_iter().map(job).collect()).await.unwrap();
    }

    /// The watch tells of a workload.
    async fn sees(&self, mut workload: Workload) {
        workload.resource_version += 1;
        let hints = self.cluster.index.observe(&workload.id.clone(), Some(workload));
        self.looks_at(hints).await;
    }

    async fn deletes(&self, name: &str) {
        let hints = self.cluster.index.observe(&self.member(name).id, None);
        self.looks_at(hints).await;
    }

    async fn rolls(&self, name: &str, rollout: Rollout) {
        self.sees(Workload { rollout, ..Workload::clone(&self.member(name)) }).await;
        self.rests().await;
    }

    async fn fails(&self, name: &str) {
        let (reason, message) = ("ProgressDeadlineExceeded".into(), "has timed out progressing".into());
        let since = self.clock.now().to_rfc3339().into();
        self.rolls(
            name,
            Rollout::Stalled(Stall { reason, message, since, progress: Progress::default(), refusal: None }),
        )
        .await;
    }

    /// A version is pushed.
    async fn pushed(&self, tags: &[&'static str], repositories: &[&str]) {
        *self.registry.tags.lock().unwrap() = tags.to_vec();
        self.looks_at(repositories.iter().map(|it| Repository::parse(it).unwrap()).collect()).await;
        self.rests().await;
    }

    /// All looks are done that are to be done now.
    async fn rests(&self) {
        let mut idle = 0;
        while idle < 4 {
            let batch = self.queue().lease(&Topic::Look, 4, &Sharing::in_order(4)).await.unwrap();
            idle = if batch.jobs.is_empty() { idle + 1 } else { 0 };
            let look = async |leased: crate::queue::Leased| {
                let Job::Look(repository) = &leased.job else { panic!("{:?}", leased.job) };
                let settled = match self.reconciler.look(repository, "trace").await {
                    Verdict::Done => crate::queue::Settlement::Done,
                    Verdict::Again(at) => crate::queue::Settlement::Again(at),
                    other => panic!("{other:?}"),
                };
                self.queue().settle(&leased, settled).await.unwrap();
            };
            futures_util::future::join_all(batch.jobs.into_iter().map(look)).await;
            self.clock.step(TimeDelta::seconds(1));
        }
    }

    fn member(&self, name: &str) -> Arc<Workload> {
        self.cluster.index.find(&|workload| *workload.id.name == *name).unwrap()
    }

    /// Who was written to a version, in their order.
    fn written(&self, tag: &str) -> Vec<String> {
        let (done, to) = (self.cluster.done.lock().unwrap(), format!(":{tag}@"));
        done.written.iter().filter(|(_, image)| image.contains(&to)).map(|(name, _)| name.clone()).collect()
    }

    /// Who people are asked about, and why at all.
    fn asked(&self) -> Vec<(String, Option<String>)> {
        let ask = |workload: Arc<Workload>| {
            let record = annotations::claimed(&workload);
            let question = record.known("web").open(self.clock.now())?;
            let is_update = question.terms.allows == crate::domain::approval::Allows::Update;
            let because = question.because.as_deref().map(Asks::to_string);
            is_update.then(|| (workload.id.name.to_string(), because))
        };
        self.cluster.index.all().into_iter().filter_map(ask).collect()
    }

    fn counted(&self, outcome: &str, reason: &str) -> u64 {
        let labels = OutcomeReason { outcome: outcome.into(), reason: reason.into() };
        self.metrics.decisions.get_or_create(&labels).get()
    }
}

fn sequencer(
    folder: &tempfile::TempDir,
    (clock, registry, joe): (&Arc<Stepped>, &Arc<Shelf>, &Arc<Joe>),
    cluster: &Many,
    (metrics, rollouts): (&Metrics, Limits),
) -> Sequencer {
    let ambient = Ambient::system().at(Arc::clone(clock) as Arc<dyn Clock>);
    Reconciler::new(Parts {
        queue: SqliteQueue::open(folder.path(), &ambient).unwrap(),
        registry: Arc::clone(registry),
        cluster: cluster.clone(),
        audience: Arc::clone(joe) as Arc<dyn Audience>,
        declarations: Arc::<Notes>::default(),
        keys: LinkKey::new(vec![7; 32]).unwrap().into(),
        bounds: Bounds::default(),
        ambient,
        metrics: metrics.clone(),
        on_listed: Arc::new(|_, _, _| {}),
        standing: Arc::new(|_| Box::pin(std::future::ready(None))),
        settle: Duration::ZERO,
        standing_still: Arc::default(),
        rollouts,
        replicas: Replicas::default(),
    })
}

fn fifty() -> Vec<Workload> {
    (0..50).map(|number| member(&format!("shop-{}", number % 5), &format!("api-{number:02}"), WEB)).collect()
}

#[tokio::test]
async fn of_fifty_workloads_one_sees_a_bad_digest_and_the_others_become_questions_that_say_so() {
    let mut ground = Ground::new(fifty(), Limits::default()).await;
    ground.pushed(&["1.0.0", "1.0.1"], &[WEB]).await;
    let first = ground.written("1.0.1");
    assert_eq!((first.len(), ground.asked().len()), (1, 0), "{first:?}");
    assert_eq!(ground.cluster.done.lock().unwrap().rehearsed, 1, "who waits asks the API server nothing");
    assert_eq!(ground.counted("waiting", "first"), 49);
    ground.fails(&first[0]).await;
    assert_eq!(ground.written("1.0.1"), first);
    let asked = ground.asked();
    assert_eq!(asked.len(), 49);
    let namespace = ground.member(&first[0]).id.namespace.clone();
    let said = format!("1.0.1 failed on {namespace}/deploy/{} (ProgressDeadlineExceeded), ", first[0]);
    assert!(asked.iter().all(|(_, because)| because.as_ref().is_some_and(|it| it.starts_with(&said))), "{asked:?}");
    ground.restarts_without_its_disk();
    ground.pushed(&["1.0.0", "1.0.1"], &[WEB]).await;
    assert_eq!((ground.written("1.0.1"), ground.asked()), (first.clone(), asked.clone()), "a restart forgets nothing");
    ground.deletes(&first[0]).await;
    ground.pushed(&["1.0.0", "1.0.1"], &[WEB]).await;
    assert_eq!((ground.written("1.0.1"), ground.asked()), (first, asked), "nor does who is gone");
    ground.pushed(&["1.0.0", "1.0.1", "1.0.2"], &[WEB]).await;
    assert_eq!(ground.written("1.0.2").len(), 1, "what is newer is tried, by one");
}

#[tokio::test]
async fn of_fifty_workloads_one_goes_first_and_the_others_when_it_is_healthy() {
    let ground = Ground::new(fifty(), Limits::default()).await;
    ground.pushed(&["1.0.0", "1.0.1"], &[WEB]).await;
    let first = ground.written("1.0.1");
    assert_eq!(first.len(), 1);
    let asked_of_registry = ground.registry.asked.load(Ordering::SeqCst);
    ground.rests().await;
    assert_eq!(ground.registry.asked.load(Ordering::SeqCst), asked_of_registry, "nobody polls");
    ground.rolls(&first[0], Rollout::Complete).await;
    assert_eq!((ground.written("1.0.1").len(), ground.asked().len()), (50, 0));
}

#[tokio::test]
async fn who_is_alone_on_its_image_waits_for_nobody() {
    let alone = vec![member("shop", "api", WEB), member("shop", "database", DATABASE)];
    let ground = Ground::new(alone, Limits::default()).await;
    ground.pushed(&["1.0.0", "1.0.1"], &[WEB, DATABASE]).await;
    let mut written = ground.written("1.0.1");
    written.sort();
    assert_eq!((written, ground.counted("waiting", "first")), (vec!["api".into(), "database".into()], 0));
}

#[tokio::test]
async fn where_the_first_waits_for_somebody_or_is_gone_another_goes_first() {
    for waits in [Waits::OnDelete, Waits::Paused, Waits::ZeroReplicas, Waits::NextRun] {
        let ground = Ground::new(fifty(), Limits::default()).await;
        ground.pushed(&["1.0.0", "1.0.1"], &[WEB]).await;
        let first = ground.written("1.0.1");
        ground.rolls(&first[0], Rollout::Waiting(waits)).await;
        let second = ground.written("1.0.1");
        assert_eq!(second.len(), 2, "{waits:?}");
        ground.deletes(&second[1]).await;
        ground.rests().await;
        let third = ground.written("1.0.1");
        assert_eq!(third.len(), 3, "deleted, {waits:?}");
        ground.rolls(&third[2], Rollout::Complete).await;
        // Who was deleted was written, too.
        assert_eq!(ground.written("1.0.1").len(), 50, "{waits:?}");
    }
}

#[tokio::test]
async fn where_the_first_is_refused_another_goes_first() {
    let ground = Ground::new(fifty(), Limits::default()).await;
    ground.cluster.done.lock().unwrap().refuses = Some("api-00");
    ground.pushed(&["1.0.0", "1.0.1"], &[WEB]).await;
    let first = ground.written("1.0.1");
    assert!(first.len() == 1 && first[0] != "api-00", "{first:?}");
}

#[tokio::test]
async fn where_the_first_takes_no_write_at_all_another_goes_first_and_it_is_let_alone_for_hours() {
    let ground = Ground::new(fifty(), Limits::default()).await;
    ground.cluster.done.lock().unwrap().takes_nothing = Some(("api-00", RejectionReason::Policy));
    ground.pushed(&["1.0.0", "1.0.1"], &[WEB]).await;
    let first = ground.written("1.0.1");
    assert!(first.len() == 1 && first[0] != "api-00", "{first:?}");
    ground.rolls(&first[0], Rollout::Complete).await;
    assert_eq!(ground.written("1.0.1").len(), 49);
    let tried = || ground.cluster.done.lock().unwrap().tried;
    let before = tried();
    for _ in 0..20 {
        ground.clock.step(TimeDelta::seconds(30));
        ground.rests().await;
    }
    assert_eq!(tried(), before, "it is not tried again with each look");
    ground.clock.step(TimeDelta::hours(6));
    ground.cluster.done.lock().unwrap().takes_nothing = None;
    ground.pushed(&["1.0.0", "1.0.1"], &[WEB]).await;
    assert_eq!(ground.written("1.0.1").len(), 50);
}

#[tokio::test]
async fn where_the_first_is_refused_for_now_another_goes_first() {
    let ground = Ground::new(fifty(), Limits::default()).await;
    ground.cluster.done.lock().unwrap().takes_nothing = Some(("api-00", RejectionReason::WebhookDown));
    let web = || Repository::parse(WEB).unwrap();
    *ground.registry.tags.lock().unwrap() = vec!["1.0.0", "1.0.1"];
    for _ in 0..4 {
        ground.reconciler.look(&web(), "trace").await;
        ground.clock.step(TimeDelta::seconds(1));
    }
    let first = ground.written("1.0.1");
    assert!(first.len() == 1 && first[0] != "api-00", "{first:?}");
    ground.cluster.done.lock().unwrap().takes_nothing = None;
    ground.clock.step(TimeDelta::seconds(10));
    ground.rolls(&first[0], Rollout::Complete).await;
    assert_eq!(ground.written("1.0.1").len(), 50, "it is tried again");
}

#[tokio::test]
async fn a_rollout_that_stands_still_without_a_deadline_holds_nobody_back() {
    let ground = Ground::new(fifty(), Limits::default()).await;
    ground.pushed(&["1.0.0", "1.0.1"], &[WEB]).await;
    let first = ground.written("1.0.1");
    ground.rolls(&first[0], hangs(1)).await;
    assert_eq!(ground.written("1.0.1"), first, "it is under way");
    ground.clock.step(TimeDelta::hours(2));
    ground.rests().await;
    assert_eq!(ground.written("1.0.1").len(), 2);
}

#[tokio::test]
async fn so_many_roll_at_once_and_when_one_ends_who_waits_longest_goes_on() {
    let number = |number: u32| NonZeroU32::new(number);
    let repositories: Vec<String> = (0..6).map(|number| format!("a.example/app-{number}")).collect();
    let members = repositories
        .iter()
        .enumerate()
        .map(|(number, repository)| member(&format!("shop-{}", number / 3), &format!("app-{number}"), repository));
    let limits = Limits { total: number(3), per_namespace: number(2) };
    let ground = Ground::new(members.collect(), limits).await;
    for repository in &repositories {
        ground.pushed(&["1.0.0", "1.0.1"], &[repository]).await;
    }
    assert_eq!(ground.written("1.0.1"), ["app-0", "app-1", "app-3"], "two of the one namespace, three of all");
    ground.rolls("app-3", Rollout::Complete).await;
    assert_eq!(ground.written("1.0.1").last().unwrap(), "app-4", "the namespace of app-2 has no room");
    ground.rolls("app-0", Rollout::Complete).await;
    assert_eq!(ground.written("1.0.1").last().unwrap(), "app-2");
    ground.rolls("app-4", Rollout::Waiting(Waits::OnDelete)).await;
    assert_eq!(ground.written("1.0.1").last().unwrap(), "app-5", "who waits for somebody takes no room");
    assert_eq!(ground.written("1.0.1").len(), 6);
}

/// Three programs, of which the first two fail.
async fn stopped() -> Ground {
    let members = (0..4).map(|number| member("shop", &format!("app-{number}"), &format!("a.example/app-{number}")));
    let ground = Ground::new(members.collect(), Limits::default()).await;
    for app in ["app-0", "app-1"] {
        ground.pushed(&["1.0.0", "1.0.1"], &[&format!("a.example/{app}")]).await;
        assert_eq!((ground.written("1.0.1").last().unwrap().as_str(), ground.metrics.updates_stopped.get()), (app, 0));
        ground.fails(app).await;
    }
    ground
}

impl Ground {
    fn told_of_the_stop(&self) -> Vec<Notice> {
        let told = self.joe.0.lock().unwrap();
        told.iter().filter(|notice| notice.kind == NoticeKind::Stopped).cloned().collect()
    }

    fn announced_stops(&self) -> usize {
        let done = self.cluster.done.lock().unwrap();
        done.announced.iter().filter(|one| matches!(one, WorkloadEvent::UpdatesStopped(_))).count()
    }
}

/// Whoever was woken by it hears that it is over.
#[tokio::test]
async fn a_stop_that_a_person_ends_is_told_with_who_it_was() {
    let ground = stopped().await;
    let by = crate::domain::actor::Actor::Program("a test".into());
    ground.reconciler.resume_updates(by.clone(), "trace").await.unwrap();
    let told = ground.told_of_the_stop();
    let [began, ended] = told.as_slice() else { panic!("{told:?}") };
    assert!(!began.is_resumed() && ended.is_resumed() && ended.by == Some(by));
    assert_eq!(began.stopped(), ended.stopped(), "it is the same stop");
}

/// Whoever was told of a stop is told of its end, about the same workload, whatever becomes of that.
#[tokio::test]
async fn the_end_of_a_stop_is_told_where_the_stop_was_whatever_failed_since_or_is_gone() {
    for (is_another, restarts) in [(true, false), (false, false), (false, true)] {
        let members = (0..4).map(|n| member("shop", &format!("app-{n}"), &format!("a.example/app-{n}")));
        let mut ground = Ground::new(members.collect(), Limits::default()).await;
        for app in 0..3 {
            ground.pushed(&["1.0.0", "1.0.1"], &[&format!("a.example/app-{app}")]).await;
        }
        ground.fails("app-0").await;
        ground.fails("app-1").await;
        let began = ground.told_of_the_stop().pop().unwrap();
        assert_eq!(&*began.workload.name, "app-1");
        if is_another {
            // It rolled already when the others failed.
            ground.fails("app-2").await;
        } else {
            ground.deletes("app-0").await;
            ground.deletes("app-1").await;
        }
        if restarts {
            ground.restarts();
        }
        let by = crate::domain::actor::Actor::Program("a test".into());
        ground.reconciler.resume_updates(by, "trace").await.unwrap();
        let ended = ground.told_of_the_stop().pop().unwrap();
        assert!(ended.is_resumed(), "{is_another} {restarts}");
        assert_eq!((&ended.workload, &ended.container), (&began.workload, &began.container));
        assert_eq!(ended.stopped(), began.stopped());
    }
}

#[tokio::test]
async fn the_end_of_a_stop_is_told_again_after_whatever_ended_the_process() {
    let mut ground = stopped().await;
    let by = crate::domain::actor::Actor::Program("a test".into());
    ground.reconciler.resume_updates(by, "trace").await.unwrap();
    let id = |notice: &Notice| Delivery::of("pager", "", notice.clone()).id();
    let first = ground.told_of_the_stop().pop().unwrap();
    let ends = |ground: &Ground| ground.told_of_the_stop().iter().filter(|notice| notice.is_resumed()).count();
    ground.rests().await;
    assert_eq!(ends(&ground), 1, "it is stored, and once is enough");
    ground.restarts();
    ground.pushed(&["1.0.0", "1.0.1"], &["a.example/app-2"]).await;
    assert_eq!(ends(&ground), 2, "nobody knows by now whether it was");
    assert_eq!(id(&ground.told_of_the_stop().pop().unwrap()), id(&first), "it is the same message");
    ground.clock.step(crate::domain::approval::LIFETIME);
    ground.restarts();
    ground.pushed(&["1.0.0", "1.0.1"], &["a.example/app-2"]).await;
    assert_eq!(ends(&ground), 2, "nobody waits for it any more");
}

#[tokio::test]
async fn two_failures_stop_all_automatic_updates_until_a_person_resumes_them() {
    let mut ground = stopped().await;
    let told = ground.told_of_the_stop();
    assert_eq!((told.len(), ground.announced_stops(), ground.metrics.updates_stopped.get()), (1, 1, 1), "told at once");
    ground.pushed(&["1.0.0", "1.0.1"], &["a.example/app-2"]).await;
    let written = ground.written("1.0.1");
    assert_eq!(written, ["app-0", "app-1"]);
    let asked = ground.asked();
    let (name, because) = asked.first().unwrap();
    let words =
        "automatic updates are stopped everywhere, as 2 of the last 5 failed: 1.0.1 failed on shop/deploy/app-1";
    assert!(name == "app-2" && because.as_ref().is_some_and(|it| it.starts_with(words)), "{asked:?}");
    ground.pushed(&["1.0.0", "1.0.1"], &["a.example/app-2"]).await;
    assert_eq!(ground.asked(), asked, "it says so still");
    ground.restarts();
    ground.pushed(&["1.0.0", "1.0.1"], &["a.example/app-3"]).await;
    assert_eq!((ground.written("1.0.1").len(), ground.told_of_the_stop().len()), (2, 1), "told once");
    ground.deletes("app-0").await;
    ground.deletes("app-1").await;
    ground.pushed(&["1.0.0", "1.0.1"], &["a.example/app-3"]).await;
    assert_eq!(ground.written("1.0.1").len(), 2, "who failed is gone, and it is on");
    ground.reconciler.resume_updates(crate::domain::actor::Actor::Program("a test".into()), "trace").await.unwrap();
    ground.rests().await;
    let mut written = ground.written("1.0.1");
    written.sort();
    assert_eq!(written, ["app-0", "app-1", "app-2", "app-3"]);
    assert_eq!((ground.asked(), ground.metrics.updates_stopped.get()), (vec![], 0));
    ground.restarts();
    ground.rests().await;
    let brake = ground.reconciler.brake().await;
    assert!(brake.stopped.is_none() && brake.released.is_some(), "{brake:?}");
}

impl Ground {
    /// Two sequencers on this store, as of two replicas: this one from now on, and another.
    fn is_one_of_two(&mut self) -> Sequencer {
        let parts = Parts::clone(&self.reconciler.0);
        let queue = parts.queue.shared();
        self.reconciler =
            Reconciler::new(Parts { standing_still: Arc::default(), queue: queue.clone(), ..parts.clone() });
        Reconciler::new(Parts { standing_still: Arc::default(), queue, ..parts })
    }
}

#[tokio::test]
async fn a_release_of_the_brake_at_one_replica_is_one_at_all() {
    let mut ground = stopped().await;
    let other = ground.is_one_of_two();
    assert!(ground.reconciler.brake().await.stopped.is_some() && other.brake().await.stopped.is_some());
    other.resume_updates(crate::domain::actor::Actor::Program("a test".into()), "trace").await.unwrap();
    ground.rests().await;
    let mut written = ground.written("1.0.1");
    written.sort();
    assert_eq!(written, ["app-0", "app-1", "app-2", "app-3"]);
    let stops = ground.told_of_the_stop().iter().filter(|told| told.by.is_none()).count();
    assert_eq!((stops, ground.reconciler.brake().await.stopped), (1, None));
    assert_eq!(other.brake().await.stopped, None, "it is not pulled anew");
}

#[tokio::test]
async fn who_waits_at_one_replica_goes_on_where_another_looks_at_what_it_waits_for() {
    let limits = Limits { total: NonZeroU32::new(1), ..Limits::default() };
    let members = ["app-0", "app-1"].map(|name| member("shop", name, &format!("a.example/{name}")));
    let mut ground = Ground::new(members.to_vec(), limits).await;
    let other = ground.is_one_of_two();
    ground.pushed(&["1.0.0", "1.0.1"], &["a.example/app-0", "a.example/app-1"]).await;
    let first = ground.written("1.0.1");
    assert_eq!(first.len(), 1, "there is room for one");
    // Its end is seen by the watch of each, and the look that follows is the other's.
    let here = std::mem::replace(&mut ground.reconciler, other);
    ground.rolls(&first[0], Rollout::Complete).await;
    assert_eq!(ground.written("1.0.1").len(), 1, "nobody waits there");
    here.wake_waiting(None, "trace").await.unwrap();
    ground.rests().await;
    assert_eq!(ground.written("1.0.1").len(), 2);
    // What the other has written waits no longer here.
    here.wake_waiting(None, "trace").await.unwrap();
    assert!(here.waiting().is_empty());
}

/// A clock ran ahead when they failed, and was put right before a person judged that.
#[tokio::test]
async fn what_a_person_released_stays_so_where_a_clock_was_ahead() {
    let ground = stopped().await;
    ground.clock.step(TimeDelta::hours(-2));
    ground.reconciler.resume_updates(crate::domain::actor::Actor::Policy, "trace").await.unwrap().unwrap();
    assert_eq!(ground.reconciler.brake().await.stopped, None);
    ground.pushed(&["1.0.0", "1.0.1"], &["a.example/app-2"]).await;
    assert_eq!(ground.reconciler.brake().await.stopped, None);
    assert_eq!(ground.told_of_the_stop().iter().filter(|told| told.by.is_none()).count(), 1);
}

/// The same the other way round: what fails after the clock was put right is nothing that was judged.
#[tokio::test]
async fn a_release_while_a_clock_was_ahead_does_not_keep_the_brake_off() {
    let ground = stopped().await;
    ground.clock.step(TimeDelta::hours(2));
    ground.reconciler.resume_updates(crate::domain::actor::Actor::Policy, "trace").await.unwrap().unwrap();
    ground.clock.step(TimeDelta::hours(-2) + TimeDelta::minutes(1));
    assert_eq!(ground.reconciler.brake().await.stopped, None);
    for app in ["app-2", "app-3"] {
        ground.pushed(&["1.0.0", "1.0.1", "1.0.2"], &[&format!("a.example/{app}")]).await;
        assert_eq!(ground.written("1.0.2").last().map(String::as_str), Some(app));
        ground.fails(app).await;
    }
    let stopped = ground.reconciler.brake().await.stopped.expect("two more failed");
    assert_eq!(stopped.failed.len(), 2, "and those that were judged are not counted again: {stopped}");
    ground.clock.step(TimeDelta::hours(2));
    ground.reconciler.resume_updates(crate::domain::actor::Actor::Policy, "trace").await.unwrap().unwrap();
    ground.clock.step(TimeDelta::hours(-2) + TimeDelta::minutes(1));
    assert_eq!(ground.reconciler.brake().await.stopped, None, "nor those that an earlier release judged");
}

#[tokio::test]
async fn the_brake_is_on_again_where_its_release_is_lost() {
    let mut ground = stopped().await;
    let first = ground.told_of_the_stop().remove(0);
    ground.reconciler.resume_updates(crate::domain::actor::Actor::Policy, "trace").await.unwrap();
    assert_eq!(ground.reconciler.brake().await.stopped, None);
    ground.restarts_without_its_disk();
    ground.pushed(&["1.0.0", "1.0.1"], &["a.example/app-2"]).await;
    assert_eq!(ground.written("1.0.1").len(), 2);
    let again = ground.told_of_the_stop().pop().unwrap();
    let id = |notice: &Notice| Delivery::of("email", "joe@example.com", notice.clone()).id();
    assert_eq!(id(&again), id(&first), "recipients recognise it");
}

#[tokio::test]
async fn the_link_of_the_message_resumes_once_and_is_good_for_nothing_else() {
    use crate::domain::approval::Token;

    let ground = stopped().await;
    let keys = &ground.reconciler.0.keys;
    let link = ground.told_of_the_stop()[0].stopped().unwrap();
    let token = |recipient: &str| Token::parse(&link.token(keys, recipient).unwrap()).unwrap();
    let (joe, eve) = (token("email:joe@example.com"), token("email:eve@example.com"));
    assert!(ground.reconciler.is_recorded(&joe));
    assert!(matches!(ground.reconciler.asked(&eve).await, Answer::Unknown), "it is signed for its recipient");
    let is_open = |answer: &Answer| matches!(answer, Answer::Resuming(it) if matches!(**it, Resuming::Open(_)));
    assert!(is_open(&ground.reconciler.asked(&joe).await));
    assert!(is_open(&ground.reconciler.answer(&joe, Action::Approve, "trace").await), "nothing else is done");
    assert!(matches!(ground.reconciler.answer(&eve, Action::Resume, "trace").await, Answer::Unknown));
    assert!(ground.reconciler.brake().await.stopped.is_some());
    let done = |answer: &Answer| matches!(answer, Answer::Resuming(it) if matches!(**it, Resuming::Done(_)));
    assert!(done(&ground.reconciler.answer(&joe, Action::Resume, "trace").await));
    assert!(ground.reconciler.brake().await.stopped.is_none());
    assert!(done(&ground.reconciler.answer(&joe, Action::Resume, "trace").await), "a second time it is shown");
    let holder = ground.reconciler.opened(&joe, None).await.1;
    assert_eq!(holder.as_deref(), Some("email:joe@example.com"), "who reads it is known still");
    let later = stopped().await;
    let link = later.told_of_the_stop()[0].stopped().unwrap();
    let joe = Token::parse(&link.token(keys, "email:joe@example.com").unwrap()).unwrap();
    later.clock.step(TimeDelta::hours(73));
    let answer = later.reconciler.answer(&joe, Action::Resume, "trace").await;
    assert!(matches!(&answer, Answer::Resuming(it) if matches!(**it, Resuming::Expired(_))), "{answer:?}");
    assert!(later.reconciler.brake().await.stopped.is_some());
}

/// Fault r25d-9: what can't be pressed looks like it, and says why.
#[tokio::test]
async fn in_a_dry_run_the_link_of_the_stop_says_that_it_can_not_act_now() {
    use crate::domain::approval::Token;

    let ground = stopped().await;
    let link = ground.told_of_the_stop()[0].stopped().unwrap();
    let joe = Token::parse(&link.token(&ground.reconciler.0.keys, "email:joe@example.com").unwrap()).unwrap();
    let is_dry_run = |is| ground.cluster.done.lock().unwrap().is_dry_run = is;
    is_dry_run(true);
    let refused = |answer: &Answer| matches!(answer, Answer::Resuming(it) if matches!(**it, Resuming::DryRun(_)));
    assert!(refused(&ground.reconciler.asked(&joe).await));
    assert!(refused(&ground.reconciler.answer(&joe, Action::Resume, "trace").await));
    let by = || crate::domain::actor::Actor::Program("a test".into());
    assert!(matches!(ground.reconciler.resume_updates(by(), "trace").await, Err(ResumeError::DryRun)));
    assert!(ground.reconciler.brake().await.stopped.is_some());
    is_dry_run(false);
    let answer = ground.reconciler.answer(&joe, Action::Resume, "trace").await;
    assert!(matches!(&answer, Answer::Resuming(it) if matches!(**it, Resuming::Done(_))), "the link stays valid");
}

#[tokio::test]
async fn who_is_asked_anyway_is_told_where_it_failed_and_that_reason_follows_what_happens() {
    let asks =
        |workload: Workload| Workload { annotations: Box::new([("mode".into(), "NOTIFICATION".into())]), ..workload };
    let ground = Ground::new(vec![member("shop", "api", WEB)], Limits::default()).await;
    ground.pushed(&["1.0.0", "1.0.1"], &[WEB]).await;
    ground.fails("api").await;
    ground.sees(asks(member("blog", "asks", WEB))).await;
    ground.rests().await;
    let asked = ground.asked();
    assert!(
        asked.len() == 1 && asked[0].1.as_ref().is_some_and(|it| it.contains("failed on shop/deploy/api")),
        "{asked:?}"
    );
    ground.rolls("api", Rollout::Complete).await;
    let told = |kind| ground.joe.0.lock().unwrap().iter().filter(|notice| notice.kind == kind).count();
    assert!(told(NoticeKind::RolledBack) > 0);
    ground.deletes("api").await;
    ground.pushed(&["1.0.0", "1.0.1"], &[WEB]).await;
    assert_eq!(ground.asked(), asked, "who is gone takes nothing back");
}

#[tokio::test]
async fn who_waits_is_known_with_the_reason_while_it_waits() {
    let ground = Ground::new(fifty(), Limits::default()).await;
    ground.pushed(&["1.0.0", "1.0.1"], &[WEB]).await;
    let first = ground.member(&ground.written("1.0.1")[0]).id.to_string();
    let waiting = ground.reconciler.waiting();
    let says =
        |waits: &crate::domain::fleet::Waits| waits.to_string() == format!("waits until {first} is healthy with 1.0.1");
    assert!(waiting.len() == 49 && waiting.values().all(says), "{waiting:?}");
    ground.rolls(&ground.written("1.0.1")[0], Rollout::Complete).await;
    assert!(ground.reconciler.waiting().is_empty());
}

/// What the watch tells of the annotations of a workload that somebody sets back.
fn with_record_of(now: &Workload, before: &Workload) -> Workload {
    let is_record = |(name, _): &&(Box<str>, Box<str>)| **name == *"record" || **name == *"history";
    let mut annotations: Vec<_> = now.annotations.iter().filter(|it| !is_record(it)).cloned().collect();
    annotations.extend(before.annotations.iter().filter(is_record).cloned());
    annotations.sort_unstable();
    Workload { annotations: annotations.into(), resource_version: now.resource_version + 1, ..now.clone() }
}

#[tokio::test]
async fn an_older_record_that_somebody_puts_back_counts_for_nobody_else() {
    let mut ground =
        Ground::new(["a", "b", "c"].map(|name| member("shop", name, WEB)).to_vec(), Limits::default()).await;
    ground.pushed(&["1.0.0", "1.0.1"], &[WEB]).await;
    let first = ground.written("1.0.1").remove(0);
    let rolling = ground.member(&first);
    let is_waited_for = |ground: &Ground| {
        let of = ["a", "b", "c"].into_iter().find(|name| *name != first).unwrap();
        let (id, digest) = (ground.member(of).id.clone(), digest_of("1.0.1", 0));
        let tag = Tag::parse("1.0.1").unwrap();
        let candidate = crate::domain::fleet::Candidate { id: &id, of: WEB, tag: &tag, digest: &digest, asked: None };
        ground.cluster.index.fleet(|fleet| fleet.first(&candidate, crate::domain::fleet::Beside::NOTHING)).is_some()
    };
    assert!(is_waited_for(&ground));
    ground.rolls(&first, Rollout::Complete).await;
    assert!(!is_waited_for(&ground));
    let older = with_record_of(&ground.member(&first), &rolling);
    ground.cluster.index.observe(&older.id.clone(), Some(older.clone()));
    assert!(!is_waited_for(&ground), "it is set back");
    let bare = Workload { annotations: Box::default(), resource_version: older.resource_version + 1, ..older.clone() };
    ground.cluster.index.observe(&bare.id.clone(), Some(bare));
    let newest = ground.queue().sequences().await.unwrap();
    ground.cluster.index = index();
    ground.cluster.index.expect(newest);
    for name in ["a", "b", "c"] {
        let workload = if *name == *first { older.clone() } else { member("shop", name, WEB) };
        ground.cluster.index.observe(&workload.id.clone(), Some(workload));
    }
    assert!(!is_waited_for(&ground), "and so it is after a start");
}
