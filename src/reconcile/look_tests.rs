//! The sequencer against a cluster and a registry in memory, with a clock that the test moves.

pub(crate) mod agreed;
mod back;
mod blocked;
mod came_back;
mod declared;
mod dry_run;
mod full_queue;
mod groups;
mod held;
mod holds;
mod listed;
mod pods;
mod pressed;
mod reminders;
mod requests;
mod shown;
mod standing;
mod undo;
mod votes;

use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use chrono::TimeDelta;
use futures_util::future::BoxFuture;
use tokio::sync::Semaphore;

use super::*;
use crate::ambient::Clock;
use crate::assess::Waited;
use crate::cluster::{Deletion, Rejection, RejectionReason, Removal, WorkloadEvent};
use crate::domain::actor::ClusterUser;
use crate::domain::approval::{Allows, ApprovalId, LinkKey};
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

/// One workload. It executes patches as they are, and remembers what was done.
#[derive(Clone)]
struct OneWorkload(Arc<Mutex<State>>);

#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own that a test sets")]
struct State {
    workload: Arc<Workload>,
    /// What the pull secrets come to; `None` is that they can't be read.
    credential: Option<Credential>,
    may_patch: bool,
    is_dry_run: bool,
    /// What a policy refuses.
    refuses: Refuses,
    writes: usize,
    /// Whether it refuses what it took in a dry run.
    is_seen_late: bool,
    rehearsed: usize,
    /// What it warns of in a dry run.
    warns: Vec<&'static str>,
    /// What the nodes run.
    platforms: Option<Arc<[Platform]>>,
    /// Whether it was not watched for a while.
    was_let_go: bool,
    /// When somebody wrote the image, as the API server says.
    image_set: Option<DateTime<Utc>>,
    announced: Vec<WorkloadEvent>,
    /// Its pods, where they may be read.
    pods: Option<Vec<Pod>>,
    /// Whether they are followed, and what they are to run by that, by container.
    is_followed: bool,
    followed: Vec<(String, String)>,
    /// What is in the way of a way back, whether it may be deleted, and how often that was done.
    obstacle: Option<Obstacle>,
    deletes_broken: bool,
    removed: usize,
    /// What becomes of what is to be deleted.
    removal: Removal,
    /// Whether somebody writes it while that is done, so that the next write conflicts.
    is_edited_then: bool,
    conflicts: usize,
    /// What is gone.
    departed: Option<Arc<Workload>>,
    /// Who of those who sign in may patch it; `None` is that it may not be asked.
    may_sign: Option<Vec<&'static str>>,
    /// What happens while the pull secrets are read, before anything is decided, and while a write is rehearsed, after all was.
    on_credential: Option<Meanwhile>,
    on_rehearsal: Option<Meanwhile>,
}

/// What somebody else does in the middle of a look.
type Meanwhile = Box<dyn FnOnce(&mut State) + Send>;

/// What of that which is written a policy refuses.
#[derive(PartialEq, Eq)]
enum Refuses {
    Nothing,
    Images,
    All,
    /// Images that are written so, or begin so.
    Written(&'static str),
    /// Nothing, but the server does not come to an end, and says so.
    Late,
    /// No policy does: the right to write was taken away.
    NoRight,
}

impl Refuses {
    fn is_about(&self, patch: &WorkloadPatch) -> bool {
        match self {
            Self::Nothing | Self::Late | Self::NoRight => false,
            Self::Images => patch.writes_image(),
            Self::Written(text) => {
                let mut all = patch.guards.iter().filter_map(|guard| guard.to.as_deref());
                all.any(|to| text.strip_suffix('*').map_or(to == *text, |start| to.starts_with(start)))
            }
            Self::All => true,
        }
    }
}

impl State {
    fn refusal(&self) -> ClusterError {
        let sentence = "1.0.1 is not signed".to_owned();
        let rejection = Rejection { reason: RejectionReason::Policy, sentence, again_after: None };
        ClusterError::Rejected { workload: self.workload.id.to_string(), rejection }
    }
}

impl OneWorkload {
    fn new(workload: Workload) -> Self {
        let (workload, credential) = (Arc::new(workload), Some(Credential::default()));
        Self(Arc::new(Mutex::new(State {
            workload,
            credential,
            may_patch: true,
            is_dry_run: false,
            refuses: Refuses::Nothing,
            writes: 0,
            is_seen_late: false,
            rehearsed: 0,
            warns: Vec::new(),
            platforms: None,
            was_let_go: false,
            image_set: None,
            announced: Vec::new(),
            pods: None,
            is_followed: false,
            followed: Vec::new(),
            obstacle: None,
            deletes_broken: false,
            removed: 0,
            removal: Removal::Done,
            is_edited_then: false,
            conflicts: 0,
            departed: None,
            may_sign: None,
            on_credential: None,
            on_rehearsal: None,
        })))
    }

