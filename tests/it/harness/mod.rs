//! Everything a test needs: a real control plane, a real registry and a real mail server, shared by all tests
//! of a run, and for each test a namespace, a repository prefix and an address of its own.
//!
//! ```text
//! run ─► World ─┬─ ControlPlane (etcd, kube-apiserver, controllers, scheduler, kwok)
//!               ├─ Registry ──notifications──► Switchboard ──► the image-watcher that owns the repository
//!               └─ MailServer
//!        Ctx, one a test ─► deployment() repository() watcher() mailbox() receiver() fault_proxy() audit()
//! ```

pub(crate) mod apply;
pub(crate) mod audit;
pub(crate) mod browser;
pub(crate) mod chart;
pub(crate) mod company;
pub(crate) mod control_plane;
pub(crate) mod diagnosis;
pub(crate) mod fault;
pub(crate) mod forger;
pub(crate) mod gitea;
pub(crate) mod images;
pub(crate) mod mail;
pub(crate) mod nats;
pub(crate) mod objects;
pub(crate) mod openid;
pub(crate) mod owners;
pub(crate) mod peers;
pub(crate) mod pki;
pub(crate) mod process;
pub(crate) mod proxy;
pub(crate) mod receiver;
pub(crate) mod registry;
pub(crate) mod run;
pub(crate) mod serve;
pub(crate) mod stored;
pub(crate) mod strangers;
pub(crate) mod switchboard;
pub(crate) mod tls;
pub(crate) mod token_server;
pub(crate) mod tokens;
pub(crate) mod wait;
pub(crate) mod watcher;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use k8s_openapi::api::authorization::v1::SubjectAccessReview;
use k8s_openapi::api::core::v1::{Namespace, ServiceAccount};
use kube::api::{Api, PostParams};
use kube::runtime::wait::await_condition;
use serde_json::json;

use fault::FaultProxy;
use gitea::Gitea;
use images::Repository;
use mail::{MailServer, Mailbox};
use objects::{Workload, WorkloadBuilder};
use openid::OpenId;
use pki::Pki;
use proxy::HttpProxy;
use receiver::Receiver;
use registry::Registry;
use run::World;
use switchboard::{Delivery, Switchboard};
use tls::TlsFront;
use token_server::TokenServer;
use watcher::WatcherBuilder;

/// The service account that the image-watcher of a test runs as, unless the test says otherwise.
pub(crate) const ACCOUNT: &str = "image-watcher";

/// One test's part of the world; cheap to clone.
#[derive(Clone)]
pub(crate) struct Ctx(Arc<Inner>);

struct Inner {
    world: Arc<World>,
    namespace: String,
    dir: PathBuf,
    client: kube::Client,
    http: reqwest::Client,
    logs: Mutex<Vec<PathBuf>>,
    folders: AtomicUsize,
    /// Why the test was not made here, if it was not.
    skipped: Mutex<Option<String>>,
}

