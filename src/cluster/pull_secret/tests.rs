use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::task::JoinSet;

use super::reader::read;
use super::*;
use crate::registry::NamedSecret;

/// An API server on a port of its own that answers every request with the same status and body; with none, it hangs up.
async fn secrets_of(status: Option<u16>, body: String) -> (PullSecrets, JoinSet<()>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.unwrap());
            }
            let Some(status) = status else { continue };
            let head = format!("HTTP/1.1 {status} X\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len());
            stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
        }
    });
    let config = kube::Config::new(format!("http://{address}").parse().unwrap());
    let client = crate::cluster::connection::client(&config).unwrap();
    (PullSecrets::new(client, Ambient::system(), Metrics::new()), tasks)
}

fn refusal(code: u16) -> String {
    let reason = if code == 404 { "NotFound" } else { "" };
    serde_json::json!({"kind": "Status", "status": "Failure", "code": code, "message": "no", "reason": reason})
        .to_string()
}

fn names_pull() -> Workload {
    let workload = crate::domain::workload::tests::workload(&[("web", "a.example/web:1.0.0")], &[]);
    Workload { pull_secrets: Box::from(["pull".into()]), ..workload }
}

#[tokio::test]
async fn a_secret_that_could_not_be_read_is_not_known_and_never_nobody() {
    let repository = Repository::parse("a.example/web").unwrap();
    for status in [Some(500), Some(503), Some(504), Some(429), Some(401), Some(409), None] {
        let (secrets, _tasks) = secrets_of(status, refusal(status.unwrap_or_default())).await;
        let asked = secrets.credential(&names_pull(), &repository).await;
        assert!(
            matches!(&asked, Err(ClusterError::SecretUnknown { name, .. }) if name == "pull"),
            "{status:?}: {asked:?}"
        );
    }
}

