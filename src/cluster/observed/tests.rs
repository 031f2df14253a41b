use super::super::fields::LONGEST_NAME;
use super::*;
use crate::domain::rollout::{Lacks, Progress, Waits};
use crate::domain::workload::Place;

/// How the newest revision of an object stands.
pub(in crate::cluster) fn rollout_of(row: &Row, object: serde_json::Value) -> Rollout {
    serde_json::from_value::<Object>(object).unwrap().rollout(row)
}

fn deployment(extra: &serde_json::Value) -> Object {
    let mut object = serde_json::json!({
        "metadata": {"name": "web", "namespace": "shop", "uid": "u", "resourceVersion": "7", "generation": 2,
            "annotations": {"image-watcher/mode": "NOTIFICATION", "other/x": "y"}},
        "spec": {"replicas": 2, "template": {"spec": {
            "initContainers": [{"name": "init", "image": "init:1"}],
            "containers": [{"name": "web", "image": "web:1.0.0", "env": [{"name": "A", "value": "B"}]}],
            "imagePullSecrets": [{"name": "pull"}]}}},
        "status": {"observedGeneration": 2, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2}
    });
    for (path, value) in extra.as_object().into_iter().flatten() {
        *object.pointer_mut(path).unwrap() = value.clone();
    }
    serde_json::from_value(object).unwrap()
}

#[test]
fn a_record_holds_what_is_needed_and_no_more() {
    let record = deployment(&serde_json::json!({})).record(Row::of(Kind::Deployment), &Defaults::default()).unwrap();
    assert_eq!(record.id.to_string(), "shop/deploy/web");
    assert_eq!(record.annotation("mode"), Some("NOTIFICATION"));
    assert_eq!((record.annotations.len(), record.containers.len(), record.resource_version), (1, 2, 7));
    assert_eq!(record.pull_secrets.first().map(|name| &**name), Some("pull"));
    assert!(record.is_annotated);
    let state_only = serde_json::json!({"/metadata/annotations": {"image-watcher/history": "[]"}});
    assert!(
        deployment(&state_only).record(Row::of(Kind::Deployment), &Defaults::default()).is_none(),
        "state alone does not make it watched"
    );
    assert!(
        deployment(&serde_json::json!({"/metadata/annotations": null}))
            .record(Row::of(Kind::Deployment), &Defaults::default())
            .is_none()
    );
}

#[test]
fn it_is_known_when_somebody_else_wrote_the_pod_template() {
    let template = serde_json::json!({"f:spec": {"f:template": {"f:spec": {"f:nodeSelector": {}}}}});
    let of = |manager: &str, second: u8, fields: &serde_json::Value, subresource: Option<&str>| {
        serde_json::json!({"manager": manager, "operation": "Update", "subresource": subresource.unwrap_or_default(),
            "time": format!("2026-11-26T10:00:{second:02}Z"), "fieldsV1": fields})
    };
    let written = |entries: &[serde_json::Value]| {
        let mut object = serde_json::json!({"metadata": {"name": "web", "namespace": "shop", "uid": "u",
            "annotations": {"image-watcher/mode": "NOTIFICATION"}}});
        object["metadata"]["managedFields"] = entries.into();
        let object: Object = serde_json::from_value(object).unwrap();
        object
            .record(Row::of(Kind::Deployment), &Defaults::default())
            .unwrap()
            .template_by_others
            .map(|at| at.timestamp() % 60)
    };
    let runs = serde_json::json!({"f:spec": {"f:jobTemplate": {"f:spec": {}}}});
    let labels = serde_json::json!({"f:metadata": {"f:labels": {}}, "f:spec": {"f:replicas": {}}});
    assert_eq!(written(&[]), None);
    let edits =
        [of("kubectl-edit", 5, &template, None), of("helm", 7, &runs, None), of("kubectl-label", 9, &labels, None)];
    assert_eq!(written(&edits), Some(7), "the last of those who wrote it");
    for nobody in ["image-watcher", "image-watcher-cli", "argo-rollouts", "kube-controller-manager"] {
        assert_eq!(written(&[of(nobody, 5, &template, None)]), None, "{nobody}");
    }
    assert_eq!(written(&[of("x", 5, &template, Some("status"))]), None);
    for odd in [serde_json::json!(null), serde_json::json!({}), serde_json::json!({"f:spec": null})] {
        assert_eq!(written(&[of("x", 5, &odd, None)]), None, "{odd}");
    }
}

