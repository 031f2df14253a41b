//! What `doctor` says where everything works, and where nothing does.

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;

use serde_json::json;

use super::clock::tests::whose;
use super::cluster::Found;
use super::own::Asker;
use super::service::Service;
use super::service::tests::said;
use super::*;
use crate::access::Trial;
use crate::cli::terminal::Form;
use crate::cluster::{ClusterError, Listing, Object, Right, Scope, Verb};
use crate::domain::settings::Bounds;
use crate::domain::workload::tests::workload;
use crate::domain::workload::{Kind, Workload, WorkloadId};

fn config(variables: &[(&str, &str)]) -> Config {
    let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Config::read(variables, &|_| Err(ErrorKind::NotFound.into()), chrono::DateTime::UNIX_EPOCH).unwrap()
}

fn whole() -> Config {
    config(&[
        ("BASE_URL", "https://iw.example.com"),
        ("WEBHOOK_URL", "https://hooks.example.com/hunter2"),
        ("WEBHOOK_SECRET", "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="),
        ("SLACK_URL", "https://slack.example.com/hunter2"),
        ("SMTP_URL", "smtps://iw:hunter2@mail.example.com:465"),
        ("MAIL_FROM", "iw@example.com"),
        ("MAIL_TO", "oncall@example.com"),
        ("DOCKERHUB_WEBHOOK_TOKEN", "hunter2"),
        ("HTTPS_PROXY", "http://iw:hunter2@proxy.example.com:3128"),
    ])
}

fn named(name: &str, annotations: &[(&str, &str)]) -> Workload {
    let workload = workload(&[(name, "registry.example.com/shop/web:1.2.3")], annotations);
    let id = WorkloadId { name: name.into(), ..workload.id.clone() };
    Workload { id, ..workload }
}

fn source(name: &str, rest: &serde_json::Value) -> service::Source {
    let mut source = json!({"name": name, "kind": "harbor", "missed": 0});
    source.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
    serde_json::from_value(source).unwrap()
}

/// A service for which everything goes well.
fn well() -> Service {
    let done = json!({"deliver:email": "2026-01-03T00:00:00Z"});
    let accepted = json!({"lastAccepted": "2026-01-03T00:00:00Z"});
    Service {
        sources: vec![source("dockerhub", &accepted)],
        answered: ["registry.example.com".to_owned()].into(),
        ..said(&json!([]), &done)
    }
}

/// A service for which nothing does.
fn badly() -> Service {
    let failure = |about: &str, reason: &str| json!({"about": about, "at": "2026-01-02T00:00:00Z", "reason": reason});
    let failing = json!([
        {"topic": "look", "host": "registry.example.com", "retried": 1, "suspect": 1, "dead": 0,
         "lastSuspect": "registry.example.com/shop/web",
         "last": failure("registry.example.com/shop/web", "no answer in 15 s")},
        {"topic": "look", "host": "other.example.com", "retried": 0, "suspect": 3, "dead": 0,
         "last": failure("other.example.com/shop/web", "no answer in 15 s")},
        {"topic": "deliver:email", "retried": 2, "suspect": 0, "dead": 31, "last": failure("shop/deploy/web", "it answers 535")},
        {"topic": "deliver:webhook", "retried": 1, "suspect": 0, "dead": 0, "last": failure("shop/deploy/web", "status 500")},
        {"topic": "deliver:pager", "retried": 0, "suspect": 0, "dead": 1, "last": failure("shop/deploy/web", "status 404")},
    ]);
    let refused = |kind: &str, reason: &str| {
        json!({"lastAccepted": "2026-01-01T00:00:00Z", "lastRefused": "2026-01-02T00:00:00Z",
               "lastRefusedAs": kind, "lastRefusal": reason})
    };
    let mut service = said(&failing, &json!({"deliver:webhook": "2026-01-03T00:00:00Z"}));
    service.sources = vec![
        source("dead", &json!({"missed": 3, "missedInARow": 3})),
        source("some", &json!({"missed": 9, "missedInARow": 1, "lastAccepted": "2026-01-03T00:00:00Z"})),
        source("rotated", &refused("bad_signature", "no secret matches")),
        source("misplaced", &refused("bad_payload", "no push in it")),
        source("busy", &refused("limited", "more than its limits allow")),
        source("full", &refused("overloaded", "the delivery could not be stored")),
        source("later", &refused("of a later version", "something else")),
        source("never", &json!({"lastRefused": "2026-01-02T00:00:00Z", "lastRefusal": "no secret matches"})),
        source("silent", &json!({})),
    ];
    service.asked_anew = 12;
    service.closed = BTreeMap::from([("email".to_owned(), "refused".to_owned())]);
    (service.condition.ready, service.condition.registries_left_alone) = (false, 2);
    service.condition.configuration = crate::api::NotInForce {
        refused: vec!["/etc/iw.yaml:3:16: rules[0].mode: is none of AUTO_UPDATE, NOTIFICATION, DISABLED".into()],
        after_restart: vec!["channels".into(), "rules".into()],
    };
    service.condition.silent = Some("the queue's thread".into());
    service.condition.queue_error = Some("the queue gives no answer in 2 s".into());
    service
}

