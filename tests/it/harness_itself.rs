//! The harness can be believed: each of its parts is seen to do what tests rely on.

use std::time::{Duration, Instant};

use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};

use crate::harness::Ctx;
use crate::harness::fault::Fault;
use crate::harness::images::Image;
use crate::harness::process::is_still;
use crate::harness::registry::Options;
use crate::harness::run::{Test, tests};
use crate::harness::serve::Answer;
use crate::harness::switchboard::Delivery;
use crate::harness::wait::eventually;

pub(crate) fn tests() -> Vec<Test> {
    tests![
        workloads_roll_out,
        a_broken_image_never_rolls_out,
        pushed_images_are_listed_and_resolved,
        a_platform_more_makes_an_index,
        a_notification_reaches_its_owner,
        a_kept_notification_waits_for_its_owner,
        a_strict_notification_is_repeated_by_the_registry,
        a_registry_asks_for_its_password,
        a_mail_arrives_at_its_recipient_only,
        a_receiver_answers_by_its_script,
        a_proxy_goes_wrong_on_demand,
        a_service_account_has_the_rights_it_was_given,
        an_identity_can_be_cut_off,
        a_watcher_dies_and_comes_back,
        a_thread_that_has_ended_stands_still,
        a_command_tells_how_it_ended,
    ]
}

/// One that has not been waited for stays until its process ends.
async fn a_thread_that_has_ended_stands_still(_: Ctx) {
    for (stat, expected) in [("7 (a) T 1", true), ("7 (a) Z 1", true), ("7 (a (b) Z) S 1", false), ("7 (T) R 1", false)]
    {
        assert_eq!(is_still(stat), expected, "{stat}");
    }
}

async fn workloads_roll_out(ctx: Ctx) {
    let web = ctx.deployment("web").container("web", "registry.test/web:1.0.0").replicas(2).create().await;
    let store = ctx.stateful_set("store").container("store", "registry.test/store:1.0.0").create().await;
    let agent = ctx.daemon_set("agent").container("agent", "registry.test/agent:1.0.0").create().await;
    for workload in [&web, &store, &agent] {
        workload.wait_for_rollout().await;
        let container = workload.name();
        let image = format!("registry.test/{container}:1.0.1");
        let before = workload.get().await.generation();
        workload.set_image(container, &image).await;
        let seen = workload.wait_for_rollout().await;
        assert_eq!(seen.image(container), Some(image.as_str()));
        assert_eq!(seen.generation(), before + 1);
    }
    assert_eq!(web.get().await.revision(), Some("2"));
    web.annotate("image-watcher/mode", Some("NOTIFICATION")).await;
    web.wait_for_annotation("image-watcher/mode", "NOTIFICATION").await;
    let seen = web.wait_for_rollout().await;
    assert_eq!(seen.revision(), Some("2"), "an annotation of the workload is no rollout");
    assert!(web.raw().await.contains(seen.resource_version()));
    web.annotate("image-watcher/mode", None).await;
    web.wait_for("without annotation", |seen| seen.annotation("image-watcher/mode").is_none()).await;
}

async fn a_broken_image_never_rolls_out(ctx: Ctx) {
    let web = ctx.deployment("web").container("web", "registry.test/web:1.0.0").create().await;
    web.wait_for_rollout().await;
    web.set_image("web", "registry.test/web:1.0.1-broken").await;
    let surplus = |seen: &crate::harness::objects::Seen| seen.0["status"]["unavailableReplicas"] == 1;
    let seen = web.wait_for("short of a replica", surplus).await;
    assert!(!seen.rolled_out());
    web.set_image("web", "registry.test/web:1.0.0").await;
    web.wait_for_rollout().await;
}

