//! The sequencer against a cluster and a registry in memory, with a clock that the test moves.

mod admission;
pub(crate) mod agreed;
mod back;
mod blocked;
mod came_back;
mod declared;
mod dry_run;
mod first_release;
mod full_queue;
mod full_record;
mod groups;
mod held;
mod holds;
mod links;
mod listed;
mod one_workload;
mod pods;
mod pressed;
mod put_back;
mod refused;
mod reminders;
mod replaced;
mod replicas;
mod requests;
mod shown;
mod shrunk;
mod siblings;
mod slow;
mod standing;
mod steps;
mod undo;
mod votes;
mod worked;

use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use chrono::TimeDelta;
use futures_util::future::BoxFuture;
use tokio::sync::Semaphore;

use one_workload::{Meanwhile, OneWorkload, Refuses, State};

use super::*;
use crate::ambient::Clock;
use crate::assess::{Proposed, Waited};
use crate::cluster::{Deletion, Rejection, RejectionReason, Removal, WorkloadEvent};
use crate::domain::actor::ClusterUser;
use crate::domain::answer::Action;
use crate::domain::approval::{Allows, ApprovalId, LinkKey, Token};
use crate::domain::declared::Declared;
use crate::domain::event::{Delivery, NoLink, NoticeKind};
use crate::domain::fleet::Fleet;
use crate::domain::preflight::Platform;
use crate::domain::preflight::image::Found;
use crate::domain::preflight::image::tests::fine;
use crate::domain::record::sealed::seal;
use crate::domain::record::tests::update;
use crate::domain::record::{Event, Record, Update};
use crate::domain::reference::{Digest, Tag};
use crate::domain::rollout::obstacle::Obstacle;
use crate::domain::rollout::pods::Pod;
use crate::domain::rollout::{Progress, Rollout, Stall};
use crate::domain::standing::Standing;
use crate::domain::workload::tests::workload;
use crate::domain::workload::{WorkloadId, WorkloadPatch};
use crate::queue::sqlite::SqliteQueue;
use crate::queue::{Announced, Leased, Settlement, Sharing, Topic};
use crate::registry::{Anonymous, Asked as AskedAs, Extent, Labels, NamedSecret, Refusal};

impl<Q: Queue + Records, R: Registry, C: Cluster> Reconciler<Q, R, C> {
    /// What a link is about, for whoever holds it.
    pub(super) async fn asked(&self, token: &Token) -> Answer {
        self.asked_by(token, None).await
    }

    /// Answers a link as whoever holds it, and has read what there is to read.
    pub(super) async fn answer(&self, token: &Token, action: Action, trace: &str) -> Answer {
        self.answer_to(token, &Press { is_confirmed: true, ..Press::of(action) }, trace).await
    }
}

/// Has these tags, or lets nobody in.
#[derive(Clone)]
pub(crate) struct Shelf {
    tags: Arc<Mutex<Vec<&'static str>>>,
    asked: Arc<AtomicI64>,
    /// So many of the next questions about a manifest find none.
    absent: Arc<AtomicI64>,
    /// How often tags were pushed again.
    pushed_again: Arc<AtomicI64>,
    /// Tags whose images are lost.
    lost: Arc<Mutex<Vec<&'static str>>>,
    /// Tags that have no manifest.
    gone: Arc<Mutex<Vec<&'static str>>>,
    /// Whether it answers, or lets wait.
    answers: Arc<Semaphore>,
}

