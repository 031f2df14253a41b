//! An API server, its controllers and its watch streams in memory. What they do with versions, generations, annotations
//! and `test` operations is what real ones were seen to do.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use super::invariant::Invariant;
use super::world::{Shared, Stream, World};
use crate::cluster::{
    Cluster, ClusterError, Fresh, Index, Rejection, RejectionReason, Scope, WorkloadEvent, operations,
};
use crate::domain::approval::ApprovalId;
use crate::domain::change_cause;
use crate::domain::group::GroupName;
use crate::domain::history::rfc3339;
use crate::domain::kept::kept;
use crate::domain::owner::{ImageOwner, Owner};
use crate::domain::preflight::Platform;
use crate::domain::reference::{ImageReference, Repository};
use crate::domain::rollout::pods::{ContainerStatus, Pod, Said, Standing, Troubled};
use crate::domain::rollout::{Progress, Stall, Status};
use crate::domain::settings::{is_state, keeps_value};
use crate::domain::workload::{Container, Kind, PREFIX, Workload, WorkloadId, WorkloadPatch};
use crate::registry::Credential;

/// Where an object is: namespace and name.
pub(super) type Place = (String, String);

/// Annotations, by their full name.
pub(super) type Annotations = BTreeMap<String, String>;

/// What a Deployment's controller leaves alone when it copies annotations to a `ReplicaSet`, and undo when it copies back.
const NOT_COPIED: [&str; 2] = ["kubectl.kubernetes.io/last-applied-configuration", "deployment.kubernetes.io/revision"];

/// After so long without progress a Deployment gives up.
const DEADLINE: TimeDelta = TimeDelta::seconds(600);

/// Names and images.
pub(super) type Template = Vec<(String, String)>;

/// A Deployment's memory of one template.
#[derive(Clone, Debug)]
pub(super) struct ReplicaSet {
    pub(super) template: Template,
    pub(super) annotations: Annotations,
}

/// A Deployment or a StatefulSet.
#[derive(Clone, Debug)]
pub(super) struct Object {
    pub(super) id: WorkloadId,
    pub(super) version: u64,
    pub(super) generation: i64,
    pub(super) observed: i64,
    pub(super) annotations: Annotations,
    pub(super) template: Template,
    pub(super) paused: bool,
    /// The newest last.
    pub(super) replica_sets: Vec<Arc<ReplicaSet>>,
    /// The template whose pods run, and whether all are up.
    pub(super) rolled: Template,
    pub(super) is_up: bool,
    pub(super) since: DateTime<Utc>,
    pub(super) stall: Option<Stall>,
    /// Whether that was said of the rollout before: it stands for a moment beside the new one.
    pub(super) is_stall_old: bool,
    /// What a GitOps tool holds it to, if one does.
    pub(super) git: Option<(Annotations, Template)>,
    /// What it is as a record, once that was asked.
    pub(super) recorded: OnceLock<Option<Workload>>,
}

impl Object {
    pub(super) fn place(&self) -> Place {
        (self.id.namespace.to_string(), self.id.name.to_string())
    }

    pub(super) fn ours(&self, name: &str) -> Option<&str> {
        self.annotations.get(&format!("{PREFIX}{name}")).map(String::as_str)
    }

    /// The record that the real one is made into.
    pub(super) fn record(&self) -> Option<Workload> {
        self.recorded.get_or_init(|| self.as_record()).clone()
    }