#[tokio::test]
async fn who_is_nobody_in_particular_is_told_why() {
    let secret = |data: serde_json::Value| {
        serde_json::json!({"kind": "Secret", "apiVersion": "v1", "metadata": {"name": "pull"}, "data": data,
            "type": "kubernetes.io/dockerconfigjson"})
        .to_string()
    };
    let elsewhere = STANDARD.encode(r#"{"auths":{"b.example":{"username":"joe","password":"x"}}}"#);
    let named = || NamedSecret { namespace: "shop".into(), name: "pull".into() };
    let cases = [
        (404, refusal(404), Anonymous::NotThere(named())),
        (403, refusal(403), Anonymous::NotAllowed(named())),
        (200, secret(serde_json::json!({})), Anonymous::NoUser(named())),
        (200, secret(serde_json::json!({".dockerconfigjson": elsewhere})), Anonymous::OtherHosts),
    ];
    let repository = Repository::parse("a.example/web").unwrap();
    for (status, body, expected) in cases {
        let (secrets, _tasks) = secrets_of(Some(status), body).await;
        let asked = secrets.credential(&names_pull(), &repository).await.unwrap();
        assert!(asked.why_anonymous() == Some(&expected), "{expected}: {asked:?}");
    }
    let bare = Workload { pull_secrets: Box::default(), ..names_pull() };
    let (secrets, _tasks) = secrets_of(None, String::new()).await;
    let asked = secrets.credential(&bare, &repository).await.unwrap();
    assert!(asked.why_anonymous() == Some(&Anonymous::NoneNamed), "{asked:?}");
}

#[test]
fn a_secret_counts_by_its_type_and_within_bounds() {
    let named = || NamedSecret { namespace: "shop".into(), name: "pull".into() };
    let came_to = |kind: &str, key: &str, text: &str| {
        let secret = serde_json::json!({"type": kind, "data": {key: STANDARD.encode(text)}});
        read(named(), &serde_json::from_value(secret).unwrap())
    };
    let (json, cfg) = ("kubernetes.io/dockerconfigjson", "kubernetes.io/dockercfg");
    let (new, old) = (r#"{"auths":{"a.example":{"username":"joe"}}}"#, r#"{"a.example":{"username":"joe"}}"#);
    let of = |spaces: usize| format!("{}{new}", " ".repeat(spaces));
    let (largest, larger) = (of((1 << 20) - new.len()), of(1 << 20));
    assert!(came_to(json, ".dockerconfigjson", new).is_ok() && came_to(cfg, ".dockercfg", old).is_ok());
    assert!(came_to(json, ".dockerconfigjson", &largest).is_ok(), "a secret that a node can use is used");
    let nobody = [
        (json, ".dockercfg", old),
        (cfg, ".dockerconfigjson", new),
        ("Opaque", ".dockerconfigjson", new),
        (json, ".dockerconfigjson", ""),
        (json, ".dockerconfigjson", "{}"),
    ];
    for (kind, key, text) in nobody {
        let read = came_to(kind, key, text);
        assert!(matches!(&read, Err(NoUsers::Nobody(Anonymous::NoUser(it))) if *it == named()), "{kind} {key}");
    }
    for text in [&*larger, "[]", "{\"auths\":[]}", "{\"auths\":{\"h\":{\"auth\":\"%%\"}}}"] {
        assert!(matches!(came_to(json, ".dockerconfigjson", text), Err(NoUsers::Broken(_))), "{}", text.trim());
    }
}

fn asker(secrets: PullSecrets, account: Option<&str>, image: &str) -> Arc<Asker> {
    let named = if account.is_some() { Box::default() } else { Box::from(["pull".into()]) };
    Arc::new(Asker { secrets, namespace: "shop".into(), named, account: account.map(Box::from), image: image.into() })
}

fn pull(entries: &serde_json::Value, version: &str) -> String {
    let auths = serde_json::json!({"auths": entries}).to_string();
    serde_json::json!({
        "kind": "Secret", "apiVersion": "v1", "type": "kubernetes.io/dockerconfigjson",
        "metadata": {"name": "pull", "namespace": "shop", "uid": "u", "resourceVersion": version},
        "data": {".dockerconfigjson": STANDARD.encode(auths)},
    })
    .to_string()
}

#[tokio::test]
async fn users_are_a_list_with_a_scope_each_and_a_broken_secret_is_named() {
    let entries = serde_json::json!({
        "a.example": {"username": "wide", "password": "x"},
        "a.example/web": {"username": "narrow", "password": "x"},
        "*.example": {"username": "wide", "password": "x"},
        "b.example": {"username": "other", "password": "x"},
    });
    let (secrets, _tasks) = secrets_of(Some(200), pull(&entries, "1")).await;
    let credential = asker(secrets, None, "a.example/web").credential(None).await.unwrap();
    let scopes: Vec<_> = credential.to_try().iter().map(|user| (user.name.as_str(), user.scope.as_str())).collect();
    assert_eq!(scopes, [("narrow", "shop/pull/u/1#2"), ("wide", "shop/pull/u/1#1")]);
    assert_eq!(credential.scope(), "shop/pull/u/1#2 shop/pull/u/1#1");

    let entries = serde_json::json!({"b.example": {"auth": "!"}, "a.example": {"username": "joe", "password": "x"}});
    let (secrets, _tasks) = secrets_of(Some(200), pull(&entries, "1")).await;
    let credential = asker(secrets, None, "a.example/web").credential(None).await.unwrap();
    assert!(credential.to_try().is_empty() && credential.why_anonymous().is_none(), "never anonymous");
    assert!(format!("{credential:?}").contains("the auth of"), "{credential:?}");
}

#[tokio::test]
async fn a_service_account_that_can_not_be_read_is_not_known_or_told_of() {
    for status in [Some(500), Some(429), None] {
        let (secrets, _tasks) = secrets_of(status, refusal(status.unwrap_or_default())).await;
        let asked = asker(secrets, Some("default"), "a.example/web").credential(None).await;
        assert!(matches!(&asked, Err(ClusterError::AccountUnknown { name, .. }) if name == "default"), "{asked:?}");
    }
    let account = NamedAccount { namespace: "shop".into(), name: "default".into() };
    for (status, expected) in [(403, Anonymous::AccountNotAllowed(account)), (404, Anonymous::NoneNamed)] {
        let (secrets, _tasks) = secrets_of(Some(status), refusal(status)).await;
        let asked = asker(secrets, Some("default"), "a.example/web").credential(None).await.unwrap();
        assert_eq!(asked.why_anonymous(), Some(&expected));
    }
}