impl Registry for Shelf {
    async fn tags(&self, of: &Repository, _: &Credential, wanted: &Wanted) -> Result<Tags, RegistryError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let _ = self.answers.acquire().await;
        let tags = self.tags.lock().unwrap().clone();
        if tags.is_empty() {
            return Err(RegistryError::Unauthorized {
                host: of.host().into(),
                refusal: Refusal::NoCredential,
                whose: None,
                said: None,
            });
        }
        if tags == ["unknown"] {
            let (repository, asked) = (of.to_string(), AskedAs::AsNobody);
            return Err(RegistryError::UnknownRepository { repository, asked, status: 404 });
        }
        if tags == ["away"] {
            let (host, reason) = (of.host().into(), "status 503".into());
            return Err(RegistryError::Unusable { host, operation: "tags", reason });
        }
        Ok(Tags::of(of, wanted, &tags))
    }

    async fn digest(&self, _: &Repository, tag: &Tag, _: &Credential) -> Result<Option<Digest>, RegistryError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let is_absent = self.absent.fetch_sub(1, Ordering::SeqCst) > 0;
        let is_gone = self.gone.lock().unwrap().contains(&tag.as_str());
        Ok((!is_absent && !is_gone).then(|| digest_of(tag.as_str(), self.pushed_again.load(Ordering::SeqCst))))
    }

    /// In the order of the list.
    async fn push_times(
        &self,
        _: &Repository,
        tags: &[Tag],
        _: &Credential,
    ) -> Result<Option<std::collections::BTreeMap<String, DateTime<Utc>>>, RegistryError> {
        let listed = self.tags.lock().unwrap();
        let at = |tag: &Tag| {
            let place = listed.iter().position(|listed| *listed == tag.as_str())?;
            let second = 1_700_000_000 + i64::try_from(place).ok()?;
            Some((tag.to_string(), DateTime::from_timestamp(second, 0)?))
        };
        Ok(Some(tags.iter().filter_map(at).collect()))
    }

    async fn labels(&self, _: &Repository, of: &Digest, _: &Credential) -> Result<Option<Labels>, RegistryError> {
        Ok((!self.has_lost(of)).then(Labels::default))
    }

    async fn image(
        &self,
        _: &Repository,
        digest: &Digest,
        _: &[Platform],
        _: Extent,
        _: &Credential,
    ) -> Result<Found, RegistryError> {
        Ok(if self.has_lost(digest) { Found::Nothing } else { fine() })
    }
}

impl Shelf {
    fn has_lost(&self, digest: &Digest) -> bool {
        self.lost.lock().unwrap().iter().any(|tag| digest_of(tag, 0) == *digest)
    }
}

/// What a tag points to after it was pushed so often again.
fn digest_of(tag: &str, again: i64) -> Digest {
    if again == 0 { Digest::of(tag.as_bytes()) } else { Digest::of(format!("{tag} {again}").as_bytes()) }
}

/// One person; what is told is remembered.
#[derive(Default)]
struct Joe(Mutex<Vec<Notice>>);

impl Audience for Joe {
    fn messages(&self, notice: &Notice, _: Option<&[String]>) -> Vec<Job> {
        self.0.lock().unwrap().push(notice.clone());
        vec![Job::Deliver(Box::new(Delivery::of("email", "joe@example.com", notice.clone())))]
    }

    fn holders(&self) -> Vec<String> {
        vec!["email:joe@example.com".into()]
    }

    fn reads(&self, _: &str, _: &str, _: Allows) -> bool {
        true
    }
}

/// What it says of the releases of tags, and which it was asked about.
#[derive(Default)]
struct Forge {
    says: Mutex<std::collections::BTreeMap<&'static str, Standing>>,
    asked: Mutex<Vec<String>>,
}

impl Forge {
    fn says(&self, waited: &Waited) -> futures_util::future::BoxFuture<'static, Option<Standing>> {
        self.asked.lock().unwrap().push(waited.to.to_string());
        let said = self.says.lock().unwrap().get(waited.to.as_str()).copied();
        Box::pin(std::future::ready(said))
    }

    fn set(&self, tag: &'static str, standing: Option<Standing>) {
        let mut says = self.says.lock().unwrap();
        match standing {
            Some(standing) => says.insert(tag, standing),
            None => says.remove(tag),
        };
    }

    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

/// A clock that stands until the test moves it.
struct Stepped(AtomicI64);

impl Stepped {
    fn step(&self, by: TimeDelta) {
        self.0.fetch_add(by.num_seconds(), Ordering::SeqCst);
    }
}

impl Clock for Stepped {
    fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + self.0.load(Ordering::SeqCst), 0).unwrap()
    }

    fn monotonic(&self) -> Duration {
        // It was there before, so that a clock can be set back.
        Duration::from_secs(u64::try_from(1_000_000 + self.0.load(Ordering::SeqCst)).unwrap())
    }
}

