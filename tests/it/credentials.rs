//! Who is shown a credential: the registry it is for and that registry's token service, and nobody else.

use std::sync::Arc;

use base64::Engine as _;
use serde_json::json;

use crate::faults::announce;
use crate::harness::Ctx;
use crate::harness::images::{Image, Repository};
use crate::harness::objects::Workload;
use crate::harness::receiver::Receiver;
use crate::harness::registry::{Options, PASSWORD as RIGHT, Registry, USER};
use crate::harness::run::{Test, tests};
use crate::harness::serve::Answer;

pub(crate) fn tests() -> Vec<Test> {
    tests![
        a_token_is_asked_for_with_the_workloads_user,
        a_token_service_elsewhere_gets_nothing,
        who_has_no_credential_is_told_why,
        a_service_accounts_secrets_are_for_pods_that_name_none,
        the_next_secret_is_tried_where_the_first_is_refused,
        a_secret_that_is_changed_is_read_again_when_it_is_refused,
        one_broken_secret_is_named_and_no_other_is_used,
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
    registry.says_nothing_of_images("acme/web");
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

/// A real registry that asks for a password, and a repository with something newer.
async fn locked(ctx: &Ctx) -> (Arc<Registry>, Repository, String) {
    let registry = ctx.second_registry(Options { password: true, ..Options::default() }).await;
    let web = ctx.repository_in(&registry, "web");
    web.push(Image::new("1.0.0")).await;
    let digest = web.push(Image::new("1.0.1")).await;
    let newer = format!("{}@{digest}", web.reference("1.0.1"));
    (registry, web, newer)
}

async fn pull_secret(ctx: &Ctx, name: &str, auths: serde_json::Value) {
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/dockerconfigjson",
        "metadata": {"name": name}, "stringData": {".dockerconfigjson": json!({"auths": auths}).to_string()}});
    ctx.apply(&secret.to_string()).await;
}

fn user(name: &str, password: &str) -> serde_json::Value {
    json!({"username": name, "password": password})
}

async fn runs(ctx: &Ctx, name: &str, image: String, secrets: &[&str]) -> Workload {
    let named: Vec<_> = secrets.iter().map(|name| json!({"name": name})).collect();
    ctx.deployment(name)
        .container("web", image)
        .annotation("image-watcher/mode", "AUTO_UPDATE")
        .with(|object| object["spec"]["template"]["spec"]["imagePullSecrets"] = json!(named))
        .create()
        .await
}

async fn a_service_accounts_secrets_are_for_pods_that_name_none(ctx: Ctx) {
    let (registry, web, newer) = locked(&ctx).await;
    pull_secret(&ctx, "pull", json!({registry.host(): user(USER, RIGHT)})).await;
    pull_secret(&ctx, "other", json!({"quay.io": user("joe", "x")})).await;
    let account = |name: &str, secrets: serde_json::Value| json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}, "imagePullSecrets": secrets});
    ctx.apply(&account("default", json!([{"name": "pull"}])).to_string()).await;
    ctx.apply(&account("bare", json!([])).to_string()).await;
    let by_account = runs(&ctx, "by-account", web.reference("1.0.0"), &[]).await;
    let names_one = runs(&ctx, "names-one", web.reference("1.0.0"), &["other"]).await;
    let bare = ctx
        .deployment("bare")
        .container("web", web.reference("1.0.0"))
        .annotation("image-watcher/mode", "AUTO_UPDATE")
        .with(|object| object["spec"]["template"]["spec"]["serviceAccountName"] = json!("bare"))
        .create()
        .await;
    let watcher = ctx.watcher().env("IMAGE_WATCHER_PLAIN_HTTP", registry.host()).env("RUN_ON_BOOT", "TRUE");
    let watcher = watcher.start().await;
    by_account.wait_for_image("web", &newer).await;
    let wants = format!("{} wants a credential, and is asked without one: ", registry.host());
    let others = format!("{wants}none of the workload's imagePullSecrets has a user for this host");
    names_one.wait_for_annotation("image-watcher/error", &others).await;
    let none = format!("{wants}the workload names no imagePullSecret; give it one for this host");
    bare.wait_for_annotation("image-watcher/error", &none).await;
    assert!(!watcher.logs().contains(RIGHT));
}

