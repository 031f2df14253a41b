//! Those who write workloads beside us, as they are: Helm 3 and 4, kubectl and kustomize after an update of ours, and Argo Rollouts
//! with its controller. `make test-owners` builds them; without it these pass with a message.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::harness::Ctx;
use crate::harness::images::{Image, Repository};
use crate::harness::mail::Mail;
use crate::harness::objects::{Seen, Workload, WorkloadBuilder};
use crate::harness::owners::Came;
use crate::harness::run::{Test, tests};
use crate::harness::wait::eventually;

pub(crate) fn tests() -> Vec<Test> {
    tests![
        what_the_next_upgrade_does_after_our_write,
        after_a_command_helm_4_goes_on_without_a_conflict,
        argo_rollouts_with_their_controller,
    ]
}

const AUTO: (&str, &str) = ("image-watcher/mode", "AUTO_UPDATE");

fn is_skipped(ctx: &Ctx) -> bool {
    let skipped = !ctx.has_owners();
    if skipped {
        ctx.skip("make test-owners builds Helm, kubectl, kustomize and Argo Rollouts, and runs this");
    }
    skipped
}

/// How a chart comes into the cluster, and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    Helm4,
    Helm3,
    Apply,
    ServerSide,
    Kustomize,
}

/// What is changed in the chart before it comes again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    Nothing,
    /// Its values name the version that we wrote.
    OurVersion,
    Replicas,
}

const BY: [By; 5] = [By::Helm4, By::Helm3, By::Apply, By::ServerSide, By::Kustomize];
const CHANGES: [Change; 3] = [Change::Nothing, Change::OurVersion, Change::Replicas];

/// A chart of one Deployment, in a folder.
struct Chart<'c> {
    ctx: &'c Ctx,
    folder: PathBuf,
}

const TEMPLATE: &str = "apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .Release.Name }}
  annotations: {image-watcher/mode: AUTO_UPDATE, image-watcher/patch-owned: 'true'}
spec:
  replicas: {{ .Values.replicas }}
  selector: {matchLabels: {app: {{ .Release.Name }}}}
  template:
    metadata: {labels: {app: {{ .Release.Name }}}}
    spec: {containers: [{name: web, image: '{{ .Values.repository }}:{{ .Values.tag }}'}]}
";

impl<'c> Chart<'c> {
    fn new(ctx: &'c Ctx, web: &Repository) -> Self {
        let folder = ctx.folder("chart");
        let reference = web.reference("1.0.0");
        let repository = reference.strip_suffix(":1.0.0").expect("a reference");
        let values = json!({"replicas": 1, "repository": repository, "tag": "1.0.0"});
        std::fs::create_dir(folder.join("templates")).expect("a folder");
        for (name, text) in [
            ("Chart.yaml", "apiVersion: v2\nname: shop\nversion: 0.1.0\n"),
            ("values.yaml", &*values.to_string()),
            ("templates/web.yaml", TEMPLATE),
        ] {
            std::fs::write(folder.join(name), text).expect("a file");
        }
        Self { ctx, folder }
    }

    fn path(&self) -> &str {
        self.folder.to_str().expect("a path of letters")
    }

    /// Brings it into the cluster: the first time, or again with a change.
    async fn comes(&self, by: By, name: &str, change: Option<Change>) -> Came {
        let set: &[&str] = match change {
            None | Some(Change::Nothing) => &[],
            Some(Change::OurVersion) => &["--set", "tag=1.0.1"],
            Some(Change::Replicas) => &["--set", "replicas=2"],
        };
        let (verb, namespace) = (if change.is_some() { "upgrade" } else { "install" }, self.ctx.namespace());
        match by {
            By::Helm4 | By::Helm3 => {
                let helm = if by == By::Helm4 { "helm-4" } else { "helm-3" };
                self.ctx.owner(helm, &[&[verb, name, self.path(), "-n", namespace][..], set].concat()).await
            }
            By::Apply | By::ServerSide | By::Kustomize => {
                let rendered = self.ctx.owner("helm-4", &[&["template", name, self.path()][..], set].concat()).await;
                assert!(rendered.good, "{}", rendered.said);
                let file = self.ctx.file("web.yaml", &rendered.said);
                let file = if by == By::Kustomize { self.built(&file).await } else { file };
                let file = file.to_str().expect("a path of letters");
                let mode: &[&str] = if by == By::ServerSide { &["--server-side"] } else { &[] };
                self.ctx.owner("kubectl", &[&["apply", "-n", namespace, "-f", file][..], mode].concat()).await
            }
        }
    }

    async fn built(&self, file: &Path) -> PathBuf {
        let folder = file.parent().expect("a folder");
        std::fs::write(folder.join("kustomization.yaml"), "resources: [web.yaml]\n").expect("a file");
        let built = self.ctx.owner("kustomize", &["build", folder.to_str().expect("a path of letters")]).await;
        assert!(built.good, "{}", built.said);
        self.ctx.file("built.yaml", &built.said)
    }
}

