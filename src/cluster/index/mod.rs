//! Which workloads run which repository, kept by the watch streams.

mod approvals;
mod departed;
mod hints;
mod referred;
mod tables;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::watch;

use approvals::Places;
use departed::Departed;
use hints::hints;
use referred::Referred;
use tables::repositories;

pub(super) use hints::updated;

use super::scopes::{Fresh, Scope};
use super::sequences::Sequences;
use crate::domain::approval::{ApprovalId, LinkKeys};
use crate::domain::defaults::Defaults;
use crate::domain::fleet::{Fleet, Standing};
use crate::domain::group::GroupName;
use crate::domain::reference::Repository;
use crate::domain::rollout::Rollout;
use crate::domain::rollout::cron_job::Since;
use crate::domain::workload::{Kind, ObjectName, Workload, WorkloadId};

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
    /// Those that are gone, as far as people were asked about them.
    departed: Departed,
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
    /// On which of them something else stands than the newest record that is known.
    set_back: HashSet<ObjectName>,
    /// Those of which a record is known and that were deleted, by uid, until that is noted.
    deleted: HashSet<Box<str>>,
    /// Those that were there when a record was written, and of which no list has told yet whether they are, by uid.
    unlisted: HashMap<(Kind, Box<str>), HashSet<Box<str>>>,
}

/// How many workloads are remembered that are no longer watched.
const MOST_LET_GO: usize = 20_000;

/// The index. Clones share it.
#[derive(Clone, Default)]
pub struct Index {
    tables: Arc<RwLock<Tables>>,
    /// What tells our own records from others; without any, all that are newer are taken for ours.
    keys: Option<Arc<LinkKeys>>,
    /// What workloads inherit, and which of them are watched.
    defaults: Arc<watch::Sender<Arc<Defaults>>>,
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

    /// What workloads inherit.
    #[must_use]
    pub fn defaults(&self) -> Arc<Defaults> {
        Arc::clone(&self.defaults.borrow())
    }

    /// Changes what workloads inherit. Who watches them reads all of them again, if that is something else than before.
    pub fn inherit(&self, change: impl FnOnce(&mut Defaults)) {
        self.defaults.send_if_modified(|now| {
            let mut then = Defaults::clone(now);
            change(&mut then);
            let changes = then != **now;
            if changes {
                *now = Arc::new(then);
            }
            changes
        });
    }

    /// Waits for the next change of what workloads inherit.
    pub(super) fn inheriting(&self) -> watch::Receiver<Arc<Defaults>> {
        self.defaults.subscribe()
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

    /// The update of a workload that is followed, by the newest that is known of it.
    pub(super) fn rolls(&self, uid: &str) -> Option<Since> {
        let (at, undoes) = self.read(|tables| tables.fleet.rolls(uid))?;
        Some(Since { at, undoes })
    }

    /// Takes over what of a workload concerns others, where its record does not say it as nothing may be written.
    pub fn stands(&self, workload: &Workload, standing: Standing) {
        self.write(|tables| {
            if let Some(now) = tables.by_uid.get(&workload.id.uid).cloned() {
                tables.fleet.put(&now, Some(standing));
            }
        });
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

    /// Those on which something else stands than the newest record that is known: an older one, or its history was edited, or
    /// nothing of ours. What is known of them is elsewhere.
    #[must_use]
    pub fn set_back(&self) -> Vec<Arc<Workload>> {
        self.read(|tables| tables.set_back.iter().filter_map(|place| tables.workloads.get(place)).cloned().collect())
    }

    /// Takes the numbers of the newest records that the store remembers, by uid.
    pub fn expect(&self, newest: Vec<(Box<str>, u64)>) {
        self.write(|tables| tables.sequences.expect(newest));
    }

    /// Takes where the workloads were whose records the store remembers, by uid, before anything is listed: what is in no list
    /// was deleted while nobody looked.
    pub fn expect_there(&self, all: impl IntoIterator<Item = (Box<str>, ObjectName)>) {
        self.write(|tables| {
            for (uid, ObjectName { namespace, kind, .. }) in all {
                tables.unlisted.entry((kind, namespace)).or_default().insert(uid);
            }
        });
    }

    /// Takes that an object is there, whether it is watched or not.
    pub(crate) fn is_there(&self, id: &WorkloadId) {
        if self.read(|tables| !tables.unlisted.is_empty()) {
            self.write(|tables| tables.is_listed(id));
        }
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
            let hints = hints(Some(&known), &workload, (&|| true, &|| tables.rolls(&known.id)));
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
                    tables.depart(&place, &known);
                }
                return tables.remove(&place);
            };
            let workload = tables.as_referred(&place, workload);
            let known = tables.workloads.get(&place);
            if known.is_some_and(|known| known.resource_version > workload.resource_version && known.id == workload.id)
            {
                return Hints::new();
            }
            let known = known.cloned();
            let ours = || self.is_ours(&workload);
            let mut hints = hints(known.as_deref(), &workload, (&ours, &|| tables.rolls(id)));
            let left = known.map(|known| tables.left_behind(&known, Some(&workload))).unwrap_or_default();
            if !left.is_empty() {
                hints.extend(left);
                hints.sort();
                hints.dedup();
            }
            tables.put(&place, Arc::new(workload), |it| self.named_by(it));
            hints
        })
    }

    /// Takes that an object was deleted. Of one that is only not watched any more an older record may come back.
    pub(crate) fn gone(&self, id: &WorkloadId) -> Hints {
        let hints = self.observe(id, None);
        self.write(|tables| tables.delete(&id.uid));
        hints
    }

    /// Those that are watched.
    #[must_use]
    pub fn ids(&self) -> Vec<WorkloadId> {
        self.read(|tables| tables.by_uid.values().map(|workload| workload.id.clone()).collect())
    }

    /// Those of which a record is known and that were deleted, by uid, until [`Self::noted`].
    #[must_use]
    pub fn deleted(&self) -> Vec<Box<str>> {
        self.read(|tables| tables.deleted.iter().cloned().collect())
    }

    /// It is noted elsewhere that these were deleted.
    pub fn noted(&self, deleted: &[Box<str>]) {
        self.write(|tables| {
            for uid in deleted {
                tables.deleted.remove(uid);
            }
        });
    }

    /// Takes a complete list of a scope; what is not in it is gone.
    pub(crate) fn replace(&self, scope: &Scope, fresh: Fresh, list: Vec<Workload>) -> Hints {
        self.write(|tables| {
            let mut gone = tables.of(scope);
            let mut all = Hints::new();
            for workload in list {
                tables.is_listed(&workload.id);
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
                let ours = || self.is_ours(&workload);
                all.extend(hints(known, &workload, (&ours, &|| tables.rolls(&workload.id))));
                if let Some(known) = tables.workloads.get(&place) {
                    all.extend(tables.left_behind(known, Some(&workload)));
                }
                tables.put(&place, Arc::new(workload), |it| self.named_by(it));
            }
            for place in gone {
                if let Some(known) = tables.workloads.get(&place).cloned() {
                    tables.depart(&place, &known);
                }
                all.extend(tables.remove(&place));
            }
            tables.delete_unlisted(scope);
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