#[test]
fn what_a_pod_template_says_beside_its_images_is_known_by_a_number() {
    let rest = |at: &str, value: serde_json::Value| {
        let template = serde_json::json!({"metadata": {"labels": {"app": "web"}}, "spec": {
            "containers": [{"name": "web", "image": "web:1.0.0", "args": ["-v"], "env": [{"name": "A", "value": "b"}]}],
            "initContainers": [{"name": "init", "image": "init:1"}], "nodeSelector": {"disk": "ssd"},
            "volumes": [{"name": "data", "image": {"reference": "data:1"}}, {"name": "tmp", "emptyDir": {}}]}});
        let mut object = serde_json::json!({"metadata": {"name": "web", "namespace": "shop", "uid": "u",
            "annotations": {"image-watcher/mode": "NOTIFICATION"}, "labels": {"team": "a"}},
            "spec": {"replicas": 1, "template": template}});
        *object.pointer_mut(at).unwrap() = value;
        parsed(object).record(Row::of(Kind::Deployment), &Defaults::default()).unwrap().rest_of_template
    };
    let before = rest("/spec/replicas", 1.into());
    let pod = "/spec/template/spec";
    for at in ["/metadata/labels/team", "/metadata/annotations/image-watcher~1mode"] {
        assert_eq!(rest(at, "b".into()), before, "{at}");
    }
    for at in ["containers/0/image", "initContainers/0/image", "volumes/0/image/reference"] {
        assert_eq!(rest(&format!("{pod}/{at}"), "other:2".into()), before, "{at}");
    }
    assert_eq!(rest("/spec/replicas", 5.into()), before);
    for at in ["containers/0/args/0", "containers/0/env/0/value", "initContainers/0/name", "nodeSelector/disk"] {
        assert_ne!(rest(&format!("{pod}/{at}"), "other".into()), before, "{at}");
    }
    assert_ne!(rest("/spec/template/metadata/labels/app", "other".into()), before);
}

#[test]
fn the_containers_of_every_list_are_known_by_their_place() {
    let pods = serde_json::json!({"spec": {
        "initContainers": [{"name": "migrate", "image": "web:1.0.0"},
            {"name": "proxy", "image": "proxy:2.0.0", "restartPolicy": "Always"}],
        "containers": [{"name": "web", "image": "web:1.0.0"}]}});
    let settings = serde_json::json!({"image-watcher/mode.migrate": "DISABLED", "image-watcher/mode.gone": "DISABLED"});
    let changes = serde_json::json!({"/spec/template": pods, "/metadata/annotations": settings});
    let record = deployment(&changes).record(Row::of(Kind::Deployment), &Defaults::default()).unwrap();
    let places: Vec<_> = record.containers.iter().map(|c| (&*c.name, c.place)).collect();
    assert_eq!(places, [("web", Place::Main), ("migrate", Place::Init), ("proxy", Place::Sidecar)]);
    assert_eq!(record.annotation("mode.migrate"), Some("DISABLED"), "its settings are settings");
    assert_eq!(record.annotation("mode.gone"), Some(""));
}

#[test]
fn containers_are_counted_over_all_lists() {
    let many = |name: &str, count: usize| -> Vec<_> {
        (0..count).map(|n| serde_json::json!({"name": format!("{name}{n}"), "image": "web:1.0.0"})).collect()
    };
    let pods = serde_json::json!({"spec": {"containers": many("c", 30), "initContainers": many("i", 100_000)}});
    let record = deployment(&serde_json::json!({"/spec/template": pods}))
        .record(Row::of(Kind::Deployment), &Defaults::default())
        .unwrap();
    assert_eq!(record.containers.len(), MOST_CONTAINERS + 1);
}

