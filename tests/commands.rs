//! The command line as programs see it: one exit status for each thing that can come of a command, data on standard output, and
//! no escape sequence where nobody looks. What takes a cluster is in `tests/it`.
#![expect(clippy::unwrap_used, reason = "a test")]

use std::io::Write as _;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output, Stdio};

const KUBECONFIG: &str = "apiVersion: v1\nkind: Config\ncurrent-context: c\nclusters: [{name: c, cluster: {server: 'http://127.0.0.1:PORT'}}]\n\
    contexts: [{name: c, context: {cluster: c, user: u}}]\nusers: [{name: u, user: {}}]\n";
const KEEL: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, labels: {keel.sh/policy: minor}}\n\
    spec: {template: {spec: {containers: [{name: web, image: 'web:1.0.0'}]}}}\n";
const BROKEN: &str =
    "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec: {containers: [{name: web, image: 'UPPER:1'}]}\n";

/// The program, where there is no cluster and no service.
fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_image-watcher"));
    command.args(arguments).env_clear().env("KUBECONFIG", "/nowhere/kubeconfig").env("TERM", "xterm-256color");
    command.env("ADMIN_PORT", "1").env("IMAGE_WATCHER_DATA", "/nowhere/data").env("NODE_ENV", "development");
    command
}

