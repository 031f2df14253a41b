//! Who may import whom. The layout of `src/` is the picture in `src/lib.rs`; this holds it.
#![expect(clippy::unwrap_used, reason = "a test")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The stages, in the order of the picture in `src/lib.rs`.
const STAGES: [&str; 10] =
    ["intake", "queue", "registry", "assess", "reconcile", "cluster", "release", "notify", "approvals", "api"];

/// What each module may name by `crate::…`, beside itself: only what stands above its own line here, so there is no way up
/// and no circle. `app` and `cli` put the stages together and may name all.
const MAY_IMPORT: [(&str, &[&str]); 19] = [
    ("ambient", &[]),
    ("filesystem", &[]),
    ("memory", &[]),
    ("stop", &[]),
    ("domain", &[]),
    ("telemetry", &[]),
    ("listener", &["memory"]),
    ("outbound", &["domain", "telemetry"]),
    ("queue", &["ambient", "domain", "stop", "telemetry"]),
    ("registry", &["ambient", "domain", "memory", "outbound", "telemetry"]),
    ("cluster", &["ambient", "domain", "outbound", "registry", "stop", "telemetry"]),
    ("assess", &["domain", "registry"]),
    ("release", &["ambient", "domain", "memory", "outbound", "queue", "registry", "stop", "telemetry"]),
    ("notify", &["ambient", "domain", "outbound", "queue", "telemetry"]),
    ("config", &["domain", "filesystem", "listener", "notify", "outbound", "release", "telemetry"]),
    ("intake", &["ambient", "config", "domain", "listener", "memory", "outbound", "queue", "stop", "telemetry"]),
    ("reconcile", &["ambient", "assess", "cluster", "domain", "queue", "registry", "telemetry"]),
    ("approvals", &["ambient", "cluster", "domain", "listener", "queue", "reconcile", "registry", "telemetry"]),
    ("api", &["ambient", "cluster", "domain", "listener", "queue", "stop", "telemetry"]),
];

/// Names that only some modules may use: what they stand for is an effect.
const ONLY_IN: [(&str, &[&str]); 5] = [
    ("kube::", &["cluster", "app"]),
    ("rusqlite", &["queue"]),
    ("lettre", &["notify", "config"]),
    ("reqwest", &["outbound", "registry", "release", "notify"]),
    ("actix_web", &["intake", "approvals", "api", "listener", "app", "cli"]),
];

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            all.push(path);
        }
    }
    all
}

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// Every source file with the module of the first level that it is in.
fn modules() -> Vec<(String, PathBuf, String)> {
    let root = source();
    let module = |path: &Path| {
        let first = path.strip_prefix(&root).unwrap().iter().next().unwrap().to_string_lossy().into_owned();
        first.trim_end_matches(".rs").to_owned()
    };
    files(&root).into_iter().map(|path| (module(&path), path.clone(), std::fs::read_to_string(path).unwrap())).collect()
}

/// Code without comments.
fn code(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| !line.trim_start().starts_with("//"))
}

#[test]
fn a_stage_imports_what_stands_below_it() {
    let allowed: BTreeMap<&str, &[&str]> = MAY_IMPORT.into_iter().collect();
    let mut wrong = Vec::new();
    for (module, path, text) in modules() {
        let Some(allowed) = allowed.get(module.as_str()) else {
            assert!(
                ["app", "cli", "lib", "main"].contains(&module.as_str()),
                "say in this test what {module} may import"
            );
            continue;
        };
        for line in code(&text) {
            for (start, _) in line.match_indices("crate::") {
                let named: String =
                    line[start + 7..].chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                if named != module && !allowed.contains(&named.as_str()) {
                    wrong.push(format!("{}: {module} imports {named}", path.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_module_may_import_one_that_may_import_it() {
    let mut below = BTreeSet::new();
    for (module, allowed) in MAY_IMPORT {
        let up: Vec<_> = allowed.iter().filter(|name| !below.contains(*name)).collect();
        assert!(up.is_empty(), "{module} may import {up:?}, which stands below its line");
        below.insert(module);
    }
}

#[test]
fn each_stage_says_where_it_stands() {
    let lib = std::fs::read_to_string(source().join("lib.rs")).unwrap();
    let mut last = 0;
    for (index, stage) in STAGES.into_iter().enumerate() {
        let declared = lib.find(&format!("pub mod {stage};")).unwrap();
        assert!(declared > last, "{stage} stands too early in lib.rs");
        last = declared;
        let paths = [source().join(stage).join("mod.rs"), source().join(format!("{stage}.rs"))];
        let text = paths.iter().find_map(|path| std::fs::read_to_string(path).ok()).unwrap();
        let first = text.lines().next().unwrap();
        let start = format!("//! {} of {} · in: ", index + 1, STAGES.len());
        assert!(first.starts_with(&start) && first.contains(" · out: "), "{stage}: {first}");
    }
}

#[test]
fn the_composition_root_is_one_file() {
    assert!(!source().join("app").exists(), "what stands in src/app belongs to a stage");
}

#[test]
fn effects_have_their_places() {
    let mut wrong = Vec::new();
    for (module, path, text) in modules() {
        for (name, places) in ONLY_IN {
            let used = code(&text).any(|line| line.contains(name));
            if used && !places.contains(&module.as_str()) {
                wrong.push(format!("{}: {name} outside {}", path.display(), places.join(", ")));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_domain_is_pure() {
    let forbidden = [
        "async ",
        ".await",
        "std::fs",
        "std::env",
        "std::net::Tcp",
        "std::net::Udp",
        "tokio",
        "Utc::now",
        "Instant::now",
        "tracing::",
    ];
    for (module, path, text) in modules() {
        if module == "domain" {
            for line in code(&text) {
                let found = forbidden.iter().find(|name| line.contains(*name));
                assert!(found.is_none(), "{}: {line}", path.display());
            }
        }
    }
}

#[test]
fn every_file_is_a_module_that_is_compiled() {
    let declared: BTreeSet<PathBuf> = modules()
        .into_iter()
        .flat_map(|(_, path, text)| {
            let folder = match path.file_name().unwrap().to_str().unwrap() {
                "mod.rs" | "lib.rs" | "main.rs" => path.parent().unwrap().to_owned(),
                _ => path.with_extension(""),
            };
            let names: Vec<String> = code(&text)
                .filter_map(|line| {
                    let line = line
                        .trim()
                        .trim_start_matches("pub(crate) ")
                        .trim_start_matches("pub(super) ")
                        .trim_start_matches("pub ");
                    Some(line.strip_prefix("mod ")?.strip_suffix(';')?.to_owned())
                })
                .collect();
            names
                .into_iter()
                .flat_map(move |name| [folder.join(format!("{name}.rs")), folder.join(&name).join("mod.rs")])
        })
        .collect();
    for path in files(&source()) {
        let root = ["lib.rs", "main.rs"].iter().any(|name| path == source().join(name));
        assert!(root || declared.contains(&path), "{} is in no module", path.display());
    }
}

#[test]
fn tasks_start_in_one_place() {
    for (module, path, text) in modules() {
        let spawns = code(&text).any(|line| line.contains("tokio::spawn") || line.contains("task::spawn"));
        assert!(!spawns || module == "app", "{} starts tasks", path.display());
    }
}
