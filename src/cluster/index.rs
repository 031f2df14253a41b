//! Which workloads run which repository, kept by the watch streams.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, PoisonError, RwLock};

use chrono::{DateTime, Utc};

use super::annotations::{self, approvals, claimed};
use super::referrer::Referrer;
use super::scopes::{Fresh, Scope};
use super::sequences::Sequences;
use crate::domain::approval::{ApprovalId, LinkKeys};
use crate::domain::fleet::{Fleet, Standing};
use crate::domain::group::{self, GroupName};
use crate::domain::history::Outcome;
use crate::domain::policy::Track;
use crate::domain::record::Record;
use crate::domain::record::sealed::Opened;
use crate::domain::reference::Repository;
use crate::domain::request::REQUEST;
use crate::domain::rollout::Rollout;
use crate::domain::settings::is_state;
use crate::domain::workload::{Container, Kind, Workload, WorkloadId};

/// Where an object is, whatever its uid.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct ObjectName {
    namespace: Box<str>,
    kind: Kind,
    name: Box<str>,
}

impl ObjectName {
    fn of(id: &WorkloadId) -> Self {
        Self { namespace: id.namespace.clone(), kind: id.kind, name: id.name.clone() }
    }
}

/// The approvals that a workload names.
struct Named {
    all: Vec<ApprovalId>,
    /// Whether they are known to be its own.
    is_signed: bool,
    /// The number of its record, where that is its own.
    sequence: Option<u64>,
    /// What its record says that concerns others; nothing where it is not known to be its own.
    standing: Standing,
}

/// Repositories to look at, because a workload that runs them changed.
pub type Hints = Vec<Repository>;

#[derive(Default)]
struct Tables {
    workloads: HashMap<ObjectName, Arc<Workload>>,
    by_uid: HashMap<Box<str>, Arc<Workload>>,
    by_repository: HashMap<Repository, HashSet<ObjectName>>,
    /// Which workloads name a group, by their namespace.
    by_group: HashMap<(Box<str>, GroupName), HashSet<ObjectName>>,
    /// What the records name, read when they changed.
    approvals: HashMap<ObjectName, Vec<ApprovalId>>,
    /// The same by approval.
    by_approval: HashMap<ApprovalId, Places>,
    /// Those that were watched, are not, and carry our record still.
    let_go: HashSet<Box<str>>,
    /// By Rollout the Deployment that describes its pods.
    referrers: HashMap<ObjectName, ObjectName>,
    /// By such a Deployment what its Rollout says.
    referred: HashMap<ObjectName, Referred>,
    /// What their records say that concerns others.
    fleet: Fleet,
    /// Which of their records are the newest.
    sequences: Sequences,
}

/// What the Rollout of a Deployment says.
struct Referred {
    by: Referrer,
    /// What the Deployment says of itself, and whether it is paused.
    own: Option<(Rollout, bool)>,
    /// Whether the Rollout is gone, or refers to another.
    is_over: bool,
}

/// The workloads that an approval may be about.
#[derive(Default)]
struct Places {
    /// Its record is signed for this very object: there is one, or none.
    signed: Option<ObjectName>,
    /// Those that only claim to be it, as nobody signed what they say: edited, copied, or of the first release.
    claimed: Vec<ObjectName>,
}

impl Places {
    /// All of them; the one that is sure to be meant comes first.
    fn all(&self) -> impl Iterator<Item = &ObjectName> {
        self.signed.iter().chain(&self.claimed)
    }

    fn put(&mut self, place: &ObjectName, is_signed: bool) {
        if is_signed {
            self.signed = Some(place.clone());
            return;
        }
        let neighbours = self.claimed.iter().filter(|other| other.namespace == place.namespace);
        if neighbours.count() < MOST_OF_A_NAMESPACE {
            self.claimed.push(place.clone());
        }
    }

    fn remove(&mut self, place: &ObjectName) {
        self.signed.take_if(|signed| signed == place);
        self.claimed.retain(|other| other != place);
    }

    fn is_empty(&self) -> bool {
        self.signed.is_none() && self.claimed.is_empty()
    }
}

/// How many approvals one workload's record may name: all that we write of a few containers, and not all that somebody
/// else may.
const MOST_APPROVALS: usize = 64;

/// How many workloads of a namespace that only claim to be the one that an approval is about are asked.
const MOST_OF_A_NAMESPACE: usize = 8;

/// How many workloads are remembered that are no longer watched.
const MOST_LET_GO: usize = 20_000;

/// How many Rollouts are remembered whose pods a Deployment describes.
const MOST_REFERRERS: usize = 10_000;

/// The index. Clones share it.
#[derive(Clone, Default)]
pub struct Index {
    tables: Arc<RwLock<Tables>>,
    /// What tells our own records from others; without any, all that are newer are taken for ours.
    keys: Option<Arc<LinkKeys>>,
}

impl std::fmt::Debug for Index {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Index({} workloads)", self.read(|tables| tables.workloads.len()))
    }
}

impl Index {
    /// One that knows our own records by what signs them.
    #[must_use]
    pub fn knowing(keys: LinkKeys) -> Self {
        Self { keys: Some(Arc::new(keys)), ..Self::default() }
    }

    /// Whether a record is ours, as far as that can be told.
    fn is_ours(&self, workload: &Workload) -> bool {
        let is_signed = |keys: &Arc<LinkKeys>| matches!(annotations::open(workload, keys), Opened::Ours(_));
        self.keys.as_ref().is_none_or(is_signed)
    }

    /// The approvals that a workload's record names, and whether it is signed for this very object.
    fn named_by(&self, workload: &Workload) -> Named {
        let keys = self.keys.as_ref().filter(|_| annotations::text(workload).is_some());
        let opened = keys.map(|keys| annotations::open(workload, keys));
        if let Some(Opened::Ours(record) | Opened::WithoutHistory(record)) = opened {
            let (standing, sequence) = (record.standing(workload), Some(record.sequence));
            return Named { all: record.approvals().cloned().collect(), is_signed: true, sequence, standing };
        }
        let (standing, sequence) = (Standing::default(), None);
        Named { all: approvals(workload, MOST_APPROVALS), is_signed: false, sequence, standing }
    }

