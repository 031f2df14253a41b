//! Rights that are missing, given and taken, by real RBAC: what can't be read or written costs itself alone, is said, and
//! comes back by itself.

use k8s_openapi::api::authorization::v1::SubjectAccessReview;
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::api::rbac::v1::RoleBinding;
use kube::api::{Api, DeleteParams, PostParams};
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::fault::{Fault, FaultProxy};
use crate::harness::images::Image;
use crate::harness::objects::{Workload, WorkloadBuilder};
use crate::harness::run::{Test, tests};
use crate::harness::wait::eventually;
use crate::harness::watcher::{Watcher, WatcherBuilder};
use crate::harness::{Ctx, apply};
use crate::rights::manifests;

pub(crate) fn tests() -> Vec<Test> {
    tests![
        a_forbidden_namespace_costs_itself_alone,
        rights_that_are_taken_cost_their_namespace_alone,
        a_cluster_without_any_right_is_not_ready_and_says_why,
        without_patch_people_are_told_without_a_link,
        without_the_right_to_pods_a_crash_is_seen_at_the_deadline,
        a_namespace_that_is_made_again_is_watched,
        pull_secrets_are_few_and_told_of_once,
        a_record_that_is_too_long_jams_nothing,
    ]
}

/// The service account that has only what a test gives it.
const ACCOUNT: &str = "limited";

fn user(ctx: &Ctx) -> String {
    format!("system:serviceaccount:{}:{ACCOUNT}", ctx.namespace())
}

async fn account(ctx: &Ctx) {
    let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": ACCOUNT}});
    ctx.apply(&account.to_string()).await;
}

/// Binds the delivered Role in a namespace, and returns when the authorizer knows.
async fn grant(ctx: &Ctx, namespace: &str) {
    grant_changed(ctx, namespace, |text| text).await;
    settled(ctx, namespace, "patch", true).await;
}

async fn grant_changed(ctx: &Ctx, namespace: &str, change: impl Fn(String) -> String) {
    let subject = format!("name: {ACCOUNT}\n    namespace: {}", ctx.namespace());
    let delivered = manifests("namespace").replace("name: image-watcher\n    namespace: image-watcher", &subject);
    assert!(delivered.contains(&subject), "the delivered binding has another shape");
    apply::apply(ctx.client(), namespace, &change(delivered)).await;
    settled(ctx, namespace, "watch", true).await;
}

/// Takes the rights in a namespace away.
async fn revoke(ctx: &Ctx, namespace: &str) {
    let bindings: Api<RoleBinding> = Api::namespaced(ctx.client().clone(), namespace);
    bindings.delete("image-watcher", &DeleteParams::default()).await.expect("a deleted binding");
    settled(ctx, namespace, "watch", false).await;
}

/// Until the authorizer, which learns of bindings by a watch of its own, says so.
async fn settled(ctx: &Ctx, namespace: &str, verb: &str, allowed: bool) {
    let review = json!({"spec": {"user": user(ctx), "resourceAttributes":
        {"verb": verb, "group": "apps", "resource": "statefulsets", "namespace": namespace}}});
    let review: SubjectAccessReview = serde_json::from_value(review).expect("a review");
    let reviews = Api::all(ctx.client().clone());
    eventually("the authorizer knows", async || {
        let answer = reviews.create(&PostParams::default(), &review).await.expect("an answer");
        answer.status.filter(|status| status.allowed == allowed)
    })
    .await;
}

/// An image-watcher of these namespaces, with the rights of the limited account.
async fn limited(ctx: &Ctx, namespaces: &[&str]) -> WatcherBuilder {
    let kubeconfig = ctx.kubeconfig_for(ctx.namespace(), ACCOUNT).await;
    ctx.watcher().kubeconfig(&kubeconfig).env("IMAGE_WATCHER_NAMESPACES", namespaces.join(","))
}

fn auto(ctx: &Ctx, name: &str, image: String) -> WorkloadBuilder {
    ctx.deployment(name).container("web", image).annotation("image-watcher/mode", "AUTO_UPDATE")
}

async fn readiness(watcher: &Watcher) -> (u16, String) {
    let reply = watcher.send(Method::GET, &watcher.admin_url("/readyz?verbose"), &[], Vec::new()).await;
    (reply.status, reply.body)
}

