use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::cluster::ScopeState;
use crate::cluster::namespaces::Following;
use crate::telemetry::tests::Log;

/// One chunk of a stream: a list of one Deployment, complete.
fn list(image: &str) -> String {
    let object = json!({"type": "ADDED", "object": {"apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop", "uid": "u", "resourceVersion": "4",
            "annotations": {"image-watcher/mode": "AUTO_UPDATE"}},
        "spec": {"template": {"spec": {"containers": [{"name": "web", "image": image}]}}}}});
    let end = json!({"type": "BOOKMARK", "object": {"apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"resourceVersion": "5", "annotations": {"k8s.io/initial-events-end": "true"}}}});
    let text = format!("{object}\n{end}\n");
    format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{text}\r\n", text.len())
}

/// The next request, each on a connection of its own.
async fn request(listener: &TcpListener) -> TcpStream {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    stream
}

#[tokio::test]
async fn a_request_that_is_not_answered_is_no_stream_that_lives() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let watching = in_shop(&url, Kind::Deployment);
    let (scope, scopes) = (watching.scope.clone(), watching.scopes.clone());
    let short = Duration::from_millis(200);
    let patience = Patience { quiet: short, unanswered: short, ..PATIENCE };
    let (raise, stop) = Stop::new();
    let (hints, mut looks) = mpsc::channel(1);
    let stream = Stream { patience, ..Stream::new(watching) };
    let server = async {
        let mut first = request(&listener).await;
        first.write_all(list("web:1.0.0").as_bytes()).await.unwrap();
        drop(first);
        let mut again = request(&listener).await;
        again.write_all(b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n").await.unwrap();
        drop(again);
        let _silent = request(&listener).await;
        let _list = request(&listener).await;
        let mut last = request(&listener).await;
        let state = scopes.states().remove(0).1;
        let ScopeState::Failing { message, listed: true, .. } = &state else { panic!("{state:?}") };
        assert!(message.contains("no answer"), "{message}");
        last.write_all(list("web:1.0.1").as_bytes()).await.unwrap();
        assert!(looks.recv().await.is_some());
        assert_eq!(scopes.states(), [(scope, ScopeState::Synced)]);
        raise.raise();
    };
    let done = tokio::time::timeout(Duration::from_secs(30), async { tokio::join!(stream.run(stop, hints), server) });
    assert!(done.await.is_ok(), "the list that proves it was never asked for");
}

/// Foreground deletion, or a finalizer: the object stays for as long as its pods do.
#[tokio::test]
async fn what_is_being_deleted_is_gone_for_us_before_the_object_is() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (watching, _) = at(&format!("http://{}", listener.local_addr().unwrap()));
    let index = watching.index.clone();
    let mut stream = Stream::new(watching);
    let object = |version: &str, deletion: serde_json::Value| -> Object {
        serde_json::from_value(json!({"metadata": {"name": "web", "namespace": "shop", "uid": "u",
            "resourceVersion": version, "deletionTimestamp": deletion,
            "annotations": {"image-watcher/mode": "AUTO_UPDATE"}},
            "spec": {"template": {"spec": {"containers": [{"name": "web", "image": "web:1.0.0"}]}}}}))
        .unwrap()
    };
    let going = || object("5", "2026-11-26T10:00:00Z".into());
    stream.take(watcher::Event::Init);
    stream.take(watcher::Event::InitApply(object("4", serde_json::Value::Null)));
    stream.take(watcher::Event::InitDone);
    assert!(index.by_uid("u").is_some());
    stream.take(watcher::Event::Apply(going()));
    assert!(index.by_uid("u").is_none());
    stream.take(watcher::Event::Init);
    stream.take(watcher::Event::InitApply(going()));
    stream.take(watcher::Event::InitDone);
    assert!(index.by_uid("u").is_none(), "a list has it still");
    stream.take(watcher::Event::Delete(going()));
    assert!(index.by_uid("u").is_none());
}

/// What is too old is said in the middle of the stream: what was known stands until there is another list.
#[tokio::test]
async fn a_watch_that_is_closed_with_410_in_the_middle_goes_on_with_a_new_list() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let watching = in_shop(&url, Kind::Deployment);
    let (index, scopes) = (watching.index.clone(), watching.scopes.clone());
    let runs = || index.by_uid("u").map(|found| found.containers[0].image.to_string());
    let (raise, stop) = Stop::new();
    let (hints, _looks) = mpsc::channel(4);
    let stream = Stream::new(watching);
    let server = async {
        let mut first = request(&listener).await;
        first.write_all(list("web:1.0.0").as_bytes()).await.unwrap();
        while runs().is_none() {
            tokio::task::yield_now().await;
        }
        let gone = json!({"type": "ERROR", "object": {"kind": "Status", "apiVersion": "v1", "status": "Failure",
            "reason": "Expired", "message": "too old resource version", "code": 410}});
        let gone = format!("{gone}\n");
        first.write_all(format!("{:x}\r\n{gone}\r\n", gone.len()).as_bytes()).await.unwrap();
        let mut second = request(&listener).await;
        assert_eq!(runs().as_deref(), Some("web:1.0.0"), "it is known all the time");
        second.write_all(list("web:1.0.1").as_bytes()).await.unwrap();
        while runs().as_deref() != Some("web:1.0.1") {
            tokio::task::yield_now().await;
        }
        assert!(scopes.states().iter().all(|(_, state)| *state == ScopeState::Synced));
        raise.raise();
    };
    let done = tokio::time::timeout(Duration::from_secs(30), async { tokio::join!(stream.run(stop, hints), server) });
    assert!(done.await.is_ok(), "it is listed anew");
}

