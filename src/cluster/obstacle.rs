//! What stands in the way of a way back, read anew from the API server, and deleted where the operator allows it.
//!
//! Nothing that the watch streams told is enough to delete anything. The workload has to be what the decision was made on, the
//! pod or Job has to belong to it by uid and to run the image that failed, and the deletion names uid and version of what was
//! read: whatever has changed since, or has taken its place, stays.

use std::time::Duration;

use chrono::{DateTime, Utc};
use kube::api::{DeleteParams, ListParams, Preconditions, PropagationPolicy};
use kube::core::{ObjectList, Request};

use super::ClusterError;
use super::apply::{api, unread};
use super::kinds::Row;
use super::observed::Object;
use super::pods::object::Object as Pod;
use super::request::{Failed, within};
use crate::domain::defaults::Defaults;
use crate::domain::rollout::obstacle::{Hope, Obstacle, ObstacleKind, left_to_people};
use crate::domain::rollout::pods::{Pod as Record, Sight, Weight};
use crate::domain::workload::{Kind, Workload, WorkloadId};
use crate::telemetry::metrics::Metrics;

/// Nobody waits longer for it: what failed is to be undone.
const PATIENCE: Duration = Duration::from_secs(2);
/// Jobs of one namespace, or pods of one Job, that are read at once.
const PAGE: u32 = 500;
/// Pages of them that are read.
const MOST_PAGES: usize = 20;

/// What became of what was to be deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removal {
    /// It is deleted.
    Done,
    /// It is gone, or not what it was.
    Changed,
    /// We may not.
    Forbidden,
}

/// Whether something is deleted, or it is only asked whether it would be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deletion {
    /// It is asked.
    Tried,
    /// It is done.
    Done,
}

/// Where it is looked for.
pub(super) struct Way<'w> {
    pub(super) client: &'w kube::Client,
    pub(super) metrics: &'w Metrics,
    pub(super) defaults: &'w Defaults,
    pub(super) workload: &'w Workload,
    /// The images that failed, by container.
    pub(super) failed: &'w [(&'w str, &'w str)],
    /// What its pods said before: some kubelets do not repeat why an image is not pulled.
    pub(super) before: &'w [Record],
    /// The clock.
    pub(super) now: DateTime<Utc>,
}

