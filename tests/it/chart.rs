//! The chart, by real Helm 3 and 4: what it renders is what is committed, what can't be meant is refused, and what it installs is
//! admitted, has the rights that are used, and goes again without a trace on workloads. `make test-chart` builds Helm; without
//! it these pass with a message.

use std::collections::BTreeSet;
use std::time::Instant;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams};
use serde_json::{Value, json};

use crate::harness::Ctx;
use crate::harness::chart::{Said, project};
use crate::harness::images::Image;
use crate::harness::run::{Test, tests};
use crate::harness::wait::eventually;
use crate::harness::watcher::WatcherBuilder;
use crate::rights::{granted, used};

pub(crate) fn tests() -> Vec<Test> {
    tests![
        both_helms_render_what_is_committed,
        what_can_not_be_meant_is_refused_with_what_to_set,
        notes_say_what_comes_next_and_what_is_missing,
        helm_3_installs_upgrades_and_uninstalls,
        helm_4_installs_upgrades_and_uninstalls,
        everything_that_the_api_server_knows_is_admitted,
        kustomize_builds_every_folder,
    ]
}

const HELMS: [&str; 2] = ["helm-3", "helm-4"];
const RENDERINGS: [&str; 5] = ["defaults", "everything", "install", "namespaced", "replicas"];

fn is_skipped(ctx: &Ctx) -> bool {
    let skipped = !HELMS.iter().all(|helm| ctx.has_tool(helm));
    if skipped {
        ctx.skip("make test-chart builds Helm 3 and 4, and runs this");
    }
    skipped
}

fn path(relative: &str) -> String {
    project(relative).to_str().expect("a path of letters").to_owned()
}

async fn render(ctx: &Ctx, helm: &str, values: &str) -> Said {
    let values = path(&format!("tests/chart/{values}.values.yaml"));
    ctx.tool(helm, &["template", "image-watcher", &path("deploy/chart"), "-n", "image-watcher", "-f", &values]).await
}

/// Lines as they are compared: Helm 3 and 4 differ in blank ones between documents.
fn lines(text: &str) -> Vec<&str> {
    text.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect()
}

async fn both_helms_render_what_is_committed(ctx: Ctx) {
    if is_skipped(&ctx) {
        return;
    }
    for helm in HELMS {
        ctx.tool(helm, &["lint", "--strict", &path("deploy/chart")]).await.good();
        for name in RENDERINGS {
            let file = project(&format!("tests/chart/{name}.yaml"));
            let rendered = render(&ctx, helm, name).await.good();
            if std::env::var("INSTA_UPDATE").is_ok_and(|update| update == "always") && helm == HELMS[0] {
                std::fs::write(&file, lines(&rendered).join("\n") + "\n").expect("a written file");
            }
            let committed = std::fs::read_to_string(&file).expect("a committed rendering");
            let (rendered, committed) = (lines(&rendered), lines(&committed));
            let differs = rendered.iter().zip(&committed).find(|(now, then)| now != then);
            assert!(
                differs.is_none() && rendered.len() == committed.len(),
                "{helm} renders {name} otherwise: {differs:?}; make chart-snapshots takes it over"
            );
        }
    }
}

/// Settings that can't be meant, and what is said of them.
const REFUSED: [(&str, &str); 29] = [
    ("replicaCuont=2", "replicaCuont"),
    ("image.digests=sha256:00", "digests"),
    ("image.digest=sha256:00", "digest"),
    ("rbac.scope=everywhere", "scope"),
    ("rbac.namespaces[0]=Shop", "namespaces"),
    ("tolerations.key=value", "tolerations"),
    ("ingress.port=admin", "port"),
    ("service.targetPort=admin", "targetPort"),
    ("ingress.routes[0]=metrics", "routes"),
    ("replicaCount=2", "set replicaCount to 1"),
    ("replicaCount=3,config.queue=sqlite", "name the servers of NATS in config.queue"),
    ("replicaCount=3,config.queue=nats://nats:4222", "IMAGE_WATCHER_LINK_KEY into a Secret"),
    ("config.queue=redis://redis.example.com:6379", "leave it out, or name the servers of NATS"),
    ("strategy.type=RollingUpdate", "set strategy.type to Recreate"),
    ("rbac.namespaces[0]=shop", "belongs to rbac.scope: namespaced"),
    ("service.port=9090", "9090 is the private port"),
    ("config.port=9090", "9090 is the private port"),
    ("config.baseurl=https://iw.example.com", "baseurl"),
    ("config.sources[0].kind=quay,config.sources[0].nmae=q", "nmae"),
    ("config.smtpUrl=smtps://iw:hunter2@mail.example.com", "smtpUrlFile"),
    ("ingress.enabled=true", "set config.baseUrl"),
    ("httpRoute.enabled=true,config.baseUrl=https://iw.example.com", "needs httpRoute.parentRefs"),
    ("metrics.podMonitor.enabled=true,metrics.podMonitor.renderMode=failIfMissing", "install the Prometheus Operator"),
    ("image=null", "image is null: leave it out"),
    ("rbac=null", "rbac is null: leave it out"),
    ("rbac.scope=null", "rbac.scope is null: leave it out"),
    ("persistence=null", "persistence is null: leave it out"),
    ("extraEnv[0].name=PORT,extraEnv[0].value=a", "set config.port"),
    ("extraEnv[0].name=ADMIN_PORT,extraEnv[0].value=a", "set config.adminPort"),
];