    fn as_record(&self) -> Option<Workload> {
        let ours = || self.annotations.iter().filter_map(|(key, value)| Some((key.strip_prefix(PREFIX)?, value)));
        if ours().all(|(name, _)| is_state(name)) {
            return None;
        }
        let is_container = |name: &str| self.template.iter().any(|(container, _)| container == name);
        let value = |(name, value)| (name, if keeps_value(name, is_container) { String::as_str(value) } else { "" });
        let status = Status {
            generation: self.generation,
            observed: self.observed,
            paused: self.paused,
            wanted: 1,
            replicas: 1,
            updated: i32::from(self.rolled == self.template),
            available: i32::from(self.is_up),
            one_revision: true,
            stall: self.stall.clone(),
            has_deadline: self.id.kind == Kind::Deployment,
            ..Status::default()
        };
        let containers = self.template.iter();
        Some(Workload {
            id: self.id.clone(),
            resource_version: self.version,
            generation: self.generation,
            annotations: kept(ours().map(value).collect()),
            change_cause: self.annotations.get(change_cause::ANNOTATION).map(|it| change_cause::remembered(it)),
            is_annotated: !self.annotations.is_empty(),
            inherited: None,
            template_names: Box::default(),
            containers: containers.map(|(name, image)| Container::main(name.as_str(), image.as_str())).collect(),
            pull_secrets: Box::default(),
            service_account: None,
            nodes: None,
            rollout: status.judge(),
            template_by_others: None,
            made: None,
            rest_of_template: 0,
            paused: self.paused,
            owner: Owner::read(|_| None, |name| self.annotations.get(name).map(String::as_str)).map(Box::new),
        })
    }

    /// One operation of a JSON Patch; `Err` where a `test` does not hold, or there is nothing to remove.
    fn execute(&mut self, operation: &Value) -> Result<(), ()> {
        let (kind, path, value) = (&operation["op"], operation["path"].as_str().unwrap(), operation["value"].as_str());
        let annotation =
            path.strip_prefix("/metadata/annotations/").map(|key| key.replace("~1", "/").replace("~0", "~"));
        let holds = |is_so: bool| if is_so { Ok(()) } else { Err(()) };
        match (kind.as_str().unwrap(), path, annotation) {
            ("test", "/metadata/uid", _) => holds(value == Some(&self.id.uid)),
            ("test", "/metadata/resourceVersion", _) => holds(value == Some(&self.version.to_string())),
            ("test", _, Some(key)) => holds(self.annotations.get(&key).map(String::as_str) == value),
            ("add", _, Some(key)) => {
                self.annotations.insert(key, value.unwrap().to_owned());
                Ok(())
            }
            ("remove", _, Some(key)) => self.annotations.remove(&key).map(drop).ok_or(()),
            (kind, path, None) => {
                let rest = path.strip_prefix("/spec/template/spec/containers/").expect("a path that we may write");
                let (index, field) = rest.split_once('/').unwrap();
                let container = self.template.get_mut(index.parse::<usize>().unwrap()).ok_or(())?;
                match (kind, field) {
                    ("test", "name") => holds(value == Some(&container.0)),
                    ("test", "image") => holds(value == Some(&container.1)),
                    ("replace", "image") => {
                        container.1 = value.unwrap().to_owned();
                        Ok(())
                    }
                    _ => panic!("image-watcher must not {kind} {path}"),
                }
            }
            (kind, path, _) => panic!("image-watcher must not {kind} {path}"),
        }
    }

    /// Whether its pods may be read: those of every other.
    pub(super) fn shows_pods(&self) -> bool {
        self.id.uid.ends_with(['0', '2', '4', '6', '8'])
    }

    /// Its pod, as a kubelet shows it: one whose image is bad ends every half minute.
    fn pod(&self, now: DateTime<Utc>, is_good: impl Fn(&str, &str) -> bool) -> Pod {
        let images = self.rolled.iter().map(|(name, image)| (name.as_str().into(), image.as_str().into())).collect();
        let since = Some(self.since);
        let restarts = i32::try_from((now - self.since).num_seconds() / 30).unwrap();
        let stands = if self.is_up {
            Standing::Ready(since)
        } else {
            let bad = self.rolled.iter().filter(|(_, image)| restarts > 0 && !Self::starts(image, &is_good));
            let ends = |(name, _): &(String, String)| {
                let waits = Some(Said::new("CrashLoopBackOff", "back-off restarting failed container"));
                ContainerStatus { name: name.as_str().into(), restarts, waits, exit: None }
            };
            Standing::Troubled(Box::new(Troubled { containers: bad.map(ends).collect(), ..Troubled::default() }))
        };
        Pod { name: self.id.name.clone(), images, stands }
    }

