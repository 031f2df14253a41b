//! What the program says of its own build: by which compiler, and from which revision, if who builds it says so.

#![expect(clippy::disallowed_methods, reason = "a build script is told by its environment what to do")]

use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=IMAGE_WATCHER_REVISION");
    let revision = std::env::var("IMAGE_WATCHER_REVISION").unwrap_or_default();
    let revision = if revision.is_empty() { "unknown" } else { &revision };
    println!("cargo::rustc-env=IMAGE_WATCHER_REVISION={revision}");
    let compiler = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let version = Command::new(compiler).arg("--version").output().ok();
    let version = version.and_then(|output| String::from_utf8(output.stdout).ok()).unwrap_or_default();
    // «rustc 1.95.0 (…)»
    println!("cargo::rustc-env=IMAGE_WATCHER_RUSTC={}", version.split_whitespace().nth(1).unwrap_or("unknown"));
}