impl Way<'_> {
    /// What its controller waits for; `suspect` is the pod that is thought to be it.
    pub(super) async fn obstacle(&self, suspect: Option<&str>) -> Result<Option<Obstacle>, ClusterError> {
        if self.failed.is_empty() {
            return Ok(None);
        }
        let find = async {
            match (self.workload.id.kind, suspect) {
                (Kind::StatefulSet, Some(pod)) => self.pod(pod).await,
                (Kind::CronJob, _) => self.job().await,
                (Kind::StatefulSet | Kind::Deployment | Kind::DaemonSet | Kind::Rollout, _) => Ok(None),
            }
        };
        tokio::time::timeout(PATIENCE, find).await.unwrap_or_else(|elapsed| Err(unlisted(elapsed.into())))
    }

    /// The pods that its controller replaces when people delete them, and not before.
    pub(super) async fn left_to_people(&self) -> Result<Vec<Box<str>>, ClusterError> {
        let all = left_to_people(self.before, self.failed);
        if all.is_empty() || !matches!(self.workload.id.kind, Kind::StatefulSet | Kind::DaemonSet) {
            return Ok(Vec::new());
        }
        let now = tokio::time::timeout(PATIENCE, self.now()).await;
        let now = now.unwrap_or_else(|elapsed| Err(unlisted(elapsed.into())))?;
        Ok(if now.is_some_and(|now| now.replaces_on_delete()) { all } else { Vec::new() })
    }

    /// The workload as it is now, where it is what the decision was made on.
    async fn now(&self) -> Result<Option<Object>, ClusterError> {
        let (id, row) = (&self.workload.id, Row::of(self.workload.id.kind));
        let found = within(self.metrics, "get", api(self.client, id.kind, Some(&id.namespace)).get_opt(&id.name)).await;
        let found = found.map_err(|failed| unread(id, failed))?;
        Ok(found.filter(|object| {
            object
                .record(row, self.defaults)
                .is_some_and(|now| now.id == *id && now.containers == self.workload.containers)
        }))
    }

    /// The pod of this name, where a `StatefulSet` waits for it.
    async fn pod(&self, name: &str) -> Result<Option<Obstacle>, ClusterError> {
        let Some(set) = self.now().await?.filter(Object::replaces_in_order) else { return Ok(None) };
        let pods = self.pods(&ListParams::default().fields(&format!("metadata.name={name}"))).await?;
        let is_it = |pod: &&Pod| {
            let record = pod.record();
            pod.name() == name
                && pod.is_owned_by(&self.workload.id.uid)
                && record.runs(self.failed)
                && record.is_to_stay()
                && !record.is_ready()
        };
        let Some((pod, (uid, version))) = pods.iter().find(is_it).and_then(|pod| Some((pod, pod.identity()?))) else {
            return Ok(None);
        };
        let hope = match (set.wanted_revision(), pod.revision()) {
            _ if !self.is_final(pod.record(), false) => Hope::Some,
            (Some(wanted), Some(revision)) if wanted != revision => Hope::None,
            _ => Hope::Wanted,
        };
        Ok(Some(Obstacle::new(ObstacleKind::Pod, name, (uid, version), hope)))
    }

    /// The Job beside which a `CronJob` starts no other.
    async fn job(&self) -> Result<Option<Obstacle>, ClusterError> {
        let id = &self.workload.id;
        if self.now().await?.is_none_or(|cron_job| !cron_job.runs_one_at_a_time()) {
            return Ok(None);
        }
        let path = format!("/apis/batch/v1/namespaces/{}/jobs", id.namespace);
        let jobs: Vec<Object> = self.list(&path, &ListParams::default()).await?;
        let runs = |job: &Object, (name, image): &(&str, &str)| {
            job.containers().any(|container| *container.name == **name && *container.image == **image)
        };
        let is_it = |job: &&Object| {
            job.is_owned_by(&id.uid) && !job.has_ended() && self.failed.iter().all(|failed| runs(job, failed))
        };
        let Some((name, uid, version)) = jobs.iter().find(is_it).and_then(Object::identity) else { return Ok(None) };
        let is_wanted = self.failed.iter().any(|(name, image)| {
            self.workload.container(name).is_some_and(|(_, container)| *container.image == **image)
        });
        let hope = match (self.never_starts(uid).await?, is_wanted) {
            (false, _) => Hope::Some,
            (true, true) => Hope::Wanted,
            (true, false) => Hope::None,
        };
        Ok(Some(Obstacle::new(ObstacleKind::Job, name, (uid, version), hope)))
    }

    /// Whether a Job has pods, none of which has run anything of its own or ever will.
    async fn never_starts(&self, job: &str) -> Result<bool, ClusterError> {
        let pods =
            self.pods(&ListParams::default().labels(&format!("batch.kubernetes.io/controller-uid={job}"))).await?;
        let pods = || pods.iter().filter(|pod| pod.is_owned_by(job));
        let never = |pod: &Pod| {
            let record = pod.record();
            record.runs(self.failed) && self.is_final(record, true)
        };
        Ok(pods().next().is_some() && pods().all(|pod| !pod.has_run(self.failed) && never(pod)))
    }

    /// Whether a pod says what no time mends, with what it said before where that is left out now.
    fn is_final(&self, pod: Record, ends: bool) -> bool {
        is_final(pod, self.before, Sight { ends, now: Some(self.now) })
    }

    async fn pods(&self, which: &ListParams) -> Result<Vec<Pod>, ClusterError> {
        self.list(&format!("/api/v1/namespaces/{}/pods", self.workload.id.namespace), which).await
    }

    async fn list<T>(&self, path: &str, which: &ListParams) -> Result<Vec<T>, ClusterError>
    where
        T: Clone + serde::de::DeserializeOwned,
    {
        let (mut parameters, mut all) = (which.clone().limit(PAGE), Vec::new());
        for _ in 0..MOST_PAGES {
            let request = Request::new(path).list(&parameters).map_err(|error| unlisted(error.into()))?;
            let page = match within(self.metrics, "list", self.client.request::<ObjectList<T>>(request)).await {
                Ok(page) => page,
                // What may not be read can't be shown to be in the way.
                Err(Failed::Status(status)) if matches!(status.code, 403 | 404) => return Ok(Vec::new()),
                Err(Failed::Status(status)) => return Err(unlisted(status.message.into())),
                Err(Failed::NoAnswer(source)) => return Err(unlisted(source)),
            };
            all.extend(page.items);
            let Some(token) = page.metadata.continue_.filter(|token| !token.is_empty()) else { break };
            parameters = parameters.continue_token(&token);
        }
        Ok(all)
    }
}