#[test]
fn who_wrote_what_is_not_held() {
    let mut object = serde_json::json!({"metadata": {"name": "web", "namespace": "shop", "uid": "u",
        "labels": {"app.kubernetes.io/managed-by": "Helm"}}});
    object["metadata"]["managedFields"] = serde_json::json!([{"manager": "kubectl", "fieldsV1": {"f:spec": {}}}]);
    let object: Object = serde_json::from_value(object).unwrap();
    assert_eq!((object.metadata.managed_fields, object.metadata.labels.unwrap().len()), (None, 1));
}

#[test]
fn an_owner_is_known_by_references_and_by_who_writes() {
    let owner = |metadata: serde_json::Value| {
        let object: Object = serde_json::from_value(serde_json::json!({"metadata": metadata})).unwrap();
        owner(&object.metadata, Kind::Deployment).map(|owner| (owner.to_string(), owner.refuses_other_writers()))
    };
    let reference = |controller: bool| {
        serde_json::json!({"ownerReferences": [{"apiVersion": "monitoring.coreos.com/v1", "kind": "Prometheus",
            "name": "k8s", "uid": "u", "controller": controller}]})
    };
    assert_eq!(owner(reference(true)), Some(("the controller of Prometheus k8s".into(), false)));
    assert_eq!(owner(reference(false)), None);
    let mut release = serde_json::json!({"labels": {"app.kubernetes.io/managed-by": "Helm"},
        "annotations": {"meta.helm.sh/release-name": "shop", "meta.helm.sh/release-namespace": "shop"},
        "managedFields": [{"manager": "image-watcher", "operation": "Update", "fieldsV1": {"f:spec": {}}},
            {"manager": "helm", "operation": "Apply", "fieldsV1": {"f:spec": {}}}]});
    assert_eq!(owner(release.clone()), Some(("Helm release shop".into(), true)));
    release["managedFields"][1]["operation"] = "Update".into();
    assert_eq!(owner(release), Some(("Helm release shop".into(), false)));
    let tracked = |name: &str| {
        serde_json::json!({"namespace": "shop", "name": name,
            "annotations": {"argocd.argoproj.io/tracking-id": "shop:apps/Deployment:shop/web"}})
    };
    assert_eq!(owner(tracked("web")), Some(("Argo CD application shop".into(), false)));
    assert_eq!(owner(tracked("copied")), None, "it is of another object");
}

#[test]
fn what_means_nothing_is_remembered_so_that_it_can_be_told() {
    let misspelt = serde_json::json!({"/metadata/annotations": {"image-watcher/mdoe": "AUTO_UPDATE"}});
    assert_eq!(
        deployment(&misspelt)
            .record(Row::of(Kind::Deployment), &Defaults::default())
            .unwrap()
            .names()
            .collect::<Vec<_>>(),
        ["mdoe"]
    );
    let template = |annotations: &serde_json::Value| {
        let pods = serde_json::json!({"metadata": {"annotations": annotations},
            "spec": {"containers": [{"name": "web", "image": "web:1.0.0"}]}});
        deployment(&serde_json::json!({"/metadata/annotations": {}, "/spec/template": pods}))
            .record(Row::of(Kind::Deployment), &Defaults::default())
    };
    let ours = serde_json::json!({"image-watcher/strategy": "PATCH", "image-watcher/a": "", "other/x": "y"});
    let names = template(&ours).unwrap().template_names;
    assert_eq!(names.iter().map(|name| &**name).collect::<Vec<_>>(), ["a", "strategy"]);
    assert!(template(&serde_json::json!({"other/x": "y"})).is_none());
    assert!(template(&serde_json::Value::Null).is_none());
    let many: serde_json::Map<_, _> = (0..1000).map(|n| (format!("image-watcher/{n}"), "".into())).collect();
    assert_eq!(template(&many.into()).unwrap().template_names.len(), MOST_NAMES);
    let long = serde_json::json!({format!("image-watcher/{}", "é".repeat(70_000)): ""});
    assert_eq!(template(&long).unwrap().template_names[0].chars().count(), LONGEST_NAME);
}

