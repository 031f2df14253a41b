//! Who may import whom. The layout of `src/` is the picture in `src/lib.rs`; this holds it.
#![expect(clippy::unwrap_used, reason = "a test")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The stages, in the order of the picture in `src/lib.rs`.
const STAGES: [&str; 13] = [
    "intake",
    "queue",
    "registry",
    "assess",
    "reconcile",
    "cluster",
    "release",
    "message",
    "notify",
    "access",
    "approvals",
    "api",
    "web",
];

/// What each module may name by `crate::…`, beside itself: only what stands above its own line here, so there is no way up
/// and no circle. `app` and `cli` put the stages together and may name all; `routes` those that answer somebody.
const MAY_IMPORT: [(&str, &[&str]); 27] = [
    ("ambient", &[]),
    ("filesystem", &[]),
    ("memory", &[]),
    ("stop", &[]),
    ("task", &["stop"]),
    ("term", &["stop", "task"]),
    ("domain", &[]),
    ("telemetry", &["domain"]),
    ("listener", &["memory", "stop", "telemetry"]),
    ("outbound", &["domain", "telemetry"]),
    ("traces", &["domain", "outbound", "stop", "telemetry"]),
    ("jwt", &["ambient", "outbound", "telemetry"]),
    ("queue", &["ambient", "domain", "stop", "task", "telemetry"]),
    ("registry", &["ambient", "domain", "memory", "outbound", "stop", "telemetry"]),
    ("cluster", &["ambient", "domain", "outbound", "registry", "stop", "task", "telemetry", "term"]),
    ("assess", &["domain", "registry"]),
    (
        "release",
        &["ambient", "assess", "cluster", "domain", "memory", "outbound", "queue", "registry", "stop", "telemetry"],
    ),
    ("message", &["domain"]),
    ("notify", &["ambient", "domain", "message", "outbound", "queue", "stop", "task", "telemetry", "term"]),
    (
        "config",
        &[
            "ambient",
            "cluster",
            "domain",
            "filesystem",
            "listener",
            "notify",
            "outbound",
            "queue",
            "registry",
            "release",
            "stop",
            "telemetry",
            "traces",
        ],
    ),
    (
        "intake",
        &["ambient", "config", "domain", "jwt", "listener", "memory", "outbound", "queue", "stop", "task", "telemetry"],
    ),
    (
        "reconcile",
        &["ambient", "assess", "cluster", "domain", "queue", "registry", "stop", "task", "telemetry", "term"],
    ),
    ("access", &["ambient", "cluster", "config", "domain", "jwt", "listener", "outbound", "queue", "telemetry"]),
    (
        "approvals",
        &[
            "access",
            "ambient",
            "cluster",
            "domain",
            "listener",
            "message",
            "notify",
            "outbound",
            "queue",
            "reconcile",
            "registry",
            "stop",
            "task",
            "telemetry",
            "term",
        ],
    ),
    (
        "api",
        &[
            "access",
            "ambient",
            "approvals",
            "assess",
            "cluster",
            "config",
            "domain",
            "intake",
            "listener",
            "notify",
            "queue",
            "reconcile",
            "registry",
            "stop",
            "task",
            "telemetry",
            "term",
        ],
    ),
    ("web", &["access", "ambient", "api", "cluster", "domain", "listener", "message", "queue", "telemetry"]),
    (
        "routes",
        &["access", "api", "approvals", "cluster", "intake", "listener", "queue", "registry", "stop", "task", "web"],
    ),
];

/// Where circles within a module are not mended yet.
const CIRCLES: [&str; 0] = [];

