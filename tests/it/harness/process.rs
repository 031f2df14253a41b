//! Child processes that can't outlive the run, however it ends.
//!
//! Every child asks the kernel for SIGKILL on the death of the *thread* that spawned it (`setpriv
//! --pdeathsig`), so all of them are spawned by one thread that lives as long as this process.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::wait::{DEADLINE, eventually};

type Order = (Command, mpsc::Sender<io::Result<Child>>);

/// The thread that spawns; cheap to clone.
#[derive(Clone)]
pub(crate) struct Spawner(mpsc::Sender<Order>);

/// What to run, in a clean environment.
pub(crate) struct Program {
    path: PathBuf,
    args: Vec<OsString>,
    env: Vec<(String, OsString)>,
    stdin: Option<PathBuf>,
    user: Option<u32>,
}

/// A running child; killed when dropped.
pub(crate) struct Process {
    name: String,
    pid: u32,
    log: PathBuf,
    exit: watch::Receiver<Option<ExitStatus>>,
}

impl Spawner {
    pub(crate) fn start() -> Self {
        let (orders, inbox) = mpsc::channel::<Order>();
        let serve = move || {
            for (mut command, reply) in inbox {
                let _ = reply.send(command.spawn());
            }
        };
        std::thread::Builder::new().name("spawner".into()).spawn(serve).expect("a thread");
        Self(orders)
    }

    /// Starts `program`; its stdout goes to `log`, its stderr to `errors`, or to `log` as well.
    ///
    /// # Panics
    /// When there is no such program, or no `setpriv`.
    pub(crate) fn spawn(&self, name: &str, program: &Program, log: &Path, errors: Option<&Path>) -> Process {
        let stdin = program.stdin.as_ref().map_or_else(Stdio::null, |path| File::open(path).expect("stdin").into());
        let mut command = Command::new("setpriv");
        command
            .args(["--pdeathsig", "KILL"])
            .args(program.user.iter().flat_map(|user| identity(*user)))
            .arg("--")
            .arg(&program.path)
            .args(&program.args)
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .envs(program.env.iter().map(|(key, value)| (key, value)))
            .stdin(stdin)
            .stdout(appending(log))
            .stderr(appending(errors.unwrap_or(log)));
        let (reply, answer) = mpsc::channel();
        self.0.send((command, reply)).expect("the spawner lives");
        let child = match answer.recv().expect("the spawner answers") {
            Ok(child) => child,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                panic!("setpriv is missing: install util-linux, it keeps test processes from outliving the run")
            }
            Err(error) => panic!("{name} does not start: {error}"),
        };
        Process::watched(name, log, child)
    }
}

impl Program {
    pub(crate) fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), args: Vec::new(), env: Vec::new(), stdin: None, user: None }
    }

    pub(crate) fn arg(mut self, arg: impl Into<OsString>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// Words of a command line; nothing in it needs quoting.
    pub(crate) fn words(mut self, line: &str) -> Self {
        self.args.extend(line.split_whitespace().map(OsString::from));
        self
    }

    pub(crate) fn env(mut self, key: impl Into<String>, value: impl Into<OsString>) -> Self {
        self.env.push((key.into(), value.into()));
        self
    }

    /// As whom it runs, user and group alike; only root may say so.
    pub(crate) fn user(mut self, user: Option<u32>) -> Self {
        self.user = user;
        self
    }

    /// A file to read standard input from.
    pub(crate) fn stdin(mut self, path: Option<PathBuf>) -> Self {
        self.stdin = path;
        self
    }
}

impl Process {
    fn watched(name: &str, log: &Path, mut child: Child) -> Self {
        let pid = child.id();
        let (tell, exit) = watch::channel(None);
        let reap = move || {
            let status = child.wait().expect("a child can be waited for");
            let _ = tell.send(Some(status));
        };
        std::thread::Builder::new().name(format!("reaper of {name}")).spawn(reap).expect("a thread");
        Self { name: name.into(), pid, log: log.into(), exit }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// The file that its output goes to.
    pub(crate) fn log(&self) -> &Path {
        &self.log
    }

    /// The exit status, once there is one.
    pub(crate) fn exited(&self) -> Option<ExitStatus> {
        *self.exit.borrow()
    }

    /// Awaits the end of the process.
    pub(crate) async fn wait(&self) -> ExitStatus {
        let mut exit = self.exit.clone();
        let status = *exit.wait_for(Option::is_some).await.expect("the reaper tells");
        status.expect("it was some")
    }

    /// Sends a signal by name, as `TERM`; one that is gone gets nothing. After `STOP` it stands still on return.
    pub(crate) fn signal(&self, signal: &str) {
        if self.exited().is_none() {
            let _ = Command::new("kill").args(["-s", signal, &self.pid.to_string()]).stderr(Stdio::null()).status();
        }
        // A signal is only on its way then, and a thread that has it not yet may still answer.
        let until = Instant::now() + DEADLINE;
        while signal == "STOP" && self.exited().is_none() && !self.stands_still() {
            assert!(Instant::now() < until, "{} goes on after STOP", self.name);
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Whether each of its threads is stopped; said of any where that can't be read.
    fn stands_still(&self) -> bool {
        let threads = std::fs::read_dir(format!("/proc/{}/task", self.pid)).into_iter().flatten().flatten();
        let mut states = threads.filter_map(|thread| std::fs::read_to_string(thread.path().join("stat")).ok());
        states.all(|stat| is_still(&stat))
    }

    /// Awaits `ready`.
    ///
    /// # Errors
    /// The exit status, when the process ended before.
    pub(crate) async fn ready(&self, mut ready: impl AsyncFnMut() -> bool) -> Result<(), ExitStatus> {
        let what = format!("{} becomes ready (log: {})", self.name, self.log.display());
        eventually(&what, async || match self.exited() {
            Some(status) => Some(Err(status)),
            None => ready().await.then_some(Ok(())),
        })
        .await
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.signal("KILL");
        // Until it is reaped its ports are taken and its files are open; that takes milliseconds.
        for _ in 0..400 {
            if self.exited().is_some() || self.exit.has_changed().is_err() {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// Whether a thread is stopped or has ended, by its `stat`.
pub(crate) fn is_still(stat: &str) -> bool {
    // The name, which is in brackets, may have spaces.
    stat.rsplit_once(") ").is_none_or(|(_, state)| state.starts_with(['T', 'Z', 'X']))
}

fn identity(user: u32) -> [String; 4] {
    [format!("--reuid={user}"), format!("--regid={user}"), "--clear-groups".into(), "--no-new-privs".into()]
}

/// Ports that nobody listens on.
///
/// They lie below the range from which the kernel takes the ports of outgoing connections, and no two calls
/// get the same: so a port is still free for a program that is killed and started again.
pub(crate) fn free_ports<const N: usize>() -> [u16; N] {
    const FIRST: u16 = 10_000;
    const COUNT: u16 = 22_000;
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Two runs side by side begin far apart.
    let start = u16::try_from(std::process::id() % 199).unwrap_or_default() * 110;
    std::array::from_fn(|_| {
        loop {
            let port = FIRST + start.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % COUNT;
            if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
                return port;
            }
        }
    })
}

/// The last `count` lines of a file, or nothing.
pub(crate) fn tail(path: &Path, count: usize) -> String {
    let text = String::from_utf8_lossy(&std::fs::read(path).unwrap_or_default()).into_owned();
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

fn appending(path: &Path) -> File {
    OpenOptions::new().create(true).append(true).open(path).expect("a log file")
}