async fn pushed_images_are_listed_and_resolved(ctx: Ctx) {
    let web = ctx.repository("web");
    let first = web.push(Image::new("1.0.0").label("build", "1")).await;
    let second = web.push(Image::new("1.0.1").annotation("org.opencontainers.image.source", "here")).await;
    assert_ne!(first, second);
    assert_eq!(web.tags().await, ["1.0.0", "1.0.1"]);
    assert_eq!(web.digest("1.0.0").await.as_ref(), Some(&first));

    let rebuilt = web.push(Image::new("1.0.0").label("build", "2")).await;
    assert_ne!(rebuilt, first, "a tag pushed again points elsewhere");
    assert_eq!(web.retag("1.0.0", "latest").await, rebuilt);
    web.delete("1.0.1").await;
    assert_eq!(web.tags().await, ["1.0.0", "latest"]);
    assert_eq!(web.digest("1.0.1").await, None);

    let many = ctx.repository("many");
    many.push_many_tags((0..200).map(|patch| format!("1.0.{patch}"))).await;
    assert_eq!(many.tags().await.len(), 200);
    let asked = eventually("the access log", async || Some(many.requests()).filter(|log| log.len() > 200)).await;
    assert!(asked.iter().any(|line| line.contains("PUT") && line.contains("manifests/1.0.199")), "{asked:#?}");
}

async fn a_platform_more_makes_an_index(ctx: Ctx) {
    let web = ctx.repository("web");
    let digest = web.push(Image::new("1.0.0").platforms(["linux/amd64", "linux/arm64"])).await;
    let (kind, bytes) = web.manifest("1.0.0").await.expect("what was pushed");
    assert!(kind.contains("index"), "{kind}");
    let index: serde_json::Value = serde_json::from_slice(&bytes).expect("JSON");
    assert_eq!(index["manifests"][1]["platform"]["architecture"], "arm64");
    let entry = index["manifests"][1]["digest"].as_str().expect("a digest");
    assert_ne!(entry, digest);
    assert!(web.manifest(entry).await.is_some());
}

async fn a_notification_reaches_its_owner(ctx: Ctx) {
    let owner = ctx.receiver();
    ctx.switchboard().connect(ctx.prefix(), &owner.url("/webhooks/distribution"));
    let web = ctx.repository("web");
    let digest = web.push(Image::new("1.0.0")).await;
    let is_push = |event: &serde_json::Value| event["action"] == "push" && event["target"]["tag"] == "1.0.0";
    let requests =
        owner.wait_until("the push", |all| all.iter().any(|request| is_push(&request.json()["events"][0]))).await;
    let push = requests.iter().find(|request| is_push(&request.json()["events"][0])).expect("it was there");
    assert_eq!(push.json()["events"][0]["target"]["digest"], digest.as_str());
    assert_eq!(push.json()["events"][0]["target"]["repository"], web.name());
    assert_eq!(push.header("authorization"), Some("Bearer registry-token"));
    assert_eq!(push.header("content-type"), Some("application/vnd.docker.distribution.events.v2+json"));
    assert!(requests.iter().all(|request| request.body.windows(web.name().len()).any(|w| w == web.name().as_bytes())));
}

async fn a_kept_notification_waits_for_its_owner(ctx: Ctx) {
    let owner = ctx.receiver();
    ctx.repository("web").push(Image::new("0.9.0")).await;
    owner.next([Answer::status(503), Answer::status(503)]);
    let seen = async |count| {
        eventually("envelopes", async || (ctx.switchboard().received(ctx.prefix()).len() >= count).then_some(())).await;
    };
    // A line is known from its first mention on, and gets nothing before it is connected.
    ctx.notifications(Delivery::Kept);
    ctx.repository("web").push(Image::new("1.0.0")).await;
    seen(1).await;
    assert!(owner.requests().is_empty());

    ctx.switchboard().connect(ctx.prefix(), &owner.url("/"));
    ctx.repository("web").push(Image::new("1.0.1")).await;
    let requests = owner.wait_for(3).await;
    assert_eq!(requests[0].body, requests[2].body, "refused twice, delivered the third time");
}

async fn a_strict_notification_is_repeated_by_the_registry(ctx: Ctx) {
    let owner = ctx.receiver();
    owner.next([Answer::status(503)]);
    ctx.notifications(Delivery::Strict);
    ctx.switchboard().connect(ctx.prefix(), &owner.url("/"));
    ctx.repository("web").push(Image::new("1.0.0")).await;
    let requests = owner.wait_for(2).await;
    assert_eq!(requests[0].body, requests[1].body);
}

async fn a_registry_asks_for_its_password(ctx: Ctx) {
    let registry = ctx.second_registry(Options { password: true, ..Options::default() }).await;
    let web = ctx.repository_in(&registry, "web");
    web.push(Image::new("1.0.0")).await;
    assert_eq!(web.tags().await, ["1.0.0"]);
    let stranger = ctx.http().get(format!("http://{}/v2/{}/tags/list", registry.host(), web.name())).send().await;
    let refused = stranger.expect("an answer");
    assert_eq!(refused.status(), 401);
    let challenge = refused.headers()["www-authenticate"].to_str().expect("a challenge");
    assert!(challenge.starts_with("Basic"), "{challenge}");
}

