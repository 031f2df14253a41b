//! The program under test, as a process of its own.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

use reqwest::Method;

use super::Ctx;
use super::process::{Process, Program, free_ports, tail};
use super::registry;
use super::wait::{eventually, within};

/// The user of the image and of the delivered pod.
const IMAGE_USER: u32 = 65532;

/// How an image-watcher is to be started.
pub(crate) struct WatcherBuilder {
    ctx: Ctx,
    env: BTreeMap<String, String>,
    ports: Option<[u16; 2]>,
    data: PathBuf,
    binary: PathBuf,
    pod: Option<PathBuf>,
    own_identity: bool,
    linked: bool,
    connected: bool,
}

/// A running (or killed) image-watcher; killed when dropped.
pub(crate) struct Watcher {
    setup: WatcherBuilder,
    log: PathBuf,
    process: Process,
    ports: [u16; 2],
}

/// How a command ended.
#[derive(Clone, Debug)]
pub(crate) struct Output {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// An answer of the program.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

impl Output {
    /// The exit code; none when it was killed.
    pub(crate) fn code(&self) -> Option<i32> {
        self.status.code()
    }
}

impl Reply {
    /// The body as JSON.
    ///
    /// # Panics
    /// When it is none.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("no JSON ({error}): {}", self.body))
    }
}

impl WatcherBuilder {
    /// On the test's namespace, its registry and its identity; poller off, one webhook source open.
    pub(crate) fn new(ctx: Ctx) -> Self {
        let data = ctx.folder("data");
        let env = [
            ("HOST", "127.0.0.1"),
            ("NODE_ENV", "development"),
            ("NO_COLOR", "1"),
            ("RUST_BACKTRACE", "1"),
            ("IMAGE_WATCHER_DATA", path(&data)),
            ("IMAGE_WATCHER_NAMESPACES", ctx.namespace()),
            ("IMAGE_WATCHER_PLAIN_HTTP", ctx.registry().host()),
            ("IMAGE_WATCHER_SCHEDULE", ""),
            ("IMAGE_WATCHER_SETTLE", "0s"),
            ("IMAGE_WATCHER_WINDOW", "0s"),
            ("REGISTRY_WEBHOOK_TOKEN", registry::TOKEN),
        ];
        let env = env.into_iter().map(|(key, value)| (key.into(), value.into())).collect();
        let binary = program();
        Self { ctx, env, ports: None, data, binary, pod: None, own_identity: true, linked: true, connected: true }
    }

    /// Another build of the program, to be measured beside this one.
    pub(crate) fn binary(self, binary: &Path) -> Self {
        Self { binary: binary.into(), ..self }
    }

    pub(crate) fn env(mut self, key: &str, value: impl Into<String>) -> Self {
        self.own_identity &= key != "KUBECONFIG";
        self.env.insert(key.into(), value.into());
        self
    }

    /// Takes a default away.
    pub(crate) fn without(mut self, key: &str) -> Self {
        self.linked &= key != "BASE_URL";
        self.own_identity &= key != "KUBECONFIG";
        self.env.remove(key);
        self
    }

    /// Mails to the test's mailbox.
    pub(crate) fn mail(self) -> Self {
        let mailbox = self.ctx.mailbox();
        self.env("SMTP_URL", mailbox.smtp_url())
            .env("MAIL_FROM", "image-watcher@example.com")
            .env("MAIL_TO", mailbox.address())
    }

    /// Another identity than the test's own.
    pub(crate) fn kubeconfig(self, kubeconfig: &Path) -> Self {
        self.env("KUBECONFIG", path(kubeconfig))
    }

    /// As the delivered pod has it: the image's user, where this run may become it, the production's rules, all
    /// addresses, and ports that a file names, so that no variable hides one that a Service sets.
    pub(crate) fn in_pod(mut self) -> Self {
        let folder = self.ctx.folder("pod");
        std::fs::copy(&self.binary, folder.join("image-watcher")).expect("a copy of the program");
        self.pod = Some(folder);
        self.without("HOST").without("NODE_ENV").like_in_the_image()
    }