fn found(workloads: Vec<Workload>, missing: &[(&str, Verb)]) -> Found {
    let right = |namespace: &str, object, verb| Right { namespace: Some(namespace.into()), object, verb };
    let of = |(namespace, verb): &(&str, Verb)| match verb {
        Verb::Create => (right(namespace, Object::Events, *verb), Some(false)),
        _ => (right(namespace, Object::Workloads(Kind::Deployment), *verb), Some(false)),
    };
    // In one namespace an older Role is bound, which knows fewer kinds.
    let newer = [Kind::DaemonSet, Kind::CronJob].map(Object::Workloads).map(|object| (object, Verb::List));
    let newer = newer
        .into_iter()
        .chain([(Object::Jobs, Verb::List)])
        .map(|(object, verb)| (right("older", object, verb), false));
    let known = (right("older", Object::Workloads(Kind::Deployment), Verb::List), true);
    let runs = [(Object::Workloads(Kind::CronJob), true), (Object::Jobs, false)]
        .map(|(object, granted)| (right("runs", object, Verb::List), granted));
    let of_kinds = newer.chain([known]).chain(runs).map(|(right, granted)| (right, Some(granted)));
    let unread = Scope::in_namespace("silent").into_iter().map(|scope| {
        let source = std::io::Error::other("connection refused").into();
        (scope, ClusterError::Unavailable { operation: "list", source })
    });
    Found {
        listing: Listing { workloads, unread: unread.collect() },
        rights: missing.iter().map(of).chain(of_kinds.filter(|_| !missing.is_empty())).collect(),
        secrets: [Object::Secret("pull".into()), Object::ServiceAccounts]
            .into_iter()
            .filter(|_| !missing.is_empty())
            .map(|object| right("shop", object, Verb::Get))
            .collect(),
        lease: None,
        undeletable: [Object::Pods, Object::Jobs]
            .into_iter()
            .filter(|_| !missing.is_empty())
            .map(|object| right("shop", object, Verb::Delete))
            .collect(),
        namespaces: None,
        gone: BTreeSet::from(["gone".to_owned()]),
        asker: Asker::of(Some("system:serviceaccount:iw:iw-image-watcher".into())),
    }
}

async fn ways_out(config: &Config) -> Vec<Check> {
    let kubeconfig = "apiVersion: v1\nkind: Config\ncurrent-context: c\n\
        clusters: [{name: c, cluster: {server: 'http://10.96.0.1:443', proxy-url: 'http://iw:hunter2@proxy.example.com:3128'}}]\n\
        contexts: [{name: c, context: {cluster: c, user: u}}]\nusers: [{name: u, user: {}}]\n";
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config");
    std::fs::write(&path, kubeconfig).unwrap();
    super::ways_out::ways_out(config, &ClusterConfig { kubeconfig: Some(path), ..ClusterConfig::default() }).await
}