    /// Whether its images are such that they come up.
    fn comes_up(images: &Template, is_good: impl Fn(&str, &str) -> bool) -> bool {
        images.iter().all(|(_, image)| Self::starts(image, &is_good))
    }

    /// Whether this image is such that it starts.
    pub(super) fn starts(image: &str, is_good: impl Fn(&str, &str) -> bool) -> bool {
        ImageReference::parse(image).is_ok_and(|image| {
            image.running_tag().is_none_or(|tag| is_good(&image.repository().to_string(), tag.as_str()))
        })
    }

    /// Whether the controller has nothing to do.
    fn is_settled(&self) -> bool {
        let is_seen = self.observed == self.generation;
        is_seen && (self.paused || self.rolled == self.template && self.is_up && self.stall.is_none())
    }

    /// What the controller does when it sees the object.
    fn control(&mut self, now: DateTime<Utc>, is_good: impl Fn(&str, &str) -> bool) {
        self.observed = self.generation;
        if self.id.kind == Kind::Deployment {
            let known = self.replica_sets.iter().position(|set| set.template == self.template);
            let mut newest = match known {
                Some(place) => self.replica_sets.remove(place),
                None => Arc::new(ReplicaSet { template: self.template.clone(), annotations: Annotations::new() }),
            };
            let copied = self.annotations.iter().filter(|(key, _)| !NOT_COPIED.contains(&key.as_str()));
            Arc::make_mut(&mut newest).annotations.extend(copied.map(|(key, value)| (key.clone(), value.clone())));
            self.replica_sets.push(newest);
        }
        if self.paused {
            return;
        }
        if self.rolled != self.template {
            (self.rolled, self.is_up, self.since) = (self.template.clone(), false, now);
            self.is_stall_old = self.stall.is_some();
            return;
        }
        if std::mem::take(&mut self.is_stall_old) {
            self.stall = None;
        }
        if Self::comes_up(&self.template, is_good) {
            (self.is_up, self.stall) = (true, None);
        } else if self.id.kind == Kind::Deployment && self.stall.is_none() && now - self.since > DEADLINE {
            let (reason, message) = ("ProgressDeadlineExceeded".into(), "has timed out progressing".into());
            self.stall = Some(Stall {
                reason,
                message,
                since: rfc3339(now).into(),
                progress: Progress::default(),
                refusal: None,
            });
        }
    }
}

impl World {
    /// Writes an object; what changed of it is told to the watch streams. Answers whether anything did.
    pub(super) fn store(&mut self, mut object: Object, before: Option<&Object>) -> bool {
        let is_new = before.is_none_or(|before| before.id.uid != object.id.uid);
        let (annotated, respecified) = before.filter(|_| !is_new).map_or((true, true), |before| {
            (
                before.annotations != object.annotations,
                before.template != object.template || before.paused != object.paused,
            )
        });
        let moved = before.is_none_or(|before| {
            before.observed != object.observed
                || before.is_up != object.is_up
                || before.rolled != object.rolled
                || before.stall != object.stall
        });
        if !annotated && !respecified && !moved {
            return false;
        }
        if respecified || annotated && object.id.kind == Kind::Deployment {
            object.generation += 1;
        }
        self.versions += 1;
        object.version = self.versions;
        object.recorded = OnceLock::new();
        let object = Arc::new(object);
        self.happened(&(object.id.clone(), Some(Arc::clone(&object))));
        self.objects.insert(object.place(), object);
        true
    }

