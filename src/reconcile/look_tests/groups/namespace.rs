//! The workloads of a namespace, behind the real index.

use super::super::*;
use crate::cluster::Index;
use crate::domain::fleet::Fleet;
use crate::domain::group::GroupName;

/// The workloads, as an index has them.
#[derive(Clone)]
pub(in crate::reconcile::look_tests) struct Namespace(pub(super) Arc<Mutex<Objects>>, pub(super) Locked);

/// Stands for all of them, in a dry run.
pub(super) const DRY_RUN: &str = "*";

/// Whom we have no right to write.
pub(super) type Locked = Arc<Mutex<Vec<&'static str>>>;

#[derive(Default)]
pub(super) struct Objects {
    pub(super) index: Index,
    /// Those that a policy lets nobody write an image to.
    pub(super) guarded: Vec<&'static str>,
    /// Whose image a policy lets nobody write so, dry runs included: the end of the image's name, and its beginning of a tag.
    pub(super) forbidden: Vec<(&'static str, &'static str)>,
    /// Whose writes find no API server.
    pub(super) unreachable: Vec<&'static str>,
    /// Whether a policy refuses all writes, dry runs included.
    pub(super) is_frozen: bool,
    /// Whether a scope is not listed yet.
    pub(super) is_starting: bool,
    /// Events that were put on workloads.
    pub(super) announced: Vec<(String, WorkloadEvent)>,
    /// So many writes are taken; then there is no answer any more.
    pub(super) left: Option<usize>,
    /// Who was written, in this order.
    pub(super) written: Vec<String>,
    pub(super) version: u64,
}

impl Namespace {
    pub(super) fn with<T>(&self, look: impl FnOnce(&mut Objects) -> T) -> T {
        look(&mut self.0.lock().unwrap())
    }

    pub(super) fn put(&self, workload: Workload) {
        self.with(|objects| {
            objects.version += 1;
            let workload = Workload { resource_version: objects.version, ..workload };
            objects.index.observe(&workload.id.clone(), Some(workload));
        });
    }
}

impl Cluster for Namespace {
    fn running(&self, repository: &Repository) -> Vec<Arc<Workload>> {
        self.with(|objects| objects.index.running(repository))
    }

    fn repositories(&self) -> Vec<Repository> {
        self.with(|objects| objects.index.repositories())
    }

    fn fleet<T>(&self, read: impl FnOnce(&Fleet) -> T) -> T {
        self.with(|objects| objects.index.fleet(read))
    }

    fn members(&self, namespace: &str, group: &GroupName) -> Vec<Arc<Workload>> {
        self.with(|objects| objects.index.members(namespace, group))
    }

    fn by_uid(&self, uid: &str) -> Option<Arc<Workload>> {
        self.with(|objects| objects.index.by_uid(uid))
    }

    fn naming(&self, approval: &ApprovalId) -> Vec<Arc<Workload>> {
        self.with(|objects| objects.index.naming(approval))
    }

    fn names(&self, approval: &ApprovalId) -> bool {
        self.with(|objects| objects.index.names(approval))
    }

    fn knows_all(&self) -> bool {
        self.with(|objects| !objects.is_starting)
    }

    fn may_patch(&self, id: &WorkloadId) -> bool {
        !self.is_dry_run() && !self.1.lock().unwrap().contains(&&*id.name)
    }

    fn is_dry_run(&self) -> bool {
        self.1.lock().unwrap().contains(&DRY_RUN)
    }

    async fn apply(&self, patch: &WorkloadPatch) -> Result<Arc<Workload>, ClusterError> {
        let before = self.by_uid(&patch.id.uid).ok_or_else(|| ClusterError::Gone(patch.id.to_string()))?;
        let mut workload = Workload::clone(&before);
        let name = workload.id.name.to_string();
        let refusal = self.with(|objects| {
            if objects.left == Some(0) || objects.unreachable.contains(&&*name) {
                return Some(ClusterError::Unavailable { operation: "patch", source: "no answer".into() });
            }
            if patch.writes_image() && objects.guarded.contains(&&*name) || objects.forbids(patch) {
                return Some(rejected(&name));
            }
            if patch.writes_image() {
                objects.left = objects.left.map(|left| left - 1);
                objects.written.push(name.clone());
            }
            None
        });
        if let Some(refusal) = refusal {
            return Err(refusal);
        }
        annotate(&mut workload, patch);
        for guard in &patch.guards {
            let found = workload.containers.iter_mut().find(|found| found.name == guard.container).unwrap();
            if *found.image != *guard.from {
                return Err(ClusterError::Conflict { workload: name, now: None });
            }
            if let Some(to) = &guard.to {
                found.image = to.as_str().into();
                workload.rollout = Rollout::Progressing(Progress { updated: 0, ..Progress::default() });
            }
        }
        self.put(workload);
        Ok(self.by_uid(&patch.id.uid).unwrap())
    }

    async fn credential(&self, _: &Workload, _: &Repository) -> Result<Credential, ClusterError> {
        Ok(Credential::default())
    }

    async fn rehearse(&self, patch: &WorkloadPatch) -> Result<Vec<String>, ClusterError> {
        if self.with(|objects| objects.forbids(patch)) { Err(rejected(&patch.id.name)) } else { Ok(Vec::new()) }
    }

    async fn platforms(&self) -> Option<Arc<[Platform]>> {
        None
    }

    async fn who_set(&self, _: &WorkloadId, _: &str) -> Result<Option<crate::domain::owner::ImageOwner>, ClusterError> {
        Ok(None)
    }

    async fn announce(&self, workload: &Workload, event: WorkloadEvent) {
        self.with(|objects| objects.announced.push((workload.id.name.to_string(), event)));
    }
}

impl Objects {
    fn forbids(&self, patch: &WorkloadPatch) -> bool {
        let mut written = patch.guards.iter().filter_map(|guard| guard.to.as_deref());
        self.is_frozen
            || written.any(|to| self.forbidden.iter().any(|(name, tag)| to.contains(&format!("/{name}:{tag}"))))
    }
}

fn rejected(name: &str) -> ClusterError {
    let (reason, sentence) = (RejectionReason::Policy, "it is not signed".to_owned());
    let rejection = Rejection { reason, sentence, again_after: None };
    ClusterError::Rejected { workload: name.to_owned(), rejection }
}