    fn state<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.0.lock().unwrap())
    }

    fn annotation(&self, name: &str) -> Option<String> {
        self.state(|state| state.workload.annotation(name).map(str::to_owned))
    }

    fn image(&self) -> String {
        self.state(|state| state.workload.containers[0].image.to_string())
    }

    fn rolls(&self, rollout: Rollout) {
        self.state(|state| state.workload = Arc::new(Workload { rollout, ..Workload::clone(&state.workload) }));
    }

    fn announced(&self, of: fn(&WorkloadEvent) -> bool) -> usize {
        self.state(|state| state.announced.iter().filter(|one| of(one)).count())
    }
}

impl Cluster for OneWorkload {
    fn running(&self, _: &Repository) -> Vec<Arc<Workload>> {
        vec![self.state(|state| Arc::clone(&state.workload))]
    }

    fn repositories(&self) -> Vec<Repository> {
        let workload = self.state(|state| Arc::clone(&state.workload));
        let images = workload.containers.iter().filter_map(crate::domain::workload::Container::reference);
        images.map(|image| image.repository().clone()).collect()
    }

    fn by_uid(&self, uid: &str) -> Option<Arc<Workload>> {
        self.state(|state| (*state.workload.id.uid == *uid).then(|| Arc::clone(&state.workload)))
    }

    fn naming(&self, approval: &ApprovalId) -> Vec<Arc<Workload>> {
        let workload = self.state(|state| Arc::clone(&state.workload));
        let names = crate::cluster::annotations::claimed(&workload).find(approval).is_some();
        names.then_some(workload).into_iter().collect()
    }

    fn names(&self, approval: &ApprovalId) -> bool {
        !self.naming(approval).is_empty()
    }

    fn departed(&self, approval: &ApprovalId) -> Option<Arc<Workload>> {
        let departed = self.state(|state| state.departed.clone())?;
        crate::cluster::annotations::claimed(&departed).find(approval).is_some().then_some(departed)
    }

    fn fleet<T>(&self, read: impl FnOnce(&Fleet) -> T) -> T {
        let workload = self.state(|state| Arc::clone(&state.workload));
        let standing = crate::cluster::annotations::claimed(&workload).standing(&workload);
        read(&Fleet::of([(&*workload, standing)]))
    }

    fn may_patch(&self, _: &WorkloadId) -> bool {
        self.state(|state| state.may_patch && !state.is_dry_run)
    }

    fn is_dry_run(&self) -> bool {
        self.state(|state| state.is_dry_run)
    }

    async fn may_person_patch(&self, person: &ClusterUser, _: &WorkloadId) -> Result<Option<bool>, ClusterError> {
        Ok(self.state(|state| state.may_sign.as_ref().map(|all| all.contains(&person.name.as_str()))))
    }

    fn was_let_go(&self, _: &str) -> bool {
        self.state(|state| state.was_let_go)
    }