/// Maps that are as if they were empty where they are null.
const NULLED: [&str; 13] = [
    "config",
    "config.auth",
    "ingress",
    "httpRoute",
    "networkPolicy",
    "podDisruptionBudget",
    "strategy",
    "metrics",
    "metrics.service",
    "metrics.serviceMonitor",
    "metrics.podMonitor",
    "metrics.prometheusRule",
    "resources",
];

/// The example of a document, from the first fence below this heading.
fn example(document: &str, heading: &str) -> String {
    let text = std::fs::read_to_string(project(document)).expect("a document");
    let below = text.split_once(heading).and_then(|(_, below)| below.split_once("```yaml\n")).expect("an example").1;
    below.split("```").next().unwrap_or_default().to_owned()
}

async fn what_can_not_be_meant_is_refused_with_what_to_set(ctx: Ctx) {
    if is_skipped(&ctx) {
        return;
    }
    for helm in HELMS {
        for (set, expected) in REFUSED {
            let said = ctx.tool(helm, &["template", "iw", &path("deploy/chart"), "--set", set]).await;
            assert!(!said.good && said.stderr.contains(expected), "{helm} --set {set}: {}", said.stderr);
            assert!(!said.stderr.contains("hunter2"), "{helm} --set {set}: {}", said.stderr);
        }
        for key in NULLED {
            let set = format!("{key}=null");
            ctx.tool(helm, &["template", "iw", &path("deploy/chart"), "--set", &set]).await.good();
        }
        let folder = tempfile::tempdir().expect("a temporary folder");
        let values = folder.path().join("companies.yaml");
        std::fs::write(&values, example("docs/install.md", "## What companies add")).expect("a written file");
        let values = values.to_str().expect("a path of letters");
        let rendered = ctx.tool(helm, &["template", "iw", &path("deploy/chart"), "-f", values]).await.good();
        assert!(rendered.contains("kind: Ingress"), "{rendered}");
        let unchecked =
            ["template", "iw", &path("deploy/chart"), "--skip-schema-validation", "--set", "config.smtpUrl=x"];
        let said = ctx.tool(helm, &unchecked).await;
        assert!(!said.good && said.stderr.contains("would be a secret in a ConfigMap"), "{helm}: {}", said.stderr);
    }
    // A map in the place of a list of namespaces says which Secrets; both are the only right on Secrets there is.
    let rendered = render(&ctx, "helm-4", "namespaced").await.good();
    assert!(!rendered.contains("kind: ClusterRole"), "scope namespaced has no right in all of the cluster");
    for name in RENDERINGS {
        let rendered = render(&ctx, "helm-4", name).await.good();
        for document in serde_saphyr::from_multiple::<Value>(&rendered).expect("YAML") {
            assert_ne!(document["kind"], "Secret", "{name}: no rendering has a Secret");
            for rule in document["rules"].as_array().into_iter().flatten() {
                let has = |field: &str, word: &str| {
                    rule[field].as_array().into_iter().flatten().any(|value| value == word || value == "*")
                };
                assert!(!has("resources", "secrets") || rule["verbs"] == json!(["get"]), "{name}: {rule}");
                let is_opted = name == "everything" && (has("resources", "pods") || has("resources", "jobs"));
                assert!(!has("verbs", "delete") || is_opted && rule["verbs"] == json!(["delete"]), "{name}: {rule}");
                assert!(!has("verbs", "deletecollection"), "{name}: {rule}");
            }
        }
    }
}