async fn names(watcher: &Watcher) -> Vec<String> {
    let list = watcher.send(Method::GET, &watcher.admin_url("/api/v1/workloads"), &[], Vec::new()).await.json();
    let name = |item: &Value| item["name"].as_str().expect("a name").to_owned();
    list["items"].as_array().expect("items").iter().map(name).collect()
}

async fn up(watcher: &Watcher, namespace: &str) -> Option<f64> {
    let labels = format!("namespace=\"{namespace}\",resource=\"deployments\"");
    watcher.metric(&format!("image_watcher_cluster_scope_up{{{labels}}}")).await
}

/// Ends every connection to the API server, so that each stream has to be begun again.
async fn cut(watcher: &Watcher, proxy: &FaultProxy, namespace: &str) {
    proxy.set(Fault::Refuse);
    eventually("the streams are cut", async || (up(watcher, namespace).await == Some(0.0)).then_some(())).await;
    proxy.set(Fault::Pass);
}

fn count(text: &str, words: &[&str]) -> usize {
    text.lines().filter(|line| words.iter().all(|word| line.contains(word))).count()
}

async fn a_forbidden_namespace_costs_itself_alone(ctx: Ctx) {
    let (open, closed) = (ctx.namespace().to_owned(), ctx.second_namespace("closed", &[]).await);
    account(&ctx).await;
    grant(&ctx, &open).await;
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    let here = auto(&ctx, "here", web.reference("1.0.0")).create().await;
    let asks = ctx.watched("web", web.reference("1.0.0"), &[("mode", "NOTIFICATION")]).await;
    let there = auto(&ctx, "there", web.reference("1.0.0")).namespace(&closed).create().await;
    let watcher = limited(&ctx, &[&open, &closed]).await.mail().start().await;

    // Looks and writes go on where they may.
    let digest = web.push(Image::new("1.0.1")).await;
    let image = format!("{}@{digest}", web.reference("1.0.1"));
    here.wait_for_image("web", &image).await;
    let mail = ctx.mailbox().wait_for_mail("/web]").await;
    let link = mail.links().into_iter().find(|link| link.contains("/a/")).expect("a link");
    asks.wait_for_annotation("image-watcher/last-notified-version", "1.0.1").await;
    let path = &link[link.find("/a/").expect("a link of ours")..];
    assert_eq!(watcher.post_form(path, &[("action", "approve")]).await.status, 303, "links work where they may");
    asks.wait_for_image("web", &image).await;
    let (status, text) = readiness(&watcher).await;
    assert_eq!(status, 200, "{text}");
    assert!(text.contains(&format!("[+]watch of deployments in namespace {open}: ok (for ")), "{text}");
    assert!(text.contains(&format!("[-]watch of statefulsets in namespace {closed}: forbidden since ")), "{text}");
    assert_eq!((up(&watcher, &open).await, up(&watcher, &closed).await), (Some(1.0), Some(0.0)));
    let unknown = format!("/a/v1.k1.01JGJ0EZ8M3C9S6D4K2P7Q1R0T.{}", "A".repeat(43));
    assert_eq!(watcher.get(&unknown).await.status, 404, "what may not be seen is not waited for");
    assert_eq!(watcher.get("/a/nonsense").await.status, 404);

    check_and_doctor_name_it(&ctx, &open, &closed).await;

    // It heals by itself, and what is found there is looked at.
    grant(&ctx, &closed).await;
    there.wait_for_image("web", &image).await;
    eventually("both are watched", async || (up(&watcher, &closed).await == Some(1.0)).then_some(())).await;
    let mut wrong = Vec::new();
    for _ in 0..20 {
        wrong.push(watcher.get(&unknown).await.status);
    }
    assert_eq!((wrong[0], wrong[19]), (404, 429), "who guesses is slowed: {wrong:?}");
    let logs = watcher.logs();
    let of = |words: &[&str]| count(&logs, &[words, &["deployments", &closed]].concat());
    assert_eq!(of(&["we may not watch these workloads"]), 1, "it is said once:\n{logs}");
    assert_eq!(of(&["these workloads are watched again"]), 1, "{logs}");
}

/// Another test may have Argo Rollouts installed just now.
fn without_rollouts(text: &str) -> String {
    text.replace(", rollouts", "")
}