    /// The Rollout that makes the pods which a Deployment only describes.
    pub(super) fn rollout_of(&self, deployment: &WorkloadId) -> Option<Box<str>> {
        if deployment.kind != Kind::Deployment {
            return None;
        }
        let place = ObjectName::of(deployment);
        self.read(|tables| {
            tables.referred.get(&place).filter(|referred| !referred.is_over)?;
            let refers = tables.referrers.iter().find(|(_, described)| **described == place);
            refers.map(|(rollout, _)| rollout.name.clone())
        })
    }

    fn read<T>(&self, read: impl FnOnce(&Tables) -> T) -> T {
        read(&self.tables.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn write<T>(&self, write: impl FnOnce(&mut Tables) -> T) -> T {
        write(&mut self.tables.write().unwrap_or_else(PoisonError::into_inner))
    }

    /// The workloads with a container from this repository, in a stable order.
    #[must_use]
    pub fn running(&self, repository: &Repository) -> Vec<Arc<Workload>> {
        let mut found: Vec<_> = self.read(|tables| {
            let places = tables.by_repository.get(repository);
            places.into_iter().flatten().filter_map(|place| tables.workloads.get(place)).cloned().collect()
        });
        found.sort_by(|a: &Arc<Workload>, b| a.id.cmp(&b.id));
        found
    }

    /// Reads what records say that concerns other workloads.
    pub fn fleet<T>(&self, read: impl FnOnce(&Fleet) -> T) -> T {
        self.read(|tables| read(&tables.fleet))
    }

    /// The workloads of a namespace with a container of this group, in a stable order.
    #[must_use]
    pub fn members(&self, namespace: &str, group: &GroupName) -> Vec<Arc<Workload>> {
        let mut found: Vec<_> = self.read(|tables| {
            let places = tables.by_group.get(&(namespace.into(), group.clone()));
            places.into_iter().flatten().filter_map(|place| tables.workloads.get(place)).cloned().collect()
        });
        found.sort_by(|a: &Arc<Workload>, b| a.id.cmp(&b.id));
        found
    }

    /// The namespaces whose workloads run this repository: at most so many, in a stable order where there are no more.
    #[must_use]
    pub fn namespaces(&self, repository: &Repository, most: usize) -> Vec<String> {
        let mut found = BTreeSet::new();
        self.read(|tables| {
            for place in tables.by_repository.get(repository).into_iter().flatten() {
                if found.len() == most {
                    break;
                }
                if !found.contains(&*place.namespace) {
                    found.insert(place.namespace.to_string());
                }
            }
        });
        found.into_iter().collect()
    }

    /// All watched workloads, in a stable order.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<Workload>> {
        let mut all: Vec<_> = self.read(|tables| tables.workloads.values().cloned().collect());
        all.sort_by(|a: &Arc<Workload>, b| a.id.cmp(&b.id));
        all
    }

    /// The workloads whose records name an approval, the one whose record is signed for it first. An unknown approval costs
    /// a look into a table.
    #[must_use]
    pub fn naming(&self, approval: &ApprovalId) -> Vec<Arc<Workload>> {
        self.read(|tables| {
            let places = tables.by_approval.get(approval).into_iter().flat_map(Places::all);
            places.filter_map(|place| tables.workloads.get(place)).cloned().collect()
        })
    }

    /// Whether any record names an approval.
    #[must_use]
    pub fn names(&self, approval: &ApprovalId) -> bool {
        self.read(|tables| tables.by_approval.contains_key(approval))
    }

    /// Whether any watched workload runs this repository.
    #[must_use]
    pub fn knows(&self, repository: &Repository) -> bool {
        self.read(|tables| tables.by_repository.contains_key(repository))
    }

    /// Every repository that is run.
    #[must_use]
    pub fn repositories(&self) -> Vec<Repository> {
        self.read(|tables| tables.by_repository.keys().cloned().collect())
    }

    /// What the workloads of a scope run.
    #[must_use]
    pub fn repositories_in(&self, scope: &Scope) -> Hints {
        self.read(|tables| {
            let places = tables.of(scope);
            let workloads = places.iter().filter_map(|place| tables.workloads.get(place));
            let all: HashSet<Repository> = workloads.flat_map(|workload| repositories(workload)).collect();
            all.into_iter().collect()
        })
    }

    /// The watched workload with this uid.
    #[must_use]
    pub fn by_uid(&self, uid: &str) -> Option<Arc<Workload>> {
        self.read(|tables| tables.by_uid.get(uid).cloned())
    }

    /// The watched workload of this name. Recreated under it, it is another.
    #[must_use]
    pub fn named(&self, namespace: &str, kind: Kind, name: &str) -> Option<Arc<Workload>> {
        let place = ObjectName { namespace: namespace.into(), kind, name: name.into() };
        self.read(|tables| tables.workloads.get(&place).cloned())
    }

    /// The first workload that is `wanted`.
    #[must_use]
    pub fn find(&self, wanted: &(dyn Fn(&Workload) -> bool + Sync)) -> Option<Arc<Workload>> {
        self.read(|tables| tables.workloads.values().find(|workload| wanted(workload)).cloned())
    }

    /// How many workloads of a kind are watched.
    #[must_use]
    pub fn count(&self, kind: Kind) -> usize {
        self.read(|tables| tables.workloads.keys().filter(|place| place.kind == kind).count())
    }

    /// Takes the numbers of the newest records that the store remembers, by uid.
    pub fn expect(&self, newest: Vec<(Box<str>, u64)>) {
        self.write(|tables| tables.sequences.expect(newest));
    }

    /// Takes a record that was just written by us, unless the stream was faster. Answers it as it is to be read.
    pub(crate) fn learn(&self, workload: Workload) -> Arc<Workload> {
        let place = ObjectName::of(&workload.id);
        self.write(|tables| {
            let workload = Arc::new(tables.as_referred(&place, workload));
            let known = tables.workloads.get(&place);
            if known.is_some_and(|known| known.resource_version < workload.resource_version) {
                tables.put(&place, Arc::clone(&workload), |it| self.named_by(it));
            }
            workload
        })
    }

    /// Takes what a Rollout says of the Deployment that describes its pods; `None` where it is gone, or describes them itself.
    pub(super) fn refer(&self, rollout: &WorkloadId, referrer: Option<Referrer>) -> Hints {
        let place = ObjectName::of(rollout);
        self.write(|tables| {
            let changed = tables.refer(place, referrer);
            changed.into_iter().flat_map(|deployment| tables.judge_again(&deployment, self)).collect()
        })
    }

    /// Takes what all Rollouts of a scope say; those that are not among them are gone.
    pub(super) fn refer_all(&self, scope: &Scope, all: Vec<(WorkloadId, Referrer)>) -> Hints {
        self.write(|tables| {
            let mut changed = Vec::new();
            let named: HashSet<ObjectName> = all.iter().map(|(id, _)| ObjectName::of(id)).collect();
            let is_gone = |place: &&ObjectName| scope.has(&place.namespace, place.kind) && !named.contains(place);
            let gone: Vec<ObjectName> = tables.referrers.keys().filter(is_gone).cloned().collect();
            for place in gone {
                changed.extend(tables.refer(place, None));
            }
            for (id, referrer) in all {
                changed.extend(tables.refer(ObjectName::of(&id), Some(referrer)));
            }
            changed.into_iter().flat_map(|deployment| tables.judge_again(&deployment, self)).collect()
        })
    }

    /// Takes what the runs of a `CronJob` say, if it is still the one that was looked at.
    pub(super) fn judged(&self, looked_at: &Workload, rollout: Rollout) -> Hints {
        let place = ObjectName::of(&looked_at.id);
        self.write(|tables| {
            let known = tables.workloads.get(&place).cloned();
            let is_it = |known: &Arc<Workload>| {
                known.resource_version == looked_at.resource_version && known.rollout != rollout
            };
            let Some(known) = known.filter(is_it) else { return Hints::new() };
            let workload = Workload { rollout, ..Workload::clone(&known) };
            let hints = hints(Some(&known), &workload, &|| true);
            tables.put(&place, Arc::new(workload), |it| self.named_by(it));
            hints
        })
    }

    /// Remembers that an object which carries our record is not watched: settings that it has later may be older ones.
    pub(crate) fn let_go(&self, uid: &str) {
        self.write(|tables| {
            if tables.let_go.len() < MOST_LET_GO {
                tables.let_go.insert(uid.into());
            }
        });
    }

    /// Whether a workload was not watched for a while, and [`Self::is_watched_again`] was not said since.
    #[must_use]
    pub fn was_let_go(&self, uid: &str) -> bool {
        self.read(|tables| tables.let_go.contains(uid))
    }

    /// What a workload came back with is taken over, or it is gone.
    pub fn is_watched_again(&self, uid: &str) {
        if self.was_let_go(uid) {
            self.write(|tables| tables.let_go.remove(uid));
        }
    }

    /// Takes what a stream says of one object: a watched workload, or one that is not watched (any more).
    pub(crate) fn observe(&self, id: &WorkloadId, observed: Option<Workload>) -> Hints {
        let place = ObjectName::of(id);
        self.write(|tables| {
            let Some(workload) = observed else {
                if let Some(known) = tables.workloads.get(&place).filter(|known| known.id == *id).cloned() {
                    tables.sequences.forget(&known.id.uid);
                }
                return tables.remove(&place);
            };
            let workload = tables.as_referred(&place, workload);
            let known = tables.workloads.get(&place);
            if known.is_some_and(|known| known.resource_version > workload.resource_version && known.id == workload.id)
            {
                return Hints::new();
            }
            let hints = hints(known.map(|known| &**known), &workload, &|| self.is_ours(&workload));
            tables.put(&place, Arc::new(workload), |it| self.named_by(it));
            hints
        })
    }

    /// Takes a complete list of a scope; what is not in it is gone.
    pub(crate) fn replace(&self, scope: &Scope, fresh: Fresh, list: Vec<Workload>) -> Hints {
        self.write(|tables| {
            let mut gone = tables.of(scope);
            let mut all = Hints::new();
            for workload in list {
                let place = ObjectName::of(&workload.id);
                let workload = tables.as_referred(&place, workload);
                gone.remove(&place);
                // What was written while the list came is newer than it.
                let is_newer = |known: &&Arc<Workload>| {
                    known.id == workload.id && known.resource_version > workload.resource_version
                };
                let newer = tables.workloads.get(&place).filter(is_newer).map(|known| Workload::clone(known));
                let workload = newer.unwrap_or(workload);
                let known = match fresh {
                    Fresh::Unfinished => Some(&workload),
                    Fresh::Changes => tables.workloads.get(&place).map(|known| &**known),
                    Fresh::Everything => None,
                };
                all.extend(hints(known, &workload, &|| self.is_ours(&workload)));
                tables.put(&place, Arc::new(workload), |it| self.named_by(it));
            }
            for place in gone {
                all.extend(tables.remove(&place));
            }
            all
        })
    }

    /// Forgets a scope that can't be seen any more.
    pub(super) fn forget(&self, scope: &Scope) {
        if scope.kind == Kind::Rollout {
            self.refer_all(scope, Vec::new());
        }
        self.write(|tables| {
            for place in tables.of(scope) {
                tables.remove(&place);
            }
        });
    }
}

impl Tables {
    fn of(&self, scope: &Scope) -> HashSet<ObjectName> {
        self.workloads.keys().filter(|place| scope.has(&place.namespace, place.kind)).cloned().collect()
    }

