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

/// A shell in the project's folder, in which tools have the names that documents call them by.
pub(crate) struct Shell<'c> {
    ctx: &'c Ctx,
    tools: PathBuf,
}

impl<'c> Shell<'c> {
    /// With these tools: what a document calls it, and which peer it is. None where one of them was not built.
    pub(crate) fn with(ctx: &'c Ctx, tools: &[(&str, &str)]) -> Option<Self> {
        let folder = ctx.folder("tools");
        for (name, peer) in tools {
            let path = ctx.0.world.peers.found(peer)?;
            std::os::unix::fs::symlink(path, folder.join(name)).expect("a link");
        }
        Some(Self { ctx, tools: folder })
    }

    /// Runs lines as a person would paste them, as a user of the cluster who may do everything.
    pub(crate) async fn run(&self, lines: &str) -> Said {
        let folder = self.ctx.folder("shell");
        let (out, err) = (folder.join("stdout"), folder.join("stderr"));
        let path = std::env::var("PATH").unwrap_or_default();
        let program = super::process::Program::new("/bin/bash")
            .arg("-euo")
            .arg("pipefail")
            .arg("-c")
            .arg(format!("cd '{}'\n{lines}", project("").display()))
            .env("HOME", folder.as_os_str())
            .env("KUBECONFIG", self.ctx.admin_kubeconfig())
            .env("PATH", format!("{}:{path}", self.tools.display()));
        let status = self.ctx.spawner().spawn("bash", &program, &out, Some(&err)).wait().await;
        let read = |path: &Path| tail(path, usize::MAX);
        Said { good: status.success(), stdout: read(&out), stderr: read(&err) }
    }
}
