//! Who is shown a credential: the registry it is for and that registry's token service, and nobody else.

use base64::Engine as _;
use serde_json::json;

use crate::harness::Ctx;
use crate::harness::objects::Workload;
use crate::harness::receiver::Receiver;
use crate::harness::run::{Test, tests};
use crate::harness::serve::Answer;

pub(crate) fn tests() -> Vec<Test> {
    tests![
        a_token_is_asked_for_with_the_workloads_user,
        a_token_service_elsewhere_gets_nothing,
        who_has_no_credential_is_told_why,
    ]
}

const PASSWORD: &str = "canary-password";

fn host_of(receiver: &Receiver) -> String {
    receiver.url("").trim_start_matches("http://").trim_end_matches('/').to_owned()
}

/// A Deployment on a registry that is a script, with a pull secret for it.
async fn tenant(ctx: &Ctx, host: &str) -> Workload {
    let auths = json!({"auths": {host: {"username": "joe", "password": PASSWORD}}});
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/dockerconfigjson",
        "metadata": {"name": "pull"}, "stringData": {".dockerconfigjson": auths.to_string()}});
    ctx.apply(&secret.to_string()).await;
    ctx.deployment("web")
        .container("web", format!("{host}/acme/web:1.0.0"))
        .annotation("image-watcher/mode", "AUTO_UPDATE")
        .with(|object| object["spec"]["template"]["spec"]["imagePullSecrets"] = json!([{"name": "pull"}]))
        .create()
        .await
}

fn challenge(realm: &str) -> Answer {
    let value = format!("Bearer realm=\"{realm}\",service=\"the service\",scope=\"repository:other/thing:push\"");
    Answer::status(401).header("WWW-Authenticate", &value)
}

async fn a_token_is_asked_for_with_the_workloads_user(ctx: Ctx) {
    let registry = ctx.receiver();
    let host = host_of(&registry);
    let digest = format!("sha256:{}", "b".repeat(64));
    registry.next([
        challenge(&registry.url("/token?x=1")),
        Answer::status(200).body("{\"token\":\"t0ken\",\"expires_in\":300}"),
        Answer::status(200).body("{\"name\":\"acme/web\",\"tags\":[\"1.0.0\",\"1.0.1\"]}"),
        Answer::status(200).header("Docker-Content-Digest", &digest),
    ]);
    let web = tenant(&ctx, &host).await;
    let watcher = ctx.watcher().unconnected().env("IMAGE_WATCHER_PLAIN_HTTP", &*host).env("RUN_ON_BOOT", "TRUE");
    let watcher = watcher.start().await;
    web.wait_for_image("web", &format!("{host}/acme/web:1.0.1@{digest}")).await;

    let requests = registry.requests();
    let basic = format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("joe:{PASSWORD}")));
    assert_eq!(requests[0].header("authorization"), None, "nothing is shown before it is asked for");
    assert_eq!(requests[1].path, "/token?x=1&service=the+service&scope=repository%3Aacme%2Fweb%3Apull");
    assert_eq!(requests[1].header("authorization"), Some(basic.as_str()));
    for request in &requests[2..4] {
        assert_eq!(request.header("authorization"), Some("Bearer t0ken"), "{}", request.path);
    }
    assert!(!watcher.logs().contains(PASSWORD) && !watcher.logs().contains("t0ken"));
}

async fn a_token_service_elsewhere_gets_nothing(ctx: Ctx) {
    let (registry, stranger) = (ctx.receiver(), ctx.receiver());
    let host = host_of(&registry);
    // Another name for another place: the same machine in this test, a stranger's in life.
    let realm = stranger.url("/token").replace("127.0.0.1", "localhost");
    registry.always(challenge(&realm));
    let web = tenant(&ctx, &host).await;
    let watcher = ctx.watcher().unconnected().env("IMAGE_WATCHER_PLAIN_HTTP", &*host).env("RUN_ON_BOOT", "TRUE");
    let watcher = watcher.start().await;
    let told = web.wait_for("an error", |seen| seen.annotation("image-watcher/error").is_some()).await;
    assert!(told.annotation("image-watcher/error").expect("it was there").contains("token service"));
    assert!(stranger.requests().is_empty(), "a stranger was asked");
    assert!(registry.requests().iter().all(|request| request.header("authorization").is_none()));
    assert!(!watcher.logs().contains(PASSWORD));
}

/// Two workloads that share one answer of the registry, each with its own reason.
async fn who_has_no_credential_is_told_why(ctx: Ctx) {
    let registry = ctx.receiver();
    let host = host_of(&registry);
    registry.always(Answer::status(401).header("WWW-Authenticate", "Basic realm=\"acme\""));
    let named = |secrets: serde_json::Value, name: &str| {
        ctx.deployment(name)
            .container("web", format!("{host}/acme/web:1.0.0"))
            .annotation("image-watcher/mode", "AUTO_UPDATE")
            .with(|object| object["spec"]["template"]["spec"]["imagePullSecrets"] = secrets)
    };
    let gone = named(json!([{"name": "gone"}]), "gone").create().await;
    let bare = named(json!([]), "bare").create().await;
    let watcher = ctx.watcher().unconnected().env("IMAGE_WATCHER_PLAIN_HTTP", &*host).env("RUN_ON_BOOT", "TRUE");
    let _watcher = watcher.start().await;
    let wants = format!("{host} wants a credential, and is asked without one: ");
    let namespace = ctx.namespace();
    let there = format!("{wants}the imagePullSecret gone in namespace {namespace} is not there");
    gone.wait_for_annotation("image-watcher/error", &there).await;
    let none = format!("{wants}the workload names no imagePullSecret; give it one for this host");
    bare.wait_for_annotation("image-watcher/error", &none).await;
}