/// Who owns the image of the container, as the API server has it.
fn owners(seen: &Seen) -> Vec<String> {
    let image = "/fieldsV1/f:spec/f:template/f:spec/f:containers/k:{\"name\":\"web\"}/f:image";
    let all = seen.0["metadata"]["managedFields"].as_array().cloned().unwrap_or_default();
    let owners = all.iter().filter(|entry| entry.pointer(image).is_some());
    owners.map(|entry| format!("{} {}", entry["manager"], entry["operation"]).replace('"', "")).collect()
}

fn outcome(seen: &Seen) -> String {
    let history: Value = serde_json::from_str(seen.annotation("image-watcher/history").unwrap_or("[]")).expect("JSON");
    history[0]["outcome"].as_str().unwrap_or_default().to_owned()
}

fn has_outcome(wanted: &'static str) -> impl Fn(&Seen) -> bool {
    move |seen| outcome(seen) == wanted
}

/// The table of docs/owners.md.
async fn what_the_next_upgrade_does_after_our_write(ctx: Ctx) {
    if is_skipped(&ctx) {
        return;
    }
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    let chart = Chart::new(&ctx, &web);
    let cases: Vec<(By, Change, String)> = BY
        .into_iter()
        .flat_map(|by| CHANGES.map(|change| (by, change, format!("{by:?}-{change:?}").to_lowercase())))
        .collect();
    for (by, _, name) in &cases {
        let installed = chart.comes(*by, name, None).await;
        assert!(installed.good, "{name}: {}", installed.said);
    }
    let _watcher = ctx.watcher().mail().start().await;
    let digest = web.push(Image::new("1.0.1")).await;
    let (old, ours) = (web.reference("1.0.0"), format!("{}@{digest}", web.reference("1.0.1")));
    for (by, change, name) in &cases {
        let workload = ctx.workload("Deployment", name);
        let written = workload.wait_for("healthy", has_outcome("healthy")).await;
        assert_eq!(written.image("web"), Some(&*ours), "{name}");
        // Helm 4 refuses other owners, so that we are none.
        let is_owner = owners(&written).iter().any(|owner| owner == "image-watcher Update");
        assert_eq!(is_owner, *by != By::Helm4, "{name}: {:?}", owners(&written));

        let came = chart.comes(*by, name, Some(*change)).await;
        let now = workload.get().await;
        assert!(now.annotation("image-watcher/record").is_some(), "{name}: annotations that no chart has stay");
        if *by == By::ServerSide {
            assert!(!came.good && came.said.contains("conflict with \"image-watcher\""), "{name}: {came:?}");
            assert_eq!((now.image("web"), &now.0["spec"]["replicas"]), (Some(&*ours), &json!(1)), "{name}");
            continue;
        }
        assert!(came.good, "{name}: {}", came.said);
        let version = if *change == Change::OurVersion { web.reference("1.0.1") } else { old.clone() };
        assert_eq!(now.image("web"), Some(&*version), "{name}");
        assert_eq!(now.0["spec"]["replicas"], json!(if *change == Change::Replicas { 2 } else { 1 }), "{name}");
        if *change != Change::OurVersion {
            let held = workload.wait_for("held", |seen| seen.annotation("image-watcher/held").is_some()).await;
            assert_eq!(held.image("web"), Some(&*old), "{name}: it is not written again");
        }
    }
    let doctor = ctx.watcher().output(&["doctor"]).await;
    let said = |name: &str| {
        format!(
            "{}/deploy/{name}: owned by Helm release {name}: a later helm upgrade puts the old image back",
            ctx.namespace()
        )
    };
    for name in ["helm4-nothing", "helm3-nothing"] {
        assert!(doctor.stdout.contains(&said(name)), "{}", doctor.stdout);
    }
}

/// Whether the service runs or not, and whatever it wrote before.
async fn after_a_command_helm_4_goes_on_without_a_conflict(ctx: Ctx) {
    if is_skipped(&ctx) {
        return;
    }
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    let chart = Chart::new(&ctx, &web);
    let installed = chart.comes(By::Helm4, "web", None).await;
    assert!(installed.good, "{}", installed.said);
    let mut watcher = ctx.watcher().mail().start().await;
    web.push(Image::new("1.0.1")).await;
    let workload = ctx.workload("Deployment", "web");
    workload.wait_for("healthy", has_outcome("healthy")).await;
    watcher.kill9().await;
    let admin = ctx.admin_kubeconfig().to_str().expect("a path of letters");
    let back = ["rollback", "deploy/web", "-n", ctx.namespace(), "--yes", "--kubeconfig", admin];
    let done = ctx.watcher().output(&back).await;
    assert_eq!(done.code(), Some(0), "{}{}", done.stdout, done.stderr);
    let seen = workload.get().await;
    assert!(seen.image("web").is_some_and(|image| image.contains(":1.0.0")), "{:?}", seen.image("web"));
    assert!(owners(&seen).is_empty(), "nothing of ours is in the way: {:?}", owners(&seen));
    let came = chart.comes(By::Helm4, "web", Some(Change::Replicas)).await;
    assert!(came.good, "{}", came.said);
    // The service takes over whose word it was.
    watcher.restart().await;
    let is_theirs = |seen: &Seen| seen.annotation("image-watcher/history").is_some_and(|it| it.contains("command "));
    let seen = workload.wait_for("taken over", is_theirs).await;
    assert_eq!(seen.annotation("image-watcher/request"), None);
}