    /// A workload as it is to be read: a Deployment that a Rollout refers to stands as that does.
    fn as_referred(&mut self, place: &ObjectName, workload: Workload) -> Workload {
        match self.referred.get_mut(place) {
            Some(referred) => {
                referred.own = Some((workload.rollout.clone(), workload.paused));
                referred.by.over(workload)
            }
            None => workload,
        }
    }

    /// Takes what a Rollout says. Answers the Deployments that stand otherwise by it.
    fn refer(&mut self, rollout: ObjectName, referrer: Option<Referrer>) -> Vec<ObjectName> {
        let mut changed = Vec::new();
        let deployment = referrer.as_ref().map(|referrer| ObjectName {
            namespace: rollout.namespace.clone(),
            kind: Kind::Deployment,
            name: referrer.deployment.clone(),
        });
        let before = self.referrers.remove(&rollout);
        if let Some(before) = before.filter(|before| Some(before) != deployment.as_ref()) {
            if let Some(referred) = self.referred.get_mut(&before) {
                referred.is_over = true;
            }
            changed.push(before);
        }
        let (Some(deployment), Some(by)) = (deployment, referrer) else { return changed };
        if self.referrers.len() >= MOST_REFERRERS {
            return changed;
        }
        let known = self.referred.remove(&deployment);
        if known.as_ref().is_none_or(|known| known.by != by) {
            changed.push(deployment.clone());
        }
        let own = known.and_then(|known| known.own);
        self.referred.insert(deployment.clone(), Referred { by, own, is_over: false });
        self.referrers.insert(rollout, deployment);
        changed
    }

