//! One run: its shared peers, and the tests in parallel.

use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::pin::Pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use libtest_mimic::{Arguments, Completion, Failed, Trial};
use tokio::runtime::{Builder, Runtime};

use super::control_plane::ControlPlane;
use super::mail::MailServer;
use super::peers::Peers;
use super::registry::{Options, Registry};
use super::switchboard::Switchboard;
use super::{Ctx, diagnosis};

/// Tests at a time when nobody says otherwise. They mostly wait, so more than there are cores.
const AT_A_TIME: usize = 8;

/// A test that takes longer hangs; of those that somebody makes larger nobody knows.
const TEST_DEADLINE: Duration = Duration::from_secs(180);
const DEADLINE_OF_LARGE: Duration = Duration::from_secs(3 * 3600);

/// Marks the folder of a run that somebody wants to look at.
const KEPT: &str = "kept";

type Body = Box<dyn FnOnce(Ctx) -> Pin<Box<dyn Future<Output = ()>>> + Send>;

/// A test by name.
pub(crate) struct Test {
    name: String,
    body: Body,
}

/// What all tests share.
pub(crate) struct World {
    pub(crate) control_plane: ControlPlane,
    pub(crate) registry: Arc<Registry>,
    pub(crate) mail: Arc<MailServer>,
    pub(crate) switchboard: Switchboard,
    pub(crate) peers: Peers,
}

/// The tests of one file: `tests![this_happens, that_happens]`.
macro_rules! tests {
    ($($name:ident),* $(,)?) => {
        vec![$($crate::harness::run::Test::new(module_path!(), stringify!($name), |ctx| Box::pin($name(ctx)))),*]
    };
}
pub(crate) use tests;

impl Test {
    pub(crate) fn new(
        module: &str,
        name: &str,
        body: impl FnOnce(Ctx) -> Pin<Box<dyn Future<Output = ()>>> + Send + 'static,
    ) -> Self {
        let module = module.split_once("::").map_or(module, |(_, module)| module);
        Self { name: format!("{module}::{name}"), body: Box::new(body) }
    }
}

/// Runs what the command line selects; peers are started only when that is any.
pub(crate) fn run(tests: impl IntoIterator<Item = Test>) -> ExitCode {
    rustls::crypto::ring::default_provider().install_default().expect("the first provider");
    let mut arguments = Arguments::from_args();
    arguments.test_threads = arguments.test_threads.or(Some(AT_A_TIME));
    let world: Arc<std::sync::OnceLock<Arc<World>>> = Arc::default();
    let trials: Vec<_> = tests.into_iter().map(|test| trial(test, Arc::clone(&world))).collect();
    let selected = |trial: &Trial| !arguments.is_filtered_out(trial) && !arguments.is_ignored(trial);
    if arguments.list || !trials.iter().any(selected) {
        return libtest_mimic::run(&arguments, trials).exit_code();
    }

    let folder = folder();
    let runtime = Runtime::new().expect("a runtime");
    let started = runtime.block_on(World::start(Peers::locate(folder.path())));
    let _ = world.set(Arc::new(started));
    let conclusion = libtest_mimic::run(&arguments, trials);
    drop(world);
    runtime.shutdown_timeout(Duration::from_secs(1));
    if std::env::var("IMAGE_WATCHER_TEST_KEEP").is_ok_and(|keep| keep == "1") {
        let _ = std::fs::write(folder.path().join(KEPT), "");
        eprintln!("logs and state of this run: {}", folder.keep().display());
    }
    conclusion.exit_code()
}

/// Starts the peers for one program that is no test (the demo, a benchmark), runs it until it ends or Ctrl-C is
/// pressed, and leaves nothing behind.
pub(crate) fn stand_alone(name: &str, body: impl AsyncFnOnce(Ctx)) -> ExitCode {
    rustls::crypto::ring::default_provider().install_default().expect("the first provider");
    let folder = folder();
    let runtime = Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let world = Arc::new(World::start(Peers::locate(folder.path())).await);
        let ctx = Ctx::new(world, name).await;
        tokio::select! {
            () = body(ctx) => {}
            _ = tokio::signal::ctrl_c() => eprintln!("\nending everything"),
        }
    });
    runtime.shutdown_timeout(Duration::from_secs(1));
    ExitCode::SUCCESS
}

/// The same for a benchmark, which does nothing where it is only built: `cargo test` runs it with `--test`.
pub(crate) fn benchmark(name: &str, body: impl AsyncFnOnce(Ctx)) -> ExitCode {
    if std::env::args().any(|argument| argument == "--test") { ExitCode::SUCCESS } else { stand_alone(name, body) }
}

/// The folder of this run. A run that was killed could not remove its own, so the next one does.
fn folder() -> tempfile::TempDir {
    const PREFIX: &str = "image-watcher-it-";
    let siblings = std::fs::read_dir(std::env::temp_dir()).into_iter().flatten().flatten();
    for sibling in siblings {
        let name = sibling.file_name();
        let run = name.to_str().and_then(|name| name.strip_prefix(PREFIX)?.split_once('-'));
        let over = run.is_some_and(|(pid, _)| !Path::new("/proc").join(pid).exists());
        if over && !sibling.path().join(KEPT).exists() {
            let _ = std::fs::remove_dir_all(sibling.path());
        }
    }
    let prefix = format!("{PREFIX}{}-", std::process::id());
    tempfile::Builder::new().prefix(&prefix).tempdir().expect("a temporary folder")
}

impl World {
    async fn start(peers: Peers) -> Self {
        let switchboard = Switchboard::start();
        let options = Options { notify: Some(switchboard.url()), ..Options::default() };
        let (control_plane, registry, mail) =
            tokio::join!(ControlPlane::start(&peers), Registry::start(&peers, &options), MailServer::start(&peers));
        Self { control_plane, registry: Arc::new(registry), mail: Arc::new(mail), switchboard, peers }
    }
}

fn trial(test: Test, world: Arc<std::sync::OnceLock<Arc<World>>>) -> Trial {
    let Test { name, body } = test;
    Trial::ignorable_test(name.clone(), move || {
        let world = Arc::clone(world.get().expect("peers are started before tests"));
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
        let ctx = runtime.block_on(Ctx::new(world, &name));
        let test = async {
            let is_large = std::env::var_os("IMAGE_WATCHER_TEST_PUSHES").is_some();
            let deadline = if is_large { DEADLINE_OF_LARGE } else { TEST_DEADLINE };
            let done = tokio::time::timeout(deadline, body(ctx.clone())).await;
            assert!(done.is_ok(), "hangs: not done within {deadline:?}");
        };
        let outcome = std::panic::catch_unwind(AssertUnwindSafe(|| runtime.block_on(test)));
        let ended = |()| ctx.skipped().map_or(Completion::Completed, Completion::ignored_with);
        let verdict = outcome.map(ended).map_err(|panic| {
            let logs = ctx.logs();
            let report = diagnosis::report(ctx.client(), ctx.namespace(), &logs);
            Failed::from(format!("{}\n{}", message(panic.as_ref()), runtime.block_on(report)))
        });
        drop(ctx);
        runtime.shutdown_timeout(Duration::from_secs(1));
        verdict
    })
}

fn message(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic without a message")
}