/// Names that only some modules may use: what they stand for is an effect.
const ONLY_IN: [(&str, &[&str]); 6] = [
    ("kube::", &["cluster"]),
    ("rusqlite", &["queue::sqlite"]),
    ("async_nats", &["queue::nats"]),
    ("lettre", &["notify", "config"]),
    ("reqwest", &["outbound", "registry", "release", "notify"]),
    ("actix_web", &["intake", "access", "approvals", "api", "web", "listener", "routes", "app", "cli"]),
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

/// The most lines of `app.rs`: what needs more of them decides something, and belongs to a stage.
const MOST_OF_THE_ROOT: usize = 462;

#[test]
fn the_composition_root_is_one_file_of_wiring() {
    assert!(!source().join("app").exists(), "what stands in src/app belongs to a stage");
    let lines = std::fs::read_to_string(source().join("app.rs")).unwrap().lines().count();
    assert!(
        lines <= MOST_OF_THE_ROOT,
        "app.rs has {lines} lines, and {MOST_OF_THE_ROOT} are enough to read it as the pipeline"
    );
}

#[test]
fn effects_have_their_places() {
    let mut wrong = Vec::new();
    for (_, path, text) in modules() {
        let inside = path.strip_prefix(source()).unwrap().with_extension("").to_string_lossy().replace('/', "::");
        for (name, places) in ONLY_IN {
            let used = code(&text).any(|line| line.contains(name));
            if used && !places.iter().any(|place| inside.starts_with(place)) {
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

/// What of actix-web reads a body without the meter of its connection, a deadline and a budget.
const UNMETERED: [&str; 8] =
    ["Json", "Form", "JsonBody", "UrlEncoded", "JsonConfig", "FormConfig", "PayloadConfig", "Either"];

#[test]
fn bodies_are_read_in_one_way() {
    let mut wrong = Vec::new();
    let bodies = source().join("listener/body.rs");
    for (_, path, text) in modules().into_iter().filter(|(_, path, _)| *path != bodies) {
        let lines: Vec<&str> = code(&text).take_while(|line| *line != "mod tests {").collect();
        let code = lines.join("\n");
        let of_actix = |used: &Use| used.path.iter().rev().nth(1).is_some_and(|module| module == "web");
        let named = named(&code).into_iter().filter(of_actix).filter_map(|used| used.path.last().cloned());
        let extractors = named.filter(|name| UNMETERED.contains(&name.as_str()));
        wrong.extend(extractors.map(|name| format!("{}: web::{name}", path.display())));
        let handlers = code.split("async fn ").skip(1).filter_map(|rest| rest.split('{').next());
        let raw = handlers.filter(|head| head.contains(": Bytes,") || head.contains(": Bytes)"));
        wrong.extend(raw.map(|head| format!("{}: {}", path.display(), head.split('(').next().unwrap())));
        if [".to_bytes()", ".to_bytes_limited("].iter().any(|all| code.contains(all)) && code.contains("web::Payload") {
            wrong.push(format!("{}: all of a payload", path.display()));
        }
    }
    assert!(wrong.is_empty(), "listener::Bodies reads bodies, and nothing else does:\n{}", wrong.join("\n"));
}

/// The modules of a tree of sources, by path, and what each of them names, without those that are compiled for tests alone.
struct Tree {
    uses: BTreeMap<Module, Vec<Use>>,
}

/// A module's path, as `["queue", "sqlite"]`.
type Module = Vec<String>;

/// A path that a module names.
struct Use {
    path: Vec<String>,
    is_public: bool,
}

impl Tree {
    fn read() -> Self {
        let root = source();
        let (mut uses, mut for_tests) = (BTreeMap::new(), Vec::new());
        for (_, path, text) in modules() {
            let path = path.strip_prefix(&root).unwrap().with_extension("");
            let mut module: Module = path.iter().map(|name| name.to_string_lossy().into_owned()).collect();
            module.pop_if(|name| name == "mod");
            let lines: Vec<&str> = code(&text).take_while(|line| *line != "mod tests {").collect();
            let tests = lines.iter().zip(lines.iter().skip(1)).filter(|(above, _)| **above == "#[cfg(test)]");
            let names = tests.filter_map(|(_, line)| line.rsplit_once("mod ")?.1.strip_suffix(';'));
            for_tests.extend(names.map(|name| [&module[..], &[name.to_owned()]].concat()));
            uses.insert(module, named(&lines.join("\n")));
        }
        uses.retain(|module, _| !for_tests.iter().any(|tests| module.starts_with(tests)));
        Self { uses }
    }

    /// The module that a path of `from` leads to, through what modules make public of others.
    fn resolve(&self, from: &[String], path: &[String]) -> Option<Module> {
        let mut at = from.to_vec();
        let mut rest = path;
        match rest.first()?.as_str() {
            "crate" => at.clear(),
            "self" => {}
            "super" => {
                while rest.get(1).is_some_and(|name| name == "super") {
                    at.pop();
                    rest = rest.get(1..)?;
                }
                at.pop();
            }
            child if self.uses.contains_key(&[from, &[child.to_owned()]].concat()) => at.push(child.to_owned()),
            _ => return None,
        }
        rest = rest.get(1..)?;
        while let Some(name) = rest.first() {
            let child = [&at[..], std::slice::from_ref(name)].concat();
            if !self.uses.contains_key(&child) {
                break;
            }
            (at, rest) = (child, rest.get(1..)?);
        }
        let through = self.uses.get(&at).filter(|_| at != from).into_iter().flatten();
        let mut through = through.filter(|used| used.is_public && used.path.last() == rest.first());
        Some(through.find_map(|used| self.resolve(&at, &used.path)).unwrap_or(at))
    }

    /// Who names whom, of modules that stand side by side in one module.
    fn neighbours(&self) -> BTreeMap<Module, BTreeSet<Module>> {
        let mut all: BTreeMap<Module, BTreeSet<Module>> = BTreeMap::new();
        for (from, uses) in &self.uses {
            for to in uses.iter().filter_map(|used| self.resolve(from, &used.path)) {
                let shared = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
                if let (1.., Some(from), Some(to)) = (shared, from.get(..=shared), to.get(..=shared)) {
                    all.entry(from.to_vec()).or_default().insert(to.to_vec());
                }
            }
        }
        all
    }
}

/// The paths that a module names, in its imports and in its code.
fn named(text: &str) -> Vec<Use> {
    let mut all = Vec::new();
    let mut rest = text.to_owned();
    while let Some(start) = rest.match_indices("use ").map(|(at, _)| at).find(|at| begins_a_line(&rest, *at)) {
        let end = start + rest[start..].find(';').unwrap();
        let is_public = rest[..start].rsplit('\n').next().unwrap().trim_start().starts_with("pub");
        let tree: String = rest[start + 4..end].split_whitespace().filter(|word| *word != "as").collect();
        all.extend(expand(&tree).into_iter().map(|path| Use { path: parts(&path), is_public }));
        rest.replace_range(start..=end, "");
    }
    let words = rest.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'));
    all.extend(words.filter(|word| word.contains("::")).map(|word| Use { path: parts(word), is_public: false }));
    all
}

fn begins_a_line(text: &str, at: usize) -> bool {
    let before = text[..at].rsplit('\n').next().unwrap().trim();
    before.is_empty() || before == "pub" || (before.starts_with("pub(") && before.ends_with(')'))
}

fn parts(path: &str) -> Vec<String> {
    path.split("::").map(str::to_owned).collect()
}

/// `a::{b, c::d}` as `a::b` and `a::c::d`.
fn expand(tree: &str) -> Vec<String> {
    let Some((before, group)) = tree.split_once('{') else { return vec![tree.to_owned()] };
    let group = group.strip_suffix('}').unwrap();
    let mut depth = 0;
    let items = group.split(|c: char| {
        depth += i32::from(c == '{') - i32::from(c == '}');
        c == ',' && depth == 0
    });
    items.filter(|item| !item.is_empty()).flat_map(expand).map(|item| format!("{before}{item}")).collect()
}

/// Whether a way leads from one module to another.
fn leads(ways: &BTreeMap<Module, BTreeSet<Module>>, from: &Module, to: &Module) -> bool {
    let (mut seen, mut next) = (BTreeSet::new(), vec![from]);
    while let Some(at) = next.pop() {
        for step in ways.get(at).into_iter().flatten() {
            if step == to {
                return true;
            }
            if seen.insert(step) {
                next.push(step);
            }
        }
    }
    false
}

#[test]
fn there_is_no_circle_within_a_module() {
    let ways = Tree::read().neighbours();
    assert!(ways.len() > 50, "only {} modules name a neighbour", ways.len());
    let is_known = |module: &Module| CIRCLES.iter().any(|known| module.join("::").starts_with(known));
    let mut steps = Vec::new();
    for (from, all) in ways.iter().filter(|(from, _)| !is_known(from)) {
        let back = all.iter().filter(|to| !is_known(to) && leads(&ways, to, from));
        steps.extend(back.map(|to| format!("{} → {}", from.join("::"), to.join("::"))));
    }
    assert!(steps.is_empty(), "each of these steps comes back to where it began:\n{}", steps.join("\n"));
}
