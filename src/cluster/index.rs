//! Which workloads run which repository, kept by the watch streams.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, PoisonError, RwLock};

use super::scopes::{Fresh, Scope};
use crate::domain::approval::{ApprovalId, PROPOSAL, Recorded, recorded};
use crate::domain::history::{History, Outcome};
use crate::domain::policy::{Track, tracked};
use crate::domain::reference::{Repository, Tag};
use crate::domain::rollout::Rollout;
use crate::domain::settings::is_state;
use crate::domain::workload::{Container, Kind, Workload, WorkloadId};

/// Where an object is, whatever its uid.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Place {
    namespace: Box<str>,
    kind: Kind,
    name: Box<str>,
}

impl Place {
    fn of(id: &WorkloadId) -> Self {
        Self { namespace: id.namespace.clone(), kind: id.kind, name: id.name.clone() }
    }
}

/// Repositories to look at, because a workload that runs them changed.
pub type Hints = Vec<Repository>;

#[derive(Default)]
struct Tables {
    workloads: HashMap<Place, Arc<Workload>>,
    by_repository: HashMap<Repository, HashSet<Place>>,
    /// What the records name, read when they changed.
    records: HashMap<Place, Vec<Arc<Recorded>>>,
    /// The same by approval; all but one workload of each only claim to be the one that is meant.
    by_approval: HashMap<ApprovalId, Vec<(Place, Arc<Recorded>)>>,
}

/// How many workloads of a namespace are believed to be the one that an approval may be about.
const MOST_OF_A_NAMESPACE: usize = 8;

/// A workload that an approval may be about. Whether a link is of it, only the link's signature says.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// The workload.
    pub workload: Arc<Workload>,
    /// What its record knows of the approval.
    pub recorded: Arc<Recorded>,
}

/// The index. Clones share it.
#[derive(Clone, Default)]
pub struct Index(Arc<RwLock<Tables>>);

impl std::fmt::Debug for Index {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Index({} workloads)", self.read(|tables| tables.workloads.len()))
    }
}

