//! A cluster of one workload, which does as a test says.

use super::*;
use crate::domain::workload::AnnotationChange;

/// One workload. It executes patches as they are, and remembers what was done.
#[derive(Clone)]
pub(super) struct OneWorkload(pub(super) Arc<Mutex<State>>);

#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own that a test sets")]
pub(super) struct State {
    pub(super) workload: Arc<Workload>,
    /// What the pull secrets come to; `None` is that they can't be read.
    pub(super) credential: Option<Credential>,
    pub(super) may_patch: bool,
    pub(super) is_dry_run: bool,
    /// What a policy refuses.
    pub(super) refuses: Refuses,
    pub(super) writes: usize,
    /// Whether it refuses what it took in a dry run.
    pub(super) is_seen_late: bool,
    /// What admission makes of images; nothing is that it leaves them alone.
    pub(super) admits: Option<fn(&str) -> String>,
    pub(super) rehearsed: usize,
    /// What it warns of in a dry run.
    pub(super) warns: Vec<&'static str>,
    /// What the nodes run.
    pub(super) platforms: Option<Arc<[Platform]>>,
    /// Whether it was not watched for a while.
    pub(super) was_let_go: bool,
    /// When somebody wrote the image, as the API server says.
    pub(super) image_set: Option<DateTime<Utc>>,
    /// As whom whoever set it says to have written.
    pub(super) manager: &'static str,
    pub(super) announced: Vec<WorkloadEvent>,
    /// Its pods, where they may be read.
    pub(super) pods: Option<Vec<Pod>>,
    /// Whether they are followed, and what they are to run by that, by container.
    pub(super) is_followed: bool,
    pub(super) followed: Vec<(String, String)>,
    /// What is in the way of a way back, whether it may be deleted, and how often that was done.
    pub(super) obstacle: Option<Obstacle>,
    pub(super) deletes_broken: bool,
    /// Whether its controller replaces what people delete, and nothing else.
    pub(super) replaces_on_delete: bool,
    pub(super) removed: usize,
    /// What becomes of what is to be deleted.
    pub(super) removal: Removal,
    /// Whether somebody writes it while that is done, so that the next write conflicts.
    pub(super) is_edited_then: bool,
    pub(super) conflicts: usize,
    /// Whether a write is refused that was planned on another record than stands there, as the API server does.
    pub(super) is_guarded: bool,
    /// What is gone.
    pub(super) departed: Option<Arc<Workload>>,
    /// Who of those who sign in may patch it; `None` is that it may not be asked.
    pub(super) may_sign: Option<Vec<&'static str>>,
    /// What happens while the pull secrets are read, before anything is decided, and while a write is rehearsed, after all was.
    pub(super) on_credential: Option<Meanwhile>,
    pub(super) on_rehearsal: Option<Meanwhile>,
}

/// What somebody else does in the middle of a look.
pub(super) type Meanwhile = Box<dyn FnOnce(&mut State) + Send>;

/// What of that which is written a policy refuses.
#[derive(PartialEq, Eq)]
pub(super) enum Refuses {
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
    pub(super) fn is_about(&self, patch: &WorkloadPatch) -> bool {
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
    pub(super) fn refusal(&self) -> ClusterError {
        let sentence = "1.0.1 is not signed".to_owned();
        let rejection = Rejection { reason: RejectionReason::Policy, sentence, again_after: None };
        ClusterError::Rejected { workload: self.workload.id.to_string(), rejection }
    }
}

impl State {
    /// The workload with the images of a patch, as admission leaves them.
    fn with_images(&self, patch: &WorkloadPatch) -> Workload {
        let mut workload = Workload::clone(&self.workload);
        for guard in &patch.guards {
            let found = workload.containers.iter_mut().find(|found| found.name == guard.container).unwrap();
            let to = guard.to.as_deref().map(|to| self.admits.map_or_else(|| to.to_owned(), |admits| admits(to)));
            found.image = to.unwrap_or_else(|| guard.from.to_string()).into();
        }
        workload
    }
}

impl OneWorkload {
    pub(super) fn new(workload: Workload) -> Self {
        let (workload, credential) = (Arc::new(workload), Some(Credential::default()));
        Self(Arc::new(Mutex::new(State {
            workload,
            credential,
            may_patch: true,
            is_dry_run: false,
            refuses: Refuses::Nothing,
            writes: 0,
            is_seen_late: false,
            admits: None,
            rehearsed: 0,
            warns: Vec::new(),
            platforms: None,
            was_let_go: false,
            image_set: None,
            manager: "kubectl-edit",
            announced: Vec::new(),
            pods: None,
            is_followed: false,
            followed: Vec::new(),
            obstacle: None,
            deletes_broken: false,
            replaces_on_delete: false,
            removed: 0,
            removal: Removal::Done,
            is_edited_then: false,
            conflicts: 0,
            is_guarded: false,
            departed: None,
            may_sign: None,
            on_credential: None,
            on_rehearsal: None,
        })))
    }

    pub(super) fn state<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.0.lock().unwrap())
    }

    pub(super) fn annotation(&self, name: &str) -> Option<String> {
        self.state(|state| state.workload.annotation(name).map(str::to_owned))
    }

    pub(super) fn image(&self) -> String {
        self.state(|state| state.workload.containers[0].image.to_string())
    }

    pub(super) fn rolls(&self, rollout: Rollout) {
        self.state(|state| state.workload = Arc::new(Workload { rollout, ..Workload::clone(&state.workload) }));
    }

    pub(super) fn announced(&self, of: fn(&WorkloadEvent) -> bool) -> usize {
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
            let workload = Workload::clone(&state.workload);
            let holds = |change: &AnnotationChange| change.old.as_deref() == workload.annotation(&change.name);
            let is_late = state.is_guarded && !patch.annotations.iter().all(holds);
            if state.conflicts > 0 || is_late {
                state.conflicts = state.conflicts.saturating_sub(1);
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
            let mut workload = state.with_images(patch);
            annotate(&mut workload, patch);
            if let Some(cause) = &patch.cause {
                workload.change_cause = cause.new.as_deref().map(Box::from);
            }
            state.writes += 1;
            state.workload = Arc::new(workload);
            ClusterError::unless_admitted(patch, &state.workload)?;
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
            if !state.is_seen_late {
                ClusterError::unless_admitted(patch, &state.with_images(patch))?;
            }
            Ok(state.warns.iter().map(|warning| (*warning).to_owned()).collect())
        })
    }

    async fn platforms(&self) -> Option<Arc<[Platform]>> {
        self.state(|state| state.platforms.clone())
    }

    async fn who_set(&self, _: &WorkloadId, _: &str) -> Result<Option<crate::domain::owner::ImageOwner>, ClusterError> {
        use crate::domain::owner::{ImageOwner, WriteOperation};
        let (manager, time) = self.state(|state| (state.manager, state.image_set));
        Ok(Some(ImageOwner::new(manager, WriteOperation::Update, time)))
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

    async fn left_to_people(&self, _: &Workload, failed: &[(&str, &str)]) -> Result<Vec<Box<str>>, ClusterError> {
        let pods = self.state(|state| state.pods.clone().filter(|_| state.replaces_on_delete));
        Ok(crate::domain::rollout::obstacle::left_to_people(&pods.unwrap_or_default(), failed))
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
