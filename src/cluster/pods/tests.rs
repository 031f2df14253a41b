//! Pods against an API server of our own that says what the test wants.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use super::object::Object;
use super::table::{LINGER, Table};
use super::*;
use crate::domain::rollout::pods::Standing;
use crate::domain::workload::Kind;
use crate::domain::workload::tests::workload;

const NEW: &str = "registry.example.com/shop/web:1.1.0";
const OLD: &str = "registry.example.com/shop/web:1.0.0";

/// A pod of the Deployment `web`.
fn pod(name: &str, image: &str, waits: Option<&str>) -> Value {
    let mut status = json!({"name": "web", "image": image, "ready": waits.is_none(), "restartCount": 0,
        "state": {"running": {}}});
    if let Some(reason) = waits {
        status["state"] = json!({"waiting": {"reason": reason, "message": "web:1.1.0: not found"}});
    }
    let ready = if waits.is_none() { "True" } else { "False" };
    json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "namespace": "shop", "resourceVersion": "7",
            "labels": {"pod-template-hash": "abc", "app": "x".repeat(60)},
            "ownerReferences": [{"kind": "ReplicaSet", "name": "web-abc", "uid": "u", "controller": true}]},
        "spec": {"containers": [{"name": "web", "image": image}]},
        "status": {"phase": "Running", "containerStatuses": [status], "conditions": [
            {"type": "Ready", "status": ready, "lastTransitionTime": "2026-11-26T10:00:00Z"}]}})
}

fn object(value: Value) -> Object {
    serde_json::from_value(value).unwrap()
}

fn web() -> Workload {
    workload(&[("web", NEW)], &[])
}

fn follow(table: &Table, now: u64) -> Option<Vec<Pod>> {
    table.follow(&web(), None, &[("web", NEW)], Duration::from_secs(now))
}

/// A table in which `shop` is watched, and `web` is followed there.
fn listed(pods: &[Value]) -> (Table, Hints) {
    let table = Table::default();
    assert_eq!(follow(&table, 0), None, "nothing is known yet");
    assert_eq!(table.to_watch(), ["shop".into()]);
    assert!(table.to_watch().is_empty(), "one watch a namespace");
    table.begin("shop");
    for pod in pods {
        table.list("shop", &object(pod.clone()));
    }
    assert_eq!(follow(&table, 0), None, "a list is taken whole or not at all");
    let hints = table.listed("shop");
    (table, hints)
}

#[test]
fn a_pod_is_known_by_the_workload_that_it_is_made_for() {
    let owner = |kind: &str, name: &str, labels: Value| {
        let mut pod = pod("p", NEW, None);
        pod["metadata"]["labels"] = labels;
        pod["metadata"]["ownerReferences"][0]["kind"] = kind.into();
        pod["metadata"]["ownerReferences"][0]["name"] = name.into();
        object(pod).owner().map(|owner| (owner.kind, owner.name.to_string()))
    };
    let hash = json!({"pod-template-hash": "abc"});
    assert_eq!(owner("ReplicaSet", "web-abc", hash.clone()), Some((Kind::Deployment, "web".into())));
    assert_eq!(owner("ReplicaSet", "web-abd", hash.clone()), None, "a ReplicaSet of somebody's own");
    assert_eq!(owner("ReplicaSet", "web-abc", json!({})), None);
    assert_eq!(owner("StatefulSet", "db", json!(null)), Some((Kind::StatefulSet, "db".into())));
    assert_eq!(owner("Node", "n", hash), None, "a static pod");
}

#[test]
fn a_huge_pod_leaves_a_small_record() {
    let mut huge = pod("web-abc-1", NEW, Some("ImagePullBackOff"));
    let long = "é".repeat(2_500_000);
    huge["metadata"]["annotations"] = json!({"note": long});
    huge["status"]["containerStatuses"][0]["state"]["waiting"]["message"] = long.clone().into();
    huge["status"]["conditions"][0]["message"] = long.into();
    let many = |name: &str| -> Vec<Value> {
        (0..10_000).map(|n| json!({"name": format!("{name}{n}"), "image": NEW, "restartCount": 1})).collect()
    };
    huge["spec"]["initContainers"] = many("i").into();
    huge["status"]["initContainerStatuses"] = many("i").into();
    let kept = format!("{:?}", object(huge).record());
    assert!(kept.len() < 20_000, "{} bytes", kept.len());
}

