//! Workloads: made by a builder, changed by a patch, waited for by a watch.

use std::time::Duration;

use futures_util::TryStreamExt;
use kube::api::{Api, DeleteParams, DynamicObject, GetParams, Patch, PatchParams, PostParams};
use kube::core::{ApiResource, GroupVersionKind};
use kube::runtime::watcher::watch_object;
use serde_json::{Value, json};

use super::wait::DEADLINE;

/// A workload to be created.
pub(crate) struct WorkloadBuilder {
    client: kube::Client,
    namespace: String,
    object: Value,
}

/// A workload in the cluster.
#[derive(Clone)]
pub(crate) struct Workload {
    client: kube::Client,
    api: Api<DynamicObject>,
    resource: ApiResource,
    path: String,
    name: String,
}

/// A workload as it was at one moment.
#[derive(Clone, Debug)]
pub(crate) struct Seen(pub(crate) Value);

impl WorkloadBuilder {
    /// One replica, no container yet. `kind` is of `apps/v1`.
    pub(crate) fn new(client: kube::Client, namespace: &str, kind: &str, name: &str) -> Self {
        let mut object = json!({
            "apiVersion": "apps/v1",
            "kind": kind,
            "metadata": { "name": name, "annotations": {} },
            "spec": {
                "selector": { "matchLabels": { "app": name } },
                "template": { "metadata": { "labels": { "app": name } }, "spec": { "containers": [] } },
            },
        });
        if kind != "DaemonSet" {
            object["spec"]["replicas"] = 1.into();
        }
        if kind == "StatefulSet" {
            object["spec"]["serviceName"] = name.into();
        }
        Self { client, namespace: namespace.into(), object }
    }

    /// A Rollout of Argo, no container yet.
    pub(crate) fn rollout(client: kube::Client, namespace: &str, name: &str) -> Self {
        let Self { client, namespace, mut object } = Self::new(client, namespace, "Rollout", name);
        object["apiVersion"] = "argoproj.io/v1alpha1".into();
        Self { client, namespace, object }
    }

    /// One that makes a Job by the clock, no container yet.
    pub(crate) fn cron_job(client: kube::Client, namespace: &str, name: &str, schedule: &str) -> Self {
        let pods = json!({ "metadata": { "labels": { "app": name } },
            "spec": { "restartPolicy": "Never", "containers": [] } });
        let object = json!({
            "apiVersion": "batch/v1",
            "kind": "CronJob",
            "metadata": { "name": name, "annotations": {} },
            "spec": { "schedule": schedule, "jobTemplate": { "spec": { "template": pods } } },
        });
        Self { client, namespace: namespace.into(), object }
    }

    pub(crate) fn container(mut self, name: &str, image: impl Into<String>) -> Self {
        let pods = self.pods();
        let containers = pods["spec"]["containers"].as_array_mut().expect("a list");
        containers.push(json!({ "name": name, "image": image.into() }));
        self
    }

    /// The pod template.
    fn pods(&mut self) -> &mut Value {
        let spec = &mut self.object["spec"];
        if spec["jobTemplate"].is_object() {
            &mut spec["jobTemplate"]["spec"]["template"]
        } else {
            &mut spec["template"]
        }
    }

    /// Any other change of the pod template's `spec`.
    pub(crate) fn pod(mut self, change: impl FnOnce(&mut Value)) -> Self {
        change(&mut self.pods()["spec"]);
        self
    }

    pub(crate) fn annotation(mut self, key: &str, value: &str) -> Self {
        self.object["metadata"]["annotations"][key] = value.into();
        self
    }

    /// The annotations so far, for a patch of an object that exists.
    pub(crate) fn annotations(&self) -> Value {
        self.object["metadata"]["annotations"].clone()
    }

    pub(crate) fn label(mut self, key: &str, value: &str) -> Self {
        self.object["metadata"]["labels"][key] = value.into();
        self
    }

    pub(crate) fn replicas(mut self, count: u32) -> Self {
        self.object["spec"]["replicas"] = count.into();
        self
    }

    /// In another namespace than the test's.
    pub(crate) fn namespace(mut self, namespace: &str) -> Self {
        self.namespace = namespace.into();
        self
    }

