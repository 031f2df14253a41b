//! Fuzz targets: any bytes, no panic, and what each parser promises. `scripts/fuzz` builds and runs them on stable.
//!
//! One binary for all targets, as each would link the whole library; `FUZZ_TARGET` names the one that runs.
#![no_main]

mod targets;

use std::sync::OnceLock;

use image_watcher::config::source::SourceKind;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    static NAME: OnceLock<String> = OnceLock::new();
    let name = NAME.get_or_init(|| std::env::var("FUZZ_TARGET").unwrap_or_default());
    if let Some(target) = targets::of(name) {
        return target(data);
    }
    let kind = SourceKind::of(name).unwrap_or_else(|| panic!("FUZZ_TARGET={name:?} is no target"));
    targets::delivery(kind, data);
});
