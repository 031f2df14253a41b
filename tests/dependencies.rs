//! What is compiled in: licences, sources, bans, version floors, duplicates. Read from `cargo metadata`, so that no
//! other tool is needed.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde_json::Value;

/// Licences that fit Apache-2.0; an expression fits when one of its alternatives is made of these.
const LICENCES: [&str; 13] = [
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "MIT",
    "MIT-0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "0BSD",
    "Zlib",
    "Unicode-3.0",
    "CDLA-Permissive-2.0",
    "Unlicense",
    "BSL-1.0",
];

/// Never: another TLS stack, another hand's RSA or Ed25519, unsound or unmaintained crates.
const BANNED: [&str; 15] = [
    "rsa",
    "ed25519-dalek",
    "curve25519-dalek",
    "openssl",
    "openssl-sys",
    "native-tls",
    "aws-lc-rs",
    "aws-lc-sys",
    "serde_yml",
    "serde_yaml",
    "yaml-rust",
    "fxhash",
    "backoff",
    "instant",
    "derivative",
];

/// Older versions have open advisories, or are a generation behind. A crate that is not there is fine.
const FLOORS: [(&str, &str); 17] = [
    ("async-nats", "0.29.0"),
    ("jsonwebtoken", "11.1.0"),
    ("hmac", "0.13.0"),
    ("sha1", "0.11.0"),
    ("sha2", "0.11.0"),
    ("h2", "0.4.16"),
    ("rustls", "0.23.18"),
    ("rustls-webpki", "0.103.13"),
    ("tokio", "1.44.2"),
    ("bytes", "1.11.1"),
    ("time", "0.3.47"),
    ("tracing-subscriber", "0.3.20"),
    ("lettre", "0.11.22"),
    ("idna", "1.0.0"),
    ("slab", "0.4.11"),
    ("ring", "0.17.12"),
    ("crossbeam-channel", "0.5.15"),
];

/// Two versions of one crate, each with the reason that will end it.
const TOLERATED: [(&str, &str); 10] = [
    ("base64", "lettre, reqwest and jsonwebtoken are behind"),
    ("getrandom", "ring is behind"),
    ("hashbrown", "indexmap is one ahead of lru and others"),
    ("http", "actix-web is on 0.2, hyper on 1"),
    ("rand", "opentelemetry_sdk is one behind async-nats"),
    ("rand_core", "opentelemetry_sdk has one; the other is of a feature of signature that we build without"),
    ("syn", "derive macros are between 2 and 3"),
    ("tower-http", "kube is one ahead of reqwest"),
    ("r-efi", "of no target that we build for"),
    ("wit-bindgen", "of no target that we build for"),
];