    fn is_watched_again(&self, _: &str) {
        self.state(|state| state.was_let_go = false);
    }

    async fn apply(&self, patch: &WorkloadPatch) -> Result<Arc<Workload>, ClusterError> {
        self.state(|state| {
            let mut workload = Workload::clone(&state.workload);
            if state.conflicts > 0 {
                state.conflicts -= 1;
                let now = Some(Box::new(workload.clone()));
                return Err(ClusterError::Conflict { workload: workload.id.to_string(), now });
            }
            if state.refuses.is_about(patch) {
                return Err(state.refusal());
            }
            if state.refuses == Refuses::NoRight {
                let message = "the service account may not patch deployments".to_owned();
                return Err(ClusterError::Forbidden { verb: "patch", workload: workload.id.to_string(), message });
            }
            if state.refuses == Refuses::Late {
                let (reason, sentence) = (RejectionReason::Timeout, "the server did not come to an end".to_owned());
                let rejection = Rejection { reason, sentence, again_after: None };
                return Err(ClusterError::Rejected { workload: workload.id.to_string(), rejection });
            }
            let mut annotations: Vec<_> = workload.annotations.into_vec();
            for change in &patch.annotations {
                annotations.retain(|(name, _)| **name != *change.name);
                annotations.extend(change.new.as_deref().map(|new| (change.name.as_str().into(), new.into())));
            }
            annotations.sort_unstable();
            workload.annotations = annotations.into();
            if let Some(cause) = &patch.cause {
                workload.change_cause = cause.new.as_deref().map(Box::from);
            }
            for guard in &patch.guards {
                let found = workload.containers.iter_mut().find(|found| found.name == guard.container).unwrap();
                found.image = guard.to.as_deref().unwrap_or(&guard.from).into();
            }
            state.writes += 1;
            state.workload = Arc::new(workload);
            Ok(Arc::clone(&state.workload))
        })
    }

    async fn credential(&self, workload: &Workload, _: &Repository) -> Result<Credential, ClusterError> {
        let source: Box<dyn std::error::Error + Send + Sync> = "the API server answers 503".into();
        let namespace = workload.id.namespace.to_string();
        let unknown = || ClusterError::SecretUnknown { namespace, name: "pull".into(), source: source.into() };
        self.state(|state| {
            if let Some(then) = state.on_credential.take() {
                then(state);
            }
            state.credential.clone()
        })
        .ok_or_else(unknown)
    }

    async fn rehearse(&self, patch: &WorkloadPatch) -> Result<Vec<String>, ClusterError> {
        self.state(|state| {
            state.rehearsed += 1;
            if let Some(then) = state.on_rehearsal.take() {
                then(state);
            }
            if state.refuses.is_about(patch) && !state.is_seen_late {
                return Err(state.refusal());
            }
            Ok(state.warns.iter().map(|warning| (*warning).to_owned()).collect())
        })
    }

    async fn platforms(&self) -> Option<Arc<[Platform]>> {
        self.state(|state| state.platforms.clone())
    }

    async fn who_set(&self, _: &WorkloadId, _: &str) -> Result<Option<crate::domain::owner::ImageOwner>, ClusterError> {
        use crate::domain::owner::{ImageOwner, WriteOperation};
        let time = self.state(|state| state.image_set);
        Ok(Some(ImageOwner::new("kubectl-edit", WriteOperation::Update, time)))
    }

    fn pods(&self, _: &Workload, written: &[(&str, &str)]) -> Option<Vec<Pod>> {
        self.state(|state| {
            state.is_followed = true;
            state.followed = written.iter().map(|(name, image)| ((*name).to_owned(), (*image).to_owned())).collect();
            state.pods.clone()
        })
    }

    fn release_pods(&self, _: &WorkloadId) {
        self.state(|state| state.is_followed = false);
    }

    async fn last_lines(&self, _: &str, pod: &str, container: &str) -> Vec<String> {
        vec![format!("the log of {pod} {container}")]
    }