    /// Lets the controllers see an object.
    pub(super) fn control(&mut self, place: &Place) {
        let Some(before) = self.objects.get(place).filter(|object| !object.is_settled()).cloned() else { return };
        let mut after = Object::clone(&before);
        let (now, shelves) = (self.now(), &self.shelves);
        after.control(now, |repository, tag| shelves.is_good(repository, tag));
        let word = if after.stall.is_some() {
            "stalled"
        } else if after.is_up {
            "up"
        } else {
            "coming"
        };
        if self.store(after, Some(&before)) {
            self.log(format!("controller: {}/{} is {word}", place.0, place.1));
        }
    }

    /// A new uid.
    pub(super) fn uid(&mut self) -> Box<str> {
        self.uids += 1;
        format!("uid-{}", self.uids).into()
    }

    fn patched(&mut self, patch: &WorkloadPatch) -> Result<Workload, ClusterError> {
        let workload = patch.id.to_string();
        let place = (patch.id.namespace.to_string(), patch.id.name.to_string());
        if self.denied.contains(&place.0) {
            return Err(ClusterError::Forbidden { verb: "patch", workload, message: "no".into() });
        }
        // Whether it is the object that is meant, only the patch's own test says.
        let before = self.objects.get(&place).filter(|object| object.id.kind == patch.id.kind).cloned();
        let Some(before) = before else { return Err(ClusterError::Gone(workload)) };
        let mut after = Object::clone(&before);
        for operation in operations(patch) {
            if after.execute(&operation).is_err() {
                self.log(format!("cluster: {} of {workload} does not hold", operation["path"]));
                if before.id != patch.id {
                    return Err(ClusterError::Gone(workload));
                }
                return Err(ClusterError::Conflict { workload, now: before.record().map(Box::new) });
            }
        }
        if before.id != patch.id {
            let sentence = format!("what was decided for {} was written to {}", patch.id.uid, before.id.uid);
            self.violate(Invariant::OnlyThatObject, sentence);
        }
        self.store(after, Some(&before));
        let after = self.objects.get(&place).cloned().unwrap();
        self.wrote(&before, &after);
        after.record().ok_or(ClusterError::Gone(workload))
    }
}

/// The port: the API server, and the index of one process.
#[derive(Clone)]
pub(super) struct Api {
    pub(super) world: Shared,
    pub(super) index: Index,
    /// Of which replica.
    pub(super) replica: usize,
}

impl Api {
    /// What a process reads when it begins.
    pub(super) fn begin(world: &Shared, replica: usize) -> (Self, Vec<Repository>) {
        let api = Self { world: world.clone(), index: Index::default(), replica };
        let hints = api.list(Fresh::Unfinished);
        (api, hints)
    }

    /// Reads everything; what the streams had still to tell is no news then.
    pub(super) fn list(&self, fresh: Fresh) -> Vec<Repository> {
        let all: Vec<Workload> = self.world.with(|world| {
            world.streams[self.replica] = Stream::default();
            world.objects.values().filter_map(|object| object.record()).collect()
        });
        let mut hints = Vec::new();
        for kind in Kind::ALL {
            let of = all.iter().filter(|workload| workload.id.kind == kind).cloned().collect();
            hints.extend(self.index.replace(&Scope { namespace: None, kind }, fresh, of));
        }
        hints.sort();
        hints.dedup();
        hints
    }
}

impl Cluster for Api {
    fn fleet<T>(&self, read: impl FnOnce(&crate::domain::fleet::Fleet) -> T) -> T {
        self.index.fleet(read)
    }

    fn running(&self, repository: &Repository) -> Vec<Arc<Workload>> {
        self.index.running(repository)
    }

    fn members(&self, namespace: &str, group: &GroupName) -> Vec<Arc<Workload>> {
        self.index.members(namespace, group)
    }