#[test]
fn what_a_node_ended_and_what_goes_says_nothing() {
    let with = |path: &str, value: Value| {
        let mut pod = pod("web-abc-1", NEW, Some("CrashLoopBackOff"));
        let (parent, name) = path.rsplit_once('/').unwrap();
        pod.pointer_mut(parent).unwrap()[name] = value;
        object(pod).record().stands
    };
    assert!(matches!(with("/status/phase", json!("Running")), Standing::Troubled(_)));
    for (path, value) in [
        ("/metadata/deletionTimestamp", json!("2026-11-26T10:00:00Z")),
        ("/status/phase", json!("Failed")),
        ("/status/phase", json!("Succeeded")),
        ("/status/reason", json!("Evicted")),
        ("/status/conditions", json!([{"type": "DisruptionTarget", "status": "True"}])),
    ] {
        assert_eq!(with(path, value), Standing::Leaving, "{path}");
    }
}

#[test]
fn a_pod_that_never_starts_is_looked_at_once_and_only_if_it_is_new() {
    let (table, hints) = listed(&[pod("web-abc-1", NEW, None), pod("web-abc-2", OLD, Some("ImagePullBackOff"))]);
    assert!(hints.is_empty(), "all is well with the new ones: {hints:?}");
    assert_eq!(follow(&table, 1).map(|pods| pods.len()), Some(2));
    let say = |name, image, waits| table.observe("shop", &object(pod(name, image, waits)));
    assert!(say("web-abc-2", OLD, Some("InvalidImageName")).is_empty(), "of the version before");
    assert!(say("web-abc-3", NEW, Some("ContainerCreating")).is_empty());
    assert!(say("web-abc-3", NEW, Some("RegistryUnavailable")).is_empty(), "it passes");
    assert!(say("web-abc-3", NEW, Some("ErrImagePull")).is_empty(), "it is tried again");
    let found = say("web-abc-3", NEW, Some("ImagePullBackOff"));
    assert_eq!(found.iter().map(ToString::to_string).collect::<Vec<_>>(), ["registry.example.com/shop/web"]);
    assert!(say("web-abc-3", NEW, Some("ErrImagePull")).is_empty(), "it is no news");
    table.remove("shop", &object(pod("web-abc-3", NEW, None)));
    assert_eq!(follow(&table, 1).map(|pods| pods.len()), Some(2));
    let (_, hints) = listed(&[pod("web-abc-1", NEW, Some("ImagePullBackOff"))]);
    assert_eq!(hints.len(), 1, "it was so before it was watched");
}

/// An older kubelet says while it waits only that it does.
#[test]
fn why_an_image_was_not_pulled_is_remembered_beyond_the_try_and_a_new_list() {
    let waits = |word: &str, message: &str| {
        let mut pod = pod("web-abc-1", NEW, Some(word));
        pod["status"]["containerStatuses"][0]["state"]["waiting"]["message"] = message.into();
        object(pod)
    };
    let (table, _) = listed(&[]);
    let back_off = || waits("ImagePullBackOff", "Back-off pulling image \"web:1.1.0\"");
    assert!(table.observe("shop", &waits("ErrImagePull", "web:1.1.0: not found")).is_empty());
    assert_eq!(table.observe("shop", &back_off()).len(), 1);
    let message = |table: &Table| follow(table, 1).unwrap()[0].trouble().unwrap().account.to_string();
    assert!(message(&table).ends_with("ErrImagePull: web:1.1.0: not found"), "{}", message(&table));
    table.begin("shop");
    table.list("shop", &back_off());
    assert_eq!(table.listed("shop").len(), 1);
    assert!(message(&table).ends_with("ErrImagePull: web:1.1.0: not found"), "{}", message(&table));
}

#[test]
fn an_image_volume_is_known_by_the_name_that_it_has_in_its_workload() {
    let mut volume = pod("web-abc-1", NEW, Some("ImagePullBackOff"));
    volume["spec"]["volumes"] = json!([{"name": "cache"}, {"name": "model", "image": {"reference": "model:2"}}]);
    let mut web = web();
    let model = crate::domain::workload::Container::volume("model", "model:2", 1);
    let written = [(&*model.name, &*model.image)];
    assert!(object(volume.clone()).record().runs(&written));
    web.containers = web.containers.iter().cloned().chain([model.clone()]).collect();
    let table = Table::default();
    table.follow(&web, None, &written, Duration::ZERO);
    table.begin("shop");
    table.list("shop", &object(volume));
    assert!(!table.listed("shop").is_empty(), "what is said of it is about what was written");
}

