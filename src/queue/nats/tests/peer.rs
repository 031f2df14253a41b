//! A real nats-server, on a port of its own.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use async_nats::jetstream::Context;
use async_nats::jetstream::stream::Config;
use url::Url;

/// A server with JetStream, in a folder of its own. It ends with the test.
pub(crate) struct Server {
    program: PathBuf,
    folder: tempfile::TempDir,
    port: u16,
    process: Child,
    /// More lines of its configuration.
    more: String,
}

/// The program: of the test peers, or built now.
fn program() -> Option<PathBuf> {
    #[expect(clippy::disallowed_methods, reason = "where test peers are is nobody's setting")]
    let folder = std::env::var("IMAGE_WATCHER_TEST_PEERS").ok().map(PathBuf::from);
    let built = folder.map(|folder| folder.join("nats-server")).filter(|program| program.exists());
    built.or_else(|| {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/build.sh");
        let output = Command::new(script).arg("nats").stderr(Stdio::inherit()).output().ok()?;
        let folder = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
        Some(folder.join("nats-server")).filter(|program| output.status.success() && program.exists())
    })
}

impl Server {
    /// Starts one; nothing where it can't be built, which is said.
    pub(crate) fn start() -> Option<Self> {
        Self::start_with("")
    }

    /// The same, with more in its configuration: after a `|` in the part on JetStream.
    pub(super) fn start_with(more: &str) -> Option<Self> {
        let Some(program) = program() else {
            eprintln!("skipped: nats-server can't be built here");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        let (process, port) = run(&program, &folder, 0, more);
        Some(Self { program, folder, port, process, more: more.to_owned() })
    }

    pub(crate) fn url(&self) -> Url {
        format!("nats://127.0.0.1:{}", self.port).parse().unwrap()
    }

    /// As by `kill -9`.
    pub(super) fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// It stands still, or goes on: connections stay, and nothing is answered.
    pub(super) fn stand_still(&self, still: bool) {
        let signal = if still { "-STOP" } else { "-CONT" };
        let sent = Command::new("kill").arg(signal).arg(self.process.id().to_string()).status().unwrap();
        assert!(sent.success());
        // A signal is only on its way then, and a thread that has it not yet may still answer.
        while still && !self.stands_still() {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Whether each of its threads is stopped; said of any where that can't be read.
    fn stands_still(&self) -> bool {
        let threads = std::fs::read_dir(format!("/proc/{}/task", self.process.id())).into_iter().flatten().flatten();
        let mut states = threads.filter_map(|thread| std::fs::read_to_string(thread.path().join("stat")).ok());
        // The name, which is in brackets, may have spaces.
        states.all(|stat| stat.rsplit_once(") ").is_none_or(|(_, state)| state.starts_with('T')))
    }

    /// A copy of its files is put in their place when it starts again, which it is not while this runs.
    pub(super) fn copied(&self) -> impl FnOnce(&Self) + use<> {
        let copy = tempfile::tempdir().unwrap();
        let copy_all = |from: &std::path::Path, to: &std::path::Path| {
            let done = Command::new("cp").arg("-a").arg(from.join("jetstream")).arg(to).status().unwrap();
            assert!(done.success());
        };
        copy_all(self.folder.path(), copy.path());
        move |server: &Self| {
            std::fs::remove_dir_all(server.folder.path().join("jetstream")).unwrap();
            copy_all(copy.path(), server.folder.path());
        }
    }

    /// On the same port, with what is on its disk.
    pub(super) fn start_again(&mut self) {
        (self.process, _) = run(&self.program, &self.folder, self.port, &self.more);
    }

    /// On the same port, with other lines in its configuration.
    pub(super) fn start_again_with(&mut self, more: &str) {
        more.clone_into(&mut self.more);
        self.start_again();
    }

    /// What an operator has of it.
    pub(crate) async fn context(&self) -> Context {
        async_nats::jetstream::new(async_nats::connect(self.url().as_str()).await.unwrap())
    }

    /// Changes a bucket, as an operator might.
    pub(super) async fn change(&self, stream: &str, change: impl FnOnce(&mut Config)) {
        let context = self.context().await;
        let mut config = context.get_stream(stream).await.unwrap().cached_info().config.clone();
        change(&mut config);
        context.update_stream(config).await.unwrap();
    }
}

/// Starts the program, and gives the port that it listens on. 0 is any.
fn run(program: &std::path::Path, folder: &tempfile::TempDir, port: u16, more: &str) -> (Child, u16) {
    let config = folder.path().join("nats.conf");
    let store = folder.path().join("jetstream");
    let port = if port == 0 { "-1".to_owned() } else { port.to_string() };
    let (more, of_jetstream) = more.split_once('|').unwrap_or((more, ""));
    let text = format!(
        "listen: \"127.0.0.1:{port}\"\njetstream {{ store_dir: {:?}, max_file_store: 1TB\n{of_jetstream} }}\n{more}\n",
        store.display().to_string()
    );
    std::fs::write(&config, text).unwrap();
    // It ends with this thread, however that ends.
    let mut process = Command::new("setpriv")
        .args(["--pdeathsig", "KILL", "--"])
        .arg(program)
        .arg("-c")
        .arg(&config)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
    let mut listens = 0;
    for line in lines.by_ref() {
        let line = line.unwrap();
        if let Some((_, address)) = line.split_once("Listening for client connections on ") {
            listens = address.rsplit_once(':').unwrap().1.trim().parse().unwrap();
        }
        if line.contains("Server is ready") {
            break;
        }
    }
    assert_ne!(listens, 0, "nats-server did not start");
    // What it says later is read, so that it does not wait for that.
    std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
    (process, listens)
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
