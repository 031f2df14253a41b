//! The real cluster, through its API server.

mod opening;
mod watches;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::future::BoxFuture;

pub use self::opening::{ClusterSettings, ServiceCluster};
pub use self::watches::Feeds;
use super::{
    Cluster, ClusterError, Deletion, GRACE, Granted, Index, Marked, Removal, Right, Rights, Scope, Scopes,
    WorkloadEvent, Writer, announce, apply, discovery, field_ownership, managed, namespaces, nodes, obstacle, pods,
    pull_secret, referrer, rehearse, review, rights,
};
use crate::ambient::Ambient;
use crate::domain::actor::ClusterUser;
use crate::domain::approval::ApprovalId;
use crate::domain::fleet::{Fleet, Standing};
use crate::domain::group::GroupName;
use crate::domain::owner::ImageOwner;
use crate::domain::preflight::Platform;
use crate::domain::reference::Repository;
use crate::domain::rollout::obstacle::Obstacle;
use crate::domain::rollout::pods::Pod;
use crate::domain::rollout::{Rollout, Waits};
use crate::domain::secret::Secret;
use crate::domain::workload::{Kind, Workload, WorkloadId, WorkloadPatch};
use crate::registry::Credential;
use crate::stop::Stop;
use crate::telemetry::metrics::Metrics;

/// A real cluster: its client, and the index that the watch streams fill.
#[derive(Clone)]
pub struct KubeCluster {
    client: kube::Client,
    index: Index,
    /// What fills it; nothing where it is filled once.
    scopes: Option<Scopes>,
    pods: pods::Pods,
    secrets: pull_secret::PullSecrets,
    rights: Rights,
    nodes: nodes::Nodes,
    deletes_broken: bool,
    writer: Writer,
    ambient: Ambient,
    metrics: Metrics,
}

/// What was read of several scopes, and which of them could not be.
#[derive(Debug, Default)]
pub struct Listing {
    /// The watched workloads, in a stable order.
    pub workloads: Vec<Workload>,
    /// The scopes that gave no list, and why.
    pub unread: Vec<(Scope, ClusterError)>,
}

/// The most `CronJobs` whose runs are read beside a list.
const MOST_FOLLOWED: usize = 50;

impl Listing {
    /// Takes what the runs of a `CronJob` say.
    fn judged(&mut self, id: &WorkloadId, rollout: &Rollout) {
        for workload in self.workloads.iter_mut().filter(|workload| workload.id == *id) {
            workload.rollout = rollout.clone();
        }
    }

    /// Takes what Rollouts say of Deployments, with the namespaces that they are in.
    fn refer(&mut self, referrers: Vec<(Box<str>, referrer::Referrer)>) {
        for (namespace, referrer) in referrers {
            let is_it = |workload: &&mut Workload| {
                workload.id.kind == Kind::Deployment
                    && workload.id.namespace == namespace
                    && workload.id.name == referrer.deployment
            };
            if let Some(workload) = self.workloads.iter_mut().find(is_it) {
                *workload = referrer.over(workload.clone());
            }
        }
    }
}

impl std::fmt::Debug for KubeCluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KubeCluster")
    }
}

impl KubeCluster {
    /// A cluster whose index is filled by [`Self::watches`].
    #[must_use]
    pub fn new(client: kube::Client, index: Index, ambient: Ambient, metrics: Metrics) -> Self {
        let secrets = pull_secret::PullSecrets::new(client.clone(), ambient.clone(), metrics.clone());
        let pods = pods::Pods::new(client.clone(), ambient.clone(), metrics.clone());
        let (rights, nodes) = (Rights::default(), nodes::Nodes::default());
        let writer = Writer::default();
        let scopes = None;
        Self { client, index, scopes, pods, secrets, rights, nodes, deletes_broken: false, writer, ambient, metrics }
    }

    /// The same, and whether it may delete what stands in the way of a way back.
    #[must_use]
    pub fn deleting_broken(self, deletes_broken: bool) -> Self {
        Self { deletes_broken, ..self }
    }

    /// The same whose index is filled by the watches of these.
    #[must_use]
    pub fn filled_by(self, scopes: Scopes) -> Self {
        Self { scopes: Some(scopes), ..self }
    }

