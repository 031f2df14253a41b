//! What a release is made of, as far as it is known without building one: scripts/release builds, starts and compares it.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test")]

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn text(path: &str) -> String {
    std::fs::read_to_string(project(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn the_image_is_a_binary_of_nobody_and_says_what_it_is() {
    let file = text("Dockerfile");
    let release = file.split("FROM scratch AS release").nth(1).unwrap();
    for label in ["title", "description", "licenses", "version", "revision", "source", "created"] {
        assert!(release.contains(&format!("org.opencontainers.image.{label}=")), "{label}");
    }
    for line in ["USER 65532:65532", "ENTRYPOINT [\"/image-watcher\"]", "VOLUME /data"] {
        assert!(release.lines().any(|there| there == line), "{line}");
    }
    assert_eq!(release.matches("COPY ").count(), 1, "there is one file in it");
    assert!(!release.contains("RUN "), "nothing runs in it, so it is made for any architecture on any");
    let script = text("scripts/release");
    for word in
        ["x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu", "--timestamp \"$SOURCE_DATE_EPOCH\"", "most=$((20 * "]
    {
        assert!(script.contains(word), "{word}");
    }
}

/// The list of parts, as it is made of one moment.
fn parts(triples: &[&str]) -> String {
    let mut script = Command::new(project("scripts/sbom"));
    let script = script.args(triples).env("SOURCE_DATE_EPOCH", "1767225600").current_dir(project(""));
    let output = script.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_list_of_parts_has_every_crate_with_its_licence_and_hash() {
    if Command::new("python3").arg("--version").output().is_err() {
        eprintln!("skipped: there is no python3 on this machine, which writes the list");
        return;
    }
    let triples = ["x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu"];
    let list = parts(&triples);
    assert!(list == parts(&triples), "the same commit has the same list");
    let list: Value = serde_json::from_str(&list).unwrap();
    assert_eq!((&list["bomFormat"], &list["specVersion"]), (&json!("CycloneDX"), &json!("1.5")));
    assert_eq!(list["metadata"]["component"]["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(list["metadata"]["timestamp"], "2026-01-01T00:00:00Z");
    let components = list["components"].as_array().unwrap();
    let named = |name: &str| components.iter().any(|one| one["name"] == name);
    assert!(["tokio", "rustls", "ring", "libsqlite3-sys", "kube"].into_iter().all(named));
    assert!(!["insta", "tempfile", "proptest"].into_iter().any(named), "what only tests use is no part of it");
    for one in components {
        let has_licence = one["licenses"].as_array().is_some_and(|all| !all.is_empty());
        let has_hash = one["hashes"].as_array().is_some_and(|all| !all.is_empty());
        // What stands in this tree is fetched from nowhere.
        let is_of_this_tree = one["version"].as_str().is_some_and(|version| version.ends_with("+image-watcher"));
        assert!(has_licence && has_hash != is_of_this_tree, "{one}");
    }
}

#[test]
fn the_chart_is_laid_out_as_helm_pushes_one() {
    let is_here = |tool: &str| Command::new(tool).arg("--version").output().is_ok();
    if !is_here("python3") || !is_here("tar") {
        eprintln!("skipped: there is no python3, or no tar, on this machine");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let packed = folder.path().join("chart.tgz");
    let mut pack = Command::new("tar");
    pack.args(["--transform", "s#^chart#image-watcher#", "-czf"]).arg(&packed);
    let pack = pack.args(["-C", "deploy", "chart"]).current_dir(project("")).output().unwrap();
    assert!(pack.status.success(), "{}", String::from_utf8_lossy(&pack.stderr));
    let laid_out = |name: &str| {
        let out = folder.path().join(name);
        let mut script = Command::new(project("scripts/chart-oci"));
        let output = script.arg(&packed).arg(&out).env("SOURCE_DATE_EPOCH", "1767225600").output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        (String::from_utf8(output.stdout).unwrap().trim().to_owned(), std::fs::read(&out).unwrap())
    };
    let ((digest, archive), again) = (laid_out("one.tar"), laid_out("two.tar"));
    assert!((&digest, &archive) == (&again.0, &again.1), "the same chart is the same artefact");
    let tree = folder.path().join("tree");
    std::fs::create_dir(&tree).unwrap();
    let unpack =
        Command::new("tar").arg("-xf").arg(folder.path().join("one.tar")).arg("-C").arg(&tree).status().unwrap();
    assert!(unpack.success());
    let json = |path: &str| -> Value { serde_json::from_slice(&std::fs::read(tree.join(path)).unwrap()).unwrap() };
    let blob = |digest: &Value| format!("blobs/sha256/{}", digest.as_str().unwrap().strip_prefix("sha256:").unwrap());
    let root = &json("index.json")["manifests"][0];
    assert_eq!((&root["digest"], json("oci-layout")["imageLayoutVersion"].as_str()), (&json!(digest), Some("1.0.0")));
    assert_eq!(root["annotations"]["org.opencontainers.image.ref.name"], env!("CARGO_PKG_VERSION"));
    let manifest = json(&blob(&root["digest"]));
    assert_eq!(manifest["config"]["mediaType"], "application/vnd.cncf.helm.config.v1+json");
    let [layer] = &manifest["layers"].as_array().unwrap()[..] else { panic!("the chart alone") };
    assert_eq!(layer["mediaType"], "application/vnd.cncf.helm.chart.content.v1.tar+gzip");
    assert!(std::fs::read(tree.join(blob(&layer["digest"]))).unwrap() == std::fs::read(&packed).unwrap());
    let chart: Value = serde_saphyr::from_str(&text("deploy/chart/Chart.yaml")).unwrap();
    assert_eq!(json(&blob(&manifest["config"]["digest"])), chart, "all that Chart.yaml says");
    assert_eq!(manifest["annotations"]["artifacthub.io/license"], "Apache-2.0");
}

#[test]
fn every_name_of_the_version_is_the_same() {
    let version = env!("CARGO_PKG_VERSION");
    let chart: Value = serde_saphyr::from_str(&text("deploy/chart/Chart.yaml")).unwrap();
    assert_eq!((&chart["version"], &chart["appVersion"]), (&json!(version), &json!(version)));
    let images = chart["annotations"]["artifacthub.io/images"].as_str().unwrap();
    assert!(images.contains(&format!("image-watcher:{version}")), "{images}");
    assert!(text("Dockerfile").contains(&format!("ARG VERSION={version}")), "Dockerfile");
    assert!(text("deploy/install.yaml").contains(&format!("image: image-watcher:{version}")), "deploy/install.yaml");
    let changes = text("CHANGELOG.md");
    let newest = changes.split("\n## ").nth(1).unwrap();
    assert!(newest.starts_with("Unreleased") || newest.contains(version), "CHANGELOG.md begins with this version");
    assert!(
        newest.find("### Upgrade notes").unwrap() < newest.find("### Added").unwrap_or(usize::MAX),
        "they come first"
    );
}