    async fn obstacle(
        &self,
        _: &Workload,
        _: &[(&str, &str)],
        _: Option<&str>,
    ) -> Result<Option<Obstacle>, ClusterError> {
        Ok(self.state(|state| state.obstacle.clone()))
    }

    fn deletes_broken(&self) -> bool {
        self.state(|state| state.deletes_broken)
    }

    async fn remove(&self, _: &Workload, _: &Obstacle, deletion: Deletion) -> Result<Removal, ClusterError> {
        self.state(|state| {
            if state.removal == Removal::Done && deletion == Deletion::Done {
                (state.removed, state.obstacle) = (state.removed + 1, None);
                state.conflicts = usize::from(state.is_edited_then);
            }
            Ok(state.removal)
        })
    }

    async fn announce(&self, _: &Workload, announcement: WorkloadEvent) {
        self.state(|state| state.announced.push(announcement));
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
    /// Whether it answers, or lets wait.
    answers: Arc<Semaphore>,
}

impl Registry for Shelf {
    async fn tags(&self, of: &Repository, _: &Credential, wanted: &Wanted) -> Result<Tags, RegistryError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let _ = self.answers.acquire().await;
        let tags = self.tags.lock().unwrap().clone();
        if tags.is_empty() {
            return Err(RegistryError::Unauthorized { host: of.host().into(), refusal: Refusal::NoCredential });
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
        Ok((!is_absent).then(|| digest_of(tag.as_str(), self.pushed_again.load(Ordering::SeqCst))))
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

/// `web` was written at the beginning of the clock, and its rollout has not ended.
fn rolling() -> Workload {
    let now = Stepped(AtomicI64::new(0)).now();
    let update = Update {
        tag: Tag::parse("1.0.1").unwrap(),
        digest: Digest::of(b"1.0.1"),
        from: "a.example/web:1.0.0".into(),
        at: now,
        ..update(1, None)
    };
    let mut record = Record::default();
    record.sequence = 1;
    record.on("web", Event::Write(Box::new(update)), now);
    let (text, history) = seal(&record, &auto(&[]).id, &LinkKey::new(vec![7; 32]).unwrap()).unwrap();
    let workload = auto(&[("record", &text), ("history", &history.unwrap())]);
    let containers = [crate::domain::workload::Container::main("web", "a.example/web:1.0.1")];
    Workload { containers: containers.into(), rollout: hangs(1), ..workload }
}

/// Without a deadline of its own.
fn hangs(updated: i32) -> Rollout {
    Rollout::Progressing(Progress { updated, available: 2, has_deadline: false, ..Progress::default() })
}

/// As somebody writes it who may annotate, and knows how the first release wrote it.
fn forged_approval(made: DateTime<Utc>) -> serde_json::Value {
    serde_json::json!({"id": ApprovalId::mint(made, [9; 10]).as_str(), "key": LinkKey::new(vec![7; 32]).unwrap().id().as_str(),
        "expires": made.timestamp() + 72 * 3600, "nonce": "n"})
}

#[tokio::test]
async fn a_forged_question_of_the_first_release_is_asked_anew_or_not_at_all() {
    let now = Stepped(AtomicI64::new(0)).now();
    for made in [now, DateTime::from_timestamp(4_102_444_800, 0).unwrap()] {
        let approval = forged_approval(made);
        let id = approval["id"].as_str().unwrap().to_owned();
        let proposal = serde_json::json!({"approval": approval, "uid": "uid-1", "tag": "9.0.0",
            "digest": Digest::of(b"9.0.0").as_str(), "from": "a.example/web:1.0.0", "level": "patch",
            "why": "reviewed by the security team", "asked": "2026-11-26T00:00:00Z"})
        .to_string();
        let annotations = [("mode", "NOTIFICATION"), ("proposal", &proposal), ("token-update", &id)];
        let workload = workload(&[("web", "a.example/web:1.0.0")], &annotations);
        let stage = Stage::new(workload, &["1.0.0", "9.0.0"]);
        stage.look().await;
        let told = stage.joe.0.lock().unwrap();
        let [notice] = told.as_slice() else { panic!("{told:?}") };
        let asked = notice.approval.as_ref().unwrap();
        assert_ne!(asked.id, id);
        assert_eq!((asked.expires, &*notice.level), (now + crate::domain::approval::LIFETIME, "major"));
        assert!(!notice.why.as_ref().unwrap().to_string().contains("security"), "{:?}", notice.why);
        assert!(!stage.cluster.annotation("token-update").unwrap().contains(&id));
    }
}

#[tokio::test]
async fn a_forged_update_of_the_first_release_is_neither_followed_nor_told() {
    let now = Stepped(AtomicI64::new(0)).now();
    for outcome in ["rolling-out", "failed", "skipped"] {
        let history = serde_json::json!([{"container": "web", "version": "1.0.1", "previous": "1.0.0",
            "digest": Digest::of(b"1.0.1").as_str(), "previousImage": "a.example/web:1.0.0",
            "time": crate::domain::history::rfc3339(now), "by": "link email:c…@bank.example",
            "outcome": outcome, "level": "patch", "approval": forged_approval(now)}])
        .to_string();
        let annotations = [("mode", "NOTIFICATION"), ("history", &*history)];
        let workload = workload(&[("web", "a.example/web:1.0.1")], &annotations);
        let stage = Stage::new(Workload { rollout: Rollout::Complete, ..workload }, &["1.0.0", "1.0.1", "1.0.2"]);
        stage.look().await;
        let told: Vec<_> = stage.joe.0.lock().unwrap().iter().map(|it| (it.kind, it.to.tag.clone())).collect();
        assert_eq!(told, [(crate::domain::event::NoticeKind::Available, "1.0.2".to_owned())], "{outcome}");
        let kept = stage.cluster.annotation("history").unwrap();
        assert!(kept.contains(r#""by":"unsigned: link email:c…@bank.example""#), "{kept}");
    }
}

/// A workload of so many containers, each of a version of its own, and the tags of its repository.
fn of_many(containers: usize, name: &str) -> (Workload, Vec<&'static str>) {
    let tags: Vec<&'static str> = (0..containers).map(|n| &*format!("1.0.{n}").leak()).chain(["1.1.0"]).collect();
    let all: Vec<(String, String)> =
        (0..containers).map(|n| (format!("{name}{n}"), format!("a.example/web:1.0.{n}"))).collect();
    let all: Vec<(&str, &str)> = all.iter().map(|(name, image)| (name.as_str(), image.as_str())).collect();
    (workload(&all, &[("mode", "NOTIFICATION")]), tags)
}

#[tokio::test]
async fn fifty_containers_are_asked_about_once_each() {
    let (workload, tags) = of_many(50, "container-");
    let stage = Stage::new(workload, &tags);
    for _ in 0..3 {
        stage.look().await;
        let told = stage.joe.0.lock().unwrap();
        let asked: std::collections::BTreeSet<_> =
            told.iter().map(|it| it.approval.as_ref().unwrap().id.clone()).collect();
        drop(told);
        assert_eq!((asked.len(), stage.writes()), (50, 1));
        stage.clock.step(TimeDelta::minutes(20));
    }
}

/// A workload whose record is as long as one may be, for what can't be forgotten: its updates failed.
fn full() -> (Workload, Vec<&'static str>) {
    let (workload, tags) = of_many(50, "c");
    let now = Stepped(AtomicI64::new(0)).now();
    let sealed = |length: usize| {
        let mut record = Record::default();
        record.sequence = 1;
        for (n, container) in workload.containers.iter().enumerate() {
            let digests = (0..length).map(|part| Digest::of(format!("{n} {part}").as_bytes()).to_string());
            let tag = Tag::parse(&format!("1.0.{n}")).unwrap();
            let from = "a.example/web:1.0.0".into();
            let update = Update { tag, from, at: now, by: digests.collect::<String>().into(), ..update(1, None) };
            record.on(&container.name, Event::Write(Box::new(update)), now);
            record.on(&container.name, Event::End(crate::domain::history::Outcome::Failed, None), now);
        }
        seal(
            &record.with_history(crate::domain::history::History::default()),
            &workload.id,
            &LinkKey::new(vec![7; 32]).unwrap(),
        )
        .ok()
    };
    let (text, _) = (0..).map_while(sealed).last().unwrap();
    let annotations: Vec<(&str, &str)> = vec![("mode", "NOTIFICATION"), ("record", &text)];
    let annotations = annotations.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
    (Workload { annotations, rollout: hangs(1), ..workload }, tags)
}

#[tokio::test]
async fn what_does_not_fit_into_a_record_is_neither_written_nor_told_but_said() {
    let (workload, tags) = full();
    let stage = Stage::new(workload, &tags);
    for look in 1..3 {
        stage.look().await;
        assert_eq!((stage.writes(), stage.counted("undecided", "record_too_long")), (1, look));
    }
    let names = stage
        .cluster
        .state(|state| state.workload.annotations.iter().map(|(name, _)| name.to_string()).collect::<Vec<_>>());
    assert_eq!(names, ["error", "mode", "record"]);
    assert!(stage.cluster.annotation("error").unwrap().contains("takes more than 32768 bytes"));
    assert_eq!(stage.cluster.announced(|one| matches!(one, WorkloadEvent::InvalidSetting(_))), 1);
    let stored = stage.reconciler.0.queue.depth().await.unwrap();
    assert!(stored.ready.iter().all(|(_, jobs)| *jobs == 0), "nothing is told: {stored:?}");
}

/// The row in the store can't be read, and somebody removed the annotation.
#[tokio::test]
async fn nothing_is_decided_where_what_was_written_can_not_be_read() {
    let stage = Stage::new(auto(&[]), &["1.0.0", "1.0.1"]);
    let written = crate::queue::Written { sequence: 3, record: "v9.x".into(), ..crate::queue::Written::default() };
    stage.reconciler.0.queue.remember("uid-1", written).await.unwrap();
    assert!(matches!(stage.look().await, Verdict::Retry { .. }));
    assert_eq!((stage.writes(), &*stage.cluster.image()), (0, "a.example/web:1.0.0"));
}

impl Stage {
    /// Why rollouts stand still, as people are told: one a message.
    fn told_of_stalls(&self) -> Vec<String> {
        let told = self.joe.0.lock().unwrap();
        let stalls = told.iter().filter(|notice| notice.kind == NoticeKind::Stalled);
        let all: std::collections::BTreeMap<String, String> = stalls
            .map(|notice| {
                let id = Delivery::of("email", "joe@example.com", notice.clone()).id();
                (id, notice.failure.as_ref().unwrap().reason.clone())
            })
            .collect();
        all.into_values().collect()
    }
}

const SLOW: &str = "the rollout of 1.0.1 has made no progress for 15 minutes; look at its pods";

#[tokio::test]
async fn a_rollout_that_hangs_holds_nothing_back_for_ever() {
    let stage = Stage::new(rolling(), &["1.0.0", "1.0.1", "1.0.2"]);
    let verdict = stage.look().await;
    assert!(matches!(verdict, Verdict::Again(_)), "{verdict:?}");
    assert_eq!(stage.registry.asked.load(Ordering::SeqCst), 1, "the list alone");
    assert_eq!(stage.counted("waiting", "rolling_out"), 1);
    stage.clock.step(TimeDelta::minutes(16));
    stage.look().await;
    assert!(stage.cluster.image().starts_with("a.example/web:1.0.2@"), "{}", stage.cluster.image());
    assert_eq!(stage.cluster.announced(|one| *one == WorkloadEvent::RolloutSlow(SLOW.into())), 1);
    // What is written now has its own time.
    stage.look().await;
    assert_eq!((stage.counted("waiting", "rolling_out"), stage.counted("waiting", "rollout_slow")), (2, 1));
}

#[tokio::test]
async fn a_rollout_that_hangs_is_told_once_and_where_nothing_is_newer_it_stays() {
    let stage = Stage::new(rolling(), &["1.0.0", "1.0.1"]);
    stage.look().await;
    stage.clock.step(TimeDelta::minutes(16));
    stage.look().await;
    assert_eq!(stage.cluster.annotation("error").as_deref(), Some(SLOW));
    let writes = stage.writes();
    for _ in 0..3 {
        stage.clock.step(TimeDelta::minutes(16));
        let verdict = stage.look().await;
        assert!(matches!(verdict, Verdict::Again(_)), "{verdict:?}");
    }
    assert_eq!(stage.writes(), writes, "nothing is written twice");
    assert_eq!(stage.cluster.announced(|one| matches!(one, WorkloadEvent::RolloutSlow(_))), 1);
    assert_eq!(stage.told_of_stalls(), ["NoProgress"], "people are told once");
    stage.cluster.rolls(hangs(2));
    stage.look().await;
    stage.clock.step(TimeDelta::minutes(16));
    stage.look().await;
    assert_eq!(stage.told_of_stalls().len(), 1, "an update that stands still again is no news");
    stage.cluster.rolls(Rollout::Complete);
    stage.look().await;
    assert_eq!(stage.cluster.annotation("error"), None, "it came up");
}

#[tokio::test]
async fn a_controller_that_does_not_look_is_told_once() {
    let stage = Stage::new(rolling(), &["1.0.0", "1.0.1"]);
    let lacks = crate::domain::rollout::Lacks::ObservedGeneration;
    stage.cluster.rolls(Rollout::Progressing(Progress { lacks, has_deadline: true, ..Progress::default() }));
    for _ in 0..4 {
        stage.look().await;
        stage.clock.step(TimeDelta::minutes(15));
    }
    let said = stage.cluster.annotation("error").unwrap_or_default();
    let expected = "the rollout of 1.0.1 stands still: NotObserved: its controller has not looked at it for 15 minutes";
    assert!(said.starts_with(expected), "{said}");
    assert_eq!(stage.cluster.announced(|one| matches!(one, WorkloadEvent::RolloutSlow(_))), 1);
    stage.cluster.rolls(Rollout::Complete);
    stage.look().await;
    assert_eq!(stage.cluster.annotation("error"), None);
}

#[tokio::test]
async fn a_restart_does_not_time_a_rollout_anew_and_somebody_who_acts_does() {
    let mut stage = Stage::new(rolling(), &["1.0.0", "1.0.1", "1.0.2"]);
    stage.cluster.rolls(Rollout::Waiting(crate::domain::rollout::Waits::Partition));
    stage.clock.step(TimeDelta::days(3));
    stage.cluster.state(|state| state.credential = None);
    stage.look().await;
    stage.cluster.rolls(hangs(1));
    stage.look().await;
    assert_eq!(stage.counted("waiting", "rollout_slow"), 0, "it goes on since a moment ago");
    stage.restart();
    stage.cluster.rolls(hangs(3));
    stage.look().await;
    assert_eq!(stage.counted("waiting", "rollout_slow"), 0, "it moved, nobody knows when");
    stage.restart();
    stage.cluster.rolls(hangs(1));
    stage.look().await;
    assert_eq!(stage.counted("waiting", "rollout_slow"), 1, "nothing moved since it was written");
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
async fn what_was_refused_for_good_is_tried_again_after_hours_and_then_goes_on() {
    let stage = Stage::new(auto(&[]), &["1.0.0", "1.0.1"]);
    stage.cluster.state(|state| state.refuses = Refuses::Images);
    for _ in 0..3 {
        stage.look().await;
        stage.clock.step(TimeDelta::minutes(100));
    }
    assert_eq!(stage.counted("refused", "admission"), 1, "it is not tried at each look");
    let error = stage.cluster.annotation("error").unwrap_or_default();
    assert!(error.contains("1.0.1 is not signed"), "it goes on saying so: {error}");
    assert_eq!(stage.cluster.announced(|one| matches!(one, WorkloadEvent::UpdateRefused(_))), 1);
    stage.cluster.state(|state| state.refuses = Refuses::Nothing);
    stage.clock.step(TimeDelta::hours(1));
    stage.look().await;
    assert!(stage.cluster.image().contains(":1.0.1@"), "six hours have passed");
    assert_eq!(stage.cluster.annotation("error"), None);
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

#[tokio::test]
async fn the_end_of_a_rollout_is_written_and_said_once_while_the_registry_is_away() {
    let stage = Stage::new(auto(&[("rollback", "false")]), &["1.0.0", "1.0.1"]);
    stage.look().await;
    assert!(stage.cluster.image().contains(":1.0.1@"));
    *stage.registry.tags.lock().unwrap() = vec!["away"];
    let (reason, message) = ("ProgressDeadlineExceeded".into(), "timed out".into());
    let stall = Stall { reason, message, since: "t".into(), progress: Progress::default() };
    stage.cluster.rolls(Rollout::Stalled(stall));
    for _ in 0..4 {
        stage.clock.step(TimeDelta::minutes(15));
        assert!(matches!(stage.look().await, Verdict::Retry { .. }), "nothing is decided");
    }
    assert!(stage.cluster.annotation("history").is_some_and(|history| history.contains("\"failed\"")));
    assert_eq!(stage.cluster.announced(|one| matches!(one, WorkloadEvent::RolloutFailed(_))), 1);
    let counted = stage.metrics.text();
    let ends: Vec<&str> = counted.lines().filter(|line| line.starts_with("image_watcher_updates_total")).collect();
    assert!(matches!(ends[..], [end] if end.contains("failed") && end.ends_with(" 1")), "{ends:?}");
}

#[tokio::test]
async fn who_refuses_our_records_keeps_people_from_links_and_from_nothing_else() {
    let asks = workload(&[("web", "a.example/web:1.0.0")], &[("mode", "NOTIFICATION")]);
    let stage = Stage::new(asks, &["1.0.0", "1.0.1"]);
    stage.cluster.state(|state| state.refuses = Refuses::All);
    for _ in 0..4 {
        let verdict = stage.look().await;
        assert!(!matches!(verdict, Verdict::Retry { .. }), "trying again changes nothing: {verdict:?}");
        stage.clock.step(TimeDelta::minutes(10));
    }
    let told = stage.joe.0.lock().unwrap().clone();
    assert!(!told.is_empty() && told.iter().all(|notice| notice.kind == NoticeKind::Available), "{told:?}");
    let topic = Topic::Deliver("email".into());
    let jobs = stage.reconciler.0.queue.lease(&topic, 10, &Sharing::in_order(10)).await.unwrap().jobs;
    let [Leased { job: Job::Deliver(only), .. }] = &jobs[..] else { panic!("one message: {jobs:?}") };
    assert_eq!((&only.notices()[0].approval, only.notices()[0].no_link), (&None, Some(NoLink::WriteRefused)));
    assert!(only.notices()[0].failure.as_ref().is_some_and(|failure| failure.message.contains("not signed")));
    assert_eq!(stage.counted("proposed", "minor") + stage.counted("proposed", "patch"), 0, "nobody can answer");
    assert_eq!(stage.cluster.announced(|one| matches!(one, WorkloadEvent::UpdateRefused(_))), 1);
}