async fn good() -> Report {
    let (config, bounds, service) = (whole(), Bounds::default(), well());
    let workloads = vec![named("web", &[("mode", "NOTIFICATION")])];
    let registries = registries::checks(&registries::hosts(&workloads, &bounds), Some(&service), &Pod::documented());
    let channels = channels::checks(&config, Some(&service));
    let webhooks = webhooks::checks(&config, Some(&service));
    Report::of(vec![
        Category { name: "service", checks: service::checks(&Ok(service), &config, &Pod::documented()) },
        Category { name: "workloads", checks: workloads::checks(&workloads, &bounds) },
        Category { name: "cluster", checks: found(workloads, &[]).namespace(Some("shop"), &bounds) },
        Category { name: "registries", checks: registries },
        Category { name: "webhooks", checks: webhooks },
        Category { name: "channels", checks: channels },
        Category {
            name: "clock",
            checks: clock::checks(&[whose("the API server", 0), whose("registry.example.com", 2)]),
        },
        Category { name: "ways out", checks: ways_out(&config).await },
    ])
}

/// Where NATS keeps the queue there is no data folder to look at.
#[test]
fn a_queue_on_nats_that_gives_no_answer_is_looked_for_at_nats() {
    let environment =
        [("IMAGE_WATCHER_QUEUE", "nats://nats:4222"), ("IMAGE_WATCHER_LINK_KEY", "a key of thirty-two bytes or more")];
    let config = config(&environment);
    let mut service = well();
    service.condition.queue_error = Some("the queue gives no answer in 2 s".into());
    let stored = json!({"lastRefused": "2026-01-04T00:00:00Z", "lastRefusedAs": "overloaded"});
    service.sources = vec![source("dockerhub", &stored)];
    let mut told = webhooks::checks(&config, Some(&service));
    told.extend(service::checks(&Ok(service), &config, &Pod::documented()));
    let hints: Vec<_> = told.iter().filter(|check| check.result == Result::Fail).map(|check| &check.hint).collect();
    assert_eq!(hints.len(), 2, "{told:?}");
    for hint in hints {
        assert!(hint.as_ref().is_some_and(|hint| hint.contains("JetStream") && !hint.contains("folder")), "{hint:?}");
    }
}

fn bad() -> Report {
    let (config, bounds, service) = (whole(), Bounds::default(), badly());
    let error =
        [("mode", "AUTO_UPDATE"), ("error", "the list of tags is empty: nothing is decided until it is whole again")];
    let mut elsewhere = named("elsewhere", &[("mode", "AUTO_UPDATE")]);
    (elsewhere.id.kind, elsewhere.containers) = (Kind::Rollout, Box::default());
    let workloads = vec![named("misread", &[("mode", "SOMETIMES")]), named("undecided", &error), elsewhere];
    let registries = registries::checks(&registries::hosts(&workloads, &bounds), Some(&service), &Pod::documented());
    let (channels, webhooks) = (channels::checks(&config, Some(&service)), webhooks::checks(&config, Some(&service)));
    let told = workloads::checks(&workloads, &bounds);
    let missing = [
        ("shop", Verb::Patch),
        ("shop", Verb::Get),
        ("shop", Verb::Create),
        ("stock", Verb::List),
        ("blog", Verb::Patch),
    ];
    let found = found(workloads, &missing);
    let namespaces = ["shop", "stock", "blog", "gone", "silent", "older", "runs"];
    Report::of(vec![
        Category { name: "service", checks: service::checks(&Ok(service), &config, &Pod::documented()) },
        Category {
            name: "cluster",
            checks: namespaces.iter().flat_map(|name| found.namespace(Some(name), &bounds)).collect(),
        },
        Category { name: "workloads", checks: told },
        Category { name: "registries", checks: registries },
        Category { name: "webhooks", checks: webhooks },
        Category { name: "channels", checks: channels },
        Category {
            name: "clock",
            checks: clock::checks(&[whose("the API server", 300), whose("registry.example.com", -90)]),
        },
    ])
}

/// Nothing is set, nothing runs, nothing may be read.
async fn bare() -> Report {
    let (config, bounds) = (config(&[]), Bounds::default());
    let workloads = vec![named("web", &[("mode", "NOTIFICATION")])];
    let right = |verb| Right { namespace: None, object: Object::Workloads(Kind::StatefulSet), verb };
    let found = Found {
        rights: BTreeMap::from([Verb::List, Verb::Watch].map(|verb| (right(verb), Some(false)))),
        ..found(Vec::new(), &[])
    };
    Report::of(vec![
        Category {
            name: "service",
            checks: service::checks(&Err("connection refused".into()), &config, &Pod::documented()),
        },
        Category { name: "cluster", checks: found.namespace(None, &bounds) },
        Category {
            name: "registries",
            checks: registries::checks(&registries::hosts(&workloads, &bounds), None, &Pod::documented()),
        },
        Category { name: "webhooks", checks: webhooks::checks(&config, None) },
        Category { name: "channels", checks: channels::checks(&config, None) },
        Category { name: "ways out", checks: ways_out(&config).await },
    ])
}