/// Release notes as a test says them; `None` while they can't be read.
struct Notes(Mutex<Option<Declared>>);

impl Default for Notes {
    fn default() -> Self {
        Self(Mutex::new(Some(Declared::default())))
    }
}

impl Declarations for Notes {
    fn declared(&self, _: Proposed) -> BoxFuture<'_, Option<Declared>> {
        let said = self.0.lock().unwrap().clone();
        Box::pin(async move { said })
    }
}

struct Stage {
    cluster: OneWorkload,
    registry: Arc<Shelf>,
    clock: Arc<Stepped>,
    metrics: Metrics,
    joe: Arc<Joe>,
    notes: Arc<Notes>,
    forge: Arc<Forge>,
    reconciler: Reconciler<SqliteQueue, Shelf, OneWorkload>,
    _folder: tempfile::TempDir,
}

impl Stage {
    fn new(workload: Workload, tags: &[&'static str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(Stepped(AtomicI64::new(0)));
        let ambient = Ambient::system().at(Arc::clone(&clock) as Arc<dyn Clock>);
        let queue = SqliteQueue::open(folder.path(), &ambient).unwrap();
        let (cluster, metrics) = (OneWorkload::new(workload), Metrics::new());
        let registry = Arc::new(Shelf {
            tags: Arc::new(Mutex::new(tags.to_vec())),
            asked: Arc::default(),
            absent: Arc::default(),
            pushed_again: Arc::default(),
            lost: Arc::default(),
            gone: Arc::default(),
            answers: Arc::new(Semaphore::new(1)),
        });
        let (joe, notes) = (Arc::<Joe>::default(), Arc::<Notes>::default());
        let forge = Arc::<Forge>::default();
        let says = Arc::clone(&forge);
        let reconciler = Reconciler::new(Parts {
            queue,
            registry: Arc::clone(&registry),
            cluster: cluster.clone(),
            audience: Arc::clone(&joe) as Arc<dyn Audience>,
            declarations: Arc::clone(&notes) as Arc<dyn Declarations>,
            keys: LinkKey::new(vec![7; 32]).unwrap().into(),
            bounds: Bounds::default(),
            ambient,
            metrics: metrics.clone(),
            on_listed: Arc::new(|_, _, _| {}),
            standing: Arc::new(move |waited| says.says(&waited)),
            settle: Duration::ZERO,
            standing_still: Arc::default(),
            rollouts: Limits::default(),
            replicas: Replicas::default(),
        });
        Self { cluster, registry, clock, metrics, joe, notes, forge, reconciler, _folder: folder }
    }

    /// The process ends, and another takes its place.
    fn restart(&mut self) {
        let parts = Parts::clone(&self.reconciler.0);
        self.reconciler = Reconciler::new(Parts { standing_still: Arc::default(), ..parts });
    }

    async fn look(&self) -> Verdict {
        let repository = Repository::parse("a.example/web").unwrap();
        self.reconciler.look(&repository, "trace").await
    }

    fn counted(&self, outcome: &str, reason: &str) -> u64 {
        let labels = OutcomeReason { outcome: outcome.into(), reason: reason.into() };
        self.metrics.decisions.get_or_create(&labels).get()
    }

    fn writes(&self) -> usize {
        self.cluster.state(|state| state.writes)
    }
}

/// Writes a patch's annotations, as the API server does.
fn annotate(workload: &mut Workload, patch: &WorkloadPatch) {
    let mut annotations: Vec<_> = std::mem::take(&mut workload.annotations).into_vec();
    for change in &patch.annotations {
        annotations.retain(|(name, _)| **name != *change.name);
        annotations.extend(change.new.as_deref().map(|new| (change.name.as_str().into(), new.into())));
    }
    annotations.sort_unstable();
    workload.annotations = annotations.into();
}

fn auto(more: &[(&str, &str)]) -> Workload {
    workload(&[("web", "a.example/web:1.0.0")], &[&[("mode", "AUTO_UPDATE")], more].concat())
}

mod edits;
mod fleet;
mod owners;
mod unfit;
mod ways;
mod windows;

#[tokio::test]
async fn a_secret_that_could_not_be_read_is_tried_again_and_blamed_on_nobody() {
    let stage = Stage::new(auto(&[]), &["1.0.0", "1.0.1"]);
    stage.cluster.state(|state| state.credential = None);
    let verdict = stage.look().await;
    let Verdict::Retry { reason, .. } = &verdict else { panic!("{verdict:?}") };
    assert!(reason.contains("imagePullSecret pull in namespace shop can't be read now"), "{reason}");
    assert!(reason.contains("answers 503"), "the cause is told: {reason}");
    assert_eq!(stage.registry.asked.load(Ordering::SeqCst), 0, "the registry is not asked without it");
    assert_eq!((stage.writes(), stage.counted("undecided", "credential")), (0, 1));
    stage.cluster.state(|state| state.credential = Some(Credential::default()));
    stage.look().await;
    assert!(stage.cluster.image().starts_with("a.example/web:1.0.1@"), "the push is not lost");
}

#[tokio::test]
async fn who_is_not_let_in_is_told_why_nothing_was_shown() {
    let stage = Stage::new(auto(&[]), &[]);
    let secret = NamedSecret { namespace: "shop".into(), name: "pull".into() };
    stage.cluster.state(|state| state.credential = Some(Credential::anonymous(Anonymous::NotAllowed(secret))));
    assert_eq!(stage.look().await, Verdict::Done);
    assert_eq!(
        stage.cluster.annotation("error").as_deref(),
        Some(
            "a.example wants a credential, and is asked without one: the imagePullSecret pull in namespace shop may not \
             be read; allow it by rbac.pullSecrets of the chart or deploy/pull-secrets"
        )
    );
    assert_eq!(stage.cluster.announced(|one| matches!(one, WorkloadEvent::RegistryUnauthorized(_))), 1);
}

/// Many registries announce the first push of a repository a moment before they know it.
#[tokio::test]
async fn what_was_announced_is_looked_for_where_its_registry_does_not_know_it_yet() {
    let stage = Stage::new(auto(&[]), &["unknown"]);
    let (repository, tag) = (Repository::parse("a.example/web").unwrap(), Tag::parse("1.0.1").unwrap());
    let at = stage.clock.now();
    stage
        .reconciler
        .0
        .queue
        .announce(vec![Announced { repository: repository.clone(), tag, digest: None, at }])
        .await
        .unwrap();
    let verdict = stage.look().await;
    let Verdict::Again(again) = verdict else { panic!("{verdict:?}") };
    assert!(again > at && again < at + TimeDelta::seconds(2), "{again}");
    *stage.registry.tags.lock().unwrap() = vec!["away"];
    let verdict = stage.look().await;
    assert!(matches!(verdict, Verdict::Retry { no_later: None, .. }), "it is tried again by itself: {verdict:?}");
    *stage.registry.tags.lock().unwrap() = vec!["1.0.0", "1.0.1"];
    stage.look().await;
    assert!(stage.cluster.image().starts_with("a.example/web:1.0.1@"), "the push is not lost");
    assert_eq!(stage.reconciler.0.queue.announced(&repository).await.unwrap(), []);
}

/// A registry may show for some seconds what a tag pointed to before it was pushed again.
#[tokio::test]
async fn a_followed_tag_that_was_pushed_again_is_looked_for_until_it_shows_that() {
    let follows = [("mode", "AUTO_UPDATE"), ("track", "digest")];
    let stage = Stage::new(workload(&[("web", "a.example/web:stable")], &follows), &[]);
    stage.look().await;
    let (repository, tag) = (Repository::parse("a.example/web").unwrap(), Tag::parse("stable").unwrap());
    let (digest, at) = (Some(digest_of("stable", 1)), stage.clock.now());
    stage.reconciler.0.queue.announce(vec![Announced { repository, tag, digest, at }]).await.unwrap();
    let verdict = stage.look().await;
    let Verdict::Again(again) = verdict else { panic!("{verdict:?}") };
    assert!(again > at && again < at + TimeDelta::seconds(2), "{again}");
    stage.registry.pushed_again.store(1, Ordering::SeqCst);
    stage.look().await;
    assert!(stage.cluster.image().ends_with(digest_of("stable", 1).as_str()), "{}", stage.cluster.image());
    let left = stage.reconciler.0.queue.announced(&Repository::parse("a.example/web").unwrap()).await.unwrap();
    assert_eq!(left, []);
}

/// Without a deadline of its own.
fn hangs(updated: i32) -> Rollout {
    Rollout::Progressing(Progress { updated, available: 2, has_deadline: false, ..Progress::default() })
}

#[tokio::test]
async fn who_has_a_link_is_not_asked_again_when_it_can_no_longer_be_written() {
    let asks = workload(&[("web", "a.example/web:1.0.0")], &[("mode", "NOTIFICATION")]);
    let stage = Stage::new(asks, &["1.0.0", "1.0.1"]);
    stage.look().await;
    let told = || stage.joe.0.lock().unwrap().len();
    let first = told();
    assert!(stage.cluster.annotation("token-update").is_some());
    stage.cluster.state(|state| state.may_patch = false);
    stage.look().await;
    assert_eq!((told(), stage.counted("told", "already")), (first, 1));
    // The link is over, or is about another version: that is news.
    stage.clock.step(TimeDelta::days(365));
    stage.look().await;
    assert_eq!(told(), first + 1);
    stage.clock.step(TimeDelta::days(-365));
    stage.registry.tags.lock().unwrap().push("1.0.2");
    stage.look().await;
    assert_eq!(told(), first + 2);
}

/// The first container is asked about while the tag is listed and can't be pulled yet, the others a moment later.
#[tokio::test]
async fn containers_of_one_image_wait_for_each_other_while_the_registry_is_unsure() {
    let image = "a.example/web:1.0.0";
    for (mode, told) in [("NOTIFICATION", 1), ("AUTO_UPDATE", 0)] {
        let pod = workload(&[("web", image), ("setup", image), ("proxy", image)], &[("mode", mode)]);
        let stage = Stage::new(pod, &["1.0.0", "1.0.1"]);
        stage.registry.absent.store(1, Ordering::SeqCst);
        let verdict = stage.look().await;
        assert_eq!(verdict, Verdict::Again(stage.clock.now() + TimeDelta::milliseconds(250)));
        assert_eq!((stage.cluster.image().as_str(), stage.joe.0.lock().unwrap().len()), (image, 0), "{mode}");
        stage.clock.step(TimeDelta::seconds(1));
        stage.look().await;
        assert_eq!(stage.joe.0.lock().unwrap().len(), told, "{mode}: one question");
        let images = stage.cluster.state(|state| state.workload.containers.iter().map(|it| it.image.clone()).collect());
        let images: std::collections::BTreeSet<Box<str>> = images;
        assert_eq!(images.len(), 1, "{mode}: they run one version: {images:?}");
        assert_eq!(images.iter().all(|it| it.contains(":1.0.1@")), told == 0, "{mode}: {images:?}");
    }
}

#[tokio::test]
async fn a_paused_workload_is_said_to_wait_once() {
    let stage = Stage::new(Workload { paused: true, ..auto(&[]) }, &["1.0.0", "1.0.1"]);
    for _ in 0..3 {
        stage.look().await;
    }
    assert!(stage.cluster.annotation("error").is_some_and(|error| error.contains("paused")));
    assert_eq!(stage.cluster.announced(|one| matches!(one, WorkloadEvent::RolloutPaused(_))), 1);
    assert_eq!(stage.cluster.image(), "a.example/web:1.0.0");
}

/// What made people be asked is over, and the rollouts are paused.
#[tokio::test]
async fn a_question_is_over_when_its_reason_is_though_it_can_not_be_applied_yet() {
    let stage = Stage::new(auto(&[]), &["1.0.0", "1.0.1"]);
    stage.annotate("mode", "NOTIFICATION");
    stage.look().await;
    assert!(stage.cluster.annotation("token-update").is_some());
    stage
        .cluster
        .state(|state| state.workload = Arc::new(Workload { paused: true, ..Workload::clone(&state.workload) }));
    stage.annotate("mode", "AUTO_UPDATE");
    stage.look().await;
    assert_eq!(stage.cluster.annotation("token-update"), None);
    assert!(stage.cluster.annotation("error").is_some_and(|error| error.contains("paused")));
}
