//! Others who write workloads: Helm, kubectl, kustomize, and the controller of Argo Rollouts. `make test-owners` builds them, as that
//! takes minutes, and says that they are wanted.

use std::path::PathBuf;

use super::Ctx;
use super::process::{Process, tail};

/// What a command of one of them came to.
#[derive(Debug)]
pub(crate) struct Came {
    pub(crate) good: bool,
    /// All that it said.
    pub(crate) said: String,
}

impl Ctx {
    /// Whether these programs are there, and wanted in this run.
    pub(crate) fn has_owners(&self) -> bool {
        let all = ["helm-3", "helm-4", "kubectl", "kustomize", "argo-rollouts"];
        std::env::var_os("IMAGE_WATCHER_TEST_OWNERS").is_some()
            && all.iter().all(|name| self.0.world.peers.found(name).is_some())
    }

    /// Runs one of them to its end, as a user who may do everything.
    pub(crate) async fn owner(&self, name: &str, args: &[&str]) -> Came {
        let log = self.folder("owner").join("log");
        let program = self.0.world.peers.program(name).env("KUBECONFIG", self.admin_kubeconfig());
        let program = args.iter().fold(program, |program, arg| program.arg(*arg));
        let status = self.spawner().spawn(name, &program, &log, None).wait().await;
        Came { good: status.success(), said: tail(&log, 400) }
    }

    /// Starts the controller of Argo Rollouts in the test's namespace, with its definitions.
    pub(crate) async fn argo_rollouts(&self) -> Process {
        let peers = &self.0.world.peers;
        let files = peers.found("argo-rollouts-files").expect("the folder of its module");
        let mut definitions: Vec<PathBuf> = std::fs::read_dir(files.join("manifests/crds"))
            .expect("definitions")
            .map(|entry| entry.expect("a file").path())
            .filter(|path| path.to_string_lossy().ends_with("-crd.yaml"))
            .collect();
        definitions.sort();
        for path in definitions {
            let path = path.display().to_string();
            let applied = self.owner("kubectl", &["apply", "--server-side", "-f", &path]).await;
            assert!(applied.good, "{path}: {}", applied.said);
        }
        let http = super::http_client();
        let program = |[health, metrics]: [u16; 2]| {
            let program = peers.program("argo-rollouts").arg("--kubeconfig").arg(self.admin_kubeconfig());
            program.words(&format!(
                "--namespaced -n {} --leader-elect=false --healthzPort {health} --metricsPort {metrics}",
                self.namespace()
            ))
        };
        let ready =
            async |[health, _]: [u16; 2]| super::answers(&http, &format!("http://127.0.0.1:{health}/healthz")).await;
        peers.start("argo-rollouts", program, ready).await.0
    }
}