#[test]
fn nothing_is_kept_of_what_nobody_follows() {
    let (table, _) = listed(&[pod("web-abc-1", NEW, None)]);
    let seconds = Duration::from_secs;
    assert!(table.is_wanted("shop", seconds(29 * 60)));
    follow(&table, 29 * 60);
    assert!(table.is_wanted("shop", seconds(31 * 60)), "whoever follows says so again");
    table.release("shop", &web().id.uid, seconds(31 * 60));
    assert!(table.is_wanted("shop", seconds(31 * 60) + LINGER / 2), "the next one is often a moment away");
    assert!(!table.is_wanted("shop", seconds(31 * 60) + LINGER));
    table.ended("shop");
    assert_eq!(follow(&table, 32 * 60), None);
    assert_eq!(table.to_watch(), ["shop".into()], "it begins anew");
}

#[test]
fn thirty_thousand_pods_of_one_release_hold_its_name_once() {
    let pods: Vec<Value> = (0..3_000).map(|n| pod(&format!("web-abc-{n}"), NEW, None)).collect();
    let (table, _) = listed(&pods);
    let pods = follow(&table, 0).unwrap();
    assert_eq!(pods.len(), 3_000);
    assert!(pods.iter().all(|pod| std::sync::Arc::ptr_eq(&pod.images, &pods[0].images)));
    assert!(size_of::<Pod>() <= 64, "{} bytes", size_of::<Pod>());
}

/// What follows a list: `410 Gone` in the middle, another list, a pod that can't start.
#[tokio::test]
async fn a_watch_that_is_closed_in_the_middle_goes_on_with_a_new_list() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let config = kube::Config::new(format!("http://{}", listener.local_addr().unwrap()).parse().unwrap());
    let client = crate::cluster::connection::client(&config).unwrap();
    let pods = Pods::new(client, Ambient::system(), Metrics::new());
    let (raise, stop) = Stop::new();
    let (hints, mut looks) = mpsc::channel::<Hints>(4);
    assert_eq!(pods.follow(&web(), None, &[("web", NEW)]), None);
    let server = async {
        let mut first = request(&listener).await;
        let gone = json!({"type": "ERROR", "object": {"kind": "Status", "apiVersion": "v1", "status": "Failure",
            "reason": "Expired", "message": "too old resource version", "code": 410}});
        let text = format!("{}{gone}\n", list(&[pod("web-abc-1", NEW, None), pod("web-abc-2", NEW, None)]));
        first.write_all(&chunk(&text)).await.unwrap();
        let mut second = request(&listener).await;
        second.write_all(&chunk(&list(&[pod("web-abc-1", NEW, None)]))).await.unwrap();
        let bad = json!({"type": "ADDED", "object": pod("web-abc-3", NEW, Some("ImagePullBackOff"))});
        second.write_all(&chunk(&format!("{bad}\n"))[HEAD.len()..]).await.unwrap();
        let found = looks.recv().await.unwrap();
        assert_eq!(found.len(), 1, "{found:?}");
        let names: Vec<String> =
            pods.follow(&web(), None, &[]).unwrap().into_iter().map(|pod| pod.name.to_string()).collect();
        assert_eq!(names, ["web-abc-1", "web-abc-3"], "what the new list does not have is gone");
        raise.raise();
    };
    let done = tokio::time::timeout(Duration::from_secs(60), async { tokio::join!(pods.run(hints, stop), server) });
    assert!(done.await.is_ok());
}

/// Without the right nothing is known, and it is asked for again after a while and not at once.
#[tokio::test]
async fn without_the_right_nothing_is_known_of_pods() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let config = kube::Config::new(format!("http://{}", listener.local_addr().unwrap()).parse().unwrap());
    let client = crate::cluster::connection::client(&config).unwrap();
    let pods = Pods::new(client, Ambient::system(), Metrics::new());
    let (raise, stop) = Stop::new();
    let (hints, _looks) = mpsc::channel(4);
    let log = crate::telemetry::tests::Log::begin();
    pods.follow(&web(), None, &[("web", NEW)]);
    let server = async {
        for _ in 0..2 {
            let mut stream = request(&listener).await;
            let body = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Forbidden",
                "message": "pods is forbidden: no", "code": 403})
            .to_string();
            let head = format!(
                "HTTP/1.1 403 Forbidden\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            );
            stream.write_all(head.as_bytes()).await.unwrap();
        }
        assert_eq!(pods.follow(&web(), None, &[("web", NEW)]), None);
        raise.raise();
    };
    let done = tokio::time::timeout(Duration::from_secs(60), async { tokio::join!(pods.run(hints, stop), server) });
    assert!(done.await.is_ok());
    let told: Vec<String> = log.lines().into_iter().filter(|line| line.contains("may not watch pods")).collect();
    assert!(matches!(&told[..], [one] if one.contains("shop") && one.contains("deploy/namespace")), "{told:?}");
}