async fn a_mail_arrives_at_its_recipient_only(ctx: Ctx) {
    let (mailbox, other) = (ctx.mailbox(), ctx.mailbox_of("-other"));
    let mail = Message::builder()
        .from("image-watcher@example.com".parse().expect("an address"))
        .to(mailbox.address().parse().expect("an address"))
        .subject("web 1.0.1 is available")
        .body(String::from("Look: http://127.0.0.1:3000/a/token?x=1 before Friday"))
        .expect("a message");
    let server: AsyncSmtpTransport<Tokio1Executor> =
        AsyncSmtpTransport::<Tokio1Executor>::from_url(&mailbox.smtp_url().replace("?tls=none", ""))
            .expect("a URL")
            .build();
    server.send(mail).await.expect("an accepted mail");

    let mail = mailbox.wait_for_mail("1.0.1 is available").await;
    assert_eq!(mail.to, [mailbox.address()]);
    assert_eq!(mail.header("From").as_deref(), Some("image-watcher@example.com"));
    assert_eq!(mail.links(), ["http://127.0.0.1:3000/a/token?x=1"]);
    assert!(other.list().await.is_empty());
    mailbox.clear().await;
    assert!(mailbox.list().await.is_empty());
}

async fn a_receiver_answers_by_its_script(ctx: Ctx) {
    let receiver = ctx.receiver();
    let pause = Duration::from_millis(150);
    receiver.next([Answer::status(429).header("Retry-After", "1").body("slow down"), Answer::default().after(pause)]);
    receiver.next([Answer::never()]).always(Answer::status(204));
    let post = async |timeout| {
        let request = ctx.http().post(receiver.url("/hook?a=b")).header("X-Kind", "test").body("raw \u{e9}");
        request.timeout(timeout).send().await
    };
    let long = Duration::from_secs(20);
    let first = post(long).await.expect("an answer");
    assert_eq!((first.status().as_u16(), &first.headers()["retry-after"] == "1"), (429, true));
    assert_eq!(first.text().await.expect("a body"), "slow down");
    let start = Instant::now();
    assert_eq!(post(long).await.expect("an answer").status(), 200);
    assert!(start.elapsed() >= pause);
    assert!(post(pause).await.expect_err("no answer").is_timeout());
    assert_eq!(post(long).await.expect("an answer").status(), 204);
    let requests = receiver.wait_for(4).await;
    assert_eq!((requests[0].method.as_str(), requests[0].path.as_str()), ("POST", "/hook?a=b"));
    assert_eq!((requests[0].header("x-kind"), requests[0].body.as_slice()), (Some("test"), "raw \u{e9}".as_bytes()));
    assert!(requests[0].at <= requests[3].at);
}

async fn a_proxy_goes_wrong_on_demand(ctx: Ctx) {
    let target = ctx.receiver();
    target.always(Answer::default().body(vec![b'x'; 4000]));
    let proxy = ctx.fault_proxy(target.url("").trim_start_matches("http://")).await;
    let url = format!("http://{}/", proxy.host());
    // One connection a request, so that each meets the fault of its moment.
    let get = async || {
        let request = ctx.http().get(&url).header("Connection", "close").timeout(Duration::from_millis(800));
        request.send().await?.bytes().await.map(|bytes| bytes.len())
    };
    assert_eq!(get().await.expect("a body"), 4000);
    proxy.set(Fault::Refuse);
    assert!(get().await.is_err());
    proxy.set(Fault::ResetAfter(1000));
    assert!(!get().await.expect_err("half a body").is_timeout());
    proxy.set(Fault::BlackHole);
    assert!(get().await.expect_err("no answer").is_timeout());
    proxy.set(Fault::Drip(1000, Duration::from_millis(20)));
    let start = Instant::now();
    assert_eq!(get().await.expect("a body"), 4000);
    assert!(start.elapsed() >= Duration::from_millis(60));
    proxy.set(Fault::Pass);
    assert_eq!(get().await.expect("a body"), 4000);
    assert_eq!(proxy.connections(), 6);
}