#[test]
fn of_annotations_that_mean_nothing_only_some_names_are_kept() {
    let long = "x".repeat(200 * 1024);
    let annotations = serde_json::json!({"/metadata/annotations": {
        "image-watcher/mode": "NOTIFICATION", "image-watcher/mode.web": "DISABLED", "image-watcher/note": long,
        "image-watcher/mode.gone": "AUTO_UPDATE", "image-watcher/history": long, "image-watcher/proposal": "{}",
        "image-watcher/proposal.gone": "{}"}});
    let record = deployment(&annotations).record(Row::of(Kind::Deployment), &Defaults::default()).unwrap();
    let names: Vec<&str> = record.annotations.iter().map(|(name, _)| &**name).collect();
    assert_eq!(names, ["history", "mode", "mode.gone", "mode.web", "note", "proposal"]);
    assert_eq!((record.annotation("note"), record.annotation("mode.gone")), (Some(""), Some("")));
    assert!(record.annotations.iter().all(|(_, value)| value.len() < 17 * 1024));
    let many: serde_json::Map<_, _> =
        (0..1000).map(|n| (format!("image-watcher/{n}{}", "x".repeat(200)), "".into())).collect();
    let record = deployment(&serde_json::json!({"/metadata/annotations": many}))
        .record(Row::of(Kind::Deployment), &Defaults::default())
        .unwrap();
    assert_eq!(record.annotations.len(), MOST_NAMES);
    assert!(record.names().all(|name| name.len() == LONGEST_NAME));
}

/// A deployment with so many containers, and with so much of everything that is read of their annotations.
fn stuffed(mode: &str, containers: usize, bytes: usize) -> Workload {
    let names: Vec<String> = (0..containers).map(|n| format!("c{n}")).collect();
    let list: Vec<_> = names.iter().map(|name| serde_json::json!({"name": name, "image": "web:1.0.0"})).collect();
    let mut annotations = serde_json::Map::from_iter([("image-watcher/mode".to_owned(), mode.into())]);
    for name in &names {
        for word in ["proposal", "token-update", "known-since", "error", "notify", "skip", "release-url"] {
            annotations.insert(format!("image-watcher/{word}.{name}"), "x".repeat(bytes).into());
        }
    }
    let changes = serde_json::json!({"/metadata/annotations": annotations,
        "/spec/template": {"spec": {"containers": list}}});
    deployment(&changes).record(Row::of(Kind::Deployment), &Defaults::default()).unwrap()
}

fn bytes(workload: &Workload) -> usize {
    workload.annotations.iter().map(|(name, value)| name.len() + value.len()).sum()
}

#[test]
fn the_annotations_of_one_workload_are_bounded_together() {
    for (containers, length) in [(3, 5000), (15, 16_000), (3000, 0), (40, 300)] {
        let (enabled, disabled) = (stuffed("AUTO_UPDATE", containers, length), stuffed("DISABLED", containers, length));
        assert!(bytes(&enabled) <= 96 * 1024, "{containers} × {length}: {}", bytes(&enabled));
        assert!(bytes(&disabled) <= 32 * 1024, "{containers} × {length}: {}", bytes(&disabled));
        assert!(disabled.annotations.len() <= 512 && disabled.containers.len() <= 51);
        assert_eq!(disabled.annotation("mode"), Some("DISABLED"));
    }
    let small = stuffed("DISABLED", 5, 100);
    assert_eq!(bytes(&small), 4 + 8 + 5 * (57 + 7 * 3 + 7 * 100), "what fits is kept whole");
}

#[test]
fn few_pull_secrets_are_kept_and_only_names() {
    let named = |names: &[&str]| names.iter().map(|name| Named { name: (*name).into() }).collect::<Vec<_>>();
    let odd = named(&["b", "", "../x", "B", "a.b-c.d", "-a", "a-", "a..b", "b", &"a".repeat(254), "a/b"]);
    assert_eq!(pull_secrets(&odd).iter().map(|name| &**name).collect::<Vec<_>>(), ["b", "a.b-c.d"]);
    let many: Vec<Named> = (0..20_000).map(|n| Named { name: format!("s{n}").into() }).collect();
    assert_eq!(pull_secrets(&many).last().map(|name| &**name), Some("s7"));
}

