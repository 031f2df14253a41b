//! Manifests of other tools, before and after.

use super::*;

/// What is printed of a text of manifests, and what is said of it.
fn told(from: Tool, text: &str, output: Output) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("all.yaml");
    std::fs::write(&file, text).unwrap();
    let (subjects, unread) = of_files(&[file]).unwrap();
    let bounds = Bounds::default();
    let items = subjects.into_iter().filter_map(|subject| {
        let plan = subject.plan(from, &bounds)?;
        Some((subject, plan))
    });
    let report = Report { from, items: items.collect(), unread };
    crate::cli::schemas::conforms(&report.print(Output::Json));
    format!("{}{}", report.print(output), report.summary())
}

fn deployment(name: &str, labels: &str, annotations: &str) -> String {
    format!(
        "---\napiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: {name}\n  namespace: shop\n  labels: {{{labels}}}\n  \
         annotations: {{{annotations}}}\nspec:\n  template:\n    spec:\n      initContainers: [{{name: prepare, image: 'prepare:1.0.0'}}]\n      \
         containers: [{{name: {name}, image: '{name}:1.0.0'}}, {{name: log, image: 'log:2.0.0'}}]\n"
    )
}

#[test]
fn what_keel_looks_after() {
    let text = [
        deployment(
            "minor",
            "keel.sh/policy: minor, app: minor",
            "keel.sh/trigger: poll, keel.sh/pollSchedule: '@every 5m'",
        ),
        deployment(
            "asked",
            "",
            "keel.sh/policy: major, keel.sh/approvals: '2', keel.sh/approvalDeadline: '48', keel.sh/initContainers: 'true'",
        ),
        deployment(
            "forced",
            "",
            "keel.sh/policy: force, keel.sh/match-tag: 'true', keel.sh/monitorContainers: '^forced$'",
        ),
        deployment(
            "any",
            "",
            "keel.sh/policy: force, keel.sh/notify: dev, keel.sh/releaseNotes: 'https://example.com/notes'",
        ),
        deployment("pattern", "", "keel.sh/policy: 'glob:build-*', keel.sh/imagePullSecret: registry"),
        deployment("newest", "", "keel.sh/policy: 'newest:^main-', keel.sh/digest: 'sha256:1'"),
        deployment("never", "", "keel.sh/policy: never"),
        deployment("odd", "", "keel.sh/policy: sometimes"),
        deployment("ahead", "", "keel.sh/policy: 'regexp:^(?=x)'"),
        deployment("foreign", "", "other/policy: minor"),
    ];
    insta::assert_snapshot!(told(Tool::Keel, &text.concat(), Output::Commands));
}

#[test]
fn what_keel_looks_after_as_patches_and_as_a_document() {
    let text = deployment("web", "keel.sh/policy: patch", "keel.sh/approvals: '1', keel.sh/matchPreRelease: 'false'");
    let told = [Output::Patch, Output::Json].map(|output| told(Tool::Keel, &text, output));
    insta::assert_snapshot!(told.join("\n──\n\n"));
}

#[test]
fn what_the_original_looks_after() {
    let text = [
        deployment(
            "all",
            "",
            "image-watcher/mode: AUTO_UPDATE, image-watcher/strategy: MINOR, image-watcher/token-update: abc, image-watcher/last-notified-version: 1.1.0",
        ),
        deployment("bare", "", "image-watcher/watch: 'true'"),
        deployment("off", "", "image-watcher/watch: 'false', image-watcher/mode: AUTO_UPDATE"),
        deployment("ours", "", "image-watcher/mode: AUTO_UPDATE, image-watcher/record: v1"),
    ];
    insta::assert_snapshot!(told(Tool::Original, &text.concat(), Output::Commands));
}

/// It is installed before anybody migrates: then its record stands beside what it does not understand.
#[test]
fn what_the_original_looks_after_is_found_beside_our_record() {
    let text = deployment(
        "both",
        "",
        "image-watcher/watch: 'true', image-watcher/strategy: MINOR, image-watcher/record: v1, image-watcher/token-update: ours",
    );
    let told = told(Tool::Original, &text, Output::Commands);
    assert!(told.contains("image-watcher/mode=NOTIFICATION") && told.contains("image-watcher/watch-"), "{told}");
    assert!(!told.contains("token-update"), "that one is ours: {told}");
    assert!(told.contains("1 workload of the original"), "{told}");
}

#[test]
fn what_wud_looks_after() {
    let text = [
        deployment(
            "web",
            "wud.watch: 'true'",
            "getwud.app/tag.include: '^1\\.\\d+\\.\\d+$', getwud.app/link.template: 'https://example.com/v${major}.${minor}.${patch}', getwud.app/display.name: Web",
        ),
        deployment(
            "digest",
            "",
            "wud/watch.digest: 'true', wud/watch.log: 'false', wud/tag.transform: 'x => y', wud/trigger.include: slack",
        ),
        deployment(
            "off",
            "",
            "getwud.app/watch: 'false', getwud.app/link.template: 'https://example.com/${suffix}', getwud.app/tag.delay: 3d",
        ),
    ];
    insta::assert_snapshot!(told(Tool::Wud, &text.concat(), Output::Commands));
}

#[test]
fn where_there_is_nothing_it_says_so() {
    assert_eq!(
        told(Tool::Keel, &deployment("web", "", ""), Output::Commands),
        "Nothing that Keel looks after was found.\n"
    );
}

/// What is printed is taken by a shell as it is meant, whatever stands in it.
#[test]
fn a_shell_takes_each_word_as_one() {
    let text = deployment("web", "", "keel.sh/policy: \"regexp:^it's $(date) `x` \\\\d+$\"");
    let printed = told(Tool::Keel, &text, Output::Commands);
    let program = format!("kubectl() {{ printf '%s\\n' \"$@\"; }}\n{printed}");
    let program = program.lines().filter(|line| !line.contains("workload of Keel")).collect::<Vec<_>>().join("\n");
    let output = std::process::Command::new("sh").args(["-c", &program]).output().unwrap();
    let words = String::from_utf8(output.stdout).unwrap();
    assert!(
        words.lines().any(|word| word == r"image-watcher/tag-policy=regex:^it's $(date) `x` \d+$"),
        "{words}\n{printed}"
    );
}

/// Who migrates runs what is printed, and files come from anybody.
#[test]
fn what_a_file_calls_itself_is_never_run() {
    let text = deployment("web", "", "keel.sh/policy: minor");
    assert!(told(Tool::Keel, &text, Output::Commands).contains("kubectl -n shop annotate --overwrite deploy/web"));
    let named = |from: &str, to: &str| text.replacen(from, to, 1);
    let odd = [
        named("name: web", "name: \"web\\ntouch /pwned #\""),
        named("namespace: shop", "namespace: $(touch /pwned)"),
        named("namespace: shop", "namespace: \"shop\\rx\""),
        named("apiVersion: apps/v1", "apiVersion: \"apps/v1\\nx: y\""),
    ];
    for text in odd {
        for output in [Output::Commands, Output::Patch] {
            let printed = told(Tool::Keel, &text, output);
            assert!(!printed.contains("kubectl") && !printed.contains("metadata:"), "{text}\n{printed}");
        }
    }
}