impl Index {
    fn read<T>(&self, read: impl FnOnce(&Tables) -> T) -> T {
        read(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn write<T>(&self, write: impl FnOnce(&mut Tables) -> T) -> T {
        write(&mut self.0.write().unwrap_or_else(PoisonError::into_inner))
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

    /// What an approval may be about, decisions first, in a stable order. An unknown one costs a look into a table.
    #[must_use]
    pub fn recorded(&self, approval: &ApprovalId) -> Vec<Candidate> {
        let mut found: Vec<Candidate> = self.read(|tables| {
            let candidate = |(place, recorded): &(Place, Arc<Recorded>)| {
                Some(Candidate { workload: Arc::clone(tables.workloads.get(place)?), recorded: Arc::clone(recorded) })
            };
            tables.by_approval.get(approval).into_iter().flatten().filter_map(candidate).collect()
        });
        found.sort_by(|a, b| (a.recorded.stage, &a.workload.id).cmp(&(b.recorded.stage, &b.workload.id)));
        found
    }

    /// Whether any record names an approval.
    #[must_use]
    pub fn records(&self, approval: &ApprovalId) -> bool {
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

    /// Takes a record that was just written by us, unless the stream was faster.
    pub(crate) fn learn(&self, workload: &Arc<Workload>) {
        let place = Place::of(&workload.id);
        self.write(|tables| {
            let known = tables.workloads.get(&place);
            if known.is_some_and(|known| known.resource_version < workload.resource_version) {
                tables.put(&place, Arc::clone(workload));
            }
        });
    }

    /// Takes what a stream says of one object: a watched workload, or one that is not watched (any more).
    pub(crate) fn observe(&self, id: &WorkloadId, observed: Option<Workload>) -> Hints {
        let place = Place::of(id);
        self.write(|tables| {
            let Some(workload) = observed else {
                tables.remove(&place);
                return Hints::new();
            };
            let known = tables.workloads.get(&place);
            if known.is_some_and(|known| known.resource_version > workload.resource_version && known.id == workload.id)
            {
                return Hints::new();
            }
            let hints = hints(known.map(|known| &**known), &workload);
            tables.put(&place, Arc::new(workload));
            hints
        })
    }

    /// Takes a complete list of a scope; what is not in it is gone.
    pub(crate) fn replace(&self, scope: &Scope, fresh: Fresh, list: Vec<Workload>) -> Hints {
        self.write(|tables| {
            let mut gone = tables.of(scope);
            let mut all = Hints::new();
            for workload in list {
                let place = Place::of(&workload.id);
                gone.remove(&place);
                let known = match fresh {
                    Fresh::Unfinished => Some(&workload),
                    Fresh::Changes => tables.workloads.get(&place).map(|known| &**known),
                    Fresh::Everything => None,
                };
                all.extend(hints(known, &workload));
                tables.put(&place, Arc::new(workload));
            }
            for place in gone {
                tables.remove(&place);
            }
            all
        })
    }

    /// Forgets a scope that can't be seen any more.
    pub(super) fn forget(&self, scope: &Scope) {
        self.write(|tables| {
            for place in tables.of(scope) {
                tables.remove(&place);
            }
        });
    }
}

impl Tables {
    fn of(&self, scope: &Scope) -> HashSet<Place> {
        let namespace = scope.namespace.as_deref();
        let is_in = |place: &&Place| place.kind == scope.kind && namespace.is_none_or(|name| *place.namespace == *name);
        self.workloads.keys().filter(is_in).cloned().collect()
    }

    fn put(&mut self, place: &Place, workload: Arc<Workload>) {
        let now = repositories(&workload);
        let before = self.workloads.get(place).cloned();
        if let Some(before) = &before {
            for repository in repositories(before).difference(&now) {
                self.unlink(repository, place);
            }
        }
        self.record(before.as_deref(), &workload, place);
        self.workloads.insert(place.clone(), workload);
        for repository in now {
            self.by_repository.entry(repository).or_default().insert(place.clone());
        }
    }

    fn remove(&mut self, place: &Place) {
        let Some(workload) = self.workloads.remove(place) else { return };
        self.forget(place);
        for container in &workload.containers {
            if let Some(reference) = container.reference() {
                self.unlink(reference.repository(), place);
            }
        }
    }

    /// Takes over what the record names; most events of a workload are about its status, and change nothing of it.
    fn record(&mut self, before: Option<&Workload>, now: &Workload, place: &Place) {
        if before
            .is_some_and(|it| it.id == now.id && it.annotations == now.annotations && it.containers == now.containers)
        {
            return;
        }
        self.forget(place);
        let all: Vec<Arc<Recorded>> = recorded(now).into_iter().map(Arc::new).collect();
        for recorded in &all {
            let candidates = self.by_approval.entry(recorded.approval.id.clone()).or_default();
            let neighbours =
                candidates.iter().filter(|(other, _)| other.namespace == place.namespace && other != place);
            if neighbours.map(|(other, _)| other).collect::<HashSet<_>>().len() < MOST_OF_A_NAMESPACE {
                candidates.push((place.clone(), Arc::clone(recorded)));
            }
        }
        if !all.is_empty() {
            self.records.insert(place.clone(), all);
        }
    }

    /// Takes back what a record named.
    fn forget(&mut self, place: &Place) {
        for recorded in self.records.remove(place).into_iter().flatten() {
            if let Some(candidates) = self.by_approval.get_mut(&recorded.approval.id) {
                candidates.retain(|(other, _)| other != place);
                if candidates.is_empty() {
                    self.by_approval.remove(&recorded.approval.id);
                }
            }
        }
    }

    fn unlink(&mut self, repository: &Repository, place: &Place) {
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

/// What to look at because of a change: everything of a workload that is new or has other settings or images, and of
/// one with an unfinished update whose rollout moved, or that nobody was told of.
fn hints(known: Option<&Workload>, workload: &Workload) -> Hints {
    let settings = |workload: &Workload| -> Vec<(Box<str>, Box<str>)> {
        workload.annotations.iter().filter(|(name, _)| !is_state(name)).cloned().collect()
    };
    let edited = known.is_none_or(|known| {
        known.id != workload.id
            || known.containers != workload.containers
            || known.template_names != workload.template_names
            || known.paused != workload.paused
            || settings(known) != settings(workload)
    });
    let unfinished =
        || is_unfinished(workload) && known.is_none_or(|known| known.rollout != workload.rollout || known == workload);
    if !edited && !unfinished() {
        return Hints::new();
    }
    let mut all: Hints = repositories(workload).into_iter().collect();
    all.sort();
    all
}

/// Whether an update of it has not ended, an open proposal was not told, or it is not known what a followed tag was.
fn is_unfinished(workload: &Workload) -> bool {
    let history = History::read(workload.annotation("history"));
    workload.containers.iter().any(|container| {
        let proposal = workload.state(PROPOSAL, &container.name);
        let untold = proposal.is_some_and(|proposal| proposal.contains("\"told\":false"));
        let newest = history.newest(&container.name);
        // A failed one is followed too: pods that come up later make it healthy after all.
        let followed = newest.is_some_and(|entry| match entry.outcome {
            Outcome::RollingOut => true,
            Outcome::Failed => workload.rollout == Rollout::Complete,
            Outcome::Healthy | Outcome::Replaced | Outcome::Skipped => false,
        });
        untold || followed || needs_baseline(workload, container)
    })
}

/// Whether a container's tag is to be followed by its digest, and no digest of it is written down anywhere: each push
/// before the first look would go unnoticed.
fn needs_baseline(workload: &Workload, container: &Container) -> bool {
    let own = format!("track.{}", container.name);
    let track = workload.annotation(&own).or_else(|| workload.annotation("track"));
    let follows = track.is_some_and(|track| track.parse() == Ok(Track::Digest));
    let Some(image) = container.reference().filter(|image| follows && image.digest().is_none()) else { return false };
    let recorded = |tag: &Tag| tracked(workload.state("tracked-digest", &container.name), tag.as_str());
    image.running_tag().is_some_and(|tag| recorded(&tag).is_none())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::history::ApprovalRecord;
    use crate::domain::history::tests::entry;
    use crate::domain::rollout::Progress;
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

    #[test]
    fn a_workload_is_found_by_the_approvals_of_its_record() {
        let approval = |n: u8| ApprovalId::mint(chrono::DateTime::UNIX_EPOCH, [n; 10]);
        let history = |n: u8| {
            let mut entry = entry("1.1.0", Outcome::Healthy);
            let id = approval(n).to_string();
            let key = String::from("k");
            entry.approval = Some(ApprovalRecord { id, key, expires: 0, nonce: String::new(), from: None });
            serde_json::to_string(&[entry]).unwrap()
        };
        let of = |name: &str, version: u64, annotations: &[(&str, &str)]| {
            let mut workload = at(workload(&[("web", "web:1.0.0")], annotations), version);
            workload.id.name = name.into();
            workload
        };
        let index = Index::default();
        let put = |workload: Workload| index.observe(&workload.id.clone(), Some(workload));
        put(of("web", 1, &[("mode", "NOTIFICATION"), ("history", &history(1))]));
        put(of("copy", 2, &[("mode", "NOTIFICATION"), ("history", &history(1))]));
        put(of("mention", 3, &[("mode", "NOTIFICATION"), ("skip", approval(1).as_str())]));
        let names = |n: u8| -> Vec<String> {
            index.recorded(&approval(n)).iter().map(|candidate| candidate.workload.id.name.to_string()).collect()
        };
        assert_eq!((names(1), names(2)), (vec!["copy".to_owned(), "web".to_owned()], Vec::new()));
        put(of("web", 4, &[("mode", "NOTIFICATION"), ("history", &history(2))]));
        assert_eq!((names(1), names(2)), (vec!["copy".to_owned()], vec!["web".to_owned()]));
        index.replace(&scope(Kind::Deployment, None), Fresh::Changes, Vec::new());
        let is_empty = index.read(|tables| tables.by_approval.is_empty() && tables.records.is_empty());
        assert!(is_empty, "nothing is left behind");
    }

    /// The record of a question about an object with this uid, in many containers at once.
    fn stuffed(name: &str, uid: &str, asked: &str, id: &ApprovalId) -> Workload {
        let record = ApprovalRecord { id: id.to_string(), key: "k".into(), expires: 1, nonce: "n".into(), from: None };
        let terms = serde_json::json!({"approval": record, "uid": asked, "tag": "1.1.0", "from": "web:1.0.0",
            "digest": format!("sha256:{}", "a".repeat(64)), "level": "minor", "asked": ""});
        let mut proposal = terms.clone();
        proposal["superseded"] = vec![terms; 10].into();
        let proposal = proposal.to_string();
        let names: Vec<String> = (0..60).map(|n| format!("c{n}")).collect();
        let keys: Vec<String> = names.iter().map(|name| format!("proposal.{name}")).collect();
        let images: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "web:1.0.0")).collect();
        let mut annotations: Vec<(&str, &str)> = keys.iter().map(|key| (key.as_str(), proposal.as_str())).collect();
        annotations.push(("proposal", &proposal));
        let mut workload = workload(&images, &annotations);
        (workload.id.name, workload.id.uid) = (name.into(), uid.into());
        workload
    }

    #[test]
    fn copies_of_a_record_are_candidates_for_nothing() {
        let id = ApprovalId::mint(chrono::DateTime::UNIX_EPOCH, [1; 10]);
        let index = Index::default();
        let put = |workload: Workload| index.observe(&workload.id.clone(), Some(workload));
        put(stuffed("web", "uid-web", "uid-web", &id));
        for n in 0..20 {
            put(stuffed(&format!("copy-{n}"), &format!("uid-{n}"), "uid-web", &id));
        }
        assert_eq!(index.recorded(&id).len(), 1, "whoever was not asked about is not meant");
        for n in 0..20 {
            put(stuffed(&format!("forged-{n}"), &format!("forged-{n}"), &format!("forged-{n}"), &id));
        }
        assert_eq!(index.recorded(&id).len(), 8, "those of one namespace are few, whatever they claim");
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
        let recorded = format!("latest@sha256:{}", "a".repeat(64));
        assert_eq!(first_list("web:latest", &[("track", "digest")]), 1);
        assert_eq!(first_list("web", &[("track", "digest")]), 1, "latest is implied");
        assert_eq!(first_list("web", &[("track", "digest"), ("tracked-digest", &recorded)]), 0);
        assert_eq!(first_list("web:latest", &[("track.web", "DIGEST")]), 1);
        assert_eq!(first_list("web:latest", &[("track", "digest"), ("tracked-digest", &recorded)]), 0);
        assert_eq!(first_list("web:edge", &[("track", "digest"), ("tracked-digest", "latest@sha256:aa")]), 1);
        assert_eq!(first_list("web:latest", &[("track", "version")]), 0);
        assert_eq!(first_list(&pinned, &[("track", "digest")]), 0);
    }

    #[test]
    fn an_open_update_is_looked_at_when_its_rollout_moves() {
        let mut history = History::default();
        history.push(entry("1.1.0", Outcome::RollingOut));
        let text = history.write();
        let open = |rollout, version| {
            let mut w = at(workload(&[("web", "web:1.1.0")], &[("mode", "AUTO_UPDATE"), ("history", &text)]), version);
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
        let mut history = History::default();
        history.push(entry("1.1.0", Outcome::Failed));
        let text = history.write();
        let failed = |rollout, version| {
            let mut w = at(workload(&[("web", "web:1.1.0")], &[("mode", "AUTO_UPDATE"), ("history", &text)]), version);
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
}
