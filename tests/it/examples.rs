//! What documents tell people to write: the examples, and the settings that pages for who moves here recommend.

use crate::harness::Ctx;
use crate::harness::chart::{Shell, project};
use crate::harness::objects::WorkloadBuilder;
use crate::harness::run::{Test, tests};

pub(crate) fn tests() -> Vec<Test> {
    tests![every_example_is_understood]
}

/// The settings that the pages for who moves here recommend, each for a workload of its own. What stands for a name of
/// somebody's own is left out.
fn recommended() -> Vec<Vec<(String, String)>> {
    let entries =
        std::fs::read_dir(project("docs/migration")).expect("pages").map(|entry| entry.expect("a page").path());
    let pages: Vec<String> = entries.map(|page| std::fs::read_to_string(page).expect("a page")).collect();
    let spans =
        pages.iter().flat_map(|page| page.split('`').skip(1).step_by(2)).filter(|span| !span.contains(['…', '\n']));
    let pairs = spans.filter_map(|span| span.split_once(": "));
    let is_setting = |name: &str| {
        name.strip_prefix("image-watcher/").is_some_and(|name| name.chars().all(|c| c.is_ascii_lowercase() || c == '-'))
    };
    let others = ["image-watcher/watch", "image-watcher/notify"];
    let pairs = pairs.filter(|(name, _)| is_setting(name) && !others.contains(name));
    let unquoted = |value: &str| value.trim_matches('"').replace("\\|", "|");
    pairs
        .map(|(name, value)| {
            let mut all = vec![(name.to_owned(), unquoted(value))];
            if name == "image-watcher/tag-order" {
                all.push(("image-watcher/tag-policy".into(), "glob:*".into()));
            }
            all
        })
        .collect()
}

/// Manifests are admitted, and their settings are understood; the file and the values are what is read.
async fn every_example_is_understood(ctx: Ctx) {
    let entries = std::fs::read_dir(project("examples")).expect("examples").map(|entry| entry.expect("a file").path());
    let files: Vec<_> = entries.filter(|path| path.extension().is_some_and(|end| end == "yaml")).collect();
    let mut applied = 0;
    for file in files.iter().filter(|file| !file.ends_with("config.yaml") && !file.ends_with("values.yaml")) {
        let text = std::fs::read_to_string(file).expect("a file");
        ctx.apply(&text).await;
        applied += text.split("\n---\n").count();
    }
    for (number, annotations) in recommended().into_iter().enumerate() {
        let workload =
            ctx.deployment(&format!("recommended-{number}")).container("web", "registry.example.com/shop/web:1.2.3");
        let annotate = |workload: WorkloadBuilder, (name, value): &(String, String)| workload.annotation(name, value);
        annotations.iter().fold(workload, annotate).create().await;
        applied += 1;
    }
    let doctor = ctx.watcher().mail().output(&["doctor"]).await;
    let understood = format!("the settings of {applied} workloads are understood");
    assert!(applied >= 30 && doctor.stdout.contains(&understood), "{understood}: {}{}", doctor.stdout, doctor.stderr);

    let secret = ctx.file("secret", "s3cret-of-a-test-of-some-length");
    let config = std::fs::read_to_string(project("examples/config.yaml")).expect("a file");
    let secret = secret.to_str().expect("a path of letters");
    let config = config.replace("/etc/hooks/harbor", secret).replace("/etc/channels/ntfy", secret);
    let file = ctx.file("config.yaml", &config);
    let watcher =
        ctx.watcher().env("IMAGE_WATCHER_CONFIG", file.to_str().expect("a path of letters")).without("BASE_URL");
    let doctor = watcher.output(&["doctor"]).await;
    assert!(doctor.stdout.contains("harbor takes deliveries at"), "{}{}", doctor.stdout, doctor.stderr);

    if let Some(shell) = Shell::with(&ctx, &[("helm", "helm-4")]) {
        let rendered = shell.run("helm template iw deploy/chart -n image-watcher -f examples/values.yaml").await.good();
        assert!(rendered.contains("kind: Ingress") && !rendered.contains("kind: ClusterRole\n"), "{rendered}");
    }
}
