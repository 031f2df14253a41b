//! A real control plane: etcd, API server, controllers, scheduler, and a fake kubelet.

use std::path::{Path, PathBuf};

use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::{Node, ServiceAccount};
use kube::api::{Api, ListParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use serde_json::json;

use super::audit;
use super::peers::Peers;
use super::pki::Pki;
use super::process::Process;

/// The number of fake nodes.
const NODES: u32 = 3;

/// One a run. Its processes end with it, the ones that others need last.
pub(crate) struct ControlPlane {
    pki: Pki,
    server: String,
    admin: PathBuf,
    audit_log: PathBuf,
    /// The controllers first.
    children: [Process; 5],
}

impl ControlPlane {
    /// Starts everything, and returns when nodes are ready for pods.
    pub(crate) async fn start(peers: &Peers) -> Self {
        let pki = Pki::make(&peers.dir().join("pki"));
        let policy = peers.dir().join("audit-policy.json");
        let audit_log = peers.dir().join("audit.log");
        std::fs::write(&policy, audit::policy().to_string()).expect("a file in the folder of the run");

        let (etcd, store) = etcd(peers).await;
        let (api_server, port) = api_server(peers, &pki, store, &policy, &audit_log).await;
        let server = format!("https://127.0.0.1:{port}");
        let admin = pki.client(&server, "test-admin", Some("system:masters"));
        let client = client(&admin).await;
        create_nodes(&client).await;
        let children = tokio::join!(
            controller_manager(peers, &pki, &server, &client),
            scheduler(peers, &pki, &server),
            kwok(peers, &pki, &server, &client),
        );
        let children = [children.0, children.1, children.2, api_server, etcd];
        Self { pki, server, admin, audit_log, children }
    }

    /// Stops the controllers where they are, or lets them go on.
    pub(crate) fn pause_controllers(&self, paused: bool) {
        let [controllers, ..] = &self.children;
        controllers.signal(if paused { "STOP" } else { "CONT" });
    }

    /// The kubeconfig of a user who may do everything.
    pub(crate) fn admin_kubeconfig(&self) -> &Path {
        &self.admin
    }

    /// The authority that certified the API server, and whoever else is to be trusted by a private one.
    pub(crate) fn pki(&self) -> &Pki {
        &self.pki
    }

    /// Where the API server writes its audit events.
    pub(crate) fn audit_log(&self) -> &Path {
        &self.audit_log
    }

    /// `host:port` of the API server.
    pub(crate) fn host(&self) -> &str {
        self.server.trim_start_matches("https://")
    }

    /// A kubeconfig with a fresh token of a service account, which must exist. `host` is [`ControlPlane::host`]
    /// or a proxy in front of it.
    pub(crate) async fn kubeconfig_for(
        &self,
        client: &kube::Client,
        host: &str,
        namespace: &str,
        account: &str,
    ) -> PathBuf {
        let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), namespace);
        let spec = TokenRequestSpec { expiration_seconds: Some(6 * 3600), ..TokenRequestSpec::default() };
        let wish = TokenRequest { spec, ..TokenRequest::default() };
        let granted = accounts.create_token_request(account, &PostParams::default(), &wish).await.expect("a token");
        let token = granted.status.expect("a granted token").token;
        let name = format!("{namespace}-{account}-{}", host.replace(':', "-"));
        self.pki.bearer(&format!("https://{host}"), &name, namespace, &token)
    }
}

/// A client on the current runtime for what a kubeconfig names.
pub(crate) async fn client(kubeconfig: &Path) -> kube::Client {
    let file = Kubeconfig::read_from(kubeconfig).expect("a kubeconfig");
    let options = KubeConfigOptions::default();
    let config = kube::Config::from_custom_kubeconfig(file, &options).await.expect("a usable kubeconfig");
    kube::Client::try_from(config).expect("a client")
}

async fn etcd(peers: &Peers) -> (Process, u16) {
    let data = peers.dir().join("etcd");
    let http = super::http_client();
    let program = |[client, peer]: [u16; 2]| {
        peers.program("etcd").arg("--data-dir").arg(&data).words(&format!(
            "--listen-client-urls http://127.0.0.1:{client} --advertise-client-urls http://127.0.0.1:{client} \
             --listen-peer-urls http://127.0.0.1:{peer} --initial-advertise-peer-urls http://127.0.0.1:{peer} \
             --initial-cluster default=http://127.0.0.1:{peer} --unsafe-no-fsync"
        ))
    };
    let ready = async |[client, _]: [u16; 2]| super::answers(&http, &format!("http://127.0.0.1:{client}/health")).await;
    let (process, [port, _]) = peers.start("etcd", program, ready).await;
    (process, port)
}