    /// With what the image sets beside the folder of data, so that memory is measured as it is there.
    pub(crate) fn like_in_the_image(self) -> Self {
        self.env("MALLOC_ARENA_MAX", "1")
    }

    /// A second image-watcher that the registry does not know of.
    pub(crate) fn unconnected(mut self) -> Self {
        self.connected = false;
        self
    }

    /// A data folder of its own, for a second image-watcher beside the first.
    pub(crate) fn own_data(mut self) -> Self {
        self.data = self.ctx.folder("data");
        let data = path(&self.data).to_owned();
        self.env("IMAGE_WATCHER_DATA", data)
    }

    /// Public and private port, when a test needs to know them first.
    pub(crate) fn ports(mut self, ports: [u16; 2]) -> Self {
        self.ports = Some(ports);
        self
    }

    /// Starts the service and returns when it is ready.
    ///
    /// # Panics
    /// When it ends before, with the end of its log.
    pub(crate) async fn start(self) -> Watcher {
        let setup = self.identified().await;
        let log = setup.ctx.new_log();
        let (process, ports) = setup.launch(&log).await;
        let watcher = Watcher { setup, log, process, ports };
        watcher.connect();
        watcher
    }

    /// Starts the service and returns when it lives, which is before it is ready.
    ///
    /// # Panics
    /// When it ends before, with the end of its log.
    pub(crate) async fn start_unready(self) -> Watcher {
        let setup = self.identified().await;
        let log = setup.ctx.new_log();
        let (process, ports) = setup.launch_until(&log, "livez").await;
        let watcher = Watcher { setup, log, process, ports };
        watcher.connect();
        watcher
    }

    /// Starts the service and waits for nothing.
    pub(crate) async fn start_at_all(self) -> Watcher {
        let setup = self.identified().await;
        let (log, ports) = (setup.ctx.new_log(), setup.ports.unwrap_or_else(free_ports));
        let process = setup.spawn(ports, &log);
        Watcher { setup, log, process, ports }
    }

    /// Runs one command to its end. `serve` that should refuse to start is one as well.
    pub(crate) async fn output(self, args: &[&str]) -> Output {
        self.output_of(args, "").await
    }

    /// The same, with something on standard input.
    pub(crate) async fn output_of(self, args: &[&str], stdin: &str) -> Output {
        let setup = self.identified().await;
        let folder = setup.ctx.folder("command");
        let (input, stdout, stderr) = (folder.join("stdin"), folder.join("stdout"), setup.ctx.new_log());
        std::fs::write(&input, stdin).expect("a file for standard input");
        let ports = setup.ports.unwrap_or_else(free_ports);
        let program = args.iter().fold(setup.program(ports), Program::arg).stdin(Some(input));
        let process = setup.ctx.spawner().spawn("image-watcher", &program, &stdout, Some(&stderr));
        let status = within(&format!("image-watcher {} ends", args.join(" ")), process.wait()).await;
        let read = |path: &Path| String::from_utf8_lossy(&std::fs::read(path).expect("a file")).into_owned();
        Output { status, stdout: read(&stdout), stderr: read(&stderr) }
    }

    async fn identified(self) -> Self {
        if !self.own_identity {
            return self;
        }
        let kubeconfig = self.ctx.identity().await;
        self.kubeconfig(&kubeconfig)
    }

    fn spawn(&self, ports: [u16; 2], log: &Path) -> Process {
        self.ctx.spawner().spawn("image-watcher", &self.program(ports), log, None)
    }

    async fn launch(&self, log: &Path) -> (Process, [u16; 2]) {
        self.launch_until(log, "readyz").await
    }