#[test]
fn a_rollout_is_complete_when_every_replica_is_new_and_available() {
    let under_way = |lacks, updated, available| {
        Rollout::Progressing(Progress { updated, available, has_deadline: true, lacks, ..Progress::default() })
    };
    let cases = [
        (serde_json::json!({}), Rollout::Complete),
        (serde_json::json!({"/status/observedGeneration": 1}), under_way(Lacks::ObservedGeneration, 2, 2)),
        (serde_json::json!({"/status/updatedReplicas": 1}), under_way(Lacks::UpdatedReplicas, 1, 2)),
        (serde_json::json!({"/status/replicas": 3}), under_way(Lacks::OldReplicas, 2, 2)),
        (serde_json::json!({"/status/availableReplicas": 1}), under_way(Lacks::AvailableReplicas, 2, 1)),
        (serde_json::json!({"/spec/replicas": 0}), Rollout::Waiting(Waits::ZeroReplicas)),
    ];
    for (extra, expected) in cases {
        assert_eq!(
            deployment(&extra).record(Row::of(Kind::Deployment), &Defaults::default()).unwrap().rollout,
            expected,
            "{extra}"
        );
    }
}

#[test]
fn a_partition_is_counted_from_the_first_ordinal() {
    let judged = |start: i32, partition: i32, updated: i32| {
        let object = serde_json::json!({
            "metadata": {"name": "db", "namespace": "shop", "uid": "u", "generation": 2,
                "annotations": {"image-watcher/mode": "NOTIFICATION"}},
            "spec": {"replicas": 3, "ordinals": {"start": start},
                "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": partition}}},
            "status": {"observedGeneration": 2, "replicas": 3, "updatedReplicas": updated, "availableReplicas": 3,
                "currentRevision": "a", "updateRevision": "b"}
        });
        serde_json::from_value::<Object>(object)
            .unwrap()
            .record(Row::of(Kind::StatefulSet), &Defaults::default())
            .unwrap()
            .rollout
    };
    let partition = Rollout::Waiting(Waits::Partition);
    let under_way =
        |updated| Rollout::Progressing(Progress { updated, available: 3, is_ordered: true, ..Progress::default() });
    assert_eq!(judged(0, 2, 1), partition);
    assert_eq!(judged(5, 6, 1), under_way(1), "5 waits, 6 and 7 are to be new");
    assert_eq!(judged(5, 6, 2), partition);
    assert_eq!(judged(5, 5, 1), under_way(1), "all are to be new");
    assert_eq!(judged(5, i32::MIN, 1), under_way(1));
}

#[test]
fn how_long_a_pod_has_to_be_ready_is_known_of_each_kind() {
    let min_ready = |kind, seconds: serde_json::Value| {
        let spec = serde_json::json!({"replicas": 2, "minReadySeconds": seconds});
        let status = serde_json::json!({"replicas": 2, "updatedReplicas": 2, "desiredNumberScheduled": 2,
            "updatedNumberScheduled": 2, "stableRS": "a"});
        match of_kind(kind, &spec, &status).rollout(Row::of(kind)) {
            Rollout::Progressing(progress) => progress.min_ready,
            other => panic!("{kind}: {other:?}"),
        }
    };
    for kind in [Kind::Deployment, Kind::StatefulSet, Kind::DaemonSet, Kind::Rollout] {
        assert_eq!(min_ready(kind, 1800.into()), 1800, "{kind}");
    }
    for odd in [serde_json::Value::Null, serde_json::json!(-1)] {
        assert_eq!(min_ready(Kind::Rollout, odd), 0);
    }
}