/// The commands, as a person reads them.
async fn check_and_doctor_name_it(ctx: &Ctx, open: &str, closed: &str) {
    let run = async |args: &[&str]| limited(ctx, &[open, closed]).await.mail().output(args).await;
    let check = run(&["check", "-A", "-o", "json"]).await;
    let document: Value = serde_json::from_str(&check.stdout).expect("JSON");
    assert_eq!(check.code(), Some(1), "what can't be read is a no");
    let name = |item: &Value| item["name"].as_str().expect("a name").to_owned();
    let mut items: Vec<_> = document["items"].as_array().expect("a list").iter().map(name).collect();
    // What is still rolled out stands first.
    items.sort();
    assert_eq!(items, ["here", "web"]);
    let unread: Vec<_> = document["unread"].as_array().expect("a list").iter().collect();
    assert!(unread.len() >= 4, "each kind: {document}");
    assert!(unread.iter().all(|scope| scope["namespace"] == closed), "{document}");
    let said = format!("image-watcher: no right to list deployments in namespace {closed}: ");
    assert!(check.stderr.contains(&said), "{}", check.stderr);
    let nothing = run(&["check", "-n", closed]).await;
    assert_eq!((nothing.code(), nothing.stdout.as_str()), (Some(1), ""));
    assert!(nothing.stderr.contains("no right to list"), "{}", nothing.stderr);

    let doctor = run(&["doctor"]).await;
    let (account, own) = (ACCOUNT, ctx.namespace());
    let expected = format!(
        "  ok    namespace {open}: workloads are watched, 2 of them\n  \
         set   namespace {open}: which imagePullSecrets its ServiceAccounts have may not be looked at, so for pods that name none the user is asked as that registries of the file names for the host, or nobody; rbac.pullSecrets of the chart or deploy/pull-secrets allows it\n  \
         FAIL  namespace {closed}: may not get, list, watch, patch deployments, statefulsets, daemonsets, cronjobs; list jobs; create events: what can't be seen is left out\n        \
         remedy  grant it to the ServiceAccount {account} of namespace {own}: with Helm by {closed} in rbac.namespaces, or rbac.scope: cluster; \
         else kubectl -n {closed} apply -f deploy/namespace/role.yaml && kubectl -n {closed} create rolebinding image-watcher \
         --role=image-watcher --serviceaccount={own}:{account}; or mend IMAGE_WATCHER_NAMESPACES, if there is no namespace {closed}\n"
    );
    let told = without_rollouts(&doctor.stdout);
    assert!(told.contains(&expected), "{told}\nexpected:\n{expected}");
    assert_eq!(doctor.code(), Some(1));
    let misspelt = ctx.watcher().kubeconfig(ctx.admin_kubeconfig()).env("IMAGE_WATCHER_NAMESPACES", "no-such-place");
    let doctor = misspelt.output(&["doctor"]).await;
    assert!(doctor.stdout.contains("  FAIL  namespace no-such-place: it does not exist\n"), "{}", doctor.stdout);
    assert!(!doctor.stdout.contains("create rolebinding"), "{}", doctor.stdout);
    let everywhere = limited(ctx, &[]).await.without("IMAGE_WATCHER_NAMESPACES").output(&["doctor"]).await;
    let expected = "  FAIL  all namespaces: may not get, list, watch, patch deployments, statefulsets, daemonsets, cronjobs; \
                    list jobs; create events: what can't be seen is left out\n        remedy  grant it to the ServiceAccount";
    let told = without_rollouts(&everywhere.stdout);
    assert!(told.contains(expected), "{told}");
    let bound = format!("--clusterrole=image-watcher --serviceaccount={own}:{account}; or name the namespaces");
    assert!(told.contains(&bound) && !told.contains("apply -k"), "{told}");
}