fn metadata() -> Value {
    let output = std::process::Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--filter-platform", "x86_64-unknown-linux-gnu"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Packages of the normal and build dependency graph, without what only tests use.
fn compiled(metadata: &Value) -> BTreeMap<String, Value> {
    let nodes: BTreeMap<&str, &Value> =
        metadata["resolve"]["nodes"].as_array().unwrap().iter().map(|n| (n["id"].as_str().unwrap(), n)).collect();
    let packages: BTreeMap<&str, &Value> =
        metadata["packages"].as_array().unwrap().iter().map(|p| (p["id"].as_str().unwrap(), p)).collect();
    let mut queue = vec![metadata["resolve"]["root"].as_str().unwrap()];
    let mut seen = BTreeSet::new();
    while let Some(id) = queue.pop() {
        if !seen.insert(id) {
            continue;
        }
        for dependency in nodes[id]["deps"].as_array().unwrap() {
            let normal = dependency["dep_kinds"].as_array().unwrap().iter().any(|kind| kind["kind"] != "dev");
            if normal {
                queue.push(dependency["pkg"].as_str().unwrap());
            }
        }
    }
    seen.into_iter().map(|id| (id.to_owned(), packages[id].clone())).collect()
}

#[test]
fn every_licence_fits_ours() {
    let fits = |expression: &str| {
        let all = |part: &str| part.split(" AND ").all(|one| LICENCES.contains(&one.trim_matches(['(', ')', ' '])));
        expression.replace('/', " OR ").split(" OR ").any(all)
            || all(&expression.replace(['(', ')'], ""))
            || expression.split(" AND ").all(|group| group.trim_matches(['(', ')']).split(" OR ").any(all))
    };
    let wrong: Vec<String> = compiled(&metadata())
        .values()
        .filter(|package| !fits(package["license"].as_str().unwrap_or_default()))
        .map(|package| format!("{}: {}", package["name"], package["license"]))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_crate_comes_from_the_registry_and_none_is_banned() {
    for package in compiled(&metadata()).values() {
        let name = package["name"].as_str().unwrap();
        let source = package["source"].as_str();
        assert!(source.is_none_or(|source| source.starts_with("registry+")), "{name} comes from {source:?}");
        // The second is ours in the place of one that brings another hand of cryptography: crates/nkeys.
        assert!(source.is_some() || ["image-watcher", "nkeys"].contains(&name), "{name} is a path dependency");
        assert!(!BANNED.contains(&name), "{name} is banned");
    }
}

#[test]
fn known_holes_are_closed() {
    for package in compiled(&metadata()).values() {
        for (name, floor) in FLOORS {
            if package["name"] == name {
                let version = semver::Version::parse(package["version"].as_str().unwrap()).unwrap();
                assert!(version >= semver::Version::parse(floor).unwrap(), "{name} {version} is older than {floor}");
            }
        }
    }
}

/// The quoted texts of a list of an advisory, `patched = [">= 1.2", …]`, over one line or several.
fn requirements(advisory: &str, list: &str) -> Vec<semver::VersionReq> {
    let line = |line: &&str| line.split_once('=').is_some_and(|(name, _)| name.trim() == list);
    let Some(start) = advisory.lines().find(line).and_then(|line| advisory.find(line)) else { return Vec::new() };
    let list = advisory[start..].split_once('[').and_then(|(_, rest)| rest.split_once(']')).unwrap().0;
    list.split('"').skip(1).step_by(2).map(|text| semver::VersionReq::parse(text).unwrap()).collect()
}

/// Whether an advisory of the `RustSec` database is about this version. What is only told, or was taken back, is not.
fn is_affected(advisory: &str, version: &semver::Version) -> bool {
    let has = |field: &str| advisory.lines().any(|line| line.trim_start().starts_with(field));
    let out_of_it = |list| requirements(advisory, list).iter().any(|requirement| requirement.matches(version));
    !has("withdrawn") && !has("informational") && !out_of_it("patched") && !out_of_it("unaffected")
}

#[test]
fn an_advisory_is_read_as_it_is_meant() {
    let advisory = "```toml\n[advisory]\nid = \"RUSTSEC-2026-0000\"\n\n[versions]\npatched = [\n  \">= 0.9.5, < 0.10.0\",\n  \">= 1.2.0\",\n]\nunaffected = [\"< 0.5.0\"]\n```\n";
    let affected = |text: &str, version: &str| is_affected(text, &semver::Version::parse(version).unwrap());
    let versions = ["0.4.9", "0.5.0", "0.9.5", "0.10.1", "1.2.0"];
    assert_eq!(versions.map(|version| affected(advisory, version)), [false, true, false, true, false]);
    assert!(affected("[versions]\npatched = []\n", "9.0.0"), "nothing mends it");
    for passed_over in ["withdrawn = \"2026-01-01\"", "informational = \"unmaintained\""] {
        assert!(!affected(&format!("[advisory]\n{passed_over}\n[versions]\npatched = []\n"), "9.0.0"));
    }
}

/// Of a copy of github.com/RustSec/advisory-db on this disk, where `ADVISORY_DB` says or cargo-audit keeps it.
#[test]
fn no_advisory_is_open() {
    let named = std::env::var_os("ADVISORY_DB").map(PathBuf::from);
    let kept = std::env::var_os("CARGO_HOME").map(PathBuf::from).or_else(|| Some(std::env::home_dir()?.join(".cargo")));
    let folders = [named, kept.map(|kept| kept.join("advisory-db"))];
    let Some(crates) = folders.into_iter().flatten().map(|folder| folder.join("crates")).find(|f| f.is_dir()) else {
        eprintln!("skipped: no copy of RustSec's advisories; set ADVISORY_DB to one");
        return;
    };
    let mut open = Vec::new();
    for package in compiled(&metadata()).values() {
        let name = package["name"].as_str().unwrap();
        let version = semver::Version::parse(package["version"].as_str().unwrap()).unwrap();
        for file in std::fs::read_dir(crates.join(name)).into_iter().flatten() {
            let path = file.unwrap().path();
            if is_affected(&std::fs::read_to_string(&path).unwrap(), &version) {
                open.push(format!("{name} {version}: {}", path.display()));
            }
        }
    }
    assert!(open.is_empty(), "{}", open.join("\n"));
}

#[test]
fn a_crate_is_there_once() {
    let mut versions: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let compiled = compiled(&metadata());
    for package in compiled.values() {
        let name = package["name"].as_str().unwrap().to_owned();
        versions.entry(name).or_default().insert(package["version"].as_str().unwrap().to_owned());
    }
    let unexpected: Vec<String> = versions
        .iter()
        .filter(|(name, versions)| versions.len() > 1 && !TOLERATED.iter().any(|(known, _)| known == name))
        .map(|(name, versions)| format!("{name}: {versions:?}"))
        .collect();
    assert!(unexpected.is_empty(), "{}", unexpected.join("\n"));
    assert!(compiled.len() <= 400, "{} packages", compiled.len());
}

#[test]
fn we_have_no_build_script() {
    assert!(!std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("build.rs").exists());
}