async fn the_next_secret_is_tried_where_the_first_is_refused(ctx: Ctx) {
    let (registry, web, newer) = locked(&ctx).await;
    // The more specific one comes first, whichever secret it is from.
    pull_secret(&ctx, "right", json!({registry.host(): user(USER, RIGHT)})).await;
    let narrow = format!("{}/{}", registry.host(), web.name());
    pull_secret(&ctx, "wrong", json!({narrow: user("narrow", "x"), registry.host(): user("wide", "x")})).await;
    let tenant = runs(&ctx, "tenant", web.reference("1.0.0"), &["wrong", "right"]).await;
    let stranger = runs(&ctx, "stranger", web.reference("1.0.0"), &["wrong"]).await;
    let watcher = ctx.watcher().env("IMAGE_WATCHER_PLAIN_HTTP", registry.host()).env("RUN_ON_BOOT", "TRUE");
    let _watcher = watcher.start().await;
    tenant.wait_for_image("web", &newer).await;
    let refused = format!(
        "{} refuses the credential in use (that of the imagePullSecret wrong in namespace {}), and says «UNAUTHORIZED: authentication \
         required»",
        registry.host(),
        ctx.namespace()
    );
    stranger.wait_for_annotation("image-watcher/error", &refused).await;
}

async fn a_secret_that_is_changed_is_read_again_when_it_is_refused(ctx: Ctx) {
    let (registry, web, newer) = locked(&ctx).await;
    pull_secret(&ctx, "pull", json!({registry.host(): user(USER, "of yesterday")})).await;
    let tenant = runs(&ctx, "tenant", web.reference("1.0.0"), &["pull"]).await;
    let watcher = ctx.watcher().unconnected().env("IMAGE_WATCHER_PLAIN_HTTP", registry.host());
    let watcher = watcher.env("RUN_ON_BOOT", "TRUE").start().await;
    tenant.wait_for("a refusal", |seen| seen.annotation("image-watcher/error").is_some()).await;
    pull_secret(&ctx, "pull", json!({registry.host(): user(USER, RIGHT)})).await;
    // What was read before is still believed; the refusal has it read again.
    assert_eq!(announce(&watcher, registry.host(), web.name()).await, 202);
    tenant.wait_for_image("web", &newer).await;
}

async fn one_broken_secret_is_named_and_no_other_is_used(ctx: Ctx) {
    let (registry, web, newer) = locked(&ctx).await;
    pull_secret(&ctx, "right", json!({registry.host(): user(USER, RIGHT)})).await;
    pull_secret(&ctx, "broken", json!({"quay.io": {"auth": "!!!"}})).await;
    let tenant = runs(&ctx, "tenant", web.reference("1.0.0"), &["right", "broken"]).await;
    let watcher = ctx.watcher().unconnected().env("IMAGE_WATCHER_PLAIN_HTTP", registry.host());
    let watcher = watcher.env("RUN_ON_BOOT", "TRUE").start().await;
    let told = format!(
        "{} is not asked: the imagePullSecret broken in namespace {} is broken (the auth of \"quay.io\" is not base64), so \
         no node can pull with any of the workload's; mend it",
        registry.host(),
        ctx.namespace()
    );
    tenant.wait_for_annotation("image-watcher/error", &told).await;
    pull_secret(&ctx, "broken", json!({"quay.io": user("joe", "x")})).await;
    assert_eq!(announce(&watcher, registry.host(), web.name()).await, 202);
    tenant.wait_for_image("web", &newer).await;
}