const HEAD: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

/// The head of an answer and a chunk of it.
fn chunk(text: &str) -> Vec<u8> {
    format!("{HEAD}{:x}\r\n{text}\r\n", text.len()).into_bytes()
}

/// A streaming list.
fn list(pods: &[Value]) -> String {
    let added: Vec<String> = pods.iter().map(|pod| json!({"type": "ADDED", "object": pod}).to_string()).collect();
    let added = added.join("\n");
    let end = json!({"type": "BOOKMARK", "object": {"apiVersion": "v1", "kind": "Pod",
        "metadata": {"resourceVersion": "9", "annotations": {"k8s.io/initial-events-end": "true"}}}});
    format!("{added}\n{end}\n")
}

/// The next request, each on a connection of its own.
async fn request(listener: &TcpListener) -> TcpStream {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    assert!(String::from_utf8_lossy(&head).contains("/api/v1/namespaces/shop/pods?"), "one namespace");
    stream
}

/// A Deployment that only describes pods is followed by those of its Rollout.
#[test]
fn the_pods_of_a_rollout_are_those_of_the_deployment_that_describes_them() {
    let mut broken = pod("cart-abc-1", NEW, Some("ImagePullBackOff"));
    broken["metadata"]["labels"] = json!({"rollouts-pod-template-hash": "abc"});
    broken["metadata"]["ownerReferences"][0]["name"] = json!("cart-abc");
    let table = Table::default();
    let follow = || table.follow(&web(), Some("cart"), &[("web", NEW)], Duration::ZERO);
    assert_eq!(follow(), None);
    table.to_watch();
    table.begin("shop");
    table.list("shop", &object(broken));
    table.list("shop", &object(pod("web-abc-1", OLD, None)));
    assert_eq!(table.listed("shop").len(), 1, "it is looked at, as one of its pods never starts");
    let names: Vec<Box<str>> = follow().unwrap().into_iter().map(|pod| pod.name).collect();
    assert_eq!(names, ["cart-abc-1".into()]);
}

#[test]
fn how_a_run_failed_is_kept_of_a_pod_that_is_not_started_again() {
    let ended = |kind: &str, name: &str, phase: &str, code: i32| {
        let mut pod = pod("web-29401-x", NEW, None);
        pod["metadata"]["ownerReferences"][0]["kind"] = kind.into();
        pod["metadata"]["ownerReferences"][0]["name"] = name.into();
        pod["status"]["phase"] = phase.into();
        pod["status"]["containerStatuses"][0]["state"] = json!({"terminated": {"exitCode": code, "reason": "Error",
            "message": "no table", "finishedAt": "2026-11-26T10:00:00Z"}});
        pod
    };
    let stands = |pod: Value| object(pod).record().stands;
    let Standing::Failed(failed) = stands(ended("Job", "web-29401", "Failed", 3)) else {
        panic!("it says how it ended")
    };
    let exit = failed.exit.unwrap();
    assert_eq!((&*failed.name, exit.code, &*exit.message), ("web", 3, "no table"));
    let mut beside = ended("Job", "web-29401", "Failed", 3);
    let stopped = json!({"terminated": {"exitCode": 143, "reason": "Error", "finishedAt": "2026-11-26T10:00:01Z"}});
    beside["status"]["initContainerStatuses"] = json!([{"name": "proxy", "restartCount": 0, "state": stopped}]);
    let Standing::Failed(failed) = stands(beside) else { panic!("it says how it ended") };
    assert_eq!(&*failed.name, "web", "a sidecar is stopped once the others have ended");
    assert_eq!(stands(ended("Job", "web-29401", "Succeeded", 0)), Standing::Leaving);
    assert_eq!(stands(ended("ReplicaSet", "web-abc", "Failed", 3)), Standing::Leaving, "the node ended it");
    let mut evicted = ended("Job", "web-29401", "Failed", 137);
    evicted["status"]["reason"] = "Evicted".into();
    assert_eq!(stands(evicted), Standing::Leaving, "it says nothing of the image");
}