async fn notes_say_what_comes_next_and_what_is_missing(ctx: Ctx) {
    if is_skipped(&ctx) {
        return;
    }
    let namespace = ctx.namespace();
    for helm in HELMS {
        let notes = async |set: &str| {
            let dry_run = if helm == "helm-3" { "--dry-run" } else { "--dry-run=client" };
            let args = ["install", "iw", &path("deploy/chart"), "-n", namespace, dry_run, "--set", set];
            let said = ctx.tool(helm, &args).await.good();
            said.split_once("NOTES:").expect("notes").1.to_owned()
        };
        let bare = notes("persistence.enabled=false,metrics.serviceMonitor.enabled=true").await;
        for expected in [
            "annotate deploy/NAME image-watcher/mode=NOTIFICATION",
            "/image-watcher check -A",
            "/image-watcher doctor",
            "WARNING: persistence is off",
            "config.baseUrl is not set",
            "No channel is configured",
            "has no monitoring.coreos.com/v1: ServiceMonitor.",
        ] {
            assert!(bare.contains(expected), "{helm}: {expected}\n{bare}");
        }
        let set = "config.baseUrl=https://iw.example.com,config.sources[0].name=hub,config.sources[0].kind=quay,existingSecret=iw,rbac.scope=namespaced,rbac.namespaces[0]=shop";
        let whole = notes(set).await;
        assert!(whole.contains("https://iw.example.com/webhooks/hub") && whole.contains("-n shop annotate"), "{whole}");
        for missing in ["WARNING", "is not set", "No channel"] {
            assert!(!whole.contains(missing), "{helm}: {missing}\n{whole}");
        }
        // Fault x24-17 b: what companies set opens no channel.
        let proxied = notes("extraEnv[0].name=HTTPS_PROXY,extraEnv[0].value=http://proxy").await;
        assert!(proxied.contains("No channel is configured"), "{helm}: {proxied}");
        let mails = notes("extraEnv[0].name=SMTP_URL,extraEnv[0].value=smtps://mail").await;
        assert!(
            !mails.contains("No channel") && whole.contains("config.channels is empty"),
            "{helm}: {mails}\n{whole}"
        );
        let signs_in = format!("{set},config.auth.mode=basic,ingress.enabled=true");
        let unreached = notes(&signs_in).await;
        assert!(unreached.contains("ingress.routes to [webhooks, approvals, page]"), "{helm}: {unreached}");
        let reached = notes(&format!("{signs_in},ingress.routes={{webhooks,approvals,page}}")).await;
        assert!(!reached.contains("WARNING"), "{helm}: {reached}");
    }
}

async fn helm_3_installs_upgrades_and_uninstalls(ctx: Ctx) {
    comes_and_goes(ctx, "helm-3").await;
}

async fn helm_4_installs_upgrades_and_uninstalls(ctx: Ctx) {
    comes_and_goes(ctx, "helm-4").await;
}

/// A release of the chart in a namespace of its own, which enforces the restricted level.
struct Release<'c> {
    ctx: &'c Ctx,
    helm: &'static str,
    namespace: String,
}

impl<'c> Release<'c> {
    async fn new(ctx: &'c Ctx, helm: &'static str) -> Self {
        let namespace = ctx.second_namespace("iw", &[]).await;
        let labels = json!({"pod-security.kubernetes.io/enforce": "restricted"});
        ctx.apply(
            &json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace, "labels": labels}})
                .to_string(),
        )
        .await;
        Self { ctx, helm, namespace }
    }

    async fn comes(&self, verb: &str, set: &str) -> String {
        let chart = path("deploy/chart");
        let args = [verb, "iw", &chart, "-n", &self.namespace, "--set", set];
        self.ctx.tool(self.helm, &args).await.good()
    }

    async fn deployment(&self) -> Deployment {
        let deployments: Api<Deployment> = Api::namespaced(self.ctx.client().clone(), &self.namespace);
        deployments.get("iw-image-watcher").await.expect("the Deployment of the release")
    }

    async fn pods(&self) -> Vec<Pod> {
        let pods: Api<Pod> = Api::namespaced(self.ctx.client().clone(), &self.namespace);
        pods.list(&ListParams::default()).await.expect("a list").items
    }

    /// The program as the container of the Deployment, or of the pod of `helm test`, has it: its variables and its file, and the
    /// rights of its account.
    async fn watcher(&self) -> WatcherBuilder {
        let spec = self.deployment().await.spec.expect("a spec").template.spec.expect("a spec");
        let account = spec.service_account_name.expect("an account");
        let kubeconfig = self.ctx.kubeconfig_for(&self.namespace, &account).await;
        let mut watcher = self.ctx.watcher().kubeconfig(&kubeconfig);
        for variable in spec.containers[0].env.iter().flatten() {
            let value = match &*variable.name {
                "IMAGE_WATCHER_CONFIG" => self.config().await,
                _ => variable.value.clone().expect("a value"),
            };
            watcher = watcher.env(&variable.name, value);
        }
        watcher
    }

    /// The file of the `ConfigMap`, as it is mounted.
    async fn config(&self) -> String {
        let maps: Api<ConfigMap> = Api::namespaced(self.ctx.client().clone(), &self.namespace);
        let map = maps.get("iw-image-watcher").await.expect("the ConfigMap of the release");
        let file = self.ctx.file("config.yaml", &map.data.expect("data")["config.yaml"]);
        file.to_str().expect("a path of letters").to_owned()
    }

    fn account(&self) -> String {
        format!("system:serviceaccount:{}:iw-image-watcher", self.namespace)
    }
}