/// An object of a kind with this specification and status, and one main container.
fn of_kind(kind: Kind, spec: &serde_json::Value, status: &serde_json::Value) -> Object {
    let pods = serde_json::json!({"spec": {"containers": [{"name": "web", "image": "web:1.0.0"}]}});
    let mut object = serde_json::json!({"metadata": {"name": "web", "namespace": "shop", "uid": "u", "generation": 2,
        "annotations": {"image-watcher/mode": "NOTIFICATION"}}, "spec": {}, "status": status});
    let at = if kind == Kind::CronJob { "jobTemplate" } else { "template" };
    let template = if kind == Kind::CronJob { serde_json::json!({"spec": {"template": pods}}) } else { pods };
    object["spec"][at] = template;
    for (name, value) in spec.as_object().into_iter().flatten() {
        object["spec"][name] = value.clone();
    }
    parsed(object)
}

#[test]
fn every_kind_is_read_from_its_own_fields() {
    let word = |kind, spec: &serde_json::Value, status: &serde_json::Value| {
        let record = of_kind(kind, spec, status).record(Row::of(kind), &Defaults::default()).unwrap();
        assert_eq!(&*record.containers[0].image, "web:1.0.0", "{kind}");
        match record.rollout {
            Rollout::Complete => "complete".to_owned(),
            Rollout::Progressing(progress) | Rollout::Refused(progress, _) => {
                format!("{} {}", progress.updated, progress.available)
            }
            Rollout::Waiting(waits) => waits.as_str().to_owned(),
            Rollout::Stalled(stall) => format!("{} {}", stall.reason, stall.since),
        }
    };
    let none = || serde_json::json!({});
    let replicas = serde_json::json!({"observedGeneration": 2, "replicas": 1, "updatedReplicas": 1,
        "availableReplicas": 1, "currentRevision": "a", "updateRevision": "b"});
    let nodes = |updated: i32, available: i32| {
        serde_json::json!({"observedGeneration": 2, "desiredNumberScheduled": 3,
            "updatedNumberScheduled": updated, "numberAvailable": available})
    };
    let on_delete = serde_json::json!({"updateStrategy": {"type": "OnDelete"}});
    let recreate = serde_json::json!({"updateStrategy": {"type": "Recreate"}});
    let argo = |phase: &str, hash: &str| {
        serde_json::json!({"observedGeneration": "2", "replicas": 1, "updatedReplicas": 1, "availableReplicas": 1,
            "phase": phase, "currentPodHash": hash, "stableRS": "a", "currentStepIndex": 1,
            "pauseConditions": [{"reason": "CanaryPauseStep", "startTime": "2026-11-20T10:00:00Z"}]})
    };
    let steps = |pause: serde_json::Value| serde_json::json!({"strategy": {"canary": {"steps": [{"setWeight": 20}, {"pause": pause}]}}});
    let aborted = serde_json::json!({"observedGeneration": "2", "phase": "Degraded", "conditions": [
        {"type": "Progressing", "status": "False", "reason": "RolloutAborted", "lastUpdateTime": "t"}]});
    let unpausing = serde_json::json!({"observedGeneration": "2", "controllerPause": true, "phase": "Paused"});
    let suspended = serde_json::json!({"suspend": true, "schedule": "* * * * *"});
    let cases = [
        (Kind::Deployment, none(), replicas.clone(), "complete"),
        (Kind::StatefulSet, none(), replicas.clone(), "1 1"),
        (Kind::StatefulSet, recreate, replicas.clone(), "complete"),
        (Kind::DaemonSet, none(), nodes(3, 3), "complete"),
        (Kind::DaemonSet, none(), nodes(2, 3), "2 3"),
        (Kind::DaemonSet, on_delete, nodes(0, 3), "OnDelete"),
        (Kind::DaemonSet, none(), serde_json::json!({"observedGeneration": 2}), "NoNodes"),
        (Kind::CronJob, serde_json::json!({"schedule": "0 4 * * *"}), none(), "NextRun"),
        (Kind::CronJob, suspended, none(), "Suspended"),
        (Kind::CronJob, serde_json::json!({"schedule": "0 0 31 2 *"}), none(), "NoSchedule"),
        (Kind::Rollout, none(), argo("Healthy", "a"), "complete"),
        (Kind::Rollout, none(), argo("Progressing", "b"), "CanaryPause"),
        (Kind::Rollout, steps(serde_json::json!({})), argo("Paused", "b"), "CanaryPause"),
        (Kind::Rollout, steps(serde_json::json!({"duration": "1h"})), argo("Paused", "b"), "1 1"),
        (Kind::Rollout, steps(serde_json::json!({"duration": 60})), argo("Paused", "b"), "1 1"),
        (Kind::Rollout, none(), serde_json::json!({"observedGeneration": "1", "phase": "Healthy"}), "0 0"),
        (Kind::Rollout, none(), serde_json::json!({"observedGeneration": "x"}), "0 0"),
        (Kind::Rollout, none(), unpausing, "0 0"),
        (Kind::Rollout, none(), aborted, "RolloutAborted t"),
    ];
    for (kind, spec, status, expected) in cases {
        assert_eq!(word(kind, &spec, &status), expected, "{kind} {spec} {status}");
    }
}