/// A list of one Rollout of Argo Rollouts, complete; then the stream ends.
fn rollouts() -> String {
    let kind = json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout"});
    let (mut object, mut end) = (kind.clone(), kind);
    object["metadata"] = json!({"name": "cart", "namespace": "shop", "uid": "u", "resourceVersion": "4",
        "annotations": {"image-watcher/mode": "AUTO_UPDATE"}});
    object["spec"] = json!({"template": {"spec": {"containers": [{"name": "web", "image": "web:1.0.0"}]}}});
    end["metadata"] = json!({"resourceVersion": "5", "annotations": {"k8s.io/initial-events-end": "true"}});
    let text =
        format!("{}\n{}\n", json!({"type": "ADDED", "object": object}), json!({"type": "BOOKMARK", "object": end}));
    format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{text}\r\n0\r\n\r\n", text.len())
}

/// Whoever takes Argo Rollouts out of the cluster deletes the definition, and all Rollouts with it.
#[tokio::test]
async fn a_kind_whose_definition_is_deleted_while_it_is_watched_is_dropped_and_told_once() {
    let log = Log::begin();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let watching = in_shop(&format!("http://{}", listener.local_addr().unwrap()), Kind::Rollout);
    let (index, scopes, scope) = (watching.index.clone(), watching.scopes.clone(), watching.scope.clone());
    // What else is watched stays so.
    let other = crate::domain::workload::tests::workload(&[("web", "web:1.0.0")], &[("mode", "AUTO_UPDATE")]);
    index.observe(&other.id.clone(), Some(other.clone()));
    let (hints, _looks) = mpsc::channel(4);
    let missing = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": "the server could not find the requested resource", "reason": "NotFound", "code": 404});
    let server = async {
        let found = json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": "argoproj.io/v1alpha1",
            "resources": [{"name": "rollouts", "singularName": "rollout", "namespaced": true, "kind": "Rollout", "verbs": []}]});
        answer(&listener, "200 OK", &found).await;
        let mut stream = request(&listener).await;
        stream.write_all(rollouts().as_bytes()).await.unwrap();
        drop(stream);
        for _ in 0..3 {
            answer(&listener, "404 Not Found", &missing).await;
        }
    };
    let mut stream = Stream::new(watching);
    let watches = async {
        assert!(stream.stream(&hints).await.is_some(), "the watch is not found");
        assert!(index.by_uid("u").is_some(), "which alone says nothing");
        for _ in 0..2 {
            assert!(stream.stream(&hints).await.is_some(), "it is asked again later");
            assert!(index.by_uid("u").is_none(), "there are none any more");
            assert_eq!(scopes.states(), [(scope.clone(), ScopeState::Absent)]);
        }
    };
    let all = async { tokio::join!(watches, server) };
    assert!(tokio::time::timeout(Duration::from_secs(60), all).await.is_ok(), "{:?}", log.lines());
    assert!(index.by_uid(&other.id.uid).is_some());
    let lines = log.lines();
    let told = |what: &str| lines.iter().filter(|line| line.contains(what)).count();
    assert_eq!((told("the cluster has no such kind"), told("WARN")), (1, 0), "{lines:?}");
}