impl Ctx {
    async fn new(world: Arc<World>, test: &str) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(1);
        let name = test.rsplit("::").next().unwrap_or(test).replace('_', "-");
        let name: String = name.chars().take(40).collect();
        // The number keeps names of 40 equal letters apart.
        let namespace = format!("{}-{}", name.trim_end_matches('-'), COUNT.fetch_add(1, Ordering::Relaxed));
        let dir = world.peers.dir().join(&namespace);
        std::fs::create_dir_all(&dir).expect("a folder for the test");
        let client = control_plane::client(world.control_plane.admin_kubeconfig()).await;
        let (http, logs, folders) = (http_client(), Mutex::default(), AtomicUsize::new(1));
        let skipped = Mutex::default();
        let ctx = Self(Arc::new(Inner { world, namespace, dir, client, http, logs, folders, skipped }));
        ctx.create_namespace(ctx.namespace(), &[]).await;
        ctx
    }

    /// The test's namespace.
    pub(crate) fn namespace(&self) -> &str {
        &self.0.namespace
    }

    /// What the test's repositories begin with.
    pub(crate) fn prefix(&self) -> &str {
        &self.0.namespace
    }

    /// An administrator's client.
    pub(crate) fn client(&self) -> &kube::Client {
        &self.0.client
    }

    /// Says that a test, or a part of it, can't be made here, and why: it is counted as ignored and not as passed.
    pub(crate) fn skip(&self, why: &str) {
        eprintln!("skipped: {why} ({})", self.namespace());
        *self.0.skipped.lock().expect("a reason") = Some(why.to_owned());
    }

    fn skipped(&self) -> Option<String> {
        self.0.skipped.lock().expect("a reason").clone()
    }

    /// A client for plain HTTP that follows no redirect.
    pub(crate) fn http(&self) -> &reqwest::Client {
        &self.0.http
    }

    // === cluster ===

    /// One more namespace; `suffix` keeps it the test's own. Returns its name.
    pub(crate) async fn second_namespace(&self, suffix: &str, annotations: &[(&str, &str)]) -> String {
        let name = format!("{}-{suffix}", self.namespace());
        self.create_namespace(&name, annotations).await;
        name
    }

    async fn create_namespace(&self, name: &str, annotations: &[(&str, &str)]) {
        let annotations: serde_json::Map<_, _> = annotations.iter().map(|(k, v)| ((*k).into(), json!(v))).collect();
        let namespace = json!({ "metadata": { "name": name, "annotations": annotations } });
        let namespace: Namespace = serde_json::from_value(namespace).expect("a namespace");
        let namespaces = Api::all(self.client().clone());
        namespaces.create(&PostParams::default(), &namespace).await.expect("a created namespace");
        // Without its account no pod is admitted, and controllers would try again only later.
        let accounts: Api<ServiceAccount> = Api::namespaced(self.client().clone(), name);
        let exists = |account: Option<&ServiceAccount>| account.is_some();
        wait::within("the default account", await_condition(accounts, "default", exists)).await.expect("a watch");
    }

    pub(crate) fn deployment(&self, name: &str) -> WorkloadBuilder {
        WorkloadBuilder::new(self.client().clone(), self.namespace(), "Deployment", name)
    }

    /// A Deployment of one container that has its name, watched with these settings: names of annotations without
    /// their prefix, and values.
    pub(crate) async fn watched(&self, name: &str, image: impl Into<String>, settings: &[(&str, &str)]) -> Workload {
        let builder = self.deployment(name).container(name, image);
        let annotate = |builder: WorkloadBuilder, (key, value): &(&str, &str)| {
            builder.annotation(&format!("image-watcher/{key}"), value)
        };
        settings.iter().fold(builder, annotate).create().await
    }

    pub(crate) fn stateful_set(&self, name: &str) -> WorkloadBuilder {
        WorkloadBuilder::new(self.client().clone(), self.namespace(), "StatefulSet", name)
    }

    pub(crate) fn daemon_set(&self, name: &str) -> WorkloadBuilder {
        WorkloadBuilder::new(self.client().clone(), self.namespace(), "DaemonSet", name)
    }

    pub(crate) fn cron_job(&self, name: &str, schedule: &str) -> WorkloadBuilder {
        WorkloadBuilder::cron_job(self.client().clone(), self.namespace(), name, schedule)
    }

    pub(crate) fn rollout(&self, name: &str) -> WorkloadBuilder {
        WorkloadBuilder::rollout(self.client().clone(), self.namespace(), name)
    }

    /// A workload of the test's namespace that was made by other means.
    pub(crate) fn workload(&self, kind: &str, name: &str) -> Workload {
        Workload::new(self.client().clone(), self.namespace(), kind, name)
    }

    /// Applies documents of YAML as an administrator; see [`apply::apply`].
    pub(crate) async fn apply(&self, yaml: &str) {
        apply::apply(self.client(), self.namespace(), yaml).await;
    }

    /// Stops the controllers of the whole run where they are, or lets them go on: for programs that measure alone.
    pub(crate) fn pause_controllers(&self, paused: bool) {
        self.0.world.control_plane.pause_controllers(paused);
    }

    /// The kubeconfig of a user who may do everything.
    pub(crate) fn admin_kubeconfig(&self) -> &Path {
        self.0.world.control_plane.admin_kubeconfig()
    }

    /// A kubeconfig with a fresh token of a service account, which must exist.
    pub(crate) async fn kubeconfig_for(&self, namespace: &str, account: &str) -> PathBuf {
        let control_plane = &self.0.world.control_plane;
        control_plane.kubeconfig_for(self.client(), control_plane.host(), namespace, account).await
    }

    /// The same, through a proxy in front of the API server.
    pub(crate) async fn kubeconfig_at(&self, host: &str, namespace: &str, account: &str) -> PathBuf {
        self.0.world.control_plane.kubeconfig_for(self.client(), host, namespace, account).await
    }

    /// A kubeconfig of the test's own service account [`ACCOUNT`], which may do everything and which the audit
    /// log knows by name. Tests of the rights that are delivered make their own and use [`Ctx::kubeconfig_for`].
    pub(crate) async fn identity(&self) -> PathBuf {
        self.identity_at(self.api_server()).await
    }

    /// `host:port` of the API server, for a proxy in front of it.
    pub(crate) fn api_server(&self) -> &str {
        self.0.world.control_plane.host()
    }

    /// The same as [`Ctx::identity`], through a proxy in front of the API server.
    pub(crate) async fn identity_at(&self, host: &str) -> PathBuf {
        let namespace = self.namespace();
        let account = json!({ "apiVersion": "v1", "kind": "ServiceAccount", "metadata": { "name": ACCOUNT } });
        let binding = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": { "name": format!("{namespace}-{ACCOUNT}") },
            "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin" },
            "subjects": [{ "kind": "ServiceAccount", "name": ACCOUNT, "namespace": namespace }],
        });
        self.apply(&format!("{account}\n---\n{binding}\n")).await;
        // The authorizer learns of the binding by its own watch.
        let review = json!({ "spec": {
            "user": format!("system:serviceaccount:{namespace}:{ACCOUNT}"),
            "resourceAttributes": { "verb": "*", "group": "*", "resource": "*" },
        } });
        let review: SubjectAccessReview = serde_json::from_value(review).expect("a review");
        let reviews = Api::all(self.client().clone());
        wait::eventually("the identity's rights", async || {
            let answer = reviews.create(&PostParams::default(), &review).await.expect("an answer");
            answer.status.filter(|status| status.allowed)
        })
        .await;
        self.0.world.control_plane.kubeconfig_for(self.client(), host, namespace, ACCOUNT).await
    }

    /// The audit events of a user or about a namespace; see [`audit::events`].
    pub(crate) fn audit(&self, user_or_namespace: &str) -> Vec<serde_json::Value> {
        audit::events(self.0.world.control_plane.audit_log(), user_or_namespace)
    }

    /// The audit events of the test's own image-watcher, under [`Ctx::identity`], but for what it had judged only.
    pub(crate) fn audit_of_watcher(&self) -> Vec<serde_json::Value> {
        self.all_of_watcher().into_iter().filter(|event| !is_dry_run(event)).collect()
    }

    /// The images that the API server took from it, in their order: the workload's name, and the image's tag.
    pub(crate) fn images_written(&self) -> Vec<(String, String)> {
        let of = |event: &serde_json::Value| {
            let operations = event["requestObject"].as_array()?;
            let is_image = |operation: &&serde_json::Value| {
                operation["op"] == "replace" && operation["path"].as_str().is_some_and(|path| path.ends_with("/image"))
            };
            let image = operations.iter().find(is_image)?["value"].as_str()?.split('@').next()?;
            let tag = image.rsplit(':').next()?.to_owned();
            Some((event["objectRef"]["name"].as_str()?.to_owned(), tag))
        };
        let is_taken = |event: &&serde_json::Value| {
            event["verb"] == "patch" && event["stage"] == "ResponseComplete" && event["responseStatus"]["code"] == 200
        };
        self.audit_of_watcher().iter().filter(is_taken).filter_map(of).collect()
    }

    /// The writes that it had the API server judge, and not do.
    pub(crate) fn dry_runs_of_watcher(&self) -> Vec<serde_json::Value> {
        self.all_of_watcher().into_iter().filter(is_dry_run).collect()
    }

    fn all_of_watcher(&self) -> Vec<serde_json::Value> {
        self.audit(&format!("system:serviceaccount:{}:{ACCOUNT}", self.namespace()))
    }

    // === registry ===

    /// The registry that all tests share.
    pub(crate) fn registry(&self) -> &Registry {
        &self.0.world.registry
    }

    /// A repository of the test's own in it: `<prefix>/<name>`.
    pub(crate) fn repository(&self, name: &str) -> Repository {
        self.repository_in(&self.0.world.registry, name)
    }

    /// A repository in another registry.
    pub(crate) fn repository_in(&self, registry: &Arc<Registry>, name: &str) -> Repository {
        Repository::new(Arc::clone(registry), self.http().clone(), format!("{}/{name}", self.prefix()))
    }

    /// One more registry, for this test only.
    pub(crate) async fn second_registry(&self, options: registry::Options) -> Arc<Registry> {
        Arc::new(Registry::start(&self.0.world.peers, &options).await)
    }

    /// A repository of this whole name in another registry.
    pub(crate) fn repository_named(&self, registry: &Arc<Registry>, name: &str) -> Repository {
        Repository::new(Arc::clone(registry), self.http().clone(), name.into())
    }

    /// A Gitea, for this test only; `None` where it was not built.
    pub(crate) async fn gitea(&self) -> Option<Gitea> {
        Gitea::start(&self.0.world.peers, &self.folder("gitea")).await
    }

    /// A token server, for this test only.
    pub(crate) async fn token_server(&self) -> TokenServer {
        TokenServer::start(&self.0.world.peers, &self.folder("token-server")).await
    }

    /// An `OpenID` provider, for this test only; see [`OpenId::start`].
    pub(crate) async fn openid(&self, redirect: &str, is_bare: bool) -> OpenId {
        OpenId::start(&self.0.world.peers, &self.folder("openid"), redirect, is_bare).await
    }

    /// A NATS server, for this test only.
    pub(crate) async fn nats(&self) -> nats::Nats {
        nats::Nats::start(&self.0.world.peers, &self.folder("nats")).await
    }

    /// A cluster of three NATS servers, for this test only.
    pub(crate) async fn nats_cluster(&self) -> nats::Nats {
        nats::Nats::cluster(&self.0.world.peers, &self.folder("nats")).await
    }

    /// The same, with its files below a folder of the test's.
    pub(crate) async fn nats_cluster_in(&self, folder: &Path) -> nats::Nats {
        nats::Nats::cluster(&self.0.world.peers, folder).await
    }

    /// The same, with a proxy on each way between servers, and from clients to servers.
    pub(crate) async fn cut_nats_cluster(&self) -> (nats::Nats, nats::Ways) {
        nats::Nats::cut_cluster(&self.0.world.peers, &self.folder("nats")).await
    }

    /// An HTTP proxy of the test's own. `places` says where names lead that no DNS knows; `login` is what it asks for.
    pub(crate) async fn http_proxy(&self, places: &[(String, String)], login: Option<&str>) -> HttpProxy {
        HttpProxy::start(&self.0.world.peers, places, login).await
    }

    /// The private authority of this run.
    pub(crate) fn pki(&self) -> &Pki {
        self.0.world.control_plane.pki()
    }

    /// TLS of the private authority by these names, in front of `target` (`host:port`).
    pub(crate) async fn tls_front(&self, names: &[&str], target: &str) -> TlsFront {
        let file = format!("{}-{}", self.namespace(), names.join("-"));
        TlsFront::start(&self.pki().server(&file, names), target).await
    }

    /// The same, for those who show a certificate of that authority.
    pub(crate) async fn mutual_tls_front(&self, names: &[&str], target: &str) -> TlsFront {
        let file = format!("{}-{}", self.namespace(), names.join("-"));
        let authority = self.pki().path("ca.crt");
        TlsFront::asking(Some(&authority), &self.pki().server(&file, names), target).await
    }

    /// A mail server of the test's own, which takes mail by STARTTLS only, by these names.
    pub(crate) async fn secured_mailbox(&self, names: &[&str]) -> Mailbox {
        let name = format!("mailpit-{}", self.namespace());
        let server = MailServer::secured(&self.0.world.peers, &name, &self.pki().server(&name, names)).await;
        let address = format!("{}@example.com", self.namespace());
        Mailbox::new(Arc::new(server), self.http().clone(), address)
    }

    /// What stands between the shared registry's notifications and the tests.
    pub(crate) fn switchboard(&self) -> &Switchboard {
        &self.0.world.switchboard
    }

    /// How the test's own notifications are treated from now on.
    pub(crate) fn notifications(&self, delivery: Delivery) {
        self.switchboard().deliver(self.prefix(), delivery);
    }

    // === people and other services ===

    /// Mail to `<namespace>@example.com`.
    pub(crate) fn mailbox(&self) -> Mailbox {
        self.mailbox_of("")
    }

    /// Mail to `<namespace><suffix>@example.com`, for tests with several recipients.
    pub(crate) fn mailbox_of(&self, suffix: &str) -> Mailbox {
        let address = format!("{}{suffix}@example.com", self.namespace());
        Mailbox::new(Arc::clone(&self.0.world.mail), self.http().clone(), address)
    }

    /// A recorder of HTTP requests: Slack, a webhook's receiver, an AI.
    #[expect(clippy::unused_self, reason = "everything a test needs comes from its context")]
    pub(crate) fn receiver(&self) -> Receiver {
        Receiver::start()
    }

    /// A proxy that goes wrong on demand, in front of `target` (`host:port`).
    pub(crate) async fn fault_proxy(&self, target: &str) -> FaultProxy {
        FaultProxy::start(target).await
    }

    // === the program ===

    /// An image-watcher to be started, set up for this test.
    pub(crate) fn watcher(&self) -> WatcherBuilder {
        WatcherBuilder::new(self.clone())
    }

    /// An empty folder.
    pub(crate) fn folder(&self, name: &str) -> PathBuf {
        let number = self.0.folders.fetch_add(1, Ordering::Relaxed);
        let folder = self.0.dir.join(format!("{name}-{number}"));
        std::fs::create_dir_all(&folder).expect("a folder");
        folder
    }

    /// The folder of the whole run, which all of its tests share.
    pub(crate) fn run_folder(&self) -> &Path {
        self.0.world.peers.dir()
    }

    /// A file in the test's folder.
    pub(crate) fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder("file").join(name);
        std::fs::write(&path, text).expect("a file");
        path
    }

    /// The file of a log, shown when the test fails.
    fn new_log(&self) -> PathBuf {
        let log = self.folder("log").join("image-watcher.log");
        self.0.logs.lock().expect("logs").push(log.clone());
        log
    }

    fn logs(&self) -> Vec<PathBuf> {
        self.0.logs.lock().expect("logs").clone()
    }

    fn spawner(&self) -> &process::Spawner {
        &self.0.world.peers.spawner
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.world.switchboard.close(&self.namespace);
    }
}

/// A client for plain HTTP on the loopback; it follows no redirect and uses no proxy.
pub(crate) fn http_client() -> reqwest::Client {
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy();
    client.timeout(Duration::from_secs(40)).build().expect("a client")
}

/// Whether a GET is answered with success.
pub(crate) async fn answers(http: &reqwest::Client, url: &str) -> bool {
    http.get(url).send().await.is_ok_and(|answer| answer.status().is_success())
}

fn is_dry_run(event: &serde_json::Value) -> bool {
    event["requestURI"].as_str().is_some_and(|uri| uri.contains("dryRun=All"))
}