async fn comes_and_goes(ctx: Ctx, helm: &'static str) {
    if is_skipped(&ctx) {
        return;
    }
    let release = Release::new(&ctx, helm).await;
    let begun = Instant::now();
    // Without any value it is admitted: the restricted level makes no pod that is not safe.
    release.comes("install", "nameOverride=").await;
    eventually("a pod that the restricted level admits", async || (!release.pods().await.is_empty()).then_some(()))
        .await;
    starts_without_any_value(&release).await;
    println!("{helm}: installed without values and ready after {:.1} s", begun.elapsed().as_secs_f64());
    notes_say_that_a_secret_is_missing(&release).await;
    is_tested(&release).await;

    let set = format!(
        "rbac.scope=namespaced,rbac.namespaces[0]={},persistence.enabled=false,config.settle=0s,config.language=fr",
        ctx.namespace()
    );
    release.comes("upgrade", &set).await;
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    let auto = ctx.watched("web", web.reference("1.0.0"), &[("mode", "AUTO_UPDATE")]).await;
    ctx.watched("asks", web.reference("1.0.0"), &[("mode", "NOTIFICATION")]).await;
    let watcher = release.watcher().await.mail().start().await;
    let digest = web.push(Image::new("1.0.1")).await;
    let pushed = Instant::now();
    ctx.mailbox().wait_for_mail("/asks]").await;
    println!("{helm}: a first notice {:.1} s after a push", pushed.elapsed().as_secs_f64());
    auto.wait_for_image("web", &format!("{}@{digest}", web.reference("1.0.1"))).await;
    uses_what_is_granted(&release).await;
    watcher.terminate().await;

    let before = auto.get().await;
    ctx.tool(helm, &["uninstall", "iw", "-n", &release.namespace, "--wait"]).await.good();
    eventually("nothing of the release is left", async || release.pods().await.is_empty().then_some(())).await;
    assert_eq!(auto.get().await.0["spec"], before.0["spec"], "workloads stay as they are");
}

/// Helm sees what is in the namespace, and the pod would wait for it in silence.
async fn notes_say_that_a_secret_is_missing(release: &Release<'_>) {
    const MISSING: &str = "has no such Secret: no pod starts before it is there";
    let chart = path("deploy/chart");
    let args = ["upgrade", "iw", &chart, "-n", &release.namespace, "--dry-run=server", "--set", "existingSecret=iw"];
    let said = release.ctx.tool(release.helm, &args).await.good();
    assert!(said.contains(MISSING), "{said}");
    let secret =
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "iw", "namespace": release.namespace}});
    release.ctx.apply(&secret.to_string()).await;
    let said = release.ctx.tool(release.helm, &args).await.good();
    assert!(said.contains("NOTES:") && !said.contains(MISSING), "{said}");
}

/// `helm test` asks `doctor`. The kubelet of this cluster is a fake, so its pod ends here as the program does under the pod's
/// rights and settings.
async fn is_tested(release: &Release<'_>) {
    const NAME: &str = "iw-image-watcher-doctor";
    let pods: Api<Pod> = Api::namespaced(release.ctx.client().clone(), &release.namespace);
    let ends = async {
        let pod = eventually("the pod of helm test runs", async || {
            let pod = pods.get_opt(NAME).await.expect("an answer")?;
            let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
            (phase == Some("Running")).then_some(pod)
        })
        .await;
        let args = pod.spec.expect("a spec").containers.remove(0).args.expect("arguments");
        let output = release.watcher().await.output(&args.iter().map(String::as_str).collect::<Vec<_>>()).await;
        let phase = if output.code() == Some(0) { "Succeeded" } else { "Failed" };
        let ended = Patch::Merge(json!({"status": {"phase": phase}}));
        pods.patch_status(NAME, &PatchParams::default(), &ended).await.expect("a pod that ended");
        serde_json::from_str::<Value>(&output.stdout).expect("what helm test prints")
    };
    let args = ["test", "iw", "-n", &release.namespace, "--timeout", "90s"];
    let (said, report) = tokio::join!(release.ctx.tool(release.helm, &args), ends);
    assert_eq!(report["success"], json!(true), "{report:#}");
    assert!(said.good().contains("Succeeded"), "{report:#}");
    // Helm leaves it, for its log.
    pods.delete(NAME, &DeleteParams::default()).await.expect("a pod that was there");
}