#[tokio::test]
async fn reports() {
    let (good, bad, bare) =
        (good().await.text(Form::default()), bad().text(Form::default()), bare().await.text(Form::default()));
    let told = format!("── all is well\n\n{good}\n── nothing is\n\n{bad}\n── nothing is set\n\n{bare}");
    assert!(!told.contains("hunter2"), "a secret is told");
    insta::assert_snapshot!(told);
}

#[tokio::test]
async fn a_document() {
    let document = good().await.print(Output::Json, Form::default());
    assert!(!document.contains("hunter2"), "a secret is told");
    crate::cli::schemas::conforms(&document);
    crate::cli::schemas::conforms(&bad().print(Output::Json, Form::default()));
    insta::assert_snapshot!(document);
}

fn signs_in(auth: &str) -> Config {
    let file = format!("baseUrl: https://iw.example.com\ntrustedProxy: 10.0.0.7/32\nauth:\n{auth}");
    let variables = [("IMAGE_WATCHER_CONFIG".to_owned(), "/config.yaml".to_owned())].into_iter();
    let read = move |path: &str| -> std::io::Result<String> {
        if path == "/config.yaml" { Ok(file.clone()) } else { Err(ErrorKind::NotFound.into()) }
    };
    Config::read(variables, &read, chrono::DateTime::UNIX_EPOCH).unwrap()
}

#[test]
fn how_people_sign_in() {
    let oidc =
        "  mode: oidc\n  oidc: {issuer: https://id.example.com, clientId: image-watcher, usernamePrefix: 'oidc:'}\n";
    let oidc =
        signs_in(&format!("{oidc}  roles: {{approver: [sre]}}\n  serviceAccounts: {{audience: image-watcher}}\n"));
    let proxy = signs_in("  mode: proxy\n  header: X-Forwarded-User\n  roles: {viewer: [dev]}\n");
    let asker = || Asker::of(Some("system:serviceaccount:iw:iw-image-watcher".into()));
    let rights = |is: Option<bool>| sign_in::Rights { token_reviews: is, identity: is, asker: asker() };
    let answer = |words: &str| words.to_owned();
    let refused =
        answer("the answer of the provider's token endpoint is not what OpenID says: status 401, invalid_client");
    let cases = [
        ("nobody", &config(&[]), None, rights(None)),
        ("a proxy, and no rights", &proxy, None, rights(Some(false))),
        ("a provider", &oidc, Some(Trial::Works(2)), rights(Some(true))),
        ("a provider that says neither yes nor no", &oidc, Some(Trial::Unclear(1, answer("status 400"))), rights(None)),
        ("a provider that does not know us", &oidc, Some(Trial::NotUs(refused)), rights(Some(false))),
        (
            "a provider without keys",
            &oidc,
            Some(Trial::NoKeys(answer("id.example.com/keys: status 404"))),
            rights(Some(true)),
        ),
        (
            "a provider that is silent",
            &oidc,
            Some(Trial::Silent(answer("the provider gave no answer"))),
            rights(Some(true)),
        ),
    ];
    let told = cases.map(|(name, config, trial, rights)| {
        let checks = sign_in::checks(config, trial.as_ref(), &rights);
        format!("── {name}\n\n{}\n", Report::of(vec![Category { name: "sign-in", checks }]).text(Form::default()))
    });
    insta::assert_snapshot!(told.concat());
}

#[test]
fn a_data_folder_that_can_not_be_written() {
    let kinds = [
        ErrorKind::StorageFull,
        ErrorKind::QuotaExceeded,
        ErrorKind::ReadOnlyFilesystem,
        ErrorKind::PermissionDenied,
        ErrorKind::NotADirectory,
        ErrorKind::Other,
    ];
    let told = kinds.map(|kind| {
        let (error, hint) = settings::refused(&kind.into());
        format!("{kind:?}\n  {error}\n  remedy  {hint}\n")
    });
    let told = told.concat();
    insta::assert_snapshot!(told);
}