    /// The same in the name of somebody else.
    #[must_use]
    pub fn written_by(self, writer: Writer) -> Self {
        Self { writer, ..self }
    }

    /// Whose token this is, if the API server vouches for it and it was made for this audience.
    ///
    /// # Errors
    /// [`ClusterError::Unavailable`] when there is no answer, or we may not ask.
    pub async fn whose_token(&self, token: &Secret, audience: &str) -> Result<Option<ClusterUser>, ClusterError> {
        review::whose_token(&self.client, token, audience, &self.metrics).await
    }

    /// Reads one workload as it is; `None` where there is none, or it is not watched. Its uid is not looked at.
    ///
    /// # Errors
    /// [`ClusterError`] when it can't be read.
    pub async fn read(&self, id: &WorkloadId) -> Result<Option<Workload>, ClusterError> {
        let read = apply::read(&self.client, id, (&self.index.defaults(), &self.metrics)).await?;
        Ok(match read {
            Some(asleep) if asleep.rollout == Rollout::Waiting(Waits::ZeroReplicas) => {
                Some(self.as_referred(asleep).await)
            }
            other => other,
        })
    }

    /// A Deployment without replicas as its Rollout has it, where one describes its pods by it and may be read.
    async fn as_referred(&self, workload: Workload) -> Workload {
        if workload.id.kind != Kind::Deployment {
            return workload;
        }
        let rollouts = Scope { namespace: Some(workload.id.namespace.clone()), kind: Kind::Rollout };
        let listed = apply::list(&self.client, &rollouts, (&self.index.defaults(), &self.metrics)).await;
        let referrers = listed.map(|listed| listed.referrers).unwrap_or_default();
        match referrers.into_iter().find(|(_, referrer)| referrer.deployment == workload.id.name) {
            Some((_, referrer)) => referrer.over(workload),
            None => workload,
        }
    }

    /// The Deployment that a Rollout takes its pods from; nothing where it has its own, or can't be read.
    pub async fn described_by(&self, rollout: &WorkloadId) -> Option<Box<str>> {
        apply::referrer(&self.client, rollout, &self.metrics).await.map(|referrer| referrer.deployment)
    }

    /// As whom the API server knows us; `None` where it does not say.
    pub async fn user(&self) -> Option<String> {
        rights::user(&self.client, &self.metrics).await
    }

    /// The index.
    #[must_use]
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// Reads which Namespaces there are, once, for commands that end: their annotations and labels are what workloads inherit
    /// and are chosen by. Answers what could not be read.
    pub async fn read_namespaces(&self, named: Option<&[String]>) -> Option<ClusterError> {
        match namespaces::read(&self.client, named, &self.metrics).await {
            Ok(known) => {
                self.index.inherit(|defaults| defaults.namespaces = known);
                None
            }
            Err(error) => Some(error),
        }
    }

    /// Reads the watched workloads of these scopes once, for commands that end. A scope that can't be read costs itself
    /// alone.
    pub async fn list(&self, scopes: &[Scope]) -> Listing {
        let mut listing = Listing::default();
        let (mut referrers, mut followed) = (Vec::new(), Vec::new());
        let named = Kind::ALL.into_iter().filter(|kind| scopes.iter().any(|scope| scope.kind == *kind));
        let kinds = discovery::installed(&self.client, named, &self.metrics).await;
        let defaults = self.index.defaults();
        for scope in scopes.iter().filter(|scope| kinds.contains(&scope.kind)) {
            match apply::list(&self.client, scope, (&defaults, &self.metrics)).await {
                Ok(listed) => {
                    listing.workloads.extend(listed.workloads);
                    referrers.extend(listed.referrers);
                    followed.extend(listed.followed);
                }
                Err(error) => listing.unread.push((scope.clone(), error)),
            }
        }
        listing.refer(referrers);
        for followed in followed.iter().take(MOST_FOLLOWED) {
            if let Ok(rollout) = followed.judge(&self.client, &self.metrics).await {
                listing.judged(&followed.workload.id, &rollout);
            }
        }
        listing.workloads.sort_by(|a, b| a.id.cmp(&b.id));
        listing
    }