/// With no channel and no Secret it runs, and says in a line what is missing.
async fn starts_without_any_value(release: &Release<'_>) {
    let watcher = release.watcher().await.without("BASE_URL").unconnected().start().await;
    assert_eq!(watcher.send(reqwest::Method::GET, &watcher.admin_url("/readyz"), &[], Vec::new()).await.status, 200);
    let log = watcher.logs();
    let missing = log.lines().filter(|line| line.contains("no channel")).count();
    assert_eq!(missing, 1, "{log}");
    watcher.terminate().await;
}

async fn uses_what_is_granted(release: &Release<'_>) {
    let kubeconfig = release.ctx.kubeconfig_for(&release.namespace, "iw-image-watcher").await;
    let granted = granted(&kubeconfig, release.ctx.namespace()).await;
    let needed_first =
        ["apps/deployments patch", "apps/deployments watch", "/pods watch", "events.k8s.io/events create"];
    let used = eventually("what an update needs is used", async || {
        let used = used(release.ctx, &release.account());
        needed_first.iter().all(|right| used.contains(*right)).then_some(used)
    })
    .await;
    let elsewhere = self::granted(&kubeconfig, &release.namespace).await;
    assert!(elsewhere.is_empty(), "no right in a namespace that is not watched: {elsewhere:?}");
    let needed: BTreeSet<String> = image_watcher::cluster::rights_in_a_namespace()
        .into_iter()
        .map(|(group, resource, verb)| format!("{group}/{resource} {verb}"))
        .collect();
    assert_eq!(granted, needed, "the rights that are granted are those of the kinds that the code knows");
    // What is only tried, and done without (nodes and Namespaces), and what everybody may ask: who they are, and which version it is,
    // at which doctor reads the time.
    let tried = [
        "/nodes list",
        "/namespaces get",
        "/namespaces list",
        "/namespaces watch",
        "authentication.k8s.io/selfsubjectreviews create",
        "/ get",
    ];
    let refused: Vec<_> = used.difference(&granted).filter(|right| !tried.contains(&right.as_str())).collect();
    assert!(refused.is_empty(), "used and not granted: {refused:?}");
}

/// What needs no definitions of others, by the API server's own schema.
async fn everything_that_the_api_server_knows_is_admitted(ctx: Ctx) {
    if is_skipped(&ctx) {
        return;
    }
    let release = Release::new(&ctx, "helm-4").await;
    let values = path("tests/chart/everything.values.yaml");
    let shop = format!("rbac.pullSecrets[0]={0},rbac.deleteBroken[0]={0}", ctx.namespace());
    let without = "metrics.serviceMonitor.enabled=false,metrics.podMonitor.enabled=false,metrics.prometheusRule.enabled=false,httpRoute.enabled=false";
    let dashboard = format!("metrics.grafanaDashboard.namespace={}", release.namespace);
    let chart = path("deploy/chart");
    let args = ["install", "iw", &chart, "-n", &release.namespace, "-f", &values, "--dry-run=server"];
    let sets = ["--set", &shop, "--set", without, "--set", &dashboard, "--set", "priorityClassName="];
    let rendered = ctx.tool("helm-4", &[&args[..], &sets[..]].concat()).await.good();
    assert!(rendered.contains("kind: Ingress"), "{rendered}");
    ctx.tool("helm-4", &[&args[..7], &sets[..]].concat()).await.good();
    eventually("a pod that the restricted level admits", async || (!release.pods().await.is_empty()).then_some(()))
        .await;
}

async fn kustomize_builds_every_folder(ctx: Ctx) {
    if !ctx.has_tool("kustomize") {
        return ctx.skip("make test-chart builds kustomize, and runs this");
    }
    for folder in std::fs::read_dir(project("deploy")).expect("a folder").map(|entry| entry.expect("a file").path()) {
        if folder.join("kustomization.yaml").exists() {
            let built = ctx.tool("kustomize", &["build", folder.to_str().expect("a path of letters")]).await.good();
            assert!(built.contains("kind: "), "{}", folder.display());
        }
    }
}