    async fn launch_until(&self, log: &Path, probe: &str) -> (Process, [u16; 2]) {
        for _ in 0..5 {
            let ports = self.ports.unwrap_or_else(free_ports);
            let process = self.spawn(ports, log);
            let ready = format!("http://127.0.0.1:{}/{probe}", ports[1]);
            match process.ready(async || super::answers(self.ctx.http(), &ready).await).await {
                Ok(()) => return (process, ports),
                Err(status) => {
                    let last = tail(log, 200);
                    let taken = last.to_lowercase().contains("address already in use");
                    assert!(taken, "image-watcher ended with {status} before it was ready:\n{last}");
                    // Where it has to be the same port, a connection of somebody else may have it for a moment.
                    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
                }
            }
        }
        panic!("image-watcher found no free port");
    }

    fn program(&self, ports: [u16; 2]) -> Program {
        let mut env = self.env.clone();
        let program = match &self.pod {
            None => {
                env.insert("PORT".into(), ports[0].to_string());
                env.insert("ADMIN_PORT".into(), ports[1].to_string());
                Program::new(&self.binary)
            }
            Some(folder) => {
                let file = folder.join("config.yaml");
                std::fs::write(&file, format!("port: {}\nadminPort: {}\n", ports[0], ports[1])).expect("a file");
                env.insert("IMAGE_WATCHER_CONFIG".into(), path(&file).into());
                Program::new(folder.join("image-watcher")).user(self.handed_over())
            }
        };
        if self.linked {
            env.entry("BASE_URL".into()).or_insert_with(|| format!("http://127.0.0.1:{}", ports[0]));
        }
        env.into_iter().fold(program, |program, (key, value)| program.env(key, value))
    }

    /// Gives the data to the image's user, as `fsGroup` does, and lets that user reach it. Nobody, where this run is not
    /// root's.
    fn handed_over(&self) -> Option<u32> {
        use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
        let run = self.ctx.run_folder();
        let is_root = std::fs::metadata(run).expect("a folder").uid() == 0;
        is_root.then(|| {
            std::fs::set_permissions(run, std::fs::Permissions::from_mode(0o711)).expect("a folder of this run");
            chown(&self.data, Some(IMAGE_USER), Some(IMAGE_USER)).expect("root gives away what it owns");
            IMAGE_USER
        })
    }
}