async fn rights_that_are_taken_cost_their_namespace_alone(ctx: Ctx) {
    let (stays, leaves) = (ctx.namespace().to_owned(), ctx.second_namespace("leaves", &[]).await);
    account(&ctx).await;
    grant(&ctx, &stays).await;
    grant(&ctx, &leaves).await;
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    let here = auto(&ctx, "here", web.reference("1.0.0")).create().await;
    let there = auto(&ctx, "there", web.reference("1.0.0")).namespace(&leaves).create().await;
    let proxy = ctx.fault_proxy(ctx.api_server()).await;
    let kubeconfig = ctx.kubeconfig_at(&proxy.host(), &stays, ACCOUNT).await;
    let watcher = limited(&ctx, &[&stays, &leaves]).await.kubeconfig(&kubeconfig).start().await;
    assert_eq!(names(&watcher).await, ["here", "there"]);

    // A stream that is open goes on whatever happens to rights; the next one is refused.
    revoke(&ctx, &leaves).await;
    cut(&watcher, &proxy, &leaves).await;
    eventually("what can't be seen is forgotten", async || (names(&watcher).await == ["here"]).then_some(())).await;
    assert_eq!(readiness(&watcher).await.0, 200);
    let digest = web.push(Image::new("1.0.1")).await;
    let image = format!("{}@{digest}", web.reference("1.0.1"));
    here.wait_for_image("web", &image).await;
    assert_eq!(there.get().await.image("web"), Some(web.reference("1.0.0").as_str()));

    grant(&ctx, &leaves).await;
    there.wait_for_image("web", &image).await;
}

async fn a_cluster_without_any_right_is_not_ready_and_says_why(ctx: Ctx) {
    account(&ctx).await;
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    let here = auto(&ctx, "here", web.reference("1.0.0")).create().await;
    let digest = web.push(Image::new("1.0.1")).await;
    let watcher = limited(&ctx, &[ctx.namespace()]).await.start_unready().await;
    let text = eventually("the probe says why", async || {
        let (status, text) = readiness(&watcher).await;
        assert_eq!(status, 503, "{text}");
        (text.matches("forbidden since").count() >= 4).then_some(text)
    })
    .await;
    assert!(text.ends_with("not ready: no workload can be watched yet\n"), "{text}");
    let live = watcher.send(Method::GET, &watcher.admin_url("/livez"), &[], Vec::new()).await;
    assert_eq!(live.status, 200, "a restart would not help");
    grant(&ctx, ctx.namespace()).await;
    here.wait_for_image("web", &format!("{}@{digest}", web.reference("1.0.1"))).await;
    assert_eq!(readiness(&watcher).await.0, 200);
}

/// What can't be known is not guessed: the workload alone tells, and log and doctor say why that is late.
async fn without_the_right_to_pods_a_crash_is_seen_at_the_deadline(ctx: Ctx) {
    account(&ctx).await;
    grant_changed(&ctx, ctx.namespace(), |text| text.replace("resources: [pods]", "resources: [limitranges]")).await;
    let crashing = ctx.repository("crashing");
    crashing.push(Image::new("1.0.0")).await;
    let deployment = ctx
        .deployment("web")
        .container("web", crashing.reference("1.0.0"))
        .annotation("image-watcher/mode", "AUTO_UPDATE")
        .with(|object| object["spec"]["progressDeadlineSeconds"] = json!(3))
        .create()
        .await;
    deployment.wait_for_rollout().await;
    let watcher = limited(&ctx, &[ctx.namespace()]).await.mail().start().await;
    crashing.push(Image::new("1.0.1")).await;
    let mail = deployment.wait_past_deadline(ctx.mailbox().wait_for_mail("/web]")).await;
    let said = mail.text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains("ProgressDeadlineExceeded") && !said.contains("CrashLoopBackOff"), "{said}");
    let logs = watcher.logs();
    assert_eq!(count(&logs, &["we may not watch pods here"]), 1, "{logs}");
    let doctor = limited(&ctx, &[ctx.namespace()]).await.mail().output(&["doctor"]).await;
    let said =
        format!("namespace {}: may not list, watch pods: that new pods can't start is seen when", ctx.namespace());
    assert!(doctor.stdout.contains(&said), "{}", doctor.stdout);
}