    fn repositories(&self) -> Vec<Repository> {
        let mut all = self.index.repositories();
        all.sort();
        all
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

    fn departed(&self, approval: &ApprovalId) -> Option<Arc<Workload>> {
        self.index.departed(approval)
    }

    async fn who_set(&self, _: &WorkloadId, _: &str) -> Result<Option<ImageOwner>, ClusterError> {
        self.world.point("cluster.who_set").await;
        Ok(None)
    }

    fn may_patch(&self, id: &WorkloadId) -> bool {
        self.world.with(|world| !world.denied.contains(&*id.namespace))
    }

    /// Of every other object pods may be read.
    fn pods(&self, workload: &Workload, _: &[(&str, &str)]) -> Option<Vec<Pod>> {
        let place = (workload.id.namespace.to_string(), workload.id.name.to_string());
        self.world.with(|world| {
            let object = world.objects.get(&place).filter(|object| object.id == workload.id)?;
            let is_good = |repository: &str, tag: &str| world.shelves.is_good(repository, tag);
            let pod = object.pod(world.now(), is_good);
            object.shows_pods().then(|| vec![pod])
        })
    }

    async fn apply(&self, patch: &WorkloadPatch) -> Result<Arc<Workload>, ClusterError> {
        // No answer at all, or one of a server that did not come to an end.
        let no_answer = || -> ClusterError {
            if self.world.with(|world| world.chance.permille(500)) {
                return ClusterError::Unavailable { operation: "patch", source: "no answer".into() };
            }
            let sentence = "the server did not come to an end".to_owned();
            let rejection = Rejection { reason: RejectionReason::Timeout, sentence, again_after: None };
            ClusterError::Rejected { workload: patch.id.to_string(), rejection }
        };
        self.world.with(|world| {
            let (now, current) = (world.now(), world.current);
            world.tasks.entry(current).and_modify(|task| task.sent = Some(now));
        });
        self.world.point("cluster.apply").await;
        if self.world.with(|world| world.chance.permille(world.faults.api)) {
            self.world.with(|world| world.log("cluster: no answer, nothing written"));
            return Err(no_answer());
        }
        let written = self.world.with(|world| world.patched(patch));
        self.world.point("cluster.apply, written").await;
        if written.is_ok() && self.world.with(|world| world.chance.permille(world.faults.api)) {
            self.world.with(|world| world.log("cluster: no answer, though it is written"));
            return Err(no_answer());
        }
        match &written {
            Ok(workload) => drop(self.index.learn(workload.clone())),
            Err(ClusterError::Conflict { now: Some(now), .. }) => drop(self.index.learn(Workload::clone(now))),
            Err(_) => {}
        }
        written.map(Arc::new)
    }

    async fn rehearse(&self, patch: &WorkloadPatch) -> Result<Vec<String>, ClusterError> {
        if self.world.with(|world| world.preflight.permille(world.faults.api)) {
            return Err(ClusterError::Unavailable { operation: "dry run", source: "no answer".into() });
        }
        let may_patch = self.may_patch(&patch.id);
        let denied = ClusterError::Forbidden { verb: "patch", workload: patch.id.to_string(), message: "no".into() };
        if may_patch { Ok(Vec::new()) } else { Err(denied) }
    }

    async fn platforms(&self) -> Option<Arc<[Platform]>> {
        Platform::of("linux", "amd64", "").map(|platform| [platform].into())
    }

    async fn credential(&self, workload: &Workload, _: &Repository) -> Result<Credential, ClusterError> {
        self.world.point("cluster.credential").await;
        if self.world.with(|world| world.chance.permille(world.faults.api / 4)) {
            let source: Box<dyn std::error::Error + Send + Sync> = "the API server answers 503".into();
            let namespace = workload.id.namespace.to_string();
            return Err(ClusterError::SecretUnknown { namespace, name: "pull".into(), source: source.into() });
        }
        Ok(Credential::default())
    }

    async fn announce(&self, workload: &Workload, announcement: WorkloadEvent) {
        self.world.point("cluster.announce").await;
        self.world.with(|world| world.log(format!("event on {}: {announcement:?}", workload.id)));
    }
}
