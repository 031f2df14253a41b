//! Where the binaries of the test peers are, and how one is started on free ports.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::process::{Process, Program, Spawner, free_ports, tail};

/// The folder of the peers, the folder of this run, and the thread that spawns.
#[derive(Clone)]
pub(crate) struct Peers {
    bin: PathBuf,
    dir: PathBuf,
    pub(crate) spawner: Spawner,
}

impl Peers {
    /// Takes the peers from `IMAGE_WATCHER_TEST_PEERS`, or builds them (once a machine).
    ///
    /// # Panics
    /// When they can't be built; the script says what is missing.
    pub(crate) fn locate(dir: &Path) -> Self {
        let bin = std::env::var("IMAGE_WATCHER_TEST_PEERS").map_or_else(|_| build(), PathBuf::from);
        Self { bin, dir: dir.into(), spawner: Spawner::start() }
    }

    /// The folder of this run.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// What may not have been built.
    pub(crate) fn found(&self, name: &str) -> Option<PathBuf> {
        Some(self.bin.join(name)).filter(|path| path.exists())
    }

    pub(crate) fn program(&self, name: &str) -> Program {
        Program::new(self.bin.join(name)).env("HOME", self.dir.as_os_str())
    }

    /// Starts a peer on `N` ports, and once more on others when somebody else was quicker to take one.
    ///
    /// # Panics
    /// When the peer ends before it is ready, for any other reason.
    pub(crate) async fn start<const N: usize>(
        &self,
        name: &str,
        mut program: impl FnMut([u16; N]) -> Program,
        mut ready: impl AsyncFnMut([u16; N]) -> bool,
    ) -> (Process, [u16; N]) {
        let log = self.dir.join(format!("{name}.log"));
        for _ in 0..5 {
            let ports = free_ports();
            let process = self.spawner.spawn(name, &program(ports), &log, None);
            match process.ready(async || ready(ports).await).await {
                Ok(()) => return (process, ports),
                Err(status) => {
                    let last = tail(&log, 30);
                    assert!(last.contains("address already in use"), "{name} ended with {status}:\n{last}");
                }
            }
        }
        panic!("{name} found no free port");
    }
}

fn build() -> PathBuf {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/build.sh");
    let output = Command::new(script).stderr(Stdio::inherit()).output().expect("bash builds the test peers");
    assert!(output.status.success(), "the test peers could not be built");
    PathBuf::from(String::from_utf8_lossy(&output.stdout).trim())
}