    /// Any other change.
    pub(crate) fn with(mut self, change: impl FnOnce(&mut Value)) -> Self {
        change(&mut self.object);
        self
    }

    pub(crate) async fn create(self) -> Workload {
        let name = self.object["metadata"]["name"].as_str().expect("a name").to_owned();
        let kind = self.object["kind"].as_str().expect("a kind").to_owned();
        let workload = Workload::new(self.client, &self.namespace, &kind, &name);
        let object = serde_json::from_value(self.object).expect("an object");
        workload.api.create(&PostParams::default(), &object).await.expect("a created workload");
        workload
    }
}

impl Workload {
    /// One that may exist.
    pub(crate) fn new(client: kube::Client, namespace: &str, kind: &str, name: &str) -> Self {
        let (group, version) = match kind {
            "CronJob" => ("batch", "v1"),
            "Rollout" => ("argoproj.io", "v1alpha1"),
            _ => ("apps", "v1"),
        };
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
        let api = Api::namespaced_with(client.clone(), namespace, &resource);
        let path = format!("/apis/{group}/{version}/namespaces/{namespace}/{}", resource.plural);
        Self { client, api, resource, path, name: name.into() }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// As it is now.
    pub(crate) async fn get(&self) -> Seen {
        Seen(serde_json::from_str(&self.raw().await).expect("JSON"))
    }

    /// The API server's very bytes, for comparisons.
    pub(crate) async fn raw(&self) -> String {
        let request = kube::core::Request::new(&self.path).get(&self.name, &GetParams::default());
        self.client.request_text(request.expect("a request")).await.expect("the workload")
    }

    /// A merge patch; returns the workload after it.
    pub(crate) async fn patch(&self, patch: Value) -> Seen {
        let patched = self.api.patch(&self.name, &PatchParams::default(), &Patch::Merge(patch)).await;
        self.seen(&patched.expect("a patched workload"))
    }

    /// A merge patch of its status, as a controller writes it.
    pub(crate) async fn patch_status(&self, status: Value) -> Seen {
        let patch = Patch::Merge(json!({ "status": status }));
        let patched = self.api.patch_status(&self.name, &PatchParams::default(), &patch).await;
        self.seen(&patched.expect("a patched status"))
    }

    /// Sets an annotation, or removes it.
    pub(crate) async fn annotate(&self, key: &str, value: Option<&str>) -> Seen {
        self.patch(json!({ "metadata": { "annotations": { key: value } } })).await
    }

    /// Sets the image of one container, as somebody at the command line would.
    pub(crate) async fn set_image(&self, container: &str, image: &str) -> Seen {
        let patch =
            json!({ "spec": { "template": { "spec": { "containers": [{ "name": container, "image": image }] } } } });
        let patched = self.api.patch(&self.name, &PatchParams::default(), &Patch::Strategic(patch)).await;
        self.seen(&patched.expect("a patched workload"))
    }

    pub(crate) async fn delete(&self) {
        self.api.delete(&self.name, &DeleteParams::default()).await.expect("a deleted workload");
    }

    /// With its kind, which a list and a watch leave out.
    fn seen(&self, object: &DynamicObject) -> Seen {
        let mut value = serde_json::to_value(object).expect("JSON");
        value["apiVersion"] = self.resource.api_version.clone().into();
        value["kind"] = self.resource.kind.clone().into();
        Seen(value)
    }

    /// Watches until the workload is as wished.
    ///
    /// # Panics
    /// Once [`DEADLINE`] has passed, with what was seen last.
    pub(crate) async fn wait_for(&self, what: &str, wish: impl Fn(&Seen) -> bool) -> Seen {
        let mut last = None;
        let watch = async {
            let mut states = std::pin::pin!(watch_object(self.api.clone(), &self.name));
            loop {
                match states.try_next().await {
                    Ok(Some(Some(object))) => {
                        let seen = self.seen(&object);
                        if wish(&seen) {
                            return seen;
                        }
                        last = Some(seen);
                    }
                    // Not there yet, or a broken stream, which the watcher opens again.
                    Ok(Some(None)) | Err(_) => {}
                    Ok(None) => panic!("a watch never ends"),
                }
            }
        };
        let in_time = tokio::time::timeout(DEADLINE, watch).await.ok();
        in_time.unwrap_or_else(|| {
            let last = last.map(|Seen(object)| super::diagnosis::trimmed(object)).unwrap_or_default();
            panic!("{}: not {what} within {DEADLINE:?}; last seen: {last:#}", self.name)
        })
    }

    /// The same of what follows from a deadline of seconds. Its controller looks at deadlines by a queue that all workloads of all
    /// tests share, ten a second; at a workload that was changed it looks at once, so this one gets another label now and then.
    pub(crate) async fn wait_past_deadline<T>(&self, wait: impl Future<Output = T>) -> T {
        let poke = async {
            for time in 0_u32.. {
                tokio::time::sleep(Duration::from_secs(6)).await;
                let label = json!({"metadata": {"labels": {"looked-at": time.to_string()}}});
                self.patch(label).await;
            }
        };
        tokio::select! {
            seen = wait => seen,
            () = poke => unreachable!("it never ends"),
        }
    }

    /// Until a container has that image.
    pub(crate) async fn wait_for_image(&self, container: &str, image: &str) -> Seen {
        self.wait_for(&format!("on {image}"), |seen| seen.image(container) == Some(image)).await
    }

    /// Until an annotation has that value.
    pub(crate) async fn wait_for_annotation(&self, key: &str, value: &str) -> Seen {
        self.wait_for(&format!("annotated {key}={value}"), |seen| seen.annotation(key) == Some(value)).await
    }

    /// Until the controller has seen the latest change and every replica is new and available.
    pub(crate) async fn wait_for_rollout(&self) -> Seen {
        self.wait_for("rolled out", Seen::rolled_out).await
    }
}

impl Seen {
    pub(crate) fn image(&self, container: &str) -> Option<&str> {
        self.image_in("containers", container)
    }