/// A list of one `CronJob` whose update is followed.
fn cron_jobs() -> String {
    use crate::domain::approval::LinkKey;
    use crate::domain::record::{Event, Record, sealed, tests::update};
    let mut record = Record::default();
    record.on("report", Event::Write(Box::new(update(1, None))), chrono::DateTime::UNIX_EPOCH);
    let id = WorkloadId { namespace: "shop".into(), kind: Kind::CronJob, name: "report".into(), uid: "u".into() };
    let text = sealed::seal(&record, &id, &LinkKey::new(vec![1; 32]).unwrap()).unwrap().0;
    let object = json!({"type": "ADDED", "object": {"apiVersion": "batch/v1", "kind": "CronJob",
        "metadata": {"name": "report", "namespace": "shop", "uid": "u", "resourceVersion": "4",
            "annotations": {"image-watcher/mode": "AUTO_UPDATE", "image-watcher/record": text}},
        "spec": {"schedule": "@hourly", "jobTemplate": {"spec": {"template": {"spec": {
            "containers": [{"name": "report", "image": "report:1.0.1"}]}}}}}}});
    let end = json!({"type": "BOOKMARK", "object": {"apiVersion": "batch/v1", "kind": "CronJob",
        "metadata": {"resourceVersion": "5", "annotations": {"k8s.io/initial-events-end": "true"}}}});
    let text = format!("{object}\n{end}\n");
    format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{text}\r\n", text.len())
}

/// What a request for its Jobs is answered.
async fn answer(listener: &TcpListener, status: &str, body: &serde_json::Value) {
    let mut jobs = request(listener).await;
    let body = body.to_string();
    let head = "Content-Type: application/json\r\nConnection: close";
    let text = format!("HTTP/1.1 {status}\r\n{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    jobs.write_all(text.as_bytes()).await.unwrap();
}

/// What watches a kind in one namespace.
fn in_shop(url: &str, kind: Kind) -> Watching {
    let scope = Scope { namespace: Some("shop".into()), kind };
    Watching {
        namespaces: Namespaces::default(),
        client: crate::cluster::connection::client(&kube::Config::new(url.parse().unwrap())).unwrap(),
        index: Index::default(),
        scope: scope.clone(),
        scopes: Scopes::new([scope]),
        ambient: Ambient::system(),
        metrics: Metrics::new(),
    }
}

/// What watches Deployments of all namespaces, and Namespaces beside it.
fn at(url: &str) -> (Watching, Following) {
    let client = crate::cluster::connection::client(&kube::Config::new(url.parse().unwrap())).unwrap();
    let (index, ambient, metrics) = (Index::default(), Ambient::system(), Metrics::new());
    let (namespaces, scope) = (Namespaces::default(), Scope { namespace: None, kind: Kind::Deployment });
    let following = Following {
        client: client.clone(),
        index: index.clone(),
        named: None,
        state: namespaces.clone(),
        ambient: ambient.clone(),
        metrics: metrics.clone(),
    };
    let scopes = Scopes::new([scope.clone()]);
    (Watching { client, index, scope, scopes, namespaces, ambient, metrics }, following)
}

#[tokio::test]
async fn an_api_server_that_is_not_there_is_told_once_and_so_is_its_coming() {
    let log = Log::begin();
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, url) = (port.local_addr().unwrap(), format!("http://{}", port.local_addr().unwrap()));
    drop(port);
    let (watching, following) = at(&url);
    let (scopes, scope, metrics) = (watching.scopes.clone(), watching.scope.clone(), watching.metrics.clone());
    let (raise, stop) = Stop::new();
    let (hints, _looks) = mpsc::channel(4);
    let looks_on = async {
        let state = || scopes.states().remove(0).1;
        while state() == ScopeState::Starting {
            tokio::task::yield_now().await;
        }
        let told = state().to_string();
        assert!(told.contains("Namespaces can't be read") && told.contains("onnection refused"), "{told}");
        let up = "image_watcher_cluster_watch_up{resource=\"deployments\"} 0";
        assert!(metrics.text().contains(up), "{}", metrics.text());
        let server = TcpListener::bind(address).await.unwrap();
        let mut namespaces = request(&server).await;
        let none = json!({"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1",
            "metadata": {"resourceVersion": "3"}, "items": []})
        .to_string();
        let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close";
        let none = format!("{head}\r\nContent-Length: {}\r\n\r\n{none}", none.len());
        namespaces.write_all(none.as_bytes()).await.unwrap();
        let mut held = Vec::new();
        while !scopes.is_listed(&scope) {
            // One is the watch of Namespaces, which says nothing more.
            let (mut stream, _) = server.accept().await.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.unwrap());
            }
            if String::from_utf8_lossy(&head).contains("deployments") {
                stream.write_all(list("web:1.0.0").as_bytes()).await.unwrap();
                while !scopes.is_listed(&scope) {
                    tokio::task::yield_now().await;
                }
            }
            held.push(stream);
        }
        raise.raise();
    };
    let all = async {
        tokio::join!(
            watch(watching, stop.clone(), hints),
            following.run_again_after(Duration::from_millis(20), stop),
            looks_on
        )
    };
    let all = Box::pin(tokio::time::timeout(Duration::from_secs(60), all));
    assert!(all.await.is_ok(), "{:?}", log.lines());
    let lines = log.lines();
    let of = |word: &str| lines.iter().filter(|line| line.contains(word)).count();
    assert_eq!(
        (of("WARN"), of("no workload is watched until it does"), of("can be read again")),
        (1, 1, 1),
        "{lines:?}"
    );
}