fn is_final(mut pod: Record, before: &[Record], sight: Sight) -> bool {
    if let Some(before) = before.iter().find(|before| before.name == pod.name) {
        pod.follows(before);
    }
    pod.trouble_by(sight).is_some_and(|trouble| trouble.weight == Weight::Final)
}

fn unlisted(source: Box<dyn std::error::Error + Send + Sync>) -> ClusterError {
    ClusterError::Unavailable { operation: "list", source }
}

/// Deletes exactly what was read, if nothing is to be hoped of it.
pub(super) async fn remove(
    client: &kube::Client,
    id: &WorkloadId,
    (obstacle, deletion): (&Obstacle, Deletion),
    metrics: &Metrics,
) -> Result<Removal, ClusterError> {
    if obstacle.hope != Hope::None {
        return Ok(Removal::Changed);
    }
    let (path, propagation_policy) = match obstacle.kind {
        ObstacleKind::Pod => (format!("/api/v1/namespaces/{}/pods", id.namespace), None),
        ObstacleKind::Job => {
            (format!("/apis/batch/v1/namespaces/{}/jobs", id.namespace), Some(PropagationPolicy::Background))
        }
    };
    let (uid, resource_version) = (obstacle.uid.to_string(), obstacle.resource_version.to_string());
    let preconditions = Some(Preconditions { uid: Some(uid), resource_version: Some(resource_version) });
    let dry_run = deletion == Deletion::Tried;
    let parameters = DeleteParams { dry_run, preconditions, propagation_policy, ..DeleteParams::default() };
    let undeleted = |source| ClusterError::Unavailable { operation: "delete", source };
    let request = Request::new(path).delete(&obstacle.name, &parameters).map_err(|error| undeleted(error.into()))?;
    match within(metrics, "delete", client.request_text(request)).await {
        Ok(_) => Ok(Removal::Done),
        Err(Failed::Status(status)) => match status.code {
            404 | 409 => Ok(Removal::Changed),
            403 => Ok(Removal::Forbidden),
            _ => Err(undeleted(status.message.into())),
        },
        Err(Failed::NoAnswer(source)) => Err(undeleted(source)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::rollout::pods::{ContainerStatus, Said, Standing, Troubled};

    /// What the watch calls final is final here, whatever of it a kubelet does not repeat.
    #[test]
    fn a_pod_that_waits_to_pull_is_judged_by_what_it_said_at_the_try() {
        let now = DateTime::UNIX_EPOCH + Duration::from_secs(60);
        let pod = |name: &str, word: &str, message: &str| {
            let waits = Some(Said::new(word, message));
            let containers = [ContainerStatus { name: "web".into(), waits, ..ContainerStatus::default() }].into();
            let made = Some(DateTime::UNIX_EPOCH);
            let stands = Standing::Troubled(Box::new(Troubled { made, containers, ..Troubled::default() }));
            Record { name: name.into(), images: [("web".into(), "web:1.0.1".into())].into(), stands }
        };
        let waits = || pod("db-1", "ImagePullBackOff", "Back-off pulling image \"web:1.0.1\"");
        let tries = |name: &str, message: &str| pod(name, "ErrImagePull", message);
        let sight = Sight { ends: false, now: Some(now) };
        assert!(!is_final(waits(), &[], sight), "nobody says why");
        let before = |name: &str, message: &str| {
            let mut known = pod(name, "ImagePullBackOff", "Back-off pulling image \"web:1.0.1\"");
            known.follows(&tries(name, message));
            [known]
        };
        assert!(is_final(waits(), &before("db-1", "web:1.0.1: not found"), sight));
        assert!(!is_final(waits(), &before("db-1", "429 Too Many Requests"), sight));
        assert!(!is_final(waits(), &before("db-2", "web:1.0.1: not found"), sight), "another pod");
        assert!(is_final(tries("db-1", "web:1.0.1: not found"), &[], sight), "it is not its first try");
        assert!(!is_final(tries("db-1", "web:1.0.1: not found"), &[], Sight::default()));
    }
}