async fn without_patch_people_are_told_without_a_link(ctx: Ctx) {
    account(&ctx).await;
    grant_changed(&ctx, ctx.namespace(), |text| text.replace("[get, list, watch, patch]", "[get, list, watch]")).await;
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    let asks = ctx.watched("asks", web.reference("1.0.0"), &[("mode", "NOTIFICATION")]).await;
    let auto = ctx.watched("auto", web.reference("1.0.0"), &[("mode", "AUTO_UPDATE")]).await;
    let watcher = limited(&ctx, &[ctx.namespace()]).await.mail().start().await;
    let right = format!(
        "image_watcher_cluster_right{{namespace=\"{}\",resource=\"deployments\",verb=\"patch\"}}",
        ctx.namespace()
    );
    eventually("the rights are known", async || watcher.metric(&right).await.filter(|granted| *granted == 0.0)).await;

    web.push(Image::new("1.0.1")).await;
    let mail = ctx.mailbox().wait_for_mail("/asks]").await;
    let sentence = format!("image-watcher may not patch deployments in namespace {}.", ctx.namespace());
    let plain = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(plain(&mail.text).contains(&format!("no link to decide with: {sentence}")), "{}", mail.text);
    assert!(!mail.links().iter().any(|link| link.contains("/a/")), "{:?}", mail.links());
    let mail = ctx.mailbox().wait_for_mail("/auto]").await;
    assert!(plain(&mail.text).contains(&format!("it is not applied: {sentence}")), "{}", mail.text);

    // The same version again is no news, another one is.
    let told = "image_watcher_decisions_total{outcome=\"told\",reason=\"already\"}";
    let looked = watcher.metric(told).await.unwrap_or_default();
    asks.annotate("image-watcher/skip", Some("9.9.9")).await;
    eventually("looked at again", async || watcher.metric(told).await.filter(|now| *now > looked)).await;
    web.push(Image::new("1.0.2")).await;
    let mails = ctx.mailbox().wait_for(4).await;
    let of = |tag: &str| mails.iter().filter(|mail| mail.subject.ends_with(tag)).count();
    assert_eq!((of("1.0.1"), of("1.0.2")), (2, 2), "{mails:?}");
    for workload in [&asks, &auto] {
        let seen = workload.get().await;
        assert_eq!(seen.image(workload.name()), Some(web.reference("1.0.0").as_str()));
        assert_eq!(seen.annotation("image-watcher/record"), None);
    }
    let logs = watcher.logs();
    assert_eq!(count(&logs, &["the cluster does not give us these rights"]), 1, "{logs}");
    assert!(!logs.contains("is forbidden: User"), "nothing was tried that may not be done:\n{logs}");

    let doctor = limited(&ctx, &[ctx.namespace()]).await.mail().output(&["doctor"]).await;
    let said = format!(
        "  FAIL  namespace {}: may not patch deployments, statefulsets, daemonsets, cronjobs: people are told of updates \
         without a link, and AUTO_UPDATE applies nothing\n",
        ctx.namespace()
    );
    let told = without_rollouts(&doctor.stdout);
    assert!(told.contains(&said), "{told}\nexpected:\n{said}");

    let check = limited(&ctx, &[ctx.namespace()]).await.mail().output(&["check", "-n", ctx.namespace()]).await;
    let refused = format!("not applied: no right to patch deployments in {}", ctx.namespace());
    assert!(check.stdout.contains(&refused) && !check.stdout.contains("at the next check"), "{}", check.stdout);
    assert!(check.stdout.contains("told without a link: no right to patch"), "{}", check.stdout);

    // Given, it is done as if nothing had been.
    grant(&ctx, ctx.namespace()).await;
    auto.wait_for("on the newest", |seen| seen.image("auto").is_some_and(|image| image.contains(":1.0.2@"))).await;
    asks.wait_for_annotation("image-watcher/last-notified-version", "1.0.2").await;
    let linked = eventually("a mail with a link", async || {
        let mails = ctx.mailbox().wait_for(5).await;
        mails.into_iter().find(|mail| mail.links().iter().any(|link| link.contains("/a/")))
    })
    .await;
    assert!(linked.subject.contains("/asks]"), "{}", linked.subject);
}