impl Watcher {
    /// A URL of the public listener.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.ports[0])
    }

    /// A URL of the private listener.
    pub(crate) fn admin_url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.ports[1])
    }

    /// The public port.
    pub(crate) fn port(&self) -> u16 {
        self.ports[0]
    }

    /// The private port.
    pub(crate) fn admin_port(&self) -> u16 {
        self.ports[1]
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Everything that it wrote so far, over all its starts.
    pub(crate) fn logs(&self) -> String {
        tail(&self.log, usize::MAX)
    }

    /// Until its log contains `text`.
    pub(crate) async fn wait_for_log(&self, text: &str) {
        eventually(&format!("the log says {text:?}"), async || self.logs().contains(text).then_some(())).await;
    }

    /// The exit status, when it ended.
    pub(crate) fn exited(&self) -> Option<ExitStatus> {
        self.process.exited()
    }

    /// Awaits the end.
    pub(crate) async fn wait(&self) -> ExitStatus {
        within("image-watcher ends", self.process.wait()).await
    }

    /// Pulls the plug.
    pub(crate) async fn kill9(&self) {
        self.process.signal("KILL");
        self.wait().await;
    }

    /// Asks it to end, as Kubernetes does, and awaits that.
    pub(crate) async fn terminate(&self) -> ExitStatus {
        self.process.signal("TERM");
        self.wait().await
    }

    /// Any signal, as `STOP` and `CONT`.
    pub(crate) fn signal(&self, signal: &str) {
        self.process.signal(signal);
    }

    /// Starts it again, on the same ports and the same data; ends it first when it still runs.
    pub(crate) async fn restart(&mut self) {
        if self.exited().is_none() {
            self.terminate().await;
        }
        self.setup.ports = Some(self.ports);
        (self.process, self.ports) = self.setup.launch(&self.log).await;
        self.connect();
    }

    /// Starts it again once it has ended, as the kubelet does, and waits for nothing: it may end before it is ready.
    pub(crate) async fn start_when_ended(&mut self) {
        self.process.wait().await;
        self.process = self.setup.spawn(self.ports, &self.log);
    }

    /// Changes a variable for the next [`Watcher::restart`].
    pub(crate) fn set_env(&mut self, key: &str, value: &str) {
        self.setup.env.insert(key.into(), value.into());
    }

    /// Its folder of data.
    pub(crate) fn data(&self) -> &Path {
        &self.setup.data
    }

    /// Resident memory, in bytes.
    pub(crate) fn rss(&self) -> u64 {
        self.memory("VmRSS:")
    }

    /// The most resident memory since its start, in bytes.
    pub(crate) fn peak_rss(&self) -> u64 {
        self.memory("VmHWM:")
    }

    fn memory(&self, what: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).expect("a running process");
        let line = status.lines().find_map(|line| line.strip_prefix(what)).expect("a resident size");
        line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") * 1024
    }

    /// The time that it spent on processors.
    pub(crate) fn cpu(&self) -> std::time::Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid())).expect("a running process");
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        // After the name: state is field 3 of proc(5), utime 14, stime 15, in ticks of a hundredth of a second.
        let ticks = |at: usize| fields[at - 3].parse::<u64>().expect("a number");
        std::time::Duration::from_millis((ticks(14) + ticks(15)) * 10)
    }

    /// The text of `/metrics`.
    pub(crate) async fn metrics(&self) -> String {
        self.send(Method::GET, &self.admin_url("/metrics"), &[], Vec::new()).await.body
    }

    /// The value of one series, written as in the text, as `jobs_total{outcome="done"}`.
    pub(crate) async fn metric(&self, series: &str) -> Option<f64> {
        value(&self.metrics().await, series)
    }

    /// A GET at the public listener.
    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.send(Method::GET, &self.url(path), &[], Vec::new()).await
    }

    /// A POST at the public listener.
    pub(crate) async fn post(&self, path: &str, headers: &[(&str, &str)], body: impl Into<Vec<u8>>) -> Reply {
        self.send(Method::POST, &self.url(path), headers, body.into()).await
    }

    /// A POST of a form, as a browser sends it.
    pub(crate) async fn post_form(&self, path: &str, fields: &[(&str, &str)]) -> Reply {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        self.post(path, &[("content-type", "application/x-www-form-urlencoded")], body).await
    }

    /// Any request to any URL; redirects are not followed.
    pub(crate) async fn send(&self, method: Method, url: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Reply {
        let request = self.setup.ctx.http().request(method, url).body(body);
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let answer = within(url, request.send()).await.expect("an answer");
        // Of those that are there several times, the first.
        let headers = answer.headers().keys().map(|name| (name, &answer.headers()[name]));
        Reply {
            status: answer.status().as_u16(),
            headers: headers
                .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
                .collect(),
            body: String::from_utf8_lossy(&answer.bytes().await.expect("a body")).into_owned(),
        }
    }

    fn connect(&self) {
        if self.setup.connected {
            let ctx = &self.setup.ctx;
            ctx.switchboard().connect(ctx.prefix(), &self.url("/webhooks/distribution"));
        }
    }
}

/// The program: that of this build, or the one that `IMAGE_WATCHER_TEST_BINARY` names, as the static one of the image.
pub(crate) fn program() -> PathBuf {
    let named = std::env::var_os("IMAGE_WATCHER_TEST_BINARY").filter(|path| !path.is_empty());
    named.map_or_else(|| env!("CARGO_BIN_EXE_image-watcher").into(), PathBuf::from)
}

fn path(path: &Path) -> &str {
    path.to_str().expect("a path of UTF-8")
}

/// The value of one series in a text of metrics.
pub(crate) fn value(text: &str, series: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.split(' ').next()?.parse().ok())
}