fn canary(builder: WorkloadBuilder, repository: &Repository, steps: &Value) -> WorkloadBuilder {
    let builder = builder.container("web", repository.reference("1.0.0")).annotation(AUTO.0, AUTO.1).replicas(2);
    builder.with(|object| object["spec"]["strategy"] = json!({"canary": {"steps": steps}}))
}

async fn healthy(rollout: &Workload) -> Seen {
    let is_healthy = |seen: &Seen| {
        let status = &seen.0["status"];
        status["phase"] == "Healthy" && status["observedGeneration"] == seen.generation().to_string().as_str()
    };
    rollout.wait_for("Healthy, as its controller says", is_healthy).await
}

async fn repository(ctx: &Ctx, name: &str) -> Repository {
    let repository = ctx.repository(name);
    repository.push(Image::new("1.0.0")).await;
    repository
}

/// It failed, runs again what ran before, and its controller calls that healthy.
async fn goes_back(workload: &Workload, repository: &Repository) -> Seen {
    let is_back = |seen: &Seen| {
        seen.image("web") == Some(&*repository.reference("1.0.0")) && seen.annotation("image-watcher/held").is_some()
    };
    workload.wait_for("back", is_back).await;
    workload.wait_for("healthy again", has_outcome("healthy")).await
}

async fn argo_rollouts_with_their_controller(ctx: Ctx) {
    if is_skipped(&ctx) {
        return;
    }
    let _controller = ctx.argo_rollouts().await;
    let (web, crashing, paused) =
        (repository(&ctx, "web").await, repository(&ctx, "crashing").await, repository(&ctx, "paused").await);
    let half = json!([{"setWeight": 50}]);
    let good = canary(ctx.rollout("good"), &web, &half).create().await;
    let crashes = canary(ctx.rollout("crashes"), &crashing, &half).create().await;
    let waits = canary(ctx.rollout("waits"), &paused, &json!([{"setWeight": 50}, {"pause": {}}])).create().await;
    // Of an image of its own: what failed elsewhere is asked about first.
    let own = repository(&ctx, "own-crashing").await;
    let described = ctx.deployment("described").container("web", own.reference("1.0.0")).replicas(0);
    let described = described.annotation(AUTO.0, AUTO.1).create().await;
    let refers = ctx.rollout("refers").with(|object| {
        let spec = object["spec"].as_object_mut().expect("an object");
        spec.remove("template");
        spec.insert("selector".into(), json!({"matchLabels": {"app": "described"}}));
        spec.insert("workloadRef".into(), json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "described"}));
        spec.insert("strategy".into(), json!({"canary": {}}));
    });
    let refers = refers.create().await;
    for rollout in [&good, &crashes, &waits, &refers] {
        healthy(rollout).await;
    }
    let watcher = ctx.watcher().mail().start().await;
    for repository in [&web, &crashing, &own, &paused] {
        repository.push(Image::new("1.0.1")).await;
    }
    good.wait_for("healthy", has_outcome("healthy")).await;
    assert!(good.get().await.image("web").is_some_and(|image| image.contains(":1.0.1@")));
    goes_back(&crashes, &crashing).await;
    healthy(&crashes).await;
    // Its pods are those of its Rollout.
    goes_back(&described, &own).await;
    for (name, words) in [("/crashes]", "CrashLoopBackOff"), ("/described]", "pod refers-")] {
        let is_it = |mail: &Mail| mail.subject.contains(name) && mail.text.contains("failed.");
        let mail = eventually(name, async || ctx.mailbox().list().await.into_iter().find(is_it)).await;
        assert!(mail.text.split_whitespace().collect::<Vec<_>>().join(" ").contains(words), "{}", mail.text);
    }

    // Two that failed stop all others, which a person resumes.
    ctx.http().post(watcher.admin_url("/api/v1/brake/resume")).send().await.expect("an answer");

    let stands = |seen: &Seen| seen.0["status"]["pauseConditions"][0]["reason"] == "CanaryPauseStep";
    let seen = waits.wait_for("paused at its step", stands).await;
    assert_eq!(outcome(&seen), "rolling-out", "it waits for somebody");
    waits.patch_status(json!({"pauseConditions": null})).await;
    waits.wait_for("promoted", has_outcome("healthy")).await;
    paused.push(Image::new("1.0.2")).await;
    let next = |seen: &Seen| stands(seen) && seen.image("web").is_some_and(|image| image.contains(":1.0.2@"));
    waits.wait_for("paused again", next).await;
    waits.patch_status(json!({"abort": true})).await;
    let back = |seen: &Seen| seen.annotation("image-watcher/held").is_some() && outcome(seen) == "healthy";
    let seen = waits.wait_for("back after it was aborted", back).await;
    assert!(seen.image("web").is_some_and(|image| image.contains(":1.0.1")), "{:?}", seen.image("web"));
    healthy(&waits).await;
}