    /// Kind, namespace and name of what has these labels in these scopes. What can't be read has none: [`Self::list`] says so.
    ///
    /// # Errors
    /// When the API server does not take the selector, or does not answer.
    pub async fn labelled(
        &self,
        scopes: &[Scope],
        selector: &str,
    ) -> Result<BTreeSet<(Kind, String, String)>, ClusterError> {
        let named = Kind::ALL.into_iter().filter(|kind| scopes.iter().any(|scope| scope.kind == *kind));
        let kinds = discovery::installed(&self.client, named, &self.metrics).await;
        let mut all = BTreeSet::new();
        for scope in scopes.iter().filter(|scope| kinds.contains(&scope.kind)) {
            match apply::labelled(&self.client, scope, selector, &self.metrics).await {
                Ok(names) => all.extend(names.into_iter().map(|(namespace, name)| (scope.kind, namespace, name))),
                Err(ClusterError::Unlistable { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(all)
    }

    /// What has a label or annotation of these names in these scopes, watched or not, and what can't be read.
    pub async fn marked(
        &self,
        scopes: &[Scope],
        is_wanted: fn(&str) -> bool,
    ) -> (Vec<Marked>, Vec<(Scope, ClusterError)>) {
        let named = Kind::ALL.into_iter().filter(|kind| scopes.iter().any(|scope| scope.kind == *kind));
        let kinds = discovery::installed(&self.client, named, &self.metrics).await;
        let (mut all, mut unread) = (Vec::new(), Vec::new());
        for scope in scopes.iter().filter(|scope| kinds.contains(&scope.kind)) {
            match apply::marked(&self.client, scope, is_wanted, &self.metrics).await {
                Ok(found) => all.extend(found),
                Err(error) => unread.push((scope.clone(), error)),
            }
        }
        all.sort_by(|a, b| a.id.cmp(&b.id));
        (all, unread)
    }

    /// The version of the API server, as `v1.35.2`.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn version(&self) -> Result<String, ClusterError> {
        let asked = apply::within(&self.metrics, "version", self.client.apiserver_version()).await;
        let unavailable = |source| ClusterError::Unavailable { operation: "version", source };
        asked.map(|version| version.git_version).map_err(|failed| match failed {
            apply::Failed::Status(status) => unavailable(status.message.into()),
            apply::Failed::NoAnswer(source) => unavailable(source),
        })
    }

    /// What the API server's clock says, as it stands at the head of its answers; `None` where it does not answer, or does not say.
    pub async fn date(&self) -> Option<String> {
        let request = http::Request::get("/version").body(kube::client::Body::empty()).ok()?;
        let answer = self.client.send(request).await.ok()?;
        Some(answer.headers().get("date")?.to_str().ok()?.to_owned())
    }

    /// Asks for every right that is needed in these namespaces; none named is all of them.
    pub async fn rights(&self, namespaces: &[String]) -> BTreeMap<Right, Granted> {
        rights::needed(&self.client, namespaces, &self.metrics).await
    }

    /// Asks for one right.
    pub async fn may(&self, right: &Right) -> Granted {
        rights::may(&self.client, right, &self.metrics).await
    }

    /// The names of the pull secrets that a workload's pods get; `None` where that may not be looked at, or is not known.
    pub async fn pull_secrets(&self, workload: &Workload) -> Option<Arc<[Box<str>]>> {
        self.secrets.names(workload).await
    }

    /// Whether a namespace is there; `None` when the API server did not say, as to who may not get namespaces.
    pub async fn has_namespace(&self, name: &str) -> Option<bool> {
        let api: kube::Api<k8s_openapi::api::core::v1::Namespace> = kube::Api::all(self.client.clone());
        match apply::within(&self.metrics, "namespace", api.get_metadata_opt(name)).await {
            Ok(found) => Some(found.is_some()),
            Err(_) => None,
        }
    }

    /// Of which queue a Lease says to be; nothing where it is not there, does not say it, or can't be read.
    pub async fn lease_is_of(&self, namespace: &str, lease: &str) -> Option<String> {
        let api: kube::Api<k8s_openapi::api::coordination::v1::Lease> =
            kube::Api::namespaced(self.client.clone(), namespace);
        let found = apply::within(&self.metrics, "lease", api.get_metadata_opt(lease)).await.ok()??;
        found.metadata.annotations?.remove(super::lease::QUEUE)
    }

    /// Where it is said on a workload, by its uid, that messages about it were given up; nothing where it is not watched any more.
    pub fn says_given_up(&self) -> impl Fn(&str, String) -> BoxFuture<'static, ()> + use<> {
        let cluster = self.clone();
        move |uid, words| {
            let (cluster, found) = (cluster.clone(), cluster.by_uid(uid));
            Box::pin(async move {
                if let Some(workload) = found {
                    cluster.announce(&workload, WorkloadEvent::MessageGivenUp(words)).await;
                }
            })
        }
    }

    /// Waits until the first lists are there, and the rights were asked for once or that took too long; `false` when the flag is
    /// raised before.
    pub async fn until_known(self, mut stop: Stop) -> bool {
        if let Some(scopes) = &self.scopes
            && !scopes.begun(&mut stop).await
        {
            return false;
        }
        tokio::select! {
            () = stop.raised() => false,
            () = self.rights.first_round(GRACE) => true,
        }
    }
}

impl KubeCluster {
    /// Gives up the images that we own of a workload which was written, where its tool refuses other owners. It is tried after
    /// each write, so that what did not succeed after one does after the next.
    async fn drop_ownership(&self, workload: &Workload) -> Option<Workload> {
        if !workload.owner.as_ref().is_some_and(|owner| owner.refuses_other_writers()) {
            return None;
        }
        let defaults = self.index.defaults();
        let containers: Vec<&str> = workload.containers.iter().map(|container| &*container.name).collect();
        match field_ownership::drop_ownership(
            &self.client,
            &workload.id,
            &containers,
            self.writer,
            (&defaults, &self.metrics),
        )
        .await
        {
            Ok(now) => now,
            Err(error) => {
                tracing::warn!(workload = %workload.id, error = %crate::telemetry::chain(&error), "the API server calls image-watcher an owner of the image still: the next helm upgrade ends in a conflict until it is run with --force-conflicts once");
                None
            }
        }
    }
}

impl Cluster for KubeCluster {
    fn running(&self, repository: &Repository) -> Vec<Arc<Workload>> {
        self.index.running(repository)
    }

    fn repositories(&self) -> Vec<Repository> {
        self.index.repositories()
    }

    fn members(&self, namespace: &str, group: &GroupName) -> Vec<Arc<Workload>> {
        self.index.members(namespace, group)
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

    fn is_unwatched(&self, uid: &str) -> bool {
        self.index.is_unwatched(uid)
    }

    fn fleet<T>(&self, read: impl FnOnce(&Fleet) -> T) -> T {
        self.index.fleet(read)
    }

    fn knows_all(&self) -> bool {
        self.scopes.as_ref().is_none_or(|scopes| scopes.are_known(self.ambient.now()))
    }

    fn sees(&self, id: &WorkloadId) -> bool {
        self.scopes.as_ref().is_some_and(|scopes| scopes.shows(&id.namespace, id.kind))
    }

    fn may_patch(&self, id: &WorkloadId) -> bool {
        !self.is_dry_run() && self.rights.may_patch(id)
    }

    fn is_dry_run(&self) -> bool {
        self.writer == Writer::Nobody
    }

    async fn may_person_patch(&self, person: &ClusterUser, id: &WorkloadId) -> Result<Option<bool>, ClusterError> {
        review::may_person_patch(&self.client, person, id, &self.metrics).await
    }

    fn was_let_go(&self, uid: &str) -> bool {
        self.index.was_let_go(uid)
    }

    fn is_watched_again(&self, uid: &str) {
        self.index.is_watched_again(uid);
    }

    async fn apply(&self, patch: &WorkloadPatch) -> Result<Arc<Workload>, ClusterError> {
        if self.is_dry_run() {
            return Err(ClusterError::DryRun(patch.id.to_string()));
        }
        // What was just written or seen is known before the watch stream tells it.
        match apply::apply(&self.client, patch, self.writer, (&self.index.defaults(), &self.metrics)).await {
            Ok(workload) => {
                let admitted = ClusterError::unless_admitted(patch, &workload);
                let now = self.drop_ownership(&workload).await;
                let learnt = self.index.learn(now.unwrap_or(workload));
                admitted.map(|()| learnt)
            }
            Err(error) => {
                if let ClusterError::Conflict { now: Some(now), .. } = &error {
                    self.index.learn(Workload::clone(now));
                }
                if matches!(error, ClusterError::Forbidden { .. }) {
                    self.rights.doubt();
                }
                Err(error)
            }
        }
    }

    async fn rehearse(&self, patch: &WorkloadPatch) -> Result<Vec<String>, ClusterError> {
        let rehearsed =
            rehearse::rehearse(&self.client, patch, self.writer, (&self.index.defaults(), &self.metrics)).await;
        if matches!(rehearsed, Err(ClusterError::Forbidden { .. })) {
            self.rights.doubt();
        }
        rehearsed
    }

    async fn platforms(&self) -> Option<Arc<[Platform]>> {
        self.nodes.platforms(&self.client, &self.ambient, &self.metrics).await
    }

    async fn credential(&self, workload: &Workload, repository: &Repository) -> Result<Credential, ClusterError> {
        self.secrets.credential(workload, repository).await
    }

    async fn who_set(&self, id: &WorkloadId, container: &str) -> Result<Option<ImageOwner>, ClusterError> {
        managed::who_set(&self.client, id, container, &self.metrics).await
    }

    async fn who_annotated(&self, id: &WorkloadId, name: &str) -> Result<Option<ImageOwner>, ClusterError> {
        managed::who_annotated(&self.client, id, name, &self.metrics).await
    }

    fn pods(&self, workload: &Workload, written: &[(&str, &str)]) -> Option<Vec<Pod>> {
        self.pods.follow(workload, self.index.rollout_of(&workload.id).as_deref(), written)
    }

    fn release_pods(&self, id: &WorkloadId) {
        self.pods.release(id);
    }

    async fn last_lines(&self, namespace: &str, pod: &str, container: &str) -> Vec<String> {
        self.pods.last_lines(namespace, (pod, container)).await
    }

    async fn obstacle(
        &self,
        workload: &Workload,
        failed: &[(&str, &str)],
        suspect: Option<&str>,
    ) -> Result<Option<Obstacle>, ClusterError> {
        let (client, metrics, defaults) = (&self.client, &self.metrics, self.index.defaults());
        let (defaults, now) = (&*defaults, self.ambient.now());
        let before = self.pods.known(workload);
        obstacle::Way { client, metrics, defaults, workload, failed, before: &before, now }.obstacle(suspect).await
    }

    fn stands(&self, workload: &Arc<Workload>, standing: Standing) {
        self.index.stands(workload, standing);
    }

    async fn left_to_people(
        &self,
        workload: &Workload,
        failed: &[(&str, &str)],
    ) -> Result<Vec<Box<str>>, ClusterError> {
        let (client, metrics, defaults) = (&self.client, &self.metrics, self.index.defaults());
        let (defaults, now) = (&*defaults, self.ambient.now());
        let before = self.pods.known(workload);
        obstacle::Way { client, metrics, defaults, workload, failed, before: &before, now }.left_to_people().await
    }

    fn deletes_broken(&self) -> bool {
        self.deletes_broken
    }

    async fn remove(
        &self,
        workload: &Workload,
        obstacle: &Obstacle,
        deletion: Deletion,
    ) -> Result<Removal, ClusterError> {
        if !self.deletes_broken || self.is_dry_run() {
            return Ok(Removal::Forbidden);
        }
        obstacle::remove(&self.client, &workload.id, (obstacle, deletion), &self.metrics).await
    }

    async fn announce(&self, workload: &Workload, announcement: WorkloadEvent) {
        if !self.is_dry_run() {
            announce::announce(&self.client, workload, &announcement, self.ambient.now(), &self.metrics).await;
        }
    }
}