#[tokio::test]
async fn runs_that_could_not_be_read_are_read_again_though_nothing_happens() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let watching = in_shop(&url, Kind::CronJob);
    let index = watching.index.clone();
    let (raise, stop) = Stop::new();
    let (hints, mut looks) = mpsc::channel(4);
    let short = Duration::from_millis(20);
    let stream = Stream { patience: Patience { unread: (short, short), ..PATIENCE }, ..Stream::new(watching) };
    let server = async {
        let mut list = request(&listener).await;
        list.write_all(cron_jobs().as_bytes()).await.unwrap();
        for _ in 0..3 {
            let failure = json!({"kind": "Status", "status": "Failure", "message": "no", "code": 500});
            answer(&listener, "500 Oops", &failure).await;
        }
        let job = json!({"metadata": {"name": "report-1", "creationTimestamp": "2026-11-20T09:30:00Z",
                "ownerReferences": [{"apiVersion": "batch/v1", "kind": "CronJob", "name": "report", "uid": "u",
                    "controller": true}]},
            "spec": {"template": {"spec": {"containers": [{"name": "report", "image": "report:1.0.1"}]}}},
            "status": {"conditions": [{"type": "Complete", "status": "True"}]}});
        let jobs = json!({"kind": "JobList", "apiVersion": "batch/v1", "metadata": {}, "items": [job]});
        answer(&listener, "200 OK", &jobs).await;
        while index.by_uid("u").unwrap().rollout != crate::domain::rollout::Rollout::Complete {
            assert!(looks.recv().await.is_some());
        }
        raise.raise();
    };
    let done = tokio::time::timeout(Duration::from_secs(30), async { tokio::join!(stream.run(stop, hints), server) });
    assert!(done.await.is_ok(), "they were not read again");
}

#[test]
fn the_more_often_runs_can_not_be_read_the_later_they_are_read_again() {
    let waits = |unread| PATIENCE.until_read(unread).as_secs();
    let all: Vec<u64> = [0, 1, 2, 3, 8, 9, u32::MAX].into_iter().map(waits).collect();
    assert_eq!(all, [2, 2, 4, 8, 256, 300, 300]);
}