#[test]
fn a_rollout_may_leave_its_pods_to_a_deployment() {
    let spec = |kind: &str| {
        serde_json::json!({"replicas": 2, "workloadRef": {"apiVersion": "apps/v1", "kind": kind, "name": "web"},
            "template": {"metadata": {"creationTimestamp": null}, "spec": {"containers": null}}})
    };
    let status = serde_json::json!({"observedGeneration": "2", "workloadObservedGeneration": "7", "phase": "Healthy",
        "updatedReplicas": 2, "availableReplicas": 2, "currentPodHash": "a", "stableRS": "a"});
    let refers = |kind: &str| of_kind(Kind::Rollout, &spec(kind), &status).refers(Row::of(Kind::Rollout));
    let referrer = refers("Deployment").unwrap();
    assert_eq!((&*referrer.deployment, referrer.observed, referrer.rollout), ("web", 7, Rollout::Complete));
    assert_eq!(refers("PodTemplate"), None);
    let alone = of_kind(Kind::Rollout, &spec("Deployment"), &status)
        .record(Row::of(Kind::Rollout), &Defaults::default())
        .unwrap();
    assert!(alone.containers.is_empty());
}

#[test]
fn an_image_volume_is_a_container_of_its_own() {
    let pods = serde_json::json!({"spec": {
        "containers": [{"name": "model", "image": "web:1.0.0"}],
        "volumes": [{"name": "tmp", "emptyDir": {}}, {"name": "model", "image": {"reference": "model:4"}},
            {"name": "none", "image": {"pullPolicy": "Always"}}]}});
    let settings = serde_json::json!({"image-watcher/mode.volume.model": "DISABLED",
        "image-watcher/mode.volume.tmp": "DISABLED"});
    let changes = serde_json::json!({"/spec/template": pods, "/metadata/annotations": settings});
    let record = deployment(&changes).record(Row::of(Kind::Deployment), &Defaults::default()).unwrap();
    let all: Vec<_> = record.containers.iter().map(|c| (&*c.name, &*c.image, c.place)).collect();
    assert_eq!(all, [("model", "web:1.0.0", Place::Main), ("volume.model", "model:4", Place::Volume(1))]);
    assert_eq!(record.annotation("mode.volume.model"), Some("DISABLED"), "its settings are settings");
    assert_eq!(record.annotation("mode.volume.tmp"), Some(""));
}

#[test]
fn what_stands_on_the_template_of_jobs_is_told_as_well() {
    let spec = serde_json::json!({"jobTemplate": {"metadata": {"annotations": {"image-watcher/mode": "DISABLED"}},
        "spec": {"template": {"metadata": {"annotations": {"image-watcher/mode": "", "image-watcher/a": ""}},
            "spec": {"containers": [{"name": "web", "image": "web:1.0.0"}]}}}}});
    let record = of_kind(Kind::CronJob, &spec, &serde_json::json!({}))
        .record(Row::of(Kind::CronJob), &Defaults::default())
        .unwrap();
    assert_eq!(record.template_names.iter().map(|name| &**name).collect::<Vec<_>>(), ["a", "mode"]);
}