    /// The image of an entry of a list of the pod template.
    pub(crate) fn image_in(&self, list: &str, name: &str) -> Option<&str> {
        let spec = &self.0["spec"];
        let job = &spec["jobTemplate"]["spec"]["template"]["spec"];
        let pod = if job.is_object() { job } else { &spec["template"]["spec"] };
        let image = &pod[list].as_array()?.iter().find(|found| found["name"] == name)?["image"];
        image.as_str().or_else(|| image["reference"].as_str())
    }

    pub(crate) fn annotation(&self, key: &str) -> Option<&str> {
        self.0["metadata"]["annotations"].get(key)?.as_str()
    }

    /// What our own record says of a container.
    pub(crate) fn ledger(&self, container: &str) -> Value {
        let record = self.annotation("image-watcher/record").and_then(|text| text.splitn(4, '.').nth(3));
        let record: Value = record.map(|json| serde_json::from_str(json).expect("JSON")).unwrap_or_default();
        record["containers"][container].clone()
    }

    pub(crate) fn resource_version(&self) -> &str {
        self.0["metadata"]["resourceVersion"].as_str().unwrap_or_default()
    }

    /// Changes of the specification so far. Of a Deployment, changes of its own annotations count as well;
    /// [`Seen::revision`] tells whether there was a rollout.
    pub(crate) fn generation(&self) -> u64 {
        self.0["metadata"]["generation"].as_u64().unwrap_or_default()
    }

    /// The number of a Deployment's rollouts so far; for other kinds the name of the revision.
    pub(crate) fn revision(&self) -> Option<&str> {
        let of_others = || self.0["status"]["updateRevision"].as_str();
        self.annotation("deployment.kubernetes.io/revision").or_else(of_others)
    }

    /// As `kubectl rollout status` sees it.
    pub(crate) fn rolled_out(&self) -> bool {
        let status = |field: &str| self.0["status"][field].as_u64().unwrap_or_default();
        if status("observedGeneration") < self.generation() {
            return false;
        }
        if self.0["kind"] == "DaemonSet" {
            let wanted = status("desiredNumberScheduled");
            return wanted > 0 && status("updatedNumberScheduled") == wanted && status("numberAvailable") == wanted;
        }
        let wanted = self.0["spec"]["replicas"].as_u64().unwrap_or(1);
        let settled = self.0["kind"] != "StatefulSet"
            || self.0["status"]["currentRevision"] == self.0["status"]["updateRevision"];
        settled
            && status("replicas") == wanted
            && status("updatedReplicas") == wanted
            && status("availableReplicas") == wanted
    }
}