async fn api_server(peers: &Peers, pki: &Pki, store: u16, policy: &Path, audit_log: &Path) -> (Process, u16) {
    let program = |[port]: [u16; 1]| {
        let files = [
            ("--tls-cert-file", pki.path("apiserver.crt")),
            ("--tls-private-key-file", pki.path("apiserver.key")),
            ("--client-ca-file", pki.path("ca.crt")),
            ("--service-account-key-file", pki.path("service-accounts.pub")),
            ("--service-account-signing-key-file", pki.path("service-accounts.key")),
            ("--audit-policy-file", policy.into()),
            ("--audit-log-path", audit_log.into()),
        ];
        let program = peers.program("kube-apiserver").words(&format!(
            "--bind-address 127.0.0.1 --advertise-address 127.0.0.1 --endpoint-reconciler-type none \
             --secure-port {port} --etcd-servers http://127.0.0.1:{store} --authorization-mode RBAC \
             --service-account-issuer https://kubernetes.default.svc --service-cluster-ip-range 10.0.0.0/24 \
             --disable-admission-plugins TaintNodesByCondition --audit-log-mode blocking \
             --max-requests-inflight 1000 --max-mutating-requests-inflight 1000"
        ));
        files.into_iter().fold(program, |program, (flag, file)| program.arg(flag).arg(file))
    };
    let ready = async |[port]: [u16; 1]| {
        let admin = pki.client(&format!("https://127.0.0.1:{port}"), "test-probe", Some("system:masters"));
        let request = kube::core::Request::new("/readyz").list(&ListParams::default()).expect("a request");
        client(&admin).await.request_text(request).await.is_ok()
    };
    let (process, [port]) = peers.start("kube-apiserver", program, ready).await;
    (process, port)
}

async fn controller_manager(peers: &Peers, pki: &Pki, server: &str, client: &kube::Client) -> Process {
    let kubeconfig = pki.client(server, "system:kube-controller-manager", Some("system:masters"));
    let program = |[]: [u16; 0]| {
        peers
            .program("kube-controller-manager")
            .arg("--kubeconfig")
            .arg(&kubeconfig)
            .arg("--root-ca-file")
            .arg(pki.path("ca.crt"))
            // At its default of 20 requests a second, tests side by side would wait for each other's rollouts.
            .words(
                "--leader-elect=false --secure-port=0 --kube-api-qps=300 --kube-api-burst=600 \
                 --controllers=deployment-controller,replicaset-controller,statefulset-controller,\
daemonset-controller,job-controller,cronjob-controller,serviceaccount-controller,namespace-controller,\
garbage-collector-controller,root-ca-certificate-publisher-controller,\
persistentvolumeclaim-protection-controller",
            )
    };
    // It works once it has given the default namespace its account.
    let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), "default");
    let ready = async |[]: [u16; 0]| accounts.get_opt("default").await.is_ok_and(|found| found.is_some());
    peers.start("kube-controller-manager", program, ready).await.0
}

async fn scheduler(peers: &Peers, pki: &Pki, server: &str) -> Process {
    let kubeconfig = pki.client(server, "system:kube-scheduler", Some("system:masters"));
    let program = |[]: [u16; 0]| {
        let program = peers.program("kube-scheduler").arg("--kubeconfig").arg(&kubeconfig);
        program.words("--leader-elect=false --secure-port=0 --kube-api-qps=300 --kube-api-burst=600")
    };
    peers.start("kube-scheduler", program, async |[]: [u16; 0]| true).await.0
}

async fn kwok(peers: &Peers, pki: &Pki, server: &str, client: &kube::Client) -> Process {
    let kubeconfig = pki.client(server, "kwok", Some("system:masters"));
    let stages = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/stages.yaml");
    let program = |[]: [u16; 0]| {
        let program = peers.program("kwok").arg("--kubeconfig").arg(&kubeconfig);
        program.words("--manage-all-nodes --node-lease-duration-seconds=0 --config").arg(stages)
    };
    let nodes: Api<Node> = Api::all(client.clone());
    let ready = async |[]: [u16; 0]| {
        let found = nodes.list(&ListParams::default()).await;
        found.is_ok_and(|nodes| nodes.items.iter().all(is_ready))
    };
    peers.start("kwok", program, ready).await.0
}

fn is_ready(node: &Node) -> bool {
    let conditions = node.status.as_ref().and_then(|status| status.conditions.as_ref());
    conditions.into_iter().flatten().any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

async fn create_nodes(client: &kube::Client) {
    let nodes: Api<Node> = Api::all(client.clone());
    for number in 1..=NODES {
        let name = format!("node-{number}");
        let labels =
            json!({ "kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64" });
        let node = json!({ "metadata": { "name": name, "labels": labels } });
        let node = serde_json::from_value(node).expect("a node");
        nodes.create(&PostParams::default(), &node).await.expect("a created node");
    }
}