    /// Judges a Deployment by what its Rollout says now.
    fn judge_again(&mut self, place: &ObjectName, index: &Index) -> Hints {
        let known = self.workloads.get(place).cloned();
        let is_over = self.referred.get(place).is_some_and(|referred| referred.is_over);
        let referred = if is_over { self.referred.remove(place) } else { None };
        let Some(known) = known else { return Hints::new() };
        let own = referred.as_ref().or(self.referred.get(place)).and_then(|referred| referred.own.clone());
        let (rollout, paused) = own.unwrap_or_else(|| (known.rollout.clone(), known.paused));
        let workload = self.as_referred(place, Workload { rollout, paused, ..Workload::clone(&known) });
        if workload == *known {
            return Hints::new();
        }
        let hints = hints(Some(&known), &workload, &|| true);
        self.put(place, Arc::new(workload), |it| index.named_by(it));
        hints
    }

    fn put(&mut self, place: &ObjectName, workload: Arc<Workload>, named_by: impl Fn(&Workload) -> Named) {
        let now = repositories(&workload);
        let before = self.workloads.get(place).cloned();
        if let Some(before) = &before {
            for repository in repositories(before).difference(&now) {
                self.unlink(repository, place);
            }
        }
        if before.as_ref().is_none_or(|before| before.annotations != workload.annotations) {
            self.leave_groups(before.as_deref(), place);
            for group in group::named_by(&workload) {
                self.by_group.entry((place.namespace.clone(), group)).or_default().insert(place.clone());
            }
        }
        let standing = self.record(before.as_deref(), &workload, place, named_by);
        if let Some(before) = before.filter(|before| before.id.uid != workload.id.uid) {
            self.forget_uid(&before);
        }
        self.fleet.put(&workload, standing);
        self.by_uid.insert(workload.id.uid.clone(), Arc::clone(&workload));
        self.workloads.insert(place.clone(), workload);
        for repository in now {
            self.by_repository.entry(repository).or_default().insert(place.clone());
        }
    }

    /// Forgets a workload. Others may have waited for the end of its update.
    fn remove(&mut self, place: &ObjectName) -> Hints {
        let Some(workload) = self.workloads.remove(place) else { return Hints::new() };
        self.forget(place);
        let was_waited_for = self.fleet.remove(&workload.id.uid);
        self.leave_groups(Some(&workload), place);
        self.forget_uid(&workload);
        for container in &workload.containers {
            if let Some(reference) = container.reference() {
                self.unlink(reference.repository(), place);
            }
        }
        if was_waited_for { repositories(&workload).into_iter().collect() } else { Hints::new() }
    }

    /// Takes a workload out of the groups that it named.
    fn leave_groups(&mut self, before: Option<&Workload>, place: &ObjectName) {
        for group in before.map(group::named_by).unwrap_or_default() {
            let key = (place.namespace.clone(), group);
            if let Some(places) = self.by_group.get_mut(&key) {
                places.remove(place);
                if places.is_empty() {
                    self.by_group.remove(&key);
                }
            }
        }
    }

    /// Takes over what the record names, and gives what it says that concerns others; most events of a workload are about its
    /// status, and change nothing of it.
    fn record(
        &mut self,
        before: Option<&Workload>,
        now: &Workload,
        place: &ObjectName,
        named_by: impl Fn(&Workload) -> Named,
    ) -> Option<Standing> {
        if before
            .is_some_and(|it| it.id == now.id && it.annotations == now.annotations && it.containers == now.containers)
        {
            return None;
        }
        self.forget(place);
        let Named { all, is_signed, sequence, standing } = named_by(now);
        for approval in &all {
            self.by_approval.entry(approval.clone()).or_default().put(place, is_signed);
        }
        if !all.is_empty() {
            self.approvals.insert(place.clone(), all);
        }
        // What is not its newest record is put right by the next look; until then, what that said counts.
        self.sequences.is_newest(&now.id.uid, sequence).then_some(standing)
    }

    /// Takes back what a record named.
    fn forget(&mut self, place: &ObjectName) {
        for approval in self.approvals.remove(place).into_iter().flatten() {
            if let Some(places) = self.by_approval.get_mut(&approval) {
                places.remove(place);
                if places.is_empty() {
                    self.by_approval.remove(&approval);
                }
            }
        }
    }

    /// Forgets a uid, unless it is that of another object by now.
    fn forget_uid(&mut self, workload: &Workload) {
        let is_its_own = |known: &Arc<Workload>| ObjectName::of(&known.id) == ObjectName::of(&workload.id);
        if self.by_uid.get(&workload.id.uid).is_some_and(is_its_own) {
            self.by_uid.remove(&workload.id.uid);
            self.fleet.remove(&workload.id.uid);
        }
    }

