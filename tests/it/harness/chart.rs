//! Helm and kustomize, for what is delivered: `make test-chart` builds them.

use std::path::{Path, PathBuf};

use super::Ctx;
use super::process::tail;

/// What a tool said, and whether it went well.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) good: bool,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Said {
    /// What it wrote.
    ///
    /// # Panics
    /// When it failed.
    pub(crate) fn good(self) -> String {
        assert!(self.good, "{}", self.stderr);
        self.stdout
    }
}

/// A file or folder of the project.
pub(crate) fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

impl Ctx {
    /// Whether a tool of this name was built.
    pub(crate) fn has_tool(&self, name: &str) -> bool {
        self.0.world.peers.found(name).is_some()
    }

    /// Runs a tool to its end, as a user who may do everything.
    pub(crate) async fn tool(&self, name: &str, args: &[&str]) -> Said {
        let folder = self.folder("tool");
        let (out, err) = (folder.join("stdout"), folder.join("stderr"));
        let program = self.0.world.peers.program(name).env("KUBECONFIG", self.admin_kubeconfig());
        let program = args.iter().fold(program, |program, arg| program.arg(*arg));
        let status = self.spawner().spawn(name, &program, &out, Some(&err)).wait().await;
        let read = |path: &Path| tail(path, usize::MAX);
        Said { good: status.success(), stdout: std::fs::read_to_string(&out).expect("a file"), stderr: read(&err) }
    }
}