async fn a_service_account_has_the_rights_it_was_given(ctx: Ctx) {
    let namespace = ctx.namespace();
    let rights = format!(
        "apiVersion: v1\nkind: ServiceAccount\nmetadata: {{ name: reader }}\n---\n\
         apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {{ name: reader }}\n\
         rules:\n- apiGroups: [apps]\n  resources: [deployments]\n  verbs: [get]\n---\n\
         apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {{ name: reader }}\n\
         roleRef: {{ apiGroup: rbac.authorization.k8s.io, kind: Role, name: reader }}\n\
         subjects: [{{ kind: ServiceAccount, name: reader, namespace: {namespace} }}]\n"
    );
    ctx.apply(&rights).await;
    ctx.deployment("web").container("web", "registry.test/web:1.0.0").create().await;
    let kubeconfig = ctx.kubeconfig_for(namespace, "reader").await;
    let client = crate::harness::control_plane::client(&kubeconfig).await;
    let deployments: kube::Api<k8s_openapi::api::apps::v1::Deployment> = kube::Api::namespaced(client, namespace);
    // The authorizer learns of a new binding by its own watch.
    let got = eventually("the right", async || deployments.get("web").await.ok()).await;
    assert_eq!(got.metadata.name.as_deref(), Some("web"));
    assert!(deployments.delete("web", &kube::api::DeleteParams::default()).await.is_err());

    let events = ctx.audit(&format!("system:serviceaccount:{namespace}:reader"));
    let refused = events.iter().find(|event| event["verb"] == "delete").expect("an event");
    assert_eq!(refused["responseStatus"]["code"], 403);
    let answered = events.iter().find(|event| event["responseStatus"]["code"] == 200).expect("an event");
    assert_eq!(answered["responseObject"]["metadata"]["name"], "web");
    assert!(ctx.audit(namespace).len() > events.len());
}

async fn an_identity_can_be_cut_off(ctx: Ctx) {
    let proxy = ctx.fault_proxy(ctx.api_server()).await;
    let client = crate::harness::control_plane::client(&ctx.identity_at(&proxy.host()).await).await;
    ctx.deployment("web").container("web", "registry.test/web:1.0.0").create().await;
    let deployments: kube::Api<k8s_openapi::api::apps::v1::Deployment> = kube::Api::namespaced(client, ctx.namespace());
    assert!(deployments.get("web").await.is_ok());
    proxy.set(Fault::Refuse);
    assert!(deployments.get("web").await.is_err());
    proxy.set(Fault::Pass);
    assert!(deployments.get("web").await.is_ok());
    let verbs: Vec<_> = ctx.audit_of_watcher().iter().map(|event| event["verb"].clone()).collect();
    assert_eq!(verbs, ["get", "get"]);
}

async fn a_watcher_dies_and_comes_back(ctx: Ctx) {
    let mut watcher = ctx.watcher().start().await;
    let (address, pid) = (watcher.url("/"), watcher.pid());
    assert!(watcher.rss() > 1 << 20);
    assert!(!watcher.metrics().await.is_empty());

    watcher.kill9().await;
    assert_eq!(watcher.exited().and_then(|status| status.code()), None, "a signal leaves no code");
    watcher.restart().await;
    assert_eq!(watcher.url("/"), address);
    assert_ne!(watcher.pid(), pid);
    assert!(watcher.data().exists());
    assert!(watcher.terminate().await.success(), "{}", watcher.logs());
}

async fn a_command_tells_how_it_ended(ctx: Ctx) {
    let refused = ctx.watcher().env("IMAGE_WATCHER_MODE", "SOMETIMES").output(&["serve"]).await;
    assert_eq!(refused.code(), Some(78), "{}", refused.stderr);
    assert!(refused.stderr.contains("IMAGE_WATCHER_MODE"), "{}", refused.stderr);
    let usage = ctx.watcher().output_of(&["chek"], "").await;
    assert_eq!((usage.code(), usage.stdout.as_str()), (Some(2), ""), "{}", usage.stderr);
    let nothing = ctx.watcher().output(&["check", "-n", ctx.namespace()]).await;
    assert_eq!((nothing.code(), nothing.stdout.as_str()), (Some(0), ""), "{}", nothing.stderr);
    assert!(nothing.stderr.contains("image-watcher/mode"), "it says what to do: {}", nothing.stderr);
}