fn run(command: &mut Command, input: &str) -> Output {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // Who needs no input may be gone.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

fn told(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// What a command line with this input ends with.
const CODES: &[(&[&str], &str, i32)] = &[
    (&["--help"], "", 0),
    (&["--version"], "", 0),
    (&["chekc"], "", 2),
    (&["--color", "sometimes", "man"], "", 2),
    (&["serve", "--wet-run"], "", 2),
    (&["check", "-"], "", 1),
    (&["check", "-"], BROKEN, 1),
    (&["check"], "", 1),
    (&["check", "/nowhere/all.yaml"], "", 2),
    (&["check", "-", "-A"], "", 2),
    (&["check", "-", "-l", "app=web"], "", 2),
    (&["check", "--every", "1m"], "", 2),
    (&["check", "--watch", "--every", "1s"], "", 2),
    (&["check", "--as-group", "dev"], "", 2),
    (&["explain", "--image", "web:1.0.0", "--tags", "-"], "1.0.0\n1.1.0\n", 0),
    (&["explain", "--image", "web:1.0.0", "--tags", "/nowhere/tags"], "", 1),
    (&["explain", "deploy/web"], "", 1),
    (&["explain", "job/web"], "", 2),
    (&["explain"], "", 2),
    (&["history", "deploy/web"], "", 1),
    (&["history", "deploy", "web", "--request-timeout", "soon"], "", 2),
    (&["history", "web"], "", 2),
    (&["approve", "deploy/web", "--yes"], "", 1),
    (&["approve"], "", 2),
    (&["skip", "deploy/web", "--yes"], "", 1),
    (&["skip", "web"], "", 2),
    (&["snooze", "deploy/web", "--yes"], "", 1),
    (&["snooze", "deploy/web", "--for", "7d", "--clear"], "", 2),
    (&["snooze", "deploy/web", "--for", "91d"], "", 2),
    (&["rollback", "deploy/web", "--yes"], "", 1),
    (&["rollback", "deploy/web", "--to", "1.0", "--entry", "2"], "", 2),
    (&["resume", "deploy/web", "--yes"], "", 1),
    (&["resume"], "", 2),
    (&["look", "--all"], "", 1),
    (&["look"], "", 2),
    (&["brake"], "", 1),
    (&["brake", "on"], "", 2),
    (&["deliveries"], "", 1),
    (&["deliveries", "--state", "lost"], "", 2),
    (&["deliveries", "retry"], "", 2),
    (&["deliveries", "discard"], "", 2),
    (&["notify-test", "nobody"], "", 1),
    (&["notify-test", "--wet-run"], "", 2),
    (&["doctor"], "", 1),
    (&["doctor", "-o", "xml"], "", 2),
    (&["policy"], "{\"id\":1,\"current\":\"1.0.0\",\"tags\":[\"1.1.0\"]}\nx\n", 0),
    (&["policy", "x"], "", 2),
    (&["notes"], "{\"id\":1,\"from\":\"1\",\"to\":\"2\",\"notes\":[]}\n", 0),
    (&["notes"], "x\n", 1),
    (&["notes", "x"], "", 2),
    (&["hash-password"], "a long password", 0),
    (&["hash-password"], "short", 2),
    (&["new-token"], "", 0),
    (&["new-token", "x"], "", 2),
    (&["webhook", "/nowhere/a.meta.json"], "", 1),
    (&["webhook"], "", 2),
    (&["version"], "", 0),
    (&["completion", "tcsh"], "", 2),
    (&["completion", "zsh"], "", 0),
    (&["migrate", "keel", "-f", "-"], KEEL, 0),
    (&["migrate", "keel", "-f", "-"], "", 1),
    (&["migrate", "watchtower"], "", 2),
];

#[test]
fn each_command_ends_as_its_help_says() {
    let mut wrong = Vec::new();
    for &(arguments, input, code) in CODES {
        let output = run(&mut program(arguments), input);
        if output.status.code() != Some(code) {
            wrong.push(format!("{arguments:?}: {} and not {code}: {}", output.status, told(&output)));
        }
        if told(&output).contains('\u{1b}') {
            wrong.push(format!("{arguments:?}: an escape sequence: {}", told(&output)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_wrong_configuration_is_78_wherever_it_is_read() {
    let read: [&[&str]; 16] = [
        &[],
        &["serve"],
        &["check", "-"],
        &["explain", "deploy/web"],
        &["history", "deploy/web"],
        &["approve", "deploy/web"],
        &["skip", "deploy/web"],
        &["snooze", "deploy/web"],
        &["rollback", "deploy/web"],
        &["resume", "deploy/web"],
        &["look", "--all"],
        &["brake"],
        &["deliveries"],
        &["notify-test"],
        &["doctor"],
        &["version"],
    ];
    for arguments in read {
        let output = run(program(arguments).env("IMAGE_WATCHER_MODE", "SOMETIMES"), "");
        assert_eq!(output.status.code(), Some(78), "{arguments:?}: {}", told(&output));
        assert!(output.stdout.is_empty() && told(&output).contains("IMAGE_WATCHER_MODE"), "{}", told(&output));
    }
}

#[test]
fn colours_are_asked_for_or_left_out() {
    let explain = ["explain", "--image", "web:1.0.0", "--tags", "-"];
    let of = |more: &[&str], name: &str, value: &str| {
        let arguments: Vec<&str> = explain.iter().chain(more).copied().collect();
        run(program(&arguments).env(name, value), "1.0.0\n1.1.0\n")
    };
    let painted = of(&["--color", "always"], "NO_COLOR", "1");
    assert!(told(&painted).contains("\u{1b}[32mtaken\u{1b}[0m"), "{}", told(&painted));
    for plain in [
        of(&[], "TERM", "xterm"),
        of(&["--color", "never"], "TERM", "xterm"),
        of(&["-o", "json", "--color", "always"], "TERM", "xterm"),
    ] {
        assert!(!told(&plain).contains('\u{1b}'), "{}", told(&plain));
    }
    let ascii = of(&[], "LC_ALL", "C");
    assert!(told(&ascii).is_ascii(), "{}", told(&ascii));
}

#[test]
fn as_a_plugin_of_kubectl_it_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let plugin = folder.path().join("kubectl-image_watcher");
    std::os::unix::fs::symlink(Path::new(env!("CARGO_BIN_EXE_image-watcher")), &plugin).unwrap();
    let of = |arguments: &[&str]| told(&run(Command::new(&plugin).args(arguments), ""));
    assert!(of(&["--help"]).contains("Usage: kubectl image-watcher [OPTIONS] [COMMAND]"), "{}", of(&["--help"]));
    let check = of(&["check", "--help"]);
    assert!(check.contains("Usage: kubectl image-watcher check [OPTIONS]"), "{check}");
    assert!(
        check.contains("  kubectl image-watcher check -A\n") && check.contains("| kubectl image-watcher check -"),
        "{check}"
    );
    assert!(of(&["explain"]).contains("Usage: kubectl image-watcher explain"), "{}", of(&["explain"]));
}

#[test]
fn ctrl_c_ends_a_command_that_waits_with_130() {
    let folder = tempfile::tempdir().unwrap();
    let kubeconfig = folder.path().join("kubeconfig");
    for arguments in
        [&["history", "deploy/web"][..], &["check", "-A"], &["approve", "deploy/web", "--yes"], &["check", "-w"]]
    {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port().to_string();
        std::fs::write(&kubeconfig, KUBECONFIG.replace("PORT", &port)).unwrap();
        let mut command = program(arguments);
        let child =
            command.env("KUBECONFIG", &kubeconfig).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = child.spawn().unwrap();
        // It has asked, and gets no answer.
        let _connection = listener.accept().unwrap();
        let interrupted = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
        assert!(interrupted.success());
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(130), "{arguments:?}: {}", told(&output));
        assert!(output.stdout.is_empty() && told(&output).contains("interrupted"), "{}", told(&output));
    }
}

/// Shells take what is printed as it is meant.
#[test]
fn what_migrate_prints_is_run_by_a_shell() {
    let printed = run(&mut program(&["migrate", "keel", "-f", "-"]), KEEL);
    let script = format!("kubectl() {{ echo \"$@\"; }}\n{}", String::from_utf8(printed.stdout).unwrap());
    let output = Command::new("sh").args(["-c", &script]).output().unwrap();
    let lines = String::from_utf8(output.stdout).unwrap();
    let expected = "annotate --overwrite deploy/web image-watcher/mode=AUTO_UPDATE image-watcher/strategy=MINOR\n\
                    label deploy/web keel.sh/policy-\n";
    assert_eq!(lines, expected);
}