    fn unlink(&mut self, repository: &Repository, place: &ObjectName) {
        if let Some(places) = self.by_repository.get_mut(repository) {
            places.remove(place);
            if places.is_empty() {
                self.by_repository.remove(repository);
            }
        }
    }
}

/// What a workload runs.
fn repositories(workload: &Workload) -> HashSet<Repository> {
    workload.containers.iter().filter_map(|c| Some(c.reference()?.repository().clone())).collect()
}

/// What to look at because of a change: everything of a workload that is new or has other settings or images, of one whose
/// record somebody else wrote to, and of one with an unfinished update whose rollout moved.
fn hints(known: Option<&Workload>, workload: &Workload, is_ours: &dyn Fn() -> bool) -> Hints {
    let settings = |workload: &Workload| -> Vec<(Box<str>, Box<str>)> {
        workload.annotations.iter().filter(|(name, _)| !is_state(name)).cloned().collect()
    };
    let edited = known.is_none_or(|known| {
        known.id != workload.id
            || known.containers != workload.containers
            || known.template_names != workload.template_names
            || known.paused != workload.paused
            || settings(known) != settings(workload)
            || is_tampered(known, workload, is_ours)
    });
    let moved =
        || known.is_some_and(|known| known.rollout != workload.rollout) && is_followed(workload, &claimed(workload));
    let unfinished = || known.is_some_and(|known| known == workload) && is_unfinished(workload);
    if !edited && !moved() && !unfinished() {
        return Hints::new();
    }
    let mut all: Hints = repositories(workload).into_iter().collect();
    all.sort();
    all
}

/// Whether our own annotations are others than before, and not because we went on.
fn is_tampered(known: &Workload, workload: &Workload, is_ours: &dyn Fn() -> bool) -> bool {
    let records = (annotations::text(known), annotations::text(workload));
    if known.annotations == workload.annotations || records == (None, None) {
        return false;
    }
    annotations::sequence(workload) <= annotations::sequence(known) || !is_ours()
}

/// Whether the end of an update is waited for.
fn is_followed(workload: &Workload, record: &Record) -> bool {
    record.ledgers().filter_map(|(_, ledger)| ledger.update.as_ref()).any(|update| match update.outcome {
        Outcome::RollingOut => true,
        // A failed one is followed too: pods that come up later make it healthy after all.
        Outcome::Failed => workload.rollout == Rollout::Complete,
        Outcome::Healthy | Outcome::Replaced | Outcome::Skipped | Outcome::Resumed => false,
    })
}

/// Since when there is an update of it whose runs are of interest.
pub(super) fn updated(workload: &Workload) -> Option<DateTime<Utc>> {
    let record = claimed(workload);
    let updates = record.ledgers().filter_map(|(_, ledger)| ledger.update.as_ref());
    let open = updates.filter(|update| matches!(update.outcome, Outcome::RollingOut | Outcome::Failed));
    open.map(|update| update.at).max()
}

/// Whether an update of it has not ended, a person asked something while nobody looked, or it is not known what a followed tag
/// was.
fn is_unfinished(workload: &Workload) -> bool {
    let record = claimed(workload);
    is_followed(workload, &record)
        || workload.annotation(REQUEST).is_some()
        || workload.containers.iter().any(|container| needs_baseline(workload, container, &record))
}

/// Whether a container's tag is to be followed by its digest, and no digest of it is written down anywhere: each push
/// before the first look would go unnoticed.
fn needs_baseline(workload: &Workload, container: &Container, record: &Record) -> bool {
    let own = format!("track.{}", container.name);
    let track = workload.annotation(&own).or_else(|| workload.annotation("track"));
    let follows = track.is_some_and(|track| track.parse() == Ok(Track::Digest));
    let Some(image) = container.reference().filter(|_| follows) else { return false };
    let learnt = record.ledger(&container.name).and_then(|ledger| ledger.digest_of(&image));
    image.digest().is_none() && learnt.is_none() && image.running_tag().is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::approval::LinkKey;
    use crate::domain::record::sealed::seal;
    use crate::domain::record::tests::{question, update};
    use crate::domain::record::{Event, Running};
    use crate::domain::reference::ImageReference;
    use crate::domain::rollout::{Progress, Waits};
    use crate::domain::workload::tests::workload;

    fn repository(name: &str) -> Repository {
        Repository::parse(name).unwrap()
    }

    fn scope(kind: Kind, namespace: Option<&str>) -> Scope {
        Scope { namespace: namespace.map(Into::into), kind }
    }

    fn at(mut workload: Workload, version: u64) -> Workload {
        workload.resource_version = version;
        workload
    }

    #[test]
    fn who_is_not_watched_any_more_is_remembered_within_bounds() {
        let index = Index::default();
        assert!(!index.was_let_go("uid"));
        index.let_go("uid");
        assert!(index.was_let_go("uid"));
        index.is_watched_again("uid");
        assert!(!index.was_let_go("uid"));
        for n in 0..=MOST_LET_GO {
            index.let_go(&n.to_string());
        }
        assert_eq!(index.read(|tables| tables.let_go.len()), MOST_LET_GO);
    }

    #[test]
    fn a_workload_is_found_by_what_it_runs_now() {
        let index = Index::default();
        let first = at(workload(&[("web", "acme/web:1.0.0")], &[("mode", "NOTIFICATION")]), 1);
        assert_eq!(index.observe(&first.id.clone(), Some(first.clone())), [repository("acme/web")]);
        assert_eq!(index.running(&repository("acme/web")).len(), 1);
        let other = at(workload(&[("web", "acme/site:1.0.0")], &[("mode", "NOTIFICATION")]), 2);
        assert_eq!(index.observe(&other.id.clone(), Some(other)), [repository("acme/site")]);
        assert!(!index.knows(&repository("acme/web")) && index.knows(&repository("acme/site")));
        assert!(index.observe(&first.id, None).is_empty());
        assert!(index.repositories().is_empty());
    }

    /// The annotation of a record after these events of the container `web`.
    fn record(sequence: u64, events: Vec<Event>) -> String {
        let mut record = Record::default();
        record.sequence = sequence;
        for event in events {
            record.on("web", event, chrono::DateTime::from_timestamp(1_795_000_000, 0).unwrap());
        }
        let id = workload(&[("web", "web:1.0.0")], &[]).id;
        seal(&record, &id, &LinkKey::new(vec![1; 32]).unwrap()).unwrap().0
    }

    fn asks(n: u8) -> Event {
        Event::Ask(Box::new(question(n)))
    }

    #[test]
    fn a_workload_is_found_by_the_approvals_of_its_record() {
        let approval = |n: u8| question(n).terms.id;
        let of = |name: &str, version: u64, annotations: &[(&str, &str)]| {
            let mut workload = at(workload(&[("web", "web:1.0.0")], annotations), version);
            workload.id.name = name.into();
            workload
        };
        let index = Index::knowing(LinkKey::new(vec![1; 32]).unwrap().into());
        let put = |workload: Workload| index.observe(&workload.id.clone(), Some(workload));
        let (first, second) = (record(1, vec![asks(1)]), record(2, vec![asks(2)]));
        put(of("web", 1, &[("mode", "NOTIFICATION"), ("record", &first)]));
        put(of("copy", 2, &[("mode", "NOTIFICATION"), ("record", &first)]));
        put(of("mention", 3, &[("mode", "NOTIFICATION"), ("skip", approval(1).as_str())]));
        let names = |n: u8| -> Vec<String> {
            index.naming(&approval(n)).iter().map(|workload| workload.id.name.to_string()).collect()
        };
        assert_eq!(
            (names(1), names(2)),
            (vec!["web".to_owned(), "copy".to_owned()], Vec::new()),
            "the true one is first"
        );
        put(of("web", 4, &[("mode", "NOTIFICATION"), ("record", &second)]));
        assert_eq!((names(1), names(2)), (vec!["copy".to_owned()], vec!["web".to_owned()]));
        for n in 0..20 {
            put(of(&format!("copy-{n}"), 5, &[("mode", "NOTIFICATION"), ("record", &second)]));
        }
        assert_eq!(names(2).len(), 9, "those of one namespace that claim it are few");
        put(of("web", 6, &[("mode", "NOTIFICATION"), ("record", &second.replace("uid-1", "uid-3"))]));
        assert_eq!(names(2).len(), 8, "one that was edited only claims it");
        index.replace(&scope(Kind::Deployment, None), Fresh::Changes, Vec::new());
        let is_empty = index.read(|tables| tables.by_approval.is_empty() && tables.approvals.is_empty());
        assert!(is_empty, "nothing is left behind");
    }

    #[test]
    fn copies_of_a_record_take_no_place_of_the_true_one() {
        let text = record(1, vec![asks(1)]);
        let of = |name: &str, mode: &str| {
            let mut workload = at(workload(&[("web", "web:1.0.0")], &[("mode", mode), ("record", &text)]), 1);
            (workload.id.name, workload.id.uid) = (name.into(), format!("uid-{name}").into());
            workload
        };
        let copies = || (0..8).map(|n| of(&format!("a{n}"), "DISABLED"));
        let truly = || Workload { id: workload(&[], &[]).id, ..of("web", "NOTIFICATION") };
        for list in [copies().chain([truly()]).collect::<Vec<_>>(), std::iter::once(truly()).chain(copies()).collect()]
        {
            let index = Index::knowing(LinkKey::new(vec![1; 32]).unwrap().into());
            index.replace(&scope(Kind::Deployment, None), Fresh::Unfinished, list);
            let found = index.naming(&question(1).terms.id);
            assert_eq!(found.first().map(|it| &*it.id.uid), Some("uid-1"));
            index.observe(&found[0].id, None);
            assert_eq!(index.naming(&question(1).terms.id).len(), 8);
        }
    }

    #[test]
    fn a_record_that_somebody_else_wrote_to_is_looked_at() {
        let (first, second) = (record(1, vec![asks(1)]), record(2, vec![asks(2)]));
        let of = |version, record: Option<&str>, more: &[(&str, &str)]| {
            let mut annotations = vec![("mode", "NOTIFICATION")];
            annotations.extend(record.map(|record| ("record", record)));
            annotations.extend(more);
            at(workload(&[("web", "web:1.0.0")], &annotations), version)
        };
        let index = Index::default();
        let put = |workload: Workload| index.observe(&workload.id.clone(), Some(workload)).len();
        put(of(1, Some(&first), &[]));
        assert_eq!(put(of(2, Some(&second), &[("last-notified", "now")])), 0, "we went on");
        assert_eq!(put(of(3, Some(&first), &[])), 1, "somebody set it back");
        assert_eq!(put(of(4, Some(&second), &[])), 0);
        assert_eq!(put(of(5, Some(&second), &[("token-update", "x")])), 1, "somebody wrote beside it");
        assert_eq!(put(of(6, None, &[])), 1, "somebody removed it");
    }

    #[test]
    fn a_workload_is_found_by_its_uid_for_as_long_as_it_is_there() {
        let index = Index::default();
        let first = at(workload(&[("web", "web:1.0.0")], &[("mode", "NOTIFICATION")]), 1);
        let mut again = at(first.clone(), 5);
        again.id.uid = "uid-2".into();
        let known = |uid: &str| index.by_uid(uid).map(|found| found.resource_version);
        index.observe(&first.id, Some(first.clone()));
        index.observe(&first.id, Some(at(first.clone(), 2)));
        assert_eq!((known("uid-1"), known("uid-2")), (Some(2), None));
        index.learn(at(first.clone(), 3));
        assert_eq!(known("uid-1"), Some(3), "what was just written is what is found");
        index.observe(&again.id, Some(again.clone()));
        assert_eq!((known("uid-1"), known("uid-2")), (None, Some(5)), "recreated under its name it is another");
        assert_eq!(index.named("shop", Kind::Deployment, "web").map(|found| found.id.clone()), Some(again.id.clone()));
        assert!(index.named("shop", Kind::StatefulSet, "web").is_none());
        index.observe(&again.id, None);
        assert_eq!(known("uid-2"), None);
        index.observe(&first.id.clone(), Some(first));
        index.forget(&scope(Kind::Deployment, None));
        assert_eq!((known("uid-1"), index.read(|tables| tables.by_uid.len())), (None, 0));
    }

    #[test]
    fn our_own_record_is_no_reason_to_look_again() {
        let index = Index::default();
        let plain = at(workload(&[("web", "web:1.0.0")], &[("mode", "NOTIFICATION")]), 1);
        index.observe(&plain.id.clone(), Some(plain.clone()));
        let recorded =
            at(workload(&[("web", "web:1.0.0")], &[("mode", "NOTIFICATION"), ("current-version", "1.0.0")]), 2);
        assert!(index.observe(&plain.id, Some(recorded)).is_empty());
        let edited = at(workload(&[("web", "web:1.0.0")], &[("mode", "AUTO_UPDATE")]), 3);
        assert_eq!(index.observe(&plain.id, Some(edited)).len(), 1);
        let stale = at(workload(&[("web", "web:0.9.0")], &[("mode", "AUTO_UPDATE")]), 2);
        assert!(index.observe(&plain.id, Some(stale)).is_empty(), "an older event changes nothing");
        assert_eq!(&*index.running(&repository("web"))[0].containers[0].image, "web:1.0.0");
    }

    #[test]
    fn a_followed_tag_is_looked_at_once_until_its_digest_is_known() {
        let first_list = |image: &str, annotations: &[(&str, &str)]| {
            let workload = at(workload(&[("web", image)], annotations), 1);
            Index::default().replace(&scope(Kind::Deployment, None), Fresh::Unfinished, vec![workload]).len()
        };
        let pinned = format!("web:latest@sha256:{}", "a".repeat(64));
        let runs = Running::of(&ImageReference::parse(&pinned).unwrap()).unwrap();
        let known = record(1, vec![Event::Runs(runs)]);
        assert_eq!(first_list("web:latest", &[("track", "digest")]), 1);
        assert_eq!(first_list("web", &[("track", "digest")]), 1, "latest is implied");
        assert_eq!(first_list("web", &[("track", "digest"), ("record", &known)]), 0);
        assert_eq!(first_list("web:latest", &[("track.web", "DIGEST")]), 1);
        assert_eq!(first_list("web:latest", &[("track", "digest"), ("record", &known)]), 0);
        assert_eq!(first_list("web:edge", &[("track", "digest"), ("record", &known)]), 1);
        assert_eq!(first_list("web:latest", &[("track", "version")]), 0);
        assert_eq!(
            first_list("web:latest", &[("mode", "NOTIFICATION"), (REQUEST, "{}")]),
            1,
            "somebody asked something"
        );
        assert_eq!(first_list(&pinned, &[("track", "digest")]), 0);
    }

    #[test]
    fn an_open_update_is_looked_at_when_its_rollout_moves() {
        let text = record(1, vec![Event::Write(Box::new(update(1, None)))]);
        let open = |rollout, version| {
            let mut w = at(workload(&[("web", "web:1.1.0")], &[("mode", "AUTO_UPDATE"), ("record", &text)]), version);
            w.rollout = rollout;
            w
        };
        let index = Index::default();
        let under_way = Rollout::Progressing(Progress::default());
        let first = open(under_way.clone(), 1);
        let all = scope(Kind::Deployment, None);
        let listed = index.replace(&all, Fresh::Unfinished, vec![first.clone()]);
        assert_eq!(listed.len(), 1, "unfinished at the start");
        assert!(index.observe(&first.id, Some(open(under_way, 2))).is_empty());
        assert_eq!(index.observe(&first.id, Some(open(Rollout::Complete, 3))).len(), 1);
    }

    #[test]
    fn a_scope_that_comes_back_is_looked_at() {
        let index = Index::default();
        let (shop, blog) = (scope(Kind::Deployment, Some("shop")), scope(Kind::Deployment, Some("blog")));
        let first = workload(&[("web", "web:1.0.0"), ("log", "log:1.0.0")], &[("mode", "NOTIFICATION")]);
        index.replace(&shop, Fresh::Unfinished, vec![first.clone()]);
        assert_eq!((index.repositories_in(&shop).len(), index.repositories_in(&blog).len()), (2, 0));
        index.forget(&blog);
        assert_eq!(index.count(Kind::Deployment), 1);
        index.forget(&shop);
        assert!(index.all().is_empty() && index.repositories().is_empty());
        assert_eq!(index.replace(&shop, Fresh::Everything, vec![first]).len(), 2);
    }

    #[test]
    fn a_failed_update_is_looked_at_when_it_comes_up_after_all() {
        let text = record(1, vec![Event::Write(Box::new(update(1, None))), Event::End(Outcome::Failed, None)]);
        let failed = |rollout, version| {
            let mut w = at(workload(&[("web", "web:1.1.0")], &[("mode", "AUTO_UPDATE"), ("record", &text)]), version);
            w.rollout = rollout;
            w
        };
        let index = Index::default();
        let first = failed(Rollout::Progressing(Progress::default()), 1);
        assert!(
            index.replace(&scope(Kind::Deployment, None), Fresh::Unfinished, vec![first.clone()]).is_empty(),
            "it is over as long as it is so"
        );
        assert_eq!(index.observe(&first.id, Some(failed(Rollout::Complete, 2))).len(), 1);
    }

    #[test]
    fn a_list_says_what_is_gone_in_its_scope_only() {
        let index = Index::default();
        let first = workload(&[("web", "web:1.0.0")], &[("mode", "NOTIFICATION")]);
        let list = |kind, namespace, fresh, list| index.replace(&scope(kind, namespace), fresh, list);
        let listed = list(Kind::Deployment, None, Fresh::Unfinished, vec![first.clone()]);
        assert!(listed.is_empty(), "at the start nothing is urgent");
        list(Kind::StatefulSet, None, Fresh::Unfinished, Vec::new());
        list(Kind::Deployment, Some("blog"), Fresh::Unfinished, Vec::new());
        assert_eq!(index.count(Kind::Deployment), 1);
        assert!(list(Kind::Deployment, Some("shop"), Fresh::Changes, vec![first.clone()]).is_empty());
        list(Kind::Deployment, Some("shop"), Fresh::Changes, Vec::new());
        assert_eq!(index.count(Kind::Deployment), 0);
        let came = list(Kind::Deployment, Some("shop"), Fresh::Changes, vec![first]);
        assert_eq!(came.len(), 1, "the first of a namespace that was empty is new");
    }

    /// A Deployment at 0 replicas whose update is followed, and what a Rollout says of it.
    fn referred(version: u64) -> (Workload, WorkloadId, impl Fn(i64, Rollout) -> Option<Referrer>) {
        let text = record(1, vec![Event::Write(Box::new(update(1, None)))]);
        let annotations = [("mode", "AUTO_UPDATE"), ("record", &*text)];
        let mut deployment = at(workload(&[("web", "web:1.1.0")], &annotations), version);
        (deployment.generation, deployment.rollout) = (7, Rollout::Waiting(Waits::ZeroReplicas));
        let rollout = WorkloadId { kind: Kind::Rollout, name: "cart".into(), ..deployment.id.clone() };
        let says = |observed, rollout| Some(Referrer { deployment: "web".into(), observed, rollout, paused: false });
        (deployment, rollout, says)
    }

    #[test]
    fn a_deployment_that_a_rollout_refers_to_is_followed_by_it() {
        let (deployment, rollout, says) = referred(1);
        let stands = |index: &Index| index.by_uid("uid-1").unwrap().rollout.clone();
        let asleep = Rollout::Waiting(Waits::ZeroReplicas);
        for deployment_first in [true, false] {
            let index = Index::default();
            let observe = || index.observe(&deployment.id, Some(deployment.clone()));
            let say = |observed, it| index.refer(&rollout, says(observed, it));
            if deployment_first {
                observe();
                assert_eq!(stands(&index), asleep);
                assert_eq!(say(7, Rollout::Waiting(Waits::CanaryPause)).len(), 1, "it is looked at");
            } else {
                assert!(say(7, Rollout::Waiting(Waits::CanaryPause)).is_empty());
                observe();
            }
            assert_eq!(stands(&index), Rollout::Waiting(Waits::CanaryPause));
            assert!(say(7, Rollout::Waiting(Waits::CanaryPause)).is_empty(), "no news");
            assert_eq!(say(7, Rollout::Complete).len(), 1);
            let newer = Workload { generation: 8, ..at(deployment.clone(), 2) };
            let Rollout::Progressing(_) = index.learn(newer).rollout else { panic!("what was just written is new") };
            let Rollout::Progressing(_) = stands(&index) else { panic!("what was just written is new") };
            say(8, Rollout::Complete);
            assert_eq!(stands(&index), Rollout::Complete);
            assert_eq!(index.rollout_of(&deployment.id).as_deref(), Some("cart"), "whose pods those are");
            index.refer(&rollout, None);
            assert_eq!(index.rollout_of(&deployment.id), None);
            assert_eq!(stands(&index), asleep, "it is gone");
        }
    }

    #[test]
    fn who_refers_to_a_deployment_may_vanish_with_its_kind() {
        let (deployment, rollout, says) = referred(1);
        let index = Index::default();
        index.observe(&deployment.id, Some(deployment.clone()));
        let all = scope(Kind::Rollout, None);
        let list = |referrers| index.refer_all(&all, referrers).len();
        assert_eq!(list(vec![(rollout.clone(), says(7, Rollout::Complete).unwrap())]), 1);
        assert_eq!(list(vec![(rollout.clone(), says(7, Rollout::Complete).unwrap())]), 0);
        index.refer_all(&scope(Kind::Rollout, Some("blog")), Vec::new());
        assert_eq!(index.by_uid("uid-1").unwrap().rollout, Rollout::Complete, "another namespace");
        index.forget(&all);
        assert_eq!(index.by_uid("uid-1").unwrap().rollout, Rollout::Waiting(Waits::ZeroReplicas));
        let is_empty = index.read(|tables| tables.referred.is_empty() && tables.referrers.is_empty());
        assert!(is_empty, "nothing is left behind");
        let other = Referrer { deployment: "api".into(), ..says(7, Rollout::Complete).unwrap() };
        index.refer(&rollout, says(7, Rollout::Complete));
        index.refer(&rollout, Some(other));
        assert_eq!(
            index.by_uid("uid-1").unwrap().rollout,
            Rollout::Waiting(Waits::ZeroReplicas),
            "it left for another"
        );
    }

    #[test]
    fn what_runs_say_is_taken_of_the_object_that_was_looked_at() {
        let text = record(1, vec![Event::Write(Box::new(update(1, None)))]);
        let first = at(workload(&[("web", "web:1.1.0")], &[("mode", "AUTO_UPDATE"), ("record", &text)]), 1);
        assert!(updated(&first).is_some());
        let index = Index::default();
        index.observe(&first.id.clone(), Some(first.clone()));
        assert!(index.judged(&at(first.clone(), 2), Rollout::Waiting(Waits::NextRun)).is_empty(), "of another version");
        assert_eq!(index.judged(&first, Rollout::Waiting(Waits::NextRun)).len(), 1);
        assert!(index.judged(&first, Rollout::Waiting(Waits::NextRun)).is_empty(), "no news");
        assert_eq!(updated(&workload(&[("web", "web:1.1.0")], &[])), None);
    }
}
