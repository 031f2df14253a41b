//! Every script has all there is, and real shells do what they say, where they are installed.

use std::process::Command as Process;

use clap::CommandFactory as _;

use super::*;
use crate::cli::Cli;

fn of(shell: Shell) -> String {
    script(shell, &mut Cli::command())
}

#[test]
fn each_script_has_every_command_and_flag() {
    let mut command = Cli::command();
    command.build();
    let mut places = Vec::new();
    place(&command, "", &mut places);
    for shell in Shell::value_variants() {
        let script = of(*shell);
        assert!(
            !script.contains('@')
                || *shell == Shell::Bash
                || script.replace("@(", "").replace("@{", "").replace("[@]", "").find('@').is_none(),
            "{shell:?}"
        );
        for place in &places {
            for (name, _) in &place.commands {
                assert!(script.contains(name), "{shell:?}: {name}");
            }
            for Flag { long, .. } in &place.flags {
                let flag = if *shell == Shell::Fish { format!("-l {long}") } else { format!("--{long}") };
                assert!(script.contains(&flag), "{shell:?}: {flag}");
            }
        }
    }
}

/// What Bash offers at the end of a line, in a folder with a kubectl that names three things.
fn offered(line: &str, kubectl: &str) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("script"), of(Shell::Bash)).unwrap();
    let words: Vec<String> = line.split(' ').map(|word| format!("'{word}'")).collect();
    let program = format!(
        "kubectl() {{ {kubectl}; }}\nsource ./script\nCOMP_WORDS=({}); COMP_CWORD={}\n_image_watcher\nprintf '%s\\n' \"${{COMPREPLY[@]}}\"",
        words.join(" "),
        words.len() - 1
    );
    let output = Process::new("bash").args(["--norc", "-c", &program]).current_dir(folder.path()).output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

#[test]
fn bash_completes_commands_flags_values_and_names() {
    const NONE: &str = "echo 'no such host' >&2; return 1";
    assert_eq!(offered("image-watcher che", NONE), ["check"]);
    assert_eq!(offered("image-watcher check --sel", NONE), ["--selector"]);
    assert_eq!(offered("image-watcher check -o ya", NONE), ["yaml"]);
    assert_eq!(offered("image-watcher completion ", NONE)[..4], ["bash", "zsh", "fish", "powershell"]);
    assert_eq!(offered("image-watcher deliveries ret", NONE), ["retry"]);
    assert_eq!(offered("image-watcher deliveries retry --cha", NONE), ["--channel"]);
    assert!(offered("image-watcher check --every ", NONE).is_empty(), "nobody can list times");
    let names = "case \"$*\" in \
        '--context c get namespaces -o name --request-timeout=2s') echo namespace/shop; echo namespace/shelf; echo namespace/ops ;; \
        '-n shop get deployments'*) echo deployment.apps/web; echo statefulset.apps/db; echo cronjob.batch/nightly ;; \
        'config get-contexts -o name') echo prod ;; esac";
    assert_eq!(offered("image-watcher check --context c -n sh", names), ["shop", "shelf"]);
    let workloads = offered("image-watcher approve -n shop ", names);
    assert_eq!(workloads[..3], ["deploy/web", "sts/db", "cj/nightly"]);
    assert_eq!(offered("image-watcher explain -n shop st", names), ["sts/db"]);
    assert_eq!(offered("image-watcher check --context ", names), ["prod"]);
    assert!(offered("image-watcher check -n ", NONE).is_empty(), "silent where the cluster does not answer");
}

#[test]
fn bash_reads_its_script_without_a_word() {
    let output = Process::new("bash").args(["-n", "-c", &of(Shell::Bash)]).output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
}