async fn a_namespace_that_is_made_again_is_watched(ctx: Ctx) {
    let again = ctx.second_namespace("again", &[]).await;
    account(&ctx).await;
    grant(&ctx, ctx.namespace()).await;
    grant(&ctx, &again).await;
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    auto(&ctx, "first", web.reference("1.0.0")).namespace(&again).create().await;
    let proxy = ctx.fault_proxy(ctx.api_server()).await;
    let kubeconfig = ctx.kubeconfig_at(&proxy.host(), ctx.namespace(), ACCOUNT).await;
    let watcher = limited(&ctx, &[ctx.namespace(), &again]).await.kubeconfig(&kubeconfig).start().await;
    assert_eq!(names(&watcher).await, ["first"]);

    let make_again = async |name: &str| -> Workload {
        let namespaces: Api<Namespace> = Api::all(ctx.client().clone());
        namespaces.delete(&again, &DeleteParams::default()).await.expect("a deleted namespace");
        eventually("the namespace is gone", async || {
            namespaces.get_opt(&again).await.expect("an answer").is_none().then_some(())
        })
        .await;
        eventually("its workloads are gone", async || names(&watcher).await.is_empty().then_some(())).await;
        if name == "third" {
            // Without its Role the next stream is refused.
            cut(&watcher, &proxy, &again).await;
            eventually("it is refused", async || readiness(&watcher).await.1.contains("forbidden since").then_some(()))
                .await;
        }
        assert_eq!(ctx.second_namespace("again", &[]).await, again);
        grant(&ctx, &again).await;
        auto(&ctx, name, web.reference("1.0.0")).namespace(&again).create().await
    };
    let second = make_again("second").await;
    let digest = web.push(Image::new("1.0.1")).await;
    let image = format!("{}@{digest}", web.reference("1.0.1"));
    second.wait_for_image("web", &image).await;
    let third = make_again("third").await;
    third.wait_for_image("web", &image).await;
}

async fn pull_secrets_are_few_and_told_of_once(ctx: Ctx) {
    account(&ctx).await;
    grant(&ctx, ctx.namespace()).await;
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    let secrets: Vec<Value> = (0..5_000).map(|n| json!({"name": format!("pull-{n}")})).collect();
    let with = |builder: WorkloadBuilder| {
        builder.with(|object| object["spec"]["template"]["spec"]["imagePullSecrets"] = secrets.clone().into())
    };
    let greedy = with(auto(&ctx, "greedy", web.reference("1.0.0")).replicas(0)).create().await;
    let off = ctx.deployment("off").container("web", web.reference("1.0.0")).replicas(0);
    let off = off.annotation("image-watcher/mode", "DISABLED");
    off.with(|object| object["spec"]["template"]["spec"]["imagePullSecrets"] = json!([{"name": "of-off"}]))
        .create()
        .await;
    let watcher = limited(&ctx, &[ctx.namespace()]).await.start().await;
    let digest = web.push(Image::new("1.0.1")).await;
    greedy.wait_for_image("web", &format!("{}@{digest}", web.reference("1.0.1"))).await;
    let name = |event: &Value| event["objectRef"]["name"].as_str().unwrap_or_default().to_owned();
    let mut read: Vec<String> =
        ctx.audit(&user(&ctx)).iter().filter(|event| event["objectRef"]["resource"] == "secrets").map(name).collect();
    read.sort();
    let expected: Vec<String> = (0..8).map(|n| format!("pull-{n}")).collect();
    assert_eq!(read, expected);
    let logs = watcher.logs();
    assert_eq!(count(&logs, &["a pull secret can't be used"]), 1, "{logs}");
    let doctor = limited(&ctx, &[ctx.namespace()]).await.output(&["doctor"]).await;
    let expected = format!("  warn  namespace {}: may not get the Secret pull-0, the Secret pull-1,", ctx.namespace());
    assert!(doctor.stdout.contains(&expected) && !doctor.stdout.contains("of-off"), "{}", doctor.stdout);
}

async fn a_record_that_is_too_long_jams_nothing(ctx: Ctx) {
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    let long = "x".repeat(100 * 1024);
    let workload = auto(&ctx, "here", web.reference("1.0.0"))
        .annotation("image-watcher/history", &long)
        .annotation("example.com/image-watcher", &long)
        .create()
        .await;
    let _watcher = ctx.watcher().start().await;
    let digest = web.push(Image::new("1.0.1")).await;
    workload.wait_for_image("web", &format!("{}@{digest}", web.reference("1.0.1"))).await;
    let seen = workload.wait_for("healthy", |seen| {
        seen.annotation("image-watcher/history").is_some_and(|history| history.contains("healthy"))
    });
    let seen = seen.await;
    assert_eq!(seen.annotation("example.com/image-watcher"), Some(long.as_str()), "what is not ours stays");
}