/// What we say of each object of the shared corpus, where it stands beside the project: pods are not looked at, so
/// what only they tell is still under way for us, but nothing is said that is not so.
#[test]
fn the_shared_states_of_workloads_are_read_as_they_are() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus/pods");
    let Ok(index) = std::fs::read_to_string(folder.join("INDEX.jsonl")) else {
        eprintln!("skipped: no shared corpus at {}", folder.display());
        return;
    };
    let mut read = 0;
    for line in index.lines() {
        let case: serde_json::Value = serde_json::from_str(line).unwrap();
        let text = |pointer: &str| case.pointer(pointer).and_then(serde_json::Value::as_str).unwrap_or_default();
        let list = std::fs::read_to_string(folder.join(text("/file"))).unwrap();
        let list: serde_json::Value = serde_json::from_str(&list).unwrap();
        let object = list.pointer("/items/0").unwrap().clone();
        // The runs of a CronJob have a test of their own.
        let Some(kind) = Kind::named(text("/kind")).filter(|kind| *kind != Kind::CronJob) else { continue };
        let (judged, since) = judged(kind, object);
        // A condition from before our write is of the rollout before.
        let old = !since.is_empty() && *since < *text("/follow/since");
        let judged = if old { "rolling" } else { judged };
        let (outcome, reason) = (text("/expect/outcome"), text("/expect/reason"));
        let fits = match outcome {
            // What crashes after it was complete, or restarts, only its pods tell.
            "healthy" => judged == "healthy",
            "waiting" => judged == reason,
            "rolling" => judged == "rolling" || reason == "Restarting",
            "failed" if reason == "ProgressDeadlineExceeded" => judged == "failed",
            _ => matches!(judged, "rolling" | "failed"),
        };
        assert!(fits, "{}: {judged}, and {outcome} {reason} is right", text("/file"));
        read += 1;
    }
    assert!(read > 20, "{read} cases were read");
}

fn parsed(object: serde_json::Value) -> Object {
    serde_json::from_value(object).unwrap()
}

fn judged(kind: Kind, object: serde_json::Value) -> (&'static str, Box<str>) {
    match parsed(object).rollout(Row::of(kind)) {
        Rollout::Complete => ("healthy", "".into()),
        Rollout::Progressing(_) | Rollout::Refused(..) => ("rolling", "".into()),
        Rollout::Waiting(waits) => (waits.as_str(), "".into()),
        Rollout::Stalled(stall) => ("failed", stall.since),
    }
}

#[test]
fn what_is_being_deleted_is_not_watched() {
    let metadata = |deletion: serde_json::Value| {
        serde_json::json!({"/metadata": {"name": "web", "namespace": "shop", "uid": "u", "resourceVersion": "7",
            "deletionTimestamp": deletion, "finalizers": ["foregroundDeletion"],
            "annotations": {"image-watcher/mode": "NOTIFICATION"}}})
    };
    let record = |deletion| deployment(&metadata(deletion)).record(Row::of(Kind::Deployment), &Defaults::default());
    assert!(record(serde_json::Value::Null).is_some());
    assert!(record("2026-11-26T10:00:00Z".into()).is_none());
}

/// The controller leaves `observedGeneration` as it was where it can't make the `ReplicaSet`.
#[test]
fn a_replica_set_that_is_refused_is_said_though_the_generation_is_not_observed() {
    let said = "Failed to create new replica set \"web-2\": exceeded quota: q, used: count/replicasets.apps=1";
    let status = serde_json::json!({"observedGeneration": 1, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2,
        "conditions": [{"type": "Progressing", "status": "False", "reason": "ReplicaSetCreateError", "message": said}]});
    let object = deployment(&serde_json::json!({"/status": status}));
    let record = object.record(Row::of(Kind::Deployment), &Defaults::default()).unwrap();
    let Rollout::Refused(progress, refusal) = &record.rollout else { panic!("{:?}", record.rollout) };
    assert_eq!((progress.lacks, &*refusal.reason), (Lacks::ObservedGeneration, "FailedCreate"));
    assert!(refusal.message.contains("exceeded quota: q"), "{refusal:?}");
}
